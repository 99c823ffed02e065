// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// ONNX bytes in each part that a file can have in a training: the loss, the
// gradients, the model. Whatever they are, the result is a module that
// verifies, or at least one diagnostic.

#include "frontend/import/Import.h"
#include "test/fuzz/ModelMutator.h"

#include "mlir/IR/Verifier.h"
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <unistd.h>

using namespace mlir;

// libFuzzer's functions.
extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

/// The model that losses and gradients of the input are for: it has an operator
/// with attributes, a function, an output of integers and several of floats.
static const char *const kModel = R"(<ir_version: 8,
  opset_import: ["" : 17, "my" : 1]>
g (float[N,4] x) => (float[N,3] logits, int64[2] sizes, float[N,3] h)
  <float[4,3] w = {0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 1.5, 2.5},
   float[3] b = {0.1, 0.2, 0.3}> {
  p = MatMul(x, w)
  h = LeakyRelu<alpha = 0.1>(p)
  s, n = my.Pair(h, b)
  logits = my.Steep(s)
  sizes = Identity(n)
}
<domain: "my", opset_import: ["" : 17]>
Steep (x) => (y) {
  y = Round(x)
}
<domain: "my", opset_import: ["" : 17]>
Pair (x, s) => (y, n) {
  y = Add(x, s)
  n = Shape(x)
}
)";

/// The files of this process, alone in a folder.
struct Files {
  std::string model, input;

  Files() {
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    std::string folder = std::string(base) + "/dl-fuzz-XXXXXX";
    if (!mkdtemp(folder.data()))
      abort();
    model = folder + "/model.onnxtext";
    input = folder + "/input.onnx";
    std::ofstream(model) << kModel;
  }
};

static void fail(const char *part, const char *what) {
  fprintf(stderr, "fuzz-training: as %s: %s\n", part, what);
  abort();
}

static void import(const char *part, const std::string &path,
                   const dl::frontend::ImportOptions &options) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  unsigned errors = 0;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    errors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
    // What a user would see is made, too.
    (void)diagnostic.str();
    return success();
  });
  OwningOpRef<ModuleOp> module =
      dl::frontend::importTrainingModel(path, options, context);
  if (!module && !errors)
    fail(part, "the import failed without a diagnostic");
  if (module && failed(verify(*module)))
    fail(part, "the import made a module that does not verify");
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Files files;
  std::ofstream(files.input, std::ios::binary)
      .write(reinterpret_cast<const char *>(data),
             static_cast<std::streamsize>(size));
  dl::frontend::ImportOptions loss, gradients, whole;
  loss.loss = files.input;
  import("a loss", files.model, loss);
  gradients.gradients = files.input;
  import("gradients", files.model, gradients);
  whole.microBatches = 2;
  import("a model", files.input, whole);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  std::string bytes(reinterpret_cast<const char *>(data), size);
  if (seed % 16 == 0 || !dl::fuzz::mutateModel(bytes, maxSize, seed))
    return LLVMFuzzerMutate(data, size, maxSize);
  std::copy(bytes.begin(), bytes.end(), data);
  return bytes.size();
}

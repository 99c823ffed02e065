// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// ONNX bytes to a module of the dl dialect: whatever the bytes are, the result
// is a module that verifies, or at least one diagnostic.

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

/// A file of this process, alone in a folder: what external data names is
/// looked for there.
static const std::string &getPath() {
  static const std::string path = [] {
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    std::string folder = std::string(base) + "/dl-fuzz-XXXXXX";
    if (!mkdtemp(folder.data()))
      abort();
    return folder + "/model.onnx";
  }();
  return path;
}

static void fail(const char *what) {
  fprintf(stderr, "fuzz-import: %s\n", what);
  abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::ofstream(getPath(), std::ios::binary)
      .write(reinterpret_cast<const char *>(data),
             static_cast<std::streamsize>(size));
  MLIRContext context(MLIRContext::Threading::DISABLED);
  unsigned errors = 0;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    errors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
    // What a user would see is made, too.
    (void)diagnostic.str();
    return success();
  });
  OwningOpRef<ModuleOp> module =
      dl::frontend::importModel(getPath(), {}, context);
  if (!module && !errors)
    fail("the import failed without a diagnostic");
  if (module && failed(verify(*module)))
    fail("the import made a module that does not verify");
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

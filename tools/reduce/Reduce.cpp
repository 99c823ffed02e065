// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/reduce/Reduce.h"

#include "codegen/package/Output.h"
#include "frontend/import/Import.h"
#include "tools/reduce/Anonymize.h"
#include "tools/reduce/ReduceModel.h"
#include "tools/reduce/ReduceModule.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace dl::tools {
namespace {

/// A line on a terminal, replaced by the next.
void showProgress(const Twine &what) {
  if (sys::Process::StandardErrIsDisplayed())
    errs() << "\r\033[K" << what;
}

Error atFile(StringRef path, Error error) {
  return createStringError(path + ": " + toString(std::move(error)));
}

Error writeFile(const std::string &path, StringRef bytes) {
  auto output = package::openFileOutput(path);
  if (!output)
    return output.takeError();
  if (Error error = (*output)->allocate(bytes.size()))
    return error;
  if (Error error =
          (*output)->write(0, ArrayRef<char>(bytes.data(), bytes.size())))
    return error;
  return (*output)->commit();
}

class Reduction {
public:
  Reduction(const ReduceOptions &options, const mlir::DialectRegistry &registry,
            std::string &summary)
      : options(options), registry(registry), summary(summary),
        isModel(frontend::isModelFile(options.input)),
        ending(isModel ? ".onnx" : ".mlir") {}

  Error run() {
    if (options.anonymize && !isModel)
      return createStringError("--anonymize: " + options.input +
                               " is no ONNX model");
    if (options.output.empty() || options.output == "-")
      return createStringError("-o: expected the file to write");
    std::string source = options.input, bytes;
    SmallString<128> between;
    scope_exit remove([&] {
      if (!between.empty())
        (void)sys::fs::remove(between);
    });
    if (options.reduce) {
      if (Error error = reduceFile(source, bytes))
        return error;
      if (!options.anonymize)
        return write(bytes);
      if (sys::fs::createTemporaryFile("dl-reduce", "onnx", between))
        return createStringError("--reduce: no temporary file can be made");
      source = between.str().str();
      if (Error error = writeFile(source, bytes))
        return atFile(source, std::move(error));
    }
    if (Error error = anonymizeFile(source, bytes))
      return error;
    return write(bytes);
  }

private:
  Error reduceFile(const std::string &path, std::string &bytes) {
    Interest interest(options.interest, ending);
    size_t first = 0, last = 0;
    auto progress = [&](size_t left) {
      first = std::max(first, left);
      last = left;
      showProgress("reducing: " + Twine(left) + (isModel ? " nodes" : " ops") +
                   " left, " + Twine(interest.getCount()) + " tried");
    };
    auto reduced = isModel ? reduceModel(path, interest, progress)
                           : reduceModule(path, registry, interest, progress);
    showProgress("");
    if (!reduced)
      return atFile(path, reduced.takeError());
    bytes = std::move(*reduced);
    summary += "reduced from " + std::to_string(first) + " to " +
               std::to_string(last) + (isModel ? " nodes" : " ops") + " in " +
               std::to_string(interest.getCount()) +
               " tries: " + interest.describe() + "\n";
    return Error::success();
  }

  Error anonymizeFile(const std::string &path, std::string &bytes) {
    Interest interest(options.interest, ending);
    showProgress("anonymizing");
    auto result = anonymizeModel(
        path, options.hasInterest ? &interest : nullptr, options.seed);
    showProgress("");
    if (!result)
      return atFile(options.input, result.takeError());
    bytes = std::move(result->bytes);
    summary += "anonymized: " + std::to_string(result->random) +
               " weights are random, seed " + std::to_string(options.seed) +
               "; " + std::to_string(result->structural) +
               " numbers and short lists of integers are kept as structure\n";
    if (options.hasInterest && result->kept.empty())
      summary += "still so: " + interest.describe() + "\n";
    for (const std::string &name : result->kept)
      summary += "kept, because the failure depends on it: " + name + "\n";
    return Error::success();
  }

  Error write(StringRef bytes) {
    if (Error error = writeFile(options.output, bytes))
      return createStringError(options.output + ": cannot be written: " +
                               toString(std::move(error)));
    return Error::success();
  }

  const ReduceOptions &options;
  const mlir::DialectRegistry &registry;
  std::string &summary;
  bool isModel;
  std::string ending;
};

} // namespace

Error reduce(const ReduceOptions &options,
             const mlir::DialectRegistry &registry, std::string &summary) {
  return Reduction(options, registry, summary).run();
}

} // namespace dl::tools

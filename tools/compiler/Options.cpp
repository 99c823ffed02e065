// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/compiler/Options.h"

using namespace llvm;

namespace dl::tools {

static Error fail(const Twine &what) { return createStringError(what); }

Error setEmit(StringRef text, CompileOptions &options) {
  std::optional<EmitKind> emit = parseEmitKind(text);
  if (!emit)
    return fail("--emit: unknown kind '" + text +
                "'; known: dl, linalg, llvm, asm, object, module");
  options.emit = *emit;
  return Error::success();
}

Error setStopAfter(StringRef text, CompileOptions &options) {
  options.stopAfter = parsePhase(text);
  if (options.stopAfter)
    return Error::success();
  return fail("--stop-after: unknown phase '" + text +
              "'; known: import, simplify, fuse, lower, codegen");
}

Error setCpu(StringRef text, CompileOptions &options) {
  std::string error;
  auto cpus = cpu::parseTargets(text, error);
  if (!cpus)
    return fail("--cpu: " + error);
  options.cpus = std::move(*cpus);
  return Error::success();
}

Error addDim(StringRef text, CompileOptions &options) {
  auto [name, size] = text.split('=');
  int64_t value;
  if (name.empty() || size.getAsInteger(10, value) || value < 0)
    return fail("--dim: expected NAME=SIZE with a size of 0 or more, found '" +
                text + "'");
  options.dims.emplace_back(name.str(), value);
  return Error::success();
}

Error setDefaultCache(CompileOptions &options) {
  std::string error;
  auto cache = cpu::getDefaultCacheOptions(error);
  if (!cache)
    return fail("environment: " + error);
  options.cache = std::move(*cache);
  return Error::success();
}

} // namespace dl::tools

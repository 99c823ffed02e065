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
                "'; known: dl, linalg, llvm, asm, object, ptx, spirv, module");
  options.emit = *emit;
  return Error::success();
}

static Error addTarget(StringRef text, CompileOptions &options) {
  auto [name, detail] = text.split(':');
  bool isCuda = name == "cuda", isDetailed = text.contains(':');
  bool isVulkan = name == "vulkan";
  bool isKnown = name == "cpu" || name == "reference";
  if ((!isKnown || isDetailed) && !isCuda && !isVulkan)
    return fail("--target: unknown target '" + text +
                "'; known: cpu, cuda, cuda:sm_XX, vulkan, vulkan:NAME, "
                "reference");
  Target target = isCuda          ? Target::Cuda
                  : isVulkan      ? Target::Vulkan
                  : name == "cpu" ? Target::Cpu
                                  : Target::Reference;
  if (llvm::is_contained(options.targets, target))
    return fail("--target: '" + name + "' is named twice");
  options.targets.push_back(target);
  if (!isDetailed)
    return Error::success();
  if (isVulkan) {
    std::optional<spirv::SpirvTarget> device = spirv::parseTarget(detail);
    if (!device)
      return fail(
          "--target: '" + detail +
          "' is no kind of Vulkan device; known: " + spirv::getTargetNames());
    options.vulkan = *device;
    return Error::success();
  }
  std::optional<ptx::PtxTarget> arch = ptx::parseTarget(detail);
  if (!arch)
    return fail("--target: '" + detail +
                "' is no architecture from sm_70 on, such as sm_80 or sm_90a");
  options.cuda = *arch;
  return Error::success();
}

Error setTarget(StringRef text, CompileOptions &options) {
  options.targets.clear();
  SmallVector<StringRef> names;
  text.split(names, ',');
  for (StringRef name : names)
    if (Error error = addTarget(name, options))
      return error;
  if (names.size() > 1 && options.has(Target::Reference))
    return fail("--target: the reference has a module of its own");
  // What other targets compute whole, they would not find.
  options.pipeline.skipZeroRows = options.pipeline.compressWeights =
      options.isFor(Target::Cpu);
  constexpr unsigned kFirstFloat8 = 89;
  options.pipeline.multipliesFloat8 =
      options.isFor(Target::Cuda) && options.cuda.capability >= kFirstFloat8;
  options.pipeline.keepsFloat8 = options.isFor(Target::Vulkan);
  return Error::success();
}

Error setStopAfter(StringRef text, CompileOptions &options) {
  options.stopAfter = parsePhase(text);
  if (options.stopAfter)
    return Error::success();
  return fail("--stop-after: unknown phase '" + text +
              "'; known: import, simplify, fuse, lower, codegen");
}

Error setPrecision(StringRef text, CompileOptions &options) {
  if (text == "tf32") {
    constexpr unsigned kFirst = 80;
    if (!options.has(Target::Cuda))
      return fail("--precision: tf32 goes with --target=cuda");
    if (options.cuda.capability < kFirst)
      return fail("--precision: tf32 needs sm_80 or later, found " +
                  options.cuda.getArch());
    options.cuda.usesTf32 = true;
    return Error::success();
  }
  std::optional<Precision> precision = parsePrecision(text);
  if (!precision)
    return fail("--precision: unknown precision '" + text +
                "'; known: f32, bf16, f16, tf32");
  options.pipeline.precision = *precision;
  return Error::success();
}

void guardPrecision(CompileOptions &options) {
  // Half as many bytes are read in the time that twice as many products take.
  constexpr int64_t kMostUses = 8;
  bool isFast = options.pipeline.precision == Precision::BF16 &&
                llvm::all_of(options.cpus, [](const cpu::CpuTarget &cpu) {
                  return cpu.hasFastBf16();
                });
  if (options.pipeline.precision != Precision::F32 &&
      options.isFor(Target::Cpu) && !options.optimizesSize && !isFast)
    options.pipeline.mostUses = kMostUses;
}

Error setOptimize(StringRef text, CompileOptions &options) {
  if (text != "speed" && text != "size")
    return fail("--optimize: unknown aim '" + text + "'; known: speed, size");
  options.optimizesSize = text == "size";
  return Error::success();
}

Error setCpu(StringRef text, CompileOptions &options) {
  std::string error;
  auto cpus = cpu::parseTargets(text, error);
  if (!cpus)
    return fail("--cpu: " + error);
  options.cpus = std::move(*cpus);
  return Error::success();
}

Error setChoice(StringRef text, CompileOptions &options) {
  std::string error;
  options.choice = mlir::dl::cpu::parseChoice(text, error);
  return options.choice ? Error::success() : fail("--choice: " + error);
}

Error parseSize(StringRef option, StringRef text, std::string &name,
                int64_t &size) {
  auto [before, after] = text.split('=');
  if (before.empty() || after.getAsInteger(10, size) || size < 0)
    return fail(option +
                ": expected NAME=SIZE with a size of 0 or more, "
                "found '" +
                text + "'");
  name = before.str();
  return Error::success();
}

Error addDim(StringRef text, CompileOptions &options) {
  std::string name;
  int64_t size;
  if (Error error = parseSize("--dim", text, name, size))
    return error;
  options.dims.emplace_back(name, size);
  return Error::success();
}

Error addShape(StringRef text, CompileOptions &options) {
  // A name may have '=' and ':' in it: the last '=' divides.
  auto [name, list] = text.rsplit('=');
  frontend::InputShape shape{name.str(), {}};
  SmallVector<StringRef> dims;
  if (!list.empty())
    list.split(dims, ',');
  bool isShape = !name.empty() && text.contains('=');
  for (StringRef dim : dims) {
    int64_t size = 0;
    dim = dim.trim();
    bool isNumber = !dim.getAsInteger(10, size);
    isShape &= isNumber ? size >= 0 : !dim.empty() && !llvm::isDigit(dim[0]);
    shape.dims.push_back(dim.str());
  }
  if (!isShape)
    return fail("--shape " + text + ": is not of the form INPUT=SIZE,NAME,..");
  options.shapes.push_back(std::move(shape));
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

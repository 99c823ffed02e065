// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/Emit.h"
#include "codegen/cpu/Link.h"
#include "codegen/cpu/Lowering.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/Threading.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;

namespace dl::cpu {

namespace {

/// A kernel's content, in a module of its own below one that holds all of them.
struct DistinctKernel {
  ModuleOp module;
  std::string symbol; // "kernel_" and the content's hash; also the cache's key
  size_t weight;      // how long compiling takes, next to the others
  std::string object;
};

/// The last step of a kernel's pipeline, so that its code is generated while
/// others are still lowered.
class GenerateCode : public PassWrapper<GenerateCode, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(GenerateCode)

  GenerateCode(std::function<LogicalResult(ModuleOp)> generate)
      : generate(std::move(generate)) {}

  StringRef getName() const override { return "Code generation"; }
  void runOnOperation() override {
    if (failed(generate(getOperation())))
      return signalPassFailure();
    markAllAnalysesPreserved();
  }

private:
  std::function<LogicalResult(ModuleOp)> generate;
};

TimingScope nest(const CpuOptions &options, StringRef name) {
  return options.timing ? options.timing->nest(name) : TimingScope();
}

} // namespace

/// The kernels' functions, in order.
static FailureOr<SmallVector<func::FuncOp>>
findKernels(ModuleOp module, ArrayRef<StringRef> names) {
  SymbolTable symbols(module);
  SmallVector<func::FuncOp> kernels;
  for (StringRef name : names) {
    auto kernel = symbols.lookup<func::FuncOp>(name);
    if (!kernel)
      return module.emitError("no function '") << name << "'";
    if (!kernel->hasAttr(kKernelAttr))
      return kernel.emitError("not a kernel: attribute ")
             << kKernelAttr << " is missing";
    kernels.push_back(kernel);
  }
  return kernels;
}

/// The hash of everything that decides a kernel's code: its text without its
/// name and locations, the target, and the generator. Sets `length` to that of
/// the text.
static std::string hashKernel(func::FuncOp kernel, StringRef salt,
                              size_t &length) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  kernel->print(stream, OpPrintingFlags().assumeVerified().useLocalScope());
  length = text.size();
  stream << salt;
  llvm::XXH128_hash_t hash =
      llvm::xxh3_128bits(llvm::arrayRefFromStringRef(text));
  return "kernel_" + llvm::utohexstr(hash.high64, true, 16) +
         llvm::utohexstr(hash.low64, true, 16);
}

/// Lowers the kernels of `module`; with `generate`, each in a module of its own
/// below it, which that function then takes.
static LogicalResult
runLowering(ModuleOp module, const CpuOptions &options,
            std::function<LogicalResult(ModuleOp)> generate = nullptr) {
  PassManager manager(module.getContext(), ModuleOp::getOperationName());
  manager.enableVerifier(false);
  TimingScope scope =
      nest(options, generate ? "Lowering and code generation" : "Lowering");
  manager.enableTiming(scope);
  if (generate) {
    OpPassManager &each = manager.nest<ModuleOp>();
    addLoweringPasses(each, options.target);
    each.addPass(std::make_unique<GenerateCode>(std::move(generate)));
  } else {
    addLoweringPasses(manager, options.target);
  }
  return manager.run(module);
}

/// Fills the objects, from the cache where it has them.
static LogicalResult compile(ModuleOp all,
                             MutableArrayRef<DistinctKernel> kernels,
                             const CpuOptions &options) {
  MLIRContext *context = all.getContext();
  Cache cache(options.cache);
  if (!cache.whyClosed().empty())
    emitWarning(UnknownLoc::get(context)) << cache.whyClosed();
  parallelFor(context, 0, kernels.size(), [&](size_t i) {
    if (std::optional<std::string> object = cache.load(kernels[i].symbol))
      kernels[i].object = std::move(*object);
  });
  std::vector<DistinctKernel *> missing;
  for (DistinctKernel &kernel : kernels) {
    if (kernel.object.empty())
      missing.push_back(&kernel);
    else
      kernel.module.erase();
  }
  if (options.statistics)
    options.statistics->compiled = missing.size();
  if (missing.empty())
    return success();
  // The heaviest first, so that the last to come keep no thread waiting.
  llvm::sort(missing, [](DistinctKernel *a, DistinctKernel *b) {
    return std::tie(a->weight, a->symbol) > std::tie(b->weight, b->symbol);
  });
  DenseMap<Operation *, DistinctKernel *> kernelOf;
  for (DistinctKernel *kernel : missing) {
    kernel->module->moveBefore(all.getBody(), all.getBody()->end());
    kernelOf[kernel->module] = kernel;
  }
  return runLowering(all, options, [&](ModuleOp module) -> LogicalResult {
    DistinctKernel *kernel = kernelOf.lookup(module);
    FailureOr<std::string> object =
        generateCode(module, options.target, CodeKind::Object);
    if (failed(object))
      return failure();
    kernel->object = std::move(*object);
    cache.store(kernel->symbol, kernel->object);
    return success();
  });
}

FailureOr<CpuImage> emitCpuImage(ModuleOp module,
                                 ArrayRef<StringRef> kernelOrder,
                                 const CpuOptions &options) {
  FailureOr<SmallVector<func::FuncOp>> functions =
      findKernels(module, kernelOrder);
  if (failed(functions))
    return failure();
  MLIRContext *context = module.getContext();
  const CpuTarget &target = options.target;
  std::string salt =
      getGeneratorVersion() + " " + target.cpu + " " + target.featureString();

  // Each kernel into a module of its own, then hashed under one name.
  OwningOpRef<ModuleOp> all(ModuleOp::create(module.getLoc()));
  SmallVector<ModuleOp> copies;
  for (func::FuncOp function : *functions) {
    auto builder = OpBuilder::atBlockEnd(all->getBody());
    auto copy = ModuleOp::create(builder, function.getLoc());
    func::FuncOp clone = function.clone();
    clone.setSymName("kernel");
    copy.push_back(clone);
    copies.push_back(copy);
  }
  std::vector<std::string> symbols(copies.size());
  std::vector<size_t> lengths(copies.size());
  {
    TimingScope scope = nest(options, "Hashing");
    parallelFor(context, 0, copies.size(), [&](size_t i) {
      symbols[i] = hashKernel(*copies[i].getOps<func::FuncOp>().begin(), salt,
                              lengths[i]);
    });
  }
  std::vector<DistinctKernel> distinct;
  llvm::StringMap<unsigned> known;
  for (auto [copy, symbol, length] : llvm::zip(copies, symbols, lengths)) {
    if (!known.try_emplace(symbol, distinct.size()).second) {
      copy.erase();
      continue;
    }
    (*copy.getOps<func::FuncOp>().begin()).setSymName(symbol);
    distinct.push_back({copy, symbol, length, {}});
  }
  if (options.statistics) {
    options.statistics->kernels = kernelOrder.size();
    options.statistics->distinct = distinct.size();
  }
  if (failed(compile(*all, distinct, options)))
    return failure();

  TimingScope scope = nest(options, "Linking");
  SmallVector<StringRef> objects, names(symbols.begin(), symbols.end());
  for (const DistinctKernel &kernel : distinct)
    objects.push_back(kernel.object);
  FailureOr<CpuImage> image = linkImage(objects, names, module.getLoc());
  if (failed(image))
    return failure();
  image->cpu = target.cpu;
  image->features = target.features;
  return image;
}

FailureOr<OwningOpRef<ModuleOp>> lowerKernels(ModuleOp module,
                                              ArrayRef<StringRef> kernelOrder,
                                              const CpuOptions &options) {
  FailureOr<SmallVector<func::FuncOp>> functions =
      findKernels(module, kernelOrder);
  if (failed(functions))
    return failure();
  OwningOpRef<ModuleOp> all(ModuleOp::create(module.getLoc()));
  for (func::FuncOp function : *functions)
    all->push_back(function.clone());
  if (failed(runLowering(*all, options)))
    return failure();
  return all;
}

FailureOr<std::string> emitCpuCode(ModuleOp module,
                                   ArrayRef<StringRef> kernelOrder,
                                   const CpuOptions &options, CodeKind kind) {
  FailureOr<OwningOpRef<ModuleOp>> lowered =
      lowerKernels(module, kernelOrder, options);
  if (failed(lowered))
    return failure();
  TimingScope scope = nest(options, "Code generation");
  if (options.statistics)
    *options.statistics = {unsigned(kernelOrder.size()),
                           unsigned(kernelOrder.size()),
                           unsigned(kernelOrder.size())};
  FailureOr<std::string> code = generateCode(**lowered, options.target, kind);
  if (failed(code) || kind != CodeKind::Object)
    return code;
  return linkObject(StringRef(*code), module.getLoc());
}

} // namespace dl::cpu

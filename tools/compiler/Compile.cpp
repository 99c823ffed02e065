// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/compiler/Compile.h"
#include "tools/compiler/Checks.h"
#include "tools/compiler/HostSteps.h"
#include "tools/compiler/KernelHeader.h"
#include "tools/compiler/Machine.h"
#include "tools/compiler/MemoryBudget.h"
#include "tools/compiler/Report.h"
#include "tools/compiler/Source.h"
#include "tools/compiler/SourceTrace.h"

#include "codegen/cpu/Emit.h"
#include "codegen/cpu/GenerateKernels.h"
#include "codegen/cpu/Lowering.h"
#include "codegen/package/Output.h"
#include "codegen/package/Package.h"
#include "codegen/ptx/Emit.h"
#include "codegen/ptx/GenerateKernels.h"
#include "codegen/spirv/Emit.h"
#include "frontend/import/Import.h"
#include "ir/dialect/Dialect.h"
#include "ir/reference/Entry.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ThreadPool.h"

using namespace mlir;

namespace dl::tools {

namespace {

/// One compilation.
class Compilation {
public:
  /// `source`, where not null, is compiled in place of the input file.
  Compilation(const CompileOptions &options, MLIRContext &context,
              TimingScope &timing, ModuleOp source = {})
      : options(options), context(context), timing(timing), source(source),
        pipeline(options.pipeline) {}

  LogicalResult run() {
    if (failed(checkOptions(options, context)) || failed(checkOutput()) ||
        failed(load()))
      return failure();
    // Sizes of a step are told by what has been through all phases.
    if (options.memoryBudget > 0 && failed(fitBudget()))
      return failure();
    if (failed(runPhases(*module, options.trace ? &trace : nullptr)))
      return failure();
    if (options.isFor(Target::Reference) && !isText(options))
      return writeReferenceModule();
    if (getLastPhase(options) != Phase::Codegen)
      return writeIR();
    progress("generating kernels");
    findKernels();
    if (options.has(Target::Cuda) || options.has(Target::Vulkan))
      return compileForDevices();
    switch (options.emit) {
    case EmitKind::Llvm:
      return writeCode(cpu::CodeKind::Llvm);
    case EmitKind::Assembly:
      return writeCode(cpu::CodeKind::Assembly);
    case EmitKind::Object:
      return writeCode(cpu::CodeKind::Object);
    default:
      return writeModuleFile();
    }
  }

  /// What was done, in lines.
  std::string describe() const {
    return summary + kept + memory +
           "kernels: " + std::to_string(statistics.kernels) + ", " +
           std::to_string(statistics.distinct) + " different, " +
           std::to_string(statistics.compiled) + " compiled now\n";
  }

  /// What a budget has led to, and what coding; empty without one.
  std::string describeChoices() const { return kept + memory; }

private:
  InFlightDiagnostic fail(StringRef where) {
    // The place as a file without lines.
    return emitError(FileLineColLoc::get(&context, where, 0, 0));
  }

  void progress(StringRef what) {
    if (options.progress && !isTuning)
      options.progress(what);
  }

  /// Before any work: can the output be written?
  LogicalResult checkOutput() {
    for (StringRef path :
         {StringRef(options.output), StringRef(options.header)}) {
      if (path.empty() || path == "-")
        continue;
      if (llvm::sys::fs::is_directory(path))
        return fail(path) << "cannot be written: it is a folder";
      auto output = package::openFileOutput(path);
      if (!output)
        return fail(path) << "cannot be written: "
                          << llvm::toString(output.takeError());
    }
    return success();
  }

  LogicalResult load() {
    auto scope = timing.nest("Import");
    progress("importing");
    if (source) {
      module = source.clone();
      return success();
    }
    module = loadSource(options, trace, context);
    if (!module)
      return failure();
    // A model has an entry, even without an op.
    isLibrary = !frontend::isModelFile(options.input) &&
                tools::isKernelLibrary(*module);
    return success();
  }

  /// Chooses what the passes may count on, so that a step stays within the
  /// budget.
  LogicalResult fitBudget() {
    if (!pipeline.training)
      return fail("--memory-budget") << "expected --train, too";
    auto measure = [&](int64_t target) -> std::optional<int64_t> {
      progress("fitting the memory");
      pipeline.memoryBudget = target;
      OwningOpRef<ModuleOp> copy = module->clone();
      if (failed(runPhases(*copy, nullptr)) || failed(generate(*copy, {})))
        return std::nullopt;
      PackageInput package;
      package.module = *copy;
      for (auto function : copy->getOps<func::FuncOp>())
        if (function->hasAttr(cpu::kKernelAttr))
          package.kernelNames.push_back(function.getSymName().str());
      auto bytes = getArenaBytes(package, "step");
      if (!bytes)
        fail("--memory-budget") << "the memory of a step depends on sizes; "
                                   "--dim=NAME=SIZE fixes them";
      return bytes;
    };
    auto found = fitMemory(options.memoryBudget, measure);
    if (!found)
      return failure();
    if (found->bytes > options.memoryBudget)
      return fail("--memory-budget")
             << "a step's intermediate results take " << found->bytes
             << " bytes at least, expected at most " << options.memoryBudget;
    pipeline.memoryBudget = found->target;
    memory = "memory: a step's intermediate results take " +
             std::to_string(found->bytes) + " bytes, without a budget " +
             std::to_string(found->unlimited) + "\n";
    return success();
  }

  LogicalResult runPhases(ModuleOp module, SourceTrace *trace) {
    Phase start = findPhase(module);
    for (Phase phase : getPhases()) {
      if (phase > getLastPhase(options) || phase == Phase::Codegen)
        break;
      // What a file holds has been through its phase; only the check is left.
      if (phase < start || (phase == start && start == Phase::Lower))
        continue;
      progress(getPhaseName(phase));
      PassManager manager(&context, ModuleOp::getOperationName());
      auto scope = timing.nest(("Phase " + getPhaseName(phase)).str());
      manager.enableTiming(scope);
      addPhase(phase, manager, pipeline);
      if (trace)
        trace->watch(manager);
      if (failed(manager.run(module)))
        return failure();
      if (phase == Phase::Simplify && pipeline.mostUses >= 0)
        kept = describeKept(module, pipeline.precision);
      if (trace)
        trace->endPhase(phase, module);
    }
    return success();
  }

  /// Collects the kernels. In a file of kernels alone, every function is one.
  void findKernels() {
    for (auto function : module->getOps<func::FuncOp>()) {
      if (isLibrary && !function.isExternal() && function.isPublic())
        function->setAttr(cpu::kKernelAttr, UnitAttr::get(&context));
      if (function->hasAttr(cpu::kKernelAttr))
        kernels.push_back(function.getSymName().str());
    }
  }

  /// Turns the kernels of `generated` that are on tensors into loops.
  LogicalResult generate(ModuleOp generated,
                         const mlir::dl::cpu::ChoiceHooks &hooks) {
    auto scope = timing.nest("Kernel generation");
    for (auto kernel : generated.getOps<func::FuncOp>())
      if (kernel->hasAttr(cpu::kKernelAttr) &&
          !llvm::any_of(kernel.getArgumentTypes(), [](Type type) {
            return isa<LLVM::LLVMPointerType>(type);
          }))
        return mlir::dl::cpu::generateKernels(generated,
                                              getMachine(options.cpus), hooks);
    return success();
  }

  /// The same as was asked for, or tuned before.
  LogicalResult generate(ModuleOp generated) {
    mlir::dl::cpu::ChoiceHooks hooks;
    cpu::ChoiceStore store(options.cache, options.cpus,
                           getMachine(options.cpus));
    hooks.choose = [&](func::FuncOp source) {
      std::string key = store.getKey(source);
      mlir::dl::cpu::KernelChoice choice;
      if (options.choice)
        choice = *options.choice;
      else if (options.tune)
        choice = variants.chosen[key];
      else if (auto stored = store.load(key))
        choice = stored->choice;
      if (options.optimizesSize)
        choice.winograd = 0; // transformed filters are several times as large
      return choice;
    };
    return generate(generated, hooks);
  }

  cpu::CpuOptions getCpuOptions(ModuleOp generated,
                                const cpu::CpuTarget &target) {
    cpu::CpuOptions result;
    result.target = target;
    if (!usesTiles(generated))
      result.target.dropTiles();
    result.cache = options.cache;
    result.timing = &timing;
    result.statistics = &statistics;
    return result;
  }

  SmallVector<StringRef> kernelNames() const {
    return SmallVector<StringRef>(kernels.begin(), kernels.end());
  }

  LogicalResult writeText(StringRef path, StringRef bytes) {
    if (path.empty())
      return success();
    if (path == "-") {
      llvm::outs() << bytes;
      llvm::outs().flush();
      if (llvm::outs().has_error())
        return fail("standard output") << llvm::outs().error().message();
      return success();
    }
    auto write = [&]() -> llvm::Error {
      auto output = package::openFileOutput(path);
      if (!output)
        return output.takeError();
      if (llvm::Error error = (*output)->allocate(bytes.size()))
        return error;
      if (llvm::Error error =
              (*output)->write(0, ArrayRef<char>(bytes.data(), bytes.size())))
        return error;
      return (*output)->commit();
    };
    if (llvm::Error error = write())
      return fail(path) << "cannot be written: "
                        << llvm::toString(std::move(error));
    return success();
  }

  LogicalResult writeIR() {
    std::string text;
    llvm::raw_string_ostream stream(text);
    OpPrintingFlags flags;
    if (!options.printResources)
      flags.elideLargeElementsAttrs(64).elideLargeResourceString(64);
    module->print(stream, flags);
    stream << "\n";
    return writeText(options.output, text);
  }

  LogicalResult writeCode(cpu::CodeKind kind) {
    const cpu::CpuTarget &target = options.cpus.front();
    if (kernels.empty())
      return fail(options.input) << "there is no kernel";
    if (failed(generate(*module)))
      return failure();
    progress("compiling kernels");
    FailureOr<std::string> code = cpu::emitCpuCode(
        *module, kernelNames(), getCpuOptions(*module, target), kind);
    if (failed(code) || failed(writeText(options.output, *code)))
      return failure();
    if (options.header.empty())
      return success();
    return writeText(options.header,
                     makeKernelHeader(*module, kernels, getProducer()));
  }

  LogicalResult compileKernels(ModuleOp generated,
                               const cpu::CacheOptions &cache,
                               PackageInput &package) {
    package.module = generated;
    package.kernelNames = kernels;
    package.threads = options.threads;
    return emitCpuCode(generated, cache, package);
  }

  /// Adds the code of the kernels that `package` names.
  LogicalResult emitCpuCode(ModuleOp generated, const cpu::CacheOptions &cache,
                            PackageInput &package) {
    SmallVector<StringRef> names(package.kernelNames.begin(),
                                 package.kernelNames.end());
    for (const cpu::CpuTarget &target : options.cpus) {
      progress("compiling kernels for " + target.cpu);
      FailureOr<cpu::CpuImage> image = cpu::CpuImage();
      cpu::CpuOptions cpuOptions = getCpuOptions(generated, target);
      cpuOptions.cache = cache;
      if (!names.empty())
        image = emitCpuImage(generated, names, cpuOptions);
      if (failed(image))
        return failure();
      package.cpuImages.push_back(std::move(*image));
    }
    return success();
  }

  /// A module with these choices, for the tuner.
  LogicalResult buildVariant(const Choices &choices, StringRef path,
                             const cpu::CacheOptions &cache) {
    OwningOpRef<ModuleOp> copy = module->clone();
    mlir::dl::cpu::ChoiceHooks hooks;
    hooks.choose = [&](func::FuncOp source) {
      std::string key = variants.store->getKey(source);
      variants.keys[source.getSymName().str()] = key;
      auto found = choices.find(key);
      return found == choices.end() ? mlir::dl::cpu::KernelChoice()
                                    : found->second;
    };
    hooks.report = [&](StringRef kernel,
                       const mlir::dl::cpu::KernelReport &report) {
      variants.reports[variants.keys[kernel.str()]] = report;
    };
    PackageInput package;
    if (failed(generate(*copy, hooks)) ||
        failed(compileKernels(*copy, cache, package)))
      return failure();
    return writeModule(package, path);
  }

  /// Lets the tuner choose, with a folder for its files; kernels are kept
  /// there, too, where there is no cache.
  LogicalResult tune() {
    cpu::ChoiceStore store(options.cache, options.cpus,
                           getMachine(options.cpus));
    SmallString<128> folder;
    if (std::error_code code =
            llvm::sys::fs::createUniqueDirectory("dl-tune", folder))
      return fail("--tune") << "no temporary folder: " << code.message();
    llvm::scope_exit remove(
        [&] { (void)llvm::sys::fs::remove_directories(folder); });
    cpu::CacheOptions cache = options.cache;
    if (cache.directory.empty()) {
      SmallString<128> path = folder;
      llvm::sys::path::append(path, "kernels");
      cache.directory = path.str().str();
    }
    variants.folder = folder.str().str();
    variants.store = &store;
    variants.build = [&](const Choices &choices, const std::string &path) {
      return succeeded(buildVariant(choices, path, cache));
    };
    isTuning = true;
    std::string error;
    bool isDone = options.tune(variants, error);
    isTuning = false;
    if (isDone)
      return success();
    auto [where, what] = StringRef(error).split(": ");
    return error.empty() ? failure() : LogicalResult(fail(where) << what);
  }

  /// Code of all kernels of a plan for a device.
  LogicalResult emitDeviceCode(ModuleOp plan, Target target,
                               gpucode::DeviceImage &image) {
    auto scope = timing.nest("Kernel generation");
    if (target == Target::Vulkan) {
      progress("compiling kernels for vulkan");
      return emitSpirv(plan, options.vulkan, image);
    }
    auto functions = ptx::generateKernels(plan, options.cuda);
    if (failed(functions))
      return failure();
    progress("compiling kernels for " + options.cuda.getArch());
    auto emitting = timing.nest("Code generation");
    return emitPtx(**functions, options.cuda, image);
  }

  /// The code alone, or a module with a plan for each target. What a device has
  /// no form for is compiled for the CPU, beside the kernels of a plan for
  /// that.
  LogicalResult compileForDevices() {
    if (isLibrary && options.emit == EmitKind::Module)
      return fail(options.input) << "a module has an entry function";
    if (isLibrary && kernels.empty())
      return fail(options.input) << "there is no kernel";
    if (options.strict && failed(checkStrict(*module, options)))
      return failure();
    if (options.emit != EmitKind::Module) {
      gpucode::DeviceImage image;
      if (failed(emitDeviceCode(*module, options.targets.front(), image)))
        return failure();
      statistics.kernels = statistics.distinct = statistics.compiled =
          image.kernels.size();
      return writeText(options.output, image.code);
    }
    PackageInput package;
    std::vector<OwningOpRef<ModuleOp>> copies; // what makes code changes it
    OwningOpRef<ModuleOp> code = ModuleOp::create(module->getLoc());
    ModuleOp cpuPlan;
    std::vector<std::string> hostNames;
    auto generateOnHost = [&](ModuleOp plan) { return generate(plan, {}); };
    package.target = getName(options.targets.front()).str();
    for (size_t i = 1; i < options.targets.size(); ++i) {
      copies.push_back(module->clone());
      package.morePlans.push_back(
          {getName(options.targets[i]).str(), *copies.back()});
    }
    for (auto [i, target] : llvm::enumerate(options.targets)) {
      ModuleOp plan = i ? *copies[i - 1] : *module;
      if (target == Target::Cpu) {
        cpuPlan = plan;
        package.kernelNames = kernels;
        if (failed(generate(plan)))
          return failure();
        continue;
      }
      if (failed(placeOnHost(
              plan, findHostKernels(plan, target, options),
              options.targets.size() > 1 ? "." + getName(target).str() : "",
              *code, hostNames, generateOnHost)) ||
          failed(emitDeviceCode(plan, target,
                                package.deviceImages.emplace_back())))
        return failure();
    }
    if (cpuPlan)
      for (auto function : code->getOps<func::FuncOp>())
        cpuPlan.push_back(function.clone());
    llvm::append_range(package.kernelNames, hostNames);
    if ((cpuPlan || !hostNames.empty()) &&
        failed(emitCpuCode(cpuPlan ? cpuPlan : *code, options.cache, package)))
      return failure();
    for (const gpucode::DeviceImage &image : package.deviceImages) {
      statistics.kernels += image.kernels.size();
      statistics.distinct += image.kernels.size();
      statistics.compiled += image.kernels.size();
    }
    finishTrace();
    return writePackage(package);
  }

  void finishTrace() {
    if (!options.trace)
      return;
    *options.trace = trace.finish();
    options.trace->producer = getProducer();
    options.trace->model = options.input;
  }

  LogicalResult writeReferenceModule() {
    if (isLibrary)
      return fail(options.input) << "a module has an entry function";
    llvm::SmallString<0> program;
    llvm::raw_svector_ostream stream(program);
    if (failed(mlir::dl::reference::writeProgram(*module, stream)))
      return failure();
    PackageInput package;
    package.reference = program;
    return writePackage(package);
  }

  /// Writes the module, and its header where one is asked for.
  LogicalResult writePackage(PackageInput &package) {
    auto scope = timing.nest("Writing");
    progress("writing");
    package.module = *module;
    package.producer = getProducer();
    package.threads = options.threads;
    package.codesConstants = options.optimizesSize;
    package.debugInfo = !options.optimizesSize;
    if (options.trace)
      package.debugText = &options.trace->debugInfo;
    package.sizes = options.optimizesSize ? &memory : nullptr;
    std::string header;
    if (!options.header.empty())
      package.cHeader = &header;
    llvm::raw_string_ostream summaryStream(summary);
    if (failed(writeModule(package, options.output,
                           options.verbose ? &summaryStream : nullptr)))
      return failure();
    return options.header.empty() ? success()
                                  : writeText(options.header, header);
  }

  LogicalResult writeModuleFile() {
    if (isLibrary)
      return fail(options.input)
             << "a module has an entry function; for kernels alone there are "
                "--emit=object, asm and llvm";
    if (options.tune && !kernels.empty() && failed(tune()))
      return failure();
    if (failed(generate(*module)))
      return failure();
    PackageInput package;
    if (failed(compileKernels(*module, options.cache, package)))
      return failure();
    finishTrace();
    return writePackage(package);
  }

  const CompileOptions &options;
  MLIRContext &context;
  TimingScope &timing;
  ModuleOp source;
  OwningOpRef<ModuleOp> module;
  SourceTrace trace;
  std::vector<std::string> kernels;
  bool isLibrary = false, isTuning = false;
  Variants variants;
  cpu::EmitStatistics statistics;
  PipelineOptions pipeline;
  std::string summary, memory, kept;
};

} // namespace

LogicalResult compile(const CompileOptions &options, raw_ostream &errors) {
  DialectRegistry registry;
  registerDialects(registry);
  cpu::registerTranslations(registry);
  ptx::registerTranslations(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  llvm::DefaultThreadPool pool(llvm::hardware_concurrency(options.threads));
  if (options.threads != 1)
    context.setThreadPool(pool);
  context.printOpOnDiagnostic(false);
  Report report(&context, options.input, errors);
  DefaultTimingManager timing;
  timing.setEnabled(options.timing);
  timing.setDisplayMode(DefaultTimingManager::DisplayMode::Tree);
  TimingScope root = timing.getRootScope();
  Compilation compilation(options, context, root);
  if (failed(compilation.run()))
    return failure();
  if (options.verbose)
    errors << compilation.describe();
  else
    errors << compilation.describeChoices();
  return success();
}

LogicalResult compile(ModuleOp module, const CompileOptions &options) {
  DialectRegistry registry;
  registerDialects(registry);
  cpu::registerTranslations(registry);
  ptx::registerTranslations(registry);
  module.getContext()->appendDialectRegistry(registry);
  DefaultTimingManager timing;
  TimingScope root = timing.getRootScope();
  return Compilation(options, *module.getContext(), root, module).run();
}

} // namespace dl::tools

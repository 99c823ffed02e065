// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// dl-opt: runs any pass or phase of the compiler and prints the result.

#include "codegen/cpu/GenerateKernels.h"
#include "codegen/cpu/Lowering.h"
#include "codegen/spirv/Pipeline.h"
#include "frontend/import/Import.h"
#include "ir/dialect/Locations.h"
#include "ir/reference/RunReference.h"
#include "passes/Passes.h"
#include "passes/Pipeline.h"

#include "mlir/IR/AsmState.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Support/Timing.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "tools/reduce/Reduce.h"
#include "tools/reference/HostFunctions.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;

namespace {

struct PhaseChoice {
  std::optional<::dl::Phase> only, last;
  ::dl::PipelineOptions options;
};

} // namespace

static int fail(StringRef where, StringRef what) {
  llvm::errs() << "error: " << where << ": " << what << "\n";
  return 1;
}

/// The phase that an option names; nothing when the option was not given. An
/// unknown name is reported and makes `valid` false.
static std::optional<::dl::Phase> parseOption(StringRef option, StringRef name,
                                              bool &valid) {
  if (name.empty())
    return std::nullopt;
  std::optional<::dl::Phase> phase = ::dl::parsePhase(name);
  if (!phase) {
    std::string what = "unknown phase '" + name.str() + "'; phases are";
    for (::dl::Phase known : ::dl::getPhases())
      what += " " + ::dl::getPhaseName(known).str();
    fail(option, what);
    valid = false;
  }
  return phase;
}

static void addPhases(const PhaseChoice &choice, OpPassManager &manager) {
  if (choice.only)
    ::dl::addPhase(*choice.only, manager, choice.options);
  if (choice.last)
    ::dl::addPhasesUpTo(*choice.last, manager, choice.options);
}

/// Imports the model at `path`, runs the passes that `config` asks for, prints.
static LogicalResult runOnModel(StringRef path, raw_ostream &output,
                                DialectRegistry &registry,
                                const MlirOptMainConfig &config) {
  MLIRContext context(registry);
  ScopedDiagnosticHandler handler(&context, [](Diagnostic &diagnostic) {
    mlir::dl::printDiagnostic(diagnostic, llvm::errs());
    return success();
  });
  OwningOpRef<ModuleOp> module = ::dl::frontend::importModel(path, {}, context);
  if (!module)
    return failure();
  DefaultTimingManager timing;
  applyDefaultTimingManagerCLOptions(timing);
  TimingScope scope = timing.getRootScope();
  PassManager manager(&context, ModuleOp::getOperationName());
  manager.enableTiming(scope);
  if (failed(applyPassManagerCLOptions(manager)) ||
      failed(config.setupPassPipeline(manager)) || failed(manager.run(*module)))
    return failure();
  module->print(output);
  output << "\n";
  return success();
}

namespace {

/// The options of --reduce and --anonymize.
struct ReduceCommandLine {
  llvm::cl::OptionCategory category{"dl-opt: smaller and anonymous models"};
  llvm::cl::opt<bool> reduce{
      "reduce",
      llvm::cl::desc("Make a model (.onnx or .mlir) smaller that --while-fails "
                     "or --while is about"),
      llvm::cl::cat(category)};
  llvm::cl::opt<bool> anonymize{
      "anonymize",
      llvm::cl::desc("Give an ONNX model other names, no texts, and random "
                     "weights"),
      llvm::cl::cat(category)};
  llvm::cl::opt<std::string> whileFails{
      "while-fails",
      llvm::cl::desc("A command that fails for the model, and must go on to "
                     "fail in the same way; {} stands for the file (default, "
                     "with --reduce: dl-compile {} --verify)"),
      llvm::cl::value_desc("COMMAND"), llvm::cl::cat(category)};
  llvm::cl::opt<std::string> whileHolds{
      "while",
      llvm::cl::desc("A command that must succeed (exit status 0) for the "
                     "model, as llvm-reduce's test"),
      llvm::cl::value_desc("COMMAND"), llvm::cl::cat(category)};
  llvm::cl::opt<unsigned> timeout{
      "while-timeout", llvm::cl::init(300),
      llvm::cl::desc("Seconds that the command may take (default 300)"),
      llvm::cl::value_desc("SECONDS"), llvm::cl::cat(category)};
  llvm::cl::opt<unsigned> seed{
      "anonymize-seed", llvm::cl::init(1),
      llvm::cl::desc("The seed of random weights (default 1)"),
      llvm::cl::value_desc("N"), llvm::cl::cat(category)};

  bool isAsked() const { return reduce || anonymize; }
};

} // namespace

static int runReduction(const ReduceCommandLine &line, StringRef input,
                        StringRef output, const DialectRegistry &registry,
                        const char *program) {
  bool hasFails = line.whileFails.getNumOccurrences(),
       hasHolds = line.whileHolds.getNumOccurrences();
  if (hasFails && hasHolds)
    return fail("--while", "expected it or --while-fails, not both");
  ::dl::tools::ReduceOptions options;
  options.input = input.str();
  options.output = output.str();
  options.reduce = line.reduce;
  options.anonymize = line.anonymize;
  options.hasInterest = line.reduce || hasFails || hasHolds;
  options.seed = line.seed;
  options.interest.command = hasHolds ? line.whileHolds.getValue()
                             : hasFails
                                 ? line.whileFails.getValue()
                                 : std::string("dl-compile {} --verify "
                                               "--verify-reproducer={}.mlir");
  options.interest.mustFail = !hasHolds;
  options.interest.timeout = line.timeout;
  // Where this program is, so are the others.
  static int anchor;
  options.interest.toolFolder =
      llvm::sys::path::parent_path(
          llvm::sys::fs::getMainExecutable(program, &anchor))
          .str();
  std::string summary;
  if (llvm::Error error = ::dl::tools::reduce(options, registry, summary)) {
    llvm::errs() << "error: " << llvm::toString(std::move(error)) << "\n";
    return 1;
  }
  llvm::errs() << summary;
  return 0;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  registerAllPasses();
  ::dl::registerDlPasses();
  mlir::dl::reference::registerRunReferencePass(&::dl::tools::getHostLibrary());
  mlir::dl::cpu::registerGenerateKernelsPass();
  ::dl::spirv::registerSpirvPasses();
  ::dl::cpu::registerLoweringPasses();
  mlir::dl::cpu::registerGenerateKernelsPass();
  DialectRegistry registry;
  ::dl::registerDialects(registry);

  // LLVM's shared library brings an option of that name for machine passes.
  auto &known = llvm::cl::getRegisteredOptions();
  if (auto found = known.find("stop-after"); found != known.end())
    found->second->setArgStr("llvm-stop-after");
  llvm::cl::SetVersionPrinter([](raw_ostream &output) {
    output << "dl-opt " DL_VERSION " (LLVM " LLVM_VERSION_STRING ")\n";
  });
  // LLVM's code generator has an option of this name.
  llvm::cl::getRegisteredOptions().erase("stop-after");
  llvm::cl::OptionCategory category("dl-opt options");
  llvm::cl::opt<std::string> only(
      "phase", llvm::cl::desc("Run the passes of one phase"),
      llvm::cl::value_desc("phase"), llvm::cl::cat(category));
  llvm::cl::opt<std::string> last(
      "stop-after", llvm::cl::desc("Run the phases up to and including one"),
      llvm::cl::value_desc("phase"), llvm::cl::cat(category));
  llvm::cl::opt<std::string> precision(
      "precision",
      llvm::cl::desc("Precision that the phases give products: f32 (default), "
                     "bf16, f16"),
      llvm::cl::value_desc("type"), llvm::cl::init("f32"),
      llvm::cl::cat(category));
  llvm::cl::opt<bool> list("list-phases",
                           llvm::cl::desc("Print the phases' names and exit"),
                           llvm::cl::cat(category));
  llvm::cl::opt<bool> printPipeline(
      "print-pipeline",
      llvm::cl::desc("Print the passes that would run and exit"),
      llvm::cl::cat(category));
  llvm::cl::opt<bool> printResources(
      "print-resources",
      llvm::cl::desc("Print large constants and resources whole"),
      llvm::cl::cat(category));

  ReduceCommandLine reduction;
  auto [input, output] = registerAndParseCLIOptions(
      argc, argv, "dl compiler: run passes", registry);
  if (list) {
    for (::dl::Phase phase : ::dl::getPhases())
      llvm::outs() << ::dl::getPhaseName(phase) << ": "
                   << ::dl::getPhaseSummary(phase) << "\n";
    return 0;
  }
  if (reduction.isAsked())
    return runReduction(reduction, input, output, registry, argv[0]);
  bool valid = true;
  PhaseChoice choice{parseOption("--phase", only, valid),
                     parseOption("--stop-after", last, valid),
                     {}};
  if (!valid)
    return 1;
  std::optional<::dl::Precision> wanted = ::dl::parsePrecision(precision);
  if (!wanted)
    return fail("--precision",
                "unknown precision '" + precision + "'; known: f32, bf16, f16");
  choice.options.precision = *wanted;

  MlirOptMainConfig parsed = MlirOptMainConfig::createFromCLOptions();
  MlirOptMainConfig config = parsed;
  config.setPassPipelineSetupFn([&](PassManager &manager) {
    addPhases(choice, manager);
    return parsed.setupPassPipeline(manager);
  });
  if (printPipeline) {
    MLIRContext context(registry);
    PassManager manager(&context, ModuleOp::getOperationName());
    if (failed(config.setupPassPipeline(manager)))
      return 1;
    manager.printAsTextualPipeline(llvm::outs());
    llvm::outs() << "\n";
    return 0;
  }
  if (!printResources) {
    // As if given on the command line: printing reads these options there.
    auto &options = llvm::cl::getRegisteredOptions();
    for (StringRef name : {"mlir-elide-elementsattrs-if-larger",
                           "mlir-elide-resource-strings-if-larger"})
      if (auto it = options.find(name);
          it != options.end() && !it->second->getNumOccurrences())
        it->second->addOccurrence(0, name, "64");
  }

  std::string error;
  std::unique_ptr<llvm::ToolOutputFile> file = openOutputFile(output, &error);
  if (!file)
    return fail(output, error);
  LogicalResult result = failure();
  if (::dl::frontend::isModelFile(input)) {
    result = runOnModel(input, file->os(), registry, config);
  } else {
    std::unique_ptr<llvm::MemoryBuffer> buffer = openInputFile(input, &error);
    if (!buffer)
      return fail(input, error);
    result = MlirOptMain(file->os(), std::move(buffer), registry, config);
  }
  if (failed(result))
    return 1;
  file->keep();
  return 0;
}

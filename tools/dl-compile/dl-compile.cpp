// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// dl-compile: from a model or .mlir file to a module file, or any form between.

#include "frontend/import/Import.h"
#include "frontend/import/ListOperators.h"
#include "tools/compiler/Options.h"
#include "tools/dl-compile/QuantizationFlags.h"
#include "tools/dl-compile/TrainingFlags.h"
#include "tools/explain/Explain.h"
#include "tools/tune/Tune.h"
#include "tools/verify/Verify.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Process.h"

using namespace llvm;
using namespace dl::tools;

namespace {

/// The command line. Its options live as long as main's call of it.
struct CommandLine {
  cl::OptionCategory category{"dl-compile options"};
  cl::OptionCategory stages{"Looking inside"};
  cl::OptionCategory reports{"The report of --explain"};
  cl::OptionCategory checks{"Checking answers"};
  QuantizationFlags quantization;

  cl::opt<std::string> input{cl::Positional, cl::desc("MODEL.onnx|FILE.mlir"),
                             cl::cat(category)};
  cl::opt<std::string> output{"o",
                              cl::desc("Write FILE; - for the standard output"),
                              cl::value_desc("FILE"), cl::cat(category)};
  cl::opt<std::string> target{
      "target", cl::init("cpu"),
      cl::desc("What the module runs on: cpu (default), cuda[:sm_XX], "
               "vulkan[:NAME], several of these, separated by commas, in one "
               "module that has its weights once; or reference: dl-run "
               "interprets the model as it was imported, slowly and exactly"),
      cl::value_desc("TARGET"), cl::cat(category)};
  cl::opt<std::string> cpu{
      "cpu", cl::init("native"),
      cl::desc(
          "CPU level: native (default), x86-64-v3, x86-64-v4 or LLVM's name "
          "of a CPU. Several, separated by commas, from the least to the "
          "most demanding, stand in one module, and the best that the CPU "
          "can run is taken on load"),
      cl::value_desc("LEVEL[,LEVEL]"), cl::cat(category)};
  cl::opt<bool> strict{
      "strict",
      cl::desc("Fail where a step of a device's plan would run on the host, "
               "and name all of these"),
      cl::cat(category)};
  cl::opt<std::string> precision{
      "precision", cl::init("f32"),
      cl::desc("Element type of matrix products, convolutions and what they "
               "read: f32 (default) or bf16, with sums in f32; tf32: f32 "
               "whose products on CUDA devices (sm_80 and later) keep 11 bits "
               "of each factor. Inputs and outputs keep their types"),
      cl::value_desc("TYPE"), cl::cat(category)};
  cl::opt<std::string> optimize{
      "optimize", cl::init("speed"),
      cl::desc("What to make the module for: speed (default), or size, where "
               "it lies in little flash memory: weights are entropy-coded, and "
               "decoded into memory on first use; what profiles know of "
               "kernels is left out"),
      cl::value_desc("AIM"), cl::cat(category)};
  cl::opt<int64_t> narrowFrom{
      "bf16-from", cl::init(::dl::kSmallProduct),
      cl::desc("With --precision=bf16 or f16, leave products of fewer "
               "multiplications in f32, which would gain nothing (default: "
               "65536)"),
      cl::value_desc("N"), cl::cat(category)};
  cl::opt<bool> precisionGuard{
      "precision-guard", cl::init(true),
      cl::desc("With --precision=bf16 or f16, leave products in f32 that the "
               "CPU multiplies no faster in the other type: all but those that "
               "take the time of reading weights, where it has neither tile "
               "registers nor a fast AVX512-BF16. Not with --optimize=size "
               "(default: true)"),
      cl::cat(category)};
  cl::opt<bool> assumeFinite{
      "assume-finite", cl::init(true),
      cl::desc("Take zero times any value for zero, so that experts of a "
               "mixture compute the tokens alone that are sent to them "
               "(default); =false where values may be infinite or NaN"),
      cl::cat(category)};
  cl::list<std::string> dims{
      "dim",
      cl::desc("Give a named dimension of the model's inputs a fixed size"),
      cl::value_desc("NAME=SIZE"), cl::cat(category)};
  cl::list<std::string> shapes{
      "shape",
      cl::desc("Give an input the shape that the model leaves open: of each "
               "dimension a size or a name"),
      cl::value_desc("INPUT=2,N,.."), cl::cat(category)};
  cl::opt<unsigned> threads{
      "threads", cl::init(0),
      cl::desc("Compile on N threads (default: one for each processor)"),
      cl::value_desc("N"), cl::cat(category)};
  cl::opt<bool> noCache{
      "no-cache",
      cl::desc(
          "Neither read nor write the cache of compiled kernels, which is in "
          "DL_CACHE_DIR (default ~/.cache/dl-compile) and limited to "
          "DL_CACHE_SIZE bytes (default 1G)"),
      cl::cat(category)};
  cl::opt<std::string> tune{
      "tune", cl::ValueOptional,
      cl::desc(
          "Measure other ways to generate the kernels that take most of the "
          "time, on this machine, for about so many seconds (default 30), and "
          "keep what is faster in the cache, where later compilations find "
          "it"),
      cl::value_desc("SECONDS"), cl::cat(category)};
  cl::opt<unsigned> tuneThreads{
      "tune-threads", cl::init(0),
      cl::desc("Tune for N threads (default: one for each processor)"),
      cl::value_desc("N"), cl::cat(category)};
  cl::opt<std::string> header{
      "header",
      cl::desc("Write a C header: what a module's inputs, outputs and "
               "arena are; with --emit=object, the kernels"),
      cl::value_desc("FILE"), cl::cat(category)};

  TrainingFlags training;

  cl::opt<std::string> explain{
      "explain",
      cl::desc("Write what became of each node and what each kernel costs: "
               "FILE.html to look at, FILE.json for programs, FILE both"),
      cl::value_desc("FILE"), cl::cat(reports)};
  cl::opt<double> explainMeasure{
      "explain-measure", cl::init(0.5),
      cl::desc("Where the module runs on this machine, run it with random "
               "inputs for so many seconds to measure each kernel (default "
               "0.5); 0 to leave that out"),
      cl::value_desc("SECONDS"), cl::cat(reports)};
  cl::list<std::string> explainSizes{
      "explain-size",
      cl::desc("Show formulas at this size of a symbolic dimension (default: 1 "
               "for an input's first dimension, 64 for others)"),
      cl::value_desc("NAME=SIZE"), cl::cat(reports)};
  cl::opt<unsigned> explainThreads{
      "explain-threads", cl::init(0),
      cl::desc("Measure on N threads (default: one for each processor)"),
      cl::value_desc("N"), cl::cat(reports)};
  cl::opt<double> explainPeak{
      "explain-peak", cl::init(0),
      cl::desc(
          "The target's peak, float32 (default: measured on this machine)"),
      cl::value_desc("GFLOP/S"), cl::cat(reports)};
  cl::opt<double> explainBf16Peak{
      "explain-bf16-peak", cl::init(0),
      cl::desc("The target's peak of products of bf16, where it has "
               "instructions for them (default: measured on this machine, or "
               "--explain-peak)"),
      cl::value_desc("GFLOP/S"), cl::cat(reports)};
  cl::opt<double> explainBandwidth{
      "explain-bandwidth", cl::init(0),
      cl::desc("The target's memory bandwidth (default: measured on this "
               "machine)"),
      cl::value_desc("GB/S"), cl::cat(reports)};

  cl::list<std::string> verify{
      "verify", cl::ValueOptional,
      cl::desc("Compare what each pass and the compiled code compute with the "
               "reference, and name the first that changes an answer: with "
               "inputs from files, one --verify=FILE each (.npy, .pb, or .npz "
               "with all), or with random ones"),
      cl::value_desc("FILE"), cl::cat(checks)};
  cl::opt<unsigned> verifySeed{
      "verify-seed", cl::init(1),
      cl::desc("The seed of random inputs (default 1)"), cl::value_desc("N"),
      cl::cat(checks)};
  cl::opt<std::string> verifyReproducer{
      "verify-reproducer", cl::init("reproducer.mlir"),
      cl::desc("Where a small program that shows a wrong answer is written "
               "(default reproducer.mlir)"),
      cl::value_desc("FILE"), cl::cat(checks)};
  cl::list<std::string> plugins{
      "load-pass-plugin", cl::desc("Load passes from a library"),
      cl::value_desc("FILE"), cl::cat(checks), cl::Hidden};
  cl::list<std::string> insertedPasses{
      "insert-pass", cl::desc("Run a pass at the end of a phase"),
      cl::value_desc("PHASE:PASS"), cl::cat(checks), cl::Hidden};

  cl::opt<std::string> emit{
      "emit", cl::init("module"),
      cl::desc(
          "What to write: dl (grouped ops), linalg (kernels on tensors and "
          "their schedule), llvm, asm, object (for linking into any "
          "program), module (default)"),
      cl::value_desc("KIND"), cl::cat(stages)};
  cl::opt<std::string> stopAfter{
      "stop-after",
      cl::desc("Stop after a phase and write what it left: import, simplify, "
               "fuse, lower"),
      cl::value_desc("PHASE"), cl::cat(stages)};
  cl::opt<std::string> choice{
      "choice",
      cl::desc("Generate every kernel with these decisions, where they are "
               "legal: block=ROWSxVECTORS, range=N, ... (codegen/cpu/README.md "
               "tells of each), separated by commas"),
      cl::value_desc("NAME=N"), cl::cat(stages)};
  cl::opt<bool> listOperators{
      "list-operators",
      cl::desc("Print, as JSON, what becomes of each version of ONNX's "
               "operators, and exit"),
      cl::cat(stages)};
  cl::opt<bool> printPipeline{
      "print-pipeline", cl::desc("Print the passes of each phase and exit"),
      cl::cat(stages)};
  cl::opt<bool> printResources{"print-resources",
                               cl::desc("Print large constants whole"),
                               cl::cat(stages)};
  cl::opt<bool> timing{"timing", cl::desc("Print the time of each pass"),
                       cl::cat(stages)};
  cl::opt<bool> verbose{"verbose", cl::desc("Print what was done"),
                        cl::cat(stages)};
};

/// What becomes on a terminal: one line, replaced by the next.
class ProgressLine {
public:
  ProgressLine() : active(sys::Process::StandardErrIsDisplayed()) {}
  void show(StringRef what) {
    if (active)
      errs() << "\r\033[K" << what << " ...";
  }
  void clear() {
    if (active)
      errs() << "\r\033[K";
  }

private:
  bool active;
};

} // namespace

static int fail(StringRef where, const Twine &what) {
  errs() << "error: " << where << ": " << what << "\n";
  return 1;
}

/// Loads libraries of passes, and adds to `options` what runs beside the
/// phases.
static Error readPasses(const CommandLine &line, CompileOptions &options) {
  for (const std::string &file : line.plugins) {
    auto plugin = mlir::PassPlugin::load(file);
    if (!plugin)
      return createStringError("--load-pass-plugin: " +
                               toString(plugin.takeError()));
    plugin->registerPassRegistryCallbacks();
  }
  for (StringRef text : line.insertedPasses) {
    auto [name, passes] = text.split(':');
    std::optional<dl::Phase> phase = dl::parsePhase(name);
    if (!phase)
      return createStringError("--insert-pass: unknown phase '" + name + "'");
    std::string message;
    raw_string_ostream stream(message);
    mlir::OpPassManager manager("builtin.module");
    if (failed(mlir::parsePassPipeline(passes, manager, stream)))
      return createStringError("--insert-pass: " + message);
    options.pipeline.inserted.emplace_back(*phase, passes.str());
  }
  return Error::success();
}

/// Fills `options`.
static Error readOptions(const CommandLine &line, VerifyOptions &options) {
  for (const std::string &file : line.verify)
    if (!file.empty())
      options.inputs.push_back(file);
  options.seed = line.verifySeed;
  options.reproducer = line.verifyReproducer;
  if (!line.verify.getNumOccurrences() &&
      (line.verifySeed.getNumOccurrences() ||
       line.verifyReproducer.getNumOccurrences()))
    return createStringError("--verify-seed: expected --verify, too");
  return Error::success();
}

/// Fills `options`.
static Error readOptions(const CommandLine &line, CompileOptions &options) {
  auto failed = [](const Twine &what) { return createStringError(what); };
  if (line.input.empty())
    return failed("dl-compile: expected a model, MODEL.onnx or FILE.mlir");
  options.input = line.input;
  options.output = line.output;
  if (Error error = setTarget(line.target, options))
    return error;
  if (Error error = setEmit(line.emit, options))
    return error;
  if (!line.stopAfter.empty())
    if (Error error = setStopAfter(line.stopAfter, options))
      return error;
  if (Error error = setCpu(line.cpu, options))
    return error;
  if (Error error = setPrecision(line.precision, options))
    return error;
  if (Error error = setOptimize(line.optimize, options))
    return error;
  options.pipeline.minMultiplications = line.narrowFrom;
  options.pipeline.assumeFinite = line.assumeFinite;
  if (!line.quantization.compressWeights)
    options.pipeline.compressWeights = options.cuda.compressesWeights =
        options.vulkan.compressesWeights = false;
  auto training = line.training.read(options.pipeline.precision);
  if (!training)
    return training.takeError();
  options.pipeline.training = *training;
  if (Error error = line.quantization.read(options))
    return error;
  if (line.precisionGuard)
    guardPrecision(options);
  if (line.verify.getNumOccurrences() && options.pipeline.training)
    return failed("--verify: goes without --train: the reference has no states "
                  "that steps change");
  if (line.verify.getNumOccurrences() && options.pipeline.caches)
    return failed("--verify: goes with --kv-cache=outside");
  auto budget = line.training.readMemoryBudget();
  if (!budget)
    return budget.takeError();
  options.memoryBudget = *budget;
  for (const std::string &dim : line.dims)
    if (Error error = addDim(dim, options))
      return error;
  for (const std::string &shape : line.shapes)
    if (Error error = addShape(shape, options))
      return error;
  if (line.choice.getNumOccurrences())
    if (Error error = setChoice(line.choice, options))
      return error;
  if (!line.noCache)
    if (Error error = setDefaultCache(options))
      return error;
  options.threads = line.threads;
  options.header = line.header;
  options.timing = line.timing;
  options.printResources = line.printResources;
  options.verbose = line.verbose;
  options.strict = line.strict;
  if (Error error = readPasses(line, options))
    return error;
  if (options.output.empty() && !line.printPipeline &&
      !line.verify.getNumOccurrences() && line.training.trainedModel.empty())
    return failed("dl-compile: expected -o FILE");
  if (options.output == "-" && options.emit == EmitKind::Module &&
      !options.stopAfter)
    return failed("-o: a module is written to a file");
  return Error::success();
}

/// Fills `options`.
static Error readOptions(const CommandLine &line, ExplainOptions &options) {
  options.output = line.explain;
  options.seconds = line.explainMeasure;
  options.threads = static_cast<int>(line.explainThreads);
  options.peakFlops = line.explainPeak * 1e9;
  options.bf16PeakFlops = line.explainBf16Peak * 1e9;
  options.bandwidth = line.explainBandwidth * 1e9;
  for (const std::string &text : line.explainSizes) {
    std::string name;
    int64_t size;
    if (Error error = parseSize("--explain-size", text, name, size))
      return error;
    options.sizes[name] = size;
  }
  if (line.explain.empty() &&
      (line.explainMeasure.getNumOccurrences() ||
       line.explainThreads.getNumOccurrences() ||
       line.explainPeak.getNumOccurrences() ||
       line.explainBf16Peak.getNumOccurrences() ||
       line.explainBandwidth.getNumOccurrences() || !options.sizes.empty()))
    return createStringError("--explain: expected the report's FILE");
  return Error::success();
}

/// Fills `options`, if tuning is asked for.
static Error readOptions(const CommandLine &line, TuneOptions &options) {
  options.threads = static_cast<int>(line.tuneThreads);
  if (line.tuneThreads.getNumOccurrences() && !line.tune.getNumOccurrences())
    return createStringError("--tune-threads: expected --tune, too");
  StringRef text = line.tune;
  if (!text.empty() &&
      (text.getAsDouble(options.seconds) || !(options.seconds > 0)))
    return createStringError(
        "--tune: expected a number of seconds above 0, found '" + text + "'");
  return Error::success();
}

/// Says of nodes why they were not quantized.
static void noteKept(Trace &trace, const QuantizedModel &quantized) {
  for (auto [i, node] : enumerate(trace.nodes))
    if (auto kept = quantized.kept.find(node.name);
        kept != quantized.kept.end())
      for (TracedEntry &entry : trace.entries)
        entry.nodes[i].why += "; in float32: " + kept->second;
}

int main(int argc, char **argv) {
  mlir::registerTransformsPasses();
  dl::registerDlPasses();
  // Without the options that LLVM's libraries register for its own tools.
  cl::ResetCommandLineParser();
  CommandLine line;
  cl::HideUnrelatedOptions(
      {&line.category, &line.training.category, &line.quantization.category,
       &line.quantization.caches, &line.stages, &line.reports, &line.checks});
  cl::SetVersionPrinter(
      [](raw_ostream &output) { output << getProducer() << "\n"; });
  std::string message;
  raw_string_ostream messages(message);
  if (!cl::ParseCommandLineOptions(
          argc, argv,
          "Compiles a model into a module file (.dlm), which dl-run and the "
          "runtime library\nrun.\n\n"
          "  dl-compile model.onnx -o model.dlm\n"
          "  dl-compile model.onnx -o model.dlm --cpu=x86-64-v3,x86-64-v4\n"
          "  dl-compile model.onnx -o model.dlm --explain=model.html\n"
          "  dl-compile model.onnx -o model.dlm --tune\n"
          "  dl-compile model.onnx -o model.dlm --quantize=int8 "
          "--calibration=samples\n"
          "  dl-compile model.onnx -o model.dlm --quantize-kv-cache=int8 "
          "--kv-cache-length=4096\n"
          "  dl-compile model.onnx --verify\n"
          "  dl-compile model.onnx -o model.dlm --train --loss=cross_entropy "
          "--optimizer=adamw\n"
          "  dl-compile model.onnx -o trained.dlm --weights=model.ckpt\n"
          "  dl-compile model.onnx --emit=linalg -o -\n"
          "  dl-compile kernel.mlir --emit=object --header=kernel.h -o "
          "kernel.o\n",
          &messages))
    return fail("command line",
                StringRef(message).split(": ").second.split('\n').first);

  if (line.listOperators) {
    outs() << dl::frontend::listOperators();
    return 0;
  }
  CompileOptions options;
  if (line.printPipeline && line.input.empty()) {
    options.stopAfter = dl::parsePhase(line.stopAfter);
    printPipeline(options, outs());
    return 0;
  }
  ExplainOptions explain;
  TuneOptions tuning;
  VerifyOptions verification;
  Trace trace;
  Error error = readOptions(line, options);
  if (!error)
    error = readOptions(line, explain);
  if (!error)
    error = readOptions(line, tuning);
  if (!error)
    error = readOptions(line, verification);
  std::optional<WeightsOptions> weights;
  if (!error)
    error = line.training.read(line.input, weights);
  std::optional<QuantizeOptions> quantization;
  if (!error)
    error = line.quantization.read(line.input, options, quantization);
  std::optional<SparsifyOptions> pruning;
  if (!error)
    error = line.quantization.read(line.input, pruning);
  std::string reason;
  explain.target = getName(options.targets.front()).str();
  if (!error && !explain.output.empty()) {
    options.trace = &trace;
    if (!canWriteReport(explain, reason))
      error = createStringError(reason);
  }
  if (error) {
    errs() << "error: " << toString(std::move(error)) << "\n";
    return 1;
  }
  if (line.printPipeline) {
    printPipeline(options, outs());
    return 0;
  }
  // The line of progress gives way to the first error.
  ProgressLine progress;
  options.progress = [&](StringRef what) { progress.show(what); };
  std::string tuned;
  if (line.tune.getNumOccurrences()) {
    tuning.progress = [&](const std::string &what) { progress.show(what); };
    options.tune = [&](Variants &variants, std::string &error) {
      return dl::tools::tune(variants, tuning, tuned, error);
    };
  }
  std::string errors;
  raw_string_ostream errorStream(errors);
  LogicalResult result = success();
  std::string verified;
  std::string why;
  auto takeModel = [&](const auto &edited) {
    if (edited) {
      options.input = edited->path;
      return;
    }
    result = llvm::failure();
    errorStream << (StringRef(why).starts_with("error: ") ? "" : "error: ")
                << StringRef(why).rtrim() << "\n";
  };
  std::unique_ptr<TrainedModel> trained;
  if (weights) {
    trained = takeWeights(options.input, *weights, why);
    takeModel(trained);
  }
  std::unique_ptr<SparseModel> sparse;
  std::unique_ptr<QuantizedModel> quantized;
  if (succeeded(result) && pruning) {
    sparse = sparsify(options, *pruning, why);
    takeModel(sparse);
  }
  if (succeeded(result) && quantization) {
    quantized = quantize(options, *quantization, why);
    takeModel(quantized);
  }
  if (succeeded(result) && line.verify.getNumOccurrences())
    result = verify(options, verification, errorStream, verified);
  if (succeeded(result) && !options.output.empty())
    result = compile(options, errorStream);
  if (succeeded(result) && options.trace) {
    progress.show("explaining");
    if (quantized)
      noteKept(trace, *quantized);
    if (!writeReport(trace, options.output, explain, reason)) {
      // All outputs appear, or none.
      (void)sys::fs::remove(options.output);
      errors = "error: " + reason + "\n" + errors;
      result = failure();
    }
  }
  progress.clear();
  errs() << errors;
  if (succeeded(result))
    errs() << (sparse ? sparse->summary : "")
           << (quantized ? quantized->summary : "") << tuned << verified;
  return succeeded(result) ? 0 : 1;
}

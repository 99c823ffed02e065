// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/verify/Verify.h"

#include "codegen/package/Output.h"
#include "frontend/import/Import.h"
#include "ir/dialect/Dialect.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "tools/compiler/Report.h"
#include "tools/verify/Inputs.h"
#include "tools/verify/PassRun.h"
#include "tools/verify/Program.h"
#include "tools/verify/Rounding.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include <chrono>

using namespace mlir;
using namespace mlir::dl::reference;

namespace dl::tools {
namespace {

using Clock = std::chrono::steady_clock;

/// Keeps errors to itself.
class Silence {
public:
  explicit Silence(MLIRContext *context)
      : handler(context, [this](Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() == DiagnosticSeverity::Error &&
              first.empty())
            first = diagnostic.str();
          return success();
        }) {}
  std::string first;

private:
  ScopedDiagnosticHandler handler;
};

/// What a step is, as far as comparing goes.
struct Step {
  /// "pass 'canonicalize'".
  std::string name;
  Rounding rounding = Rounding::Reassociated;
  /// Null for code generation.
  const PassStep *pass = nullptr;
};

/// A wrong answer.
struct Finding {
  Difference difference;
  /// In place of a difference: the step or the run after it failed.
  std::string failure;

  std::string describe() const {
    return failure.empty() ? "result " + std::to_string(difference.result) +
                                 " is " + difference.describe()
                           : failure;
  }
};

class Verification {
public:
  Verification(const CompileOptions &compileOptions,
               const VerifyOptions &options, MLIRContext &context)
      : compileOptions(compileOptions), options(options), context(context) {}

  LogicalResult run() {
    if (failed(load()) || failed(chooseInputs()))
      return failure();
    for (Phase phase : {Phase::Simplify, Phase::Fuse})
      if (phase <= getLastPhase() && failed(verifyPhase(phase)))
        return failure();
    if (getLastPhase() == Phase::Codegen)
      return verifyCode();
    return success();
  }

  std::string summarize() const {
    double seconds =
        std::chrono::duration<double>(Clock::now() - start).count();
    std::string text =
        llvm::formatv("verified in {0:f1} s with {1}: {2} passes, {3} of them "
                      "changed the module",
                      seconds, inputsFrom, numPasses, numChanged);
    if (hasCode)
      text += ", and the compiled code";
    return text + "; all answers agree within rounding\n";
  }

private:
  InFlightDiagnostic fail(StringRef where) {
    return emitError(FileLineColLoc::get(&context, where, 0, 0));
  }

  Phase getLastPhase() const {
    if (compileOptions.stopAfter)
      return *compileOptions.stopAfter;
    return compileOptions.emit == EmitKind::Dl       ? Phase::Fuse
           : compileOptions.emit == EmitKind::Linalg ? Phase::Lower
                                                     : Phase::Codegen;
  }

  void progress(const Twine &what) {
    if (compileOptions.progress)
      compileOptions.progress(("verifying: " + what).str());
  }

  //===--------------------------------------------------------------------===//
  // The model and its inputs
  //===--------------------------------------------------------------------===//

  LogicalResult load() {
    progress("importing");
    const std::string &path = compileOptions.input;
    if (frontend::isModelFile(path)) {
      frontend::ImportOptions import;
      import.dims = compileOptions.dims;
      import.shapes = compileOptions.shapes;
      program.module = frontend::importModel(path, import, context);
    } else {
      if (!compileOptions.dims.empty())
        return fail("--dim")
               << "only the dimensions of an ONNX model have names";
      program.module = parseSourceFile<ModuleOp>(path, ParserConfig(&context));
    }
    if (!program.module)
      return failure();
    // A model without any op stands after its import, too.
    if (!frontend::isModelFile(path))
      begun = findPhase(*program.module);
    if (program.getFunction())
      program.numberStrings();
    if (!program.getFunction() || begun == Phase::Lower)
      return fail(path) << "there is no function of the dialect dl to verify";
    if (Type other = findUncompared(program.getFunction()))
      return fail(path) << "the model has an input or output of the type "
                        << other << ", which is not drawn and compared";
    return runSteps(Phase::Import);
  }

  /// The type of an input or output of complex numbers; null where there is
  /// none.
  static Type findUncompared(func::FuncOp function) {
    auto isOther = [](Type type) {
      return type.walk([](ComplexType) { return WalkResult::interrupt(); })
          .wasInterrupted();
    };
    for (TypeRange types : {TypeRange(function.getArgumentTypes()),
                            TypeRange(function.getResultTypes())})
      if (auto found = llvm::find_if(types, isOther); found != types.end())
        return *found;
    return {};
  }

  /// What `run` gives; its first error becomes `reason`.
  template <typename Run> auto silently(Run run, std::string &reason) {
    Silence silence(&context);
    auto result = run();
    reason = silence.first;
    return result;
  }

  /// Runs a phase that changes nothing, for its checks.
  LogicalResult runSteps(Phase phase) {
    if (phase < begun)
      return success();
    for (const PassStep &step :
         listPasses(phase, compileOptions.pipeline, &context))
      if (failed(runPass(step, *program.module)))
        return failure();
    return success();
  }

  LogicalResult chooseInputs() {
    func::FuncOp function = program.getFunction();
    if (!options.inputs.empty()) {
      std::string error;
      auto loaded = loadInputs(function, options.inputs, error);
      if (!loaded) {
        auto [where, what] = StringRef(error).split(": ");
        return fail(where) << what;
      }
      program.inputs = std::move(*loaded);
      inputsFrom = "the given inputs";
      return runReference();
    }
    if (auto given = getGivenInputs(function);
        given && function.getNumArguments()) {
      program.inputs = std::move(*given);
      inputsFrom = "the values of dl.value";
      return runReference();
    }
    inputsFrom = "random inputs, seed " + std::to_string(options.seed);
    return drawInputsFor(function);
  }

  LogicalResult runReference() {
    progress("running the imported model");
    auto results = tools::run(program);
    if (failed(results))
      return failure();
    expected = std::move(*results);
    return measureBounds(Rounding::Reassociated);
  }

  static bool isMostlyNan(const Tensors &results) {
    for (const Tensor &result : results) {
      if (!result.isFloat())
        continue;
      std::vector<double> values = result.load<double>();
      size_t nans = llvm::count_if(
          values, [](double value) { return std::isnan(value); });
      if (2 * nans > values.size())
        return true;
    }
    return false;
  }

  LogicalResult drawInputsFor(func::FuncOp function) {
    progress("running the imported model");
    std::string reason = "its inputs have types that are not drawn";
    bool isRun = false;
    for (const Draw &draw : listDraws(options.seed)) {
      // Not-numbers say little; numbers above 0 make fewer.
      if (isRun && !draw.isPositive)
        continue;
      auto inputs = drawInputs(function, draw);
      if (!inputs)
        continue;
      Silence silence(&context);
      program.inputs = std::move(*inputs);
      auto results = tools::run(program);
      if (failed(results)) {
        reason = silence.first;
        continue;
      }
      expected = std::move(*results);
      bool isUseful = !isMostlyNan(expected);
      if (isRun || isUseful)
        return measureBounds(Rounding::Reassociated);
      isRun = true;
    }
    if (isRun)
      return measureBounds(Rounding::Reassociated);
    return fail(compileOptions.input)
           << "the reference does not run it with random inputs: " << reason
           << "; give inputs with --verify=FILE";
  }

  //===--------------------------------------------------------------------===//
  // Comparing
  //===--------------------------------------------------------------------===//

  /// The errors that results of `program` may have.
  static std::optional<SmallVector<Bound>>
  measure(const Program &program, const Tensors &expected, Rounding rounding) {
    constexpr uint32_t kRuns = 2;
    SmallVector<Bound> bounds(expected.size());
    for (uint32_t seed = 1; seed <= kRuns; ++seed) {
      auto rounded = interpretRounded(program.getFunction(), program.inputs,
                                      rounding, seed, &program.getLibrary());
      if (failed(rounded))
        return std::nullopt;
      Tensors seen = program.toCallers(*rounded);
      for (auto [bound, right, moved] : llvm::zip(bounds, expected, seen))
        bound.add(right, moved);
    }
    return bounds;
  }

  LogicalResult measureBounds(Rounding rounding) {
    progress("measuring the effect of rounding");
    Silence silence(&context);
    auto measured = measure(program, expected, rounding);
    if (measured) {
      bounds = std::move(*measured);
      return success();
    }
    // Rounding tips a size: only what is exact can be compared.
    bounds.assign(expected.size(), Bound());
    return success();
  }

  static std::optional<Difference> compare(const Tensors &expected,
                                           const Tensors &found,
                                           ArrayRef<Bound> bounds) {
    for (unsigned i = 0; i < expected.size(); ++i)
      if (auto difference = findDifference(expected[i], found[i], bounds[i])) {
        difference->result = i;
        return difference;
      }
    return std::nullopt;
  }

  /// What a step makes of a program, run.
  std::optional<Tensors> runAfter(const Step &step, const Program &before,
                                  std::string &reason) {
    Silence silence(&context);
    std::optional<Tensors> results;
    if (!step.pass) {
      results = runCompiled(before, reason);
    } else {
      Program after = before.clone();
      if (failed(runPass(*step.pass, *after.module))) {
        reason = "the pass fails: ";
      } else {
        after.numberStrings();
        if (auto run = tools::run(after); succeeded(run))
          results = std::move(*run);
        else
          reason = "the reference fails: ";
      }
    }
    if (!results)
      reason += silence.first;
    return results;
  }

  std::optional<Tensors> runCompiled(const Program &before,
                                     std::string &reason) {
    SmallString<128> path;
    if (llvm::sys::fs::createTemporaryFile("dl-verify", "dlm", path)) {
      reason = "no temporary file can be made";
      return std::nullopt;
    }
    llvm::scope_exit remove([&] { (void)llvm::sys::fs::remove(path); });
    CompileOptions code = compileOptions;
    code.output = path.str().str();
    code.emit = EmitKind::Module;
    code.stopAfter.reset();
    code.trace = nullptr;
    code.tune = nullptr;
    code.progress = nullptr;
    code.header.clear();
    if (failed(tools::compile(*before.module, code))) {
      reason = "it does not compile: ";
      return std::nullopt;
    }
    func::FuncOp function = before.getFunction();
    auto symbols = bindSymbols(function, before.inputs);
    if (failed(symbols))
      return std::nullopt;
    std::vector<RawTensor> inputs, outputs;
    for (auto [i, input] : llvm::enumerate(before.getCallerInputs()))
      inputs.push_back(toRaw(function, i, input, *symbols));
    if (!runModuleFile(code.output, inputs, outputs, reason)) {
      reason = "it does not run: " + reason;
      return std::nullopt;
    }
    Tensors results;
    for (auto [i, output] : llvm::enumerate(outputs))
      results.push_back(fromRaw(function, i, output));
    return results;
  }

  /// What is wrong after `step`, for a program by itself.
  std::optional<Finding> examine(const Step &step, const Program &before) {
    Tensors right;
    SmallVector<Bound> limits;
    {
      Silence silence(&context);
      auto results = tools::run(before);
      if (failed(results))
        return std::nullopt;
      right = std::move(*results);
    }
    std::string reason;
    auto found = runAfter(step, before, reason);
    if (!found)
      return Finding{{}, reason};
    {
      Silence silence(&context);
      auto measured = measure(before, right, step.rounding);
      if (!measured)
        return std::nullopt;
      limits = std::move(*measured);
    }
    if (auto difference = compare(right, *found, limits))
      return Finding{*difference, ""};
    return std::nullopt;
  }

  //===--------------------------------------------------------------------===//
  // Steps
  //===--------------------------------------------------------------------===//

  LogicalResult verifyPhase(Phase phase) {
    if (phase < begun)
      return success();
    for (const PassStep &pass :
         listPasses(phase, compileOptions.pipeline, &context)) {
      Step step{"pass '" + pass.name + "'", Rounding::Reassociated, &pass};
      if (pass.name == "dl-reduce-precision")
        step.rounding = Rounding::Bf16;
      if (failed(verifyPass(step)))
        return failure();
    }
    return success();
  }

  LogicalResult verifyPass(const Step &step) {
    ++numPasses;
    progress(step.name);
    Program after = program.clone();
    std::string reason;
    if (failed(silently([&] { return runPass(*step.pass, *after.module); },
                        reason)))
      return blame(step, {{}, "the pass fails: " + reason});
    if (OperationEquivalence::isEquivalentTo(
            *program.module, *after.module,
            OperationEquivalence::IgnoreLocations))
      return success();
    ++numChanged;
    progress(step.name + " has changed the module; running it");
    after.numberStrings();
    auto found = silently([&] { return tools::run(after); }, reason);
    if (failed(found))
      return blame(step, {{}, "the reference fails: " + reason});
    bool isNarrower = step.rounding == Rounding::Bf16;
    if (isNarrower && failed(measureBounds(Rounding::Bf16)))
      return failure();
    if (auto difference = compare(expected, *found, bounds))
      return blame(step, {*difference, ""});
    program = std::move(after);
    expected = std::move(*found);
    return isNarrower ? measureBounds(Rounding::Reassociated) : success();
  }

  LogicalResult verifyCode() {
    hasCode = true;
    Step step{"code generation", Rounding::Compiled, nullptr};
    progress("compiling and running");
    std::string reason;
    auto found = runAfter(step, program, reason);
    if (!found)
      return blame(step, {{}, reason});
    if (failed(measureBounds(Rounding::Compiled)))
      return failure();
    if (auto difference = compare(expected, *found, bounds))
      return blame(step, {*difference, ""});
    return success();
  }

  //===--------------------------------------------------------------------===//
  // Blame
  //===--------------------------------------------------------------------===//

  LogicalResult blame(const Step &step, const Finding &whole) {
    std::function<bool(Program)> isWrong = [&](Program candidate) {
      auto finding = examine(step, candidate);
      // Another failure is not the one that is looked for.
      return finding && finding->failure.empty() == whole.failure.empty();
    };
    Program small = program.clone();
    // The bound of a part is its own: where the whole is out of its bound by
    // little, a run of its own may not show it.
    if (isWrong(program.clone()))
      small = shrink(std::move(small), isWrong, [&](size_t ops) {
        progress(step.name + " changes an answer; reducing, " + Twine(ops) +
                 " ops left");
      });
    Operation *culprit = findCulprit(small);
    std::optional<AppliedPattern> pattern;
    if (step.pass) {
      Silence silence(&context);
      pattern = findPattern(*step.pass, *small.module, [&](ModuleOp after) {
        return isWrongAfter(small, after, step.rounding);
      });
    }
    auto finding = examine(step, small);
    InFlightDiagnostic error =
        emitError(pattern ? pattern->loc : culprit->getLoc());
    error << step.name << " changes the answer of " << culprit->getName()
          << ": " << (finding ? *finding : whole).describe();
    if (pattern)
      error.attachNote() << "pattern " << pattern->name << ", applied to "
                         << pattern->op;
    else if (step.pass)
      error.attachNote()
          << "no pattern does so: the pass itself, or a folder that it calls";
    error.attachNote(program.getFunction().getLoc())
        << "in the whole model, with " << inputsFrom << ": "
        << whole.describe();
    std::string written = writeReproducer(step, small);
    error.attachNote(FileLineColLoc::get(&context, options.reproducer, 0, 0))
        << written;
    return error;
  }

  bool isWrongAfter(const Program &before, ModuleOp after, Rounding rounding) {
    Silence silence(&context);
    auto right = tools::run(before);
    Program changed{after.clone(), before.inputs, before.strings};
    changed.numberStrings();
    auto found = tools::run(changed);
    if (failed(right) || failed(found))
      return true;
    auto limits = measure(before, *right, rounding);
    return limits && compare(*right, *found, *limits).has_value();
  }

  /// The op that makes the first wrong result, or else the last one.
  static Operation *findCulprit(const Program &small) {
    Operation *terminator = small.getFunction().front().getTerminator();
    for (Value value : terminator->getOperands())
      if (Operation *op = value.getDefiningOp())
        return op;
    return small.getFunction();
  }

  std::string writeReproducer(const Step &step, const Program &small) {
    std::string file = options.reproducer, command;
    if (step.pass)
      command = "dl-opt " + file + " --pass-pipeline='builtin.module(" +
                step.pass->text +
                ",run-reference)' --print-resources -o /dev/null";
    else
      command = "dl-compile " + file + " --verify";
    std::string comment = "What " + step.name + " makes wrong:\n  " + command +
                          "\nRight:\n" + "  dl-opt " + file +
                          " --run-reference --print-resources -o /dev/null\n";
    auto write = [&]() -> llvm::Error {
      std::string text = tools::print(small, comment);
      auto output = package::openFileOutput(file);
      if (!output)
        return output.takeError();
      if (llvm::Error error = (*output)->allocate(text.size()))
        return error;
      if (llvm::Error error =
              (*output)->write(0, ArrayRef<char>(text.data(), text.size())))
        return error;
      return (*output)->commit();
    };
    if (llvm::Error error = write())
      return "cannot be written: " + llvm::toString(std::move(error));
    return "has a program of " + std::to_string(countOps(small)) +
           " ops that shows it: " + command;
  }

  const CompileOptions &compileOptions;
  const VerifyOptions &options;
  MLIRContext &context;
  Clock::time_point start = Clock::now();
  /// The program as the last step that was right has left it, and its results.
  Program program;
  Tensors expected;
  SmallVector<Bound> bounds;
  std::string inputsFrom;
  Phase begun = Phase::Import;
  unsigned numPasses = 0, numChanged = 0;
  bool hasCode = false;
};

} // namespace

LogicalResult verify(const CompileOptions &compile,
                     const VerifyOptions &options, raw_ostream &errors,
                     std::string &summary) {
  DialectRegistry registry;
  registerDialects(registry);
  // One thread: patterns are counted as they are applied.
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.printOpOnDiagnostic(false);
  Report report(&context, compile.input, errors);
  Verification verification(compile, options, context);
  if (failed(verification.run()))
    return failure();
  summary = verification.summarize();
  return success();
}

} // namespace dl::tools

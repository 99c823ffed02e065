// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/verify/PassRun.h"

#include "mlir/IR/Action.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/Unit.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

namespace dl::tools {

std::vector<PassStep> listPasses(Phase phase, const PipelineOptions &options,
                                 MLIRContext *context) {
  PassManager manager(context, ModuleOp::getOperationName());
  addPhase(phase, manager, options);
  std::vector<PassStep> steps;
  for (Pass &pass : manager) {
    PassStep step{phase, "", ""};
    llvm::raw_string_ostream stream(step.text);
    pass.printAsTextualPipeline(stream);
    StringRef name = step.text;
    name = name.take_until([](char c) { return c == '{'; });
    // Of "func.func(pass)", the pass.
    name = name.substr(name.rfind('(') + 1);
    step.name = name.take_until([](char c) { return c == ')'; }).str();
    steps.push_back(std::move(step));
  }
  return steps;
}

LogicalResult runPass(const PassStep &step, ModuleOp module) {
  std::string message;
  llvm::raw_string_ostream stream(message);
  PassManager manager(module.getContext(), ModuleOp::getOperationName());
  if (failed(parsePassPipeline(step.text, manager, stream)))
    return emitError(module.getLoc())
           << "pass '" << step.name << "': " << message;
  return manager.run(module);
}

namespace {

/// Lets the first so many applications of patterns happen.
class PatternLimit {
public:
  PatternLimit(MLIRContext *context, size_t limit)
      : context(context), limit(limit) {
    context->registerActionHandler(
        [this](function_ref<void()> apply, const tracing::Action &action) {
          run(apply, action);
        });
  }
  ~PatternLimit() { context->registerActionHandler(nullptr); }
  PatternLimit(const PatternLimit &) = delete;
  PatternLimit &operator=(const PatternLimit &) = delete;

  size_t count = 0;
  std::optional<AppliedPattern> last;

private:
  void run(function_ref<void()> apply, const tracing::Action &action) {
    if (action.getTag() != "apply-pattern")
      return apply();
    if (count == limit)
      return;
    if (++count == limit)
      note(action);
    apply();
  }

  void note(const tracing::Action &action) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    action.print(stream);
    StringRef name = StringRef(text).split("pattern: ").second;
    name = name.take_until([](char c) { return c == '`' || c == '\n'; });
    if (size_t at = name.rfind("::"); at != StringRef::npos)
      name = name.substr(at + 2);
    for (IRUnit unit : action.getContextIRUnits())
      if (auto *op = llvm::dyn_cast_if_present<Operation *>(unit))
        last = AppliedPattern{name.str(), op->getName().getStringRef().str(),
                              op->getLoc()};
  }

  MLIRContext *context;
  size_t limit;
};

} // namespace

std::optional<AppliedPattern>
findPattern(const PassStep &step, ModuleOp module,
            const std::function<bool(ModuleOp)> &isWrong) {
  std::optional<AppliedPattern> last;
  size_t count = 0;
  auto isWrongWith = [&](size_t limit) {
    OwningOpRef<ModuleOp> copy = module.clone();
    {
      PatternLimit patterns(module.getContext(), limit);
      LogicalResult result = runPass(step, *copy);
      last = patterns.last;
      count = patterns.count;
      if (failed(result))
        return true;
    }
    return isWrong(*copy);
  };
  if (isWrongWith(0))
    return std::nullopt;
  isWrongWith(SIZE_MAX);
  size_t right = 0, wrong = count;
  while (wrong - right > 1) {
    size_t middle = right + (wrong - right) / 2;
    (isWrongWith(middle) ? wrong : right) = middle;
  }
  if (!isWrongWith(wrong))
    return std::nullopt;
  return last;
}

} // namespace dl::tools

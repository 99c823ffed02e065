// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/TrainingLocations.h"
#include "passes/Passes.h"
#include "passes/differentiate/Gradients.h"
#include "passes/differentiate/LossScale.h"
#include "passes/differentiate/LowRank.h"
#include "passes/differentiate/MicroBatches.h"
#include "passes/differentiate/Optimizers.h"
#include "passes/differentiate/States.h"
#include "passes/differentiate/TrainingLoss.h"
#include "llvm/Support/Regex.h"

namespace dl {
#define GEN_PASS_DEF_BUILDTRAINING
#include "passes/Passes.h.inc"
} // namespace dl

using namespace ::dl;
using namespace mlir;
using namespace mlir::dl;

namespace {

/// What the pass's options say, read.
struct Plan {
  Objective objective;
  OptimizerOptions optimizer;
  double rate = 0, smoothing = 0, clipNorm = 0, clipValue = 0, average = 0;
  double lossScale = 0; ///< 0: none
  bool scaleIsDynamic = false, sumsLoss = false;
  std::string trainOnly, noDecay;
  int64_t microBatches = 1;
  bool dataParallel = false;
  AdapterOptions adapters;
};

class TrainingBuilder {
public:
  TrainingBuilder(ModuleOp module, const Plan &plan)
      : module(module), plan(plan), states(readStates(module)),
        objective(plan.objective, plan.smoothing, plan.sumsLoss,
                  plan.microBatches > 1) {}

  LogicalResult run() {
    auto main = module.lookupSymbol<func::FuncOp>("main");
    if (!main)
      return module.emitError("there is no function @main to train");
    auto inference = module.lookupSymbol<func::FuncOp>("inference");
    if (!inference)
      inference = cloneForInference(main);
    StateFunction step(main), predict(inference);
    if (failed(objective.addTo(step, /*isStep=*/true)))
      return failure();
    StateFunction *both[] = {&step, &predict};
    if (plan.adapters.rank > 0 &&
        failed(addAdapters(both, states, plan.adapters)))
      return failure();
    if (failed(chooseParameters(step, predict)) || failed(addUpdates(step)))
      return failure();
    readAverages(predict);
    func::FuncOp copy = inference.clone();
    module.push_back(copy);
    StateFunction evaluate(copy);
    if (failed(objective.addTo(evaluate, /*isStep=*/false)) ||
        failed(objective.removeFrom(predict)))
      return failure();
    // The first entry is what a module does where nobody says otherwise.
    inference.setSymName("predict");
    evaluate.function.setSymName("evaluate");
    main.setSymName("step");
    evaluate.function->moveAfter(inference);
    main->moveAfter(evaluate.function);
    writeStates(module, states);
    return success();
  }

private:
  /// The function without what it updates.
  func::FuncOp cloneForInference(func::FuncOp main) {
    func::FuncOp copy = main.clone();
    module.push_back(copy);
    StateFunction function(copy);
    SmallVector<Value> outputs(
        function.end()->getOperands().take_front(function.numOutputs()));
    SmallVector<StringRef> names = function.getOutputNames();
    SmallVector<std::string> kept(names.begin(), names.end());
    function.setResults(
        outputs, SmallVector<StringRef>(kept.begin(), kept.end()), {}, {});
    return copy;
  }

  /// Finds the parameters on a differentiable path to the loss. The others, and
  /// those that are not to be trained, become constants.
  LogicalResult chooseParameters(StateFunction &step, StateFunction &predict) {
    Value loss = step.end()->getOperand(0);
    SmallVector<Value> candidates;
    llvm::Regex pattern(plan.trainOnly);
    // With adapters, these are trained, and of the others what is named.
    auto isChosen = [&](const State &state) {
      bool hasName = !plan.trainOnly.empty() && pattern.match(state.name);
      return plan.adapters.rank > 0 ? hasName || isAdapter(state)
                                    : hasName || plan.trainOnly.empty();
    };
    for (auto [i, state] : llvm::enumerate(states))
      if (state.role == "parameter")
        if (Value argument = step.getArgument(i))
          if (isChosen(state))
            candidates.push_back(argument);
    DenseSet<Value> needed = findNeeded(step.end(), loss, candidates);
    SmallVector<int64_t> numbers;
    SmallVector<ElementsAttr> constants;
    SmallVector<State> kept;
    for (auto [i, state] : llvm::enumerate(states)) {
      Value argument = step.getArgument(i);
      bool isKept = state.role != "parameter" ||
                    (argument && needed.contains(argument) &&
                     llvm::is_contained(candidates, argument));
      numbers.push_back(isKept ? static_cast<int64_t>(kept.size()) : -1);
      constants.push_back(state.initial);
      if (isKept)
        kept.push_back(state);
    }
    states = kept;
    step.renumber(numbers, constants);
    predict.renumber(numbers, constants);
    if (llvm::none_of(states, [](const State &state) {
          return state.role == "parameter";
        }))
      return step.function.emitError(
          plan.trainOnly.empty()
              ? "no parameter is on a differentiable path to the loss"
              : "no parameter that is to be trained is on a differentiable "
                "path to the loss");
    return success();
  }

  /// The values on a differentiable path from one of the candidates to the
  /// loss.
  static DenseSet<Value> findNeeded(Operation *end, Value loss,
                                    ArrayRef<Value> candidates) {
    DenseSet<Value> dependents = findDependents(end, candidates);
    DenseSet<Value> needed;
    if (dependents.contains(loss))
      needed.insert(loss);
    for (Operation *op = end->getPrevNode(); op; op = op->getPrevNode()) {
      if (llvm::none_of(op->getResults(),
                        [&](Value v) { return needed.contains(v); }))
        continue;
      for (Value operand : getDerivedFrom(op))
        if (dependents.contains(operand))
          needed.insert(operand);
    }
    return needed;
  }

  /// Lets a function read averages in place of parameters.
  void readAverages(StateFunction &function) {
    SmallVector<int64_t> numbers =
        llvm::to_vector(llvm::seq<int64_t>(0, states.size()));
    for (auto [parameter, average] : averages)
      numbers[parameter] = average;
    if (!averages.empty())
      function.renumber(numbers, {});
  }

  /// Adds a state with a name that no other has.
  int64_t addState(const std::string &name, StringRef role, int64_t parameter,
                   Attribute element, RankedTensorType type) {
    return addState(name, role, parameter,
                    DenseElementsAttr::get(type, element));
  }

  int64_t addState(const std::string &name, StringRef role, int64_t parameter,
                   ElementsAttr initial) {
    State state{name, role.str(), parameter, initial, {}};
    while (llvm::any_of(
        states, [&](const State &other) { return other.name == state.name; }))
      state.name += "_";
    states.push_back(state);
    return static_cast<int64_t>(states.size()) - 1;
  }

  /// The counter of steps that the model reads, or -1.
  int64_t findCounter() const {
    auto *found = llvm::find_if(
        states, [](const State &state) { return state.role == "counter"; });
    return found == states.end() ? -1 : found - states.begin();
  }

  /// Limits the gradients: each element, then the norm of all together, as
  /// PyTorch's clip_grad_value_ and clip_grad_norm_ do.
  SmallVector<Value> clip(const Calculus &math, ValueRange gradients) {
    Type f32 = math.builder.getF32Type();
    SmallVector<Value> clipped;
    for (Value gradient : gradients) {
      Value g = math.cast(gradient, f32);
      if (plan.clipValue > 0)
        g = math.max(math.min(g, math.number(plan.clipValue, g)),
                     math.number(-plan.clipValue, g));
      clipped.push_back(g);
    }
    if (plan.clipNorm == 0)
      return clipped;
    Value squares = math.number(0, f32);
    for (Value g : clipped)
      squares = math.add(squares, math.sumAll(math.square(g)));
    Value norm = math.add(math.sqrt(squares), 1e-6);
    Value scale = math.min(math.div(math.number(plan.clipNorm, norm), norm),
                           math.number(1, norm));
    for (Value &g : clipped)
      g = math.mul(g, scale);
    return clipped;
  }

  /// The mean over all ranks, in float32 at least; with one rank the value.
  Value reduce(StateFunction &step, Value value) const {
    if (!plan.dataParallel)
      return value;
    OpBuilder builder(step.end());
    Location loc = NameLoc::get(builder.getStringAttr("all_reduce"),
                                step.function.getLoc());
    Calculus math(builder, markPass(loc, TrainingPass::Update));
    if (!Calculus::element(value).isF64())
      value = math.cast(value, builder.getF32Type());
    return AllReduceOp::create(builder, math.loc, value.getType(), value)
        .getResult(0);
  }

  /// The loss or a gradient of all ranks together.
  Value combine(StateFunction &step, Value value) const {
    Value mean = reduce(step, value);
    if (!plan.dataParallel || !plan.sumsLoss)
      return mean;
    OpBuilder builder(step.end());
    Calculus math(builder, getUpdateLoc(step));
    auto number = RankedTensorType::get({}, builder.getI64Type());
    Value ranks =
        ProcessRankOp::create(builder, math.loc, number, number).getCount();
    return math.mul(mean, math.cast(ranks, Calculus::element(mean)));
  }

  /// Lets the ranks draw different random numbers: a step of one has the number
  /// that a step of a single process has had.
  void numberDraws(StateFunction &step) {
    int64_t counter = findCounter();
    Value count = counter < 0 ? Value() : step.getArgument(counter);
    if (!plan.dataParallel || !count || count.use_empty())
      return;
    OpBuilder builder = OpBuilder::atBlockBegin(&step.body());
    Calculus math(builder, count.getLoc());
    auto rank = ProcessRankOp::create(builder, math.loc, count.getType(),
                                      count.getType());
    auto product = math.mul(count, rank.getCount());
    count.replaceAllUsesExcept(math.add(product, rank.getNumber()),
                               product.getDefiningOp());
  }

  /// What the ranks compute together of a step: the loss, whether it is finite,
  /// the gradients of the variables, and the statistics.
  FailureOr<Accumulated> addGradients(StateFunction &step,
                                      ArrayRef<Value> variables,
                                      Value &isFinite) {
    FailureOr<Accumulated> result = Accumulated();
    if (plan.lossScale > 0)
      addScale(step);
    if (plan.microBatches > 1 && scale)
      step.end()->setOperand(0, scaleLoss(step, step.end()->getOperand(0)));
    if (plan.microBatches > 1)
      result = accumulate(step, plan.microBatches, objective.hasLabel(),
                          plan.sumsLoss, variables, findCounter());
    else
      result->loss = step.end()->getOperand(0);
    if (failed(result))
      return result;
    numberDraws(step);
    if (plan.microBatches > 1 && scale)
      result->loss = unscale(step, result->loss);
    Value loss = result->loss;
    result->loss = combine(step, loss);
    // Before the gradients, so that each update can follow its own at once.
    isFinite = isNumber(step, result->loss);
    if (plan.microBatches > 1) {
      objective.checkLabels(step);
    } else {
      OpBuilder builder(step.end());
      SmallVector<Type> types(ValueRange(variables).getTypes());
      llvm::append_range(result->gradients,
                         GradientOp::create(builder, getUpdateLoc(step), types,
                                            scaleLoss(step, loss), variables)
                             .getResults());
      llvm::append_range(
          result->statistics,
          step.end()->getOperands().take_back(step.results.size()));
    }
    for (Value &gradient : result->gradients)
      gradient = unscale(step, combine(step, gradient));
    reduceStatistics(step, result->statistics);
    return result;
  }

  /// Adds the state that losses are multiplied with, so that no gradient of
  /// float16 becomes zero: P. Micikevicius et al., "Mixed Precision Training"
  /// (2018).
  void addScale(StateFunction &step) {
    Builder builder(module.getContext());
    auto scalar = RankedTensorType::get({}, builder.getF32Type());
    scaleState = addState(
        "loss_scale", "setting", -1,
        builder.getF32FloatAttr(static_cast<float>(plan.lossScale)), scalar);
    scale = step.addArgument(scaleState, scalar, getUpdateLoc(step));
  }

  Value scaleLoss(StateFunction &step, Value loss) const {
    if (!scale)
      return loss;
    OpBuilder builder(step.end());
    return Calculus(builder, getUpdateLoc(step)).mul(loss, scale);
  }

  /// A loss or gradient as it is without the scale, in float32 at least.
  Value unscale(StateFunction &step, Value value) const {
    if (!scale)
      return value;
    OpBuilder builder(step.end());
    Calculus math(builder, getUpdateLoc(step));
    Type element = Calculus::element(value);
    if (!element.isF64())
      element = builder.getF32Type();
    Value inverse = math.div(math.number(1, scale), scale);
    return math.mul(math.cast(value, element), math.cast(inverse, element));
  }

  /// Adds what the scale is after a step.
  void updateScale(StateFunction &step, const Calculus &math, Value areFinite,
                   function_ref<void(int64_t, Value)> update) {
    Type i64 = math.builder.getI64Type();
    auto scalar = RankedTensorType::get({}, i64);
    int64_t state = addState("loss_scale.steps", "setting", -1,
                             math.builder.getI64IntegerAttr(0), scalar);
    Value steps = step.addArgument(state, scalar, getUpdateLoc(step));
    LossScale next = buildNextScale(math, {scale, steps}, areFinite);
    update(scaleState, next.scale);
    update(state, next.steps);
  }

  void reduceStatistics(StateFunction &step, SmallVector<Value> &statistics) {
    OpBuilder builder(step.end());
    Calculus math(builder, getUpdateLoc(step));
    for (Value &value : statistics) {
      Type element = Calculus::element(value);
      if (isa<FloatType>(element))
        value = math.cast(reduce(step, value), element);
    }
  }

  /// A step whose loss is no number changes nothing, so that another run of it
  /// finds where that came from.
  static Value isNumber(StateFunction &step, Value loss) {
    OpBuilder builder(step.end());
    Calculus math(builder, getUpdateLoc(step));
    return math.compare(Predicate::Lt, math.abs(loss), HUGE_VAL);
  }

  static Location getUpdateLoc(StateFunction &step) {
    return markPass(
        NameLoc::get(StringAttr::get(step.function.getContext(), "update"),
                     step.function.getLoc()),
        TrainingPass::Update);
  }

  /// Adds the gradients and the updates of all parameters to a step.
  LogicalResult addUpdates(StateFunction &step) {
    OpBuilder builder(step.end());
    Location loc = getUpdateLoc(step);
    Calculus math(builder, loc);
    Type f32 = builder.getF32Type(), i64 = builder.getI64Type();
    auto scalar = [](Type type) { return RankedTensorType::get({}, type); };
    SmallVector<int64_t> parameters;
    SmallVector<Value> variables;
    for (auto [i, state] : llvm::enumerate(states))
      if (state.role == "parameter") {
        parameters.push_back(i);
        variables.push_back(step.getArgument(i));
      }
    Value isFinite;
    FailureOr<Accumulated> found = addGradients(step, variables, isFinite);
    if (failed(found))
      return failure();
    SmallVector<Value> gradients = found->gradients;
    Value areFinite = scale ? buildAreFinite(math, gradients) : Value();
    if (plan.clipValue > 0 || plan.clipNorm > 0)
      gradients = clip(math, gradients);
    Value loss = found->loss;
    SmallVector<int64_t> numbers;
    SmallVector<Value> updates;
    auto update = [&](int64_t state, Value value) {
      numbers.push_back(state);
      updates.push_back(math.select(isFinite, value, step.getArgument(state)));
    };
    if (scale) {
      if (plan.scaleIsDynamic)
        updateScale(step, math, areFinite, update);
      // A step whose gradients are not finite changes nothing else.
      isFinite = math.select(areFinite, isFinite, areFinite);
    }
    for (auto [state, value] : llvm::zip(step.results, found->statistics))
      update(state, value);

    int64_t counter = findCounter();
    if (counter < 0)
      counter = addState("step", "counter", -1, builder.getI64IntegerAttr(0),
                         scalar(i64));
    int64_t setting = addState(
        "learning_rate", "setting", -1,
        builder.getF32FloatAttr(static_cast<float>(plan.rate)), scalar(f32));
    Value number = math.add(step.addArgument(counter, scalar(i64), loc), 1);
    Value rate = step.addArgument(setting, scalar(f32), loc);
    UpdateFactors factors = buildFactors(math, plan.optimizer, rate, number);
    OptimizerOptions withoutDecay = plan.optimizer;
    withoutDecay.weightDecay = 0;
    llvm::Regex noDecay(plan.noDecay);
    update(counter, number);
    for (auto [i, parameter] : llvm::enumerate(parameters)) {
      auto type = Calculus::type(variables[i]);
      auto slotType = withElementType(type, f32);
      SmallVector<Value> slots;
      SmallVector<int64_t> slotNumbers;
      for (StringRef name : getSlots(plan.optimizer)) {
        slotNumbers.push_back(
            addState(states[parameter].name + "." + name.str(), "slot",
                     parameter, builder.getF32FloatAttr(0), slotType));
        slots.push_back(step.addArgument(slotNumbers.back(), slotType, loc));
      }
      // Where its time goes shows under the parameter's name.
      Calculus at(
          builder,
          NameLoc::get(builder.getStringAttr(states[parameter].name), loc));
      bool decays =
          plan.noDecay.empty() || !noDecay.match(states[parameter].name);
      Updated updated = buildUpdate(at, decays ? plan.optimizer : withoutDecay,
                                    factors, variables[i], gradients[i], slots);
      update(parameter, updated.parameter);
      if (plan.average > 0) {
        int64_t average = addState(states[parameter].name + ".average", "slot",
                                   parameter, states[parameter].initial);
        averages.push_back({static_cast<int64_t>(parameter), average});
        Value old = step.addArgument(average, type, loc);
        update(average, at.add(at.mul(old, plan.average),
                               at.mul(updated.parameter, 1 - plan.average)));
      }
      for (auto [slot, value] : llvm::zip(slotNumbers, updated.slots))
        update(slot, value);
    }
    step.setResults({loss}, {"loss"}, numbers, updates);
    return success();
  }

  ModuleOp module;
  const Plan &plan;
  SmallVector<State> states;
  SmallVector<std::pair<int64_t, int64_t>> averages; ///< parameter, average
  TrainingLoss objective;
  Value scale; ///< of the loss that is differentiated; null: none
  int64_t scaleState = -1;
};

class BuildTraining : public ::dl::impl::BuildTrainingBase<BuildTraining> {
  using BuildTrainingBase::BuildTrainingBase;

  void runOnOperation() override {
    Plan plan;
    auto objective = parseObjective(loss);
    auto kind = parseOptimizer(optimizer);
    if (!objective || !kind) {
      getOperation().emitError("unknown ")
          << (objective ? "optimizer '" + optimizer : "loss '" + loss) << "'";
      return signalPassFailure();
    }
    plan.objective = *objective;
    plan.optimizer = {*kind, momentum, nesterov, beta1,
                      beta2, alpha,    epsilon,  weightDecay};
    plan.rate = rate;
    plan.smoothing = smoothing;
    plan.sumsLoss = sumsLoss;
    plan.trainOnly = trainOnly;
    plan.noDecay = noDecay;
    plan.clipNorm = clipNorm;
    plan.clipValue = clipValue;
    plan.average = average;
    plan.lossScale = lossScale;
    plan.scaleIsDynamic = dynamicLossScale;
    plan.microBatches = microBatches;
    plan.dataParallel = dataParallel;
    plan.adapters = {loraRank, loraPattern, static_cast<uint64_t>(loraSeed)};
    for (const std::string &pattern :
         {plan.trainOnly, plan.noDecay, plan.adapters.pattern}) {
      std::string reason;
      if (pattern.empty() || llvm::Regex(pattern).isValid(reason))
        continue;
      getOperation().emitError("'")
          << pattern << "' is no regular expression: " << reason;
      return signalPassFailure();
    }
    if (failed(TrainingBuilder(getOperation(), plan).run()))
      signalPassFailure();
  }
};

} // namespace

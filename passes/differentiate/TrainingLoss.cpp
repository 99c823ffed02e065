// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/differentiate/TrainingLoss.h"
#include "ir/dialect/Dims.h"
#include "ir/dialect/Maps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/EntryLists.h"

using namespace mlir;
using namespace mlir::dl;

namespace dl {

static Calculus at(OpBuilder &builder, StateFunction &function) {
  return {builder, NameLoc::get(builder.getStringAttr("loss"),
                                function.function.getLoc())};
}

/// Ends the run where a label is no class. By how far the labels exceed the
/// classes becomes the value of a symbol, which none may be: it is negative.
static void addCheck(StateFunction &function, Value label, AffineExpr classes) {
  OpBuilder builder = OpBuilder::atBlockBegin(&function.body());
  Calculus math(builder, label.getLoc());
  Type i64 = builder.getI64Type();
  auto scalar = RankedTensorType::get({}, i64);
  auto reduce = [&](ReduceKind kind) {
    SmallVector<int64_t> axes =
        llvm::to_vector(llvm::seq<int64_t>(0, Calculus::rank(label)));
    return axes.empty() ? label
                        : math.create<ReduceOp>(kind, label, axes, false);
  };
  Value last = math.create<SizesOp>(
      scalar, SizeValuesAttr::get(
                  builder.getContext(),
                  getSymbolMap({simplify(classes - 1)}, builder.getContext())));
  Value zero = math.number(0, i64);
  SmallVector<Value> bounds{
      math.min(zero, reduce(ReduceKind::Min)),
      math.min(zero, math.sub(last, reduce(ReduceKind::Max)))};
  for (Value &bound : bounds)
    bound = math.reshape(bound, {math.constant(1)});
  std::string message;
  llvm::raw_string_ostream text(message);
  text << "a label is no class: expected 0 to ";
  if (auto constant = dyn_cast<AffineConstantExpr>(classes))
    text << constant.getValue() - 1;
  else
    text << "the number of classes less 1";
  SmallVector<int64_t> symbols{function.addSymbol("label.below"),
                               function.addSymbol("label.above")};
  BindOp::create(builder, label.getLoc(),
                 math.create<ConcatOp>(bounds, int64_t(0)), symbols, message);
}

void TrainingLoss::checkLabels(StateFunction &step) const {
  if (classes)
    addCheck(step, step.body().getArgument(step.numInputs() - 1), classes);
}

FailureOr<size_t>
TrainingLoss::findOutput(const StateFunction &function) const {
  SmallVector<StringRef> names = function.getOutputNames();
  if (names.empty())
    return function.function.emitError("there is no output to train");
  if (objective.output.empty())
    return 0;
  auto *found = llvm::find(names, objective.output);
  if (found != names.end())
    return found - names.begin();
  return function.function.emitError("there is no output '")
         << objective.output << "' to train; there is '"
         << llvm::join(names, "', '") << "'";
}

/// The loss of predictions and of labels that become an input, or the output
/// itself.
FailureOr<Value> TrainingLoss::build(StateFunction &function, bool isStep) {
  FailureOr<size_t> output = findOutput(function);
  if (failed(output))
    return failure();
  Value predictions = function.end()->getOperand(*output);
  auto type = dyn_cast<RankedTensorType>(predictions.getType());
  OpBuilder builder(function.end());
  Calculus math = at(builder, function);
  if (!objective.loss) {
    if (!type || !isa<FloatType>(type.getElementType()))
      return function.function.emitError("output '")
             << function.getOutputNames()[*output]
             << "' is no loss: expected floats, found "
             << predictions.getType();
    if (!type.getElementType().isF64())
      predictions = math.cast(predictions, builder.getF32Type());
    if (!type.getRank())
      return predictions;
    return sums ? math.sumAll(predictions) : math.meanAll(predictions);
  }
  RankedTensorType labelType =
      type ? getLabelType(*objective.loss, type) : type;
  if (!labelType)
    return function.function.emitError("the loss has no meaning for the first "
                                       "output, which is ")
           << predictions.getType();
  Value label = function.addInput("label", labelType);
  if (hasClassLabels(*objective.loss)) {
    AffineExpr count = getDim(type, getClassDim(type));
    if (isStep)
      classes = count;
    // A step with micro-batches checks the labels of all.
    if (!isStep || !isDivided)
      addCheck(function, label, count);
  }
  Value mean = buildLoss(math, *objective.loss, predictions, label, smoothing);
  if (!sums)
    return mean;
  // The mean is over as many as there are labels.
  return math.mul(mean, math.count(labelType, Calculus::element(mean)));
}

LogicalResult TrainingLoss::addTo(StateFunction &function, bool isStep) {
  FailureOr<Value> built = build(function, isStep);
  if (failed(built))
    return failure();
  OpBuilder builder(function.end());
  Value loss = at(builder, function).cast(*built, builder.getF32Type());
  // What is the loss itself is no other output.
  size_t count = function.numOutputs();
  llvm::BitVector dropped(count, isStep);
  if (!objective.loss)
    dropped.set(*findOutput(function));
  SmallVector<Value> outputs{loss};
  SmallVector<std::string> names{"loss"};
  for (auto [i, name] : llvm::enumerate(function.getOutputNames()))
    if (!dropped[i]) {
      outputs.push_back(function.end()->getOperand(i));
      names.push_back(name.str());
    }
  dropOutputEntries(function.function, dropped);
  auto prepend = [&](StringRef attribute, Attribute first) {
    auto entries = function.function->getAttrOfType<ArrayAttr>(attribute);
    if (!entries)
      return;
    SmallVector<Attribute> all{first};
    llvm::append_range(all, entries);
    function.function->setAttr(attribute, builder.getArrayAttr(all));
  };
  prepend(kOutputTypesAttr, TypeAttr::get(loss.getType()));
  prepend(kOutputKeysAttr, builder.getUnitAttr());
  SmallVector<int64_t> kept = function.results;
  SmallVector<Value> updates(
      function.end()->getOperands().take_back(kept.size()));
  function.setResults(outputs,
                      SmallVector<StringRef>(names.begin(), names.end()), kept,
                      updates);
  return success();
}

/// Whether a function can do without an input that nothing reads: its sizes are
/// those of others, or nothing depends on them.
static bool isDispensable(const StateFunction &function, size_t input,
                          const llvm::BitVector &unused) {
  llvm::SmallDenseSet<unsigned> needed;
  for (Operation &op : function.body())
    needed.insert_range(getUsedSymbols(&op));
  for (size_t i = 0; i < function.numInputs(); ++i)
    if (auto type = dyn_cast<RankedTensorType>(
            function.body().getArgument(i).getType());
        type && !unused[i])
      for (AffineExpr dim : getDims(type))
        if (auto symbol = dyn_cast_or_null<AffineSymbolExpr>(dim))
          needed.erase(symbol.getPosition());
  auto type =
      dyn_cast<RankedTensorType>(function.body().getArgument(input).getType());
  return type && llvm::none_of(getDims(type), [&](AffineExpr dim) {
           auto symbol = dyn_cast_or_null<AffineSymbolExpr>(dim);
           return symbol && needed.contains(symbol.getPosition());
         });
}

LogicalResult TrainingLoss::removeFrom(StateFunction &function) const {
  if (objective.loss || function.numOutputs() < 2)
    return success();
  FailureOr<size_t> output = findOutput(function);
  if (failed(output))
    return failure();
  llvm::BitVector unused(function.numInputs());
  for (size_t i = 0; i < function.numInputs(); ++i)
    unused[i] = !function.body().getArgument(i).use_empty();
  function.eraseOutput(*output);
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(function.body())))
    if (isOpTriviallyDead(&op))
      op.erase();
  for (size_t i = 0; i < function.numInputs(); ++i)
    unused[i] = unused[i] && function.body().getArgument(i).use_empty();
  llvm::BitVector dropped(function.numInputs());
  for (unsigned i : unused.set_bits())
    dropped[i] = isDispensable(function, i, unused);
  function.eraseInputs(dropped);
  return success();
}

} // namespace dl

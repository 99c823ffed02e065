// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/differentiate/MicroBatches.h"
#include "ir/dialect/Dims.h"
#include "ir/dialect/TrainingLocations.h"
#include "passes/differentiate/Calculus.h"

using namespace mlir;
using namespace mlir::dl;

namespace dl {

namespace {

class Accumulation {
public:
  Accumulation(StateFunction &step, int64_t parts, bool hasLabel, bool sums,
               ValueRange variables, int64_t counter)
      : step(step), parts(parts), hasLabel(hasLabel), sums(sums),
        variables(variables), counter(counter),
        context(step.function.getContext()), loc(step.function.getLoc()) {}

  FailureOr<Accumulated> run() {
    if (failed(findInputs()))
      return failure();
    Operation *end = step.end();
    OpBuilder builder(end);
    Calculus math(builder, loc);
    loss = end->getOperand(0);
    statistics = end->getOperands().take_back(step.results.size());
    body = new Block;
    moveOps();
    lengthenInputs();
    return build(math);
  }

private:
  AffineExpr constant(int64_t value) {
    return getAffineConstantExpr(value, context);
  }

  /// An expression of the part's size as one of the whole's: null where `parts`
  /// parts are not the whole.
  AffineExpr getWhole(AffineExpr dim) {
    if (isa<AffineConstantExpr>(dim))
      return simplify(dim * parts);
    AffineExpr longer = dim.replace(batch, batch * parts);
    return provablyEqual(longer, dim * parts) ? dim.replace(batch, whole)
                                              : AffineExpr();
  }

  bool uses(AffineExpr dim) {
    auto symbol = dyn_cast<AffineSymbolExpr>(batch);
    return symbol && dim.isFunctionOfSymbol(symbol.getPosition());
  }

  /// Chooses the inputs that are divided, and the sizes of the whole.
  LogicalResult findInputs() {
    for (size_t i = 0; i < step.numInputs(); ++i) {
      auto type =
          dyn_cast<RankedTensorType>(step.body().getArgument(i).getType());
      bool isLabel = hasLabel && i + 1 == step.numInputs();
      SmallVector<AffineExpr> dims =
          type ? getDims(type) : SmallVector<AffineExpr>();
      if (dims.empty()) {
        if (i == 0 || isLabel)
          return fail(i) << "has no dimension for the batch";
        continue;
      }
      if (i == 0)
        batch = dims[0], findSymbol();
      if (dims[0] != batch && !uses(dims[0]) && !isLabel) {
        if (llvm::any_of(dims, [&](AffineExpr dim) { return uses(dim); }))
          return fail(i) << "has the batch in another dimension than the first";
        continue;
      }
      dims[0] = getWhole(dims[0]);
      if (!dims[0] || llvm::any_of(ArrayRef(dims).drop_front(),
                                   [&](AffineExpr dim) { return uses(dim); }))
        return fail(i) << "has a size that does not grow with the batch";
      inputs.push_back(i);
      types.push_back(getTensorType(dims, type.getElementType()));
    }
    return success();
  }

  InFlightDiagnostic fail(size_t input) {
    std::string name = std::to_string(input);
    if (auto names = step.function->getAttrOfType<ArrayAttr>(kInputNamesAttr))
      name = "'" + cast<StringAttr>(names[input]).getValue().str() + "'";
    return step.function.emitError("the step cannot go through micro-batches: "
                                   "input ")
           << name << " ";
  }

  /// A symbolic batch has another symbol than its parts, which takes its name.
  void findSymbol() {
    auto symbol = dyn_cast<AffineSymbolExpr>(batch);
    if (!symbol)
      return;
    unsigned part = symbol.getPosition();
    auto names = step.function->getAttrOfType<ArrayAttr>(kSymbolsAttr);
    std::string name = cast<StringAttr>(names[part]).str();
    unsigned number = step.addSymbol(name);
    whole = getAffineSymbolExpr(number, context);
    names = step.function->getAttrOfType<ArrayAttr>(kSymbolsAttr);
    SmallVector<Attribute> changed(names.begin(), names.end());
    changed[part] = StringAttr::get(context, name + ".part");
    step.function->setAttr(kSymbolsAttr, ArrayAttr::get(context, changed));
  }

  void moveOps() {
    auto &ops = step.body().getOperations();
    body->getOperations().splice(body->end(), ops, ops.begin(),
                                 std::prev(ops.end()));
  }

  /// Gives the inputs the sizes of the whole batch, of which the part's follow.
  void lengthenInputs() {
    for (auto [input, type] : llvm::zip(inputs, types))
      micro.push_back(
          cast<RankedTensorType>(step.body().getArgument(input).getType()));
    for (auto [input, type] : llvm::zip(inputs, types))
      step.body().getArgument(input).setType(type);
    step.setResults(step.end()->getOperands());
    if (auto seen = step.function->getAttrOfType<ArrayAttr>(kInputTypesAttr)) {
      SmallVector<Attribute> all(seen.begin(), seen.end());
      for (auto [input, type] : llvm::zip(inputs, types)) {
        auto old =
            cast<RankedTensorType>(cast<TypeAttr>(all[input]).getValue());
        all[input] =
            TypeAttr::get(getTensorType(getDims(type), old.getElementType()));
      }
      step.function->setAttr(kInputTypesAttr, ArrayAttr::get(context, all));
    }
    auto symbol = dyn_cast<AffineSymbolExpr>(batch);
    if (!symbol)
      return;
    std::string message = "the batch is no multiple of " +
                          std::to_string(parts) + " micro-batches";
    OpBuilder builder = OpBuilder::atBlockBegin(&step.body());
    auto one = RankedTensorType::get({1}, builder.getI64Type());
    Value size = SizesOp::create(
        builder, loc, one,
        SizeValuesAttr::get(context,
                            getSymbolMap({whole.floorDiv(parts)}, context)));
    BindOp::create(builder, loc, size,
                   ArrayRef<int64_t>{int64_t(symbol.getPosition())}, message);
    SmallVector<Attribute> checks;
    if (auto known = step.function->getAttrOfType<ArrayAttr>(kChecksAttr))
      llvm::append_range(checks, known);
    checks.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("relation", builder.getStringAttr("eq")),
         builder.getNamedAttr("sizes",
                              AffineMapAttr::get(getSymbolMap(
                                  {whole, simplify(batch * parts)}, context))),
         builder.getNamedAttr("message", builder.getStringAttr(message))}));
    step.function->setAttr(kChecksAttr, builder.getArrayAttr(checks));
  }

  /// A scalar or tensor of float32, or of float64 where `type` is.
  static RankedTensorType widen(RankedTensorType type) {
    Type element = type.getElementType();
    return element.isF64()
               ? type
               : withElementType(type, Float32Type::get(type.getContext()));
  }

  /// What the scan begins with: sums of zero, and the statistics.
  SmallVector<Value> getFirstStates(const Calculus &math) {
    SmallVector<Value> states{math.number(0, math.builder.getF32Type())};
    for (Value variable : variables)
      states.push_back(math.zeros(widen(Calculus::type(variable))));
    for (int64_t state : step.results)
      states.push_back(step.getArgument(state));
    return states;
  }

  Accumulated build(const Calculus &math) {
    OpBuilder &builder = math.builder;
    SmallVector<Value> states = getFirstStates(math), slices;
    auto numbers = RankedTensorType::get({parts}, builder.getI64Type());
    slices.push_back(IotaOp::create(builder, loc, numbers, 0));
    for (auto [input, type] : llvm::zip(inputs, micro)) {
      SmallVector<AffineExpr> dims = getDims(type);
      dims.insert(dims.begin(), constant(parts));
      slices.push_back(math.reshape(step.body().getArgument(input), dims));
    }
    auto scan = ScanOp::create(builder, loc, ValueRange(states).getTypes(),
                               states, slices, /*reverse=*/false);
    fillBody(scan);
    Accumulated result;
    double share = sums ? 1 : 1 / static_cast<double>(parts);
    result.loss = math.mul(scan.getResult(0), share);
    for (size_t i = 0; i < variables.size(); ++i)
      result.gradients.push_back(math.mul(scan.getResult(1 + i), share));
    llvm::append_range(result.statistics,
                       scan.getResults().take_back(step.results.size()));
    return result;
  }

  void fillBody(ScanOp scan) {
    Region &region = scan.getBody();
    if (!region.empty())
      region.front().erase();
    region.push_back(body);
    for (Value state : scan.getStates())
      body->addArgument(state.getType(), loc);
    auto scalar = RankedTensorType::get({}, IntegerType::get(context, 64));
    Value number = body->addArgument(scalar, loc);
    auto replaceInside = [&](Value outside, Value inside) {
      outside.replaceUsesWithIf(inside, [&](OpOperand &use) {
        return region.isAncestor(use.getOwner()->getParentRegion());
      });
    };
    for (auto [input, type] : llvm::zip(inputs, micro)) {
      Value argument = step.body().getArgument(input);
      replaceInside(argument, body->addArgument(type, argument.getLoc()));
    }
    size_t firstStatistic = 1 + variables.size();
    for (auto [i, state] : llvm::enumerate(step.results))
      replaceInside(step.getArgument(state),
                    body->getArgument(firstStatistic + i));
    numberDraws(number);

    OpBuilder builder = OpBuilder::atBlockEnd(body);
    Calculus math(builder, loc),
        backward(builder, markPass(loc, TrainingPass::Backward));
    SmallVector<Type> variableTypes(variables.getTypes());
    auto gradient =
        GradientOp::create(builder, loc, variableTypes, loss, variables);
    SmallVector<Value> next{math.add(body->getArgument(0), loss)};
    for (auto [i, value] : llvm::enumerate(gradient.getResults())) {
      Value sum = body->getArgument(1 + i);
      next.push_back(
          backward.add(sum, backward.cast(value, Calculus::element(sum))));
    }
    llvm::append_range(next, statistics);
    YieldOp::create(builder, loc, next);
  }

  /// Random numbers follow from the counter: another one in each part.
  void numberDraws(Value number) {
    Value count = counter < 0 ? Value() : step.getArgument(counter);
    if (!count)
      return;
    OpBuilder builder = OpBuilder::atBlockBegin(body);
    Calculus math(builder, loc);
    Value first =
        math.mul(count, math.number(static_cast<double>(parts), count));
    Value own = math.add(first, number);
    count.replaceUsesWithIf(own, [&](OpOperand &use) {
      return use.getOwner() != first.getDefiningOp() &&
             body->getParent()->isAncestor(use.getOwner()->getParentRegion());
    });
  }

  StateFunction &step;
  int64_t parts;
  bool hasLabel, sums;
  ValueRange variables;
  int64_t counter;
  MLIRContext *context;
  Location loc;
  Block *body = nullptr;
  Value loss;
  SmallVector<Value> statistics;
  AffineExpr batch, whole;
  SmallVector<size_t> inputs;                 ///< those that are divided
  SmallVector<RankedTensorType> types, micro; ///< of these, whole and part
};

} // namespace

FailureOr<Accumulated> accumulate(StateFunction &step, int64_t parts,
                                  bool hasLabel, bool sums,
                                  ValueRange variables, int64_t counter) {
  return Accumulation(step, parts, hasLabel, sums, variables, counter).run();
}

} // namespace dl

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dialect.h"
#include "ir/dialect/Dims.h"
#include "ir/reference/Interpreter.h"
#include "passes/ModelFunctions.h"
#include "passes/Passes.h"
#include "passes/quantize/QuantizedValue.h"

#include "llvm/ADT/SetVector.h"

namespace dl {
#define GEN_PASS_DEF_TABULATEBYTES
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

/// Values of a byte.
constexpr int64_t kValues = 256;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

static bool isByte(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  auto element =
      type ? dyn_cast<IntegerType>(type.getElementType()) : IntegerType();
  return element && element.getWidth() == 8;
}

static std::optional<double> getNumber(Value value) {
  auto numbers = readNumbers(value, 1);
  if (!numbers || numbers->size() != 1)
    return std::nullopt;
  return numbers->front();
}

static bool haveEqualDims(Value a, Value b) {
  SmallVector<AffineExpr> left = getDims(typeOf(a)), right = getDims(typeOf(b));
  return left.size() == right.size() &&
         llvm::all_of(llvm::zip(left, right), [](auto pair) {
           return provablyEqual(std::get<0>(pair), std::get<1>(pair));
         });
}

static bool isExpensive(Operation *op) {
  return isa<ExpOp, SigmoidOp, TanhOp, ErfOp, LogOp, PowOp, SqrtOp>(op);
}

namespace {

class Tabulator {
public:
  explicit Tabulator(Block &block) : block(block) {}

  void run() {
    SmallVector<Value> functions;
    for (Operation &op : block) {
      if (op.getNumResults() != 1 || op.getNumRegions())
        continue;
      Value result = op.getResult(0);
      Value from = findOrigin(&op);
      if (from)
        origins[result] = from;
      if (from && isByte(result))
        functions.push_back(result);
    }
    // The last first: what it is a function of may then have no other use.
    for (Value value : llvm::reverse(functions))
      if (!erased.contains(value) && !value.use_empty())
        tabulate(value);
  }

private:
  /// The one tensor of bytes that the op's result is an elementwise function
  /// of; null where there is none.
  Value findOrigin(Operation *op) {
    auto fusion = dyn_cast<FusionInterface>(op);
    if (!fusion || fusion.getFusionKind() != FusionKind::Elementwise ||
        !isMemoryEffectFree(op) ||
        !isa<RankedTensorType>(op->getResult(0).getType()))
      return {};
    Value origin;
    for (Value operand : op->getOperands()) {
      if (getNumber(operand))
        continue;
      Value from = origins.lookup(operand);
      if (!from && isByte(operand))
        from = operand;
      if (!from || (origin && origin != from) ||
          !haveEqualDims(operand, op->getResult(0)))
        return {};
      origin = from;
    }
    return origin;
  }

  /// The ops between the origin and `value`, each after those that it needs.
  SmallVector<Operation *> getSteps(Value value) {
    Value origin = origins.lookup(value);
    llvm::SetVector<Operation *> steps;
    steps.insert(value.getDefiningOp());
    for (size_t i = 0; i < steps.size(); ++i)
      for (Value operand : steps[i]->getOperands())
        if (operand != origin && !getNumber(operand))
          steps.insert(operand.getDefiningOp());
    SmallVector<Operation *> sorted = steps.takeVector();
    llvm::sort(sorted, [](Operation *a, Operation *b) {
      return a->isBeforeInBlock(b);
    });
    return sorted;
  }

  void tabulate(Value value) {
    // A look-up takes about as long as so many steps.
    constexpr size_t kFew = 16;
    SmallVector<Operation *> steps = getSteps(value);
    if (steps.size() < kFew && !llvm::any_of(steps, isExpensive))
      return;
    Value origin = origins.lookup(value);
    auto table = evaluate(value, steps);
    if (!table)
      return;
    OpBuilder builder(value.getDefiningOp());
    Location loc = value.getLoc();
    Value constant = ConstantOp::create(builder, loc, *table);
    Type byte = builder.getIntegerType(8, /*isSigned=*/false);
    if (typeOf(origin).getElementType() != byte)
      origin = BitcastOp::create(builder, loc,
                                 withElementType(typeOf(origin), byte), origin);
    Value found = GatherOp::create(builder, loc, constant, origin, 0);
    value.replaceAllUsesWith(found);
    for (Operation *step : llvm::reverse(steps))
      if (step->use_empty()) {
        erased.insert(step->getResult(0));
        step->erase();
      }
  }

  /// The value for each byte, by its bits as an unsigned number.
  std::optional<DenseElementsAttr> evaluate(Value value,
                                            ArrayRef<Operation *> steps) {
    DenseMap<Value, reference::Tensor> known;
    std::vector<int64_t> bytes;
    Value origin = origins.lookup(value);
    Type element = typeOf(origin).getElementType();
    for (int64_t i = 0; i < kValues; ++i)
      bytes.push_back(
          element.isUnsignedInteger() || i < kValues / 2 ? i : i - kValues);
    known.insert(
        {origin, reference::Tensor::store<int64_t>(element, {kValues}, bytes)});
    ScopedDiagnosticHandler quiet(origin.getContext(),
                                  [](Diagnostic &) { return success(); });
    for (Operation *step : steps) {
      SmallVector<reference::Tensor> operands;
      for (Value operand : step->getOperands()) {
        auto found = known.find(operand);
        operands.push_back(found != known.end() ? found->second
                                                : getScalar(operand));
      }
      Operation *clone = step->clone();
      clone->getResult(0).setType(RankedTensorType::get(
          {kValues}, typeOf(step->getResult(0)).getElementType()));
      auto results = reference::interpretOp(clone, operands, {});
      clone->destroy();
      if (failed(results) || results->size() != 1)
        return std::nullopt;
      known.insert({step->getResult(0), results->front()});
    }
    DenseElementsAttr table = known.find(value)->second.toAttribute();
    return table.getNumElements() == kValues ? std::optional(table)
                                             : std::nullopt;
  }

  static reference::Tensor getScalar(Value value) {
    Type element = typeOf(value).getElementType();
    double number = *getNumber(value);
    if (isa<FloatType>(element))
      return reference::Tensor::store<double>(element, {},
                                              std::vector<double>{number});
    return reference::Tensor::store<int64_t>(
        element, {}, std::vector<int64_t>{static_cast<int64_t>(number)});
  }

  Block &block;
  DenseMap<Value, Value> origins;
  DenseSet<Value> erased;
};

class TabulateBytes : public ::dl::impl::TabulateBytesBase<TabulateBytes> {
  using TabulateBytesBase::TabulateBytesBase;

  void runOnOperation() override {
    forEachModelFunction(getOperation(), [](func::FuncOp function) {
      Tabulator(function.getBody().front()).run();
    });
  }
};

} // namespace

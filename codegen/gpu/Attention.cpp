// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/Attention.h"
#include "codegen/cpu/AttentionEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace ::dl::gpucode;
using mlir::dl::cpu::LaneIndex;
using mlir::dl::cpu::Position;

/// What a value is converted from, from one floating-point type to another.
static Value skipCasts(Value value) {
  while (Operation *op = value.getDefiningOp())
    if (isa<arith::ExtFOp, arith::TruncFOp>(op))
      value = op->getOperand(0);
    else
      break;
  return value;
}

/// What the body of an elementwise operation yields.
static Value getYielded(linalg::GenericOp op) {
  return skipCasts(op.getBody()->getTerminator()->getOperand(0));
}

static bool isElementwise(linalg::GenericOp op, unsigned inputs) {
  return op && op.getNumParallelLoops() == op.getNumLoops() &&
         op.getNumDpsInputs() == inputs && op.getNumResults() == 1 &&
         op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity();
}

/// Whether an operand is read at all of the loops, or at all but the last.
static bool isRead(linalg::GenericOp op, unsigned input, bool isRow) {
  unsigned loops = op.getNumLoops();
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInputOperand(input));
  return map == AffineMap::getMultiDimIdentityMap(loops, op.getContext())
                    .getMajorSubMap(isRow ? loops - 1 : loops);
}

/// The tensor before conversions of whole tensors.
static Value skipCastTensors(Value tensor) {
  while (true) {
    auto op = tensor.getDefiningOp<linalg::GenericOp>();
    if (!isElementwise(op, 1) || !isRead(op, 0, /*isRow=*/false) ||
        getYielded(op) != op.getRegionInputArgs()[0])
      return tensor;
    tensor = op.getDpsInputs()[0];
  }
}

/// The operand of a reduction of each row by `Combiner`.
template <typename Combiner>
static Value getReducedRows(Value rows, function_ref<bool(Value)> isStart) {
  auto op = skipCastTensors(rows).getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumDpsInputs() != 1 || op.getNumReductionLoops() != 1 ||
      op.getIteratorTypesArray().back() != utils::IteratorType::reduction ||
      !isRead(op, 0, /*isRow=*/false) ||
      !isa_and_present<Combiner>(mlir::dl::cpu::getCombiner(op)))
    return {};
  auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  if (!fill || !isStart(fill.getInputs()[0]) ||
      op.getMatchingIndexingMap(op.getDpsInitOperand(0)) !=
          AffineMap::getMultiDimIdentityMap(op.getNumLoops(), op.getContext())
              .getMajorSubMap(op.getNumLoops() - 1))
    return {};
  return op.getDpsInputs()[0];
}

//===----------------------------------------------------------------------===//
// What a mask leaves
//===----------------------------------------------------------------------===//

namespace {

/// Follows a value of the body of an elementwise operation to what it is made
/// of, in bodies of the operations that it reads.
class MaskFinder {
public:
  explicit MaskFinder(unsigned rank) : rank(rank) {}

  std::optional<int64_t> find(Value tensor, ArrayRef<AffineExpr> at) {
    auto op = tensor.getDefiningOp<linalg::GenericOp>();
    if (!op || op.getNumParallelLoops() != op.getNumLoops() ||
        op.getNumResults() != 1 ||
        !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
      return std::nullopt;
    if (!searched.insert({tensor, toKey(at, tensor.getContext())}).second)
      return std::nullopt; // it was not there
    return findInBody(op, op.getBody()->getTerminator()->getOperand(0), at);
  }

private:
  using Result = std::optional<int64_t>;

  /// Where an operand's elements stand.
  static SmallVector<AffineExpr> getPlace(linalg::GenericOp op, unsigned input,
                                          ArrayRef<AffineExpr> at) {
    AffineMap map = op.getMatchingIndexingMap(op.getDpsInputOperand(input));
    SmallVector<AffineExpr> place;
    for (AffineExpr expr : map.getResults())
      place.push_back(expr.replaceDims(at));
    return place;
  }

  Result findInBody(linalg::GenericOp op, Value value,
                    ArrayRef<AffineExpr> at) {
    value = skipCasts(value);
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      unsigned number = argument.getArgNumber();
      if (argument.getOwner() != op.getBody() || number >= op.getNumDpsInputs())
        return std::nullopt;
      return find(op.getDpsInputs()[number], getPlace(op, number, at));
    }
    if (auto add = value.getDefiningOp<arith::AddFOp>()) {
      Result left = findInBody(op, add.getLhs(), at);
      return left ? left : findInBody(op, add.getRhs(), at);
    }
    auto select = value.getDefiningOp<arith::SelectOp>();
    if (!select)
      return std::nullopt;
    if (matchPattern(select.getFalseValue(), m_NegInfFloat()))
      return compare(op, select.getCondition(), at, /*isMasked=*/false);
    if (matchPattern(select.getTrueValue(), m_NegInfFloat()))
      return compare(op, select.getCondition(), at, /*isMasked=*/true);
    return std::nullopt;
  }

  /// A condition that says `column <= row + reach`, or `isMasked` the contrary.
  Result compare(linalg::GenericOp op, Value condition, ArrayRef<AffineExpr> at,
                 bool isMasked) {
    if (auto argument = dyn_cast<BlockArgument>(condition)) {
      unsigned number = argument.getArgNumber();
      if (argument.getOwner() != op.getBody() || number >= op.getNumDpsInputs())
        return std::nullopt;
      auto source =
          op.getDpsInputs()[number].getDefiningOp<linalg::GenericOp>();
      if (!source || source.getNumResults() != 1 ||
          source.getNumParallelLoops() != source.getNumLoops())
        return std::nullopt;
      return compare(source, source.getBody()->getTerminator()->getOperand(0),
                     getPlace(op, number, at), isMasked);
    }
    auto compared = condition.getDefiningOp<arith::CmpIOp>();
    if (!compared)
      return std::nullopt;
    AffineExpr less = number(op, compared.getLhs(), at),
               more = number(op, compared.getRhs(), at);
    if (!less || !more)
      return std::nullopt;
    arith::CmpIPredicate predicate =
        isMasked ? arith::invertPredicate(compared.getPredicate())
                 : compared.getPredicate();
    if (predicate == arith::CmpIPredicate::sge ||
        predicate == arith::CmpIPredicate::sgt) {
      std::swap(less, more);
      predicate = predicate == arith::CmpIPredicate::sge
                      ? arith::CmpIPredicate::sle
                      : arith::CmpIPredicate::slt;
    }
    if (predicate != arith::CmpIPredicate::sle &&
        predicate != arith::CmpIPredicate::slt)
      return std::nullopt;
    // less <= more is the same as column <= row + reach.
    MLIRContext *context = op.getContext();
    AffineExpr rest =
        simplifyAffineExpr(more - less + getAffineDimExpr(rank - 1, context) -
                               getAffineDimExpr(rank - 2, context),
                           rank, 0);
    auto constant = dyn_cast<AffineConstantExpr>(rest);
    if (!constant)
      return std::nullopt;
    return constant.getValue() - (predicate == arith::CmpIPredicate::slt);
  }

  /// An integer as a formula of the position in the scores; null for others.
  AffineExpr number(linalg::GenericOp op, Value value,
                    ArrayRef<AffineExpr> at) {
    MLIRContext *context = op.getContext();
    APInt constant;
    if (matchPattern(value, m_ConstantInt(&constant)))
      return getAffineConstantExpr(constant.getSExtValue(), context);
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      unsigned input = argument.getArgNumber();
      if (argument.getOwner() != op.getBody() || input >= op.getNumDpsInputs())
        return {};
      auto source = op.getDpsInputs()[input].getDefiningOp<linalg::GenericOp>();
      if (!source || source.getNumResults() != 1 ||
          source.getNumParallelLoops() != source.getNumLoops())
        return {};
      SmallVector<AffineExpr> place = getPlace(op, input, at);
      std::pair key{op.getDpsInputs()[input], toKey(place, context)};
      if (auto known = numbers.find(key); known != numbers.end())
        return known->second;
      AffineExpr found = number(
          source, source.getBody()->getTerminator()->getOperand(0), place);
      numbers[key] = found;
      return found;
    }
    Operation *from = value.getDefiningOp();
    if (auto position = dyn_cast_or_null<linalg::IndexOp>(from))
      return at[position.getDim()];
    if (isa_and_present<arith::IndexCastOp, arith::ExtSIOp>(from))
      return number(op, from->getOperand(0), at);
    if (!isa_and_present<arith::AddIOp, arith::SubIOp>(from))
      return {};
    AffineExpr a = number(op, from->getOperand(0), at),
               b = number(op, from->getOperand(1), at);
    if (!a || !b)
      return {};
    return isa<arith::AddIOp>(from) ? a + b : a - b;
  }

  AffineMap toKey(ArrayRef<AffineExpr> at, MLIRContext *context) const {
    return AffineMap::get(rank, 0, at, context);
  }

  unsigned rank;
  // Where tensors were looked at: several operations may read one.
  DenseSet<std::pair<Value, AffineMap>> searched;
  DenseMap<std::pair<Value, AffineMap>, AffineExpr> numbers;
};

} // namespace

static std::optional<int64_t> findReach(Value logits) {
  auto rank =
      static_cast<unsigned>(cast<ShapedType>(logits.getType()).getRank());
  SmallVector<AffineExpr> at;
  for (unsigned d = 0; d < rank; ++d)
    at.push_back(getAffineDimExpr(d, logits.getContext()));
  return MaskFinder(rank).find(logits, at);
}

namespace dl::gpucode {

Position OnlineAttention::getDims(const mlir::dl::cpu::Contraction &contraction,
                                  ArrayRef<LaneIndex> position) const {
  linalg::GenericOp op = contraction.op;
  AffineMap map = contraction.op == scores.op
                      ? op.getMatchingIndexingMap(op.getDpsInitOperand(0))
                      : op.getMatchingIndexingMap(contraction.rowSide);
  Position dims(op.getNumLoops());
  for (auto [expr, at] : llvm::zip(map.getResults(), position))
    dims[cast<AffineDimExpr>(expr).getPosition()] = at;
  return dims;
}

std::optional<OnlineAttention> findAttention(func::FuncOp kernel) {
  if (kernel.getNumResults() != 1)
    return std::nullopt;
  auto found = mlir::dl::cpu::Attention::match(kernel);
  if (!found)
    return std::nullopt;
  // weights = exp(logits - row's maximum) / row's sum
  auto quotient = skipCastTensors(found->mix.rowSide->get())
                      .getDefiningOp<linalg::GenericOp>();
  if (!isElementwise(quotient, 2) || !isRead(quotient, 0, false) ||
      !isRead(quotient, 1, true))
    return std::nullopt;
  auto divide = getYielded(quotient).getDefiningOp<arith::DivFOp>();
  if (!divide ||
      skipCasts(divide.getLhs()) != quotient.getRegionInputArgs()[0] ||
      skipCasts(divide.getRhs()) != quotient.getRegionInputArgs()[1])
    return std::nullopt;
  Value powers = skipCastTensors(quotient.getDpsInputs()[0]);
  Value summed = getReducedRows<arith::AddFOp>(
      quotient.getDpsInputs()[1],
      [](Value start) { return matchPattern(start, m_AnyZeroFloat()); });
  if (!summed || skipCastTensors(summed) != powers)
    return std::nullopt;
  auto exponent = powers.getDefiningOp<linalg::GenericOp>();
  if (!isElementwise(exponent, 2) || !isRead(exponent, 0, false) ||
      !isRead(exponent, 1, true))
    return std::nullopt;
  auto power = getYielded(exponent).getDefiningOp<math::ExpOp>();
  auto difference =
      power ? skipCasts(power.getOperand()).getDefiningOp<arith::SubFOp>()
            : arith::SubFOp();
  if (!difference ||
      skipCasts(difference.getLhs()) != exponent.getRegionInputArgs()[0] ||
      skipCasts(difference.getRhs()) != exponent.getRegionInputArgs()[1])
    return std::nullopt;
  Value logits = exponent.getDpsInputs()[0];
  Value compared = getReducedRows<arith::MaximumFOp>(
      exponent.getDpsInputs()[1],
      [](Value start) { return matchPattern(start, m_NegInfFloat()); });
  if (!compared || skipCastTensors(compared) != skipCastTensors(logits) ||
      !mlir::dl::cpu::followsElementwise(logits, found->scores.op))
    return std::nullopt;
  return OnlineAttention{found->scores, found->mix, logits, findReach(logits)};
}

} // namespace dl::gpucode

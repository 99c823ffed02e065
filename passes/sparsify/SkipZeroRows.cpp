// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dims.h"
#include "passes/Assumptions.h"
#include "passes/Passes.h"
#include "passes/differentiate/Calculus.h"
#include "passes/sparsify/ChosenZeros.h"
#include "passes/sparsify/RowSlice.h"

#include "mlir/Transforms/RegionUtils.h"

namespace dl {
#define GEN_PASS_DEF_SKIPZEROROWS
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

/// Multiplications below which finding the rows costs as much as it saves: some
/// 50 microseconds of them.
constexpr int64_t kMinMultiplications = int64_t(1) << 22;
/// What a symbolic number of rows is taken for.
constexpr int64_t kAssumedRows = 64;

namespace {

/// `value`, of which rows are zero where those of `mask` are: mask [R.., 1..],
/// value [R.., ..].
struct MaskedRows {
  Operation *root;
  Value mask, value;
  int64_t numRowDims;
};

class SkipZeroRows : public ::dl::impl::SkipZeroRowsBase<SkipZeroRows> {
  using SkipZeroRowsBase::SkipZeroRowsBase;

  void runOnOperation() override {
    SmallVector<MaskedRows> found;
    getOperation().walk([&](Operation *op) {
      if (auto rows = match(op))
        found.push_back(*rows);
    });
    int64_t numProducts = 0;
    for (const MaskedRows &rows : found) {
      numProducts += isa<MulOp>(rows.root);
      rewrite(rows);
    }
    if (!found.empty()) {
      IRRewriter rewriter(&getContext());
      (void)runRegionDCE(rewriter, getOperation()->getRegions());
    }
    if (numProducts)
      ::dl::addAssumption(
          getOperation(),
          Twine(numProducts) +
              " products with weights that may be zero are "
              "computed for the rows alone whose weight is not: it is assumed "
              "that the values that they multiply are finite "
              "(--assume-finite)");
  }

  std::optional<MaskedRows> match(Operation *op);
  void rewrite(const MaskedRows &rows);
  AffineExpr addSymbol();
  Value createPositions(const ::dl::Calculus &build, Value isTaken);
};

} // namespace

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The number of leading dimensions that `mask` and `value` share, all others
/// of the mask being 1; nothing where there are none, or none are left for a
/// row.
static std::optional<int64_t> getNumRowDims(Value mask, Value value) {
  SmallVector<AffineExpr> a = getDims(tensorType(mask)),
                          b = getDims(tensorType(value));
  if (a.size() != b.size() || llvm::is_contained(a, AffineExpr()) ||
      llvm::is_contained(b, AffineExpr()))
    return std::nullopt;
  int64_t count = a.size();
  while (count > 0 && a[count - 1] == 1)
    --count;
  while (count < static_cast<int64_t>(a.size()) && b[count] == 1)
    ++count;
  if (count == 0 || count == static_cast<int64_t>(a.size()) ||
      ArrayRef(a).take_front(count) != ArrayRef(b).take_front(count))
    return std::nullopt;
  return count;
}

std::optional<MaskedRows> SkipZeroRows::match(Operation *op) {
  auto get = [&](Value mask, Value value) -> std::optional<MaskedRows> {
    auto numRowDims = getNumRowDims(mask, value);
    if (!numRowDims || tensorType(value) != op->getResult(0).getType() ||
        value.getParentBlock() != op->getBlock() || !value.getDefiningOp())
      return std::nullopt;
    if (isa<MulOp>(op) && !isZeroByChoice(mask))
      return std::nullopt;
    RowSlice slice(value, *numRowDims);
    auto numRows = dyn_cast<AffineConstantExpr>(slice.getNumRows());
    int64_t all = slice.getMultiplications() *
                  (numRows ? numRows.getValue() : kAssumedRows);
    if (all < kMinMultiplications)
      return std::nullopt;
    return MaskedRows{op, mask, value, *numRowDims};
  };
  if (auto select = dyn_cast<SelectOp>(op)) {
    if (isZero(select.getOnFalse()))
      return get(select.getCondition(), select.getOnTrue());
  } else if (auto mul = dyn_cast<MulOp>(op)) {
    if (!assumeFinite || !isa<FloatType>(getElementTypeOrSelf(mul.getType())))
      return std::nullopt;
    for (auto [mask, value] : {std::pair(mul.getLhs(), mul.getRhs()),
                               std::pair(mul.getRhs(), mul.getLhs())})
      if (auto rows = get(mask, value))
        return rows;
  }
  return std::nullopt;
}

AffineExpr SkipZeroRows::addSymbol() {
  func::FuncOp function = getOperation();
  SmallVector<Attribute> names;
  if (auto given = function->getAttrOfType<ArrayAttr>(kSymbolsAttr))
    names.append(given.begin(), given.end());
  OpBuilder builder(&getContext());
  AffineExpr symbol = builder.getAffineSymbolExpr(names.size());
  names.push_back(builder.getStringAttr("rows." + Twine(names.size())));
  function->setAttr(kSymbolsAttr, builder.getArrayAttr(names));
  return symbol;
}

/// A size as a scalar of i64.
static Value createSize(const ::dl::Calculus &build, AffineExpr size) {
  auto type = RankedTensorType::get({}, build.builder.getI64Type());
  Attribute value = getSizeAttr({size}, type);
  if (auto number = dyn_cast<ElementsAttr>(value))
    return ConstantOp::create(build.builder, build.loc, type, number);
  return build.create<SizesOp>(type, cast<SizeValuesAttr>(value));
}

/// The positions, [n], of the elements of a vector that are true: each goes to
/// the place that the number of those before it says. n is a new symbol.
Value SkipZeroRows::createPositions(const ::dl::Calculus &build,
                                    Value isTaken) {
  Type i64 = build.builder.getI64Type();
  AffineExpr size = getDim(tensorType(isTaken), 0), count = addSymbol();
  Value ones = build.cast(isTaken, i64);
  BindOp::create(build.builder, build.loc,
                 build.sum(ones, {0}, /*keepDims=*/true),
                 ArrayRef<int64_t>{cast<AffineSymbolExpr>(count).getPosition()},
                 "the number of rows that are not zero is out of range");
  Value place = build.create<CumsumOp>(ones, int64_t(0), /*exclusive=*/true,
                                       /*reverse=*/false);
  Value to = build.select(isTaken, place, createSize(build, size));
  Value numbers = build.create<IotaOp>(ones.getType(), int64_t(0));
  return build.create<ScatterElementsOp>(
      ScatterKind::Set, build.zeros(getTensorType({count}, i64)), to, numbers,
      int64_t(0));
}

void SkipZeroRows::rewrite(const MaskedRows &rows) {
  Operation *op = rows.root;
  RowSlice slice(rows.value, rows.numRowDims);
  RankedTensorType type = tensorType(rows.value);
  // A sum that the rows are added to changes in these rows alone.
  AddOp sum;
  if (op->hasOneUse() && op->getResult(0).getType() == type)
    if (auto add = dyn_cast<AddOp>(*op->user_begin());
        add && add->getBlock() == op->getBlock() && add.getType() == type &&
        add.getLhs() != add.getRhs())
      sum = add;
  Value others;
  if (sum)
    others = sum.getLhs() == op->getResult(0) ? sum.getRhs() : sum.getLhs();
  if (others && others.getType() != type)
    sum = {}, others = {};

  Operation *last = sum ? sum.getOperation() : op;
  OpBuilder builder(last);
  ::dl::Calculus build(builder, op->getLoc());
  AffineExpr numRows = slice.getNumRows();
  Value isTaken = build.reshape(rows.mask, {numRows});
  if (!::dl::Calculus::element(isTaken).isInteger(1))
    isTaken = build.compare(Predicate::Ne, isTaken, 0);
  Value positions = createPositions(build, isTaken);
  AffineExpr count = getDim(tensorType(positions), 0);
  Value updates = slice.createOnRows(builder, positions);
  if (isa<MulOp>(op))
    updates =
        build.mul(slice.createRows(builder, rows.mask, positions), updates);

  SmallVector<AffineExpr> rest(
      ArrayRef(getDims(type)).drop_front(rows.numRowDims));
  auto getFlat = [&](AffineExpr rowCount) {
    SmallVector<AffineExpr> dims{rowCount};
    dims.append(rest);
    return dims;
  };
  Value onto =
      others
          ? build.reshape(others, getFlat(numRows))
          : build.zeros(getTensorType(getFlat(numRows), type.getElementType()));
  Value result = build.create<ScatterNdOp>(
      others ? ScatterKind::Add : ScatterKind::Set, onto,
      build.reshape(positions, {count, build.constant(1)}),
      build.reshape(updates, getFlat(count)));
  last->replaceAllUsesWith(ValueRange{build.reshape(result, getDims(type))});
}

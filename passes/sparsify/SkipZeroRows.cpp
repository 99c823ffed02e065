// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dims.h"
#include "passes/Assumptions.h"
#include "passes/Passes.h"
#include "passes/differentiate/Calculus.h"
#include "passes/sparsify/MaskedRows.h"
#include "passes/sparsify/RowSlice.h"

#include "mlir/Transforms/RegionUtils.h"

namespace dl {
#define GEN_PASS_DEF_SKIPZEROROWS
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

namespace {

class SkipZeroRows : public ::dl::impl::SkipZeroRowsBase<SkipZeroRows> {
  using SkipZeroRowsBase::SkipZeroRowsBase;

  void runOnOperation() override {
    SmallVector<MaskedRows> found;
    getOperation().walk([&](Operation *op) {
      if (auto rows = matchMaskedRows(op, assumeFinite))
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

  void rewrite(const MaskedRows &rows);
  AffineExpr addSymbol();
  Value createPositions(const ::dl::Calculus &build, Value isTaken);
};

} // namespace

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
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

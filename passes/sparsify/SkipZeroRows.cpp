// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dims.h"
#include "passes/Assumptions.h"
#include "passes/Passes.h"
#include "passes/sparsify/ChosenZeros.h"
#include "passes/sparsify/RowSlice.h"

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

/// Builds ops at one place.
class Builder {
public:
  Builder(OpBuilder &builder, Location loc) : builder(builder), loc(loc) {}

  template <typename Op, typename... Args> auto create(Args &&...args) {
    return Op::create(builder, loc, std::forward<Args>(args)...);
  }
  Type i64() { return builder.getI64Type(); }
  AffineExpr constant(int64_t value) {
    return getAffineConstantExpr(value, builder.getContext());
  }
  Value zero(Type elementType) {
    auto type = RankedTensorType::get({}, elementType);
    return create<ConstantOp>(type,
                              cast<ElementsAttr>(DenseElementsAttr::get(
                                  type, builder.getZeroAttr(elementType))));
  }
  Value zeros(ArrayRef<AffineExpr> dims, Type elementType) {
    return create<BroadcastOp>(getTensorType(dims, elementType),
                               zero(elementType));
  }
  Value reshape(Value value, ArrayRef<AffineExpr> dims) {
    return create<ReshapeOp>(getTensorType(dims, getElementTypeOrSelf(value)),
                             value);
  }
  Value size(AffineExpr expr) {
    auto type = RankedTensorType::get({}, i64());
    Attribute value = getSizeAttr({expr}, type);
    if (auto number = dyn_cast<ElementsAttr>(value))
      return create<ConstantOp>(type, number);
    return create<SizesOp>(type, cast<SizeValuesAttr>(value));
  }

private:
  OpBuilder &builder;
  Location loc;
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
    if (numProducts)
      ::dl::addAssumption(
          getOperation(),
          Twine(numProducts) +
              " products with weights that may be zero are "
              "computed for the rows alone whose weight is not: it is assumed "
              "that "
              "the values that they multiply are finite (--assume-finite)");
  }

  std::optional<MaskedRows> match(Operation *op);
  void rewrite(const MaskedRows &rows);
  AffineExpr addSymbol();
  Value createPositions(OpBuilder &builder, Location loc, Value isTaken);
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
      if (auto rows = get(mask, value); rows && isZeroByChoice(mask))
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

/// The positions, [n], of the elements of a vector that are true: each goes to
/// the place that the number of those before it says. n is a new symbol.
Value SkipZeroRows::createPositions(OpBuilder &builder, Location loc,
                                    Value isTaken) {
  Builder build(builder, loc);
  AffineExpr size = getDim(tensorType(isTaken), 0), count = addSymbol();
  auto vector = getTensorType({size}, build.i64());
  Value ones = build.create<CastOp>(vector, isTaken);
  Value total =
      build.create<ReduceOp>(ReduceKind::Sum, ones, ArrayRef<int64_t>{0}, true);
  build.create<BindOp>(
      total, ArrayRef<int64_t>{cast<AffineSymbolExpr>(count).getPosition()},
      "the number of rows that are not zero is out of range");
  Value place = build.create<CumsumOp>(ones, int64_t(0), /*exclusive=*/true,
                                       /*reverse=*/false);
  Value to = build.create<SelectOp>(isTaken, place, build.size(size));
  Value numbers = build.create<IotaOp>(vector, int64_t(0));
  return build.create<ScatterElementsOp>(ScatterKind::Set,
                                         build.zeros({count}, build.i64()), to,
                                         numbers, int64_t(0));
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
  Location loc = op->getLoc();
  Builder build(builder, loc);
  AffineExpr numRows = slice.getNumRows();
  Value isTaken = build.reshape(rows.mask, {numRows});
  if (!tensorType(isTaken).getElementType().isInteger(1))
    isTaken = build.create<CompareOp>(
        Predicate::Ne, isTaken,
        build.zero(tensorType(isTaken).getElementType()));
  Value positions = createPositions(builder, loc, isTaken);
  AffineExpr count = getDim(tensorType(positions), 0);
  Value updates = slice.createOnRows(builder, positions);
  if (isa<MulOp>(op))
    updates = build.create<MulOp>(
        slice.createRows(builder, rows.mask, positions), updates);

  SmallVector<AffineExpr> rest(
      ArrayRef(getDims(type)).drop_front(rows.numRowDims));
  auto flatten = [&](Value value, AffineExpr rowCount) {
    SmallVector<AffineExpr> dims{rowCount};
    dims.append(rest);
    return rows.numRowDims == 1 ? value : build.reshape(value, dims);
  };
  SmallVector<AffineExpr> all{numRows};
  all.append(rest);
  Value onto = others ? flatten(others, numRows)
                      : build.zeros(all, type.getElementType());
  Value result = build.create<ScatterNdOp>(
      others ? ScatterKind::Add : ScatterKind::Set, onto,
      build.reshape(positions, {count, build.constant(1)}),
      flatten(updates, count));
  if (rows.numRowDims != 1)
    result = build.create<ReshapeOp>(type, result);
  last->replaceAllUsesWith(ValueRange{result});
  // What only fed it goes, from its end.
  SmallVector<Operation *> dead{last};
  while (!dead.empty()) {
    Operation *next = dead.pop_back_val();
    if (!next->use_empty() || !isPure(next))
      continue;
    SmallVector<Value> operands(next->getOperands());
    next->erase();
    for (Value operand : operands)
      if (Operation *source = operand.getDefiningOp();
          source && !llvm::is_contained(dead, source))
        dead.push_back(source);
  }
}

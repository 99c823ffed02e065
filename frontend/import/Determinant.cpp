// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Det, and Inverse of com.microsoft: Gaussian elimination with partial
// pivoting, as a loop over the columns.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Contrib.h"
#include "frontend/import/Families.h"
#include "frontend/import/Matmul.h"
#include "frontend/import/Sizes.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

namespace {

/// What goes from column to column, for matrices [B, M, M]. Rows stay where
/// they are; those that have been a pivot's are left out from then on.
struct Elimination {
  Value matrices;
  Value isLeft;      // i1 [B, M]
  Value determinant; // [B, 1]
};

/// Builds the loop's body.
class Eliminator {
public:
  explicit Eliminator(NodeContext &context) : context(context), math(context) {}

  Elimination eliminate(const Elimination &from, Value column) {
    Exprs dims = NodeContext::dims(from.matrices);
    AffineExpr one = context.constantExpr(1);
    Pivot found = findPivot(from.matrices, from.isLeft, column);
    auto [entries, rows, row, isPivot, pivotRow, pivot] = found;

    Elimination to;
    to.determinant = math.mul(math.mul(from.determinant, pivot),
                              getSign(from.isLeft, rows, row, pivot));
    to.isLeft =
        context.create<AndOp>(from.isLeft, context.create<NotOp>(isPivot));
    // A column of zeros leaves nothing to do: the determinant is zero.
    Value isZero = math.compare(Predicate::Eq, pivot, 0.0);
    Value factors = math.select(isZero, 0.0, math.div(entries, pivot));
    factors = math.select(to.isLeft, factors, 0.0);
    to.matrices = math.sub(
        from.matrices,
        math.mul(context.reshape(factors, {dims[0], dims[1], one}), pivotRow));
    return to;
  }

  /// A row for a column: of those that are left, the one with the largest
  /// magnitude there.
  struct Pivot {
    Value entries;  // of the column, [B, M]
    Value rows;     // their numbers, [1, M]
    Value row;      // the pivot's, [B, 1]
    Value isPivot;  // i1 [B, M]
    Value pivotRow; // [B, 1, columns]
    Value pivot;    // [B, 1]
  };

  Pivot findPivot(Value matrices, Value isLeft, Value column) {
    Exprs dims = NodeContext::dims(matrices);
    Pivot found;
    found.entries = context.create<GatherOp>(matrices, column, 2);
    found.rows = math.iota(dims[1], 1, 2, context.builder.getI64Type());
    found.row = context.create<ArgReduceOp>(
        ReduceKind::Max, math.select(isLeft, math.abs(found.entries), -1.0),
        int64_t(1), /*keepdims=*/true, /*select_last=*/false);
    found.isPivot = math.compare(Predicate::Eq, found.rows, found.row);
    found.pivotRow = math.reduce(
        ReduceKind::Sum,
        math.select(context.reshape(found.isPivot, {dims[0], dims[1],
                                                    context.constantExpr(1)}),
                    matrices, 0.0),
        {1}, /*keepDims=*/true);
    found.pivot = context.create<GatherOp>(found.pivotRow, column, 2);
    return found;
  }

  /// Makes a column that of a unit matrix, whose rows are in another order:
  /// `places`, i64 [B, M], becomes the column for its pivot's row.
  std::array<Value, 3> reduce(Value matrices, Value isLeft, Value places,
                              Value column) {
    Exprs dims = NodeContext::dims(matrices);
    Pivot found = findPivot(matrices, isLeft, column);
    Value factors =
        math.select(found.isPivot, math.sub(found.entries, 1.0), found.entries);
    factors = math.div(factors, found.pivot);
    Value reduced = math.sub(
        matrices, math.mul(context.reshape(factors, {dims[0], dims[1],
                                                     context.constantExpr(1)}),
                           found.pivotRow));
    return {reduced,
            context.create<AndOp>(isLeft, context.create<NotOp>(found.isPivot)),
            math.select(found.isPivot, column, places)};
  }

private:
  /// Bringing a row to the front passes by those that are left before it.
  Value getSign(Value isLeft, Value rows, Value row, Value like) {
    Value passes =
        context.create<AndOp>(isLeft, math.compare(Predicate::Lt, rows, row));
    Value count = math.reduce(
        ReduceKind::Sum, context.cast(passes, context.builder.getI64Type()),
        {1}, /*keepDims=*/true);
    if (!like)
      return Value();
    Value isOdd =
        math.compare(Predicate::Ne, math.apply<ModOp>(count, 2.0), 0.0);
    return math.select(isOdd, -1.0,
                       context.splat(1, NodeContext::elementType(like)));
  }

  NodeContext &context;
  Arithmetic math;
};

} // namespace

/// The states after all columns, one after the other; empty, with the node
/// reported, where a step cannot be built.
static SmallVector<Value>
scanColumns(NodeContext &context, ArrayRef<Value> states, Value columns,
            function_ref<SmallVector<Value>(ValueRange, Value)> step) {
  auto loop = ScanOp::create(context.builder, context.loc,
                             ValueRange(states).getTypes(), states, columns,
                             /*reverse=*/false);
  OpBuilder::InsertionGuard guard(context.builder);
  Block *body = context.builder.createBlock(&loop.getBody());
  for (Value state : states)
    body->addArgument(state.getType(), context.loc);
  Value column = body->addArgument(
      RankedTensorType::get({}, context.builder.getI64Type()), context.loc);
  SmallVector<Value> results =
      step(ValueRange(body->getArguments()).take_front(states.size()), column);
  if (llvm::is_contained(results, Value())) {
    (void)context.unsupported("its step cannot be built");
    return {};
  }
  YieldOp::create(context.builder, context.loc, results);
  return SmallVector<Value>(loop.getResults());
}

/// The size of the square matrices that `x` holds; null with the node reported
/// where it holds none.
static AffineExpr getMatrixSize(NodeContext &context, Value x) {
  int64_t rank = NodeContext::rank(x);
  if (rank < 2) {
    (void)context.invalid("its input has rank " + Twine(rank) +
                          ", expected 2 or more");
    return {};
  }
  Exprs dims = NodeContext::dims(x);
  if (failed(context.requireEqual(dims[rank - 2], dims[rank - 1],
                                  "its matrices are not square")))
    return {};
  return dims[rank - 1];
}

static LogicalResult importDet(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  AffineExpr size = getMatrixSize(context, x);
  if (!size)
    return failure();
  Exprs dims = NodeContext::dims(x);
  AffineExpr one = context.constantExpr(1);
  ArrayRef<AffineExpr> leading = ArrayRef(dims).drop_back(2);
  AffineExpr batch = getProduct(context, leading);
  Type type = NodeContext::elementType(x), i1 = context.builder.getI1Type();
  Elimination first{context.reshape(x, {batch, size, size}),
                    context.broadcast(context.splat(1, i1), {batch, size}),
                    context.broadcast(context.splat(1, type), {batch, one})};
  Value columns = math.iota(size, 0, 1, context.builder.getI64Type());
  SmallVector<Value> states{first.matrices, first.isLeft, first.determinant};
  if (!columns || llvm::is_contained(states, Value()))
    return failure();
  SmallVector<Value> last =
      scanColumns(context, states, columns, [&](ValueRange from, Value column) {
        Elimination next =
            Eliminator(context).eliminate({from[0], from[1], from[2]}, column);
        return SmallVector<Value>{next.matrices, next.isLeft, next.determinant};
      });
  return last.empty() ? failure()
                      : context.setResults(context.reshape(last[2], leading));
}

/// Gauss and Jordan's elimination of a matrix with a unit matrix beside it.
static LogicalResult importInverse(NodeContext &context) {
  if (failed(requireFloats(context, {0})))
    return failure();
  Arithmetic math(context);
  Value x = context.input(0);
  AffineExpr size = getMatrixSize(context, x);
  if (!size)
    return failure();
  Exprs dims = NodeContext::dims(x);
  AffineExpr one = context.constantExpr(1);
  AffineExpr batch = getProduct(context, ArrayRef(dims).drop_back(2));
  Type type = NodeContext::elementType(x), i1 = context.builder.getI1Type(),
       i64 = context.builder.getI64Type();
  Value wide = widen(context, context.reshape(x, {batch, size, size}));
  if (!wide)
    return failure();
  Type float32 = NodeContext::elementType(wide);
  Value row = math.iota(size, 1, 3, i64), column = math.iota(size, 2, 3, i64);
  Value unit = context.broadcast(
      context.cast(math.compare(Predicate::Eq, row, column), float32),
      {batch, size, size});
  SmallVector<Value> states{
      context.create<ConcatOp>(SmallVector<Value>{wide, unit}, int64_t(2)),
      context.broadcast(context.splat(1, i1), {batch, size}),
      context.broadcast(context.splat(0, i64), {batch, size})};
  Value columns = math.iota(size, 0, 1, i64);
  if (!columns || llvm::is_contained(states, Value()))
    return failure();
  SmallVector<Value> last =
      scanColumns(context, states, columns, [&](ValueRange from, Value at) {
        auto next = Eliminator(context).reduce(from[0], from[1], from[2], at);
        return SmallVector<Value>{next[0], next[1], next[2]};
      });
  if (last.empty())
    return failure();
  // Row r of the inverse is that of the row whose place is r.
  Value places = context.reshape(last[2], {batch, one, size});
  Value order = context.cast(math.compare(Predicate::Eq, row, places), float32);
  Value inverse =
      buildMatmul(context, order, sliceAlong(context, last[0], 2, size, size));
  return context.setResults(context.cast(context.reshape(inverse, dims), type));
}

void frontend::addDeterminantRules(RuleTable &table) {
  table.add("Det", importDet);
  table.add("com.microsoft", "Inverse", 1, importInverse);
}

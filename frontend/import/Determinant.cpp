// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Det: Gaussian elimination with partial pivoting, as a loop over the columns.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
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
    Value entries = context.create<GatherOp>(from.matrices, column, 2);
    Value rows = math.iota(dims[1], 1, 2, context.builder.getI64Type());
    Value row = context.create<ArgReduceOp>(
        ReduceKind::Max, math.select(from.isLeft, math.abs(entries), -1.0),
        int64_t(1), /*keepdims=*/true, /*select_last=*/false);
    Value isPivot = math.compare(Predicate::Eq, rows, row);
    Value pivotRow = math.reduce(
        ReduceKind::Sum,
        math.select(context.reshape(isPivot, {dims[0], dims[1], one}),
                    from.matrices, 0.0),
        {1}, /*keepDims=*/true);
    Value pivot = context.create<GatherOp>(pivotRow, column, 2);

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

static LogicalResult importDet(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  int64_t rank = NodeContext::rank(x);
  if (rank < 2)
    return context.invalid("its input has rank " + Twine(rank) +
                           ", expected 2 or more");
  Exprs dims = NodeContext::dims(x);
  AffineExpr size = dims[rank - 1], one = context.constantExpr(1);
  if (failed(context.requireEqual(dims[rank - 2], size,
                                  "its matrices are not square")))
    return failure();
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
  auto loop = ScanOp::create(context.builder, context.loc,
                             ValueRange(states).getTypes(), states, columns,
                             /*reverse=*/false);
  {
    OpBuilder::InsertionGuard guard(context.builder);
    Block *body = context.builder.createBlock(&loop.getBody());
    for (Value state : states)
      body->addArgument(state.getType(), context.loc);
    Value column = body->addArgument(
        RankedTensorType::get({}, context.builder.getI64Type()), context.loc);
    Elimination next = Eliminator(context).eliminate(
        {body->getArgument(0), body->getArgument(1), body->getArgument(2)},
        column);
    SmallVector<Value> results{next.matrices, next.isLeft, next.determinant};
    if (llvm::is_contained(results, Value()))
      return context.unsupported("its step cannot be built");
    YieldOp::create(context.builder, context.loc, results);
  }
  return context.setResults(context.reshape(loop.getResult(2), leading));
}

void frontend::addDeterminantRules(RuleTable &table) {
  table.add("Det", importDet);
}

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Ensembles of trees: linalg.generic over rows, targets and trees, whose body
// walks one tree for one row. Numbers of nodes are i32, so that vectors of them
// have as many lanes as those of f32.

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "passes/lower/KernelBuilder.h"
#include "passes/lower/TreeKernelForm.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::lower;

namespace {

/// The arrays of an ensemble, in the kernel.
struct Ensemble {
  TreeEnsembleOp op;
  Value x, thresholds, features, leaves, children;
};

} // namespace

static Value createConstant(OpBuilder &b, Location loc, int64_t value) {
  return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
}

static Value createExtract(OpBuilder &b, Location loc, Value tensor,
                           Value position) {
  Value index = arith::IndexCastOp::create(b, loc, b.getIndexType(), position);
  return tensor::ExtractOp::create(b, loc, tensor, index);
}

/// The step, 0 or 1, from a node for a row.
static Value createStep(OpBuilder &b, Location loc, const Ensemble &ensemble,
                        Value row, Value node) {
  Value feature = createExtract(b, loc, ensemble.features, node);
  Value threshold = createExtract(b, loc, ensemble.thresholds, node);
  Value takesMissing;
  TreeEnsembleOp op = ensemble.op;
  if (op.getMissing()) {
    Value zero = createConstant(b, loc, 0);
    takesMissing =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, feature, zero);
    Value sign =
        arith::ShRSIOp::create(b, loc, feature, createConstant(b, loc, 31));
    feature = arith::XOrIOp::create(b, loc, feature, sign);
  }
  Value column = arith::IndexCastOp::create(b, loc, b.getIndexType(), feature);
  Value x =
      tensor::ExtractOp::create(b, loc, ensemble.x, ValueRange{row, column});
  Value step =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLE, x, threshold);
  if (takesMissing) {
    Value isMissing =
        arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x, x);
    step = arith::OrIOp::create(
        b, loc, step, arith::AndIOp::create(b, loc, takesMissing, isMissing));
  }
  return arith::ExtUIOp::create(b, loc, b.getI32Type(), step);
}

/// The leaf that the row of loop 0 reaches in the tree of loop 2.
static Value createWalk(OpBuilder &b, Location loc, const Ensemble &ensemble) {
  TreeEnsembleOp op = ensemble.op;
  Value row = linalg::IndexOp::create(b, loc, 0);
  Value tree = linalg::IndexOp::create(b, loc, 2);
  Value at = arith::IndexCastOp::create(b, loc, b.getI32Type(), tree);
  int64_t trees = op.getTrees(), depth = op.getDepth();
  if (!ensemble.children) {
    for (int64_t level = 0; level < depth; ++level) {
      Value before =
          createConstant(b, loc, trees * ((int64_t(1) << level) - 1));
      Value node = arith::AddIOp::create(b, loc, at, before);
      Value step = createStep(b, loc, ensemble, row, node);
      at = arith::AddIOp::create(b, loc, arith::AddIOp::create(b, loc, at, at),
                                 step);
    }
    return at;
  }
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value end = arith::ConstantIndexOp::create(b, loc, depth);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  auto loop = scf::ForOp::create(b, loc, zero, end, one, ValueRange{at});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(loop.getBody());
  Value node = loop.getRegionIterArg(0);
  Value step = createStep(b, loc, ensemble, row, node);
  Value child = createExtract(b, loc, ensemble.children, node);
  Value next = arith::AddIOp::create(b, loc, child, step);
  scf::YieldOp::create(b, loc, next);
  return loop.getResult(0);
}

static void create(KernelBuilder &kernel, TreeEnsembleOp op) {
  OpBuilder &builder = kernel.builder;
  Location loc = op.getLoc();
  Ensemble ensemble{op,
                    kernel.getTensor(op.getOperand()),
                    kernel.getTensor(op.getThresholds()),
                    kernel.getTensor(op.getFeatures()),
                    kernel.getTensor(op.getLeaves()),
                    {}};
  if (op.getChildren())
    ensemble.children = kernel.getTensor(op.getChildren());
  Type sumType = builder.getF64Type();
  SmallVector<AffineExpr> dims = getDims(op.getType());
  AffineExpr trees = builder.getAffineConstantExpr(op.getTrees());
  Value init = kernel.createFill(loc, getNeutral(op.getKind(), sumType),
                                 kernel.createEmpty(loc, dims, sumType));
  auto body = [&](OpBuilder &b, Location at, ValueRange,
                  ValueRange accumulators) -> SmallVector<Value> {
    Value leaf = arith::IndexCastOp::create(b, at, b.getIndexType(),
                                            createWalk(b, at, ensemble));
    Value target = linalg::IndexOp::create(b, at, 1);
    Value vote = tensor::ExtractOp::create(b, at, ensemble.leaves,
                                           ValueRange{leaf, target});
    if (vote.getType() != sumType)
      vote = arith::ExtFOp::create(b, at, sumType, vote);
    return {createCombine(b, at, op.getKind(), sumType, accumulators[0], vote)};
  };
  MLIRContext *context = op.getContext();
  AffineMap outMap = AffineMap::get(
      3, 0, {getAffineDimExpr(0, context), getAffineDimExpr(1, context)},
      context);
  linalg::GenericOp sums = kernel.createGeneric(
      loc, {{dims[0]}, {dims[1]}, {trees, true}}, {}, {}, init, outMap, body);
  setTreeForm(sums, {static_cast<int64_t>(op.getTrees()),
                     static_cast<int64_t>(op.getDepth()),
                     op.getChildren() != nullptr, op.getMissing()});
  View sum;
  sum.tensor = sums.getResult(0);
  sum.map = builder.getMultiDimIdentityMap(2);
  Type resultType = op.getType().getElementType();
  kernel.setTensor(
      op.getResult(),
      kernel.createMap(loc, dims, {sum, kernel.getTensorView(op.getBase())},
                       {builder.getMultiDimIdentityMap(2),
                        AffineMap::get(2, 0, getAffineDimExpr(1, context))},
                       kernel.getDestination(op.getResult()),
                       [&](OpBuilder &b, Location at, ValueRange inputs,
                           ValueRange) -> SmallVector<Value> {
                         Value base = inputs[1];
                         if (resultType != sumType)
                           base = arith::ExtFOp::create(b, at, sumType, base);
                         Value result =
                             arith::AddFOp::create(b, at, base, inputs[0]);
                         if (resultType != sumType)
                           result = arith::TruncFOp::create(b, at, resultType,
                                                            result);
                         return {result};
                       }));
}

RuleResult mlir::dl::lower::lowerTree(KernelBuilder &kernel, Operation *op) {
  auto ensemble = dyn_cast<TreeEnsembleOp>(op);
  if (!ensemble)
    return false;
  create(kernel, ensemble);
  return true;
}

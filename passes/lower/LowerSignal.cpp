// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Windows of a signal as a view, and Fourier transforms as the sums that define
// them.

#include "passes/lower/FourierKernelForm.h"
#include "passes/lower/KernelBuilder.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::lower;

static void create(KernelBuilder &kernel, UnfoldOp op) {
  View view = kernel.getView(op.getOperand());
  if (view.splat)
    return kernel.setView(op.getResult(), view);
  view = kernel.getTensorView(op.getOperand());
  int64_t axis = op.getAxis();
  SmallVector<AffineExpr> exprs;
  for (int64_t d = 0; d < op.getOperand().getType().getRank(); ++d) {
    AffineExpr at = kernel.builder.getAffineDimExpr(d < axis ? d : d + 1);
    exprs.push_back(
        d == axis ? kernel.builder.getAffineDimExpr(axis) * op.getStep() + at
                  : at);
  }
  view.map = view.map.compose(
      AffineMap::get(exprs.size() + 1, 0, exprs, op.getContext()));
  kernel.setView(op.getResult(), view);
}

/// Term n of element k: x[n] times root n * k or its conjugate.
static Value createTerm(OpBuilder &b, Location loc, ValueRange parts,
                        Value roots, const FourierForm &form, unsigned k,
                        unsigned part, unsigned n) {
  Value product =
      arith::MulIOp::create(b, loc, linalg::IndexOp::create(b, loc, n),
                            linalg::IndexOp::create(b, loc, k));
  Value length = arith::ConstantIndexOp::create(b, loc, form.length);
  Value turn = arith::RemUIOp::create(b, loc, product, length);
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value cosine =
      tensor::ExtractOp::create(b, loc, roots, ValueRange{turn, zero});
  Value sine = tensor::ExtractOp::create(b, loc, roots, ValueRange{turn, one});
  if (!form.inverse)
    sine = arith::NegFOp::create(b, loc, sine);
  Value isReal =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                            linalg::IndexOp::create(b, loc, part), zero);
  Value factor = arith::SelectOp::create(b, loc, isReal, cosine, sine);
  Value term = arith::MulFOp::create(b, loc, parts[0], factor);
  if (parts.size() == 1)
    return term;
  Value negative = arith::NegFOp::create(b, loc, sine);
  Value other = arith::SelectOp::create(b, loc, isReal, negative, cosine);
  return arith::AddFOp::create(b, loc, term,
                               arith::MulFOp::create(b, loc, parts[1], other));
}

static void create(KernelBuilder &kernel, DftOp op) {
  OpBuilder &builder = kernel.builder;
  Location loc = op.getLoc();
  Value roots = kernel.getTensor(op.getRoots());
  RankedTensorType from = op.getOperand().getType(), to = op.getType();
  unsigned rank = to.getRank(), k = rank - 2, part = rank - 1, n = rank;
  FourierForm form{static_cast<int64_t>(op.getLength()), op.getInverse()};
  int64_t taken = std::min(from.getDimSize(k), form.length);
  SmallVector<Loop> loops;
  for (AffineExpr dim : getDims(to))
    loops.push_back({dim});
  loops.push_back({builder.getAffineConstantExpr(taken), true});
  // What is cut from a row is not there for the sum.
  View row = kernel.getTensorView(op.getOperand());
  if (taken < from.getDimSize(k)) {
    SmallVector<OpFoldResult> starts(rank, builder.getIndexAttr(0)), sizes,
        ones(rank, builder.getIndexAttr(1));
    SmallVector<AffineExpr> dims = getDims(from);
    dims[k] = builder.getAffineConstantExpr(taken);
    for (AffineExpr dim : dims)
      sizes.push_back(kernel.getSize(dim));
    row.tensor = tensor::ExtractSliceOp::create(
        builder, loc,
        KernelBuilder::getKernelType(
            getTensorType(dims, from.getElementType())),
        kernel.getTensor(op.getOperand()), starts, sizes, ones);
    row.map = builder.getMultiDimIdentityMap(rank);
  }
  SmallVector<View> operands;
  SmallVector<AffineMap> maps;
  for (int64_t i = 0; i < from.getDimSize(part); ++i) {
    SmallVector<AffineExpr> exprs;
    for (unsigned d = 0; d < k; ++d)
      exprs.push_back(builder.getAffineDimExpr(d));
    exprs.push_back(builder.getAffineDimExpr(n));
    exprs.push_back(builder.getAffineConstantExpr(i));
    operands.push_back(row);
    maps.push_back(AffineMap::get(rank + 1, 0, exprs, op.getContext()));
  }
  AffineMap out = AffineMap::get(
      rank + 1, 0, builder.getMultiDimIdentityMap(rank).getResults(),
      op.getContext());
  Type type = to.getElementType();
  Value start = kernel.createFill(loc, builder.getFloatAttr(type, 0),
                                  kernel.getDestination(op.getResult()));
  auto body = [&](OpBuilder &b, Location at, ValueRange parts,
                  ValueRange sums) -> SmallVector<Value> {
    Value term = createTerm(b, at, parts, roots, form, k, part, n);
    if (form.inverse) {
      Value scale = arith::ConstantOp::create(
          b, at, b.getFloatAttr(type, 1.0 / static_cast<double>(form.length)));
      term = arith::MulFOp::create(b, at, term, scale);
    }
    return {arith::AddFOp::create(b, at, sums[0], term)};
  };
  linalg::GenericOp sum =
      kernel.createGeneric(loc, loops, operands, maps, start, out, body);
  setFourierForm(sum, form);
  kernel.setTensor(op.getResult(), sum.getResult(0));
}

RuleResult mlir::dl::lower::lowerSignal(KernelBuilder &kernel, Operation *op) {
  if (auto unfold = dyn_cast<UnfoldOp>(op))
    return create(kernel, unfold), true;
  if (auto dft = dyn_cast<DftOp>(op))
    return create(kernel, dft), true;
  return false;
}

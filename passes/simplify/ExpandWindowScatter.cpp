// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Additions to places of extremes as gathers: which place of a window the
// extreme has is found first; then each element looks at the windows that it is
// in, one for each place that it may have there. So elements do not depend on
// each other.

#include "ir/dialect/Dims.h"
#include "passes/ChannelOrder.h"
#include "passes/Passes.h"
#include "passes/differentiate/Calculus.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace dl {
#define GEN_PASS_DEF_EXPANDWINDOWSCATTER
#include "passes/Passes.h.inc"
} // namespace dl

using namespace ::dl;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

namespace {

/// The op's operands, perhaps with channels last, and the dimensions that a
/// window moves in.
struct Windows {
  Value operand, updates;
  int64_t first;
  SmallVector<int64_t> window, strides, dilations;
  bool largest;

  int64_t count() const {
    int64_t product = 1;
    for (int64_t size : window)
      product *= size;
    return product;
  }

  /// The positions in each dimension of a place in a window.
  SmallVector<int64_t> getPlace(int64_t number) const {
    SmallVector<int64_t> place(window.size());
    for (size_t i = window.size(); i-- > 0;) {
      place[i] = number % window[i];
      number /= window[i];
    }
    return place;
  }
};

} // namespace

/// Of each window, the element at a place.
static Value getElements(const Calculus &math, const Windows &windows,
                         int64_t number) {
  int64_t rank = Calculus::rank(windows.operand);
  Exprs offsets(rank, math.constant(0));
  SmallVector<int64_t> strides(rank, 1);
  for (auto [i, at] : llvm::enumerate(windows.getPlace(number))) {
    offsets[windows.first + i] = math.constant(at * windows.dilations[i]);
    strides[windows.first + i] = windows.strides[i];
  }
  return math.slice(windows.operand, offsets, strides,
                    Calculus::type(windows.updates));
}

/// Of each window, the number of the place of the extreme, as a float.
static Value findPlaces(const Calculus &math, const Windows &windows) {
  Value best = getElements(math, windows, 0);
  Value place = math.number(0, best);
  for (int64_t number = 1; number < windows.count(); ++number) {
    Value next = getElements(math, windows, number);
    // The first of equal ones stays, and so does a NaN.
    Value stays = math.create<OrOp>(
        math.compare(windows.largest ? Predicate::Ge : Predicate::Le, best,
                     next),
        math.create<IsNanOp>(best));
    place = math.select(stays, place,
                        math.number(static_cast<double>(number), best));
    best = math.select(stays, best, next);
  }
  return math.broadcast(place, Calculus::type(windows.updates));
}

/// `value`, a number for each window, where windows stand: at the operand's
/// positions of their first elements, `fill` elsewhere, and so many positions
/// before and after that each place of a window is inside.
static Value spread(const Calculus &math, const Windows &windows, Value value,
                    double fill) {
  int64_t rank = Calculus::rank(value);
  Value outside = math.number(fill, value);
  auto pad = [&](Value from, const Exprs &low, const Exprs &dims) {
    return math.create<PadOp>(getTensorType(dims, Calculus::element(from)),
                              PadMode::Constant, from, outside,
                              getSymbolMap(low, math.builder.getContext()));
  };
  for (size_t i = 0; i < windows.window.size(); ++i) {
    int64_t d = windows.first + i, stride = windows.strides[i];
    if (stride == 1)
      continue;
    Exprs dims = getDims(Calculus::type(value)), split = dims;
    split.insert(split.begin() + d + 1, math.constant(1));
    Value apart = math.reshape(value, split);
    split[d + 1] = math.constant(stride);
    apart = pad(apart, Exprs(split.size(), math.constant(0)), split);
    dims[d] = simplify(dims[d] * stride);
    value = math.reshape(apart, dims);
  }
  Exprs low(rank, math.constant(0)), dims = getDims(Calculus::type(value));
  Exprs whole = getDims(Calculus::type(windows.operand));
  for (size_t i = 0; i < windows.window.size(); ++i) {
    int64_t d = windows.first + i;
    int64_t reach = (windows.window[i] - 1) * windows.dilations[i];
    low[d] = math.constant(reach);
    dims[d] = simplify(whole[d] + reach);
  }
  return pad(value, low, dims);
}

static Value expand(const Calculus &math, const Windows &windows) {
  Value places = spread(math, windows, findPlaces(math, windows), -1);
  Value updates = spread(math, windows, windows.updates, 0);
  RankedTensorType type = Calculus::type(windows.operand);
  Value zero = math.number(0, updates), sum;
  for (int64_t number = 0; number < windows.count(); ++number) {
    Exprs offsets(type.getRank(), math.constant(0));
    for (auto [i, at] : llvm::enumerate(windows.getPlace(number)))
      offsets[windows.first + i] =
          math.constant((windows.window[i] - 1 - at) * windows.dilations[i]);
    SmallVector<int64_t> ones(type.getRank(), 1);
    Value isHere =
        math.compare(Predicate::Eq, math.slice(places, offsets, ones, type),
                     static_cast<double>(number));
    Value part =
        math.select(isHere, math.slice(updates, offsets, ones, type), zero);
    sum = sum ? math.add(sum, part) : part;
  }
  return sum;
}

namespace {

struct Expand : OpRewritePattern<WindowScatterOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(WindowScatterOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Calculus math(rewriter, loc);
    int64_t rank = Calculus::rank(op.getOperand());
    Windows windows{op.getOperand(),
                    op.getUpdates(),
                    rank - static_cast<int64_t>(op.getWindow().size()),
                    SmallVector<int64_t>(op.getWindow()),
                    SmallVector<int64_t>(op.getStrides()),
                    SmallVector<int64_t>(op.getDilations()),
                    op.getKind() == ReduceKind::Max};
    if (windows.first != 2) {
      rewriter.replaceOp(op, expand(math, windows));
      return success();
    }
    // Lanes are channels, which all windows treat alike.
    windows.first = 1;
    windows.operand = toChannelsLast(rewriter, loc, windows.operand);
    windows.updates = toChannelsLast(rewriter, loc, windows.updates);
    rewriter.replaceOp(op,
                       toChannelsFirst(rewriter, loc, expand(math, windows)));
    return success();
  }
};

class ExpandWindowScatter
    : public ::dl::impl::ExpandWindowScatterBase<ExpandWindowScatter> {
  using ExpandWindowScatterBase::ExpandWindowScatterBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Expand>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

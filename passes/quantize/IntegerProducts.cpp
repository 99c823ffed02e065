// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dialect.h"
#include "ir/dialect/Dims.h"
#include "ir/dialect/ElementBytes.h"
#include "passes/Constants.h"
#include "passes/ModelFunctions.h"
#include "passes/Passes.h"
#include "passes/quantize/QuantizedValue.h"
#include "passes/quantize/SinkDequantization.h"

namespace dl {
#define GEN_PASS_DEF_INTEGERPRODUCTS
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The bytes of a constant of 8-bit integers, one for each element; empty for
/// others.
static ArrayRef<char> getBytes(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  return constant ? getElementBytes(constant.getValue()) : ArrayRef<char>();
}

static bool isUnsigned(Value value) {
  return typeOf(value).getElementType().isUnsignedInteger();
}

/// For each position along dimension `dim` of a constant, the sum of the
/// integers there.
static SmallVector<double> sumAround(Value constant, int64_t dim) {
  ArrayRef<char> bytes = getBytes(constant);
  RankedTensorType type = typeOf(constant);
  int64_t size = type.getDimSize(dim), inner = 1;
  for (int64_t d = dim + 1; d < type.getRank(); ++d)
    inner *= type.getDimSize(d);
  SmallVector<int64_t> sums(size, 0);
  auto add = [&](auto element) {
    auto *data = reinterpret_cast<const decltype(element) *>(bytes.data());
    for (size_t at = 0; at < bytes.size(); at += size * inner)
      for (int64_t i = 0; i < size; ++i)
        for (int64_t j = 0; j < inner; ++j)
          sums[i] += data[at + i * inner + j];
  };
  if (isUnsigned(constant))
    add(uint8_t());
  else
    add(int8_t());
  return SmallVector<double>(sums.begin(), sums.end());
}

namespace {

/// A product's operand, and the dimension of it that is the result's own.
struct Side {
  QuantizedValue value;
  int64_t freeDim;   // of the moved integers
  int64_t resultDim; // the one of the result that it becomes
};

class Converter {
public:
  explicit Converter(func::FuncOp function)
      : function(function), builder(function.getContext()),
        i32(builder.getI32Type()), f32(builder.getF32Type()) {}

  void run() {
    forEachProduct(
        function, [&](MatmulOp op) { convert(op); },
        [&](ConvOp op) { convert(op); });
  }

private:
  //===--------------------------------------------------------------------===//
  // What is possible
  //===--------------------------------------------------------------------===//

  /// The parameters differ along the free dimension at most.
  static bool fits(const Side &side) {
    for (const Parameter *parameter :
         {&side.value.scale, &side.value.zeroPoint})
      if (parameter->axis >= 0 && parameter->axis != side.freeDim)
        return false;
    return true;
  }

  /// The contracted positions, if they are known, and so few that sums in i32
  /// are exact.
  static bool staysExact(Value value, int64_t depth) {
    constexpr int64_t kMost = (int64_t(1) << 31) / (255 * 255);
    return !typeOf(value).getElementType().isF32() ||
           (!ShapedType::isDynamic(depth) && depth < kMost);
  }

  std::optional<Side> match(Value value, int64_t freeDim, int64_t resultDim) {
    auto quantized = matchQuantized(value);
    if (!quantized)
      return std::nullopt;
    Side side{*quantized, freeDim, resultDim};
    if (!fits(side))
      return std::nullopt;
    return side;
  }

  //===--------------------------------------------------------------------===//
  // Operands
  //===--------------------------------------------------------------------===//

  /// Constants of ui8 as si8, less 128, each once.
  void makeSigned(QuantizedValue &value) {
    ArrayRef<char> bytes = getBytes(value.integers);
    if (bytes.empty() || !isUnsigned(value.integers) || value.zeroPoint.value)
      return;
    Value &known = shifted[value.integers];
    if (!known) {
      std::vector<int8_t> elements(bytes.begin(), bytes.end());
      for (int8_t &element : elements)
        element ^= -128;
      auto type =
          withElementType(typeOf(value.integers), builder.getIntegerType(8));
      builder.setInsertionPointAfterValue(value.integers);
      known = ConstantOp::create(
          builder, value.integers.getLoc(),
          storeElementBytes(
              type, "shifted",
              ArrayRef(reinterpret_cast<const char *>(elements.data()),
                       elements.size())));
    }
    value.integers = known;
    for (double &number : value.zeroPoint.numbers)
      number -= 128;
  }

  Value toI32(Value value) {
    return CastOp::create(builder, loc, withElementType(typeOf(value), i32),
                          value);
  }

  /// A parameter as it broadcasts with the result.
  Value place(const Parameter &parameter, const Side &side, Type element) {
    return parameter.materialize(builder, loc, element, resultRank,
                                 side.resultDim);
  }

  /// The sums of a matrix's integers along dimension `dim`.
  Value sumMatrix(Value integers, int64_t dim) {
    return ReduceOp::create(builder, loc, ReduceKind::Sum, toI32(integers),
                            ArrayRef<int64_t>{dim}, /*keepdims=*/true);
  }

  /// The sums of a constant around its free dimension; null for others.
  Value sumConstant(const Side &side) {
    int64_t source = side.value.getSource(side.freeDim);
    if (getBytes(side.value.integers).empty() || source < 0)
      return {};
    Parameter sums;
    sums.numbers = sumAround(side.value.integers, source);
    sums.axis = sums.numbers.size() == 1 ? -1 : side.freeDim;
    return place(sums, side, i32);
  }

  //===--------------------------------------------------------------------===//
  // Results
  //===--------------------------------------------------------------------===//

  /// What zero points add to the sums of `depth` products, if anything: `a` and
  /// `b` are the operands, `sumsOf` gives the sums of an operand's integers.
  Value correct(Value sums, const Side &a, const Side &b, int64_t depth,
                function_ref<Value(const Side &)> sumsOf) {
    Value added;
    auto add = [&](Value term) {
      added = added ? Value(AddOp::create(builder, loc, added, term)) : term;
    };
    auto multiply = [&](Value x, Value y) -> Value {
      return MulOp::create(builder, loc, x, y);
    };
    const Parameter &aZero = a.value.zeroPoint, &bZero = b.value.zeroPoint;
    Value aPoint = aZero.isZero() ? Value() : place(aZero, a, i32);
    Value bPoint = bZero.isZero() ? Value() : place(bZero, b, i32);
    if (aPoint)
      add(multiply(sumsOf(b), aPoint));
    if (aPoint && bPoint) {
      Parameter count;
      count.numbers = {-static_cast<double>(depth)};
      add(multiply(multiply(bPoint, place(count, a, i32)), aPoint));
    }
    if (added)
      sums = SubOp::create(builder, loc, sums, added);
    if (bPoint)
      sums = SubOp::create(builder, loc, sums, multiply(sumsOf(a), bPoint));
    return sums;
  }

  /// The result of the op in its own type.
  Value finish(Operation *op, Value sums, const Side &a, const Side &b) {
    if (typeOf(op->getResult(0)).getElementType() == i32)
      return sums;
    auto type = withElementType(typeOf(sums), f32);
    if (typeOf(sums).getElementType() != f32)
      sums = CastOp::create(builder, loc, type, sums);
    Value scale = MulOp::create(builder, loc, place(a.value.scale, a, f32),
                                place(b.value.scale, b, f32));
    return MulOp::create(builder, loc, sums, scale);
  }

  void replace(Operation *op, Value result) {
    op->replaceAllUsesWith(ValueRange(result));
    op->erase();
  }

  void start(Operation *op) {
    builder.setInsertionPoint(op);
    loc = op->getLoc();
    resultRank = typeOf(op->getResult(0)).getRank();
  }

  void convert(MatmulOp op) {
    RankedTensorType type = op.getType(), lhs = op.getLhs().getType(),
                     rhs = op.getRhs().getType();
    int64_t rank = type.getRank();
    auto a = match(op.getLhs(), lhs.getRank() - 2, rank - 2);
    auto b = match(op.getRhs(), rhs.getRank() - 1, rank - 1);
    int64_t depth = ShapedType::isDynamic(lhs.getShape().back())
                        ? rhs.getShape().end()[-2]
                        : lhs.getShape().back();
    if (!a || !b || op.getWide() || !staysExact(op.getLhs(), depth))
      return;
    bool needsDepth =
        !a->value.zeroPoint.isZero() && !b->value.zeroPoint.isZero();
    if (needsDepth && ShapedType::isDynamic(depth))
      return;
    makeSigned(b->value);
    if (!getBytes(a->value.integers).empty())
      makeSigned(a->value);
    start(op);
    Value left = a->value.move(builder, a->value.integers),
          right = b->value.move(builder, b->value.integers);
    Value sums = MatmulOp::create(builder, loc, left, right, /*wide=*/true);
    sums = correct(sums, *a, *b, depth, [&](const Side &side) -> Value {
      bool isLeft = &side == &*a;
      RankedTensorType matrix = isLeft ? lhs : rhs;
      // Matrices of a batch differ.
      if (matrix.getRank() == 2)
        if (Value known = sumConstant(side))
          return known;
      return isLeft ? sumMatrix(left, matrix.getRank() - 1)
                    : sumMatrix(right, matrix.getRank() - 2);
    });
    replace(op, finish(op, sums, *a, *b));
  }

  /// The image with its zero point around it.
  Value pad(ConvOp op, const Side &side, Value image) {
    SmallVector<AffineExpr> dims = getDims(typeOf(image)), low;
    bool isPadded = false;
    AffineExpr zero = getAffineConstantExpr(0, op.getContext());
    low.assign(dims.size(), zero);
    for (auto [i, before] : llvm::enumerate(op.getPadsLow())) {
      int64_t after = op.getPadsHigh()[i], d = op.getFirstSpatialDim() + i;
      isPadded |= before || after;
      low[d] = getAffineConstantExpr(before, op.getContext());
      dims[d] = dims[d] + before + after;
    }
    if (!isPadded || side.value.zeroPoint.isZero())
      return {};
    Type element = typeOf(image).getElementType();
    Value border = place(side.value.zeroPoint, side, element);
    return PadOp::create(builder, loc, getTensorType(dims, element),
                         PadMode::Constant, image, border,
                         AffineMap::get(0, 0, low, op.getContext()));
  }

  ConvOp createConv(ConvOp op, Value image, Value filter, bool isPadded,
                    bool wide) {
    SmallVector<int64_t> none(op.getPadsLow().size(), 0);
    return ConvOp::create(builder, loc, image, filter, op.getStrides(),
                          isPadded ? ArrayRef<int64_t>(none) : op.getPadsLow(),
                          isPadded ? ArrayRef<int64_t>(none) : op.getPadsHigh(),
                          op.getDilations(), op.getGroups(),
                          op.getChannelsLast(), wide);
  }

  void convert(ConvOp op) {
    auto a = match(op.getInput(), -1, 0);
    auto b = match(op.getFilter(), op.getFilterCountDim(), op.getChannelDim());
    RankedTensorType filter = op.getFilter().getType();
    if (!a || !b || op.getWide() || !filter.hasStaticShape())
      return;
    int64_t count = filter.getDimSize(op.getFilterCountDim());
    int64_t depth = count ? filter.getNumElements() / count : 0;
    if (!staysExact(op.getInput(), depth))
      return;
    if (op.getGroups() != 1)
      return convertGrouped(op, *a, *b);
    makeSigned(b->value);
    start(op);
    Value image = a->value.move(builder, a->value.integers),
          taps = b->value.move(builder, b->value.integers);
    Value padded = pad(op, *a, image);
    if (padded)
      image = padded;
    Value sums = createConv(op, image, taps, padded != nullptr, true);
    // The sums of each filter, and those of each window: a convolution with one
    // filter of ones.
    auto sumsOf = [&](const Side &side) -> Value {
      if (&side == &*b)
        return sumFilters(op, side, taps);
      return sumWindows(op, image, typeOf(taps), padded != nullptr);
    };
    sums = correct(sums, *a, *b, depth, sumsOf);
    replace(op, finish(op, sums, *a, *b));
  }

  Value sumFilters(ConvOp op, const Side &side, Value taps) {
    if (Value known = sumConstant(side))
      return known;
    SmallVector<int64_t> axes, shape;
    for (int64_t d = 0; d < typeOf(taps).getRank(); ++d)
      if (d != op.getFilterCountDim())
        axes.push_back(d);
    Value sums = ReduceOp::create(builder, loc, ReduceKind::Sum, toI32(taps),
                                  axes, /*keepdims=*/false);
    shape.assign(resultRank - op.getChannelDim(), 1);
    shape.front() = typeOf(sums).getDimSize(0);
    return ReshapeOp::create(builder, loc, RankedTensorType::get(shape, i32),
                             sums);
  }

  Value sumWindows(ConvOp op, Value image, RankedTensorType filter,
                   bool isPadded) {
    SmallVector<int64_t> shape(filter.getShape());
    shape[op.getFilterCountDim()] = 1;
    auto type = RankedTensorType::get(shape, builder.getIntegerType(8));
    Value ones = ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(type, builder.getI8IntegerAttr(1)));
    return createConv(op, image, ones, isPadded, true);
  }

  /// In f32, which holds such sums exactly: (x - zero point) * (w - zero
  /// point).
  void convertGrouped(ConvOp op, const Side &a, const Side &b) {
    constexpr int64_t kMost = (1 << 24) / (255 * 255);
    RankedTensorType filter = op.getFilter().getType();
    int64_t count = filter.getDimSize(op.getFilterCountDim());
    if (!typeOf(op.getResult()).getElementType().isF32() || count == 0 ||
        filter.getNumElements() / count >= kMost || b.value.zeroPoint.axis >= 0)
      return;
    start(op);
    auto center = [&](const QuantizedValue &value) {
      Value centered = CastOp::create(
          builder, loc, withElementType(typeOf(value.integers), f32),
          value.integers);
      if (!value.zeroPoint.isZero())
        centered =
            SubOp::create(builder, loc, centered,
                          value.zeroPoint.materialize(builder, loc, f32, 0, 0));
      return value.move(builder, centered);
    };
    Value sums = createConv(op, center(a.value), center(b.value), false, false);
    replace(op, finish(op, sums, a, b));
  }

  func::FuncOp function;
  OpBuilder builder;
  Type i32, f32;
  Location loc = builder.getUnknownLoc();
  int64_t resultRank = 0;
  DenseMap<Value, Value> shifted; // constants of ui8
};

class IntegerProducts
    : public ::dl::impl::IntegerProductsBase<IntegerProducts> {
  using IntegerProductsBase::IntegerProductsBase;

  void runOnOperation() override {
    if (failed(sinkDequantization(getOperation())))
      return signalPassFailure();
    forEachModelFunction(getOperation(), [](func::FuncOp function) {
      Converter(function).run();
    });
  }
};

} // namespace

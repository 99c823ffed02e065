// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/ops/ConstantFolders.h"
#include "ir/ops/Inference.h"
#include "ir/ops/Scalars.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::dl;

bool mlir::dl::isSmallConstant(RankedTensorType type) {
  constexpr int64_t kMaxFloats = 64, kMaxIntegers = 256;
  if (!type.hasStaticShape())
    return false;
  if (llvm::is_contained(type.getShape(), 0))
    return true;
  int64_t limit =
      isa<FloatType>(type.getElementType()) ? kMaxFloats : kMaxIntegers;
  int64_t count = 1;
  for (int64_t size : type.getShape()) {
    // Checked before multiplying, which could overflow.
    if (size > limit / count)
      return false;
    count *= size;
  }
  return true;
}

SmallVector<int64_t> mlir::dl::getStridedIndices(ArrayRef<int64_t> shape,
                                                 ArrayRef<int64_t> strides,
                                                 int64_t offset) {
  // Beside a dimension of 0, others may be large.
  if (llvm::is_contained(shape, 0))
    return {};
  SmallVector<int64_t> indices = {offset};
  for (auto [size, stride] : llvm::zip(shape, strides)) {
    SmallVector<int64_t> outer;
    outer.swap(indices);
    for (int64_t first : outer)
      for (int64_t i = 0; i < size; ++i)
        indices.push_back(first + i * stride);
  }
  return indices;
}

SmallVector<int64_t> mlir::dl::getBroadcastIndices(ArrayRef<int64_t> shape,
                                                   RankedTensorType type) {
  SmallVector<int64_t> strides = computeStrides(shape);
  for (auto [size, stride] : llvm::zip(shape, strides))
    if (size == 1)
      stride = 0;
  strides.insert(strides.begin(), type.getRank() - strides.size(), 0);
  return getStridedIndices(type.getShape(), strides, 0);
}

Attribute mlir::dl::pickElements(ArrayRef<Element> elements,
                                 RankedTensorType type) {
  if (!isSmallConstant(type) ||
      static_cast<int64_t>(elements.size()) != type.getNumElements())
    return {};
  bool anySizes = llvm::any_of(elements, [](const Element &element) {
    return isa_and_present<SizeValuesAttr>(element.constant);
  });
  SmallVector<AffineExpr> sizes;
  SmallVector<Attribute> values;
  DenseMap<Attribute, SmallVector<AffineExpr>> known;
  for (auto [constant, position] : elements) {
    if (position < 0)
      return {};
    if (anySizes) {
      auto [it, isNew] = known.try_emplace(constant);
      if (isNew)
        it->second =
            getSizeValues(constant).value_or(SmallVector<AffineExpr>());
      if (position >= static_cast<int64_t>(it->second.size()))
        return {};
      sizes.push_back(it->second[position]);
      continue;
    }
    auto dense = dyn_cast_or_null<DenseElementsAttr>(constant);
    if (!dense || position >= dense.getNumElements())
      return {};
    values.push_back(dense.isSplat() ? dense.getSplatValue<Attribute>()
                                     : dense.getValues<Attribute>()[position]);
  }
  return anySizes ? getSizeAttr(sizes, type)
                  : DenseElementsAttr::get(type, values);
}

Attribute
mlir::dl::pickElements(Attribute operand, RankedTensorType type,
                       llvm::function_ref<SmallVector<int64_t>()> positions) {
  if (!operand || !type.hasStaticShape())
    return {};
  if (auto splat = dyn_cast<SplatElementsAttr>(operand);
      splat && !llvm::is_contained(type.getShape(), 0)) {
    // (resizeSplat takes numbers alone.)
    if (auto texts = dyn_cast<DenseStringElementsAttr>(operand))
      return DenseElementsAttr::get(type,
                                    texts.getRawStringData().take_front());
    return splat.resizeSplat(type);
  }
  if (!isSmallConstant(type) || !positions)
    return {};
  SmallVector<Element> elements;
  for (int64_t position : positions())
    elements.push_back({operand, position});
  return pickElements(elements, type);
}

//===----------------------------------------------------------------------===//
// Sizes: expressions over the symbols
//===----------------------------------------------------------------------===//

static AffineExpr getConstant(int64_t value, AffineExpr like) {
  return getAffineConstantExpr(value, like.getContext());
}

static bool isProvablyNonNegative(AffineExpr expr) {
  return provablyLessEqual(getConstant(0, expr), expr);
}

/// Quotient or remainder of a dividend that cannot be negative and a divisor
/// that cannot be negative, either (nor zero, in a run that is valid).
static AffineExpr divideSizes(AffineExpr a, AffineExpr b, bool isMod) {
  if (b == 0 || !isProvablyNonNegative(a) || !isProvablyNonNegative(b))
    return {};
  return isMod ? a % b : a.floorDiv(b);
}

static AffineExpr compareSizes(Predicate predicate, AffineExpr a,
                               AffineExpr b) {
  switch (predicate) {
  case Predicate::Eq:
  case Predicate::Ne:
    if (provablyEqual(a, b))
      return getConstant(predicate == Predicate::Eq, a);
    if (provablyLessEqual(a + 1, b) || provablyLessEqual(b + 1, a))
      return getConstant(predicate == Predicate::Ne, a);
    return {};
  case Predicate::Lt:
    if (provablyLessEqual(a + 1, b))
      return getConstant(1, a);
    return provablyLessEqual(b, a) ? getConstant(0, a) : AffineExpr();
  case Predicate::Le:
    if (provablyLessEqual(a, b))
      return getConstant(1, a);
    return provablyLessEqual(b + 1, a) ? getConstant(0, a) : AffineExpr();
  case Predicate::Gt:
    return compareSizes(Predicate::Lt, b, a);
  case Predicate::Ge:
    return compareSizes(Predicate::Le, b, a);
  }
  return {};
}

static AffineExpr largerSize(AffineExpr a, AffineExpr b) {
  if (provablyLessEqual(a, b))
    return b;
  return provablyLessEqual(b, a) ? a : AffineExpr();
}

static AffineExpr smallerSize(AffineExpr a, AffineExpr b) {
  if (provablyLessEqual(a, b))
    return a;
  return provablyLessEqual(b, a) ? b : AffineExpr();
}

AffineExpr mlir::dl::reduceSizes(ReduceKind kind, AffineExpr a, AffineExpr b) {
  switch (kind) {
  case ReduceKind::Sum:
    return a + b;
  case ReduceKind::Prod:
    return a * b;
  case ReduceKind::Max:
    return largerSize(a, b);
  case ReduceKind::Min:
    return smallerSize(a, b);
  }
  return {};
}

/// What an op makes of two sizes (of one, twice, if it is unary); null where
/// that is no expression, or does not hold for all values of the symbols.
static AffineExpr combineSizes(Operation *op, AffineExpr a, AffineExpr b) {
  return llvm::TypeSwitch<Operation *, AffineExpr>(op)
      .Case<AddOp>([&](auto) { return a + b; })
      .Case<SubOp>([&](auto) { return a - b; })
      .Case<MulOp>([&](auto) { return a * b; })
      .Case<DivOp>([&](auto) { return divideSizes(a, b, /*isMod=*/false); })
      .Case<ModOp>([&](auto) { return divideSizes(a, b, /*isMod=*/true); })
      .Case<MaxOp>([&](auto) { return largerSize(a, b); })
      .Case<MinOp>([&](auto) { return smallerSize(a, b); })
      .Case<NegOp>([&](auto) { return -a; })
      .Case<AbsOp>(
          [&](auto) { return isProvablyNonNegative(a) ? a : AffineExpr(); })
      .Case<CompareOp>([&](auto compare) {
        return compareSizes(compare.getPredicate(), a, b);
      })
      .Default(AffineExpr());
}

bool mlir::dl::holdsSizes(Type elementType) {
  return elementType.isSignlessInteger() &&
         elementType.getIntOrFloatBitWidth() >= 32;
}

Attribute mlir::dl::foldSizes(Operation *op, ArrayRef<Attribute> operands) {
  RankedTensorType type = typeOf(op->getResult(0));
  if (!llvm::any_of(operands, llvm::IsaAndPresentPred<SizeValuesAttr>) ||
      !holdsSizes(typeOf(op->getOperand(0)).getElementType()) ||
      !isSmallConstant(type) || operands.size() > 2)
    return {};
  SmallVector<SmallVector<AffineExpr>> values;
  for (auto [operand, value] : llvm::zip(operands, op->getOperands())) {
    auto known = getSizeValues(operand);
    if (!known)
      return {};
    values.emplace_back();
    for (int64_t i : getBroadcastIndices(typeOf(value).getShape(), type))
      values.back().push_back((*known)[i]);
  }
  SmallVector<AffineExpr> results;
  for (auto [a, b] : llvm::zip(values.front(), values.back())) {
    AffineExpr result = combineSizes(op, a, b);
    if (!result)
      return {};
    results.push_back(result);
  }
  return getSizeAttr(results, type);
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

namespace {
/// The elements of a constant, as the functions of Scalars.h take them.
class Elements {
public:
  static bool isKnown(Attribute attribute) {
    auto dense = dyn_cast_or_null<DenseElementsAttr>(attribute);
    if (!dense || dense.empty())
      return false;
    Type type = dense.getElementType();
    return isa<FloatType, IntegerType>(type) &&
           type.getIntOrFloatBitWidth() <= 64;
  }

  /// The elements that broadcasting to `type` puts in order, or the one of a
  /// splat if `onlyFirst`.
  Elements(DenseElementsAttr attribute, RankedTensorType type, bool onlyFirst)
      : attribute(attribute) {
    if (onlyFirst)
      indices = {0};
    else
      indices = getBroadcastIndices(attribute.getType().getShape(), type);
    if (attribute.isSplat())
      indices.assign(indices.size(), 0);
    if (isa<FloatType>(attribute.getElementType()))
      for (const APFloat &value : attribute.getValues<APFloat>()) {
        floats.push_back(value.convertToDouble());
        if (attribute.isSplat())
          break;
      }
    else
      for (const APInt &value : attribute.getValues<APInt>()) {
        integers.push_back(isUnsignedElement(attribute.getElementType())
                               ? value.getZExtValue()
                               : value.getSExtValue());
        if (attribute.isSplat())
          break;
      }
  }

  bool isFloat() const { return isa<FloatType>(attribute.getElementType()); }
  size_t size() const { return indices.size(); }
  double getFloat(size_t i) const { return floats[indices[i]]; }
  int64_t getInteger(size_t i) const { return integers[indices[i]]; }

private:
  DenseElementsAttr attribute;
  SmallVector<int64_t> indices;
  SmallVector<double> floats;
  SmallVector<int64_t> integers;
};

/// The elements of a result, of a float or an integer type.
class ResultElements {
public:
  ResultElements(RankedTensorType type, bool saturate = true)
      : type(type), floatType(dyn_cast<FloatType>(type.getElementType())),
        saturate(saturate) {}

  void push(double value) {
    Type element = type.getElementType();
    if (floatType)
      floats.push_back(
          roundToFloat(value, floatType.getFloatSemantics(), saturate));
    else
      integers.push_back(truncateToInt(value, element.getIntOrFloatBitWidth(),
                                       element.isUnsignedInteger()));
  }
  void push(int64_t value, bool isUnsigned) {
    if (floatType) {
      APFloat number(floatType.getFloatSemantics());
      number.convertFromAPInt(APInt(64, value), !isUnsigned,
                              APFloat::rmNearestTiesToEven);
      floats.push_back(number);
    } else {
      unsigned width = type.getElementType().getIntOrFloatBitWidth();
      integers.push_back(
          APInt(width, value, /*isSigned=*/false, /*implicitTrunc=*/true));
    }
  }
  /// One element makes a splat.
  Attribute get() const {
    return floatType ? DenseElementsAttr::get(type, floats)
                     : DenseElementsAttr::get(type, integers);
  }

private:
  RankedTensorType type;
  FloatType floatType;
  bool saturate;
  SmallVector<APFloat> floats;
  SmallVector<APInt> integers;
};
} // namespace

/// Whether all operands are splats; nothing where the constants cannot be
/// folded.
static std::optional<bool> areSplats(ArrayRef<Attribute> operands,
                                     RankedTensorType type) {
  if (!llvm::all_of(operands, Elements::isKnown) || !type.hasStaticShape() ||
      llvm::is_contained(type.getShape(), 0) ||
      !isa<FloatType, IntegerType>(type.getElementType()) ||
      type.getElementTypeBitWidth() > 64)
    return std::nullopt;
  bool splats = llvm::all_of(operands, llvm::IsaPred<SplatElementsAttr>);
  if (!splats && !isSmallConstant(type))
    return std::nullopt;
  return splats;
}

Attribute mlir::dl::foldConstants(Operation *op, ArrayRef<Attribute> operands) {
  RankedTensorType type = typeOf(op->getResult(0));
  auto splats = areSplats(operands, type);
  if (!splats)
    return {};
  SmallVector<Elements, 2> elements;
  for (Attribute operand : operands)
    elements.emplace_back(cast<DenseElementsAttr>(operand), type, *splats);
  ResultElements result(type);
  if (elements[0].isFloat()) {
    FloatFunction function = getFloatFunction(op);
    if (!function)
      return {};
    for (size_t i = 0, e = elements[0].size(); i < e; ++i) {
      double values[2] = {elements.front().getFloat(i),
                          elements.back().getFloat(i)};
      result.push(function(values));
    }
    return result.get();
  }
  bool isUnsigned =
      isUnsignedElement(typeOf(op->getOperand(0)).getElementType());
  IntFunction function = getIntFunction(op, isUnsigned);
  if (!function)
    return {};
  for (size_t i = 0, e = elements[0].size(); i < e; ++i) {
    int64_t values[2] = {elements.front().getInteger(i),
                         elements.back().getInteger(i)};
    // What the program leaves unspecified stays in the program.
    if (isa<DivOp, ModOp>(op) && values[1] == 0)
      return {};
    result.push(function(values), isUnsigned);
  }
  return result.get();
}

Attribute mlir::dl::foldSelect(ArrayRef<Attribute> operands,
                               RankedTensorType type) {
  if (!Elements::isKnown(operands[0]) || !isSmallConstant(type))
    return {};
  Elements condition(cast<DenseElementsAttr>(operands[0]), type, false);
  if (holdsSizes(type.getElementType())) {
    auto a = getSizeValues(operands[1]), b = getSizeValues(operands[2]);
    // Sizes have rank 0 or 1: one element is repeated.
    auto isShape = [&](auto &values) {
      return values &&
             (values->size() == 1 ||
              static_cast<int64_t>(values->size()) == type.getNumElements());
    };
    if (type.getRank() > 1 || !isShape(a) || !isShape(b))
      return {};
    SmallVector<AffineExpr> results;
    for (size_t i = 0, e = condition.size(); i < e; ++i) {
      auto &chosen = condition.getInteger(i) ? *a : *b;
      results.push_back(chosen[chosen.size() == 1 ? 0 : i]);
    }
    return getSizeAttr(results, type);
  }
  if (!areSplats(operands, type))
    return {};
  Elements a(cast<DenseElementsAttr>(operands[1]), type, false);
  Elements b(cast<DenseElementsAttr>(operands[2]), type, false);
  ResultElements result(type);
  for (size_t i = 0, e = condition.size(); i < e; ++i) {
    const Elements &chosen = condition.getInteger(i) ? a : b;
    if (a.isFloat())
      result.push(chosen.getFloat(i));
    else
      result.push(chosen.getInteger(i),
                  isUnsignedElement(type.getElementType()));
  }
  return result.get();
}

Attribute mlir::dl::foldCast(Attribute operand, RankedTensorType type,
                             bool saturate) {
  if (auto sizes = dyn_cast_or_null<SizeValuesAttr>(operand))
    return holdsSizes(type.getElementType()) && type.hasStaticShape()
               ? getSizeAttr(sizes.getMap().getResults(), type)
               : Attribute();
  auto splat = areSplats(operand, type);
  if (!splat)
    return {};
  auto dense = cast<DenseElementsAttr>(operand);
  Elements elements(dense, type, *splat);
  bool isUnsigned = isUnsignedElement(dense.getElementType());
  ResultElements result(type, saturate);
  for (size_t i = 0, e = elements.size(); i < e; ++i) {
    if (elements.isFloat())
      result.push(elements.getFloat(i));
    else if (type.getElementType().isInteger(1))
      result.push(elements.getInteger(i) != 0, /*isUnsigned=*/true);
    else
      result.push(elements.getInteger(i), isUnsigned);
  }
  return result.get();
}

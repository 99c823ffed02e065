// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/verify/Rounding.h"

#include "ir/dialect/Dialect.h"
#include <cmath>
#include <random>

using namespace mlir;
using namespace mlir::dl::reference;

namespace dl::tools {

//===----------------------------------------------------------------------===//
// Moving results
//===----------------------------------------------------------------------===//

namespace {

using namespace mlir::dl;

/// The distance of 1 to the next number of a type.
double getUnit(Type type) {
  const auto &semantics = cast<FloatType>(type).getFloatSemantics();
  return std::ldexp(
      1.0, 1 - static_cast<int>(llvm::APFloat::semanticsPrecision(semantics)));
}

constexpr double kBf16Unit = 1.0 / 256;

bool isContraction(Operation *op) {
  return isa<MatmulOp, ConvOp, ConvTransposeOp>(op);
}

bool isInteger(const Tensor &value) {
  return isa_and_nonnull<IntegerType>(value.getElementType());
}

/// Whether an op adds products or elements up.
bool isSum(Operation *op) {
  if (auto reduce = dyn_cast<ReduceOp>(op))
    return reduce.getKind() == ReduceKind::Sum;
  if (auto window = dyn_cast<WindowReduceOp>(op))
    return window.getKind() == ReduceKind::Sum;
  return isContraction(op) ||
         isa<BlockMatmulOp, SparseMatmulOp, CumsumOp, DftOp>(op);
}

/// Whether an op's results are exact, or elements of its operands.
bool isExact(Operation *op) {
  if (op->getNumRegions() || op->hasTrait<OpTrait::FusionMovement>())
    return true;
  return isa<ConstantOp, SizesOp, BindOp, IotaOp, AbsOp, NegOp, CeilOp, FloorOp,
             RoundOp, SignOp, MaxOp, MinOp, SelectOp, CastOp, BitcastOp,
             CompareOp, TopkOp, RowOrderOp, SuppressOp, PackOp, AllReduceOp,
             ProcessRankOp>(op);
}

/// Whether generated code approximates it by a polynomial.
bool isFunction(Operation *op) {
  return op->hasTrait<OpTrait::FusionElementwise>() &&
         !isa<AddOp, SubOp, MulOp, DivOp, SqrtOp>(op);
}

/// The number of terms that make an element of a sum.
double getNumTerms(Operation *op, ArrayRef<Tensor> operands,
                   const Tensor &result) {
  if (isa<MatmulOp, BlockMatmulOp, SparseMatmulOp>(op))
    return static_cast<double>(operands[0].getShape().back());
  if (auto dft = dyn_cast<DftOp>(op))
    return static_cast<double>(dft.getLength());
  double count =
      std::max<double>(static_cast<double>(result.getNumElements()), 1);
  if (auto conv = dyn_cast<ConvOp>(op))
    return static_cast<double>(operands[1].getNumElements()) /
           std::max<double>(static_cast<double>(operands[1].getDimSize(
                                conv.getFilterCountDim())),
                            1);
  if (isa<ConvTransposeOp>(op))
    return static_cast<double>(operands[1].getNumElements());
  if (auto sum = dyn_cast<CumsumOp>(op))
    return static_cast<double>(operands[0].getDimSize(sum.getAxis()));
  return static_cast<double>(operands[0].getNumElements()) / count;
}

/// Whether a number has so few digits that it has hardly been rounded: sizes
/// and positions that are computed with floats.
bool isShort(double value) {
  constexpr int kDigits = 12;
  int exponent;
  double scaled = std::ldexp(std::frexp(value, &exponent), kDigits);
  return scaled == std::rint(scaled);
}

class Mover {
public:
  Mover(Rounding rounding, uint32_t seed)
      : rounding(rounding), generator(seed) {}

  void move(Operation *op, ArrayRef<Tensor> operands, ArrayRef<int64_t> symbols,
            Tensors &results) {
    drawUnspecified(op, operands, results);
    if (isExact(op))
      return;
    if (rounding == Rounding::Bf16 && isContraction(op))
      multiplyNarrow(op, operands, symbols, results);
    Tensors magnitudes = results;
    if (isSum(op))
      magnitudes = getMagnitudes(op, operands, symbols, results);
    // (Of sequences, the elements have been moved by the ops that made them.)
    for (auto [i, result] : llvm::enumerate(results))
      if (result.isFloat())
        result =
            moved(result, magnitudes[i], getAmplitude(op, operands, result));
  }

private:
  /// The error of an op's result, relative to what it adds up.
  double getAmplitude(Operation *op, ArrayRef<Tensor> operands,
                      const Tensor &result) {
    double unit = getUnit(result.getElementType());
    // What a contraction reads is rounded where it is made.
    if (rounding == Rounding::Bf16 &&
        llvm::any_of(op->getUsers(), isContraction))
      return std::max(unit, kBf16Unit);
    if (rounding != Rounding::Compiled)
      return unit;
    // Rows in steps of 1 / 32639 of a block's largest magnitude.
    auto blocks = dyn_cast<BlockMatmulOp>(op);
    if (blocks && blocks.getFixedPoint())
      return std::ldexp(1.0, -15);
    if (isSum(op)) {
      // Errors of a sum add up as a random walk does. Winograd's transforms
      // and divided sums take a few times that.
      double terms = std::sqrt(getNumTerms(op, operands, result)) / 2;
      return unit * (1 + terms) * (isa<ConvOp>(op) ? 8 : 1);
    }
    return isFunction(op) || !op->hasTrait<OpTrait::FusionElementwise>()
               ? 4 * unit
               : unit;
  }

  double draw() { return uniform(generator); }

  /// Gives elements any value that the dialect leaves unspecified: of integers
  /// divided by zero, and of floats that the integer's range does not have.
  void drawUnspecified(Operation *op, ArrayRef<Tensor> operands,
                       Tensors &results) {
    if (results.size() != 1 || !isInteger(results[0]) ||
        results[0].getElementType().isInteger(1))
      return;
    Type type = results[0].getElementType();
    bool isDivision = isa<DivOp, ModOp>(op);
    if (!isDivision && !(isa<CastOp>(op) && operands[0].isFloat()))
      return;
    std::vector<int64_t> values = results[0].load<int64_t>();
    bool any = false;
    auto mark = [&](size_t i) {
      values[i] = static_cast<int64_t>(generator());
      any = true;
    };
    if (isDivision) {
      // Broadcast or not, a zero in it makes some elements so.
      std::vector<int64_t> divisors = operands[1].load<int64_t>();
      if (divisors.size() == values.size() || divisors.size() == 1)
        for (size_t i = 0; i < values.size(); ++i)
          if (divisors[divisors.size() == 1 ? 0 : i] == 0)
            mark(i);
    } else {
      double most =
          std::ldexp(1.0, static_cast<int>(type.getIntOrFloatBitWidth()) -
                              !type.isUnsignedInteger());
      double least = type.isUnsignedInteger() ? -1 : -most - 1;
      std::vector<double> numbers = operands[0].load<double>();
      for (size_t i = 0; i < values.size(); ++i)
        if (!(numbers[i] > least && numbers[i] < most))
          mark(i);
    }
    if (any)
      results[0] = Tensor::store<int64_t>(type, results[0].getShape(), values);
  }

  Tensor moved(const Tensor &tensor, const Tensor &magnitude,
               double amplitude) {
    std::vector<double> values = tensor.load<double>();
    std::vector<double> sizes = magnitude.load<double>();
    bool isWide = tensor.getElementBytes() >= 4;
    for (auto [value, size] : llvm::zip(values, sizes))
      if (std::isfinite(value) && std::isfinite(size) &&
          !(isWide && isShort(value) && isShort(size)))
        value += amplitude * size * draw();
    return Tensor::store<double>(tensor.getElementType(), tensor.getShape(),
                                 values);
  }

  static Tensor absolute(const Tensor &tensor) {
    std::vector<double> values = tensor.load<double>();
    for (double &value : values)
      value = std::abs(value);
    return Tensor::store<double>(tensor.getElementType(), tensor.getShape(),
                                 values);
  }

  /// The sums of the terms' absolute values.
  static Tensors getMagnitudes(Operation *op, ArrayRef<Tensor> operands,
                               ArrayRef<int64_t> symbols,
                               const Tensors &results) {
    if (!results.front().isFloat())
      return results;
    if (auto dft = dyn_cast<DftOp>(op))
      return getRowMagnitudes(dft, operands, results);
    Tensors positive;
    for (const Tensor &operand : operands)
      positive.push_back(operand.isFloat() ? absolute(operand) : operand);
    // Integers above their zero point are no smaller than those around it.
    if (isa<BlockMatmulOp>(op)) {
      Tensor &points = positive.back();
      std::vector<int64_t> zeros(points.getNumElements(), 0);
      points = Tensor::store<int64_t>(points.getElementType(),
                                      points.getShape(), zeros);
    }
    auto sums = interpretOp(op, positive, symbols);
    return failed(sums) ? results : *sums;
  }

  /// Every element of a transform adds up all of its row.
  static Tensors getRowMagnitudes(DftOp op, ArrayRef<Tensor> operands,
                                  const Tensors &results) {
    const Tensor &result = results.front();
    std::vector<double> values = operands[0].load<double>(), sums;
    ArrayRef<int64_t> shape = operands[0].getShape().take_back(2);
    int64_t row = shape[0] * shape[1];
    int64_t outputs = 2 * static_cast<int64_t>(op.getOutputs());
    double scale = op.getInverse() ? static_cast<double>(op.getLength()) : 1.0;
    for (size_t first = 0; first < values.size(); first += row) {
      double sum = 0;
      for (int64_t i = 0; i < row; ++i)
        sum += std::abs(values[first + i]);
      sums.insert(sums.end(), outputs, sum / scale);
    }
    return {Tensor::store<double>(result.getElementType(), result.getShape(),
                                  sums)};
  }

  /// The results of operands that have the errors of bf16.
  void multiplyNarrow(Operation *op, ArrayRef<Tensor> operands,
                      ArrayRef<int64_t> symbols, Tensors &results) {
    Tensors narrow;
    for (const Tensor &operand : operands)
      narrow.push_back(operand.isFloat() && operand.getElementBytes() >= 4
                           ? moved(operand, operand, kBf16Unit)
                           : operand);
    if (auto products = interpretOp(op, narrow, symbols); succeeded(products))
      results = *products;
  }

  Rounding rounding;
  std::mt19937 generator;
  std::uniform_real_distribution<double> uniform{-1.0, 1.0};
};

} // namespace

FailureOr<Tensors> interpretRounded(func::FuncOp function,
                                    ArrayRef<Tensor> inputs, Rounding rounding,
                                    uint32_t seed, const HostLibrary *library) {
  Mover mover(rounding, seed);
  InterpreterOptions options;
  options.library = library;
  options.amend = [&](Operation *op, ArrayRef<Tensor> operands,
                      ArrayRef<int64_t> symbols, Tensors &results) {
    mover.move(op, operands, symbols, results);
  };
  return interpret(function, inputs, options);
}

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

static constexpr int kLeastExponent = -1100;

static int getExponent(double value) {
  if (value == 0 || !std::isfinite(value))
    return kLeastExponent;
  return std::ilogb(value);
}

static bool isSameShape(const Tensor &a, const Tensor &b) {
  if (a.isSequence() || b.isSequence())
    return a.isSequence() && b.isSequence() &&
           a.getElements().size() == b.getElements().size();
  return a.isNone() == b.isNone() && a.getElementType() == b.getElementType() &&
         a.getShape() == b.getShape();
}

static bool isText(const Tensor &value) {
  return isa_and_nonnull<mlir::dl::StringType>(value.getElementType());
}

/// Whether two numbers differ in more than their size: NaN, infinity.
static bool isOtherKind(double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return std::isnan(a) != std::isnan(b);
  return (std::isinf(a) || std::isinf(b)) && a != b;
}

void Bound::add(const Tensor &expected, const Tensor &rounded) {
  if (!isSameShape(expected, rounded)) {
    isShapeless = true;
    return;
  }
  if (expected.isSequence()) {
    for (auto [a, b] : llvm::zip(expected.getElements(), rounded.getElements()))
      add(a, b);
    return;
  }
  if (expected.isNone())
    return;
  if (isText(expected)) {
    for (auto [a, b] : llvm::zip(expected.loadStrings(), rounded.loadStrings()))
      flips += a != b;
    return;
  }
  if (!expected.isFloat()) {
    for (auto [a, b] :
         llvm::zip(expected.load<int64_t>(), rounded.load<int64_t>()))
      flips += a != b;
    return;
  }
  for (auto [a, b] :
       llvm::zip(expected.load<double>(), rounded.load<double>())) {
    if (isOtherKind(a, b)) {
      ++flips;
      continue;
    }
    Deviation &deviation = byExponent[getExponent(a)];
    ++deviation.count;
    ++elements;
    if (std::isfinite(a))
      deviation.most = std::max(deviation.most, std::abs(a - b));
  }
}

double Bound::at(double expected) const {
  // Of an element, what those not much larger do, and some at least: it alone
  // may have been lucky.
  int64_t least = std::min(elements, std::max<int64_t>(64, elements / 20));
  int limit = getExponent(expected) + 2;
  int64_t count = 0;
  double most = 0;
  for (const auto &[exponent, deviation] : byExponent) {
    if (exponent > limit && count >= least)
      break;
    count += deviation.count;
    most = std::max(most, deviation.most);
  }
  constexpr double kSafety = 16;
  return kSafety * most;
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

static std::string print(double value) {
  char text[32];
  (void)snprintf(text, sizeof(text), "%.9g", value);
  return text;
}

static std::string print(ArrayRef<int64_t> sizes) {
  std::string text = "[";
  for (size_t i = 0; i < sizes.size(); ++i)
    text += (i ? ", " : "") + std::to_string(sizes[i]);
  return text + "]";
}

std::string Difference::describe() const {
  if (!shapes.empty())
    return shapes;
  return print(found) + " at " + print(index) + " where " + print(expected) +
         " is expected, within " + print(bound) + "; " + std::to_string(count) +
         " of " + std::to_string(elements) +
         (elements == 1 ? " element differs" : " elements differ");
}

static SmallVector<int64_t> unflatten(int64_t at, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> index(shape.size());
  for (size_t d = shape.size(); d-- > 0;) {
    index[d] = at % shape[d];
    at /= shape[d];
  }
  return index;
}

static std::string describeType(const Tensor &tensor) {
  if (tensor.isNone())
    return "no value";
  if (tensor.isSequence())
    return "a sequence of " + std::to_string(tensor.getElements().size());
  std::string text = print(tensor.getShape()) + " of ";
  llvm::raw_string_ostream(text) << tensor.getElementType();
  return text;
}

/// Texts are equal, but for those that rounding changes.
static std::optional<Difference>
findOtherText(const Tensor &expected, const Tensor &found, const Bound &bound) {
  constexpr int64_t kSafety = 16;
  std::vector<StringRef> right = expected.loadStrings(),
                         wrong = found.loadStrings();
  Difference difference;
  for (size_t i = 0; i < right.size(); ++i) {
    if (right[i] == wrong[i])
      continue;
    if (difference.count++ == 0) {
      difference.index =
          unflatten(static_cast<int64_t>(i), expected.getShape());
      difference.shapes = "'" + wrong[i].str() + "' at " +
                          print(difference.index) + " where '" +
                          right[i].str() + "' is expected";
    }
  }
  if (difference.count <= kSafety * bound.getFlips())
    return std::nullopt;
  return difference;
}

std::optional<Difference> findDifference(const Tensor &expected,
                                         const Tensor &found,
                                         const Bound &bound) {
  Difference difference;
  if (bound.isVoid())
    return std::nullopt;
  if (!isSameShape(expected, found)) {
    difference.shapes = describeType(found) + " where " +
                        describeType(expected) + " is expected";
    return difference;
  }
  if (expected.isNone())
    return std::nullopt;
  if (expected.isSequence()) {
    for (auto [i, pair] : llvm::enumerate(
             llvm::zip(expected.getElements(), found.getElements())))
      if (auto inner =
              findDifference(std::get<0>(pair), std::get<1>(pair), bound)) {
        inner->index.insert(inner->index.begin(), static_cast<int64_t>(i));
        return inner;
      }
    return std::nullopt;
  }
  if (isText(expected))
    return findOtherText(expected, found, bound);
  bool isFloat = expected.isFloat();
  std::vector<double> right, wrong;
  if (isFloat) {
    right = expected.load<double>();
    wrong = found.load<double>();
  } else {
    for (int64_t value : expected.load<int64_t>())
      right.push_back(static_cast<double>(value));
    for (int64_t value : found.load<int64_t>())
      wrong.push_back(static_cast<double>(value));
  }
  constexpr double kUnits = 8;
  double unit = isFloat ? kUnits * getUnit(expected.getElementType()) : 0;
  constexpr int64_t kSafety = 16;
  int64_t allowed = kSafety * bound.getFlips(), kinds = 0;
  double worst = 0;
  for (size_t i = 0; i < right.size(); ++i) {
    bool isKind =
        !isFloat ? right[i] != wrong[i] : isOtherKind(right[i], wrong[i]);
    if (!isKind && (right[i] == wrong[i] || std::isnan(right[i])))
      continue;
    double limit = isFloat ? bound.at(right[i]) + unit * std::abs(right[i]) : 0;
    double error = isKind ? HUGE_VAL : std::abs(right[i] - wrong[i]);
    if (!isKind && !(error > limit))
      continue;
    kinds += isKind;
    ++difference.count;
    double excess = isKind ? HUGE_VAL : error - limit;
    if (excess <= worst)
      continue;
    worst = excess;
    difference.index = unflatten(static_cast<int64_t>(i), expected.getShape());
    difference.expected = right[i];
    difference.found = wrong[i];
    difference.bound = limit;
  }
  // Decisions that rounding tips are tipped in some elements only.
  if (!difference.count || (kinds == difference.count && kinds <= allowed))
    return std::nullopt;
  difference.elements = static_cast<int64_t>(right.size());
  return difference;
}

} // namespace dl::tools

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/differentiate/LowRank.h"
#include "passes/differentiate/Calculus.h"
#include "llvm/Support/Regex.h"
#include <cmath>

using namespace mlir;
using namespace mlir::dl;

namespace dl {

static constexpr llvm::StringLiteral kLeft = ".lora_A", kRight = ".lora_B";

bool isAdapter(const State &state) {
  StringRef name = state.name;
  return state.role == "parameter" &&
         (name.ends_with(kLeft) || name.ends_with(kRight));
}

namespace {

/// A product that reads a weight.
struct Site {
  MatmulOp product;
  bool isTransposed;
};

/// Normal numbers by the method of Box and Muller from those of SplitMix64.
class NormalNumbers {
public:
  NormalNumbers(uint64_t seed, StringRef name) : state(seed) {
    for (char c : name) // FNV-1a
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    state = next() ^ hash;
  }

  double draw() {
    double radius = std::sqrt(-2 * std::log(uniform()));
    return radius * std::cos(2 * M_PI * uniform());
  }

private:
  /// Above 0, at most 1.
  double uniform() { return static_cast<double>((next() >> 11) + 1) * 0x1p-53; }
  uint64_t next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  uint64_t state, hash = 0xcbf29ce484222325;
};

} // namespace

/// The products that read a weight; nothing where something else does.
static std::optional<SmallVector<Site>> findSites(Value weight) {
  SmallVector<Site> sites;
  auto add = [&](OpOperand &use, bool isTransposed) {
    auto product = dyn_cast<MatmulOp>(use.getOwner());
    bool fits = product && use.getOperandNumber() == 1 && !product.getWide();
    if (fits)
      sites.push_back({product, isTransposed});
    return fits;
  };
  for (OpOperand &use : weight.getUses()) {
    auto transpose = dyn_cast<TransposeOp>(use.getOwner());
    if (!transpose && !add(use, false))
      return std::nullopt;
    if (transpose)
      for (OpOperand &other : transpose.getResult().getUses())
        if (!add(other, true))
          return std::nullopt;
  }
  return sites;
}

static ElementsAttr getValues(RankedTensorType type, NormalNumbers *numbers,
                              double deviation) {
  const auto &semantics =
      cast<FloatType>(type.getElementType()).getFloatSemantics();
  auto convert = [&](double value) {
    llvm::APFloat number(value);
    bool loses;
    number.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &loses);
    return number;
  };
  if (!numbers)
    return DenseElementsAttr::get(type, convert(0));
  SmallVector<llvm::APFloat> values;
  for (int64_t i = 0; i < type.getNumElements(); ++i)
    values.push_back(convert(numbers->draw() * deviation));
  return DenseElementsAttr::get(type, values);
}

/// product + (lhs * a) * b, where w + a * b is what the product multiplies
/// with.
static void addTo(const Site &site, Value a, Value b) {
  MatmulOp product = site.product;
  OpBuilder builder(product->getContext());
  builder.setInsertionPointAfter(product);
  Calculus math(builder, product.getLoc());
  if (site.isTransposed) {
    std::swap(a, b);
    a = math.transposeMatrix(a);
    b = math.transposeMatrix(b);
  }
  Value change = math.matmul(math.matmul(product.getLhs(), a), b);
  Value sum = math.add(product.getResult(), change);
  product.getResult().replaceUsesWithIf(sum, [&](OpOperand &use) {
    return use.getOwner() != sum.getDefiningOp();
  });
}

LogicalResult addAdapters(MutableArrayRef<StateFunction *> functions,
                          SmallVector<State> &states,
                          const AdapterOptions &options) {
  llvm::Regex pattern(options.pattern);
  size_t count = states.size(), adapters = 0;
  for (size_t i = 0; i < count; ++i) {
    const State weight = states[i];
    RankedTensorType type = weight.getType();
    if (weight.role != "parameter" || !pattern.match(weight.name) ||
        type.getRank() != 2)
      continue;
    SmallVector<SmallVector<Site>> sites;
    bool isRead = false, isTransposed = false, fits = true;
    for (StateFunction *function : functions) {
      Value argument = function->getArgument(static_cast<int64_t>(i));
      auto found = argument ? findSites(argument) : SmallVector<Site>();
      fits &= found.has_value();
      sites.push_back(found.value_or(SmallVector<Site>()));
      for (const Site &site : sites.back()) {
        isRead = true;
        isTransposed = site.isTransposed;
      }
    }
    if (!fits || !isRead)
      continue;
    ++adapters;
    auto left = RankedTensorType::get({type.getDimSize(0), options.rank},
                                      type.getElementType());
    auto right = RankedTensorType::get({options.rank, type.getDimSize(1)},
                                       type.getElementType());
    NormalNumbers numbers(options.seed, weight.name);
    double deviation =
        1 /
        std::sqrt(static_cast<double>(type.getDimSize(isTransposed ? 1 : 0)));
    auto a = static_cast<int64_t>(states.size());
    states.push_back(
        {weight.name + kLeft.str(),
         "parameter",
         -1,
         getValues(left, isTransposed ? nullptr : &numbers, deviation),
         {}});
    states.push_back(
        {weight.name + kRight.str(),
         "parameter",
         -1,
         getValues(right, isTransposed ? &numbers : nullptr, deviation),
         {}});
    for (auto [function, found] : llvm::zip(functions, sites)) {
      if (found.empty())
        continue;
      Location loc = found.front().product.getLoc();
      Value first = function->addArgument(a, left, loc);
      Value second = function->addArgument(a + 1, right, loc);
      for (const Site &site : found)
        addTo(site, first, second);
    }
  }
  if (adapters)
    return success();
  return functions.front()->function.emitError(
      "no weight that matrix products alone read has a name that the "
      "expression for adapters matches");
}

} // namespace dl

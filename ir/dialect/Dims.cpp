// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dims.h"
#include "ir/dialect/DimsCache.h"
#include "mlir/IR/AffineExprVisitor.h"
#include "mlir/IR/Matchers.h"
#include <map>
#include <numeric>

using namespace mlir;
using namespace mlir::dl;

//===----------------------------------------------------------------------===//
// Polynomials
//===----------------------------------------------------------------------===//

namespace {

/// A sum of products. An atom is a symbol, or a division or remainder whose
/// operands are simplified; a monomial is a sorted list of atom indices.
class Polynomial {
public:
  using Terms = std::map<std::vector<unsigned>, int64_t>;

  explicit Polynomial(MLIRContext *context)
      : context(context), cache(DimsCache::of(context)) {}

  /// Whether a factor left the range of 64 bits, or terms became too many to be
  /// of use; what has been built is then meaningless.
  bool isInvalid() const { return invalid; }

  /// Products and divisions that occur again, as in sums of what an earlier sum
  /// was divided by, are built once.
  Terms build(AffineExpr expr) {
    if (!isa<AffineBinaryOpExpr>(expr) || expr.getKind() == AffineExprKind::Add)
      return buildOnce(expr);
    if (cache && cache->isAtom.lookup(expr))
      return {{{getAtom(expr)}, 1}};
    if (auto known = built.find(expr); known != built.end())
      return known->second;
    constexpr size_t kMaxParts = 4096;
    if (built.size() > kMaxParts)
      invalid = true;
    if (invalid)
      return {};
    Terms terms = buildOnce(expr);
    built[expr] = terms;
    return terms;
  }

  AffineExpr toExpr(const Terms &terms) {
    // Atoms are numbered as they were met; the expression orders them by what
    // they are, so that it does not depend on how it was written.
    SmallVector<unsigned> order = llvm::to_vector(
        llvm::seq<unsigned>(static_cast<unsigned>(atoms.size())));
    llvm::sort(order, [&](unsigned a, unsigned b) {
      return compare(atoms[a], atoms[b]) < 0;
    });
    SmallVector<unsigned> rank(atoms.size());
    for (auto [i, atom] : llvm::enumerate(order))
      rank[atom] = i;
    Terms ordered;
    for (auto &[monomial, factor] : terms) {
      std::vector<unsigned> ranks;
      for (unsigned atom : monomial)
        ranks.push_back(rank[atom]);
      llvm::sort(ranks);
      ordered[ranks] = factor;
    }
    AffineExpr sum;
    // The constant comes first in the map and last in the expression.
    auto append = [&](AffineExpr term) { sum = sum ? sum + term : term; };
    int64_t constant = 0;
    for (auto &[monomial, factor] : ordered) {
      if (monomial.empty()) {
        constant = factor;
        continue;
      }
      AffineExpr term = atoms[order[monomial.front()]];
      for (unsigned atom : llvm::drop_begin(monomial))
        term = term * atoms[order[atom]];
      append(factor == 1 ? term : term * factor);
    }
    if (!sum)
      return getAffineConstantExpr(constant, context);
    return constant ? sum + constant : sum;
  }

private:
  Terms buildOnce(AffineExpr expr) {
    switch (expr.getKind()) {
    case AffineExprKind::Constant: {
      int64_t value = cast<AffineConstantExpr>(expr).getValue();
      return value ? Terms{{{}, value}} : Terms{};
    }
    case AffineExprKind::SymbolId:
    case AffineExprKind::DimId:
      return {{{getAtom(expr)}, 1}};
    case AffineExprKind::Add: {
      auto sum = cast<AffineBinaryOpExpr>(expr);
      Terms a = build(sum.getLHS());
      for (auto &[monomial, factor] : build(sum.getRHS()))
        accumulate(a, monomial, factor);
      return a;
    }
    case AffineExprKind::Mul: {
      auto product = cast<AffineBinaryOpExpr>(expr);
      Terms a = build(product.getLHS()), b = build(product.getRHS()), result;
      constexpr size_t kMaxTerms = 4096;
      if (a.size() * b.size() > kMaxTerms) {
        invalid = true;
        return {};
      }
      for (auto &[left, x] : a)
        for (auto &[right, y] : b) {
          std::vector<unsigned> both(left);
          both.insert(both.end(), right.begin(), right.end());
          llvm::sort(both);
          accumulate(result, both, multiply(x, y));
        }
      return result;
    }
    case AffineExprKind::Mod:
    case AffineExprKind::FloorDiv:
    case AffineExprKind::CeilDiv:
      return buildDivision(cast<AffineBinaryOpExpr>(expr));
    }
    llvm_unreachable("unknown kind of expression");
  }

  unsigned getAtom(AffineExpr expr) {
    auto [place, isNew] = numbers.try_emplace(expr, atoms.size());
    if (isNew)
      atoms.push_back(expr);
    return place->second;
  }

  int64_t multiply(int64_t a, int64_t b) {
    int64_t product;
    invalid |= llvm::MulOverflow(a, b, product);
    return product;
  }

  void accumulate(Terms &terms, const std::vector<unsigned> &monomial,
                  int64_t factor) {
    int64_t &sum = terms[monomial];
    invalid |= llvm::AddOverflow(sum, factor, sum);
    if (sum == 0)
      terms.erase(monomial);
  }

  /// A total order of expressions: symbols by number, then others by structure.
  static int compare(AffineExpr a, AffineExpr b) {
    if (a == b)
      return 0;
    auto rankOf = [](AffineExpr expr) {
      return isa<AffineSymbolExpr>(expr) ? -1
                                         : static_cast<int>(expr.getKind());
    };
    if (rankOf(a) != rankOf(b))
      return rankOf(a) < rankOf(b) ? -1 : 1;
    if (auto x = dyn_cast<AffineSymbolExpr>(a))
      return x.getPosition() < cast<AffineSymbolExpr>(b).getPosition() ? -1 : 1;
    if (auto x = dyn_cast<AffineConstantExpr>(a))
      return x.getValue() < cast<AffineConstantExpr>(b).getValue() ? -1 : 1;
    auto x = dyn_cast<AffineBinaryOpExpr>(a);
    if (!x)
      return cast<AffineDimExpr>(a).getPosition() <
                     cast<AffineDimExpr>(b).getPosition()
                 ? -1
                 : 1;
    auto y = cast<AffineBinaryOpExpr>(b);
    int left = compare(x.getLHS(), y.getLHS());
    return left ? left : compare(x.getRHS(), y.getRHS());
  }

  Terms buildDivision(AffineBinaryOpExpr division) {
    Terms numerator = build(division.getLHS());
    Terms denominator = build(division.getRHS());
    AffineExprKind kind = division.getKind();
    if (denominator.size() == 1 && denominator.begin()->first.empty() &&
        denominator.begin()->second > 0)
      return divideByConstant(kind, numerator, denominator.begin()->second);
    if (auto exact = divideExactly(kind, numerator, denominator))
      return *exact;
    return makeAtom(kind, numerator, denominator);
  }

  Terms makeAtom(AffineExprKind kind, const Terms &numerator,
                 const Terms &denominator) {
    AffineExpr expr =
        getAffineBinaryOpExpr(kind, toExpr(numerator), toExpr(denominator));
    // Building the expression may have simplified it away.
    if (expr.getKind() != kind)
      return build(expr);
    return {{{getAtom(expr)}, 1}};
  }

  /// The quotient (or remainder) where each term has the divisor, which is one
  /// term, as a factor.
  std::optional<Terms> divideExactly(AffineExprKind kind,
                                     const Terms &numerator,
                                     const Terms &denominator) {
    if (denominator.size() != 1)
      return std::nullopt;
    const auto &[divisor, divisorFactor] = *denominator.begin();
    if (divisorFactor <= 0)
      return std::nullopt;
    Terms quotient;
    for (auto &[monomial, factor] : numerator) {
      if (factor % divisorFactor != 0 ||
          !std::includes(monomial.begin(), monomial.end(), divisor.begin(),
                         divisor.end()))
        return std::nullopt;
      std::vector<unsigned> rest;
      std::set_difference(monomial.begin(), monomial.end(), divisor.begin(),
                          divisor.end(), std::back_inserter(rest));
      accumulate(quotient, rest, factor / divisorFactor);
    }
    return kind == AffineExprKind::Mod ? Terms{} : quotient;
  }

  /// Takes out of a division what is a multiple of the divisor, so that factors
  /// within it are from 0 to divisor - 1.
  Terms divideByConstant(AffineExprKind kind, Terms numerator,
                         int64_t divisor) {
    if (kind == AffineExprKind::CeilDiv) {
      accumulate(numerator, {}, divisor - 1);
      kind = AffineExprKind::FloorDiv;
    }
    Terms quotient, rest;
    for (auto &[monomial, factor] : numerator) {
      accumulate(quotient, monomial, llvm::divideFloorSigned(factor, divisor));
      accumulate(rest, monomial,
                 factor - llvm::divideFloorSigned(factor, divisor) * divisor);
    }
    bool isConstant =
        llvm::all_of(rest, [](const auto &term) { return term.first.empty(); });
    if (kind == AffineExprKind::Mod)
      return isConstant ? rest : makeAtom(kind, rest, {{{}, divisor}});
    if (isConstant)
      return quotient;
    for (auto &[monomial, factor] : divideRest(rest, divisor))
      accumulate(quotient, monomial, factor);
    return quotient;
  }

  /// floor(rest / divisor), of which nothing can be taken out.
  Terms divideRest(Terms rest, int64_t divisor) {
    // A common factor g: floor((g * x + c) / (g * d)) = floor((x + c / g) / d).
    int64_t common = divisor, constant = 0;
    for (auto &[monomial, factor] : rest)
      if (monomial.empty())
        constant = factor;
      else
        common = std::gcd(common, factor);
    if (common > 1) {
      Terms reduced;
      for (auto &[monomial, factor] : rest)
        accumulate(reduced, monomial, factor / common);
      return divideByConstant(AffineExprKind::FloorDiv, reduced,
                              divisor / common);
    }
    // floor((floor(x / a) + c) / d) = floor((x + a * c) / (a * d)).
    if (rest.size() == (constant ? 2u : 1u)) {
      const auto &[monomial, factor] = *rest.rbegin();
      auto inner = monomial.size() == 1 && factor == 1
                       ? dyn_cast<AffineBinaryOpExpr>(atoms[monomial.front()])
                       : AffineBinaryOpExpr(nullptr);
      auto innerDivisor = inner && inner.getKind() == AffineExprKind::FloorDiv
                              ? dyn_cast<AffineConstantExpr>(inner.getRHS())
                              : AffineConstantExpr(nullptr);
      if (innerDivisor && innerDivisor.getValue() > 0) {
        Terms numerator = build(inner.getLHS());
        accumulate(numerator, {}, multiply(innerDivisor.getValue(), constant));
        return divideByConstant(AffineExprKind::FloorDiv, numerator,
                                multiply(innerDivisor.getValue(), divisor));
      }
    }
    return makeAtom(AffineExprKind::FloorDiv, rest, {{{}, divisor}});
  }

  MLIRContext *context;
  const DimsCache *cache;
  SmallVector<AffineExpr> atoms;
  DenseMap<AffineExpr, unsigned> numbers; // of atoms
  DenseMap<AffineExpr, Terms> built;
  bool invalid = false;
};

} // namespace

AffineExpr mlir::dl::simplify(AffineExpr expr) {
  if (isa<AffineConstantExpr, AffineSymbolExpr>(expr))
    return expr;
  const DimsCache *cache = DimsCache::of(expr.getContext());
  if (AffineExpr known = cache ? cache->simplified.lookup(expr) : AffineExpr())
    return known;
  Polynomial polynomial(expr.getContext());
  Polynomial::Terms terms = polynomial.build(expr);
  bool isValid = !polynomial.isInvalid();
  AffineExpr result = isValid ? polynomial.toExpr(terms) : expr;
  if (cache) {
    cache->simplified.insert(expr, result);
    cache->simplified.insert(result, result);
    auto binary = dyn_cast<AffineBinaryOpExpr>(result);
    if (isValid && binary && binary.getKind() != AffineExprKind::Add &&
        binary.getKind() != AffineExprKind::Mul)
      cache->isAtom.insert(result, true);
  }
  return result;
}

AffineExpr mlir::dl::subtract(AffineExpr a, AffineExpr b) {
  // Even to write the difference down, upstream looks through both.
  const DimsCache *cache = DimsCache::of(a.getContext());
  std::pair<AffineExpr, AffineExpr> key(a, b);
  if (AffineExpr known = cache ? cache->differences.lookup(key) : AffineExpr())
    return known;
  AffineExpr result = simplify(a - b);
  if (cache)
    cache->differences.insert(key, result);
  return result;
}

bool mlir::dl::provablyEqual(AffineExpr a, AffineExpr b) {
  return a && b && (a == b || subtract(a, b) == 0);
}

/// Every symbol is non-negative, so a sum with no negative factor is, too.
static bool isNonNegative(AffineExpr expr, const DimsCache *cache) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue() >= 0;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary || (cache && cache->isNonNegative.lookup(expr)))
    return true;
  if (!isNonNegative(binary.getLHS(), cache) ||
      !isNonNegative(binary.getRHS(), cache))
    return false;
  if (cache)
    cache->isNonNegative.insert(expr, true);
  return true;
}

bool mlir::dl::provablyLessEqual(AffineExpr a, AffineExpr b) {
  if (!a || !b)
    return false;
  return isNonNegative(subtract(b, a), DimsCache::of(a.getContext()));
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

/// One more than the highest symbol of an expression.
static unsigned countSymbols(AffineExpr expr, const DimsCache *cache) {
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbol.getPosition() + 1;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return 0;
  if (unsigned known = cache ? cache->symbolCounts.lookup(expr) : 0)
    return known;
  unsigned count = std::max(countSymbols(binary.getLHS(), cache),
                            countSymbols(binary.getRHS(), cache));
  if (cache)
    cache->symbolCounts.insert(expr, count);
  return count;
}

AffineMap mlir::dl::getSymbolMap(ArrayRef<AffineExpr> exprs,
                                 MLIRContext *context) {
  unsigned symbols = 0;
  SmallVector<AffineExpr> simplified;
  for (AffineExpr expr : exprs) {
    simplified.push_back(simplify(expr));
    symbols = std::max(symbols,
                       countSymbols(simplified.back(), DimsCache::of(context)));
  }
  return AffineMap::get(0, symbols, simplified, context);
}

AffineExpr mlir::dl::getDim(RankedTensorType type, unsigned i) {
  if (!type.isDynamicDim(i))
    return getAffineConstantExpr(type.getDimSize(i), type.getContext());
  auto dims = dyn_cast_or_null<DimsAttr>(type.getEncoding());
  return dims ? dims.getMap().getResult(i) : AffineExpr();
}

SmallVector<AffineExpr> mlir::dl::getDims(RankedTensorType type) {
  SmallVector<AffineExpr> dims;
  for (unsigned i = 0, e = type.getRank(); i < e; ++i)
    dims.push_back(getDim(type, i));
  return dims;
}

RankedTensorType mlir::dl::getTensorType(ArrayRef<AffineExpr> dims,
                                         Type elementType) {
  MLIRContext *context = elementType.getContext();
  AffineMap map = getSymbolMap(dims, context);
  SmallVector<int64_t> shape;
  bool dynamic = false;
  for (AffineExpr dim : map.getResults()) {
    auto constant = dyn_cast<AffineConstantExpr>(dim);
    shape.push_back(constant ? constant.getValue() : ShapedType::kDynamic);
    dynamic |= !constant;
  }
  Attribute encoding = dynamic ? DimsAttr::get(context, map) : Attribute();
  return RankedTensorType::get(shape, elementType, encoding);
}

RankedTensorType mlir::dl::withElementType(RankedTensorType type,
                                           Type elementType) {
  return RankedTensorType::get(type.getShape(), elementType,
                               type.getEncoding());
}

AffineExpr mlir::dl::getNumElements(RankedTensorType type) {
  AffineExpr product = getAffineConstantExpr(1, type.getContext());
  for (AffineExpr dim : getDims(type))
    product = product * dim;
  return simplify(product);
}

AffineExpr mlir::dl::broadcastDim(AffineExpr a, AffineExpr b) {
  if (a == b || b == 1)
    return a;
  if (a == 1)
    return b;
  auto constantA = dyn_cast<AffineConstantExpr>(a);
  auto constantB = dyn_cast<AffineConstantExpr>(b);
  if (constantA && constantB)
    return AffineExpr();
  return constantB ? b : a;
}

FailureOr<SmallVector<AffineExpr>>
mlir::dl::broadcastDims(ArrayRef<SmallVector<AffineExpr>> shapes) {
  size_t rank = 0;
  for (auto &shape : shapes)
    rank = std::max(rank, shape.size());
  SmallVector<AffineExpr> result(rank);
  for (auto &shape : shapes)
    for (auto [i, dim] : llvm::enumerate(shape)) {
      AffineExpr &out = result[rank - shape.size() + i];
      if (!dim)
        return failure();
      out = out ? broadcastDim(out, dim) : dim;
      if (!out)
        return failure();
    }
  return result;
}

//===----------------------------------------------------------------------===//
// Symbols
//===----------------------------------------------------------------------===//

llvm::SmallSetVector<unsigned, 4> mlir::dl::getUsedSymbols(Operation *op) {
  llvm::SmallSetVector<unsigned, 4> symbols;
  auto addMap = [&](AffineMap map) {
    for (AffineExpr expr : map.getResults())
      expr.walk([&](AffineExpr e) {
        if (auto symbol = dyn_cast<AffineSymbolExpr>(e))
          symbols.insert(symbol.getPosition());
      });
  };
  auto addType = [&](Type type) {
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      if (auto dims = dyn_cast_or_null<DimsAttr>(tensor.getEncoding()))
        addMap(dims.getMap());
  };
  op->walk([&](Operation *inner) {
    llvm::for_each(inner->getResultTypes(), addType);
    for (Region &region : inner->getRegions())
      for (Block &block : region)
        llvm::for_each(block.getArgumentTypes(), addType);
    for (NamedAttribute attribute : inner->getAttrs())
      if (auto map = dyn_cast<AffineMapAttr>(attribute.getValue()))
        addMap(map.getValue());
    for (Value operand : inner->getOperands())
      if (auto sizes = operand.getDefiningOp<SizesOp>())
        addMap(sizes.getValue().getMap());
  });
  symbols.set_subtract(getBoundSymbols(op));
  return symbols;
}

llvm::SmallSetVector<unsigned, 4> mlir::dl::getBoundSymbols(Operation *op) {
  llvm::SmallSetVector<unsigned, 4> symbols;
  op->walk([&](Operation *inner) {
    if (auto binding = dyn_cast<BindingInterface>(inner))
      symbols.insert(binding.getBoundSymbols().begin(),
                     binding.getBoundSymbols().end());
    if (auto loop = dyn_cast<LoopOp>(inner))
      symbols.insert(loop.getBodySymbols().begin(),
                     loop.getBodySymbols().end());
  });
  return symbols;
}

//===----------------------------------------------------------------------===//
// Integer tensors that hold sizes
//===----------------------------------------------------------------------===//

std::optional<SmallVector<AffineExpr>>
mlir::dl::getSizeValues(Attribute attribute) {
  constexpr int64_t kMaxElements = 256;
  if (auto sizes = dyn_cast_or_null<SizeValuesAttr>(attribute))
    return SmallVector<AffineExpr>(sizes.getMap().getResults());
  auto dense = dyn_cast_or_null<DenseIntElementsAttr>(attribute);
  if (!dense || dense.getNumElements() > kMaxElements)
    return std::nullopt;
  SmallVector<AffineExpr> values;
  bool isUnsigned = dense.getElementType().isUnsignedInteger() ||
                    dense.getElementType().isInteger(1);
  for (APInt value : dense.getValues<APInt>())
    values.push_back(getAffineConstantExpr(isUnsigned ? value.getZExtValue()
                                                      : value.getSExtValue(),
                                           attribute.getContext()));
  return values;
}

std::optional<SmallVector<AffineExpr>> mlir::dl::getSizeValues(Value value) {
  Attribute attribute;
  if (!matchPattern(value, m_Constant(&attribute)))
    return std::nullopt;
  return getSizeValues(attribute);
}

Attribute mlir::dl::getSizeAttr(ArrayRef<AffineExpr> values,
                                RankedTensorType type) {
  AffineMap map = getSymbolMap(values, type.getContext());
  SmallVector<APInt> constants;
  unsigned width = type.getElementType().getIntOrFloatBitWidth();
  for (AffineExpr expr : map.getResults()) {
    auto constant = dyn_cast<AffineConstantExpr>(expr);
    if (!constant)
      return SizeValuesAttr::get(type.getContext(), map);
    constants.push_back(APInt(width, constant.getValue(), /*isSigned=*/true,
                              /*implicitTrunc=*/true));
  }
  return DenseIntElementsAttr::get(type, constants);
}

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dims.h"
#include "mlir/IR/AffineExprVisitor.h"
#include "mlir/IR/Matchers.h"
#include <map>

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
  using Monomial = SmallVector<unsigned, 2>;
  using Terms = std::map<std::vector<unsigned>, int64_t>;

  explicit Polynomial(MLIRContext *context) : context(context) {}

  Terms build(AffineExpr expr) {
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
      for (auto &[left, x] : a)
        for (auto &[right, y] : b) {
          std::vector<unsigned> both(left);
          both.insert(both.end(), right.begin(), right.end());
          llvm::sort(both);
          accumulate(result, both, x * y);
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

  AffineExpr toExpr(const Terms &terms) {
    AffineExpr sum;
    // The constant comes first in the map and last in the expression.
    auto append = [&](AffineExpr term) { sum = sum ? sum + term : term; };
    int64_t constant = 0;
    for (auto &[monomial, factor] : terms) {
      if (monomial.empty()) {
        constant = factor;
        continue;
      }
      AffineExpr term = atoms[monomial.front()];
      for (unsigned atom : llvm::drop_begin(monomial))
        term = term * atoms[atom];
      append(factor == 1 ? term : term * factor);
    }
    if (!sum)
      return getAffineConstantExpr(constant, context);
    return constant ? sum + constant : sum;
  }

private:
  unsigned getAtom(AffineExpr expr) {
    for (auto [i, atom] : llvm::enumerate(atoms))
      if (atom == expr)
        return i;
    atoms.push_back(expr);
    return atoms.size() - 1;
  }

  static void accumulate(Terms &terms, const std::vector<unsigned> &monomial,
                         int64_t factor) {
    if ((terms[monomial] += factor) == 0)
      terms.erase(monomial);
  }

  /// Divides exactly where each term has the divisor (one term) as a factor.
  Terms buildDivision(AffineBinaryOpExpr division) {
    Terms numerator = build(division.getLHS());
    Terms denominator = build(division.getRHS());
    bool isMod = division.getKind() == AffineExprKind::Mod;
    if (denominator.size() == 1) {
      const auto &[divisor, divisorFactor] = *denominator.begin();
      Terms quotient;
      bool exact = divisorFactor > 0;
      for (auto &[monomial, factor] : numerator) {
        std::vector<unsigned> rest;
        exact = exact && factor % divisorFactor == 0 &&
                std::includes(monomial.begin(), monomial.end(), divisor.begin(),
                              divisor.end());
        if (!exact)
          break;
        std::set_difference(monomial.begin(), monomial.end(), divisor.begin(),
                            divisor.end(), std::back_inserter(rest));
        accumulate(quotient, rest, factor / divisorFactor);
      }
      if (exact)
        return isMod ? Terms{} : quotient;
    }
    AffineExpr expr = getAffineBinaryOpExpr(
        division.getKind(), toExpr(numerator), toExpr(denominator));
    if (auto constant = dyn_cast<AffineConstantExpr>(expr))
      return build(constant);
    return {{{getAtom(expr)}, 1}};
  }

  MLIRContext *context;
  SmallVector<AffineExpr> atoms;
};

} // namespace

AffineExpr mlir::dl::simplify(AffineExpr expr) {
  // The order of atoms must not depend on the order in which they occur:
  // symbols are entered by number first.
  MLIRContext *context = expr.getContext();
  if (isa<AffineConstantExpr, AffineSymbolExpr>(expr))
    return expr;
  unsigned symbols = 0;
  expr.walk([&](AffineExpr e) {
    if (auto symbol = dyn_cast<AffineSymbolExpr>(e))
      symbols = std::max(symbols, symbol.getPosition() + 1);
  });
  Polynomial polynomial(context);
  for (unsigned i = 0; i < symbols; ++i)
    polynomial.build(getAffineSymbolExpr(i, context));
  return polynomial.toExpr(polynomial.build(expr));
}

bool mlir::dl::provablyEqual(AffineExpr a, AffineExpr b) {
  return a && b && (a == b || simplify(a - b) == 0);
}

bool mlir::dl::provablyLessEqual(AffineExpr a, AffineExpr b) {
  if (!a || !b)
    return false;
  // Every symbol is non-negative, so a sum with no negative factor is, too.
  AffineExpr difference = simplify(b - a);
  bool nonNegative = true;
  std::function<void(AffineExpr)> visit = [&](AffineExpr e) {
    if (auto constant = dyn_cast<AffineConstantExpr>(e))
      nonNegative &= constant.getValue() >= 0;
    else if (auto binary = dyn_cast<AffineBinaryOpExpr>(e)) {
      visit(binary.getLHS());
      visit(binary.getRHS());
    }
  };
  visit(difference);
  return nonNegative;
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

AffineMap mlir::dl::getSymbolMap(ArrayRef<AffineExpr> exprs,
                                 MLIRContext *context) {
  unsigned symbols = 0;
  SmallVector<AffineExpr> simplified;
  for (AffineExpr expr : exprs) {
    simplified.push_back(simplify(expr));
    simplified.back().walk([&](AffineExpr e) {
      if (auto symbol = dyn_cast<AffineSymbolExpr>(e))
        symbols = std::max(symbols, symbol.getPosition() + 1);
    });
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

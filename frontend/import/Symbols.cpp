// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Symbols.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace dl::frontend;
using llvm::StringRef;

Symbols::Symbols(llvm::ArrayRef<std::pair<std::string, int64_t>> fixedDims,
                 MLIRContext *context)
    : context(context) {
  for (auto &[name, value] : fixedDims)
    fixed[name] = value;
}

AffineExpr Symbols::get(StringRef name) {
  AffineExpr &expr = known[name];
  if (expr)
    return expr;
  auto constant = fixed.find(name);
  if (constant != fixed.end())
    return expr = getAffineConstantExpr(constant->second, context);
  expr = getAffineSymbolExpr(names.size(), context);
  names.push_back(name.str());
  return expr;
}

AffineExpr Symbols::create(StringRef name) {
  std::string unique = name.str();
  for (unsigned i = 2; known.contains(unique) || fixed.contains(unique); ++i)
    unique = (name + "_" + llvm::Twine(i)).str();
  return get(unique);
}

void Symbols::truncate(size_t count) {
  for (; names.size() > count; names.pop_back())
    known.erase(names.back());
}

AffineExpr Symbols::find(StringRef name) const { return known.lookup(name); }

std::vector<std::string> Symbols::getUnusedFixed() const {
  std::vector<std::string> unused;
  for (auto &entry : fixed)
    if (!known.contains(entry.first()))
      unused.push_back(entry.first().str());
  llvm::sort(unused);
  return unused;
}

static bool isNameStart(char c) { return llvm::isAlpha(c) || c == '_'; }
static bool isNamePart(char c) {
  return llvm::isAlnum(c) || c == '_' || c == '.' || c == ':';
}

bool dl::frontend::isSymbolName(StringRef text) {
  return !text.empty() && isNameStart(text.front()) &&
         llvm::all_of(text, isNamePart);
}

namespace {

/// Recursive descent; each method returns null where the text does not fit.
class ExpressionParser {
public:
  ExpressionParser(const Symbols &symbols, StringRef text, MLIRContext *context)
      : symbols(symbols), rest(text), context(context) {}

  AffineExpr parse() {
    AffineExpr expr = parseSum(0);
    return expr && rest.ltrim().empty() ? expr : AffineExpr();
  }

private:
  static constexpr unsigned kMaxDepth = 32;

  bool consume(StringRef token) {
    rest = rest.ltrim();
    return rest.consume_front(token);
  }

  AffineExpr parseSum(unsigned depth) {
    AffineExpr sum = parseProduct(depth);
    while (sum) {
      bool isPlus = consume("+");
      if (!isPlus && !consume("-"))
        return sum;
      AffineExpr term = parseProduct(depth);
      if (!term)
        return term;
      sum = isPlus ? sum + term : sum - term;
    }
    return sum;
  }

  AffineExpr parseProduct(unsigned depth) {
    AffineExpr product = parseFactor(depth);
    while (product) {
      bool isTimes = consume("*");
      bool isDivide = !isTimes && consume("//");
      if (!isTimes && !isDivide && !consume("%"))
        return product;
      AffineExpr factor = parseFactor(depth);
      if (!factor)
        return factor;
      auto constant = dyn_cast<AffineConstantExpr>(factor);
      if (!isTimes && (!constant || constant.getValue() <= 0))
        return AffineExpr();
      product = isTimes    ? product * factor
                : isDivide ? product.floorDiv(factor)
                           : product % factor;
    }
    return product;
  }

  AffineExpr parseFactor(unsigned depth) {
    if (depth > kMaxDepth)
      return AffineExpr();
    if (consume("(")) {
      AffineExpr expr = parseSum(depth + 1);
      return expr && consume(")") ? expr : AffineExpr();
    }
    rest = rest.ltrim();
    if (rest.empty())
      return AffineExpr();
    if (llvm::isDigit(rest.front())) {
      int64_t value;
      StringRef digits = rest.take_while(llvm::isDigit);
      rest = rest.drop_front(digits.size());
      // Small enough that no sum or product of a few of them overflows.
      if (digits.getAsInteger(10, value) || value > INT32_MAX)
        return AffineExpr();
      return getAffineConstantExpr(value, context);
    }
    if (!isNameStart(rest.front()))
      return AffineExpr();
    StringRef name = rest.take_while(isNamePart);
    rest = rest.drop_front(name.size());
    return symbols.find(name);
  }

  const Symbols &symbols;
  StringRef rest;
  MLIRContext *context;
};

} // namespace

AffineExpr Symbols::parse(StringRef text) const {
  // Longer ones are names: what works on expressions goes down into them.
  constexpr size_t kMaxText = 1024;
  if (text.size() > kMaxText)
    return AffineExpr();
  return ExpressionParser(*this, text, context).parse();
}

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Sizes, offsets and counts that depend on symbolic dimensions.

#ifndef DL_CODEGEN_PACKAGE_FORMULAS_H
#define DL_CODEGEN_PACKAGE_FORMULAS_H

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace dl::package {

/// A position in a table of formulas; kNoFormula stands for an absent one.
using FormulaId = int32_t;
constexpr FormulaId kNoFormula = -1;

/// The operations of the module format, in its order.
enum class FormulaOp : uint8_t {
  Const,
  Symbol,
  Add,
  Sub,
  Mul,
  FloorDiv,
  CeilDiv,
  Mod,
  Min,
  Max
};

/// A table of int64 expressions over symbols. Equal expressions are one entry,
/// and operands precede their users. Constants are folded (unless they
/// overflow), and constant factors are pulled out of sums and products, so that
/// a size is `base * factor` where that is possible.
class Formulas {
public:
  struct Node {
    FormulaOp op;
    FormulaId a = 0; // Symbol: its number
    FormulaId b = 0;
    int64_t value = 0; // Const
  };

  FormulaId constant(int64_t value);
  FormulaId symbol(int32_t number);
  FormulaId add(FormulaId a, FormulaId b);
  FormulaId mul(FormulaId a, FormulaId b);
  FormulaId scale(FormulaId a, int64_t factor) {
    return mul(a, constant(factor));
  }
  FormulaId sub(FormulaId a, FormulaId b) { return add(a, scale(b, -1)); }
  FormulaId floorDiv(FormulaId a, FormulaId b);
  FormulaId ceilDiv(FormulaId a, FormulaId b);
  /// The sum of two offsets, kNoFormula being 0.
  FormulaId addOffsets(FormulaId a, FormulaId b);
  FormulaId mod(FormulaId a, FormulaId b);
  /// The larger of two sizes: bases of both are taken to be non-negative.
  FormulaId maxSize(FormulaId a, FormulaId b);
  /// The smaller of two sizes.
  FormulaId minSize(FormulaId a, FormulaId b);
  /// The least multiple of `multiple` (positive) that is not below `a`.
  FormulaId roundUp(FormulaId a, int64_t multiple);

  /// The value, where it depends on no symbol.
  std::optional<int64_t> getConstant(FormulaId id) const;
  /// Whether all values of the formula are multiples of `divisor`, as far as
  /// can be seen.
  bool isMultipleOf(FormulaId id, int64_t divisor) const;

  const Node &operator[](FormulaId id) const { return nodes[id]; }
  size_t size() const { return nodes.size(); }

  /// The values of all formulas for these symbols, in the order of the table;
  /// nothing if one divides by a value that is not positive, or overflows.
  std::optional<std::vector<int64_t>>
  evaluate(const std::vector<int64_t> &symbols) const;

  /// The formula as text, symbols as s0, s1, ...
  std::string print(FormulaId id) const;

private:
  FormulaId insert(Node node);
  FormulaId divide(FormulaOp op, FormulaId a, FormulaId b);
  /// `a` as base * factor; the base of a constant is kNoFormula.
  std::pair<FormulaId, int64_t> split(FormulaId a) const;

  std::vector<Node> nodes;
  std::map<std::tuple<FormulaOp, FormulaId, FormulaId, int64_t>, FormulaId> ids;
};

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_FORMULAS_H

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// How far the results of two programs of one meaning may lie apart. The bound
// is measured: the program runs once more, each op's result moved at random by
// as much as another order or precision of its arithmetic may move it, and what
// that does to the results is the error that they may have (Monte Carlo
// arithmetic: D. S. Parker, UCLA CSD-970002, 1997).

#ifndef DL_TOOLS_VERIFY_ROUNDING_H
#define DL_TOOLS_VERIFY_ROUNDING_H

#include "ir/reference/Interpreter.h"
#include <map>

namespace dl::tools {

/// What two programs may differ in.
enum class Rounding {
  /// Each op is rounded once, sums may be divided otherwise.
  Reassociated,
  /// Contractions read operands that are rounded to bf16.
  Bf16,
  /// Sums add rounded terms one by one, functions are approximated.
  Compiled
};

/// Runs a function as the reference does, each op's float results moved within
/// the errors of `rounding`. Equal seeds give equal results. `library` is that
/// of InterpreterOptions.
mlir::FailureOr<mlir::dl::reference::Tensors>
interpretRounded(mlir::func::FuncOp function,
                 mlir::ArrayRef<mlir::dl::reference::Tensor> inputs,
                 Rounding rounding, uint32_t seed,
                 const mlir::dl::reference::HostLibrary *library = nullptr);

/// The error that the elements of one result may have.
class Bound {
public:
  /// No error but of a few units in the last place.
  Bound() = default;

  /// Widens the bound by what a rounded run made of the expected result. One of
  /// another shape leaves nothing to compare.
  void add(const mlir::dl::reference::Tensor &expected,
           const mlir::dl::reference::Tensor &rounded);

  /// The error that an element of this expected value may have.
  double at(double expected) const;
  /// How many elements may be another integer, or finite where others are not.
  int64_t getFlips() const { return flips; }
  bool isVoid() const { return isShapeless; }

private:
  struct Deviation {
    int64_t count = 0;
    double most = 0;
  };
  std::map<int, Deviation> byExponent;
  int64_t flips = 0, elements = 0;
  bool isShapeless = false;
};

/// Where a result is not what it should be.
struct Difference {
  unsigned result = 0;
  mlir::SmallVector<int64_t> index;
  double expected = 0, found = 0, bound = 0;
  int64_t count = 0, elements = 0;
  /// Instead of these: shapes or types differ.
  std::string shapes;

  /// "0.5 where 0.25 is right, at [0, 3], by more than 1e-06; ...".
  std::string describe() const;
};

/// The worst difference of one result beyond its bound; nothing where there is
/// none.
std::optional<Difference>
findDifference(const mlir::dl::reference::Tensor &expected,
               const mlir::dl::reference::Tensor &found, const Bound &bound);

} // namespace dl::tools

#endif // DL_TOOLS_VERIFY_ROUNDING_H

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Values for the arguments of a function.

#ifndef DL_TOOLS_VERIFY_INPUTS_H
#define DL_TOOLS_VERIFY_INPUTS_H

#include "ir/reference/Interpreter.h"
#include "tools/verify/ModuleRun.h"

namespace dl::tools {

/// How random inputs are drawn.
struct Draw {
  uint32_t seed;
  /// Sizes of symbols that stand in an input's first dimension, and of others.
  int64_t firstSize, otherSize;
  /// Floats in (0, 1) instead of normally distributed ones.
  bool isPositive;
};

/// Ways to draw inputs, to be tried in turn until a model takes them.
std::vector<Draw> listDraws(uint32_t seed);

/// Random inputs: integers that ops use as positions are within what they point
/// into, others small. Nothing where a size cannot be computed.
std::optional<mlir::dl::reference::Tensors>
drawInputs(mlir::func::FuncOp function, const Draw &draw);

/// Inputs from files. Fails with `error`, "WHERE: WHAT".
std::optional<mlir::dl::reference::Tensors>
loadInputs(mlir::func::FuncOp function, const std::vector<std::string> &files,
           std::string &error);

/// An input as a caller of the compiled function gives it: of the type that it
/// is declared with.
RawTensor toRaw(mlir::func::FuncOp function, unsigned i,
                const mlir::dl::reference::Tensor &tensor,
                mlir::ArrayRef<int64_t> symbols);

/// Result i of the compiled function as one of the IR's.
mlir::dl::reference::Tensor fromRaw(mlir::func::FuncOp function, unsigned i,
                                    const RawTensor &raw);

} // namespace dl::tools

#endif // DL_TOOLS_VERIFY_INPUTS_H

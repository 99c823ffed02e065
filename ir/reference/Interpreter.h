// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The reference: what each op of the dialect means, by a program that computes
// it. It is the oracle that generated code is compared with, and it is not
// fast. Floats are computed in double and rounded once to the element type,
// sums and products of contractions, reductions and windows included.

#ifndef DL_IR_REFERENCE_INTERPRETER_H
#define DL_IR_REFERENCE_INTERPRETER_H

#include "ir/reference/HostLibrary.h"
#include "ir/reference/Tensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <functional>

namespace mlir::dl::reference {

using Tensors = SmallVector<Tensor>;

struct InterpreterOptions {
  /// Called with the results of each op that has been computed, in order; those
  /// in the body of a dl.scan once for each iteration.
  std::function<void(Operation *op, ArrayRef<Tensor> results)> onResults;

  /// Called before that, with what an op has been computed from; may put other
  /// tensors of the same types and shapes into `results`.
  std::function<void(Operation *op, ArrayRef<Tensor> operands,
                     ArrayRef<int64_t> symbols, Tensors &results)>
      amend;
  /// Where not empty, the shape of each input as its type in `dl.input_types`
  /// says it: of packed inputs, which are bytes, it cannot be seen otherwise.
  ArrayRef<SmallVector<int64_t>> declaredShapes;
  /// For the ops that need libraries, which fail without; may be null.
  const HostLibrary *library = nullptr;
  /// Receives the values of the function's symbols when it has run; may be
  /// null.
  SmallVector<int64_t> *symbols = nullptr;
};

/// Stands for the value of a symbol that dl.bind has yet to bind.
constexpr int64_t kUnboundSymbol = -1;

/// The values of a function's symbols for inputs of these shapes, one for each
/// name in `dl.symbols`, or more where types use more. `declaredShapes` are
/// those of InterpreterOptions. Fails with a diagnostic at the function where
/// an input contradicts its type, a symbol stands in no input's shape, or one
/// of `dl.checks` does not hold.
FailureOr<SmallVector<int64_t>>
bindSymbols(func::FuncOp function, ArrayRef<Tensor> inputs,
            ArrayRef<SmallVector<int64_t>> declaredShapes = {});

/// Runs a function of dl ops. `inputs` are one for each argument, with its
/// element type; they are not changed. Gives the function's results; their
/// elements stay valid while the module does. Fails with a diagnostic at the op
/// that is not supported or whose operands do not fit.
FailureOr<Tensors> interpret(func::FuncOp function, ArrayRef<Tensor> inputs,
                             const InterpreterOptions &options = {});

/// Fails with a diagnostic at the first op in the function that the reference
/// does not compute.
LogicalResult verifySupported(func::FuncOp function);

/// The shape that a type says; nothing where it does not say one or a symbol in
/// it has no value.
std::optional<SmallVector<int64_t>> evaluateShape(RankedTensorType type,
                                                  ArrayRef<int64_t> symbols);

/// Computes one op. `symbols` are values for the symbols in its types and maps.
FailureOr<Tensors> interpretOp(Operation *op, ArrayRef<Tensor> operands,
                               ArrayRef<int64_t> symbols);

/// The results of an op of static shapes as constants of their types; empty
/// where it is not computed, without a message.
SmallVector<DenseElementsAttr> computeConstants(Operation *op,
                                                ArrayRef<Tensor> operands);

/// The value of an expression over symbols; nothing where it divides by zero,
/// leaves the range of 64 bits or uses a symbol that has no value.
std::optional<int64_t> evaluate(AffineExpr expr, ArrayRef<int64_t> symbols);

} // namespace mlir::dl::reference

#endif // DL_IR_REFERENCE_INTERPRETER_H

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The dl dialect: normalized operations of deep-learning models.

#ifndef DL_IR_DIALECT_DIALECT_H
#define DL_IR_DIALECT_DIALECT_H

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "ir/dialect/DlDialect.h.inc"
#include "ir/dialect/DlEnums.h.inc"
#include "ir/dialect/DlInterfaces.h.inc"

namespace mlir::OpTrait {
// One trait for each kind, so that an op's definition names it in one word.
template <class Op>
class FusionElementwise : public TraitBase<Op, FusionElementwise> {};
template <class Op>
class FusionMovement : public TraitBase<Op, FusionMovement> {};
template <class Op>
class FusionReduction : public TraitBase<Op, FusionReduction> {};
template <class Op>
class FusionContraction : public TraitBase<Op, FusionContraction> {};
template <class Op> class FusionOpaque : public TraitBase<Op, FusionOpaque> {};
} // namespace mlir::OpTrait

#define GET_TYPEDEF_CLASSES
#include "ir/dialect/DlTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "ir/dialect/DlAttrs.h.inc"

namespace mlir::dl {

/// Name of the function attribute that holds the symbols' names: a string
/// array.
constexpr llvm::StringLiteral kSymbolsAttr = "dl.symbols";

/// The largest value that dl.bind gives a symbol.
constexpr int64_t kMaxBoundSize = int64_t(1) << 48;

/// Function attributes with the names of arguments and results: string arrays.
constexpr llvm::StringLiteral kInputNamesAttr = "dl.input_names";
constexpr llvm::StringLiteral kOutputNamesAttr = "dl.output_names";
/// Types that a caller sees of inputs and outputs, where they are not those of
/// the function: of packed tensors, the function has the bytes.
constexpr llvm::StringLiteral kInputTypesAttr = "dl.input_types";
constexpr llvm::StringLiteral kOutputTypesAttr = "dl.output_types";

/// Function attribute with the relations of sizes that a call must satisfy: an
/// array of dictionaries `{relation = "eq" | "le", sizes = affine_map<()[s0,
/// ..] -> (a, b)>, message = "..."}`. A call with symbols for which `a == b`
/// (or `a <= b`) is false is refused with the message.
constexpr llvm::StringLiteral kChecksAttr = "dl.checks";

/// Of a module that trains: function attributes with the numbers of the states
/// that the last arguments are, and that the last results become, as integer
/// arrays. Names and types of inputs and outputs do not count these.
constexpr llvm::StringLiteral kStateArgumentsAttr = "dl.state_arguments";
constexpr llvm::StringLiteral kStateResultsAttr = "dl.state_results";

/// The private function whose results are the states' initial values, and its
/// attribute that describes them: an array with, for each, a dictionary
/// `{name = "...", role = "parameter" | "slot" | "statistic" | "counter" |
/// "setting"}`, of a slot with `parameter = N : i64`, the state that it is for;
/// with `order = array<i64: ...>` where dimension i of its values is dimension
/// order[i] of what others see.
constexpr llvm::StringLiteral kStatesFunction = "states";
constexpr llvm::StringLiteral kStatesAttr = "dl.states";

/// Module attribute with the strings that constants, once they are numbers, are
/// positions in: a string array.
constexpr llvm::StringLiteral kStringsAttr = "dl.strings";

/// True when two lists of types agree in element types and ranks, and no
/// dimension contradicts another: differs by a constant, whatever the symbols
/// are.
bool areCompatible(TypeRange a, TypeRange b);

/// Whether an op is computed by the runtime's function of its name, and never
/// becomes part of a kernel.
bool isRuntimeCall(Operation *op);

/// Whether an op is a step of its own of the runtime's, between kernels: one on
/// sequences and optionals, or one that decides what runs.
bool isRuntimeStep(Operation *op);

/// Whether a value of the first type may stand where one of the second is
/// expected: the same kind, element type and, where the second has them, rank
/// and static sizes.
bool isAssignable(Type from, Type to);

/// The most precise type that both are assignable to; null where there is none.
Type joinTypes(Type a, Type b);

/// A tensor type as sequences and optionals have it: without `#dl.dims`.
TensorType getElementTensorType(TensorType type);

// Declared in files after those that name them.
class IfOp;
class LoopOp;

} // namespace mlir::dl

#define GET_OP_CLASSES
#include "ir/dialect/CoreOps.h.inc"
#define GET_OP_CLASSES
#include "ir/dialect/ElementwiseOps.h.inc"
#define GET_OP_CLASSES
#include "ir/dialect/ReductionOps.h.inc"
#define GET_OP_CLASSES
#include "ir/dialect/ContractionOps.h.inc"
#define GET_OP_CLASSES
#include "ir/dialect/GradientOps.h.inc"
#define GET_OP_CLASSES
#include "ir/dialect/CollectiveOps.h.inc"
#define GET_OP_CLASSES
#include "ir/dialect/HostOps.h.inc"
#define GET_OP_CLASSES
#include "ir/dialect/MovementOps.h.inc"
#define GET_OP_CLASSES
#include "ir/dialect/SignalOps.h.inc"
#define GET_OP_CLASSES
#include "ir/dialect/TreeOps.h.inc"
#define GET_OP_CLASSES
#include "ir/dialect/SequenceOps.h.inc"
#define GET_OP_CLASSES
#include "ir/dialect/ControlOps.h.inc"

#endif // DL_IR_DIALECT_DIALECT_H

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Builds the function of one kernel from the ops of a group.

#ifndef DL_PASSES_LOWER_KERNELBUILDER_H
#define DL_PASSES_LOWER_KERNELBUILDER_H

#include "ir/dialect/Dialect.h"
#include "ir/dialect/Dims.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::dl::lower {

/// How a dl value is read in the kernel. Either element (d0, ..) is element
/// map(d0, ..) of `tensor`; or all elements are `splat`; or the value holds
/// sizes: its elements, in order, are the index values `sizes`.
struct View {
  Value tensor;
  AffineMap map;
  TypedAttr splat;
  SmallVector<Value> sizes;
  RankedTensorType sizesType; // what `sizes` are a tensor of
};

/// A loop of a structured op: its size, and whether it reduces.
struct Loop {
  AffineExpr size;
  bool isReduction = false;
};

class KernelBuilder {
public:
  explicit KernelBuilder(FusedOp group);

  /// Generates the whole kernel; failure is reported at the op that has no
  /// rule.
  LogicalResult run();

  FusedOp group;
  func::FuncOp function;
  OpBuilder builder;
  /// Operands of the dispatch, and the sizes that it passes.
  SmallVector<Value> inputs;
  SmallVector<AffineExpr> sizes;
  /// Whether the target multiplies 8-bit floats: they are extended by an
  /// operation, which it recognizes.
  bool keepsFloat8 = false;

  //===--------------------------------------------------------------------===//
  // For the rules
  //===--------------------------------------------------------------------===//

  /// `type` without its encoding, unsigned integers signless.
  static RankedTensorType getKernelType(RankedTensorType type);

  View getView(Value value);
  void setView(Value value, View view) { views[value] = std::move(view); }
  void setTensor(Value value, Value tensor);

  /// The value as a tensor of its own shape, copied if it has to be.
  Value getTensor(Value value);

  /// The value's view over a tensor, never a scalar: for operands of
  /// contractions.
  View getTensorView(Value value);

  /// A size expression as an index value or attribute.
  OpFoldResult getSize(AffineExpr expr);
  Value getSizeValue(AffineExpr expr);
  Value getIndex(int64_t value);

  Value createEmpty(Location loc, ArrayRef<AffineExpr> dims, Type elementType);

  /// Where `value`, a result of the op at hand, is written: the kernel's
  /// destination if the group yields it, otherwise an empty tensor.
  Value getDestination(Value value);

  using Body = function_ref<SmallVector<Value>(
      OpBuilder &, Location, ValueRange inputs, ValueRange accumulators)>;
  /// A linalg.generic. Views are composed with `maps`, which go from loops to
  /// positions in the dl values; scalars become values of the body.
  linalg::GenericOp createGeneric(Location loc, ArrayRef<Loop> loops,
                                  ArrayRef<View> operands,
                                  ArrayRef<AffineMap> maps, ValueRange inits,
                                  ArrayRef<AffineMap> outMaps, Body body);

  /// All loops parallel, one result with the identity map.
  Value createMap(Location loc, ArrayRef<AffineExpr> dims,
                  ArrayRef<View> operands, ArrayRef<AffineMap> maps,
                  Value destination, Body body);

  /// From positions in a result to positions in an operand that is broadcast.
  static AffineMap getBroadcastMap(RankedTensorType operand,
                                   RankedTensorType result);

  Value createFill(Location loc, TypedAttr value, Value destination);

private:
  void addCaptures();
  void addArgument(Value value);
  LogicalResult addResults();
  Value materialize(Location loc, RankedTensorType type, const View &view,
                    Value destination);
  LogicalResult lowerOp(Operation *op);

  Block *entry = nullptr;
  DenseMap<Value, View> views;
  llvm::MapVector<Value, BlockArgument> destinations;
  SmallVector<std::pair<AffineExpr, Value>> knownSizes;
  DenseMap<int64_t, Value> indices;
};

/// Rules, one function for each kind of op; false where the op is none of them.
/// A failure is reported.
using RuleResult = FailureOr<bool>;
RuleResult lowerElementwise(KernelBuilder &kernel, Operation *op);
RuleResult lowerReduction(KernelBuilder &kernel, Operation *op);
RuleResult lowerContraction(KernelBuilder &kernel, Operation *op);
RuleResult lowerMovement(KernelBuilder &kernel, Operation *op);
RuleResult lowerGather(KernelBuilder &kernel, Operation *op);
RuleResult lowerSequential(KernelBuilder &kernel, Operation *op);
RuleResult lowerSignal(KernelBuilder &kernel, Operation *op);
RuleResult lowerTree(KernelBuilder &kernel, Operation *op);

/// The scalar form of an elementwise op; a null value where it has none.
Value createScalar(OpBuilder &builder, Location loc, Operation *op,
                   ValueRange operands);

/// Conversion as dl.cast defines it; types are those of the dl tensors.
Value createScalarCast(OpBuilder &builder, Location loc, Value value, Type from,
                       Type to, bool saturate, bool approximate = false);

/// What a reduction starts from and how it combines; element types are those of
/// the dl tensors. `flags` are those of a maximum or minimum of floats, of
/// which no zero's sign counts.
TypedAttr getNeutral(ReduceKind kind, Type elementType);
Value createCombine(OpBuilder &builder, Location loc, ReduceKind kind,
                    Type elementType, Value a, Value b,
                    arith::FastMathFlags flags = arith::FastMathFlags::nsz);

/// The type that sums of elements are kept in: f32 for narrower floats.
Type getAccumulatorType(Type elementType);

} // namespace mlir::dl::lower

#endif // DL_PASSES_LOWER_KERNELBUILDER_H

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Positions of the lanes of a vector along one dimension of a tensor.

#ifndef DL_CODEGEN_CPU_LANEINDEX_H
#define DL_CODEGEN_CPU_LANEINDEX_H

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Builders.h"
#include <optional>

namespace mlir::dl::cpu {

/// Where each lane stands along one dimension: lane l at `base + l * stride`,
/// or, if `lanes` is set (vector<Wxindex>), at lanes[l].
struct LaneIndex {
  Value base;
  int64_t stride = 0;
  Value lanes;
  /// Position in the flattened group of dimensions that the lanes run over
  /// (see FlatGroup), or -1.
  int flatPosition = -1;
  /// Bit d: depends on dimension d of the statement that is being computed.
  uint64_t dependencies = 0;

  bool isSet() const { return base || lanes || flatPosition >= 0; }
  bool isUniform() const { return !lanes && stride == 0 && flatPosition < 0; }
  /// Equal constants are equal, whichever ops they come from.
  bool operator==(const LaneIndex &other) const;
};

/// Trailing dimensions that are contiguous in the result, over which lanes run
/// as over one dimension: lane l stands at flat position base + l.
struct FlatGroup {
  Value base;
  SmallVector<Value> sizes; // of the dimensions, outermost first
};

/// Builds index arithmetic, folding what is constant.
class IndexBuilder {
public:
  IndexBuilder(OpBuilder &builder, Location loc, int64_t width)
      : builder(builder), loc(loc), width(width) {}

  /// One op for each constant, at the start of the function.
  Value constant(int64_t value);
  Value add(Value a, Value b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value div(Value a, Value b);     // both non-negative
  Value rem(Value a, Value b);     // both non-negative
  Value ceilDiv(Value a, Value b); // both non-negative
  Value min(Value a, Value b);
  /// The constant that a value is, if it is one.
  static std::optional<int64_t> getConstant(Value value);
  Value less(Value a, Value b);

  LaneIndex uniform(Value value, uint64_t dependencies = 0);
  LaneIndex add(const LaneIndex &a, const LaneIndex &b);
  LaneIndex mul(const LaneIndex &a, Value factor);
  LaneIndex div(const LaneIndex &a, Value divisor);
  LaneIndex rem(const LaneIndex &a, Value divisor);

  /// All positions as vector<Wxindex>.
  Value toVector(const LaneIndex &index);

  /// Evaluates an expression over dimensions (no symbols).
  LaneIndex evaluate(AffineExpr expr, ArrayRef<LaneIndex> dims);

  /// The dimensions of a flattened group as separate positions.
  SmallVector<LaneIndex> delinearizeFlat(const FlatGroup &group,
                                         uint64_t dependencies);
  const FlatGroup *flat = nullptr;

  OpBuilder &builder;
  Location loc;
  int64_t width;

private:
  DenseMap<int64_t, Value> constants;
  /// Replaces a member of the flat group by its own positions.
  LaneIndex resolve(const LaneIndex &index);
  VectorType indexVector() const;
  template <class Op> LaneIndex divide(const LaneIndex &a, Value divisor);
};

} // namespace mlir::dl::cpu

#endif // DL_CODEGEN_CPU_LANEINDEX_H

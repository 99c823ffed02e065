// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Arithmetic on sizes, positions and axes that only the running model knows.
// Vectors are i64 tensors of rank 1; what comes out of it is bound to symbols.

#ifndef DL_FRONTEND_IMPORT_LATESIZES_H
#define DL_FRONTEND_IMPORT_LATESIZES_H

#include "frontend/import/Arithmetic.h"

namespace dl::frontend {

/// Axes that the running model knows.
struct LateAxes {
  mlir::Value list;    ///< not negative, as given otherwise: a vector
  mlir::Value isGiven; ///< 1 for each dimension that is an axis, else 0
  mlir::Value isValid; ///< a scalar of i1: in range, and none twice
};

/// As everywhere in NodeContext, a null operand gives a null result.
class LateSizes {
public:
  explicit LateSizes(NodeContext &context) : context(context), math(context) {}

  /// An integer tensor of rank 0 or 1 as a vector; null, with the node
  /// reported, where it has another rank or its length is not static.
  mlir::Value toVector(mlir::Value value, llvm::StringRef what) const;
  /// A vector of one element for a scalar, and back.
  mlir::Value toScalar(mlir::Value vector) const;
  mlir::Value vector(llvm::ArrayRef<mlir::AffineExpr> values) const {
    return context.sizes(values);
  }
  mlir::Value concat(mlir::ValueRange vectors) const;
  /// Elements [begin, begin + count).
  mlir::Value slice(mlir::Value vector, int64_t begin, int64_t count) const;
  mlir::Value element(mlir::Value vector, int64_t i) const {
    return toScalar(slice(vector, i, 1));
  }
  /// 0, 1, .., size - 1.
  mlir::Value count(int64_t size) const;

  /// Positions of which negative ones count from the end of `size`.
  mlir::Value wrap(mlir::Value positions, mlir::Value size) const;
  /// (0 and 1 for false and true.)
  mlir::Value toInt(mlir::Value condition) const;
  /// Whether all elements hold, as a scalar.
  mlir::Value all(mlir::Value conditions) const;
  /// max(ceil(difference / step), 0), the signs of both being equal where there
  /// are elements. A step of zero counts as one.
  mlir::Value extent(mlir::Value difference, mlir::Value step) const;

  /// Axes among `rank` dimensions.
  LateAxes axes(mlir::Value given, int64_t rank) const;
  /// A vector of `rank` elements: element i of `values` at axis i, those of
  /// `others` elsewhere.
  mlir::Value spread(mlir::Value values, const LateAxes &axes,
                     mlir::Value others) const;
  /// The first `count` of the elements for which `isTaken` is 1, in order;
  /// zeros where there are fewer.
  mlir::Value compact(mlir::Value values, mlir::Value isTaken,
                      int64_t count) const;

  /// The elements of `sizes`, bound to symbols; where `isValid` (a scalar of
  /// i1) does not hold, the run ends as for a negative size.
  std::optional<llvm::SmallVector<mlir::AffineExpr>>
  bind(mlir::Value sizes, mlir::Value isValid, const llvm::Twine &what) const;

  /// `x` as [before, along, after] around an axis, its last `apart` dimensions
  /// kept behind them and no axis; bound symbols are the sizes.
  mlir::Value splitAtAxis(mlir::Value x, mlir::Value axis,
                          int64_t apart = 0) const;

  NodeContext &context;
  Arithmetic math;
};

/// The positions, i64, of the elements that are true, of a tensor of rank 1:
/// their number is bound to a symbol.
mlir::Value findPositions(NodeContext &context, mlir::Value isTaken);

/// Whether `value` is an integer tensor whose elements are all known when the
/// model is compiled; an absent one counts as known.
bool isKnown(NodeContext &context, mlir::Value value);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_LATESIZES_H

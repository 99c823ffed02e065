// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// x * (q * s) = (x * q) * s where s has a number for each column of the result,
// and (x * s) * q where it has one for each position of the contraction.

#include "passes/simplify/CacheScales.h"
#include "ir/dialect/Dims.h"
#include "passes/differentiate/Calculus.h"

using namespace mlir;
using namespace mlir::dl;
using ::dl::Calculus;

namespace {

/// A value as a product of converted bytes and scales, of the same rank.
struct Scaled {
  Value bytes, scales;
};

class ScaleMover {
public:
  explicit ScaleMover(MatmulOp product)
      : product(product), builder(product), math{builder, product.getLoc()} {}

  void run() {
    std::optional<Scaled> factor = split(product.getRhs());
    if (!factor)
      return;
    SmallVector<AffineExpr> dims = getDims(Calculus::type(factor->scales));
    if (dims.size() < 2)
      return;
    bool isOfColumn = dims[dims.size() - 2] == 1, isOfRow = dims.back() == 1;
    if (!isOfColumn && !isOfRow)
      return;
    Value lhs = product.getLhs();
    if (!isOfColumn)
      lhs = math.mul(lhs, math.transposeMatrix(factor->scales));
    Value result = math.matmul(lhs, factor->bytes);
    if (isOfColumn)
      result = math.mul(result, factor->scales);
    product.replaceAllUsesWith(result);
    product.erase();
  }

private:
  static bool isConvertedByte(Value value) {
    auto cast = value.getDefiningOp<CastOp>();
    if (!cast || !Calculus::element(value).isF32())
      return false;
    auto from = dyn_cast<IntegerType>(Calculus::element(cast.getOperand()));
    return from && from.getWidth() == 8;
  }

  /// Looks through what moves rows as wholes.
  std::optional<Scaled> split(Value value) {
    Operation *op = value.getDefiningOp();
    if (auto mul = dyn_cast_or_null<MulOp>(op)) {
      Value bytes = mul.getLhs(), scales = mul.getRhs();
      if (!isConvertedByte(bytes) || bytes.getType() != value.getType() ||
          Calculus::rank(scales) != Calculus::rank(value))
        return std::nullopt;
      return Scaled{bytes, scales};
    }
    if (!isa_and_nonnull<BroadcastOp, ReshapeOp, TransposeOp>(op))
      return std::nullopt;
    std::optional<Scaled> inner = split(op->getOperand(0));
    if (!inner)
      return std::nullopt;
    if (auto transpose = dyn_cast<TransposeOp>(op)) {
      ArrayRef<int64_t> order = transpose.getPermutation();
      return Scaled{math.transpose(inner->bytes, order),
                    math.transpose(inner->scales, order)};
    }
    return regroup(op, *inner);
  }

  /// Of a reshape or broadcast of other than the last two dimensions.
  std::optional<Scaled> regroup(Operation *op, const Scaled &inner) {
    SmallVector<AffineExpr> to = getDims(Calculus::type(op->getResult(0))),
                            bytes = getDims(Calculus::type(inner.bytes)),
                            scales = getDims(Calculus::type(inner.scales));
    if (to.size() < 2 || bytes.size() < 2)
      return std::nullopt;
    auto isEqual = [](auto pair) {
      return provablyEqual(std::get<0>(pair), std::get<1>(pair));
    };
    bool keepsMatrix = llvm::all_of(llvm::zip(ArrayRef(to).take_back(2),
                                              ArrayRef(bytes).take_back(2)),
                                    isEqual) &&
                       llvm::all_of(llvm::zip(ArrayRef(scales).drop_back(2),
                                              ArrayRef(bytes).drop_back(2)),
                                    isEqual);
    if (!keepsMatrix)
      return std::nullopt;
    SmallVector<AffineExpr> toScales(ArrayRef(to).drop_back(2));
    llvm::append_range(toScales, ArrayRef(scales).take_back(2));
    auto move = [&](Value value, ArrayRef<AffineExpr> dims) {
      return isa<ReshapeOp>(op)
                 ? math.reshape(value, dims)
                 : math.broadcast(
                       value, getTensorType(dims, Calculus::element(value)));
    };
    return Scaled{move(inner.bytes, to), move(inner.scales, toScales)};
  }

  MatmulOp product;
  OpBuilder builder;
  Calculus math;
};

} // namespace

void mlir::dl::moveScalesOutOfProducts(func::FuncOp function) {
  SmallVector<MatmulOp> products;
  function.walk([&](MatmulOp product) { products.push_back(product); });
  for (MatmulOp product : products)
    ScaleMover(product).run();
}

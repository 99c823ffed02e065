// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/LaneIndex.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace mlir::dl::cpu;

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

std::optional<int64_t> IndexBuilder::getConstant(Value value) {
  IntegerAttr attribute;
  if (value && matchPattern(value, m_Constant(&attribute)))
    return attribute.getInt();
  return std::nullopt;
}

bool LaneIndex::operator==(const LaneIndex &other) const {
  if (stride != other.stride || lanes != other.lanes ||
      flatPosition != other.flatPosition)
    return false;
  if (base == other.base)
    return true;
  auto mine = IndexBuilder::getConstant(base),
       its = IndexBuilder::getConstant(other.base);
  return mine && mine == its;
}

Value IndexBuilder::constant(int64_t value) {
  Value &known = constants[value];
  if (!known) {
    OpBuilder::InsertionGuard guard(builder);
    auto function =
        builder.getBlock()->getParent()->getParentOfType<FunctionOpInterface>();
    builder.setInsertionPointToStart(&function.getFunctionBody().front());
    known = arith::ConstantIndexOp::create(builder, loc, value);
  }
  return known;
}

Value IndexBuilder::add(Value a, Value b) {
  auto x = getConstant(a), y = getConstant(b);
  if (x == 0)
    return b;
  if (y == 0)
    return a;
  if (x && y)
    return constant(*x + *y);
  return builder.createOrFold<arith::AddIOp>(loc, a, b);
}

Value IndexBuilder::sub(Value a, Value b) {
  auto x = getConstant(a), y = getConstant(b);
  if (x && y)
    return constant(*x - *y);
  return y == 0 ? a : builder.createOrFold<arith::SubIOp>(loc, a, b);
}

Value IndexBuilder::mul(Value a, Value b) {
  auto x = getConstant(a), y = getConstant(b);
  if (x && y)
    return constant(*x * *y);
  if (x == 0 || y == 0)
    return constant(0);
  if (x == 1)
    return b;
  if (y == 1)
    return a;
  return builder.createOrFold<arith::MulIOp>(loc, a, b);
}

Value IndexBuilder::div(Value a, Value b) {
  auto x = getConstant(a), y = getConstant(b);
  if (y == 1)
    return a;
  if (x && y && *y)
    return constant(*x / *y);
  return arith::DivUIOp::create(builder, loc, a, b);
}

Value IndexBuilder::rem(Value a, Value b) {
  auto x = getConstant(a), y = getConstant(b);
  if (y == 1)
    return constant(0);
  if (x && y && *y)
    return constant(*x % *y);
  return arith::RemUIOp::create(builder, loc, a, b);
}

Value IndexBuilder::ceilDiv(Value a, Value b) {
  return div(add(a, sub(b, constant(1))), b);
}

Value IndexBuilder::min(Value a, Value b) {
  auto x = getConstant(a), y = getConstant(b);
  if (x && y)
    return constant(std::min(*x, *y));
  return builder.createOrFold<arith::MinSIOp>(loc, a, b);
}

Value IndexBuilder::less(Value a, Value b) {
  return builder.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, a,
                                             b);
}

//===----------------------------------------------------------------------===//
// Lanes
//===----------------------------------------------------------------------===//

VectorType IndexBuilder::indexVector() const {
  return VectorType::get({width}, builder.getIndexType());
}

LaneIndex IndexBuilder::uniform(Value value, uint64_t dependencies) {
  LaneIndex result;
  result.base = value;
  result.dependencies = dependencies;
  return result;
}

Value IndexBuilder::toVector(const LaneIndex &unresolved) {
  LaneIndex index = resolve(unresolved);
  if (index.lanes)
    return index.lanes;
  Value base =
      vector::BroadcastOp::create(builder, loc, indexVector(), index.base);
  if (!index.stride)
    return base;
  // Not as vector.step, which devices' pipelines do not lower.
  SmallVector<int32_t> lanes =
      llvm::to_vector(llvm::seq<int32_t>(0, static_cast<int32_t>(width)));
  Value steps =
      arith::ConstantOp::create(builder, loc, builder.getI32VectorAttr(lanes));
  steps = arith::IndexCastOp::create(builder, loc, indexVector(), steps);
  if (index.stride != 1) {
    Value stride = vector::BroadcastOp::create(builder, loc, indexVector(),
                                               constant(index.stride));
    steps = arith::MulIOp::create(builder, loc, steps, stride);
  }
  return arith::AddIOp::create(builder, loc, base, steps);
}

LaneIndex IndexBuilder::resolve(const LaneIndex &index) {
  if (index.flatPosition < 0)
    return index;
  LaneIndex result =
      delinearizeFlat(*flat, index.dependencies)[index.flatPosition];
  return result;
}

SmallVector<LaneIndex> IndexBuilder::delinearizeFlat(const FlatGroup &group,
                                                     uint64_t dependencies) {
  LaneIndex rest;
  rest.base = group.base;
  rest.stride = 1;
  rest.dependencies = dependencies;
  SmallVector<LaneIndex> result(group.sizes.size());
  for (size_t i = group.sizes.size(); i-- > 1;) {
    result[i] = rem(rest, group.sizes[i]);
    rest = div(rest, group.sizes[i]);
  }
  result[0] = rest;
  return result;
}

LaneIndex IndexBuilder::add(const LaneIndex &x, const LaneIndex &y) {
  LaneIndex a = resolve(x), b = resolve(y), result;
  result.dependencies = a.dependencies | b.dependencies;
  if (a.lanes || b.lanes) {
    result.lanes =
        arith::AddIOp::create(builder, loc, toVector(a), toVector(b));
    return result;
  }
  result.base = add(a.base, b.base);
  result.stride = a.stride + b.stride;
  return result;
}

LaneIndex IndexBuilder::mul(const LaneIndex &x, Value factor) {
  auto constantFactor = getConstant(factor);
  if (constantFactor == 1)
    return x;
  LaneIndex a = resolve(x), result;
  result.dependencies = a.dependencies;
  if (a.lanes || (a.stride && !constantFactor)) {
    Value vector =
        vector::BroadcastOp::create(builder, loc, indexVector(), factor);
    result.lanes = arith::MulIOp::create(builder, loc, toVector(a), vector);
    return result;
  }
  result.base = mul(a.base, factor);
  result.stride = a.stride ? a.stride * *constantFactor : 0;
  return result;
}

template <class Op>
LaneIndex IndexBuilder::divide(const LaneIndex &a, Value divisor) {
  LaneIndex result;
  result.dependencies = a.dependencies;
  Value vector =
      vector::BroadcastOp::create(builder, loc, indexVector(), divisor);
  result.lanes = Op::create(builder, loc, toVector(a), vector);
  return result;
}

LaneIndex IndexBuilder::div(const LaneIndex &x, Value divisor) {
  LaneIndex a = resolve(x);
  if (getConstant(divisor) == 1)
    return a;
  if (a.isUniform())
    return uniform(div(a.base, divisor), a.dependencies);
  return divide<arith::DivUIOp>(a, divisor);
}

LaneIndex IndexBuilder::rem(const LaneIndex &x, Value divisor) {
  LaneIndex a = resolve(x);
  if (getConstant(divisor) == 1)
    return uniform(constant(0), a.dependencies);
  if (a.isUniform())
    return uniform(rem(a.base, divisor), a.dependencies);
  return divide<arith::RemUIOp>(a, divisor);
}

LaneIndex IndexBuilder::evaluate(AffineExpr expr, ArrayRef<LaneIndex> dims) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto value = dyn_cast<AffineConstantExpr>(expr))
    return uniform(constant(value.getValue()));
  auto binary = cast<AffineBinaryOpExpr>(expr);
  LaneIndex lhs = evaluate(binary.getLHS(), dims);
  if (binary.getKind() == AffineExprKind::Add)
    return add(lhs, evaluate(binary.getRHS(), dims));
  // The right side of the others is constant: these maps have no symbols.
  Value rhs = evaluate(binary.getRHS(), dims).base;
  switch (binary.getKind()) {
  case AffineExprKind::Mul:
    return mul(lhs, rhs);
  case AffineExprKind::FloorDiv:
    return div(lhs, rhs);
  case AffineExprKind::Mod:
    return rem(lhs, rhs);
  case AffineExprKind::CeilDiv:
    return div(add(lhs, uniform(sub(rhs, constant(1)))), rhs);
  default:
    llvm_unreachable("not an expression of a structured op");
  }
}

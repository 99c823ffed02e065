// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Contrib.h"
#include "frontend/import/Activations.h"
#include "frontend/import/Arithmetic.h"
#include "frontend/import/Normalization.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

LogicalResult frontend::requireInputs(NodeContext &context,
                                      ArrayRef<size_t> inputs) {
  for (size_t i : inputs)
    if (!context.hasInput(i))
      return context.invalid("its input " + Twine(i) + " is missing");
  return success();
}

LogicalResult frontend::requireFloats(NodeContext &context,
                                      ArrayRef<size_t> inputs) {
  if (failed(requireInputs(context, inputs)))
    return failure();
  for (size_t i : inputs)
    if (!isa<FloatType>(NodeContext::elementType(context.input(i))))
      return context.invalid("its input " + Twine(i) +
                             " is no tensor of floats");
  return success();
}

LogicalResult frontend::requireRank(NodeContext &context, size_t input,
                                    int64_t rank) {
  int64_t found = NodeContext::rank(context.input(input));
  if (found != rank)
    return context.invalid("its input " + Twine(input) + " has rank " +
                           Twine(found) + ", expected " + Twine(rank));
  return success();
}

Value frontend::sliceAlong(NodeContext &context, Value value, int64_t axis,
                           AffineExpr begin, AffineExpr size) {
  if (!value)
    return value;
  SmallVector<AffineExpr> dims = NodeContext::dims(value),
                          offsets(dims.size(), context.constantExpr(0));
  if (begin == 0 && size == dims[axis])
    return value;
  dims[axis] = size;
  offsets[axis] = begin;
  return context.create<SliceOp>(
      getTensorType(dims, NodeContext::elementType(value)), value,
      getSymbolMap(offsets, context.builder.getContext()),
      SmallVector<int64_t>(dims.size(), 1));
}

Value frontend::widen(NodeContext &context, Value value) {
  if (!value || !isa<FloatType>(NodeContext::elementType(value)))
    return value;
  return context.cast(
      value, getStatisticsType(context, NodeContext::elementType(value)));
}

Value frontend::applyFusedActivation(NodeContext &context, Value value,
                                     ArrayRef<float> parameters) {
  std::string name = context.getString("activation", "");
  if (name.empty() || !value)
    return value;
  auto parameter = [&](size_t i) {
    return i < parameters.size() ? std::optional(parameters[i]) : std::nullopt;
  };
  if (name == "Clip") {
    if (parameters.size() != 2) {
      (void)context.invalid("Clip has " + Twine(parameters.size()) +
                            " parameters, expected 2");
      return Value();
    }
    return Arithmetic(context).clip(value, parameters[0], parameters[1]);
  }
  return applyActivation(
      context, {StringRef(name).lower(), parameter(0), parameter(1)}, value);
}

Value frontend::unpackBytes(NodeContext &context, Value bytes, int64_t bits,
                            bool highestFirst) {
  if (!bytes || bits == 8)
    return bytes;
  int64_t count = 8 / bits;
  Type u8 = context.builder.getIntegerType(8, /*isSigned=*/false);
  SmallVector<uint8_t> shifts;
  for (int64_t i = 0; i < count; ++i)
    shifts.push_back(bits * (highestFirst ? count - 1 - i : i));
  SmallVector<AffineExpr> dims = NodeContext::dims(bytes), spread = dims;
  spread.push_back(context.constantExpr(1));
  Arithmetic math(context);
  Value shifted = math.apply<ShrOp>(
      context.reshape(bytes, spread),
      context.constant(DenseElementsAttr::get(
          RankedTensorType::get({count}, u8), ArrayRef<uint8_t>(shifts))));
  Value all = math.apply<AndOp>(shifted, static_cast<double>((1 << bits) - 1));
  dims.back() = mlir::dl::simplify(dims.back() * count);
  return context.reshape(all, dims);
}

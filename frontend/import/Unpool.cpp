// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// MaxUnpool: elements go back to where their maximum was found.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Sizes.h"
#include "frontend/import/Window.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

/// Indices count the elements of the whole result as it follows from the
/// window; an output shape may add zeros behind.
static LogicalResult importMaxUnpool(NodeContext &context) {
  Value x = context.input(0), indices = context.input(1);
  int64_t rank = NodeContext::rank(x);
  auto sizes = context.getInts("kernel_shape");
  if (!sizes || rank < 3 || static_cast<int64_t>(sizes->size()) != rank - 2)
    return context.invalid(
        "kernel_shape does not have one number for each of " +
        Twine(std::max<int64_t>(rank - 2, 0)) + " dimensions");
  auto window = getWindowAttributes(context, *sizes);
  if (!window)
    return failure();
  Exprs dims = NodeContext::dims(x), other = NodeContext::dims(indices);
  if (other.size() != dims.size())
    return context.invalid("its indices have another rank than its input");
  for (auto [a, b] : llvm::zip(dims, other))
    if (failed(context.requireEqual(a, b, "its indices are for another shape")))
      return failure();
  Exprs result(dims);
  for (size_t i = 0; i < sizes->size(); ++i)
    result[i + 2] =
        simplify((dims[i + 2] - 1) * window->strides[i] + window->sizes[i] -
                 (window->low[i] + window->high[i]));
  for (AffineExpr size : result)
    if (failed(context.requireLessEqual(context.constantExpr(0), size,
                                        "its result has a negative size")))
      return failure();
  Type type = NodeContext::elementType(x);
  AffineExpr count = getProduct(context, dims);
  Value zeros =
      context.broadcast(context.splat(0, type), {getProduct(context, result)});
  Value placed = context.reshape(context.create<ScatterElementsOp>(
                                     ScatterKind::Set, zeros,
                                     context.reshape(indices, {count}),
                                     context.reshape(x, {count}), int64_t(0)),
                                 result);
  if (!context.hasInput(2))
    return context.setResults(placed);
  auto shape = getSizes(context, context.input(2), "the output's shape");
  if (!shape)
    return failure();
  if (shape->size() != result.size())
    return context.invalid("its output shape has " + Twine(shape->size()) +
                           " numbers, expected " + Twine(result.size()));
  for (auto [a, b] : llvm::zip(result, *shape))
    if (failed(context.requireLessEqual(
            a, b, "its output shape is smaller than its window demands")))
      return failure();
  Exprs before(result.size(), context.constantExpr(0));
  return context.setResults(context.create<PadOp>(
      getTensorType(*shape, type), PadMode::Constant, placed,
      context.splat(0, type),
      getSymbolMap(before, context.builder.getContext())));
}

void frontend::addUnpoolRules(RuleTable &table) {
  table.add("MaxUnpool", importMaxUnpool);
}

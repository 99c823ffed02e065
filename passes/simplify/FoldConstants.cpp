// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/ElementBytes.h"
#include "ir/reference/Interpreter.h"
#include "passes/Constants.h"
#include "passes/Passes.h"

#include "mlir/IR/DialectResourceBlobManager.h"

namespace dl {
#define GEN_PASS_DEF_FOLDCONSTANTS
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

/// Operands of more elements are left alone: computing them would take long,
/// and much memory.
constexpr int64_t kMaxOperand = 1 << 24;

static int64_t getCount(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.hasStaticShape() ? tensor.getNumElements() : -1;
}

/// The constant that a value is, perhaps reshaped; null for others.
static ConstantOp getConstant(Value value) {
  if (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getOperand();
  return value.getDefiningOp<ConstantOp>();
}

/// Whether computing the op now saves more than its result costs.
static bool isWorthFolding(Operation *op) {
  if (!isa<FusionInterface>(op) || op->getNumRegions() ||
      op->getNumOperands() == 0 || !isPure(op))
    return false;
  // Reshaped and transposed constants are put in order while they are written.
  // Those that a model rounds to f16 are no weights alone: patterns read them.
  if (isStoredConstant(op->getResult(0)) &&
      !(isRounding(op) && getElementTypeOrSelf(op->getResult(0)).isF16()))
    return false;
  int64_t read = 0;
  for (Value operand : op->getOperands()) {
    int64_t count = getCount(operand.getType());
    if (!getConstant(operand) || count < 0 || count > kMaxOperand)
      return false;
    read += count;
  }
  for (Value result : op->getResults()) {
    constexpr int64_t kSmall = 1 << 12;
    int64_t count = getCount(result.getType());
    if (count < 0 || count > 4 * read + kSmall)
      return false;
  }
  return true;
}

/// Whether an op makes a large constant of 8-bit integers (or floats) wider, as
/// dequantization does.
static bool widensBytes(Operation *op, bool ofFloats) {
  constexpr int64_t kLarge = 64;
  auto conversion = dyn_cast<CastOp>(op);
  if (!conversion)
    return false;
  Type from = getElementTypeOrSelf(conversion.getOperand());
  return (ofFloats ? isa<Float8E4M3FNType, Float8E5M2Type>(from)
                   : isa<IntegerType>(from)) &&
         from.getIntOrFloatBitWidth() == 8 &&
         getElementTypeOrSelf(conversion.getType()).getIntOrFloatBitWidth() >
             8 &&
         getCount(conversion.getType()) > kLarge;
}

/// One element where all are equal.
static DenseElementsAttr shorten(DenseElementsAttr elements) {
  if (elements.isSplat() || elements.empty())
    return elements;
  ArrayRef<char> data = elements.getRawData();
  size_t size = data.size() / elements.getNumElements();
  if (size == 0 || data.size() % elements.getNumElements())
    return elements;
  for (size_t at = size; at < data.size(); at += size)
    if (std::memcmp(data.data(), data.data() + at, size) != 0)
      return elements;
  return DenseElementsAttr::getFromRawBuffer(elements.getType(),
                                             data.take_front(size));
}

/// The elements of a constant, perhaps reshaped.
static FailureOr<reference::Tensor> getElements(Value value) {
  auto tensor = reference::Tensor::fromAttribute(getConstant(value).getValue());
  auto reshape = value.getDefiningOp<ReshapeOp>();
  if (failed(tensor) || !reshape)
    return tensor;
  auto results = reference::interpretOp(reshape, {*tensor}, {});
  if (failed(results) || results->size() != 1)
    return failure();
  return results->front();
}

static void fold(Operation *op) {
  SmallVector<reference::Tensor> operands;
  for (Value operand : op->getOperands()) {
    auto tensor = getElements(operand);
    if (failed(tensor))
      return;
    operands.push_back(*tensor);
  }
  auto values = reference::computeConstants(op, operands);
  if (values.empty())
    return;
  OpBuilder builder(op);
  // The constant comes from all nodes that it was computed from.
  SmallVector<Location> locations{op->getLoc()};
  for (Value operand : op->getOperands())
    locations.push_back(operand.getLoc());
  Location loc = builder.getFusedLoc(locations);
  SmallVector<Value> constants;
  for (DenseElementsAttr value : values)
    constants.push_back(ConstantOp::create(builder, loc, shorten(value)));
  op->replaceAllUsesWith(constants);
  op->erase();
}

/// A slice whose elements lie together in a stored constant, as one expert of
/// several that are stacked, is a constant over the same memory; null for
/// others.
static Value sliceInPlace(SliceOp op) {
  auto constant = op.getOperand().getDefiningOp<ConstantOp>();
  auto resource = constant
                      ? dyn_cast<DenseResourceElementsAttr>(constant.getValue())
                      : DenseResourceElementsAttr();
  RankedTensorType from = op.getOperand().getType();
  auto to = cast<RankedTensorType>(op.getType());
  Type element = from.getElementType();
  if (!resource || !element.isIntOrFloat() ||
      element.getIntOrFloatBitWidth() % 8 || !from.hasStaticShape() ||
      !to.hasStaticShape() || to.getNumElements() == 0)
    return {};
  ArrayRef<char> bytes = getElementBytes(resource);
  if (bytes.empty())
    return {};
  int64_t size = element.getIntOrFloatBitWidth() / 8;
  // Outside of one dimension a single position, inside of it all.
  int64_t first = 0;
  bool isWhole = true;
  for (int64_t d = from.getRank(), stride = 1; d-- > 0;) {
    auto offset = dyn_cast<AffineConstantExpr>(op.getOffsets().getResult(d));
    bool takesAll = to.getDimSize(d) == from.getDimSize(d);
    if (!offset || (!isWhole && to.getDimSize(d) != 1) ||
        (op.getStrides()[d] != 1 && to.getDimSize(d) != 1))
      return {};
    isWhole &= takesAll;
    first += offset.getValue() * stride;
    stride *= from.getDimSize(d);
  }
  ArrayRef<char> part = bytes.slice(first * size, to.getNumElements() * size);
  size_t alignment = 1;
  while (alignment < 64 &&
         reinterpret_cast<uintptr_t>(part.data()) % (alignment * 2) == 0)
    alignment *= 2;
  OpBuilder builder(op);
  // The whole blob lives as long as the context.
  auto value = DenseResourceElementsAttr::get(
      to, (resource.getRawHandle().getKey() + "_part").str(),
      UnmanagedAsmResourceBlob::allocateWithAlign(part, alignment));
  return ConstantOp::create(
      builder, builder.getFusedLoc({constant.getLoc(), op.getLoc()}), value);
}

namespace {

class FoldConstants : public ::dl::impl::FoldConstantsBase<FoldConstants> {
  using FoldConstantsBase::FoldConstantsBase;

  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops) {
      if (auto slice = dyn_cast<SliceOp>(op))
        if (Value part = sliceInPlace(slice)) {
          slice.replaceAllUsesWith(part);
          slice.erase();
          continue;
        }
      if (isWorthFolding(op) &&
          !(keepQuantized && widensBytes(op, /*ofFloats=*/false)) &&
          !(keepFloat8 && widensBytes(op, /*ofFloats=*/true)))
        fold(op);
    }
  }
};

} // namespace

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/reference/Interpreter.h"
#include "passes/Constants.h"
#include "passes/Passes.h"

namespace dl {
#define GEN_PASS_DEF_FOLDCONSTANTS
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

/// Operands of more elements are left alone: weights are not for the IR.
constexpr int64_t kMaxOperand = 1 << 20;

static int64_t getCount(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.hasStaticShape() ? tensor.getNumElements() : -1;
}

/// Whether computing the op now saves more than its result costs.
static bool isWorthFolding(Operation *op) {
  if (!isa<FusionInterface>(op) || op->getNumRegions() ||
      op->getNumOperands() == 0 || !isPure(op))
    return false;
  // Reshaped and transposed constants are put in order while they are written.
  if (isStoredConstant(op->getResult(0)))
    return false;
  int64_t read = 0;
  for (Value operand : op->getOperands()) {
    auto constant = operand.getDefiningOp<ConstantOp>();
    int64_t count = getCount(operand.getType());
    if (!constant || count < 0 || count > kMaxOperand)
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

/// One element where all are equal.
static DenseElementsAttr shorten(DenseElementsAttr elements) {
  if (elements.isSplat() || elements.empty())
    return elements;
  ArrayRef<char> data = elements.getRawData();
  size_t size = data.size() / elements.getNumElements();
  if (size == 0 || data.size() % elements.getNumElements())
    return elements;
  for (size_t at = size; at < data.size(); at += size)
    if (std::memcmp(data.data(), data.data() + at, size))
      return elements;
  return DenseElementsAttr::getFromRawBuffer(elements.getType(),
                                             data.take_front(size));
}

static void fold(Operation *op) {
  SmallVector<reference::Tensor> operands;
  for (Value operand : op->getOperands()) {
    auto tensor = reference::Tensor::fromAttribute(
        operand.getDefiningOp<ConstantOp>().getValue());
    if (failed(tensor))
      return;
    operands.push_back(*tensor);
  }
  FailureOr<reference::Tensors> results = failure();
  {
    // An op that the reference does not know stays for the kernels.
    ScopedDiagnosticHandler quiet(op->getContext(),
                                  [](Diagnostic &) { return success(); });
    results = reference::interpretOp(op, operands, {});
  }
  if (failed(results) || results->size() != op->getNumResults())
    return;
  OpBuilder builder(op);
  SmallVector<Value> constants;
  for (auto [result, tensor] : llvm::zip(op->getResults(), *results)) {
    DenseElementsAttr value = shorten(tensor.toAttribute());
    if (value.getType() != result.getType())
      return;
    constants.push_back(ConstantOp::create(builder, op->getLoc(), value));
  }
  op->replaceAllUsesWith(constants);
  op->erase();
}

namespace {

class FoldConstants : public ::dl::impl::FoldConstantsBase<FoldConstants> {
  using FoldConstantsBase::FoldConstantsBase;

  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops)
      if (isWorthFolding(op))
        fold(op);
  }
};

} // namespace

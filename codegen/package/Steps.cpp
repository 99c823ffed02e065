// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Steps.h"
#include "ir/dialect/Locations.h"
#include "runtime/artifact/module_generated.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace dl::package;
using mlir::cast;
using mlir::dyn_cast;
using mlir::Operation;
using mlir::RankedTensorType;

std::string dl::package::getStepName(Operation *op) {
  constexpr size_t kMaxName = 120;
  std::string name;
  for (const mlir::dl::SourceNode &node :
       mlir::dl::getSourceNodes(op->getLoc())) {
    llvm::StringRef part = node.node.empty() ? node.op : node.node;
    if (name.size() + part.size() > kMaxName)
      return name + "+...";
    name += (name.empty() ? "" : "+") + part.str();
  }
  return name;
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

int32_t dl::package::getOperationNumber(Operation *op) {
  return llvm::TypeSwitch<Operation *, dlrt::fb::Operation>(op)
      .Case([](mlir::dl::SequenceInsertOp) {
        return dlrt::fb::Operation_SequenceInsert;
      })
      .Case([](mlir::dl::SequenceEraseOp) {
        return dlrt::fb::Operation_SequenceErase;
      })
      .Case([](mlir::dl::SequenceLengthOp) {
        return dlrt::fb::Operation_SequenceLength;
      })
      .Case(
          [](mlir::dl::SequenceAtOp) { return dlrt::fb::Operation_SequenceAt; })
      .Case([](mlir::dl::SequenceConcatOp) {
        return dlrt::fb::Operation_SequenceConcat;
      })
      .Case([](mlir::dl::SequenceSplitOp) {
        return dlrt::fb::Operation_SequenceSplit;
      })
      .Case([](mlir::dl::OptionalCreateOp) {
        return dlrt::fb::Operation_OptionalCreate;
      })
      .Case([](mlir::dl::OptionalHasOp) {
        return dlrt::fb::Operation_OptionalHas;
      })
      .Case([](mlir::dl::OptionalGetOp) {
        return dlrt::fb::Operation_OptionalGet;
      })
      .Case([](mlir::dl::IfOp) { return dlrt::fb::Operation_If; })
      .Case([](mlir::dl::LoopOp) { return dlrt::fb::Operation_While; })
      .Default([](Operation *) { return dlrt::fb::Operation_SequenceCreate; });
}

std::vector<int64_t> dl::package::getOperationAttributes(Operation *op) {
  if (auto concat = dyn_cast<mlir::dl::SequenceConcatOp>(op))
    return {static_cast<int64_t>(concat.getAxis()), concat.getStack()};
  if (auto split = dyn_cast<mlir::dl::SequenceSplitOp>(op))
    return {static_cast<int64_t>(split.getAxis()), split.getSqueeze()};
  return {};
}

//===----------------------------------------------------------------------===//
// Dispatches
//===----------------------------------------------------------------------===//

std::vector<FormulaId> dl::package::getReads(mlir::dl::DispatchOp op,
                                             Operation *callee,
                                             llvm::ArrayRef<FormulaId> sizes,
                                             Formulas &formulas,
                                             TypeFormulas &types) {
  auto reads = callee->getAttrOfType<mlir::ArrayAttr>("dl.reads");
  if (!reads)
    return {};
  std::vector<FormulaId> result(op.getInputs().size(), kNoFormula);
  for (auto [i, value] : llvm::enumerate(op.getInputs())) {
    auto map = i < reads.size() ? dyn_cast<mlir::AffineMapAttr>(reads[i])
                                : mlir::AffineMapAttr();
    if (map && map.getValue().getNumResults() == 1 &&
        map.getValue().getNumDims() == sizes.size())
      result[i] = types.getBytes(
          cast<RankedTensorType>(value.getType()).getElementType(),
          toFormula(map.getValue().getResult(0), formulas, sizes, {}));
  }
  return result;
}

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/InPlace.h"
#include "codegen/cpu/ElementEmitter.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::dl::cpu;

/// Whether everything that is computed from `value` has its shape and depends,
/// at each position, on the same position of it alone.
static bool isReadInPlace(Value value) {
  llvm::SetVector<Value> derived;
  derived.insert(value);
  ArrayRef<int64_t> shape = cast<RankedTensorType>(value.getType()).getShape();
  for (size_t i = 0; i < derived.size(); ++i)
    for (OpOperand &use : derived[i].getUses()) {
      Operation *user = use.getOwner();
      if (isa<func::ReturnOp, tensor::DimOp>(user))
        continue;
      auto generic = dyn_cast<linalg::GenericOp>(user);
      if (!generic || isReduction(generic) || !generic.isDpsInput(&use) ||
          !generic.getMatchingIndexingMap(&use).isIdentity())
        return false;
      for (OpResult result : generic->getResults()) {
        if (cast<RankedTensorType>(result.getType()).getShape() != shape ||
            !generic.getIndexingMapMatchingResult(result).isIdentity())
          return false;
        derived.insert(result);
      }
    }
  return true;
}

SmallVector<int64_t> mlir::dl::cpu::findInPlaceInputs(func::FuncOp source) {
  auto terminator =
      cast<func::ReturnOp>(source.getBody().front().getTerminator());
  SmallVector<int64_t> inputs(terminator.getNumOperands(), -1);
  // Step by step, a kernel may read what it has written.
  if (source
          .walk([](Operation *op) {
            return isa<scf::ForOp, scf::IfOp>(op) ? WalkResult::interrupt()
                                                  : WalkResult::advance();
          })
          .wasInterrupted())
    return inputs;
  unsigned inputCount = source.getNumArguments() - terminator.getNumOperands();
  int64_t number = -1; // among the tensors
  SmallVector<std::pair<int64_t, Type>> candidates;
  for (BlockArgument argument : source.getArguments().take_front(inputCount)) {
    if (!isa<RankedTensorType>(argument.getType()))
      continue;
    ++number;
    if (!source.getArgAttr(argument.getArgNumber(), "dl.constant") &&
        !argument.use_empty() && isReadInPlace(argument))
      candidates.push_back({number, argument.getType()});
  }
  // Round r has each result's r-th choice, which begins where the results
  // before it leave off, so that in the first round no input is chosen twice.
  size_t count = inputs.size();
  SmallVector<SmallVector<int64_t>> choices(count);
  DenseMap<Type, size_t> sameType;
  for (size_t i = 0; i < count; ++i) {
    SmallVector<int64_t> fitting;
    for (auto [input, type] : candidates)
      if (type == terminator.getOperand(i).getType())
        fitting.push_back(input);
    size_t before = sameType[terminator.getOperand(i).getType()]++;
    for (size_t k = 0; k < fitting.size(); ++k)
      choices[i].push_back(fitting[(k + before) % fitting.size()]);
    if (before >= fitting.size() && !fitting.empty())
      choices[i].insert(choices[i].begin(), -1);
  }
  size_t rounds = 1;
  for (ArrayRef<int64_t> list : choices)
    rounds = std::max(rounds, list.size());
  inputs.assign(rounds * count, -1);
  for (size_t i = 0; i < count; ++i)
    for (auto [round, input] : llvm::enumerate(choices[i]))
      inputs[round * count + i] = input;
  return inputs;
}

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/ElementTypes.h"
#include "ir/dialect/Dialect.h"
#include "ir/dialect/Dims.h"

using namespace mlir;
using mlir::dl::OptionalType;
using mlir::dl::SequenceType;

namespace dl {

Type replaceElementType(Type type, ElementMap map) {
  if (auto sequence = dyn_cast<SequenceType>(type))
    return SequenceType::get(
        type.getContext(),
        cast<TensorType>(replaceElementType(sequence.getElementType(), map)));
  if (auto optional = dyn_cast<OptionalType>(type))
    return OptionalType::get(type.getContext(),
                             replaceElementType(optional.getValueType(), map));
  auto tensor = dyn_cast<TensorType>(type);
  if (!tensor)
    return type;
  Type element = map(tensor.getElementType());
  if (element == tensor.getElementType())
    return type;
  if (auto ranked = dyn_cast<RankedTensorType>(type))
    return mlir::dl::withElementType(ranked, element);
  return UnrankedTensorType::get(element);
}

bool hasElementType(ModuleOp module, ElementMap map) {
  auto changes = [&](Type type) {
    return replaceElementType(type, map) != type;
  };
  bool any = false;
  for (auto function : module.getOps<func::FuncOp>())
    any |= llvm::any_of(function.getFunctionType().getInputs(), changes);
  module.walk([&](Operation *op) {
    any |= llvm::any_of(op->getResultTypes(), changes);
    return any ? WalkResult::interrupt() : WalkResult::advance();
  });
  return any;
}

/// Notes what a caller sees, unless it is noted already.
static void noteTypes(func::FuncOp function, StringRef name, TypeRange types,
                      ElementMap map) {
  auto changes = [&](Type type) {
    return replaceElementType(type, map) != type;
  };
  if (llvm::none_of(types, changes))
    return;
  SmallVector<Attribute> noted;
  if (auto known = function->getAttrOfType<ArrayAttr>(name))
    noted.assign(known.begin(), known.end());
  for (auto [i, type] : llvm::enumerate(types))
    if (i >= noted.size())
      noted.push_back(TypeAttr::get(type));
    else if (changes(type))
      noted[i] = TypeAttr::get(type);
  function->setAttr(name, ArrayAttr::get(function.getContext(), noted));
}

void replaceElementTypes(func::FuncOp function, ElementMap map) {
  FunctionType type = function.getFunctionType();
  noteTypes(function, mlir::dl::kInputTypesAttr, type.getInputs(), map);
  noteTypes(function, mlir::dl::kOutputTypesAttr, type.getResults(), map);
  auto replaceAll = [&](TypeRange types) {
    return llvm::map_to_vector(
        types, [&](Type t) { return replaceElementType(t, map); });
  };
  function.setFunctionType(FunctionType::get(function.getContext(),
                                             replaceAll(type.getInputs()),
                                             replaceAll(type.getResults())));
  auto change = [&](Value value) {
    value.setType(replaceElementType(value.getType(), map));
  };
  function.walk([&](Block *block) {
    llvm::for_each(block->getArguments(), change);
    for (Operation &op : *block)
      llvm::for_each(op.getResults(), change);
  });
}

} // namespace dl

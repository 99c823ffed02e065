// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/EntryLists.h"
#include "ir/dialect/Dialect.h"
#include "ir/dialect/Maps.h"

namespace mlir::dl {

/// Removes elements of an array attribute of the function.
static void dropEntries(func::FuncOp function, StringRef attribute,
                        const llvm::BitVector &dropped) {
  auto array = function->getAttrOfType<ArrayAttr>(attribute);
  if (!array)
    return;
  SmallVector<Attribute> kept;
  for (auto [i, entry] : llvm::enumerate(array))
    if (i >= dropped.size() || !dropped[i])
      kept.push_back(entry);
  function->setAttr(attribute, ArrayAttr::get(function.getContext(), kept));
}

/// Likewise for numbers of arguments, which become those of what is left.
static void renumberArguments(func::FuncOp function, StringRef attribute,
                              const llvm::BitVector &dropped) {
  auto numbers = function->getAttrOfType<DenseI64ArrayAttr>(attribute);
  if (!numbers)
    return;
  SmallVector<int64_t> kept;
  for (int64_t number : numbers.asArrayRef()) {
    int64_t before = 0;
    for (int64_t i = 0; i < number; ++i)
      before += dropped[i];
    kept.push_back(number - before);
  }
  function->setAttr(attribute,
                    DenseI64ArrayAttr::get(function.getContext(), kept));
}

void dropInputEntries(func::FuncOp function, const llvm::BitVector &dropped) {
  renumberArguments(function, kInputMapsAttr, dropped);
  for (StringRef attribute : {kInputNamesAttr, kInputTypesAttr})
    dropEntries(function, attribute, dropped);
}

void dropOutputEntries(func::FuncOp function, const llvm::BitVector &dropped) {
  for (StringRef attribute :
       {kOutputNamesAttr, kOutputTypesAttr, kOutputKeysAttr})
    dropEntries(function, attribute, dropped);
}

} // namespace mlir::dl

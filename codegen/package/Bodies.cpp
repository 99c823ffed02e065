// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Bodies.h"
#include "codegen/package/Constants.h"
#include "codegen/package/Signature.h"
#include "ir/dialect/Dims.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace dl::package;
using mlir::AffineExpr;
using mlir::dyn_cast;
using mlir::LogicalResult;
using mlir::Operation;
using mlir::RankedTensorType;
using mlir::Value;

//===----------------------------------------------------------------------===//
// Symbols
//===----------------------------------------------------------------------===//

using Symbols = llvm::SmallSetVector<unsigned, 4>;

/// Symbols that have values in a region and not around it, but for those of
/// regions in it.
static llvm::SmallVector<unsigned> getOwnSymbols(mlir::Region &region) {
  llvm::SmallVector<unsigned> own;
  if (auto loop = dyn_cast<mlir::dl::LoopOp>(region.getParentOp()))
    own.append(loop.getBodySymbols().begin(), loop.getBodySymbols().end());
  for (auto op : region.getOps<mlir::dl::BindingInterface>())
    own.append(op.getBoundSymbols().begin(), op.getBoundSymbols().end());
  return own;
}

static void addSymbols(mlir::Type type, Symbols &symbols) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return;
  for (AffineExpr dim : mlir::dl::getDims(tensor))
    dim.walk([&](AffineExpr part) {
      if (auto symbol = dyn_cast<mlir::AffineSymbolExpr>(part))
        symbols.insert(symbol.getPosition());
    });
}

llvm::SmallVector<Value> dl::package::getCaptures(mlir::Region &region) {
  llvm::SetVector<Value> used;
  mlir::getUsedValuesDefinedAbove(region, used);
  llvm::SmallVector<Value> captures;
  for (Value value : used)
    if (!Constants::isConstant(value))
      captures.push_back(value);
  return captures;
}

llvm::SmallVector<unsigned>
dl::package::getGivenSymbols(mlir::func::FuncOp function, mlir::Region &region,
                             mlir::ValueRange captures) {
  Symbols given, local;
  for (mlir::Type type : captures.getTypes())
    addSymbols(type, given);
  for (mlir::Type type : region.front().getArgumentTypes())
    addSymbols(type, given);
  for (Operation &op : region.front()) {
    Symbols used = mlir::dl::getUsedSymbols(&op);
    Symbols bound = mlir::dl::getBoundSymbols(&op);
    given.insert(used.begin(), used.end());
    local.insert(bound.begin(), bound.end());
  }
  llvm::SmallVector<unsigned> own = getOwnSymbols(region);
  local.insert(own.begin(), own.end());
  Symbols checked = getSymbolsOfChecks(function, local.getArrayRef());
  given.insert(checked.begin(), checked.end());
  given.set_subtract(local);
  return llvm::SmallVector<unsigned>(given.getArrayRef());
}

//===----------------------------------------------------------------------===//
// Signatures
//===----------------------------------------------------------------------===//

/// The first input and dimension that is this symbol.
static std::optional<std::pair<int32_t, int32_t>>
findDim(llvm::ArrayRef<Value> inputs, unsigned symbol) {
  for (auto [i, input] : llvm::enumerate(inputs))
    if (auto tensor = dyn_cast<RankedTensorType>(input.getType()))
      for (auto [d, dim] : llvm::enumerate(mlir::dl::getDims(tensor)))
        if (auto found = mlir::dyn_cast_or_null<mlir::AffineSymbolExpr>(dim);
            found && found.getPosition() == symbol)
          return std::pair(static_cast<int32_t>(i), static_cast<int32_t>(d));
  return std::nullopt;
}

/// How many symbols the function has.
static size_t countSymbols(mlir::func::FuncOp function) {
  auto names = function->getAttrOfType<mlir::ArrayAttr>(mlir::dl::kSymbolsAttr);
  size_t count = names ? names.size() : 0;
  Symbols all = mlir::dl::getBoundSymbols(function);
  for (unsigned symbol : mlir::dl::getUsedSymbols(function))
    all.insert(symbol);
  for (unsigned symbol : all)
    count = std::max<size_t>(count, symbol + 1);
  return count;
}

LogicalResult dl::package::buildBodySignature(mlir::func::FuncOp function,
                                              mlir::Region &region,
                                              llvm::ArrayRef<Value> inputs,
                                              llvm::ArrayRef<unsigned> given,
                                              Program &program,
                                              std::vector<FormulaId> &values) {
  program.name = function.getName().str();
  values.assign(countSymbols(function), kNoFormula);
  auto addSymbol = [&](unsigned symbol, int32_t input, int32_t axis) {
    program.symbols.push_back({getSymbolName(function, symbol), input, axis});
    values[symbol] = program.formulas.symbol(
        static_cast<int32_t>(program.symbols.size() - 1));
  };
  for (auto [i, symbol] : llvm::enumerate(given))
    addSymbol(symbol, -2, static_cast<int32_t>(i));
  llvm::SmallVector<unsigned> own = getOwnSymbols(region);
  for (unsigned symbol : own)
    if (auto place = findDim(inputs, symbol))
      addSymbol(symbol, place->first, place->second);
    else
      addSymbol(symbol, -1, 0);
  TypeFormulas types(program.formulas, values);
  for (auto [i, input] : llvm::enumerate(inputs))
    program.inputs.push_back(
        describeValue("input" + std::to_string(i), input.getType(), types));
  mlir::ValueRange outputs = region.front().getTerminator()->getOperands();
  for (auto [i, output] : llvm::enumerate(outputs))
    program.outputs.push_back(
        describeValue("output" + std::to_string(i), output.getType(), types));
  return addChecks(function, llvm::ArrayRef<unsigned>(own), values, program);
}

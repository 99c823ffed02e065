// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/verify/Inputs.h"

#include "codegen/package/Types.h"
#include "ir/dialect/Dims.h"
#include <random>

using namespace mlir;
using namespace mlir::dl::reference;

namespace dl::tools {

std::vector<Draw> listDraws(uint32_t seed) {
  std::vector<Draw> draws;
  constexpr std::pair<int64_t, int64_t> sizes[] = {
      {2, 5}, {1, 8}, {2, 2}, {1, 1}, {4, 4}, {1, 16}, {1, 32}, {1, 64}};
  for (auto [first, other] : sizes)
    draws.push_back({seed, first, other, /*isPositive=*/false});
  for (auto [first, other] : sizes)
    draws.push_back({seed, first, other, /*isPositive=*/true});
  return draws;
}

//===----------------------------------------------------------------------===//
// Random values
//===----------------------------------------------------------------------===//

namespace {

class Drawing {
public:
  Drawing(func::FuncOp function, const Draw &draw)
      : function(function), draw(draw), generator(draw.seed) {}

  std::optional<Tensors> run() {
    chooseSymbols();
    Tensors inputs;
    for (Value argument : function.getArguments()) {
      auto type = dyn_cast<RankedTensorType>(argument.getType());
      if (!type || !Tensor::isSupported(type.getElementType()))
        return std::nullopt;
      SmallVector<int64_t> shape;
      for (AffineExpr dim : mlir::dl::getDims(type)) {
        auto size = dim ? evaluate(dim, symbols) : std::nullopt;
        if (!size || *size < 0)
          return std::nullopt;
        shape.push_back(*size);
      }
      inputs.push_back(fill(argument, type.getElementType(), shape));
    }
    return inputs;
  }

private:
  void chooseSymbols() {
    for (Type type : function.getArgumentTypes()) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      if (!tensor)
        continue;
      for (auto [i, dim] : llvm::enumerate(mlir::dl::getDims(tensor))) {
        auto symbol = dyn_cast_or_null<AffineSymbolExpr>(dim);
        if (!symbol)
          continue;
        if (symbol.getPosition() >= symbols.size())
          symbols.resize(symbol.getPosition() + 1, kUnboundSymbol);
        int64_t &size = symbols[symbol.getPosition()];
        if (size == kUnboundSymbol)
          size = i == 0 ? draw.firstSize : draw.otherSize;
      }
    }
  }

  Tensor fill(Value argument, Type type, ArrayRef<int64_t> shape) {
    int64_t count = mlir::dl::reference::getNumElements(shape);
    if (isa<FloatType>(type)) {
      std::vector<double> values(count);
      std::normal_distribution<double> normal;
      std::uniform_real_distribution<double> uniform(1.0 / 64, 1.0);
      for (double &value : values)
        value = draw.isPositive ? uniform(generator) : normal(generator);
      return Tensor::store<double>(type, shape, values);
    }
    auto [least, most] = getRange(argument, type);
    std::uniform_int_distribution<int64_t> uniform(least, most);
    std::vector<int64_t> values(count);
    for (int64_t &value : values)
      value = uniform(generator);
    return Tensor::store<int64_t>(type, shape, values);
  }

  std::pair<int64_t, int64_t> getRange(Value argument, Type type) {
    unsigned width = type.getIntOrFloatBitWidth();
    if (width == 1)
      return {0, 1};
    int64_t limit = INT64_MAX;
    llvm::SmallPtrSet<Operation *, 16> visited;
    findLimit(argument, visited, limit);
    if (limit != INT64_MAX)
      return {0, std::max<int64_t>(limit - 1, 0)};
    if (width <= 8)
      return type.isUnsignedInteger() ? std::pair<int64_t, int64_t>(0, 255)
                                      : std::pair<int64_t, int64_t>(-128, 127);
    // Not zero, which nothing can be divided by.
    return {1, 9};
  }

  /// Lowers `limit` to the sizes that the value's elements point into.
  void findLimit(Value value, llvm::SmallPtrSetImpl<Operation *> &visited,
                 int64_t &limit) {
    for (OpOperand &use : value.getUses()) {
      Operation *op = use.getOwner();
      if (isIndex(use)) {
        lower(op, limit);
        continue;
      }
      for (Value result : op->getResults())
        if (getElementTypeOrSelf(result.getType()).isInteger() &&
            !getElementTypeOrSelf(result.getType()).isInteger(1) &&
            visited.insert(op).second)
          findLimit(result, visited, limit);
    }
  }

  static bool isIndex(OpOperand &use) {
    using namespace mlir::dl;
    return isa<GatherOp, GatherElementsOp, GatherNdOp, ScatterElementsOp,
               ScatterNdOp>(use.getOwner()) &&
           use.getOperandNumber() == 1;
  }

  void lower(Operation *op, int64_t &limit) {
    auto type = cast<RankedTensorType>(op->getOperand(0).getType());
    auto axis = op->getAttrOfType<IntegerAttr>("axis");
    for (auto [i, dim] : llvm::enumerate(mlir::dl::getDims(type))) {
      if (axis && axis.getInt() != static_cast<int64_t>(i))
        continue;
      if (auto size = dim ? evaluate(dim, symbols) : std::nullopt)
        limit = std::min(limit, *size);
    }
  }

  func::FuncOp function;
  const Draw &draw;
  std::mt19937 generator;
  SmallVector<int64_t> symbols;
};

} // namespace

std::optional<Tensors> drawInputs(func::FuncOp function, const Draw &draw) {
  return Drawing(function, draw).run();
}

//===----------------------------------------------------------------------===//
// Given values
//===----------------------------------------------------------------------===//

/// The type that a caller sees, where it is another than the function's.
static RankedTensorType getDeclared(func::FuncOp function, StringRef attribute,
                                    unsigned i, Type type) {
  if (auto types = function->getAttrOfType<ArrayAttr>(attribute))
    if (i < types.size())
      if (auto declared = dyn_cast<TypeAttr>(types[i]))
        type = declared.getValue();
  return cast<RankedTensorType>(type);
}

static dlrt_type getRuntimeType(RankedTensorType type) {
  return static_cast<dlrt_type>(
      package::getElementNumber(type.getElementType()));
}

static Tensor toTensor(Type type, ArrayRef<int64_t> shape, StringRef bytes) {
  Tensor tensor(type, shape);
  size_t size = tensor.getNumElements() * tensor.getElementBytes();
  std::memcpy(tensor.getMutableData(), bytes.data(),
              std::min(size, bytes.size()));
  return tensor;
}

std::optional<Tensors> loadInputs(func::FuncOp function,
                                  const std::vector<std::string> &files,
                                  std::string &error) {
  std::vector<std::string> names;
  if (auto attr = function->getAttrOfType<ArrayAttr>(mlir::dl::kInputNamesAttr))
    for (auto name : attr.getAsRange<StringAttr>())
      names.push_back(name.str());
  names.resize(function.getNumArguments());
  std::vector<RawTensor> raw;
  if (!readInputFiles(files, names, raw, error))
    return std::nullopt;
  if (raw.size() != names.size()) {
    error = "--verify: the model has " + std::to_string(names.size()) +
            " inputs, the files have " + std::to_string(raw.size());
    return std::nullopt;
  }
  Tensors inputs;
  for (unsigned i = 0; i < raw.size(); ++i) {
    auto type = cast<RankedTensorType>(function.getArgumentTypes()[i]);
    RankedTensorType declared =
        getDeclared(function, mlir::dl::kInputTypesAttr, i, type);
    if (raw[i].type != getRuntimeType(declared)) {
      error = "--verify: input '" + names[i] + "' is " +
              getTypeName(getRuntimeType(declared)) + ", its file has " +
              getTypeName(raw[i].type);
      return std::nullopt;
    }
    SmallVector<int64_t> shape(raw[i].dims.begin(), raw[i].dims.end());
    if (declared != type)
      shape = {static_cast<int64_t>(raw[i].bytes.size())};
    inputs.push_back(toTensor(type.getElementType(), shape, raw[i].bytes));
  }
  return inputs;
}

RawTensor toRaw(func::FuncOp function, unsigned i, const Tensor &tensor,
                ArrayRef<int64_t> symbols) {
  auto type = cast<RankedTensorType>(function.getArgumentTypes()[i]);
  RankedTensorType declared =
      getDeclared(function, mlir::dl::kInputTypesAttr, i, type);
  RawTensor raw;
  raw.type = getRuntimeType(declared);
  if (declared == type)
    raw.dims.assign(tensor.getShape().begin(), tensor.getShape().end());
  else
    for (AffineExpr dim : mlir::dl::getDims(declared))
      raw.dims.push_back(evaluate(dim, symbols).value_or(0));
  raw.bytes.assign(tensor.getData(),
                   tensor.getNumElements() * tensor.getElementBytes());
  return raw;
}

Tensor fromRaw(func::FuncOp function, unsigned i, const RawTensor &raw) {
  auto type = cast<RankedTensorType>(function.getResultTypes()[i]);
  RankedTensorType declared =
      getDeclared(function, mlir::dl::kOutputTypesAttr, i, type);
  SmallVector<int64_t> shape(raw.dims.begin(), raw.dims.end());
  if (declared != type)
    shape = {static_cast<int64_t>(raw.bytes.size())};
  return toTensor(type.getElementType(), shape, raw.bytes);
}

} // namespace dl::tools

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/verify/Inputs.h"

#include "codegen/package/Types.h"
#include "ir/dialect/Dims.h"
#include "tools/verify/Program.h"
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
  Drawing(func::FuncOp function, const Draw &how)
      : function(function), how(how), generator(how.seed) {}

  std::optional<Tensors> run() {
    chooseSymbols();
    Tensors inputs;
    for (Value argument : function.getArguments()) {
      auto input = draw(argument, argument.getType());
      if (!input)
        return std::nullopt;
      inputs.push_back(std::move(*input));
    }
    return inputs;
  }

private:
  /// A value of an argument, or of the tensors in it.
  std::optional<Tensor> draw(Value argument, Type type) {
    if (auto optional = dyn_cast<mlir::dl::OptionalType>(type))
      return draw(argument, optional.getValueType());
    if (auto sequence = dyn_cast<mlir::dl::SequenceType>(type)) {
      std::vector<Tensor> elements;
      for (int64_t i = 0; i < how.otherSize; ++i) {
        auto element = draw(argument, sequence.getElementType());
        if (!element)
          return std::nullopt;
        elements.push_back(std::move(*element));
      }
      return Tensor::sequence(std::move(elements));
    }
    Type elementType = getElementTypeOrSelf(type);
    if (!Tensor::isSupported(elementType))
      return std::nullopt;
    auto tensor = dyn_cast<RankedTensorType>(type);
    SmallVector<int64_t> shape{how.firstSize, how.otherSize};
    if (tensor) {
      shape.clear();
      bool isKnown = tensor.hasStaticShape() || tensor.getEncoding();
      for (auto [i, dim] : llvm::enumerate(mlir::dl::getDims(tensor))) {
        // Tensors in a sequence have sizes of their own.
        auto size = dim       ? evaluate(dim, symbols)
                    : isKnown ? std::nullopt
                              : std::optional(tensor.isDynamicDim(i)
                                                  ? how.otherSize
                                                  : tensor.getDimSize(i));
        if (!size || *size < 0)
          return std::nullopt;
        shape.push_back(*size);
      }
    }
    return fill(argument, elementType, shape);
  }

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
          size = i == 0 ? how.firstSize : how.otherSize;
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
        value = how.isPositive ? uniform(generator) : normal(generator);
      return Tensor::store<double>(type, shape, values);
    }
    if (isa<mlir::dl::StringType>(type)) {
      // Words, or what reads as numbers, for those who want these.
      constexpr StringLiteral words[] = {"ab", "Ab c", "", "a,b,c", "Z\u00e9"};
      std::uniform_int_distribution<size_t> word(0, std::size(words) - 1);
      std::vector<std::string> texts(count);
      for (std::string &text : texts)
        text = how.isPositive ? std::to_string(word(generator) + 1)
                              : words[word(generator)].str();
      return Tensor::storeStrings(type, shape, texts);
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
  const Draw &how;
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

static dlrt_type getRuntimeType(Type type) {
  return static_cast<dlrt_type>(
      package::getElementNumber(getElementTypeOrSelf(type)));
}

static Tensor toTensor(Type type, ArrayRef<int64_t> shape, StringRef bytes) {
  Tensor tensor(type, shape);
  size_t size = tensor.getNumElements() * tensor.getElementBytes();
  std::memcpy(tensor.getMutableData(), bytes.data(),
              std::min(size, bytes.size()));
  return tensor;
}

/// What is wrong with a value for an input of this type; empty if nothing is.
static std::string checkRaw(Type declared, const RawTensor &raw) {
  using Kind = RawTensor::Kind;
  if (auto optional = dyn_cast<mlir::dl::OptionalType>(declared))
    return raw.kind == Kind::None ? "" : checkRaw(optional.getValueType(), raw);
  if (auto sequence = dyn_cast<mlir::dl::SequenceType>(declared)) {
    if (raw.kind != Kind::Sequence)
      return "is a sequence, its file has none";
    for (const RawTensor &element : raw.elements) {
      std::string wrong = checkRaw(sequence.getElementType(), element);
      if (!wrong.empty())
        return wrong;
    }
    return "";
  }
  if (raw.kind != Kind::Tensor)
    return "is a tensor, its file has none";
  dlrt_type type = getRuntimeType(declared);
  return raw.type == type ? ""
                          : "is " + getTypeName(type) + ", its file has " +
                                getTypeName(raw.type);
}

static Tensor fromRaw(Type type, Type declared, const RawTensor &raw) {
  if (raw.kind == RawTensor::Kind::None)
    return Tensor();
  if (auto optional = dyn_cast<mlir::dl::OptionalType>(declared))
    return fromRaw(optional.getValueType(), optional.getValueType(), raw);
  if (auto sequence = dyn_cast<mlir::dl::SequenceType>(declared)) {
    std::vector<Tensor> elements;
    elements.reserve(raw.elements.size());
    Type element = sequence.getElementType();
    for (const RawTensor &one : raw.elements)
      elements.push_back(fromRaw(element, element, one));
    return Tensor::sequence(std::move(elements));
  }
  Type elementType = getElementTypeOrSelf(declared);
  if (isa<mlir::dl::StringType>(elementType))
    return Tensor::storeStrings(elementType, raw.dims, raw.texts);
  SmallVector<int64_t> shape(raw.dims.begin(), raw.dims.end());
  if (declared != type) {
    elementType = getElementTypeOrSelf(type);
    shape = {static_cast<int64_t>(raw.bytes.size())};
  }
  return toTensor(elementType, shape, raw.bytes);
}

/// Which kind of file each input has.
static std::vector<dlrt_value_kind> getKinds(func::FuncOp function) {
  std::vector<dlrt_value_kind> kinds;
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
    Type declared = getCallerType(function, mlir::dl::kInputTypesAttr, i, type);
    auto optional = dyn_cast<mlir::dl::OptionalType>(declared);
    bool isSequence = isa<mlir::dl::SequenceType>(
        optional ? optional.getValueType() : declared);
    kinds.push_back(optional     ? isSequence ? DLRT_OPTIONAL_SEQUENCE
                                              : DLRT_OPTIONAL_TENSOR
                    : isSequence ? DLRT_SEQUENCE
                                 : DLRT_TENSOR);
  }
  return kinds;
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
  if (!readInputFiles(files, names, getKinds(function), raw, error))
    return std::nullopt;
  if (raw.size() != names.size()) {
    error = "--verify: the model has " + std::to_string(names.size()) +
            " inputs, the files have " + std::to_string(raw.size());
    return std::nullopt;
  }
  Tensors inputs;
  for (unsigned i = 0; i < raw.size(); ++i) {
    Type type = function.getArgumentTypes()[i];
    Type declared = getCallerType(function, mlir::dl::kInputTypesAttr, i, type);
    std::string wrong = checkRaw(declared, raw[i]);
    if (!wrong.empty()) {
      error = "--verify: input '" + names[i] + "' " + wrong;
      return std::nullopt;
    }
    inputs.push_back(fromRaw(type, declared, raw[i]));
  }
  return inputs;
}

/// A tensor in the caller's form; of packed elements, the function has the
/// bytes.
static RawTensor toRaw(Type type, Type declared, const Tensor &tensor,
                       ArrayRef<int64_t> symbols) {
  RawTensor raw;
  if (tensor.isNone()) {
    raw.kind = RawTensor::Kind::None;
    return raw;
  }
  if (auto optional = dyn_cast<mlir::dl::OptionalType>(declared))
    return toRaw(optional.getValueType(), optional.getValueType(), tensor,
                 symbols);
  raw.type = getRuntimeType(declared);
  if (auto sequence = dyn_cast<mlir::dl::SequenceType>(declared)) {
    raw.kind = RawTensor::Kind::Sequence;
    Type element = sequence.getElementType();
    for (const Tensor &one : tensor.getElements())
      raw.elements.push_back(toRaw(element, element, one, symbols));
    raw.type = getRuntimeType(element);
    return raw;
  }
  bool isText = isa<mlir::dl::StringType>(getElementTypeOrSelf(declared));
  if (declared == type || isText)
    raw.dims.assign(tensor.getShape().begin(), tensor.getShape().end());
  else
    for (AffineExpr dim : mlir::dl::getDims(cast<RankedTensorType>(declared)))
      raw.dims.push_back(evaluate(dim, symbols).value_or(0));
  if (isText)
    for (StringRef text : tensor.loadStrings())
      raw.texts.push_back(text.str());
  else
    raw.bytes.assign(tensor.getData(),
                     tensor.getNumElements() * tensor.getElementBytes());
  return raw;
}

RawTensor toRaw(func::FuncOp function, unsigned i, const Tensor &tensor,
                ArrayRef<int64_t> symbols) {
  Type type = function.getArgumentTypes()[i];
  return toRaw(type,
               getCallerType(function, mlir::dl::kInputTypesAttr, i, type),
               tensor, symbols);
}

Tensor fromRaw(func::FuncOp function, unsigned i, const RawTensor &raw) {
  Type type = function.getResultTypes()[i];
  return fromRaw(
      type, getCallerType(function, mlir::dl::kOutputTypesAttr, i, type), raw);
}

} // namespace dl::tools

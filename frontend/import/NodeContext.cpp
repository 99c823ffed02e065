// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Constants.h"
#include "frontend/import/GraphImporter.h"
#include "frontend/onnx/TensorData.h"
#include "ir/dialect/Locations.h"
#include "mlir/IR/Matchers.h"
#include "onnx/onnx_pb.h"

using namespace dl::frontend;
using namespace mlir;
using llvm::StringRef;
using llvm::Twine;

NodeContext::NodeContext(GraphImporter &importer, OpBuilder &builder,
                         Location loc, const onnx::NodeProto &node,
                         int64_t opset)
    : builder(builder), loc(loc), node(node), opset(opset), importer(importer) {
}

static bool isHalf(Type type) { return type.isF16() || type.isBF16(); }

//===----------------------------------------------------------------------===//
// Inputs and outputs
//===----------------------------------------------------------------------===//

size_t NodeContext::numInputs() const { return node.input_size(); }
size_t NodeContext::numOutputs() const { return node.output_size(); }

Value NodeContext::input(size_t i) const {
  if (i >= numInputs() || node.input(i).empty())
    return Value();
  Value value = importer.getValue(node.input(i));
  if (!half || !value || !isHalf(elementType(value)))
    return value;
  return const_cast<NodeContext *>(this)->cast(value, builder.getF32Type());
}

const MapValue *NodeContext::mapInput(size_t i) const {
  return i < numInputs() ? importer.getMap(node.input(static_cast<int>(i)))
                         : nullptr;
}

void NodeContext::computeInSingle() {
  Value first = input(0);
  if (first && isa<RankedTensorType>(first.getType()) &&
      isHalf(elementType(first)))
    half = elementType(first);
}

bool NodeContext::hasOutput(size_t i) const {
  return i < numOutputs() && !node.output(i).empty();
}

Value NodeContext::valueOf(StringRef name) const {
  return importer.getValue(name);
}

StringRef NodeContext::opType() const { return node.op_type(); }

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

const onnx::AttributeProto *NodeContext::getAttr(StringRef name) const {
  for (const onnx::AttributeProto &attribute : node.attribute())
    if (name == attribute.name())
      return &attribute;
  return nullptr;
}

bool NodeContext::hasAttr(StringRef name) const { return getAttr(name); }

int64_t NodeContext::getInt(StringRef name, int64_t byDefault) const {
  const onnx::AttributeProto *attribute = getAttr(name);
  return attribute && attribute->has_i() ? attribute->i() : byDefault;
}

float NodeContext::getFloat(StringRef name, float byDefault) const {
  const onnx::AttributeProto *attribute = getAttr(name);
  return attribute && attribute->has_f() ? attribute->f() : byDefault;
}

std::string NodeContext::getString(StringRef name, StringRef byDefault) const {
  const onnx::AttributeProto *attribute = getAttr(name);
  return attribute && attribute->has_s() ? attribute->s() : byDefault.str();
}

std::optional<SmallVector<int64_t>> NodeContext::getInts(StringRef name) const {
  const onnx::AttributeProto *attribute = getAttr(name);
  if (!attribute || attribute->type() != onnx::AttributeProto::INTS)
    return std::nullopt;
  return SmallVector<int64_t>(attribute->ints().begin(),
                              attribute->ints().end());
}

std::optional<SmallVector<float>> NodeContext::getFloats(StringRef name) const {
  const onnx::AttributeProto *attribute = getAttr(name);
  if (!attribute || attribute->type() != onnx::AttributeProto::FLOATS)
    return std::nullopt;
  return SmallVector<float>(attribute->floats().begin(),
                            attribute->floats().end());
}

std::optional<SmallVector<std::string>>
NodeContext::getStrings(StringRef name) const {
  const onnx::AttributeProto *attribute = getAttr(name);
  if (!attribute || attribute->type() != onnx::AttributeProto::STRINGS)
    return std::nullopt;
  return SmallVector<std::string>(attribute->strings().begin(),
                                  attribute->strings().end());
}

const onnx::TensorProto *NodeContext::getTensor(StringRef name) const {
  const onnx::AttributeProto *attribute = getAttr(name);
  return attribute && attribute->has_t() ? &attribute->t() : nullptr;
}

const onnx::GraphProto *NodeContext::getGraph(StringRef name) const {
  const onnx::AttributeProto *attribute = getAttr(name);
  return attribute && attribute->has_g() ? &attribute->g() : nullptr;
}

const onnx::TypeProto *NodeContext::getType(StringRef name) const {
  const onnx::AttributeProto *attribute = getAttr(name);
  return attribute && attribute->has_tp() ? &attribute->tp() : nullptr;
}

std::optional<SmallVector<double>>
NodeContext::getTensorFloats(StringRef name) const {
  const onnx::TensorProto *tensor = getTensor(name);
  if (!tensor || !::dl::frontend::getElementType(tensor->data_type(),
                                                 builder.getContext()))
    return std::nullopt;
  return ::dl::frontend::getFloats(
      getElements(importer.getModel(), *tensor, builder.getContext()),
      std::numeric_limits<int64_t>::max());
}

std::optional<SmallVector<int64_t>>
NodeContext::getTensorInts(StringRef name) const {
  const onnx::TensorProto *tensor = getTensor(name);
  if (!tensor || !::dl::frontend::getElementType(tensor->data_type(),
                                                 builder.getContext()))
    return std::nullopt;
  return ::dl::frontend::getInts(
      getElements(importer.getModel(), *tensor, builder.getContext()),
      std::numeric_limits<int64_t>::max());
}

std::optional<int64_t> NodeContext::normalizeAxis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank) {
    (void)invalid("axis " + Twine(axis) + " is out of range for rank " +
                  Twine(rank));
    return std::nullopt;
  }
  return axis < 0 ? axis + rank : axis;
}

//===----------------------------------------------------------------------===//
// Types and values known at compile time
//===----------------------------------------------------------------------===//

Type NodeContext::getElementType(int32_t onnxDataType) {
  Type type =
      ::dl::frontend::getElementType(onnxDataType, builder.getContext());
  if (!type)
    (void)unsupported("elements of the type " + getDataTypeName(onnxDataType) +
                      " are not supported");
  return type;
}

std::optional<SmallVector<AffineExpr>>
NodeContext::sizeValues(Value value) const {
  return value ? mlir::dl::getSizeValues(value) : std::nullopt;
}

std::optional<SmallVector<int64_t>> NodeContext::intValues(Value value) const {
  Attribute attribute;
  if (!value || !matchPattern(value, m_Constant(&attribute)))
    return std::nullopt;
  return ::dl::frontend::getInts(attribute);
}

std::optional<SmallVector<double>> NodeContext::floatValues(Value value) const {
  Attribute attribute;
  if (ElementsAttr initial =
          value ? importer.getInitialValue(value) : ElementsAttr())
    return ::dl::frontend::getFloats(initial);
  if (!value || !matchPattern(value, m_Constant(&attribute)))
    return std::nullopt;
  return ::dl::frontend::getFloats(attribute);
}

std::optional<SmallVector<AffineExpr>>
NodeContext::bindSizes(Value value, const Twine &what) {
  if (!value)
    return std::nullopt;
  if (auto known = sizeValues(value)) {
    for (AffineExpr size : *known)
      if (auto number = dyn_cast<AffineConstantExpr>(size);
          number && number.getValue() < 0) {
        (void)invalid(what + " is not valid");
        return std::nullopt;
      }
    return known;
  }
  if (!type(value).hasStaticShape()) {
    (void)unsupported("the length of " + what + " depends on data");
    return std::nullopt;
  }
  if (type(value).getNumElements() > kMaxBound) {
    // Not shown to ONNX's inference, which makes a dimension for each.
    (void)invalid(what + " lists more than " + Twine(kMaxBound) +
                  " sizes that only the running model knows");
    return std::nullopt;
  }
  std::string where = mlir::dl::describeLocation(loc);
  return importer.bindSizes(*this, value,
                            StringRef(where).split(": ").second + ": " + what +
                                " is not valid");
}

AffineExpr NodeContext::createSize() { return importer.createSize(*this); }

bool NodeContext::isLate(AffineExpr size) const {
  bool late = false;
  size.walk([&](AffineExpr e) {
    if (auto symbol = dyn_cast<AffineSymbolExpr>(e))
      late |= importer.lateSymbols.contains(symbol.getPosition());
  });
  return late;
}

bool NodeContext::runsOnce() const {
  return isa_and_nonnull<func::FuncOp>(
      builder.getInsertionBlock()->getParentOp());
}

bool NodeContext::isBoundHere(AffineExpr size) const {
  llvm::SmallDenseSet<unsigned> bound;
  for (Operation &op : *builder.getInsertionBlock())
    for (unsigned symbol : mlir::dl::getBoundSymbols(&op))
      bound.insert(symbol);
  bool found = false;
  size.walk([&](AffineExpr part) {
    auto symbol = dyn_cast<AffineSymbolExpr>(part);
    found |= symbol && bound.contains(symbol.getPosition());
  });
  return found;
}

std::optional<AffineExpr>
NodeContext::findBroadcast(ArrayRef<AffineExpr> sizes) const {
  // One of them, that came out of the others, or another.
  auto cameFrom = [&](AffineExpr result) {
    auto found = importer.broadcasts.find(result);
    return found != importer.broadcasts.end() &&
           llvm::all_of(sizes, [&](AffineExpr size) {
             return size == result || llvm::is_contained(found->second, size);
           });
  };
  for (const auto &[result, from] : importer.broadcasts)
    if (cameFrom(result))
      return result;
  return std::nullopt;
}

void NodeContext::noteBroadcast(ArrayRef<AffineExpr> sizes, AffineExpr result) {
  if (isa<AffineSymbolExpr>(result))
    llvm::append_range(importer.broadcasts[result], sizes);
}

//===----------------------------------------------------------------------===//
// Outcome
//===----------------------------------------------------------------------===//

LogicalResult NodeContext::setResults(ValueRange results) {
  for (auto [i, value] : llvm::enumerate(results)) {
    if (!value)
      return failure();
    if (half && elementType(value).isF32())
      value = cast(value, half);
    if (hasOutput(i) && failed(importer.setValue(*this, node.output(i), value)))
      return failure();
  }
  return success();
}

bool NodeContext::isEvaluation() const {
  return importer.getMode() == ImportMode::Evaluation;
}

bool NodeContext::isTraining() const {
  return importer.getMode() == ImportMode::Training;
}

Value NodeContext::withGradient(
    Value value, Value input,
    llvm::function_ref<Value(OpBuilder &, Value)> build) {
  return value && isTraining() ? importer.withGradient(loc, value, input, build)
                               : value;
}

Value NodeContext::getCounter() const { return importer.getCounter(); }

void NodeContext::setStatistic(Value state, Value updated) {
  importer.setStatistic(state, updated);
}

LogicalResult NodeContext::setMaps(Value rows, ArrayAttr keys) {
  if (!rows)
    return failure();
  if (hasOutput(0))
    importer.setMap(node.output(0), {Value(), rows, keys});
  return success();
}

LogicalResult NodeContext::unsupported(const Twine &reason) {
  return importer.fail(/*isInvalid=*/false, reason);
}

LogicalResult NodeContext::invalid(const Twine &reason) {
  return importer.fail(/*isInvalid=*/true, reason);
}

LogicalResult NodeContext::require(AffineExpr a, AffineExpr b, bool orLess,
                                   const Twine &why) {
  if (!a || !b)
    return unsupported("a size is not known");
  if (orLess ? mlir::dl::provablyLessEqual(a, b)
             : mlir::dl::provablyEqual(a, b))
    return success();
  AffineExpr difference = mlir::dl::simplify(a - b);
  if (auto constant = dyn_cast<AffineConstantExpr>(difference)) {
    std::string text;
    llvm::raw_string_ostream os(text);
    os << why << " (" << a << (orLess ? " is above " : " is not ") << b << ")";
    return invalid(text);
  }
  std::string where = mlir::dl::describeLocation(loc);
  importer.addCheck(orLess, a, b,
                    StringRef(where).split(": ").second + ": " + why);
  return success();
}

LogicalResult NodeContext::requireEqual(AffineExpr a, AffineExpr b,
                                        const Twine &why) {
  return require(a, b, /*orLess=*/false, why);
}

LogicalResult NodeContext::requireLessEqual(AffineExpr a, AffineExpr b,
                                            const Twine &why) {
  return require(a, b, /*orLess=*/true, why);
}

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/GraphImporter.h"
#include "frontend/import/Constants.h"
#include "frontend/import/Packed.h"
#include "frontend/import/Values.h"
#include "frontend/onnx/Schema.h"
#include "frontend/onnx/TensorData.h"
#include "ir/dialect/Locations.h"
#include "ir/dialect/Maps.h"
#include "onnx/onnx_pb.h"

using namespace dl::frontend;
using namespace mlir;
using llvm::StringRef;
using llvm::Twine;

/// Stands for the graph where an op is made for no node.
static const onnx::NodeProto &getNoNode() {
  static const onnx::NodeProto node;
  return node;
}

GraphImporter::GraphImporter(std::shared_ptr<Model> model,
                             const RuleTable &rules,
                             const ImportOptions &options, ModuleOp module)
    : model(std::move(model)), graph(this->model->proto->graph()), rules(rules),
      module(module), context(module.getContext()), builder(context),
      symbols(options.dims, context), nodes(options.nodes), mode(options.mode) {
  if (!options.stopGradient.empty() && mode == ImportMode::Training)
    stops.emplace(options.stopGradient);
  for (const onnx::TensorProto &tensor : graph.initializer())
    scope.initializers[tensor.name()] = &tensor;
  for (const onnx::ValueInfoProto &info : graph.value_info())
    scope.declared[info.name()] = &info.type();
  for (const onnx::ValueInfoProto &info : graph.output()) {
    scope.declared[info.name()] = &info.type();
    scope.outputs.insert(info.name());
  }
}

InFlightDiagnostic GraphImporter::emitModelError() {
  hasErrors = true;
  return emitError(mlir::dl::getFileLoc(model->path, context))
         << "graph '" << graph.name() << "': ";
}

LogicalResult GraphImporter::run() {
  builder.setInsertionPointToEnd(module.getBody());
  function =
      func::FuncOp::create(builder, mlir::dl::getFileLoc(model->path, context),
                           "main", builder.getFunctionType({}, {}));
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToEnd(body);
  if (failed(checkInitializers()) || failed(importInputs()))
    return failure();
  for (const onnx::NodeProto &node : graph.node())
    importNode(node, graph);
  return finish();
}

//===----------------------------------------------------------------------===//
// Inputs and initializers
//===----------------------------------------------------------------------===//

LogicalResult GraphImporter::checkInitializers() {
  for (const onnx::TensorProto &tensor : graph.initializer())
    if (!getElementType(tensor.data_type(), context))
      emitModelError() << "initializer '" << tensor.name()
                       << "' has elements of the type "
                       << getDataTypeName(tensor.data_type())
                       << ", which is not supported";
  return failure(hasErrors);
}

AffineExpr GraphImporter::getInputDim(const onnx::ValueInfoProto &input,
                                      int i) {
  const auto &dim = input.type().tensor_type().shape().dim(i);
  if (dim.has_dim_value())
    return builder.getAffineConstantExpr(dim.dim_value());
  if (dim.dim_param().empty())
    return symbols.get((input.name() + "_dim" + Twine(i)).str());
  if (AffineExpr expr = symbols.parse(dim.dim_param()))
    return expr;
  return symbols.get(dim.dim_param());
}

/// The type of the elements of the tensors that a value holds.
static Type getHeldElementType(Type type) {
  if (auto optional = dyn_cast<mlir::dl::OptionalType>(type))
    type = optional.getValueType();
  if (auto sequence = dyn_cast<mlir::dl::SequenceType>(type))
    type = sequence.getElementType();
  return mlir::getElementTypeOrSelf(type);
}

Type GraphImporter::getInputType(const onnx::ValueInfoProto &input) {
  auto refuse = [&](const Twine &why) {
    emitModelError() << "input '" << input.name() << "' " << why;
    return Type();
  };
  if (input.type().has_sequence_type() || input.type().has_optional_type()) {
    Type type = getValueType(input.type(), context);
    return type && !isPacked(getHeldElementType(type))
               ? type
               : refuse("is a sequence or an optional of elements that are "
                        "not supported");
  }
  if (!input.type().has_tensor_type())
    return refuse("is not a dense tensor, which is not supported");
  const onnx::TypeProto_Tensor &tensor = input.type().tensor_type();
  Type elementType = getElementType(tensor.elem_type(), context);
  if (!elementType)
    return refuse("has elements of the type " +
                  getDataTypeName(tensor.elem_type()) +
                  ", which is not supported");
  if (!tensor.has_shape())
    return refuse("has no shape; its rank must be known");
  int64_t count = 1;
  SmallVector<AffineExpr> dims;
  for (int i = 0, e = tensor.shape().dim_size(); i < e; ++i) {
    dims.push_back(getInputDim(input, i));
    auto constant = dyn_cast<AffineConstantExpr>(dims.back());
    if (!constant)
      continue;
    if (constant.getValue() < 0)
      return refuse("has the negative dimension " + Twine(constant.getValue()));
    // A dimension of 0 beside it makes a large one no better.
    if (constant.getValue() > kMaxNumElements ||
        __builtin_mul_overflow(count, constant.getValue(), &count) ||
        count > kMaxNumElements)
      return refuse("has more elements than can be addressed");
  }
  return mlir::dl::getTensorType(dims, elementType);
}

/// Elements below a byte are packed outside of the function.
Value GraphImporter::addInput(const onnx::ValueInfoProto &input, Type type,
                              Location loc) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !isPacked(tensor.getElementType()))
    return function.front().addArgument(type, loc);
  Value bytes = function.front().addArgument(getPackedType(tensor), loc);
  return unpack(builder, loc, bytes, tensor);
}

LogicalResult GraphImporter::addMapInput(const onnx::ValueInfoProto &input,
                                         Location loc) {
  const onnx::TypeProto_Map &map = input.type().map_type();
  Type key = getElementType(map.key_type(), context);
  Type value =
      map.value_type().has_tensor_type()
          ? getElementType(map.value_type().tensor_type().elem_type(), context)
          : Type();
  bool hasKey =
      key && (key.isSignlessInteger(64) || isa<mlir::dl::StringType>(key));
  if (!hasKey || !value || isPacked(value))
    return emitModelError() << "input '" << input.name()
                            << "' is a map of types that are not supported";
  AffineExpr size = symbols.get(input.name() + "_dim0");
  auto add = [&](Type element) {
    return function.front().addArgument(
        mlir::dl::getTensorType({size}, element), loc);
  };
  Value keys = add(key);
  scope.maps[input.name()] = {keys, add(value), ArrayAttr()};
  return success();
}

LogicalResult GraphImporter::importInputs() {
  SmallVector<const onnx::ValueInfoProto *> inputs;
  for (const onnx::ValueInfoProto &input : graph.input())
    if (!scope.initializers.count(input.name()))
      inputs.push_back(&input);
  // Plain names first: an expression may use the name of a later input.
  for (const onnx::ValueInfoProto *input : inputs)
    for (const auto &dim : input->type().tensor_type().shape().dim())
      if (!dim.has_dim_value() && isSymbolName(dim.dim_param()))
        symbols.get(dim.dim_param());

  SmallVector<Type> types;
  SmallVector<Attribute> names;
  SmallVector<Attribute> declared;
  SmallVector<int64_t> maps;
  bool hasPacked = false;
  for (const onnx::ValueInfoProto *input : inputs) {
    Location loc = NameLoc::get(builder.getStringAttr(input->name()),
                                mlir::dl::getFileLoc(model->path, context));
    if (input->type().has_map_type()) {
      if (failed(addMapInput(*input, loc)))
        continue;
      maps.push_back(static_cast<int64_t>(types.size()));
      for (StringRef part : {".keys", ".values"}) {
        Type type = function.front().getArgument(types.size()).getType();
        types.push_back(type);
        declared.push_back(TypeAttr::get(type));
        names.push_back(builder.getStringAttr(input->name() + part));
      }
      continue;
    }
    Type type = getInputType(*input);
    if (!type)
      continue;
    declared.push_back(TypeAttr::get(type));
    names.push_back(builder.getStringAttr(input->name()));
    scope.values[input->name()] = addInput(*input, type, loc);
    types.push_back(function.front().getArguments().back().getType());
    hasPacked |= types.back() != type;
  }
  if (hasPacked)
    function->setAttr(mlir::dl::kInputTypesAttr,
                      builder.getArrayAttr(declared));
  if (!maps.empty())
    function->setAttr(mlir::dl::kInputMapsAttr,
                      builder.getDenseI64ArrayAttr(maps));
  std::vector<std::string> unused = symbols.getUnusedFixed();
  if (!unused.empty())
    return emitModelError()
           << "there is no symbolic dimension '" << unused.front()
           << "' to be given a value"
           << (symbols.getNames().empty()
                   ? ""
                   : "; there is '" + llvm::join(symbols.getNames(), "', '") +
                         "'");
  function.setFunctionType(builder.getFunctionType(types, {}));
  function->setAttr(mlir::dl::kInputNamesAttr, builder.getArrayAttr(names));
  return failure(hasErrors);
}

const MapValue *GraphImporter::getMap(StringRef name) const {
  auto found = scope.maps.find(name);
  return found == scope.maps.end() ? nullptr : &found->second;
}

Value GraphImporter::getValue(StringRef name) {
  auto known = scope.values.find(name);
  if (known != scope.values.end())
    return known->second;
  auto tensor = scope.initializers.find(name);
  if (tensor == scope.initializers.end())
    return Value();
  if (Value state = addState(name, *tensor->second))
    return scope.values[name] = state;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&function.front());
  Location loc = NameLoc::get(builder.getStringAttr(name),
                              mlir::dl::getFileLoc(model->path, context));
  return scope.values[name] = mlir::dl::ConstantOp::create(
             builder, loc, getElements(model, *tensor->second, context));
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

void GraphImporter::addCheck(bool orLess, AffineExpr a, AffineExpr b,
                             const Twine &message) {
  Attribute check = builder.getDictionaryAttr(
      {builder.getNamedAttr("relation",
                            builder.getStringAttr(orLess ? "le" : "eq")),
       builder.getNamedAttr("sizes", AffineMapAttr::get(mlir::dl::getSymbolMap(
                                         {a, b}, context))),
       builder.getNamedAttr("message", builder.getStringAttr(message))});
  if (!llvm::is_contained(checks, check))
    checks.push_back(check);
}

AffineExpr GraphImporter::createSize(const NodeContext &node) {
  return symbols.create(getNodeName(node.node) + ".size");
}

SmallVector<AffineExpr> GraphImporter::bindSizes(NodeContext &node, Value sizes,
                                                 const Twine &message) {
  SmallVector<AffineExpr> &bound = boundSizes[sizes];
  if (!bound.empty())
    return bound;
  SmallVector<int64_t> positions;
  std::string name = getNodeName(node.node);
  int64_t count = NodeContext::type(sizes).getNumElements();
  for (int64_t i = 0; i < count; ++i) {
    bound.push_back(symbols.create((name + "." + Twine(i)).str()));
    positions.push_back(cast<AffineSymbolExpr>(bound.back()).getPosition());
    lateSymbols.insert(positions.back());
  }
  mlir::dl::BindOp::create(builder, node.loc,
                           node.cast(sizes, builder.getI64Type()), positions,
                           message.str());
  return bound;
}

/// An output is optional where the model declares it so, and only there.
static Value convertOutput(NodeContext &node, Value value,
                           const onnx::TypeProto &declared) {
  if (declared.value_case() == onnx::TypeProto::VALUE_NOT_SET)
    return value;
  auto optional = dyn_cast<mlir::dl::OptionalType>(value.getType());
  if (optional && declared.has_optional_type())
    return value;
  if (optional)
    return getHeldValue(node, value);
  auto tensor = dyn_cast<RankedTensorType>(value.getType());
  if (declared.has_tensor_type() != static_cast<bool>(tensor) &&
      !declared.has_optional_type())
    return {};
  if (!declared.has_optional_type())
    return value;
  Type held = tensor ? mlir::dl::getElementTensorType(tensor) : value.getType();
  return convertValue(node, value,
                      mlir::dl::OptionalType::get(value.getContext(), held));
}

Value GraphImporter::getMapRows(const onnx::ValueInfoProto &output,
                                const MapValue &map) {
  if (!map.rowKeys) {
    emitModelError() << "output '" << output.name()
                     << "' is a map that is an input, which is not supported";
    return Value();
  }
  int32_t keyType = isa<StringAttr>(map.rowKeys[0]) ? onnx::TensorProto::STRING
                                                    : onnx::TensorProto::INT64;
  const onnx::TypeProto &type = output.type();
  bool isDeclared = type.value_case() != onnx::TypeProto::VALUE_NOT_SET;
  if (isDeclared &&
      type.sequence_type().elem_type().map_type().key_type() != keyType) {
    emitModelError() << "output '" << output.name()
                     << "' has another type than is declared";
    return Value();
  }
  return map.values;
}

LogicalResult GraphImporter::importOutputs() {
  SmallVector<Value> results;
  SmallVector<StringRef> names;
  SmallVector<Attribute> declared, keys;
  bool hasPacked = false, hasMaps = false;
  for (const onnx::ValueInfoProto &output : graph.output()) {
    if (const MapValue *map = getMap(output.name())) {
      Value rows = getMapRows(output, *map);
      if (!rows)
        return failure();
      hasMaps = true;
      keys.push_back(map->rowKeys);
      declared.push_back(TypeAttr::get(rows.getType()));
      results.push_back(rows);
      names.push_back(output.name());
      continue;
    }
    keys.push_back(builder.getUnitAttr());
    Value value = getValue(output.name());
    if (!value)
      return emitModelError()
             << "output '" << output.name() << "' is not defined";
    NodeContext asNode(*this, builder, value.getLoc(), getNoNode(), 0);
    value = convertOutput(asNode, value, output.type());
    if (!value)
      return emitModelError() << "output '" << output.name()
                              << "' has another type than is declared";
    if (!isa<RankedTensorType>(value.getType()) &&
        isPacked(getHeldElementType(value.getType())))
      return emitModelError() << "output '" << output.name()
                              << "' holds elements below a byte in a sequence "
                                 "or an optional, which is not supported";
    declared.push_back(TypeAttr::get(value.getType()));
    if (auto tensor = dyn_cast<RankedTensorType>(value.getType());
        tensor && isPacked(tensor.getElementType())) {
      hasPacked = true;
      value = pack(builder, value.getLoc(), value);
    }
    results.push_back(value);
    names.push_back(output.name());
  }
  if (hasPacked)
    function->setAttr(mlir::dl::kOutputTypesAttr,
                      builder.getArrayAttr(declared));
  if (hasMaps)
    function->setAttr(mlir::dl::kOutputKeysAttr, builder.getArrayAttr(keys));
  func::ReturnOp::create(builder, function.getLoc(), results);
  function.setFunctionType(builder.getFunctionType(
      function.front().getArgumentTypes(), ValueRange(results).getTypes()));
  function->setAttr(mlir::dl::kOutputNamesAttr, builder.getStrArrayAttr(names));
  return success();
}

LogicalResult GraphImporter::finish() {
  if (!unsupported.empty()) {
    std::string report;
    for (const std::string &line : unsupported)
      report += "\n  " + line;
    hasErrors = true;
    emitError(function.getLoc())
        << unsupported.size()
        << (unsupported.size() == 1 ? " node is" : " nodes are")
        << " not supported" << report;
  }
  if (hasErrors || failed(importOutputs()))
    return mlir::failure();
  addStateResults();
  SmallVector<StringRef> names(symbols.getNames().begin(),
                               symbols.getNames().end());
  function->setAttr(mlir::dl::kSymbolsAttr, builder.getStrArrayAttr(names));
  if (!checks.empty())
    function->setAttr(mlir::dl::kChecksAttr, builder.getArrayAttr(checks));
  // Shape arithmetic has been folded away; what computed it is left over.
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(function.front())))
    if (isOpTriviallyDead(&op))
      op.erase();
  return success();
}

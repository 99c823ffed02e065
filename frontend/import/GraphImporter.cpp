// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/GraphImporter.h"
#include "frontend/import/Constants.h"
#include "frontend/onnx/TensorData.h"
#include "ir/dialect/Locations.h"
#include "onnx/onnx_pb.h"

using namespace dl::frontend;
using namespace mlir;
using llvm::StringRef;
using llvm::Twine;

GraphImporter::GraphImporter(std::shared_ptr<Model> model,
                             const RuleTable &rules,
                             const ImportOptions &options, ModuleOp module)
    : model(std::move(model)), graph(this->model->proto->graph()), rules(rules),
      module(module), context(module.getContext()), builder(context),
      symbols(options.dims, context) {
  for (const onnx::TensorProto &tensor : graph.initializer())
    initializers[tensor.name()] = &tensor;
  for (const onnx::ValueInfoProto &info : graph.value_info())
    declared[info.name()] = &info.type();
  for (const onnx::ValueInfoProto &info : graph.output()) {
    declared[info.name()] = &info.type();
    outputs.insert(info.name());
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
  if (graph.sparse_initializer_size())
    return emitModelError() << "sparse initializers are not supported";
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

RankedTensorType
GraphImporter::getInputType(const onnx::ValueInfoProto &input) {
  auto refuse = [&](const Twine &why) {
    emitModelError() << "input '" << input.name() << "' " << why;
    return RankedTensorType();
  };
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
    if (__builtin_mul_overflow(count, constant.getValue(), &count) ||
        count > kMaxNumElements)
      return refuse("has more elements than can be addressed");
  }
  return mlir::dl::getTensorType(dims, elementType);
}

LogicalResult GraphImporter::importInputs() {
  SmallVector<const onnx::ValueInfoProto *> inputs;
  for (const onnx::ValueInfoProto &input : graph.input())
    if (!initializers.count(input.name()))
      inputs.push_back(&input);
  // Plain names first: an expression may use the name of a later input.
  for (const onnx::ValueInfoProto *input : inputs)
    for (const auto &dim : input->type().tensor_type().shape().dim())
      if (!dim.has_dim_value() && isSymbolName(dim.dim_param()))
        symbols.get(dim.dim_param());

  SmallVector<Type> types;
  SmallVector<StringRef> names;
  for (const onnx::ValueInfoProto *input : inputs) {
    RankedTensorType type = getInputType(*input);
    if (!type)
      continue;
    types.push_back(type);
    names.push_back(input->name());
    values[input->name()] = function.front().addArgument(
        type, NameLoc::get(builder.getStringAttr(input->name()),
                           mlir::dl::getFileLoc(model->path, context)));
  }
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
  function->setAttr(mlir::dl::kInputNamesAttr, builder.getStrArrayAttr(names));
  return failure(hasErrors);
}

Value GraphImporter::getValue(StringRef name) {
  auto known = values.find(name);
  if (known != values.end())
    return known->second;
  auto tensor = initializers.find(name);
  if (tensor == initializers.end())
    return Value();
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&function.front());
  Location loc = NameLoc::get(builder.getStringAttr(name),
                              mlir::dl::getFileLoc(model->path, context));
  return values[name] = mlir::dl::ConstantOp::create(
             builder, loc, getElements(model, *tensor->second, context));
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

std::string
GraphImporter::explainMissingRule(const onnx::NodeProto &node) const {
  if (StringRef(node.domain()).starts_with(kUnknownDomain))
    return "there is no such operator";
  for (const onnx::AttributeProto &attribute : node.attribute())
    if (attribute.has_g() || attribute.graphs_size())
      return "operators with nested graphs are not supported";
  for (const onnx::FunctionProto &called : model->proto->functions())
    if (called.name() == node.op_type() && called.domain() == node.domain())
      return "the function is for other operator sets than the model";
  return "the operator is not supported";
}

void GraphImporter::importNode(const onnx::NodeProto &node,
                               const onnx::GraphProto &owner) {
  int64_t opset = getOpset(*model->proto, node.domain());
  StringRef domain = node.domain();
  domain.consume_front(kUnknownDomain);
  std::string op =
      domain.empty() ? node.op_type() : (domain + "." + node.op_type()).str();
  std::string name = getNodeName(node);
  Location loc = mlir::dl::getNodeLoc(
      {model->path, owner.name(), name, op, opset}, context);

  outcome.reset();
  ImportRule rule = rules.find(node.domain(), node.op_type(), opset);
  bool isBranch = node.domain().empty() && node.op_type() == "If";
  bool poisoned = llvm::any_of(node.input(), [&](const std::string &input) {
    return !input.empty() && !getValue(input);
  });
  if (!rule && !isBranch) {
    (void)fail(/*isInvalid=*/false, explainMissingRule(node));
  } else if (!poisoned) {
    NodeContext nodeContext(*this, builder, loc, node, opset);
    bool succeeded = mlir::succeeded(isBranch ? importBranch(nodeContext)
                                              : rule(nodeContext));
    if (!succeeded && !outcome)
      (void)fail(/*isInvalid=*/false, "this form of it is not supported");
    for (const std::string &output : node.output())
      if (!outcome && !output.empty() && !values.count(output))
        (void)fail(/*isInvalid=*/false,
                   "its output '" + output + "' is not supported");
  }
  if (!outcome && !poisoned)
    return;
  if (outcome && outcome->isInvalid) {
    hasErrors = true;
    emitError(loc) << outcome->reason;
  } else if (outcome) {
    unsupported.push_back(describeNode(owner, node, opset) + ": " +
                          outcome->reason);
  }
  poisonOutputs(node);
}

LogicalResult GraphImporter::importBranch(NodeContext &node) {
  std::optional<SmallVector<int64_t>> condition = node.intValues(node.input(0));
  if (!condition || condition->size() != 1)
    return node.unsupported("its condition depends on data");
  const onnx::GraphProto *branch =
      node.getGraph(condition->front() ? "then_branch" : "else_branch");
  if (!branch || branch->output_size() < node.node.output_size())
    return node.invalid("it has no branch with an output for each of its own");
  SmallVector<StringRef> names;
  for (const onnx::TensorProto &tensor : branch->initializer()) {
    if (!node.getElementType(tensor.data_type()))
      return failure();
    initializers[tensor.name()] = &tensor;
    names.push_back(tensor.name());
  }
  for (const onnx::NodeProto &inner : branch->node()) {
    importNode(inner, *branch);
    names.append(inner.output().begin(), inner.output().end());
  }
  // What a node of the branch had to report, it has reported.
  outcome.reset();
  for (int i = 0, e = node.node.output_size(); i < e; ++i) {
    Value value = getValue(branch->output(i).name());
    if (!node.hasOutput(i))
      continue;
    if (!value)
      values[node.node.output(i)] = Value();
    else if (failed(setValue(node, node.node.output(i), value)))
      return failure();
  }
  // Another branch may use the same names.
  for (StringRef name : names) {
    values.erase(name);
    initializers.erase(name);
  }
  return success();
}

LogicalResult GraphImporter::fail(bool isInvalid, const Twine &reason) {
  if (!outcome)
    outcome = Failure{isInvalid, reason.str()};
  return mlir::failure();
}

void GraphImporter::poisonOutputs(const onnx::NodeProto &node) {
  for (const std::string &output : node.output())
    if (!output.empty())
      values[output] = createPlaceholder(output);
}

Value GraphImporter::createPlaceholder(StringRef name) {
  if (!hasInferredTypes) {
    hasInferredTypes = true;
    inferTypes(*model);
    for (const onnx::ValueInfoProto &info : graph.value_info())
      declared.try_emplace(info.name(), &info.type());
  }
  const onnx::TypeProto *type = declared.lookup(name);
  if (!type || !type->has_tensor_type() || !type->tensor_type().has_shape())
    return Value();
  Type elementType = getElementType(type->tensor_type().elem_type(), context);
  if (!elementType)
    return Value();
  SmallVector<AffineExpr> dims;
  for (const auto &dim : type->tensor_type().shape().dim()) {
    AffineExpr expr = dim.has_dim_value()
                          ? builder.getAffineConstantExpr(dim.dim_value())
                          : symbols.parse(dim.dim_param());
    auto constant = dyn_cast_or_null<AffineConstantExpr>(expr);
    if (!expr || (constant && constant.getValue() < 0))
      return Value();
    dims.push_back(expr);
  }
  return UnrealizedConversionCastOp::create(
             builder, function.getLoc(),
             TypeRange(mlir::dl::getTensorType(dims, elementType)),
             ValueRange())
      .getResult(0);
}

LogicalResult GraphImporter::setValue(NodeContext &node, StringRef name,
                                      Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  values[name] = value;
  const onnx::TypeProto *expected = declared.lookup(name);
  if (!expected || !expected->has_tensor_type())
    return success();
  const onnx::TypeProto_Tensor &tensor = expected->tensor_type();
  Type elementType = getElementType(tensor.elem_type(), context);
  if (elementType && elementType != type.getElementType())
    return node.invalid("its output '" + name + "' is declared as " +
                        getDataTypeName(tensor.elem_type()) +
                        ", which it is not");
  // The shapes of intermediate values are hints, and often out of date; those
  // of outputs are what callers rely on.
  if (!outputs.contains(name) || !tensor.has_shape())
    return success();
  if (tensor.shape().dim_size() != type.getRank())
    return node.invalid("its output '" + name + "' is declared with rank " +
                        Twine(tensor.shape().dim_size()) + ", but has rank " +
                        Twine(type.getRank()));
  for (int i = 0, e = tensor.shape().dim_size(); i < e; ++i) {
    const auto &dim = tensor.shape().dim(i);
    if (dim.has_dim_value() && dim.dim_value() >= 0 &&
        failed(node.requireEqual(mlir::dl::getDim(type, i),
                                 builder.getAffineConstantExpr(dim.dim_value()),
                                 "dimension " + Twine(i) + " of its output '" +
                                     name + "' is declared otherwise")))
      return mlir::failure();
  }
  return success();
}

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

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

LogicalResult GraphImporter::importOutputs() {
  SmallVector<Value> results;
  SmallVector<StringRef> names;
  for (const onnx::ValueInfoProto &output : graph.output()) {
    Value value = getValue(output.name());
    if (!value)
      return emitModelError()
             << "output '" << output.name() << "' is not defined";
    results.push_back(value);
    names.push_back(output.name());
  }
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

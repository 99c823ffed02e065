// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The import of one node: by its rule, by its nested graphs, or by the function
// that defines it.

#include "frontend/import/Constants.h"
#include "frontend/import/GraphImporter.h"
#include "frontend/import/Legacy.h"
#include "frontend/import/Values.h"
#include "frontend/onnx/Schema.h"
#include "frontend/onnx/TensorData.h"
#include "ir/dialect/Locations.h"
#include "onnx/onnx_pb.h"

using namespace dl::frontend;
using namespace mlir;
using llvm::StringRef;
using llvm::Twine;

/// Functions that define operators use operators that functions define.
static constexpr unsigned kMaxDepth = 16;

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

int64_t GraphImporter::getOpsetOf(const onnx::NodeProto &node) const {
  if (scope.isLegacy)
    return kRuleOpset;
  int64_t opset = getOpset(*model->proto, node.domain());
  if (!scope.body || (opset && !scope.hasOwnOpsets))
    return opset;
  for (const onnx::OperatorSetIdProto &import : scope.body->opset_import())
    if (import.domain() == node.domain())
      return import.version();
  return 0;
}

bool GraphImporter::isPoisoned(const onnx::NodeProto &node) {
  return llvm::any_of(node.input(), [&](const std::string &input) {
    return !input.empty() && !getMap(input) && !getValue(input);
  });
}

std::string
GraphImporter::explainMissingRule(const onnx::NodeProto &node) const {
  StringRef domain(node.domain());
  if (domain.consume_front(kUnknownDomain) && domain != "com.microsoft")
    return "there is no such operator";
  StringRef op(node.op_type());
  if (domain == "com.microsoft" && (op.ends_with("Search") || op == "Sampling"))
    return "searches are for the program that runs the model: compile the "
           "decoder among its graphs, with --kv-cache=session";
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
  int64_t opset = getOpsetOf(node);
  std::string op = getOperatorName(node);
  std::string name = getNodeName(node);
  Location loc = mlir::dl::getNodeLoc(
      {model->path, owner.name(), name, op, opset}, context);

  outcome.reset();
  bool poisoned = isPoisoned(node);
  if (!poisoned) {
    if (succeeded(tryNode(node, loc))) {
      noteOutcome(node, owner);
      if (mode == ImportMode::Training)
        setGradients(node, loc);
      if (stops)
        stopGradients(node, loc);
      return;
    }
  } else if (!rules.find(node.domain(), node.op_type(), opset)) {
    // The types of its inputs are not known; that there is no rule is.
    bool isControlFlow = node.op_type() == "If" || node.op_type() == "Loop" ||
                         node.op_type() == "Scan";
    if (!isDefinedByFunction(node, opset) && !isControlFlow)
      (void)fail(/*isInvalid=*/false, explainMissingRule(node));
  }
  if (outcome && outcome->isInvalid) {
    hasErrors = true;
    emitError(loc) << outcome->reason;
  } else if (outcome) {
    unsupported.push_back(describeNode(owner, node, opset) + ": " +
                          outcome->reason);
  }
  poisonOutputs(node);
}

void GraphImporter::noteOutcome(const onnx::NodeProto &node,
                                const onnx::GraphProto &owner) {
  if (!nodes)
    return;
  using Outcome = ImportedNode::Outcome;
  bool isKnown = true, isSize = true, isForwarded = true;
  for (const std::string &output : node.output()) {
    Value value = output.empty() ? Value() : getValue(output);
    if (!value)
      continue;
    isKnown &= isa_and_nonnull<mlir::dl::ConstantOp>(value.getDefiningOp());
    isSize &= isa_and_nonnull<mlir::dl::SizesOp, mlir::dl::ConstantOp>(
        value.getDefiningOp());
    isForwarded &= llvm::any_of(node.input(), [&](const std::string &input) {
      return !input.empty() && getValue(input) == value;
    });
  }
  Outcome found = isForwarded ? Outcome::Forwarded
                  : isKnown   ? Outcome::Constant
                  : isSize    ? Outcome::Sizes
                              : Outcome::Operations;
  // A node of a function's body has the name of the call, but another operator.
  std::string name = getNodeName(node), op = getOperatorName(node);
  auto isNamed = [&](const ImportedNode &listed) {
    return listed.name == name && listed.graph == owner.name();
  };
  bool hasOp = llvm::any_of(*nodes, [&](const ImportedNode &listed) {
    return isNamed(listed) && listed.op == op;
  });
  for (ImportedNode &listed : *nodes)
    if (isNamed(listed) && (!hasOp || listed.op == op) &&
        listed.outcome != Outcome::Operations)
      listed.outcome = found;
}

LogicalResult GraphImporter::fail(bool isInvalid, const Twine &reason) {
  if (!outcome)
    outcome = Failure{isInvalid, reason.str()};
  return failure();
}

LogicalResult GraphImporter::tryNode(const onnx::NodeProto &node,
                                     Location loc) {
  int64_t opset = getOpsetOf(node);
  if (std::string missing = findMissingInput(node, opset); !missing.empty())
    return fail(/*isInvalid=*/true, "its input " + missing + ", is missing");
  std::vector<onnx::TypeProto> types = getInputTypes(node);
  if (std::string wrong = findWrongType(node, opset, types); !wrong.empty())
    return fail(/*isInvalid=*/true, wrong);
  if (refusesComplexNumbers(node.domain(), node.op_type()) &&
      llvm::any_of(types, [](const onnx::TypeProto &type) {
        return isComplexNumber(type.tensor_type().elem_type());
      }))
    return fail(/*isInvalid=*/false, "complex numbers are moved, and not "
                                     "computed with or compared");
  NodeContext nodeContext(*this, builder, loc, node, opset);
  LogicalResult result = failure();
  if (auto legacy = buildLegacyBody(nodeContext)) {
    result = importFunction(nodeContext, *legacy, /*isLegacy=*/true);
  } else if (ImportRule rule =
                 rules.find(node.domain(), node.op_type(), opset)) {
    if (isComposite(node.domain(), node.op_type()))
      nodeContext.computeInSingle();
    result = rule(nodeContext);
  } else if (node.domain().empty() && node.op_type() == "If") {
    result = importBranch(nodeContext);
  } else if (node.domain().empty() && node.op_type() == "Loop") {
    result = importLoop(nodeContext);
  } else if (node.domain().empty() && node.op_type() == "Scan") {
    result = importScan(nodeContext);
  } else if (node.domain().empty() && node.op_type() == "SequenceMap") {
    result = importSequenceMap(nodeContext);
  } else {
    result = importBody(nodeContext);
  }
  if (failed(result))
    return fail(/*isInvalid=*/false, "this form of it is not supported");
  for (const std::string &output : node.output())
    if (!output.empty() && !scope.values.count(output) && !getMap(output))
      return fail(/*isInvalid=*/false,
                  "its output '" + output + "' is not supported");
  return success();
}

LogicalResult GraphImporter::setValue(NodeContext &node, StringRef name,
                                      Value value) {
  scope.values[name] = value;
  const onnx::TypeProto *expected = scope.declared.lookup(name);
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !expected || !expected->has_tensor_type())
    return success();
  const onnx::TypeProto_Tensor &tensor = expected->tensor_type();
  Type elementType = getElementType(tensor.elem_type(), context);
  if (elementType && elementType != type.getElementType())
    return node.invalid("its output '" + name + "' is declared as " +
                        getDataTypeName(tensor.elem_type()) +
                        ", which it is not");
  // The shapes of intermediate values are hints, and often out of date; those
  // of outputs are what callers rely on.
  if (!scope.outputs.contains(name) || !tensor.has_shape())
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

//===----------------------------------------------------------------------===//
// Failed nodes
//===----------------------------------------------------------------------===//

std::vector<onnx::TypeProto>
GraphImporter::getInputTypes(const onnx::NodeProto &node) {
  std::vector<onnx::TypeProto> types;
  for (const std::string &input : node.input()) {
    types.emplace_back();
    if (const MapValue *map = getMap(input)) {
      types.back() = getTypeProto(*map);
      continue;
    }
    Value value = input.empty() ? Value() : getValue(input);
    if (!value)
      continue;
    types.back() = getTypeProto(value.getType());
  }
  return types;
}

void GraphImporter::poisonOutputs(const onnx::NodeProto &node) {
  // ONNX's inference trusts a node's attributes: a wrong node is not shown to
  // it.
  std::vector<onnx::TypeProto> inferred(node.output_size());
  if (outcome && !outcome->isInvalid)
    inferred = inferOutputTypes(node, getOpsetOf(node), getInputTypes(node));
  for (int i = 0; i < node.output_size(); ++i) {
    const std::string &name = node.output(i);
    if (name.empty())
      continue;
    const onnx::TypeProto *type = scope.declared.lookup(name);
    scope.values[name] = createPlaceholder(type ? *type : inferred[i]);
  }
}

Value GraphImporter::createPlaceholder(const onnx::TypeProto &type) {
  if (!type.has_tensor_type() || !type.tensor_type().has_shape())
    return Value();
  Type elementType =
      ::dl::frontend::getElementType(type.tensor_type().elem_type(), context);
  if (!elementType)
    return Value();
  SmallVector<AffineExpr> dims;
  for (const auto &dim : type.tensor_type().shape().dim()) {
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

//===----------------------------------------------------------------------===//
// Functions that define operators
//===----------------------------------------------------------------------===//

LogicalResult GraphImporter::importBodyNodes(Location loc) {
  for (const onnx::NodeProto &inner : scope.body->node()) {
    if (isPoisoned(inner))
      return fail(/*isInvalid=*/false, "its definition uses a value that is "
                                       "not supported");
    if (succeeded(tryNode(inner, loc)))
      continue;
    if (!scope.isLegacy)
      outcome->reason =
          "in its definition, " + inner.op_type() + ": " + outcome->reason;
    return failure();
  }
  return success();
}

LogicalResult GraphImporter::importBody(NodeContext &node) {
  std::unique_ptr<onnx::FunctionProto> body;
  if (scope.depth < kMaxDepth)
    body = buildBody(node.node, node.opset, getInputTypes(node.node));
  if (!body)
    return node.unsupported(explainMissingRule(node.node));
  return importFunction(node, *body, /*isLegacy=*/false);
}

LogicalResult GraphImporter::importFunction(NodeContext &node,
                                            const onnx::FunctionProto &body,
                                            bool isLegacy) {
  Scope inner;
  inner.body = &body;
  inner.isLegacy = isLegacy;
  inner.depth = scope.depth + 1;
  // Graphs among its attributes may use values from outside.
  bool hasGraphs = llvm::any_of(
      node.node.attribute(), [](auto &attribute) { return attribute.has_g(); });
  if (hasGraphs) {
    inner.values = scope.values;
    inner.initializers = scope.initializers;
  }
  for (int i = 0; i < body.input_size(); ++i)
    if (Value value = node.input(i))
      inner.values[body.input(i)] = value;

  std::swap(scope, inner);
  LogicalResult result = importBodyNodes(node.loc);
  SmallVector<Value> results;
  for (int i = 0; i < body.output_size() && succeeded(result); ++i)
    results.push_back(getValue(body.output(i)));
  std::swap(scope, inner);

  if (failed(result))
    return failure();
  for (auto [i, value] : llvm::enumerate(results))
    if (node.hasOutput(i) &&
        (!value || failed(setValue(node, node.node.output(i), value))))
      return failure();
  return success();
}

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/onnx/GivenGradients.h"
#include "frontend/onnx/Model.h"
#include "frontend/onnx/TensorData.h"
#include "onnx/checker.h"
#include "onnx/inliner/inliner.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <map>

using namespace dl::frontend;
using llvm::Error;
using llvm::StringRef;

/// What ONNX's library says, on one line and without its context.
static std::string cleanMessage(StringRef message) {
  message = message.split("==> Context").first.trim();
  // Its assertions begin with a place in its source.
  if (message.contains("Assertion `"))
    message = message.split("` failed: ").second;
  std::string line;
  for (char c : message)
    if (!isspace(static_cast<unsigned char>(c)))
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  return StringRef(line).rtrim(". ").str();
}

/// "ai.onnx" is another name of the default domain; converters write both. What
/// is imported again in the same version is dropped.
template <class Owner> static void normalizeDomains(Owner &owner) {
  auto &imports = *owner.mutable_opset_import();
  for (onnx::OperatorSetIdProto &import : imports)
    if (import.domain() == "ai.onnx")
      import.clear_domain();
  for (int i = imports.size(); i-- > 0;)
    for (int k = 0; k < i; ++k)
      if (imports[k].domain() == imports[i].domain() &&
          imports[k].version() == imports[i].version()) {
        imports.DeleteSubrange(i, 1);
        break;
      }
}

//===----------------------------------------------------------------------===//
// Versions and unknown operators
//===----------------------------------------------------------------------===//

static Error checkVersions(const onnx::ModelProto &model) {
  if (model.ir_version() <= 0)
    return modelError("not an ONNX model: it has no IR version");
  if (model.ir_version() > onnx::IR_VERSION)
    return modelError("IR version " + llvm::Twine(model.ir_version()) +
                      " is newer than " + llvm::Twine(onnx::IR_VERSION) +
                      ", the newest known");
  if (model.opset_import().empty())
    return modelError("the model imports no operator set");
  llvm::StringMap<bool> seen;
  const auto &known =
      onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map();
  for (const onnx::OperatorSetIdProto &import : model.opset_import()) {
    std::string name = import.domain().empty() ? "ai.onnx" : import.domain();
    if (!seen.try_emplace(name, true).second)
      return modelError("operator set '" + name + "' is imported twice");
    auto range = known.find(name == "ai.onnx" ? "" : name);
    if (import.version() < 1)
      return modelError("opset " + llvm::Twine(import.version()) + " of '" +
                        name + "' does not exist");
    if (range != known.end() && import.version() > range->second.second)
      return modelError("opset " + llvm::Twine(import.version()) + " of '" +
                        name + "' is newer than " +
                        llvm::Twine(range->second.second) +
                        ", the newest known");
  }
  return Error::success();
}

namespace {

/// Operators of its own that ONNX Runtime has in ONNX's domain: its optimizer
/// writes them there. One that ONNX has, too, is ONNX's from that version on.
bool isOfRuntime(const onnx::NodeProto &node) {
  return node.domain().empty() &&
         (node.op_type() == "SimplifiedLayerNormalization" ||
          node.op_type() == "LayerNormalization");
}

/// Moves nodes of unknown operators to a domain that ONNX's library passes
/// over, and those of ONNX Runtime to its own.
class UnknownOperators {
public:
  UnknownOperators(onnx::ModelProto &model, HasRule hasRule)
      : model(model), hasRule(hasRule) {
    for (const onnx::FunctionProto &function : model.functions())
      functions.insert(
          {{normalize(function.domain()).str(), function.name()}, true});
  }

  void move() {
    moveIn(*model.mutable_graph()->mutable_node(), model);
    for (onnx::FunctionProto &function : *model.mutable_functions()) {
      normalizeDomains(function);
      if (function.domain() == "ai.onnx")
        function.clear_domain();
      moveIn(*function.mutable_node(), function);
    }
  }

private:
  static StringRef normalize(StringRef domain) {
    return domain == "ai.onnx" ? "" : domain;
  }

  template <class Owner>
  static int64_t versionOf(const Owner &owner, const std::string &domain) {
    for (const onnx::OperatorSetIdProto &import : owner.opset_import())
      if (import.domain() == domain)
        return import.version();
    return 0;
  }

  template <class Owner>
  static void addImport(Owner &owner, const std::string &domain,
                        int64_t version) {
    if (versionOf(owner, domain))
      return;
    onnx::OperatorSetIdProto *import = owner.add_opset_import();
    import->set_domain(domain);
    import->set_version(version);
  }

  template <class Nodes, class Owner> void moveIn(Nodes &nodes, Owner &owner) {
    for (onnx::NodeProto &node : nodes) {
      if (node.domain() == "ai.onnx")
        node.clear_domain();
      int64_t version = versionOf(owner, node.domain());
      // A rule without a version does not make an operator older than it is.
      bool isOfOnnx =
          onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map().count(
              node.domain());
      bool isKnown = functions.count({node.domain(), node.op_type()}) ||
                     (version && !isOfOnnx &&
                      hasRule(node.domain(), node.op_type(), version)) ||
                     (version && onnx::OpSchemaRegistry::Schema(
                                     node.op_type(), static_cast<int>(version),
                                     node.domain()));
      if (!isKnown && isOfRuntime(node)) {
        node.set_domain("com.microsoft");
        addImport(owner, node.domain(), 1);
      } else if (!isKnown) {
        node.set_domain(kUnknownDomain.str() + node.domain());
        addImport(owner, node.domain(), std::max<int64_t>(version, 1));
      }
      for (onnx::AttributeProto &attribute : *node.mutable_attribute()) {
        if (attribute.has_g())
          moveIn(*attribute.mutable_g()->mutable_node(), owner);
        for (onnx::GraphProto &graph : *attribute.mutable_graphs())
          moveIn(*graph.mutable_node(), owner);
      }
    }
  }

  onnx::ModelProto &model;
  HasRule hasRule;
  std::map<std::pair<std::string, std::string>, bool> functions;
};

} // namespace

//===----------------------------------------------------------------------===//
// ONNX's checker
//===----------------------------------------------------------------------===//

/// The node that the checker refuses, with its reason; otherwise `message`.
static std::string findRefusedNode(const onnx::ModelProto &model,
                                   const std::string &message) {
  namespace checker = onnx::checker;
  checker::CheckerContext context;
  context.set_ir_version(static_cast<int>(model.ir_version()));
  std::unordered_map<std::string, int> versions;
  for (const onnx::OperatorSetIdProto &import : model.opset_import())
    versions[import.domain()] = static_cast<int>(import.version());
  context.set_opset_imports(versions);
  checker::LexicalScopeContext names;
  const onnx::GraphProto &graph = model.graph();
  for (const onnx::ValueInfoProto &input : graph.input())
    names.add(input.name());
  for (const onnx::TensorProto &tensor : graph.initializer())
    names.add(tensor.name());
  for (const onnx::NodeProto &node : graph.node()) {
    try {
      checker::check_node(node, context, names);
    } catch (const std::exception &exception) {
      return describeNode(graph, node, getOpset(model, node.domain())) + ": " +
             cleanMessage(exception.what());
    }
    for (const std::string &output : node.output())
      names.add(output);
  }
  return cleanMessage(message);
}

/// Runs ONNX's checker. It would look for referenced data in files, and so sees
/// empty tensors instead; checkTensor has checked the sizes. It would refuse
/// outputs without a shape, which the import does not need.
static Error runChecker(Model &model) {
  std::vector<onnx::TypeProto_Tensor *> withoutShape;
  for (onnx::ValueInfoProto &output :
       *model.proto->mutable_graph()->mutable_output())
    if (output.type().has_tensor_type() &&
        !output.type().tensor_type().has_shape()) {
      withoutShape.push_back(output.mutable_type()->mutable_tensor_type());
      withoutShape.back()->mutable_shape();
    }
  std::vector<std::pair<onnx::TensorProto *, onnx::TensorProto>> hidden;
  llvm::cantFail(
      forEachTensor(*model.proto, [&](onnx::TensorProto &tensor) -> Error {
        if (model.getReference(tensor)) {
          onnx::TensorProto empty;
          empty.set_name(tensor.name());
          empty.set_data_type(tensor.data_type());
          empty.add_dims(0);
          empty.Swap(&tensor);
          hidden.emplace_back(&tensor, std::move(empty));
        }
        return Error::success();
      }));
  std::string message;
  try {
    onnx::checker::check_model(*model.proto);
  } catch (const std::exception &exception) {
    message = findRefusedNode(*model.proto, exception.what());
  }
  for (auto &[tensor, original] : hidden)
    tensor->Swap(&original);
  for (onnx::TypeProto_Tensor *type : withoutShape)
    type->clear_shape();
  return message.empty() ? Error::success() : modelError(message);
}

//===----------------------------------------------------------------------===//
// Functions of the model
//===----------------------------------------------------------------------===//

/// Names of the nodes by their outputs.
static llvm::StringMap<std::string> getOwners(const onnx::GraphProto &graph) {
  llvm::StringMap<std::string> owners;
  for (const onnx::NodeProto &node : graph.node())
    for (const std::string &output : node.output())
      if (!output.empty())
        owners[output] = getNodeName(node);
  return owners;
}

/// Gives nodes that stand for others the names of these: what replaces a node
/// ends with the nodes that define its outputs.
static void restoreNames(onnx::GraphProto &graph,
                         const llvm::StringMap<std::string> &owners) {
  std::string owner;
  for (int i = graph.node_size() - 1; i >= 0; --i) {
    onnx::NodeProto &node = *graph.mutable_node(i);
    for (const std::string &output : node.output())
      if (auto found = owners.find(output); found != owners.end())
        owner = found->second;
    node.set_name(owner);
  }
}

/// Gives calls the attributes that they leave at the function's defaults;
/// ONNX's inliner does not.
template <class Nodes>
static void addDefaults(Nodes &nodes, const onnx::ModelProto &model) {
  for (onnx::NodeProto &node : nodes) {
    for (onnx::AttributeProto &attribute : *node.mutable_attribute()) {
      if (attribute.has_g())
        addDefaults(*attribute.mutable_g()->mutable_node(), model);
      for (onnx::GraphProto &graph : *attribute.mutable_graphs())
        addDefaults(*graph.mutable_node(), model);
    }
    for (const onnx::FunctionProto &function : model.functions()) {
      if (function.name() != node.op_type() ||
          function.domain() != node.domain())
        continue;
      for (const onnx::AttributeProto &byDefault : function.attribute_proto()) {
        bool isGiven = false;
        for (const onnx::AttributeProto &given : node.attribute())
          isGiven |= given.name() == byDefault.name();
        if (!isGiven)
          *node.add_attribute() = byDefault;
      }
    }
  }
}

/// Notes which calls have a gradient of their own, after all others have been
/// replaced.
static Error bindCalls(Model &model) {
  onnx::ModelProto &proto = *model.proto;
  onnx::inliner::FunctionIdVector kept;
  for (const onnx::FunctionProto &function : proto.functions())
    if (model.gradientFunctions.count(
            getGradientKey(function.domain(), function.name())))
      kept.emplace_back(function.domain(), function.name());
  if (kept.empty())
    return Error::success();
  auto others = onnx::inliner::FunctionIdSet::Create(std::move(kept),
                                                     /*invert=*/true);
  onnx::inliner::InlineSelectedLocalFunctions(proto, *others);
  for (const onnx::FunctionProto &function : proto.functions())
    if (others->Contains(function.domain(), function.name()))
      return modelError("function '" + function.name() +
                        "' is of other operator sets than the model, which "
                        "does not go with gradients that functions give");
  return bindGradients(model);
}

/// Replaces calls by bodies, whose nodes get the name of the node that called
/// the function.
static Error inlineFunctions(Model &owner) {
  onnx::ModelProto &model = *owner.proto;
  onnx::GraphProto &graph = *model.mutable_graph();
  llvm::StringMap<std::string> owners = getOwners(graph);
  addDefaults(*graph.mutable_node(), model);
  for (onnx::FunctionProto &function : *model.mutable_functions())
    addDefaults(*function.mutable_node(), model);
  if (Error error = bindCalls(owner))
    return error;
  onnx::inliner::InlineLocalFunctions(model, /*convert_version=*/true);
  restoreNames(graph, owners);
  return Error::success();
}

//===----------------------------------------------------------------------===//
// The way of a model
//===----------------------------------------------------------------------===//

Error dl::frontend::prepareModel(Model &model, HasRule hasRule) {
  onnx::ModelProto &proto = *model.proto;
  try {
    normalizeDomains(proto);
    if (Error error = checkVersions(proto))
      return error;
    UnknownOperators(proto, hasRule).move();
    if (Error error = checkNames(proto))
      return error;
    if (Error error = runChecker(model))
      return error;

    if (proto.functions_size()) {
      if (Error error = inlineFunctions(model))
        return error;
      normalizeDomains(proto);
      UnknownOperators(proto, hasRule).move();
    }
  } catch (const std::exception &exception) {
    return modelError(cleanMessage(exception.what()));
  }
  return Error::success();
}

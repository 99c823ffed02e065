// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/onnx/GivenGradients.h"
#include "frontend/onnx/Schema.h"
#include "onnx/onnx_pb.h"
#include "onnx/shape_inference/attribute_binder.h"

using namespace dl::frontend;
using llvm::Error;
using llvm::StringRef;
using llvm::Twine;
using onnx::FunctionProto;
using onnx::GraphProto;
using onnx::NodeProto;

static constexpr llvm::StringLiteral kEnding = "_grad";

std::string dl::frontend::getGradientKey(StringRef domain, StringRef name) {
  return ((domain == "ai.onnx" ? "" : domain) + ":" + name).str();
}

/// That of what a function is the gradient of; nothing for other functions.
static std::optional<std::string> getOperator(const FunctionProto &function) {
  StringRef name = function.name();
  if (!name.consume_back(kEnding) || name.empty())
    return std::nullopt;
  return getGradientKey(function.domain(), name);
}

void dl::frontend::findGradients(Model &model) {
  for (const FunctionProto &function : model.proto->functions()) {
    auto key = getOperator(function);
    bool isCalled =
        key && llvm::any_of(model.proto->functions(), [&](const auto &other) {
          return getGradientKey(other.domain(), other.name()) == *key;
        });
    if (isCalled)
      model.gradientFunctions.try_emplace(
          *key, GradientFunction{std::make_shared<FunctionProto>(function)});
  }
}

Error dl::frontend::takeGradients(Model &model, const Model &file) {
  if (file.proto->functions().empty())
    return modelError("there is no function that is a gradient");
  for (const FunctionProto &function : file.proto->functions()) {
    auto key = getOperator(function);
    if (!key)
      return modelError("function '" + function.name() +
                        "' is no gradient: expected a name that ends with '" +
                        kEnding + "'");
    model.gradientFunctions[*key] = {std::make_shared<FunctionProto>(function),
                                     /*isFromFile=*/true};
  }
  return Error::success();
}

namespace {

class Binder {
public:
  explicit Binder(Model &model) : model(model) {}

  Error visit(const GraphProto &graph) {
    for (const NodeProto &node : graph.node()) {
      for (const onnx::AttributeProto &attribute : node.attribute()) {
        if (attribute.has_g())
          if (Error error = visit(attribute.g()))
            return error;
        for (const GraphProto &nested : attribute.graphs())
          if (Error error = visit(nested))
            return error;
      }
      auto found = model.gradientFunctions.find(
          getGradientKey(node.domain(), node.op_type()));
      if (found == model.gradientFunctions.end())
        continue;
      found->second.isUsed = true;
      if (Error error = bind(graph, node, *found->second.function))
        return error;
    }
    return Error::success();
  }

private:
  Error bind(const GraphProto &graph, const NodeProto &node,
             const FunctionProto &function) {
    GivenGradient &gradient = model.gradients.emplace_back();
    gradient.node =
        describeNode(graph, node, getOpset(*model.proto, node.domain()));
    gradient.inputs.assign(node.input().begin(), node.input().end());
    gradient.outputs.assign(node.output().begin(), node.output().end());
    // What a call leaves out at the end.
    for (const FunctionProto &called : model.proto->functions())
      if (called.name() == node.op_type() && called.domain() == node.domain()) {
        gradient.inputs.resize(called.input_size());
        gradient.outputs.resize(called.output_size());
        gradient.isCall = true;
      }
    size_t inputs = gradient.inputs.size(), outputs = gradient.outputs.size();
    if (static_cast<size_t>(function.input_size()) != inputs + 2 * outputs ||
        static_cast<size_t>(function.output_size()) > inputs)
      return modelError("function '" + function.name() + "': " + gradient.node +
                        " has " + Twine(inputs) + " inputs and " +
                        Twine(outputs) + " outputs: expected " +
                        Twine(inputs + 2 * outputs) + " inputs and at most " +
                        Twine(inputs) + " outputs, found " +
                        Twine(function.input_size()) + " and " +
                        Twine(function.output_size()));
    auto body = std::make_shared<FunctionProto>(function);
    onnx::internal::AttributeBinder::BindAttributes(
        addDefaults(node, getOpset(*model.proto, node.domain())), *body);
    gradient.function = std::move(body);
    return Error::success();
  }

  Model &model;
};

} // namespace

Error dl::frontend::bindGradients(Model &model) {
  if (model.gradientFunctions.empty())
    return Error::success();
  return Binder(model).visit(model.proto->graph());
}

Error dl::frontend::checkGradientsUsed(const Model &model) {
  for (const auto &[key, gradient] : model.gradientFunctions)
    if (gradient.isFromFile && !gradient.isUsed)
      return modelError("function '" + gradient.function->name() +
                        "': no node of the model has that operator");
  return Error::success();
}

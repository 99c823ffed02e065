// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/onnx/AppendLoss.h"
#include "frontend/onnx/TensorData.h"
#include "onnx/inliner/inliner.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

using namespace dl::frontend;
using llvm::StringRef;
using llvm::Twine;
using onnx::GraphProto;
using onnx::TypeProto;
using onnx::ValueInfoProto;
using Dimension = onnx::TensorShapeProto::Dimension;

/// Domain and name of the function that the loss is.
static constexpr const char *kDomain = "dl.loss", *kName = "loss";
/// The first version of the format with functions.
static constexpr int64_t kFirstWithFunctions = 8;

/// "float32[N,3]".
static std::string describe(const TypeProto &type) {
  if (!type.has_tensor_type())
    return "no tensor";
  std::string text = getDataTypeName(type.tensor_type().elem_type());
  if (!type.tensor_type().has_shape())
    return text;
  text += "[";
  for (const Dimension &dim : type.tensor_type().shape().dim()) {
    if (text.back() != '[')
      text += ",";
    text += dim.has_dim_value()       ? std::to_string(dim.dim_value())
            : dim.dim_param().empty() ? "?"
                                      : dim.dim_param();
  }
  return text + "]";
}

/// Whether no value is of both types, as far as they are declared.
static bool contradict(const TypeProto &a, const TypeProto &b) {
  if (a.value_case() == TypeProto::VALUE_NOT_SET ||
      b.value_case() == TypeProto::VALUE_NOT_SET)
    return false;
  if (!a.has_tensor_type() || !b.has_tensor_type())
    return a.value_case() != b.value_case();
  const auto &first = a.tensor_type(), &second = b.tensor_type();
  if (first.elem_type() != second.elem_type())
    return true;
  if (!first.has_shape() || !second.has_shape())
    return false;
  if (first.shape().dim_size() != second.shape().dim_size())
    return true;
  for (int i = 0; i < first.shape().dim_size(); ++i)
    if (first.shape().dim(i).has_dim_value() &&
        second.shape().dim(i).has_dim_value() &&
        first.shape().dim(i).dim_value() != second.shape().dim(i).dim_value())
      return true;
  return false;
}

template <class Values>
static const ValueInfoProto *find(const Values &values, StringRef name) {
  for (const ValueInfoProto &value : values)
    if (name == value.name())
      return &value;
  return nullptr;
}

namespace {

class Appender {
public:
  Appender(Model &model, Model &loss)
      : model(model), loss(loss), graph(*model.proto->mutable_graph()),
        lossGraph(*loss.proto->mutable_graph()) {
    collectNames(graph);
  }

  llvm::Error run() {
    if (lossGraph.output_size() != 1)
      return modelError("a loss is one output, found " +
                        Twine(lossGraph.output_size()));
    ValueInfoProto result = lossGraph.output(0);
    const TypeProto &type = result.type();
    if (type.value_case() != TypeProto::VALUE_NOT_SET &&
        !(type.has_tensor_type() && isFloat(type.tensor_type().elem_type())))
      return modelError("a loss is a tensor of floats, but output '" +
                        result.name() + "' is " + describe(type));
    onnx::NodeProto call;
    std::string name = makeUnique(kName);
    call.set_name(name);
    call.set_domain(kDomain);
    call.set_op_type(kName);
    if (llvm::Error error = bindInputs(call))
      return error;
    result.set_name(name);
    call.add_output(result.name());
    addFunction();
    *graph.add_node() = call;
    *graph.add_output() = result;
    auto &outputs = *graph.mutable_output();
    for (int i = outputs.size() - 1; i > 0; --i)
      outputs.SwapElements(i, i - 1);
    return inlineLoss();
  }

private:
  static bool isFloat(int32_t type) {
    return type == onnx::TensorProto::FLOAT ||
           type == onnx::TensorProto::DOUBLE ||
           type == onnx::TensorProto::FLOAT16 ||
           type == onnx::TensorProto::BFLOAT16;
  }

  void collectNames(const GraphProto &from) {
    for (const ValueInfoProto &input : from.input())
      names.insert(input.name());
    for (const onnx::TensorProto &tensor : from.initializer())
      names.insert(tensor.name());
    for (const onnx::NodeProto &node : from.node()) {
      names.insert(node.name());
      for (const std::string &output : node.output())
        names.insert(output);
    }
  }

  std::string makeUnique(std::string name) {
    while (!names.insert(name).second)
      name += "_";
    return name;
  }

  /// Gives the call a value for each input of the loss.
  llvm::Error bindInputs(onnx::NodeProto &call) {
    llvm::StringSet<> initialized;
    for (const onnx::TensorProto &tensor : lossGraph.initializer())
      initialized.insert(tensor.name());
    std::vector<const ValueInfoProto *> inputs;
    bool hasNames = false;
    for (const ValueInfoProto &input : lossGraph.input())
      if (!initialized.contains(input.name())) {
        inputs.push_back(&input);
        hasNames |= find(graph.output(), input.name()) != nullptr;
      }
    std::vector<const ValueInfoProto *> labels;
    bool hasOutput = false;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const ValueInfoProto *bound = nullptr;
      if (hasNames && !(bound = find(graph.output(), inputs[i]->name())))
        bound = find(graph.input(), inputs[i]->name());
      if (!hasNames && i < static_cast<size_t>(graph.output_size()))
        bound = &graph.output(static_cast<int>(i));
      call.add_input(bound ? bound->name() : "");
      if (!bound) {
        labels.push_back(inputs[i]);
        continue;
      }
      hasOutput |= find(graph.output(), bound->name()) != nullptr;
      if (contradict(inputs[i]->type(), bound->type()))
        return modelError("its input '" + inputs[i]->name() + "' is " +
                          describe(inputs[i]->type()) + ", but the model's '" +
                          bound->name() + "' is " + describe(bound->type()));
      unify(inputs[i]->type(), bound->type());
    }
    if (!hasOutput)
      return modelError("it takes no output of the model");
    // What a label's sizes are called follows from all outputs.
    size_t next = 0;
    for (std::string &input : *call.mutable_input())
      if (input.empty())
        input = addLabel(*labels[next++]);
    return llvm::Error::success();
  }

  /// Lets symbolic dimensions of an input be what the output has there.
  void unify(const TypeProto &input, const TypeProto &output) {
    const auto &dims = input.tensor_type().shape().dim(),
               &actual = output.tensor_type().shape().dim();
    for (int i = 0; i < std::min(dims.size(), actual.size()); ++i)
      if (!dims[i].dim_param().empty() &&
          (actual[i].has_dim_value() || !actual[i].dim_param().empty()))
        sizes.try_emplace(dims[i].dim_param(), actual[i]);
  }

  std::string addLabel(const ValueInfoProto &label) {
    ValueInfoProto &input = *graph.add_input();
    input = label;
    input.set_name(makeUnique(label.name()));
    if (input.type().has_tensor_type() &&
        input.type().tensor_type().has_shape())
      for (Dimension &dim : *input.mutable_type()
                                 ->mutable_tensor_type()
                                 ->mutable_shape()
                                 ->mutable_dim())
        if (auto known = sizes.find(dim.dim_param()); known != sizes.end())
          dim = known->second;
    return input.name();
  }

  /// Makes the loss's graph a function of the model.
  void addFunction() {
    llvm::cantFail(forEachTensor(*loss.proto,
                                 [&](onnx::TensorProto &tensor) -> llvm::Error {
                                   if (auto data = loss.getReference(tensor))
                                     model.setReference(tensor, *data);
                                   return llvm::Error::success();
                                 }));
    llvm::append_range(model.files, loss.files);
    onnx::FunctionProto &function = *model.proto->add_functions();
    function.set_name(kName);
    function.set_domain(kDomain);
    *function.mutable_opset_import() = loss.proto->opset_import();
    llvm::StringSet<> initialized;
    for (const onnx::TensorProto &tensor : lossGraph.initializer()) {
      initialized.insert(tensor.name());
      onnx::NodeProto &constant = *function.add_node();
      constant.set_op_type("Constant");
      constant.add_output(tensor.name());
      onnx::AttributeProto &value = *constant.add_attribute();
      value.set_name("value");
      value.set_type(onnx::AttributeProto::TENSOR);
      *value.mutable_t() = tensor;
    }
    for (const ValueInfoProto &input : lossGraph.input())
      if (!initialized.contains(input.name()))
        function.add_input(input.name());
    function.add_output(lossGraph.output(0).name());
    for (const onnx::NodeProto &node : lossGraph.node())
      *function.add_node() = node;
    for (const onnx::OperatorSetIdProto &used : loss.proto->opset_import())
      if (!getOpset(*model.proto, used.domain()))
        *model.proto->add_opset_import() = used;
    onnx::OperatorSetIdProto &import = *model.proto->add_opset_import();
    import.set_domain(kDomain);
    import.set_version(1);
    model.proto->set_ir_version(
        std::max<int64_t>(model.proto->ir_version(), kFirstWithFunctions));
  }

  /// Puts the function's nodes into the graph, with their names where they
  /// are one for one what they were.
  llvm::Error inlineLoss() {
    std::vector<std::string> nodeNames;
    for (const onnx::NodeProto &node :
         model.proto->functions().rbegin()->node())
      nodeNames.push_back(node.name());
    int first = graph.node_size() - 1;
    try {
      onnx::inliner::InlineLocalFunctions(*model.proto,
                                          /*convert_version=*/true);
    } catch (const std::exception &exception) {
      return modelError("it cannot be converted to the model's operator set: " +
                        StringRef(exception.what()).trim());
    }
    for (const onnx::NodeProto &node : graph.node())
      if (node.domain() == kDomain)
        return modelError("it cannot be converted to the model's operator set, "
                          "opset " +
                          Twine(getOpset(*model.proto, "")));
    if (graph.node_size() - first == static_cast<int>(nodeNames.size()))
      for (auto [i, name] : llvm::enumerate(nodeNames))
        graph.mutable_node(first + static_cast<int>(i))
            ->set_name(name.empty() ? name : makeUnique(name));
    return llvm::Error::success();
  }

  Model &model, &loss;
  GraphProto &graph, &lossGraph;
  llvm::StringSet<> names;          ///< of the model's values and nodes
  llvm::StringMap<Dimension> sizes; ///< of the loss, by its names for them
};

} // namespace

llvm::Error dl::frontend::appendLoss(Model &model, Model &loss) {
  return Appender(model, loss).run();
}

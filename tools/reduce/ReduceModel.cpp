// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/reduce/ReduceModel.h"

#include "tools/reduce/Interest.h"
#include "tools/reduce/ModelFile.h"
#include <set>

using namespace llvm;

namespace dl::tools {
namespace {

using onnx::GraphProto;
using onnx::ModelProto;
using onnx::NodeProto;
using onnx::ValueInfoProto;

class ModelReducer {
public:
  ModelReducer(const frontend::Model &model, Interest &interest,
               const std::function<void(size_t)> &progress)
      : model(model), interest(interest), progress(progress),
        proto(*model.proto), types(inferTypes(proto)) {}

  Expected<std::string> run() {
    report();
    removeMetadata();
    takeOneOutput();
    // Each makes the others find more.
    int before;
    do {
      before = proto.graph().node_size();
      takePrefix();
      takeSuffix();
      removeChunks();
    } while (proto.graph().node_size() < before);
    removeInitializers();
    return serialize(model, proto);
  }

private:
  void report() {
    if (progress)
      progress(proto.graph().node_size());
  }

  bool test(ModelProto candidate) {
    removeUnused(candidate);
    auto bytes = serialize(model, candidate);
    if (!bytes) {
      consumeError(bytes.takeError());
      return false;
    }
    return interest.holds(*bytes);
  }

  bool adopt(ModelProto candidate) {
    if (!test(candidate))
      return false;
    removeUnused(candidate);
    proto = std::move(candidate);
    report();
    return true;
  }

  void removeMetadata() {
    ModelProto candidate = proto;
    candidate.clear_doc_string();
    candidate.clear_metadata_props();
    candidate.clear_training_info();
    GraphProto &graph = *candidate.mutable_graph();
    graph.clear_doc_string();
    graph.clear_metadata_props();
    for (NodeProto &node : *graph.mutable_node()) {
      node.clear_doc_string();
      node.clear_metadata_props();
    }
    adopt(candidate);
  }

  /// Whether values may be inputs or outputs of the graph: their types are
  /// known.
  template <typename Names> bool areTyped(const Names &names) const {
    return llvm::all_of(names, [&](const std::string &name) {
      return name.empty() || types.count(name);
    });
  }

  void addInfo(const std::string &name, ValueInfoProto &info) const {
    info.set_name(name);
    *info.mutable_type() = types.find(name)->second;
  }

  //===--------------------------------------------------------------------===//
  // Outputs
  //===--------------------------------------------------------------------===//

  void takeOneOutput() {
    if (proto.graph().output_size() < 2)
      return;
    for (int i = 0; i < proto.graph().output_size(); ++i) {
      ModelProto candidate = proto;
      ValueInfoProto output = proto.graph().output(i);
      candidate.mutable_graph()->clear_output();
      *candidate.mutable_graph()->add_output() = output;
      if (adopt(candidate))
        return;
    }
  }

  /// The model with the results of node `i` as its outputs.
  ModelProto endAt(int i) const {
    ModelProto candidate = proto;
    GraphProto &graph = *candidate.mutable_graph();
    graph.clear_output();
    for (const std::string &name : proto.graph().node(i).output())
      if (!name.empty())
        addInfo(name, *graph.add_output());
    return candidate;
  }

  void takePrefix() {
    int low = 0, high = proto.graph().node_size();
    while (low < high) {
      int middle = low + (high - low) / 2;
      if (areTyped(proto.graph().node(middle).output()) && test(endAt(middle)))
        high = middle;
      else
        low = middle + 1;
    }
    if (high < proto.graph().node_size())
      adopt(endAt(high));
  }

  //===--------------------------------------------------------------------===//
  // Nodes
  //===--------------------------------------------------------------------===//

  /// The model with nodes [begin, end) gone and their results as inputs;
  /// nothing where one has no known type.
  std::optional<ModelProto> without(int begin, int end) const {
    ModelProto candidate = proto;
    GraphProto &graph = *candidate.mutable_graph();
    std::set<std::string> outputs;
    for (const ValueInfoProto &output : graph.output())
      outputs.insert(output.name());
    for (int i = begin; i < end; ++i) {
      if (!areTyped(graph.node(i).output()))
        return std::nullopt;
      for (const std::string &name : graph.node(i).output())
        if (!name.empty() && !outputs.count(name))
          addInfo(name, *graph.add_input());
    }
    // An output that nothing makes any more is no output.
    std::set<std::string> gone;
    for (int i = begin; i < end; ++i)
      gone.insert(graph.node(i).output().begin(), graph.node(i).output().end());
    for (int i = graph.output_size(); i-- > 0;)
      if (gone.count(graph.output(i).name()))
        graph.mutable_output()->DeleteSubrange(i, 1);
    if (!graph.output_size())
      return std::nullopt;
    graph.mutable_node()->DeleteSubrange(begin, end - begin);
    return candidate;
  }

  void takeSuffix() {
    int low = 0, high = proto.graph().node_size();
    while (high - low > 1) {
      int middle = low + (high - low) / 2;
      auto candidate = without(0, middle);
      (candidate && test(*candidate) ? low : high) = middle;
    }
    if (low)
      if (auto candidate = without(0, low))
        adopt(*candidate);
  }

  void removeChunks() {
    for (int size = std::max(proto.graph().node_size() / 2, 1);; size /= 2) {
      for (int begin = 0; begin < proto.graph().node_size();) {
        int end = std::min(begin + size, proto.graph().node_size());
        auto candidate = without(begin, end);
        if (!candidate || !adopt(*candidate))
          begin = end;
      }
      if (size <= 1)
        return;
    }
  }

  //===--------------------------------------------------------------------===//
  // Weights
  //===--------------------------------------------------------------------===//

  /// Makes inputs of initializers, many at a time.
  void removeInitializers() {
    for (int size = std::max(proto.graph().initializer_size(), 1);; size /= 2) {
      for (int begin = 0; begin < proto.graph().initializer_size();) {
        int end = std::min(begin + size, proto.graph().initializer_size());
        ModelProto candidate = proto;
        GraphProto &graph = *candidate.mutable_graph();
        std::set<std::string> inputs;
        for (const ValueInfoProto &input : graph.input())
          inputs.insert(input.name());
        for (int i = begin; i < end; ++i) {
          std::string name = graph.initializer(i).name();
          if (types.count(name) && !inputs.count(name))
            addInfo(name, *graph.add_input());
        }
        graph.mutable_initializer()->DeleteSubrange(begin, end - begin);
        if (!adopt(candidate))
          begin = end;
      }
      if (size <= 1)
        return;
    }
  }

  const frontend::Model &model;
  Interest &interest;
  const std::function<void(size_t)> &progress;
  ModelProto proto;
  std::map<std::string, onnx::TypeProto> types;
};

} // namespace

Expected<std::string>
reduceModel(StringRef path, Interest &interest,
            const std::function<void(size_t nodes)> &progress) {
  auto model = frontend::loadModel(path);
  if (!model)
    return model.takeError();
  auto bytes = serialize(**model, *(*model)->proto);
  if (!bytes)
    return bytes.takeError();
  if (Error error = interest.begin(*bytes, collectNames(*(*model)->proto)))
    return std::move(error);
  return ModelReducer(**model, interest, progress).run();
}

} // namespace dl::tools

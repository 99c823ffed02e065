// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Sparse tensors of a model become dense ones.

#include "frontend/onnx/Model.h"
#include "frontend/onnx/TensorData.h"
#include "onnx/onnx_pb.h"
#include <cstring>

using namespace dl::frontend;
using llvm::Error;
using llvm::StringRef;
using onnx::SparseTensorProto;
using onnx::TensorProto;

/// The dense bytes stand in the model's message, and more than this is hardly
/// meant: a few bytes of a file could ask for all memory.
static constexpr int64_t kMaxDenseBytes = int64_t(1) << 28;

namespace {

/// Where each value stands in the dense tensor.
class Positions {
public:
  Positions(const Model &model, const SparseTensorProto &sparse)
      : model(model), sparse(sparse),
        name("sparse " + describeTensor(sparse.values())) {}

  /// The dense tensor's number of elements, and the positions.
  Error read(int64_t &count, std::vector<int64_t> &positions) {
    if (Error error = countElements(count))
      return error;
    const TensorProto &indices = sparse.indices();
    int64_t values = getNumElements(sparse.values());
    if (sparse.values().dims_size() != 1)
      return fail("has values of rank " +
                  llvm::Twine(sparse.values().dims_size()) + ", expected 1");
    // Without any value, exporters leave the indices away.
    bool isAbsent = values == 0 && indices.dims_size() == 0;
    bool isLinear = indices.dims_size() == 1 && indices.dims(0) == values;
    bool hasCoordinates = indices.dims_size() == 2 &&
                          indices.dims(0) == values &&
                          indices.dims(1) == sparse.dims_size();
    if (!isAbsent && (indices.data_type() != TensorProto::INT64 ||
                      !(isLinear || hasCoordinates)))
      return fail("has indices that are not int64 of the shape [" +
                  llvm::Twine(values) + "] or [" + llvm::Twine(values) + ", " +
                  llvm::Twine(sparse.dims_size()) + "]");
    if (isAbsent)
      return Error::success();
    std::string buffer;
    StringRef bytes = getTensorBytes(model, indices, buffer);
    size_t width = isLinear ? 1 : sparse.dims_size();
    for (int64_t i = 0; i < values; ++i) {
      int64_t position = 0;
      for (size_t d = 0; d < width; ++d) {
        int64_t index = 0;
        std::memcpy(&index, bytes.data() + (i * width + d) * sizeof(index),
                    sizeof(index));
        int64_t size = isLinear ? count : sparse.dims(static_cast<int>(d));
        if (index < 0 || index >= size)
          return fail("has the index " + llvm::Twine(index) +
                      " in a dimension of " + llvm::Twine(size));
        position = position * size + index;
      }
      if (!positions.empty() && position <= positions.back())
        return fail("has indices that do not ascend");
      positions.push_back(position);
    }
    return Error::success();
  }

  Error fail(const llvm::Twine &what) const {
    return modelError(name + " " + what);
  }

private:
  Error countElements(int64_t &count) {
    unsigned bits = getBitWidth(sparse.values().data_type());
    if (bits < 8)
      return fail("has elements of the type " +
                  getDataTypeName(sparse.values().data_type()) +
                  ", which is not supported");
    count = 1;
    for (int64_t dim : sparse.dims())
      if (dim < 0 || __builtin_mul_overflow(count, dim, &count) ||
          count > kMaxDenseBytes)
        return fail("has a dimension that is negative, or more than " +
                    llvm::Twine(kMaxDenseBytes >> 20) + " MiB when dense");
    if (count * (bits / 8) > kMaxDenseBytes)
      return fail("has more than " + llvm::Twine(kMaxDenseBytes >> 20) +
                  " MiB when dense");
    return Error::success();
  }

  const Model &model;
  const SparseTensorProto &sparse;
  std::string name;
};

/// All sparse tensors of one model together may take kMaxDenseBytes.
class Densifier {
public:
  explicit Densifier(const Model &model) : model(model) {}

  Error visitGraph(onnx::GraphProto &graph) {
    for (const SparseTensorProto &sparse : graph.sparse_initializer())
      if (Error error = makeDense(sparse, *graph.add_initializer()))
        return error;
    graph.clear_sparse_initializer();
    return visitNodes(*graph.mutable_node());
  }

  template <class Nodes> Error visitNodes(Nodes &nodes) {
    for (onnx::NodeProto &node : nodes)
      for (onnx::AttributeProto &attribute : *node.mutable_attribute()) {
        if (attribute.has_g())
          if (Error error = visitGraph(*attribute.mutable_g()))
            return error;
        for (onnx::GraphProto &graph : *attribute.mutable_graphs())
          if (Error error = visitGraph(graph))
            return error;
        if (node.op_type() == "Constant" && attribute.has_sparse_tensor() &&
            attribute.name() == "sparse_value")
          if (Error error = visitConstant(attribute))
            return error;
      }
    return Error::success();
  }

private:
  Error visitConstant(onnx::AttributeProto &attribute) {
    if (Error error =
            makeDense(attribute.sparse_tensor(), *attribute.mutable_t()))
      return error;
    attribute.clear_sparse_tensor();
    attribute.set_name("value");
    attribute.set_type(onnx::AttributeProto::TENSOR);
    return Error::success();
  }

  Error makeDense(const SparseTensorProto &sparse, TensorProto &dense) {
    Positions reader(model, sparse);
    int64_t count = 0;
    std::vector<int64_t> positions;
    if (Error error = reader.read(count, positions))
      return error;
    size_t size = getBitWidth(sparse.values().data_type()) / 8;
    total += count * static_cast<int64_t>(size);
    if (total > kMaxDenseBytes)
      return reader.fail("makes the sparse tensors of the model more than " +
                         llvm::Twine(kMaxDenseBytes >> 20) + " MiB when dense");
    std::string buffer;
    StringRef values = getTensorBytes(model, sparse.values(), buffer);
    std::string data(static_cast<size_t>(count) * size, '\0');
    for (size_t i = 0; i < positions.size(); ++i)
      std::memcpy(data.data() + static_cast<size_t>(positions[i]) * size,
                  values.data() + i * size, size);
    dense.set_name(sparse.values().name());
    dense.set_data_type(sparse.values().data_type());
    *dense.mutable_dims() = sparse.dims();
    dense.set_raw_data(std::move(data));
    return Error::success();
  }

  const Model &model;
  int64_t total = 0;
};

} // namespace

Error dl::frontend::makeSparseTensorsDense(Model &model) {
  Densifier densifier(model);
  if (Error error = densifier.visitGraph(*model.proto->mutable_graph()))
    return error;
  for (onnx::FunctionProto &function : *model.proto->mutable_functions())
    if (Error error = densifier.visitNodes(*function.mutable_node()))
      return error;
  return Error::success();
}

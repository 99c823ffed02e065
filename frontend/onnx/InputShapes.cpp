// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/onnx/InputShapes.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/STLExtras.h"

using namespace dl::frontend;
using llvm::Error;
using llvm::StringRef;
using llvm::Twine;

static Error setShape(onnx::ValueInfoProto &input, const InputShape &given) {
  std::string what = "input '" + given.input + "'";
  if (!input.type().has_tensor_type())
    return modelError(what + " is no tensor, which alone has a shape to give");
  auto &type = *input.mutable_type()->mutable_tensor_type();
  int rank = static_cast<int>(given.dims.size());
  if (type.has_shape() && type.shape().dim_size() != rank)
    return modelError(what + " has rank " + Twine(type.shape().dim_size()) +
                      ", but a shape of rank " + Twine(rank) + " is given");
  onnx::TensorShapeProto shape;
  for (int d = 0; d < rank; ++d) {
    onnx::TensorShapeProto::Dimension &dim = *shape.add_dim();
    int64_t size = 0;
    StringRef text = given.dims[d];
    bool isNumber = !text.getAsInteger(10, size);
    if (isNumber)
      dim.set_dim_value(size);
    else
      dim.set_dim_param(text.str());
    if (!type.has_shape() || !type.shape().dim(d).has_dim_value())
      continue;
    int64_t declared = type.shape().dim(d).dim_value();
    if (isNumber && size != declared)
      return modelError(what + ": dimension " + Twine(d) + " is " +
                        Twine(declared) + ", but " + Twine(size) + " is given");
    dim.set_dim_value(declared);
  }
  *type.mutable_shape() = shape;
  return Error::success();
}

Error dl::frontend::setInputShapes(Model &model,
                                   llvm::ArrayRef<InputShape> shapes) {
  onnx::GraphProto &graph = *model.proto->mutable_graph();
  for (const InputShape &given : shapes) {
    auto input = llvm::find_if(*graph.mutable_input(),
                               [&](const onnx::ValueInfoProto &candidate) {
                                 return candidate.name() == given.input;
                               });
    if (input == graph.mutable_input()->end())
      return modelError("it has no input '" + given.input +
                        "' that a shape is given for");
    if (Error error = setShape(*input, given))
      return error;
  }
  return Error::success();
}

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/onnx/Model.h"
#include "onnx/onnx_pb.h"
#include "onnx/shape_inference/implementation.h"

using namespace dl::frontend;

void dl::frontend::inferTypes(Model &model) {
  // What cannot be inferred stays open; contradictions are found by the import.
  // Without data propagation, which makes a dimension for each element of a
  // list of sizes, however long the model says it is.
  try {
    onnx::ShapeInferenceOptions options(/*check_type=*/false,
                                        /*strict_mode=*/0,
                                        /*data_prop=*/false);
    onnx::shape_inference::InferShapes(
        *model.proto, onnx::OpSchemaRegistry::Instance(), options);
  } catch (const std::exception &) {
  }
}

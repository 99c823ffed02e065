// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Legacy.h"
#include "frontend/import/Resize.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/StringSwitch.h"

using namespace dl;
using namespace dl::frontend;
using namespace mlir;
using llvm::StringRef;
using llvm::Twine;

namespace {

/// Builds the function of one node.
class LegacyBody {
public:
  explicit LegacyBody(const NodeContext &context)
      : context(context), body(std::make_unique<onnx::FunctionProto>()) {
    for (size_t i = 0; i < context.numInputs(); ++i)
      body->add_input(context.hasInput(i) ? "input" + std::to_string(i) : "");
    for (size_t i = 0; i < context.numOutputs(); ++i)
      body->add_output("output" + std::to_string(i));
  }

  std::string input(size_t i) const {
    return i < context.numInputs() ? body->input(static_cast<int>(i)) : "";
  }

  /// The name of a new constant.
  std::string ints(ArrayRef<int64_t> values) {
    onnx::NodeProto &node = add("Constant", {});
    onnx::AttributeProto &value = attribute(node, "value_ints");
    value.set_type(onnx::AttributeProto::INTS);
    for (int64_t element : values)
      value.add_ints(element);
    return node.output(0);
  }

  /// A scalar of the type of an input.
  std::string scalarLike(double value, size_t i) {
    onnx::NodeProto &node = add("Constant", {});
    onnx::AttributeProto &attr = attribute(node, "value_float");
    attr.set_type(onnx::AttributeProto::FLOAT);
    attr.set_f(static_cast<float>(value));
    onnx::NodeProto &cast = add("CastLike", {node.output(0), input(i)});
    return cast.output(0);
  }

  /// A node with one new result.
  onnx::NodeProto &add(StringRef op, ArrayRef<std::string> inputs) {
    onnx::NodeProto &node = *body->add_node();
    node.set_op_type(op.str());
    for (const std::string &name : inputs)
      node.add_input(name);
    node.add_output("value" + std::to_string(body->node_size()));
    return node;
  }

  static onnx::AttributeProto &attribute(onnx::NodeProto &node,
                                         StringRef name) {
    onnx::AttributeProto &added = *node.add_attribute();
    added.set_name(name.str());
    return added;
  }

  static void setInt(onnx::NodeProto &node, StringRef name, int64_t value) {
    onnx::AttributeProto &added = attribute(node, name);
    added.set_type(onnx::AttributeProto::INT);
    added.set_i(value);
  }

  static void setString(onnx::NodeProto &node, StringRef name,
                        StringRef value) {
    onnx::AttributeProto &added = attribute(node, name);
    added.set_type(onnx::AttributeProto::STRING);
    added.set_s(value.str());
  }

  /// The node that gives the function its results, of an operator with these
  /// inputs, and with the node's attributes but for `dropped`.
  onnx::NodeProto &finish(StringRef op, ArrayRef<std::string> inputs,
                          ArrayRef<StringRef> dropped = {}) {
    onnx::NodeProto &node = add(op, inputs);
    for (const onnx::AttributeProto &given : context.node.attribute())
      if (!llvm::is_contained(dropped, StringRef(given.name())) &&
          given.name() != "consumed_inputs")
        *node.add_attribute() = given;
    *node.mutable_output() = body->output();
    return node;
  }

  const NodeContext &context;
  std::unique_ptr<onnx::FunctionProto> body;
};

/// Adds the body's nodes; false where the node's form is still known.
using Build = bool (*)(LegacyBody &);

} // namespace

//===----------------------------------------------------------------------===//
// Attributes that became inputs
//===----------------------------------------------------------------------===//

static bool buildClip(LegacyBody &of) {
  auto limit = [&](StringRef name) {
    return of.context.hasAttr(name)
               ? of.scalarLike(of.context.getFloat(name, 0), 0)
               : "";
  };
  std::string low = limit("min"), high = limit("max");
  of.finish("Clip", {of.input(0), low, high}, {"min", "max"});
  return true;
}

static bool buildPad(LegacyBody &of) {
  StringRef name = of.context.opset < 2 ? "paddings" : "pads";
  auto pads = of.context.getInts(name);
  if (!pads)
    return false;
  std::string value = of.scalarLike(of.context.getFloat("value", 0), 0);
  of.finish("Pad", {of.input(0), of.ints(*pads), value}, {name, "value"});
  return true;
}

static bool buildSlice(LegacyBody &of) {
  auto starts = of.context.getInts("starts"), ends = of.context.getInts("ends");
  if (!starts || !ends)
    return false;
  auto axes = of.context.getInts("axes");
  std::string begin = of.ints(*starts), end = of.ints(*ends);
  of.finish("Slice", {of.input(0), begin, end, axes ? of.ints(*axes) : ""},
            {"starts", "ends", "axes"});
  return true;
}

static bool buildTopK(LegacyBody &of) {
  std::string k = of.ints({of.context.getInt("k", -1)});
  of.finish("TopK", {of.input(0), k}, {"k"});
  return true;
}

static bool buildReshape(LegacyBody &of) {
  auto shape = of.context.getInts("shape");
  of.finish("Reshape",
            {of.input(0), of.ints(shape.value_or(SmallVector<int64_t>()))},
            {"shape"});
  return true;
}

/// Squeeze, Unsqueeze and ReduceSum.
static bool buildAxes(LegacyBody &of) {
  auto axes = of.context.getInts("axes");
  if (!axes)
    return false;
  of.finish(of.context.opType(), {of.input(0), of.ints(*axes)}, {"axes"});
  return true;
}

/// The first version had the lengths as an input of the operand's type, too.
static bool buildSplit(LegacyBody &of) {
  if (auto lengths = of.context.getInts("split")) {
    of.finish("Split", {of.input(0), of.ints(*lengths)}, {"split"});
    return true;
  }
  if (!of.context.hasInput(1))
    return false;
  onnx::NodeProto &cast = of.add("Cast", {of.input(1)});
  LegacyBody::setInt(cast, "to", onnx::TensorProto::INT64);
  of.finish("Split", {of.input(0), cast.output(0)});
  return true;
}

static bool buildTile(LegacyBody &of) {
  if (!of.context.hasInput(2))
    return false;
  auto tiles = of.context.floatValues(of.context.input(1));
  auto axis = of.context.floatValues(of.context.input(2));
  if (!tiles || !axis || tiles->size() != 1 || axis->size() != 1)
    return false;
  int64_t rank = NodeContext::rank(of.context.input(0));
  SmallVector<int64_t> repeats(rank, 1);
  if (!(axis->front() >= 0 && axis->front() < static_cast<double>(rank)) ||
      !(tiles->front() >= 0 && tiles->front() < 1e9))
    return false;
  repeats[static_cast<size_t>(axis->front())] =
      static_cast<int64_t>(tiles->front());
  of.finish("Tile", {of.input(0), of.ints(repeats)});
  return true;
}

//===----------------------------------------------------------------------===//
// Broadcasting
//===----------------------------------------------------------------------===//

/// B's dimensions, laid along A's from `axis` on: ones are added behind them.
/// Without an axis, broadcasting was a part of today's.
static bool buildBinary(LegacyBody &of) {
  int64_t rank = NodeContext::rank(of.context.input(0));
  int64_t own = NodeContext::rank(of.context.input(1));
  int64_t axis = of.context.getInt("axis", rank - own);
  std::string right = of.input(1);
  if (of.context.getInt("broadcast", 0) && axis >= 0 && axis < rank - own) {
    SmallVector<int64_t> added(rank - axis - own);
    for (auto [i, place] : llvm::enumerate(added))
      place = own + static_cast<int64_t>(i);
    right = of.add("Unsqueeze", {right, of.ints(added)}).output(0);
  }
  of.finish(of.context.opType(), {of.input(0), right}, {"broadcast", "axis"});
  return true;
}

/// A slope for each channel.
static bool buildPRelu(LegacyBody &of) {
  int64_t rank = NodeContext::rank(of.context.input(0));
  if (rank < 3 || NodeContext::rank(of.context.input(1)) != 1)
    return false;
  SmallVector<int64_t> added(rank - 2);
  for (auto [i, place] : llvm::enumerate(added))
    place = 1 + static_cast<int64_t>(i);
  std::string slope =
      of.add("Unsqueeze", {of.input(1), of.ints(added)}).output(0);
  of.finish("PRelu", {of.input(0), slope});
  return true;
}

//===----------------------------------------------------------------------===//
// Other meanings
//===----------------------------------------------------------------------===//

/// Softmax, LogSoftmax and Hardmax were over all dimensions from the axis on.
static bool buildSoftmax(LegacyBody &of) {
  int64_t rank = NodeContext::rank(of.context.input(0));
  int64_t axis = of.context.getInt("axis", 1);
  if (axis < 0 && of.context.opset >= 11)
    axis += rank;
  if (axis < 0 || axis > rank)
    return false; // the rule says so
  StringRef op = of.context.opType();
  if (axis == rank - 1) {
    LegacyBody::setInt(of.finish(op, {of.input(0)}, {"axis"}), "axis", axis);
    return true;
  }
  onnx::NodeProto &flat = of.add("Flatten", {of.input(0)});
  LegacyBody::setInt(flat, "axis", axis);
  std::string rows = flat.output(0);
  onnx::NodeProto &node = of.add(op, {rows});
  LegacyBody::setInt(node, "axis", 1);
  std::string result = node.output(0);
  std::string shape = of.add("Shape", {of.input(0)}).output(0);
  of.finish("Reshape", {result, shape}, {"axis"});
  return true;
}

static bool buildCast(LegacyBody &of) {
  onnx::TensorProto::DataType type;
  if (!onnx::TensorProto::DataType_Parse(of.context.getString("to", ""), &type))
    return false;
  LegacyBody::setInt(of.finish("Cast", {of.input(0)}, {"to"}), "to", type);
  return true;
}

static bool buildConcat(LegacyBody &of) {
  if (of.context.hasAttr("axis"))
    return false;
  SmallVector<std::string> inputs;
  for (size_t i = 0; i < of.context.numInputs(); ++i)
    inputs.push_back(of.input(i));
  LegacyBody::setInt(of.finish("Concat", inputs), "axis", 1);
  return true;
}

static bool buildScatter(LegacyBody &of) {
  of.finish("ScatterElements", {of.input(0), of.input(1), of.input(2)});
  return true;
}

/// The exponent was a float.
static bool buildLpPool(LegacyBody &of) {
  onnx::NodeProto &node = of.finish(of.context.opType(), {of.input(0)}, {"p"});
  LegacyBody::setInt(node, "p",
                     static_cast<int64_t>(of.context.getFloat("p", 2)));
  return true;
}

static bool buildUpsample(LegacyBody &of) {
  SmallVector<float> scales;
  if (auto given = of.context.getFloats("scales"))
    scales = *given;
  else
    scales = {1, 1, of.context.getFloat("height_scale", 0),
              of.context.getFloat("width_scale", 0)};
  onnx::NodeProto &constant = of.add("Constant", {});
  onnx::AttributeProto &value = LegacyBody::attribute(constant, "value_floats");
  value.set_type(onnx::AttributeProto::FLOATS);
  for (float scale : scales)
    value.add_floats(scale);
  std::string mode = of.context.getString("mode", "nearest");
  onnx::NodeProto &node =
      of.finish("Upsample", {of.input(0), constant.output(0)},
                {"scales", "height_scale", "width_scale", "mode"});
  LegacyBody::setString(node, "mode", mode == "bilinear" ? "linear" : mode);
  return true;
}

static bool buildResize(LegacyBody &of) {
  onnx::NodeProto &node = of.finish("Resize", {of.input(0), "", of.input(1)});
  LegacyBody::setString(node, "coordinate_transformation_mode", "asymmetric");
  LegacyBody::setString(node, "nearest_mode", kNearestOfOpset10.str());
  return true;
}

/// Without `spatial`, each element of a sample has a mean and deviation.
static bool buildBatchNormalization(LegacyBody &of) {
  if (of.context.getInt("spatial", 1))
    return false;
  onnx::NodeProto &constant = of.add("Constant", {});
  onnx::AttributeProto &value = LegacyBody::attribute(constant, "value_float");
  value.set_type(onnx::AttributeProto::FLOAT);
  value.set_f(of.context.getFloat("epsilon", 1e-5f));
  std::string epsilon =
      of.add("CastLike", {constant.output(0), of.input(4)}).output(0);
  std::string variance = of.add("Add", {of.input(4), epsilon}).output(0);
  std::string deviation = of.add("Sqrt", {variance}).output(0);
  std::string centered = of.add("Sub", {of.input(0), of.input(3)}).output(0);
  std::string scaled = of.add("Mul", {centered, of.input(1)}).output(0);
  std::string divided = of.add("Div", {scaled, deviation}).output(0);
  onnx::NodeProto &sum = of.add("Add", {divided, of.input(2)});
  sum.set_output(0, of.body->output(0));
  return true;
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

namespace {
struct Legacy {
  Build build;
  int64_t until; // the opset from which on the form is today's
};
} // namespace

static Legacy findLegacy(StringRef op) {
  return llvm::StringSwitch<Legacy>(op)
      .Cases({"Add", "And", "Div", "Equal", "Greater", "Less", "Mul", "Or",
              "Pow", "Sub", "Xor"},
             {buildBinary, 7})
      .Case("BatchNormalization", {buildBatchNormalization, 9})
      .Case("Cast", {buildCast, 6})
      .Case("Clip", {buildClip, 11})
      .Case("Concat", {buildConcat, 4})
      .Cases({"GlobalLpPool", "LpPool"}, {buildLpPool, 2})
      .Cases({"Hardmax", "LogSoftmax", "Softmax"}, {buildSoftmax, 13})
      .Case("PRelu", {buildPRelu, 7})
      .Case("Pad", {buildPad, 11})
      .Cases({"ReduceSum", "Squeeze", "Unsqueeze"}, {buildAxes, 13})
      .Case("Reshape", {buildReshape, 5})
      .Case("Resize", {buildResize, 11})
      .Case("Scatter", {buildScatter, 13})
      .Case("Slice", {buildSlice, 10})
      .Case("Split", {buildSplit, 13})
      .Case("Tile", {buildTile, 6})
      .Case("TopK", {buildTopK, 10})
      .Case("Upsample", {buildUpsample, 9})
      .Default({nullptr, 0});
}

std::unique_ptr<onnx::FunctionProto>
frontend::buildLegacyBody(const NodeContext &node) {
  if (!node.node.domain().empty() || node.opset >= kRuleOpset)
    return nullptr;
  Legacy legacy = findLegacy(node.opType());
  if (!legacy.build || node.opset >= legacy.until)
    return nullptr;
  LegacyBody of(node);
  return legacy.build(of) ? std::move(of.body) : nullptr;
}

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/reduce/Anonymize.h"

#include "frontend/onnx/TensorData.h"
#include "tools/reduce/Interest.h"
#include "tools/reduce/ModelFile.h"
#include "tools/reduce/Rename.h"
#include "llvm/ADT/APFloat.h"
#include <cmath>
#include <cstring>
#include <random>

using namespace llvm;

namespace dl::tools {
namespace {

using onnx::TensorProto;

/// More integers than a shape, a permutation or a list of axes has.
constexpr int64_t kStructure = 256;
/// Lists of numbers in attributes that are weights, of trees for one.
constexpr int kLongList = 16;

//===----------------------------------------------------------------------===//
// Random data
//===----------------------------------------------------------------------===//

/// What is drawn in place of some numbers.
struct Distribution {
  double mean = 0, deviation = 0, least = 0, most = 0, zeros = 0;

  explicit Distribution(ArrayRef<double> values) {
    least = most = values.front();
    double sum = 0, squares = 0;
    size_t count = 0, none = 0;
    for (double value : values) {
      none += value == 0;
      if (value == 0 || !std::isfinite(value))
        continue;
      least = std::min(least, value);
      most = std::max(most, value);
      sum += value;
      ++count;
    }
    zeros = static_cast<double>(none) / static_cast<double>(values.size());
    mean = count ? sum / static_cast<double>(count) : 0;
    for (double value : values)
      if (value != 0 && std::isfinite(value))
        squares += (value - mean) * (value - mean);
    deviation = count ? std::sqrt(squares / static_cast<double>(count)) : 0;
  }

  double draw(std::mt19937 &generator) const {
    if (std::uniform_real_distribution<double>()(generator) < zeros)
      return 0;
    if (deviation == 0)
      return mean;
    std::normal_distribution<double> normal(mean, deviation);
    return std::clamp(normal(generator), least, most);
  }
};

const fltSemantics *getSemantics(int32_t dataType) {
  switch (dataType) {
  case TensorProto::FLOAT:
    return &APFloat::IEEEsingle();
  case TensorProto::DOUBLE:
    return &APFloat::IEEEdouble();
  case TensorProto::FLOAT16:
    return &APFloat::IEEEhalf();
  case TensorProto::BFLOAT16:
    return &APFloat::BFloat();
  default:
    return nullptr;
  }
}

void drawFloats(const fltSemantics &semantics, std::string &bytes,
                std::mt19937 &generator) {
  unsigned width = APFloat::semanticsSizeInBits(semantics), size = width / 8;
  std::vector<double> values;
  for (size_t at = 0; at + size <= bytes.size(); at += size) {
    uint64_t bits = 0;
    std::memcpy(&bits, bytes.data() + at, size);
    values.push_back(APFloat(semantics, APInt(width, bits)).convertToDouble());
  }
  if (values.empty())
    return;
  Distribution distribution(values);
  for (size_t at = 0; at + size <= bytes.size(); at += size) {
    APFloat value(distribution.draw(generator));
    bool isInexact;
    value.convert(semantics, APFloat::rmNearestTiesToEven, &isInexact);
    uint64_t bits = value.bitcastToAPInt().getZExtValue();
    std::memcpy(bytes.data() + at, &bits, size);
  }
}

template <typename T>
void drawIntegers(std::string &bytes, std::mt19937 &generator) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  if (values.empty())
    return;
  auto [least, most] = std::minmax_element(values.begin(), values.end());
  using Wide = std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>;
  std::uniform_int_distribution<Wide> uniform(*least, *most);
  for (T &value : values)
    value = static_cast<T>(uniform(generator));
  std::memcpy(bytes.data(), values.data(), values.size() * sizeof(T));
}

/// Other elements of a type, in the layout of raw_data.
void drawBytes(int32_t dataType, std::string &bytes, std::mt19937 &generator) {
  if (const fltSemantics *semantics = getSemantics(dataType))
    return drawFloats(*semantics, bytes, generator);
  switch (dataType) {
  case TensorProto::INT8:
    return drawIntegers<int8_t>(bytes, generator);
  case TensorProto::UINT8:
    return drawIntegers<uint8_t>(bytes, generator);
  case TensorProto::INT16:
    return drawIntegers<int16_t>(bytes, generator);
  case TensorProto::UINT16:
    return drawIntegers<uint16_t>(bytes, generator);
  case TensorProto::INT32:
    return drawIntegers<int32_t>(bytes, generator);
  case TensorProto::UINT32:
    return drawIntegers<uint32_t>(bytes, generator);
  case TensorProto::INT64:
    return drawIntegers<int64_t>(bytes, generator);
  case TensorProto::UINT64:
    return drawIntegers<uint64_t>(bytes, generator);
  default:
    // Bool, small floats and packed integers: the same, in another order.
    std::shuffle(bytes.begin(), bytes.end(), generator);
  }
}

bool isStructure(const TensorProto &tensor) {
  int64_t count = frontend::getNumElements(tensor);
  if (count <= 1 || tensor.data_type() == TensorProto::STRING)
    return true;
  bool isIndex = tensor.data_type() == TensorProto::INT64 ||
                 tensor.data_type() == TensorProto::INT32;
  return isIndex && count <= kStructure;
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// Something with data, called by a name of the new model.
struct Weight {
  std::string name;
  TensorProto *tensor = nullptr;
  onnx::AttributeProto *list = nullptr;
};

class Anonymizer {
public:
  Anonymizer(const frontend::Model &model, Interest *interest, unsigned seed)
      : model(model), interest(interest), seed(seed), proto(*model.proto) {}

  Expected<Anonymized> run() {
    renameAll(proto);
    collect(*proto.mutable_graph());
    for (onnx::FunctionProto &function : *proto.mutable_functions())
      for (onnx::NodeProto &node : *function.mutable_node())
        collect(node);
    if (interest) {
      interest->addNames(collectNames(proto));
      isKept.assign(weights.size(), true);
      auto holds = test();
      if (!holds)
        return holds.takeError();
      if (!*holds)
        return createStringError(
            "what is looked for is gone as soon as names, strings and "
            "metadata are others");
    }
    isKept.assign(weights.size(), false);
    if (interest) {
      auto holds = test();
      if (!holds)
        return holds.takeError();
      if (!*holds)
        keepNeeded();
    }
    Anonymized result;
    result.structural = structural;
    for (auto [weight, kept] : llvm::zip(weights, isKept)) {
      if (kept)
        result.kept.push_back(weight.name);
      result.random += !kept;
    }
    auto bytes = make();
    if (!bytes)
      return bytes.takeError();
    result.bytes = std::move(*bytes);
    return result;
  }

private:
  void collect(onnx::GraphProto &graph) {
    for (TensorProto &tensor : *graph.mutable_initializer())
      add({tensor.name(), &tensor, nullptr});
    for (onnx::NodeProto &node : *graph.mutable_node())
      collect(node);
  }

  void collect(onnx::NodeProto &node) {
    for (onnx::AttributeProto &attribute : *node.mutable_attribute()) {
      std::string name =
          "attribute '" + attribute.name() + "' of " + getNodeName(node);
      if (attribute.has_t())
        add({name, attribute.mutable_t(), nullptr});
      for (TensorProto &tensor : *attribute.mutable_tensors())
        add({name, &tensor, nullptr});
      if (attribute.floats_size() > kLongList)
        weights.push_back({name, nullptr, &attribute});
      if (attribute.has_g())
        collect(*attribute.mutable_g());
      for (onnx::GraphProto &graph : *attribute.mutable_graphs())
        collect(graph);
    }
  }

  void add(Weight weight) {
    if (isStructure(*weight.tensor))
      ++structural;
    else
      weights.push_back(std::move(weight));
  }

  /// The model with those weights that are not kept drawn, each as ever.
  Expected<std::string> make() {
    std::vector<std::pair<TensorProto *, TensorProto>> tensors;
    std::vector<std::pair<onnx::AttributeProto *, onnx::AttributeProto>> lists;
    for (size_t i = 0; i < weights.size(); ++i) {
      if (isKept[i])
        continue;
      std::mt19937 generator(seed + static_cast<unsigned>(i));
      if (TensorProto *tensor = weights[i].tensor) {
        tensors.emplace_back(tensor, *tensor);
        draw(*tensor, generator);
      } else {
        lists.emplace_back(weights[i].list, *weights[i].list);
        draw(*weights[i].list, generator);
      }
    }
    auto bytes = serialize(model, proto);
    for (auto &[to, from] : tensors)
      *to = std::move(from);
    for (auto &[to, from] : lists)
      *to = std::move(from);
    return bytes;
  }

  void draw(TensorProto &tensor, std::mt19937 &generator) const {
    std::string buffer;
    std::string bytes = frontend::getTensorBytes(model, tensor, buffer).str();
    drawBytes(tensor.data_type(), bytes, generator);
    TensorProto drawn;
    drawn.set_name(tensor.name());
    drawn.set_data_type(tensor.data_type());
    *drawn.mutable_dims() = tensor.dims();
    drawn.set_raw_data(std::move(bytes));
    tensor = std::move(drawn);
  }

  static void draw(onnx::AttributeProto &list, std::mt19937 &generator) {
    Distribution distribution(
        std::vector<double>(list.floats().begin(), list.floats().end()));
    for (float &value : *list.mutable_floats())
      value = static_cast<float>(distribution.draw(generator));
  }

  Expected<bool> test() {
    auto bytes = make();
    if (!bytes)
      return bytes.takeError();
    return interest->holds(*bytes);
  }

  /// Starting from all kept, draws weights, many at a time, as long as it
  /// holds.
  void keepNeeded() {
    size_t count = weights.size();
    isKept.assign(count, true);
    for (size_t size = std::max<size_t>(count / 2, 1);; size /= 2) {
      for (size_t at = 0; at < count; at += size) {
        std::vector<bool> before = isKept;
        size_t stop = std::min(at + size, count);
        bool any = false;
        for (size_t i = at; i < stop; ++i) {
          any |= isKept[i];
          isKept[i] = false;
        }
        if (!any)
          continue;
        auto holds = test();
        if (!holds)
          consumeError(holds.takeError());
        if (!holds || !*holds)
          isKept = before;
      }
      if (size == 1)
        return;
    }
  }

  static std::string getNodeName(const onnx::NodeProto &node) {
    return "node '" + frontend::getNodeName(node) + "'";
  }

  const frontend::Model &model;
  Interest *interest;
  unsigned seed;
  onnx::ModelProto proto;
  std::vector<Weight> weights;
  std::vector<bool> isKept;
  unsigned structural = 0;
};

} // namespace

Expected<Anonymized> anonymizeModel(StringRef path, Interest *interest,
                                    unsigned seed) {
  auto model = frontend::loadModel(path);
  if (!model)
    return model.takeError();
  if (interest) {
    auto bytes = serialize(**model, *(*model)->proto);
    if (!bytes)
      return bytes.takeError();
    if (Error error = interest->begin(*bytes, collectNames(*(*model)->proto)))
      return std::move(error);
  }
  return Anonymizer(**model, interest, seed).run();
}

} // namespace dl::tools

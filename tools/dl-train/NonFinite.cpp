// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/dl-train/NonFinite.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

using Json = nlohmann::json;

namespace dl::train {

namespace {

/// How a type of floats stores what is not finite: all bits of the exponent are
/// set, and of a NaN some below.
struct FloatFormat {
  size_t bytes;
  uint64_t exponent, fraction;
};

struct Found {
  bool infinite = false, nan = false;
  bool any() const { return infinite || nan; }
};

} // namespace

static std::optional<FloatFormat> getFormat(const std::string &type) {
  static const std::map<std::string, FloatFormat> formats = {
      {"f16", {2, 0x7c00, 0x3ff}},
      {"bf16", {2, 0x7f80, 0x7f}},
      {"f32", {4, 0x7f800000, 0x7fffff}},
      {"f64", {8, 0x7ff0000000000000, 0xfffffffffffff}}};
  auto found = formats.find(type);
  return found == formats.end() ? std::nullopt : std::optional(found->second);
}

static const char *getShortName(dlrt_type type) {
  switch (type) {
  case DLRT_FLOAT16:
    return "f16";
  case DLRT_BFLOAT16:
    return "bf16";
  case DLRT_FLOAT32:
    return "f32";
  case DLRT_FLOAT64:
    return "f64";
  default:
    return "";
  }
}

/// Looks at the elements that differ from those in `before`; at all where that
/// is null.
static Found look(const FloatFormat &format, const void *data, size_t bytes,
                  const void *before = nullptr) {
  Found found;
  const auto *now = static_cast<const unsigned char *>(data),
             *old = static_cast<const unsigned char *>(before);
  for (size_t at = 0; at + format.bytes <= bytes; at += format.bytes) {
    uint64_t bits = 0;
    std::memcpy(&bits, now + at, format.bytes);
    if ((bits & format.exponent) != format.exponent ||
        (old && std::memcmp(now + at, old + at, format.bytes) == 0))
      continue;
    (bits & format.fraction ? found.nan : found.infinite) = true;
  }
  return found;
}

static Found look(dlrt_type type, const void *data, size_t bytes) {
  auto format = getFormat(getShortName(type));
  return format ? look(*format, data, bytes) : Found();
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

namespace {
/// How probable it is that an operator makes what is not finite out of finite
/// values.
enum class Suspicion { None, Sum, Steep };
} // namespace

static Suspicion getSuspicion(const std::string &op) {
  static const std::set<std::string> steep = {
      "Acos", "Acosh", "Asin", "Atanh", "Cosh", "Div",        "Exp",
      "Log",  "Mod",   "Pow",  "Sinh",  "Sqrt", "Reciprocal", "Tan"};
  static const std::set<std::string> harmless = {
      "Cast",      "Clip",     "Concat",        "Expand",  "Flatten",
      "Gather",    "Identity", "Max",           "Min",     "Relu",
      "Reshape",   "Sigmoid",  "Slice",         "Softmax", "Split",
      "Squeeze",   "Tanh",     "Transpose",     "Pad",     "Where",
      "Unsqueeze", "Dropout",  "GlobalMaxPool", "MaxPool", "LogSoftmax"};
  return steep.count(op)      ? Suspicion::Steep
         : harmless.count(op) ? Suspicion::None
                              : Suspicion::Sum;
}

/// The nodes of a kernel that are most probably meant: of those that became one
/// kernel, the values between are not seen.
static std::string describeSources(const Json &sources) {
  Suspicion most = Suspicion::None;
  for (const Json &source : sources)
    most = std::max(most, getSuspicion(source.value("op", "")));
  std::string text;
  for (const Json &source : sources) {
    std::string op = source.value("op", "");
    if (getSuspicion(op) != most)
      continue;
    text += (text.empty() ? "'" : " or '") + source.value("node", "") + "'";
    if (!op.empty())
      text += " (" + op + ")";
  }
  return text;
}

namespace {

/// Looks at the steps of a run.
class Observer {
public:
  explicit Observer(const runtime::Module &module) {
    Json info = Json::parse(module.debugInfo(), nullptr, false);
    if (info.is_object() && info.contains("kernels"))
      for (const Json &kernel : info["kernels"])
        kernels[kernel.value("name", "")] = kernel;
  }

  static void observe(void *context, const dlrt_step *step) {
    static_cast<Observer *>(context)->observe(*step);
  }

  std::string infinite, nan; ///< what made the first one

private:
  void observe(const dlrt_step &step) {
    // From there on, what is not finite may be another rank's.
    isShared |= std::strcmp(step.kernel, "all_reduce_wait") == 0 ||
                std::strcmp(step.kernel, "all_reduce") == 0;
    auto kernel = kernels.find(step.kernel);
    if (isShared || !nan.empty() || kernel == kernels.end() ||
        !kernel->second.contains("results"))
      return;
    const Json &types = kernel->second["results"];
    size_t first =
        step.arg_count - std::min<size_t>(step.arg_count, types.size());
    if (!step.is_done)
      before.clear();
    Found found;
    for (size_t i = first; i < step.arg_count; ++i) {
      const auto *data = static_cast<const unsigned char *>(step.args[i]);
      auto bytes = static_cast<size_t>(step.bytes[i]);
      if (!step.is_done) {
        before.emplace_back(data, data + bytes);
        continue;
      }
      auto format = getFormat(types[i - first].get<std::string>());
      if (!format || before.size() <= i - first)
        continue;
      Found own = look(*format, data, bytes, before[i - first].data());
      found.infinite |= own.infinite;
      found.nan |= own.nan;
    }
    if (!found.any())
      return;
    std::string text = describeSources(kernel->second["sources"]);
    if (text.empty())
      text = std::string("'") + step.name + "'";
    if (found.nan)
      nan = text;
    if (found.infinite && infinite.empty())
      infinite = text;
  }

  std::map<std::string, Json> kernels;
  std::vector<std::vector<unsigned char>> before; ///< of the results at hand
  bool isShared = false;                          ///< with other ranks
};

} // namespace

std::string explainNonFinite(const runtime::Module &module,
                             const runtime::State &state,
                             runtime::Session &step,
                             const std::vector<values::Value> &batch) {
  auto describe = [](const Found &found) {
    return std::string(found.nan ? "a NaN" : "an infinite value");
  };
  std::vector<runtime::Value> inputs = module.inputs(module.findEntry("step"));
  for (size_t i = 0; i < batch.size(); ++i)
    if (Found found =
            look(batch[i].type, batch[i].data.data(), batch[i].data.size());
        found.any())
      return "input '" + inputs[i].name + "' has " + describe(found);
  std::vector<runtime::StateInfo> states = module.states();
  for (uint32_t i = 0; i < states.size(); ++i) {
    runtime::Tensor tensor = state.tensor(i);
    if (Found found = look(tensor.type, tensor.data, tensor.bytes); found.any())
      return "'" + states[i].name + "' has " + describe(found) +
             " since an earlier step";
  }
  Observer observer(module);
  step.observe(Observer::observe, &observer);
  step.run();
  step.observe(nullptr, nullptr);
  if (observer.infinite == observer.nan || observer.infinite.empty())
    return observer.nan.empty() ? ""
                                : "the first NaN comes from " + observer.nan;
  std::string text = "the first infinite value comes from " + observer.infinite;
  return observer.nan.empty() ? text
                              : text + ", the first NaN from " + observer.nan;
}

} // namespace dl::train

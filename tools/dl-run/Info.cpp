// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/dl-run/Info.h"

#include "tools/reference/Reference.h"
#include "tools/values/Value.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace dl::tools {
namespace {

using Json = nlohmann::ordered_json;

std::string humanBytes(uint64_t bytes) {
  const char *units[] = {"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1000 && unit < 4; ++unit)
    value /= 1000;
  char text[32];
  snprintf(text, sizeof(text), unit == 0 ? "%.0f %s" : "%.1f %s", value,
           units[unit]);
  return text;
}

dlrt_code_info codeInfo(const runtime::Module &module, uint32_t index) {
  runtime::detail::Sized<dlrt_code_info> code;
  runtime::detail::check(dlrt_module_code, module.get(), index,
                         static_cast<dlrt_code_info *>(&code));
  return code;
}

std::vector<dlrt_device_code_info> deviceCodes(const runtime::Module &module) {
  std::vector<dlrt_device_code_info> codes;
  uint32_t count = dlrt_module_device_code_count(module.get());
  for (uint32_t i = 0; i < count; ++i) {
    runtime::detail::Sized<dlrt_device_code_info> code;
    runtime::detail::check(dlrt_module_device_code, module.get(), i,
                           static_cast<dlrt_device_code_info *>(&code));
    codes.push_back(code);
  }
  return codes;
}

/// Of the caches that a session has.
uint64_t cacheBytes(const runtime::Module &module) {
  uint64_t bytes = 0;
  for (const runtime::StateInfo &state : module.states())
    if (state.role == DLRT_STATE_CACHE)
      bytes += state.bytes;
  return bytes;
}

/// The arena's bytes as text, a formula in the symbols.
std::string arenaText(const runtime::Module &module, uint32_t entry,
                      const std::string &target) {
  std::string text(256, '\0');
  for (;;) {
    runtime::detail::check(dlrt_module_arena, module.get(), entry,
                           target.c_str(), static_cast<int64_t *>(nullptr),
                           text.data(), text.size());
    size_t length = text.find('\0');
    if (length + 1 < text.size())
      return text.substr(0, length);
    text.resize(2 * text.size()); // it may have been cut
  }
}

std::string valueText(const runtime::Value &value) {
  return value.name + ": " + values::describe(value);
}

Json valueJson(const runtime::Value &value) {
  Json dims = Json::array();
  for (size_t d = 0; d < value.dims.size(); ++d)
    dims.push_back(value.sizes[d] >= 0 ? Json(value.sizes[d])
                                       : Json(value.dims[d]));
  Json result = {{"name", value.name},
                 {"type", dlrt_type_name(value.type)},
                 {"dims", dims}};
  static const char *const kinds[] = {"tensor", "sequence", "optional",
                                      "optional sequence"};
  if (value.kind != DLRT_TENSOR)
    result["kind"] = kinds[value.kind];
  if (value.unranked)
    result["dims"] = nullptr;
  static const char *const parts[] = {"", "keys", "values", "rows"};
  if (value.mapPart != DLRT_NO_MAP)
    result["map"] = parts[value.mapPart];
  if (value.keyType == DLRT_STRING)
    result["keys"] = value.textKeys;
  else if (value.keyType == DLRT_INT64)
    result["keys"] = value.intKeys;
  return result;
}

} // namespace

std::string describeModule(const std::string &path,
                           const runtime::Module &module) {
  dlrt_module_info info = module.info();
  std::string text = path + ": module of format " +
                     std::to_string(info.format_version) + ", " +
                     humanBytes(info.file_bytes) + "\n";
  if (*info.producer)
    text += "written by " + std::string(info.producer) + "\n";
  text += "weights: " + humanBytes(info.constant_bytes);
  if (info.coded_bytes)
    text += ", " + humanBytes(info.coded_bytes) + " of them coded, decoded " +
            humanBytes(info.decoded_bytes);
  text += "\n";
  if (uint64_t bytes = cacheBytes(module))
    text += "caches: " + humanBytes(bytes) + " in each session\n";
  text += "kernels: " + std::to_string(info.kernel_count) + ", " +
          humanBytes(info.code_bytes) + " of CPU code\n";
  for (uint32_t i = 0; i < info.code_count; ++i) {
    dlrt_code_info code = codeInfo(module, i);
    text +=
        "code: " + std::string(code.cpu) + " (" + code.triple + "), " +
        (code.supported ? "runs on this CPU\n" : "does not run on this CPU\n");
  }
  for (const dlrt_device_code_info &code : deviceCodes(module))
    text += "code: " + std::string(code.target) + (*code.arch ? " for " : "") +
            code.arch + ", " + std::to_string(code.kernel_count) +
            " kernels, " + humanBytes(code.bytes) + "\n";
  for (uint32_t e = 0; e < info.entry_count; ++e) {
    text += "entry: " + module.entryName(e) + "\n";
    std::vector<runtime::Value> inputs = module.inputs(e);
    for (size_t i = 0; i < inputs.size(); ++i)
      text +=
          "  input " + std::to_string(i) + ": " + valueText(inputs[i]) + "\n";
    std::vector<runtime::Value> outputs = module.outputs(e);
    for (size_t i = 0; i < outputs.size(); ++i)
      text +=
          "  output " + std::to_string(i) + ": " + valueText(outputs[i]) + "\n";
    for (const std::string &target : module.targets(e))
      if (isReference(target))
        text += "  on reference: interpreted by dl-run\n";
      else
        text += "  on " + target + ": arena of " +
                arenaText(module, e, target) + " bytes\n";
  }
  return text;
}

std::string describeModuleJson(const std::string &path,
                               const runtime::Module &module) {
  dlrt_module_info info = module.info();
  Json result = {{"path", path},
                 {"format_version", info.format_version},
                 {"producer", info.producer},
                 {"file_bytes", info.file_bytes},
                 {"constant_bytes", info.constant_bytes},
                 {"coded_bytes", info.coded_bytes},
                 {"decoded_bytes", info.decoded_bytes},
                 {"code_bytes", info.code_bytes},
                 {"kernels", info.kernel_count}};
  if (uint64_t bytes = cacheBytes(module))
    result["cache_bytes"] = bytes;
  result["code"] = Json::array();
  for (uint32_t i = 0; i < info.code_count; ++i) {
    dlrt_code_info code = codeInfo(module, i);
    result["code"].push_back({{"cpu", code.cpu},
                              {"triple", code.triple},
                              {"supported", code.supported != 0}});
  }
  if (auto codes = deviceCodes(module); !codes.empty()) {
    result["device_code"] = Json::array();
    for (const dlrt_device_code_info &code : codes)
      result["device_code"].push_back({{"target", code.target},
                                       {"arch", code.arch},
                                       {"kernels", code.kernel_count},
                                       {"bytes", code.bytes}});
  }
  result["entries"] = Json::array();
  for (uint32_t e = 0; e < info.entry_count; ++e) {
    Json entry = {{"name", module.entryName(e)},
                  {"inputs", Json::array()},
                  {"outputs", Json::array()},
                  {"targets", Json::array()}};
    for (const runtime::Value &value : module.inputs(e))
      entry["inputs"].push_back(valueJson(value));
    for (const runtime::Value &value : module.outputs(e))
      entry["outputs"].push_back(valueJson(value));
    for (const std::string &target : module.targets(e))
      entry["targets"].push_back(
          isReference(target)
              ? Json{{"name", target}}
              : Json{{"name", target},
                     {"arena_bytes", arenaText(module, e, target)}});
    result["entries"].push_back(entry);
  }
  // Names may hold any bytes.
  return result.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace dl::tools

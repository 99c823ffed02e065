// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/api/Support.h"

#include "runtime/artifact/CheckedMath.h"
#include "runtime/device/cpu/host/HostFunctions.h"
#include "runtime/session/Formulas.h"

using namespace dlrt;
using namespace dlrt::api;

namespace {

template <typename T> uint32_t count(const flatbuffers::Vector<T> *vector) {
  return vector ? vector->size() : 0;
}

const fb::Entry *entryAt(const dlrt_module *module, uint32_t index) {
  if (!module || index >= count(module->module->header().entries()))
    return nullptr;
  return module->module->header().entries()->Get(index);
}

const fb::Value *valueAt(const dlrt_module *module, uint32_t entry,
                         uint32_t index, bool input) {
  const fb::Entry *found = entryAt(module, entry);
  if (!found)
    return nullptr;
  const auto *values = input ? found->inputs() : found->outputs();
  return index < count(values) ? values->Get(index) : nullptr;
}

void storeText(const std::string &whole, char *text, size_t textSize) {
  if (!text || textSize == 0)
    return;
  size_t length = std::min(whole.size(), textSize - 1);
  memcpy(text, whole.data(), length);
  text[length] = '\0';
}

Status storeSize(const fb::Entry &entry, int32_t formula, int64_t *size,
                 char *text, size_t textSize) {
  int64_t constant = 0;
  bool known = formula < 0 || isConstantFormula(entry, formula, constant);
  if (size)
    *size = known ? constant : -1;
  if (text)
    storeText(known ? std::to_string(constant) : formulaText(entry, formula),
              text, textSize);
  return {};
}

Status describeValue(const dlrt_module *module, uint32_t entry, uint32_t index,
                     bool input, dlrt_value_info *info) {
  const fb::Value *value = valueAt(module, entry, index, input);
  if (!value)
    return invalid("there is no such input or output");
  dlrt_value_info found = {};
  found.name = value->name()->c_str();
  found.type = static_cast<dlrt_type>(value->type()->element());
  found.rank = static_cast<int32_t>(count(value->type()->dims()));
  found.kind = static_cast<dlrt_value_kind>(value->kind());
  found.unranked = value->unranked();
  found.map_part = static_cast<dlrt_map_part>(value->map_part());
  found.key_count = count(value->keys()) + count(value->int_keys());
  if (found.key_count) {
    found.map_part = DLRT_MAP_ROWS;
    found.key_type = value->keys() ? DLRT_STRING : DLRT_INT64;
  }
  return store(found, info);
}

Status describeDim(const dlrt_module *module, uint32_t entry, uint32_t index,
                   int32_t axis, bool input, int64_t *size, char *text,
                   size_t textSize) {
  const fb::Value *value = valueAt(module, entry, index, input);
  if (!value || axis < 0 ||
      static_cast<uint32_t>(axis) >= count(value->type()->dims()))
    return invalid("there is no such dimension");
  int32_t formula = value->type()->dims()->Get(static_cast<uint32_t>(axis));
  if (formula < 0) {
    if (size)
      *size = -1;
    storeText("?", text, textSize);
    return {};
  }
  return storeSize(*entryAt(module, entry), formula, size, text, textSize);
}

/// The sum of the arenas of all stages.
Status storeArena(const fb::Entry &entry, const fb::Plan &plan, int64_t *size,
                  char *text, size_t textSize) {
  if (count(plan.late_arena_sizes()) == 0)
    return storeSize(entry, plan.arena_size(), size, text, textSize);
  int64_t sum = 0, value = 0;
  bool constant = true;
  std::string whole;
  auto add = [&](int32_t formula) {
    bool isNumber = isConstantFormula(entry, formula, value);
    if (isNumber && value == 0)
      return;
    constant &= isNumber && checkedAdd(sum, value, sum);
    whole += (whole.empty() ? "" : " + ") + formulaText(entry, formula);
  };
  if (plan.arena_size() >= 0)
    add(plan.arena_size());
  for (int32_t formula : *plan.late_arena_sizes())
    add(formula);
  if (constant)
    whole = std::to_string(sum);
  if (size)
    *size = constant ? sum : -1;
  storeText(whole, text, textSize);
  return {};
}

Status adopt(std::unique_ptr<Artifact> artifact, dlrt_module **module) {
  auto handle = std::make_unique<dlrt_module>();
  handle->module = std::make_shared<Module>(std::move(artifact));
  *module = handle.release();
  return {};
}

/// Whether steps of the functions that a schedule calls are reductions over
/// processes. These stand in no loop.
bool reducesOverRanks(const fb::Module &header) {
  for (uint32_t i = 0; i < count(header.entries()); ++i) {
    const auto *plans = header.entries()->Get(i)->plans();
    for (uint32_t p = 0; p < count(plans); ++p) {
      const auto *steps = plans->Get(p)->steps();
      for (uint32_t s = 0; s < count(steps); ++s)
        if (const fb::HostCall *call = steps->Get(s)->action_as_HostCall();
            call && (call->function()->str() == kAllReduceStart ||
                     call->function()->str() == kAllReduce))
          return true;
    }
  }
  return false;
}

} // namespace

dlrt_status dlrt_module_open_file(const char *path, dlrt_module **module,
                                  dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!path || !module)
      return invalid("the path or the result is null");
    std::unique_ptr<Artifact> artifact;
    DLRT_RETURN_IF_ERROR(Artifact::openFile(path, artifact));
    return adopt(std::move(artifact), module);
  });
}

dlrt_status dlrt_module_open_memory(const void *data, size_t size,
                                    dlrt_module **module, dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!data || !module)
      return invalid("the data or the result is null");
    std::unique_ptr<Artifact> artifact;
    DLRT_RETURN_IF_ERROR(Artifact::openMemory(data, size, artifact));
    return adopt(std::move(artifact), module);
  });
}

void dlrt_module_close(dlrt_module *module) { delete module; }

dlrt_status dlrt_module_verify(const dlrt_module *module, dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!module)
      return invalid("the module is null");
    return module->module->artifact().verifySegments();
  });
}

dlrt_status dlrt_module_get_info(const dlrt_module *module,
                                 dlrt_module_info *info, dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!module)
      return invalid("the module is null");
    const Artifact &artifact = module->module->artifact();
    const fb::Module &header = artifact.header();
    dlrt_module_info found = {};
    found.producer = header.producer() ? header.producer()->c_str() : "";
    found.format_version = artifact.formatVersion();
    found.entry_count = count(header.entries());
    found.code_count = count(header.cpu());
    found.kernel_count = count(header.kernels());
    found.file_bytes = artifact.size();
    for (uint32_t i = 0; i < count(header.constants()); ++i) {
      const fb::Constant &constant = *header.constants()->Get(i);
      if (constant.unpack()) // another one's bytes
        continue;
      found.constant_bytes += constant.data()->size();
      if (constant.coding()) {
        found.coded_bytes += constant.data()->size();
        found.decoded_bytes +=
            static_cast<uint64_t>(constant.coding()->bytes());
      }
    }
    for (uint32_t i = 0; i < count(header.cpu()); ++i)
      for (uint32_t p = 0; p < count(header.cpu()->Get(i)->pieces()); ++p)
        found.code_bytes +=
            header.cpu()->Get(i)->pieces()->Get(p)->file()->size();
    found.data_parallel = reducesOverRanks(header);
    return store(found, info);
  });
}

dlrt_status dlrt_module_code(const dlrt_module *module, uint32_t index,
                             dlrt_code_info *info, dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!module || index >= count(module->module->header().cpu()))
      return invalid("there is no such code");
    const fb::CpuCode &code = *module->module->header().cpu()->Get(index);
    dlrt_code_info found = {};
    found.triple = code.triple()->c_str();
    found.cpu = code.cpu()->c_str();
    found.supported = missingFeatures(code).empty();
    return store(found, info);
  });
}

uint32_t dlrt_module_device_code_count(const dlrt_module *module) {
  return module ? count(module->module->header().devices()) : 0;
}

dlrt_status dlrt_module_device_code(const dlrt_module *module, uint32_t index,
                                    dlrt_device_code_info *info,
                                    dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!module || index >= count(module->module->header().devices()))
      return invalid("there is no such code");
    const fb::DeviceCode &code =
        *module->module->header().devices()->Get(index);
    dlrt_device_code_info found = {};
    found.target = code.target()->c_str();
    found.arch = code.arch() ? code.arch()->c_str() : "";
    found.bytes = code.code()->size();
    found.kernel_count = count(code.kernels());
    return store(found, info);
  });
}

const char *dlrt_module_debug_info(const dlrt_module *module, size_t *bytes) {
  const fb::Segment *debug =
      module ? module->module->header().debug() : nullptr;
  if (bytes)
    *bytes = debug ? debug->size() : 0;
  if (!debug)
    return nullptr;
  return reinterpret_cast<const char *>(
      module->module->artifact().bytes(*debug));
}

const void *dlrt_module_reference_program(const dlrt_module *module,
                                          size_t *bytes) {
  const fb::Segment *program =
      module ? module->module->header().reference() : nullptr;
  if (bytes)
    *bytes = program ? program->size() : 0;
  return program ? module->module->artifact().bytes(*program) : nullptr;
}

const char *dlrt_module_entry_name(const dlrt_module *module, uint32_t index) {
  const fb::Entry *entry = entryAt(module, index);
  return entry ? entry->name()->c_str() : nullptr;
}

dlrt_status dlrt_module_find_entry(const dlrt_module *module, const char *name,
                                   uint32_t *index, dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!module || !name || !*name || !index)
      return invalid("the module, the name or the result is null or empty");
    return module->module->findEntry(name, *index);
  });
}

const char *dlrt_module_entry_target(const dlrt_module *module, uint32_t entry,
                                     uint32_t index) {
  const fb::Entry *found = entryAt(module, entry);
  if (!found || index >= count(found->plans()))
    return nullptr;
  return found->plans()->Get(index)->target()->c_str();
}

uint32_t dlrt_module_input_count(const dlrt_module *module, uint32_t entry) {
  const fb::Entry *found = entryAt(module, entry);
  return found ? count(found->inputs()) : 0;
}

uint32_t dlrt_module_output_count(const dlrt_module *module, uint32_t entry) {
  const fb::Entry *found = entryAt(module, entry);
  return found ? count(found->outputs()) : 0;
}

uint32_t dlrt_module_symbol_count(const dlrt_module *module, uint32_t entry) {
  const fb::Entry *found = entryAt(module, entry);
  return found ? count(found->symbols()) : 0;
}

dlrt_status dlrt_module_symbol(const dlrt_module *module, uint32_t entry,
                               uint32_t index, dlrt_symbol_info *info,
                               dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    const fb::Entry *found = entryAt(module, entry);
    if (!found || index >= count(found->symbols()))
      return invalid("there is no such symbol");
    const fb::Symbol &symbol = *found->symbols()->Get(index);
    dlrt_symbol_info result = {};
    result.name = symbol.name()->c_str();
    result.input = symbol.input() < 0 ? DLRT_NO_INPUT
                                      : static_cast<uint32_t>(symbol.input());
    result.axis = static_cast<uint32_t>(symbol.axis());
    return store(result, info);
  });
}

dlrt_status dlrt_module_input(const dlrt_module *module, uint32_t entry,
                              uint32_t index, dlrt_value_info *info,
                              dlrt_error *error) {
  return guarded(error, [&] {
    return describeValue(module, entry, index, /*input=*/true, info);
  });
}

dlrt_status dlrt_module_output(const dlrt_module *module, uint32_t entry,
                               uint32_t index, dlrt_value_info *info,
                               dlrt_error *error) {
  return guarded(error, [&] {
    return describeValue(module, entry, index, /*input=*/false, info);
  });
}

dlrt_status dlrt_module_output_key(const dlrt_module *module, uint32_t entry,
                                   uint32_t index, uint32_t key,
                                   dlrt_string *text, int64_t *number,
                                   dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    const fb::Value *value = valueAt(module, entry, index, /*input=*/false);
    if (value && text && key < count(value->keys())) {
      const flatbuffers::String &found = *value->keys()->Get(key);
      *text = {found.c_str(), found.size()};
      return {};
    }
    if (value && number && key < count(value->int_keys())) {
      *number = value->int_keys()->Get(key);
      return {};
    }
    return invalid("there is no such key");
  });
}

dlrt_status dlrt_module_input_dim(const dlrt_module *module, uint32_t entry,
                                  uint32_t index, int32_t axis, int64_t *size,
                                  char *text, size_t text_size,
                                  dlrt_error *error) {
  return guarded(error, [&] {
    return describeDim(module, entry, index, axis, /*input=*/true, size, text,
                       text_size);
  });
}

dlrt_status dlrt_module_output_dim(const dlrt_module *module, uint32_t entry,
                                   uint32_t index, int32_t axis, int64_t *size,
                                   char *text, size_t text_size,
                                   dlrt_error *error) {
  return guarded(error, [&] {
    return describeDim(module, entry, index, axis, /*input=*/false, size, text,
                       text_size);
  });
}

dlrt_status dlrt_module_arena(const dlrt_module *module, uint32_t entry,
                              const char *target, int64_t *size, char *text,
                              size_t text_size, dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    const fb::Entry *found = entryAt(module, entry);
    if (!found)
      return invalid("there is no such entry");
    for (uint32_t i = 0; i < count(found->plans()); ++i) {
      const fb::Plan &plan = *found->plans()->Get(i);
      if (plan.target()->str() == (target ? target : "cpu"))
        return storeArena(*found, plan, size, text, text_size);
    }
    return {Code::Unsupported, "the entry has no plan for this target"};
  });
}

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/api/Support.h"

#include "runtime/artifact/Hash.h"

using namespace dlrt;
using namespace dlrt::api;

namespace {

uint32_t countStates(const dlrt_module *module) {
  const auto *states = module ? module->module->header().states() : nullptr;
  return states ? states->size() : 0;
}

const fb::State &stateAt(const Module &module, uint32_t index) {
  return *module.header().states()->Get(index);
}

uint32_t rankOf(const fb::State &state) {
  return state.dims() ? state.dims()->size() : 0;
}

const int64_t *dimsOf(const fb::State &state) {
  return rankOf(state) ? state.dims()->data() : nullptr;
}

} // namespace

uint32_t dlrt_module_state_count(const dlrt_module *module) {
  return countStates(module);
}

dlrt_status dlrt_module_state(const dlrt_module *module, uint32_t index,
                              dlrt_state_info *info, dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (index >= countStates(module))
      return invalid("there is no such state");
    const fb::State &state = stateAt(*module->module, index);
    dlrt_state_info found = {};
    found.name = state.name()->c_str();
    found.type = static_cast<dlrt_type>(state.element());
    found.rank = static_cast<int32_t>(rankOf(state));
    found.dims = dimsOf(state);
    found.bytes = static_cast<uint64_t>(States::bytesOf(state));
    found.role = static_cast<dlrt_state_role>(state.role());
    found.parameter = state.parameter() < 0
                          ? DLRT_NO_PARAMETER
                          : static_cast<uint32_t>(state.parameter());
    return store(found, info);
  });
}

dlrt_status dlrt_module_find_state(const dlrt_module *module, const char *name,
                                   uint32_t *index, dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!module || !name || !index)
      return invalid("the module, the name or the result is null");
    for (uint32_t i = 0; i < countStates(module); ++i)
      if (stateAt(*module->module, i).name()->str() == name) {
        *index = i;
        return {};
      }
    return Status(Code::NotFound,
                  "the module has no state '" + std::string(name) + "'")
        .at(module->module->artifact().name());
  });
}

uint64_t dlrt_module_state_bytes(const dlrt_module *module) {
  return module ? static_cast<uint64_t>(
                      States::totalBytes(module->module->header()))
                : 0;
}

uint64_t dlrt_module_state_signature(const dlrt_module *module) {
  if (!countStates(module))
    return 0;
  std::string text;
  for (uint32_t i = 0; i < countStates(module); ++i) {
    const fb::State &state = stateAt(*module->module, i);
    text += state.name()->str();
    text += '\0';
    for (int64_t number : {int64_t(state.element()), int64_t(state.role()),
                           int64_t(state.parameter()), int64_t(rankOf(state))})
      text.append(reinterpret_cast<const char *>(&number), sizeof(number));
    text.append(reinterpret_cast<const char *>(dimsOf(state)),
                rankOf(state) * sizeof(int64_t));
  }
  return hashBytes(text.data(), text.size());
}

dlrt_status dlrt_state_create(dlrt_module *module,
                              const dlrt_allocator *allocator,
                              dlrt_state **state, dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!module || !state)
      return invalid("the module or the result is null");
    Allocator memory;
    if (allocator)
      memory = {allocator->context, allocator->allocate, allocator->release};
    auto handle = std::make_unique<dlrt_state>();
    DLRT_RETURN_IF_ERROR(
        States::create(module->module, memory, handle->states));
    *state = handle.release();
    return {};
  });
}

void dlrt_state_destroy(dlrt_state *state) { delete state; }

dlrt_status dlrt_state_get(const dlrt_state *state, uint32_t index,
                           dlrt_tensor *tensor, dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!state || index >= state->states->count())
      return invalid("there is no such state");
    const fb::State &found = stateAt(state->states->module(), index);
    dlrt_tensor result = {};
    result.type = static_cast<dlrt_type>(found.element());
    result.rank = static_cast<int32_t>(rankOf(found));
    result.dims = dimsOf(found);
    const void *data = nullptr;
    DLRT_RETURN_IF_ERROR(state->states->read(index, data));
    result.data = const_cast<void *>(data);
    result.bytes = static_cast<size_t>(States::bytesOf(found));
    return store(result, tensor);
  });
}

dlrt_status dlrt_state_set(dlrt_state *state, uint32_t index,
                           const dlrt_tensor *tensor, dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!state)
      return invalid("the state is null");
    dlrt_tensor given;
    DLRT_RETURN_IF_ERROR(fetch(tensor, given));
    return state->states->set(index, given.data, given.type, given.dims,
                              given.rank, given.bytes);
  });
}

dlrt_status dlrt_state_set_position(dlrt_state *state, int64_t rows,
                                    dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!state)
      return invalid("the state is null");
    if (rows < 0)
      return invalid("the position is below 0");
    const Module &module = state->states->module();
    bool isFound = false;
    for (uint32_t i = 0; i < state->states->count(); ++i) {
      if (stateAt(module, i).role() != fb::StateRole_Position)
        continue;
      isFound = true;
      DLRT_RETURN_IF_ERROR(state->states->set(i, &rows, fb::ElementType_I64,
                                              nullptr, 0, sizeof(rows)));
    }
    return isFound ? Status()
                   : Status(Code::NotFound, "the module has no caches")
                         .at(module.artifact().name());
  });
}

dlrt_status dlrt_state_reset(dlrt_state *state, dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!state)
      return invalid("the state is null");
    return state->states->reset();
  });
}

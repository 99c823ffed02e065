// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/session/Module.h"

#include "runtime/artifact/AlignedMemory.h"
#include "runtime/artifact/ElementTypes.h"
#include "runtime/artifact/Format.h"
#include "runtime/artifact/Unpack.h"

#include <algorithm>
#include <cstring>

namespace dlrt {

Module::~Module() {
  for (void *memory : made)
    freeAligned(memory, kConstantAlignment);
}

Status Module::findEntry(const char *name, uint32_t &index) const {
  const auto *entries = header().entries();
  uint32_t count = entries ? entries->size() : 0;
  if (count == 0)
    return {Code::BadModule, opened->name() + ": the module has no entry"};
  index = 0;
  if (!name || !*name)
    return {};
  std::string names;
  for (; index < count; ++index) {
    const flatbuffers::String *found = entries->Get(index)->name();
    if (strcmp(found->c_str(), name) == 0)
      return {};
    names += (names.empty() ? "'" : ", '") + found->str() + "'";
  }
  return {Code::NotFound, opened->name() + ": the module has no entry '" +
                              name + "', only " + names};
}

Status Module::cpuCode(const CodeImage *&result) {
  std::lock_guard<std::mutex> lock(mutex);
  if (!image) {
    const fb::CpuCode *code = nullptr;
    DLRT_RETURN_IF_ERROR(CodeImage::choose(*opened, code));
    DLRT_RETURN_IF_ERROR(CodeImage::load(*opened, *code, image));
  }
  result = image.get();
  return {};
}

Status Module::deviceModule(const std::string &device, DeviceModule *&result) {
  std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<DeviceModule> &loaded = devices[device];
  if (!loaded) {
    std::string target;
    int ordinal = 0;
    if (!parseDevice(device, target, ordinal))
      return {Code::InvalidArgument,
              "'" + device +
                  "' is no device: expected TARGET or TARGET:NUMBER"};
    DLRT_RETURN_IF_ERROR(
        loadDeviceModule(*opened, target, ordinal, loaded).at(opened->name()));
  }
  result = loaded.get();
  return {};
}

Status Module::constant(uint32_t index, const void *&data, int64_t &bytes) {
  const fb::Constant &constant = *header().constants()->Get(index);
  const std::byte *stored = opened->bytes(*constant.data());
  int64_t element = static_cast<int64_t>(constant.data()->size());
  data = stored;
  bytes = element;
  if (!constant.splat() && !constant.unpack())
    return {};
  if (constant.unpack()) {
    bytes = constant.unpack()->bytes();
  } else {
    int64_t count = 1;
    if (constant.type()->dims())
      for (int32_t size : *constant.type()->dims())
        count *= size; // known not to overflow
    bytes = count * element;
  }

  std::lock_guard<std::mutex> lock(mutex);
  made.resize(header().constants()->size());
  void *&memory = made[index];
  if (!memory) {
    memory = allocateAligned(static_cast<size_t>(bytes ? bytes : 1),
                             kConstantAlignment);
    if (!memory)
      return {Code::OutOfMemory, opened->name() + ": no memory for " +
                                     std::to_string(bytes) +
                                     " bytes of constants"};
    auto *target = static_cast<std::byte *>(memory);
    if (constant.unpack()) {
      unpackConstant(*constant.unpack(), stored, target);
    } else {
      memcpy(target, stored, static_cast<size_t>(bytes ? element : 0));
      for (int64_t done = element; done < bytes; done *= 2)
        memcpy(target + done, target,
               static_cast<size_t>(std::min(done, bytes - done)));
    }
  }
  data = memory;
  return {};
}

} // namespace dlrt

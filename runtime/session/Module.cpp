// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/session/Module.h"

#include "runtime/artifact/AlignedMemory.h"
#include "runtime/artifact/Coding.h"
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

namespace {

/// The bytes of a constant once it is made.
int64_t bytesOf(const fb::Constant &constant) {
  if (constant.unpack())
    return constant.unpack()->bytes();
  if (constant.coding())
    return constant.coding()->bytes();
  auto bytes = static_cast<int64_t>(constant.data()->size());
  if (constant.splat() && constant.type()->dims())
    for (int32_t size : *constant.type()->dims())
      bytes *= size; // known not to overflow
  return bytes;
}

void repeat(const std::byte *element, int64_t elementBytes, std::byte *to,
            int64_t bytes) {
  memcpy(to, element, static_cast<size_t>(bytes ? elementBytes : 0));
  for (int64_t done = elementBytes; done < bytes; done *= 2)
    memcpy(to + done, to, static_cast<size_t>(std::min(done, bytes - done)));
}

} // namespace

/// Fills the memory of a constant that is not in the file as it is.
Status Module::makeConstant(uint32_t index, std::byte *to,
                            int64_t bytes) const {
  const fb::Constant &constant = *header().constants()->Get(index);
  const fb::Segment &data = *constant.data();
  const std::byte *stored = opened->bytes(data);
  if (constant.splat()) {
    repeat(stored, static_cast<int64_t>(data.size()), to, bytes);
    return {};
  }
  const fb::Coding *coding = constant.coding();
  if (!coding) {
    unpackConstant(*constant.unpack(), stored, to);
    return {};
  }
  auto decode = [&](std::byte *decoded) {
    std::string what = "constant " + std::to_string(index);
    if (constant.name() && constant.name()->size())
      what += " '" + constant.name()->str() + "'";
    Status status = decodeConstant(
        stored, data.size(), static_cast<unsigned>(coding->element_bytes()),
        decoded, static_cast<size_t>(coding->bytes()), what);
    // The coded form is not looked at again.
    if (const FileMapping *file = opened->file())
      file->release(stored, data.size());
    return status;
  };
  if (!constant.unpack())
    return decode(to);
  std::vector<std::byte> packed(static_cast<size_t>(coding->bytes()));
  DLRT_RETURN_IF_ERROR(decode(packed.data()));
  unpackConstant(*constant.unpack(), packed.data(), to);
  return {};
}

Status Module::constant(uint32_t index, const void *&data, int64_t &bytes) {
  const fb::Constant &constant = *header().constants()->Get(index);
  data = opened->bytes(*constant.data());
  bytes = bytesOf(constant);
  if (!constant.splat() && !constant.unpack() && !constant.coding())
    return {};
  std::lock_guard<std::mutex> lock(mutex);
  made.resize(header().constants()->size());
  if (!made[index]) {
    void *memory = allocateAligned(static_cast<size_t>(bytes ? bytes : 1),
                                   kConstantAlignment);
    if (!memory)
      return {Code::OutOfMemory, opened->name() + ": no memory for " +
                                     std::to_string(bytes) +
                                     " bytes of constants"};
    if (Status status =
            makeConstant(index, static_cast<std::byte *>(memory), bytes);
        !status.ok()) {
      freeAligned(memory, kConstantAlignment);
      return status;
    }
    made[index] = memory;
  }
  data = made[index];
  return {};
}

} // namespace dlrt

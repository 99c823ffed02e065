// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of a session that moves values to and from a device.

#include "runtime/artifact/ElementTypes.h"
#include "runtime/session/Session.h"

namespace dlrt {
namespace {

template <typename T> uint32_t count(const flatbuffers::Vector<T> *vector) {
  return vector ? vector->size() : 0;
}

} // namespace

/// Whether a value may lie in memory that the caller has on the device.
Status Session::checkOnDevice(const std::string &value,
                              const fb::Value &declared,
                              const void *data) const {
  constexpr uintptr_t kAlignment = 16; // of what kernels read at once
  if (!queue || !queue->sharesAddresses())
    return at({Code::Unsupported,
               value + ": memory of a device is bound to sessions on CUDA "
                       "devices alone"});
  if (declared.kind() != fb::ValueKind_Tensor ||
      declared.type()->element() == fb::ElementType_String)
    return {Code::Unsupported, value + ": tensors of numbers alone lie in "
                                       "memory of a device"};
  if (reinterpret_cast<uintptr_t>(data) % kAlignment != 0)
    return {Code::InvalidArgument,
            value + ": its address on the device is no multiple of " +
                std::to_string(kAlignment)};
  return {};
}

Status Session::reserveOnDevice(std::unique_ptr<Block> &block, int64_t bytes,
                                const char *what) {
  if (!block)
    block = std::make_unique<Block>(device->memory());
  return block->reserve(static_cast<size_t>(bytes), what);
}

Status Session::uploadInputs(DeviceQueue &commands) {
  for (uint32_t i = 0; i < inputs.size(); ++i) {
    if (signature->inputs()->Get(i)->kind() != fb::ValueKind_Tensor ||
        inputs[i].isGivenOnDevice)
      continue;
    Input &input = inputs[i];
    int64_t elements = 0, bytes = 0;
    // Known to fit since the input was bound.
    (void)elementCount(input.dims.data(), static_cast<int>(input.dims.size()),
                       elements);
    (void)elementBytes(signature->inputs()->Get(i)->type()->element(), elements,
                       bytes);
    if (input.isString)
      bytes = elements * int64_t(sizeof(int64_t));
    DLRT_RETURN_IF_ERROR(reserveOnDevice(input.onDevice, bytes, "an input"));
    DLRT_RETURN_IF_ERROR(
        commands.upload(input.onDevice->data(),
                        input.isString ? input.numbers.data() : input.data,
                        static_cast<size_t>(bytes)));
  }
  return {};
}

/// What the step before a stage has put into slots.
Status Session::uploadSlots(uint32_t number, DeviceQueue &commands) {
  const fb::Perform *step = planStages.begins[number - 1].perform;
  for (uint32_t i = 0; step && i < count(step->results()); ++i) {
    auto slot = static_cast<size_t>(step->results()->Get(i)->slot());
    const TensorRef &tensor = slots[slot].tensor;
    if (!tensor)
      continue;
    DLRT_RETURN_IF_ERROR(
        reserveOnDevice(slotsOnDevice[slot], tensor->bytes, "a result"));
    DLRT_RETURN_IF_ERROR(commands.upload(slotsOnDevice[slot]->data(),
                                         tensor->data,
                                         static_cast<size_t>(tensor->bytes)));
    // A step may change what lies there before the copy is made.
    DLRT_RETURN_IF_ERROR(commands.wait());
  }
  return {};
}

/// Waits, unless all of the run was told to a stream of the caller's, and the
/// caller's memory on the host has no part in it.
Status Session::downloadOutputs(DeviceQueue &commands) {
  bool waits = !root().usesOutsideStream || parent != nullptr;
  for (const Input &input : inputs)
    waits |= !input.isGivenOnDevice;
  for (uint32_t i = 0; i < outputs.size(); ++i) {
    waits |= !outputs[i].staysOnDevice;
    if (outputKind(i) != fb::ValueKind_Tensor || outputs[i].staysOnDevice)
      continue;
    Output &output = outputs[i];
    int64_t bytes = current->outputBytes[i];
    if (output.isString)
      bytes = bytes / int64_t(sizeof(StringRange)) * int64_t(sizeof(int64_t));
    DLRT_RETURN_IF_ERROR(commands.download(
        output.isString ? output.numbers.data() : output.written,
        output.onDevice->data(), static_cast<size_t>(bytes)));
  }
  isPending = !waits;
  return waits ? commands.wait() : Status();
}

} // namespace dlrt

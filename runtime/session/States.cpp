// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/session/Session.h"

#include "runtime/artifact/ElementTypes.h"
#include "runtime/artifact/Format.h"

#include <algorithm>
#include <cstring>

namespace dlrt {
namespace {

template <typename T> uint32_t count(const flatbuffers::Vector<T> *vector) {
  return vector ? vector->size() : 0;
}

int64_t padded(int64_t bytes) {
  auto alignment = static_cast<int64_t>(kConstantAlignment);
  return (bytes + alignment - 1) / alignment * alignment;
}

std::string shapeText(const int64_t *dims, uint32_t rank) {
  std::string text = "[";
  for (uint32_t d = 0; d < rank; ++d)
    text += (d ? ", " : "") + std::to_string(dims[d]);
  return text + "]";
}

/// Copies all elements between a dense tensor of the state's sizes and one in
/// the order of the memory, to the latter or from it.
void copyOrdered(const fb::State &state, std::byte *dense, std::byte *ordered,
                 bool toOrdered) {
  int64_t bytes = 0, elements = 0;
  (void)elementBytes(state.element(), 1, bytes);
  uint32_t rank = count(state.dims());
  (void)elementCount(state.dims()->data(), static_cast<int>(rank), elements);
  std::vector<int64_t> strides(rank, bytes), at(rank, 0);
  for (uint32_t d = rank; d-- > 1;)
    strides[d - 1] = strides[d] * state.dims()->Get(d);
  std::byte *place = dense;
  for (int64_t i = 0; i < elements; ++i, ordered += bytes) {
    if (toOrdered)
      memcpy(ordered, place, static_cast<size_t>(bytes));
    else
      memcpy(place, ordered, static_cast<size_t>(bytes));
    for (uint32_t d = rank; d-- > 0;) {
      auto from = static_cast<uint32_t>(state.order()->Get(d));
      place += strides[from];
      if (++at[d] < state.dims()->Get(from))
        break;
      place -= at[d] * strides[from];
      at[d] = 0;
    }
  }
}

Status isBusy() {
  return {Code::Busy, "the states are in use by a run or another call"};
}

} // namespace

int64_t States::bytesOf(const fb::State &state) {
  int64_t elements = 0, bytes = 0;
  // Known to fit since the module was opened.
  (void)elementCount(state.dims() ? state.dims()->data() : nullptr,
                     static_cast<int>(dlrt::count(state.dims())), elements);
  (void)elementBytes(state.element(), elements, bytes);
  return bytes;
}

int64_t States::totalBytes(const fb::Module &header) {
  int64_t bytes = 0;
  for (uint32_t i = 0; i < dlrt::count(header.states()); ++i)
    bytes += padded(bytesOf(*header.states()->Get(i)));
  return bytes;
}

Status States::create(std::shared_ptr<Module> module,
                      const Allocator &allocator,
                      std::shared_ptr<States> &result) {
  std::shared_ptr<States> states(new States(std::move(module), allocator));
  const fb::Module &header = states->shared->header();
  size_t offset = 0;
  for (uint32_t i = 0; i < dlrt::count(header.states()); ++i) {
    states->offsets.push_back(offset);
    offset += static_cast<size_t>(padded(bytesOf(*header.states()->Get(i))));
  }
  states->totalSize = offset;
  DLRT_RETURN_IF_ERROR(states->memory->reserve(offset, "states")
                           .at(states->shared->artifact().name()));
  DLRT_RETURN_IF_ERROR(states->fill());
  result = std::move(states);
  return {};
}

Status States::attach(DeviceModule *wanted) {
  if (isAttached)
    return wanted == device
               ? Status()
               : Status(Code::Mismatch,
                        "the state lies " +
                            (device ? "on " + device->name()
                                    : std::string("in the host's memory")) +
                            ", where another session runs");
  if (wanted) {
    if (!acquire())
      return isBusy();
    auto moved = std::make_unique<Block>(wanted->memory());
    Status status = moved->reserve(totalSize, "states");
    if (status.ok())
      status = wanted->openQueue(queue);
    if (status.ok())
      status = queue->upload(moved->data(), memory->data(), totalSize);
    if (status.ok())
      status = queue->wait();
    release();
    DLRT_RETURN_IF_ERROR(status);
    memory = std::move(moved);
  }
  device = wanted;
  isAttached = true;
  return {};
}

Status States::fill() {
  if (!device) {
    fillHost(memory->data());
    return {};
  }
  Block host(allocator);
  DLRT_RETURN_IF_ERROR(host.reserve(totalSize, "states"));
  fillHost(host.data());
  DLRT_RETURN_IF_ERROR(queue->upload(memory->data(), host.data(), totalSize));
  return queue->wait();
}

void States::fillHost(std::byte *memoryBegin) const {
  const fb::Module &header = shared->header();
  for (uint32_t i = 0; i < offsets.size(); ++i) {
    const fb::State &state = *header.states()->Get(i);
    auto bytes = static_cast<size_t>(bytesOf(state));
    const fb::Constant &initial =
        *header.constants()->Get(static_cast<uint32_t>(state.initial()));
    const std::byte *from = shared->artifact().bytes(*initial.data());
    std::byte *to = memoryBegin + offsets[i];
    auto stored = static_cast<size_t>(initial.data()->size());
    memcpy(to, from, std::min(stored, bytes));
    // From here on the state counts alone, in memory of its own.
    if (const FileMapping *file = shared->artifact().file())
      file->release(from, stored);
    // A splat is repeated here, not by the module, which would keep it.
    for (size_t done = stored; done < bytes; done *= 2)
      memcpy(to + done, to, std::min(done, bytes - done));
  }
}

Status States::reserveCopy(std::map<uint32_t, Block> &copies, uint32_t index,
                           std::byte *&data) {
  Block &copy = copies.try_emplace(index, allocator).first->second;
  DLRT_RETURN_IF_ERROR(copy.reserve(
      static_cast<size_t>(bytesOf(*shared->header().states()->Get(index))),
      "a state's copy"));
  data = copy.data();
  return {};
}

Status States::set(uint32_t index, const void *from, int type,
                   const int64_t *dims, int rank, size_t bytes) {
  if (index >= count())
    return {Code::InvalidArgument, "state " + std::to_string(index) +
                                       " does not exist: the module has " +
                                       std::to_string(count())};
  const fb::State &state = *shared->header().states()->Get(index);
  std::string what =
      "state " + std::to_string(index) + " '" + state.name()->str() + "'";
  if (type != state.element())
    return {Code::Mismatch, what + ": type is " + elementTypeName(type) +
                                ", expected " +
                                elementTypeName(state.element())};
  uint32_t expected = dlrt::count(state.dims());
  if (rank < 0 || static_cast<uint32_t>(rank) != expected || (rank && !dims) ||
      !std::equal(dims, dims + rank,
                  state.dims() ? state.dims()->data() : dims))
    return {
        Code::Mismatch,
        what + ": sizes are " +
            shapeText(dims, rank > 0 && dims ? uint32_t(rank) : 0) +
            ", expected " +
            shapeText(state.dims() ? state.dims()->data() : nullptr, expected)};
  auto needed = static_cast<size_t>(bytesOf(state));
  if ((bytes && bytes != needed) || (needed && !from))
    return {Code::Mismatch, what + ": has " + std::to_string(bytes) +
                                " bytes, expected " + std::to_string(needed)};
  if (!acquire())
    return isBusy();
  auto *to = static_cast<std::byte *>(data(index));
  Status status;
  if (device)
    status = reserveCopy(transfers, index, to);
  if (status.ok() && state.order())
    copyOrdered(state, static_cast<std::byte *>(const_cast<void *>(from)), to,
                /*toOrdered=*/true);
  else if (status.ok() && needed)
    memcpy(to, from, needed);
  if (status.ok() && device && needed)
    status = queue->upload(data(index), to, needed);
  if (status.ok() && device)
    status = queue->wait();
  release();
  return status;
}

Status States::read(uint32_t index, const void *&result) {
  const fb::State &state = *shared->header().states()->Get(index);
  auto *from = static_cast<std::byte *>(data(index));
  if (device) {
    DLRT_RETURN_IF_ERROR(reserveCopy(transfers, index, from));
    if (size_t bytes = static_cast<size_t>(bytesOf(state)))
      DLRT_RETURN_IF_ERROR(queue->download(from, data(index), bytes));
  }
  result = from;
  if (!state.order())
    return {};
  std::byte *dense = nullptr;
  DLRT_RETURN_IF_ERROR(reserveCopy(copies, index, dense));
  copyOrdered(state, dense, from, /*toOrdered=*/false);
  result = dense;
  return {};
}

Status States::reset() {
  if (!acquire())
    return isBusy();
  Status status = fill();
  release();
  return status;
}

//===----------------------------------------------------------------------===//
// Of a session
//===----------------------------------------------------------------------===//

static bool usesStates(const fb::Entry &entry) {
  for (uint32_t i = 0; i < dlrt::count(entry.plans()); ++i) {
    const auto *buffers = entry.plans()->Get(i)->buffers();
    for (uint32_t b = 0; b < dlrt::count(buffers); ++b)
      if (buffers->Get(b)->kind() == fb::BufferKind_State)
        return true;
  }
  for (uint32_t i = 0; i < dlrt::count(entry.bodies()); ++i)
    if (usesStates(*entry.bodies()->Get(i)))
      return true;
  return false;
}

/// Finds the states of an entry that has some.
Status Session::openStates() {
  if (stateMemory && &stateMemory->module() != shared.get())
    return at({Code::InvalidArgument, "the state is of another module"});
  if (!usesStates(*signature)) {
    stateMemory.reset();
    return {};
  }
  if (!stateMemory)
    DLRT_RETURN_IF_ERROR(States::create(shared, allocator, stateMemory));
  return at(stateMemory->attach(device));
}

} // namespace dlrt

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/host/Reductions.h"

#include "runtime/artifact/module_generated.h"
#include "runtime/device/cpu/host/HostFunctions.h"

#include <cstring>

namespace dlrt {

Status Reductions::start(int64_t bucket, void *data, int64_t elements,
                         int type) {
  auto number = static_cast<size_t>(bucket);
  if (pending.size() <= number)
    pending.resize(number + 1);
  if (pending[number].isActive)
    return {Code::BadModule,
            "bucket " + std::to_string(bucket) + " is being reduced already"};
  DLRT_RETURN_IF_ERROR(
      communicator->start(data, elements, type, pending[number].request));
  pending[number].isActive = true;
  return {};
}

Status Reductions::wait(int64_t bucket) {
  auto number = static_cast<size_t>(bucket);
  if (number >= pending.size() || !pending[number].isActive)
    return {Code::BadModule,
            "bucket " + std::to_string(bucket) + " is not being reduced"};
  pending[number].isActive = false;
  return communicator->wait(pending[number].request);
}

void Reductions::finish() {
  for (Pending &bucket : pending)
    if (bucket.isActive) {
      bucket.isActive = false;
      (void)communicator->wait(bucket.request);
    }
}

namespace {

Status prepareReduction(const HostCallFrame &frame, int64_t &) {
  constexpr int64_t kMostBuckets = 1 << 16;
  if (frame.argCount != 2 || frame.attributeCount != 1)
    return {Code::BadModule, "a reduction has two arguments and an attribute"};
  const HostArgument &from = frame.args[0], &to = frame.args[1];
  bool isFloat =
      from.type == fb::ElementType_F32 || from.type == fb::ElementType_F64;
  if (!isFloat || to.type != from.type || to.elements != from.elements)
    return {Code::BadModule,
            "a reduction's arguments are no floats of one number and type"};
  if (frame.attributes[0] < 0 || frame.attributes[0] >= kMostBuckets)
    return {Code::BadModule, "a reduction has no bucket of number " +
                                 std::to_string(frame.attributes[0])};
  return {};
}

/// The elements in their new place, which is the old one as a rule.
void move(const HostCallFrame &frame) {
  const HostArgument &from = frame.args[0], &to = frame.args[1];
  if (from.data != to.data)
    memmove(to.data, from.data, static_cast<size_t>(from.bytes));
}

void runStart(const HostCallFrame &frame, const HostResources &resources) {
  move(frame);
  const HostArgument &to = frame.args[1];
  if (resources.reductions)
    *resources.status = resources.reductions->start(
        frame.attributes[0], to.data, to.elements, to.type);
}

void runWait(const HostCallFrame &frame, const HostResources &resources) {
  if (resources.reductions)
    *resources.status = resources.reductions->wait(frame.attributes[0]);
  move(frame);
}

void runWhole(const HostCallFrame &frame, const HostResources &resources) {
  runStart(frame, resources);
  if (resources.reductions && resources.status->ok())
    *resources.status = resources.reductions->wait(frame.attributes[0]);
}

Status prepareRank(const HostCallFrame &frame, int64_t &) {
  for (int i = 0; i < frame.argCount; ++i)
    if (frame.args[i].type != fb::ElementType_I64 ||
        frame.args[i].elements != 1)
      return {Code::BadModule, "a rank is a number of int64"};
  if (frame.argCount != 2)
    return {Code::BadModule, "process_rank has two results"};
  return {};
}

void runRank(const HostCallFrame &frame, const HostResources &resources) {
  int64_t numbers[] = {0, 1};
  if (resources.reductions) {
    numbers[0] = resources.reductions->rank();
    numbers[1] = resources.reductions->count();
  }
  for (int i = 0; i < 2; ++i)
    memcpy(frame.args[i].data, &numbers[i], sizeof(int64_t));
}

} // namespace

const HostFunction kAllReduceStartFunction = {kAllReduceStart, prepareReduction,
                                              runStart};
const HostFunction kAllReduceWaitFunction = {"all_reduce_wait",
                                             prepareReduction, runWait};
const HostFunction kAllReduceFunction = {kAllReduce, prepareReduction,
                                         runWhole};
const HostFunction kProcessRankFunction = {"process_rank", prepareRank,
                                           runRank};

} // namespace dlrt

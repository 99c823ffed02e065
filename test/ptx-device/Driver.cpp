// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A library in the place of CUDA's driver that interprets PTX: one device,
// whose kernels the host computes. Launches run at once; what is wrong with one
// is a result that the context keeps, as a driver's is, and its text.
//
// PTX_DEVICE_CAPABILITY=80 makes it a device of that capability (90 by
// default); PTX_DEVICE_MEMORY=BYTES limits its memory.

#include "test/ptx-device/Machine.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <set>

using namespace dl::ptxdevice;

#define DRIVER extern "C" __attribute__((visibility("default")))

namespace {

struct Command {
  const Kernel *kernel = nullptr; ///< null: a copy
  uint32_t groups = 0, threads = 0, dynamicBytes = 0;
  std::vector<uint8_t> parameters;
  uint64_t to = 0, from = 0;
  size_t bytes = 0;
};

struct Stream {
  bool isRecording = false;
  std::vector<Command> recorded;
};

using Graph = std::vector<Command>;

struct Library {
  std::map<std::string, Kernel> kernels;
};

struct Event {
  std::chrono::steady_clock::time_point time;
};

struct State {
  std::mutex mutex;
  GlobalMemory memory;
  std::map<uint64_t, size_t> sizes;
  size_t used = 0;
  int lost = 0; ///< what a kernel did wrong: nothing runs after it
  std::string text = "as the interpreter of PTX says";
};

State &state() {
  static State state;
  return state;
}

int getNumber(const char *variable, int otherwise) {
  const char *text = getenv(variable);
  return text ? atoi(text) : otherwise;
}

/// Calls `body`, and keeps what is wrong. The caller has locked.
template <typename F> int guarded(F body) {
  try {
    body();
    return 0;
  } catch (const Fault &fault) {
    state().text = fault.what();
    return fault.result;
  } catch (const std::exception &error) {
    state().text = error.what();
    return kInvalidPtx;
  }
}

int run(const Command &command) {
  State &own = state();
  if (own.lost)
    return own.lost;
  int result = guarded([&] {
    if (command.kernel)
      return launch(*command.kernel, own.memory, command.groups,
                    command.threads, command.dynamicBytes,
                    command.parameters.data());
    uint64_t first = 0, last = 0;
    for (uint64_t address : {command.to, command.from})
      if (!own.memory.contains(address, command.bytes, first, last))
        throw Fault(kInvalidValue, "a copy outside of the device's memory");
    memcpy(GlobalMemory::toHost(command.to), GlobalMemory::toHost(command.from),
           command.bytes);
  });
  if (result && command.kernel)
    own.lost = result;
  return result;
}

int submit(Stream *stream, Command command) {
  if (stream && stream->isRecording) {
    stream->recorded.push_back(std::move(command));
    return 0;
  }
  std::lock_guard<std::mutex> lock(state().mutex);
  return run(command);
}

/// A copy from or to the host.
int transfer(uint64_t address, size_t bytes, void *to, const void *from) {
  std::lock_guard<std::mutex> lock(state().mutex);
  if (state().lost)
    return state().lost;
  uint64_t first = 0, last = 0;
  if (!state().memory.contains(address, bytes, first, last))
    return kInvalidValue;
  memcpy(to ? to : GlobalMemory::toHost(address),
         from ? from : GlobalMemory::toHost(address), bytes);
  return 0;
}

} // namespace

DRIVER int cuInit(unsigned) { return 0; }
DRIVER int cuDeviceGetCount(int *count) {
  const char *given = getenv("PTX_DEVICE_COUNT");
  *count = given ? atoi(given) : 1;
  return 0;
}
DRIVER int cuDeviceGet(int *device, int ordinal) {
  int count = 0;
  cuDeviceGetCount(&count);
  *device = ordinal;
  return ordinal >= 0 && ordinal < count ? 0 : kInvalidValue;
}
DRIVER int cuDeviceGetName(char *name, int length, int) {
  snprintf(name, size_t(length), "interpreter of PTX");
  return 0;
}
DRIVER int cuDeviceGetAttribute(int *value, int attribute, int) {
  constexpr int kMajor = 75, kMinor = 76, kShared = 97, kProcessors = 16,
                kCapability = 90;
  int capability = getNumber("PTX_DEVICE_CAPABILITY", kCapability);
  *value = attribute == kMajor        ? capability / 10
           : attribute == kMinor      ? capability % 10
           : attribute == kShared     ? 227 << 10
           : attribute == kProcessors ? 3
                                      : 0;
  return 0;
}
DRIVER int cuDevicePrimaryCtxRetain(void **context, int device) {
  const char *broken = getenv("PTX_DEVICE_BROKEN");
  if (broken && atoi(broken) == device)
    return kInvalidValue;
  *context = &state();
  return 0;
}
DRIVER int cuDevicePrimaryCtxRelease_v2(int) { return 0; }
DRIVER int cuCtxPushCurrent_v2(void *) { return 0; }
DRIVER int cuCtxPopCurrent_v2(void **context) {
  *context = &state();
  return 0;
}

/// Options 5 and 6 are a buffer for what is wrong, and its bytes.
DRIVER int cuModuleLoadDataEx(Library **library, const void *image,
                              unsigned options, int *keys, void **values) {
  std::lock_guard<std::mutex> lock(state().mutex);
  auto made = std::make_unique<Library>();
  int result = guarded(
      [&] { made->kernels = parseModule(static_cast<const char *>(image)); });
  if (!result) {
    *library = made.release();
    return 0;
  }
  char *log = nullptr;
  size_t bytes = 0;
  for (unsigned i = 0; i < options; ++i) {
    if (keys[i] == 5)
      log = static_cast<char *>(values[i]);
    if (keys[i] == 6)
      bytes = reinterpret_cast<size_t>(values[i]);
  }
  if (log && bytes)
    snprintf(log, bytes, "%s", state().text.c_str());
  return result;
}
DRIVER int cuModuleUnload(Library *library) {
  delete library;
  return 0;
}
DRIVER int cuModuleGetFunction(const Kernel **function, Library *library,
                               const char *name) {
  constexpr int kNotFound = 500;
  auto found = library->kernels.find(name);
  if (found == library->kernels.end())
    return kNotFound;
  *function = &found->second;
  return 0;
}
DRIVER int cuFuncSetAttribute(void *, int, int) { return 0; }

DRIVER int cuTensorMapEncodeTiled(void *map, int type, uint32_t rank,
                                  uint64_t address, const uint64_t *extents,
                                  const uint64_t *strides, const uint32_t *box,
                                  const uint32_t *elementStrides,
                                  int interleave, int swizzle, int, int fill) {
  // CUtensorMapDataType.
  static const uint32_t kBytes[] = {1, 2, 4, 4, 8, 8, 2, 4, 8, 2, 4, 4, 4};
  constexpr uint32_t kMostRank = 5, kMostBox = 256, kSwizzleBytes = 128;
  if (type < 0 || type > 12 || rank < 1 || rank > kMostRank || address % 16 ||
      interleave || fill || (swizzle != 0 && swizzle != 3))
    return kInvalidValue;
  TensorMap made{};
  made.address = address;
  made.elementBytes = kBytes[type];
  made.rank = rank;
  made.swizzle = uint32_t(swizzle);
  for (uint32_t d = 0; d < rank; ++d) {
    made.extents[d] = extents[d];
    made.box[d] = box[d];
    bool isValid = extents[d] && extents[d] <= uint64_t(1) << 32 && box[d] &&
                   box[d] <= kMostBox && elementStrides[d] == 1;
    if (d) {
      made.strides[d - 1] = strides[d - 1];
      isValid &= strides[d - 1] % 16 == 0 && strides[d - 1] < uint64_t(1) << 40;
    }
    if (!isValid)
      return kInvalidValue;
  }
  if ((box[0] * made.elementBytes) % 16 ||
      (swizzle && box[0] * made.elementBytes > kSwizzleBytes))
    return kInvalidValue;
  memset(map, 0, 128);
  memcpy(map, &made, sizeof(made));
  return 0;
}

DRIVER int cuLaunchKernel(const Kernel *kernel, unsigned groups,
                          unsigned groupsY, unsigned groupsZ, unsigned threads,
                          unsigned threadsY, unsigned threadsZ,
                          unsigned dynamicBytes, Stream *stream,
                          void **parameters, void **) {
  if (groupsY != 1 || groupsZ != 1 || threadsY != 1 || threadsZ != 1 ||
      !groups || !threads || threads > 1024)
    return kInvalidValue;
  Command command;
  command.kernel = kernel;
  command.groups = groups;
  command.threads = threads;
  command.dynamicBytes = dynamicBytes;
  command.parameters.resize(kernel->parameterBytes);
  for (size_t i = 0; i < kernel->parameters.size(); ++i)
    memcpy(command.parameters.data() + kernel->parameters[i].offset,
           parameters[i], kernel->parameters[i].bytes);
  return submit(stream, std::move(command));
}

DRIVER int cuMemAlloc_v2(uint64_t *memory, size_t bytes) {
  State &own = state();
  std::lock_guard<std::mutex> lock(own.mutex);
  const char *most = getenv("PTX_DEVICE_MEMORY");
  constexpr size_t kMost = size_t(16) << 30;
  if (bytes > kMost || (most && own.used + bytes > strtoull(most, nullptr, 0)))
    return kOutOfMemory;
  return guarded([&] {
    *memory = own.memory.allocate(bytes);
    own.sizes[*memory] = bytes;
    own.used += bytes;
  });
}
DRIVER int cuMemFree_v2(uint64_t memory) {
  State &own = state();
  std::lock_guard<std::mutex> lock(own.mutex);
  if (!own.memory.free(memory))
    return kInvalidValue;
  own.used -= own.sizes[memory];
  own.sizes.erase(memory);
  return 0;
}
DRIVER int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes,
                                Stream *) {
  return transfer(to, bytes, nullptr, from);
}
DRIVER int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes,
                                Stream *) {
  return transfer(from, bytes, to, nullptr);
}
DRIVER int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes,
                                Stream *stream) {
  Command command;
  command.to = to;
  command.from = from;
  command.bytes = bytes;
  return submit(stream, std::move(command));
}
DRIVER int cuStreamCreate(Stream **stream, unsigned) {
  *stream = new Stream;
  return 0;
}
DRIVER int cuStreamDestroy_v2(Stream *stream) {
  delete stream;
  return 0;
}
DRIVER int cuStreamSynchronize(Stream *) {
  std::lock_guard<std::mutex> lock(state().mutex);
  return state().lost;
}
DRIVER int cuEventCreate(Event **event, unsigned) {
  *event = new Event;
  return 0;
}
DRIVER int cuEventDestroy_v2(Event *event) {
  delete event;
  return 0;
}
DRIVER int cuEventRecord(Event *event, Stream *) {
  event->time = std::chrono::steady_clock::now();
  return 0;
}
DRIVER int cuEventElapsedTime(float *milliseconds, Event *start, Event *end) {
  *milliseconds =
      std::chrono::duration<float, std::milli>(end->time - start->time).count();
  return 0;
}
DRIVER int cuStreamBeginCapture_v2(Stream *stream, int) {
  stream->isRecording = true;
  stream->recorded.clear();
  return 0;
}
DRIVER int cuStreamEndCapture(Stream *stream, Graph **graph) {
  stream->isRecording = false;
  *graph = new Graph(std::move(stream->recorded));
  return 0;
}
DRIVER int cuGraphInstantiateWithFlags(Graph **exec, Graph *graph,
                                       unsigned long long) {
  *exec = new Graph(*graph);
  return 0;
}
DRIVER int cuGraphDestroy(Graph *graph) {
  delete graph;
  return 0;
}
DRIVER int cuGraphLaunch(Graph *exec, Stream *) {
  std::lock_guard<std::mutex> lock(state().mutex);
  for (const Command &command : *exec)
    if (int result = run(command))
      return result;
  return 0;
}
DRIVER int cuGraphExecDestroy(Graph *exec) {
  delete exec;
  return 0;
}
DRIVER int cuGetErrorName(int result, const char **name) {
  *name = result == kOutOfMemory         ? "CUDA_ERROR_OUT_OF_MEMORY"
          : result == kInvalidValue      ? "CUDA_ERROR_INVALID_VALUE"
          : result == kInvalidPtx        ? "CUDA_ERROR_INVALID_PTX"
          : result == kIllegalAddress    ? "CUDA_ERROR_ILLEGAL_ADDRESS"
          : result == kMisalignedAddress ? "CUDA_ERROR_MISALIGNED_ADDRESS"
          : result == kLaunchFailed      ? "CUDA_ERROR_LAUNCH_FAILED"
                                         : "CUDA_ERROR_UNKNOWN";
  return 0;
}
DRIVER int cuGetErrorString(int, const char **text) {
  static thread_local std::string kept;
  std::lock_guard<std::mutex> lock(state().mutex);
  kept = state().text;
  *text = kept.c_str();
  return 0;
}

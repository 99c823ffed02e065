// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A library in the place of CUDA's driver, for tests on machines without one:
// one device of capability 9.0, whose memory is the host's at addresses that
// the host cannot read, and whose kernels are the few below, found by their
// names.
//
// FAKE_CUDA_FAIL=SYMBOL makes calls of that function fail.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#define FAKE extern "C" __attribute__((visibility("default")))

namespace {

constexpr uint64_t kBias = uint64_t(1) << 50;
constexpr int kOk = 0, kInvalid = 1, kOutOfMemory = 2, kLaunchFailed = 719;

struct Call {
  std::string kernel;
  std::vector<uint64_t> args;
  std::vector<int32_t> sizes;
  std::vector<uint64_t> map; // of the kernel "map"
};

struct Copy {
  uint64_t to, from;
  size_t bytes;
};

struct Command {
  bool isCopy = false;
  Call call;
  Copy copy = {};
};

/// Streams of the runtime's run at once what they are given, those of tests
/// (without flags) when they are waited for.
struct Stream {
  bool isRecording = false, isLate = false;
  std::vector<std::function<void()>> waiting;
  std::vector<Command> recorded;
};

struct State {
  std::mutex mutex;
  std::map<std::string, long> counters;
  std::map<uint64_t, size_t> memory;
  std::set<std::string> names;
};

State &state() {
  static State state;
  return state;
}

bool fails(const char *symbol) {
  std::lock_guard<std::mutex> lock(state().mutex);
  ++state().counters[symbol];
  const char *wanted = getenv("FAKE_CUDA_FAIL");
  return wanted && strcmp(wanted, symbol) == 0;
}

template <typename T> T *toHost(uint64_t address) {
  return reinterpret_cast<T *>(address - kBias);
}

void run(const Command &command) {
  if (command.isCopy) {
    memcpy(toHost<char>(command.copy.to), toHost<char>(command.copy.from),
           command.copy.bytes);
    return;
  }
  const Call &call = command.call;
  if (call.kernel == "double")
    for (int32_t i = 0; i < call.sizes[0]; ++i)
      toHost<float>(call.args[1])[i] = 2 * toHost<float>(call.args[0])[i];
  if (call.kernel == "add")
    for (int32_t i = 0; i < call.sizes[0]; ++i)
      toHost<float>(call.args[2])[i] =
          toHost<float>(call.args[0])[i] + toHost<float>(call.args[1])[i];
  // Of its tensor map: whether it lies at the first argument, and all numbers.
  if (call.kernel == "map")
    for (size_t i = 0; i < call.map.size(); ++i)
      toHost<float>(call.args[1])[i] =
          static_cast<float>(i ? call.map[i] : call.map[0] == call.args[0]);
}

int submit(Stream *stream, std::function<void()> work) {
  if (stream->isLate)
    stream->waiting.push_back(std::move(work));
  else
    work();
  return kOk;
}

int submit(Stream *stream, const Command &command) {
  if (!stream->isRecording)
    return submit(stream, [command] { run(command); });
  stream->recorded.push_back(command);
  return kOk;
}

} // namespace

/// How often a function was called.
FAKE long fakeCudaCalls(const char *symbol) {
  std::lock_guard<std::mutex> lock(state().mutex);
  return state().counters[symbol];
}

/// Blocks of memory that were not given back.
FAKE long fakeCudaBlocks() {
  std::lock_guard<std::mutex> lock(state().mutex);
  return static_cast<long>(state().memory.size());
}

FAKE int cuInit(unsigned) { return kOk; }
FAKE int cuDeviceGetCount(int *count) {
  *count = 1;
  return kOk;
}
FAKE int cuDeviceGet(int *device, int ordinal) {
  *device = ordinal;
  return ordinal == 0 ? kOk : kInvalid;
}
FAKE int cuDeviceGetName(char *name, int length, int) {
  strncpy(name, "Fake 9000", static_cast<size_t>(length));
  return kOk;
}
FAKE int cuDeviceGetAttribute(int *value, int attribute, int) {
  constexpr int kMajor = 75, kMinor = 76, kShared = 97, kProcessors = 16;
  *value = attribute == kMajor        ? 9
           : attribute == kMinor      ? 0
           : attribute == kShared     ? 227 << 10
           : attribute == kProcessors ? 7
                                      : 0;
  return kOk;
}
FAKE int cuDevicePrimaryCtxRetain(void **context, int) {
  *context = &state();
  return fails("cuDevicePrimaryCtxRetain") ? kOutOfMemory : kOk;
}
FAKE int cuDevicePrimaryCtxRelease_v2(int) {
  fails("cuDevicePrimaryCtxRelease_v2");
  return kOk;
}
FAKE int cuCtxPushCurrent_v2(void *) { return kOk; }
FAKE int cuCtxPopCurrent_v2(void **context) {
  *context = &state();
  return kOk;
}
FAKE int cuModuleLoadDataEx(void **library, const void *, unsigned, int *,
                            void **) {
  *library = &state();
  return fails("cuModuleLoadDataEx") ? kInvalid : kOk;
}
FAKE int cuModuleUnload(void *) { return kOk; }
FAKE int cuModuleGetFunction(const void **function, void *, const char *name) {
  std::lock_guard<std::mutex> lock(state().mutex);
  *function = &*state().names.insert(name).first;
  return kOk;
}
FAKE int cuFuncSetAttribute(void *, int, int) { return kOk; }
/// A map is its address, then type, rank, extents, strides, box and the
/// workgroups of the launch.
FAKE int cuTensorMapEncodeTiled(uint64_t *map, int type, uint32_t rank,
                                uint64_t address, const uint64_t *extents,
                                const uint64_t *strides, const uint32_t *box,
                                const uint32_t *, int, int, int, int) {
  if (fails("cuTensorMapEncodeTiled"))
    return kInvalid;
  *map++ = address;
  *map++ = static_cast<uint64_t>(type);
  *map++ = rank;
  for (uint32_t i = 0; i < rank; ++i)
    *map++ = extents[i];
  for (uint32_t i = 0; i + 1 < rank; ++i)
    *map++ = strides[i];
  for (uint32_t i = 0; i < rank; ++i)
    *map++ = box[i];
  return kOk;
}
FAKE int cuLaunchKernel(const void *function, unsigned groups, unsigned,
                        unsigned, unsigned threads, unsigned, unsigned,
                        unsigned, Stream *stream, void **parameters, void **) {
  if (fails("cuLaunchKernel"))
    return kLaunchFailed;
  // The tests' kernels have one size after as many pointers as they have
  // threads: the driver is told no types.
  Command command;
  command.call.kernel = *static_cast<const std::string *>(function);
  for (unsigned i = 0; i < threads; ++i)
    command.call.args.push_back(*static_cast<uint64_t *>(parameters[i]));
  command.call.sizes.push_back(*static_cast<int32_t *>(parameters[threads]));
  if (command.call.kernel == "map") {
    // Of two dimensions.
    const auto *map = static_cast<uint64_t *>(parameters[threads + 1]);
    command.call.map.assign(map, map + 8);
    command.call.map.push_back(groups);
  }
  return submit(stream, command);
}
FAKE int cuMemAlloc_v2(uint64_t *memory, size_t bytes) {
  if (fails("cuMemAlloc_v2"))
    return kOutOfMemory;
  *memory = reinterpret_cast<uint64_t>(calloc(1, bytes)) + kBias;
  std::lock_guard<std::mutex> lock(state().mutex);
  state().memory[*memory] = bytes;
  return kOk;
}
FAKE int cuMemFree_v2(uint64_t memory) {
  std::lock_guard<std::mutex> lock(state().mutex);
  if (!state().memory.erase(memory))
    return kInvalid;
  free(toHost<void>(memory));
  return kOk;
}
FAKE int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes,
                              Stream *stream) {
  if (fails("cuMemcpyHtoDAsync_v2"))
    return kLaunchFailed;
  return submit(stream, [=] { memcpy(toHost<void>(to), from, bytes); });
}
FAKE int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes,
                              Stream *stream) {
  fails("cuMemcpyDtoHAsync_v2");
  return submit(stream, [=] { memcpy(to, toHost<void>(from), bytes); });
}
FAKE int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes,
                              Stream *stream) {
  Command command;
  command.isCopy = true;
  command.copy = {to, from, bytes};
  return submit(stream, command);
}
FAKE int cuStreamCreate(Stream **stream, unsigned flags) {
  *stream = new Stream;
  (*stream)->isLate = flags == 0;
  return kOk;
}
FAKE int cuStreamDestroy_v2(Stream *stream) {
  delete stream;
  return kOk;
}
FAKE int cuEventCreate(int **event, unsigned) {
  *event = new int(0);
  return kOk;
}
FAKE int cuEventDestroy_v2(int *event) {
  delete event;
  return kOk;
}
FAKE int cuEventRecord(int *, Stream *) { return kOk; }
/// Everything takes three microseconds.
FAKE int cuEventElapsedTime(float *milliseconds, int *, int *) {
  *milliseconds = 0.003F;
  return kOk;
}
FAKE int cuStreamSynchronize(Stream *stream) {
  fails("cuStreamSynchronize");
  for (const std::function<void()> &work : stream->waiting)
    work();
  stream->waiting.clear();
  return kOk;
}
FAKE int cuStreamBeginCapture_v2(Stream *stream, int) {
  stream->isRecording = true;
  stream->recorded.clear();
  return kOk;
}
FAKE int cuStreamEndCapture(Stream *stream, std::vector<Command> **graph) {
  stream->isRecording = false;
  *graph = new std::vector<Command>(std::move(stream->recorded));
  return kOk;
}
FAKE int cuGraphInstantiateWithFlags(std::vector<Command> **exec,
                                     std::vector<Command> *graph,
                                     unsigned long long) {
  *exec = new std::vector<Command>(*graph);
  return kOk;
}
FAKE int cuGraphDestroy(std::vector<Command> *graph) {
  delete graph;
  return kOk;
}
FAKE int cuGraphLaunch(std::vector<Command> *exec, Stream *stream) {
  if (fails("cuGraphLaunch"))
    return kLaunchFailed;
  return submit(stream, [commands = *exec] {
    for (const Command &command : commands)
      run(command);
  });
}
FAKE int cuGraphExecDestroy(std::vector<Command> *exec) {
  delete exec;
  return kOk;
}
FAKE int cuGetErrorName(int result, const char **name) {
  *name = result == kOutOfMemory ? "CUDA_ERROR_OUT_OF_MEMORY"
                                 : "CUDA_ERROR_LAUNCH_FAILED";
  return kOk;
}
FAKE int cuGetErrorString(int, const char **text) {
  *text = "as the test wants it";
  return kOk;
}

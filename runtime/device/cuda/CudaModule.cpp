// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cuda/CudaModule.h"

#include "runtime/device/cuda/CudaDriver.h"
#include "runtime/device/cuda/TensorMaps.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <utility>

namespace dlrt::cuda {
namespace {

/// A device's primary context, which all users in the process share.
class SharedContext {
public:
  static Status retain(std::shared_ptr<Driver> driver, Device device,
                       std::shared_ptr<SharedContext> &result) {
    std::shared_ptr<SharedContext> made(new SharedContext);
    made->driver = std::move(driver);
    DLRT_RETURN_IF_ERROR(
        made->driver->check(made->driver->contextRetain(&made->context, device),
                            "cuDevicePrimaryCtxRetain"));
    made->device = device;
    result = std::move(made);
    return {};
  }
  ~SharedContext() {
    if (context)
      driver->contextRelease(device);
  }

  /// The driver with this context current on this thread.
  class Scope {
  public:
    explicit Scope(const SharedContext &shared) : driver(*shared.driver) {
      entered = driver.contextPush(shared.context) == kSuccess;
    }
    ~Scope() {
      Context previous = nullptr;
      if (entered)
        driver.contextPop(&previous);
    }
    Driver *operator->() const { return &driver; }
    Driver &operator*() const { return driver; }

  private:
    Driver &driver;
    bool entered;
  };

private:
  SharedContext() = default;
  std::shared_ptr<Driver> driver;
  Context context = nullptr;
  Device device = 0;
};

struct LoadedKernel {
  Function function = nullptr;
  const fb::DeviceKernel *description = nullptr;
};

/// What queues and allocators of a module share.
struct Loaded {
  std::shared_ptr<SharedContext> context;
  Library library = nullptr;
  std::vector<LoadedKernel> kernels;
  std::string name;
  int64_t processors = 1;

  ~Loaded() {
    if (library)
      SharedContext::Scope(*context)->moduleUnload(library);
  }
};

DevicePointer toDevice(const void *address) {
  return reinterpret_cast<uintptr_t>(address);
}

//===----------------------------------------------------------------------===//
// Queue
//===----------------------------------------------------------------------===//

class CudaRecording : public DeviceQueue::Recording {
public:
  CudaRecording(const Loaded &loaded, GraphExec exec)
      : loaded(loaded), exec(exec) {}
  ~CudaRecording() override {
    SharedContext::Scope(*loaded.context)->graphExecDestroy(exec);
  }
  const Loaded &loaded;
  GraphExec exec;
};

class CudaQueue : public DeviceQueue {
public:
  explicit CudaQueue(const Loaded &loaded) : loaded(loaded) {}
  ~CudaQueue() override {
    SharedContext::Scope driver(*loaded.context);
    for (Event event : {timingStart, timingEnd})
      if (event)
        driver->eventDestroy(event);
    if (own) {
      driver->streamWait(stream);
      driver->streamDestroy(own);
    }
  }
  Status open() {
    SharedContext::Scope driver(*loaded.context);
    constexpr unsigned kNonBlocking = 1;
    DLRT_RETURN_IF_ERROR(driver->check(driver->streamCreate(&own, kNonBlocking),
                                       "cuStreamCreate"));
    stream = own;
    return {};
  }

  bool sharesAddresses() const override { return true; }
  Status useStream(void *given, bool isOwn) override {
    DLRT_RETURN_IF_ERROR(wait());
    stream = isOwn ? own : static_cast<Stream>(given);
    return {};
  }

  Status enqueue(const std::function<Status(void *stream)> &put) override {
    SharedContext::Scope driver(*loaded.context);
    return put(stream);
  }

  Status upload(void *to, const void *from, size_t bytes) override {
    SharedContext::Scope driver(*loaded.context);
    return bytes ? driver->check(
                       driver->copyToDevice(toDevice(to), from, bytes, stream),
                       "cuMemcpyHtoDAsync")
                 : Status();
  }
  Status download(void *to, const void *from, size_t bytes) override {
    SharedContext::Scope driver(*loaded.context);
    if (bytes)
      DLRT_RETURN_IF_ERROR(
          driver->check(driver->copyToHost(to, toDevice(from), bytes, stream),
                        "cuMemcpyDtoHAsync"));
    return driver->check(driver->streamWait(stream), "cuStreamSynchronize");
  }
  Status copy(void *to, const void *from, size_t bytes) override {
    SharedContext::Scope driver(*loaded.context);
    return bytes
               ? driver->check(driver->copyOnDevice(
                                   toDevice(to), toDevice(from), bytes, stream),
                               "cuMemcpyDtoDAsync")
               : Status();
  }
  Status launch(const Launch &launch) override;
  Status wait() override {
    SharedContext::Scope driver(*loaded.context);
    return driver->check(driver->streamWait(stream), "cuStreamSynchronize");
  }

  Status beginTiming() override {
    SharedContext::Scope driver(*loaded.context);
    for (Event *event : {&timingStart, &timingEnd})
      if (!*event)
        DLRT_RETURN_IF_ERROR(
            driver->check(driver->eventCreate(event, 0), "cuEventCreate"));
    return driver->check(driver->eventRecord(timingStart, stream),
                         "cuEventRecord");
  }
  Status endTiming(int64_t &nanoseconds) override {
    SharedContext::Scope driver(*loaded.context);
    DLRT_RETURN_IF_ERROR(
        driver->check(driver->eventRecord(timingEnd, stream), "cuEventRecord"));
    DLRT_RETURN_IF_ERROR(
        driver->check(driver->streamWait(stream), "cuStreamSynchronize"));
    float milliseconds = 0;
    DLRT_RETURN_IF_ERROR(driver->check(
        driver->eventElapsed(&milliseconds, timingStart, timingEnd),
        "cuEventElapsedTime"));
    nanoseconds = static_cast<int64_t>(1e6 * double(milliseconds));
    return {};
  }

  Status beginRecording() override {
    SharedContext::Scope driver(*loaded.context);
    constexpr int kThreadLocal = 1;
    DLRT_RETURN_IF_ERROR(driver->check(driver->captureBegin(own, kThreadLocal),
                                       "cuStreamBeginCapture"));
    // What is recorded on the queue's own stream runs on any.
    replayed = std::exchange(stream, own);
    return {};
  }
  Status endRecording(std::unique_ptr<Recording> &result) override {
    SharedContext::Scope driver(*loaded.context);
    Graph graph = nullptr;
    stream = replayed;
    DLRT_RETURN_IF_ERROR(
        driver->check(driver->captureEnd(own, &graph), "cuStreamEndCapture"));
    GraphExec exec = nullptr;
    Result made = driver->graphInstantiate(&exec, graph, 0);
    driver->graphDestroy(graph);
    DLRT_RETURN_IF_ERROR(driver->check(made, "cuGraphInstantiateWithFlags"));
    result = std::make_unique<CudaRecording>(loaded, exec);
    return {};
  }
  Status replay(Recording &recording) override {
    SharedContext::Scope driver(*loaded.context);
    return driver->check(
        driver->graphLaunch(static_cast<CudaRecording &>(recording).exec,
                            stream),
        "cuGraphLaunch");
  }

private:
  const Loaded &loaded;
  Stream own = nullptr, stream = nullptr; ///< the queue's, and the one in use
  Stream replayed = nullptr;              ///< in use again after recording
  Event timingStart = nullptr, timingEnd = nullptr; // made on first use
  // Of the launch at hand; kept so that launching allocates nothing.
  std::vector<DevicePointer> pointers;
  std::vector<int32_t> sizes;
  std::vector<TensorMap> maps;
  std::vector<void *> parameters;
};

Status CudaQueue::launch(const Launch &launch) {
  if (launch.blocks == 0)
    return {};
  const LoadedKernel &kernel = loaded.kernels[launch.kernel];
  const fb::DeviceKernel &described = *kernel.description;
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  pointers.clear();
  sizes.clear();
  maps.clear();
  parameters.clear();
  for (uint32_t i = 0; i < launch.argCount; ++i)
    pointers.push_back(toDevice(launch.args[i]));
  for (uint32_t i = 0; i < launch.sizeCount; ++i) {
    if (launch.sizes[i] < 0 || launch.sizes[i] > kMost)
      return {Code::Unsupported, "kernel " + described.name()->str() +
                                     " has the size " +
                                     std::to_string(launch.sizes[i]) +
                                     ", and sizes on the device have 32 bits"};
    sizes.push_back(static_cast<int32_t>(launch.sizes[i]));
  }
  for (DevicePointer &pointer : pointers)
    parameters.push_back(&pointer);
  for (int32_t &size : sizes)
    parameters.push_back(&size);
  SharedContext::Scope driver(*loaded.context);
  if (described.maps()) {
    for (const fb::TensorMap *map : *described.maps())
      DLRT_RETURN_IF_ERROR(encodeTensorMap(
          *driver, *map, pointers[static_cast<size_t>(map->arg())],
          launch.sizes, maps.emplace_back()));
    for (TensorMap &map : maps)
      parameters.push_back(&map);
  }
  // Workgroups step on by the number of them: fewer are right, too.
  int64_t most = described.persistent() ? loaded.processors : kMost;
  auto blocks = static_cast<unsigned>(std::min(launch.blocks, most));
  return driver->check(
      driver->launchKernel(kernel.function, blocks, 1, 1,
                           static_cast<unsigned>(described.threads()), 1, 1,
                           static_cast<unsigned>(described.shared_bytes()),
                           stream, parameters.data(), nullptr),
      "cuLaunchKernel");
}

//===----------------------------------------------------------------------===//
// Module
//===----------------------------------------------------------------------===//

class CudaModule : public DeviceModule {
public:
  ~CudaModule() override { releaseConstants(); }
  const std::string &name() const override { return loaded.name; }
  Status openQueue(std::unique_ptr<DeviceQueue> &result) override {
    auto queue = std::make_unique<CudaQueue>(loaded);
    DLRT_RETURN_IF_ERROR(queue->open());
    result = std::move(queue);
    return {};
  }
  Allocator memory() override { return {&loaded, allocate, release}; }
  DeviceLimits limits() const override { // positions have 32 bits
    return {name(), std::numeric_limits<int32_t>::max(), /*iterations=*/0};
  }
  Status load(const Artifact &artifact, int ordinal);

private:
  // The driver aligns memory to 256 bytes or more.
  static void *allocate(void *context, size_t bytes, size_t) {
    SharedContext::Scope driver(*static_cast<Loaded *>(context)->context);
    DevicePointer memory = 0;
    if (driver->memoryAllocate(&memory, bytes) != kSuccess)
      return nullptr;
    return reinterpret_cast<void *>(static_cast<uintptr_t>(memory));
  }
  static void release(void *context, void *memory, size_t, size_t) {
    SharedContext::Scope driver(*static_cast<Loaded *>(context)->context);
    driver->memoryFree(toDevice(memory));
  }
  Status loadKernels(const Artifact &artifact, const fb::DeviceCode &code,
                     int sharedLimit);

  Loaded loaded;
};

/// "sm_90a" as 90 and true: code for that one capability alone.
bool parseArch(const std::string &arch, int &capability, bool &isSpecial) {
  if (arch.compare(0, 3, "sm_") != 0)
    return false;
  size_t end = 3;
  capability = 0;
  while (end < arch.size() && end < 6 && arch[end] >= '0' && arch[end] <= '9')
    capability = capability * 10 + (arch[end++] - '0');
  isSpecial = end + 1 == arch.size() && arch[end] == 'a';
  return end > 3 && (isSpecial || end == arch.size());
}

/// The last of the module's codes that a device of this capability runs.
Status chooseCode(const Artifact &artifact, int capability,
                  const fb::DeviceCode *&result) {
  std::string archs;
  result = nullptr;
  if (const auto *codes = artifact.header().devices())
    for (const fb::DeviceCode *code : *codes) {
      if (code->target()->str() != "cuda" || !code->arch())
        continue;
      std::string arch = code->arch()->str();
      int wanted = 0;
      bool isSpecial = false;
      archs += (archs.empty() ? "" : ", ") + arch;
      if (parseArch(arch, wanted, isSpecial) &&
          (isSpecial ? capability == wanted : capability >= wanted))
        result = code;
    }
  if (result)
    return {};
  return {Code::Unsupported,
          archs.empty() ? std::string("the module has no code for CUDA devices")
                        : "the module has code for " + archs +
                              ", and the device's capability is sm_" +
                              std::to_string(capability)};
}

Status CudaModule::loadKernels(const Artifact &artifact,
                               const fb::DeviceCode &code, int sharedLimit) {
  SharedContext::Scope driver(*loaded.context);
  const fb::Segment &segment = *code.code();
  // The driver wants a zero at the end of a text.
  std::string text(reinterpret_cast<const char *>(artifact.bytes(segment)),
                   segment.size());
  constexpr int kErrorLog = 5, kErrorLogBytes = 6;
  char log[2048] = {};
  int keys[] = {kErrorLog, kErrorLogBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof(log))};
  if (Result result =
          driver->moduleLoad(&loaded.library, text.c_str(), 2, keys, values)) {
    Status status = driver->check(result, "cuModuleLoadDataEx");
    std::string said(log);
    return {status.code(),
            status.message() + (said.empty() ? "" : " (" + said + ")")};
  }
  if (!code.kernels())
    return {};
  for (const fb::DeviceKernel *kernel : *code.kernels()) {
    LoadedKernel made;
    made.description = kernel;
    std::string name = kernel->name()->str();
    DLRT_RETURN_IF_ERROR(driver->check(
        driver->moduleFunction(&made.function, loaded.library, name.c_str()),
        "cuModuleGetFunction"));
    if (kernel->shared_bytes() > sharedLimit)
      return {Code::Unsupported,
              "kernel " + name + " needs " +
                  std::to_string(kernel->shared_bytes()) +
                  " bytes of shared memory, and the device has " +
                  std::to_string(sharedLimit)};
    if (kernel->maps() && !driver->encodeTensorMap)
      return {Code::Unsupported, "kernel " + name +
                                     " needs a driver of CUDA 12: this one "
                                     "lacks cuTensorMapEncodeTiled"};
    if (kernel->shared_bytes() > 0)
      DLRT_RETURN_IF_ERROR(driver->check(
          driver->functionSetAttribute(made.function, kMaxDynamicSharedBytes,
                                       kernel->shared_bytes()),
          "cuFuncSetAttribute"));
    loaded.kernels.push_back(made);
  }
  return {};
}

Status CudaModule::load(const Artifact &artifact, int ordinal) {
  std::shared_ptr<Driver> driver;
  DLRT_RETURN_IF_ERROR(Driver::open(driver));
  int count = 0;
  DLRT_RETURN_IF_ERROR(
      driver->check(driver->deviceCount(&count), "cuDeviceGetCount"));
  if (ordinal >= count)
    return {Code::NotFound,
            "there is no device cuda:" + std::to_string(ordinal) + ", only " +
                std::to_string(count)};
  Device device = 0;
  DLRT_RETURN_IF_ERROR(
      driver->check(driver->deviceGet(&device, ordinal), "cuDeviceGet"));
  char name[256] = {};
  int major = 0, minor = 0, sharedLimit = 0, processors = 1;
  DLRT_RETURN_IF_ERROR(driver->check(
      driver->deviceName(name, sizeof(name) - 1, device), "cuDeviceGetName"));
  for (auto [attribute, value] :
       {std::pair(kComputeCapabilityMajor, &major),
        std::pair(kComputeCapabilityMinor, &minor),
        std::pair(kMultiprocessors, &processors),
        std::pair(kSharedBytesPerBlockOptin, &sharedLimit)})
    DLRT_RETURN_IF_ERROR(
        driver->check(driver->deviceAttribute(value, attribute, device),
                      "cuDeviceGetAttribute"));
  loaded.name = name;
  loaded.processors = processors;
  const fb::DeviceCode *code = nullptr;
  Status chosen = chooseCode(artifact, major * 10 + minor, code);
  DLRT_RETURN_IF_ERROR(std::move(chosen).at(loaded.name));
  DLRT_RETURN_IF_ERROR(
      SharedContext::retain(std::move(driver), device, loaded.context));
  return loadKernels(artifact, *code, sharedLimit).at(loaded.name);
}

} // namespace

Status loadModule(const Artifact &artifact, int ordinal,
                  std::unique_ptr<DeviceModule> &result) {
  auto module = std::make_unique<CudaModule>();
  DLRT_RETURN_IF_ERROR(module->load(artifact, ordinal));
  result = std::move(module);
  return {};
}

std::vector<std::string> listDevices() {
  std::vector<std::string> names;
  std::shared_ptr<Driver> driver;
  int count = 0;
  if (!Driver::open(driver).ok() || driver->deviceCount(&count) != kSuccess)
    return names;
  for (int i = 0; i < count; ++i) {
    Device device = 0;
    char name[256] = {};
    if (driver->deviceGet(&device, i) == kSuccess &&
        driver->deviceName(name, sizeof(name) - 1, device) == kSuccess)
      names.emplace_back(name);
  }
  return names;
}

} // namespace dlrt::cuda

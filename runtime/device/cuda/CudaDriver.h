// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The functions of CUDA's driver that the runtime calls, found at run time: no
// header or library of CUDA is needed to build or to start. Declarations follow
// the CUDA Driver API's reference, version 12.

#ifndef DLRT_DEVICE_CUDA_CUDADRIVER_H
#define DLRT_DEVICE_CUDA_CUDADRIVER_H

#include "runtime/artifact/Status.h"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace dlrt::cuda {

using Result = int; // CUresult; 0 is success
using Device = int;
using DevicePointer = uint64_t;
using Context = struct ContextHandle *;
using Library = struct LibraryHandle *; // CUmodule
using Function = struct FunctionHandle *;
using Stream = struct StreamHandle *;
using Event = struct EventHandle *;
using Graph = struct GraphHandle *;
using GraphExec = struct GraphExecHandle *;

/// CUdevice_attribute.
enum Attribute : int {
  kSharedBytesPerBlockOptin = 97,
  kComputeCapabilityMajor = 75,
  kComputeCapabilityMinor = 76,
  kMultiprocessors = 16,
};
/// CUfunction_attribute.
enum FunctionAttribute : int { kMaxDynamicSharedBytes = 8 };
/// CUresult.
enum : Result { kSuccess = 0, kOutOfMemory = 2, kNoDevice = 100 };

// X(name as declared here, name in the library, parameters)
#define DLRT_CUDA_FUNCTIONS(X)                                                 \
  X(init, "cuInit", (unsigned flags))                                          \
  X(deviceCount, "cuDeviceGetCount", (int *count))                             \
  X(deviceGet, "cuDeviceGet", (Device * device, int ordinal))                  \
  X(deviceName, "cuDeviceGetName", (char *name, int length, Device device))    \
  X(deviceAttribute, "cuDeviceGetAttribute",                                   \
    (int *value, int attribute, Device device))                                \
  X(contextRetain, "cuDevicePrimaryCtxRetain",                                 \
    (Context * context, Device device))                                        \
  X(contextRelease, "cuDevicePrimaryCtxRelease_v2", (Device device))           \
  X(contextPush, "cuCtxPushCurrent_v2", (Context context))                     \
  X(contextPop, "cuCtxPopCurrent_v2", (Context * context))                     \
  X(moduleLoad, "cuModuleLoadDataEx",                                          \
    (Library * library, const void *image, unsigned options, int *keys,        \
     void **values))                                                           \
  X(moduleUnload, "cuModuleUnload", (Library library))                         \
  X(moduleFunction, "cuModuleGetFunction",                                     \
    (Function * function, Library library, const char *name))                  \
  X(functionSetAttribute, "cuFuncSetAttribute",                                \
    (Function function, int attribute, int value))                             \
  X(launchKernel, "cuLaunchKernel",                                            \
    (Function function, unsigned gridX, unsigned gridY, unsigned gridZ,        \
     unsigned blockX, unsigned blockY, unsigned blockZ, unsigned sharedBytes,  \
     Stream stream, void **parameters, void **extra))                          \
  X(memoryAllocate, "cuMemAlloc_v2", (DevicePointer * memory, size_t bytes))   \
  X(memoryFree, "cuMemFree_v2", (DevicePointer memory))                        \
  X(copyToDevice, "cuMemcpyHtoDAsync_v2",                                      \
    (DevicePointer to, const void *from, size_t bytes, Stream stream))         \
  X(copyToHost, "cuMemcpyDtoHAsync_v2",                                        \
    (void *to, DevicePointer from, size_t bytes, Stream stream))               \
  X(copyOnDevice, "cuMemcpyDtoDAsync_v2",                                      \
    (DevicePointer to, DevicePointer from, size_t bytes, Stream stream))       \
  X(streamCreate, "cuStreamCreate", (Stream * stream, unsigned flags))         \
  X(streamDestroy, "cuStreamDestroy_v2", (Stream stream))                      \
  X(streamWait, "cuStreamSynchronize", (Stream stream))                        \
  X(eventCreate, "cuEventCreate", (Event * event, unsigned flags))             \
  X(eventDestroy, "cuEventDestroy_v2", (Event event))                          \
  X(eventRecord, "cuEventRecord", (Event event, Stream stream))                \
  X(eventElapsed, "cuEventElapsedTime",                                        \
    (float *milliseconds, Event start, Event end))                             \
  X(captureBegin, "cuStreamBeginCapture_v2", (Stream stream, int mode))        \
  X(captureEnd, "cuStreamEndCapture", (Stream stream, Graph * graph))          \
  X(graphInstantiate, "cuGraphInstantiateWithFlags",                           \
    (GraphExec * exec, Graph graph, unsigned long long flags))                 \
  X(graphDestroy, "cuGraphDestroy", (Graph graph))                             \
  X(graphLaunch, "cuGraphLaunch", (GraphExec exec, Stream stream))             \
  X(graphExecDestroy, "cuGraphExecDestroy", (GraphExec exec))                  \
  X(errorName, "cuGetErrorName", (Result result, const char **name))           \
  X(errorText, "cuGetErrorString", (Result result, const char **text))

/// CUtensorMap.
struct alignas(64) TensorMap {
  uint64_t opaque[16];
};

/// cuTensorMapEncodeTiled, which drivers before CUDA 12 do not have. Dimensions
/// from the innermost on; strides are bytes, without the innermost.
using EncodeTensorMap = Result (*)(TensorMap *map, int type, uint32_t rank,
                                   void *address, const uint64_t *extents,
                                   const uint64_t *strides, const uint32_t *box,
                                   const uint32_t *elementStrides,
                                   int interleave, int swizzle, int promotion,
                                   int fill);

/// The driver's functions.
class Driver {
public:
  /// Opens libcuda.so.1 and starts it. NotFound: there is no driver, or it has
  /// no device.
  static Status open(std::shared_ptr<Driver> &result);
  ~Driver();
  Driver(const Driver &) = delete;
  Driver &operator=(const Driver &) = delete;

  /// Success, or a status that names the call and what the driver says.
  Status check(Result result, const char *call) const;

  // Names and lists of parameters stand in no parentheses.
  // NOLINTBEGIN(bugprone-macro-parentheses)
#define DLRT_CUDA_DECLARE(name, symbol, parameters)                            \
  Result(*name) parameters = nullptr;
  DLRT_CUDA_FUNCTIONS(DLRT_CUDA_DECLARE)
#undef DLRT_CUDA_DECLARE
  // NOLINTEND(bugprone-macro-parentheses)
  EncodeTensorMap encodeTensorMap = nullptr; ///< null where there is none

private:
  Driver() = default;
  void *library = nullptr;
};

} // namespace dlrt::cuda

#endif // DLRT_DEVICE_CUDA_CUDADRIVER_H

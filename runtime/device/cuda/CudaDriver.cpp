// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cuda/CudaDriver.h"

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace dlrt::cuda {

#if defined(_WIN32)
static const char *const kLibrary = "nvcuda.dll";
static void *openLibrary() { return LoadLibraryA(kLibrary); }
static void closeLibrary(void *library) { FreeLibrary((HMODULE)library); }
static void *getSymbol(void *library, const char *name) {
  return (void *)GetProcAddress((HMODULE)library, name);
}
#else
static const char *const kLibrary = "libcuda.so.1";
static void *openLibrary() { return dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL); }
static void closeLibrary(void *library) { dlclose(library); }
static void *getSymbol(void *library, const char *name) {
  return dlsym(library, name);
}
#endif

Driver::~Driver() {
  if (library)
    closeLibrary(library);
}

Status Driver::check(Result result, const char *call) const {
  if (result == kSuccess)
    return {};
  const char *name = nullptr, *text = nullptr;
  errorName(result, &name);
  errorText(result, &text);
  return {result == kOutOfMemory ? Code::OutOfMemory : Code::Internal,
          std::string(call) + " failed with " +
              (name ? name : std::to_string(result).c_str()) +
              (text ? std::string(": ") + text : std::string())};
}

Status Driver::open(std::shared_ptr<Driver> &result) {
  std::shared_ptr<Driver> driver(new Driver);
  driver->library = openLibrary();
  if (!driver->library)
    return {Code::NotFound,
            std::string("there is no CUDA driver: cannot open ") + kLibrary};
  // NOLINTBEGIN(bugprone-macro-parentheses): names, lists of parameters
#define DLRT_CUDA_LOAD(name, symbol, parameters)                               \
  driver->name = reinterpret_cast<Result(*) parameters>(                       \
      getSymbol(driver->library, symbol));                                     \
  if (!driver->name)                                                           \
    return {Code::NotFound,                                                    \
            std::string(kLibrary) + " is too old: it lacks " + symbol};
  DLRT_CUDA_FUNCTIONS(DLRT_CUDA_LOAD)
#undef DLRT_CUDA_LOAD
  // NOLINTEND(bugprone-macro-parentheses)
  driver->encodeTensorMap = reinterpret_cast<EncodeTensorMap>(
      getSymbol(driver->library, "cuTensorMapEncodeTiled"));
  int count = 0;
  Result started = driver->init(0);
  if (started == kNoDevice)
    return {Code::NotFound, "the CUDA driver has no device"};
  DLRT_RETURN_IF_ERROR(driver->check(started, "cuInit"));
  DLRT_RETURN_IF_ERROR(
      driver->check(driver->deviceCount(&count), "cuDeviceGetCount"));
  if (count == 0)
    return {Code::NotFound, "the CUDA driver has no device"};
  result = std::move(driver);
  return {};
}

} // namespace dlrt::cuda

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/host/OptionalFunctions.h"

#include <cstring>
#include <string>

#if !defined(_WIN32)
#include <dlfcn.h>
#endif

namespace dlrt {
namespace {

#if defined(__APPLE__)
constexpr const char *kLibrary = "libdlrtHostOps.0.dylib";
#else
constexpr const char *kLibrary = "libdlrtHostOps.so.0";
#endif

Status missing(const char *name, const std::string &why) {
  return {Code::Unsupported, "the function '" + std::string(name) +
                                 "' is in the library " + kLibrary + ", " +
                                 why};
}

#if !defined(_WIN32)
/// The folder of the runtime's library, with a slash after it, or nothing.
std::string ownFolder() {
  Dl_info info;
  auto *self = reinterpret_cast<const void *>(&isOptionalFunction);
  if (dladdr(self, &info) == 0 || !info.dli_fname)
    return {};
  std::string path = info.dli_fname;
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}
#endif

} // namespace

bool isOptionalFunction(const char *name) {
  for (const char *known :
       {"unicode_case", "string_match", "image_size", "decode_image"})
    if (strcmp(name, known) == 0)
      return true;
  return false;
}

#if defined(_WIN32)
Status findOptionalFunction(const char *name, const HostFunction *&) {
  return missing(name, "which this system does not have");
}
#else
Status findOptionalFunction(const char *name, const HostFunction *&function) {
  // The loader counts: it is opened once and stays.
  void *library = nullptr;
  if (std::string folder = ownFolder(); !folder.empty())
    library = dlopen((folder + kLibrary).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    return missing(name, "which cannot be opened: " +
                             std::string(reason ? reason : "it is not there"));
  }
  void *symbol = dlsym(library, "dlrt_host_ops");
  auto list = reinterpret_cast<OptionalFunctionList>(symbol);
  const HostFunction *const *functions =
      list ? list(DLRT_VERSION_TEXT) : nullptr;
  if (!functions)
    return missing(name, "which is of another version than the runtime");
  for (; *functions; ++functions)
    if (strcmp((*functions)->name, name) == 0) {
      function = *functions;
      return {};
    }
  return missing(name, "which was built without it");
}
#endif

} // namespace dlrt

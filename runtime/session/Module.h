// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_SESSION_MODULE_H
#define DLRT_SESSION_MODULE_H

#include "runtime/artifact/Artifact.h"
#include "runtime/device/Device.h"
#include "runtime/device/cpu/CodeImage.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace dlrt {

/// An open module: the artifact, and what its sessions share. Safe for any
/// thread.
class Module {
public:
  explicit Module(std::unique_ptr<Artifact> artifact)
      : opened(std::move(artifact)) {}
  ~Module();
  Module(const Module &) = delete;
  Module &operator=(const Module &) = delete;

  const Artifact &artifact() const { return *opened; }
  const fb::Module &header() const { return opened->header(); }

  /// The position of the entry called `name`, or of the first one where `name`
  /// is null or empty.
  Status findEntry(const char *name, uint32_t &index) const;

  /// Loads the code for this CPU on first use. The image lives as long as the
  /// module.
  Status cpuCode(const CodeImage *&image);

  /// Loads the code for a device ("cuda:0") on first use. It lives as long as
  /// the module.
  Status deviceModule(const std::string &device, DeviceModule *&result);

  /// The memory of a constant: the file's, or for a splat, and for one that the
  /// file has coded or in another order, a tensor made on first use. Lives as
  /// long as the module.
  Status constant(uint32_t index, const void *&data, int64_t &bytes);

private:
  Status makeConstant(uint32_t index, std::byte *to, int64_t bytes) const;

  std::unique_ptr<Artifact> opened;
  std::mutex mutex;
  std::unique_ptr<CodeImage> image;
  std::map<std::string, std::unique_ptr<DeviceModule>> devices;
  std::vector<void *> made; ///< one for each constant, null where not made
};

} // namespace dlrt

#endif // DLRT_SESSION_MODULE_H

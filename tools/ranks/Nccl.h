// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// NVIDIA's library of collective operations, opened at run time: reductions of
// what lies in the memory of CUDA devices.

#ifndef DL_TOOLS_RANKS_NCCL_H
#define DL_TOOLS_RANKS_NCCL_H

#include "tools/ranks/Ranks.h"

#include <memory>
#include <string>

namespace dl::ranks {

class Nccl {
public:
  /// Opens the library that the environment variable DL_NCCL_LIBRARY names, or
  /// libnccl.so.2; null, with the reason, where it is not there.
  static std::unique_ptr<Nccl> open(std::string &reason);

  ~Nccl();
  Nccl(const Nccl &) = delete;
  Nccl &operator=(const Nccl &) = delete;

  /// Replaces numbers of a device's memory by their means over all ranks, in
  /// the order of what is in `stream`, while the device's context is current.
  /// Meets the others of `ranks` at the first call. Returns what failed, or
  /// nothing.
  std::string reduce(Ranks &ranks, void *data, uint64_t elements, bool isDouble,
                     void *stream);

private:
  // As NCCL's header declares them, version 2.10 and later.
  using Communicator = void *;
  struct UniqueId {
    char bytes[128];
  };

  Nccl() = default;
  std::string meet(Ranks &ranks);
  std::string describe(const char *call, int code) const;

  int (*getUniqueId)(UniqueId *id) = nullptr;
  int (*initRank)(Communicator *communicator, int ranks, UniqueId id,
                  int rank) = nullptr;
  int (*allReduce)(const void *from, void *to, size_t count, int type,
                   int operation, Communicator communicator,
                   void *stream) = nullptr;
  int (*destroy)(Communicator communicator) = nullptr;
  const char *(*getErrorString)(int code) = nullptr;
  Communicator communicator = nullptr;
};

} // namespace dl::ranks

#endif // DL_TOOLS_RANKS_NCCL_H

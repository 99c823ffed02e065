// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/ranks/Nccl.h"

#include <cstdlib>
#include <dlfcn.h>
#include <type_traits>

namespace dl::ranks {

std::unique_ptr<Nccl> Nccl::open(std::string &reason) {
  const char *given = std::getenv("DL_NCCL_LIBRARY");
  std::string name = given ? given : "libnccl.so.2";
  void *library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    reason = name + ": cannot be opened: " + dlerror();
    return nullptr;
  }
  std::unique_ptr<Nccl> result(new Nccl);
  auto bind = [&](auto &function, const char *symbol) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(
        dlsym(library, symbol));
    if (!function)
      reason = name + ": has no '" + symbol + "'";
  };
  bind(result->getUniqueId, "ncclGetUniqueId");
  bind(result->initRank, "ncclCommInitRank");
  bind(result->allReduce, "ncclAllReduce");
  bind(result->destroy, "ncclCommDestroy");
  bind(result->getErrorString, "ncclGetErrorString");
  return reason.empty() ? std::move(result) : nullptr;
}

Nccl::~Nccl() {
  if (communicator)
    destroy(communicator);
}

std::string Nccl::describe(const char *call, int code) const {
  return code == 0 ? std::string()
                   : std::string(call) + ": " + getErrorString(code);
}

/// All ranks make a communicator, of which the first one chooses the name.
std::string Nccl::meet(Ranks &ranks) {
  UniqueId id = {};
  int code = ranks.isFirst() ? getUniqueId(&id) : 0;
  ranks.broadcast(&id, sizeof id);
  if (code != 0)
    return describe("ncclGetUniqueId", code);
  return describe("ncclCommInitRank",
                  initRank(&communicator, ranks.count(), id, ranks.rank()));
}

std::string Nccl::reduce(Ranks &ranks, void *data, uint64_t elements,
                         bool isDouble, void *stream) {
  constexpr int kFloat32 = 7, kFloat64 = 8, kMean = 4;
  if (!communicator)
    if (std::string failure = meet(ranks); !failure.empty())
      return failure;
  return describe("ncclAllReduce", allReduce(data, data, elements,
                                             isDouble ? kFloat64 : kFloat32,
                                             kMean, communicator, stream));
}

} // namespace dl::ranks

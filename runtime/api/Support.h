// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_API_SUPPORT_H
#define DLRT_API_SUPPORT_H

#include "runtime/api/dlrt.h"
#include "runtime/artifact/Status.h"
#include "runtime/session/Module.h"
#include "runtime/session/Session.h"
#include "runtime/session/States.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <new>

struct dlrt_module {
  std::shared_ptr<dlrt::Module> module;
};

struct dlrt_state {
  std::shared_ptr<dlrt::States> states;
};

struct dlrt_session {
  std::unique_ptr<dlrt::Session> session;
  uint32_t entry = 0;
  dlrt_state state; ///< empty where the entry has none
};

namespace dlrt::api {

/// Hands a status to the caller: its code, and its message where there is room.
dlrt_status report(const Status &status, dlrt_error *error);

/// Runs `body`, which returns a Status, and lets no exception out.
template <typename Body> dlrt_status guarded(dlrt_error *error, Body body) {
  try {
    return report(body(), error);
  } catch (const std::bad_alloc &) {
    return report({Code::OutOfMemory, std::string()}, error);
  } catch (const std::exception &) {
    return report({Code::Internal, std::string()}, error);
  }
}

inline Status invalid(const char *message) {
  return {Code::InvalidArgument, message};
}

/// Copies what the caller's version of the struct has room for.
template <typename T> Status store(const T &value, T *target) {
  if (!target || target->struct_size < sizeof(size_t))
    return invalid("a struct is null or has no struct_size");
  size_t size = std::min(target->struct_size, sizeof(T));
  memcpy(reinterpret_cast<char *>(target) + sizeof(size_t),
         reinterpret_cast<const char *>(&value) + sizeof(size_t),
         size - sizeof(size_t));
  return {};
}

/// Copies what the caller's version of the struct has; the rest stays zero.
template <typename T> Status fetch(const T *source, T &value) {
  value = {};
  if (!source || source->struct_size < sizeof(size_t))
    return invalid("a struct is null or has no struct_size");
  memcpy(&value, source, std::min(source->struct_size, sizeof(T)));
  return {};
}

} // namespace dlrt::api

#endif // DLRT_API_SUPPORT_H

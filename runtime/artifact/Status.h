// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_ARTIFACT_STATUS_H
#define DLRT_ARTIFACT_STATUS_H

#include <cstdint>
#include <string>
#include <utility>

namespace dlrt {

/// Stable codes; the values are those of dlrt_status in dlrt.h.
enum class Code : int32_t {
  Ok = 0,
  InvalidArgument = 1,
  NotFound = 2,
  IoError = 3,
  BadModule = 4,
  NewerFormat = 5,
  Unsupported = 6,
  Mismatch = 7,
  OutOfMemory = 8,
  Cancelled = 9,
  Busy = 10,
  NotBound = 11,
  Internal = 12,
  DeviceLost = 13,
};

/// The outcome of a call that can fail: a code, and a message where it failed.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(Code code, std::string message)
      : codeValue(code), text(std::move(message)) {}

  bool ok() const { return codeValue == Code::Ok; }
  Code code() const { return codeValue; }
  const std::string &message() const { return text; }

  /// The same failure with "WHERE: " put before its message.
  Status at(const std::string &where) && {
    return ok() ? Status() : Status(codeValue, where + ": " + text);
  }

private:
  Code codeValue = Code::Ok;
  std::string text;
};

} // namespace dlrt

/// Returns from the enclosing function when `expression` fails.
#define DLRT_RETURN_IF_ERROR(expression)                                       \
  do {                                                                         \
    if (::dlrt::Status status_ = (expression); !status_.ok())                  \
      return status_;                                                          \
  } while (false)

#endif // DLRT_ARTIFACT_STATUS_H

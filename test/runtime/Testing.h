// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TEST_RUNTIME_TESTING_H
#define DL_TEST_RUNTIME_TESTING_H

#include "runtime/api/dlrt.hpp"
#include "test/runtime/Kernels.h"
#include "test/runtime/ModuleBuilder.h"

#include <gtest/gtest.h>

namespace dltest {

/// `count` numbers from `start` on.
inline std::vector<float> iota(size_t count, float start = 0) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = start + float(i);
  return values;
}

/// The message of the error that `body` throws, which must have the given
/// status; empty when it throws none.
template <typename Body> std::string errorOf(dlrt_status status, Body body) {
  try {
    body();
  } catch (const dl::runtime::Error &error) {
    EXPECT_EQ(error.status(), status) << error.what();
    return error.what();
  }
  return "";
}

inline dl::runtime::Module open(ModuleBuilder &builder) {
  builder.finish();
  return dl::runtime::Module::open(builder.data(), builder.size());
}

inline dl::runtime::SessionOptions threads(int count) {
  dl::runtime::SessionOptions options;
  options.threads = count;
  return options;
}

/// The elements of an output.
template <typename T>
std::vector<T> result(const dl::runtime::Session &session, uint32_t index = 0) {
  dl::runtime::Tensor tensor = session.output(index);
  const T *data = tensor.as<T>();
  return std::vector<T>(data, data + tensor.elements());
}

} // namespace dltest

#endif // DL_TEST_RUNTIME_TESTING_H

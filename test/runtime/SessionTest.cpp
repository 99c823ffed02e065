// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/api/dlrt.hpp"
#include "test/runtime/Kernels.h"
#include "test/runtime/ModuleBuilder.h"

#include <gtest/gtest.h>

using namespace dl::runtime;
using namespace dltest;
using namespace dlrt;

namespace {

std::vector<float> iota(size_t count, float start = 0) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = start + float(i);
  return values;
}

/// The message of the error that `body` throws, empty when it throws none.
template <typename Body> std::string errorOf(dlrt_status status, Body body) {
  try {
    body();
  } catch (const Error &error) {
    EXPECT_EQ(error.status(), status) << error.what();
    return error.what();
  }
  return "";
}

TEST(Session, DoublesAVectorOfAnySize) {
  ModuleBuilder builder;
  buildDouble(builder);
  builder.finish();
  Module module = Module::open(builder.data(), builder.size());
  Session session(module);
  for (int64_t n : {5, 1, 0, 1000, 5}) {
    std::vector<float> x = iota(size_t(n));
    session.bindInput(0, x.data(), {n});
    session.run();
    Tensor y = session.output(0);
    ASSERT_EQ(y.dims, std::vector<int64_t>{n});
    ASSERT_NE(y.data, nullptr);
    for (int64_t i = 0; i < n; ++i)
      ASSERT_EQ(y.as<float>()[i], 2 * float(i));
  }
}

TEST(Session, WritesToTheCallersMemory) {
  ModuleBuilder builder;
  buildDouble(builder);
  builder.finish();
  Module module = Module::open(builder.data(), builder.size());
  Session session(module);
  // Not aligned to anything but the element.
  std::vector<float> x = iota(8), y(8, -1);
  session.bindInput(0, x.data() + 1, {6});
  session.bindOutput(0, y.data() + 1, 6 * sizeof(float));
  session.run();
  EXPECT_EQ(y, (std::vector<float>{-1, 2, 4, 6, 8, 10, 12, -1}));
  EXPECT_EQ(session.output(0).data, y.data() + 1);
  session.bindOutput(0, y.data(), 5 * sizeof(float));
  EXPECT_EQ(errorOf(DLRT_MISMATCH, [&] { session.run(); }),
            "output 0 'y': its memory has 20 bytes, expected 24");
}

} // namespace

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Modules of every format version that there has been still load and run.

#include "test/runtime/Testing.h"

using namespace dl::runtime;
using namespace dltest;

namespace {

TEST(Golden, EveryVersionRuns) {
#if !defined(__x86_64__)
  GTEST_SKIP() << "the golden modules hold code for x86-64";
#endif
  for (uint32_t version = 1; version <= dlrt_format_version(); ++version) {
    Module module = Module::open(std::string(DL_GOLDEN_DIR) + "/version" +
                                 std::to_string(version) + ".dlm");
    module.verify();
    EXPECT_EQ(module.info().format_version, version);
    Session session(module, threads(2));
    std::vector<float> x = iota(33);
    for (int64_t n : {20, 1, 32}) {
      session.bindInput(0, x.data(), {n});
      session.run();
      std::vector<float> y = result<float>(session);
      ASSERT_EQ(y.size(), size_t(n));
      for (int64_t i = 0; i < n; ++i)
        EXPECT_EQ(y[size_t(i)], 100 + 5 * float(i));
    }
    session.bindInput(0, x.data(), {33});
    EXPECT_EQ(errorOf(DLRT_MISMATCH, [&] { session.run(); }),
              "these input shapes do not fit: N is at most 32 (33 and 32)");
  }
}

} // namespace

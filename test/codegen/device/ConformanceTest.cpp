// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a session promises, on each device of this machine.

#include "runtime/api/dlrt.hpp"
#include "test/codegen/Floats.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <thread>

using namespace dl::runtime;
using testing::HasSubstr;

namespace {

/// Compiled files are removed in the end.
class Folder {
public:
  Folder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "dl-device-XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

/// With a target as its parameter: the first device of that name.
class Conformance : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    devices.clear();
    dlrt_list_devices(
        [](void *context, const char *target, const char *) {
          std::string name = target;
          static_cast<std::vector<std::string> *>(context)->push_back(
              name.substr(0, name.find(':')));
        },
        &devices);
    if (std::find(devices.begin(), devices.end(), GetParam()) == devices.end())
      GTEST_SKIP() << "this machine has no device for " << GetParam();
  }

  /// A module of Inputs/NAME.mlir.
  static Module compile(const std::string &name) {
    static Folder folder;
    std::string module =
        (folder.path / (name + "." + GetParam() + ".dlm")).string();
    std::string command = DL_COMPILE " " DL_MODELS "/" + name +
                          ".mlir --target=" + GetParam() + " -o " + module;
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    return Module::open(module);
  }

  static Session open(const Module &module) {
    SessionOptions options;
    options.target = GetParam();
    return Session(module, options);
  }

  std::vector<std::string> devices;
};

template <typename T>
std::vector<T> getOutput(const Session &session, uint32_t index) {
  Tensor tensor = session.output(index);
  const T *data = static_cast<const T *>(tensor.data);
  return {data, data + tensor.bytes / sizeof(T)};
}

void expectNear(const Floats &found, const Floats &expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i)
    ASSERT_NEAR(found[i], expected[i], 1e-5 * (1 + std::abs(expected[i])))
        << "at " << i;
}

/// The inputs of dense.mlir and what comes of them.
struct Dense {
  static constexpr size_t kDepth = 64, kColumns = 37;

  explicit Dense(size_t rows)
      : x(makeFloats(rows * kDepth, 1)), w(makeFloats(kDepth * kColumns, 2)),
        b(makeFloats(kColumns, 3)), expected(rows * kColumns) {
    for (size_t i = 0; i < rows; ++i)
      for (size_t j = 0; j < kColumns; ++j) {
        double sum = b[j];
        for (size_t k = 0; k < kDepth; ++k)
          sum += double(x[i * kDepth + k]) * w[k * kColumns + j];
        expected[i * kColumns + j] = float(std::max(sum, 0.0));
      }
  }

  void bind(Session &session) const {
    session.bindInput(0, x.data(), {int64_t(x.size() / kDepth), kDepth});
    session.bindInput(1, w.data(), {kDepth, kColumns});
    session.bindInput(2, b.data(), {kColumns});
  }

  Floats x, w, b, expected;
};

} // namespace

TEST_P(Conformance, ComputesAtSizesThatChange) {
  Session session = open(compile("dense"));
  for (size_t rows : {1, 17, 0, 64, 301, 17, 2}) {
    SCOPED_TRACE(rows);
    Dense dense(rows);
    dense.bind(session);
    session.run();
    expectNear(getOutput<float>(session, 0), dense.expected);
  }
}

TEST_P(Conformance, ReadsInputsAnewInEachRun) {
  Session session = open(compile("dense"));
  Dense dense(5), other(5);
  other.x = dense.x;
  dense.bind(session);
  session.run();
  std::fill(dense.b.begin(), dense.b.end(), -1000.0f);
  session.run();
  EXPECT_EQ(getOutput<float>(session, 0), Floats(dense.expected.size(), 0));
}

TEST_P(Conformance, WritesToTheCallersMemory) {
  Session session = open(compile("dense"));
  Dense dense(9);
  dense.bind(session);
  Floats result(dense.expected.size() + 1, 7.0f);
  session.bindOutput(0, result.data(), dense.expected.size() * sizeof(float));
  session.run();
  EXPECT_EQ(result.back(), 7.0f);
  result.pop_back();
  expectNear(result, dense.expected);
}

/// What one session leaves on the device is what another one reads.
TEST_P(Conformance, HandsMemoryOfTheDeviceOn) {
  Session first = open(compile("outer")), second = open(compile("dense"));
  if (GetParam() != std::string("cuda")) {
    try {
      first.bindDeviceOutput(0, nullptr, 0);
      FAIL() << "this device has no addresses for others";
    } catch (const Error &error) {
      EXPECT_EQ(error.status(), DLRT_UNSUPPORTED);
    }
    return;
  }
  constexpr size_t kRows = Dense::kDepth;
  Floats x = makeFloats(kRows, 4);
  first.bindInput(0, x.data(), {int64_t(kRows)});
  first.run();
  Dense dense(kRows);
  dense.x = getOutput<float>(first, 0);
  dense.bind(second);
  second.run();
  Floats expected = getOutput<float>(second, 0);

  first.bindDeviceOutput(0, nullptr, 0);
  first.run();
  second.bindDeviceInput(0, first.output(0).data, DLRT_FLOAT32,
                         {int64_t(kRows), int64_t(kRows)});
  second.run();
  EXPECT_EQ(getOutput<float>(second, 0), expected);
}

TEST_P(Conformance, SessionsOfThreadsShareAModule) {
  Module module = compile("dense");
  constexpr int kThreads = 3, kRuns = 10;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      Session session = open(module);
      Dense dense(size_t(10 * t + 1));
      dense.bind(session);
      for (int i = 0; i < kRuns; ++i) {
        session.run();
        expectNear(getOutput<float>(session, 0), dense.expected);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
}

/// Some devices end loops that are too long, or have them divided.
TEST_P(Conformance, DoesAllStepsOfLongLoops) {
  Session session = open(compile("long"));
  for (size_t count : {1, 1000, 70001, 3000000}) {
    SCOPED_TRACE(count);
    std::vector<int32_t> x(count), sums(count);
    for (size_t i = 0; i < count; ++i)
      x[i] = int32_t(i * 7919 % 1009) - 500;
    std::partial_sum(x.begin(), x.end(), sums.begin());
    session.bindInput(0, x.data(), {int64_t(count)});
    session.run();
    EXPECT_EQ(getOutput<int32_t>(session, 0).front(), sums.back());
    EXPECT_EQ(getOutput<int32_t>(session, 1).front(),
              *std::max_element(x.begin(), x.end()));
    EXPECT_EQ(getOutput<int32_t>(session, 2), sums);
  }
}

TEST_P(Conformance, TakesViewsAtAnyElement) {
  Session session = open(compile("views"));
  Floats x = makeFloats(131, 1), w = makeFloats(64 * 5, 2),
         expected = makeFloats(3, 3), head = expected;
  for (size_t i = 0; i < 2; ++i)
    for (size_t j = 0; j < 5; ++j) {
      double sum = 0;
      for (size_t k = 0; k < 64; ++k)
        sum += double(x[3 + i * 64 + k]) * w[k * 5 + j];
      expected.push_back(float(sum));
    }
  session.bindInput(0, x.data(), {131});
  session.bindInput(1, w.data(), {64, 5});
  session.bindInput(2, head.data(), {3});
  session.run();
  expectNear(getOutput<float>(session, 0), expected);
}

TEST_P(Conformance, WhatDoesNotFitIsAStatusAndNoEnd) {
  Session session = open(compile("outer"));
  Floats x(size_t(1) << 22);
  session.bindInput(0, x.data(), {int64_t(x.size())});
  try {
    session.run();
    FAIL() << "a tensor of 2^46 bytes was made";
  } catch (const Error &error) {
    EXPECT_THAT((std::vector{DLRT_OUT_OF_MEMORY, DLRT_UNSUPPORTED}),
                testing::Contains(error.status()))
        << error.what();
  }
  x = {1, 2};
  session.bindInput(0, x.data(), {2});
  session.run();
  EXPECT_EQ(getOutput<float>(session, 0), (Floats{2, 3, 3, 4}));
}

TEST_P(Conformance, AbsentDevicesAreNamed) {
  std::string name = std::string(GetParam()) + ":99";
  Module module = compile("outer");
  SessionOptions options;
  options.target = name.c_str();
  try {
    Session session(module, options);
    FAIL() << "there is a device " << name;
  } catch (const Error &error) {
    EXPECT_THAT(error.what(), HasSubstr(name));
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, Conformance,
                         testing::Values("cpu", "cuda", "vulkan"),
                         [](const auto &info) {
                           return std::string(info.param);
                         });

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sessions on a device with memory of its own, by the driver of FakeCuda.cpp.

#include "test/runtime/Testing.h"

#include <cstdlib>
#include <dlfcn.h>

using namespace dl::runtime;
using namespace dltest;
using namespace dlrt;

namespace {

/// The functions that FakeCuda.cpp has beside the driver's.
class Device : public testing::Test {
protected:
  void SetUp() override {
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    ASSERT_TRUE(library) << dlerror();
    calls = reinterpret_cast<long (*)(const char *)>(
        dlsym(library, "fakeCudaCalls"));
    blocks = reinterpret_cast<long (*)()>(dlsym(library, "fakeCudaBlocks"));
    ASSERT_TRUE(calls && blocks) << "a real driver is in the way";
  }
  void TearDown() override {
    unsetenv("FAKE_CUDA_FAIL");
    EXPECT_EQ(blocks(), 0) << "memory of the device was not given back";
  }
  static void fail(const char *symbol) {
    setenv("FAKE_CUDA_FAIL", symbol, /*overwrite=*/1);
  }
  static void recover() { unsetenv("FAKE_CUDA_FAIL"); }

  /// Makes the plan one for CUDA, with kernels 0 and 1.
  static void forCuda(ModuleBuilder &builder, const char *arch = "sm_80") {
    builder.plan().target = "cuda";
    auto code = std::make_unique<fb::DeviceCodeT>();
    code->target = "cuda";
    code->arch = arch;
    int args = 2;
    for (const char *name : {"double", "add"}) {
      auto kernel = std::make_unique<fb::DeviceKernelT>();
      kernel->name = name;
      kernel->args = args;
      // The fake driver takes the number of arguments from here.
      kernel->threads = args++;
      kernel->sizes = 1;
      code->kernels.push_back(std::move(kernel));
    }
    builder.module.devices.push_back(std::move(code));
  }
  static SessionOptions cuda(const char *target = "cuda") {
    SessionOptions options;
    options.target = target;
    return options;
  }

  long (*calls)(const char *) = nullptr;
  long (*blocks)() = nullptr;
};

/// y = 4 x + w, by temporaries.
void buildChain(ModuleBuilder &builder, const std::vector<float> &weights) {
  int n = builder.symbol("N", 0, 0);
  int bytes = builder.mul(n, builder.constant(4));
  int zero = builder.constant(0), second = builder.constant(4096);
  int x = builder.input("x", fb::ElementType_F32, {n});
  int y = builder.output("y", fb::ElementType_F32, {n});
  int w = builder.weights(weights);
  int t = builder.arena(zero, bytes), u = builder.arena(second, bytes);
  builder.plan().arena_size = builder.constant(8192);
  builder.dispatch(0, {x, t}, n, {n});
  builder.dispatch(0, {t, u}, n, {n});
  builder.dispatch(1, {u, w, y}, n, {n});
}

TEST_F(Device, RunsAChainAsARecordedGraph) {
  ModuleBuilder builder;
  std::vector<float> weights = iota(64, 100);
  buildChain(builder, weights);
  forCuda(builder);
  Module module = open(builder);
  Session session(module, cuda());
  long launched = calls("cuLaunchKernel"), replayed = calls("cuGraphLaunch");
  for (size_t n : {64u, 3u, 64u, 0u, 64u}) {
    std::vector<float> x = iota(n, 1);
    session.bindInput(0, x.data(), {int64_t(n)});
    session.run();
    std::vector<float> y = result<float>(session);
    ASSERT_EQ(y.size(), n);
    for (size_t i = 0; i < n; ++i)
      ASSERT_EQ(y[i], 4 * x[i] + weights[i]);
  }
  EXPECT_EQ(calls("cuGraphLaunch") - replayed, 5);
  // Launched while recording alone: for three shapes, of which one is empty.
  EXPECT_EQ(calls("cuLaunchKernel") - launched, 6);
}

TEST_F(Device, ProfilesByItsOwnClock) {
  ModuleBuilder builder;
  buildChain(builder, iota(64));
  forCuda(builder);
  Module module = open(builder);
  SessionOptions options = cuda();
  options.profile = 1;
  Session session(module, options);
  std::vector<float> x = iota(64);
  session.bindInput(0, x.data(), {64});
  session.run();
  std::vector<dlrt_profile_event> events = session.profile();
  ASSERT_EQ(events.size(), 3u);
  for (const dlrt_profile_event &event : events)
    EXPECT_EQ(event.duration_ns, 3000);
}

TEST_F(Device, SharesConstantsBetweenSessions) {
  ModuleBuilder builder;
  buildChain(builder, iota(64));
  forCuda(builder);
  Module module = open(builder);
  std::vector<float> x = iota(64);
  long before = calls("cuMemcpyHtoDAsync_v2");
  for (int i = 0; i < 3; ++i) {
    Session session(module, cuda());
    session.bindInput(0, x.data(), {64});
    session.run();
  }
  EXPECT_EQ(calls("cuMemcpyHtoDAsync_v2") - before, 3 + 1);
}

TEST_F(Device, CallsTheHost) {
  ModuleBuilder builder;
  int n = builder.constant(8), k = builder.constant(3);
  int x = builder.input("x", fb::ElementType_F32, {n});
  int values = builder.output("values", fb::ElementType_F32, {k});
  int at = builder.output("at", fb::ElementType_I64, {k});
  builder.call("topk", {x, values, at}, {0, 1, 1}).results = 2;
  forCuda(builder);
  Module module = open(builder);
  Session session(module, cuda());
  std::vector<float> data = {3, 1, 4, 1, 5, 9, 2, 6};
  session.bindInput(0, data.data(), {8});
  session.run();
  EXPECT_EQ(result<float>(session, 0), (std::vector<float>{9, 6, 5}));
  EXPECT_EQ(result<int64_t>(session, 1), (std::vector<int64_t>{5, 7, 4}));
}

TEST_F(Device, ReadsSizesFromItsMemory) {
  ModuleBuilder builder;
  int n = builder.symbol("N", 0, 0), m = builder.symbol("M", -1, 0);
  int bytes = builder.mul(m, builder.constant(4));
  int zero = builder.constant(0), one = builder.constant(1);
  int x = builder.input("x", fb::ElementType_F32, {n});
  int size = builder.input("size", fb::ElementType_I64, {one});
  int y = builder.output("y", fb::ElementType_F32, {m});
  int t = builder.arena(zero, bytes);
  builder.plan().arena_size = zero;
  builder.plan().late_arena_sizes = {bytes};
  builder.bind(size, {1}, "the size is not valid");
  builder.dispatch(0, {x, t}, m, {m});
  builder.dispatch(0, {t, y}, m, {m});
  forCuda(builder);
  Module module = open(builder);
  Session session(module, cuda());
  std::vector<float> data = iota(10);
  int64_t count = 4;
  session.bindInput(0, data.data(), {10});
  session.bindInput(1, &count, {1});
  session.run();
  EXPECT_EQ(result<float>(session), (std::vector<float>{0, 4, 8, 12}));
  count = -1;
  EXPECT_NE(errorOf(DLRT_MISMATCH, [&] { session.run(); })
                .find("the size is not valid"),
            std::string::npos);
}

TEST_F(Device, FailuresAreStatuses) {
  ModuleBuilder builder;
  buildChain(builder, iota(64));
  forCuda(builder);
  Module module = open(builder);
  std::vector<float> x = iota(64);
  fail("cuDevicePrimaryCtxRetain");
  errorOf(DLRT_OUT_OF_MEMORY, [&] { Session session(module, cuda()); });
  fail("cuModuleLoadDataEx");
  EXPECT_NE(errorOf(DLRT_INTERNAL, [&] { Session session(module, cuda()); })
                .find("Fake 9000: cuModuleLoadDataEx failed"),
            std::string::npos);
  recover();
  Session session(module, cuda());
  session.bindInput(0, x.data(), {64});
  for (const char *symbol : {"cuMemAlloc_v2"}) {
    fail(symbol);
    EXPECT_NE(errorOf(DLRT_OUT_OF_MEMORY, [&] { session.run(); }), "");
    recover();
  }
  for (const char *symbol :
       {"cuMemcpyHtoDAsync_v2", "cuLaunchKernel", "cuGraphLaunch"}) {
    fail(symbol);
    std::string message = errorOf(DLRT_INTERNAL, [&] { session.run(); });
    EXPECT_NE(message.find("CUDA_ERROR_LAUNCH_FAILED"), std::string::npos)
        << symbol << ": " << message;
    recover();
  }
  session.run();
  EXPECT_EQ(result<float>(session)[5], 25);
}

/// Memory and a stream of the program around, by the driver itself.
class Outside {
public:
  Outside() {
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    auto find = [&](auto &function, const char *name) {
      function = reinterpret_cast<std::decay_t<decltype(function)>>(
          dlsym(library, name));
    };
    find(allocate, "cuMemAlloc_v2");
    find(free, "cuMemFree_v2");
    find(toDevice, "cuMemcpyHtoDAsync_v2");
    find(toHost, "cuMemcpyDtoHAsync_v2");
    find(wait, "cuStreamSynchronize");
    find(createStream, "cuStreamCreate");
    find(destroyStream, "cuStreamDestroy_v2");
    createStream(&stream, 0);
  }
  ~Outside() {
    for (uint64_t block : memory)
      free(block);
    destroyStream(stream);
  }
  void *reserve(size_t bytes) {
    allocate(&memory.emplace_back(), bytes);
    return reinterpret_cast<void *>(memory.back());
  }
  void write(void *to, const std::vector<float> &values) {
    toDevice(reinterpret_cast<uint64_t>(to), values.data(),
             values.size() * sizeof(float), stream);
    wait(stream);
  }
  std::vector<float> read(const void *from, size_t count) {
    std::vector<float> values(count, -1);
    toHost(values.data(), reinterpret_cast<uint64_t>(from),
           count * sizeof(float), stream);
    wait(stream);
    return values;
  }
  void *stream = nullptr;

private:
  int (*allocate)(uint64_t *, size_t) = nullptr;
  int (*free)(uint64_t) = nullptr;
  int (*toDevice)(uint64_t, const void *, size_t, void *) = nullptr;
  int (*toHost)(void *, uint64_t, size_t, void *) = nullptr;
  int (*wait)(void *) = nullptr;
  int (*createStream)(void **, unsigned) = nullptr;
  int (*destroyStream)(void *) = nullptr;
  std::vector<uint64_t> memory;
};

TEST_F(Device, ReadsAndWritesTheCallersMemoryOnIt) {
  ModuleBuilder builder;
  std::vector<float> weights = iota(64, 100);
  buildChain(builder, weights);
  forCuda(builder);
  Module module = open(builder);
  Session session(module, cuda());
  Outside outside;
  constexpr size_t kCount = 64, kBytes = kCount * sizeof(float);
  void *x = outside.reserve(kBytes), *y = outside.reserve(kBytes),
       *z = outside.reserve(kBytes);
  session.bindDeviceInput(0, x, DLRT_FLOAT32, {int64_t(kCount)});
  session.bindDeviceOutput(0, y, kBytes);
  // The weights are copied once, nothing else is.
  session.prepare();
  long up = calls("cuMemcpyHtoDAsync_v2"), down = calls("cuMemcpyDtoHAsync_v2");
  for (float first : {1.f, 7.f}) {
    outside.write(x, iota(kCount, first));
    session.run();
    EXPECT_EQ(session.output(0).data, y);
    std::vector<float> found = outside.read(y, kCount);
    for (size_t i = 0; i < kCount; ++i)
      ASSERT_EQ(found[i], 4 * (first + float(i)) + weights[i]);
  }
  EXPECT_EQ(calls("cuMemcpyHtoDAsync_v2") - up, 2);   // the test's
  EXPECT_EQ(calls("cuMemcpyDtoHAsync_v2") - down, 2); // likewise
  // Another place, and memory of the session's own.
  session.bindDeviceOutput(0, z, kBytes);
  session.run();
  EXPECT_EQ(outside.read(z, kCount), outside.read(y, kCount));
  session.bindDeviceOutput(0, nullptr, 0);
  session.run();
  EXPECT_NE(session.output(0).data, z);
  EXPECT_EQ(outside.read(session.output(0).data, kCount),
            outside.read(y, kCount));
  // And back to the host's.
  session.bindOutput(0, nullptr, 0);
  std::vector<float> host = iota(kCount, 7);
  session.bindInput(0, host.data(), {int64_t(kCount)});
  session.run();
  EXPECT_EQ(result<float>(session), outside.read(y, kCount));
}

TEST_F(Device, GivesItsWorkToAStreamOfTheCallers) {
  ModuleBuilder builder;
  buildChain(builder, iota(64));
  forCuda(builder);
  Module module = open(builder);
  Outside outside;
  constexpr size_t kCount = 64, kBytes = kCount * sizeof(float);
  void *x = outside.reserve(kBytes), *y = outside.reserve(kBytes);
  outside.write(x, iota(kCount));
  outside.write(y, std::vector<float>(kCount, -1));
  {
    Session session(module, cuda());
    session.useStream(outside.stream);
    session.bindDeviceInput(0, x, DLRT_FLOAT32, {int64_t(kCount)});
    session.bindDeviceOutput(0, y, kBytes);
    long waits = calls("cuStreamSynchronize");
    session.prepare();
    waits = calls("cuStreamSynchronize");
    for (int i = 0; i < 3; ++i)
      session.run();
    EXPECT_EQ(calls("cuStreamSynchronize") - waits, 0);
    EXPECT_EQ(outside.read(y, kCount)[5], 25);
    // Work for other shapes waits for what uses the memory that it needs.
    session.run();
    session.bindDeviceInput(0, x, DLRT_FLOAT32, {3});
    waits = calls("cuStreamSynchronize");
    session.run();
    EXPECT_EQ(calls("cuStreamSynchronize") - waits, 1);
    // The host's memory is there when a run returns.
    session.bindOutput(0, nullptr, 0);
    session.run();
    EXPECT_EQ(result<float>(session), (std::vector<float>{0, 5, 10}));
    session.useStream(nullptr);
    session.bindDeviceOutput(0, y, kBytes);
    waits = calls("cuStreamSynchronize");
    session.run();
    EXPECT_EQ(calls("cuStreamSynchronize") - waits, 1);
    // A session that goes waits for its work.
    session.useStream(outside.stream);
    outside.write(y, std::vector<float>(kCount, -1));
    session.run();
  }
  EXPECT_EQ(outside.read(y, 3), (std::vector<float>{0, 5, 10}));
}

TEST_F(Device, RefusesMemoryThatItCannotUse) {
  ModuleBuilder builder;
  buildChain(builder, iota(64));
  forCuda(builder);
  Module module = open(builder);
  Session session(module, cuda());
  Outside outside;
  char *x = static_cast<char *>(outside.reserve(1024));
  auto bind = [&](Session &to, void *data, dlrt_type type) {
    to.bindDeviceInput(0, data, type, {64});
  };
  EXPECT_NE(errorOf(DLRT_INVALID_ARGUMENT,
                    [&] { bind(session, x + 4, DLRT_FLOAT32); })
                .find("input 0 'x': its address on the device is no multiple "
                      "of 16"),
            std::string::npos);
  errorOf(DLRT_MISMATCH, [&] { bind(session, x, DLRT_INT32); });
  errorOf(DLRT_INVALID_ARGUMENT, [&] { bind(session, nullptr, DLRT_FLOAT32); });
  errorOf(DLRT_INVALID_ARGUMENT, [&] { session.bindDeviceOutput(1, x, 256); });
  bind(session, x, DLRT_FLOAT32);
  session.bindDeviceOutput(0, x + 256, 255);
  EXPECT_NE(errorOf(DLRT_MISMATCH, [&] { session.run(); })
                .find("its memory has 255 bytes, expected 256"),
            std::string::npos);
  ModuleBuilder other;
  buildDouble(other);
  Module onHost = open(other);
  Session host(onHost);
  EXPECT_NE(
      errorOf(DLRT_UNSUPPORTED, [&] { bind(host, x, DLRT_FLOAT32); })
          .find("memory of a device is bound to sessions on CUDA devices"),
      std::string::npos);
  errorOf(DLRT_UNSUPPORTED, [&] { host.bindDeviceOutput(0, x, 256); });
  EXPECT_NE(errorOf(DLRT_UNSUPPORTED, [&] { host.useStream(x); })
                .find("a session on the CPU has no stream"),
            std::string::npos);
}

TEST_F(Device, NamesWhatDoesNotFit) {
  ModuleBuilder builder;
  buildDouble(builder);
  builder.plan().steps[0]->action.AsDispatch()->sizes = {0};
  forCuda(builder, "sm_100");
  Module module = open(builder);
  EXPECT_NE(errorOf(DLRT_UNSUPPORTED, [&] { Session session(module, cuda()); })
                .find("Fake 9000: the module has code for sm_100, and the "
                      "device's capability is sm_90"),
            std::string::npos);
  EXPECT_NE(
      errorOf(DLRT_NOT_FOUND, [&] { Session session(module, cuda("cuda:1")); })
          .find("there is no device cuda:1, only 1"),
      std::string::npos);
  EXPECT_NE(errorOf(DLRT_INVALID_ARGUMENT,
                    [&] { Session session(module, cuda("cuda:one")); })
                .find("'cuda:one' is no device"),
            std::string::npos);
  EXPECT_NE(errorOf(DLRT_UNSUPPORTED, [&] { Session session(module); })
                .find("no plan for 'cpu', only for cuda"),
            std::string::npos);
}

TEST_F(Device, RefusesPositionsBeyond32Bits) {
  ModuleBuilder builder;
  int n = builder.symbol("N", 0, 0);
  int x = builder.input("x", fb::ElementType_F32, {n});
  int y = builder.output("y", fb::ElementType_F32, {n});
  builder.dispatch(0, {x, y}, n, {n});
  forCuda(builder);
  Module module = open(builder);
  Session session(module, cuda());
  float nothing = 0; // refused before anything is read
  session.bindInput(0, &nothing, {int64_t(1) << 29});
  EXPECT_NE(errorOf(DLRT_UNSUPPORTED, [&] { session.prepare(); })
                .find("a tensor has 2147483648 bytes, more than a kernel on "
                      "the device can be given"),
            std::string::npos);
}

TEST_F(Device, TakesTheMostSpecialCode) {
  for (const char *arch : {"sm_90", "sm_90a"}) {
    ModuleBuilder builder;
    buildDouble(builder);
    builder.plan().steps[0]->action.AsDispatch()->sizes = {0};
    forCuda(builder, arch);
    Module module = open(builder);
    Session session(module, cuda("cuda:0"));
    std::vector<float> x = iota(5);
    session.bindInput(0, x.data(), {5});
    session.run();
    EXPECT_EQ(result<float>(session), (std::vector<float>{0, 2, 4, 6, 8}));
  }
}

/// The kernel "map", which is persistent, of a tensor of N rows of 64 halves.
void addMap(ModuleBuilder &builder) {
  fb::DeviceKernelT &kernel = *builder.module.devices[0]->kernels[0];
  kernel.name = "map";
  kernel.persistent = true;
  auto map = std::make_unique<fb::TensorMapT>();
  map->element = fb::ElementType_BF16;
  map->box = {64, 128};
  auto extent = [](int64_t scale, std::vector<int32_t> sizes) {
    auto result = std::make_unique<fb::MapExtentT>();
    result->scale = scale;
    result->sizes = std::move(sizes);
    return result;
  };
  map->extents.push_back(extent(64, {}));
  map->extents.push_back(extent(1, {0}));
  map->strides.push_back(extent(128, {}));
  kernel.maps.push_back(std::move(map));
}

/// One dispatch of kernel 0, in N workgroups, whose result is nine floats.
void buildMap(ModuleBuilder &builder) {
  int n = builder.symbol("N", 0, 0), nine = builder.constant(9);
  int x = builder.input("x", fb::ElementType_F32, {n});
  int y = builder.output("y", fb::ElementType_F32, {nine});
  builder.dispatch(0, {x, y}, n, {n});
}

TEST_F(Device, DescribesTensorsForTheCopyEngine) {
  ModuleBuilder builder;
  buildMap(builder);
  forCuda(builder);
  addMap(builder);
  Module module = open(builder);
  Session session(module, cuda());
  // There are seven processors.
  for (auto [n, groups] : {std::pair(3, 3.f), std::pair(100, 7.f)}) {
    std::vector<float> x = iota(static_cast<size_t>(n));
    session.bindInput(0, x.data(), {n});
    session.run();
    EXPECT_EQ(
        result<float>(session),
        (std::vector<float>{1, 9, 2, 64, float(n), 128, 64, 128, groups}));
  }
}

TEST_F(Device, ReportsTensorsThatTheCopyEngineCannotDescribe) {
  ModuleBuilder builder;
  buildMap(builder);
  forCuda(builder);
  addMap(builder);
  builder.module.devices[0]->kernels[0]->maps[0]->strides[0]->scale = int64_t(1)
                                                                      << 41;
  Module module = open(builder);
  Session session(module, cuda());
  std::vector<float> x = iota(3);
  session.bindInput(0, x.data(), {3});
  EXPECT_NE(errorOf(DLRT_UNSUPPORTED, [&] { session.run(); })
                .find("too large for the copy engine"),
            std::string::npos);
}

TEST_F(Device, RefusesDamagedPlans) {
  auto messageOf = [&](auto change) {
    ModuleBuilder builder;
    buildDouble(builder);
    builder.plan().steps[0]->action.AsDispatch()->sizes = {0};
    forCuda(builder);
    change(builder);
    return errorOf(DLRT_BAD_MODULE, [&] { open(builder); });
  };
  EXPECT_NE(messageOf([](ModuleBuilder &builder) {
              builder.plan().steps[0]->action.AsDispatch()->kernel = 2;
            }).find("kernel 2 does not exist"),
            std::string::npos);
  EXPECT_NE(messageOf([](ModuleBuilder &builder) {
              builder.plan().steps[0]->action.AsDispatch()->kernel = 1;
            }).find("it does not fit its kernel add"),
            std::string::npos);
  EXPECT_NE(messageOf([](ModuleBuilder &builder) {
              builder.module.devices[0]->kernels[0]->threads = 0;
            }).find("kernel 'double' of code for sm_80 is not well formed"),
            std::string::npos);
  for (auto damage :
       {+[](fb::TensorMapT &map) { map.arg = 2; },
        +[](fb::TensorMapT &map) { map.strides.clear(); },
        +[](fb::TensorMapT &map) { map.box[1] = 257; },
        +[](fb::TensorMapT &map) { map.extents[0]->scale = 0; },
        +[](fb::TensorMapT &map) { map.extents[1]->sizes = {1}; }})
    EXPECT_NE(messageOf([&](ModuleBuilder &builder) {
                addMap(builder);
                damage(*builder.module.devices[0]->kernels[0]->maps[0]);
              }).find("kernel 'map' of code for sm_80 is not well formed"),
              std::string::npos);
  EXPECT_NE(messageOf([](ModuleBuilder &builder) {
              builder.module.devices.clear();
            }).find("there is no code for its kernel"),
            std::string::npos);
}

} // namespace

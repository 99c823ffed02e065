// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Modules written by the packager, opened and run by the runtime. Kernels are
// those of the runtime's tests.

#include "runtime/api/dlrt.h"
#include "test/codegen/package/Testing.h"
#include "test/runtime/Kernels.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cstdlib>
#include <fstream>

using dltest::TextModule;
using testing::HasSubstr;

namespace {

// The runtime's test kernels as the IR calls them.
#define DOUBLE                                                                 \
  "func.func private @double(tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32> "  \
  "attributes {dl.kernel, dl.tiles = affine_map<(d0, d1) -> (d0)>}\n"
#define ADD                                                                    \
  "func.func private @add(tensor<?xf32>, tensor<?xf32>, index, "               \
  "tensor<?xf32>) -> tensor<?xf32> attributes {dl.kernel, dl.tiles = "         \
  "affine_map<(d0, d1, d2, d3) -> (d0 ceildiv 16)>, dl.flops = "               \
  "affine_map<(d0, d1, d2, d3) -> (d0)>, dl.in_place = array<i64: 0>}\n"
#define V "tensor<?xf32, #dl.dims<()[s0] -> (s0)>>"

/// Gives the module the code of the kernels that it names.
void addCode(TextModule &module) {
  dl::cpu::CpuImage image;
  image.triple = "x86_64-unknown-linux-gnu";
  image.cpu = "x86-64";
  size_t size = testKernels.end - testKernels.begin;
  image.imageSize = llvm::alignTo(size, 4096);
  image.pieces.push_back(
      {std::string(reinterpret_cast<const char *>(testKernels.begin), size), 0,
       size, true});
  for (const std::string &name : module.input.kernelNames) {
    TestKernel kernel = testKernels.kernels[name == "double" ? kDouble : kAdd];
    image.entries.push_back(reinterpret_cast<const unsigned char *>(kernel) -
                            testKernels.begin);
  }
  module.input.cpuImages.push_back(image);
}

std::vector<float> iota(size_t count, float from = 0) {
  std::vector<float> result(count);
  for (size_t i = 0; i < count; ++i)
    result[i] = from + static_cast<float>(i);
  return result;
}

struct Value {
  std::vector<float> data;
  std::vector<int64_t> dims;
};

/// A module in memory and a session of it.
class Session {
public:
  explicit Session(TextModule &text) {
    addCode(text);
    auto memory = dl::packageToMemory(text.input);
    EXPECT_TRUE(succeeded(memory)) << text.diagnostics;
    if (failed(memory))
      return;
    buffer = std::move(*memory);
    open(dlrt_module_open_memory(buffer->getBufferStart(),
                                 buffer->getBufferSize(), &module, &error));
  }
  explicit Session(const std::string &path) {
    open(dlrt_module_open_file(path.c_str(), &module, &error));
  }
  ~Session() {
    dlrt_session_destroy(session);
    dlrt_module_close(module);
  }

  std::vector<Value> run(std::vector<Value> inputs) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      dlrt_tensor tensor{sizeof(tensor),
                         DLRT_FLOAT32,
                         static_cast<int32_t>(inputs[i].dims.size()),
                         inputs[i].dims.data(),
                         inputs[i].data.data(),
                         0};
      EXPECT_EQ(dlrt_session_bind_input(session, i, &tensor, &error), DLRT_OK)
          << error.message;
    }
    status = dlrt_session_run(session, &error);
    std::vector<Value> outputs;
    for (uint32_t i = 0;
         status == DLRT_OK && i < dlrt_module_output_count(module, 0); ++i) {
      dlrt_tensor tensor{};
      tensor.struct_size = sizeof(tensor);
      EXPECT_EQ(dlrt_session_output(session, i, &tensor, &error), DLRT_OK);
      auto *data = static_cast<float *>(tensor.data);
      outputs.push_back({{data, data + tensor.bytes / 4},
                         {tensor.dims, tensor.dims + tensor.rank}});
    }
    return outputs;
  }

  dlrt_module *module = nullptr;
  dlrt_session *session = nullptr;
  dlrt_error error = {};
  dlrt_status status = DLRT_OK;

private:
  void open(dlrt_status opened) {
    error.struct_size = sizeof(error);
    ASSERT_EQ(opened, DLRT_OK) << error.message;
    ASSERT_EQ(dlrt_module_verify(module, &error), DLRT_OK) << error.message;
    ASSERT_EQ(dlrt_session_create(module, nullptr, &session, &error), DLRT_OK)
        << error.message;
  }

  std::unique_ptr<llvm::MemoryBuffer> buffer;
};

/// A folder that goes with the test.
class Folder {
public:
  Folder() {
    EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("dl-package", path));
  }
  ~Folder() { (void)llvm::sys::fs::remove_directories(path); }

  std::string operator/(llvm::StringRef name) const {
    return (path + "/" + name).str();
  }
  std::vector<std::string> list() const {
    std::vector<std::string> names;
    std::error_code error;
    for (llvm::sys::fs::directory_iterator it(path, error), end; it != end;
         it.increment(error))
      names.push_back(llvm::sys::path::filename(it->path()).str());
    return names;
  }

private:
  llvm::SmallString<128> path;
};

const char *const kChain = DOUBLE ADD
    R"(
func.func @main(%x: )" V R"() -> ()" V ", " V
    R"() attributes {dl.symbols = ["N"], dl.input_names = ["x"], dl.output_names = ["y", "z"]} {
  %0 = dl.dispatch @double(%x) sizes affine_map<() -> ()> : ()" V R"() -> )" V
    R"(
  %1 = dl.dispatch @double(%0) sizes affine_map<() -> ()> : ()" V R"() -> )" V
    R"(
  %2 = dl.dispatch @add(%1, %x) sizes affine_map<()[s0] -> (s0)> : ()" V ", " V
    R"() -> )" V
    R"(
  %3 = dl.dispatch @add(%0, %2) sizes affine_map<()[s0] -> (s0)> : ()" V ", " V
    R"() -> )" V
    R"(
  return %2, %3 : )" V ", " V R"(
})";

} // namespace

TEST(Module, RunsForManySizes) {
  TextModule text(kChain);
  Session session(text);
  ASSERT_NE(session.session, nullptr);
  for (int64_t n : {1, 16, 17, 1000, 0, 63}) {
    Value x{iota(n, 1), {n}};
    std::vector<Value> outputs = session.run({x});
    ASSERT_EQ(outputs.size(), 2u) << session.error.message;
    for (int64_t i = 0; i < n; ++i) {
      ASSERT_EQ(outputs[0].data[i], 5 * x.data[i]);
      ASSERT_EQ(outputs[1].data[i], 7 * x.data[i]);
    }
    ASSERT_EQ(outputs[0].dims, x.dims);
  }
}

TEST(Module, TellsItsSignature) {
  TextModule text(kChain);
  Session session(text);
  dlrt_value_info info{};
  info.struct_size = sizeof(info);
  ASSERT_EQ(dlrt_module_output(session.module, 0, 1, &info, nullptr), DLRT_OK);
  EXPECT_STREQ(info.name, "z");
  EXPECT_EQ(info.type, DLRT_FLOAT32);
  char name[32];
  ASSERT_EQ(dlrt_module_input_dim(session.module, 0, 0, 0, nullptr, name,
                                  sizeof(name), nullptr),
            DLRT_OK);
  EXPECT_STREQ(name, "N");
}

TEST(Module, HoldsConstantsOfEverySort) {
  // Packed, transposed, small, large, and a splat that the runtime repeats.
  TextModule text(
      DOUBLE
      R"(
func.func @main(%x: )" V
      R"() -> (tensor<192xf32>, tensor<6xf32>, tensor<5000xf32>, tensor<2000xf32>) attributes {dl.symbols = ["N"]} {
  %w = dl.constant dense_resource<w> : tensor<2x3xf32>
  %p = dl.pack %w {outer_perm = array<i64: 1, 0>, inner_dims = array<i64: 1>, inner_tiles = array<i64: 32>} : (tensor<2x3xf32>) -> tensor<1x2x32xf32>
  %q = dl.pack %w {outer_perm = array<i64>, inner_dims = array<i64: 0, 1>, inner_tiles = array<i64: 2, 32>} : (tensor<2x3xf32>) -> tensor<1x1x2x32xf32>
  %t = dl.transpose %w {permutation = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %u = dl.reshape %t : (tensor<3x2xf32>) -> tensor<6xf32>
  %l = dl.reshape %p : (tensor<1x2x32xf32>) -> tensor<64xf32>
  %k = dl.reshape %q : (tensor<1x1x2x32xf32>) -> tensor<64xf32>
  %one = dl.constant dense<1.5> : tensor<5000xf32>
  %two = dl.constant dense<2.5> : tensor<2000xf32>
  %3 = dl.dispatch @double(%l) sizes affine_map<() -> ()> : (tensor<64xf32>) -> tensor<64xf32>
  %r = dl.dispatch @double(%u) sizes affine_map<() -> ()> : (tensor<6xf32>) -> tensor<6xf32>
  %s = dl.dispatch @double(%one) sizes affine_map<() -> ()> : (tensor<5000xf32>) -> tensor<5000xf32>
  %v = dl.constant dense_resource<v> : tensor<192xf32>
  return %v, %r, %s, %two : tensor<192xf32>, tensor<6xf32>, tensor<5000xf32>, tensor<2000xf32>
}
{-# dialect_resources: { builtin: {
  w: "0x040000000000803F0000004000004040000080400000A0400000C040",
  v: "0x04000000)" +
      std::string(192 * 8, '0') + R"("
} } #-})");
  Session session(text);
  ASSERT_NE(session.session, nullptr);
  std::vector<Value> outputs = session.run({{iota(3), {3}}});
  ASSERT_EQ(outputs.size(), 4u) << session.error.message;
  EXPECT_EQ(outputs[0].data, std::vector<float>(192, 0));
  EXPECT_EQ(outputs[1].data, (std::vector<float>{2, 8, 4, 10, 6, 12}));
  EXPECT_EQ(outputs[2].data, std::vector<float>(5000, 3));
  EXPECT_EQ(outputs[3].data, std::vector<float>(2000, 2.5));
}

TEST(Module, HoldsConstantsOfEveryType) {
  // Bool takes a byte; types below a byte are packed outside of the function.
  TextModule text(R"(
func.func @main() -> (tensor<3xi1>, tensor<2xi1>, tensor<2xui8>, tensor<2xi64>, tensor<2xf16>, tensor<1xcomplex<f32>>, tensor<2xi64>, tensor<2x0xf32>) attributes {dl.output_types = [tensor<3xi1>, tensor<2xi1>, tensor<3xi4>, tensor<2xi64>, tensor<2xf16>, tensor<1xcomplex<f32>>, tensor<2xi64>, tensor<2x0xf32>]} {
  %b = dl.constant dense<[true, false, true]> : tensor<3xi1>
  %t = dl.constant dense<true> : tensor<2xi1>
  %i = dl.constant dense<[241, 7]> : tensor<2xui8>
  %l = dl.constant dense<[-2, 3]> : tensor<2xi64>
  %h = dl.constant dense<[1.0, -2.0]> : tensor<2xf16>
  %c = dl.constant dense<(1.0, 2.0)> : tensor<1xcomplex<f32>>
  %n = "dl.sizes"() {value = #dl.size_values<() -> (5, 6)>} : () -> tensor<2xi64>
  %e = dl.constant dense<1.0> : tensor<2x0xf32>
  return %b, %t, %i, %l, %h, %c, %n, %e : tensor<3xi1>, tensor<2xi1>, tensor<2xui8>, tensor<2xi64>, tensor<2xf16>, tensor<1xcomplex<f32>>, tensor<2xi64>, tensor<2x0xf32>
})");
  Session session(text);
  ASSERT_NE(session.session, nullptr);
  ASSERT_EQ(dlrt_session_run(session.session, &session.error), DLRT_OK)
      << session.error.message;
  auto getBytes = [&](uint32_t index) {
    dlrt_tensor tensor{};
    tensor.struct_size = sizeof(tensor);
    EXPECT_EQ(dlrt_session_output(session.session, index, &tensor, nullptr),
              DLRT_OK);
    auto *data = static_cast<const uint8_t *>(tensor.data);
    return std::vector<int>(data, data + tensor.bytes);
  };
  using Bytes = std::vector<int>;
  EXPECT_EQ(getBytes(0), (Bytes{1, 0, 1}));
  EXPECT_EQ(getBytes(1), (Bytes{1, 1}));
  EXPECT_EQ(getBytes(2), (Bytes{0xf1, 0x07}));
  EXPECT_EQ(getBytes(3), (Bytes{254, 255, 255, 255, 255, 255, 255, 255, 3, 0, 0,
                                0, 0, 0, 0, 0}));
  EXPECT_EQ(getBytes(4), (Bytes{0, 0x3c, 0, 0xc0}));
  EXPECT_EQ(getBytes(5), (Bytes{0, 0, 0x80, 0x3f, 0, 0, 0, 0x40}));
  EXPECT_EQ(getBytes(6),
            (Bytes{5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(getBytes(7), Bytes{});
}

TEST(Module, TellsWhereKernelsComeFrom) {
  TextModule text(
      DOUBLE
      R"(
func.func @main(%x: )" V R"() -> )" V R"( {
  %0 = dl.dispatch @double(%x) sizes affine_map<() -> ()> : ()" V R"() -> )" V
      R"( loc(fused[fused<{graph = "g", op = "Conv", opset = 18 : i64}>["conv1"("m.onnx":0:0)], fused<{graph = "g", op = "Relu", opset = 18 : i64}>["relu1"("m.onnx":0:0)]])
  return %0 : )" V R"(
})");
  addCode(text);
  auto with = dl::packageToMemory(text.input);
  text.input.debugInfo = false;
  auto without = dl::packageToMemory(text.input);
  ASSERT_TRUE(succeeded(with) && succeeded(without)) << text.diagnostics;
  const char *kernel =
      R"({"name":"double","operands":["f32"],"results":["f32"],"sources":[{"graph":"g","node":"conv1","op":"Conv"},{"graph":"g","node":"relu1","op":"Relu"}]})";
  EXPECT_TRUE((*with)->getBuffer().contains(kernel));
  const char *step =
      R"({"kernel":0,"kind":"kernel","name":"conv1+relu1","parameter_bytes":0,"read_bytes":["*","s0",4],"written_bytes":["*","s0",4]})";
  EXPECT_TRUE((*with)->getBuffer().contains(step));
  EXPECT_THAT((*without)->getBuffer().str(),
              testing::Not(HasSubstr("\"sources\"")));
  // The step's name in profiles.
  EXPECT_THAT((*without)->getBuffer().str(), HasSubstr("conv1+relu1"));
}

TEST(Module, RunsLoops) {
  TextModule text(ADD R"(
func.func @main(%h: tensor<20xf32>, %x: tensor<?x20xf32, #dl.dims<()[s0] -> (s0, 20)>>)
    -> (tensor<20xf32>, tensor<?x20xf32, #dl.dims<()[s0] -> (s0, 20)>>, tensor<?x20xf32, #dl.dims<()[s0] -> (s0, 20)>>) {
  %a, %y = dl.scan states(%h) inputs(%x) {
  ^bb0(%s: tensor<20xf32>, %e: tensor<20xf32>):
    %n = dl.dispatch @add(%s, %e) sizes affine_map<() -> (20)> : (tensor<20xf32>, tensor<20xf32>) -> tensor<20xf32>
    dl.yield %n, %n : tensor<20xf32>, tensor<20xf32>
  } : (tensor<20xf32>, tensor<?x20xf32, #dl.dims<()[s0] -> (s0, 20)>>) -> (tensor<20xf32>, tensor<?x20xf32, #dl.dims<()[s0] -> (s0, 20)>>)
  %b, %z = dl.scan states(%a) inputs(%x) {
  ^bb0(%s: tensor<20xf32>, %e: tensor<20xf32>):
    %n = dl.dispatch @add(%s, %e) sizes affine_map<() -> (20)> : (tensor<20xf32>, tensor<20xf32>) -> tensor<20xf32>
    dl.yield %n, %n : tensor<20xf32>, tensor<20xf32>
  } {reverse = true} : (tensor<20xf32>, tensor<?x20xf32, #dl.dims<()[s0] -> (s0, 20)>>) -> (tensor<20xf32>, tensor<?x20xf32, #dl.dims<()[s0] -> (s0, 20)>>)
  return %b, %y, %z : tensor<20xf32>, tensor<?x20xf32, #dl.dims<()[s0] -> (s0, 20)>>, tensor<?x20xf32, #dl.dims<()[s0] -> (s0, 20)>>
})");
  Session session(text);
  ASSERT_NE(session.session, nullptr);
  for (int64_t n : {3, 1, 0}) {
    Value h{iota(20), {20}}, x{iota(n * 20), {n, 20}};
    std::vector<Value> outputs = session.run({h, x});
    ASSERT_EQ(outputs.size(), 3u) << session.error.message;
    std::vector<float> state = h.data;
    for (int64_t t = 0; t < n; ++t)
      for (int64_t i = 0; i < 20; ++i) {
        state[i] += x.data[t * 20 + i];
        ASSERT_EQ(outputs[1].data[t * 20 + i], state[i]);
      }
    for (int64_t t = n - 1; t >= 0; --t)
      for (int64_t i = 0; i < 20; ++i) {
        state[i] += x.data[t * 20 + i];
        ASSERT_EQ(outputs[2].data[t * 20 + i], state[i]);
      }
    EXPECT_EQ(outputs[0].data, state);
  }
}

TEST(Module, RefusesShapesThatDoNotFit) {
  TextModule text(
      DOUBLE R"(
func.func @main(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0 * 2 + 1)>>, %y: )" V
             R"() -> )" V
             R"( attributes {dl.symbols = ["N"], dl.input_names = ["x", "y"],
    dl.checks = [{relation = "le", sizes = affine_map<()[s0] -> (s0, 8)>, message = "N is at most 8"}]} {
  %0 = dl.dispatch @double(%y) sizes affine_map<() -> ()> : ()" V R"() -> )" V
             R"(
  return %0 : )" V R"(
})");
  Session session(text);
  ASSERT_NE(session.session, nullptr);
  auto run = [&](int64_t a, int64_t b) {
    session.run({{iota(a), {a}}, {iota(b), {b}}});
    return session.status == DLRT_OK ? std::string() : session.error.message;
  };
  EXPECT_EQ(run(7, 3), "");
  EXPECT_THAT(run(8, 3), HasSubstr("'x': dimension 0 is 8"));
  EXPECT_THAT(run(19, 9), HasSubstr("N is at most 8"));
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

TEST(ModuleFile, IsWrittenWhole) {
  Folder folder;
  TextModule text(kChain);
  addCode(text);
  std::string report;
  llvm::raw_string_ostream os(report);
  ASSERT_TRUE(succeeded(dl::writeModule(text.input, folder / "a.dlm", &os)))
      << text.diagnostics;
  EXPECT_THAT(report, HasSubstr("entry main: 4 dispatches, 0 host calls, 0 "
                                "copies, 0 loops\n"));
  EXPECT_EQ(folder.list(), std::vector<std::string>{"a.dlm"});
  Session session(folder / "a.dlm");
  ASSERT_NE(session.session, nullptr);
  EXPECT_EQ(session.run({{{1, 2}, {2}}})[0].data, (std::vector<float>{5, 10}));

  // The same input, the same bytes: in memory, too.
  ASSERT_TRUE(succeeded(dl::writeModule(text.input, folder / "b.dlm")));
  auto memory = dl::packageToMemory(text.input);
  ASSERT_TRUE(succeeded(memory));
  for (const char *name : {"a.dlm", "b.dlm"}) {
    auto file = llvm::MemoryBuffer::getFile(folder / name);
    ASSERT_TRUE(file);
    EXPECT_EQ((*file)->getBuffer(), (*memory)->getBuffer());
  }
}

TEST(ModuleFile, LeavesNothingBehindOnFailure) {
  Folder folder;
  std::ofstream(folder / "old.dlm") << "old";
  TextModule text(DOUBLE R"(
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dl.exp %x : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
})");
  addCode(text);
  EXPECT_TRUE(failed(dl::writeModule(text.input, folder / "old.dlm")));
  EXPECT_EQ(folder.list(), std::vector<std::string>{"old.dlm"});
  EXPECT_EQ((*llvm::MemoryBuffer::getFile(folder / "old.dlm"))->getBuffer(),
            "old");
}

TEST(ModuleFile, CannotBeWritten) {
  Folder folder;
  TextModule text(kChain);
  addCode(text);
  auto getError = [&](const std::string &path) {
    text.diagnostics.clear();
    EXPECT_TRUE(failed(dl::writeModule(text.input, path)));
    return text.diagnostics;
  };
  std::string path = folder / "missing/a.dlm";
  EXPECT_EQ(getError(path),
            "cannot write '" + path + "': No such file or directory\n");
  EXPECT_THAT(getError(folder / ""), HasSubstr("directory"));
  EXPECT_EQ(folder.list(), std::vector<std::string>{});
  if (llvm::sys::fs::exists("/dev/full"))
    EXPECT_EQ(getError("/dev/full"),
              "cannot write '/dev/full': No space left on device\n");
}

TEST(ModuleFile, CodeForOtherKernelsIsRefused) {
  TextModule text(kChain);
  addCode(text);
  text.input.cpuImages[0].entries.pop_back();
  EXPECT_TRUE(failed(dl::packageToMemory(text.input)));
  EXPECT_EQ(text.diagnostics, "code for x86-64 has 1 kernels, expected 2\n");
}

TEST(ModuleFile, SharesEqualWeights) {
  // Two names of equal bytes, a third with others: two large constants.
  std::string hex(8192, '0'), other = hex;
  hex[7] = '1';
  other[7] = '2';
  std::string source = R"(
func.func @main() -> (tensor<1024xf32>, tensor<1024xf32>, tensor<1024xf32>) {
  %a = dl.constant dense_resource<a> : tensor<1024xf32>
  %b = dl.constant dense_resource<b> : tensor<1024xf32>
  %c = dl.constant dense_resource<c> : tensor<1024xf32>
  return %a, %b, %c : tensor<1024xf32>, tensor<1024xf32>, tensor<1024xf32>
}
{-# dialect_resources: { builtin: { a: "0x04000000)" +
                       hex + "\", b: \"0x04000000" + hex +
                       "\", c: \"0x04000000" + other + "\" } } #-}";
  TextModule text(source);
  std::string schedule = text.print();
  EXPECT_THAT(schedule, HasSubstr("constant 0: 4096 bytes\n"
                                  "constant 1: 4096 bytes\n"));
  EXPECT_THAT(schedule, testing::Not(HasSubstr("constant 2:")));
  Session session(text);
  ASSERT_NE(session.session, nullptr);
  std::vector<Value> outputs = session.run({});
  ASSERT_EQ(outputs.size(), 3u);
  EXPECT_EQ(outputs[0].data, outputs[1].data);
  EXPECT_NE(outputs[0].data, outputs[2].data);
}

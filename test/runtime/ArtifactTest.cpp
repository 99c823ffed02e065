// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Damaged and hostile modules: refused with a message, never a crash.

#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/Format.h"
#include "runtime/artifact/Hash.h"
#include "runtime/device/cpu/CodeImage.h"
#include "runtime/device/cpu/CpuFeatures.h"
#include "test/runtime/Testing.h"

#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <unistd.h>

using namespace dl::runtime;
using namespace dltest;
using namespace dlrt;

namespace {

/// A module with everything in it: symbols, checks, weights, loops, calls, the
/// arena.
void buildRich(ModuleBuilder &builder) {
  int n = builder.symbol("N", 0, 0), four = builder.constant(4);
  int bytes = builder.mul(n, four), tiles = builder.constant(1);
  int x = builder.input("x", fb::ElementType_F32, {n});
  int y = builder.output("y", fb::ElementType_F32, {n});
  int t = builder.arena(builder.constant(0), bytes);
  builder.plan().arena_size = bytes;
  builder.check(fb::Relation_LessEqual, n, builder.constant(100), "N <= 100");
  int w = builder.weights(iota(100, 1));
  builder.dispatch(kAdd, {x, w, t}, builder.constant(7), {n}).flops = n;
  builder.beginLoop(n);
  fb::DispatchT &step = builder.dispatch(kDouble, {t, t}, tiles);
  step.args[0]->strides = {four};
  step.args[1]->strides = {four};
  builder.endLoop();
  builder.dispatch(kDouble, {t, y}, n);
}

Status openBytes(const unsigned char *data, size_t size,
                 std::unique_ptr<Artifact> &artifact) {
  return Artifact::openMemory(data, size, artifact);
}

/// The status of opening `size` bytes.
Status opening(const unsigned char *data, size_t size) {
  std::unique_ptr<Artifact> artifact;
  return openBytes(data, size, artifact);
}

std::vector<unsigned char> copyOf(const ModuleBuilder &builder) {
  return std::vector<unsigned char>(builder.data(),
                                    builder.data() + builder.size());
}

/// Writes the module to a file and returns its path.
std::string temporaryFile(const ModuleBuilder &builder) {
  std::string path =
      testing::TempDir() + "/module" + std::to_string(getpid()) + ".dlm";
  FILE *file = fopen(path.c_str(), "wb");
  EXPECT_TRUE(file);
  fwrite(builder.data(), 1, builder.size(), file);
  fclose(file);
  return path;
}

void writePrefix(std::vector<unsigned char> &file,
                 const std::function<void(FilePrefix &)> &change) {
  FilePrefix prefix;
  memcpy(&prefix, file.data(), sizeof(prefix));
  change(prefix);
  memcpy(file.data(), &prefix, sizeof(prefix));
}

TEST(Artifact, OpensASoundModule) {
  ModuleBuilder builder;
  buildRich(builder);
  Module module = open(builder);
  module.verify();
  Session session(module);
  std::vector<float> x = iota(10);
  session.bindInput(0, x.data(), {10});
  session.run();
  for (size_t i = 0; i < 10; ++i)
    EXPECT_EQ(result<float>(session)[i], 4 * (float(i) + float(i) + 1));
  dlrt_module_info info = module.info();
  EXPECT_EQ(info.constant_bytes, 400u);
  EXPECT_EQ(info.format_version, kFormatVersion);
  EXPECT_STREQ(info.producer, "test");
  EXPECT_EQ(info.kernel_count, uint32_t(kKernelCount));
}

TEST(Artifact, APlanForTheReferenceHasAProgramAndNoSteps) {
  auto messageOf = [](const std::function<void(ModuleBuilder &)> &change) {
    ModuleBuilder builder;
    int n = builder.constant(3);
    builder.input("x", fb::ElementType_F32, {n});
    builder.plan().target = "reference";
    builder.plan().buffers.clear();
    builder.module.reference =
        std::make_unique<fb::Segment>(0, 64, hashBytes(nullptr, 0));
    change(builder);
    builder.finish();
    return opening(builder.data(), builder.size()).message();
  };
  EXPECT_EQ(messageOf([](ModuleBuilder &) {}), "");
  EXPECT_NE(messageOf([](ModuleBuilder &builder) {
              builder.module.reference.reset();
            }).find("there is no program for the reference"),
            std::string::npos);
  EXPECT_NE(messageOf([](ModuleBuilder &builder) {
              builder.plan().arena_size = 0;
            }).find("plan for reference: it has steps, buffers or an arena"),
            std::string::npos);
  EXPECT_NE(messageOf([](ModuleBuilder &builder) {
              builder.plan().late_arena_sizes = {9};
            }).find("plan for reference: it has steps, buffers or an arena"),
            std::string::npos);
  for (uint64_t offset : {uint64_t(1), uint64_t(1) << 40})
    EXPECT_NE(messageOf([&](ModuleBuilder &builder) {
                *builder.module.reference = fb::Segment(offset, 64, 0);
              }).find("the program for the reference"),
              std::string::npos);
}

TEST(Artifact, RefusesEveryTruncation) {
  ModuleBuilder builder;
  buildRich(builder);
  builder.finish();
  std::vector<unsigned char> file = copyOf(builder);
  for (size_t size = 0; size < file.size(); ++size) {
    Status status = opening(file.data(), size);
    ASSERT_EQ(status.code(), Code::BadModule) << size;
  }
  EXPECT_EQ(opening(file.data(), 0).message(),
            "<memory>: is not a module file: it is empty");
  EXPECT_EQ(
      opening(file.data(), file.size() - 1).message(),
      "<memory>: the module is cut short: " + std::to_string(file.size() - 1) +
          " bytes, expected " + std::to_string(file.size()));
  file.push_back(0);
  EXPECT_EQ(opening(file.data(), file.size()).code(), Code::BadModule);
}

TEST(Artifact, RefusesEveryFlippedByteOfPrefixHeaderAndCode) {
  ModuleBuilder builder;
  buildRich(builder);
  builder.finish();
  std::vector<unsigned char> file = copyOf(builder);
  // The newest version reads what the one before it wrote: that flip is no
  // harm.
  constexpr size_t kVersion = offsetof(FilePrefix, formatVersion);
  auto refused = [&](size_t at) {
    for (unsigned char mask : {0x01, 0x80, 0xff}) {
      if (at == kVersion && (file[at] ^ mask) <= kFormatVersion)
        continue;
      file[at] ^= mask;
      Status status = opening(file.data(), file.size());
      file[at] ^= mask;
      if (status.ok())
        return false;
    }
    return true;
  };
  for (size_t at = 0; at < builder.headerOffset + builder.headerSize; ++at)
    ASSERT_TRUE(refused(at)) << at;
  for (size_t at = 0; at < builder.codeSize; ++at)
    ASSERT_TRUE(refused(builder.codeOffset + at)) << at;
}

TEST(Artifact, VerificationFindsFlippedWeightsAndPadding) {
  ModuleBuilder builder;
  buildRich(builder);
  builder.finish();
  std::vector<unsigned char> file = copyOf(builder);
  auto [offset, size] = builder.constantRanges[0];
  for (size_t at : {offset, offset + size / 2, offset + size - 1}) {
    file[at] ^= 0x10;
    Module module = Module::open(file.data(), file.size());
    EXPECT_EQ(errorOf(DLRT_BAD_MODULE, [&] { module.verify(); }),
              "<memory>: constant 0 'weights0' is damaged: its bytes do not "
              "have the recorded hash");
    file[at] ^= 0x10;
  }
  size_t padding = builder.codeOffset - 1;
  file[padding] = 1;
  Module module = Module::open(file.data(), file.size());
  EXPECT_EQ(errorOf(DLRT_BAD_MODULE, [&] { module.verify(); }),
            "<memory>: byte " + std::to_string(padding) +
                " between segments is not zero");
}

TEST(Artifact, NewerFormatIsRefusedNamingBothVersions) {
  ModuleBuilder builder;
  buildDouble(builder);
  builder.finish();
  std::vector<unsigned char> file = copyOf(builder);
  writePrefix(file, [](FilePrefix &prefix) { prefix.formatVersion = 42; });
  Status status = opening(file.data(), file.size());
  EXPECT_EQ(status.code(), Code::NewerFormat);
  EXPECT_EQ(status.message(),
            "<memory>: the module has format version 42, this runtime reads "
            "versions up to " +
                std::to_string(kFormatVersion));
  writePrefix(file, [](FilePrefix &prefix) { prefix.formatVersion = 0; });
  EXPECT_EQ(opening(file.data(), file.size()).code(), Code::BadModule);
}

TEST(Artifact, OtherFilesAreNotModules) {
  std::vector<unsigned char> noise(5000);
  std::mt19937 generator(1);
  for (unsigned char &byte : noise)
    byte = static_cast<unsigned char>(generator());
  EXPECT_EQ(opening(noise.data(), noise.size()).message(),
            "<memory>: is not a module file: it does not start with a "
            "module's mark");
  EXPECT_EQ(opening(noise.data(), 10).message(),
            "<memory>: is not a module file: it has only 10 bytes");
}

TEST(Artifact, OpensFilesAndNamesThem) {
  ModuleBuilder builder;
  buildRich(builder);
  builder.finish();
  std::string path = temporaryFile(builder);
  {
    // Code is mapped from the file here, not copied.
    Module module = Module::open(path);
    Session session(module);
    std::vector<float> x = iota(3);
    session.bindInput(0, x.data(), {3});
    session.run();
    EXPECT_EQ(result<float>(session), (std::vector<float>{4, 12, 20}));
  }
  ASSERT_EQ(truncate(path.c_str(), 100), 0);
  std::string message = errorOf(DLRT_BAD_MODULE, [&] { Module::open(path); });
  EXPECT_EQ(message.rfind(path + ": the module is cut short: 100 bytes", 0), 0u)
      << message;
  remove(path.c_str());
  EXPECT_EQ(errorOf(DLRT_IO_ERROR, [&] { Module::open(path); }),
            path + ": cannot open: No such file or directory");
  EXPECT_EQ(errorOf(DLRT_IO_ERROR, [&] { Module::open("/"); }),
            "/: is not a regular file");
}

#if defined(__linux__)
TEST(Artifact, NoPageIsWritableAndExecutable) {
  ModuleBuilder builder;
  buildDouble(builder);
  Module module = open(builder);
  Session session(module);
  FILE *maps = fopen("/proc/self/maps", "r");
  ASSERT_TRUE(maps);
  char line[512];
  while (fgets(line, sizeof(line), maps))
    EXPECT_EQ(strstr(line, " rwx"), nullptr) << line;
  fclose(maps);
}
#endif

TEST(Artifact, CodeIsZeroFilledToItsSizeInMemory) {
  ModuleBuilder builder;
  buildDouble(builder);
  builder.code().pieces[0]->memory_size = builder.codeSize + 5000;
  builder.code().image_size = builder.codeSize + 5000;
  // Something that is not zero follows the code in the file.
  builder.weights(iota(4000, 1));
  builder.finish();
  std::string path = temporaryFile(builder);
  for (bool fromFile : {false, true}) {
    std::unique_ptr<Artifact> artifact;
    ASSERT_TRUE((fromFile ? Artifact::openFile(path.c_str(), artifact)
                          : openBytes(builder.data(), builder.size(), artifact))
                    .ok());
    std::unique_ptr<CodeImage> image;
    ASSERT_TRUE(
        CodeImage::load(*artifact, *artifact->header().cpu()->Get(0), image)
            .ok());
    auto code = reinterpret_cast<const unsigned char *>(image->kernel(0)) -
                builder.code().entries[0];
    EXPECT_EQ(memcmp(code, testKernels.begin, builder.codeSize), 0);
    for (size_t i = 0; i < 5000; ++i)
      ASSERT_EQ(code[builder.codeSize + i], 0) << i;
  }
  remove(path.c_str());
}

TEST(Artifact, ForeignAndUnsupportedCodeIsRefusedByName) {
  ModuleBuilder builder;
  buildDouble(builder);
  builder.code().features = {"quantum", "sse2"};
  Module module = open(builder);
  EXPECT_EQ(errorOf(DLRT_UNSUPPORTED, [&] { Session session(module); }),
            "<memory>: the module has no code for this CPU: test-level needs "
            "quantum");
  ModuleBuilder foreign;
  buildDouble(foreign);
  foreign.code().triple = "riscv64-unknown-linux-gnu";
  Module other = open(foreign);
  EXPECT_EQ(errorOf(DLRT_UNSUPPORTED, [&] { Session session(other); }),
            "<memory>: the module has no code for this CPU: test-level needs "
            "riscv64-unknown-linux-gnu");
  ModuleBuilder empty;
  buildDouble(empty);
  empty.module.cpu.clear();
  Module none = open(empty);
  EXPECT_EQ(errorOf(DLRT_UNSUPPORTED, [&] { Session session(none); }),
            "<memory>: the module has no CPU code");
}

TEST(Artifact, TheLastSupportedCodeIsUsed) {
  for (bool lastRuns : {false, true}) {
    ModuleBuilder builder;
    buildDouble(builder);
    builder.module.cpu.push_back(
        std::make_unique<fb::CpuCodeT>(*builder.module.cpu[0]));
    fb::CpuCodeT &special = *builder.module.cpu[1];
    special.cpu = "special";
    special.features = {lastRuns ? "fast-everything" : "quantum"};
    // Its first kernel is another one.
    special.entries[kDouble] = special.entries[kTriple];
    Module module = open(builder);
    Session session(module);
    std::vector<float> x = {1};
    session.bindInput(0, x.data(), {1});
    dl::runtime::detail::Sized<dlrt_code_info> info;
    ASSERT_EQ(dlrt_module_code(module.get(), 1, &info, nullptr), DLRT_OK);
    EXPECT_EQ(info.supported != 0, lastRuns);
    session.run();
    EXPECT_EQ(result<float>(session)[0], lastRuns ? 3 : 2);
  }
}

TEST(CpuFeatures, AgreesWithTheKernel) {
#if defined(__linux__) && defined(__x86_64__)
  FILE *file = fopen("/proc/cpuinfo", "r");
  ASSERT_TRUE(file);
  std::string flags;
  char line[8192];
  while (flags.empty() && fgets(line, sizeof(line), file))
    if (strncmp(line, "flags", 5) == 0)
      flags = std::string(line) + " ";
  fclose(file);
  const std::pair<const char *, const char *> names[] = {
      {"sse4.2", "sse4_2"},
      {"avx", "avx"},
      {"avx2", "avx2"},
      {"fma", "fma"},
      {"f16c", "f16c"},
      {"bmi2", "bmi2"},
      {"avx512f", "avx512f"},
      {"avx512vnni", "avx512_vnni"},
      {"avx512bf16", "avx512_bf16"},
      {"avx512vl", "avx512vl"},
      {"avx512fp16", "avx512_fp16"},
      {"amx-tile", "amx_tile"},
      {"avxvnni", "avx_vnni"},
      {"sse4a", "sse4a"},
      {"lzcnt", "abm"},
      {"gfni", "gfni"}};
  for (const auto &[llvm, linux] : names)
    EXPECT_EQ(missingCpuFeatures({llvm}).empty(),
              flags.find(" " + std::string(linux) + " ") != std::string::npos)
        << llvm;
#endif
  EXPECT_TRUE(missingCpuFeatures({"prefer-256-bit", "+fast-bextr"}).empty());
  EXPECT_EQ(missingCpuFeatures({"+quantum"}),
            std::vector<std::string>{"quantum"});
}

} // namespace

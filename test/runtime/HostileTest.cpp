// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Headers that are well formed and have their hash, but lie: each field that a
// reader relies on, then fields at random.

#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/Format.h"
#include "runtime/artifact/Hash.h"
#include "test/runtime/Testing.h"

#include <cstring>
#include <functional>
#include <random>

using namespace dl::runtime;
using namespace dltest;
using namespace dlrt;

namespace {

/// `splat`: with a repeated element, of which a changed size can make
/// gigabytes.
void buildRich(ModuleBuilder &builder, bool splat = true) {
  int n = builder.symbol("N", 0, 0), four = builder.constant(4);
  int bytes = builder.mul(n, four), tiles = builder.constant(1);
  int x = builder.input("x", fb::ElementType_F32, {n});
  int y = builder.output("y", fb::ElementType_F32, {n});
  int t = builder.arena(builder.constant(0), bytes);
  builder.plan().arena_size = bytes;
  builder.check(fb::Relation_LessEqual, n, builder.constant(100), "N <= 100");
  int w = builder.weights(iota(100, 1));
  if (splat)
    builder.splat(1, {2});
  builder.dispatch(kAdd, {x, w, t}, builder.constant(7), {n});
  builder.beginLoop(n);
  builder.dispatch(kDouble, {t, t}, tiles).args[0]->strides = {four};
  builder.endLoop();
  builder.call("copy", {x, y});
}

/// Opens the rich module after a change; expects a refusal and returns its
/// message.
std::string refusal(const std::function<void(ModuleBuilder &)> &change) {
  ModuleBuilder builder;
  buildRich(builder);
  change(builder);
  builder.finish();
  std::unique_ptr<Artifact> artifact;
  Status status =
      Artifact::openMemory(builder.data(), builder.size(), artifact);
  EXPECT_EQ(status.code(), Code::BadModule);
  const std::string prefix = "<memory>: module header: ";
  EXPECT_EQ(status.message().rfind(prefix, 0), 0u) << status.message();
  return status.message().substr(
      std::min(prefix.size(), status.message().size()));
}

fb::DispatchT &firstDispatch(ModuleBuilder &builder) {
  return *builder.plan().steps[0]->action.AsDispatch();
}

fb::LoopT &loop(ModuleBuilder &builder) {
  return *builder.plan().steps[1]->action.AsLoop();
}

TEST(Hostile, Formulas) {
  for (int operand : {-1, 3, 1000000})
    EXPECT_EQ(refusal([&](ModuleBuilder &builder) {
                builder.entry().exprs[2] =
                    fb::Expr(fb::ExprOp_Add, 0, operand, 0);
              }),
              "formula 2 is not well formed (entry 'main')");
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.entry().exprs[2] =
                  fb::Expr(static_cast<fb::ExprOp>(99), 0, 0, 0);
            }),
            "formula 2 is not well formed (entry 'main')");
  for (int symbol : {-1, 1})
    EXPECT_EQ(refusal([&](ModuleBuilder &builder) {
                builder.entry().exprs[0] =
                    fb::Expr(fb::ExprOp_Symbol, symbol, 0, 0);
              }),
              "formula 0 is not well formed (entry 'main')");
}

TEST(Hostile, Signature) {
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.entry().symbols[0]->input = 1;
            }),
            "symbol 'N' is bound to no dimension (entry 'main')");
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.entry().symbols[0]->axis = -1;
            }),
            "symbol 'N' is bound to no dimension (entry 'main')");
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.entry().inputs[0]->type->dims = {500};
            }),
            "input 'x' has a dimension without a formula (entry 'main')");
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.entry().outputs[0]->type->element =
                  static_cast<fb::ElementType>(77);
            }),
            "output 'y' has an unknown type (entry 'main')");
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.entry().outputs[0]->type->dims.assign(65, 0);
            }),
            "output 'y' has too many dimensions (entry 'main')");
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.entry().checks[0]->lhs = -1;
            }),
            "a check is not well formed (entry 'main')");
}

TEST(Hostile, Buffers) {
  const char *range =
      "plan for cpu: a buffer's index is out of range (entry 'main')";
  for (size_t buffer : {0, 1, 3})
    for (int index : {-1, 5})
      EXPECT_EQ(refusal([&](ModuleBuilder &builder) {
                  builder.plan().buffers[buffer]->index = index;
                }),
                range);
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.plan().buffers[2]->size = -1;
            }),
            "plan for cpu: an arena buffer has no offset or size (entry "
            "'main')");
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.plan().buffers[0]->kind = static_cast<fb::BufferKind>(9);
            }),
            "plan for cpu: a buffer has an unknown kind (entry 'main')");
  EXPECT_EQ(
      refusal([](ModuleBuilder &builder) { builder.plan().arena_size = 99; }),
      "plan for cpu: the arena's size has no formula (entry 'main')");
}

TEST(Hostile, Steps) {
  auto step = [](int index, const char *what) {
    return "plan for cpu: step " + std::to_string(index) + ": " + what +
           " (entry 'main')";
  };
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              firstDispatch(builder).kernel = kKernelCount;
            }),
            step(0, ("kernel " + std::to_string(int(kKernelCount)) +
                     " does not exist")
                        .c_str()));
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              firstDispatch(builder).tiles = -1;
            }),
            step(0, "tiles, scratch, flops, iterations or trips have no "
                    "formula"));
  for (auto formula : {&fb::DispatchT::iterations, &fb::DispatchT::trips})
    EXPECT_EQ(refusal([formula](ModuleBuilder &builder) {
                firstDispatch(builder).*formula = 1000;
              }),
              step(0, "tiles, scratch, flops, iterations or trips have no "
                      "formula"));
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              firstDispatch(builder).sizes = {1000};
            }),
            step(0, "a kernel's size has no formula"));
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              firstDispatch(builder).args[0]->buffer = 17;
            }),
            step(0, "a view has no buffer"));
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              firstDispatch(builder).args[0]->offset = -2;
            }),
            step(0, "a view's offset or bytes have no formula"));
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              firstDispatch(builder).args[0]->bytes = -2;
            }),
            step(0, "a view's offset or bytes have no formula"));
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              firstDispatch(builder).args[0]->strides = {0};
            }),
            step(0, "a view has more strides than there are loops around it"));
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              loop(builder).body[0]->action.AsDispatch()->args[0]->strides = {
                  1000};
            }),
            step(1, "a view's stride has no formula"));
  EXPECT_EQ(refusal([](ModuleBuilder &builder) { loop(builder).count = 1000; }),
            step(1, "a loop's count has no formula"));
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.plan().steps[2]->action.AsHostCall()->types.pop_back();
            }),
            step(3, "a call has 1 types for 2 arguments"));
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.plan().steps[2]->action.AsHostCall()->types[0]->dims = {
                  -5};
            }),
            step(3, "an argument's dimension has no formula"));
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              for (int i = 0; i < 9; ++i)
                builder.beginLoop(1);
            }),
            step(4, "loops are nested too deep"));
}

TEST(Hostile, Code) {
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.code().entries.pop_back();
            }),
            "code for test-level has " + std::to_string(kKernelCount - 1) +
                " kernels, expected " + std::to_string(int(kKernelCount)));
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.code().entries[1] = builder.codeSize;
            }),
            "kernel 1 of code for test-level starts outside executable code");
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.code().pieces[0]->executable = false;
            }),
            "kernel 0 of code for test-level starts outside executable code");
  const char *misplaced = "code for test-level has a misplaced piece";
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.code().pieces[0]->address = 100;
            }),
            misplaced);
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.code().pieces[0]->address = ~uint64_t(0) << 12;
            }),
            misplaced);
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.code().pieces[0]->memory_size = 1;
            }),
            misplaced);
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              auto &pieces = builder.code().pieces;
              pieces.push_back(std::make_unique<fb::CodePieceT>(*pieces[0]));
            }),
            misplaced);
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.code().image_size = uint64_t(1) << 40;
            }),
            "code for test-level is too large");
}

TEST(Hostile, Constants) {
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.module.constants[0]->type->dims = {99};
            }),
            "constant 0 has 400 bytes, expected 396");
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.module.constants[0]->type->dims = {-1};
            }),
            "constant 0 has an impossible size");
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.module.constants[0]->type->dims.assign(60, 1 << 30);
            }),
            "constant 0 has an impossible size");
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.module.constants[0]->type->element =
                  fb::ElementType_String;
            }),
            "constant 0 has an impossible type");
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.module.constants[1]->type.reset();
            }),
            "constant 1 repeats an element of no type");
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.module.constants[1]->type->element = fb::ElementType_I4;
            }),
            "constant 1 repeats an element smaller than a byte");
  EXPECT_EQ(refusal([](ModuleBuilder &builder) {
              builder.module.debug =
                  std::make_unique<fb::Segment>(~uint64_t(0), 2, 0);
            }),
            "debug information lies outside the file");
}

TEST(Hostile, CodedConstants) {
  auto coded = [](auto change) {
    return refusal([&](ModuleBuilder &builder) {
      fb::ConstantT &constant = *builder.module.constants[0];
      constant.coding = std::make_unique<fb::CodingT>();
      constant.coding->bytes = 400;
      constant.coding->element_bytes = 4;
      change(constant);
    });
  };
  std::string size = "constant 0 is coded, and of an impossible size";
  for (int32_t width : {-1, 0, 3, 32})
    EXPECT_EQ(coded([&](fb::ConstantT &constant) {
                constant.coding->element_bytes = width;
              }),
              size);
  for (int64_t bytes : {int64_t(-4), int64_t(1) << 40, INT64_MAX - 3})
    EXPECT_EQ(
        coded([&](fb::ConstantT &constant) { constant.coding->bytes = bytes; }),
        size);
  EXPECT_EQ(
      coded([](fb::ConstantT &constant) { constant.coding->bytes = 396; }),
      "constant 0 has 396 bytes, expected 400");
  EXPECT_EQ(coded([](fb::ConstantT &constant) { constant.splat = true; }),
            "constant 0 is repeated and coded");
  EXPECT_EQ(coded([](fb::ConstantT &constant) {
              constant.unpack = std::make_unique<fb::UnpackT>();
              constant.unpack->element_bytes = 4;
              constant.unpack->bytes = 404;
              constant.unpack->sizes = {101};
              constant.unpack->strides = {1};
            }),
            "constant 0 cannot be unpacked: its sizes");
}

TEST(Hostile, PackedConstants) {
  // Of a hundred elements, as a matrix in the other order.
  auto packed = [](auto change) {
    return refusal([&](ModuleBuilder &builder) {
      fb::ConstantT &constant = *builder.module.constants[0];
      constant.type.reset();
      constant.unpack = std::make_unique<fb::UnpackT>();
      constant.unpack->bytes = 400;
      constant.unpack->element_bytes = 4;
      constant.unpack->sizes = {10, 10};
      constant.unpack->strides = {1, 10};
      change(*constant.unpack);
    });
  };
  std::string where = "constant 0 cannot be unpacked: ";
  EXPECT_EQ(packed([](fb::UnpackT &unpack) { unpack.strides = {1, 11}; }),
            where + "its elements lie outside of it");
  EXPECT_EQ(packed([](fb::UnpackT &unpack) { unpack.strides = {-1, 10}; }),
            where + "its sizes");
  EXPECT_EQ(packed([](fb::UnpackT &unpack) { unpack.sizes = {10, 11}; }),
            where + "its sizes");
  EXPECT_EQ(packed([](fb::UnpackT &unpack) { unpack.strides = {1}; }),
            where + "its dimensions");
  EXPECT_EQ(packed([](fb::UnpackT &unpack) { unpack.element_bytes = 3; }),
            where + "its elements' bytes");
  EXPECT_EQ(packed([](fb::UnpackT &unpack) { unpack.bytes = 396; }),
            where + "its elements lie outside of it");
  EXPECT_EQ(packed([](fb::UnpackT &unpack) {
              unpack.bounds.emplace_back(0, 2, 10, 5);
            }),
            where + "its bounds");
  EXPECT_EQ(packed([](fb::UnpackT &unpack) {
              unpack.bounds.emplace_back(0, 1, 10, 5);
            }),
            where + "its bounds");
}

/// Opens a module and, where that succeeds, looks at everything and binds
/// shapes. Returns whether it was opened.
bool exercise(const std::vector<unsigned char> &file) {
  bool opened = false;
  try {
    Module module = Module::open(file.data(), file.size());
    opened = true;
    for (uint32_t e = 0; e < module.info().entry_count; ++e) {
      module.inputs(e);
      module.outputs(e);
      module.targets(e);
    }
    SessionOptions options;
    options.threads = 1;
    // No more memory than the machine will not miss.
    options.allocator.allocate = [](void *, size_t bytes, size_t alignment) {
      return bytes > (size_t(1) << 24)
                 ? nullptr
                 : ::operator new(bytes, std::align_val_t(alignment));
    };
    options.allocator.release = [](void *, void *memory, size_t,
                                   size_t alignment) {
      ::operator delete(memory, std::align_val_t(alignment));
    };
    Session session(module, options);
    std::vector<float> x = iota(64);
    for (int64_t n : {0, 1, 64}) {
      session.bindInput(0, x.data(), {n});
      session.prepare();
    }
  } catch (const Error &) {
    // A refusal is what most of them deserve.
  }
  return opened;
}

TEST(Hostile, RandomHeadersWithTheRightHash) {
  ModuleBuilder builder;
  buildRich(builder, /*splat=*/false);
  builder.finish();
  // Where all are aligned alike, none is copied.
  std::vector<unsigned char> sound(builder.data(),
                                   builder.data() + builder.size());
  std::mt19937 generator(7);
  auto random = [&](size_t limit) { return generator() % limit; };
  int opened = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<unsigned char> file = sound;
    unsigned char *header = file.data() + builder.headerOffset;
    for (size_t change = 0; change <= random(4); ++change) {
      size_t at = random(builder.headerSize);
      if (random(2)) {
        header[at] = static_cast<unsigned char>(generator());
      } else {
        const int64_t values[] = {-1,        0,         1,         64,
                                  INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
        int64_t value = values[random(8)];
        at = std::min(at / 4 * 4, builder.headerSize - 8);
        memcpy(header + at, &value, random(2) ? 4 : 8);
      }
    }
    FilePrefix prefix;
    memcpy(&prefix, file.data(), sizeof(prefix));
    prefix.headerHash = hashBytes(header, builder.headerSize);
    memcpy(file.data(), &prefix, sizeof(prefix));
    opened += exercise(file);
  }
  // Both ways are well trodden.
  EXPECT_GT(opened, 1000);
  EXPECT_LT(opened, 19000);
}

TEST(Hostile, RandomPrefixes) {
  ModuleBuilder builder;
  buildRich(builder, /*splat=*/false);
  builder.finish();
  std::vector<unsigned char> file(builder.data(),
                                  builder.data() + builder.size());
  const uint64_t values[] = {0,
                             1,
                             63,
                             64,
                             builder.size(),
                             builder.size() - 1,
                             ~uint64_t(0),
                             uint64_t(1) << 63};
  for (size_t at = 8; at < sizeof(FilePrefix); at += 8)
    for (uint64_t value : values) {
      std::vector<unsigned char> changed = file;
      memcpy(changed.data() + at, &value, 8);
      exercise(changed);
    }
}

} // namespace

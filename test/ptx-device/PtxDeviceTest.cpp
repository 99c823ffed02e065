// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The interpreter of PTX: what it computes, and the mistakes that it finds.

#include "test/ptx-device/Floats.h"
#include "test/ptx-device/Machine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace dl::ptxdevice;
using testing::HasSubstr;

namespace {

/// A kernel of one pointer, with 32 registers of each kind.
std::string makeKernel(const std::string &body) {
  return ".version 8.0\n.target sm_90a\n.address_size 64\n"
         ".visible .entry k(\n.param .u64 .ptr .align 1 p\n)\n{\n"
         ".reg .pred %p<32>;\n.reg .b16 %rs<32>;\n.reg .b32 %r<32>;\n"
         ".reg .b64 %rd<32>;\n.shared .align 16 .b8 memory[1024];\n"
         "ld.param.b64 %rd0, [p];\nmov.u32 %r0, %tid.x;\n"
         "mul.wide.u32 %rd1, %r0, 4;\nadd.s64 %rd2, %rd0, %rd1;\n" +
         body + "ret;\n}\n";
}

/// The integers that a kernel leaves, one for each thread; `given` lies behind
/// them.
std::vector<uint32_t> run(const std::string &body, uint32_t threads,
                          const std::vector<uint32_t> &given = {}) {
  auto kernels = parseModule(makeKernel(body));
  GlobalMemory memory;
  uint64_t address = memory.allocate((threads + given.size()) * 4);
  memcpy(GlobalMemory::toHost(address + threads * 4), given.data(),
         given.size() * 4);
  std::vector<uint32_t> result(threads);
  std::string wrong;
  try {
    launch(kernels.at("k"), memory, 1, threads, 0,
           reinterpret_cast<const uint8_t *>(&address));
  } catch (const Fault &fault) {
    wrong = fault.what();
  }
  memcpy(result.data(), GlobalMemory::toHost(address), threads * 4);
  memory.free(address);
  if (!wrong.empty())
    throw std::runtime_error(wrong);
  return result;
}

std::string errorOf(const std::string &body, uint32_t threads) {
  try {
    run(body, threads);
  } catch (const std::exception &error) {
    return error.what();
  }
  return "";
}

const char *const kStore = "st.global.b32 [%rd2], %r1;\n";

} // namespace

TEST(PtxDevice, LanesPartAndMeet) {
  // Thread i counts to i, then all exchange with their neighbours.
  std::vector<uint32_t> found =
      run("mov.b32 %r1, 0;\nLOOP:\nsetp.ge.u32 %p1, %r1, %r0;\n"
          "@%p1 bra DONE;\nadd.s32 %r1, %r1, 1;\nbra.uni LOOP;\nDONE:\n"
          "shfl.sync.bfly.b32 %r1, %r1, 1, 31, -1;\n" +
              std::string(kStore),
          64);
  for (uint32_t i = 0; i < 64; ++i)
    EXPECT_EQ(found[i], i ^ 1);
}

TEST(PtxDevice, WarpsWaitForEachOther) {
  std::vector<uint32_t> found =
      run("shl.b32 %r2, %r0, 2;\nxor.b32 %r3, %r2, 252;\n"
          "mov.b64 %rd3, memory;\ncvt.u64.u32 %rd4, %r2;\n"
          "cvt.u64.u32 %rd5, %r3;\nadd.s64 %rd4, %rd3, %rd4;\n"
          "add.s64 %rd5, %rd3, %rd5;\nst.shared.b32 [%rd4], %r0;\n"
          "bar.sync 0;\nld.shared.b32 %r1, [%rd5];\n" +
              std::string(kStore),
          64);
  for (uint32_t i = 0; i < 64; ++i)
    EXPECT_EQ(found[i], 63 - i);
}

TEST(PtxDevice, PhasesOfBarriersPass) {
  // The second warp waits until the first one has stored.
  std::vector<uint32_t> found =
      run("setp.eq.b32 %p1, %r0, 0;\nmov.b32 %r1, 7;\n"
          "@%p1 mbarrier.init.shared.b64 [memory], 32;\nbar.sync 0;\n"
          "setp.lt.u32 %p2, %r0, 32;\n@%p2 bra FIRST;\n"
          "{\n.reg .pred done;\nTRY:\n"
          "mbarrier.try_wait.parity.shared::cta.b64 done, [memory], 0;\n"
          "@done bra DONE;\nbra TRY;\nDONE:\n}\n"
          "ld.shared.b32 %r1, [memory+64];\nbra.uni END;\nFIRST:\n"
          "st.shared.b32 [memory+64], 5;\n"
          "mbarrier.arrive.shared::cta.b64 _, [memory];\nEND:\n" +
              std::string(kStore),
          64);
  EXPECT_EQ(found[0], 7u);
  EXPECT_EQ(found[32], 5u);
}

TEST(PtxDevice, FindsMistakes) {
  std::string store(kStore);
  EXPECT_THAT(errorOf("st.global.b32 [%rd2+4], %r0;\n", 32),
              HasSubstr("line 17, workgroup 0, warp 0: outside of global "
                        "memory: lane 31, 4 bytes at"));
  EXPECT_THAT(errorOf("st.global.b32 [%rd0+2], %r0;\n", 32),
              HasSubstr("misaligned: lane 0, 4 bytes"));
  EXPECT_THAT(errorOf("ld.shared.b32 %r1, [memory+1024];\n", 32),
              HasSubstr("outside of shared memory"));
  EXPECT_THAT(errorOf("ld.shared.b32 %r1, [memory];\n", 32),
              HasSubstr("read at 0 that nothing has written"));
  EXPECT_THAT(errorOf("st.shared.b32 [memory], %r0;\n", 64),
              HasSubstr("a race: no barrier"));
  EXPECT_THAT(errorOf("st.shared.b32 [memory], %r0;\n", 32), "");
  // Warps may have neighbouring bytes.
  EXPECT_THAT(errorOf("shr.u32 %r2, %r0, 5;\ncvt.u64.u32 %rd3, %r2;\n"
                      "mov.b64 %rd4, memory;\nadd.s64 %rd3, %rd4, %rd3;\n"
                      "st.shared.b8 [%rd3], %r0;\n",
                      64),
              "");
  EXPECT_THAT(errorOf("setp.eq.b32 %p1, %r0, 3;\n@%p1 bra A;\n"
                      "shfl.sync.bfly.b32 %r1, %r0, 1, 31, -1;\nA:\nbar.sync "
                      "0;\n",
                      32),
              HasSubstr("all wait for each other: warp 0 at line"));
  EXPECT_THAT(errorOf("frobnicate.b32 %r1, %r2;\n", 32),
              HasSubstr("PTX, line 17: not supported: frobnicate.b32"));
  EXPECT_THAT(errorOf("add.s32 %rd1, %r1, %r2;\n", 32),
              HasSubstr("the register %rd1 has 8 bytes, not 4"));
}

TEST(PtxDevice, CopiesComeWhenTheyAreWaitedFor) {
  std::string copy = "mov.b32 %r1, 9;\nst.global.b32 [%rd2], %r1;\n"
                     "mov.b64 %rd3, memory;\n"
                     "cp.async.cg.shared.global [%rd3], [%rd0], 16, 16;\n"
                     "cp.async.commit_group;\n";
  std::string load = "ld.shared.b32 %r1, [memory];\n" + std::string(kStore);
  EXPECT_EQ(run("setp.ne.b32 %p1, %r0, 0;\n@%p1 bra END;\n" + copy +
                    "cp.async.wait_group 0;\n" + load + "END:\n",
                4)[0],
            9u);
  EXPECT_THAT(errorOf(copy + load, 4), HasSubstr("ends before its copies"));
}

TEST(PtxDevice, ProductsReadWhatWasPublished) {
  // 64 x 8 x 16: ones in registers by ones that the threads store.
  std::string store = "shl.b32 %r2, %r0, 3;\ncvt.u64.u32 %rd3, %r2;\n"
                      "mov.b64 %rd4, memory;\nadd.s64 %rd3, %rd4, %rd3;\n"
                      "mov.b32 %r3, 0x3C003C00;\n"
                      "st.shared.v2.b32 [%rd3], {%r3, %r3};\n";
  std::string product =
      "bar.sync 0;\nshr.u64 %rd5, %rd4, 4;\n"
      "and.b64 %rd5, %rd5, 16383;\nadd.s64 %rd5, %rd5, 4611686293305294848;\n"
      "setp.ne.b32 %p1, %r0, %r0;\nwgmma.fence.sync.aligned;\n"
      "wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 "
      "{%r4, %r5, %r6, %r7}, {%r3, %r3, %r3, %r3}, %rd5, %p1, 1, 1, 0;\n"
      "wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;\n"
      "cvt.rzi.u32.f32 %r1, %r7;\n" +
      std::string(kStore);
  EXPECT_THAT(run(store + "fence.proxy.async.shared::cta;\n" + product, 128),
              testing::Each(16u));
  EXPECT_THAT(errorOf(store + product, 128),
              HasSubstr("stored without fence.proxy.async"));
}

namespace {

/// Two operands of whole numbers, [16, depth] and [depth, 8], of which the left
/// one has two of four neighbours that are not zero, and the words of their
/// fragments: of the left one all elements, then those that are kept, of the
/// right one, and the metadata; 32 lanes each.
struct SparseOperands {
  unsigned depth, bits;
  std::vector<std::vector<int>> left, right;

  SparseOperands(unsigned depth, unsigned bits)
      : depth(depth), bits(bits), left(16, std::vector<int>(depth)),
        right(depth, std::vector<int>(8)) {
    for (unsigned i = 0; i < 16; ++i)
      for (unsigned k = 0; k < depth; ++k)
        if (isKept(i, k))
          left[i][k] = 1 + int(i * 5 + k * 3) % 11;
    for (unsigned k = 0; k < depth; ++k)
      for (unsigned j = 0; j < 8; ++j)
        right[k][j] = int(k * 7 + j * 5) % 9 - 4;
  }
  /// Which of the six pairs depends on the row and the group.
  static std::pair<unsigned, unsigned> getPair(unsigned row, unsigned group) {
    const std::pair<unsigned, unsigned> pairs[] = {{0, 1}, {0, 2}, {0, 3},
                                                   {1, 2}, {1, 3}, {2, 3}};
    return pairs[(row * 7 + group * 5 + row * group) % 6];
  }
  static bool isKept(unsigned row, unsigned k) {
    auto [a, b] = getPair(row, k / 4);
    return k % 4 == a || k % 4 == b;
  }
  uint32_t encode(int value) const {
    return bits == 16 ? F16::fromFloat(float(value)) : uint8_t(value);
  }
  /// Kept element number `at` of a row.
  int getKept(unsigned row, unsigned at) const {
    auto [a, b] = getPair(row, at / 2);
    return left[row][at / 2 * 4 + (at % 2 ? b : a)];
  }
  uint32_t getNibbles(unsigned row, unsigned group, unsigned count) const {
    uint32_t word = 0;
    for (unsigned g = 0; g < count; ++g) {
      auto [a, b] = getPair(row, group + g);
      word |= (a | b << 2) << 4 * g;
    }
    return word;
  }
  std::vector<uint32_t> makeWords(bool unusedLanes) const;
};

std::vector<uint32_t> SparseOperands::makeWords(bool unusedLanes) const {
  unsigned each = 32 / bits, chunk = each * 8; // of a dense instruction
  std::vector<uint32_t> words;
  auto add = [&](auto &&read) {
    for (unsigned lane = 0; lane < 32; ++lane) {
      uint32_t word = 0;
      for (unsigned e = 0; e < each; ++e)
        word |= encode(read(lane, e)) << bits * e;
      words.push_back(word);
    }
  };
  auto addLeft = [&](auto &&element) {
    for (unsigned r = 0; r < 4; ++r)
      add([&](unsigned lane, unsigned e) {
        return element(lane / 4 + r % 2 * 8,
                       r / 2 * each * 4 + lane % 4 * each + e);
      });
  };
  for (unsigned half = 0; half < 2; ++half)
    addLeft([&](unsigned i, unsigned k) { return left[i][half * chunk + k]; });
  addLeft([&](unsigned i, unsigned k) { return getKept(i, k); });
  for (unsigned r = 0; r < 4; ++r)
    add([&](unsigned lane, unsigned e) {
      return right[r * each * 4 + lane % 4 * each + e][lane / 4];
    });
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned row = lane / 4, in = lane % 4;
    if (bits == 8) {
      words.push_back(getNibbles(row + in % 2 * 8, in / 2 * 8, 8));
      continue;
    }
    bool isUsed = unusedLanes ? in >= 2 : in < 2;
    words.push_back(isUsed ? getNibbles(row, in % 2 * 4, 4) |
                                 getNibbles(row + 8, in % 2 * 4, 4) << 16
                           : 0xffffffff);
  }
  return words;
}

/// Sum number `number` of each lane, of mma.sp and of two dense mma.
std::vector<uint32_t> multiply(const SparseOperands &operands, unsigned number,
                               bool isSparse, unsigned selector) {
  bool isFloat = operands.bits == 16;
  std::string types = isFloat ? ".row.col.f32.f16.f16.f32 "
                              : ".row.col.s32.u8.s8.s32 ",
              zero = isFloat ? "0f00000000" : "0",
              zeros =
                  "{" + zero + ", " + zero + ", " + zero + ", " + zero + "}",
              sums = "{%r4, %r5, %r6, %r7}", body;
  for (unsigned r = 0; r < 17; ++r)
    body += "ld.global.b32 %r" + std::to_string(10 + r) + ", [%rd2+" +
            std::to_string(128 * (r + 1)) + "];\n";
  auto name = [&](const char *start, unsigned depth) {
    return start + std::to_string(depth) + types + sums + ", ";
  };
  if (isSparse)
    body += name("mma.sp.sync.aligned.m16n8k", operands.depth) +
            "{%r18, %r19, %r20, %r21}, {%r22, %r23, %r24, %r25}, " + zeros +
            ", %r26, " + std::to_string(selector) + ";\n";
  else
    body += name("mma.sync.aligned.m16n8k", operands.depth / 2) +
            "{%r10, %r11, %r12, %r13}, {%r22, %r23}, " + zeros + ";\n" +
            name("mma.sync.aligned.m16n8k", operands.depth / 2) +
            "{%r14, %r15, %r16, %r17}, {%r24, %r25}, " + sums + ";\n";
  body += "mov.b32 %r1, %r" + std::to_string(4 + number) + ";\n" + kStore;
  return run(body, 32, operands.makeWords(selector != 0));
}

} // namespace

TEST(PtxDevice, SparseProductsAreThoseOfAllElements) {
  for (auto [depth, bits] : {std::pair(32u, 16u), {64u, 8u}})
    for (unsigned selector = 0; selector < (bits == 16 ? 2u : 1u); ++selector)
      for (unsigned number = 0; number < 4; ++number) {
        SparseOperands operands(depth, bits);
        std::vector<uint32_t> sums = multiply(operands, number, true, selector);
        EXPECT_EQ(sums, multiply(operands, number, false, selector));
        for (unsigned lane = 0; lane < 32; ++lane) {
          int expected = 0;
          for (unsigned k = 0; k < depth; ++k)
            expected += operands.left[lane / 4 + number / 2 * 8][k] *
                        operands.right[k][lane % 4 * 2 + number % 2];
          EXPECT_EQ(bits == 16 ? int(bitCast<float>(sums[lane]))
                               : int(sums[lane]),
                    expected);
        }
      }
  // Both kept elements of a group in one place.
  EXPECT_THAT(errorOf("mov.b32 %r2, 0;\nmov.b32 %r3, 0xffffffff;\n"
                      "mma.sp.sync.aligned.m16n8k32.row.col.f32.f16.f16.f32 "
                      "{%r4, %r5, %r6, %r7}, {%r2, %r2, %r2, %r2}, "
                      "{%r2, %r2, %r2, %r2}, {%r2, %r2, %r2, %r2}, %r3, 0;\n",
                      32),
              HasSubstr("metadata of mma.sp that is not in ascending order"));
}

TEST(PtxDevice, RoundsSmallFloats) {
  // Every value of a type is the float that it came from.
  for (uint32_t bits = 0; bits < 256; ++bits) {
    float e4m3 = E4M3::toFloat(bits), e5m2 = E5M2::toFloat(bits);
    if (!std::isnan(e4m3))
      EXPECT_EQ(E4M3::fromFloat(e4m3), bits);
    if (!std::isnan(e5m2))
      EXPECT_EQ(E5M2::fromFloat(e5m2), bits);
  }
  for (uint32_t bits = 0; bits < 0x7c00; ++bits)
    EXPECT_EQ(F16::fromFloat(F16::toFloat(bits)), bits);
  EXPECT_EQ(E4M3::toFloat(0x7e), 448);
  EXPECT_EQ(E4M3::fromFloat(1e9f, true), 0x7eu);
  EXPECT_EQ(F16::fromFloat(65520), 0x7c00u);        // infinity
  EXPECT_EQ(F16::fromFloat(1 + 0x1p-11f), 0x3c00u); // a tie, to even
  EXPECT_EQ(BF16::fromFloat(1 + 0x1p-8f), 0x3f80u);
}

TEST(PtxDevice, TakesNumbersFromZero) {
  EXPECT_THAT(run("sub.s32 %r2, %r0, 2;\nmin.relu.s32 %r1, %r2, 1;\n" +
                      std::string(kStore),
                  5),
              testing::ElementsAre(0, 0, 0, 1, 1));
}

TEST(PtxDevice, TakesBitsWithTheirSign) {
  // Threads take four bits from 4, 8, 12, .. on: past the end, the sign.
  EXPECT_THAT(run("mov.u32 %r2, 0x8765F0A4;\nshl.b32 %r3, %r0, 2;\n"
                  "bfe.s32 %r1, %r2, %r3, 4;\n" +
                      std::string(kStore),
                  9),
              testing::ElementsAre(4, 0xFFFFFFFA, 0, 0xFFFFFFFF, 5, 6, 7,
                                   0xFFFFFFF8, 0xFFFFFFFF));
  // More than there are, and none.
  EXPECT_THAT(run("mov.u32 %r2, 0x8765F0A4;\nmul.lo.s32 %r3, %r0, 40;\n"
                  "bfe.s32 %r1, %r2, 28, %r3;\n" +
                      std::string(kStore),
                  2),
              testing::ElementsAre(0, 0xFFFFFFF8));
}

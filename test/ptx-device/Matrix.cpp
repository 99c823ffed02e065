// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Products of small matrices: fragments as the PTX ISA ("Warp-level matrix
// instructions", "Asynchronous warpgroup-level matrix instructions") lays them
// out.

#include "test/ptx-device/Decode.h"
#include "test/ptx-device/Floats.h"

#include <array>

using namespace dl::ptxdevice;

namespace {

enum Type : uint8_t { F16Type, BF16Type, TF32Type, E4M3Type, E5M2Type, S8, U8 };

std::optional<Type> findType(const std::string &word) {
  static const std::map<std::string, Type> kTypes = {
      {"f16", F16Type},   {"bf16", BF16Type}, {"tf32", TF32Type},
      {"e4m3", E4M3Type}, {"e5m2", E5M2Type}, {"s8", S8},
      {"u8", U8}};
  auto found = kTypes.find(word);
  return found == kTypes.end() ? std::nullopt
                               : std::optional<Type>(found->second);
}

unsigned bitsOf(Type type) {
  return type == TF32Type ? 32 : type <= BF16Type ? 16 : 8;
}

/// The tables of all values of the types of 8 and 16 bits.
template <typename Small, unsigned bits> const float *getValues() {
  static const std::vector<float> kValues = [] {
    std::vector<float> values(size_t(1) << bits);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = Small::toFloat(uint32_t(i));
    return values;
  }();
  return kValues.data();
}

float toFloat(Type type, uint32_t bits) {
  switch (type) {
  case F16Type:
    return getValues<F16, 16>()[bits & 0xffff];
  case BF16Type:
    return BF16::toFloat(bits & 0xffff);
  case TF32Type:
    return bitCast<float>(bits & ~uint32_t(0x1fff));
  case E4M3Type:
    return getValues<E4M3, 8>()[bits & 255];
  case E5M2Type:
    return getValues<E5M2, 8>()[bits & 255];
  case S8:
    return float(int8_t(bits));
  default:
    return float(uint8_t(bits));
  }
}

//===----------------------------------------------------------------------===//
// mma.sync
//===----------------------------------------------------------------------===//

constexpr unsigned kRows = 16, kColumns = 8, kMostDepth = 64;

/// Where two of four elements of a row are that a sparse operand keeps, four
/// bits a group. `e` has the metadata of all lanes: of 16 bits, lanes 0 and 1
/// (2 and 3) of each four have 16 contracted positions each, in the lower half
/// of rows 0 to 7, in the upper one of the others; of 8 bits, lanes 0 and 1
/// have 32 positions of these rows and the others, lanes 2 and 3 the next ones.
unsigned getKept(const uint32_t *e, unsigned bits, unsigned selector,
                 unsigned row, unsigned group) {
  unsigned quad = row % 8 * 4, high = row / 8;
  if (bits == 16)
    return e[quad + 2 * selector + group / 4] >> (16 * high + group % 4 * 4) &
           15;
  return e[quad + group / 8 * 2 + high] >> group % 8 * 4 & 15;
}

/// `mode`, above the depth: whether a is sparse, and the selector of lanes that
/// have metadata.
constexpr unsigned kDepthBits = 12, kSparseBit = 12, kSelectorBit = 13;

/// Moves the kept elements of a sparse operand to where they belong.
void spread(Warp &warp, const Instruction &in, unsigned bits,
            float (&a)[kRows][kMostDepth], unsigned depth) {
  const auto *e = warp.at<uint32_t>(in.a);
  for (unsigned i = 0; i < kRows; ++i) {
    float row[kMostDepth] = {};
    for (unsigned group = 0; group < depth / 4; ++group) {
      unsigned kept = getKept(e, bits, in.mode >> kSelectorBit, i, group);
      unsigned first = kept & 3, second = kept >> 2;
      if (first >= second)
        fail(warp, in, kLaunchFailed,
             "metadata of mma.sp that is not in ascending order");
      row[4 * group + first] = a[i][2 * group];
      row[4 * group + second] = a[i][2 * group + 1];
    }
    std::copy(row, row + depth, a[i]);
  }
}

/// Sums of at most 64 products of bytes are exact in float. `list` has the
/// registers of d, a, b and c.
template <typename Sum>
void multiply(Warp &warp, const Instruction &in, uint32_t mask) {
  if (mask != kAllLanes)
    fail(warp, in, kLaunchFailed, "mma without all lanes");
  auto typeA = Type(in.typeA), typeB = Type(in.typeD);
  unsigned depth = in.mode & ((1 << kDepthBits) - 1), bits = bitsOf(typeA),
           each = 32 / bits;
  bool isSparse = in.mode >> kSparseBit & 1;
  float a[kRows][kMostDepth], b[kMostDepth][kColumns];
  unsigned countB = kRows * depth * bits / 2048,
           countA = isSparse ? countB : 2 * countB;
  const uint32_t *slots = in.list.data() + 4;
  for (unsigned r = 0; r < countA; ++r) {
    const auto *words = warp.at<uint32_t>(slots[r]);
    for (unsigned lane = 0; lane < kLanes; ++lane)
      for (unsigned e = 0; e < each; ++e)
        a[lane / 4 + r % 2 * 8][r / 2 * each * 4 + lane % 4 * each + e] =
            toFloat(typeA, words[lane] >> (bits & 31) * e);
  }
  for (unsigned r = 0; r < countB; ++r) {
    const auto *words = warp.at<uint32_t>(slots[countA + r]);
    for (unsigned lane = 0; lane < kLanes; ++lane)
      for (unsigned e = 0; e < each; ++e)
        b[r * each * 4 + lane % 4 * each + e][lane / 4] =
            toFloat(typeB, words[lane] >> (bits & 31) * e);
  }
  if (isSparse)
    spread(warp, in, bits, a, depth);
  float sums[kRows][kColumns] = {};
  for (unsigned i = 0; i < kRows; ++i)
    for (unsigned k = 0; k < depth; ++k)
      for (unsigned j = 0; j < kColumns; ++j)
        sums[i][j] += a[i][k] * b[k][j];
  for (unsigned r = 0; r < 4; ++r) {
    const auto *c = warp.at<Sum>(slots[countA + countB + r]);
    auto *d = warp.at<Sum>(in.list[r]);
    for (unsigned lane = 0; lane < kLanes; ++lane)
      d[lane] = c[lane] + Sum(sums[lane / 4 + r / 2 * 8][lane % 4 * 2 + r % 2]);
  }
}

bool decodeMma(const Statement &statement, Places &places, Instruction &in) {
  const std::vector<std::string> &words = statement.words;
  // mma[.sp[::ordered_metadata]].sync.aligned.m16n8k16.row.col[.satfinite].f32.bf16.bf16.f32
  size_t count = words.size();
  bool isSparse = words[1] == "sp" || words[1] == "sp::ordered_metadata";
  if (count < 8 || !statement.has("row") || !statement.has("col"))
    return false;
  auto typeA = findType(words[count - 3]), typeB = findType(words[count - 2]);
  unsigned rows = 0, columns = 0, depth = 0;
  if (sscanf(words[isSparse ? 4 : 3].c_str(), "m%un%uk%u", &rows, &columns,
             &depth) != 3 ||
      rows != kRows || columns != kColumns || !typeA || !typeB ||
      bitsOf(*typeA) != bitsOf(*typeB))
    return false;
  // A sparse operand has the registers of a dense one of half the depth.
  unsigned rowBits = depth * bitsOf(*typeA);
  if (isSparse ? rowBits != 512 || *typeA == TF32Type : rowBits > 256)
    return false;
  const std::string &sum = words.back();
  if (sum != words[count - 4] || (sum != "f32" && sum != "s32"))
    return false;
  unsigned countB = kRows * rowBits / 2048,
           countA = isSparse ? countB : 2 * countB;
  size_t expected[] = {4, countA, countB, 4};
  for (size_t i = 0; i < 4; ++i) {
    const Operand &operand = statement.operands.at(i);
    std::vector<Operand> all =
        operand.kind == Operand::List ? operand.of : std::vector{operand};
    if (all.size() != expected[i])
      return false;
    for (const Operand &part : all)
      in.list.push_back(places.place(part, 4));
  }
  in.flow = Flow::Together;
  in.typeA = *typeA;
  in.typeD = *typeB;
  in.mode = depth;
  if (isSparse) {
    in.a = places.place(statement.operands.at(4), 4);
    auto selector = uint32_t(statement.operands.at(5).value);
    if (selector > (bitsOf(*typeA) == 16 ? 1 : 0))
      return false;
    in.mode |= 1u << kSparseBit | selector << kSelectorBit;
  }
  in.run = sum == "s32" ? multiply<int32_t> : multiply<float>;
  return true;
}

//===----------------------------------------------------------------------===//
// ldmatrix
//===----------------------------------------------------------------------===//

/// Lanes 8 i to 8 i + 7 have the addresses of the rows of matrix i.
void loadMatrices(Warp &warp, const Instruction &in, uint32_t mask) {
  if (mask != kAllLanes)
    fail(warp, in, kLaunchFailed, "ldmatrix without all lanes");
  constexpr uint32_t kRowBytes = 16;
  for (unsigned m = 0; m < in.list.size(); ++m) {
    uint16_t rows[8][8];
    for (unsigned row = 0; row < 8; ++row) {
      unsigned lane = m * 8 + row;
      uint64_t address = (in.mode >> 31 ? warp.at<uint32_t>(in.a)[lane]
                                        : warp.at<uint64_t>(in.a)[lane]) +
                         static_cast<uint64_t>(in.offset);
      memcpy(rows[row], reachShared(warp, in, address, kRowBytes, lane, false),
             kRowBytes);
    }
    auto *d = warp.at<uint32_t>(in.list[m]);
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      unsigned row = lane / 4, column = lane % 4 * 2;
      d[lane] = in.typeD
                    ? rows[column][row] | uint32_t(rows[column + 1][row]) << 16
                    : rows[row][column] | uint32_t(rows[row][column + 1]) << 16;
    }
  }
}

bool decodeLdmatrix(const Statement &statement, Places &places,
                    Instruction &in) {
  if (!statement.has("m8n8") || !statement.has("b16"))
    return false;
  const Operand &results = statement.operands.at(0);
  for (const Operand &result :
       results.kind == Operand::List ? results.of : std::vector{results})
    in.list.push_back(places.place(result, 4));
  places.placeAddress(statement.operands.at(1), in);
  in.typeD = statement.has("trans");
  in.flow = Flow::Together;
  in.run = loadMatrices;
  return true;
}

//===----------------------------------------------------------------------===//
// wgmma
//===----------------------------------------------------------------------===//

/// An operand in shared memory with the swizzle of 128 bytes.
struct Descriptor {
  uint64_t start, leading, stride;
  bool isAlongDepth; ///< neighbours are contracted positions

  static Descriptor decode(const Warp &warp, const Instruction &in,
                           uint64_t bits, bool isAlongDepth) {
    constexpr uint64_t kMask = 0x3fff, kUnit = 16, kSwizzle128 = 1;
    if (bits >> 62 != kSwizzle128)
      fail(warp, in, kLaunchFailed,
           "a matrix descriptor without the swizzle of 128 bytes");
    return {(bits & kMask) * kUnit, (bits >> 16 & kMask) * kUnit,
            (bits >> 32 & kMask) * kUnit, isAlongDepth};
  }
  uint64_t addressOf(unsigned line, unsigned k, unsigned bytes) const {
    constexpr unsigned kRowBytes = 128, kGroup = 8;
    unsigned across = kRowBytes / bytes;
    uint64_t at = isAlongDepth
                      ? start + line / kGroup * stride +
                            line % kGroup * kRowBytes + k * bytes
                      : start + line / across * leading + k / kGroup * stride +
                            k % kGroup * kRowBytes + line % across * bytes;
    return at ^ (at >> 7 & 7) << 4;
  }
};

struct WarpgroupProduct {
  unsigned columns = 0, depth = 0;
  bool isLeftInRegisters = false, isLeftAlongDepth = true,
       isRightAlongDepth = true;
};

/// `mode`: columns, then from bit 12 on the depth, from bit 20 on how operands
/// lie. `list`: sums, then registers of the left operand, if it lies there. c:
/// whether sums are added to.
template <typename Sum>
void runProduct(Warp &warp, const Instruction &in, uint64_t left,
                uint64_t right, bool adds) {
  unsigned columns = in.mode & 0xfff, depth = in.mode >> 12 & 0xff;
  bool isInRegisters = in.mode >> 20 & 1;
  auto typeA = Type(in.typeA), typeB = Type(in.typeD);
  unsigned bits = bitsOf(typeA), bytes = bits / 8;
  auto read = [&](const Descriptor &from, Type type, unsigned line,
                  unsigned k) {
    uint32_t value = 0;
    uint64_t at = from.addressOf(line, k, bytes);
    memcpy(&value, reachShared(warp, in, at, bytes, 0, false), bytes);
    if (warp.block->written[toSharedAddress(at)] == kUnpublished)
      fail(warp, in, kLaunchFailed,
           "wgmma reads what was stored without fence.proxy.async");
    return toFloat(type, value);
  };
  float a[kRows][kMostDepth];
  if (isInRegisters) {
    unsigned each = 32 / bits;
    for (unsigned r = 0; r < 4; ++r) {
      const auto *words = warp.at<uint32_t>(in.list[columns / 2 + r]);
      for (unsigned lane = 0; lane < kLanes; ++lane)
        for (unsigned e = 0; e < each; ++e)
          a[lane / 4 + r % 2 * 8][r / 2 * each * 4 + lane % 4 * each + e] =
              toFloat(typeA, words[lane] >> bits * e);
    }
  } else {
    Descriptor from = Descriptor::decode(warp, in, left, in.mode >> 21 & 1);
    unsigned first = warp.number % 4 * kRows;
    for (unsigned i = 0; i < kRows; ++i)
      for (unsigned k = 0; k < depth; ++k)
        a[i][k] = read(from, typeA, first + i, k);
  }
  Descriptor from = Descriptor::decode(warp, in, right, in.mode >> 22 & 1);
  constexpr unsigned kMostColumns = 256;
  static thread_local float b[kMostDepth][kMostColumns];
  for (unsigned j = 0; j < columns; ++j)
    for (unsigned k = 0; k < depth; ++k)
      b[k][j] = read(from, typeB, j, k);
  for (unsigned i = 0; i < kRows; ++i) {
    float sums[kMostColumns] = {};
    for (unsigned k = 0; k < depth; ++k)
      for (unsigned j = 0; j < columns; ++j)
        sums[j] += a[i][k] * b[k][j];
    for (unsigned j = 0; j < columns; ++j) {
      unsigned lane = i % 8 * 4 + j % 8 / 2, r = j / 8 * 4 + i / 8 * 2 + j % 2;
      Sum &d = warp.at<Sum>(in.list[r])[lane];
      d = adds ? d + Sum(sums[j]) : Sum(sums[j]);
    }
  }
}

template <typename Sum>
void beginProduct(Warp &warp, const Instruction &in, uint32_t mask) {
  if (mask != kAllLanes)
    fail(warp, in, kLaunchFailed, "wgmma without all lanes");
  uint64_t left = in.mode >> 20 & 1 ? 0 : warp.at<uint64_t>(in.a)[0],
           right = warp.at<uint64_t>(in.b)[0];
  bool adds = warp.predicate(in.c) & 1;
  warp.products.emplace_back([&warp, &in, left, right, adds] {
    runProduct<Sum>(warp, in, left, right, adds);
  });
}

bool decodeWgmma(const Statement &statement, Places &places, Instruction &in) {
  const std::vector<std::string> &words = statement.words;
  in.flow = Flow::Together;
  if (statement.has("fence")) {
    in.run = [](Warp &, const Instruction &, uint32_t) {};
    return true;
  }
  if (statement.has("commit_group")) {
    in.run = [](Warp &warp, const Instruction &, uint32_t) {
      warp.productGroups.push_back(std::move(warp.products));
      warp.products.clear();
    };
    return true;
  }
  if (statement.has("wait_group")) {
    in.mode = uint32_t(statement.operands.at(0).value);
    in.run = [](Warp &warp, const Instruction &in, uint32_t) {
      while (warp.productGroups.size() > in.mode) {
        for (const Warp::Action &action : warp.productGroups.front())
          action();
        warp.productGroups.pop_front();
      }
    };
    return true;
  }
  if (!statement.has("mma_async"))
    return false;
  // wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {d}, a, b, p, 1, 1[,
  // ta, tb]
  size_t count = words.size();
  auto typeA = findType(words[count - 2]), typeB = findType(words[count - 1]);
  unsigned rows = 0, columns = 0, depth = 0;
  if (sscanf(words[4].c_str(), "m%un%uk%u", &rows, &columns, &depth) != 3 ||
      rows != 64 || columns > 256 || depth > kMostDepth || !typeA || !typeB ||
      (words[5] != "f32" && words[5] != "s32"))
    return false;
  bool isInteger = words[5] == "s32"; // without factors of the operands
  const std::vector<Operand> &operands = statement.operands;
  if (operands.at(0).of.size() != columns / 2 ||
      (!isInteger && (operands.at(4).value != 1 || operands.at(5).value != 1)))
    return false;
  for (const Operand &sum : operands[0].of)
    in.list.push_back(places.place(sum, 4));
  bool isInRegisters = operands[1].kind == Operand::List;
  if (isInRegisters) {
    if (operands[1].of.size() != 4)
      return false;
    for (const Operand &part : operands[1].of)
      in.list.push_back(places.place(part, 4));
  } else {
    in.a = places.place(operands[1], 8);
  }
  in.b = places.place(operands.at(2), 8);
  in.c = places.place(operands.at(3), 0);
  size_t next = 6;
  bool isLeftTransposed =
      !isInRegisters && operands.size() > next && operands[next++].value != 0;
  bool isRightTransposed = operands.size() > next && operands[next].value != 0;
  in.mode = columns | depth << 12 | uint32_t(isInRegisters) << 20 |
            uint32_t(!isLeftTransposed) << 21 |
            uint32_t(!isRightTransposed) << 22;
  in.typeA = *typeA;
  in.typeD = *typeB;
  in.run = isInteger ? beginProduct<int32_t> : beginProduct<float>;
  return true;
}

} // namespace

namespace dl::ptxdevice {

bool decodeMatrix(const Statement &statement, Places &places, Instruction &in) {
  const std::string &name = statement.words[0];
  if (name == "mma")
    return decodeMma(statement, places, in);
  if (name == "ldmatrix")
    return decodeLdmatrix(statement, places, in);
  if (name == "wgmma")
    return decodeWgmma(statement, places, in);
  return false;
}

} // namespace dl::ptxdevice

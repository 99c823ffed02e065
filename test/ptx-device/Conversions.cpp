// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Conversions between types, address spaces, and parts of registers.

#include "test/ptx-device/Decode.h"
#include "test/ptx-device/Floats.h"

#include <limits>

using namespace dl::ptxdevice;

namespace {

enum Type : uint8_t {
  U8,
  S8,
  U16,
  S16,
  U32,
  S32,
  U64,
  S64,
  kFirstFloat,
  F16Type = kFirstFloat,
  BF16Type,
  TF32Type,
  F32Type,
  F64Type
};

enum Rounding : uint32_t { None, ToEven, ToZero, Down, Up, Saturates = 16 };

std::optional<Type> findType(const std::string &word) {
  static const std::map<std::string, Type> kTypes = {
      {"u8", U8},        {"s8", S8},         {"u16", U16},     {"s16", S16},
      {"u32", U32},      {"s32", S32},       {"u64", U64},     {"s64", S64},
      {"b8", U8},        {"b16", U16},       {"b32", U32},     {"b64", U64},
      {"f16", F16Type},  {"bf16", BF16Type}, {"f32", F32Type}, {"f64", F64Type},
      {"tf32", TF32Type}};
  auto found = kTypes.find(word);
  return found == kTypes.end() ? std::nullopt
                               : std::optional<Type>(found->second);
}

uint64_t readBits(const Warp &warp, uint32_t slot, uint32_t width,
                  unsigned lane) {
  uint64_t bits = 0;
  memcpy(&bits, warp.registers + slot + width * lane, width);
  return bits;
}

void writeBits(const Warp &warp, uint32_t slot, uint32_t width, unsigned lane,
               uint64_t bits) {
  memcpy(warp.registers + slot + width * lane, &bits, width);
}

double toDouble(Type type, uint64_t bits) {
  switch (type) {
  case F16Type:
    return F16::toFloat(uint32_t(bits));
  case BF16Type:
    return BF16::toFloat(uint32_t(bits));
  case F64Type:
    return bitCast<double>(bits);
  default:
    return bitCast<float>(uint32_t(bits));
  }
}

int64_t toInteger(Type type, uint64_t bits) {
  switch (type) {
  case U8:
    return uint8_t(bits);
  case S8:
    return int8_t(bits);
  case U16:
    return uint16_t(bits);
  case S16:
    return int16_t(bits);
  case U32:
    return uint32_t(bits);
  case S32:
    return int32_t(bits);
  default:
    return int64_t(bits);
  }
}

/// The 10 bits of mantissa that tensor cores read, to nearest.
uint32_t toTf32(float value) {
  auto bits = bitCast<uint32_t>(value);
  if (std::isnan(value) || std::isinf(value))
    return bits;
  return (bits + 0x1000) & ~0x1fffu;
}

template <typename T> uint64_t clamp(double value) {
  if (std::isnan(value))
    return 0;
  if (value <= double(std::numeric_limits<T>::min()))
    return uint64_t(std::numeric_limits<T>::min());
  if (value >= double(std::numeric_limits<T>::max()))
    return uint64_t(std::numeric_limits<T>::max());
  return uint64_t(T(value));
}

double roundBy(uint32_t rounding, double value) {
  switch (rounding & 15) {
  case ToEven:
    return std::nearbyint(value);
  case ToZero:
    return std::trunc(value);
  case Down:
    return std::floor(value);
  case Up:
    return std::ceil(value);
  default:
    return value;
  }
}

uint64_t fromDouble(Type type, double value, uint32_t mode) {
  value = roundBy(mode, value);
  if (mode & Saturates && type >= kFirstFloat)
    value = std::isnan(value) ? 0 : std::fmin(std::fmax(value, 0), 1);
  switch (type) {
  case U8:
    return clamp<uint8_t>(value);
  case S8:
    return clamp<int8_t>(value);
  case U16:
    return clamp<uint16_t>(value);
  case S16:
    return clamp<int16_t>(value);
  case U32:
    return clamp<uint32_t>(value);
  case S32:
    return clamp<int32_t>(value);
  case U64:
    return clamp<uint64_t>(value);
  case S64:
    return clamp<int64_t>(value);
  case F16Type:
    return F16::fromFloat(float(value));
  case BF16Type:
    return BF16::fromFloat(float(value));
  case TF32Type:
    return toTf32(float(value));
  case F32Type:
    return bitCast<uint32_t>(float(value));
  default:
    return bitCast<uint64_t>(value);
  }
}

uint64_t fromInteger(Type type, Type from, int64_t value, uint32_t mode) {
  switch (type) {
  case F32Type:
    return bitCast<uint32_t>(from == U64 ? float(uint64_t(value))
                                         : float(value));
  case F64Type:
    return bitCast<uint64_t>(from == U64 ? double(uint64_t(value))
                                         : double(value));
  case F16Type:
    return F16::fromFloat(float(value));
  case BF16Type:
    return BF16::fromFloat(float(value));
  default:
    return mode & Saturates ? fromDouble(type, double(value), None)
                            : uint64_t(value);
  }
}

/// `list` has the registers' bytes.
void convert(Warp &warp, const Instruction &in, uint32_t mask) {
  auto to = Type(in.typeD), from = Type(in.typeA);
  uint32_t widthD = in.list[0], widthA = in.list[1];
  forLanes(mask, [&](unsigned i) {
    uint64_t bits = readBits(warp, in.a, widthA, i);
    if (from >= kFirstFloat) {
      bits = fromDouble(to, toDouble(from, bits), in.mode);
    } else {
      bits = fromInteger(to, from, toInteger(from, bits), in.mode);
      if (to < kFirstFloat)
        bits = uint64_t(toInteger(to, bits)); // what lies beyond is extended
    }
    writeBits(warp, in.d, widthD, i, bits);
  });
}

/// Integers that are widened or cut, the most frequent ones.
template <typename D, typename A>
void resize(Warp &warp, const Instruction &in, uint32_t mask) {
  auto *d = warp.at<D>(in.d);
  const auto *a = warp.at<A>(in.a);
  forLanes(mask, [=](unsigned i) { d[i] = D(a[i]); });
}

/// Two floats to two smaller ones in a register: the first one above.
template <typename Small, bool saturates, bool relu, typename Packed>
void convertTwo(Warp &warp, const Instruction &in, uint32_t mask) {
  constexpr unsigned kBits = 4 * sizeof(Packed);
  auto *d = warp.at<Packed>(in.d);
  const auto *a = warp.at<float>(in.a), *b = warp.at<float>(in.b);
  auto small = [](float value) {
    return Small::fromFloat(relu ? std::fmax(value, 0.0f) : value, saturates);
  };
  forLanes(mask, [&](unsigned i) {
    d[i] = Packed(small(b[i]) | small(a[i]) << kBits);
  });
}

/// Two bytes of float8 to two halves.
template <typename Small>
void widenTwo(Warp &warp, const Instruction &in, uint32_t mask) {
  auto *d = warp.at<uint32_t>(in.d);
  const auto *a = warp.at<uint16_t>(in.a);
  forLanes(mask, [&](unsigned i) {
    d[i] = F16::fromFloat(Small::toFloat(a[i] & 255)) |
           F16::fromFloat(Small::toFloat(a[i] >> 8)) << 16;
  });
}

bool decodeTwo(const Statement &statement, Places &places, Instruction &in) {
  bool relu = statement.has("relu");
  const auto &operands = statement.operands;
  if (operands.size() == 2 && statement.has("f16x2")) {
    if (!statement.has("e4m3x2") && !statement.has("e5m2x2"))
      return false;
    in.run = statement.has("e4m3x2") ? widenTwo<E4M3> : widenTwo<E5M2>;
    in.d = places.place(operands[0], 4);
    in.a = places.place(operands[1], 2);
    return true;
  }
  if (operands.size() != 3 || statement.words.back() != "f32")
    return false;
  uint32_t width = 4;
  if (statement.has("bf16x2"))
    in.run = relu ? convertTwo<BF16, false, true, uint32_t>
                  : convertTwo<BF16, false, false, uint32_t>;
  else if (statement.has("f16x2"))
    in.run = relu ? convertTwo<F16, false, true, uint32_t>
                  : convertTwo<F16, false, false, uint32_t>;
  else if (statement.has("e4m3x2"))
    in.run = convertTwo<E4M3, true, false, uint16_t>;
  else if (statement.has("e5m2x2"))
    in.run = convertTwo<E5M2, true, false, uint16_t>;
  else
    return false;
  if (statement.has("e4m3x2") || statement.has("e5m2x2"))
    width = 2;
  in.d = places.place(operands[0], width);
  in.a = places.place(operands[1], 4);
  in.b = places.place(operands[2], 4);
  return true;
}

/// To 11 bits, halves away from zero; infinities and not-a-numbers stay.
void roundToTf32(Warp &warp, const Instruction &in, uint32_t mask) {
  constexpr uint32_t kHalf = 0x1000, kRest = 0x1fff, kInfinity = 0x7f800000;
  auto *d = warp.at<uint32_t>(in.d);
  const auto *a = warp.at<uint32_t>(in.a);
  forLanes(mask, [=](unsigned i) {
    d[i] = (a[i] & kInfinity) == kInfinity ? a[i] : (a[i] + kHalf) & ~kRest;
  });
}

bool decodeTf32(const Statement &statement, Places &places, Instruction &in) {
  if (!statement.has("rna") || statement.words.back() != "f32" ||
      statement.words.size() != 4)
    return false;
  in.d = places.place(statement.operands.at(0), 4);
  in.a = places.place(statement.operands.at(1), 4);
  in.run = roundToTf32;
  return true;
}

bool decodeCvt(const Statement &statement, Places &places, Instruction &in) {
  if (statement.has("tf32"))
    return decodeTf32(statement, places, in);
  if (decodeTwo(statement, places, in))
    return true;
  if (statement.words.size() < 3 || statement.operands.size() != 2)
    return false;
  auto to = findType(statement.words[statement.words.size() - 2]),
       from = findType(statement.words.back());
  if (!to || !from)
    return false;
  in.typeD = *to;
  in.typeA = *from;
  const std::pair<const char *, uint32_t> kModes[] = {{"rni", ToEven},
                                                      {"rzi", ToZero},
                                                      {"rmi", Down},
                                                      {"rpi", Up},
                                                      {"sat", Saturates}};
  for (auto [word, mode] : kModes)
    if (statement.has(word))
      in.mode |= mode;
  for (const char *word : {"rz", "rm", "rp"})
    if (statement.has(word))
      return false;
  // Registers may be wider than the types.
  for (const Operand &operand : statement.operands) {
    bool isFirst = in.list.empty();
    uint32_t width = places.widthOf(operand);
    if (!width)
      width = *typeBytes(
          statement.words[statement.words.size() - (isFirst ? 2 : 1)]);
    in.list.push_back(width);
    (isFirst ? in.d : in.a) = places.place(operand, width);
  }
  in.run = convert;
  if (!in.mode && in.list[0] == 8 && in.list[1] == 4 && *to >= U64 &&
      *to <= S64) {
    if (*from == U32)
      in.run = resize<uint64_t, uint32_t>;
    if (*from == S32)
      in.run = resize<int64_t, int32_t>;
  }
  if (!in.mode && in.list[0] == 4 && in.list[1] == 8 &&
      (*to == U32 || *to == S32) && (*from == U64 || *from == S64))
    in.run = resize<uint32_t, uint64_t>;
  return true;
}

/// `mode` is added; wraps around.
void moveSpace(Warp &warp, const Instruction &in, uint32_t mask) {
  auto *d = warp.at<uint64_t>(in.d);
  const auto *a = warp.at<uint64_t>(in.a);
  auto base = static_cast<uint64_t>(in.offset);
  forLanes(mask, [=](unsigned i) { d[i] = a[i] + base; });
}

/// From a generic address; a shared one may be in its space already.
void toShared(Warp &warp, const Instruction &in, uint32_t mask) {
  auto *d = warp.at<uint64_t>(in.d);
  const auto *a = warp.at<uint64_t>(in.a);
  forLanes(mask, [=](unsigned i) { d[i] = toSharedAddress(a[i]); });
}

bool decodeCvta(const Statement &statement, Places &places, Instruction &in) {
  const std::string &space = statement.words[statement.has("to") ? 2 : 1];
  in.d = places.place(statement.operands.at(0), 8);
  in.a = places.place(statement.operands.at(1), 8);
  in.run = moveSpace;
  uint64_t base = space == "param" ? kParameterBase : kSharedBase;
  if (space == "global")
    return true;
  if (space != "param" && space.compare(0, 6, "shared") != 0)
    return false;
  if (statement.has("to") && space != "param")
    in.run = toShared;
  else
    in.offset = static_cast<int64_t>(statement.has("to") ? 0 - base : base);
  return true;
}

/// A register from parts, which are `list`; of `mode` bytes each.
void pack(Warp &warp, const Instruction &in, uint32_t mask) {
  uint32_t width = in.mode, whole = width * uint32_t(in.list.size());
  forLanes(mask, [&](unsigned i) {
    for (size_t part = 0; part < in.list.size(); ++part)
      memcpy(warp.registers + in.d + whole * i + width * part,
             warp.registers + in.list[part] + width * i, width);
  });
}

void unpack(Warp &warp, const Instruction &in, uint32_t mask) {
  uint32_t width = in.mode, whole = width * uint32_t(in.list.size());
  forLanes(mask, [&](unsigned i) {
    uint8_t bytes[8];
    memcpy(bytes, warp.registers + in.a + whole * i, whole);
    for (size_t part = 0; part < in.list.size(); ++part)
      memcpy(warp.registers + in.list[part] + width * i, bytes + width * part,
             width);
  });
}

bool decodeParts(const Statement &statement, Places &places, Instruction &in) {
  auto whole = typeBytes(statement.words.back());
  if (!whole || statement.operands.size() != 2)
    return false;
  bool isPacked = statement.operands[1].kind == Operand::List;
  const Operand &parts = statement.operands[isPacked ? 1 : 0],
                &other = statement.operands[isPacked ? 0 : 1];
  if (parts.kind != Operand::List)
    return false;
  in.mode = *whole / uint32_t(parts.of.size());
  if (in.mode < 2)
    return false;
  for (const Operand &part : parts.of)
    in.list.push_back(places.place(part, in.mode));
  (isPacked ? in.d : in.a) = places.place(other, *whole);
  in.run = isPacked ? pack : unpack;
  return true;
}

} // namespace

namespace dl::ptxdevice {

bool decodeConversion(const Statement &statement, Places &places,
                      Instruction &in) {
  const std::string &name = statement.words[0];
  if (name == "cvt")
    return decodeCvt(statement, places, in);
  if (name == "cvta")
    return decodeCvta(statement, places, in);
  if (name == "mov")
    return decodeParts(statement, places, in);
  return false;
}

} // namespace dl::ptxdevice

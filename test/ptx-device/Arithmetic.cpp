// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Instructions that compute each lane's result from its own operands.

#include "test/ptx-device/Decode.h"
#include "test/ptx-device/Floats.h"

#include <algorithm>
#include <type_traits>
#include <unordered_map>

using namespace dl::ptxdevice;

namespace {

//===----------------------------------------------------------------------===//
// Loops over lanes
//===----------------------------------------------------------------------===//

template <typename R, typename A, typename Op>
void unary(Warp &warp, const Instruction &in, uint32_t mask) {
  R *d = warp.at<R>(in.d);
  const A *a = warp.at<A>(in.a);
  forLanes(mask, [=](unsigned i) { d[i] = R(Op::run(a[i])); });
}

template <typename R, typename A, typename B, typename Op>
void binary(Warp &warp, const Instruction &in, uint32_t mask) {
  R *d = warp.at<R>(in.d);
  const A *a = warp.at<A>(in.a);
  const B *b = warp.at<B>(in.b);
  forLanes(mask, [=](unsigned i) { d[i] = R(Op::run(a[i], b[i])); });
}

template <typename R, typename A, typename B, typename C, typename Op>
void ternary(Warp &warp, const Instruction &in, uint32_t mask) {
  R *d = warp.at<R>(in.d);
  const A *a = warp.at<A>(in.a);
  const B *b = warp.at<B>(in.b);
  const C *c = warp.at<C>(in.c);
  forLanes(mask, [=](unsigned i) { d[i] = R(Op::run(a[i], b[i], c[i])); });
}

template <typename T, typename Op>
void compare(Warp &warp, const Instruction &in, uint32_t mask) {
  const T *a = warp.at<T>(in.a);
  const T *b = warp.at<T>(in.b);
  uint32_t holds = 0;
  for (unsigned i = 0; i < kLanes; ++i)
    holds |= uint32_t(Op::run(a[i], b[i])) << i;
  uint32_t &d = warp.predicate(in.d);
  d = (d & ~mask) | (holds & mask);
}

template <typename T>
void select(Warp &warp, const Instruction &in, uint32_t mask) {
  T *d = warp.at<T>(in.d);
  const T *a = warp.at<T>(in.a);
  const T *b = warp.at<T>(in.b);
  uint32_t chosen = warp.predicate(in.c);
  forLanes(mask, [=](unsigned i) { d[i] = chosen >> i & 1 ? a[i] : b[i]; });
}

template <typename Op>
void predicates(Warp &warp, const Instruction &in, uint32_t mask) {
  uint32_t &d = warp.predicate(in.d);
  uint32_t value = Op::run(warp.predicate(in.a), warp.predicate(in.b));
  d = (d & ~mask) | (value & mask);
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

// NOLINTBEGIN(bugprone-macro-parentheses): expressions of the operands
#define OP1(name, expression)                                                  \
  struct name {                                                                \
    template <typename T> static auto run(T a) { return expression; }          \
  };
#define OP2(name, expression)                                                  \
  struct name {                                                                \
    template <typename T, typename U> static auto run(T a, U b) {              \
      return expression;                                                       \
    }                                                                          \
  };
#define OP3(name, expression)                                                  \
  struct name {                                                                \
    template <typename T, typename U, typename V>                              \
    static auto run(T a, U b, V c) {                                           \
      return expression;                                                       \
    }                                                                          \
  };

OP1(Negate, T(0) - a)
OP1(NegateFloat, -a)
OP1(Absolute, std::fabs(a))
OP1(AbsoluteInt, a < 0 ? -a : a)
OP1(Complement, ~a)
OP1(Reciprocal, T(1) / a)
OP1(Root, std::sqrt(a))
OP1(ReciprocalRoot, T(1) / std::sqrt(a))
OP1(Exp2, std::exp2(a))
OP1(Log2, std::log2(a))
OP1(Tanh, std::tanh(a))
OP1(Sine, std::sin(a))
OP1(Cosine, std::cos(a))
OP1(CountOnes, __builtin_popcountll(a))
OP1(CountLeading, a ? __builtin_clz(a) : 32)
OP1(Reverse, __builtin_bitreverse32(a))
OP1(Same, a)
OP2(Add, a + b)
OP2(Subtract, a - b)
OP2(Multiply, 1u * a * b)
OP2(DivideFloat, a / b)
OP2(Divide, b == 0 ? T(~T(0)) : T(a / b))
OP2(Remainder, b == 0 ? a : T(a % b))
OP2(And, a &b)
OP2(Or, a | b)
OP2(Xor, a ^ b)
OP2(Minimum, a < b ? a : b)
OP2(Maximum, a > b ? a : b)
OP2(MinimumNumber, std::fmin(a, b))
OP2(MaximumNumber, std::fmax(a, b))
OP2(MinimumNaN, a != a || b != b ? T(NAN) : std::fmin(a, b))
OP2(MaximumNaN, a != a || b != b ? T(NAN) : std::fmax(a, b))
OP2(CopySign, std::copysign(b, a))
OP2(ShiftLeft, b >= 8 * sizeof(T) ? T(0) : T(a << b))
OP2(ShiftRight, b >= 8 * sizeof(T) ? T(a < 0 ? -1 : 0) : T(a >> b))
OP2(Equal, a == b)
OP2(NotEqual, a<b || a> b)
OP2(Less, a < b)
OP2(LessEqual, a <= b)
OP2(Greater, a > b)
OP2(GreaterEqual, a >= b)
OP2(EqualOrNaN, !(a < b || a > b))
OP2(NotEqualOrNaN, a != b)
OP2(LessOrNaN, !(a >= b))
OP2(LessEqualOrNaN, !(a > b))
OP2(GreaterOrNaN, !(a <= b))
OP2(GreaterEqualOrNaN, !(a < b))
OP2(IsNumber, a == a && b == b)
OP2(IsNaN, a != a || b != b)
OP3(MultiplyAdd, T(1u * a * b) + c)
OP3(Fma, std::fma(a, b, c))
OP3(BitField,
    b >= 8 * sizeof(T)
        ? T(0)
        : T((a >> b) & (c >= 8 * sizeof(T) ? ~T(0) : (T(1) << c) - 1)))
#undef OP1
#undef OP2
#undef OP3
// NOLINTEND(bugprone-macro-parentheses)

/// Of predicates with one operand, the second one is not used.
struct Complement2 {
  static uint32_t run(uint32_t a, uint32_t) { return ~a; }
};
struct First {
  static uint32_t run(uint32_t a, uint32_t) { return a; }
};

/// `relu`: not below zero.
struct MinimumFromZero {
  static int32_t run(int32_t a, int32_t b) {
    return std::max(std::min(a, b), 0);
  }
};
struct MaximumFromZero {
  static int32_t run(int32_t a, int32_t b) {
    return std::max(std::max(a, b), 0);
  }
};

/// Operations of integers wrap around: those of unsigned ones do.
template <typename Wide> struct MultiplyWide {
  template <typename T> static Wide run(T a, T b) { return Wide(a) * Wide(b); }
};
template <typename Wide> struct MultiplyAddWide {
  template <typename T> static Wide run(T a, T b, Wide c) {
    return Wide(a) * Wide(b) + c;
  }
};
template <typename Wide> struct MultiplyHigh {
  template <typename T> static T run(T a, T b) {
    return T(Wide(a) * Wide(b) >> 8 * sizeof(T));
  }
};

/// An operation of float for a small type, in each half of a register.
template <typename Small, typename Op> struct Rounded {
  template <typename... T> static uint16_t run(T... values) {
    return uint16_t(
        Small::fromFloat(float(Op::run(Small::toFloat(values)...))));
  }
};
template <typename Small, typename Op> struct Compared {
  static bool run(uint16_t a, uint16_t b) {
    return Op::run(Small::toFloat(a), Small::toFloat(b));
  }
};
struct FmaDouble {
  static double run(float a, float b, float c) { return double(a) * b + c; }
};
struct FmaRelu {
  static double run(float a, float b, float c) {
    return std::fmax(double(a) * b + c, 0.0);
  }
};
template <typename Op> struct Halves {
  template <typename... T> static uint32_t run(T... values) {
    return Op::run(uint16_t(values)...) |
           uint32_t(Op::run(uint16_t(values >> 16)...)) << 16;
  }
};

struct ShiftLeftDouble { // shf.l.wrap
  static uint32_t run(uint32_t a, uint32_t b, uint32_t c) {
    return uint32_t((uint64_t(b) << 32 | a) << (c & 31) >> 32);
  }
};
struct ShiftRightDouble { // shf.r.wrap
  static uint32_t run(uint32_t a, uint32_t b, uint32_t c) {
    return uint32_t((uint64_t(b) << 32 | a) >> (c & 31));
  }
};
/// Bits from b on, c of them, the highest repeated (bfe.s32, bfe.s64); beyond
/// the operand, its sign.
template <typename T> struct SignedBitField {
  static T run(T a, uint32_t b, uint32_t c) {
    constexpr uint32_t kBits = 8 * sizeof(T);
    uint32_t from = b & 255, count = c & 255;
    if (count == 0)
      return 0;
    auto value = std::make_signed_t<T>(a);
    if (from >= kBits)
      return T(value >> (kBits - 1));
    value >>= from;
    uint32_t above = count < kBits ? kBits - count : 0;
    return T(std::make_signed_t<T>(T(value) << above) >> above);
  }
};
struct PermuteBytes { // prmt
  static uint32_t run(uint32_t a, uint32_t b, uint32_t c) {
    uint64_t bytes = uint64_t(b) << 32 | a;
    uint32_t result = 0;
    for (int i = 0; i < 4; ++i) {
      uint32_t choice = c >> 4 * i & 15;
      auto byte = uint8_t(bytes >> 8 * (choice & 7));
      result |= uint32_t(choice & 8 ? (byte & 128 ? 255 : 0) : byte) << 8 * i;
    }
    return result;
  }
};
/// Four bytes by four bytes, added.
template <typename T> struct DotBytes {
  static uint32_t run(uint32_t a, uint32_t b, uint32_t c) {
    for (int i = 0; i < 4; ++i)
      c += uint32_t(T(a >> 8 * i) * T(b >> 8 * i));
    return c;
  }
};

void insertBits(Warp &warp, const Instruction &in, uint32_t mask) { // bfi.b32
  auto *d = warp.at<uint32_t>(in.d);
  const auto *a = warp.at<uint32_t>(in.a), *b = warp.at<uint32_t>(in.b),
             *at = warp.at<uint32_t>(in.c),
             *length = warp.at<uint32_t>(in.list[0]);
  forLanes(mask, [=](unsigned i) {
    uint32_t field = length[i] >= 32 ? ~0u : (1u << length[i]) - 1;
    field = at[i] >= 32 ? 0 : field << at[i];
    d[i] = (b[i] & ~field) | ((at[i] >= 32 ? 0 : a[i] << at[i]) & field);
  });
}

void lookUpBits(Warp &warp, const Instruction &in, uint32_t mask) { // lop3.b32
  auto *d = warp.at<uint32_t>(in.d);
  const auto *a = warp.at<uint32_t>(in.a), *b = warp.at<uint32_t>(in.b),
             *c = warp.at<uint32_t>(in.c);
  uint32_t table = in.mode;
  forLanes(mask, [=](unsigned i) {
    uint32_t result = 0;
    for (unsigned row = 0; row < 8; ++row)
      if (table >> row & 1)
        result |= (row & 4 ? a[i] : ~a[i]) & (row & 2 ? b[i] : ~b[i]) &
                  (row & 1 ? c[i] : ~c[i]);
    d[i] = result;
  });
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

struct Entry {
  Run run;
  std::string widths; ///< of d, a, b, c: bytes, 0 for predicates
};
using Table = std::unordered_map<std::string, Entry>;

template <typename T> std::string widthOf(int count) {
  return std::string(size_t(count), char('0' + sizeof(T)));
}

template <typename T, typename Op>
void add1(Table &table, const std::string &name) {
  table[name] = {unary<T, T, Op>, widthOf<T>(2)};
}
template <typename T, typename Op>
void add2(Table &table, const std::string &name) {
  table[name] = {binary<T, T, T, Op>, widthOf<T>(3)};
}
template <typename T, typename Op>
void add3(Table &table, const std::string &name) {
  table[name] = {ternary<T, T, T, T, Op>, widthOf<T>(4)};
}
template <typename T, typename Op>
void addCompare(Table &table, const std::string &name) {
  table["setp." + name] = {compare<T, Op>, "0" + widthOf<T>(2)};
}

template <typename U, typename S>
void addIntegers(Table &table, const std::string &bits) {
  using Wide = std::conditional_t<
      sizeof(U) == 2, uint32_t,
      std::conditional_t<sizeof(U) == 4, uint64_t, unsigned __int128>>;
  using SignedWide =
      std::conditional_t<sizeof(U) == 2, int32_t,
                         std::conditional_t<sizeof(U) == 4, int64_t, __int128>>;
  for (const char *sign : {"s", "u"}) {
    std::string type = sign + bits;
    add2<U, Add>(table, "add." + type);
    add2<U, Subtract>(table, "sub." + type);
    add2<U, Multiply>(table, "mul.lo." + type);
    add3<U, MultiplyAdd>(table, "mad.lo." + type);
    addCompare<U, Equal>(table, "eq." + type);
    addCompare<U, NotEqual>(table, "ne." + type);
  }
  std::string u = "u" + bits, s = "s" + bits, b = "b" + bits;
  add1<U, Negate>(table, "neg." + s);
  add1<S, AbsoluteInt>(table, "abs." + s);
  add2<U, Divide>(table, "div." + u);
  add2<U, Remainder>(table, "rem." + u);
  add2<S, Divide>(table, "div." + s);
  add2<S, Remainder>(table, "rem." + s);
  add2<U, MultiplyHigh<Wide>>(table, "mul.hi." + u);
  add2<S, MultiplyHigh<SignedWide>>(table, "mul.hi." + s);
  add2<U, Minimum>(table, "min." + u);
  add2<U, Maximum>(table, "max." + u);
  add2<S, Minimum>(table, "min." + s);
  add2<S, Maximum>(table, "max." + s);
  add2<U, And>(table, "and." + b);
  add2<U, Or>(table, "or." + b);
  add2<U, Xor>(table, "xor." + b);
  add1<U, Complement>(table, "not." + b);
  add1<U, Same>(table, "mov." + b);
  add1<U, Same>(table, "mov." + u);
  add1<U, Same>(table, "mov." + s);
  std::string shifts = widthOf<U>(2) + "4";
  table["shl." + b] = {binary<U, U, uint32_t, ShiftLeft>, shifts};
  table["shr." + u] =
      table["shr." + b] = {binary<U, U, uint32_t, ShiftRight>, shifts};
  table["shr." + s] = {binary<S, S, uint32_t, ShiftRight>, shifts};
  if constexpr (sizeof(U) < 8) {
    std::string wide = std::string(1, char('0' + 2 * sizeof(U)));
    table["mul.wide." + u] = {binary<Wide, U, U, MultiplyWide<Wide>>,
                              wide + widthOf<U>(2)};
    table["mul.wide." + s] = {
        binary<SignedWide, S, S, MultiplyWide<SignedWide>>,
        wide + widthOf<U>(2)};
    table["mad.wide." + u] = {ternary<Wide, U, U, Wide, MultiplyAddWide<Wide>>,
                              wide + widthOf<U>(2) + wide};
    table["mad.wide." + s] = {
        ternary<SignedWide, S, S, SignedWide, MultiplyAddWide<SignedWide>>,
        wide + widthOf<U>(2) + wide};
  }
  addCompare<U, Equal>(table, "eq." + b);
  addCompare<U, NotEqual>(table, "ne." + b);
  addCompare<U, Less>(table, "lt." + u);
  addCompare<U, LessEqual>(table, "le." + u);
  addCompare<U, Greater>(table, "gt." + u);
  addCompare<U, GreaterEqual>(table, "ge." + u);
  addCompare<S, Less>(table, "lt." + s);
  addCompare<S, LessEqual>(table, "le." + s);
  addCompare<S, Greater>(table, "gt." + s);
  addCompare<S, GreaterEqual>(table, "ge." + s);
  for (const std::string &type : {u, s, b})
    table["selp." + type] = {select<U>, widthOf<U>(3) + "0"};
}

template <typename T> void addFloats(Table &table, const std::string &type) {
  add2<T, Add>(table, "add." + type);
  add2<T, Subtract>(table, "sub." + type);
  add2<T, Multiply>(table, "mul." + type);
  add2<T, DivideFloat>(table, "div." + type);
  add3<T, Fma>(table, "fma." + type);
  add3<T, Fma>(table, "mad." + type);
  add1<T, NegateFloat>(table, "neg." + type);
  add1<T, Absolute>(table, "abs." + type);
  add1<T, Reciprocal>(table, "rcp." + type);
  add1<T, Root>(table, "sqrt." + type);
  add1<T, ReciprocalRoot>(table, "rsqrt." + type);
  add1<T, Exp2>(table, "ex2." + type);
  add1<T, Log2>(table, "lg2." + type);
  add1<T, Tanh>(table, "tanh." + type);
  add1<T, Sine>(table, "sin." + type);
  add1<T, Cosine>(table, "cos." + type);
  add2<T, MinimumNumber>(table, "min." + type);
  add2<T, MaximumNumber>(table, "max." + type);
  add2<T, MinimumNaN>(table, "min.NaN." + type);
  add2<T, MaximumNaN>(table, "max.NaN." + type);
  add2<T, CopySign>(table, "copysign." + type);
  add1<T, Same>(table, "mov." + type);
  table["selp." + type] = {select<T>, widthOf<T>(3) + "0"};
  addCompare<T, Equal>(table, "eq." + type);
  addCompare<T, NotEqual>(table, "ne." + type);
  addCompare<T, Less>(table, "lt." + type);
  addCompare<T, LessEqual>(table, "le." + type);
  addCompare<T, Greater>(table, "gt." + type);
  addCompare<T, GreaterEqual>(table, "ge." + type);
  addCompare<T, EqualOrNaN>(table, "equ." + type);
  addCompare<T, NotEqualOrNaN>(table, "neu." + type);
  addCompare<T, LessOrNaN>(table, "ltu." + type);
  addCompare<T, LessEqualOrNaN>(table, "leu." + type);
  addCompare<T, GreaterOrNaN>(table, "gtu." + type);
  addCompare<T, GreaterEqualOrNaN>(table, "geu." + type);
  addCompare<T, IsNumber>(table, "num." + type);
  addCompare<T, IsNaN>(table, "nan." + type);
}

template <typename Small>
void addSmallFloats(Table &table, const std::string &type) {
  auto both1 = [&](const std::string &name, auto op) {
    using Op = Rounded<Small, decltype(op)>;
    add1<uint16_t, Op>(table, name + "." + type);
    add1<uint32_t, Halves<Op>>(table, name + "." + type + "x2");
  };
  auto both2 = [&](const std::string &name, auto op) {
    using Op = Rounded<Small, decltype(op)>;
    add2<uint16_t, Op>(table, name + "." + type);
    add2<uint32_t, Halves<Op>>(table, name + "." + type + "x2");
  };
  auto both3 = [&](const std::string &name, auto op) {
    using Op = Rounded<Small, decltype(op)>;
    add3<uint16_t, Op>(table, name + "." + type);
    add3<uint32_t, Halves<Op>>(table, name + "." + type + "x2");
  };
  both1("neg", NegateFloat());
  both1("abs", Absolute());
  both1("ex2", Exp2());
  both1("tanh", Tanh());
  both2("add", Add());
  both2("sub", Subtract());
  both2("mul", Multiply());
  both2("min", MinimumNumber());
  both2("max", MaximumNumber());
  both2("min.NaN", MinimumNaN());
  both2("max.NaN", MaximumNaN());
  both3("fma", FmaDouble());
  both3("fma.relu", FmaRelu());
  addCompare<uint16_t, Compared<Small, Equal>>(table, "eq." + type);
  addCompare<uint16_t, Compared<Small, Less>>(table, "lt." + type);
  addCompare<uint16_t, Compared<Small, LessEqual>>(table, "le." + type);
  addCompare<uint16_t, Compared<Small, Greater>>(table, "gt." + type);
  addCompare<uint16_t, Compared<Small, GreaterEqual>>(table, "ge." + type);
  addCompare<uint16_t, Compared<Small, NotEqualOrNaN>>(table, "neu." + type);
  addCompare<uint16_t, Compared<Small, IsNumber>>(table, "num." + type);
  addCompare<uint16_t, Compared<Small, IsNaN>>(table, "nan." + type);
}

Table makeTable() {
  Table table;
  addIntegers<uint16_t, int16_t>(table, "16");
  addIntegers<uint32_t, int32_t>(table, "32");
  addIntegers<uint64_t, int64_t>(table, "64");
  addFloats<float>(table, "f32");
  addFloats<double>(table, "f64");
  addSmallFloats<F16>(table, "f16");
  addSmallFloats<BF16>(table, "bf16");
  table["popc.b32"] = {unary<uint32_t, uint32_t, CountOnes>, "44"};
  table["popc.b64"] = {unary<uint32_t, uint64_t, CountOnes>, "48"};
  add1<uint32_t, CountLeading>(table, "clz.b32");
  add1<uint32_t, Reverse>(table, "brev.b32");
  add3<uint32_t, ShiftLeftDouble>(table, "shf.l.wrap.b32");
  add3<uint32_t, ShiftRightDouble>(table, "shf.r.wrap.b32");
  add3<uint32_t, PermuteBytes>(table, "prmt.b32");
  add2<int32_t, MinimumFromZero>(table, "min.relu.s32");
  add2<int32_t, MaximumFromZero>(table, "max.relu.s32");
  add3<uint32_t, DotBytes<int8_t>>(table, "dp4a.s32.s32");
  add3<uint32_t, DotBytes<uint8_t>>(table, "dp4a.u32.u32");
  table["bfe.u32"] = {ternary<uint32_t, uint32_t, uint32_t, uint32_t, BitField>,
                      "4444"};
  table["bfe.u64"] = {ternary<uint64_t, uint64_t, uint32_t, uint32_t, BitField>,
                      "8844"};
  table["bfe.s32"] = {
      ternary<uint32_t, uint32_t, uint32_t, uint32_t, SignedBitField<uint32_t>>,
      "4444"};
  table["bfe.s64"] = {
      ternary<uint64_t, uint64_t, uint32_t, uint32_t, SignedBitField<uint64_t>>,
      "8844"};
  table["bfi.b32"] = {insertBits, "44444"};
  table["lop3.b32"] = {lookUpBits, "4444"};
  table["and.pred"] = {predicates<And>, "000"};
  table["or.pred"] = {predicates<Or>, "000"};
  table["xor.pred"] = {predicates<Xor>, "000"};
  table["not.pred"] = {predicates<Complement2>, "00"};
  table["mov.pred"] = {predicates<First>, "00"};
  return table;
}

} // namespace

namespace dl::ptxdevice {

bool decodeArithmetic(const Statement &statement, Places &places,
                      Instruction &in) {
  static const Table kTable = makeTable();
  // How results are rounded and denormals are treated is left out: to nearest.
  std::string name;
  for (const std::string &word : statement.words)
    if (word != "rn" && word != "ftz" && word != "approx" && word != "full")
      name += (name.empty() ? "" : ".") + word;
  auto found = kTable.find(name);
  if (found == kTable.end())
    return false;
  // Registers that are packed or taken apart are conversions.
  for (const Operand &operand : statement.operands)
    if (operand.kind == Operand::List)
      return false;
  const std::string &widths = found->second.widths;
  uint32_t *const slots[] = {&in.d, &in.a, &in.b, &in.c};
  for (size_t i = 0; i < widths.size(); ++i) {
    uint32_t slot =
        places.place(statement.operands.at(i), uint32_t(widths[i] - '0'));
    if (i < std::size(slots))
      *slots[i] = slot;
    else
      in.list.push_back(slot);
  }
  if (name == "lop3.b32")
    in.mode = uint32_t(statement.operands.at(4).value);
  in.run = found->second.run;
  return true;
}

} // namespace dl::ptxdevice

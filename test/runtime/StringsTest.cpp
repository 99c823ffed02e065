// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Tensors of strings through the C interface, and the functions on them.

#include "test/runtime/Testing.h"

#include "runtime/session/StringTable.h"

#include <climits>
#include <cmath>
#include <cstring>

using namespace dl::runtime;
using namespace dltest;
using namespace dlrt;

namespace {

using Texts = std::vector<std::string>;

std::vector<dlrt_string> ranges(const Texts &texts) {
  std::vector<dlrt_string> result;
  for (const std::string &text : texts)
    result.push_back({text.data(), text.size()});
  return result;
}

/// Adds a call whose views of strings are, to the function, of int64.
fb::HostCallT &callOnStrings(ModuleBuilder &builder, const char *function,
                             std::vector<int> buffers,
                             std::vector<int64_t> attributes = {}) {
  fb::HostCallT &call =
      builder.call(function, std::move(buffers), std::move(attributes));
  for (auto &type : call.types)
    if (type->element == fb::ElementType_String)
      type->element = fb::ElementType_I64;
  return call;
}

/// A module that applies a function to strings [N], giving `type` [N].
struct MapModule {
  MapModule(const char *function, fb::ElementType from, fb::ElementType to,
            std::vector<int64_t> attributes = {}, Texts strings = {}) {
    int n = builder.symbol("N", 0, 0);
    int x = builder.input("x", from, {n});
    int y = builder.output("y", to, {n});
    callOnStrings(builder, function, {x, y}, std::move(attributes));
    builder.module.strings = std::move(strings);
  }
  ModuleBuilder builder;
};

Texts mapTexts(MapModule &map, const Texts &texts) {
  Session session(open(map.builder), threads(1));
  auto x = ranges(texts);
  session.bindInput(0, x.data(), {int64_t(x.size())});
  session.run();
  return session.output(0).strings();
}

template <typename T>
std::vector<T> mapToNumbers(MapModule &map, const Texts &texts) {
  Session session(open(map.builder), threads(1));
  auto x = ranges(texts);
  session.bindInput(0, x.data(), {int64_t(x.size())});
  session.run();
  return result<T>(session);
}

//===----------------------------------------------------------------------===//
// Tensors of strings
//===----------------------------------------------------------------------===//

TEST(Strings, PassThrough) {
  MapModule map("copy", fb::ElementType_String, fb::ElementType_String);
  Session session(open(map.builder), threads(1));
  Texts texts = {"b", "", std::string("z\0ero", 5), "b"};
  auto x = ranges(texts);
  session.bindInput(0, x.data(), {4});
  session.run();
  Tensor y = session.output(0);
  EXPECT_EQ(y.type, DLRT_STRING);
  EXPECT_EQ(y.bytes, 4 * sizeof(dlrt_string));
  EXPECT_EQ(y.strings(), texts);
  // The results are the session's: the caller's bytes may go.
  texts.assign(4, "???");
  EXPECT_EQ(session.output(0).strings()[2], std::string("z\0ero", 5));
}

TEST(Strings, CallersMemory) {
  MapModule map("copy", fb::ElementType_String, fb::ElementType_String);
  Session session(open(map.builder), threads(1));
  Texts texts = {"one", "two"};
  auto x = ranges(texts);
  dlrt_string y[2] = {};
  session.bindInput(0, x.data(), {2});
  session.bindOutput(0, y, sizeof(y));
  session.run();
  EXPECT_EQ(std::string(y[1].data, y[1].size), "two");
  session.bindOutput(0, y, sizeof(dlrt_string));
  EXPECT_NE(errorOf(DLRT_MISMATCH, [&] { session.run(); }).find("16 bytes"),
            std::string::npos);
}

TEST(Strings, NoElements) {
  MapModule map("copy", fb::ElementType_String, fb::ElementType_String);
  EXPECT_TRUE(mapTexts(map, {}).empty());
}

TEST(Strings, EmptyWithoutAddress) {
  MapModule map("copy", fb::ElementType_String, fb::ElementType_String);
  Session session(open(map.builder), threads(1));
  dlrt_string x[1] = {{nullptr, 0}};
  session.bindInput(0, x, {1});
  session.run();
  EXPECT_EQ(session.output(0).strings(), Texts{""});
}

TEST(Strings, OfAnotherTypeAreRefused) {
  MapModule map("copy", fb::ElementType_String, fb::ElementType_String);
  Session session(open(map.builder), threads(1));
  float x = 1;
  EXPECT_NE(errorOf(DLRT_MISMATCH, [&] { session.bindInput(0, &x, {1}); })
                .find("type is float32, expected string"),
            std::string::npos);
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

TEST(StringTable, NumbersStay) {
  fb::ModuleT module;
  module.strings = {"a", "b"};
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(fb::Module::Pack(builder, &module));
  StringTable table(
      *flatbuffers::GetRoot<fb::Module>(builder.GetBufferPointer()));
  EXPECT_EQ(table.number("b"), 1);
  for (int round = 0; round < 3; ++round) {
    // More than the first table has slots for, in long and short texts.
    for (int64_t i = 0; i < 1000; ++i) {
      std::string text = std::to_string(i) + std::string(size_t(i), 'x');
      ASSERT_EQ(table.number(text), i + 2);
      ASSERT_EQ(table.text(i + 2), text);
    }
    EXPECT_EQ(table.number("999" + std::string(999, 'x')), 1001);
    EXPECT_EQ(table.number("a"), 0);
    table.reset();
    EXPECT_EQ(table.text(2), "");
    EXPECT_EQ(table.number("b"), 1);
  }
  EXPECT_EQ(table.text(-1), "");
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

TEST(StringConcat, Broadcasts) {
  ModuleBuilder builder;
  int n = builder.symbol("N", 0, 0), m = builder.symbol("M", 1, 0),
      one = builder.constant(1);
  int a = builder.input("a", fb::ElementType_String, {n, one});
  int b = builder.input("b", fb::ElementType_String, {m});
  int y = builder.output("y", fb::ElementType_String, {n, m});
  callOnStrings(builder, "string_concat", {a, b, y});
  Session session(open(builder), threads(1));
  Texts left = {"a", "b"}, right = {"x", "", "z"};
  auto x = ranges(left), z = ranges(right);
  session.bindInput(0, x.data(), {2, 1});
  session.bindInput(1, z.data(), {3});
  session.run();
  EXPECT_EQ(session.output(0).strings(),
            (Texts{"ax", "a", "az", "bx", "b", "bz"}));
}

TEST(StringParts, Count) {
  MapModule spaces("string_count", fb::ElementType_String, fb::ElementType_I64,
                   {0, -1}, {""});
  EXPECT_EQ(mapToNumbers<int64_t>(spaces, {"", " ", "a", " a\tb\n"}),
            (std::vector<int64_t>{0, 0, 1, 2}));
  MapModule commas("string_count", fb::ElementType_String, fb::ElementType_I64,
                   {0, 1}, {"::"});
  EXPECT_EQ(mapToNumbers<int64_t>(commas, {"", "a::b::c", "::", "a:b"}),
            (std::vector<int64_t>{1, 2, 2, 1}));
}

TEST(StringParts, Split) {
  ModuleBuilder builder;
  int n = builder.symbol("N", 0, 0), two = builder.constant(2);
  int x = builder.input("x", fb::ElementType_String, {n});
  int y = builder.output("y", fb::ElementType_String, {n, two});
  callOnStrings(builder, "string_split", {x, y}, {0, 1});
  builder.module.strings = {""};
  Session session(open(builder), threads(1));
  Texts texts = {" a  b c ", "", "a"};
  auto from = ranges(texts);
  session.bindInput(0, from.data(), {3});
  session.run();
  EXPECT_EQ(session.output(0).strings(), (Texts{"a", "b c ", "", "", "a", ""}));
}

TEST(StringRank, CountsDifferentOnes) {
  MapModule map("string_rank", fb::ElementType_String, fb::ElementType_I64);
  EXPECT_EQ(mapToNumbers<int64_t>(map, {"b", "", "\xc3\xa4", "b", "a"}),
            (std::vector<int64_t>{2, 0, 3, 2, 1}));
}

TEST(StringCase, Ascii) {
  MapModule upper("string_case", fb::ElementType_String, fb::ElementType_String,
                  {1, 0}, {"en_US"});
  EXPECT_EQ(mapTexts(upper, {"aZ[`{", ""}), (Texts{"AZ[`{", ""}));
  MapModule lower("string_case", fb::ElementType_String, fb::ElementType_String,
                  {0, 0}, {""});
  EXPECT_EQ(mapTexts(lower, {"aZ[`{@"}), (Texts{"az[`{@"}));
}

TEST(StringToNumber, Floats) {
  MapModule map("string_to_number", fb::ElementType_String,
                fb::ElementType_F32);
  EXPECT_EQ(mapToNumbers<float>(map, {"1", " -1.5e2\n", "+.5", "1e-60", "1e60",
                                      "-INF", "infinity", "16777217"}),
            (std::vector<float>{1, -150, 0.5f, 0, HUGE_VALF, -HUGE_VALF,
                                HUGE_VALF, 16777216}));
  EXPECT_TRUE(std::isnan(mapToNumbers<float>(map, {"NaN"})[0]));
}

TEST(StringToNumber, Integers) {
  MapModule map("string_to_number", fb::ElementType_String,
                fb::ElementType_I64);
  EXPECT_EQ(mapToNumbers<int64_t>(
                map, {"-9223372036854775808", "+7", "100.5", "1e3"}),
            (std::vector<int64_t>{INT64_MIN, 7, 100, 1000}));
  MapModule large("string_to_number", fb::ElementType_String,
                  fb::ElementType_U64);
  EXPECT_EQ(mapToNumbers<uint64_t>(large, {"18446744073709551615"}),
            (std::vector<uint64_t>{UINT64_MAX}));
}

TEST(StringToNumber, RefusesOthers) {
  MapModule map("string_to_number", fb::ElementType_String,
                fb::ElementType_F32);
  for (const char *text : {"", "Hello", "1 2", "0x10", "+-1", "1e", "--1"})
    EXPECT_NE(errorOf(DLRT_MISMATCH, [&] { mapToNumbers<float>(map, {text}); })
                  .find("'" + std::string(text) + "' is not a number"),
              std::string::npos)
        << text;
  MapModule whole("string_to_number", fb::ElementType_String,
                  fb::ElementType_I64);
  for (const char *text : {"1e30", "nan", "9223372036854775808"})
    EXPECT_NE(
        errorOf(DLRT_MISMATCH, [&] { mapToNumbers<int64_t>(whole, {text}); }),
        "")
        << text;
}

TEST(NumberToString, Floats) {
  MapModule map("number_to_string", fb::ElementType_F32,
                fb::ElementType_String);
  Session session(open(map.builder), threads(1));
  std::vector<float> x = {
      0,        -0.0f, 1,         0.1f,       314.15926f,   1e-5f,
      16777216, 1e16f, HUGE_VALF, -HUGE_VALF, std::nanf("")};
  session.bindInput(0, x.data(), {int64_t(x.size())});
  session.run();
  EXPECT_EQ(session.output(0).strings(),
            (Texts{"0.0", "-0.0", "1.0", "0.1", "314.15927", "1e-05",
                   "16777216.0", "1e+16", "INF", "-INF", "NaN"}));
}

TEST(NumberToString, Integers) {
  MapModule map("number_to_string", fb::ElementType_I64,
                fb::ElementType_String);
  Session session(open(map.builder), threads(1));
  std::vector<int64_t> x = {0, -7, INT64_MIN};
  session.bindInput(0, x.data(), {3});
  session.run();
  EXPECT_EQ(session.output(0).strings(),
            (Texts{"0", "-7", "-9223372036854775808"}));
}

/// This program lies where no library does.
TEST(OptionalFunctions, LibraryIsMissing) {
  MapModule match("string_match", fb::ElementType_String, fb::ElementType_Bool,
                  {0}, {"a"});
  Session session(open(match.builder), threads(1));
  Texts texts = {"\xc3\xa4"};
  auto x = ranges(texts);
  session.bindInput(0, x.data(), {1});
  EXPECT_NE(errorOf(DLRT_UNSUPPORTED, [&] { session.prepare(); })
                .find("the function 'string_match' is in the library "
                      "libdlrtHostOps.so.0, which cannot be opened"),
            std::string::npos);
  // ASCII does without it, other text and Turkish do not.
  MapModule upper("string_case", fb::ElementType_String, fb::ElementType_String,
                  {1, 0}, {"en_US"});
  EXPECT_NE(errorOf(DLRT_UNSUPPORTED, [&] { mapTexts(upper, texts); })
                .find("'unicode_case' is in the library libdlrtHostOps.so.0"),
            std::string::npos);
  MapModule turkish("string_case", fb::ElementType_String,
                    fb::ElementType_String, {1, 0}, {"tr_TR"});
  EXPECT_NE(errorOf(DLRT_UNSUPPORTED, [&] { mapTexts(turkish, {"i"}); }), "");
}

TEST(StringFunctions, ArgumentsThatDoNotAgree) {
  for (const char *name : {"string_case", "string_count", "string_split",
                           "string_concat", "string_rank"}) {
    MapModule map(name, fb::ElementType_F32, fb::ElementType_String, {1}, {});
    Session session(open(map.builder), threads(1));
    float x = 1;
    session.bindInput(0, &x, {1});
    EXPECT_NE(errorOf(DLRT_BAD_MODULE, [&] { session.prepare(); })
                  .find("has arguments that do not agree"),
              std::string::npos)
        << name;
  }
}

} // namespace

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Maps as inputs and outputs of a module.

#include "test/runtime/Testing.h"

using namespace dl::runtime;
using namespace dltest;
using namespace dlrt;

namespace {

using Texts = std::vector<std::string>;

/// A matrix [N, 2] to maps.
ModuleBuilder rowsModule() {
  ModuleBuilder builder;
  int n = builder.symbol("N", 0, 0), two = builder.constant(2);
  int x = builder.input("x", fb::ElementType_F32, {n, two});
  int y = builder.output("y", fb::ElementType_F32, {n, two});
  builder.call("copy", {x, y});
  return builder;
}

/// A map's values.
ModuleBuilder mapModule() {
  ModuleBuilder builder;
  int n = builder.symbol("N", 0, 0);
  builder.input("m.keys", fb::ElementType_I64, {n});
  int values = builder.input("m.values", fb::ElementType_F32, {n});
  int y = builder.output("y", fb::ElementType_F32, {n});
  builder.call("copy", {values, y});
  builder.entry().inputs[0]->map_part = fb::MapPart_Keys;
  builder.entry().inputs[1]->map_part = fb::MapPart_Values;
  return builder;
}

TEST(Maps, RowsHaveKeys) {
  ModuleBuilder builder = rowsModule();
  builder.entry().outputs[0]->keys = {"no", "yes"};
  Module module = open(builder);
  Value declared = module.outputs()[0];
  EXPECT_EQ(declared.mapPart, DLRT_MAP_ROWS);
  EXPECT_EQ(declared.keyType, DLRT_STRING);
  EXPECT_EQ(declared.textKeys, (Texts{"no", "yes"}));

  Session session(module, threads(1));
  float x[] = {1, 2, 3, 4};
  session.bindInput(0, x, {2, 2});
  session.run();
  auto maps = toMaps<std::string>(declared, session.output(0));
  using Map = std::map<std::string, float>;
  EXPECT_EQ(maps, (std::vector<Map>{{{"no", 1}, {"yes", 2}},
                                    {{"no", 3}, {"yes", 4}}}));
  EXPECT_TRUE(toMaps<int64_t>(declared, session.output(0)).empty());
}

TEST(Maps, KeysAreNumbers) {
  ModuleBuilder builder = rowsModule();
  EXPECT_EQ(open(builder).outputs()[0].mapPart, DLRT_NO_MAP);
  EXPECT_EQ(open(builder).outputs()[0].keyType, DLRT_NONE);

  builder = rowsModule();
  builder.entry().outputs[0]->int_keys = {7, -1};
  Module module = open(builder);
  Value declared = module.outputs()[0];
  EXPECT_EQ(declared.keyType, DLRT_INT64);
  EXPECT_EQ(declared.intKeys, (std::vector<int64_t>{7, -1}));
  float row[] = {0.5, 2};
  auto maps =
      toMaps<int64_t>(declared, {DLRT_FLOAT32, {1, 2}, row, sizeof(row)});
  EXPECT_EQ(maps, (std::vector<std::map<int64_t, float>>{{{7, 0.5}, {-1, 2}}}));

  int64_t number = 0;
  dlrt_string text = {};
  EXPECT_EQ(
      dlrt_module_output_key(module.get(), 0, 0, 2, &text, &number, nullptr),
      DLRT_INVALID_ARGUMENT);
  EXPECT_EQ(
      dlrt_module_output_key(module.get(), 0, 0, 0, &text, nullptr, nullptr),
      DLRT_INVALID_ARGUMENT);
  EXPECT_EQ(
      dlrt_module_output_key(module.get(), 0, 1, 0, &text, &number, nullptr),
      DLRT_INVALID_ARGUMENT);
}

TEST(Maps, AreTwoInputs) {
  ModuleBuilder builder = mapModule();
  Module module = open(builder);
  std::vector<Value> inputs = module.inputs();
  EXPECT_EQ(inputs[0].mapPart, DLRT_MAP_KEYS);
  EXPECT_EQ(inputs[1].mapPart, DLRT_MAP_VALUES);
  Session session(module, threads(1));
  int64_t keys[] = {4, -1};
  float values[] = {0.5, 2};
  session.bindInput(0, keys, {2});
  session.bindInput(1, values, {2});
  session.run();
  EXPECT_EQ(result<float>(session), (std::vector<float>{0.5, 2}));
  session.bindInput(1, values, {1});
  EXPECT_EQ(errorOf(DLRT_MISMATCH, [&] { session.run(); }),
            "input 1 'm.values': dimension 0 is 1, expected 2 (N)");
}

//===----------------------------------------------------------------------===//
// Damage
//===----------------------------------------------------------------------===//

void expectRefused(ModuleBuilder &builder, const std::string &what) {
  EXPECT_NE(errorOf(DLRT_BAD_MODULE, [&] { open(builder); })
                .find(what + " is no sound map"),
            std::string::npos);
}

TEST(Maps, KeysThatDoNotFitAreRefused) {
  ModuleBuilder both = rowsModule();
  both.entry().outputs[0]->keys = {"a", "b"};
  both.entry().outputs[0]->int_keys = {1, 2};
  expectRefused(both, "output 'y'");
  ModuleBuilder few = rowsModule();
  few.entry().outputs[0]->keys = {"a"};
  expectRefused(few, "output 'y'");
  ModuleBuilder input = rowsModule();
  input.entry().inputs[0]->keys = {"a", "b"};
  expectRefused(input, "input 'x'");
  ModuleBuilder list = mapModule();
  list.entry().outputs[0]->keys = {"a", "b"};
  expectRefused(list, "output 'y'");
  ModuleBuilder part = rowsModule();
  part.entry().outputs[0]->map_part = fb::MapPart_Keys;
  expectRefused(part, "output 'y'");
}

TEST(Maps, PartsThatDoNotFitAreRefused) {
  ModuleBuilder alone = mapModule();
  alone.entry().inputs[1]->map_part = fb::MapPart_None;
  expectRefused(alone, "input 'm.keys'");
  ModuleBuilder first = mapModule();
  first.entry().inputs[0]->map_part = fb::MapPart_Values;
  expectRefused(first, "input 'm.keys'");
  ModuleBuilder floats = mapModule();
  floats.entry().inputs[0]->type->element = fb::ElementType_F32;
  expectRefused(floats, "input 'm.keys'");
  ModuleBuilder other = mapModule();
  other.entry().inputs[1]->type->dims = {other.constant(3)};
  expectRefused(other, "input 'm.values'");
  ModuleBuilder unknown = mapModule();
  unknown.entry().inputs[0]->map_part = static_cast<fb::MapPart>(9);
  expectRefused(unknown, "input 'm.keys'");
}

} // namespace

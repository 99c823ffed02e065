// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sequences and optionals of strings and of complex numbers, which steps take
// as integers.

#include "test/runtime/Testing.h"

#include <complex>

using namespace dl::runtime;
using namespace dltest;
using namespace dlrt;

namespace {

using Texts = std::vector<std::string>;

/// The sequence `s`, with its last element gone.
ModuleBuilder eraseModule(fb::ElementType element) {
  ModuleBuilder builder;
  builder.input("s", element, {-1});
  builder.output("t", element, {-1});
  builder.entry().inputs[0]->kind = fb::ValueKind_Sequence;
  builder.entry().outputs[0]->kind = fb::ValueKind_Sequence;
  fb::PlanT &plan = builder.plan();
  plan.buffers.clear(); // a sequence has none
  int position = builder.input("position", fb::ElementType_I64, {});
  plan.slots = 3;
  plan.output_slots = {2};
  plan.arena_size = builder.constant(0);
  plan.late_arena_sizes = {plan.arena_size};
  fb::PerformT perform;
  perform.operation = fb::Operation_SequenceErase;
  for (int i : {0, 1}) {
    perform.operands.push_back(std::make_unique<fb::OperandT>());
    perform.operands[i]->slot = i == 0 ? 0 : -1;
  }
  perform.operands[1]->view = std::make_unique<fb::ViewT>();
  perform.operands[1]->view->buffer = position;
  perform.operands[1]->type = std::make_unique<fb::TensorTypeT>();
  perform.operands[1]->type->element = fb::ElementType_I64;
  perform.results.push_back(std::make_unique<fb::ResultT>());
  perform.results[0]->slot = 2;
  plan.steps.push_back(std::make_unique<fb::StepT>());
  plan.steps[0]->action.Set(std::move(perform));
  return builder;
}

std::vector<dlrt_string> ranges(const Texts &texts) {
  std::vector<dlrt_string> result;
  for (const std::string &text : texts)
    result.push_back({text.data(), text.size()});
  return result;
}

template <typename T>
Tensor describe(dlrt_type type, std::vector<T> &elements) {
  return {type,
          {static_cast<int64_t>(elements.size())},
          elements.data(),
          elements.size() * sizeof(T)};
}

TEST(BorderValues, StringsGoInAndOut) {
  ModuleBuilder builder = eraseModule(fb::ElementType_String);
  Session session(open(builder), threads(1));
  Texts first = {"b", "", std::string("z\0ero", 5), "b"}, second = {"last"};
  auto a = ranges(first), b = ranges(second);
  int64_t position = -1;
  session.bindSequence(0, {describe(DLRT_STRING, a), describe(DLRT_STRING, b)});
  session.bindInput(1, &position, {});
  // The bound value stays bound, and what it points to is read anew.
  for (int run = 0; run < 2; ++run) {
    session.run();
    ASSERT_EQ(session.outputCount(0), 1);
    Tensor found = session.outputTensor(0, 0);
    EXPECT_EQ(found.type, DLRT_STRING);
    EXPECT_EQ(found.bytes, first.size() * sizeof(dlrt_string));
    EXPECT_EQ(found.strings(), first);
    first[0] = "another text that needs memory of its own";
    a = ranges(first);
    session.bindSequence(0,
                         {describe(DLRT_STRING, a), describe(DLRT_STRING, b)});
  }
  session.bindSequence(0, {describe(DLRT_STRING, b)});
  session.run();
  EXPECT_EQ(session.outputCount(0), 0);
}

TEST(BorderValues, TheCallersStringsMayGo) {
  ModuleBuilder builder = eraseModule(fb::ElementType_String);
  Session session(open(builder), threads(1));
  Texts texts = {"one", "two"};
  auto a = ranges(texts);
  std::vector<dlrt_string> none;
  int64_t position = -1;
  session.bindSequence(0,
                       {describe(DLRT_STRING, a), describe(DLRT_STRING, none)});
  session.bindInput(1, &position, {});
  session.run();
  texts = {"???", "???"};
  EXPECT_EQ(session.outputTensor(0, 0).strings(), (Texts{"one", "two"}));
}

template <typename T>
void moveComplex(fb::ElementType element, dlrt_type type) {
  ModuleBuilder builder = eraseModule(element);
  Session session(open(builder), threads(1));
  std::vector<std::complex<T>> a = {{1, -2}, {-0.0, 3}}, b = {{4, 5}};
  int64_t position = 1;
  session.bindSequence(0, {describe(type, a), describe(type, b)});
  session.bindInput(1, &position, {});
  session.run();
  ASSERT_EQ(session.outputCount(0), 1);
  Tensor found = session.outputTensor(0, 0);
  ASSERT_EQ(found.type, type);
  EXPECT_NE(found.data, a.data());
  EXPECT_EQ(found.as<std::complex<T>>()[0], a[0]);
  EXPECT_EQ(found.as<std::complex<T>>()[1], a[1]);
}

TEST(BorderValues, ComplexNumbersGoInAndOut) {
  moveComplex<float>(fb::ElementType_C64, DLRT_COMPLEX64);
  moveComplex<double>(fb::ElementType_C128, DLRT_COMPLEX128);
}

TEST(BorderValues, OfAnotherTypeAreRefused) {
  ModuleBuilder builder = eraseModule(fb::ElementType_String);
  Session session(open(builder), threads(1));
  std::vector<int64_t> numbers = {1};
  EXPECT_EQ(errorOf(DLRT_MISMATCH,
                    [&] {
                      session.bindSequence(0, {describe(DLRT_INT64, numbers)});
                    }),
            "input 0 's': type is int64, expected string");
}

} // namespace

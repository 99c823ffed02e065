// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Steps on sequences and optionals, branches and loops.

#include "test/runtime/Testing.h"

using namespace dl::runtime;
using namespace dltest;
using namespace dlrt;

namespace {

constexpr auto kF32 = fb::ElementType_F32;
constexpr auto kI64 = fb::ElementType_I64;

std::unique_ptr<fb::TensorTypeT> makeType(fb::ElementType element,
                                          std::vector<int> dims) {
  auto type = std::make_unique<fb::TensorTypeT>();
  type->element = element;
  type->dims.assign(dims.begin(), dims.end());
  return type;
}

std::unique_ptr<fb::OperandT> inSlot(int slot, bool last = false) {
  auto operand = std::make_unique<fb::OperandT>();
  operand->slot = slot;
  operand->last = last;
  return operand;
}

std::unique_ptr<fb::OperandT> inBuffer(int buffer, fb::ElementType element,
                                       std::vector<int> dims) {
  auto operand = std::make_unique<fb::OperandT>();
  operand->view = std::make_unique<fb::ViewT>();
  operand->view->buffer = buffer;
  operand->type = makeType(element, std::move(dims));
  return operand;
}

fb::PerformT &addPerform(fb::PlanT &plan, fb::Operation operation,
                         const char *name) {
  fb::PerformT perform;
  perform.operation = operation;
  perform.name = name;
  auto step = std::make_unique<fb::StepT>();
  step->action.Set(std::move(perform));
  plan.steps.push_back(std::move(step));
  plan.late_arena_sizes.push_back(plan.arena_size);
  return *plan.steps.back()->action.AsPerform();
}

void addResult(fb::PerformT &perform, int slot,
               std::unique_ptr<fb::TensorTypeT> type = nullptr) {
  perform.results.push_back(std::make_unique<fb::ResultT>());
  perform.results.back()->slot = slot;
  perform.results.back()->type = std::move(type);
}

int addSlotBuffer(fb::PlanT &plan, int slot, int size) {
  auto buffer = std::make_unique<fb::BufferT>();
  buffer->kind = fb::BufferKind_Slot;
  buffer->index = slot;
  buffer->size = size;
  plan.buffers.push_back(std::move(buffer));
  return static_cast<int>(plan.buffers.size()) - 1;
}

/// `t`: the sequence `s` with tensor `x` at `position`; y: its last element,
/// doubled.
void buildInsert(ModuleBuilder &builder) {
  int n = builder.symbol("N", 1, 0), m = builder.symbol("M", -1, 0);
  int bytes = builder.mul(m, builder.constant(4));
  int zero = builder.constant(0);
  builder.input("s", kF32, {-1});
  builder.entry().inputs[0]->kind = fb::ValueKind_Sequence;
  builder.plan().buffers.clear(); // a sequence has none
  int x = builder.input("x", kF32, {n});
  int position = builder.input("position", kI64, {});
  builder.output("t", kF32, {-1});
  builder.entry().outputs[0]->kind = fb::ValueKind_Sequence;
  builder.plan().buffers.pop_back();
  int y = builder.output("y", kF32, {m});
  fb::PlanT &plan = builder.plan();
  plan.arena_size = zero;
  plan.slots = 6;
  plan.output_slots = {3, -1};
  fb::PerformT &insert =
      addPerform(plan, fb::Operation_SequenceInsert, "insert");
  insert.operands.push_back(inSlot(0, /*last=*/true));
  insert.operands.push_back(inBuffer(x, kF32, {n}));
  insert.operands.push_back(inBuffer(position, kI64, {}));
  addResult(insert, 3);
  fb::PerformT &at = addPerform(plan, fb::Operation_SequenceAt, "at");
  at.operands.push_back(inSlot(3));
  at.operands.push_back(inBuffer(position, kI64, {}));
  addResult(at, 4, makeType(kF32, {m}));
  at.symbols = {1};
  int element = addSlotBuffer(plan, 4, bytes);
  builder.dispatch(kDouble, {element, y}, m);
}

std::vector<Tensor> describe(std::vector<std::vector<float>> &values) {
  std::vector<Tensor> tensors;
  for (std::vector<float> &value : values)
    tensors.push_back({DLRT_FLOAT32,
                       {static_cast<int64_t>(value.size())},
                       value.data(),
                       value.size() * sizeof(float)});
  return tensors;
}

TEST(Perform, SequencesGoInAndOut) {
  ModuleBuilder builder;
  buildInsert(builder);
  Module module = open(builder);
  EXPECT_EQ(module.inputs()[0].kind, DLRT_SEQUENCE);
  EXPECT_EQ(module.inputs()[0].dims[0], "?");
  Session session(module);
  std::vector<std::vector<float>> given = {{1, 2}, {3}, {}};
  std::vector<float> x = {7, 8, 9};
  int64_t position = 0;
  session.bindSequence(0, describe(given));
  session.bindInput(1, x.data(), {3});
  session.bindInput(2, &position, {});
  for (int64_t at : {1, 0, 3, -1}) {
    position = at;
    session.run();
    ASSERT_EQ(session.outputCount(0), 4);
    size_t place = size_t(at < 0 ? at + 3 : at);
    Tensor inserted = session.outputTensor(0, place);
    EXPECT_EQ(inserted.dims, std::vector<int64_t>{3});
    EXPECT_EQ(inserted.as<float>()[1], 8);
    // The outputs are no memory of the caller's.
    EXPECT_NE(session.outputTensor(0, place ? 0 : 1).data, given[0].data());
    if (at >= 0) {
      EXPECT_EQ(result<float>(session, 1), (std::vector<float>{14, 16, 18}));
    }
  }
  // Elements of another size each time; the input was not changed.
  position = -1;
  given[2] = {5, 6, 7, 8};
  session.bindSequence(0, describe(given));
  session.run();
  EXPECT_EQ(result<float>(session, 1), (std::vector<float>{10, 12, 14, 16}));
}

TEST(Perform, WrongValuesAreRefused) {
  ModuleBuilder builder;
  buildInsert(builder);
  Module module = open(builder);
  Session session(module);
  std::vector<std::vector<float>> given = {{1, 2}};
  std::vector<float> x = {7};
  int64_t position = 2;
  EXPECT_EQ(
      errorOf(DLRT_MISMATCH, [&] { session.bindInput(0, x.data(), {1}); }),
      "input 0 's': is a tensor, expected a sequence of tensors");
  EXPECT_EQ(
      errorOf(DLRT_MISMATCH, [&] { session.bindSequence(1, describe(given)); }),
      "input 1 'x': is a sequence, expected a tensor");
  EXPECT_EQ(errorOf(DLRT_MISMATCH, [&] { session.bindNone(0); }),
            "input 0 's': has no value, expected a sequence of tensors");
  std::vector<Tensor> matrix = describe(given);
  matrix[0].dims = {1, 2};
  EXPECT_EQ(errorOf(DLRT_MISMATCH, [&] { session.bindSequence(0, matrix); }),
            "input 0 's': rank is 2, expected 1");
  session.bindInput(1, x.data(), {1});
  session.bindInput(2, &position, {});
  EXPECT_EQ(errorOf(DLRT_NOT_BOUND, [&] { session.run(); }),
            "input 0 's' is not bound");
  session.bindSequence(0, describe(given));
  EXPECT_EQ(errorOf(DLRT_MISMATCH, [&] { session.run(); }),
            "step 'insert': position 2 is out of range for a sequence of 1");
  position = 1;
  session.run();
  EXPECT_EQ(session.outputCount(0), 2);
  EXPECT_NE(errorOf(DLRT_INVALID_ARGUMENT, [&] { session.output(0); }), "");
  EXPECT_NE(errorOf(DLRT_INVALID_ARGUMENT, [&] { session.outputTensor(0, 2); }),
            "");
}

/// y = x doubled `limit` times, in a body; the element count stays N, which the
/// body is given.
void buildWhile(ModuleBuilder &builder) {
  int n = builder.symbol("N", 0, 0);
  int bytes = builder.mul(n, builder.constant(4));
  int zero = builder.constant(0);
  int x = builder.input("x", kF32, {n});
  int limit = builder.input("limit", kI64, {});
  int condition = builder.input("condition", fb::ElementType_Bool, {});
  int y = builder.output("y", kF32, {n});
  fb::PlanT &plan = builder.plan();
  plan.arena_size = zero;
  plan.slots = 4;
  plan.output_slots = {-1};

  // The body: the iteration's number, the state and the condition to the
  // condition and the state. Its own formulas: 0 the size, given.
  auto body = std::make_unique<fb::EntryT>();
  body->name = "main";
  ModuleBuilder inner;
  inner.entry().name = "body";
  int m = inner.symbol("M", -2, 0);
  inner.input("i", kI64, {});
  int state = inner.input("state", kF32, {m});
  int captured = inner.input("condition", fb::ElementType_Bool, {});
  int goesOn = inner.output("goes_on", fb::ElementType_Bool, {});
  int next = inner.output("next", kF32, {m});
  inner.plan().arena_size = inner.constant(0);
  inner.call("copy", {captured, goesOn});
  inner.dispatch(kDouble, {state, next}, m);
  *body = inner.entry();
  builder.entry().bodies.push_back(std::move(body));

  fb::PerformT &loop = addPerform(plan, fb::Operation_While, "loop");
  loop.operands.push_back(inBuffer(limit, kI64, {}));
  loop.operands.push_back(inBuffer(condition, fb::ElementType_Bool, {}));
  loop.operands.push_back(inBuffer(x, kF32, {n}));
  loop.bodies.push_back(std::make_unique<fb::BodyT>());
  loop.bodies[0]->captures.push_back(
      inBuffer(condition, fb::ElementType_Bool, {}));
  loop.bodies[0]->sizes = {n};
  addResult(loop, 3, makeType(kF32, {n}));
  int slot = addSlotBuffer(plan, 3, bytes);
  builder.dispatch(kDouble, {slot, y}, n);
}

TEST(Perform, LoopsRunTheirBody) {
  ModuleBuilder builder;
  buildWhile(builder);
  Module module = open(builder);
  Session session(module, threads(2));
  std::vector<float> x = iota(50);
  int64_t limit = 0;
  bool condition = true;
  session.bindInput(1, &limit, {});
  session.bindInput(2, &condition, {});
  for (int64_t size : {50, 1, 0, 20})
    for (int64_t times : {3, 0, 10, -1}) {
      session.bindInput(0, x.data(), {size});
      limit = times;
      session.run();
      std::vector<float> y = result<float>(session);
      ASSERT_EQ(y.size(), size_t(size));
      for (size_t i = 0; i < y.size(); ++i)
        ASSERT_EQ(y[i], x[i] * float(2 << std::max<int64_t>(times, 0)));
    }
  condition = false;
  session.run();
  EXPECT_EQ(result<float>(session)[3], 6);
}

TEST(Perform, ProfilesShowTheBodysSteps) {
  ModuleBuilder builder;
  buildWhile(builder);
  Module module = open(builder);
  SessionOptions options;
  options.profile = 1;
  Session session(module, options);
  std::vector<float> x = iota(4);
  int64_t limit = 5;
  bool condition = true;
  session.bindInput(0, x.data(), {4});
  session.bindInput(1, &limit, {});
  session.bindInput(2, &condition, {});
  session.run();
  EXPECT_EQ(session.profile().size(), 11u);
}

TEST(Perform, WrongModulesAreRefused) {
  auto refusal = [](auto change) {
    ModuleBuilder builder;
    buildInsert(builder);
    change(builder);
    return errorOf(DLRT_BAD_MODULE, [&] { open(builder); });
  };
  auto perform = [](ModuleBuilder &builder, size_t step) {
    return builder.plan().steps[step]->action.AsPerform();
  };
  EXPECT_NE(refusal([&](ModuleBuilder &b) { b.plan().slots = 2; }), "");
  EXPECT_NE(refusal([&](ModuleBuilder &b) { b.plan().output_slots = {}; }), "");
  EXPECT_NE(refusal([&](ModuleBuilder &b) { b.plan().output_slots[0] = 5; }),
            "");
  // The sequence has been taken out of its slot.
  EXPECT_NE(
      refusal([&](ModuleBuilder &b) { perform(b, 1)->operands[0]->slot = 0; }),
      "");
  EXPECT_NE(refusal([&](ModuleBuilder &b) { perform(b, 1)->symbols = {0}; }),
            "");
  EXPECT_NE(
      refusal([&](ModuleBuilder &b) { perform(b, 0)->operands.resize(1); }),
      "");
  EXPECT_NE(refusal([&](ModuleBuilder &b) { perform(b, 1)->results.clear(); }),
            "");
  EXPECT_NE(refusal([&](ModuleBuilder &b) {
              perform(b, 1)->results[0]->type->dims = {99};
            }),
            "");
  EXPECT_NE(refusal([&](ModuleBuilder &b) {
              perform(b, 0)->bodies.push_back(std::make_unique<fb::BodyT>());
            }),
            "");
}

} // namespace

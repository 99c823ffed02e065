// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/runtime/Testing.h"

#include <thread>

using namespace dl::runtime;
using namespace dltest;
using namespace dlrt;

namespace {

fb::StateT &addState(ModuleBuilder &builder, const std::string &name,
                     int initial, std::vector<int64_t> dims) {
  auto state = std::make_unique<fb::StateT>();
  state->name = name;
  state->element = fb::ElementType_F32;
  state->dims = std::move(dims);
  state->initial = initial;
  builder.module.states.push_back(std::move(state));
  return *builder.module.states.back();
}

/// A step that adds x to state "w", of four elements, and gives what it was,
/// doubled. Slot "w.m", of three, is not used.
void buildSum(ModuleBuilder &builder) {
  int four = builder.constant(4);
  builder.weights({1, 2, 3, 4});
  builder.splat(5, {3});
  addState(builder, "w", 0, {2, 2});
  fb::StateT &slot = addState(builder, "w.m", 1, {3});
  slot.role = fb::StateRole_Slot;
  slot.parameter = 0;
  int x = builder.input("x", fb::ElementType_F32, {four});
  int y = builder.output("y", fb::ElementType_F32, {four});
  int w = builder.arena(builder.constant(0), builder.constant(16));
  builder.plan().buffers[w]->kind = fb::BufferKind_State;
  builder.plan().buffers[w]->index = 0;
  builder.plan().buffers[w]->offset = -1;
  builder.plan().buffers[w]->size = -1;
  builder.dispatch(kDouble, {w, y}, four);
  builder.dispatch(kAdd, {w, x, w}, builder.constant(1), {four});
}

SessionOptions with(const State &state) {
  SessionOptions options;
  options.threads = 1;
  options.state = state.get();
  return options;
}

std::vector<float> valuesOf(const Tensor &tensor) {
  const float *data = tensor.as<float>();
  return {data, data + tensor.elements()};
}

TEST(State, SetsThePositionOfCaches) {
  ModuleBuilder builder;
  buildSum(builder);
  Module plain = open(builder);
  State without(plain);
  EXPECT_THROW(without.setPosition(0), Error);

  builder.weights({0, 0}); // the bytes of an int64
  fb::StateT &position = addState(builder, "position", 2, {});
  position.element = fb::ElementType_I64;
  position.role = fb::StateRole_Position;
  fb::ConstantT &initial = *builder.module.constants[2];
  initial.type->dims = {1};
  initial.type->element = fb::ElementType_I64;
  Module module = open(builder);
  State state(module);
  state.setPosition(7);
  EXPECT_EQ(*state.tensor("position").as<int64_t>(), 7);
  EXPECT_EQ(valuesOf(state.tensor("w")), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_THROW(state.setPosition(-1), Error);
}

TEST(State, OutlastsARun) {
  ModuleBuilder builder;
  buildSum(builder);
  Module module = open(builder);
  State state(module);
  std::vector<float> x = {10, 20, 30, 40};
  {
    Session session(module, with(state));
    session.bindInput(0, x.data(), {4});
    session.run();
    EXPECT_EQ(result<float>(session), (std::vector<float>{2, 4, 6, 8}));
    session.run();
    EXPECT_EQ(result<float>(session), (std::vector<float>{22, 44, 66, 88}));
  }
  EXPECT_EQ(valuesOf(state.tensor("w")), (std::vector<float>{21, 42, 63, 84}));
  // Another session goes on.
  Session session(module, with(state));
  session.bindInput(0, x.data(), {4});
  session.run();
  EXPECT_EQ(valuesOf(state.tensor("w")), (std::vector<float>{31, 62, 93, 124}));
  state.reset();
  EXPECT_EQ(valuesOf(state.tensor("w")), (std::vector<float>{1, 2, 3, 4}));
}

/// Gives x = number + 1, in two buffers in turns.
struct Counting {
  std::vector<float> buffers[2] = {std::vector<float>(4),
                                   std::vector<float>(4)};
  int64_t dims[1] = {4};
  uint64_t batches = 0, stopAt = 100;
  std::thread::id caller = std::this_thread::get_id();
  std::vector<double> losses;

  static int32_t give(void *context, uint64_t number, dlrt_tensor *tensors,
                      uint32_t count) {
    auto &self = *static_cast<Counting *>(context);
    EXPECT_NE(std::this_thread::get_id(), self.caller);
    EXPECT_EQ(count, 1u);
    if (number == self.batches)
      return 0;
    std::vector<float> &buffer = self.buffers[number % 2];
    buffer.assign(4, static_cast<float>(number + 1));
    tensors[0].type = DLRT_FLOAT32;
    tensors[0].rank = 1;
    tensors[0].dims = self.dims;
    tensors[0].data = buffer.data();
    return 1;
  }
  static int32_t watch(void *context, uint64_t number, double loss) {
    auto &self = *static_cast<Counting *>(context);
    EXPECT_EQ(std::this_thread::get_id(), self.caller);
    self.losses.push_back(loss);
    return number + 1 < self.stopAt;
  }
};

TEST(State, IsTrainedByASource) {
  ModuleBuilder builder;
  buildSum(builder);
  Module module = open(builder);
  State state(module);
  Session session(module, with(state));
  Counting counting;
  counting.batches = 3;
  session.train(Counting::give, Counting::watch, &counting);
  // The first element of w was 1, 2 and 4, doubled.
  EXPECT_EQ(counting.losses, std::vector<double>({2, 4, 8}));
  EXPECT_EQ(valuesOf(state.tensor(0)), std::vector<float>({7, 8, 9, 10}));
  // The watcher ends it; the batch that has been given beyond is not used.
  counting.stopAt = 1;
  session.train(Counting::give, Counting::watch, &counting);
  EXPECT_EQ(valuesOf(state.tensor(0)), std::vector<float>({8, 9, 10, 11}));
  counting.batches = 0;
  session.train(Counting::give, nullptr, &counting);
  EXPECT_EQ(valuesOf(state.tensor(0)), std::vector<float>({8, 9, 10, 11}));
  // A batch that does not fit ends it with the input's error.
  counting.batches = 1;
  counting.dims[0] = 3;
  std::string message;
  try {
    session.train(Counting::give, nullptr, &counting);
  } catch (const Error &error) {
    message = error.what();
  }
  EXPECT_NE(message.find("input 0 'x'"), std::string::npos) << message;
}

TEST(State, OfASessionIsItsOwn) {
  ModuleBuilder builder;
  buildSum(builder);
  Module module = open(builder);
  Session first(module, threads(1)), second(module, threads(1));
  std::vector<float> x = {1, 1, 1, 1};
  for (Session *session : {&first, &second}) {
    session->bindInput(0, x.data(), {4});
    session->run();
    EXPECT_EQ(result<float>(*session), (std::vector<float>{2, 4, 6, 8}));
  }
  EXPECT_NE(dlrt_session_state(first.get()), nullptr);
}

TEST(State, IsDescribed) {
  ModuleBuilder builder;
  buildSum(builder);
  Module module = open(builder);
  std::vector<StateInfo> states = module.states();
  ASSERT_EQ(states.size(), 2u);
  EXPECT_EQ(states[0].name, "w");
  EXPECT_EQ(states[0].dims, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(states[0].bytes, 16u);
  EXPECT_EQ(states[0].role, DLRT_STATE_PARAMETER);
  EXPECT_EQ(states[0].parameter, DLRT_NO_PARAMETER);
  EXPECT_EQ(states[1].role, DLRT_STATE_SLOT);
  EXPECT_EQ(states[1].parameter, 0u);
  EXPECT_EQ(module.stateBytes(), 128u);
  EXPECT_EQ(module.findState("w.m"), 1u);
  EXPECT_NE(errorOf(DLRT_NOT_FOUND, [&] { module.findState("v"); })
                .find("the module has no state 'v'"),
            std::string::npos);
  // A splat is repeated.
  State state(module);
  EXPECT_EQ(valuesOf(state.tensor(1)), (std::vector<float>{5, 5, 5}));
}

TEST(State, SignatureTellsModulesApart) {
  ModuleBuilder first, same, other, plain;
  buildSum(first);
  buildSum(same);
  buildSum(other);
  other.module.states[0]->dims = {4};
  buildDouble(plain);
  EXPECT_EQ(open(first).stateSignature(), open(same).stateSignature());
  EXPECT_NE(open(first).stateSignature(), open(other).stateSignature());
  EXPECT_EQ(open(plain).stateSignature(), 0u);
  EXPECT_TRUE(open(plain).states().empty());
}

TEST(State, IsSetFromMemory) {
  ModuleBuilder builder;
  buildSum(builder);
  Module module = open(builder);
  State state(module);
  std::vector<float> w = {4, 3, 2, 1};
  Tensor tensor = state.tensor(0);
  tensor.data = w.data();
  state.set(0, tensor);
  EXPECT_EQ(valuesOf(state.tensor(0)), w);
  tensor.dims = {4};
  EXPECT_EQ(errorOf(DLRT_MISMATCH, [&] { state.set(0, tensor); }),
            "state 0 'w': sizes are [4], expected [2, 2]");
  tensor.dims = {2, 2};
  tensor.bytes = 15;
  EXPECT_EQ(errorOf(DLRT_MISMATCH, [&] { state.set(0, tensor); }),
            "state 0 'w': has 15 bytes, expected 16");
  EXPECT_NE(errorOf(DLRT_MISMATCH, [&] { state.set<int64_t>("w", 1); })
                .find("type is int64, expected float32"),
            std::string::npos);
}

TEST(State, MayLieInAnotherOrder) {
  ModuleBuilder builder;
  buildSum(builder);
  // In memory, columns come first.
  builder.module.states[0]->order = {1, 0};
  Module module = open(builder);
  State state(module);
  EXPECT_EQ(valuesOf(state.tensor(0)), (std::vector<float>{1, 3, 2, 4}));
  std::vector<float> w = {10, 20, 30, 40}, x = {0, 0, 0, 1};
  Tensor tensor = state.tensor(0);
  tensor.data = w.data();
  state.set(0, tensor);
  EXPECT_EQ(valuesOf(state.tensor(0)), w);
  Session session(module, with(state));
  session.bindInput(0, x.data(), {4});
  session.run();
  EXPECT_EQ(result<float>(session), (std::vector<float>{20, 60, 40, 80}));
  EXPECT_EQ(valuesOf(state.tensor(0)), (std::vector<float>{10, 20, 30, 41}));
}

TEST(State, OfAnotherModuleIsRefused) {
  ModuleBuilder first, second;
  buildSum(first);
  buildSum(second);
  Module module = open(first), other = open(second);
  State state(other);
  EXPECT_NE(errorOf(DLRT_INVALID_ARGUMENT,
                    [&] { Session session(module, with(state)); })
                .find("the state is of another module"),
            std::string::npos);
}

TEST(State, BadDeclarationsAreRefused) {
  auto refused = [](void (*change)(fb::StateT &)) {
    ModuleBuilder builder;
    buildSum(builder);
    change(*builder.module.states[1]);
    return errorOf(DLRT_BAD_MODULE, [&] { open(builder); });
  };
  using S = fb::StateT;
  EXPECT_NE(refused([](S &s) { s.dims = {int64_t(1) << 62, 8}; }), "");
  EXPECT_NE(refused([](S &s) { s.dims = {-3}; }), "");
  EXPECT_NE(refused([](S &s) { s.initial = 7; }), "");
  EXPECT_NE(refused([](S &s) { s.initial = -1; }), "");
  EXPECT_NE(refused([](S &s) { s.parameter = 2; }), "");
  EXPECT_NE(refused([](S &s) { s.parameter = -1; }), "");
  EXPECT_NE(refused([](S &s) { s.role = fb::StateRole_Counter; }), "");
  EXPECT_NE(refused([](S &s) { s.element = fb::ElementType_String; }), "");
  EXPECT_NE(refused([](S &s) { s.order = {0, 1}; }), "");
  EXPECT_NE(refused([](S &s) { s.order = {1}; }), "");
  EXPECT_NE(refused([](S &s) { s.order = {-1}; }), "");
  ModuleBuilder builder;
  buildSum(builder);
  for (auto &buffer : builder.plan().buffers)
    if (buffer->kind == fb::BufferKind_State)
      buffer->index = 2;
  EXPECT_NE(errorOf(DLRT_BAD_MODULE, [&] { open(builder); }), "");
}

} // namespace

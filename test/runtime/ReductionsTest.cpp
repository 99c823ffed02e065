// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Steps of data-parallel training, with ranks that are threads of one process.

#include "test/runtime/Testing.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <mutex>
#include <thread>

using namespace dl::runtime;
using namespace dltest;
using namespace dlrt;

namespace {

bool has(const std::string &text, const char *part) {
  return text.find(part) != std::string::npos;
}

/// Ranks that wait for each other: reduction i of one is that of all.
class Meeting {
public:
  explicit Meeting(int count) : count(count), members(size_t(count)) {
    for (int rank = 0; rank < count; ++rank)
      members[size_t(rank)] = {this, rank, 0};
  }

  dlrt_communicator communicator(int rank) {
    dlrt_communicator result = {};
    result.context = &members[size_t(rank)];
    result.rank = rank;
    result.count = count;
    result.start = start;
    result.wait = wait;
    return result;
  }

  bool fails = false; ///< in `wait`
  int waits = 0;

private:
  struct Member {
    Meeting *meeting;
    int rank;
    uint64_t begun;
  };
  struct Reduction {
    std::vector<float *> parts;
    uint64_t elements = 0;
    bool isDone = false;
  };

  static dlrt_status start(void *context, void *data, uint64_t elements,
                           dlrt_type type, uint64_t *request, dlrt_error *) {
    EXPECT_EQ(type, DLRT_FLOAT32);
    auto &member = *static_cast<Member *>(context);
    Meeting &self = *member.meeting;
    std::lock_guard<std::mutex> lock(self.mutex);
    *request = member.begun++;
    self.reductions.resize(
        std::max(self.reductions.size(), size_t(*request) + 1));
    Reduction &reduction = self.reductions[size_t(*request)];
    EXPECT_TRUE(reduction.parts.empty() || reduction.elements == elements);
    reduction.elements = elements;
    reduction.parts.push_back(static_cast<float *>(data));
    if (reduction.parts.size() == size_t(self.count)) {
      for (uint64_t i = 0; i < elements; ++i) {
        float sum = 0;
        for (float *part : reduction.parts)
          sum += part[i];
        for (float *part : reduction.parts)
          part[i] = sum / static_cast<float>(self.count);
      }
      reduction.isDone = true;
      self.changed.notify_all();
    }
    return DLRT_OK;
  }

  static dlrt_status wait(void *context, uint64_t request, dlrt_error *error) {
    Meeting &self = *static_cast<Member *>(context)->meeting;
    std::unique_lock<std::mutex> lock(self.mutex);
    ++self.waits;
    if (self.fails) {
      strcpy(error->message, "the others are gone");
      return DLRT_IO_ERROR;
    }
    self.changed.wait(lock,
                      [&] { return self.reductions[size_t(request)].isDone; });
    return DLRT_OK;
  }

  int count;
  std::vector<Member> members;
  std::vector<Reduction> reductions;
  std::mutex mutex;
  std::condition_variable changed;
};

constexpr int kSize = 4;

/// y = mean(2 x) + mean(x): two buckets under way at once. The second one stays
/// in its place.
void buildMeans(ModuleBuilder &builder) {
  int size = builder.constant(kSize), bytes = builder.constant(4 * kSize);
  int x = builder.input("x", fb::ElementType_F32, {size});
  int y = builder.output("y", fb::ElementType_F32, {size});
  builder.plan().arena_size = builder.constant(256);
  std::vector<int> places;
  for (int i = 0; i < 4; ++i)
    places.push_back(builder.arena(builder.constant(64 * i), bytes));
  auto call = [&](const char *function, int from, int to, int64_t bucket) {
    fb::HostCallT &step = builder.call(function, {from, to}, {bucket});
    for (auto &type : step.types) {
      type->element = fb::ElementType_F32;
      type->dims = {size};
    }
  };
  builder.dispatch(kDouble, {x, places[0]}, size);
  call("all_reduce_start", places[0], places[1], 0);
  call("copy", x, places[2], 0);
  call("all_reduce_start", places[2], places[2], 1);
  call("all_reduce_wait", places[1], places[3], 0);
  call("all_reduce_wait", places[2], places[2], 1);
  builder.dispatch(kAdd, {places[3], places[2], y}, builder.constant(1),
                   {size});
}

std::vector<float> run(const Module &module, std::vector<float> x,
                       const dlrt_communicator &communicator, int times = 1) {
  SessionOptions options;
  options.threads = 1;
  options.communicator = communicator;
  Session session(module, options);
  session.bindInput(0, x.data(), {kSize});
  for (int i = 0; i < times; ++i)
    session.run();
  return result<float>(session);
}

TEST(Reductions, TakeMeansOverRanks) {
  ModuleBuilder builder;
  buildMeans(builder);
  Module module = open(builder);
  EXPECT_EQ(module.info().data_parallel, 1);
  Meeting meeting(2);
  std::vector<float> results[2];
  std::thread other([&] {
    results[1] = run(module, {3, 4, 5, 6}, meeting.communicator(1), 3);
  });
  results[0] = run(module, {1, 2, 3, 4}, meeting.communicator(0), 3);
  other.join();
  EXPECT_EQ(results[0], (std::vector<float>{6, 9, 12, 15}));
  EXPECT_EQ(results[1], results[0]);
}

TEST(Reductions, AreNothingForOneRank) {
  ModuleBuilder builder;
  buildMeans(builder);
  Module module = open(builder);
  std::vector<float> expected{3, 6, 9, 12};
  EXPECT_EQ(run(module, {1, 2, 3, 4}, {}), expected);
  Meeting meeting(1);
  EXPECT_EQ(run(module, {1, 2, 3, 4}, meeting.communicator(0)), expected);
}

TEST(Reductions, ThatFailEndTheRun) {
  ModuleBuilder builder;
  buildMeans(builder);
  Module module = open(builder);
  Meeting meeting(1);
  meeting.fails = true;
  std::string message;
  try {
    run(module, {1, 2, 3, 4}, meeting.communicator(0));
  } catch (const Error &error) {
    message = error.what();
    EXPECT_EQ(error.status(), DLRT_IO_ERROR);
  }
  EXPECT_TRUE(has(message, "(all_reduce_wait): the others are gone"))
      << message;
  // What has been begun is waited for, once each.
  EXPECT_EQ(meeting.waits, 2);
}

TEST(Reductions, OfABadModule) {
  auto fail = [](const std::function<void(ModuleBuilder &, int, int)> &add) {
    ModuleBuilder builder;
    int size = builder.constant(kSize);
    int x = builder.input("x", fb::ElementType_F32, {size});
    int y = builder.output("y", fb::ElementType_F32, {size});
    add(builder, x, y);
    std::string message = "none";
    try {
      Meeting meeting(1);
      run(open(builder), {1, 2, 3, 4}, meeting.communicator(0));
    } catch (const Error &error) {
      message = error.what();
    }
    return message;
  };
  auto expect = [](const std::string &message, const char *part) {
    EXPECT_TRUE(has(message, part)) << message;
  };
  auto call = [](ModuleBuilder &builder, const char *function, int x, int y,
                 std::vector<int64_t> attributes, fb::ElementType type) {
    fb::HostCallT &step = builder.call(function, {x, y}, attributes);
    for (auto &found : step.types) {
      found->element = type;
      found->dims = {builder.constant(kSize)};
    }
  };
  expect(fail([&](ModuleBuilder &b, int x, int y) {
           call(b, "all_reduce_wait", x, y, {3}, fb::ElementType_F32);
         }),
         "bucket 3 is not being reduced");
  expect(fail([&](ModuleBuilder &b, int x, int y) {
           call(b, "all_reduce_start", x, y, {0}, fb::ElementType_F32);
           call(b, "all_reduce_start", x, y, {0}, fb::ElementType_F32);
         }),
         "bucket 0 is being reduced already");
  expect(fail([&](ModuleBuilder &b, int x, int y) {
           call(b, "all_reduce_start", x, y, {-1}, fb::ElementType_F32);
         }),
         "a reduction has no bucket of number -1");
  expect(fail([&](ModuleBuilder &b, int x, int y) {
           call(b, "all_reduce_start", x, y, {0}, fb::ElementType_I32);
         }),
         "are no floats of one number and type");
  expect(fail([&](ModuleBuilder &b, int x, int y) {
           call(b, "all_reduce_start", x, y, {}, fb::ElementType_F32);
         }),
         "a reduction has two arguments and an attribute");
}

TEST(Reductions, TellEachRankItsNumber) {
  ModuleBuilder builder;
  int number = builder.output("number", fb::ElementType_I64, {});
  int count = builder.output("count", fb::ElementType_I64, {});
  fb::HostCallT &step = builder.call("process_rank", {number, count});
  step.results = 2;
  for (auto &type : step.types)
    type->element = fb::ElementType_I64;
  Module module = open(builder);
  EXPECT_EQ(module.info().data_parallel, 0);
  auto find = [&](const dlrt_communicator &communicator) {
    SessionOptions options;
    options.communicator = communicator;
    Session session(module, options);
    session.run();
    return std::pair(*static_cast<const int64_t *>(session.output(0).data),
                     *static_cast<const int64_t *>(session.output(1).data));
  };
  Meeting meeting(3);
  EXPECT_EQ(find(meeting.communicator(2)), std::pair(int64_t(2), int64_t(3)));
  EXPECT_EQ(find({}), std::pair(int64_t(0), int64_t(1)));
}

TEST(Reductions, NeedASoundCommunicator) {
  ModuleBuilder builder;
  buildMeans(builder);
  Module module = open(builder);
  Meeting meeting(2);
  for (int rank : {-1, 2}) {
    dlrt_communicator communicator = meeting.communicator(0);
    communicator.rank = rank;
    EXPECT_THROW(run(module, {1, 2, 3, 4}, communicator), Error);
  }
  dlrt_communicator communicator = meeting.communicator(0);
  communicator.wait = nullptr;
  EXPECT_THROW(run(module, {1, 2, 3, 4}, communicator), Error);
}

} // namespace

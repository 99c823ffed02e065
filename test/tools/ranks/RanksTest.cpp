// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/ranks/Ranks.h"

#include <cstdio>
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

using namespace dl::ranks;
using testing::ExitedWithCode;
using testing::HasSubstr;

namespace {

std::unique_ptr<Ranks> joinFake(const char *library = DL_FAKE_MPI,
                                const char *failing = "") {
  setenv("OMPI_COMM_WORLD_SIZE", "3", 1);
  setenv("DL_MPI_LIBRARY", library, 1);
  setenv("FAKE_MPI_FAILS", failing, 1);
  return join();
}

std::string getError(const char *library, const char *failing = "") {
  try {
    joinFake(library, failing)->finish();
  } catch (const std::exception &error) {
    return error.what();
  }
  return "none";
}

TEST(Ranks, AloneAreOne) {
  unsetenv("OMPI_COMM_WORLD_SIZE");
  unsetenv("PMI_SIZE");
  std::unique_ptr<Ranks> ranks = join();
  EXPECT_EQ(ranks->count(), 1);
  EXPECT_TRUE(ranks->isFirst());
  EXPECT_EQ(ranks->communicator("").start, nullptr);
  std::vector<double> numbers{1, 2};
  ranks->sum(numbers);
  EXPECT_EQ(numbers, (std::vector<double>{1, 2}));
  ranks->beginAny(true);
  EXPECT_TRUE(ranks->endAny());
  ranks->finish();
}

TEST(Ranks, ReduceByMpi) {
  std::unique_ptr<Ranks> ranks = joinFake();
  EXPECT_EQ(ranks->rank(), 1);
  EXPECT_EQ(ranks->count(), 3);
  EXPECT_FALSE(ranks->isFirst());
  dlrt_communicator communicator = ranks->communicator("");
  EXPECT_EQ(communicator.rank, 1);
  EXPECT_EQ(communicator.count, 3);
  // Two means under way at once. Of three equal numbers, each is the mean.
  std::vector<float> floats(1000, 6);
  std::vector<double> doubles{-1, 0.5};
  uint64_t first = 0, second = 0;
  dlrt_error error = {};
  EXPECT_EQ(communicator.start(communicator.context, floats.data(), 1000,
                               DLRT_FLOAT32, &first, &error),
            DLRT_OK);
  EXPECT_EQ(communicator.start(communicator.context, doubles.data(), 2,
                               DLRT_FLOAT64, &second, &error),
            DLRT_OK);
  EXPECT_EQ(communicator.wait(communicator.context, second, &error), DLRT_OK);
  EXPECT_EQ(communicator.wait(communicator.context, first, &error), DLRT_OK);
  for (float number : floats)
    EXPECT_FLOAT_EQ(number, 6);
  EXPECT_DOUBLE_EQ(doubles[0], -1);
  EXPECT_DOUBLE_EQ(doubles[1], 0.5);
  Traffic traffic = ranks->traffic();
  EXPECT_EQ(traffic.reductions, 2u);
  EXPECT_EQ(traffic.bytes, 4016u);
  EXPECT_GT(traffic.communicating, 0);
  ranks->finish();
}

TEST(Ranks, AgreeByMpi) {
  std::unique_ptr<Ranks> ranks = joinFake();
  std::vector<double> numbers{1, -2};
  ranks->sum(numbers);
  EXPECT_EQ(numbers, (std::vector<double>{3, -6}));
  unsigned char bytes[] = {1, 2, 3};
  ranks->broadcast(bytes, sizeof bytes);
  EXPECT_EQ(bytes[2], 7);
  ranks->beginAny(false);
  EXPECT_FALSE(ranks->endAny());
  ranks->beginAny(true);
  EXPECT_TRUE(ranks->endAny());
  EXPECT_EQ(ranks->traffic().reductions, 0u);
  ranks->finish();
}

TEST(Ranks, NeedOpenMpi) {
  EXPECT_THAT(getError("/no/such/libmpi.so"),
              HasSubstr("/no/such/libmpi.so: cannot be opened: "));
  EXPECT_THAT(getError("libm.so.6"),
              HasSubstr("libm.so.6: is no MPI library: it has no "
                        "'ompi_mpi_comm_world'"));
  EXPECT_THAT(
      getError(DL_OTHER_MPI),
      HasSubstr("is of MPICH Version:\t4.0.2, not Open MPI, which alone "
                "is supported: it has no 'ompi_mpi_comm_world'"));
  unsetenv("OMPI_COMM_WORLD_SIZE");
  setenv("PMI_SIZE", "2", 1);
  EXPECT_THROW(join(), std::exception);
  unsetenv("PMI_SIZE");
}

TEST(Ranks, ThatCannotBeJoined) {
  EXPECT_THAT(getError(DL_FAKE_MPI, "MPI_Init_thread"),
              HasSubstr("MPI_Init_thread: MPI_ERR_FAKE: told to fail"));
  EXPECT_THAT(getError(DL_FAKE_MPI, "MPI_Comm_rank"),
              HasSubstr("MPI_Comm_rank: MPI_ERR_FAKE: told to fail"));
}

/// What a reduction that fails says; then the program goes.
void reduceAndLeave(const char *failing) {
  std::unique_ptr<Ranks> ranks = joinFake(DL_FAKE_MPI, failing);
  dlrt_communicator communicator = ranks->communicator("");
  float number = 1;
  uint64_t request = 0;
  dlrt_error error = {};
  communicator.start(communicator.context, &number, 1, DLRT_FLOAT32, &request,
                     &error);
  dlrt_status status = communicator.wait(communicator.context, request, &error);
  fprintf(stderr, "%d %s\n", status == DLRT_INTERNAL, error.message);
}

TEST(RanksDeathTest, EndAllWhereOneLeaves) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(reduceAndLeave("MPI_Iallreduce"), ExitedWithCode(1),
              "1 MPI: MPI_ERR_FAKE: told to fail");
  EXPECT_EXIT(reduceAndLeave("MPI_Test"), ExitedWithCode(1),
              "1 MPI: MPI_ERR_FAKE: told to fail");
  EXPECT_EXIT(joinFake()->abort(9), ExitedWithCode(9), "");
}

} // namespace

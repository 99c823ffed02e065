// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/ranks/Ranks.h"

#include "tools/ranks/Mpi.h"
#include "tools/values/Value.h"

#include <algorithm>
#include <cstdlib>

namespace dl::ranks {

/// The number that an environment variable has, `least` at least; that where
/// there is none.
static int readNumber(const char *variable, int least) {
  const char *text = std::getenv(variable);
  return text
             ? std::max(static_cast<int>(std::strtol(text, nullptr, 10)), least)
             : least;
}

static int readCount(const char *variable) { return readNumber(variable, 1); }

int countOnMachine() { return readCount("OMPI_COMM_WORLD_LOCAL_SIZE"); }

int rankOnMachine() { return readNumber("OMPI_COMM_WORLD_LOCAL_RANK", 0); }

std::unique_ptr<Ranks> join() {
  if (readCount("OMPI_COMM_WORLD_SIZE") > 1)
    return joinMpi();
  // What MPICH and its kin set.
  if (readCount("PMI_SIZE") > 1)
    throw values::Failure(
        "PMI_SIZE", "the processes were started by an MPI that is not Open "
                    "MPI, which alone is supported");
  return std::make_unique<Ranks>();
}

} // namespace dl::ranks

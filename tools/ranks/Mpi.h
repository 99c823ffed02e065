// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TOOLS_RANKS_MPI_H
#define DL_TOOLS_RANKS_MPI_H

#include "tools/ranks/Ranks.h"

namespace dl::ranks {

/// Joins the job of MPI that this process was started in. A thread of its own
/// makes all calls of MPI, so that reductions go on while steps compute. Throws
/// as join.
std::unique_ptr<Ranks> joinMpi();

} // namespace dl::ranks

#endif // DL_TOOLS_RANKS_MPI_H

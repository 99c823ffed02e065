// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The processes of a data-parallel training, each with a part of every batch.

#ifndef DL_TOOLS_RANKS_RANKS_H
#define DL_TOOLS_RANKS_RANKS_H

#include "runtime/api/dlrt.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace dl::ranks {

/// What reductions have taken since the start, on this rank.
struct Traffic {
  uint64_t reductions = 0;
  uint64_t bytes = 0;       ///< that were reduced
  double communicating = 0; ///< seconds in which a reduction was under way
  double waiting = 0;       ///< seconds of these in which a step waited for it
  bool isInStream = false;  ///< of devices, which tell no times
};

/// All ranks make the same calls in the same order, from one thread each. A
/// call throws a values::Failure where the others cannot be reached.
class Ranks {
public:
  virtual ~Ranks() = default;

  virtual int rank() const { return 0; }
  virtual int count() const { return 1; }
  bool isFirst() const { return rank() == 0; }

  /// For the options of sessions, of which one runs at a time; start is null
  /// where there is one rank. Valid as long as this. For sessions on a CUDA
  /// device, it is named ("cuda:1"): what lies there is reduced by NCCL, if all
  /// ranks can open it and each has a device of its own, or else passes through
  /// the host.
  virtual dlrt_communicator communicator(const std::string & /*cudaDevice*/) {
    return {};
  }
  /// Why NCCL does not reduce what is on CUDA devices; empty where it does, or
  /// none was asked for.
  virtual std::string whyNoNccl() const { return {}; }
  virtual Traffic traffic() const { return {}; }

  /// Gives all ranks the bytes that the first one has.
  virtual void broadcast(void * /*data*/, size_t /*bytes*/) {}
  /// Replaces numbers by their sums over all ranks.
  virtual void sum(std::vector<double> & /*numbers*/) {}
  /// Whether a flag is set on some rank. `beginAny` lets the others know, and
  /// `endAny` has the answer; steps may run between the two.
  virtual void beginAny(bool flag) { isSet = flag; }
  virtual bool endAny() { return isSet; }

  /// Takes leave of the others, which do so, too. Nothing is called afterwards.
  virtual void finish() {}
  /// Ends all ranks, this one among them where there are others.
  virtual void abort(int /*status*/) {}

private:
  bool isSet = false;
};

/// Joins the processes that an mpirun has started with this one; alone where
/// none has. Throws a values::Failure where they cannot be reached, and where
/// another MPI than Open MPI has started them.
std::unique_ptr<Ranks> join();

/// How many of the ranks are on this machine; 1 where that is not known.
int countOnMachine();
/// The number of this one among them.
int rankOnMachine();

} // namespace dl::ranks

#endif // DL_TOOLS_RANKS_RANKS_H

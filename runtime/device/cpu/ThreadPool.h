// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_DEVICE_CPU_THREADPOOL_H
#define DLRT_DEVICE_CPU_THREADPOOL_H

#include "runtime/device/cpu/Executor.h"

#include <memory>

namespace dlrt {

/// The caller and threads - 1 workers. Each part belongs to one of them; a
/// worker that has nothing to do spins for some tens of microseconds and then
/// sleeps. A part whose worker has not begun when the caller has finished its
/// own is run by the caller, so that a worker that sleeps, or that the system
/// does not schedule, costs no time: the pool may have more threads than there
/// are CPUs.
class ThreadPool final : public Executor {
public:
  /// Starts no thread yet. `threads` counts the caller, at least 1.
  explicit ThreadPool(int threads);
  ~ThreadPool() override;

  int concurrency() const override { return threads; }
  void run(Task task, void *context, size_t parts) override;

  /// Starts the workers; starts them again in a child process after fork, where
  /// they are gone. Fewer start where the system gives no more threads.
  void prepare() override;

private:
  struct Team;
  int threads;
  std::unique_ptr<Team> team;
};

/// The CPUs that this process may use: those of its affinity mask, limited by
/// the quota of its control group, at least 1.
int availableCpus();

} // namespace dlrt

#endif // DLRT_DEVICE_CPU_THREADPOOL_H

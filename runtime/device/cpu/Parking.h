// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_DEVICE_CPU_PARKING_H
#define DLRT_DEVICE_CPU_PARKING_H

#include <atomic>
#include <cstdint>

#if defined(__linux__)
#include <climits>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#include <condition_variable>
#include <mutex>
#endif

namespace dlrt {

/// Where threads sleep until a word changes.
class Parking {
public:
  /// Sleeps while `word` is `value`; may also return for no reason.
  void wait(std::atomic<uint32_t> &word, uint32_t value) {
#if defined(__linux__)
    static_assert(sizeof(word) == sizeof(uint32_t), "a futex is 32 bits");
    syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAIT_PRIVATE,
            value, nullptr, nullptr, 0);
#else
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return word.load() != value; });
#endif
  }

  /// Wakes the threads that sleep on `word`, after it was changed.
  void wake(std::atomic<uint32_t> &word) {
#if defined(__linux__)
    syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAKE_PRIVATE,
            INT_MAX, nullptr, nullptr, 0);
#else
    // The lock orders this after a waiter's look at the word.
    {
      std::lock_guard<std::mutex> lock(mutex);
    }
    changed.notify_all();
#endif
  }

#if !defined(__linux__)
private:
  std::mutex mutex;
  std::condition_variable changed;
#endif
};

} // namespace dlrt

#endif // DLRT_DEVICE_CPU_PARKING_H

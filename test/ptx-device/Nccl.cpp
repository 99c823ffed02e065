// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What tools/ranks/Nccl.cpp calls of NCCL, for processes of one machine: each
// copies its numbers to a part of shared memory and adds those of all up, in
// their order. The driver's own functions copy, so that the numbers may lie on
// any device.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <memory>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#define NCCL extern "C" __attribute__((visibility("default")))

namespace {

constexpr int kFloat32 = 7, kMean = 4;
constexpr int kSystemError = 2, kInvalidArgument = 4;
constexpr size_t kPart = size_t(1) << 16; ///< bytes of a rank at a time

struct UniqueId {
  char bytes[128];
};

/// At the beginning of the shared memory.
struct Meeting {
  std::atomic<int> arrived, round;
};

struct Communicator {
  int ranks, rank;
  Meeting *meeting;
  size_t bytes;

  char *part(int of) const {
    return reinterpret_cast<char *>(meeting) + kPart * size_t(of + 1);
  }
  /// Returns when all ranks have come here as often.
  void meet() const {
    int round = meeting->round;
    if (meeting->arrived.fetch_add(1) + 1 == ranks) {
      meeting->arrived = 0;
      ++meeting->round;
      return;
    }
    while (meeting->round == round)
      sched_yield();
  }
};

/// The driver that the program has opened.
template <typename Function> Function *findInDriver(const char *name) {
  void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  return driver ? reinterpret_cast<Function *>(dlsym(driver, name)) : nullptr;
}

template <typename T>
void addUp(const Communicator &all, size_t count, std::vector<char> &result) {
  T *sums = reinterpret_cast<T *>(result.data());
  for (size_t i = 0; i < count; ++i) {
    T sum = 0;
    for (int rank = 0; rank < all.ranks; ++rank)
      sum += reinterpret_cast<const T *>(all.part(rank))[i];
    sums[i] = sum / T(all.ranks);
  }
}

} // namespace

NCCL int ncclGetUniqueId(UniqueId *id) {
  snprintf(id->bytes, sizeof id->bytes, "/dl-nccl-%d", int(getpid()));
  shm_unlink(id->bytes);
  int file = shm_open(id->bytes, O_CREAT | O_EXCL | O_RDWR, 0600);
  if (file < 0)
    return kSystemError;
  close(file);
  return 0;
}

NCCL int ncclCommInitRank(Communicator **result, int ranks, UniqueId id,
                          int rank) {
  int file = shm_open(id.bytes, O_RDWR, 0600);
  size_t bytes = kPart * size_t(ranks + 1);
  if (file < 0 || ftruncate(file, off_t(bytes)) != 0)
    return kSystemError;
  void *memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (memory == MAP_FAILED)
    return kSystemError;
  *result =
      new Communicator{ranks, rank, static_cast<Meeting *>(memory), bytes};
  (*result)->meet();
  if (rank == 0)
    shm_unlink(id.bytes);
  return 0;
}

NCCL int ncclAllReduce(const void *from, void *to, size_t count, int type,
                       int operation, Communicator *all, void *stream) {
  auto *download = findInDriver<int(void *, uint64_t, size_t, void *)>(
      "cuMemcpyDtoHAsync_v2");
  auto *upload = findInDriver<int(uint64_t, const void *, size_t, void *)>(
      "cuMemcpyHtoDAsync_v2");
  auto *wait = findInDriver<int(void *)>("cuStreamSynchronize");
  if (operation != kMean || !download || !upload || !wait)
    return kInvalidArgument;
  size_t size = type == kFloat32 ? sizeof(float) : sizeof(double);
  std::vector<char> result(kPart);
  for (size_t at = 0; at < count * size; at += kPart) {
    size_t bytes = std::min(kPart, count * size - at);
    if (download(all->part(all->rank), reinterpret_cast<uint64_t>(from) + at,
                 bytes, stream) != 0 ||
        wait(stream) != 0)
      return kSystemError;
    all->meet();
    if (type == kFloat32)
      addUp<float>(*all, bytes / size, result);
    else
      addUp<double>(*all, bytes / size, result);
    all->meet();
    if (upload(reinterpret_cast<uint64_t>(to) + at, result.data(), bytes,
               stream) != 0 ||
        wait(stream) != 0)
      return kSystemError;
  }
  return 0;
}

NCCL int ncclCommDestroy(Communicator *all) {
  munmap(all->meeting, all->bytes);
  delete all;
  return 0;
}

NCCL const char *ncclGetErrorString(int code) {
  return code == kSystemError ? "unhandled system error" : "invalid argument";
}

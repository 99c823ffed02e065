// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/ranks/Mpi.h"

#include "tools/ranks/MpiLibrary.h"
#include "tools/ranks/Nccl.h"
#include "tools/values/Value.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <sched.h>
#include <sys/prctl.h>
#include <thread>
#include <unistd.h>

using Clock = std::chrono::steady_clock;

namespace dl::ranks {

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

namespace {

/// What the thread is to do, one after the other.
struct Task {
  enum class Kind { Mean, Sum, Broadcast, Finish } kind = Kind::Finish;
  void *data = nullptr;
  uint64_t count = 0; ///< elements, of a broadcast bytes
  bool isDouble = false;
};

class Mpi final : public Ranks {
public:
  Mpi();
  ~Mpi() override;

  int rank() const override { return ownRank; }
  int count() const override { return ranks; }
  dlrt_communicator communicator(const std::string &cudaDevice) override;
  std::string whyNoNccl() const override { return reasonAgainst; }
  Traffic traffic() const override;
  void broadcast(void *data, size_t bytes) override;
  void sum(std::vector<double> &numbers) override;
  void beginAny(bool flag) override;
  bool endAny() override;
  void finish() override;
  void abort(int status) override;

private:
  static constexpr int kNotAborted = -1;

  // Of the program's thread.
  uint64_t push(const Task &task);
  /// Waits until a task is done; the failure's text where it is not.
  std::string await(uint64_t number);
  /// The same for a step, whose time counts.
  std::string awaitInStep(uint64_t number);
  void perform(const Task &task);

  // Of the thread that calls MPI.
  void work();
  void open();
  std::string execute(const Task &task);
  std::string reduce(const Task &task);
  /// Calls `begin` for parts of a count, and lets each come to its end.
  std::string
  inParts(uint64_t count,
          const std::function<int(uint64_t first, int amount,
                                  MpiLibrary::Handle *request)> &begin);
  std::string complete(MpiLibrary::Handle request);
  void abortIfAsked();

  void openNccl(const std::string &device);
  /// The failure's text.
  std::string reduceOnDevice(void *data, uint64_t elements, bool isDouble,
                             void *stream);

  MpiLibrary mpi = {};
  std::unique_ptr<Nccl> nccl; ///< null: not opened
  std::string reasonAgainst;
  int ownRank = 0, ranks = 1;

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<Task> tasks;
  uint64_t pushed = 0, done = 0; ///< tasks are done in their order
  bool isOpen = false;
  std::string failure; ///< of the first task that failed; none is done after it
  Traffic total;
  std::atomic<bool> isAwaited{false}; ///< the program has nothing else to do
  std::atomic<int> aborting{kNotAborted};
  float flag = 0;
  uint64_t flagTask = 0;
  std::thread worker;
};

} // namespace

//===----------------------------------------------------------------------===//
// The program's thread
//===----------------------------------------------------------------------===//

Mpi::Mpi() {
  // Signals are for the program's thread.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  worker = std::thread([this] { work(); });
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return isOpen || !failure.empty(); });
  if (isOpen)
    return;
  std::string text = failure;
  lock.unlock();
  worker.join();
  throw std::runtime_error(text);
}

Mpi::~Mpi() {
  // Without `finish`, the others would wait for this one.
  if (worker.joinable())
    abort(EXIT_FAILURE);
}

uint64_t Mpi::push(const Task &task) {
  uint64_t number;
  {
    std::lock_guard<std::mutex> lock(mutex);
    tasks.push_back(task);
    number = ++pushed;
  }
  changed.notify_all();
  return number;
}

std::string Mpi::await(uint64_t number) {
  std::unique_lock<std::mutex> lock(mutex);
  isAwaited = true;
  changed.wait(lock, [&] { return done >= number || !failure.empty(); });
  isAwaited = false;
  return done >= number ? "" : failure;
}

std::string Mpi::awaitInStep(uint64_t number) {
  Clock::time_point start = Clock::now();
  std::string text = await(number);
  std::lock_guard<std::mutex> lock(mutex);
  total.waiting += secondsSince(start);
  return text;
}

static void check(const std::string &failure) {
  if (!failure.empty())
    throw values::Failure("MPI", failure);
}

void Mpi::perform(const Task &task) { check(await(push(task))); }

dlrt_communicator Mpi::communicator(const std::string &cudaDevice) {
  dlrt_communicator result = {};
  result.context = this;
  result.rank = ownRank;
  result.count = ranks;
  result.start = [](void *context, void *data, uint64_t elements,
                    dlrt_type type, uint64_t *request, dlrt_error *) {
    *request = static_cast<Mpi *>(context)->push(
        {Task::Kind::Mean, data, elements, type == DLRT_FLOAT64});
    return DLRT_OK;
  };
  result.wait = [](void *context, uint64_t request, dlrt_error *error) {
    std::string text = static_cast<Mpi *>(context)->awaitInStep(request);
    if (text.empty())
      return DLRT_OK;
    error->status = DLRT_INTERNAL;
    std::snprintf(error->message, sizeof error->message, "MPI: %s",
                  text.c_str());
    return DLRT_INTERNAL;
  };
  if (cudaDevice.empty())
    return result;
  if (!nccl && reasonAgainst.empty())
    openNccl(cudaDevice);
  if (!nccl)
    return result;
  result.reduce_on_device = [](void *context, void *data, uint64_t elements,
                               dlrt_type type, void *stream,
                               dlrt_error *error) {
    std::string text;
    try {
      text = static_cast<Mpi *>(context)->reduceOnDevice(
          data, elements, type == DLRT_FLOAT64, stream);
    } catch (const std::exception &failure) {
      text = failure.what();
    }
    if (text.empty())
      return DLRT_OK;
    error->status = DLRT_INTERNAL;
    std::snprintf(error->message, sizeof error->message, "NCCL: %s",
                  text.c_str());
    return DLRT_INTERNAL;
  };
  return result;
}

/// All ranks decide alike: NCCL takes each device once.
void Mpi::openNccl(const std::string &device) {
  std::string reason;
  std::unique_ptr<Nccl> opened = Nccl::open(reason);
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  // Exact as a double, and never 0.
  constexpr unsigned kBits = 20;
  auto number = static_cast<double>(
      (std::hash<std::string>()(host + ("/" + device)) >> kBits) + 1);
  auto count = static_cast<size_t>(ranks);
  std::vector<double> found(2 * count);
  found[static_cast<size_t>(ownRank)] = opened ? 1 : 0;
  found[count + static_cast<size_t>(ownRank)] = number;
  sum(found);
  if (!opened)
    reasonAgainst = reason;
  for (size_t i = 0; i < count && reasonAgainst.empty(); ++i)
    if (found[i] == 0)
      reasonAgainst = "rank " + std::to_string(i) + " cannot open NCCL";
  std::vector<double> devices(found.begin() + ranks, found.end());
  std::sort(devices.begin(), devices.end());
  if (reasonAgainst.empty() &&
      std::adjacent_find(devices.begin(), devices.end()) != devices.end())
    reasonAgainst = "NCCL needs a device for each rank, two have the same";
  if (reasonAgainst.empty())
    nccl = std::move(opened);
}

std::string Mpi::reduceOnDevice(void *data, uint64_t elements, bool isDouble,
                                void *stream) {
  std::string text = nccl->reduce(*this, data, elements, isDouble, stream);
  std::lock_guard<std::mutex> lock(mutex);
  ++total.reductions;
  total.bytes += elements * (isDouble ? sizeof(double) : sizeof(float));
  total.isInStream = true;
  return text;
}

Traffic Mpi::traffic() const {
  std::lock_guard<std::mutex> lock(mutex);
  return total;
}

void Mpi::broadcast(void *data, size_t bytes) {
  perform({Task::Kind::Broadcast, data, bytes, false});
}

void Mpi::sum(std::vector<double> &numbers) {
  perform({Task::Kind::Sum, numbers.data(), numbers.size(), true});
}

void Mpi::beginAny(bool isSet) {
  flag = isSet ? 1 : 0;
  flagTask = push({Task::Kind::Sum, &flag, 1, false});
}

bool Mpi::endAny() {
  check(awaitInStep(flagTask));
  return flag > 0;
}

void Mpi::finish() {
  nccl.reset();
  perform({});
  worker.join();
}

void Mpi::abort(int status) {
  aborting = status;
  push({});
  // The thread ends the process.
  worker.join();
  _Exit(status);
}

//===----------------------------------------------------------------------===//
// The thread that calls MPI
//===----------------------------------------------------------------------===//

void Mpi::open() {
  mpi = MpiLibrary::open();
  auto check = [&](int code, const char *call) {
    if (code != 0)
      throw values::Failure(call, mpi.describe(code));
  };
  int provided = 0;
  check(
      mpi.initThread(nullptr, nullptr, MpiLibrary::kThreadFunneled, &provided),
      "MPI_Init_thread");
  check(mpi.commSetErrhandler(mpi.world, mpi.errorsReturn),
        "MPI_Comm_set_errhandler");
  check(mpi.commRank(mpi.world, &ownRank), "MPI_Comm_rank");
  check(mpi.commSize(mpi.world, &ranks), "MPI_Comm_size");
}

void Mpi::work() {
  // Short sleeps between two looks at a reduction are as short as they say.
  prctl(PR_SET_TIMERSLACK, 1000);
  std::string text;
  try {
    open();
  } catch (const std::exception &error) {
    text = error.what();
  }
  std::unique_lock<std::mutex> lock(mutex);
  isOpen = text.empty();
  failure = text;
  changed.notify_all();
  while (failure.empty()) {
    changed.wait(lock, [&] { return !tasks.empty(); });
    Task task = tasks.front();
    tasks.pop_front();
    lock.unlock();
    abortIfAsked();
    Clock::time_point start = Clock::now();
    text = execute(task);
    double seconds = secondsSince(start);
    lock.lock();
    failure = text;
    if (text.empty())
      ++done;
    if (task.kind == Task::Kind::Mean) {
      ++total.reductions;
      total.bytes += task.count * (task.isDouble ? 8 : 4);
      total.communicating += seconds;
    }
    changed.notify_all();
    if (task.kind == Task::Kind::Finish)
      return;
  }
  // Nothing more is done, but for an end.
  while (isOpen) {
    changed.wait(lock, [&] { return aborting != kNotAborted; });
    lock.unlock();
    abortIfAsked();
    lock.lock();
  }
}

std::string Mpi::execute(const Task &task) {
  switch (task.kind) {
  case Task::Kind::Mean:
  case Task::Kind::Sum:
    return reduce(task);
  case Task::Kind::Broadcast:
    return inParts(task.count, [&](uint64_t first, int amount, auto *request) {
      return mpi.ibcast(static_cast<char *>(task.data) + first, amount,
                        mpi.bytes, /*root=*/0, mpi.world, request);
    });
  case Task::Kind::Finish:
    break;
  }
  int code = mpi.finalize();
  return code == 0 ? "" : mpi.describe(code);
}

template <typename T> static void scale(void *data, uint64_t count, T factor) {
  T *numbers = static_cast<T *>(data);
  for (uint64_t i = 0; i < count; ++i)
    numbers[i] *= factor;
}

/// Each rank's share of a mean first, then the sum of the shares.
std::string Mpi::reduce(const Task &task) {
  if (task.kind == Task::Kind::Mean && task.isDouble)
    scale(task.data, task.count, 1.0 / ranks);
  else if (task.kind == Task::Kind::Mean)
    scale(task.data, task.count, 1.0f / static_cast<float>(ranks));
  size_t size = task.isDouble ? sizeof(double) : sizeof(float);
  return inParts(task.count, [&](uint64_t first, int amount, auto *request) {
    return mpi.iallreduce(MpiLibrary::inPlace(),
                          static_cast<char *>(task.data) + first * size, amount,
                          task.isDouble ? mpi.doubles : mpi.floats, mpi.sum,
                          mpi.world, request);
  });
}

std::string
Mpi::inParts(uint64_t count,
             const std::function<int(uint64_t first, int amount,
                                     MpiLibrary::Handle *request)> &begin) {
  constexpr uint64_t kMost = uint64_t(1) << 30; // MPI counts in int
  for (uint64_t first = 0; first < count; first += kMost) {
    MpiLibrary::Handle request = nullptr;
    int code = begin(first, static_cast<int>(std::min(kMost, count - first)),
                     &request);
    std::string text = code == 0 ? complete(request) : mpi.describe(code);
    if (!text.empty())
      return text;
  }
  return {};
}

/// Open MPI gets on with a request in calls alone. While the program computes,
/// they leave it most of the CPU.
std::string Mpi::complete(MpiLibrary::Handle request) {
  constexpr std::chrono::microseconds kPause(20);
  for (;;) {
    int isDone = 0;
    if (int code = mpi.test(&request, &isDone, nullptr); code != 0)
      return mpi.describe(code);
    if (isDone)
      return {};
    abortIfAsked();
    if (isAwaited)
      sched_yield();
    else
      std::this_thread::sleep_for(kPause);
  }
}

void Mpi::abortIfAsked() {
  int status = aborting;
  if (status == kNotAborted)
    return;
  mpi.abort(mpi.world, status);
  _Exit(status);
}

std::unique_ptr<Ranks> joinMpi() { return std::make_unique<Mpi>(); }

} // namespace dl::ranks

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/api/Support.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

using namespace dlrt;
using namespace dlrt::api;

namespace {

/// Asks a source for each batch on a thread of its own, while the one before is
/// in use.
class BatchReader {
public:
  BatchReader(dlrt_batch_source source, void *context, uint32_t inputs)
      : source(source), context(context) {
    for (std::vector<dlrt_tensor> &batch : batches)
      batch.resize(inputs);
    worker = std::thread([this] { work(); });
  }
  ~BatchReader() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      isOver = true;
    }
    changed.notify_all();
    worker.join();
  }
  BatchReader(const BatchReader &) = delete;
  BatchReader &operator=(const BatchReader &) = delete;

  /// Waits for the next batch, and lets the one after it be asked for; null
  /// where there is none.
  const std::vector<dlrt_tensor> *next() {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return ready > taken || isAtEnd; });
    if (ready == taken)
      return nullptr;
    const std::vector<dlrt_tensor> &batch = batches[taken++ % 2];
    lock.unlock();
    changed.notify_all();
    return &batch;
  }

private:
  void work() {
    for (uint64_t number = 0;; ++number) {
      {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [&] { return isOver || number <= taken; });
        if (isOver)
          return;
      }
      std::vector<dlrt_tensor> &batch = batches[number % 2];
      for (dlrt_tensor &tensor : batch) {
        tensor = {};
        tensor.struct_size = sizeof(tensor);
      }
      bool isGiven = source(context, number, batch.data(),
                            static_cast<uint32_t>(batch.size())) != 0;
      {
        std::lock_guard<std::mutex> lock(mutex);
        ready += isGiven;
        isAtEnd = !isGiven;
      }
      changed.notify_all();
      if (!isGiven)
        return;
    }
  }

  dlrt_batch_source source;
  void *context;
  std::vector<dlrt_tensor> batches[2];
  std::mutex mutex;
  std::condition_variable changed;
  uint64_t ready = 0, taken = 0; ///< batches that were given, and used
  bool isOver = false, isAtEnd = false;
  std::thread worker;
};

Status train(dlrt_session &session, dlrt_batch_source source,
             dlrt_step_watcher watch, void *context) {
  Session &step = *session.session;
  const auto *outputs = step.entry().outputs();
  bool hasLoss = outputs && outputs->size() > 0 &&
                 step.outputKind(0) == fb::ValueKind_Tensor &&
                 outputs->Get(0)->type()->element() == fb::ElementType_F32;
  if (!hasLoss)
    return invalid("the entry's first output is no loss of float32");
  BatchReader reader(source, context, step.inputCount());
  for (uint64_t number = 0;; ++number) {
    const std::vector<dlrt_tensor> *batch = reader.next();
    if (!batch)
      return {};
    for (uint32_t i = 0; i < batch->size(); ++i) {
      const dlrt_tensor &tensor = (*batch)[i];
      if (tensor.rank > 0 && !tensor.dims)
        return invalid("a tensor of the batch has no dims");
      DLRT_RETURN_IF_ERROR(step.bindInput(i, tensor.data, tensor.type,
                                          tensor.dims, tensor.rank));
    }
    DLRT_RETURN_IF_ERROR(step.run());
    if (step.outputBytes(0) < int64_t(sizeof(float)))
      return invalid("the entry's first output has no element");
    float loss;
    memcpy(&loss, step.outputData(0), sizeof(loss));
    if (watch && !watch(context, number, static_cast<double>(loss)))
      return {};
  }
}

} // namespace

dlrt_status dlrt_session_train(dlrt_session *session, dlrt_batch_source source,
                               dlrt_step_watcher watch, void *context,
                               dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!session || !source)
      return invalid("the session or the source is null");
    return train(*session, source, watch, context);
  });
}

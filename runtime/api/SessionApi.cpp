// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/api/Support.h"

#include "runtime/artifact/ElementTypes.h"
#include "runtime/device/cpu/FloatEnvironment.h"

using namespace dlrt;
using namespace dlrt::api;

namespace {

/// The host's threads as an executor.
class HostExecutor final : public Executor {
public:
  explicit HostExecutor(const dlrt_executor &host) : host(host) {}

  int concurrency() const override { return host.concurrency; }

  void run(Task task, void *context, size_t parts) override {
    Call call = {task, context};
    host.run(host.context, forward, &call, parts);
  }

private:
  struct Call {
    Task task;
    void *context;
  };

  static void forward(void *context, size_t part) {
    FloatEnvironmentScope environment;
    const Call &call = *static_cast<const Call *>(context);
    call.task(call.context, part);
  }

  dlrt_executor host;
};

/// The host's way to other processes.
class HostCommunicator final : public Communicator {
public:
  explicit HostCommunicator(const dlrt_communicator &host) : host(host) {}

  int64_t rank() const override { return host.rank; }
  int64_t count() const override { return host.count; }

  Status start(void *data, int64_t elements, int type,
               uint64_t &request) override {
    dlrt_error error = {};
    error.struct_size = sizeof(error);
    return convert(host.start(host.context, data,
                              static_cast<uint64_t>(elements),
                              static_cast<dlrt_type>(type), &request, &error),
                   error);
  }

  Status wait(uint64_t request) override {
    dlrt_error error = {};
    error.struct_size = sizeof(error);
    return convert(host.wait(host.context, request, &error), error);
  }

  bool worksOnDevices() const override { return host.reduce_on_device; }

  Status reduceOnDevice(void *data, int64_t elements, int type,
                        void *stream) override {
    dlrt_error error = {};
    error.struct_size = sizeof(error);
    return convert(host.reduce_on_device(
                       host.context, data, static_cast<uint64_t>(elements),
                       static_cast<dlrt_type>(type), stream, &error),
                   error);
  }

private:
  static Status convert(dlrt_status status, dlrt_error &error) {
    if (status == DLRT_OK)
      return {};
    error.message[sizeof(error.message) - 1] = '\0';
    return {static_cast<Code>(status), error.message};
  }

  dlrt_communicator host;
};

Status convertOptions(const dlrt_session_options *given,
                      SessionOptions &options) {
  if (!given)
    return {};
  dlrt_session_options copy;
  DLRT_RETURN_IF_ERROR(fetch(given, copy));
  if (copy.threads < 0 || copy.threads > 65536)
    return invalid("the number of threads is out of range");
  options.entry = copy.entry ? copy.entry : "";
  options.target = copy.target ? copy.target : "";
  options.threads = copy.threads;
  options.allocator.context = copy.allocator.context;
  options.allocator.allocate = copy.allocator.allocate;
  options.allocator.release = copy.allocator.release;
  options.memoryLimit = copy.memory_limit;
  if (copy.state)
    options.states = copy.state->states;
  options.logContext = copy.logger.context;
  options.log = copy.logger.log;
  if (copy.executor.run) {
    if (copy.executor.concurrency < 1)
      return invalid("the executor's concurrency is below 1");
    options.executor = std::make_unique<HostExecutor>(copy.executor);
  }
  const dlrt_communicator &ranks = copy.communicator;
  if (ranks.start) {
    if (!ranks.wait || ranks.rank < 0 || ranks.rank >= ranks.count)
      return invalid("the communicator's rank is out of range, or it has no "
                     "function to wait");
    options.communicator = std::make_unique<HostCommunicator>(ranks);
  }
  return {};
}

Status
findValue(const flatbuffers::Vector<flatbuffers::Offset<fb::Value>> *values,
          const char *name, uint32_t *index, const char *what) {
  if (!name || !index)
    return invalid("the name or the result is null");
  for (uint32_t i = 0; values && i < values->size(); ++i)
    if (strcmp(values->Get(i)->name()->c_str(), name) == 0) {
      *index = i;
      return {};
    }
  return {Code::NotFound,
          std::string("the entry has no ") + what + " '" + name + "'"};
}

/// The tensor `element` of an output that is no plain tensor; null where there
/// is none.
const TensorValue *findTensor(const HostValue &value, size_t element) {
  if (value.elements)
    return element < value.elements->size() ? (*value.elements)[element].get()
                                            : nullptr;
  return element == 0 ? value.tensor.get() : nullptr;
}

Status checkOutput(const dlrt_session *session, uint32_t index) {
  if (!session || index >= session->session->outputCount())
    return invalid("there is no such output");
  if (!session->session->isPrepared())
    return {Code::NotBound, "the session has not been prepared"};
  return {};
}

Status describeOutput(const Session &session, uint32_t index,
                      dlrt_tensor *tensor) {
  dlrt_tensor found = {};
  found.type = static_cast<dlrt_type>(
      session.entry().outputs()->Get(index)->type()->element());
  found.rank = session.outputRank(index);
  found.dims = session.outputDims(index);
  found.data = session.outputData(index);
  found.bytes = static_cast<size_t>(session.outputBytes(index));
  return store(found, tensor);
}

dlrt_status bindInput(dlrt_session *session, uint32_t index,
                      const dlrt_tensor *tensor, bool isOnDevice,
                      dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!session)
      return invalid("the session is null");
    dlrt_tensor given;
    DLRT_RETURN_IF_ERROR(fetch(tensor, given));
    if (given.rank > 0 && !given.dims)
      return invalid("the tensor has no dims");
    int64_t elements = 0, bytes = 0;
    if (given.bytes != 0 && given.rank >= 0 &&
        elementCount(given.dims, given.rank, elements) &&
        elementBytes(given.type, elements, bytes) &&
        static_cast<uint64_t>(bytes) != given.bytes)
      return {Code::Mismatch, "input " + std::to_string(index) + ": has " +
                                  std::to_string(given.bytes) +
                                  " bytes, expected " + std::to_string(bytes) +
                                  " for its type and sizes"};
    return session->session->bindInput(index, given.data, given.type,
                                       given.dims, given.rank, isOnDevice);
  });
}

} // namespace

dlrt_status dlrt_session_create(dlrt_module *module,
                                const dlrt_session_options *options,
                                dlrt_session **session, dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!module || !session)
      return invalid("the module or the result is null");
    SessionOptions converted;
    DLRT_RETURN_IF_ERROR(convertOptions(options, converted));
    auto handle = std::make_unique<dlrt_session>();
    DLRT_RETURN_IF_ERROR(
        module->module->findEntry(converted.entry.c_str(), handle->entry));
    DLRT_RETURN_IF_ERROR(
        Session::create(module->module, std::move(converted), handle->session));
    handle->state.states = handle->session->states();
    dlrt_session_options copy = {};
    if (options && fetch(options, copy).ok())
      handle->session->enableProfile(copy.profile != 0);
    *session = handle.release();
    return {};
  });
}

void dlrt_session_destroy(dlrt_session *session) { delete session; }

uint32_t dlrt_session_entry(const dlrt_session *session) {
  return session ? session->entry : 0;
}

dlrt_state *dlrt_session_state(const dlrt_session *session) {
  return session && session->state.states
             ? const_cast<dlrt_state *>(&session->state)
             : nullptr;
}

int32_t dlrt_session_threads(const dlrt_session *session) {
  return session ? session->session->threads() : 0;
}

dlrt_status dlrt_session_find_input(const dlrt_session *session,
                                    const char *name, uint32_t *index,
                                    dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!session)
      return invalid("the session is null");
    return findValue(session->session->entry().inputs(), name, index, "input");
  });
}

dlrt_status dlrt_session_find_output(const dlrt_session *session,
                                     const char *name, uint32_t *index,
                                     dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!session)
      return invalid("the session is null");
    return findValue(session->session->entry().outputs(), name, index,
                     "output");
  });
}

dlrt_status dlrt_session_bind_input(dlrt_session *session, uint32_t index,
                                    const dlrt_tensor *tensor,
                                    dlrt_error *error) {
  return bindInput(session, index, tensor, /*isOnDevice=*/false, error);
}

dlrt_status dlrt_session_bind_device_input(dlrt_session *session,
                                           uint32_t index,
                                           const dlrt_tensor *tensor,
                                           dlrt_error *error) {
  return bindInput(session, index, tensor, /*isOnDevice=*/true, error);
}

dlrt_status dlrt_session_bind_sequence(dlrt_session *session, uint32_t index,
                                       const dlrt_tensor *const *tensors,
                                       size_t count, dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!session || (count && !tensors))
      return invalid("the session or the tensors are null");
    TensorList list;
    for (size_t i = 0; i < count; ++i) {
      dlrt_tensor given;
      DLRT_RETURN_IF_ERROR(fetch(tensors[i], given));
      if (given.rank < 0 || (given.rank > 0 && !given.dims))
        return invalid("a tensor has no dims");
      TensorRef tensor;
      DLRT_RETURN_IF_ERROR(borrowTensor(
          session->session->memory(), given.type,
          std::vector<int64_t>(given.dims, given.dims + given.rank), given.data,
          tensor));
      if (given.bytes != 0 &&
          static_cast<uint64_t>(tensor->bytes) != given.bytes)
        return {Code::Mismatch,
                "input " + std::to_string(index) + ": tensor " +
                    std::to_string(i) + " has " + std::to_string(given.bytes) +
                    " bytes, expected " + std::to_string(tensor->bytes)};
      if (!given.data && tensor->bytes)
        return invalid("a tensor has no data");
      list.push_back(std::move(tensor));
    }
    return session->session->bindSequence(index, std::move(list));
  });
}

dlrt_status dlrt_session_bind_none(dlrt_session *session, uint32_t index,
                                   dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!session)
      return invalid("the session is null");
    return session->session->bindNone(index);
  });
}

dlrt_status dlrt_session_bind_output(dlrt_session *session, uint32_t index,
                                     void *data, size_t bytes,
                                     dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!session)
      return invalid("the session is null");
    return session->session->bindOutput(index, data, bytes);
  });
}

dlrt_status dlrt_session_bind_device_output(dlrt_session *session,
                                            uint32_t index, void *data,
                                            size_t bytes, dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!session)
      return invalid("the session is null");
    return session->session->bindOutput(index, data, bytes,
                                        /*isOnDevice=*/true);
  });
}

dlrt_status dlrt_session_use_stream(dlrt_session *session, void *stream,
                                    dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!session)
      return invalid("the session is null");
    return session->session->useStream(stream);
  });
}

dlrt_status dlrt_session_prepare(dlrt_session *session, dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!session)
      return invalid("the session is null");
    return session->session->prepare();
  });
}

dlrt_status dlrt_session_run(dlrt_session *session, dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!session)
      return invalid("the session is null");
    return session->session->run();
  });
}

void dlrt_session_cancel(dlrt_session *session) {
  if (session)
    session->session->cancel();
}

dlrt_status dlrt_session_output(const dlrt_session *session, uint32_t index,
                                dlrt_tensor *tensor, dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    DLRT_RETURN_IF_ERROR(checkOutput(session, index));
    if (session->session->outputKind(index) != fb::ValueKind_Tensor)
      return invalid("the output is a sequence or an optional: see "
                     "dlrt_session_output_tensor");
    return describeOutput(*session->session, index, tensor);
  });
}

dlrt_status dlrt_session_output_count(const dlrt_session *session,
                                      uint32_t index, int64_t *count,
                                      dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    DLRT_RETURN_IF_ERROR(checkOutput(session, index));
    if (!count)
      return invalid("the result is null");
    const HostValue &value = session->session->outputValue(index);
    *count = session->session->outputKind(index) == fb::ValueKind_Tensor ? 1
             : value.elements ? static_cast<int64_t>(value.elements->size())
             : value.tensor   ? 1
                              : -1;
    return {};
  });
}

dlrt_status dlrt_session_output_tensor(const dlrt_session *session,
                                       uint32_t index, size_t element,
                                       dlrt_tensor *tensor, dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    DLRT_RETURN_IF_ERROR(checkOutput(session, index));
    if (session->session->outputKind(index) == fb::ValueKind_Tensor &&
        element == 0)
      return describeOutput(*session->session, index, tensor);
    const TensorValue *value =
        findTensor(session->session->outputValue(index), element);
    if (!value)
      return invalid("the output has no such tensor");
    dlrt_tensor found = {};
    found.type = static_cast<dlrt_type>(value->type);
    found.rank = static_cast<int32_t>(value->dims.size());
    found.dims = value->dims.data();
    found.data = const_cast<void *>(value->data);
    found.bytes = static_cast<size_t>(value->bytes);
    return store(found, tensor);
  });
}

uint64_t dlrt_session_arena_bytes(const dlrt_session *session) {
  return session ? static_cast<uint64_t>(session->session->arenaBytes()) : 0;
}

dlrt_status dlrt_session_enable_profile(dlrt_session *session, int32_t enable,
                                        dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!session)
      return invalid("the session is null");
    session->session->enableProfile(enable != 0);
    return {};
  });
}

dlrt_status dlrt_session_observe(dlrt_session *session, dlrt_observer observer,
                                 void *context, dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!session)
      return invalid("the session is null");
    if (!observer)
      return session->session->observe({});
    return session->session->observe([=](const ObservedStep &step) {
      dlrt_step seen = {};
      seen.struct_size = sizeof(seen);
      seen.name = step.name;
      seen.kernel = step.kernel;
      seen.is_done = step.isDone;
      seen.arg_count = static_cast<uint32_t>(step.bytes.size());
      seen.args = step.args;
      seen.bytes = step.bytes.data();
      observer(context, &seen);
    });
  });
}

size_t dlrt_session_profile_count(const dlrt_session *session) {
  return session ? session->session->profile().size() : 0;
}

dlrt_status dlrt_session_profile_event(const dlrt_session *session,
                                       size_t index, dlrt_profile_event *event,
                                       dlrt_error *error) {
  return guarded(error, [&]() -> Status {
    if (!session || index >= session->session->profile().size())
      return invalid("there is no such event");
    const ProfileEvent &found = session->session->profile()[index];
    const CpuProgram &program = *found.program;
    dlrt_profile_event result = {};
    result.name = program.stepName(found.step);
    result.kernel = program.stepKernel(found.step);
    result.start_ns = found.start;
    result.duration_ns = found.duration;
    result.tiles = program.stepTiles(found.step);
    result.flops = program.stepFlops(found.step);
    return store(result, event);
  });
}

int64_t dlrt_session_flops(const dlrt_session *session) {
  return session ? session->session->flops() : 0;
}

int64_t dlrt_session_symbol(const dlrt_session *session, uint32_t index) {
  return session ? session->session->symbolValue(index) : -1;
}

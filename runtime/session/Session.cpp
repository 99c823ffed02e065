// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/session/Session.h"

#include "runtime/artifact/ElementTypes.h"
#include "runtime/artifact/Format.h"
#include "runtime/device/cpu/FloatEnvironment.h"
#include "runtime/device/cpu/ThreadPool.h"

#include <cstring>

namespace dlrt {
namespace {

template <typename T> uint32_t count(const flatbuffers::Vector<T> *vector) {
  return vector ? vector->size() : 0;
}

/// Where inputs and outputs of no bytes point to when the caller gives no
/// address. Nothing is ever written there.
alignas(64) const std::byte kNothing[64] = {};

/// Lets one call at a time into a session.
class BusyScope {
public:
  explicit BusyScope(std::atomic<bool> &busy)
      : busy(busy), entered(!busy.exchange(true, std::memory_order_acquire)) {}
  ~BusyScope() {
    if (entered)
      busy.store(false, std::memory_order_release);
  }
  Status status() const {
    return entered
               ? Status()
               : Status(Code::Busy, "the session is in use by another call");
  }

private:
  std::atomic<bool> &busy;
  bool entered;
};

} // namespace

Session::Session(std::shared_ptr<Module> module, SessionOptions options)
    : shared(std::move(module)), allocator(options.allocator),
      memoryLimit(options.memoryLimit), logContext(options.logContext),
      logFunction(options.log), executor(std::move(options.executor)),
      scratch(allocator) {}

Status Session::create(std::shared_ptr<Module> module, SessionOptions options,
                       std::unique_ptr<Session> &result) {
  std::string entry = options.entry, target = options.target;
  int threads = options.threads;
  std::unique_ptr<Session> session(
      new Session(std::move(module), std::move(options)));
  uint32_t index = 0;
  DLRT_RETURN_IF_ERROR(session->shared->findEntry(entry.c_str(), index));
  session->signature = session->shared->header().entries()->Get(index);
  DLRT_RETURN_IF_ERROR(session->findPlan(target.empty() ? "cpu" : target));
  DLRT_RETURN_IF_ERROR(session->shared->cpuCode(session->code));
  if (!session->executor)
    session->executor =
        std::make_unique<ThreadPool>(threads > 0 ? threads : availableCpus());
  session->shares =
      std::make_unique<TileShare[]>(size_t(session->executor->concurrency()));
  DLRT_RETURN_IF_ERROR(session->initialize());
  session->log("runs code for " + session->code->level().cpu()->str() + " on " +
               std::to_string(session->threads()) + " threads");
  result = std::move(session);
  return {};
}

Status Session::findPlan(const std::string &target) {
  std::string targets;
  for (uint32_t i = 0; i < count(signature->plans()); ++i) {
    const fb::Plan *found = signature->plans()->Get(i);
    if (found->target()->str() == target) {
      plan = found;
      break;
    }
    targets += (i ? ", " : "") + found->target()->str();
  }
  if (!plan)
    return at({Code::Unsupported,
               "the module has no plan for '" + target + "'" +
                   (targets.empty() ? "" : ", only for " + targets)});
  if (target != "cpu")
    return at({Code::Unsupported,
               "this runtime does not run the target '" + target + "'"});
  return {};
}

Status Session::initialize() {
  for (bool isInput : {true, false}) {
    const auto *values = isInput ? signature->inputs() : signature->outputs();
    for (uint32_t i = 0; i < count(values); ++i)
      if (elementTypeBits(values->Get(i)->type()->element()) == 0)
        return at({Code::Unsupported,
                   (isInput ? describeInput(i) : describeOutput(i)) +
                       ": this runtime has no values of type " +
                       elementTypeName(values->Get(i)->type()->element())});
  }
  inputs.resize(count(signature->inputs()));
  for (uint32_t i = 0; i < inputs.size(); ++i)
    inputs[i].dims.assign(count(signature->inputs()->Get(i)->type()->dims()),
                          -1);
  for (uint32_t i = 0; i < count(signature->outputs()); ++i) {
    outputs.emplace_back(allocator);
    outputs[i].rank =
        static_cast<int>(count(signature->outputs()->Get(i)->type()->dims()));
  }
  symbols.resize(count(signature->symbols()));
  DLRT_RETURN_IF_ERROR(findStages(*signature, *plan, planStages));
  for (uint32_t i = 0; i < planStages.count(); ++i) {
    stages.emplace_back(allocator);
    stages[i].firstStep = i == 0 ? 0 : planStages.bindSteps[i - 1] + 1;
    stages[i].endStep = i + 1 == planStages.count() ? count(plan->steps())
                                                    : planStages.bindSteps[i];
  }
  return {};
}

Status Session::at(Status status) const {
  return std::move(status).at(shared->artifact().name());
}

void Session::log(const std::string &message) const {
  if (logFunction)
    logFunction(logContext, message.c_str());
}

std::string Session::describeInput(uint32_t index) const {
  return "input " + std::to_string(index) + " '" +
         signature->inputs()->Get(index)->name()->str() + "'";
}

std::string Session::describeOutput(uint32_t index) const {
  return "output " + std::to_string(index) + " '" +
         signature->outputs()->Get(index)->name()->str() + "'";
}

Status Session::bindInput(uint32_t index, const void *data, int type,
                          const int64_t *dims, int rank) {
  if (index >= inputs.size())
    return {Code::InvalidArgument, "input " + std::to_string(index) +
                                       " does not exist: the entry has " +
                                       std::to_string(inputs.size())};
  BusyScope scope(busy);
  DLRT_RETURN_IF_ERROR(scope.status());
  Input &input = inputs[index];
  int expected = signature->inputs()->Get(index)->type()->element();
  if (type != expected)
    return {Code::Mismatch, describeInput(index) + ": type is " +
                                elementTypeName(type) + ", expected " +
                                elementTypeName(expected)};
  if (rank < 0 || static_cast<size_t>(rank) != input.dims.size())
    return {Code::Mismatch, describeInput(index) + ": rank is " +
                                std::to_string(rank) + ", expected " +
                                std::to_string(input.dims.size())};
  int64_t elements = 0, bytes = 0;
  if (!elementCount(dims, rank, elements) ||
      !elementBytes(type, elements, bytes))
    return {Code::InvalidArgument,
            describeInput(index) + ": its sizes are negative or too large"};
  if (!data && bytes != 0)
    return {Code::InvalidArgument, describeInput(index) + ": has no data"};
  for (int d = 0; d < rank; ++d)
    if (input.dims[static_cast<size_t>(d)] != dims[d]) {
      input.dims[static_cast<size_t>(d)] = dims[d];
      shapesChanged = true;
    }
  input.data = data ? data : kNothing;
  input.bound = true;
  return {};
}

Status Session::bindOutput(uint32_t index, void *data, size_t bytes) {
  if (index >= outputs.size())
    return {Code::InvalidArgument, "output " + std::to_string(index) +
                                       " does not exist: the entry has " +
                                       std::to_string(outputs.size())};
  BusyScope scope(busy);
  DLRT_RETURN_IF_ERROR(scope.status());
  outputs[index].data = data;
  outputs[index].bytes = bytes;
  return {};
}

const int64_t *Session::outputDims(uint32_t index) const {
  return current ? current->outputDims[index].data() : nullptr;
}

int64_t Session::outputBytes(uint32_t index) const {
  return current ? current->outputBytes[index] : 0;
}

Status Session::prepare() {
  BusyScope scope(busy);
  DLRT_RETURN_IF_ERROR(scope.status());
  return prepareLocked();
}

int64_t Session::arenaBytes() const {
  int64_t bytes = 0;
  for (uint32_t i = 0; current && i <= reached; ++i)
    bytes += stages[i].current->arenaBytes;
  return bytes;
}

int64_t Session::flops() const {
  int64_t flops = 0;
  for (uint32_t i = 0; current && i <= reached; ++i)
    flops += stages[i].current->program.flops();
  return flops;
}

int64_t Session::symbolValue(uint32_t index) const {
  if (!current || index >= symbols.size())
    return -1;
  if (signature->symbols()->Get(index)->input() >= 0)
    return current->symbols[index];
  for (uint32_t i = 0; i < reached; ++i)
    if (const auto *bound = planStages.binds[i]->symbols())
      for (int32_t symbol : *bound)
        if (static_cast<uint32_t>(symbol) == index)
          return current->symbols[index];
  return -1;
}

Status Session::prepareLocked() {
  DLRT_RETURN_IF_ERROR(bindShapes());
  return reserveMemory(0);
}

Status Session::run() {
  BusyScope scope(busy);
  DLRT_RETURN_IF_ERROR(scope.status());
  cancelled.store(false, std::memory_order_relaxed);
  DLRT_RETURN_IF_ERROR(prepareLocked());
  return execute();
}

/// Finds memory for the outputs whose sizes are known from a stage on.
Status Session::placeOutputs(uint32_t number) {
  for (uint32_t i = 0; i < outputs.size(); ++i) {
    if (outputStage(i) != number)
      continue;
    Output &output = outputs[i];
    size_t needed = static_cast<size_t>(current->outputBytes[i]);
    if (output.data) {
      if (output.bytes < needed)
        return {Code::Mismatch, describeOutput(i) + ": its memory has " +
                                    std::to_string(output.bytes) +
                                    " bytes, expected " +
                                    std::to_string(needed)};
      output.written = output.data;
    } else {
      DLRT_RETURN_IF_ERROR(output.own.reserve(needed, "an output"));
      output.written = output.own.data();
    }
  }
  return {};
}

/// Tells a stage's program where the buffers are that it may use. It knows the
/// constants already.
void Session::placeBuffers(uint32_t number) {
  for (uint32_t b = 0; b < count(plan->buffers()); ++b) {
    const fb::Buffer &buffer = *plan->buffers()->Get(b);
    if (buffer.kind() == fb::BufferKind_Constant)
      continue;
    if (planStages.count() > 1) {
      bool isArena = buffer.kind() == fb::BufferKind_Arena;
      uint32_t own = isArena ? planStages.of(buffer.size())
                     : buffer.kind() == fb::BufferKind_Output
                         ? outputStage(static_cast<uint32_t>(buffer.index()))
                         : 0;
      if (own > number)
        continue;
    }
    current->program.setBuffer(b, bufferAddress(b));
  }
}

Status Session::execute() {
  if (profiling)
    sink.events.clear();
  executor->prepare();
  FloatEnvironmentScope environment;
  CpuRun context = {executor.get(), shares.get(), nullptr, 0,
                    &cancelled,     nullptr,      {}};
  if (profiling) {
    context.profile = &sink;
    context.start = std::chrono::steady_clock::now();
  }
  for (uint32_t number = 0; number < stages.size(); ++number) {
    if (number > 0) {
      DLRT_RETURN_IF_ERROR(readSizes(number));
      DLRT_RETURN_IF_ERROR(bindStage(number));
      DLRT_RETURN_IF_ERROR(reserveMemory(number));
    }
    DLRT_RETURN_IF_ERROR(placeOutputs(number));
    placeBuffers(number);
    CpuProgram &program = current->program;
    if (profiling)
      sink.events.reserve(sink.events.size() + program.executedSteps());
    context.scratch = scratch.data();
    context.scratchStride = scratchStride;
    if (!program.run(context))
      return {Code::Cancelled, "the run was cancelled"};
  }
  return {};
}

} // namespace dlrt

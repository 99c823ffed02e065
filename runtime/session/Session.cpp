// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/session/Session.h"

#include "runtime/artifact/ElementTypes.h"
#include "runtime/artifact/Format.h"
#include "runtime/device/cpu/FloatEnvironment.h"
#include "runtime/device/cpu/ThreadPool.h"
#include "runtime/session/Formulas.h"

#include <algorithm>
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

/// Leaves no reduction behind where a run ends early.
class ReductionsScope {
public:
  explicit ReductionsScope(Reductions *reductions) : reductions(reductions) {}
  ~ReductionsScope() {
    if (reductions)
      reductions->finish();
  }

private:
  Reductions *reductions;
};

} // namespace

Session::Session(std::shared_ptr<Module> module, SessionOptions options)
    : shared(std::move(module)), stateMemory(std::move(options.states)),
      allocator(options.allocator), memoryLimit(options.memoryLimit),
      logContext(options.logContext), logFunction(options.log),
      executor(std::move(options.executor)), strings(shared->header()),
      scratch(allocator) {
  if (options.communicator)
    reductions = std::make_unique<Reductions>(std::move(options.communicator));
}

Session::Session(Session &parent, const fb::Entry &entry)
    : shared(parent.shared), signature(&entry), code(parent.code),
      device(parent.device), allocator(parent.allocator),
      memoryLimit(parent.memoryLimit), logContext(parent.logContext),
      logFunction(parent.logFunction), parent(&parent),
      strings(shared->header()), scratch(allocator) {}

Status Session::create(std::shared_ptr<Module> module, SessionOptions options,
                       std::unique_ptr<Session> &result) {
  std::string entry = options.entry, target = options.target;
  int threads = options.threads;
  std::unique_ptr<Session> session(
      new Session(std::move(module), std::move(options)));
  uint32_t index = 0;
  DLRT_RETURN_IF_ERROR(session->shared->findEntry(entry.c_str(), index));
  session->signature = session->shared->header().entries()->Get(index);
  DLRT_RETURN_IF_ERROR(session->openDevice(target.empty() ? "cpu" : target));
  if (!session->executor)
    session->executor =
        std::make_unique<ThreadPool>(threads > 0 ? threads : availableCpus());
  session->shares =
      std::make_unique<TileShare[]>(size_t(session->executor->concurrency()));
  DLRT_RETURN_IF_ERROR(session->openStates());
  DLRT_RETURN_IF_ERROR(session->initialize());
  session->log(session->device
                   ? "runs on " + session->device->name()
                   : "runs code for " + session->code->level().cpu()->str() +
                         " on " + std::to_string(session->threads()) +
                         " threads");
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
    return at(
        {Code::Unsupported,
         "the module has no plan for '" + target + "'" +
             (targets.empty() ? "" : ", only for " + targets) +
             (targets == kReferenceTarget ? ", which dl-run interprets" : "")});
  if (target == kReferenceTarget)
    return at({Code::Unsupported,
               "this runtime does not run the target 'reference': dl-run "
               "interprets it"});
  return {};
}

/// Finds the plan for a device, and loads the module's code there.
Status Session::openDevice(const std::string &name) {
  std::string target;
  int ordinal = 0;
  if (!parseDevice(name, target, ordinal))
    return at({Code::InvalidArgument, "'" + name +
                                          "' is no device: expected TARGET or "
                                          "TARGET:NUMBER"});
  DLRT_RETURN_IF_ERROR(findPlan(target));
  if (target == "cpu") {
    if (ordinal != 0)
      return at({Code::NotFound, "there is no device '" + name + "'"});
    return shared->cpuCode(code);
  }
  // For kernels that run on the host: where there is none, code of other plans
  // need not suit this CPU.
  if (count(shared->header().cpu()) && !shared->cpuCode(code).ok())
    code = nullptr;
  DLRT_RETURN_IF_ERROR(shared->deviceModule(name, device));
  return at(device->openQueue(queue));
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
  for (uint32_t i = 0; i < count(signature->inputs()); ++i) {
    const fb::Value &declared = *signature->inputs()->Get(i);
    inputs.emplace_back(allocator);
    if (declared.kind() != fb::ValueKind_Tensor)
      continue;
    inputs[i].isString = declared.type()->element() == fb::ElementType_String;
    inputs[i].dims.assign(count(declared.type()->dims()), -1);
  }
  for (uint32_t i = 0; i < count(signature->outputs()); ++i) {
    outputs.emplace_back(allocator);
    outputs[i].isString = outputKind(i) == fb::ValueKind_Tensor &&
                          signature->outputs()->Get(i)->type()->element() ==
                              fb::ElementType_String;
    outputs[i].rank =
        static_cast<int>(count(signature->outputs()->Get(i)->type()->dims()));
  }
  symbols.resize(count(signature->symbols()));
  DLRT_RETURN_IF_ERROR(findStages(*signature, *plan, planStages));
  for (uint32_t i = 0; i < planStages.count(); ++i) {
    stages.emplace_back(stepMemory());
    stages[i].firstStep = i == 0 ? 0 : planStages.begins[i - 1].step + 1;
    stages[i].endStep = i + 1 == planStages.count() ? count(plan->steps())
                                                    : planStages.begins[i].step;
  }
  slots.resize(static_cast<size_t>(plan->slots()));
  slotsOnDevice.resize(slots.size());
  bodies.resize(count(signature->bodies()));
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
                          const int64_t *dims, int rank, bool isOnDevice) {
  if (index >= inputs.size())
    return {Code::InvalidArgument, "input " + std::to_string(index) +
                                       " does not exist: the entry has " +
                                       std::to_string(inputs.size())};
  BusyScope scope(busy);
  DLRT_RETURN_IF_ERROR(scope.status());
  Input &input = inputs[index];
  if (isOnDevice)
    DLRT_RETURN_IF_ERROR(checkOnDevice(describeInput(index),
                                       *signature->inputs()->Get(index), data));
  int expected = signature->inputs()->Get(index)->type()->element();
  fb::ValueKind kind = signature->inputs()->Get(index)->kind();
  if (kind == fb::ValueKind_Sequence || kind == fb::ValueKind_OptionalSequence)
    return {Code::Mismatch, describeInput(index) + ": is a tensor, expected a "
                                                   "sequence of tensors"};
  if (kind == fb::ValueKind_OptionalTensor) {
    TensorRef tensor;
    DLRT_RETURN_IF_ERROR(borrowTensor(
        allocator, type, std::vector<int64_t>(dims, dims + std::max(rank, 0)),
        data ? data : kNothing, tensor));
    DLRT_RETURN_IF_ERROR(checkTensor(index, *tensor));
    input.value = {std::move(tensor), nullptr};
    input.bound = true;
    return {};
  }
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
  input.isGivenOnDevice = isOnDevice;
  input.bound = true;
  return {};
}

/// Whether a tensor may be (an element of) an input that is no plain tensor.
Status Session::checkTensor(uint32_t index, const TensorValue &tensor) const {
  const fb::Value &value = *signature->inputs()->Get(index);
  const fb::TensorType &type = *value.type();
  if (tensor.type != type.element())
    return {Code::Mismatch, describeInput(index) + ": type is " +
                                elementTypeName(tensor.type) + ", expected " +
                                elementTypeName(type.element())};
  if (value.unranked())
    return {};
  if (tensor.dims.size() != count(type.dims()))
    return {Code::Mismatch, describeInput(index) + ": rank is " +
                                std::to_string(tensor.dims.size()) +
                                ", expected " +
                                std::to_string(count(type.dims()))};
  for (uint32_t d = 0; d < tensor.dims.size(); ++d) {
    int64_t expected = 0;
    int32_t formula = type.dims()->Get(d);
    if (formula >= 0 && isConstantFormula(*signature, formula, expected) &&
        tensor.dims[d] != expected)
      return {Code::Mismatch, describeInput(index) + ": dimension " +
                                  std::to_string(d) + " is " +
                                  std::to_string(tensor.dims[d]) +
                                  ", expected " + std::to_string(expected)};
  }
  return {};
}

/// Whether an input may be a sequence, or nothing (for OptionalTensor).
Status Session::checkValue(uint32_t index, fb::ValueKind wanted) const {
  if (index >= inputs.size())
    return {Code::InvalidArgument, "input " + std::to_string(index) +
                                       " does not exist: the entry has " +
                                       std::to_string(inputs.size())};
  fb::ValueKind kind = signature->inputs()->Get(index)->kind();
  bool isSequence =
      kind == fb::ValueKind_Sequence || kind == fb::ValueKind_OptionalSequence;
  bool isOptional = kind == fb::ValueKind_OptionalTensor ||
                    kind == fb::ValueKind_OptionalSequence;
  if (wanted == fb::ValueKind_Sequence ? isSequence : isOptional)
    return {};
  return {Code::Mismatch,
          describeInput(index) +
              (wanted == fb::ValueKind_Sequence ? ": is a sequence, expected "
                                                : ": has no value, expected ") +
              (isSequence ? "a sequence of tensors" : "a tensor")};
}

Status Session::bindSequence(uint32_t index, TensorList tensors) {
  DLRT_RETURN_IF_ERROR(checkValue(index, fb::ValueKind_Sequence));
  BusyScope scope(busy);
  DLRT_RETURN_IF_ERROR(scope.status());
  for (const TensorRef &tensor : tensors)
    DLRT_RETURN_IF_ERROR(checkTensor(index, *tensor));
  inputs[index].value = {nullptr,
                         std::make_shared<TensorList>(std::move(tensors))};
  inputs[index].bound = true;
  return {};
}

Status Session::bindNone(uint32_t index) {
  DLRT_RETURN_IF_ERROR(checkValue(index, fb::ValueKind_OptionalTensor));
  BusyScope scope(busy);
  DLRT_RETURN_IF_ERROR(scope.status());
  inputs[index].value = {};
  inputs[index].bound = true;
  return {};
}

fb::ValueKind Session::outputKind(uint32_t index) const {
  return signature->outputs()->Get(index)->kind();
}

Status Session::bindOutput(uint32_t index, void *data, size_t bytes,
                           bool isOnDevice) {
  if (index >= outputs.size())
    return {Code::InvalidArgument, "output " + std::to_string(index) +
                                       " does not exist: the entry has " +
                                       std::to_string(outputs.size())};
  BusyScope scope(busy);
  DLRT_RETURN_IF_ERROR(scope.status());
  if (isOnDevice)
    DLRT_RETURN_IF_ERROR(checkOnDevice(
        describeOutput(index), *signature->outputs()->Get(index), data));
  Output &output = outputs[index];
  // Where it was written before is no memory of the kind that it is now.
  if (output.staysOnDevice != isOnDevice)
    output.written = nullptr;
  output.data = data;
  output.bytes = bytes;
  output.staysOnDevice = isOnDevice;
  return {};
}

Status Session::useStream(void *stream) {
  BusyScope scope(busy);
  DLRT_RETURN_IF_ERROR(scope.status());
  if (!queue)
    return at({Code::Unsupported, "a session on the CPU has no stream"});
  DLRT_RETURN_IF_ERROR(at(queue->useStream(stream, stream == nullptr)));
  usesOutsideStream = stream != nullptr;
  isPending = false;
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
    for (uint32_t symbol : planStages.begins[i].symbols)
      if (symbol == index)
        return current->symbols[index];
  return -1;
}

Status Session::prepareLocked() {
  // What other shapes need may take the place of what a run still uses.
  if (isPending && shapesChanged) {
    DLRT_RETURN_IF_ERROR(at(queue->wait()));
    isPending = false;
  }
  DLRT_RETURN_IF_ERROR(bindShapes());
  return reserveMemory(0);
}

Status Session::observe(StepObserver seen) {
  BusyScope scope(busy);
  DLRT_RETURN_IF_ERROR(scope.status());
  if (device && seen)
    return at({Code::Unsupported, "steps on a device cannot be observed"});
  observer = std::move(seen);
  return {};
}

Status Session::run() {
  BusyScope scope(busy);
  DLRT_RETURN_IF_ERROR(scope.status());
  StatesScope states(stateMemory.get());
  DLRT_RETURN_IF_ERROR(states.status());
  cancelled.store(false, std::memory_order_relaxed);
  DLRT_RETURN_IF_ERROR(prepareLocked());
  return execute();
}

/// Finds memory for the outputs whose sizes are known from a stage on.
Status Session::placeOutputs(uint32_t number) {
  for (uint32_t i = 0; i < outputs.size(); ++i) {
    if (outputStage(i) != number || outputKind(i) != fb::ValueKind_Tensor)
      continue;
    Output &output = outputs[i];
    size_t needed = static_cast<size_t>(current->outputBytes[i]);
    if (parent) {
      DLRT_RETURN_IF_ERROR(
          makeTensor(allocator, signature->outputs()->Get(i)->type()->element(),
                     current->outputDims[i], output.value.tensor));
      output.written = output.value.tensor->memory.data();
    } else if (output.staysOnDevice && !output.data) {
      DLRT_RETURN_IF_ERROR(reserveOnDevice(
          output.onDevice, static_cast<int64_t>(needed), "an output"));
      output.written = output.onDevice->data();
    } else if (output.data) {
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
    if (output.isString)
      DLRT_RETURN_IF_ERROR(output.numbers.reserve(
          needed / sizeof(StringRange) * sizeof(int64_t), "an output"));
    if (device && !output.staysOnDevice)
      DLRT_RETURN_IF_ERROR(reserveOnDevice(
          output.onDevice, static_cast<int64_t>(needed), "an output"));
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
      bool isSlot = buffer.kind() == fb::BufferKind_Slot;
      uint32_t own = isArena || isSlot ? planStages.of(buffer.size())
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
  DLRT_RETURN_IF_ERROR(readStrings());
  executor->prepare();
  FloatEnvironmentScope environment;
  Status failure;
  CpuRun context = {executor.get(), shares.get(), nullptr, 0, &cancelled,
                    &strings,       &failure,     nullptr, {}};
  context.queue = queue.get();
  context.observer = observer ? &observer : nullptr;
  context.reductions = reductions.get();
  ReductionsScope scope(reductions.get());
  if (profiling) {
    context.profile = &sink;
    context.start = std::chrono::steady_clock::now();
  }
  DLRT_RETURN_IF_ERROR(runStages(context));
  writeStrings();
  return {};
}

Status Session::runStages(CpuRun &context) {
  DLRT_RETURN_IF_ERROR(fillInputSlots());
  if (context.queue)
    DLRT_RETURN_IF_ERROR(at(uploadInputs(*context.queue)));
  for (uint32_t number = 0; number < stages.size(); ++number) {
    if (number > 0) {
      bool isBind = planStages.begins[number - 1].bind != nullptr;
      DLRT_RETURN_IF_ERROR(isBind ? readSizes(number)
                                  : perform(number, context));
      DLRT_RETURN_IF_ERROR(bindStage(number));
      if (!isBind)
        DLRT_RETURN_IF_ERROR(checkResults(number));
      DLRT_RETURN_IF_ERROR(reserveMemory(number));
    }
    DLRT_RETURN_IF_ERROR(placeOutputs(number));
    if (Block &arena = stages[number].arena; context.observer && arena.size())
      memset(arena.data(), 0, arena.size());
    if (context.queue && number > 0)
      DLRT_RETURN_IF_ERROR(at(uploadSlots(number, *context.queue)));
    placeBuffers(number);
    CpuProgram &program = current->program;
    if (context.profile)
      context.profile->events.reserve(context.profile->events.size() +
                                      program.executedSteps());
    context.scratch = root().scratch.data();
    context.scratchStride = scratchStride;
    if (!program.run(context))
      return context.status->ok()
                 ? Status(Code::Cancelled, "the run was cancelled")
                 : at(std::move(*context.status));
  }
  if (context.queue)
    DLRT_RETURN_IF_ERROR(at(downloadOutputs(*context.queue)));
  return collectOutputs();
}

} // namespace dlrt

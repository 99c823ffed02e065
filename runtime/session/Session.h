// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_SESSION_SESSION_H
#define DLRT_SESSION_SESSION_H

#include "runtime/artifact/Stages.h"
#include "runtime/device/cpu/CpuProgram.h"
#include "runtime/device/cpu/Executor.h"
#include "runtime/session/Memory.h"
#include "runtime/session/Module.h"
#include "runtime/session/States.h"
#include "runtime/session/StringTable.h"
#include "runtime/session/Values.h"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace dlrt {

struct SessionOptions {
  std::string entry;  ///< empty: the module's first
  std::string target; ///< empty: "cpu"; "cuda:1" is the second such device
  int threads = 0;    ///< 0: as many as there are CPUs
  std::unique_ptr<Executor> executor; ///< null: a pool of `threads` threads
  Allocator allocator;
  std::shared_ptr<States> states; ///< null: the session's own where needed
  std::unique_ptr<Communicator> communicator; ///< null: one process alone
  uint64_t memoryLimit = 0; ///< bytes that the session may hold; 0: no limit
  void *logContext = nullptr;
  void (*log)(void *context, const char *message) = nullptr;
};

/// Runs one entry of a module, again and again. For one thread at a time,
/// except for `cancel`.
///
/// Everything that depends on shapes (formulas, the plan with its addresses) is
/// made once for each binding of shapes and kept for the last few. The arena is
/// shared by all bindings and grows only when a new one needs more. A plan that
/// reads sizes while it runs has stages; each has bindings and an arena of its
/// own, which it gets when its sizes are known. What steps of a plan run as
/// bodies are sessions of their own, which share threads and scratch.
class Session {
public:
  static Status create(std::shared_ptr<Module> module, SessionOptions options,
                       std::unique_ptr<Session> &result);

  const Module &module() const { return *shared; }
  const fb::Entry &entry() const { return *signature; }
  uint32_t inputCount() const { return uint32_t(inputs.size()); }
  uint32_t outputCount() const { return uint32_t(outputs.size()); }

  /// The caller's memory, read by each run until bound anew. `dims` is copied.
  /// With `isOnDevice`, the session's device has it.
  Status bindInput(uint32_t index, const void *data, int type,
                   const int64_t *dims, int rank, bool isOnDevice = false);

  /// The same for a sequence of tensors, for an optional without a value. The
  /// tensors are the caller's memory; what describes them is copied.
  Status bindSequence(uint32_t index, TensorList tensors);
  Status bindNone(uint32_t index);

  /// The caller's memory of `bytes`, written by each run; null for memory of
  /// the session's own. With `isOnDevice`, memory of the session's device.
  Status bindOutput(uint32_t index, void *data, size_t bytes,
                    bool isOnDevice = false);

  /// Lets the device's commands go to a stream of the caller's; null: to the
  /// session's own.
  Status useStream(void *stream);

  /// Binds the shapes of the inputs and reserves memory, as a run would.
  Status prepare();
  Status run();

  /// Makes the run in progress return Cancelled after the step at hand.
  void cancel() { cancelled.store(true, std::memory_order_relaxed); }

  /// The last prepared shape of an output; null before. A size that the run
  /// finds is -1 before it.
  const int64_t *outputDims(uint32_t index) const;
  int outputRank(uint32_t index) const { return outputs[index].rank; }
  int64_t outputBytes(uint32_t index) const;
  /// What the last run gave for an output that is no tensor.
  const HostValue &outputValue(uint32_t index) const {
    return outputs[index].value;
  }
  fb::ValueKind outputKind(uint32_t index) const;
  const Allocator &memory() const { return allocator; }
  /// Where the last run wrote an output; null before the first.
  void *outputData(uint32_t index) const { return outputs[index].written; }

  /// Bytes of the arenas for the prepared shapes, of the stages that have been
  /// reached.
  int64_t arenaBytes() const;
  /// Arithmetic operations of a run with the prepared shapes, of steps that
  /// know, likewise.
  int64_t flops() const;
  /// The value of a symbol; -1 where it is not known (yet).
  int64_t symbolValue(uint32_t index) const;
  /// Null where the entry has no state.
  const std::shared_ptr<States> &states() const { return root().stateMemory; }
  bool isPrepared() const { return current != nullptr; }
  int threads() const { return root().executor->concurrency(); }

  void enableProfile(bool enable) { profiling = enable; }
  /// Shows each step of the runs to come to `seen`; empty ends that.
  Status observe(StepObserver seen);
  const std::vector<ProfileEvent> &profile() const { return sink.events; }

private:
  struct Input {
    explicit Input(const Allocator &allocator) : numbers(allocator) {}
    const void *data = nullptr;
    bool bound = false;
    bool isString = false;
    bool isGivenOnDevice = false; ///< `data` is the device's
    std::vector<int64_t> dims;
    Block numbers;   ///< of strings, what steps read
    HostValue value; ///< of what is no tensor, and of a body's tensors
    std::unique_ptr<Block> onDevice; ///< what its steps read
  };
  struct Output {
    explicit Output(const Allocator &allocator)
        : own(allocator), numbers(allocator) {}
    std::unique_ptr<Block> onDevice; ///< what its steps write
    void *data = nullptr;            ///< the caller's, or null
    size_t bytes = 0;
    void *written = nullptr;
    bool staysOnDevice = false; ///< `data` and `written` are the device's
    int rank = 0;
    bool isString = false;
    Block own;
    Block numbers;   ///< of strings, what steps write
    HostValue value; ///< of what is no tensor, and of a body's tensors
  };
  /// A stage for certain values of the symbols.
  struct Binding {
    std::vector<int64_t> symbols; ///< 0 for those of later stages
    std::vector<int64_t> values;  ///< of the formulas up to this stage
    std::vector<std::vector<int64_t>> outputDims;
    std::vector<int64_t> outputBytes;
    std::vector<int64_t> arenaOffsets; ///< of each of the plan's buffers
    std::vector<int64_t> bufferBytes;  ///< likewise
    int64_t arenaBytes = 0;            ///< of the stage's own arena
    CpuProgram program;
    uint64_t lastUse = 0;
  };

  struct Stage {
    explicit Stage(const Allocator &allocator) : arena(allocator) {}
    uint32_t firstStep = 0, endStep = 0;
    std::vector<std::unique_ptr<Binding>> bindings;
    Binding *current = nullptr;
    Block arena;
  };

  Session(std::shared_ptr<Module> module, SessionOptions options);
  /// A body of one of the parent's steps.
  Session(Session &parent, const fb::Entry &entry);
  Status initialize();
  Status findPlan(const std::string &target);
  Status openDevice(const std::string &target);
  Status openStates();
  Status bindShapes();
  Status bindStage(uint32_t number);
  Status checkInputs(const Binding &binding) const;
  Status makeBinding(Binding &binding, uint32_t number);
  Status findOutputs(Binding &binding, uint32_t number);
  Status resolve(Binding &binding, uint32_t number);
  Status reserveMemory(uint32_t number);
  Status checkLimit(uint32_t number, size_t scratchBytes);
  Status readSizes(uint32_t number);
  void *bufferAddress(uint32_t buffer) const;
  /// Where arenas and what steps read and write lie.
  Allocator stepMemory() const { return device ? device->memory() : allocator; }
  Status reserveOnDevice(std::unique_ptr<Block> &block, int64_t bytes,
                         const char *what);
  Status uploadInputs(DeviceQueue &queue);
  Status uploadSlots(uint32_t number, DeviceQueue &queue);
  Status downloadOutputs(DeviceQueue &queue);
  Status checkOnDevice(const std::string &value, const fb::Value &declared,
                       const void *data) const;
  uint32_t outputStage(uint32_t index) const;
  Status placeOutputs(uint32_t number);
  void placeBuffers(uint32_t number);
  Status execute();
  Status readStrings();
  void writeStrings();
  Status runStages(CpuRun &context);
  Status prepareLocked();
  Status checkValue(uint32_t index, fb::ValueKind wanted) const;
  Status checkTensor(uint32_t index, const TensorValue &tensor) const;

  // Perform.cpp
  Status perform(uint32_t number, const CpuRun &context);
  Status performStep(const fb::Perform &step, const CpuRun &context,
                     std::vector<HostValue> &results);
  Status takeOperand(const fb::Operand &operand, HostValue &value);
  Status takeView(const fb::View &view, int type, std::vector<int64_t> dims,
                  HostValue &value);
  Status takeOperands(
      const flatbuffers::Vector<flatbuffers::Offset<fb::Operand>> *operands,
      std::vector<HostValue> &values);
  Status storeResults(uint32_t number, std::vector<HostValue> &results);
  Status checkResults(uint32_t number) const;
  Status openBody(const fb::Body &body, Session *&session);
  Status runBody(const fb::Body &body, std::vector<HostValue> given,
                 const CpuRun &context, std::vector<HostValue> &results);
  Status runAsBody(std::vector<HostValue> &given, std::vector<int64_t> sizes,
                   CpuRun context, std::vector<HostValue> &results);
  Status runWhile(const fb::Perform &step, std::vector<HostValue> &operands,
                  const CpuRun &context, std::vector<HostValue> &results);
  Status fillInputSlots();
  Status collectOutputs();

  Session &root() { return parent ? parent->root() : *this; }
  const Session &root() const { return parent ? parent->root() : *this; }
  Status at(Status status) const;
  std::string describeInput(uint32_t index) const;
  std::string describeOutput(uint32_t index) const;
  void log(const std::string &message) const;

  std::shared_ptr<Module> shared;
  const fb::Entry *signature = nullptr;
  const fb::Plan *plan = nullptr;
  const CodeImage *code = nullptr; ///< null where only a device runs kernels
  DeviceModule *device = nullptr;  ///< null for the CPU
  std::shared_ptr<States> stateMemory; ///< of the root session
  Allocator allocator;
  uint64_t memoryLimit;
  void *logContext;
  void (*logFunction)(void *context, const char *message);
  std::unique_ptr<Executor> executor;
  std::unique_ptr<TileShare[]> shares;    ///< of the dispatch at hand
  std::unique_ptr<Reductions> reductions; ///< null where there are none

  std::vector<Input> inputs;
  std::vector<Output> outputs;
  bool shapesChanged = true;
  std::vector<HostValue> slots;
  std::vector<std::unique_ptr<Block>> slotsOnDevice; ///< null where not used
  Session *parent = nullptr;                         ///< of a body
  std::vector<int64_t> givenSizes;                   ///< by the parent
  std::vector<std::unique_ptr<Session>> bodies;      ///< null where not yet run
  std::vector<int64_t> symbols;
  PlanStages planStages;
  std::vector<Stage> stages;
  uint32_t reached = 0;       ///< the last stage that has a binding
  Binding *current = nullptr; ///< of that stage
  uint64_t uses = 0;

  StringTable strings;
  Block scratch;
  size_t scratchStride = 0;           ///< for the current binding
  std::unique_ptr<DeviceQueue> queue; ///< of the root session, of a device
  bool usesOutsideStream = false;
  bool isPending = false; ///< the last run's commands may not be done
  std::atomic<bool> busy{false};
  std::atomic<bool> cancelled{false};
  bool profiling = false;
  ProfileSink sink;
  StepObserver observer;
};

} // namespace dlrt

#endif // DLRT_SESSION_SESSION_H

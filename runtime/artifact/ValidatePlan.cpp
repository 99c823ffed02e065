// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/artifact/Stages.h"
#include "runtime/artifact/Validate.h"
#include "runtime/artifact/module_generated.h"

#include <algorithm>
#include <string>
#include <vector>

namespace dlrt {
namespace {

template <typename T> int64_t count(const flatbuffers::Vector<T> *vector) {
  return vector ? static_cast<int64_t>(vector->size()) : 0;
}

class PlanChecker {
public:
  PlanChecker(const fb::Module &module, const fb::Entry &entry,
              const fb::Plan &plan)
      : module(module), entry(entry), plan(plan),
        formulas(count(entry.exprs())) {}

  Status check() {
    DLRT_RETURN_IF_ERROR(findStages(entry, plan, stages));
    if (!optionalFormula(plan.arena_size()))
      return bad("the arena's size has no formula");
    if (count(plan.late_arena_sizes()) != int64_t(stages.begins.size()))
      return bad("there is not one arena for each stage");
    DLRT_RETURN_IF_ERROR(checkSlots());
    for (const fb::Value *value : range(entry.inputs()))
      for (int32_t dim : range(value->type()->dims()))
        if (stages.of(dim) != 0)
          return bad("an input's size is not known before the run");
    if (plan.late_arena_sizes())
      for (int32_t size : *plan.late_arena_sizes()) {
        ++stage;
        if (!formula(size))
          return bad("an arena's size has no formula");
      }
    stage = 0;
    if (plan.buffers())
      for (const fb::Buffer *buffer : *plan.buffers())
        DLRT_RETURN_IF_ERROR(checkBuffer(*buffer));
    DLRT_RETURN_IF_ERROR(checkSteps(plan.steps(), 0));
    for (int32_t slot : range(plan.output_slots()))
      if (slot >= 0 && !filled[static_cast<size_t>(slot)])
        return bad("an output's slot is empty");
    return {};
  }

private:
  Status bad(const std::string &message) const {
    return {Code::BadModule,
            "module header: plan for " + plan.target()->str() + ": " + message};
  }
  Status badStep(const std::string &message) const {
    return bad("step " + std::to_string(step) + ": " + message);
  }

  /// What a vector holds that may be absent.
  template <typename T>
  static std::vector<typename flatbuffers::Vector<T>::return_type>
  range(const flatbuffers::Vector<T> *vector) {
    if (!vector)
      return {};
    return {vector->begin(), vector->end()};
  }

  /// Whether a formula exists and has a value in the stage at hand.
  bool formula(int32_t index) const {
    return index >= 0 && index < formulas && stages.of(index) <= stage;
  }
  bool optionalFormula(int32_t index) const {
    return index == -1 || formula(index);
  }

  /// Those of inputs that are no tensors are filled from the start.
  Status checkSlots() {
    constexpr int32_t kMaxSlots = 1 << 20;
    if (plan.slots() < 0 || plan.slots() > kMaxSlots ||
        (plan.slots() > 0 && plan.slots() < count(entry.inputs())))
      return bad("there are not enough slots");
    filled.resize(static_cast<size_t>(plan.slots()));
    for (uint32_t i = 0; i < count(entry.inputs()); ++i) {
      if (entry.inputs()->Get(i)->kind() == fb::ValueKind_Tensor)
        continue;
      if (plan.slots() == 0)
        return bad("an input has no slot");
      filled[i] = true;
    }
    if (count(plan.output_slots()) > count(entry.outputs()))
      return bad("there are more slots of outputs than outputs");
    for (uint32_t i = 0; i < count(entry.outputs()); ++i) {
      bool isTensor = entry.outputs()->Get(i)->kind() == fb::ValueKind_Tensor;
      int32_t slot =
          i < count(plan.output_slots()) ? plan.output_slots()->Get(i) : -1;
      if (isTensor ? slot != -1 : slot < 0 || slot >= plan.slots())
        return bad("an output that is no tensor has no slot, or a tensor has");
    }
    return {};
  }

  Status checkBuffer(const fb::Buffer &buffer) const {
    int64_t limit = 0;
    switch (buffer.kind()) {
    case fb::BufferKind_Input:
      limit = count(entry.inputs());
      break;
    case fb::BufferKind_Output:
      limit = count(entry.outputs());
      break;
    case fb::BufferKind_Constant:
      limit = count(module.constants());
      break;
    case fb::BufferKind_State:
      limit = count(module.states());
      break;
    case fb::BufferKind_Slot:
      if (buffer.size() < 0 || buffer.size() >= formulas)
        return bad("a slot's buffer has no size");
      limit = plan.slots();
      break;
    case fb::BufferKind_Arena:
      if (buffer.offset() < 0 || buffer.offset() >= formulas ||
          buffer.size() < 0 || buffer.size() >= formulas ||
          stages.of(buffer.offset()) > stages.of(buffer.size()))
        return bad("an arena buffer has no offset or size");
      return {};
    default:
      return bad("a buffer has an unknown kind");
    }
    if (buffer.index() < 0 || buffer.index() >= limit)
      return bad("a buffer's index is out of range");
    auto index = static_cast<uint32_t>(buffer.index());
    bool holdsTensor =
        buffer.kind() == fb::BufferKind_Input
            ? entry.inputs()->Get(index)->kind() == fb::ValueKind_Tensor
        : buffer.kind() == fb::BufferKind_Output
            ? entry.outputs()->Get(index)->kind() == fb::ValueKind_Tensor
            : true;
    if (!holdsTensor)
      return bad("a buffer is of a value that is no tensor");
    return {};
  }

  /// The stage from which on a buffer has a size.
  uint32_t stageOf(const fb::Buffer &buffer) const {
    if (buffer.kind() == fb::BufferKind_Arena ||
        buffer.kind() == fb::BufferKind_Slot)
      return stages.of(buffer.size());
    uint32_t latest = 0;
    if (buffer.kind() == fb::BufferKind_Output)
      for (int32_t dim : range(entry.outputs()
                                   ->Get(static_cast<uint32_t>(buffer.index()))
                                   ->type()
                                   ->dims()))
        latest = std::max(latest, stages.of(dim));
    return latest;
  }

  Status checkView(const fb::View &view, int depth) const {
    if (view.buffer() < 0 || view.buffer() >= count(plan.buffers()))
      return badStep("a view has no buffer");
    if (stages.count() > 1 &&
        stageOf(*plan.buffers()->Get(static_cast<uint32_t>(view.buffer()))) >
            stage)
      return badStep("a view's buffer has no size yet");
    const fb::Buffer &buffer =
        *plan.buffers()->Get(static_cast<uint32_t>(view.buffer()));
    if (buffer.kind() == fb::BufferKind_Slot &&
        !filled[static_cast<size_t>(buffer.index())])
      return badStep("a view is of an empty slot");
    if (!optionalFormula(view.offset()) || !optionalFormula(view.bytes()))
      return badStep("a view's offset or bytes have no formula");
    if (count(view.strides()) > depth)
      return badStep("a view has more strides than there are loops around it");
    for (int32_t stride : range(view.strides()))
      if (!optionalFormula(stride))
        return badStep("a view's stride has no formula");
    return {};
  }

  Status
  checkViews(const flatbuffers::Vector<flatbuffers::Offset<fb::View>> *views,
             int depth) const {
    if (views)
      for (const fb::View *view : *views)
        DLRT_RETURN_IF_ERROR(checkView(*view, depth));
    return {};
  }

  Status checkDispatch(const fb::Dispatch &dispatch, int depth) const {
    bool isOnHost = dispatch.host_results() >= 0;
    if (dispatch.host_results() > count(dispatch.args()))
      return badStep("a kernel has more results than arguments");
    if (plan.target()->str() != "cpu" && !isOnHost)
      DLRT_RETURN_IF_ERROR(checkDeviceKernel(dispatch));
    else if (dispatch.kernel() < 0 ||
             dispatch.kernel() >= count(module.kernels()))
      return badStep("kernel " + std::to_string(dispatch.kernel()) +
                     " does not exist");
    if (!formula(dispatch.tiles()) || !optionalFormula(dispatch.scratch()) ||
        !optionalFormula(dispatch.flops()) ||
        !optionalFormula(dispatch.iterations()) ||
        !optionalFormula(dispatch.trips()))
      return badStep(
          "tiles, scratch, flops, iterations or trips have no formula");
    if (dispatch.sizes())
      for (int32_t size : *dispatch.sizes())
        if (!formula(size))
          return badStep("a kernel's size has no formula");
    return checkViews(dispatch.args(), depth);
  }

  /// The kernel must be in each of the target's codes, and take as much. Of a
  /// loop that is divided it is told the part to do.
  static constexpr int64_t kTripSizes = 2;
  Status checkDeviceKernel(const fb::Dispatch &dispatch) const {
    bool hasCode = false;
    for (const fb::DeviceCode *code : range(module.devices())) {
      if (code->target()->str() != plan.target()->str())
        continue;
      hasCode = true;
      if (dispatch.kernel() < 0 || dispatch.kernel() >= count(code->kernels()))
        return badStep("kernel " + std::to_string(dispatch.kernel()) +
                       " does not exist");
      const fb::DeviceKernel &kernel =
          *code->kernels()->Get(static_cast<uint32_t>(dispatch.kernel()));
      if (count(dispatch.args()) != kernel.args() ||
          count(dispatch.sizes()) + (dispatch.trips() < 0 ? 0 : kTripSizes) !=
              kernel.sizes())
        return badStep("it does not fit its kernel " + kernel.name()->str());
    }
    return hasCode ? Status() : badStep("there is no code for its kernel");
  }

  Status checkHostCall(const fb::HostCall &call, int depth) const {
    if (call.results() < 0 || call.results() > count(call.args()))
      return badStep("a call has more results than arguments");
    if (count(call.types()) != count(call.args()))
      return badStep("a call has " + std::to_string(count(call.types())) +
                     " types for " + std::to_string(count(call.args())) +
                     " arguments");
    if (call.attributes() && call.attributes()->size() != 0 &&
        reinterpret_cast<uintptr_t>(call.attributes()->Data()) % 8 != 0)
      return badStep("its attributes are misplaced");
    if (call.types())
      for (const fb::TensorType *type : *call.types()) {
        if (count(type->dims()) > kMaxRank)
          return badStep("an argument has too many dimensions");
        if (type->dims())
          for (int32_t dim : *type->dims())
            if (!formula(dim))
              return badStep("an argument's dimension has no formula");
      }
    return checkViews(call.args(), depth);
  }

  Status checkOperandViews(
      const flatbuffers::Vector<flatbuffers::Offset<fb::Operand>> *operands) {
    for (const fb::Operand *operand : range(operands))
      if (operand->view())
        DLRT_RETURN_IF_ERROR(checkView(*operand->view(), 0));
    return {};
  }

  Status checkPerform(const fb::Perform &perform) {
    DLRT_RETURN_IF_ERROR(checkOperandViews(perform.operands()));
    for (const fb::Body *body : range(perform.bodies()))
      DLRT_RETURN_IF_ERROR(checkOperandViews(body->captures()));
    if (Status status = validatePerform(entry, stages, perform, stage, filled);
        !status.ok())
      return badStep(status.message());
    return {};
  }

  Status
  checkSteps(const flatbuffers::Vector<flatbuffers::Offset<fb::Step>> *steps,
             int depth) {
    if (!steps)
      return {};
    for (const fb::Step *current : *steps) {
      if (const fb::Dispatch *dispatch = current->action_as_Dispatch()) {
        DLRT_RETURN_IF_ERROR(checkDispatch(*dispatch, depth));
      } else if (const fb::HostCall *call = current->action_as_HostCall()) {
        DLRT_RETURN_IF_ERROR(checkHostCall(*call, depth));
      } else if (const fb::Loop *loop = current->action_as_Loop()) {
        if (!formula(loop->count()))
          return badStep("a loop's count has no formula");
        if (depth == kMaxLoopDepth)
          return badStep("loops are nested too deep");
        DLRT_RETURN_IF_ERROR(checkSteps(loop->body(), depth + 1));
      } else if (const fb::Bind *bind = current->action_as_Bind()) {
        if (depth != 0)
          return badStep("it binds symbols in a loop");
        DLRT_RETURN_IF_ERROR(checkView(*bind->view(), 0));
        ++stage;
      } else if (const fb::Perform *perform = current->action_as_Perform()) {
        if (depth != 0)
          return badStep("it stands in a loop");
        DLRT_RETURN_IF_ERROR(checkPerform(*perform));
        ++stage;
      } else {
        return badStep("its kind is unknown");
      }
      ++step;
    }
    return {};
  }

  const fb::Module &module;
  const fb::Entry &entry;
  const fb::Plan &plan;
  int64_t formulas;
  PlanStages stages;
  std::vector<bool> filled; ///< for each slot
  uint32_t stage = 0;
  int64_t step = 0;
};

} // namespace

Status validatePlan(const fb::Module &module, const fb::Entry &entry,
                    const fb::Plan &plan) {
  return PlanChecker(module, entry, plan).check();
}

} // namespace dlrt

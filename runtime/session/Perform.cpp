// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of a session that works on values in slots and runs bodies.

#include "runtime/session/BorderValues.h"
#include "runtime/session/SequenceSteps.h"
#include "runtime/session/Session.h"

#include <cstring>

namespace dlrt {
namespace {

template <typename T> uint32_t count(const flatbuffers::Vector<T> *vector) {
  return vector ? vector->size() : 0;
}

Status bad(const std::string &message) { return {Code::BadModule, message}; }

/// The one element of a tensor that is a scalar of the type.
template <typename T>
Status readScalar(const HostValue &value, int type, T &result) {
  if (!value.tensor || value.tensor->type != type ||
      value.tensor->bytes != int64_t(sizeof(T)))
    return bad("an operand is no scalar of the type that it should have");
  memcpy(&result, value.tensor->data, sizeof(T));
  return {};
}

Status readCondition(const HostValue &value, bool &result) {
  uint8_t byte = 0;
  DLRT_RETURN_IF_ERROR(readScalar(value, fb::ElementType_Bool, byte));
  result = byte != 0;
  return {};
}

} // namespace

//===----------------------------------------------------------------------===//
// Operands and results
//===----------------------------------------------------------------------===//

/// What a step takes. A tensor that has no value to share is a view of memory
/// that stays as it is while the step runs.
Status Session::takeOperand(const fb::Operand &operand, HostValue &value) {
  if (!operand.view()) {
    HostValue &slot = slots[static_cast<size_t>(operand.slot())];
    if (operand.last())
      std::swap(value, slot);
    else
      value = slot;
    return {};
  }
  const fb::View &view = *operand.view();
  auto number = static_cast<uint32_t>(view.buffer());
  const fb::Buffer &buffer = *plan->buffers()->Get(number);
  auto index = static_cast<size_t>(buffer.index());
  std::vector<int64_t> dims;
  for (uint32_t d = 0; d < count(operand.type()->dims()); ++d)
    dims.push_back(
        current->values[static_cast<size_t>(operand.type()->dims()->Get(d))]);
  TensorRef whole;
  if (buffer.kind() == fb::BufferKind_Slot)
    whole = slots[index].tensor;
  else if (buffer.kind() == fb::BufferKind_Input)
    whole = inputs[index].value.tensor;
  if (whole && view.offset() < 0 && whole->dims == dims &&
      whole->type == operand.type()->element()) {
    value.tensor = std::move(whole);
    return {};
  }
  return takeView(view, operand.type()->element(), std::move(dims), value);
}

/// A tensor that lies in a buffer; of another device's, a copy.
Status Session::takeView(const fb::View &view, int type,
                         std::vector<int64_t> dims, HostValue &value) {
  auto number = static_cast<uint32_t>(view.buffer());
  int64_t offset = view.offset() < 0
                       ? 0
                       : current->values[static_cast<size_t>(view.offset())];
  auto *data = static_cast<const std::byte *>(bufferAddress(number)) + offset;
  DLRT_RETURN_IF_ERROR(
      device
          ? makeTensor(allocator, type, std::move(dims), value.tensor)
          : borrowTensor(allocator, type, std::move(dims), data, value.tensor));
  if (offset < 0 || offset > current->bufferBytes[number] - value.tensor->bytes)
    return bad("an operand lies outside of its buffer");
  if (!device)
    return {};
  return root().queue->download(value.tensor->memory.data(), data,
                                static_cast<size_t>(value.tensor->bytes));
}

Status Session::takeOperands(
    const flatbuffers::Vector<flatbuffers::Offset<fb::Operand>> *operands,
    std::vector<HostValue> &values) {
  for (uint32_t i = 0; i < count(operands); ++i) {
    values.emplace_back();
    DLRT_RETURN_IF_ERROR(takeOperand(*operands->Get(i), values.back()));
  }
  return {};
}

/// Puts results into their slots and gives symbols the sizes of tensors.
Status Session::storeResults(uint32_t number, std::vector<HostValue> &results) {
  const fb::Perform &step = *planStages.begins[number - 1].perform;
  // Those of the later stages are not known any more.
  for (uint32_t s = 0; s < symbols.size(); ++s)
    symbols[s] = current->symbols[s];
  if (results.size() != count(step.results()))
    return bad("it has another number of results than expected");
  for (uint32_t i = 0; i < results.size(); ++i) {
    const fb::Result &result = *step.results()->Get(i);
    const fb::TensorType *type = result.type();
    const TensorRef &tensor = results[i].tensor;
    if (type && (!tensor || tensor->type != type->element() ||
                 tensor->dims.size() != count(type->dims())))
      return {Code::Mismatch, "its result has another type or another number "
                              "of dimensions than expected"};
    for (uint32_t d = 0; type && d < count(type->dims()); ++d) {
      auto formula = static_cast<uint32_t>(type->dims()->Get(d));
      const fb::Expr &expr = *signature->exprs()->Get(formula);
      if (expr.op() == fb::ExprOp_Symbol &&
          planStages.of(static_cast<int32_t>(formula)) == number)
        symbols[static_cast<size_t>(expr.a())] = tensor->dims[d];
    }
    slots[static_cast<size_t>(result.slot())] = std::move(results[i]);
  }
  return {};
}

/// Whether the tensors that begin a stage have the sizes that their types say.
Status Session::checkResults(uint32_t number) const {
  const fb::Perform &step = *planStages.begins[number - 1].perform;
  for (uint32_t i = 0; i < count(step.results()); ++i) {
    const fb::Result &result = *step.results()->Get(i);
    if (!result.type())
      continue;
    const TensorValue &tensor =
        *slots[static_cast<size_t>(result.slot())].tensor;
    for (uint32_t d = 0; d < tensor.dims.size(); ++d) {
      int64_t expected =
          current->values[static_cast<size_t>(result.type()->dims()->Get(d))];
      if (tensor.dims[d] != expected)
        return {Code::Mismatch,
                "step '" + (step.name() ? step.name()->str() : "") +
                    "': dimension " + std::to_string(d) + " of its result is " +
                    std::to_string(tensor.dims[d]) + ", expected " +
                    std::to_string(expected)};
    }
  }
  return {};
}

Status Session::fillInputSlots() {
  if (slots.empty())
    return {};
  for (uint32_t i = 0; i < inputs.size(); ++i)
    DLRT_RETURN_IF_ERROR(toStepValue(
        allocator, strings, signature->inputs()->Get(i)->type()->element(),
        inputs[i].value, slots[i]));
  if (parent) // what a body is given is its own
    for (uint32_t i = 0; i < inputs.size(); ++i)
      if (signature->inputs()->Get(i)->kind() != fb::ValueKind_Tensor)
        inputs[i].value = {};
  return {};
}

/// Outputs that are no tensors. The host gets no memory that it has bound as an
/// input.
Status Session::collectOutputs() {
  for (uint32_t i = 0; i < count(plan->output_slots()); ++i) {
    int32_t slot = plan->output_slots()->Get(i);
    if (slot < 0)
      continue;
    outputs[i].value = slots[static_cast<size_t>(slot)];
    if (!parent)
      DLRT_RETURN_IF_ERROR(ownTensors(allocator, outputs[i].value));
    DLRT_RETURN_IF_ERROR(toCallerValue(
        allocator, strings, signature->outputs()->Get(i)->type()->element(),
        outputs[i].value));
  }
  for (HostValue &slot : slots)
    slot = {};
  return {};
}

//===----------------------------------------------------------------------===//
// Bodies
//===----------------------------------------------------------------------===//

Status Session::openBody(const fb::Body &body, Session *&session) {
  auto index = static_cast<uint32_t>(body.entry());
  std::unique_ptr<Session> &opened = bodies[index];
  if (!opened) {
    std::unique_ptr<Session> fresh(
        new Session(*this, *signature->bodies()->Get(index)));
    DLRT_RETURN_IF_ERROR(fresh->findPlan(plan->target()->str()));
    DLRT_RETURN_IF_ERROR(fresh->initialize());
    opened = std::move(fresh);
  }
  session = opened.get();
  return {};
}

/// Runs a body for these values and what it captures.
Status Session::runBody(const fb::Body &body, std::vector<HostValue> given,
                        const CpuRun &context,
                        std::vector<HostValue> &results) {
  Session *session = nullptr;
  DLRT_RETURN_IF_ERROR(openBody(body, session));
  for (uint32_t i = 0; i < count(body.captures()); ++i) {
    given.emplace_back();
    // A loop takes them again and again.
    const fb::Operand &capture = *body.captures()->Get(i);
    if (capture.view())
      DLRT_RETURN_IF_ERROR(takeOperand(capture, given.back()));
    else
      given.back() = slots[static_cast<size_t>(capture.slot())];
  }
  std::vector<int64_t> sizes;
  for (uint32_t i = 0; i < count(body.sizes()); ++i)
    sizes.push_back(current->values[static_cast<size_t>(body.sizes()->Get(i))]);
  return session->runAsBody(given, std::move(sizes), context, results);
}

Status Session::runAsBody(std::vector<HostValue> &given,
                          std::vector<int64_t> sizes, CpuRun context,
                          std::vector<HostValue> &results) {
  for (uint32_t i = 0; i < inputs.size(); ++i) {
    const fb::Value &declared = *signature->inputs()->Get(i);
    Input &input = inputs[i];
    input.value = std::move(given[i]);
    input.bound = true;
    if (declared.kind() != fb::ValueKind_Tensor)
      continue;
    const TensorRef &tensor = input.value.tensor;
    if (!tensor || tensor->type != declared.type()->element() ||
        tensor->dims.size() != input.dims.size())
      return bad("body '" + signature->name()->str() + "': input " +
                 std::to_string(i) + " has another type");
    shapesChanged |= input.dims != tensor->dims;
    input.dims = tensor->dims;
    input.data = tensor->data;
  }
  shapesChanged |= givenSizes != sizes;
  givenSizes = std::move(sizes);
  DLRT_RETURN_IF_ERROR(prepareLocked());
  DLRT_RETURN_IF_ERROR(runStages(context));
  results.clear();
  for (Output &output : outputs)
    results.push_back(std::move(output.value));
  for (Output &output : outputs)
    output.value = {};
  for (Input &input : inputs)
    input.value = {};
  return {};
}

Status Session::runWhile(const fb::Perform &step,
                         std::vector<HostValue> &operands,
                         const CpuRun &context,
                         std::vector<HostValue> &results) {
  int64_t limit = 0;
  bool holds = false;
  DLRT_RETURN_IF_ERROR(readScalar(operands[0], fb::ElementType_I64, limit));
  DLRT_RETURN_IF_ERROR(readCondition(operands[1], holds));
  results.assign(std::make_move_iterator(operands.begin() + 2),
                 std::make_move_iterator(operands.end()));
  operands.clear();
  const fb::Body &body = *step.bodies()->Get(0);
  for (int64_t i = 0; i < limit && holds; ++i) {
    if (context.cancelled->load(std::memory_order_relaxed))
      return {Code::Cancelled, "the run was cancelled"};
    std::vector<HostValue> given(1);
    DLRT_RETURN_IF_ERROR(
        borrowTensor(allocator, fb::ElementType_I64, {}, &i, given[0].tensor));
    given.insert(given.end(), std::make_move_iterator(results.begin()),
                 std::make_move_iterator(results.end()));
    results.clear();
    DLRT_RETURN_IF_ERROR(runBody(body, std::move(given), context, results));
    DLRT_RETURN_IF_ERROR(readCondition(results.front(), holds));
    results.erase(results.begin());
  }
  // A first state may lie in memory that other values take over.
  for (HostValue &result : results)
    if (result.tensor)
      DLRT_RETURN_IF_ERROR(ownTensors(allocator, result));
  return {};
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

Status Session::performStep(const fb::Perform &step, const CpuRun &context,
                            std::vector<HostValue> &results) {
  std::vector<HostValue> operands;
  DLRT_RETURN_IF_ERROR(takeOperands(step.operands(), operands));
  if (step.operation() == fb::Operation_While)
    return runWhile(step, operands, context, results);
  if (step.operation() == fb::Operation_If) {
    bool holds = false;
    DLRT_RETURN_IF_ERROR(readCondition(operands[0], holds));
    return runBody(*step.bodies()->Get(holds ? 0 : 1), {}, context, results);
  }
  // What others share may not be memory that is used again.
  bool shares = step.operation() == fb::Operation_SequenceCreate ||
                step.operation() == fb::Operation_SequenceInsert ||
                step.operation() == fb::Operation_OptionalCreate;
  for (HostValue &operand : operands)
    if (shares && operand.tensor)
      DLRT_RETURN_IF_ERROR(ownTensors(allocator, operand));
  std::vector<int64_t> sizes;
  if (const fb::TensorType *type = step.results()->Get(0)->type())
    for (uint32_t d = 0; d < count(type->dims()); ++d) {
      int32_t formula = type->dims()->Get(d);
      sizes.push_back(planStages.of(formula) <= reached
                          ? current->values[static_cast<size_t>(formula)]
                          : -1);
    }
  results.resize(1);
  return runSequenceStep({step, allocator, operands, sizes}, results[0]);
}

Status Session::perform(uint32_t number, const CpuRun &context) {
  const fb::Perform &step = *planStages.begins[number - 1].perform;
  std::vector<HostValue> results;
  Status status = performStep(step, context, results);
  if (status.ok())
    status = storeResults(number, results);
  bool isBody = step.operation() == fb::Operation_If ||
                step.operation() == fb::Operation_While;
  // What fails in a body says where.
  if (status.ok() || isBody || status.code() == Code::Cancelled)
    return status;
  return {status.code(), "step '" + (step.name() ? step.name()->str() : "") +
                             "': " + status.message()};
}

} // namespace dlrt

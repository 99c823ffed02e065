// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of a session that depends on shapes.

#include "runtime/artifact/CheckedMath.h"
#include "runtime/artifact/ElementTypes.h"
#include "runtime/artifact/Format.h"
#include "runtime/session/Formulas.h"
#include "runtime/session/Session.h"

#include <algorithm>
#include <cstring>

namespace dlrt {
namespace {

/// Bindings that a session keeps; the least recently used one goes first.
constexpr size_t kKeptBindings = 8;

template <typename T> uint32_t count(const flatbuffers::Vector<T> *vector) {
  return vector ? vector->size() : 0;
}

/// A dimension's size and, where it is not just a number, the formula it comes
/// from.
std::string sizeText(const fb::Entry &entry, int32_t formula, int64_t value) {
  int64_t constant = 0;
  if (isConstantFormula(entry, formula, constant))
    return std::to_string(value);
  return std::to_string(value) + " (" + formulaText(entry, formula) + ")";
}

/// Rounds up to whole cache lines, and one more between two threads' scratch.
size_t paddedScratch(size_t bytes) {
  return (bytes + 2 * kConstantAlignment - 1) / kConstantAlignment *
         kConstantAlignment;
}

} // namespace

Status Session::bindShapes() {
  if (!shapesChanged && stages[0].current) {
    reached = 0;
    current = stages[0].current;
    return {};
  }
  for (uint32_t i = 0; i < inputs.size(); ++i)
    if (!inputs[i].bound)
      return {Code::NotBound, describeInput(i) + " is not bound"};
  current = nullptr;
  stages[0].current = nullptr;
  for (uint32_t s = 0; s < symbols.size(); ++s) {
    const fb::Symbol &symbol = *signature->symbols()->Get(s);
    symbols[s] =
        symbol.input() == -2 ? givenSizes[static_cast<size_t>(symbol.axis())]
        : symbol.input() < 0 ? 0
                             : inputs[static_cast<size_t>(symbol.input())]
                                   .dims[static_cast<size_t>(symbol.axis())];
  }
  DLRT_RETURN_IF_ERROR(bindStage(0));
  shapesChanged = false;
  return {};
}

/// Finds or makes the binding of a stage for the symbols as they are.
Status Session::bindStage(uint32_t number) {
  Stage &stage = stages[number];
  Binding *found = nullptr;
  for (const std::unique_ptr<Binding> &binding : stage.bindings)
    if (binding->symbols == symbols)
      found = binding.get();
  if (!found) {
    auto fresh = std::make_unique<Binding>();
    DLRT_RETURN_IF_ERROR(makeBinding(*fresh, number));
    if (stage.bindings.size() == kKeptBindings) {
      auto oldest = std::min_element(
          stage.bindings.begin(), stage.bindings.end(),
          [](const auto &a, const auto &b) { return a->lastUse < b->lastUse; });
      const CpuProgram *gone = &(*oldest)->program;
      std::vector<ProfileEvent> &events = root().sink.events;
      if (std::any_of(events.begin(), events.end(),
                      [&](const ProfileEvent &e) { return e.program == gone; }))
        events.clear();
      stage.bindings.erase(oldest);
    }
    stage.bindings.push_back(std::move(fresh));
    found = stage.bindings.back().get();
  } else if (number == 0) {
    DLRT_RETURN_IF_ERROR(checkInputs(*found));
  }
  found->lastUse = ++uses;
  stage.current = found;
  current = found;
  reached = number;
  return {};
}

Status Session::checkInputs(const Binding &binding) const {
  for (uint32_t i = 0; i < inputs.size(); ++i) {
    // (Of what is no tensor, there are no dims.)
    const fb::TensorType &type = *signature->inputs()->Get(i)->type();
    for (uint32_t d = 0; d < inputs[i].dims.size(); ++d) {
      int32_t formula = type.dims()->Get(d);
      int64_t expected = binding.values[static_cast<size_t>(formula)];
      if (inputs[i].dims[d] != expected)
        return {Code::Mismatch,
                describeInput(i) + ": dimension " + std::to_string(d) + " is " +
                    std::to_string(inputs[i].dims[d]) + ", expected " +
                    sizeText(*signature, formula, expected)};
    }
  }
  return {};
}

Status Session::makeBinding(Binding &binding, uint32_t number) {
  binding.symbols = symbols;
  if (number == 0)
    binding.values.resize(count(signature->exprs()));
  else
    binding.values = current->values;
  const uint32_t *formulaStages =
      planStages.formulas.empty() ? nullptr : planStages.formulas.data();
  DLRT_RETURN_IF_ERROR(evaluateFormulas(*signature, binding.symbols.data(),
                                        formulaStages, number,
                                        binding.values.data()));
  if (number == 0)
    DLRT_RETURN_IF_ERROR(checkInputs(binding));
  const std::vector<int64_t> &values = binding.values;
  for (uint32_t i = 0; i < count(signature->checks()); ++i) {
    const fb::Check &check = *signature->checks()->Get(i);
    if (std::max(planStages.of(check.lhs()), planStages.of(check.rhs())) !=
        number)
      continue;
    int64_t lhs = values[static_cast<size_t>(check.lhs())];
    int64_t rhs = values[static_cast<size_t>(check.rhs())];
    if (check.relation() == fb::Relation_Equal ? lhs != rhs : lhs > rhs)
      return {Code::Mismatch,
              (number == 0 ? "these input shapes do not fit: "
                           : "sizes that the run has found do not fit: ") +
                  check.message()->str() + " (" + std::to_string(lhs) +
                  " and " + std::to_string(rhs) + ")"};
  }
  DLRT_RETURN_IF_ERROR(findOutputs(binding, number));
  return at(resolve(binding, number));
}

/// Shapes and bytes of the outputs, as far as they are known in a stage.
Status Session::findOutputs(Binding &binding, uint32_t number) {
  for (uint32_t i = 0; i < outputs.size(); ++i) {
    const fb::TensorType &type = *signature->outputs()->Get(i)->type();
    std::vector<int64_t> dims;
    dims.reserve(count(type.dims()));
    for (uint32_t d = 0; d < count(type.dims()); ++d) {
      int32_t formula = type.dims()->Get(d);
      dims.push_back(formula >= 0 && planStages.of(formula) <= number
                         ? binding.values[static_cast<size_t>(formula)]
                         : -1);
    }
    int64_t elements = 0, bytes = 0;
    if (outputKind(i) == fb::ValueKind_Tensor && outputStage(i) <= number &&
        (!elementCount(dims.data(), static_cast<int>(dims.size()), elements) ||
         !elementBytes(type.element(), elements, bytes)))
      return {Code::Mismatch, describeOutput(i) +
                                  ": has no possible size for these input "
                                  "shapes"};
    binding.outputDims.push_back(std::move(dims));
    binding.outputBytes.push_back(bytes);
  }
  return {};
}

Status Session::resolve(Binding &binding, uint32_t number) {
  const std::vector<int64_t> &values = binding.values;
  auto bad = [](const std::string &message) {
    return Status(Code::BadModule, message);
  };
  int32_t arenaSize = number == 0 ? plan->arena_size()
                                  : plan->late_arena_sizes()->Get(number - 1);
  if (arenaSize >= 0)
    binding.arenaBytes = values[static_cast<size_t>(arenaSize)];
  if (binding.arenaBytes < 0)
    return bad("the arena's size is negative for these input shapes");
  uint32_t buffers = count(plan->buffers());
  std::vector<int64_t> &sizes = binding.bufferBytes;
  sizes.resize(buffers);
  std::vector<const void *> constants(buffers);
  binding.arenaOffsets.resize(buffers);
  for (uint32_t b = 0; b < buffers; ++b) {
    const fb::Buffer &buffer = *plan->buffers()->Get(b);
    uint32_t index = static_cast<uint32_t>(buffer.index());
    switch (buffer.kind()) {
    case fb::BufferKind_Input: {
      int64_t elements = 0;
      const std::vector<int64_t> &dims = inputs[index].dims;
      int type = signature->inputs()->Get(index)->type()->element();
      // Known to fit since the input was bound.
      (void)elementCount(dims.data(), static_cast<int>(dims.size()), elements);
      (void)elementBytes(type, elements, sizes[b]);
      if (inputs[index].isString)
        sizes[b] = elements * int64_t(sizeof(int64_t));
      break;
    }
    case fb::BufferKind_Output:
      sizes[b] = binding.outputBytes[index];
      if (outputs[index].isString)
        sizes[b] =
            sizes[b] / int64_t(sizeof(StringRange)) * int64_t(sizeof(int64_t));
      break;
    case fb::BufferKind_Constant:
      DLRT_RETURN_IF_ERROR(shared->constant(index, constants[b], sizes[b]));
      if (device) {
        void *address = nullptr;
        DLRT_RETURN_IF_ERROR(device->constant(
            index, constants[b], static_cast<size_t>(sizes[b]), address));
        constants[b] = address;
      }
      break;
    case fb::BufferKind_State:
      sizes[b] = States::bytesOf(*shared->header().states()->Get(index));
      break;
    case fb::BufferKind_Slot:
      if (planStages.of(buffer.size()) <= number)
        sizes[b] = values[static_cast<size_t>(buffer.size())];
      if (sizes[b] < 0)
        return bad("a slot's size is negative");
      break;
    default: { // Arena
      uint32_t own = planStages.of(buffer.size());
      if (own > number)
        break;
      if (own < number) {
        binding.arenaOffsets[b] = stages[own].current->arenaOffsets[b];
        sizes[b] = stages[own].current->bufferBytes[b];
        break;
      }
      int64_t offset = values[static_cast<size_t>(buffer.offset())], end = 0;
      sizes[b] = values[static_cast<size_t>(buffer.size())];
      if (offset < 0 || sizes[b] < 0 || !checkedAdd(offset, sizes[b], end) ||
          end > binding.arenaBytes || offset % int64_t(kConstantAlignment))
        return bad("buffer " + std::to_string(b) + " of " +
                   std::to_string(sizes[b]) + " bytes at " +
                   std::to_string(offset) + " is misplaced in the arena of " +
                   std::to_string(binding.arenaBytes) + " bytes");
      binding.arenaOffsets[b] = offset;
      break;
    }
    }
  }
  CpuProgram &program = binding.program;
  DLRT_RETURN_IF_ERROR(program.build(
      shared->header(), *plan, stages[number].firstStep, stages[number].endStep,
      code, values.data(), sizes, device ? device->limits() : DeviceLimits()));
  for (uint32_t b = 0; b < buffers; ++b)
    if (constants[b])
      program.setBuffer(b, const_cast<void *>(constants[b]));
  return {};
}

/// Refuses a stage that would take the session over its limit. Memory that
/// other shapes have left behind is given back first.
Status Session::checkLimit(uint32_t number, size_t scratchBytes) {
  if (!memoryLimit)
    return {};
  // Each is below 2^63; what cannot be added is more than any limit.
  auto add = [](uint64_t &sum, uint64_t bytes) {
    sum = bytes > UINT64_MAX - sum ? UINT64_MAX : sum + bytes;
  };
  Block &scratch = root().scratch;
  uint64_t arenas = 0, own = 0, held = 0;
  for (uint32_t i = 0; i < stages.size(); ++i) {
    uint64_t needed =
        i <= number ? static_cast<uint64_t>(stages[i].current->arenaBytes) : 0;
    add(arenas, needed);
    add(held, std::max<uint64_t>(needed, stages[i].arena.size()));
  }
  for (uint32_t i = 0; i < outputs.size(); ++i) {
    bool isKnown = !outputs[i].data && outputStage(i) <= number;
    uint64_t needed =
        isKnown ? static_cast<uint64_t>(current->outputBytes[i]) : 0;
    add(own, needed);
    add(held, std::max<uint64_t>(needed, outputs[i].own.size()));
  }
  add(held, std::max<uint64_t>(scratchBytes, scratch.size()));
  uint64_t needed = scratchBytes;
  add(needed, arenas);
  add(needed, own);
  if (needed > memoryLimit)
    return at({Code::OutOfMemory,
               "a run with these shapes needs " + std::to_string(needed) +
                   " bytes (intermediate results " + std::to_string(arenas) +
                   ", scratch " + std::to_string(scratchBytes) + ", outputs " +
                   std::to_string(own) + "), more than the limit of " +
                   std::to_string(memoryLimit)});
  if (held > memoryLimit && number == 0) {
    for (Stage &stage : stages)
      stage.arena.release();
    for (Output &output : outputs) {
      output.own.release();
      output.written = nullptr;
    }
    scratch.release();
  }
  return {};
}

Status Session::reserveMemory(uint32_t number) {
  Block &arena = stages[number].arena;
  size_t arenaBytes = static_cast<size_t>(current->arenaBytes);
  size_t stride = paddedScratch(current->program.scratchBytes());
  size_t parts = static_cast<size_t>(threads());
  if (stride > (~size_t(0)) / parts)
    return {Code::OutOfMemory, "no memory for the kernels' scratch"};
  DLRT_RETURN_IF_ERROR(checkLimit(number, stride * parts));
  if (arenaBytes > arena.size())
    log("arena grows to " + std::to_string(arenaBytes) + " bytes");
  DLRT_RETURN_IF_ERROR(arena.reserve(arenaBytes, "intermediate results"));
  DLRT_RETURN_IF_ERROR(root().scratch.reserve(stride * parts, "scratch"));
  scratchStride = stride;
  return {};
}

/// Gives the symbols that begin a stage their values.
Status Session::readSizes(uint32_t number) {
  const fb::Bind &bind = *planStages.begins[number - 1].bind;
  uint32_t buffer = static_cast<uint32_t>(bind.view()->buffer());
  int32_t formula = bind.view()->offset();
  int64_t offset =
      formula < 0 ? 0 : current->values[static_cast<size_t>(formula)];
  int64_t bytes = int64_t(count(bind.symbols())) * int64_t(sizeof(int64_t));
  int64_t end = 0;
  if (offset < 0 || !checkedAdd(offset, bytes, end) ||
      end > current->bufferBytes[buffer])
    return at({Code::BadModule, "sizes lie outside of their buffer"});
  // Those of the later stages are not known any more.
  for (uint32_t s = 0; s < symbols.size(); ++s)
    symbols[s] = current->symbols[s];
  auto *from = static_cast<const std::byte *>(bufferAddress(buffer)) + offset;
  for (uint32_t i = 0; i < count(bind.symbols()); ++i) {
    int64_t value = 0;
    auto *at = from + size_t(i) * sizeof(value);
    if (device)
      DLRT_RETURN_IF_ERROR(root().queue->download(&value, at, sizeof(value)));
    else
      memcpy(&value, at, sizeof(value));
    if (value < 0 || value > kMaxBoundSize)
      return {Code::Mismatch,
              bind.message()->str() + " (found " + std::to_string(value) + ")"};
    symbols[static_cast<size_t>(bind.symbols()->Get(i))] = value;
  }
  return {};
}

/// Where one of the plan's buffers lies that is known in the stage at hand.
void *Session::bufferAddress(uint32_t index) const {
  const fb::Buffer &buffer = *plan->buffers()->Get(index);
  size_t at = static_cast<size_t>(buffer.index());
  if (buffer.kind() == fb::BufferKind_Input && inputs[at].isGivenOnDevice)
    return const_cast<void *>(inputs[at].data);
  if (buffer.kind() == fb::BufferKind_Output && outputs[at].staysOnDevice)
    return outputs[at].written;
  if (device && buffer.kind() != fb::BufferKind_Arena) {
    const std::unique_ptr<Block> *block =
        buffer.kind() == fb::BufferKind_Input    ? &inputs[at].onDevice
        : buffer.kind() == fb::BufferKind_Output ? &outputs[at].onDevice
        : buffer.kind() == fb::BufferKind_Slot   ? &slotsOnDevice[at]
                                                 : nullptr;
    if (block)
      return *block ? (*block)->data() : nullptr;
  }
  if (buffer.kind() == fb::BufferKind_Input)
    return inputs[at].isString ? inputs[at].numbers.data()
                               : const_cast<void *>(inputs[at].data);
  if (buffer.kind() == fb::BufferKind_Output)
    return outputs[at].isString ? outputs[at].numbers.data()
                                : outputs[at].written;
  if (buffer.kind() == fb::BufferKind_Slot) {
    const TensorRef &tensor = slots[at].tensor;
    return tensor ? const_cast<void *>(tensor->data) : nullptr;
  }
  if (buffer.kind() == fb::BufferKind_State)
    return root().stateMemory->data(static_cast<uint32_t>(at));
  if (buffer.kind() == fb::BufferKind_Arena)
    return stages[planStages.of(buffer.size())].arena.data() +
           current->arenaOffsets[index];
  const void *data = nullptr;
  int64_t bytes = 0;
  auto constant = static_cast<uint32_t>(buffer.index());
  (void)shared->constant(constant, data, bytes);
  void *address = const_cast<void *>(data);
  if (device)
    (void)device->constant(constant, data, static_cast<size_t>(bytes), address);
  return address;
}

/// The stage from which on an output's shape is known.
uint32_t Session::outputStage(uint32_t index) const {
  uint32_t stage = 0;
  const auto *dims = signature->outputs()->Get(index)->type()->dims();
  if (planStages.count() > 1 && dims)
    for (int32_t dim : *dims)
      stage = std::max(stage, planStages.of(dim));
  return stage;
}

} // namespace dlrt

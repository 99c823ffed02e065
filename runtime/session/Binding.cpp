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
  if (!shapesChanged && current)
    return {};
  for (uint32_t i = 0; i < inputs.size(); ++i)
    if (!inputs[i].bound)
      return {Code::NotBound, describeInput(i) + " is not bound"};
  current = nullptr;
  for (uint32_t s = 0; s < symbols.size(); ++s) {
    const fb::Symbol &symbol = *signature->symbols()->Get(s);
    symbols[s] = inputs[static_cast<size_t>(symbol.input())]
                     .dims[static_cast<size_t>(symbol.axis())];
  }
  Binding *found = nullptr;
  for (const std::unique_ptr<Binding> &binding : bindings)
    if (binding->symbols == symbols)
      found = binding.get();
  if (!found) {
    auto fresh = std::make_unique<Binding>();
    DLRT_RETURN_IF_ERROR(makeBinding(*fresh));
    if (bindings.size() == kKeptBindings) {
      auto oldest = std::min_element(
          bindings.begin(), bindings.end(),
          [](const auto &a, const auto &b) { return a->lastUse < b->lastUse; });
      if (profiled == &(*oldest)->program) {
        profiled = nullptr;
        sink.events.clear();
      }
      bindings.erase(oldest);
    }
    bindings.push_back(std::move(fresh));
    found = bindings.back().get();
  } else {
    DLRT_RETURN_IF_ERROR(checkInputs(*found));
  }
  found->lastUse = ++uses;
  current = found;
  shapesChanged = false;
  return {};
}

Status Session::checkInputs(const Binding &binding) const {
  for (uint32_t i = 0; i < inputs.size(); ++i) {
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

Status Session::makeBinding(Binding &binding) {
  binding.symbols = symbols;
  binding.values.resize(count(signature->exprs()));
  DLRT_RETURN_IF_ERROR(evaluateFormulas(*signature, binding.symbols.data(),
                                        binding.values.data()));
  DLRT_RETURN_IF_ERROR(checkInputs(binding));
  const std::vector<int64_t> &values = binding.values;
  for (uint32_t i = 0; i < count(signature->checks()); ++i) {
    const fb::Check &check = *signature->checks()->Get(i);
    int64_t lhs = values[static_cast<size_t>(check.lhs())];
    int64_t rhs = values[static_cast<size_t>(check.rhs())];
    if (check.relation() == fb::Relation_Equal ? lhs != rhs : lhs > rhs)
      return {Code::Mismatch,
              "these input shapes do not fit: " + check.message()->str() +
                  " (" + std::to_string(lhs) + " and " + std::to_string(rhs) +
                  ")"};
  }
  for (uint32_t i = 0; i < outputs.size(); ++i) {
    const fb::TensorType &type = *signature->outputs()->Get(i)->type();
    std::vector<int64_t> dims;
    dims.reserve(count(type.dims()));
    for (uint32_t d = 0; d < count(type.dims()); ++d)
      dims.push_back(values[static_cast<size_t>(type.dims()->Get(d))]);
    int64_t elements = 0, bytes = 0;
    if (!elementCount(dims.data(), static_cast<int>(dims.size()), elements) ||
        !elementBytes(type.element(), elements, bytes))
      return {Code::Mismatch, describeOutput(i) +
                                  ": has no possible size for these input "
                                  "shapes"};
    binding.outputDims.push_back(std::move(dims));
    binding.outputBytes.push_back(bytes);
  }
  return at(resolve(binding));
}

Status Session::resolve(Binding &binding) {
  const std::vector<int64_t> &values = binding.values;
  auto bad = [](const std::string &message) {
    return Status(Code::BadModule, message);
  };
  if (plan->arena_size() >= 0)
    binding.arenaBytes = values[static_cast<size_t>(plan->arena_size())];
  if (binding.arenaBytes < 0)
    return bad("the arena's size is negative for these input shapes");
  uint32_t buffers = count(plan->buffers());
  std::vector<int64_t> sizes(buffers);
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
      break;
    }
    case fb::BufferKind_Output:
      sizes[b] = binding.outputBytes[index];
      break;
    case fb::BufferKind_Constant:
      DLRT_RETURN_IF_ERROR(shared->constant(index, constants[b], sizes[b]));
      break;
    default: { // Arena
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
  DLRT_RETURN_IF_ERROR(
      program.build(shared->header(), *plan, *code, values.data(), sizes));
  for (uint32_t b = 0; b < buffers; ++b)
    if (constants[b])
      program.setBuffer(b, const_cast<void *>(constants[b]));
  return {};
}

Status Session::reserveMemory() {
  size_t arenaBytes = static_cast<size_t>(current->arenaBytes);
  if (arenaBytes > arena.size())
    log("arena grows to " + std::to_string(arenaBytes) + " bytes");
  DLRT_RETURN_IF_ERROR(arena.reserve(arenaBytes, "intermediate results"));
  size_t stride = paddedScratch(current->program.scratchBytes());
  size_t parts = static_cast<size_t>(threads());
  if (stride > (~size_t(0)) / parts)
    return {Code::OutOfMemory, "no memory for the kernels' scratch"};
  DLRT_RETURN_IF_ERROR(scratch.reserve(stride * parts, "scratch"));
  scratchStride = stride;
  return {};
}

} // namespace dlrt

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/artifact/Stages.h"
#include "runtime/artifact/Validate.h"
#include "runtime/artifact/module_generated.h"

#include <string>

namespace dlrt {
namespace {

template <typename T> int64_t count(const flatbuffers::Vector<T> *vector) {
  return vector ? static_cast<int64_t>(vector->size()) : 0;
}

/// How many operands, results and attributes an operation has; -1 where that is
/// checked otherwise.
struct Arity {
  int64_t least, most, results, attributes;
};

constexpr Arity kArities[] = {
    /*SequenceCreate*/ {0, 1 << 20, 1, 0},
    /*SequenceInsert*/ {2, 3, 1, 0},
    /*SequenceErase*/ {2, 2, 1, 0},
    /*SequenceLength*/ {1, 1, 1, 0},
    /*SequenceAt*/ {2, 2, 1, 0},
    /*SequenceConcat*/ {1, 1, 1, 2},
    /*SequenceSplit*/ {2, 2, 1, 2},
    /*OptionalCreate*/ {0, 1, 1, 0},
    /*OptionalHas*/ {1, 1, 1, 0},
    /*OptionalGet*/ {1, 1, 1, 0},
    /*If*/ {1, 1, -1, 0},
    /*While*/ {2, 1 << 20, -1, 0},
};

Status bad(const std::string &message) { return {Code::BadModule, message}; }

class PerformChecker {
public:
  PerformChecker(const fb::Entry &entry, const PlanStages &stages,
                 const fb::Perform &perform, uint32_t stage,
                 std::vector<bool> &filled)
      : entry(entry), stages(stages), perform(perform), stage(stage),
        filled(filled), formulas(count(entry.exprs())) {}

  Status check() {
    if (perform.operation() > fb::Operation_MAX)
      return bad("its operation is unknown");
    const Arity &arity = kArities[perform.operation()];
    int64_t operands = count(perform.operands());
    if (operands < arity.least || operands > arity.most ||
        (arity.results >= 0 && count(perform.results()) != arity.results) ||
        count(perform.attributes()) != arity.attributes)
      return bad("it has a wrong number of operands, results or attributes");
    if (arity.attributes &&
        reinterpret_cast<uintptr_t>(perform.attributes()->Data()) % 8 != 0)
      return bad("its attributes are misplaced");
    DLRT_RETURN_IF_ERROR(checkOperands(perform.operands()));
    DLRT_RETURN_IF_ERROR(checkBodies());
    take(perform.operands());
    for (int64_t i = 0; i < count(perform.bodies()); ++i)
      take(perform.bodies()->Get(static_cast<uint32_t>(i))->captures());
    return checkResults();
  }

private:
  using Operands = flatbuffers::Vector<flatbuffers::Offset<fb::Operand>>;

  Status checkType(const fb::TensorType *type, uint32_t at) const {
    if (!type || type->element() == fb::ElementType_None ||
        type->element() > fb::ElementType_String ||
        count(type->dims()) > kMaxRank)
      return bad("a tensor has no possible type");
    if (type->dims())
      for (int32_t dim : *type->dims())
        if (dim < 0 || dim >= formulas || stages.of(dim) > at)
          return bad("a tensor's dimension has no formula");
    return {};
  }

  Status checkOperands(const Operands *operands) const {
    for (int64_t i = 0; i < count(operands); ++i) {
      const fb::Operand &operand = *operands->Get(static_cast<uint32_t>(i));
      if (operand.view()) {
        DLRT_RETURN_IF_ERROR(checkType(operand.type(), stage));
        continue;
      }
      if (operand.slot() < 0 ||
          operand.slot() >= static_cast<int64_t>(filled.size()) ||
          !filled[static_cast<size_t>(operand.slot())])
        return bad("an operand's slot is empty");
    }
    return {};
  }

  void take(const Operands *operands) {
    for (int64_t i = 0; i < count(operands); ++i) {
      const fb::Operand &operand = *operands->Get(static_cast<uint32_t>(i));
      if (!operand.view() && operand.last())
        filled[static_cast<size_t>(operand.slot())] = false;
    }
  }

  Status checkResults() {
    for (int64_t i = 0; i < count(perform.results()); ++i) {
      const fb::Result &result =
          *perform.results()->Get(static_cast<uint32_t>(i));
      if (result.slot() < 0 ||
          result.slot() >= static_cast<int64_t>(filled.size()))
        return bad("a result has no slot");
      if (result.type())
        DLRT_RETURN_IF_ERROR(checkType(result.type(), stage + 1));
      filled[static_cast<size_t>(result.slot())] = true;
    }
    return {};
  }

  /// What a body takes before its captures, and gives.
  Status checkBodies() const {
    bool isIf = perform.operation() == fb::Operation_If;
    bool isWhile = perform.operation() == fb::Operation_While;
    int64_t results = count(perform.results());
    if (count(perform.bodies()) != (isIf ? 2 : isWhile ? 1 : 0))
      return bad("it has a wrong number of bodies");
    if (isWhile && count(perform.operands()) != results + 2)
      return bad("its states and results differ in number");
    for (int64_t i = 0; i < count(perform.bodies()); ++i) {
      const fb::Body &body = *perform.bodies()->Get(static_cast<uint32_t>(i));
      DLRT_RETURN_IF_ERROR(checkOperands(body.captures()));
      if (body.entry() < 0 || body.entry() >= count(entry.bodies()))
        return bad("a body does not exist");
      const fb::Entry &inner =
          *entry.bodies()->Get(static_cast<uint32_t>(body.entry()));
      if (count(inner.inputs()) !=
              count(body.captures()) + (isIf ? 0 : results + 1) ||
          count(inner.outputs()) != results + (isIf ? 0 : 1))
        return bad("a body has a wrong number of inputs or outputs");
      if (body.sizes())
        for (int32_t size : *body.sizes())
          if (size < 0 || size >= formulas || stages.of(size) > stage)
            return bad("a body's size has no formula");
      for (int64_t s = 0; s < count(inner.symbols()); ++s) {
        const fb::Symbol &symbol =
            *inner.symbols()->Get(static_cast<uint32_t>(s));
        if (symbol.input() == -2 && symbol.axis() >= count(body.sizes()))
          return bad("a body's symbol is not given");
      }
    }
    return {};
  }

  const fb::Entry &entry;
  const PlanStages &stages;
  const fb::Perform &perform;
  uint32_t stage;
  std::vector<bool> &filled;
  int64_t formulas;
};

} // namespace

Status validatePerform(const fb::Entry &entry, const PlanStages &stages,
                       const fb::Perform &perform, uint32_t stage,
                       std::vector<bool> &filled) {
  return PerformChecker(entry, stages, perform, stage, filled).check();
}

} // namespace dlrt

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Coalesce.h"
#include "codegen/package/Accesses.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <limits>

using namespace dl::package;

namespace {

class Coalescer {
public:
  explicit Coalescer(Program &program)
      : program(program), accesses(program), stages(program) {
    collect(program.steps, 0);
  }

  void run() {
    // What must lie in a certain place goes first, then states of loops.
    for (const Access &copy : copies)
      if (isPlaced(copy.step->args[1]))
        removeCopy(copy);
    for (const Access &copy : copies)
      if (!isPlaced(copy.step->args[1]))
        removeCopy(copy);
    for (const Access &dispatch : dispatches)
      for (auto [result, input] : dispatch.step->inPlace)
        shareInPlace(dispatch, result, input);
    // Operands and results that now share memory may have made copies
    // removable.
    for (const Access &copy : copies)
      removeCopy(copy);
    sweep(program.steps);
  }

private:
  void collect(std::vector<Step> &steps, int32_t region) {
    // Regions are numbered as Accesses numbers them: in running order.
    for (size_t i = 0; i < steps.size(); ++i) {
      Access place{&steps[i], 0, region, static_cast<int32_t>(i), 0};
      if (steps[i].kind == Step::Kind::Copy)
        copies.push_back(place);
      else if (!steps[i].inPlace.empty())
        dispatches.push_back(place);
      else if (steps[i].kind == Step::Kind::Loop)
        collect(steps[i].body, ++lastRegion);
    }
  }

  bool isPlaced(const View &view) const {
    StorageKind kind = program.storages[view.storage].kind;
    return kind == StorageKind::Output || kind == StorageKind::State ||
           !view.strides.empty();
  }

  bool isArena(int32_t storage) const {
    return program.storages[storage].kind == StorageKind::Arena;
  }

  /// Whether the view is the whole of a temporary.
  bool isWholeTemporary(const View &view) const {
    return isArena(view.storage) && view.isAtStart() &&
           view.bytes == program.storages[view.storage].size;
  }

  /// Whether `bytes` are at most `available` bytes, as far as can be seen.
  bool fits(FormulaId bytes, FormulaId available) const {
    if (bytes == available)
      return true;
    auto a = program.formulas.getConstant(bytes);
    auto b = program.formulas.getConstant(available);
    return a && b && *a <= *b;
  }

  /// First and last position in `region` of the accesses to a storage; nothing
  /// where one lies outside of the region or the first access does not write.
  std::optional<std::pair<int32_t, int32_t>> getLifetime(int32_t region,
                                                         int32_t storage) {
    int32_t first = std::numeric_limits<int32_t>::max(), last = -1;
    const Access *earliest = nullptr;
    for (const Access &access : accesses.of(storage)) {
      int32_t index = accesses.getIndexIn(region, access);
      if (index < 0)
        return std::nullopt;
      if (!earliest || access.order < earliest->order)
        earliest = &access;
      first = std::min(first, index);
      last = std::max(last, index);
    }
    if (!earliest || !earliest->isWrite())
      return std::nullopt;
    return std::pair(first, last);
  }

  /// Whether `step` may read `view` as an input and write the result in
  /// `storage` to the same place. A copy may: it will turn out to be none.
  static bool permits(const Step &step, int32_t storage, const View &view) {
    if (step.kind == Step::Kind::Copy)
      return step.args[1].storage == storage && step.args[1].isAtStart() &&
             step.args[0] == view;
    for (auto [result, input] : step.inPlace)
      if (step.args[step.numInputs + result].storage == storage &&
          step.args[input] == view)
        return true;
    return false;
  }

  void removeCopy(const Access &copy) {
    Step &step = *copy.step;
    if (step.args.empty())
      return;
    View source = step.args[0], target = step.args[1];
    if (source == target)
      return erase(step);
    if (source.storage == target.storage || !isWholeTemporary(source))
      return;
    auto lifetime = getLifetime(copy.region, source.storage);
    if (!lifetime)
      return;
    auto [first, last] = *lifetime;
    // After the copy, the two must stay equal as long as the source is used.
    for (const Access &access : accesses.of(source.storage))
      if (access.isWrite() &&
          accesses.getIndexIn(copy.region, access) > copy.index)
        return;
    for (const Access &access : accesses.of(target.storage)) {
      int32_t index = accesses.getIndexIn(copy.region, access);
      if (index < first || access.step == &step ||
          access.view().isApartFrom(target))
        continue;
      if (index <= copy.index) {
        // The step that makes the value may read what it replaces.
        bool single = countUses(*access.step, target.storage) == 1;
        if (index == first && access.region == copy.region &&
            !access.isWrite() && single &&
            permits(*access.step, source.storage, access.view()) &&
            access.view() == target)
          continue;
        return;
      }
      if (index <= last && access.isWrite())
        return;
    }
    if (!isPlaceable(source.storage, target))
      return;
    erase(step);
    fold(source.storage, target);
  }

  void shareInPlace(const Access &dispatch, size_t result, size_t input) {
    Step &step = *dispatch.step;
    View in = step.args[input], out = step.args[step.numInputs + result];
    if (in.storage == out.storage ||
        countUses(step, in.storage) + countUses(step, out.storage) != 2)
      return;
    if (isWholeTemporary(in) && fits(in.bytes, out.bytes) &&
        diesAt(dispatch, in.storage, out.storage) &&
        isPlaceable(in.storage, out))
      return fold(in.storage, out);
    if (isWholeTemporary(out) && isArena(in.storage) &&
        fits(out.bytes, in.bytes) && replacesAt(dispatch, in, out.storage) &&
        isPlaceable(out.storage, in))
      fold(out.storage, in);
  }

  /// Whether `operand` is not used after the dispatch, and `result` not between
  /// the first use of `operand` and the dispatch.
  bool diesAt(const Access &dispatch, int32_t operand, int32_t result) {
    auto lifetime = getLifetime(dispatch.region, operand);
    if (!lifetime || lifetime->second > dispatch.index)
      return false;
    for (const Access &access : accesses.of(result)) {
      int32_t index = accesses.getIndexIn(dispatch.region, access);
      if (access.step != dispatch.step && index >= lifetime->first &&
          index <= dispatch.index)
        return false;
    }
    return true;
  }

  /// Whether the storage of `operand` is used in this region alone and not
  /// after the dispatch, and `result` is made by the dispatch.
  bool replacesAt(const Access &dispatch, const View &operand, int32_t result) {
    auto lifetime = getLifetime(dispatch.region, operand.storage);
    auto other = getLifetime(dispatch.region, result);
    return lifetime && lifetime->second <= dispatch.index && other &&
           other->first == dispatch.index;
  }

  /// How many arguments of the step are views of a storage.
  static int countUses(const Step &step, int32_t storage) {
    return static_cast<int>(
        std::count_if(step.args.begin(), step.args.end(),
                      [&](const View &v) { return v.storage == storage; }));
  }

  /// Whether a view is still where its step needs it once its storage has been
  /// placed at the target.
  bool staysAligned(const Access &access, const View &target) {
    int64_t alignment = access.step->alignment;
    auto isMultiple = [&](FormulaId moved) {
      return moved == kNoFormula ||
             program.formulas.isMultipleOf(moved, alignment);
    };
    return alignment == 1 ||
           (isMultiple(add(access.view().offset, target.offset)) &&
            llvm::all_of(target.strides, isMultiple));
  }

  /// Whether the target has its place when the storage is first used: not if
  /// that depends on a size which is bound later. And whether that is a place
  /// for all steps that use the storage.
  bool isPlaceable(int32_t storage, const View &target) {
    for (const Access &access : accesses.of(storage))
      if (!staysAligned(access, target))
        return false;
    int32_t from = std::max(stages.of(program.storages[target.storage]),
                            stages.of(target.offset));
    for (FormulaId stride : target.strides)
      from = std::max(from, stages.of(stride));
    return from == 0 ||
           llvm::all_of(accesses.of(storage), [&](const Access &access) {
             return stages.ofStep(accesses.getIndexIn(0, access)) >= from;
           });
  }

  /// Places a storage at a view of another one.
  void fold(int32_t storage, const View &target) {
    for (const Access &access : accesses.of(storage)) {
      View &view = access.view();
      view.storage = target.storage;
      view.offset = add(view.offset, target.offset);
      if (view.strides.size() < target.strides.size())
        view.strides.resize(target.strides.size(), kNoFormula);
      for (size_t i = 0; i < target.strides.size(); ++i)
        view.strides[i] = add(view.strides[i], target.strides[i]);
      view.parts.insert(view.parts.end(), target.parts.begin(),
                        target.parts.end());
      accesses.of(target.storage).push_back(access);
    }
    accesses.of(storage).clear();
  }

  FormulaId add(FormulaId a, FormulaId b) {
    if (a == kNoFormula || b == kNoFormula)
      return a == kNoFormula ? b : a;
    return program.formulas.add(a, b);
  }

  /// Removes a step's accesses; sweep removes the step itself.
  void erase(Step &step) {
    for (const View &view : step.args) {
      std::vector<Access> &list = accesses.of(view.storage);
      list.erase(std::remove_if(list.begin(), list.end(),
                                [&](const Access &access) {
                                  return access.step == &step;
                                }),
                 list.end());
    }
    step.args.clear();
  }

  static void sweep(std::vector<Step> &steps) {
    steps.erase(std::remove_if(steps.begin(), steps.end(),
                               [](const Step &step) {
                                 return step.kind == Step::Kind::Copy &&
                                        step.args.empty();
                               }),
                steps.end());
    for (Step &step : steps)
      sweep(step.body);
  }

  Program &program;
  Accesses accesses;
  Stages stages;
  std::vector<Access> copies;
  std::vector<Access> dispatches;
  int32_t lastRegion = 0;
};

} // namespace

void dl::package::coalesce(Program &program) { Coalescer(program).run(); }

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// An entry of a module as the packager works on it: a tree of steps that read
// and write views of storages. It mirrors the module format, but knows of each
// storage where it is read and written, so that storages can be merged and
// placed.

#ifndef DL_CODEGEN_PACKAGE_PROGRAM_H
#define DL_CODEGEN_PACKAGE_PROGRAM_H

#include "codegen/package/Formulas.h"
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dl::package {

/// What a storage is. Inputs and constants are never written; a slot holds the
/// tensor that a step has found; a state is there before the run and after it.
enum class StorageKind : uint8_t {
  Input,
  Output,
  Constant,
  Arena,
  Slot,
  State
};

struct Storage {
  StorageKind kind = StorageKind::Arena;
  int32_t index = 0;             // as Buffer.index in the module format
  FormulaId size = kNoFormula;   // in bytes
  FormulaId offset = kNoFormula; // in the arena, once planned
};

/// `bytes` bytes from `offset` of a storage; strides[d] is added to the offset
/// once for each iteration of the enclosing loop of depth d (missing: not at
/// all).
struct View {
  int32_t storage = 0;
  FormulaId offset = kNoFormula;
  std::vector<FormulaId> strides;
  FormulaId bytes = kNoFormula;
  /// The storage goes on behind these bytes, which alone are taken.
  bool isPart = false;
  /// Divisions of the storage, by number, and the part of each that this lies
  /// in.
  std::vector<std::pair<int32_t, int32_t>> parts = {};

  /// Whether the two lie in different parts of one division.
  bool isApartFrom(const View &other) const {
    for (auto [division, part] : parts)
      for (auto [otherDivision, otherPart] : other.parts)
        if (division == otherDivision && part != otherPart)
          return true;
    return false;
  }

  /// Whether it begins where its storage begins.
  bool isAtStart() const { return offset == kNoFormula && strides.empty(); }
  bool operator==(const View &other) const {
    return storage == other.storage && offset == other.offset &&
           strides == other.strides && bytes == other.bytes;
  }
};

/// Element type by its number in the module format, and dimensions.
struct TensorDesc {
  uint8_t element = 0;
  std::vector<FormulaId> dims;
};

/// What a step on values in slots takes: argument `arg` of the step, a tensor
/// of `type`, or where that is -1, what is in `slot`, for which `last` tells
/// that no later step uses it.
struct Operand {
  int32_t arg = -1;
  int32_t slot = -1;
  TensorDesc type;
  bool last = false;
};

/// What it gives; `isTensor` tells of `type`.
struct Result {
  int32_t slot = 0;
  bool isTensor = false;
  TensorDesc type;
};

/// A state of the module: its initial value is constant `initial`.
struct StateDesc {
  std::string name;
  uint8_t element = 0; // number of the type
  std::vector<int64_t> dims;
  uint8_t role = 0; // dlrt::fb::StateRole
  int32_t parameter = -1;
  int32_t initial = 0;
  /// In memory, dimension i is dims[order[i]]; empty: i.
  std::vector<int32_t> order;
};

/// One of the program's bodies as a step runs it.
struct BodyCall {
  int32_t body = 0;
  std::vector<Operand> captures;
  std::vector<FormulaId> sizes;
};

/// One step. A dispatch and a host call have `args`: what they read, then, from
/// `numInputs` on, what they write (completely). A copy is a host call. A
/// Perform reads its args, and what it gives lies in slots.
struct Step {
  enum class Kind : uint8_t {
    Dispatch,
    HostCall,
    Copy,
    Loop,
    Bind,
    Perform
  } kind;
  std::string name;
  std::vector<View> args;
  size_t numInputs = 0;

  // Dispatch. inPlace (also of a host call): pairs (result, input) that may be
  // the same memory.
  int32_t kernel = 0;
  std::vector<FormulaId> sizes;
  FormulaId tiles = kNoFormula;
  FormulaId scratch = kNoFormula;
  FormulaId flops = kNoFormula;
  FormulaId iterations = kNoFormula; // see Dispatch in the module format
  FormulaId trips = kNoFormula;
  bool isOnHost = false; // of another target's plan: `kernel` is the CPU's
  int64_t alignment = 1; // bytes at whose multiples the views must begin
  std::vector<std::pair<size_t, size_t>> inPlace;
  // Bytes that are read of each argument, kNoFormula for all; may be shorter.
  std::vector<FormulaId> reads;

  // HostCall and Copy.
  std::string function;
  std::vector<TensorDesc> types;
  std::vector<int64_t> attributes;

  // Perform: `function` is the operation's name, and there are `attributes` and
  // `symbols`.
  int32_t operation = 0;
  std::vector<Operand> operands;
  std::vector<Result> results;
  std::vector<BodyCall> bodies;

  // Bind: symbols by number, and what is wrong with a value that they cannot
  // have.
  std::vector<int32_t> symbols;
  std::string message;

  // Loop.
  FormulaId count = kNoFormula;
  std::vector<Step> body;
};

/// `kind` and `unranked` as in the module format. A size that the tensors of a
/// sequence may have differently is kNoFormula.
struct ValueDesc {
  std::string name;
  TensorDesc type;
  uint8_t kind = 0;
  bool unranked = false;
  uint8_t mapPart = 0; // of an input: dlrt::fb::MapPart
  // Of an output that is a sequence of maps, the keys: strings or numbers.
  std::vector<std::string> keys = {};
  std::vector<int64_t> intKeys = {};

  bool isTensor() const { return kind == 0; }
};

/// A dimension of an input that is given a name; `input` is -1 for a size that
/// a step gives, -2 for one that is given to a body, as number `axis`.
struct SymbolDesc {
  std::string name;
  int32_t input = 0;
  int32_t axis = 0;
};

struct CheckDesc {
  bool lessEqual = false; // otherwise equal
  FormulaId lhs = kNoFormula;
  FormulaId rhs = kNoFormula;
  std::string message;
};

struct Program {
  std::string name;
  Formulas formulas;
  std::vector<SymbolDesc> symbols; // in the order of the formulas' numbers
  std::vector<ValueDesc> inputs;
  std::vector<ValueDesc> outputs;
  std::vector<CheckDesc> checks;
  std::vector<Storage> storages;
  std::vector<Step> steps;
  FormulaId arenaSize = kNoFormula; // of stage 0
  std::vector<FormulaId> lateArenaSizes;
  int32_t slots = 0;                // the first ones are those of the inputs
  std::vector<int32_t> outputSlots; // of outputs, -1 for tensors
  std::vector<Program> bodies;

  int32_t addStorage(StorageKind kind, int32_t index, FormulaId size) {
    storages.push_back({kind, index, size, kNoFormula});
    return static_cast<int32_t>(storages.size() - 1);
  }
};

/// The entries of a module for one target; no plan without a target.
struct PlanPrograms {
  std::string target;
  std::vector<Program> programs;
};

/// Stages of a program: the first lasts until the first Bind or Perform, and
/// each of these begins another one.
class Stages {
public:
  explicit Stages(const Program &program);

  /// How many there are.
  int32_t count() const { return number; }
  /// The stage of a step of the program's own list.
  int32_t ofStep(int32_t index) const {
    return number == 1 ? 0 : steps[static_cast<size_t>(index)];
  }
  /// The first stage in which a formula has a value; kNoFormula always has one.
  int32_t of(FormulaId formula);
  /// The first stage in which a storage has its place.
  int32_t of(const Storage &storage);

private:
  const Program &program;
  int32_t number = 1;
  std::vector<int32_t> steps;
  std::vector<int32_t> symbols;
  std::vector<int32_t> formulas; // of those that have been asked for
};

/// Finds the last steps that use each slot, and tells their operands.
void markLastUses(Program &program);

/// The steps and storages as text, for tests and for finding mistakes.
std::string print(const Program &program);

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_PROGRAM_H

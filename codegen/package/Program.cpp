// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Program.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>

using namespace dl::package;

Stages::Stages(const Program &program)
    : program(program), symbols(program.symbols.size()) {
  for (const Step &step : program.steps) {
    steps.push_back(number - 1);
    if (step.kind != Step::Kind::Bind && step.kind != Step::Kind::Perform)
      continue;
    for (int32_t symbol : step.symbols)
      symbols[static_cast<size_t>(symbol)] = number;
    ++number;
  }
}

int32_t Stages::of(FormulaId formula) {
  if (formula == kNoFormula || number == 1)
    return 0;
  // Operands precede their users.
  for (auto i = static_cast<FormulaId>(formulas.size()); i <= formula; ++i) {
    const Formulas::Node &node = program.formulas[i];
    formulas.push_back(node.op == FormulaOp::Const ? 0
                       : node.op == FormulaOp::Symbol
                           ? symbols[static_cast<size_t>(node.a)]
                           : std::max(formulas[static_cast<size_t>(node.a)],
                                      formulas[static_cast<size_t>(node.b)]));
  }
  return formulas[static_cast<size_t>(formula)];
}

int32_t Stages::of(const Storage &storage) {
  int32_t stage = of(storage.size);
  // The caller gives memory for an output when all of its dimensions are known.
  if (storage.kind == StorageKind::Output)
    for (FormulaId dim :
         program.outputs[static_cast<size_t>(storage.index)].type.dims)
      stage = std::max(stage, of(dim));
  return stage;
}

//===----------------------------------------------------------------------===//
// Slots
//===----------------------------------------------------------------------===//

namespace {

/// Calls `visit` with each slot that a step or what is in it uses.
template <typename Visit>
void forEachSlot(const Program &program, const Step &step, Visit visit) {
  for (const View &view : step.args)
    if (program.storages[view.storage].kind == StorageKind::Slot)
      visit(program.storages[view.storage].index);
  for (const Operand &operand : step.operands)
    if (operand.arg < 0)
      visit(operand.slot);
  for (const BodyCall &body : step.bodies)
    for (const Operand &operand : body.captures)
      if (operand.arg < 0)
        visit(operand.slot);
  for (const Step &inner : step.body)
    forEachSlot(program, inner, visit);
}

} // namespace

void dl::package::markLastUses(Program &program) {
  std::vector<const Step *> last(static_cast<size_t>(program.slots));
  std::vector<int> uses(last.size()); // in the last step
  for (const Step &step : program.steps)
    forEachSlot(program, step, [&](int32_t slot) {
      int &count = uses[static_cast<size_t>(slot)];
      const Step *&latest = last[static_cast<size_t>(slot)];
      count = latest == &step ? count + 1 : 1;
      latest = &step;
    });
  for (int32_t slot : program.outputSlots)
    if (slot >= 0)
      last[static_cast<size_t>(slot)] = nullptr;
  for (Step &step : program.steps)
    for (Operand &operand : step.operands)
      if (operand.arg < 0) {
        auto slot = static_cast<size_t>(operand.slot);
        operand.last = last[slot] == &step && uses[slot] == 1;
      }
  for (Program &body : program.bodies)
    markLastUses(body);
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

namespace {

class Printer {
public:
  Printer(const Program &program, llvm::raw_ostream &os)
      : program(program), os(os) {}

  void printProgram() {
    for (const SymbolDesc &symbol : program.symbols)
      if (symbol.input == -1)
        os << "symbol " << symbol.name << " = bound by a step\n";
      else if (symbol.input == -2)
        os << "symbol " << symbol.name << " = size " << symbol.axis
           << " given\n";
      else
        os << "symbol " << symbol.name << " = input " << symbol.input
           << " dimension " << symbol.axis << "\n";
    for (const CheckDesc &check : program.checks)
      os << "check " << text(check.lhs) << (check.lessEqual ? " <= " : " == ")
         << text(check.rhs) << ": " << check.message << "\n";
    static const char *const kinds[] = {"input", "output", "constant",
                                        "arena", "slot",   "state"};
    for (size_t i = 0; i < program.storages.size(); ++i) {
      const Storage &storage = program.storages[i];
      os << "storage " << i << ": " << kinds[static_cast<int>(storage.kind)];
      if (storage.kind != StorageKind::Arena)
        os << " " << storage.index;
      os << ", " << text(storage.size) << " bytes";
      if (storage.offset != kNoFormula)
        os << " at " << text(storage.offset);
      os << "\n";
    }
    printSteps(program.steps, 0);
    if (program.arenaSize != kNoFormula)
      os << "arena: " << text(program.arenaSize) << " bytes\n";
    for (auto [i, size] : llvm::enumerate(program.lateArenaSizes))
      os << "arena of stage " << i + 1 << ": " << text(size) << " bytes\n";
    for (auto [i, slot] : llvm::enumerate(program.outputSlots))
      if (slot >= 0)
        os << "output " << i << " in slot " << slot << "\n";
    for (auto [i, body] : llvm::enumerate(program.bodies)) {
      os << "body " << i << "\n";
      Printer(body, os).printProgram();
      os << "end of body " << i << "\n";
    }
  }

private:
  std::string text(FormulaId id) const { return program.formulas.print(id); }

  void printView(const View &view) {
    os << view.storage;
    if (view.offset != kNoFormula)
      os << "+" << text(view.offset);
    for (FormulaId stride : view.strides)
      os << "[" << (stride == kNoFormula ? "0" : text(stride)) << "]";
  }

  void printOperands(const Step &step, const std::vector<Operand> &operands) {
    for (auto [i, operand] : llvm::enumerate(operands)) {
      os << (i ? ", " : "");
      if (operand.arg >= 0)
        printView(step.args[static_cast<size_t>(operand.arg)]);
      else
        os << (operand.last ? "last slot " : "slot ") << operand.slot;
    }
  }

  void printPerform(const Step &step) {
    for (auto [i, result] : llvm::enumerate(step.results))
      os << (i ? ", " : "") << "slot " << result.slot;
    os << " = " << step.function << "(";
    printOperands(step, step.operands);
    os << ")";
    for (int32_t symbol : step.symbols)
      os << " binds s" << symbol;
    for (const BodyCall &call : step.bodies) {
      os << " body " << call.body << "(";
      printOperands(step, call.captures);
      os << ")";
      for (FormulaId size : call.sizes)
        os << " size " << text(size);
    }
    os << "\n";
  }

  void printSteps(const std::vector<Step> &steps, unsigned indent) {
    for (const Step &step : steps) {
      os.indent(indent);
      if (step.kind == Step::Kind::Loop) {
        os << "loop " << text(step.count) << " {\n";
        printSteps(step.body, indent + 2);
        os.indent(indent) << "}\n";
        continue;
      }
      if (step.kind == Step::Kind::Bind) {
        os << "bind ";
        for (size_t i = 0; i < step.symbols.size(); ++i)
          os << (i ? ", s" : "s") << step.symbols[i];
        os << " = ";
        printView(step.args[0]);
        os << ": " << step.message << "\n";
        continue;
      }
      if (step.kind == Step::Kind::Perform) {
        printPerform(step);
        continue;
      }
      if (step.kind == Step::Kind::Dispatch)
        os << "dispatch " << step.kernel;
      else
        os << step.function;
      os << "(";
      for (size_t i = 0; i < step.args.size(); ++i) {
        if (i)
          os << (i == step.numInputs ? "; " : ", ");
        else if (step.numInputs == 0)
          os << "; ";
        printView(step.args[i]);
      }
      os << ")";
      if (step.kind == Step::Kind::Dispatch) {
        os << " sizes (";
        for (size_t i = 0; i < step.sizes.size(); ++i)
          os << (i ? ", " : "") << text(step.sizes[i]);
        os << ") tiles " << text(step.tiles);
        if (step.scratch != kNoFormula)
          os << " scratch " << text(step.scratch);
      }
      os << "\n";
    }
  }

  const Program &program;
  llvm::raw_ostream &os;
};

} // namespace

std::string dl::package::print(const Program &program) {
  std::string result;
  llvm::raw_string_ostream os(result);
  Printer(program, os).printProgram();
  return result;
}

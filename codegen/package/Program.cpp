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
    if (step.kind != Step::Kind::Bind)
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

namespace {

class Printer {
public:
  Printer(const Program &program, llvm::raw_ostream &os)
      : program(program), os(os) {}

  void printProgram() {
    for (const SymbolDesc &symbol : program.symbols)
      if (symbol.input < 0)
        os << "symbol " << symbol.name << " = bound by a step\n";
      else
        os << "symbol " << symbol.name << " = input " << symbol.input
           << " dimension " << symbol.axis << "\n";
    for (const CheckDesc &check : program.checks)
      os << "check " << text(check.lhs) << (check.lessEqual ? " <= " : " == ")
         << text(check.rhs) << ": " << check.message << "\n";
    static const char *const kinds[] = {"input", "output", "constant", "arena"};
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

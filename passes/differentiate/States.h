// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The states of a module that trains, and the functions that use them; see
// kStatesAttr in ir/dialect/Dialect.h.

#ifndef DL_PASSES_DIFFERENTIATE_STATES_H
#define DL_PASSES_DIFFERENTIATE_STATES_H

#include "ir/dialect/Dialect.h"
#include "llvm/ADT/BitVector.h"

namespace dl {

struct State {
  std::string name;
  std::string role; // "parameter", "slot", "statistic", "counter", "setting"
  int64_t parameter = -1; // of a slot, the state that it is for
  mlir::ElementsAttr initial;
  /// In memory, dimension i is the type's dimension order[i]; empty: as it is.
  llvm::SmallVector<int64_t> order;

  mlir::RankedTensorType getType() const {
    return mlir::cast<mlir::RankedTensorType>(initial.getType());
  }
};

/// The states that a module declares; none where it has no such function.
llvm::SmallVector<State> readStates(mlir::ModuleOp module);

/// Replaces the module's declaration.
void writeStates(mlir::ModuleOp module, llvm::ArrayRef<State> states);

/// A function whose last arguments and results may be states: what comes before
/// them, and the numbers of the states.
class StateFunction {
public:
  explicit StateFunction(mlir::func::FuncOp function);

  mlir::Block &body() const { return function.front(); }
  mlir::Operation *end() const { return function.front().getTerminator(); }
  size_t numInputs() const;
  size_t numOutputs() const;
  /// The argument that is a state; null where the function does not read it.
  mlir::Value getArgument(int64_t state) const;
  /// The same, added where it is missing.
  mlir::Value addArgument(int64_t state, mlir::RankedTensorType type,
                          mlir::Location loc);
  /// Gives the states other numbers; one that becomes -1 is replaced by
  /// `constants[old]`, and is no argument any more.
  void renumber(llvm::ArrayRef<int64_t> numbers,
                llvm::ArrayRef<mlir::ElementsAttr> constants);
  /// Adds an input behind the others, with a name that none of them has.
  mlir::Value addInput(llvm::StringRef name, mlir::RankedTensorType type);
  /// Removes inputs that nothing reads, and an output.
  void eraseInputs(const llvm::BitVector &inputs);
  void eraseOutput(size_t output);
  /// Ends the function with other results.
  void setResults(mlir::ValueRange outputs,
                  llvm::ArrayRef<llvm::StringRef> names,
                  llvm::ArrayRef<int64_t> states, mlir::ValueRange values);
  /// Gives the same results other values, of whatever types.
  void setResults(mlir::ValueRange values);
  /// A new symbol of this name.
  unsigned addSymbol(llvm::StringRef name);
  llvm::SmallVector<llvm::StringRef> getOutputNames() const;

  mutable mlir::func::FuncOp function;
  llvm::SmallVector<int64_t> arguments, results;

private:
  /// Writes the numbers and the type.
  void update();
};

} // namespace dl

#endif // DL_PASSES_DIFFERENTIATE_STATES_H

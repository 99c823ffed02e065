// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The table of the reference's functions, one for each op. A family of ops is a
// source file that adds its functions.

#ifndef DL_IR_REFERENCE_RULES_H
#define DL_IR_REFERENCE_RULES_H

#include "ir/dialect/Dialect.h"
#include "ir/reference/Interpreter.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::dl::reference {

using Shape = SmallVector<int64_t>;

/// What an op's function is given beside the op.
struct Arguments {
  ArrayRef<Tensor> operands;
  ArrayRef<int64_t> symbols;
  /// Runs a block of the op, whose arguments take these values, and gives what
  /// its terminator yields.
  function_ref<FailureOr<Tensors>(Block &block, ArrayRef<Tensor> arguments)>
      runBlock;
  const HostLibrary *library = nullptr; // of InterpreterOptions

  const Tensor &operator[](size_t i) const { return operands[i]; }
  size_t size() const { return operands.size(); }

  /// The shape that a value's type says. Fails with a diagnostic at its op.
  FailureOr<Shape> getShape(Value value) const;

  /// The values of a map over the symbols. Fails with a diagnostic at `op`.
  FailureOr<SmallVector<int64_t>> getValues(Operation *op, AffineMap map) const;
};

using Rule = std::function<FailureOr<Tensors>(Operation *op,
                                              const Arguments &arguments)>;

class RuleTable {
public:
  /// Adds the function of an op with one result.
  template <typename Op>
  void add(FailureOr<Tensor> (*function)(Op, const Arguments &)) {
    rules[Op::getOperationName()] = [function](Operation *op,
                                               const Arguments &arguments) {
      FailureOr<Tensor> result = function(cast<Op>(op), arguments);
      return failed(result) ? FailureOr<Tensors>(failure())
                            : FailureOr<Tensors>(Tensors{*result});
    };
  }

  /// Adds the function of an op with any number of results.
  template <typename Op>
  void addMany(FailureOr<Tensors> (*function)(Op, const Arguments &)) {
    rules[Op::getOperationName()] = [function](Operation *op,
                                               const Arguments &arguments) {
      return function(cast<Op>(op), arguments);
    };
  }

  /// Adds one function for several ops.
  template <typename... Ops>
  void addAll(FailureOr<Tensors> (*function)(Operation *, const Arguments &)) {
    ((rules[Ops::getOperationName()] = function), ...);
  }

  /// The function of an op; null where there is none.
  const Rule *lookup(Operation *op) const {
    auto it = rules.find(op->getName().getStringRef());
    return it == rules.end() ? nullptr : &it->second;
  }

private:
  llvm::StringMap<Rule> rules;
};

void addCollectiveRules(RuleTable &table);
void addContractionRules(RuleTable &table);
void addControlRules(RuleTable &table);
void addElementwiseRules(RuleTable &table);
void addGradientRules(RuleTable &table);
void addIndexingRules(RuleTable &table);
void addMovementRules(RuleTable &table);
void addOrderingRules(RuleTable &table);
void addReductionRules(RuleTable &table);
void addSequenceRules(RuleTable &table);
void addSignalRules(RuleTable &table);
void addStateRules(RuleTable &table);
void addStringRules(RuleTable &table);
void addTreeRules(RuleTable &table);

/// Sum and product; of integers, modulo 2^64.
template <typename T> T add(T a, T b) {
  if constexpr (std::is_same_v<T, int64_t>)
    return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  else
    return a + b;
}
template <typename T> T multiply(T a, T b) {
  if constexpr (std::is_same_v<T, int64_t>)
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  else
    return a * b;
}

/// Calls `body` with each index of a shape, in row-major order.
void forEachIndex(ArrayRef<int64_t> shape,
                  function_ref<void(ArrayRef<int64_t> index)> body);

/// The distances, in elements, between neighbours along each dimension.
SmallVector<int64_t> getStrides(ArrayRef<int64_t> shape);

/// A dimension between the product of those before it and of those after it.
struct AxisView {
  int64_t outer = 1, size, inner = 1;
  AxisView(ArrayRef<int64_t> shape, int64_t axis);
};

/// A tensor of `shape` whose elements are those of `source` at these positions,
/// in row-major order of `shape`.
template <typename Position>
Tensor pick(const Tensor &source, ArrayRef<int64_t> shape, Position position) {
  Tensor result(source.getElementType(), shape);
  int64_t bytes = source.getElementBytes();
  char *to = result.getMutableData();
  const char *from = source.getData();
  forEachIndex(shape, [&](ArrayRef<int64_t> index) {
    std::memcpy(to, from + position(index) * bytes, bytes);
    to += bytes;
  });
  return result;
}

} // namespace mlir::dl::reference

#endif // DL_IR_REFERENCE_RULES_H

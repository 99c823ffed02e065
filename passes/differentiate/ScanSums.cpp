// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/differentiate/ScanSums.h"
#include "passes/differentiate/Calculus.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace mlir::dl;

namespace dl {

namespace {

class ProductMover {
public:
  ProductMover(ScanOp scan, size_t first)
      : scan(scan), first(first), body(scan.getBody().front()),
        yield(body.getTerminator()), numStates(scan.getStates().size()) {}

  SmallVector<Value> run() {
    for (size_t i = first; i < numStates; ++i)
      if (MatmulOp product = getAddedProduct(i))
        products[i] = product;
    if (products.empty())
      return llvm::to_vector_of<Value>(scan.getResults());
    for (auto [i, product] : products)
      for (Value factor : {product.getLhs(), product.getRhs()})
        stack(getStacked(factor));
    return rebuild();
  }

private:
  /// What an iteration adds to the state; nothing else reads the state.
  MatmulOp getAddedProduct(size_t i) {
    Value state = body.getArgument(i);
    auto sum = yield->getOperand(i).getDefiningOp<AddOp>();
    if (!sum || !sum->hasOneUse() || !state.hasOneUse() ||
        !llvm::is_contained(sum->getOperands(), state))
      return nullptr;
    Value other = sum->getOperand(sum->getOperand(0) == state ? 1 : 0);
    auto product = other.getDefiningOp<MatmulOp>();
    bool isOfMatrices = product && product->hasOneUse() && !product.getWide() &&
                        Calculus::rank(product.getLhs()) == 2 &&
                        Calculus::rank(product.getRhs()) == 2;
    if (!isOfMatrices)
      return nullptr;
    for (Value factor : {product.getLhs(), product.getRhs()})
      if (getStacked(factor).getParentBlock() != &body)
        return nullptr;
    return product;
  }

  /// The matrix, or that which it is the transpose of.
  static Value getStacked(Value matrix) {
    auto transpose = matrix.getDefiningOp<TransposeOp>();
    bool isTurned = transpose && transpose.getPermutation()[0] == 1;
    return isTurned ? transpose.getOperand() : matrix;
  }

  /// Remembers where the stack of a value is: an input, or a result that is
  /// there or will be.
  void stack(Value value) {
    if (auto argument = dyn_cast<BlockArgument>(value);
        argument && argument.getArgNumber() >= numStates) {
      stacks[value] = scan.getInputs()[argument.getArgNumber() - numStates];
      return;
    }
    for (size_t i = numStates; i < yield->getNumOperands(); ++i)
      if (yield->getOperand(i) == value) {
        stacks[value] = scan.getResult(i);
        return;
      }
    if (!stacks.contains(value)) {
      stacks[value] = Value();
      added.push_back(value);
    }
  }

  RankedTensorType getStackType(Value slice) {
    SmallVector<AffineExpr> dims = getDims(Calculus::type(slice));
    dims.insert(dims.begin(),
                getDim(Calculus::type(scan.getInputs().front()), 0));
    return getTensorType(dims, Calculus::element(slice));
  }

  SmallVector<Value> rebuild() {
    OpBuilder builder(scan);
    SmallVector<Value> states;
    SmallVector<Type> types;
    llvm::BitVector dropped(body.getNumArguments()),
        droppedYields(yield->getNumOperands());
    for (size_t i = 0; i < scan->getNumResults(); ++i) {
      if (products.contains(i)) {
        dropped.set(i);
        droppedYields.set(i);
        continue;
      }
      types.push_back(scan.getResult(i).getType());
      if (i < numStates)
        states.push_back(scan.getStates()[i]);
    }
    for (Value value : added)
      types.push_back(getStackType(value));
    auto kept = ScanOp::create(builder, scan.getLoc(), types, states,
                               scan.getInputs(), scan.getReverse());
    kept.getBody().takeBody(scan.getBody());
    yield->eraseOperands(droppedYields);
    yield->insertOperands(yield->getNumOperands(), added);
    for (size_t i : llvm::make_first_range(products)) {
      // The sum, and with it the only reader of the state.
      Value state = body.getArgument(i);
      state.getUsers().begin()->erase();
    }
    body.eraseArguments(dropped);

    SmallVector<Value> results;
    size_t next = 0;
    for (size_t i = 0; i < scan->getNumResults(); ++i)
      results.push_back(products.contains(i) ? Value()
                                             : kept.getResult(next++));
    for (Value value : added)
      stacks[value] = kept.getResult(next++);
    for (auto &[slice, whole] : stacks)
      if (auto result = dyn_cast<OpResult>(whole);
          result && result.getOwner() == scan)
        whole = results[result.getResultNumber()];
    Calculus math(builder, scan.getLoc());
    for (auto [i, product] : products) {
      results[i] = math.matmul(
          math.transpose(flatten(math, product.getLhs(), 1), {1, 0}),
          flatten(math, product.getRhs(), 0));
      product->erase();
    }
    scan->replaceAllUsesWith(results);
    scan->erase();
    return results;
  }

  /// The matrices of all iterations as one, [iterations * sum, other], where
  /// `sum` is the dimension that the product sums up along.
  Value flatten(const Calculus &math, Value matrix, int64_t sum) {
    Value slice = getStacked(matrix), whole = stacks[slice];
    if (slice != matrix)
      sum = 1 - sum;
    if (sum == 1)
      whole = math.transpose(whole, {0, 2, 1});
    SmallVector<AffineExpr> dims = getDims(Calculus::type(whole));
    return math.reshape(whole, {simplify(dims[0] * dims[1]), dims[2]});
  }

  ScanOp scan;
  size_t first;
  Block &body;
  Operation *yield;
  size_t numStates;
  llvm::MapVector<size_t, MatmulOp> products;
  llvm::MapVector<Value, Value> stacks;
  SmallVector<Value> added;
};

} // namespace

SmallVector<Value> moveProductsOutOfScan(ScanOp scan, size_t first) {
  return ProductMover(scan, first).run();
}

} // namespace dl

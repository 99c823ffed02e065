// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/verify/Program.h"

#include "ir/dialect/Dialect.h"

using namespace mlir;
using namespace mlir::dl::reference;

namespace dl::tools {
namespace {

class Shrinker {
public:
  Shrinker(Program program, const std::function<bool(Program)> &isInteresting,
           const std::function<void(size_t)> &progress)
      : program(std::move(program)), isInteresting(isInteresting),
        progress(progress) {
    update();
  }

  Program run() {
    takeOneResult();
    // Each makes the others find more: an op that nothing needs any more is not
    // in the way of bisection.
    size_t before;
    do {
      before = countOps(program);
      takePrefix();
      takeSuffix();
      removeChunks();
    } while (countOps(program) < before);
    makeSplats();
    return std::move(program);
  }

private:
  /// After the program has changed.
  void update() {
    if (progress)
      progress(countOps(program));
    recording = Recording();
    if (!program.inputs.empty() || program.getFunction().getNumArguments() == 0)
      if (auto recorded = record(program); succeeded(recorded))
        recording = std::move(*recorded);
  }

  /// The ops that compute.
  SmallVector<Operation *> getOps() const {
    SmallVector<Operation *> ops;
    for (Operation &op : program.getFunction().front().without_terminator())
      if (!op.hasTrait<OpTrait::ConstantLike>())
        ops.push_back(&op);
    return ops;
  }

  SmallVector<Value> getResults() const {
    return SmallVector<Value>(
        program.getFunction().front().getTerminator()->getOperands());
  }

  bool adopt(const Cut &cut) {
    Program candidate = extract(program, cut, recording);
    if (!isInteresting(candidate.clone()))
      return false;
    program = std::move(candidate);
    update();
    return true;
  }

  bool test(const Cut &cut) {
    return isInteresting(extract(program, cut, recording));
  }

  void takeOneResult() {
    SmallVector<Value> results = getResults();
    if (results.size() < 2)
      return;
    for (Value result : results)
      if (adopt({{result}, {}, {}}))
        return;
  }

  /// Returns the results of the first op that will do, as bisection finds it.
  void takePrefix() {
    SmallVector<Operation *> ops = getOps();
    auto cutAt = [&](size_t i) {
      return Cut{SmallVector<Value>(ops[i]->getResults()), {}, {}};
    };
    // The program as it is stands for the last op.
    size_t low = 0, high = ops.size();
    while (low < high) {
      size_t middle = low + (high - low) / 2;
      if (ops[middle]->getNumResults() && test(cutAt(middle)))
        high = middle;
      else
        low = middle + 1;
    }
    if (high < ops.size())
      adopt(cutAt(high));
  }

  /// The values that ops [0, count) make for later ones, as arguments.
  Cut giveBefore(ArrayRef<Operation *> ops, size_t count) const {
    Cut cut{getResults(), {}, {}};
    for (Operation *op : ops.take_front(count)) {
      llvm::append_range(cut.given, op->getResults());
      if (isa<mlir::dl::BindingInterface>(op))
        cut.unbound.insert(op);
    }
    return cut;
  }

  /// Begins as late as bisection finds that it will do.
  void takeSuffix() {
    SmallVector<Operation *> ops = getOps();
    size_t low = 0, high = ops.size();
    while (high - low > 1) {
      size_t middle = low + (high - low) / 2;
      (test(giveBefore(ops, middle)) ? low : high) = middle;
    }
    if (low)
      adopt(giveBefore(ops, low));
  }

  /// Makes arguments of what stretches of ops compute, long ones first.
  void removeChunks() {
    for (size_t size = std::max<size_t>(getOps().size() / 2, 1);; size /= 2) {
      for (size_t start = 0; start < getOps().size();) {
        SmallVector<Operation *> ops = getOps();
        Cut cut{getResults(), {}, {}};
        for (Operation *op :
             ArrayRef(ops).slice(start, std::min(size, ops.size() - start))) {
          llvm::append_range(cut.given, op->getResults());
          if (isa<mlir::dl::BindingInterface>(op))
            cut.unbound.insert(op);
        }
        // (An op that cannot go is passed by.)
        if (!adopt(cut) || getOps().size() == ops.size())
          start += size;
      }
      if (size <= 1)
        return;
    }
  }

  /// Large constants and inputs, as one number everywhere where that will do.
  void makeSplats() {
    constexpr int64_t kLarge = 16;
    SmallVector<mlir::dl::ConstantOp> constants;
    for (auto op : program.getFunction().getOps<mlir::dl::ConstantOp>())
      if (op.getValue().getNumElements() > kLarge && !op.getValue().isSplat())
        constants.push_back(op);
    for (mlir::dl::ConstantOp op : constants) {
      ElementsAttr before = op.getValue();
      FailureOr<Tensor> tensor = Tensor::fromAttribute(before);
      if (failed(tensor))
        continue;
      Tensor one =
          Tensor::view(tensor->getElementType(), {1}, tensor->getData());
      Attribute element = *one.toAttribute().value_begin<Attribute>();
      op.setValueAttr(
          DenseElementsAttr::get(cast<ShapedType>(before.getType()), element));
      if (!isInteresting(program.clone()))
        op.setValueAttr(before);
    }
    for (Tensor &input : program.inputs) {
      if (input.getNumElements() <= kLarge)
        continue;
      Tensor before = input;
      Tensor splat(before.getElementType(), before.getShape());
      int64_t bytes = before.getElementBytes();
      for (int64_t i = 0, e = before.getNumElements(); i < e; ++i)
        std::memcpy(splat.getMutableData() + i * bytes, before.getData(),
                    bytes);
      input = splat;
      if (!isInteresting(program.clone()))
        input = before;
    }
  }

  Program program;
  const std::function<bool(Program)> &isInteresting;
  const std::function<void(size_t)> &progress;
  Recording recording;
};

} // namespace

Program shrink(Program program,
               const std::function<bool(Program)> &isInteresting,
               const std::function<void(size_t ops)> &progress) {
  return Shrinker(std::move(program), isInteresting, progress).run();
}

} // namespace dl::tools

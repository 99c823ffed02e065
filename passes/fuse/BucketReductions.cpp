// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Gradients in buckets, as data-parallel training reduces them: S. Li et al.,
// "PyTorch Distributed: Experiences on Accelerating Data Parallel Training",
// 2020.

#include "ir/dialect/Dims.h"
#include "passes/ModelFunctions.h"
#include "passes/Passes.h"
#include "passes/fuse/Graph.h"
#include "passes/fuse/RankReductions.h"
#include "passes/fuse/Structure.h"
#include "llvm/ADT/MapVector.h"

namespace dl {
#define GEN_PASS_DEF_BUCKETREDUCTIONS
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::fuse;

namespace {

/// A value to be reduced, and what stands for it afterwards.
struct Part {
  Value value, result;
  std::pair<int64_t, size_t> place; // of what makes it, then in the order given
};
struct Bucket {
  SmallVector<Part> parts;
  int64_t number = 0;
  Value started = {}; // what is being reduced
};

/// Buckets that are begun before what needs the first one: enough for the
/// reductions to go on while steps compute.
constexpr size_t kUnderWay = 4;

class BucketBuilder {
public:
  BucketBuilder(Block &block, int64_t bytes) : block(block), bytes(bytes) {}

  void run() {
    // One that needs what another one gives waits for its turn.
    while (true) {
      SmallVector<AllReduceOp> ops(block.getOps<AllReduceOp>());
      if (ops.empty())
        return;
      SmallVector<Operation *> dependents = findDependents();
      llvm::DenseSet<Operation *> late(dependents.begin(), dependents.end());
      llvm::erase_if(ops, [&](AllReduceOp op) { return late.contains(op); });
      SmallVector<Bucket> buckets = divide(ops);
      for (Bucket &bucket : buckets)
        begin(bucket);
      place(dependents, buckets);
      for (Bucket &bucket : buckets)
        end(bucket);
      for (AllReduceOp op : ops)
        op.erase();
    }
  }

private:
  /// The ops of the block that need, for themselves or others before them, what
  /// is reduced.
  SmallVector<Operation *> findDependents() {
    llvm::DenseSet<Operation *> found;
    llvm::DenseSet<int64_t> symbols;
    SmallVector<Operation *> ordered;
    for (Operation &op : block.without_terminator()) {
      bool depends =
          llvm::any_of(Graph::getInputs(&op),
                       [&](Value input) {
                         Operation *producer = input.getDefiningOp();
                         return producer && (isa<AllReduceOp>(producer) ||
                                             found.contains(producer));
                       }) ||
          llvm::any_of(getUsedSymbols(&op), [&](unsigned symbol) {
            return symbols.contains(symbol);
          });
      if (!depends)
        continue;
      found.insert(&op);
      ordered.push_back(&op);
      if (auto binding = dyn_cast<BindingInterface>(op))
        symbols.insert(binding.getBoundSymbols().begin(),
                       binding.getBoundSymbols().end());
    }
    return ordered;
  }

  /// The last bucket that each of the dependents needs, by number.
  static DenseMap<Operation *, size_t>
  findLastBuckets(ArrayRef<Operation *> dependents, ArrayRef<Bucket> buckets) {
    DenseMap<Value, size_t> readyFrom;
    for (auto [i, bucket] : llvm::enumerate(buckets))
      for (const Part &part : bucket.parts)
        readyFrom[part.result] = i;
    DenseMap<Operation *, size_t> last;
    for (Operation *op : dependents) {
      size_t own = 0;
      for (Value input : Graph::getInputs(op))
        own = std::max(own, readyFrom.lookup(input));
      last[op] = own;
      for (Value result : op->getResults())
        readyFrom[result] = own;
    }
    return last;
  }

  /// Puts what depends on buckets where some more are under way, in the order
  /// of the last bucket that each op needs: what needs the first one alone does
  /// not wait for others, and no more buckets than these are kept.
  void place(SmallVector<Operation *> dependents, ArrayRef<Bucket> buckets) {
    bool binds = llvm::any_of(dependents, [](Operation *op) {
      return isa<BindingInterface>(op); // what uses the symbols stays behind
    });
    DenseMap<Operation *, size_t> last = findLastBuckets(dependents, buckets);
    if (!binds)
      llvm::sort(dependents, [&](Operation *a, Operation *b) {
        size_t ofA = last.lookup(a), ofB = last.lookup(b);
        return ofA == ofB ? a->isBeforeInBlock(b) : ofA < ofB;
      });
    for (Operation *op : dependents)
      op->moveBefore(block.getTerminator());
    Operation *previous = nullptr;
    for (Operation *op : dependents) {
      size_t next = last.lookup(op) + kUnderWay;
      if (binds || next >= buckets.size())
        return;
      Operation *after = buckets[next].started.getDefiningOp();
      if (previous && after->isBeforeInBlock(previous))
        after = previous;
      if (!getUsedSymbols(op).empty() || !makeAvailable(op, after, last))
        continue;
      op->moveAfter(after);
      previous = op;
    }
  }

  /// Whether all that an op reads is there after `after`, once what only needs
  /// what is there has been moved behind it; `after` becomes the last of these.
  bool makeAvailable(Operation *op, Operation *&after,
                     const DenseMap<Operation *, size_t> &dependents) {
    auto isLate = [&](Value value) {
      Operation *producer = value.getDefiningOp();
      return producer && !isa<AllReduceOp>(producer) &&
             after->isBeforeInBlock(producer);
    };
    for (Value input : Graph::getInputs(op)) {
      if (!isLate(input))
        continue;
      Operation *producer = input.getDefiningOp();
      if (dependents.contains(producer) || !getUsedSymbols(producer).empty() ||
          llvm::any_of(Graph::getInputs(producer), isLate))
        return false;
      producer->moveAfter(after);
      after = producer;
    }
    return true;
  }

  /// The place of what makes a value; -1 for what is there from the start.
  static int64_t getPlace(Value value,
                          const DenseMap<Operation *, int64_t> &places) {
    Operation *producer = value.getDefiningOp();
    return producer ? places.lookup(producer) : -1;
  }

  /// Buckets of one element type each, in the order in which parts are made.
  SmallVector<Bucket> divide(ArrayRef<AllReduceOp> ops) {
    DenseMap<Operation *, int64_t> places;
    for (auto [i, op] : llvm::enumerate(block))
      places[&op] = static_cast<int64_t>(i);
    SmallVector<Part> parts;
    for (AllReduceOp op : ops)
      for (auto [value, result] : llvm::zip(op.getInputs(), op.getResults()))
        if (!result.use_empty())
          parts.push_back(
              {value, result, {getPlace(value, places), parts.size()}});
    llvm::sort(parts,
               [](const Part &a, const Part &b) { return a.place < b.place; });
    SmallVector<Bucket> buckets;
    // The open bucket of each element type: its number, and its bytes.
    llvm::MapVector<Type, std::pair<size_t, int64_t>> open;
    for (const Part &part : parts) {
      int64_t size = estimateBytes(part.value.getType());
      auto [entry, isNew] = open.try_emplace(
          getElementTypeOrSelf(part.value.getType()), buckets.size(), 0);
      auto &[number, filled] = entry->second;
      if (isNew || filled + size > bytes) {
        number = buckets.size();
        filled = 0;
        buckets.emplace_back();
      }
      buckets[number].parts.push_back(part);
      filled += size;
    }
    return buckets;
  }

  static RankedTensorType getFlat(RankedTensorType type, int64_t count) {
    return RankedTensorType::get({count}, type.getElementType());
  }
  static RankedTensorType typeOf(Value value) {
    return cast<RankedTensorType>(value.getType());
  }

  /// The op after which all parts are there; null where they are from the
  /// start.
  Operation *findLast(const Bucket &bucket) {
    Operation *last = nullptr;
    for (const Part &part : bucket.parts)
      if (Operation *producer = part.value.getDefiningOp();
          producer && (!last || last->isBeforeInBlock(producer)))
        last = producer;
    return last;
  }

  /// The first op of the block that uses a value; what it is part of, for one
  /// in a region.
  Operation *findFirstUser(Value value) {
    Operation *first = nullptr;
    for (Operation *user : value.getUsers()) {
      Operation *at = block.findAncestorOpInBlock(*user);
      if (!first || at->isBeforeInBlock(first))
        first = at;
    }
    return first;
  }

  void begin(Bucket &bucket) {
    OpBuilder builder(block.getParentOp()->getContext());
    if (Operation *last = findLast(bucket))
      builder.setInsertionPointAfter(last);
    else
      builder.setInsertionPointToStart(&block);
    Location loc = bucket.parts.front().result.getLoc();
    SmallVector<Value> flat;
    int64_t count = 0;
    for (const Part &part : bucket.parts) {
      int64_t elements = typeOf(part.value).getNumElements();
      flat.push_back(
          reshape(builder, part.value, getFlat(typeOf(part.value), elements)));
      count += elements;
    }
    Value whole = flat.front();
    if (flat.size() > 1)
      whole = ConcatOp::create(builder, loc, getFlat(typeOf(whole), count),
                               flat, /*axis=*/0);
    bucket.number = number++;
    bucket.started = call(builder, loc, kAllReduceStart, whole, bucket.number);
  }

  void end(const Bucket &bucket) {
    Operation *first = nullptr;
    for (const Part &part : bucket.parts)
      if (Operation *user = findFirstUser(part.result);
          !first || user->isBeforeInBlock(first))
        first = user;
    OpBuilder builder(first);
    Location loc = bucket.started.getLoc();
    Value done =
        call(builder, loc, kAllReduceWait, bucket.started, bucket.number);
    int64_t offset = 0;
    for (const Part &part : bucket.parts) {
      builder.setInsertionPoint(findFirstUser(part.result));
      RankedTensorType to = typeOf(part.result);
      Value value = done;
      if (bucket.parts.size() > 1)
        value = SliceOp::create(
            builder, loc, getFlat(to, to.getNumElements()), done,
            AffineMap::get(0, 0, builder.getAffineConstantExpr(offset)),
            ArrayRef<int64_t>(1));
      offset += to.getNumElements();
      Value(part.result).replaceAllUsesWith(reshape(builder, value, to));
    }
  }

  static Value reshape(OpBuilder &builder, Value value, RankedTensorType to) {
    if (value.getType() == to)
      return value;
    return ReshapeOp::create(builder, value.getLoc(), to, value);
  }

  static Value call(OpBuilder &builder, Location loc, StringRef function,
                    Value bucket, int64_t number) {
    auto op =
        HostCallOp::create(builder, loc, bucket.getType(), function, bucket,
                           builder.getDenseI64ArrayAttr({number}));
    op->setAttr("dl.in_place", builder.getDenseI64ArrayAttr({0}));
    return op.getResult(0);
  }

  Block &block;
  int64_t bytes;
  int64_t number = 0; // of the next bucket
};

class BucketReductions
    : public ::dl::impl::BucketReductionsBase<BucketReductions> {
  using BucketReductionsBase::BucketReductionsBase;

  void runOnOperation() override {
    if (isModelFunction(getOperation()))
      BucketBuilder(getOperation().getBody().front(), bytes).run();
  }
};

} // namespace

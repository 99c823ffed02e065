// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Kernels that run once more, so that their results need not be kept: where
// most memory is in use, one after the other of those that free most bytes for
// the time that they take. A result is computed from what is there anyway, or
// by kernels that run once more, too: a segment between two results that are
// kept, as of Chen et al., "Training Deep Nets with Sublinear Memory Cost"
// (2016). Where a result comes elementwise from others of its kernel that are
// kept, that part runs again alone.

#include "ir/dialect/TrainingLocations.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/ModelFunctions.h"
#include "passes/Passes.h"
#include "passes/fuse/Slice.h"
#include "llvm/ADT/MapVector.h"
#include <cmath>

namespace dl {
#define GEN_PASS_DEF_REMATERIALIZE
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::fuse;

/// The values from outside of an op that it or its regions read.
static llvm::SetVector<Value> getReads(Operation *op) {
  llvm::SetVector<Value> reads;
  op->walk([&](Operation *inner) {
    for (Value operand : inner->getOperands()) {
      Region *region = operand.getParentRegion();
      bool isInside = llvm::any_of(op->getRegions(), [&](Region &own) {
        return own.isAncestor(region);
      });
      if (!isInside)
        reads.insert(operand);
    }
  });
  return reads;
}

/// About how long an op takes, in bytes that are moved in that time.
static double getTime(Operation *op) {
  constexpr double kFlopsPerByte = 6;
  double bytes = 0;
  for (Type type : op->getResultTypes())
    if (isa<RankedTensorType>(type))
      bytes += static_cast<double>(estimateBytes(type));
  if (getKind(op) != FusionKind::Contraction || op->getNumOperands() < 2)
    return bytes / 4;
  auto count = [](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    double elements = 1;
    for (int64_t size : type.getShape())
      elements *= ShapedType::isDynamic(size) ? 512 : static_cast<double>(size);
    return elements;
  };
  // Of a matrix product, each of three sizes is in two of the tensors.
  double multiplications =
      std::sqrt(count(op->getOperand(0)) * count(op->getOperand(1)) *
                count(op->getResult(0)));
  return bytes + 2 * multiplications / kFlopsPerByte;
}

constexpr double kStart = 1024; // of a kernel

static double getTime(FusedOp fused) {
  double time = kStart;
  fused.getBody().walk([&](Operation *op) { time += getTime(op); });
  for (Value read : getReads(fused))
    if (isa<RankedTensorType>(read.getType()))
      time += static_cast<double>(estimateBytes(read.getType()));
  return time;
}

namespace {

/// A tensor in the arena: from the op that makes it to the last that reads it,
/// or a reshape of it.
struct Life {
  int64_t first = 0, bytes = 0;
  SmallVector<int64_t> uses; // in order
  int64_t last() const { return uses.empty() ? first : uses.back(); }
  bool isAt(int64_t place) const { return first <= place && place <= last(); }
};

/// Kernels to run again before the op at a place, in order; the results of the
/// last one are not kept until then. With `part`, that is one result alone,
/// which is made again from others of them.
struct Move {
  llvm::SetVector<Operation *> ops;
  OpResult part;
  int64_t place = 0;
  int64_t saved = 0;   // bytes, where most memory is in use
  int64_t passing = 0; // bytes while the kernels run
  double time = 0;     // in bytes that could be moved meanwhile
};

class Rematerializer {
public:
  /// At most `slack` of the block's time may go into running kernels again;
  /// `parts` of them, too.
  Rematerializer(Block &block, int64_t budget, double slack, bool parts)
      : block(block), budget(budget), slack(slack), parts(parts) {}

  /// The kernels that run again.
  int64_t run() {
    double whole = 0;
    for (FusedOp fused : block.getOps<FusedOp>())
      whole += getTime(fused);
    timeLeft = slack * whole;
    int64_t limit = 4 * static_cast<int64_t>(block.getOperations().size());
    while (moves < limit) {
      measure();
      if (use[peak] <= budget)
        break;
      std::optional<Move> move = choose();
      if (!move)
        break;
      timeLeft -= move->time;
      apply(*move);
    }
    measure();
    return recomputed;
  }

  /// Whether that is within the budget.
  bool fits() const { return use[peak] <= budget; }

  /// Bytes in use at an op, once the rest is done.
  int64_t getUseAt(Operation *op) {
    measure();
    return use[position.lookup(op)];
  }

private:
  void measure();
  void addLives(Operation &op);
  void addUses(Operation &op);
  std::optional<Move> choose();
  std::optional<Move> consider(FusedOp fused);
  std::optional<Move> considerPart(OpResult result);
  bool isFreed(Value result, Move &move);
  bool collect(FusedOp fused, Move &move, int64_t &extended);
  bool collectReads(const llvm::SetVector<Value> &reads, Move &move,
                    int64_t &extended);
  void apply(const Move &move);

  /// The tensor that a value is a reshape of.
  Value getRoot(Value value) const {
    while (auto reshape = value.getDefiningOp<ReshapeOp>()) {
      if (reshape->getBlock() != &block)
        break;
      value = reshape.getOperand();
    }
    return value;
  }
  Life *getLife(Value value) {
    auto found = lives.find(getRoot(value));
    return found == lives.end() ? nullptr : &found->second;
  }

  Block &block;
  int64_t budget;
  double slack, timeLeft = 0;
  bool parts;
  DenseMap<Operation *, int64_t> position;
  SmallVector<Operation *> ops;
  llvm::MapVector<Value, Life> lives;
  SmallVector<int64_t> use; // bytes at each op
  int64_t peak = 0;         // where most are in use
  int64_t moves = 0, recomputed = 0;
};

} // namespace

//===----------------------------------------------------------------------===//
// Lives
//===----------------------------------------------------------------------===//

void Rematerializer::addLives(Operation &op) {
  if (!isa<FusedOp, ScanOp, HostCallOp>(op) && !isRuntimeCall(&op))
    return;
  for (Value result : op.getResults())
    if (isa<RankedTensorType>(result.getType()))
      lives[result] = {
          position.lookup(&op), estimateBytes(result.getType()), {}};
}

void Rematerializer::addUses(Operation &op) {
  if (isa<ReshapeOp>(op))
    return;
  for (Value read : getReads(&op)) {
    Life *life = getLife(read);
    if (!life)
      continue;
    if (life->last() != position.lookup(&op) || life->uses.empty())
      life->uses.push_back(position.lookup(&op));
    // What is given away lies in its place from the start.
    if (op.hasTrait<OpTrait::IsTerminator>())
      life->bytes = 0;
  }
}

void Rematerializer::measure() {
  position.clear();
  ops.clear();
  lives.clear();
  for (Operation &op : block) {
    position[&op] = static_cast<int64_t>(ops.size());
    ops.push_back(&op);
  }
  for (Operation *op : ops)
    addLives(*op);
  for (Operation *op : ops)
    addUses(*op);
  use.assign(ops.size() + 1, 0);
  for (const auto &[value, life] : lives) {
    use[life.first] += life.bytes;
    use[life.last() + 1] -= life.bytes;
  }
  for (size_t i = 1; i < use.size(); ++i)
    use[i] += use[i - 1];
  peak = std::max_element(use.begin(), use.end()) - use.begin();
}

//===----------------------------------------------------------------------===//
// Moves
//===----------------------------------------------------------------------===//

/// Adds a kernel, after those that have to run before it because what it reads
/// is not in memory any more. `extended` are bytes that have to be kept longer.
bool Rematerializer::collect(FusedOp fused, Move &move, int64_t &extended) {
  constexpr size_t kMostKernels = 24;
  if (move.ops.contains(fused))
    return true;
  if (move.ops.size() >= kMostKernels ||
      !collectReads(getReads(fused), move, extended))
    return false;
  if (move.ops.insert(fused))
    move.time += getTime(fused);
  return true;
}

/// Adds the kernels that make those of `reads` that are not there any more.
bool Rematerializer::collectReads(const llvm::SetVector<Value> &reads,
                                  Move &move, int64_t &extended) {
  constexpr int64_t kSmall = 4096; // bytes that are kept rather
  for (Value read : reads) {
    Life *life = getLife(read);
    // What is there where most memory is in use may stay a while longer.
    if (!life || life->last() >= move.place || life->isAt(peak))
      continue;
    auto producer = getRoot(read).getDefiningOp<FusedOp>();
    if (!producer || life->bytes <= kSmall) {
      extended += life->bytes;
      continue;
    }
    bool isNew = !move.ops.contains(producer);
    if (!collect(producer, move, extended))
      return false;
    if (isNew)
      move.passing += life->bytes;
  }
  return true;
}

/// Whether a result is kept where most memory is in use without being read
/// there, so that it can be made again before it is read next; then counts its
/// bytes and makes that the place.
bool Rematerializer::isFreed(Value result, Move &move) {
  Life *life = getLife(result);
  if (!life || !life->isAt(peak) || life->first == peak ||
      llvm::is_contained(life->uses, peak))
    return false;
  auto *next = llvm::find_if(life->uses, [&](int64_t at) { return at > peak; });
  if (next == life->uses.end())
    return false;
  move.place = std::min(move.place, *next);
  move.saved += life->bytes;
  return true;
}

/// What running a kernel again would gain.
std::optional<Move> Rematerializer::consider(FusedOp fused) {
  Move move;
  move.place = static_cast<int64_t>(ops.size());
  for (Value result : fused.getResults())
    isFreed(result, move);
  int64_t extended = 0;
  if (move.saved == 0 || !collect(fused, move, extended))
    return std::nullopt;
  move.saved -= extended;
  // Nothing is gained where the kernels need as much in their turn.
  if (move.saved <= 0 || use[move.place] + move.passing >= use[peak])
    return std::nullopt;
  return move;
}

/// What making one result again from others of its kernel would gain.
std::optional<Move> Rematerializer::considerPart(OpResult result) {
  constexpr double kInstructionsPerVector = 15; // in the time of moving it
  Move move;
  move.place = static_cast<int64_t>(ops.size());
  move.part = result;
  if (!isFreed(result, move))
    return std::nullopt;
  std::optional<Slice> slice = getElementwiseSlice(result);
  if (!slice)
    return std::nullopt;
  for (Value input : slice->inputs)
    if (input.getDefiningOp() == result.getOwner()) {
      // Running the rest of the kernel for it is another move.
      Life *life = getLife(input);
      if (life && life->last() < move.place && !life->isAt(peak))
        return std::nullopt;
    }
  int64_t extended = 0;
  if (!collectReads(slice->inputs, move, extended) ||
      move.ops.contains(result.getOwner()))
    return std::nullopt;
  double bytes = static_cast<double>(estimateBytes(result.getType()));
  move.time +=
      kStart + bytes +
      static_cast<double>(slice->cost) * bytes / kInstructionsPerVector;
  for (Value input : slice->inputs)
    if (isa<RankedTensorType>(input.getType()))
      move.time += static_cast<double>(estimateBytes(input.getType()));
  move.ops.insert(result.getOwner());
  move.saved -= extended;
  if (move.saved <= 0 || use[move.place] + move.passing >= use[peak])
    return std::nullopt;
  return move;
}

std::optional<Move> Rematerializer::choose() {
  std::optional<Move> best;
  auto getGain = [](const Move &move) {
    return static_cast<double>(move.saved) / move.time;
  };
  auto take = [&](std::optional<Move> move) {
    if (move && move->time <= timeLeft &&
        (!best || getGain(*move) > getGain(*best)))
      best = move;
  };
  for (int64_t i = 0; i < peak; ++i) {
    auto fused = dyn_cast<FusedOp>(ops[i]);
    if (!fused)
      continue;
    take(consider(fused));
    if (parts && fused->getNumResults() > 1)
      for (OpResult result : fused->getResults())
        take(considerPart(result));
  }
  return best;
}

/// In a copy of a kernel, takes the original's results but one from there.
static void readOtherResults(FusedOp copy, FusedOp original, unsigned part) {
  YieldOp yield = getYield(copy);
  Value made = yield.getOperand(part);
  for (auto [yielded, result] :
       llvm::zip(yield.getOperands(), original.getResults()))
    if (yielded != made)
      yielded.replaceUsesWithIf(
          result, [&](OpOperand &use) { return use.getOwner() != yield; });
}

void Rematerializer::apply(const Move &move) {
  IRMapping mapping;
  OpBuilder builder(ops[move.place]);
  std::function<Value(Value)> find = [&](Value value) -> Value {
    if (Value known = mapping.lookupOrNull(value))
      return known;
    auto reshape = value.getDefiningOp<ReshapeOp>();
    if (!reshape || reshape->getBlock() != &block)
      return value;
    Value from = find(reshape.getOperand());
    if (from == reshape.getOperand())
      return value;
    Operation *again = builder.clone(*reshape);
    again->setOperand(0, from);
    mapping.map(value, again->getResult(0));
    return again->getResult(0);
  };
  SmallVector<FusedOp> copies;
  for (Operation *op : move.ops) {
    for (Value read : getReads(op))
      if (Value now = find(read); now != read)
        mapping.map(read, now);
    copies.push_back(cast<FusedOp>(builder.clone(*op, mapping)));
    copies.back()->setLoc(markAgain(op->getLoc()));
  }
  auto fused = cast<FusedOp>(move.ops.back());
  if (move.part)
    readOtherResults(copies.back(), fused, move.part.getResultNumber());
  // Later readers of the last kernel's results take the new ones.
  SmallVector<Value> values(fused.getResults());
  if (move.part)
    values.assign({move.part});
  for (size_t i = 0; i < values.size(); ++i) {
    for (Operation *user : values[i].getUsers())
      if (isa<ReshapeOp>(user) && user->getBlock() == &block)
        values.push_back(user->getResult(0));
  }
  auto isLater = [&](OpOperand &operand) {
    Operation *at = block.findAncestorOpInBlock(*operand.getOwner());
    return at && !isa<ReshapeOp>(at) && position.contains(at) &&
           position.lookup(at) > peak;
  };
  for (Value value : values) {
    SmallVector<OpOperand *> later;
    for (OpOperand &operand : value.getUses())
      if (isLater(operand))
        later.push_back(&operand);
    if (later.empty())
      continue;
    Value now = find(value);
    for (OpOperand *operand : later)
      operand->set(now);
  }
  for (Value value : llvm::reverse(values))
    if (auto reshape = value.getDefiningOp<ReshapeOp>();
        reshape && reshape->getBlock() == &block && value.use_empty())
      reshape.erase();
  for (FusedOp copy : llvm::reverse(copies))
    dropUnusedResults(copy);
  for (Operation *op : llvm::reverse(move.ops))
    dropUnusedResults(cast<FusedOp>(op));
  ++moves;
  recomputed += static_cast<int64_t>(copies.size());
}

namespace {

class Rematerialize : public ::dl::impl::RematerializeBase<Rematerialize> {
  using RematerializeBase::RematerializeBase;

  /// How many kernels run again, and whether the budget is kept.
  std::pair<int64_t, bool> rematerialize(func::FuncOp function, bool parts) {
    Block &body = function.getBody().front();
    // Within a budget, kernels take the time that they need.
    double allowed = budget > 0 ? HUGE_VAL : slack;
    Rematerializer outer(body, budget, allowed, parts);
    int64_t count = outer.run();
    bool fits = outer.fits();
    for (ScanOp scan : body.getOps<ScanOp>()) {
      int64_t around = outer.getUseAt(scan);
      Rematerializer inner(scan.getBody().front(),
                           std::max<int64_t>(budget - around, 0), allowed,
                           parts);
      count += inner.run();
      fits &= inner.fits();
    }
    return {count, fits};
  }

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if ((budget <= 0 && slack <= 0) || !isModelFunction(function) ||
        !function->hasAttr(kStateResultsAttr))
      return;
    // A part that runs again is the cheaper way, but needs what it is made
    // from: where that is too much, whole kernels alone do.
    OwningOpRef<func::FuncOp> whole;
    if (budget > 0)
      whole = function.clone();
    auto [count, fits] = rematerialize(function, /*parts=*/true);
    if (whole && !fits) {
      function.getBody().takeBody(whole->getBody());
      count = rematerialize(function, /*parts=*/false).first;
    }
    Builder builder(function.getContext());
    function->setAttr("dl.recomputed", builder.getI64IntegerAttr(count));
  }
};

} // namespace

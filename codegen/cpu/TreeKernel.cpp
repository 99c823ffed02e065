// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Ensembles of decision trees. Lanes walk in lock-step, each from the node
// where it stands to a child, without a branch: the node's feature and
// threshold are gathered, then the row's feature (Asadi, Lin and de Vries,
// "Runtime Optimizations for Tree-Based Machine Learning Models", 2014: VPred).
// With many rows, the lanes of
// a vector are rows of one tree, whose upper levels they share; several vectors
// take each tree in turn, so that it is fetched into the first-level cache once
// for all of them, and so that gathers of one overlap with those of another.
// With a few rows, lanes are trees of one row.

#include "codegen/cpu/KernelFunction.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "passes/lower/TreeKernelForm.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::cpu;

namespace {

/// The one walk over trees of a kernel, and what follows it.
struct TreeMatch {
  linalg::GenericOp walk, finish;
  TreeForm form;
  /// In memory, or splats.
  Value x, thresholds, features, leaves, children, base;
  Operation *combiner = nullptr;

  static std::optional<TreeMatch> match(func::FuncOp source);
};

class TreeEmitter {
public:
  TreeEmitter(KernelFunction &kernel, const TreeMatch &match)
      : kernel(kernel), match(match), form(match.form), emitter(kernel.emitter),
        index(emitter.index), builder(kernel.builder), loc(kernel.loc) {}

  void run();

private:
  /// Lanes that walk together.
  struct Walkers {
    Value tree;  // index, of all lanes; null where each has its own
    Value trees; // vector of i32
    Value start; // index, where the rows begin in `x`
    Value rows;  // vector of i32: where each lane's row begins from there; null
                 // for 0
    Value at;    // vector of i32: position in the level, or node
  };

  Value splat(int64_t value) {
    return arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(emitter.vectorType(builder.getI32Type()),
                               static_cast<int32_t>(value)));
  }
  Value broadcast(Value value) {
    return vector::BroadcastOp::create(
        builder, loc, emitter.vectorType(value.getType()), value);
  }
  Value toI32(Value value) {
    return arith::IndexCastOp::create(builder, loc, builder.getI32Type(),
                                      value);
  }
  Value iota();
  Value read(Value array, Value position);
  Value gather(Value array, Value start, Value positions);
  void step(MutableArrayRef<Walkers> walkers, int64_t level);
  void walk(MutableArrayRef<Walkers> walkers);
  /// Fetches the perfect tree after `tree` into the first-level cache.
  void prefetch(Value tree);
  /// The votes of the leaves for a target, as f64.
  Value getVotes(const Walkers &walkers, int64_t target);
  Value combine(Value a, Value b) {
    return vector::makeArithReduction(
        builder, loc, *linalg::getCombinerOpKind(match.combiner), a, b);
  }
  Value neutral();
  /// The result of a target from what its trees add up to.
  Value finish(Value sum, int64_t target);
  void store(Value value, Value row, int64_t target);

  void emitManyRows(Value first, Value count, int64_t vectors);
  void emitRow(Value row);

  KernelFunction &kernel;
  const TreeMatch &match;
  const TreeForm form;
  ElementEmitter &emitter;
  IndexBuilder &index;
  OpBuilder &builder;
  Location loc;
  Buffer result;
  int64_t features = 0, targets = 0;
};

} // namespace

std::optional<TreeMatch> TreeMatch::match(func::FuncOp source) {
  auto terminator =
      cast<func::ReturnOp>(source.getBody().front().getTerminator());
  if (terminator.getNumOperands() != 1)
    return std::nullopt;
  TreeMatch result;
  result.finish = terminator.getOperand(0).getDefiningOp<linalg::GenericOp>();
  if (!result.finish || result.finish.getNumDpsInputs() != 2)
    return std::nullopt;
  result.walk =
      result.finish.getDpsInputs()[0].getDefiningOp<linalg::GenericOp>();
  std::optional<TreeForm> form =
      result.walk ? getTreeForm(result.walk) : std::nullopt;
  if (!form)
    return std::nullopt;
  result.form = *form;
  SmallVector<tensor::ExtractOp> reads;
  result.walk.walk([&](tensor::ExtractOp read) { reads.push_back(read); });
  if (reads.size() < 4)
    return std::nullopt;
  auto take = [](Value value, Value &operand) {
    operand = value;
    SplatElementsAttr splat;
    return isa<BlockArgument>(value) || matchPattern(value, m_Constant(&splat));
  };
  SmallVector<Operation *, 4> combiners;
  if (!take(reads[0].getTensor(), result.features) ||
      !take(reads[1].getTensor(), result.thresholds) ||
      !take(reads[2].getTensor(), result.x) || !isa<BlockArgument>(result.x) ||
      !take(reads.back().getTensor(), result.leaves) ||
      !take(result.finish.getDpsInputs()[1], result.base) ||
      (form->isLinked && !take(reads[3].getTensor(), result.children)) ||
      !matchReduction(result.walk.getRegionOutputArgs(), 0, combiners) ||
      combiners.size() != 1)
    return std::nullopt;
  result.combiner = combiners.front();
  return result;
}

bool mlir::dl::cpu::isTreeKernel(func::FuncOp source,
                                 const MachineModel &machine) {
  return machine.vectorLanes > 1 && TreeMatch::match(source).has_value();
}

//===----------------------------------------------------------------------===//
// Walking
//===----------------------------------------------------------------------===//

Value TreeEmitter::iota() {
  return vector::StepOp::create(
      builder, loc, VectorType::get({emitter.width()}, builder.getIndexType()));
}

/// One element of an array, for all lanes.
Value TreeEmitter::read(Value array, Value position) {
  return emitter.read(array, {index.uniform(position)}).value;
}

/// Elements `start + positions`, all of which exist.
Value TreeEmitter::gather(Value array, Value start, Value positions) {
  SplatElementsAttr splat;
  if (matchPattern(array, m_Constant(&splat)))
    return arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(emitter.vectorType(splat.getElementType()),
                               splat.getSplatValue<Attribute>()));
  Value from = emitter.buffers[array].memory;
  VectorType type =
      emitter.vectorType(cast<MemRefType>(from.getType()).getElementType());
  Value all = arith::ConstantOp::create(
      builder, loc,
      DenseElementsAttr::get(emitter.vectorType(builder.getI1Type()), true));
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  return vector::GatherOp::create(builder, loc, type, from, ValueRange{start},
                                  positions, all, zero);
}

/// From level `level` of perfect trees to the next, or, of linked ones, from
/// node to node.
void TreeEmitter::step(MutableArrayRef<Walkers> walkers, int64_t level) {
  Value start = index.constant(
      form.isLinked ? 0 : form.trees * ((int64_t(1) << level) - 1));
  for (Walkers &lanes : walkers) {
    Value feature, threshold;
    if (lanes.tree && level == 0 && !form.isLinked) {
      // All lanes stand at one root.
      feature = broadcast(read(match.features, lanes.tree));
      threshold = broadcast(read(match.thresholds, lanes.tree));
    } else {
      feature = gather(match.features, start, lanes.at);
      threshold = gather(match.thresholds, start, lanes.at);
    }
    Value takesMissing;
    if (form.missing) {
      takesMissing = arith::CmpIOp::create(
          builder, loc, arith::CmpIPredicate::slt, feature, splat(0));
      Value sign = arith::ShRSIOp::create(builder, loc, feature, splat(31));
      feature = arith::XOrIOp::create(builder, loc, feature, sign);
    }
    if (lanes.rows)
      feature = arith::AddIOp::create(builder, loc, feature, lanes.rows);
    Value x = gather(match.x, lanes.start, feature);
    Value takes = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLE,
                                        x, threshold);
    if (form.missing) {
      Value isMissing =
          arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNO, x, x);
      takes = arith::OrIOp::create(
          builder, loc, takes,
          arith::AndIOp::create(builder, loc, takesMissing, isMissing));
    }
    Value next =
        form.isLinked
            ? gather(match.children, start, lanes.at)
            : Value(arith::AddIOp::create(builder, loc, lanes.at, lanes.at));
    lanes.at = arith::AddIOp::create(
        builder, loc, next,
        arith::ExtUIOp::create(
            builder, loc, emitter.vectorType(builder.getI32Type()), takes));
  }
}

void TreeEmitter::walk(MutableArrayRef<Walkers> walkers) {
  for (Walkers &lanes : walkers)
    lanes.at = lanes.trees;
  if (!form.isLinked) {
    for (int64_t level = 0; level < form.depth; ++level)
      step(walkers, level);
    return;
  }
  SmallVector<Value> at;
  for (Walkers &lanes : walkers)
    at.push_back(lanes.at);
  at = emitLoop(builder, loc, index.constant(0), index.constant(form.depth),
                index.constant(1), at,
                [&](Value, ValueRange carried) -> SmallVector<Value> {
                  for (auto [lanes, value] : llvm::zip(walkers, carried))
                    lanes.at = value;
                  step(walkers, 0);
                  SmallVector<Value> next;
                  for (Walkers &lanes : walkers)
                    next.push_back(lanes.at);
                  return next;
                });
  for (auto [lanes, value] : llvm::zip(walkers, at))
    lanes.at = value;
}

void TreeEmitter::prefetch(Value tree) {
  constexpr int64_t kLine = 64, kMostBytes = 2 << 10;
  if (form.isLinked)
    return;
  auto fetch = [&](Value array, Value first, int64_t elements) {
    auto found = emitter.buffers.find(array);
    if (found == emitter.buffers.end())
      return;
    Value from = found->second.memory;
    int64_t size =
        cast<MemRefType>(from.getType()).getElementTypeBitWidth() / 8;
    // Of a wide level, the rows at hand need little.
    if (elements * size > kMostBytes)
      return;
    for (int64_t i = 0; i < elements; i += kLine / size)
      memref::PrefetchOp::create(
          builder, loc, from, ValueRange{index.add(first, index.constant(i))},
          /*isWrite=*/false, /*localityHint=*/3,
          /*isDataCache=*/true);
  };
  // Past the last tree lies the next level, or nothing that is ever read.
  Value next = index.add(tree, index.constant(1));
  for (int64_t level = 0; level <= form.depth; ++level) {
    int64_t nodes = int64_t(1) << level;
    Value first = index.mul(next, index.constant(nodes));
    if (level == form.depth) {
      fetch(match.leaves, index.mul(first, index.constant(targets)),
            nodes * targets);
      break;
    }
    Value start = index.add(first, index.constant(form.trees * (nodes - 1)));
    fetch(match.thresholds, start, nodes);
    fetch(match.features, start, nodes);
  }
}

//===----------------------------------------------------------------------===//
// Votes
//===----------------------------------------------------------------------===//

Value TreeEmitter::getVotes(const Walkers &walkers, int64_t target) {
  Value at = walkers.at;
  if (targets > 1)
    at = arith::MulIOp::create(builder, loc, at, splat(targets));
  Value votes = gather(match.leaves, index.constant(target), at);
  VectorType type = emitter.vectorType(builder.getF64Type());
  return votes.getType() == type
             ? votes
             : Value(arith::ExtFOp::create(builder, loc, type, votes));
}

Value TreeEmitter::neutral() {
  return arith::ConstantOp::create(
      builder, loc,
      DenseElementsAttr::get(
          emitter.vectorType(builder.getF64Type()),
          Attribute(*arith::getNeutralElement(match.combiner))));
}

Value TreeEmitter::finish(Value sum, int64_t target) {
  Value start = read(match.base, index.constant(target));
  Type element = start.getType(), wide = builder.getF64Type();
  if (element != wide)
    start = arith::ExtFOp::create(builder, loc, wide, start);
  bool isVector = isa<VectorType>(sum.getType());
  if (isVector)
    start = broadcast(start);
  Value value = arith::AddFOp::create(builder, loc, start, sum);
  if (element == wide)
    return value;
  return arith::TruncFOp::create(
      builder, loc, isVector ? Type(emitter.vectorType(element)) : element,
      value);
}

/// Stores a vector of rows from `row` on, or one row's value.
void TreeEmitter::store(Value value, Value row, int64_t target) {
  LaneIndex at = index.uniform(row);
  bool isVector = isa<VectorType>(value.getType());
  at.stride = isVector;
  emitter.write(result, {at, index.uniform(index.constant(target))},
                {value, isVector});
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// Vectors that walk side by side. A step waits for two gathers, the node's and
/// the row's, which no single vector can fill with work.
static constexpr int64_t kVectors = 4;

/// Targets that are combined at once; more of them walk again.
static constexpr int64_t kTargets = 8;

/// `count` rows from `first` on, at most as many as `vectors` have lanes.
void TreeEmitter::emitManyRows(Value first, Value count, int64_t vectors) {
  int64_t width = emitter.width();
  VectorType numbers = emitter.vectorType(builder.getI32Type());
  Value lanes = arith::IndexCastOp::create(builder, loc, numbers, iota());
  // Lanes without a row take the last one.
  Value last = broadcast(toI32(index.sub(count, index.constant(1))));
  Value start = index.mul(first, index.constant(features));
  SmallVector<Walkers> walkers(vectors);
  for (int64_t v = 0; v < vectors; ++v) {
    Value row = arith::AddIOp::create(builder, loc, lanes, splat(v * width));
    row = arith::MinSIOp::create(builder, loc, row, last);
    walkers[v].rows = arith::MulIOp::create(builder, loc, row, splat(features));
    walkers[v].start = start;
  }
  for (int64_t from = 0; from < targets; from += kTargets) {
    int64_t to = std::min(from + kTargets, targets);
    SmallVector<Value> sums((to - from) * vectors, neutral());
    sums = emitLoop(builder, loc, index.constant(0), index.constant(form.trees),
                    index.constant(1), sums,
                    [&](Value tree, ValueRange carried) -> SmallVector<Value> {
                      ElementEmitter::Scope scope(emitter);
                      for (Walkers &each : walkers) {
                        each.tree = tree;
                        each.trees = broadcast(toI32(tree));
                      }
                      walk(walkers);
                      SmallVector<Value> next(carried);
                      for (int64_t c = from; c < to; ++c)
                        for (int64_t v = 0; v < vectors; ++v) {
                          Value &sum = next[(c - from) * vectors + v];
                          sum = combine(sum, getVotes(walkers[v], c));
                        }
                      return next;
                    });
    for (int64_t v = 0; v < vectors; ++v) {
      Value here = index.sub(count, index.constant(v * width));
      emitter.mask = vector::CreateMaskOp::create(
          builder, loc, emitter.vectorType(builder.getI1Type()),
          ValueRange{here});
      for (int64_t c = from; c < to; ++c)
        store(finish(sums[(c - from) * vectors + v], c),
              index.add(first, index.constant(v * width)), c);
      emitter.mask = Value();
    }
  }
}

void TreeEmitter::emitRow(Value row) {
  int64_t width = emitter.width();
  VectorType numbers = emitter.vectorType(builder.getI32Type());
  Value lanes = arith::IndexCastOp::create(builder, loc, numbers, iota());
  Value last = splat(form.trees - 1);
  Value start = index.mul(row, index.constant(features));
  int64_t block = kVectors * width, whole = form.trees / block * block;
  for (int64_t from = 0; from < targets; from += kTargets) {
    int64_t to = std::min(from + kTargets, targets);
    // Trees from `tree` on, `count` of them, as lanes of some vectors.
    auto take = [&](Value tree, int64_t count, ValueRange carried) {
      ElementEmitter::Scope scope(emitter);
      SmallVector<Walkers> walkers(llvm::divideCeil(count, width));
      for (auto [v, each] : llvm::enumerate(walkers)) {
        each.start = start;
        each.trees = arith::AddIOp::create(
            builder, loc, lanes,
            broadcast(toI32(index.add(tree, index.constant(v * width)))));
        // Lanes without a tree take the last one, for nothing.
        if (static_cast<int64_t>(v + 1) * width > count)
          each.trees = arith::MinSIOp::create(builder, loc, each.trees, last);
      }
      walk(walkers);
      SmallVector<Value> next(carried);
      for (auto [v, each] : llvm::enumerate(walkers))
        for (int64_t c = from; c < to; ++c) {
          Value votes = getVotes(each, c);
          if (int64_t taken = count - v * width; taken < width) {
            SmallVector<bool> counts(width, false);
            std::fill_n(counts.begin(), taken, true);
            Value mask = arith::ConstantOp::create(
                builder, loc,
                DenseElementsAttr::get(emitter.vectorType(builder.getI1Type()),
                                       ArrayRef<bool>(counts)));
            votes =
                arith::SelectOp::create(builder, loc, mask, votes, neutral());
          }
          next[c - from] = combine(next[c - from], votes);
        }
      return next;
    };
    SmallVector<Value> sums(to - from, neutral());
    if (whole)
      sums = emitLoop(builder, loc, index.constant(0), index.constant(whole),
                      index.constant(block), sums,
                      [&](Value tree, ValueRange carried) {
                        return take(tree, block, carried);
                      });
    if (whole < form.trees)
      sums = take(index.constant(whole), form.trees - whole, sums);
    for (int64_t c = from; c < to; ++c)
      store(finish(vector::ReductionOp::create(
                       builder, loc, *linalg::getCombinerOpKind(match.combiner),
                       sums[c - from]),
                   c),
            row, c);
  }
}

void TreeEmitter::run() {
  result = kernel.getOutputs().front().buffer;
  features = cast<RankedTensorType>(match.x.getType()).getDimSize(1);
  targets = cast<RankedTensorType>(match.base.getType()).getDimSize(0);
  int64_t width = emitter.width();
  // The sums of many targets do not stay in registers.
  int64_t vectors = targets <= 2 ? kVectors : 2;
  // Rows from which on it pays to give them lanes.
  Value few = index.constant(width / 4);
  Value rows = emitter.buffers[match.x].sizes[0];
  Value block = index.constant(vectors * width);
  kernel.emitTiles(index.ceilDiv(rows, block), [&](Value tile) {
    Value first = index.mul(tile, block);
    Value count = index.min(index.sub(rows, first), block);
    auto emitIf = [&](Value condition, function_ref<void()> then,
                      function_ref<void()> otherwise) {
      auto branch = scf::IfOp::create(builder, loc, condition,
                                      /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(builder);
      for (auto [block, body] : {std::pair(branch.thenBlock(), then),
                                 std::pair(branch.elseBlock(), otherwise)}) {
        ElementEmitter::Scope scope(emitter);
        builder.setInsertionPointToStart(block);
        body();
      }
    };
    emitIf(
        index.less(few, count),
        [&] {
          std::function<void(int64_t)> emitVectors = [&](int64_t most) {
            if (most == 1)
              return emitManyRows(first, count, 1);
            emitIf(
                index.less(index.constant(most / 2 * width), count),
                [&] { emitManyRows(first, count, most); },
                [&] { emitVectors(most / 2); });
          };
          emitVectors(vectors);
        },
        [&] {
          emitLoop(builder, loc, first, index.add(first, count),
                   index.constant(1), {},
                   [&](Value row, ValueRange) -> SmallVector<Value> {
                     ElementEmitter::Scope scope(emitter);
                     emitRow(row);
                     return {};
                   });
        });
  });
}

LogicalResult mlir::dl::cpu::emitTreeKernel(KernelFunction &kernel) {
  std::optional<TreeMatch> match = TreeMatch::match(kernel.source);
  if (!match)
    return failure();
  TreeEmitter(kernel, *match).run();
  return success(!kernel.emitter.failed());
}

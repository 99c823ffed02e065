// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Kernels without a contraction: loops over the elements of the results, rows
// of reductions, assembly of pieces, and sequential updates (scatter, running
// sums).

#include "codegen/cpu/KernelFunction.h"
#include "codegen/cpu/StoreTracer.h"
#include "ir/dialect/WalkProducers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dl::cpu;

namespace {

/// How the elements of a statement are visited.
struct Schedule {
  uint64_t inner = 0;     // dimensions inside of the reductions' loops
  unsigned flatCount = 0; // trailing dimensions that lanes run over, 0: none
  bool vectorizeInner = false; // lanes run over the last dimension, inside
  int64_t together = 1; // vectors of lanes whose reductions run side by side
  int64_t steps = 1;    // of these reductions, about
};

class LoopEmitter {
public:
  LoopEmitter(KernelFunction &kernel)
      : kernel(kernel), emitter(kernel.emitter), index(kernel.emitter.index),
        builder(kernel.builder), loc(kernel.loc) {}

  LogicalResult run();

private:
  void emitStatement(ArrayRef<Store> stores);
  Schedule schedule(ArrayRef<Store> stores, ArrayRef<Value> sizes);
  void chooseTogether(ArrayRef<Store> stores, ArrayRef<Value> sizes,
                      Schedule &plan);
  int64_t chooseChunk(const Schedule &plan, ArrayRef<unsigned> innerDims,
                      ArrayRef<Value> sizes);
  void emitElements(ArrayRef<Store> stores, Position position,
                    ArrayRef<unsigned> innerDims, const Schedule &plan,
                    ArrayRef<Value> sizes);
  Value emitTogether(ArrayRef<Store> stores, Position position, int64_t vectors,
                     Value lower, Value upper);
  void writeAll(ArrayRef<Store> stores, ArrayRef<LaneIndex> position);
  SmallVector<Value> sizesOf(const Store &store);

  KernelFunction &kernel;
  ElementEmitter &emitter;
  IndexBuilder &index;
  OpBuilder &builder;
  Location loc;
  bool sequential = false;
  /// In a sequential kernel whose columns (positions in the last dimension) do
  /// not depend on each other: the range of columns of this tile.
  Value firstColumn, endColumn;
};

} // namespace

SmallVector<Value> LoopEmitter::sizesOf(const Store &store) {
  auto type = cast<RankedTensorType>(store.source.getType());
  SmallVector<Value> sizes;
  for (int64_t d = 0; d < type.getRank(); ++d)
    sizes.push_back(emitter.size(store.source, d));
  return sizes;
}

LogicalResult LoopEmitter::run() {
  sequential = isSequential(kernel.source);
  auto emitAll = [&] {
    StoreTracer tracer(emitter, sequential,
                       [&](ArrayRef<Store> stores) { emitStatement(stores); });
    for (KernelFunction::Output &output : kernel.getOutputs())
      tracer.trace(output.value, output.buffer);
    tracer.flush();
  };
  if (sequential && isColumnwise(kernel.source)) {
    Buffer out = kernel.getOutputs().front().buffer;
    Value step = index.constant(4 * emitter.width());
    kernel.emitTiles(index.ceilDiv(out.sizes.back(), step), [&](Value tile) {
      firstColumn = index.mul(tile, step);
      endColumn = index.min(index.add(firstColumn, step), out.sizes.back());
      emitAll();
    });
  } else if (sequential)
    kernel.emitTiles(index.constant(1), [&](Value) { emitAll(); });
  else
    emitAll();
  return success(!emitter.failed());
}

//===----------------------------------------------------------------------===//
// In which order
//===----------------------------------------------------------------------===//

/// Whether a reduction runs along memory, so that lanes belong to the reduced
/// dimension.
static bool reducesAlongMemory(linalg::GenericOp generic) {
  // An operand whose last dimension moves with the result's last one, as the
  // input of a sliding window, gives each lane its own reduction.
  AffineMap out = generic.getMatchingIndexingMap(generic.getDpsInitOperand(0));
  bool alongReduced = false, alongResult = false;
  for (OpOperand *operand : generic.getDpsInputOperands()) {
    AffineMap map = generic.getMatchingIndexingMap(operand);
    if (!map.getNumResults() ||
        generic.getMatchingBlockArgument(operand).use_empty())
      continue;
    AffineExpr last = map.getResults().back();
    auto dim = dyn_cast<AffineDimExpr>(last);
    alongReduced |=
        dim && ::mlir::linalg::isReductionIterator(
                   generic.getIteratorTypesArray()[dim.getPosition()]);
    if (out.getNumResults())
      if (auto lastOut = dyn_cast<AffineDimExpr>(out.getResults().back()))
        alongResult |= last.isFunctionOfDim(lastOut.getPosition());
  }
  return alongReduced && !alongResult;
}

/// Whether one below `tensor` does, without those that others read.
static bool reducesAlongMemory(Value tensor, const ElementEmitter &emitter) {
  auto visit = [&](Value value) {
    if (!isa<RankedTensorType>(value.getType()) || emitter.buffers.count(value))
      return WalkResult::skip();
    auto generic = value.getDefiningOp<linalg::GenericOp>();
    if (!generic || !isReduction(generic))
      return WalkResult::advance();
    return reducesAlongMemory(generic) ? WalkResult::interrupt()
                                       : WalkResult::skip();
  };
  return mlir::dl::walkProducers(tensor, visit).wasInterrupted();
}

/// Whether where an elementwise operation reads are dimensions of its result
/// and constants, and no elements are looked up or made of positions.
static bool readsInPlace(linalg::GenericOp generic) {
  if (generic.hasIndexSemantics())
    return false;
  for (OpOperand *operand : generic.getDpsInputOperands())
    if (!generic.getMatchingBlockArgument(operand).use_empty() &&
        !llvm::all_of(generic.getMatchingIndexingMap(operand).getResults(),
                      llvm::IsaPred<AffineDimExpr, AffineConstantExpr>))
      return false;
  return !generic
              ->walk([](tensor::ExtractOp) { return WalkResult::interrupt(); })
              .wasInterrupted();
}

namespace {

/// Over how many trailing dimensions of a statement lanes run as over one: as
/// many as all reads and writes see as one. Each leaf uses all of them, in
/// order and last, or none. Where the last dimension alone leaves most lanes
/// without work, what repeats along the others, a bias say, is gathered.
class FlatLanes {
public:
  /// `trial` has a position for each dimension, whose value tells it from the
  /// others.
  FlatLanes(ElementEmitter &emitter, ArrayRef<LaneIndex> trial,
            ArrayRef<Value> sizes)
      : emitter(emitter), trial(trial), sizes(sizes), rank(sizes.size()) {
    auto last = IndexBuilder::getConstant(sizes.back());
    isShort = last && *last <= emitter.width() / 2;
  }

  bool canRunOver(unsigned count, ArrayRef<Store> stores) {
    // All sizes but the outermost must be known to agree.
    return count <= rank &&
           IndexBuilder::getConstant(sizes[rank - count + 1]) &&
           llvm::all_of(stores, [&](const Store &store) {
             return isStoredFlat(store, count) && isReadFlat(store, count);
           });
  }

private:
  bool isStoredFlat(const Store &store, unsigned count) const {
    if (store.dimensions.size() != rank)
      return false;
    for (unsigned d = rank - count; d < rank; ++d) {
      auto size = IndexBuilder::getConstant(store.buffer.sizes[d]);
      bool whole = d == rank - count ||
                   (size && size == IndexBuilder::getConstant(sizes[d]));
      if (!whole || store.dimensions[d] != (int)d ||
          IndexBuilder::getConstant(store.strides[d]) != 1 ||
          IndexBuilder::getConstant(store.offsets[d]) != 0)
        return false;
    }
    return true;
  }

  bool isReadFlat(const Store &store, unsigned count) {
    bool isFlat = true;
    emitter.walkElements(
        store.source, trial, [&](Value tensor, ArrayRef<LaneIndex> at) {
          if (!isFlat)
            return false;
          if (emitter.buffers.count(tensor)) {
            isFlat = leafAllows(at, count);
            return false;
          }
          auto generic = tensor.getDefiningOp<linalg::GenericOp>();
          isFlat = generic ? readsInPlace(generic)
                           : isa_and_nonnull<arith::ConstantOp, linalg::FillOp>(
                                 tensor.getDefiningOp());
          return generic && isFlat;
        });
    return isFlat;
  }

  bool isDimension(const LaneIndex &lane) const {
    return llvm::any_of(trial, [&](const LaneIndex &dimension) {
      return lane.base == dimension.base &&
             lane.dependencies == dimension.dependencies;
    });
  }

  bool leafAllows(ArrayRef<LaneIndex> at, unsigned count) const {
    uint64_t all = (uint64_t(1) << rank) - 1,
             group = all & ~((uint64_t(1) << (rank - count)) - 1), used = 0;
    for (const LaneIndex &lane : at)
      used |= lane.dependencies;
    if (!(used & group))
      return true;
    bool repeats = (used & group) != group;
    if (isShort && repeats && llvm::all_of(at, [&](const LaneIndex &lane) {
          return lane.isUniform() &&
                 (!(lane.dependencies & group) || isDimension(lane));
        }))
      return true;
    if (at.size() < count)
      return false;
    for (unsigned i = 0; i < at.size(); ++i) {
      bool isLast = i + count >= at.size();
      unsigned d = rank - count + (i + count - at.size());
      if (isLast ? at[i].base != trial[d].base || !at[i].isUniform()
                 : (at[i].dependencies & group) != 0)
        return false;
    }
    return true;
  }

  ElementEmitter &emitter;
  ArrayRef<LaneIndex> trial;
  ArrayRef<Value> sizes;
  unsigned rank;
  bool isShort;
};

} // namespace

Schedule LoopEmitter::schedule(ArrayRef<Store> stores, ArrayRef<Value> sizes) {
  unsigned rank = sizes.size();
  Schedule plan;
  if (rank == 0)
    return plan;
  uint64_t all = (uint64_t(1) << rank) - 1;

  // A trial position for each dimension, whose value tells it from the others.
  Position trial;
  OpBuilder::InsertionGuard guard(builder);
  for (unsigned d = 0; d < rank; ++d)
    trial.push_back(index.uniform(
        arith::ConstantIndexOp::create(builder, loc, 0), uint64_t(1) << d));
  SmallVector<uint64_t> sets;
  bool alongMemory = false;
  for (const Store &store : stores) {
    emitter.collectDependencies(store.source, trial, sets);
    alongMemory |= reducesAlongMemory(store.source, emitter);
  }
  for (uint64_t set : sets)
    if ((set & all) != all)
      plan.inner |= all & ~set;
  bool lastIsInner = plan.inner >> (rank - 1) & 1;
  if (lastIsInner) {
    plan.vectorizeInner = true;
    return plan;
  }
  if (alongMemory)
    return plan;
  plan.flatCount = 1;
  if (!sets.empty() || plan.inner || firstColumn)
    return plan;

  FlatLanes flat(emitter, trial, sizes);
  while (flat.canRunOver(plan.flatCount + 1, stores))
    ++plan.flatCount;
  return plan;
}

/// Where each lane has a reduction of its own, as sums of a matrix's columns
/// are, a vector of lanes reads one cache line of each row. Vectors side by
/// side read several, which the CPU fetches ahead.
void LoopEmitter::chooseTogether(ArrayRef<Store> stores, ArrayRef<Value> sizes,
                                 Schedule &plan) {
  constexpr int64_t kMost = 8, kFewSteps = 32, kGuess = 64;
  if (plan.flatCount != 1 || plan.inner || sequential)
    return;
  Position trial;
  OpBuilder::InsertionGuard guard(builder);
  for (unsigned d = 0; d < sizes.size(); ++d)
    trial.push_back(index.uniform(
        arith::ConstantIndexOp::create(builder, loc, 0), uint64_t(1) << d));
  trial.back().stride = 1;
  SmallVector<ElementEmitter::ReductionAt, 0> reductions;
  for (const Store &store : stores)
    emitter.collectReductions(store.source, trial, reductions);
  int64_t accumulators = 0, most = 1;
  for (auto &[op, position] : reductions) {
    bool hasLanes = llvm::any_of(
        position, [](const LaneIndex &i) { return !i.isUniform(); });
    int64_t steps = 1;
    SmallVector<unsigned> reduced;
    op.getReductionDims(reduced);
    for (unsigned d : reduced) {
      int64_t range = op.getStaticLoopRanges()[d];
      steps *= ShapedType::isDynamic(range) ? kGuess : range;
    }
    bool isPadded = llvm::any_of(op.getDpsInputs(), [](Value input) {
      return input.getDefiningOp<tensor::PadOp>() != nullptr;
    });
    if (!hasLanes || isPadded || steps <= kFewSteps)
      return;
    most = std::max(most, steps);
    accumulators += op->getNumResults();
  }
  if (!accumulators)
    return;
  plan.steps = most;
  plan.together = std::clamp<int64_t>(
      kernel.machine.vectorRegisters / 2 / accumulators, 1, kMost);
  // There is work for several threads.
  auto lanes = IndexBuilder::getConstant(sizes.back());
  while (lanes && plan.together > 1 &&
         *lanes < 2 * plan.together * emitter.width())
    plan.together /= 2;
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

void LoopEmitter::writeAll(ArrayRef<Store> stores,
                           ArrayRef<LaneIndex> position) {
  SmallVector<Element> elements;
  for (const Store &store : stores)
    elements.push_back(emitter.read(store.source, position));
  for (auto [store, element] : llvm::zip(stores, elements)) {
    emitter.write(store.buffer, getStorePosition(index, store, position),
                  element);
  }
}

void LoopEmitter::emitElements(ArrayRef<Store> stores, Position position,
                               ArrayRef<unsigned> innerDims,
                               const Schedule &plan, ArrayRef<Value> sizes) {
  if (innerDims.empty()) {
    writeAll(stores, position);
    return;
  }
  unsigned d = innerDims.front();
  Value zero = index.constant(0);
  if (plan.vectorizeInner && innerDims.size() == 1) {
    emitter.emitLanes(zero, sizes[d], [&](Value i) {
      position[d] = index.uniform(i);
      position[d].stride = 1;
      writeAll(stores, position);
    });
    return;
  }
  emitLoop(builder, loc, zero, sizes[d], index.constant(1), {},
           [&](Value i, ValueRange) -> SmallVector<Value> {
             ElementEmitter::Scope scope(emitter);
             position[d] = index.uniform(i);
             emitElements(stores, position, innerDims.drop_front(), plan,
                          sizes);
             return {};
           });
}

/// Emits whole groups of vectors of the last dimension from `lower` on, with
/// their reductions side by side. Returns where what is left begins.
Value LoopEmitter::emitTogether(ArrayRef<Store> stores, Position position,
                                int64_t vectors, Value lower, Value upper) {
  Value step = index.constant(vectors * emitter.width());
  Value limit = index.sub(upper, index.rem(index.sub(upper, lower), step));
  emitLoop(
      builder, loc, lower, limit, step, {},
      [&](Value first, ValueRange) -> SmallVector<Value> {
        ElementEmitter::Scope scope(emitter);
        SmallVector<Position, 0> positions;
        SmallVector<SmallVector<ElementEmitter::ReductionAt, 0>> reductions;
        unsigned last = position.size() - 1;
        for (int64_t v = 0; v < vectors; ++v) {
          Value lane = index.add(first, index.constant(v * emitter.width()));
          position[last] = index.uniform(lane, uint64_t(1) << last);
          position[last].stride = 1;
          positions.push_back(position);
          reductions.emplace_back();
          for (const Store &store : stores)
            emitter.collectReductions(store.source, position,
                                      reductions.back());
        }
        for (auto [i, reduction] : llvm::enumerate(reductions.front())) {
          SmallVector<Position, 0> at;
          for (auto &ofVector : reductions)
            at.push_back(ofVector[i].second);
          emitter.reduceTogether(reduction.first, at, /*unroll=*/false);
        }
        for (const Position &at : positions) {
          ElementEmitter::Scope inner(emitter);
          writeAll(stores, at);
        }
        return {};
      });
  return limit;
}

/// Lanes of a tile, whole vectors of them.
int64_t LoopEmitter::chooseChunk(const Schedule &plan,
                                 ArrayRef<unsigned> innerDims,
                                 ArrayRef<Value> sizes) {
  constexpr int64_t kChunk = 4096;
  int64_t size =
      std::min<int64_t>(kernel.choice.lanes.value_or(kChunk), int64_t(1) << 24);
  if (plan.flatCount && !sequential && !kernel.report.made.lanes) {
    kernel.report.made.lanes = size;
    for (int64_t another : {size / 4, 4 * size, size / 16}) {
      KernelChoice other;
      other.lanes = std::max<int64_t>(another, emitter.width());
      kernel.report.alternatives.push_back(other);
    }
  }
  // Inner dimensions multiply a chunk's work.
  int64_t chunk = size;
  for (unsigned d : innerDims)
    chunk = std::max<int64_t>(
        emitter.width(),
        chunk / IndexBuilder::getConstant(sizes[d]).value_or(64));
  // So do the steps of reductions, of which each counts less.
  constexpr int64_t kStep = 16;
  if (plan.steps > 1)
    chunk = std::min(chunk, kStep * size / plan.steps);
  return llvm::alignTo(std::max<int64_t>(chunk, 1),
                       plan.together * emitter.width());
}

void LoopEmitter::emitStatement(ArrayRef<Store> stores) {
  SmallVector<Value> sizes = sizesOf(stores.front());
  unsigned rank = sizes.size();
  Schedule plan = schedule(stores, sizes);
  chooseTogether(stores, sizes, plan);

  SmallVector<unsigned> outer, innerDims;
  unsigned firstFlat = rank - plan.flatCount;
  for (unsigned d = 0; d < rank; ++d)
    if (plan.inner >> d & 1)
      innerDims.push_back(d);
    else if (d < firstFlat)
      outer.push_back(d);

  // Tiles: the outer dimensions, times chunks of the dimension of the lanes.
  SmallVector<Value> outerSizes;
  Value rows = index.constant(1), lanes = index.constant(1);
  for (unsigned d : outer) {
    outerSizes.push_back(sizes[d]);
    rows = index.mul(rows, sizes[d]);
  }
  for (unsigned d = firstFlat; d < rank; ++d)
    lanes = index.mul(lanes, sizes[d]);
  int64_t chunk = chooseChunk(plan, innerDims, sizes);
  Value chunks = plan.flatCount && !sequential
                     ? index.ceilDiv(lanes, index.constant(chunk))
                     : index.constant(1);

  auto emitTile = [&](Value tile) {
    Value row = index.div(tile, chunks), part = index.rem(tile, chunks);
    Position position(rank);
    SmallVector<Value> at = kernel.delinearize(row, outerSizes);
    for (auto [i, d] : llvm::enumerate(outer))
      position[d] = index.uniform(at[i], uint64_t(1) << d);
    auto emitAt = [&] {
      if (!innerDims.empty()) {
        Position trial = position;
        for (unsigned d : innerDims)
          trial[d] = index.uniform(index.constant(0), uint64_t(1) << d);
        for (const Store &store : stores)
          emitter.hoistReductions(store.source, trial, plan.inner);
      }
      emitElements(stores, position, innerDims, plan, sizes);
    };
    if (!plan.flatCount)
      return emitAt();
    Value lower = index.constant(0), upper = lanes;
    if (firstColumn) {
      lower = firstColumn;
      upper = endColumn;
    } else if (IndexBuilder::getConstant(chunks) != 1) {
      Value step = index.constant(chunk);
      lower = index.mul(part, step);
      upper = index.min(index.add(lower, step), lanes);
    }
    FlatGroup group;
    for (unsigned d = firstFlat; d < rank; ++d)
      group.sizes.push_back(sizes[d]);
    if (plan.together > 1)
      lower = emitTogether(stores, position, plan.together, lower, upper);
    emitter.emitLanes(lower, upper, [&](Value i) {
      if (plan.flatCount == 1) {
        position[rank - 1] = index.uniform(i, uint64_t(1) << (rank - 1));
        position[rank - 1].stride = 1;
      } else {
        group.base = i;
        index.flat = &group;
        for (unsigned d = firstFlat; d < rank; ++d) {
          position[d] = LaneIndex();
          position[d].flatPosition = d - firstFlat;
          position[d].dependencies = uint64_t(1) << d;
        }
      }
      emitAt();
      index.flat = nullptr;
    });
  };

  Value count = index.mul(rows, chunks);
  if (sequential)
    emitLoop(builder, loc, index.constant(0), count, index.constant(1), {},
             [&](Value tile, ValueRange) -> SmallVector<Value> {
               ElementEmitter::Scope scope(emitter);
               emitTile(tile);
               return {};
             });
  else
    kernel.emitTiles(count, emitTile);
}

LogicalResult mlir::dl::cpu::emitLoopKernel(KernelFunction &kernel) {
  return LoopEmitter(kernel).run();
}

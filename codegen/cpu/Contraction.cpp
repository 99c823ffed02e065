// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/Contraction.h"
#include "ir/dialect/WalkProducers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;
using namespace mlir::dl::cpu;

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

namespace {
/// The arguments of a body `accumulator + a * b`, and whether they are extended
/// without a sign.
struct Factors {
  BlockArgument a, b;
  bool isUnsignedA, isUnsignedB;
};
} // namespace

/// The factors where the body is `accumulator + a * b` in i32, a and b extended
/// from i8.
static std::optional<Factors> getByteFactors(linalg::GenericOp op) {
  auto add = op.getBody()
                 ->getTerminator()
                 ->getOperand(0)
                 .getDefiningOp<arith::AddIOp>();
  if (!add || !add.getType().isInteger(32))
    return std::nullopt;
  Value accumulator = op.getRegionOutputArgs().front();
  Value product = add.getLhs() == accumulator   ? add.getRhs()
                  : add.getRhs() == accumulator ? add.getLhs()
                                                : Value();
  auto mul = product ? product.getDefiningOp<arith::MulIOp>() : nullptr;
  if (!mul)
    return std::nullopt;
  auto getArgument = [&](Value factor) {
    Operation *extension = factor.getDefiningOp();
    return isa_and_nonnull<arith::ExtUIOp, arith::ExtSIOp>(extension)
               ? dyn_cast<BlockArgument>(extension->getOperand(0))
               : BlockArgument();
  };
  BlockArgument a = getArgument(mul.getLhs()), b = getArgument(mul.getRhs());
  if (!a || !b || a == b || !a.getType().isInteger(8) ||
      !b.getType().isInteger(8))
    return std::nullopt;
  return Factors{a, b, isa<arith::ExtUIOp>(mul.getLhs().getDefiningOp()),
                 isa<arith::ExtUIOp>(mul.getRhs().getDefiningOp())};
}

/// The type of a and b where the body is `accumulator + a * b` in float32, a
/// and b perhaps extended; null for others.
static Type getFactorType(linalg::GenericOp op) {
  if (op.getNumDpsInits() != 1 || !op.getBody()->getTerminator())
    return {};
  auto add = op.getBody()
                 ->getTerminator()
                 ->getOperand(0)
                 .getDefiningOp<arith::AddFOp>();
  if (!add || !add.getType().isF32())
    return {};
  Value accumulator = op.getRegionOutputArgs().front();
  Value product = add.getLhs() == accumulator   ? add.getRhs()
                  : add.getRhs() == accumulator ? add.getLhs()
                                                : Value();
  auto mul = product ? product.getDefiningOp<arith::MulFOp>() : nullptr;
  if (!mul)
    return {};
  auto getArgument = [&](Value factor) {
    if (auto extension = factor.getDefiningOp<arith::ExtFOp>())
      factor = extension.getIn();
    auto argument = dyn_cast<BlockArgument>(factor);
    return argument == accumulator ? BlockArgument() : argument;
  };
  BlockArgument a = getArgument(mul.getLhs()), b = getArgument(mul.getRhs());
  if (!a || !b || a == b || a.getType() != b.getType())
    return {};
  return a.getType();
}

std::optional<Contraction> Contraction::match(linalg::GenericOp op) {
  Type factorType = isReduction(op) ? getFactorType(op) : Type();
  std::optional<Factors> bytes;
  if (!factorType && isReduction(op) && op.getNumDpsInits() == 1 &&
      (bytes = getByteFactors(op)))
    factorType = bytes->a.getType();
  if (!factorType)
    return std::nullopt;
  // The operands of the product; a pooling-like shape operand is not read.
  SmallVector<OpOperand *> factors;
  for (OpOperand *operand : op.getDpsInputOperands())
    if (!op.getMatchingBlockArgument(operand).use_empty())
      factors.push_back(operand);
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (factors.size() != 2 || !out.isProjectedPermutation() ||
      out.getNumResults() == 0)
    return std::nullopt;
  auto uses = [&](OpOperand *operand, unsigned d) {
    return op.getMatchingIndexingMap(operand).isFunctionOfDim(d);
  };
  unsigned last = out.getDimPosition(out.getNumResults() - 1);
  bool inFirst = uses(factors[0], last), inSecond = uses(factors[1], last);
  if (inFirst == inSecond)
    return std::nullopt;
  Contraction result;
  result.op = op;
  result.factorType = factorType;
  result.laneSide = inFirst ? factors[0] : factors[1];
  result.rowSide = inFirst ? factors[1] : factors[0];
  result.sumType = op.getRegionOutputArgs().front().getType();
  if (bytes) {
    bool isLaneA = op.getMatchingBlockArgument(result.laneSide) == bytes->a;
    result.hasUnsignedLanes = isLaneA ? bytes->isUnsignedA : bytes->isUnsignedB;
    result.hasUnsignedRows = isLaneA ? bytes->isUnsignedB : bytes->isUnsignedA;
  }
  SmallVector<unsigned> order;
  for (AffineExpr expr : out.getResults())
    order.push_back(cast<AffineDimExpr>(expr).getPosition());
  // Lanes run over trailing dimensions of known sizes, the outermost excepted.
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  size_t firstLane = order.size() - 1;
  while (firstLane > 0 && !ShapedType::isDynamic(ranges[order[firstLane]]) &&
         uses(result.laneSide, order[firstLane - 1]) &&
         !uses(result.rowSide, order[firstLane - 1]))
    --firstLane;
  for (auto [i, d] : llvm::enumerate(order)) {
    bool row = uses(result.rowSide, d), lane = uses(result.laneSide, d);
    if (row == lane)
      result.batch.push_back(d);
    else if (row)
      result.rows.push_back(d);
    else if (i >= firstLane)
      result.lanes.push_back(d);
    else
      result.outerLanes.push_back(d);
  }
  // Of several row loops, those that run once are no rows.
  for (size_t i = 0; i < result.rows.size() && result.rows.size() > 1;)
    if (ranges[result.rows[i]] == 1) {
      result.batch.push_back(result.rows[i]);
      result.rows.erase(result.rows.begin() + i);
    } else {
      ++i;
    }
  // Blocks of few rows reuse little of a panel: rather images side by side than
  // the columns of tiny ones.
  constexpr int64_t kFewRows = 4;
  if (factorType.isF32() && result.rows.size() > 1) {
    auto extentOf = [&](unsigned d) {
      return ShapedType::isDynamic(ranges[d]) ? 0 : ranges[d];
    };
    auto *most = llvm::max_element(result.rows, [&](unsigned a, unsigned b) {
      return extentOf(a) < extentOf(b);
    });
    int64_t last = extentOf(result.rows.back());
    if (last > 0 && last <= kFewRows && extentOf(*most) >= 2 * last)
      std::rotate(most, most + 1, result.rows.end());
  }
  llvm::sort(result.batch);
  op.getReductionDims(result.reduced);
  return result;
}

BlockArgument Contraction::getConstantArgument(linalg::GenericOp op,
                                               OpOperand *operand) {
  auto argument = dyn_cast<BlockArgument>(operand->get());
  auto function = op->getParentOfType<func::FuncOp>();
  if (!argument || argument.getOwner() != &function.getBody().front() ||
      !function.getArgAttr(argument.getArgNumber(), "dl.constant") ||
      !cast<RankedTensorType>(argument.getType()).hasStaticShape() ||
      !argument.hasOneUse())
    return {};
  AffineMap map = op.getMatchingIndexingMap(operand);
  return map.isProjectedPermutation(/*allowZeroInResults=*/true)
             ? argument
             : BlockArgument();
}

SmallVector<Contraction, 0>
mlir::dl::cpu::findContractions(func::FuncOp function) {
  SmallVector<Contraction, 0> found;
  function.walk([&](linalg::GenericOp op) {
    if (auto contraction = Contraction::match(op))
      found.push_back(*contraction);
  });
  return found;
}

bool mlir::dl::cpu::dependsOn(Value value, Operation *op) {
  return mlir::dl::walkProducers(value,
                                 [&](Value producer) {
                                   return producer.getDefiningOp() == op
                                              ? WalkResult::interrupt()
                                              : WalkResult::advance();
                                 })
      .wasInterrupted();
}

bool mlir::dl::cpu::followsElementwise(Value value, linalg::GenericOp root) {
  auto rootType = cast<RankedTensorType>(root->getResult(0).getType());
  llvm::SmallSetVector<Value, 8> between;
  between.insert(value);
  for (size_t i = 0; i < between.size(); ++i) {
    Value at = between[i];
    if (at == root->getResult(0))
      continue;
    auto generic = at.getDefiningOp<linalg::GenericOp>();
    auto type = cast<RankedTensorType>(at.getType());
    if (!generic || isReduction(generic) ||
        type.getShape() != rootType.getShape() || !dependsOn(at, root))
      return false;
    for (OpOperand *operand : generic.getDpsInputOperands()) {
      if (!dependsOn(operand->get(), root))
        continue;
      if (!generic.getMatchingIndexingMap(operand).isIdentity())
        return false;
      between.insert(operand->get());
    }
  }
  return true;
}

bool mlir::dl::cpu::resultsFollowElementwise(func::FuncOp source,
                                             linalg::GenericOp root) {
  Operation *terminator = source.getBody().front().getTerminator();
  return llvm::all_of(terminator->getOperands(), [&](Value value) {
    return followsElementwise(value, root);
  });
}

/// The blocks that there are, in the order of preference among equals.
static ArrayRef<BlockSize> getBlocks(const MachineModel &machine) {
  // 24 accumulators, with what the operands need, fill 32 registers; with 16
  // registers 12 do.
  static constexpr BlockSize kWide[] = {
      {6, 4},  {8, 3}, {12, 2}, {4, 6}, {14, 2}, {7, 3},
      {5, 5},  {9, 3}, {10, 2}, {8, 2}, {4, 4},  {24, 1},
      {16, 1}, {2, 8}, {1, 8},  {1, 4}, {4, 2},  {2, 4}};
  static constexpr BlockSize kNarrow[] = {{6, 2}, {4, 3}, {12, 1}, {8, 1},
                                          {4, 2}, {2, 4}, {1, 8},  {1, 4}};
  return machine.vectorRegisters >= 32 ? ArrayRef<BlockSize>(kWide)
                                       : ArrayRef<BlockSize>(kNarrow);
}

/// What each of the blocks costs.
static SmallVector<double> getBlockCosts(int64_t rows, int64_t lanes,
                                         const MachineModel &machine) {
  ArrayRef<BlockSize> sizes = getBlocks(machine);
  if (ShapedType::isDynamic(rows))
    rows = 4 * sizes.front().rows * 8;
  if (ShapedType::isDynamic(lanes))
    lanes = 4 * sizes.front().vectors * machine.vectorLanes;
  SmallVector<double> costs;
  for (const BlockSize &size : sizes) {
    // Half cycles for one contracted position: a multiply-add each, but not
    // fewer than the loads or than the latency of an accumulator allow. A panel
    // mostly comes from the core's second cache.
    constexpr double kPanelVector = 3;
    double multiplies = size.rows * size.vectors;
    double cycles =
        std::max({multiplies, double(size.vectors + size.rows / 2.0),
                  kPanelVector * size.vectors, 4.0});
    double blocks = double(llvm::divideCeil(rows, size.rows)) *
                    llvm::divideCeil(lanes, size.vectors * machine.vectorLanes);
    costs.push_back(blocks * (cycles + 0.5));
  }
  return costs;
}

BlockSize mlir::dl::cpu::chooseBlock(int64_t rows, int64_t lanes,
                                     const MachineModel &machine) {
  ArrayRef<BlockSize> sizes = getBlocks(machine);
  SmallVector<double> costs = getBlockCosts(rows, lanes, machine);
  size_t best = 0;
  for (size_t i = 1; i < sizes.size(); ++i)
    if (costs[i] < 0.98 * costs[best])
      best = i;
  return sizes[best];
}

SmallVector<BlockSize> mlir::dl::cpu::listBlocks(int64_t rows, int64_t lanes,
                                                 const MachineModel &machine) {
  constexpr double kWorse = 1.25;
  constexpr size_t kMost = 5;
  SmallVector<double> costs = getBlockCosts(rows, lanes, machine);
  SmallVector<std::pair<double, size_t>> order;
  for (auto [i, cost] : llvm::enumerate(costs))
    order.push_back({cost, i});
  llvm::sort(order);
  SmallVector<BlockSize> result;
  for (auto [cost, i] : order)
    if (result.size() < kMost && cost <= kWorse * order.front().first)
      result.push_back(getBlocks(machine)[i]);
  return result;
}

std::optional<BlockSize>
mlir::dl::cpu::getChosenBlock(const KernelFunction &kernel) {
  const KernelChoice &choice = kernel.choice;
  if (!choice.rows || !choice.vectors ||
      *choice.rows * *choice.vectors > kernel.machine.vectorRegisters)
    return std::nullopt;
  return BlockSize{*choice.rows, *choice.vectors};
}

Value mlir::dl::cpu::getExtent(KernelFunction &kernel, linalg::GenericOp op,
                               ArrayRef<unsigned> loops) {
  IndexBuilder &index = kernel.emitter.index;
  Value product = index.constant(1);
  for (unsigned d : loops)
    product = index.mul(product, kernel.emitter.loopSize(op, d));
  return product;
}

//===----------------------------------------------------------------------===//
// The block
//===----------------------------------------------------------------------===//

SmallVector<Value>
mlir::dl::cpu::emitBlock(KernelFunction &kernel, int64_t rows, int64_t vectors,
                         Value depth,
                         function_ref<Value(int64_t, Value)> readRow,
                         function_ref<Value(int64_t, Value)> readLanes) {
  OpBuilder &builder = kernel.builder;
  Location loc = kernel.loc;
  ElementEmitter &emitter = kernel.emitter;
  VectorType type = emitter.vectorType(builder.getF32Type());
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  SmallVector<Value> start(rows * vectors, zero);
  return emitLoop(
      builder, loc, emitter.index.constant(0), depth, emitter.index.constant(1),
      start, [&](Value k, ValueRange carried) {
        ElementEmitter::Scope scope(emitter);
        SmallVector<Value> next(carried);
        emitBlockStep(
            kernel, next, vectors, [&](int64_t i) { return readRow(i, k); },
            [&](int64_t j) { return readLanes(j, k); });
        return next;
      });
}

void mlir::dl::cpu::emitBlockStep(
    KernelFunction &kernel, SmallVectorImpl<Value> &sums, int64_t vectors,
    function_ref<Value(int64_t)> readRow,
    function_ref<Value(int64_t)> readLanes,
    function_ref<Value(Value, Value, Value)> multiply) {
  OpBuilder &builder = kernel.builder;
  Location loc = kernel.loc;
  VectorType type = kernel.emitter.vectorType(builder.getF32Type());
  auto extend = [&](Value value, Type to) -> Value {
    if (value.getType() == to)
      return value;
    return arith::ExtFOp::create(builder, loc, to, value);
  };
  SmallVector<Value> lanes;
  for (int64_t j = 0; j < vectors; ++j)
    lanes.push_back(readLanes(j));
  auto given = cast<VectorType>(lanes.front().getType());
  bool pairs = given.getNumElements() != type.getNumElements();
  if (!pairs && !multiply)
    for (Value &vector : lanes)
      vector = extend(vector, type);
  for (int64_t i = 0, rows = sums.size() / vectors; i < rows; ++i) {
    Value row = readRow(i);
    if (!pairs && !multiply)
      row = vector::BroadcastOp::create(builder, loc, type,
                                        extend(row, type.getElementType()));
    for (int64_t j = 0; j < vectors; ++j) {
      Value &sum = sums[i * vectors + j];
      sum =
          multiply ? multiply(sum, row, lanes[j])
          : pairs
              ? Value(x86vector::DotBF16Op::create(builder, loc, type, sum, row,
                                                   lanes[j]))
              : Value(vector::FMAOp::create(builder, loc, row, lanes[j], sum));
    }
  }
}

void mlir::dl::cpu::emitPrefetch(KernelFunction &kernel, Value memory, Value at,
                                 int64_t lines) {
  IndexBuilder &index = kernel.emitter.index;
  auto type = cast<MemRefType>(memory.getType()).getElementType();
  int64_t elements = kLineBytes * 8 / type.getIntOrFloatBitWidth();
  for (int64_t i = 0; i < lines; ++i)
    memref::PrefetchOp::create(
        kernel.builder, kernel.loc, memory,
        ValueRange{index.add(at, index.constant(i * elements))},
        /*isWrite=*/false, /*localityHint=*/2, /*isDataCache=*/true);
}

void mlir::dl::cpu::storeBlock(KernelFunction &kernel, Value memory,
                               ArrayRef<Value> block, int64_t rows,
                               int64_t vectors) {
  for (int64_t i = 0; i < rows * vectors; ++i)
    vector::StoreOp::create(
        kernel.builder, kernel.loc, block[i], memory,
        ValueRange{kernel.emitter.index.constant(i * kernel.emitter.width())});
}

linalg::GenericOp
mlir::dl::cpu::findOnly(func::FuncOp source,
                        function_ref<bool(linalg::GenericOp)> accepts) {
  SmallVector<linalg::GenericOp> found;
  source.walk([&](linalg::GenericOp op) {
    if (accepts(op))
      found.push_back(op);
  });
  return found.size() == 1 ? found.front() : linalg::GenericOp();
}

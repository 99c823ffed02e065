// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/WinogradMatch.h"

using namespace mlir;
using namespace mlir::dl::cpu;
using namespace mlir::dl::winograd;
using namespace mlir::dl::cpu::minimal_filtering;

std::optional<Match> minimal_filtering::match(func::FuncOp source) {
  if (!isContractionKernel(source))
    return std::nullopt;
  Contraction found = findContractions(source).front();
  linalg::GenericOp op = found.op;
  if (op.getNumLoops() != kLoops)
    return std::nullopt;
  MLIRContext *context = source.getContext();
  auto d = [&](Loop loop) { return getAffineDimExpr(loop, context); };
  auto mapOf = [&](ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(kLoops, 0, exprs, context);
  };
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  bool isKnown =
      llvm::all_of(ArrayRef<int64_t>(ranges).drop_front(),
                   [](int64_t size) { return !ShapedType::isDynamic(size); });
  if (!isKnown ||
      op.getMatchingIndexingMap(op.getDpsInitOperand(0)) !=
          mapOf({d(N), d(H), d(W), d(M)}) ||
      op.getMatchingIndexingMap(found.laneSide) !=
          mapOf({d(I), d(J), d(C), d(M)}) ||
      !found.factorType.isF32() ||
      !Contraction::getConstantArgument(op, found.laneSide))
    return std::nullopt;
  AffineMap image = op.getMatchingIndexingMap(found.rowSide);
  for (int64_t stride : {1, 2})
    if (image ==
            mapOf({d(N), d(H) * stride + d(I), d(W) * stride + d(J), d(C)}) &&
        countTaps(ranges[I], ranges[J], stride) <= kMaxTaps)
      return Match{std::move(found), stride};
  return std::nullopt;
}

double minimal_filtering::getFilterCost(double elements,
                                        const MachineModel &machine) {
  constexpr double kBytes = 8; // that come while a vector is multiplied
  double bytes = elements * sizeof(float);
  return bytes > 0.5 * machine.l2Bytes ? bytes / kBytes : 0;
}

/// Whether minimal filtering is the faster one by a good margin, in vectors of
/// multiply-adds: the direct sums against the products, the transformations,
/// and the larger filter, which comes from afar.
static bool isFaster(const Sizes &sizes, const MachineModel &machine) {
  const SmallVector<int64_t> &ranges = sizes.ranges;
  double lanes = machine.vectorLanes;
  double images = ShapedType::isDynamic(ranges[N]) ? 1 : ranges[N];
  double in = ranges[C],
         out = double(llvm::alignTo(ranges[M], machine.vectorLanes));
  double tiles = images * double(llvm::divideCeil(ranges[H], sizes.results)) *
                 double(llvm::divideCeil(ranges[W], sizes.results));
  constexpr double kShortSums = 1.2;
  double pairs = in * out;
  double taps = double(ranges[I]) * ranges[J];
  double direct = images * ranges[H] * ranges[W] * taps * pairs / lanes;
  double products = tiles * kProducts * sizes.phases * pairs / lanes;
  auto filterCost = [&](double taps) {
    return getFilterCost(taps * pairs, machine);
  };
  double minimal = kShortSums * products +
                   tiles * kTransform * (sizes.phases * in + out) / lanes +
                   filterCost(double(kProducts) * sizes.phases);
  return minimal < 0.8 * (direct + filterCost(taps));
}

/// What it takes is there: lanes full of channels, registers for a
/// transformation.
static bool isPossible(linalg::GenericOp op, const MachineModel &machine) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  return ranges[C] >= machine.vectorLanes &&
         2 * ranges[M] >= machine.vectorLanes && machine.vectorRegisters >= 32;
}

bool mlir::dl::cpu::mayUseWinograd(func::FuncOp source,
                                   const MachineModel &machine) {
  auto found = match(source);
  return found && isPossible(found->contraction.op, machine);
}

bool mlir::dl::cpu::isWinogradKernel(func::FuncOp source,
                                     const MachineModel &machine,
                                     const KernelChoice &choice) {
  auto found = match(source);
  if (!found || !isPossible(found->contraction.op, machine))
    return false;
  if (choice.winograd)
    return *choice.winograd != 0;
  return isFaster(Sizes(found->contraction.op, found->stride), machine);
}

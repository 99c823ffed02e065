// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Which convolutions minimal filtering (ir/dialect/Winograd.h) applies to, and
// where it pays.

#ifndef DL_CODEGEN_CPU_WINOGRADMATCH_H
#define DL_CODEGEN_CPU_WINOGRADMATCH_H

#include "codegen/cpu/Contraction.h"
#include "ir/dialect/Winograd.h"

namespace mlir::dl::cpu::minimal_filtering {

/// Loops of [n, h, w, m] = sum over i, j, c of image[n, h * stride + i, w *
/// stride + j, c] * filter[i, j, c, m].
enum Loop : unsigned { N, H, W, M, I, J, C, kLoops };

/// A convolution that could go this way.
struct Match {
  Contraction contraction;
  int64_t stride;
};

/// The sizes that decide about a convolution.
struct Sizes {
  Sizes(linalg::GenericOp op, int64_t stride)
      : ranges(op.getStaticLoopRanges()), stride(stride),
        taps(winograd::countTaps(ranges[I], ranges[J], stride)),
        results(winograd::countResults(taps)), phases(stride * stride),
        channels(phases * ranges[C]) {}

  SmallVector<int64_t> ranges;
  int64_t stride, taps, results; // of a phase, of a tile along a dimension
  int64_t phases, channels;      // channels of all phases
};

/// Vector operations for the transformation of a tile's inputs, or its results.
constexpr double kTransform = 100;

/// What reading a filter of so many elements costs, in vectors of
/// multiply-adds, if it comes from beyond the core's cache.
double getFilterCost(double elements, const MachineModel &machine);

/// The convolution of a kernel's source, if it is one; nothing for others.
std::optional<Match> match(func::FuncOp source);

} // namespace mlir::dl::cpu::minimal_filtering

#endif // DL_CODEGEN_CPU_WINOGRADMATCH_H

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What can be decided about one kernel in place of the cost model.

#ifndef DL_CODEGEN_CPU_KERNELCHOICE_H
#define DL_CODEGEN_CPU_KERNELCHOICE_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mlir::func {
class FuncOp;
} // namespace mlir::func

namespace mlir::dl::cpu {

/// Decisions about one kernel; what is not set is left to the cost model. A
/// generator takes those that it knows and that are legal for the kernel, and
/// ignores the others: no choice makes a wrong kernel, and sums have an order
/// that follows from shapes and the choice alone.
struct KernelChoice {
  /// A convolution by minimal filtering (1) or directly (0).
  std::optional<int64_t> winograd;
  /// The block: rows x vectors of accumulators, or rows x 16 lanes in tile
  /// registers. Of a window, rows are positions side by side. Both or none.
  std::optional<int64_t> rows, vectors;
  /// Positions of the divided row loop in a tile; 0: all of them. Of minimal
  /// filtering, rows of its tiles; of a window, rows.
  std::optional<int64_t> range;
  /// Outermost contracted positions in a piece; 0: all.
  std::optional<int64_t> depth;
  /// Panels in a tile of a contraction that runs in pieces.
  std::optional<int64_t> panels;
  /// Cache lines of the next panel that each step fetches; 0: none.
  std::optional<int64_t> prefetch;
  /// Contracted positions (or pairs) that are unrolled.
  std::optional<int64_t> unroll;
  /// Elements in a tile of a loop; lanes in one of a window.
  std::optional<int64_t> lanes;
  /// Rows of an image in tile registers as one (1) or one by one (0).
  std::optional<int64_t> flat;

  bool operator==(const KernelChoice &other) const;
  bool operator!=(const KernelChoice &other) const { return !(*this == other); }
  bool isEmpty() const { return *this == KernelChoice(); }
  /// Takes over what is set in `other`.
  void override(const KernelChoice &other);
};

/// "block=6x4,range=24"; empty for a choice that sets nothing.
std::string printChoice(const KernelChoice &choice);

/// Reads what printChoice writes, with its parts in any order. Returns nothing
/// and sets `error` where the text is none.
std::optional<KernelChoice> parseChoice(llvm::StringRef text,
                                        std::string &error);

/// What a generator made of a kernel.
struct KernelReport {
  std::string generator;
  /// What it decided.
  KernelChoice made;
  /// Legal changes of that, the most promising first.
  std::vector<KernelChoice> alternatives;
};

/// Asked for a choice and told of the result, for each kernel that is
/// generated, in the module's order. Either may be empty.
struct ChoiceHooks {
  std::function<KernelChoice(func::FuncOp source)> choose;
  std::function<void(llvm::StringRef kernel, const KernelReport &report)>
      report;
};

/// The text of a kernel on tensors without its name and locations: kernels of
/// one content are one for every choice.
std::string getKernelContent(func::FuncOp source);

} // namespace mlir::dl::cpu

#endif // DL_CODEGEN_CPU_KERNELCHOICE_H

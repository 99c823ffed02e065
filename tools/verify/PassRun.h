// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The passes of the phases, one by one, and the rewrite patterns in one of
// them.

#ifndef DL_TOOLS_VERIFY_PASSRUN_H
#define DL_TOOLS_VERIFY_PASSRUN_H

#include "mlir/IR/BuiltinOps.h"
#include "passes/Pipeline.h"
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace dl::tools {

struct PassStep {
  Phase phase;
  /// The pass in MLIR's notation: "canonicalize{...}".
  std::string text;
  /// The pass alone, without options: "canonicalize".
  std::string name;
};

/// The passes of a phase, in running order.
std::vector<PassStep> listPasses(Phase phase, const PipelineOptions &options,
                                 mlir::MLIRContext *context);

/// Runs a step's pass; its errors become diagnostics.
mlir::LogicalResult runPass(const PassStep &step, mlir::ModuleOp module);

/// A rewrite pattern that was applied.
struct AppliedPattern {
  std::string name, op;
  mlir::Location loc;
};

/// The application of a pattern by `step` that makes the result of the pass
/// wrong, found by bisection: with that application and those before it alone,
/// `isWrong` holds of what the pass makes of `module`, and without it, it does
/// not. Nothing where it holds without any pattern.
std::optional<AppliedPattern>
findPattern(const PassStep &step, mlir::ModuleOp module,
            const std::function<bool(mlir::ModuleOp)> &isWrong);

} // namespace dl::tools

#endif // DL_TOOLS_VERIFY_PASSRUN_H

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/StateOps.h"
#include "passes/Constants.h"
#include "passes/Passes.h"
#include "passes/Pipeline.h"
#include "passes/WholeParts.h"

#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/DenseSet.h"

namespace dl {
#define GEN_PASS_DEF_VERIFYPHASE
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

namespace {

class VerifyPhase : public ::dl::impl::VerifyPhaseBase<VerifyPhase> {
  using VerifyPhaseBase::VerifyPhaseBase;

  void runOnOperation() override {
    std::optional<::dl::Phase> ended = ::dl::parsePhase(phase);
    if (!ended) {
      getOperation().emitError() << "unknown phase '" << phase << "'";
      return signalPassFailure();
    }
    llvm::DenseSet<StringAttr> kernels;
    getOperation().walk([&](DispatchOp dispatch) {
      kernels.insert(dispatch.getKernelAttr().getAttr());
    });
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      bool isKernel = kernels.contains(function.getSymNameAttr()) ||
                      function->hasAttr("dl.kernel");
      if (failed(isKernel ? checkKernel(function, *ended)
                          : checkEntry(function, *ended)))
        return signalPassFailure();
    }
  }

  InFlightDiagnostic fail(Operation *op, StringRef reason) {
    return op->emitError() << "not legal after phase '" << phase
                           << "': " << reason;
  }

  /// Upstream ops alone, in every phase.
  LogicalResult checkKernel(func::FuncOp function, ::dl::Phase) {
    WalkResult result = function.getBody().walk([&](Operation *op) {
      if (isa<DlDialect>(op->getDialect())) {
        fail(op, "a kernel holds upstream ops alone");
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

  /// dl ops alone (and what ends a function), further limited by the phase.
  LogicalResult checkEntry(func::FuncOp function, ::dl::Phase ended) {
    WalkResult result = function.getBody().walk([&](Operation *op) {
      StringRef reason;
      if (op->getDialect() &&
          !isa<DlDialect, func::FuncDialect>(op->getDialect()))
        reason = "an entry function holds dl ops alone";
      else if (ended == ::dl::Phase::Lower)
        reason = checkScheduled(op);
      else if (isa<DispatchOp>(op))
        reason = "kernels are made by phase 'lower'";
      else if (ended == ::dl::Phase::Fuse)
        reason = checkGrouped(op);
      else if (isa<FusedOp>(op))
        reason = "groups are made by phase 'fuse'";
      if (reason.empty())
        return WalkResult::advance();
      fail(op, reason);
      return WalkResult::interrupt();
    });
    return failure(result.wasInterrupted());
  }

  /// Ops that never become part of a kernel.
  static bool isScheduled(Operation *op) {
    if (isa<TransposeOp, CastOp, RoundBalancedOp>(op))
      return isStoredConstant(op->getResult(0));
    if (auto concat = dyn_cast<ConcatOp>(op))
      return hasWholeParts(concat);
    if (auto slice = dyn_cast<SliceOp>(op))
      return slice.getStrides() == ArrayRef<int64_t>(1);
    return isRuntimeStep(op) ||
           isa<BindOp, ConstantOp, InsertOp, SizesOp, ReshapeOp, ScanOp,
               YieldOp, HostCallOp, func::ReturnOp, func::CallOp>(op);
  }

  static StringRef checkGrouped(Operation *op) {
    if (isa<FusedOp>(op) || isScheduled(op) || op->getParentOfType<FusedOp>())
      return {};
    return "an op that computes stands outside dl.fused";
  }

  static StringRef checkScheduled(Operation *op) {
    if (isa<DispatchOp>(op) || isScheduled(op))
      return {};
    return "a schedule only dispatches kernels and takes views";
  }
};

} // namespace

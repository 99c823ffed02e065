// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A pass that is wrong on purpose, for tests of what must notice. It knows ops
// by name alone, so that it loads into any tool:
//
//   test-wrong{op=NAME to=NAME nth=N walk=BOOL}
//
// makes op `to` of the Nth op `op` in a module, by a pattern of the greedy
// driver or, with `walk`, by itself; without `to`, the op's two operands change
// places. `crash` ends the process in place of that, `fail` fails the pass.

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include <cstdlib>

using namespace mlir;

namespace {

/// Marks what has been found, so that it is rewritten once.
constexpr llvm::StringLiteral kChosen = "test.chosen";

/// Makes another op of the one that is marked.
struct MakeAnswerWrong : RewritePattern {
  MakeAnswerWrong(MLIRContext *context, StringRef to)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context), to(to) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    if (!op->hasAttr(kChosen))
      return rewriter.notifyMatchFailure(op, "it is not the one");
    rewrite(op, to, rewriter);
    return success();
  }

  static void rewrite(Operation *op, StringRef to, RewriterBase &rewriter) {
    op->removeAttr(kChosen);
    OperationState state(op->getLoc(),
                         to.empty() ? op->getName().getStringRef() : to);
    SmallVector<Value> operands(op->getOperands());
    if (to.empty())
      std::swap(operands[0], operands[1]);
    state.addOperands(operands);
    state.addTypes(op->getResultTypes());
    state.addAttributes(op->getAttrs());
    Operation *wrong = rewriter.create(state);
    rewriter.replaceOp(op, wrong);
  }

  std::string to;
};

struct WrongPass : PassWrapper<WrongPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(WrongPass)

  WrongPass() = default;
  WrongPass(const WrongPass &other) : PassWrapper(other) {}
  StringRef getArgument() const override { return "test-wrong"; }
  StringRef getDescription() const override { return "Make an answer wrong"; }

  void runOnOperation() override {
    Operation *chosen = nullptr;
    int64_t seen = 0;
    getOperation().walk([&](Operation *candidate) {
      if (candidate->getName().getStringRef() == op.getValue() && seen++ == nth)
        chosen = candidate;
    });
    if (!chosen)
      return;
    if (crash)
      std::abort();
    if (fail) {
      chosen->emitError("is what test-wrong fails at");
      return signalPassFailure();
    }
    if (walk) {
      IRRewriter rewriter(chosen);
      MakeAnswerWrong::rewrite(chosen, to, rewriter);
      return;
    }
    chosen->setAttr(kChosen, UnitAttr::get(&getContext()));
    RewritePatternSet patterns(&getContext());
    patterns.add<MakeAnswerWrong>(&getContext(), to.getValue());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
    getOperation().walk([](Operation *left) { left->removeAttr(kChosen); });
  }

  Option<std::string> op{*this, "op", llvm::cl::desc("what is rewritten")};
  Option<std::string> to{*this, "to", llvm::cl::desc("what it becomes")};
  Option<int64_t> nth{*this, "nth", llvm::cl::init(0)};
  Option<bool> walk{*this, "walk", llvm::cl::init(false)};
  Option<bool> crash{*this, "crash", llvm::cl::init(false)};
  Option<bool> fail{*this, "fail", llvm::cl::init(false)};
};

} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK
    __attribute__((visibility("default"))) PassPluginLibraryInfo
    mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "test-wrong", "1",
          [] { PassRegistration<WrongPass>(); }};
}

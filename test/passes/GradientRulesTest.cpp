// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Which ops have a gradient, and whether each one is tested.

#include "test/passes/GradientTest.h"

#include "passes/differentiate/Gradients.h"
#include "llvm/ADT/StringSet.h"

using namespace dl;
using namespace mlir;
using namespace mlir::dl;
using namespace ::dl::gradienttest;

/// Ops without a rule, by the reason.
static const std::pair<const char *, const char *> kWithoutGradient[] = {
    {"results are no floats, or floats of integers alone",
     "and or xor not shl shr compare arg_reduce iota is_inf is_nan sizes bind "
     "constant bitcast row_order suppress process_rank image_size decode_image "
     "optional_has sequence_length string_case string_concat string_count "
     "string_find string_match string_rank string_split string_to_number "
     "number_to_string"},
    {"a step where it changes at all", "tree_ensemble"},
    {"the host's function of any kind", "host_call"},
    {"a value of it is no tensor",
     "sequence_at sequence_create sequence_erase sequence_insert "
     "sequence_split optional_create optional_get"},
    {"second derivatives of extremes of windows", "window_scatter"},
    {"part of others", "yield yield_gradient gradient"},
    {"made when derivatives are",
     "all_reduce insert fused dispatch pack block_matmul sparse_matmul "
     "winograd_filter round_balanced"},
};

static std::vector<Case> getAllCases() {
  std::vector<Case> all;
  for (const auto &cases :
       {getElementwiseCases(), getReductionCases(), getWindowCases(),
        getContractionCases(), getMovementCases(), getIndexingCases(),
        getSignalCases(), getLossCases(), getControlCases()})
    all.insert(all.end(), cases.begin(), cases.end());
  return all;
}

TEST(GradientRules, AreThereForEachOpOrTheReason) {
  CaseBuilder builder;
  llvm::StringMap<std::string> reasons;
  for (auto [reason, names] : kWithoutGradient) {
    SmallVector<StringRef> list;
    StringRef(names).split(list, ' ');
    for (StringRef name : list)
      reasons[("dl." + name).str()] = reason;
  }
  for (RegisteredOperationName op :
       builder.context.getRegisteredOperationsByDialect("dl")) {
    StringRef name = op.getStringRef();
    EXPECT_NE(hasGradientRule(name), reasons.contains(name))
        << name.str() << " is to have either a rule or a reason for none";
    reasons.erase(name);
  }
  for (const auto &left : reasons)
    ADD_FAILURE() << left.getKey().str() << " is no op";
}

TEST(GradientRules, HaveCases) {
  CaseBuilder builder;
  llvm::StringSet<> seen;
  for (const Case &tested : getAllCases()) {
    Random random(1);
    OwningOpRef<ModuleOp> module = builder.build(tested, tested.shape(random));
    module->walk(
        [&](Operation *op) { seen.insert(op->getName().getStringRef()); });
  }
  for (RegisteredOperationName op :
       builder.context.getRegisteredOperationsByDialect("dl"))
    if (hasGradientRule(op.getStringRef()))
      EXPECT_TRUE(seen.contains(op.getStringRef()))
          << op.getStringRef().str() << " has a rule that no case tests";
}

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What ranks do together, for one rank.

#include "ir/reference/Rules.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::reference;

static FailureOr<Tensors> allReduce(AllReduceOp, const Arguments &arguments) {
  return Tensors(arguments.operands);
}

static FailureOr<Tensors> processRank(ProcessRankOp op, const Arguments &) {
  Type i64 = IntegerType::get(op.getContext(), 64);
  return Tensors{Tensor::store<int64_t>(i64, Shape(), {0}),
                 Tensor::store<int64_t>(i64, Shape(), {1})};
}

void mlir::dl::reference::addCollectiveRules(RuleTable &table) {
  table.addMany(allReduce);
  table.addMany(processRank);
}

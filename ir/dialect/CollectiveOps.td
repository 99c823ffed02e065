// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the ranks of a data-parallel training do together: processes that each run
// the same program on a part of every batch.

#ifndef DL_COLLECTIVE_OPS_TD
#define DL_COLLECTIVE_OPS_TD

include "ir/dialect/DlBase.td"

def Dl_AllReduceOp : Dl_Op<"all_reduce", [Pure]> {
  let summary = "means over all ranks";
  let description = [{
    Element j of result i is the mean of the elements j of operand i of all ranks. Every
    rank runs the op as often as the others, and gets the same bits. With one rank, the
    results are the operands; so the reference has it. The pass `dl-bucket-reductions`
    turns these ops into calls that begin and end a reduction.

    Constraints:
    - (C1) result i has the type of operand i
    - (C2) all operands have one element type
    - (C3) operands have static sizes

    Example: `%r:2 = dl.all_reduce %a, %b : (tensor<4xf32>, tensor<2x3xf32>) -> (tensor<4xf32>, tensor<2x3xf32>)`
  }];
  let arguments = (ins Variadic<RankedTensorOf<[F32, F64]>>:$inputs);
  let results = (outs Variadic<Dl_Tensor>:$results);
  let assemblyFormat = "$inputs attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dl_ProcessRankOp : Dl_PureOp<"process_rank", "Opaque"> {
  let summary = "the number of this rank, and how many there are";
  let description = [{
    Semantics: `number` is from 0 to `count` - 1, another one in each process. Without other
    ranks, and for the reference, they are 0 and 1.

    Example: `%n, %c = dl.process_rank : () -> (tensor<i64>, tensor<i64>)`
  }];
  let results = (outs Dl_IndexScalar:$number, Dl_IndexScalar:$count);
  let assemblyFormat = "attr-dict `:` functional-type(operands, results)";
}

#endif // DL_COLLECTIVE_OPS_TD

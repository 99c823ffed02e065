// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Ops that change a part of a state: a tensor that outlasts runs.

#ifndef DL_STATE_OPS_TD
#define DL_STATE_OPS_TD

include "ir/dialect/DlBase.td"

def Dl_InsertOp : Dl_Op<"insert", [Pure, AllTypesMatch<["operand", "result"]>]> {
  let summary = "a tensor some of whose rows are replaced";
  let description = [{
    Semantics: `result[i] = rows[.., i[axis] - offset, ..]` where `i[axis] - offset` is a
    position of `rows`, else `operand[i]`. The map gives the offset, as an expression over
    the symbols. The op is a step of a schedule, which writes the rows alone where the
    operand is a state that nothing else reads.

    Constraints:
    - (C1) `rows` has the operand's element type and rank
    - (C2) `axis` is a dimension of the operand
    - (C3) `rows` has the operand's dimensions but for `axis`
    - (C4) `offset` is one expression over symbols alone
    - (C5) all rows are within the operand

    Example: `%r = dl.insert %x, %y {axis = 1 : i64, offset = affine_map<() -> (5)>} : (tensor<2x8x4xf32>, tensor<2x3x4xf32>) -> tensor<2x8x4xf32>`
  }];
  let arguments = (ins Dl_Tensor:$operand, Dl_Tensor:$rows, I64Attr:$axis,
                   AffineMapAttr:$offset);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$operand `,` $rows attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif // DL_STATE_OPS_TD

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_REDUCTION_OPS_TD
#define DL_REDUCTION_OPS_TD

include "ir/dialect/DlBase.td"

def Dl_ReduceOp : Dl_PureOp<"reduce", "Reduction", [Dl_InferTypes]> {
  let summary = "combines the elements along some dimensions";
  let description = [{
    Semantics: `result[o..] = kind over r.. of operand[o.., r..]`, r.. standing at
    `axes`. With `keepdims` a reduced dimension stays with size 1. An empty
    reduction gives the neutral element: sum 0, prod 1, max the lowest value
    (-infinity for floats), min the highest. Max and min are NaN if an element is.

    Constraints:
    - (C1) `axes` are ascending, different dimensions of the operand

    Example: `%r = dl.reduce sum, %x {axes = array<i64: 1>} : (tensor<2x3xf32>) -> tensor<2xf32>`
  }];
  let arguments = (ins Dl_ReduceKindAttr:$kind, Dl_NumberTensor:$operand,
                   DenseI64ArrayAttr:$axes,
                   DefaultValuedAttr<BoolAttr, "false">:$keepdims);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$kind `,` $operand attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def Dl_SoftmaxOp : Dl_PureOp<"softmax", "Reduction", [Dl_InferTypes]> {
  let summary = "exponentials along one dimension, divided by their sum";
  let description = [{
    Semantics: `exp(x - max(x)) / sum(exp(x - max(x)))` along `axis`; with `log`,
    its logarithm, `(x - max(x)) - log(sum(exp(x - max(x))))`.

    Constraints:
    - (C1) `axis` is a dimension of the operand

    Example: `%r = dl.softmax %x {axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>`
  }];
  let arguments = (ins Dl_FloatTensor:$operand, I64Attr:$axis,
                   DefaultValuedAttr<BoolAttr, "false">:$log);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
}

def Dl_ArgReduceOp : Dl_PureOp<"arg_reduce", "Opaque", [Dl_InferTypes]> {
  let summary = "index of the largest or smallest element along a dimension";
  let description = [{
    Among equals it is the first index, or the last with `select_last`. A NaN is
    larger and smaller than all numbers.

    Constraints:
    - (C1) `kind` is max or min
    - (C2) `axis` is a dimension of the operand
    - (C3) dimension `axis` of the operand is not 0

    Example: `%r = dl.arg_reduce max, %x {axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2xi64>`
  }];
  let arguments = (ins Dl_ReduceKindAttr:$kind, Dl_NumberTensor:$operand, I64Attr:$axis,
                   DefaultValuedAttr<BoolAttr, "false">:$keepdims,
                   DefaultValuedAttr<BoolAttr, "false">:$select_last);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$kind `,` $operand attr-dict `:` functional-type(operands, results)";
}

def Dl_CumsumOp : Dl_PureOp<"cumsum", "Opaque", [Dl_InferTypes]> {
  let summary = "running sum along a dimension";
  let description = [{
    Element i is the sum of elements 0 to i; `exclusive` leaves element i out,
    `reverse` sums from the end.

    Constraints:
    - (C1) `axis` is a dimension of the operand

    Example: `%r = dl.cumsum %x {axis = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>`
  }];
  let arguments = (ins Dl_NumberTensor:$operand, I64Attr:$axis,
                   DefaultValuedAttr<BoolAttr, "false">:$exclusive,
                   DefaultValuedAttr<BoolAttr, "false">:$reverse);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
}

def Dl_TopkOp : Dl_PureOp<"topk", "Opaque"> {
  let summary = "the k largest or smallest elements along a dimension";
  let description = [{
    k is the size of the results along `axis`. Results are ordered when `sorted`,
    in an unspecified order otherwise; among equal values the lower index comes
    first. A NaN is larger than all numbers.

    Constraints:
    - (C1) `axis` is a dimension of the operand
    - (C2) `values` has the operand's element type, `indices` i64
    - (C3) the results have one shape, the operand's but for dimension `axis`, which
      is not larger than the operand's

    Example: `%v, %i = dl.topk %x {axis = 1 : i64} : (tensor<2x9xf32>) -> (tensor<2x3xf32>, tensor<2x3xi64>)`
  }];
  let arguments = (ins Dl_NumberTensor:$operand, I64Attr:$axis,
                   DefaultValuedAttr<BoolAttr, "true">:$largest,
                   DefaultValuedAttr<BoolAttr, "true">:$sorted);
  let results = (outs Dl_Tensor:$values, Dl_Tensor:$indices);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dl_RowOrderOp : Dl_PureOp<"row_order", "Opaque"> {
  let summary = "the order of a matrix's rows";
  let description = [{
    `order[i]` is the position of the row that comes at place i when rows are sorted by
    their first element, then by their second, and so on, smaller ones first. Equal
    rows keep their order. A NaN is larger than all numbers; both zeros are equal.

    Constraints:
    - (C1) the operand has rank 2
    - (C2) the result is i64, with an element for each row

    Example: `%r = dl.row_order %x : (tensor<5x2xf32>) -> tensor<5xi64>`
  }];
  let arguments = (ins Dl_NumberTensor:$operand);
  let results = (outs Dl_Tensor:$order);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dl_SuppressOp : Dl_PureOp<"suppress", "Opaque"> {
  let summary = "keeps the boxes of the best scores that do not overlap";
  let description = [{
    Non-maximum suppression. Boxes of a batch and class are taken by falling score, of
    equal ones the first; those whose score is not above `threshold` are left out, and
    those whose intersection over union with a box that was kept is above `overlap`; at
    most `most` are kept. A box is (y1, x1, y2, x2), two opposite corners, or with
    `centered` (x, y, width, height) of the center. `selected` has a row (batch, class,
    box) for each box that is kept, `count` their number; rows after these are -1.

    Constraints:
    - (C1) `boxes` are [batches, n, 4], `scores` [batches, classes, n], of one type
    - (C2) `most` is a scalar of i64, `overlap` and `threshold` are scalars of f32
    - (C3) `selected` is i64 of two dimensions, the second 3, `count` i64 of one element

    Example: `%s, %k = dl.suppress %b, %c, %m, %o, %t : (tensor<1x6x4xf32>, tensor<1x2x6xf32>, tensor<i64>, tensor<f32>, tensor<f32>) -> (tensor<12x3xi64>, tensor<1xi64>)`
  }];
  let arguments = (ins Dl_FloatTensor:$boxes, Dl_FloatTensor:$scores,
                   Dl_IntTensor:$most, Dl_FloatTensor:$overlap,
                   Dl_FloatTensor:$threshold,
                   DefaultValuedAttr<BoolAttr, "false">:$centered);
  let results = (outs Dl_Tensor:$selected, Dl_Tensor:$count);
  let assemblyFormat = "$boxes `,` $scores `,` $most `,` $overlap `,` $threshold attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dl_WindowReduceOp : Dl_PureOp<"window_reduce", "Reduction", [Dl_InferTypes]> {
  let summary = "reduces sliding windows over the trailing dimensions";
  let description = [{
    The last n dimensions, n = the length of `window`, are the sliding ones:
    `result[.., o] = kind over k of operand[.., o * strides + k * dilations]`.
    There is no padding: `dl.pad` comes before.
    Size of a result dimension: `(size - (window - 1) * dilation - 1) / stride + 1`,
    rounded down.

    Constraints:
    - (C1) `window` has at most as many values as the operand has dimensions
    - (C2) `window`, `strides` and `dilations` have positive values, equally many
    - (C3) a window, with its dilation, is not larger than the dimension

    Example: `%r = dl.window_reduce max, %x {window = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>} : (tensor<1x3x8x8xf32>) -> tensor<1x3x4x4xf32>`
  }];
  let arguments = (ins Dl_ReduceKindAttr:$kind, Dl_NumberTensor:$operand,
                   DenseI64ArrayAttr:$window, DenseI64ArrayAttr:$strides,
                   DenseI64ArrayAttr:$dilations);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$kind `,` $operand attr-dict `:` functional-type(operands, results)";
}

#endif // DL_REDUCTION_OPS_TD

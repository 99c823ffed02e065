// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_CONTRACTION_OPS_TD
#define DL_CONTRACTION_OPS_TD

include "ir/dialect/DlBase.td"

def Dl_MatmulOp : Dl_PureOp<"matmul", "Contraction", [Dl_InferTypes]> {
  let summary = "products of the matrices in the last two dimensions";
  let description = [{
    `result[.., m, n] = sum over k of lhs[.., m, k] * rhs[.., k, n]`; the leading
    dimensions are broadcast as in `dl.add`. Both operands have rank 2 or more.

    Example: `%r = dl.matmul %a, %b : (tensor<8x2x3xf32>, tensor<3x4xf32>) -> tensor<8x2x4xf32>`
  }];
  let arguments = (ins Dl_Tensor:$lhs, Dl_Tensor:$rhs);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dl_ConvOp : Dl_PureOp<"conv", "Contraction", [Dl_InferTypes]> {
  let summary = "convolution over n spatial dimensions";
  let description = [{
    `input` is [N, C, spatial..], `filter` [M, C / groups, window..], the result
    [N, M, spatial..]. Outside of the input, within `pads_low` and `pads_high`, is
    zero. Channel group g of the result reads channel group g of the input.
    Size of a spatial dimension:
    `(size + low + high - (window - 1) * dilation - 1) / stride + 1`.

    Example: `%r = dl.conv %x, %w {strides = array<i64: 1, 1>, pads_low = array<i64: 1, 1>, pads_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x3x8x8xf32>, tensor<16x3x3x3xf32>) -> tensor<1x16x8x8xf32>`
  }];
  let arguments = (ins Dl_Tensor:$input, Dl_Tensor:$filter,
                   DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads_low,
                   DenseI64ArrayAttr:$pads_high, DenseI64ArrayAttr:$dilations,
                   DefaultValuedAttr<I64Attr, "1">:$groups);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$input `,` $filter attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dl_ConvTransposeOp : Dl_PureOp<"conv_transpose", "Contraction"> {
  let summary = "transposed convolution (gradient of a convolution's input)";
  let description = [{
    `input` is [N, C, spatial..], `filter` [C, M / groups, window..], the result
    [N, M, spatial..]: input element i adds filter[k] * input[i] to result position
    `i * stride + k * dilation - pads_low`. The result's spatial sizes are those of
    its type; positions outside of it are dropped.

    Example: `%r = dl.conv_transpose %x, %w {strides = array<i64: 2, 2>, pads_low = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x16x8x8xf32>, tensor<16x8x2x2xf32>) -> tensor<1x8x16x16xf32>`
  }];
  let arguments = (ins Dl_Tensor:$input, Dl_Tensor:$filter,
                   DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads_low,
                   DenseI64ArrayAttr:$dilations,
                   DefaultValuedAttr<I64Attr, "1">:$groups);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$input `,` $filter attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif // DL_CONTRACTION_OPS_TD

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_CONTRACTION_OPS_TD
#define DL_CONTRACTION_OPS_TD

include "ir/dialect/DlBase.td"

def Dl_MatmulOp : Dl_PureOp<"matmul", "Contraction", [Dl_InferTypes]> {
  let summary = "products of the matrices in the last two dimensions";
  let description = [{
    `result[.., m, n] = sum over k of lhs[.., m, k] * rhs[.., k, n]`; the leading
    dimensions are broadcast as in `dl.add`. Float products are summed in at least
    the precision of f32. With `wide`, products of a narrower type than f32 give
    their f32 sums as they are, and products of 8-bit integers, of any signs, their
    sums in i32, exact as long as these do not overflow.

    Constraints:
    - (C1) the operands have rank 2 or more
    - (C2) the operands have one element type, or with `wide` both 8-bit integers
    - (C3) the contracted dimensions agree
    - (C4) the leading dimensions broadcast
    - (C5) with `wide`, the operands are floats narrower than f32 or 8-bit integers

    Example: `%r = dl.matmul %a, %b : (tensor<8x2x3xf32>, tensor<3x4xf32>) -> tensor<8x2x4xf32>`
  }];
  let arguments = (ins Dl_NumberTensor:$lhs, Dl_NumberTensor:$rhs,
                   UnitAttr:$wide);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def Dl_BlockMatmulOp : Dl_PureOp<"block_matmul", "Contraction", [Dl_InferTypes]> {
  let summary = "products with a matrix of few bits an element, with a scale for each block";
  let description = [{
    `result[.., m, n] = sum over k of lhs[.., m, k] * w[n, k]`, where `w[n, k] =
    (q[n, k] - zero_points[n, b]) * scales[n, b]` and b is the block that k stands in.
    `weights` is [N, blocks, bytes]: a byte holds `8 / bits` unsigned values q, the
    first one in its lowest bits, so that a block has `bytes * 8 / bits` of them; the
    last block may reach beyond K. A single zero point is that of all blocks. With
    `fixed_point`, each block of `lhs` may be rounded to multiples of 1 / 32639 of its
    largest magnitude.

    Constraints:
    - (C1) `lhs` is f32, of rank 2 or more
    - (C2) `weights` is a static tensor of ui8, of rank 3
    - (C3) `bits` is 2, 4 or 8
    - (C4) `scales` is f32 or f16, [N, blocks]
    - (C5) `zero_points` is ui8, of rank 0 or [N, blocks]
    - (C6) K is static, and needs all of the blocks

    Example: `%r = dl.block_matmul %x, %w, %s, %z {bits = 4 : i64} : (tensor<1x64xf32>, tensor<48x2x16xui8>, tensor<48x2xf32>, tensor<ui8>) -> tensor<1x48xf32>`
  }];
  let arguments = (ins Dl_NumberTensor:$lhs, Dl_NumberTensor:$weights,
                   Dl_NumberTensor:$scales, Dl_NumberTensor:$zero_points,
                   I64Attr:$bits, UnitAttr:$fixed_point);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$lhs `,` $weights `,` $scales `,` $zero_points attr-dict `:` functional-type(operands, results)";
  let extraClassDeclaration = [{
    /// The contracted positions of a block.
    int64_t getBlockSize() {
      return getWeights().getType().getDimSize(2) * 8 / (int64_t)getBits();
    }
  }];
}

def Dl_SparseMatmulOp : Dl_PureOp<"sparse_matmul", "Contraction", [Dl_InferTypes]> {
  let summary = "products with a matrix of which zeros are left out";
  let description = [{
    `result[.., m, p * W + c] = sum over s < counts[p] of lhs[.., m, positions[p, s]] *
    values[p, s, c]`. The matrix, [K, N], has P panels of W columns; of each panel, those
    rows are kept that have anything but zeros there. From `counts` on, values are zero.

    Constraints:
    - (C1) `lhs` is f32, of rank 2 or more, and K is static
    - (C2) `values` is a static tensor of f32, [P, S, W]
    - (C3) `positions` is ui16, [P, S]
    - (C4) `counts` is i32, [P]
    - (C5) constant positions are below K, constant counts between 0 and S

    Example: `%r = dl.sparse_matmul %x, %v, %p, %n : (tensor<8x64xf32>, tensor<3x12x16xf32>, tensor<3x12xui16>, tensor<3xi32>) -> tensor<8x48xf32>`
  }];
  let arguments = (ins Dl_NumberTensor:$lhs, Dl_NumberTensor:$values,
                   Dl_NumberTensor:$positions, Dl_NumberTensor:$counts);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$lhs `,` $values `,` $positions `,` $counts attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dl_ConvOp : Dl_PureOp<"conv", "Contraction", [Dl_InferTypes]> {
  let summary = "convolution over n spatial dimensions";
  let description = [{
    `input` is [N, C, spatial..], `filter` [M, C / groups, window..], the result
    [N, M, spatial..]. Outside of the input, within `pads_low` and `pads_high`, is
    zero. Channel group g of the result reads channel group g of the input. With
    `channels_last`, the input is [N, spatial.., C], `filter` [window.., C / groups,
    M], the result [N, spatial.., M]; below, C and M stand for these dimensions.
    With `wide`, the result is f32 or i32, the sums as they are, as in `dl.matmul`.
    Size of a spatial dimension:
    `(size + low + high - (window - 1) * dilation - 1) / stride + 1`, rounded down.

    Constraints:
    - (C1) `input` and `filter` have one rank of 3 or more
    - (C2) `input` and `filter` have one element type, or with `wide` both 8-bit
      integers
    - (C3) `strides` and `dilations` are positive, `pads_low` and `pads_high` not
      negative, with a value for each spatial dimension
    - (C4) `groups` is positive and divides M
    - (C5) C is `groups` times the channels of `filter`
    - (C6) a window, with its dilation, is not larger than the padded input
    - (C7) with `wide`, the operands are floats narrower than f32 or 8-bit integers

    Example: `%r = dl.conv %x, %w {strides = array<i64: 1, 1>, pads_low = array<i64: 1, 1>, pads_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x3x8x8xf32>, tensor<16x3x3x3xf32>) -> tensor<1x16x8x8xf32>`
  }];
  let arguments = (ins Dl_NumberTensor:$input, Dl_NumberTensor:$filter,
                   DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads_low,
                   DenseI64ArrayAttr:$pads_high, DenseI64ArrayAttr:$dilations,
                   DefaultValuedAttr<I64Attr, "1">:$groups,
                   DefaultValuedAttr<BoolAttr, "false">:$channels_last,
                   UnitAttr:$wide);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$input `,` $filter attr-dict `:` functional-type(operands, results)";
  let extraClassDeclaration = [{
    /// Where the channels and the first spatial dimension of the input and the
    /// result stand.
    int64_t getChannelDim() {
      return getChannelsLast() ? getInput().getType().getRank() - 1 : 1;
    }
    int64_t getFirstSpatialDim() { return getChannelsLast() ? 1 : 2; }
    /// Where M, C / groups and the first window dimension of the filter stand.
    int64_t getFilterCountDim() {
      return getChannelsLast() ? getInput().getType().getRank() - 1 : 0;
    }
    int64_t getFilterChannelDim() {
      return getChannelsLast() ? getInput().getType().getRank() - 2 : 1;
    }
    int64_t getFirstWindowDim() { return getChannelsLast() ? 0 : 2; }
  }];
}

def Dl_ConvTransposeOp : Dl_PureOp<"conv_transpose", "Contraction"> {
  let summary = "transposed convolution (gradient of a convolution's input)";
  let description = [{
    `input` is [N, C, spatial..], `filter` [C, M / groups, window..], the result
    [N, M, spatial..]: input element i adds filter[k] * input[i] to result position
    `i * stride + k * dilation - pads_low`. The result's spatial sizes are those of
    its type; positions outside of it are dropped.

    Constraints:
    - (C1) `input`, `filter` and the result have one rank of 3 or more
    - (C2) `input`, `filter` and the result have one element type
    - (C3) `strides` and `dilations` are positive, `pads_low` not negative, with a
      value for each spatial dimension
    - (C4) `groups` is positive and divides C
    - (C5) C is dimension 0 of `filter`
    - (C6) the result has the input's N, and `groups` times dimension 1 of `filter`
      as M

    Example: `%r = dl.conv_transpose %x, %w {strides = array<i64: 2, 2>, pads_low = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x16x8x8xf32>, tensor<16x8x2x2xf32>) -> tensor<1x8x16x16xf32>`
  }];
  let arguments = (ins Dl_NumberTensor:$input, Dl_NumberTensor:$filter,
                   DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads_low,
                   DenseI64ArrayAttr:$dilations,
                   DefaultValuedAttr<I64Attr, "1">:$groups);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$input `,` $filter attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif // DL_CONTRACTION_OPS_TD

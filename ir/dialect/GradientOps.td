// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Derivatives, and the ops that they need beyond those of inference.

#ifndef DL_GRADIENT_OPS_TD
#define DL_GRADIENT_OPS_TD

include "ir/dialect/DlBase.td"

def Dl_GradientOp : Dl_Op<"gradient", [Pure]> {
  let summary = "derivatives of a value by values that it was computed from";
  let description = [{
    Result i is the derivative of the sum of the elements of `value` by `variables[i]`:
    how this sum changes with each element of the variable, if all that was computed
    from the variable, and nothing else, follows. It is zero where `value` does not
    depend on the variable. The pass `dl-differentiate` lets ops stand for it.

    Constraints:
    - (C1) result i has the type of variable i
    - (C2) the variables are of floats

    Example: `%dx = dl.gradient %y by %x : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>`
  }];
  let arguments = (ins Dl_FloatTensor:$value, Variadic<Dl_Tensor>:$variables);
  let results = (outs Variadic<Dl_Tensor>:$results);
  let assemblyFormat = "$value `by` $variables attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dl_ConvFilterGradientOp : Dl_PureOp<"conv_filter_gradient", "Contraction"> {
  let summary = "gradient of a convolution's filter";
  let description = [{
    `input` is that of the convolution, `gradient` that of its result, the result that of
    its filter; layouts, padding and groups are as in `dl.conv`. Element k of the
    filter's window gets the sum, over all images and positions o, of
    `input[o * strides + k * dilations - pads_low] * gradient[o]`.

    Constraints:
    - (C1) `input`, `gradient` and the result have one rank of 3 or more
    - (C2) `input`, `gradient` and the result have one element type; with `wide`, the
      operands are floats narrower than f32 and the result is f32
    - (C3) `strides` and `dilations` are positive, `pads_low` not negative, with a
      value for each spatial dimension
    - (C4) `groups` is positive and divides the channels of `gradient`
    - (C5) the channels of `input` are `groups` times those of the result, those of
      `gradient` are the filters of the result
    - (C6) `input` and `gradient` have as many images

    Example: `%r = dl.conv_filter_gradient %x, %g {strides = array<i64: 1, 1>, pads_low = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<2x3x8x8xf32>, tensor<2x16x8x8xf32>) -> tensor<16x3x3x3xf32>`
  }];
  let arguments = (ins Dl_FloatTensor:$input, Dl_FloatTensor:$gradient,
                   DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads_low,
                   DenseI64ArrayAttr:$dilations,
                   DefaultValuedAttr<I64Attr, "1">:$groups,
                   DefaultValuedAttr<BoolAttr, "false">:$channels_last,
                   UnitAttr:$wide);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$input `,` $gradient attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    // Where dimensions stand, as in dl.conv.
    int64_t getChannelDim() {
      return getChannelsLast() ? getInput().getType().getRank() - 1 : 1;
    }
    int64_t getFirstSpatialDim() { return getChannelsLast() ? 1 : 2; }
    int64_t getFilterCountDim() {
      return getChannelsLast() ? getInput().getType().getRank() - 1 : 0;
    }
    int64_t getFilterChannelDim() {
      return getChannelsLast() ? getInput().getType().getRank() - 2 : 1;
    }
    int64_t getFirstWindowDim() { return getChannelsLast() ? 0 : 2; }
  }];
}

def Dl_WindowScatterOp : Dl_PureOp<"window_scatter", "Opaque"> {
  let summary = "adds a value for each sliding window to its extreme element's place";
  let description = [{
    Windows are those of `dl.window_reduce` over `operand`. `updates` has the shape of
    its result: each of its elements is added, to zero, at the place of the largest
    element (`max`) or the smallest one (`min`) of its window, of equal ones the first.
    A NaN is larger and smaller than all numbers. This is the gradient of
    `dl.window_reduce`.

    Constraints:
    - (C1) `kind` is max or min
    - (C2) `window`, `strides` and `dilations` have positive values, equally many, and
      at most as many as the operand has dimensions
    - (C3) `updates` have the operand's element type and the shape of the windows' results
    - (C4) the result has the operand's type

    Example: `%r = dl.window_scatter max, %x, %u {window = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>} : (tensor<3x8x8xf32>, tensor<3x4x4xf32>) -> tensor<3x8x8xf32>`
  }];
  let arguments = (ins Dl_ReduceKindAttr:$kind, Dl_FloatTensor:$operand,
                   Dl_FloatTensor:$updates, DenseI64ArrayAttr:$window,
                   DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$kind `,` $operand `,` $updates attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif // DL_GRADIENT_OPS_TD

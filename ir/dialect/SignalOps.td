// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_SIGNAL_OPS_TD
#define DL_SIGNAL_OPS_TD

include "ir/dialect/DlBase.td"

def Dl_UnfoldOp : Dl_PureOp<"unfold", "Movement", [Dl_InferTypes]> {
  let summary = "overlapping windows of a dimension";
  let description = [{
    Dimension `axis` becomes two: the windows, `step` elements apart, and the
    `size` elements of each. What does not fill a window is left out.

    Semantics: `result[a.., w, i, b..] = operand[a.., w * step + i, b..]`

    Constraints:
    - (C1) `axis` is a dimension of the operand
    - (C2) `size` and `step` are positive
    - (C3) a window is not larger than the dimension

    Example: `%r = dl.unfold %x {axis = 0 : i64, size = 4 : i64, step = 2 : i64} : (tensor<9xf32>) -> tensor<3x4xf32>`
  }];
  let arguments = (ins Dl_Tensor:$operand, I64Attr:$axis, I64Attr:$size,
                   I64Attr:$step);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
}

def Dl_DftOp : Dl_PureOp<"dft", "Opaque", [Dl_InferTypes]> {
  let summary = "discrete Fourier transform of rows";
  let description = [{
    The last dimension of `operand` is a real part with or without an imaginary
    one, the one before holds the elements of a row. A row that is longer than
    `length` is cut, a shorter one is continued with zeros. Of the result's
    `length` elements, the first `outputs` are computed.

    Semantics, with `roots[j] = exp(2 pi i j / length)` as real and imaginary
    part: `result[.., k] = sum over n of operand[.., n] * conj(roots[(n * k) mod length])`;
    with `inverse`, `sum over n of operand[.., n] * roots[(n * k) mod length] / length`.
    Other roots leave the result unspecified. The order of the sums is that of a
    fast transform.

    Constraints:
    - (C1) the last dimension of `operand` is 1 or 2, the one before is known and
      not 0
    - (C2) `length` is positive
    - (C3) `outputs` is from 1 to `length`
    - (C4) `roots` has the shape [`length`, 2]
    - (C5) `operand` and `roots` have one element type, f32 or f64

    Example: `%r = dl.dft %x, %w {length = 4 : i64, outputs = 3 : i64} : (tensor<5x4x1xf32>, tensor<4x2xf32>) -> tensor<5x3x2xf32>`
  }];
  let arguments = (ins Dl_FloatTensor:$operand, Dl_FloatTensor:$roots,
                   I64Attr:$length, I64Attr:$outputs, UnitAttr:$inverse);
  let results = (outs Dl_FloatTensor:$result);
  let assemblyFormat = "$operand `,` $roots attr-dict `:` functional-type(operands, results)";
}

#endif // DL_SIGNAL_OPS_TD

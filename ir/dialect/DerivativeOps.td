// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What a derivative is, where it does not follow from how a value is computed.

#ifndef DL_DERIVATIVE_OPS_TD
#define DL_DERIVATIVE_OPS_TD

include "ir/dialect/DlBase.td"

def Dl_YieldGradientOp
    : Dl_Op<"yield_gradient", [Pure, Terminator, HasParent<"WithGradientOp">]> {
  let summary = "ends the body of dl.with_gradient with the inputs' gradients";
  let description = [{
    Example:
    ```mlir
    %r = dl.with_gradient (%rounded) by () {
    ^bb0(%g: tensor<4xf32>):
      dl.yield_gradient
    } : (tensor<4xf32>) -> tensor<4xf32>
    ```
  }];
  let arguments = (ins Variadic<Dl_Tensor>:$gradients);
  let assemblyFormat = "($gradients^ `:` type($gradients))? attr-dict";
  let builders = [OpBuilder<(ins), [{ (void)$_builder; (void)$_state; }]>];
}

def Dl_WithGradientOp
    : Dl_Op<"with_gradient", [Pure, AttrSizedOperandSegments,
                              SingleBlockImplicitTerminator<"YieldGradientOp">]> {
  let summary = "values with another derivative than that of their computation";
  let description = [{
    The results are the `values`. To `dl.gradient` they depend on the `inputs` alone: where
    the gradients of the results are those that the body takes, those of the inputs are
    what it yields, whatever the values were computed by. Without inputs, the results
    are constants. The body may use values from outside. The pass `dl-differentiate`
    leaves none of these ops.

    Constraints:
    - (C1) result i has the type of value i, a tensor of floats
    - (C2) the body takes a tensor of each result's type, and yields one of each
      input's, which are of floats

    A rounding whose derivative is 1 is an example.

    Example:
    ```mlir
    %r = dl.with_gradient (%rounded) by (%x) {
    ^bb0(%g: tensor<4xf32>):
      dl.yield_gradient %g : tensor<4xf32>
    } : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    ```
  }];
  let arguments = (ins Variadic<Dl_Tensor>:$values, Variadic<Dl_Tensor>:$inputs);
  let results = (outs Variadic<Dl_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `(` $values `)` `by` `(` $inputs `)` $body attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

#endif // DL_DERIVATIVE_OPS_TD

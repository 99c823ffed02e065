// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Control flow that only the running program decides. Regions may bind symbols,
// and their results may have other sizes each time.

#ifndef DL_CONTROL_OPS_TD
#define DL_CONTROL_OPS_TD

include "ir/dialect/DlBase.td"

class Dl_ControlOp<string mnemonic>
    : Dl_Op<mnemonic, [SingleBlockImplicitTerminator<"YieldOp">,
                       MemoryEffects<[MemWrite]>,
                       DeclareOpInterfaceMethods<Dl_BindingInterface>]>;

def Dl_IfOp : Dl_ControlOp<"if"> {
  let summary = "one of two regions, as a condition says";
  let description = [{
    The results are what the region yields that runs. Each of `symbols` gets the size
    of the dimension that it is in a result's type. Values from outside may be used;
    symbols that a region binds have values in it alone.

    Constraints:
    - (C1) each region yields a value for each result, of its kind, element type and
      rank, and no other static size
    - (C2) `symbols` are different, and each is a dimension of a result

    Example:
    ```mlir
    %r = dl.if %c {
      dl.yield %a : tensor<4xf32>
    } else {
      dl.yield %b : tensor<3xf32>
    } {symbols = array<i64: 0>} : (tensor<i1>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0)>>
    ```
  }];
  let arguments = (ins Dl_BoolScalar:$condition, DenseI64ArrayAttr:$symbols);
  let results = (outs Variadic<Dl_Value>:$results);
  let regions = (region SizedRegion<1>:$onTrue, SizedRegion<1>:$onFalse);
  let assemblyFormat = [{
    $condition $onTrue `else` $onFalse attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Dl_LoopOp : Dl_ControlOp<"loop"> {
  let summary = "runs its body as long as a condition holds, carrying states";
  let description = [{
    The body runs at most `limit` times, and only while the condition holds: the
    operand at first, then what the body has yielded. It takes the number of the
    iteration (from 0) and the states, and yields the condition and the new states.
    The results are the final states. States may change their sizes: each of
    `body_symbols` gets the size of the dimension that it is in the type of one of the
    body's arguments, in each iteration; each of `symbols` that of a result.
    Values from outside may be used; symbols that the body binds have values in it
    alone.

    Constraints:
    - (C1) the body takes a tensor<i64> and the states, and yields a tensor<i1> and
      new states, of the kinds, element types and ranks of the results, and no other
      static sizes
    - (C2) `symbols` are different, and each is a dimension of a result
    - (C3) `body_symbols` are different, and each is a dimension of an argument of
      the body

    Example:
    ```mlir
    %r = dl.loop limit(%n) while(%c) states(%a) {
    ^bb0(%i: tensor<i64>, %s: tensor<?xf32, #dl.dims<()[s0] -> (s0)>>):
      %t = dl.concat %s, %a {axis = 0 : i64} : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>, tensor<1xf32>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0 + 1)>>
      dl.yield %c, %t : tensor<i1>, tensor<?xf32, #dl.dims<()[s0] -> (s0 + 1)>>
    } {body_symbols = array<i64: 0>, symbols = array<i64: 1>} : (tensor<i64>, tensor<i1>, tensor<1xf32>) -> tensor<?xf32, #dl.dims<()[s0, s1] -> (s1)>>
    ```
  }];
  let arguments = (ins Dl_IndexScalar:$limit, Dl_BoolScalar:$condition,
                   Variadic<Dl_Value>:$states, DenseI64ArrayAttr:$symbols,
                   DenseI64ArrayAttr:$body_symbols);
  let results = (outs Variadic<Dl_Value>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `limit` `(` $limit `)` `while` `(` $condition `)` `states` `(` $states `)` $body
    attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

#endif // DL_CONTROL_OPS_TD

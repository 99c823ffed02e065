// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_CORE_OPS_TD
#define DL_CORE_OPS_TD

include "ir/dialect/DlBase.td"

def Dl_ConstantOp : Dl_Op<"constant", [Pure, ConstantLike, AllTypesMatch<["value", "result"]>]> {
  let summary = "a tensor known at compile time";
  let description = [{
    Large values are `dense_resource` blobs over the mapped model file.

    Example: `%r = dl.constant dense<1.0> : tensor<4xf32>`
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
  let builders = [OpBuilder<(ins "::mlir::ElementsAttr":$value), [{
    build($_builder, $_state, value.getType(), value);
  }]>];
}

def Dl_SizesOp : Dl_Op<"sizes", [Pure, ConstantLike]> {
  let summary = "an integer tensor whose elements are expressions over the symbols";
  let description = [{
    Result i of the map is element i of the tensor, in row-major order.

    Constraints:
    - (C1) the result is static, with as many elements as the map has results

    Example: `%r = dl.sizes <()[s0] -> (s0, 12)> : tensor<2xi64>`
  }];
  let arguments = (ins Dl_SizeValuesAttr:$value);
  let results = (outs Dl_IntTensor:$result);
  let assemblyFormat = "$value attr-dict `:` type($result)";
  let hasFolder = 1;
  let hasVerifier = 1;
}

def Dl_BindOp : Dl_Op<"bind", [MemoryEffects<[MemWrite]>,
                               DeclareOpInterfaceMethods<Dl_BindingInterface>]> {
  let summary = "gives symbols their values while the program runs";
  let description = [{
    Element i of the operand, in row-major order, becomes the value of symbol
    `symbols[i]`, which no input's shape gives. Types, `dl.sizes` and maps of ops that
    come later may use these symbols. A negative element, or one beyond 2^48, ends the
    run with `message`; so does one of the function's `dl.checks` that does not hold
    once its symbols have their values. The op stands in the function's own block, or in
    a region of `dl.if` or `dl.loop`: its symbols have values there alone, and get them
    anew each time.

    Constraints:
    - (C1) the operand is a static tensor of i64 with an element for each symbol
    - (C2) `symbols` are different and not negative

    Example: `dl.bind %n {symbols = array<i64: 0>, message = "the size is wrong"} : tensor<1xi64>`
  }];
  let arguments = (ins Dl_IntTensor:$sizes, DenseI64ArrayAttr:$symbols, StrAttr:$message);
  let results = (outs);
  let assemblyFormat = "$sizes attr-dict `:` type($sizes)";
  let hasVerifier = 1;
}

def Dl_IotaOp : Dl_PureOp<"iota", "Elementwise"> {
  let summary = "the numbers 0, 1, 2, ... along a dimension";
  let description = [{
    Semantics: `result[.., i, ..] = i`, i standing at `axis`.

    Constraints:
    - (C1) `axis` is a dimension of the result

    Example: `%r = dl.iota {axis = 0 : i64} : tensor<8xi64>`
  }];
  let arguments = (ins DefaultValuedAttr<I64Attr, "0">:$axis);
  let results = (outs Dl_NumberTensor:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Dl_ScanOp : Dl_Op<"scan", [SingleBlockImplicitTerminator<"YieldOp">,
                               AttrSizedOperandSegments, RecursiveMemoryEffects,
                               Dl_Fusion<"Opaque">]> {
  let summary = "runs its body once for each slice of some tensors, carrying state";
  let description = [{
    The body takes the states, then one slice (without dimension 0) of each of
    `inputs`, and yields the new states, then one slice for each stacked result.
    Results: the final states, then the stacked slices (dimension 0 is that of the
    inputs, which all agree; at least one input). With `reverse`, slices are taken
    and stacked from the last to the first. Values from outside may be used.

    Constraints:
    - (C1) there is an input, and each has a dimension 0, which all agree in
    - (C2) the body's arguments have the types of the states, then of the slices
    - (C3) the body yields a value for each result: the states, with their types,
      then slices of the stacked results
    - (C4) the first results have the types of the states, the others a dimension 0
      that agrees with the inputs

    Example:
    ```mlir
    %h, %y = dl.scan states(%h0) inputs(%x) {
    ^bb0(%s: tensor<4xf32>, %e: tensor<4xf32>):
      %n = dl.add %s, %e : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      dl.yield %n, %n : tensor<4xf32>, tensor<4xf32>
    } : (tensor<4xf32>, tensor<9x4xf32>) -> (tensor<4xf32>, tensor<9x4xf32>)
    ```
  }];
  let arguments = (ins Variadic<Dl_Tensor>:$states, Variadic<Dl_Tensor>:$inputs,
                   DefaultValuedAttr<BoolAttr, "false">:$reverse);
  let results = (outs Variadic<Dl_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `states` `(` $states `)` `inputs` `(` $inputs `)` $body attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def Dl_FusedOp : Dl_Op<"fused", [SingleBlockImplicitTerminator<"YieldOp">,
                                 RecursiveMemoryEffects]> {
  let summary = "ops that become one kernel";
  let description = [{
    Values from outside may be used; what is needed outside is yielded.

    Constraints:
    - (C1) the yielded values have the results' types

    Example:
    ```mlir
    %r = dl.fused {
      %0 = dl.add %a, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      %1 = dl.exp %0 : (tensor<4xf32>) -> tensor<4xf32>
      dl.yield %1 : tensor<4xf32>
    } : tensor<4xf32>
    ```
  }];
  let results = (outs Variadic<Dl_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$body attr-dict `:` type($results)";
  let hasVerifier = 1;
}

def Dl_YieldOp : Dl_Op<"yield", [Pure, Terminator, ReturnLike,
                                 ParentOneOf<["FusedOp", "IfOp", "LoopOp", "ScanOp"]>]> {
  let summary = "ends a region of dl.fused, dl.if, dl.loop or dl.scan with its results";
  let description = "Example: `dl.yield %a : tensor<4xf32>`";
  let arguments = (ins Variadic<Dl_Value>:$operands);
  let assemblyFormat = "($operands^ `:` type($operands))? attr-dict";
  let builders = [OpBuilder<(ins), [{ /* yields nothing */ }]>];
}

def Dl_DispatchOp : Dl_Op<"dispatch", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "runs a kernel";
  let description = [{
    The kernel is a function on tensors in upstream dialects. Its arguments are
    `inputs` without their encodings, one index for each result of `sizes`, then
    one destination tensor for each result; it returns the destinations' new values.

    Constraints:
    - (C1) `kernel` names a function
    - (C2) the function has the arguments and results described above

    Example: `%r = dl.dispatch @kernel_0(%a, %b) sizes affine_map<()[s0] -> (s0)> : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>`
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<Dl_Tensor>:$inputs,
                   AffineMapAttr:$sizes);
  let results = (outs Variadic<Dl_Tensor>:$results);
  let assemblyFormat = "$kernel `(` $inputs `)` `sizes` $sizes attr-dict `:` functional-type($inputs, results)";
}

def Dl_HostCallOp : Dl_Op<"host_call", [Pure]> {
  let summary = "calls a function of the runtime";
  let description = [{
    Functions are named in the runtime's documentation; `arguments` are integers
    with a meaning that the function defines.

    Example: `%v, %i = dl.host_call "topk"(%x) {arguments = array<i64: 1, 1, 1>} : (tensor<2x9xf32>) -> (tensor<2x3xf32>, tensor<2x3xi64>)`
  }];
  let arguments = (ins StrAttr:$function, Variadic<Dl_Tensor>:$inputs,
                   DenseI64ArrayAttr:$arguments);
  let results = (outs Variadic<Dl_Tensor>:$results);
  let assemblyFormat = "$function `(` $inputs `)` attr-dict `:` functional-type($inputs, results)";
}

def Dl_PackOp : Dl_Op<"pack", [Pure]> {
  let summary = "a constant's elements in blocks, as a kernel reads them";
  let description = [{
    As `linalg.pack`: dimension `inner_dims[i]` is divided into tiles of
    `inner_tiles[i]`, the last one filled up with zeros. The dimensions within
    tiles come last, in this order; outer dimension i of the result is dimension
    `outer_perm[i]` of the operand (an empty `outer_perm` leaves their order).
    The operand is static. Operands are constants by the time that a module is
    written, and are packed on the way into the file.

    Constraints:
    - (P1) `outer_perm` is empty or a permutation of the operand's dimensions
    - (P2) `inner_dims` are different dimensions of the operand
    - (P3) `inner_tiles` has a positive tile for each of `inner_dims`
    - (P4) the result type is the packed one

    Example: `%r = dl.pack %x {inner_dims = array<i64: 1>, inner_tiles = array<i64: 32>, outer_perm = array<i64: 1, 0>} : (tensor<3x40xf32>) -> tensor<2x3x32xf32>`
  }];
  let arguments = (ins Dl_Tensor:$operand, DenseI64ArrayAttr:$outer_perm,
                   DenseI64ArrayAttr:$inner_dims, DenseI64ArrayAttr:$inner_tiles);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dl_RoundBalancedOp : Dl_Op<"round_balanced", [Pure]> {
  let summary = "a constant's f32 rounded to bf16, with errors that cancel in sums";
  let description = [{
    Each element becomes one of its two neighbours in bf16. Elements that differ in
    positions along `axes` alone are a channel: a product sums over them. In each
    channel, elements are rounded to nearest, ties to even; then some go to their
    other neighbour, so that the sum of the channel's errors comes as close to zero as
    the elements that cost least allow (`ir/dialect/BalancedRounding.h`). So a factor
    whose mean is not zero does not add up the errors. Operands are constants by the
    time that a module is written, and are rounded on the way into the file.

    Constraints:
    - (B1) the operand is a static tensor of f32
    - (B2) `axes` are dimensions of the operand, in ascending order
    - (B3) the result has the operand's shape, and elements of bf16

    Example: `%r = dl.round_balanced %w {axes = array<i64: 0>} : (tensor<64x32xf32>) -> tensor<64x32xbf16>`
  }];
  let arguments = (ins Dl_Tensor:$operand, DenseI64ArrayAttr:$axes);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dl_WinogradFilterOp : Dl_Op<"winograd_filter", [Pure]> {
  let summary = "a constant filter as Winograd's minimal filtering multiplies with it";
  let description = [{
    `result[.., .., c, m] = G operand[.., .., c, m] G^T`, with the 6 x 3 matrix G of
    F(4, 3) in `ir/dialect/Winograd.h`, or the 6 x 2 one of F(5, 2) for filters of up to
    2 x 2 taps; sums are kept in f64. With a stride, each phase (y, x) of the filter,
    `operand[y + i * stride, x + j * stride, c, m]`, is one without stride for channel
    `(y * stride + x) * C + c`. Operands are constants by the time that a module is
    written, and are transformed on the way into the file.

    Constraints:
    - (W1) the operand is a static tensor of f32, [height, width, C, M], of up to 3 *
      stride taps along a dimension
    - (W2) the result type is [6, 6, stride * stride * C, M] of f32

    Example: `%r = dl.winograd_filter %w : (tensor<3x3x16x32xf32>) -> tensor<6x6x16x32xf32>`
  }];
  let arguments = (ins Dl_Tensor:$operand,
                   ConfinedAttr<DefaultValuedAttr<I64Attr, "1">, [IntPositive]>:$stride);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif // DL_CORE_OPS_TD

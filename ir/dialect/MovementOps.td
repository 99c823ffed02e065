// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_MOVEMENT_OPS_TD
#define DL_MOVEMENT_OPS_TD

include "ir/dialect/DlBase.td"

def Dl_ReshapeOp : Dl_PureOp<"reshape", "Movement"> {
  let summary = "the same elements in the same order, in another shape";
  let description = [{
    Semantics: element i of the result, in row-major order, is element i of the
    operand.

    Constraints:
    - (C1) the result has the operand's element type
    - (C2) the result has as many elements as the operand

    Example: `%r = dl.reshape %x : (tensor<2x6xf32>) -> tensor<3x4xf32>`
  }];
  let arguments = (ins Dl_Tensor:$operand);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Dl_TransposeOp : Dl_PureOp<"transpose", "Movement", [Dl_InferTypes]> {
  let summary = "dimensions in another order";
  let description = [{
    Dimension i of the result is dimension `permutation[i]` of the operand.

    Constraints:
    - (C1) `permutation` permutes the operand's dimensions

    Example: `%r = dl.transpose %x {permutation = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>`
  }];
  let arguments = (ins Dl_Tensor:$operand, DenseI64ArrayAttr:$permutation);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def Dl_BroadcastOp : Dl_PureOp<"broadcast", "Movement"> {
  let summary = "repeats a tensor along dimensions of size 1 and new leading ones";
  let description = [{
    Shapes are aligned at the last dimension, as in `dl.add`.

    Constraints:
    - (C1) the result has the operand's element type
    - (C2) the result has at least the operand's rank
    - (C3) each dimension of the operand is 1 or that of the result

    Example: `%r = dl.broadcast %x : (tensor<3x1xf32>) -> tensor<2x3x4xf32>`
  }];
  let arguments = (ins Dl_Tensor:$operand);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Dl_SliceOp : Dl_PureOp<"slice", "Movement"> {
  let summary = "a strided box of a tensor";
  let description = [{
    Semantics: `result[i] = operand[offsets + i * strides]`. The map gives one
    offset for each dimension, as an expression over the symbols; the result's type
    gives the sizes. With a negative stride the offset is the highest position
    taken, and elements come in reverse order.

    Constraints:
    - (C1) the result has the operand's element type
    - (C2) `offsets`, `strides` and the result have the operand's rank
    - (C3) `offsets` has no dimensions: it is over symbols alone
    - (C4) strides are not zero
    - (C5) all positions taken are within the operand

    Example: `%r = dl.slice %x {offsets = affine_map<() -> (0, 2)>, strides = array<i64: 1, 1>} : (tensor<4x8xf32>) -> tensor<4x3xf32>`
  }];
  let arguments = (ins Dl_Tensor:$operand, AffineMapAttr:$offsets,
                   DenseI64ArrayAttr:$strides);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Dl_PadOp : Dl_PureOp<"pad", "Movement"> {
  let summary = "adds a border to a tensor";
  let description = [{
    `low` gives, for each dimension, how many elements come before the operand (an
    expression over the symbols); how many come after follows from the result's
    type. Counts may be negative, which cuts. `value` (a scalar) fills in constant
    mode; edge repeats the border element, reflect mirrors without repeating it,
    wrap goes round. Each mode but constant needs an operand that is not empty
    where it is padded, and reflect one of more than 1 element.

    Constraints:
    - (C1) `value` is a scalar of the operand's element type, as is the result's
    - (C2) `low` and the result have the operand's rank
    - (C3) `low` has no dimensions: it is over symbols alone

    Example: `%r = dl.pad constant, %x, %v {low = affine_map<() -> (0, 1)>} : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x5xf32>`
  }];
  let arguments = (ins Dl_PadModeAttr:$mode, Dl_Tensor:$operand, Dl_Tensor:$value,
                   AffineMapAttr:$low);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$mode `,` $operand `,` $value attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dl_ConcatOp : Dl_PureOp<"concat", "Movement", [Dl_InferTypes]> {
  let summary = "tensors one after the other along a dimension";
  let description = [{
    Dimension `axis` of the result is the sum of the inputs'.

    Constraints:
    - (C1) there is an input
    - (C2) `axis` is a dimension of the inputs
    - (C3) the inputs have one element type and rank
    - (C4) the inputs have one shape but for dimension `axis`

    Example: `%r = dl.concat %a, %b {axis = 0 : i64} : (tensor<2x3xf32>, tensor<1x3xf32>) -> tensor<3x3xf32>`
  }];
  let arguments = (ins Variadic<Dl_Tensor>:$inputs, I64Attr:$axis);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$inputs attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def Dl_GatherOp : Dl_PureOp<"gather", "Movement", [Dl_InferTypes]> {
  let summary = "slices of a tensor chosen by index";
  let description = [{
    `result[a.., i.., b..] = operand[a.., indices[i..], b..]`, the index standing at
    `axis`. A negative index counts from the end; one out of range gives an
    unspecified element of the operand.

    Constraints:
    - (C1) `axis` is a dimension of the operand

    Example: `%r = dl.gather %x, %i {axis = 0 : i64} : (tensor<9x4xf32>, tensor<2x3xi64>) -> tensor<2x3x4xf32>`
  }];
  let arguments = (ins Dl_Tensor:$operand, Dl_IntTensor:$indices, I64Attr:$axis);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$operand `,` $indices attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def Dl_GatherElementsOp : Dl_PureOp<"gather_elements", "Movement", [Dl_InferTypes]> {
  let summary = "elements of a tensor chosen by index along a dimension";
  let description = [{
    `result[a, i, b] = operand[a, indices[a, i, b], b]`, the index standing at
    `axis`. Indices count as in `dl.gather`.

    Constraints:
    - (C1) `axis` is a dimension of the operand
    - (C2) `indices` have the operand's rank
    - (C3) but for dimension `axis`, `indices` are not larger than the operand

    Example: `%r = dl.gather_elements %x, %i {axis = 1 : i64} : (tensor<2x9xf32>, tensor<2x3xi64>) -> tensor<2x3xf32>`
  }];
  let arguments = (ins Dl_Tensor:$operand, Dl_IntTensor:$indices, I64Attr:$axis);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$operand `,` $indices attr-dict `:` functional-type(operands, results)";
}

def Dl_GatherNdOp : Dl_PureOp<"gather_nd", "Movement", [Dl_InferTypes]> {
  let summary = "slices of a tensor chosen by tuples of indices";
  let description = [{
    The last dimension of `indices` (static, size d) holds positions in d
    dimensions of `operand` after the `batch_dims` common leading ones:
    `result[b.., i.., r..] = operand[b.., indices[b.., i.., :], r..]`. Indices count
    as in `dl.gather`.

    Constraints:
    - (C1) `indices` have rank 1 or more, their last dimension is static
    - (C2) `batch_dims` is not negative and below the rank of `indices`
    - (C3) `batch_dims` plus d is at most the operand's rank
    - (C4) the `batch_dims` leading dimensions agree

    Example: `%r = dl.gather_nd %x, %i {batch_dims = 0 : i64} : (tensor<9x4xf32>, tensor<5x1xi64>) -> tensor<5x4xf32>`
  }];
  let arguments = (ins Dl_Tensor:$operand, Dl_IntTensor:$indices,
                   DefaultValuedAttr<I64Attr, "0">:$batch_dims);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$operand `,` $indices attr-dict `:` functional-type(operands, results)";
}

def Dl_ScatterElementsOp : Dl_PureOp<"scatter_elements", "Opaque", [Dl_InferTypes]> {
  let summary = "changes elements of a tensor chosen by index along a dimension";
  let description = [{
    A copy of `operand` in which `updates[a, i, b]` is combined, in order, into
    `[a, indices[a, i, b], b]`, the index standing at `axis`. A negative index
    counts from the end; an update out of range is dropped.

    Constraints:
    - (C1) `axis` is a dimension of the operand
    - (C2) `updates` have the operand's element type
    - (C3) `indices` have the operand's rank
    - (C4) `updates` have the shape of `indices`
    - (C5) of strings and complex numbers, the kind is `set`

    Example: `%r = dl.scatter_elements add, %x, %i, %u {axis = 0 : i64} : (tensor<9xf32>, tensor<3xi64>, tensor<3xf32>) -> tensor<9xf32>`
  }];
  let arguments = (ins Dl_ScatterKindAttr:$kind, Dl_Tensor:$operand,
                   Dl_IntTensor:$indices, Dl_Tensor:$updates, I64Attr:$axis);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$kind `,` $operand `,` $indices `,` $updates attr-dict `:` functional-type(operands, results)";
}

def Dl_ScatterNdOp : Dl_PureOp<"scatter_nd", "Opaque", [Dl_InferTypes]> {
  let summary = "changes slices of a tensor chosen by tuples of indices";
  let description = [{
    A copy of `operand` in which `updates[i.., r..]` is combined, in order, into
    `[indices[i.., :], r..]`. A negative index counts from the end; an update out
    of range is dropped.

    Constraints:
    - (C1) `indices` have rank 1 or more, their last dimension is static and at most
      the operand's rank
    - (C2) `updates` have the operand's element type
    - (C3) `updates` have the dimensions i.. of `indices`, then r.. of the operand
    - (C4) of strings and complex numbers, the kind is `set`

    Example: `%r = dl.scatter_nd add, %x, %i, %u : (tensor<9x4xf32>, tensor<5x1xi64>, tensor<5x4xf32>) -> tensor<9x4xf32>`
  }];
  let arguments = (ins Dl_ScatterKindAttr:$kind, Dl_Tensor:$operand,
                   Dl_IntTensor:$indices, Dl_Tensor:$updates);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$kind `,` $operand `,` $indices `,` $updates attr-dict `:` functional-type(operands, results)";
}

#endif // DL_MOVEMENT_OPS_TD

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Sequences and optionals: values whose shape only the running program knows.
// The runtime works on them between kernels; elements are shared, not copied.

#ifndef DL_SEQUENCE_OPS_TD
#define DL_SEQUENCE_OPS_TD

include "ir/dialect/DlBase.td"

// A position that is out of range ends the run, so the op is not moved to where it
// would not have run.
class Dl_SequenceOp<string mnemonic>
    : Dl_Op<mnemonic, [NoMemoryEffect]>;

// An op that gives sizes of its result to symbols: what uses them shows no operand.
class Dl_SequenceBindingOp<string mnemonic>
    : Dl_Op<mnemonic, [MemoryEffects<[MemWrite]>,
                       DeclareOpInterfaceMethods<Dl_BindingInterface>]>;

def Dl_SequenceCreateOp : Dl_SequenceOp<"sequence_create"> {
  let summary = "a sequence of these tensors";
  let description = [{
    Constraints:
    - (C1) each element is one of the result type

    Example: `%r = dl.sequence_create(%a, %b) : (tensor<4xf32>, tensor<3xf32>) -> !dl.sequence<tensor<?xf32>>`
  }];
  let arguments = (ins Variadic<Dl_Tensor>:$elements);
  let results = (outs Dl_Sequence:$result);
  let assemblyFormat = "`(` $elements `)` attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dl_SequenceInsertOp : Dl_SequenceOp<"sequence_insert"> {
  let summary = "a sequence with one element more";
  let description = [{
    The element comes last, or before the one at `position`, which is in [-n, n] for a
    sequence of n elements and counts from the end where it is negative; otherwise
    the run ends.

    Constraints:
    - (C1) the sequence and the element are of the result type

    Example: `%r = dl.sequence_insert %s, %x at %i : (!dl.sequence<tensor<*xf32>>, tensor<4xf32>, tensor<i64>) -> !dl.sequence<tensor<*xf32>>`
  }];
  let arguments = (ins Dl_Sequence:$sequence, Dl_Tensor:$element,
                   Optional<Dl_IndexScalar>:$position);
  let results = (outs Dl_Sequence:$result);
  let assemblyFormat = "$sequence `,` $element (`at` $position^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dl_SequenceEraseOp : Dl_SequenceOp<"sequence_erase"> {
  let summary = "a sequence without one of its elements";
  let description = [{
    `position` is in [-n, n - 1] for a sequence of n elements and counts from the end
    where it is negative; otherwise the run ends.

    Constraints:
    - (C1) the sequence is of the result type

    Example: `%r = dl.sequence_erase %s at %i : (!dl.sequence<tensor<*xf32>>, tensor<i64>) -> !dl.sequence<tensor<*xf32>>`
  }];
  let arguments = (ins Dl_Sequence:$sequence, Dl_IndexScalar:$position);
  let results = (outs Dl_Sequence:$result);
  let assemblyFormat = "$sequence `at` $position attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dl_SequenceLengthOp : Dl_SequenceOp<"sequence_length"> {
  let summary = "the number of elements of a sequence";
  let description = [{
    Example: `%r = dl.sequence_length %s : (!dl.sequence<tensor<*xf32>>) -> tensor<i64>`
  }];
  let arguments = (ins Dl_Sequence:$sequence);
  let results = (outs Dl_IndexScalar:$result);
  let assemblyFormat = "$sequence attr-dict `:` functional-type(operands, results)";
}

def Dl_SequenceAtOp : Dl_SequenceBindingOp<"sequence_at"> {
  let summary = "an element of a sequence, whose sizes become symbols";
  let description = [{
    `position` as for `dl.sequence_erase`. Each of `symbols` gets the size of the
    element along the dimension that it is in the result type; a size that is not as
    the type says ends the run.

    Constraints:
    - (C1) the result has the element type and the rank of the sequence's elements,
      and no other static size
    - (C2) `symbols` are different, and each is a dimension of the result

    Example: `%r = dl.sequence_at %s, %i {symbols = array<i64: 0>} : (!dl.sequence<tensor<?x3xf32>>, tensor<i64>) -> tensor<?x3xf32, #dl.dims<()[s0] -> (s0, 3)>>`
  }];
  let arguments = (ins Dl_Sequence:$sequence, Dl_IndexScalar:$position,
                   DenseI64ArrayAttr:$symbols);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$sequence `,` $position attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dl_SequenceConcatOp : Dl_SequenceBindingOp<"sequence_concat"> {
  let summary = "the elements of a sequence along a dimension of one tensor";
  let description = [{
    Elements follow one another along `axis`; with `stack`, along a new dimension
    before the one at `axis`, so that they are slices of the result. They agree in all
    other sizes; otherwise the run ends. Of a sequence without elements, each
    dimension that is one of `symbols` is 0, and so is the one at `axis`.
    `symbols` as for `dl.sequence_at`.

    Constraints:
    - (C1) the result has the element type of the sequence's elements, and their rank
      (with `stack`, one more)
    - (C2) `symbols` are different, and each is a dimension of the result
    - (C3) `axis` is a dimension of the result

    Example: `%r = dl.sequence_concat %s {axis = 0 : i64, stack = true, symbols = array<i64: 0>} : (!dl.sequence<tensor<3xf32>>) -> tensor<?x3xf32, #dl.dims<()[s0] -> (s0, 3)>>`
  }];
  let arguments = (ins Dl_Sequence:$sequence, I64Attr:$axis, BoolAttr:$stack,
                   DenseI64ArrayAttr:$symbols);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$sequence attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dl_SequenceSplitOp : Dl_SequenceOp<"sequence_split"> {
  let summary = "slices of a tensor along a dimension, as a sequence";
  let description = [{
    `sizes` are the sizes of the slices along `axis`, if of rank 1, whose sum is that
    of the tensor; if a scalar, the size of all slices but the last, which may be
    smaller. Otherwise, and for a negative size, the run ends. With `squeeze`, slices
    are of size 1 and lose the dimension.

    Constraints:
    - (C1) slices of the operand are of the result type
    - (C2) `axis` is a dimension of the operand
    - (C3) `sizes` has elements of i64 and at most one dimension

    Example: `%r = dl.sequence_split %x, %sizes {axis = 1 : i64, squeeze = false} : (tensor<3x6xf32>, tensor<2xi64>) -> !dl.sequence<tensor<3x?xf32>>`
  }];
  let arguments = (ins Dl_Tensor:$operand, Dl_IntTensor:$sizes, I64Attr:$axis,
                   BoolAttr:$squeeze);
  let results = (outs Dl_Sequence:$result);
  let assemblyFormat = "$operand `,` $sizes attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dl_OptionalCreateOp : Dl_SequenceOp<"optional_create"> {
  let summary = "an optional with a value, or without one";
  let description = [{
    Constraints:
    - (C1) the value is of the type that the result may hold

    Example: `%r = dl.optional_create(%x) : (tensor<4xf32>) -> !dl.optional<tensor<4xf32>>`
  }];
  let arguments = (ins Optional<Dl_Value>:$value);
  let results = (outs Dl_Optional:$result);
  let assemblyFormat = "`(` ($value^)? `)` attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dl_OptionalHasOp : Dl_SequenceOp<"optional_has"> {
  let summary = "whether an optional holds a value";
  let description = [{
    Example: `%r = dl.optional_has %o : (!dl.optional<tensor<4xf32>>) -> tensor<i1>`
  }];
  let arguments = (ins Dl_Optional:$optional);
  let results = (outs Dl_BoolScalar:$result);
  let assemblyFormat = "$optional attr-dict `:` functional-type(operands, results)";
}

def Dl_OptionalGetOp : Dl_SequenceBindingOp<"optional_get"> {
  let summary = "the value that an optional holds; without one, the run ends";
  let description = [{
    `symbols` as for `dl.sequence_at`; none for a sequence.

    Constraints:
    - (C1) the result is what the optional may hold: of a tensor, the element type
      and rank, and no other static size
    - (C2) `symbols` are different, and each is a dimension of the result

    Example: `%r = dl.optional_get %o {symbols = array<i64>} : (!dl.optional<tensor<4xf32>>) -> tensor<4xf32>`
  }];
  let arguments = (ins Dl_Optional:$optional, DenseI64ArrayAttr:$symbols);
  let results = (outs Dl_Value:$result);
  let assemblyFormat = "$optional attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif // DL_SEQUENCE_OPS_TD

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_PASSES_TD
#define DL_PASSES_TD

include "mlir/Pass/PassBase.td"

// A pass is one definition here, one source file and one test, all of one name.
// The phases that run them, in order, are in Pipeline.cpp.

def VerifyPhase : Pass<"dl-verify-phase", "::mlir::ModuleOp"> {
  let summary = "check that a module is legal at the end of a phase";
  let description = [{
    Fails at the first op that the named phase should not have left. Each phase
    ends with this pass, so that a mistake shows near its cause.

    After `import` and `simplify`, functions hold dl ops alone, without
    `dl.fused` and `dl.dispatch`. After `fuse`, every op that computes stands in
    a `dl.fused`. After `lower`, an entry function only dispatches kernels and
    takes views, and kernels (functions that a `dl.dispatch` names, or that have
    the attribute `dl.kernel`) hold upstream ops alone.

    Example: after `fuse`,
    ```mlir
    func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {
      %0 = dl.exp %a : (tensor<4xf32>) -> tensor<4xf32>
      return %0 : tensor<4xf32>
    }
    ```
    fails at `dl.exp`, which stands outside `dl.fused`.
  }];
  let options = [
    Option<"phase", "phase", "std::string", /*default=*/"\"import\"",
           "name of the phase that has ended">,
  ];
}

def BuildTraining : Pass<"dl-build-training", "::mlir::ModuleOp"> {
  let summary = "make a training step of a model";
  let description = [{
    `@main` is a model whose last arguments are states (see `kStatesAttr` in
    ir/dialect/Dialect.h), its parameters among them; `@inference`, where it is there, the
    same model as it computes when it does not train. They become the entries `@predict`,
    `@evaluate` (the loss, then the outputs) and `@step` (the loss; new values of the
    states). `@step` has a `dl.gradient` of the loss by all parameters on a
    differentiable path to it; parameters that are on none become constants. The states
    get what the optimizer keeps, the number of updates and the learning rate.

    The loss is made of the first output and a `label`, which becomes the last input. With
    `loss=output:NAME` that output, or the mean of its elements, is the loss; `@predict` has
    the other outputs, and the inputs that these follow from.

    A label that is no class ends a run. A step whose loss is not finite gives the
    states back as they were. With `micro-batches`, `@main` is of one of so many parts of
    a batch: the step is a `dl.scan` over them, which adds their gradients up. With
    `lora-rank`, each product with a weight w of a matching name adds that with
    `w.lora_A` times `w.lora_B`, which are trained in its place. With `data-parallel`, the
    loss, the gradients and the running statistics go through a `dl.all_reduce` each, and
    random numbers follow from `dl.process_rank`, too. With `average`, the other entries have each
    parameter's exponential average, a slot, in the parameter's place.

    Example, with `loss=mse optimizer=sgd rate=0.1`:
    ```mlir
    func.func private @states() -> tensor<3xf32> attributes {dl.states = [{name = "w", role = "parameter"} ]} {
      %0 = dl.constant dense<0.0> : tensor<3xf32>
      return %0 : tensor<3xf32>
    }
    func.func @main(%x: tensor<3xf32>, %w: tensor<3xf32>) -> tensor<3xf32> attributes {dl.state_arguments = array<i64: 0>} {
      %0 = dl.mul %x, %w : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
      return %0 : tensor<3xf32>
    }
    ```
    gives, besides `@predict` and `@evaluate`, with `%loss` the mean squared error,
    ```mlir
    func.func @step(%x: tensor<3xf32>, %label: tensor<3xf32>, %w: tensor<3xf32>, %n: tensor<i64>, %rate: tensor<f32>)
        -> (tensor<f32>, tensor<i64>, tensor<3xf32>)
        attributes {dl.state_arguments = array<i64: 0, 1, 2>, dl.state_results = array<i64: 1, 0>} {
      ...
      %g = dl.gradient %loss by %w : (tensor<f32>, tensor<3xf32>) -> tensor<3xf32>
      %s = dl.mul %g, %rate : (tensor<3xf32>, tensor<f32>) -> tensor<3xf32>
      %v = dl.sub %w, %s : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
      return %loss, %m, %v : tensor<f32>, tensor<i64>, tensor<3xf32>
    }
    ```
  }];
  let options = [
    Option<"loss", "loss", "std::string", /*default=*/"\"cross_entropy\"",
           "cross_entropy, nll, mse, l1, huber, bce, bce_logits or kl of the first "
           "output; output: the first output is the loss itself, output:NAME: that of "
           "this name is">,
    Option<"sumsLoss", "sum-loss", "bool", /*default=*/"false",
           "the loss is a sum over examples, as over micro-batches and ranks; else a mean">,
    Option<"smoothing", "label-smoothing", "double", /*default=*/"0",
           "share of the target that all classes get alike">,
    Option<"optimizer", "optimizer", "std::string", /*default=*/"\"sgd\"",
           "sgd, adam, adamw, adagrad, rmsprop, lamb or lion">,
    Option<"rate", "rate", "double", /*default=*/"0.001", "learning rate">,
    Option<"momentum", "momentum", "double", /*default=*/"0",
           "of sgd and rmsprop">,
    Option<"nesterov", "nesterov", "bool", /*default=*/"false", "of sgd">,
    Option<"beta1", "beta1", "double", /*default=*/"0.9",
           "decay of the mean of gradients">,
    Option<"beta2", "beta2", "double", /*default=*/"0.999",
           "decay of the mean of their squares; of lion, of the mean">,
    Option<"alpha", "alpha", "double", /*default=*/"0.99",
           "of rmsprop, decay of the mean of squares">,
    Option<"epsilon", "eps", "double", /*default=*/"1e-8",
           "added to roots of squares">,
    Option<"weightDecay", "weight-decay", "double", /*default=*/"0",
           "decay of all parameters">,
    Option<"trainOnly", "train-only", "std::string", /*default=*/"\"\"",
           "regular expression of the names of parameters to train">,
    Option<"noDecay", "no-decay", "std::string", /*default=*/"\"\"",
           "regular expression of the names of parameters that do not decay">,
    Option<"clipNorm", "clip-norm", "double", /*default=*/"0",
           "largest norm of all gradients together; 0 for any">,
    Option<"clipValue", "clip-value", "double", /*default=*/"0",
           "largest size of a gradient's element; 0 for any">,
    Option<"average", "average", "double", /*default=*/"0",
           "decay of parameters' averages, which the other entries use; 0 for "
           "none">,
    Option<"lossScale", "loss-scale", "double", /*default=*/"0",
           "what the loss is multiplied with before it is differentiated; 0 for "
           "nothing. A step whose gradients are not finite changes nothing">,
    Option<"dynamicLossScale", "dynamic-loss-scale", "bool", /*default=*/"false",
           "halve the scale after such a step, double it after 2000 others">,
    Option<"loraRank", "lora-rank", "int64_t", /*default=*/"0",
           "rank of adapters; 0 for none">,
    Option<"loraPattern", "lora", "std::string", /*default=*/"\"\"",
           "regular expression of the names of weights that get adapters">,
    Option<"loraSeed", "lora-seed", "int64_t", /*default=*/"0",
           "what the adapters' first values follow from">,
    Option<"microBatches", "micro-batches", "int64_t", /*default=*/"1",
           "parts of a step's batch, whose gradients are added up">,
    Option<"dataParallel", "data-parallel", "bool", /*default=*/"false",
           "let ranks train on parts of each batch">,
  ];
}

def Differentiate : Pass<"dl-differentiate", "::mlir::ModuleOp"> {
  let summary = "let ops stand for derivatives";
  let description = [{
    Each `dl.gradient` is replaced by what computes it: reverse accumulation, from the
    value back to the variables. Gradients of values that were broadcast are sums. An op
    without a gradient on the way is reported, with the way from the value to a variable.

    Example:
    ```mlir
    func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = dl.exp %x : (tensor<4xf32>) -> tensor<4xf32>
      %1 = dl.gradient %0 by %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      return %1 : tensor<4xf32>
    }
    ```
    becomes
    ```mlir
    func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = dl.exp %x : (tensor<4xf32>) -> tensor<4xf32>
      return %0 : tensor<4xf32>
    }
    ```
  }];
}

def InternStrings : Pass<"dl-intern-strings", "::mlir::ModuleOp"> {
  let summary = "let numbers stand for strings";
  let description = [{
    Elements of `!dl.string` become i64: positions in a table of strings, in which no
    two are equal, so that moving, choosing and comparing strings is what it is of
    integers. The strings of the program's constants come first, as the module's
    attribute `dl.strings`; what a run reads or makes follows them in a table of the
    session. So `dl.string_find` is an element of a constant: the first key of each of
    the program's strings, and no key of all others. The other ops on strings, and
    those on images, become calls of functions of the runtime. Types that a caller sees
    stand in `dl.input_types` and `dl.output_types`.

    Example:
    ```mlir
    func.func @main(%x: tensor<2x!dl.string>) -> tensor<2xi1> {
      %c = dl.constant dense<"a"> : tensor<!dl.string>
      %0 = dl.compare eq, %x, %c : (tensor<2x!dl.string>, tensor<!dl.string>) -> tensor<2xi1>
      return %0 : tensor<2xi1>
    }
    ```
    becomes, in a module with `dl.strings = ["a"]`,
    ```mlir
    func.func @main(%x: tensor<2xi64>) -> tensor<2xi1> attributes {dl.input_types = [tensor<2x!dl.string>]} {
      %c = dl.constant dense<0> : tensor<i64>
      %0 = dl.compare eq, %x, %c : (tensor<2xi64>, tensor<i64>) -> tensor<2xi1>
      return %0 : tensor<2xi1>
    }
    ```
  }];
}

def EncodeComplex : Pass<"dl-encode-complex", "::mlir::ModuleOp"> {
  let summary = "let integers stand for complex numbers";
  let description = [{
    Complex numbers are only moved, so an integer of as many bits may stand for each:
    i64 for `complex<f32>`, i128 for `complex<f64>`. Types that a caller sees stand in
    `dl.input_types` and `dl.output_types`.

    Example:
    ```mlir
    func.func @main(%x: tensor<2x3xcomplex<f32>>) -> tensor<3x2xcomplex<f32>> {
      %0 = dl.transpose %x {permutation = array<i64: 1, 0>} : (tensor<2x3xcomplex<f32>>) -> tensor<3x2xcomplex<f32>>
      return %0 : tensor<3x2xcomplex<f32>>
    }
    ```
    becomes
    ```mlir
    func.func @main(%x: tensor<2x3xi64>) -> tensor<3x2xi64> attributes {
        dl.input_types = [tensor<2x3xcomplex<f32>>], dl.output_types = [tensor<3x2xcomplex<f32>>]} {
      %0 = dl.transpose %x {permutation = array<i64: 1, 0>} : (tensor<2x3xi64>) -> tensor<3x2xi64>
      return %0 : tensor<3x2xi64>
    }
    ```
  }];
}

def FoldConstants : Pass<"dl-fold-constants"> {
  let summary = "compute what follows from constants alone";
  let description = [{
    Ops whose operands are constants of up to 16 million elements are
    replaced by their results, as the reference interpreter gives them, unless the
    result is much larger than the operands. Reshaped and transposed constants
    stay: their elements are put in order while the module is written. A slice whose
    elements lie together in a stored constant becomes a constant over the same
    memory. With `keep-quantized`, large constants of 8-bit integers are not made wider:
    IntegerProducts takes them as they are; with `keep-float8`, Float8Products those of 8-bit floats.

    Example:
    ```mlir
    %a = dl.constant dense<[1.0, 2.0]> : tensor<2xf32>
    %b = dl.exp %a : (tensor<2xf32>) -> tensor<2xf32>
    ```
    becomes
    ```mlir
    %b = dl.constant dense<[2.71828175, 7.38905621]> : tensor<2xf32>
    ```
  }];
  let options = [
    Option<"keepQuantized", "keep-quantized", "bool", /*default=*/"false",
           "leave large constants of 8-bit integers as they are">,
    Option<"keepFloat8", "keep-float8", "bool", /*default=*/"false",
           "likewise those of 8-bit floats">
  ];
}

def GroupByIndex : Pass<"dl-group-by-index", "::mlir::func::FuncOp"> {
  let summary = "products with matrices chosen by row become one for each matrix";
  let description = [{
    A mixture of experts may be exported as products of each token with weights that
    are gathered for it, so that all rows have copies of their own. Where rows choose
    among few matrices by one index, and what they gain is worth it, the value after
    the last product becomes the sum over the matrices of a choice: what the matrix
    gives where it was chosen, and zero elsewhere. `dl-skip-zero-rows` then computes
    each for its rows alone.

    Example, with more multiplications:
    ```mlir
    %0 = dl.gather %w, %i {axis = 0 : i64} : (tensor<2x4x4xf32>, tensor<8xi64>) -> tensor<8x4x4xf32>
    %1 = dl.matmul %x, %0 : (tensor<8x1x4xf32>, tensor<8x4x4xf32>) -> tensor<8x1x4xf32>
    ```
    becomes, %i being in range,
    ```mlir
    %c = dl.compare eq, %i, %zero : ...
    %w0 = dl.slice %w ... -> tensor<4x4xf32>
    %y0 = dl.matmul %x, %w0 : (tensor<8x4xf32>, tensor<4x4xf32>) -> tensor<8x4xf32>
    %r0 = dl.select %c, %y0, %zero : ... -> tensor<8x1x4xf32>
    %r1 = ... // likewise of 1
    %1 = dl.add %r0, %r1 : ...
    ```
  }];
}

def SplitExperts : Pass<"dl-split-experts", "::mlir::func::FuncOp"> {
  let summary = "weighted sums of stacked products become sums of products";
  let description = [{
    A mixture of experts may be exported as products of all tokens with all experts'
    weights, stacked along a dimension, and a sum over that dimension with weights
    that are zero for the experts that a token was not sent to: `dl.reduce sum` of a
    product, or a matrix product with a row or a column of such weights. Where
    `dl-skip-zero-rows` can skip rows of one expert's part, the sum is that of the
    parts, each computed by itself (`DimensionPart`).

    Where tokens are dispatched into slots, as many of each expert, and the results
    combined by a product of [tokens, experts * slots], a slot whose column of weights
    is zero holds no token: what is made of it becomes a choice between that and zero.
    That is done where there are four slots or more for each token.

    Example, with more multiplications, %r being zero by choice (`isZeroByChoice`):
    ```mlir
    %0 = dl.matmul %x, %w : (tensor<8x4xf32>, tensor<2x4x4xf32>) -> tensor<2x8x4xf32>
    %1 = dl.mul %0, %r : (tensor<2x8x4xf32>, tensor<2x8x1xf32>) -> tensor<2x8x4xf32>
    %2 = dl.reduce sum, %1 {axes = array<i64: 0>} : (tensor<2x8x4xf32>) -> tensor<8x4xf32>
    ```
    becomes
    ```mlir
    %w0 = dl.slice %w ... -> tensor<4x4xf32>
    %y0 = dl.matmul %x, %w0 : (tensor<8x4xf32>, tensor<4x4xf32>) -> tensor<8x4xf32>
    %p0 = dl.mul %y0, %r0 : (tensor<8x4xf32>, tensor<8x1xf32>) -> tensor<8x4xf32>
    %p1 = ... // likewise of the other expert
    %2 = dl.add %p0, %p1 : ...
    ```
  }];
  let options = [
    Option<"assumeFinite", "assume-finite", "bool", /*default=*/"true",
           "take products with zero for zero">,
  ];
}

def SkipZeroRows : Pass<"dl-skip-zero-rows", "::mlir::func::FuncOp"> {
  let summary = "compute no rows that are multiplied by zero";
  let description = [{
    A mixture of experts is often exported as a sum over all experts, each computed
    for all tokens and multiplied by a weight that is zero for the tokens that were
    not sent to it. Where such a weight, one for each row, is zero by a condition of
    the run (`isZeroByChoice`), and the products before it are worth it, the rows
    that count are found, gathered, computed and scattered. So is a choice between
    a value and zero, row by row.

    0 times infinity or NaN is NaN: without `assume-finite`, products stay as they
    are, and choices alone are taken.

    Example, with more multiplications:
    ```mlir
    %0 = dl.matmul %x, %w : (tensor<8x4xf32>, tensor<4x4xf32>) -> tensor<8x4xf32>
    %1 = dl.cast %mask : (tensor<8x1xi1>) -> tensor<8x1xf32>
    %2 = dl.mul %1, %0 : (tensor<8x1xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
    %3 = dl.add %acc, %2 : (tensor<8x4xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
    ```
    becomes, %n being the number of rows of %1 that are not zero, %p their positions,
    and s0 the symbol that %n is bound to,
    ```mlir
    dl.bind %n {symbols = array<i64: 0>, message = "..."} : tensor<1xi64>
    %a = dl.gather %x, %p {axis = 0 : i64} : ... -> tensor<?x4xf32, #dl.dims<()[s0] -> (s0, 4)>>
    %b = dl.matmul %a, %w : ...
    %c = dl.gather %1, %p {axis = 0 : i64} : ...
    %d = dl.mul %c, %b : ...
    %3 = dl.scatter_nd add, %acc, %p, %d : ...
    ```
  }];
  let options = [
    Option<"assumeFinite", "assume-finite", "bool", /*default=*/"true",
           "take products with zero for zero">,
  ];
}

def CompressWeights : Pass<"dl-compress-weights"> {
  let summary = "leave zeros of weights out of matrix products";
  let description = [{
    Weights that were pruned have their zeros in the model's file. Where a matrix
    product of f32 has so many of them that leaving them out is faster by the cost
    model below, it becomes a `dl.sparse_matmul`. Panels have the width, 1 to 64
    columns, that costs least: wide ones for blocks of zeros, single columns where zeros
    lie anywhere.

    A kept row of a panel of 16 columns or more costs what a dense product costs for
    it; that of a narrower one more, because its position is read for fewer
    products, and it needs several rows of the left matrix to fill a vector's lanes.
    What is not faster by `minGain` stays dense.

    Example: `dl.matmul %x, %w` of weights with one column of two that is not zero,
    ```mlir
    %0 = dl.sparse_matmul %x, %values, %positions, %counts : (tensor<128x768xf32>, tensor<768x154x1xf32>, tensor<768x154xui16>, tensor<768xi32>) -> tensor<128x768xf32>
    ```
  }];
  let options = [
    Option<"minGain", "min-gain", "double", /*default=*/"1.3",
           "times faster by the cost model that a product has to become">,
  ];
}

def NarrowScales : Pass<"dl-narrow-scales"> {
  let summary = "store scales of blocks as f16 where that changes none";
  let description = [{
    Scales of blocks of 32 weights of 4 bits are a fifth of what a product reads in
    f32. Constant ones that f16 has exactly, as normal numbers, are stored as f16, a
    tenth less to read. `dl-compile --quantize=int4` chooses such scales.

    Example: `dl.block_matmul %x, %w, %s, %z` of scales 0.5 and 0.25,
    ```mlir
    %s = dl.constant dense_resource<scales> : tensor<48x2xf16>
    %r = dl.block_matmul %x, %w, %s, %z {bits = 4 : i64} : (tensor<1x64xf32>, tensor<48x2x16xui8>, tensor<48x2xf16>, tensor<ui8>) -> tensor<1x48xf32>
    ```
  }];
}

def SimplifyArithmetic : Pass<"dl-simplify-arithmetic"> {
  let summary = "rewrite arithmetic into cheaper forms";
  let description = [{
    - `x / c -> x * (1 / c)` where the inverse of the number is exact;
    - `matmul(a * c, b) -> matmul(a, b) * c` for a number c and a value a that is
      not computed but moved, so that the product reads it where it lies;
    - `(x * c) * d -> x * (c * d)` for numbers c and d;
    - `transpose(matmul(transpose(a), b)) -> matmul(transpose(b), a)`;
    - `matmul(v, transpose(p)) -> transpose(matmul(p, transpose(v)))` where p is
      the result of a normalization, so that attention is found in one form;
    - `select(max(mask) == -inf, a, b) -> b`, where each row of the mask lets something
      through, and `matmul(select(row, 0, p), v) -> select(row, 0, matmul(p, v))` for the
      result p of a normalization, values taken for finite (`simplify/UnmaskedRows`).

    Example:
    ```mlir
    %c = dl.constant dense<8.0> : tensor<f32>
    %0 = dl.div %x, %c : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    ```
    becomes
    ```mlir
    %c = dl.constant dense<1.25e-01> : tensor<f32>
    %0 = dl.mul %x, %c : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    ```
  }];
}

def Float8Products : Pass<"dl-float8-products"> {
  let summary = "multiply values of 8-bit floats as these";
  let description = [{
    A product or convolution of values that are converted from 8-bit floats of one type,
    e4m3 or e5m2, and scaled, becomes one of these (`wide`): products of two are exact in
    f32. The sums are multiplied by the scales. For targets that multiply 8-bit floats.

    Example:
    ```mlir
    %c = dl.constant dense<0.5> : tensor<f32>
    %w = dl.constant dense_resource<w> : tensor<8x16xf8E4M3FN>
    %0 = dl.cast %x : (tensor<4x8xf8E4M3FN>) -> tensor<4x8xf32>
    %1 = dl.mul %0, %c : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
    %2 = dl.cast %w : (tensor<8x16xf8E4M3FN>) -> tensor<8x16xf32>
    %3 = dl.matmul %1, %2 : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
    ```
    becomes
    ```mlir
    %0 = dl.matmul %x, %w {wide} : (tensor<4x8xf8E4M3FN>, tensor<8x16xf8E4M3FN>) -> tensor<4x16xf32>
    %3 = dl.mul %0, %c : (tensor<4x16xf32>, tensor<f32>) -> tensor<4x16xf32>
    ```
  }];
}

def IntegerProducts : Pass<"dl-integer-products"> {
  let summary = "multiply quantized values as integers";
  let description = [{
    A product or convolution of values that are dequantized from 8-bit integers,
    `(q - zero point) * scale`, becomes one of the integers, whose sums in i32 are exact
    (`wide`), and one multiplication of each sum. Movement between dequantization and
    product is done to the integers. What the zero points add is subtracted from the
    sums: of constants it is computed here, of others by a reduction. Around an image
    is its zero point. Constants of ui8 are stored as si8, less 128, so that products
    are those that CPUs have instructions for. A convolution in groups stays in f32, of
    integers, exactly.

    Dequantization moves below what only moves or compares elements, and away where
    the same quantization follows.

    Example:
    ```mlir
    %c = dl.constant dense<0.5> : tensor<f32>
    %d = dl.constant dense<0.25> : tensor<f32>
    %w = dl.constant dense_resource<w> : tensor<8x16xi8>
    %0 = dl.cast %x : (tensor<4x8xui8>) -> tensor<4x8xi32>
    %1 = dl.cast %0 : (tensor<4x8xi32>) -> tensor<4x8xf32>
    %2 = dl.mul %1, %c : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
    %3 = dl.cast %w : (tensor<8x16xi8>) -> tensor<8x16xi32>
    %4 = dl.cast %3 : (tensor<8x16xi32>) -> tensor<8x16xf32>
    %5 = dl.mul %4, %d : (tensor<8x16xf32>, tensor<f32>) -> tensor<8x16xf32>
    %6 = dl.matmul %2, %5 : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
    ```
    becomes
    ```mlir
    %e = dl.constant dense<0.125> : tensor<f32>
    %w = dl.constant dense_resource<w> : tensor<8x16xi8>
    %0 = dl.matmul %x, %w {wide} : (tensor<4x8xui8>, tensor<8x16xi8>) -> tensor<4x16xi32>
    %1 = dl.cast %0 : (tensor<4x16xi32>) -> tensor<4x16xf32>
    %6 = dl.mul %1, %e : (tensor<4x16xf32>, tensor<f32>) -> tensor<4x16xf32>
    ```
  }];
}

def TabulateBytes : Pass<"dl-tabulate-bytes"> {
  let summary = "look up functions of a byte";
  let description = [{
    What is computed element by element from one tensor of 8-bit integers and numbers,
    and is itself one of 8-bit integers, becomes a look-up in a table of 256 elements,
    if that is less work. Quantized models have activations in this form: each step is
    dequantized, computed and quantized again.

    Example:
    ```mlir
    %0 = dl.cast %x : (tensor<4xui8>) -> tensor<4xf32>
    %1 = dl.mul %0, %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    %2 = dl.tanh %1 : (tensor<4xf32>) -> tensor<4xf32>
    %3 = dl.mul %2, %c : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    %4 = dl.cast %3 : (tensor<4xf32>) -> tensor<4xi8>
    ```
    becomes
    ```mlir
    %4 = dl.gather %table, %x {axis = 0 : i64} : (tensor<256xi8>, tensor<4xui8>) -> tensor<4xi8>
    ```
  }];
}

def Requantize : Pass<"dl-requantize"> {
  let summary = "quantize by one multiplication";
  let description = [{
    A division by a constant before a rounding (`dl.round`), as quantization has it,
    becomes a multiplication by the reciprocal. It goes into the constants of what
    makes the value, where nothing else reads that: scales, bias, limits. The quotient
    differs in the last place at most, before it is rounded. What a model is given is
    divided. Limits before the rounding become limits after it. Where dequantized
    bytes are added up, their zero points and the result's become one number, so that
    each term is one multiplication with addition; only where the scales have so many
    digits that a sum halfway between two integers comes from rounding alone.

    Example:
    ```mlir
    %c = dl.constant dense<0.5> : tensor<f32>
    %d = dl.constant dense<0.25> : tensor<f32>
    %0 = dl.mul %x, %c : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    %1 = dl.div %0, %d : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    %2 = dl.round %1 : (tensor<4xf32>) -> tensor<4xf32>
    ```
    becomes
    ```mlir
    %c = dl.constant dense<2.0> : tensor<f32>
    %1 = dl.mul %x, %c : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    %2 = dl.round %1 : (tensor<4xf32>) -> tensor<4xf32>
    ```
  }];
}

def ReducePrecision : Pass<"dl-reduce-precision"> {
  let summary = "multiply in bf16, add in f32";
  let description = [{
    Matrix products and convolutions of f32 read operands that are rounded to bf16
    and give the f32 sums of their products (`wide`). Constants are rounded on the
    way into the module's file: to nearest, or, where the other operand has a
    positive mean, by which errors of one sign would add up (after a rectifier, GELU
    and the like, pooling, softmax: `PositiveMeans`), so that the errors of all that
    one sum adds cancel (`dl.round_balanced`). A computed value is rounded once, where it is
    made, for all that read it, so that it is stored as bf16; inputs of the model
    and results stay as they are. So do products of few multiplications, which take no
    time that bf16 could save: a classifier's last one decides over its error. With `most-uses`, only products
    are rounded that take the time of reading an operand, for CPUs that multiply bf16 no faster than f32. What a normalization makes is rounded for products
    alone: a residual connection adds it on, layer after layer. Convolutions in groups
    compute in f32 with what is stored as bf16.

    Example:
    ```mlir
    %w = dl.constant dense_resource<w> : tensor<8x16xf32>
    %0 = dl.exp %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
    %1 = dl.matmul %0, %w : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
    ```
    becomes
    ```mlir
    %w = dl.constant dense_resource<w> : tensor<8x16xf32>
    %0 = dl.exp %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
    %a = dl.cast %0 : (tensor<4x8xf32>) -> tensor<4x8xbf16>
    %b = dl.round_balanced %w {axes = array<i64: 0>} : (tensor<8x16xf32>) -> tensor<8x16xbf16>
    %1 = dl.matmul %a, %b {wide} : (tensor<4x8xbf16>, tensor<8x16xbf16>) -> tensor<4x16xf32>
    ```
  }];
  let options = [
    Option<"type", "type", "std::string", /*default=*/"\"bf16\"",
           "the type of products' operands: bf16, or f16, of which too large "
           "values become infinite">,
    Option<"minMultiplications", "min-multiplications", "int64_t", /*default=*/"0",
           "products of fewer multiplications stay as they are">,
    Option<"mostUses", "most-uses", "int64_t", /*default=*/"-1",
           "products that use each element of the larger operand more often, on "
           "average, or an unknown number of times, stay as they are; -1: none do">,
  ];
}

def JoinPads : Pass<"dl-join-pads"> {
  let summary = "turn sums of tensors among zeros into concatenations";
  let description = [{
    The gradients of a tensor's slices are put back to their places among zeros and
    added up. Where they do not overlap, that is a concatenation, which reads and writes
    each element once. (Of a zero the sign may differ.)

    Example:
    ```mlir
    %0 = dl.pad constant, %a, %zero {low = affine_map<() -> (0, 0)>} : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x5xf32>
    %1 = dl.pad constant, %b, %zero {low = affine_map<() -> (0, 2)>} : (tensor<4x3xf32>, tensor<f32>) -> tensor<4x5xf32>
    %2 = dl.add %0, %1 : (tensor<4x5xf32>, tensor<4x5xf32>) -> tensor<4x5xf32>
    ```
    becomes
    ```mlir
    %2 = dl.concat %a, %b {axis = 1 : i64} : (tensor<4x2xf32>, tensor<4x3xf32>) -> tensor<4x5xf32>
    ```
  }];
}

def SplitReductions : Pass<"dl-split-reductions"> {
  let summary = "reduce to few columns in two steps";
  let description = [{
    Sums over the positions of a batch, as batch normalization and its gradient have them,
    leave a column for each channel: too few for all processors. The outermost axis is
    reduced in a second step, so that each of its positions can be summed up by itself.

    Example:
    ```mlir
    %r = dl.reduce sum, %x {axes = array<i64: 0, 1, 2>} : (tensor<16x32x32x64xf32>) -> tensor<64xf32>
    ```
    becomes
    ```mlir
    %0 = dl.reduce sum, %x {axes = array<i64: 1, 2>} : (tensor<16x32x32x64xf32>) -> tensor<16x64xf32>
    %r = dl.reduce sum, %0 {axes = array<i64: 0>} : (tensor<16x64xf32>) -> tensor<64xf32>
    ```
  }];
  let options = [
    Option<"minElements", "min-elements", "int64_t", /*default=*/"1 << 17",
           "reductions of fewer elements stay as they are">,
    Option<"maxColumns", "max-columns", "int64_t", /*default=*/"1024",
           "reductions with more results stay as they are">,
  ];
}

def TrimFilters : Pass<"dl-trim-filters"> {
  let summary = "leave out taps of convolutions that meet zeros alone";
  let description = [{
    The first and last taps of a dilated filter can lie outside of the input for every
    position of the result: at a distance of 24, those of a filter of three on sixteen
    elements. What is left may be a single tap, and the convolution a product of
    matrices.

    Example:
    ```mlir
    %0 = dl.conv %x, %w {strides = array<i64: 1>, pads_low = array<i64: 9>, pads_high = array<i64: 9>, dilations = array<i64: 9>} : (tensor<1x8x7xf32>, tensor<16x8x3xf32>) -> tensor<1x16x7xf32>
    ```
    becomes
    ```mlir
    %1 = dl.slice %w {offsets = affine_map<() -> (0, 0, 1)>, strides = array<i64: 1, 1, 1>} : (tensor<16x8x3xf32>) -> tensor<16x8x1xf32>
    %0 = dl.conv %x, %1 {strides = array<i64: 1>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 9>} : (tensor<1x8x7xf32>, tensor<16x8x1xf32>) -> tensor<1x16x7xf32>
    ```
  }];
}

def ChannelsLast : Pass<"dl-channels-last"> {
  let summary = "let convolutions read and write channels last";
  let description = [{
    Then the channels that a kernel multiplies with lie together, and its lanes are
    the channels of the result, whose weights are packed at compile time. A
    convolution in groups of several channels becomes some in none, side by side, of
    one group or of several with zeros between them, so that there are 32 results and
    more in each. Convolutions that read a single position stay. Permutations before
    and after keep the meaning; `dl-sink-transposes` lets them meet.

    Example:
    ```mlir
    %0 = dl.conv %x, %w {strides = array<i64: 1>, pads_low = array<i64: 1>, pads_high = array<i64: 1>, dilations = array<i64: 1>} : (tensor<1x8x7xf32>, tensor<16x8x3xf32>) -> tensor<1x16x7xf32>
    ```
    becomes
    ```mlir
    %1 = dl.transpose %w {permutation = array<i64: 2, 1, 0>} : (tensor<16x8x3xf32>) -> tensor<3x8x16xf32>
    %2 = dl.transpose %x {permutation = array<i64: 0, 2, 1>} : (tensor<1x8x7xf32>) -> tensor<1x7x8xf32>
    %3 = dl.conv %2, %1 {channels_last = true, strides = array<i64: 1>, pads_low = array<i64: 1>, pads_high = array<i64: 1>, dilations = array<i64: 1>} : (tensor<1x7x8xf32>, tensor<3x8x16xf32>) -> tensor<1x7x16xf32>
    %0 = dl.transpose %3 {permutation = array<i64: 0, 2, 1>} : (tensor<1x7x16xf32>) -> tensor<1x16x7xf32>
    ```
  }];
}

def SinkTransposes : Pass<"dl-sink-transposes"> {
  let summary = "move permutations that put channels first after the ops that use them";
  let description = [{
    From operands to the result of elementwise ops, concatenations, broadcasts,
    slices, borders, reductions, windows, gathers and reshapes. Other operands are permuted the other
    way, where they are constants, or fewer than those that no longer are. Keys of attention
    that are scaled by a number on their way to a product keep their order in memory, and
    are scaled before they are repeated for heads of queries.

    Normalization of groups of channels reshapes to `[N, groups, rest]`. There, sums
    are taken channel by channel, and of the channels of a group after that; what
    follows them is elementwise on channels last.

    Example:
    ```mlir
    %0 = dl.transpose %x {permutation = array<i64: 0, 2, 1>} : (tensor<1x7x16xf32>) -> tensor<1x16x7xf32>
    %1 = dl.tanh %0 : (tensor<1x16x7xf32>) -> tensor<1x16x7xf32>
    ```
    becomes
    ```mlir
    %0 = dl.tanh %x : (tensor<1x7x16xf32>) -> tensor<1x7x16xf32>
    %1 = dl.transpose %0 {permutation = array<i64: 0, 2, 1>} : (tensor<1x7x16xf32>) -> tensor<1x16x7xf32>
    ```
  }];
}

def PointwiseConvToMatmul : Pass<"dl-pointwise-conv-to-matmul"> {
  let summary = "make matrix products of convolutions that read one position";
  let description = [{
    All positions become one dimension, so that neither rows of the image nor their
    ends count.

    Example:
    ```mlir
    %0 = dl.conv %x, %w {strides = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x8x7x7xf32>, tensor<16x8x1x1xf32>) -> tensor<1x16x7x7xf32>
    ```
    becomes
    ```mlir
    %1 = dl.reshape %w : (tensor<16x8x1x1xf32>) -> tensor<16x8xf32>
    %2 = dl.reshape %x : (tensor<1x8x7x7xf32>) -> tensor<1x8x49xf32>
    %3 = dl.matmul %1, %2 : (tensor<16x8xf32>, tensor<1x8x49xf32>) -> tensor<1x16x49xf32>
    %0 = dl.reshape %3 : (tensor<1x16x49xf32>) -> tensor<1x16x7x7xf32>
    ```
  }];
}

def SinkReshapes : Pass<"dl-sink-reshapes"> {
  let summary = "move reshapes out from between ops that could be one kernel";
  let description = [{
    A reshape that splits dimensions, or adds or drops some of size 1, moves from
    the operand of an elementwise op or reduction to its result. A permutation that
    moves only dimensions of size 1 becomes a reshape. A product of a tensor with
    one matrix becomes a product of two matrices, between reshapes. Concatenations
    that are stacked become one. A reshape of what is broadcast becomes a broadcast of a
    reshape.

    Example:
    ```mlir
    %0 = dl.matmul %w, %x : (tensor<16x8xf32>, tensor<1x8x49xf32>) -> tensor<1x16x49xf32>
    %1 = dl.reshape %0 : (tensor<1x16x49xf32>) -> tensor<1x16x7x7xf32>
    %2 = dl.tanh %1 : (tensor<1x16x7x7xf32>) -> tensor<1x16x7x7xf32>
    ```
    becomes
    ```mlir
    %0 = dl.matmul %w, %x : (tensor<16x8xf32>, tensor<1x8x49xf32>) -> tensor<1x16x49xf32>
    %1 = dl.tanh %0 : (tensor<1x16x49xf32>) -> tensor<1x16x49xf32>
    %2 = dl.reshape %1 : (tensor<1x16x49xf32>) -> tensor<1x16x7x7xf32>
    ```
  }];
}

def Fuse : Pass<"dl-fuse", "::mlir::func::FuncOp"> {
  let summary = "group the ops that become one kernel";
  let description = [{
    Puts every op that computes into a `dl.fused`. What is grouped follows from
    the ops' kinds, as their `FusionInterface` gives them:

    - a contraction with the elementwise ops of its result's dimensions that
      follow it;
    - two contractions with a normalization of rows between them, and what
      follows the second;
    - reductions over the same dimensions of tensors of one shape, with the
      elementwise ops of that shape, or of the reduced one, around them;
    - elementwise ops of one shape;
    - ops that assemble pieces or change a tensor step by step, with the
      elementwise ops that they alone use.

    Movement (slices, permutations, broadcasts, borders) is copied into each group
    that reads through it. A reshape stays outside, where it costs nothing. No
    group depends on itself through others; a value that is used outside of its
    group is one of the group's results. Regions of `dl.scan`, `dl.if` and `dl.loop` are grouped
    likewise.

    Example:
    ```mlir
    %0 = dl.matmul %a, %b : (tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<8x8xf32>
    %1 = dl.tanh %0 : (tensor<8x8xf32>) -> tensor<8x8xf32>
    ```
    becomes
    ```mlir
    %1 = dl.fused {
      %2 = dl.matmul %a, %b : (tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<8x8xf32>
      %3 = dl.tanh %2 : (tensor<8x8xf32>) -> tensor<8x8xf32>
      dl.yield %3 : tensor<8x8xf32>
    } : tensor<8x8xf32>
    ```
  }];
}

def Recompute : Pass<"dl-recompute", "::mlir::func::FuncOp"> {
  let summary = "compute again, in training, what is cheaper than memory";
  let description = [{
    A result of a kernel of a training step that is elementwise in what else is stored
    is computed again by the kernels that read it, where that moves fewer bytes, for few
    instructions, and keeps nothing larger in memory. Products read what is stored: they
    would compute it again and again.

    Example: in
    ```mlir
    %0:2 = dl.fused {
      %a = dl.matmul %x, %w : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
      %b = dl.mul %a, %a : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
      dl.yield %a, %b : tensor<256x256xf32>, tensor<256x256xf32>
    } : tensor<256x256xf32>, tensor<256x256xf32>
    %1 = dl.fused {
      %c = dl.reduce sum, %0#1 {axes = array<i64: 1>} : (tensor<256x256xf32>) -> tensor<256xf32>
      dl.yield %c : tensor<256xf32>
    } : tensor<256xf32>
    ```
    the second kernel reads `%0#0`, and the first does not store `%b`.
  }];
}

def BucketReductions : Pass<"dl-bucket-reductions", "::mlir::func::FuncOp"> {
  let summary = "reduce gradients in buckets while the backward pass goes on";
  let description = [{
    What goes through a `dl.all_reduce` is put into buckets of at most `bytes`, in the
    order in which it is made (S. Li et al., "PyTorch Distributed", VLDB 2020). A bucket's
    reduction begins as soon as its last part is there, by a call of the runtime's
    `all_reduce_start`. What depends on reduced values is put behind the beginning of the fourth
    bucket after those that it needs, or behind all that does not depend on any, and
    `all_reduce_wait` before the first op that reads of the bucket: until then the
    reduction has time. The runtime leaves a bucket in its place (`dl.in_place`), so that
    parts are made, and read, where they lie in it.

    Example: with `bytes=24`,
    ```mlir
    %a = dl.fused { ... } : tensor<4xf32>
    %b = dl.all_reduce %a : (tensor<4xf32>) -> tensor<4xf32>
    %c = dl.fused { ... %b ... } : tensor<4xf32>
    %d = dl.fused { ... } : tensor<2xf32>
    %e = dl.all_reduce %d : (tensor<2xf32>) -> tensor<2xf32>
    ```
    becomes
    ```mlir
    %a = dl.fused { ... } : tensor<4xf32>
    %d = dl.fused { ... } : tensor<2xf32>
    %0 = dl.concat %a, %d {axis = 0 : i64} : (tensor<4xf32>, tensor<2xf32>) -> tensor<6xf32>
    %1 = dl.host_call "all_reduce_start"(%0) {arguments = array<i64: 0>} : (tensor<6xf32>) -> tensor<6xf32>
    %2 = dl.host_call "all_reduce_wait"(%1) {arguments = array<i64: 0>} : (tensor<6xf32>) -> tensor<6xf32>
    %b = dl.slice %2 {offsets = affine_map<() -> (0)>, strides = array<i64: 1>} : (tensor<6xf32>) -> tensor<4xf32>
    %c = dl.fused { ... %b ... } : tensor<4xf32>
    %e = dl.slice %2 {offsets = affine_map<() -> (4)>, strides = array<i64: 1>} : (tensor<6xf32>) -> tensor<2xf32>
    ```
  }];
  let options = [
    Option<"bytes", "bytes", "int64_t", /*default=*/"1048576",
           "most bytes of a bucket, but for one that is a single tensor">,
  ];
}

def Rematerialize : Pass<"dl-rematerialize", "::mlir::func::FuncOp"> {
  let summary = "run kernels of training again rather than keep their results";
  let description = [{
    While more than `budget` bytes are in use somewhere in a training step, a kernel whose
    results are kept over that place is run again before the next that reads them, with
    the kernels before it whose results are not there any more: of all such kernels, the one
    that frees most bytes for the time that it takes. Of a kernel with several results, one
    that comes elementwise from others that are kept is made from those alone, without the
    rest of the kernel; where a budget cannot be kept so, whole kernels run again.
    `dl.recomputed` of the function tells how many run again. Without a budget, this goes on for as long as these kernels take at
    most `slack` of the step's time.

    Example, with a budget of 1000000, where the ops between %0 and the last use of it need
    more than that:
    ```mlir
    %0 = dl.fused { %a = dl.exp %x ... } : tensor<256x256xf32>
    %1 = dl.fused { %b = dl.matmul %0, %w ... } : tensor<256x256xf32>
    ...
    %9 = dl.fused { %c = dl.mul %0, %8 ... } : tensor<256x256xf32>
    ```
    the last kernel reads a second `dl.fused { %a = dl.exp %x ... }` before it.
  }];
  let options = [
    Option<"budget", "budget", "int64_t", /*default=*/"0",
           "bytes that intermediate results may take; 0 for any">,
    Option<"slack", "slack", "double", /*default=*/"0",
           "without a budget: share of a step's time, as it is estimated, that running "
           "kernels again may take">,
  ];
}

def Lower : Pass<"dl-lower", "::mlir::ModuleOp"> {
  let summary = "make a kernel of each group of ops";
  let description = [{
    Each `dl.fused` becomes a function in upstream dialects, on tensors without
    encodings, and a `dl.dispatch` of it; equal functions are one. Arguments are
    the captured tensors (`dl.constant` marks those that are constants), the sizes
    that do not follow from them, and one destination for each result. Constants
    that repeat one element stand inside of the kernel. A group of an op that the
    runtime computes (`dl.topk`, `dl.row_order`, `dl.suppress`, `dl.process_rank`) becomes a call of it.

    Example:
    ```mlir
    func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {
      %0 = dl.fused {
        %1 = dl.exp %a : (tensor<4xf32>) -> tensor<4xf32>
        dl.yield %1 : tensor<4xf32>
      } : tensor<4xf32>
      return %0 : tensor<4xf32>
    }
    ```
    becomes
    ```mlir
    func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {
      %0 = dl.dispatch @exp_0(%a) sizes () -> () : (tensor<4xf32>) -> tensor<4xf32>
      return %0 : tensor<4xf32>
    }
    func.func private @exp_0(%a: tensor<4xf32>, %to: tensor<4xf32>) -> tensor<4xf32> attributes {dl.kernel} {
      %0 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
          ins(%a : tensor<4xf32>) outs(%to : tensor<4xf32>) {
      ^bb0(%in: f32, %out: f32):
        %1 = math.exp %in : f32
        linalg.yield %1 : f32
      } -> tensor<4xf32>
      return %0 : tensor<4xf32>
    }
    ```
  }];
  let options = [
    Option<"keepFloat8", "keep-float8", "bool", /*default=*/"false",
           "leave the factors of products of 8-bit floats to the target">
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def DecomposeConvTranspose : Pass<"dl-decompose-conv-transpose"> {
  let summary = "turn transposed convolutions into ordinary ones";
  let description = [{
    One convolution of stride 1 for each remainder of the result's positions by
    the stride; their results are interleaved. With a stride of 1, one
    convolution with the filter reversed.

    Example:
    ```mlir
    %0 = dl.conv_transpose %x, %w {strides = array<i64: 2>, pads_low = array<i64: 0>, dilations = array<i64: 1>} : (tensor<1x4x8xf32>, tensor<4x6x2xf32>) -> tensor<1x6x16xf32>
    ```
    becomes two convolutions with the filter's even and odd elements, of type
    `tensor<1x6x8xf32>` each, then `dl.concat`, `dl.transpose` and `dl.reshape`.
  }];
  let dependentDialects = ["::mlir::dl::DlDialect"];
}

def ExpandWindowScatter : Pass<"dl-expand-window-scatter"> {
  let summary = "let each element gather what windows add to it";
  let description = [{
    `dl.window_scatter` becomes elementwise ops on slices. The number of the place that
    the extreme has in its window is found first; then each element adds the updates of
    the windows that it is in, where it is at their place. With two dimensions before
    those of the window, on channels last.

    Example:
    ```mlir
    %0 = dl.window_scatter max, %x, %u {window = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 1>} : (tensor<4xf32>, tensor<3xf32>) -> tensor<4xf32>
    ```
    becomes
    ```mlir
    %a = dl.slice %x[0] ... : (tensor<4xf32>) -> tensor<3xf32>
    %b = dl.slice %x[1] ... : (tensor<4xf32>) -> tensor<3xf32>
    %c = dl.compare ge, %a, %b : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
    ...
    %p = dl.select %c, %zero, %one : (tensor<3xi1>, tensor<f32>, tensor<f32>) -> tensor<3xf32>
    ```
    and, of `%p` and `%u` with a border, the sum of one `dl.select` for each place.
  }];
}

def FilterGradients : Pass<"dl-filter-gradients"> {
  let summary = "bring gradients of filters into the form that kernels compute well";
  let description = [{
    The border of `dl.conv_filter_gradient` becomes a part of the input, channels go
    last, and columns and channels of a window, which are one run of memory, become the
    columns of a window of one channel: many rows for a block of accumulators, however
    few channels there are.

    Example:
    ```mlir
    %0 = dl.conv_filter_gradient %x, %g {strides = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : (tensor<2x3x8x8xf32>, tensor<2x16x6x6xf32>) -> tensor<16x3x3x3xf32>
    ```
    becomes
    ```mlir
    %1 = dl.transpose %x {permutation = array<i64: 0, 2, 3, 1>} : (tensor<2x3x8x8xf32>) -> tensor<2x8x8x3xf32>
    %2 = dl.transpose %g {permutation = array<i64: 0, 2, 3, 1>} : (tensor<2x16x6x6xf32>) -> tensor<2x6x6x16xf32>
    %3 = dl.reshape %1 : (tensor<2x8x8x3xf32>) -> tensor<2x8x24x1xf32>
    %4 = dl.conv_filter_gradient %3, %2 {channels_last = true, strides = array<i64: 1, 3>, pads_low = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : (tensor<2x8x24x1xf32>, tensor<2x6x6x16xf32>) -> tensor<3x9x1x16xf32>
    %5 = dl.reshape %4 : (tensor<3x9x1x16xf32>) -> tensor<3x3x3x16xf32>
    %0 = dl.transpose %5 {permutation = array<i64: 3, 2, 0, 1>} : (tensor<3x3x3x16xf32>) -> tensor<16x3x3x3xf32>
    ```
  }];
}

def PlaceStates : Pass<"dl-place-states", "::mlir::ModuleOp"> {
  let summary = "let filters that are trained lie as convolutions read them";
  let description = [{
    A parameter that a convolution reads permuted gets that order in memory, and so do the
    slots that an optimizer keeps for it. `order` in `dl.states` tells of it. Updates,
    elementwise, are computed in that order.

    Example: of
    ```mlir
    func.func private @states() -> tensor<8x4x3x3xf32> attributes {dl.states = [{name = "w", role = "parameter"} ]}
    func.func @step(%x: tensor<2x9x9x4xf32>, %w: tensor<8x4x3x3xf32>) -> ... {
      %0 = dl.transpose %w {permutation = array<i64: 2, 3, 1, 0>} : (tensor<8x4x3x3xf32>) -> tensor<3x3x4x8xf32>
      %1 = dl.conv %x, %0 ...
    ```
    the argument `%w` and the result of `@states` become `tensor<3x3x4x8xf32>`, and the
    state `{name = "w", order = array<i64: 2, 3, 1, 0>, role = "parameter"}`.
  }];
}

def KeepCaches : Pass<"dl-keep-caches", "::mlir::ModuleOp"> {
  let summary = "keep the keys and values of attention in states";
  let description = [{
    An input is a cache where an output is that input with new rows behind it: the model
    then leaves it to its caller to hand the one back as the other. The pass finds the
    concatenations, also of a tensor's parts, whatever inputs and outputs are called, and
    gives each a state of `length` rows; `dl.insert` puts the new ones behind those that a
    state `position` counts, which also gives the input's size its value. Input and output
    are gone. So are those of a cache of a fixed size whose elements scatters replace: a
    state as it is. A function without a cache is refused, and so is an input that comes near,
    with the reason.

    With `quantizes`, rows of floats are kept as int8, with a scale for each: the largest
    number, along the last dimension that is not the rows', is 127. Scatters have to replace
    whole rows then.

    Example: of
    ```mlir
    func.func @main(%q: tensor<1x2x1x4xf32>, %k: tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>) -> ... {
      %0 = dl.concat %k, %row {axis = 2 : i64} : ...
      ... uses of %0
      return %r, %0
    ```
    this becomes
    ```mlir
    func.func @main(%q: tensor<1x2x1x4xf32>, %p: tensor<i64>, %k: tensor<1x2x64x4xf32>) -> ... attributes {dl.state_arguments = array<i64: 0, 1>, dl.state_results = array<i64: 0, 1>} {
      %n = dl.reshape %p : (tensor<i64>) -> tensor<1xi64>
      dl.bind %n {symbols = array<i64: 0>, ..} : tensor<1xi64>
      %1 = dl.insert %k, %row {axis = 2 : i64, offset = affine_map<()[s0] -> (s0)>} : ...
      %0 = dl.slice %1 ... : (tensor<1x2x64x4xf32>) -> tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>
      ... uses of %0
      return %r, %next, %1
    ```
  }];
  let options = [
    Option<"length", "length", "int64_t", /*default=*/"2048",
           "rows that a cache has room for">,
    Option<"quantizes", "quantizes", "bool", /*default=*/"false",
           "keep rows of floats as int8 with scales">];
}

#endif // DL_PASSES_TD

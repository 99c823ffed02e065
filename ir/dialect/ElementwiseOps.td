// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_ELEMENTWISE_OPS_TD
#define DL_ELEMENTWISE_OPS_TD

include "ir/dialect/DlBase.td"

// Ops of one form share a class, which also defines their inference and folding.

class Dl_ElementwiseCode<string inference> {
  code definition = [{
    ::llvm::LogicalResult $cppClass::inferReturnTypes(
        ::mlir::MLIRContext *context, std::optional<::mlir::Location> location,
        Adaptor adaptor, ::llvm::SmallVectorImpl<::mlir::Type> &types) {
      ::mlir::dl::Reporter report{location, getOperationName()};
      return ::mlir::dl::}] # inference # [{(report, adaptor.getOperands(), types);
    }
    ::mlir::OpFoldResult $cppClass::fold(FoldAdaptor adaptor) {
      return ::mlir::dl::foldElementwise(getOperation(), adaptor.getOperands());
    }
  }];
}

class Dl_UnaryOp<string mnemonic, string formula, TypeConstraint type,
                 string elementType = "f32", string resultType = elementType>
    : Dl_PureOp<mnemonic, "Elementwise", [Dl_InferTypes]> {
  let summary = formula # ", element by element";
  let description = "Semantics: `result[i] = " # formula # "`.\n\n"
      # "Example: `%r = dl." # mnemonic # " %x : (tensor<4x" # elementType
      # ">) -> tensor<4x" # resultType # ">`";
  let arguments = (ins type:$operand);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
  let extraClassDefinition = Dl_ElementwiseCode<"inferUnary">.definition;
}

class Dl_FloatUnaryOp<string mnemonic, string formula>
    : Dl_UnaryOp<mnemonic, formula, Dl_FloatTensor>;
class Dl_NumberUnaryOp<string mnemonic, string formula>
    : Dl_UnaryOp<mnemonic, formula, Dl_NumberTensor>;

class Dl_TestOp<string mnemonic, string formula>
    : Dl_UnaryOp<mnemonic, formula, Dl_FloatTensor, "f32", "i1"> {
  let results = (outs Dl_BoolTensor:$result);
  let extraClassDefinition = Dl_ElementwiseCode<"inferTest">.definition;
}

def Dl_AbsOp : Dl_NumberUnaryOp<"abs", "|operand[i]|">;
def Dl_NegOp : Dl_NumberUnaryOp<"neg", "-operand[i]">;
def Dl_CeilOp : Dl_FloatUnaryOp<"ceil", "the least integer not below operand[i]">;
def Dl_FloorOp : Dl_FloatUnaryOp<"floor", "the greatest integer not above operand[i]">;
def Dl_RoundOp : Dl_FloatUnaryOp<"round", "operand[i] to the nearest integer, ties to even">;
def Dl_SqrtOp : Dl_FloatUnaryOp<"sqrt", "the square root of operand[i]">;
def Dl_RsqrtOp : Dl_FloatUnaryOp<"rsqrt", "1 / sqrt(operand[i])">;
def Dl_ReciprocalOp : Dl_FloatUnaryOp<"reciprocal", "1 / operand[i]">;
def Dl_ExpOp : Dl_FloatUnaryOp<"exp", "e to the power of operand[i]">;
def Dl_LogOp : Dl_FloatUnaryOp<"log", "the natural logarithm of operand[i]">;
def Dl_SinOp : Dl_FloatUnaryOp<"sin", "sin(operand[i])">;
def Dl_CosOp : Dl_FloatUnaryOp<"cos", "cos(operand[i])">;
def Dl_TanOp : Dl_FloatUnaryOp<"tan", "tan(operand[i])">;
def Dl_AsinOp : Dl_FloatUnaryOp<"asin", "arcsin(operand[i])">;
def Dl_AcosOp : Dl_FloatUnaryOp<"acos", "arccos(operand[i])">;
def Dl_AtanOp : Dl_FloatUnaryOp<"atan", "arctan(operand[i])">;
def Dl_SinhOp : Dl_FloatUnaryOp<"sinh", "sinh(operand[i])">;
def Dl_CoshOp : Dl_FloatUnaryOp<"cosh", "cosh(operand[i])">;
def Dl_AsinhOp : Dl_FloatUnaryOp<"asinh", "arsinh(operand[i])">;
def Dl_AcoshOp : Dl_FloatUnaryOp<"acosh", "arcosh(operand[i])">;
def Dl_AtanhOp : Dl_FloatUnaryOp<"atanh", "artanh(operand[i])">;
def Dl_ErfOp : Dl_FloatUnaryOp<"erf", "the Gauss error function of operand[i]">;
def Dl_TanhOp : Dl_FloatUnaryOp<"tanh", "tanh(operand[i])">;
def Dl_SigmoidOp : Dl_FloatUnaryOp<"sigmoid", "1 / (1 + exp(-operand[i]))">;
def Dl_SignOp : Dl_NumberUnaryOp<"sign", "-1, 0 or 1, the sign of operand[i]">;
def Dl_NotOp : Dl_UnaryOp<"not", "operand[i] with every bit inverted", Dl_IntTensor, "i1">;
def Dl_IsNanOp : Dl_TestOp<"is_nan", "whether operand[i] is not a number">;
def Dl_IsInfOp : Dl_TestOp<"is_inf", "whether operand[i] is infinite"> {
  let arguments = (ins Dl_FloatTensor:$operand,
                   DefaultValuedAttr<BoolAttr, "true">:$positive,
                   DefaultValuedAttr<BoolAttr, "true">:$negative);
}

def Dl_CastOp : Dl_PureOp<"cast", "Elementwise"> {
  let summary = "converts each element to another type";
  let description = [{
    Float to integer truncates toward zero; to bool, whether it is not zero.
    Float to a narrower float rounds to nearest, ties to even; with `saturate`,
    values outside of an 8-bit float's range become its largest; those outside of a
    4-bit float's always do, and of its zeros not-a-number becomes the positive one.
    Without it, they become infinite, or not a number in a format that has no
    infinity. Integer to a
    narrower integer keeps the low bits; bool is 0 or 1. Float to integer outside of
    the integer's range gives an unspecified value. An `approximate` rounding may be
    left out where its result is only extended again, and may round denormals to
    zero: it is there for speed, not because the model asks for it.

    Constraints:
    - (C1) the result has the operand's shape
    - (C2) nothing is rounded to `f8E8M0FNU`
    - (C3) neither type is `!dl.string` or complex

    Example: `%r = dl.cast %x : (tensor<4xi64>) -> tensor<4xf32>`
  }];
  let arguments = (ins Dl_Tensor:$operand,
                   DefaultValuedAttr<BoolAttr, "true">:$saturate,
                   UnitAttr:$approximate);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Dl_BitcastOp : Dl_PureOp<"bitcast", "Elementwise"> {
  let summary = "the same bits as elements of another type";
  let description = [{
    Semantics: `result[i]` has the bits of `operand[i]`.

    Constraints:
    - (C1) the result has the operand's shape
    - (C2) the element types have as many bits, more than one

    Example: `%r = dl.bitcast %x : (tensor<4xf32>) -> tensor<4xi32>`
  }];
  let arguments = (ins Dl_Tensor:$operand);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

class Dl_BinaryOp<string mnemonic, string formula, list<Trait> traits = [],
                  TypeConstraint type = Dl_NumberTensor, string element = "f32">
    : Dl_PureOp<mnemonic, "Elementwise", !listconcat([Dl_InferTypes], traits)> {
  let summary = formula # ", element by element";
  let description = "Semantics: `result[i] = " # formula # "`. Operands are broadcast as "
      # "numpy does: aligned at the last dimension, a dimension of 1 is repeated.\n\n"
      # "Constraints:\n"
      # "- (C1) the operands have one element type\n"
      # "- (C2) the operands' shapes broadcast\n\n"
      # "Example: `%r = dl." # mnemonic # " %a, %b : (tensor<2x3x" # element
      # ">, tensor<3x" # element # ">) -> tensor<2x3x" # element # ">`";
  let arguments = (ins type:$lhs, type:$rhs);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
  let extraClassDefinition = Dl_ElementwiseCode<"inferBinary">.definition;
}

class Dl_BitwiseOp<string mnemonic, string formula, list<Trait> traits = []>
    : Dl_BinaryOp<mnemonic, formula, traits, Dl_IntTensor, "i32">;

def Dl_AddOp : Dl_BinaryOp<"add", "lhs[i] + rhs[i]", [Commutative]>;
def Dl_SubOp : Dl_BinaryOp<"sub", "lhs[i] - rhs[i]">;
def Dl_MulOp : Dl_BinaryOp<"mul", "lhs[i] * rhs[i]", [Commutative]>;
def Dl_DivOp : Dl_BinaryOp<"div", "lhs[i] / rhs[i] (integers: toward zero)">;
def Dl_ModOp : Dl_BinaryOp<"mod", "lhs[i] modulo rhs[i]"> {
  let description = [{
    The sign of the result is that of `rhs`, or, with `fmod`, that of `lhs`.
    Operands are broadcast as in `dl.add`.

    Constraints:
    - (C1) the operands have one element type
    - (C2) the operands' shapes broadcast

    Example: `%r = dl.mod %a, %b : (tensor<3xi64>, tensor<3xi64>) -> tensor<3xi64>`
  }];
  let arguments = (ins Dl_NumberTensor:$lhs, Dl_NumberTensor:$rhs,
                   DefaultValuedAttr<BoolAttr, "false">:$fmod);
}
def Dl_PowOp : Dl_BinaryOp<"pow", "lhs[i] to the power of rhs[i]">;
def Dl_MaxOp : Dl_BinaryOp<"max", "the larger of lhs[i] and rhs[i], NaN if one is NaN", [Commutative]>;
def Dl_MinOp : Dl_BinaryOp<"min", "the smaller of lhs[i] and rhs[i], NaN if one is NaN", [Commutative]>;
def Dl_AndOp : Dl_BitwiseOp<"and", "lhs[i] & rhs[i]", [Commutative]>;
def Dl_OrOp : Dl_BitwiseOp<"or", "lhs[i] | rhs[i]", [Commutative]>;
def Dl_XorOp : Dl_BitwiseOp<"xor", "lhs[i] ^ rhs[i]", [Commutative]>;
def Dl_ShlOp : Dl_BitwiseOp<"shl", "lhs[i] << rhs[i]">;
def Dl_ShrOp : Dl_BitwiseOp<"shr", "lhs[i] >> rhs[i] (signed: keeping the sign)">;

def Dl_CompareOp : Dl_PureOp<"compare", "Elementwise", [Dl_InferTypes]> {
  let summary = "compares element by element";
  let description = [{
    Operands are broadcast as in `dl.add`; the result is bool. With a NaN, all
    predicates but `ne` are false. Of bools, false is less than true.

    Constraints:
    - (C1) the operands have one element type
    - (C2) the operands' shapes broadcast
    - (C3) of strings, the predicate is `eq` or `ne`; complex numbers are not compared

    Example: `%r = dl.compare lt, %a, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>`
  }];
  let arguments = (ins Dl_PredicateAttr:$predicate, Dl_Tensor:$lhs, Dl_Tensor:$rhs);
  let results = (outs Dl_BoolTensor:$result);
  let assemblyFormat = "$predicate `,` $lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
  let hasVerifier = 1;
  let extraClassDefinition = Dl_ElementwiseCode<"inferCompare">.definition;
}

def Dl_SelectOp : Dl_PureOp<"select", "Elementwise", [Dl_InferTypes]> {
  let summary = "takes each element from one of two tensors";
  let description = [{
    Semantics: `result[i] = condition[i] ? on_true[i] : on_false[i]`, operands
    broadcast as in `dl.add`.

    Constraints:
    - (C1) `on_true` and `on_false` have one element type
    - (C2) the operands' shapes broadcast

    Example: `%r = dl.select %c, %a, %b : (tensor<4xi1>, tensor<4xf32>, tensor<f32>) -> tensor<4xf32>`
  }];
  let arguments = (ins Dl_BoolTensor:$condition, Dl_Tensor:$on_true, Dl_Tensor:$on_false);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

#endif // DL_ELEMENTWISE_OPS_TD

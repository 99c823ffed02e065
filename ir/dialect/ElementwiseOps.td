// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_ELEMENTWISE_OPS_TD
#define DL_ELEMENTWISE_OPS_TD

include "ir/dialect/DlBase.td"

// Integers are signless (signed) or unsigned (ui8 ... ui64); bool is i1.

class Dl_UnaryOp<string mnemonic, string formula, list<Trait> traits = []>
    : Dl_PureOp<mnemonic, "Elementwise", !listconcat([Dl_InferTypes], traits)> {
  let summary = formula # ", element by element";
  let arguments = (ins Dl_Tensor:$operand);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let description = "Semantics: `result[i] = " # formula # "`.\n\n"
      # "Example: `%r = dl." # mnemonic # " %x : (tensor<4xf32>) -> tensor<4xf32>`";
}

def Dl_AbsOp : Dl_UnaryOp<"abs", "|operand[i]|">;
def Dl_NegOp : Dl_UnaryOp<"neg", "-operand[i]"> { let hasFolder = 1; }
def Dl_CeilOp : Dl_UnaryOp<"ceil", "the least integer not below operand[i]">;
def Dl_FloorOp : Dl_UnaryOp<"floor", "the greatest integer not above operand[i]">;
def Dl_RoundOp : Dl_UnaryOp<"round", "operand[i] to the nearest integer, ties to even">;
def Dl_SqrtOp : Dl_UnaryOp<"sqrt", "the square root of operand[i]">;
def Dl_RsqrtOp : Dl_UnaryOp<"rsqrt", "1 / sqrt(operand[i])">;
def Dl_ReciprocalOp : Dl_UnaryOp<"reciprocal", "1 / operand[i]">;
def Dl_ExpOp : Dl_UnaryOp<"exp", "e to the power of operand[i]">;
def Dl_LogOp : Dl_UnaryOp<"log", "the natural logarithm of operand[i]">;
def Dl_SinOp : Dl_UnaryOp<"sin", "sin(operand[i])">;
def Dl_CosOp : Dl_UnaryOp<"cos", "cos(operand[i])">;
def Dl_TanOp : Dl_UnaryOp<"tan", "tan(operand[i])">;
def Dl_AsinOp : Dl_UnaryOp<"asin", "arcsin(operand[i])">;
def Dl_AcosOp : Dl_UnaryOp<"acos", "arccos(operand[i])">;
def Dl_AtanOp : Dl_UnaryOp<"atan", "arctan(operand[i])">;
def Dl_SinhOp : Dl_UnaryOp<"sinh", "sinh(operand[i])">;
def Dl_CoshOp : Dl_UnaryOp<"cosh", "cosh(operand[i])">;
def Dl_AsinhOp : Dl_UnaryOp<"asinh", "arsinh(operand[i])">;
def Dl_AcoshOp : Dl_UnaryOp<"acosh", "arcosh(operand[i])">;
def Dl_AtanhOp : Dl_UnaryOp<"atanh", "artanh(operand[i])">;
def Dl_ErfOp : Dl_UnaryOp<"erf", "the Gauss error function of operand[i]">;
def Dl_TanhOp : Dl_UnaryOp<"tanh", "tanh(operand[i])">;
def Dl_SigmoidOp : Dl_UnaryOp<"sigmoid", "1 / (1 + exp(-operand[i]))">;
def Dl_SignOp : Dl_UnaryOp<"sign", "-1, 0 or 1, the sign of operand[i]">;
def Dl_NotOp : Dl_UnaryOp<"not", "operand[i] with every bit inverted">;
def Dl_IsNanOp : Dl_UnaryOp<"is_nan", "whether operand[i] is not a number">;
def Dl_IsInfOp : Dl_UnaryOp<"is_inf", "whether operand[i] is infinite"> {
  let arguments = (ins Dl_Tensor:$operand,
                   DefaultValuedAttr<BoolAttr, "true">:$positive,
                   DefaultValuedAttr<BoolAttr, "true">:$negative);
}

def Dl_CastOp : Dl_PureOp<"cast", "Elementwise"> {
  let summary = "converts each element to another type";
  let description = [{
    Float to integer truncates toward zero; to bool, whether it is not zero.
    Float to a narrower float rounds to nearest, ties to even; with `saturate`,
    values outside of an 8-bit float's range become its largest.

    Example: `%r = dl.cast %x : (tensor<4xi64>) -> tensor<4xf32>`
  }];
  let arguments = (ins Dl_Tensor:$operand,
                   DefaultValuedAttr<BoolAttr, "true">:$saturate);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

class Dl_BinaryOp<string mnemonic, string formula, list<Trait> traits = []>
    : Dl_PureOp<mnemonic, "Elementwise", !listconcat([Dl_InferTypes], traits)> {
  let summary = formula # ", element by element";
  let arguments = (ins Dl_Tensor:$lhs, Dl_Tensor:$rhs);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
  let description = "Semantics: `result[i] = " # formula # "`. Operands are broadcast as "
      # "numpy does: aligned at the last dimension, a dimension of 1 is repeated.\n\n"
      # "Example: `%r = dl." # mnemonic
      # " %a, %b : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>`";
}

def Dl_AddOp : Dl_BinaryOp<"add", "lhs[i] + rhs[i]", [Commutative]> { let hasFolder = 1; }
def Dl_SubOp : Dl_BinaryOp<"sub", "lhs[i] - rhs[i]"> { let hasFolder = 1; }
def Dl_MulOp : Dl_BinaryOp<"mul", "lhs[i] * rhs[i]", [Commutative]> { let hasFolder = 1; }
def Dl_DivOp : Dl_BinaryOp<"div", "lhs[i] / rhs[i] (integers: toward zero)"> { let hasFolder = 1; }
def Dl_ModOp : Dl_BinaryOp<"mod", "lhs[i] modulo rhs[i]"> {
  let arguments = (ins Dl_Tensor:$lhs, Dl_Tensor:$rhs,
                   DefaultValuedAttr<BoolAttr, "false">:$fmod);
  let description = [{
    The sign of the result is that of `rhs`, or, with `fmod`, that of `lhs`.

    Example: `%r = dl.mod %a, %b : (tensor<3xi64>, tensor<3xi64>) -> tensor<3xi64>`
  }];
  let hasFolder = 1;
}
def Dl_PowOp : Dl_BinaryOp<"pow", "lhs[i] to the power of rhs[i]">;
def Dl_MaxOp : Dl_BinaryOp<"max", "the larger of lhs[i] and rhs[i], NaN if one is NaN", [Commutative]> { let hasFolder = 1; }
def Dl_MinOp : Dl_BinaryOp<"min", "the smaller of lhs[i] and rhs[i], NaN if one is NaN", [Commutative]> { let hasFolder = 1; }
def Dl_AndOp : Dl_BinaryOp<"and", "lhs[i] & rhs[i]", [Commutative]>;
def Dl_OrOp : Dl_BinaryOp<"or", "lhs[i] | rhs[i]", [Commutative]>;
def Dl_XorOp : Dl_BinaryOp<"xor", "lhs[i] ^ rhs[i]", [Commutative]>;
def Dl_ShlOp : Dl_BinaryOp<"shl", "lhs[i] << rhs[i]">;
def Dl_ShrOp : Dl_BinaryOp<"shr", "lhs[i] >> rhs[i]">;

def Dl_CompareOp : Dl_PureOp<"compare", "Elementwise", [Dl_InferTypes]> {
  let summary = "compares element by element";
  let description = [{
    Operands are broadcast as in `dl.add`; the result is bool. With a NaN, all
    predicates but `ne` are false.

    Example: `%r = dl.compare lt, %a, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>`
  }];
  let arguments = (ins Dl_PredicateAttr:$predicate, Dl_Tensor:$lhs, Dl_Tensor:$rhs);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "$predicate `,` $lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def Dl_SelectOp : Dl_PureOp<"select", "Elementwise", [Dl_InferTypes]> {
  let summary = "takes each element from one of two tensors";
  let description = [{
    Semantics: `result[i] = condition[i] ? on_true[i] : on_false[i]`, operands
    broadcast as in `dl.add`.

    Example: `%r = dl.select %c, %a, %b : (tensor<4xi1>, tensor<4xf32>, tensor<f32>) -> tensor<4xf32>`
  }];
  let arguments = (ins Dl_Tensor:$condition, Dl_Tensor:$on_true, Dl_Tensor:$on_false);
  let results = (outs Dl_Tensor:$result);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

#endif // DL_ELEMENTWISE_OPS_TD

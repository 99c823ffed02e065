// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_BASE_TD
#define DL_BASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/TensorEncoding.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"

def Dl_Dialect : Dialect {
  let name = "dl";
  let cppNamespace = "::mlir::dl";
  let summary = "normalized operations of deep-learning models";
  let description = [{
    Tensors are builtin ranked tensors. A tensor type with a dynamic dimension
    carries a `#dl.dims` encoding, which gives each dimension as an expression
    over the symbols of the enclosing function (its `dl.symbols` attribute).

    (D1) Each operand of an op whose result type or verifier depends on shapes has
    known dimensions: static, or given by `#dl.dims`.

    Integers are signless, which means signed, or unsigned (`ui8` ... `ui64`); bool
    is `i1`. Integer arithmetic wraps. An integer divided by zero gives an
    unspecified value, and so does a shift by the element's width or more; neither
    traps. Strings (`!dl.string`) are moved, chosen and compared for equality like any
    other elements; complex numbers (`complex<f32>`, `complex<f64>`) are moved and
    chosen, and nothing else. Constraints are labelled in each op's text, its messages and tests.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect"];
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

def Dl_StringType : TypeDef<Dl_Dialect, "String"> {
  let mnemonic = "string";
  let summary = "a string of bytes, of any length";
  let description = [{
    An element type. A constant is `dense<["a", "b"]> : tensor<2x!dl.string>`. Text is
    UTF-8 where an op looks into it.
  }];
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

class Dl_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Dl_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def Dl_DimsAttr : Dl_Attr<"Dims", "dims",
    [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "dimensions of a tensor as expressions over symbols";
  let description = [{
    The map has no dimensions, one result for each dimension of the tensor, and
    as many symbols as the highest symbol that occurs, plus one, so that equal
    types are equal attributes. Symbol i is the i-th name in `dl.symbols`. Every
    symbol is non-negative.

    Example: `tensor<?x64xf32, #dl.dims<()[s0, s1] -> (s0 + s1, 64)>>`
  }];
  let parameters = (ins "::mlir::AffineMap":$map);
  let hasCustomAssemblyFormat = 1;
}

def Dl_SizeValuesAttr : Dl_Attr<"SizeValues", "size_values"> {
  let summary = "values of an integer tensor as expressions over symbols";
  let description = [{
    The constant form of `dl.sizes`: result i of the map is element i.
  }];
  let parameters = (ins "::mlir::AffineMap":$map);
  let hasCustomAssemblyFormat = 1;
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

class Dl_Type<string name, string typeMnemonic> : TypeDef<Dl_Dialect, name> {
  let mnemonic = typeMnemonic;
  let genVerifyDecl = 1;
}

def Dl_SequenceType : Dl_Type<"Sequence", "sequence"> {
  let summary = "any number of tensors, which only the running program knows";
  let description = [{
    Each element has the element type, and the rank and static sizes where the
    tensor type has them; it has no `#dl.dims`, for elements may differ in shape.

    Example: `!dl.sequence<tensor<?x3xf32>>`, `!dl.sequence<tensor<*xf32>>`
  }];
  let parameters = (ins "::mlir::TensorType":$elementType);
  let assemblyFormat = "`<` $elementType `>`";
}

def Dl_OptionalType : Dl_Type<"Optional", "optional"> {
  let summary = "a tensor or a sequence, or nothing";
  let description = [{
    A tensor type is as in a sequence.

    Example: `!dl.optional<tensor<4xf32>>`
  }];
  let parameters = (ins "::mlir::Type":$valueType);
  let assemblyFormat = "`<` $valueType `>`";
}

class Dl_Enum<string name, string summary, list<I32EnumCase> cases>
    : I32Enum<name, summary, cases> {
  let cppNamespace = "::mlir::dl";
}
class Dl_EnumAttr<EnumInfo info, string mnemonic>
    : EnumAttr<Dl_Dialect, info, mnemonic>;

def Dl_FusionKind : Dl_Enum<"FusionKind", "how an op may take part in fusion", [
    I32EnumCase<"Elementwise", 0, "elementwise">,
    I32EnumCase<"Movement", 1, "movement">,
    I32EnumCase<"Reduction", 2, "reduction">,
    I32EnumCase<"Contraction", 3, "contraction">,
    I32EnumCase<"Opaque", 4, "opaque">]>;

def Dl_ReduceKind : Dl_Enum<"ReduceKind", "combining function of a reduction", [
    I32EnumCase<"Sum", 0, "sum">, I32EnumCase<"Prod", 1, "prod">,
    I32EnumCase<"Max", 2, "max">, I32EnumCase<"Min", 3, "min">]>;
def Dl_ReduceKindAttr : Dl_EnumAttr<Dl_ReduceKind, "reduce_kind">;

def Dl_ScatterKind : Dl_Enum<"ScatterKind", "what a scatter does to an element", [
    I32EnumCase<"Set", 0, "set">, I32EnumCase<"Add", 1, "add">,
    I32EnumCase<"Mul", 2, "mul">, I32EnumCase<"Max", 3, "max">,
    I32EnumCase<"Min", 4, "min">]>;
def Dl_ScatterKindAttr : Dl_EnumAttr<Dl_ScatterKind, "scatter_kind">;

def Dl_Predicate : Dl_Enum<"Predicate", "predicate of a comparison", [
    I32EnumCase<"Eq", 0, "eq">, I32EnumCase<"Ne", 1, "ne">,
    I32EnumCase<"Lt", 2, "lt">, I32EnumCase<"Le", 3, "le">,
    I32EnumCase<"Gt", 4, "gt">, I32EnumCase<"Ge", 5, "ge">]>;
def Dl_PredicateAttr : Dl_EnumAttr<Dl_Predicate, "predicate">;

def Dl_PadMode : Dl_Enum<"PadMode", "what fills the border of a padded tensor", [
    I32EnumCase<"Constant", 0, "constant">, I32EnumCase<"Edge", 1, "edge">,
    I32EnumCase<"Reflect", 2, "reflect">, I32EnumCase<"Wrap", 3, "wrap">]>;
def Dl_PadModeAttr : Dl_EnumAttr<Dl_PadMode, "pad_mode">;

//===----------------------------------------------------------------------===//
// Interfaces and op classes
//===----------------------------------------------------------------------===//

def Dl_FusionInterface : OpInterface<"FusionInterface"> {
  let cppNamespace = "::mlir::dl";
  let description = [{
    Tells fusion what kind of op this is; fusion asks nothing else about an op's
    name. Opaque ops are never fused.
  }];
  let methods = [InterfaceMethod<
    "The kind of this op.", "::mlir::dl::FusionKind", "getFusionKind">];
}

def Dl_BindingInterface : OpInterface<"BindingInterface"> {
  let cppNamespace = "::mlir::dl";
  let description = [{
    An op that gives symbols their values: ops that come later, in the same region
    or in regions within it, may use them.
  }];
  let methods = [InterfaceMethod<
    "The symbols.", "::llvm::ArrayRef<int64_t>", "getBoundSymbols", (ins), [{}],
    [{ return $_op.getSymbols(); }]>];
}

class Dl_Fusion<string kind> : TraitList<[
    DeclareOpInterfaceMethods<Dl_FusionInterface>,
    NativeOpTrait<"Fusion" # kind, [], [{}], [{
      ::mlir::dl::FusionKind $cppClass::getFusionKind() {
        return ::mlir::dl::FusionKind::}] # kind # [{;
      }
    }]>]>;

// Result types follow from operands and attributes; a result type in the text may
// be less precise than the inferred one, never contradict it.
def Dl_InferTypes : InferTypeOpAdaptorBase<[{
    static bool isCompatibleReturnTypes(::mlir::TypeRange l,
                                        ::mlir::TypeRange r) {
      return ::mlir::dl::areCompatible(l, r);
    }
}]>;

class Dl_Op<string mnemonic, list<Trait> traits = []>
    : Op<Dl_Dialect, mnemonic, traits>;

class Dl_PureOp<string mnemonic, string fusion, list<Trait> traits = []>
    : Dl_Op<mnemonic, !listconcat([Pure, Dl_Fusion<fusion>], traits)>;

def Dl_Tensor : AnyTypeOf<[AnyRankedTensor], "ranked tensor",
                          "::mlir::RankedTensorType">;
def Dl_IntTensor : RankedTensorOf<[AnySignlessInteger, AnyUnsignedInteger]>;
def Dl_FloatTensor : RankedTensorOf<[AnyFloat]>;
def Dl_BoolTensor : RankedTensorOf<[I1]>;
def Dl_StringTensor : RankedTensorOf<[Dl_StringType]>;
def Dl_Number
    : Type<And<[AnyTypeOf<[AnyFloat, AnySignlessInteger, AnyUnsignedInteger]>.predicate,
                Neg<I1.predicate>]>, "float or integer wider than bool">;
def Dl_NumberTensor : RankedTensorOf<[Dl_Number]>;
def Dl_Sequence : Type<CPred<"::llvm::isa<::mlir::dl::SequenceType>($_self)">,
                       "sequence", "::mlir::dl::SequenceType">;
def Dl_Optional : Type<CPred<"::llvm::isa<::mlir::dl::OptionalType>($_self)">,
                       "optional", "::mlir::dl::OptionalType">;
def Dl_Value : AnyTypeOf<[AnyRankedTensor, Dl_Sequence, Dl_Optional],
                         "tensor, sequence or optional">;
def Dl_IndexScalar : 0DTensorOf<[I64]>;
def Dl_BoolScalar : 0DTensorOf<[I1]>;

#endif // DL_BASE_TD

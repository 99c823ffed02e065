// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Types.h"
#include "ir/dialect/Dialect.h"
#include "ir/dialect/Dims.h"
#include "runtime/artifact/module_generated.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace dl::package;
using dlrt::fb::ElementType;

static ElementType getIntegerElement(mlir::IntegerType type) {
  bool isUnsigned = type.isUnsigned();
  switch (type.getWidth()) {
  case 1:
    return dlrt::fb::ElementType_Bool;
  case 2:
    return isUnsigned ? dlrt::fb::ElementType_U2 : dlrt::fb::ElementType_I2;
  case 4:
    return isUnsigned ? dlrt::fb::ElementType_U4 : dlrt::fb::ElementType_I4;
  case 8:
    return isUnsigned ? dlrt::fb::ElementType_U8 : dlrt::fb::ElementType_I8;
  case 16:
    return isUnsigned ? dlrt::fb::ElementType_U16 : dlrt::fb::ElementType_I16;
  case 32:
    return isUnsigned ? dlrt::fb::ElementType_U32 : dlrt::fb::ElementType_I32;
  case 64:
    return isUnsigned ? dlrt::fb::ElementType_U64 : dlrt::fb::ElementType_I64;
  case 128: // as which complex numbers are moved
    return dlrt::fb::ElementType_C128;
  default:
    return dlrt::fb::ElementType_None;
  }
}

uint8_t dl::package::getElementNumber(mlir::Type type) {
  using namespace mlir;
  return llvm::TypeSwitch<Type, ElementType>(type)
      .Case<IntegerType>([](auto t) { return getIntegerElement(t); })
      .Case<Float32Type>([](auto) { return dlrt::fb::ElementType_F32; })
      .Case<Float64Type>([](auto) { return dlrt::fb::ElementType_F64; })
      .Case<Float16Type>([](auto) { return dlrt::fb::ElementType_F16; })
      .Case<BFloat16Type>([](auto) { return dlrt::fb::ElementType_BF16; })
      .Case<Float8E4M3FNType>(
          [](auto) { return dlrt::fb::ElementType_F8E4M3FN; })
      .Case<Float8E4M3FNUZType>(
          [](auto) { return dlrt::fb::ElementType_F8E4M3FNUZ; })
      .Case<Float8E5M2Type>([](auto) { return dlrt::fb::ElementType_F8E5M2; })
      .Case<Float8E5M2FNUZType>(
          [](auto) { return dlrt::fb::ElementType_F8E5M2FNUZ; })
      .Case<Float8E8M0FNUType>(
          [](auto) { return dlrt::fb::ElementType_F8E8M0; })
      .Case<Float4E2M1FNType>([](auto) { return dlrt::fb::ElementType_F4E2M1; })
      .Case<mlir::dl::StringType>(
          [](auto) { return dlrt::fb::ElementType_String; })
      .Case<ComplexType>([](ComplexType t) {
        return t.getElementType().isF32()   ? dlrt::fb::ElementType_C64
               : t.getElementType().isF64() ? dlrt::fb::ElementType_C128
                                            : dlrt::fb::ElementType_None;
      })
      .Default([](Type) { return dlrt::fb::ElementType_None; });
}

unsigned dl::package::getElementBits(mlir::Type type) {
  if (auto complex = mlir::dyn_cast<mlir::ComplexType>(type))
    return 2 * complex.getElementType().getIntOrFloatBitWidth();
  if (!type.isIntOrFloat())
    return 0;
  return std::max(8u, type.getIntOrFloatBitWidth());
}

uint64_t dl::package::getByteSize(mlir::Type elementType, int64_t elements) {
  return llvm::divideCeil(
      static_cast<uint64_t>(elements) * getElementBits(elementType), 8);
}

mlir::AffineExpr dl::package::getSliceOffset(mlir::dl::SliceOp op) {
  auto from = mlir::cast<mlir::RankedTensorType>(op.getOperand().getType()),
       to = mlir::cast<mlir::RankedTensorType>(op.getType());
  unsigned rank = from.getRank(), first = 0;
  while (first < rank && mlir::dl::getDim(to, first) == 1)
    ++first;
  bool contiguous = getElementBits(from.getElementType()) >= 8;
  for (unsigned d = first + 1; d < rank; ++d)
    contiguous &= mlir::dl::provablyEqual(mlir::dl::getDim(from, d),
                                          mlir::dl::getDim(to, d));
  if (!contiguous || (first < rank && op.getStrides()[first] != 1))
    return {};
  mlir::AffineExpr offset = mlir::getAffineConstantExpr(0, op->getContext());
  mlir::AffineExpr stride = mlir::getAffineConstantExpr(1, op->getContext());
  for (unsigned d = rank; d-- > 0;) {
    offset = offset + op.getOffsets().getResult(d) * stride;
    stride = stride * mlir::dl::getDim(from, d);
  }
  return mlir::dl::simplify(offset);
}

/// `built`: parts of the expression, which may occur many times.
static FormulaId toFormula(mlir::AffineExpr expr, Formulas &formulas,
                           llvm::ArrayRef<FormulaId> dims,
                           llvm::ArrayRef<FormulaId> symbols,
                           llvm::DenseMap<mlir::AffineExpr, FormulaId> &built) {
  using mlir::AffineExprKind;
  switch (expr.getKind()) {
  case AffineExprKind::Constant:
    return formulas.constant(
        mlir::cast<mlir::AffineConstantExpr>(expr).getValue());
  case AffineExprKind::SymbolId:
    return symbols[mlir::cast<mlir::AffineSymbolExpr>(expr).getPosition()];
  case AffineExprKind::DimId:
    return dims[mlir::cast<mlir::AffineDimExpr>(expr).getPosition()];
  default:
    break;
  }
  if (auto known = built.find(expr); known != built.end())
    return known->second;
  auto binary = mlir::cast<mlir::AffineBinaryOpExpr>(expr);
  FormulaId a = toFormula(binary.getLHS(), formulas, dims, symbols, built);
  FormulaId b = toFormula(binary.getRHS(), formulas, dims, symbols, built);
  auto combine = [&] {
    switch (expr.getKind()) {
    case AffineExprKind::Add:
      return formulas.add(a, b);
    case AffineExprKind::Mul:
      return formulas.mul(a, b);
    case AffineExprKind::FloorDiv:
      return formulas.floorDiv(a, b);
    case AffineExprKind::CeilDiv:
      return formulas.ceilDiv(a, b);
    default:
      return formulas.mod(a, b);
    }
  };
  return built[expr] = combine();
}

FormulaId dl::package::toFormula(mlir::AffineExpr expr, Formulas &formulas,
                                 llvm::ArrayRef<FormulaId> dims,
                                 llvm::ArrayRef<FormulaId> symbols) {
  llvm::DenseMap<mlir::AffineExpr, FormulaId> built;
  return ::toFormula(expr, formulas, dims, symbols, built);
}

FormulaId TypeFormulas::getDim(mlir::RankedTensorType type, unsigned i) {
  return get(mlir::dl::getDim(type, i));
}

FormulaId TypeFormulas::getBytes(mlir::RankedTensorType type) {
  return getBytes(type.getElementType(), get(mlir::dl::getNumElements(type)));
}

FormulaId TypeFormulas::getBytes(mlir::Type elementType, FormulaId elements) {
  return formulas->scale(elements, getElementBits(elementType) / 8);
}

TensorDesc TypeFormulas::getDesc(mlir::RankedTensorType type) {
  TensorDesc desc{getElementNumber(type.getElementType()), {}};
  for (unsigned i = 0; i < type.getRank(); ++i)
    desc.dims.push_back(getDim(type, i));
  return desc;
}

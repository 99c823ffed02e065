// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/MatrixOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace ::dl::ptx;
using mlir::dl::cpu::ElementEmitter;

/// Pairs of bf16 are integers to the operations, those of f16 vectors.
Value MatrixOps::toRegister(Value bits) {
  Type type = factorType.isF16()
                  ? Type(VectorType::get({2}, builder.getF16Type()))
                  : Type(builder.getI32Type());
  return bits.getType() == type
             ? bits
             : LLVM::BitcastOp::create(builder, loc, type, bits).getResult();
}

SmallVector<Value> MatrixOps::load(Value address, bool transposed) {
  MLIRContext *context = builder.getContext();
  Type i32 = builder.getI32Type();
  Type result = LLVM::LLVMStructType::getLiteral(context, {i32, i32, i32, i32});
  Value loaded = NVVM::LdMatrixOp::create(
      builder, loc, result, address, /*num=*/4,
      transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(context, 8, 8),
      NVVM::LdStMatrixEltType::B16);
  SmallVector<Value> registers;
  for (int64_t i = 0; i < 4; ++i)
    registers.push_back(
        toRegister(LLVM::ExtractValueOp::create(builder, loc, loaded, i)));
  if (factorType.isF32())
    for (Value &bits : registers)
      bits = roundTf32(
          arith::BitcastOp::create(builder, loc, builder.getF32Type(), bits));
  return registers;
}

/// The operation of MLIR has no types of 8-bit floats.
Value MatrixOps::multiplyFloat8(ArrayRef<Value> a, ArrayRef<Value> b,
                                ArrayRef<Value> c, Type result) {
  std::string type = isa<Float8E5M2Type>(factorType) ? "e5m2" : "e4m3";
  std::string text = "mma.sync.aligned.m16n8k32.row.col.f32." + type + "." +
                     type +
                     ".f32 {$0, $1, $2, $3}, {$4, $5, $6, $7}, {$8, $9}, "
                     "{$10, $11, $12, $13};";
  SmallVector<Value> operands(a);
  llvm::append_range(operands, b);
  llvm::append_range(operands, c);
  return LLVM::InlineAsmOp::create(
             builder, loc, result, operands, text,
             "=f,=f,=f,=f,r,r,r,r,r,r,f,f,f,f", /*has_side_effects=*/false,
             /*is_align_stack=*/false, LLVM::tailcallkind::TailCallKind::None,
             LLVM::AsmDialectAttr::get(builder.getContext(),
                                       LLVM::AsmDialect::AD_ATT),
             ArrayAttr())
      .getResult(0);
}

NVVM::MMATypes MatrixOps::getType(bool isUnsigned) const {
  if (factorType.isInteger())
    return isUnsigned ? NVVM::MMATypes::u8 : NVVM::MMATypes::s8;
  return factorType.isF16()   ? NVVM::MMATypes::f16
         : factorType.isF32() ? NVVM::MMATypes::tf32
                              : NVVM::MMATypes::bf16;
}

Type MatrixOps::getSumsType() const {
  Type sum = factorType.isInteger() ? Type(builder.getI32Type())
                                    : builder.getF32Type();
  return LLVM::LLVMStructType::getLiteral(builder.getContext(),
                                          {sum, sum, sum, sum});
}

SmallVector<Value> MatrixOps::getSums(Value structure) {
  SmallVector<Value> values;
  for (int64_t i = 0; i < 4; ++i)
    values.push_back(LLVM::ExtractValueOp::create(builder, loc, structure, i));
  return values;
}

/// What the operations say of integers alone.
static std::optional<NVVM::MMAIntOverflow> getOverflow(Type factorType) {
  if (factorType.isInteger())
    return NVVM::MMAIntOverflow::wrapped;
  return std::nullopt;
}

SmallVector<Value> MatrixOps::multiplyAdd(ArrayRef<Value> a, ArrayRef<Value> b,
                                          ArrayRef<Value> c) {
  if (isFloat8(factorType))
    return getSums(multiplyFloat8(a, b, c, getSumsType()));
  int64_t depth = factorType.isInteger() ? 2 * kDepth
                  : factorType.isF32()   ? kDepth / 2
                                         : kDepth;
  return getSums(NVVM::MmaOp::create(
      builder, loc, getSumsType(), a, b, c,
      ArrayRef<int64_t>{kRows, kColumns, depth}, std::nullopt,
      getOverflow(factorType),
      std::array{getType(isUnsignedLeft), getType(isUnsignedRight)},
      std::array{NVVM::MMALayout::row, NVVM::MMALayout::col}));
}

SmallVector<Value>
MatrixOps::multiplyAddSparse(ArrayRef<Value> a, ArrayRef<Value> b,
                             ArrayRef<Value> c, Value metadata,
                             int64_t selector, bool isOrdered) {
  int64_t depth = factorType.isInteger() ? 4 * kDepth : 2 * kDepth;
  Value chosen = arith::ConstantOp::create(
      builder, loc, builder.getI32IntegerAttr(static_cast<int32_t>(selector)));
  auto sums = NVVM::MmaSpOp::create(
      builder, loc, getSumsType(), a, b, c, metadata, chosen,
      ArrayRef<int64_t>{kRows, kColumns, depth}, getOverflow(factorType),
      std::array{getType(isUnsignedRight), getType(isUnsignedLeft)});
  sums.setOrderedMetadata(isOrdered);
  return getSums(sums);
}

/// To nearest; what the tensor cores do by themselves is to cut bits off.
Value MatrixOps::roundTf32(Value value) {
  return NVVM::ConvertFloatToTF32Op::create(builder, loc, builder.getI32Type(),
                                            value, NVVM::FPRoundingMode::RNA);
}

/// Pairs first, then pairs of these.
SmallVector<Value> MatrixOps::transposeBytes(ArrayRef<Value> words) {
  constexpr int32_t kLowBytes = 0x5140, kHighBytes = 0x7362, kLowPairs = 0x5410,
                    kHighPairs = 0x7632;
  auto permute = [&](Value low, Value high, int32_t selector) -> Value {
    return NVVM::PermuteOp::create(
        builder, loc, builder.getI32Type(), low, high,
        arith::ConstantOp::create(builder, loc,
                                  builder.getI32IntegerAttr(selector)),
        NVVM::PermuteMode::DEFAULT);
  };
  Value pairs[] = {permute(words[0], words[1], kLowBytes),
                   permute(words[2], words[3], kLowBytes),
                   permute(words[0], words[1], kHighBytes),
                   permute(words[2], words[3], kHighBytes)};
  SmallVector<Value> columns;
  for (size_t half : {0, 2})
    for (int32_t selector : {kLowPairs, kHighPairs})
      columns.push_back(permute(pairs[half], pairs[half + 1], selector));
  return columns;
}

Value MatrixOps::readBlock(
    ElementEmitter &fours, OpOperand *operand,
    function_ref<mlir::dl::cpu::Position(int64_t)> getDims) {
  auto op = cast<linalg::GenericOp>(operand->getOwner());
  AffineMap map = op.getMatchingIndexingMap(operand);
  Type i32 = builder.getI32Type();
  SmallVector<Value> words;
  for (int64_t i = 0; i < kBlock; ++i) {
    ElementEmitter::Scope scope(fours);
    Value bytes = fours.toVector(
        fours.read(operand->get(), fours.mapPosition(map, getDims(i))));
    if (isFloat8(factorType))
      bytes = fours.toByte({bytes, true});
    words.push_back(LLVM::BitcastOp::create(builder, loc, i32, bytes));
  }
  return vector::FromElementsOp::create(
      builder, loc, VectorType::get({kBlock}, i32), transposeBytes(words));
}

Value MatrixOps::pack(Value low, Value high) {
  auto wide = VectorType::get({2}, builder.getF32Type());
  Value both =
      vector::FromElementsOp::create(builder, loc, wide, ValueRange{low, high});
  Value small = arith::TruncFOp::create(builder, loc,
                                        VectorType::get({2}, factorType), both);
  return toRegister(small);
}

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/WarpgroupOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace ::dl::ptx;

/// Shared memory of all workgroups of a cluster.
static constexpr unsigned kClusterSpace = 7;

Value WarpgroupOps::constant(int64_t value) {
  return arith::ConstantOp::create(
      builder, loc, builder.getI32IntegerAttr(static_cast<int32_t>(value)));
}

Value WarpgroupOps::toInt(Value index) {
  return arith::IndexCastOp::create(builder, loc, builder.getI32Type(), index);
}

Value WarpgroupOps::isEqual(Value value, int64_t number) {
  return arith::CmpIOp::create(
      builder, loc, arith::CmpIPredicate::eq, value,
      arith::ConstantIndexOp::create(builder, loc, number));
}

void WarpgroupOps::emitIf(Value condition, function_ref<void()> body) {
  auto branch =
      scf::IfOp::create(builder, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(branch.thenYield());
  body();
}

Value WarpgroupOps::move(Value pointer, Value bytes) {
  return LLVM::GEPOp::create(builder, loc, pointer.getType(),
                             builder.getI8Type(), pointer,
                             ArrayRef<LLVM::GEPArg>{toInt(bytes)});
}

Value WarpgroupOps::move(Value pointer, int64_t bytes) {
  return LLVM::GEPOp::create(
      builder, loc, pointer.getType(), builder.getI8Type(), pointer,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(bytes)});
}

void WarpgroupOps::inlinePtx(StringRef text, ValueRange operands) {
  NVVM::InlinePtxOp::create(builder, loc, TypeRange(), operands, ValueRange(),
                            builder.getStringAttr(text), Value());
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

void WarpgroupOps::initBarrier(Value barrier, int64_t arrivals) {
  NVVM::MBarrierInitOp::create(builder, loc, barrier, constant(arrivals),
                               Value());
}

void WarpgroupOps::publishBarriers() {
  NVVM::FenceMbarrierInitOp::create(builder, loc);
}

/// MLIR's own operation branches as if all threads of a warp always did so
/// together, which need not be.
void WarpgroupOps::wait(Value barrier, Value parity) {
  inlinePtx("{\n\t.reg .pred done;\n\tTRY:\n\t"
            "mbarrier.try_wait.parity.shared::cta.b64 done, [{$r0}], {$r1};\n\t"
            "@done bra DONE;\n\tbra TRY;\n\tDONE:\n\t}",
            {barrier, parity});
}

void WarpgroupOps::arrive(Value barrier) {
  inlinePtx("mbarrier.arrive.shared::cta.b64 _, [{$r0}];", barrier);
}

void WarpgroupOps::expect(Value barrier, int64_t bytes) {
  inlinePtx("mbarrier.arrive.expect_tx.shared::cta.b64 _, [{$r0}], {$r1};",
            {barrier, constant(bytes)});
}

void WarpgroupOps::load(Value to, Value map, Value barrier,
                        ArrayRef<Value> at) {
  Type pointer =
      LLVM::LLVMPointerType::get(builder.getContext(), kClusterSpace);
  Value destination = LLVM::AddrSpaceCastOp::create(builder, loc, pointer, to);
  NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
      builder, loc, destination, map, at, barrier, ValueRange(),
      /*multicastMask=*/Value(),
      /*l2CacheHint=*/Value(), NVVM::TMALoadMode::TILE, /*isCTAOnly=*/false,
      /*group=*/nullptr, /*predicate=*/Value());
}

void WarpgroupOps::publishStores() {
  inlinePtx("fence.proxy.async.shared::cta;", {});
}

void WarpgroupOps::sync(Value barrier, int64_t threads) {
  inlinePtx("bar.sync {$r0}, {$r1};", {barrier, constant(threads)});
}

void WarpgroupOps::arriveAt(Value barrier, int64_t threads) {
  inlinePtx("bar.arrive {$r0}, {$r1};", {barrier, constant(threads)});
}

void WarpgroupOps::setRegisters(int64_t count, bool increase) {
  NVVM::SetMaxRegisterOp::create(builder, loc, static_cast<uint32_t>(count),
                                 increase
                                     ? NVVM::SetMaxRegisterAction::increase
                                     : NVVM::SetMaxRegisterAction::decrease);
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

Type WarpgroupOps::sumsType(int64_t columns, bool ofIntegers) {
  Type type = ofIntegers ? Type(builder.getI32Type()) : builder.getF32Type();
  return LLVM::LLVMStructType::getLiteral(
      builder.getContext(),
      SmallVector<Type>(static_cast<size_t>(columns / 2), type));
}

/// A matrix descriptor, as the PTX ISA (9.7.15, "Asynchronous warpgroup level
/// matrix instructions") has it: the address in units of 16 bytes; from bit 16
/// on, the distance of two boxes of 64 lines (not used where rows are
/// contracted positions); from bit 32 on, the distance of two groups of eight
/// rows; from bit 62 on, the swizzle.
Value WarpgroupOps::describe(const MatrixBox &box, int64_t step) {
  constexpr uint64_t kSwizzle128 = uint64_t(1) << 62;
  constexpr int64_t kRowBytes = 128, kUnit = 16, kStepBytes = 32,
                    kBoxSteps = kRowBytes / kStepBytes;
  constexpr uint64_t kGroups = uint64_t(8 * kRowBytes / kUnit) << 32;
  int64_t between = box.alongDepth ? 1 : box.boxBytes / kUnit;
  uint64_t about = kSwizzle128 | kGroups | static_cast<uint64_t>(between) << 16;
  int64_t forward = box.alongDepth ? step / kBoxSteps * box.boxBytes +
                                         step % kBoxSteps * kStepBytes
                                   : step * kRowBytes * 16;
  Type i32 = builder.getI32Type(), i64 = builder.getI64Type();
  Value address = LLVM::PtrToIntOp::create(builder, loc, i32, box.pointer);
  Value units = arith::ShRUIOp::create(builder, loc, address, constant(4));
  Value wide = arith::ExtUIOp::create(builder, loc, i64, units);
  Value rest = arith::ConstantOp::create(
      builder, loc,
      builder.getI64IntegerAttr(static_cast<int64_t>(about) + forward / kUnit));
  return arith::AddIOp::create(builder, loc, wide, rest);
}

static NVVM::WGMMATypes getFactors(Type type, bool isUnsigned) {
  if (type.isInteger())
    return isUnsigned ? NVVM::WGMMATypes::u8 : NVVM::WGMMATypes::s8;
  return type.isF16()                ? NVVM::WGMMATypes::f16
         : type.isBF16()             ? NVVM::WGMMATypes::bf16
         : isa<Float8E5M2Type>(type) ? NVVM::WGMMATypes::e5m2
         : type.isF32()              ? NVVM::WGMMATypes::tf32
                                     : NVVM::WGMMATypes::e4m3;
}

Value WarpgroupOps::multiply(Value sums, const MatrixBox &left,
                             const MatrixBox &right, int64_t step,
                             int64_t columns, Type factorType, bool adds,
                             bool isUnsignedLeft, bool isUnsignedRight) {
  MLIRContext *context = builder.getContext();
  auto getType = [&](bool isUnsigned) {
    return NVVM::WGMMATypesAttr::get(context,
                                     getFactors(factorType, isUnsigned));
  };
  NVVM::WGMMATypes sumType =
      factorType.isInteger() ? NVVM::WGMMATypes::s32 : NVVM::WGMMATypes::f32;
  auto one = NVVM::WGMMAScaleInAttr::get(context, NVVM::WGMMAScaleIn::one);
  auto layout = [&](bool isRow) {
    return NVVM::MMALayoutAttr::get(context, isRow ? NVVM::MMALayout::row
                                                   : NVVM::MMALayout::col);
  };
  constexpr int kRows = 64, kDepthBits = 256;
  int depth = kDepthBits / static_cast<int>(factorType.getIntOrFloatBitWidth());
  return NVVM::WgmmaMmaAsyncOp::create(
      builder, loc, sums.getType(), sums, describe(left, step),
      describe(right, step),
      NVVM::MMAShapeAttr::get(context, kRows, static_cast<int>(columns), depth),
      getType(isUnsignedLeft), getType(isUnsignedRight),
      NVVM::WGMMATypesAttr::get(context, sumType),
      NVVM::WGMMAScaleOutAttr::get(context, adds ? NVVM::WGMMAScaleOut::one
                                                 : NVVM::WGMMAScaleOut::zero),
      one, one, layout(left.alongDepth), layout(!right.alongDepth),
      /*satfinite=*/NVVM::MMAIntOverflowAttr());
}

void WarpgroupOps::beginGroup() {
  NVVM::WgmmaFenceAlignedOp::create(builder, loc);
}

void WarpgroupOps::endGroup() {
  NVVM::WgmmaGroupSyncAlignedOp::create(builder, loc);
}

void WarpgroupOps::waitForGroups(int64_t left) {
  NVVM::WgmmaWaitGroupSyncOp::create(builder, loc, static_cast<uint64_t>(left));
}

SmallVector<Value> WarpgroupOps::unpack(Value sums) {
  SmallVector<Value> values;
  size_t count = cast<LLVM::LLVMStructType>(sums.getType()).getBody().size();
  for (size_t i = 0; i < count; ++i)
    values.push_back(LLVM::ExtractValueOp::create(builder, loc, sums,
                                                  static_cast<int64_t>(i)));
  return values;
}

Value WarpgroupOps::packSums(ArrayRef<Value> values) {
  Value sums = LLVM::PoisonOp::create(
      builder, loc, sumsType(2 * static_cast<int64_t>(values.size())));
  for (auto [i, value] : llvm::enumerate(values))
    sums = LLVM::InsertValueOp::create(builder, loc, sums, value,
                                       static_cast<int64_t>(i));
  return sums;
}

Value WarpgroupOps::assemble(StringRef text, StringRef constraints, Type result,
                             ValueRange operands) {
  return LLVM::InlineAsmOp::create(
             builder, loc, result, operands, text, constraints,
             /*has_side_effects=*/true, /*is_align_stack=*/false,
             LLVM::tailcallkind::TailCallKind::None,
             LLVM::AsmDialectAttr::get(builder.getContext(),
                                       LLVM::AsmDialect::AD_ATT),
             ArrayAttr())
      .getResult(0);
}

/// The operation of MLIR has no operands in registers.
Value WarpgroupOps::multiply(Value sums, ArrayRef<Value> left,
                             const MatrixBox &right, int64_t step,
                             int64_t columns, Type factorType) {
  SmallVector<Value> operands = unpack(sums);
  size_t count = operands.size(), next = 2 * count;
  std::string constraints, registers;
  for (size_t i = 0; i < count; ++i) {
    constraints += "=f,";
    registers += (i ? ", $" : "$") + std::to_string(i);
  }
  for (size_t i = 0; i < count; ++i)
    constraints += std::to_string(i) + ",";
  llvm::append_range(operands, left);
  operands.push_back(describe(right, step));
  auto take = [&] { return "$" + std::to_string(next++); };
  std::string type = factorType.isF16() ? "f16" : "bf16";
  std::string text = "wgmma.mma_async.sync.aligned.m64n" +
                     std::to_string(columns) + "k16.f32." + type + "." + type +
                     " {" + registers + "}, {" + take() + ", " + take() + ", " +
                     take() + ", " + take() + "}, " + take() + ", 1, 1, 1, " +
                     (right.alongDepth ? "0;" : "1;");
  return assemble(text, constraints + "r,r,r,r,l", sums.getType(), operands);
}

/// The values go through the instruction, so that nothing that uses them can
/// come before it.
SmallVector<Value> WarpgroupOps::waitForGroups(int64_t left,
                                               ArrayRef<Value> values) {
  std::string constraints;
  for (Value value : values)
    constraints += value.getType().isF32() ? "=f," : "=r,";
  for (size_t i = 0; i < values.size(); ++i)
    constraints += std::to_string(i) + (i + 1 < values.size() ? "," : "");
  Type type = LLVM::LLVMStructType::getLiteral(
      builder.getContext(), llvm::to_vector(ValueRange(values).getTypes()));
  return unpack(
      assemble("wgmma.wait_group.sync.aligned " + std::to_string(left) + ";",
               constraints, type, values));
}

SmallVector<Value> WarpgroupOps::finish(Value sums) {
  return waitForGroups(0, unpack(sums));
}

Value WarpgroupOps::makeUniform(Value value) {
  constexpr int64_t kAllLanes = -1, kClamp = 31;
  return NVVM::ShflOp::create(
      builder, loc, value.getType(), constant(kAllLanes), value, constant(0),
      constant(kClamp), NVVM::ShflKind::idx, UnitAttr());
}

Value WarpgroupOps::elect() {
  return NVVM::ElectSyncOp::create(builder, loc, builder.getI1Type(), Value());
}

Value WarpgroupOps::exchange(Value value, int64_t distance) {
  constexpr int64_t kAllLanes = -1, kClamp = 31;
  return NVVM::ShflOp::create(
      builder, loc, value.getType(), constant(kAllLanes), value,
      constant(distance), constant(kClamp), NVVM::ShflKind::bfly, UnitAttr());
}

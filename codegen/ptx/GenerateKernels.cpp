// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/GenerateKernels.h"
#include "codegen/cpu/KernelFunction.h"
#include "codegen/cpu/KernelWork.h"
#include "codegen/gpu/GenerateStages.h"
#include "codegen/gpu/StageFunction.h"
#include "codegen/ptx/TensorTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace ::dl::gpucode;
using namespace ::dl::ptx;

/// The address space of shared memory.
static constexpr unsigned kSharedSpace = 3;

namespace {

/// Pointers in order, then the sizes.
class CudaEntry : public EntryBuilder {
public:
  explicit CudaEntry(const PtxTarget &target) : target(target) {}

  Operation *begin(OpBuilder &builder, Location loc, StringRef name,
                   ArrayRef<RankedTensorType> tensors,
                   unsigned sizeCount) override {
    Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
    SmallVector<Type> types(tensors.size(), pointer);
    types.append(sizeCount, builder.getIntegerType(kIndexBits));
    function = func::FuncOp::create(builder, loc, name,
                                    builder.getFunctionType(types, {}));
    Block *block = function.addEntryBlock();
    builder.setInsertionPointToStart(block);
    elements.clear();
    for (RankedTensorType tensor : tensors)
      elements.push_back(tensor.getElementType());
    memories.assign(tensors.size(), Value());
    return function;
  }
  Value getMemory(OpBuilder &builder, Location loc, unsigned number) override {
    if (!memories[number])
      memories[number] = mlir::dl::cpu::makeMemory(
          builder, loc, function.getArgument(number),
          mlir::dl::cpu::getStoredType(elements[number]), kIndexBits);
    return memories[number];
  }
  Value getSize(OpBuilder &builder, Location loc, unsigned number) override {
    Value size = function.getArgument(elements.size() + number);
    return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                      size);
  }
  SmallVector<int64_t> end(OpBuilder &builder, Location loc, unsigned written,
                           bool keeps) override;
  Value getShared(OpBuilder &builder, Location loc, Type type, int64_t offset,
                  int64_t bytes) override;
  void setResident(unsigned workgroups) override {
    function->setAttr(
        kResidentName,
        IntegerAttr::get(IntegerType::get(function.getContext(), 32),
                         workgroups));
  }
  std::unique_ptr<TileEmitter>
  makeTile(StageFunction &stage,
           const mlir::dl::cpu::Contraction &contraction) override;
  int64_t getAlignment() const override { return alignment; }
  int64_t getWorkgroupSize() const override { return target.workgroupSize; }

private:
  Value getSharedPointer(OpBuilder &builder, Location loc, int64_t offset,
                         int64_t bytes);
  void alignLoads();
  bool isRead(unsigned number) const {
    return memories[number] &&
           llvm::any_of(memories[number].getUsers(), [](Operation *user) {
             return !isa<memref::StoreOp>(user);
           });
  }

  const PtxTarget &target;
  func::FuncOp function;
  SmallVector<Type> elements;
  SmallVector<Value> memories;
  int64_t alignment = 1;
};

} // namespace

/// Into a variable of the function's own, in the shared memory.
Value CudaEntry::getSharedPointer(OpBuilder &builder, Location loc,
                                  int64_t offset, int64_t bytes) {
  MLIRContext *context = builder.getContext();
  Type pointer = LLVM::LLVMPointerType::get(context, kSharedSpace);
  Type byte = builder.getI8Type();
  Value base = LLVM::AddressOfOp::create(builder, loc, pointer, kSharedName);
  function->setAttr(kSharedName,
                    TypeAttr::get(LLVM::LLVMArrayType::get(byte, bytes)));
  return LLVM::GEPOp::create(builder, loc, pointer, byte, base,
                             ArrayRef<LLVM::GEPArg>{(int32_t)offset});
}

Value CudaEntry::getShared(OpBuilder &builder, Location loc, Type type,
                           int64_t offset, int64_t bytes) {
  return mlir::dl::cpu::makeMemory(
      builder, loc, getSharedPointer(builder, loc, offset, bytes), type,
      kIndexBits, kSharedSpace);
}

std::unique_ptr<TileEmitter>
CudaEntry::makeTile(StageFunction &stage,
                    const mlir::dl::cpu::Contraction &contraction) {
  constexpr unsigned kFirstCapability = 80;
  if (target.capability < kFirstCapability || !TensorTile::fits(contraction))
    return EntryBuilder::makeTile(stage, contraction);
  OpBuilder &builder = stage.emitter.builder;
  Location loc = stage.emitter.loc;
  return std::make_unique<TensorTile>(
      stage, contraction, [this, &builder, loc](int64_t offset, int64_t bytes) {
        return getSharedPointer(builder, loc, offset, bytes);
      });
}

/// Whether a position is a multiple of `divisor` for certain.
static bool isMultiple(Value value, int64_t divisor) {
  if (auto constant = mlir::dl::cpu::IndexBuilder::getConstant(value))
    return *constant % divisor == 0;
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
    return loop && argument == loop.getInductionVar() &&
           isMultiple(loop.getLowerBound(), divisor) &&
           isMultiple(loop.getStep(), divisor);
  }
  Operation *op = value.getDefiningOp();
  auto holds = [&](unsigned i) {
    return isMultiple(op->getOperand(i), divisor);
  };
  if (isa<arith::AddIOp, arith::SubIOp, arith::MinSIOp, arith::MinUIOp,
          arith::MaxSIOp, arith::RemUIOp, arith::RemSIOp>(op))
    return holds(0) && holds(1);
  if (isa<arith::MulIOp>(op))
    return holds(0) || holds(1);
  if (isa<arith::SelectOp>(op))
    return holds(1) && holds(2);
  return false;
}

/// Vectors that begin at multiples of their size are loaded at once, which
/// buffers that begin there allow.
void CudaEntry::alignLoads() {
  constexpr int64_t kMostBytes = 16; // of one load
  alignment = 1;
  function.walk([&](vector::LoadOp load) {
    auto type = cast<VectorType>(load.getType());
    int64_t bytes = type.getNumElements() *
                    type.getElementType().getIntOrFloatBitWidth() / 8;
    if (!llvm::isPowerOf2_64(bytes) || load.getAlignment() ||
        !isMultiple(load.getIndices().front(), type.getNumElements()))
      return;
    load.setAlignment(std::min(bytes, kMostBytes));
    alignment = std::max(alignment, std::min(bytes, kMostBytes));
  });
}

/// Buffers that are not used are no arguments, the one that is written comes
/// last, and of one that is read or keeps elements besides, there are two.
SmallVector<int64_t> CudaEntry::end(OpBuilder &builder, Location loc,
                                    unsigned written, bool keeps) {
  func::ReturnOp::create(builder, loc);
  alignLoads();
  Block &block = function.getBody().front();
  SmallVector<int64_t> taken;
  SmallVector<Type> types;
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  unsigned count = elements.size(), sizes = block.getNumArguments() - count;
  for (unsigned i = 0; i < count; ++i)
    if (i == written ? keeps || isRead(i) : isRead(i))
      taken.push_back(i);
  taken.push_back(written);
  types.append(taken.size(), pointer);
  types.append(sizes, builder.getIntegerType(kIndexBits));
  // New arguments after the old ones, which then go.
  unsigned old = block.getNumArguments();
  for (Type type : types)
    block.addArgument(type, loc);
  for (auto [i, number] : llvm::enumerate(taken))
    block.getArgument(number).replaceAllUsesWith(block.getArgument(old + i));
  for (unsigned i = 0; i < sizes; ++i)
    block.getArgument(count + i).replaceAllUsesWith(
        block.getArgument(old + taken.size() + i));
  // Descriptors of buffers that are not taken.
  for (unsigned i = 0; i < count; ++i)
    if (!block.getArgument(i).use_empty())
      block.getArgument(i).replaceAllUsesWith(block.getArgument(old));
  block.eraseArguments(0, old);
  function.setFunctionType(builder.getFunctionType(types, {}));
  return taken;
}

namespace dl::ptx {

FailureOr<OwningOpRef<ModuleOp>> generateKernels(ModuleOp module,
                                                 const PtxTarget &target) {
  module.getContext()
      ->loadDialect<arith::ArithDialect, gpu::GPUDialect, LLVM::LLVMDialect,
                    memref::MemRefDialect, NVVM::NVVMDialect, scf::SCFDialect,
                    vector::VectorDialect>();
  OwningOpRef<ModuleOp> functions = ModuleOp::create(module.getLoc());
  SymbolTable table(*functions);
  SmallVector<func::FuncOp> kernels;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr("dl.kernel") && !function.isExternal())
      kernels.push_back(function);
  CudaEntry entry(target);
  for (func::FuncOp kernel : kernels) {
    if (failed(mlir::dl::cpu::generalizeNamedOps(kernel)))
      return failure();
    mlir::dl::cpu::KernelWork work = mlir::dl::cpu::countWork(kernel);
    unsigned sizes = countSizes(kernel);
    kernel->setAttr("dl.signature", TypeAttr::get(kernel.getFunctionType()));
    if (failed(gpucode::generateStages(kernel, table, entry)))
      return failure();
    mlir::dl::cpu::setWork(work, sizes, kernel);
  }
  return functions;
}

} // namespace dl::ptx

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/GenerateKernels.h"
#include "codegen/cpu/KernelFunction.h"
#include "codegen/cpu/KernelWork.h"
#include "codegen/gpu/GenerateStages.h"
#include "codegen/gpu/StageFunction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace ::dl::gpucode;
using namespace ::dl::ptx;

namespace {

/// Pointers in order, then the sizes.
class CudaEntry : public EntryBuilder {
public:
  explicit CudaEntry(const PtxTarget &target) : target(target) {}

  Operation *begin(OpBuilder &builder, Location loc, StringRef name,
                   ArrayRef<Type> elementTypes, unsigned sizeCount) override {
    Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
    SmallVector<Type> types(elementTypes.size(), pointer);
    types.append(sizeCount, builder.getIntegerType(kIndexBits));
    function = func::FuncOp::create(builder, loc, name,
                                    builder.getFunctionType(types, {}));
    Block *block = function.addEntryBlock();
    builder.setInsertionPointToStart(block);
    elements.assign(elementTypes.begin(), elementTypes.end());
    memories.assign(elementTypes.size(), Value());
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
  int64_t getWorkgroupSize() const override { return target.workgroupSize; }

private:
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
};

} // namespace

/// Buffers that are not used are no arguments, the one that is written comes
/// last, and of one that is read or keeps elements besides, there are two.
SmallVector<int64_t> CudaEntry::end(OpBuilder &builder, Location loc,
                                    unsigned written, bool keeps) {
  func::ReturnOp::create(builder, loc);
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
                    memref::MemRefDialect, scf::SCFDialect>();
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

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Vulkan's memory model, which cooperative matrices ask for.

#include "codegen/spirv/Pipeline.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;

/// Whether invocations share what a pointer points to.
static bool isShared(Value pointer) {
  auto storage = cast<spirv::PointerType>(pointer.getType()).getStorageClass();
  return storage == spirv::StorageClass::StorageBuffer ||
         storage == spirv::StorageClass::Workgroup;
}

namespace {

/// The bytes of a matrix have a sign where its type says so.
void setSigns(spirv::KHRCooperativeMatrixMulAddOp op) {
  using Operands = spirv::CooperativeMatrixOperandsKHR;
  auto type = cast<spirv::CooperativeMatrixType>(op.getA().getType());
  if (!type.getElementType().isSignedInteger())
    return;
  op.setMatrixOperands(Operands::ASigned | Operands::BSigned |
                       Operands::CSigned | Operands::ResultSigned);
}

/// A module with cooperative matrices gets Vulkan's memory model: what
/// invocations share is marked as such, and barriers make stores available and
/// visible, which the older model takes for granted.
struct UseVulkanMemoryPass
    : PassWrapper<UseVulkanMemoryPass, OperationPass<spirv::ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(UseVulkanMemoryPass)

  StringRef getArgument() const override { return "spirv-use-vulkan-memory"; }
  StringRef getDescription() const override {
    return "gives modules with cooperative matrices Vulkan's memory model";
  }

  void runOnOperation() override {
    bool cooperates = getOperation()
                          ->walk([](spirv::KHRCooperativeMatrixLoadOp) {
                            return WalkResult::interrupt();
                          })
                          .wasInterrupted();
    if (!cooperates)
      return;
    getOperation().setMemoryModel(spirv::MemoryModel::Vulkan);
    getOperation().walk([](Operation *op) {
      if (auto load = dyn_cast<spirv::LoadOp>(op))
        share(load, load.getPtr());
      else if (auto store = dyn_cast<spirv::StoreOp>(op))
        share(store, store.getPtr());
      else if (auto load = dyn_cast<spirv::KHRCooperativeMatrixLoadOp>(op))
        load.setMemoryOperand(spirv::MemoryAccess::NonPrivatePointer);
      else if (auto store = dyn_cast<spirv::KHRCooperativeMatrixStoreOp>(op))
        store.setMemoryOperand(spirv::MemoryAccess::NonPrivatePointer);
      else if (auto product = dyn_cast<spirv::KHRCooperativeMatrixMulAddOp>(op))
        setSigns(product);
      else if (auto barrier = dyn_cast<spirv::ControlBarrierOp>(op))
        order(barrier);
    });
  }

private:
  template <typename Op> static void share(Op op, Value pointer) {
    if (isShared(pointer))
      op.setMemoryAccess(spirv::MemoryAccess::NonPrivatePointer);
  }
  /// Within a workgroup, for which this model has no wider scope without a
  /// capability of its own.
  static void order(spirv::ControlBarrierOp barrier) {
    barrier.setMemoryScope(spirv::Scope::Workgroup);
    barrier.setMemorySemantics(barrier.getMemorySemantics() |
                               spirv::MemorySemantics::MakeAvailable |
                               spirv::MemorySemantics::MakeVisible);
  }
};

} // namespace

std::unique_ptr<Pass> dl::spirv::createUseVulkanMemoryPass() {
  return std::make_unique<UseVulkanMemoryPass>();
}

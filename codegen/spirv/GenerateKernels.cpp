// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/spirv/GenerateKernels.h"
#include "codegen/gpu/GenerateStages.h"
#include "codegen/gpu/StageFunction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/SPIRV/IR/TargetAndABI.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;
using namespace ::dl::gpucode;
using namespace ::dl::spirv;

static bool hasMemoryForm(Type elementType) {
  return elementType.isF16() || elementType.isF32() || elementType.isF64() ||
         elementType.isSignlessInteger(1) || elementType.isSignlessInteger(8) ||
         elementType.isSignlessInteger(16) ||
         elementType.isSignlessInteger(32) || elementType.isSignlessInteger(64);
}

/// Functions of GLSL's instruction set take 64-bit floats where they are exact
/// alone; integers are raised to no power.
static bool hasFunction(Operation *op) {
  if (!isa_and_present<math::MathDialect>(op->getDialect()))
    return true;
  if (isa<math::IPowIOp>(op))
    return false;
  return !op->getResult(0).getType().isF64() ||
         isa<math::AbsFOp, math::CeilOp, math::FloorOp, math::FmaOp,
             math::RoundEvenOp, math::RoundOp, math::RsqrtOp, math::SqrtOp>(op);
}

static LogicalResult checkKernel(func::FuncOp kernel,
                                 const SpirvTarget &target) {
  int64_t count = countSizes(kernel);
  if (count * 4 > target.pushConstantBytes)
    return kernel.emitError()
           << "the kernel takes " << count << " sizes, and push constants hold "
           << target.pushConstantBytes / 4;
  WalkResult result = kernel.walk([&](Operation *op) {
    if (!hasFunction(op)) {
      op->emitOpError("has no form in SPIR-V for ")
          << op->getResult(0).getType();
      return WalkResult::interrupt();
    }
    auto check = [&](Type type) {
      Type elementType = getElementTypeOrSelf(type);
      if (!elementType.isIntOrFloat() || hasMemoryForm(elementType))
        return true;
      op->emitError() << "element type " << elementType
                      << " has no form in SPIR-V";
      return false;
    };
    if (!llvm::all_of(op->getResultTypes(), check))
      return WalkResult::interrupt();
    for (Region &region : op->getRegions())
      for (Block &block : region)
        if (!llvm::all_of(block.getArgumentTypes(), check))
          return WalkResult::interrupt();
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

namespace {

/// Buffers are bindings in order, sizes push constants.
class VulkanEntry : public EntryBuilder {
public:
  explicit VulkanEntry(const SpirvTarget &target) : target(target) {}

  Operation *begin(OpBuilder &builder, Location loc, StringRef name,
                   ArrayRef<Type> elementTypes, unsigned sizeCount) override {
    SmallVector<Type> types;
    buffers = elementTypes.size();
    for (Type type : elementTypes)
      types.push_back(getMemoryType(ShapedType::kDynamic, type,
                                    spirv::StorageClass::StorageBuffer));
    if (sizeCount)
      types.push_back(getMemoryType(sizeCount, builder.getI32Type(),
                                    spirv::StorageClass::PushConstant));
    function = gpu::GPUFuncOp::create(builder, loc, name,
                                      builder.getFunctionType(types, {}));
    function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                      builder.getUnitAttr());
    function->setAttr(spirv::getEntryPointABIAttrName(),
                      spirv::getEntryPointABIAttr(
                          builder.getContext(),
                          {static_cast<int32_t>(target.workgroupSize), 1, 1}));
    builder.setInsertionPointToStart(&function.getBody().front());
    return function;
  }
  Value getMemory(OpBuilder &, Location, unsigned number) override {
    return function.getArgument(number);
  }
  Value getSize(OpBuilder &builder, Location loc, unsigned number) override {
    Value table = function.getArguments().back();
    Value at = arith::ConstantIndexOp::create(builder, loc, number);
    Value loaded = memref::LoadOp::create(builder, loc, table, ValueRange{at});
    return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                      loaded);
  }
  SmallVector<int64_t> end(OpBuilder &builder, Location loc, unsigned,
                           bool) override {
    gpu::ReturnOp::create(builder, loc);
    // Bindings stay where they are.
    SmallVector<int64_t> all;
    for (unsigned i = 0; i < buffers; ++i)
      all.push_back(i);
    return all;
  }
  Value getShared(OpBuilder &, Location, Type, int64_t, int64_t) override {
    return {};
  }
  bool hasShared() const override { return false; }
  int64_t getWorkgroupSize() const override { return target.workgroupSize; }

private:
  static Type getMemoryType(int64_t elements, Type elementType,
                            spirv::StorageClass storage) {
    MLIRContext *context = elementType.getContext();
    if (elementType.isInteger(1)) // a byte
      elementType = IntegerType::get(context, 8);
    return MemRefType::get({elements}, elementType, MemRefLayoutAttrInterface(),
                           spirv::StorageClassAttr::get(context, storage));
  }

  const SpirvTarget &target;
  gpu::GPUFuncOp function;
  unsigned buffers = 0;
};

} // namespace

namespace dl::spirv {

LogicalResult generateKernels(ModuleOp module, const SpirvTarget &target) {
  SmallVector<func::FuncOp> kernels;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr("dl.kernel") && !function.isExternal())
      kernels.push_back(function);
  if (kernels.empty())
    return success();
  MLIRContext *context = module.getContext();
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto functions =
      gpu::GPUModuleOp::create(builder, module.getLoc(), "kernels");
  // What is not used will not be required of the device.
  using Capability = mlir::spirv::Capability;
  using Extension = mlir::spirv::Extension;
  auto triple = mlir::spirv::VerCapExtAttr::get(
      mlir::spirv::Version::V_1_3,
      {Capability::Shader, Capability::Int8, Capability::Int16,
       Capability::Int64, Capability::Float16, Capability::Float64,
       Capability::StorageBuffer8BitAccess,
       Capability::StorageBuffer16BitAccess},
      {Extension::SPV_KHR_storage_buffer_storage_class,
       Extension::SPV_KHR_8bit_storage, Extension::SPV_KHR_16bit_storage},
      context);
  functions->setAttr(mlir::spirv::getTargetEnvAttrName(),
                     mlir::spirv::TargetEnvAttr::get(
                         triple, mlir::spirv::getDefaultResourceLimits(context),
                         mlir::spirv::ClientAPI::Vulkan));
  SymbolTable table(functions);
  VulkanEntry entry(target);
  for (func::FuncOp kernel : kernels)
    if (failed(checkKernel(kernel, target)) ||
        failed(gpucode::generateStages(kernel, table, entry)))
      return failure();
  return success();
}

namespace {

struct GenerateKernelsPass
    : PassWrapper<GenerateKernelsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(GenerateKernelsPass)

  GenerateKernelsPass() = default;
  GenerateKernelsPass(const GenerateKernelsPass &other) : PassWrapper(other) {}
  explicit GenerateKernelsPass(const SpirvTarget &target) {
    workgroupSize = target.workgroupSize;
    pushConstantBytes = target.pushConstantBytes;
  }

  StringRef getArgument() const override { return "spirv-generate-kernels"; }
  StringRef getDescription() const override {
    return "turns kernels on tensors into GPU functions over storage buffers";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, gpu::GPUDialect, memref::MemRefDialect,
                    scf::SCFDialect, mlir::spirv::SPIRVDialect>();
  }
  void runOnOperation() override {
    SpirvTarget target;
    target.workgroupSize = workgroupSize;
    target.pushConstantBytes = pushConstantBytes;
    if (failed(generateKernels(getOperation(), target)))
      signalPassFailure();
  }

  Option<int64_t> workgroupSize{*this, "workgroup-size",
                                llvm::cl::desc("invocations in a workgroup"),
                                llvm::cl::init(64)};
  Option<int64_t> pushConstantBytes{
      *this, "push-constant-bytes",
      llvm::cl::desc("bytes that push constants hold"), llvm::cl::init(128)};
};

} // namespace

std::unique_ptr<Pass> createGenerateKernelsPass(const SpirvTarget &target) {
  return std::make_unique<GenerateKernelsPass>(target);
}

} // namespace dl::spirv

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/spirv/GenerateKernels.h"
#include "codegen/gpu/GenerateStages.h"
#include "codegen/gpu/StageFunction.h"
#include "codegen/spirv/CooperativeTile.h"
#include "codegen/spirv/Expand.h"
#include "codegen/spirv/RegisterTile.h"
#include "codegen/spirv/StagedTile.h"
#include "codegen/spirv/VectorLoads.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Dialect/SPIRV/IR/TargetAndABI.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;
using namespace ::dl::gpucode;
using namespace ::dl::spirv;

/// Whether values of the type have a form, as themselves or as integers.
static bool hasForm(Type type, const SpirvTarget &target) {
  if (type.isF64())
    return target.float64;
  unsigned width = type.getIntOrFloatBitWidth();
  if (width > 64 || !llvm::isPowerOf2_32(width))
    return false;
  return width == 16 ? target.int16 : width > 16 || width == 1 || target.int8;
}

/// What in a kernel has no form: the operation, and what is wrong with it.
struct Obstacle {
  Operation *op;
  std::string what;
};

static std::optional<Obstacle> findObstacle(func::FuncOp kernel,
                                            const SpirvTarget &target) {
  int64_t count = countSizes(kernel);
  constexpr int64_t kTrips = 2; // of a loop that is divided, the part to do
  count += mlir::dl::cpu::isSequential(kernel) ? kTrips : 0;
  if (count * 4 > target.pushConstantBytes)
    return Obstacle{kernel, "the kernel takes " + std::to_string(count) +
                                " sizes, and push constants hold " +
                                std::to_string(target.pushConstantBytes / 4)};
  std::optional<Obstacle> found;
  auto check = [&](Operation *op, Type type, bool isStored = false) {
    Type elementType = getElementTypeOrSelf(type);
    if (found || !elementType.isIntOrFloat() ||
        (hasForm(elementType, target) &&
         (!isStored || hasForm(getStoredType(elementType, target), target))))
      return;
    found = Obstacle{op, "element type '"};
    llvm::raw_string_ostream(found->what)
        << elementType << "' has no form in SPIR-V for " << target.name;
  };
  for (Type type : kernel.getArgumentTypes())
    check(kernel, type, /*isStored=*/true);
  kernel.walk([&](Operation *op) {
    for (Type type : op->getResultTypes())
      check(op, type);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (Type type : block.getArgumentTypes())
          check(op, type);
    return found ? WalkResult::interrupt() : WalkResult::advance();
  });
  return found;
}

static LogicalResult checkKernel(func::FuncOp kernel,
                                 const SpirvTarget &target) {
  std::optional<Obstacle> obstacle = findObstacle(kernel, target);
  if (obstacle)
    obstacle->op->emitError() << obstacle->what;
  return success(!obstacle);
}

namespace {

/// Buffers are bindings in order, sizes push constants.
class VulkanEntry : public EntryBuilder {
public:
  explicit VulkanEntry(const SpirvTarget &target) : target(target) {}

  Operation *begin(OpBuilder &builder, Location loc, StringRef name,
                   ArrayRef<RankedTensorType> tensors,
                   unsigned sizeCount) override {
    SmallVector<Type> types;
    buffers.assign(tensors.begin(), tensors.end());
    numbers = llvm::to_vector(llvm::seq<int64_t>(tensors.size()));
    for (RankedTensorType tensor : tensors)
      types.push_back(getMemoryType(ShapedType::kDynamic,
                                    tensor.getElementType(),
                                    spirv::StorageClass::StorageBuffer));
    if (sizeCount)
      types.push_back(getMemoryType(sizeCount, builder.getI32Type(),
                                    spirv::StorageClass::PushConstant));
    function = gpu::GPUFuncOp::create(builder, loc, name,
                                      builder.getFunctionType(types, {}));
    function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                      builder.getUnitAttr());
    setWorkgroupSize(target.workgroupSize);
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
  SmallVector<int64_t> end(OpBuilder &builder, Location loc, unsigned written,
                           bool keeps) override;
  ArrayRef<int64_t> getOffsets() const override { return offsets; }
  int64_t getAlignment() const override { return kAlignment; }
  Value getShared(OpBuilder &builder, Location loc, Type type, int64_t offset,
                  int64_t bytes) override;
  /// Narrower types would take features of their own.
  bool canShare(Type type) const override {
    return type.getIntOrFloatBitWidth() >= 32;
  }
  void emitShare(mlir::dl::cpu::IndexBuilder &index, int64_t perGroup,
                 Value offset, Value total,
                 function_ref<void(Value)> body) override;
  bool dividesLoops() const override { return true; }
  bool takesPanels() const override { return true; }
  bool takesIntegers(const mlir::dl::cpu::Contraction &) const override {
    return true;
  }
  bool
  takesFewRows(const mlir::dl::cpu::Contraction &contraction) const override {
    return RegisterTile::fitsFewRows(contraction, target);
  }
  std::unique_ptr<TileEmitter>
  makeTile(StageFunction &stage,
           const mlir::dl::cpu::Contraction &contraction) override;
  int64_t getVectorWidth() const override { return 4; }
  bool splitsLanes() const override { return true; }
  bool storesTilesByVectors() const override { return true; }
  int64_t getExchangeLanes() const override {
    return target.shuffles ? kExchanging : 1;
  }
  bool canExchange(Type type) const override {
    unsigned bits = type.isIntOrFloat() ? type.getIntOrFloatBitWidth() : 0;
    return bits >= 8 && bits <= 64 && llvm::isPowerOf2_32(bits);
  }
  Value exchange(OpBuilder &builder, Location loc, Value value,
                 int64_t distance) override;
  bool takesRows(const RowForm &form) const override;
  int64_t getRowInvocations() const override { return target.rowInvocations; }
  int64_t getRowColumns() const override { return target.rowColumns; }
  int64_t getBusyInvocations() const override { return target.busyInvocations; }
  int64_t getWorkgroupSize() const override { return workgroupSize; }
  void setRows(int64_t rows, int64_t invocations) override;

private:
  void setWorkgroupSize(int64_t invocations);
  int64_t countParts(unsigned number) const;
  Value getView(unsigned number, Type type);
  Type getMemoryType(int64_t elements, Type elementType,
                     spirv::StorageClass storage) const {
    return MemRefType::get(
        {elements}, getStoredType(elementType, target),
        MemRefLayoutAttrInterface(),
        spirv::StorageClassAttr::get(elementType.getContext(), storage));
  }

  /// Bytes at whose multiples every device of interest lets a binding begin.
  static constexpr int64_t kAlignment = 64;
  /// Invocations of a subgroup on every device with shuffles.
  static constexpr int64_t kExchanging = 8;

  const SpirvTarget &target;
  gpu::GPUFuncOp function;
  SmallVector<RankedTensorType> buffers; // and, as vectors, some once more
  SmallVector<int64_t> numbers;          // which one each is
  SmallVector<int64_t> offsets;
  int64_t workgroupSize = 0;
};

} // namespace

Value VulkanEntry::getShared(OpBuilder &builder, Location loc, Type type,
                             int64_t offset, int64_t bytes) {
  int64_t width = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  if (auto vector = dyn_cast<VectorType>(type))
    width *= vector.getNumElements();
  int64_t count = (bytes - offset) / llvm::divideCeil(width, 8);
  auto space = spirv::StorageClassAttr::get(builder.getContext(),
                                            spirv::StorageClass::Workgroup);
  auto memory =
      MemRefType::get({count}, type, MemRefLayoutAttrInterface(), space);
  return memref::AllocOp::create(builder, loc, memory);
}

void VulkanEntry::setWorkgroupSize(int64_t invocations) {
  workgroupSize = invocations;
  function->setAttr(
      spirv::getEntryPointABIAttrName(),
      spirv::getEntryPointABIAttr(function.getContext(),
                                  {static_cast<int32_t>(invocations), 1, 1}));
}

/// Many small workgroups cost time, few large ones leave processors idle.
void VulkanEntry::setRows(int64_t rows, int64_t invocations) {
  constexpr int64_t kWorkgroups = 16;
  int64_t size = target.workgroupSize,
          least = std::max(invocations, target.fewestInvocations);
  if (!ShapedType::isDynamic(rows))
    while (size > least && rows * invocations < size * kWorkgroups)
      size /= 2;
  setWorkgroupSize(size);
}

/// As words: other integers, and 16-bit floats, take a feature of their own.
Value VulkanEntry::exchange(OpBuilder &builder, Location loc, Value value,
                            int64_t distance) {
  Type type = value.getType();
  if (!canShare(type))
    return narrow(builder, loc,
                  exchange(builder, loc, widen(builder, loc, value), distance),
                  type);
  if (type.isInteger(64)) {
    Type word = builder.getI32Type();
    Value shift =
        arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(32));
    Value high = arith::ShRUIOp::create(builder, loc, value, shift);
    auto move = [&](Value half) -> Value {
      half = arith::TruncIOp::create(builder, loc, word, half);
      return arith::ExtUIOp::create(builder, loc, type,
                                    exchange(builder, loc, half, distance));
    };
    Value low = move(value);
    return arith::OrIOp::create(
        builder, loc, low,
        arith::ShLIOp::create(builder, loc, move(high), shift));
  }
  Value bit = mlir::spirv::ConstantOp::create(
      builder, loc, builder.getI32Type(),
      builder.getI32IntegerAttr(static_cast<int32_t>(distance)));
  return mlir::spirv::GroupNonUniformShuffleXorOp::create(
      builder, loc, value.getType(), mlir::spirv::Scope::Subgroup, value, bit);
}

/// Rows are not divided among dispatches: of one that may be longer than Mesa's
/// loops for CPUs, the reductions are stages of their own.
bool VulkanEntry::takesRows(const RowForm &form) const {
  constexpr int64_t kMostSteps = 1 << 15, kColumns = 4; // in a step
  if (ShapedType::isDynamic(form.columns))
    return form.hasColumns && form.columnRank == 1;
  auto passes = static_cast<int64_t>(form.reductions.size()) + 1;
  return form.columns / (target.rowInvocations * kColumns) * passes <=
         kMostSteps;
}

/// There is a workgroup for each piece of work. Their number may take two
/// dimensions, of which the last row is not full.
void VulkanEntry::emitShare(mlir::dl::cpu::IndexBuilder &index,
                            int64_t perGroup, Value offset, Value total,
                            function_ref<void(Value)> body) {
  OpBuilder &builder = index.builder;
  Location loc = index.loc;
  Value column = gpu::BlockIdOp::create(builder, loc, gpu::Dimension::x);
  Value row = gpu::BlockIdOp::create(builder, loc, gpu::Dimension::y);
  Value columns = gpu::GridDimOp::create(builder, loc, gpu::Dimension::x);
  Value number = index.mul(index.add(index.mul(row, columns), column),
                           index.constant(perGroup));
  if (offset)
    number = index.add(number, offset);
  auto branch = scf::IfOp::create(builder, loc, index.less(number, total),
                                  /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(branch.thenYield());
  body(number);
}

std::unique_ptr<TileEmitter>
VulkanEntry::makeTile(StageFunction &stage,
                      const mlir::dl::cpu::Contraction &contraction) {
  bool cooperates =
      CooperativeTile::fits(contraction, stage.emitter.buffers, target);
  bool isStaged = !cooperates && StagedTile::fits(contraction, target);
  TileShape shape = cooperates
                        ? CooperativeTile::chooseShape(contraction, target)
                    : isStaged ? StagedTile::chooseShape(contraction, target)
                               : RegisterTile::chooseShape(contraction, target);
  setWorkgroupSize(shape.getInvocations());
  if (cooperates)
    return std::make_unique<CooperativeTile>(stage, contraction, shape);
  if (isStaged)
    return std::make_unique<StagedTile>(stage, contraction, shape);
  return std::make_unique<RegisterTile>(stage, contraction, shape, target);
}

/// A buffer that is too large for a binding is taken in parts.
int64_t VulkanEntry::countParts(unsigned number) const {
  RankedTensorType tensor = buffers[number];
  if (!tensor.hasStaticShape())
    return 1;
  int64_t width = llvm::divideCeil(tensor.getElementTypeBitWidth(), 8);
  return std::max<int64_t>(
      1, llvm::divideCeil(tensor.getNumElements() * width, target.bufferBytes));
}

/// A buffer as an array of vectors, or of words.
Value VulkanEntry::getView(unsigned number, Type type) {
  Block &block = function.getBody().front();
  auto whole = cast<MemRefType>(block.getArgument(number).getType());
  Type viewType = MemRefType::get({ShapedType::kDynamic}, type,
                                  whole.getLayout(), whole.getMemorySpace());
  for (size_t i = 0; i < buffers.size(); ++i)
    if (numbers[i] == number && block.getArgument(i).getType() == viewType)
      return block.getArgument(i);
  buffers.push_back(buffers[number]);
  numbers.push_back(number);
  return block.insertArgument(buffers.size() - 1, viewType, function.getLoc());
}

/// Makes the loads of a buffer those of the part that an element lies in; parts
/// are of so many elements.
static void loadFromParts(Value whole, ValueRange parts, int64_t elements) {
  for (Operation *user : llvm::make_early_inc_range(whole.getUsers())) {
    auto load = cast<memref::LoadOp>(user);
    OpBuilder builder(load);
    Location loc = load.getLoc();
    Value at = load.getIndices().front(), loaded;
    Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
    for (auto [i, part] : llvm::enumerate(parts)) {
      Value start = arith::ConstantIndexOp::create(builder, loc, i * elements);
      Value within = arith::SubIOp::create(builder, loc, at, start);
      Value size = arith::ConstantIndexOp::create(builder, loc, elements);
      Value isHere = arith::CmpIOp::create(
          builder, loc, arith::CmpIPredicate::ult, within, size);
      Value place = arith::SelectOp::create(builder, loc, isHere, within, zero);
      Value value =
          memref::LoadOp::create(builder, loc, part, ValueRange{place});
      loaded = loaded ? Value(arith::SelectOp::create(builder, loc, isHere,
                                                      value, loaded))
                      : value;
    }
    load.replaceAllUsesWith(loaded);
    load.erase();
  }
}

/// Buffers that are not used are no bindings, the one that is written comes
/// last, and of one that is read or keeps elements besides, there are two.
SmallVector<int64_t> VulkanEntry::end(OpBuilder &builder, Location loc,
                                      unsigned written, bool keeps) {
  gpu::ReturnOp::create(builder, loc);
  bool writesVectors = isStoredByVectors(function.getArgument(written));
  lowerVectors(function, [&](unsigned number, Type type) {
    bool isWhole = number == written ? writesVectors : countParts(number) == 1;
    return isWhole ? getView(number, type) : Value();
  });
  if (writesVectors) // to the view
    written = numbers.size() - 1 -
              (llvm::find(llvm::reverse(numbers), written) - numbers.rbegin());
  Block &block = function.getBody().front();
  auto isRead = [&](unsigned number) {
    return llvm::any_of(
        block.getArgument(number).getUsers(),
        [](Operation *user) { return !isa<memref::StoreOp>(user); });
  };
  SmallVector<int64_t> taken;
  offsets.clear();
  for (unsigned i = 0; i < buffers.size(); ++i)
    if (isRead(i) || (i == written && keeps))
      for (int64_t part = 0, count = i == written ? 1 : countParts(i);
           part < count; ++part) {
        taken.push_back(i);
        offsets.push_back(part * target.bufferBytes);
      }
  taken.push_back(written);
  offsets.push_back(0);
  // New arguments after the old ones, which then go.
  unsigned old = block.getNumArguments();
  for (int64_t i : taken)
    block.addArgument(block.getArgument(i).getType(), loc);
  if (old > buffers.size())
    block.addArgument(block.getArgument(buffers.size()).getType(), loc);
  // The written one, where it is read too, is the first of its two.
  for (size_t i = 0; i < taken.size();) {
    Value before = block.getArgument(taken[i]);
    size_t end = i + 1;
    while (end < taken.size() && taken[end] == taken[i] && offsets[end])
      ++end;
    ValueRange parts = block.getArguments().slice(old + i, end - i);
    if (parts.size() == 1)
      before.replaceAllUsesWith(parts.front());
    else
      loadFromParts(
          before, parts,
          target.bufferBytes /
              llvm::divideCeil(buffers[taken[i]].getElementTypeBitWidth(), 8));
    i = end;
  }
  if (old > buffers.size())
    block.getArgument(buffers.size())
        .replaceAllUsesWith(block.getArgument(old + taken.size()));
  block.eraseArguments(0, old);
  function.setFunctionType(
      builder.getFunctionType(block.getArgumentTypes(), {}));
  if (llvm::all_of(offsets, [](int64_t offset) { return offset == 0; }))
    offsets.clear();
  for (int64_t &i : taken)
    i = numbers[i];
  return taken;
}

namespace dl::spirv {

std::string whyNoForm(func::FuncOp kernel, const SpirvTarget &target) {
  std::optional<Obstacle> obstacle = findObstacle(kernel, target);
  return obstacle ? obstacle->what : "";
}

/// Whether something in the functions takes SPIR-V 1.6, where 1.3 is what
/// devices of any age take.
static bool takesLatest(gpu::GPUModuleOp functions) {
  return functions
      ->walk([](Operation *op) {
        return isa<mlir::spirv::SDotOp, mlir::spirv::UDotOp,
                   mlir::spirv::SUDotOp, gpu::SubgroupMmaComputeOp>(op)
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

/// What is not used will not be required of the device.
static mlir::spirv::TargetEnvAttr
getTargetEnvironment(gpu::GPUModuleOp functions, const SpirvTarget &target) {
  MLIRContext *context = functions.getContext();
  using Capability = mlir::spirv::Capability;
  using Extension = mlir::spirv::Extension;
  SmallVector<Capability> capabilities = {
      Capability::Shader, Capability::Int64, Capability::Float64,
      Capability::GroupNonUniform, Capability::GroupNonUniformShuffle};
  SmallVector<Extension> extensions = {
      Extension::SPV_KHR_storage_buffer_storage_class};
  if (target.int8) {
    capabilities.push_back(Capability::Int8);
    capabilities.push_back(Capability::StorageBuffer8BitAccess);
    extensions.push_back(Extension::SPV_KHR_8bit_storage);
  }
  if (target.int16) {
    capabilities.push_back(Capability::Int16);
    capabilities.push_back(Capability::StorageBuffer16BitAccess);
    extensions.push_back(Extension::SPV_KHR_16bit_storage);
  }
  if (target.float16)
    capabilities.push_back(Capability::Float16);
  if (target.dotProducts) {
    capabilities.push_back(Capability::DotProduct);
    capabilities.push_back(Capability::DotProductInput4x8BitPacked);
    extensions.push_back(Extension::SPV_KHR_integer_dot_product);
  }
  if (target.cooperativeMatrices) {
    capabilities.push_back(Capability::CooperativeMatrixKHR);
    capabilities.push_back(Capability::VulkanMemoryModel);
    extensions.push_back(Extension::SPV_KHR_cooperative_matrix);
    extensions.push_back(Extension::SPV_KHR_vulkan_memory_model);
  }
  auto triple = mlir::spirv::VerCapExtAttr::get(
      takesLatest(functions) ? mlir::spirv::Version::V_1_6
                             : mlir::spirv::Version::V_1_3,
      capabilities, extensions, context);
  return mlir::spirv::TargetEnvAttr::get(
      triple, mlir::spirv::getDefaultResourceLimits(context),
      mlir::spirv::ClientAPI::Vulkan);
}

LogicalResult generateKernels(ModuleOp module, const SpirvTarget &target) {
  SmallVector<func::FuncOp> kernels;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr("dl.kernel") && !function.isExternal())
      kernels.push_back(function);
  if (kernels.empty())
    return success();
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto functions =
      gpu::GPUModuleOp::create(builder, module.getLoc(), "kernels");
  SymbolTable table(functions);
  VulkanEntry entry(target);
  for (func::FuncOp kernel : kernels)
    if (failed(checkKernel(kernel, target)) ||
        failed(gpucode::generateStages(kernel, table, entry)))
      return failure();
  functions->setAttr(mlir::spirv::getTargetEnvAttrName(),
                     getTargetEnvironment(functions, target));
  return success();
}

namespace {

struct GenerateKernelsPass
    : PassWrapper<GenerateKernelsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(GenerateKernelsPass)

  GenerateKernelsPass() = default;
  GenerateKernelsPass(const GenerateKernelsPass &other)
      : PassWrapper(other), described(other.described) {}
  explicit GenerateKernelsPass(const SpirvTarget &target) : described(target) {
    workgroupSize = target.workgroupSize;
    pushConstantBytes = target.pushConstantBytes;
    shuffles = target.shuffles;
    doubles = target.float64;
    busyInvocations = target.busyInvocations;
  }

  StringRef getArgument() const override { return "spirv-generate-kernels"; }
  StringRef getDescription() const override {
    return "turns kernels on tensors into GPU functions over storage buffers";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, gpu::GPUDialect, memref::MemRefDialect,
                    scf::SCFDialect, mlir::spirv::SPIRVDialect,
                    vector::VectorDialect>();
  }
  void runOnOperation() override {
    SpirvTarget target = described;
    if (!kind.empty()) {
      auto known = parseTarget(kind);
      if (!known) {
        getOperation().emitError()
            << "'" << kind << "' is no kind of Vulkan device";
        return signalPassFailure();
      }
      target = *known;
      if (failed(generateKernels(getOperation(), target)))
        signalPassFailure();
      return;
    }
    target.workgroupSize = workgroupSize;
    target.pushConstantBytes = pushConstantBytes;
    target.shuffles = shuffles;
    target.float64 = doubles;
    target.busyInvocations = busyInvocations;
    if (failed(generateKernels(getOperation(), target)))
      signalPassFailure();
  }

  Option<int64_t> workgroupSize{*this, "workgroup-size",
                                llvm::cl::desc("invocations in a workgroup"),
                                llvm::cl::init(64)};
  Option<int64_t> pushConstantBytes{
      *this, "push-constant-bytes",
      llvm::cl::desc("bytes that push constants hold"), llvm::cl::init(128)};
  Option<bool> shuffles{
      *this, "shuffles",
      llvm::cl::desc("invocations of a subgroup hand each other values"),
      llvm::cl::init(true)};
  Option<bool> doubles{*this, "doubles",
                       llvm::cl::desc("the device computes in 64-bit floats"),
                       llvm::cl::init(true)};
  Option<int64_t> busyInvocations{
      *this, "busy-invocations",
      llvm::cl::desc("invocations of a stage that keep the device busy"),
      llvm::cl::init(SpirvTarget().busyInvocations)};
  Option<std::string> kind{
      *this, "target",
      llvm::cl::desc("the kind of device, which tells all of the above")};

private:
  SpirvTarget described; // what the options do not tell
};

} // namespace

std::unique_ptr<Pass> createGenerateKernelsPass(const SpirvTarget &target) {
  return std::make_unique<GenerateKernelsPass>(target);
}

} // namespace dl::spirv

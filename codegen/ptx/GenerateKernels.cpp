// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/GenerateKernels.h"
#include "codegen/cpu/KernelFunction.h"
#include "codegen/cpu/KernelWork.h"
#include "codegen/gpu/CompressWeights.h"
#include "codegen/gpu/GenerateStages.h"
#include "codegen/gpu/SplitContraction.h"
#include "codegen/gpu/StageFunction.h"
#include "codegen/ptx/AttentionTile.h"
#include "codegen/ptx/MatrixVectorTile.h"
#include "codegen/ptx/SparseTile.h"
#include "codegen/ptx/TensorTile.h"
#include "codegen/ptx/WarpgroupAttention.h"
#include "codegen/ptx/WarpgroupTile.h"
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

/// Pointers in order, then the sizes, then tensor maps.
class CudaEntry : public EntryBuilder, public CudaParameters {
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
    maps.clear();
    copied.clear();
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
  bool
  takesIntegers(const mlir::dl::cpu::Contraction &contraction) const override {
    return TensorTile::fits(contraction, target);
  }
  bool
  takesFewRows(const mlir::dl::cpu::Contraction &contraction) const override {
    return MatrixVectorTile::fits(contraction);
  }
  bool takesAttention(const OnlineAttention &attention) const override {
    return isHopper() ? WarpgroupAttention::fits(attention)
                      : hasTensorCores() && AttentionTile::fits(attention);
  }
  Value emitAttention(StageFunction &stage, const OnlineAttention &attention,
                      Value result,
                      const mlir::dl::cpu::Buffer &buffer) override {
    return isHopper()
               ? WarpgroupAttention(stage, attention, *this)
                     .emit(result, buffer)
               : AttentionTile(stage, attention, *this).emit(result, buffer);
  }
  int64_t countProcessors() const override { return target.countProcessors(); }
  int64_t getExchangeLanes() const override { return 32; }
  bool canExchange(Type type) const override {
    unsigned bits = type.isIntOrFloat() ? type.getIntOrFloatBitWidth() : 0;
    return bits >= 8 && bits <= 64 && llvm::isPowerOf2_32(bits);
  }
  Value exchange(OpBuilder &builder, Location loc, Value value,
                 int64_t distance) override;
  int64_t getAlignment() const override { return alignment; }
  Value addTensorMap(const OperandMap &map, ArrayRef<int64_t> box) override;
  Value getDynamicShared(int64_t bytes) override;
  void setPersistent(int64_t threads) override;
  Value takeSource(Value vector) override;
  int64_t getVectorWidth() const override { return 4; }
  int64_t getBusyInvocations() const override {
    constexpr int64_t kOfProcessor = 512;
    return kOfProcessor * target.countProcessors();
  }
  int64_t getWorkgroupSize() const override { return target.workgroupSize; }

private:
  /// Those that multiply bf16 and read what cp.async has copied.
  bool hasTensorCores() const {
    constexpr unsigned kFirstCapability = 80;
    return target.capability >= kFirstCapability;
  }
  /// Those of sm_90a, whose warpgroups multiply.
  bool isHopper() const {
    constexpr unsigned kHopper = 90;
    return target.capability == kHopper && target.isSpecial;
  }
  Value getSharedPointer(OpBuilder &builder, Location loc, int64_t offset,
                         int64_t bytes);
  void alignAccesses();
  void describeMaps(ArrayRef<int64_t> taken);
  bool isRead(unsigned number) const {
    if (llvm::is_contained(llvm::make_first_range(maps), number) ||
        llvm::is_contained(copied, number))
      return true;
    return memories[number] &&
           llvm::any_of(memories[number].getUsers(), [](Operation *user) {
             return !isa<memref::StoreOp, vector::StoreOp>(user);
           });
  }

  const PtxTarget &target;
  func::FuncOp function;
  SmallVector<Type> elements;
  SmallVector<Value> memories;
  /// The buffers that have tensor maps, and what the attribute says of them;
  /// their parameters are the last ones.
  SmallVector<std::pair<unsigned, DictionaryAttr>> maps;
  SmallVector<unsigned> copied; ///< buffers that are read by copies
  int64_t alignment = 1;
};

} // namespace

/// Registers of 32 bits are exchanged: one for a narrower value, two for a
/// wider one.
Value CudaEntry::exchange(OpBuilder &builder, Location loc, Value value,
                          int64_t distance) {
  Type type = value.getType(), i32 = builder.getI32Type();
  unsigned bits = type.getIntOrFloatBitWidth();
  auto toInt = [&](int64_t number) {
    return arith::ConstantOp::create(
        builder, loc, builder.getI32IntegerAttr(static_cast<int32_t>(number)));
  };
  auto shuffle = [&](Value part) -> Value {
    return NVVM::ShflOp::create(builder, loc, part.getType(), toInt(-1), part,
                                toInt(distance), toInt(getExchangeLanes() - 1),
                                NVVM::ShflKind::bfly, UnitAttr());
  };
  if (type.isF32() || type == i32)
    return shuffle(value);
  Type whole = builder.getIntegerType(bits);
  if (type != whole)
    value = arith::BitcastOp::create(builder, loc, whole, value);
  if (bits == 64) {
    auto pair = VectorType::get({2}, i32);
    Value parts = LLVM::BitcastOp::create(builder, loc, pair, value);
    SmallVector<Value> moved;
    for (int64_t i : {0, 1})
      moved.push_back(
          shuffle(vector::ExtractOp::create(builder, loc, parts, i)));
    parts = vector::FromElementsOp::create(builder, loc, pair, moved);
    value = LLVM::BitcastOp::create(builder, loc, whole, parts);
  } else if (bits < 32) {
    value = shuffle(arith::ExtUIOp::create(builder, loc, i32, value));
    value = arith::TruncIOp::create(builder, loc, whole, value);
  } else {
    value = shuffle(value);
  }
  return type == whole
             ? value
             : Value(arith::BitcastOp::create(builder, loc, type, value));
}

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

/// An argument after all others until the function ends.
Value CudaEntry::addTensorMap(const OperandMap &map, ArrayRef<int64_t> box) {
  unsigned number = llvm::find(memories, map.memory) - memories.begin();
  Builder builder(function.getContext());
  SmallVector<AffineExpr> extents, strides;
  for (const MapDimension &dimension : map.dimensions) {
    extents.push_back(dimension.extent);
    strides.push_back(dimension.strideBytes);
  }
  unsigned sizes =
      function.getBody().front().getNumArguments() - elements.size();
  auto toMap = [&](ArrayRef<AffineExpr> exprs) {
    return AffineMapAttr::get(
        AffineMap::get(0, sizes, exprs, builder.getContext()));
  };
  maps.push_back(
      {number,
       builder.getDictionaryAttr(
           {builder.getNamedAttr("box", builder.getDenseI64ArrayAttr(box)),
            builder.getNamedAttr("element", TypeAttr::get(map.elementType)),
            builder.getNamedAttr("extents", toMap(extents)),
            builder.getNamedAttr("strides",
                                 toMap(ArrayRef(strides).drop_front()))})});
  return function.getBody().front().addArgument(
      LLVM::LLVMPointerType::get(builder.getContext()), function.getLoc());
}

Value CudaEntry::getDynamicShared(int64_t bytes) {
  OpBuilder builder(function.getContext());
  builder.setInsertionPointToStart(&function.getBody().front());
  function->setAttr(kDynamicSharedName, builder.getI64IntegerAttr(bytes));
  return LLVM::AddressOfOp::create(
      builder, function.getLoc(),
      LLVM::LLVMPointerType::get(builder.getContext(), kSharedSpace),
      kDynamicSharedName);
}

void CudaEntry::setPersistent(int64_t threads) {
  Builder builder(function.getContext());
  function->setAttr(kPersistentName, builder.getI64IntegerAttr(threads));
}

/// The maps' parameters are theirs by value, and say what the launch must know.
void CudaEntry::describeMaps(ArrayRef<int64_t> taken) {
  if (maps.empty())
    return;
  Builder builder(function.getContext());
  constexpr int64_t kBytes = 128, kAlignment = 64;
  SmallVector<Attribute> described;
  unsigned argument = function.getNumArguments() - maps.size();
  for (auto &[number, about] : maps) {
    NamedAttrList all(about);
    all.set("arg", builder.getI64IntegerAttr(
                       llvm::find(taken, int64_t(number)) - taken.begin()));
    described.push_back(all.getDictionary(builder.getContext()));
    function.setArgAttr(
        argument, LLVM::LLVMDialect::getByValAttrName(),
        TypeAttr::get(LLVM::LLVMArrayType::get(builder.getI8Type(), kBytes)));
    function.setArgAttr(argument, LLVM::LLVMDialect::getAlignAttrName(),
                        builder.getI64IntegerAttr(kAlignment));
    ++argument;
  }
  function->setAttr(kTensorMapsName, builder.getArrayAttr(described));
}

std::unique_ptr<TileEmitter>
CudaEntry::makeTile(StageFunction &stage,
                    const mlir::dl::cpu::Contraction &contraction) {
  if (MatrixVectorTile::fits(contraction))
    return std::make_unique<MatrixVectorTile>(stage, contraction);
  if (SparseTile::fits(contraction, target))
    return std::make_unique<SparseTile>(stage, contraction, *this, target);
  if (isHopper())
    if (auto tile =
            WarpgroupTile::make(stage, contraction, *this, target.usesTf32))
      return tile;
  if (!TensorTile::fits(contraction, target))
    return EntryBuilder::makeTile(stage, contraction);
  return std::make_unique<TensorTile>(stage, contraction, *this);
}

Value CudaEntry::takeSource(Value vector) {
  constexpr int64_t kBytes = 16;
  constexpr unsigned kGlobalSpace = 1;
  auto load = vector.getDefiningOp<vector::LoadOp>();
  if (!load || !vector.use_empty())
    return {};
  auto memory = llvm::find(memories, load.getBase());
  VectorType type = load.getVectorType();
  Value at = load.getIndices().front();
  if (memory == memories.end() ||
      type.getNumElements() * type.getElementTypeBitWidth() != 8 * kBytes ||
      !isMultiple(at, type.getNumElements()))
    return {};
  unsigned number = memory - memories.begin();
  if (!llvm::is_contained(copied, number))
    copied.push_back(number);
  OpBuilder builder(load);
  Location loc = load.getLoc();
  Type global = LLVM::LLVMPointerType::get(builder.getContext(), kGlobalSpace);
  Value base = LLVM::AddrSpaceCastOp::create(builder, loc, global,
                                             function.getArgument(number));
  Value offset =
      arith::IndexCastOp::create(builder, loc, builder.getI32Type(), at);
  Value source =
      LLVM::GEPOp::create(builder, loc, global, type.getElementType(), base,
                          ArrayRef<LLVM::GEPArg>{offset});
  load.erase();
  return source;
}

/// Vectors that begin at multiples of their size are loaded and stored at once,
/// which buffers that begin there allow.
void CudaEntry::alignAccesses() {
  constexpr int64_t kMostBytes = 16; // of one access
  alignment = maps.empty() && copied.empty() ? 1 : kMostBytes;
  auto align = [&](auto access, VectorType type) {
    int64_t bytes = type.getNumElements() *
                    type.getElementType().getIntOrFloatBitWidth() / 8;
    if (!llvm::isPowerOf2_64(bytes) || access.getAlignment() ||
        !isMultiple(access.getIndices().front(), type.getNumElements()))
      return;
    access.setAlignment(std::min(bytes, kMostBytes));
    alignment = std::max(alignment, std::min(bytes, kMostBytes));
  };
  function.walk([&](Operation *op) {
    if (auto load = dyn_cast<vector::LoadOp>(op))
      align(load, load.getVectorType());
    if (auto store = dyn_cast<vector::StoreOp>(op))
      align(store, store.getVectorType());
  });
}

/// Buffers that are not used are no arguments, the one that is written comes
/// last, and of one that is read or keeps elements besides, there are two.
SmallVector<int64_t> CudaEntry::end(OpBuilder &builder, Location loc,
                                    unsigned written, bool keeps) {
  func::ReturnOp::create(builder, loc);
  alignAccesses();
  Block &block = function.getBody().front();
  SmallVector<int64_t> taken;
  SmallVector<Type> types;
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  unsigned count = elements.size(),
           sizes = block.getNumArguments() - count - maps.size();
  for (unsigned i = 0; i < count; ++i)
    if (i == written ? keeps || isRead(i) : isRead(i))
      taken.push_back(i);
  taken.push_back(written);
  types.append(taken.size(), pointer);
  types.append(sizes, builder.getIntegerType(kIndexBits));
  types.append(maps.size(), pointer);
  // New arguments after the old ones, which then go.
  unsigned old = block.getNumArguments();
  for (Type type : types)
    block.addArgument(type, loc);
  for (auto [i, number] : llvm::enumerate(taken))
    block.getArgument(number).replaceAllUsesWith(block.getArgument(old + i));
  for (unsigned i = 0, e = sizes + maps.size(); i < e; ++i)
    block.getArgument(count + i).replaceAllUsesWith(
        block.getArgument(old + taken.size() + i));
  // Descriptors of buffers that are not taken.
  for (unsigned i = 0; i < count; ++i)
    if (!block.getArgument(i).use_empty())
      block.getArgument(i).replaceAllUsesWith(block.getArgument(old));
  block.eraseArguments(0, old);
  function.setFunctionType(builder.getFunctionType(types, {}));
  describeMaps(taken);
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
  if (target.compressesWeights &&
      failed(
          gpucode::compressWeights(module, {/*pairs=*/target.multipliesPairs(),
                                            /*panels=*/!target.usesTf32,
                                            /*floats=*/true})))
    return failure();
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
    std::optional<OnlineAttention> attention = findAttention(kernel);
    if (!attention || !entry.takesAttention(*attention))
      splitContractions(kernel, target.countProcessors());
    if (failed(gpucode::generateStages(kernel, table, entry)))
      return failure();
    mlir::dl::cpu::setWork(work, sizes, kernel);
  }
  return functions;
}

} // namespace dl::ptx

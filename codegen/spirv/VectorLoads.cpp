// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/spirv/VectorLoads.h"
#include "codegen/gpu/EntryBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

constexpr unsigned kWord = 32;

/// How a vector lies in memory: as whole words, or as itself; null where
/// neither.
static Type getViewType(VectorType type) {
  unsigned bits = type.getElementTypeBitWidth();
  int64_t count = type.getNumElements();
  if (!llvm::isPowerOf2_64(count) || bits > kWord || bits < 8)
    return {};
  Type word = IntegerType::get(type.getContext(), kWord);
  int64_t words = count * bits / kWord;
  if (bits == kWord || words == 0)
    return type;
  return words == 1 ? word : Type(VectorType::get({words}, word));
}

namespace {

/// One access, and what takes the place of its vector.
class Lowering {
public:
  Lowering(Operation *access, VectorType type, Value memory, Value at)
      : builder(access), loc(access->getLoc()), type(type), memory(memory),
        at(at), bits(type.getElementTypeBitWidth()) {}

  void run(vector::LoadOp load, ::dl::spirv::GetView getView);
  void run(vector::StoreOp store, ::dl::spirv::GetView getView);

private:
  /// Whether the vector is loaded as words that hold several elements each.
  bool hasWords() const { return whole && whole.getType() != type; }
  void findView(::dl::spirv::GetView getView);
  Value getPlace(int64_t i);
  Value getElement(int64_t i);
  /// The word of the vector's `whole` that element i lies in.
  Value getWordOf(int64_t i);
  /// Four bytes as a word.
  Value getWord();
  /// Extensions of an element to 32 bits are shifts of its word.
  void replaceExtensions(Value element, int64_t i);
  Value constant(int64_t value) {
    return arith::ConstantOp::create(
        builder, loc, builder.getIntegerAttr(builder.getI32Type(), value));
  }

  OpBuilder builder;
  Location loc;
  VectorType type;
  Value memory, at;
  unsigned bits;
  Value view, place; ///< the buffer as vectors or words; null: there is none
  Value whole;       ///< what a load has of it
};

} // namespace

void Lowering::findView(::dl::spirv::GetView getView) {
  Type viewType = getViewType(type);
  int64_t count = type.getNumElements();
  if (!viewType || !::dl::gpucode::isMultiple(at, count))
    return;
  view = getView(cast<BlockArgument>(memory).getArgNumber(), viewType);
  if (!view)
    return;
  Value shift =
      arith::ConstantIndexOp::create(builder, loc, llvm::Log2_64(count));
  place = arith::ShRUIOp::create(builder, loc, at, shift);
}

Value Lowering::getPlace(int64_t i) {
  Value offset = arith::ConstantIndexOp::create(builder, loc, i);
  return arith::AddIOp::create(builder, loc, at, offset);
}

Value Lowering::getWordOf(int64_t i) {
  return isa<VectorType>(whole.getType())
             ? Value(mlir::spirv::CompositeExtractOp::create(
                   builder, loc, whole, static_cast<int32_t>(i * bits / kWord)))
             : whole;
}

Value Lowering::getElement(int64_t i) {
  if (!whole)
    return memref::LoadOp::create(builder, loc, memory,
                                  ValueRange{getPlace(i)});
  if (!hasWords())
    return mlir::spirv::CompositeExtractOp::create(builder, loc, whole,
                                                   static_cast<int32_t>(i));
  Value word = getWordOf(i);
  Value moved =
      arith::ShRUIOp::create(builder, loc, word, constant(i * bits % kWord));
  Type integer = builder.getIntegerType(bits);
  Value element = arith::TruncIOp::create(builder, loc, integer, moved);
  return type.getElementType() == integer
             ? element
             : Value(arith::BitcastOp::create(builder, loc,
                                              type.getElementType(), element));
}

Value Lowering::getWord() {
  if (hasWords())
    return whole;
  Value word;
  for (int64_t i = 0; i < type.getNumElements(); ++i) {
    Value byte = arith::ExtUIOp::create(builder, loc, builder.getI32Type(),
                                        getElement(i));
    Value moved = arith::ShLIOp::create(builder, loc, byte, constant(i * bits));
    word =
        word ? Value(arith::OrIOp::create(builder, loc, word, moved)) : moved;
  }
  return word;
}

void Lowering::replaceExtensions(Value element, int64_t i) {
  for (Operation *user : llvm::make_early_inc_range(element.getUsers())) {
    bool isNumber = isa<arith::SIToFPOp, arith::UIToFPOp>(user);
    bool hasSign = isa<arith::ExtSIOp, arith::SIToFPOp>(user);
    if ((!isNumber && !isa<arith::ExtSIOp, arith::ExtUIOp>(user)) ||
        (!isNumber && !user->getResult(0).getType().isInteger(kWord)))
      continue;
    Value top = arith::ShLIOp::create(
        builder, loc, getWordOf(i), constant(kWord - bits - i * bits % kWord));
    Value spare = constant(kWord - bits);
    Value wide = hasSign
                     ? Value(arith::ShRSIOp::create(builder, loc, top, spare))
                     : Value(arith::ShRUIOp::create(builder, loc, top, spare));
    if (isNumber) {
      user->setOperand(0, wide);
      continue;
    }
    user->replaceAllUsesWith(ValueRange{wide});
    user->erase();
  }
}

void Lowering::run(vector::LoadOp load, ::dl::spirv::GetView getView) {
  findView(getView);
  if (view)
    whole = memref::LoadOp::create(builder, loc, view, ValueRange{place});
  for (Operation *user : llvm::make_early_inc_range(load->getUsers())) {
    if (auto cast = dyn_cast<vector::BitCastOp>(user)) {
      Value word = getWord();
      for (Operation *taker : llvm::make_early_inc_range(cast->getUsers())) {
        taker->replaceAllUsesWith(ValueRange{word});
        taker->erase();
      }
    } else {
      auto extract = llvm::cast<vector::ExtractOp>(user);
      int64_t i = extract.getStaticPosition().front();
      if (hasWords())
        replaceExtensions(extract.getResult(), i);
      if (!extract->use_empty())
        extract.replaceAllUsesWith(getElement(i));
    }
    user->erase();
  }
  load.erase();
}

void Lowering::run(vector::StoreOp store, ::dl::spirv::GetView getView) {
  auto list = store.getValueToStore().getDefiningOp<vector::FromElementsOp>();
  findView(getView);
  Type viewType =
      view ? llvm::cast<MemRefType>(view.getType()).getElementType() : Type();
  bool isItself = viewType == type;
  SmallVector<Value> words;
  for (auto [i, element] : llvm::enumerate(list.getElements())) {
    if (!view) {
      memref::StoreOp::create(builder, loc, element, memory,
                              ValueRange{getPlace(i)});
      continue;
    }
    if (isItself) {
      words.push_back(element);
      continue;
    }
    Value part = element;
    if (!part.getType().isInteger())
      part = arith::BitcastOp::create(builder, loc,
                                      builder.getIntegerType(bits), part);
    part = arith::ExtUIOp::create(builder, loc, builder.getI32Type(), part);
    if (i * bits % kWord == 0)
      words.push_back(part);
    else
      words.back() = arith::OrIOp::create(
          builder, loc, words.back(),
          arith::ShLIOp::create(builder, loc, part,
                                constant(i * bits % kWord)));
  }
  if (view) {
    Value all = isa<VectorType>(viewType)
                    ? Value(mlir::spirv::CompositeConstructOp::create(
                          builder, loc, viewType, words))
                    : words.front();
    memref::StoreOp::create(builder, loc, all, view, ValueRange{place});
  }
  store.erase();
  if (list->use_empty())
    list.erase();
}

bool ::dl::spirv::isStoredByVectors(Value memory) {
  return !memory.use_empty() &&
         llvm::all_of(memory.getUsers(), [](Operation *user) {
           auto store = dyn_cast<vector::StoreOp>(user);
           return store && getViewType(store.getVectorType()) &&
                  ::dl::gpucode::isMultiple(
                      store.getIndices().front(),
                      store.getVectorType().getNumElements());
         });
}

/// Lanes of vectors that lie in shared memory.
static void lowerShared(gpu::GPUFuncOp function) {
  function.walk([](Operation *op) {
    OpBuilder builder(op);
    auto extract = dyn_cast<vector::ExtractOp>(op);
    if (extract && extract.getSource().getDefiningOp<memref::LoadOp>()) {
      op->replaceAllUsesWith(mlir::spirv::CompositeExtractOp::create(
          builder, op->getLoc(), extract.getSource(),
          static_cast<int32_t>(extract.getStaticPosition().front())));
      op->erase();
    }
    auto list = dyn_cast<vector::FromElementsOp>(op);
    if (list &&
        llvm::any_of(list->getUsers(), llvm::IsaPred<memref::StoreOp>)) {
      op->replaceAllUsesWith(mlir::spirv::CompositeConstructOp::create(
          builder, op->getLoc(), list.getType(), list.getElements()));
      op->erase();
    }
  });
}

void ::dl::spirv::lowerVectors(gpu::GPUFuncOp function, GetView getView) {
  SmallVector<Operation *> accesses;
  function.walk([&](Operation *op) {
    if (isa<vector::LoadOp, vector::StoreOp>(op))
      accesses.push_back(op);
  });
  lowerShared(function);
  // An 8-bit float's bits are those of the byte that holds it.
  function.walk([](arith::BitcastOp op) {
    auto inner = op.getIn().getDefiningOp<arith::BitcastOp>();
    if (!inner || inner.getIn().getType() != op.getType())
      return;
    op.replaceAllUsesWith(inner.getIn());
    op.erase();
    if (inner->use_empty())
      inner.erase();
  });
  for (Operation *op : accesses)
    if (auto load = dyn_cast<vector::LoadOp>(op))
      Lowering(load, load.getVectorType(), load.getBase(),
               load.getIndices().front())
          .run(load, getView);
    else if (auto store = dyn_cast<vector::StoreOp>(op))
      Lowering(store, store.getVectorType(), store.getBase(),
               store.getIndices().front())
          .run(store, getView);
}

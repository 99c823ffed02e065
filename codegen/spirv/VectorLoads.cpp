// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/spirv/VectorLoads.h"
#include "codegen/gpu/EntryBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace {

constexpr unsigned kByte = 8, kWord = 32;

/// One load, and what takes the place of its vector.
class Lowering {
public:
  explicit Lowering(vector::LoadOp load)
      : load(load), builder(load), loc(load.getLoc()),
        type(load.getVectorType()), at(load.getIndices().front()),
        isWord(type.getElementType().isInteger(kByte) &&
               type.getNumElements() * kByte == kWord) {}

  void run(::dl::spirv::GetView getView);

private:
  Value loadElement(int64_t i);
  Value getElement(int64_t i);
  Value getWord();
  /// Extensions of a byte of the loaded word to 32 bits are shifts of the word.
  void replaceExtensions(Value element, int64_t i);
  Value constant(int64_t value) {
    return arith::ConstantOp::create(
        builder, loc, builder.getIntegerAttr(builder.getI32Type(), value));
  }

  vector::LoadOp load;
  OpBuilder builder;
  Location loc;
  VectorType type;
  Value at;
  bool isWord;
  Value whole; ///< the vector, or the word; null: there is none
};

} // namespace

Value Lowering::loadElement(int64_t i) {
  Value offset = arith::ConstantIndexOp::create(builder, loc, i);
  Value place = arith::AddIOp::create(builder, loc, at, offset);
  return memref::LoadOp::create(builder, loc, load.getBase(),
                                ValueRange{place});
}

Value Lowering::getElement(int64_t i) {
  if (!whole)
    return loadElement(i);
  if (!isWord)
    return mlir::spirv::CompositeExtractOp::create(builder, loc, whole,
                                                   static_cast<int32_t>(i));
  Value moved =
      arith::ShRUIOp::create(builder, loc, whole, constant(i * kByte));
  return arith::TruncIOp::create(builder, loc, type.getElementType(), moved);
}

Value Lowering::getWord() {
  if (whole)
    return whole;
  Value word;
  for (int64_t i = 0; i < type.getNumElements(); ++i) {
    Value byte = arith::ExtUIOp::create(builder, loc, builder.getI32Type(),
                                        loadElement(i));
    Value moved =
        arith::ShLIOp::create(builder, loc, byte, constant(i * kByte));
    word =
        word ? Value(arith::OrIOp::create(builder, loc, word, moved)) : moved;
  }
  return word;
}

void Lowering::replaceExtensions(Value element, int64_t i) {
  for (Operation *user : llvm::make_early_inc_range(element.getUsers())) {
    bool hasSign = isa<arith::ExtSIOp>(user);
    if ((!hasSign && !isa<arith::ExtUIOp>(user)) ||
        !user->getResult(0).getType().isInteger(kWord))
      continue;
    Value top = arith::ShLIOp::create(builder, loc, whole,
                                      constant(kWord - kByte - i * kByte));
    Value spare = constant(kWord - kByte);
    Value wide = hasSign
                     ? Value(arith::ShRSIOp::create(builder, loc, top, spare))
                     : Value(arith::ShRUIOp::create(builder, loc, top, spare));
    user->replaceAllUsesWith(ValueRange{wide});
    user->erase();
  }
}

void Lowering::run(::dl::spirv::GetView getView) {
  int64_t count = type.getNumElements();
  if (llvm::isPowerOf2_64(count) && ::dl::gpucode::isMultiple(at, count)) {
    Value view = getView(cast<BlockArgument>(load.getBase()).getArgNumber(),
                         isWord ? Type(builder.getI32Type()) : Type(type));
    if (view) {
      Value shift =
          arith::ConstantIndexOp::create(builder, loc, llvm::Log2_64(count));
      Value place = arith::ShRUIOp::create(builder, loc, at, shift);
      whole = memref::LoadOp::create(builder, loc, view, ValueRange{place});
    }
  }
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
      if (whole && isWord)
        replaceExtensions(extract.getResult(), i);
      if (!extract->use_empty())
        extract.replaceAllUsesWith(getElement(i));
    }
    user->erase();
  }
  load.erase();
}

void ::dl::spirv::lowerVectorLoads(gpu::GPUFuncOp function, GetView getView) {
  SmallVector<vector::LoadOp> loads;
  function.walk([&](vector::LoadOp load) { loads.push_back(load); });
  for (vector::LoadOp load : loads)
    Lowering(load).run(getView);
}

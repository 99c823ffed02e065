// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/KernelWork.h"
#include "codegen/cpu/IndexFormula.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "passes/lower/FourierKernelForm.h"
#include <cmath>

using namespace mlir;
using namespace mlir::dl::cpu;

namespace {

class WorkCounter {
public:
  explicit WorkCounter(func::FuncOp kernel) : context(kernel.getContext()) {
    unsigned next = 0;
    for (BlockArgument argument : kernel.getArguments())
      if (auto type = dyn_cast<RankedTensorType>(argument.getType()))
        for (int64_t d = 0; d < type.getRank(); ++d)
          if (type.isDynamicDim(d))
            tensorSizes[{argument, d}] = getAffineDimExpr(next++, context);
    for (BlockArgument argument : kernel.getArguments())
      if (argument.getType().isIndex())
        indices[argument] = getAffineDimExpr(next++, context);
  }

  /// The product of the extents of some loops; null where one is not a formula.
  AffineExpr getExtent(linalg::GenericOp op,
                       function_ref<bool(unsigned)> includes) {
    AffineExpr product = constant(1);
    for (unsigned d = 0; product && d < op.getNumLoops(); ++d)
      if (includes(d))
        product = multiply(product, getLoopSize(op, d));
    return product;
  }
  AffineExpr getExtent(linalg::GenericOp op) {
    return getExtent(op, [](unsigned) { return true; });
  }

  AffineExpr constant(int64_t value) {
    return getAffineConstantExpr(value, context);
  }
  static AffineExpr multiply(AffineExpr a, AffineExpr b) {
    return a && b ? a * b : AffineExpr();
  }

  /// The most elements of `operand` that one use of it reads; null for all.
  AffineExpr countReads(OpOperand &use) {
    Operation *user = use.getOwner();
    if (isa<tensor::DimOp>(user))
      return constant(0);
    if (auto generic = dyn_cast<linalg::GenericOp>(user)) {
      if (!generic.isDpsInput(&use))
        return {};
      AffineMap map = generic.getMatchingIndexingMap(&use);
      return getExtent(generic,
                       [&](unsigned d) { return map.isFunctionOfDim(d); });
    }
    if (auto extract = dyn_cast<tensor::ExtractOp>(user))
      if (auto generic = dyn_cast<linalg::GenericOp>(extract->getParentOp()))
        if (!isa<scf::ForOp>(generic->getParentOp()))
          return getExtent(generic);
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(user)) {
      AffineExpr product = constant(1);
      for (OpFoldResult size : slice.getMixedSizes())
        product = multiply(product, toExpr(size));
      return isa<scf::ForOp>(user->getParentOp()) ? AffineExpr() : product;
    }
    return {};
  }

private:
  AffineExpr getLoopSize(linalg::GenericOp op, unsigned loop) {
    for (OpOperand &operand : op->getOpOperands())
      for (auto [i, expr] :
           llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
        if (auto dim = dyn_cast<AffineDimExpr>(expr);
            dim && dim.getPosition() == loop)
          if (AffineExpr size = getSize(operand.get(), i))
            return size;
    return {};
  }

  AffineExpr getSize(Value tensor, unsigned d) {
    auto type = cast<RankedTensorType>(tensor.getType());
    if (!type.isDynamicDim(d))
      return constant(type.getDimSize(d));
    if (auto found = tensorSizes.find({tensor, d}); found != tensorSizes.end())
      return found->second;
    Operation *op = tensor.getDefiningOp();
    if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(op))
      return toExpr(empty.getMixedSizes()[d]);
    if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(op))
      return toExpr(expand.getMixedOutputShape()[d]);
    if (auto cast = dyn_cast_or_null<tensor::CastOp>(op))
      return getSize(cast.getSource(), d);
    if (auto style = dyn_cast_or_null<DestinationStyleOpInterface>(op))
      return getSize(style.getTiedOpOperand(cast<OpResult>(tensor))->get(), d);
    return {};
  }

  AffineExpr toExpr(OpFoldResult size) {
    if (auto number = getConstantIntValue(size))
      return constant(*number);
    return toExpr(cast<Value>(size));
  }
  AffineExpr toExpr(Value value) {
    return getIndexFormula(value, [&](Value index) -> AffineExpr {
      if (auto found = indices.find(index); found != indices.end())
        return found->second;
      auto dim = index.getDefiningOp<tensor::DimOp>();
      auto number = dim ? dim.getConstantIndex() : std::nullopt;
      return number ? getSize(dim.getSource(), *number) : AffineExpr();
    });
  }

  MLIRContext *context;
  DenseMap<std::pair<Value, unsigned>, AffineExpr> tensorSizes;
  DenseMap<Value, AffineExpr> indices;
};

} // namespace

static bool isArithmetic(Operation &op) {
  if (op.getNumResults() != 1 ||
      !op.getResult(0).getType().isIntOrFloat()) // not on indices
    return false;
  return isa<math::MathDialect>(op.getDialect()) ||
         isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp,
             arith::RemFOp, arith::NegFOp, arith::MaximumFOp, arith::MinimumFOp,
             arith::MaxNumFOp, arith::MinNumFOp, arith::AddIOp, arith::SubIOp,
             arith::MulIOp, arith::DivSIOp, arith::DivUIOp, arith::RemSIOp,
             arith::RemUIOp, arith::MaxSIOp, arith::MaxUIOp, arith::MinSIOp,
             arith::MinUIOp>(op);
}

static unsigned getWidth(Type type) {
  return type && type.isIntOrFloat() ? type.getIntOrFloatBitWidth() : 0;
}

/// The customary count of a fast transform of one row: 5 n log2(n), half of
/// that where the row is real.
static int64_t countFastTransform(linalg::GenericOp op,
                                  const mlir::dl::FourierForm &form) {
  auto length = static_cast<double>(form.length);
  double each = op.getNumDpsInputs() == 1 ? 2.5 : 5;
  return std::llround(each * length * std::log2(std::max(length, 2.0)));
}

KernelWork mlir::dl::cpu::countWork(func::FuncOp kernel) {
  WorkCounter counter(kernel);
  KernelWork work;
  work.operations = counter.constant(0);
  kernel.walk([&](linalg::GenericOp op) {
    int64_t each = llvm::count_if(*op.getBody(), isArithmetic);
    std::optional<mlir::dl::FourierForm> fourier = mlir::dl::getFourierForm(op);
    if (fourier)
      each = countFastTransform(op, *fourier);
    // A transform is counted by its rows.
    auto isCounted = [&](unsigned d) {
      return !fourier || d + 3 < op.getNumLoops();
    };
    // A loop around it runs it an unknown number of times.
    AffineExpr extent = isa<func::FuncOp>(op->getParentOp())
                            ? counter.getExtent(op, isCounted)
                            : AffineExpr();
    if (each && work.operations)
      work.operations = extent ? work.operations + extent * each : extent;
    if (op.getNumReductionLoops())
      for (Value init : op.getDpsInits()) {
        Type type = getElementTypeOrSelf(init.getType());
        if (getWidth(type) > getWidth(work.accumulator))
          work.accumulator = type;
      }
  });
  for (BlockArgument argument : kernel.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type)
      continue;
    AffineExpr reads = counter.constant(0);
    for (OpOperand &use : argument.getUses()) {
      AffineExpr count = counter.countReads(use);
      if (count && count == 0)
        continue;
      // Several uses find what one has brought near; the largest counts.
      auto known = dyn_cast<AffineConstantExpr>(reads);
      auto more = dyn_cast_or_null<AffineConstantExpr>(count);
      if (known && known.getValue() == 0)
        reads = count;
      else if (known && more)
        reads = counter.constant(std::max(known.getValue(), more.getValue()));
      else if (reads != count)
        reads = {};
      if (!reads)
        break;
    }
    auto number = dyn_cast_or_null<AffineConstantExpr>(reads);
    if (number && type.hasStaticShape() &&
        number.getValue() >= type.getNumElements())
      reads = {};
    work.reads.push_back(reads);
  }
  return work;
}

/// The value of `dl.products`; empty where there are none.
static StringRef findProducts(func::FuncOp generated) {
  bool hasF32 = false, hasPairs = false, hasTiles = false, hasQuads = false,
       hasByteTiles = false;
  generated.walk([&](Operation *op) {
    hasF32 |= isa<vector::FMAOp>(op);
    hasPairs |= isa<x86vector::DotBF16Op>(op);
    if (auto call = dyn_cast<LLVM::CallIntrinsicOp>(op)) {
      StringRef name = call.getIntrin();
      hasTiles |= name == "llvm.x86.tdpbf16ps";
      hasByteTiles |= name.starts_with("llvm.x86.tdpb") && name.ends_with("d");
      hasQuads |= name.starts_with("llvm.x86.avx512.vpdpbusd");
    }
  });
  return hasTiles       ? "bf16-tiles"
         : hasByteTiles ? "i8-tiles"
         : hasQuads     ? "i8-quads"
         : hasPairs     ? "bf16-pairs"
         : hasF32       ? "f32"
                        : "";
}

void mlir::dl::cpu::setWork(const KernelWork &work, unsigned numSizes,
                            func::FuncOp generated) {
  Builder builder(generated.getContext());
  auto map = [&](AffineExpr expr) {
    return AffineMapAttr::get(AffineMap::get(numSizes, 0, expr));
  };
  if (work.operations && work.operations != 0)
    generated->setAttr("dl.flops", map(work.operations));
  if (llvm::any_of(work.reads, [](AffineExpr reads) { return !!reads; })) {
    SmallVector<Attribute> reads;
    for (AffineExpr expr : work.reads)
      reads.push_back(expr ? Attribute(map(expr)) : builder.getUnitAttr());
    generated->setAttr("dl.reads", builder.getArrayAttr(reads));
  }
  if (work.accumulator)
    generated->setAttr("dl.accumulator", TypeAttr::get(work.accumulator));
  if (StringRef products = findProducts(generated); !products.empty())
    generated->setAttr("dl.products", builder.getStringAttr(products));
}

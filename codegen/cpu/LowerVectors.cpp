// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/Lowering.h"
#include "codegen/cpu/RewriteOps.h"

#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"

using namespace mlir;

namespace dl::cpu {

namespace {

/// A mask of the first `bound` lanes, by comparing 32-bit lane numbers:
///
///   vector.create_mask %bound : vector<16xi1>
/// becomes
///   %b = clamp %bound to [0, 16], as i32
///   arith.cmpi sgt, broadcast %b, dense<[0, 1, ..., 15]>
///
/// Upstream compares 64-bit lane numbers, or cuts the bound to 32 bits
/// unclamped.
struct MaskByComparison : OpRewritePattern<vector::CreateMaskOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(vector::CreateMaskOp op,
                                PatternRewriter &rewriter) const override {
    VectorType type = op.getType();
    if (type.getRank() != 1 || type.isScalable())
      return rewriter.notifyMatchFailure(op, "not a fixed vector of rank 1");
    Location loc = op.getLoc();
    int64_t lanes = type.getDimSize(0);
    Value bound = op.getOperand(0);
    Value zero = arith::ConstantIndexOp::create(rewriter, loc, 0);
    Value most = arith::ConstantIndexOp::create(rewriter, loc, lanes);
    bound = arith::MaxSIOp::create(rewriter, loc, bound, zero);
    bound = arith::MinSIOp::create(rewriter, loc, bound, most);
    Type i32 = rewriter.getI32Type();
    bound = arith::IndexCastOp::create(rewriter, loc, i32, bound);
    auto laneType = VectorType::get({lanes}, i32);
    SmallVector<int32_t> numbers =
        llvm::to_vector(llvm::seq<int32_t>(0, lanes));
    Value lane = arith::ConstantOp::create(
        rewriter, loc, DenseElementsAttr::get(laneType, ArrayRef(numbers)));
    Value bounds = vector::BroadcastOp::create(rewriter, loc, laneType, bound);
    rewriter.replaceOpWithNewOp<arith::CmpIOp>(op, arith::CmpIPredicate::sgt,
                                               bounds, lane);
    return success();
  }
};

class LowerVectors : public PassWrapper<LowerVectors, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerVectors)

  StringRef getName() const override { return "LowerVectors"; }
  StringRef getArgument() const override { return "dl-cpu-lower-vectors"; }
  StringRef getDescription() const override {
    return "rewrite vector ops to those that LLVM has instructions for";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<affine::AffineDialect, arith::ArithDialect,
                    memref::MemRefDialect, scf::SCFDialect,
                    vector::VectorDialect>();
  }

  LogicalResult initialize(MLIRContext *context) override {
    // Whole-vector ops first: what they become are transfers of rank above one,
    // which the second step unrolls, and ops on rows, which the third lowers.
    RewritePatternSet whole(context), transfers(context), rows(context);
    vector::populateVectorContractLoweringPatterns(
        whole, vector::VectorContractLowering::OuterProduct);
    vector::populateVectorOuterProductLoweringPatterns(whole);
    vector::populateVectorMultiReductionLoweringPatterns(
        whole, vector::VectorMultiReductionLowering::InnerParallel);
    vector::populateVectorGatherLoweringPatterns(whole);
    vector::populateVectorMaskOpLoweringPatterns(whole);
    vector::populateVectorMaskLoweringPatternsForSideEffectingOps(whole);
    vector::populateVectorTransferPermutationMapLoweringPatterns(whole);

    populateVectorToSCFConversionPatterns(
        transfers,
        VectorTransferToSCFOptions().enableFullUnroll().setTargetRank(1));

    vector::populateVectorToVectorCanonicalizationPatterns(rows);
    vector::populateVectorBroadcastLoweringPatterns(rows);
    vector::populateVectorMaskOpLoweringPatterns(rows);
    vector::populateVectorShapeCastLoweringPatterns(rows);
    vector::populateVectorBitCastLoweringPatterns(rows);
    vector::populateVectorInterleaveLoweringPatterns(rows);
    vector::populateVectorTransposeLoweringPatterns(
        rows, vector::VectorTransposeLowering::Shuffle16x16);
    vector::populateVectorTransferLoweringPatterns(rows, 1);
    vector::populateVectorMaskMaterializationPatterns(
        rows, /*force32BitVectorIndices=*/true);
    rows.add<MaskByComparison>(context, /*benefit=*/2);
    vector::populateVectorInsertExtractStridedSliceTransforms(rows);
    vector::populateVectorStepLoweringPatterns(rows);
    vector::populateVectorRankReducingFMAPattern(rows);
    vector::populateVectorFromElementsUnrollPatterns(rows);
    vector::populateVectorToElementsUnrollPatterns(rows);
    steps = {std::move(whole), std::move(transfers), std::move(rows)};
    return success();
  }

  void runOnOperation() override {
    for (const FrozenRewritePatternSet &patterns : steps)
      if (failed(rewriteOps(getOperation(), mayChange, patterns)))
        return signalPassFailure();
  }

private:
  /// Most vector ops of a kernel are rows in memory and products of them, for
  /// which there are instructions.
  static bool mayChange(Operation *op) {
    if (!isa<vector::VectorDialect>(op->getDialect()))
      return false;
    auto isRow = [](Type type) {
      auto vector = dyn_cast<VectorType>(type);
      return !vector || vector.getRank() == 1;
    };
    return !isa<vector::LoadOp, vector::StoreOp, vector::FMAOp>(op) ||
           !llvm::all_of(op->getOperandTypes(), isRow) ||
           !llvm::all_of(op->getResultTypes(), isRow);
  }

  SmallVector<FrozenRewritePatternSet, 3> steps;
};

} // namespace

std::unique_ptr<Pass> createLowerVectorsPass() {
  return std::make_unique<LowerVectors>();
}

} // namespace dl::cpu

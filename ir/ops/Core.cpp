// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/ops/Inference.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace mlir::dl;

#define GET_OP_CLASSES
#include "ir/dialect/CoreOps.cpp.inc"

//===----------------------------------------------------------------------===//
// SizesOp, IotaOp
//===----------------------------------------------------------------------===//

LogicalResult SizesOp::verify() {
  RankedTensorType type = typeOf(getResult());
  unsigned count = getValue().getMap().getNumResults();
  if (type.hasStaticShape() && type.getNumElements() == count)
    return success();
  return Reporter(*this).fail("(C1) expected a static result of ", count,
                              " elements, found ", type);
}

LogicalResult IotaOp::verify() {
  Reporter report(*this);
  if (failed(checkDimsKnown(report, getResult())))
    return failure();
  return checkAxis(report, "(C1)", getAxis(), typeOf(getResult()).getRank());
}

//===----------------------------------------------------------------------===//
// BindOp
//===----------------------------------------------------------------------===//

LogicalResult BindOp::verify() {
  Reporter report(*this);
  RankedTensorType type = typeOf(getSizes());
  ArrayRef<int64_t> symbols = getSymbols();
  if (!type.hasStaticShape() || !type.getElementType().isSignlessInteger(64) ||
      type.getNumElements() != static_cast<int64_t>(symbols.size()))
    return report.fail("(C1) expected a static operand of ", symbols.size(),
                       " i64, found ", type);
  llvm::SmallDenseSet<int64_t> seen;
  for (int64_t symbol : symbols)
    if (symbol < 0 || !seen.insert(symbol).second)
      return report.fail("(C2) expected symbols that differ, found ",
                         toString(symbols));
  return success();
}

//===----------------------------------------------------------------------===//
// ScanOp, FusedOp
//===----------------------------------------------------------------------===//

/// The type of a tensor without dimension 0.
static RankedTensorType getSliceType(RankedTensorType type) {
  return getTensorType(ArrayRef(getDims(type)).drop_front(),
                       type.getElementType());
}

LogicalResult ScanOp::verify() {
  Reporter report(*this);
  if (failed(checkDimsKnown(report, getOperands())) ||
      failed(checkDimsKnown(report, getResults())))
    return failure();
  if (getInputs().empty())
    return report.fail("(C1) expected an input");
  SmallVector<Type> expected(getStates().getTypes());
  for (Value input : getInputs()) {
    RankedTensorType type = typeOf(input), first = typeOf(getInputs()[0]);
    if (type.getRank() == 0 || contradict(getDim(type, 0), getDim(first, 0)))
      return report.fail(
          "(C1) expected inputs that agree in dimension 0, found ",
          getInputs().getTypes());
    expected.push_back(getSliceType(type));
  }
  Block &body = getBody().front();
  if (!areCompatible(body.getArgumentTypes(), expected))
    return report.fail("(C2) expected a body that takes ", TypeRange(expected),
                       ", found ", body.getArgumentTypes());
  size_t states = getStates().size();
  if (getNumResults() < states ||
      !areCompatible(TypeRange(getResultTypes()).take_front(states),
                     getStates().getTypes()))
    return report.fail("(C4) expected results that begin with the states' "
                       "types, found ",
                       getResultTypes());
  expected.truncate(states);
  for (Value result : getResults().drop_front(states)) {
    RankedTensorType type = typeOf(result);
    if (type.getRank() == 0 ||
        contradict(getDim(type, 0), getDim(typeOf(getInputs()[0]), 0)))
      return report.fail("(C4) expected stacked results that agree with the "
                         "inputs in dimension 0, found ",
                         type);
    expected.push_back(getSliceType(type));
  }
  TypeRange yielded = body.getTerminator()->getOperandTypes();
  if (!areCompatible(yielded, expected))
    return report.fail("(C3) expected a body that yields ", TypeRange(expected),
                       ", found ", yielded);
  return success();
}

namespace {

/// A scan takes no input and stacks no result that nothing reads, and no input
/// twice.
struct TrimScan : OpRewritePattern<ScanOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ScanOp scan,
                                PatternRewriter &rewriter) const override {
    Block &body = scan.getBody().front();
    size_t states = scan.getStates().size();
    SmallVector<Value> inputs;
    llvm::SmallDenseMap<Value, BlockArgument> known;
    llvm::BitVector droppedArguments(body.getNumArguments());
    for (auto [i, input] : llvm::enumerate(scan.getInputs())) {
      BlockArgument argument = body.getArgument(states + i);
      auto [entry, isNew] = known.insert({input, argument});
      // The count of iterations is that of an input.
      bool isLast = inputs.empty() && i + 1 == scan.getInputs().size();
      if (!isNew || (argument.use_empty() && !isLast)) {
        if (isNew)
          known.erase(input);
        else if (!argument.use_empty())
          rewriter.replaceAllUsesWith(argument, entry->second);
        droppedArguments.set(states + i);
        continue;
      }
      inputs.push_back(input);
    }
    llvm::BitVector droppedResults(scan.getNumResults());
    SmallVector<Type> types;
    for (OpResult result : scan.getResults()) {
      bool isState = result.getResultNumber() < states;
      if (!isState && result.use_empty())
        droppedResults.set(result.getResultNumber());
      else
        types.push_back(result.getType());
    }
    if (droppedArguments.none() && droppedResults.none())
      return failure();

    auto trimmed = ScanOp::create(rewriter, scan.getLoc(), types,
                                  scan.getStates(), inputs, scan.getReverse());
    while (!trimmed.getBody().empty())
      rewriter.eraseBlock(&trimmed.getBody().front());
    rewriter.inlineRegionBefore(scan.getBody(), trimmed.getBody(),
                                trimmed.getBody().end());
    Block &inside = trimmed.getBody().front();
    rewriter.modifyOpInPlace(trimmed, [&] {
      inside.eraseArguments(droppedArguments);
      inside.getTerminator()->eraseOperands(droppedResults);
    });
    size_t next = 0;
    SmallVector<Value> results;
    for (size_t i = 0; i < scan.getNumResults(); ++i)
      results.push_back(droppedResults[i] ? Value()
                                          : trimmed.getResult(next++));
    rewriter.replaceOp(scan, results);
    return success();
  }
};

} // namespace

void ScanOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                         MLIRContext *context) {
  patterns.add<TrimScan>(context);
}

LogicalResult FusedOp::verify() {
  TypeRange yielded = getBody().front().getTerminator()->getOperandTypes();
  if (areCompatible(yielded, getResultTypes()))
    return success();
  return Reporter(*this).fail("(C1) expected to yield ", getResultTypes(),
                              ", found ", yielded);
}

//===----------------------------------------------------------------------===//
// DispatchOp
//===----------------------------------------------------------------------===//

LogicalResult DispatchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  Reporter report(*this);
  auto kernel =
      symbols.lookupNearestSymbolFrom<func::FuncOp>(*this, getKernelAttr());
  if (!kernel)
    return report.fail("(C1) expected a function named @", getKernel());
  // Kernels have no encodings, and integers without a sign.
  auto inKernel = [](Value value) -> Type {
    RankedTensorType type = typeOf(value);
    Type element = type.getElementType();
    if (auto integer = dyn_cast<IntegerType>(element))
      element = IntegerType::get(type.getContext(), integer.getWidth());
    return RankedTensorType::get(type.getShape(), element);
  };
  SmallVector<Type> arguments, results;
  for (Value input : getInputs())
    arguments.push_back(inKernel(input));
  arguments.append(getSizes().getNumResults(), IndexType::get(getContext()));
  for (Value result : getResults())
    results.push_back(inKernel(result));
  llvm::append_range(arguments, results);
  // A kernel that serves several shapes may be less precise than its use.
  auto agree = [](TypeRange a, TypeRange b) {
    return a.size() == b.size() &&
           llvm::all_of(llvm::zip(a, b), [](auto types) {
             auto [x, y] = types;
             return x == y || areCompatible(x, y);
           });
  };
  // Code generation changes the function's type and keeps this one.
  FunctionType type = kernel.getFunctionType();
  if (auto signature = kernel->getAttrOfType<TypeAttr>("dl.signature"))
    type = cast<FunctionType>(signature.getValue());
  if (!agree(type.getInputs(), arguments) || !agree(type.getResults(), results))
    return report.fail("(C2) expected a kernel of type ",
                       FunctionType::get(getContext(), arguments, results),
                       ", found ", type);
  return success();
}

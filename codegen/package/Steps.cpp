// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Steps.h"
#include "ir/dialect/Locations.h"
#include "runtime/artifact/module_generated.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace dl::package;
using mlir::cast;
using mlir::dyn_cast;
using mlir::Operation;
using mlir::RankedTensorType;

std::string dl::package::getStepName(Operation *op) {
  constexpr size_t kMaxName = 120;
  std::string name;
  for (const mlir::dl::SourceNode &node :
       mlir::dl::getSourceNodes(op->getLoc())) {
    llvm::StringRef part = node.node.empty() ? node.op : node.node;
    if (name.size() + part.size() > kMaxName)
      return name + "+...";
    name += (name.empty() ? "" : "+") + part.str();
  }
  return name;
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

int32_t dl::package::getOperationNumber(Operation *op) {
  return llvm::TypeSwitch<Operation *, dlrt::fb::Operation>(op)
      .Case([](mlir::dl::SequenceInsertOp) {
        return dlrt::fb::Operation_SequenceInsert;
      })
      .Case([](mlir::dl::SequenceEraseOp) {
        return dlrt::fb::Operation_SequenceErase;
      })
      .Case([](mlir::dl::SequenceLengthOp) {
        return dlrt::fb::Operation_SequenceLength;
      })
      .Case(
          [](mlir::dl::SequenceAtOp) { return dlrt::fb::Operation_SequenceAt; })
      .Case([](mlir::dl::SequenceConcatOp) {
        return dlrt::fb::Operation_SequenceConcat;
      })
      .Case([](mlir::dl::SequenceSplitOp) {
        return dlrt::fb::Operation_SequenceSplit;
      })
      .Case([](mlir::dl::OptionalCreateOp) {
        return dlrt::fb::Operation_OptionalCreate;
      })
      .Case([](mlir::dl::OptionalHasOp) {
        return dlrt::fb::Operation_OptionalHas;
      })
      .Case([](mlir::dl::OptionalGetOp) {
        return dlrt::fb::Operation_OptionalGet;
      })
      .Case([](mlir::dl::IfOp) { return dlrt::fb::Operation_If; })
      .Case([](mlir::dl::LoopOp) { return dlrt::fb::Operation_While; })
      .Default([](Operation *) { return dlrt::fb::Operation_SequenceCreate; });
}

std::vector<int64_t> dl::package::getOperationAttributes(Operation *op) {
  if (auto concat = dyn_cast<mlir::dl::SequenceConcatOp>(op))
    return {static_cast<int64_t>(concat.getAxis()), concat.getStack()};
  if (auto split = dyn_cast<mlir::dl::SequenceSplitOp>(op))
    return {static_cast<int64_t>(split.getAxis()), split.getSqueeze()};
  return {};
}

//===----------------------------------------------------------------------===//
// Dispatches
//===----------------------------------------------------------------------===//

mlir::LogicalResult dl::package::addSizes(mlir::dl::DispatchOp op,
                                          Operation *callee,
                                          TypeFormulas &types, Step &step) {
  mlir::FunctionType signature;
  if (auto attribute = callee->getAttrOfType<mlir::TypeAttr>("dl.signature"))
    signature = dyn_cast<mlir::FunctionType>(attribute.getValue());
  else if (auto kernel = dyn_cast<mlir::func::FuncOp>(callee))
    signature = kernel.getFunctionType();
  llvm::SmallVector<RankedTensorType> tensors;
  size_t numIndices = 0;
  if (signature)
    for (mlir::Type type : signature.getInputs()) {
      if (auto tensor = dyn_cast<RankedTensorType>(type))
        tensors.push_back(tensor);
      else
        ++numIndices;
    }
  llvm::SmallVector<mlir::Value> values(op.getInputs());
  llvm::append_range(values, op.getResults());
  bool fits = tensors.size() == values.size() &&
              numIndices == op.getSizes().getNumResults();
  for (size_t i = 0; fits && i < values.size(); ++i)
    fits = tensors[i].getRank() ==
           cast<RankedTensorType>(values[i].getType()).getRank();
  if (!fits || op.getSizes().getNumDims())
    return op->emitOpError("does not fit its kernel '")
           << op.getKernel() << "' of type " << signature;
  for (auto [tensor, value] : llvm::zip(tensors, values))
    for (unsigned d = 0; d < tensor.getRank(); ++d)
      if (tensor.isDynamicDim(d))
        step.sizes.push_back(
            types.getDim(cast<RankedTensorType>(value.getType()), d));
  for (mlir::AffineExpr size : op.getSizes().getResults())
    step.sizes.push_back(types.get(size));
  return mlir::success();
}

/// Bytes that a dispatch reads of each input, for a kernel with these sizes:
/// kNoFormula for all. Empty where all are read whole.
static std::vector<FormulaId> getReads(mlir::dl::DispatchOp op,
                                       Operation *callee,
                                       llvm::ArrayRef<FormulaId> sizes,
                                       Formulas &formulas,
                                       TypeFormulas &types) {
  auto reads = callee->getAttrOfType<mlir::ArrayAttr>("dl.reads");
  if (!reads)
    return {};
  std::vector<FormulaId> result(op.getInputs().size(), kNoFormula);
  for (auto [i, value] : llvm::enumerate(op.getInputs())) {
    auto map = i < reads.size() ? dyn_cast<mlir::AffineMapAttr>(reads[i])
                                : mlir::AffineMapAttr();
    if (map && map.getValue().getNumResults() == 1 &&
        map.getValue().getNumDims() == sizes.size())
      result[i] = types.getBytes(
          cast<RankedTensorType>(value.getType()).getElementType(),
          toFormula(map.getValue().getResult(0), formulas, sizes, {}));
  }
  return result;
}

mlir::LogicalResult dl::package::addKernelInfo(mlir::dl::DispatchOp op,
                                               Operation *callee,
                                               Formulas &formulas,
                                               TypeFormulas &types,
                                               Step &step) {
  struct {
    const char *name;
    FormulaId &formula;
  } maps[] = {{"dl.tiles", step.tiles},
              {"dl.scratch", step.scratch},
              {"dl.flops", step.flops}};
  for (auto &[name, formula] : maps) {
    auto attribute = callee->getAttrOfType<mlir::AffineMapAttr>(name);
    if (!attribute)
      continue;
    mlir::AffineMap map = attribute.getValue();
    if (map.getNumResults() != 1 || map.getNumSymbols() != 0 ||
        map.getNumDims() != step.sizes.size())
      return op->emitOpError("kernel '")
             << op.getKernel() << "': expected " << name << " to map "
             << step.sizes.size() << " sizes to one value, found " << attribute;
    formula = toFormula(map.getResult(0), formulas, step.sizes, {});
  }
  if (step.tiles == kNoFormula)
    step.tiles = formulas.constant(1);
  step.reads = getReads(op, callee, step.sizes, formulas, types);
  addInPlace(op, callee, step);
  return mlir::success();
}

void dl::package::addInPlace(Operation *op, Operation *permitting, Step &step) {
  auto inPlace =
      permitting->getAttrOfType<mlir::DenseI64ArrayAttr>("dl.in_place");
  for (auto [i, input] : llvm::enumerate(inPlace ? inPlace.asArrayRef()
                                                 : llvm::ArrayRef<int64_t>()))
    if (op->getNumResults() && input >= 0 && input < op->getNumOperands())
      step.inPlace.push_back(
          {i % op->getNumResults(), static_cast<size_t>(input)});
}

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

static Step makeCopy(const View &from, const View &to) {
  Step copy;
  copy.kind = Step::Kind::Copy;
  copy.function = "copy";
  copy.numInputs = 1;
  copy.args = {from, to};
  copy.types.assign(2, {dlrt::fb::ElementType_U8, {from.bytes}});
  return copy;
}

/// Puts views that do not begin at multiples of some bytes into temporaries;
/// what is read is copied there first. The last view is written.
static void alignViews(Step &step, Program &program, std::vector<Step> &steps) {
  Formulas &formulas = program.formulas;
  auto isAligned = [&](FormulaId offset) {
    return offset == kNoFormula ||
           formulas.isMultipleOf(offset, step.alignment);
  };
  View written = step.args.back();
  for (View &view : step.args) {
    if (isAligned(view.offset) && llvm::all_of(view.strides, isAligned))
      continue;
    bool isWritten = &view == &step.args.back();
    bool keeps = view == written;
    // Of a view that is read and written there is one temporary.
    if (isWritten &&
        llvm::is_contained(llvm::ArrayRef(step.args).drop_back(), written)) {
      continue;
    }
    View whole{program.addStorage(StorageKind::Arena, 0, view.bytes),
               kNoFormula,
               {},
               view.bytes};
    if (!isWritten)
      steps.push_back(makeCopy(view, whole));
    if (keeps)
      step.args.back() = whole;
    view = whole;
  }
}

/// Cuts a view down to the part that argument `i` of a stage takes: up to where
/// the next part begins.
static void takePart(View &view, size_t i, mlir::DenseI64ArrayAttr taken,
                     mlir::DenseI64ArrayAttr offsets, Formulas &formulas) {
  int64_t offset = offsets[i];
  bool goesOn = i + 1 < static_cast<size_t>(taken.size()) &&
                taken[i + 1] == taken[i] && offsets[i + 1] > offset;
  FormulaId start = formulas.constant(offset);
  if (goesOn)
    view.bytes = formulas.constant(offsets[i + 1] - offset);
  else if (offset)
    view.bytes = formulas.sub(view.bytes, start);
  if (offset)
    view.offset =
        view.offset == kNoFormula ? start : formulas.add(view.offset, start);
  view.isPart = goesOn || offset;
}

mlir::LogicalResult dl::package::addStageSteps(mlir::dl::DispatchOp op,
                                               Operation *callee, Step whole,
                                               const KernelNumbers &kernels,
                                               Program &program,
                                               std::vector<Step> &steps) {
  Formulas &formulas = program.formulas;
  auto toValue = [&](mlir::AffineMap map) {
    return toFormula(map.getResult(0), formulas, {}, whole.sizes);
  };
  std::vector<View> buffers = whole.args;
  for (auto bytes : callee->getAttrOfType<mlir::ArrayAttr>("dl.temporaries")
                        .getAsRange<mlir::AffineMapAttr>()) {
    FormulaId size = toValue(bytes.getValue());
    int32_t storage = program.addStorage(StorageKind::Arena, 0, size);
    buffers.push_back({storage, kNoFormula, {}, size});
  }
  // Those of the whole kernel, which the first stage tells.
  if (auto flops = callee->getAttrOfType<mlir::AffineMapAttr>("dl.flops"))
    whole.flops =
        toFormula(flops.getValue().getResult(0), formulas, whole.sizes, {});
  for (auto stage : callee->getAttrOfType<mlir::ArrayAttr>("dl.stages")
                        .getAsRange<mlir::DictionaryAttr>()) {
    llvm::StringRef entry = stage.getAs<mlir::StringAttr>("entry").getValue();
    auto kernel = kernels.find(entry);
    if (kernel == kernels.end())
      return op->emitOpError("there is no code for stage '") << entry << "'";
    Step step = whole;
    step.kind = Step::Kind::Dispatch;
    step.kernel = kernel->second;
    step.args.clear();
    auto taken = stage.getAs<mlir::DenseI64ArrayAttr>("buffers");
    auto offsets = stage.getAs<mlir::DenseI64ArrayAttr>("offsets");
    for (auto [i, buffer] : llvm::enumerate(taken.asArrayRef())) {
      step.args.push_back(buffers[static_cast<size_t>(buffer)]);
      if (offsets)
        takePart(step.args.back(), i, taken, offsets, formulas);
    }
    step.numInputs = step.args.size() - 1;
    View written = step.args.back();
    if (auto alignment = stage.getAs<mlir::IntegerAttr>("alignment")) {
      step.alignment = alignment.getInt();
      alignViews(step, program, steps);
    }
    step.tiles = formulas.ceilDiv(
        toValue(stage.getAs<mlir::AffineMapAttr>("elements").getValue()),
        formulas.constant(
            stage.getAs<mlir::IntegerAttr>("workgroup").getInt()));
    if (auto iterations = stage.getAs<mlir::AffineMapAttr>("iterations"))
      step.iterations = toValue(iterations.getValue());
    if (auto trips = stage.getAs<mlir::AffineMapAttr>("trips"))
      step.trips = toValue(trips.getValue());
    View made = step.args.back();
    steps.push_back(std::move(step));
    whole.flops = kNoFormula;
    if (!(made == written))
      steps.push_back(makeCopy(made, written));
  }
  return mlir::success();
}

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/GenerateStages.h"
#include "codegen/gpu/Attention.h"
#include "codegen/gpu/ContractionTile.h"
#include "codegen/gpu/Rows.h"
#include "codegen/gpu/SplitContraction.h"
#include "codegen/gpu/StageFunction.h"
#include "codegen/gpu/TileEmitter.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"
#include "passes/lower/SparseMatmulForm.h"

using namespace mlir;
using namespace ::dl::gpucode;

namespace {

/// How a stage is computed, where not element by element.
struct Form {
  std::optional<mlir::dl::cpu::Contraction> contraction;
  std::optional<linalg::GenericOp> reduction;
  std::optional<RowForm> rows;
  bool isDivided = false;
};

} // namespace

static bool isStored(ArrayRef<Stage> stages, Value value) {
  return llvm::is_contained(
      llvm::map_range(stages, [](const Stage &stage) { return stage.result; }),
      value);
}

static Form chooseForm(const Stage &stage, ArrayRef<Stage> earlier,
                       EntryBuilder &entry) {
  Form form;
  if (stage.sequential) {
    form.isDivided =
        entry.dividesLoops() && stage.value.getDefiningOp<scf::ForOp>();
    return form;
  }
  if (stage.part)
    return form;
  auto isStored = [&](Value value) { return ::isStored(earlier, value); };
  form.contraction = findContraction(stage.value, isStored);
  if (form.contraction && form.contraction->isInteger() &&
      (!isByTiles(*form.contraction) ||
       !entry.takesIntegers(*form.contraction)))
    form.contraction.reset();
  if (form.contraction &&
      (isByTiles(*form.contraction) || entry.takesFewRows(*form.contraction)))
    return form;
  form.rows = findRows(stage.value, isStored, entry);
  if (form.rows) {
    form.contraction.reset();
    return form;
  }
  form.reduction = findReduction(stage.value, isStored);
  if (!form.reduction)
    return form;
  Value result = form.reduction->getResult(0);
  if (!entry.canShare(cast<ShapedType>(result.getType()).getElementType()))
    form.reduction.reset();
  else
    form.isDivided = entry.dividesLoops() && stage.value == result &&
                     isLong(*form.reduction);
  return form;
}

static unsigned countTensors(func::FuncOp kernel) {
  return static_cast<unsigned>(
      llvm::count_if(kernel.getArgumentTypes(), llvm::IsaPred<TensorType>));
}

/// How the tiles of a stage that is a product are shared, if they are, and the
/// tensor of parts, which is made.
static std::optional<TileShares>
shareTiles(func::FuncOp kernel, const Plan &plan, unsigned number,
           const Form &form, EntryBuilder &entry, OpBuilder &builder) {
  if (!form.contraction || form.contraction->op->hasAttr(kSplitName) ||
      mlir::dl::hasSparseMatmulForm(form.contraction->op))
    return std::nullopt;
  // A function that the tile is asked in, and that goes then.
  builder.clearInsertionPoint();
  StageFunction function(kernel, plan, entry, builder);
  function.declare(plan, number);
  std::optional<TileShares> shares;
  {
    auto tile = entry.makeTile(function, *form.contraction);
    shares = tile->chooseShares(entry.countProcessors());
    if (shares) {
      RankedTensorType type = tile->getPartsType(*shares);
      OpBuilder inKernel = OpBuilder::atBlockBegin(&kernel.getBody().front());
      shares->sums = tensor::EmptyOp::create(
          inKernel, kernel.getLoc(), type.getShape(), type.getElementType());
    }
  }
  function.function->erase();
  return shares;
}

/// Gives products whose tiles do not fill the processors' last wave a stage
/// that stores parts of these tiles (see TileShares.h).
static void addPartStages(func::FuncOp kernel, Plan &plan, EntryBuilder &entry,
                          OpBuilder &builder) {
  if (entry.countProcessors() == 0)
    return;
  Plan shared;
  shared.temporaries = plan.temporaries;
  for (auto [i, stage] : llvm::enumerate(plan.stages)) {
    Form form = chooseForm(stage, ArrayRef(plan.stages).take_front(i), entry);
    shared.stages.push_back(stage);
    auto shares = shareTiles(kernel, plan, i, form, entry, builder);
    if (!shares)
      continue;
    unsigned buffer = countTensors(kernel) + shared.temporaries.size();
    shared.temporaries.push_back(shares->sums);
    Stage parts{form.contraction->op->getResult(0), buffer, nullptr,
                shares->sums};
    parts.shares = shared.stages.back().shares = shares;
    shared.stages.insert(std::prev(shared.stages.end()), parts);
  }
  plan = std::move(shared);
}

namespace {

/// Makes the function of a stage of a plan.
class StageMaker {
public:
  StageMaker(func::FuncOp kernel, const Plan &plan,
             const std::optional<OnlineAttention> &attention,
             EntryBuilder &entry, OpBuilder &builder, unsigned number)
      : kernel(kernel), plan(plan), attention(attention), entry(entry),
        builder(builder), number(number), stage(plan.stages[number]),
        earlier(ArrayRef(plan.stages).take_front(number)),
        form(attention ? Form() : chooseForm(stage, earlier, entry)) {}

  void run();

  std::unique_ptr<StageFunction> function;
  AffineMap elements; ///< null after a failure that was reported

private:
  void make(const ElementBlock &block, bool storesVectors = false);

  func::FuncOp kernel;
  const Plan &plan;
  const std::optional<OnlineAttention> &attention;
  EntryBuilder &entry;
  OpBuilder &builder;
  unsigned number;
  const Stage &stage;
  ArrayRef<Stage> earlier;
  Form form;
};

} // namespace

void StageMaker::make(const ElementBlock &block, bool storesVectors) {
  builder.clearInsertionPoint();
  function = std::make_unique<StageFunction>(kernel, plan, entry, builder,
                                             form.isDivided, block);
  function->storesVectors = storesVectors;
  function->declare(plan, number);
  bool keeps = llvm::any_of(earlier, [&](const Stage &other) {
    return other.buffer == stage.buffer;
  });
  elements = attention          ? function->emitAttention(stage, *attention)
             : stage.sequential ? function->emitSequential(stage, keeps)
             : form.rows        ? function->emitRows(stage, *form.rows)
             : form.reduction ? function->emitReduction(stage, *form.reduction)
             : form.contraction
                 ? function->emitContraction(stage, *form.contraction)
                 : function->emit(stage, keeps);
}

void StageMaker::run() {
  ElementBlock block;
  if (!attention && !stage.sequential && !form.contraction && !form.rows &&
      !form.reduction)
    block = chooseBlock(
        stage, [&](Value value) { return isStored(earlier, value); }, entry);
  else if (form.reduction && !form.rows && !stage.sequential)
    block = chooseBlock(*form.reduction, stage.value, entry);
  bool storesVectors =
      form.rows ? entry.splitsLanes()
                : form.contraction.has_value() && entry.storesTilesByVectors();
  if (block.width > 1 || storesVectors) {
    // What does not go by vectors is made again, and tells then what is wrong.
    ScopedDiagnosticHandler silence(kernel.getContext(),
                                    [](Diagnostic &) { return success(); });
    make(block, storesVectors);
    if (elements)
      return;
    function->function->erase();
  }
  make({});
}

namespace dl::gpucode {

LogicalResult generateStages(func::FuncOp kernel, SymbolTable &functions,
                             EntryBuilder &entry) {
  if (failed(mlir::dl::cpu::generalizeNamedOps(kernel)))
    return failure();
  OpBuilder builder(kernel.getContext());
  bool divides = entry.dividesLoops();
  std::optional<OnlineAttention> attention = findAttention(kernel);
  if (attention && !entry.takesAttention(*attention))
    attention.reset();
  Plan plan = attention ? planOutputs(kernel, /*sequential=*/false)
              : !mlir::dl::cpu::isSequential(kernel)
                  ? choosePlan(kernel, divides)
              : divides ? planStatements(kernel)
                        : planOutputs(kernel);
  joinStages(plan, countTensors(kernel), entry,
             [&](const Stage &stage, ArrayRef<Stage> earlier) {
               return chooseForm(stage, earlier, entry).contraction.has_value();
             });
  if (!attention)
    addPartStages(kernel, plan, entry, builder);
  SmallVector<Attribute> stages;
  SmallVector<Operation *> made;
  SmallVector<Attribute> temporaries(plan.temporaries.size());
  for (auto [i, stage] : llvm::enumerate(plan.stages)) {
    StageMaker maker(kernel, plan, attention, entry, builder, i);
    maker.run();
    std::unique_ptr<StageFunction> function = std::move(maker.function);
    AffineMap elements = maker.elements;
    StringAttr name = builder.getStringAttr(kernel.getName() + "." + Twine(i));
    SymbolTable::setSymbolName(function->function, name);
    functions.insert(function->function);
    made.push_back(function->function);
    if (!elements) {
      for (Operation *stage : made)
        functions.erase(stage);
      return failure();
    }
    auto toInteger = [&](int64_t value) {
      return builder.getI64IntegerAttr(value);
    };
    SmallVector<NamedAttribute> about = {
        builder.getNamedAttr("entry",
                             SymbolTable::getSymbolName(function->function)),
        builder.getNamedAttr(
            "buffers", builder.getDenseI64ArrayAttr(function->getTaken())),
        builder.getNamedAttr("elements", AffineMapAttr::get(elements)),
        builder.getNamedAttr("workgroup", toInteger(entry.getWorkgroupSize()))};
    if (!entry.getOffsets().empty())
      about.push_back(builder.getNamedAttr(
          "offsets", builder.getDenseI64ArrayAttr(entry.getOffsets())));
    if (entry.getAlignment() > 1)
      about.push_back(
          builder.getNamedAttr("alignment", toInteger(entry.getAlignment())));
    if (divides) {
      if (AffineMap bound = function->boundIterations())
        about.push_back(
            builder.getNamedAttr("iterations", AffineMapAttr::get(bound)));
      if (function->trips)
        about.push_back(
            builder.getNamedAttr("trips", AffineMapAttr::get(function->trips)));
    }
    stages.push_back(builder.getDictionaryAttr(about));
  }
  kernel->setAttr("dl.stages", builder.getArrayAttr(stages));
  if (!temporaries.empty()) {
    // A function for the formulas alone.
    builder.clearInsertionPoint();
    StageFunction function(kernel, plan, entry, builder);
    function.declare(plan, plan.stages.size());
    for (auto [i, value] : llvm::enumerate(plan.temporaries)) {
      AffineMap bytes = function.getBytesOf(value);
      if (!bytes)
        return failure();
      temporaries[i] = AffineMapAttr::get(bytes);
    }
    function.function->erase();
  }
  kernel->setAttr("dl.temporaries", builder.getArrayAttr(temporaries));
  kernel.eraseBody();
  kernel.setPrivate();
  return success();
}

} // namespace dl::gpucode

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Schedule.h"
#include "codegen/package/Bodies.h"
#include "codegen/package/RowCopies.h"
#include "codegen/package/Signature.h"
#include "codegen/package/Types.h"
#include "ir/dialect/Dims.h"
#include "passes/WholeParts.h"
#include "runtime/artifact/Validate.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace dl::package;
using mlir::AffineExpr;
using mlir::dyn_cast;
using mlir::failed;
using mlir::failure;
using mlir::FailureOr;
using mlir::LogicalResult;
using mlir::Operation;
using mlir::RankedTensorType;
using mlir::success;
using mlir::Value;

namespace {

class ScheduleBuilder {
public:
  ScheduleBuilder(mlir::func::FuncOp function, const KernelNumbers &kernels,
                  Constants &constants, bool isDevice)
      : function(function), kernels(kernels), constants(constants),
        isDevice(isDevice), types(program.formulas, {}) {}

  FailureOr<Program> build() {
    if (failed(buildSignature(function, program, symbols)))
      return failure();
    types = TypeFormulas(program.formulas, symbols);
    mlir::Block &body = function.getBody().front();
    llvm::SmallVector<Value> inputs(body.getArguments());
    auto states = getStateNumbers(function, mlir::dl::kStateArgumentsAttr);
    for (int64_t state : llvm::reverse(states)) {
      Value argument = inputs.pop_back_val();
      setWhole(argument, addState(state, argument));
    }
    return finish(body, inputs,
                  getStateNumbers(function, mlir::dl::kStateResultsAttr));
  }

  /// The program of a region that runs by itself. Its inputs are its arguments,
  /// then the `captures` from outside; `given` symbols have values.
  FailureOr<Program> buildBody(mlir::Region &region,
                               llvm::ArrayRef<Value> captures,
                               llvm::ArrayRef<unsigned> given) {
    mlir::Block &body = region.front();
    llvm::SmallVector<Value> inputs(body.getArguments());
    inputs.append(captures.begin(), captures.end());
    if (failed(buildBodySignature(function, region, inputs, given, program,
                                  symbols)))
      return failure();
    types = TypeFormulas(program.formulas, symbols);
    return finish(body, inputs);
  }

private:
  /// The storage of a state of the value's type.
  int32_t addState(int64_t state, Value value) {
    auto [entry, inserted] = stateStorages.try_emplace(state, 0);
    if (inserted)
      entry->second =
          program.addStorage(StorageKind::State, static_cast<int32_t>(state),
                             types.getBytes(getType(value)));
    return entry->second;
  }

  /// Schedules a block whose values from outside are these inputs. Its last
  /// results become these states.
  FailureOr<Program> finish(mlir::Block &body, llvm::ArrayRef<Value> inputs,
                            llvm::ArrayRef<int64_t> states = {}) {
    for (auto op : body.getOps<mlir::dl::BindingInterface>())
      unbound.insert(op.getBoundSymbols().begin(), op.getBoundSymbols().end());
    bool hasSlots = llvm::any_of(
        body, [](Operation &op) { return mlir::dl::isRuntimeStep(&op); });
    for (auto [i, input] : llvm::enumerate(inputs)) {
      auto number = static_cast<int32_t>(i);
      if (!mlir::isa<RankedTensorType>(input.getType())) {
        hasSlots = true;
        slots[input] = number;
        continue;
      }
      setWhole(input, program.addStorage(StorageKind::Input, number,
                                         types.getBytes(getType(input))));
    }
    if (hasSlots)
      program.slots = static_cast<int32_t>(inputs.size());
    if (failed(addBlock(body, program.steps)))
      return failure();
    Operation *end = body.getTerminator();
    auto outputs = end->getOperands().drop_back(states.size());
    for (auto [i, value] : llvm::enumerate(outputs)) {
      if (!mlir::isa<RankedTensorType>(value.getType())) {
        program.outputSlots.resize(i, -1);
        program.outputSlots.push_back(slots.lookup(value));
        continue;
      }
      FailureOr<View> view = getView(value);
      if (failed(view))
        return failure();
      int32_t output = program.addStorage(StorageKind::Output,
                                          static_cast<int32_t>(i), view->bytes);
      addCopy(*view, {output, kNoFormula, {}, view->bytes}, getType(value),
              program.steps);
    }
    if (failed(
            storeStates(states, end->getOperands().take_back(states.size()))))
      return failure();
    return std::move(program);
  }

  /// Copies the new values of states to where these are. One that is (a part
  /// of) another state waits in a temporary until that has been written.
  LogicalResult storeStates(llvm::ArrayRef<int64_t> states,
                            mlir::ValueRange values) {
    llvm::SmallVector<View> sources;
    for (auto [state, value] : llvm::zip(states, values)) {
      FailureOr<View> view = getView(value);
      if (failed(view))
        return failure();
      int32_t own = addState(state, value);
      if (view->storage != own &&
          program.storages[view->storage].kind == StorageKind::State)
        moveToArena(*view, getType(value), program.steps);
      sources.push_back(*view);
    }
    for (auto [state, value, source] : llvm::zip(states, values, sources)) {
      View target{addState(state, value), kNoFormula, {}, source.bytes};
      if (!(source == target))
        addCopy(source, target, getType(value), program.steps);
    }
    return success();
  }

  static RankedTensorType getType(Value value) {
    return mlir::cast<RankedTensorType>(value.getType());
  }

  void setWhole(Value value, int32_t storage) {
    views[value] = {storage, kNoFormula, {}, program.storages[storage].size};
  }

  /// Copies a view to a storage of its own, which it becomes.
  void moveToArena(View &view, RankedTensorType type,
                   std::vector<Step> &steps) {
    int32_t storage = program.addStorage(StorageKind::Arena, 0, view.bytes);
    View moved{storage, kNoFormula, {}, view.bytes};
    addCopy(view, moved, type, steps);
    view = moved;
  }

  /// A new storage for a result. Sizes that may come out negative for some
  /// symbols are refused when the module runs: offsets rely on it.
  FailureOr<View> addResult(Value value, Operation *op) {
    RankedTensorType type = getType(value);
    if (!getElementNumber(type.getElementType()))
      return op->emitOpError("the module format has no type ") << type;
    for (AffineExpr dim : mlir::dl::getDims(type)) {
      if (!dim)
        return op->emitOpError("a dimension of ") << type << " is unknown";
      AffineExpr zero = mlir::getAffineConstantExpr(0, type.getContext());
      if (!mlir::dl::provablyLessEqual(zero, dim) && checked.insert(dim).second)
        program.checks.push_back({/*lessEqual=*/true,
                                  program.formulas.constant(0), types.get(dim),
                                  "a size would be negative"});
    }
    setWhole(value,
             program.addStorage(StorageKind::Arena, 0, types.getBytes(type)));
    return views[value];
  }

  static LogicalResult reportForeign(Operation *op) {
    return op->emitOpError("is no part of a schedule: expected the module "
                           "after lowering");
  }

  FailureOr<View> getView(Value value) {
    auto it = views.find(value);
    if (it != views.end())
      return it->second;
    if (mlir::isa<mlir::BlockArgument>(value))
      return function.emitError("a value is no part of its schedule");
    if (!Constants::isConstant(value))
      return reportForeign(value.getDefiningOp());
    FailureOr<int32_t> number = constants.add(value);
    if (failed(number))
      return failure();
    auto [entry, inserted] = constantStorages.try_emplace(*number, 0);
    if (inserted)
      entry->second = program.addStorage(StorageKind::Constant, *number,
                                         types.getBytes(getType(value)));
    setWhole(value, entry->second);
    return views[value];
  }

  void addCopy(const View &from, const View &to, RankedTensorType type,
               std::vector<Step> &steps) {
    steps.push_back(makeCopy(from, to, types.getDesc(type)));
  }

  /// Fails where an op uses a symbol that a later op binds.
  LogicalResult checkSymbols(Operation *op) {
    for (unsigned symbol : mlir::dl::getUsedSymbols(op))
      if (unbound.contains(symbol))
        return op->emitOpError("uses a size that is not known there: symbol ")
               << symbol;
    return success();
  }

  LogicalResult addBlock(mlir::Block &block, std::vector<Step> &steps) {
    for (Operation &op : block.without_terminator()) {
      if (!unbound.empty() && !op.hasTrait<mlir::OpTrait::ConstantLike>() &&
          failed(checkSymbols(&op)))
        return failure();
      if (mlir::dl::isRuntimeStep(&op)) {
        if (failed(addPerform(&op, steps)))
          return failure();
        continue;
      }
      LogicalResult result =
          llvm::TypeSwitch<Operation *, LogicalResult>(&op)
              .Case<mlir::dl::ConstantOp, mlir::dl::SizesOp, mlir::dl::PackOp,
                    mlir::dl::WinogradFilterOp, mlir::dl::TransposeOp,
                    mlir::dl::CastOp, mlir::dl::RoundBalancedOp>(
                  [](auto) { return success(); })
              .Case<mlir::dl::BindOp, mlir::dl::ConcatOp, mlir::dl::ReshapeOp,
                    mlir::dl::SliceOp, mlir::dl::ScanOp, mlir::dl::InsertOp>(
                  [&](auto o) { return add(o, steps); })
              .Case<mlir::dl::DispatchOp, mlir::dl::HostCallOp>(
                  [&](auto o) { return add(o, steps); })
              .Default([](Operation *other) { return reportForeign(other); });
      if (failed(result))
        return failure();
    }
    return success();
  }

  /// Adds views of operands, then of new results, as arguments.
  LogicalResult addArgs(Operation *op, Step &step) {
    for (Value operand : op->getOperands()) {
      FailureOr<View> view = getView(operand);
      if (failed(view))
        return failure();
      step.args.push_back(*view);
    }
    step.numInputs = step.args.size();
    for (Value result : op->getResults()) {
      FailureOr<View> view = addResult(result, op);
      if (failed(view))
        return failure();
      step.args.push_back(*view);
    }
    step.name = getStepName(op);
    return success();
  }

  LogicalResult add(mlir::dl::BindOp op, std::vector<Step> &steps) {
    if (depth)
      return op->emitOpError("stands in a loop");
    FailureOr<View> view = getView(op.getSizes());
    if (failed(view))
      return failure();
    Step step;
    step.kind = Step::Kind::Bind;
    step.args = {*view};
    step.numInputs = 1;
    step.name = getStepName(op);
    step.message = op.getMessage().str();
    if (failed(addBoundSymbols(op, op.getSymbols(), step)))
      return failure();
    steps.push_back(std::move(step));
    return success();
  }

  LogicalResult addBoundSymbols(Operation *op, llvm::ArrayRef<int64_t> bound,
                                Step &step) {
    for (int64_t symbol : bound) {
      if (symbol >= static_cast<int64_t>(symbols.size()))
        return op->emitOpError("binds a symbol without a name: ") << symbol;
      const Formulas::Node &node = program.formulas[symbols[symbol]];
      bool isOwn =
          node.op == FormulaOp::Symbol && program.symbols[node.a].input == -1;
      if (!isOwn || !unbound.erase(symbol))
        return op->emitOpError("binds a symbol that has a value: ") << symbol;
      step.symbols.push_back(node.a);
    }
    return success();
  }

  //===--------------------------------------------------------------------===//
  // Steps on values in slots
  //===--------------------------------------------------------------------===//

  /// What a step takes: a tensor that lies in a slot as a whole, or anything
  /// else in a slot, or a view.
  LogicalResult addOperand(Value value, Step &step,
                           std::vector<Operand> &operands) {
    Operand operand;
    auto tensor = dyn_cast<RankedTensorType>(value.getType());
    if (!tensor) {
      operand.slot = slots.lookup(value);
      operands.push_back(std::move(operand));
      return success();
    }
    FailureOr<View> view = getView(value);
    if (failed(view))
      return failure();
    operand.type = types.getDesc(tensor);
    operand.arg = static_cast<int32_t>(step.args.size());
    step.args.push_back(*view);
    step.numInputs = step.args.size();
    operands.push_back(std::move(operand));
    return success();
  }

  LogicalResult addPerform(Operation *op, std::vector<Step> &steps) {
    if (depth)
      return op->emitOpError("stands in a loop");
    Step step;
    step.kind = Step::Kind::Perform;
    step.function = op->getName().stripDialect().str();
    step.operation = getOperationNumber(op);
    step.name = getStepName(op);
    for (Value operand : op->getOperands())
      if (failed(addOperand(operand, step, step.operands)))
        return failure();
    step.attributes = getOperationAttributes(op);
    for (mlir::Region &region : op->getRegions())
      if (failed(addBody(region, step)))
        return failure();
    if (auto binding = dyn_cast<mlir::dl::BindingInterface>(op))
      if (failed(addBoundSymbols(op, binding.getBoundSymbols(), step)))
        return failure();
    for (Value value : op->getResults()) {
      Result result;
      result.slot = program.slots++;
      slots[value] = result.slot;
      if (auto tensor = dyn_cast<RankedTensorType>(value.getType())) {
        result.isTensor = true;
        result.type = types.getDesc(tensor);
        setWhole(value, program.addStorage(StorageKind::Slot, result.slot,
                                           types.getBytes(tensor)));
      }
      step.results.push_back(std::move(result));
    }
    steps.push_back(std::move(step));
    return success();
  }

  LogicalResult addBody(mlir::Region &region, Step &step) {
    llvm::SmallVector<Value> captures = getCaptures(region);
    llvm::SmallVector<unsigned> given =
        getGivenSymbols(function, region, captures);
    FailureOr<Program> body =
        ScheduleBuilder(function, kernels, constants, isDevice)
            .buildBody(region, captures, given);
    if (failed(body))
      return failure();
    BodyCall call;
    call.body = static_cast<int32_t>(program.bodies.size());
    program.bodies.push_back(std::move(*body));
    for (Value value : captures)
      if (failed(addOperand(value, step, call.captures)))
        return failure();
    for (unsigned symbol : given) {
      if (symbol >= symbols.size() || symbols[symbol] == kNoFormula)
        return region.getParentOp()->emitOpError(
                   "uses a size that is not known there: symbol ")
               << symbol;
      call.sizes.push_back(symbols[symbol]);
    }
    step.bodies.push_back(std::move(call));
    return success();
  }

  LogicalResult add(mlir::dl::ReshapeOp op, std::vector<Step> &) {
    if (Constants::isConstant(op))
      return success();
    FailureOr<View> view = getView(op.getOperand());
    if (failed(view))
      return failure();
    // The same bytes, even where it cannot be seen from the formulas.
    views[op.getResult()] = *view;
    return success();
  }

  /// A slice is a view where its elements follow one another.
  LogicalResult add(mlir::dl::SliceOp op, std::vector<Step> &) {
    FailureOr<View> view = getView(op.getOperand());
    if (failed(view))
      return failure();
    AffineExpr before = getSliceOffset(op);
    if (!before)
      return op->emitOpError("is no view: its elements do not follow one "
                             "another in memory");
    RankedTensorType type = getType(op);
    view->offset = program.formulas.addOffsets(
        view->offset, types.getBytes(type.getElementType(), types.get(before)));
    view->bytes = types.getBytes(type);
    views[op.getResult()] = *view;
    return success();
  }

  /// Parts that lie one after the other are copied to their places.
  LogicalResult add(mlir::dl::ConcatOp op, std::vector<Step> &steps) {
    if (!mlir::dl::hasWholeParts(op))
      return reportForeign(op);
    FailureOr<View> whole = addResult(op.getResult(), op);
    if (failed(whole))
      return failure();
    View part = *whole;
    for (auto [i, operand] : llvm::enumerate(op.getOperands())) {
      FailureOr<View> from = getView(operand);
      if (failed(from))
        return failure();
      part.bytes = types.getBytes(getType(operand));
      part.parts = {{whole->storage, static_cast<int32_t>(i)}};
      addCopy(*from, part, getType(operand), steps);
      part.offset = program.formulas.addOffsets(part.offset, part.bytes);
    }
    return success();
  }

  /// Rows are copied into a state that nothing else reads; a copy of anything
  /// else takes them.
  LogicalResult add(mlir::dl::InsertOp op, std::vector<Step> &steps) {
    FailureOr<View> whole = getView(op.getOperand()),
                    rows = getView(op.getRows());
    if (failed(whole) || failed(rows))
      return failure();
    bool isOwn = whole->isAtStart() && op.getOperand().hasOneUse() &&
                 program.storages[whole->storage].kind == StorageKind::State;
    if (!isOwn)
      moveToArena(*whole, getType(op), steps);
    views[op.getResult()] = *whole;
    addRowCopies(op, *rows, *whole, depth, types, program.formulas, steps);
    return success();
  }

  //===--------------------------------------------------------------------===//
  // Calls
  //===--------------------------------------------------------------------===//

  LogicalResult add(mlir::dl::HostCallOp op, std::vector<Step> &steps) {
    Step step;
    step.kind = Step::Kind::HostCall;
    step.function = op.getFunction().str();
    step.attributes.assign(op.getArguments().begin(), op.getArguments().end());
    if (failed(addArgs(op, step)))
      return failure();
    for (Value value : op->getOperands())
      step.types.push_back(types.getDesc(getType(value)));
    for (Value value : op->getResults())
      step.types.push_back(types.getDesc(getType(value)));
    addInPlace(op, op, step);
    steps.push_back(std::move(step));
    return success();
  }

  LogicalResult add(mlir::dl::DispatchOp op, std::vector<Step> &steps) {
    auto kernel = kernels.find(op.getKernel());
    Operation *callee =
        mlir::SymbolTable::lookupNearestSymbolFrom(op, op.getKernelAttr());
    if (callee && callee->hasAttr("dl.stages"))
      return addStages(op, callee, steps);
    if (kernel == kernels.end() || !callee)
      return op->emitOpError("there is no code for kernel '")
             << op.getKernel() << "'";
    Step step;
    step.kind = Step::Kind::Dispatch;
    step.kernel = kernel->second;
    if (failed(addArgs(op, step)) ||
        failed(addSizes(op, callee, types, step)) ||
        failed(addKernelInfo(op, callee, program.formulas, types, step)))
      return failure();
    step.isOnHost = isDevice;
    for (View &view : step.args)
      view.isPart |= isDevice; // what is copied
    steps.push_back(std::move(step));
    return success();
  }

  LogicalResult addStages(mlir::dl::DispatchOp op, Operation *callee,
                          std::vector<Step> &steps) {
    Step whole;
    if (failed(addArgs(op, whole)) ||
        failed(addSizes(op, callee, types, whole)))
      return failure();
    return addStageSteps(op, callee, std::move(whole), kernels, program, steps);
  }

  //===--------------------------------------------------------------------===//
  // Loops
  //===--------------------------------------------------------------------===//

  LogicalResult add(mlir::dl::ScanOp op, std::vector<Step> &steps) {
    if (depth == dlrt::kMaxLoopDepth)
      return op->emitOpError("is nested in more than ")
             << dlrt::kMaxLoopDepth - 1 << " loops";
    mlir::Block &body = op.getBody().front();
    size_t numStates = op.getStates().size();
    Step loop;
    loop.kind = Step::Kind::Loop;
    loop.count = types.getDim(getType(op.getInputs().front()), 0);
    // States lie in storages of their own, which become the final ones.
    std::vector<View> states;
    for (auto [i, init] : llvm::enumerate(op.getStates())) {
      FailureOr<View> from = getView(init);
      FailureOr<View> to = addResult(op.getResult(i), op);
      if (failed(from) || failed(to))
        return failure();
      addCopy(*from, *to, getType(init), steps);
      states.push_back(*to);
      views[body.getArgument(i)] = *to;
    }
    for (auto [i, input] : llvm::enumerate(op.getInputs())) {
      FailureOr<View> from = getView(input);
      if (failed(from))
        return failure();
      Value slice = body.getArgument(numStates + i);
      views[slice] =
          getLoopSlice(program.formulas, *from, types.getBytes(getType(slice)),
                       loop.count, depth, op.getReverse());
    }
    Operation *yield = body.getTerminator();
    std::vector<View> stacked;
    for (size_t i = numStates; i < op->getNumResults(); ++i) {
      FailureOr<View> to = addResult(op.getResult(i), op);
      if (failed(to))
        return failure();
      FormulaId bytes = types.getBytes(getType(yield->getOperand(i)));
      stacked.push_back(getLoopSlice(program.formulas, *to, bytes, loop.count,
                                     depth, op.getReverse()));
    }

    ++depth;
    LogicalResult added = addBlock(body, loop.body);
    --depth;
    if (failed(added))
      return failure();

    // Slices are stored while all old states can still be read. A new state
    // that is (a part of) another old one waits in a temporary.
    std::vector<View> next;
    for (Value value : yield->getOperands()) {
      FailureOr<View> view = getView(value);
      if (failed(view))
        return failure();
      next.push_back(*view);
    }
    for (size_t i = numStates; i < next.size(); ++i)
      addCopy(next[i], stacked[i - numStates], getType(yield->getOperand(i)),
              loop.body);
    for (size_t i = 0; i < numStates; ++i) {
      bool isState = llvm::any_of(states, [&](const View &state) {
        return state.storage == next[i].storage;
      });
      if (isState && !(next[i] == states[i]))
        moveToArena(next[i], getType(yield->getOperand(i)), loop.body);
    }
    for (size_t i = 0; i < numStates; ++i)
      if (!(next[i] == states[i]))
        addCopy(next[i], states[i], getType(yield->getOperand(i)), loop.body);
    steps.push_back(std::move(loop));
    return success();
  }

  mlir::func::FuncOp function;
  const KernelNumbers &kernels;
  Constants &constants;
  bool isDevice; // the plan is for another target than the CPU
  Program program;
  std::vector<FormulaId> symbols;
  TypeFormulas types;
  llvm::DenseMap<Value, View> views;
  llvm::DenseMap<Value, int32_t> slots;
  llvm::DenseMap<int32_t, int32_t> constantStorages;
  llvm::DenseMap<int64_t, int32_t> stateStorages;
  llvm::DenseSet<AffineExpr> checked;
  llvm::DenseSet<int64_t> unbound; // symbols that ops to come bind
  size_t depth = 0;                // loops around the block at hand
};

} // namespace

FailureOr<Program> dl::package::buildProgram(mlir::func::FuncOp function,
                                             const KernelNumbers &kernels,
                                             Constants &constants,
                                             bool isDevice) {
  return ScheduleBuilder(function, kernels, constants, isDevice).build();
}

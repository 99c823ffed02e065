// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/reference/Interpreter.h"
#include "ir/dialect/Dims.h"
#include "ir/reference/Rules.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::reference;

static const RuleTable &getRules() {
  static const RuleTable table = [] {
    RuleTable rules;
    addCollectiveRules(rules);
    addContractionRules(rules);
    addControlRules(rules);
    addElementwiseRules(rules);
    addGradientRules(rules);
    addIndexingRules(rules);
    addMovementRules(rules);
    addOrderingRules(rules);
    addReductionRules(rules);
    addSequenceRules(rules);
    addSignalRules(rules);
    addStateRules(rules);
    addStringRules(rules);
    addTreeRules(rules);
    return rules;
  }();
  return table;
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

void mlir::dl::reference::forEachIndex(
    ArrayRef<int64_t> shape, function_ref<void(ArrayRef<int64_t> index)> body) {
  SmallVector<int64_t> index(shape.size());
  for (int64_t i = 0, e = getNumElements(shape); i < e; ++i) {
    body(index);
    for (size_t d = shape.size(); d-- > 0;) {
      if (++index[d] < shape[d])
        break;
      index[d] = 0;
    }
  }
}

SmallVector<int64_t> mlir::dl::reference::getStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  return strides;
}

AxisView::AxisView(ArrayRef<int64_t> shape, int64_t axis)
    : outer(getNumElements(shape.take_front(axis))), size(shape[axis]),
      inner(getNumElements(shape.drop_front(axis + 1))) {}

std::optional<int64_t>
mlir::dl::reference::evaluate(AffineExpr expr, ArrayRef<int64_t> symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
    if (symbol.getPosition() >= symbols.size() ||
        symbols[symbol.getPosition()] == kUnboundSymbol)
      return std::nullopt;
    return symbols[symbol.getPosition()];
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return std::nullopt;
  auto a = evaluate(binary.getLHS(), symbols);
  auto b = evaluate(binary.getRHS(), symbols);
  if (!a || !b)
    return std::nullopt;
  int64_t result;
  if (expr.getKind() == AffineExprKind::Add)
    return llvm::AddOverflow(*a, *b, result) ? std::nullopt
                                             : std::optional(result);
  if (expr.getKind() == AffineExprKind::Mul)
    return llvm::MulOverflow(*a, *b, result) ? std::nullopt
                                             : std::optional(result);
  if (*b <= 0)
    return std::nullopt;
  int64_t floor = llvm::divideFloorSigned(*a, *b);
  switch (expr.getKind()) {
  case AffineExprKind::FloorDiv:
    return floor;
  case AffineExprKind::CeilDiv:
    return llvm::divideCeilSigned(*a, *b);
  case AffineExprKind::Mod:
    return *a - floor * *b;
  default:
    return std::nullopt;
  }
}

FailureOr<SmallVector<int64_t>> Arguments::getValues(Operation *op,
                                                     AffineMap map) const {
  SmallVector<int64_t> values;
  for (AffineExpr expr : map.getResults()) {
    auto value = evaluate(expr, symbols);
    if (!value)
      return op->emitOpError(
                 "uses a symbol without a value, or divides by zero, "
                 "in ")
             << AffineMapAttr::get(map);
    values.push_back(*value);
  }
  return values;
}

std::optional<Shape>
mlir::dl::reference::evaluateShape(RankedTensorType type,
                                   ArrayRef<int64_t> symbols) {
  Shape shape;
  for (AffineExpr dim : getDims(type)) {
    auto size = dim ? evaluate(dim, symbols) : std::nullopt;
    if (!size || *size < 0)
      return std::nullopt;
    shape.push_back(*size);
  }
  return shape;
}

FailureOr<Shape> Arguments::getShape(Value value) const {
  auto shape = evaluateShape(cast<RankedTensorType>(value.getType()), symbols);
  if (!shape)
    return value.getDefiningOp()->emitOpError(
               "has a result whose shape is not known or negative: ")
           << value.getType();
  return *shape;
}

//===----------------------------------------------------------------------===//
// Symbols
//===----------------------------------------------------------------------===//

static int64_t getNumSymbols(func::FuncOp function) {
  int64_t count = 0;
  if (auto names = function->getAttrOfType<ArrayAttr>(kSymbolsAttr))
    count = static_cast<int64_t>(names.size());
  auto visit = [&](Type type) {
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      if (auto dims = dyn_cast_or_null<DimsAttr>(tensor.getEncoding()))
        count = std::max<int64_t>(count, dims.getMap().getNumSymbols());
  };
  llvm::for_each(function.getArgumentTypes(), visit);
  return count;
}

/// Whether all symbols in these expressions have values, and one of `fresh` is
/// among them, or there are none in `fresh`.
static bool isDecided(AffineMap map, ArrayRef<int64_t> symbols,
                      ArrayRef<int64_t> fresh) {
  bool known = true, uses = fresh.empty();
  for (AffineExpr expr : map.getResults())
    expr.walk([&](AffineExpr e) {
      auto symbol = dyn_cast<AffineSymbolExpr>(e);
      if (!symbol)
        return;
      int64_t position = symbol.getPosition();
      known &= position < static_cast<int64_t>(symbols.size()) &&
               symbols[position] != kUnboundSymbol;
      uses |= llvm::is_contained(fresh, position);
    });
  return known && uses;
}

/// Fails where one of the function's `dl.checks` does not hold, of those whose
/// symbols have values since `fresh` have (all, where that is empty).
static LogicalResult verifyChecks(func::FuncOp function,
                                  ArrayRef<int64_t> symbols,
                                  ArrayRef<int64_t> fresh) {
  auto checks = function->getAttrOfType<ArrayAttr>(kChecksAttr);
  if (!checks)
    return success();
  for (auto check : checks.getAsRange<DictionaryAttr>()) {
    auto sizes = check.getAs<AffineMapAttr>("sizes");
    auto relation = check.getAs<StringAttr>("relation");
    if (!sizes || sizes.getValue().getNumResults() != 2 || !relation)
      return function.emitError("malformed check: ") << check;
    if (!isDecided(sizes.getValue(), symbols, fresh))
      continue;
    auto a = evaluate(sizes.getValue().getResult(0), symbols);
    auto b = evaluate(sizes.getValue().getResult(1), symbols);
    bool holds = a && b && (relation == "eq" ? *a == *b : *a <= *b);
    if (holds)
      continue;
    auto message = check.getAs<StringAttr>("message");
    return function.emitError(message ? message.getValue()
                                      : "a check of sizes does not hold");
  }
  return success();
}

/// Gives the symbols that are a dimension of `type` by themselves, and have no
/// value yet, the sizes of `shape`.
static void bindShape(RankedTensorType type, ArrayRef<int64_t> shape,
                      SmallVectorImpl<int64_t> &symbols) {
  for (auto [dim, size] : llvm::zip(getDims(type), shape))
    if (auto symbol = dyn_cast_or_null<AffineSymbolExpr>(dim)) {
      size_t position = symbol.getPosition();
      if (position >= symbols.size())
        symbols.resize(position + 1, kUnboundSymbol);
      if (symbols[position] == kUnboundSymbol)
        symbols[position] = size;
    }
}

/// Fails where an input has another shape than `type` says.
static LogicalResult verifyShape(func::FuncOp function, size_t input, Type type,
                                 ArrayRef<int64_t> found,
                                 ArrayRef<int64_t> symbols) {
  auto shape = evaluateShape(cast<RankedTensorType>(type), symbols);
  if (shape && ArrayRef(*shape) == found)
    return success();
  InFlightDiagnostic diagnostic = function.emitError("input ")
                                  << input << " does not fit " << type
                                  << ": found the shape [";
  llvm::interleaveComma(found, diagnostic);
  return diagnostic << "]";
}

FailureOr<SmallVector<int64_t>> mlir::dl::reference::bindSymbols(
    func::FuncOp function, ArrayRef<Tensor> inputs,
    ArrayRef<SmallVector<int64_t>> declaredShapes) {
  if (inputs.size() != function.getNumArguments())
    return function.emitError("expected ")
           << function.getNumArguments() << " inputs, found " << inputs.size();
  SmallVector<int64_t> symbols(getNumSymbols(function), kUnboundSymbol);
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (isa<SequenceType, OptionalType>(type))
      continue;
    if (!tensor || tensor.getElementType() != inputs[i].getElementType() ||
        tensor.getRank() != inputs[i].getRank())
      return function.emitError("input ")
             << i << " does not fit " << type << ": found "
             << inputs[i].getRank() << " dimensions of "
             << inputs[i].getElementType();
    bindShape(tensor, inputs[i].getShape(), symbols);
  }
  SmallVector<Type> declaredTypes;
  if (auto array = function->getAttrOfType<ArrayAttr>(kInputTypesAttr))
    for (auto type : array.getAsRange<TypeAttr>())
      declaredTypes.push_back(type.getValue());
  for (auto [type, shape] : llvm::zip(declaredTypes, declaredShapes))
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      bindShape(tensor, shape, symbols);
  auto late = getBoundSymbols(function);
  for (auto [i, symbol] : llvm::enumerate(symbols))
    if (symbol == kUnboundSymbol && !late.contains(static_cast<unsigned>(i)))
      return function.emitError("symbol ")
             << i << " is not the size of a dimension of an input";
  for (auto [i, declared] :
       llvm::enumerate(llvm::zip(declaredTypes, declaredShapes)))
    if (isa<RankedTensorType>(std::get<0>(declared)) &&
        failed(verifyShape(function, i, std::get<0>(declared),
                           std::get<1>(declared), symbols)))
      return failure();
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes()))
    if (isa<RankedTensorType>(type) &&
        failed(verifyShape(function, i, type, inputs[i].getShape(), symbols)))
      return failure();
  if (failed(verifyChecks(function, symbols, {})))
    return failure();
  return symbols;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

namespace {
/// Runs blocks. A value is kept until its last use in its block.
class Runner {
public:
  /// `function` is null where an op is computed by itself.
  Runner(func::FuncOp function, ArrayRef<int64_t> symbols,
         const InterpreterOptions &options)
      : function(function), symbols(symbols), options(options) {}

  FailureOr<Tensors> runBlock(Block &block, ArrayRef<Tensor> arguments) {
    if (arguments.size() != block.getNumArguments())
      return block.getParentOp()->emitOpError("expected ")
             << block.getNumArguments() << " values for its body, found "
             << arguments.size();
    for (auto [argument, value] : llvm::zip(block.getArguments(), arguments))
      values[argument] = value;
    if (isa<IfOp, LoopOp>(block.getParentOp()) &&
        failed(enterRegion(block, arguments)))
      return failure();
    for (Operation &op : block.without_terminator())
      if (failed(runOp(op)))
        return failure();
    auto results = lookup(*block.getTerminator());
    release(*block.getTerminator());
    return results;
  }

  ArrayRef<int64_t> getSymbols() const { return symbols; }

private:
  LogicalResult runOp(Operation &op) {
    // Folding moves constants to the front: sizes that a later dl.bind gives
    // are computed for who reads them.
    if (auto sizes = dyn_cast<SizesOp>(op);
        sizes && !isDecided(sizes.getValue().getMap(), symbols, {}))
      return success();
    auto operands = lookup(op);
    if (failed(operands))
      return failure();
    auto results = compute(&op, *operands);
    if (failed(results))
      return failure();
    if (options.amend)
      options.amend(&op, *operands, symbols, *results);
    operands->clear();
    if (options.onResults)
      options.onResults(&op, *results);
    for (auto [result, value] : llvm::zip(op.getResults(), *results))
      values[result] = value;
    release(op);
    return success();
  }

public:
  FailureOr<Tensors> compute(Operation *op, ArrayRef<Tensor> operands) {
    if (auto bind = dyn_cast<BindOp>(op))
      return bindLate(bind, operands[0]);
    if (auto call = dyn_cast<HostCallOp>(op); call && options.library)
      return callHost(call, operands);
    const Rule *rule = getRules().lookup(op);
    if (!rule)
      return op->emitOpError("has no reference implementation");
    // Those of ops that bind symbols are known afterwards.
    auto binding = dyn_cast<BindingInterface>(op);
    for (Type type : op->getResultTypes())
      if (auto tensor = dyn_cast<RankedTensorType>(type);
          tensor && !binding && failed(checkSupported(op, tensor)))
        return failure();
    auto run = [&](Block &block, ArrayRef<Tensor> arguments) {
      return runBlock(block, arguments);
    };
    auto results =
        (*rule)(op, Arguments{operands, symbols, run, options.library});
    if (failed(results))
      return failure();
    if (binding && failed(bindSizes(op, binding.getBoundSymbols(),
                                    op->getResultTypes(), *results)))
      return failure();
    for (auto [value, result] : llvm::zip(op->getResults(), *results))
      if (auto tensor = dyn_cast<RankedTensorType>(value.getType());
          tensor && failed(checkShape(op, tensor, result)))
        return failure();
    return results;
  }

private:
  FailureOr<Tensors> callHost(HostCallOp op, ArrayRef<Tensor> operands) {
    Arguments arguments{operands, symbols, {}};
    SmallVector<Shape> shapes;
    for (Value result : op.getResults()) {
      auto shape = arguments.getShape(result);
      if (failed(shape))
        return failure();
      shapes.push_back(std::move(*shape));
    }
    SmallVector<HostResult> results;
    for (auto [value, shape] : llvm::zip(op.getResults(), shapes))
      results.push_back({getElementTypeOrSelf(value.getType()), shape});
    return options.library->callNumbered(op, op.getFunction(), operands,
                                         results, op.getArguments());
  }

  FailureOr<Tensors> bindLate(BindOp op, const Tensor &sizes) {
    if (!function || isa<ScanOp, FusedOp>(op->getParentOp()))
      return op.emitOpError("does not stand in a function's own block");
    std::vector<int64_t> values = sizes.load<int64_t>();
    for (auto [symbol, value] : llvm::zip(op.getSymbols(), values)) {
      if (value < 0 || value > kMaxBoundSize)
        return op.emitError(op.getMessage()) << ": found " << value;
      set(symbol, value);
    }
    if (failed(verifyChecks(function, symbols, op.getSymbols())))
      return failure();
    return Tensors();
  }

  void set(int64_t symbol, int64_t value) {
    if (symbol >= static_cast<int64_t>(symbols.size()))
      symbols.resize(symbol + 1, kUnboundSymbol);
    symbols[symbol] = value;
  }

  /// Gives symbols the sizes that values of these types have.
  LogicalResult bindSizes(Operation *op, ArrayRef<int64_t> bound,
                          TypeRange types, ArrayRef<Tensor> found) {
    for (auto [type, value] : llvm::zip(types, found)) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      if (!tensor)
        continue;
      if (value.getRank() != tensor.getRank())
        return op->emitOpError("expected a value of ")
               << tensor << ", found " << value.getRank() << " dimensions";
      for (auto [i, dim] : llvm::enumerate(getDims(tensor)))
        if (auto symbol = dyn_cast_or_null<AffineSymbolExpr>(dim);
            symbol && llvm::is_contained(bound, symbol.getPosition()))
          set(symbol.getPosition(), value.getDimSize(i));
    }
    return function ? verifyChecks(function, symbols, bound) : success();
  }

  /// Sizes of an earlier run of a region are of no meaning in this one.
  LogicalResult enterRegion(Block &block, ArrayRef<Tensor> arguments) {
    for (Operation &op : block)
      for (unsigned symbol : getBoundSymbols(&op))
        set(symbol, kUnboundSymbol);
    auto loop = dyn_cast<LoopOp>(block.getParentOp());
    if (!loop || loop.getBodySymbols().empty())
      return success();
    for (int64_t symbol : loop.getBodySymbols())
      set(symbol, kUnboundSymbol);
    return bindSizes(loop, loop.getBodySymbols(), block.getArgumentTypes(),
                     arguments);
  }

  /// A result must have a known element type and fit into memory.
  LogicalResult checkSupported(Operation *op, RankedTensorType type) {
    if (!Tensor::isSupported(type.getElementType()))
      return op->emitOpError("has a result of an element type that the "
                             "reference does not support: ")
             << type;
    constexpr int64_t kMaxElements = int64_t(1) << 36;
    int64_t count = 1;
    for (int64_t size : evaluateShape(type, symbols).value_or(Shape()))
      if (llvm::MulOverflow(count, size, count) || count > kMaxElements)
        return op->emitOpError("has a result of more than ")
               << kMaxElements << " elements: " << type;
    return success();
  }

  /// An op's result must have the shape that its type says, where it says one.
  LogicalResult checkShape(Operation *op, RankedTensorType type,
                           const Tensor &result) {
    auto shape = evaluateShape(type, symbols);
    if (!shape || ArrayRef(*shape) == result.getShape())
      return success();
    InFlightDiagnostic diagnostic = op->emitOpError("expected a result of ")
                                    << type << ", found the shape [";
    llvm::interleaveComma(result.getShape(), diagnostic);
    return diagnostic << "]";
  }

  FailureOr<Tensors> lookup(Operation &op) {
    Tensors found;
    for (Value operand : op.getOperands()) {
      auto it = values.find(operand);
      if (it == values.end() && operand.getDefiningOp<SizesOp>()) {
        auto sizes = compute(operand.getDefiningOp(), {});
        if (failed(sizes))
          return failure();
        it = values.try_emplace(operand, sizes->front()).first;
      }
      if (it == values.end())
        return op.emitOpError("has an operand that has not been computed");
      found.push_back(it->second);
    }
    return found;
  }

  /// Frees what is not used after `op`.
  void release(Operation &op) {
    Block *block = op.getBlock();
    auto [it, isNew] = lastUses.try_emplace(block);
    if (isNew)
      findLastUses(*block, it->second);
    for (Value value : it->second.lookup(&op))
      values.erase(value);
  }

  using LastUses = DenseMap<Operation *, SmallVector<Value>>;

  static void findLastUses(Block &block, LastUses &uses) {
    auto add = [&](Value value) {
      Operation *last = value.getDefiningOp();
      for (Operation *user : value.getUsers()) {
        Operation *ancestor = block.findAncestorOpInBlock(*user);
        if (!last || (ancestor && last->isBeforeInBlock(ancestor)))
          last = ancestor;
      }
      if (last)
        uses[last].push_back(value);
    };
    llvm::for_each(block.getArguments(), add);
    for (Operation &op : block)
      llvm::for_each(op.getResults(), add);
  }

  func::FuncOp function;
  SmallVector<int64_t> symbols;
  const InterpreterOptions &options;
  DenseMap<Value, Tensor> values;
  DenseMap<Block *, LastUses> lastUses;
};
} // namespace

FailureOr<Tensors>
mlir::dl::reference::interpret(func::FuncOp function, ArrayRef<Tensor> inputs,
                               const InterpreterOptions &options) {
  if (function.isDeclaration() || !function.getBody().hasOneBlock())
    return function.emitError("expected a function with a body of one block");
  auto symbols = bindSymbols(function, inputs, options.declaredShapes);
  if (failed(symbols))
    return failure();
  Runner runner(function, *symbols, options);
  auto results = runner.runBlock(function.getBody().front(), inputs);
  if (options.symbols)
    options.symbols->assign(runner.getSymbols().begin(),
                            runner.getSymbols().end());
  return results;
}

LogicalResult mlir::dl::reference::verifySupported(func::FuncOp function) {
  auto result = function.walk([&](Operation *op) {
    if (op == function || isa<BindOp>(op) ||
        op->hasTrait<OpTrait::IsTerminator>() || getRules().lookup(op))
      return WalkResult::advance();
    op->emitOpError("has no reference implementation");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

FailureOr<Tensors> mlir::dl::reference::interpretOp(Operation *op,
                                                    ArrayRef<Tensor> operands,
                                                    ArrayRef<int64_t> symbols) {
  if (operands.size() != op->getNumOperands())
    return op->emitOpError("expected ")
           << op->getNumOperands() << " operands, found " << operands.size();
  return Runner({}, symbols, {}).compute(op, operands);
}

SmallVector<DenseElementsAttr>
mlir::dl::reference::computeConstants(Operation *op,
                                      ArrayRef<Tensor> operands) {
  FailureOr<Tensors> results = failure();
  {
    ScopedDiagnosticHandler quiet(op->getContext(),
                                  [](Diagnostic &) { return success(); });
    results = interpretOp(op, operands, {});
  }
  if (failed(results) || results->size() != op->getNumResults())
    return {};
  SmallVector<DenseElementsAttr> values;
  for (auto [result, tensor] : llvm::zip(op->getResults(), *results)) {
    values.push_back(tensor.toAttribute());
    if (values.back().getType() != result.getType())
      return {};
  }
  return values;
}

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/verify/Program.h"

#include "ir/dialect/Dims.h"
#include "ir/dialect/Maps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::dl::reference;

namespace dl::tools {

func::FuncOp Program::findFunction(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>())
    if (!function.isDeclaration())
      return function;
  return {};
}

std::optional<Tensors> getGivenInputs(func::FuncOp function) {
  Tensors inputs;
  for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i) {
    auto value = function.getArgAttrOfType<ElementsAttr>(i, "dl.value");
    FailureOr<Tensor> input =
        value ? Tensor::fromAttribute(value) : FailureOr<Tensor>(failure());
    if (failed(input))
      return std::nullopt;
    inputs.push_back(*input);
  }
  return inputs;
}

Type getCallerType(func::FuncOp function, StringRef attribute, unsigned i,
                   Type type) {
  if (auto types = function->getAttrOfType<ArrayAttr>(attribute))
    if (i < types.size())
      if (auto declared = dyn_cast<TypeAttr>(types[i]))
        return declared.getValue();
  return type;
}

/// Changes the tensors of a value whose declared elements are strings.
static Tensor convertStrings(const Tensor &value, Type type,
                             function_ref<Tensor(const Tensor &)> convert) {
  if (value.isNone())
    return value;
  if (auto optional = dyn_cast<mlir::dl::OptionalType>(type))
    return convertStrings(value, optional.getValueType(), convert);
  if (auto sequence = dyn_cast<mlir::dl::SequenceType>(type)) {
    std::vector<Tensor> elements;
    for (const Tensor &element : value.getElements())
      elements.push_back(
          convertStrings(element, sequence.getElementType(), convert));
    return Tensor::sequence(std::move(elements));
  }
  return isa<mlir::dl::StringType>(getElementTypeOrSelf(type)) ? convert(value)
                                                               : value;
}

static Tensor toNumbers(const Tensor &value, NumberedStrings &strings,
                        MLIRContext *context) {
  if (!isa<mlir::dl::StringType>(value.getElementType()))
    return value;
  std::vector<int64_t> numbers;
  for (StringRef text : value.loadStrings())
    numbers.push_back(strings.getNumber(text));
  return Tensor::store<int64_t>(IntegerType::get(context, 64), value.getShape(),
                                numbers);
}

static Tensor toStrings(const Tensor &value, const NumberedStrings &strings,
                        MLIRContext *context) {
  if (!value.getElementType().isInteger(64))
    return value;
  std::vector<std::string> texts;
  for (int64_t number : value.load<int64_t>())
    texts.push_back(strings.getText(number));
  return Tensor::storeStrings(mlir::dl::StringType::get(context),
                              value.getShape(), texts);
}

void Program::numberStrings() {
  auto texts = (*module)->getAttrOfType<ArrayAttr>(mlir::dl::kStringsAttr);
  if (!texts || strings)
    return;
  SmallVector<StringRef> known;
  for (auto text : texts.getAsRange<StringAttr>())
    known.push_back(text.getValue());
  strings = makeNumberedStrings(known);
  func::FuncOp function = getFunction();
  for (auto [i, input] : llvm::enumerate(inputs))
    input = convertStrings(input,
                           getCallerType(function, mlir::dl::kInputTypesAttr, i,
                                         function.getArgument(i).getType()),
                           [&](const Tensor &value) {
                             return toNumbers(value, *strings,
                                              function.getContext());
                           });
}

Tensors Program::getCallerInputs() const {
  if (!strings)
    return inputs;
  func::FuncOp function = getFunction();
  Tensors result;
  for (auto [i, input] : llvm::enumerate(inputs))
    result.push_back(convertStrings(
        input,
        getCallerType(function, mlir::dl::kInputTypesAttr, i,
                      function.getArgument(i).getType()),
        [&](const Tensor &value) {
          return toStrings(value, *strings, function.getContext());
        }));
  return result;
}

Tensors Program::toCallers(const Tensors &results) const {
  if (!strings)
    return results;
  func::FuncOp function = getFunction();
  Tensors converted;
  for (auto [i, result] : llvm::enumerate(results))
    converted.push_back(convertStrings(
        result,
        getCallerType(function, mlir::dl::kOutputTypesAttr, i,
                      function.getResultTypes()[i]),
        [&](const Tensor &value) {
          return toStrings(value, *strings, function.getContext());
        }));
  return converted;
}

FailureOr<Tensors> run(const Program &program) {
  InterpreterOptions options;
  options.library = &program.getLibrary();
  auto results = interpret(program.getFunction(), program.inputs, options);
  return failed(results) ? results
                         : FailureOr<Tensors>(program.toCallers(*results));
}

size_t countOps(const Program &program) {
  return llvm::count_if(
      program.getFunction().front().without_terminator(),
      [](Operation &op) { return !op.hasTrait<OpTrait::ConstantLike>(); });
}

FailureOr<Recording> record(const Program &program) {
  Recording recording;
  func::FuncOp function = program.getFunction();
  Block *block = &function.front();
  InterpreterOptions options;
  options.library = &program.getLibrary();
  options.amend = [&](Operation *op, ArrayRef<Tensor>,
                      ArrayRef<int64_t> symbols, Tensors &results) {
    if (op->getBlock() != block)
      return;
    for (auto [value, tensor] : llvm::zip(op->getResults(), results))
      recording.values[value] = tensor;
    recording.symbols.assign(symbols.begin(), symbols.end());
  };
  if (failed(interpret(function, program.inputs, options)))
    return failure();
  for (auto [argument, tensor] :
       llvm::zip(function.getArguments(), program.inputs))
    recording.values[argument] = tensor;
  // A bind changes the symbols after it has been seen.
  for (auto bind : function.getOps<mlir::dl::BindOp>()) {
    std::vector<int64_t> sizes =
        recording.values.lookup(bind.getSizes()).load<int64_t>();
    for (auto [symbol, size] : llvm::zip(bind.getSymbols(), sizes)) {
      if (symbol >= static_cast<int64_t>(recording.symbols.size()))
        recording.symbols.resize(symbol + 1, kUnboundSymbol);
      recording.symbols[symbol] = size;
    }
  }
  return recording;
}

//===----------------------------------------------------------------------===//
// Cutting
//===----------------------------------------------------------------------===//

namespace {

/// Cuts one program out of another.
class Extraction {
public:
  Extraction(const Program &program, const Cut &cut, const Recording &recording)
      : cut(cut), recording(recording), hasValues(!recording.values.empty()) {
    result.module = cast<ModuleOp>((*program.module)->clone(mapping));
    result.strings = program.strings;
    if (hasValues)
      result.inputs = program.inputs;
    function = result.getFunction();
    if (auto names =
            function->getAttrOfType<ArrayAttr>(mlir::dl::kInputNamesAttr))
      for (auto name : names.getAsRange<StringAttr>())
        this->names.push_back(name.str());
    this->names.resize(function.getNumArguments());
  }

  Program run() {
    for (Value value : cut.given)
      give(value);
    returnResults();
    removeDeadOps();
    removeUnusedArguments();
    addSymbolCarriers();
    nameArguments();
    return std::move(result);
  }

private:
  void addArgument(Type type, Location loc, const Tensor &value,
                   std::string name) {
    (void)function.insertArgument(function.getNumArguments(), type,
                                  DictionaryAttr(), loc);
    if (hasValues)
      result.inputs.push_back(value);
    names.push_back(std::move(name));
  }

  void give(Value value) {
    Value copy = mapping.lookup(value);
    addArgument(copy.getType(), copy.getLoc(), recording.values.lookup(value),
                "");
    copy.replaceAllUsesWith(function.getArguments().back());
    mapping.map(value, function.getArguments().back());
  }

  void returnResults() {
    SmallVector<Value> results;
    for (Value value : cut.results)
      results.push_back(mapping.lookup(value));
    Operation *terminator = function.front().getTerminator();
    if (results == SmallVector<Value>(terminator->getOperands()))
      return;
    terminator->setOperands(results);
    function.removeResAttrsAttr();
    function.setFunctionType(FunctionType::get(function.getContext(),
                                               function.getArgumentTypes(),
                                               ValueRange(results).getTypes()));
    function->removeAttr(mlir::dl::kOutputTypesAttr);
    function->removeAttr(mlir::dl::kOutputNamesAttr);
    function->removeAttr(mlir::dl::kOutputKeysAttr);
    Builder builder(function.getContext());
    SmallVector<std::string> texts;
    for (size_t i = 0; i < results.size(); ++i)
      texts.push_back("result" + std::to_string(i));
    SmallVector<StringRef> texts2(texts.begin(), texts.end());
    function->setAttr(mlir::dl::kOutputNamesAttr,
                      builder.getStrArrayAttr(texts2));
  }

  void removeDeadOps() {
    for (Operation *op : cut.unbound)
      mapping.lookup(op)->erase();
    for (Operation &op :
         llvm::make_early_inc_range(llvm::reverse(function.front())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }

  void removeUnusedArguments() {
    unsigned count = function.getNumArguments();
    llvm::BitVector unused(count);
    for (unsigned i = 0; i < count; ++i)
      if (function.getArgument(i).use_empty())
        unused.set(i);
    if (unused.any() || !cut.given.empty())
      function->removeAttr(mlir::dl::kInputTypesAttr);
    if (unused.any())
      function->removeAttr(mlir::dl::kInputMapsAttr);
    for (unsigned i = count; i-- > 0;)
      if (unused[i]) {
        if (!result.inputs.empty())
          result.inputs.erase(result.inputs.begin() + i);
        names.erase(names.begin() + i);
      }
    (void)function.eraseArguments(unused);
  }

  /// A symbol that no input's shape and no dl.bind gives any more becomes the
  /// size of an input that nothing reads.
  void addSymbolCarriers() {
    size_t count = recording.symbols.size();
    if (auto names = function->getAttrOfType<ArrayAttr>(mlir::dl::kSymbolsAttr))
      count = std::max(count, names.size());
    DenseSet<unsigned> bound;
    for (Type type : function.getArgumentTypes())
      if (auto tensor = dyn_cast<RankedTensorType>(type))
        for (AffineExpr dim : mlir::dl::getDims(tensor))
          if (auto symbol = dyn_cast_or_null<AffineSymbolExpr>(dim))
            bound.insert(symbol.getPosition());
    for (auto binding : function.getOps<mlir::dl::BindingInterface>())
      bound.insert(binding.getBoundSymbols().begin(),
                   binding.getBoundSymbols().end());
    for (unsigned i = 0; i < count; ++i) {
      if (bound.contains(i))
        continue;
      Type element = IntegerType::get(function.getContext(), 8);
      Tensor value;
      if (hasValues && i < recording.symbols.size())
        value = Tensor(element, {std::max<int64_t>(recording.symbols[i], 0)});
      addArgument(mlir::dl::getTensorType(
                      {getAffineSymbolExpr(i, function.getContext())}, element),
                  function.getLoc(), value, "size" + std::to_string(i));
    }
  }

  void nameArguments() {
    llvm::StringSet<> taken;
    for (const std::string &name : names)
      taken.insert(name);
    size_t next = 0;
    for (std::string &name : names)
      while (name.empty()) {
        std::string fresh = "given" + std::to_string(next++);
        if (taken.insert(fresh).second)
          name = fresh;
      }
    SmallVector<StringRef> texts(names.begin(), names.end());
    function->setAttr(mlir::dl::kInputNamesAttr,
                      Builder(function.getContext()).getStrArrayAttr(texts));
  }

  const Cut &cut;
  const Recording &recording;
  bool hasValues;
  IRMapping mapping;
  Program result;
  func::FuncOp function;
  SmallVector<std::string> names;
};

} // namespace

Program extract(const Program &program, const Cut &cut,
                const Recording &recording) {
  return Extraction(program, cut, recording).run();
}

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

std::string print(const Program &program, StringRef comment) {
  Program copy = program.clone();
  func::FuncOp function = copy.getFunction();
  for (auto [i, input] : llvm::enumerate(copy.inputs))
    if (!input.isNone() && !input.isSequence())
      function.setArgAttr(i, "dl.value", input.toAttribute());
  std::string text;
  llvm::raw_string_ostream stream(text);
  SmallVector<StringRef> lines;
  comment.split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (StringRef line : lines)
    stream << "// " << line << "\n";
  copy.module->print(stream, OpPrintingFlags().enableDebugInfo());
  stream << "\n";
  return text;
}

} // namespace dl::tools

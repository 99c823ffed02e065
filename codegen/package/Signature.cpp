// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Signature.h"
#include "codegen/package/Types.h"
#include "ir/dialect/Dims.h"
#include "ir/dialect/Maps.h"
#include "runtime/artifact/module_generated.h"

using namespace dl::package;
using mlir::AffineExpr;
using mlir::cast;
using mlir::dyn_cast;
using mlir::failure;
using mlir::LogicalResult;
using mlir::RankedTensorType;
using mlir::success;

//===----------------------------------------------------------------------===//
// What bodies have, too
//===----------------------------------------------------------------------===//

std::string dl::package::getSymbolName(mlir::func::FuncOp function,
                                       unsigned symbol) {
  auto names = function->getAttrOfType<mlir::ArrayAttr>(mlir::dl::kSymbolsAttr);
  if (names && symbol < names.size())
    if (auto name = dyn_cast<mlir::StringAttr>(names[symbol]))
      return name.str();
  return "s" + std::to_string(symbol);
}

llvm::ArrayRef<int64_t>
dl::package::getStateNumbers(mlir::func::FuncOp function,
                             llvm::StringRef attribute) {
  auto numbers = function->getAttrOfType<mlir::DenseI64ArrayAttr>(attribute);
  return numbers ? numbers.asArrayRef() : llvm::ArrayRef<int64_t>();
}

/// The type of the tensors of a value.
static mlir::TensorType getTensorsOf(mlir::Type type) {
  if (auto optional = dyn_cast<mlir::dl::OptionalType>(type))
    type = optional.getValueType();
  if (auto sequence = dyn_cast<mlir::dl::SequenceType>(type))
    type = sequence.getElementType();
  return dyn_cast<mlir::TensorType>(type);
}

static bool isSupportedValue(mlir::Type type) {
  mlir::TensorType tensor = getTensorsOf(type);
  return tensor && getElementNumber(tensor.getElementType()) &&
         (mlir::isa<RankedTensorType>(type) ||
          mlir::isa<mlir::dl::SequenceType, mlir::dl::OptionalType>(type));
}

ValueDesc dl::package::describeValue(const std::string &name, mlir::Type type,
                                     TypeFormulas &formulas) {
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return {name, formulas.getDesc(tensor)};
  mlir::TensorType tensor = getTensorsOf(type);
  ValueDesc value{name, {getElementNumber(tensor.getElementType()), {}}};
  auto optional = dyn_cast<mlir::dl::OptionalType>(type);
  value.kind = !optional ? dlrt::fb::ValueKind_Sequence
               : mlir::isa<mlir::dl::SequenceType>(optional.getValueType())
                   ? dlrt::fb::ValueKind_OptionalSequence
                   : dlrt::fb::ValueKind_OptionalTensor;
  value.unranked = !tensor.hasRank();
  for (int64_t size :
       tensor.hasRank() ? tensor.getShape() : llvm::ArrayRef<int64_t>())
    value.type.dims.push_back(mlir::ShapedType::isDynamic(size)
                                  ? kNoFormula
                                  : formulas.get(mlir::getAffineConstantExpr(
                                        size, type.getContext())));
  return value;
}

/// The symbols that a check is about; nothing where it is malformed.
static std::optional<llvm::SmallSetVector<unsigned, 4>>
getCheckedSymbols(mlir::Attribute attribute) {
  auto check = dyn_cast<mlir::DictionaryAttr>(attribute);
  auto relation = check ? check.getAs<mlir::StringAttr>("relation") : nullptr;
  auto sizes = check ? check.getAs<mlir::AffineMapAttr>("sizes") : nullptr;
  if (!relation || !sizes || !check.getAs<mlir::StringAttr>("message") ||
      (relation != "eq" && relation != "le") ||
      sizes.getValue().getNumResults() != 2 ||
      sizes.getValue().getNumDims() != 0)
    return std::nullopt;
  llvm::SmallSetVector<unsigned, 4> symbols;
  for (AffineExpr expr : sizes.getValue().getResults())
    expr.walk([&](AffineExpr e) {
      if (auto symbol = dyn_cast<mlir::AffineSymbolExpr>(e))
        symbols.insert(symbol.getPosition());
    });
  return symbols;
}

static llvm::ArrayRef<mlir::Attribute> getChecks(mlir::func::FuncOp function) {
  auto checks = function->getAttrOfType<mlir::ArrayAttr>(mlir::dl::kChecksAttr);
  return checks ? checks.getValue() : llvm::ArrayRef<mlir::Attribute>();
}

llvm::SmallSetVector<unsigned, 4>
dl::package::getSymbolsOfChecks(mlir::func::FuncOp function,
                                llvm::ArrayRef<unsigned> own) {
  llvm::SmallSetVector<unsigned, 4> result;
  for (mlir::Attribute check : getChecks(function)) {
    auto symbols = getCheckedSymbols(check);
    if (symbols && llvm::any_of(*symbols, [&](unsigned symbol) {
          return llvm::is_contained(own, symbol);
        }))
      result.insert(symbols->begin(), symbols->end());
  }
  return result;
}

LogicalResult
dl::package::addChecks(mlir::func::FuncOp function,
                       std::optional<llvm::ArrayRef<unsigned>> own,
                       llvm::ArrayRef<FormulaId> values, Program &program) {
  for (mlir::Attribute attribute : getChecks(function)) {
    auto symbols = getCheckedSymbols(attribute);
    if (!symbols || llvm::any_of(*symbols, [&](unsigned symbol) {
          return symbol >= values.size();
        }))
      return function.emitError()
             << "expected a check {relation = \"eq\" | \"le\", sizes = "
                "affine_map<()[...] -> (a, b)>, message = \"...\"}, found "
             << attribute;
    // Others are made where their symbols have values.
    bool isHere = llvm::all_of(*symbols, [&](unsigned symbol) {
      return values[symbol] != kNoFormula;
    });
    bool isOwn = !own || llvm::any_of(*symbols, [&](unsigned symbol) {
      return llvm::is_contained(*own, symbol);
    });
    if (!isHere || !isOwn)
      continue;
    auto check = mlir::cast<mlir::DictionaryAttr>(attribute);
    mlir::AffineMap sizes =
        check.getAs<mlir::AffineMapAttr>("sizes").getValue();
    program.checks.push_back(
        {check.getAs<mlir::StringAttr>("relation") == "le",
         toFormula(sizes.getResult(0), program.formulas, {}, values),
         toFormula(sizes.getResult(1), program.formulas, {}, values),
         check.getAs<mlir::StringAttr>("message").str()});
  }
  return success();
}

namespace {

class SignatureBuilder {
public:
  SignatureBuilder(mlir::func::FuncOp function, Program &program,
                   std::vector<FormulaId> &values)
      : function(function), context(function.getContext()), program(program),
        values(values) {}

  LogicalResult build() {
    program.name = function.getName().str();
    mlir::TypeRange arguments =
        mlir::TypeRange(function.getArgumentTypes())
            .drop_back(getStateNumbers(function, mlir::dl::kStateArgumentsAttr)
                           .size());
    mlir::TypeRange results =
        mlir::TypeRange(function.getResultTypes())
            .drop_back(
                getStateNumbers(function, mlir::dl::kStateResultsAttr).size());
    inputTypes = getTypes(mlir::dl::kInputTypesAttr, arguments);
    outputTypes = getTypes(mlir::dl::kOutputTypesAttr, results);
    if (failed(checkTypes(inputTypes, "input")) ||
        failed(checkTypes(outputTypes, "output")) ||
        failed(checkBytes(arguments, "input")) ||
        failed(checkBytes(results, "output")))
      return failure();
    inputNames = getNames(mlir::dl::kInputNamesAttr, "input", arguments.size());
    outputNames =
        getNames(mlir::dl::kOutputNamesAttr, "output", results.size());
    if (failed(bindSymbols()))
      return failure();
    addValues(inputTypes, inputNames, program.inputs);
    addValues(outputTypes, outputNames, program.outputs);
    addMaps();
    return addChecks();
  }

private:
  /// The types that the caller sees, where they are others than the function's.
  std::vector<mlir::Type> getTypes(llvm::StringRef attribute,
                                   mlir::TypeRange types) {
    std::vector<mlir::Type> result(types.begin(), types.end());
    if (auto array = function->getAttrOfType<mlir::ArrayAttr>(attribute))
      for (auto [type, given] : llvm::zip(result, array))
        if (auto declared = dyn_cast<mlir::TypeAttr>(given))
          type = declared.getValue();
    return result;
  }

  LogicalResult checkTypes(mlir::TypeRange types, const char *what) {
    for (auto [i, type] : llvm::enumerate(types)) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      if (!isSupportedValue(type))
        return function.emitError()
               << what << " " << i << ": the module format has no type "
               << type;
      if (!tensor)
        continue;
      for (AffineExpr dim : mlir::dl::getDims(tensor))
        if (!dim)
          return function.emitError() << what << " " << i << ": " << type
                                      << " has a dimension of unknown size";
    }
    return success();
  }

  /// A caller packs elements below a byte; in a function they have one each.
  LogicalResult checkBytes(mlir::TypeRange types, const char *what) {
    for (auto [i, type] : llvm::enumerate(types)) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      if (!tensor)
        continue;
      mlir::Type element = tensor.getElementType();
      if (element.isIntOrFloat() && !element.isInteger(1) &&
          element.getIntOrFloatBitWidth() < 8)
        return function.emitError()
               << what << " " << i << ": expected the packed bytes of " << type
               << ", and the type itself in '" << mlir::dl::kInputTypesAttr
               << "' or '" << mlir::dl::kOutputTypesAttr << "'";
    }
    return success();
  }

  std::vector<std::string> getNames(llvm::StringRef attribute,
                                    const char *otherwise, size_t count) {
    std::vector<std::string> names;
    if (auto array = function->getAttrOfType<mlir::ArrayAttr>(attribute))
      for (mlir::Attribute name : array)
        if (auto text = dyn_cast<mlir::StringAttr>(name))
          names.push_back(text.str());
    for (size_t i = names.size(); i < count; ++i)
      names.push_back(otherwise + std::to_string(i));
    names.resize(count);
    return names;
  }

  void addMaps() {
    auto inputs = function->getAttrOfType<mlir::DenseI64ArrayAttr>(
        mlir::dl::kInputMapsAttr);
    for (int64_t i : inputs ? inputs.asArrayRef() : llvm::ArrayRef<int64_t>()) {
      program.inputs[i].mapPart = dlrt::fb::MapPart_Keys;
      program.inputs[i + 1].mapPart = dlrt::fb::MapPart_Values;
    }
    auto all =
        function->getAttrOfType<mlir::ArrayAttr>(mlir::dl::kOutputKeysAttr);
    if (!all)
      return;
    for (auto [output, given] : llvm::zip(program.outputs, all))
      if (auto keys = dyn_cast<mlir::ArrayAttr>(given))
        for (mlir::Attribute key : keys) {
          if (auto text = dyn_cast<mlir::StringAttr>(key))
            output.keys.push_back(text.str());
          else if (auto number = dyn_cast<mlir::IntegerAttr>(key))
            output.intKeys.push_back(number.getInt());
        }
  }

  void addValues(mlir::TypeRange types, const std::vector<std::string> &names,
                 std::vector<ValueDesc> &result) {
    TypeFormulas formulas(program.formulas, values);
    for (auto [type, name] : llvm::zip(types, names))
      result.push_back(describeValue(name, type, formulas));
  }

  //===--------------------------------------------------------------------===//
  // Symbols
  //===--------------------------------------------------------------------===//

  std::string getSymbolName(unsigned symbol) {
    return dl::package::getSymbolName(function, symbol);
  }

  /// Adds a symbol for a dimension of an input; for one that a step binds,
  /// `input` is -1.
  FormulaId bind(std::string name, int32_t input, int32_t axis) {
    program.symbols.push_back({std::move(name), input, axis});
    return program.formulas.symbol(
        static_cast<int32_t>(program.symbols.size() - 1));
  }

  template <typename F> void forEachDim(F visit) {
    for (auto [i, type] : llvm::enumerate(inputTypes))
      if (auto tensor = dyn_cast<RankedTensorType>(type))
        for (auto [d, dim] : llvm::enumerate(mlir::dl::getDims(tensor)))
          visit(dim, static_cast<int32_t>(i), static_cast<int32_t>(d));
  }

  LogicalResult bindSymbols() {
    unsigned count = 0;
    auto use = [&](AffineExpr expr) {
      expr.walk([&](AffineExpr e) {
        if (auto symbol = dyn_cast<mlir::AffineSymbolExpr>(e))
          count = std::max(count, symbol.getPosition() + 1);
      });
    };
    forEachDim([&](AffineExpr dim, int32_t, int32_t) { use(dim); });
    if (auto names =
            function->getAttrOfType<mlir::ArrayAttr>(mlir::dl::kSymbolsAttr))
      count = std::max<unsigned>(count, names.size());
    for (unsigned symbol : mlir::dl::getBoundSymbols(function))
      count = std::max(count, symbol + 1);
    values.assign(count, kNoFormula);

    forEachDim([&](AffineExpr dim, int32_t input, int32_t axis) {
      auto symbol = dyn_cast<mlir::AffineSymbolExpr>(dim);
      if (symbol && values[symbol.getPosition()] == kNoFormula)
        values[symbol.getPosition()] =
            bind(getSymbolName(symbol.getPosition()), input, axis);
    });
    for (bool changed = true; changed;) {
      changed = false;
      forEachDim([&](AffineExpr dim, int32_t input, int32_t axis) {
        changed |= solve(dim, input, axis);
      });
    }
    for (auto op : function.getOps<mlir::dl::BindingInterface>())
      for (int64_t symbol : op.getBoundSymbols())
        if (values[symbol] == kNoFormula)
          values[symbol] = bind(getSymbolName(symbol), -1, 0);
    auto inner = mlir::dl::getBoundSymbols(function);
    for (unsigned i = 0; i < count; ++i) {
      // Others have values in bodies alone.
      if (values[i] != kNoFormula || inner.contains(i))
        continue;
      if (isUsed(i))
        return function.emitError()
               << "the size '" << getSymbolName(i)
               << "' does not follow from the shapes of the inputs";
      // Never asked for.
      values[i] = program.formulas.constant(0);
    }
    return success();
  }

  bool isUsed(unsigned symbol) {
    bool used = false;
    auto visitMap = [&](mlir::AffineMap map) {
      for (AffineExpr expr : map.getResults())
        expr.walk([&](AffineExpr e) {
          auto s = dyn_cast<mlir::AffineSymbolExpr>(e);
          used |= s && s.getPosition() == symbol;
        });
    };
    auto visitType = [&](mlir::Type type) {
      if (auto tensor = dyn_cast<RankedTensorType>(type))
        if (auto dims = mlir::dyn_cast_or_null<mlir::dl::DimsAttr>(
                tensor.getEncoding()))
          visitMap(dims.getMap());
    };
    llvm::for_each(function.getArgumentTypes(), visitType);
    function.walk([&](mlir::Operation *op) {
      llvm::for_each(op->getOperandTypes(), visitType);
      llvm::for_each(op->getResultTypes(), visitType);
      for (mlir::NamedAttribute attribute : op->getAttrs())
        if (auto map = dyn_cast<mlir::AffineMapAttr>(attribute.getValue()))
          visitMap(map.getValue());
    });
    return used;
  }

  /// Finds the one symbol of `dim` that has no value yet, if dim is linear in
  /// it with a number as factor, and gives it one.
  bool solve(AffineExpr dim, int32_t input, int32_t axis) {
    std::optional<unsigned> unknown;
    bool several = false;
    dim.walk([&](AffineExpr e) {
      auto symbol = dyn_cast<mlir::AffineSymbolExpr>(e);
      if (!symbol || values[symbol.getPosition()] != kNoFormula)
        return;
      several |= unknown && *unknown != symbol.getPosition();
      unknown = symbol.getPosition();
    });
    if (!unknown || several)
      return false;
    // dim = rest + factor * symbol: the factor is what one more symbol adds.
    AffineExpr symbol = mlir::getAffineSymbolExpr(*unknown, context);
    AffineExpr rest = substitute(dim, *unknown, 0);
    auto factor = dyn_cast<mlir::AffineConstantExpr>(
        mlir::dl::simplify(substitute(dim, *unknown, 1) - rest));
    if (!factor || factor.getValue() <= 0 ||
        !mlir::dl::provablyEqual(dim, rest + symbol * factor))
      return false;
    Formulas &formulas = program.formulas;
    FormulaId size =
        bind(inputNames[input] + "." + std::to_string(axis), input, axis);
    FormulaId difference =
        formulas.sub(size, toFormula(rest, formulas, {}, values));
    values[*unknown] =
        formulas.floorDiv(difference, formulas.constant(factor.getValue()));
    program.checks.push_back(
        {/*lessEqual=*/true, formulas.constant(0), values[*unknown],
         "input '" + inputNames[input] + "': dimension " +
             std::to_string(axis) + " is too small, '" +
             getSymbolName(*unknown) + "' would be negative"});
    return true;
  }

  AffineExpr substitute(AffineExpr expr, unsigned symbol, int64_t value) {
    return mlir::dl::simplify(
        expr.replace(mlir::getAffineSymbolExpr(symbol, context),
                     mlir::getAffineConstantExpr(value, context)));
  }

  LogicalResult addChecks() {
    return dl::package::addChecks(function, std::nullopt, values, program);
  }

  mlir::func::FuncOp function;
  mlir::MLIRContext *context;
  Program &program;
  std::vector<FormulaId> &values;
  std::vector<mlir::Type> inputTypes, outputTypes;
  std::vector<std::string> inputNames, outputNames;
};

} // namespace

LogicalResult dl::package::buildSignature(mlir::func::FuncOp function,
                                          Program &program,
                                          std::vector<FormulaId> &values) {
  return SignatureBuilder(function, program, values).build();
}

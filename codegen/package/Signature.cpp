// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Signature.h"
#include "codegen/package/Types.h"
#include "ir/dialect/Dims.h"

using namespace dl::package;
using mlir::AffineExpr;
using mlir::cast;
using mlir::dyn_cast;
using mlir::failure;
using mlir::LogicalResult;
using mlir::RankedTensorType;
using mlir::success;

namespace {

class SignatureBuilder {
public:
  SignatureBuilder(mlir::func::FuncOp function, Program &program,
                   std::vector<FormulaId> &values)
      : function(function), context(function.getContext()), program(program),
        values(values) {}

  LogicalResult build() {
    program.name = function.getName().str();
    inputTypes =
        getTypes(mlir::dl::kInputTypesAttr, function.getArgumentTypes());
    outputTypes =
        getTypes(mlir::dl::kOutputTypesAttr, function.getResultTypes());
    if (failed(checkTypes(inputTypes, "input")) ||
        failed(checkTypes(outputTypes, "output")) ||
        failed(checkBytes(function.getArgumentTypes(), "input")) ||
        failed(checkBytes(function.getResultTypes(), "output")))
      return failure();
    inputNames = getNames(mlir::dl::kInputNamesAttr, "input",
                          function.getNumArguments());
    outputNames = getNames(mlir::dl::kOutputNamesAttr, "output",
                           function.getNumResults());
    if (failed(bindSymbols()))
      return failure();
    addValues(inputTypes, inputNames, program.inputs);
    addValues(outputTypes, outputNames, program.outputs);
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
      if (!tensor || !getElementNumber(tensor.getElementType()))
        return function.emitError()
               << what << " " << i << ": the module format has no type "
               << type;
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
      mlir::Type element = cast<RankedTensorType>(type).getElementType();
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

  void addValues(mlir::TypeRange types, const std::vector<std::string> &names,
                 std::vector<ValueDesc> &result) {
    TypeFormulas formulas(program.formulas, values);
    for (auto [type, name] : llvm::zip(types, names))
      result.push_back({name, formulas.getDesc(cast<RankedTensorType>(type))});
  }

  //===--------------------------------------------------------------------===//
  // Symbols
  //===--------------------------------------------------------------------===//

  std::string getSymbolName(unsigned symbol) {
    auto names =
        function->getAttrOfType<mlir::ArrayAttr>(mlir::dl::kSymbolsAttr);
    if (names && symbol < names.size())
      if (auto name = dyn_cast<mlir::StringAttr>(names[symbol]))
        return name.str();
    return "s" + std::to_string(symbol);
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
      for (auto [d, dim] :
           llvm::enumerate(mlir::dl::getDims(cast<RankedTensorType>(type))))
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
    for (auto op : function.getOps<mlir::dl::BindOp>())
      for (int64_t symbol : op.getSymbols())
        count = std::max<unsigned>(count, symbol + 1);
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
    for (auto op : function.getOps<mlir::dl::BindOp>())
      for (int64_t symbol : op.getSymbols())
        if (values[symbol] == kNoFormula)
          values[symbol] = bind(getSymbolName(symbol), -1, 0);
    for (unsigned i = 0; i < count; ++i) {
      if (values[i] != kNoFormula)
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

  //===--------------------------------------------------------------------===//
  // Checks
  //===--------------------------------------------------------------------===//

  LogicalResult addChecks() {
    auto checks =
        function->getAttrOfType<mlir::ArrayAttr>(mlir::dl::kChecksAttr);
    for (mlir::Attribute attribute :
         checks ? checks.getValue() : llvm::ArrayRef<mlir::Attribute>()) {
      auto check = dyn_cast<mlir::DictionaryAttr>(attribute);
      auto relation =
          check ? check.getAs<mlir::StringAttr>("relation") : nullptr;
      auto sizes = check ? check.getAs<mlir::AffineMapAttr>("sizes") : nullptr;
      auto message = check ? check.getAs<mlir::StringAttr>("message") : nullptr;
      if (!relation || !sizes || !message ||
          (relation != "eq" && relation != "le") ||
          sizes.getValue().getNumResults() != 2 ||
          sizes.getValue().getNumDims() != 0 ||
          sizes.getValue().getNumSymbols() > values.size())
        return function.emitError()
               << "expected a check {relation = \"eq\" | \"le\", sizes = "
                  "affine_map<()[...] -> (a, b)>, message = \"...\"}, found "
               << attribute;
      program.checks.push_back({relation == "le",
                                toFormula(sizes.getValue().getResult(0),
                                          program.formulas, {}, values),
                                toFormula(sizes.getValue().getResult(1),
                                          program.formulas, {}, values),
                                message.str()});
    }
    return success();
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

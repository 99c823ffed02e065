// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/DebugInfo.h"
#include "codegen/package/Types.h"
#include "ir/dialect/Dialect.h"
#include "ir/dialect/Locations.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"

using namespace dl;
using namespace dl::package;
namespace json = llvm::json;
using DispatchOp = mlir::dl::DispatchOp;

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

static std::string getText(mlir::Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

static json::Array getElementTypes(mlir::TypeRange types) {
  json::Array names;
  for (mlir::Type type : types)
    names.push_back(getText(mlir::getElementTypeOrSelf(type)));
  return names;
}

static json::Object describeKernel(llvm::StringRef name,
                                   llvm::ArrayRef<DispatchOp> dispatches,
                                   mlir::ModuleOp module) {
  json::Object kernel{{"name", name}};
  json::Array sources;
  llvm::SmallVector<mlir::Location> locations;
  for (DispatchOp op : dispatches)
    locations.push_back(op.getLoc());
  if (!locations.empty())
    for (const mlir::dl::SourceNode &node : mlir::dl::getSourceNodes(
             mlir::FusedLoc::get(module.getContext(), locations)))
      sources.push_back(json::Object{{"graph", json::fixUTF8(node.graph)},
                                     {"node", json::fixUTF8(node.node)},
                                     {"op", json::fixUTF8(node.op)}});
  kernel["sources"] = std::move(sources);
  mlir::Operation *function = module.lookupSymbol(name);
  if (!function)
    return kernel;
  if (auto generator =
          function->getAttrOfType<mlir::StringAttr>("dl.generator"))
    kernel["generator"] = generator.getValue();
  if (auto type = function->getAttrOfType<mlir::TypeAttr>("dl.accumulator"))
    kernel["accumulator"] = getText(type.getValue());
  if (auto products = function->getAttrOfType<mlir::StringAttr>("dl.products"))
    kernel["products"] = products.getValue();
  if (dispatches.empty())
    return kernel;
  DispatchOp first = dispatches.front();
  kernel["operands"] = getElementTypes(first.getInputs().getTypes());
  kernel["results"] = getElementTypes(first.getResultTypes());
  json::Array packed;
  for (auto [i, operand] : llvm::enumerate(first.getInputs()))
    if (auto pack = operand.getDefiningOp<mlir::dl::PackOp>())
      packed.push_back(json::Object{
          {"operand", static_cast<int64_t>(i)},
          {"tile", pack.getType().getShape().back()},
          {"winograd",
           bool(pack.getOperand()
                    .getDefiningOp<mlir::dl::WinogradFilterOp>())}});
  if (!packed.empty())
    kernel["packed"] = std::move(packed);
  return kernel;
}

/// Elements and bytes of the constants that the schedules use, each once.
static json::Object countParameters(mlir::ModuleOp module) {
  llvm::DenseSet<mlir::Attribute> seen;
  int64_t count = 0, bytes = 0;
  module.walk([&](mlir::dl::ConstantOp op) {
    auto type = mlir::cast<mlir::RankedTensorType>(op.getType());
    if (op->use_empty() || !seen.insert(op.getValue()).second)
      return;
    auto dense = mlir::dyn_cast<mlir::DenseElementsAttr>(op.getValue());
    int64_t elements = dense && dense.isSplat() ? 1 : type.getNumElements();
    count += elements;
    bytes += static_cast<int64_t>(getByteSize(type.getElementType(), elements));
  });
  return json::Object{{"count", count}, {"bytes", bytes}};
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

namespace {

class StepWriter {
public:
  explicit StepWriter(const Program &program)
      : program(program), formulas(program.formulas) {}

  json::Array write(const std::vector<Step> &steps) {
    json::Array result;
    for (const Step &step : steps)
      // These are no kernels', and no event of a profile.
      if (step.kind != Step::Kind::Bind && step.kind != Step::Kind::Perform)
        result.push_back(write(step));
    return result;
  }

private:
  json::Object write(const Step &step) {
    if (step.kind == Step::Kind::Loop)
      return json::Object{{"kind", "loop"},
                          {"count", write(step.count)},
                          {"steps", write(step.body)}};
    json::Object result{{"kind", "copy"}};
    if (step.kind == Step::Kind::Dispatch) {
      result["kind"] = "kernel";
      result["kernel"] = step.kernel;
    } else if (step.kind == Step::Kind::HostCall) {
      result["kind"] = "host";
      result["function"] = step.function;
    }
    result["name"] = json::fixUTF8(step.name);
    if (step.flops != kNoFormula)
      result["flops"] = write(step.flops);
    FormulaId parameters = formulas.constant(0), read = parameters,
              written = parameters;
    for (auto [i, view] : llvm::enumerate(step.args)) {
      FormulaId bytes = view.bytes;
      if (i < step.reads.size() && step.reads[i] != kNoFormula)
        bytes = formulas.minSize(bytes, step.reads[i]);
      bool isConstant =
          program.storages[view.storage].kind == StorageKind::Constant;
      FormulaId &sum = i >= step.numInputs ? written
                       : isConstant        ? parameters
                                           : read;
      sum = formulas.add(sum, bytes);
    }
    result["parameter_bytes"] = write(parameters);
    result["read_bytes"] = write(read);
    result["written_bytes"] = write(written);
    return result;
  }

  json::Value write(FormulaId id) {
    const Formulas::Node &node = formulas[id];
    if (node.op == FormulaOp::Const)
      return node.value;
    if (node.op == FormulaOp::Symbol)
      return json::fixUTF8(program.symbols[node.a].name);
    static const char *const names[] = {
        "", "", "+", "-", "*", "floordiv", "ceildiv", "mod", "min", "max"};
    return json::Array{names[static_cast<int>(node.op)], write(node.a),
                       write(node.b)};
  }

  const Program &program;
  Formulas formulas; // of its own: the module needs no sums of bytes
};

} // namespace

std::string dl::package::getDebugInfo(const PackageInput &input,
                                      llvm::ArrayRef<Program> programs) {
  llvm::StringMap<llvm::SmallVector<DispatchOp>> dispatches;
  mlir::ModuleOp module = input.module;
  module.walk([&](DispatchOp op) { dispatches[op.getKernel()].push_back(op); });
  json::Array kernels;
  for (const std::string &name : input.kernelNames)
    kernels.push_back(describeKernel(name, dispatches[name], module));
  if (!input.deviceImages.empty()) {
    // Each is a stage of a kernel.
    llvm::StringMap<llvm::StringRef> kernelOf;
    for (auto function : module.getOps<mlir::func::FuncOp>())
      if (auto stages = function->getAttrOfType<mlir::ArrayAttr>("dl.stages"))
        for (auto stage : stages.getAsRange<mlir::DictionaryAttr>())
          kernelOf[stage.getAs<mlir::StringAttr>("entry").getValue()] =
              function.getSymName();
    for (const gpucode::DeviceKernel &stage :
         input.deviceImages.front().kernels) {
      llvm::StringRef name = kernelOf.lookup(stage.entry);
      json::Object kernel = describeKernel(name, dispatches[name], module);
      kernel["name"] = stage.entry;
      kernels.push_back(std::move(kernel));
    }
  }
  json::Array entries;
  for (const Program &program : programs) {
    json::Array symbols;
    for (const SymbolDesc &symbol : program.symbols)
      symbols.push_back(json::fixUTF8(symbol.name));
    entries.push_back(
        json::Object{{"name", json::fixUTF8(program.name)},
                     {"symbols", std::move(symbols)},
                     {"steps", StepWriter(program).write(program.steps)}});
  }
  std::string text;
  llvm::raw_string_ostream(text)
      << json::Value(json::Object{{"kernels", std::move(kernels)},
                                  {"entries", std::move(entries)},
                                  {"parameters", countParameters(module)}});
  return text;
}

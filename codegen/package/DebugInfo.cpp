// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/DebugInfo.h"
#include "codegen/package/MemoryPlan.h"
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
  if (mlir::Operation *function = module.lookupSymbol(name))
    if (auto original = function->getAttrOfType<mlir::StringAttr>(kHostAttr)) {
      kernel["name"] = original.getValue();
      if (auto why = function->getAttrOfType<mlir::StringAttr>(kHostReasonAttr))
        kernel["why_host"] = json::fixUTF8(why.getValue());
    }
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
  /// `firstKernel`: where the target's kernels begin in the list of all.
  StepWriter(const Program &program, size_t firstKernel)
      : program(program), formulas(program.formulas),
        firstKernel(static_cast<int64_t>(firstKernel)) {}

  json::Array write(const std::vector<Step> &steps) {
    json::Array result;
    for (const Step &step : steps)
      if (isWritten(step))
        result.push_back(write(step));
    return result;
  }

  /// The values in the arena: the bytes of each, with the numbers of the first
  /// and the last written step in which it is in use.
  json::Array writeValues() {
    number(program.steps);
    json::Array values;
    Program copy = program;
    for (const PlanItem &item : getArenaUse(copy).items)
      values.push_back(json::Object{{"first", before[item.first]},
                                    {"last", before[item.last + 1] - 1},
                                    {"bytes", write(item.size)}});
    return values;
  }

  /// What formulas that were written share: the value of the name "%0", then
  /// that of "%1", and so on.
  json::Array takeTerms() { return std::move(terms); }

private:
  static bool isWritten(const Step &step) {
    // These are no kernels', and no event of a profile.
    return step.kind != Step::Kind::Bind && step.kind != Step::Kind::Perform;
  }

  /// Counts, for each number that getArenaUse has for a step, the written steps
  /// before it, and in the end all.
  void number(const std::vector<Step> &steps) {
    for (const Step &step : steps) {
      before.push_back(written);
      if (step.kind == Step::Kind::Loop) {
        number(step.body);
        before.push_back(written);
      } else if (isWritten(step)) {
        ++written;
      }
    }
    if (&steps == &program.steps)
      before.push_back(written);
  }

  json::Object write(const Step &step) {
    if (step.kind == Step::Kind::Loop)
      return json::Object{{"kind", "loop"},
                          {"count", write(step.count)},
                          {"steps", write(step.body)}};
    json::Object result{{"kind", "copy"}};
    if (step.kind == Step::Kind::Dispatch) {
      result["kind"] = "kernel";
      result["kernel"] = step.kernel + (step.isOnHost ? 0 : firstKernel);
      if (step.isOnHost)
        result["on_host"] = true;
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
    if (auto known = termNumbers.find(id); known != termNumbers.end())
      return "%" + std::to_string(known->second);
    static const char *const names[] = {
        "", "", "+", "-", "*", "floordiv", "ceildiv", "mod", "min", "max"};
    json::Array formula{names[static_cast<int>(node.op)], write(node.a),
                        write(node.b)};
    // Sizes deep in a model hold those before them, several times over.
    constexpr int64_t kLongest = 40;
    if (countLeaves(id) < kLongest)
      return formula;
    termNumbers[id] = terms.size();
    terms.push_back(std::move(formula));
    return "%" + std::to_string(terms.size() - 1);
  }

  /// The numbers, symbols and terms that a formula is written with.
  int64_t countLeaves(FormulaId id) const {
    const Formulas::Node &node = formulas[id];
    if (node.op == FormulaOp::Const || node.op == FormulaOp::Symbol ||
        termNumbers.count(id))
      return 1;
    return countLeaves(node.a) + countLeaves(node.b);
  }

  const Program &program;
  Formulas formulas; // of its own: the module needs no sums of bytes
  llvm::DenseMap<FormulaId, size_t> termNumbers;
  json::Array terms;
  llvm::SmallVector<int64_t> before; // see number()
  int64_t written = 0;
  int64_t firstKernel;
};

} // namespace

namespace {
using Dispatches = llvm::StringMap<llvm::SmallVector<DispatchOp>>;
} // namespace

/// Adds the stages of a device's kernels.
static void addStages(const dl::gpucode::DeviceImage &image,
                      mlir::ModuleOp module, const Dispatches &dispatches,
                      json::Array &kernels) {
  llvm::StringMap<std::pair<llvm::StringRef, int64_t>> kernelOf;
  for (auto function : module.getOps<mlir::func::FuncOp>())
    if (auto stages = function->getAttrOfType<mlir::ArrayAttr>("dl.stages"))
      for (auto [i, stage] :
           llvm::enumerate(stages.getAsRange<mlir::DictionaryAttr>()))
        kernelOf[stage.getAs<mlir::StringAttr>("entry").getValue()] = {
            function.getSymName(), static_cast<int64_t>(i)};
  for (const dl::gpucode::DeviceKernel &stage : image.kernels) {
    auto [name, number] = kernelOf.lookup(stage.entry);
    json::Object kernel = describeKernel(name, dispatches.lookup(name), module);
    kernel["name"] = stage.entry;
    kernel["kernel"] = name;
    kernel["stage"] = number;
    kernels.push_back(std::move(kernel));
  }
}

std::string dl::package::getDebugInfo(const PackageInput &input,
                                      llvm::ArrayRef<PlanPrograms> plans) {
  std::vector<TargetPlan> sources = getPlans(input);
  std::vector<Dispatches> dispatches(sources.size());
  for (auto [source, found] : llvm::zip(sources, dispatches))
    source.module.walk(
        [&](DispatchOp op) { found[op.getKernel()].push_back(op); });
  json::Array kernels;
  for (const std::string &name : input.kernelNames) {
    size_t i = 0; // the plan that uses it
    while (i + 1 < sources.size() && !dispatches[i].contains(name))
      ++i;
    kernels.push_back(
        describeKernel(name, dispatches[i].lookup(name), sources[i].module));
  }
  json::Array entries;
  for (auto [plan, source, found] : llvm::zip(plans, sources, dispatches)) {
    size_t first = 0;
    auto image = llvm::find_if(input.deviceImages, [&](const auto &image) {
      return image.target == plan.target;
    });
    if (image != input.deviceImages.end()) {
      first = kernels.size();
      addStages(*image, source.module, found, kernels);
    }
    for (const Program &program : plan.programs) {
      json::Array symbols;
      for (const SymbolDesc &symbol : program.symbols)
        symbols.push_back(json::fixUTF8(symbol.name));
      StepWriter writer(program, first);
      json::Array steps = writer.write(program.steps),
                  values = writer.writeValues(), terms = writer.takeTerms();
      json::Object entry{{"name", json::fixUTF8(program.name)},
                         {"target", plan.target},
                         {"symbols", std::move(symbols)},
                         {"steps", std::move(steps)},
                         {"values", std::move(values)}};
      if (!terms.empty())
        entry["terms"] = std::move(terms);
      entries.push_back(std::move(entry));
    }
  }
  std::string text;
  llvm::raw_string_ostream(text) << json::Value(
      json::Object{{"kernels", std::move(kernels)},
                   {"entries", std::move(entries)},
                   {"parameters", countParameters(sources.front().module)}});
  return text;
}

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Package.h"
#include "codegen/package/CHeader.h"
#include "codegen/package/Coalesce.h"
#include "codegen/package/DebugInfo.h"
#include "codegen/package/MemoryPlan.h"
#include "codegen/package/Schedule.h"
#include "codegen/package/Signature.h"
#include "codegen/package/Types.h"
#include "codegen/package/Writer.h"
#include "runtime/artifact/Format.h"
#include "runtime/artifact/module_generated.h"
#include "llvm/ADT/StringSwitch.h"
#include <thread>

using namespace dl;
using namespace dl::package;
using mlir::failed;
using mlir::failure;
using mlir::FailureOr;
using mlir::LogicalResult;
using mlir::success;

static unsigned getThreads(const PackageInput &input) {
  return input.threads ? input.threads
                       : std::max(1u, std::thread::hardware_concurrency());
}

/// Gives the storages of constants the numbers that deduplication left.
static void renumberConstants(Program &program,
                              llvm::ArrayRef<int32_t> numbers) {
  for (Storage &storage : program.storages)
    if (storage.kind == StorageKind::Constant)
      storage.index = numbers[storage.index];
  for (Program &body : program.bodies)
    renumberConstants(body, numbers);
}

/// The numbers of the constants that a program reads.
static void collectConstants(const Program &program,
                             llvm::DenseSet<int32_t> &numbers) {
  for (const Storage &storage : program.storages)
    if (storage.kind == StorageKind::Constant)
      numbers.insert(storage.index);
  for (const Program &body : program.bodies)
    collectConstants(body, numbers);
}

/// Removes copies, and gives all values their places.
static void placeValues(Program &program) {
  coalesce(program);
  planArena(program);
  for (Program &body : program.bodies)
    placeValues(body);
}

/// A program of no steps: what callers see of it is its signature.
static FailureOr<Program> buildInterface(mlir::func::FuncOp function) {
  Program program;
  std::vector<FormulaId> symbols;
  if (failed(buildSignature(function, program, symbols)))
    return failure();
  program.arenaSize = kNoFormula;
  return program;
}

static uint8_t getRole(llvm::StringRef name) {
  return llvm::StringSwitch<uint8_t>(name)
      .Case("slot", dlrt::fb::StateRole_Slot)
      .Case("statistic", dlrt::fb::StateRole_Statistic)
      .Case("counter", dlrt::fb::StateRole_Counter)
      .Case("setting", dlrt::fb::StateRole_Setting)
      .Case("cache", dlrt::fb::StateRole_Cache)
      .Case("position", dlrt::fb::StateRole_Position)
      .Default(dlrt::fb::StateRole_Parameter);
}

/// Reads the states that the module declares, if it does.
static LogicalResult readStates(mlir::ModuleOp module,
                                std::vector<StateDesc> &states,
                                Constants &constants) {
  auto function =
      module.lookupSymbol<mlir::func::FuncOp>(mlir::dl::kStatesFunction);
  auto list =
      function ? function->getAttrOfType<mlir::ArrayAttr>(mlir::dl::kStatesAttr)
               : mlir::ArrayAttr();
  if (!list)
    return success();
  mlir::OperandRange values = function.front().getTerminator()->getOperands();
  if (list.size() != values.size())
    return function.emitError("declares ")
           << list.size() << " states and has initial values of "
           << values.size();
  for (auto [attribute, value] : llvm::zip(list, values)) {
    auto entry = mlir::dyn_cast<mlir::DictionaryAttr>(attribute);
    auto name = entry ? entry.getAs<mlir::StringAttr>("name") : nullptr;
    auto role = entry ? entry.getAs<mlir::StringAttr>("role") : nullptr;
    auto type = mlir::dyn_cast<mlir::RankedTensorType>(value.getType());
    if (!name || !role || !type || !type.hasStaticShape() ||
        !Constants::isConstant(value))
      return function.emitError("expected a name, a role and a constant for "
                                "each state, found ")
             << attribute;
    FailureOr<int32_t> initial = constants.add(value);
    if (failed(initial))
      return failure();
    StateDesc state{name.str(),
                    getElementNumber(type.getElementType()),
                    type.getShape().vec(),
                    getRole(role),
                    -1,
                    *initial,
                    {}};
    if (auto parameter = entry.getAs<mlir::IntegerAttr>("parameter"))
      state.parameter = static_cast<int32_t>(parameter.getInt());
    if (auto order = entry.getAs<mlir::DenseI64ArrayAttr>("order"))
      for (auto [i, d] : llvm::enumerate(order.asArrayRef())) {
        state.order.push_back(static_cast<int32_t>(d));
        state.dims[static_cast<size_t>(d)] = type.getDimSize(i);
      }
    states.push_back(std::move(state));
  }
  return success();
}

std::vector<TargetPlan> dl::getPlans(const PackageInput &input) {
  std::string target = input.target;
  if (target.empty())
    target = !input.reference.empty()      ? dlrt::kReferenceTarget
             : !input.deviceImages.empty() ? input.deviceImages.front().target
             : !input.cpuImages.empty()    ? "cpu"
                                           : "";
  std::vector<TargetPlan> plans = {{target, input.module}};
  plans.insert(plans.end(), input.morePlans.begin(), input.morePlans.end());
  return plans;
}

/// Builds the programs of all entries for one target. Arenas are planned.
static LogicalResult buildPrograms(const PackageInput &input,
                                   const TargetPlan &plan,
                                   std::vector<Program> &programs,
                                   Constants &constants) {
  KernelNumbers kernels;
  for (auto [i, name] : llvm::enumerate(input.kernelNames))
    kernels[name] = static_cast<int32_t>(i);
  bool isDevice = false;
  for (const gpucode::DeviceImage &image : input.deviceImages) {
    if (image.target != plan.target || isDevice)
      continue;
    isDevice = true; // all of its codes have the same kernels
    for (auto [i, kernel] : llvm::enumerate(image.kernels))
      kernels[kernel.entry] = static_cast<int32_t>(i);
  }
  mlir::ModuleOp module = plan.module;
  for (auto function : module.getOps<mlir::func::FuncOp>()) {
    if (!function.isPublic() || function.isExternal() ||
        function->hasAttr("dl.kernel"))
      continue;
    FailureOr<Program> program =
        input.reference.empty()
            ? buildProgram(function, kernels, constants, isDevice)
            : buildInterface(function);
    if (failed(program))
      return failure();
    programs.push_back(std::move(*program));
  }
  if (programs.empty())
    return module.emitError("there is no function to be an entry");
  if (!input.reference.empty())
    return success();
  for (Program &program : programs) {
    placeValues(program);
    markLastUses(program);
  }
  return success();
}

/// Whether two programs are of one entry: callers see the same of both.
static bool isSameEntry(const Program &a, const Program &b) {
  auto haveSame = [](const auto &x, const auto &y) {
    return x.size() == y.size();
  };
  if (a.name != b.name || !haveSame(a.symbols, b.symbols) ||
      !haveSame(a.inputs, b.inputs) || !haveSame(a.outputs, b.outputs) ||
      !haveSame(a.bodies, b.bodies))
    return false;
  for (auto [x, y] : llvm::zip(a.symbols, b.symbols))
    if (x.name != y.name || x.input != y.input || x.axis != y.axis)
      return false;
  for (auto [x, y] : llvm::zip(a.bodies, b.bodies))
    if (!isSameEntry(x, y))
      return false;
  return true;
}

/// Builds the programs for all targets, which share their constants.
static LogicalResult buildPlans(const PackageInput &input,
                                std::vector<PlanPrograms> &plans,
                                std::vector<StateDesc> &states,
                                Constants &constants) {
  for (const TargetPlan &plan : getPlans(input)) {
    PlanPrograms &built = plans.emplace_back();
    built.target = plan.target;
    if (failed(buildPrograms(input, plan, built.programs, constants)))
      return failure();
    bool isSame = built.programs.size() == plans.front().programs.size();
    for (size_t i = 0; isSame && i < built.programs.size(); ++i)
      isSame = isSameEntry(plans.front().programs[i], built.programs[i]);
    if (!isSame) {
      mlir::ModuleOp module = plan.module;
      return module.emitError("the entries for ")
             << plan.target << " are not those for " << plans.front().target;
    }
  }
  if (failed(readStates(input.module, states, constants)))
    return failure();
  if (!input.reference.empty())
    return success();
  std::vector<int32_t> numbers = constants.deduplicate(getThreads(input));
  for (PlanPrograms &plan : plans)
    for (Program &program : plan.programs)
      renumberConstants(program, numbers);
  for (StateDesc &state : states)
    state.initial = numbers[state.initial];
  if (plans.size() == 1)
    return success();
  llvm::DenseSet<int32_t> kept; // what the CPU reads lies ready in the file
  for (const PlanPrograms &plan : plans)
    if (plan.target == "cpu")
      for (const Program &program : plan.programs)
        collectConstants(program, kept);
  constants.shareBytes(kept);
  return success();
}

static size_t countSteps(const std::vector<Step> &steps, Step::Kind kind) {
  size_t count = 0;
  for (const Step &step : steps)
    count += (step.kind == kind) + countSteps(step.body, kind);
  return count;
}

static size_t countSteps(const Program &program, Step::Kind kind) {
  size_t count = countSteps(program.steps, kind);
  for (const Program &body : program.bodies)
    count += countSteps(body, kind);
  return count;
}

static void writeReport(const std::vector<PlanPrograms> &plans,
                        const Constants &constants, const WrittenSizes &sizes,
                        llvm::raw_ostream &os) {
  for (const PlanPrograms &plan : plans)
    for (const Program &program : plan.programs) {
      os << "entry " << program.name
         << (plans.size() > 1 ? " on " + plan.target : "") << ": "
         << countSteps(program, Step::Kind::Dispatch) << " dispatches, "
         << countSteps(program, Step::Kind::HostCall) << " host calls, "
         << countSteps(program, Step::Kind::Copy) << " copies, "
         << countSteps(program, Step::Kind::Loop) << " loops\n";
      if (auto bytes = program.formulas.getConstant(program.arenaSize);
          bytes && program.lateArenaSizes.empty())
        os << "arena: " << *bytes << " bytes\n";
      else
        os << "arena: depends on sizes\n";
    }
  os << "constants: " << constants.get().size() << ", " << sizes.constants
     << " bytes\nfile: " << sizes.file << " bytes\n";
}

static LogicalResult writeTo(const PackageInput &input, Output &output,
                             llvm::StringRef name, llvm::raw_ostream *report) {
  mlir::ModuleOp module = input.module;
  for (const cpu::CpuImage &image : input.cpuImages)
    if (image.entries.size() != input.kernelNames.size())
      return module.emitError("code for ")
             << image.cpu << " has " << image.entries.size()
             << " kernels, expected " << input.kernelNames.size();
  std::vector<PlanPrograms> plans;
  std::vector<StateDesc> states;
  Constants constants;
  if (failed(buildPlans(input, plans, states, constants)))
    return failure();
  std::string debugInfo;
  if ((input.debugInfo || input.debugText) && input.reference.empty())
    debugInfo = getDebugInfo(input, plans);
  if (input.debugText)
    *input.debugText = debugInfo;
  if (!input.debugInfo)
    debugInfo.clear();
  WriterInput writer{input,           plans,     states,
                     constants.get(), debugInfo, getThreads(input)};
  llvm::Expected<WrittenSizes> sizes = writeModule(writer, output);
  if (!sizes)
    return module.emitError("cannot write '")
           << name << "': " << llvm::toString(sizes.takeError());
  if (input.sizes)
    *input.sizes += "coded " + std::to_string(sizes->constants) +
                    " bytes of weights in " + std::to_string(sizes->stored) +
                    ", in a module of " + std::to_string(sizes->file) + "\n";
  if (input.cHeader) {
    auto cpu = llvm::find_if(
        plans, [](const PlanPrograms &plan) { return plan.target == "cpu"; });
    *input.cHeader = makeCHeader(
        (cpu == plans.end() ? plans.front() : *cpu).programs, input.producer);
  }
  if (report)
    writeReport(plans, constants, *sizes, *report);
  return success();
}

LogicalResult dl::writeModule(const PackageInput &input, llvm::StringRef path,
                              llvm::raw_ostream *report) {
  llvm::Expected<std::unique_ptr<Output>> output = openFileOutput(path);
  if (!output) {
    mlir::ModuleOp module = input.module;
    return module.emitError("cannot write '")
           << path << "': " << llvm::toString(output.takeError());
  }
  return writeTo(input, **output, path, report);
}

FailureOr<std::unique_ptr<llvm::MemoryBuffer>>
dl::packageToMemory(const PackageInput &input, llvm::raw_ostream *report) {
  std::unique_ptr<llvm::MemoryBuffer> result;
  std::unique_ptr<Output> output = openMemoryOutput(result);
  if (failed(writeTo(input, *output, "<memory>", report)))
    return failure();
  return result;
}

std::optional<int64_t> dl::getArenaBytes(const PackageInput &input,
                                         llvm::StringRef name) {
  std::vector<Program> programs;
  Constants constants;
  if (failed(
          buildPrograms(input, getPlans(input).front(), programs, constants)))
    return std::nullopt;
  for (const Program &program : programs) {
    if (program.name != name.str())
      continue;
    std::optional<int64_t> sum = 0;
    std::vector<FormulaId> sizes = program.lateArenaSizes;
    sizes.push_back(program.arenaSize);
    for (FormulaId size : sizes) {
      auto bytes = program.formulas.getConstant(size);
      if (!bytes)
        return std::nullopt;
      *sum += *bytes;
    }
    return sum;
  }
  return std::nullopt;
}

LogicalResult dl::printSchedules(const PackageInput &input,
                                 llvm::raw_ostream &os) {
  std::vector<PlanPrograms> plans;
  std::vector<StateDesc> states;
  Constants constants;
  if (failed(buildPlans(input, plans, states, constants)))
    return failure();
  for (const PlanPrograms &plan : plans)
    for (const Program &program : plan.programs)
      os << "entry " << program.name << "\n" << print(program);
  for (auto [i, state] : llvm::enumerate(states))
    os << "state " << i << ": '" << state.name << "', at first constant "
       << state.initial << "\n";
  for (auto [i, data] : llvm::enumerate(constants.get()))
    os << "constant " << i << ": " << data.bytes << " bytes"
       << (data.splat ? " (splat)" : "") << "\n";
  return success();
}

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
                    *initial};
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

/// Builds the programs of all entries. Arenas are planned.
static LogicalResult buildPrograms(const PackageInput &input,
                                   std::vector<Program> &programs,
                                   std::vector<StateDesc> &states,
                                   Constants &constants) {
  KernelNumbers kernels;
  for (auto [i, name] : llvm::enumerate(input.kernelNames))
    kernels[name] = static_cast<int32_t>(i);
  if (!input.deviceImages.empty())
    for (auto [i, kernel] : llvm::enumerate(input.deviceImages.front().kernels))
      kernels[kernel.entry] = static_cast<int32_t>(i);
  mlir::ModuleOp module = input.module;
  for (auto function : module.getOps<mlir::func::FuncOp>()) {
    if (!function.isPublic() || function.isExternal() ||
        function->hasAttr("dl.kernel"))
      continue;
    FailureOr<Program> program =
        input.reference.empty() ? buildProgram(function, kernels, constants)
                                : buildInterface(function);
    if (failed(program))
      return failure();
    programs.push_back(std::move(*program));
  }
  if (programs.empty())
    return module.emitError("there is no function to be an entry");
  if (failed(readStates(module, states, constants)))
    return failure();
  if (!input.reference.empty())
    return success();
  for (Program &program : programs) {
    placeValues(program);
    markLastUses(program);
  }
  std::vector<int32_t> numbers = constants.deduplicate(getThreads(input));
  for (Program &program : programs)
    renumberConstants(program, numbers);
  for (StateDesc &state : states)
    state.initial = numbers[state.initial];
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

static void writeReport(const std::vector<Program> &programs,
                        const Constants &constants, uint64_t fileSize,
                        llvm::raw_ostream &os) {
  for (const Program &program : programs) {
    os << "entry " << program.name << ": "
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
  uint64_t bytes = 0;
  for (const ConstantData &data : constants.get())
    bytes += data.bytes;
  os << "constants: " << constants.get().size() << ", " << bytes
     << " bytes\nfile: " << fileSize << " bytes\n";
}

static LogicalResult writeTo(const PackageInput &input, Output &output,
                             llvm::StringRef name, llvm::raw_ostream *report) {
  mlir::ModuleOp module = input.module;
  for (const cpu::CpuImage &image : input.cpuImages)
    if (image.entries.size() != input.kernelNames.size())
      return module.emitError("code for ")
             << image.cpu << " has " << image.entries.size()
             << " kernels, expected " << input.kernelNames.size();
  std::vector<Program> programs;
  std::vector<StateDesc> states;
  Constants constants;
  if (failed(buildPrograms(input, programs, states, constants)))
    return failure();
  WriterInput writer{input,
                     programs,
                     states,
                     constants.get(),
                     input.debugInfo && input.reference.empty()
                         ? getDebugInfo(input, programs)
                         : std::string(),
                     getThreads(input)};
  llvm::Expected<uint64_t> size = writeModule(writer, output);
  if (!size)
    return module.emitError("cannot write '")
           << name << "': " << llvm::toString(size.takeError());
  if (input.cHeader)
    *input.cHeader = makeCHeader(programs, input.producer);
  if (report)
    writeReport(programs, constants, *size, *report);
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

LogicalResult dl::printSchedules(const PackageInput &input,
                                 llvm::raw_ostream &os) {
  std::vector<Program> programs;
  std::vector<StateDesc> states;
  Constants constants;
  if (failed(buildPrograms(input, programs, states, constants)))
    return failure();
  for (const Program &program : programs)
    os << "entry " << program.name << "\n" << print(program);
  for (auto [i, state] : llvm::enumerate(states))
    os << "state " << i << ": '" << state.name << "', at first constant "
       << state.initial << "\n";
  for (auto [i, data] : llvm::enumerate(constants.get()))
    os << "constant " << i << ": " << data.bytes << " bytes"
       << (data.splat ? " (splat)" : "") << "\n";
  return success();
}

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Header.h"
#include "ir/dialect/Dialect.h"
#include "runtime/artifact/Format.h"
#include "runtime/artifact/module_generated.h"
#include <limits>

using namespace dl::package;
namespace fb = dlrt::fb;
using flatbuffers::Offset;

static fb::Segment toSegment(const FileRange &range) {
  return {range.offset, range.size, range.hash};
}

namespace {

/// Writes one entry, by a program for each target. Of their formulas and
/// storages, those that are used.
class EntryBuilder {
public:
  using Programs = llvm::SmallVector<const Program *>;

  EntryBuilder(flatbuffers::FlatBufferBuilder &builder, Programs programs)
      : builder(builder), programs(std::move(programs)) {}

  Offset<fb::Entry> build(llvm::ArrayRef<std::string> targets) {
    select(0);
    std::vector<Offset<fb::Symbol>> symbols;
    symbols.reserve(program->symbols.size());
    for (const SymbolDesc &symbol : program->symbols)
      symbols.push_back(fb::CreateSymbol(builder, text(symbol.name),
                                         symbol.input, symbol.axis));
    auto inputs = builder.CreateVector(addValues(program->inputs));
    auto outputs = builder.CreateVector(addValues(program->outputs));
    std::vector<Offset<fb::Check>> checks;
    addChecks(checks);
    std::vector<Offset<fb::Entry>> bodies;
    for (size_t i = 0; i < program->bodies.size(); ++i) {
      Programs parts;
      for (const Program *whole : programs)
        parts.push_back(&whole->bodies[i]);
      bodies.push_back(EntryBuilder(builder, parts).build(targets));
    }
    std::vector<Offset<fb::Plan>> plans;
    for (auto [i, target] : llvm::enumerate(targets)) {
      if (i) {
        select(i);
        addChecks(checks);
      }
      if (!target.empty())
        plans.push_back(addPlan(target));
    }
    Offset<flatbuffers::Vector<Offset<fb::Entry>>> bodyVector;
    if (!bodies.empty())
      bodyVector = builder.CreateVector(bodies);
    return fb::CreateEntry(
        builder, text(programs[0]->name), builder.CreateVector(symbols),
        builder.CreateVectorOfStructs(exprs), inputs, outputs,
        builder.CreateVector(checks), builder.CreateVector(plans), bodyVector);
  }

private:
  /// Goes on with another target's program, whose formulas are its own.
  void select(size_t number) {
    program = programs[number];
    formulaNumbers.assign(program->formulas.size(), -1);
    storageNumbers.assign(program->storages.size(), -1);
    buffers.clear();
  }

  void addChecks(std::vector<Offset<fb::Check>> &checks) {
    for (const CheckDesc &check : program->checks)
      checks.push_back(fb::CreateCheck(
          builder,
          check.lessEqual ? fb::Relation_LessEqual : fb::Relation_Equal,
          formula(check.lhs), formula(check.rhs), text(check.message)));
  }

  Offset<fb::Plan> addPlan(const std::string &target) {
    auto steps = builder.CreateVector(addSteps(program->steps));
    Offset<flatbuffers::Vector<int32_t>> late;
    if (!program->lateArenaSizes.empty())
      late = builder.CreateVector(formulas(program->lateArenaSizes));
    Offset<flatbuffers::Vector<int32_t>> outputSlots;
    if (!program->outputSlots.empty())
      outputSlots = builder.CreateVector(program->outputSlots);
    return fb::CreatePlan(
        builder, builder.CreateString(target), builder.CreateVector(buffers),
        steps, formula(program->arenaSize), late, program->slots, outputSlots);
  }

  Offset<flatbuffers::String> text(const std::string &string) {
    return builder.CreateSharedString(string);
  }

  int32_t formula(FormulaId id) {
    if (id == kNoFormula)
      return -1;
    if (formulaNumbers[id] >= 0)
      return formulaNumbers[id];
    Formulas::Node node = program->formulas[id];
    int32_t a = 0, b = 0;
    if (node.op == FormulaOp::Symbol) {
      a = node.a;
    } else if (node.op != FormulaOp::Const) {
      a = formula(node.a);
      b = formula(node.b);
    }
    exprs.emplace_back(static_cast<fb::ExprOp>(node.op), a, b, node.value);
    return formulaNumbers[id] = static_cast<int32_t>(exprs.size() - 1);
  }

  std::vector<int32_t> formulas(const std::vector<FormulaId> &ids) {
    std::vector<int32_t> result;
    result.reserve(ids.size());
    for (FormulaId id : ids)
      result.push_back(formula(id));
    return result;
  }

  Offset<fb::TensorType> addType(const TensorDesc &type) {
    return fb::CreateTensorType(builder,
                                static_cast<fb::ElementType>(type.element),
                                builder.CreateVector(formulas(type.dims)));
  }

  std::vector<Offset<fb::Value>>
  addValues(const std::vector<ValueDesc> &values) {
    std::vector<Offset<fb::Value>> result;
    for (const ValueDesc &value : values) {
      auto type = addType(value.type);
      auto name = text(value.name);
      Offset<flatbuffers::Vector<Offset<flatbuffers::String>>> keys;
      if (!value.keys.empty())
        keys = builder.CreateVectorOfStrings(value.keys);
      Offset<flatbuffers::Vector<int64_t>> intKeys;
      if (!value.intKeys.empty())
        intKeys = builder.CreateVector(value.intKeys);
      result.push_back(fb::CreateValue(
          builder, name, type, static_cast<fb::ValueKind>(value.kind),
          value.unranked, static_cast<fb::MapPart>(value.mapPart), keys,
          intKeys));
    }
    return result;
  }

  int32_t buffer(int32_t number) {
    int32_t &result = storageNumbers[number];
    if (result >= 0)
      return result;
    result = static_cast<int32_t>(buffers.size());
    const Storage &storage = program->storages[number];
    bool isArena = storage.kind == StorageKind::Arena;
    bool hasSize = isArena || storage.kind == StorageKind::Slot;
    buffers.push_back(
        fb::CreateBuffer(builder, static_cast<fb::BufferKind>(storage.kind),
                         storage.index, isArena ? formula(storage.offset) : -1,
                         hasSize ? formula(storage.size) : -1));
    return result;
  }

  Offset<fb::View> addView(const View &view) {
    int32_t number = buffer(view.storage);
    Offset<flatbuffers::Vector<int32_t>> strides;
    if (!view.strides.empty())
      strides = builder.CreateVector(formulas(view.strides));
    return fb::CreateView(builder, number, formula(view.offset), strides,
                          view.isPart ? formula(view.bytes) : -1);
  }

  std::vector<Offset<fb::View>> addViews(const std::vector<View> &views) {
    std::vector<Offset<fb::View>> result;
    result.reserve(views.size());
    for (const View &view : views)
      result.push_back(addView(view));
    return result;
  }

  std::vector<Offset<fb::Operand>>
  addOperands(const Step &step, const std::vector<Operand> &operands) {
    std::vector<Offset<fb::Operand>> result;
    for (const Operand &operand : operands) {
      Offset<fb::View> view;
      Offset<fb::TensorType> type;
      if (operand.arg >= 0) {
        view = addView(step.args[static_cast<size_t>(operand.arg)]);
        type = addType(operand.type);
      }
      result.push_back(
          fb::CreateOperand(builder, operand.slot, view, type, operand.last));
    }
    return result;
  }

  Offset<fb::Step> addPerform(const Step &step) {
    auto operands = builder.CreateVector(addOperands(step, step.operands));
    std::vector<Offset<fb::Result>> results;
    for (const Result &result : step.results) {
      Offset<fb::TensorType> type;
      if (result.isTensor)
        type = addType(result.type);
      results.push_back(fb::CreateResult(builder, result.slot, type));
    }
    std::vector<Offset<fb::Body>> bodies;
    for (const BodyCall &call : step.bodies) {
      auto captures = builder.CreateVector(addOperands(step, call.captures));
      auto sizes = builder.CreateVector(formulas(call.sizes));
      bodies.push_back(fb::CreateBody(builder, call.body, captures, sizes));
    }
    auto resultVector = builder.CreateVector(results);
    auto attributes = builder.CreateVector(step.attributes);
    auto symbols = builder.CreateVector(step.symbols);
    auto bodyVector = builder.CreateVector(bodies);
    auto perform = fb::CreatePerform(
        builder, static_cast<fb::Operation>(step.operation), operands,
        resultVector, attributes, symbols, bodyVector, text(step.name));
    return fb::CreateStep(builder, fb::Action_Perform, perform.Union());
  }

  Offset<fb::Step> addStep(const Step &step) {
    if (step.kind == Step::Kind::Perform)
      return addPerform(step);

    if (step.kind == Step::Kind::Loop) {
      auto body = builder.CreateVector(addSteps(step.body));
      auto loop = fb::CreateLoop(builder, formula(step.count), body);
      return fb::CreateStep(builder, fb::Action_Loop, loop.Union());
    }
    if (step.kind == Step::Kind::Bind) {
      auto view = addView(step.args[0]);
      auto symbols = builder.CreateVector(step.symbols);
      auto message = text(step.message);
      auto bind = fb::CreateBind(builder, view, symbols, message);
      return fb::CreateStep(builder, fb::Action_Bind, bind.Union());
    }
    Offset<flatbuffers::String> name;
    if (!step.name.empty())
      name = text(step.name);
    auto args = builder.CreateVector(addViews(step.args));
    if (step.kind == Step::Kind::Dispatch) {
      auto sizes = builder.CreateVector(formulas(step.sizes));
      auto dispatch = fb::CreateDispatch(
          builder, step.kernel, args, sizes, formula(step.tiles),
          formula(step.scratch), formula(step.flops), name,
          formula(step.iterations), formula(step.trips),
          step.isOnHost
              ? static_cast<int32_t>(step.args.size() - step.numInputs)
              : -1);
      return fb::CreateStep(builder, fb::Action_Dispatch, dispatch.Union());
    }
    std::vector<Offset<fb::TensorType>> types;
    types.reserve(step.types.size());
    for (const TensorDesc &type : step.types)
      types.push_back(addType(type));
    auto function = text(step.function);
    auto typeVector = builder.CreateVector(types);
    auto attributes = builder.CreateVector(step.attributes);
    auto call = fb::CreateHostCall(
        builder, function, args, typeVector, attributes, name,
        static_cast<int32_t>(step.args.size() - step.numInputs));
    return fb::CreateStep(builder, fb::Action_HostCall, call.Union());
  }

  std::vector<Offset<fb::Step>> addSteps(const std::vector<Step> &steps) {
    std::vector<Offset<fb::Step>> result;
    result.reserve(steps.size());
    for (const Step &step : steps)
      result.push_back(addStep(step));
    return result;
  }

  flatbuffers::FlatBufferBuilder &builder;
  Programs programs;
  const Program *program = nullptr; // the one at hand
  std::vector<int32_t> formulaNumbers;
  std::vector<int32_t> storageNumbers;
  std::vector<fb::Expr> exprs;
  std::vector<Offset<fb::Buffer>> buffers;
};

} // namespace

static std::vector<Offset<fb::CpuCode>>
addCpuCode(flatbuffers::FlatBufferBuilder &builder, const HeaderInput &input) {
  std::vector<Offset<fb::CpuCode>> result;
  const FileRange *range = input.codeRanges.data();
  for (const dl::cpu::CpuImage &image : input.package.cpuImages) {
    std::vector<Offset<fb::CodePiece>> pieces;
    for (const auto &piece : image.pieces) {
      fb::Segment segment = toSegment(*range++);
      pieces.push_back(fb::CreateCodePiece(builder, &segment, piece.address,
                                           piece.memorySize, piece.executable));
    }
    result.push_back(
        fb::CreateCpuCode(builder, builder.CreateString(image.triple),
                          builder.CreateString(image.cpu),
                          builder.CreateVectorOfStrings(image.features),
                          builder.CreateVector(pieces), image.imageSize,
                          builder.CreateVector(image.entries)));
  }
  return result;
}

static Offset<flatbuffers::Vector<Offset<fb::MapExtent>>>
addExtents(flatbuffers::FlatBufferBuilder &builder,
           const std::vector<dl::gpucode::SizeProduct> &extents) {
  std::vector<Offset<fb::MapExtent>> result;
  for (const dl::gpucode::SizeProduct &extent : extents) {
    std::vector<int32_t> sizes(extent.sizes.begin(), extent.sizes.end());
    result.push_back(fb::CreateMapExtent(builder, extent.scale,
                                         builder.CreateVector(sizes)));
  }
  return builder.CreateVector(result);
}

static fb::ElementType toElementType(dl::gpucode::TensorMap::Element element) {
  switch (element) {
  case dl::gpucode::TensorMap::F16:
    return fb::ElementType_F16;
  case dl::gpucode::TensorMap::BF16:
    return fb::ElementType_BF16;
  case dl::gpucode::TensorMap::F32:
    return fb::ElementType_F32;
  case dl::gpucode::TensorMap::Byte:
    break;
  }
  return fb::ElementType_U8;
}

static std::vector<Offset<fb::TensorMap>>
addTensorMaps(flatbuffers::FlatBufferBuilder &builder,
              const std::vector<dl::gpucode::TensorMap> &maps) {
  std::vector<Offset<fb::TensorMap>> result;
  for (const dl::gpucode::TensorMap &map : maps) {
    auto extents = addExtents(builder, map.extents);
    auto strides = addExtents(builder, map.strides);
    std::vector<int32_t> box(map.box.begin(), map.box.end());
    result.push_back(fb::CreateTensorMap(builder, static_cast<int32_t>(map.arg),
                                         toElementType(map.element), extents,
                                         strides, builder.CreateVector(box)));
  }
  return result;
}

static std::vector<Offset<fb::DeviceCode>>
addDeviceCode(flatbuffers::FlatBufferBuilder &builder,
              const HeaderInput &input) {
  std::vector<Offset<fb::DeviceCode>> result;
  for (auto [range, image] :
       llvm::zip(input.deviceRanges, input.package.deviceImages)) {
    std::vector<Offset<fb::DeviceKernel>> kernels;
    for (const dl::gpucode::DeviceKernel &kernel : image.kernels) {
      auto name = builder.CreateString(kernel.name);
      Offset<flatbuffers::Vector<Offset<fb::TensorMap>>> maps;
      if (!kernel.maps.empty())
        maps = builder.CreateVector(addTensorMaps(builder, kernel.maps));
      kernels.push_back(fb::CreateDeviceKernel(
          builder, name, static_cast<int32_t>(kernel.threads),
          static_cast<int32_t>(kernel.sharedBytes),
          static_cast<int32_t>(kernel.args), static_cast<int32_t>(kernel.sizes),
          maps, kernel.isPersistent));
    }
    auto kernelVector = builder.CreateVector(kernels);
    auto target = builder.CreateString(image.target);
    Offset<flatbuffers::String> arch;
    if (!image.arch.empty())
      arch = builder.CreateString(image.arch);
    fb::Segment segment = toSegment(range);
    result.push_back(
        fb::CreateDeviceCode(builder, target, arch, &segment, kernelVector));
  }
  return result;
}

/// How a constant is made of another of that layout.
static Offset<fb::Unpack> addUnpack(flatbuffers::FlatBufferBuilder &builder,
                                    const ConstantData &data) {
  const Layout &layout = data.unpacked;
  std::vector<int64_t> sizes, strides;
  for (const Layout::Dim &dim : layout.dims) {
    sizes.push_back(dim.size);
    strides.push_back(dim.stride);
  }
  std::vector<fb::UnpackBound> bounds;
  for (const Layout::Bound &bound : layout.bounds)
    bounds.emplace_back(static_cast<int32_t>(bound.outer),
                        static_cast<int32_t>(bound.inner), bound.tile,
                        bound.limit);
  auto sizeVector = builder.CreateVector(sizes);
  auto strideVector = builder.CreateVector(strides);
  auto boundVector = builder.CreateVectorOfStructs(bounds);
  return fb::CreateUnpack(builder, static_cast<int64_t>(data.bytes),
                          static_cast<int32_t>(data.elementBytes), sizeVector,
                          strideVector, boundVector);
}

static std::vector<Offset<fb::Constant>>
addConstants(flatbuffers::FlatBufferBuilder &builder,
             const HeaderInput &input) {
  std::vector<Offset<fb::Constant>> result;
  for (size_t i = 0; i < input.constants.size(); ++i) {
    const ConstantData &data = input.constants[i];
    // The type tells the runtime how often a splat is repeated; of others, any
    // type of equal bytes would do.
    Offset<fb::TensorType> type;
    if (data.splat) {
      std::vector<int32_t> dims(data.shape.begin(), data.shape.end());
      type = fb::CreateTensorType(builder,
                                  static_cast<fb::ElementType>(data.element),
                                  builder.CreateVector(dims));
    }
    Offset<flatbuffers::String> name;
    if (!data.name.empty())
      name = builder.CreateString(data.name);
    Offset<fb::Unpack> unpack;
    if (data.packed >= 0)
      unpack = addUnpack(builder, data);
    size_t from = data.packed < 0 ? i : data.packed;
    Offset<fb::Coding> coding;
    if (input.isCoded[from]) {
      const ConstantData &coded = input.constants[from];
      coding = fb::CreateCoding(builder, static_cast<int64_t>(coded.bytes),
                                static_cast<int32_t>(coded.getStoredWidth()));
    }
    fb::Segment segment = toSegment(input.constantRanges[from]);
    result.push_back(fb::CreateConstant(builder, &segment, type, name,
                                        data.splat, unpack, coding));
  }
  return result;
}

static std::vector<Offset<fb::State>>
addStates(flatbuffers::FlatBufferBuilder &builder, const HeaderInput &input) {
  std::vector<Offset<fb::State>> result;
  for (const StateDesc &state : input.states) {
    auto name = builder.CreateString(state.name);
    auto dims = builder.CreateVector(state.dims);
    Offset<flatbuffers::Vector<int32_t>> order;
    if (!state.order.empty())
      order = builder.CreateVector(state.order);
    result.push_back(fb::CreateState(
        builder, name, static_cast<fb::ElementType>(state.element), dims,
        static_cast<fb::StateRole>(state.role), state.parameter, state.initial,
        order));
  }
  return result;
}

std::vector<char> dl::package::buildHeader(const HeaderInput &input) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<std::string> targets;
  for (const PlanPrograms &plan : input.plans)
    targets.push_back(plan.target);
  std::vector<Offset<fb::Entry>> entries;
  for (size_t i = 0; i < input.plans.front().programs.size(); ++i) {
    EntryBuilder::Programs programs;
    for (const PlanPrograms &plan : input.plans)
      programs.push_back(&plan.programs[i]);
    entries.push_back(EntryBuilder(builder, programs).build(targets));
  }
  std::vector<Offset<fb::Kernel>> kernels;
  kernels.reserve(input.package.kernelNames.size());
  for (const std::string &name : input.package.kernelNames)
    kernels.push_back(
        fb::CreateKernel(builder, builder.CreateSharedString(name)));
  auto constants = builder.CreateVector(addConstants(builder, input));
  auto code = builder.CreateVector(addCpuCode(builder, input));
  Offset<flatbuffers::Vector<Offset<fb::DeviceCode>>> devices;
  if (!input.package.deviceImages.empty())
    devices = builder.CreateVector(addDeviceCode(builder, input));
  auto producer = builder.CreateString(input.package.producer);
  auto entryVector = builder.CreateVector(entries);
  auto kernelVector = builder.CreateVector(kernels);
  std::vector<Offset<flatbuffers::String>> strings;
  mlir::ModuleOp module = input.package.module;
  if (auto table =
          module->getAttrOfType<mlir::ArrayAttr>(mlir::dl::kStringsAttr))
    for (mlir::Attribute text : table) {
      llvm::StringRef bytes = mlir::cast<mlir::StringAttr>(text).getValue();
      strings.push_back(builder.CreateString(bytes.data(), bytes.size()));
    }
  Offset<flatbuffers::Vector<Offset<flatbuffers::String>>> stringVector;
  if (!strings.empty())
    stringVector = builder.CreateVector(strings);
  Offset<flatbuffers::Vector<Offset<fb::State>>> states;
  if (!input.states.empty())
    states = builder.CreateVector(addStates(builder, input));
  fb::Segment debug = toSegment(input.debugRange),
              reference = toSegment(input.referenceRange);
  bool hasDebug = input.debugRange.size != 0;
  auto header = fb::CreateModule(
      builder, producer, entryVector, kernelVector, constants, code, devices,
      hasDebug ? &debug : nullptr, stringVector,
      input.referenceRange.size ? &reference : nullptr, states);
  fb::FinishModuleBuffer(builder, header);
  return {builder.GetBufferPointer(),
          builder.GetBufferPointer() + builder.GetSize()};
}

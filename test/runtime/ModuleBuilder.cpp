// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/runtime/ModuleBuilder.h"

#include "runtime/artifact/Coding.h"
#include "runtime/artifact/Format.h"
#include "runtime/artifact/Hash.h"
#include "runtime/device/cpu/CpuFeatures.h"
#include "test/runtime/Kernels.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>

using namespace dlrt;

namespace dltest {
namespace {

const char *const kKernelNames[kKernelCount] = {
    "double", "add", "parts", "scan", "address", "wait", "scratch", "triple"};

fb::TensorTypeT tensorType(fb::ElementType type, const std::vector<int> &dims) {
  fb::TensorTypeT result;
  result.element = type;
  result.dims.assign(dims.begin(), dims.end());
  return result;
}

size_t roundUp(size_t value, size_t unit) {
  return (value + unit - 1) / unit * unit;
}

} // namespace

ModuleBuilder::ModuleBuilder() {
  module.producer = "test";
  for (const char *name : kKernelNames) {
    module.kernels.push_back(std::make_unique<fb::KernelT>());
    module.kernels.back()->name = name;
  }
  auto code = std::make_unique<fb::CpuCodeT>();
  code->triple = std::string(nativeArchitecture()) + "-unknown-linux-gnu";
  code->cpu = "test-level";
  codeSize = static_cast<size_t>(testKernels.end - testKernels.begin);
  for (TestKernel kernel : testKernels.kernels)
    code->entries.push_back(static_cast<uint64_t>(
        reinterpret_cast<const unsigned char *>(kernel) - testKernels.begin));
  code->image_size = roundUp(codeSize, kSegmentAlignment);
  auto piece = std::make_unique<fb::CodePieceT>();
  piece->executable = true;
  piece->memory_size = codeSize;
  code->pieces.push_back(std::move(piece));
  module.cpu.push_back(std::move(code));
  auto plan = std::make_unique<fb::PlanT>();
  plan->target = "cpu";
  module.entries.push_back(std::make_unique<fb::EntryT>());
  entry().name = "main";
  entry().plans.push_back(std::move(plan));
}

int ModuleBuilder::constant(int64_t value) {
  entry().exprs.emplace_back(fb::ExprOp_Const, 0, 0, value);
  return static_cast<int>(entry().exprs.size()) - 1;
}

int ModuleBuilder::symbol(const std::string &name, int input, int axis) {
  auto symbol = std::make_unique<fb::SymbolT>();
  symbol->name = name;
  symbol->input = input;
  symbol->axis = axis;
  entry().symbols.push_back(std::move(symbol));
  return expr(fb::ExprOp_Symbol, static_cast<int>(entry().symbols.size()) - 1,
              0);
}

int ModuleBuilder::expr(ExprOp op, int a, int b) {
  entry().exprs.emplace_back(op, a, b, 0);
  return static_cast<int>(entry().exprs.size()) - 1;
}

int ModuleBuilder::buffer(fb::BufferKind kind, int index) {
  auto buffer = std::make_unique<fb::BufferT>();
  buffer->kind = kind;
  buffer->index = index;
  plan().buffers.push_back(std::move(buffer));
  return static_cast<int>(plan().buffers.size()) - 1;
}

int ModuleBuilder::input(const std::string &name, fb::ElementType type,
                         std::vector<int> dims) {
  auto value = std::make_unique<fb::ValueT>();
  value->name = name;
  value->type = std::make_unique<fb::TensorTypeT>(tensorType(type, dims));
  entry().inputs.push_back(std::move(value));
  return buffer(fb::BufferKind_Input,
                static_cast<int>(entry().inputs.size()) - 1);
}

int ModuleBuilder::output(const std::string &name, fb::ElementType type,
                          std::vector<int> dims) {
  auto value = std::make_unique<fb::ValueT>();
  value->name = name;
  value->type = std::make_unique<fb::TensorTypeT>(tensorType(type, dims));
  entry().outputs.push_back(std::move(value));
  return buffer(fb::BufferKind_Output,
                static_cast<int>(entry().outputs.size()) - 1);
}

int ModuleBuilder::arena(int offset, int size) {
  int index = buffer(fb::BufferKind_Arena, 0);
  plan().buffers.back()->offset = offset;
  plan().buffers.back()->size = size;
  return index;
}

int ModuleBuilder::weights(const std::vector<float> &values) {
  auto constant = std::make_unique<fb::ConstantT>();
  constant->name = "weights" + std::to_string(blobs.size());
  constant->type = std::make_unique<fb::TensorTypeT>(
      tensorType(fb::ElementType_F32, {static_cast<int>(values.size())}));
  Blob blob;
  blob.bytes.resize(values.size() * sizeof(float));
  memcpy(blob.bytes.data(), values.data(), blob.bytes.size());
  blobs.push_back(std::move(blob));
  module.constants.push_back(std::move(constant));
  return buffer(fb::BufferKind_Constant,
                static_cast<int>(module.constants.size()) - 1);
}

/// Planes of one byte for all elements, and as they are.
int ModuleBuilder::codedWeights(const std::vector<float> &values) {
  int index = weights(values);
  std::vector<uint8_t> &bytes = blobs.back().bytes;
  auto coding = std::make_unique<fb::CodingT>();
  coding->bytes = static_cast<int64_t>(bytes.size());
  coding->element_bytes = sizeof(float);
  module.constants.back()->coding = std::move(coding);
  std::vector<uint8_t> coded{uint8_t(BlockKind::Planes)};
  for (size_t plane = 0; plane < sizeof(float); ++plane) {
    std::vector<uint8_t> symbols;
    for (size_t i = plane; i < bytes.size(); i += sizeof(float))
      symbols.push_back(bytes[i]);
    bool isSame = std::adjacent_find(symbols.begin(), symbols.end(),
                                     std::not_equal_to<>()) == symbols.end();
    coded.push_back(uint8_t(isSame ? PlaneKind::Same : PlaneKind::Plain));
    coded.insert(coded.end(), symbols.begin(),
                 isSame ? symbols.begin() + 1 : symbols.end());
  }
  bytes = std::move(coded);
  return index;
}

int ModuleBuilder::splat(float value, std::vector<int32_t> dims) {
  int index = weights({value});
  module.constants.back()->splat = true;
  module.constants.back()->type->dims = std::move(dims);
  return index;
}

std::vector<std::unique_ptr<fb::StepT>> &ModuleBuilder::steps() {
  return loops.empty() ? plan().steps : loops.back()->body;
}

fb::DispatchT &ModuleBuilder::dispatch(int kernel, std::vector<int> buffers,
                                       int tiles, std::vector<int> sizes) {
  fb::DispatchT dispatch;
  dispatch.kernel = kernel;
  dispatch.tiles = tiles;
  dispatch.sizes.assign(sizes.begin(), sizes.end());
  for (int index : buffers) {
    dispatch.args.push_back(std::make_unique<fb::ViewT>());
    dispatch.args.back()->buffer = index;
  }
  auto step = std::make_unique<fb::StepT>();
  step->action.Set(std::move(dispatch));
  steps().push_back(std::move(step));
  return *steps().back()->action.AsDispatch();
}

fb::HostCallT &ModuleBuilder::call(const std::string &function,
                                   std::vector<int> buffers,
                                   std::vector<int64_t> attributes) {
  fb::HostCallT call;
  call.function = function;
  call.attributes = std::move(attributes);
  for (int index : buffers) {
    call.args.push_back(std::make_unique<fb::ViewT>());
    call.args.back()->buffer = index;
    const fb::BufferT &buffer = *plan().buffers[static_cast<size_t>(index)];
    size_t position = static_cast<size_t>(buffer.index);
    const fb::ValueT &value = buffer.kind == fb::BufferKind_Input
                                  ? *entry().inputs[position]
                                  : *entry().outputs[position];
    call.types.push_back(std::make_unique<fb::TensorTypeT>(*value.type));
  }
  auto step = std::make_unique<fb::StepT>();
  step->action.Set(std::move(call));
  steps().push_back(std::move(step));
  return *steps().back()->action.AsHostCall();
}

fb::BindT &ModuleBuilder::bind(int buffer, std::vector<int> symbols,
                               const std::string &message) {
  fb::BindT bind;
  bind.view = std::make_unique<fb::ViewT>();
  bind.view->buffer = buffer;
  bind.symbols.assign(symbols.begin(), symbols.end());
  bind.message = message;
  auto step = std::make_unique<fb::StepT>();
  step->action.Set(std::move(bind));
  steps().push_back(std::move(step));
  return *steps().back()->action.AsBind();
}

void ModuleBuilder::beginLoop(int count) {
  fb::LoopT loop;
  loop.count = count;
  auto step = std::make_unique<fb::StepT>();
  step->action.Set(std::move(loop));
  steps().push_back(std::move(step));
  loops.push_back(steps().back()->action.AsLoop());
}

void ModuleBuilder::endLoop() { loops.pop_back(); }

void ModuleBuilder::check(fb::Relation relation, int lhs, int rhs,
                          const std::string &message) {
  auto check = std::make_unique<fb::CheckT>();
  check->relation = relation;
  check->lhs = lhs;
  check->rhs = rhs;
  check->message = message;
  entry().checks.push_back(std::move(check));
}

const std::vector<uint8_t> &ModuleBuilder::finish() {
  // The header's size does not depend on the segments' places: structs are
  // inline.
  auto pack = [&](flatbuffers::FlatBufferBuilder &builder) {
    fb::FinishModuleBuffer(builder, fb::Module::Pack(builder, &module));
  };
  for (auto &code : module.cpu)
    for (auto &piece : code->pieces)
      if (!piece->file)
        piece->file = std::make_unique<fb::Segment>(0, 0, 0);
  for (auto &code : module.devices)
    if (!code->code)
      code->code = std::make_unique<fb::Segment>(0, 0, 0);
  for (auto &constant : module.constants)
    if (!constant->data)
      constant->data = std::make_unique<fb::Segment>(0, 0, 0);
  flatbuffers::FlatBufferBuilder sizing;
  pack(sizing);

  headerOffset = sizeof(FilePrefix);
  headerSize = sizing.GetSize();
  codeOffset = roundUp(headerOffset + headerSize, kSegmentAlignment);
  size_t end = codeOffset + codeSize;
  for (auto &code : module.cpu)
    for (auto &piece : code->pieces)
      *piece->file = fb::Segment(codeOffset, codeSize,
                                 hashBytes(testKernels.begin, codeSize));
  // A device's code that nothing reads: the same bytes.
  for (auto &code : module.devices)
    *code->code = fb::Segment(codeOffset, codeSize,
                              hashBytes(testKernels.begin, codeSize));
  constantRanges.clear();
  for (size_t i = 0; i < blobs.size(); ++i) {
    size_t offset = roundUp(end, kSegmentAlignment);
    const std::vector<uint8_t> &bytes = blobs[i].bytes;
    *module.constants[i]->data = fb::Segment(
        offset, bytes.size(), hashBytes(bytes.data(), bytes.size()));
    constantRanges.emplace_back(offset, bytes.size());
    end = offset + bytes.size();
  }
  flatbuffers::FlatBufferBuilder header;
  pack(header);
  fileSize = end;

  storage.assign(fileSize + kConstantAlignment, 0);
  uint8_t *base = storage.data();
  base += (kConstantAlignment -
           reinterpret_cast<uintptr_t>(base) % kConstantAlignment) %
          kConstantAlignment;
  aligned = base;
  FilePrefix prefix = {};
  memcpy(prefix.magic, kMagic, sizeof(kMagic));
  prefix.formatVersion = kFormatVersion;
  prefix.prefixSize = sizeof(prefix);
  prefix.headerOffset = headerOffset;
  prefix.headerSize = headerSize;
  prefix.headerHash = hashBytes(header.GetBufferPointer(), headerSize);
  prefix.fileSize = fileSize;
  memcpy(base, &prefix, sizeof(prefix));
  memcpy(base + headerOffset, header.GetBufferPointer(), headerSize);
  memcpy(base + codeOffset, testKernels.begin, codeSize);
  for (size_t i = 0; i < blobs.size(); ++i)
    memcpy(base + constantRanges[i].first, blobs[i].bytes.data(),
           blobs[i].bytes.size());
  return storage;
}

void buildDouble(ModuleBuilder &builder) {
  int n = builder.symbol("N", 0, 0);
  int x = builder.input("x", fb::ElementType_F32, {n});
  int y = builder.output("y", fb::ElementType_F32, {n});
  builder.dispatch(kDouble, {x, y}, n);
}

} // namespace dltest

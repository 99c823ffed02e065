// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/artifact/Validate.h"

#include "runtime/artifact/Unpack.h"

#include "runtime/artifact/CheckedMath.h"
#include "runtime/artifact/Coding.h"
#include "runtime/artifact/ElementTypes.h"
#include "runtime/artifact/Format.h"
#include "runtime/artifact/module_generated.h"

#include <string>

namespace dlrt {
namespace {

/// Images larger than this are taken for damage.
constexpr uint64_t kMaxImageSize = uint64_t(1) << 31;

Status bad(const std::string &message) {
  return {Code::BadModule, "module header: " + message};
}

template <typename T> int64_t count(const flatbuffers::Vector<T> *vector) {
  return vector ? static_cast<int64_t>(vector->size()) : 0;
}

/// Whether the elements lie where their type may lie: the verifier looks at the
/// vector's length alone.
template <typename T> bool isAligned(const flatbuffers::Vector<T> *vector) {
  return !vector || vector->size() == 0 ||
         reinterpret_cast<uintptr_t>(vector->Data()) % 8 == 0;
}

std::string quoted(const flatbuffers::String *name) {
  return name ? "'" + name->str() + "'" : std::string("without a name");
}

Status checkSegment(const fb::Segment &segment, uint64_t alignment,
                    uint64_t fileSize, const std::string &what) {
  if (segment.offset() > fileSize ||
      segment.size() > fileSize - segment.offset())
    return bad(what + " lies outside the file");
  if (segment.offset() % alignment != 0)
    return bad(what + " is not aligned to " + std::to_string(alignment));
  return {};
}

Status checkCpuCode(const fb::CpuCode &code, int64_t kernels,
                    uint64_t fileSize) {
  std::string what = "code for " + code.cpu()->str();
  if (code.image_size() > kMaxImageSize)
    return bad(what + " is too large");
  uint64_t end = 0;
  if (code.pieces())
    for (const fb::CodePiece *piece : *code.pieces()) {
      const fb::Segment &file = *piece->file();
      DLRT_RETURN_IF_ERROR(
          checkSegment(file, kSegmentAlignment, fileSize, what));
      bool sound = piece->address() % kSegmentAlignment == 0 &&
                   piece->address() >= end &&
                   piece->memory_size() >= file.size() &&
                   piece->address() <= code.image_size() &&
                   piece->memory_size() <= code.image_size() - piece->address();
      if (!sound)
        return bad(what + " has a misplaced piece");
      // Two pieces never share a page: each has its own protection.
      end = piece->address() + piece->memory_size();
      end =
          (end + kSegmentAlignment - 1) / kSegmentAlignment * kSegmentAlignment;
    }
  if (!isAligned(code.entries()))
    return bad(what + " has misplaced entries");
  if (count(code.entries()) != kernels)
    return bad(what + " has " + std::to_string(count(code.entries())) +
               " kernels, expected " + std::to_string(kernels));
  for (int64_t k = 0; k < kernels; ++k) {
    uint64_t entry = code.entries()->Get(static_cast<uint32_t>(k));
    bool inside = false;
    if (code.pieces())
      for (const fb::CodePiece *piece : *code.pieces())
        inside |= piece->executable() && entry >= piece->address() &&
                  entry - piece->address() < piece->file()->size();
    if (!inside)
      return bad("kernel " + std::to_string(k) + " of " + what +
                 " starts outside executable code");
  }
  return {};
}

bool areExtents(
    const flatbuffers::Vector<flatbuffers::Offset<fb::MapExtent>> *extents,
    int32_t sizes) {
  if (extents)
    for (const fb::MapExtent *extent : *extents) {
      if (extent->scale() < 1)
        return false;
      if (extent->sizes())
        for (int32_t size : *extent->sizes())
          if (size < 0 || size >= sizes)
            return false;
    }
  return true;
}

bool isTensorMap(const fb::TensorMap &map, const fb::DeviceKernel &kernel) {
  constexpr int32_t kMostRank = 5, kLongestBox = 256;
  int32_t rank = count(map.extents());
  if (map.arg() < 0 || map.arg() >= kernel.args() || rank < 2 ||
      rank > kMostRank || count(map.strides()) != rank - 1 ||
      count(map.box()) != rank ||
      (map.element() != fb::ElementType_F16 &&
       map.element() != fb::ElementType_BF16 &&
       map.element() != fb::ElementType_F32 &&
       map.element() != fb::ElementType_U8))
    return false;
  for (int32_t size : *map.box())
    if (size < 1 || size > kLongestBox)
      return false;
  return areExtents(map.extents(), kernel.sizes()) &&
         areExtents(map.strides(), kernel.sizes());
}

bool isWellFormed(const fb::DeviceKernel &kernel) {
  constexpr int32_t kMaxThreads = 1024;
  if (kernel.threads() < 1 || kernel.threads() > kMaxThreads ||
      kernel.shared_bytes() < 0 || kernel.args() < 0 || kernel.sizes() < 0)
    return false;
  if (kernel.maps())
    for (const fb::TensorMap *map : *kernel.maps())
      if (!isTensorMap(*map, kernel))
        return false;
  return true;
}

Status checkDeviceCode(const fb::DeviceCode &code, uint64_t fileSize) {
  std::string what = "code for " + codeName(code);
  DLRT_RETURN_IF_ERROR(
      checkSegment(*code.code(), kSegmentAlignment, fileSize, what));
  if (code.kernels())
    for (const fb::DeviceKernel *kernel : *code.kernels())
      if (!isWellFormed(*kernel))
        return bad("kernel " + quoted(kernel->name()) + " of " + what +
                   " is not well formed");
  return {};
}

/// The bytes of a constant that is coded, in `bytes`.
Status checkCoding(const fb::Constant &constant, const std::string &what,
                   uint64_t &bytes) {
  const fb::Coding &coding = *constant.coding();
  constexpr int32_t kWidest = 16;
  int32_t width = coding.element_bytes();
  if (constant.splat())
    return bad(what + " is repeated and coded");
  if (width < 1 || width > kWidest || coding.bytes() < 0 ||
      coding.bytes() % width != 0 ||
      uint64_t(coding.bytes()) / kMostExpansion > constant.data()->size())
    return bad(what + " is coded, and of an impossible size");
  bytes = static_cast<uint64_t>(coding.bytes());
  return {};
}

Status checkConstant(const fb::Constant &constant, uint64_t fileSize,
                     const std::string &what) {
  const fb::Segment &data = *constant.data();
  // A splat's single element needs no more than its own alignment, what is
  // decoded none.
  bool isMapped = !constant.splat() && !constant.coding();
  DLRT_RETURN_IF_ERROR(
      checkSegment(data, isMapped ? kConstantAlignment : 1, fileSize, what));
  uint64_t bytes = data.size();
  if (constant.coding())
    DLRT_RETURN_IF_ERROR(checkCoding(constant, what, bytes));
  if (constant.unpack()) {
    if (!isAligned(constant.unpack()->sizes()) ||
        !isAligned(constant.unpack()->strides()) ||
        !isAligned(constant.unpack()->bounds()))
      return bad(what + " is misplaced");
    return constant.splat() ? bad(what + " is repeated and unpacked")
                            : checkUnpack(*constant.unpack(), bytes, what);
  }
  const fb::TensorType *type = constant.type();
  if (!type)
    return constant.splat() ? bad(what + " repeats an element of no type")
                            : Status();
  if (count(type->dims()) > kMaxRank)
    return bad(what + " has too many dimensions");
  int64_t elements = 1;
  if (type->dims())
    for (int32_t size : *type->dims())
      if (size < 0 || !checkedMul(elements, size, elements))
        return bad(what + " has an impossible size");
  int64_t whole = 0, single = 0;
  if (type->element() == fb::ElementType_String ||
      !elementBytes(type->element(), elements, whole) ||
      !elementBytes(type->element(), 1, single))
    return bad(what + " has an impossible type");
  if (constant.splat() && elementTypeBits(type->element()) < 8)
    return bad(what + " repeats an element smaller than a byte");
  if (bytes != static_cast<uint64_t>(constant.splat() ? single : whole))
    return bad(what + " has " + std::to_string(bytes) + " bytes, expected " +
               std::to_string(constant.splat() ? single : whole));
  return {};
}

Status checkState(const fb::Module &module, const fb::State &state,
                  const std::string &what) {
  int64_t elements = 1, bytes = 0, single = 0;
  if (count(state.dims()) > kMaxRank || !isAligned(state.dims()))
    return bad(what + " has too many dimensions, or misplaced ones");
  if (state.dims())
    for (int64_t size : *state.dims())
      if (size < 0 || !checkedMul(elements, size, elements))
        return bad(what + " has an impossible size");
  if (state.element() == fb::ElementType_String ||
      state.element() == fb::ElementType_None ||
      !elementBytes(state.element(), elements, bytes) ||
      !elementBytes(state.element(), 1, single))
    return bad(what + " has an impossible type");
  if (state.role() > fb::StateRole_MAX ||
      (state.role() == fb::StateRole_Slot ? state.parameter() < 0
                                          : state.parameter() != -1) ||
      state.parameter() >= count(module.states()))
    return bad(what + " has no role");
  if (state.order()) {
    uint64_t seen = 0;
    for (int32_t d : *state.order())
      seen |= d >= 0 && d < count(state.dims()) ? uint64_t(1) << d : 0;
    if (count(state.order()) != count(state.dims()) ||
        seen + 1 != uint64_t(1) << count(state.dims()))
      return bad(what + " has no order");
  }
  if (state.initial() < 0 || state.initial() >= count(module.constants()))
    return bad(what + " has no initial value");
  const fb::Constant &initial =
      *module.constants()->Get(static_cast<uint32_t>(state.initial()));
  int64_t expected = initial.splat() ? single : bytes;
  if (initial.coding())
    return bad(what + " has an initial value that is coded");
  if (initial.data()->size() != static_cast<uint64_t>(expected))
    return bad(what + " has " + std::to_string(bytes) +
               " bytes, and an initial value of another size");
  return {};
}

Status checkExprs(const fb::Entry &entry) {
  int64_t symbols = count(entry.symbols());
  int64_t index = 0;
  if (!entry.exprs())
    return {};
  if (!isAligned(entry.exprs()))
    return bad("the formulas are misplaced");
  for (const fb::Expr *expr : *entry.exprs()) {
    bool sound = false;
    switch (expr->op()) {
    case fb::ExprOp_Const:
      sound = true;
      break;
    case fb::ExprOp_Symbol:
      sound = expr->a() >= 0 && expr->a() < symbols;
      break;
    case fb::ExprOp_Add:
    case fb::ExprOp_Sub:
    case fb::ExprOp_Mul:
    case fb::ExprOp_FloorDiv:
    case fb::ExprOp_CeilDiv:
    case fb::ExprOp_Mod:
    case fb::ExprOp_Min:
    case fb::ExprOp_Max:
      sound = expr->a() >= 0 && expr->a() < index && expr->b() >= 0 &&
              expr->b() < index;
      break;
    }
    if (!sound)
      return bad("formula " + std::to_string(index) + " is not well formed");
    ++index;
  }
  return {};
}

/// The keys of a map's input come before its values, of which there are as
/// many.
bool isMapSound(const fb::Entry &entry, uint32_t index) {
  auto partAt = [&](int64_t i) {
    return i < 0 || i >= count(entry.inputs())
               ? fb::MapPart_None
               : entry.inputs()->Get(static_cast<uint32_t>(i))->map_part();
  };
  const fb::Value &value = *entry.inputs()->Get(index);
  if (value.kind() != fb::ValueKind_Tensor || count(value.type()->dims()) != 1)
    return false;
  if (value.map_part() == fb::MapPart_Values)
    return partAt(int64_t(index) - 1) == fb::MapPart_Keys &&
           value.type()->dims()->Get(0) ==
               entry.inputs()->Get(index - 1)->type()->dims()->Get(0);
  return value.map_part() == fb::MapPart_Keys &&
         partAt(int64_t(index) + 1) == fb::MapPart_Values &&
         (value.type()->element() == fb::ElementType_I64 ||
          value.type()->element() == fb::ElementType_String);
}

/// Whether keys fit an output's matrix, as far as its size is known.
bool areKeysSound(const fb::Entry &entry, const fb::Value &value) {
  if ((value.keys() && value.int_keys()) || !isAligned(value.int_keys()) ||
      value.kind() != fb::ValueKind_Tensor ||
      value.type()->element() != fb::ElementType_F32 ||
      count(value.type()->dims()) != 2)
    return false;
  int32_t formula = value.type()->dims()->Get(1);
  if (formula < 0 || formula >= count(entry.exprs()))
    return false;
  const fb::Expr &columns = *entry.exprs()->Get(static_cast<uint32_t>(formula));
  return columns.op() != fb::ExprOp_Const ||
         columns.value() == count(value.keys()) + count(value.int_keys());
}

Status checkValues(const fb::Entry &entry, bool inputs) {
  const auto *values = inputs ? entry.inputs() : entry.outputs();
  if (!values)
    return {};
  for (uint32_t i = 0; i < values->size(); ++i) {
    const fb::Value *value = values->Get(i);
    std::string what =
        std::string(inputs ? "input " : "output ") + quoted(value->name());
    const fb::TensorType &type = *value->type();
    if (type.element() > fb::ElementType_String ||
        type.element() == fb::ElementType_None ||
        value->kind() > fb::ValueKind_MAX)
      return bad(what + " has an unknown type");
    if (count(type.dims()) > kMaxRank)
      return bad(what + " has too many dimensions");
    if (type.dims())
      for (int32_t dim : *type.dims())
        if (dim < (value->kind() == fb::ValueKind_Tensor ? 0 : -1) ||
            dim >= count(entry.exprs()))
          return bad(what + " has a dimension without a formula");
    bool hasKeys = value->keys() || value->int_keys();
    bool isPart = value->map_part() != fb::MapPart_None;
    if ((hasKeys && (inputs || !areKeysSound(entry, *value))) ||
        (isPart && !(inputs && isMapSound(entry, i))))
      return bad(what + " is no sound map");
  }
  return {};
}

/// The reference runs its own program; a plan only says that there is one.
Status checkReferencePlan(const fb::Module &module, const fb::Plan &plan) {
  if (!module.reference())
    return bad("there is no program for the reference");
  if (count(plan.steps()) || count(plan.buffers()) || plan.arena_size() != -1 ||
      count(plan.late_arena_sizes()))
    return bad("plan for reference: it has steps, buffers or an arena");
  return {};
}

/// `depth` bodies are around the entry.
Status checkEntry(const fb::Module &module, const fb::Entry &entry, int depth) {
  if (depth > kMaxBodyDepth)
    return bad("bodies are nested too deep");
  if (entry.symbols())
    for (const fb::Symbol *symbol : *entry.symbols()) {
      if (symbol->input() == -1 ||
          (symbol->input() == -2 && depth > 0 && symbol->axis() >= 0))
        continue; // each plan binds it, or what runs the body
      bool sound =
          symbol->input() >= 0 && symbol->input() < count(entry.inputs());
      if (sound) {
        const fb::Value *input = entry.inputs()->Get(symbol->input());
        sound = input->kind() == fb::ValueKind_Tensor && symbol->axis() >= 0 &&
                symbol->axis() < count(input->type()->dims());
      }
      if (!sound)
        return bad("symbol " + quoted(symbol->name()) +
                   " is bound to no dimension");
    }
  DLRT_RETURN_IF_ERROR(checkExprs(entry));
  DLRT_RETURN_IF_ERROR(checkValues(entry, /*inputs=*/true));
  DLRT_RETURN_IF_ERROR(checkValues(entry, /*inputs=*/false));
  if (entry.checks())
    for (const fb::Check *check : *entry.checks()) {
      int64_t exprs = count(entry.exprs());
      if (check->relation() > fb::Relation_MAX || check->lhs() < 0 ||
          check->lhs() >= exprs || check->rhs() < 0 || check->rhs() >= exprs)
        return bad("a check is not well formed");
    }
  if (entry.bodies())
    for (const fb::Entry *body : *entry.bodies())
      DLRT_RETURN_IF_ERROR(checkEntry(module, *body, depth + 1));
  if (entry.plans())
    for (const fb::Plan *plan : *entry.plans())
      DLRT_RETURN_IF_ERROR(plan->target()->str() == kReferenceTarget
                               ? checkReferencePlan(module, *plan)
                               : validatePlan(module, entry, *plan));
  return {};
}

} // namespace

std::string codeName(const fb::DeviceCode &code) {
  return code.arch() ? code.arch()->str() : code.target()->str();
}

Status validateHeader(const fb::Module &module, uint64_t fileSize) {
  if (module.entries())
    for (const fb::Entry *entry : *module.entries())
      if (Status status = checkEntry(module, *entry, 0); !status.ok())
        return {status.code(),
                status.message() + " (entry " + quoted(entry->name()) + ")"};
  if (module.constants()) {
    int64_t index = 0;
    for (const fb::Constant *constant : *module.constants())
      DLRT_RETURN_IF_ERROR(checkConstant(
          *constant, fileSize, "constant " + std::to_string(index++)));
  }
  if (module.states())
    for (const fb::State *state : *module.states())
      DLRT_RETURN_IF_ERROR(
          checkState(module, *state, "state " + quoted(state->name())));
  if (module.cpu())
    for (const fb::CpuCode *code : *module.cpu())
      DLRT_RETURN_IF_ERROR(
          checkCpuCode(*code, count(module.kernels()), fileSize));
  if (module.devices())
    for (const fb::DeviceCode *code : *module.devices())
      DLRT_RETURN_IF_ERROR(checkDeviceCode(*code, fileSize));
  if (module.debug())
    DLRT_RETURN_IF_ERROR(
        checkSegment(*module.debug(), 1, fileSize, "debug information"));
  if (module.reference())
    DLRT_RETURN_IF_ERROR(checkSegment(*module.reference(), kSegmentAlignment,
                                      fileSize,
                                      "the program for the reference"));
  return {};
}

} // namespace dlrt

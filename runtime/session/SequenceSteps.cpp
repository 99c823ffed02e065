// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/session/SequenceSteps.h"

#include "runtime/artifact/module_generated.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace dlrt {
namespace {

Status mismatch(const std::string &message) {
  return {Code::Mismatch, message};
}

std::string shapeText(const std::vector<int64_t> &dims) {
  std::string text = "[";
  for (size_t d = 0; d < dims.size(); ++d)
    text += (d ? ", " : "") + std::to_string(dims[d]);
  return text + "]";
}

/// A step's operands are what the compiler has said; a module that is wrong
/// must not crash.
Status needSequence(const HostValue &value) {
  return value.elements ? Status()
                        : Status(Code::BadModule, "an operand is no sequence");
}
Status needTensor(const HostValue &value, int type) {
  return value.tensor && value.tensor->type == type
             ? Status()
             : Status(Code::BadModule, "an operand has another type");
}

/// The list for a result that changes: the operand's own, where nothing else
/// has it.
TensorList &takeList(HostValue &operand, HostValue &result) {
  if (operand.elements.use_count() == 1)
    result.elements = std::move(operand.elements);
  else
    result.elements = std::make_shared<TensorList>(*operand.elements);
  return *result.elements;
}

Status readPosition(const HostValue &value, int64_t size, int64_t limit,
                    int64_t &position) {
  DLRT_RETURN_IF_ERROR(needTensor(value, fb::ElementType_I64));
  if (value.tensor->bytes != int64_t(sizeof(position)))
    return {Code::BadModule, "a position is no scalar"};
  memcpy(&position, value.tensor->data, sizeof(position));
  if (position < -size || position >= limit)
    return mismatch("position " + std::to_string(position) +
                    " is out of range for a sequence of " +
                    std::to_string(size));
  if (position < 0)
    position += size;
  return {};
}

Status insert(const SequenceCall &call, HostValue &result) {
  std::vector<HostValue> &operands = call.operands;
  DLRT_RETURN_IF_ERROR(needSequence(operands[0]));
  if (!operands[1].tensor)
    return {Code::BadModule, "an element is no tensor"};
  auto size = static_cast<int64_t>(operands[0].elements->size());
  int64_t position = size;
  if (operands.size() > 2)
    DLRT_RETURN_IF_ERROR(readPosition(operands[2], size, size + 1, position));
  TensorList &list = takeList(operands[0], result);
  list.insert(list.begin() + position, operands[1].tensor);
  return {};
}

Status erase(const SequenceCall &call, HostValue &result) {
  DLRT_RETURN_IF_ERROR(needSequence(call.operands[0]));
  auto size = static_cast<int64_t>(call.operands[0].elements->size());
  int64_t position = 0;
  DLRT_RETURN_IF_ERROR(readPosition(call.operands[1], size, size, position));
  TensorList &list = takeList(call.operands[0], result);
  list.erase(list.begin() + position);
  return {};
}

Status at(const SequenceCall &call, HostValue &result) {
  DLRT_RETURN_IF_ERROR(needSequence(call.operands[0]));
  const TensorList &list = *call.operands[0].elements;
  auto size = static_cast<int64_t>(list.size());
  int64_t position = 0;
  DLRT_RETURN_IF_ERROR(readPosition(call.operands[1], size, size, position));
  result.tensor = list[static_cast<size_t>(position)];
  return {};
}

template <typename T>
Status makeScalar(const SequenceCall &call, int type, T value,
                  HostValue &result) {
  return copyTensor(call.allocator, type, {}, &value, result.tensor);
}

/// Dimensions before an axis, along it, and the bytes behind it.
struct AxisView {
  int64_t outer = 1, size = 1, innerBytes = 0;

  AxisView(const TensorValue &tensor, size_t axis) {
    for (size_t d = 0; d < axis; ++d)
      outer *= tensor.dims[d];
    size = tensor.dims[axis];
    innerBytes = outer * size ? tensor.bytes / (outer * size) : 0;
  }
};

/// Copies a slice along an axis between its own memory and its place, `begin`,
/// in the whole tensor.
void copySlice(const AxisView &whole, std::byte *large, const std::byte *small,
               int64_t begin, int64_t size, bool intoWhole) {
  auto bytes = static_cast<size_t>(size * whole.innerBytes);
  for (int64_t i = 0; bytes && i < whole.outer; ++i) {
    std::byte *place = large + (i * whole.size + begin) * whole.innerBytes;
    const std::byte *own = small + size_t(i) * bytes;
    if (intoWhole)
      memcpy(place, own, bytes);
    else
      memcpy(const_cast<std::byte *>(own), place, bytes);
  }
}

/// The shape of the elements' concatenation; an element has size 1 along a new
/// axis.
Status findShape(const TensorList &list, size_t axis, bool isNew,
                 std::vector<int64_t> &dims, std::vector<int64_t> &sizes) {
  for (const TensorRef &tensor : list) {
    std::vector<int64_t> own = tensor->dims;
    if (isNew && axis <= own.size())
      own.insert(own.begin() + static_cast<std::ptrdiff_t>(axis), 1);
    if (axis >= own.size() || tensor->type != list[0]->type)
      return {Code::BadModule, "elements have other types than expected"};
    sizes.push_back(own[axis]);
    if (sizes.size() == 1) {
      dims = own;
      continue;
    }
    int64_t total = dims[axis];
    dims[axis] = own[axis];
    if (own != dims)
      return mismatch(
          "elements differ in their sizes: " + shapeText(tensor->dims) +
          " and " + shapeText(list[0]->dims));
    dims[axis] = total + own[axis];
  }
  return {};
}

Status concat(const SequenceCall &call, HostValue &result) {
  DLRT_RETURN_IF_ERROR(needSequence(call.operands[0]));
  const TensorList &list = *call.operands[0].elements;
  auto axis = static_cast<size_t>(call.step.attributes()->Get(0));
  std::vector<int64_t> dims, sizes;
  if (axis >= call.sizes.size()) // none where the result is no tensor
    return {Code::BadModule, "the axis is out of range"};
  int type = call.step.results()->Get(0)->type()->element();
  if (list.empty()) {
    dims = call.sizes;
    for (int64_t &size : dims)
      size = std::max<int64_t>(size, 0);
    dims[axis] = 0;
  } else {
    DLRT_RETURN_IF_ERROR(findShape(
        list, axis, call.step.attributes()->Get(1) != 0, dims, sizes));
    type = list[0]->type;
  }
  DLRT_RETURN_IF_ERROR(
      makeTensor(call.allocator, type, std::move(dims), result.tensor));
  AxisView whole(*result.tensor, axis);
  int64_t begin = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    copySlice(whole, result.tensor->memory.data(),
              static_cast<const std::byte *>(list[i]->data), begin, sizes[i],
              /*intoWhole=*/true);
    begin += sizes[i];
  }
  return {};
}

/// The sizes of the slices.
Status readSizes(const TensorValue &given, int64_t whole,
                 std::vector<int64_t> &sizes) {
  std::vector<int64_t> values(static_cast<size_t>(given.bytes) /
                              sizeof(int64_t));
  if (!values.empty())
    memcpy(values.data(), given.data, values.size() * sizeof(int64_t));
  if (given.dims.empty()) {
    if (values[0] <= 0)
      return mismatch("slices have the size " + std::to_string(values[0]));
    for (int64_t left = whole; left > 0; left -= sizes.back())
      sizes.push_back(std::min(left, values[0]));
    return {};
  }
  int64_t left = whole;
  for (int64_t size : values) {
    if (size < 0 || size > left)
      return mismatch("a slice has the size " + std::to_string(size) + ", of " +
                      std::to_string(left) + " that are left");
    left -= size;
  }
  if (left)
    return mismatch("the slices leave " + std::to_string(left) + " elements");
  sizes = std::move(values);
  return {};
}

Status split(const SequenceCall &call, HostValue &result) {
  DLRT_RETURN_IF_ERROR(needTensor(call.operands[1], fb::ElementType_I64));
  const TensorRef &whole = call.operands[0].tensor;
  auto axis = static_cast<size_t>(call.step.attributes()->Get(0));
  bool drop = call.step.attributes()->Get(1) != 0;
  if (!whole || axis >= whole->dims.size())
    return {Code::BadModule, "the axis is out of range"};
  std::vector<int64_t> sizes;
  DLRT_RETURN_IF_ERROR(
      readSizes(*call.operands[1].tensor, whole->dims[axis], sizes));
  AxisView view(*whole, axis);
  auto *from =
      const_cast<std::byte *>(static_cast<const std::byte *>(whole->data));
  result.elements = std::make_shared<TensorList>();
  int64_t begin = 0;
  for (int64_t size : sizes) {
    std::vector<int64_t> dims = whole->dims;
    dims[axis] = size;
    if (drop && size != 1)
      return mismatch("a slice has the size " + std::to_string(size) +
                      ", expected 1");
    if (drop)
      dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(axis));
    TensorRef slice;
    DLRT_RETURN_IF_ERROR(
        makeTensor(call.allocator, whole->type, std::move(dims), slice));
    copySlice(view, from, slice->memory.data(), begin, size,
              /*intoWhole=*/false);
    begin += size;
    result.elements->push_back(std::move(slice));
  }
  return {};
}

} // namespace

Status runSequenceStep(const SequenceCall &call, HostValue &result) {
  std::vector<HostValue> &operands = call.operands;
  switch (call.step.operation()) {
  case fb::Operation_SequenceCreate:
    result.elements = std::make_shared<TensorList>();
    for (HostValue &operand : operands) {
      if (!operand.tensor)
        return {Code::BadModule, "an element is no tensor"};
      result.elements->push_back(std::move(operand.tensor));
    }
    return {};
  case fb::Operation_SequenceInsert:
    return insert(call, result);
  case fb::Operation_SequenceErase:
    return erase(call, result);
  case fb::Operation_SequenceLength:
    DLRT_RETURN_IF_ERROR(needSequence(operands[0]));
    return makeScalar(call, fb::ElementType_I64,
                      static_cast<int64_t>(operands[0].elements->size()),
                      result);
  case fb::Operation_SequenceAt:
    return at(call, result);
  case fb::Operation_SequenceConcat:
    return concat(call, result);
  case fb::Operation_SequenceSplit:
    return split(call, result);
  case fb::Operation_OptionalCreate:
    if (!operands.empty())
      result = std::move(operands[0]);
    return {};
  case fb::Operation_OptionalHas:
    return makeScalar(call, fb::ElementType_Bool,
                      static_cast<uint8_t>(!operands[0].isNone()), result);
  case fb::Operation_OptionalGet:
    if (operands[0].isNone())
      return mismatch("the optional has no value");
    result = std::move(operands[0]);
    return {};
  default:
    return {Code::BadModule, "an operation is not on sequences"};
  }
}

} // namespace dlrt

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Constants.h"
#include "codegen/package/Hash.h"
#include "codegen/package/Types.h"
#include "ir/dialect/Dims.h"
#include "ir/dialect/Winograd.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "passes/Constants.h"
#include "runtime/artifact/module_generated.h"
#include <atomic>
#include <map>
#include <thread>

using namespace dl::package;
using mlir::failure;
using mlir::FailureOr;

void dl::package::forEachInParallel(size_t count, unsigned threads,
                                    llvm::function_ref<void(size_t)> work) {
  std::atomic<size_t> next{0};
  auto run = [&] {
    for (size_t i; (i = next.fetch_add(1)) < count;)
      work(i);
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < std::min<size_t>(threads, count); ++i)
    others.emplace_back(run);
  run();
  for (std::thread &other : others)
    other.join();
}

bool ConstantData::produce(
    size_t maxBytes,
    llvm::function_ref<bool(llvm::ArrayRef<char>)> consume) const {
  if (rounding == Rounding::None)
    return produceSource(maxBytes, consume);
  std::vector<uint16_t> narrow;
  return produceSource(2 * maxBytes, [&](llvm::ArrayRef<char> piece) {
    narrow.resize(piece.size() / sizeof(uint32_t));
    for (size_t i = 0; i < narrow.size(); ++i) {
      uint32_t bits;
      memcpy(&bits, piece.data() + i * sizeof(bits), sizeof(bits));
      narrow[i] = rounding == Rounding::ToF16 ? mlir::dl::roundToFloat16(bits)
                                              : mlir::dl::roundToBFloat16(bits);
    }
    return consume({reinterpret_cast<const char *>(narrow.data()),
                    narrow.size() * sizeof(uint16_t)});
  });
}

bool ConstantData::produceSource(
    size_t maxBytes,
    llvm::function_ref<bool(llvm::ArrayRef<char>)> consume) const {
  llvm::ArrayRef<char> from = source;
  if (layouts.empty()) {
    for (; !from.empty();
         from = from.drop_front(std::min(maxBytes, from.size())))
      if (!consume(from.take_front(maxBytes)))
        return false;
    return true;
  }
  unsigned width = elementBytes;
  std::unique_ptr<uint16_t[]> rounded;
  std::vector<char> current, next;
  for (auto [i, layout] : llvm::enumerate(layouts)) {
    if (balance && balance->before == i) {
      size_t count = from.size() / width;
      rounded.reset(new uint16_t[count]);
      mlir::dl::roundBalanced(from.data(), rounded.get(), balance->channels,
                              balance->summed);
      width = sizeof(uint16_t);
      from = {reinterpret_cast<const char *>(rounded.get()), count * width};
    }
    if (i + 1 == layouts.size())
      break;
    next.clear();
    next.reserve(layout.getNumElements() * width);
    relayout(layout, width, from.data(), maxBytes,
             [&](llvm::ArrayRef<char> piece) {
               next.insert(next.end(), piece.begin(), piece.end());
               return true;
             });
    current.swap(next);
    from = current;
  }
  return relayout(layouts.back(), width, from.data(), maxBytes, consume);
}

//===----------------------------------------------------------------------===//
// Sources
//===----------------------------------------------------------------------===//

bool Constants::isConstant(mlir::Value value) {
  auto isStatic = [](mlir::Value v) {
    auto type = mlir::dyn_cast<mlir::ShapedType>(v.getType());
    return type && type.hasStaticShape();
  };
  mlir::Operation *op = value.getDefiningOp();
  while (
      isStatic(value) &&
      (mlir::isa_and_nonnull<mlir::dl::PackOp, mlir::dl::TransposeOp,
                             mlir::dl::ReshapeOp, mlir::dl::WinogradFilterOp>(
           op) ||
       mlir::dl::isRounding(op))) {
    value = op->getOperand(0);
    op = value.getDefiningOp();
  }
  return mlir::isa_and_nonnull<mlir::dl::ConstantOp, mlir::dl::SizesOp>(op);
}

/// Elements of types below a byte, in one each.
static std::shared_ptr<std::vector<char>>
spreadToBytes(mlir::DenseElementsAttr attribute) {
  int64_t count = attribute.isSplat() ? 1 : attribute.getNumElements();
  auto bytes = std::make_shared<std::vector<char>>();
  auto all = [&](auto values) {
    for (auto value : values) {
      if (static_cast<int64_t>(bytes->size()) == count)
        break;
      if constexpr (std::is_same_v<decltype(value), llvm::APFloat>)
        bytes->push_back(
            static_cast<char>(value.bitcastToAPInt().getZExtValue()));
      else
        bytes->push_back(static_cast<char>(value.getZExtValue()));
    }
  };
  if (mlir::isa<mlir::FloatType>(attribute.getElementType()))
    all(attribute.getValues<llvm::APFloat>());
  else
    all(attribute.getValues<llvm::APInt>());
  return bytes;
}

FailureOr<ConstantData> Constants::readSource(mlir::Operation *op) {
  mlir::ElementsAttr attribute;
  if (auto constant = mlir::dyn_cast<mlir::dl::ConstantOp>(op)) {
    attribute = constant.getValue();
  } else {
    auto sizes = mlir::cast<mlir::dl::SizesOp>(op);
    attribute = mlir::dyn_cast<mlir::ElementsAttr>(mlir::dl::getSizeAttr(
        *mlir::dl::getSizeValues(sizes.getValue()),
        mlir::cast<mlir::RankedTensorType>(sizes.getType())));
    if (!attribute)
      return op->emitOpError("its values depend on symbols, so that it is no "
                             "constant");
  }
  auto type = mlir::cast<mlir::RankedTensorType>(attribute.getType());
  mlir::Type elementType = type.getElementType();
  ConstantData data;
  data.element = getElementNumber(elementType);
  unsigned bits = getElementBits(elementType);
  if (!data.element || !bits)
    return op->emitOpError("the module format has no element type ")
           << elementType;
  data.elementBytes = bits / 8;
  bool isNarrow =
      elementType.isIntOrFloat() && elementType.getIntOrFloatBitWidth() < 8;
  if (isNarrow && !elementType.isInteger(1))
    data.element = dlrt::fb::ElementType_U8; // the format packs its own
  bool isSplat = false;
  if (auto dense = mlir::dyn_cast<mlir::DenseElementsAttr>(attribute)) {
    isSplat = dense.isSplat() && type.getNumElements() > 0;
    if (isNarrow) {
      data.owned = spreadToBytes(dense);
      data.source = *data.owned;
    } else {
      data.source = dense.getRawData();
      if (type.getNumElements() == 0)
        data.source = {}; // MLIR may keep an element to repeat
    }
  } else if (auto resource =
                 mlir::dyn_cast<mlir::DenseResourceElementsAttr>(attribute)) {
    data.name = resource.getRawHandle().getKey().str();
    mlir::AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return op->emitOpError("the bytes of '") << data.name << "' are missing";
    data.source = blob->getData();
  } else {
    return op->emitOpError("expected dense elements");
  }
  uint64_t expected =
      getByteSize(elementType, isSplat ? 1 : type.getNumElements());
  if (data.source.size() != expected)
    return op->emitOpError("its value has ")
           << data.source.size() << " bytes, expected " << expected;
  // Elements below a byte have no address: they stay as they are.
  if (bits >= 8)
    data.layouts.push_back(Layout::identity(type.getShape(), isSplat));
  return data;
}

/// The transformed filter takes memory until it is written: it is several times
/// as large as what it is made of.
FailureOr<ConstantData> Constants::readFilter(mlir::Operation *op) {
  FailureOr<ConstantData> data = read(op->getOperand(0));
  if (failed(data))
    return failure();
  auto from = mlir::cast<mlir::RankedTensorType>(op->getOperand(0).getType());
  auto to = mlir::cast<mlir::RankedTensorType>(op->getResult(0).getType());
  std::vector<float> filter;
  filter.reserve(from.getNumElements());
  data->produce(kLargeConstant, [&](llvm::ArrayRef<char> piece) {
    size_t count = piece.size() / sizeof(float), old = filter.size();
    filter.resize(old + count);
    memcpy(filter.data() + old, piece.data(), count * sizeof(float));
    return true;
  });
  data->owned =
      std::make_shared<std::vector<char>>(to.getNumElements() * sizeof(float));
  mlir::dl::winograd::transformFilters(
      filter.data(),
      {from.getDimSize(0), from.getDimSize(1),
       from.getDimSize(2) * from.getDimSize(3),
       static_cast<int64_t>(
           mlir::cast<mlir::dl::WinogradFilterOp>(op).getStride())},
      reinterpret_cast<float *>(data->owned->data()));
  data->source = *data->owned;
  data->layouts = {Layout::identity(to.getShape())};
  return data;
}

FailureOr<ConstantData> Constants::readBalanced(mlir::Operation *rounding) {
  auto op = mlir::cast<mlir::dl::RoundBalancedOp>(rounding);
  FailureOr<ConstantData> data = read(op.getOperand());
  if (failed(data))
    return failure();
  llvm::ArrayRef<int64_t> shape = op.getOperand().getType().getShape();
  int64_t count = op.getOperand().getType().getNumElements();
  if (count > 1 && data->source.size() == data->elementBytes) {
    // Elements of one value may be rounded to different ones.
    data->owned = std::make_shared<std::vector<char>>();
    for (int64_t i = 0; i < count; ++i)
      data->owned->insert(data->owned->end(), data->source.begin(),
                          data->source.end());
    data->source = *data->owned;
    data->layouts = {Layout::identity(shape)};
  }
  if (!data->layouts.back().bounds.empty())
    data->layouts.push_back(Layout::identity(shape));
  ConstantData::Balance balance{data->layouts.size() - 1, {}, {}};
  for (auto [i, dim] : llvm::enumerate(data->layouts.back().dims))
    (llvm::is_contained(op.getAxes(), static_cast<int64_t>(i))
         ? balance.summed
         : balance.channels)
        .push_back({dim.size, dim.stride});
  data->balance = std::move(balance);
  data->element = getElementNumber(op.getType().getElementType());
  return data;
}

FailureOr<ConstantData> Constants::read(mlir::Value value) {
  mlir::Operation *op = value.getDefiningOp();
  if (mlir::isa<mlir::dl::RoundBalancedOp>(op))
    return readBalanced(op);
  if (mlir::isa<mlir::dl::WinogradFilterOp>(op))
    return readFilter(op);
  bool rounds = mlir::dl::isRounding(op);
  if (!rounds &&
      !mlir::isa<mlir::dl::PackOp, mlir::dl::TransposeOp, mlir::dl::ReshapeOp>(
          op))
    return readSource(op);
  FailureOr<ConstantData> data = read(op->getOperand(0));
  if (failed(data))
    return failure();
  // Moving elements and rounding them commute: rounding comes last.
  if (rounds) {
    mlir::Type element =
        mlir::cast<mlir::RankedTensorType>(value.getType()).getElementType();
    data->rounding = element.isF16() ? ConstantData::Rounding::ToF16
                                     : ConstantData::Rounding::ToBF16;
    data->element = getElementNumber(element);
    return data;
  }
  auto from = mlir::cast<mlir::RankedTensorType>(op->getOperand(0).getType());
  auto to = mlir::cast<mlir::RankedTensorType>(value.getType());
  if (data->layouts.empty()) {
    if (mlir::isa<mlir::dl::ReshapeOp>(op))
      return data;
    return op->emitOpError("elements of type ")
           << to.getElementType() << " cannot be moved one by one";
  }
  auto apply = [&](const Layout &layout) -> std::optional<Layout> {
    if (auto pack = mlir::dyn_cast<mlir::dl::PackOp>(op))
      return layout.pack(pack.getOuterPerm(), pack.getInnerDims(),
                         pack.getInnerTiles());
    if (auto transpose = mlir::dyn_cast<mlir::dl::TransposeOp>(op))
      return layout.transpose(transpose.getPermutation());
    return layout.reshape(to.getShape());
  };
  if (auto layout = apply(data->layouts.back()))
    data->layouts.back() = std::move(*layout);
  else
    data->layouts.push_back(*apply(Layout::identity(from.getShape())));
  return data;
}

FailureOr<int32_t> Constants::add(mlir::Value value) {
  auto it = numbers.find(value);
  if (it != numbers.end())
    return it->second;
  FailureOr<ConstantData> data = read(value);
  if (failed(data))
    return failure();
  auto type = mlir::cast<mlir::RankedTensorType>(value.getType());
  data->shape.assign(type.getShape().begin(), type.getShape().end());
  data->bytes = getByteSize(type.getElementType(), type.getNumElements());
  const std::vector<Layout> &layouts = data->layouts;
  data->splat = data->bytes >= kLargeConstant && layouts.size() == 1 &&
                layouts[0].bounds.empty() &&
                data->source.size() == data->elementBytes;
  if (data->splat) {
    data->bytes = data->getStoredWidth();
    data->layouts.clear();
  }
  int32_t number = static_cast<int32_t>(constants.size());
  constants.push_back(std::move(*data));
  numbers[value] = number;
  return number;
}

//===----------------------------------------------------------------------===//
// Equal constants
//===----------------------------------------------------------------------===//

/// Equal text for equal roundings of equal sources.
static std::string getKey(const ConstantData::Balance &balance) {
  std::string key = std::to_string(balance.before);
  for (const auto *dims : {&balance.channels, &balance.summed}) {
    key += ":";
    for (mlir::dl::StridedDim dim : *dims)
      key += std::to_string(dim.size) + "*" + std::to_string(dim.stride) + " ";
  }
  return key;
}

std::vector<int32_t> Constants::deduplicate(unsigned threads) {
  // Large constants are equal if their sources and layouts are; what is small
  // is made, so that its form does not matter. Only what may have an equal is
  // read.
  struct Key {
    std::string form;
    std::pair<uint64_t, uint64_t> hash;
    bool operator<(const Key &other) const {
      return std::tie(form, hash) < std::tie(other.form, other.hash);
    }
  };
  std::vector<Key> keys(constants.size());
  std::map<std::string, std::vector<size_t>> candidates;
  for (size_t i = 0; i < constants.size(); ++i) {
    const ConstantData &data = constants[i];
    std::string &form = keys[i].form;
    form = std::to_string(data.bytes);
    if (data.splat) {
      // Repeated by the runtime: the type says how often.
      form += " splat " + std::to_string(data.element);
      for (int64_t size : data.shape)
        form += " " + std::to_string(size);
    } else if (data.bytes >= kLargeConstant) {
      form += " " + std::to_string(data.source.size());
      if (data.rounding != ConstantData::Rounding::None)
        form += " rounded " + std::to_string(static_cast<int>(data.rounding));
      if (data.balance)
        form += " balanced" + getKey(*data.balance);
      for (const Layout &layout : data.layouts)
        form += ", " + (layout.isIdentity()
                            ? std::string("dense")
                            : layout.simplify().getKey() +
                                  std::to_string(data.elementBytes));
    }
    candidates[form].push_back(i);
  }
  std::vector<size_t> toRead;
  for (auto &[form, list] : candidates)
    if (list.size() > 1)
      toRead.insert(toRead.end(), list.begin(), list.end());
  forEachInParallel(toRead.size(), threads, [&](size_t i) {
    const ConstantData &data = constants[toRead[i]];
    llvm::SmallVector<char> bytes;
    llvm::ArrayRef<char> hashed = data.source;
    if (data.bytes < kLargeConstant) {
      data.produce(kLargeConstant, [&](llvm::ArrayRef<char> piece) {
        bytes.append(piece.begin(), piece.end());
        return true;
      });
      hashed = bytes;
    }
    keys[toRead[i]].hash = hash128(hashed);
  });

  std::map<Key, int32_t> kept;
  std::vector<int32_t> result;
  std::vector<ConstantData> unique;
  for (size_t i = 0; i < constants.size(); ++i) {
    auto [it, inserted] =
        kept.try_emplace(keys[i], static_cast<int32_t>(unique.size()));
    if (inserted)
      unique.push_back(std::move(constants[i]));
    result.push_back(it->second);
  }
  constants = std::move(unique);
  numbers.clear();
  return result;
}

//===----------------------------------------------------------------------===//
// Constants in the order of others
//===----------------------------------------------------------------------===//

/// Whether a constant is its source's elements, moved alone.
static bool isMoved(const ConstantData &data) {
  return data.bytes >= kLargeConstant && !data.splat &&
         data.rounding == ConstantData::Rounding::None && !data.balance &&
         !data.owned && data.layouts.size() == 1 && data.elementBytes <= 8 &&
         data.source.size() > data.elementBytes;
}

void Constants::shareBytes(const llvm::DenseSet<int32_t> &kept) {
  // By the source's memory: resources of one name are one.
  std::map<const char *, std::vector<int32_t>> ready;
  for (int32_t i : kept)
    if (isMoved(constants[i]))
      ready[constants[i].source.data()].push_back(i);
  for (auto &[source, list] : ready)
    llvm::sort(list);
  for (auto [i, data] : llvm::enumerate(constants)) {
    if (!isMoved(data) || kept.contains(static_cast<int32_t>(i)))
      continue;
    for (int32_t from : ready[data.source.data()]) {
      const ConstantData &packed = constants[from];
      auto layout =
          packed.source.size() == data.source.size()
              ? packed.layouts[0].relativeTo(
                    data.layouts[0], data.source.size() / data.elementBytes)
              : std::nullopt;
      if (!layout)
        continue;
      data.packed = from;
      data.unpacked = std::move(*layout);
      break;
    }
  }
}

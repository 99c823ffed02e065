// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Writer.h"
#include "codegen/package/Coding.h"
#include "codegen/package/Hash.h"
#include "codegen/package/Header.h"
#include "runtime/artifact/Format.h"
#include <algorithm>
#include <cstring>
#include <mutex>
#include <numeric>

using namespace dl::package;
using llvm::Error;
using llvm::Expected;

/// Bytes of a constant that are made and written at once, on each thread: they
/// stay in a core's cache between.
static constexpr size_t kWindow = size_t(256) << 10;

namespace {

class Writer {
public:
  Writer(const WriterInput &input, Output &output)
      : input(input), output(output),
        header{input.package,
               input.plans,
               input.states,
               input.constants,
               {},
               {},
               {},
               std::vector<bool>(input.constants.size()),
               {},
               {}} {}

  Expected<WrittenSizes> write() {
    if (input.package.codesConstants)
      codeConstants();
    layOut();
    if (Error error = output.allocate(fileSize))
      return std::move(error);
    if (Error error = writeCode())
      return std::move(error);
    if (Error error = writeConstants())
      return std::move(error);
    if (Error error = writeHeader())
      return std::move(error);
    if (Error error = output.commit())
      return std::move(error);
    WrittenSizes sizes{fileSize};
    for (size_t i = 0; i < input.constants.size(); ++i)
      if (const ConstantData &data = input.constants[i]; data.packed < 0) {
        sizes.constants += data.bytes;
        sizes.stored += header.constantRanges[i].size;
      }
    return sizes;
  }

private:
  FileRange place(uint64_t size, uint64_t alignment) {
    uint64_t offset = llvm::alignTo(fileSize, alignment);
    fileSize = offset + size;
    return {offset, size, 0};
  }

  /// The coded form of a constant; empty where it stays as it is.
  std::vector<char> code(const ConstantData &data) const {
    constexpr uint64_t kFew = 256; // not worth a record in the header
    if (data.packed >= 0 || data.splat || data.bytes < kFew)
      return {};
    std::vector<char> bytes;
    bytes.reserve(data.bytes);
    data.produce(kWindow, [&](llvm::ArrayRef<char> piece) {
      bytes.insert(bytes.end(), piece.begin(), piece.end());
      return true;
    });
    std::vector<char> coded = codeConstant(bytes, data.getStoredWidth());
    constexpr uint64_t kGain = 20;
    return coded.size() <= data.bytes - data.bytes / kGain
               ? coded
               : std::vector<char>();
  }

  /// Not what states begin with: that is read once, where it lies.
  void codeConstants() {
    coded.resize(input.constants.size());
    llvm::DenseSet<int32_t> initial;
    for (const StateDesc &state : input.states)
      initial.insert(state.initial);
    forEachInParallel(coded.size(), input.threads, [&](size_t i) {
      if (!initial.contains(static_cast<int32_t>(i)))
        coded[i] = code(input.constants[i]);
    });
    for (size_t i = 0; i < coded.size(); ++i)
      header.isCoded[i] = !coded[i].empty();
  }

  /// Places what lies as it is at multiples of `alignment`, coded bytes
  /// anywhere.
  void placeConstant(size_t i, uint64_t alignment) {
    header.constantRanges[i] = header.isCoded[i]
                                   ? place(coded[i].size(), 1)
                                   : place(input.constants[i].bytes, alignment);
  }

  void layOut() {
    for (const auto &image : input.package.cpuImages)
      header.codeRanges.resize(header.codeRanges.size() + image.pieces.size());
    for (const auto &image : input.package.deviceImages)
      header.deviceRanges.push_back({0, image.code.size(), 0});
    header.constantRanges.resize(input.constants.size());
    header.debugRange.size = input.debugInfo.size();
    header.referenceRange.size = input.package.reference.size();
    headerSize = buildHeader(header).size();
    fileSize = sizeof(dlrt::FilePrefix) + headerSize;

    FileRange *range = header.codeRanges.data();
    for (const auto &image : input.package.cpuImages)
      for (const auto &piece : image.pieces)
        *range++ = place(piece.bytes.size(), dlrt::kSegmentAlignment);
    for (FileRange &device : header.deviceRanges)
      device = place(device.size, dlrt::kSegmentAlignment);
    header.debugRange = place(input.debugInfo.size(), 1);
    if (!input.package.reference.empty())
      header.referenceRange =
          place(input.package.reference.size(), dlrt::kSegmentAlignment);
    for (bool large : {false, true})
      for (size_t i = 0; i < input.constants.size(); ++i) {
        bool isLarge =
            !header.isCoded[i] && input.constants[i].bytes >= kLargeConstant;
        if (input.constants[i].packed < 0 && isLarge == large)
          placeConstant(i, large ? dlrt::kSegmentAlignment
                                 : dlrt::kConstantAlignment);
      }
  }

  Error writeRange(FileRange &range, llvm::ArrayRef<char> bytes) {
    range.hash = hash64(bytes);
    return output.write(range.offset, bytes);
  }

  Error writeCode() {
    FileRange *range = header.codeRanges.data();
    for (const auto &image : input.package.cpuImages)
      for (const auto &piece : image.pieces)
        if (Error error =
                writeRange(*range++, {piece.bytes.data(), piece.bytes.size()}))
          return error;
    for (auto [text, image] :
         llvm::zip(header.deviceRanges, input.package.deviceImages))
      if (Error error =
              writeRange(text, {image.code.data(), image.code.size()}))
        return error;
    if (Error error =
            writeRange(header.referenceRange, input.package.reference))
      return error;
    return writeRange(header.debugRange,
                      {input.debugInfo.data(), input.debugInfo.size()});
  }

  /// Each constant by one thread, from front to back, as its hash needs it;
  /// large ones first, so that threads end together.
  Error writeConstants() {
    std::vector<size_t> order(input.constants.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      uint64_t x = input.constants[a].bytes, y = input.constants[b].bytes;
      return x != y ? x > y : a < b;
    });
    std::mutex mutex;
    Error first = Error::success();
    forEachInParallel(order.size(), input.threads, [&](size_t i) {
      Error error = writeConstant(order[i]);
      std::lock_guard<std::mutex> lock(mutex);
      if (first)
        llvm::consumeError(std::move(error));
      else
        first = std::move(error);
    });
    return first;
  }

  Error writeConstant(size_t number) {
    if (input.constants[number].packed >= 0)
      return Error::success();
    FileRange &range = header.constantRanges[number];
    if (header.isCoded[number])
      return writeRange(range, coded[number]);
    uint64_t offset = range.offset;
    Error error = Error::success();
    Hasher hasher;
    input.constants[number].produce(kWindow, [&](llvm::ArrayRef<char> piece) {
      hasher.update(piece);
      error = output.write(offset, piece);
      offset += piece.size();
      return !error;
    });
    range.hash = hasher.getHash();
    return error;
  }

  static bool runsOnHost(const std::vector<Step> &steps) {
    return llvm::any_of(steps, [](const Step &step) {
      return step.isOnHost || runsOnHost(step.body);
    });
  }
  static bool runsOnHost(const Program &program) {
    return runsOnHost(program.steps) ||
           llvm::any_of(program.bodies,
                        [](const Program &body) { return runsOnHost(body); });
  }

  /// The oldest format that has a place for everything.
  uint32_t getVersion() const {
    if (llvm::is_contained(header.isCoded, true))
      return dlrt::kFormatVersion;
    return needsUnpacking() ? dlrt::kUnpackFormatVersion
                            : dlrt::kPlainFormatVersion;
  }

  bool needsUnpacking() const {
    bool isUnpacked =
        llvm::any_of(input.constants,
                     [](const ConstantData &data) { return data.packed >= 0; });
    return isUnpacked ||
           llvm::any_of(input.plans, [](const PlanPrograms &plan) {
             return llvm::any_of(plan.programs, [](const Program &program) {
               return runsOnHost(program);
             });
           });
  }

  Error writeHeader() {
    std::vector<char> bytes = buildHeader(header);
    dlrt::FilePrefix prefix{};
    std::memcpy(prefix.magic, dlrt::kMagic, sizeof(prefix.magic));
    prefix.formatVersion = getVersion();
    prefix.prefixSize = sizeof(prefix);
    prefix.headerOffset = sizeof(prefix);
    prefix.headerSize = bytes.size();
    prefix.headerHash = hash64(bytes);
    prefix.fileSize = fileSize;
    if (bytes.size() != headerSize)
      return llvm::createStringError("the header changed its size");
    if (Error error = output.write(sizeof(prefix), bytes))
      return error;
    return output.write(
        0, {reinterpret_cast<const char *>(&prefix), sizeof(prefix)});
  }

  const WriterInput &input;
  Output &output;
  HeaderInput header;
  std::vector<std::vector<char>> coded; // of the constants, empty for none
  uint64_t headerSize = 0;
  uint64_t fileSize = 0;
};

} // namespace

Expected<WrittenSizes> dl::package::writeModule(const WriterInput &input,
                                                Output &output) {
  return Writer(input, output).write();
}

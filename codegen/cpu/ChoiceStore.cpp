// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/ChoiceStore.h"

#include "codegen/cpu/Object.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

using namespace llvm;
using mlir::dl::cpu::KernelChoice;
using mlir::dl::cpu::MachineModel;
using mlir::dl::cpu::parseChoice;
using mlir::dl::cpu::printChoice;

namespace dl::cpu {

static constexpr StringLiteral kFirstLine = "dl-choice 1";
static constexpr StringLiteral kLastLine = "end";

std::string printStoredChoice(const StoredChoice &stored) {
  std::string text;
  raw_string_ostream stream(text);
  stream << kFirstLine << "\n"
         << "choice: " << printChoice(stored.choice) << "\n";
  stream << "seconds: " << format("%.9f", stored.seconds) << " "
         << format("%.9f", stored.modelSeconds) << "\n";
  for (const std::string &tried : stored.tried)
    stream << "tried: " << tried << "\n";
  if (stored.isComplete)
    stream << "complete\n";
  stream << kLastLine << "\n";
  return text;
}

std::optional<StoredChoice> parseStoredChoice(StringRef text) {
  SmallVector<StringRef> lines;
  text.split(lines, '\n');
  // The last line ends, too.
  if (lines.size() < 4 || lines.front() != kFirstLine ||
      !lines.back().empty() || lines[lines.size() - 2] != kLastLine)
    return std::nullopt;
  StoredChoice stored;
  bool hasChoice = false;
  for (StringRef line : ArrayRef(lines).drop_front().drop_back(2)) {
    auto [name, value] = line.split(": ");
    if (line == "complete") {
      stored.isComplete = true;
    } else if (name == "tried") {
      stored.tried.push_back(value.str());
    } else if (name == "seconds") {
      auto [chosen, model] = value.split(' ');
      if (chosen.getAsDouble(stored.seconds) ||
          model.getAsDouble(stored.modelSeconds))
        return std::nullopt;
    } else if (name == "choice" && !hasChoice) {
      std::string error;
      std::optional<KernelChoice> choice = parseChoice(value, error);
      if (!choice)
        return std::nullopt;
      stored.choice = *choice;
      hasChoice = true;
    } else {
      return std::nullopt;
    }
  }
  if (!hasChoice)
    return std::nullopt;
  return stored;
}

ChoiceStore::ChoiceStore(const CacheOptions &options,
                         const std::vector<CpuTarget> &targets,
                         const MachineModel &machine)
    : cache(options) {
  raw_string_ostream stream(salt);
  stream << getGeneratorVersion();
  for (const CpuTarget &target : targets)
    stream << " " << target.cpu << " " << target.featureString();
  stream << " " << machine.vectorLanes << " " << machine.vectorRegisters << " "
         << machine.l1Bytes << " " << machine.l2Bytes << " "
         << static_cast<int>(machine.narrowProducts) << "."
         << static_cast<int>(machine.byteProducts) << "."
         << machine.permutesBytes;
}

std::string ChoiceStore::getKey(mlir::func::FuncOp source) const {
  std::string text = mlir::dl::cpu::getKernelContent(source) + salt;
  XXH128_hash_t hash = xxh3_128bits(arrayRefFromStringRef(text));
  return "choice_" + utohexstr(hash.high64, true, 16) +
         utohexstr(hash.low64, true, 16) + ".txt";
}

std::optional<StoredChoice> ChoiceStore::load(StringRef key) {
  std::optional<std::string> text = cache.loadText(key);
  return text ? parseStoredChoice(*text) : std::nullopt;
}

void ChoiceStore::store(StringRef key, const StoredChoice &stored) {
  cache.storeText(key, printStoredChoice(stored));
}

} // namespace dl::cpu

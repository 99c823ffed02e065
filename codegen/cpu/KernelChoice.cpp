// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/KernelChoice.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::dl::cpu;

namespace {

/// A decision that is one number.
struct Part {
  StringLiteral name;
  std::optional<int64_t> KernelChoice::*value;
  int64_t least, most;
};

} // namespace

/// More than any of them makes sense for, and far from overflow.
static constexpr int64_t kMost = int64_t(1) << 30;

static constexpr Part kParts[] = {{"winograd", &KernelChoice::winograd, 0, 1},
                                  {"range", &KernelChoice::range, 0, kMost},
                                  {"depth", &KernelChoice::depth, 0, kMost},
                                  {"panels", &KernelChoice::panels, 1, kMost},
                                  {"prefetch", &KernelChoice::prefetch, 0, 64},
                                  {"unroll", &KernelChoice::unroll, 1, 16},
                                  {"lanes", &KernelChoice::lanes, 1, kMost},
                                  {"flat", &KernelChoice::flat, 0, 1}};

bool KernelChoice::operator==(const KernelChoice &other) const {
  return rows == other.rows && vectors == other.vectors &&
         llvm::all_of(kParts, [&](const Part &part) {
           return this->*part.value == other.*part.value;
         });
}

void KernelChoice::override(const KernelChoice &other) {
  if (other.rows && other.vectors) {
    rows = other.rows;
    vectors = other.vectors;
  }
  for (const Part &part : kParts)
    if (other.*part.value)
      this->*part.value = other.*part.value;
}

std::string mlir::dl::cpu::printChoice(const KernelChoice &choice) {
  std::string text;
  auto add = [&](StringRef name, const Twine &value) {
    text += (text.empty() ? "" : ",") + (name + "=" + value).str();
  };
  if (choice.rows && choice.vectors)
    add("block", Twine(*choice.rows) + "x" + Twine(*choice.vectors));
  for (const Part &part : kParts)
    if (choice.*part.value)
      add(part.name, Twine(*(choice.*part.value)));
  return text;
}

std::optional<KernelChoice> mlir::dl::cpu::parseChoice(StringRef text,
                                                       std::string &error) {
  KernelChoice choice;
  SmallVector<StringRef> items;
  if (!text.empty())
    text.split(items, ',');
  auto read = [](StringRef number, int64_t least, int64_t most) {
    int64_t value;
    return number.getAsInteger(10, value) || value < least || value > most
               ? std::nullopt
               : std::optional<int64_t>(value);
  };
  auto fail = [&](const Twine &expected, StringRef found) {
    error = ("expected " + expected + ", found '" + found + "'").str();
    return std::nullopt;
  };
  for (StringRef item : items) {
    auto [name, value] = item.split('=');
    if (name == "block") {
      auto [rows, vectors] = value.split('x');
      choice.rows = read(rows, 1, 32);
      choice.vectors = read(vectors, 1, 8);
      if (!choice.rows || !choice.vectors)
        return fail("block=ROWSxVECTORS of at most 32x8", item);
      continue;
    }
    const Part *found =
        llvm::find_if(kParts, [&, part = name](const Part &candidate) {
          return candidate.name == part;
        });
    if (found == std::end(kParts)) {
      std::string known = "block";
      for (const Part &part : kParts)
        known += (", " + part.name).str();
      return fail("NAME=NUMBER of " + known, item);
    }
    choice.*found->value = read(value, found->least, found->most);
    if (!(choice.*found->value))
      return fail(name + "=NUMBER from " + Twine(found->least) + " to " +
                      Twine(found->most),
                  item);
  }
  return choice;
}

std::string mlir::dl::cpu::getKernelContent(func::FuncOp source) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  StringAttr name = source.getSymNameAttr();
  source.setSymName("kernel");
  source->print(stream, OpPrintingFlags().assumeVerified().useLocalScope());
  source.setSymNameAttr(name);
  return text;
}

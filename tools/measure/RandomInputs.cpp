// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/measure/RandomInputs.h"

#include <cstring>
#include <random>

namespace dl::tools {
namespace {

using values::Failure;
using values::Value;

template <typename T> void store(Value &value, size_t index, T number) {
  memcpy(value.data.data() + index * sizeof(T), &number, sizeof(T));
}

void fill(Value &value, std::mt19937 &generator) {
  std::uniform_real_distribution<float> uniform(0.0f, 1.0f);
  size_t bits = static_cast<size_t>(dlrt_type_bits(value.type));
  size_t count = bits < 8 ? value.data.size() : value.data.size() * 8 / bits;
  for (size_t i = 0; i < count; ++i) {
    float number = uniform(generator);
    uint32_t pattern;
    memcpy(&pattern, &number, sizeof(pattern));
    switch (value.type) {
    case DLRT_FLOAT32:
      store(value, i, number);
      break;
    case DLRT_FLOAT64:
      store(value, i, static_cast<double>(number));
      break;
    case DLRT_BFLOAT16:
      store(value, i, static_cast<uint16_t>(pattern >> 16));
      break;
    case DLRT_FLOAT16:
      // The exponent of [0.5, 1): enough for timing.
      store(value, i, static_cast<uint16_t>(0x3800 | (pattern >> 13 & 0x3ff)));
      break;
    case DLRT_COMPLEX64:
      store(value, 2 * i, number);
      break;
    case DLRT_COMPLEX128:
      store(value, 2 * i, static_cast<double>(number));
      break;
    default: // integers, bool; the low bits of small floating-point types
      value.data[i * (bits < 8 ? 1 : bits / 8)] = number < 0.5f ? 0 : 1;
    }
  }
}

/// The symbols' values, by name.
std::map<std::string, int64_t>
symbolValues(const runtime::Module &module, uint32_t entry,
             const std::map<std::string, int64_t> &sizes) {
  std::map<std::string, int64_t> values;
  std::string names;
  uint32_t count = dlrt_module_symbol_count(module.get(), entry);
  for (uint32_t i = 0; i < count; ++i) {
    runtime::detail::Sized<dlrt_symbol_info> symbol;
    runtime::detail::check(dlrt_module_symbol, module.get(), entry, i,
                           static_cast<dlrt_symbol_info *>(&symbol));
    values[symbol.name] = 1;
    names += std::string(names.empty() ? "" : ", ") + symbol.name;
  }
  for (const auto &size : sizes) {
    if (!values.count(size.first))
      throw Failure("--dim " + size.first,
                    "the module has no such dimension" +
                        (names.empty() ? std::string() : ", only " + names));
    values[size.first] = size.second;
  }
  return values;
}

} // namespace

std::map<std::string, int64_t> exampleSizes(const runtime::Module &module,
                                            uint32_t entry, bool small) {
  std::map<std::string, int64_t> sizes;
  uint32_t count = dlrt_module_symbol_count(module.get(), entry);
  for (uint32_t i = 0; i < count; ++i) {
    runtime::detail::Sized<dlrt_symbol_info> symbol;
    runtime::detail::check(dlrt_module_symbol, module.get(), entry, i,
                           static_cast<dlrt_symbol_info *>(&symbol));
    sizes[symbol.name] = small || symbol.axis == 0 ? kBatchSize : kOtherSize;
  }
  return sizes;
}

std::vector<Value> randomInputs(const runtime::Module &module, uint32_t entry,
                                const std::map<std::string, int64_t> &sizes) {
  std::map<std::string, int64_t> symbols = symbolValues(module, entry, sizes);
  // The same numbers each time, so that runs compare.
  std::mt19937 generator(1); // NOLINT(bugprone-random-generator-seed)
  std::vector<Value> inputs;
  for (const runtime::Value &declared : module.inputs(entry)) {
    Value value;
    std::string where = "input '" + declared.name + "'";
    value.type = declared.type;
    if (declared.kind != DLRT_TENSOR)
      throw Failure(where, std::string("is a ") +
                               values::describeKind(declared.kind) +
                               "tensors, so give files with --input");
    for (size_t d = 0; d < declared.dims.size(); ++d) {
      auto symbol = symbols.find(declared.dims[d]);
      if (declared.sizes[d] < 0 && symbol == symbols.end())
        throw Failure(where, "its dimension " + std::to_string(d) + " is " +
                                 declared.dims[d] +
                                 ", so give files with "
                                 "--input");
      value.dims.push_back(declared.sizes[d] >= 0 ? declared.sizes[d]
                                                  : symbol->second);
    }
    value.data.resize(values::byteSize(where, value.type, value.dims));
    if (value.type != DLRT_STRING) // those are empty
      fill(value, generator);
    inputs.push_back(std::move(value));
  }
  return inputs;
}

} // namespace dl::tools

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A module file to the runtime, which opens, verifies, describes and prepares
// it. The header's hash is made right first, as malice would. Kernels are code
// of the file, which no check can vouch for: only a module without any is run.

#include "runtime/api/dlrt.hpp"
#include "runtime/artifact/Format.h"
#include "runtime/artifact/Hash.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

using namespace dl::runtime;
using dlrt::FilePrefix;

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

namespace {

constexpr size_t kMaxBlock = size_t(1) << 22;

/// Gives a file a prefix that is right. False where it is too short.
bool repairPrefix(uint8_t *data, size_t size) {
  FilePrefix prefix;
  if (size < sizeof(prefix))
    return false;
  memcpy(&prefix, data, sizeof(prefix));
  memcpy(prefix.magic, dlrt::kMagic, sizeof(prefix.magic));
  prefix.formatVersion = dlrt::kFormatVersion;
  prefix.prefixSize = sizeof(prefix);
  prefix.fileSize = size;
  memset(prefix.reserved, 0, sizeof(prefix.reserved));
  prefix.headerOffset = sizeof(prefix);
  prefix.headerSize =
      std::min<uint64_t>(prefix.headerSize, size - sizeof(prefix));
  prefix.headerHash = dlrt::hashBytes(data + sizeof(prefix), prefix.headerSize);
  memcpy(data, &prefix, sizeof(prefix));
  return true;
}

/// No more memory than the machine will not miss.
SessionOptions makeOptions() {
  SessionOptions options;
  options.threads = 1;
  options.memory_limit = 16 * kMaxBlock;
  options.allocator.allocate = [](void *, size_t bytes, size_t alignment) {
    return bytes > kMaxBlock
               ? nullptr
               : ::operator new(bytes, std::align_val_t(alignment));
  };
  options.allocator.release = [](void *, void *memory, size_t,
                                 size_t alignment) {
    ::operator delete(memory, std::align_val_t(alignment));
  };
  return options;
}

/// Inputs of the declared shapes, with `size` in place of each symbol.
bool bindInputs(Session &session, const std::vector<Value> &inputs,
                int64_t size, std::vector<std::vector<uint64_t>> &memory) {
  for (uint32_t i = 0; i < inputs.size(); ++i) {
    std::vector<int64_t> dims;
    size_t bytes = 16; // of an element, at most
    for (int64_t dim : inputs[i].sizes) {
      dims.push_back(dim < 0 ? size : dim);
      if (__builtin_mul_overflow(bytes, static_cast<size_t>(dims.back()),
                                 &bytes) ||
          bytes > kMaxBlock)
        return false;
    }
    memory.emplace_back(bytes / 8 + 8);
    session.bindInput(i, memory.back().data(), inputs[i].type, dims);
  }
  return true;
}

void exercise(const uint8_t *data, size_t size) {
  Module module = Module::open(data, size);
  dlrt_module_info info = module.info();
  // A few bytes may stand for many that are all equal.
  if (info.decoded_bytes > kMaxBlock)
    return;
  for (uint32_t e = 0; e < info.entry_count && e < 4; ++e) {
    std::vector<Value> inputs = module.inputs(e);
    module.outputs(e);
    for (const std::string &target : module.targets(e)) {
      char text[256];
      int64_t bytes = 0;
      (void)dlrt_module_arena(module.get(), e, target.c_str(), &bytes, text,
                              sizeof(text), nullptr);
    }
    SessionOptions options = makeOptions();
    options.entry = dlrt_module_entry_name(module.get(), e);
    Session session(module, options);
    for (int64_t symbol : {int64_t(3), int64_t(0), int64_t(1) << 40}) {
      std::vector<std::vector<uint64_t>> memory;
      if (!bindInputs(session, inputs, symbol, memory))
        continue;
      session.prepare();
      if (info.kernel_count == 0)
        session.run();
    }
  }
  module.verify();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::vector<uint8_t> bytes(data, data + size);
  if (!repairPrefix(bytes.data(), size))
    return 0;
  // At a multiple of 64, it is used in place, so that ASan sees its end.
  uint8_t *aligned =
      static_cast<uint8_t *>(::operator new(size, std::align_val_t(64)));
  memcpy(aligned, bytes.data(), size);
  try {
    exercise(aligned, size);
  } catch (const Error &) {
    // A refusal is what most of them deserve.
  }
  ::operator delete(aligned, std::align_val_t(64));
  return 0;
}

/// Changes the header more often than the segments behind it.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  FilePrefix prefix;
  if (size < sizeof(prefix) || seed % 8 == 0)
    return LLVMFuzzerMutate(data, size, maxSize);
  memcpy(&prefix, data, sizeof(prefix));
  size_t header = std::min<size_t>(prefix.headerSize, size - sizeof(prefix));
  if (!header)
    return LLVMFuzzerMutate(data, size, maxSize);
  LLVMFuzzerMutate(data + sizeof(prefix), header, header);
  return size;
}

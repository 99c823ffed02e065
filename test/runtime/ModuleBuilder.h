// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TEST_RUNTIME_MODULEBUILDER_H
#define DL_TEST_RUNTIME_MODULEBUILDER_H

#include "runtime/artifact/module_generated.h"

#include <cstdint>
#include <string>
#include <vector>

namespace dltest {

using dlrt::fb::ExprOp;

/// Puts a module file together in memory: one entry with one plan, whose
/// kernels are those of Kernels.h. Members may be changed before `finish`.
class ModuleBuilder {
public:
  ModuleBuilder();

  // Formulas; each returns its index.
  int constant(int64_t value);
  int symbol(const std::string &name, int input, int axis);
  int expr(ExprOp op, int a, int b);
  int add(int a, int b) { return expr(dlrt::fb::ExprOp_Add, a, b); }
  int mul(int a, int b) { return expr(dlrt::fb::ExprOp_Mul, a, b); }

  /// Adds a value to the signature and its buffer to the plan; returns the
  /// buffer.
  int input(const std::string &name, dlrt::fb::ElementType type,
            std::vector<int> dims);
  int output(const std::string &name, dlrt::fb::ElementType type,
             std::vector<int> dims);
  int arena(int offset, int size);
  /// A constant tensor of float32.
  int weights(const std::vector<float> &values);
  /// The same, stored coded.
  int codedWeights(const std::vector<float> &values);
  int splat(float value, std::vector<int32_t> dims);

  /// Adds a step to the plan, or to the body of the innermost open loop.
  dlrt::fb::DispatchT &dispatch(int kernel, std::vector<int> buffers, int tiles,
                                std::vector<int> sizes = {});
  dlrt::fb::HostCallT &call(const std::string &function,
                            std::vector<int> buffers,
                            std::vector<int64_t> attributes = {});
  /// Gives symbols (by their numbers) the values of a buffer.
  dlrt::fb::BindT &bind(int buffer, std::vector<int> symbols,
                        const std::string &message);
  void beginLoop(int count);
  void endLoop();

  void check(dlrt::fb::Relation relation, int lhs, int rhs,
             const std::string &message);

  dlrt::fb::EntryT &entry() { return *module.entries[0]; }
  dlrt::fb::PlanT &plan() { return *entry().plans[0]; }
  dlrt::fb::CpuCodeT &code() { return *module.cpu[0]; }

  /// The file's bytes, at a multiple of 64.
  const std::vector<uint8_t> &finish();
  const uint8_t *data() const { return aligned; }
  size_t size() const { return fileSize; }

  /// Where the file holds what.
  size_t headerOffset = 0, headerSize = 0;
  size_t codeOffset = 0, codeSize = 0;
  std::vector<std::pair<size_t, size_t>> constantRanges;

  dlrt::fb::ModuleT module;

private:
  struct Blob {
    std::vector<uint8_t> bytes;
  };
  int buffer(dlrt::fb::BufferKind kind, int index);
  std::vector<std::unique_ptr<dlrt::fb::StepT>> &steps();

  std::vector<Blob> blobs; ///< of the constants
  std::vector<dlrt::fb::LoopT *> loops;
  std::vector<uint8_t> storage;
  const uint8_t *aligned = nullptr;
  size_t fileSize = 0;
};

/// A float32 vector "x" of N elements to "y" of as many, doubled; N is
/// symbolic.
void buildDouble(ModuleBuilder &builder);

} // namespace dltest

#endif // DL_TEST_RUNTIME_MODULEBUILDER_H

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Measured choices, kept in the compiler's cache between compilations.

#ifndef DL_CODEGEN_CPU_CHOICESTORE_H
#define DL_CODEGEN_CPU_CHOICESTORE_H

#include "codegen/cpu/Cache.h"
#include "codegen/cpu/GenerateKernels.h"
#include "codegen/cpu/Target.h"

namespace dl::cpu {

/// What is known of one kernel. As a file:
///
///   dl-choice 1
///   choice: block=8x3,range=24
///   seconds: 0.00321 0.00345
///   tried: block=8x3
///   tried: range=24
///   complete
///   end
struct StoredChoice {
  /// Empty where the cost model's decisions were the best.
  mlir::dl::cpu::KernelChoice choice;
  /// Of all calls in a run, with the choice and with the cost model's; 0 where
  /// they were not measured. For people to read.
  double seconds = 0, modelSeconds = 0;
  /// What was measured, as printChoice gives it.
  std::vector<std::string> tried;
  /// No alternative is left.
  bool isComplete = false;
};

std::string printStoredChoice(const StoredChoice &stored);

/// Nothing where the text is damaged, or of another version.
std::optional<StoredChoice> parseStoredChoice(llvm::StringRef text);

/// Choices by the content of kernels, for one build of the compiler and one
/// model of the machine. Several processes may use one folder.
class ChoiceStore {
public:
  /// Without a folder, it keeps nothing.
  ChoiceStore(const CacheOptions &options,
              const std::vector<CpuTarget> &targets,
              const mlir::dl::cpu::MachineModel &machine);

  /// The name of the kernel's entry.
  std::string getKey(mlir::func::FuncOp source) const;

  std::optional<StoredChoice> load(llvm::StringRef key);
  void store(llvm::StringRef key, const StoredChoice &stored);

private:
  Cache cache;
  std::string salt;
};

} // namespace dl::cpu

#endif // DL_CODEGEN_CPU_CHOICESTORE_H

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Writes module files (.dlm): code, constants and the schedules that use them.

#ifndef DL_CODEGEN_PACKAGE_PACKAGE_H
#define DL_CODEGEN_PACKAGE_PACKAGE_H

#include "codegen/cpu/Image.h"
#include "codegen/gpu/Image.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dl {

/// What one target runs. Every public function of `module` that is no kernel
/// is an entry: dispatches, views, host calls and dl.scan loops of them over
/// constants, arguments and results. Kernels carry, on the function that a
/// dispatch names:
///
/// - `dl.signature` (else the function's own type): the tensors and indices
/// that
///   the kernel takes, which say what sizes it is given;
/// - `dl.tiles`, `dl.scratch`, `dl.flops`: maps from these sizes to the number
/// of
///   tiles (1 where missing), the bytes of scratch for each thread, and the
///   arithmetic operations;
/// - `dl.reads`: for each tensor, a map to the number of elements that are
/// read,
///   or unit for all; `dl.generator`, `dl.accumulator`, `dl.products`: how the
///   kernel is made; all four for the debug information alone;
/// - `dl.stages` and `dl.temporaries`: of a kernel for a GPU; see
///   codegen/gpu/GenerateStages.h. One dispatch becomes as many;
/// - `dl.in_place`: for each result, the input whose memory it may take, or -1;
///   then, as many again, other choices.
///
/// The kernel that a dispatch names is one of the device's code where it has
/// `dl.stages`; any other is one of the CPU's, which a plan for a device runs
/// on the host.
struct TargetPlan {
  std::string target; // "cpu", "cuda", "vulkan"
  mlir::ModuleOp module;
};

/// On a kernel that a device's plan runs on the host: the name under which the
/// model knows it, and why it does, for the debug information.
constexpr char kHostAttr[] = "dl.host", kHostReasonAttr[] = "dl.host_reason";

/// What becomes a module.
struct PackageInput {
  mlir::ModuleOp module;
  /// What `module` is for; empty: for the device that there is code for, else
  /// for the CPU.
  std::string target;
  /// The same entries for further targets, each another module made of the same
  /// one.
  std::vector<TargetPlan> morePlans;
  /// Code for CPU levels, from the least to the most demanding: the runtime
  /// takes the last one that it can run. Each has all kernels in the same
  /// order.
  std::vector<cpu::CpuImage> cpuImages;
  /// Code for other targets; of one, from the most general to the most special,
  /// each with the same kernels in the same order: the stages that the
  /// attribute `dl.stages` of the kernels tells.
  std::vector<gpucode::DeviceImage> deviceImages;
  /// Symbols of the CPU's kernels, in all plans, in the order of the images'
  /// entries.
  std::vector<std::string> kernelNames;
  /// MLIR bytecode of `module`, as importing left it, for the reference
  /// interpreter: the module is for that target alone. Empty for none.
  llvm::ArrayRef<char> reference;
  /// Who writes: "dl-compile 0.1.0 (LLVM 22.1.8)".
  std::string producer;
  /// Add what is known of kernels and steps, as JSON; see DebugInfo.h.
  bool debugInfo = true;
  /// Receives the same text where not null, whether the module has it or not.
  std::string *debugText = nullptr;
  /// Entropy-code constants where that is shorter by a twentieth; they are in
  /// memory until the file is written. The runtime decodes them into memory.
  bool codesConstants = false;
  /// Receives a line about how many bytes that has saved, if not null.
  std::string *sizes = nullptr;
  /// Threads that pack and write constants; 0 for one a processor.
  unsigned threads = 0;
  /// Receives a C header for callers, if not null; see CHeader.h.
  std::string *cHeader = nullptr;
};

/// All plans, that of `module` first.
std::vector<TargetPlan> getPlans(const PackageInput &input);

/// Writes the module to `path`, which appears whole or not at all. Constants go
/// through small windows, so that they are never all in memory. Errors
/// are diagnostics: at the op where the schedule cannot be said in a module, at
/// the module where the file cannot be written. `report`, if not null, receives
/// a few lines about what went where.
mlir::LogicalResult writeModule(const PackageInput &input, llvm::StringRef path,
                                llvm::raw_ostream *report = nullptr);

/// The module in memory, aligned to a page.
mlir::FailureOr<std::unique_ptr<llvm::MemoryBuffer>>
packageToMemory(const PackageInput &input, llvm::raw_ostream *report = nullptr);

/// The bytes of the arenas of entry `name` in the plan of `module`, whose
/// kernels are generated; nothing where they depend on sizes or there is no
/// such entry.
std::optional<int64_t> getArenaBytes(const PackageInput &input,
                                     llvm::StringRef name);

/// The programs and memory plans of all entries as text, without writing
/// anything: for tests and for finding mistakes.
mlir::LogicalResult printSchedules(const PackageInput &input,
                                   llvm::raw_ostream &os);

} // namespace dl

#endif // DL_CODEGEN_PACKAGE_PACKAGE_H

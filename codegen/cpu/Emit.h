// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// From the kernels of a module to native code.

#ifndef DL_CODEGEN_CPU_EMIT_H
#define DL_CODEGEN_CPU_EMIT_H

#include "codegen/cpu/Cache.h"
#include "codegen/cpu/Image.h"
#include "codegen/cpu/Object.h"
#include "codegen/cpu/Target.h"

namespace mlir {
class TimingScope;
} // namespace mlir

namespace dl::cpu {

/// What emission did, for reports.
struct EmitStatistics {
  unsigned kernels = 0;  ///< asked for
  unsigned distinct = 0; ///< of different content
  unsigned compiled = 0; ///< not found in the cache
};

struct CpuOptions {
  CpuTarget target;
  CacheOptions cache;
  /// Where time is recorded; may be null.
  mlir::TimingScope *timing = nullptr;
  /// Filled when not null.
  EmitStatistics *statistics = nullptr;
};

/// Compiles and links the kernels that `kernelOrder` names: functions of
/// `module` with the attribute dl.kernel, in upstream dialects down to vector,
/// scf and memref. The module is left as it is. Kernels of one content are
/// compiled once, others in parallel on the context's threads. A failure has
/// been diagnosed.
mlir::FailureOr<CpuImage>
emitCpuImage(mlir::ModuleOp module, llvm::ArrayRef<llvm::StringRef> kernelOrder,
             const CpuOptions &options);

/// The code of the named kernels, under their own names: LLVM IR or assembly as
/// text, or a relocatable object for linking into any program.
mlir::FailureOr<std::string>
emitCpuCode(mlir::ModuleOp module, llvm::ArrayRef<llvm::StringRef> kernelOrder,
            const CpuOptions &options, CodeKind kind);

/// The named kernels in the LLVM dialect, in a module of their own.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
lowerKernels(mlir::ModuleOp module, llvm::ArrayRef<llvm::StringRef> kernelOrder,
             const CpuOptions &options);

} // namespace dl::cpu

#endif // DL_CODEGEN_CPU_EMIT_H

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The compiler as a library: from a file to any form of it.

#ifndef DL_TOOLS_COMPILER_COMPILE_H
#define DL_TOOLS_COMPILER_COMPILE_H

#include "codegen/cpu/Cache.h"
#include "codegen/cpu/Target.h"
#include "codegen/ptx/Target.h"
#include "codegen/spirv/Target.h"
#include "frontend/onnx/InputShapes.h"
#include "passes/Pipeline.h"
#include "tools/compiler/Variants.h"
#include "tools/explain/Trace.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/LogicalResult.h"
#include "llvm/Support/raw_ostream.h"
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace dl::tools {

/// The form that a compilation ends in.
enum class EmitKind { Dl, Linalg, Llvm, Assembly, Object, Ptx, Spirv, Module };

/// What a module runs on: the CPU, a CUDA device, or the reference interpreter,
/// for which it
/// is the program as importing leaves it, untouched by any pass.
enum class Target { Cpu, Cuda, Vulkan, Reference };

/// The kind of that name (dl, linalg, llvm, asm, object, ptx, spirv, module),
/// or nothing.
std::optional<EmitKind> parseEmitKind(llvm::StringRef name);

struct CompileOptions {
  /// An ONNX model, or a .mlir file in any of the compiler's dialects.
  std::string input;
  /// The file to write; "-" for the standard output, empty for nowhere.
  std::string output;
  EmitKind emit = EmitKind::Module;
  /// Each with a plan in the module; all share one copy of the constants.
  std::vector<Target> targets = {Target::Cpu};
  ptx::PtxTarget cuda;       ///< of Target::Cuda
  spirv::SpirvTarget vulkan; ///< of Target::Vulkan
  /// The last phase to run: what it leaves is printed as IR.
  std::optional<Phase> stopAfter;
  PipelineOptions pipeline;
  /// CPU levels, each with code of its own in a module; other kinds take one.
  std::vector<cpu::CpuTarget> cpus;
  /// Bytes that the intermediate results of a training step may take; 0 for
  /// any.
  int64_t memoryBudget = 0;
  /// Symbolic dimensions that get a fixed size.
  std::vector<std::pair<std::string, int64_t>> dims;
  /// Shapes of inputs that the model leaves open.
  std::vector<frontend::InputShape> shapes;
  cpu::CacheOptions cache;
  /// 0: as many as this process may run on.
  unsigned threads = 0;
  /// A C header that declares the kernels is written here; empty for none.
  std::string header;
  /// Make the module small: constants are coded, and what nothing runs by is
  /// left out.
  bool optimizesSize = false;
  /// Fail where a device's plan would run a step on the host.
  bool strict = false;
  /// Print the time of each pass to the error stream.
  bool timing = false;
  /// Print large constants whole.
  bool printResources = false;
  /// Print what was done to the error stream.
  bool verbose = false;
  /// Receives what became of an ONNX model's nodes; null where nobody asks.
  Trace *trace = nullptr;
  /// Decisions about every kernel, where they are legal, in place of the cost
  /// model's and of stored ones.
  std::optional<mlir::dl::cpu::KernelChoice> choice;
  /// Compiles variants and leaves in `chosen` what the module is to be made of;
  /// may be empty. On failure, returns false, and `error` says "WHERE: WHAT" or
  /// is empty where that has been reported.
  std::function<bool(Variants &variants, std::string &error)> tune;
  /// Told what begins; may be empty.
  std::function<void(llvm::StringRef)> progress;

  bool has(Target target) const { return llvm::is_contained(targets, target); }
  /// Whether the module is for this target alone.
  bool isFor(Target target) const {
    return targets.size() == 1 && targets.front() == target;
  }
};

/// "cpu", "cuda", "vulkan" or "reference".
llvm::StringRef getName(Target target);

/// Compiles. Errors are written to `errors` as `error: WHERE: WHAT`, the first
/// before anything else, and leave no output file.
llvm::LogicalResult compile(const CompileOptions &options,
                            llvm::raw_ostream &errors);

/// The same of a module in memory, which stays as it is, in place of
/// `options.input`. Its context gets the dialects that compilation needs;
/// diagnostics go to the context's own handlers.
llvm::LogicalResult compile(mlir::ModuleOp module,
                            const CompileOptions &options);

/// The phase that has made a module, as far as its ops tell.
Phase findPhase(mlir::ModuleOp module);

/// Whether a module that no model was imported into holds kernels alone: no dl
/// op.
bool isKernelLibrary(mlir::ModuleOp module);

/// Prints the passes that compile() would run before code generation.
void printPipeline(const CompileOptions &options, llvm::raw_ostream &output);

/// "dl-compile 0.1.0 (LLVM 22.1.8)".
std::string getProducer();

} // namespace dl::tools

#endif // DL_TOOLS_COMPILER_COMPILE_H

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/compiler/Checks.h"

using namespace mlir;

namespace dl::tools {

bool isText(const CompileOptions &options) {
  return options.stopAfter || options.emit != EmitKind::Module;
}

Phase getLastPhase(const CompileOptions &options) {
  if (options.stopAfter)
    return *options.stopAfter;
  if (options.isFor(Target::Reference) && !isText(options))
    return Phase::Import;
  switch (options.emit) {
  case EmitKind::Dl:
    return Phase::Fuse;
  case EmitKind::Linalg:
    return Phase::Lower;
  default:
    return Phase::Codegen;
  }
}

namespace {

class Checker {
public:
  Checker(const CompileOptions &options, MLIRContext &context)
      : options(options), context(context) {}

  /// The reference runs what was imported, whatever options change later.
  LogicalResult checkReference() {
    if (options.pipeline.precision != Precision::F32)
      return fail("--precision")
             << "the reference computes in the model's own types";
    if (options.trace)
      return fail("--explain") << "the reference has no kernels to explain";
    if (options.tune)
      return fail("--tune") << "the reference has no kernels to tune";
    return success();
  }

  LogicalResult checkTraining() {
    if (options.isFor(Target::Reference))
      return fail("--train") << "the reference keeps no state";
    return success();
  }

  /// Code of one target goes with that target.
  LogicalResult checkDevice() {
    bool isCuda = options.has(Target::Cuda),
         isVulkan = options.has(Target::Vulkan);
    if (!isCuda && options.emit == EmitKind::Ptx)
      return fail("--emit") << "PTX goes with --target=cuda";
    if (!isVulkan && options.emit == EmitKind::Spirv)
      return fail("--emit") << "SPIR-V goes with --target=vulkan";
    if (!isCuda && !isVulkan)
      return options.strict
                 ? fail("--strict") << "goes with a target that is a device"
                 : success();
    if (getLastPhase(options) != Phase::Codegen)
      return success();
    if (options.targets.size() > 1 && options.emit != EmitKind::Module)
      return fail("--emit") << "several targets stand in a module alone";
    StringRef name = isCuda ? "cuda" : "vulkan";
    EmitKind own = isCuda ? EmitKind::Ptx : EmitKind::Spirv;
    if (options.emit != own && options.emit != EmitKind::Module)
      return fail("--emit") << "the target " << name << " has "
                            << (isCuda ? "ptx" : "spirv") << " and module";
    if (options.tune || options.choice)
      return fail("--tune") << "the target " << name << " has no choices";
    return success();
  }

  /// What is tuned must run here, now.
  LogicalResult checkTuning() {
    if (options.emit != EmitKind::Module ||
        getLastPhase(options) != Phase::Codegen)
      return fail("--tune") << "a module alone is tuned";
    if (options.choice)
      return fail("--tune") << "the choices are given by --choice";
    if (options.cpus.size() > 1)
      return fail("--tune") << "CPU levels that share a module share one "
                               "division into tiles; expected one level";
    const cpu::CpuTarget &target = options.cpus.front();
    cpu::CpuTarget native = cpu::getNativeTarget();
    for (StringRef feature : target.features)
      if (!native.has(feature))
        return fail("--tune") << "this machine cannot run code for '"
                              << target.cpu << "': it lacks " << feature;
    return success();
  }

  /// All of them.
  LogicalResult check() {
    if (options.isFor(Target::Reference) && failed(checkReference()))
      return failure();
    if (options.pipeline.training && failed(checkTraining()))
      return failure();
    if (failed(checkDevice()))
      return failure();
    bool isCode = options.emit != EmitKind::Module &&
                  getLastPhase(options) == Phase::Codegen;
    if (isCode && options.cpus.size() > 1)
      return fail("--cpu") << "several levels stand in a module alone";
    if (options.trace && (options.emit != EmitKind::Module ||
                          getLastPhase(options) != Phase::Codegen))
      return fail("--explain") << "a report is written beside a module alone";
    if (options.tune && failed(checkTuning()))
      return failure();
    bool declares =
        options.emit == EmitKind::Object || options.emit == EmitKind::Module;
    if (!options.header.empty() && (!declares || options.stopAfter))
      return fail("--header") << "a header goes with a module or --emit=object";
    if (!options.header.empty() && options.isFor(Target::Reference))
      return fail("--header") << "the reference has no arena";
    return success();
  }

private:
  InFlightDiagnostic fail(StringRef where) {
    return emitError(FileLineColLoc::get(&context, where, 0, 0));
  }

  const CompileOptions &options;
  MLIRContext &context;
};

} // namespace

LogicalResult checkOptions(const CompileOptions &options,
                           MLIRContext &context) {
  return Checker(options, context).check();
}

} // namespace dl::tools

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Pipeline.h"
#include "passes/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace dl {

namespace {

struct PhaseEntry {
  Phase phase;
  llvm::StringLiteral name, summary;
  void (*add)(OpPassManager &, const PipelineOptions &);
};

} // namespace

static const PhaseEntry kEntries[] = {
    {Phase::Import, "import", "an ONNX model becomes dl ops", addImportPhase},
    {Phase::Simplify, "simplify", "fewer and simpler dl ops", addSimplifyPhase},
    {Phase::Fuse, "fuse", "ops that become one kernel are grouped",
     addFusePhase},
    {Phase::Lower, "lower", "groups become kernels, the rest a schedule",
     addLowerPhase},
    {Phase::Codegen, "codegen", "kernels become the target's code", nullptr},
};

static const PhaseEntry &getEntry(Phase phase) {
  return kEntries[static_cast<unsigned>(phase)];
}

llvm::ArrayRef<Phase> getPhases() {
  static const Phase phases[] = {Phase::Import, Phase::Simplify, Phase::Fuse,
                                 Phase::Lower, Phase::Codegen};
  return phases;
}

llvm::StringRef getPhaseName(Phase phase) { return getEntry(phase).name; }

llvm::StringRef getPhaseSummary(Phase phase) { return getEntry(phase).summary; }

std::optional<Phase> parsePhase(llvm::StringRef name) {
  for (const PhaseEntry &entry : kEntries)
    if (entry.name == name)
      return entry.phase;
  return std::nullopt;
}

std::optional<Precision> parsePrecision(llvm::StringRef name) {
  if (name == "f32")
    return Precision::F32;
  if (name == "bf16")
    return Precision::BF16;
  if (name == "f16")
    return Precision::F16;
  return std::nullopt;
}

static void addCheck(Phase phase, OpPassManager &manager,
                     const PipelineOptions &options) {
  if (options.skipChecks)
    return;
  VerifyPhaseOptions check;
  check.phase = getPhaseName(phase).str();
  manager.addPass(createVerifyPhase(check));
}

static BuildTrainingOptions getPassOptions(const TrainingOptions &from) {
  BuildTrainingOptions options;
  options.loss = from.loss;
  options.smoothing = from.smoothing;
  options.sumsLoss = from.sumsLoss;
  options.optimizer = from.optimizer;
  options.rate = from.rate;
  options.momentum = from.momentum;
  options.nesterov = from.nesterov;
  options.beta1 = from.beta1;
  options.beta2 = from.beta2;
  options.alpha = from.alpha;
  options.epsilon = from.epsilon;
  options.weightDecay = from.weightDecay;
  options.trainOnly = from.trainOnly;
  options.noDecay = from.noDecay;
  options.clipNorm = from.clipNorm;
  options.lossScale = from.lossScale;
  options.dynamicLossScale = from.dynamicLossScale;
  options.clipValue = from.clipValue;
  options.average = from.average;
  options.microBatches = from.microBatches;
  options.dataParallel = from.dataParallel;
  options.loraRank = from.loraRank;
  options.loraPattern = from.lora;
  options.loraSeed = from.loraSeed;
  return options;
}

void addImportPhase(OpPassManager &manager, const PipelineOptions &options) {
  if (options.training)
    manager.addPass(createBuildTraining(getPassOptions(*options.training)));
  manager.addPass(createDifferentiate());
  if (options.caches) {
    KeepCachesOptions keeping;
    keeping.length = options.caches->length;
    keeping.quantizes = options.caches->quantizes;
    manager.addPass(createKeepCaches(keeping));
  }
  addCheck(Phase::Import, manager, options);
}

void addSimplifyPhase(OpPassManager &manager, const PipelineOptions &options) {
  manager.addPass(createInternStrings());
  manager.addPass(createEncodeComplex());
  manager.addPass(createDecomposeConvTranspose());
  manager.addPass(createExpandWindowScatter());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createJoinPads());
  FoldConstantsOptions folding;
  folding.keepQuantized = true;
  folding.keepFloat8 = options.multipliesFloat8 || options.keepsFloat8;
  manager.addPass(createFoldConstants(folding));
  if (options.skipZeroRows) {
    manager.addNestedPass<func::FuncOp>(createGroupByIndex());
    SplitExpertsOptions splitting;
    splitting.assumeFinite = options.assumeFinite;
    manager.addNestedPass<func::FuncOp>(createSplitExperts(splitting));
    SkipZeroRowsOptions routing;
    routing.assumeFinite = options.assumeFinite;
    manager.addNestedPass<func::FuncOp>(createSkipZeroRows(routing));
  }
  manager.addPass(createTrimFilters());
  manager.addPass(createChannelsLast());
  manager.addPass(createFilterGradients());
  manager.addPass(createPlaceStates());
  manager.addPass(createIntegerProducts());
  if (options.multipliesFloat8)
    manager.addPass(createFloat8Products());
  manager.addPass(createCanonicalizerPass());
  FoldConstantsOptions rest; // what no product has taken
  rest.keepFloat8 = options.keepsFloat8;
  manager.addPass(createFoldConstants(rest));
  manager.addPass(createSinkTransposes());
  manager.addPass(createPointwiseConvToMatmul());
  // Products of bf16 are faster than what leaving out f32 gains.
  if (options.compressWeights && options.precision == Precision::F32)
    manager.addPass(createCompressWeights());
  manager.addPass(createNarrowScales());
  manager.addPass(createSinkReshapes());
  manager.addPass(createSimplifyArithmetic());
  manager.addPass(createSplitReductions());
  manager.addPass(createTabulateBytes());
  manager.addPass(createRequantize());
  if (options.precision != Precision::F32) {
    ReducePrecisionOptions rounding;
    rounding.type = options.precision == Precision::F16 ? "f16" : "bf16";
    rounding.minMultiplications = options.minMultiplications;
    rounding.mostUses = options.mostUses;
    manager.addPass(createReducePrecision(rounding));
  }
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  addCheck(Phase::Simplify, manager, options);
}

void addFusePhase(OpPassManager &manager, const PipelineOptions &options) {
  manager.addNestedPass<func::FuncOp>(createFuse());
  manager.addNestedPass<func::FuncOp>(createRecompute());
  BucketReductionsOptions buckets;
  if (options.training)
    buckets.bytes = options.training->bucketBytes;
  manager.addNestedPass<func::FuncOp>(createBucketReductions(buckets));
  if (options.training) {
    // What costs next to nothing frees memory without being asked to.
    constexpr double kSlack = 0.015;
    RematerializeOptions limit;
    limit.budget = options.memoryBudget;
    limit.slack = kSlack;
    manager.addNestedPass<func::FuncOp>(createRematerialize(limit));
  }
  addCheck(Phase::Fuse, manager, options);
}

void addLowerPhase(OpPassManager &manager, const PipelineOptions &options) {
  LowerOptions lowering;
  lowering.keepFloat8 = options.multipliesFloat8;
  manager.addPass(createLower(lowering));
  addCheck(Phase::Lower, manager, options);
}

void addPhase(Phase phase, OpPassManager &manager,
              const PipelineOptions &options) {
  if (auto *add = getEntry(phase).add)
    add(manager, options);
  // What parses has been checked by who gave it; errors are printed.
  for (const auto &[at, text] : options.inserted)
    if (at == phase)
      (void)parsePassPipeline(text, manager);
}

void addPhasesUpTo(Phase last, OpPassManager &manager,
                   const PipelineOptions &options) {
  for (Phase phase : getPhases()) {
    addPhase(phase, manager, options);
    if (phase == last)
      return;
  }
}

} // namespace dl

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The named phases that a model walks through, in running order.

#ifndef DL_PASSES_PIPELINE_H
#define DL_PASSES_PIPELINE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mlir {
class DialectRegistry;
class OpPassManager;
} // namespace mlir

namespace dl {

/// Import is done by the frontend and codegen by the target: the passes between
/// are here.
enum class Phase { Import, Simplify, Fuse, Lower, Codegen };

/// All phases in running order.
llvm::ArrayRef<Phase> getPhases();

/// The phase's name as it stands on command lines, and one line about it.
llvm::StringRef getPhaseName(Phase phase);
llvm::StringRef getPhaseSummary(Phase phase);

/// The phase of that name, or nothing.
std::optional<Phase> parsePhase(llvm::StringRef name);

/// The element type of matrix products, convolutions and what they read. Inputs
/// and outputs of a model keep their types.
enum class Precision { F32, BF16, F16 };

/// The precision of that name (f32, bf16, f16), or nothing.
std::optional<Precision> parsePrecision(llvm::StringRef name);

/// So many multiplications take a microsecond or less in f32.
constexpr int64_t kSmallProduct = 1 << 16;

/// Bytes that are reduced together by default: enough for the time to be that
/// of the bytes, and few enough for several buckets.
constexpr int64_t kDefaultBucket = int64_t(1) << 20;

/// How a training module is made of a model: the options of dl-build-training.
struct TrainingOptions {
  std::string loss = "cross_entropy", optimizer = "sgd", trainOnly, noDecay;
  double smoothing = 0, rate = 1e-3, momentum = 0, beta1 = 0.9, beta2 = 0.999,
         alpha = 0.99, epsilon = 1e-8, weightDecay = 0, clipNorm = 0,
         clipValue = 0, average = 0, lossScale = 0;
  bool nesterov = false, dataParallel = false, dynamicLossScale = false;
  bool sumsLoss =
      false; ///< in place of means, over micro-batches and ranks too
  int64_t microBatches = 1, loraRank = 0, loraSeed = 0;
  int64_t bucketBytes = kDefaultBucket; ///< with dataParallel
  std::string lora;
  /// An ONNX file that computes the loss, which importing makes the model's
  /// first output; empty for none. `loss` is then "output".
  std::string lossModel;
  /// An ONNX file with functions that are gradients, and a regular expression
  /// of what gradients end at: for importing; empty for none.
  std::string gradients, stopGradient;
};

/// How caches of attention are kept in states: the options of dl-keep-caches.
struct CacheOptions {
  int64_t length = 2048; ///< rows
  bool quantizes = false;
};

/// What a tool may choose about the phases.
struct PipelineOptions {
  /// Keep keys and values of attention from run to run.
  std::optional<CacheOptions> caches;
  /// Of a model whose parameters are states (see importTrainingModel).
  std::optional<TrainingOptions> training;
  Precision precision = Precision::F32;
  /// Products of fewer multiplications stay in f32.
  int64_t minMultiplications = kSmallProduct;
  /// So do products that use the larger operand's elements more often than
  /// that, on average, or an unknown number of times; -1: none do for that.
  int64_t mostUses = -1;
  /// Take values of the model for finite: a product with zero is zero, and what
  /// only feeds such products is not computed.
  bool assumeFinite = true;
  /// Let a run find out how many rows are worth computing. Not for devices that
  /// prepare a graph of work for given sizes.
  bool skipZeroRows = true;
  /// Leave zeros of weights out where that is faster on the CPU.
  bool compressWeights = true;
  /// The target multiplies 8-bit floats (e4m3, e5m2): products of values that
  /// are converted from them are theirs.
  bool multipliesFloat8 = false;
  /// Weights of 8-bit floats stay such in memory; kernels widen what they read.
  bool keepsFloat8 = false;
  /// Bytes that a training step's intermediate results may take, as far as the
  /// fuse phase can tell; 0 for any.
  int64_t memoryBudget = 0;
  /// Leave the legality check at each phase's end out.
  bool skipChecks = false;
  /// More passes, in MLIR's notation, each at the end of a phase; they must be
  /// registered.
  std::vector<std::pair<Phase, std::string>> inserted;
};

/// Add one phase's passes. Each phase ends with a check that the module is
/// legal.
void addImportPhase(mlir::OpPassManager &manager,
                    const PipelineOptions &options);
void addSimplifyPhase(mlir::OpPassManager &manager,
                      const PipelineOptions &options);
void addFusePhase(mlir::OpPassManager &manager, const PipelineOptions &options);
void addLowerPhase(mlir::OpPassManager &manager,
                   const PipelineOptions &options);

/// Adds the passes of `phase`; codegen has none here.
void addPhase(Phase phase, mlir::OpPassManager &manager,
              const PipelineOptions &options);

/// Adds the phases from the first, up to and including `last`.
void addPhasesUpTo(Phase last, mlir::OpPassManager &manager,
                   const PipelineOptions &options);

/// Registers every dialect that a module may hold between import and codegen,
/// with the interface implementations that the passes use.
void registerDialects(mlir::DialectRegistry &registry);

} // namespace dl

#endif // DL_PASSES_PIPELINE_H

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// From an ONNX file to a module of the dl dialect.

#ifndef DL_FRONTEND_IMPORT_IMPORT_H
#define DL_FRONTEND_IMPORT_IMPORT_H

#include "frontend/onnx/InputShapes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>
#include <utility>
#include <vector>

namespace dl::frontend {

/// A node as the file has it, and what became of it on import.
struct ImportedNode {
  enum class Outcome {
    /// It was not looked at: it is in a branch that is not taken.
    Skipped,
    /// It became operations.
    Operations,
    /// Its results are values of its operands.
    Forwarded,
    /// Its results are known.
    Constant,
    /// Its results are sizes, formulas of the symbolic dimensions.
    Sizes
  };

  std::string graph, name, op; // as in the node's location
  std::vector<std::string> inputs, outputs;
  Outcome outcome = Outcome::Skipped;
};

/// What initializers of floats are, and nodes that do something else when a
/// model trains.
enum class ImportMode {
  Inference, ///< constants; nodes do what their attributes say
  Training,  ///< states; nodes do what their attributes say
  Evaluation ///< states; batch normalization uses the running statistics, and
             ///< nothing is dropped
};

struct ImportOptions {
  /// Symbolic dimensions of the model's inputs that get a fixed value (>= 0).
  std::vector<std::pair<std::string, int64_t>> dims;
  /// Shapes of inputs that the model leaves open.
  std::vector<InputShape> shapes;
  /// Receives every node of the file, those of nested graphs after the node
  /// that they are in; null where nobody asks.
  std::vector<ImportedNode> *nodes = nullptr;
  ImportMode mode = ImportMode::Inference;
  /// Of importTrainingModel: `@main` is of the batch divided by this, where the
  /// batch (the first dimension of the first input) is a number.
  int64_t microBatches = 1;
  /// Of importTrainingModel: an ONNX file whose graph computes the loss of the
  /// model's outputs, which becomes the first output (see appendLoss in
  /// frontend/onnx/AppendLoss.h); empty for none.
  std::string loss;
  /// Likewise: an ONNX file with functions that are gradients (see
  /// frontend/onnx/GivenGradients.h); empty for none.
  std::string gradients;
  /// Likewise: a regular expression of names of nodes and of their outputs,
  /// which are constants to training; empty for none. Importing fails where
  /// none has such a name.
  std::string stopGradient;
};

/// Whether the file's name or first bytes say that it is an ONNX model, binary
/// (`.onnx`) or textual (`.onnxtext`, `.onnxtxt`); `.mlir` files are not.
bool isModelFile(llvm::StringRef path);

/// Reads the model at `path` and imports it as a module with one function
/// `@main`:
///  - arguments: the graph's inputs that are not initializers, in order;
///  results:
///    its outputs. Names are in `dl.input_names` and `dl.output_names`.
///  - `dl.symbols`: names of the symbolic dimensions; `dl.checks`: see
///  Dialect.h.
///  - initializers are `dl.constant`, large ones over the mapped file, which
///  the
///    context keeps alive.
/// Registers what it needs in `context`. On failure, diagnostics have been
/// emitted and the result is null; all nodes that are not supported are in one
/// diagnostic.
mlir::OwningOpRef<mlir::ModuleOp> importModel(llvm::StringRef path,
                                              const ImportOptions &options,
                                              mlir::MLIRContext &context);

/// The same for training: `@main` as ImportMode::Training has it, `@inference`
/// as ImportMode::Evaluation. Initializers of floats are states (see
/// kStatesAttr in ir/dialect/Dialect.h): "statistic" where batch normalization
/// keeps them, which
/// `@main` then updates, "parameter" otherwise.
mlir::OwningOpRef<mlir::ModuleOp>
importTrainingModel(llvm::StringRef path, const ImportOptions &options,
                    mlir::MLIRContext &context);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_IMPORT_H

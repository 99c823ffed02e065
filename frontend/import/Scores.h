// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the operators of ai.onnx.ml do with scores: transformations, and the
// choice of a class. ONNX's text leaves much open; this is what ONNX Runtime
// does.

#ifndef DL_FRONTEND_IMPORT_SCORES_H
#define DL_FRONTEND_IMPORT_SCORES_H

#include "frontend/import/Rules.h"
#include "llvm/ADT/BitVector.h"

namespace dl::frontend {

enum class PostTransform { None, Softmax, Logistic, SoftmaxZero, Probit };

/// The attribute `post_transform`; nothing, with the node reported, for an
/// unknown one.
std::optional<PostTransform> getPostTransform(NodeContext &context);
/// The same of a number, as TreeEnsemble has it.
std::optional<PostTransform> getPostTransform(NodeContext &context,
                                              int64_t number);

/// Scores [N, C] transformed, row by row.
mlir::Value transformScores(NodeContext &context, mlir::Value scores,
                            PostTransform transform);

/// The same of a regressor's targets: of a single one, only probit changes it.
mlir::Value transformTargets(NodeContext &context, mlir::Value scores,
                             PostTransform transform, int64_t targets);

/// 1 / (1 + exp(-x)).
mlir::Value computeLogistic(NodeContext &context, mlir::Value x);

/// The labels of a classifier's classes. Where they are strings, the classes'
/// numbers are their labels, until `chooseLabels` gives them.
struct ClassLabels {
  llvm::SmallVector<int64_t> numbers;
  llvm::SmallVector<std::string> texts;

  int64_t size() const { return static_cast<int64_t>(numbers.size()); }
};

/// The labels in the attribute `name`, or in `classlabels_strings`; nothing,
/// with the node reported, where there are none.
std::optional<ClassLabels> getClassLabels(NodeContext &context,
                                          llvm::StringRef name);

/// The label of each row, [N]: `chosen[numbers[n]]`, `chosen` being some of the
/// labels' numbers, or as text.
mlir::Value chooseLabels(NodeContext &context, mlir::Value numbers,
                         llvm::ArrayRef<int64_t> chosen,
                         const ClassLabels &labels);

/// What the trees of a classifier say.
struct ClassVotes {
  mlir::Value scores;    // [N, classes], with the base added if classes > 2
  llvm::BitVector voted; // the classes that some leaf votes for
  bool anyNegative = false;
  llvm::SmallVector<double> base; // not yet added: classes <= 2
};

/// Sets a tree classifier's two results, labels and scores in f32.
mlir::LogicalResult finishClassifier(NodeContext &context,
                                     const ClassVotes &votes,
                                     const ClassLabels &labels,
                                     PostTransform transform);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_SCORES_H

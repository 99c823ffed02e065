// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Ensembles of decision trees, of whichever operator, in one form.

#ifndef DL_FRONTEND_IMPORT_FOREST_H
#define DL_FRONTEND_IMPORT_FOREST_H

#include "frontend/import/Rules.h"
#include <map>
#include <tuple>
#include <vector>

namespace dl::frontend {

/// A decision node or a leaf. A decision is `x[feature] <= threshold`, or, with
/// `takesMissing`, x[feature] is NaN.
struct ForestNode {
  bool isLeaf = false;
  bool takesMissing = false;
  int64_t feature = 0;
  double threshold = 0;
  int64_t onTrue = 0, onFalse = 0;                        // nodes
  llvm::SmallVector<std::pair<int64_t, double>, 1> votes; // target, weight
};

/// One of ONNX's decisions, and where it leads.
struct Decision {
  llvm::StringRef mode; // BRANCH_LEQ, ...
  int64_t feature;
  double value;
  bool takesMissing;
  int64_t onTrue, onFalse;
  llvm::ArrayRef<double> members; // of BRANCH_MEMBER
};

enum class Aggregate { Sum, Average, Min, Max };

class Forest {
public:
  /// `type` is that of thresholds and weights: f32 or f64. `numFeatures` are
  /// those of the rows.
  Forest(NodeContext &context, mlir::FloatType type, int64_t numFeatures)
      : context(context), type(type), numFeatures(numFeatures) {}

  /// Turns one of ONNX's decisions into node `number`. Comparisons other than
  /// `<=` change the threshold to a neighbour or exchange the branches;
  /// equality asks a column of its own. An unknown mode is reported.
  mlir::LogicalResult setDecision(int64_t number, const Decision &decision);

  /// The trees' sums and so on for each row of `x` [N, features], of each
  /// target: [N, targets]. `base` is empty or has a value for each target.
  /// Null where the trees are not trees, which is reported.
  mlir::Value evaluate(mlir::Value x, int64_t targets, Aggregate aggregate,
                       llvm::ArrayRef<double> base);

  std::vector<ForestNode> nodes;
  std::vector<int64_t> roots;

private:
  /// A column that is 0 where a feature is one of some values, otherwise 1.
  struct Equality {
    int64_t feature;
    std::vector<double> values;
    bool takesMissing;
    bool operator<(const Equality &other) const {
      return std::tie(feature, values, takesMissing) <
             std::tie(other.feature, other.values, other.takesMissing);
    }
  };
  /// Trees that one op evaluates.
  struct Group {
    llvm::SmallVector<int64_t> roots;
    llvm::SmallVector<int64_t> targets; // the columns of its result
    int64_t depth = 0;
    bool isPerfect = true;
  };
  struct Tables;

  mlir::LogicalResult measure();
  std::vector<Group> divide(int64_t targets) const;
  void divideByDepth(llvm::ArrayRef<int64_t> roots,
                     llvm::ArrayRef<int64_t> targets,
                     std::vector<Group> &groups) const;
  void fillPerfect(const Group &group, Tables &tables) const;
  void fillLinked(const Group &group, Tables &tables) const;
  mlir::Value create(const Group &group, mlir::Value x, Aggregate aggregate,
                     llvm::ArrayRef<double> base);
  mlir::Value addColumns(mlir::Value x);
  mlir::Value createTable(llvm::ArrayRef<double> values,
                          llvm::ArrayRef<int64_t> shape);

  NodeContext &context;
  mlir::FloatType type;
  int64_t numFeatures;
  std::map<Equality, int64_t> equalities; // the number of the column
  std::vector<int64_t> depths, sizes;     // of each tree
};

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_FOREST_H

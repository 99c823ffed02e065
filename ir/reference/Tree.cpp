// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/reference/Rules.h"
#include <cmath>

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::reference;

namespace {

/// The arrays of an ensemble.
struct Ensemble {
  std::vector<double> thresholds;
  std::vector<int64_t> features, children;
  int64_t trees, depth;
  bool isPerfect;

  /// The number of the leaf that a row reaches, or -1 where a number in the
  /// arrays is out of range.
  int64_t walk(int64_t tree, ArrayRef<double> row) const {
    int64_t at = tree;
    for (int64_t level = 0; level < depth; ++level) {
      int64_t node = isPerfect ? trees * ((int64_t(1) << level) - 1) + at : at;
      if (node < 0 || node >= static_cast<int64_t>(thresholds.size()))
        return -1;
      int64_t feature = features[node];
      bool takesMissing = feature < 0;
      if (takesMissing)
        feature = -1 - feature;
      if (feature >= static_cast<int64_t>(row.size()))
        return -1;
      double x = row[feature];
      bool step = x <= thresholds[node] || (takesMissing && std::isnan(x));
      at = (isPerfect ? 2 * at : children[node]) + step;
    }
    return at;
  }
};

} // namespace

static double combine(ReduceKind kind, double a, double b) {
  return kind == ReduceKind::Sum   ? a + b
         : kind == ReduceKind::Max ? std::max(a, b)
                                   : std::min(a, b);
}

static FailureOr<Tensor> treeEnsemble(TreeEnsembleOp op,
                                      const Arguments &arguments) {
  Ensemble ensemble{arguments[1].load<double>(),
                    arguments[2].load<int64_t>(),
                    {},
                    static_cast<int64_t>(op.getTrees()),
                    static_cast<int64_t>(op.getDepth()),
                    !op.getChildren()};
  if (!ensemble.isPerfect)
    ensemble.children = arguments[5].load<int64_t>();
  std::vector<double> rows = arguments[0].load<double>();
  std::vector<double> leaves = arguments[3].load<double>();
  std::vector<double> base = arguments[4].load<double>();
  int64_t count = arguments[0].getDimSize(0),
          width = arguments[0].getDimSize(1);
  int64_t targets = base.size();
  ReduceKind kind = op.getKind();
  double start = kind == ReduceKind::Sum ? 0.0
                 : kind == ReduceKind::Max
                     ? -std::numeric_limits<double>::infinity()
                     : std::numeric_limits<double>::infinity();
  std::vector<double> result;
  for (int64_t n = 0; n < count; ++n) {
    std::vector<double> sums(targets, start);
    for (int64_t tree = 0; tree < ensemble.trees; ++tree) {
      int64_t leaf =
          ensemble.walk(tree, ArrayRef<double>(rows).slice(n * width, width));
      if (leaf < 0 || leaf >= arguments[3].getDimSize(0))
        return op.emitOpError("has a feature or child out of range");
      for (int64_t c = 0; c < targets; ++c)
        sums[c] = combine(kind, sums[c], leaves[leaf * targets + c]);
    }
    for (int64_t c = 0; c < targets; ++c)
      result.push_back(base[c] + sums[c]);
  }
  return Tensor::store<double>(op.getType().getElementType(), {count, targets},
                               result);
}

void mlir::dl::reference::addTreeRules(RuleTable &table) {
  table.add(treeEnsemble);
}

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TREE_OPS_TD
#define DL_TREE_OPS_TD

include "ir/dialect/DlBase.td"

def Dl_TreeEnsembleOp : Dl_PureOp<"tree_ensemble", "Opaque", [Dl_InferTypes]> {
  let summary = "combines the leaves that rows reach in an ensemble of decision trees";
  let description = [{
    For each row n of `operand` [rows, features], each of `trees` trees is walked
    from its root for `depth` steps. At node i the step is 1 where
    `operand[n, features[i]] <= thresholds[i]`, otherwise 0, and 0 for NaN, too. A
    negative feature number f means feature `-1 - f`, and step 1 for NaN; it occurs
    only with `missing`.

    Without `children`, trees are perfect and stand level by level: level d has
    `trees << d` nodes, which follow those of the levels above, those of tree t from
    position `t << d` on. A step goes from position p of a level to `2 * p + step`
    of the next; the position after the last step is the leaf's number.

    With `children`, tree t begins at node t and a step goes from node i to
    `children[i] + step`; the node after the last step is the leaf's number. A leaf
    that is reached earlier has itself as child and NaN as threshold.

    Semantics: `result[n, c] = base[c] + combined over trees of leaves[leaf, c]`.
    Sums are kept in f64, whatever the element type, and rounded once.

    Feature numbers outside of the operand and children outside of the nodes leave
    the result unspecified.

    Constraints:
    - (C1) `operand` has rank 2, its features are a known number
    - (C2) `kind` is sum, max or min
    - (C3) `trees` is positive, `depth` from 0 to 30 without `children`, not negative
      with them
    - (C4) `thresholds` have rank 1 and as many elements as there are nodes: without
      `children`, `trees * (2^depth - 1)`; with them, at least `trees`
    - (C5) `features` and `children` are i32 of the thresholds' shape
    - (C6) `leaves` have rank 2: without `children`, `trees << depth` of them, with
      them as many as nodes
    - (C7) `base` has rank 1, the second dimension of the leaves
    - (C8) `operand`, `thresholds`, `leaves` and `base` have one element type, f32 or
      f64

    Example: `%r = dl.tree_ensemble sum, %x, %t, %f, %l, %b {trees = 2 : i64, depth = 1 : i64} : (tensor<5x3xf32>, tensor<2xf32>, tensor<2xi32>, tensor<4x1xf32>, tensor<1xf32>) -> tensor<5x1xf32>`
  }];
  let arguments = (ins Dl_ReduceKindAttr:$kind, Dl_FloatTensor:$operand,
                   Dl_FloatTensor:$thresholds, Dl_IntTensor:$features,
                   Dl_FloatTensor:$leaves, Dl_FloatTensor:$base,
                   Optional<Dl_IntTensor>:$children, I64Attr:$trees,
                   I64Attr:$depth, UnitAttr:$missing);
  let results = (outs Dl_FloatTensor:$result);
  let assemblyFormat = "$kind `,` $operand `,` $thresholds `,` $features `,` $leaves `,` $base (`children` $children^)? attr-dict `:` functional-type(operands, results)";
}

#endif // DL_TREE_OPS_TD

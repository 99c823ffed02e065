// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Attention as the operators of com.microsoft build it: in the form that
// kernels without scores in memory are found in.

#ifndef DL_FRONTEND_IMPORT_CONTRIBATTENTION_H
#define DL_FRONTEND_IMPORT_CONTRIBATTENTION_H

#include "frontend/import/Rules.h"

namespace dl::frontend {

/// Queries [B, N, S, H], keys [B, M, T, H] and values [B, M, T, V] in heads, of
/// which M divides N: N / M heads of queries read one of keys. What may be null
/// broadcasts to [B, N, S, T].
struct AttentionOperands {
  mlir::Value query, key, value;
  /// 0 stands for 1 / sqrt(H).
  double scale = 0;
  /// Above 0: logits are softcap * tanh(logits / softcap).
  double softcap = 0;
  /// An addend of the logits, after softcap; or null.
  mlir::Value bias = {};
  /// Which keys a query sees, of i1; or null. Each query sees one or more.
  mlir::Value isVisible = {};
  /// Of each head of queries, [N], a logit that has no value; or null.
  mlir::Value sink = {};
};

/// softmax(query * key' * scale + ..) * value as [B, S, N * V], in the query's
/// type; of halves, what is between the products is f32. Null where a size does
/// not fit.
mlir::Value buildAttention(NodeContext &context, AttentionOperands operands);

/// [B, S, heads * H] as [B, heads, S, H]. Null, with the node reported, where
/// the last dimension is not known to be so many heads.
mlir::Value splitHeads(NodeContext &context, mlir::Value value, int64_t heads);

/// `isVisible` (i1) or `other` with another condition, of which either may be
/// null.
mlir::Value allVisible(NodeContext &context, mlir::Value a, mlir::Value b);

/// Rotates pairs of the first numbers of x, [B, N, S, H], by angles of which
/// the cosines and sines are [B or 1, 1, S, pairs]: numbers that are as many
/// apart as there are pairs, or `interleaved` ones. What is behind them stays.
mlir::Value rotate(NodeContext &context, mlir::Value x, mlir::Value cosines,
                   mlir::Value sines, bool interleaved);

/// Rows of a table of angles, [positions, pairs], at positions [S] or [B, S],
/// as `rotate` takes them.
mlir::Value lookUpAngles(NodeContext &context, mlir::Value table,
                         mlir::Value positions);

/// The rows from `begin` on, likewise. That there are so many is demanded.
mlir::Value sliceAngles(NodeContext &context, mlir::Value table,
                        mlir::AffineExpr begin, mlir::AffineExpr size);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_CONTRIBATTENTION_H

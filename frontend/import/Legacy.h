// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Operators in the forms that they had before opset 13.

#ifndef DL_FRONTEND_IMPORT_LEGACY_H
#define DL_FRONTEND_IMPORT_LEGACY_H

#include "frontend/import/Rules.h"
#include <memory>

namespace onnx {
class FunctionProto;
} // namespace onnx

namespace dl::frontend {

/// The operator set whose forms rules know; they read later ones, too.
constexpr int64_t kRuleOpset = 13;

/// A function of nodes of kRuleOpset that means what a node of an older
/// operator set does; null where the node's form is still known. Inputs and
/// outputs of the function are those of the node, in order.
std::unique_ptr<onnx::FunctionProto> buildLegacyBody(const NodeContext &node);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_LEGACY_H

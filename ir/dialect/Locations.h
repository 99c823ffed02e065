// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Locations that name a model's nodes, and how diagnostics show them.

#ifndef DL_IR_DIALECT_LOCATIONS_H
#define DL_IR_DIALECT_LOCATIONS_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>
#include <string>

namespace mlir::dl {

/// A node of a model. Strings belong to the context once they are in a
/// location.
struct SourceNode {
  StringRef file, graph, node, op;
  int64_t opset;
};

/// The location of a node: its name, as `fused<{graph, op,
/// opset}>["name"(file)]`.
Location getNodeLoc(const SourceNode &node, MLIRContext *context);

/// A place in a model's file that is no node.
Location getFileLoc(StringRef file, MLIRContext *context);

/// The node that a location is of; nothing where it is of none or of several.
std::optional<SourceNode> getSourceNode(Location loc);

/// All nodes that went into a location, each once, in order.
SmallVector<SourceNode> getSourceNodes(Location loc);

/// "graph 'g', node 'n' (Op, opset 18)".
std::string describeNode(const SourceNode &node);

/// WHERE in messages: "model.onnx: graph 'g', node 'n' (Op, opset 18)",
/// "file.mlir:3:5" or, where nothing is known, an empty string.
std::string describeLocation(Location loc);

/// Writes "error: WHERE: WHAT" and likewise its notes, each on its own line.
void printDiagnostic(Diagnostic &diagnostic, raw_ostream &os);

} // namespace mlir::dl

#endif // DL_IR_DIALECT_LOCATIONS_H

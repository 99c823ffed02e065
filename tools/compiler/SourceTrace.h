// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Follows source nodes through the compilation by the locations of operations.

#ifndef DL_TOOLS_COMPILER_SOURCETRACE_H
#define DL_TOOLS_COMPILER_SOURCETRACE_H

#include "frontend/import/Import.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Pipeline.h"
#include "tools/explain/Trace.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

namespace dl::tools {

class SourceTrace {
public:
  /// Told to the importer (ImportOptions::nodes) before anything else.
  std::vector<frontend::ImportedNode> imported;

  /// After the import; lists the nodes.
  void begin(mlir::ModuleOp module);
  /// Before a phase runs: notes which pass each node disappears in. The trace
  /// must live as long as the manager.
  void watch(mlir::PassManager &manager);
  /// After a phase.
  void endPhase(Phase phase, mlir::ModuleOp module);
  /// Once all phases have run.
  Trace finish();

private:
  class Watcher;

  /// How a node's operations are to be seen at the moment.
  enum Presence : unsigned { InOps = 1, InConstants = 2, InViews = 4 };

  /// The numbers of the nodes that a location names.
  llvm::ArrayRef<int> getNodes(mlir::Location loc);
  /// Notes what a pass has left.
  void update(llvm::StringRef pass, mlir::Operation *root);
  void collectGroups(mlir::ModuleOp module);
  void collectSteps(mlir::ModuleOp module);
  /// Adds the steps whose results `value` comes from, and the nodes of the
  /// constants that it is made of.
  void addProducers(mlir::Value value, int step);
  void explain(int node);
  void explainRemoved(int node);
  std::string explainRole(int node, int step);
  /// Names of the nearest nodes after this one that are in a step.
  std::string nameUsers(int node);

  Trace trace;
  llvm::StringMap<llvm::SmallVector<int, 1>> numbers; // by graph and name
  llvm::DenseMap<mlir::Location, llvm::SmallVector<int>> known;
  std::vector<unsigned> presence;
  std::vector<std::string> lastPass; // in which a node disappeared
  std::vector<unsigned> lastSeen;    // how, before it did; 0: never
  struct Group {
    std::string kind, layout;
    int root = -1; // a node
    llvm::SmallVector<Member> members;
  };
  std::vector<Group> groups;
  llvm::DenseMap<mlir::Operation *, int> stepOf;
  llvm::DenseMap<std::pair<mlir::Value, int>, bool> visited;
  /// Consumers of values by graph-wide name.
  llvm::StringMap<llvm::SmallVector<int>> users;
};

} // namespace dl::tools

#endif // DL_TOOLS_COMPILER_SOURCETRACE_H

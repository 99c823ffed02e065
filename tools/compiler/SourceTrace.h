// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Follows source nodes through the compilation by the locations of operations.

#ifndef DL_TOOLS_COMPILER_SOURCETRACE_H
#define DL_TOOLS_COMPILER_SOURCETRACE_H

#include "frontend/import/Import.h"
#include "ir/dialect/Dialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
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

  struct Group {
    TracedStep step;
    int root = -1; // a node
  };

  /// What is known of the nodes in one entry.
  struct Entry {
    std::vector<unsigned> presence;
    std::vector<std::string> lastPass; // in which a node disappeared
    std::vector<unsigned> lastSeen;    // how, before it did; 0: never
    std::vector<Group> groups;
    TracedEntry traced;
    llvm::DenseMap<mlir::Operation *, int> stepOf;
    llvm::DenseMap<std::pair<mlir::Value, int>, bool> visited;

    void reset(size_t nodes);
    void note(llvm::StringRef pass, std::vector<unsigned> now);
  };

  /// The numbers of the nodes that a location names.
  llvm::ArrayRef<int> getNodes(mlir::Location loc);
  /// That of a function, which begins with what is known of the import.
  Entry &getEntry(mlir::func::FuncOp function);
  std::vector<unsigned> getPresence(mlir::Operation *root);
  /// Notes what a pass has left in what it ran on.
  void update(llvm::StringRef pass, mlir::Operation *root);
  void collectGroups(mlir::func::FuncOp function);
  Group makeGroup(mlir::dl::FusedOp fused, bool trains);
  Group makeGroup(mlir::dl::HostCallOp call, bool trains);
  void collectSteps(mlir::func::FuncOp function);
  /// Adds the steps whose results `value` comes from, and the nodes of the
  /// constants that it is made of.
  void addProducers(Entry &entry, mlir::Value value, int step);
  void explain(const Entry &entry, int number, NodeOutcome &outcome);
  void explainRemoved(const Entry &entry, int number, NodeOutcome &outcome);
  /// What a node is to the steps that it is in.
  std::vector<std::string> explainRoles(const Entry &entry, int node,
                                        llvm::ArrayRef<int> steps);
  std::string explainRole(const Entry &entry, const Member &member, int step);
  /// Names of the nearest nodes after this one that are in a step.
  std::string nameUsers(const Entry &entry, int node);

  Trace trace;
  llvm::StringMap<llvm::SmallVector<int, 1>> numbers; // by graph and name
  llvm::DenseMap<mlir::Location, llvm::SmallVector<int>> known;
  Entry atImport;
  llvm::StringMap<Entry> entries; // by the functions' names
  std::vector<std::string> order; // the entries, in the module's order
  /// Consumers of values by graph-wide name.
  llvm::StringMap<llvm::SmallVector<int>> users;
};

} // namespace dl::tools

#endif // DL_TOOLS_COMPILER_SOURCETRACE_H

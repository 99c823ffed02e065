// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What became of each source node on the way to a module.

#ifndef DL_TOOLS_EXPLAIN_TRACE_H
#define DL_TOOLS_EXPLAIN_TRACE_H

#include <string>
#include <vector>

namespace dl::tools {

/// Where a source node is in the module.
enum class NodeState {
  Kernel,   // in a kernel or several
  Host,     // a call of the runtime
  View,     // the memory of another value
  Constant, // computed on compiling
  Removed   // nowhere: there is nothing to do
};

/// "kernel", "host", "view", "constant" or "removed".
const char *getStateName(NodeState state);

/// A node of the model's file.
struct TracedNode {
  std::string graph, name, op;
  std::vector<std::string> inputs, outputs; // names of values
};

/// What became of a node in an entry.
struct NodeOutcome {
  NodeState state = NodeState::Removed;
  std::string why;
  /// The steps that it is in or, for a constant, that use it.
  std::vector<int> steps;
};

/// The part of a node in a step.
struct Member {
  int node;
  /// "root", "operand", "prologue", "epilogue" or "part".
  std::string role;
  /// Of an entry that trains: "forward", "backward" or "update"; else empty.
  std::string pass;
};

/// A kernel or host call of the schedule, in running order; that of a loop's
/// body stands once.
struct TracedStep {
  std::string kernel; // or the runtime's function
  std::string kind;   // "contraction", "attention", "window", "reduction",
                      // "elementwise", "movement", "assembly", "host"
  std::string layout; // of the data: "channels last" or empty
  std::string pass;   // that of its root, as of a Member
  /// It runs once more, so that its results need not be kept.
  bool isAgain = false;
  /// In a branch or loop that the runtime runs as a program of its own.
  bool isInBody = false;
  std::vector<std::string> updates; // states that it makes new values of
  std::vector<Member> members;
  std::vector<int> producers; // steps whose results it reads
};

/// An entry of the module.
struct TracedEntry {
  std::string name;
  std::vector<NodeOutcome> nodes; // of the trace's nodes, in their order
  std::vector<TracedStep> steps;

  /// Whether it is a step of a training: what has passes.
  bool trains() const {
    for (const TracedStep &step : steps)
      if (!step.pass.empty())
        return true;
    return false;
  }
};

struct Trace {
  std::string producer; // the compiler
  std::string model;    // the file
  /// What the module's debug information is or, where it has none, would be.
  std::string debugInfo;
  /// What passes have taken for granted, in sentences.
  std::vector<std::string> assumptions;
  std::vector<TracedNode> nodes;
  /// One at least: that of a training's steps first, then in the module's
  /// order.
  std::vector<TracedEntry> entries;
};

} // namespace dl::tools

#endif // DL_TOOLS_EXPLAIN_TRACE_H

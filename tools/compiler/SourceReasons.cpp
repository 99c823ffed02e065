// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Why a source node is where it is.

#include "ir/dialect/TrainingLocations.h"
#include "tools/compiler/SourceTrace.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringSwitch.h"
#include <algorithm>

using namespace mlir;
using namespace mlir::dl;

namespace dl::tools {

using Outcome = frontend::ImportedNode::Outcome;

static std::string quote(const TracedNode &node) {
  return "'" + node.name + "' (" + node.op + ")";
}

std::string SourceTrace::explainRole(const Entry &entry, const Member &member,
                                     int step) {
  const TracedStep &traced = entry.traced.steps[step];
  int node = member.node;
  int root = step < (int)entry.groups.size() ? entry.groups[step].root : -1;
  StringRef role = member.role;
  if (role == "root") {
    StringRef reason =
        llvm::StringSwitch<StringRef>(traced.kind)
            .Case("host", "a call of the runtime, which sorts")
            .Case("contraction", "a product or convolution starts a kernel")
            .Case("attention", "scores, their normalization and their product "
                               "are one kernel")
            .Case("window", "a reduction over windows starts a kernel")
            .Case("reduction", "a reduction needs whole rows before what "
                               "follows can use it")
            .Case("elementwise", "no contraction or reduction beside it takes "
                                 "in values of this shape")
            .Case("movement", "its result has to lie in memory in this order")
            .Default("it assembles its result piece by piece");
    return ("own kernel: " + reason).str();
  }
  std::string target = root >= 0 && root != node
                           ? traced.kind + " of " + quote(trace.nodes[root])
                           : "a kernel of its own, " + traced.kind;
  std::string text = "fused into the " + target;
  if (root < 0 || root == node)
    text = "in " + target;
  return text + llvm::StringSwitch<std::string>(role)
                    .Case("operand", " as the way its operand is read")
                    .Case("prologue", " as prologue, computed where its "
                                      "operand is read")
                    .Case("epilogue", " as epilogue")
                    .Default("");
}

std::vector<std::string> SourceTrace::explainRoles(const Entry &entry, int node,
                                                   ArrayRef<int> steps) {
  std::vector<std::string> reasons;
  bool isComputed = false;
  for (int number : steps) {
    const TracedStep &step = entry.traced.steps[number];
    for (const Member &member : step.members) {
      if (member.node != node)
        continue;
      bool isForward = member.pass == getPassName(TrainingPass::Forward);
      bool isLater = step.isAgain || step.pass != member.pass;
      std::string reason = isForward && isComputed && isLater
                               ? "again for the backward pass: "
                           : !isForward && !member.pass.empty() ? "gradient: "
                                                                : "";
      reason += explainRole(entry, member, number);
      isComputed |= isForward;
      if (!llvm::is_contained(reasons, reason))
        reasons.push_back(reason);
    }
  }
  return reasons;
}

std::string SourceTrace::nameUsers(const Entry &entry, int node) {
  SmallVector<int> queue{node};
  llvm::DenseSet<int> seen{node};
  SmallVector<std::string> names;
  for (size_t i = 0; i < queue.size(); ++i) {
    for (const std::string &output : trace.nodes[queue[i]].outputs)
      for (int user : users.lookup(output)) {
        if (!seen.insert(user).second)
          continue;
        if (entry.presence[user])
          names.push_back(quote(trace.nodes[user]));
        else
          queue.push_back(user);
      }
  }
  constexpr size_t most = 3;
  bool isLong = names.size() > most;
  names.resize(std::min(names.size(), most));
  return llvm::join(names, ", ") + (isLong ? ", ..." : "");
}

void SourceTrace::explainRemoved(const Entry &entry, int number,
                                 NodeOutcome &outcome) {
  const TracedNode &node = trace.nodes[number];
  std::string users = nameUsers(entry, number);
  std::string used = users.empty() ? "" : "; used by " + users;
  Outcome onImport = imported[number].outcome;
  StringRef pass = entry.lastPass[number];
  unsigned seen = entry.lastSeen[number];
  outcome.state = NodeState::Removed;
  if (node.op == "If" && onImport != Outcome::Skipped) {
    outcome.why =
        "removed: its condition is known; the nodes of the branch that "
        "it takes stand in its place";
  } else if (onImport == Outcome::Constant || onImport == Outcome::Sizes) {
    outcome.state = NodeState::Constant;
    outcome.why = onImport == Outcome::Constant
                      ? "folded: constant, known on import"
                      : "folded: sizes, formulas of the symbolic dimensions";
  } else if (onImport == Outcome::Forwarded) {
    outcome.why = "removed: passes its operand on";
  } else if (onImport == Outcome::Skipped) {
    outcome.why = "removed: in a branch that is never taken";
  } else if (!seen) {
    outcome.why =
        users.empty()
            ? "removed: no result of the model needs it"
            : "folded on import: merged into what uses it, or only its "
              "sizes are used";
  } else if (pass == "dl-fold-constants" || seen == InConstants) {
    outcome.state = NodeState::Constant;
    outcome.why = "folded: constant, computed on compiling";
  } else if (pass == "cse") {
    outcome.why = "removed: another node computes the same";
  } else if (pass == "canonicalize") {
    outcome.why =
        "removed: changes nothing, or merges with what stands around it";
  } else if (pass == "dl-fuse" || pass == "dl-lower") {
    outcome.why = "removed: what uses it reads its operand directly";
  } else {
    outcome.why =
        "removed: cancels out or merges with what stands around it (" +
        pass.str() + ")";
  }
  outcome.why += used;
}

void SourceTrace::explain(const Entry &entry, int number,
                          NodeOutcome &outcome) {
  const TracedNode &node = trace.nodes[number];
  std::vector<std::string> reasons = explainRoles(entry, number, outcome.steps);
  unsigned presence = entry.presence[number];
  if (!reasons.empty()) {
    outcome.state = NodeState::Kernel;
    for (int step : outcome.steps)
      if (entry.traced.steps[step].kind == "host")
        outcome.state = NodeState::Host;
    constexpr size_t most = 4;
    size_t more = reasons.size() > most ? reasons.size() - most : 0;
    reasons.resize(reasons.size() - more);
    outcome.why = llvm::join(reasons, "; ");
    if (more)
      outcome.why += "; and " + std::to_string(more) + " more";
  } else if (presence & (InViews | InOps)) {
    outcome.state = NodeState::View;
    outcome.why = presence & InOps ? "a loop of steps"
                  : node.op == "Concat"
                      ? "no kernel: its operands are made where they lie in it"
                      : "no kernel: its result is the memory of its operand";
  } else if (presence & InConstants) {
    outcome.state = NodeState::Constant;
    outcome.why = node.op == "Constant"
                      ? "constant, stored in the module"
                      : "folded: constant, computed on compiling";
  } else {
    explainRemoved(entry, number, outcome);
  }
}

Trace SourceTrace::finish() {
  for (const std::string &name : order) {
    Entry &entry = entries[name];
    for (size_t i = 0; i < trace.nodes.size(); ++i)
      explain(entry, static_cast<int>(i), entry.traced.nodes[i]);
    trace.entries.push_back(std::move(entry.traced));
  }
  auto step = llvm::find_if(
      trace.entries, [](const TracedEntry &entry) { return entry.trains(); });
  if (step != trace.entries.end())
    std::rotate(trace.entries.begin(), step, std::next(step));
  return std::move(trace);
}

} // namespace dl::tools

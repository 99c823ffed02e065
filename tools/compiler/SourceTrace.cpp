// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/compiler/SourceTrace.h"

#include "ir/dialect/Dialect.h"
#include "ir/dialect/Locations.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "passes/Assumptions.h"
#include "passes/Constants.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mlir::dl;

namespace dl::tools {

using Outcome = frontend::ImportedNode::Outcome;

//===----------------------------------------------------------------------===//
// Nodes and their operations
//===----------------------------------------------------------------------===//

static std::string getKey(StringRef graph, StringRef name) {
  return (graph + Twine('\0') + name).str();
}

/// Calls `visit` for the operations of the model; kernels are made from groups
/// whose nodes are known.
static void walkModel(Operation *root, function_ref<void(Operation *)> visit) {
  root->walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<func::FuncOp>(op) && op->hasAttr("dl.kernel"))
      return WalkResult::skip();
    visit(op);
    return WalkResult::advance();
  });
}

/// Whether a module stores the value, or what it is made of.
static bool isConstant(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (isa<ConstantOp>(op))
      return true;
    if (!isa<PackOp, WinogradFilterOp, TransposeOp, ReshapeOp>(op) &&
        !isRounding(op))
      return false;
    value = op->getOperand(0);
  }
  return false;
}

void SourceTrace::begin(ModuleOp module) {
  for (const frontend::ImportedNode &node : imported) {
    int number = static_cast<int>(trace.nodes.size());
    TracedNode &traced = trace.nodes.emplace_back();
    traced.graph = node.graph;
    traced.name = node.name;
    traced.op = node.op;
    traced.inputs = node.inputs;
    traced.outputs = node.outputs;
    numbers[getKey(node.graph, node.name)].push_back(number);
    for (const std::string &input : node.inputs)
      if (!input.empty())
        users[input].push_back(number);
  }
  presence.resize(trace.nodes.size());
  lastPass.resize(trace.nodes.size());
  lastSeen.resize(trace.nodes.size());
  update("import", module);
}

ArrayRef<int> SourceTrace::getNodes(Location loc) {
  auto [entry, isNew] = known.try_emplace(loc);
  if (!isNew)
    return entry->second;
  llvm::SmallVector<int> nodes;
  for (const SourceNode &source : getSourceNodes(loc)) {
    auto found = numbers.find(getKey(source.graph, source.node));
    if (found == numbers.end())
      continue;
    // Of several nodes of one name, those of the operator, if there are any:
    // the body of a function has others than its call.
    bool hasOp = llvm::any_of(found->second, [&](int node) {
      return trace.nodes[node].op == source.op;
    });
    for (int node : found->second)
      if (!hasOp || trace.nodes[node].op == source.op)
        nodes.push_back(node);
  }
  return entry->second = std::move(nodes);
}

void SourceTrace::update(StringRef pass, Operation *root) {
  std::vector<unsigned> before = std::move(presence);
  presence.assign(trace.nodes.size(), 0);
  walkModel(root, [&](Operation *op) {
    if (isa<ModuleOp, func::FuncOp>(op) ||
        op->hasTrait<OpTrait::IsTerminator>())
      return;
    unsigned kind = InOps;
    if (op->getNumResults() && isConstant(op->getResult(0)))
      kind = InConstants;
    else if (isa<ConcatOp, ReshapeOp, SliceOp, SizesOp>(op) &&
             !isa<FusedOp>(op->getParentOp()))
      kind = InViews;
    for (int node : getNodes(op->getLoc()))
      presence[node] |= kind;
  });
  for (size_t i = 0; i < presence.size(); ++i) {
    if (presence[i])
      lastSeen[i] = presence[i];
    if (before.size() == presence.size() && before[i] && !presence[i])
      lastPass[i] = pass.str();
  }
}

//===----------------------------------------------------------------------===//
// Passes
//===----------------------------------------------------------------------===//

class SourceTrace::Watcher : public PassInstrumentation {
public:
  explicit Watcher(SourceTrace &trace) : trace(trace) {}

  void runAfterPass(Pass *pass, Operation *op) override {
    // Adaptors run passes of their own.
    if (pass->getArgument().empty())
      return;
    Operation *root = op;
    while (root->getParentOp())
      root = root->getParentOp();
    trace.update(pass->getArgument(), root);
  }

private:
  SourceTrace &trace;
};

void SourceTrace::watch(PassManager &manager) {
  manager.addInstrumentation(std::make_unique<Watcher>(*this));
}

void SourceTrace::endPhase(Phase phase, ModuleOp module) {
  if (phase == Phase::Simplify)
    module.walk([&](func::FuncOp function) {
      if (auto given = function->getAttrOfType<ArrayAttr>(kAssumptionsAttr))
        for (auto sentence : given.getAsRange<StringAttr>())
          trace.assumptions.push_back(sentence.str());
    });
  if (phase == Phase::Fuse)
    collectGroups(module);
  if (phase == Phase::Lower)
    collectSteps(module);
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

static FusionKind getKind(Operation *op) {
  auto interface = dyn_cast<FusionInterface>(op);
  return interface ? interface.getFusionKind() : FusionKind::Opaque;
}

/// The kinds of a group's operations from what decides most on.
static unsigned getRank(Operation *op) {
  switch (getKind(op)) {
  case FusionKind::Contraction:
    return 4;
  case FusionKind::Reduction:
    return 3;
  case FusionKind::Opaque:
    return 2;
  case FusionKind::Elementwise:
    return 1;
  default:
    return 0;
  }
}

/// The operation that the kernel of a group is built around: the first of the
/// highest rank, or the last one that is elementwise or moves data.
static Operation *findRoot(FusedOp group) {
  Operation *root = nullptr;
  for (Operation &op : group.getBody().front().without_terminator()) {
    unsigned rank = getRank(&op);
    if (!root || rank > getRank(root) || (rank == getRank(root) && rank <= 1))
      root = &op;
  }
  return root;
}

static StringRef getGroupKind(FusedOp group, Operation *root) {
  if (isRuntimeCall(root))
    return "host";
  unsigned contractions = 0;
  for (Operation &op : group.getBody().front().without_terminator())
    contractions += getKind(&op) == FusionKind::Contraction;
  switch (getKind(root)) {
  case FusionKind::Contraction:
    return contractions > 1 ? "attention" : "contraction";
  case FusionKind::Reduction:
    return isa<WindowReduceOp>(root) ? "window" : "reduction";
  case FusionKind::Elementwise:
    return "elementwise";
  case FusionKind::Movement:
    return "movement";
  default:
    return "assembly";
  }
}

void SourceTrace::collectGroups(ModuleOp module) {
  walkModel(module, [&](Operation *op) {
    auto fused = dyn_cast<FusedOp>(op);
    if (!fused)
      return;
    Group &group = groups.emplace_back();
    Operation *root = findRoot(fused);
    group.kind = getGroupKind(fused, root).str();
    // Each node has the part of the operation of the highest rank.
    llvm::MapVector<int, std::pair<unsigned, std::string>> parts;
    bool isBefore = true;
    for (Operation &member : fused.getBody().front().without_terminator()) {
      if (auto conv = dyn_cast<ConvOp>(member))
        group.layout =
            conv.getChannelsLast() ? "channels last" : "channels first";
      isBefore &= &member != root;
      bool moves = getKind(&member) == FusionKind::Movement;
      std::string role = &member == root        ? "root"
                         : isBefore             ? moves ? "operand" : "prologue"
                         : getRank(&member) > 1 ? "part"
                                                : "epilogue";
      unsigned rank = &member == root ? 8 : getRank(&member);
      for (int node : getNodes(member.getLoc())) {
        if (&member == root && group.root < 0)
          group.root = node;
        auto &part = parts.insert({node, {rank, role}}).first->second;
        if (rank > part.first)
          part = {rank, role};
      }
    }
    for (auto &[node, part] : parts)
      group.members.push_back({node, part.second});
  });
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

void SourceTrace::collectSteps(ModuleOp module) {
  SmallVector<Operation *> ops;
  walkModel(module, [&](Operation *op) {
    if (!isa<DispatchOp, HostCallOp>(op))
      return;
    stepOf[op] = static_cast<int>(ops.size());
    ops.push_back(op);
  });
  for (auto [i, op] : llvm::enumerate(ops)) {
    TracedStep &step = trace.steps.emplace_back();
    if (auto dispatch = dyn_cast<DispatchOp>(op))
      step.kernel = dispatch.getKernel().str();
    else
      step.kernel = cast<HostCallOp>(op).getFunction().str();
    // Lowering replaces each group where it stands.
    if (groups.size() == ops.size()) {
      const Group &group = groups[i];
      step.kind = group.kind;
      step.layout = group.layout;
      step.members.assign(group.members.begin(), group.members.end());
    } else {
      for (int node : getNodes(op->getLoc()))
        step.members.push_back({node, "part"});
    }
    for (const Member &member : step.members)
      trace.nodes[member.node].steps.push_back(static_cast<int>(i));
  }
  for (auto [i, op] : llvm::enumerate(ops))
    for (Value operand : op->getOperands())
      addProducers(operand, static_cast<int>(i));
}

void SourceTrace::addProducers(Value value, int step) {
  if (!visited.try_emplace({value, step}, true).second)
    return;
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    Operation *owner = argument.getOwner()->getParentOp();
    unsigned number = argument.getArgNumber();
    if (isa<ScanOp>(owner))
      addProducers(owner->getOperand(number), step);
    else if (auto loop = dyn_cast<LoopOp>(owner); loop && number > 0)
      addProducers(loop.getStates()[number - 1], step);
    return;
  }
  Operation *op = value.getDefiningOp();
  if (auto found = stepOf.find(op); found != stepOf.end()) {
    std::vector<int> &producers = trace.steps[step].producers;
    if (!llvm::is_contained(producers, found->second))
      producers.push_back(found->second);
    return;
  }
  if (isa<IfOp, LoopOp, ScanOp>(op)) {
    // A loop's body yields its condition first.
    unsigned number = cast<OpResult>(value).getResultNumber() + isa<LoopOp>(op);
    for (Region &region : op->getRegions())
      addProducers(region.front().getTerminator()->getOperand(number), step);
    return;
  }
  // Constants and views.
  for (int node : getNodes(op->getLoc())) {
    std::vector<int> &steps = trace.nodes[node].steps;
    if (!(presence[node] & InOps) && !llvm::is_contained(steps, step))
      steps.push_back(step);
  }
  for (Value operand : op->getOperands())
    addProducers(operand, step);
}

//===----------------------------------------------------------------------===//
// Reasons
//===----------------------------------------------------------------------===//

static std::string quote(const TracedNode &node) {
  return "'" + node.name + "' (" + node.op + ")";
}

std::string SourceTrace::explainRole(int node, int step) {
  const TracedStep &traced = trace.steps[step];
  int root = step < (int)groups.size() ? groups[step].root : -1;
  StringRef role = "part";
  for (const Member &member : traced.members)
    if (member.node == node)
      role = member.role;
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

std::string SourceTrace::nameUsers(int node) {
  SmallVector<int> queue{node};
  llvm::DenseSet<int> seen{node};
  SmallVector<std::string> names;
  for (size_t i = 0; i < queue.size(); ++i) {
    for (const std::string &output : trace.nodes[queue[i]].outputs)
      for (int user : users.lookup(output)) {
        if (!seen.insert(user).second)
          continue;
        if (presence[user])
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

void SourceTrace::explainRemoved(int number) {
  TracedNode &node = trace.nodes[number];
  std::string users = nameUsers(number);
  std::string used = users.empty() ? "" : "; used by " + users;
  Outcome outcome = imported[number].outcome;
  StringRef pass = lastPass[number];
  node.state = NodeState::Removed;
  if (node.op == "If" && outcome != Outcome::Skipped) {
    node.why = "removed: its condition is known; the nodes of the branch that "
               "it takes stand in its place";
  } else if (outcome == Outcome::Constant || outcome == Outcome::Sizes) {
    node.state = NodeState::Constant;
    node.why = outcome == Outcome::Constant
                   ? "folded: constant, known on import"
                   : "folded: sizes, formulas of the symbolic dimensions";
  } else if (outcome == Outcome::Forwarded) {
    node.why = "removed: passes its operand on";
  } else if (outcome == Outcome::Skipped) {
    node.why = "removed: in a branch that is never taken";
  } else if (!lastSeen[number]) {
    node.why = users.empty()
                   ? "removed: no result of the model needs it"
                   : "folded on import: merged into what uses it, or only its "
                     "sizes are used";
  } else if (pass == "dl-fold-constants" || lastSeen[number] == InConstants) {
    node.state = NodeState::Constant;
    node.why = "folded: constant, computed on compiling";
  } else if (pass == "cse") {
    node.why = "removed: another node computes the same";
  } else if (pass == "canonicalize") {
    node.why = "removed: changes nothing, or merges with what stands around it";
  } else if (pass == "dl-fuse" || pass == "dl-lower") {
    node.why = "removed: what uses it reads its operand directly";
  } else {
    node.why = "removed: cancels out or merges with what stands around it (" +
               pass.str() + ")";
  }
  node.why += used;
}

void SourceTrace::explain(int number) {
  TracedNode &node = trace.nodes[number];
  bool isMember = llvm::any_of(node.steps, [&](int step) {
    return llvm::any_of(trace.steps[step].members, [&](const Member &member) {
      return member.node == number;
    });
  });
  if (isMember) {
    node.state = NodeState::Kernel;
    SmallVector<std::string> reasons;
    for (int step : node.steps) {
      if (trace.steps[step].kind == "host")
        node.state = NodeState::Host;
      std::string reason = explainRole(number, step);
      if (!llvm::is_contained(reasons, reason))
        reasons.push_back(reason);
    }
    constexpr size_t most = 4;
    size_t more = reasons.size() > most ? reasons.size() - most : 0;
    reasons.resize(reasons.size() - more);
    node.why = llvm::join(reasons, "; ");
    if (more)
      node.why += "; and " + std::to_string(more) + " more";
  } else if (presence[number] & (InViews | InOps)) {
    node.state = NodeState::View;
    node.why = presence[number] & InOps ? "a loop of steps"
               : node.op == "Concat"
                   ? "no kernel: its operands are made where they lie in it"
                   : "no kernel: its result is the memory of its operand";
  } else if (presence[number] & InConstants) {
    node.state = NodeState::Constant;
    node.why = node.op == "Constant"
                   ? "constant, stored in the module"
                   : "folded: constant, computed on compiling";
  } else {
    explainRemoved(number);
  }
}

Trace SourceTrace::finish() {
  for (size_t i = 0; i < trace.nodes.size(); ++i)
    explain(static_cast<int>(i));
  return std::move(trace);
}

} // namespace dl::tools

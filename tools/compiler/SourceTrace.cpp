// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/compiler/SourceTrace.h"

#include "ir/dialect/Dialect.h"
#include "ir/dialect/Locations.h"
#include "ir/dialect/TrainingLocations.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "passes/Assumptions.h"
#include "passes/Constants.h"
#include "passes/ModelFunctions.h"

using namespace mlir;
using namespace mlir::dl;

namespace dl::tools {

//===----------------------------------------------------------------------===//
// Nodes and their operations
//===----------------------------------------------------------------------===//

static std::string getKey(StringRef graph, StringRef name) {
  return (graph + Twine('\0') + name).str();
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
  atImport.reset(trace.nodes.size());
  atImport.note("import", getPresence(module));
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

void SourceTrace::Entry::reset(size_t nodes) {
  presence.resize(nodes);
  lastPass.resize(nodes);
  lastSeen.resize(nodes);
}

void SourceTrace::Entry::note(StringRef pass, std::vector<unsigned> now) {
  for (size_t i = 0; i < now.size(); ++i) {
    if (now[i])
      lastSeen[i] = now[i];
    if (presence[i] && !now[i])
      lastPass[i] = pass.str();
  }
  presence = std::move(now);
}

SourceTrace::Entry &SourceTrace::getEntry(func::FuncOp function) {
  return entries.try_emplace(function.getSymName(), atImport).first->second;
}

std::vector<unsigned> SourceTrace::getPresence(Operation *root) {
  std::vector<unsigned> presence(trace.nodes.size());
  root->walk([&](Operation *op) {
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
  return presence;
}

void SourceTrace::update(StringRef pass, Operation *root) {
  // Of passes on functions, several run at once: the others are not looked at.
  forEachModelFunction(root, [&](func::FuncOp function) {
    getEntry(function).note(pass, getPresence(function));
  });
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
    trace.update(pass->getArgument(), op);
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
  forEachModelFunction(module, [&](func::FuncOp function) {
    if (phase == Phase::Fuse)
      collectGroups(function);
    if (phase == Phase::Lower && function.isPublic())
      collectSteps(function);
  });
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

/// Whether a kernel computes for the backward pass once more what the forward
/// pass has computed.
static bool isAgain(FusedOp fused, Operation *root) {
  if (runsAgain(fused.getLoc()))
    return true;
  bool isInBackward = false;
  for (Operation *around = fused->getParentOp(); !isa<func::FuncOp>(around);
       around = around->getParentOp())
    isInBackward |= getPass(around->getLoc()) == TrainingPass::Backward;
  return isInBackward && getPass(root->getLoc()) == TrainingPass::Forward;
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

SourceTrace::Group SourceTrace::makeGroup(FusedOp fused, bool trains) {
  Group group;
  Operation *root = findRoot(fused);
  group.step.kind = getGroupKind(fused, root).str();
  auto getPassOf = [&](Operation *op) {
    return trains ? getPassName(getPass(op->getLoc())).str() : "";
  };
  group.step.pass = getPassOf(root);
  group.step.isAgain = trains && isAgain(fused, root);
  // Each node has the part of the operation of the highest rank.
  llvm::MapVector<int, std::map<std::string, std::pair<unsigned, std::string>>>
      parts;
  bool isBefore = true;
  for (Operation &member : fused.getBody().front().without_terminator()) {
    if (auto conv = dyn_cast<ConvOp>(member))
      group.step.layout =
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
      auto &part =
          parts[node].insert({getPassOf(&member), {rank, role}}).first->second;
      if (rank > part.first)
        part = {rank, role};
    }
    if (auto state = getUpdatedState(member.getLoc());
        state && !llvm::is_contained(group.step.updates, *state))
      group.step.updates.push_back(*state);
  }
  for (auto &[node, passes] : parts)
    for (auto &[pass, part] : passes)
      group.step.members.push_back({node, part.second, pass});
  return group;
}

SourceTrace::Group SourceTrace::makeGroup(HostCallOp call, bool trains) {
  Group group;
  group.step.kind = "host";
  if (trains)
    group.step.pass = getPassName(getPass(call.getLoc()));
  for (int node : getNodes(call.getLoc()))
    group.step.members.push_back({node, "part", group.step.pass});
  return group;
}

void SourceTrace::collectGroups(func::FuncOp function) {
  Entry &entry = getEntry(function);
  bool trains = function
                    .walk([](Operation *op) {
                      return getPass(op->getLoc()) == TrainingPass::Update
                                 ? WalkResult::interrupt()
                                 : WalkResult::advance();
                    })
                    .wasInterrupted();
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (auto fused = dyn_cast<FusedOp>(op))
      entry.groups.push_back(makeGroup(fused, trains));
    else if (auto call = dyn_cast<HostCallOp>(op))
      entry.groups.push_back(makeGroup(call, trains));
  });
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

void SourceTrace::collectSteps(func::FuncOp function) {
  Entry &entry = getEntry(function);
  order.push_back(function.getSymName().str());
  entry.traced.name = order.back();
  entry.traced.nodes.resize(trace.nodes.size());
  SmallVector<Operation *> ops;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (!isa<DispatchOp, HostCallOp>(op))
      return;
    entry.stepOf[op] = static_cast<int>(ops.size());
    ops.push_back(op);
  });
  for (auto [i, op] : llvm::enumerate(ops)) {
    TracedStep &step = entry.traced.steps.emplace_back();
    // Lowering replaces each group where it stands.
    if (entry.groups.size() == ops.size())
      step = entry.groups[i].step;
    else
      for (int node : getNodes(op->getLoc()))
        step.members.push_back({node, "part", ""});
    if (auto dispatch = dyn_cast<DispatchOp>(op))
      step.kernel = dispatch.getKernel().str();
    else
      step.kernel = cast<HostCallOp>(op).getFunction().str();
    for (Operation *around = op->getParentOp(); around;
         around = around->getParentOp())
      step.isInBody |= isRuntimeStep(around);
    for (const Member &member : step.members) {
      std::vector<int> &steps = entry.traced.nodes[member.node].steps;
      if (!llvm::is_contained(steps, static_cast<int>(i)))
        steps.push_back(static_cast<int>(i));
    }
  }
  for (auto [i, op] : llvm::enumerate(ops))
    for (Value operand : op->getOperands())
      addProducers(entry, operand, static_cast<int>(i));
}

void SourceTrace::addProducers(Entry &entry, Value value, int step) {
  if (!entry.visited.try_emplace({value, step}, true).second)
    return;
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    Operation *owner = argument.getOwner()->getParentOp();
    unsigned number = argument.getArgNumber();
    if (isa<ScanOp>(owner))
      addProducers(entry, owner->getOperand(number), step);
    else if (auto loop = dyn_cast<LoopOp>(owner); loop && number > 0)
      addProducers(entry, loop.getStates()[number - 1], step);
    return;
  }
  Operation *op = value.getDefiningOp();
  if (auto found = entry.stepOf.find(op); found != entry.stepOf.end()) {
    std::vector<int> &producers = entry.traced.steps[step].producers;
    if (!llvm::is_contained(producers, found->second))
      producers.push_back(found->second);
    return;
  }
  if (isa<IfOp, LoopOp, ScanOp>(op)) {
    // A loop's body yields its condition first.
    unsigned number = cast<OpResult>(value).getResultNumber() + isa<LoopOp>(op);
    for (Region &region : op->getRegions())
      addProducers(entry, region.front().getTerminator()->getOperand(number),
                   step);
    return;
  }
  // Constants and views.
  for (int node : getNodes(op->getLoc())) {
    std::vector<int> &steps = entry.traced.nodes[node].steps;
    if (!(entry.presence[node] & InOps) && !llvm::is_contained(steps, step))
      steps.push_back(step);
  }
  for (Value operand : op->getOperands())
    addProducers(entry, operand, step);
}

} // namespace dl::tools

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The import of a graph, node by node.

#ifndef DL_FRONTEND_IMPORT_GRAPHIMPORTER_H
#define DL_FRONTEND_IMPORT_GRAPHIMPORTER_H

#include "frontend/import/Import.h"
#include "frontend/import/Rules.h"
#include "frontend/import/Symbols.h"
#include "frontend/onnx/Model.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Regex.h"

namespace onnx {
class FunctionProto;
class TypeProto;
class ValueInfoProto;
} // namespace onnx

namespace dl::frontend {

/// More elements than this are refused: their bytes could not be counted.
constexpr int64_t kMaxNumElements = int64_t(1) << 48;

struct ImportedStates;

/// The rules of all families.
RuleTable makeRules();

class GraphImporter {
public:
  GraphImporter(std::shared_ptr<Model> model, const RuleTable &rules,
                const ImportOptions &options, mlir::ModuleOp module);

  /// Builds @main. On failure, diagnostics have been emitted.
  mlir::LogicalResult run();

  /// Calls the function `name`, and makes what it has of states its last
  /// arguments and results. To be called after run(), for a mode other than
  /// inference.
  void takeStates(llvm::StringRef name, ImportedStates &states);

  //===------------------------------------------------------------------===//
  // For NodeContext
  //===------------------------------------------------------------------===//

  ImportMode getMode() const { return mode; }
  /// The initial value of a state; null for any other value.
  mlir::ElementsAttr getInitialValue(mlir::Value value) const;
  /// In training, the number of steps before this one, an i64 scalar that is a
  /// state; null otherwise.
  mlir::Value getCounter();
  /// Makes a state a statistic, with this value after a step; null where it
  /// stays as it is. Does nothing for another value.
  void setStatistic(mlir::Value state, mlir::Value updated);
  /// A value whose gradient goes to `input` as `build` says, whatever it was
  /// computed by.
  mlir::Value withGradient(
      mlir::Location loc, mlir::Value value, mlir::Value input,
      llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Value)> build);
  /// Values that ImportOptions::stopGradient has stopped.
  unsigned countStopped() const { return stopped; }

  /// The value of a name; null for one that a failed node defines.
  mlir::Value getValue(llvm::StringRef name);
  /// Null, with the node reported, where the model declares another type.
  mlir::LogicalResult setValue(NodeContext &node, llvm::StringRef name,
                               mlir::Value value);

  /// The map of a name; null where it is none.
  const MapValue *getMap(llvm::StringRef name) const;
  void setMap(llvm::StringRef name, MapValue map) { scope.maps[name] = map; }

  const std::shared_ptr<Model> &getModel() const { return model; }

  /// What becomes of the current node; the first reason stays.
  mlir::LogicalResult fail(bool isInvalid, const llvm::Twine &reason);

  /// A new symbol, called after the node, for an op that binds it.
  mlir::AffineExpr createSize(const NodeContext &node);

  /// The elements of a static integer tensor as symbols that are bound when
  /// the model runs, always the same for one value in one region. A value that
  /// is no size ends the run with the message.
  llvm::SmallVector<mlir::AffineExpr>
  bindSizes(NodeContext &node, mlir::Value sizes, const llvm::Twine &message);

  /// The symbols that are bound while the model runs, by number.
  llvm::DenseSet<unsigned> lateSymbols;
  /// Of symbols that are what sizes broadcast to: these sizes.
  llvm::MapVector<mlir::AffineExpr, llvm::SmallVector<mlir::AffineExpr>>
      broadcasts;

  /// Adds to `dl.checks`.
  void addCheck(bool orLess, mlir::AffineExpr a, mlir::AffineExpr b,
                const llvm::Twine &message);

private:
  struct Failure {
    bool isInvalid;
    std::string reason;
  };

  mlir::LogicalResult importInputs();
  /// The argument type of a graph input; null, with a diagnostic, where it has
  /// none.
  mlir::Type getInputType(const onnx::ValueInfoProto &input);
  mlir::Value addInput(const onnx::ValueInfoProto &input, mlir::Type type,
                       mlir::Location loc);
  /// A map is two arguments.
  mlir::LogicalResult addMapInput(const onnx::ValueInfoProto &input,
                                  mlir::Location loc);
  /// The rows of an output that is a sequence of maps; null, with a diagnostic,
  /// where the model declares another type.
  mlir::Value getMapRows(const onnx::ValueInfoProto &output,
                         const MapValue &map);
  mlir::AffineExpr getInputDim(const onnx::ValueInfoProto &input, int i);
  mlir::LogicalResult checkInitializers();
  /// Imports a node and reports what it cannot import. `owner` is the graph
  /// that the node stands in.
  void importNode(const onnx::NodeProto &node, const onnx::GraphProto &owner);
  /// Gives what a node has computed the derivatives that others say, in
  /// training.
  void setGradients(const onnx::NodeProto &node, mlir::Location loc);
  mlir::LogicalResult setGradient(const GivenGradient &gradient,
                                  mlir::Location loc);
  void stopGradients(const onnx::NodeProto &node, mlir::Location loc);
  /// Tells who asked for the nodes what became of one.
  void noteOutcome(const onnx::NodeProto &node, const onnx::GraphProto &owner);
  /// Imports a node whose inputs are there; on failure, `outcome` tells why.
  mlir::LogicalResult tryNode(const onnx::NodeProto &node, mlir::Location loc);
  /// An If whose condition is known: the nodes of the branch that is taken.
  mlir::LogicalResult importBranch(NodeContext &node);
  /// An If whose condition is not known.
  mlir::LogicalResult importBranches(NodeContext &node,
                                     const onnx::GraphProto &onTrue,
                                     const onnx::GraphProto &onFalse);
  mlir::LogicalResult importLoop(NodeContext &node);
  mlir::LogicalResult importScan(NodeContext &node);
  /// Of sequences whose elements are known, each of these by itself; of others,
  /// by ONNX's definition.
  mlir::LogicalResult importSequenceMap(NodeContext &node);

  /// A nested graph that becomes a region: a block that is not yet in an op.
  struct Body {
    mlir::Region region;
    llvm::SmallVector<mlir::Value> results;

    mlir::Block &block() { return region.front(); }
    bool isWhole() const { return !llvm::is_contained(results, mlir::Value()); }
  };
  /// What the import of a region may have to take back.
  struct Checkpoint {
    size_t checks, symbols;
  };
  Checkpoint mark() const { return {checks.size(), symbols.getNames().size()}; }
  void rollBack(const Checkpoint &to);
  /// Imports a graph into a body with arguments of these types; `getArguments`
  /// gives the values of the graph's inputs, while the builder stands in the
  /// body. Its results are null where a node has failed and been reported.
  mlir::LogicalResult importRegion(
      NodeContext &node, const onnx::GraphProto &nested, mlir::TypeRange types,
      Body &body,
      llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::ValueRange)>
          getArguments);
  /// Ends a body with its results as values of these types.
  mlir::LogicalResult closeBody(NodeContext &node, Body &body,
                                mlir::TypeRange types);
  mlir::LogicalResult matchSingles(NodeContext &node,
                                   llvm::ArrayRef<mlir::Value> first,
                                   Body &second);
  mlir::LogicalResult selectBranch(NodeContext &node, mlir::Value condition,
                                   Body &first, Body &second);
  /// Whether something in a region must run by itself: it binds sizes, or works
  /// on values that are no tensors.
  static bool needsRegion(mlir::Region &region);
  /// Whether a size uses a symbol that is bound in the region.
  static bool isLocalTo(mlir::Region &region, mlir::AffineExpr size);
  struct LoopForm;
  /// Imports the body of a loop for states of the types that they have in all
  /// iterations.
  mlir::LogicalResult importLoopBody(NodeContext &node, LoopForm &form);
  mlir::LogicalResult importLoopPass(NodeContext &node, LoopForm &form,
                                     bool isFirst);
  bool mergeStates(NodeContext &node, LoopForm &form, bool isFirst,
                   bool &changed);
  /// The loop as a dl.scan or a dl.loop; gives its states and stacked slices.
  mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  closeScan(NodeContext &node, LoopForm &form, mlir::AffineExpr count);
  mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  closeLoop(NodeContext &node, LoopForm &form, mlir::Value limit,
            mlir::Value condition);
  /// A Scan of the first version, over the sequences of a batch.
  mlir::LogicalResult importBatchScan(NodeContext &node);
  /// The nodes of a nested graph whose first inputs have these values; gives
  /// its outputs, all null where one of the nodes has failed and been reported.
  mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  importNested(NodeContext &node, const onnx::GraphProto &nested,
               mlir::ValueRange arguments);
  /// Gives the node's outputs these values; null ones are poisoned.
  mlir::LogicalResult setNestedResults(NodeContext &node,
                                       mlir::ValueRange values);
  /// An operator without a rule: the nodes of the function by which ONNX
  /// defines it.
  mlir::LogicalResult importBody(NodeContext &node);
  /// The nodes of a function with the node's inputs; those of a legacy one are
  /// of kRuleOpset.
  mlir::LogicalResult importFunction(NodeContext &node,
                                     const onnx::FunctionProto &body,
                                     bool isLegacy);
  mlir::LogicalResult importBodyNodes(mlir::Location loc);
  int64_t getOpsetOf(const onnx::NodeProto &node) const;
  /// Whether an input of the node is what a failed node would have defined.
  bool isPoisoned(const onnx::NodeProto &node);
  /// Why there is no rule for a node.
  std::string explainMissingRule(const onnx::NodeProto &node) const;
  /// Gives the outputs of a failed node values of the types that the model
  /// declares or ONNX infers, so that the nodes that follow can be looked at;
  /// null where the type is not known.
  void poisonOutputs(const onnx::NodeProto &node);
  mlir::Value createPlaceholder(const onnx::TypeProto &type);
  std::vector<onnx::TypeProto> getInputTypes(const onnx::NodeProto &node);
  /// A new state for an initializer; null where it is to be a constant.
  mlir::Value addState(llvm::StringRef name, const onnx::TensorProto &tensor);
  /// Returns, behind the outputs, what states are after a step.
  void addStateResults();
  void updateFunctionType();
  mlir::LogicalResult importOutputs();
  mlir::LogicalResult finish();
  mlir::InFlightDiagnostic emitModelError();

  std::shared_ptr<Model> model;
  const onnx::GraphProto &graph;
  const RuleTable &rules;
  mlir::ModuleOp module;
  mlir::MLIRContext *context;
  mlir::OpBuilder builder;
  mlir::func::FuncOp function;
  Symbols symbols;
  std::vector<ImportedNode> *nodes; // null where nobody asks

  /// What names stand for, in the graph or in the body of an operator.
  struct Scope {
    llvm::StringMap<mlir::Value> values;
    llvm::StringMap<MapValue> maps;
    llvm::StringMap<const onnx::TensorProto *> initializers;
    /// Types that the model declares for outputs and intermediate values.
    llvm::StringMap<const onnx::TypeProto *> declared;
    llvm::StringSet<> outputs;
    /// The function whose body it is; null in the graph.
    const onnx::FunctionProto *body = nullptr;
    bool isLegacy = false;
    /// Its nodes are of the operator sets that it names.
    bool hasOwnOpsets = false;
    unsigned depth = 0;
  };
  Scope scope;

  llvm::SmallVector<mlir::Attribute> checks;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::AffineExpr>> boundSizes;
  unsigned loopDepth = 0; // loops around what is imported

  ImportMode mode;
  /// What is an argument because it is a state.
  struct StateValue {
    std::string name;
    mlir::BlockArgument argument;
    mlir::ElementsAttr initial;
    std::string role = "parameter"; // as in kStatesAttr
    mlir::Value updated;
  };
  std::vector<StateValue> states;

  std::optional<llvm::Regex> stops; ///< names of what gradients end at
  unsigned stopped = 0;

  std::optional<Failure> outcome;
  bool hasErrors = false;
  std::vector<std::string> unsupported;
};

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_GRAPHIMPORTER_H

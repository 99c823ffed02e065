// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What an import rule sees, and the table of rules. A rule turns one ONNX node
// into dl ops. A rule file includes ONNX's headers only where it reads what
// NodeContext does not offer.

#ifndef DL_FRONTEND_IMPORT_RULES_H
#define DL_FRONTEND_IMPORT_RULES_H

#include "ir/dialect/Dialect.h"
#include "ir/dialect/Dims.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringMap.h"
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace onnx {
class AttributeProto;
class GraphProto;
class NodeProto;
class TensorProto;
class TypeProto;
} // namespace onnx

namespace dl::frontend {

class GraphImporter;

/// Maps stand at the graph's border alone and are no values of the dialect. An
/// input: its keys (i64 or strings) and values, of one size. A sequence of
/// maps, which is an output: rows of values, and the attributes of their keys.
struct MapValue {
  mlir::Value keys, values;
  mlir::ArrayAttr rowKeys;
};

/// One node while it is imported. Values are tensors, but for operators whose
/// schema takes sequences or optionals. Values that it returns may be null:
/// absent optional inputs, and results of ops that could not be created. An op
/// with a null operand is not created, and setResults fails on a null value, so
/// a rule needs a test only before it looks at a value's type.
class NodeContext {
public:
  mlir::OpBuilder &builder;
  mlir::Location loc;
  const onnx::NodeProto &node;
  /// Version of the operator set of the node's domain.
  int64_t opset;

  NodeContext(GraphImporter &importer, mlir::OpBuilder &builder,
              mlir::Location loc, const onnx::NodeProto &node, int64_t opset);

  //===------------------------------------------------------------------===//
  // Inputs and outputs
  //===------------------------------------------------------------------===//

  /// Number of inputs or outputs that the node lists, the empty names included.
  size_t numInputs() const;
  size_t numOutputs() const;
  /// Null where the input is absent or its name empty. Halves are f32 for a
  /// node whose steps are computed in that.
  mlir::Value input(size_t i) const;
  bool hasInput(size_t i) const { return static_cast<bool>(input(i)); }
  /// What an input is that is a map, whose `input` is null; null for others.
  const MapValue *mapInput(size_t i) const;
  bool hasOutput(size_t i) const;
  /// What a name stands for where the node is, whether it is one of the node's
  /// inputs or not; null where nothing has it.
  mlir::Value valueOf(llvm::StringRef name) const;
  llvm::StringRef opType() const;

  //===------------------------------------------------------------------===//
  // Attributes; the caller gives ONNX's default
  //===------------------------------------------------------------------===//

  bool hasAttr(llvm::StringRef name) const;
  int64_t getInt(llvm::StringRef name, int64_t byDefault) const;
  float getFloat(llvm::StringRef name, float byDefault) const;
  std::string getString(llvm::StringRef name, llvm::StringRef byDefault) const;
  std::optional<llvm::SmallVector<int64_t>> getInts(llvm::StringRef name) const;
  std::optional<llvm::SmallVector<float>> getFloats(llvm::StringRef name) const;
  std::optional<llvm::SmallVector<std::string>>
  getStrings(llvm::StringRef name) const;
  /// Null where the attribute is absent or of another kind; owned by the model.
  const onnx::TensorProto *getTensor(llvm::StringRef name) const;
  const onnx::GraphProto *getGraph(llvm::StringRef name) const;
  const onnx::TypeProto *getType(llvm::StringRef name) const;
  /// The elements of a tensor attribute of floats, of integers.
  std::optional<llvm::SmallVector<double>>
  getTensorFloats(llvm::StringRef name) const;
  std::optional<llvm::SmallVector<int64_t>>
  getTensorInts(llvm::StringRef name) const;
  /// An axis attribute or operand value in [-rank, rank) as one in [0, rank);
  /// otherwise reports the node as invalid and returns nothing.
  std::optional<int64_t> normalizeAxis(int64_t axis, int64_t rank);

  //===------------------------------------------------------------------===//
  // Types and sizes
  //===------------------------------------------------------------------===//

  static mlir::RankedTensorType type(mlir::Value value) {
    return mlir::cast<mlir::RankedTensorType>(value.getType());
  }
  static int64_t rank(mlir::Value value) { return type(value).getRank(); }
  static mlir::Type elementType(mlir::Value value) {
    return type(value).getElementType();
  }
  static mlir::AffineExpr dim(mlir::Value value, unsigned i) {
    return mlir::dl::getDim(type(value), i);
  }
  static llvm::SmallVector<mlir::AffineExpr> dims(mlir::Value value) {
    return mlir::dl::getDims(type(value));
  }
  mlir::AffineExpr constantExpr(int64_t value) const {
    return builder.getAffineConstantExpr(value);
  }
  /// The element type of an ONNX data type; reports the node as unsupported and
  /// returns null for types that the dialect does not have yet.
  mlir::Type getElementType(int32_t onnxDataType);

  //===------------------------------------------------------------------===//
  // Values known at compile time
  //===------------------------------------------------------------------===//

  /// The elements of an integer tensor, as expressions over the symbols.
  std::optional<llvm::SmallVector<mlir::AffineExpr>>
  sizeValues(mlir::Value value) const;
  /// The elements of a constant integer or bool tensor, of a constant float
  /// tensor.
  std::optional<llvm::SmallVector<int64_t>> intValues(mlir::Value value) const;
  std::optional<llvm::SmallVector<double>> floatValues(mlir::Value value) const;

  /// More sizes than this in one list, which no rank comes near to, are
  /// refused: each would become a symbol, and an input may claim any number.
  static constexpr int64_t kMaxListed = 4096;

  /// So many that only the running model knows: sums over all of their symbols
  /// take a time that grows with the cube of their number.
  static constexpr int64_t kMaxBound = 64;

  /// The elements of an integer tensor, of a static number of elements, that
  /// are known only when the model runs, as symbols that are then bound. An
  /// element that is negative or beyond all sizes ends the run with `what` "is
  /// not valid". Nothing, with the node reported, where that is not possible.
  std::optional<llvm::SmallVector<mlir::AffineExpr>>
  bindSizes(mlir::Value value, const llvm::Twine &what);

  /// A new symbol, for an op that binds it.
  mlir::AffineExpr createSize();

  /// Whether a size has a symbol that is bound while the model runs.
  bool isLate(mlir::AffineExpr size) const;
  /// Whether ops that are built now run once, and may bind sizes.
  bool runsOnce() const;
  /// Whether a size has a symbol that is bound in the block that is being
  /// built.
  bool isBoundHere(mlir::AffineExpr size) const;
  /// The size that these are known to broadcast to, since noteBroadcast.
  std::optional<mlir::AffineExpr>
  findBroadcast(llvm::ArrayRef<mlir::AffineExpr> sizes) const;
  void noteBroadcast(llvm::ArrayRef<mlir::AffineExpr> sizes,
                     mlir::AffineExpr result);

  //===------------------------------------------------------------------===//
  // Building
  //===------------------------------------------------------------------===//

  /// Creates an op with one result, folded where it can be. Arguments are those
  /// of the op's builder: operands and attributes; for an op whose result types
  /// are not inferred, the result type comes first. An op whose types cannot be
  /// inferred, or that its verifier refuses, makes the node invalid and gives
  /// null.
  template <class Op, class... Args> mlir::Value create(Args &&...args) {
    llvm::SmallVector<mlir::Value> results =
        createResults<Op>(1, std::forward<Args>(args)...);
    return results.empty() ? mlir::Value() : results.front();
  }

  /// The same for an op with `count` results; empty where it cannot be created.
  /// For an op whose types are not inferred, one argument for each type.
  template <class Op, class... Args>
  llvm::SmallVector<mlir::Value> createResults(size_t count, Args &&...args) {
    if ((isNull(args) || ...))
      return {};
    mlir::OperationState state(loc, Op::getOperationName());
    if constexpr (Op::template hasTrait<mlir::InferTypeOpInterface::Trait>()) {
      llvm::SmallVector<mlir::Type> placeholders(
          count, mlir::RankedTensorType::get({}, builder.getI1Type()));
      Op::build(builder, state, mlir::TypeRange(placeholders),
                std::forward<Args>(args)...);
    } else {
      Op::build(builder, state, std::forward<Args>(args)...);
    }
    return finish(state);
  }

  mlir::Value constant(mlir::ElementsAttr value);
  /// A constant of a tensor attribute or initializer of the model.
  mlir::Value constant(const onnx::TensorProto &tensor);
  /// A tensor (a scalar by default) with one value everywhere. Integers are
  /// truncated to the element type; all strings are empty.
  mlir::Value splat(double value, mlir::Type elementType,
                    llvm::ArrayRef<int64_t> shape = {});
  /// An i64 tensor of rank 1 with these constants.
  mlir::Value intConstant(llvm::ArrayRef<int64_t> values);
  /// An i64 tensor of rank 1 (or a scalar) that holds sizes.
  mlir::Value sizes(llvm::ArrayRef<mlir::AffineExpr> values);
  mlir::Value sizeScalar(mlir::AffineExpr value);
  /// `value` itself where it has these dimensions already. Element counts that
  /// cannot be compared are checked when the model runs.
  mlir::Value reshape(mlir::Value value, llvm::ArrayRef<mlir::AffineExpr> dims);
  mlir::Value broadcast(mlir::Value value,
                        llvm::ArrayRef<mlir::AffineExpr> dims);
  mlir::Value transpose(mlir::Value value, llvm::ArrayRef<int64_t> permutation);
  mlir::Value cast(mlir::Value value, mlir::Type elementType);

  //===------------------------------------------------------------------===//
  // Outcome
  //===------------------------------------------------------------------===//

  /// Gives the node's outputs their values, in order; fewer than the node lists
  /// are accepted where the rest is absent. Fails on a null value, and where a
  /// value contradicts the type that the model declares for the output. Of a
  /// node whose steps are computed in f32, rounds results to halves.
  mlir::LogicalResult setResults(mlir::ValueRange values);

  /// Whether a node that does something else when a model trains is to do what
  /// it does at inference, whatever its attributes say.
  bool isEvaluation() const;
  /// Whether what is imported is a step of training.
  bool isTraining() const;
  /// In training, a value whose gradient goes to `input` as `build` makes it;
  /// otherwise the value.
  mlir::Value withGradient(
      mlir::Value value, mlir::Value input,
      llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Value)> build);
  /// In training, the number of steps before this one, an i64 scalar; null
  /// otherwise.
  mlir::Value getCounter() const;
  /// Says that an input, if it is a state, is a statistic, and what it is after
  /// a step; null where it stays as it is.
  void setStatistic(mlir::Value state, mlir::Value updated);

  /// Computes the node's steps in f32 where its first input is of halves, so
  /// that a result is rounded once.
  void computeInSingle();

  /// Makes the node's first output a sequence of maps: from these keys (strings
  /// or i64) to the elements of the rows of a matrix.
  mlir::LogicalResult setMaps(mlir::Value rows, mlir::ArrayAttr keys);

  /// The node is right, but outside of what can be compiled. Returns failure;
  /// the reason goes into the report of all unsupported nodes. Lower case, no
  /// period.
  mlir::LogicalResult unsupported(const llvm::Twine &reason);
  /// The node is wrong.
  mlir::LogicalResult invalid(const llvm::Twine &reason);

  /// Demands a relation of sizes: nothing happens where it is provable, the
  /// node is invalid where it is false, otherwise it is checked when the model
  /// runs.
  mlir::LogicalResult requireEqual(mlir::AffineExpr a, mlir::AffineExpr b,
                                   const llvm::Twine &why);
  mlir::LogicalResult requireLessEqual(mlir::AffineExpr a, mlir::AffineExpr b,
                                       const llvm::Twine &why);

private:
  static bool isNull(const mlir::Value &value) { return !value; }
  static bool isNull(const mlir::Type &type) { return !type; }
  static bool isNull(const mlir::RankedTensorType &type) { return !type; }
  static bool isNull(const llvm::SmallVectorImpl<mlir::Value> &values) {
    return llvm::is_contained(values, mlir::Value());
  }
  template <class T> static bool isNull(const T &argument) {
    if constexpr (std::is_convertible_v<const T &, mlir::ValueRange>)
      return llvm::is_contained(mlir::ValueRange(argument), mlir::Value());
    return false;
  }

  const onnx::AttributeProto *getAttr(llvm::StringRef name) const;
  llvm::SmallVector<mlir::Value> finish(mlir::OperationState &state);
  mlir::LogicalResult require(mlir::AffineExpr a, mlir::AffineExpr b,
                              bool orLess, const llvm::Twine &why);

  GraphImporter &importer;
  /// The type of the first input where the steps are computed in f32.
  mlir::Type half;
};

/// Whether an operator takes several steps between its inputs and its result,
/// none of which is to be rounded to a half: ONNX says what it computes, not
/// how.
bool isComposite(llvm::StringRef domain, llvm::StringRef op);

/// Whether an ONNX data type is complex.
bool isComplexNumber(int32_t onnxDataType);

/// Whether an operator would have to compute with complex numbers or compare
/// them, though ONNX's schema takes some: the dialect only moves them.
bool refusesComplexNumbers(llvm::StringRef domain, llvm::StringRef op);

/// Imports one node: sets its results, or says why not.
using ImportRule = mlir::LogicalResult (*)(NodeContext &);

/// Rules by domain, op type and the first version of the operator set they are
/// for.
class RuleTable {
public:
  /// A rule of ONNX's default domain for all versions from 13 on, and for older
  /// ones whose form is the same (see Legacy.h).
  void add(llvm::StringRef op, ImportRule rule) { add("", op, 1, rule); }
  /// `sinceOpset` is the first version with these semantics; of several rules,
  /// the one with the highest version not above the node's is taken.
  void add(llvm::StringRef domain, llvm::StringRef op, int sinceOpset,
           ImportRule rule);
  /// Null where there is none.
  ImportRule find(llvm::StringRef domain, llvm::StringRef op,
                  int64_t opset) const;
  /// The operators of a domain for which there are rules, in order.
  std::vector<std::string> listOperators(llvm::StringRef domain) const;

private:
  llvm::StringMap<llvm::SmallVector<std::pair<int, ImportRule>, 1>> rules;
};

void addElementwiseRules(RuleTable &table);
void addReductionRules(RuleTable &table);
void addMovementRules(RuleTable &table);
void addIndexingRules(RuleTable &table);
void addContractionRules(RuleTable &table);
void addNormalizationRules(RuleTable &table);
void addPoolingRules(RuleTable &table);
void addRecurrentRules(RuleTable &table);
void addShapeRules(RuleTable &table);
void addTreeRules(RuleTable &table);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_RULES_H

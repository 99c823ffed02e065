// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// An ONNX model in memory: ONNX's own messages without the weights, and the
// mapped files in which the weights stay.

#ifndef DL_FRONTEND_ONNX_MODEL_H
#define DL_FRONTEND_ONNX_MODEL_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace onnx {
class FunctionProto;
class GraphProto;
class ModelProto;
class NodeProto;
class TensorProto;
} // namespace onnx

namespace dl::frontend {

class MappedFile;

/// A function that gives the gradient of an operator or of another function.
struct GradientFunction {
  std::shared_ptr<const onnx::FunctionProto> function;
  bool isFromFile = false; ///< of its own, and so meant for this model
  bool isUsed = false;
};

/// The gradient of what one node computes, or one call of a function.
struct GivenGradient {
  std::string node; ///< for messages
  /// Names of values; empty for what is left out.
  std::vector<std::string> inputs, outputs;
  bool isCall = false;
  /// With the node's attributes.
  std::shared_ptr<const onnx::FunctionProto> function;
};

class Model {
public:
  Model();
  ~Model();
  Model(const Model &) = delete;
  Model &operator=(const Model &) = delete;

  /// As the user gave it.
  std::string path;
  std::unique_ptr<onnx::ModelProto> proto;
  /// Every file that `references` point into.
  std::vector<std::shared_ptr<const MappedFile>> files;
  /// Data of the tensors whose `external_data` has a kReferenceKey entry.
  std::vector<llvm::StringRef> references;

  /// By domain, a colon and the operator's name; see GivenGradients.h.
  std::map<std::string, GradientFunction> gradientFunctions;
  std::vector<GivenGradient> gradients;

  /// The referenced data of a tensor; nothing where the tensor holds its data.
  std::optional<llvm::StringRef>
  getReference(const onnx::TensorProto &tensor) const;
  /// Turns a tensor into one that refers to `data`.
  void setReference(onnx::TensorProto &tensor, llvm::StringRef data);
};

/// Whether the bytes at the start of a file are those of a textual model.
bool isTextualModel(llvm::StringRef path, llvm::StringRef bytes);

/// Maps and reads a model, binary or textual, with its external data, and
/// checks every tensor: type, dimensions, and that the size of the data agrees.
/// The error says what is wrong, without the model's path.
llvm::Expected<std::shared_ptr<Model>> loadModel(llvm::StringRef path);

/// Replaces what tensors say about external files by references. Files lie in
/// the folder of the model; no path leads out of it.
llvm::Error resolveExternalData(Model &model);

/// Replaces sparse initializers, and those of Constant nodes, by dense tensors.
/// Tensors must have been checked.
llvm::Error makeSparseTensorsDense(Model &model);

/// Domain that unknown operators are moved to, in front of their own, so that
/// the rest of a model can still be checked and prepared.
constexpr llvm::StringLiteral kUnknownDomain = "dl.unknown:";

/// Whether there is a rule for an operator: domain, name, version of the set.
using HasRule =
    llvm::function_ref<bool(llvm::StringRef, llvm::StringRef, int64_t)>;

/// Checks the model's structure and operators, and replaces calls of its
/// functions by their bodies.
llvm::Error prepareModel(Model &model, HasRule hasRule);

/// Calls `visit` for each tensor: initializers, attributes, and those in nested
/// graphs and functions. Stops at the first error.
llvm::Error
forEachTensor(onnx::ModelProto &model,
              llvm::function_ref<llvm::Error(onnx::TensorProto &)> visit);

/// Name of a node for messages: its own, otherwise that of its first output.
std::string getNodeName(const onnx::NodeProto &node);

/// Name of a node's operator with its domain, unless that is ONNX's own.
std::string getOperatorName(const onnx::NodeProto &node);

/// "graph 'g', node 'n' (Op, opset 18)".
std::string describeNode(const onnx::GraphProto &graph,
                         const onnx::NodeProto &node, int64_t opset);

/// Whether every name is defined once and before its use, in the graph and in
/// those nested in it, the graph's outputs are defined, and its inputs have
/// shapes.
llvm::Error checkNames(const onnx::ModelProto &model);

/// The version of a domain's operators that the model imports; 0 for none.
/// ONNX's own domain is "" or "ai.onnx".
int64_t getOpset(const onnx::ModelProto &model, llvm::StringRef domain);

/// An error with this message.
llvm::Error modelError(const llvm::Twine &message);

} // namespace dl::frontend

#endif // DL_FRONTEND_ONNX_MODEL_H

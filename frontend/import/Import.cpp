// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Import.h"
#include "frontend/import/GraphImporter.h"
#include "frontend/import/ImportedStates.h"
#include "frontend/onnx/AppendLoss.h"
#include "frontend/onnx/GivenGradients.h"
#include "frontend/onnx/MappedFile.h"
#include "frontend/onnx/MicroBatch.h"
#include "ir/dialect/Locations.h"
#include "onnx/onnx_pb.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using llvm::StringRef;

bool frontend::isModelFile(StringRef path) {
  if (path.ends_with(".mlir"))
    return false;
  if (path.ends_with(".onnx") || path.ends_with(".onnxtext") ||
      path.ends_with(".onnxtxt"))
    return true;
  auto file = MappedFile::open(path.str());
  if (!file) {
    llvm::consumeError(file.takeError());
    return false;
  }
  // The first field of a binary model is its IR version, a small number.
  StringRef bytes = (*file)->bytes();
  return isTextualModel(path, bytes) || (bytes.size() > 2 && bytes[0] == 0x08 &&
                                         bytes[1] > 0 && bytes[1] < 0x20);
}

/// Adds the nodes of a graph and of those nested in it.
static void listNodes(const onnx::GraphProto &graph,
                      std::vector<ImportedNode> &nodes) {
  for (const onnx::NodeProto &node : graph.node()) {
    ImportedNode &listed = nodes.emplace_back();
    listed.graph = graph.name();
    listed.name = getNodeName(node);
    listed.op = getOperatorName(node);
    listed.inputs.assign(node.input().begin(), node.input().end());
    listed.outputs.assign(node.output().begin(), node.output().end());
    for (const onnx::AttributeProto &attribute : node.attribute()) {
      if (attribute.has_g())
        listNodes(attribute.g(), nodes);
      for (const onnx::GraphProto &nested : attribute.graphs())
        listNodes(nested, nodes);
    }
  }
}

RuleTable frontend::makeRules() {
  RuleTable table;
  addShapeRules(table);
  addTreeRules(table);
  addElementwiseRules(table);
  addReductionRules(table);
  addMovementRules(table);
  addIndexingRules(table);
  addContractionRules(table);
  addNormalizationRules(table);
  addPoolingRules(table);
  addRecurrentRules(table);
  return table;
}

namespace {
/// A model's file, ready to be imported, and the module that is to hold it.
struct Source {
  std::shared_ptr<Model> model;
  RuleTable rules = makeRules();
  OwningOpRef<ModuleOp> module;
};
} // namespace

/// Fails with a diagnostic that is located at the loss.
static LogicalResult addLoss(StringRef path, HasRule hasRule,
                             MLIRContext &context, Model &model) {
  auto loss = loadModel(path);
  llvm::Error error = loss ? prepareModel(**loss, hasRule) : loss.takeError();
  if (!error)
    error = appendLoss(model, **loss);
  if (!error)
    return success();
  emitError(mlir::dl::getFileLoc(path, &context))
      << llvm::toString(std::move(error));
  return failure();
}

/// Likewise for a file of gradients, whose functions ONNX's checker looks at.
static LogicalResult addGradients(StringRef path, HasRule hasRule,
                                  MLIRContext &context, Model &model) {
  auto file = loadModel(path);
  llvm::Error error = file ? takeGradients(model, **file) : file.takeError();
  if (!error)
    error = prepareModel(**file, hasRule);
  if (!error)
    return success();
  emitError(mlir::dl::getFileLoc(path, &context))
      << llvm::toString(std::move(error));
  return failure();
}

/// Fails with a diagnostic.
static LogicalResult load(StringRef path, const ImportOptions &options,
                          MLIRContext &context, Source &source,
                          bool trains = false, int64_t microBatches = 1) {
  context.loadDialect<mlir::dl::DlDialect, func::FuncDialect>();
  Location loc = mlir::dl::getFileLoc(path, &context);
  auto model = loadModel(path);
  if (!model) {
    emitError(loc) << llvm::toString(model.takeError());
    return failure();
  }
  if (options.nodes)
    listNodes((*model)->proto->graph(), *options.nodes);
  auto hasRule = [&](StringRef domain, StringRef op, int64_t opset) {
    return source.rules.find(domain, op, opset) != nullptr;
  };
  if (llvm::Error error = setInputShapes(**model, options.shapes)) {
    emitError(loc) << llvm::toString(std::move(error));
    return failure();
  }
  if (trains)
    findGradients(**model);
  if (!options.gradients.empty() &&
      failed(addGradients(options.gradients, hasRule, context, **model)))
    return failure();
  if (llvm::Error error = prepareModel(**model, hasRule)) {
    emitError(loc) << llvm::toString(std::move(error));
    return failure();
  }
  if (!options.loss.empty() &&
      failed(addLoss(options.loss, hasRule, context, **model)))
    return failure();
  if (llvm::Error error = llvm::joinErrors(bindGradients(**model),
                                           checkGradientsUsed(**model))) {
    emitError(loc) << llvm::toString(std::move(error));
    return failure();
  }
  llvm::Error divided = microBatches > 1 ? divideBatch(**model, microBatches)
                                         : llvm::Error::success();
  if (divided) {
    emitError(loc) << llvm::toString(std::move(divided));
    return failure();
  }
  source.model = *model;
  source.module = ModuleOp::create(loc);
  return success();
}

OwningOpRef<ModuleOp> frontend::importModel(StringRef path,
                                            const ImportOptions &options,
                                            MLIRContext &context) {
  Source source;
  if (failed(load(path, options, context, source)))
    return nullptr;
  GraphImporter importer(source.model, source.rules, options, *source.module);
  if (failed(importer.run()))
    return nullptr;
  return std::move(source.module);
}

OwningOpRef<ModuleOp>
frontend::importTrainingModel(StringRef path, const ImportOptions &options,
                              MLIRContext &context) {
  Source source, divided;
  if (failed(load(path, options, context, source, /*trains=*/true)))
    return nullptr;
  ImportOptions silent = options;
  silent.nodes = nullptr;
  if (options.microBatches > 1 &&
      failed(load(path, silent, context, divided, /*trains=*/true,
                  options.microBatches)))
    return nullptr;
  ImportedStates states;
  for (auto [mode, name] : {std::pair(ImportMode::Training, "main"),
                            std::pair(ImportMode::Evaluation, "inference")}) {
    ImportOptions own = options;
    own.mode = mode;
    if (mode != ImportMode::Training)
      own.nodes = nullptr;
    bool isDivided = mode == ImportMode::Training && options.microBatches > 1;
    GraphImporter importer(isDivided ? divided.model : source.model,
                           source.rules, own, *source.module);
    if (failed(importer.run()))
      return nullptr;
    if (mode == ImportMode::Training && !options.stopGradient.empty() &&
        importer.countStopped() == 0) {
      emitError(mlir::dl::getFileLoc("--stop-gradient", &context))
          << "no node or value that is computed has a name that '"
          << options.stopGradient << "' matches";
      return nullptr;
    }
    importer.takeStates(name, states);
  }
  states.declare(*source.module);
  return std::move(source.module);
}

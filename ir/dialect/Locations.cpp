// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Locations.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::dl;

Location mlir::dl::getFileLoc(StringRef file, MLIRContext *context) {
  return FileLineColLoc::get(context, file, 0, 0);
}

Location mlir::dl::getNodeLoc(const SourceNode &node, MLIRContext *context) {
  Builder builder(context);
  Location name = NameLoc::get(builder.getStringAttr(node.node),
                               getFileLoc(node.file, context));
  return FusedLoc::get(
      context, {name},
      builder.getDictionaryAttr(
          {builder.getNamedAttr("graph", builder.getStringAttr(node.graph)),
           builder.getNamedAttr("op", builder.getStringAttr(node.op)),
           builder.getNamedAttr("opset",
                                builder.getI64IntegerAttr(node.opset))}));
}

/// The node of a location made by getNodeLoc.
static std::optional<SourceNode> matchNodeLoc(Location loc) {
  auto fused = dyn_cast<FusedLoc>(loc);
  auto info =
      fused ? dyn_cast_or_null<DictionaryAttr>(fused.getMetadata()) : nullptr;
  if (!info || fused.getLocations().size() != 1)
    return std::nullopt;
  auto name = dyn_cast<NameLoc>(fused.getLocations().front());
  auto file =
      name ? dyn_cast<FileLineColLoc>(name.getChildLoc()) : FileLineColLoc();
  auto graph = info.getAs<StringAttr>("graph");
  auto op = info.getAs<StringAttr>("op");
  auto opset = info.getAs<IntegerAttr>("opset");
  if (!file || !graph || !op || !opset)
    return std::nullopt;
  return SourceNode{file.getFilename().getValue(), graph.getValue(),
                    name.getName().getValue(), op.getValue(), opset.getInt()};
}

static void collect(Location loc, SetVector<Location> &nodes) {
  if (matchNodeLoc(loc))
    nodes.insert(loc);
  else if (auto fused = dyn_cast<FusedLoc>(loc))
    for (Location part : fused.getLocations())
      collect(part, nodes);
  else if (auto name = dyn_cast<NameLoc>(loc))
    collect(name.getChildLoc(), nodes);
  else if (auto call = dyn_cast<CallSiteLoc>(loc))
    collect(call.getCallee(), nodes);
}

SmallVector<SourceNode> mlir::dl::getSourceNodes(Location loc) {
  SetVector<Location> locations;
  collect(loc, locations);
  SmallVector<SourceNode> nodes;
  for (Location node : locations)
    nodes.push_back(*matchNodeLoc(node));
  return nodes;
}

std::optional<SourceNode> mlir::dl::getSourceNode(Location loc) {
  SmallVector<SourceNode> nodes = getSourceNodes(loc);
  if (nodes.size() != 1)
    return std::nullopt;
  return nodes.front();
}

std::string mlir::dl::describeNode(const SourceNode &node) {
  return ("graph '" + node.graph + "', node '" + node.node + "' (" + node.op +
          ", opset " + Twine(node.opset) + ")")
      .str();
}

std::string mlir::dl::describeLocation(Location loc) {
  SmallVector<SourceNode> nodes = getSourceNodes(loc);
  if (!nodes.empty()) {
    std::string where =
        nodes.front().file.str() + ": " + describeNode(nodes.front());
    if (nodes.size() > 1)
      where += " and " + std::to_string(nodes.size() - 1) + " more";
    return where;
  }
  FileLineColLoc file = loc->findInstanceOf<FileLineColLoc>();
  if (!file)
    return "";
  std::string where = file.getFilename().str();
  if (file.getLine())
    where += ":" + std::to_string(file.getLine()) + ":" +
             std::to_string(file.getColumn());
  return where;
}

static void printOne(Diagnostic &diagnostic, raw_ostream &os) {
  switch (diagnostic.getSeverity()) {
  case DiagnosticSeverity::Error:
    os << "error: ";
    break;
  case DiagnosticSeverity::Warning:
    os << "warning: ";
    break;
  case DiagnosticSeverity::Note:
  case DiagnosticSeverity::Remark:
    os << "note: ";
    break;
  }
  std::string where = describeLocation(diagnostic.getLocation());
  if (!where.empty())
    os << where << ": ";
  os << diagnostic.str() << "\n";
}

void mlir::dl::printDiagnostic(Diagnostic &diagnostic, raw_ostream &os) {
  printOne(diagnostic, os);
  for (Diagnostic &note : diagnostic.getNotes())
    printOne(note, os);
}

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/DebugInfo.h"
#include "ir/dialect/Dialect.h"
#include "ir/dialect/Locations.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"

using namespace dl;
namespace json = llvm::json;

std::string dl::package::getDebugInfo(const PackageInput &input) {
  llvm::StringMap<llvm::SmallVector<mlir::Location>> locations;
  mlir::ModuleOp module = input.module;
  module.walk([&](mlir::dl::DispatchOp op) {
    locations[op.getKernel()].push_back(op.getLoc());
  });
  json::Array kernels;
  for (const std::string &name : input.kernelNames) {
    json::Array sources;
    auto it = locations.find(name);
    if (it != locations.end() && !it->second.empty()) {
      auto all = mlir::FusedLoc::get(module.getContext(), it->second);
      for (const mlir::dl::SourceNode &node : mlir::dl::getSourceNodes(all))
        sources.push_back(json::Object{
            {"graph", node.graph}, {"node", node.node}, {"op", node.op}});
    }
    kernels.push_back(
        json::Object{{"name", name}, {"sources", std::move(sources)}});
  }
  std::string text;
  llvm::raw_string_ostream(text)
      << json::Value(json::Object{{"kernels", std::move(kernels)}});
  return text;
}

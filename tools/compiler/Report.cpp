// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/compiler/Report.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace dl::tools {

static void addPlace(std::string place, std::vector<std::string> &places) {
  if (!llvm::is_contained(places, place))
    places.push_back(std::move(place));
}

/// Adds the places that `loc` names, outermost first, each once.
static void collectPlaces(Location loc, std::vector<std::string> &places) {
  if (auto file = dyn_cast<FileLineColLoc>(loc)) {
    std::string place = file.getFilename().str();
    // A file without lines (a model) has line 0.
    if (file.getLine())
      place += ":" + std::to_string(file.getLine()) + ":" +
               std::to_string(file.getColumn());
    addPlace(place, places);
  } else if (auto name = dyn_cast<NameLoc>(loc)) {
    collectPlaces(name.getChildLoc(), places);
    addPlace(name.getName().str(), places);
  } else if (auto call = dyn_cast<CallSiteLoc>(loc)) {
    collectPlaces(call.getCallee(), places);
  } else if (auto fused = dyn_cast<FusedLoc>(loc)) {
    for (Location part : fused.getLocations())
      collectPlaces(part, places);
  } else if (auto opaque = dyn_cast<OpaqueLoc>(loc)) {
    collectPlaces(opaque.getFallbackLocation(), places);
  }
}

std::string describeLocation(Location loc, StringRef fallback) {
  std::vector<std::string> places;
  collectPlaces(loc, places);
  if (places.empty())
    return fallback.str();
  // A kernel may come from many nodes: the first few say enough.
  constexpr size_t most = 4;
  bool isLong = places.size() > most;
  places.resize(std::min(places.size(), most));
  return llvm::join(places, ": ") + (isLong ? ": ..." : "");
}

Report::Report(MLIRContext *context, StringRef input, raw_ostream &stream)
    : context(context), input(input), stream(stream) {
  handler =
      context->getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
        std::lock_guard<std::mutex> lock(mutex);
        print(diagnostic);
        return success();
      });
}

Report::~Report() {
  context->getDiagEngine().eraseHandler(handler);
  stream << warnings;
}

static StringRef getSeverityName(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Error:
    return "error";
  case DiagnosticSeverity::Warning:
    return "warning";
  case DiagnosticSeverity::Note:
    return "note";
  case DiagnosticSeverity::Remark:
    return "remark";
  }
  return "error";
}

void Report::print(const Diagnostic &diagnostic) {
  std::string text;
  llvm::raw_string_ostream out(text);
  auto line = [&](const Diagnostic &part) {
    out << getSeverityName(part.getSeverity()) << ": "
        << describeLocation(part.getLocation(), input) << ": " << part.str()
        << "\n";
  };
  line(diagnostic);
  for (const Diagnostic &note : diagnostic.getNotes())
    line(note);
  if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
    stream << text;
  else
    warnings += text;
}

} // namespace dl::tools

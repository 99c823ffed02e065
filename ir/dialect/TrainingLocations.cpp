// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/TrainingLocations.h"
#include "mlir/IR/BuiltinAttributes.h"

using namespace mlir;
using namespace mlir::dl;

constexpr llvm::StringLiteral kAgain = "again";

static Location mark(Location loc, StringRef name) {
  MLIRContext *context = loc.getContext();
  return FusedLoc::get(context, {loc}, StringAttr::get(context, name));
}

/// The mark that a location itself carries; empty without one.
static StringRef getMark(Location loc) {
  auto fused = dyn_cast<FusedLoc>(loc);
  auto name =
      fused ? dyn_cast_or_null<StringAttr>(fused.getMetadata()) : StringAttr();
  return name ? name.getValue() : StringRef();
}

StringRef mlir::dl::getPassName(TrainingPass pass) {
  switch (pass) {
  case TrainingPass::Backward:
    return "backward";
  case TrainingPass::Update:
    return "update";
  case TrainingPass::Forward:
    break;
  }
  return "forward";
}

Location mlir::dl::markPass(Location loc, TrainingPass pass) {
  return pass == TrainingPass::Forward ? loc : mark(loc, getPassName(pass));
}

TrainingPass mlir::dl::getPass(Location loc) {
  TrainingPass last = TrainingPass::Forward;
  loc->walk([&](Location part) {
    for (TrainingPass pass : {TrainingPass::Backward, TrainingPass::Update})
      if (getMark(part) == getPassName(pass))
        last = std::max(last, pass);
    return WalkResult::advance();
  });
  return last;
}

Location mlir::dl::markAgain(Location loc) { return mark(loc, kAgain); }

bool mlir::dl::runsAgain(Location loc) {
  return loc
      ->walk([](Location part) {
        return getMark(part) == kAgain ? WalkResult::interrupt()
                                       : WalkResult::advance();
      })
      .wasInterrupted();
}

std::optional<std::string> mlir::dl::getUpdatedState(Location loc) {
  std::optional<std::string> state;
  loc->walk([&](Location part) {
    auto name = dyn_cast<NameLoc>(part);
    if (!name ||
        getMark(name.getChildLoc()) != getPassName(TrainingPass::Update))
      return WalkResult::advance();
    state = name.getName().str();
    return WalkResult::interrupt();
  });
  return state;
}

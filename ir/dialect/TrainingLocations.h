// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Locations that tell what an op of a training step is there for.

#ifndef DL_IR_DIALECT_TRAININGLOCATIONS_H
#define DL_IR_DIALECT_TRAININGLOCATIONS_H

#include "mlir/IR/Location.h"
#include <optional>
#include <string>

namespace mlir::dl {

/// In the order in which a step runs them.
enum class TrainingPass { Forward, Backward, Update };

/// "forward", "backward" or "update".
StringRef getPassName(TrainingPass pass);

/// The location as that of an op of this pass: `fused<"backward">[loc]`. One of
/// the forward pass stays as it is.
Location markPass(Location loc, TrainingPass pass);

/// The last pass that a location names; Forward where it names none.
TrainingPass getPass(Location loc);

/// The location as that of a kernel that runs once more, so that its results
/// need not be kept.
Location markAgain(Location loc);
bool runsAgain(Location loc);

/// The state that an op updates, by its name: a NameLoc around the location of
/// an update.
std::optional<std::string> getUpdatedState(Location loc);

} // namespace mlir::dl

#endif // DL_IR_DIALECT_TRAININGLOCATIONS_H

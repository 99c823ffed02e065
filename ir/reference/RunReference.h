// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_IR_REFERENCE_RUN_REFERENCE_H
#define DL_IR_REFERENCE_RUN_REFERENCE_H

#include "mlir/Pass/Pass.h"

namespace mlir::dl::reference {

class HostLibrary;

/// A pass on modules, `run-reference`, that runs each function with a body and
/// prints its results to standard output as "name: value", one a line. An
/// argument takes the value of its attribute `dl.value`; the pass fails where
/// it has none. The module is not changed. `library`, which outlives the pass,
/// is that of InterpreterOptions.
std::unique_ptr<Pass>
createRunReferencePass(const HostLibrary *library = nullptr);

/// Makes the pass known to command lines.
void registerRunReferencePass(const HostLibrary *library = nullptr);

} // namespace mlir::dl::reference

#endif // DL_IR_REFERENCE_RUN_REFERENCE_H

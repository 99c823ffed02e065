// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_OPS_TD
#define DL_OPS_TD

include "ir/dialect/CollectiveOps.td"
include "ir/dialect/ContractionOps.td"
include "ir/dialect/ControlOps.td"
include "ir/dialect/CoreOps.td"
include "ir/dialect/DerivativeOps.td"
include "ir/dialect/ElementwiseOps.td"
include "ir/dialect/GradientOps.td"
include "ir/dialect/HostOps.td"
include "ir/dialect/MovementOps.td"
include "ir/dialect/ReductionOps.td"
include "ir/dialect/SequenceOps.td"
include "ir/dialect/SignalOps.td"
include "ir/dialect/StateOps.td"
include "ir/dialect/TreeOps.td"

#endif // DL_OPS_TD

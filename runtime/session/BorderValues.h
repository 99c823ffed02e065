// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sequences and optionals whose tensors have other elements to a caller than to
// the steps: strings, which are numbers to steps, and complex numbers of 64
// bits, which are integers. (Plain tensors have buffers, which Session fills.)

#ifndef DLRT_SESSION_BORDERVALUES_H
#define DLRT_SESSION_BORDERVALUES_H

#include "runtime/session/StringTable.h"
#include "runtime/session/Values.h"

namespace dlrt {

/// The type (fb::ElementType) that elements of a type of the signature have in
/// sequences and optionals of the plan.
int stepElement(int declared);

/// A caller's value of elements of the type `declared` as steps take it: the
/// same one, or one of tensors of its own. Strings are entered into the table.
Status toStepValue(const Allocator &allocator, StringTable &strings,
                   int declared, const HostValue &given, HostValue &result);

/// The reverse, in place. The texts of strings are the table's.
Status toCallerValue(const Allocator &allocator, const StringTable &strings,
                     int declared, HostValue &value);

} // namespace dlrt

#endif // DLRT_SESSION_BORDERVALUES_H

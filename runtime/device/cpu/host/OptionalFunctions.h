// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The library of optional functions, libdlrtHostOps: what needs libraries that
// not every program has. It is opened when a module first asks for one of its
// functions, from the folder that the runtime's own library lies in, or else
// from where the system looks for libraries.

#ifndef DLRT_DEVICE_CPU_HOST_OPTIONALFUNCTIONS_H
#define DLRT_DEVICE_CPU_HOST_OPTIONALFUNCTIONS_H

#include "runtime/device/cpu/host/HostFunctions.h"

namespace dlrt {

/// The one function that the library exports, as `dlrt_host_ops`: its
/// functions, a null after the last. Null where it is of another version than
/// `version`, the runtime's.
using OptionalFunctionList =
    const HostFunction *const *(*)(const char *version);

/// Whether the library has a function of this name, in a build that has all
/// that it needs.
bool isOptionalFunction(const char *name);

/// Finds a function of the library. Fails, naming the library, where it cannot
/// be opened, is of another version, or was built without the function.
Status findOptionalFunction(const char *name, const HostFunction *&function);

} // namespace dlrt

#endif // DLRT_DEVICE_CPU_HOST_OPTIONALFUNCTIONS_H

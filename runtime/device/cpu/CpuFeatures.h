// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_DEVICE_CPU_CPUFEATURES_H
#define DLRT_DEVICE_CPU_CPUFEATURES_H

#include <string>
#include <vector>

namespace dlrt {

/// Those of `features` (LLVM's names, "avx512vnni"; a leading '+' is ignored)
/// that this CPU, under this operating system, does not have. Features that are
/// about tuning alone count as present, unknown ones as absent. Tile registers
/// (AMX) are asked for, once for the whole process, as the operating system
/// wants it.
std::vector<std::string>
missingCpuFeatures(const std::vector<std::string> &features);

/// Whether code for the target triple runs in this process: the architecture
/// and the calling convention are this build's.
bool isNativeTriple(const std::string &triple);

/// The architecture of this build, by LLVM's name: "x86_64", "aarch64".
const char *nativeArchitecture();

} // namespace dlrt

#endif // DLRT_DEVICE_CPU_CPUFEATURES_H

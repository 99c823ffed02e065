// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/Target.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/X86TargetParser.h"
#include <unistd.h>

using namespace llvm;

namespace dl::cpu {

// What generated code profits from. Features that only hold special
// instructions (encryption) are left out, so that the runtime has less to
// check. Sorted.
static constexpr StringLiteral kUsedFeatures[] = {
    "amx-bf16",     "amx-int8",   "amx-tile",
    "avx",          "avx2",       "avx512bf16",
    "avx512bitalg", "avx512bw",   "avx512cd",
    "avx512dq",     "avx512f",    "avx512fp16",
    "avx512ifma",   "avx512vbmi", "avx512vbmi2",
    "avx512vl",     "avx512vnni", "avx512vpopcntdq",
    "avxneconvert", "avxvnni",    "avxvnniint8",
    "bmi",          "bmi2",       "f16c",
    "fma",          "lzcnt",      "movbe",
    "popcnt",       "sse3",       "sse4.1",
    "sse4.2",       "ssse3"};

bool CpuTarget::has(StringRef feature) const {
  return llvm::is_contained(features, feature);
}

void CpuTarget::dropTiles() {
  llvm::erase_if(features,
                 [](StringRef feature) { return feature.starts_with("amx-"); });
}

bool CpuTarget::hasFastBf16() const {
  if (has("amx-bf16") && has("amx-tile") && has("avx512f"))
    return true;
  // Where there are tile registers to the chip, AVX512-BF16's instruction takes
  // four micro-operations (LLVM's X86SchedSapphireRapids.td): an Emerald Rapids
  // makes 88 GFLOP/s a core by it, and 179 in float32.
  bool isSlow = StringSwitch<bool>(cpu)
                    .Cases({"sapphirerapids", "emeraldrapids", "graniterapids",
                            "graniterapids-d"},
                           true)
                    .Default(false);
  return has("avx512bf16") && has("avx512vl") && !isSlow;
}

unsigned CpuTarget::vectorBits() const {
  return has("avx512f") ? 512 : has("avx") ? 256 : 128;
}

std::string CpuTarget::featureString() const {
  std::string result;
  for (const std::string &feature : features)
    result += (result.empty() ? "+" : ",+") + feature;
  return result;
}

/// The used features among those that `cpu` has.
static std::vector<std::string> getFeatures(StringRef cpu) {
  SmallVector<StringRef> listed;
  X86::getFeaturesForCPU(cpu, listed, /*NeedPlus=*/false);
  // LLVM lists those alone that no other listed one implies.
  StringMap<bool> known;
  for (StringRef feature : listed) {
    known[feature] = true;
    X86::updateImpliedFeatures(feature, /*Enabled=*/true, known);
  }
  std::vector<std::string> features;
  for (StringRef feature : kUsedFeatures)
    if (known.lookup(feature))
      features.push_back(feature.str());
  return features;
}

/// The second-level cache of the CPUs that differ from most others in it.
static int64_t getL2Bytes(StringRef cpu) {
  return StringSwitch<int64_t>(cpu)
      .Cases({"sapphirerapids", "emeraldrapids", "graniterapids",
              "graniterapids-d"},
             2 << 20)
      .Cases({"haswell", "broadwell", "skylake", "x86-64", "x86-64-v2"},
             256 << 10)
      .Cases({"znver1", "znver2", "znver3", "icelake-client", "x86-64-v3"},
             512 << 10)
      .Default(1 << 20);
}

CpuTarget getNativeTarget() {
  CpuTarget target;
  target.l2Bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  if (target.l2Bytes <= 0)
    target.l2Bytes = getL2Bytes(sys::getHostCPUName());
  target.cpu = sys::getHostCPUName().str();
  // The features come from the CPU itself: a virtual machine may hide some.
  StringMap<bool> host = sys::getHostCPUFeatures();
  for (StringRef feature : kUsedFeatures)
    if (host.lookup(feature))
      target.features.push_back(feature.str());
  return target;
}

std::optional<CpuTarget> parseTarget(StringRef name, std::string &error) {
  if (name == "native")
    return getNativeTarget();
  if (X86::parseArchX86(name, /*Only64Bit=*/true) != X86::CK_None)
    return CpuTarget{name.str(), getFeatures(name), getL2Bytes(name)};
  SmallVector<StringRef> known;
  X86::fillValidCPUArchList(known, /*Only64Bit=*/true);
  llvm::sort(known);
  error = "unknown CPU '" + name.str() + "'; known are native";
  for (StringRef valid : known)
    error += ", " + valid.str();
  return std::nullopt;
}

std::optional<std::vector<CpuTarget>> parseTargets(StringRef names,
                                                   std::string &error) {
  std::vector<CpuTarget> targets;
  SmallVector<StringRef> parts;
  names.split(parts, ',');
  for (StringRef part : parts) {
    std::optional<CpuTarget> target = parseTarget(part.trim(), error);
    if (!target)
      return std::nullopt;
    targets.push_back(std::move(*target));
  }
  return targets;
}

} // namespace dl::cpu

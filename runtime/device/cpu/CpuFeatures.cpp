// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/CpuFeatures.h"

#include <cstdint>
#include <cstring>

#if defined(__x86_64__) || defined(_M_X64)
#define DLRT_X86_64
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace dlrt {
namespace {

#ifdef DLRT_X86_64

struct Registers {
  uint32_t word[4]; // eax, ebx, ecx, edx
};

Registers cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r = {};
#if defined(_MSC_VER)
  __cpuidex(reinterpret_cast<int *>(r.word), static_cast<int>(leaf),
            static_cast<int>(subleaf));
#else
  __cpuid_count(leaf, subleaf, r.word[0], r.word[1], r.word[2], r.word[3]);
#endif
  return r;
}

/// The register states that the operating system saves (XCR0).
uint64_t enabledStates() {
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t(high) << 32) | low;
#endif
}

/// Tile registers are large: Linux saves them for processes alone that asked
/// for it (documentation of x86's XSTATE features, Linux 5.16).
bool mayUseTiles() {
#if defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

enum Register : uint8_t { A, B, C, D };

/// What the operating system must save before a feature may be used.
constexpr uint64_t kNone = 0, kYmm = 0x6, kZmm = 0xe6, kTiles = 0x60000;

struct Feature {
  const char *name;
  uint32_t leaf;
  uint8_t subleaf;
  Register reg;
  uint8_t bit;
  uint64_t state;
};

// LLVM's names; the bits as in Intel's SDM volume 2A (CPUID) and AMD's APM
// volume 3.
constexpr Feature kFeatures[] = {
    {"x87", 1, 0, D, 0, kNone},
    {"cx8", 1, 0, D, 8, kNone},
    {"cmov", 1, 0, D, 15, kNone},
    {"mmx", 1, 0, D, 23, kNone},
    {"fxsr", 1, 0, D, 24, kNone},
    {"sse", 1, 0, D, 25, kNone},
    {"sse2", 1, 0, D, 26, kNone},
    {"sse3", 1, 0, C, 0, kNone},
    {"pclmul", 1, 0, C, 1, kNone},
    {"ssse3", 1, 0, C, 9, kNone},
    {"fma", 1, 0, C, 12, kYmm},
    {"cx16", 1, 0, C, 13, kNone},
    {"sse4.1", 1, 0, C, 19, kNone},
    {"sse4.2", 1, 0, C, 20, kNone},
    {"crc32", 1, 0, C, 20, kNone},
    {"movbe", 1, 0, C, 22, kNone},
    {"popcnt", 1, 0, C, 23, kNone},
    {"aes", 1, 0, C, 25, kNone},
    {"xsave", 1, 0, C, 27, kNone},
    {"avx", 1, 0, C, 28, kYmm},
    {"f16c", 1, 0, C, 29, kYmm},
    {"rdrnd", 1, 0, C, 30, kNone},
    {"fsgsbase", 7, 0, B, 0, kNone},
    {"sgx", 7, 0, B, 2, kNone},
    {"bmi", 7, 0, B, 3, kNone},
    {"rtm", 7, 0, B, 11, kNone},
    {"avx2", 7, 0, B, 5, kYmm},
    {"bmi2", 7, 0, B, 8, kNone},
    {"invpcid", 7, 0, B, 10, kNone},
    {"avx512f", 7, 0, B, 16, kZmm},
    {"avx512dq", 7, 0, B, 17, kZmm},
    {"rdseed", 7, 0, B, 18, kNone},
    {"adx", 7, 0, B, 19, kNone},
    {"avx512ifma", 7, 0, B, 21, kZmm},
    {"clflushopt", 7, 0, B, 23, kNone},
    {"clwb", 7, 0, B, 24, kNone},
    {"avx512cd", 7, 0, B, 28, kZmm},
    {"sha", 7, 0, B, 29, kNone},
    {"avx512bw", 7, 0, B, 30, kZmm},
    {"avx512vl", 7, 0, B, 31, kZmm},
    {"avx512vbmi", 7, 0, C, 1, kZmm},
    {"pku", 7, 0, C, 4, kNone},
    {"waitpkg", 7, 0, C, 5, kNone},
    {"avx512vbmi2", 7, 0, C, 6, kZmm},
    {"shstk", 7, 0, C, 7, kNone},
    {"gfni", 7, 0, C, 8, kNone},
    {"vaes", 7, 0, C, 9, kYmm},
    {"vpclmulqdq", 7, 0, C, 10, kYmm},
    {"avx512vnni", 7, 0, C, 11, kZmm},
    {"avx512bitalg", 7, 0, C, 12, kZmm},
    {"avx512vpopcntdq", 7, 0, C, 14, kZmm},
    {"rdpid", 7, 0, C, 22, kNone},
    {"cldemote", 7, 0, C, 25, kNone},
    {"movdiri", 7, 0, C, 27, kNone},
    {"movdir64b", 7, 0, C, 28, kNone},
    {"enqcmd", 7, 0, C, 29, kNone},
    {"uintr", 7, 0, D, 5, kNone},
    {"avx512vp2intersect", 7, 0, D, 8, kZmm},
    {"serialize", 7, 0, D, 14, kNone},
    {"tsxldtrk", 7, 0, D, 16, kNone},
    {"pconfig", 7, 0, D, 18, kNone},
    {"amx-bf16", 7, 0, D, 22, kTiles},
    {"avx512fp16", 7, 0, D, 23, kZmm},
    {"amx-tile", 7, 0, D, 24, kTiles},
    {"amx-int8", 7, 0, D, 25, kTiles},
    {"sha512", 7, 1, A, 0, kYmm},
    {"sm3", 7, 1, A, 1, kYmm},
    {"sm4", 7, 1, A, 2, kYmm},
    {"raoint", 7, 1, A, 3, kNone},
    {"avxvnni", 7, 1, A, 4, kYmm},
    {"avx512bf16", 7, 1, A, 5, kZmm},
    {"cmpccxadd", 7, 1, A, 7, kNone},
    {"amx-fp16", 7, 1, A, 21, kTiles},
    {"hreset", 7, 1, A, 22, kNone},
    {"avxifma", 7, 1, A, 23, kYmm},
    {"avxvnniint8", 7, 1, D, 4, kYmm},
    {"avxneconvert", 7, 1, D, 5, kYmm},
    {"amx-complex", 7, 1, D, 8, kTiles},
    {"avxvnniint16", 7, 1, D, 10, kYmm},
    {"prefetchi", 7, 1, D, 14, kNone},
    {"xsaveopt", 0xd, 1, A, 0, kNone},
    {"xsavec", 0xd, 1, A, 1, kNone},
    {"xsaves", 0xd, 1, A, 3, kNone},
    {"ptwrite", 0x14, 0, B, 4, kNone},
    {"kl", 0x19, 0, B, 0, kNone},
    {"widekl", 0x19, 0, B, 2, kNone},
    {"sahf", 0x80000001, 0, C, 0, kNone},
    {"lzcnt", 0x80000001, 0, C, 5, kNone},
    {"sse4a", 0x80000001, 0, C, 6, kNone},
    {"prfchw", 0x80000001, 0, C, 8, kNone},
    {"xop", 0x80000001, 0, C, 11, kYmm},
    {"lwp", 0x80000001, 0, C, 15, kNone},
    {"fma4", 0x80000001, 0, C, 16, kYmm},
    {"tbm", 0x80000001, 0, C, 21, kNone},
    {"mwaitx", 0x80000001, 0, C, 29, kNone},
    {"64bit", 0x80000001, 0, D, 29, kNone},
    {"clzero", 0x80000008, 0, B, 0, kNone},
    {"rdpru", 0x80000008, 0, B, 4, kNone},
    {"wbnoinvd", 0x80000008, 0, B, 9, kNone},
};

/// What CPUID says, asked once: it is slow under a hypervisor.
class Snapshot {
public:
  Snapshot() {
    highest[0] = cpuid(0, 0).word[A];
    highest[1] = cpuid(0x80000000u, 0).word[A];
    if (read(1, 0).word[C] >> 27 & 1) // OSXSAVE
      states = enabledStates();
  }

  bool has(const Feature &feature) {
    return (read(feature.leaf, feature.subleaf).word[feature.reg] >>
                feature.bit &
            1) &&
           (states & feature.state) == feature.state &&
           (feature.state != kTiles || mayUseTiles());
  }

private:
  const Registers &read(uint32_t leaf, uint32_t subleaf) {
    for (int i = 0; i < used; ++i)
      if (leaves[i].leaf == leaf && leaves[i].subleaf == subleaf)
        return leaves[i].found;
    if (used == kLeaves)
      used = 0;
    Leaf &fresh = leaves[used++];
    fresh = {leaf, subleaf, {}};
    if (leaf <= highest[leaf >> 31])
      fresh.found = cpuid(leaf, subleaf);
    return fresh.found;
  }

  struct Leaf {
    uint32_t leaf, subleaf;
    Registers found;
  };
  static constexpr int kLeaves = 12;
  Leaf leaves[kLeaves];
  int used = 0;
  uint32_t highest[2];
  uint64_t states = 0;
};

bool hasFeature(const char *name, Snapshot &snapshot) {
  for (const Feature &feature : kFeatures)
    if (strcmp(feature.name, name) == 0)
      return snapshot.has(feature);
  return false;
}

#elif defined(__aarch64__)

struct Feature {
  const char *name;
  bool second; // in AT_HWCAP2
  uint8_t bit;
};

// LLVM's names; the bits as in Linux's arch/arm64/include/uapi/asm/hwcap.h.
[[maybe_unused]] constexpr Feature kFeatures[] = {
    {"aes", false, 3},   {"sha2", false, 6},      {"crc", false, 7},
    {"lse", false, 8},   {"fullfp16", false, 10}, {"rdm", false, 12},
    {"rcpc", false, 15}, {"sha3", false, 17},     {"dotprod", false, 20},
    {"sve", false, 22},  {"fp16fml", false, 23},  {"sve2", true, 1},
    {"i8mm", true, 13},  {"bf16", true, 14},      {"sme", true, 23},
};

struct Snapshot {};

bool hasFeature(const char *name, Snapshot &) {
  // Every AArch64 processor with an operating system has these.
  if (strcmp(name, "neon") == 0 || strcmp(name, "fp-armv8") == 0)
    return true;
#if defined(__linux__)
  for (const Feature &feature : kFeatures)
    if (strcmp(feature.name, name) == 0)
      return getauxval(feature.second ? AT_HWCAP2 : AT_HWCAP) >> feature.bit &
             1;
#elif defined(__APPLE__)
  // The oldest Apple processor that runs macOS has these.
  for (const char *known : {"aes", "sha2", "sha3", "crc", "lse", "fullfp16",
                            "rdm", "rcpc", "dotprod", "fp16fml"})
    if (strcmp(known, name) == 0)
      return true;
#endif
  return false;
}

#else

struct Snapshot {};

bool hasFeature(const char *, Snapshot &) { return false; }

#endif

bool startsWith(const std::string &text, const char *prefix) {
  return text.compare(0, strlen(prefix), prefix) == 0;
}

/// LLVM's features that steer instruction selection and need no CPU support.
bool isTuning(const std::string &name) {
  for (const char *prefix : {"fast-", "slow-", "prefer-", "false-deps-", "idiv",
                             "allow-light", "tuning-", "use-", "no-"})
    if (startsWith(name, prefix))
      return true;
  for (const char *known :
       {"64bit-mode", "nopl", "ermsb", "fsrm", "evex512", "macrofusion",
        "branchfusion", "sbb-dep-breaking", "vzeroupper", "lzcnt-false-deps",
        "faster-shift-than-shuffle", "branch-hint"})
    if (name == known)
      return true;
  return false;
}

} // namespace

std::vector<std::string>
missingCpuFeatures(const std::vector<std::string> &features) {
  Snapshot snapshot;
  std::vector<std::string> missing;
  for (const std::string &feature : features) {
    std::string name = feature.substr(!feature.empty() && feature[0] == '+');
    if (!isTuning(name) && !hasFeature(name.c_str(), snapshot))
      missing.push_back(name);
  }
  return missing;
}

const char *nativeArchitecture() {
#if defined(__x86_64__) || defined(_M_X64)
  return "x86_64";
#elif defined(__aarch64__) || defined(_M_ARM64)
  return "aarch64";
#else
  return "unknown";
#endif
}

bool isNativeTriple(const std::string &triple) {
  std::string arch = triple.substr(0, triple.find('-'));
  if (arch == "arm64")
    arch = "aarch64";
  if (arch != nativeArchitecture())
    return false;
  // Code is free of system calls, so that only the calling convention matters.
  bool windows = triple.find("windows") != std::string::npos;
#if defined(_WIN32)
  return windows;
#else
  return !windows;
#endif
}

} // namespace dlrt

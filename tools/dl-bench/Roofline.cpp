// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/dl-bench/Roofline.h"

#include <algorithm>
#include <cstdio>

namespace dl::tools {
namespace {

/// Where a kernel stands below the roof.
struct Place {
  double intensity = 0; // operations a byte
  double flops = 0, bandwidth = 0;
  bool isCompute = false;
  double compute = 0; // share of the peak, whatever binds
  double share = 0;   // of the limit that binds
};

Place placeBelow(const MeasuredWork &kernel, const MachineLimits &machine) {
  Place place;
  double bytes = kernel.work.bytes();
  place.intensity = bytes > 0 ? kernel.work.flops / bytes : 0;
  if (kernel.seconds <= 0)
    return place;
  place.flops = kernel.work.flops / kernel.seconds;
  place.bandwidth = bytes / kernel.seconds;
  double peak = machine.peak(kernel.products);
  place.compute = peak > 0 ? place.flops / peak : 0;
  double memory =
      machine.bandwidth > 0 ? place.bandwidth / machine.bandwidth : 0;
  place.isCompute = place.compute >= memory;
  place.share = std::max(place.compute, memory);
  return place;
}

} // namespace

std::string rooflineTable(const std::vector<MeasuredWork> &kernels,
                          const MachineLimits &machine) {
  char line[256];
  std::string text = "limits: ";
  auto addPeak = [&](Products products, double flops) {
    if (flops <= 0)
      return;
    snprintf(line, sizeof(line), "%.1f GFLOP/s of %s, ", flops * 1e-9,
             getName(products));
    text += line;
  };
  addPeak(Products::Float32, machine.flops);
  addPeak(Products::Pairs, machine.pairFlops);
  addPeak(Products::Tiles, machine.tileFlops);
  addPeak(Products::Quads, machine.quadOps);
  addPeak(Products::ByteTiles, machine.byteTileOps);
  snprintf(line, sizeof(line), "%.1f GB/s on %d %s, measured in this run\n",
           machine.bandwidth * 1e-9, machine.threads,
           machine.threads == 1 ? "thread" : "threads");
  text += line;
  text += "      ms  calls     MFLOP        MB   FLOP/B   GFLOP/s     GB/s  "
          "bound    limit    peak  products    kernel\n";
  bool isCached = false, isSaved = false;
  for (const MeasuredWork &kernel : kernels) {
    Place place = placeBelow(kernel, machine);
    snprintf(line, sizeof(line),
             "%8.4f %6.0f %9.3f %9.3f %8.2f %9.1f %8.1f  %-7s %5.1f%%  %5.1f%% "
             " %-10s  ",
             kernel.seconds * 1e3, kernel.calls, kernel.work.flops * 1e-6,
             kernel.work.bytes() * 1e-6, place.intensity, place.flops * 1e-9,
             place.bandwidth * 1e-9, place.isCompute ? "compute" : "memory",
             place.share * 100, place.compute * 100, getName(kernel.products));
    text += line + kernel.name + "\n";
    isCached |= !place.isCompute && place.share > 1;
    isSaved |= place.isCompute && place.share > 1;
  }
  if (isCached)
    text += "above 100% of memory: a cache held what the kernel reads\n";
  if (isSaved)
    text +=
        "above 100% of compute: Winograd's transformation saves arithmetic, "
        "or the clock has risen\n";
  return text;
}

nlohmann::ordered_json rooflineJson(const std::vector<MeasuredWork> &kernels,
                                    const MachineLimits &machine) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const MeasuredWork &kernel : kernels) {
    Place place = placeBelow(kernel, machine);
    list.push_back({{"kernel", kernel.name},
                    {"ms", kernel.seconds * 1e3},
                    {"calls", kernel.calls},
                    {"flops", kernel.work.flops},
                    {"bytes", kernel.work.bytes()},
                    {"flops_per_byte", place.intensity},
                    {"gflops", place.flops * 1e-9},
                    {"gbytes_per_s", place.bandwidth * 1e-9},
                    {"products", getName(kernel.products)},
                    {"bound", place.isCompute ? "compute" : "memory"},
                    {"share", place.share},
                    {"peak_share", place.compute}});
  }
  return {{"machine", describeMachine(machine)}, {"kernels", list}};
}

} // namespace dl::tools

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/dl-bench/Energy.h"

#include <filesystem>
#include <fstream>

namespace dl::tools {

/// The first word of a file as a number; nothing where it cannot be read.
static std::optional<double> readNumber(const std::string &path) {
  double value = 0;
  if (std::ifstream(path) >> value)
    return value;
  return std::nullopt;
}

EnergyCounters::EnergyCounters(const std::string &folder) {
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator(folder, error)) {
    std::string zone = entry.path().filename().string();
    if (zone.rfind("intel-rapl:", 0) != 0)
      continue;
    std::string name;
    std::ifstream(entry.path() / "name") >> name;
    // "intel-rapl:0" is a package; of its parts, "intel-rapl:0:1", only memory
    // is not counted with it.
    bool isPart = zone.find(':') != zone.rfind(':');
    if (isPart ? name != "dram" : name.rfind("package", 0) != 0)
      continue;
    Counter counter;
    counter.path = (entry.path() / "energy_uj").string();
    if (!readNumber(counter.path))
      continue;
    counter.range =
        readNumber((entry.path() / "max_energy_range_uj").string()).value_or(0);
    counters.push_back(counter);
  }
}

void EnergyCounters::start() {
  for (Counter &counter : counters)
    counter.first = readNumber(counter.path).value_or(0);
}

std::optional<double> EnergyCounters::joules() const {
  if (counters.empty())
    return std::nullopt;
  double sum = 0;
  for (const Counter &counter : counters) {
    double used =
        readNumber(counter.path).value_or(counter.first) - counter.first;
    sum += used < 0 ? used + counter.range : used;
  }
  return sum * 1e-6;
}

double modelEnergy(const Work &work) {
  return (work.flops * kPicojoulesPerFlop + work.bytes() * kPicojoulesPerByte) *
         1e-12;
}

} // namespace dl::tools

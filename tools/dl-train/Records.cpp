// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/dl-train/Records.h"

#include "tools/values/Files.h"
#include "tools/values/Value.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>

using dl::values::Failure;

namespace dl::train {

[[noreturn]] static void fail(const std::string &path) {
  throw Failure(path, std::string("cannot be written: ") + strerror(errno));
}

static FILE *openFile(const std::string &path, const char *mode) {
  FILE *file = fopen(path.c_str(), mode);
  if (!file)
    fail(path);
  return file;
}

Records::Records(const std::string &log, const std::string &events,
                 const std::string &plot, bool append)
    : logPath(log), plotPath(plot), log(nullptr, fclose),
      events(nullptr, fclose) {
  if (!log.empty())
    this->log.reset(openFile(log, append ? "a" : "w"));
  if (events.empty())
    return;
  values::makeFolder(events);
  auto now = static_cast<long long>(time(nullptr));
  eventPath = events + "/events.out.tfevents." + std::to_string(now) + ".dl";
  this->events.reset(openFile(eventPath, "w"));
  // Event { wall_time = 1, file_version = 3 }
  double wall = double(now);
  std::string event("\x09", 1), version = "brain.Event:2";
  event.append(reinterpret_cast<const char *>(&wall), sizeof wall);
  event += "\x1a" + std::string(1, char(version.size())) + version;
  writeEvent(event);
}

Records::~Records() = default;

/// CRC-32C (Castagnoli), bit by bit.
static uint32_t getChecksum(const std::string &bytes) {
  uint32_t sum = ~0u;
  for (unsigned char byte : bytes) {
    sum ^= byte;
    for (int bit = 0; bit < 8; ++bit)
      sum = (sum >> 1) ^ (0x82f63b78u & (0u - (sum & 1)));
  }
  return ~sum;
}

/// A record of TensorFlow's TFRecord format: size, its checksum, bytes, theirs.
void Records::writeEvent(const std::string &event) {
  auto mask = [](const std::string &bytes) {
    uint32_t sum = getChecksum(bytes);
    return ((sum >> 15) | (sum << 17)) + 0xa282ead8u;
  };
  auto append = [](std::string &to, auto number) {
    to.append(reinterpret_cast<const char *>(&number), sizeof number);
  };
  std::string size, record;
  append(size, uint64_t(event.size()));
  record = size;
  append(record, mask(size));
  record += event;
  append(record, mask(event));
  if (fwrite(record.data(), 1, record.size(), events.get()) != record.size() ||
      fflush(events.get()) != 0)
    fail(eventPath);
}

static std::string toVarint(uint64_t number) {
  std::string bytes;
  for (; number >= 0x80; number >>= 7)
    bytes += char(number | 0x80);
  return bytes + char(number);
}

/// Event { wall_time = 1, step = 2, summary = 5 { value = 1 { tag = 1,
/// simple_value = 2 } } }
void Records::addEvent(int64_t step, const Metrics &metrics) {
  double wall = double(time(nullptr));
  std::string event("\x09", 1), summary;
  event.append(reinterpret_cast<const char *>(&wall), sizeof wall);
  event += "\x10" + toVarint(static_cast<uint64_t>(step));
  for (const auto &[name, number] : metrics) {
    auto value = static_cast<float>(number);
    std::string entry = "\x0a" + toVarint(name.size()) + name + "\x15";
    entry.append(reinterpret_cast<const char *>(&value), sizeof value);
    summary += "\x0a" + toVarint(entry.size()) + entry;
  }
  writeEvent(event + "\x2a" + toVarint(summary.size()) + summary);
}

void Records::add(int64_t step, const Metrics &metrics,
                  const Metrics &details) {
  if (!plotPath.empty())
    for (const auto &[name, number] : metrics)
      curves[name].push_back({step, number});
  if (events)
    addEvent(step, metrics);
  if (!log)
    return;
  nlohmann::ordered_json line = {{"step", step}};
  for (const Metrics *list : {&metrics, &details})
    for (const auto &[name, number] : *list)
      line[name] = number;
  std::string text = line.dump() + "\n";
  if (fwrite(text.data(), 1, text.size(), log.get()) != text.size() ||
      fflush(log.get()) != 0)
    fail(logPath);
}

void Records::finish() {
  if (plotPath.empty())
    return;
  values::NewFiles files;
  std::string text = drawCurves(curves);
  files.add(plotPath, text, nullptr, 0);
  files.commit();
}

} // namespace dl::train

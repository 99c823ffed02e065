// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/checkpoint/Checkpoint.h"

#include "runtime/artifact/Hash.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

using dl::values::Failure;
using Json = nlohmann::ordered_json;

namespace dl::train {

static constexpr char kMagic[] = "DLCHKPT1";
static constexpr size_t kMagicSize = 8;
static constexpr int kVersion = 2;

namespace {

/// A file beside its place, which goes away unless it is kept.
class NewFile {
public:
  explicit NewFile(const std::string &path)
      : path(path), temporary(path + ".new"),
        file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                    0666)) {
    if (file < 0)
      fail();
  }
  ~NewFile() {
    if (file >= 0)
      ::close(file);
    if (!isKept)
      ::unlink(temporary.c_str());
  }

  void write(const void *data, size_t bytes) {
    const auto *next = static_cast<const char *>(data);
    while (bytes > 0) {
      ssize_t written = ::write(file, next, bytes);
      if (written < 0 && errno == EINTR)
        continue;
      if (written <= 0)
        fail();
      next += written;
      bytes -= static_cast<size_t>(written);
    }
  }

  void keep() {
    if (::fsync(file) != 0)
      fail();
    int closed = ::close(file);
    file = -1;
    if (closed != 0 || ::rename(temporary.c_str(), path.c_str()) != 0)
      fail();
    isKept = true;
    // The folder, so that the new name outlasts a loss of power.
    size_t slash = path.rfind('/');
    std::string folder =
        slash == std::string::npos ? "." : path.substr(0, slash + 1);
    int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0) {
      ::fsync(directory);
      ::close(directory);
    }
  }

private:
  [[noreturn]] void fail() const {
    throw Failure(path, std::string("cannot be written: ") + strerror(errno));
  }

  std::string path, temporary;
  int file;
  bool isKept = false;
};

} // namespace

static std::string toHex(uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx",
                static_cast<unsigned long long>(number));
  return text;
}

static const char *getRoleName(dlrt_state_role role) {
  switch (role) {
  case DLRT_STATE_PARAMETER:
    return "parameter";
  case DLRT_STATE_SLOT:
    return "slot";
  case DLRT_STATE_STATISTIC:
    return "statistic";
  case DLRT_STATE_COUNTER:
    return "counter";
  case DLRT_STATE_CACHE:
    return "cache";
  case DLRT_STATE_POSITION:
    return "position";
  case DLRT_STATE_SETTING:
    break;
  }
  return "setting";
}

void saveCheckpoint(const std::string &path, const runtime::Module &module,
                    const runtime::State &state, const Progress &progress) {
  std::vector<runtime::StateInfo> infos = module.states();
  Json states = Json::array();
  std::string payload;
  payload.reserve(module.stateBytes());
  for (uint32_t i = 0; i < infos.size(); ++i) {
    runtime::Tensor tensor = state.tensor(i);
    Json entry = {{"name", infos[i].name},
                  {"role", getRoleName(infos[i].role)},
                  {"type", dlrt_type_name(tensor.type)},
                  {"dims", tensor.dims},
                  {"offset", payload.size()},
                  {"bytes", tensor.bytes}};
    if (infos[i].parameter != DLRT_NO_PARAMETER)
      entry["parameter"] = infos[i].parameter;
    states.push_back(entry);
    payload.append(static_cast<const char *>(tensor.data), tensor.bytes);
  }
  Json text = {{"version", kVersion},
               {"signature", toHex(module.stateSignature())},
               {"step", progress.step},
               {"epoch", progress.epoch},
               {"next_batch", progress.nextBatch},
               {"seed", progress.seed},
               {"epochs_since_best", progress.epochsSinceBest}};
  if (std::isfinite(progress.bestLoss))
    text["best_loss"] = progress.bestLoss;
  text["bytes"] = payload.size();
  text["states"] = states;
  std::string header = text.dump();
  uint64_t size = header.size(),
           headerHash = dlrt::hashBytes(header.data(), header.size()),
           payloadHash = dlrt::hashBytes(payload.data(), payload.size());
  NewFile file(path);
  file.write(kMagic, kMagicSize);
  file.write(&size, sizeof size);
  file.write(header.data(), header.size());
  file.write(&headerHash, sizeof headerHash);
  file.write(payload.data(), payload.size());
  file.write(&payloadHash, sizeof payloadHash);
  file.keep();
}

namespace {

/// Takes a file apart.
class Reader {
public:
  Reader(const std::string &path, const values::Bytes &bytes)
      : path(path), bytes(bytes) {}

  const unsigned char *take(uint64_t count) {
    if (count > bytes.size() - at)
      throw Failure(path, "the checkpoint is cut short");
    at += count;
    return bytes.data() + at - count;
  }
  uint64_t takeNumber() {
    uint64_t number;
    std::memcpy(&number, take(sizeof number), sizeof number);
    return number;
  }
  /// `count` bytes before their hash.
  const unsigned char *takeHashed(uint64_t count) {
    const unsigned char *data = take(count);
    if (takeNumber() != dlrt::hashBytes(data, count))
      throw Failure(path, "the checkpoint is damaged: its hash does not match");
    return data;
  }
  bool isAtEnd() const { return at == bytes.size(); }

private:
  const std::string &path;
  const values::Bytes &bytes;
  size_t at = 0;
};

} // namespace

static Progress readProgress(const Json &text) {
  Progress progress;
  progress.step = text.at("step");
  progress.epoch = text.at("epoch");
  progress.nextBatch = text.at("next_batch");
  progress.seed = text.at("seed");
  progress.epochsSinceBest = text.at("epochs_since_best");
  if (text.contains("best_loss"))
    progress.bestLoss = text["best_loss"];
  return progress;
}

Checkpoint readCheckpoint(const std::string &path) {
  Checkpoint result;
  result.bytes = values::readFile(path);
  Reader reader(path, result.bytes);
  if (result.bytes.size() < kMagicSize ||
      std::memcmp(reader.take(kMagicSize), kMagic, kMagicSize) != 0)
    throw Failure(path, "it is no checkpoint");
  uint64_t size = reader.takeNumber();
  const unsigned char *header = reader.takeHashed(size);
  try {
    Json text = Json::parse(header, header + size);
    if (text.at("version") != kVersion)
      throw Failure(path, "it is a checkpoint of version " +
                              text.at("version").dump() + ", expected " +
                              std::to_string(kVersion));
    uint64_t total = text.at("bytes");
    const unsigned char *payload = reader.takeHashed(total);
    result.signature = text.at("signature");
    result.progress = readProgress(text);
    for (const Json &entry : text.at("states")) {
      SavedState state;
      state.name = entry.at("name");
      state.role = entry.at("role");
      state.type = entry.at("type");
      state.dims = entry.at("dims").get<std::vector<int64_t>>();
      state.bytes = entry.at("bytes");
      state.parameter = entry.value("parameter", int64_t(-1));
      uint64_t offset = entry.at("offset");
      if (offset > total || state.bytes > total - offset)
        throw Failure(path, "a state lies outside of the checkpoint");
      state.data = payload + offset;
      result.states.push_back(std::move(state));
    }
    if (!reader.isAtEnd())
      throw Failure(path, "something follows the checkpoint's end");
    return result;
  } catch (const Json::exception &) {
    throw Failure(path, "the checkpoint's text cannot be read");
  }
}

Progress loadCheckpoint(const std::string &path, const runtime::Module &module,
                        runtime::State &state) {
  Checkpoint checkpoint = readCheckpoint(path);
  if (checkpoint.signature != toHex(module.stateSignature()))
    throw Failure(path, "it is a checkpoint of another model or optimizer");
  std::vector<runtime::StateInfo> infos = module.states();
  bool isSame = checkpoint.states.size() == infos.size();
  for (uint32_t i = 0; isSame && i < infos.size(); ++i)
    isSame = checkpoint.states[i].bytes == infos[i].bytes;
  if (!isSame)
    throw Failure(path, "the checkpoint has other states than the module");
  for (uint32_t i = 0; i < infos.size(); ++i)
    state.set(i, {infos[i].type, infos[i].dims,
                  const_cast<unsigned char *>(checkpoint.states[i].data),
                  infos[i].bytes});
  return checkpoint.progress;
}

} // namespace dl::train

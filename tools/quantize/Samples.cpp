// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Samples.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

namespace dl::tools {

namespace fs = std::filesystem;
using values::Failure;
using values::Value;

static bool isData(const fs::path &path) {
  return path.extension() == ".npy" || path.extension() == ".pb";
}

/// The file of each input in a folder; nothing where one is missing.
static std::vector<std::string>
findFiles(const fs::path &folder, const std::vector<runtime::Value> &declared) {
  std::vector<std::string> files;
  for (size_t i = 0; i < declared.size(); ++i) {
    std::string found;
    for (const std::string &stem :
         {"input_" + std::to_string(i), declared[i].name})
      for (const char *ending : {".npy", ".pb"})
        if (fs::path path = folder / (stem + ending);
            found.empty() && fs::is_regular_file(path))
          found = path.string();
    if (found.empty())
      return {};
    files.push_back(found);
  }
  return files;
}

static std::vector<fs::path> list(const std::string &folder) {
  std::vector<fs::path> entries;
  std::error_code code;
  for (const fs::directory_entry &entry : fs::directory_iterator(folder, code))
    entries.push_back(entry.path());
  if (code)
    throw Failure(folder, "cannot be read: " + code.message());
  std::sort(entries.begin(), entries.end());
  return entries;
}

Samples::Samples(const std::string &folder,
                 const std::vector<runtime::Value> &declared)
    : declared(declared) {
  std::vector<fs::path> entries = list(folder);
  for (const fs::path &entry : entries)
    if (fs::is_directory(entry))
      if (auto files = findFiles(entry, declared); !files.empty())
        samples.push_back(files);
  if (!samples.empty())
    return;
  if (declared.size() == 1) {
    for (const fs::path &entry : entries)
      if (isData(entry))
        samples.push_back({entry.string()});
  } else if (auto files = findFiles(folder, declared); !files.empty()) {
    samples.push_back(files);
  }
  if (samples.empty())
    throw Failure(folder,
                  declared.size() == 1
                      ? "there are no samples: no .npy and no .pb file"
                      : "there are no samples: neither input_0.npy, "
                        "input_1.npy, .. nor files with the inputs' names, in "
                        "it or in folders of it");
}

/// How many samples a value of these dimensions is, or nothing where it does
/// not fit.
static int64_t countSamples(const runtime::Value &declared,
                            const std::vector<int64_t> &dims) {
  if (dims.size() != declared.sizes.size())
    return 0;
  for (size_t d = 1; d < dims.size(); ++d)
    if (declared.sizes[d] >= 0 && dims[d] != declared.sizes[d])
      return 0;
  if (dims.empty() || declared.sizes[0] < 0)
    return 1;
  int64_t own = declared.sizes[0];
  return own > 0 && dims[0] % own == 0 ? dims[0] / own : 0;
}

static void checkFinite(const std::string &file, const Value &value) {
  if (value.type != DLRT_FLOAT32)
    return;
  const auto *data = reinterpret_cast<const float *>(value.data.data());
  for (size_t i = 0; i < value.data.size() / sizeof(float); ++i)
    if (!std::isfinite(data[i]))
      throw Failure(file,
                    "element " + std::to_string(i) +
                        (std::isnan(data[i]) ? " is NaN" : " is infinite"));
}

/// Part `index` of `count` along the first dimension.
static Value slice(const Value &value, int64_t index, int64_t count) {
  if (count == 1)
    return value;
  Value part = value;
  part.dims[0] /= count;
  size_t bytes = value.data.size() / static_cast<size_t>(count);
  part.data.assign(value.data.begin() + index * bytes,
                   value.data.begin() + (index + 1) * bytes);
  return part;
}

void Samples::forEach(
    size_t most,
    const std::function<void(const std::vector<Value> &, const std::string &)>
        &use) const {
  size_t done = 0;
  for (const std::vector<std::string> &files : samples) {
    std::vector<Value> whole;
    int64_t count = -1;
    for (size_t i = 0; i < files.size(); ++i) {
      Value value = values::readValue(files[i], declared[i].kind);
      if (value.type != declared[i].type)
        throw Failure(files[i], "it is " +
                                    values::describe(value.type, value.dims) +
                                    ", but input '" + declared[i].name +
                                    "' is " + values::describe(declared[i]));
      int64_t held = countSamples(declared[i], value.dims);
      if (held == 0 || (count >= 0 && held != count))
        throw Failure(files[i], "it is " +
                                    values::describe(value.type, value.dims) +
                                    ", but input '" + declared[i].name +
                                    "' is " + values::describe(declared[i]));
      count = held;
      checkFinite(files[i], value);
      whole.push_back(std::move(value));
    }
    for (int64_t index = 0; index < std::max<int64_t>(count, 1); ++index) {
      if (done++ == most)
        return;
      std::vector<Value> parts;
      for (const Value &value : whole)
        parts.push_back(slice(value, index, std::max<int64_t>(count, 1)));
      use(parts, files.empty() ? "" : files[0]);
    }
  }
}

} // namespace dl::tools

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Samples.h"

#include "tools/values/Npy.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>

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

/// `start`: how many elements of the file come before the value.
static void checkFinite(const std::string &file, const Value &value,
                        size_t start) {
  if (value.type != DLRT_FLOAT32)
    return;
  const auto *data = reinterpret_cast<const float *>(value.data.data());
  for (size_t i = 0; i < value.data.size() / sizeof(float); ++i)
    if (!std::isfinite(data[i]))
      throw Failure(file,
                    "element " + std::to_string(start + i) +
                        (std::isnan(data[i]) ? " is NaN" : " is infinite"));
}

namespace {

/// A file of samples of one input. What .npy has is read sample by sample.
class SampleFile {
public:
  /// `mayDivide`: a large file's open first dimension is divided.
  SampleFile(const std::string &path, const runtime::Value &declared,
             bool mayDivide)
      : path(path) {
    bool isNpy = fs::path(path).extension() == ".npy";
    if (isNpy && declared.kind == DLRT_TENSOR)
      file = std::make_unique<values::NpyFile>(path);
    else
      whole = values::readValue(path, declared.kind);
    const std::vector<int64_t> &dims = file ? file->dims() : whole.dims;
    dlrt_type type = file ? file->type() : whole.type;
    held = type == declared.type ? countSamples(declared, dims) : 0;
    if (held == 0)
      throwUnfit(declared);
    if (mayDivide && file && !dims.empty() && declared.sizes[0] < 0)
      held = std::clamp<int64_t>(
          static_cast<int64_t>(values::byteSize(path, type, dims) / kPart), 1,
          std::max<int64_t>(dims[0], 1));
  }

  int64_t count() const { return held; }

  Value read(int64_t index) const {
    int64_t rows = file && !file->dims().empty() ? file->dims()[0] : 1;
    int64_t first = index * rows / held;
    Value part = file ? file->read(first, (index + 1) * rows / held - first)
                      : slice(whole, index, held);
    size_t start =
        file ? getRowSize() * static_cast<size_t>(first)
             : part.data.size() / sizeof(float) * static_cast<size_t>(index);
    checkFinite(path, part, start);
    return part;
  }

  [[noreturn]] void throwUnfit(const runtime::Value &declared) const {
    throw Failure(path, "it is " +
                            (file ? values::describe(file->type(), file->dims())
                                  : values::describe(whole.type, whole.dims)) +
                            ", but input '" + declared.name + "' is " +
                            values::describe(declared));
  }

private:
  /// Bytes that are run at once.
  static constexpr size_t kPart = 16 << 20;

  /// Elements for each position of the file's first dimension.
  size_t getRowSize() const {
    size_t size = 1;
    for (size_t d = 1; d < file->dims().size(); ++d)
      size *= static_cast<size_t>(file->dims()[d]);
    return size;
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

  std::string path;
  std::unique_ptr<values::NpyFile> file;
  Value whole;
  int64_t held = 0;
};

} // namespace

void Samples::forEach(
    size_t most,
    const std::function<void(const std::vector<Value> &, const std::string &)>
        &use) const {
  size_t done = 0;
  for (const std::vector<std::string> &paths : samples) {
    std::vector<std::unique_ptr<SampleFile>> files;
    for (size_t i = 0; i < paths.size(); ++i) {
      files.push_back(std::make_unique<SampleFile>(paths[i], declared[i],
                                                   paths.size() == 1));
      if (files[i]->count() != files[0]->count())
        files[i]->throwUnfit(declared[i]);
    }
    int64_t count = files.empty() ? 1 : files[0]->count();
    for (int64_t index = 0; index < count; ++index) {
      if (done++ == most)
        return;
      std::vector<Value> parts;
      parts.reserve(files.size());
      for (const auto &file : files)
        parts.push_back(file->read(index));
      use(parts, paths.empty() ? "" : paths[0]);
    }
  }
}

} // namespace dl::tools

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Tensors whose data lies in files beside the model.

#include "frontend/onnx/MappedFile.h"
#include "frontend/onnx/Model.h"
#include "frontend/onnx/TensorData.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Path.h"
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

using namespace dl::frontend;
using llvm::Error;
using llvm::StringRef;

namespace {

/// The canonical path; empty, with errno set, where there is no such file.
std::string getRealPath(const std::string &path) {
  char *real = realpath(path.c_str(), nullptr);
  std::string result = real ? real : "";
  free(real);
  return result;
}

class Resolver {
public:
  explicit Resolver(Model &model) : model(model) {
    StringRef parent = llvm::sys::path::parent_path(model.path);
    // A model that is itself a link may have its data beside what it points to.
    std::string target = getRealPath(model.path);
    folder = getRealPath(parent.empty() ? "." : parent.str());
    targetFolder = llvm::sys::path::parent_path(target).str();
  }

  Error resolve(onnx::TensorProto &tensor) {
    if (tensor.data_location() != onnx::TensorProto::EXTERNAL ||
        model.getReference(tensor))
      return Error::success();
    std::string where = describeTensor(tensor) + ": ";
    std::string location;
    uint64_t offset = 0;
    std::optional<uint64_t> length;
    for (const onnx::StringStringEntryProto &entry : tensor.external_data()) {
      StringRef value = entry.value();
      uint64_t number = 0;
      if (entry.key() == "location")
        location = entry.value();
      else if (entry.key() != "offset" && entry.key() != "length")
        continue;
      else if (value.getAsInteger(10, number))
        return modelError(where + "the " + entry.key() +
                          " of its external data, '" + entry.value() +
                          "', is not a number");
      else if (entry.key() == "offset")
        offset = number;
      else
        length = number;
    }
    llvm::Expected<StringRef> file = map(where, location);
    if (!file)
      return file.takeError();
    uint64_t end = file->size();
    if (offset > end || (length && *length > end - offset))
      return modelError(
          where + "bytes " + llvm::Twine(offset) + " to " +
          (length ? llvm::Twine(offset) + " + " + llvm::Twine(*length)
                  : llvm::Twine("the end")) +
          " lie outside of '" + location + "', which has " + llvm::Twine(end) +
          " bytes");
    model.setReference(tensor,
                       file->substr(offset, length ? *length : end - offset));
    return Error::success();
  }

private:
  llvm::Expected<StringRef> map(const std::string &where,
                                const std::string &location) {
    if (location.empty() || location.find('\0') != std::string::npos)
      return modelError(where + "its external data has no valid location");
    auto known = files.find(location);
    if (known != files.end())
      return known->second;
    if (llvm::sys::path::is_absolute(location))
      return modelError(where + "the path of its external data, '" + location +
                        "', is absolute");
    for (auto part = llvm::sys::path::begin(location),
              end = llvm::sys::path::end(location);
         part != end; ++part)
      if (*part == "..")
        return modelError(where + "the path of its external data, '" +
                          location + "', leads out of the model's folder");
    std::string path = getRealPath(folder + "/" + location);
    if (path.empty())
      return modelError(where + "its external data, '" + location +
                        "', cannot be opened: " + strerror(errno));
    if (!isWithin(path, folder) && !isWithin(path, targetFolder))
      return modelError(where + "the path of its external data, '" + location +
                        "', leads out of the model's folder");
    auto file = MappedFile::open(path);
    if (!file)
      return modelError(where + "its external data, '" + location + "', " +
                        llvm::toString(file.takeError()));
    model.files.push_back(*file);
    return files[location] = (*file)->bytes();
  }

  static bool isWithin(StringRef path, StringRef folder) {
    return !folder.empty() && (folder == "/" || (path.consume_front(folder) &&
                                                 path.starts_with("/")));
  }

  Model &model;
  std::string folder, targetFolder;
  llvm::StringMap<StringRef> files;
};

} // namespace

Error dl::frontend::resolveExternalData(Model &model) {
  Resolver resolver(model);
  return forEachTensor(*model.proto, [&](onnx::TensorProto &tensor) {
    return resolver.resolve(tensor);
  });
}

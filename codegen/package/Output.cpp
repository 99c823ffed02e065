// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Output.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include <cerrno>
#include <cstring>
#include <optional>
#include <unistd.h>

using namespace dl::package;
using llvm::Error;
using llvm::Expected;
namespace fs = llvm::sys::fs;

static Error getError() {
  return llvm::errorCodeToError(
      std::error_code(errno, std::generic_category()));
}

namespace {

class FileOutput : public Output {
public:
  FileOutput(llvm::StringRef path, std::optional<fs::TempFile> temporary,
             int file)
      : path(path), temporary(std::move(temporary)), file(file) {}

  ~FileOutput() override {
    if (temporary)
      llvm::consumeError(temporary->discard());
    else if (file >= 0)
      close(file);
  }

  Error allocate(uint64_t size) override {
    if (temporary && ftruncate(file, static_cast<off_t>(size)))
      return getError();
    return Error::success();
  }

  Error write(uint64_t offset, llvm::ArrayRef<char> bytes) override {
    while (!bytes.empty()) {
      ssize_t count =
          llvm::sys::RetryAfterSignal(-1, pwrite, file, bytes.data(),
                                      bytes.size(), static_cast<off_t>(offset));
      if (count < 0)
        return getError();
      offset += count;
      bytes = bytes.drop_front(count);
    }
    return Error::success();
  }

  Error commit() override {
    if (temporary) {
      Error error = temporary->keep(path);
      temporary.reset();
      return error;
    }
    int result = close(file);
    file = -1;
    return result ? getError() : Error::success();
  }

private:
  std::string path;
  std::optional<fs::TempFile> temporary;
  int file;
};

class MemoryOutput : public Output {
public:
  explicit MemoryOutput(std::unique_ptr<llvm::MemoryBuffer> &result)
      : result(result) {}

  Error allocate(uint64_t size) override {
    buffer = llvm::WritableMemoryBuffer::getNewUninitMemBuffer(
        size, "module", llvm::Align(4096));
    if (!buffer)
      return llvm::errorCodeToError(
          std::make_error_code(std::errc::not_enough_memory));
    std::memset(buffer->getBufferStart(), 0, size);
    return Error::success();
  }

  Error write(uint64_t offset, llvm::ArrayRef<char> bytes) override {
    std::memcpy(buffer->getBufferStart() + offset, bytes.data(), bytes.size());
    return Error::success();
  }

  Error commit() override {
    result = std::move(buffer);
    return Error::success();
  }

private:
  std::unique_ptr<llvm::WritableMemoryBuffer> buffer;
  std::unique_ptr<llvm::MemoryBuffer> &result;
};

} // namespace

Expected<std::unique_ptr<Output>>
dl::package::openFileOutput(llvm::StringRef path) {
  fs::file_status status;
  if (!fs::status(path, status) &&
      status.type() != fs::file_type::regular_file) {
    int file = -1;
    if (auto error = fs::openFileForWrite(path, file, fs::CD_OpenExisting))
      return llvm::errorCodeToError(error);
    return std::make_unique<FileOutput>(path, std::nullopt, file);
  }
  Expected<fs::TempFile> temporary =
      fs::TempFile::create(path + ".tmp%%%%%%%%", fs::all_read | fs::all_write);
  if (!temporary)
    return temporary.takeError();
  int file = temporary->FD;
  return std::make_unique<FileOutput>(path, std::move(*temporary), file);
}

std::unique_ptr<Output>
dl::package::openMemoryOutput(std::unique_ptr<llvm::MemoryBuffer> &result) {
  return std::make_unique<MemoryOutput>(result);
}

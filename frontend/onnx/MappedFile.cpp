// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/onnx/MappedFile.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace dl::frontend;

static llvm::Error fileError(const llvm::Twine &what) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), what);
}

llvm::Expected<std::shared_ptr<const MappedFile>>
MappedFile::open(const std::string &path) {
  // Without O_NONBLOCK, opening a pipe would wait for its writer.
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return fileError(llvm::Twine("cannot be opened: ") + strerror(errno));
  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(fd);
    return fileError("is not a regular file");
  }
  size_t length = status.st_size;
  void *address = nullptr;
  if (length)
    address = mmap(nullptr, length, PROT_READ, MAP_PRIVATE, fd, 0);
  int error = errno;
  close(fd);
  if (address == MAP_FAILED)
    return fileError(llvm::Twine("cannot be mapped: ") + strerror(error));
  return std::shared_ptr<const MappedFile>(
      new MappedFile(static_cast<const char *>(address), length));
}

MappedFile::~MappedFile() {
  if (length)
    munmap(const_cast<char *>(address), length);
}

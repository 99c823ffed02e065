// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/ranks/MpiLibrary.h"

#include "tools/values/Value.h"

#include <cstdlib>
#include <dlfcn.h>
#include <type_traits>

using dl::values::Failure;

namespace dl::ranks {

/// The name and version that a library gives itself, in one line; empty where
/// it is no MPI.
static std::string getVersion(void *library) {
  constexpr size_t kRoom = 8192; // MPICH's text is the longest
  auto version = reinterpret_cast<int (*)(char *, int *)>(
      dlsym(library, "MPI_Get_library_version"));
  if (!version)
    return {};
  std::string text(kRoom, '\0');
  int length = 0;
  if (version(text.data(), &length) != 0)
    return {};
  return text.substr(0, text.find_first_of(std::string(",\n\0", 3)));
}

MpiLibrary MpiLibrary::open() {
  const char *given = std::getenv("DL_MPI_LIBRARY");
  std::string name = given ? given : "libmpi.so.40";
  // Its plugins look for its symbols among those of the program.
  void *library = dlopen(name.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!library)
    throw Failure(name, std::string("cannot be opened: ") + dlerror() +
                            "; training on several ranks needs Open MPI "
                            "(DL_MPI_LIBRARY tells where it is)");
  auto find = [&](const char *symbol) {
    void *found = dlsym(library, symbol);
    if (found)
      return found;
    std::string version = getVersion(library);
    throw Failure(name, (version.empty()
                             ? "is no MPI library"
                             : "is of " + version +
                                   ", not Open MPI, which alone is supported") +
                            ": it has no '" + symbol + "'");
  };
  MpiLibrary mpi = {};
  auto bind = [&](auto &function, const char *symbol) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(
        find(symbol));
  };
  mpi.world = find("ompi_mpi_comm_world");
  mpi.floats = find("ompi_mpi_float");
  mpi.doubles = find("ompi_mpi_double");
  mpi.bytes = find("ompi_mpi_byte");
  mpi.sum = find("ompi_mpi_op_sum");
  mpi.errorsReturn = find("ompi_mpi_errors_return");
  bind(mpi.initThread, "MPI_Init_thread");
  bind(mpi.finalize, "MPI_Finalize");
  bind(mpi.abort, "MPI_Abort");
  bind(mpi.commRank, "MPI_Comm_rank");
  bind(mpi.commSize, "MPI_Comm_size");
  bind(mpi.commSetErrhandler, "MPI_Comm_set_errhandler");
  bind(mpi.iallreduce, "MPI_Iallreduce");
  bind(mpi.ibcast, "MPI_Ibcast");
  bind(mpi.test, "MPI_Test");
  bind(mpi.errorString, "MPI_Error_string");
  return mpi;
}

std::string MpiLibrary::describe(int code) const {
  char text[kMaxErrorString] = {};
  int length = 0;
  if (errorString(code, text, &length) != 0)
    return "error " + std::to_string(code);
  return text;
}

} // namespace dl::ranks

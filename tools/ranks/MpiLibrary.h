// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Open MPI's library, opened at run time. MPI's standard does not say what
// handles are in a binary: in Open MPI, they are addresses of objects that the
// library exports.

#ifndef DL_TOOLS_RANKS_MPILIBRARY_H
#define DL_TOOLS_RANKS_MPILIBRARY_H

#include <string>

namespace dl::ranks {

struct MpiLibrary {
  using Handle = void *;

  int (*initThread)(int *argc, char ***argv, int required, int *provided);
  int (*finalize)();
  int (*abort)(Handle communicator, int status);
  int (*commRank)(Handle communicator, int *rank);
  int (*commSize)(Handle communicator, int *size);
  int (*commSetErrhandler)(Handle communicator, Handle handler);
  int (*iallreduce)(const void *from, void *to, int count, Handle type,
                    Handle operation, Handle communicator, Handle *request);
  int (*ibcast)(void *data, int count, Handle type, int root,
                Handle communicator, Handle *request);
  int (*test)(Handle *request, int *done, void *status);
  int (*errorString)(int code, char *text, int *length);

  Handle world, floats, doubles, bytes, sum, errorsReturn;

  static constexpr int kThreadFunneled = 1;
  static constexpr int kMaxErrorString = 256;
  static void *inPlace() { return reinterpret_cast<void *>(1); }

  /// Opens the library that the environment variable DL_MPI_LIBRARY names, or
  /// libmpi.so.40, and leaves it open. Throws a values::Failure, located at the
  /// library, where it is not there or not Open MPI's.
  static MpiLibrary open();

  /// What a function's result that is not 0 means.
  std::string describe(int code) const;
};

} // namespace dl::ranks

#endif // DL_TOOLS_RANKS_MPILIBRARY_H

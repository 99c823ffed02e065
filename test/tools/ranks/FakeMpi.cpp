// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Stands in for Open MPI's library: this process is rank 1 of 3, and the others
// have whatever it has. A request is done at the third look. The environment
// variable FAKE_MPI_FAILS names a function that fails.

#include <cstdlib>
#include <cstring>
#include <thread>

// NOLINTBEGIN(readability-identifier-naming): the names are MPI's.

#pragma GCC visibility push(default)

extern "C" {

int MPI_Get_library_version(char *text, int *length) {
  const char *version = "MPICH Version:\t4.0.2\nMPICH Release date:\tsome day";
  *length = static_cast<int>(strlen(version));
  memcpy(text, version, strlen(version) + 1);
  return 0;
}

#ifndef DL_OTHER_MPI

char ompi_mpi_comm_world[8], ompi_mpi_float[8], ompi_mpi_double[8],
    ompi_mpi_byte[8], ompi_mpi_op_sum[8], ompi_mpi_errors_return[8];

static std::thread::id caller;
static int looks = 0;

/// Whether a function fails: where it shall, and where another thread calls it
/// than the first one.
static int fails(const char *function) {
  const char *named = getenv("FAKE_MPI_FAILS");
  return std::this_thread::get_id() != caller ||
                 (named && strcmp(named, function) == 0)
             ? 5
             : 0;
}

int MPI_Init_thread(int *, char ***, int required, int *provided) {
  caller = std::this_thread::get_id();
  *provided = required;
  return fails("MPI_Init_thread");
}

int MPI_Finalize() { return fails("MPI_Finalize"); }

int MPI_Abort(void *, int status) { _Exit(status); }

int MPI_Comm_set_errhandler(void *, void *handler) {
  return handler == ompi_mpi_errors_return ? 0 : 5;
}

int MPI_Comm_rank(void *, int *rank) {
  *rank = 1;
  return fails("MPI_Comm_rank");
}

int MPI_Comm_size(void *, int *size) {
  *size = 3;
  return 0;
}

int MPI_Iallreduce(const void *from, void *to, int count, void *type,
                   void *operation, void *world, void **request) {
  if (from != reinterpret_cast<void *>(1) || operation != ompi_mpi_op_sum ||
      world != ompi_mpi_comm_world)
    return 5;
  for (int i = 0; i < count; ++i) {
    if (type == ompi_mpi_float)
      static_cast<float *>(to)[i] *= 3;
    else if (type == ompi_mpi_double)
      static_cast<double *>(to)[i] *= 3;
    else
      return 5;
  }
  *request = to;
  return fails("MPI_Iallreduce");
}

int MPI_Ibcast(void *data, int count, void *type, int root, void *,
               void **request) {
  if (type != ompi_mpi_byte || root != 0)
    return 5;
  memset(data, 7, static_cast<size_t>(count));
  *request = data;
  return fails("MPI_Ibcast");
}

int MPI_Test(void **request, int *done, void *) {
  *done = ++looks % 3 == 0;
  if (*done)
    *request = nullptr;
  return fails("MPI_Test");
}

int MPI_Error_string(int, char *text, int *length) {
  strcpy(text, "MPI_ERR_FAKE: told to fail");
  *length = static_cast<int>(strlen(text));
  return 0;
}

#endif

} // extern "C"

// NOLINTEND(readability-identifier-naming)

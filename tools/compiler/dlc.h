/* Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * The compiler as a library: what dl-compile does, from C.
 *
 * Every function may be called from any thread, several at once. Strings are
 * UTF-8, and copied where they are needed longer than the call.
 */
#ifndef DLC_H
#define DLC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define DLC_API __attribute__((visibility("default")))
#else
#define DLC_API
#endif

/* Stable numbers. */
typedef enum dlc_status {
  DLC_OK = 0,
  /* The input cannot be compiled, or the output not be written. */
  DLC_FAILED = 1,
  /* An argument is null where it may not be, or an option has no such value. */
  DLC_INVALID_ARGUMENT = 2
} dlc_status;

/* Set to defaults by dlc_options_init; a null string is the default too. */
typedef struct dlc_options {
  /* sizeof(dlc_options), so that later versions may add members at the end. */
  size_t size;
  /* "module" (default), "object", "asm", "llvm", "linalg" or "dl". */
  const char *emit;
  /* "import", "simplify", "fuse" or "lower": stop after that phase, and write
   * what it left as text. */
  const char *stop_after;
  /* CPU levels separated by commas: "native" (default), "x86-64-v3", ... */
  const char *cpu;
  /* "NAME=SIZE": named dimensions of the model's inputs that get a fixed size.
   */
  const char *const *dims;
  size_t num_dims;
  /* A C header is written here: with "module", what inputs, outputs and the
   * arena are, with "object", the kernels. */
  const char *header;
  /* The folder of compiled kernels; null for what DL_CACHE_DIR says, "" for
   * none. */
  const char *cache_directory;
  /* How many threads compile; 0: one for each processor. */
  uint32_t threads;
  /* Called with each step's name as it begins, on the calling thread; may be
   * null. */
  void (*progress)(void *user, const char *what);
  void *user;
  /* "f32" (default) or "bf16": of matrix products, convolutions and what they
   * read. */
  const char *precision;
} dlc_options;

DLC_API void dlc_options_init(dlc_options *options);

/* Compiles the file `input` (an ONNX model, or .mlir) into the file `output`,
 * which appears whole or not at all. `options` may be null. `messages`, where
 * it is not null, receives null or text to free with dlc_free: lines of the
 * form "error: WHERE: WHAT", the first error first, then warnings. */
DLC_API dlc_status dlc_compile(const char *input, const char *output,
                               const dlc_options *options, char **messages);

DLC_API void dlc_free(char *text);

/* "dl-compile 0.1.0 (LLVM 22.1.8)"; lives as long as the program. */
DLC_API const char *dlc_version(void);

#ifdef __cplusplus
}
#endif

#endif

/* Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * dlrt: loads a compiled module (.dlm) and runs it.
 *
 *   dlrt_module *module;
 *   dlrt_session *session;
 *   dlrt_error error = {sizeof(error)};
 *   dlrt_module_open_file("model.dlm", &module, &error);
 *   dlrt_session_create(module, NULL, &session, &error);
 *   dlrt_session_bind_input(session, 0, &tensor, &error);
 *   dlrt_session_run(session, &error);
 *   dlrt_session_output(session, 0, &result, &error);
 *
 * Errors. A function that can fail returns a dlrt_status and takes a dlrt_error
 * as its last argument, which may be NULL. On failure it fills the error and
 * changes nothing else unless its comment says so. No function throws, aborts
 * or prints.
 *
 * Structs. The caller sets struct_size of each struct it passes to sizeof that
 * struct. Later versions add members at the end only; members beyond
 * struct_size are left alone.
 *
 * Threads. A module may be used by any number of threads at once. A session is
 * for one thread at a time; a call that finds it in use fails with DLRT_BUSY.
 * Only dlrt_session_cancel may be called during a run. There is no global
 * state.
 *
 * Fork. A child process may go on using modules and sessions that were not in
 * use at the moment of the fork; sessions start their threads again.
 *
 * Trust. A module is a program. Its hashes find damage, not malice: open
 * modules from trusted sources only, and do not change or cut a file while it
 * is open.
 */
#ifndef DLRT_H
#define DLRT_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32) && defined(DLRT_BUILDING)
#define DLRT_API __declspec(dllexport)
#elif defined(_WIN32) && !defined(DLRT_STATIC)
#define DLRT_API __declspec(dllimport)
#elif defined(__GNUC__)
#define DLRT_API __attribute__((visibility("default")))
#else
#define DLRT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Errors
 * ------------------------------------------------------------------ */

/* Values never change their meaning; later versions may add some. */
typedef enum dlrt_status {
  DLRT_OK = 0,
  DLRT_INVALID_ARGUMENT = 1, /* a null pointer, an index out of range */
  DLRT_NOT_FOUND = 2,        /* no entry, input or output of that name */
  DLRT_IO_ERROR = 3,         /* the file cannot be opened or read */
  DLRT_BAD_MODULE = 4,       /* not a module, or damaged */
  DLRT_NEWER_FORMAT = 5, /* the module's format is newer than this library */
  DLRT_UNSUPPORTED = 6,  /* no code for this machine, no such target */
  DLRT_MISMATCH = 7,     /* type, rank or size of a value is not as declared */
  DLRT_OUT_OF_MEMORY = 8,
  DLRT_CANCELLED = 9,
  DLRT_BUSY = 10,      /* the session is in use by another thread */
  DLRT_NOT_BOUND = 11, /* an input has not been bound */
  DLRT_INTERNAL = 12,
  DLRT_DEVICE_LOST = 13 /* nothing runs on the device until it is opened anew */
} dlrt_status;

/* Where a call puts the details of its failure. Owned by the caller. */
typedef struct dlrt_error {
  size_t struct_size;
  dlrt_status status;
  char message[1012]; /* names the place and what is wrong; UTF-8, terminated */
} dlrt_error;

/* A short text for a status, for example "out of memory". Static memory. */
DLRT_API const char *dlrt_status_text(dlrt_status status);

/* ---- Version
 * ----------------------------------------------------------------- */

/* The library's version, for example "0.1.0". Static memory. */
DLRT_API const char *dlrt_version(void);

/* The newest module format that the library reads. */
DLRT_API uint32_t dlrt_format_version(void);

/* The CPUs that this process may use (affinity and control group), at least 1:
 * the threads of a session whose options do not say otherwise. */
DLRT_API int32_t dlrt_available_cpus(void);

/* Calls `visit` for each device that a session may run on: its name as a
 * session's target ("cpu", "cuda:0"), and its driver's name for it. The texts
 * live for the call alone. */
DLRT_API void dlrt_list_devices(void (*visit)(void *context, const char *target,
                                              const char *name),
                                void *context);

/* ---- Values
 * ------------------------------------------------------------------ */

/* Types of elements. The 2- and 4-bit types are packed from the low bits up. */
typedef enum dlrt_type {
  DLRT_NONE = 0,
  DLRT_FLOAT32 = 1,
  DLRT_FLOAT64 = 2,
  DLRT_FLOAT16 = 3,
  DLRT_BFLOAT16 = 4,
  DLRT_INT8 = 5,
  DLRT_INT16 = 6,
  DLRT_INT32 = 7,
  DLRT_INT64 = 8,
  DLRT_UINT8 = 9,
  DLRT_UINT16 = 10,
  DLRT_UINT32 = 11,
  DLRT_UINT64 = 12,
  DLRT_BOOL = 13, /* one byte, 0 or 1 */
  DLRT_FLOAT8E4M3FN = 14,
  DLRT_FLOAT8E4M3FNUZ = 15,
  DLRT_FLOAT8E5M2 = 16,
  DLRT_FLOAT8E5M2FNUZ = 17,
  DLRT_FLOAT8E8M0 = 18,
  DLRT_INT4 = 19,
  DLRT_UINT4 = 20,
  DLRT_INT2 = 21,
  DLRT_UINT2 = 22,
  DLRT_FLOAT4E2M1 = 23,
  DLRT_COMPLEX64 = 24,
  DLRT_COMPLEX128 = 25,
  DLRT_STRING = 26
} dlrt_type;

/* "float32", "bfloat16", ...; "none" for a number that is no type. Static
 * memory. */
DLRT_API const char *dlrt_type_name(dlrt_type type);

/* An element of a tensor of strings: `size` bytes at `data`, any bytes, without
 * a terminator. `data` may be NULL for no bytes. Text is UTF-8 where an
 * operator looks into it. */
typedef struct dlrt_string {
  const char *data;
  size_t size;
} dlrt_string;

/* Bits of one element in memory; for strings, those of a dlrt_string; 0 for
 * numbers that are no type. */
DLRT_API int32_t dlrt_type_bits(dlrt_type type);

/* A dense row-major tensor. Who owns `data` and `dims` is told where one is
 * used. */
typedef struct dlrt_tensor {
  size_t struct_size;
  dlrt_type type;
  int32_t rank;        /* 0 for a scalar */
  const int64_t *dims; /* `rank` sizes; may be NULL for rank 0 */
  void *data;          /* any alignment; may be NULL for no elements */
  size_t bytes;        /* of the data */
} dlrt_tensor;

/* ---- Modules
 * ----------------------------------------------------------------- */

/* An open module: immutable, shared by its sessions. */
typedef struct dlrt_module dlrt_module;

/* Opens the file at `path` (UTF-8). The header and the code are checked;
 * weights are mapped and not read. The caller closes the module. Errors:
 * IO_ERROR, BAD_MODULE, NEWER_FORMAT, OUT_OF_MEMORY. */
DLRT_API dlrt_status dlrt_module_open_file(const char *path,
                                           dlrt_module **module,
                                           dlrt_error *error);

/* Opens a module of `size` bytes at `data`, which must stay and not change
 * until the module is closed and its sessions are destroyed. Data at a multiple
 * of 64 is used in place, other data is copied. Errors: as
 * dlrt_module_open_file. */
DLRT_API dlrt_status dlrt_module_open_memory(const void *data, size_t size,
                                             dlrt_module **module,
                                             dlrt_error *error);

/* Closes a module; NULL is permitted. Sessions stay valid and keep what they
 * need. */
DLRT_API void dlrt_module_close(dlrt_module *module);

/* Compares every segment's hash with its bytes, which reads the whole file.
 * Errors: BAD_MODULE, naming the segment. */
DLRT_API dlrt_status dlrt_module_verify(const dlrt_module *module,
                                        dlrt_error *error);

/* What is known of a module. Texts live as long as the module. */
typedef struct dlrt_module_info {
  size_t struct_size;
  const char *producer; /* the compiler that wrote it; may be empty */
  uint32_t format_version;
  uint32_t entry_count;
  uint32_t code_count; /* levels of CPU code, see dlrt_module_code */
  uint32_t kernel_count;
  uint64_t file_bytes;
  uint64_t constant_bytes; /* weights */
  uint64_t code_bytes;     /* of all levels */
  uint64_t coded_bytes;    /* of the weights, what is entropy-coded .. */
  uint64_t decoded_bytes;  /* .. and the memory that it takes on first use */
  int32_t data_parallel;   /* 1 where runs reduce values over processes: what
                              dl-compile --train --data-parallel writes */
} dlrt_module_info;

/* Errors: INVALID_ARGUMENT. */
DLRT_API dlrt_status dlrt_module_get_info(const dlrt_module *module,
                                          dlrt_module_info *info,
                                          dlrt_error *error);

/* Code for one level of CPU. Of several, the last supported one is used. */
typedef struct dlrt_code_info {
  size_t struct_size;
  const char *triple; /* "x86_64-unknown-linux-gnu" */
  const char *cpu;    /* "x86-64-v4" */
  int32_t supported;  /* 1 where this machine can run it */
} dlrt_code_info;

/* Texts live as long as the module. Errors: INVALID_ARGUMENT. */
DLRT_API dlrt_status dlrt_module_code(const dlrt_module *module, uint32_t index,
                                      dlrt_code_info *info, dlrt_error *error);

/* Code for a kind of device that has memory of its own. */
typedef struct dlrt_device_code_info {
  size_t struct_size;
  const char *target;    /* "cuda", "vulkan" */
  const char *arch;      /* "sm_80"; empty where the target has none */
  uint64_t bytes;        /* PTX or SPIR-V */
  uint32_t kernel_count; /* stages of kernels */
} dlrt_device_code_info;

/* How many codes for devices a module has. */
DLRT_API uint32_t dlrt_module_device_code_count(const dlrt_module *module);

/* Texts live as long as the module. Errors: INVALID_ARGUMENT. */
DLRT_API dlrt_status dlrt_module_device_code(const dlrt_module *module,
                                             uint32_t index,
                                             dlrt_device_code_info *info,
                                             dlrt_error *error);

/* What the compiler noted about the kernels and steps, for tools: JSON of
 * `*bytes` bytes without a terminator, living as long as the module. NULL where
 * the module has none; nothing runs by it. `bytes` may be NULL. */
DLRT_API const char *dlrt_module_debug_info(const dlrt_module *module,
                                            size_t *bytes);

/* The program of the target "reference", MLIR bytecode of `*bytes` bytes that
 * start on a page and live as long as the module, for the tool dl-run: no
 * session runs it. NULL where the module has none. `bytes` may be NULL. */
DLRT_API const void *dlrt_module_reference_program(const dlrt_module *module,
                                                   size_t *bytes);

/* The name of entry `index`, living as long as the module; NULL out of range.
 */
DLRT_API const char *dlrt_module_entry_name(const dlrt_module *module,
                                            uint32_t index);

/* Stores the index of the entry called `name`. Errors: NOT_FOUND. */
DLRT_API dlrt_status dlrt_module_find_entry(const dlrt_module *module,
                                            const char *name, uint32_t *index,
                                            dlrt_error *error);

/* The name of the `index`th target ("cpu", "reference") that the entry has a
 * plan for, living as long as the module; NULL out of range. */
DLRT_API const char *dlrt_module_entry_target(const dlrt_module *module,
                                              uint32_t entry, uint32_t index);

/* The number of inputs, outputs and symbols of an entry; 0 out of range. */
DLRT_API uint32_t dlrt_module_input_count(const dlrt_module *module,
                                          uint32_t entry);
DLRT_API uint32_t dlrt_module_output_count(const dlrt_module *module,
                                           uint32_t entry);
DLRT_API uint32_t dlrt_module_symbol_count(const dlrt_module *module,
                                           uint32_t entry);

/* Of a symbol that the run itself finds: a size that depends on data. */
#define DLRT_NO_INPUT UINT32_MAX

/* A named size, bound to a dimension of an input, or found by the run. */
typedef struct dlrt_symbol_info {
  size_t struct_size;
  const char *name;
  uint32_t input; /* it is dimension `axis` of this input, or DLRT_NO_INPUT */
  uint32_t axis;
} dlrt_symbol_info;

/* The name lives as long as the module. Errors: INVALID_ARGUMENT. */
DLRT_API dlrt_status dlrt_module_symbol(const dlrt_module *module,
                                        uint32_t entry, uint32_t index,
                                        dlrt_symbol_info *info,
                                        dlrt_error *error);

/* What an input or output is: a tensor, any number of tensors, or one of these
 * or nothing. */
typedef enum dlrt_value_kind {
  DLRT_TENSOR = 0,
  DLRT_SEQUENCE = 1,
  DLRT_OPTIONAL_TENSOR = 2,
  DLRT_OPTIONAL_SEQUENCE = 3
} dlrt_value_kind;

/* Maps are told by tensors. An input that is a map (of ONNX's DictVectorizer
 * and CastMap) is two inputs: its keys, then its values, one for each key.
 * Their names are the map's with ".keys" and ".values". An output that is a
 * sequence of maps (of ZipMap) is a matrix: each row has the values of a map,
 * in the order of the output's keys. */
typedef enum dlrt_map_part {
  DLRT_NO_MAP = 0,
  DLRT_MAP_KEYS = 1,
  DLRT_MAP_VALUES = 2,
  DLRT_MAP_ROWS = 3
} dlrt_map_part;

/* What an entry declares of an input or output. Of a sequence or an optional,
 * type, rank and dimensions are those of its tensors. */
typedef struct dlrt_value_info {
  size_t struct_size;
  const char *name;
  dlrt_type type;
  int32_t rank; /* 0 where `unranked` is set */
  dlrt_value_kind kind;
  int32_t unranked; /* 1 where the tensors may have any number of dimensions */
  dlrt_map_part map_part;
  dlrt_type key_type; /* of DLRT_MAP_ROWS: DLRT_STRING or DLRT_INT64 */
  uint32_t key_count; /* likewise, how many there are */
} dlrt_value_info;

/* The name lives as long as the module. Errors: INVALID_ARGUMENT. */
DLRT_API dlrt_status dlrt_module_input(const dlrt_module *module,
                                       uint32_t entry, uint32_t index,
                                       dlrt_value_info *info,
                                       dlrt_error *error);
DLRT_API dlrt_status dlrt_module_output(const dlrt_module *module,
                                        uint32_t entry, uint32_t index,
                                        dlrt_value_info *info,
                                        dlrt_error *error);

/* Key `key` of an output of DLRT_MAP_ROWS. Stores its text, which lives as long
 * as the module, in `text`, or its number in `number`; the other one may be
 * NULL. Errors: INVALID_ARGUMENT. */
DLRT_API dlrt_status dlrt_module_output_key(const dlrt_module *module,
                                            uint32_t entry, uint32_t index,
                                            uint32_t key, dlrt_string *text,
                                            int64_t *number, dlrt_error *error);

/* Dimension `axis` of an input or output. Stores its size in `size`, or -1
 * where the size depends on symbols, or differs between the tensors of a
 * sequence ("?"); and its text ("3", "N", "2 * N + 1") in
 * `text`, cut to `text_size` bytes with the terminator. Either may be NULL.
 * Errors: INVALID_ARGUMENT. */
DLRT_API dlrt_status dlrt_module_input_dim(const dlrt_module *module,
                                           uint32_t entry, uint32_t index,
                                           int32_t axis, int64_t *size,
                                           char *text, size_t text_size,
                                           dlrt_error *error);
DLRT_API dlrt_status dlrt_module_output_dim(const dlrt_module *module,
                                            uint32_t entry, uint32_t index,
                                            int32_t axis, int64_t *size,
                                            char *text, size_t text_size,
                                            dlrt_error *error);

/* As above, for the bytes of the arenas of an entry's plan for `target` (NULL:
 * cpu), those that the run sizes by what it finds included. Errors:
 * INVALID_ARGUMENT, UNSUPPORTED. */
DLRT_API dlrt_status dlrt_module_arena(const dlrt_module *module,
                                       uint32_t entry, const char *target,
                                       int64_t *size, char *text,
                                       size_t text_size, dlrt_error *error);

/* ---- State
 * ------------------------------------------------------------------- */

/* A module of dl-compile --kv-cache keeps the keys and values of attention from
 * run to run: caches of a fixed number of rows, behind whose first so many, as
 * a state of DLRT_STATE_POSITION says, each run puts its own, and then raises
 * that number. A run for which there is no room ends with MISMATCH and changes
 * nothing. Another sequence begins when the number is set to 0
 * (dlrt_state_set_position of dlrt_session_state); set to less than it is, it
 * takes rows back. Each session, or dlrt_state, has a sequence of its own.
 *
 * A module that was compiled for training (dl-compile --train) has state:
 * tensors that outlast a run. Its entries are
 *   "step"      the model's inputs, then "label" -> "loss": computes the loss
 * of one batch with the parameters as they are, and then updates parameters,
 * slots, statistics and the counter in place, unless the loss is infinite or
 * NaN: such a step changes no state; "evaluate"  the same inputs ->
 * "loss", then the model's outputs, as for inference (running statistics, no
 * dropout); changes no state; "predict"   the model's inputs -> its outputs,
 * likewise. "loss" is a float32 scalar. Whoever trains creates one dlrt_state,
 * hands it to the sessions of all three entries in their options, and runs
 * them:
 *
 *   dlrt_state_create(module, NULL, &state, &error);
 *   options.state = state;
 *   options.entry = "step";
 *   dlrt_session_create(module, &options, &session, &error);
 *   (bind the inputs; for each batch: dlrt_session_run(session, &error))
 *
 * A module without state runs as ever. A checkpoint is all states of a
 * dlrt_state, by name, with dlrt_module_state_signature of the module: what is
 * read back by dlrt_state_set goes on with the same bits. Trained weights are
 * the states of role DLRT_STATE_PARAMETER and DLRT_STATE_STATISTIC: each has
 * the name, the type and the sizes of the ONNX model's initializer. */
typedef struct dlrt_state dlrt_state;

typedef enum dlrt_state_role {
  DLRT_STATE_PARAMETER = 0, /* is trained */
  DLRT_STATE_SLOT = 1,      /* what the optimizer keeps for a parameter, as its
                               momentum; named "PARAMETER.WHAT" */
  DLRT_STATE_STATISTIC = 2, /* is kept by "step"'s forward pass: the running
                               mean and variance of batch normalization */
  DLRT_STATE_COUNTER = 3,   /* int64 scalar "step": updates made so far */
  DLRT_STATE_SETTING = 4,   /* scalar that "step" reads: "learning_rate"
                               (float32), which a schedule may set before each;
                               "loss_scale" (float32) and "loss_scale.steps"
                               (int64), which steps set themselves */
  DLRT_STATE_CACHE = 5,     /* rows that runs add: keys or values of attention,
                               or their scales */
  DLRT_STATE_POSITION = 6   /* int64 scalar: how many rows of caches count */
} dlrt_state_role;

/* Of a state that belongs to no parameter. */
#define DLRT_NO_PARAMETER UINT32_MAX

/* A state that a module declares: a dense tensor of static sizes. */
typedef struct dlrt_state_info {
  size_t struct_size;
  const char *name; /* no two are equal */
  dlrt_type type;
  int32_t rank;
  const int64_t *dims; /* `rank` sizes */
  uint64_t bytes;
  dlrt_state_role role;
  uint32_t parameter; /* of DLRT_STATE_SLOT, the state that it is kept for; else
                         DLRT_NO_PARAMETER */
} dlrt_state_info;

/* The number of states; 0 for a module that neither trains nor has caches. */
DLRT_API uint32_t dlrt_module_state_count(const dlrt_module *module);

/* Describes state `index`; name and dims live as long as the module. Errors:
 * INVALID_ARGUMENT. */
DLRT_API dlrt_status dlrt_module_state(const dlrt_module *module,
                                       uint32_t index, dlrt_state_info *info,
                                       dlrt_error *error);

/* Stores the index of the state called `name`. Errors: NOT_FOUND. */
DLRT_API dlrt_status dlrt_module_find_state(const dlrt_module *module,
                                            const char *name, uint32_t *index,
                                            dlrt_error *error);

/* Bytes of all states: what a dlrt_state holds. */
DLRT_API uint64_t dlrt_module_state_bytes(const dlrt_module *module);

/* A hash of names, types, sizes and roles of all states, in order: equal for
 * modules that can go on from each other's checkpoints. 0 without states. */
DLRT_API uint64_t dlrt_module_state_signature(const dlrt_module *module);

/* The host's memory for intermediate results, scratch, outputs of
 * a session's own, and states. */
typedef struct dlrt_allocator {
  void *context; /* handed to both functions */
  /* Returns `bytes` bytes at a multiple of `alignment`, or NULL. */
  void *(*allocate)(void *context, size_t bytes, size_t alignment);
  /* Takes back what allocate returned; NULL where the host frees it later
   * itself. */
  void (*release)(void *context, void *memory, size_t bytes, size_t alignment);
} dlrt_allocator;

/* Creates the states of a module with their initial values, in memory of the
 * allocator (copied; NULL: the system's). The caller destroys it; it keeps what
 * it needs of the module. The first session that is given it moves it to the
 * device that the session runs on; sessions on others are refused. Errors:
 * INVALID_ARGUMENT, OUT_OF_MEMORY. */
DLRT_API dlrt_status dlrt_state_create(dlrt_module *module,
                                       const dlrt_allocator *allocator,
                                       dlrt_state **state, dlrt_error *error);

/* Gives up a state; NULL is permitted. Sessions that were created with it keep
 * it alive. */
DLRT_API void dlrt_state_destroy(dlrt_state *state);

/* Describes state `index`, for reading, for example into a checkpoint: a dense
 * tensor, aligned to 64 bytes, where it lies; of a state that lies in memory in
 * another order (filters of convolutions may), or on a device, a copy. data is
 * valid until the next call for the same state or until the dlrt_state is
 * destroyed, dims live as long as the module. The caller neither writes it nor
 * calls this during a run of a session that uses it. Errors: INVALID_ARGUMENT,
 * OUT_OF_MEMORY. */
DLRT_API dlrt_status dlrt_state_get(const dlrt_state *state, uint32_t index,
                                    dlrt_tensor *tensor, dlrt_error *error);

/* Copies `tensor` into state `index`. Later runs read it. Errors:
 * INVALID_ARGUMENT, MISMATCH (type, rank, sizes or bytes, naming the state and
 * what was expected), BUSY (a session that uses it runs). */
DLRT_API dlrt_status dlrt_state_set(dlrt_state *state, uint32_t index,
                                    const dlrt_tensor *tensor,
                                    dlrt_error *error);

/* Says of all caches that their first `rows` rows count: 0 where another
 * sequence begins. Errors: INVALID_ARGUMENT (below 0), NOT_FOUND (the module
 * has no caches), BUSY. */
DLRT_API dlrt_status dlrt_state_set_position(dlrt_state *state, int64_t rows,
                                             dlrt_error *error);

/* Gives all states their initial values again. Errors: BUSY. */
DLRT_API dlrt_status dlrt_state_reset(dlrt_state *state, dlrt_error *error);

/* ---- Sessions
 * ---------------------------------------------------------------- */

/* Runs one entry of a module. Sessions of one module share its weights and
 * code. */
typedef struct dlrt_session dlrt_session;

/* The host's threads, in place of the session's own. */
typedef struct dlrt_executor {
  void *context;       /* handed to run */
  int32_t concurrency; /* the most tasks worth making at once, at least 1 */
  /* Calls task(task_context, i) once for each i in [0, count), count being at
   * most concurrency, on any threads, and returns when all calls have returned.
   * Must not throw. Tasks do not wait for each other. */
  void (*run)(void *context, void (*task)(void *task_context, size_t index),
              void *task_context, size_t count);
} dlrt_executor;

/* The other processes of a data-parallel training. Each runs the same entries
 * of the same module on a part of each batch, as often as the others, and a run
 * takes the means of losses, gradients and running statistics over all. What
 * they begin with, and what else they are to have in common, such as the
 * learning rate, is the caller's affair. */
typedef struct dlrt_communicator {
  void *context; /* handed to the functions */
  int32_t rank;  /* the number of this process, from 0 to count - 1 */
  int32_t count; /* of processes, at least 1 */
  /* Begins to replace `elements` numbers at `data`, of DLRT_FLOAT32 or
   * DLRT_FLOAT64, by their means over all processes, stores a number for it in
   * `request` and returns. Nobody else touches the numbers until `wait` has
   * returned for that request. All processes begin the same reductions in the
   * same order, and all get the same bits. A failure, for which `error` has
   * room, ends the run. */
  dlrt_status (*start)(void *context, void *data, uint64_t elements,
                       dlrt_type type, uint64_t *request, dlrt_error *error);
  /* Returns when a reduction is done; called once for each, on the thread that
   * runs. A run that fails waits for what it has begun. */
  dlrt_status (*wait)(void *context, uint64_t request, dlrt_error *error);
  /* Replaces numbers in the memory of the session's device by their means, in
   * the order of what is in `stream`, and may return before that is done. Of
   * CUDA's driver: `data` is a CUdeviceptr, `stream` a CUstream, and the
   * context is current. NULL: such numbers pass through the host. */
  dlrt_status (*reduce_on_device)(void *context, void *data, uint64_t elements,
                                  dlrt_type type, void *stream,
                                  dlrt_error *error);
} dlrt_communicator;

/* Receives what a session reports about itself (growing memory, the code
 * chosen), during calls on that session. The message lives for the call alone.
 */
typedef struct dlrt_logger {
  void *context;
  void (*log)(void *context, const char *message);
} dlrt_logger;

/* Zero means the default for every member but struct_size. */
typedef struct dlrt_session_options {
  size_t struct_size;
  const char *entry;  /* the entry's name; NULL: the module's first */
  const char *target; /* "cpu", "cuda", "cuda:1"; NULL: cpu */
  int32_t threads;    /* with the caller's; 0: dlrt_available_cpus() */
  int32_t profile;    /* 1: record every step, see dlrt_session_profile_event */
  dlrt_allocator allocator; /* allocate NULL: the system's memory */
  dlrt_executor executor;   /* run NULL: threads of the session's own */
  dlrt_logger logger;       /* log NULL: none */
  uint64_t memory_limit; /* bytes of intermediate results, scratch and outputs
                            of its own that the session may hold; what needs
                            more is refused with OUT_OF_MEMORY before it
                            starts, or, where the run itself finds sizes, at
                            that point */
  dlrt_state *state;     /* of this module; shared by all sessions that are
                            given it, one of which runs at a time (BUSY). NULL:
                            where the entry has state, the session's own */
  dlrt_communicator communicator; /* start NULL: there is this process alone */
} dlrt_session_options;

/* Creates a session; `options` may be NULL and is copied. The caller destroys
 * it. Loads the module's code for this CPU at the first session. Threads start
 * at the first run. Errors: NOT_FOUND (entry), UNSUPPORTED (target, CPU,
 * types), OUT_OF_MEMORY. */
DLRT_API dlrt_status dlrt_session_create(dlrt_module *module,
                                         const dlrt_session_options *options,
                                         dlrt_session **session,
                                         dlrt_error *error);

/* Destroys a session that is not running; NULL is permitted. */
DLRT_API void dlrt_session_destroy(dlrt_session *session);

/* The index of the session's entry in its module. */
DLRT_API uint32_t dlrt_session_entry(const dlrt_session *session);

/* The session's states, given by its options or its own, which the caller must
 * not destroy: they live as long as the session. NULL for an entry without. */
DLRT_API dlrt_state *dlrt_session_state(const dlrt_session *session);

/* The most threads that a run uses, with the caller's. */
DLRT_API int32_t dlrt_session_threads(const dlrt_session *session);

/* Stores the index of the input or output called `name`. Errors: NOT_FOUND. */
DLRT_API dlrt_status dlrt_session_find_input(const dlrt_session *session,
                                             const char *name, uint32_t *index,
                                             dlrt_error *error);
DLRT_API dlrt_status dlrt_session_find_output(const dlrt_session *session,
                                              const char *name, uint32_t *index,
                                              dlrt_error *error);

/* Binds an input to the caller's memory, without a copy: every run reads it
 * until another is bound, so it must stay, as must the bytes of strings.
 * `tensor` and its dims are copied;
 * bytes must be what type and dims need, or 0 to leave that unchecked. The
 * memory must not overlap an output's. Errors: INVALID_ARGUMENT, MISMATCH (type
 * or rank), BUSY. */
DLRT_API dlrt_status dlrt_session_bind_input(dlrt_session *session,
                                             uint32_t index,
                                             const dlrt_tensor *tensor,
                                             dlrt_error *error);

/* The same for a sequence of `count` tensors, to which `tensors` points one by
 * one, each with a struct_size of its own. Of an optional that is a tensor,
 * dlrt_session_bind_input binds the value. Errors: as dlrt_session_bind_input.
 */
DLRT_API dlrt_status dlrt_session_bind_sequence(
    dlrt_session *session, uint32_t index, const dlrt_tensor *const *tensors,
    size_t count, dlrt_error *error);

/* Binds an optional input to no value. Errors: INVALID_ARGUMENT, MISMATCH (the
 * input is no optional), BUSY. */
DLRT_API dlrt_status dlrt_session_bind_none(dlrt_session *session,
                                            uint32_t index, dlrt_error *error);

/* Binds an output to `bytes` bytes of the caller's memory, without a copy:
 * every run writes it. Of strings, it writes an array of dlrt_string; their
 * bytes are the session's, until its next run or its end. NULL returns to
 * memory of the session's own, which is the default. Whether it suffices is
 * checked by the run. Errors: INVALID_ARGUMENT, BUSY. */
DLRT_API dlrt_status dlrt_session_bind_output(dlrt_session *session,
                                              uint32_t index, void *data,
                                              size_t bytes, dlrt_error *error);

/* The three functions below are for sessions on CUDA devices, whose addresses
 * and streams are those of the driver in the device's primary context, as
 * PyTorch, CuPy and others have them: `data` of a DLPack tensor of kDLCUDA, its
 * byte_offset added, that is dense and row-major. Other sessions, strings,
 * sequences and optionals fail with UNSUPPORTED.
 *
 * Binds an input to memory that the caller has on the session's device, as
 * dlrt_session_bind_input does to the host's: runs read it where it lies.
 * `tensor->data` is an address on the device, at a multiple of 16. What writes
 * it must be done, or stand in the stream of dlrt_session_use_stream, before a
 * run. Errors: as dlrt_session_bind_input, INVALID_ARGUMENT (alignment),
 * UNSUPPORTED. */
DLRT_API dlrt_status dlrt_session_bind_device_input(dlrt_session *session,
                                                    uint32_t index,
                                                    const dlrt_tensor *tensor,
                                                    dlrt_error *error);

/* Binds an output to `bytes` bytes of the caller's at `data` on the session's
 * device, at a multiple of 16: runs write it there, and nothing is copied to
 * the host. NULL: memory of the session's own on the device, which lives until
 * the output is bound anew, runs with other shapes, or the session ends.
 * dlrt_session_output then tells the address on the device. Undone by
 * dlrt_session_bind_output. Errors: as dlrt_session_bind_output,
 * INVALID_ARGUMENT (alignment), UNSUPPORTED. */
DLRT_API dlrt_status dlrt_session_bind_device_output(dlrt_session *session,
                                                     uint32_t index, void *data,
                                                     size_t bytes,
                                                     dlrt_error *error);

/* Lets runs give their work to `stream`, a CUstream of the device's primary
 * context that must stay until the session ends or another one is chosen: what
 * was given to it before is done first. (CUDA's default stream is
 * CU_STREAM_LEGACY.) A run all of whose inputs and outputs lie on the device
 * then returns once its work is in the stream: outputs are there when the
 * stream has come so far, errors of the device show in a later call, and what
 * is bound must stay until then. Other runs wait as ever. NULL: the session's
 * own stream again. Waits for what the session has given to the one before.
 * Errors: UNSUPPORTED, BUSY, and those of the device. */
DLRT_API dlrt_status dlrt_session_use_stream(dlrt_session *session,
                                             void *stream, dlrt_error *error);

/* Binds the symbols to the inputs' shapes, computes all sizes and reserves
 * memory, so that dlrt_session_output has the outputs' shapes before the run. A
 * run does this itself where needed; for shapes that were bound lately it costs
 * next to nothing. Errors: NOT_BOUND, MISMATCH (naming the input, and the
 * expected and the found size), OUT_OF_MEMORY, BUSY. */
DLRT_API dlrt_status dlrt_session_prepare(dlrt_session *session,
                                          dlrt_error *error);

/* Runs the entry. Allocates nothing where a run with the same shapes came
 * before, for the last eight shapes; functions on strings and images may. When
 * it fails or is cancelled, the outputs' contents are undefined. Errors: as
 * dlrt_session_prepare, CANCELLED, and MISMATCH for contents that an operator
 * cannot take: a string that is no number, an image that cannot be read. */
DLRT_API dlrt_status dlrt_session_run(dlrt_session *session, dlrt_error *error);

/* Makes the run in progress, on another thread, end after the step at hand with
 * DLRT_CANCELLED; does nothing when there is none. Safe from any thread. */
DLRT_API void dlrt_session_cancel(dlrt_session *session);

/* Describes an output that is a tensor: type, shape and bytes since the last
 * prepare or run, and data, which is NULL before the first run; an address on
 * the device where the output stays there. A size that
 * depends on data is -1, and the bytes are 0, until the run has found it.
 * `dims` lives until the next call that binds, prepares or runs; memory of the
 * session's own until its next run. Errors: INVALID_ARGUMENT (for a sequence or
 * an optional, too), NOT_BOUND (nothing prepared). */
DLRT_API dlrt_status dlrt_session_output(const dlrt_session *session,
                                         uint32_t index, dlrt_tensor *tensor,
                                         dlrt_error *error);

/* The number of tensors that an output holds since the last run: any number for
 * a sequence, 1 for a tensor, -1 for an optional without a value. Errors:
 * INVALID_ARGUMENT, NOT_BOUND (nothing run). */
DLRT_API dlrt_status dlrt_session_output_count(const dlrt_session *session,
                                               uint32_t index, int64_t *count,
                                               dlrt_error *error);

/* Describes one of these tensors; memory and `dims` live until the next run.
 * Sequences and optionals always lie in memory of the session's own. Errors: as
 * dlrt_session_output_count. */
DLRT_API dlrt_status dlrt_session_output_tensor(const dlrt_session *session,
                                                uint32_t index, size_t element,
                                                dlrt_tensor *tensor,
                                                dlrt_error *error);

/* The value of a symbol of the session's entry since the last prepare or run;
 * -1 where it is not known: before both, and before the run for a symbol that
 * the run finds. */
DLRT_API int64_t dlrt_session_symbol(const dlrt_session *session,
                                     uint32_t index);

/* Bytes of the arenas for the shapes last prepared; 0 before. Those that the
 * run sizes by what it finds count after it. */
DLRT_API uint64_t dlrt_session_arena_bytes(const dlrt_session *session);

/* ---- Loops of training
 * ----------------------------------------------------------- */

/* Gives batch `number`, from 0 on: describes the tensor of input i of the entry
 * in tensors[i], of `count`, as for dlrt_session_bind_input. What they point to
 * stays as it is until the source is asked for batch `number` + 2. Returns 1,
 * or 0 where there is no further batch. */
typedef int32_t (*dlrt_batch_source)(void *context, uint64_t number,
                                     dlrt_tensor *tensors, uint32_t count);

/* Is told the loss of batch `number` after its step. Returns 1 to go on, 0 to
 * end. */
typedef int32_t (*dlrt_step_watcher)(void *context, uint64_t number,
                                     double loss);

/* Runs an entry whose first output is a loss, "step", for each batch of a
 * source, until that or `watch` (which may be NULL) ends it; `context` is
 * handed to both. The source is called on a thread of the library's, for one
 * batch at a time, while the step before runs; `watch` on the calling one. A
 * loss that is not finite ends nothing by itself. Errors: as of
 * dlrt_session_bind_input and dlrt_session_run. */
DLRT_API dlrt_status dlrt_session_train(dlrt_session *session,
                                        dlrt_batch_source source,
                                        dlrt_step_watcher watch, void *context,
                                        dlrt_error *error);

/* ---- Profiles
 * ---------------------------------------------------------------- */

/* One step of the last run. Texts live as long as the module. */
typedef struct dlrt_profile_event {
  size_t struct_size;
  const char *name;   /* the step's */
  const char *kernel; /* the kernel's or function's */
  int64_t start_ns;   /* since the run began */
  int64_t duration_ns;
  int64_t tiles; /* independent parts of the work */
  int64_t flops; /* arithmetic operations; -1 where unknown */
} dlrt_profile_event;

/* Turns the recording of steps on or off, from the next run on. The first run
 * with it may allocate. Errors: INVALID_ARGUMENT. */
DLRT_API dlrt_status dlrt_session_enable_profile(dlrt_session *session,
                                                 int32_t enable,
                                                 dlrt_error *error);

/* The events of the last recorded run, in order; at most about a million. */
DLRT_API size_t dlrt_session_profile_count(const dlrt_session *session);

/* Errors: INVALID_ARGUMENT. */
DLRT_API dlrt_status dlrt_session_profile_event(const dlrt_session *session,
                                                size_t index,
                                                dlrt_profile_event *event,
                                                dlrt_error *error);

/* A kernel or function that a run executes, as an observer sees it. Texts live
 * as long as the module, the rest for the call. */
typedef struct dlrt_step {
  size_t struct_size;
  const char *name;   /* the step's */
  const char *kernel; /* the kernel's or function's */
  int32_t is_done;    /* 0 before it runs, 1 afterwards */
  uint32_t arg_count;
  const void *const *args; /* what it reads, then what it writes */
  const int64_t *bytes; /* of each, up to the end of its buffer where the module
                           does not say it */
} dlrt_step;

typedef void (*dlrt_observer)(void *context, const dlrt_step *step);

/* Lets `observer` look at each step of the runs to come, before and after it,
 * on the thread that runs; NULL ends that. Runs that are observed begin with
 * zeros in intermediate results, take no longer than they need for that, and
 * compute the same. Errors: INVALID_ARGUMENT; UNSUPPORTED where a device has
 * the tensors. */
DLRT_API dlrt_status dlrt_session_observe(dlrt_session *session,
                                          dlrt_observer observer, void *context,
                                          dlrt_error *error);

/* Arithmetic operations of one run with the shapes last prepared: the sum over
 * the steps that know theirs. 0 before, or where none does. */
DLRT_API int64_t dlrt_session_flops(const dlrt_session *session);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* DLRT_H */

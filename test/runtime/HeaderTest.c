/* Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* dlrt.h is C, and works from it: opens the module named on the command line,
 * whose one input and output are vectors, and prints what it does with 1, 2, 3.
 */

#include "dlrt.h"

#include <stdio.h>

int main(int argc, char **argv) {
  dlrt_error error = {sizeof(error), DLRT_OK, {0}};
  dlrt_module *module = NULL;
  dlrt_session *session = NULL;
  float values[3] = {1, 2, 3};
  int64_t dims[1] = {3};
  dlrt_tensor input = {sizeof(input), DLRT_FLOAT32, 1, NULL, NULL, 0};
  dlrt_tensor output = {sizeof(output), DLRT_NONE, 0, NULL, NULL, 0};
  dlrt_status status;
  input.dims = dims;
  input.data = values;
  input.bytes = sizeof(values);
  if (argc != 2)
    return 2;
  status = dlrt_module_open_file(argv[1], &module, &error);
  if (status == DLRT_OK)
    status = dlrt_session_create(module, NULL, &session, &error);
  if (status == DLRT_OK)
    status = dlrt_session_bind_input(session, 0, &input, &error);
  if (status == DLRT_OK)
    status = dlrt_session_run(session, &error);
  if (status == DLRT_OK)
    status = dlrt_session_output(session, 0, &output, &error);
  if (status == DLRT_OK) {
    const float *y = (const float *)output.data;
    printf("%g %g %g\n", y[0], y[1], y[2]);
  } else {
    fprintf(stderr, "error: %s (%s)\n", error.message,
            dlrt_status_text(status));
  }
  dlrt_session_destroy(session);
  dlrt_module_close(module);
  return status == DLRT_OK ? 0 : 1;
}

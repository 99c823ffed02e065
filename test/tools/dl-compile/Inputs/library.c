// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Compiles the file of its first argument through the C interface, as the text
// of its third argument says, into its second.
#include "tools/compiler/dlc.h"

#include <stdio.h>

static void show(void *user, const char *what) {
  ++*(int *)user;
  (void)what;
}

int main(int argc, char **argv) {
  if (argc != 4)
    return 9;
  int steps = 0;
  dlc_options options;
  dlc_options_init(&options);
  options.emit = argv[3];
  options.cache_directory = "";
  options.progress = show;
  options.user = &steps;
  char *messages;
  dlc_status status = dlc_compile(argv[1], argv[2], &options, &messages);
  printf("%s\nstatus %d, %s steps\n%s", dlc_version(), status,
         steps ? "some" : "no", messages ? messages : "");
  dlc_free(messages);
  return dlc_compile(0, 0, 0, 0) != DLC_INVALID_ARGUMENT;
}

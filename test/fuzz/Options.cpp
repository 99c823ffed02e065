// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Sanitizer options that every fuzzer needs, so that it can be run by hand.

/// LLVM and ONNX's library are not instrumented: what they put into containers
/// and arenas that are shared with our code does not update ASan's marks.
extern "C" __attribute__((visibility("default"))) const char *
__asan_default_options() {
  return "detect_container_overflow=0:allow_user_poisoning=0:"
         "detect_leaks=0:allocator_may_return_null=0";
}

extern "C" __attribute__((visibility("default"))) const char *
__ubsan_default_options() {
  return "print_stacktrace=1:halt_on_error=1";
}

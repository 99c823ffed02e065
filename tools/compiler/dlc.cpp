// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/compiler/dlc.h"
#include "tools/compiler/Options.h"

#include <cstdlib>
#include <cstring>

using namespace llvm;
using namespace dl::tools;

/// Reads the members that the caller's version of the struct has.
static dlc_options readStruct(const dlc_options *given) {
  dlc_options options;
  dlc_options_init(&options);
  if (given)
    std::memcpy(&options, given, std::min(given->size, sizeof options));
  return options;
}

static Error readOptions(const dlc_options &given, CompileOptions &options) {
  if (given.emit)
    if (Error error = setEmit(given.emit, options))
      return error;
  if (given.stop_after)
    if (Error error = setStopAfter(given.stop_after, options))
      return error;
  if (Error error = setCpu(given.cpu ? given.cpu : "native", options))
    return error;
  if (given.precision)
    if (Error error = setPrecision(given.precision, options))
      return error;
  guardPrecision(options);
  for (size_t i = 0; i < given.num_dims; ++i)
    if (Error error = addDim(given.dims[i], options))
      return error;
  if (given.header)
    options.header = given.header;
  options.threads = given.threads;
  if (given.progress)
    options.progress = [given](StringRef what) {
      given.progress(given.user, what.str().c_str());
    };
  if (!given.cache_directory)
    return setDefaultCache(options);
  options.cache.directory = given.cache_directory;
  return Error::success();
}

static void setMessages(char **messages, const std::string &text) {
  if (messages && !text.empty())
    *messages = strdup(text.c_str());
}

extern "C" {

void dlc_options_init(dlc_options *options) {
  std::memset(options, 0, sizeof *options);
  options->size = sizeof *options;
}

dlc_status dlc_compile(const char *input, const char *output,
                       const dlc_options *given, char **messages) {
  if (messages)
    *messages = nullptr;
  if (!input || !output) {
    setMessages(messages, "error: dlc_compile: the input or output is null\n");
    return DLC_INVALID_ARGUMENT;
  }
  CompileOptions options;
  options.input = input;
  options.output = output;
  if (Error error = readOptions(readStruct(given), options)) {
    setMessages(messages, "error: " + toString(std::move(error)) + "\n");
    return DLC_INVALID_ARGUMENT;
  }
  std::string text;
  raw_string_ostream stream(text);
  LogicalResult result = compile(options, stream);
  setMessages(messages, text);
  return succeeded(result) ? DLC_OK : DLC_FAILED;
}

void dlc_free(char *text) { std::free(text); }

const char *dlc_version(void) {
  static const std::string version = getProducer();
  return version.c_str();
}

} // extern "C"

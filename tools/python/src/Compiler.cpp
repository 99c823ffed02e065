// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// dl._compiler: the compiler's one function for the package's Python code,
// which _compiler.pyi describes.

#include "tools/compiler/dlc.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace nb = nanobind;
using namespace nb::literals;

using Text = std::optional<std::string>;

static const char *orNull(const Text &text) {
  return text ? text->c_str() : nullptr;
}

/// The status, and the messages.
static std::pair<int, nb::object>
compile(const nb::bytes &input, const nb::bytes &output, const Text &emit,
        const Text &stopAfter, const std::string &cpu,
        const std::string &precision, const std::vector<std::string> &dims,
        unsigned threads, const std::optional<nb::bytes> &cache) {
  std::vector<const char *> sizes;
  sizes.reserve(dims.size());
  for (const std::string &size : dims)
    sizes.push_back(size.c_str());
  dlc_options options;
  dlc_options_init(&options);
  options.emit = orNull(emit);
  options.stop_after = orNull(stopAfter);
  options.cpu = cpu.c_str();
  options.precision = precision.c_str();
  options.dims = sizes.data();
  options.num_dims = sizes.size();
  options.threads = threads;
  options.cache_directory = cache ? cache->c_str() : nullptr;
  char *messages = nullptr;
  dlc_status status;
  {
    nb::gil_scoped_release released;
    status = dlc_compile(input.c_str(), output.c_str(), &options, &messages);
  }
  // They quote names from the model, which may be any bytes.
  const char *text = messages ? messages : "";
  PyObject *decoded =
      PyUnicode_DecodeUTF8(text, Py_ssize_t(std::strlen(text)), "replace");
  dlc_free(messages);
  return {int(status), nb::steal(decoded)};
}

NB_MODULE(_compiler, m) {
  nb::set_leak_warnings(false);
  m.def("version", &dlc_version);
  m.def("compile", &compile, "input"_a, "output"_a, "emit"_a.none(),
        "stop_after"_a.none(), "cpu"_a, "precision"_a, "dims"_a, "threads"_a,
        "cache"_a.none());
}

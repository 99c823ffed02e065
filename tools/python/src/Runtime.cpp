// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// dl._runtime: the runtime's handles for the package's Python code, which
// _runtime.pyi describes.

#include "tools/python/src/Arrays.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <optional>

namespace nb = nanobind;
using namespace nb::literals;
using namespace dl::python;
namespace runtime = dl::runtime;

namespace {

/// A module, and the bytes that it may lie in.
struct Module {
  runtime::Module module;
  nb::object bytes;
};

Module openFile(const nb::bytes &path) {
  nb::gil_scoped_release released;
  return {runtime::Module::open(path.c_str()), {}};
}

Module openBytes(const nb::bytes &bytes) {
  return {runtime::Module::open(bytes.c_str(), bytes.size()), bytes};
}

/// As Python does with names of files: any bytes become a text, and one text
/// each.
nb::object decode(const std::string &name) {
  return nb::steal(PyUnicode_DecodeUTF8(name.data(), Py_ssize_t(name.size()),
                                        "surrogateescape"));
}

/// (name, type, sizes, dims as text, kind, unranked, part of a map, keys) of
/// each value.
nb::list describe(const std::vector<runtime::Value> &values) {
  nb::list result;
  for (const runtime::Value &value : values) {
    nb::list keys;
    for (const std::string &key : value.textKeys)
      keys.append(decode(key));
    for (int64_t key : value.intKeys)
      keys.append(key);
    result.append(nb::make_tuple(decode(value.name), int(value.type),
                                 value.sizes, value.dims, int(value.kind),
                                 value.unranked, int(value.mapPart), keys));
  }
  return result;
}

/// A value that is given: a tensor, the tensors of a sequence, or nothing.
struct Given {
  bool isSequence = false;
  bool isNone = false;
  std::vector<Array> arrays;
};

/// Reads (array, type, dims), a list of such, or None.
Given readGiven(nb::handle given, const std::string &what) {
  Given result;
  result.isNone = given.is_none();
  result.isSequence = nb::isinstance<nb::list>(given);
  if (result.isSequence)
    for (nb::handle element : nb::cast<nb::list>(given))
      result.arrays.push_back(readArray(element, what));
  else if (!result.isNone)
    result.arrays.push_back(readArray(given, what));
  return result;
}

std::string text(const std::vector<int64_t> &dims) {
  std::string result = "[";
  for (size_t i = 0; i < dims.size(); ++i)
    result += (i ? ", " : "") + std::to_string(dims[i]);
  return result + "]";
}

class Session {
public:
  Session(const Module &module, const std::optional<std::string> &entry,
          const std::optional<std::string> &device, int threads,
          uint64_t memoryLimit)
      : session(module.module,
                makeOptions(entry, device, threads, memoryLimit)) {
    index = dlrt_session_entry(session.get());
    inputs = module.module.inputs(index);
    outputs = module.module.outputs(index);
  }

  nb::list describeInputs() const { return describe(inputs); }
  nb::list describeOutputs() const { return describe(outputs); }
  int threads() const { return session.threads(); }
  void cancel() { session.cancel(); }
  void setPosition(int64_t rows) { session.setPosition(rows); }

  /// A whole run: given (array, type, dims) for each input (a list of these for
  /// a sequence, None for an optional without a value), and the same or None
  /// for each output. Returns a Buffer for each output that was None, else
  /// None; for sequences and optionals, a list of Buffers, a Buffer or None in
  /// a tuple of one.
  nb::list run(const nb::list &given, const nb::list &wanted) {
    // The calls below belong together, which the session's own lock cannot
    // know.
    if (inUse.exchange(true))
      fail(DLRT_BUSY, "the session is in use by another thread; make one "
                      "session for each");
    struct Leave {
      std::atomic<bool> &flag;
      ~Leave() { flag = false; }
    } leave{inUse};

    std::vector<Given> arrays;
    arrays.reserve(inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i)
      arrays.push_back(readGiven(given[i], "input '" + inputs[i].name + "'"));
    std::vector<Array> targets(outputs.size());
    std::vector<bool> isGiven(outputs.size());
    for (size_t i = 0; i < outputs.size(); ++i)
      if (!wanted[i].is_none()) {
        isGiven[i] = true;
        targets[i] = readOutput(wanted[i], "output '" + outputs[i].name + "'");
      }

    std::vector<std::optional<Buffer>> results(outputs.size());
    {
      nb::gil_scoped_release released;
      runUnlocked(arrays, targets, isGiven, results);
    }
    nb::list list;
    for (uint32_t i = 0; i < results.size(); ++i)
      if (outputs[i].kind != DLRT_TENSOR)
        list.append(nb::make_tuple(collect(i)));
      else
        list.append(results[i] ? nb::cast(std::move(*results[i])) : nb::none());
    return list;
  }

private:
  static runtime::SessionOptions
  makeOptions(const std::optional<std::string> &entry,
              const std::optional<std::string> &device, int threads,
              uint64_t memoryLimit) {
    runtime::SessionOptions options;
    options.entry = entry ? entry->c_str() : nullptr;
    options.target = device ? device->c_str() : nullptr;
    options.threads = threads;
    options.memory_limit = memoryLimit;
    return options;
  }

  /// What an output that is no tensor holds, copied from the session's memory.
  nb::object collect(uint32_t index) const {
    int64_t count = session.outputCount(index);
    bool isSequence = outputs[index].kind == DLRT_SEQUENCE ||
                      outputs[index].kind == DLRT_OPTIONAL_SEQUENCE;
    if (count < 0)
      return nb::none();
    nb::list buffers;
    for (int64_t i = 0; i < count; ++i) {
      runtime::Tensor found = session.outputTensor(index, size_t(i));
      if (found.type == DLRT_STRING) {
        buffers.append(nb::cast(Buffer(found.dims, found.strings())));
        continue;
      }
      Buffer buffer(found.type, found.dims, found.bytes);
      if (found.bytes)
        std::memcpy(buffer.data(), found.data, found.bytes);
      buffers.append(nb::cast(std::move(buffer)));
    }
    return isSequence ? nb::object(buffers) : nb::object(buffers[0]);
  }

  void bind(uint32_t index, const Given &given) {
    if (given.isNone)
      return session.bindNone(index);
    if (given.isSequence) {
      std::vector<runtime::Tensor> tensors;
      tensors.reserve(given.arrays.size());
      for (const Array &array : given.arrays)
        tensors.push_back({array.type, array.dims,
                           const_cast<void *>(array.data), array.bytes});
      return session.bindSequence(index, tensors);
    }
    const Array &array = given.arrays[0];
    runtime::detail::Sized<dlrt_tensor> tensor;
    tensor.type = array.type;
    tensor.rank = int32_t(array.dims.size());
    tensor.dims = array.dims.data();
    tensor.data = const_cast<void *>(array.data);
    tensor.bytes = array.bytes;
    runtime::detail::check(dlrt_session_bind_input, session.get(), index,
                           static_cast<const dlrt_tensor *>(&tensor));
  }

  void runUnlocked(const std::vector<Given> &arrays,
                   const std::vector<Array> &targets,
                   const std::vector<bool> &isGiven,
                   std::vector<std::optional<Buffer>> &results) {
    for (uint32_t i = 0; i < arrays.size(); ++i)
      bind(i, arrays[i]);
    // Bound to something, so that the session makes no memory of its own for
    // them.
    for (uint32_t i = 0; i < outputs.size(); ++i)
      session.bindOutput(i, &nowhere, sizeof nowhere);
    session.prepare();
    for (uint32_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].kind != DLRT_TENSOR)
        continue;
      runtime::Tensor found = session.output(i);
      bool isKnown = std::find(found.dims.begin(), found.dims.end(), -1) ==
                     found.dims.end();
      if (isGiven[i]) {
        if (isKnown)
          checkTarget(i, targets[i], found);
        session.bindOutput(i, const_cast<void *>(targets[i].data),
                           targets[i].bytes);
      } else if (!isKnown || found.type == DLRT_STRING) {
        session.bindOutput(i, nullptr, 0);
      } else {
        results[i].emplace(found.type, found.dims, found.bytes);
        // Some memory even where there is no element: null means the session's.
        session.bindOutput(i, results[i]->data(),
                           std::max<size_t>(found.bytes, 1));
      }
    }
    session.run();
    // What only the run could size lies in the session's memory.
    for (uint32_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].kind != DLRT_TENSOR)
        continue;
      runtime::Tensor found = session.output(i);
      if (isGiven[i]) {
        checkTarget(i, targets[i], found);
      } else if (found.type == DLRT_STRING) {
        results[i].emplace(found.dims, found.strings());
      } else if (!results[i]) {
        results[i].emplace(found.type, found.dims, found.bytes);
        if (found.bytes)
          std::memcpy(results[i]->data(), found.data, found.bytes);
      }
    }
  }

  void checkTarget(uint32_t i, const Array &target,
                   const runtime::Tensor &found) const {
    if (target.type != found.type || target.dims != found.dims)
      fail(DLRT_MISMATCH, "output '" + outputs[i].name + "': expected " +
                              dlrt_type_name(found.type) + " " +
                              text(found.dims) + ", found " +
                              dlrt_type_name(target.type) + " " +
                              text(target.dims));
  }

  runtime::Session session;
  uint32_t index = 0;
  std::vector<runtime::Value> inputs, outputs;
  std::atomic<bool> inUse{false};
  char nowhere = 0;
};

/// Raises what the runtime throws as dl.Error, with its status.
void translate(const std::exception_ptr &thrown, void *type) {
  try {
    std::rethrow_exception(thrown);
  } catch (const runtime::Error &error) {
    nb::handle errorType(static_cast<PyObject *>(type));
    nb::object made = errorType(decode(error.what()), int(error.status()));
    PyErr_SetObject(errorType.ptr(), made.ptr());
  }
}

} // namespace

NB_MODULE(_runtime, m) {
  nb::set_leak_warnings(false); // what a program holds at its end is no error
  nb::object errorType = nb::module_::import_("dl._errors").attr("Error");
  nb::register_exception_translator(translate, errorType.release().ptr());

  m.def("version", &dlrt_version);
  m.def("available_cpus", &dlrt_available_cpus);
  m.def("type_name", [](int type) { return dlrt_type_name(dlrt_type(type)); });

  nb::class_<Buffer>(m, "Buffer")
      .def_prop_ro("type", [](const Buffer &self) { return int(self.type); })
      .def_prop_ro("dims", [](const Buffer &self) { return self.dims; })
      .def_prop_ro("nbytes", [](const Buffer &self) { return self.bytes; })
      .def("strings", &Buffer::strings)
      .def("exchange", [](nb::handle self) { return Buffer::exchange(self); })
      .def("array", [](nb::handle self) { return Buffer::array(self); });

  nb::class_<Module>(m, "Module")
      .def_static("open_file", &openFile)
      .def_static("open_bytes", &openBytes)
      .def("entries",
           [](const Module &self) {
             nb::list names;
             for (uint32_t i = 0; i < self.module.info().entry_count; ++i)
               names.append(decode(self.module.entryName(i)));
             return names;
           })
      .def("find_entry",
           [](const Module &self, const std::string &name) {
             return self.module.findEntry(name);
           })
      .def("inputs",
           [](const Module &self, uint32_t entry) {
             return describe(self.module.inputs(entry));
           })
      .def("outputs",
           [](const Module &self, uint32_t entry) {
             return describe(self.module.outputs(entry));
           })
      .def("verify", [](const Module &self) {
        nb::gil_scoped_release released;
        self.module.verify();
      });

  nb::class_<Session>(m, "Session")
      .def(nb::init<const Module &, const std::optional<std::string> &,
                    const std::optional<std::string> &, int, uint64_t>(),
           nb::keep_alive<1, 2>(), "module"_a, "entry"_a.none(),
           "device"_a.none(), "threads"_a, "memory_limit"_a)
      .def("inputs", &Session::describeInputs)
      .def("outputs", &Session::describeOutputs)
      .def("threads", &Session::threads)
      .def("run", &Session::run)
      .def("cancel", &Session::cancel)
      .def("set_position", &Session::setPosition);
}

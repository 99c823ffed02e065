// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// dlrt.h for C++17: the handles as objects, failures as exceptions.
// Header-only.
//
//   dl::runtime::Module module = dl::runtime::Module::open("model.dlm");
//   dl::runtime::Session session(module);
//   session.bindInput(0, pixels.data(), {1, 28, 28});
//   session.run();
//   dl::runtime::Tensor scores = session.output(0);
//
// Threads, ownership and lifetimes are as dlrt.h tells for the function behind
// each member.

#ifndef DLRT_HPP
#define DLRT_HPP

#include "dlrt.h"

#include <complex>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace dl::runtime {

/// A failed call: its status, and a message that names the place.
class Error : public std::runtime_error {
public:
  explicit Error(const dlrt_error &error)
      : std::runtime_error(error.message), code(error.status) {}
  dlrt_status status() const { return code; }

private:
  dlrt_status code;
};

namespace detail {

/// Calls `function(arguments..., &error)`; throws an Error unless it returns
/// DLRT_OK.
template <typename Function, typename... Arguments>
void check(Function function, Arguments... arguments) {
  dlrt_error error = {};
  error.struct_size = sizeof(error);
  if (function(arguments..., &error) != DLRT_OK)
    throw Error(error);
}

template <typename T> struct Sized : T {
  Sized() : T() { this->struct_size = sizeof(T); }
};

template <typename T> constexpr dlrt_type typeOf() {
  if constexpr (std::is_same_v<T, float>)
    return DLRT_FLOAT32;
  else if constexpr (std::is_same_v<T, double>)
    return DLRT_FLOAT64;
  else if constexpr (std::is_same_v<T, bool>)
    return DLRT_BOOL;
  else if constexpr (std::is_same_v<T, std::complex<float>>)
    return DLRT_COMPLEX64;
  else if constexpr (std::is_same_v<T, std::complex<double>>)
    return DLRT_COMPLEX128;
  else if constexpr (std::is_same_v<T, dlrt_string>)
    return DLRT_STRING;
  else {
    static_assert(std::is_integral_v<T>, "not a type that tensors have");
    constexpr bool isSigned = std::is_signed_v<T>;
    if constexpr (sizeof(T) == 1)
      return isSigned ? DLRT_INT8 : DLRT_UINT8;
    else if constexpr (sizeof(T) == 2)
      return isSigned ? DLRT_INT16 : DLRT_UINT16;
    else if constexpr (sizeof(T) == 4)
      return isSigned ? DLRT_INT32 : DLRT_UINT32;
    else
      return isSigned ? DLRT_INT64 : DLRT_UINT64;
  }
}

} // namespace detail

/// A result: memory of the session or of the caller, and its shape.
struct Tensor {
  dlrt_type type = DLRT_NONE;
  std::vector<int64_t> dims;
  void *data = nullptr;
  size_t bytes = 0;

  int64_t elements() const {
    int64_t count = 1;
    for (int64_t size : dims)
      count *= size;
    return count;
  }
  /// The elements as T; null when they are of another type.
  template <typename T> T *as() const {
    return type == detail::typeOf<T>() ? static_cast<T *>(data) : nullptr;
  }
  /// Copies of the elements of a tensor of strings.
  std::vector<std::string> strings() const {
    std::vector<std::string> texts;
    if (const dlrt_string *from = as<dlrt_string>())
      for (int64_t i = 0, count = elements(); i < count; ++i)
        texts.emplace_back(from[i].data ? from[i].data : "", from[i].size);
    return texts;
  }
};

namespace detail {

inline Tensor toTensor(const dlrt_tensor &found) {
  Tensor tensor;
  tensor.type = found.type;
  tensor.dims.assign(found.dims, found.dims + found.rank);
  tensor.data = found.data;
  tensor.bytes = found.bytes;
  return tensor;
}

} // namespace detail

/// A declared input or output. A size that depends on symbols is -1. Of a
/// sequence or an optional, type and sizes are those of its tensors.
struct Value {
  std::string name;
  dlrt_value_kind kind = DLRT_TENSOR;
  bool unranked = false; ///< the tensors may have any number of dimensions
  dlrt_type type = DLRT_NONE;
  std::vector<int64_t> sizes;
  std::vector<std::string> dims; ///< as text: "3", "N", "2 * N + 1"
  dlrt_map_part mapPart = DLRT_NO_MAP;
  /// Of an output that is a sequence of maps (DLRT_MAP_ROWS), the keys: strings
  /// where `keyType` is DLRT_STRING, numbers where it is DLRT_INT64.
  dlrt_type keyType = DLRT_NONE;
  std::vector<std::string> textKeys;
  std::vector<int64_t> intKeys;
};

/// What an output that is a sequence of maps holds: a map for each row of its
/// matrix. Key is std::string or int64_t, as its `keyType`; otherwise, or where
/// the matrix has another size, nothing.
template <typename Key>
std::vector<std::map<Key, float>> toMaps(const Value &declared,
                                         const Tensor &rows) {
  static_assert(std::is_same_v<Key, std::string> ||
                    std::is_same_v<Key, int64_t>,
                "keys are std::string or int64_t");
  const std::vector<Key> *keys = nullptr;
  if constexpr (std::is_same_v<Key, std::string>)
    keys = &declared.textKeys;
  else
    keys = &declared.intKeys;
  std::vector<std::map<Key, float>> maps;
  const float *value = rows.as<float>();
  if (!value || keys->empty() || rows.dims.size() != 2 ||
      rows.dims[1] != static_cast<int64_t>(keys->size()))
    return maps;
  maps.resize(static_cast<size_t>(rows.dims[0]));
  for (std::map<Key, float> &map : maps)
    for (const Key &key : *keys)
      map[key] = *value++;
  return maps;
}

/// A tensor that outlasts runs, as a module declares it.
struct StateInfo {
  std::string name;
  dlrt_type type = DLRT_NONE;
  std::vector<int64_t> dims;
  uint64_t bytes = 0;
  dlrt_state_role role = DLRT_STATE_PARAMETER;
  uint32_t parameter = DLRT_NO_PARAMETER;
};

/// An open module.
class Module {
public:
  static Module open(const std::string &path) {
    dlrt_module *module = nullptr;
    detail::check(dlrt_module_open_file, path.c_str(), &module);
    return Module(module);
  }
  static Module open(const void *data, size_t size) {
    dlrt_module *module = nullptr;
    detail::check(dlrt_module_open_memory, data, size, &module);
    return Module(module);
  }

  dlrt_module *get() const { return handle.get(); }
  void verify() const { detail::check(dlrt_module_verify, get()); }

  dlrt_module_info info() const {
    detail::Sized<dlrt_module_info> info;
    detail::check(dlrt_module_get_info, get(),
                  static_cast<dlrt_module_info *>(&info));
    return info;
  }
  std::string entryName(uint32_t entry) const {
    const char *name = dlrt_module_entry_name(get(), entry);
    return name ? name : "";
  }
  uint32_t findEntry(const std::string &name) const {
    uint32_t entry = 0;
    detail::check(dlrt_module_find_entry, get(), name.c_str(), &entry);
    return entry;
  }
  /// JSON for tools; empty where the module has none.
  std::string debugInfo() const {
    size_t bytes = 0;
    const char *text = dlrt_module_debug_info(get(), &bytes);
    return text ? std::string(text, bytes) : std::string();
  }
  std::vector<std::string> targets(uint32_t entry) const {
    std::vector<std::string> names;
    while (const char *name = dlrt_module_entry_target(
               get(), entry, static_cast<uint32_t>(names.size())))
      names.push_back(name);
    return names;
  }
  std::vector<Value> inputs(uint32_t entry = 0) const {
    return values(entry, dlrt_module_input_count(get(), entry),
                  dlrt_module_input, dlrt_module_input_dim);
  }
  std::vector<Value> outputs(uint32_t entry = 0) const {
    std::vector<Value> found =
        values(entry, dlrt_module_output_count(get(), entry),
               dlrt_module_output, dlrt_module_output_dim);
    for (uint32_t i = 0; i < found.size(); ++i)
      readKeys(entry, i, found[i]);
    return found;
  }

  /// The states of a module that trains, in order; none of another.
  std::vector<StateInfo> states() const {
    std::vector<StateInfo> result;
    for (uint32_t i = 0; i < dlrt_module_state_count(get()); ++i) {
      detail::Sized<dlrt_state_info> info;
      detail::check(dlrt_module_state, get(), i,
                    static_cast<dlrt_state_info *>(&info));
      result.push_back({info.name,
                        info.type,
                        {info.dims, info.dims + info.rank},
                        info.bytes,
                        info.role,
                        info.parameter});
    }
    return result;
  }
  uint32_t findState(const std::string &name) const {
    uint32_t index = 0;
    detail::check(dlrt_module_find_state, get(), name.c_str(), &index);
    return index;
  }
  uint64_t stateBytes() const { return dlrt_module_state_bytes(get()); }
  uint64_t stateSignature() const { return dlrt_module_state_signature(get()); }

private:
  explicit Module(dlrt_module *module) : handle(module, dlrt_module_close) {}

  void readKeys(uint32_t entry, uint32_t output, Value &value) const {
    detail::Sized<dlrt_value_info> info;
    detail::check(dlrt_module_output, get(), entry, output,
                  static_cast<dlrt_value_info *>(&info));
    value.keyType = info.key_type;
    for (uint32_t key = 0; key < info.key_count; ++key) {
      dlrt_string text = {};
      int64_t number = 0;
      detail::check(dlrt_module_output_key, get(), entry, output, key, &text,
                    &number);
      if (info.key_type == DLRT_STRING)
        value.textKeys.emplace_back(text.data, text.size);
      else
        value.intKeys.push_back(number);
    }
  }

  template <typename Describe, typename DescribeDim>
  std::vector<Value> values(uint32_t entry, uint32_t count, Describe describe,
                            DescribeDim describeDim) const {
    std::vector<Value> result;
    for (uint32_t i = 0; i < count; ++i) {
      detail::Sized<dlrt_value_info> info;
      detail::check(describe, get(), entry, i,
                    static_cast<dlrt_value_info *>(&info));
      Value value;
      value.name = info.name;
      value.kind = info.kind;
      value.unranked = info.unranked != 0;
      value.type = info.type;
      value.mapPart = info.map_part;
      for (int32_t axis = 0; axis < info.rank; ++axis) {
        int64_t size = -1;
        char text[256];
        detail::check(describeDim, get(), entry, i, axis, &size,
                      static_cast<char *>(text), sizeof(text));
        value.sizes.push_back(size);
        value.dims.push_back(text);
      }
      result.push_back(std::move(value));
    }
    return result;
  }

  std::shared_ptr<dlrt_module> handle;
};

/// The states of a module that trains (see dlrt.h), for the options of the
/// sessions that use them. It may go before them.
class State {
public:
  /// The states with their initial values.
  explicit State(const Module &module)
      : handle(nullptr, dlrt_state_destroy), module(module) {
    dlrt_state *state = nullptr;
    detail::check(dlrt_state_create, module.get(),
                  static_cast<const dlrt_allocator *>(nullptr), &state);
    handle.reset(state);
  }

  dlrt_state *get() const { return handle.get(); }

  /// A state's elements: valid until the next call for the same state.
  Tensor tensor(uint32_t index) const {
    detail::Sized<dlrt_tensor> found;
    detail::check(dlrt_state_get, get(), index,
                  static_cast<dlrt_tensor *>(&found));
    return detail::toTensor(found);
  }
  Tensor tensor(const std::string &name) const {
    return tensor(module.findState(name));
  }
  /// Copies data of the state's type and size into it.
  void set(uint32_t index, const Tensor &value) {
    detail::Sized<dlrt_tensor> tensor;
    tensor.type = value.type;
    tensor.rank = static_cast<int32_t>(value.dims.size());
    tensor.dims = value.dims.data();
    tensor.data = value.data;
    tensor.bytes = value.bytes;
    detail::check(dlrt_state_set, get(), index,
                  static_cast<const dlrt_tensor *>(&tensor));
  }
  /// Sets a state that is a scalar.
  template <typename T> void set(const std::string &name, T value) {
    set(module.findState(name),
        {detail::typeOf<T>(), {}, &value, sizeof(value)});
  }
  /// Of caches: their first `rows` rows count.
  void setPosition(int64_t rows) {
    detail::check(dlrt_state_set_position, get(), rows);
  }
  void reset() { detail::check(dlrt_state_reset, get()); }

private:
  std::unique_ptr<dlrt_state, void (*)(dlrt_state *)> handle;
  Module module;
};

/// Options with their defaults; set the members that matter.
using SessionOptions = detail::Sized<dlrt_session_options>;

/// Runs one entry of a module.
class Session {
public:
  explicit Session(const Module &module,
                   const dlrt_session_options &options = SessionOptions())
      : handle(nullptr, dlrt_session_destroy) {
    dlrt_session *session = nullptr;
    detail::check(dlrt_session_create, module.get(), &options, &session);
    handle.reset(session);
  }

  dlrt_session *get() const { return handle.get(); }
  /// Of a module with caches, their first `rows` rows count: 0 where another
  /// sequence begins.
  void setPosition(int64_t rows) {
    detail::check(dlrt_state_set_position, dlrt_session_state(get()), rows);
  }

  uint32_t findInput(const std::string &name) const {
    uint32_t index = 0;
    detail::check(dlrt_session_find_input, get(), name.c_str(), &index);
    return index;
  }
  uint32_t findOutput(const std::string &name) const {
    uint32_t index = 0;
    detail::check(dlrt_session_find_output, get(), name.c_str(), &index);
    return index;
  }

  /// Binds dense data of the caller, which must stay; nothing is copied.
  void bindInput(uint32_t index, const void *data, dlrt_type type,
                 const std::vector<int64_t> &dims) {
    detail::Sized<dlrt_tensor> tensor;
    tensor.type = type;
    tensor.rank = static_cast<int32_t>(dims.size());
    tensor.dims = dims.data();
    tensor.data = const_cast<void *>(data);
    detail::check(dlrt_session_bind_input, get(), index,
                  static_cast<const dlrt_tensor *>(&tensor));
  }
  template <typename T>
  void bindInput(uint32_t index, const T *data,
                 const std::vector<int64_t> &dims) {
    bindInput(index, data, detail::typeOf<T>(), dims);
  }
  /// Binds a sequence of such tensors.
  void bindSequence(uint32_t index, const std::vector<Tensor> &tensors) {
    std::vector<detail::Sized<dlrt_tensor>> described(tensors.size());
    std::vector<const dlrt_tensor *> list;
    for (size_t i = 0; i < tensors.size(); ++i) {
      described[i].type = tensors[i].type;
      described[i].rank = static_cast<int32_t>(tensors[i].dims.size());
      described[i].dims = tensors[i].dims.data();
      described[i].data = tensors[i].data;
      described[i].bytes = tensors[i].bytes;
      list.push_back(&described[i]);
    }
    detail::check(dlrt_session_bind_sequence, get(), index, list.data(),
                  list.size());
  }
  /// Binds an optional to no value.
  void bindNone(uint32_t index) {
    detail::check(dlrt_session_bind_none, get(), index);
  }
  void bindOutput(uint32_t index, void *data, size_t bytes) {
    detail::check(dlrt_session_bind_output, get(), index, data, bytes);
  }

  /// Memory and streams of a CUDA device; see dlrt_session_bind_device_input.
  void bindDeviceInput(uint32_t index, const void *data, dlrt_type type,
                       const std::vector<int64_t> &dims) {
    detail::Sized<dlrt_tensor> tensor;
    tensor.type = type;
    tensor.rank = static_cast<int32_t>(dims.size());
    tensor.dims = dims.data();
    tensor.data = const_cast<void *>(data);
    detail::check(dlrt_session_bind_device_input, get(), index,
                  static_cast<const dlrt_tensor *>(&tensor));
  }
  void bindDeviceOutput(uint32_t index, void *data, size_t bytes) {
    detail::check(dlrt_session_bind_device_output, get(), index, data, bytes);
  }
  void useStream(void *stream) {
    detail::check(dlrt_session_use_stream, get(), stream);
  }

  void prepare() { detail::check(dlrt_session_prepare, get()); }
  void run() { detail::check(dlrt_session_run, get()); }
  void cancel() { dlrt_session_cancel(get()); }

  Tensor output(uint32_t index) const {
    detail::Sized<dlrt_tensor> found;
    detail::check(dlrt_session_output, get(), index,
                  static_cast<dlrt_tensor *>(&found));
    return detail::toTensor(found);
  }
  /// How many tensors an output holds; -1 for an optional without a value.
  int64_t outputCount(uint32_t index) const {
    int64_t count = 0;
    detail::check(dlrt_session_output_count, get(), index, &count);
    return count;
  }
  Tensor outputTensor(uint32_t index, size_t element) const {
    detail::Sized<dlrt_tensor> found;
    detail::check(dlrt_session_output_tensor, get(), index, element,
                  static_cast<dlrt_tensor *>(&found));
    return detail::toTensor(found);
  }

  uint64_t arenaBytes() const { return dlrt_session_arena_bytes(get()); }
  int64_t flops() const { return dlrt_session_flops(get()); }
  /// The value of a symbol of the entry, -1 where it is not known (yet).
  int64_t symbol(uint32_t index) const {
    return dlrt_session_symbol(get(), index);
  }
  int32_t threads() const { return dlrt_session_threads(get()); }

  /// Trains until the source or the watcher ends it; `watch` may be null.
  void train(dlrt_batch_source source, dlrt_step_watcher watch, void *context) {
    detail::check(dlrt_session_train, get(), source, watch, context);
  }
  /// Null ends observation.
  void observe(dlrt_observer observer, void *context) {
    detail::check(dlrt_session_observe, get(), observer, context);
  }
  void enableProfile(bool enable) {
    detail::check(dlrt_session_enable_profile, get(), int32_t(enable));
  }
  std::vector<dlrt_profile_event> profile() const {
    std::vector<dlrt_profile_event> events;
    size_t count = dlrt_session_profile_count(get());
    for (size_t i = 0; i < count; ++i) {
      detail::Sized<dlrt_profile_event> event;
      detail::check(dlrt_session_profile_event, get(), i,
                    static_cast<dlrt_profile_event *>(&event));
      events.push_back(event);
    }
    return events;
  }

private:
  std::unique_ptr<dlrt_session, void (*)(dlrt_session *)> handle;
};

} // namespace dl::runtime

#endif // DLRT_HPP

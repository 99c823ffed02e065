// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions that a schedule may call by name: work that no generated kernel
// does. Each stands in a file of its own beside this one and is listed in
// HostFunctions.cpp.

#ifndef DLRT_DEVICE_CPU_HOST_HOSTFUNCTIONS_H
#define DLRT_DEVICE_CPU_HOST_HOSTFUNCTIONS_H

#include "runtime/artifact/Status.h"
#include "runtime/device/cpu/Executor.h"
#include "runtime/device/cpu/host/Reductions.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dlrt {

/// The strings of a run, for which numbers stand: equal numbers for equal
/// strings. A tensor of strings is, to a function, one of int64.
class HostStrings {
public:
  /// The text of a string, until the next run; empty for no string's number.
  virtual std::string_view text(int64_t number) const = 0;
  /// The number of a text, which is copied where it is new.
  virtual int64_t number(std::string_view text) = 0;

protected:
  ~HostStrings() = default;
};

/// A dense row-major tensor in host memory. Inputs must not be written.
struct HostArgument {
  void *data;
  int type; ///< fb::ElementType
  int rank;
  const int64_t *dims;
  int64_t elements;
  int64_t bytes;
};

/// The arguments and attributes of one call.
struct HostCallFrame {
  const HostArgument *args;
  int argCount;
  const int64_t *attributes;
  int attributeCount;
};

/// What a function works with: threads, and 64-byte aligned scratch for each
/// part.
struct HostResources {
  Executor *executor;
  std::byte *scratch;
  size_t scratchStride;
  HostStrings *strings;
  Status *status;                   ///< for a failure, which ends the run
  Reductions *reductions = nullptr; ///< null where there is one process alone

  void *scratchOf(size_t part) const { return scratch + part * scratchStride; }
};

struct HostFunction {
  const char *name;

  /// Checks the call once the shapes are known, data being null, and stores the
  /// bytes of scratch that each part needs. What it accepts, `run` can do.
  Status (*prepare)(const HostCallFrame &frame, int64_t &scratchBytes);

  /// Runs the call. Allocates nothing but the texts of new strings.
  void (*run)(const HostCallFrame &frame, const HostResources &resources);
};

/// Finds a function by its name: one of those below, or one of the library of
/// optional functions, which is opened for it (see OptionalFunctions.h). Fails
/// where there is none.
Status findHostFunction(const char *name, const HostFunction *&function);

/// Reductions of a data-parallel training, see dl.all_reduce. Arguments: a
/// bucket of floats, and where it lies from then on (the same place, if it
/// may); attribute: its number. The first function begins, and what the second
/// has moved is the mean over all processes. With one process alone, elements
/// stay as they are.
inline constexpr const char *kAllReduceStart = "all_reduce_start";
/// The same, done when it returns.
inline constexpr const char *kAllReduce = "all_reduce";
extern const HostFunction kAllReduceStartFunction;
extern const HostFunction kAllReduceWaitFunction;
extern const HostFunction kAllReduceFunction;

/// As dl.process_rank. Arguments: the number of this process, and how many
/// there are (int64).
extern const HostFunction kProcessRankFunction;

/// Copies its first argument to its second, of as many bytes.
extern const HostFunction kCopyFunction;

/// The order of a matrix's rows, as dl.row_order defines it. Arguments: the
/// matrix, and the positions (int64).
extern const HostFunction kRowOrderFunction;

/// Non-maximum suppression, as dl.suppress defines it. Arguments: boxes,
/// scores, the most boxes for a class (int64), the overlap and the score from
/// which boxes are left out, the selected rows (int64, room for every score)
/// and their number (int64); tensors of numbers are float32. Attribute: 1 where
/// boxes are given by their centers.
extern const HostFunction kSuppressFunction;

/// Functions on strings, as the dialect's ops of their names define them. Each
/// has the strings, and a result of as many elements; string_concat has two
/// operands, which are broadcast, string_split a result with one dimension
/// more. Attributes: of string_case, 1 for upper case and the locale's number;
/// of string_count and string_split, the delimiter's number and the most
/// splits, -1 for all.
extern const HostFunction kStringConcatFunction;
extern const HostFunction kStringCaseFunction;
extern const HostFunction kStringCountFunction;
extern const HostFunction kStringSplitFunction;
extern const HostFunction kStringRankFunction;
extern const HostFunction kStringToNumberFunction;
extern const HostFunction kNumberToStringFunction;

/// The k largest or smallest elements along an axis. Arguments: data, values,
/// and indices (int64), the latter two with k elements along the axis.
/// Attributes: axis (not negative), largest (0 or 1), sorted (0 or 1; the
/// result is sorted in any case). Of equal elements the one with the lower
/// index comes first; a NaN is larger than all numbers, as in numpy's sort.
extern const HostFunction kTopKFunction;

} // namespace dlrt

#endif // DLRT_DEVICE_CPU_HOST_HOSTFUNCTIONS_H

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the steps of a module have to do, from its debug information.

#ifndef DL_TOOLS_MEASURE_WORK_H
#define DL_TOOLS_MEASURE_WORK_H

#include "runtime/api/dlrt.hpp"
#include "tools/measure/Machine.h"
#include "tools/measure/Profile.h"
#include "tools/values/Value.h"

#include <map>
#include <nlohmann/json.hpp>
#include <optional>

namespace dl::tools {

/// Sizes of the symbolic dimensions, by name.
using Symbols = std::map<std::string, int64_t>;

/// Operations and bytes. Bytes are those of a step's operands and results, each
/// counted once, wherever they lie.
struct Work {
  double flops = 0;
  double parameterBytes = 0; // of constants
  double readBytes = 0;      // of inputs and of results of other steps
  double writtenBytes = 0;

  double bytes() const { return parameterBytes + readBytes + writtenBytes; }
  Work &operator+=(const Work &other);
};

/// A step as the debug information describes it.
struct StepInfo {
  /// The kernel's name, or the runtime's function.
  std::string kernel;
  std::string name;    // source nodes
  std::string kind;    // "kernel", "host", "copy"
  int kernelIndex = 0; // of a "kernel": in the module's list
  Products products = Products::Float32;
  bool onHost = false; // a kernel that a device's plan runs on the host
  int loop = -1;       // the loop around it, in the order of the loops; -1
  nlohmann::json flops, parameterBytes, readBytes, writtenBytes; // formulas
};

/// A value in the arena: its bytes, and the first and the last step, by number,
/// in which it is in use; in loops, of one iteration.
struct ArenaValue {
  int first = 0, last = 0;
  nlohmann::json bytes; // a formula
};

/// The steps of one entry.
class WorkInfo {
public:
  /// Of the entry's plan for `target` ("cuda:1" is one for cuda), or its first
  /// where that is empty; nothing where the module tells nothing of it.
  static std::optional<WorkInfo> read(const runtime::Module &module,
                                      const std::string &entry,
                                      const std::string &target = "") {
    return parse(module.debugInfo(), entry, target);
  }
  /// The same of a module's debug information.
  static std::optional<WorkInfo> parse(const std::string &debugInfo,
                                       const std::string &entry,
                                       const std::string &target = "");

  /// Adds the values of the terms that formulas share, "%0" and so on. Throws
  /// where one has none.
  void addTerms(Symbols &symbols) const;

  /// In the order of the text; those of loops once.
  const std::vector<StepInfo> &steps() const { return list; }
  /// Empty where an older compiler told nothing of them.
  const std::vector<ArenaValue> &values() const { return arena; }
  const nlohmann::json &kernels() const { return info["kernels"]; }
  /// What products the kernels make.
  std::set<Products> products() const;
  /// Elements and bytes of the model's constants.
  int64_t parameterCount() const { return info["parameters"]["count"]; }
  int64_t parameterBytes() const { return info["parameters"]["bytes"]; }

  /// The work of one execution of a step.
  static Work evaluate(const StepInfo &step, const Symbols &symbols);
  /// The numbers of the steps as one run executes them, at most `limit`.
  std::vector<int> order(const Symbols &symbols, size_t limit) const;

private:
  struct Node {
    int step = -1; // or a loop:
    nlohmann::json count;
    std::vector<Node> body;
  };

  std::vector<Node> addSteps(const nlohmann::json &steps, int loop);
  static void expand(const std::vector<Node> &nodes, const Symbols &symbols,
                     size_t limit, std::vector<int> &order);

  nlohmann::json info;
  nlohmann::json terms;
  std::vector<StepInfo> list;
  std::vector<ArenaValue> arena;
  std::vector<Node> nodes;
  int loops = 0;
};

/// The value of a formula of the debug information: a number, the name of a
/// symbol, or [operator, formula, formula]. Throws where it has none.
int64_t evaluateFormula(const nlohmann::json &formula, const Symbols &symbols);

/// The same as text, as "4 * N + 2".
std::string printFormula(const nlohmann::json &formula);

/// The values of the symbols of a session's entry in its last run.
Symbols findSymbols(const runtime::Session &session,
                    const runtime::Module &module, uint32_t entry);

/// The limits as JSON: `peak_gflops` (of float32), `bf16_pairs_peak_gflops` and
/// `bf16_tiles_peak_gflops` where they were measured, `bandwidth_gbytes_per_s`,
/// `threads`.
nlohmann::ordered_json describeMachine(const MachineLimits &machine);

/// Work and time of one kernel or of one step in one run.
struct MeasuredWork {
  std::string name;
  double seconds = 0; // mean over the runs
  double calls = 0;
  Work work; // of all calls together
  Products products = Products::Float32;
  bool knowsFlops = false, knowsBytes = false;
};

/// One item for each kernel, the longest time first. Without `info`, only the
/// events' own operations are known.
std::vector<MeasuredWork> measureKernels(const std::vector<ProfiledRun> &runs,
                                         const WorkInfo *info,
                                         const Symbols &symbols);

/// One item for each of the steps of `info`, in their order.
std::vector<MeasuredWork> measureSteps(const std::vector<ProfiledRun> &runs,
                                       const WorkInfo &info,
                                       const Symbols &symbols);

} // namespace dl::tools

#endif // DL_TOOLS_MEASURE_WORK_H

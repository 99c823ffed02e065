// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Which products gain nothing by integers.

#ifndef DL_TOOLS_QUANTIZE_PRODUCTTIMES_H
#define DL_TOOLS_QUANTIZE_PRODUCTTIMES_H

#include "frontend/quantize/QuantizeModel.h"
#include "tools/explain/Trace.h"
#include "tools/quantize/Evaluate.h"

#include <functional>

namespace dl::tools {

/// A module, and what became of the model's nodes in it.
struct TracedModule {
  std::string path;
  Trace trace;
};

/// Compiles the model at `model` to the module `path`. Throws a
/// CompilerFailure.
TracedModule compileTraced(CompileOptions options, const std::string &model,
                           const std::string &path);

/// Runs both modules in turns and times the kernels that have each product,
/// with those that do nothing but quantize what it reads. A product is found by
/// its node's name or its result's. By their numbers; those of which steps are
/// not known (in loops) are left out. Throws where a module cannot run.
std::map<size_t, Comparison>
compareProducts(const TracedModule &plain, const TracedModule &quantized,
                const std::vector<frontend::ProductSite> &products);

/// The numbers of the products that take longer in the second module, by least
/// times and by turns: those that lose most first. A large one has to lose
/// beyond doubt: integers are taken to make it faster.
std::vector<size_t> findLosing(const std::map<size_t, Comparison> &times,
                               const std::function<bool(size_t)> &isLarge);

} // namespace dl::tools

#endif // DL_TOOLS_QUANTIZE_PRODUCTTIMES_H

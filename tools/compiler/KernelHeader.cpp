// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/compiler/KernelHeader.h"

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace dl::tools {

static constexpr char kHead[] = R"(#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A kernel runs its tiles [begin, end), which are independent of each other.
   buffers: addresses of the inputs, then of the outputs, dense and row-major, aligned
     to 64 bytes.
   sizes: the dynamic dimensions of the inputs, in order, then further sizes.
   scratch: memory of this thread alone, aligned to 64 bytes.
   imports: null, or two numbers: 16, and one that is the same in all calls for the
     same contents of the buffers, and in no other for the same scratch: what calls have
     in common is then kept there. */
)";

/// The expression in C. Divisors and what is divided are never negative.
static std::string toC(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return std::to_string(constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return "sizes[" + std::to_string(dim.getPosition()) + "]";
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return "sizes[" + std::to_string(symbol.getPosition()) + "]";
  auto binary = cast<AffineBinaryOpExpr>(expr);
  std::string left = toC(binary.getLHS()), right = toC(binary.getRHS());
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return "(" + left + " + " + right + ")";
  case AffineExprKind::Mul:
    return "(" + left + " * " + right + ")";
  case AffineExprKind::Mod:
    return "(" + left + " % " + right + ")";
  case AffineExprKind::CeilDiv:
    return "((" + left + " + " + right + " - 1) / " + right + ")";
  default:
    return "(" + left + " / " + right + ")";
  }
}

/// A function for a formula of a kernel's sizes, where it has that attribute.
static std::string declareFormula(Operation *kernel, StringRef name,
                                  StringRef attribute, StringRef suffix) {
  auto map = kernel->getAttrOfType<AffineMapAttr>(attribute);
  if (!map || map.getValue().getNumResults() != 1)
    return {};
  return ("static inline int64_t " + name + suffix +
          "(const int64_t *sizes) {\n  (void)sizes;\n  return " +
          toC(map.getValue().getResult(0)) + ";\n}\n")
      .str();
}

std::string makeKernelHeader(ModuleOp module, ArrayRef<std::string> kernels,
                             StringRef producer) {
  std::string text = ("/* Made by " + producer + ". */\n").str();
  text += "#ifndef DL_KERNELS_H\n#define DL_KERNELS_H\n\n";
  text += kHead;
  for (const std::string &name : kernels) {
    Operation *kernel = SymbolTable::lookupSymbolIn(module, name);
    text += "\nvoid " + name +
            "(void *const *buffers, const int64_t *sizes, int64_t begin,\n"
            "    int64_t end, void *scratch, const void *imports);\n";
    text += declareFormula(kernel, name, "dl.tiles", "_tiles");
    text += declareFormula(kernel, name, "dl.scratch", "_scratch_bytes");
  }
  return text + "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
}

} // namespace dl::tools

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_PASSES_TD
#define DL_PASSES_TD

include "mlir/Pass/PassBase.td"

// A pass is one definition here, one source file and one test, all of one name.
// The phases that run them, in order, are in Pipeline.cpp.

def VerifyPhase : Pass<"dl-verify-phase", "::mlir::ModuleOp"> {
  let summary = "check that a module is legal at the end of a phase";
  let description = [{
    Fails at the first op that the named phase should not have left. Each phase
    ends with this pass, so that a mistake shows near its cause.

    After `import` and `simplify`, functions hold dl ops alone, without
    `dl.fused` and `dl.dispatch`. After `fuse`, every op that computes stands in
    a `dl.fused`. After `lower`, an entry function only dispatches kernels and
    takes views, and kernels (functions that a `dl.dispatch` names, or that have
    the attribute `dl.kernel`) hold upstream ops alone.

    Example: after `fuse`,
    ```mlir
    func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {
      %0 = dl.exp %a : (tensor<4xf32>) -> tensor<4xf32>
      return %0 : tensor<4xf32>
    }
    ```
    fails at `dl.exp`, which stands outside `dl.fused`.
  }];
  let options = [
    Option<"phase", "phase", "std::string", /*default=*/"\"import\"",
           "name of the phase that has ended">,
  ];
}

#endif // DL_PASSES_TD

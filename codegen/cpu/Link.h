// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Links the objects of kernels, with lld as a library.

#ifndef DL_CODEGEN_CPU_LINK_H
#define DL_CODEGEN_CPU_LINK_H

#include "codegen/cpu/Image.h"
#include "mlir/IR/Location.h"
#include "mlir/Support/LLVM.h"

namespace dl::cpu {

/// Links relocatable objects and the builtins into an image. `symbols` are the
/// kernels, whose addresses become the image's entries; code that no kernel
/// reaches is dropped. Fails, with a diagnostic at `loc`, on an undefined
/// symbol, on data that would have to be written, and on any relocation that is
/// left. The image's cpu and features are not set.
mlir::FailureOr<CpuImage> linkImage(llvm::ArrayRef<llvm::StringRef> objects,
                                    llvm::ArrayRef<llvm::StringRef> symbols,
                                    mlir::Location loc);

/// Combines relocatable objects and the builtins into one relocatable object.
mlir::FailureOr<std::string> linkObject(llvm::ArrayRef<llvm::StringRef> objects,
                                        mlir::Location loc);

} // namespace dl::cpu

#endif // DL_CODEGEN_CPU_LINK_H

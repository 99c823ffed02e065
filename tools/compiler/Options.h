// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Options as text, from a command line or the C interface.

#ifndef DL_TOOLS_COMPILER_OPTIONS_H
#define DL_TOOLS_COMPILER_OPTIONS_H

#include "tools/compiler/Compile.h"

#include "llvm/Support/Error.h"

namespace dl::tools {

/// Each sets what `text` says in `options`; an error reads "--NAME: WHAT".
llvm::Error setEmit(llvm::StringRef text, CompileOptions &options);
llvm::Error setTarget(llvm::StringRef text, CompileOptions &options);
llvm::Error setStopAfter(llvm::StringRef text, CompileOptions &options);
llvm::Error setPrecision(llvm::StringRef text, CompileOptions &options);
/// Lets products stay in float32 that the CPU would not multiply faster in the
/// precision. After all other options.
void guardPrecision(CompileOptions &options);
llvm::Error setOptimize(llvm::StringRef text, CompileOptions &options);
llvm::Error setCpu(llvm::StringRef text, CompileOptions &options);
llvm::Error setChoice(llvm::StringRef text, CompileOptions &options);
llvm::Error addDim(llvm::StringRef text, CompileOptions &options);

/// Reads INPUT=SIZE,NAME,.., an input's shape; none after '=' is a scalar's.
llvm::Error addShape(llvm::StringRef text, CompileOptions &options);

/// Reads NAME=SIZE, the text of option `option` ("--dim").
llvm::Error parseSize(llvm::StringRef option, llvm::StringRef text,
                      std::string &name, int64_t &size);

/// Sets the cache that the environment asks for.
llvm::Error setDefaultCache(CompileOptions &options);

} // namespace dl::tools

#endif // DL_TOOLS_COMPILER_OPTIONS_H

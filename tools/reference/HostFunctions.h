// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TOOLS_REFERENCE_HOSTFUNCTIONS_H
#define DL_TOOLS_REFERENCE_HOSTFUNCTIONS_H

#include "ir/reference/HostLibrary.h"

#include <memory>
#include <string>

namespace dl::tools {

/// The runtime's library of optional functions, libdlrtHostOps, for the
/// interpreter. It is opened at the first call of one of its functions.
const mlir::dl::reference::HostLibrary &getHostLibrary();

/// The same with a table of strings, as a session of the runtime has it, for
/// programs in which numbers stand for strings.
class NumberedStrings : public mlir::dl::reference::HostLibrary {
public:
  /// The number of a text, and the text of a number; empty for others.
  virtual int64_t getNumber(llvm::StringRef text) = 0;
  virtual std::string getText(int64_t number) const = 0;
};

/// A table that begins with these texts.
std::unique_ptr<NumberedStrings>
makeNumberedStrings(llvm::ArrayRef<llvm::StringRef> texts);

} // namespace dl::tools

#endif // DL_TOOLS_REFERENCE_HOSTFUNCTIONS_H

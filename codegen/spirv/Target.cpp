// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/spirv/Target.h"

std::optional<dl::spirv::SpirvTarget>
dl::spirv::parseTarget(llvm::StringRef name) {
  SpirvTarget target;
  if (name == "basic") {
    target.broadcasts = false;
    target.tileRows = 16;
  } else if (name != "generic") {
    return std::nullopt;
  }
  return target;
}

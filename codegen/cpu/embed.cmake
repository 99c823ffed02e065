# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

# Writes the file INPUT as the C++ source OUTPUT, which defines getBuiltinsObject.
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "// Made from ${INPUT}.
#include \"codegen/cpu/Builtins.h\"

alignas(16) static const unsigned char bytes[] = {
${bytes}};

llvm::StringRef dl::cpu::getBuiltinsObject() {
  return {reinterpret_cast<const char *>(bytes), sizeof bytes};
}
")

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/values/Pb.h"

namespace dl::values {

bool pbSupported() { return false; }

Value parsePb(const std::string &where, const unsigned char *, size_t,
              dlrt_value_kind) {
  throw Failure(where, "this build of the tools does not read .pb files");
}

std::string writePb(const std::string &, dlrt_value_kind,
                    const std::vector<runtime::Tensor> *) {
  return std::string();
}

std::pair<Value, Value> parsePbMap(const std::string &where,
                                   const unsigned char *, size_t) {
  throw Failure(where, "this build of the tools does not read .pb files");
}

std::string writePbMaps(const runtime::Value &, const runtime::Tensor &) {
  return std::string();
}

} // namespace dl::values

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/values/Value.h"

#include <cstring>
#include <memory>

namespace dl::values {

Value makeStrings(const std::vector<int64_t> &dims,
                  std::vector<std::string> texts) {
  Value value;
  value.type = DLRT_STRING;
  value.dims = dims;
  value.data.resize(texts.size() * sizeof(dlrt_string));
  value.texts =
      std::make_shared<const std::vector<std::string>>(std::move(texts));
  unsigned char *to = value.data.data();
  for (const std::string &text : *value.texts) {
    dlrt_string range = {text.data(), text.size()};
    memcpy(to, &range, sizeof(range));
    to += sizeof(range);
  }
  return value;
}

} // namespace dl::values

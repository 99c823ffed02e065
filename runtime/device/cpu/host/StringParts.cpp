// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/host/StringArguments.h"

namespace dlrt {
namespace {

/// The parts of a text, one after the other; see dl.string_count.
class Parts {
public:
  Parts(std::string_view text, std::string_view delimiter, int64_t splits)
      : rest(text), delimiter(delimiter), splits(splits) {
    if (delimiter.empty())
      skipSpace();
  }

  /// Stores the next part; false where there is none.
  bool next(std::string_view &part) {
    if (atEnd || (delimiter.empty() && rest.empty()))
      return false;
    size_t length = splits == 0 ? std::string_view::npos : findEnd();
    part = rest.substr(0, length);
    if (length == std::string_view::npos) {
      atEnd = true;
      return true;
    }
    --splits;
    rest.remove_prefix(length + delimiter.size());
    if (delimiter.empty())
      skipSpace();
    return true;
  }

private:
  void skipSpace() {
    while (!rest.empty() && isSpace(rest.front()))
      rest.remove_prefix(1);
  }

  size_t findEnd() const {
    if (!delimiter.empty())
      return rest.find(delimiter);
    for (size_t i = 0; i < rest.size(); ++i)
      if (isSpace(rest[i]))
        return i;
    return std::string_view::npos;
  }

  std::string_view rest, delimiter;
  int64_t splits; ///< that are left; negative for all
  bool atEnd = false;
};

Status prepareCount(const HostCallFrame &frame, int64_t &) {
  return checkStringMap("string_count", frame, fb::ElementType_I64,
                        fb::ElementType_I64, 2);
}

void runCount(const HostCallFrame &frame, const HostResources &resources) {
  const int64_t *from = stringsOf(frame.args[0]);
  auto *to = static_cast<int64_t *>(frame.args[1].data);
  std::string_view delimiter = resources.strings->text(frame.attributes[0]);
  for (int64_t n = 0; n < frame.args[0].elements; ++n) {
    Parts parts(resources.strings->text(from[n]), delimiter,
                frame.attributes[1]);
    std::string_view part;
    for (to[n] = 0; parts.next(part);)
      ++to[n];
  }
}

Status prepareSplit(const HostCallFrame &frame, int64_t &) {
  const HostArgument *args = frame.args;
  bool sound = frame.argCount == 2 && frame.attributeCount == 2 &&
               args[0].type == fb::ElementType_I64 &&
               args[1].type == fb::ElementType_I64 &&
               args[1].rank == args[0].rank + 1;
  for (int d = 0; sound && d < args[0].rank; ++d)
    sound = args[0].dims[d] == args[1].dims[d];
  if (!sound)
    return {Code::BadModule, "string_split has arguments that do not agree"};
  return {};
}

void runSplit(const HostCallFrame &frame, const HostResources &resources) {
  const int64_t *from = stringsOf(frame.args[0]);
  auto *to = static_cast<int64_t *>(frame.args[1].data);
  int64_t room = frame.args[1].dims[frame.args[0].rank];
  HostStrings &strings = *resources.strings;
  std::string_view delimiter = strings.text(frame.attributes[0]);
  int64_t nothing = strings.number({});
  for (int64_t n = 0; n < frame.args[0].elements; ++n) {
    Parts parts(strings.text(from[n]), delimiter, frame.attributes[1]);
    for (int64_t i = 0; i < room; ++i) {
      std::string_view part;
      *to++ = parts.next(part) ? strings.number(part) : nothing;
    }
  }
}

} // namespace

const HostFunction kStringCountFunction = {"string_count", prepareCount,
                                           runCount};
const HostFunction kStringSplitFunction = {"string_split", prepareSplit,
                                           runSplit};

} // namespace dlrt

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/reduce/Interest.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

using namespace llvm;

namespace dl::tools {

/// Calls `visit` for each word of letters, digits and underscores.
static void forEachWord(StringRef text,
                        function_ref<void(StringRef word)> visit) {
  auto isPart = [](char c) { return isAlnum(c) || c == '_'; };
  while (!text.empty()) {
    text = text.drop_until(isPart);
    StringRef word = text.take_while(isPart);
    text = text.drop_front(word.size());
    if (!word.empty())
      visit(word);
  }
}

Interest::Interest(InterestOptions given, std::string ending)
    : options(std::move(given)), ending(std::move(ending)) {
  if (StringRef(options.command).contains("{}"))
    return;
  options.command += " {}";
}

void Interest::addNames(const StringSet<> &more) {
  for (StringRef name : more.keys())
    forEachWord(name, [&](StringRef word) { words.insert(word); });
}

static std::string quote(StringRef text) {
  std::string quoted = "'";
  for (char c : text)
    quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

Interest::Outcome Interest::run(StringRef bytes) {
  ++count;
  Outcome outcome;
  outcome.status = -1;
  SmallString<128> folder;
  if (sys::fs::createUniqueDirectory("dl-reduce", folder))
    return outcome;
  scope_exit remove([&] { (void)sys::fs::remove_directories(folder); });
  std::string file = (folder + "/model" + ending).str();
  {
    std::error_code code;
    raw_fd_ostream stream(file, code);
    stream << bytes;
    stream.close();
    if (code || stream.has_error()) {
      stream.clear_error();
      return outcome;
    }
  }
  std::string command = options.command;
  for (size_t at; (at = command.find("{}")) != std::string::npos;)
    command.replace(at, 2, quote(file));
  command = "PATH=" + quote(options.toolFolder) + ":$PATH; " + command;
  std::string errors = (folder + "/errors").str();
  StringRef nowhere = "/dev/null", toErrors = errors;
  std::optional<StringRef> redirects[] = {nowhere, nowhere, toErrors};
  std::string message;
  bool isFailed = false;
  outcome.status = sys::ExecuteAndWait("/bin/sh", {"/bin/sh", "-c", command},
                                       std::nullopt, redirects, options.timeout,
                                       /*MemoryLimit=*/0, &message, &isFailed);
  outcome.isTimeout = outcome.status == -2;
  if (auto buffer = MemoryBuffer::getFile(errors)) {
    // The first error, or the first line where none calls itself so.
    StringRef text = (*buffer)->getBuffer();
    outcome.line = text.split('\n').first.str();
    if (size_t at = text.find("error: "); at != StringRef::npos)
      outcome.line = text.substr(at).split('\n').first.str();
  }
  // The file's own name is another each time.
  for (size_t at; (at = outcome.line.find(file)) != std::string::npos;)
    outcome.line.replace(at, file.size(), "model" + ending);
  return outcome;
}

std::string Interest::getSignature(const Outcome &outcome) const {
  if (outcome.isTimeout)
    return "timeout";
  // The shell's statuses of signals.
  if (outcome.status > 128)
    return "signal " + std::to_string(outcome.status - 128);
  std::string text = "status " + std::to_string(outcome.status) + ":";
  // Messages count what is left.
  static const StringSet<> counted = {"node",    "nodes",   "is",
                                      "are",     "element", "elements",
                                      "differs", "differ",  "dl"};
  forEachWord(outcome.line, [&](StringRef word) {
    if (!isDigit(word.front()) && !words.contains(word) &&
        !counted.contains(word))
      text += " " + word.str();
  });
  return text;
}

Error Interest::begin(StringRef bytes, StringSet<> names) {
  addNames(names);
  Outcome outcome = run(bytes);
  signature = getSignature(outcome);
  bool isFailure = outcome.status != 0;
  if (options.mustFail != isFailure)
    return createStringError(
        "the command " +
        std::string(isFailure ? "fails for the whole model: " + outcome.line
                              : "succeeds for the whole model; expected a "
                                "failure to look for"));
  description = describe(outcome);
  return Error::success();
}

std::string Interest::describe(const Outcome &outcome) const {
  if (outcome.status == 0)
    return "the command succeeds";
  if (outcome.isTimeout)
    return "no end within " + std::to_string(options.timeout) + " seconds";
  if (outcome.status > 128)
    return "signal " + std::to_string(outcome.status - 128);
  return outcome.line.empty() ? "exit status " + std::to_string(outcome.status)
                              : outcome.line;
}

bool Interest::holds(StringRef bytes) {
  Outcome outcome = run(bytes);
  bool isSame = options.mustFail
                    ? outcome.status != 0 && getSignature(outcome) == signature
                    : outcome.status == 0;
  if (isSame)
    description = describe(outcome);
  return isSame;
}

} // namespace dl::tools

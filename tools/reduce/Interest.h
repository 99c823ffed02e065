// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Whether a smaller model still shows what its user looks for.

#ifndef DL_TOOLS_REDUCE_INTEREST_H
#define DL_TOOLS_REDUCE_INTEREST_H

#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Error.h"
#include <string>

namespace dl::tools {

struct InterestOptions {
  /// A command of the shell; {} in it stands for the file, which otherwise
  /// comes last. The tools' own folder is searched first.
  std::string command;
  /// Wanted is that the command fails as it does for the whole model; otherwise
  /// that it succeeds.
  bool mustFail = true;
  /// Seconds that it may take; longer is a failure of its own kind.
  unsigned timeout = 300;
  /// The folder of the tools.
  std::string toolFolder;
};

/// Runs a command on files and judges what comes of it.
class Interest {
public:
  /// `ending` is that of the files' name.
  Interest(InterestOptions options, std::string ending);

  /// Runs the command on the whole model's text. With `mustFail`, remembers how
  /// it fails: the signal, or the words of the first line of its errors, but
  /// for numbers and `names`. An error where there is nothing to look for.
  llvm::Error begin(llvm::StringRef bytes, llvm::StringSet<> names);

  /// Adds names that messages may hold.
  void addNames(const llvm::StringSet<> &more);

  /// Whether the command does the same on these bytes.
  bool holds(llvm::StringRef bytes);

  /// How often the command ran.
  unsigned getCount() const { return count; }
  /// What is looked for, in words, as the last that had it showed it.
  const std::string &describe() const { return description; }

private:
  struct Outcome {
    int status = 0;
    bool isTimeout = false;
    std::string line;
  };
  Outcome run(llvm::StringRef bytes);
  std::string getSignature(const Outcome &outcome) const;
  std::string describe(const Outcome &outcome) const;

  InterestOptions options;
  std::string ending, signature, description;
  llvm::StringSet<> words; // of names
  unsigned count = 0;
};

} // namespace dl::tools

#endif // DL_TOOLS_REDUCE_INTEREST_H

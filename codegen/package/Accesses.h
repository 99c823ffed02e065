// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Where the steps of a program read and write its storages.

#ifndef DL_CODEGEN_PACKAGE_ACCESSES_H
#define DL_CODEGEN_PACKAGE_ACCESSES_H

#include "codegen/package/Program.h"

namespace dl::package {

/// Argument `arg` of a step. A region is the program's list of steps (number 0)
/// or the body of a loop; `index` is the step's position in its region.
struct Access {
  Step *step = nullptr;
  size_t arg = 0;
  int32_t region = 0;
  int32_t index = 0;
  int64_t order = 0; // of all accesses, in running order

  bool isWrite() const { return arg >= step->numInputs; }
  View &view() const { return step->args[arg]; }
};

/// All accesses of a program. Steps must not move while this exists.
class Accesses {
public:
  explicit Accesses(Program &program);

  std::vector<Access> &of(int32_t storage) { return lists[storage]; }

  /// The innermost region that holds all these accesses.
  int32_t getCommonRegion(const std::vector<Access> &accesses) const;

  /// The position in `region` of the step that is or holds the access; -1 where
  /// it lies outside of the region.
  int32_t getIndexIn(int32_t region, const Access &access) const;

  /// First and last number, in running order, of that step. Every step has a
  /// number; a loop has those of its body, too. The access lies in `region`.
  std::pair<int64_t, int64_t> getRange(int32_t region,
                                       const Access &access) const;

private:
  struct Region {
    int32_t parent;
    int32_t index; // of the loop in its parent
    int32_t depth;
    std::vector<std::pair<int64_t, int64_t>> ranges; // of its steps
  };

  void visit(std::vector<Step> &steps, int32_t region);

  std::vector<Region> regions;
  std::vector<std::vector<Access>> lists;
  int64_t next = 0;
  int64_t nextAccess = 0;
};

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_ACCESSES_H

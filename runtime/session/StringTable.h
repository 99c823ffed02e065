// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_SESSION_STRINGTABLE_H
#define DLRT_SESSION_STRINGTABLE_H

#include "runtime/artifact/module_generated.h"
#include "runtime/device/cpu/host/HostFunctions.h"

#include <memory>
#include <vector>

namespace dlrt {

/// The strings of a session: those of its module, numbered as there, then those
/// of the run at hand. Memory only grows: once a run has had room, another one
/// with such strings allocates nothing.
class StringTable final : public HostStrings {
public:
  /// `module` outlives the table.
  explicit StringTable(const fb::Module &module);

  /// Forgets the strings of the last run, whose texts are gone with it.
  void reset();

  std::string_view text(int64_t number) const override;
  int64_t number(std::string_view text) override;

private:
  struct Chunk {
    std::unique_ptr<char[]> memory;
    size_t size;
  };

  size_t findSlot(std::string_view text, uint64_t hash) const;
  int64_t enter(std::string_view text, bool copies);
  std::string_view copy(std::string_view text);
  void grow();

  std::vector<std::string_view> texts;
  std::vector<uint64_t> hashes; ///< of the texts
  /// Open addressing, by hash; a number plus 1, or 0 for none. A power of two.
  std::vector<int64_t> slots;
  size_t fixed = 0; ///< strings of the module
  std::vector<Chunk> chunks;
  size_t chunk = 0, used = 0; ///< where the next text is copied to
};

} // namespace dlrt

#endif // DLRT_SESSION_STRINGTABLE_H

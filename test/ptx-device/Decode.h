// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// From the words of an instruction to what runs it.

#ifndef DL_TEST_PTXDEVICE_DECODE_H
#define DL_TEST_PTXDEVICE_DECODE_H

#include "test/ptx-device/Machine.h"

#include <optional>

namespace dl::ptxdevice {

struct Operand {
  enum Kind : uint8_t { Name, Integer, Float32, Float64, Address, List } kind;
  std::string name;        ///< register or symbol; of an address, its base
  int64_t value = 0;       ///< number, or an address's offset
  std::vector<Operand> of; ///< of a list
  bool negated = false;    ///< a predicate
};

struct Statement {
  std::string opcode;
  std::vector<std::string> words; ///< of the opcode, which points divide
  std::vector<Operand> operands;
  uint32_t line = 0;

  bool has(const char *word) const {
    for (const std::string &own : words)
      if (own == word)
        return true;
    return false;
  }
};

/// Finds the registers of operands.
class Places {
public:
  virtual ~Places() = default;
  /// The place of an operand of so many bytes (0: a predicate): a register, or
  /// a constant's. Fault where the register has another size.
  virtual uint32_t place(const Operand &operand, uint32_t width) = 0;
  /// Bytes of a register, or 0 where an operand is none.
  virtual uint32_t widthOf(const Operand &operand) = 0;
  /// A place for what nobody reads.
  virtual uint32_t scratch(uint32_t width) = 0;
  /// The base of an address as a place of eight bytes, the offset into `in`.
  virtual void placeAddress(const Operand &operand, Instruction &in) = 0;
};

// Each knows some instructions: false where a statement is none of them.
bool decodeArithmetic(const Statement &statement, Places &places,
                      Instruction &in);
bool decodeConversion(const Statement &statement, Places &places,
                      Instruction &in);
bool decodeAccess(const Statement &statement, Places &places, Instruction &in);
bool decodeTogether(const Statement &statement, Places &places,
                    Instruction &in);
bool decodeMatrix(const Statement &statement, Places &places, Instruction &in);
bool decodeAsync(const Statement &statement, Places &places, Instruction &in);

/// Bytes of "f32", "b16", ...; nothing for words that are no types.
std::optional<uint32_t> typeBytes(const std::string &word);

} // namespace dl::ptxdevice

#endif // DL_TEST_PTXDEVICE_DECODE_H

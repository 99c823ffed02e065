// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Which cooperative matrices a module multiplies, and a device can.

#include "runtime/device/vulkan/VulkanState.h"

#include <algorithm>
#include <map>

using namespace dlrt;

namespace {

/// VkComponentTypeKHR.
enum Component : uint32_t {
  kFloat16 = 0,
  kFloat32 = 1,
  kSigned8 = 3,
  kUnsigned8 = 7,
  kOther = ~0u
};

/// A type of SPIR-V.
struct Matrix {
  Component component;
  uint32_t rows, columns, use;
};

/// The matrices that a module has types of.
class MatrixReader {
public:
  explicit MatrixReader(const std::vector<uint32_t> &words) : words(words) {}
  std::vector<Matrix> read();

private:
  void visit(const uint32_t *operands, uint32_t opcode, uint32_t count);

  const std::vector<uint32_t> &words;
  std::map<uint32_t, Component> components; ///< by a type's id
  std::map<uint32_t, uint32_t> constants;   ///< by id
  std::vector<Matrix> matrices;
};

} // namespace

void MatrixReader::visit(const uint32_t *operands, uint32_t opcode,
                         uint32_t count) {
  constexpr uint32_t kTypeInt = 21, kTypeFloat = 22, kConstant = 43,
                     kTypeMatrix = 4456;
  if (opcode == kTypeInt && count == 3 && operands[1] == 8)
    components[operands[0]] = operands[2] ? kSigned8 : kUnsigned8;
  else if (opcode == kTypeFloat && count >= 2)
    components[operands[0]] = operands[1] == 16   ? kFloat16
                              : operands[1] == 32 ? kFloat32
                                                  : kOther;
  else if (opcode == kConstant && count == 3)
    constants[operands[1]] = operands[2];
  else if (opcode == kTypeMatrix && count == 6) {
    auto type = components.find(operands[1]);
    matrices.push_back({type == components.end() ? kOther : type->second,
                        constants[operands[3]], constants[operands[4]],
                        constants[operands[5]]});
  }
}

std::vector<Matrix> MatrixReader::read() {
  constexpr size_t kHeaderWords = 5;
  for (size_t i = kHeaderWords; i < words.size();) {
    uint32_t length = words[i] >> 16;
    if (!length || length > words.size() - i)
      break; // damaged; the driver's to refuse
    visit(&words[i] + 1, words[i] & 0xffff, length - 1);
    i += length;
  }
  return std::move(matrices);
}

Status dlrt::checkMatrices(const VulkanState &state,
                           const std::vector<uint32_t> &words) {
  constexpr uint32_t kLeft = 0, kRight = 1, kSubgroup = 3;
  std::vector<Matrix> matrices = MatrixReader(words).read();
  auto isRight = [&](const Matrix &left, const CooperativeMatrix &known) {
    return std::any_of(
        matrices.begin(), matrices.end(), [&](const Matrix &right) {
          return right.use == kRight && right.component == left.component &&
                 right.rows == known.k && right.columns == known.n;
        });
  };
  for (const Matrix &left : matrices) {
    if (left.use != kLeft)
      continue;
    bool isKnown = std::any_of(
        state.matrices.begin(), state.matrices.end(),
        [&](const CooperativeMatrix &known) {
          return known.scope == kSubgroup && known.m == left.rows &&
                 known.k == left.columns && known.aType == left.component &&
                 known.bType == left.component && isRight(left, known);
        });
    if (!isKnown)
      return Status(
          Code::Unsupported,
          state.name + " multiplies no matrices of " +
              std::to_string(left.rows) + " x " + std::to_string(left.columns) +
              (left.component == kFloat16 ? " 16-bit floats" : " bytes"));
  }
  return {};
}

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The constants that a module holds, and how each is made from its source.

#ifndef DL_CODEGEN_PACKAGE_CONSTANTS_H
#define DL_CODEGEN_PACKAGE_CONSTANTS_H

#include "codegen/package/Relayout.h"
#include "ir/dialect/BalancedRounding.h"
#include "mlir/IR/Value.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace dl::package {

/// One constant: a source, and the layouts through which it goes, each a dense
/// tensor for the next. Sources are memory of the context (the mapped model),
/// or `owned` where MLIR keeps them in another form.
struct ConstantData {
  enum class Rounding { None, ToBF16, ToF16 };

  /// Rounds what layout `before` reads, channels by themselves (see
  /// roundBalanced). Layouts from there on move elements of bf16.
  struct Balance {
    size_t before;
    std::vector<mlir::dl::StridedDim> channels, summed;
  };

  llvm::ArrayRef<char> source;
  std::shared_ptr<std::vector<char>> owned;
  std::vector<Layout> layouts;
  unsigned elementBytes = 1;          // of the source
  Rounding rounding = Rounding::None; // of f32, on the way out
  std::optional<Balance> balance;     // rounds from f32 to bf16 in between
  uint64_t bytes = 0; // that the module holds: of one element for a splat
  bool splat = false; // the module holds one element, the runtime repeats it
  /// The constant whose bytes these are, in another order, and where in this
  /// one its elements lie.
  int32_t packed = -1;
  Layout unpacked;
  uint8_t element = 0; // number of the type
  std::vector<int64_t> shape;
  std::string name; // of the weight, where it has one

  /// Bytes of an element as the module has it.
  unsigned getStoredWidth() const {
    return rounding != Rounding::None || balance ? sizeof(uint16_t)
                                                 : elementBytes;
  }

  /// Makes the bytes in pieces of at most `maxBytes` (see relayout).
  bool produce(size_t maxBytes,
               llvm::function_ref<bool(llvm::ArrayRef<char>)> consume) const;

private:
  bool
  produceSource(size_t maxBytes,
                llvm::function_ref<bool(llvm::ArrayRef<char>)> consume) const;
};

/// Splats of at least this many bytes are stored as one element.
constexpr uint64_t kLargeConstant = 4096;

class Constants {
public:
  /// Whether the value is a constant, or one under dl.pack, dl.transpose,
  /// dl.reshape, dl.winograd_filter and roundings.
  static bool isConstant(mlir::Value value);

  /// The number of such a value; equal chains of one attribute are one
  /// constant. Fails, with a diagnostic, where its bytes are not there.
  mlir::FailureOr<int32_t> add(mlir::Value value);

  /// Makes constants of equal bytes one, read on `threads` threads. Returns,
  /// for each old number, the new one.
  std::vector<int32_t> deduplicate(unsigned threads);

  /// Lets constants whose elements are those of others, in another order, take
  /// their bytes: the runtime puts them in order on first use. For modules of
  /// several plans, of which the CPU's reads packed weights. `kept`: those that
  /// stay as they are, of which others are made.
  void shareBytes(const llvm::DenseSet<int32_t> &kept);

  llvm::ArrayRef<ConstantData> get() const { return constants; }

private:
  mlir::FailureOr<ConstantData> read(mlir::Value value);
  mlir::FailureOr<ConstantData> readSource(mlir::Operation *op);
  mlir::FailureOr<ConstantData> readFilter(mlir::Operation *op);
  mlir::FailureOr<ConstantData> readBalanced(mlir::Operation *op);

  std::vector<ConstantData> constants;
  llvm::DenseMap<mlir::Value, int32_t> numbers;
};

/// Calls work(i) for each i below `count` on up to `threads` threads.
void forEachInParallel(size_t count, unsigned threads,
                       llvm::function_ref<void(size_t)> work);

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_CONSTANTS_H

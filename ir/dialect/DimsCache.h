// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What is known of symbol expressions, which live as long as their context.

#ifndef DL_IR_DIALECT_DIMSCACHE_H
#define DL_IR_DIALECT_DIMSCACHE_H

#include "ir/dialect/Dialect.h"
#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/DenseMap.h"
#include <mutex>
#include <shared_mutex>

namespace mlir::dl {

/// Properties of expressions, found once: sizes deep in a model are written
/// with all sizes before them, and every type and every check asks again. Safe
/// for any thread.
class DimsCache : public DialectInterface::Base<DimsCache> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DimsCache)

  explicit DimsCache(Dialect *dialect) : Base(dialect) {}

  /// That of a context; null where the dialect is not loaded.
  static const DimsCache *of(MLIRContext *context) {
    auto *dialect = context->getLoadedDialect<DlDialect>();
    return dialect ? dialect->getRegisteredInterface<DimsCache>() : nullptr;
  }

  /// A property of expressions, or of pairs; the default value for what is not
  /// known.
  template <typename Key, typename T> class Table {
  public:
    T lookup(const Key &key) const {
      std::shared_lock<std::shared_mutex> lock(mutex);
      return values.lookup(key);
    }
    void insert(const Key &key, T value) const {
      std::unique_lock<std::shared_mutex> lock(mutex);
      values.try_emplace(key, value);
    }

  private:
    mutable std::shared_mutex mutex;
    mutable DenseMap<Key, T> values;
  };

  Table<AffineExpr, AffineExpr> simplified;
  /// Divisions and remainders that are in simplified form.
  Table<AffineExpr, bool> isAtom;
  /// One more than the highest symbol.
  Table<AffineExpr, unsigned> symbolCounts;
  /// Which have no negative constant, so are not negative.
  Table<AffineExpr, bool> isNonNegative;
  /// The first less the second, simplified.
  Table<std::pair<AffineExpr, AffineExpr>, AffineExpr> differences;
};

} // namespace mlir::dl

#endif // DL_IR_DIALECT_DIMSCACHE_H

// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A tensor [outer dims, rows, inner dims] is taken for a list of matrices
// [rows, inner dims], of which slices, reshapes and concatenations along outer
// dimensions choose some. A concatenation along the rows makes new ones.

#include "passes/simplify/CacheRows.h"
#include "ir/dialect/Dims.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::dl;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

static std::string getName(func::FuncOp function, StringRef attribute,
                           unsigned i) {
  if (auto names = function->getAttrOfType<ArrayAttr>(attribute);
      names && i < names.size())
    return ("'" + cast<StringAttr>(names[i]).getValue() + "'").str();
  return std::to_string(i);
}

namespace {

/// Matrix `number` of `source`: an input, or a concatenation along the rows.
struct Matrix {
  Value source;
  int64_t number;
  bool operator==(const Matrix &other) const {
    return source == other.source && number == other.number;
  }
};

using Matrices = SmallVector<Matrix>;

/// Tells what matrices a value has, all of them with the same inner dimensions.
class MatrixTracer {
public:
  MatrixTracer(Value input, unsigned numInner)
      : input(input), numInner(numInner) {}

  /// Each value is looked at once, however many others are made of it.
  std::optional<Matrices> trace(Value value) {
    if (auto found = known.find(value); found != known.end())
      return found->second;
    std::optional<Matrices> matrices = traceOnce(value);
    known[value] = matrices;
    return matrices;
  }

  /// The rows' dimension.
  int64_t getAxis(Value value) const {
    return typeOf(value).getRank() - 1 - numInner;
  }

private:
  std::optional<Matrices> traceOnce(Value value) {
    std::optional<SmallVector<int64_t>> outer = getOuter(value);
    if (!outer)
      return std::nullopt;
    Operation *op = value.getDefiningOp();
    if (value == input || !op)
      return value == input ? std::optional(list(value)) : std::nullopt;
    if (auto concat = dyn_cast<ConcatOp>(op))
      return concat.getAxis() < getAxis(value)    ? traceConcat(concat)
             : concat.getAxis() == getAxis(value) ? std::optional(list(value))
                                                  : std::nullopt;
    if (auto reshape = dyn_cast<ReshapeOp>(op))
      return hasSameMatrices(value, reshape.getOperand())
                 ? trace(reshape.getOperand())
                 : std::nullopt;
    if (auto slice = dyn_cast<SliceOp>(op))
      return traceSlice(slice);
    if (auto transpose = dyn_cast<TransposeOp>(op))
      return traceTranspose(transpose);
    return std::nullopt;
  }

  /// The outer dimensions, where they are static.
  std::optional<SmallVector<int64_t>> getOuter(Value value) const {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || type.getRank() < numInner + 1)
      return std::nullopt;
    SmallVector<int64_t> outer(type.getShape().drop_back(numInner + 1));
    if (llvm::any_of(outer, ShapedType::isDynamic))
      return std::nullopt;
    return outer;
  }

  int64_t count(Value value) const {
    int64_t product = 1;
    for (int64_t size : *getOuter(value))
      product *= size;
    return product;
  }

  Matrices list(Value source) const {
    Matrices result;
    for (int64_t i = 0, e = count(source); i < e; ++i)
      result.push_back({source, i});
    return result;
  }

  bool hasSameMatrices(Value a, Value b) const {
    if (!getOuter(a) || !getOuter(b))
      return false;
    SmallVector<AffineExpr> first = getDims(typeOf(a)),
                            second = getDims(typeOf(b));
    return llvm::all_of(llvm::zip(ArrayRef(first).take_back(numInner + 1),
                                  ArrayRef(second).take_back(numInner + 1)),
                        [](auto pair) {
                          return provablyEqual(std::get<0>(pair),
                                               std::get<1>(pair));
                        });
  }

  /// The matrices of `from` at these positions of its outer dimensions.
  template <typename Position>
  std::optional<Matrices> choose(Value from, ArrayRef<int64_t> outer,
                                 Position position) {
    std::optional<Matrices> all = trace(from);
    if (!all)
      return std::nullopt;
    SmallVector<int64_t> sizes = *getOuter(from), at(outer.size(), 0);
    Matrices result;
    for (int64_t left = llvm::product_of(outer); left > 0; --left) {
      SmallVector<int64_t> place = position(at);
      int64_t number = 0;
      for (auto [size, i] : llvm::zip(sizes, place))
        number = number * size + i;
      result.push_back((*all)[number]);
      for (size_t d = at.size(); d-- > 0;) {
        if (++at[d] < outer[d])
          break;
        at[d] = 0;
      }
    }
    return result;
  }

  std::optional<Matrices> traceSlice(SliceOp slice) {
    Value from = slice.getOperand();
    if (!hasSameMatrices(slice.getResult(), from))
      return std::nullopt;
    SmallVector<int64_t> outer = *getOuter(slice.getResult());
    SmallVector<int64_t> offsets;
    for (AffineExpr offset : slice.getOffsets().getResults()) {
      auto constant = dyn_cast<AffineConstantExpr>(offset);
      if (!constant)
        return std::nullopt;
      offsets.push_back(constant.getValue());
    }
    for (size_t d = outer.size(); d < offsets.size(); ++d)
      if (offsets[d] != 0 || slice.getStrides()[d] != 1)
        return std::nullopt;
    return choose(from, outer, [&](ArrayRef<int64_t> at) {
      SmallVector<int64_t> place;
      for (auto [d, i] : llvm::enumerate(at))
        place.push_back(offsets[d] + i * slice.getStrides()[d]);
      return place;
    });
  }

  std::optional<Matrices> traceTranspose(TransposeOp transpose) {
    ArrayRef<int64_t> order = transpose.getPermutation();
    SmallVector<int64_t> outer = *getOuter(transpose.getResult());
    for (size_t d = outer.size(); d < order.size(); ++d)
      if (order[d] != static_cast<int64_t>(d))
        return std::nullopt;
    if (!getOuter(transpose.getOperand()))
      return std::nullopt;
    return choose(transpose.getOperand(), outer, [&](ArrayRef<int64_t> at) {
      SmallVector<int64_t> place(at.size());
      for (auto [d, i] : llvm::enumerate(at))
        place[order[d]] = i;
      return place;
    });
  }

  std::optional<Matrices> traceConcat(ConcatOp concat) {
    int64_t axis = concat.getAxis(), before = 1, after = 1;
    SmallVector<int64_t> outer = *getOuter(concat.getResult());
    for (auto [d, size] : llvm::enumerate(outer))
      (static_cast<int64_t>(d) < axis   ? before
       : static_cast<int64_t>(d) > axis ? after
                                        : size) *= size;
    SmallVector<Matrices> parts;
    SmallVector<int64_t> sizes;
    for (Value operand : concat.getInputs()) {
      std::optional<Matrices> part = trace(operand);
      if (!part || !hasSameMatrices(operand, concat.getResult()))
        return std::nullopt;
      sizes.push_back(typeOf(operand).getDimSize(axis) * after);
      parts.push_back(std::move(*part));
    }
    Matrices result;
    for (int64_t i = 0; i < before; ++i)
      for (auto [part, size] : llvm::zip(parts, sizes))
        llvm::append_range(result, ArrayRef(part).slice(i * size, size));
    return result;
  }

  Value input;
  unsigned numInner;
  DenseMap<Value, std::optional<Matrices>> known;
};

class CacheFinder {
public:
  CacheFinder(func::FuncOp function, std::string &reason)
      : function(function), reason(reason) {}

  SmallVector<CachedInput> run() {
    Operation *end = function.front().getTerminator();
    SmallVector<CachedInput> found;
    llvm::SmallDenseSet<unsigned> taken;
    for (auto [o, value] : llvm::enumerate(end->getOperands()))
      for (auto [a, argument] : llvm::enumerate(function.getArguments())) {
        if (taken.contains(a))
          continue;
        if (auto cache = match(a, argument, o, value)) {
          taken.insert(a);
          found.push_back(std::move(*cache));
          break;
        }
      }
    return found;
  }

private:
  std::optional<CachedInput> match(unsigned a, Value argument, unsigned o,
                                   Value output) {
    auto from = dyn_cast<RankedTensorType>(argument.getType()),
         to = dyn_cast<RankedTensorType>(output.getType());
    if (!from || !to || from.getRank() != to.getRank() ||
        from.getElementType() != to.getElementType())
      return std::nullopt;
    CachedInput cache{a, o, 0, {}, {}};
    if (from == to)
      return replacesElements(argument, output) ? std::optional(cache)
                                                : std::nullopt;
    int64_t axis = -1;
    for (int64_t d = 0; d < from.getRank(); ++d) {
      AffineExpr before = getDim(from, d), after = getDim(to, d);
      if (!before || !after)
        return std::nullopt;
      if (provablyEqual(before, after))
        continue;
      auto symbol = dyn_cast<AffineSymbolExpr>(before);
      if (axis >= 0 || !symbol)
        return std::nullopt;
      axis = d;
      cache.symbol = symbol.getPosition();
      cache.added = subtract(after, before);
    }
    if (axis < 0)
      return std::nullopt;
    std::string why = checkForm(argument, output, axis, cache);
    if (why.empty())
      return cache;
    reason = "input " + getName(function, kInputNamesAttr, a) + " and output " +
             getName(function, kOutputNamesAttr, o) + ": " + why;
    return std::nullopt;
  }

  /// Whether one or several steps put elements into the input, which has a
  /// size.
  static bool replacesElements(Value argument, Value output) {
    if (output == argument || !typeOf(argument).hasStaticShape())
      return false;
    while (output != argument) {
      Operation *op = output.getDefiningOp();
      if (!isa_and_nonnull<ScatterElementsOp, ScatterNdOp>(op))
        return false;
      output = op->getOperand(0);
    }
    return true;
  }

  /// Fills the cache's parts; says what is in the way.
  static std::string checkForm(Value argument, Value output, int64_t axis,
                               CachedInput &cache) {
    RankedTensorType type = typeOf(argument);
    for (int64_t d = 0; d < type.getRank(); ++d)
      if (d != axis && type.isDynamicDim(d))
        return "dimension " + std::to_string(d) +
               " has no fixed size (--dim=NAME=SIZE gives it one)";
    MatrixTracer tracer(argument, type.getRank() - 1 - axis);
    std::optional<Matrices> made = tracer.trace(output);
    if (!made)
      return "the output is not put together of the input's rows and new ones";
    llvm::SmallSetVector<Value, 4> concats;
    DenseMap<Value, Matrices> bases;
    for (auto [i, matrix] : llvm::enumerate(*made)) {
      auto concat = matrix.source.getDefiningOp<ConcatOp>();
      if (!concat || concat.getInputs().size() != 2)
        return "the output is not the input with rows behind it";
      if (concats.insert(matrix.source)) {
        std::optional<Matrices> base = tracer.trace(concat.getInputs()[0]);
        if (!base)
          return "what stands before the new rows is no part of the input";
        bases[matrix.source] = std::move(*base);
      }
      if (!(bases[matrix.source][matrix.number] ==
            Matrix{argument, static_cast<int64_t>(i)}))
        return "the output has the input's parts in another order";
    }
    for (Value concat : concats)
      cache.parts.push_back(
          {concat.getDefiningOp<ConcatOp>(), tracer.getAxis(concat)});
    // All else that reads the input would need what has been overwritten.
    if (Operation *other = findOtherReader(argument, concats.getArrayRef()))
      return ("'" + other->getName().getStringRef() + "' reads the input, too")
          .str();
    return {};
  }

  /// An op that reads the input in another way than as the base of a part.
  static Operation *findOtherReader(Value value, ArrayRef<Value> concats) {
    for (OpOperand &use : value.getUses()) {
      Operation *user = use.getOwner();
      if (user->getNumResults() == 1 &&
          llvm::is_contained(concats, user->getResult(0)) &&
          use.getOperandNumber() == 0)
        continue;
      if (!isa<ReshapeOp, SliceOp, TransposeOp>(user))
        return user;
      if (Operation *other = findOtherReader(user->getResult(0), concats))
        return other;
    }
    return nullptr;
  }

  func::FuncOp function;
  std::string &reason;
};

} // namespace

SmallVector<CachedInput> mlir::dl::findCachedInputs(func::FuncOp function,
                                                    std::string &reason) {
  return CacheFinder(function, reason).run();
}

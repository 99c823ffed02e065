// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Einsum: operands are taken in from left to right, each by one matrix product,
// or by a multiplication where nothing is summed over.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Matmul.h"
#include "frontend/import/Sizes.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

namespace {

/// A dimension's label: a letter, or a number below 0 for one that the ellipsis
/// stands for: -1 for the last, -2 for the one before it.
using Label = int;
using Labels = SmallVector<Label>;

struct Term {
  Value value;
  Labels labels;
};

class Einsum {
public:
  explicit Einsum(NodeContext &context) : context(context), math(context) {}

  Value build() {
    if (failed(parse()))
      return Value();
    Term result = terms.front();
    for (size_t i = 1; i < terms.size(); ++i) {
      Labels needed = output;
      for (const Term &later : ArrayRef(terms).drop_front(i + 1))
        llvm::append_range(needed, later.labels);
      result = combine(result, terms[i], needed);
    }
    result = sumOver(result, output);
    return arrange(result, output).value;
  }

private:
  static bool has(ArrayRef<Label> labels, Label label) {
    return llvm::is_contained(labels, label);
  }

  //===------------------------------------------------------------------===//
  // The equation
  //===------------------------------------------------------------------===//

  /// Labels of one term, the ellipsis standing for `hidden` dimensions.
  FailureOr<Labels> parseTerm(StringRef text, int64_t hidden) {
    Labels labels;
    while (!text.empty()) {
      if (text.consume_front("...")) {
        for (int64_t i = hidden; i > 0; --i)
          labels.push_back(static_cast<Label>(-i));
        continue;
      }
      if (!isalpha(static_cast<unsigned char>(text.front())))
        return context.invalid("its equation holds '" + text.take_front() +
                               "'");
      labels.push_back(text.front());
      text = text.drop_front();
    }
    return labels;
  }

  LogicalResult parse() {
    std::string equation;
    for (char c : context.getString("equation", ""))
      if (!isspace(static_cast<unsigned char>(c)))
        equation += c;
    auto [left, right] = StringRef(equation).split("->");
    SmallVector<StringRef> parts;
    left.split(parts, ',');
    if (parts.size() != context.numInputs())
      return context.invalid("its equation has " + Twine(parts.size()) +
                             " terms for " + Twine(context.numInputs()) +
                             " inputs");
    int64_t mostHidden = 0;
    for (auto [i, part] : llvm::enumerate(parts)) {
      Value value = context.input(i);
      int64_t named = llvm::count_if(part, [](char c) { return c != '.'; });
      int64_t hidden =
          part.contains("...") ? NodeContext::rank(value) - named : 0;
      FailureOr<Labels> labels = parseTerm(part, hidden);
      if (failed(labels))
        return failure();
      if (hidden < 0 ||
          static_cast<int64_t>(labels->size()) != NodeContext::rank(value))
        return context.invalid("its equation does not fit an operand of rank " +
                               Twine(NodeContext::rank(value)));
      mostHidden = std::max(mostHidden, hidden);
      terms.push_back(takeDiagonals({value, *labels}));
      if (!terms.back().value || failed(noteSizes(terms.back())))
        return failure();
    }
    if (StringRef(equation).contains("->")) {
      FailureOr<Labels> labels = parseTerm(right, mostHidden);
      if (failed(labels))
        return failure();
      output = *labels;
    } else {
      output = impliedOutput(left, mostHidden);
    }
    for (Label label : output)
      if (!sizes.count(label))
        return context.invalid("its output has a label that no input has");
    return success();
  }

  /// Without an arrow: the hidden dimensions, then the letters that occur once.
  static Labels impliedOutput(StringRef left, int64_t mostHidden) {
    Labels labels;
    for (int64_t i = mostHidden; i > 0; --i)
      labels.push_back(static_cast<Label>(-i));
    Labels once;
    for (char c : left)
      if (c != ',' && c != '.' && left.count(c) == 1)
        once.push_back(c);
    llvm::sort(once);
    llvm::append_range(labels, once);
    return labels;
  }

  LogicalResult noteSizes(const Term &term) {
    for (auto [i, label] : llvm::enumerate(term.labels)) {
      AffineExpr size = NodeContext::dim(term.value, i);
      auto [known, isNew] = sizes.try_emplace(label, size);
      if (isNew || size == 1)
        continue;
      if (known->second != 1 &&
          failed(context.requireEqual(known->second, size,
                                      "dimensions with the same label differ")))
        return failure();
      if (!isa<AffineConstantExpr>(known->second) || known->second == 1)
        known->second = size;
    }
    return success();
  }

  /// A label that occurs twice in a term: what is off the diagonal becomes
  /// zero, and one of the dimensions is summed over.
  Term takeDiagonals(Term term) {
    for (size_t i = 0; i < term.labels.size() && term.value; ++i)
      for (size_t j = i + 1; j < term.labels.size() && term.value;) {
        if (term.labels[i] != term.labels[j]) {
          ++j;
          continue;
        }
        int64_t rank = term.labels.size();
        Type i64 = context.builder.getI64Type();
        AffineExpr size = NodeContext::dim(term.value, i);
        if (failed(
                context.requireEqual(size, NodeContext::dim(term.value, j),
                                     "dimensions with the same label differ")))
          return {};
        Value onDiagonal =
            math.compare(Predicate::Eq, math.iota(size, i, rank, i64),
                         math.iota(size, j, rank, i64));
        term.value = math.reduce(ReduceKind::Sum,
                                 math.select(onDiagonal, term.value, 0.0),
                                 {static_cast<int64_t>(j)}, false);
        term.labels.erase(term.labels.begin() + j);
      }
    return term;
  }

  //===------------------------------------------------------------------===//
  // Products
  //===------------------------------------------------------------------===//

  Term sumOver(const Term &term, ArrayRef<Label> needed) {
    SmallVector<int64_t> axes;
    Labels kept;
    for (auto [i, label] : llvm::enumerate(term.labels)) {
      if (has(needed, label))
        kept.push_back(label);
      else
        axes.push_back(i);
    }
    return {math.reduce(ReduceKind::Sum, term.value, axes, false), kept};
  }

  /// Transposed to these labels, a dimension of 1 where it has none.
  Term arrange(const Term &term, ArrayRef<Label> labels) {
    if (!term.value)
      return {};
    SmallVector<int64_t> permutation;
    SmallVector<AffineExpr> dims;
    for (Label label : labels) {
      auto *at = llvm::find(term.labels, label);
      if (at == term.labels.end()) {
        dims.push_back(context.constantExpr(1));
        continue;
      }
      permutation.push_back(at - term.labels.begin());
      dims.push_back(NodeContext::dim(term.value, permutation.back()));
    }
    Value value = context.transpose(term.value, permutation);
    return {context.reshape(value, dims), Labels(labels.begin(), labels.end())};
  }

  Term combine(Term a, Term b, ArrayRef<Label> needed) {
    Labels neededByA = b.labels, neededByB = a.labels;
    llvm::append_range(neededByA, needed);
    llvm::append_range(neededByB, needed);
    a = sumOver(a, neededByA);
    b = sumOver(b, neededByB);
    if (!a.value || !b.value)
      return {};
    Labels batch, rows, summed, columns;
    for (Label label : a.labels)
      (!has(b.labels, label) ? rows
       : has(needed, label)  ? batch
                             : summed)
          .push_back(label);
    for (Label label : b.labels)
      if (!has(a.labels, label))
        columns.push_back(label);
    if (!summed.empty() && !batch.empty()) {
      if (rows.empty())
        keepInPlace(b.labels, summed, columns, batch);
      else if (columns.empty())
        keepInPlace(a.labels, summed, rows, batch);
    }
    Labels all = batch;
    llvm::append_range(all, rows);
    llvm::append_range(all, columns);
    if (summed.empty())
      return {math.mul(arrange(a, all).value, arrange(b, all).value), all};
    Value product = buildMatmul(context, asMatrices(a, batch, rows, summed),
                                asMatrices(b, batch, summed, columns));
    if (!product)
      return {};
    SmallVector<AffineExpr> dims = NodeContext::dims(product);
    dims.resize(batch.size());
    for (Label label : rows)
      dims.push_back(sizes[label]);
    for (Label label : columns)
      dims.push_back(sizes[label]);
    return {context.reshape(product, dims), all};
  }

  /// Matrices that each meet one vector alone may stay as they lie: of their
  /// `free` dimensions, those before all that are summed over become part of
  /// the batch, along which the vectors are repeated, as long as others are
  /// left.
  static void keepInPlace(ArrayRef<Label> labels, ArrayRef<Label> summed,
                          Labels &free, Labels &batch) {
    auto *first =
        llvm::find_if(labels, [&](Label label) { return has(summed, label); });
    ArrayRef<Label> before(labels.begin(), first);
    auto isBefore = [&](Label label) { return has(before, label); };
    if (llvm::all_of(free, isBefore))
      return;
    llvm::copy_if(free, std::back_inserter(batch), isBefore);
    llvm::erase_if(free, isBefore);
  }

  /// [batch.., product of rows, product of columns].
  Value asMatrices(const Term &term, ArrayRef<Label> batch,
                   ArrayRef<Label> rows, ArrayRef<Label> columns) {
    Labels order(batch.begin(), batch.end());
    llvm::append_range(order, rows);
    llvm::append_range(order, columns);
    Term arranged = arrange(term, order);
    if (!arranged.value)
      return Value();
    SmallVector<AffineExpr> dims = NodeContext::dims(arranged.value);
    // A dimension of 1 stands for the whole size where the other term has it.
    for (auto [i, label] : llvm::enumerate(order))
      if (dims[i] == 1 && (i >= batch.size() || !has(term.labels, label)))
        dims[i] = sizes[label];
    Value whole = context.broadcast(arranged.value, dims);
    auto sizesFrom = ArrayRef(dims).drop_front(batch.size());
    SmallVector<AffineExpr> matrix(dims.begin(), dims.begin() + batch.size());
    matrix.push_back(getProduct(context, sizesFrom.take_front(rows.size())));
    matrix.push_back(getProduct(context, sizesFrom.drop_front(rows.size())));
    return context.reshape(whole, matrix);
  }

  NodeContext &context;
  Arithmetic math;
  SmallVector<Term> terms;
  Labels output;
  llvm::DenseMap<Label, AffineExpr> sizes;
};

} // namespace

static LogicalResult importEinsum(NodeContext &context) {
  return context.setResults(Einsum(context).build());
}

void frontend::addEinsumRules(RuleTable &table) {
  table.add("Einsum", importEinsum);
}

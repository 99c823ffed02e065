// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dialect.h"
#include "ir/dialect/Dims.h"
#include "passes/ElementTypes.h"
#include "passes/Passes.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/TypeSwitch.h"

namespace dl {
#define GEN_PASS_DEF_INTERNSTRINGS
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

/// The number that stands for a string; any other type is its own.
static Type getNumberElement(Type elementType) {
  return isa<StringType>(elementType)
             ? IntegerType::get(elementType.getContext(), 64)
             : elementType;
}

static Type getNumberType(Type type) {
  return ::dl::replaceElementType(type, getNumberElement);
}

static bool hasStrings(Type type) { return getNumberType(type) != type; }

static SmallVector<Type> getNumberTypes(TypeRange types) {
  return llvm::map_to_vector(types, getNumberType);
}

static bool isHostOp(Operation *op) {
  return isa<StringConcatOp, StringCaseOp, StringCountOp, StringSplitOp,
             StringMatchOp, StringRankOp, StringToNumberOp, NumberToStringOp,
             ImageSizeOp, DecodeImageOp>(op);
}

namespace {

class InternStrings : public ::dl::impl::InternStringsBase<InternStrings> {
  using InternStringsBase::InternStringsBase;

  void runOnOperation() override {
    table.clear();
    SmallVector<Operation *> calls;
    SmallVector<StringFindOp> searches;
    bool any = false;
    WalkResult result = getOperation().walk([&](Operation *op) {
      if (auto search = dyn_cast<StringFindOp>(op))
        searches.push_back(search);
      else if (isHostOp(op))
        calls.push_back(op);
      any |= llvm::any_of(op->getResultTypes(), hasStrings);
      if (auto constant = dyn_cast<ConstantOp>(op);
          constant && hasStrings(constant.getType()))
        return intern(constant);
      any |= llvm::any_of(op->getOperandTypes(), hasStrings);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    for (auto function : getOperation().getOps<func::FuncOp>())
      any |= llvm::any_of(function.getFunctionType().getInputs(), hasStrings);
    if (!any && calls.empty())
      return markAllAnalysesPreserved();
    for (StringFindOp search : searches)
      for (Attribute key : search.getKeys())
        getNumber(cast<StringAttr>(key).getValue());
    for (StringFindOp search : searches)
      lower(search);
    for (Operation *call : calls)
      lower(call);
    for (auto function : getOperation().getOps<func::FuncOp>())
      ::dl::replaceElementTypes(function, getNumberElement);
    SmallVector<StringRef> texts;
    for (auto &[text, number] : table)
      texts.push_back(text.getValue());
    getOperation()->setAttr(kStringsAttr,
                            Builder(&getContext()).getStrArrayAttr(texts));
  }

  int64_t getNumber(StringRef text) {
    int64_t next = table.size();
    return table.try_emplace(StringAttr::get(&getContext(), text), next)
        .first->second;
  }

  WalkResult intern(ConstantOp op) {
    auto texts = dyn_cast<DenseStringElementsAttr>(op.getValue());
    if (!texts) {
      op.emitOpError("has strings in a form that is not known");
      return WalkResult::interrupt();
    }
    SmallVector<int64_t> numbers;
    for (StringRef text : texts.getRawStringData())
      numbers.push_back(getNumber(text));
    OpBuilder builder(op);
    auto type = cast<RankedTensorType>(getNumberType(op.getType()));
    auto value =
        numbers.size() == 1 && type.getNumElements() != 0
            ? DenseElementsAttr::get(type, numbers.front())
            : DenseElementsAttr::get(
                  type, ArrayRef(numbers).take_front(type.getNumElements()));
    op.replaceAllUsesWith(
        ConstantOp::create(builder, op.getLoc(), value).getResult());
    op.erase();
    return WalkResult::advance();
  }

  /// An element of a table over all strings of the program, and one of what has
  /// another number.
  void lower(StringFindOp op) {
    int64_t missing = op.getKeys().size(), others = table.size();
    SmallVector<int64_t> positions(others + 1, missing);
    for (auto [i, key] : llvm::enumerate(op.getKeys())) {
      int64_t &position = positions[getNumber(cast<StringAttr>(key))];
      position = std::min<int64_t>(position, i);
    }
    OpBuilder builder(op);
    Location loc = op.getLoc();
    Type i64 = builder.getI64Type();
    auto known = ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(RankedTensorType::get({others + 1}, i64),
                               ArrayRef(positions)));
    auto last = ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(RankedTensorType::get({}, i64), others));
    // (The operand's type changes at the end.)
    Value number = MinOp::create(builder, loc, TypeRange{op.getType()},
                                 ValueRange{op.getOperand(), last});
    Value position =
        GatherOp::create(builder, loc, op.getType(), known, number, 0);
    op.replaceAllUsesWith(position);
    op.erase();
  }

  /// The integers that a function takes beside its operands; of strings, their
  /// numbers.
  SmallVector<int64_t> getArguments(Operation *op) {
    return llvm::TypeSwitch<Operation *, SmallVector<int64_t>>(op)
        .Case<StringCaseOp>([&](auto o) {
          return SmallVector<int64_t>{o.getUpper(), getNumber(o.getLocale())};
        })
        .Case<StringCountOp, StringSplitOp>([&](auto o) {
          return SmallVector<int64_t>{getNumber(o.getDelimiter()),
                                      static_cast<int64_t>(o.getMaxSplits())};
        })
        .Case<StringMatchOp>([&](auto o) {
          return SmallVector<int64_t>{getNumber(o.getPattern())};
        })
        .Case<DecodeImageOp>([&](auto o) {
          return SmallVector<int64_t>{static_cast<int64_t>(o.getFormat())};
        })
        .Default(SmallVector<int64_t>());
  }

  void lower(Operation *op) {
    OpBuilder builder(op);
    auto call = HostCallOp::create(
        builder, op->getLoc(), getNumberTypes(op->getResultTypes()),
        op->getName().stripDialect(), op->getOperands(),
        builder.getDenseI64ArrayAttr(getArguments(op)));
    op->replaceAllUsesWith(call.getResults());
    op->erase();
  }

  llvm::MapVector<StringAttr, int64_t> table;
};

} // namespace

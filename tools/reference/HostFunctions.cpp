// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Calls of the runtime's functions on tensors of the interpreter, whose strings
// become numbers, as in a run.

#include "tools/reference/HostFunctions.h"

#include "ir/dialect/Dialect.h"
#include "runtime/artifact/module_generated.h"
#include "runtime/device/cpu/host/OptionalFunctions.h"

#include "llvm/ADT/StringMap.h"
#include <cstring>
#include <vector>

namespace reference = mlir::dl::reference;
using mlir::ArrayRef;
using mlir::failure;
using mlir::FailureOr;

namespace dl::tools {
namespace {

/// The strings of one call.
class Strings : public dlrt::HostStrings {
public:
  std::string_view text(int64_t number) const override {
    return number >= 0 && number < static_cast<int64_t>(texts.size())
               ? std::string_view(texts[number])
               : std::string_view();
  }
  int64_t number(std::string_view text) override {
    auto [entry, isNew] =
        numbers.try_emplace({text.data(), text.size()}, texts.size());
    if (isNew)
      texts.push_back(entry->first());
    return entry->second;
  }

private:
  llvm::StringMap<int64_t> numbers;
  std::vector<llvm::StringRef> texts;
};

bool isString(mlir::Type type) { return llvm::isa<mlir::dl::StringType>(type); }

/// The types that these functions take.
int toElementType(mlir::Type type) {
  namespace fb = dlrt::fb;
  if (auto integer = llvm::dyn_cast<mlir::IntegerType>(type)) {
    bool isUnsigned = integer.isUnsigned();
    switch (integer.getWidth()) {
    case 1:
      return fb::ElementType_Bool;
    case 8:
      return isUnsigned ? fb::ElementType_U8 : fb::ElementType_I8;
    case 16:
      return isUnsigned ? fb::ElementType_U16 : fb::ElementType_I16;
    case 32:
      return isUnsigned ? fb::ElementType_U32 : fb::ElementType_I32;
    case 64:
      return isUnsigned ? fb::ElementType_U64 : fb::ElementType_I64;
    default:
      return fb::ElementType_None;
    }
  }
  return type.isF32()    ? fb::ElementType_F32
         : type.isF64()  ? fb::ElementType_F64
         : type.isF16()  ? fb::ElementType_F16
         : type.isBF16() ? fb::ElementType_BF16
                         : fb::ElementType_None;
}

/// Runs the parts of a call one by one.
class Serial : public dlrt::Executor {
public:
  int concurrency() const override { return 1; }
  void run(Task task, void *context, size_t parts) override {
    for (size_t part = 0; part < parts; ++part)
      task(context, part);
  }
};

/// A tensor as an argument; strings are numbers already.
dlrt::HostArgument toArgument(const reference::Tensor &tensor, char *data) {
  int64_t count = tensor.getNumElements();
  return {data ? data : const_cast<char *>(tensor.getData()),
          toElementType(tensor.getElementType()),
          static_cast<int>(tensor.getRank()),
          tensor.getShape().data(),
          count,
          count * tensor.getElementBytes()};
}

/// Calls a function on numbers. Fails with a diagnostic at `op`.
FailureOr<llvm::SmallVector<reference::Tensor>>
callFunction(mlir::Operation *op, const dlrt::HostFunction &function,
             ArrayRef<reference::Tensor> operands,
             ArrayRef<reference::HostResult> results,
             ArrayRef<int64_t> attributes, Strings &strings) {
  std::vector<dlrt::HostArgument> arguments;
  for (const reference::Tensor &operand : operands)
    arguments.push_back(toArgument(operand, nullptr));
  llvm::SmallVector<reference::Tensor> made;
  for (const reference::HostResult &result : results)
    made.emplace_back(result.elementType, result.shape);
  for (reference::Tensor &result : made)
    arguments.push_back(toArgument(result, result.getMutableData()));
  dlrt::HostCallFrame frame{
      arguments.data(), static_cast<int>(arguments.size()), attributes.data(),
      static_cast<int>(attributes.size())};
  int64_t scratchBytes = 0;
  dlrt::Status status = function.prepare(frame, scratchBytes);
  if (status.ok()) {
    std::vector<std::byte> scratch(scratchBytes);
    Serial serial;
    function.run(frame,
                 {&serial, scratch.data(), scratch.size(), &strings, &status});
  }
  if (!status.ok())
    return op->emitOpError() << status.message();
  return made;
}

reference::Tensor toNumbers(const reference::Tensor &tensor,
                            mlir::MLIRContext *context, Strings &strings) {
  std::vector<int64_t> numbers;
  for (llvm::StringRef text : tensor.loadStrings())
    numbers.push_back(strings.number({text.data(), text.size()}));
  return reference::Tensor::store<int64_t>(mlir::IntegerType::get(context, 64),
                                           tensor.getShape(), numbers);
}

class OptionalFunctions : public reference::HostLibrary {
public:
  FailureOr<reference::Tensor>
  call(mlir::Operation *op, llvm::StringRef name,
       ArrayRef<reference::Tensor> operands,
       const reference::HostResult &result,
       ArrayRef<mlir::Attribute> attributes) const override {
    const dlrt::HostFunction *function = nullptr;
    dlrt::Status status =
        dlrt::findOptionalFunction(name.str().c_str(), function);
    if (!status.ok())
      return op->emitOpError() << status.message();
    mlir::MLIRContext *context = op->getContext();
    Strings strings;
    llvm::SmallVector<reference::Tensor> numbers;
    for (const reference::Tensor &operand : operands)
      numbers.push_back(isString(operand.getElementType())
                            ? toNumbers(operand, context, strings)
                            : operand);
    std::vector<int64_t> values;
    for (mlir::Attribute attribute : attributes) {
      if (auto text = llvm::dyn_cast<mlir::StringAttr>(attribute))
        values.push_back(strings.number({text.data(), text.size()}));
      else
        values.push_back(
            static_cast<int64_t>(llvm::cast<mlir::IntegerAttr>(attribute)
                                     .getValue()
                                     .getZExtValue()));
    }
    bool givesStrings = isString(result.elementType);
    mlir::Type made =
        givesStrings ? mlir::IntegerType::get(context, 64) : result.elementType;
    auto results = callFunction(op, *function, numbers,
                                reference::HostResult{made, result.shape},
                                values, strings);
    if (mlir::failed(results))
      return failure();
    if (!givesStrings)
      return results->front();
    std::vector<std::string> texts;
    for (int64_t number : results->front().load<int64_t>())
      texts.emplace_back(strings.text(number));
    return reference::Tensor::storeStrings(result.elementType, result.shape,
                                           texts);
  }

  FailureOr<llvm::SmallVector<reference::Tensor>>
  callNumbered(mlir::Operation *op, llvm::StringRef,
               ArrayRef<reference::Tensor>, ArrayRef<reference::HostResult>,
               ArrayRef<int64_t>) const override {
    return op->emitOpError("has no reference implementation");
  }
};

class Table : public NumberedStrings {
public:
  explicit Table(ArrayRef<llvm::StringRef> texts) {
    for (llvm::StringRef text : texts)
      strings.number({text.data(), text.size()});
  }

  FailureOr<reference::Tensor>
  call(mlir::Operation *op, llvm::StringRef name,
       ArrayRef<reference::Tensor> operands,
       const reference::HostResult &result,
       ArrayRef<mlir::Attribute> attributes) const override {
    return getHostLibrary().call(op, name, operands, result, attributes);
  }

  FailureOr<llvm::SmallVector<reference::Tensor>>
  callNumbered(mlir::Operation *op, llvm::StringRef name,
               ArrayRef<reference::Tensor> operands,
               ArrayRef<reference::HostResult> results,
               ArrayRef<int64_t> attributes) const override {
    const dlrt::HostFunction *function = nullptr;
    dlrt::Status status = dlrt::findHostFunction(name.str().c_str(), function);
    if (!status.ok())
      return op->emitOpError() << status.message();
    return callFunction(op, *function, operands, results, attributes, strings);
  }

  int64_t getNumber(llvm::StringRef text) override {
    return strings.number({text.data(), text.size()});
  }
  std::string getText(int64_t number) const override {
    return std::string(strings.text(number));
  }

private:
  mutable Strings strings; // grows as functions make new ones
};

} // namespace

const reference::HostLibrary &getHostLibrary() {
  static const OptionalFunctions library;
  return library;
}

std::unique_ptr<NumberedStrings>
makeNumberedStrings(ArrayRef<llvm::StringRef> texts) {
  return std::make_unique<Table>(texts);
}

} // namespace dl::tools

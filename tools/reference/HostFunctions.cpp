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
  if (isString(type) || type.isInteger(64))
    return dlrt::fb::ElementType_I64;
  if (type.isInteger(1))
    return dlrt::fb::ElementType_Bool;
  return type.isUnsignedInteger(8) ? dlrt::fb::ElementType_U8
                                   : dlrt::fb::ElementType_None;
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
    Strings strings;
    // Numbers in place of strings; the others are not copied.
    std::vector<std::vector<int64_t>> numbers;
    numbers.reserve(operands.size());
    std::vector<dlrt::HostArgument> arguments;
    for (const reference::Tensor &operand : operands) {
      int64_t count = operand.getNumElements();
      const void *data = operand.getData();
      int64_t bytes = count * operand.getElementBytes();
      if (isString(operand.getElementType())) {
        numbers.emplace_back();
        for (llvm::StringRef text : operand.loadStrings())
          numbers.back().push_back(strings.number({text.data(), text.size()}));
        data = numbers.back().data();
        bytes = count * static_cast<int64_t>(sizeof(int64_t));
      }
      arguments.push_back({const_cast<void *>(data),
                           toElementType(operand.getElementType()),
                           static_cast<int>(operand.getRank()),
                           operand.getShape().data(), count, bytes});
    }
    bool givesStrings = isString(result.elementType);
    mlir::Type made = givesStrings
                          ? mlir::IntegerType::get(op->getContext(), 64)
                          : result.elementType;
    reference::Tensor to(made, result.shape);
    arguments.push_back({to.getMutableData(), toElementType(made),
                         static_cast<int>(result.shape.size()),
                         result.shape.data(), to.getNumElements(),
                         to.getNumElements() * to.getElementBytes()});
    std::vector<int64_t> values;
    for (mlir::Attribute attribute : attributes) {
      if (auto text = llvm::dyn_cast<mlir::StringAttr>(attribute))
        values.push_back(strings.number({text.data(), text.size()}));
      else
        values.push_back(
            llvm::cast<mlir::IntegerAttr>(attribute).getValue().getZExtValue());
    }
    dlrt::HostCallFrame frame{arguments.data(),
                              static_cast<int>(arguments.size()), values.data(),
                              static_cast<int>(values.size())};
    int64_t scratchBytes = 0;
    status = function->prepare(frame, scratchBytes);
    if (status.ok()) {
      std::vector<std::byte> scratch(scratchBytes);
      function->run(frame, {nullptr, scratch.data(), 0, &strings, &status});
    }
    if (!status.ok())
      return op->emitOpError() << status.message();
    if (!givesStrings)
      return to;
    std::vector<std::string> texts;
    for (int64_t number : to.load<int64_t>())
      texts.emplace_back(strings.text(number));
    return reference::Tensor::storeStrings(result.elementType, result.shape,
                                           texts);
  }
};

} // namespace

const reference::HostLibrary &getHostLibrary() {
  static const OptionalFunctions library;
  return library;
}

} // namespace dl::tools

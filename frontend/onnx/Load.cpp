// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/onnx/MappedFile.h"
#include "frontend/onnx/Model.h"
#include "frontend/onnx/TensorData.h"
#include "frontend/onnx/WeightReferences.h"
#include "onnx/defs/parser.h"
#include "onnx/onnx_pb.h"
#include <tuple>

using namespace dl::frontend;
using llvm::Error;
using llvm::StringRef;

/// Text is nested as deep as its brackets; ONNX's parser descends without a
/// limit.
static constexpr unsigned kMaxTextDepth = 200;

bool dl::frontend::isTextualModel(StringRef path, StringRef bytes) {
  if (path.ends_with(".onnxtext") || path.ends_with(".onnxtxt"))
    return true;
  // No binary model starts like this: as the key of a field, these characters
  // have a wire type that the field of that number does not have.
  StringRef text = bytes.ltrim(" \t\r\n");
  return text.starts_with("<") || text.starts_with("#");
}

static Error checkDepth(StringRef text) {
  unsigned depth = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '"')
      inString = !inString;
    else if (inString)
      i += c == '\\';
    else if (c == '#')
      i = std::min(text.find('\n', i), text.size());
    else if (c == '(' || c == '{' || c == '[')
      ++depth;
    else if ((c == ')' || c == '}' || c == ']') && depth)
      --depth;
    if (depth > kMaxTextDepth)
      return modelError("brackets are nested too deep");
  }
  return Error::success();
}

/// "[ParseError at position (line: 3 column: 5)]\nError context: ..\nwhat" as
/// "line 3, column 5: what".
static std::string cleanParserMessage(StringRef message) {
  StringRef line = message, column, what = message.rtrim();
  if (size_t last = what.rfind('\n'); last != StringRef::npos)
    what = what.substr(last + 1);
  std::string where;
  line = line.split("(line: ").second;
  std::tie(line, column) = line.split(" column: ");
  if (!column.empty())
    where =
        ("line " + line + ", column " + column.split(')').first + ": ").str();
  return where + what.rtrim(". ").str();
}

static Error readText(Model &model, StringRef text) {
  if (Error error = checkDepth(text))
    return error;
  onnx::OnnxParser parser(std::string_view(text.data(), text.size()));
  onnx::Common::Status status = parser.Parse(*model.proto);
  if (!status.IsOK())
    return modelError(cleanParserMessage(status.ErrorMessage()));
  if (!parser.EndOfInput())
    return modelError("text follows the end of the model");
  return forEachTensor(*model.proto, [](onnx::TensorProto &tensor) -> Error {
    for (const onnx::StringStringEntryProto &entry : tensor.external_data())
      if (entry.key() == kReferenceKey.str())
        return modelError(describeTensor(tensor) +
                          " has a reserved key in external_data");
    return Error::success();
  });
}

static Error readBinary(Model &model, StringRef bytes) {
  llvm::Expected<std::string> small = takeWeightsOut(bytes, model.references);
  if (!small)
    return small.takeError();
  if (small->size() > INT32_MAX)
    return modelError("without its weights, the model has more than 2 GB");
  if (!model.proto->ParseFromArray(small->data(), small->size()))
    return modelError("not an ONNX model");
  return Error::success();
}

llvm::Expected<std::shared_ptr<Model>> dl::frontend::loadModel(StringRef path) {
  auto model = std::make_shared<Model>();
  model->path = path.str();
  auto file = MappedFile::open(model->path);
  if (!file)
    return file.takeError();
  StringRef bytes = (*file)->bytes();
  if (bytes.empty())
    return modelError("the file is empty");
  model->files.push_back(*file);
  try {
    Error error = isTextualModel(path, bytes) ? readText(*model, bytes)
                                              : readBinary(*model, bytes);
    if (error)
      return std::move(error);
    if (!model->proto->has_graph())
      return modelError("not an ONNX model: it has no graph");
    if (Error error = resolveExternalData(*model))
      return std::move(error);
    if (Error error =
            forEachTensor(*model->proto, [&](onnx::TensorProto &tensor) {
              return checkTensor(*model, tensor);
            }))
      return std::move(error);
    if (Error error = makeSparseTensorsDense(*model))
      return std::move(error);
  } catch (const std::exception &exception) {
    return modelError(StringRef(exception.what()).trim());
  }
  return model;
}

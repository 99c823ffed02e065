// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/CodeImage.h"

#include "runtime/artifact/Format.h"
#include "runtime/device/cpu/CodeMemory.h"
#include "runtime/device/cpu/CpuFeatures.h"

namespace dlrt {

std::string missingFeatures(const fb::CpuCode &code) {
  if (!isNativeTriple(code.triple()->str()))
    return code.triple()->str();
  std::vector<std::string> features;
  if (code.features())
    for (const flatbuffers::String *feature : *code.features())
      features.push_back(feature->str());
  std::string text;
  for (const std::string &feature : missingCpuFeatures(features))
    text += (text.empty() ? "" : ", ") + feature;
  return text;
}

Status CodeImage::choose(const Artifact &artifact, const fb::CpuCode *&result) {
  const auto *levels = artifact.header().cpu();
  if (!levels || levels->size() == 0)
    return {Code::Unsupported,
            artifact.name() + ": the module has no CPU code"};
  std::string reasons;
  for (uint32_t i = levels->size(); i-- > 0;) {
    std::string missing = missingFeatures(*levels->Get(i));
    if (missing.empty()) {
      result = levels->Get(i);
      return {};
    }
    reasons += (reasons.empty() ? "" : "; ") + levels->Get(i)->cpu()->str() +
               " needs " + missing;
  }
  return {Code::Unsupported,
          artifact.name() +
              ": the module has no code for this CPU: " + reasons};
}

Status CodeImage::load(const Artifact &artifact, const fb::CpuCode &code,
                       std::unique_ptr<CodeImage> &result) {
  std::unique_ptr<CodeImage> image(new CodeImage);
  image->code = &code;
  if (Status status = image->map(artifact); !status.ok())
    return std::move(status).at(artifact.name());
  result = std::move(image);
  return {};
}

CodeImage::~CodeImage() {
  if (base)
    releaseCode(base, bytes);
}

Status CodeImage::map(const Artifact &artifact) {
  if (!code->pieces() || code->image_size() == 0)
    return {};
  bytes = code->image_size();
  base = reserveCode(bytes);
  if (!base)
    return {Code::OutOfMemory, "cannot reserve memory for code"};
  for (const fb::CodePiece *piece : *code->pieces()) {
    const fb::Segment &file = *piece->file();
    if (piece->memory_size() == 0)
      continue;
    // What follows a segment in the file would stand where zeros are due.
    bool mapped = artifact.file() && file.size() > 0 &&
                  piece->memory_size() == file.size() &&
                  mapCode(base + piece->address(), file.size(),
                          *artifact.file(), file.offset(), piece->executable());
    if (!mapped)
      DLRT_RETURN_IF_ERROR(copyCode(base + piece->address(),
                                    artifact.bytes(file), file.size(),
                                    piece->memory_size(), piece->executable()));
  }
  return {};
}

} // namespace dlrt

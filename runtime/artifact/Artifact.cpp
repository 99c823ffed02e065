// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/artifact/Artifact.h"

#include "runtime/artifact/AlignedMemory.h"
#include "runtime/artifact/Format.h"
#include "runtime/artifact/Hash.h"
#include "runtime/artifact/Validate.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace dlrt {
namespace {

Status bad(std::string message) {
  return {Code::BadModule, std::move(message)};
}

std::string number(uint64_t value) { return std::to_string(value); }

Status checkPrefix(const FilePrefix &prefix, uint64_t size) {
  if (memcmp(prefix.magic, kMagic, sizeof(kMagic)) != 0)
    return bad("is not a module file: it does not start with a module's mark");
  if (prefix.formatVersion > kFormatVersion)
    return {Code::NewerFormat, "the module has format version " +
                                   number(prefix.formatVersion) +
                                   ", this runtime reads versions up to " +
                                   number(kFormatVersion)};
  if (prefix.formatVersion == 0)
    return bad("the module has format version 0, which does not exist");
  if (prefix.fileSize != size)
    return bad(std::string(size < prefix.fileSize ? "the module is cut short"
                                                  : "the module is too long") +
               ": " + number(size) + " bytes, expected " +
               number(prefix.fileSize));
  bool sound = prefix.prefixSize == sizeof(FilePrefix) &&
               prefix.reserved[0] == 0 && prefix.reserved[1] == 0 &&
               prefix.headerOffset >= sizeof(FilePrefix) &&
               prefix.headerOffset % 16 == 0 && prefix.headerOffset <= size &&
               prefix.headerSize <= size - prefix.headerOffset;
  return sound ? Status() : bad("the module's prefix is damaged");
}

Status checkHash(const Artifact &artifact, const fb::Segment &segment,
                 const std::string &what) {
  uint64_t found = hashBytes(artifact.bytes(segment), segment.size());
  if (found == segment.hash())
    return {};
  return bad(what + " is damaged: its bytes do not have the recorded hash");
}

/// Calls visit(segment, name) for the code segments, or for all others.
template <typename Visit>
Status visitSegments(const fb::Module &module, bool code, Visit visit) {
  if (code) {
    if (module.cpu())
      for (const fb::CpuCode *level : *module.cpu())
        if (level->pieces())
          for (const fb::CodePiece *piece : *level->pieces())
            DLRT_RETURN_IF_ERROR(
                visit(*piece->file(), "code for " + level->cpu()->str()));
    if (module.devices())
      for (const fb::DeviceCode *code : *module.devices())
        DLRT_RETURN_IF_ERROR(
            visit(*code->code(), "code for " + codeName(*code)));
    return {};
  }
  if (module.constants()) {
    int index = 0;
    for (const fb::Constant *constant : *module.constants()) {
      std::string name = "constant " + std::to_string(index++);
      if (constant->name() && constant->name()->size())
        name += " '" + constant->name()->str() + "'";
      DLRT_RETURN_IF_ERROR(visit(*constant->data(), name));
    }
  }
  if (module.debug())
    DLRT_RETURN_IF_ERROR(visit(*module.debug(), "debug information"));
  if (module.reference())
    return visit(*module.reference(), "the program for the reference");
  return {};
}

} // namespace

Artifact::~Artifact() { freeAligned(copy, kSegmentAlignment); }

Status Artifact::openFile(const char *path, std::unique_ptr<Artifact> &result) {
  std::unique_ptr<Artifact> artifact(new Artifact);
  artifact->origin = path;
  artifact->mapping = std::make_unique<FileMapping>();
  Status status = artifact->mapping->open(path);
  if (status.ok()) {
    artifact->base = artifact->mapping->data();
    status = artifact->check(artifact->mapping->size());
  }
  if (!status.ok())
    return std::move(status).at(path);
  result = std::move(artifact);
  return {};
}

Status Artifact::openMemory(const void *data, uint64_t size,
                            std::unique_ptr<Artifact> &result) {
  std::unique_ptr<Artifact> artifact(new Artifact);
  artifact->origin = "<memory>";
  artifact->base = static_cast<const std::byte *>(data);
  if (reinterpret_cast<uintptr_t>(data) % kConstantAlignment != 0) {
    artifact->copy = allocateAligned(size, kSegmentAlignment);
    if (!artifact->copy)
      return {Code::OutOfMemory,
              "no memory to copy a module of " + number(size) + " bytes"};
    memcpy(artifact->copy, data, size);
    artifact->base = static_cast<const std::byte *>(artifact->copy);
  }
  if (Status status = artifact->check(size); !status.ok())
    return std::move(status).at(artifact->origin);
  result = std::move(artifact);
  return {};
}

Status Artifact::check(uint64_t size) {
  fileBytes = size;
  if (size == 0)
    return bad("is not a module file: it is empty");
  FilePrefix prefix;
  if (size < sizeof(prefix))
    return bad("is not a module file: it has only " + number(size) + " bytes");
  memcpy(&prefix, base, sizeof(prefix));
  DLRT_RETURN_IF_ERROR(checkPrefix(prefix, size));
  version = prefix.formatVersion;
  headerBytes = prefix.headerSize;
  const std::byte *header = base + prefix.headerOffset;
  if (hashBytes(header, prefix.headerSize) != prefix.headerHash)
    return bad("the module's header is damaged: its bytes do not have the "
               "recorded hash");
  // A header of n bytes has at most n / 4 tables, unless it shares them to keep
  // the verifier busy.
  flatbuffers::Verifier verifier(
      reinterpret_cast<const uint8_t *>(header), prefix.headerSize,
      /*max_depth=*/64,
      static_cast<flatbuffers::uoffset_t>(prefix.headerSize / 4 + 1));
  if (prefix.headerSize >= FLATBUFFERS_MAX_BUFFER_SIZE ||
      !fb::VerifyModuleBuffer(verifier))
    return bad("the module's header is not well formed");
  module = fb::GetModule(header);
  DLRT_RETURN_IF_ERROR(validateHeader(*module, size));
  return visitSegments(
      *module, /*code=*/true,
      [&](const fb::Segment &segment, const std::string &name) {
        return checkHash(*this, segment, name);
      });
}

Status Artifact::verifySegments() const {
  FilePrefix prefix;
  memcpy(&prefix, base, sizeof(prefix));
  using Range = std::pair<uint64_t, uint64_t>;
  std::vector<Range> used = {
      {0, sizeof(prefix)},
      {prefix.headerOffset, prefix.headerOffset + prefix.headerSize}};
  auto visit = [&](const fb::Segment &segment, const std::string &name) {
    used.emplace_back(segment.offset(), segment.offset() + segment.size());
    return checkHash(*this, segment, name).at(origin);
  };
  DLRT_RETURN_IF_ERROR(visitSegments(*module, /*code=*/true, visit));
  DLRT_RETURN_IF_ERROR(visitSegments(*module, /*code=*/false, visit));
  used.emplace_back(fileBytes, fileBytes);
  std::sort(used.begin(), used.end());
  uint64_t end = 0;
  for (const Range &range : used) {
    for (uint64_t at = end; at < range.first; ++at)
      if (base[at] != std::byte(0))
        return bad(origin + ": byte " + number(at) +
                   " between segments is not zero");
    end = std::max(end, range.second);
  }
  return {};
}

} // namespace dlrt

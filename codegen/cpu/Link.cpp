// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/Link.h"
#include "codegen/cpu/Builtins.h"
#include "codegen/cpu/Target.h"

#include "lld/Common/CommonLinkerContext.h"
#include "lld/Common/Driver.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cstring>
#include <mutex>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

using namespace mlir;
namespace fs = llvm::sys::fs;
namespace ELF = llvm::ELF;

namespace dl::cpu {

static InFlightDiagnostic fail(Location loc, const llvm::Twine &what) {
  return emitError(loc) << "linking: " << what;
}

/// Puts the objects and the builtins into one archive file at `path`.
static LogicalResult writeArchive(ArrayRef<StringRef> objects, StringRef path,
                                  Location loc) {
  SmallVector<std::string> names;
  for (size_t i = 0; i != objects.size(); ++i)
    names.push_back("kernel" + std::to_string(i) + ".o");
  std::vector<llvm::NewArchiveMember> members;
  for (auto [object, name] : llvm::zip(objects, names))
    members.emplace_back(llvm::MemoryBufferRef(object, name));
  members.emplace_back(
      llvm::MemoryBufferRef(getBuiltinsObject(), "builtins.o"));
  if (llvm::Error error = llvm::writeArchive(
          path, members, llvm::SymtabWritingMode::NoSymtab,
          llvm::object::Archive::K_GNU, /*Deterministic=*/true,
          /*Thin=*/false))
    return fail(loc, llvm::toString(std::move(error)));
  return success();
}

/// Runs lld on all objects with `options`; returns the bytes of what it made.
static FailureOr<std::string> runLinker(ArrayRef<StringRef> objects,
                                        ArrayRef<const char *> options,
                                        Location loc) {
  // lld's state is one for the process.
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);

  // A folder for this user alone: its code will be run.
  SmallString<128> directory;
  llvm::sys::path::system_temp_directory(/*erasedOnReboot=*/true, directory);
  llvm::sys::path::append(directory, "dl-link-XXXXXX");
  if (!mkdtemp(const_cast<char *>(directory.c_str())))
    return fail(loc, "no temporary folder: " + StringRef(strerror(errno)));
  llvm::scope_exit remove([&] { (void)fs::remove_directories(directory); });
  SmallString<128> archive(directory), output(directory);
  llvm::sys::path::append(archive, "kernels.a");
  llvm::sys::path::append(output, "image");
  if (failed(writeArchive(objects, archive, loc)))
    return failure();

  SmallVector<const char *> arguments{"ld.lld"};
  llvm::append_range(arguments, options);
  arguments.append({"-o", output.c_str(), "--whole-archive", archive.c_str()});
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  bool linked = lld::elf::link(arguments, stream, stream, /*exitEarly=*/false,
                               /*disableOutput=*/false);
  lld::CommonLinkerContext::destroy();
  if (!linked)
    return fail(loc, StringRef(messages).trim());
  auto buffer = llvm::MemoryBuffer::getFile(output);
  if (!buffer)
    return fail(loc, buffer.getError().message());
  return (*buffer)->getBuffer().str();
}

namespace {

using ElfFile = llvm::object::ELFFile<llvm::object::ELF64LE>;

/// Reads what the linker made.
class ImageReader {
public:
  ImageReader(const ElfFile &file, Location loc) : file(file), loc(loc) {}

  LogicalResult read(ArrayRef<StringRef> symbols, CpuImage &image) {
    return success(succeeded(checkSections()) && succeeded(readPieces(image)) &&
                   succeeded(readEntries(symbols, image)));
  }

private:
  LogicalResult check(llvm::Error error) {
    if (!error)
      return success();
    return fail(loc, llvm::toString(std::move(error)));
  }

  /// Nothing may be left for a loader to do, and nothing may be writable but
  /// the dynamic section, which is not used.
  LogicalResult checkSections() {
    auto sections = file.sections();
    if (!sections)
      return check(sections.takeError());
    for (const auto &section : *sections) {
      if (section.sh_type == ELF::SHT_REL || section.sh_type == ELF::SHT_RELA)
        return fail(loc, "the image has relocations left");
      bool writable = (section.sh_flags & ELF::SHF_WRITE) && section.sh_size;
      auto name = file.getSectionName(section);
      if (!name)
        return check(name.takeError());
      if (writable && section.sh_type != ELF::SHT_DYNAMIC &&
          *name != ".relro_padding")
        return fail(loc, "the image has writable data in section " + *name);
    }
    return success();
  }

  LogicalResult readPieces(CpuImage &image) {
    auto headers = file.program_headers();
    if (!headers)
      return check(headers.takeError());
    for (const auto &header : *headers) {
      if (header.p_type != ELF::PT_LOAD || (header.p_flags & ELF::PF_W))
        continue;
      auto bytes = file.getSegmentContents(header);
      if (!bytes)
        return check(bytes.takeError());
      CpuImage::Piece piece;
      piece.bytes.assign(bytes->begin(), bytes->end());
      piece.address = header.p_vaddr;
      piece.memorySize = header.p_memsz;
      piece.executable = header.p_flags & ELF::PF_X;
      if (piece.address % kPageSize)
        return fail(loc, "a segment of the image is not page-aligned");
      image.imageSize = piece.address + piece.memorySize;
      image.pieces.push_back(std::move(piece));
    }
    image.imageSize = llvm::alignTo(image.imageSize, kPageSize);
    return success();
  }

  LogicalResult readEntries(ArrayRef<StringRef> symbols, CpuImage &image) {
    auto sections = file.sections();
    if (!sections)
      return check(sections.takeError());
    llvm::StringMap<uint64_t> addresses;
    for (const auto &section : *sections) {
      if (section.sh_type != ELF::SHT_DYNSYM)
        continue;
      auto table = file.symbols(&section);
      auto names = file.getStringTableForSymtab(section);
      if (!table)
        return check(table.takeError());
      if (!names)
        return check(names.takeError());
      for (const auto &symbol : *table)
        if (auto name = symbol.getName(*names))
          addresses[*name] = symbol.st_value;
        else
          return check(name.takeError());
    }
    for (StringRef symbol : symbols) {
      auto it = addresses.find(symbol);
      if (it == addresses.end())
        return fail(loc, "the image has no symbol '" + symbol + "'");
      image.entries.push_back(it->second);
    }
    return success();
  }

  static constexpr uint64_t kPageSize = 4096;
  const ElfFile &file;
  Location loc;
};

} // namespace

FailureOr<CpuImage> linkImage(ArrayRef<StringRef> objects,
                              ArrayRef<StringRef> symbols, Location loc) {
  FailureOr<std::string> bytes =
      runLinker(objects,
                {"-shared", "-Bsymbolic", "--no-undefined", "-z", "text", "-z",
                 "separate-code", "-z", "max-page-size=4096", "--gc-sections",
                 "-nostdlib", "--hash-style=gnu", "--build-id=none",
                 "--threads=1", "-O1"},
                loc);
  if (failed(bytes))
    return failure();
  llvm::Expected<ElfFile> file = ElfFile::create(*bytes);
  if (!file)
    return fail(loc, llvm::toString(file.takeError()));
  CpuImage image;
  image.triple = kTriple.str();
  if (failed(ImageReader(*file, loc).read(symbols, image)))
    return failure();
  return image;
}

FailureOr<std::string> linkObject(ArrayRef<StringRef> objects, Location loc) {
  return runLinker(objects, {"-r", "--threads=1"}, loc);
}

} // namespace dl::cpu

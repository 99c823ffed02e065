// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Compiles kernels from text and maps the image into this process.

#ifndef DL_TEST_CODEGEN_LOADEDIMAGE_H
#define DL_TEST_CODEGEN_LOADEDIMAGE_H

#include "codegen/cpu/Emit.h"
#include "codegen/cpu/Lowering.h"
#include "passes/Pipeline.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include <cstring>
#include <gtest/gtest.h>
#include <sys/mman.h>

namespace dl::cpu {

using KernelFunction = void (*)(void *const *buffers, const int64_t *sizes,
                                int64_t begin, int64_t end, void *scratch,
                                const void *imports);

/// An image in memory, without a loader: its pieces at their addresses.
class LoadedImage {
public:
  explicit LoadedImage(const CpuImage &image)
      : size(image.imageSize), entries(image.entries) {
    base = static_cast<char *>(mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_NE(base, MAP_FAILED);
    for (const CpuImage::Piece &piece : image.pieces) {
      std::memcpy(base + piece.address, piece.bytes.data(), piece.bytes.size());
      int protection = piece.executable ? PROT_READ | PROT_EXEC : PROT_READ;
      EXPECT_EQ(mprotect(base + piece.address, piece.memorySize, protection),
                0);
    }
  }
  ~LoadedImage() { munmap(base, size); }
  LoadedImage(const LoadedImage &) = delete;
  LoadedImage &operator=(const LoadedImage &) = delete;

  KernelFunction get(size_t kernel) const {
    return reinterpret_cast<KernelFunction>(base + entries[kernel]);
  }

private:
  char *base;
  uint64_t size;
  std::vector<uint64_t> entries;
};

/// A context with what kernels need, which collects diagnostics.
struct KernelCompiler {
  KernelCompiler() {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    registerTranslations(registry);
    context.appendDialectRegistry(registry);
    context.getDiagEngine().registerHandler(
        [this](mlir::Diagnostic &diagnostic) {
          messages += diagnostic.str() + "\n";
          return mlir::success();
        });
    options.target = getNativeTarget();
  }

  mlir::FailureOr<CpuImage> compile(llvm::StringRef text,
                                    llvm::ArrayRef<llvm::StringRef> kernels) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    if (!module)
      return mlir::failure();
    options.statistics = &statistics;
    return emitCpuImage(*module, kernels, options);
  }

  mlir::MLIRContext context;
  CpuOptions options;
  EmitStatistics statistics;
  std::string messages;
};

} // namespace dl::cpu

#endif // DL_TEST_CODEGEN_LOADEDIMAGE_H

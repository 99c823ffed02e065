// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The instructions of a warp's tensor cores (sm_80 and later), for f16, bf16,
// tf32 and 8-bit floats (sm_89 and later) with float32 sums, and for 8-bit
// integers. Fragments are those of the PTX ISA, "Matrix Fragments for
// mma.m16n8k16", "mma.m16n8k32" and "mma.m16n8k8": lane l has rows l / 4 and l
// / 4 + 8, and of each eight columns of the sums those from 2 (l % 4) on.

#ifndef DL_CODEGEN_PTX_MATRIXOPS_H
#define DL_CODEGEN_PTX_MATRIXOPS_H

#include "codegen/cpu/Contraction.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace dl::ptx {

class MatrixOps {
public:
  /// One mma.sync: so many rows, columns, contracted positions of 16 bits (of 8
  /// bits, twice as many, of 32 half).
  static constexpr int64_t kRows = 16, kColumns = 8, kDepth = 16;

  /// Lines and contracted positions of a block of bytes that readBlock gives.
  static constexpr int64_t kBlock = 4;

  MatrixOps(mlir::OpBuilder &builder, mlir::Location loc,
            const mlir::dl::cpu::Contraction &contraction)
      : builder(builder), loc(loc), factorType(contraction.factorType),
        isUnsignedLeft(contraction.hasUnsignedRows),
        isUnsignedRight(contraction.hasUnsignedLanes) {}

  /// e4m3 and e5m2, as tensor cores have them.
  static bool isFloat8(mlir::Type type) {
    return mlir::isa<mlir::Float8E4M3FNType, mlir::Float8E5M2Type>(type);
  }

  /// Four matrices of 8 x 8 from shared memory: lanes 8 i to 8 i + 7 give the
  /// addresses of the rows of matrix i, 16 bytes each. `transposed`: a lane's
  /// pairs are of one column.
  llvm::SmallVector<mlir::Value> load(mlir::Value address, bool transposed);

  /// c + a b: four registers of `a`, two of `b`, four sums of `c`.
  llvm::SmallVector<mlir::Value> multiplyAdd(llvm::ArrayRef<mlir::Value> a,
                                             llvm::ArrayRef<mlir::Value> b,
                                             llvm::ArrayRef<mlir::Value> c);

  /// The same with an `a` of which two of four neighbours are kept, twice as
  /// many contracted positions and four registers of `b`: `metadata` has the
  /// places (see "Sparse matrix storage"), of 16-bit elements in two lanes of
  /// four, which `selector` (0 or 1) names. Integers are signed as the right
  /// operand of the contraction in `a`, as its left one in `b`. `isOrdered`: as
  /// devices from sm_90 on want it, places are told to ascend.
  llvm::SmallVector<mlir::Value>
  multiplyAddSparse(llvm::ArrayRef<mlir::Value> a,
                    llvm::ArrayRef<mlir::Value> b,
                    llvm::ArrayRef<mlir::Value> c, mlir::Value metadata,
                    int64_t selector, bool isOrdered);

  /// A float32 as a register of a fragment, rounded to tf32.
  mlir::Value roundTf32(mlir::Value value);

  /// Four words of four bytes each, transposed.
  llvm::SmallVector<mlir::Value>
  transposeBytes(llvm::ArrayRef<mlir::Value> words);

  /// A block of an operand's bytes, of which neighbours in memory are lines, as
  /// vector<4xi32>, line by line. `fours` reads four elements at once;
  /// `getDims` gives the positions of the op's loops for the lines at a
  /// contracted position of the block.
  mlir::Value
  readBlock(mlir::dl::cpu::ElementEmitter &fours, mlir::OpOperand *operand,
            llvm::function_ref<mlir::dl::cpu::Position(int64_t)> getDims);

  /// Two neighbours as a register of a fragment: rounded to the factors' type.
  mlir::Value pack(mlir::Value low, mlir::Value high);

private:
  mlir::Value toRegister(mlir::Value bits);
  mlir::NVVM::MMATypes getType(bool isUnsigned) const;
  mlir::Type getSumsType() const;
  llvm::SmallVector<mlir::Value> getSums(mlir::Value structure);
  mlir::Value multiplyFloat8(llvm::ArrayRef<mlir::Value> a,
                             llvm::ArrayRef<mlir::Value> b,
                             llvm::ArrayRef<mlir::Value> c, mlir::Type result);

  mlir::OpBuilder &builder;
  mlir::Location loc;
  mlir::Type factorType;
  bool isUnsignedLeft, isUnsignedRight; ///< of integers
};

} // namespace dl::ptx

#endif // DL_CODEGEN_PTX_MATRIXOPS_H

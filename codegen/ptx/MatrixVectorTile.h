// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Products of a few rows with a matrix, which takes as long as reading it.

#ifndef DL_CODEGEN_PTX_MATRIXVECTORTILE_H
#define DL_CODEGEN_PTX_MATRIXVECTORTILE_H

#include "codegen/gpu/TileEmitter.h"

namespace dl::ptx {

/// Products of up to four rows, as a decoder makes them for one token: each
/// element of the matrix is read once, 16 bytes at a time, and several such
/// reads of a thread are under way. Where neighbours in the matrix are columns,
/// some threads stand side by side across columns, and the contracted positions
/// are divided among the others; where they are contracted positions, a warp
/// has some columns to itself. Sums are float32, added up by exchanges within a
/// warp, then in shared memory.
class MatrixVectorTile : public gpucode::TileEmitter {
public:
  /// Whether there are few rows, and neighbours to be read together.
  static bool fits(const mlir::dl::cpu::Contraction &contraction);

  MatrixVectorTile(gpucode::StageFunction &stage,
                   const mlir::dl::cpu::Contraction &contraction);

  mlir::Value emit(mlir::Value result,
                   const mlir::dl::cpu::Buffer &buffer) override;

protected:
  int64_t countPassSteps() const override { return 0; }

private:
  using Values = llvm::SmallVector<mlir::Value>;

  bool isAlongDepth() const;
  int64_t countColumnThreads() const;
  mlir::Value readMatrix(mlir::Value column, mlir::Value k);
  mlir::Value readRow(int64_t row, mlir::Value k, bool isVector);
  mlir::Value toFloats(mlir::Value value);
  mlir::Value splat(mlir::Value value);
  mlir::Value addAcross(mlir::Value value, int64_t least);
  mlir::Value getPart(mlir::Value vector, int64_t number);
  Values addColumns(mlir::Value column, mlir::Value part, int64_t parts);
  Values addDepth(mlir::Value firstColumn);
  void emitAcross(mlir::Value tile, mlir::Value result,
                  const mlir::dl::cpu::Buffer &buffer);
  void emitAlong(mlir::Value tile, mlir::Value result,
                 const mlir::dl::cpu::Buffer &buffer);
  void write(mlir::Value row, mlir::Value column, mlir::Value sum,
             mlir::Value result, const mlir::dl::cpu::Buffer &buffer);

  int64_t width; ///< elements that are read together
  int64_t rowTotal;
  mlir::dl::cpu::ElementEmitter wide;
  mlir::Value lane, warp;
};

} // namespace dl::ptx

#endif // DL_CODEGEN_PTX_MATRIXVECTORTILE_H

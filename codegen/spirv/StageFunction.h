// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The GPU function of one stage of a kernel.

#ifndef DL_CODEGEN_SPIRV_STAGEFUNCTION_H
#define DL_CODEGEN_SPIRV_STAGEFUNCTION_H

#include "codegen/cpu/ElementEmitter.h"
#include "codegen/spirv/GenerateKernels.h"
#include "codegen/spirv/Strategy.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace dl::spirv {

/// The sizes that a kernel is given: dynamic dimensions and index arguments.
unsigned countSizes(mlir::func::FuncOp kernel);

/// The function of one stage.
class StageFunction {
public:
  StageFunction(mlir::func::FuncOp kernel, const Plan &plan,
                const SpirvTarget &target, mlir::OpBuilder &builder);

  /// Declares what earlier stages have left in memory.
  void declare(const Plan &plan, unsigned stage);

  /// Computes and stores the elements; returns their number as a formula, or
  /// null after a failure that was reported.
  mlir::AffineMap emit(const Stage &stage);

  /// The bytes of a tensor as a formula; null where it is none.
  mlir::AffineMap getBytesOf(mlir::Value tensor);

  mlir::gpu::GPUFuncOp function;

private:
  mlir::dl::cpu::Buffer makeBuffer(mlir::Value tensor, unsigned number);
  mlir::Value getElements(mlir::Value tensor);
  mlir::AffineExpr toExpr(mlir::Value value);
  mlir::AffineMap toMap(mlir::Value value);

  mlir::func::FuncOp kernel;
  const SpirvTarget &target;
  mlir::OpBuilder &builder;
  mlir::Location loc;
  mlir::dl::cpu::ElementEmitter emitter;
  /// The size that a value is.
  llvm::DenseMap<mlir::Value, unsigned> sizeNumbers;
  unsigned sizes = 0;
  llvm::SmallVector<mlir::dl::cpu::Buffer> arguments;
};

} // namespace dl::spirv

#endif // DL_CODEGEN_SPIRV_STAGEFUNCTION_H

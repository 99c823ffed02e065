// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// y[i] = exp(x[i]) for 16 elements a tile.
func.func @scale(%buffers: !llvm.ptr, %sizes: !llvm.ptr, %begin: index, %end: index, %scratch: !llvm.ptr, %imports: !llvm.ptr) {
  %c1 = arith.constant 1 : index
  %x = llvm.load %buffers : !llvm.ptr -> !llvm.ptr
  %slot = llvm.getelementptr %buffers[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
  %y = llvm.load %slot : !llvm.ptr -> !llvm.ptr
  scf.for %i = %begin to %end step %c1 {
    %n = arith.index_cast %i : index to i64
    %from = llvm.getelementptr %x[%n] : (!llvm.ptr, i64) -> !llvm.ptr, vector<16xf32>
    %to = llvm.getelementptr %y[%n] : (!llvm.ptr, i64) -> !llvm.ptr, vector<16xf32>
    %v = llvm.load %from {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
    %e = math.exp %v : vector<16xf32>
    llvm.store %e, %to {alignment = 4 : i64} : vector<16xf32>, !llvm.ptr
  }
  return
}

// Weights whose columns are 8-bit floats by a scale stay bytes in memory: one row reads 16 at
// a time, four rows eight, tiles make them wider on the way to shared memory, and sums are scaled.

// REQUIRES: ptxas
// RUN: %python %S/Inputs/zeros.py %S/Inputs/floats.mlir > %t.mlir
// RUN: dl-compile %t.mlir --target=cuda --precision=f16 --bf16-from=0 --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx
// RUN: %ptxas -arch=sm_80 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %t.mlir --target=cuda:sm_90a --precision=f16 --bf16-from=0 --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx --check-prefix=HOPPER
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %t.mlir --target=cuda --precision=f16 --bf16-from=0 --compress-weights=false --emit=ptx -o - | FileCheck %s --check-prefix=WHOLE

// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// CHECK-LABEL: .entry k0_
// CHECK: ld.global.v4.b32
// CHECK: fma.rn.f32
// CHECK: mul.{{(rn.)?}}f32
// CHECK: .entry k3_
// CHECK: ld.global.v2.b32
// CHECK: shl.b16
// CHECK: mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32
// HOPPER: .entry k3_
// HOPPER: wgmma.mma_async.sync.aligned.m64n{{[0-9]+}}k16.f32.f16.f16
// WHOLE-NOT: shl.b16

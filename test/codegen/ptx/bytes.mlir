// Products of bytes and of 8-bit floats by tensor cores, on Hopper by warpgroups.

// REQUIRES: ptxas
// RUN: dl-compile %s --target=cuda:sm_89 --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx
// RUN: %ptxas -arch=sm_89 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: %ptxas -arch=sm_100 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %s --target=cuda:sm_90a --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx --check-prefix=HOPPER
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// CHECK-LABEL: .entry k0_
// CHECK: cp.async.cg.shared.global
// CHECK: mma.sync.aligned.m16n8k32.row.col.s32.{{[su]}}8.{{[su]}}8.s32
// CHECK-LABEL: .entry k1_
// CHECK: cp.async.cg.shared.global
// CHECK: mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32
// HOPPER-LABEL: .entry k0_
// HOPPER: cp.async.bulk.tensor.2d
// HOPPER-DAG: wgmma.mma_async.sync.aligned.m64n64k32.s32.{{[su]}}8.{{[su]}}8
// HOPPER-LABEL: .entry k1_
// HOPPER: cp.async.bulk.tensor.2d
// HOPPER-DAG: wgmma.mma_async.sync.aligned.m64n64k32.f32.e4m3.e4m3
#left = affine_map<(d0, d1, d2) -> (d0, d2)>
#right = affine_map<(d0, d1, d2) -> (d1, d2)>
#result = affine_map<(d0, d1, d2) -> (d0, d1)>
func.func @main(%a: tensor<70x80xi8>, %b: tensor<100x80xi8>, %x: tensor<70x80xf8E4M3FN>, %y: tensor<100x80xf8E4M3FN>) -> (tensor<70x100xi32>, tensor<70x100xf32>) {
  %0 = dl.dispatch @integers(%a, %b) sizes affine_map<() -> ()> : (tensor<70x80xi8>, tensor<100x80xi8>) -> tensor<70x100xi32>
  %1 = dl.dispatch @floats(%x, %y) sizes affine_map<() -> ()> : (tensor<70x80xf8E4M3FN>, tensor<100x80xf8E4M3FN>) -> tensor<70x100xf32>
  return %0, %1 : tensor<70x100xi32>, tensor<70x100xf32>
}
func.func private @integers(%a: tensor<70x80xi8>, %b: tensor<100x80xi8>, %c: tensor<70x100xi32>) -> tensor<70x100xi32> attributes {dl.kernel} {
  %zero = arith.constant 0 : i32
  %0 = linalg.fill ins(%zero : i32) outs(%c : tensor<70x100xi32>) -> tensor<70x100xi32>
  %1 = linalg.generic {indexing_maps = [#left, #right, #result], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : tensor<70x80xi8>, tensor<100x80xi8>) outs(%0 : tensor<70x100xi32>) {
  ^bb0(%p: i8, %q: i8, %sum: i32):
    %2 = arith.extsi %p : i8 to i32
    %3 = arith.extui %q : i8 to i32
    %4 = arith.muli %2, %3 : i32
    %5 = arith.addi %sum, %4 : i32
    linalg.yield %5 : i32
  } -> tensor<70x100xi32>
  return %1 : tensor<70x100xi32>
}
func.func private @floats(%a: tensor<70x80xf8E4M3FN>, %b: tensor<100x80xf8E4M3FN>, %c: tensor<70x100xf32>) -> tensor<70x100xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %0 = linalg.fill ins(%zero : f32) outs(%c : tensor<70x100xf32>) -> tensor<70x100xf32>
  %1 = linalg.generic {indexing_maps = [#left, #right, #result], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : tensor<70x80xf8E4M3FN>, tensor<100x80xf8E4M3FN>) outs(%0 : tensor<70x100xf32>) {
  ^bb0(%p: f8E4M3FN, %q: f8E4M3FN, %sum: f32):
    %2 = arith.extf %p : f8E4M3FN to f32
    %3 = arith.extf %q : f8E4M3FN to f32
    %4 = arith.mulf %2, %3 : f32
    %5 = arith.addf %sum, %4 : f32
    linalg.yield %5 : f32
  } -> tensor<70x100xf32>
  return %1 : tensor<70x100xf32>
}

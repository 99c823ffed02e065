// Products of values that are converted from 8-bit floats and scaled, as quantized models have
// them: tensor cores of sm_89 multiply the floats, the sums are scaled. Few rows have no form
// there; sm_80 multiplies float32.

// REQUIRES: ptxas
// RUN: dl-compile %s --target=cuda:sm_89 --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx
// RUN: %ptxas -arch=sm_89 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %s --target=cuda:sm_90a --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %s --target=cuda:sm_80 --emit=ptx -o - | FileCheck %s --check-prefix=FLOAT

// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// CHECK: {{mma.*e4m3.e4m3}}
// CHECK: {{mma.*e5m2.e5m2}}
// FLOAT-NOT: {{mma|e4m3}}
func.func @main(%x: tensor<70x80xf32>, %w: tensor<80x96xf32>, %v: tensor<64x80xf32>, %y: tensor<3x80xf32>)
    -> (tensor<70x96xf32>, tensor<70x64xf32>, tensor<3x96xf32>) {
  %half = dl.constant dense<0.5> : tensor<f32>
  %tenth = dl.constant dense<0.1> : tensor<f32>
  %x8 = dl.cast %x : (tensor<70x80xf32>) -> tensor<70x80xf8E4M3FN>
  %w8 = dl.cast %w : (tensor<80x96xf32>) -> tensor<80x96xf8E4M3FN>
  %x0 = dl.cast %x8 : (tensor<70x80xf8E4M3FN>) -> tensor<70x80xf32>
  %x1 = dl.mul %x0, %half : (tensor<70x80xf32>, tensor<f32>) -> tensor<70x80xf32>
  %w0 = dl.cast %w8 : (tensor<80x96xf8E4M3FN>) -> tensor<80x96xf32>
  %w1 = dl.mul %w0, %tenth : (tensor<80x96xf32>, tensor<f32>) -> tensor<80x96xf32>
  %0 = dl.matmul %x1, %w1 : (tensor<70x80xf32>, tensor<80x96xf32>) -> tensor<70x96xf32>
  %y8 = dl.cast %x : (tensor<70x80xf32>) -> tensor<70x80xf8E5M2>
  %y0 = dl.cast %y8 : (tensor<70x80xf8E5M2>) -> tensor<70x80xf32>
  %v8 = dl.cast %v : (tensor<64x80xf32>) -> tensor<64x80xf8E5M2>
  %v0 = dl.cast %v8 : (tensor<64x80xf8E5M2>) -> tensor<64x80xf32>
  %v1 = dl.mul %v0, %half : (tensor<64x80xf32>, tensor<f32>) -> tensor<64x80xf32>
  %v2 = dl.transpose %v1 {permutation = array<i64: 1, 0>} : (tensor<64x80xf32>) -> tensor<80x64xf32>
  %1 = dl.matmul %y0, %v2 : (tensor<70x80xf32>, tensor<80x64xf32>) -> tensor<70x64xf32>
  %few = dl.cast %y : (tensor<3x80xf32>) -> tensor<3x80xf8E4M3FN>
  %few0 = dl.cast %few : (tensor<3x80xf8E4M3FN>) -> tensor<3x80xf32>
  %2 = dl.matmul %few0, %w1 : (tensor<3x80xf32>, tensor<80x96xf32>) -> tensor<3x96xf32>
  return %0, %1, %2 : tensor<70x96xf32>, tensor<70x64xf32>, tensor<3x96xf32>
}

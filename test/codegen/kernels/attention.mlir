// RUN: dl-opt %s --stop-after=lower --cpu-generate-kernels | FileCheck %s

// One kernel: keys are packed once for each head; a block of rows keeps its scores
// in scratch, from the first product through the softmax to the second product. A
// tile is a head, whatever the number of rows.

// CHECK: #[[TILES:.*]] = affine_map<({{.*}}) -> (12)>
// CHECK: func.func private @matmul_{{.*}}softmax
// CHECK-SAME: dl.tiles = #[[TILES]]
// The first product: 6 rows of 4 vectors.
// Values are packed, too, where there are rows for a block, but not for a few.
// CHECK: %[[MANY:.*]] = arith.cmpi sge
// CHECK: scf.if %[[MANY]]
// CHECK: iter_args({{.*}}) -> (vector<16xf32>, {{.*}}vector<16xf32>)
// CHECK: vector.fma
// CHECK: vector.reduction <maximumf>
// CHECK: math.exp
// CHECK: vector.reduction <add>
// CHECK: arith.divf
// CHECK: vector.fma
func.func @main(%q: tensor<12x?x64xf32, #dl.dims<()[s0] -> (12, s0, 64)>>,
                %k: tensor<12x64x?xf32, #dl.dims<()[s0] -> (12, 64, s0)>>,
                %v: tensor<12x?x64xf32, #dl.dims<()[s0] -> (12, s0, 64)>>)
    -> tensor<12x?x64xf32, #dl.dims<()[s0] -> (12, s0, 64)>> attributes {dl.symbols = ["T"]} {
  %0 = dl.matmul %q, %k : (tensor<12x?x64xf32, #dl.dims<()[s0] -> (12, s0, 64)>>, tensor<12x64x?xf32, #dl.dims<()[s0] -> (12, 64, s0)>>) -> tensor<12x?x?xf32, #dl.dims<()[s0] -> (12, s0, s0)>>
  %1 = dl.softmax %0 {axis = 2 : i64} : (tensor<12x?x?xf32, #dl.dims<()[s0] -> (12, s0, s0)>>) -> tensor<12x?x?xf32, #dl.dims<()[s0] -> (12, s0, s0)>>
  %2 = dl.matmul %1, %v : (tensor<12x?x?xf32, #dl.dims<()[s0] -> (12, s0, s0)>>, tensor<12x?x64xf32, #dl.dims<()[s0] -> (12, s0, 64)>>) -> tensor<12x?x64xf32, #dl.dims<()[s0] -> (12, s0, 64)>>
  return %2 : tensor<12x?x64xf32, #dl.dims<()[s0] -> (12, s0, 64)>>
}

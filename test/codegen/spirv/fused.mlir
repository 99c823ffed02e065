// RUN: dl-opt %s --stop-after=lower -spirv-generate-kernels | FileCheck %s

// What the passes make of a model, without a word about the target, becomes one stage
// here as well. SpirvTest.cpp runs it.

// CHECK: dl.dispatch [[KERNEL:@[a-z_0-9]+]](
// CHECK: func.func private [[KERNEL]]({{.*}} dl.stages = [{{{[^{}]*}}entry = "{{[a-z_0-9]+}}.0", iterations = {{#[a-z0-9]+}}, workgroup = 32 : i64}], dl.temporaries = []}
func.func @main(%x: tensor<?x64xf32, #dl.dims<()[s0] -> (s0, 64)>>, %w: tensor<64x37xf32>, %b: tensor<37xf32>) -> tensor<?x37xf32, #dl.dims<()[s0] -> (s0, 37)>> attributes {dl.symbols = ["M"]} {
  %0 = dl.matmul %x, %w : (tensor<?x64xf32, #dl.dims<()[s0] -> (s0, 64)>>, tensor<64x37xf32>) -> tensor<?x37xf32, #dl.dims<()[s0] -> (s0, 37)>>
  %1 = dl.add %0, %b : (tensor<?x37xf32, #dl.dims<()[s0] -> (s0, 37)>>, tensor<37xf32>) -> tensor<?x37xf32, #dl.dims<()[s0] -> (s0, 37)>>
  %z = dl.constant dense<0.0> : tensor<f32>
  %2 = dl.max %1, %z : (tensor<?x37xf32, #dl.dims<()[s0] -> (s0, 37)>>, tensor<f32>) -> tensor<?x37xf32, #dl.dims<()[s0] -> (s0, 37)>>
  return %2 : tensor<?x37xf32, #dl.dims<()[s0] -> (s0, 37)>>
}

// Weights of 8-bit floats stay such in a module for Vulkan devices alone, whose kernels widen
// what they read. Elsewhere they become float32 once.

// RUN: dl-compile %s --target=vulkan --emit=dl --stop-after=fuse -o - | FileCheck %s --check-prefix=KEPT
// RUN: dl-compile %s --target=cpu --emit=dl --stop-after=fuse -o - | FileCheck %s --check-prefix=FOLDED
// RUN: dl-compile %s --target=cpu,vulkan --emit=dl --stop-after=fuse -o - | FileCheck %s --check-prefix=FOLDED

// KEPT: dl.fused
// KEPT-NEXT: [[WIDE:%.*]] = dl.cast {{.*}} : (tensor<8x16xf8E4M3FN>) -> tensor<8x16xf32>
// KEPT-NEXT: [[WEIGHTS:%.*]] = dl.mul [[WIDE]]
// KEPT-NEXT: dl.matmul %arg0, [[WEIGHTS]]
// KEPT-NOT: dl.fused
// FOLDED-NOT: f8E4M3FN
// FOLDED-NOT: dl.cast
// FOLDED: dl.matmul
func.func @main(%x: tensor<8x8xf32>) -> tensor<8x16xf32> {
  %w = dl.constant dense<"0x1120BFBC648C8337D9224BF30303F8570C5C43E1F8462C56E1F97635978F0240A6CBEC4B3DDF35AE8B5463C2AF5D3CA752157D6245B3F9BA54314236BD48F8BEB5803A6651466EE6040A39E09F0EAC089443D4D2BABF0EA7AB652120FB681C3204B945FD1CB2D4871070276DA75FB510474BFB15302C9A4B3F08A582CEF30299"> : tensor<8x16xf8E4M3FN>
  %scale = dl.constant dense<[1.0, 2.0, 4.0, 8.0, 1.0, 2.0, 4.0, 8.0, 1.0, 2.0, 4.0, 8.0, 1.0, 2.0, 4.0, 8.0]> : tensor<16xf32>
  %0 = dl.cast %w : (tensor<8x16xf8E4M3FN>) -> tensor<8x16xf32>
  %1 = dl.mul %0, %scale : (tensor<8x16xf32>, tensor<16xf32>) -> tensor<8x16xf32>
  %2 = dl.matmul %x, %1 : (tensor<8x8xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  return %2 : tensor<8x16xf32>
}

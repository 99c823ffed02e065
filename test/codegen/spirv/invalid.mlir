// RUN: dl-opt %s -spirv-generate-kernels -split-input-file -verify-diagnostics
// RUN: not dl-opt %s -spirv-lower-kernels=target=abacus 2>&1 | FileCheck %s

// CHECK: 'abacus' is no kind of Vulkan device

// expected-error @below {{element type 'i48' has no form in SPIR-V for generic}}
func.func private @type(%x: tensor<4xi48>, %out: tensor<4xi48>) -> tensor<4xi48> attributes {dl.kernel} {
  return %x : tensor<4xi48>
}

// -----

// expected-error @below {{the kernel takes 33 sizes, and push constants hold 32}}
func.func private @sizes(%x: tensor<?x?x?x?x?x?x?x?x?x?x?xf32>, %y: tensor<?x?x?x?x?x?x?x?x?x?x?xf32>, %out: tensor<?x?x?x?x?x?x?x?x?x?x?xf32>) -> tensor<?x?x?x?x?x?x?x?x?x?x?xf32> attributes {dl.kernel} {
  return %out : tensor<?x?x?x?x?x?x?x?x?x?x?xf32>
}

// -----

func.func private @operation(%x: tensor<4xf32>, %out: tensor<4xf32>) -> tensor<4xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  // expected-error @below {{no rule for this operation inside of a kernel}}
  %0 = tensor.generate {
  ^bb0(%i: index):
    tensor.yield %zero : f32
  } : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// expected-error @below {{a tensor's size is not a formula of the sizes that the kernel is given}}
func.func private @formula(%x: tensor<4xf32>, %count: tensor<i64>, %out: tensor<4xf32>) -> tensor<4xf32> attributes {dl.kernel} {
  %c0 = arith.constant 0 : index
  %i = tensor.extract %count[] : tensor<i64>
  %n = arith.index_cast %i : i64 to index
  %e = tensor.empty(%n) : tensor<?xf32>
  %0 = tensor.insert_slice %x into %e[0] [4] [1] : tensor<4xf32> into tensor<?xf32>
  %1 = tensor.extract_slice %0[0] [4] [1] : tensor<?xf32> to tensor<4xf32>
  return %1 : tensor<4xf32>
}

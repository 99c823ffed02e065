// RUN: dl-opt %s -dl-join-pads -split-input-file | FileCheck %s

// In any order, and beside what is no pad.

// CHECK-LABEL: func.func @three
// CHECK-SAME: (%[[A:.*]]: tensor<4x2xf32>, %[[B:.*]]: tensor<4x3xf32>, %[[C:.*]]: tensor<4x1xf32>, %[[X:.*]]: tensor<4x6xf32>)
// CHECK-NEXT: %[[ALL:.*]] = dl.concat %[[A]], %[[B]], %[[C]] {axis = 1 : i64}
// CHECK-NEXT: %[[SUM:.*]] = dl.add %[[X]], %[[ALL]]
// CHECK-NEXT: return %[[SUM]]
func.func @three(%a: tensor<4x2xf32>, %b: tensor<4x3xf32>, %c: tensor<4x1xf32>, %x: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %zero = dl.constant dense<0.0> : tensor<f32>
  %0 = dl.pad constant, %a, %zero {low = affine_map<() -> (0, 0)>} : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x6xf32>
  %1 = dl.pad constant, %b, %zero {low = affine_map<() -> (0, 2)>} : (tensor<4x3xf32>, tensor<f32>) -> tensor<4x6xf32>
  %2 = dl.pad constant, %c, %zero {low = affine_map<() -> (0, 5)>} : (tensor<4x1xf32>, tensor<f32>) -> tensor<4x6xf32>
  %3 = dl.add %2, %0 : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
  %4 = dl.add %3, %x : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
  %5 = dl.add %4, %1 : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
  return %5 : tensor<4x6xf32>
}

// -----

// Zeros before, between and after; another dimension may be a symbol.

// CHECK-DAG: [[BEFORE:#.*]] = affine_map<() -> (1, 0)>
// CHECK-DAG: [[BETWEEN:#.*]] = affine_map<() -> (2, 0)>
// CHECK-LABEL: func.func @gaps
// CHECK: %[[A:.*]] = dl.pad constant, %arg0, {{.*}} {low = [[BEFORE]]} : {{.*}} -> tensor<3x?xi32,
// CHECK: %[[B:.*]] = dl.pad constant, %arg1, {{.*}} {low = [[BETWEEN]]} : {{.*}} -> tensor<7x?xi32,
// CHECK: dl.concat %[[A]], %[[B]] {axis = 0 : i64} : {{.*}} -> tensor<10x?xi32,
// CHECK-NOT: dl.add
func.func @gaps(%a: tensor<2x?xi32, #dl.dims<()[s0] -> (2, s0)>>, %b: tensor<4x?xi32, #dl.dims<()[s0] -> (4, s0)>>) -> tensor<10x?xi32, #dl.dims<()[s0] -> (10, s0)>> attributes {dl.symbols = ["N"]} {
  %zero = dl.constant dense<0> : tensor<i32>
  %0 = dl.pad constant, %a, %zero {low = affine_map<() -> (1, 0)>} : (tensor<2x?xi32, #dl.dims<()[s0] -> (2, s0)>>, tensor<i32>) -> tensor<10x?xi32, #dl.dims<()[s0] -> (10, s0)>>
  %1 = dl.pad constant, %b, %zero {low = affine_map<() -> (5, 0)>} : (tensor<4x?xi32, #dl.dims<()[s0] -> (4, s0)>>, tensor<i32>) -> tensor<10x?xi32, #dl.dims<()[s0] -> (10, s0)>>
  %2 = dl.add %0, %1 : (tensor<10x?xi32, #dl.dims<()[s0] -> (10, s0)>>, tensor<10x?xi32, #dl.dims<()[s0] -> (10, s0)>>) -> tensor<10x?xi32, #dl.dims<()[s0] -> (10, s0)>>
  return %2 : tensor<10x?xi32, #dl.dims<()[s0] -> (10, s0)>>
}

// -----

// They overlap, pad along different dimensions or with another value, are used
// elsewhere, or are broadcast.

// CHECK-LABEL: func.func @others
// CHECK-NOT: dl.concat
func.func @others(%a: tensor<4x2xf32>, %b: tensor<4x3xf32>, %c: tensor<2x4xf32>, %d: tensor<4x2xf32>, %one: tensor<1x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) {
  %zero = dl.constant dense<0.0> : tensor<f32>
  %v = dl.constant dense<1.0> : tensor<f32>
  %0 = dl.pad constant, %a, %zero {low = affine_map<() -> (0, 0)>} : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x4xf32>
  %1 = dl.pad constant, %b, %zero {low = affine_map<() -> (0, 1)>} : (tensor<4x3xf32>, tensor<f32>) -> tensor<4x4xf32>
  %overlap = dl.add %0, %1 : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = dl.pad constant, %a, %zero {low = affine_map<() -> (0, 0)>} : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x4xf32>
  %3 = dl.pad constant, %c, %zero {low = affine_map<() -> (2, 0)>} : (tensor<2x4xf32>, tensor<f32>) -> tensor<4x4xf32>
  %axes = dl.add %2, %3 : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %4 = dl.pad constant, %a, %zero {low = affine_map<() -> (0, 0)>} : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x4xf32>
  %5 = dl.pad constant, %d, %v {low = affine_map<() -> (0, 2)>} : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x4xf32>
  %value = dl.add %4, %5 : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %6 = dl.pad constant, %a, %zero {low = affine_map<() -> (0, 0)>} : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x4xf32>
  %7 = dl.pad constant, %d, %zero {low = affine_map<() -> (0, 2)>} : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x4xf32>
  %used = dl.add %6, %7 : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %8 = dl.pad constant, %a, %zero {low = affine_map<() -> (0, 0)>} : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x4xf32>
  %9 = dl.add %one, %8 : (tensor<1x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %10 = dl.pad constant, %d, %zero {low = affine_map<() -> (0, 2)>} : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x4xf32>
  %broadcast = dl.add %9, %10 : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %overlap, %axes, %value, %used, %6, %broadcast : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
}

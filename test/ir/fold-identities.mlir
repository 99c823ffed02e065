// Ops that change nothing, or undo each other, go away.

// RUN: dl-opt %s --canonicalize | FileCheck %s

!x = tensor<2x3xf32>

// CHECK-LABEL: func.func @float_identities(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x3xf32>
func.func @float_identities(%x: !x) -> (!x, !x, !x, !x, !x, !x, !x) {
  %mzero = dl.constant dense<-0.0> : tensor<f32>
  %zero = dl.constant dense<0.0> : tensor<f32>
  %one = dl.constant dense<1.0> : tensor<3xf32>
  %inf = dl.constant dense<0x7F800000> : tensor<f32>
  %minf = dl.constant dense<0xFF800000> : tensor<f32>
  %0 = dl.add %mzero, %x : (tensor<f32>, !x) -> !x
  %1 = dl.sub %x, %zero : (!x, tensor<f32>) -> !x
  %2 = dl.mul %one, %x : (tensor<3xf32>, !x) -> !x
  %3 = dl.div %x, %one : (!x, tensor<3xf32>) -> !x
  %4 = dl.pow %x, %one : (!x, tensor<3xf32>) -> !x
  %5 = dl.max %x, %minf : (!x, tensor<f32>) -> !x
  %6 = dl.min %x, %inf : (!x, tensor<f32>) -> !x
  // CHECK-NEXT: return %[[X]], %[[X]], %[[X]], %[[X]], %[[X]], %[[X]], %[[X]] :
  return %0, %1, %2, %3, %4, %5, %6 : !x, !x, !x, !x, !x, !x, !x
}

// -0.0 + 0.0 is 0.0.
// CHECK-LABEL: func.func @add_positive_zero(
func.func @add_positive_zero(%x: !x) -> !x {
  %zero = dl.constant dense<0.0> : tensor<f32>
  // CHECK: dl.add
  %0 = dl.add %x, %zero : (!x, tensor<f32>) -> !x
  return %0 : !x
}

// The constant makes the result larger.
// CHECK-LABEL: func.func @broadcasts(
func.func @broadcasts(%x: tensor<3xf32>) -> !x {
  %one = dl.constant dense<1.0> : !x
  // CHECK: dl.mul
  %0 = dl.mul %x, %one : (tensor<3xf32>, !x) -> !x
  return %0 : !x
}

!i = tensor<2xi32>

// CHECK-LABEL: func.func @integer_identities(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2xi32>
func.func @integer_identities(%x: !i) -> (!i, !i, !i, !i, !i, !i, !i, !i) {
  %zero = dl.constant dense<0> : tensor<i32>
  %ones = dl.constant dense<-1> : tensor<i32>
  %lowest = dl.constant dense<-2147483648> : tensor<i32>
  %highest = dl.constant dense<2147483647> : tensor<i32>
  %0 = dl.add %x, %zero : (!i, tensor<i32>) -> !i
  %1 = dl.or %x, %zero : (!i, tensor<i32>) -> !i
  %2 = dl.xor %x, %zero : (!i, tensor<i32>) -> !i
  %3 = dl.and %x, %ones : (!i, tensor<i32>) -> !i
  %4 = dl.shl %x, %zero : (!i, tensor<i32>) -> !i
  %5 = dl.shr %x, %zero : (!i, tensor<i32>) -> !i
  %6 = dl.max %x, %lowest : (!i, tensor<i32>) -> !i
  %7 = dl.min %x, %highest : (!i, tensor<i32>) -> !i
  // CHECK-NEXT: return %[[X]], %[[X]], %[[X]], %[[X]], %[[X]], %[[X]], %[[X]], %[[X]] :
  return %0, %1, %2, %3, %4, %5, %6, %7 : !i, !i, !i, !i, !i, !i, !i, !i
}

// CHECK-LABEL: func.func @times_zero(
func.func @times_zero(%x: !i) -> !i {
  // CHECK-NEXT: %[[ZERO:.*]] = dl.constant dense<0> : tensor<2xi32>
  %zero = dl.constant dense<0> : tensor<i32>
  %0 = dl.mul %x, %zero : (!i, tensor<i32>) -> !i
  // CHECK-NEXT: return %[[ZERO]]
  return %0 : !i
}

// CHECK-LABEL: func.func @unsigned(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2xui8>
func.func @unsigned(%x: tensor<2xui8>) -> (tensor<2xui8>, tensor<2xui8>) {
  %lowest = dl.constant dense<0> : tensor<ui8>
  %highest = dl.constant dense<255> : tensor<ui8>
  %0 = dl.max %x, %lowest : (tensor<2xui8>, tensor<ui8>) -> tensor<2xui8>
  %1 = dl.min %x, %highest : (tensor<2xui8>, tensor<ui8>) -> tensor<2xui8>
  // CHECK-NEXT: return %[[X]], %[[X]]
  return %0, %1 : tensor<2xui8>, tensor<2xui8>
}

// CHECK-LABEL: func.func @same_operands(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2xi32>
func.func @same_operands(%x: !i, %c: tensor<2xi1>) -> (!i, !i, !i, !i, !i) {
  %0 = dl.max %x, %x : (!i, !i) -> !i
  %1 = dl.min %x, %x : (!i, !i) -> !i
  %2 = dl.and %x, %x : (!i, !i) -> !i
  %3 = dl.or %x, %x : (!i, !i) -> !i
  %4 = dl.select %c, %x, %x : (tensor<2xi1>, !i, !i) -> !i
  // CHECK-NEXT: return %[[X]], %[[X]], %[[X]], %[[X]], %[[X]]
  return %0, %1, %2, %3, %4 : !i, !i, !i, !i, !i
}

// CHECK-LABEL: func.func @select(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2xi32>, %[[Y:[a-z0-9]+]]: tensor<2xi32>
func.func @select(%x: !i, %y: !i) -> (!i, !i) {
  %true = dl.constant dense<true> : tensor<i1>
  %false = dl.constant dense<false> : tensor<2xi1>
  %0 = dl.select %true, %x, %y : (tensor<i1>, !i, !i) -> !i
  %1 = dl.select %false, %x, %y : (tensor<2xi1>, !i, !i) -> !i
  // CHECK-NEXT: return %[[X]], %[[Y]]
  return %0, %1 : !i, !i
}

// CHECK-LABEL: func.func @twice(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2xi32>
func.func @twice(%x: !i) -> (!i, !i) {
  %0 = dl.neg %x : (!i) -> !i
  %1 = dl.neg %0 : (!i) -> !i
  %2 = dl.not %x : (!i) -> !i
  %3 = dl.not %2 : (!i) -> !i
  // CHECK-NEXT: return %[[X]], %[[X]]
  return %1, %3 : !i, !i
}

// CHECK-LABEL: func.func @cast(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2xi32>
func.func @cast(%x: !i) -> (!i, !i, !i) {
  %0 = dl.cast %x : (!i) -> !i
  %1 = dl.cast %x : (!i) -> tensor<2xi64>
  %2 = dl.cast %1 : (tensor<2xi64>) -> !i
  // Bits are lost on the way.
  // CHECK: %[[NARROW:.*]] = dl.cast
  %3 = dl.cast %x : (!i) -> tensor<2xi16>
  // CHECK: %[[BACK:.*]] = dl.cast
  %4 = dl.cast %3 : (tensor<2xi16>) -> !i
  // CHECK: return %[[X]], %[[X]], %[[BACK]]
  return %0, %2, %4 : !i, !i, !i
}

!s = tensor<?x4xf32, #dl.dims<()[s0] -> (s0, 4)>>
!t = tensor<4x?xf32, #dl.dims<()[s0] -> (4, s0)>>
!f = tensor<?xf32, #dl.dims<()[s0] -> (s0 * 4)>>

// CHECK-LABEL: func.func @movement(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x4xf32
func.func @movement(%x: !s) -> (!s, !s, !s, !s, !s, !s, !s) attributes {dl.symbols = ["n"]} {
  %0 = dl.reshape %x : (!s) -> !s
  %1 = dl.reshape %x : (!s) -> !f
  %2 = dl.reshape %1 : (!f) -> !s
  %3 = dl.transpose %x {permutation = array<i64: 0, 1>} : (!s) -> !s
  %4 = dl.transpose %x {permutation = array<i64: 1, 0>} : (!s) -> !t
  %5 = dl.transpose %4 {permutation = array<i64: 1, 0>} : (!t) -> !s
  %6 = dl.broadcast %x : (!s) -> !s
  %7 = dl.slice %x {offsets = affine_map<() -> (0, 0)>, strides = array<i64: 1, 1>} : (!s) -> !s
  %8 = dl.concat %x {axis = 0 : i64} : (!s) -> !s
  // CHECK-NEXT: return %[[X]], %[[X]], %[[X]], %[[X]], %[[X]], %[[X]], %[[X]] :
  return %0, %2, %3, %5, %6, %7, %8 : !s, !s, !s, !s, !s, !s, !s
}

// CHECK-LABEL: func.func @combined(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x3x4xf32>
func.func @combined(%x: tensor<2x3x4xf32>, %y: tensor<1xf32>) -> (tensor<4x6xf32>, tensor<3x4x2xf32>, tensor<3x2xf32>) {
  %0 = dl.reshape %x : (tensor<2x3x4xf32>) -> tensor<24xf32>
  // CHECK-DAG: %[[R:.*]] = dl.reshape %[[X]] : (tensor<2x3x4xf32>) -> tensor<4x6xf32>
  %1 = dl.reshape %0 : (tensor<24xf32>) -> tensor<4x6xf32>
  %2 = dl.transpose %x {permutation = array<i64: 1, 0, 2>} : (tensor<2x3x4xf32>) -> tensor<3x2x4xf32>
  // CHECK-DAG: %[[T:.*]] = dl.transpose %[[X]] {permutation = array<i64: 1, 2, 0>}
  %3 = dl.transpose %2 {permutation = array<i64: 0, 2, 1>} : (tensor<3x2x4xf32>) -> tensor<3x4x2xf32>
  %4 = dl.broadcast %y : (tensor<1xf32>) -> tensor<2xf32>
  // CHECK-DAG: %[[B:.*]] = dl.broadcast %{{.*}} : (tensor<1xf32>) -> tensor<3x2xf32>
  %5 = dl.broadcast %4 : (tensor<2xf32>) -> tensor<3x2xf32>
  // CHECK: return %[[R]], %[[T]], %[[B]]
  return %1, %3, %5 : tensor<4x6xf32>, tensor<3x4x2xf32>, tensor<3x2xf32>
}

// CHECK-LABEL: func.func @reversed(
func.func @reversed(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: dl.slice
  %0 = dl.slice %x {offsets = affine_map<() -> (3)>, strides = array<i64: -1>} : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: func.func @reduce_nothing(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4xf32>
func.func @reduce_nothing(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dl.reduce sum, %x {axes = array<i64>} : (tensor<4xf32>) -> tensor<4xf32>
  // CHECK-NEXT: return %[[X]]
  return %0 : tensor<4xf32>
}

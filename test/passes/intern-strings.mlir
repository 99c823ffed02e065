// RUN: dl-opt %s --dl-intern-strings --split-input-file | FileCheck %s

// Constants become positions in the module's table, which names each string once;
// everything that moves or compares strings is on integers then.
// CHECK: module attributes {dl.strings = ["b", "a", "", "c", ","]}
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: tensor<2xi64>, %[[N:.*]]: tensor<2xf32>) -> (tensor<2xi1>, tensor<3xi64>, tensor<2xi64>, tensor<2x2xi64>)
// CHECK-SAME: dl.input_types = [tensor<2x!dl.string>, tensor<2xf32>]
// CHECK-SAME: dl.output_types = [tensor<2xi1>, tensor<3x!dl.string>, tensor<2xi64>, tensor<2x2x!dl.string>]
func.func @main(%x: tensor<2x!dl.string>, %n: tensor<2xf32>) -> (tensor<2xi1>, tensor<3x!dl.string>, tensor<2xi64>, tensor<2x2x!dl.string>) {
  // CHECK-DAG: %[[B:.*]] = dl.constant dense<0> : tensor<i64>
  // CHECK-DAG: %[[L:.*]] = dl.constant dense<[1, 0, 2]> : tensor<3xi64>
  %b = dl.constant dense<"b"> : tensor<!dl.string>
  %l = dl.constant dense<["a", "b", ""]> : tensor<3x!dl.string>
  // CHECK: %[[EQ:.*]] = dl.compare eq, %[[X]], %[[B]] : (tensor<2xi64>, tensor<i64>) -> tensor<2xi1>
  %0 = dl.compare eq, %x, %b : (tensor<2x!dl.string>, tensor<!dl.string>) -> tensor<2xi1>
  // Of the program's four strings that it may be, the first key's position; of others,
  // the number of keys.
  // CHECK-DAG: %[[T:.*]] = dl.constant dense<[2, 1, 2, 0, 2]> : tensor<5xi64>
  // CHECK-DAG: %[[END:.*]] = dl.constant dense<4> : tensor<i64>
  // CHECK: %[[MIN:.*]] = dl.min %[[X]], %[[END]] : (tensor<2xi64>, tensor<i64>) -> tensor<2xi64>
  // CHECK: dl.gather %[[T]], %[[MIN]] {axis = 0 : i64} : (tensor<5xi64>, tensor<2xi64>) -> tensor<2xi64>
  %1 = dl.string_find %x {keys = ["c", "a"]} : (tensor<2x!dl.string>) -> tensor<2xi64>
  // CHECK: dl.host_call "string_split"(%[[X]]) {arguments = array<i64: 4, -1>} : (tensor<2xi64>) -> tensor<2x2xi64>
  %2 = dl.string_split %x {delimiter = ","} : (tensor<2x!dl.string>) -> tensor<2x2x!dl.string>
  return %0, %l, %1, %2 : tensor<2xi1>, tensor<3x!dl.string>, tensor<2xi64>, tensor<2x2x!dl.string>
}

// -----

// The functions of all ops, with the numbers of strings that are attributes.
// CHECK: module attributes {dl.strings = ["en_US", "", "a+"]}
// CHECK-LABEL: func.func @calls
func.func @calls(%x: tensor<2x!dl.string>, %n: tensor<2xf32>, %f: tensor<9xui8>) -> (tensor<2x!dl.string>, tensor<2xi64>, tensor<2xi1>, tensor<2xi64>, tensor<2xf32>, tensor<2x!dl.string>, tensor<2xi64>, tensor<2x2x1xui8>) {
  // CHECK: %[[C:.*]] = dl.host_call "string_concat"(%arg0, %arg0) {arguments = array<i64>} : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  %0 = dl.string_concat %x, %x : (tensor<2x!dl.string>, tensor<2x!dl.string>) -> tensor<2x!dl.string>
  // CHECK: dl.host_call "string_case"(%[[C]]) {arguments = array<i64: 1, 0>}
  %1 = dl.string_case %0 {upper = true, locale = "en_US"} : (tensor<2x!dl.string>) -> tensor<2x!dl.string>
  // CHECK: dl.host_call "string_count"(%arg0) {arguments = array<i64: 1, 3>} : (tensor<2xi64>) -> tensor<2xi64>
  %2 = dl.string_count %x {max_splits = 3 : i64} : (tensor<2x!dl.string>) -> tensor<2xi64>
  // CHECK: dl.host_call "string_match"(%arg0) {arguments = array<i64: 2>} : (tensor<2xi64>) -> tensor<2xi1>
  %3 = dl.string_match %x {pattern = "a+"} : (tensor<2x!dl.string>) -> tensor<2xi1>
  // CHECK: dl.host_call "string_rank"(%arg0)
  %4 = dl.string_rank %x : (tensor<2x!dl.string>) -> tensor<2xi64>
  // CHECK: dl.host_call "string_to_number"(%arg0) {arguments = array<i64>} : (tensor<2xi64>) -> tensor<2xf32>
  %5 = dl.string_to_number %x : (tensor<2x!dl.string>) -> tensor<2xf32>
  // CHECK: dl.host_call "number_to_string"(%arg1) {arguments = array<i64>} : (tensor<2xf32>) -> tensor<2xi64>
  %6 = dl.number_to_string %n : (tensor<2xf32>) -> tensor<2x!dl.string>
  // CHECK: dl.host_call "image_size"(%arg2)
  %7 = dl.image_size %f : (tensor<9xui8>) -> tensor<2xi64>
  // CHECK: dl.host_call "decode_image"(%arg2) {arguments = array<i64: 2>} : (tensor<9xui8>) -> tensor<2x2x1xui8>
  %8 = dl.decode_image grayscale, %f : (tensor<9xui8>) -> tensor<2x2x1xui8>
  return %1, %2, %3, %4, %5, %6, %7, %8 : tensor<2x!dl.string>, tensor<2xi64>, tensor<2xi1>, tensor<2xi64>, tensor<2xf32>, tensor<2x!dl.string>, tensor<2xi64>, tensor<2x2x1xui8>
}

// -----

// A loop carries numbers as well.
// CHECK-LABEL: func.func @loop
func.func @loop(%s: tensor<!dl.string>, %x: tensor<4x!dl.string>) -> tensor<!dl.string> {
  // CHECK: dl.scan
  // CHECK: ^bb0(%{{.*}}: tensor<i64>, %{{.*}}: tensor<i64>):
  // CHECK: dl.host_call "string_concat"
  %0 = dl.scan states(%s) inputs(%x) {
  ^bb0(%t: tensor<!dl.string>, %e: tensor<!dl.string>):
    %1 = dl.string_concat %t, %e : (tensor<!dl.string>, tensor<!dl.string>) -> tensor<!dl.string>
    dl.yield %1 : tensor<!dl.string>
  } : (tensor<!dl.string>, tensor<4x!dl.string>) -> tensor<!dl.string>
  return %0 : tensor<!dl.string>
}

// -----

// Without strings, nothing changes.
// CHECK-NOT: dl.strings
// CHECK-LABEL: func.func @none(
func.func @none(%x: tensor<2xi64>) -> tensor<2xi64> {
  return %x : tensor<2xi64>
}

// -----

// Not even an empty constant keeps its type.
// CHECK-LABEL: func.func @empty() -> tensor<0xi64>
func.func @empty() -> tensor<0x!dl.string> {
  // CHECK: dl.constant dense<> : tensor<0xi64>
  %0 = dl.constant dense<> : tensor<0x!dl.string>
  return %0 : tensor<0x!dl.string>
}

// -----

// Nor does a sequence.
// CHECK-LABEL: func.func @sequence(
// CHECK: dl.sequence_create(%{{.*}}) : (tensor<2xi64>) -> !dl.sequence<tensor<2xi64>>
// CHECK: dl.sequence_at {{.*}} -> tensor<2xi64>
func.func @sequence(%x: tensor<2x!dl.string>, %i: tensor<i64>) -> tensor<2x!dl.string> {
  %0 = dl.sequence_create(%x) : (tensor<2x!dl.string>) -> !dl.sequence<tensor<2x!dl.string>>
  %1 = dl.sequence_at %0, %i {symbols = array<i64>} : (!dl.sequence<tensor<2x!dl.string>>, tensor<i64>) -> tensor<2x!dl.string>
  return %1 : tensor<2x!dl.string>
}

// -----

// At the border, the caller's strings are noted.
// CHECK-LABEL: func.func @border(
// CHECK-SAME: %[[S:.*]]: !dl.sequence<tensor<?xi64>>) -> !dl.optional<!dl.sequence<tensor<?xi64>>>
// CHECK-SAME: dl.input_types = [!dl.sequence<tensor<?x!dl.string>>]
// CHECK-SAME: dl.output_types = [!dl.optional<!dl.sequence<tensor<?x!dl.string>>>]
func.func @border(%s: !dl.sequence<tensor<?x!dl.string>>) -> !dl.optional<!dl.sequence<tensor<?x!dl.string>>> {
  %0 = dl.optional_create(%s) : (!dl.sequence<tensor<?x!dl.string>>) -> !dl.optional<!dl.sequence<tensor<?x!dl.string>>>
  return %0 : !dl.optional<!dl.sequence<tensor<?x!dl.string>>>
}

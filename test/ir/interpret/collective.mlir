// RUN: dl-opt --run-reference %s -o /dev/null | FileCheck %s

// One rank is all ranks.

// CHECK{LITERAL}: all_reduce: dense<[1.000000e+00, -2.000000e+00]> : tensor<2xf32>
// CHECK{LITERAL}: all_reduce: dense<3.000000e+00> : tensor<f32>
func.func @all_reduce() -> (tensor<2xf32>, tensor<f32>) {
  %a = dl.constant dense<[1.0, -2.0]> : tensor<2xf32>
  %b = dl.constant dense<3.0> : tensor<f32>
  %r:2 = dl.all_reduce %a, %b : (tensor<2xf32>, tensor<f32>) -> (tensor<2xf32>, tensor<f32>)
  return %r#0, %r#1 : tensor<2xf32>, tensor<f32>
}

// CHECK{LITERAL}: process_rank: dense<0> : tensor<i64>
// CHECK{LITERAL}: process_rank: dense<1> : tensor<i64>
func.func @process_rank() -> (tensor<i64>, tensor<i64>) {
  %n, %c = dl.process_rank : () -> (tensor<i64>, tensor<i64>)
  return %n, %c : tensor<i64>, tensor<i64>
}

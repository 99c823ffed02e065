// RUN: dl-opt --run-reference %s -o /dev/null | FileCheck %s

// Strings are moved, chosen and compared like other elements.
// CHECK: move: dense<["", "b", "a", "x"]> : tensor<4x!dl.string>
// CHECK: move: dense<[false, true, false]> : tensor<3xi1>
// CHECK: move: dense<["a", "x", "c"]> : tensor<3x!dl.string>
// CHECK{LITERAL}: move: dense<[["b"], ["a"]]> : tensor<2x1x!dl.string>
// CHECK: move: dense<["a", "z", "c"]> : tensor<3x!dl.string>
func.func @move() -> (tensor<4x!dl.string>, tensor<3xi1>, tensor<3x!dl.string>, tensor<2x1x!dl.string>, tensor<3x!dl.string>) {
  %a = dl.constant dense<["", "b", "a"]> : tensor<3x!dl.string>
  %b = dl.constant dense<["a", "b", "c"]> : tensor<3x!dl.string>
  %x = dl.constant dense<"x"> : tensor<1x!dl.string>
  %z = dl.constant dense<"z"> : tensor<1x!dl.string>
  %i = dl.constant dense<[[1], [2]]> : tensor<2x1xi64>
  %j = dl.constant dense<[1]> : tensor<1xi64>
  %0 = dl.concat %a, %x {axis = 0 : i64} : (tensor<3x!dl.string>, tensor<1x!dl.string>) -> tensor<4x!dl.string>
  %1 = dl.compare eq, %a, %b : (tensor<3x!dl.string>, tensor<3x!dl.string>) -> tensor<3xi1>
  %2 = dl.select %1, %x, %b : (tensor<3xi1>, tensor<1x!dl.string>, tensor<3x!dl.string>) -> tensor<3x!dl.string>
  %3 = dl.gather %a, %i {axis = 0 : i64} : (tensor<3x!dl.string>, tensor<2x1xi64>) -> tensor<2x1x!dl.string>
  %4 = dl.scatter_elements set, %b, %j, %z {axis = 0 : i64} : (tensor<3x!dl.string>, tensor<1xi64>, tensor<1x!dl.string>) -> tensor<3x!dl.string>
  return %0, %1, %2, %3, %4 : tensor<4x!dl.string>, tensor<3xi1>, tensor<3x!dl.string>, tensor<2x1x!dl.string>, tensor<3x!dl.string>
}

// CHECK{LITERAL}: text: dense<[["ax", "ay"], ["bx", "by"]]> : tensor<2x2x!dl.string>
// CHECK: text: dense<["ABC 1", "\C3\84"]> : tensor<2x!dl.string>
// CHECK: text: dense<["abc 1", "\C3\A4"]> : tensor<2x!dl.string>
// CHECK: text: dense<[1, 0]> : tensor<2xi64>
// CHECK: text: dense<[1, 2, 0, 2]> : tensor<4xi64>
func.func @text() -> (tensor<2x2x!dl.string>, tensor<2x!dl.string>, tensor<2x!dl.string>, tensor<2xi64>, tensor<4xi64>) {
  %a = dl.constant dense<[["a"], ["b"]]> : tensor<2x1x!dl.string>
  %x = dl.constant dense<["x", "y"]> : tensor<2x!dl.string>
  %t = dl.constant dense<["aBc 1", "ä"]> : tensor<2x!dl.string>
  %s = dl.constant dense<["b", "c", "a", "c"]> : tensor<4x!dl.string>
  %0 = dl.string_concat %a, %x : (tensor<2x1x!dl.string>, tensor<2x!dl.string>) -> tensor<2x2x!dl.string>
  %1 = dl.string_case %t {upper = true} : (tensor<2x!dl.string>) -> tensor<2x!dl.string>
  %2 = dl.string_case %t {upper = false} : (tensor<2x!dl.string>) -> tensor<2x!dl.string>
  %3 = dl.string_rank %x : (tensor<2x!dl.string>) -> tensor<2xi64>
  %4 = dl.string_find %x {keys = ["y", "x", "y"]} : (tensor<2x!dl.string>) -> tensor<2xi64>
  %5 = dl.string_rank %s : (tensor<4x!dl.string>) -> tensor<4xi64>
  return %0, %1, %2, %4, %5 : tensor<2x2x!dl.string>, tensor<2x!dl.string>, tensor<2x!dl.string>, tensor<2xi64>, tensor<4xi64>
}

// A delimiter makes empty parts, white space does not; what is left after the most
// splits keeps its end.
// CHECK: parts: dense<[3, 1, 2]> : tensor<3xi64>
// CHECK{LITERAL}: parts: dense<[["a", ""], ["", ""], ["", "b"]]> : tensor<3x2x!dl.string>
// CHECK: parts: dense<[2, 0, 3]> : tensor<3xi64>
// CHECK{LITERAL}: parts: dense<[["a", "b"], ["", ""], ["a", "b c "]]> : tensor<3x2x!dl.string>
func.func @parts() -> (tensor<3xi64>, tensor<3x2x!dl.string>, tensor<3xi64>, tensor<3x2x!dl.string>) {
  %c = dl.constant dense<["a,,b", "", ",b"]> : tensor<3x!dl.string>
  %w = dl.constant dense<[" a  b", " ", "a b c "]> : tensor<3x!dl.string>
  %0 = dl.string_count %c {delimiter = ","} : (tensor<3x!dl.string>) -> tensor<3xi64>
  %1 = dl.string_split %c {delimiter = ","} : (tensor<3x!dl.string>) -> tensor<3x2x!dl.string>
  %2 = dl.string_count %w : (tensor<3x!dl.string>) -> tensor<3xi64>
  %3 = dl.string_split %w {max_splits = 1 : i64} : (tensor<3x!dl.string>) -> tensor<3x2x!dl.string>
  return %0, %1, %2, %3 : tensor<3xi64>, tensor<3x2x!dl.string>, tensor<3xi64>, tensor<3x2x!dl.string>
}

// CHECK: numbers: dense<[1.500000e+00, -1.000000e+01, 0x7F800000, 0x7FC00000]> : tensor<4xf32>
// CHECK: numbers: dense<[9223372036854775807, -3]> : tensor<2xi64>
// CHECK: numbers: dense<["0.1", "1.0", "1e+16", "NaN", "-INF"]> : tensor<5x!dl.string>
// CHECK: numbers: dense<["-1", "7"]> : tensor<2x!dl.string>
func.func @numbers() -> (tensor<4xf32>, tensor<2xi64>, tensor<5x!dl.string>, tensor<2x!dl.string>) {
  %f = dl.constant dense<[" 1.5", "-1e1", "+Inf", "nan"]> : tensor<4x!dl.string>
  %i = dl.constant dense<["9223372036854775807", "-3.9"]> : tensor<2x!dl.string>
  %x = dl.constant dense<[0.1, 1.0, 1.0e16, 0x7FC00000, 0xFF800000]> : tensor<5xf32>
  %y = dl.constant dense<[-1, 7]> : tensor<2xi64>
  %0 = dl.string_to_number %f : (tensor<4x!dl.string>) -> tensor<4xf32>
  %1 = dl.string_to_number %i : (tensor<2x!dl.string>) -> tensor<2xi64>
  %2 = dl.number_to_string %x : (tensor<5xf32>) -> tensor<5x!dl.string>
  %3 = dl.number_to_string %y : (tensor<2xi64>) -> tensor<2x!dl.string>
  return %0, %1, %2, %3 : tensor<4xf32>, tensor<2xi64>, tensor<5x!dl.string>, tensor<2x!dl.string>
}

// What libraries do: regular expressions, images, and a language's own case.
// CHECK: libraries: dense<[true, false]> : tensor<2xi1>
// CHECK: libraries: dense<["\C4\B1", "i"]> : tensor<2x!dl.string>
// CHECK: libraries: dense<[1, 2]> : tensor<2xi64>
// CHECK{LITERAL}: libraries: dense<[[[3, 2, 1], [6, 5, 4]]]> : tensor<1x2x3xui8>
func.func @libraries() -> (tensor<2xi1>, tensor<2x!dl.string>, tensor<2xi64>, tensor<1x2x3xui8>) {
  %t = dl.constant dense<["aab", "abc"]> : tensor<2x!dl.string>
  %i = dl.constant dense<["I", "İ"]> : tensor<2x!dl.string>
  %f = dl.constant dense<[80, 54, 10, 50, 32, 49, 10, 50, 53, 53, 10, 1, 2, 3, 4, 5, 6]> : tensor<17xui8>
  %0 = dl.string_match %t {pattern = "a+b"} : (tensor<2x!dl.string>) -> tensor<2xi1>
  %1 = dl.string_case %i {upper = false, locale = "tr_TR"} : (tensor<2x!dl.string>) -> tensor<2x!dl.string>
  %2 = dl.image_size %f : (tensor<17xui8>) -> tensor<2xi64>
  %3 = dl.decode_image bgr, %f : (tensor<17xui8>) -> tensor<1x2x3xui8>
  return %0, %1, %2, %3 : tensor<2xi1>, tensor<2x!dl.string>, tensor<2xi64>, tensor<1x2x3xui8>
}

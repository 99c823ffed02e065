// RUN: not dl-opt %s --dl-intern-strings 2>&1 | FileCheck %s

// The runtime numbers the strings of tensors alone.
// CHECK: error: input 1 is a sequence or an optional of strings, which is not supported
func.func @main(%x: tensor<2x!dl.string>, %s: !dl.sequence<tensor<?x!dl.string>>) -> tensor<2x!dl.string> {
  return %x : tensor<2x!dl.string>
}

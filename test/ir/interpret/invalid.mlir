// What the reference refuses while it runs: sizes that contradict each other are
// known only then.

// RUN: dl-opt %s --run-reference --split-input-file --verify-diagnostics -o /dev/null

func.func @broadcasting(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<0.0> : tensor<2xf32>}, %y: tensor<?xf32, #dl.dims<()[s0, s1] -> (s1)>> {dl.value = dense<0.0> : tensor<3xf32>}) attributes {dl.symbols = ["n", "m"]} {
  // expected-error @+1 {{operands do not broadcast: found dimensions of 2 and 3}}
  %0 = dl.add %x, %y : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>, tensor<?xf32, #dl.dims<()[s0, s1] -> (s1)>>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0)>>
  return
}

// -----

func.func @result_shape(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<0.0> : tensor<1xf32>}, %y: tensor<?xf32, #dl.dims<()[s0, s1] -> (s1)>> {dl.value = dense<0.0> : tensor<3xf32>}) attributes {dl.symbols = ["n", "m"]} {
  // expected-error @+1 {{expected a result of 'tensor<?xf32, #dl.dims<()[s0] -> (s0)>>', found the shape [3]}}
  %0 = dl.add %x, %y : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>, tensor<?xf32, #dl.dims<()[s0, s1] -> (s1)>>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0)>>
  return
}

// -----

func.func @broadcast(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<0.0> : tensor<2xf32>}, %y: tensor<?xf32, #dl.dims<()[s0, s1] -> (s1)>> {dl.value = dense<0.0> : tensor<3xf32>}) attributes {dl.symbols = ["n", "m"]} {
  // expected-error @+1 {{a dimension of 2 does not broadcast to 3}}
  %0 = dl.broadcast %x : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) -> tensor<?xf32, #dl.dims<()[s0, s1] -> (s1)>>
  return
}

// -----

func.func @reshape(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<0.0> : tensor<2xf32>}, %y: tensor<?xf32, #dl.dims<()[s0, s1] -> (s1)>> {dl.value = dense<0.0> : tensor<3xf32>}) attributes {dl.symbols = ["n", "m"]} {
  // expected-error @+1 {{expected a shape of 2 elements, found one of 3}}
  %0 = dl.reshape %x : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) -> tensor<?xf32, #dl.dims<()[s0, s1] -> (s1)>>
  return
}

// -----

func.func @negative_size(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<0.0> : tensor<2xf32>}) attributes {dl.symbols = ["n"]} {
  // expected-error @+1 {{has a result whose shape is not known or negative}}
  %0 = dl.slice %x {offsets = affine_map<() -> (0)>, strides = array<i64: 1>} : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0 - 5)>>
  return
}

// -----

func.func @slice(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<0.0> : tensor<2xf32>}) attributes {dl.symbols = ["n"]} {
  // expected-error @+1 {{position 3 is outside of dimension 0 of size 2}}
  %0 = dl.slice %x {offsets = affine_map<() -> (1)>, strides = array<i64: 1>} : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) -> tensor<3xf32>
  return
}

// -----

func.func @pad(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<> : tensor<0xf32>}, %v: tensor<f32> {dl.value = dense<0.0> : tensor<f32>}) attributes {dl.symbols = ["n"]} {
  // expected-error @+1 {{an empty operand can be padded by a constant alone}}
  %0 = dl.pad edge, %x, %v {low = affine_map<() -> (1)>} : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>, tensor<f32>) -> tensor<2xf32>
  return
}

// -----

func.func @concat(%x: tensor<2x?xf32, #dl.dims<()[s0] -> (2, s0)>> {dl.value = dense<0.0> : tensor<2x4xf32>}, %y: tensor<2x?xf32, #dl.dims<()[s0, s1] -> (2, s1)>> {dl.value = dense<0.0> : tensor<2x3xf32>}) attributes {dl.symbols = ["n", "m"]} {
  // expected-error @+1 {{inputs disagree in dimension 1: found 4 and 3}}
  %0 = dl.concat %x, %y {axis = 0 : i64} : (tensor<2x?xf32, #dl.dims<()[s0] -> (2, s0)>>, tensor<2x?xf32, #dl.dims<()[s0, s1] -> (2, s1)>>) -> tensor<4x?xf32, #dl.dims<()[s0] -> (4, s0)>>
  return
}

// -----

func.func @gather(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<> : tensor<0xf32>}, %i: tensor<1xi64> {dl.value = dense<0> : tensor<1xi64>}) attributes {dl.symbols = ["n"]} {
  // expected-error @+1 {{cannot choose from a dimension of size 0}}
  %0 = dl.gather %x, %i {axis = 0 : i64} : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>, tensor<1xi64>) -> tensor<1xf32>
  return
}

// -----

func.func @gather_elements(%x: tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>> {dl.value = dense<0.0> : tensor<2x2xf32>}, %i: tensor<3x2xi64> {dl.value = dense<0> : tensor<3x2xi64>}) attributes {dl.symbols = ["n"]} {
  // expected-error @+1 {{indices are larger than the operand in dimension 0: found 3 and 2}}
  %0 = dl.gather_elements %x, %i {axis = 1 : i64} : (tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>, tensor<3x2xi64>) -> tensor<3x2xf32>
  return
}

// -----

func.func @gather_nd(%x: tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>> {dl.value = dense<0.0> : tensor<2x2xf32>}, %i: tensor<3x1xi64> {dl.value = dense<0> : tensor<3x1xi64>}) attributes {dl.symbols = ["n"]} {
  // expected-error @+1 {{batch dimensions differ: found 2 and 3}}
  %0 = dl.gather_nd %x, %i {batch_dims = 1 : i64} : (tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>, tensor<3x1xi64>) -> tensor<3xf32>
  return
}

// -----

func.func @scatter_elements(%x: tensor<9xf32> {dl.value = dense<0.0> : tensor<9xf32>}, %i: tensor<3xi64> {dl.value = dense<0> : tensor<3xi64>}, %u: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<0.0> : tensor<2xf32>}) attributes {dl.symbols = ["n"]} {
  // expected-error @+1 {{expected indices and updates of one shape}}
  %0 = dl.scatter_elements set, %x, %i, %u {axis = 0 : i64} : (tensor<9xf32>, tensor<3xi64>, tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) -> tensor<9xf32>
  return
}

// -----

func.func @scatter_nd(%x: tensor<9xf32> {dl.value = dense<0.0> : tensor<9xf32>}, %i: tensor<3x1xi64> {dl.value = dense<0> : tensor<3x1xi64>}, %u: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<0.0> : tensor<2xf32>}) attributes {dl.symbols = ["n"]} {
  // expected-error @+1 {{expected updates for each index}}
  %0 = dl.scatter_nd set, %x, %i, %u : (tensor<9xf32>, tensor<3x1xi64>, tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) -> tensor<9xf32>
  return
}

// -----

func.func @arg_reduce(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<> : tensor<0xf32>}) attributes {dl.symbols = ["n"]} {
  // expected-error @+1 {{there is no element along dimension 0}}
  %0 = dl.arg_reduce max, %x {axis = 0 : i64} : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) -> tensor<i64>
  return
}

// -----

func.func @topk(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<0.0> : tensor<2xf32>}) attributes {dl.symbols = ["n"]} {
  // expected-error @+1 {{expected at most 2 elements, found 3}}
  %0:2 = dl.topk %x {axis = 0 : i64} : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) -> (tensor<3xf32>, tensor<3xi64>)
  return
}

// -----

func.func @window_reduce(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<0.0> : tensor<2xf32>}) attributes {dl.symbols = ["n"]} {
  // expected-error @+1 {{the window exceeds dimension 0 of size 2}}
  %0 = dl.window_reduce max, %x {window = array<i64: 3>, strides = array<i64: 1>, dilations = array<i64: 1>} : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0 - 2)>>
  return
}

// -----

func.func @contracted(%x: tensor<2x?xf32, #dl.dims<()[s0] -> (2, s0)>> {dl.value = dense<0.0> : tensor<2x3xf32>}, %y: tensor<?x2xf32, #dl.dims<()[s0, s1] -> (s1, 2)>> {dl.value = dense<0.0> : tensor<4x2xf32>}) attributes {dl.symbols = ["n", "m"]} {
  // expected-error @+1 {{contracted dimensions differ: found 3 and 4}}
  %0 = dl.matmul %x, %y : (tensor<2x?xf32, #dl.dims<()[s0] -> (2, s0)>>, tensor<?x2xf32, #dl.dims<()[s0, s1] -> (s1, 2)>>) -> tensor<2x2xf32>
  return
}

// -----

func.func @leading(%x: tensor<?x2x2xf32, #dl.dims<()[s0] -> (s0, 2, 2)>> {dl.value = dense<0.0> : tensor<3x2x2xf32>}, %y: tensor<?x2x2xf32, #dl.dims<()[s0, s1] -> (s1, 2, 2)>> {dl.value = dense<0.0> : tensor<4x2x2xf32>}) attributes {dl.symbols = ["n", "m"]} {
  // expected-error @+1 {{leading dimensions do not broadcast: found 3 and 4}}
  %0 = dl.matmul %x, %y : (tensor<?x2x2xf32, #dl.dims<()[s0] -> (s0, 2, 2)>>, tensor<?x2x2xf32, #dl.dims<()[s0, s1] -> (s1, 2, 2)>>) -> tensor<?x2x2xf32, #dl.dims<()[s0] -> (s0, 2, 2)>>
  return
}

// -----

func.func @channels(%x: tensor<1x?x?xf32, #dl.dims<()[s0, s1] -> (1, s0, s1)>> {dl.value = dense<0.0> : tensor<1x3x8xf32>}, %w: tensor<5x2x3xf32> {dl.value = dense<0.0> : tensor<5x2x3xf32>}) attributes {dl.symbols = ["n", "m"]} {
  // expected-error @+1 {{channels do not fit the filter: found 3, expected 2}}
  %0 = dl.conv %x, %w {strides = array<i64: 1>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 1>} : (tensor<1x?x?xf32, #dl.dims<()[s0, s1] -> (1, s0, s1)>>, tensor<5x2x3xf32>) -> tensor<1x5x?xf32, #dl.dims<()[s0, s1] -> (1, 5, s1 - 2)>>
  return
}

// -----

func.func @conv_window(%x: tensor<1x?x?xf32, #dl.dims<()[s0, s1] -> (1, s0, s1)>> {dl.value = dense<0.0> : tensor<1x2x1xf32>}, %w: tensor<5x2x3xf32> {dl.value = dense<0.0> : tensor<5x2x3xf32>}) attributes {dl.symbols = ["n", "m"]} {
  // expected-error @+1 {{the window exceeds dimension 2 of size 1}}
  %0 = dl.conv %x, %w {strides = array<i64: 1>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 1>} : (tensor<1x?x?xf32, #dl.dims<()[s0, s1] -> (1, s0, s1)>>, tensor<5x2x3xf32>) -> tensor<1x5x?xf32, #dl.dims<()[s0, s1] -> (1, 5, s1 - 2)>>
  return
}

// -----

func.func @scan_inputs(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<0.0> : tensor<2xf32>}, %y: tensor<?xf32, #dl.dims<()[s0, s1] -> (s1)>> {dl.value = dense<0.0> : tensor<3xf32>}) attributes {dl.symbols = ["n", "m"]} {
  // expected-error @+1 {{inputs disagree in dimension 0: found 2 and 3}}
  dl.scan states() inputs(%x, %y) {
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    dl.yield
  } : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>, tensor<?xf32, #dl.dims<()[s0, s1] -> (s1)>>) -> ()
  return
}

// -----

func.func @scan_stacked(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<0.0> : tensor<2xf32>}, %y: tensor<?xf32, #dl.dims<()[s0, s1] -> (s1)>> {dl.value = dense<0.0> : tensor<3xf32>}) attributes {dl.symbols = ["n", "m"]} {
  // expected-error @+1 {{expected 2 stacked slices, found a result of 3}}
  %0 = dl.scan states() inputs(%x) {
  ^bb0(%a: tensor<f32>):
    dl.yield %a : tensor<f32>
  } : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) -> tensor<?xf32, #dl.dims<()[s0, s1] -> (s1)>>
  return
}

// -----

func.func @scan_slices(%x: tensor<?x?xf32, #dl.dims<()[s0, s1] -> (s0, s1)>> {dl.value = dense<0.0> : tensor<2x3xf32>}, %y: tensor<?xf32, #dl.dims<()[s0, s1, s2] -> (s2)>> {dl.value = dense<0.0> : tensor<4xf32>}) attributes {dl.symbols = ["n", "m", "k"]} {
  // expected-error @+1 {{slice 0 has another shape than its stacked result 0}}
  %0 = dl.scan states() inputs(%x) {
  ^bb0(%a: tensor<?xf32, #dl.dims<()[s0, s1] -> (s1)>>):
    dl.yield %a : tensor<?xf32, #dl.dims<()[s0, s1] -> (s1)>>
  } : (tensor<?x?xf32, #dl.dims<()[s0, s1] -> (s0, s1)>>) -> tensor<?x?xf32, #dl.dims<()[s0, s1, s2] -> (s0, s2)>>
  return
}

// -----

func.func @host_call() attributes {dl.symbols = []} {
  // expected-error @+1 {{has no reference implementation}}
  %0 = dl.host_call "random"() {arguments = array<i64>} : () -> tensor<2xf32>
  return
}

// -----

func.func @wide() attributes {dl.symbols = []} {
  // expected-error @+1 {{has a result of an element type that the reference does not support: 'tensor<2xi256>'}}
  %0 = dl.constant dense<1> : tensor<2xi256>
  return
}

// -----

func.func @moved() attributes {dl.symbols = []} {
  %0 = dl.constant dense<1> : tensor<2xi128>
  // expected-error @+1 {{is not supported on 'i128'}}
  %1 = dl.add %0, %0 : (tensor<2xi128>, tensor<2xi128>) -> tensor<2xi128>
  return
}

// -----

func.func @large() attributes {dl.symbols = []} {
  // expected-error @+1 {{has a result of more than 68719476736 elements: 'tensor<1000000x1000000xf32>'}}
  %0 = dl.constant dense<1.0> : tensor<1000000x1000000xf32>
  return
}

// -----

func.func @unbound_size() attributes {} {
  // expected-error @+1 {{uses a symbol without a value, or divides by zero, in affine_map<()[s0, s1, s2] -> (s2)>}}
  %0 = dl.sizes <()[s0, s1, s2] -> (s2)> : tensor<i64>
  %1 = dl.neg %0 : (tensor<i64>) -> tensor<i64>
  return
}

// -----

func.func @zero_divisor(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<> : tensor<0xf32>}) attributes {dl.symbols = ["n"]} {
  // expected-error @+1 {{uses a symbol without a value, or divides by zero, in affine_map<()[s0] -> (7 floordiv s0)>}}
  %0 = dl.sizes <()[s0] -> (7 floordiv s0)> : tensor<i64>
  return
}

// -----

func.func @resource() attributes {dl.symbols = []} {
  // expected-error @+1 {{has a value that cannot be read: its type is 'tensor<3xf32>'}}
  %0 = dl.constant dense_resource<short> : tensor<3xf32>
  return
}

{-#
  dialect_resources: {
    builtin: {
      short: "0x400000000000803F00000040"
    }
  }
#-}

// -----

// expected-error @+1 {{argument 0 has no value: expected its attribute dl.value}}
func.func @no_value(%x: tensor<2xf32>) attributes {dl.symbols = []} {
  
  return
}

// -----

// expected-error @+1 {{input 0 does not fit 'tensor<?xf32, #dl.dims<()[s0] -> (s0)>>': found 2 dimensions of 'f32'}}
func.func @rank(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<0.0> : tensor<2x2xf32>}) attributes {dl.symbols = ["n"]} {
  
  return
}

// -----

// expected-error @+1 {{found 1 dimensions of 'f16'}}
func.func @element_type(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<0.0> : tensor<2xf16>}) attributes {dl.symbols = ["n"]} {
  
  return
}

// -----

// expected-error @+1 {{input 1 does not fit 'tensor<?xf32, #dl.dims<()[s0] -> (s0)>>': found the shape [3]}}
func.func @shape(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<0.0> : tensor<2xf32>}, %y: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<0.0> : tensor<3xf32>}) attributes {dl.symbols = ["n"]} {
  
  return
}

// -----

// expected-error @+1 {{symbol 0 is not the size of a dimension of an input}}
func.func @unbound(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0 * 2)>> {dl.value = dense<0.0> : tensor<2xf32>}) attributes {dl.symbols = ["n"]} {
  
  return
}

// -----

// expected-error @+1 {{n must be 4}}
func.func @check(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<0.0> : tensor<2xf32>}) attributes {dl.symbols = ["n"], dl.checks = [{relation = "eq", sizes = affine_map<()[s0] -> (s0, 4)>, message = "n must be 4"}]} {
  
  return
}

// -----

// expected-error @+1 {{a check of sizes does not hold}}
func.func @check_no_message(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<0.0> : tensor<5xf32>}) attributes {dl.symbols = ["n"], dl.checks = [{relation = "le", sizes = affine_map<()[s0] -> (s0, 4)>}]} {
  
  return
}

// -----

// expected-error @+1 {{malformed check}}
func.func @check_malformed(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<0.0> : tensor<5xf32>}) attributes {dl.symbols = ["n"], dl.checks = [{relation = "le"}]} {
  
  return
}

// -----

// expected-error @+1 {{expected a function with a body of one block}}
func.func @blocks() {
  cf.br ^bb1
^bb1:
  return
}

// -----

func.func @bound_size(%n: tensor<1xi64> {dl.value = dense<-3> : tensor<1xi64>}) attributes {dl.symbols = ["n"]} {
  // expected-error @+1 {{the size is not valid: found -3}}
  dl.bind %n {symbols = array<i64: 0>, message = "the size is not valid"} : tensor<1xi64>
  return
}

// -----

// expected-error @+1 {{too many}}
func.func @bound_check(%n: tensor<1xi64> {dl.value = dense<4> : tensor<1xi64>}) attributes {dl.symbols = ["n"],
    dl.checks = [{relation = "le", sizes = affine_map<()[s0] -> (s0, 3)>, message = "too many"}]} {
  dl.bind %n {symbols = array<i64: 0>, message = "the size is not valid"} : tensor<1xi64>
  return
}

// -----

func.func @bound_later(%n: tensor<1xi64> {dl.value = dense<4> : tensor<1xi64>}) attributes {dl.symbols = ["n"]} {
  // expected-error @+1 {{uses a symbol without a value}}
  %s = dl.sizes <()[s0] -> (s0)> : tensor<1xi64>
  %t = dl.neg %s : (tensor<1xi64>) -> tensor<1xi64>
  dl.bind %n {symbols = array<i64: 0>, message = "the size is not valid"} : tensor<1xi64>
  return
}

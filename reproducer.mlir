// What code generation makes wrong:
//   dl-compile reproducer.mlir --verify
// Right:
//   dl-opt reproducer.mlir --run-reference --print-resources -o /dev/null
#loc = loc("/tmp/zoo/embedder/model.onnx":0:0)
#map = affine_map<()[s0, s1] -> (s1, 512)>
#loc1 = loc("node_slice_1"(#loc))
#loc2 = loc("node_gather"(#loc))
#loc3 = loc(fused<{graph = "main_graph", op = "Slice", opset = 18 : i64}>[#loc1])
#loc4 = loc(fused<{graph = "main_graph", op = "GatherElements", opset = 18 : i64}>[#loc2])
#loc5 = loc(fused[#loc3, #loc4])
module {
  func.func @main(%arg0: tensor<1x?xi64, #dl.dims<()[s0, s1] -> (1, s1)>> {dl.value = dense<0> : tensor<1x64xi64>} loc(fused[#loc3, #loc4]), %arg1: tensor<?xi8, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<0> : tensor<8xi8>} loc("/tmp/zoo/embedder/model.onnx":0:0)) -> tensor<1x?xi64, #dl.dims<()[s0, s1] -> (1, s1)>> attributes {dl.checks = [{message = "graph 'main_graph', node 'node_slice_1' (Slice, opset 18): a slice ends after the tensor", relation = "le", sizes = #map}], dl.input_names = ["given0", "size0"], dl.output_names = ["result0"], dl.symbols = ["B", "T"]} {
    return %arg0 : tensor<1x?xi64, #dl.dims<()[s0, s1] -> (1, s1)>> loc(#loc)
  } loc(#loc)
} loc(#loc)


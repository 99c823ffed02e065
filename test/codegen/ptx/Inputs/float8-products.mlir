// The program of float8.mlir after lowering, but that its products multiply 8-bit floats as
// such.
#map = affine_map<() -> ()>
#map1 = affine_map<(d0, d1) -> (d0, d1)>
#map2 = affine_map<(d0, d1, d2) -> (d0, d2)>
#map3 = affine_map<(d0, d1, d2) -> (d1, d2)>
#map4 = affine_map<(d0, d1, d2) -> (d0, d1)>
module {
  func.func @main(%arg0: tensor<150x208xf32>, %arg1: tensor<104x208xf32>) -> (tensor<150x104xf32>, tensor<104x150xf32>, tensor<150x104xf32>, tensor<104x150xf32>) {
    %0 = dl.dispatch @cast_0(%arg0) sizes #map : (tensor<150x208xf32>) -> tensor<150x208xf8E4M3FN>
    %1 = dl.dispatch @cast_1(%arg1) sizes #map : (tensor<104x208xf32>) -> tensor<104x208xf8E4M3FN>
    %2 = dl.dispatch @matmul_2(%1, %0) sizes #map : (tensor<104x208xf8E4M3FN>, tensor<150x208xf8E4M3FN>) -> tensor<150x104xf32>
    %3 = dl.dispatch @matmul_3(%0, %1) sizes #map : (tensor<150x208xf8E4M3FN>, tensor<104x208xf8E4M3FN>) -> tensor<104x150xf32>
    %4 = dl.dispatch @cast_4(%arg0) sizes #map : (tensor<150x208xf32>) -> tensor<150x208xf8E5M2>
    %5 = dl.dispatch @cast_5(%arg1) sizes #map : (tensor<104x208xf32>) -> tensor<104x208xf8E5M2>
    %6 = dl.dispatch @matmul_6(%5, %4) sizes #map : (tensor<104x208xf8E5M2>, tensor<150x208xf8E5M2>) -> tensor<150x104xf32>
    %7 = dl.dispatch @matmul_7(%4, %5) sizes #map : (tensor<150x208xf8E5M2>, tensor<104x208xf8E5M2>) -> tensor<104x150xf32>
    return %2, %3, %6, %7 : tensor<150x104xf32>, tensor<104x150xf32>, tensor<150x104xf32>, tensor<104x150xf32>
  }
  func.func private @cast_0(%arg0: tensor<150x208xf32>, %arg1: tensor<150x208xf8E4M3FN>) -> tensor<150x208xf8E4M3FN> attributes {dl.kernel} {
    %0 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%arg0 : tensor<150x208xf32>) outs(%arg1 : tensor<150x208xf8E4M3FN>) {
    ^bb0(%in: f32, %out: f8E4M3FN):
      %1 = arith.bitcast %in : f32 to i32
      %c2147483647_i32 = arith.constant 2147483647 : i32
      %2 = arith.andi %1, %c2147483647_i32 : i32
      %c20_i32 = arith.constant 20 : i32
      %3 = arith.shrui %2, %c20_i32 : i32
      %c1_i32 = arith.constant 1 : i32
      %4 = arith.andi %3, %c1_i32 : i32
      %5 = arith.addi %2, %4 : i32
      %c524287_i32 = arith.constant 524287 : i32
      %6 = arith.addi %5, %c524287_i32 : i32
      %c20_i32_0 = arith.constant 20 : i32
      %7 = arith.shrui %6, %c20_i32_0 : i32
      %c960_i32 = arith.constant 960 : i32
      %8 = arith.subi %7, %c960_i32 : i32
      %9 = arith.bitcast %2 : i32 to f32
      %cst = arith.constant 1.638400e+04 : f32
      %10 = arith.addf %9, %cst : f32
      %11 = arith.bitcast %10 : f32 to i32
      %cst_1 = arith.constant 1.638400e+04 : f32
      %12 = arith.bitcast %cst_1 : f32 to i32
      %13 = arith.subi %11, %12 : i32
      %c1015021567_i32 = arith.constant 1015021567 : i32
      %14 = arith.cmpi ugt, %2, %c1015021567_i32 : i32
      %15 = arith.select %14, %8, %13 : i32
      %c126_i32 = arith.constant 126 : i32
      %16 = arith.cmpi ugt, %15, %c126_i32 : i32
      %c126_i32_2 = arith.constant 126 : i32
      %17 = arith.select %16, %c126_i32_2, %15 : i32
      %c2139095040_i32 = arith.constant 2139095040 : i32
      %18 = arith.cmpi ugt, %2, %c2139095040_i32 : i32
      %c31_i32 = arith.constant 31 : i32
      %19 = arith.shrui %1, %c31_i32 : i32
      %c7_i32 = arith.constant 7 : i32
      %20 = arith.shli %19, %c7_i32 : i32
      %21 = arith.ori %17, %20 : i32
      %c127_i32 = arith.constant 127 : i32
      %22 = arith.select %18, %c127_i32, %21 : i32
      %23 = arith.trunci %22 : i32 to i8
      %24 = arith.bitcast %23 : i8 to f8E4M3FN
      linalg.yield %24 : f8E4M3FN
    } -> tensor<150x208xf8E4M3FN>
    return %0 : tensor<150x208xf8E4M3FN>
  }
  func.func private @cast_1(%arg0: tensor<104x208xf32>, %arg1: tensor<104x208xf8E4M3FN>) -> tensor<104x208xf8E4M3FN> attributes {dl.kernel} {
    %0 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%arg0 : tensor<104x208xf32>) outs(%arg1 : tensor<104x208xf8E4M3FN>) {
    ^bb0(%in: f32, %out: f8E4M3FN):
      %1 = arith.bitcast %in : f32 to i32
      %c2147483647_i32 = arith.constant 2147483647 : i32
      %2 = arith.andi %1, %c2147483647_i32 : i32
      %c20_i32 = arith.constant 20 : i32
      %3 = arith.shrui %2, %c20_i32 : i32
      %c1_i32 = arith.constant 1 : i32
      %4 = arith.andi %3, %c1_i32 : i32
      %5 = arith.addi %2, %4 : i32
      %c524287_i32 = arith.constant 524287 : i32
      %6 = arith.addi %5, %c524287_i32 : i32
      %c20_i32_0 = arith.constant 20 : i32
      %7 = arith.shrui %6, %c20_i32_0 : i32
      %c960_i32 = arith.constant 960 : i32
      %8 = arith.subi %7, %c960_i32 : i32
      %9 = arith.bitcast %2 : i32 to f32
      %cst = arith.constant 1.638400e+04 : f32
      %10 = arith.addf %9, %cst : f32
      %11 = arith.bitcast %10 : f32 to i32
      %cst_1 = arith.constant 1.638400e+04 : f32
      %12 = arith.bitcast %cst_1 : f32 to i32
      %13 = arith.subi %11, %12 : i32
      %c1015021567_i32 = arith.constant 1015021567 : i32
      %14 = arith.cmpi ugt, %2, %c1015021567_i32 : i32
      %15 = arith.select %14, %8, %13 : i32
      %c126_i32 = arith.constant 126 : i32
      %16 = arith.cmpi ugt, %15, %c126_i32 : i32
      %c126_i32_2 = arith.constant 126 : i32
      %17 = arith.select %16, %c126_i32_2, %15 : i32
      %c2139095040_i32 = arith.constant 2139095040 : i32
      %18 = arith.cmpi ugt, %2, %c2139095040_i32 : i32
      %c31_i32 = arith.constant 31 : i32
      %19 = arith.shrui %1, %c31_i32 : i32
      %c7_i32 = arith.constant 7 : i32
      %20 = arith.shli %19, %c7_i32 : i32
      %21 = arith.ori %17, %20 : i32
      %c127_i32 = arith.constant 127 : i32
      %22 = arith.select %18, %c127_i32, %21 : i32
      %23 = arith.trunci %22 : i32 to i8
      %24 = arith.bitcast %23 : i8 to f8E4M3FN
      linalg.yield %24 : f8E4M3FN
    } -> tensor<104x208xf8E4M3FN>
    return %0 : tensor<104x208xf8E4M3FN>
  }
  func.func private @matmul_2(%arg0: tensor<104x208xf8E4M3FN>, %arg1: tensor<150x208xf8E4M3FN>, %arg2: tensor<150x104xf32>) -> tensor<150x104xf32> attributes {dl.kernel} {
    %cst = arith.constant 0.000000e+00 : f32
    %0 = linalg.fill ins(%cst : f32) outs(%arg2 : tensor<150x104xf32>) -> tensor<150x104xf32>
    %1 = linalg.generic {indexing_maps = [#map2, #map3, #map4], iterator_types = ["parallel", "parallel", "reduction"]} ins(%arg1, %arg0 : tensor<150x208xf8E4M3FN>, tensor<104x208xf8E4M3FN>) outs(%0 : tensor<150x104xf32>) {
    ^bb0(%in: f8E4M3FN, %in_0: f8E4M3FN, %out: f32):
      %a = arith.extf %in : f8E4M3FN to f32
      %b = arith.extf %in_0 : f8E4M3FN to f32
      %ab = arith.mulf %a, %b : f32
      %sum2 = arith.addf %out, %ab : f32
      linalg.yield %sum2 : f32
    } -> tensor<150x104xf32>
    return %1 : tensor<150x104xf32>
  }
  func.func private @matmul_3(%arg0: tensor<150x208xf8E4M3FN>, %arg1: tensor<104x208xf8E4M3FN>, %arg2: tensor<104x150xf32>) -> tensor<104x150xf32> attributes {dl.kernel} {
    %cst = arith.constant 0.000000e+00 : f32
    %0 = linalg.fill ins(%cst : f32) outs(%arg2 : tensor<104x150xf32>) -> tensor<104x150xf32>
    %1 = linalg.generic {indexing_maps = [#map2, #map3, #map4], iterator_types = ["parallel", "parallel", "reduction"]} ins(%arg1, %arg0 : tensor<104x208xf8E4M3FN>, tensor<150x208xf8E4M3FN>) outs(%0 : tensor<104x150xf32>) {
    ^bb0(%in: f8E4M3FN, %in_0: f8E4M3FN, %out: f32):
      %a = arith.extf %in : f8E4M3FN to f32
      %b = arith.extf %in_0 : f8E4M3FN to f32
      %ab = arith.mulf %a, %b : f32
      %sum2 = arith.addf %out, %ab : f32
      linalg.yield %sum2 : f32
    } -> tensor<104x150xf32>
    return %1 : tensor<104x150xf32>
  }
  func.func private @cast_4(%arg0: tensor<150x208xf32>, %arg1: tensor<150x208xf8E5M2>) -> tensor<150x208xf8E5M2> attributes {dl.kernel} {
    %0 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%arg0 : tensor<150x208xf32>) outs(%arg1 : tensor<150x208xf8E5M2>) {
    ^bb0(%in: f32, %out: f8E5M2):
      %1 = arith.bitcast %in : f32 to i32
      %c2147483647_i32 = arith.constant 2147483647 : i32
      %2 = arith.andi %1, %c2147483647_i32 : i32
      %c21_i32 = arith.constant 21 : i32
      %3 = arith.shrui %2, %c21_i32 : i32
      %c1_i32 = arith.constant 1 : i32
      %4 = arith.andi %3, %c1_i32 : i32
      %5 = arith.addi %2, %4 : i32
      %c1048575_i32 = arith.constant 1048575 : i32
      %6 = arith.addi %5, %c1048575_i32 : i32
      %c21_i32_0 = arith.constant 21 : i32
      %7 = arith.shrui %6, %c21_i32_0 : i32
      %c448_i32 = arith.constant 448 : i32
      %8 = arith.subi %7, %c448_i32 : i32
      %9 = arith.bitcast %2 : i32 to f32
      %cst = arith.constant 1.280000e+02 : f32
      %10 = arith.addf %9, %cst : f32
      %11 = arith.bitcast %10 : f32 to i32
      %cst_1 = arith.constant 1.280000e+02 : f32
      %12 = arith.bitcast %cst_1 : f32 to i32
      %13 = arith.subi %11, %12 : i32
      %c947912703_i32 = arith.constant 947912703 : i32
      %14 = arith.cmpi ugt, %2, %c947912703_i32 : i32
      %15 = arith.select %14, %8, %13 : i32
      %c123_i32 = arith.constant 123 : i32
      %16 = arith.cmpi ugt, %15, %c123_i32 : i32
      %c123_i32_2 = arith.constant 123 : i32
      %17 = arith.select %16, %c123_i32_2, %15 : i32
      %c2139095040_i32 = arith.constant 2139095040 : i32
      %18 = arith.cmpi ugt, %2, %c2139095040_i32 : i32
      %c31_i32 = arith.constant 31 : i32
      %19 = arith.shrui %1, %c31_i32 : i32
      %c7_i32 = arith.constant 7 : i32
      %20 = arith.shli %19, %c7_i32 : i32
      %21 = arith.ori %17, %20 : i32
      %c126_i32 = arith.constant 126 : i32
      %22 = arith.select %18, %c126_i32, %21 : i32
      %23 = arith.trunci %22 : i32 to i8
      %24 = arith.bitcast %23 : i8 to f8E5M2
      linalg.yield %24 : f8E5M2
    } -> tensor<150x208xf8E5M2>
    return %0 : tensor<150x208xf8E5M2>
  }
  func.func private @cast_5(%arg0: tensor<104x208xf32>, %arg1: tensor<104x208xf8E5M2>) -> tensor<104x208xf8E5M2> attributes {dl.kernel} {
    %0 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel"]} ins(%arg0 : tensor<104x208xf32>) outs(%arg1 : tensor<104x208xf8E5M2>) {
    ^bb0(%in: f32, %out: f8E5M2):
      %1 = arith.bitcast %in : f32 to i32
      %c2147483647_i32 = arith.constant 2147483647 : i32
      %2 = arith.andi %1, %c2147483647_i32 : i32
      %c21_i32 = arith.constant 21 : i32
      %3 = arith.shrui %2, %c21_i32 : i32
      %c1_i32 = arith.constant 1 : i32
      %4 = arith.andi %3, %c1_i32 : i32
      %5 = arith.addi %2, %4 : i32
      %c1048575_i32 = arith.constant 1048575 : i32
      %6 = arith.addi %5, %c1048575_i32 : i32
      %c21_i32_0 = arith.constant 21 : i32
      %7 = arith.shrui %6, %c21_i32_0 : i32
      %c448_i32 = arith.constant 448 : i32
      %8 = arith.subi %7, %c448_i32 : i32
      %9 = arith.bitcast %2 : i32 to f32
      %cst = arith.constant 1.280000e+02 : f32
      %10 = arith.addf %9, %cst : f32
      %11 = arith.bitcast %10 : f32 to i32
      %cst_1 = arith.constant 1.280000e+02 : f32
      %12 = arith.bitcast %cst_1 : f32 to i32
      %13 = arith.subi %11, %12 : i32
      %c947912703_i32 = arith.constant 947912703 : i32
      %14 = arith.cmpi ugt, %2, %c947912703_i32 : i32
      %15 = arith.select %14, %8, %13 : i32
      %c123_i32 = arith.constant 123 : i32
      %16 = arith.cmpi ugt, %15, %c123_i32 : i32
      %c123_i32_2 = arith.constant 123 : i32
      %17 = arith.select %16, %c123_i32_2, %15 : i32
      %c2139095040_i32 = arith.constant 2139095040 : i32
      %18 = arith.cmpi ugt, %2, %c2139095040_i32 : i32
      %c31_i32 = arith.constant 31 : i32
      %19 = arith.shrui %1, %c31_i32 : i32
      %c7_i32 = arith.constant 7 : i32
      %20 = arith.shli %19, %c7_i32 : i32
      %21 = arith.ori %17, %20 : i32
      %c126_i32 = arith.constant 126 : i32
      %22 = arith.select %18, %c126_i32, %21 : i32
      %23 = arith.trunci %22 : i32 to i8
      %24 = arith.bitcast %23 : i8 to f8E5M2
      linalg.yield %24 : f8E5M2
    } -> tensor<104x208xf8E5M2>
    return %0 : tensor<104x208xf8E5M2>
  }
  func.func private @matmul_6(%arg0: tensor<104x208xf8E5M2>, %arg1: tensor<150x208xf8E5M2>, %arg2: tensor<150x104xf32>) -> tensor<150x104xf32> attributes {dl.kernel} {
    %cst = arith.constant 0.000000e+00 : f32
    %0 = linalg.fill ins(%cst : f32) outs(%arg2 : tensor<150x104xf32>) -> tensor<150x104xf32>
    %1 = linalg.generic {indexing_maps = [#map2, #map3, #map4], iterator_types = ["parallel", "parallel", "reduction"]} ins(%arg1, %arg0 : tensor<150x208xf8E5M2>, tensor<104x208xf8E5M2>) outs(%0 : tensor<150x104xf32>) {
    ^bb0(%in: f8E5M2, %in_0: f8E5M2, %out: f32):
      %a = arith.extf %in : f8E5M2 to f32
      %b = arith.extf %in_0 : f8E5M2 to f32
      %ab = arith.mulf %a, %b : f32
      %sum2 = arith.addf %out, %ab : f32
      linalg.yield %sum2 : f32
    } -> tensor<150x104xf32>
    return %1 : tensor<150x104xf32>
  }
  func.func private @matmul_7(%arg0: tensor<150x208xf8E5M2>, %arg1: tensor<104x208xf8E5M2>, %arg2: tensor<104x150xf32>) -> tensor<104x150xf32> attributes {dl.kernel} {
    %cst = arith.constant 0.000000e+00 : f32
    %0 = linalg.fill ins(%cst : f32) outs(%arg2 : tensor<104x150xf32>) -> tensor<104x150xf32>
    %1 = linalg.generic {indexing_maps = [#map2, #map3, #map4], iterator_types = ["parallel", "parallel", "reduction"]} ins(%arg1, %arg0 : tensor<104x208xf8E5M2>, tensor<150x208xf8E5M2>) outs(%0 : tensor<104x150xf32>) {
    ^bb0(%in: f8E5M2, %in_0: f8E5M2, %out: f32):
      %a = arith.extf %in : f8E5M2 to f32
      %b = arith.extf %in_0 : f8E5M2 to f32
      %ab = arith.mulf %a, %b : f32
      %sum2 = arith.addf %out, %ab : f32
      linalg.yield %sum2 : f32
    } -> tensor<104x150xf32>
    return %1 : tensor<104x150xf32>
  }
}


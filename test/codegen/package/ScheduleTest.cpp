// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/codegen/package/Testing.h"

using dltest::TextModule;
using testing::HasSubstr;
using testing::Not;

/// Steps alone: what follows the storages and goes before the arena.
static std::string getSteps(TextModule &module) {
  std::string steps;
  llvm::SmallVector<llvm::StringRef> lines;
  std::string text = module.print();
  llvm::StringRef(text).split(lines, '\n');
  for (llvm::StringRef line : lines) {
    llvm::StringRef word = line.ltrim().split(' ').first.split('(').first;
    if (word == "dispatch" || word == "loop" || word == "copy" ||
        word == "topk" || word == "bind" || word == "}")
      steps += line.str() + "\n";
  }
  EXPECT_EQ(module.diagnostics, "");
  return steps;
}

// The kernels that the tests use.
#define KERNELS                                                                \
  "func.func private @unary(tensor<?x4xf32>, tensor<?x4xf32>) -> "             \
  "tensor<?x4xf32> attributes {dl.kernel, dl.tiles = affine_map<(d0, d1) -> "  \
  "(d0 ceildiv 8)>, dl.scratch = affine_map<(d0, d1) -> (d1 * 16)>}\n"         \
  "func.func private @inplace(tensor<?x4xf32>, tensor<?x4xf32>) -> "           \
  "tensor<?x4xf32> attributes {dl.kernel, dl.in_place = array<i64: 0>}\n"      \
  "func.func private @cell(tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> "   \
  "tensor<4xf32> attributes {dl.kernel}\n"                                     \
  "func.func private @cell_inplace(tensor<4xf32>, tensor<4xf32>, "             \
  "tensor<4xf32>) -> tensor<4xf32> attributes {dl.kernel, dl.in_place = "      \
  "array<i64: 0>}\n"
#define T "tensor<?x4xf32, #dl.dims<()[s0] -> (s0, 4)>>"

TEST(Schedule, ValuesAreMadeInOutputs) {
  TextModule module(KERNELS R"(
func.func @main(%x: )" T R"() -> )" T R"( attributes {dl.symbols = ["B"]} {
  %0 = dl.dispatch @unary(%x) sizes affine_map<() -> ()> : ()" T R"() -> )" T
                            R"(
  %1 = dl.dispatch @unary(%0) sizes affine_map<() -> ()> : ()" T R"() -> )" T
                            R"(
  return %1 : )" T R"(
})");
  EXPECT_EQ(getSteps(module),
            "dispatch 0(0; 1) sizes (s0, s0) tiles (s0 ceildiv 8) scratch "
            "s0*16\n"
            "dispatch 0(1; 3) sizes (s0, s0) tiles (s0 ceildiv 8) scratch "
            "s0*16\n");
  std::string text = module.print();
  EXPECT_THAT(text, HasSubstr("symbol B = input 0 dimension 0"));
  EXPECT_THAT(text, HasSubstr("storage 3: output 0, s0*16 bytes"));
  EXPECT_THAT(text, HasSubstr("storage 1: arena, s0*16 bytes at 0"));
  EXPECT_THAT(text, HasSubstr("arena: (s0*16 ceildiv 64)*64 bytes"));
}

TEST(Schedule, CallsMayLeaveBucketsWhereTheyLie) {
  TextModule module(KERNELS R"(
func.func @main(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %0 = dl.dispatch @unary(%x) sizes affine_map<() -> ()> : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %1 = dl.dispatch @unary(%x) sizes affine_map<() -> ()> : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %2 = dl.concat %0, %1 {axis = 0 : i64} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<4x4xf32>
  %3 = dl.reshape %2 : (tensor<4x4xf32>) -> tensor<16xf32>
  %4 = dl.host_call "topk"(%3) {arguments = array<i64: 0>, dl.in_place = array<i64: 0>} : (tensor<16xf32>) -> tensor<16xf32>
  %5 = dl.host_call "topk"(%4) {arguments = array<i64: 0>} : (tensor<16xf32>) -> tensor<16xf32>
  %6 = dl.slice %5 {offsets = affine_map<() -> (8)>, strides = array<i64: 1>} : (tensor<16xf32>) -> tensor<8xf32>
  %7 = dl.reshape %6 : (tensor<8xf32>) -> tensor<2x4xf32>
  %8 = dl.dispatch @unary(%7) sizes affine_map<() -> ()> : (tensor<2x4xf32>) -> tensor<2x4xf32>
  return %8 : tensor<2x4xf32>
})");
  // Parts are made in the bucket, which a call with permission leaves there.
  std::string steps = getSteps(module);
  EXPECT_THAT(steps, Not(HasSubstr("copy")));
  EXPECT_THAT(steps, HasSubstr("dispatch 0(0; 4) "));
  EXPECT_THAT(steps, HasSubstr("dispatch 0(0; 4+32) "));
  EXPECT_THAT(steps, HasSubstr("topk(4; 4)\ntopk(4; 5)\n"));
  EXPECT_THAT(steps, HasSubstr("dispatch 0(5+32; "));
}

TEST(Schedule, PartsAreMadeWhereTheyLieInTheWhole) {
  // Two parts of the output, one of which a kernel reads there.
  TextModule module(
      KERNELS
      R"(
func.func @main(%x: )" T
      R"() -> tensor<?x4xf32, #dl.dims<()[s0] -> (s0 * 2, 4)>> attributes {dl.symbols = ["B"]} {
  %0 = dl.dispatch @unary(%x) sizes affine_map<() -> ()> : ()" T R"() -> )" T
      R"(
  %1 = dl.dispatch @unary(%0) sizes affine_map<() -> ()> : ()" T R"() -> )" T
      R"(
  %2 = dl.concat %0, %1 {axis = 0 : i64} : ()" T R"(, )" T
      R"() -> tensor<?x4xf32, #dl.dims<()[s0] -> (s0 * 2, 4)>>
  return %2 : tensor<?x4xf32, #dl.dims<()[s0] -> (s0 * 2, 4)>>
})");
  std::string steps = getSteps(module);
  EXPECT_THAT(steps, Not(HasSubstr("copy")));
  EXPECT_THAT(steps, HasSubstr("dispatch 0("));
  EXPECT_THAT(module.print(), HasSubstr("output 0, s0*32 bytes"));
}

TEST(Schedule, KernelsWorkInPlaceWhereTheyMay) {
  TextModule module(KERNELS R"(
func.func @main(%x: )" T R"() -> ()" T ", " T R"() {
  %0 = dl.dispatch @inplace(%x) sizes affine_map<() -> ()> : ()" T R"() -> )" T
                            R"(
  %1 = dl.dispatch @inplace(%0) sizes affine_map<() -> ()> : ()" T R"() -> )" T
                            R"(
  %2 = dl.dispatch @inplace(%1) sizes affine_map<() -> ()> : ()" T R"() -> )" T
                            R"(
  %3 = dl.dispatch @inplace(%1) sizes affine_map<() -> ()> : ()" T R"() -> )" T
                            R"(
  return %2, %3 : )" T ", " T R"(
})");
  // The input is never overwritten; %1 is still needed when %2 is made.
  EXPECT_EQ(getSteps(module), "dispatch 1(0; 6) sizes (s0, s0) tiles 1\n"
                              "dispatch 1(6; 6) sizes (s0, s0) tiles 1\n"
                              "dispatch 1(6; 5) sizes (s0, s0) tiles 1\n"
                              "dispatch 1(6; 6) sizes (s0, s0) tiles 1\n");
  EXPECT_THAT(module.print(), HasSubstr("arena: 0 bytes"));
}

TEST(Schedule, OutputsThatAreSomethingElseAreCopied) {
  TextModule module(KERNELS R"(
func.func @main(%x: )" T R"() -> ()" T ", " T ", " T R"(, tensor<4xf32>) {
  %c = dl.constant dense<2.0> : tensor<4xf32>
  %0 = dl.dispatch @unary(%x) sizes affine_map<() -> ()> : ()" T R"() -> )" T
                            R"(
  return %0, %0, %x, %c : )" T ", " T ", " T R"(, tensor<4xf32>
})");
  std::string steps = getSteps(module);
  EXPECT_EQ(llvm::StringRef(steps).count("copy("), 3u) << steps;
  EXPECT_EQ(llvm::StringRef(steps).count("dispatch"), 1u) << steps;
}

TEST(Schedule, ViewsHaveTheirOperandsBytes) {
  TextModule module(KERNELS R"(
func.func @main(%x: tensor<2x8x4xf32>) -> )"
                            R"(tensor<8x4xf32> {
  %0 = dl.slice %x {offsets = affine_map<() -> (1, 0, 0)>, strides = array<i64: 1, 1, 1>} : (tensor<2x8x4xf32>) -> tensor<1x8x4xf32>
  %1 = dl.reshape %0 : (tensor<1x8x4xf32>) -> tensor<8x4xf32>
  %2 = dl.dispatch @unary(%1) sizes affine_map<() -> ()> : (tensor<8x4xf32>) -> tensor<8x4xf32>
  return %2 : tensor<8x4xf32>
})");
  EXPECT_EQ(getSteps(module),
            "dispatch 0(0+128; 2) sizes (8, 8) tiles 1 scratch 128\n");
}

TEST(Schedule, ScanWritesSlicesAndKeepsStates) {
  TextModule module(KERNELS R"(
func.func @main(%h: tensor<4xf32>, %x: )" T R"() -> (tensor<4xf32>, )" T R"() {
  %s, %y = dl.scan states(%h) inputs(%x) {
  ^bb0(%a: tensor<4xf32>, %e: tensor<4xf32>):
    %n = dl.dispatch @cell(%a, %e) sizes affine_map<() -> ()> : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    dl.yield %n, %n : tensor<4xf32>, tensor<4xf32>
  } : (tensor<4xf32>, )" T R"() -> (tensor<4xf32>, )" T R"()
  return %s, %y : tensor<4xf32>, )" T R"(
})");
  // The state is in output 0, the slices in output 1; the cell reads the old
  // state while it writes the new one, which is therefore copied.
  EXPECT_EQ(getSteps(module), "copy(0; 5)\n"
                              "loop s0 {\n"
                              "  dispatch 2(5, 1[16]; 6[16]) sizes () tiles 1\n"
                              "  copy(6[16]; 5)\n"
                              "}\n");
}

TEST(Schedule, ScanReplacesTheStateInPlace) {
  TextModule module(KERNELS R"(
func.func @main(%h: tensor<4xf32>, %x: )" T R"() -> tensor<4xf32> {
  %s = dl.scan states(%h) inputs(%x) {
  ^bb0(%a: tensor<4xf32>, %e: tensor<4xf32>):
    %n = dl.dispatch @cell_inplace(%a, %e) sizes affine_map<() -> ()> : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    dl.yield %n : tensor<4xf32>
  } {reverse = true} : (tensor<4xf32>, )" T R"() -> tensor<4xf32>
  return %s : tensor<4xf32>
})");
  EXPECT_EQ(getSteps(module),
            "copy(0; 4)\n"
            "loop s0 {\n"
            "  dispatch 3(4, 1+(s0 + -1)*16[-16]; 4) sizes () tiles 1\n"
            "}\n");
}

TEST(Schedule, StatesThatChangePlacesGoThroughTemporaries) {
  TextModule module(KERNELS R"(
func.func @main(%a: tensor<4xf32>, %b: tensor<4xf32>, %x: )" T
                            R"() -> (tensor<4xf32>, tensor<4xf32>) {
  %s, %t = dl.scan states(%a, %b) inputs(%x) {
  ^bb0(%p: tensor<4xf32>, %q: tensor<4xf32>, %e: tensor<4xf32>):
    dl.yield %q, %p : tensor<4xf32>, tensor<4xf32>
  } : (tensor<4xf32>, tensor<4xf32>, )" T R"() -> (tensor<4xf32>, tensor<4xf32>)
  return %s, %t : tensor<4xf32>, tensor<4xf32>
})");
  // One of the two temporaries is enough.
  EXPECT_EQ(getSteps(module), "copy(0; 7)\ncopy(1; 8)\nloop s0 {\n"
                              "  copy(8; 5)\n  copy(7; 8)\n  copy(5; 7)\n"
                              "}\n");
}

TEST(Schedule, HostCalls) {
  TextModule module(R"(
func.func @main(%x: tensor<2x9xf32>) -> (tensor<2x3xf32>, tensor<2x3xi64>) {
  %v, %i = dl.host_call "topk"(%x) {arguments = array<i64: 1, 1, 1>} : (tensor<2x9xf32>) -> (tensor<2x3xf32>, tensor<2x3xi64>)
  return %v, %i : tensor<2x3xf32>, tensor<2x3xi64>
})");
  EXPECT_EQ(getSteps(module), "topk(0; 3, 4)\n");
}

TEST(Schedule, ConstantsArePackedAndShared) {
  TextModule module(R"(
func.func private @k(tensor<2x3x32xf32>, tensor<2x3x32xf32>, tensor<2xf32>) -> tensor<2xf32> attributes {dl.kernel}
func.func @main() -> tensor<2xf32> {
  %w = dl.constant dense<1.0> : tensor<3x40xf32>
  %v = dl.constant dense<1.0> : tensor<40x3xf32>
  %p = dl.pack %w {outer_perm = array<i64: 1, 0>, inner_dims = array<i64: 1>, inner_tiles = array<i64: 32>} : (tensor<3x40xf32>) -> tensor<2x3x32xf32>
  %t = dl.transpose %v {permutation = array<i64: 1, 0>} : (tensor<40x3xf32>) -> tensor<3x40xf32>
  %q = dl.pack %t {outer_perm = array<i64: 1, 0>, inner_dims = array<i64: 1>, inner_tiles = array<i64: 32>} : (tensor<3x40xf32>) -> tensor<2x3x32xf32>
  %r = dl.dispatch @k(%p, %q) sizes affine_map<() -> ()> : (tensor<2x3x32xf32>, tensor<2x3x32xf32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
})");
  std::string text = module.print();
  EXPECT_THAT(text, HasSubstr("constant 0: 768 bytes"));
  EXPECT_THAT(text, Not(HasSubstr("constant 1:")));
}

TEST(Schedule, ConstantsAreRounded) {
  TextModule module(R"(
func.func private @k(tensor<64x64xbf16>, tensor<1x3x32x2xbf16>, tensor<2xf32>) -> tensor<2xf32> attributes {dl.kernel}
func.func @main() -> tensor<2xf32> {
  %w = dl.constant dense<1.0> : tensor<64x64xf32>
  %v = dl.constant dense<1.0> : tensor<5x20xf32>
  %a = dl.cast %w : (tensor<64x64xf32>) -> tensor<64x64xbf16>
  %b = dl.cast %v : (tensor<5x20xf32>) -> tensor<5x20xbf16>
  %p = dl.pack %b {outer_perm = array<i64: 1, 0>, inner_dims = array<i64: 1, 0>, inner_tiles = array<i64: 32, 2>} : (tensor<5x20xbf16>) -> tensor<1x3x32x2xbf16>
  %r = dl.dispatch @k(%a, %p) sizes affine_map<() -> ()> : (tensor<64x64xbf16>, tensor<1x3x32x2xbf16>) -> tensor<2xf32>
  return %r : tensor<2xf32>
})");
  std::string text = module.print();
  EXPECT_THAT(text, HasSubstr("constant 0: 2 bytes (splat)"));
  EXPECT_THAT(text, HasSubstr("constant 1: 384 bytes"));
}

TEST(Schedule, EqualBalancedConstantsAreOne) {
  TextModule module(R"(
func.func private @k(tensor<64x64xbf16>, tensor<64x64xbf16>, tensor<64x64xbf16>, tensor<64x64xbf16>, tensor<2xf32>) -> tensor<2xf32> attributes {dl.kernel}
func.func @main() -> tensor<2xf32> {
  %v = dl.constant dense_resource<v> : tensor<64x64xf32>
  %w = dl.constant dense_resource<w> : tensor<64x64xf32>
  %a = dl.round_balanced %v {axes = array<i64: 0>} : (tensor<64x64xf32>) -> tensor<64x64xbf16>
  %b = dl.round_balanced %w {axes = array<i64: 0>} : (tensor<64x64xf32>) -> tensor<64x64xbf16>
  %c = dl.round_balanced %w {axes = array<i64: 1>} : (tensor<64x64xf32>) -> tensor<64x64xbf16>
  %d = dl.cast %w : (tensor<64x64xf32>) -> tensor<64x64xbf16>
  %r = dl.dispatch @k(%a, %b, %c, %d) sizes affine_map<() -> ()> : (tensor<64x64xbf16>, tensor<64x64xbf16>, tensor<64x64xbf16>, tensor<64x64xbf16>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}
{-# dialect_resources: { builtin: { v: "0x04000000)" +
                    std::string(64 * 64 * 8, '0') + R"(", w: "0x04000000)" +
                    std::string(64 * 64 * 8, '0') + R"(" } } #-})");
  std::string text = module.print();
  EXPECT_THAT(text, HasSubstr("constant 2: 8192 bytes"));
  EXPECT_THAT(text, Not(HasSubstr("constant 3:")));
}

TEST(Schedule, LargeSplatsStayOneElement) {
  TextModule module(R"(
func.func private @k(tensor<64x64xf32>, tensor<2xf32>) -> tensor<2xf32> attributes {dl.kernel}
func.func @main() -> tensor<2xf32> {
  %w = dl.constant dense<1.0> : tensor<64x64xf32>
  %r = dl.dispatch @k(%w) sizes affine_map<() -> ()> : (tensor<64x64xf32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
})");
  EXPECT_THAT(module.print(), HasSubstr("constant 0: 4 bytes (splat)"));
}

//===----------------------------------------------------------------------===//
// Symbols and checks
//===----------------------------------------------------------------------===//

TEST(Schedule, SymbolsAreSolvedFromSums) {
  TextModule module(R"(
func.func @main(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0 * 2 + 1)>>, %y: tensor<?xf32, #dl.dims<()[s0, s1] -> (s0 + s1)>>)
    -> tensor<?xf32, #dl.dims<()[s0, s1] -> (s0 + s1)>> attributes {dl.symbols = ["N", "M"], dl.input_names = ["x", "y"],
    dl.checks = [{relation = "le", sizes = affine_map<()[s0, s1] -> (s0, s1 + 4)>, message = "N is at most M + 4"}]} {
  return %y : tensor<?xf32, #dl.dims<()[s0, s1] -> (s0 + s1)>>
})");
  std::string text = module.print();
  EXPECT_THAT(text, HasSubstr("symbol x.0 = input 0 dimension 0\n"
                              "symbol y.0 = input 1 dimension 0\n"));
  EXPECT_THAT(text, HasSubstr("check 0 <= ((s0 + -1) floordiv 2): input 'x': "
                              "dimension 0 is too small, 'N' would be "
                              "negative"));
  EXPECT_THAT(text, HasSubstr(": N is at most M + 4\n"));
}

TEST(Schedule, SizesThatMayBeNegativeAreChecked) {
  TextModule module(R"(
func.func private @k(tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32> attributes {dl.kernel}
func.func @main(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0 - 2)>> {
  %r = dl.dispatch @k(%x) sizes affine_map<() -> ()> : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0 - 2)>>
  return %r : tensor<?xf32, #dl.dims<()[s0] -> (s0 - 2)>>
})");
  EXPECT_THAT(module.print(),
              HasSubstr("check 0 <= (s0 + -2): a size would be negative"));
}

//===----------------------------------------------------------------------===//
// Diagnostics
//===----------------------------------------------------------------------===//

static std::string getError(llvm::StringRef text, bool verify = true) {
  TextModule module(text, verify);
  EXPECT_EQ(module.print(), "");
  return module.diagnostics;
}

// A tensor of as many rows as the run finds.
#define L "tensor<?x4xf32, #dl.dims<()[s0, s1] -> (s1, 4)>>"

TEST(Schedule, SizesThatAreBoundDivideItIntoStages) {
  TextModule module(KERNELS R"(
func.func @main(%x: )" T R"(, %n: tensor<1xi64>) -> )" L
                            R"( attributes {dl.symbols = ["B", "rows"]} {
  %0 = dl.dispatch @unary(%x) sizes affine_map<() -> ()> : ()" T R"() -> )" T
                            R"(
  dl.bind %n {symbols = array<i64: 1>, message = "too many"} : tensor<1xi64>
  %1 = dl.dispatch @unary(%0) sizes affine_map<() -> ()> : ()" T R"() -> )" L
                            R"(
  %2 = dl.dispatch @unary(%1) sizes affine_map<() -> ()> : ()" L R"() -> )" L
                            R"(
  return %2 : )" L R"(
})");
  EXPECT_EQ(getSteps(module),
            "dispatch 0(0; 2) sizes (s0, s0) tiles (s0 ceildiv 8) scratch "
            "s0*16\n"
            "bind s1 = 1: too many\n"
            "dispatch 0(2; 3) sizes (s0, s1) tiles (s0 ceildiv 8) scratch "
            "s1*16\n"
            "dispatch 0(3; 5) sizes (s1, s1) tiles (s1 ceildiv 8) scratch "
            "s1*16\n");
  std::string text = module.print();
  EXPECT_THAT(text, HasSubstr("symbol rows = bound by a step"));
  EXPECT_THAT(text, HasSubstr("storage 3: arena, s1*16 bytes at 0"));
  EXPECT_THAT(text, HasSubstr("arena: (s0*16 ceildiv 64)*64 bytes"));
  EXPECT_THAT(text, HasSubstr("arena of stage 1: (s1*16 ceildiv 64)*64 bytes"));
}

TEST(Schedule, NothingIsMadeInAPlaceThatIsNotKnownYet) {
  // The output's shape is bound after its value is made: the value is copied.
  TextModule module(KERNELS R"(
func.func @main(%x: )" T R"(, %n: tensor<1xi64>) -> )" L
                            R"( attributes {dl.symbols = ["B", "rows"]} {
  %0 = dl.dispatch @unary(%x) sizes affine_map<() -> ()> : ()" T R"() -> )" T
                            R"(
  dl.bind %n {symbols = array<i64: 1>, message = "too many"} : tensor<1xi64>
  %1 = dl.reshape %0 : ()" T R"() -> )" L R"(
  return %1 : )" L R"(
})");
  EXPECT_EQ(getSteps(module),
            "dispatch 0(0; 2) sizes (s0, s0) tiles (s0 ceildiv 8) scratch "
            "s0*16\n"
            "bind s1 = 1: too many\n"
            "copy(2; 3)\n");
}

TEST(ScheduleErrors, SizesThatAreNotBoundYet) {
  EXPECT_EQ(getError(R"(
func.func @main(%x: tensor<2xi64>, %n: tensor<1xi64>) -> tensor<?xi64, #dl.dims<()[s0] -> (s0)>> {
  %0 = dl.reshape %x : (tensor<2xi64>) -> tensor<?xi64, #dl.dims<()[s0] -> (s0)>>
  dl.bind %n {symbols = array<i64: 0>, message = ""} : tensor<1xi64>
  return %0 : tensor<?xi64, #dl.dims<()[s0] -> (s0)>>
})"),
            "'dl.reshape' op uses a size that is not known there: symbol 0\n");
  EXPECT_EQ(getError(R"(
func.func @main(%x: tensor<?xi64, #dl.dims<()[s0] -> (s0)>>, %n: tensor<1xi64>) -> tensor<1xi64> {
  dl.bind %n {symbols = array<i64: 0>, message = ""} : tensor<1xi64>
  return %n : tensor<1xi64>
})"),
            "'dl.bind' op binds a symbol that has a value: 0\n");
  EXPECT_EQ(getError(R"(
func.func @main(%n: tensor<1xi64>, %x: tensor<2x1xi64>) -> tensor<1xi64> {
  %0 = dl.scan states(%n) inputs(%x) {
  ^bb0(%s: tensor<1xi64>, %e: tensor<1xi64>):
    dl.bind %e {symbols = array<i64: 0>, message = ""} : tensor<1xi64>
    dl.yield %e : tensor<1xi64>
  } : (tensor<1xi64>, tensor<2x1xi64>) -> tensor<1xi64>
  return %0 : tensor<1xi64>
})"),
            "'dl.bind' op stands in a loop\n");
}

TEST(ScheduleErrors, SizeThatNoInputHas) {
  EXPECT_EQ(getError(R"(
func.func @main(%x: tensor<?xf32, #dl.dims<()[s0, s1] -> (s0 + s1)>>) -> tensor<?xf32, #dl.dims<()[s0, s1] -> (s0 + s1)>>
    attributes {dl.symbols = ["N", "M"]} {
  return %x : tensor<?xf32, #dl.dims<()[s0, s1] -> (s0 + s1)>>
})"),
            "the size 'N' does not follow from the shapes of the inputs\n");
}

TEST(ScheduleErrors, OpsThatAreNotLowered) {
  EXPECT_EQ(getError(R"(
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dl.exp %x : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
})"),
            "'dl.exp' op is no part of a schedule: expected the module after "
            "lowering\n");
  EXPECT_EQ(getError(R"(
func.func @main(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = dl.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  return %0 : tensor<4x4xf32>
})"),
            "'dl.transpose' op is no part of a schedule: expected the module "
            "after lowering\n");
}

TEST(ScheduleErrors, ConcatenationsOfRows) {
  EXPECT_EQ(getError(R"(
func.func @main(%x: tensor<4x4xf32>) -> tensor<4x8xf32> {
  %0 = dl.concat %x, %x {axis = 1 : i64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
})"),
            "'dl.concat' op is no part of a schedule: expected the module "
            "after lowering\n");
}

TEST(ScheduleErrors, SlicesThatAreNoViews) {
  EXPECT_EQ(getError(R"(
func.func @main(%x: tensor<4x4xf32>) -> tensor<4x2xf32> {
  %0 = dl.slice %x {offsets = affine_map<() -> (0, 2)>, strides = array<i64: 1, 1>} : (tensor<4x4xf32>) -> tensor<4x2xf32>
  return %0 : tensor<4x2xf32>
})"),
            "'dl.slice' op is no view: its elements do not follow one another "
            "in memory\n");
}

TEST(ScheduleErrors, KernelsThatDoNotFit) {
  // The IR's verifier finds this, too.
  EXPECT_EQ(getError(R"(
func.func private @k(tensor<4xf32>) -> tensor<4xf32> attributes {dl.kernel}
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dl.dispatch @k(%x) sizes affine_map<() -> ()> : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
})",
                     /*verify=*/false),
            "'dl.dispatch' op does not fit its kernel 'k' of type "
            "'(tensor<4xf32>) -> tensor<4xf32>'\n");
  EXPECT_EQ(getError(R"(
func.func private @k(tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> attributes {dl.kernel, dl.tiles = affine_map<(d0) -> (d0)>}
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dl.dispatch @k(%x) sizes affine_map<() -> ()> : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
})"),
            "'dl.dispatch' op kernel 'k': expected dl.tiles to map 0 sizes to "
            "one value, found affine_map<(d0) -> (d0)>\n");
  TextModule module(R"(
func.func private @k(tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> attributes {dl.kernel}
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dl.dispatch @k(%x) sizes affine_map<() -> ()> : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
})");
  module.input.kernelNames.clear();
  EXPECT_EQ(module.print(), "");
  EXPECT_EQ(module.diagnostics,
            "'dl.dispatch' op there is no code for kernel 'k'\n");
}

/// Loops from `level` to `depth`, each over the one row of %v<level>.
static std::string nestLoops(int level, int depth) {
  std::string here = std::to_string(level), inner = std::to_string(level + 1);
  bool innermost = level + 1 == depth;
  return "%r" + here + " = dl.scan states() inputs(%v" + here + ") {\n^bb0(%s" +
         here + ": tensor<4xf32>):\n%v" + inner + " = dl.reshape %s" + here +
         " : (tensor<4xf32>) -> tensor<1x4xf32>\n" +
         (innermost ? "" : nestLoops(level + 1, depth)) + "%y" + here +
         " = dl.reshape %" + (innermost ? "v" : "r") + inner +
         " : (tensor<1x4xf32>) -> tensor<4xf32>\ndl.yield %y" + here +
         " : tensor<4xf32>\n} : (tensor<1x4xf32>) -> tensor<1x4xf32>\n";
}

TEST(ScheduleErrors, LoopsNestedTooDeep) {
  auto getModule = [](int depth) {
    return "func.func @main(%v0: tensor<1x4xf32>) -> tensor<1x4xf32> {\n" +
           nestLoops(0, depth) + "return %r0 : tensor<1x4xf32>\n}\n";
  };
  TextModule module(getModule(8));
  EXPECT_NE(module.print(), "");
  EXPECT_EQ(module.diagnostics, "");
  EXPECT_EQ(getError(getModule(9)),
            "'dl.scan' op is nested in more than 7 loops\n");
}

TEST(ScheduleErrors, ChecksOfAnotherForm) {
  EXPECT_THAT(getError(R"(
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> attributes {dl.checks = [{relation = "lt"}]} {
  return %x : tensor<4xf32>
})"),
              HasSubstr("found {relation = \"lt\"}"));
}

TEST(ScheduleErrors, TypesThatModulesDoNotHave) {
  EXPECT_EQ(getError(R"(
func.func @main(%x: tensor<4xi7>) -> tensor<4xi7> {
  return %x : tensor<4xi7>
})"),
            "input 0: the module format has no type 'tensor<4xi7>'\n");
  EXPECT_EQ(getError(R"(
func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
})"),
            "input 0: 'tensor<?xf32>' has a dimension of unknown size\n");
  EXPECT_EQ(getError(R"(
func.func private @k(tensor<4xi7>, tensor<4xf32>) -> tensor<4xf32> attributes {dl.kernel}
func.func @main() -> tensor<4xf32> {
  %w = dl.constant dense<1> : tensor<4xi7>
  %0 = dl.dispatch @k(%w) sizes affine_map<() -> ()> : (tensor<4xi7>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
})"),
            "'dl.constant' op the module format has no element type 'i7'\n");
}

TEST(ScheduleErrors, ConstantsWithoutBytes) {
  EXPECT_THAT(getError(R"(
func.func @main() -> tensor<4xf32> {
  %w = dl.constant dense_resource<nowhere> : tensor<4xf32>
  return %w : tensor<4xf32>
})"),
              HasSubstr("the bytes of 'nowhere' are missing"));
  EXPECT_THAT(getError(R"(
func.func @main() -> tensor<4xf32> {
  %w = dl.constant dense_resource<short> : tensor<4xf32>
  return %w : tensor<4xf32>
}
{-# dialect_resources: { builtin: { short: "0x040000000000803F" } } #-}
)"),
              HasSubstr("its value has 4 bytes, expected 16"));
}

TEST(ScheduleErrors, ValuesOfSymbolsThatAreNoConstant) {
  EXPECT_THAT(getError(R"(
func.func @main(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) -> tensor<1xi64> {
  %n = "dl.sizes"() {value = #dl.size_values<()[s0] -> (s0)>} : () -> tensor<1xi64>
  return %n : tensor<1xi64>
})"),
              HasSubstr("its values depend on symbols"));
}

TEST(ScheduleErrors, ModuleWithoutEntry) {
  EXPECT_EQ(getError("module {}"), "there is no function to be an entry\n");
}

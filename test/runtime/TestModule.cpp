// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes modules for tests of the tools, whose kernels are those of Kernels.c:
//
//   dl-test-module golden OUT.dlm
//     y = 4 * x + 100 + i for N elements, through weights, the arena, a loop
//     and a copy. The module of each format version stays in golden/.
//   dl-test-module coded OUT.dlm
//     The same with weights that are stored coded.
//   dl-test-module copy TYPE OUT.dlm
//     y = x, [N, 3] elements of a type by its number in module.fbs.
//   dl-test-module foreign OUT.dlm
//     A module with code for CPUs that this one is not.

#include "test/runtime/Kernels.h"
#include "test/runtime/ModuleBuilder.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace dltest;
using namespace dlrt;

namespace {

void buildGolden(ModuleBuilder &builder, bool isCoded) {
  builder.module.producer = "golden";
  builder.module.cpu[0]->cpu = "x86-64";
  builder.module.cpu[0]->features = {"sse2"};
  int n = builder.symbol("N", 0, 0), four = builder.constant(4);
  int bytes = builder.mul(n, four), sixteen = builder.constant(16);
  int unit = builder.constant(64);
  int padded = builder.mul(builder.expr(fb::ExprOp_CeilDiv, bytes, unit), unit);
  int x = builder.input("x", fb::ElementType_F32, {n});
  int y = builder.output("y", fb::ElementType_F32, {n});
  int first = builder.arena(builder.constant(0), bytes);
  int second = builder.arena(padded, bytes);
  builder.plan().arena_size = builder.add(padded, padded);
  builder.check(fb::Relation_LessEqual, n, builder.constant(32),
                "N is at most 32");
  std::vector<float> weights(32);
  for (size_t i = 0; i < weights.size(); ++i)
    weights[i] = 100 + float(i);
  int w = isCoded ? builder.codedWeights(weights) : builder.weights(weights);
  int one = builder.constant(1);
  builder.beginLoop(n);
  fb::DispatchT &step = builder.dispatch(kDouble, {x, first}, one);
  step.args[0]->strides = {four};
  step.args[1]->strides = {four};
  builder.endLoop();
  builder.dispatch(kDouble, {first, first}, n).flops = n;
  builder.dispatch(kAdd, {first, w, second},
                   builder.expr(fb::ExprOp_CeilDiv, n, sixteen), {n});
  builder.call("copy", {x, y}).args[0]->buffer = second;
}

void buildCopy(ModuleBuilder &builder, int type) {
  int n = builder.symbol("N", 0, 0), three = builder.constant(3);
  auto element = static_cast<fb::ElementType>(type);
  int x = builder.input("x", element, {n, three});
  int y = builder.output("y", element, {n, three});
  builder.call("copy", {x, y});
}

void buildForeign(ModuleBuilder &builder) {
  buildDouble(builder);
  builder.code().triple = "riscv64-unknown-linux-gnu";
  builder.code().cpu = "sifive-u74";
}

} // namespace

int main(int argc, char **argv) {
  ModuleBuilder builder;
  if (argc == 3 && strcmp(argv[1], "golden") == 0)
    buildGolden(builder, /*isCoded=*/false);
  else if (argc == 3 && strcmp(argv[1], "coded") == 0)
    buildGolden(builder, /*isCoded=*/true);
  else if (argc == 4 && strcmp(argv[1], "copy") == 0)
    buildCopy(builder, atoi(argv[2]));
  else if (argc == 3 && strcmp(argv[1], "foreign") == 0)
    buildForeign(builder);
  else
    return 2;
  builder.finish();
  FILE *file = fopen(argv[argc - 1], "wb");
  if (!file ||
      fwrite(builder.data(), 1, builder.size(), file) != builder.size())
    return 1;
  return fclose(file) == 0 ? 0 : 1;
}

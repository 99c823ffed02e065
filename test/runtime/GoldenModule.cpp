// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes the module of this format version that stays in golden/:
//
//   golden-module OUT.dlm
//
// y = 4 * x + weights, N elements, through the arena, a loop and a copy. Run
// once for each format version, on x86-64 Linux.

#include "test/runtime/Kernels.h"
#include "test/runtime/ModuleBuilder.h"

#include <cstdio>

using namespace dltest;
using namespace dlrt;

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  ModuleBuilder builder;
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
  int w = builder.weights(weights);
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
  builder.finish();
  FILE *file = fopen(argv[1], "wb");
  if (!file ||
      fwrite(builder.data(), 1, builder.size(), file) != builder.size())
    return 1;
  return fclose(file) == 0 ? 0 : 1;
}

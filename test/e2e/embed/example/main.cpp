// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads a module and runs its first entry on ones, with every symbolic
// dimension 3:
//
//   embed MODULE.dlm

#include <dlrt.hpp>

#include <algorithm>
#include <cstdio>
#include <vector>

namespace rt = dl::runtime;

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: embed MODULE.dlm\n");
    return 2;
  }
  try {
    rt::Module module = rt::Module::open(argv[1]);
    rt::Session session(module);

    // The session reads inputs where they are, so they live as long as it runs.
    std::vector<std::vector<float>> inputs;
    for (const rt::Value &value : module.inputs()) {
      std::vector<int64_t> dims = value.sizes;
      std::replace(dims.begin(), dims.end(), int64_t(-1), int64_t(3));
      int64_t count = 1;
      for (int64_t size : dims)
        count *= size;
      inputs.emplace_back(static_cast<size_t>(count), 1.0f);
      session.bindInput(static_cast<uint32_t>(inputs.size() - 1),
                        inputs.back().data(), dims);
    }
    session.run();

    std::vector<rt::Value> outputs = module.outputs();
    for (uint32_t i = 0; i < outputs.size(); ++i) {
      rt::Tensor output = session.output(i);
      std::printf("%s:", outputs[i].name.c_str());
      if (const float *values = output.as<float>())
        for (int64_t e = 0; e < std::min<int64_t>(output.elements(), 8); ++e)
          std::printf(" %g", values[e]);
      std::printf("\n");
    }
    return 0;
  } catch (const rt::Error &error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}

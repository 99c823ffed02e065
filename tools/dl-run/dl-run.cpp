// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs a module once: inputs from files, outputs to files.

#include "tools/checkpoint/Checkpoint.h"
#include "tools/dl-run/Info.h"
#include "tools/dl-run/Steps.h"
#include "tools/reference/Reference.h"
#include "tools/values/Files.h"
#include "tools/values/Inputs.h"
#include "tools/values/Npy.h"
#include "tools/values/Pb.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>

using namespace dl;
using dl::values::Failure;

namespace {

struct Options {
  std::string module;
  std::vector<std::string> inputs;
  std::string outputDir;
  std::string format = "npy";
  std::string device;
  std::string entry;
  std::string checkpoint;
  int threads = 0;
  int64_t steps = 0; ///< 0: one run, of the inputs as they are
  uint64_t memoryLimit = 0;
  bool check = false;
  bool listDevices = false;
  bool info = false;
  bool json = false;
};

/// Refuses, before anything runs, outputs that the format has no place for.
void checkFormat(const Options &options,
                 const std::vector<runtime::Value> &outputs) {
  if (options.format == "pb") {
    if (!values::pbSupported())
      throw Failure("--output-format=pb",
                    "this build of the tools does not write .pb files");
    return;
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    std::string where =
        "output " + std::to_string(i) + " '" + outputs[i].name + "'";
    if (outputs[i].mapPart == DLRT_MAP_ROWS)
      throw Failure(where, ".npy holds no maps, use --output-format=pb");
    if (outputs[i].kind != DLRT_TENSOR)
      throw Failure(
          where,
          std::string(".npy holds no ") +
              (outputs[i].kind == DLRT_SEQUENCE ? "sequences" : "optionals") +
              ", use --output-format=pb");
    if (!values::npyHolds(outputs[i].type))
      throw Failure(where, std::string(".npy does not hold ") +
                               dlrt_type_name(outputs[i].type) +
                               ", use --output-format=pb");
  }
}

/// What a run gave for an output.
struct Result {
  bool isNone = false; ///< an optional without a value
  std::vector<runtime::Tensor> tensors;
};

Result getResult(const runtime::Session &session, uint32_t index) {
  int64_t count = session.outputCount(index);
  Result result;
  result.isNone = count < 0;
  for (int64_t i = 0; i < count; ++i)
    result.tensors.push_back(
        session.outputTensor(index, static_cast<size_t>(i)));
  return result;
}

std::string describe(const Result &result, dlrt_value_kind kind) {
  std::string text;
  for (const runtime::Tensor &tensor : result.tensors)
    text +=
        (text.empty() ? "" : ", ") + values::describe(tensor.type, tensor.dims);
  if (kind == DLRT_TENSOR)
    return text;
  return result.isNone ? "none" : "(" + text + ")";
}

/// Writes results to files, or, without a folder, their types and shapes to the
/// standard output.
void writeOutputs(const Options &options, const std::vector<Result> &results,
                  const std::vector<runtime::Value> &outputs) {
  if (options.outputDir.empty()) {
    for (size_t i = 0; i < outputs.size(); ++i)
      printf("output %zu %s: %s\n", i, outputs[i].name.c_str(),
             describe(results[i], outputs[i].kind).c_str());
    return;
  }
  values::NewFiles files;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Result &result = results[i];
    std::string path = options.outputDir + "/output_" + std::to_string(i) +
                       "." + options.format;
    if (outputs[i].mapPart == DLRT_MAP_ROWS) {
      files.add(path, values::writePbMaps(outputs[i], result.tensors.front()),
                nullptr, 0);
    } else if (options.format == "pb") {
      files.add(path,
                values::writePb(outputs[i].name, outputs[i].kind,
                                result.isNone ? nullptr : &result.tensors),
                nullptr, 0);
    } else {
      const runtime::Tensor &tensor = result.tensors.front();
      files.add(path, values::npyHeader(tensor.type, tensor.dims), tensor.data,
                tensor.bytes);
    }
  }
  files.commit();
}

/// Results that lie in values.
std::vector<Result> toResults(std::vector<values::Value> &results) {
  using Kind = values::Value::Kind;
  std::vector<Result> given(results.size());
  auto toTensor = [](values::Value &value) {
    return runtime::Tensor{value.type, value.dims, value.data.data(),
                           value.data.size()};
  };
  for (size_t i = 0; i < results.size(); ++i) {
    given[i].isNone = results[i].kind == Kind::None;
    if (results[i].kind == Kind::Tensor)
      given[i].tensors.push_back(toTensor(results[i]));
    for (values::Value &element : results[i].elements)
      given[i].tensors.push_back(toTensor(element));
  }
  return given;
}

/// Interprets an entry's program for the reference.
void interpret(const Options &options, const runtime::Module &module,
               uint32_t entry) {
  std::vector<runtime::Value> outputs = module.outputs(entry);
  std::vector<values::Value> inputs =
      values::readInputs(options.module, module.entryName(entry),
                         module.inputs(entry), options.inputs);
  std::vector<values::Value> results = tools::runReference(
      options.module, module, entry, inputs,
      values::listFiles(module.inputs(entry), options.inputs));
  if (!options.outputDir.empty())
    values::makeFolder(options.outputDir);
  writeOutputs(options, toResults(results), outputs);
}

void runModule(const Options &options, const runtime::Module &module) {
  uint32_t entry = values::chooseEntry(module, options.entry);
  std::string entryName = module.entryName(entry);
  std::vector<runtime::Value> outputs = module.outputs(entry);
  if (!options.outputDir.empty())
    checkFormat(options, outputs);
  std::string target = values::chooseTarget(module, entry, options.device);
  if (tools::isReference(target) && options.steps)
    throw Failure("--steps", "the reference keeps no state from run to run");
  if (tools::isReference(target))
    return interpret(options, module, entry);
  runtime::SessionOptions sessionOptions;
  sessionOptions.entry = entryName.c_str();
  sessionOptions.target = target.c_str();
  sessionOptions.threads = options.threads;
  sessionOptions.memory_limit = options.memoryLimit;
  std::optional<runtime::State> state;
  if (!options.checkpoint.empty()) {
    if (module.states().empty())
      throw Failure("--checkpoint", options.module + " is no training module");
    state.emplace(module);
    train::loadCheckpoint(options.checkpoint, module, *state);
    sessionOptions.state = state->get();
  }
  runtime::Session session(module, sessionOptions);
  std::vector<values::Value> inputs = values::readInputs(
      options.module, entryName, module.inputs(entry), options.inputs);
  std::vector<std::string> files =
      values::listFiles(module.inputs(entry), options.inputs);
  if (options.steps) {
    std::vector<values::Value> steps =
        tools::runSteps(session, inputs, files, outputs, options.steps);
    if (!options.outputDir.empty())
      values::makeFolder(options.outputDir);
    return writeOutputs(options, toResults(steps), outputs);
  }
  values::bindInputs(session, inputs, files);
  if (!options.outputDir.empty())
    values::makeFolder(options.outputDir);
  session.run();
  std::vector<Result> results;
  for (uint32_t i = 0; i < outputs.size(); ++i)
    results.push_back(getResult(session, i));
  writeOutputs(options, results, outputs);
}

void printDevice(void *, const char *target, const char *name) {
  printf("%s: %s\n", target, name);
}

void run(const Options &options) {
  if (options.listDevices) {
    dlrt_list_devices(printDevice, nullptr);
    return;
  }
  runtime::Module module = runtime::Module::open(options.module);
  if (options.check)
    module.verify();
  if (options.info)
    fputs((options.json ? tools::describeModuleJson(options.module, module)
                        : tools::describeModule(options.module, module))
              .c_str(),
          stdout);
  bool onlyLook = options.check || options.info;
  if (!onlyLook || !options.inputs.empty() || !options.outputDir.empty())
    runModule(options, module);
  if (fflush(stdout) != 0)
    throw Failure("standard output", "cannot write");
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Runs a compiled module, once or --steps times.\n\n"
               "Inputs are the model's inputs that are not weights, in the "
               "model's order, one --input\neach. Outputs are written as "
               "output_<i>.npy or .pb, all of them or none; without\n"
               "--output-dir, their types and shapes are printed.",
               "dl-run");
  app.footer("Examples:\n"
             "  dl-run model.dlm --input=x.npy --output-dir=out\n"
             "  dl-run model.dlm --info\n"
             "  dl-run model.dlm --check");
  app.set_version_flag("--version", std::string("dl-run ") + dlrt_version());
  CLI::Option *module =
      app.add_option("module", options.module, "the module file (.dlm)");
  CLI::Option *list =
      app.add_flag("--list-devices", options.listDevices,
                   "name the devices of this machine that modules can run on");
  list->excludes(module);
  app.add_option("--input", options.inputs,
                 "a file with the next input: .npy, or .pb with an ONNX "
                 "TensorProto, SequenceProto, OptionalProto or MapProto")
      ->type_name("FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--output-dir", options.outputDir,
                 "the folder for the outputs, made if it is not there")
      ->type_name("DIR");
  app.add_option(
         "--output-format", options.format,
         "npy (the default) or pb; .npy does not hold bfloat16, "
         "float8, types below 8 bits, strings, sequences, optionals and "
         "maps")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"npy", "pb"}));
  app.add_option("--device", options.device,
                 "where to run: cpu, cuda, cuda:1 (the second such device) or "
                 "reference; default: the module's only target, or cpu")
      ->type_name("NAME");
  app.add_option("--entry", options.entry,
                 "the function of the module to run; default: its first")
      ->type_name("NAME");
  app.add_option("--checkpoint", options.checkpoint,
                 "of a training module: run with the states that dl-train has "
                 "written here")
      ->type_name("FILE");
  app.add_option("--threads", options.threads,
                 "threads to use; default: the CPUs that affinity and control "
                 "group allow")
      ->type_name("N")
      ->check(CLI::Range(1, 65536));
  app.add_option("--steps", options.steps,
                 "run N times, as decoding with a cache does (dl-compile "
                 "--kv-cache): each input has one dimension more in front, "
                 "with a value for each run, and so has each output")
      ->type_name("N")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 32));
  app.add_option("--memory-limit", options.memoryLimit,
                 "the most bytes that intermediate results, scratch and "
                 "outputs may take together (1000, 64MB, 2GiB); a run that "
                 "needs more is refused before it starts")
      ->type_name("BYTES")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/true))
      ->check(CLI::PositiveNumber);
  app.add_flag("--check", options.check,
               "compare all bytes of the module with their hashes");
  app.add_flag("--info", options.info,
               "print what the module holds: signature, targets, sizes");
  app.add_flag("--json", options.json, "print --info as one JSON object");
  try {
    app.parse(argc, argv);
    if (options.module.empty() && !options.listDevices)
      throw CLI::RequiredError("module");
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0) // --help, --version
      return app.exit(error);
    fprintf(stderr, "error: dl-run: %s\n", error.what());
    return 1;
  }
  try {
    run(options);
    return 0;
  } catch (const std::exception &error) {
    fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}

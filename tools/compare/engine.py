#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs a model in another engine, in a process of its own, which peers.py starts.

    engine.py onnxruntime|openvino MODEL INPUT.npy... [--precision f32|bf16]
              [--threads N] [--runs N] [--output FILE.npz]

Prints a JSON object: `memory` as `dl-bench --json` has it, where `start` is the
process with the engine imported and nothing loaded. The outputs of the last run go to
FILE as output_<i>.
"""
import argparse
import json
import sys

import numpy as np


def kilobytes(path, name):
    """The bytes on a line `name:   123 kB`; 0 where the system does not tell."""
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                if line.startswith(name + ":"):
                    return int(line.split()[1]) << 10
    except OSError:
        pass
    return 0


def memory_use():
    resident, anonymous = (kilobytes("/proc/self/smaps_rollup", name) for name in ("Rss", "Anonymous"))
    return {"resident_bytes": resident, "anonymous_bytes": anonymous, "file_bytes": resident - anonymous}


def peak_memory():
    return kilobytes("/proc/self/status", "VmHWM")


def reset_peak():
    """From now on, peak_memory tells of what follows."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="utf-8") as file:
            file.write("5")
    except OSError:
        pass


def load_onnxruntime(module, args, inputs):
    """Returns a function that runs the model once and returns its outputs."""
    options = module.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.log_severity_level = 4
    session = module.InferenceSession(args.model, options, providers=["CPUExecutionProvider"])
    feed = dict(zip([value.name for value in session.get_inputs()], inputs))
    return lambda: session.run(None, feed)


def load_openvino(module, args, inputs):
    """The same in OpenVINO."""
    compiled = module.Core().compile_model(args.model, "CPU", {
        "INFERENCE_NUM_THREADS": args.threads,
        "INFERENCE_PRECISION_HINT": args.precision,
        "PERFORMANCE_HINT": "LATENCY",
    })
    request = compiled.create_infer_request()
    for i, value in enumerate(inputs):
        # Shares the array's memory, which must live on.
        request.set_input_tensor(i, module.Tensor(value, shared_memory=True))

    def run():
        request.infer()
        return [request.get_output_tensor(i).data for i in range(len(compiled.outputs))]

    return run


LOADERS = {"onnxruntime": load_onnxruntime, "openvino": load_openvino}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=LOADERS)
    parser.add_argument("model")
    parser.add_argument("inputs", nargs="*")
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--output")
    args = parser.parse_args()

    module = __import__(args.engine)
    reset_peak()
    memory = {"start": memory_use()}
    inputs = [np.ascontiguousarray(np.load(path)) for path in args.inputs]
    run = LOADERS[args.engine](module, args, inputs)
    outputs = run()
    memory["load_peak_bytes"] = peak_memory()
    reset_peak()
    for _ in range(args.runs - 1):
        outputs = run()
    memory["run_peak_bytes"] = peak_memory()
    memory["end"] = memory_use()
    if args.output:
        np.savez(args.output, **{f"output_{i}": value for i, value in enumerate(outputs)})
    json.dump({"memory": memory}, sys.stdout)
    print()


if __name__ == "__main__":
    main()

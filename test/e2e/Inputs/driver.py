# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the scripts here that draw models have in common: the tools, and ONNX Runtime beside them."""
import os
import subprocess

import numpy as np
import onnx


def call(*command):
    """Runs a tool; a RuntimeError tells which one failed, and what it said."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    if done.returncode:
        raise RuntimeError(f"{os.path.basename(command[0])}: exit status {done.returncode}: {done.stderr.strip()[:300]}")


def compile_model(bin, model, scratch, *options):
    """The module of an ONNX model, a file in the folder `scratch`."""
    path, module = f"{scratch}/model.onnx", f"{scratch}/model.dlm"
    onnx.save(model, path)
    call(f"{bin}/dl-compile", path, "-o", module, *options)
    return module


def run_module(bin, module, inputs, outputs, scratch):
    """The first `outputs` outputs for these inputs, in the module's order, as arrays."""
    files = []
    for i, array in enumerate(inputs):
        np.save(f"{scratch}/input_{i}.npy", array)
        files.append(f"--input={scratch}/input_{i}.npy")
    call(f"{bin}/dl-run", module, *files, f"--output-dir={scratch}/out")
    return [np.load(f"{scratch}/out/output_{i}.npy") for i in range(outputs)]


def open_peer(model, optimized=True):
    """A session of ONNX Runtime on the CPU, without its warnings; its own error where it refuses the model."""
    import onnxruntime
    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

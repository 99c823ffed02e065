#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles models for Vulkan devices and has every kernel and every call checked.

    check_vulkan.py --bin BUILD/bin FOLDER...

A folder holds model.onnx and input_0.npy, input_1.npy, ... spirv-val must accept the
kernels, and the validation layer (the package vulkan-validationlayers) must have nothing
to say about a run. Prints a line for each model that fails, then 'N passed, N failed'.
"""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile


class Failure(Exception):
    pass


def call(*command, **options):
    """What a command says, which must end well."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **options)
    said = (done.stdout + done.stderr).strip()
    if done.returncode:
        raise Failure(f"{os.path.basename(command[0])}: exit status {done.returncode}: {said[:300]}")
    return said


def layer_is_there():
    """Whether the loader finds the layer; a run without it would be silent, too."""
    folders = ["/etc", "/usr/share", "/usr/local/share", *os.environ.get("XDG_DATA_DIRS", "").split(":")]
    return any(glob.glob(f"{folder}/vulkan/explicit_layer.d/VkLayer_khronos_validation.json") for folder in folders)


def check(tools, validator, folder):
    model = os.path.join(folder, "model.onnx")
    inputs = sorted(glob.glob(os.path.join(folder, "input_*.npy")), key=lambda path: int(re.findall(r"\d+", path)[-1]))
    with tempfile.TemporaryDirectory() as scratch:
        code, module = os.path.join(scratch, "model.spv"), os.path.join(scratch, "model.dlm")
        call(f"{tools}/dl-compile", model, "--target=vulkan", "--emit=spirv", "-o", code)
        call(validator, "--target-env", "vulkan1.1", code)
        call(f"{tools}/dl-compile", model, "--target=vulkan", "-o", module)
        layer = {**os.environ, "VK_INSTANCE_LAYERS": "VK_LAYER_KHRONOS_validation"}
        said = call(f"{tools}/dl-run", module, *(f"--input={path}" for path in inputs),
                    f"--output-dir={scratch}/out", env=layer)
        if said:
            raise Failure(f"the validation layer: {said[:300]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--bin", required=True)
    args = parser.parse_args()
    validator = shutil.which("spirv-val")
    if not validator:
        sys.exit("error: spirv-val: not found; it is in the package spirv-tools")
    if not layer_is_there():
        sys.exit("error: the validation layer is not there; it is in the package vulkan-validationlayers")
    passed = failed = 0
    for folder in args.folders:
        try:
            check(args.bin, validator, folder)
            passed += 1
        except Failure as reason:
            failed += 1
            print(f"{folder}: {reason}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

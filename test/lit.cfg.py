# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import atexit
import glob
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile

import lit.formats

config.name = "dl"
config.test_format = lit.formats.ShTest(execute_external=False)
# .test: a script of RUN lines and nothing else.
config.suffixes = [".mlir", ".onnxtext", ".test"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.join(config.dl_source_root, "test")
config.test_exec_root = os.path.join(config.dl_binary_root, "test")
config.maxIndividualTestTime = 300

# The project's tools by full path, so that no other of that name on the machine
# answers in their place; a tool that is not built fails the test that calls it.
tools = {
    name: os.path.join(config.dl_binary_root, "bin", name)
    for name in ("dl-opt", "dl-compile", "dl-run", "dl-bench", "dl-train")
}
for name in ("FileCheck", "not", "count", "split-file", "mlir-opt", "clang", "llvm-objdump", "llvm-readelf"):
    tools[name] = os.path.join(config.llvm_tools_dir, name)
for name, path in tools.items():
    # As a whole word, and not as a part of a path or an option.
    config.substitutions.append((r"(?<![\w./%=-])" + re.escape(name) + r"(?![\w./-])", path))

# %compare MODEL ...: compiles, runs, compares with ONNX Runtime; see the script.
config.substitutions.append(
    ("%compare", f"{config.python} {config.test_source_root}/e2e/Inputs/compare.py --bin {config.dl_binary_root}/bin")
)
config.substitutions.append(("%python", config.python))
config.substitutions.append(("%build", config.dl_binary_root))
config.substitutions.append(("%source", config.dl_source_root))

# %ptxas: NVIDIA's assembler, of a CUDA toolkit or of the Python package that set-up
# installs.
found = [shutil.which("ptxas"), "/usr/local/cuda/bin/ptxas"]
for folder in sys.path:
    found += glob.glob(f"{folder}/nvidia/*/bin/ptxas")
found = [path for path in found if path and os.access(path, os.X_OK)]
if found:
    config.available_features.add("ptxas")
    config.substitutions.append(("%ptxas", found[0]))

# %mpirun N PROGRAM: N ranks on this machine, whoever runs it and however few CPUs it has.
if shutil.which("mpirun"):
    config.available_features.add("mpirun")
    config.substitutions.append(("%mpirun", shutil.which("mpirun") + " --allow-run-as-root --oversubscribe -n"))

# The interpreter of PTX in the place of CUDA's driver.
if os.path.exists(os.path.join(config.dl_binary_root, "lib/ptx-device/libcuda.so.1")):
    config.available_features.add("ptx-device")

# Devices: some tests say what is missing where there is none.
try:
    listed = subprocess.run([tools["dl-run"], "--list-devices"], capture_output=True, text=True)
    for device in ("cuda", "vulkan"):
        if f"{device}:" in listed.stdout:
            config.available_features.add(f"{device}-device")
except OSError:
    pass

# An engine to compare with, which set-up does not install.
if importlib.util.find_spec("openvino"):
    config.available_features.add("openvino")

# Each run of the suite starts with no compiled kernel: what an earlier build of the
# compiler has left cannot answer for this one.
cache = tempfile.mkdtemp(prefix="dl-test-cache-")
owner = os.getpid()
atexit.register(lambda: os.getpid() == owner and shutil.rmtree(cache, ignore_errors=True))
config.environment["DL_CACHE_DIR"] = cache
for name in ("HOME", "XDG_RUNTIME_DIR", "ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS", "VK_ICD_FILENAMES"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

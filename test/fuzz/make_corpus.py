#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes the small corpus that the fuzzers start from again.

    make_corpus.py --suite FOLDER [--build build] [--folder build-fuzz] [--limit BYTES]

FOLDER has the cases of ONNX's suite, each with model.onnx and its tensors. Of those, of the
tests of the dialect and of training, and of modules that are compiled here, the smallest files that reach all that
any of them reaches are kept, to `--limit` bytes for each fuzzer.
"""
import argparse
import glob
import os
import subprocess
import sys
import tempfile
import zipfile

import numpy as np
import onnx.parser

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def models(args):
    for path in glob.glob(f"{args.suite}/*/model.onnx"):
        yield read(path)


def trainings(args):
    """Models, losses and gradients of the tests of training."""
    for script in ("losses", "gradients"):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, f"{SOURCE}/test/tools/dl-train/Inputs/{script}.py", "make", folder], check=True)
            for path in sorted(glob.glob(f"{folder}/*.onnxtext")):
                yield onnx.parser.parse_model(read(path).decode()).SerializeToString()


def values(args):
    for path in glob.glob(f"{args.suite}/*/**/*.pb", recursive=True):
        yield read(path)
    for kind in "?bhilBHILefdqQ":
        for array in (np.zeros((2, 3), kind), np.asfortranarray(np.ones((2, 2), kind)), np.array(1, kind).astype(f">{kind}")):
            with tempfile.TemporaryFile() as file:
                np.save(file, array)
                file.seek(0)
                yield file.read()


def texts(args):
    for path in glob.glob(f"{SOURCE}/test/ir/**/*.mlir", recursive=True):
        for part in read(path).split(b"// -----"):
            yield b"\n".join(line for line in part.split(b"\n") if not line.strip().startswith(b"//"))


def modules(args):
    for path in sorted(glob.glob(f"{SOURCE}/test/runtime/golden/*.dlm")):
        yield read(path)
    with tempfile.TemporaryDirectory() as folder:
        for type_number in (1, 5, 13, 20):
            subprocess.run([f"{args.build}/bin/dl-test-module", "copy", str(type_number), f"{folder}/m.dlm"], check=True)
            yield read(f"{folder}/m.dlm")
        for path in sorted(glob.glob(f"{args.suite}/*/model.onnx"))[::25]:
            for aim in ("speed", "size"):
                done = subprocess.run([f"{args.build}/bin/dl-compile", path, f"--optimize={aim}", "-o", f"{folder}/m.dlm"], capture_output=True)
                if done.returncode == 0:
                    yield read(f"{folder}/m.dlm")


def merge(args, name, files, longest):
    """The smallest set of files, as the fuzzer sees it."""
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(f"{folder}/all")
        os.makedirs(f"{folder}/kept")
        for i, data in enumerate(files):
            if len(data) <= longest:
                with open(f"{folder}/all/{i:05}", "wb") as file:
                    file.write(data)
        subprocess.run([f"{args.folder}/bin/fuzz-{name}", "-merge=1", "-timeout=20", "-rss_limit_mb=2048", f"-max_len={longest}",
                        f"{folder}/kept", f"{folder}/all"], check=True, capture_output=True)
        return sorted((read(path) for path in glob.glob(f"{folder}/kept/*")), key=len)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", required=True)
    parser.add_argument("--build", default="build")
    parser.add_argument("--folder", default="build-fuzz")
    parser.add_argument("--limit", type=int, default=200000, help="bytes of the files of one fuzzer")
    args = parser.parse_args()
    for name, source, longest in (("import", models, 2048), ("training", trainings, 4096), ("values", values, 512), ("dialect", texts, 2048), ("module", modules, 65536)):
        total = 0
        with zipfile.ZipFile(f"{SOURCE}/test/fuzz/corpus/{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            kept = 0
            for data in merge(args, name, source(args), longest):
                total += len(data)
                if total > args.limit:
                    break
                # Without a time, so that the same files make the same archive.
                archive.writestr(zipfile.ZipInfo(f"{kept:04}"), data, zipfile.ZIP_DEFLATED)
                kept += 1
        print(f"{name}: {kept} files")


if __name__ == "__main__":
    main()

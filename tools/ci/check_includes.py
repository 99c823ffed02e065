#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks which folder includes which: the design's layers stay apart.

    check_includes.py [ROOT]       prints each forbidden include; exit status 1 if any
    check_includes.py --self-test  checks this script on made-up trees
"""
import os
import posixpath
import re
import sys
import tempfile

import sources

# Which folders of the project a file in a folder may include; the longest matching
# folder decides. A folder may always include itself.
ALLOWED = {
    "ir": [],
    "frontend": ["ir"],
    "passes": ["ir"],
    "codegen": ["ir", "passes"],
    "codegen/package": ["ir", "passes", "codegen", "runtime/artifact"],
    "runtime": [],
    "tools": ["ir", "frontend", "passes", "codegen", "runtime"],
    "test": ["ir", "frontend", "passes", "codegen", "runtime", "tools"],
}

# Libraries, by the first part of the header's path, and the folders that may use them.
LIBRARIES = {
    "llvm": ["ir", "frontend", "passes", "codegen", "tools", "test"],
    "mlir": ["ir", "frontend", "passes", "codegen", "tools", "test"],
    "lld": ["codegen"],
    "onnx": ["frontend", "tools", "test"],
    "google": ["frontend", "tools", "test"],
    "flatbuffers": ["runtime", "codegen/package", "test"],
    "vulkan": ["runtime/device/vulkan", "test"],
    "leptonica": ["runtime/device/cpu/host/optional"],
    "png.h": ["runtime/device/cpu/host/optional"],
    "re2": ["runtime/device/cpu/host/optional"],
    "unicode": ["runtime/device/cpu/host/optional"],
    "CLI": ["tools"],
}
SUFFIXES = (".h", ".cpp", ".c", ".td", ".inc")
INCLUDE = re.compile(r'^\s*(?:#\s*)?include\s+(?:"([^"]+)"|<([^>]+)>)')


def inside(path, folder):
    return path == folder or path.startswith(folder + "/")


def folder_rule(path):
    """The entry of ALLOWED that a file falls under, or None."""
    found = [folder for folder in ALLOWED if inside(path, folder)]
    return max(found, key=len, default=None)


def forbidden(root, path, header):
    """The reason that a file may not include a header, or None."""
    beside = posixpath.normpath(posixpath.join(posixpath.dirname(path), header))
    target = beside if os.path.exists(os.path.join(root, beside)) else posixpath.normpath(header)
    rule = folder_rule(path)
    if rule is None:
        return None
    first = target.split("/")[0]
    if first in LIBRARIES and "/" in target and not os.path.exists(os.path.join(root, target)):
        allowed = LIBRARIES[first]
        if any(inside(path, folder) for folder in allowed):
            return None
        return f"{first} is for {', '.join(allowed)} alone"
    if first not in ALLOWED:
        return None  # a system header, or a file of the same folder
    allowed = [rule, *ALLOWED[rule]]
    if any(inside(target, folder) for folder in allowed):
        return None
    return f"{rule} may include {', '.join(allowed)} alone"


def violations(root):
    found = []
    for path in sources.files(root):
        if not path.endswith(SUFFIXES):
            continue
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                header = match.group(1) or match.group(2)
                reason = forbidden(root, path, header)
                if reason:
                    found.append(f"{path}:{number}: includes {header}: {reason}")
    return found


SELF_TESTS = [
    # file, line, whether it is allowed
    ("ir/ops/A.cpp", '#include "ir/dialect/Dialect.h"', True),
    ("ir/ops/A.cpp", '#include "passes/Passes.h"', False),
    ("ir/dialect/Ops.td", 'include "passes/Passes.td"', False),
    ("ir/ops/A.cpp", '#include "onnx/onnx_pb.h"', False),
    ("frontend/import/A.cpp", '#include "ir/dialect/Dialect.h"', True),
    ("frontend/import/A.cpp", '#include "onnx/onnx_pb.h"', True),
    ("frontend/import/A.cpp", '#include "codegen/cpu/Emit.h"', False),
    ("passes/fuse/A.cpp", '#include "frontend/onnx/Reader.h"', False),
    ("passes/fuse/A.cpp", '#include "codegen/cpu/Emit.h"', False),
    ("passes/fuse/A.cpp", '#include "../../codegen/cpu/Emit.h"', False),
    ("passes/fuse/A.cpp", "#include <codegen/cpu/Emit.h>", False),
    ("codegen/cpu/A.cpp", '#include "passes/Passes.h"', True),
    ("codegen/cpu/A.cpp", '#include "runtime/artifact/Format.h"', False),
    ("codegen/package/A.cpp", '#include "runtime/artifact/Format.h"', True),
    ("codegen/package/A.cpp", '#include "runtime/session/Session.h"', False),
    ("runtime/session/A.cpp", '#include "runtime/artifact/Format.h"', True),
    ("runtime/session/A.cpp", '#include "ir/dialect/Dialect.h"', False),
    ("runtime/session/A.cpp", '  #  include "mlir/IR/Builders.h"', False),
    ("runtime/session/A.cpp", '#include "llvm/ADT/SmallVector.h"', False),
    ("runtime/session/A.cpp", "#include <vector>", True),
    ("tools/dl-compile.cpp", '#include "codegen/package/Package.h"', True),
    ("tools/dl-run.cpp", '#include "runtime/api/dlrt.h"', True),
    ("tools/dl-run.cpp", '#include "lld/Common/Driver.h"', False),
]


def self_test():
    bad = 0
    for path, line, allowed in SELF_TESTS:
        with tempfile.TemporaryDirectory() as root:
            for name, text in ((path, line + "\n"), ("codegen/cpu/Emit.h", "")):
                os.makedirs(os.path.dirname(f"{root}/{name}"), exist_ok=True)
                with open(f"{root}/{name}", "w", encoding="utf-8") as file:
                    file.write(text)
            found = violations(root)
            if bool(found) == allowed:
                bad += 1
                print(f"self-test: {path}: {line}: expected {'no violation' if allowed else 'one'}, got {found}")
    print(f"{len(SELF_TESTS) - bad} passed, {bad} failed")
    return bad


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 1 if self_test() else 0
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
    found = violations(root)
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

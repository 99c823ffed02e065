#!/usr/bin/env bash
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

# Runs clang-tidy on the sources of a build, which must be up to date, because the
# precompiled and generated headers are read; exit status 1 on any finding.
#
#   tools/ci/clang_tidy.sh BUILD_FOLDER [JOBS] [PATH_PATTERN]
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$1
jobs=${2:-$(nproc)}
pattern=${3:-.}

python3 - "$build" "$pattern" <<'PYTHON' |
import json, os, re, sys
build, pattern = sys.argv[1:]
root, out = os.getcwd() + "/", os.path.abspath(build) + "/"
files = {entry["file"] for entry in json.load(open(f"{build}/compile_commands.json"))}
files = (f for f in files if f.startswith(root) and not f.startswith(out) and re.search(pattern, f[len(root):]))
print(*sorted(files), sep="\0", end="")
PYTHON
  xargs -0 -r -n 1 -P "$jobs" clang-tidy-22 --quiet -p "$build"

#!/usr/bin/env bash
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

# Runs clang-tidy on every source file of the build; exit status 1 on any finding.
#
#   tools/ci/clang_tidy.sh BUILD_FOLDER [JOBS] [PATH_PATTERN]
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$1
jobs=${2:-$(nproc)}
pattern=${3:-.}

# clang-tidy reads the compile commands; a precompiled header made by the compiler
# proper holds another configuration than clang-tidy's, so headers are read in full.
commands=$(mktemp -d)
trap 'rm -rf "$commands"' EXIT
"$build/venv/bin/python" - "$build/compile_commands.json" "$commands" "$pattern" <<'PYTHON'
import json, os, re, sys
source, target, pattern = sys.argv[1:]
root = os.getcwd() + "/"
kept = []
for entry in json.load(open(source)):
    path = entry["file"]
    if not path.startswith(root) or path.startswith(os.path.dirname(os.path.abspath(source))):
        continue
    if not re.search(pattern, path[len(root):]):
        continue
    command = entry["command"]
    command = re.sub(r"-Xclang -include-pch -Xclang \S+\.pch", "", command)
    command = re.sub(r"-Xclang -(emit-pch|fno-pch-timestamp|fpch-instantiate-templates)|-fpch-instantiate-templates|-Winvalid-pch", "", command)
    kept.append({**entry, "command": command})
json.dump(kept, open(target + "/compile_commands.json", "w"))
open(target + "/files", "w").write("\0".join(e["file"] for e in kept))
PYTHON
xargs -0 -r -a "$commands/files" -n 1 -P "$jobs" clang-tidy-22 --quiet -p "$commands"

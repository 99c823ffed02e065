#!/usr/bin/env bash
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

# Configures a build folder that setup.sh has prepared; more options for CMake may
# follow.
#
#   tools/setup/configure.sh BUILD_FOLDER [CMAKE_OPTION...]
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
build=$1
shift

launcher=()
if command -v ccache >/dev/null; then
  # What ccache needs to be told to keep files that use a precompiled header.
  wrapper="$build/venv/bin/cmake;-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros;ccache"
  wrapper=$(cd "$build" && pwd)/${wrapper#"$build/"}
  launcher=(-DCMAKE_C_COMPILER_LAUNCHER="$wrapper"
    -DCMAKE_CXX_COMPILER_LAUNCHER="$wrapper")
fi

log=$build/configure.log
"$build/venv/bin/cmake" -S "$source" -B "$build" -G Ninja "${launcher[@]}" \
  -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22 \
  -DCMAKE_LINKER_TYPE=LLD \
  -DMLIR_DIR=/usr/lib/llvm-22/lib/cmake/mlir \
  -DLLVM_DIR=/usr/lib/llvm-22/lib/cmake/llvm \
  -DONNX_DIR="$(cat "$build/onnx-prefix")/lib/cmake/ONNX" \
  -DPython3_EXECUTABLE="$(cd "$build" && pwd)/venv/bin/python" "$@" \
  </dev/null >"$log" 2>&1 || {
  cat "$log" >&2
  exit 1
}

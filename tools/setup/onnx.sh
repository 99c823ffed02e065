#!/usr/bin/env bash
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

# Builds ONNX's C++ library from its source package on PyPI against Debian's
# protobuf, installs it in the user's cache, and prints where. A library built
# before by the same recipe is used again.
#
#   tools/setup/onnx.sh BUILD_FOLDER    (whose venv has pip and cmake)
set -euo pipefail
version=1.23.2
build=$1
venv=$build/venv/bin

# All that the result depends on: this recipe, the compiler, protobuf.
key=$({
  cat "${BASH_SOURCE[0]}"
  clang++-22 --version
  protoc --version
  uname -m
} | sha256sum | cut -c1-12)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/dl-toolchain
prefix=$cache/onnx-$version-$key
if [ -f "$prefix/lib/cmake/ONNX/ONNXConfig.cmake" ]; then
  echo "$prefix"
  exit
fi

echo "setup: building ONNX $version (about two minutes)" >&2
mkdir -p "$cache"
work=$(mktemp -d "$cache/onnx-build.XXXXXX")
log=$build/onnx.log
exec 3>&2
finish() {
  local status=$?
  rm -rf "$work"
  if [ "$status" != 0 ]; then
    tail -n 20 "$log" >&3
    echo "setup: error: ONNX $version could not be built; the whole log is $log" >&3
  fi
}
trap finish EXIT

{
  "$venv/pip" download -q --disable-pip-version-check --no-deps --no-binary onnx \
    -d "$work" "onnx==$version"
  mkdir "$work/source"
  tar -xzf "$work"/onnx-*.tar.gz -C "$work/source" --strip-components=1
  launcher=()
  command -v ccache && launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache
    -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  "$venv/cmake" -S "$work/source" -B "$work/build" -G Ninja "${launcher[@]}" \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_STANDARD=17 \
    -DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22 \
    -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCMAKE_INSTALL_PREFIX="$work/install" \
    -DONNX_ML=1 -DONNX_BUILD_PYTHON=OFF -DONNX_USE_PROTOBUF_SHARED_LIBS=ON \
    -DONNX_GEN_PB_TYPE_STUBS=OFF
  "$venv/cmake" --build "$work/build" --target install
  # In place at once or not at all, even when two set-ups run side by side.
  mv -T "$work/install" "$prefix" || [ -d "$prefix/lib" ]
} </dev/null >"$log" 2>&1
echo "$prefix"

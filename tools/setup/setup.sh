#!/usr/bin/env bash
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

# Brings a Debian 12 machine to the point where the project builds: Debian packages,
# the Python environment build/venv, ONNX's C++ library. What is already there is
# left alone, so a second call takes a moment and prints nothing.
#
#   tools/setup/setup.sh [BUILD_FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=${1:-$here/../../build}
mkdir -p "$build"
build=$(cd "$build" && pwd)

say() { echo "setup: $*"; }

install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "not a Debian system: the packages of tools/setup/packages.txt are yours to install"
    return
  fi
  local wanted missing
  wanted=$(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$here/packages.txt")
  # dpkg-query knows a package that was removed, too: only "installed" counts.
  missing=$(comm -23 <(sort -u <<<"$wanted") \
    <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' 2>/dev/null |
      sed -n 's/^installed //p' | sort -u))
  [ -n "$missing" ] || return 0

  local root=()
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      say "error: neither root nor sudo here; run as root: apt-get install" $missing >&2
      exit 1
    fi
    root=(sudo)
  fi
  say "installing Debian packages:" $missing
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq update </dev/null
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
    --no-install-recommends -o Dpkg::Use-Pty=0 install $missing \
    </dev/null >"$build/apt.log" 2>&1 || {
    tail -n 20 "$build/apt.log" >&2
    say "error: apt-get install failed; the whole log is $build/apt.log" >&2
    exit 1
  }
}

install_python() {
  local key stamp="$build/venv/.requirements" python=python3
  # Debian's own Python: the one that python3-venv belongs to.
  [ -x /usr/bin/python3 ] && python=/usr/bin/python3
  key=$(sha256sum "$here/requirements.txt" | cut -d' ' -f1)
  if [ -x "$build/venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$key" ]; then
    return
  fi
  say "installing Python packages in $build/venv"
  [ -x "$build/venv/bin/pip" ] || "$python" -m venv --clear "$build/venv"
  "$build/venv/bin/pip" install -q --disable-pip-version-check \
    -r "$here/requirements.txt" </dev/null
  echo "$key" >"$stamp"
}

install_packages
install_python
"$here/onnx.sh" "$build" >"$build/onnx-prefix.tmp"
# Written only when changed: the configure step depends on it.
cmp -s "$build/onnx-prefix.tmp" "$build/onnx-prefix" ||
  cp "$build/onnx-prefix.tmp" "$build/onnx-prefix"
rm -f "$build/onnx-prefix.tmp"

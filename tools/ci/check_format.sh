#!/usr/bin/env bash
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

# Checks that every C and C++ file is formatted as .clang-format says; with --fix,
# formats them.
#
#   tools/ci/check_format.sh [--fix]
set -euo pipefail
cd "$(dirname "$0")/../.."
mode=(--dry-run -Werror)
[ "${1:-}" = --fix ] && mode=(-i)
python3 -c 'import sys; sys.path.insert(0, "tools/ci"); import sources
print(*(f for f in sources.files(".") if f.endswith((".h", ".cpp", ".c"))), sep="\0", end="")' |
  xargs -0 -r clang-format-22 "${mode[@]}"

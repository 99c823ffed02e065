#!/usr/bin/env bash
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

# Runs a command and says how long it took.
#
#   tools/setup/timed.sh NAME COMMAND...
name=$1
shift
start=$(date +%s)
"$@"
status=$?
echo "-- $name: $(($(date +%s) - start)) s"
exit $status

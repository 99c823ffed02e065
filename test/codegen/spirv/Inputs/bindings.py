#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints the entry points of a SPIR-V module, and how many buffers and invocations each has: bindings.py
FILE"""
import struct
import sys

NAME, ENTRY_POINT, EXECUTION_MODE, DECORATE = 5, 15, 16, 71
LOCAL_SIZE, BINDING = 17, 33
data = open(sys.argv[1], "rb").read()
words = struct.unpack(f"<{len(data) // 4}I", data)


def text(first, end):
    return data[4 * first:4 * end].split(b"\0")[0].decode()


entries, invocations, bindings, names = {}, {}, set(), {}
at = 5  # behind the header
while at < len(words):
    end, code = at + (words[at] >> 16), words[at] & 0xffff
    if code == ENTRY_POINT:
        entries[words[at + 2]] = text(at + 3, end)
    elif code == EXECUTION_MODE and words[at + 2] == LOCAL_SIZE:
        invocations[words[at + 1]] = words[at + 3]
    elif code == NAME:
        names[words[at + 1]] = text(at + 2, end)
    elif code == DECORATE and words[at + 2] == BINDING:
        bindings.add(words[at + 1])
    at = end
for function, entry in entries.items():
    count = sum(names[variable].startswith(entry + "_arg_") for variable in bindings)
    print(f"{entry}: {count} bindings, {invocations[function]} invocations")

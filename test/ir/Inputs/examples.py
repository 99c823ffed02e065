#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints a function for the example in the description of each op of the dialect.

    examples.py FOLDER  FOLDER holds the ops' definitions, in JSON as llvm-tblgen
                        prints them, one file a family
"""
import json
import re
import sys

# Ops whose examples stand inside of others' or name a function.
INSIDE = {"yield", "yield_gradient"}
KERNEL = """func.func private @kernel_0(tensor<4xf32>, tensor<4xf32>, index, tensor<4xf32>) -> tensor<4xf32>
"""


def split_types(text):
    """The comma-separated types of a list, commas within brackets aside."""
    types, depth, current = [], 0, ""
    for i, c in enumerate(text):
        depth += c in "<([{"
        depth -= c in ")]}" or (c == ">" and text[i - 1] != "-")
        if c == "," and depth == 0:
            types.append(current.strip())
            current = ""
        else:
            current += c
    return types + ([current.strip()] if current.strip() else [])


def arguments(example):
    """Names and types of the values that an example uses and does not define."""
    found = {}
    defined = set()
    # An op without results names the type of its operand alone.
    plain = re.match(r"dl\.\w+ (%\w+) \{.*\} : (\S+)$", example.strip())
    if plain:
        return {plain.group(1): plain.group(2)}
    for line in example.split("\n"):
        defined |= set(re.findall(r"%\w+", line.split("=")[0])) if "=" in line else set()
        defined |= set(re.findall(r"(%\w+):", line))
    # The signature after the last colon is that of the whole example.
    for text in example.split("\n") + [" ".join(example.split("\n"))]:
        match = re.match(r"(?s).*?:\s*\((.*)\)\s*->", text[text.rfind(" : (") :] if " : (" in text else "")
        if not match:
            continue
        head = text[: text.rfind(" : (")].split("{")[0]
        names = re.findall(r"%\w+", head.split("=", 1)[-1])
        for name, type in zip(names, split_types(match.group(1))):
            if name not in defined:
                found.setdefault(name, type)
    # What a region yields may come from outside.
    for names, types in re.findall(r"dl\.yield ([^:\n]*) : (.*)", example):
        for name, type in zip(re.findall(r"%\w+", names), split_types(types)):
            if name not in defined:
                found.setdefault(name, type)
    return found


def main():
    missing = []
    print(KERNEL)
    for family in sys.argv[1:]:
        with open(family, encoding="utf-8") as file:
            records = json.load(file)
        for name in records["!instanceof"]["Dl_Op"]:
            op = records[name]
            mnemonic = op["opName"]
            match = re.search(r"Example:\s*(?:```mlir\n(.*?)```|`(.*?)`)", op["description"], re.S)
            if not match or f"dl.{mnemonic}" not in match.group(0):
                missing.append(mnemonic)
                continue
            if mnemonic in INSIDE:
                continue
            example = match.group(1) or match.group(2)
            declared = ", ".join(f"{name}: {type}" for name, type in arguments(example).items())
            print(f"func.func @{mnemonic}({declared}) {{\n{example}\nreturn\n}}\n")
    for mnemonic in missing:
        print(f"error: dl.{mnemonic}: no example", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())

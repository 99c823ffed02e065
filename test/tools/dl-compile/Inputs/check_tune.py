#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What --tune keeps, and what later compilations make of it.

    check_tune.py DL_COMPILE MODEL FOLDER

Prints one line for each rule that holds. What tuning finds is a matter of the machine:
the entries that it leaves are written anew with a known choice.
"""
import os
import pathlib
import subprocess
import sys

program, model, folder = sys.argv[1:]
folder = pathlib.Path(folder)
cache = folder / "cache"
CHOICE = "block=2x1,unroll=2,lanes=64"


def compile_to(name, *options):
    output = folder / name
    environment = {**os.environ, "DL_CACHE_DIR": str(cache)}
    done = subprocess.run([program, model, "-o", output, *options], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return output.read_bytes(), done.stderr


def rewrite(change):
    for path in entries:
        path.write_text(change(path.read_text()))


plain, _ = compile_to("plain.dlm", "--no-cache")
alone, said = compile_to("alone.dlm", "--tune=0.5", "--no-cache")
print("without a cache nothing is kept:", said.startswith("tuned in ") and not cache.exists())

tuned, said = compile_to("tuned.dlm", "--tune=0.5")
entries = sorted(cache.glob("choice_*.txt"))
texts = [path.read_text() for path in entries]
print("kernels are kept:", len(entries) > 0)
print("with what was tried:", all(text.startswith("dl-choice 1\nchoice: ") and "\ntried: " in text and text.endswith("\nend\n") for text in texts))
print("a later compilation makes the same:", compile_to("again.dlm")[0] == tuned)
print("and without the cache, what it made before:", compile_to("plain.dlm", "--no-cache")[0] == plain)

rewrite(lambda text: f"dl-choice 1\nchoice: {CHOICE}\ncomplete\nend\n")
forced, _ = compile_to("forced.dlm")
print("a stored choice is taken:", forced != plain)
print("and makes the same each time:", compile_to("forced.dlm")[0] == forced)
times = [path.stat().st_mtime_ns for path in entries]
_, said = compile_to("more.dlm", "--tune=0.5")
untouched = [path.read_text() for path in entries if "tried: " in path.read_text()]
print("what is complete is not tried again:", not untouched)

for what, change in {
    "cut": lambda text: text[: len(text) // 2],
    "of another version": lambda text: text.replace("dl-choice 1", "dl-choice 2"),
    "empty": lambda text: "",
    "no text": lambda text: "\0\1\2" * 100,
    "too long": lambda text: "x" * 100000,
    "an unknown choice": lambda text: text.replace("choice: ", "choice: colour=3,"),
    "an illegal number": lambda text: text.replace("choice: ", "choice: block=99x99,"),
}.items():
    rewrite(lambda text: f"dl-choice 1\nchoice: {CHOICE}\ncomplete\nend\n")
    rewrite(change)
    print(f"damaged, {what}: ignored:", compile_to("damaged.dlm")[0] == plain)

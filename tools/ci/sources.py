# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The files of the repository, for the checks that read them."""
import os
import subprocess


def files(root):
    """Paths relative to root: tracked files and new ones that git does not ignore.

    In a tree without git, everything outside build folders and hidden ones.
    """
    git = ["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, timeout=60)
    except OSError:
        done = None
    if done and done.returncode == 0:
        names = [name for name in done.stdout.split("\0") if name]
    else:
        names = []
        for folder, folders, found in os.walk(root):
            folders[:] = [f for f in folders if not f.startswith((".", "build", "__pycache__"))]
            names += [os.path.relpath(os.path.join(folder, f), root) for f in found]
    return sorted(name for name in names if os.path.isfile(os.path.join(root, name)))

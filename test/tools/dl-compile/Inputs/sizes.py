# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The lines of sized.c, from the formula that dl-run tells: sizes.py INFO.json."""
import json
import re
import sys


class Size(int):
    """A number whose @ is a division that rounds up."""

    def __matmul__(self, other):
        return Size(-(-int(self) // int(other)))


for name in ("add", "sub", "mul", "floordiv", "mod", "radd", "rsub", "rmul"):
    setattr(Size, f"__{name}__", lambda self, other, name=name: Size(getattr(int, f"__{name}__")(self, int(other))))

entry, = json.load(open(sys.argv[1]))["entries"]
text = entry["targets"][0]["arena_bytes"]
assert "..." not in text, text
formula = re.sub(r"\b([A-Za-z]\w*)\.(\d)", r"\1_\2", re.sub(r"\bint\b", "int_", text)).replace("floordiv", "//").replace("ceildiv", "@").replace("mod", "%")
for n in range(1, 200, 37):
    names = dict(N=Size(n), int_=Size(n + 3), t0=Size(2), max=max, min=min)
    unknown = set(re.findall(r"[A-Za-z_]\w*", formula)) - set(names)
    print(n, eval(formula, {}, dict(names, **{name: Size(1) for name in unknown})), f"{n}x8x2")
print("w 1")

# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Decodes with caches in sessions, as float32 and as int8, beside ONNX Runtime with the same caches outside.

    caches.py BIN SCRATCH [TARGET]
"""
import subprocess
import sys

import numpy as np
import onnx
import onnx.parser
from onnx import numpy_helper

import driver

HEADS, DEPTH, WIDTH, STEPS = 4, 32, 48, 12
INT8_BUDGET = 0.02  # root mean square, relative

# How attention reads a cache of each layout, and in how many heads this is.
LAYOUTS = {
    "heads": dict(heads=4, cache="1, 4, P, 32", after="1, 4, T, 32", order=[0, 2, 1, 3], axis=2, keys=[0, 1, 3, 2], values=[0, 1, 2, 3]),
    "rows": dict(heads=4, cache="1, P, 4, 32", after="1, T, 4, 32", order=[0, 1, 2, 3], axis=1, keys=[0, 2, 3, 1], values=[0, 2, 1, 3]),
    "columns": dict(heads=4, cache="1, 4, 32, P", after="1, 4, 32, T", order=[0, 2, 3, 1], axis=3, keys=[0, 1, 2, 3], values=[0, 1, 3, 2]),
    "groups": dict(heads=2, cache="1, 2, P, 32", after="1, 2, T, 32", order=[0, 2, 1, 3], axis=2, keys=[0, 1, 3, 2], values=[0, 1, 2, 3]),
}

ATTEND = """
  q0 = MatMul(x, wq)
  q1 = Reshape(q0, queries)
  q = Transpose <perm = [0, 2, 1, 3]> (q1)
  k0 = MatMul(x, wk)
  k1 = Reshape(k0, rows)
  k = Transpose <perm = {order}> (k1)
  v0 = MatMul(x, wv)
  v1 = Reshape(v0, rows)
  v = Transpose <perm = {order}> (v1)
{concat}
  kt = Transpose <perm = {keys}> ({k})
  vt = Transpose <perm = {values}> ({v})
  s0 = MatMul(q, kt)
  s = Mul(s0, root)
  w = Softmax <axis = -1> (s)
  m = MatMul(w, vt)
  m1 = Transpose <perm = [0, 2, 1, 3]> (m)
  m2 = Reshape(m1, back)
  y = MatMul(m2, wo)
"""

APART = """
  ck = Concat <axis = {axis}> (pk, k)
  cv = Concat <axis = {axis}> (pv, v)
"""
# Four query heads read two heads of the cache.
GROUPED = APART + """
  uk = Unsqueeze(ck, two)
  ek = Expand(uk, fold)
  gk = Reshape(ek, grouped)
  uv = Unsqueeze(cv, two)
  ev = Expand(uv, fold)
  gv = Reshape(ev, grouped)
"""
# Keys and values lie in one tensor, [2, 1, heads, rows, depth].
STACKED = """
  one0 = Gather <axis = 0> (past, zero)
  two0 = Gather <axis = 0> (past, unit)
  ck = Concat <axis = 2> (one0, k)
  cv = Concat <axis = 2> (two0, v)
  uk = Unsqueeze(ck, first)
  uv = Unsqueeze(cv, first)
  present = Concat <axis = 0> (uk, uv)
"""


def add_weights(model, heads, numbers, floats={}):
    r = np.random.default_rng(3)
    kv = heads * DEPTH
    weights = dict(wq=r.standard_normal((WIDTH, HEADS * DEPTH)) * 0.3, wk=r.standard_normal((WIDTH, kv)) * 0.3,
                   wv=r.standard_normal((WIDTH, kv)) * 0.3, wo=r.standard_normal((HEADS * DEPTH, WIDTH)) * 0.1,
                   root=np.array(DEPTH ** -0.5), **floats)
    numbers = dict(queries=[0, 0, HEADS, DEPTH], rows=[0, 0, heads, DEPTH], back=[0, 0, HEADS * DEPTH], **numbers)
    for name, value in weights.items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
    for name, value in numbers.items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(value, np.int64), name))


def make(layout, stacked=False):
    l = LAYOUTS[layout]
    concat, k, v = (STACKED, "ck", "cv") if stacked else (GROUPED, "gk", "gv") if layout == "groups" else (APART, "ck", "cv")
    body = ATTEND.format(concat=concat.format(axis=l["axis"]), k=k, v=v, order=l["order"], keys=l["keys"], values=l["values"])
    if stacked:
        inputs, outputs = "float[2, 1, 4, P, 32] past", "float[2, 1, 4, T, 32] present"
    else:
        inputs, outputs = f"float[{l['cache']}] pk, float[{l['cache']}] pv", f"float[{l['after']}] ck, float[{l['after']}] cv"
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> g (float[1, S, {WIDTH}] x, {inputs}) => (float[1, S, {WIDTH}] y, {outputs}) {{{body}}}')
    add_weights(model, l["heads"], dict(two=[2], fold=[1, 1, 2, 1, 1], grouped=[1, HEADS, -1, DEPTH], zero=0, unit=1, first=[0]))
    return model


# Rows are put into a cache of a fixed size, at a position that is an input.
REPLACED = {
    "elements": """
  cv = ScatterElements <axis = 2> (pv, everywhere, v)
  ck = ScatterElements <axis = 2> (pk, everywhere, k)
""",
    "slices": """
  kr = Transpose <perm = [2, 0, 1, 3]> (k)
  vr = Transpose <perm = [2, 0, 1, 3]> (v)
  places = Reshape(at, column)
  ck0 = ScatterND(pk, places, kr)
  cv0 = ScatterND(pv, places, vr)
""",
}


def make_replaced(form):
    """Attention over all rows up to the position."""
    slices = form == "slices"
    shape, out = (f"{STEPS}, 1, 4, 32", ("ck0", "cv0")) if slices else (f"1, 4, {STEPS}, 32", ("ck", "cv"))
    order = [1, 2, 0, 3]
    body = ATTEND.format(order=[0, 2, 1, 3], keys=[0, 1, 3, 2], values=[0, 1, 2, 3], k="ck", v="cv", concat=(
        "  everywhere = Expand(at, one)\n" + REPLACED[form]
        + (f"  ck = Transpose <perm = {order}> (ck0)\n  cv = Transpose <perm = {order}> (cv0)\n" if slices else "")))
    body = body.replace("w = Softmax", "seen = LessOrEqual(all, at)\n  s1 = Where(seen, s, low)\n  w = Softmax").replace("(s)\n  m =", "(s1)\n  m =")
    model = onnx.parser.parse_model(f'''<ir_version: 8, opset_import: ["": 18]>
        g (float[1, 1, {WIDTH}] x, int64[1] at, float[{shape}] pk, float[{shape}] pv)
        => (float[1, 1, {WIDTH}] y, float[{shape}] {out[0]}, float[{shape}] {out[1]}) {{{body}}}''')
    add_weights(model, HEADS, dict(one=[1, 4, 1, 32], column=[1, 1], all=range(STEPS)), dict(low=np.array(-1e9)))
    return model


def decode_outside(model, given):
    """`given` has, for each input that is no cache, its values for all steps."""
    session = driver.open_peer(model)
    shapes = {i.name: [0 if d == "P" else d for d in i.shape] for i in session.get_inputs()[len(given):]}
    caches = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    results = []
    for parts in zip(*given.values()):
        y, *present = session.run(None, {**dict(zip(given, parts)), **caches})
        caches = dict(zip(shapes, present))
        results.append(y)
    return np.stack(results)


def decode_inside(bin, model, given, scratch, target, *flags):
    module = driver.compile_model(bin, model, scratch, f"--target={target}", *flags)
    for name, value in given.items():
        np.save(f"{scratch}/{name}.npy", value)
    driver.call(f"{bin}/dl-run", module, f"--device={device_of(target)}", *(f"--input={scratch}/{name}.npy" for name in given),
                f"--steps={STEPS}", f"--output-dir={scratch}/out")
    return np.load(f"{scratch}/out/output_0.npy")


def device_of(target):
    return target.split(":")[0]


def check_positions(bin, module, device):
    """Begins again, and takes rows back, where the Python package is built."""
    sys.path.insert(0, f"{bin}/../python")
    try:
        import dl
    except ImportError:
        return "skipped"
    session = dl.Session(dl.Module(module), device=device)
    x = np.random.default_rng(5).standard_normal((2, 1, 1, WIDTH)).astype(np.float32)
    first, second = [session.run([part])[0] for part in x]
    session.set_position(1)
    again = session.run([x[1]])[0]
    session.set_position(0)
    anew = session.run([x[0]])[0]
    refused = 0
    for rows in (-1, 5, 6):
        try:
            session.set_position(rows)
            session.run([x[0]])
        except dl.Error:
            refused += 1
    session.set_position(1)
    last = session.run([x[1]])[0]
    good = all(np.array_equal(*pair) for pair in ((second, again), (first, anew), (second, last))) and refused == 3
    return "good" if good and not np.array_equal(first, second) else "BAD"


def main():
    bin, scratch = sys.argv[1:3]
    target = sys.argv[3] if len(sys.argv) > 3 else "cpu"
    r = np.random.default_rng(4)
    cases = [(f"{layout}, {rows} a step", make(layout), rows) for layout in LAYOUTS for rows in (1, 2)]
    cases.append(("heads in one, 1 a step", make("heads", True), 1))
    cases += [(f"{form} replaced", make_replaced(form), 0) for form in REPLACED]
    for name, model, rows in cases:
        given = {"x": r.standard_normal((STEPS, 1, max(rows, 1), WIDTH)).astype(np.float32)}
        if not rows:
            given["at"] = np.arange(STEPS).reshape(STEPS, 1)
        expected = decode_outside(model, given)
        length = [f"--kv-cache-length={STEPS * rows}"] if rows else []
        error = lambda found: float(np.sqrt(((found - expected) ** 2).mean() / (expected ** 2).mean()))
        single = error(decode_inside(bin, model, given, scratch, target, "--kv-cache=session", *length))
        byte = error(decode_inside(bin, model, given, scratch, target, "--quantize-kv-cache=int8", *length))
        # Rows are not kept as float32 where int8 is asked for.
        good = single < 1e-5 and 1e-5 < byte < INT8_BUDGET
        print(name, "good" if good else f"BAD: {single} {byte}")
    # What has no room is refused.
    onnx.save(make("heads"), f"{scratch}/full.onnx")
    driver.call(f"{bin}/dl-compile", f"{scratch}/full.onnx", f"--target={target}", "--kv-cache=session", "--kv-cache-length=5",
                "-o", f"{scratch}/full.dlm")
    print("positions", check_positions(bin, f"{scratch}/full.dlm", device_of(target)))
    np.save(f"{scratch}/x.npy", r.standard_normal((6, 1, 1, WIDTH)).astype(np.float32))
    done = subprocess.run([f"{bin}/dl-run", f"{scratch}/full.dlm", f"--device={device_of(target)}", f"--input={scratch}/x.npy", "--steps=6", f"--output-dir={scratch}/full"],
                          capture_output=True, text=True)
    print(done.returncode, done.stderr.strip())


if __name__ == "__main__":
    main()

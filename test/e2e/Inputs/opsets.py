#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every operator of ai.onnx in every version, with random attributes, shapes, types and inputs,
compiled in this process and compared with ONNX Runtime.

    opsets.py --build BUILD [--seed S] [--cases N] [--jobs N] [--verbose] [OPERATOR[-VERSION]...]

A case imports an opset in which its version is the current one. Where ONNX Runtime has no
kernel, as for versions before 7, the peer is a node of a later version that means the same,
or else ONNX's reference evaluator. Types that no peer takes are skipped, and counted. Each
difference is printed; the last lines count. A version without a case fails, unless UNTESTED
gives the reason.
"""
import argparse
import ctypes
import math
import os
import signal
import sys
import time
import traceback
import zlib

import numpy as np
import onnx
from onnx import defs, helper

import driver
from drawing import draw as drawing
from drawing import exclusions

TIME_LIMIT = 60  # seconds of the processor for one case, then it counts as hanging
ATTEMPTS = 12  # for one case, as some draws make none


class Skipped(Exception):
    """No peer takes the case."""


def versions(names):
    """(operator's schema, last opset in which it is current), of those that are asked for."""
    newest, by_name = defs.onnx_opset_version(), {}
    for schema in defs.get_all_schemas_with_history():
        if schema.domain == "":
            by_name.setdefault(schema.name, {})[schema.since_version] = schema
    for name, schemas in sorted(by_name.items()):
        order = sorted(schemas)
        for since, following in zip(order, [*order[1:], newest + 1]):
            asked = not names or name in names or f"{name}-{since}" in names
            if asked and not schemas[since].deprecated:
                yield schemas[since], following - 1


# ---------------------------------------------------------------------------
# The two sides of a comparison
# ---------------------------------------------------------------------------

def run_ours(case):
    import dl
    session = dl.Session(dl.compile(case.model(), cache="", threads=1), threads=1)
    return session.run(list(case.feed.values()))


def array_of(value):
    """The array of an OrtValue, also of types that ONNX Runtime's own conversion does not know."""
    number = value.element_type()
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(number))
    shape = value.shape()
    count = math.prod(shape)
    packed = number in (onnx.TensorProto.INT4, onnx.TensorProto.UINT4)
    size = (count + 1) // 2 if packed else count * dtype.itemsize
    data = ctypes.string_at(value.data_ptr(), size) if size else b""
    if packed:
        return onnx.numpy_helper.to_array(helper.make_tensor("", number, shape, data, raw=True))
    return np.frombuffer(data, dtype).reshape(shape).copy()


def run_onnxruntime(case):
    try:
        return feed_onnxruntime(case)
    except Exception as error:
        if any(sign in str(error) for sign in exclusions.NOT_TAKEN):
            raise Skipped(str(error)) from error
        raise


def feed_onnxruntime(case):
    import onnxruntime
    session = driver.open_peer(case.model(), optimized=False)
    make = onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type
    words = {1: np.uint8, 2: np.uint16}
    feed = {}
    for name, array in case.feed.items():
        native = array.dtype.isbuiltin == 1
        array = np.ascontiguousarray(array).reshape(array.shape)
        plain = array if native else array.view(words[array.dtype.itemsize])
        feed[name] = onnxruntime.OrtValue.ortvalue_from_numpy(plain) if native else make(plain, drawing.onnx_type(array.dtype))
    return [array_of(value) for value in session.run_with_ort_values(None, feed)]


def run_reference(case):
    from onnx.reference import ReferenceEvaluator
    try:
        return ReferenceEvaluator(case.model()).run(None, case.feed)
    except Exception as error:
        raise Skipped(f"the reference evaluator: {error}") from error


def run_peer(case):
    if case.expected is not None:
        return case.expected
    try:
        return run_onnxruntime(case)
    except Skipped:
        name = f"{case.operator}-{case.since}"
        if case.peer is not None:
            return run_peer(case.peer)
        if case.since < 7:
            # Unless its drawer says otherwise, opset 7 means the same.
            later = case.at(7)
            for attribute in list(later.nodes[0].attribute):
                if attribute.name == "consumed_inputs":
                    later.nodes[0].attribute.remove(attribute)
            return run_onnxruntime(later)
        if name in exclusions.AS_BEFORE:
            return run_onnxruntime(case.at(case.since - 1))
        if name in exclusions.BY_REFERENCE:
            return run_reference(case)
        raise


# ---------------------------------------------------------------------------
# Judging
# ---------------------------------------------------------------------------

# Of the largest magnitude, by the name of the type.
TOLERANCES = {"float32": 2e-5, "float64": 1e-6, "float16": 4e-3, "bfloat16": 3e-2}


def difference(case, got, want):
    """What is wrong with an output, or nothing."""
    if got.shape != want.shape:
        return f"shape {list(got.shape)}, expected {list(want.shape)}"
    if got.dtype != want.dtype:
        return f"type {got.dtype}, expected {want.dtype}"
    if got.dtype == bool or not want.size:
        return "" if np.array_equal(got, want) else f"{got.tolist()}, expected {want.tolist()}"[:300]
    exact = got.dtype.name not in TOLERANCES
    if exact and not case.tolerance:
        same = np.array_equal(got, want) or (got.dtype.kind not in "iu" and np.array_equal(got.astype(float), want.astype(float), equal_nan=True))
        return "" if same else f"{got.tolist()}, expected {want.tolist()}"[:300]
    a, b = got.astype(np.float64), want.astype(np.float64)
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return f"{a.tolist()}, expected {b.tolist()}"[:300]
    limit = case.tolerance if case.tolerance is not None else TOLERANCES[got.dtype.name]
    limit = max(limit, TOLERANCES.get(got.dtype.name, 0))
    scale = 1 if exact else max(np.abs(b[finite]).max(initial=0), 1)
    error = np.abs(a[finite] - b[finite]).max(initial=0) / scale
    return "" if error <= limit else f"difference {error:.1e}: {a.ravel()[:8].tolist()}, expected {b.ravel()[:8].tolist()}"


def judge(case):
    """What is wrong with a case, or nothing; raises Skipped."""
    if exclusions.REFUSED & {case.operator, f"{case.operator}-{case.since}"}:
        try:
            run_ours(case)
        except Exception as error:
            return "" if "not supported" in str(error) else str(error)
        return "it is supported now, so it does not belong into exclusions.REFUSED"
    if case.check:
        return "" if case.check(run_ours(case)) else "its numbers are not distributed as they should be"
    want = run_peer(case)
    for i, (got, expected) in enumerate(zip(run_ours(case), want)):
        if wrong := difference(case, got, np.asarray(expected)):
            return f"output {i}: {wrong}"
    return ""


# ---------------------------------------------------------------------------
# Drawing
# ---------------------------------------------------------------------------

class Count:
    def __init__(self):
        self.passed, self.failed, self.skipped, self.last_skip = 0, 0, 0, ""


def draw_case(schema, last, seed):
    first = schema.since_version
    random = np.random.default_rng([seed, zlib.crc32(schema.name.encode()), first])
    opset = int(random.integers(first, last + 1))
    case = drawing.DRAWERS[schema.name](drawing.Draw(schema, opset, random))
    return case


def check_version(args, schema, last, report):
    """Counts the cases of one version."""
    count, name = Count(), f"{schema.name}-{schema.since_version}"
    seed = args.seed * 1000
    for _ in range(args.cases * ATTEMPTS):
        if count.passed + count.failed >= args.cases:
            break
        report(f"begin {name} seed {seed}")
        signal.setitimer(signal.ITIMER_PROF, TIME_LIMIT)
        case = draw_case(schema, last, seed)
        seed += 1
        if case is None or exclusions.is_excluded(case):
            continue
        try:
            wrong = judge(case)
        except Skipped as skipped:
            count.skipped += 1
            count.last_skip = str(skipped)[:200]
            continue
        except Exception as error:  # a case that fails must not hide the others
            wrong = f"{type(error).__name__}: {str(error)[:400]}"
        if wrong:
            count.failed += 1
            report(f"wrong {name} seed {seed - 1}: {case}: {wrong}".replace("\n", " "))
        else:
            count.passed += 1
    signal.setitimer(signal.ITIMER_PROF, 0)
    report(f"count {name} {count.passed} {count.failed} {count.skipped} {count.last_skip}".replace("\n", " "))


def child(args, tasks, pipe):
    """Checks versions, and writes lines to a pipe; never returns."""
    out = os.fdopen(pipe, "w", buffering=1)
    try:
        for schema, last in tasks:
            check_version(args, schema, last, lambda line: out.write(line + "\n"))
    except BaseException:  # a child of a fork must not run its parent's code
        traceback.print_exc()
    out.flush()
    os._exit(0)


class Worker:
    """A process for some versions, and another one for the rest where it crashes."""

    def __init__(self, args, tasks):
        self.args, self.tasks = args, tasks

    def lines(self):
        """What the processes say; a crash becomes a line like those of differences."""
        while self.tasks:
            read, write = os.pipe()
            process = os.fork()
            if not process:
                os.close(read)
                child(self.args, self.tasks, write)
            os.close(write)
            current = "nothing"
            with os.fdopen(read) as pipe:
                for line in pipe:
                    kind, _, rest = line.rstrip("\n").partition(" ")
                    if kind == "begin":
                        current = rest
                        continue
                    if kind == "count":
                        self.tasks = self.tasks[1:]
                    yield kind, rest
            status = os.waitpid(process, 0)[1]
            if self.tasks:
                name = current.split(" ")[0]
                yield "wrong", f"{current}: the process ended with signal {status & 127}"
                yield "count", f"{name} 0 1 0 it crashed"
                self.tasks = self.tasks[1:]


def run_jobs(args, tasks):
    """Lines of all workers. With several jobs, each writes its lines when it has ended."""
    if args.jobs == 1:
        yield from Worker(args, tasks).lines()
        return
    pipes = []
    for job in range(args.jobs):
        read, write = os.pipe()
        if not os.fork():
            os.close(read)
            with os.fdopen(write, "w") as out:
                for kind, rest in Worker(args, tasks[job::args.jobs]).lines():
                    out.write(f"{kind} {rest}\n")
                    out.flush()
            os._exit(0)
        os.close(write)
        pipes.append(os.fdopen(read))
    for pipe in pipes:
        for line in pipe:
            kind, _, rest = line.rstrip("\n").partition(" ")
            yield kind, rest
        os.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("operators", nargs="*", metavar="OPERATOR[-VERSION]", help="by default all")
    parser.add_argument("--build", required=True, help="the build folder, with its Python package")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=2, help="for each version")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="the count of each version, too")
    args = parser.parse_args()
    sys.path.insert(0, os.path.join(args.build, "python"))
    tasks, untested, unexplained = [], [], []
    for schema, last in versions(set(args.operators)):
        name = f"{schema.name}-{schema.since_version}"
        if exclusions.untested(schema):
            untested.append(name)
        elif schema.name not in drawing.DRAWERS:
            unexplained.append(name)
        else:
            tasks.append((schema, last))
    begin, totals, by_operator = time.monotonic(), [0, 0, 0], {}
    for kind, rest in run_jobs(args, tasks):
        if kind == "wrong":
            print(f"wrong: {rest}", flush=True)
            continue
        name, passed, failed, skipped, *why = rest.split(" ")
        numbers = [int(passed), int(failed), int(skipped)]
        totals = [a + b for a, b in zip(totals, numbers)]
        operator, _, version = name.rpartition("-")
        by_operator.setdefault(operator, []).append(f"{version}: {passed}" + (f" and {failed} wrong" if numbers[1] else "")
                                                    + (f" ({skipped} skipped)" if numbers[2] else ""))
        if not numbers[0] + numbers[1]:
            unexplained.append(f"{name}, {' '.join(why)}")
    if args.verbose:
        for operator, counts in sorted(by_operator.items()):
            print(f"{operator}: {', '.join(counts)}")
    for name in unexplained:
        print(f"no case: {name}")
    print(f"{len(tasks)} versions of {len(by_operator)} operators in {time.monotonic() - begin:.0f} s; {len(untested)} versions not testable; "
          f"{totals[2]} cases skipped, of types that no peer takes")
    print(f"{totals[0]} passed, {totals[1]} failed, {len(unexplained)} versions without a case")
    return 1 if totals[1] or unexplained else 0


if __name__ == "__main__":
    sys.exit(main())

# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks the reports of dl-compile --explain.

    check_explain.py DL-COMPILE FOLDER [--OPTION...] MODEL...

Compiles each model with these options, and holds its report against the model's file: every node, those of
nested graphs too, must be in it with a reason, and nodes and steps must refer to each
other. Prints what is wrong, then the number of models and nodes.
"""
import json
import os
import subprocess
import sys

import onnx
import onnx.parser

STATES = {"kernel", "host", "view", "constant", "removed"}
QUANTITIES = ("flops", "parameter_bytes", "read_bytes", "written_bytes")


def load(path):
    if path.endswith(".onnx"):
        return onnx.load(path, load_external_data=False)
    lines = [line for line in open(path, encoding="utf-8") if not line.startswith("#")]
    return onnx.parser.parse_model("".join(lines))


def source_nodes(graph):
    for node in graph.node:
        domain = "" if node.domain in ("", "ai.onnx") else node.domain + "."
        name = node.name or next((output for output in node.output if output), "")
        yield graph.name, name, domain + node.op_type, list(node.output)
        for attribute in node.attribute:
            for nested in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                yield from source_nodes(nested)


def entries(report):
    """The report on each entry, as that on the first."""
    yield report
    for other in report["more_entries"]:
        nodes = [{**node, **own} for node, own in zip(report["nodes"], other["nodes"], strict=True)]
        yield {**report, **other, "nodes": nodes}


def problems(model, report):
    nodes, steps = report["nodes"], report["steps"]
    reported = [(n["graph"], n["name"], n["op"], n["outputs"]) for n in nodes]
    for node in source_nodes(model.graph):
        if node not in reported:
            yield f"node {node} is not in the report"
        elif reported.count(node) > 1:
            yield f"node {node} is in the report twice"
    for node in nodes:
        if node["state"] not in STATES or not node["why"]:
            yield f"node {node['name']} has no reason"
        if node["state"] in ("kernel", "host") and not node["steps"]:
            yield f"node {node['name']} is in no step"
    for index, step in enumerate(steps):
        if step["index"] != index:
            yield f"step {index} has the number {step['index']}"
        if step["kind"] == "kernel" and not step["nodes"] and not report["more_entries"]:
            yield f"step {index}, {step['kernel']}, has no source node"
        for member in step["nodes"]:
            if index not in nodes[member["node"]]["steps"]:
                yield f"node {member['node']} does not know step {index}"
        if any(not 0 <= producer < len(steps) for producer in step["producers"]):
            yield f"step {index} reads from no step"
        for name in QUANTITIES:
            if step[name] is not None and step[name]["value"] < 0:
                yield f"step {index} has {step[name]['value']} {name}"
        if step.get("in_body"):
            if step["executions"] is not None:
                yield f"step {index} tells how often a body runs"
        elif step["predicted_ms"] < 0 or step["bound"] not in ("compute", "memory"):
            yield f"step {index} is predicted wrongly"
        if step.get("live_bytes", 0) > report["memory"]["live_bytes"]:
            yield f"step {index} uses more memory than there is"
    totals = report["totals"]
    if sum(totals["nodes_by_state"].values()) != len(nodes) or totals["nodes"] != len(nodes):
        yield "the numbers of nodes do not add up"
    for name in QUANTITIES:
        total = sum(step[name]["value"] * step["executions"] for step in steps if step[name])
        key = "moved_parameter_bytes" if name == "parameter_bytes" else name
        if abs(total - totals[key]) > 1e-6 * total:
            yield f"the steps have {total} {name}, the totals {totals[key]}"


def main():
    compiler, folder, *rest = sys.argv[1:]
    options = [argument for argument in rest if argument.startswith("--")]
    paths = [argument for argument in rest if not argument.startswith("--")]
    os.makedirs(folder, exist_ok=True)
    count = 0
    for path in paths:
        out = os.path.join(folder, "report")
        limits = ["--explain-measure=0", "--explain-peak=100", "--explain-bandwidth=10"]
        subprocess.run([compiler, path, "-o", out + ".dlm", "--explain=" + out, *limits, *options], check=True)
        report = json.load(open(out + ".json", encoding="utf-8"))
        model = load(path)
        for entry in entries(report):
            for problem in problems(model, entry):
                print(f"{os.path.basename(path)}, {entry['entry']}: {problem}")
        page = open(out + ".html", encoding="utf-8").read()
        inside = page.split('type="application/json">')[1].split("</script>")[0]
        if json.loads(inside) != report:
            print(f"{os.path.basename(path)}: the page holds another report")
        if any(mark in page.replace("http://www.w3.org/2000/svg", "") for mark in ("http://", "https://", "src=")):
            print(f"{os.path.basename(path)}: the page needs the network")
        count += len(report["nodes"])
    print(f"{len(paths)} models, {'more than 0' if count else 'no'} nodes")


if __name__ == "__main__":
    main()

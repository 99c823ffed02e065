#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Trains a small language model of characters, by dl-train and by PyTorch, from several seeds, and compares the curves.

    characters.py --bin BUILD/bin [--seeds 5] [--epochs 3]

The text is this repository's own documentation. For each seed, both start from the same
weights and see the same windows of text, each in an order of its own; AdamW. Prints, for
tenths of the training, the mean loss of both over the seeds, and how far apart they are
in standard errors of the difference of means (from the variance over seeds); more than 4, or no lower loss at the end
than guessing by frequency gives, is a failure. Needs PyTorch.
"""
import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn import functional

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LENGTH, WIDTH, HEADS, LAYERS, BATCH, RATE, DECAY, PARTS = 64, 64, 4, 2, 32, 3e-3, 0.01, 10


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        q, k, v = self.qkv(self.norm1(x)).reshape(-1, LENGTH, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(-1, LENGTH, WIDTH))
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


class Characters(nn.Module):
    """Logits of the next character: [batch, LENGTH] -> [batch, characters, LENGTH]."""

    def __init__(self, count):
        super().__init__()
        self.table, self.places = nn.Embedding(count, WIDTH), nn.Parameter(0.02 * torch.randn(LENGTH, WIDTH))
        self.layers = nn.Sequential(*(Layer() for _ in range(LAYERS)))
        self.norm, self.logits = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, count)

    def forward(self, x):
        return self.logits(self.norm(self.layers(self.table(x) + self.places))).transpose(1, 2)


def read_text():
    """Windows of text, each character and the one after it; and how many characters there are."""
    skipped = ("/build", "/.")
    files = sorted(path for path in glob.glob(f"{ROOT}/**/*.md", recursive=True) if not any(s in path[len(ROOT):] for s in skipped))
    text = "".join(open(path, encoding="utf-8").read() for path in files)
    known = {c: i for i, c in enumerate(sorted(set(text)))}
    codes = np.array([known[c] for c in text], np.int64)
    count = (len(codes) - 1) // LENGTH // BATCH * BATCH
    return codes[:count * LENGTH].reshape(count, LENGTH), codes[1:count * LENGTH + 1].reshape(count, LENGTH), len(known)


def train_torch(model, x, y, args, seed):
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    order = np.random.default_rng(seed)
    losses = []
    for _ in range(args.epochs):
        for rows in order.permutation(len(x)).reshape(-1, BATCH):
            loss = functional.cross_entropy(model(torch.from_numpy(x[rows])), torch.from_numpy(y[rows]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
    return losses


def call(*command):
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        sys.exit(f"error: {os.path.basename(command[0])}: exit status {done.returncode}: {done.stderr.strip()[-400:]}")


def train_compiled(model, x, y, args, seed, scratch):
    """The same weights, by way of ONNX."""
    model.eval()
    torch.onnx.export(model, (torch.from_numpy(x[:BATCH]),), f"{scratch}/m.onnx", input_names=["x"], output_names=["logits"],
                      opset_version=17, dynamo=False, training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False)
    call(f"{args.bin}/dl-compile", f"{scratch}/m.onnx", "--train", "--loss=cross_entropy", "--optimizer=adamw", f"--lr={RATE}",
         f"--weight-decay={DECAY}", "-o", f"{scratch}/m.dlm")
    np.save(f"{scratch}/x.npy", x)
    np.save(f"{scratch}/y.npy", y)
    call(f"{args.bin}/dl-train", f"{scratch}/m.dlm", f"--input={scratch}/x.npy", f"--label={scratch}/y.npy", f"--epochs={args.epochs}",
         f"--seed={seed}", f"--log={scratch}/log.jsonl", "--quiet")
    return [row["loss"] for row in map(json.loads, open(f"{scratch}/log.jsonl")) if "loss" in row]


def main():
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(2)
    x, y, count = read_text()
    shares = np.bincount(y.ravel(), minlength=count) / y.size
    guess = -(shares[shares > 0] * np.log(shares[shares > 0])).sum()
    print(f"{x.size} characters, {count} different; guessing by frequency: {guess:.3f}", flush=True)
    curves = {"dl-train": [], "PyTorch": []}
    for seed in range(args.seeds):
        torch.manual_seed(seed)
        model = Characters(count)
        with tempfile.TemporaryDirectory() as scratch:
            curves["dl-train"].append(train_compiled(model, x, y, args, seed, scratch))
        curves["PyTorch"].append(train_torch(model, x, y, args, seed))
        print(f"seed {seed}: first loss {curves['dl-train'][-1][0]:.4f} and {curves['PyTorch'][-1][0]:.4f}, "
              f"last tenth {np.mean(curves['dl-train'][-1][-len(curves['dl-train'][-1]) // PARTS:]):.4f} "
              f"and {np.mean(curves['PyTorch'][-1][-len(curves['PyTorch'][-1]) // PARTS:]):.4f}", flush=True)
    parts = {name: np.array([[part.mean() for part in np.array_split(curve, PARTS)] for curve in map(np.array, rows)])
             for name, rows in curves.items()}
    print("\n| tenth | dl-train | PyTorch | apart |\n| --- | --- | --- | --- |")
    # Few seeds tell little of a tenth's variance: that of all tenths counts.
    noise = np.sqrt(sum(rows.var(axis=0, ddof=1).mean() for rows in parts.values()) / args.seeds)
    worst = 0
    for part in range(PARTS):
        a, b = parts["dl-train"][:, part], parts["PyTorch"][:, part]
        apart = abs(a.mean() - b.mean()) / noise
        worst = max(worst, apart)
        print(f"| {part + 1} | {a.mean():.4f} +- {a.std(ddof=1):.4f} | {b.mean():.4f} +- {b.std(ddof=1):.4f} | {apart:.2f} |")
    good = worst <= 4 and parts["dl-train"][:, -1].max() < guess
    print("within noise" if good else "NOT within noise")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

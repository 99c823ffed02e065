#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Images in formats that lose nothing, written here, and decoded by a compiled ImageDecoder.

    images.py --bin BUILD/bin

Prints what differs, what is said of files that are no images, and counts.
"""
import argparse
import struct
import sys
import tempfile
import zlib

import numpy as np
from onnx import parser

import driver


def pnm(pixels):
    kind = b"P6" if pixels.shape[2] == 3 else b"P5"
    return kind + b"\n%d %d\n255\n" % pixels.shape[1::-1] + pixels.tobytes()


def bmp(pixels):
    height, width, _ = pixels.shape
    rows = b"".join(row[:, ::-1].tobytes() + bytes(-3 * width % 4) for row in pixels[::-1])
    return struct.pack("<2sIHHI", b"BM", 54 + len(rows), 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(rows), 0, 0, 0, 0) + rows


def png(pixels, depth=8):
    height, width, channels = pixels.shape
    kind = {1: 0, 3: 2, 4: 6}[channels]
    samples = pixels if depth == 8 else pixels.astype(">u2") * 257
    chunk = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", required=True)
    bin = arguments.parse_args().bin
    random = np.random.default_rng(1)
    color, gray = (random.integers(0, 256, (5, 7, channels)).astype(np.uint8) for channels in (3, 1))
    alpha = np.concatenate([color, np.full((5, 7, 1), 255, np.uint8)], axis=2)
    files = [("pnm", pnm(color), color), ("bmp", bmp(color), color), ("png", png(color), color), ("png of 16 bits", png(color, 16), color), ("png with alpha", png(alpha), color),
             ("gray pnm", pnm(gray), gray.repeat(3, 2)), ("gray png", png(gray), gray.repeat(3, 2))]
    passed = failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for pixel_format in ("RGB", "BGR", "Grayscale"):
            channels = 1 if pixel_format == "Grayscale" else 3
            module = driver.compile_model(bin, parser.parse_model(
                f'<ir_version: 10, opset_import: ["": 20]> g (uint8[N] file) => (uint8[H, W, {channels}] image) {{ image = ImageDecoder <pixel_format = "{pixel_format}"> (file) }}'), scratch)
            for name, data, wanted in files:
                if pixel_format == "BGR":
                    wanted = wanted[:, :, ::-1]
                elif channels == 1:
                    wanted = ((wanted.astype(int) @ [19595, 38470, 7471] + 0x8000) >> 16).astype(np.uint8)[:, :, None]
                got, = driver.run_module(bin, module, [np.frombuffer(data, np.uint8)], 1, scratch)
                same = got.shape == wanted.shape and (got == wanted).all()
                passed, failed = passed + same, failed + (not same)
                if not same:
                    print(f"{name} as {pixel_format}: {got.shape} {got.ravel()[:9]}, expected {wanted.shape} {wanted.ravel()[:9]}")
        for name, data in (("no image", b"this is no image"), ("empty", b""), ("cut", png(color)[:60])):
            try:
                driver.run_module(bin, module, [np.frombuffer(data, np.uint8)], 1, scratch)
                print(f"{name}: accepted")
            except RuntimeError as error:
                print(f"{name}: {error}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

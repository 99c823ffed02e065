#!/usr/bin/env python3
# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantizes a model with ONNX Runtime's static quantization and runs what comes of it, in a process of its own,
which quantized.py starts.

    quantize_peer.py MODEL.onnx SAMPLES OUTPUT.onnx

SAMPLES holds a folder for each sample with input_<i>.npy. The options are those that
ONNX Runtime's documentation advises for its CPU kernels: QuantizeLinear and
DequantizeLinear around ui8 activations and si8 weights, with a scale for each channel,
by the least and the largest value, after its own preparation of the model.
"""
import glob
import logging
import os
import sys
import tempfile

import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

import peers


def input_names(model):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return [value.name for value in session.get_inputs()]


class Reader(CalibrationDataReader):
    """Gives the samples one after the other."""

    def __init__(self, names, folder):
        self.names = names
        self.folders = iter(sorted(glob.glob(f"{folder}/*/")))

    def get_next(self):
        folder = next(self.folders, None)
        if folder is None:
            return None
        files = sorted(glob.glob(f"{folder}/input_*.npy"), key=peers.number)
        return dict(zip(self.names, map(np.load, files)))


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    model, samples, output = sys.argv[1:]
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as scratch:
        prepared = os.path.join(scratch, "model.onnx")
        quant_pre_process(model, prepared, skip_symbolic_shape=True)
        quantize_static(prepared, output, Reader(input_names(prepared), samples), quant_format=QuantFormat.QDQ,
                        per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                        calibrate_method=CalibrationMethod.MinMax)


if __name__ == "__main__":
    main()

# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random cases of every operator in every version, by family; importing it fills draw.DRAWERS."""
from . import control, convolution, elementwise, indexing, movement, network, numbers, quantized, recurrent, reduction, regions

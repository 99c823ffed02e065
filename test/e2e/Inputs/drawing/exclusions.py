# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What cannot be compared, and why."""
from onnx import helper

_STRINGS = "elements are strings"
_SEQUENCES = "values are sequences or optionals"

# By operator, or operator and version.
UNTESTED = {
    "RegexFullMatch": _STRINGS, "StringConcat": _STRINGS, "StringNormalizer": _STRINGS, "StringSplit": _STRINGS,
    "ConcatFromSequence": _SEQUENCES, "SequenceAt": _SEQUENCES, "SequenceConstruct": _SEQUENCES, "SequenceEmpty": _SEQUENCES,
    "SequenceErase": _SEQUENCES, "SequenceInsert": _SEQUENCES, "SequenceLength": _SEQUENCES, "SequenceMap": _SEQUENCES,
    "SplitToSequence": _SEQUENCES, "Optional": _SEQUENCES, "OptionalGetElement": _SEQUENCES, "OptionalHasElement": _SEQUENCES,
    "ImageDecoder": "decoders differ in their rounding",
}

# Operators, or versions, that the compiler refuses by name; the check fails once it does not.
REFUSED = {"MaxRoiPool"}

# What ONNX Runtime says of a type, or of a form of an operator, that it does not take.
NOT_TAKEN = (
    "NOT_IMPLEMENTED", "does not support double", "layout_ == 0 was false", "constant_of_shape_base.h", "padding values must be non-negative",
    # Of casts that it inserts around what it has for float alone, in an old opset.
    "InsertedPrecisionFreeCast",
    # Of its bodies of functions, where these mix types.
    "bound to different types", "ParseData type mismatch",
)

# Versions that only add types, where ONNX Runtime has only those before.
AS_BEFORE = {"DequantizeLinear-28", "GlobalLpPool-22", "MaxRoiPool-22", "QuantizeLinear-28", "RoiAlign-22"}

# Versions without a kernel in ONNX Runtime, compared with ONNX's reference evaluator.
BY_REFERENCE = {"SwiGLU-28"}


def untested(schema):
    return UNTESTED.get(schema.name) or UNTESTED.get(f"{schema.name}-{schema.since_version}")


def _attribute(case, name):
    for attribute in case.nodes[0].attribute:
        if attribute.name == name:
            return helper.get_attribute_value(attribute)
    return None


def is_excluded(case):
    """Whether ONNX Runtime's answer is known to be wrong."""
    # ONNX's formula for SAME_* has the dilated kernel; ONNX Runtime refuses it for Conv, and forgets it for pools.
    same = _attribute(case, "auto_pad") in (b"SAME_UPPER", b"SAME_LOWER")
    if same and max(_attribute(case, "dilations") or [1]) > 1:
        return True
    # Where windows leave gaps, it pads by a negative number.
    kernel, strides = _attribute(case, "kernel_shape") or [1], _attribute(case, "strides") or [1]
    if same and any(k < s for k, s in zip(kernel, strides)) and "Transpose" not in case.operator:
        return True
    # It moves both coordinates to the border where one is outside, ONNX's reference that one alone.
    if case.operator == "GridSample" and _attribute(case, "padding_mode") == b"border":
        return _attribute(case, "mode") in (b"bicubic", b"cubic")
    # It computes positions in f32, which rounds some whole ones off.
    if case.operator == "Resize" and _attribute(case, "nearest_mode") in (b"floor", b"ceil"):
        return _attribute(case, "coordinate_transformation_mode") == b"align_corners"
    return False

# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Types of elements, between the runtime, numpy and ml_dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _runtime
from ._errors import Error

# Of those in runtime/api/dlrt.h, in their order from 1.
NAMES = (
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
    "float8_e4m3fn",
    "float8_e4m3fnuz",
    "float8_e5m2",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
    "int4",
    "uint4",
    "int2",
    "uint2",
    "float4_e2m1fn",
    "complex64",
    "complex128",
    "string",
)
_NUMBERS = {name: number for number, name in enumerate(NAMES, 1)}

# Bits of the types that the runtime packs, from the low bits up; ml_dtypes has them
# in a byte each.
PACKED = {"int4": 4, "uint4": 4, "int2": 2, "uint2": 2, "float4_e2m1fn": 4}

# The types that are ml_dtypes'.
_EXTRA = {name for name in NAMES if name in PACKED or name.startswith(("bfloat", "float8"))}


def name_of(number: int) -> str:
    """The name of a type of the runtime, as numpy and ml_dtypes write it."""
    return NAMES[number - 1] if 0 < number <= len(NAMES) else "none"


def dtype_of(name: str) -> np.dtype[Any]:
    """The numpy type of that name. Raises Error where ml_dtypes would be needed."""
    if name == "string":
        return np.dtype(object)
    if name not in _EXTRA:
        return np.dtype(name)
    try:
        import ml_dtypes
    except ImportError:
        raise Error(f"{name} arrays need the package ml_dtypes", "unsupported") from None
    if not hasattr(ml_dtypes, name):
        raise Error(f"this version of ml_dtypes has no {name}", "unsupported")
    return np.dtype(getattr(ml_dtypes, name))


def pack(array: np.ndarray[Any, Any], bits: int) -> np.ndarray[Any, Any]:
    """The elements, one a byte, as bytes of several each."""
    each = 8 // bits
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8) & ((1 << bits) - 1)
    padded = np.zeros(-(-flat.size // each) * each, np.uint8)
    padded[: flat.size] = flat
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    return np.bitwise_or.reduce(padded.reshape(-1, each) << shifts, axis=1)


def unpack(data: np.ndarray[Any, Any], name: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """The reverse of pack, as an array of ml_dtypes' type."""
    bits = PACKED[name]
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    flat = ((data[:, None] >> shifts) & ((1 << bits) - 1)).reshape(-1)[: int(np.prod(shape))]
    if name.startswith("int"):
        # The sign goes into the byte's unused bits, as ml_dtypes keeps it.
        sign = np.uint8(1 << (bits - 1))
        flat = (flat ^ sign) - sign
    return flat.view(dtype_of(name)).reshape(shape)


def as_argument(value: Any, declared: str) -> tuple[Any, int, "tuple[int, ...] | None"]:
    """A value as the extension takes it: an array, and the type and dims that stand in
    place of the array's own, or 0 and None.

    An array of numpy's own types, or any other DLPack producer, is handed on as it is;
    one of strings is a list of bytes.
    What is no array (a number, a list) becomes one of the declared type.
    """
    if not isinstance(value, np.ndarray):
        if hasattr(value, "__dlpack__") and not isinstance(value, np.generic):
            return value, 0, None
        if not hasattr(value, "__array__"):
            value = _from_plain(value, declared)
        value = np.asarray(value)
    name = value.dtype.name
    if name in PACKED:
        return pack(value, PACKED[name]), _NUMBERS[name], value.shape
    if name in _EXTRA:
        return value.view(np.dtype(f"uint{8 * value.dtype.itemsize}")), _NUMBERS[name], None
    if value.dtype.kind in "OUST":
        return _encode(value), _NUMBERS["string"], value.shape
    if name not in _NUMBERS or not value.dtype.isnative:
        raise Error(f"arrays of {value.dtype} are not taken", "unsupported")
    return value, 0, None


def _encode(array: np.ndarray[Any, Any]) -> list[bytes]:
    """The elements of an array of str or bytes, text as UTF-8."""
    result = []
    for text in array.reshape(-1).tolist():
        if isinstance(text, str):
            text = text.encode("utf-8", "surrogateescape")
        if not isinstance(text, bytes):
            raise Error(f"an element is no string but of {type(text).__name__}", "unsupported")
        result.append(text)
    return result


def _from_plain(value: Any, declared: str) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(value, dtype=dtype_of(declared))
    except (TypeError, ValueError, OverflowError) as error:
        raise Error(f"no array of {declared}: {error}", "invalid_argument") from None


def from_buffer(buffer: _runtime.Buffer) -> np.ndarray[Any, Any]:
    """A result as a numpy array over the same memory; packed types are unpacked."""
    name = name_of(buffer.type)
    if name == "string":
        texts = [text.decode("utf-8", "surrogateescape") for text in buffer.strings()]
        array = np.empty(len(texts), dtype=object)
        array[:] = texts
        return array.reshape(tuple(buffer.dims))
    if name not in _EXTRA:
        return buffer.array()
    dtype = dtype_of(name)
    if name in PACKED:
        return unpack(buffer.array(), name, tuple(buffer.dims))
    return buffer.array().view(dtype)

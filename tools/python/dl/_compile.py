# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""From a model to a module."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Union, overload

from ._errors import Error
from ._session import Module

if TYPE_CHECKING:
    import onnx

    Model = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, onnx.ModelProto]


class CompileWarning(UserWarning):
    """What the compiler says about a model that it compiled."""


@overload
def compile(
    model: Model,
    output: None = None,
    *,
    precision: str = ...,
    cpu: str = ...,
    dims: Mapping[str, int] | None = ...,
    threads: int = ...,
    cache: str | os.PathLike[str] | None = ...,
) -> Module: ...


@overload
def compile(
    model: Model,
    output: str | os.PathLike[str],
    *,
    precision: str = ...,
    cpu: str = ...,
    dims: Mapping[str, int] | None = ...,
    threads: int = ...,
    cache: str | os.PathLike[str] | None = ...,
) -> str: ...


def compile(
    model: Any,
    output: Any = None,
    *,
    precision: str = "f32",
    cpu: str = "native",
    dims: Mapping[str, int] | None = None,
    threads: int = 0,
    cache: str | os.PathLike[str] | None = None,
) -> Module | str:
    """Compiles an ONNX model.

    `model` is a path, the bytes of a file, or an onnx.ModelProto. With `output`, the
    module is written there, whole or not at all, and its path returned; without, it is
    returned as a Module.

    precision  "f32", or "bf16" for matrix products and convolutions
    cpu        CPU levels separated by commas: "native", "x86-64-v3", ...
    dims       sizes for named dimensions of the inputs, which are then fixed
    threads    how many compile; 0: one for each processor
    cache      the folder of compiled kernels; None: the user's, "": none

    Raises Error, whose text is the compiler's message "WHERE: WHAT", one a line where
    there are several. What the compiler only warns of becomes a CompileWarning. Other
    Python threads run meanwhile.
    """
    if isinstance(model, (str, os.PathLike)):
        return _compile(model, output, None, precision, cpu, dims, threads, cache)
    if isinstance(model, (bytes, bytearray, memoryview)):
        data = bytes(model)
    elif hasattr(model, "SerializeToString") and hasattr(model, "graph"):
        try:
            data = model.SerializeToString()
        except Exception as error:  # protobuf's own types, as of 2 GiB and more
            raise Error(f"the model cannot be written as bytes: {error}", "invalid_argument") from error
    else:
        raise TypeError(f"a model is a path, bytes or an onnx.ModelProto, not {type(model).__name__}")
    with tempfile.TemporaryDirectory(prefix="dl-") as folder:
        path = os.path.join(folder, "model.onnx")
        with open(path, "wb") as file:
            file.write(data)
        return _compile(path, output, folder, precision, cpu, dims, threads, cache)


def _compile(
    path: str | os.PathLike[str],
    output: Any,
    hidden: str | None,
    precision: str,
    cpu: str,
    dims: Mapping[str, int] | None,
    threads: int,
    cache: Any,
) -> Module | str:
    try:
        from . import _compiler  # loads LLVM, which running models does not need
    except ImportError as error:
        raise Error(f"there is no compiler in this package, or it lacks a library: {error}", "unsupported") from error

    def call(target: str) -> None:
        status, text = _compiler.compile(
            input=_path(path),
            output=_path(target),
            emit=None,
            stop_after=None,
            cpu=cpu,
            precision=precision,
            dims=[f"{name}={size}" for name, size in (dims or {}).items()],
            threads=threads,
            cache=None if cache is None else _path(cache),
        )
        if hidden is not None:
            # The caller does not know of this folder.
            text = text.replace(hidden + os.sep, "")
        lines = [line.removeprefix("error: ") for line in text.strip().splitlines()]
        if status:
            kind = "invalid_argument" if status == 2 else "failed"
            raise Error("\n".join(lines) or "the compiler failed without a message", kind)
        if lines:
            warnings.warn("\n".join(lines), CompileWarning, stacklevel=4)

    if output is not None:
        call(os.fspath(output))
        return os.fspath(output)
    with tempfile.TemporaryDirectory(prefix="dl-") as folder:
        target = os.path.join(folder, "model.dlm")
        call(target)
        # Mapped, so that it lives on without its name.
        return Module(target)


def _path(path: str | os.PathLike[str]) -> bytes:
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise Error("a path with a zero byte", "invalid_argument")
    return encoded

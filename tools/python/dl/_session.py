# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Modules and the sessions that run them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple, overload

import numpy as np

from . import _runtime, _types
from ._errors import Error


class Value(NamedTuple):
    """A declared input or output."""

    name: str
    dtype: str
    """As numpy and ml_dtypes write it: "float32", "bfloat16", "int4", ..."""
    shape: tuple[int | str, ...] | None
    """Sizes; text where one depends on named dimensions: "N", "2 * N + 1", or differs
    between the tensors of a sequence: "?". None where these may have any rank."""
    kind: str = "tensor"
    """Or "sequence", "optional", "optional sequence", of tensors of that type and shape;
    or "map", a dict to values of that type, or "sequence of maps", a list of dicts: the
    shape is that of all their values."""
    key_dtype: str = ""
    """Of maps: "int64" or "string"."""
    keys: tuple[int | str, ...] = ()
    """Of a sequence of maps: those that each has, in order."""


_KINDS = ("tensor", "sequence", "optional", "optional sequence")
_MAP_KEYS, _MAP_VALUES, _MAP_ROWS = 1, 2, 3


def _values(described: list[_runtime._Described]) -> tuple[Value, ...]:
    """The keys and the values of a map, which the runtime has apart, are one."""
    values: list[Value] = []
    for name, number, sizes, dims, kind, unranked, part, keys in described:
        dtype = _types.name_of(number)
        shape = None if unranked else tuple(text if size < 0 else size for size, text in zip(sizes, dims))
        if part == _MAP_KEYS:
            values.append(Value(name.removesuffix(".keys"), "", shape, "map", dtype))
        elif part == _MAP_VALUES:
            values[-1] = values[-1]._replace(dtype=dtype)
        elif part == _MAP_ROWS:
            key_dtype = "string" if isinstance(keys[0], str) else "int64"
            values.append(Value(name, dtype, shape, "sequence of maps", key_dtype, tuple(keys)))
        else:
            values.append(Value(name, dtype, shape, _KINDS[kind]))
    return tuple(values)


class Tensor:
    """A result in memory of its own, for any library that takes DLPack.

    Nothing is copied: arrays made from it share its memory and keep it alive.
    """

    __slots__ = ("_buffer",)

    def __init__(self, buffer: _runtime.Buffer):
        self._buffer = buffer

    @property
    def dtype(self) -> str:
        return _types.name_of(self._buffer.type)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self._buffer.dims)

    @property
    def nbytes(self) -> int:
        return self._buffer.nbytes

    def numpy(self) -> np.ndarray[Any, Any]:
        """The same memory as an array. Types of 2 and 4 bits are unpacked, which copies."""
        return _types.from_buffer(self._buffer)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = self.numpy()
        if copy or (dtype is not None and np.dtype(dtype) != array.dtype):
            if copy is False:
                raise ValueError(f"{array.dtype} as {np.dtype(dtype)} is a copy")
            return np.array(array, dtype=dtype)
        return array

    def __dlpack__(self, **options: Any) -> Any:
        return self._buffer.exchange().__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)  # kDLCPU

    def __repr__(self) -> str:
        return f"dl.Tensor({self.dtype}, {self.shape})"


class Module:
    """A compiled model. May be shared by any number of sessions and threads.

    A module is a program: open it only from a source that you trust.
    """

    def __init__(self, source: str | os.PathLike[str] | bytes):
        """Opens the file at a path, which is mapped, or the bytes of one."""
        self._file: BinaryIO | None = None
        self._bytes: bytes | None = None
        if isinstance(source, (bytes, bytearray, memoryview)):
            self._bytes = bytes(source)
            self._native = _runtime.Module.open_bytes(self._bytes)
        elif isinstance(source, (str, os.PathLike)):
            path = os.fsencode(source)
            if b"\0" in path:
                raise Error("a path with a zero byte", "invalid_argument")
            self._native = _runtime.Module.open_file(path)
            self._file = open(path, "rb")  # noqa: SIM115, closed with the module
        else:
            raise TypeError(f"a module is opened from a path or bytes, not {type(source).__name__}")

    def __del__(self) -> None:
        file = getattr(self, "_file", None)
        if file is not None:
            file.close()

    @property
    def entries(self) -> tuple[str, ...]:
        """The names of what a session can run."""
        return tuple(self._native.entries())

    @property
    def inputs(self) -> tuple[Value, ...]:
        """The inputs of the first entry."""
        return _values(self._native.inputs(0))

    @property
    def outputs(self) -> tuple[Value, ...]:
        """The outputs of the first entry."""
        return _values(self._native.outputs(0))

    def verify(self) -> None:
        """Compares every hash with its bytes, which reads the whole module."""
        self._native.verify()

    def __bytes__(self) -> bytes:
        """The module's file, to be written somewhere or opened again."""
        if self._bytes is not None:
            return self._bytes
        assert self._file is not None
        self._file.seek(0)
        return self._file.read()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the module's file."""
        with open(path, "wb") as file:
            file.write(bytes(self))


class Session:
    """Runs one entry of a module, in one thread at a time.

    Sessions of one module share its weights and code.
    """

    def __init__(
        self,
        module: Module | str | os.PathLike[str] | bytes,
        *,
        entry: str | None = None,
        device: str | None = None,
        threads: int = 0,
        memory_limit: int = 0,
    ):
        """`module` is a Module, or what one is opened from; `entry` the name of what to
        run, by default the first; `device` where, "cpu", "vulkan" or "cuda:1", by default
        the CPU; `threads` those that a run uses, by default the CPUs
        that this process may use; `memory_limit` the most bytes that intermediate
        results, scratch and outputs whose size the run finds may take, 0 for any: a run
        that needs more fails before it starts, with `out_of_memory`."""
        if memory_limit < 0:
            raise Error(f"memory_limit: {memory_limit}, expected 0 or more", "invalid_argument")
        if threads < 0:
            raise Error(f"threads: {threads}, expected 0 or more", "invalid_argument")
        self._module = module if isinstance(module, Module) else Module(module)
        self._native = _runtime.Session(self._module._native, entry, device, threads, memory_limit)
        self._inputs = _values(self._native.inputs())
        self._outputs = _values(self._native.outputs())

    @property
    def module(self) -> Module:
        return self._module

    @property
    def inputs(self) -> tuple[Value, ...]:
        return self._inputs

    @property
    def outputs(self) -> tuple[Value, ...]:
        return self._outputs

    @property
    def threads(self) -> int:
        """The most threads that a run uses, with the caller's."""
        return self._native.threads()

    @overload
    def run(self, inputs: Mapping[str, Any], outputs: Any = ..., *, tensors: bool = ...) -> dict[str, Any]: ...

    @overload
    def run(self, inputs: Sequence[Any], outputs: Any = ..., *, tensors: bool = ...) -> list[Any]: ...

    def run(self, inputs: Any, outputs: Any = None, *, tensors: bool = False) -> Any:
        """Runs the entry; a dict of inputs gives a dict of outputs, a list a list.

        Inputs are numpy arrays or any other DLPack producers on the CPU, of exactly the
        declared type. They are read in place; copied are those with strides and, to
        pack them, those of 2 and 4 bits. Numbers and nested lists are made arrays of
        the declared type. Strings, which are copied, are arrays of str or bytes.

        Outputs are numpy arrays in memory of their own, that later runs leave alone;
        with `tensors`, Tensors over such memory. `outputs`, a dict or a list with None
        for what is not given, names writable arrays of the right type and shape that
        are written and returned instead. A sequence is a list of these, an optional
        without a value None; what comes out of both is always new memory. A map is a
        dict, and a sequence of maps a list of dicts.

        Raises Error; its status is "mismatch" for a wrong type or shape, "busy" where
        another thread runs the session. Other Python threads run meanwhile.
        """
        named = isinstance(inputs, Mapping)
        given = self._arrange(inputs, self._inputs, "input", required=True)
        wanted = self._arrange(outputs, self._outputs, "output", required=False)
        texts = {i: value for i, (value, of) in enumerate(zip(wanted, self._outputs)) if of.dtype == "string"}
        results = self._native.run(
            [argument for value, of in zip(given, self._inputs) for argument in self._arguments(value, of)],
            [
                None if value is None or i in texts else self._target(value, of)
                for i, (value, of) in enumerate(zip(wanted, self._outputs))
            ],
        )
        for i, target in texts.items():
            if target is not None:
                results[i] = self._write_texts(results[i], target, self._outputs[i])
        found = [
            self._result(result[0], tensors)
            if isinstance(result, tuple)
            else target
            if result is None
            else self._maps(result, of)
            if of.kind == "sequence of maps"
            else self._result(result, tensors)
            for result, target, of in zip(results, wanted, self._outputs)
        ]
        return {value.name: array for value, array in zip(self._outputs, found)} if named else found

    def set_position(self, rows: int) -> None:
        """Of a module with caches (dl-compile --kv-cache), their first rows count, so many:
        0 where another sequence begins."""
        self._native.set_position(rows)

    def cancel(self) -> None:
        """Ends the run in progress in another thread, which raises an Error."""
        self._native.cancel()

    @classmethod
    def _result(cls, buffer: Any, tensors: bool) -> Any:
        if isinstance(buffer, list):
            return [cls._result(element, tensors) for element in buffer]
        if buffer is None:
            return None
        return Tensor(buffer) if tensors else _types.from_buffer(buffer)

    @staticmethod
    def _maps(buffer: _runtime.Buffer, declared: Value) -> list[dict[int | str, float]]:
        return [dict(zip(declared.keys, row)) for row in _types.from_buffer(buffer).tolist()]

    @staticmethod
    def _arrange(given: Any, declared: tuple[Value, ...], what: str, required: bool) -> list[Any]:
        """One value for each that is declared."""
        names = [value.name for value in declared]
        if given is None and not required:
            return [None] * len(names)
        if isinstance(given, Mapping):
            for name in given:
                if name not in names:
                    known = ", ".join(repr(known) for known in names) or "none"
                    raise Error(f"there is no {what} {name!r}, only {known}", "not_found")
            values = [given.get(name) for name in names]
        elif isinstance(given, Sequence) and not isinstance(given, (str, bytes)):
            if len(given) != len(names):
                raise Error(f"{len(given)} {what}s given, expected {len(names)}: {names}", "invalid_argument")
            values = list(given)
        else:
            raise TypeError(f"{what}s are a dict or a list, not {type(given).__name__}")
        for of, value in zip(declared, values):
            if value is None and required and not of.kind.startswith("optional"):
                raise Error(f"{what} {of.name!r} is missing", "not_bound")
        return values

    @staticmethod
    def _write_texts(result: _runtime.Buffer, target: Any, declared: Value) -> None:
        """Strings have no memory that a run could write: they are copied."""
        if not isinstance(target, np.ndarray) or target.dtype.kind != "O" or target.shape != tuple(result.dims):
            expected = tuple(result.dims)
            raise Error(f"output {declared.name!r}: expected an array of objects of shape {expected}", "mismatch")
        target[...] = _types.from_buffer(result)

    @classmethod
    def _arguments(cls, value: Any, declared: Value) -> list[Any]:
        """What the runtime takes for an input: for a map, its keys and its values."""
        if declared.kind != "map":
            return [cls._argument(value, declared, "input")]
        if not isinstance(value, Mapping):
            raise Error(f"input {declared.name!r}: not a dict: {type(value).__name__}", "invalid_argument")
        types: tuple[type, ...] = (str, bytes) if declared.key_dtype == "string" else (int, np.integer)
        for key in value:
            if not isinstance(key, types):
                expected = f"expected {declared.key_dtype}"
                raise Error(f"input {declared.name!r}: a key of {type(key).__name__}, {expected}", "mismatch")
        keys = declared._replace(dtype=declared.key_dtype)
        return [cls._argument(list(value), keys, "input"), cls._argument(list(value.values()), declared, "input")]

    @staticmethod
    def _argument(value: Any, declared: Value, what: str) -> Any:
        try:
            if value is None:
                return None
            if declared.kind.endswith("sequence"):
                if not isinstance(value, (list, tuple)):
                    raise Error(f"not a list of arrays: {type(value).__name__}", "invalid_argument")
                return [_types.as_argument(element, declared.dtype) for element in value]
            return _types.as_argument(value, declared.dtype)
        except Error as error:
            raise Error(f"{what} {declared.name!r}: {error}", error.status) from None

    @classmethod
    def _target(cls, value: Any, declared: Value) -> Any:
        if declared.kind != "tensor":
            raise Error(f"output {declared.name!r}: no array holds a {declared.kind}", "unsupported")
        if declared.dtype in _types.PACKED:
            raise Error(f"output {declared.name!r}: {declared.dtype} is packed: no array holds it", "unsupported")
        if isinstance(value, np.ndarray) or hasattr(value, "__dlpack__"):
            return cls._argument(value, declared, "output")
        raise Error(f"output {declared.name!r}: not an array: {type(value).__name__}", "invalid_argument")

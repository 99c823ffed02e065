# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The compiler as a backend of ONNX (onnx.backend.base).

    import onnx, dl.backend
    outputs = dl.backend.prepare(onnx.load("model.onnx")).run([array])
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx.backend.base import Backend, BackendRep, namedtupledict

from .._compile import compile
from .._errors import Error
from .._session import Module, Session

_OPTIONS = ("precision", "cpu", "dims", "cache")


class DlBackendRep(BackendRep):  # type: ignore[misc]
    """A compiled model, ready to run."""

    def __init__(self, module: Module, threads: int = 0):
        self.session = Session(module, threads=threads)

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Runs with a list of inputs in the model's order, or a dict, or one array.

        Returns the outputs as a tuple that is indexed by their names, too.
        """
        if isinstance(inputs, np.ndarray):
            inputs = [inputs]
        elif not isinstance(inputs, Mapping):
            inputs = list(inputs)
        found = self.session.run(inputs)
        arrays = list(found.values()) if isinstance(found, dict) else found
        names = [value.name for value in self.session.outputs]
        return namedtupledict("Outputs", names)(*arrays)


class DlBackend(Backend):  # type: ignore[misc]
    """Compiles each model for the CPU that it runs on. What cannot be compiled raises
    dl.Error with the place and the reason."""

    # The model that is_compatible compiled last, which is what prepare gets next.
    _last: tuple[bytes, Module] | None = None

    # Why is_compatible last said no.
    refusal: str = ""

    @classmethod
    def is_compatible(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        """Whether the model compiles."""
        if not cls.supports_device(device):
            return False
        try:
            cls._compile(model, kwargs)
        except Error as error:
            cls.refusal = str(error)
            return False
        return True

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> DlBackendRep:
        """Compiles a model. Of the arguments of dl.compile, `precision`, `cpu`, `dims` and
        `cache` are passed on, and `threads` to the session."""
        if not cls.supports_device(device):
            raise Error(f"device {device!r}: there is only CPU", "unsupported")
        return DlBackendRep(cls._compile(model, kwargs), kwargs.get("threads", 0))

    @classmethod
    def run_model(cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any) -> tuple[Any, ...]:
        """Compiles a model and runs it once."""
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(
        cls,
        node: onnx.NodeProto,
        inputs: Any,
        device: str = "CPU",
        outputs_info: Sequence[tuple[Any, tuple[int, ...]]] | None = None,
        **kwargs: Any,
    ) -> tuple[Any, ...]:
        """Compiles a model of one node and runs it once.

        `inputs` is a list in the order of the node's inputs that are not empty, or a
        dict. `outputs_info`, a (numpy type, shape) for each output, is needed where
        ONNX does not infer these. `opset_version` chooses the operator set.
        """
        names = list(dict.fromkeys(name for name in node.input if name))
        given = dict(inputs) if isinstance(inputs, Mapping) else dict(zip([n for n in node.input if n], inputs))
        arrays = {name: np.asarray(given[name]) for name in names if name in given}
        missing = [name for name in names if name not in arrays]
        if missing:
            raise Error(f"input {missing[0]!r} is missing", "not_bound")
        model = _model_of(node, arrays, outputs_info, kwargs.pop("opset_version", None))
        return cls.run_model(model, [arrays[name] for name in names], device, **kwargs)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether that is the CPU."""
        return device.split(":")[0] == "CPU"

    @classmethod
    def _compile(cls, model: onnx.ModelProto, options: Mapping[str, Any]) -> Module:
        options = {name: options[name] for name in _OPTIONS if name in options}
        data = model.SerializeToString()
        key = hashlib.sha256(data + repr(sorted(options.items())).encode()).digest()
        last = cls._last
        if last is not None and last[0] == key:
            return last[1]
        module = compile(data, **options)
        cls._last = (key, module)
        return module


def _model_of(
    node: onnx.NodeProto,
    arrays: Mapping[str, np.ndarray[Any, Any]],
    outputs_info: Sequence[tuple[Any, tuple[int, ...]]] | None,
    opset: int | None,
) -> onnx.ModelProto:
    """A model of this node, with the arrays' types and shapes."""
    make = onnx.helper.make_tensor_value_info
    element = onnx.helper.np_dtype_to_tensor_dtype
    inputs = [make(name, element(array.dtype), array.shape) for name, array in arrays.items()]
    names = [name for name in node.output if name]
    if outputs_info is not None:
        outputs = [make(name, element(np.dtype(kind)), shape) for name, (kind, shape) in zip(names, outputs_info)]
    else:
        outputs = [onnx.ValueInfoProto(name=name) for name in names]
    imports = [onnx.helper.make_opsetid("", opset if opset and not node.domain else onnx.defs.onnx_opset_version())]
    if node.domain not in ("", "ai.onnx"):
        newest = max((s.since_version for s in onnx.defs.get_all_schemas() if s.domain == node.domain), default=1)
        imports.append(onnx.helper.make_opsetid(node.domain, opset or newest))
    graph = onnx.helper.make_graph([node], "node", inputs, outputs)
    model = onnx.helper.make_model(graph, opset_imports=imports)
    if outputs_info is None:
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
        for value in model.graph.output:
            if not value.type.WhichOneof("value"):
                raise Error(f"the type of {value.name!r} is not inferred: give outputs_info", "invalid_argument")
    return model


is_compatible = DlBackend.is_compatible
prepare = DlBackend.prepare
run_model = DlBackend.run_model
run_node = DlBackend.run_node
supports_device = DlBackend.supports_device

__all__ = [
    "DlBackend",
    "DlBackendRep",
    "is_compatible",
    "prepare",
    "run_model",
    "run_node",
    "supports_device",
]

# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles ONNX models to native code and runs them.

    module = dl.compile("model.onnx")
    session = dl.Session(module)
    outputs = session.run({"x": array})
"""

from . import _runtime
from ._compile import CompileWarning, compile
from ._errors import Error
from ._session import Module, Session, Tensor, Value

__version__: str = _runtime.version()

__all__ = ["CompileWarning", "Error", "Module", "Session", "Tensor", "Value", "__version__", "compile"]

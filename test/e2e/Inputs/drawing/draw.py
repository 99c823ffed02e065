# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a function that draws a case of an operator's version has at hand, and the case that it makes.

    @covers("Transpose")
    def transpose(draw):
        x = draw.array(draw.shape())
        return draw.node([x], perm=draw.permutation(x.ndim))

Element types are drawn from the version's schema, so that a drawer serves all versions
whose attributes and inputs are alike.
"""
import copy

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, defs, helper, numpy_helper

# By operator: a function from a Draw to a Case, or None where what it drew makes no case.
DRAWERS = {}

# Element types with a form in numpy, as schemas write them. Complex numbers and strings are not drawn.
DTYPES = {
    "float": np.float32, "double": np.float64, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16,
    "int8": np.int8, "int16": np.int16, "int32": np.int32, "int64": np.int64,
    "uint8": np.uint8, "uint16": np.uint16, "uint32": np.uint32, "uint64": np.uint64, "bool": np.bool_,
    "float8e4m3fn": ml_dtypes.float8_e4m3fn, "float8e4m3fnuz": ml_dtypes.float8_e4m3fnuz,
    "float8e5m2": ml_dtypes.float8_e5m2, "float8e5m2fnuz": ml_dtypes.float8_e5m2fnuz,
    "int4": ml_dtypes.int4, "uint4": ml_dtypes.uint4,
}
NARROW = {"float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "int4", "uint4"}


def covers(*operators):
    def register(function):
        for operator in operators:
            DRAWERS[operator] = function
        return function
    return register


def is_float(dtype):
    return np.dtype(dtype).kind == "f" or np.dtype(dtype) == ml_dtypes.bfloat16


def onnx_type(dtype):
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


class Constant:
    """An input that must be an initializer."""

    def __init__(self, array):
        self.array = np.asarray(array)


class Case:
    """Nodes, their inputs and initializers, and how to judge their outputs."""

    def __init__(self, draw, nodes, feed, constants, outputs):
        self.operator, self.since = draw.op, draw.since
        self.opset, self.nodes, self.outputs = draw.opset, nodes, outputs
        self.feed, self.constants = feed, constants
        self.dims = {name: list(array.shape) for name, array in feed.items()}
        # IR version 3 has all initializers among the inputs.
        self.listed = draw.opset <= 8 and draw.chance(0.5)
        self.check = None  # in place of a comparison
        self.tolerance = None  # None: by the type of each output
        self.peer = None  # a case of the same meaning for ONNX Runtime
        self.expected = None  # outputs that are known

    def __str__(self):
        arrays = {**self.feed, **self.constants}
        show = lambda name: "" if not name else f"{name}:{arrays[name].dtype}{list(arrays[name].shape)}" if name in arrays else name
        lines = []
        for node in self.nodes:
            attributes = ", ".join(helper.printable_attribute(a) for a in node.attribute)
            lines.append(f"{node.op_type}({', '.join(show(i) for i in node.input)}) <{attributes}>")
        tail = f" constant {list(self.constants)}" if self.constants else ""
        dims = [d for dims in self.dims.values() for d in dims if isinstance(d, str)]
        return f"opset {self.opset}: {'; '.join(lines)}{tail}{' symbolic' if dims else ''}"

    def at(self, opset):
        """The same at another opset."""
        other = copy.copy(self)
        other.opset, other.nodes, other.peer = opset, [copy.deepcopy(node) for node in self.nodes], None
        return other

    def model(self):
        inputs = [helper.make_tensor_value_info(n, onnx_type(a.dtype), self.dims[n]) for n, a in self.feed.items()]
        if self.listed:
            inputs += [helper.make_tensor_value_info(n, onnx_type(a.dtype), a.shape) for n, a in self.constants.items()]
        outputs = [helper.make_tensor_value_info(n, t, None) for n, t in self.outputs]
        weights = [numpy_helper.from_array(a, n) for n, a in self.constants.items()]
        graph = helper.make_graph(self.nodes, "opsets", inputs, outputs, weights)
        imports = [helper.make_opsetid("", self.opset)]
        version = 3 if self.listed else 4 if self.opset <= 8 else helper.find_min_ir_version_for(imports)
        return helper.make_model(graph, opset_imports=imports, ir_version=version)


class Draw:
    """A stream of random choices for one case of one version of one operator."""

    def __init__(self, schema, opset, seed):
        self.schema, self.op, self.since, self.opset = schema, schema.name, schema.since_version, opset
        self.random = np.random.default_rng(seed)
        self.bound = {}  # types by the names of the schema's parameters

    # Numbers

    def chance(self, p):
        return self.random.random() < p

    def pick(self, values):
        return values[int(self.random.integers(len(values)))]

    def integer(self, low, high):
        """Within the bounds, both included."""
        return int(self.random.integers(low, high + 1))

    def real(self, low, high):
        return round(float(self.random.uniform(low, high)), 3)

    def permutation(self, count):
        return [int(i) for i in self.random.permutation(count)]

    def axis(self, rank, negative_since=0):
        """One of the axes, counted from the end where this version may."""
        axis = self.integer(0, rank - 1)
        return axis - rank if self.since >= negative_since and self.chance(0.4) else axis

    def axes(self, rank, negative_since=0, least=1):
        count = self.integer(least, rank)
        axes = sorted(self.permutation(rank)[:count]) if self.chance(0.7) else self.permutation(rank)[:count]
        return [a - rank if self.since >= negative_since and self.chance(0.4) else a for a in axes]

    # Shapes

    def shape(self, low=1, high=4, limit=6):
        """A shape of a rank within the bounds; sizes of 1 now and then, no zeros."""
        return [self.pick([1, 2, 3, 4, 5, limit]) for _ in range(self.integer(low, high))]

    def broadcastable(self, shape):
        """A shape that broadcasts to this one."""
        kept = shape[self.integer(0, len(shape)):]
        return [1 if self.chance(0.3) else size for size in kept]

    # Types

    def types_of(self, parameter):
        for constraint in self.schema.type_constraints:
            if constraint.type_param_str == parameter:
                found = [t[7:-1] for t in constraint.allowed_type_strs if t.startswith("tensor(")]
                return sorted(t for t in found if t in DTYPES)
        return []

    def type(self, parameter="T", among=None, narrow=False):
        """A type for a type parameter of the schema, often float; the same one when asked again."""
        if parameter not in self.bound:
            known = [t for t in self.types_of(parameter) if (narrow or t not in NARROW) and (not among or t in among)]
            favoured = [t for t in known if t in ("float", "int64", "uint8")]
            self.bound[parameter] = self.pick(favoured if favoured and self.chance(0.4) else known)
        return DTYPES[self.bound[parameter]]

    def bind(self, parameter, dtype):
        self.bound[parameter] = next(name for name, known in DTYPES.items() if np.dtype(known) == np.dtype(dtype))

    def array(self, shape, dtype=None, low=None, high=None):
        """Values around zero, or within bounds."""
        dtype = np.dtype(self.type() if dtype is None else dtype)
        if dtype == np.bool_:
            return self.random.integers(0, 2, shape).astype(bool)
        if dtype.kind in "iu" or dtype in (ml_dtypes.int4, ml_dtypes.uint4):
            unsigned = dtype.kind == "u" or dtype == ml_dtypes.uint4
            least = (0 if unsigned else -7) if low is None else max(int(np.ceil(low)), 0) if unsigned else int(np.ceil(low))
            most = 7 if high is None else int(np.floor(high))
            return self.random.integers(least, max(most, least) + 1, shape).astype(dtype)
        if low is None and high is None:
            values = self.random.standard_normal(shape)
        else:
            values = self.random.uniform(-5 if low is None else low, 5 if high is None else high, shape)
        return np.asarray(values).astype(dtype)

    # Nodes

    def output_type(self, i):
        parameter = self.schema.outputs[min(i, len(self.schema.outputs) - 1)].type_str
        if parameter in self.bound:
            return onnx_type(DTYPES[self.bound[parameter]])
        if parameter.startswith("tensor("):
            return onnx_type(DTYPES[parameter[7:-1]])
        allowed = self.types_of(parameter)
        assert len(allowed) == 1, f"{self.op} does not bind {parameter}"
        return onnx_type(DTYPES[allowed[0]])

    def node(self, inputs, outputs=1, fixed=(), **attributes):
        """A case of one node. An input is an array, a Constant, or None for one that is left out;
        `outputs` is their number, or a list of truth values where some are left out. Attributes
        that are None are left out. `fixed` lists what never has symbolic sizes: numbers of inputs,
        or pairs of one and of the first of its dimensions for which that holds."""
        names, feed, constants = [], {}, {}
        symbolic = self.chance(0.3)
        whole = {f"x{entry[0]}": entry[1] for entry in fixed if isinstance(entry, tuple)}
        whole.update({f"x{entry}": 0 for entry in fixed if isinstance(entry, int)})
        for i, value in enumerate(inputs):
            name = f"x{i}" if value is not None else ""
            names.append(name)
            if value is None:
                continue
            array = value.array if isinstance(value, Constant) else np.asarray(value)
            is_narrow = array.dtype in (ml_dtypes.int4, ml_dtypes.uint4)
            (constants if isinstance(value, Constant) or is_narrow or self.chance(0.1) else feed)[name] = array
        while names and not names[-1]:
            names.pop()
        present = [True] * outputs if isinstance(outputs, int) else outputs
        results = [f"y{i}" if there else "" for i, there in enumerate(present)]
        attributes = {n: v for n, v in attributes.items() if v is not None}
        node = helper.make_node(self.op, names, results, **attributes)
        kinds = [(name, self.output_type(i)) for i, name in enumerate(results) if name]
        case = Case(self, [node], feed, constants, kinds)
        for name, array in feed.items():
            if symbolic:
                # One symbol for all dimensions of a size, as what is broadcast needs it.
                end = whole.get(name, array.ndim)
                case.dims[name] = [f"d{size}" if size > 1 and i < end else size for i, size in enumerate(array.shape)]
        return case

    def later(self, opset, operator=None):
        """A Draw of the same operator at another opset, for a peer."""
        other = Draw.__new__(Draw)
        other.__dict__.update(self.__dict__)
        other.schema = defs.get_schema(operator or self.op, opset, "")
        other.op, other.opset, other.since = other.schema.name, opset, other.schema.since_version
        return other


def with_peer(case, draw, inputs, opset=7, operator=None, outputs=None, **attributes):
    """The case, with a node of a later version that means the same as its peer."""
    draw = draw.later(opset, operator)
    plain = [v.array if isinstance(v, Constant) else v for v in inputs]
    case.peer = draw.node([None if v is None else Constant(v) for v in plain], outputs or len(case.outputs), **attributes)
    return case

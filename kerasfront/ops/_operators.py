"""Python's operators on symbolic tensors and Variables, by the ops of their names."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasfront.ops import bitwise, indexing, matrices, shaping
from kerasfront.ops import elementwise as e
from kerasfront.spec import KerasTensor, mode

_BINARY = {
    "add": e.add,
    "sub": e.subtract,
    "mul": e.multiply,
    "truediv": e.divide,
    "floordiv": e.floor_divide,
    "pow": e.power,
    "mod": e.mod,
    "matmul": matrices.matmul,
    "and": bitwise.bitwise_and,
    "or": bitwise.bitwise_or,
    "xor": bitwise.bitwise_xor,
    "lshift": bitwise.bitwise_left_shift,
    "rshift": bitwise.bitwise_right_shift,
}
_COMPARE = {"lt": e.less, "le": e.less_equal, "gt": e.greater, "ge": e.greater_equal}
_EQUALITY = {"eq": e.equal, "ne": e.not_equal}
_UNARY = {"neg": e.negative, "abs": e.absolute, "invert": bitwise.bitwise_invert}


def _forward(op: Any) -> Any:
    return lambda self, other: _as_run(op(self, other))


def _reflected(op: Any) -> Any:
    return lambda self, other: _as_run(op(other, self))


def _single(op: Any) -> Any:
    return lambda self: _as_run(op(self))


def _equality(op: Any) -> Any:
    def compare(self: Any, other: Any) -> Any:
        if not _is_operand(other):
            return NotImplemented  # None, a string, any other object: Python compares by identity then
        out = _as_run(op(self, other))
        if isinstance(out, KerasTensor) and isinstance(other, KerasTensor):
            out.truth = (self is other) is (op is e.equal)
        return out

    return compare


def _is_operand(value: Any) -> bool:
    """Return whether a value can stand beside a tensor: a number, an array, a tensor, a list of such."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_operand, value))
    if isinstance(value, (bool, int, float, complex)):
        return True
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.kind not in "OUSV"
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _as_run(out: Any) -> Any:
    """Return the result without a mask inside a `call`: the framework's operators, which run there, pass none."""
    if mode.inferring and isinstance(out, KerasTensor):
        out._keras_mask = None
    return out


def install(cls: Any) -> None:
    """Give `cls` the arithmetic and comparing operators, and indexing.

    `==` and `!=` compare elementwise, as those of tensors do; hashes stay those of identity, so that sets and the keys
    of dicts hold such values.
    """
    for name, op in _BINARY.items():
        setattr(cls, f"__{name}__", _forward(op))
        setattr(cls, f"__r{name}__", _reflected(op))
    for name, op in _COMPARE.items():
        setattr(cls, f"__{name}__", _forward(op))
    for name, op in _EQUALITY.items():
        setattr(cls, f"__{name}__", _equality(op))
    cls.__hash__ = object.__hash__
    for name, one in _UNARY.items():
        setattr(cls, f"__{name}__", _single(one))
    cls.__pos__ = lambda self: self
    cls.__round__ = lambda self, ndigits=None: _as_run(e.round(self, ndigits or 0))
    cls.__array_priority__ = 100  # an array on the left leaves the operation to us
    cls.__getitem__ = lambda self, key: _as_run(indexing.get_item(self, key))


def install_methods(cls: Any) -> None:
    """Give `cls` the methods that symbolic tensors have beside the operators."""
    cls.reshape, cls.squeeze = _reshape, _squeeze


def _reshape(self: Any, newshape: Any) -> Any:
    """Return `ops.reshape(self, newshape)`."""
    return shaping.reshape(self, newshape)


def _squeeze(self: Any, axis: Any = None) -> Any:
    """Return `ops.squeeze(self, axis)`."""
    return shaping.squeeze(self, axis)

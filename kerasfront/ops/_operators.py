"""Python's operators on symbolic tensors and Variables, by the ops of their names."""

from __future__ import annotations

from typing import Any

from kerasfront.ops import bitwise, indexing, linalg, shaping
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
    "matmul": linalg.matmul,
    "and": bitwise.bitwise_and,
    "or": bitwise.bitwise_or,
    "xor": bitwise.bitwise_xor,
    "lshift": bitwise.bitwise_left_shift,
    "rshift": bitwise.bitwise_right_shift,
}
_COMPARE = {"lt": e.less, "le": e.less_equal, "gt": e.greater, "ge": e.greater_equal}
_UNARY = {"neg": e.negative, "abs": e.absolute, "invert": bitwise.bitwise_invert}


def _forward(op: Any) -> Any:
    return lambda self, other: _as_run(op(self, other))


def _reflected(op: Any) -> Any:
    return lambda self, other: _as_run(op(other, self))


def _single(op: Any) -> Any:
    return lambda self: _as_run(op(self))


def _as_run(out: Any) -> Any:
    """Inside a `call` these are the framework's own operators when it runs, which pass no mask: nor do ours there."""
    if mode.inferring and isinstance(out, KerasTensor):
        out._keras_mask = None
    return out


def install(cls: Any) -> None:
    """Give `cls` the arithmetic and ordering operators, and indexing.

    Equality stays identity: sets hold such values.
    """
    for name, op in _BINARY.items():
        setattr(cls, f"__{name}__", _forward(op))
        setattr(cls, f"__r{name}__", _reflected(op))
    for name, op in _COMPARE.items():
        setattr(cls, f"__{name}__", _forward(op))
    for name, one in _UNARY.items():
        setattr(cls, f"__{name}__", _single(one))
    cls.__array_priority__ = 100  # an array on the left leaves the operation to us
    cls.__getitem__ = lambda self, key: _as_run(indexing.get_item(self, key))


def install_methods(cls: Any) -> None:
    """Give `cls` the methods that symbolic tensors have beside the operators."""
    cls.reshape, cls.squeeze = _reshape, _squeeze


def _reshape(self: Any, newshape: Any) -> Any:
    """`ops.reshape(self, newshape)`."""
    return shaping.reshape(self, newshape)


def _squeeze(self: Any, axis: Any = None) -> Any:
    """`ops.squeeze(self, axis)`."""
    return shaping.squeeze(self, axis)

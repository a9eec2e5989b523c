"""What keras.backend answers about dtypes and symbolic tensors."""

from __future__ import annotations

from kerasfront.spec import KerasTensor, dtypes
from kerasfront.typing import DTypeLike

__all__ = ["is_float_dtype", "is_int_dtype", "is_keras_tensor", "result_type"]

# How promotion names the dtype of a Python scalar, which gives way to a tensor's dtype of the same kind.
_PYTHON_SCALARS = {bool: "bool", int: "int*", float: "float*", complex: "complex*"}


def is_float_dtype(dtype: DTypeLike) -> bool:
    """Return whether a dtype is a real floating-point one."""
    return dtypes.is_float(dtypes.standardize(dtype))


def is_int_dtype(dtype: DTypeLike) -> bool:
    """Return whether a dtype is an integer one, signed or not."""
    return dtypes.is_int(dtypes.standardize(dtype))


def is_keras_tensor(x: object) -> bool:
    """Return whether `x` is a symbolic tensor."""
    return isinstance(x, KerasTensor)


def result_type(*dtypes_: DTypeLike) -> str:
    """Return the dtype to which an op promotes these; the types `int`, `float` and `bool` stand for Python scalars.

    >>> import kerasfront as keras
    >>> keras.backend.result_type("int32", float), keras.backend.result_type("bfloat16", "float16")
    ('float32', 'float32')
    """
    return dtypes.promote(*map(_promotable, dtypes_))


def _promotable(dtype: DTypeLike) -> str:
    if isinstance(dtype, type) and dtype in _PYTHON_SCALARS:
        return _PYTHON_SCALARS[dtype]
    return dtypes.standardize(dtype)

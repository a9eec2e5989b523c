"""keras.backend: settings, dtypes, sessions; and which backend runs."""

from __future__ import annotations

import gc
from typing import Any

from kerasfront import naming
from kerasfront.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from kerasfront.spec import KerasTensor, dtypes
from kerasfront.spec.dtypes import standardize as standardize_dtype

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]


def clear_session(free_memory: bool = True) -> None:
    """Begin the automatic names again ("dense", "dense_1", ...); `free_memory` runs the garbage collector too.

    >>> import kerasfront as keras
    >>> keras.backend.clear_session()
    >>> keras.layers.Dense(1).name
    'dense'
    """
    naming.reset()
    if free_memory:
        gc.collect()


def get_uid(prefix: str = "") -> int:
    """The next number for a prefix, from 1.

    >>> import kerasfront as keras
    >>> keras.backend.get_uid("docs"), keras.backend.get_uid("docs")
    (1, 2)
    """
    return naming.number(prefix)


def is_float_dtype(dtype: Any) -> bool:
    """Whether a dtype is a real floating-point one."""
    return dtypes.is_float(standardize_dtype(dtype))


def is_int_dtype(dtype: Any) -> bool:
    """Whether a dtype is an integer one, signed or not."""
    return dtypes.is_int(standardize_dtype(dtype))


def is_keras_tensor(x: Any) -> bool:
    """Whether x is a symbolic tensor; raises ValueError for what is no tensor at all."""
    return isinstance(x, KerasTensor)


def result_type(*dtypes_: Any) -> str:
    """The dtype to which an op promotes these dtypes; the types `int`, `float` and `bool` stand for Python scalars.

    >>> import kerasfront as keras
    >>> keras.backend.result_type("int32", float), keras.backend.result_type("bfloat16", "float16")
    ('float32', 'float32')
    """
    weak = {bool: "bool", int: "int*", float: "float*", complex: "complex*"}
    return dtypes.promote(*(weak[d] if isinstance(d, type) and d in weak else standardize_dtype(d) for d in dtypes_))

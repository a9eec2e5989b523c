"""Data as users have it: columns and frames of pandas, and anything that can become a NumPy array."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from kerasfront.errors import DataError

# Packages whose arrays and tensors are known by other ways.
_KNOWN = frozenset({"numpy", "torch", "tensorflow", "jax", "jaxlib", "kerasfront"})


@functools.cache
def _converts(cls: type) -> bool:
    """Whether instances become arrays by themselves, and are no arrays or tensors of a framework."""
    if any(base.__module__.partition(".")[0] in _KNOWN for base in cls.__mro__):
        return False
    return hasattr(cls, "__array__") or hasattr(cls, "to_numpy")


def is_array_like(x: Any) -> bool:
    """Whether it is no array or tensor, but holds one: a Series, a DataFrame, what has `__array__`.

    >>> is_array_like([1, 2]), is_array_like(np.ones(2))
    (False, False)
    """
    return _converts(type(x))  # type: ignore[arg-type]


def to_array(x: Any) -> Any:
    """An array for what holds one, in which numbers are numbers: nullable and categorical columns too.

    What is missing between numbers is NaN. Strings come as objects. Arrays of objects that are numbers become arrays
    of numbers.

    >>> to_array(np.array([1, None, 3], object)).tolist()
    [1.0, nan, 3.0]
    """
    array = x if isinstance(x, np.ndarray) else np.asarray(x.to_numpy() if hasattr(x, "to_numpy") else x)
    if array.dtype != object:
        return array
    values = [np.nan if missing(v) else v for v in array.ravel().tolist()]
    if any(isinstance(v, (str, bytes)) for v in values):
        return array
    try:
        found = np.asarray(values)
    except ValueError:  # rows of different lengths
        return array
    return found.reshape(array.shape) if found.dtype.kind in "biufc" and found.size == array.size else array


def missing(value: Any) -> bool:
    """Whether a value stands for none: None, NaN, or pandas's NA."""
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, float) and value != value)


def columns_of(table: Any) -> Any:
    """A frame as a dict of its columns; anything else as it is."""
    if hasattr(table, "columns") and hasattr(table, "to_numpy"):
        return {str(name): table[name] for name in table.columns}
    return table


def no_missing_strings(values: list[Any]) -> None:
    """Raise DataError where a value between strings is missing."""
    for place, value in enumerate(values):
        if not isinstance(value, (str, bytes)) and missing(value):
            raise DataError(
                f"A value is missing between strings: {value!r} at place {place}.",
                hint="Fill it first, for example by series.fillna('').",
            )

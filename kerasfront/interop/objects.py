"""Arrays of Python objects, in which columns of tables come: numbers among them, strings, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasfront.errors import DataError


def numbers_of_objects(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return an array of numbers for an array of objects that are numbers; any other array as it is.

    What is missing between numbers becomes NaN. Strings stay objects.

    >>> numbers_of_objects(np.array([1, None, 3], object)).tolist()
    [1.0, nan, 3.0]
    """
    if array.dtype != object:
        return array
    values = [np.nan if missing(v) else v for v in array.ravel().tolist()]
    if any(isinstance(v, (str, bytes)) for v in values):
        return array
    try:
        numbers = np.asarray(values)
    except ValueError:  # rows of different lengths
        return array
    return numbers.reshape(array.shape) if numbers.dtype.kind in "biufc" and numbers.size == array.size else array


def missing(value: object) -> bool:
    """Return whether a value stands for a missing one: None, NaN, or pandas's NA.

    >>> missing(None), missing(float("nan")), missing(0.0)
    (True, True, False)
    """
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, float) and value != value)


def no_missing_strings(values: Sequence[object]) -> None:
    """Check that no value between strings is missing.

    Raises:
        DataError: One is; the error says which.
    """
    for index, value in enumerate(values):
        if not isinstance(value, (str, bytes)) and missing(value):
            raise DataError(
                f"A value is missing between strings: {value!r} at place {index}.",
                hint="Fill it first, for example by series.fillna('').",
            )

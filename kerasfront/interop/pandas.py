"""pandas: data frames and series."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np

from kerasfront.interop.library import Library
from kerasfront.interop.tables import no_numbers


class Pandas(Library):
    """Frames become arrays of shape (rows, columns). As in Keras, fit() takes a series as one column, (rows, 1)."""

    name = "pandas"
    packages: tuple[str, ...] = ("pandas",)

    def to_rows(self, value: Any, name: str) -> np.ndarray[Any, Any]:
        pandas = sys.modules["pandas"]
        if not isinstance(value, (pandas.DataFrame, pandas.Series)):
            return self.to_numpy(value)  # an index, or an array such as pandas.array([1, None])
        frame = value.to_frame() if isinstance(value, pandas.Series) else value
        array: np.ndarray[Any, Any] = frame.to_numpy()
        if array.dtype == object:
            array = _numbers(frame, array, name)
        # A frame lies in memory column by column. One copy here is cheaper than gathering rows from it for each batch.
        array = np.ascontiguousarray(array)
        nullable = not all(isinstance(dtype, np.dtype) for dtype in frame.dtypes)
        if nullable and name.startswith("y") and array.dtype.kind == "f" and (count := int(np.isnan(array).sum())):
            message = f"`{name}` has missing values ({count}): as nan they make the loss nan. "
            warnings.warn(message + "Leave these rows out: y.notna().", stacklevel=2)
        return array


def _numbers(frame: Any, array: np.ndarray[Any, Any], name: str) -> np.ndarray[Any, Any]:
    """Return the numbers of a frame whose nullable columns came as objects, or its strings if it holds only those."""
    try:
        numbers: np.ndarray[Any, Any] = frame.to_numpy(dtype="float64", na_value=np.nan)
    except (TypeError, ValueError) as error:
        columns = [str(column) for column, dtype in frame.dtypes.items() if getattr(dtype, "kind", "O") not in "biufc"]
        if len(columns) == frame.shape[1] and all(isinstance(value, str) for value in array.flat):
            return array.astype(str)
        raise no_numbers(name, columns) from error
    return numbers


LIBRARY = Pandas()

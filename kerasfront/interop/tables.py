"""Tables: values with named columns, such as the data frames of pandas and polars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasfront.errors import DataError
from kerasfront.interop.objects import numbers_of_objects


def is_table(value: Any) -> bool:
    """Return whether a value has named columns and gives its content as an array.

    >>> is_table({"a": [1, 2]})
    False
    """
    return hasattr(value, "columns") and hasattr(value, "to_numpy")


def columns_of(value: Any) -> Any:
    """Return a table as a dict from the names of its columns to the columns; anything else as it is.

    >>> columns_of([1, 2])
    [1, 2]
    """
    return {str(name): value[name] for name in value.columns} if is_table(value) else value


def table_to_rows(table: Any, name: str) -> np.ndarray[Any, Any]:
    """Return a table as an array of shape (rows, columns), of numbers or, where each column holds strings, of strings.

    Args:
        table: The table.
        name: What an error calls it, such as "x".

    Raises:
        DataError: Some columns hold no numbers; the error names them.
    """
    array = numbers_of_objects(np.asarray(table.to_numpy()))
    if array.dtype == object and not all(isinstance(value, str) for value in array.flat):
        arrays = {key: numbers_of_objects(np.asarray(table[key].to_numpy())) for key in table.columns}
        raise no_numbers(name, [str(key) for key, column in arrays.items() if column.dtype.kind not in "biufc"])
    # A table lies in memory column by column. One copy here is cheaper than gathering rows from it for each batch.
    return np.ascontiguousarray(array)


def no_numbers(name: str, columns: Sequence[str]) -> DataError:
    """Return the error that says which columns of a table hold no numbers."""
    return DataError(
        f"`{name}`: these columns hold no numbers: {', '.join(columns)}.",
        hint="Encode them first, or pass a dict of columns.",
    )

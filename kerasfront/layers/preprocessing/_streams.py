"""The data that a layer adapts to, as batches on the host, which are never in memory together."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from kerasfront import interop
from kerasfront.data import py_dataset
from kerasfront.data.py_dataset import PyDataset
from kerasfront.errors import DataError
from kerasfront.layers.data_layer import to_numpy
from kerasfront.typing import TensorLike

# What `adapt` takes: one array or tensor, or what yields batches of them.
AdaptData = TensorLike | Iterable[Any] | PyDataset

# The number of elements in a batch of an array.
_ELEMENTS = 2**20
_SCALARS = (str, bytes, bool, int, float, np.generic)


def batches(data: Any, steps: int | None = None, batch_size: int | None = None) -> Iterator[np.ndarray[Any, Any]]:
    """Return batches of an array, a list or a tensor, or those that a generator, a PyDataset or a loader yields.

    Args:
        data: What a user gives to `adapt`.
        steps: How many batches; None means all.
        batch_size: The rows in a batch, where data is one array.

    Raises:
        DataError: There is no batch, or a batch holds more than one array.
    """
    whole = is_array_like(data)
    iterable = _rows(data, batch_size) if whole else yielded(data)
    empty = True
    for batch in itertools.islice(iterable, steps):
        empty = False
        yield batch if whole else _one_array(batch)
    if empty:
        raise DataError(f"adapt() got no data: {type(data).__name__} yielded no batch.")


def is_array_like(data: Any) -> bool:
    """Return whether it is one array, and not something that yields batches."""
    return isinstance(data, (list, tuple, *_SCALARS)) or interop.is_array(data)


def _rows(data: Any, batch_size: int | None) -> Iterator[np.ndarray[Any, Any]]:
    """Yield an array, some rows at a time."""
    array = as_array(data)
    if array.ndim == 0:
        yield array
        return
    size = batch_size or max(1, _ELEMENTS // max(1, int(np.prod(array.shape[1:]))))
    for start in range(0, len(array), size):
        yield array[start : start + size]


def yielded(data: Any) -> Iterable[Any]:
    """Return an iterable of what yields batches."""
    if isinstance(data, PyDataset):
        return py_dataset.iterate(data)
    if not hasattr(data, "__iter__"):
        raise DataError(
            f"adapt() takes arrays, or what yields batches (a generator, a PyDataset, a tf.data.Dataset, a torch "
            f"DataLoader); {type(data).__name__} came."
        )
    return iter(data)


def _one_array(batch: Any) -> np.ndarray[Any, Any]:
    if isinstance(batch, dict) or (isinstance(batch, (list, tuple)) and any(hasattr(b, "shape") for b in batch)):
        raise DataError(
            f"adapt() takes batches of one array each; a {type(batch).__name__} of {len(batch)} came.",
            hint="Leave the targets out: dataset.map(lambda x, y: x), or (x for x, y in loader).",
        )
    return as_array(batch)


def as_array(data: Any) -> np.ndarray[Any, Any]:
    """Return a list, a table or a tensor of any library as a NumPy array; strings come as objects."""
    library = interop.tensor_library_of(data)
    array = to_numpy(data) if library is None else library.elements(data)
    return array.astype(object) if array.dtype.kind in "US" and not isinstance(data, np.ndarray) else array

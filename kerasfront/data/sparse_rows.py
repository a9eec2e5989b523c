"""Sparse tensors, from which batches of rows are taken on the host."""

from collections.abc import Callable
from typing import Any

import numpy as np

from kerasfront import interop
from kerasfront.interop import Rows, SparseParts, TensorLibrary
from kerasfront.ops.declare.runtime import runtime

Array = np.ndarray[Any, Any]


class SparseRows:
    """The elements that a sparse tensor stores, sorted by place, so that those of a row lie together.

    Args:
        indices: The places, of shape (n, rank). Those out of range are left out, and values of the same place summed.
        values: Of shape (n,).
        shape: The shape of the dense tensor.

    Example:
        >>> rows = SparseRows(np.array([[2, 1], [0, 0]]), np.array([5.0, 7.0]), (3, 2))
        >>> rows.dense(np.array([2, 2])).tolist()
        [[0.0, 5.0], [0.0, 5.0]]
    """

    def __init__(self, indices: Array, values: Array, shape: tuple[int, ...]) -> None:
        inside = ((indices >= 0) & (indices < np.array(shape))).all(1)
        indices, values = indices[inside], values[inside]
        order = np.lexsort(indices.T[::-1])
        indices, values = indices[order], values[order]
        new = np.ones(len(indices), bool)
        new[1:] = (indices[1:] != indices[:-1]).any(1)
        if not new.all():
            values = np.add.reduceat(values, np.flatnonzero(new), dtype=values.dtype)
            indices = indices[new]
        self.indices: Array = indices
        self.values: Array = values
        self.shape: tuple[int, ...] = shape
        self._starts = np.searchsorted(indices[:, 0], np.arange(shape[0] + 1))
        # How many elements the fullest row has, the two fullest rows have, and so on.
        self._fullest = np.concatenate([[0], np.cumsum(np.sort(np.diff(self._starts))[::-1])])

    def take(self, rows: Rows) -> SparseParts:
        """Return what a sparse tensor of these rows stores."""
        if isinstance(rows, slice):
            rows = np.arange(rows.start, rows.stop)
        starts = self._starts[rows]
        counts = self._starts[rows + 1] - starts
        ends = np.cumsum(counts)
        places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - counts), counts)
        indices = self.indices[places]
        indices[:, 0] = np.repeat(np.arange(len(rows)), counts)
        return SparseParts(indices, self.values[places], (len(rows), *self.shape[1:]))

    def dense(self, rows: Rows) -> Array:
        """Return the rows as a dense array."""
        indices, values, shape = self.take(rows)
        out = np.zeros(shape, values.dtype)
        out[tuple(indices.T)] = values
        return out

    def capacity(self, count: int, rows: int) -> int:
        """Return the size of a batch with so many elements and rows, one of few sizes, for compilers of static shapes.

        It is the power of two that holds `count` elements, and those of as many average rows; but no more than the
        fullest rows have.
        """
        average = max(count, -(-len(self.values) * rows // self.shape[0]))
        return min(1 << max(average - 1, 0).bit_length(), int(self._fullest[rows]))


def is_native(leaf: Any) -> bool:
    """Return whether it is a tensor of the backend that runs."""
    return runtime.adapter is not None and bool(runtime.adapter.is_tensor(leaf))


def is_native_sparse(leaf: Any) -> bool:
    """Return whether it is a sparse tensor of any library."""
    library = interop.library_of(leaf)
    return isinstance(library, TensorLibrary) and library.is_array(leaf) and library.is_sparse(leaf)


def takes_sparse(leaf: Any) -> bool:
    """Return whether the backend that runs computes with sparse tensors of this class. Else batches are dense."""
    return runtime.adapter is None or type(leaf) in runtime.adapter.composites


def sparse_rows(leaf: Any) -> tuple[SparseRows, Callable[[Rows], Any]]:
    """Return the rows of a sparse tensor, and what takes a batch of them, of the same class or dense."""
    library = interop.library_of(leaf)
    assert isinstance(library, TensorLibrary)
    parts = library.sparse_parts(leaf)
    assert parts is not None
    rows = SparseRows(*parts)
    if not (library.sparse_batches and takes_sparse(leaf)):
        return rows, rows.dense

    def take(batch: Rows) -> Any:
        parts = rows.take(batch)
        return library.from_sparse(parts, rows.capacity(len(parts.values), parts.shape[0]))

    return rows, take

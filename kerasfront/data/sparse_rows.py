"""Sparse tensors of the frameworks (and torch's), from which batches of rows are taken on the host."""

import sys
from typing import Any

import numpy as np

from kerasfront.ops._declare import runtime


class SparseRows:
    """The elements that a sparse array stores, sorted by place, so that those of a row lie together.

    Args:
        indices: The places, of shape (n, rank); those out of range are left out, values of one place summed.
        values: Of shape (n,).
        shape: Of the array.

    Example:

        >>> rows = SparseRows(np.array([[2, 1], [0, 0]]), np.array([5.0, 7.0]), (3, 2))
        >>> rows.dense(np.array([2, 2])).tolist()
        [[0.0, 5.0], [0.0, 5.0]]
    """

    def __init__(self, indices: np.ndarray, values: np.ndarray, shape: tuple[int, ...]) -> None:
        inside = ((indices >= 0) & (indices < np.array(shape))).all(1)
        indices, values = indices[inside], values[inside]
        order = np.lexsort(indices.T[::-1])
        indices, values = indices[order], values[order]
        new = np.ones(len(indices), bool)
        new[1:] = (indices[1:] != indices[:-1]).any(1)
        if not new.all():
            values = np.add.reduceat(values, np.flatnonzero(new), dtype=values.dtype)
            indices = indices[new]
        self.indices, self.values, self.shape = indices, values, shape
        self._starts = np.searchsorted(indices[:, 0], np.arange(shape[0] + 1))
        # How many elements the fullest row, the fullest two, ... have.
        self._fullest = np.concatenate([[0], np.cumsum(np.sort(np.diff(self._starts))[::-1])])

    def take(self, rows: np.ndarray | slice) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
        """The indices, values and shape of an array of these rows."""
        if isinstance(rows, slice):
            rows = np.arange(rows.start, rows.stop)
        starts = self._starts[rows]
        counts = self._starts[rows + 1] - starts
        ends = np.cumsum(counts)
        places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - counts), counts)
        indices = self.indices[places]
        indices[:, 0] = np.repeat(np.arange(len(rows)), counts)
        return indices, self.values[places], (len(rows), *self.shape[1:])

    def dense(self, rows: np.ndarray | slice) -> np.ndarray:
        """The rows as an array."""
        indices, values, shape = self.take(rows)
        out = np.zeros(shape, values.dtype)
        out[tuple(indices.T)] = values
        return out

    def tensorflow(self, rows: np.ndarray | slice) -> Any:
        """The rows as a tf.SparseTensor."""
        return sys.modules["tensorflow"].SparseTensor(*self.take(rows))

    def jax(self, rows: np.ndarray | slice) -> Any:
        """The rows as a BCOO, filled up to one of few lengths: JAX compiles a step anew for each."""
        indices, values, shape = self.take(rows)
        more = self._length(len(values), shape[0]) - len(values)
        # What fills it up stands behind the end of every axis.
        indices = np.concatenate([indices, np.broadcast_to(np.array(shape, indices.dtype), (more, len(shape)))])
        values = np.concatenate([values, np.zeros(more, values.dtype)])
        return sys.modules["jax.experimental.sparse"].BCOO(
            (values, indices.astype("int32")), shape=shape, indices_sorted=True, unique_indices=True
        )

    def _length(self, count: int, rows: int) -> int:
        """The power of two that holds `count` elements, and those of as many usual rows; or what the fullest have."""
        usual = max(count, -(-len(self.values) * rows // self.shape[0]))
        return min(1 << max(usual - 1, 0).bit_length(), int(self._fullest[rows]))


def is_native_sparse(leaf: Any) -> bool:
    """Whether it is a tf.SparseTensor, a BCOO or a sparse torch tensor."""
    return _is(leaf, "tensorflow", "SparseTensor") or _is(leaf, "jax.experimental.sparse", "BCOO") or _of_torch(leaf)


def takes_sparse(leaf: Any) -> bool:
    """Whether the bound backend computes with sparse tensors of this class; else a batch is dense."""
    return runtime.adapter is None or type(leaf) in runtime.adapter.composites


def sparse_rows(leaf: Any) -> tuple[SparseRows, Any]:
    """The rows of a sparse tensor, and what takes a batch of them: of the same class, or dense."""
    if _is(leaf, "tensorflow", "SparseTensor"):
        rows = SparseRows(leaf.indices.numpy(), leaf.values.numpy(), tuple(leaf.dense_shape.numpy().tolist()))
        return rows, rows.tensorflow if takes_sparse(leaf) else rows.dense
    if _of_torch(leaf):
        leaf = leaf.detach().cpu().to_sparse_coo().coalesce()
        rows = SparseRows(leaf.indices().numpy().T, leaf.values().numpy(), tuple(leaf.shape))
        return rows, rows.dense
    flat = sys.modules["jax.experimental.sparse"].bcoo_update_layout(leaf, n_batch=0, n_dense=0)
    rows = SparseRows(np.asarray(flat.indices), np.asarray(flat.data), tuple(leaf.shape))
    return rows, rows.jax if takes_sparse(leaf) else rows.dense


def _is(leaf: Any, module: str, name: str) -> bool:
    found = getattr(sys.modules.get(module), name, None)
    return isinstance(found, type) and isinstance(leaf, found)


def _of_torch(leaf: Any) -> bool:
    return _is(leaf, "torch", "Tensor") and str(leaf.layout) != "torch.strided"

"""Sparse and ragged tensors on TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

KINDS: dict[type, str] = {tf.SparseTensor: "sparse", tf.RaggedTensor: "ragged"}


def to_dense(x: Any) -> Any:
    if isinstance(x, tf.SparseTensor):
        return tf.sparse.to_dense(tf.sparse.reorder(x))
    return x.to_tensor() if isinstance(x, tf.RaggedTensor) else x


def from_places(indices: Any, values: Any, shape: Any) -> Any:
    dims = tf.stack([tf.cast(d, tf.int64) for d in shape])
    indices = tf.cast(indices, tf.int64)
    inside = tf.reduce_all((indices >= 0) & (indices < dims), -1)
    return tf.sparse.reorder(tf.SparseTensor(tf.boolean_mask(indices, inside), tf.boolean_mask(values, inside), dims))


def _sparse(x: Any) -> bool:
    return isinstance(x, tf.SparseTensor)


def map_values(function: Callable[[Any], Any], x: Any) -> Any:
    if _sparse(x):
        return tf.SparseTensor(x.indices, function(x.values), x.dense_shape)
    return x.with_flat_values(function(x.flat_values))


def _densely(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        dense = [[to_dense(v) for v in x] if isinstance(x, list) else to_dense(x) for x in args]
        return function(*dense, **kwargs)

    return call


# ---- sparse -------------------------------------------------------------------------------------------------------


def _add(dense: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x1, x2: tf.sparse.add(x1, x2) if _sparse(x1) and _sparse(x2) else dense(to_dense(x1), to_dense(x2))


def _subtract(dense: Callable[..., Any]) -> Callable[..., Any]:
    def call(x1: Any, x2: Any) -> Any:
        if _sparse(x1) and _sparse(x2):
            return tf.sparse.add(x1, x2.with_values(-x2.values))
        return dense(to_dense(x1), to_dense(x2))

    return call


def _at(x: Any, places: Any) -> Any:
    """Return the elements of a dense tensor, broadcast, at the places of a sparse one."""
    return x if x.shape.rank == 0 else tf.gather_nd(tf.broadcast_to(x, places.dense_shape), places.indices)


def _multiply(x1: Any, x2: Any) -> Any:
    if not _sparse(x1):
        x1, x2 = x2, x1
    return x1.with_values(x1.values * _at(to_dense(x2), x1))


def _divide(x1: Any, x2: Any) -> Any:
    if _sparse(x2):
        return to_dense(x1) / to_dense(x2)
    return x1.with_values(x1.values / _at(x2, x1))


def _matmul(dense: Callable[..., Any]) -> Callable[..., Any]:
    """Return the product by TensorFlow's kernel for matrices; vectors and stacks of matrices are multiplied densely."""

    def call(x1: Any, x2: Any) -> Any:
        both = _sparse(x1) and _sparse(x2)
        if not _sparse(x1) and x1.shape.rank == 2 == x2.shape.rank:
            product = tf.sparse.sparse_dense_matmul(x1, x2)
        elif _sparse(x1) and x2.shape.rank == 2 and x1.shape.rank > 1:
            rows = x1 if x1.shape.rank == 2 else tf.sparse.reshape(x1, tf.stack([-1, x1.dense_shape[-1]]))
            product = tf.sparse.sparse_dense_matmul(rows, to_dense(x2))
            if x1.shape.rank > 2:
                product = tf.reshape(product, tf.concat([x1.dense_shape[:-1], [tf.shape(x2, tf.int64)[-1]]], 0))
            product.set_shape([*x1.shape[:-1], x2.shape[-1]])
        else:
            product = dense(to_dense(x1), to_dense(x2))
        return tf.sparse.from_dense(product) if both else product

    return call


def _joined(join: Callable[..., Any], dense: Callable[..., Any]) -> Callable[..., Any]:
    return lambda xs, axis=0: join(xs, axis) if all(map(_sparse, xs)) else _densely(dense)(list(xs), axis)


def _stack(xs: Any, axis: int) -> Any:
    return tf.sparse.concat(axis, [tf.sparse.expand_dims(x, axis) for x in xs])


def _expand_dims(x: Any, axis: Any) -> Any:
    rank = x.shape.rank + (1 if isinstance(axis, int) else len(axis))
    for a in sorted(a % rank for a in ((axis,) if isinstance(axis, int) else axis)):
        x = tf.sparse.expand_dims(x, a)
    return x


def _squeeze(x: Any, axis: Any = None) -> Any:
    rank, shape = x.shape.rank, x.shape.as_list()
    if axis is None and None in shape:
        raise TypeError("the sizes aren't known here: name the axes to squeeze")
    removed = [i for i, n in enumerate(shape) if n == 1] if axis is None else [axis] if isinstance(axis, int) else axis
    removed = [a % rank for a in removed]
    return tf.sparse.reshape(x, tf.gather(x.dense_shape, [i for i in range(rank) if i not in removed]))


def _sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return tf.sparse.reduce_sum(x, axis=axis, keepdims=keepdims)


def _mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    total = _sum(x, axis, keepdims)
    axes = range(x.shape.rank) if axis is None else (axis,) if isinstance(axis, int) else axis
    return total / tf.cast(tf.reduce_prod(tf.gather(x.dense_shape, [a % x.shape.rank for a in axes])), total.dtype)


def _take(dense: Callable[..., Any]) -> Callable[..., Any]:
    def call(x: Any, indices: Any, axis: Any = None) -> Any:
        if _sparse(x):
            raise TypeError("rows of a sparse tensor can't be taken")
        return dense(x, to_dense(indices), axis)

    return call


def sparse_ops(native: Mapping[str, Callable[..., Any]]) -> dict[str, Any]:
    """Return by op the functions for sparse tensors; `native` is the table for dense ones."""
    stack = _joined(_stack, native["stack"])
    return {
        "add": _add(native["add"]),
        "subtract": _subtract(native["subtract"]),
        "multiply": _multiply,
        "divide": _divide,
        "matmul": _matmul(native["matmul"]),
        "concatenate": _joined(lambda xs, axis: tf.sparse.concat(axis, xs), native["concatenate"]),
        "stack": lambda x, axis=0: stack(x, axis),
        "reshape": lambda x, newshape: tf.sparse.reshape(x, [newshape] if isinstance(newshape, int) else newshape),
        "transpose": lambda x, axes=None: tf.sparse.transpose(x, axes),
        "expand_dims": _expand_dims,
        "squeeze": _squeeze,
        "sum": _sum,
        "mean": _mean,
        "take": _take(native["take"]),
        **{name: _densely(native[name]) for name in ("equal", "not_equal")},
    }  # fmt: skip


# ---- ragged -------------------------------------------------------------------------------------------------------

_DISPATCHED = {
    "add": tf.add, "subtract": tf.subtract, "multiply": tf.multiply, "divide": tf.truediv,
    "floor_divide": tf.math.floordiv, "power": tf.pow, "maximum": tf.maximum, "minimum": tf.minimum,
    "mod": tf.math.floormod, "equal": tf.equal, "not_equal": tf.not_equal, "less": tf.less,
    "less_equal": tf.less_equal, "greater": tf.greater, "greater_equal": tf.greater_equal,
    "logical_and": tf.logical_and, "logical_or": tf.logical_or,
    "sum": tf.reduce_sum, "mean": tf.reduce_mean, "amax": tf.reduce_max, "amin": tf.reduce_min,
    "product": tf.reduce_prod, "any": tf.reduce_any, "all": tf.reduce_all,
}  # fmt: skip


def _ragged_matmul(dense: Callable[..., Any]) -> Callable[..., Any]:
    def call(x1: Any, x2: Any) -> Any:
        if not isinstance(x1, tf.RaggedTensor) or isinstance(x2, tf.RaggedTensor) or x1.flat_values.shape.rank < 2:
            raise TypeError("the product of a ragged tensor needs a uniform last axis and a matrix on the right")
        return x1.with_flat_values(dense(x1.flat_values, x2))

    return call


def _ragged_take(dense: Callable[..., Any]) -> Callable[..., Any]:
    def places(indices: Any, size: Any) -> Any:
        """Return the indices counted from the start, since negative ones count from the end."""
        numbers = tf.range(size)
        if isinstance(indices, tf.RaggedTensor):
            return indices.with_flat_values(dense(numbers, indices.flat_values, 0))
        return dense(numbers, indices, 0)

    def call(x: Any, indices: Any, axis: Any = None) -> Any:
        if axis is None:
            raise ValueError("a ragged tensor isn't flattened: name the axis")
        axis %= x.shape.rank
        if not isinstance(x, tf.RaggedTensor):
            return tf.gather(x, places(indices, tf.shape(x)[axis]), axis=axis)
        if axis == 0:
            return tf.gather(x, places(indices, x.nrows()))
        if axis <= x.ragged_rank or isinstance(indices, tf.RaggedTensor):
            raise ValueError("of a ragged tensor, elements are taken along the first axis and along uniform ones")
        return x.with_flat_values(dense(x.flat_values, indices, axis - x.ragged_rank))

    return call


def ragged_ops(native: Mapping[str, Callable[..., Any]]) -> dict[str, Any]:
    """Return by op the functions for ragged tensors; `native` is the table for dense ones."""
    return {
        **_DISPATCHED,
        "matmul": _ragged_matmul(native["matmul"]),
        "take": _ragged_take(native["take"]),
        "concatenate": lambda xs, axis=0: tf.concat(xs, axis),
        "stack": lambda x, axis=0: tf.stack(x, axis),
        "expand_dims": lambda x, axis: tf.expand_dims(x, axis),
    }

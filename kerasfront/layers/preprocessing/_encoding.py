"""From class numbers to what a model takes: one-hot, multi-hot and counted vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerasfront import ops
from kerasfront.contract import Runtime, running
from kerasfront.errors import CapabilityError
from kerasfront.layers._configured import one_of
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.data_layer import to_sparse
from kerasfront.spec import KerasTensor

MODES = ("int", "one_hot", "multi_hot", "count")
# Their names in Keras 2, which Keras's lookups still take.
_FORMER = {"binary": "multi_hot", "tf-idf": "tf_idf"}

active: Runtime = running()


def output_mode_of(layer: Layer, mode: Any, options: Sequence[str]) -> str:
    """Return the output mode, one of the options, which is given by its name or its former name.

    Raises:
        ValueError: It is none of the options.
    """
    now = _FORMER.get(mode, mode) if isinstance(mode, str) else mode
    return one_of(layer, "output_mode", now if now in options else mode, options)


def encoded_shape(shape: Any, mode: str, depth: int) -> tuple[Any, ...]:
    """Return the shape of `encoded` for class numbers of a shape."""
    shape = tuple(shape)
    if mode == "int":
        return shape
    if mode == "one_hot":
        return (*(shape[:-1] if shape and shape[-1] == 1 else shape), depth)
    return (*shape[:-1], depth)


def encoded(
    indices: Any, mode: str, depth: int, dtype: str, weights: Any = None, factors: Any = None, sparse: bool = False
) -> Any:
    """Return class numbers in an output mode. Those below 0, or from `depth` on, add nothing.

    Args:
        indices: Integers. "one_hot" encodes each of them (a last axis of size 1 is taken away first); the other modes
            encode each row of the last axis as one vector. A vector of them is one row.
        mode: "int" (as they are), "one_hot", "multi_hot", "count", or "tf_idf" (counts times `factors`).
        depth: The number of classes.
        dtype: The dtype of the result.
        weights: What each counts in the mode "count", of the shape of `indices`.
        factors: A factor for each class in the mode "tf_idf".
        sparse: Whether the result is a sparse tensor.
    """
    if mode == "int":
        return indices if _dtype(indices) == dtype else ops.cast(indices, dtype)
    if type(indices) in active.adapter.composites:
        raise CapabilityError(
            "Vectors are made of dense class numbers; sparse or ragged ones came: make them dense first."
        )
    if isinstance(indices, KerasTensor):
        return KerasTensor(encoded_shape(indices.shape, mode, depth), dtype, sparse=sparse)
    if mode == "one_hot":
        if len(indices.shape) and indices.shape[-1] == 1:
            indices = ops.squeeze(indices, axis=-1)
        out = ops.one_hot(indices, depth, dtype=dtype)
    else:
        out = _counts(indices, depth, dtype, weights)
        out = ops.cast(ops.greater(out, 0), dtype) if mode == "multi_hot" else out
        out = out if factors is None else ops.multiply(out, ops.cast(factors, dtype))
    return to_sparse(out) if sparse else out


def _counts(indices: Any, depth: int, dtype: str, weights: Any) -> Any:
    """Return how often each class is in each row of the last axis."""
    shape = ops.shape(indices)
    length, count = shape[-1] if len(shape) else 1, 1
    for size in shape[:-1]:
        count = count * size
    rows = ops.reshape(indices, (count, length))
    inside = ops.logical_and(ops.greater_equal(rows, 0), ops.less(rows, depth))
    ids = ops.add(rows, ops.multiply(ops.expand_dims(ops.arange(count, dtype=_dtype(rows)), 1), depth))
    ids = ops.reshape(ops.where(inside, ids, -1), (-1,))
    each = ops.ones_like(ids, dtype=dtype) if weights is None else ops.reshape(ops.cast(weights, dtype), (-1,))
    return ops.reshape(ops.segment_sum(each, ids, num_segments=count * depth), (*shape[:-1], depth))


def _dtype(x: Any) -> str:
    return x.dtype if isinstance(x, KerasTensor) else active.adapter.dtype_name(x)

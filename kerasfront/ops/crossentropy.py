"""Cross-entropies, from logits or from probabilities; and the peak signal-to-noise ratio."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasfront import settings
from kerasfront.errors import ShapeError
from kerasfront.ops import elementwise as e
from kerasfront.ops import reduce as r
from kerasfront.ops.activation import log_softmax
from kerasfront.ops.core import cast, dtype_of
from kerasfront.ops.declare import INTERNAL, NN, Array, Indices, derived, primitive, sample
from kerasfront.ops.declare.bodies import as_tensor, dims_of, rank_of
from kerasfront.ops.shaping import squeeze, transpose
from kerasfront.spec import dtypes, shapes, unknown
from kerasfront.spec.dtypes import FLOATING
from kerasfront.typing import Tensor, TensorLike

_P = Array((3, 4), 0.05, 0.95)
_LOGITS = Array((3, 4), -4.0, 4.0)


def wide(x: TensorLike) -> Tensor:
    """Return half precision as float32, which sums, logarithms and the epsilon of `config` need."""
    return cast(x, "float32") if dtype_of(x) in ("float16", "bfloat16") else as_tensor(x)


def _back(y: Any, like: Any) -> Any:
    name = dtypes.standardize(like.dtype)
    return cast(y, name) if name in ("float16", "bfloat16") else y


def _clipped(p: Any) -> Any:
    epsilon = settings.epsilon()
    return e.minimum(e.maximum(p, epsilon), 1 - epsilon)


def _same_shapes(name: str, target: Any, output: Any) -> None:
    a, b = tuple(target.shape), tuple(output.shape)
    compatible = all(m == n or None in (m, n) or unknown(m) or unknown(n) for m, n in zip(a, b, strict=False))
    if len(a) != len(b) or not compatible:
        raise ShapeError(f"{name} needs `target` and `output` of one shape, got {a} and {b}.")


@derived(
    dtypes_tested=dtypes.FLOATS,
    dtype=FLOATING,
    samples=(
        sample(_P, _P),
        sample(_P, _LOGITS, True),
        sample(_P, _P, axis=0),
        sample(Array(values=[[0.0, 1.0], [1.0, 0.0]]), Array(values=[[0.0, 1.0], [0.0, 1.0]])),
        sample(Array(values=[[0.0, 1.0], [1.0, 0.0]]), Array(values=[[0.0, 1000.0], [0.0, 1000.0]]), True),
        sample(Array((2, 3, 4), 0.0, 1.0), Array((2, 3, 4)), True, 1),
    ),
    spaces=NN,
)
def categorical_crossentropy(
    target: TensorLike, output: TensorLike, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """Return `-sum(target * log(output))` over the classes.

    Args:
        target: Probabilities (one-hot vectors, or soft ones), of output's shape.
        output: Probabilities, which are scaled to sum to 1 and cut to [epsilon, 1 - epsilon], or logits.
        from_logits: Whether `output` holds logits; then nothing is cut, and nothing overflows.
        axis: The axis of the classes.

    Returns:
        A tensor of the shape without `axis`. Half precision is computed in float32 inside.

    Raises:
        ShapeError: The shapes differ, or there is no such axis.

    >>> from kerasfront import ops
    >>> round(float(ops.categorical_crossentropy([0.0, 1.0], [0.5, 0.5])), 4)
    0.6931
    """
    _same_shapes("categorical_crossentropy", target, output)
    y = wide(output)
    logs = log_softmax(y, axis) if from_logits else e.log(_clipped(e.divide(y, r.sum(y, axis, keepdims=True))))
    return _back(e.negative(r.sum(e.multiply(wide(target), logs), axis)), output)


def _picked(target: Any, logits: Any) -> shapes.Shape:
    expected = tuple(logits.shape[:-1])
    if len(target.shape) != len(expected) or shapes.differ(target.shape, expected):
        raise ShapeError(
            f"Expected a target of shape {expected} for an output of shape {tuple(logits.shape)}, got "
            f"{tuple(target.shape)}."
        )
    return shapes.broadcast_shapes(tuple(target.shape), expected)


_CLASSES = Array(values=[0, 3, 1], dtype="int32")


@primitive(
    shape=_picked,
    dtype=FLOATING,
    samples=(
        sample(_CLASSES, _LOGITS),
        sample(Array((2, 5), 0, 3, "int64"), Array((2, 5, 4))),
        sample(Array((0,), dtype="int32"), Array((0, 4))),
    ),
    spaces=INTERNAL,
)
def sparse_softmax_crossentropy(target: Indices, logits: TensorLike) -> Tensor:
    """Return `-log_softmax(logits)[target]` over the last axis. `sparse_categorical_crossentropy` calls this.

    A target that is no class raises, or gives nan where the framework can't look (JAX, compiled TensorFlow).
    """


@derived(
    dtype=FLOATING,
    samples=(sample(_CLASSES, _LOGITS), sample(Array((2, 5), 0, 3, "int64"), Array((2, 5, 4)))),
    spaces=INTERNAL,
)
def mean_sparse_softmax_crossentropy(target: Indices, logits: TensorLike) -> Tensor:
    """Return the mean of `sparse_categorical_crossentropy` from logits: what frameworks have as a loss, in one call.

    >>> from kerasfront.ops.crossentropy import mean_sparse_softmax_crossentropy
    >>> round(float(mean_sparse_softmax_crossentropy([1, 0], [[0.0, 0.0], [0.0, 0.0]])), 4)
    0.6931
    """
    return r.mean(sparse_softmax_crossentropy(target, logits))


@derived(
    dtype=FLOATING, samples=(sample(_P, _LOGITS), sample(Array((2, 3, 4), 0.0, 1.0), Array((2, 3, 4)))), spaces=INTERNAL
)
def mean_softmax_crossentropy(target: TensorLike, logits: TensorLike) -> Tensor:
    """Return the mean of `categorical_crossentropy` from logits: what frameworks have as a loss, in one call.

    >>> from kerasfront.ops.crossentropy import mean_softmax_crossentropy
    >>> round(float(mean_softmax_crossentropy([[0.0, 1.0]], [[0.0, 0.0]])), 4)
    0.6931
    """
    return e.negative(r.mean(r.sum(e.multiply(target, log_softmax(logits)), -1)))


@derived(
    dtypes_tested=dtypes.FLOATS,
    dtype=FLOATING,
    samples=(
        sample(_CLASSES, _P),
        sample(_CLASSES, _LOGITS, True),
        sample(Array((3, 1), 0, 3, "int32"), _LOGITS, True),
        sample(Array((2, 4), 0, 2, "int32"), Array((2, 3, 4)), True, 1),
        sample(Array((4,), 0, 2, "int32"), Array((3, 4), 0.1, 0.9), axis=0),
    ),
    spaces=NN,
)
def sparse_categorical_crossentropy(
    target: Indices, output: TensorLike, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """Return `-log(output[target])`: the cross-entropy for classes given as integers.

    Args:
        target: Integers of output's shape without `axis`; a last axis of size 1 more is dropped.
        output: Probabilities, which are scaled to sum to 1 and cut to [epsilon, 1 - epsilon], or logits.
        from_logits: Whether `output` holds logits; then nothing is cut, and nothing overflows.
        axis: The axis of the classes.

    Returns:
        A tensor of output's shape without `axis`. A target that is no class raises, or gives nan where the
        framework can't look (JAX, compiled TensorFlow).

    Raises:
        ShapeError: The shapes don't fit, or there is no such axis.

    >>> from kerasfront import ops
    >>> loss = ops.sparse_categorical_crossentropy([1, 0], [[0.0, 1.0], [1.0, 0.0]])
    >>> ops.convert_to_numpy(loss).round(4).tolist()
    [0.0, 0.0]
    """
    rank = rank_of(output)
    axis = shapes.axis_of(axis, rank)
    if rank_of(target) == rank and dims_of(target)[-1] == 1:
        target = squeeze(target, -1)
    if axis != rank - 1:
        output = transpose(output, (*(i for i in range(rank) if i != axis), axis))
    if rank_of(target) != rank - 1 or shapes.differ(dims_of(target), dims_of(output)[:-1]):
        raise ShapeError(
            f"Expected targets of the output's shape without the classes' axis, {tuple(dims_of(output)[:-1])}, got "
            f"{tuple(dims_of(target))}."
        )
    if not from_logits:
        y = wide(output)
        # The softmax of these logits gives the probabilities again, up to the clipping.
        output = _back(e.log(_clipped(e.divide(y, r.sum(y, -1, keepdims=True)))), output)
    return sparse_softmax_crossentropy(target, output)


@derived(
    dtypes_tested=dtypes.FLOATS,
    dtype=FLOATING,
    samples=(
        sample(_P, _P),
        sample(_P, _LOGITS, True),
        sample(Array(values=[0.0, 1.0, 1.0]), Array(values=[0.0, 1.0, 0.0])),
        sample(Array(values=[0.0, 1.0, 1.0]), Array(values=[-1000.0, 1000.0, -1000.0]), True),
    ),
    elementwise=True,
    spaces=NN,
)
def binary_crossentropy(target: TensorLike, output: TensorLike, from_logits: bool = False) -> Tensor:
    """Return `-(target * log(output) + (1 - target) * log(1 - output))`, elementwise.

    Args:
        target: Probabilities, of output's shape.
        output: Probabilities, which are cut to [epsilon, 1 - epsilon], or logits.
        from_logits: Whether `output` holds logits; then nothing is cut, and nothing overflows.

    Returns:
        A tensor of output's shape. Half precision is computed in float32 inside.

    Raises:
        ShapeError: The shapes differ.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.binary_crossentropy([0.0, 1.0], [0.5, 0.5])).round(4).tolist()
    [0.6930999755859375, 0.6930999755859375]
    """
    _same_shapes("binary_crossentropy", target, output)
    t, y = wide(target), wide(output)
    if from_logits:
        loss = sigmoid_crossentropy(t, y)
    else:
        p = _clipped(y)
        yes, no = e.multiply(t, e.log(p)), e.multiply(e.subtract(1, t), e.log(e.subtract(1, p)))
        loss = e.negative(e.add(yes, no))
    return _back(loss, output)


@derived(dtype=FLOATING, samples=(sample(_P, _LOGITS),), elementwise=True, spaces=INTERNAL)
def sigmoid_crossentropy(target: TensorLike, logits: TensorLike) -> Tensor:
    """Compute `binary_crossentropy` for logits: max(z, 0) - t z + log(1 + exp(-|z|))."""
    linear = e.subtract(e.relu(logits), e.multiply(target, logits))
    return e.add(linear, e.log1p(e.exp(e.negative(e.abs(logits)))))


@derived(
    dtype=FLOATING, samples=(sample(_P, _LOGITS), sample(Array((2, 3, 4), 0.0, 1.0), Array((2, 3, 4)))), spaces=INTERNAL
)
def mean_sigmoid_crossentropy(target: TensorLike, logits: TensorLike) -> Tensor:
    """Return the mean of `binary_crossentropy` from logits: what frameworks have as a loss, in one call.

    >>> from kerasfront.ops.crossentropy import mean_sigmoid_crossentropy
    >>> round(float(mean_sigmoid_crossentropy([0.0, 1.0], [0.0, 0.0])), 4)
    0.6931
    """
    return r.mean(sigmoid_crossentropy(target, logits))


@derived(
    dtype=FLOATING,
    samples=(sample(Array((2, 3)), Array((2, 3)), 2.0),),
    ref=lambda x1, x2, max_val: 20 * np.log10(max_val) - 10 * np.log10(np.mean((x1 - x2) ** 2)),
    spaces=NN,
)
def psnr(x1: TensorLike, x2: TensorLike, max_val: float) -> Tensor:
    """Return the peak signal-to-noise ratio of two signals, in decibels.

    It is `10 * log10(max_val**2 / mean((x1 - x2)**2))`.

    Args:
        x1: A tensor.
        x2: A tensor of the same shape.
        max_val: The largest value that the signal can have.

    Returns:
        A scalar; inf where the signals are equal.

    Raises:
        ShapeError: The shapes differ.

    >>> from kerasfront import ops
    >>> round(float(ops.psnr([0.0, 1.0], [0.1, 0.9], 1.0)), 3)
    20.0
    """
    _same_shapes("psnr", x1, x2)
    error = r.mean(e.square(e.subtract(x1, x2)))
    return e.multiply(e.subtract(2 * float(np.log(max_val)), e.log(error)), 10 / float(np.log(10)))

"""Moments, and normalization by them: batch, layer, root mean square, and plain vectors.

Half precision is computed in float32 inside, and returned as it came.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasfront import settings
from kerasfront.errors import ShapeError
from kerasfront.ops import elementwise as e
from kerasfront.ops import reduce as r
from kerasfront.ops.core import cast, stop_gradient
from kerasfront.ops.crossentropy import wide
from kerasfront.ops.declare import INTERNAL, NN, Array, Sizes, derived, sample
from kerasfront.ops.declare.bodies import as_tensor, dims_of, rank_of
from kerasfront.ops.shaping import reshape, squeeze
from kerasfront.spec import dtypes, shapes, unknown
from kerasfront.spec.dtypes import FLOATING
from kerasfront.typing import Tensor, TensorLike

Axis = int | Sequence[int]
_X = Array((2, 3, 4))
_IMAGE = Array((2, 5, 4, 3))


def _back(y: Any, like: Any) -> Any:
    name = dtypes.standardize(like.dtype)
    return y if dtypes.standardize(y.dtype) == name else cast(y, name)


def _along(v: Any, axes: Sequence[int], rank: int) -> Any:
    """Return a tensor over `axes` in a shape that broadcasts with a tensor of `rank`."""
    if v is None or tuple(axes) == tuple(range(rank - len(axes), rank)):
        return v
    sizes = dict(zip(axes, v.shape, strict=True))
    return reshape(v, [sizes.get(i, 1) for i in range(rank)])


def _scaled(y: Any, gamma: Any, beta: Any, axes: Sequence[int], rank: int) -> Any:
    if gamma is not None:
        y = e.multiply(y, _along(wide(gamma), axes, rank))
    return y if beta is None else e.add(y, _along(wide(beta), axes, rank))


def _sizes(name: str, v: Any, expected: tuple[Any, ...]) -> None:
    if v is not None and tuple(v.shape) != expected and not any(d is None or unknown(d) for d in expected):
        raise ShapeError(f"Expected `{name}` of shape {expected}, got {tuple(v.shape)}.")


# ---- moments -----------------------------------------------------------------------------------------------


@derived(dtype=FLOATING, samples=(sample(_X),), name="replica_mean", spaces=INTERNAL)
def replica_mean(x: TensorLike) -> Tensor:
    """Return the mean of x over the replicas of a data-parallel step; x itself where there is one."""
    return as_tensor(x)


@derived(
    dtype=FLOATING,
    samples=(sample(_X, (0, 1)), sample(_X, -1, keepdims=True), sample(_X, (0,), synchronized=True)),
    ref=lambda x, axes, keepdims=False, synchronized=False: (
        np.mean(x, axes, keepdims=keepdims),
        np.var(x, axes, keepdims=keepdims),
    ),
    spaces=NN,
)
def moments(x: TensorLike, axes: Axis, keepdims: bool = False, synchronized: bool = False) -> tuple[Tensor, Tensor]:
    """Return the mean and the (biased) variance of x over `axes`.

    Args:
        x: A tensor.
        axes: The axes to go: an integer or several.
        keepdims: Whether they stay with size 1.
        synchronized: Whether the moments are those of all replicas of a data-parallel step together.

    Returns:
        Two tensors. The variance is never negative.

    >>> from kerasfront import ops
    >>> mean, variance = ops.moments([1.0, 3.0], axes=0)
    >>> float(mean), float(variance)
    (2.0, 1.0)
    """
    axes = shapes.axes_of(axes, rank_of(x), "axes")
    y = wide(x)
    if synchronized:
        mean = replica_mean(r.mean(y, axes, keepdims=True))
        variance = replica_mean(r.mean(e.square(e.subtract(y, mean)), axes, keepdims=True))
        if not keepdims:
            mean, variance = squeeze(mean, axes), squeeze(variance, axes)
    else:
        mean, variance = mean_variance(y, axes, keepdims)
    return _back(mean, x), _back(variance, x)


@derived(dtype=FLOATING, samples=(sample(_X, (0, 1), False), sample(_X, (2,), True)), spaces=INTERNAL)
def mean_variance(x: TensorLike, axes: Axis, keepdims: bool) -> tuple[Tensor, Tensor]:
    """Compute `moments`: mean and biased variance over several axes, not in half precision."""
    mean = r.mean(x, axes, keepdims=True)
    variance = r.mean(e.square(e.subtract(x, mean)), axes, keepdims)
    return (mean if keepdims else squeeze(mean, axes)), variance


# ---- batch normalization -----------------------------------------------------------------------------------

_C = Array((3,))
_POSITIVE = Array((3,), 0.5, 2.0)


@derived(
    dtype=FLOATING,
    samples=(
        sample(_IMAGE, _C, _POSITIVE, -1),
        sample(_IMAGE, _C, _POSITIVE, -1, _C, _POSITIVE),
        sample(_X, _C, _POSITIVE, 1, _C, None, 0.1),
        sample(Array((4, 3)), _C, _POSITIVE, 1, None, _POSITIVE),
    ),
    spaces=NN,
)
def batch_normalization(
    x: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    axis: int,
    offset: TensorLike | None = None,
    scale: TensorLike | None = None,
    epsilon: float = 0.001,
) -> Tensor:
    """Return `(x - mean) / sqrt(variance + epsilon) * scale + offset`, all of them along `axis`.

    Args:
        x: A tensor.
        mean: A vector of the size of `axis`.
        variance: A vector of that size.
        axis: The axis that the vectors run along.
        offset: A vector of that size, or None for 0.
        scale: A vector of that size, or None for 1.
        epsilon: What is added to the variance.

    Raises:
        ShapeError: The vectors don't have the size of the axis.

    Source: Ioffe and Szegedy, https://arxiv.org/abs/1502.03167

    >>> from kerasfront import ops
    >>> one = ops.ones((1,))
    >>> ops.convert_to_numpy(ops.batch_normalization([[3.0], [1.0]], one, one, 1, epsilon=3.0)).tolist()
    [[1.0], [0.0]]
    """
    rank = rank_of(x)
    axis = shapes.axis_of(axis, rank)
    for name, v in (("mean", mean), ("variance", variance), ("offset", offset), ("scale", scale)):
        _sizes(name, v, (dims_of(x)[axis],))
    factor = e.rsqrt(e.add(wide(variance), epsilon))
    if scale is not None:
        factor = e.multiply(factor, wide(scale))
    shift = e.negative(e.multiply(wide(mean), factor))
    if offset is not None:
        shift = e.add(shift, wide(offset))
    return _back(e.add(e.multiply(wide(x), _along(factor, (axis,), rank)), _along(shift, (axis,), rank)), x)


@derived(
    differentiable=False,  # finite differences would see the moments move
    dtypes_tested=dtypes.FLOATS,
    samples=(
        sample(_IMAGE, _C, _POSITIVE, _POSITIVE, _C, -1, 1e-3),
        sample(_X, _C, _POSITIVE, None, None, 1, 1e-3),
        sample(Array((6, 3)), _C, _POSITIVE, _POSITIVE, None, -1, 1e-5),
        sample(Array((2, 3, 4, 5)), _C, _POSITIVE, None, _C, 1, 1e-3),
    ),
    spaces=INTERNAL,
)
def batch_norm_inference(
    x: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    gamma: TensorLike | None,
    beta: TensorLike | None,
    axis: int,
    epsilon: float,
) -> Tensor:
    """Return `batch_normalization` by moving averages, which are constants: no gradient flows to them.

    The frameworks have it in one call. The vectors may be float32 where x is half precision, and so is the result.

    Source: Ioffe and Szegedy, https://arxiv.org/abs/1502.03167

    >>> from kerasfront import ops
    >>> from kerasfront.ops.normalization import batch_norm_inference
    >>> one = ops.ones((1,))
    >>> ops.convert_to_numpy(batch_norm_inference([[3.0], [1.0]], one, one, None, None, 1, 3.0)).tolist()
    [[1.0], [0.0]]
    """
    return batch_normalization(x, stop_gradient(mean), stop_gradient(variance), axis, beta, gamma, epsilon)


@derived(
    # The moments are for statistics: no gradient goes through them.
    differentiable=(0,),
    dtypes_tested=dtypes.FLOATS,
    samples=(
        sample(_IMAGE, _POSITIVE, _C, -1, 1e-3),
        sample(_X, None, None, 1, 1e-3),
        sample(Array((6, 3)), _POSITIVE, None, -1, 1e-3),
        sample(Array((4, 7, 3)), _POSITIVE, _C, 2, 1e-3),
        sample(Array((2, 3, 4, 5)), None, _C, 1, 1e-3),
    ),
    spaces=INTERNAL,
)
def batch_norm_train(
    x: TensorLike, gamma: TensorLike | None, beta: TensorLike | None, axis: int, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return batch normalization by x's own moments over all axes but `axis`, as it is done in training.

    The frameworks have it in one call. gamma and beta, vectors or None, may be float32 where x is half
    precision.

    Returns:
        (y, mean, variance): y of x's shape and dtype; the mean and the biased variance, float32 or wider, are for
        moving averages: no gradient flows through them.

    Source: Ioffe and Szegedy, https://arxiv.org/abs/1502.03167

    >>> from kerasfront import ops
    >>> from kerasfront.ops.normalization import batch_norm_train
    >>> x = ops.convert_to_tensor([[1.0], [3.0]])
    >>> y, mean, variance = batch_norm_train(x, None, None, axis=1, epsilon=0.0)
    >>> ops.convert_to_numpy(y).tolist(), ops.convert_to_numpy(mean).tolist()
    ([[-1.0], [1.0]], [2.0])
    """
    rank = rank_of(x)
    axis = shapes.axis_of(axis, rank)
    y = wide(x)
    mean, variance = mean_variance(y, tuple(i for i in range(rank) if i != axis), True)
    normal = e.multiply(e.subtract(y, mean), e.rsqrt(e.add(variance, epsilon)))
    out = _back(_scaled(normal, gamma, beta, (axis,), rank), x)
    return (
        out,
        stop_gradient(reshape(mean, (dims_of(x)[axis],))),
        stop_gradient(reshape(variance, (dims_of(x)[axis],))),
    )


# ---- layer normalization -----------------------------------------------------------------------------------


@derived(
    dtype=FLOATING,
    samples=(
        sample(_X, Array((4,)), Array((4,)), -1, 1e-3),
        sample(_X, Array((4,)), None, (2,), 1e-3),
        sample(_X, None, None, (1, 2), 1e-3),
        sample(_X, Array((2, 4)), Array((2, 4)), (0, 2), 1e-3),
        sample(_X, None, Array((3,)), 1, 1e-3),
        sample(_X),
    ),
    spaces=NN,
)
def layer_normalization(
    x: TensorLike,
    gamma: TensorLike | None = None,
    beta: TensorLike | None = None,
    axis: Axis = -1,
    epsilon: float | None = None,
    **kwargs: Any,
) -> Tensor:
    """Return `(x - mean) / sqrt(variance + epsilon) * gamma + beta`.

    Mean and variance are those of each sample, over `axis`.

    Args:
        x: A tensor.
        gamma: A tensor of the sizes of `axis`, or None for 1.
        beta: A tensor of those sizes, or None for 0.
        axis: The axis, or several.
        epsilon: What is added to the variance; None means `config.epsilon()`.
        **kwargs: Nothing (Keras's deprecated `rms_scaling` is `rms_normalization` here, and refused).

    Raises:
        ShapeError: gamma or beta don't have the sizes of the axes.
        TypeError: An unknown argument.

    Source: Ba et al., https://arxiv.org/abs/1607.06450

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.layer_normalization([[1.0, 3.0]])).round(3).tolist()
    [[-1.0, 1.0]]
    """
    if kwargs:
        raise TypeError(
            f"layer_normalization() got unknown arguments: {', '.join(kwargs)}. For RMS use ops.rms_normalization."
        )
    rank = rank_of(x)
    axes = shapes.axes_of(axis, rank)
    sizes = tuple(dims_of(x)[a] for a in axes)
    _sizes("gamma", gamma, sizes)
    _sizes("beta", beta, sizes)
    return normalized_over(x, gamma, beta, axes, settings.epsilon() if epsilon is None else epsilon)


@derived(
    dtype=FLOATING,
    samples=(
        sample(_X, Array((4,)), Array((4,)), (2,), 1e-3),
        sample(_X, Array((2, 4)), None, (0, 2), 1e-3),
        sample(_X, None, Array((3, 4)), (1, 2), 1e-3),
    ),
    spaces=INTERNAL,
)
def normalized_over(
    x: TensorLike, gamma: TensorLike | None, beta: TensorLike | None, axes: Sizes, epsilon: float
) -> Tensor:
    """Compute `layer_normalization`: axes ascending from 0, epsilon not None."""
    y = wide(x)
    # The difference is computed once: by two subtractions, the gradient would be summed twice.
    centred = e.subtract(y, r.mean(y, axes, keepdims=True))
    variance = r.mean(e.square(centred), axes, keepdims=True)
    normal = e.multiply(centred, e.rsqrt(e.add(variance, epsilon)))
    return _back(_scaled(normal, gamma, beta, axes, rank_of(x)), x)


@derived(
    dtype=FLOATING,
    samples=(
        sample(_X, Array((4,)), -1, 1e-3),
        sample(_X, Array((3, 4)), (1, 2), 1e-3),
        sample(_X, None, 1),
        sample(_X, Array((3,)), 1, 1e-3),
    ),
    spaces=NN,
)
def rms_normalization(
    x: TensorLike, scale: TensorLike | None = None, axis: Axis = -1, epsilon: float | None = None
) -> Tensor:
    """Return `x / sqrt(mean(x**2) + epsilon) * scale`, with the mean over `axis`.

    Args:
        x: A tensor.
        scale: A tensor of the sizes of `axis`, or None for 1.
        axis: The axis, or several.
        epsilon: What is added to the mean square; None means `config.epsilon()`.

    Raises:
        ShapeError: scale doesn't have the sizes of the axes.

    Source: Zhang and Sennrich, https://arxiv.org/abs/1910.07467

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.rms_normalization([[3.0, -3.0]])).round(3).tolist()
    [[1.0, -1.0]]
    """
    axes = shapes.axes_of(axis, rank_of(x))
    _sizes("scale", scale, tuple(dims_of(x)[a] for a in axes))
    return root_mean_square_over(x, scale, axes, settings.epsilon() if epsilon is None else epsilon)


@derived(
    dtype=FLOATING,
    samples=(sample(_X, Array((4,)), (2,), 1e-3), sample(_X, Array((2, 4)), (0, 2), 1e-3)),
    spaces=INTERNAL,
)
def root_mean_square_over(x: TensorLike, scale: TensorLike | None, axes: Sizes, epsilon: float) -> Tensor:
    """Compute `rms_normalization`: axes ascending from 0, epsilon not None."""
    y = wide(x)
    power = r.mean(e.square(y), axes, keepdims=True)
    return _back(_scaled(e.multiply(y, e.rsqrt(e.add(power, epsilon))), scale, None, axes, rank_of(x)), x)


# ---- vectors -----------------------------------------------------------------------------------------------


@derived(
    dtype=FLOATING,
    samples=(
        sample(_X),
        sample(_X, 1, 1),
        sample(_X, 0, 3),
        sample(_X, -1, math.inf),
        sample(Array((2, 3), 0.0, 0.0)),
        sample(Array((2, 3), 0.0, 0.0), -1, 3),
        sample(_X, (0, 2)),
    ),
    spaces=NN,
)
def normalize(x: TensorLike, axis: Axis | None = -1, order: float = 2, epsilon: float | None = None) -> Tensor:
    """Return x divided by its norm along `axis`, or by `epsilon` where the norm is smaller.

    Gradients at 0 are finite.

    Args:
        x: A tensor.
        axis: The axis, or several; None means all.
        order: The norm's order: a positive number, or `math.inf`.
        epsilon: The smallest divisor; None means `config.epsilon()`.

    Raises:
        ValueError: The order is not positive.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.normalize([[0.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    if not isinstance(order, (int, float)) or not order > 0:
        raise ValueError(f"Expected `order` to be a positive number, got {order!r}.")
    epsilon = settings.epsilon() if epsilon is None else epsilon
    axes, y = shapes.axes_of(axis, rank_of(x)), wide(x)
    if order == 2:
        return _back(e.multiply(y, e.rsqrt(e.maximum(r.sum(e.square(y), axes, keepdims=True), epsilon**2))), x)
    size = e.abs(y)
    if order == 1:
        norm = r.sum(size, axes, keepdims=True)
    else:
        # Scaled by the largest element, so that no power under- or overflows.
        largest = e.maximum(r.amax(size, axes, keepdims=True), epsilon)
        norm = largest
        if order != math.inf:
            total = r.sum(e.power(e.divide(size, stop_gradient(largest)), float(order)), axes, keepdims=True)
            norm = e.multiply(stop_gradient(largest), e.power(e.maximum(total, 1e-30), 1 / order))
    return _back(e.divide(y, e.maximum(norm, epsilon)), x)

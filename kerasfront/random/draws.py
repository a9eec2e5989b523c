"""The public random functions. `seed` is an integer (the same numbers at every call), a SeedGenerator, or None."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np

from kerasfront import ops, settings
from kerasfront.errors import ShapeError
from kerasfront.ops import _draws
from kerasfront.ops.declare import INTERNAL, Array, derived, public, sample
from kerasfront.ops.declare.bodies import as_tensor, dims_of, rank_of
from kerasfront.random import portable
from kerasfront.random.seed_generator import Seed, draw_seed
from kerasfront.spec import dtypes, shapes, unknown
from kerasfront.spec.dtypes import FLOATING, SAME
from kerasfront.typing import DTypeLike, Tensor, TensorLike


def _by() -> Any:
    """Who draws: the backend, or what is the same on all."""
    return portable if settings.rng() == "portable" else _draws


def _shape_only(out: Any, *args: Any, **kwargs: Any) -> Any:
    return np.array(out.shape)


def _float(function: str, dtype: Any) -> str:
    name = dtypes.standardize(dtype)
    if not dtypes.is_float(name):
        raise ValueError(f"random.{function} needs a floating point `dtype`, got {name}.")
    return name


def _int(function: str, dtype: Any) -> str:
    name = dtypes.standardize(dtype)
    if not dtypes.is_int(name):
        raise ValueError(f"random.{function} needs an integer `dtype`, got {name}.")
    return name


def _shape(shape: Any) -> Any:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def _number(x: TensorLike) -> TypeGuard[float]:
    return isinstance(x, (int, float, np.number))


@public("random")
def normal(
    shape: Sequence[int],
    mean: TensorLike = 0.0,
    stddev: TensorLike = 1.0,
    dtype: DTypeLike | None = None,
    seed: Seed = None,
) -> Tensor:
    """Draw from the normal distribution.

    Args:
        shape: The shape of the result.
        mean: The mean: a number, or a tensor that broadcasts to `shape`.
        stddev: The standard deviation, likewise.
        dtype: A float dtype; None means `floatx()`.
        seed: An integer, a `SeedGenerator`, or None for the global one.

    Returns:
        A tensor of `shape` and `dtype`.

    Raises:
        ValueError: `dtype` is no float dtype, or `seed` is something else.

    >>> import kerasfront as keras
    >>> keras.random.normal((2, 3), seed=1).shape == (2, 3)
    True
    """
    name = _float("normal", dtype)
    key = draw_seed(seed)
    if _number(mean) and _number(stddev):
        return _by().normal(key, _shape(shape), float(mean), float(stddev), name)
    return _scaled(_by().normal(key, _shape(shape), 0.0, 1.0, name), mean, stddev, name)


@public("random")
def truncated_normal(
    shape: Sequence[int],
    mean: TensorLike = 0.0,
    stddev: TensorLike = 1.0,
    dtype: DTypeLike | None = None,
    seed: Seed = None,
) -> Tensor:
    """Draw from the normal distribution cut off at two standard deviations: none lies further from the mean.

    Args:
        shape: The shape of the result.
        mean: The mean: a number, or a tensor that broadcasts to `shape`.
        stddev: The standard deviation before the cut, likewise.
        dtype: A float dtype; None means `floatx()`.
        seed: An integer, a `SeedGenerator`, or None for the global one.

    Returns:
        A tensor of `shape` and `dtype`.

    Raises:
        ValueError: `dtype` is no float dtype, or `seed` is something else.

    >>> import kerasfront as keras
    >>> x = keras.ops.convert_to_numpy(keras.random.truncated_normal((100,), seed=1))
    >>> bool(abs(x).max() <= 2)
    True
    """
    name = _float("truncated_normal", dtype)
    key = draw_seed(seed)
    if _number(mean) and _number(stddev):
        return _by().truncated_normal(key, _shape(shape), float(mean), float(stddev), name)
    return _scaled(_by().truncated_normal(key, _shape(shape), 0.0, 1.0, name), mean, stddev, name)


@public("random")
def uniform(
    shape: Sequence[int],
    minval: TensorLike = 0.0,
    maxval: TensorLike = 1.0,
    dtype: DTypeLike | None = None,
    seed: Seed = None,
) -> Tensor:
    """Draw numbers that are uniform between minval (included) and maxval (excluded, up to rounding).

    Args:
        shape: The shape of the result.
        minval: The lower bound: a number, or a tensor that broadcasts to `shape`.
        maxval: The upper bound, likewise.
        dtype: A float dtype; None means `floatx()`. For integers there is `randint`.
        seed: An integer, a `SeedGenerator`, or None for the global one.

    Returns:
        A tensor of `shape` and `dtype`.

    Raises:
        ValueError: `dtype` is no float dtype, or `seed` is something else.

    >>> import kerasfront as keras
    >>> x = keras.ops.convert_to_numpy(keras.random.uniform((100,), 2.0, 3.0, seed=1))
    >>> bool(x.min() >= 2 and x.max() <= 3)
    True
    """
    name = _float("uniform", dtype)
    key = draw_seed(seed)
    if _number(minval) and _number(maxval):
        return _by().uniform(key, _shape(shape), float(minval), float(maxval), name)
    width = ops.subtract(ops.cast(maxval, name), ops.cast(minval, name))
    return _scaled(_by().uniform(key, _shape(shape), 0.0, 1.0, name), minval, width, name)


def _scaled(x: Any, offset: Any, scale: Any, dtype: str) -> Any:
    return x * ops.cast(scale, dtype) + ops.cast(offset, dtype)


@public("random")
def randint(
    shape: Sequence[int], minval: TensorLike, maxval: TensorLike, dtype: DTypeLike = "int32", seed: Seed = None
) -> Tensor:
    """Return integers that are uniform from minval (included) to maxval (excluded).

    Args:
        shape: The shape of the result.
        minval: The lower bound: a number, or an integer tensor that broadcasts to `shape`.
        maxval: The upper bound, likewise.
        dtype: An integer dtype.
        seed: An integer, a `SeedGenerator`, or None for the global one.

    Returns:
        A tensor of `shape` and `dtype`.

    Raises:
        ValueError: `dtype` is no integer dtype, the range is empty, or `seed` is something else.

    >>> import kerasfront as keras
    >>> x = keras.ops.convert_to_numpy(keras.random.randint((100,), 3, 5, seed=1))
    >>> sorted(set(x.tolist()))
    [3, 4]
    """
    name = _int("randint", dtype)
    if not (_number(minval) and _number(maxval)):
        low, high = ops.cast(minval, "int32"), ops.cast(maxval, "int32")
        draws = _by().randint(draw_seed(seed), _shape(shape), 0, 2**31 - 1, "int32")
        return ops.cast(low + ops.mod(draws, high - low), name)
    if not minval < maxval:
        raise ValueError(f"Expected `minval` below `maxval`, got {minval} and {maxval}.")
    return _by().randint(draw_seed(seed), _shape(shape), int(minval), int(maxval), name)


@public("random")
def categorical(logits: TensorLike, num_samples: int, dtype: DTypeLike = "int32", seed: Seed = None) -> Tensor:
    """Draw class indices by their unnormalized log-probabilities.

    Args:
        logits: A tensor of shape (batch, classes); a class of -inf is never drawn. Where a whole row is -inf, nothing
            can be drawn, and the result is 0.
        num_samples: How many draws for each row.
        dtype: An integer dtype.
        seed: An integer, a `SeedGenerator`, or None for the global one.

    Returns:
        A tensor of shape (batch, num_samples) and of `dtype`.

    Raises:
        ValueError: `logits` is no matrix, or `dtype` is no integer dtype.

    >>> import kerasfront as keras
    >>> inf = float("inf")
    >>> keras.ops.convert_to_numpy(keras.random.categorical([[-inf, 0.0, -inf]], 4, seed=1)).tolist()
    [[1, 1, 1, 1]]
    """
    return _categorical(logits, num_samples, _int("categorical", dtype), seed)


@derived(
    name="random.categorical",
    canonical=_shape_only,
    dtype=FLOATING,
    samples=(sample(Array((2, 3)), 4, "int32", 7),),
    differentiable=False,
    spaces=INTERNAL,
)
def _categorical(logits: TensorLike, num_samples: int, dtype: str, seed: Seed) -> Tensor:
    """Return the draw that `random.categorical` makes, with its arguments checked and of one dtype."""
    if rank_of(logits) != 2:
        raise ShapeError(f"Expected `logits` of shape (batch, classes), got {tuple(dims_of(logits))}.")
    return _by().categorical(draw_seed(seed), logits, num_samples, dtype)


@derived(
    name="random.dropout",
    canonical=_shape_only,
    dtype=FLOATING,
    samples=(sample(Array((2, 3)), 0.5, seed=7),),
    differentiable=False,
    spaces=("random",),
)
def dropout(
    inputs: TensorLike, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Seed = None
) -> Tensor:
    """Set elements to zero at random, and divides the others by `1 - rate`, so that the expectation stays.

    Args:
        inputs: A float tensor.
        rate: The probability of a zero, from 0 to 1.
        noise_shape: A shape that broadcasts to that of `inputs`: elements that share a place in it are dropped
            together. None in it means the size of the inputs there.
        seed: An integer, a `SeedGenerator`, or None for the global one.

    Returns:
        A tensor like `inputs`.

    Raises:
        ValueError: `rate` is out of its range, or `noise_shape` doesn't broadcast.

    Reference: Srivastava et al. (2014), "Dropout: a simple way to prevent neural networks from overfitting".

    >>> import kerasfront as keras
    >>> x = keras.random.dropout(keras.ops.ones((1000,)), 0.5, seed=1)
    >>> sorted(set(keras.ops.convert_to_numpy(x).tolist()))
    [0.0, 2.0]
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"Expected `rate` between 0 and 1, got {rate}.")
    if rate in (0, 1):
        return as_tensor(inputs) if rate == 0 else ops.zeros_like(inputs)
    return _by().dropout(draw_seed(seed), inputs, float(rate), _noise_shape(inputs, noise_shape))


def _noise_shape(inputs: Any, noise_shape: Any) -> Any:
    """Return the noise shape, resolved; None where it is the inputs' own."""
    if noise_shape is None:
        return None
    own = ops.shape(inputs)
    target = tuple(noise_shape)
    if len(target) > len(own):
        raise ShapeError(f"Expected `noise_shape` to broadcast to the shape {tuple(own)}, got {target}.")
    target = (1,) * (len(own) - len(target)) + target
    out = tuple(size if n is None else n for n, size in zip(target, own, strict=True))
    if any(isinstance(n, int) and isinstance(d, int) and n not in (1, d) for n, d in zip(out, own, strict=True)):
        raise ShapeError(f"Expected `noise_shape` to broadcast to the shape {tuple(own)}, got {tuple(noise_shape)}.")
    return out


@derived(
    name="random.shuffle",
    canonical=_shape_only,
    dtype=SAME,
    samples=(sample(Array((4, 3)), -1, 7),),
    differentiable=False,
    spaces=("random",),
)
def shuffle(x: TensorLike, axis: int = 0, seed: Seed = None) -> Tensor:
    """Put the slices of x along `axis` into a random order; each slice stays as it is.

    Args:
        x: A tensor of rank 1 or more.
        axis: The axis that is shuffled; it may be negative.
        seed: An integer, a `SeedGenerator`, or None for the global one.

    Returns:
        A tensor like `x`.

    Raises:
        ValueError: `x` has no such axis.

    >>> import kerasfront as keras
    >>> x = keras.random.shuffle([[1, 2, 3], [4, 5, 6]], axis=-1, seed=1)
    >>> sorted(zip(*keras.ops.convert_to_numpy(x).tolist()))
    [(1, 4), (2, 5), (3, 6)]
    """
    return _by().shuffle(draw_seed(seed), x, shapes.axis_of(axis, rank_of(x)))


@public("random")
def gamma(shape: Sequence[int], alpha: TensorLike, dtype: DTypeLike | None = None, seed: Seed = None) -> Tensor:
    """Draw from the gamma distribution of shape parameter alpha and scale 1.

    Args:
        shape: The shape of the result.
        alpha: A positive number, or a tensor of them that broadcasts to `shape`.
        dtype: A float dtype; None means `floatx()`.
        seed: An integer, a `SeedGenerator`, or None for the global one.

    Returns:
        A tensor of `shape` and `dtype`. Gradients flow to alpha (implicit reparameterization).

    Raises:
        ValueError: `dtype` is no float dtype, or alpha doesn't broadcast to `shape`.

    >>> import kerasfront as keras
    >>> x = keras.ops.convert_to_numpy(keras.random.gamma((2, 3), alpha=2.0, seed=1))
    >>> x.shape, bool((x > 0).all())
    ((2, 3), True)
    """
    return _gamma(ops.cast(alpha, _float("gamma", dtype)), _shape(shape), seed)


@derived(
    name="random.gamma",
    canonical=_shape_only,
    dtype=FLOATING,
    samples=(sample(Array((3,), 0.5, 2.0), (2, 3), 7),),
    differentiable=False,
    spaces=INTERNAL,
)
def _gamma(alpha: TensorLike, shape: Sequence[int], seed: Seed) -> Tensor:
    """Return the draw that `random.gamma` makes, with its arguments checked and of one dtype."""
    _broadcasts("alpha", alpha, shape)
    return _by().gamma(draw_seed(seed), shape, alpha)


def _broadcasts(name: str, x: Any, shape: Any) -> None:
    dims = zip(reversed(x.shape), reversed(shape), strict=False)
    if len(x.shape) > len(shape) or any(isinstance(n, int) and d not in (1, n) and not unknown(d) for d, n in dims):
        raise ShapeError(f"Expected `{name}` to broadcast to the shape {tuple(shape)}, got {tuple(x.shape)}.")


@public("random")
def beta(
    shape: Sequence[int], alpha: TensorLike, beta: TensorLike, dtype: DTypeLike | None = None, seed: Seed = None
) -> Tensor:
    """Draw from the beta distribution.

    Args:
        shape: The shape of the result.
        alpha: The first parameter: a positive number, or a tensor of them that broadcasts to `shape`.
        beta: The second parameter, likewise.
        dtype: A float dtype; None means `floatx()`.
        seed: An integer, a `SeedGenerator`, or None for the global one.

    Returns:
        A tensor of `shape` and `dtype`, with values from 0 to 1.

    Raises:
        ValueError: `dtype` is no float dtype, or a parameter doesn't broadcast to `shape`.

    >>> import kerasfront as keras
    >>> x = keras.ops.convert_to_numpy(keras.random.beta((100,), 0.5, 0.5, seed=1))
    >>> bool(x.min() >= 0 and x.max() <= 1)
    True
    """
    name = _float("beta", dtype)
    return _beta(ops.cast(alpha, name), ops.cast(beta, name), _shape(shape), seed)


@derived(name="random.beta", canonical=_shape_only, dtype=FLOATING, differentiable=False, dtypes_tested=dtypes.FLOATS,
         samples=(sample(Array((3,), 0.5, 2.0), Array((), 0.5, 2.0), (2, 3), 7),), spaces=INTERNAL)  # fmt: skip
def _beta(alpha: TensorLike, beta: TensorLike, shape: Sequence[int], seed: Seed) -> Tensor:
    """Return the draw that `random.beta` makes, with its arguments checked and of one dtype."""
    _broadcasts("alpha", alpha, shape)
    _broadcasts("beta", beta, shape)
    return _by().beta(draw_seed(seed), shape, alpha, beta)


@public("random")
def binomial(
    shape: Sequence[int],
    counts: TensorLike,
    probabilities: TensorLike,
    dtype: DTypeLike | None = None,
    seed: Seed = None,
) -> Tensor:
    """Draw from the binomial distribution: how many of `counts` trials succeed.

    Args:
        shape: The shape of the result.
        counts: The number of trials: a number, or a tensor that broadcasts to `shape`.
        probabilities: The probability of success, from 0 to 1, likewise.
        dtype: A float dtype; None means `floatx()`.
        seed: An integer, a `SeedGenerator`, or None for the global one.

    Returns:
        A tensor of `shape` and `dtype`, with whole numbers.

    Raises:
        ValueError: `dtype` is no float dtype, or a parameter doesn't broadcast to `shape`.

    >>> import kerasfront as keras
    >>> x = keras.ops.convert_to_numpy(keras.random.binomial((100,), 3, 0.5, seed=1))
    >>> sorted(set(x.tolist()))
    [0.0, 1.0, 2.0, 3.0]
    """
    name = _float("binomial", dtype)
    return _binomial(ops.cast(counts, name), ops.cast(probabilities, name), _shape(shape), seed)


@derived(name="random.binomial", canonical=_shape_only, dtype=FLOATING, differentiable=False,
         samples=(sample(Array((3,), 1.0, 9.0), Array((), 0.1, 0.9), (2, 3), 7),), spaces=INTERNAL)  # fmt: skip
def _binomial(counts: TensorLike, probabilities: TensorLike, shape: Sequence[int], seed: Seed) -> Tensor:
    """Return the draw that `random.binomial` makes, with its arguments checked and of one dtype."""
    _broadcasts("counts", counts, shape)
    _broadcasts("probabilities", probabilities, shape)
    return _by().binomial(draw_seed(seed), shape, counts, probabilities)

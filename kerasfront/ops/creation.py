"""Tensors from nothing, or from a shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy as np

from kerasfront import settings
from kerasfront.errors import DTypeError, ShapeError
from kerasfront.ops import elementwise as e
from kerasfront.ops.core import cast, convert_to_tensor, dtype_of, is_open, is_tensor
from kerasfront.ops.declare import INTERNAL, MAPS_VALUES, NUMPY, Array, Unconverted, derived, primitive, public, sample
from kerasfront.ops.declare.bodies import dims_of, rank_of
from kerasfront.ops.shaping import broadcast_to, expand_dims, moveaxis, reshape
from kerasfront.spec import dtypes, shapes
from kerasfront.spec.dtypes import ASKED, FLOATING, LIKE
from kerasfront.typing import DTypeLike, Tensor, TensorLike


@primitive(shape=shapes.given, dtype=ASKED, samples=(sample((2, 3)), sample((), "int32")), spaces=NUMPY)
def zeros(shape: int | Sequence[int], dtype: DTypeLike | None = None) -> Tensor:
    """Return zeros of `shape`; dtype None means `floatx()`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.zeros((2,))).tolist()
    [0.0, 0.0]
    """


@primitive(shape=shapes.given, dtype=ASKED, samples=(sample((2, 3)), sample((), "int32")), spaces=NUMPY)
def ones(shape: int | Sequence[int], dtype: DTypeLike | None = None) -> Tensor:
    """Return ones of `shape`; dtype None means `floatx()`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.ones((2,))).tolist()
    [1.0, 1.0]
    """


@primitive(
    shape=shapes.same,
    dtype=LIKE,
    samples=(sample(Array((2, 3))),),
    ref=np.zeros_like,
    composite=MAPS_VALUES,
    spaces=NUMPY,
)
def zeros_like(x: TensorLike, dtype: DTypeLike | None = None) -> Tensor:
    """Return zeros of x's shape and (where dtype is None) dtype.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.zeros_like([5, 6])).tolist()
    [0, 0]
    """


@primitive(
    shape=shapes.same,
    dtype=LIKE,
    samples=(sample(Array((2, 3))),),
    ref=np.ones_like,
    composite=MAPS_VALUES,
    spaces=NUMPY,
)
def ones_like(x: TensorLike, dtype: DTypeLike | None = None) -> Tensor:
    """Return ones of x's shape and (where dtype is None) dtype.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.ones_like([5, 6])).tolist()
    [1, 1]
    """


@primitive(
    shape=shapes.given, dtype=ASKED, samples=(sample((2, 3), 1.5, "float32"), sample((), 2, "int32")), spaces=INTERNAL
)
def full_of(shape: int | Sequence[int], fill_value: TensorLike, dtype: DTypeLike) -> Tensor:
    """Return `fill_value`, broadcast to `shape`. `full` calls this."""


@derived(
    samples=(sample((2, 3), 1.5), sample((), 2, "int32"), sample((2, 3), Array((3,)), "float32")),
    differentiable=False,
    spaces=NUMPY,
)
def full(shape: int | Sequence[int], fill_value: TensorLike, dtype: DTypeLike | None = None) -> Tensor:
    """Return a tensor of `shape` filled with `fill_value`, a scalar or a tensor that broadcasts.

    A dtype of None means `floatx()`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.full((2,), 3)).tolist()
    [3.0, 3.0]
    """
    return full_of(shape, fill_value, settings.floatx() if dtype is None else dtype)


@derived(samples=(sample(Array((2, 3)), 2), sample(Array((2, 3)), 2, "int32")), differentiable=False, spaces=NUMPY)
def full_like(x: TensorLike, fill_value: Unconverted, dtype: DTypeLike | None = None) -> Tensor:
    """Return a tensor of x's shape and (where dtype is None) dtype, filled with `fill_value`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.full_like([1, 2], 7)).tolist()
    [7, 7]
    """
    return e.add(zeros_like(x, dtype), cast(convert_to_tensor(fill_value), dtype_of(x) if dtype is None else dtype))


empty = zeros
empty_like = zeros_like


def _is_integral(value: Any) -> bool:
    if hasattr(value, "dtype"):
        return not dtypes.is_float(dtypes.standardize(value.dtype))
    return isinstance(value, int)


def _count(start: Any, stop: Any, step: Any, dtype: Any) -> tuple[int, ...]:
    if step == 0:
        raise ShapeError("Expected a `step` other than 0.")
    if all(isinstance(v, int) for v in (start, stop, step)):
        return (max(0, -(-(stop - start) // step)),)
    return (max(0, int(np.ceil((stop - start) / step))),)


@primitive(
    shape=_count,
    dtype=ASKED,
    samples=(sample(0, 5, 1, "int32"), sample(1.0, 0.0, -0.25, "float32"), sample(3, 3, 1, "int32")),
    spaces=INTERNAL,
)
def arange_of(start: Unconverted, stop: Unconverted, step: Unconverted, dtype: DTypeLike) -> Tensor:
    """Return `start`, `start + step`, ... up to but without `stop`. `arange` calls this."""


@public("ops", "ops.numpy")
def arange(
    start: Unconverted, stop: Unconverted | None = None, step: Unconverted | None = None, dtype: DTypeLike | None = None
) -> Tensor:
    """Return `start`, `start + step`, ... up to but without `stop`.

    Args:
        start: The first value; where stop is None: the end, and the first value is 0.
        stop: The end, which isn't reached.
        step: The distance; None: 1.
        dtype: None: int32 where all are integers, else `floatx()`.

    Raises:
        ShapeError: The step is 0.

    In a graph of TensorFlow they may be scalar tensors.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.arange(3)).tolist(), ops.convert_to_numpy(ops.arange(1.0, 2.0, 0.5)).tolist()
    ([0, 1, 2], [1.0, 1.5])
    """
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    if isinstance(step, (int, float)) and step == 0:
        raise ShapeError("Expected a `step` other than 0.")
    if dtype is None:
        dtype = "int32" if all(map(_is_integral, (start, stop, step))) else settings.floatx()
    return arange_of(start, stop, step, dtype)


def _weights(num: Any, endpoint: bool) -> Any:
    if is_open(num):
        parts = e.subtract(num, 1) if endpoint else num
        return e.divide(arange(num), e.maximum(parts, 1))
    return np.linspace(0.0, 1.0, num, endpoint=endpoint)


_LINES = (
    sample(0, 1, 5),
    sample(2.0, -1.0, 4, False),
    sample(Array((3,)), Array((3,)), 4, axis=-1),
    sample(1, 2, 1),
    sample(1, 2, 0),
)


@overload
def linspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: Literal[False] = False,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Tensor: ...
@overload
def linspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    *,
    retstep: Literal[True],
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> tuple[Tensor, Tensor]: ...


@derived(dtype=FLOATING, samples=_LINES, ref=np.linspace, spaces=NUMPY)
def linspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Tensor | tuple[Tensor, Tensor]:
    """Return `num` values from `start` to `stop`, evenly spaced.

    Args:
        start: The first value: a scalar, or a tensor.
        stop: The last value, or the first after the end unless `endpoint`.
        num: How many.
        endpoint: Whether `stop` is one of them.
        retstep: Whether the distance is returned too.
        dtype: None: the floating dtype of start and stop. Integers are rounded down.
        axis: Where the new axis goes, for tensors.

    Returns:
        The values; with `retstep`, a pair of them and the distance.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.linspace(0, 1, 3)).tolist()
    [0.0, 0.5, 1.0]
    """
    if not is_open(num) and (not isinstance(num, int) or num < 0):
        raise ShapeError(f"Expected `num` to be an integer not below 0, got {num!r}.")
    start, stop = convert_to_tensor(start), convert_to_tensor(stop)
    name = dtypes.floating(dtype_of(start), dtype_of(stop))
    gap = e.subtract(stop, start)
    rank = len(gap.shape)
    weights = reshape(convert_to_tensor(_weights(num, endpoint), name), (-1,) + (1,) * rank)
    # Weighted in this way, both ends are exact.
    values = e.add(e.multiply(start, e.subtract(1, weights)), e.multiply(stop, weights))
    values = moveaxis(values, 0, axis) if rank else values
    if dtype is not None:
        values = cast(e.floor(values) if dtypes.is_int(dtypes.standardize(dtype)) else values, dtype)
    if not retstep:
        return values
    parts: Any = num - 1 if endpoint else num
    if is_open(num):
        return values, e.divide(gap, cast(parts, name))
    return values, e.divide(gap, parts) if parts > 0 else e.multiply(gap, float("nan"))


@derived(dtype=FLOATING, samples=(sample(0, 2, 3), sample(0.0, 1.0, 4, False, 2)), ref=np.logspace, spaces=NUMPY)
def logspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Tensor:
    """Return `base` raised to `num` evenly spaced values from `start` to `stop`; the arguments are those of `linspace`.

    >>> from kerasfront import ops
    >>> [round(float(v), 3) for v in ops.convert_to_numpy(ops.logspace(0, 2, 3))]
    [1.0, 10.0, 100.0]
    """
    out = e.power(float(base), linspace(start, stop, num, endpoint, axis=axis))
    return out if dtype is None else cast(out, dtype)


@derived(
    dtype=FLOATING,
    samples=(sample(1, 1000, 4), sample(-1.0, -8.0, 4), sample(1.0, 16.0, 4, False)),
    ref=np.geomspace,
    spaces=NUMPY,
)
def geomspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Tensor:
    """Return `num` values from `start` to `stop`, each the same multiple of the one before.

    Both are of one sign and not 0; else the values are nan. The arguments are those of `linspace`.

    >>> from kerasfront import ops
    >>> [round(float(v), 3) for v in ops.convert_to_numpy(ops.geomspace(1, 100, 3))]
    [1.0, 10.0, 100.0]
    """
    start, stop = convert_to_tensor(start), convert_to_tensor(stop)
    sign = e.sign(start)
    if len(sign.shape) < len(stop.shape):
        sign = broadcast_to(sign, stop.shape)
    powers = linspace(e.log(e.multiply(start, sign)), e.log(e.multiply(stop, sign)), num, endpoint, axis=axis)
    out = e.multiply(e.exp(powers), expand_dims(sign, axis) if len(sign.shape) else sign)
    return out if dtype is None else cast(out, dtype)


# ---- matrices -----------------------------------------------------------------------------------------------------


def _whole(value: Any, name: str) -> Any:
    if is_open(value):
        return value
    if isinstance(value, (bool, float)) or not hasattr(value, "__index__"):
        raise DTypeError(f"Expected `{name}` to be an integer, got {value!r}.")
    return int(value)


def _matrix(make: Any, rows: Any, columns: Any, k: Any, dtype: Any) -> Any:
    n = _whole(rows, "N")
    m = n if columns is None else _whole(columns, "M")
    if any(isinstance(d, int) and d < 0 for d in (n, m)):
        raise ShapeError(f"Expected a matrix of no less than 0 rows and columns, got {n} and {m}.")
    at = e.subtract(expand_dims(arange(m), 0), expand_dims(arange(n), 1))
    return cast(make(at, _whole(k, "k")), settings.floatx() if dtype is None else dtype)


@derived(samples=(sample(3), sample(2, 4, 1), sample(3, 2, -1, "int32")), spaces=NUMPY)
def eye(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike | None = None) -> Tensor:
    """Return a matrix of N rows and M (None: N) columns with ones on the `k`-th diagonal and zeros elsewhere.

    Raises:
        TypeError: N, M or k is no integer.
        ShapeError: N or M is negative.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.eye(2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return _matrix(e.equal, N, M, k, dtype)


@derived(samples=(sample(3), sample(2, "int32")), spaces=NUMPY)
def identity(n: int, dtype: DTypeLike | None = None) -> Tensor:
    """Return the identity matrix of n rows.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.identity(2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return _matrix(e.equal, n, None, 0, dtype)


@derived(samples=(sample(3), sample(2, 4, 1), sample(3, 2, -1, "int32")), spaces=NUMPY)
def tri(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike | None = None) -> Tensor:
    """Return a matrix of N rows and M (None: N) columns with ones at and below the `k`-th diagonal and zeros above.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.tri(2, 3)).tolist()
    [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]
    """
    return _matrix(e.less_equal, N, M, k, dtype)


@derived(samples=(sample(Array((3,), 1, 3)), sample(Array((3,), 1, 3), 2, True)), ref=np.vander, spaces=NUMPY)
def vander(x: TensorLike, N: int | None = None, increasing: bool = False) -> Tensor:
    """Return the matrix of the powers of a vector's elements, from N - 1 (None: its length - 1) down to 0, or up.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.vander([1, 2, 3])).tolist()
    [[1, 1, 1], [4, 2, 1], [9, 3, 1]]
    """
    if rank_of(x) != 1:
        raise ShapeError(f"vander needs a vector, got the shape {tuple(dims_of(x))}.")
    n = shapes.known(dims_of(x)[0], "The length of x (or N)") if N is None else N
    if isinstance(n, int) and n < 0:
        raise ShapeError(f"Expected `N` not to be negative, got {n}.")
    powers = arange(n) if increasing else arange(n - 1, -1, -1)
    return cast(e.power(expand_dims(x, 1), cast(powers, dtype_of(x))), dtype_of(x))


def _mesh(x: Any, position: int, rank: int) -> Any:
    return reshape(x, (1,) * position + (-1,) + (1,) * (rank - position - 1))


@derived(
    samples=(
        sample(Array((2,)), Array((3,))),
        sample(Array((2,)), Array((3,)), Array((4,)), indexing="ij"),
        sample(Array((2,))),
    ),
    spaces=NUMPY,
)
def meshgrid(*x: TensorLike, indexing: Literal["xy", "ij"] = "xy") -> list[Tensor]:
    """Return each vector (scalars and tensors are flattened) spread over the grid that they span together.

    Args:
        *x: The coordinates along each axis.
        indexing: "xy" swaps the first two axes of the grid, "ij" does not.

    Returns:
        A list of as many tensors, all of the grid's shape, each of its vector's dtype.

    >>> from kerasfront import ops
    >>> [g.shape for g in ops.meshgrid(ops.arange(2), ops.arange(3))] == [(3, 2), (3, 2)]
    True
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"Expected `indexing` to be 'xy' or 'ij', got {indexing!r}.")
    rank = len(x)
    order = list(range(rank))
    if indexing == "xy" and rank > 1:
        order[:2] = [1, 0]
    columns = [_mesh(v, order[i], rank) for i, v in enumerate(x)]
    return [_spread(c, columns) for c in columns]


def _spread(column: Any, columns: list[Any]) -> Any:
    for other in columns:
        if other is not column:
            column = e.add(column, zeros_like(other, dtype_of(column)))
    return column


# ---- windows ------------------------------------------------------------------------------------------------------


def _window(function: Any, x: Any, *args: Any) -> Any:
    length = int(reshape(x, ())) if is_tensor(x) else _whole(x, "x")
    return convert_to_tensor(np.asarray(function(length, *args), "float64"), settings.floatx())


@public("ops", "ops.numpy")
def bartlett(x: TensorLike) -> Tensor:
    """Return the Bartlett window, a triangle that is 0 at both ends: a vector of length x and dtype `floatx()`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.bartlett(5)).tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    return _window(np.bartlett, x)


@public("ops", "ops.numpy")
def blackman(x: TensorLike) -> Tensor:
    """Return the Blackman window, a sum of three cosines: a vector of length x and dtype `floatx()`.

    >>> from kerasfront import ops
    >>> [round(x, 2) + 0.0 for x in ops.convert_to_numpy(ops.blackman(3)).tolist()]
    [0.0, 1.0, 0.0]
    """
    return _window(np.blackman, x)


@public("ops", "ops.numpy")
def hamming(x: TensorLike) -> Tensor:
    """Return the Hamming window, `0.54 - 0.46 cos`: a vector of length x and dtype `floatx()`.

    >>> from kerasfront import ops
    >>> [round(x, 2) for x in ops.convert_to_numpy(ops.hamming(3)).tolist()]
    [0.08, 1.0, 0.08]
    """
    return _window(np.hamming, x)


@public("ops", "ops.numpy")
def hanning(x: TensorLike) -> Tensor:
    """Return the Hann window, `0.5 - 0.5 cos`: a vector of length x and dtype `floatx()`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.hanning(3)).tolist()
    [0.0, 1.0, 0.0]
    """
    return _window(np.hanning, x)


@public("ops", "ops.numpy")
def kaiser(x: TensorLike, beta: float) -> Tensor:
    """Return the Kaiser window of the shape parameter beta: a vector of length x and dtype `floatx()`.

    >>> from kerasfront import ops
    >>> [round(x, 2) for x in ops.convert_to_numpy(ops.kaiser(3, 2.0)).tolist()]
    [0.44, 1.0, 0.44]
    """
    return _window(np.kaiser, x, float(beta))

"""Reductions: an axis (None: all, a number, or several) goes, or stays with size 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasfront.errors import ShapeError
from kerasfront.ops import elementwise as e
from kerasfront.ops.core import cast, dtype_of, stop_gradient
from kerasfront.ops.core import shape as shape_of
from kerasfront.ops.creation import full, zeros_like
from kerasfront.ops.declare import INTERNAL, NUMPY, REDUCES, Array, Indices, derived, primitive, reductions, sample
from kerasfront.ops.declare.bodies import dims_of, rank_of
from kerasfront.ops.elementwise import select_where, sqrt, square
from kerasfront.ops.indexing import get_item
from kerasfront.ops.shaping import concatenate, reshape, transpose
from kerasfront.spec import dtypes, shapes
from kerasfront.spec.dtypes import FLOATING, INT32, LOGICAL, SUMMED
from kerasfront.typing import Axis, DTypeLike, Tensor, TensorLike


@primitive(shape=shapes.reduce, dtype=SUMMED, samples=reductions(), ref=np.sum, composite=REDUCES, spaces=NUMPY)
def sum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the sum over `axis`. Booleans and narrow integers are summed, and returned, in 32 bits.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.sum([[1, 2], [3, 4]], axis=0)).tolist()
    [4, 6]
    """


@primitive(
    shape=shapes.reduce,
    dtype=SUMMED,
    samples=reductions(),
    ref=np.prod,
    name="product",
    composite=REDUCES,
    spaces=INTERNAL,
)
def product(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the product over `axis`; what `prod` calls."""


@primitive(
    shape=shapes.reduce, dtype=FLOATING, samples=reductions(empty=False), ref=np.mean, composite=REDUCES, spaces=NUMPY
)
def mean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the arithmetic mean over `axis`; integers give floats (`floatx()`).

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.mean([[1.0, 2.0], [3.0, 6.0]], axis=1)).tolist()
    [1.5, 4.5]
    """


def _of_some(x: Any, axis: Any = None, keepdims: bool = False) -> shapes.Shape:
    out = shapes.reduce(x, axis, keepdims)
    if 0 in [x.shape[a] for a in shapes.axes_of(axis, len(x.shape))]:
        raise ShapeError(f"There is no largest or smallest of no elements: axis={axis} of the shape {tuple(x.shape)}.")
    return out


@derived(
    dtype=FLOATING,
    samples=(
        sample(Array((3, 4)), Array((3, 4), -3.0, 1.0)),
        sample(Array((2, 3, 4)), Array((3, 1), -3.0, 1.0)),
        sample(Array(()), Array(())),
    ),
    ref=lambda x1, x2: np.mean(np.square(x1 - x2)),
    spaces=INTERNAL,
)
def mean_squared_difference(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return the mean of `(x1 - x2)**2` over everything: what frameworks have as a loss, in one call.

    >>> from kerasfront.ops.reduce import mean_squared_difference
    >>> float(mean_squared_difference([1.0, 2.0], [1.0, 4.0]))
    2.0
    """
    return mean(square(e.subtract(x1, x2)))


@primitive(shape=_of_some, samples=reductions(empty=False), ref=np.max, composite=REDUCES, spaces=NUMPY)
def amax(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the largest element over `axis`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.amax([[1, 5], [3, 2]], axis=0)).tolist()
    [3, 5]
    """


@primitive(shape=_of_some, samples=reductions(empty=False), ref=np.min, composite=REDUCES, spaces=NUMPY)
def amin(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the smallest element over `axis`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.amin([[1, 5], [3, 2]], axis=0)).tolist()
    [1, 2]
    """


@primitive(shape=shapes.reduce, dtype=INT32, samples=reductions(empty=False)[:2], spaces=NUMPY)
def argmax(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return the index (int32) of the largest element along `axis`, the first of several.

    An axis of None means that of the flattened x.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.argmax([[1, 5], [3, 2]], axis=1)).tolist()
    [1, 0]
    """


@derived(
    dtype=dtypes.LIKE,
    samples=(
        sample(
            Array(values=[1, 0, 3], dtype="int32"), Array(values=[[0, 2, 1, 0], [1, 1, 0, 0], [4, 0, 0, 0]]), "float32"
        ),
        sample(Array((2, 5), 0, 3, "int64"), Array((2, 5, 4)), "int32"),
    ),
    spaces=INTERNAL,
)
def count_argmax(index: Indices, x: TensorLike, dtype: DTypeLike = "int32") -> Tensor:
    """Return how often the largest element along the last axis of x is at `index`: the right answers, in one call.

    >>> from kerasfront.ops.reduce import count_argmax
    >>> int(count_argmax([1, 0], [[1, 5], [2, 3]]))
    1
    """
    return sum(cast(e.equal(cast(index, "int32"), argmax(x, -1)), dtype))


@primitive(shape=shapes.reduce, dtype=INT32, samples=reductions(empty=False)[:2], spaces=NUMPY)
def argmin(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return the index (int32) of the smallest element along `axis`, the first of several.

    An axis of None means that of the flattened x.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.argmin([[1, 5], [3, 2]], axis=1)).tolist()
    [0, 1]
    """


@primitive(shape=shapes.reduce, dtype=LOGICAL, samples=reductions(), ref=np.any, composite=REDUCES, spaces=NUMPY)
def any(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return whether any element over `axis` is true (not 0).

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.any([[0, 0], [0, 1]], axis=1)).tolist()
    [False, True]
    """


@primitive(shape=shapes.reduce, dtype=LOGICAL, samples=reductions(), ref=np.all, composite=REDUCES, spaces=NUMPY)
def all(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return whether all elements over `axis` are true (not 0).

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.all([[1, 0], [1, 1]], axis=1)).tolist()
    [False, True]
    """


@derived(dtype=FLOATING, samples=reductions(empty=False), ref=np.var, spaces=NUMPY)
def var(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the variance over `axis` (divisor n); never negative; real for complex x.

    >>> from kerasfront import ops
    >>> float(ops.var([1.0, 3.0]))
    1.0
    """
    gap = e.subtract(x, mean(x, axis, True))
    return mean(square(e.absolute(gap) if dtypes.is_complex(dtype_of(x)) else gap), axis, keepdims)


@derived(dtype=FLOATING, samples=reductions(empty=False)[:6], ref=np.std, spaces=NUMPY)
def std(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the standard deviation over `axis`: the square root of `var`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.std([[1.0, 3.0], [2.0, 2.0]], axis=1)).tolist()
    [1.0, 0.0]
    """
    return sqrt(var(x, axis, keepdims))


@derived(samples=(*reductions(), sample(Array((2, 3)), 1, dtype="float32")), ref=np.prod, spaces=NUMPY)
def prod(x: TensorLike, axis: Axis = None, keepdims: bool = False, dtype: DTypeLike | None = None) -> Tensor:
    """Return the product over `axis`. Booleans and narrow integers are multiplied, and returned, in 32 bits.

    Args:
        x: A tensor.
        axis: The axis or axes to multiply over; None: all.
        keepdims: Whether they stay, with size 1.
        dtype: The dtype to multiply in and to return.

    >>> from kerasfront import ops
    >>> float(ops.prod([2.0, 3.0]))
    6.0
    """
    if dtype is None:
        return product(x, axis, keepdims)
    return cast(product(cast(x, dtype), axis, keepdims), dtype)


def _with_initial(x: Any, axis: Axis, initial: Any) -> tuple[Any, Sequence[int]]:
    """Return x with its reduced axes made one, the last, at whose end stands `initial`.

    The reduction has an element to begin with then, even of an empty tensor.
    """
    axes = shapes.axes_of(axis, len(x.shape))
    others = [i for i in range(len(x.shape)) if i not in axes]
    x = transpose(x, (*others, *axes))
    dims = shape_of(x)[: len(others)]
    rest = 1
    for d in shape_of(x)[len(others) :]:
        rest = rest * d
    x = reshape(x, (*dims, rest))
    return concatenate([x, full((*dims, 1), initial, dtype_of(x))], -1), axes


def _restored(out: Any, x: Any, axes: Any, keepdims: bool) -> Any:
    if not keepdims:
        return out
    dims = shape_of(x)
    return reshape(out, tuple(1 if i in axes else dims[i] for i in range(len(dims))))


@derived(
    samples=(
        *reductions(empty=False),
        sample(Array((2, 0)), 1, keepdims=True, initial=3),
        sample(Array((2, 3)), initial=1),
    ),
    ref=np.max,
    spaces=NUMPY,
)
def max(x: TensorLike, axis: Axis = None, keepdims: bool = False, initial: float | None = None) -> Tensor:
    """Return the largest element over `axis`, or `initial` where none is larger; nan where one is nan.

    Raises:
        ValueError: There is nothing to reduce, and no `initial`.

    >>> from kerasfront import ops
    >>> float(ops.max([1.0, 3.0])), float(ops.max([1.0, 3.0], initial=5.0))
    (3.0, 5.0)
    """
    if initial is None:
        return amax(x, axis, keepdims)
    if 0 not in tuple(dims_of(x)):
        return cast(e.maximum(amax(x, axis, keepdims), initial), dtype_of(x))
    padded, axes = _with_initial(x, axis, initial)
    return _restored(amax(padded, -1), x, axes, keepdims)


@derived(
    samples=(
        *reductions(empty=False),
        sample(Array((2, 0)), 1, keepdims=True, initial=3),
        sample(Array((2, 3)), initial=1),
    ),
    ref=np.min,
    spaces=NUMPY,
)
def min(x: TensorLike, axis: Axis = None, keepdims: bool = False, initial: float | None = None) -> Tensor:
    """Return the smallest element over `axis`, or `initial` where none is smaller; nan where one is nan.

    Raises:
        ValueError: There is nothing to reduce, and no `initial`.

    >>> from kerasfront import ops
    >>> float(ops.min([1.0, 3.0])), float(ops.min([1.0, 3.0], initial=0.0))
    (1.0, 0.0)
    """
    if initial is None:
        return amin(x, axis, keepdims)
    if 0 not in tuple(dims_of(x)):
        return cast(e.minimum(amin(x, axis, keepdims), initial), dtype_of(x))
    padded, axes = _with_initial(x, axis, initial)
    return _restored(amin(padded, -1), x, axes, keepdims)


@derived(samples=reductions(empty=False), ref=np.ptp, dtypes_tested=(*dtypes.INTEGERS, *dtypes.FLOATS), spaces=NUMPY)
def ptp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the largest less the smallest element over `axis`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.ptp([[1, 5], [3, 2]], axis=1)).tolist()
    [4, 1]
    """
    return e.subtract(amax(x, axis, keepdims), amin(x, axis, keepdims))


@derived(
    samples=(sample(Array((3, 4))), sample(Array((3, 4)), 1), sample(Array((3, 4)), (0, -1)), sample(Array(()))),
    ref=np.count_nonzero,
    spaces=NUMPY,
)
def count_nonzero(x: TensorLike, axis: Axis = None) -> Tensor:
    """Return how many elements over `axis` are not 0 (int32).

    >>> from kerasfront import ops
    >>> int(ops.count_nonzero([1, 0, 2]))
    2
    """
    return sum(cast(e.not_equal(x, 0), "int32"), axis)


@derived(
    dtype=FLOATING,
    samples=(
        sample(Array((3, 4))),
        sample(Array((3, 4)), 1, Array((4,), 0.5, 2)),
        sample(Array((3, 4)), -1, Array((3, 4), 0.5, 2)),
    ),
    spaces=NUMPY,
)
def average(x: TensorLike, axis: Axis = None, weights: TensorLike | None = None) -> Tensor:
    """Return the mean over `axis`, weighted.

    Args:
        x: A tensor.
        axis: The axis or axes to average over; None: all.
        weights: A tensor of x's shape, or a vector of the length of the one axis; None: all weigh the same.

    Returns:
        `sum(x * weights) / sum(weights)`.

    >>> from kerasfront import ops
    >>> float(ops.average([1.0, 4.0], weights=[2.0, 1.0]))
    2.0
    """
    if weights is None:
        return mean(x, axis)
    rank = rank_of(x)
    if rank_of(weights) == 1 and rank > 1:
        if not isinstance(axis, int):
            raise ShapeError("Expected one `axis` for weights of rank 1 that are shorter than x.")
        at = shapes.axis_of(axis, rank)
        weights = reshape(weights, (1,) * at + (-1,) + (1,) * (rank - at - 1))
    weights = e.multiply(weights, e.add(zeros_like(x), 1))
    return e.divide(sum(e.multiply(x, weights), axis), sum(weights, axis))


# ---- running sums -------------------------------------------------------------------------------------------------

_RUNNING = (sample(Array((3, 4)), 0), sample(Array((3, 4)), -1), sample(Array((5,)), 0), sample(Array((2, 3, 2)), 1))
_FACTORS = tuple(
    sample(Array(shape, -1, 1), axis) for shape, axis in (((3, 4), 0), ((3, 4), -1), ((2, 3), None), ((0,), 0))
)
_RUNNING_D = (*_RUNNING, sample(Array((3, 4))), sample(Array((0,)), 0), sample(Array((3,)), 0, "float32"))


@primitive(shape=shapes.along_axis, dtype=dtypes.NUMERIC, samples=_RUNNING, ref=np.cumsum, spaces=INTERNAL)
def running_sum(x: TensorLike, axis: int) -> Tensor:
    """Return the sum of the elements up to each, along `axis`. What `cumsum` calls."""


@primitive(shape=shapes.along_axis, dtype=dtypes.NUMERIC, samples=_RUNNING, ref=np.cumprod, spaces=INTERNAL)
def running_product(x: TensorLike, axis: int) -> Tensor:
    """Return the product of the elements up to each, along `axis`. What `cumprod` calls."""


def _running(op: Any, x: Any, axis: int | None, dtype: Any) -> Any:
    x = x if dtype is None else cast(x, dtype)
    out = op(reshape(x, (-1,)), 0) if axis is None else op(x, axis)
    return out if dtype is None else cast(out, dtype)


@derived(samples=_RUNNING_D, ref=np.cumsum, spaces=NUMPY)
def cumsum(x: TensorLike, axis: int | None = None, dtype: DTypeLike | None = None) -> Tensor:
    """Return the sum of the elements up to each, along `axis` (None: of the flattened x), in x's dtype or `dtype`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.cumsum([1, 2, 3])).tolist()
    [1, 3, 6]
    """
    return _running(running_sum, x, axis, dtype)


@derived(samples=_FACTORS, ref=np.cumprod, spaces=NUMPY)
def cumprod(x: TensorLike, axis: int | None = None, dtype: DTypeLike | None = None) -> Tensor:
    """Return the product of the elements up to each, along `axis` (None: of the flattened x), in x's dtype or `dtype`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.cumprod([1, 2, 3])).tolist()
    [1, 2, 6]
    """
    return _running(running_product, x, axis, dtype)


@derived(
    dtype=FLOATING,
    samples=(sample(Array((3, 4))), sample(Array((4,)), Array((4,)), axis=0), sample(Array((3, 2)), axis=0, dx=0.5)),
    ref=getattr(np, "trapezoid", None),
    spaces=NUMPY,
)
def trapezoid(y: TensorLike, x: TensorLike | None = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """Return the integral of `y` along `axis` by the trapezoidal rule.

    Args:
        y: The values.
        x: Where they stand: of y's shape, or a vector along the axis; None: `dx` apart.
        dx: The distance where x is None.
        axis: The axis that goes.

    >>> from kerasfront import ops
    >>> float(ops.trapezoid([1.0, 2.0, 3.0]))
    4.0
    """
    rank = rank_of(y)
    at = shapes.axis_of(axis, rank)
    if x is not None and rank_of(x) == 1:
        x = reshape(x, (-1,) + (1,) * (rank - at - 1))
    pair = e.add(_slice(y, at, 1, None), _slice(y, at, None, -1))
    if x is None:
        return sum(e.multiply(pair, dx * 0.5), at)
    along = at - (rank - rank_of(x))
    steps = e.subtract(_slice(x, along, 1, None), _slice(x, along, None, -1))
    return sum(e.multiply(pair, e.multiply(steps, 0.5)), at)


def _slice(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    return get_item(x, (slice(None),) * axis + (slice(start, stop),))


@derived(dtype=FLOATING, samples=reductions())
def logsumexp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return `log(sum(exp(x)))` over `axis`, without overflow.

    Rows of -inf give -inf, with a gradient of 0; rows with a nan give nan.

    >>> from kerasfront import ops
    >>> round(float(ops.logsumexp([1000.0, 1000.0])) - 1000.0, 3)
    0.693
    """
    if 0 in tuple(dims_of(x)):
        return e.log(sum(x, axis, keepdims))
    top = amax(x, axis, True)
    top = stop_gradient(select_where(e.isfinite(top), top, 0))
    total = sum(e.exp(e.subtract(x, top)), axis, True)
    some = e.not_equal(total, 0)
    out = e.add(select_where(some, e.log(select_where(some, total, 1)), -np.inf), top)
    return out if keepdims else sum(out, axis)


# ---- reductions that pass over nan --------------------------------------------------------------------------------


def _filled(x: Any, value: float) -> Any:
    return select_where(e.isnan(x), value, x) if _may_be_nan(x) else x


def _may_be_nan(x: Any) -> bool:
    return dtypes.is_float(dtype_of(x)) or dtypes.is_complex(dtype_of(x))


@derived(samples=reductions(), ref=np.nansum, spaces=NUMPY)
def nansum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the sum over `axis` of what is not nan.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.nansum([1.0, float("nan"), 3.0])).tolist()
    4.0
    """
    return sum(_filled(x, 0), axis, keepdims)


@derived(samples=reductions(), ref=np.nanprod, spaces=NUMPY)
def nanprod(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the product over `axis` of what is not nan.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.nanprod([2.0, float("nan"), 3.0])).tolist()
    6.0
    """
    return product(_filled(x, 1), axis, keepdims)


@derived(samples=_RUNNING_D, ref=np.nancumsum, spaces=NUMPY)
def nancumsum(x: TensorLike, axis: int | None = None, dtype: DTypeLike | None = None) -> Tensor:
    """Compute `cumsum`, with nan counted as 0.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.nancumsum([2.0, float("nan"), 3.0])).tolist()
    [2.0, 2.0, 5.0]
    """
    return cumsum(_filled(x, 0), axis, dtype)


@derived(samples=_FACTORS, ref=np.nancumprod, spaces=NUMPY)
def nancumprod(x: TensorLike, axis: int | None = None, dtype: DTypeLike | None = None) -> Tensor:
    """Compute `cumprod`, with nan counted as 1.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.nancumprod([2.0, float("nan"), 3.0])).tolist()
    [2.0, 2.0, 6.0]
    """
    return cumprod(_filled(x, 1), axis, dtype)


def _extreme(reduce: Any, x: Any, axis: Axis, keepdims: bool, fill: float) -> Any:
    if not _may_be_nan(x):
        return reduce(x, axis, keepdims)
    out = reduce(_filled(x, fill), axis, keepdims)
    return select_where(all(e.isnan(x), axis, keepdims), np.nan, out)


@derived(samples=reductions(empty=False), ref=np.nanmax, spaces=NUMPY)
def nanmax(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the largest element over `axis` that is not nan; nan where all are.

    >>> from kerasfront import ops
    >>> float(ops.nanmax([1.0, float("nan")]))
    1.0
    """
    return _extreme(amax, x, axis, keepdims, -np.inf)


@derived(samples=reductions(empty=False), ref=np.nanmin, spaces=NUMPY)
def nanmin(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the smallest element over `axis` that is not nan; nan where all are.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.nanmin([2.0, float("nan"), 1.0])).tolist()
    1.0
    """
    return _extreme(amin, x, axis, keepdims, np.inf)


def _arg_extreme(find: Any, x: Any, axis: int | None, keepdims: bool, fill: float) -> Any:
    if not _may_be_nan(x):
        return find(x, axis, keepdims)
    nans = e.isnan(x)
    # Where all elements but nans equal the infinity that fills in for nans, the first that is no nan is the result.
    other = any(e.logical_not(e.logical_or(nans, e.equal(x, fill))), axis, keepdims)
    first = argmax(cast(e.logical_not(nans), "int32"), axis, keepdims)
    at = select_where(other, find(_filled(x, fill), axis, keepdims), first)
    return select_where(all(nans, axis, keepdims), -1, at)


@derived(samples=reductions(empty=False)[:2], ref=np.nanargmax, spaces=NUMPY)
def nanargmax(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return the index (int32) of the largest element along `axis` that is not nan; -1 where all are.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.nanargmax([1.0, float("nan"), 3.0])).tolist()
    2
    """
    return _arg_extreme(argmax, x, axis, keepdims, -np.inf)


@derived(samples=reductions(empty=False)[:2], ref=np.nanargmin, spaces=NUMPY)
def nanargmin(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return the index (int32) of the smallest element along `axis` that is not nan; -1 where all are.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.nanargmin([float("nan"), 2.0, 1.0])).tolist()
    2
    """
    return _arg_extreme(argmin, x, axis, keepdims, np.inf)


def _count(x: Any, axis: Axis) -> Any:
    return sum(cast(e.logical_not(e.isnan(x)), dtype_of(e.absolute(x))), axis, True)


@derived(dtype=FLOATING, samples=reductions(empty=False), ref=np.nanmean, spaces=NUMPY)
def nanmean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the mean over `axis` of what is not nan; nan where all are.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.nanmean([1.0, float("nan"), 3.0])).tolist()
    2.0
    """
    out = e.divide(sum(_filled(x, 0), axis, True), _count(x, axis))
    return out if keepdims else sum(out, axis)


@derived(dtype=FLOATING, samples=reductions(empty=False), ref=np.nanvar, spaces=NUMPY)
def nanvar(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the variance over `axis` (divisor n) of what is not nan; nan where all are.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.nanvar([1.0, float("nan"), 3.0])).tolist()
    1.0
    """
    gap = e.subtract(x, nanmean(x, axis, True))
    squares = square(e.absolute(gap) if dtypes.is_complex(dtype_of(x)) else gap)
    # The difference of two infinities is nan as well, and that one counts.
    out = e.divide(sum(select_where(e.isnan(x), 0, squares), axis, True), _count(x, axis))
    return out if keepdims else sum(out, axis)


@derived(dtype=FLOATING, samples=reductions(empty=False)[:6], ref=np.nanstd, spaces=NUMPY)
def nanstd(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the standard deviation over `axis` of what is not nan: the square root of `nanvar`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.nanstd([1.0, float("nan"), 3.0])).tolist()
    1.0
    """
    return sqrt(nanvar(x, axis, keepdims))

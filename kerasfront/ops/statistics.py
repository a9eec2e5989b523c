"""Order statistics, counts, and tests of closeness."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from kerasfront.errors import DTypeError, ShapeError
from kerasfront.ops import elementwise as e
from kerasfront.ops.core import cast, convert_to_tensor, dtype_of, is_tensor
from kerasfront.ops.core import shape as shape_of
from kerasfront.ops.creation import arange, full, linspace, zeros
from kerasfront.ops.declare import NUMPY, Array, Indices, Unconverted, derived, reductions, sample
from kerasfront.ops.declare.bodies import dims_of, rank_of
from kerasfront.ops.indexing import basic_item, need_sparse, scatter_rows, sparse_of, take, take_along
from kerasfront.ops.reduce import all, amax, amin, any, cumsum, sum
from kerasfront.ops.shaping import concatenate, expand_dims, moveaxis, ravel, reshape, transpose
from kerasfront.ops.sorting import argsort_along, searchsorted, sort_along
from kerasfront.spec import KerasTensor, dtypes, shapes
from kerasfront.spec.dtypes import FLOATING
from kerasfront.typing import Axis, Tensor, TensorLike

Method: TypeAlias = Literal["linear", "lower", "higher", "midpoint", "nearest"]
_METHODS = get_args(Method)
_X = Array((3, 4, 2))
_QUANTILES = (
    sample(_X, 0.3),
    sample(_X, 0.5, 1),
    sample(_X, [0.1, 0.75], -1, method="lower"),
    sample(_X, 1.0, (0, 2), method="higher", keepdims=True),
    sample(_X, 0.4, 0, method="nearest"),
    sample(_X, [0.0, 0.6], 1, method="midpoint", keepdims=True),
)
_REAL = (*dtypes.INTEGERS, *dtypes.FLOATS)


@derived(
    dtype=FLOATING,
    samples=(sample(Array((3, 4)), Array((3, 4))), sample(Array((0,)), Array((0,)))),
    ref=np.allclose,
    spaces=NUMPY,
)
def allclose(x1: TensorLike, x2: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Return whether `isclose` holds everywhere, as a boolean scalar.

    >>> from kerasfront import ops
    >>> bool(ops.allclose([1.0, 2.0], [1.0, 2.0 + 1e-9]))
    True
    """
    return all(e.isclose(x1, x2, rtol, atol, equal_nan))


# ---- quantiles ----------------------------------------------------------------------------------------------------


def _in_one_axis(x: Any, axis: Axis) -> tuple[Any, Sequence[int]]:
    """Return x with the reduced axes made one, the last."""
    axes = shapes.axes_of(axis, len(x.shape))
    others = [i for i in range(len(x.shape)) if i not in axes]
    dims = shape_of(x)
    size: Any = 1
    for a in axes:
        size = size * dims[a]
    return reshape(transpose(x, (*others, *axes)), (*(dims[i] for i in others), size)), axes


def _quantile(x: Any, q: Any, axis: Axis, method: str, keepdims: bool, pass_nan: bool) -> Any:
    if method not in _METHODS:
        raise ValueError(f"Expected `method` to be one of {', '.join(_METHODS)}, got {method!r}.")
    name = dtype_of(x)
    wide = "float32" if name in ("float16", "bfloat16") else name
    # Half precision can't hold the positions of many elements.
    if not is_tensor(q):
        q = np.asarray(q, "float64")
        if not np.all((q >= 0) & (q <= 1)):
            raise ValueError(f"Expected shares from 0 to 1 (percentages from 0 to 100), got {q.tolist()} as shares.")
    q = cast(convert_to_tensor(q), wide)
    if len(q.shape) > 1:
        raise ShapeError(f"Expected `q` to be a scalar or a vector, got the shape {tuple(q.shape)}.")
    rows, axes = _in_one_axis(x, axis)
    if rows.shape[-1] == 0:  # the quantiles of no elements are nan
        rows = full((*shape_of(rows)[:-1], 1), float("nan"), name)
    ordered, nans = sort_along(rows, -1), e.isnan(rows)
    number = sum(cast(e.logical_not(nans), "int32"), -1, True)
    at = e.multiply(reshape(q, (-1,)), cast(e.subtract(number, 1), wide))
    out = cast(_between(ordered, at, e.maximum(e.subtract(number, 1), 0), method, name), name)
    if not pass_nan:
        out = e.select_where(any(nans, -1, True), float("nan"), out)
    out = moveaxis(out, -1, 0) if len(q.shape) else reshape(out, shape_of(rows)[:-1])
    if keepdims:
        for a in sorted(axes):
            out = expand_dims(out, a + len(q.shape))
    return out


def _between(ordered: Any, at: Any, last: Any, method: str, name: str) -> Any:
    """Return the sorted elements at fractional positions."""
    low = e.clip(cast(e.floor(at), "int32"), 0, last)
    high = e.clip(cast(e.ceil(at), "int32"), 0, last)
    if method == "nearest":
        return take_along(ordered, e.clip(cast(e.rint(at), "int32"), 0, last), -1)
    if method == "lower":
        return take_along(ordered, low, -1)
    if method == "higher":
        return take_along(ordered, high, -1)
    below, above = take_along(ordered, low, -1), take_along(ordered, high, -1)
    if method == "midpoint":
        weight: Any = cast(e.multiply(cast(e.not_equal(low, high), "float32"), 0.5), name)
    else:
        weight = cast(e.subtract(at, e.floor(at)), name)
    step = e.multiply(e.subtract(above, below), weight)
    # Two equal infinities give nan when subtracted, and what lies between -inf and a number is -inf.
    stays = e.logical_or(e.equal(below, above), e.logical_and(e.isneginf(below), e.isfinite(above)))
    return e.select_where(stays, below, e.add(below, step))


@derived(dtype=FLOATING, samples=_QUANTILES, ref=np.quantile, dtypes_tested=_REAL, spaces=NUMPY)
def quantile(
    x: TensorLike, q: Unconverted, axis: Axis = None, method: Method = "linear", keepdims: bool = False
) -> Tensor:
    """Return the values below which the shares `q` of the elements over `axis` lie.

    They are nan where an element is nan, or where there is none.

    Args:
        x: A tensor.
        q: A number from 0 to 1, or several; these stand along a new first axis.
        axis: The axis or axes to reduce; None: all.
        method: Between two elements: "linear" interpolates, "lower", "higher", "nearest" (the even position of two)
            and "midpoint" are what they say.
        keepdims: Whether the axes stay, with size 1.

    Raises:
        ValueError: A share is below 0 or above 1 (where it is no tensor: such a one means the nearest element), or
            the method is unknown.

    >>> from kerasfront import ops
    >>> float(ops.quantile([1.0, 2.0, 4.0], 0.75))
    3.0
    """
    return _quantile(x, q, axis, method, keepdims, False)


@derived(dtype=FLOATING, samples=_QUANTILES, ref=np.nanquantile, dtypes_tested=_REAL, spaces=NUMPY)
def nanquantile(
    x: TensorLike, q: Unconverted, axis: Axis = None, method: Method = "linear", keepdims: bool = False
) -> Tensor:
    """Compute `quantile` of what is not nan; nan where all are.

    >>> from kerasfront import ops
    >>> float(ops.nanquantile([1.0, float("nan"), 3.0], 0.5))
    2.0
    """
    return _quantile(x, q, axis, method, keepdims, True)


def _share(q: Any) -> Any:
    return e.divide(q, 100) if is_tensor(q) else np.asarray(q, "float64") / 100


@derived(
    dtype=FLOATING,
    samples=(sample(_X, 30), sample(_X, [10, 75.0], -1)),
    ref=np.percentile,
    dtypes_tested=_REAL,
    spaces=NUMPY,
)
def percentile(
    x: TensorLike, q: Unconverted, axis: Axis = None, method: Method = "linear", keepdims: bool = False
) -> Tensor:
    """Compute `quantile`, with `q` from 0 to 100.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.percentile([1.0, 2.0, 4.0], 50)).tolist()
    2.0
    """
    return _quantile(x, _share(q), axis, method, keepdims, False)


@derived(
    dtype=FLOATING,
    samples=(sample(_X, 30), sample(_X, [10, 75.0], -1)),
    ref=np.nanpercentile,
    dtypes_tested=_REAL,
    spaces=NUMPY,
)
def nanpercentile(
    x: TensorLike, q: Unconverted, axis: Axis = None, method: Method = "linear", keepdims: bool = False
) -> Tensor:
    """Compute `nanquantile`, with `q` from 0 to 100.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.nanpercentile([1.0, float("nan"), 3.0], 50)).tolist()
    2.0
    """
    return _quantile(x, _share(q), axis, method, keepdims, True)


@derived(dtype=FLOATING, samples=reductions(empty=False), ref=np.median, dtypes_tested=_REAL, spaces=NUMPY)
def median(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the middle element over `axis`, the mean of the two of an even number; nan where one is nan.

    >>> from kerasfront import ops
    >>> float(ops.median([1, 2, 3, 10]))
    2.5
    """
    return _quantile(x, 0.5, axis, "linear", keepdims, False)


@derived(dtype=FLOATING, samples=reductions(empty=False), ref=np.nanmedian, dtypes_tested=_REAL, spaces=NUMPY)
def nanmedian(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Compute `median` of what is not nan; nan where all are.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.nanmedian([1.0, float("nan"), 3.0])).tolist()
    2.0
    """
    return _quantile(x, 0.5, axis, "linear", keepdims, True)


# ---- counts -------------------------------------------------------------------------------------------------------


def _infer_bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    if sparse:
        need_sparse()
    name = "int32" if weights is None else dtypes.summed(dtype_of(weights))
    return KerasTensor((*x.shape[:-1], None), name, sparse=sparse)


def _counted(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    if x.ndim == 1:
        return np.bincount(x, weights, minlength)
    return np.stack([np.bincount(row, None, max(minlength, int(x.max()) + 1)) for row in x])


def _bins(x: Any, minlength: int) -> Any:
    """Return one more than the largest number, or minlength: a graph's own tensor is no size that others can use."""
    if 0 in tuple(x.shape):
        return minlength
    top = e.add(amax(x), 1)
    try:
        number = int(top)
    except TypeError:
        return minlength or top
    return number if number > minlength else minlength


def _sums_by_id(ids: Any, values: Any) -> tuple[tuple[Any], Any]:
    """Return the different ids, and for each the sum of its values.

    Both are filled up to the length of ids, with -1 and 0.
    """
    order = argsort_along(ids, 0)
    ordered = take(ids, order, 0)
    new = e.not_equal(basic_item(ordered, (slice(1, None),)), basic_item(ordered, (slice(None, -1),)))
    first = basic_item(ordered, (slice(None, 1),))
    place = cumsum(cast(concatenate([e.not_equal(first, first), new], 0), "int32"), 0)
    number = shape_of(ids)[0]
    sums = scatter_rows(zeros((number,), dtype_of(values)), place, take(values, order, 0), "add")
    return (scatter_rows(full((number,), -1, "int32"), place, cast(ordered, "int32"), "set"),), sums


@derived(
    infer=_infer_bincount,
    ref=_counted,
    samples=(
        sample(Array(values=[1, 2, 2, 5], dtype="int32")),
        sample(Array(values=[1, 2, 2], dtype="int32"), Array((3,)), 6),
        sample(Array(values=[[1, 2], [0, 3]], dtype="int32")),
        sample(Array((0,), dtype="int32"), None, 3),
    ),
    spaces=NUMPY,
)
def bincount(x: Indices, weights: TensorLike | None = None, minlength: int = 0, sparse: bool = False) -> Tensor:
    """Return how often each of the numbers 0, 1, 2, ... is found in x.

    Args:
        x: A vector of integers that are not negative, or a matrix, whose rows are counted.
        weights: What each element counts, of x's shape; None: 1.
        minlength: The least number of bins. In compiled code, where it isn't 0, the number of bins: what is larger
            is dropped.
        sparse: Whether the result is a sparse tensor, as the backend has them.

    Returns:
        A tensor of shape (bins,) or (rows, bins), of int32, or of the dtype of weights (narrow integers are summed
        in 32 bits).

    Raises:
        CapabilityError: A sparse result is asked for, and the backend has no sparse tensors.
        DTypeError: x holds no integers.
        ShapeError: x is neither a vector nor a matrix.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.bincount([1, 2, 2], minlength=4)).tolist()
    [0, 1, 2, 0]
    """
    if sparse:
        need_sparse()
    if not dtypes.is_int(dtype_of(x)):
        raise DTypeError(f"bincount counts integers, got {dtype_of(x)}.")
    if rank_of(x) not in (1, 2):
        raise ShapeError(f"bincount needs a vector or a matrix, got the shape {tuple(dims_of(x))}.")
    if isinstance(minlength, int) and minlength < 0:
        raise ShapeError(f"Expected `minlength` not to be negative, got {minlength}.")
    number = _bins(x, minlength)
    counted = cast(e.equal(x, x), "int32") if weights is None else cast(weights, dtypes.summed(dtype_of(weights)))
    if rank_of(x) == 1 and sparse:
        return sparse_of(*_sums_by_id(x, counted), (number,))
    if rank_of(x) == 1:
        return scatter_rows(zeros((number,), dtype_of(counted)), x, counted, "add")
    rows = shape_of(x)[0]
    inside = e.logical_and(e.greater_equal(x, 0), e.less(x, number))
    ids = e.select_where(inside, e.add(x, e.multiply(expand_dims(arange(rows), 1), number)), -1)
    if sparse:
        (places,), sums = _sums_by_id(ravel(ids), ravel(counted))
        return sparse_of((e.floor_divide(places, number), e.mod(places, number)), sums, (rows, number))
    flat = scatter_rows(zeros((rows * number,), dtype_of(counted)), ravel(ids), ravel(counted), "add")
    return reshape(flat, (rows, number))


@derived(
    samples=(sample(Array((20,))), sample(Array((4, 5)), 3, (-1, 1)), sample(Array(values=[2, 2, 2]), 4)),
    ref=np.histogram,
    dtypes_tested=("int32", "float32", "float64"),
    differentiable=False,
    spaces=NUMPY,
)
def histogram(x: TensorLike, bins: int = 10, range: tuple[float, float] | None = None) -> tuple[Tensor, Tensor]:
    """Return how many elements of x lie in each of some bins of equal width.

    Args:
        x: A tensor; it is flattened.
        bins: The number of bins.
        range: The lowest and the highest edge; None: x's smallest and largest element. What lies outside is not
            counted; the last bin includes its upper edge.

    Returns:
        The counts (int32; Keras has floats, which are exact up to 2 ** 24 only), and the bins + 1 edges (floats).

    >>> from kerasfront import ops
    >>> counts, edges = ops.histogram([1.0, 2.0, 2.0, 5.0], bins=2)
    >>> ops.convert_to_numpy(counts).tolist(), ops.convert_to_numpy(edges).tolist()
    ([3, 1], [1.0, 3.0, 5.0])
    """
    if isinstance(bins, bool) or not isinstance(bins, int):
        raise DTypeError(f"Expected `bins` to be an integer, got {bins!r}.")
    if bins < 1:
        raise ShapeError(f"Expected at least 1 bin, got {bins}.")
    if range is not None and builtins.all(isinstance(v, (int, float)) for v in range) and range[0] > range[1]:
        raise ValueError(f"Expected `range` to be (lowest, highest), got {range!r}.")
    flat = ravel(x)
    flat = cast(flat, dtypes.floating(dtype_of(x)))
    name = dtype_of(flat)
    if range is None and 0 not in tuple(dims_of(x)):
        low, high = amin(flat), amax(flat)
    else:
        low, high = (cast(convert_to_tensor(v), name) for v in (range or (0.0, 1.0)))
    single = cast(e.multiply(cast(e.equal(low, high), "float32"), 0.5), name)
    low, high = e.subtract(low, single), e.add(high, single)
    edges = linspace(low, high, bins + 1)
    at = e.subtract(searchsorted(edges, flat, "right"), 1)
    at = e.select_where(e.equal(flat, high), bins - 1, e.select_where(e.less(at, bins), at, -1))
    return scatter_rows(zeros((bins,), "int32"), at, cast(e.equal(at, at), "int32"), "add"), edges

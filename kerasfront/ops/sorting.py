"""Order: sorting, searching in what is sorted, and what follows from it."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np

from kerasfront.errors import ShapeError
from kerasfront.ops import elementwise as e
from kerasfront.ops.core import cast, convert_to_tensor, dtype_of
from kerasfront.ops.core import shape as shape_of
from kerasfront.ops.creation import arange, full, zeros
from kerasfront.ops.declare import INTERNAL, NUMPY, Array, Indices, derived, primitive, sample
from kerasfront.ops.declare.bodies import as_tensor, dims_of, rank_of
from kerasfront.ops.indexing import basic_item, nonzero, scatter_rows, take, take_along
from kerasfront.ops.reduce import all, any, cumsum, sum
from kerasfront.ops.shaping import concatenate, expand_dims, moveaxis, ravel, reshape
from kerasfront.spec import KerasTensor, dtypes, shapes
from kerasfront.spec.dtypes import INT32, PROMOTE, Rule
from kerasfront.typing import Tensor, TensorLike

_M = Array((3, 4))
_SORTS = (
    sample(_M),
    sample(_M, 0),
    sample(_M, -2),
    sample(Array((0, 3)), 0),
    sample(Array((5,))),
    sample(Array((2, 1, 3)), 1),
)
_ORDERED = ("bool", *dtypes.INTEGERS, *dtypes.FLOATS)


@primitive(shape=shapes.along_axis, samples=_SORTS, ref=np.sort, dtypes_tested=_ORDERED, spaces=INTERNAL)
def sort_along(x: TensorLike, axis: int = -1) -> Tensor:
    """Compute `sort`."""


@primitive(shape=shapes.along_axis, dtype=INT32, samples=_SORTS, dtypes_tested=_ORDERED, spaces=INTERNAL)
def argsort_along(x: TensorLike, axis: int = -1) -> Tensor:
    """Compute `argsort`. Stable."""


@derived(samples=(*_SORTS, sample(_M, None)), ref=np.sort, dtypes_tested=_ORDERED, spaces=NUMPY)
def sort(x: TensorLike, axis: int | None = -1) -> Tensor:
    """Return the elements along `axis` (None: of the flattened x) in ascending order; nan comes last.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.sort([3, 1, 2])).tolist()
    [1, 2, 3]
    """
    if axis is None:
        return sort_along(ravel(x), 0)
    return sort_along(x, axis) if rank_of(x) else as_tensor(x)


@derived(samples=(*_SORTS, sample(_M, None), sample(Array(values=[1, 0, 1, 0]))), dtypes_tested=_ORDERED, spaces=NUMPY)
def argsort(x: TensorLike, axis: int | None = -1) -> Tensor:
    """Return the indices (int32) that would sort x along `axis` (None: the flattened x).

    Equal elements keep their order on every backend; nan comes last. Of a scalar it is 0.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.argsort([3, 1, 2, 1])).tolist()
    [1, 3, 2, 0]
    """
    if axis is None:
        return argsort_along(ravel(x), 0)
    return argsort_along(x, axis) if rank_of(x) else zeros((), "int32")


@derived(samples=(sample(_M, 1), sample(_M, 2, 0), sample(_M, 3, None)), dtypes_tested=_ORDERED, spaces=NUMPY)
def argpartition(x: TensorLike, kth: int, axis: int | None = -1) -> Tensor:
    """Return indices (int32) along `axis` (None: of the flattened x) that put the `kth` smallest element in its place.

    Those of smaller elements are before it, those of larger ones after it (on every backend in sorted order).

    >>> from kerasfront import ops
    >>> int(ops.argpartition([3, 1, 2], 1)[1])
    2
    """
    if axis is None:
        return argpartition(ravel(x), kth, 0)
    size = dims_of(x)[axis]
    if size is not None and not -size <= kth < size:
        raise ShapeError(f"Expected `kth` between {-size} and {size - 1}, got {kth}.")
    return argsort(x, axis)


def _tops(x: Any, k: int, sorted: bool = True) -> tuple[KerasTensor, KerasTensor]:
    if not x.shape or k > x.shape[-1] or k < 0:
        raise ShapeError(f"Can't take the {k} largest along the last axis of the shape {tuple(x.shape)}.")
    dims = (*x.shape[:-1], k)
    return KerasTensor(dims, x.dtype), KerasTensor(dims, "int32")


@primitive(
    infer=_tops, samples=(sample(_M, 2), sample(Array((5,)), 5), sample(Array((2, 2, 3)), 1)), dtypes_tested=_ORDERED
)
def top_k(x: TensorLike, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """Return the k largest elements along the last axis, and their indices (int32).

    Args:
        x: A tensor of rank 1 or more.
        k: How many.
        sorted: They come in descending order in any case.

    Returns:
        Two tensors of shape (..., k). Of equal elements the one with the lower index comes first.

    >>> from kerasfront import ops
    >>> values, indices = ops.top_k(ops.convert_to_tensor([1, 3, 2, 3]), 2)
    >>> ops.convert_to_numpy(values).tolist(), ops.convert_to_numpy(indices).tolist()
    ([3, 3], [1, 3])
    """


@derived(samples=(sample(Array(values=[0, 2, 7], dtype="int32"), Array((3, 4)), 2),), differentiable=False)
def in_top_k(targets: Indices, predictions: TensorLike, k: int) -> Tensor:
    """Return whether the prediction for each target is among the k largest of its row.

    Args:
        targets: Class numbers of shape (batch,).
        predictions: Scores of shape (batch, classes).
        k: How many count. Classes that tie at the edge all count.

    Returns:
        Booleans of shape (batch,); False where the target is out of range, or its score is not finite.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.in_top_k([0, 1], [[0.2, 0.7, 0.1], [0.2, 0.7, 0.1]], 1)).tolist()
    [False, True]
    """
    if k < 1:
        raise ValueError(f"Expected `k` to be positive, got {k}.")
    score = take_along(predictions, expand_dims(targets, -1), 1)
    higher = sum(cast(e.greater(predictions, score), "int32"), 1)
    inside = e.logical_and(e.greater_equal(targets, 0), e.less(targets, shape_of(predictions)[1]))
    fine = e.logical_and(inside, reshape(e.isfinite(score), (-1,)))
    return e.logical_and(fine, e.less(higher, k))


def _searched(sorted_sequence: Any, values: Any, side: str = "left") -> tuple[int, ...]:
    rows, searched = tuple(sorted_sequence.shape), tuple(getattr(values, "shape", ()))
    if not rows or (len(rows) > 1 and rows[:-1] != searched[:-1]):
        raise ShapeError(
            f"Can't search rows of the shape {rows} for values of the shape {searched}: leading axes differ."
        )
    return searched


_SEARCH = Rule(dtypes.promote, lambda operand, arguments: "int32", "search")


@primitive(
    shape=_searched,
    dtype=_SEARCH,
    dtypes_tested=("int32", "int64", "float32", "float64"),
    samples=(
        sample(Array(values=[-1, 0, 0, 1]), Array((2, 3))),
        sample(Array(values=[-1, 0, 0, 1]), Array((5,)), "right"),
        sample(Array(values=[[0, 1, 2], [-1, 0, 0]]), Array((2, 4))),
        sample(Array(values=[0, 1]), 1),
    ),
    spaces=NUMPY,
)
def searchsorted(sorted_sequence: TensorLike, values: TensorLike, side: Literal["left", "right"] = "left") -> Tensor:
    """Return where values would go in a sequence so that it stays sorted, as int32.

    Args:
        sorted_sequence: An ascending vector; or a tensor whose last axis ascends, with the leading axes of values.
        values: A tensor of any shape.
        side: "left": before equal elements, "right": after them.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.searchsorted([1, 2, 2, 3], [2, 0, 9])).tolist()
    [1, 0, 4]
    """


@derived(
    dtype=PROMOTE,
    samples=(sample(_M, Array(values=[-1, 0, 1])),),
    dtypes_tested=("int32", "float32", "float64"),
    differentiable=False,
    ref=np.digitize,
    spaces=NUMPY,
)
def digitize(x: TensorLike, bins: TensorLike) -> Tensor:
    """Return the number (int32) of the bin of each element: i where `bins[i - 1] <= x < bins[i]`.

    Args:
        x: A tensor.
        bins: An ascending vector of edges. 0 is what lies below it, its length what lies at or above its end.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.digitize([0.0, 1.0, 2.5], [1.0, 2.0])).tolist()
    [0, 1, 2]
    """
    return searchsorted(bins, x, "right")


@derived(
    dtype=PROMOTE,
    samples=(sample(_M, Array((2,))), sample(_M, Array((3, 2)), invert=True), sample(_M, Array((0,)))),
    ref=np.isin,
    dtypes_tested=_ORDERED,
    spaces=NUMPY,
)
def isin(x1: TensorLike, x2: TensorLike, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Return whether each element of x1 is one of x2's, as booleans of x1's shape.

    Args:
        x1: A tensor.
        x2: A tensor of any shape.
        assume_unique: Says that no element repeats in x1, nor in x2; no backend needs to know.
        invert: Whether to tell those that are not.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.isin([1, 2, 3], [2, 9])).tolist()
    [False, True, False]
    """
    if 0 in tuple(dims_of(x2)):
        is_member = zeros_of_shape(x1)
    else:
        wide = "int32" if dtype_of(x1) == "bool" else dtype_of(x1)
        members, candidates = sort(cast(ravel(x2), wide), 0), cast(x1, wide)
        # A place past the end reads the last member, which is smaller than the candidate then.
        is_member = e.equal(take(members, searchsorted(members, candidates), 0), candidates)
    return e.logical_not(is_member) if invert else is_member


def zeros_of_shape(x: TensorLike) -> Tensor:
    return e.not_equal(x, x) if not dtypes.is_float(dtype_of(x)) else e.logical_and(e.isnan(x), e.isfinite(x))


# ---- unique -------------------------------------------------------------------------------------------------------


def _infer_unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    at = None if axis is None else shapes.axis_of(axis, len(x.shape))
    values = (size,) if at is None else (*x.shape[:at], size, *x.shape[at + 1 :])
    out = [KerasTensor(values, x.dtype)]
    out += [KerasTensor((size,), "int32")] if return_index else []
    out += [KerasTensor(x.shape if at is None else (x.shape[at],), "int32")] if return_inverse else []
    out += [KerasTensor((size,), "int32")] if return_counts else []
    return out[0] if len(out) == 1 else tuple(out)


_VALUES = Array(values=[3, 1, 1, 0, 3])


@overload
def unique(
    x: TensorLike,
    sorted: bool = True,
    return_index: Literal[False] = False,
    return_inverse: Literal[False] = False,
    return_counts: Literal[False] = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: float | None = None,
) -> Tensor: ...
@overload
def unique(
    x: TensorLike,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: float | None = None,
) -> Any: ...


@derived(
    infer=_infer_unique,
    differentiable=False,
    dtypes_tested=("int32", "int64", "float32", "float64"),
    samples=(
        sample(_VALUES),
        sample(_VALUES, True, True, True, True),
        sample(Array(values=[[1, 0], [1, 0], [0, 2]]), axis=0, return_inverse=True),
        sample(_VALUES, size=5, fill_value=7, return_counts=True),
        sample(_VALUES, size=2),
        sample(Array(values=[[1, 0], [1, 0]]), return_inverse=True),
    ),
    spaces=NUMPY,
)
def unique(
    x: TensorLike,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: float | None = None,
) -> Any:
    """Return the different elements of x, or its different slices along an axis, in ascending order.

    Args:
        x: A tensor.
        sorted: They are sorted in any case.
        return_index: Whether to return where each is found first in x (flattened, or along the axis), as int32.
        return_inverse: Whether to return which of them stands at each place: of x's shape, or along the axis.
        return_counts: Whether to return how often each is found, as int32.
        axis: The axis of the slices; None: x is flattened.
        size: How many to return, needed in code that JAX compiles: the lowest are kept, or some filled in.
        fill_value: What is filled in; None: the first of them. Their counts are 0, their indices those of the first.

    Returns:
        A tensor, or a tuple of it and what was asked for. Nans count as equal.

    >>> from kerasfront import ops
    >>> values, counts = ops.unique(ops.convert_to_tensor([3, 1, 3]), return_counts=True)
    >>> ops.convert_to_numpy(values).tolist(), ops.convert_to_numpy(counts).tolist()
    ([1, 3], [1, 2])
    """
    rows = reshape(ravel(x), (-1, 1)) if axis is None else _as_rows(x, axis)
    order = _lexsorted(rows)
    ordered = take(rows, order, 0)
    n = shape_of(rows)[0]
    new = _new(ordered)
    place = e.subtract(cumsum(cast(new, "int32"), 0), 1)
    starts = nonzero(new)[0] if size is None else _starts(new, place, size)
    values = take(ordered, starts, 0)
    if size is not None:
        valid = e.less(arange(size), sum(cast(new, "int32")))
        if fill_value is not None:
            values = e.select_where(expand_dims(valid, 1), values, cast(convert_to_tensor(fill_value), dtype_of(x)))
    out = [_from_rows(values, x, axis)]
    if return_index:
        out.append(take(order, starts, 0))
    if return_inverse:
        inverse = scatter_rows(zeros((n,), "int32"), order, place, "set")
        out.append(reshape(inverse, shape_of(x)) if axis is None else inverse)
    if return_counts:
        number = shape_of(starts)[0]
        out.append(scatter_rows(zeros((number,), "int32"), place, cast(e.equal(place, place), "int32"), "add"))
    return out[0] if len(out) == 1 else tuple(out)


def _as_rows(x: Any, axis: int) -> Any:
    moved = moveaxis(x, axis, 0)
    dims = shape_of(moved)
    width: Any = 1
    for d in dims[1:]:
        width = width * d
    return reshape(moved, (dims[0], width))


def _from_rows(rows: Any, x: Any, axis: int | None) -> Any:
    if axis is None:
        return reshape(rows, (-1,)) if 0 not in tuple(x.shape) else reshape(rows, (0,))
    dims = shape_of(moveaxis(x, axis, 0))
    return moveaxis(reshape(rows, (shape_of(rows)[0], *dims[1:])), 0, axis)


def _lexsorted(rows: Any) -> Any:
    """Return the stable order of rows, by their first column, then the second, ..."""
    order = None
    for column in reversed(range(rows.shape[1])):
        keys = basic_item(rows, (slice(None), column))
        if order is None:
            order = argsort_along(keys, 0)
        else:
            order = take(order, argsort_along(take(keys, order, 0), 0), 0)
    return arange(shape_of(rows)[0]) if order is None else order


def _new(ordered: Any) -> Any:
    """Return which of sorted rows differ from the one before."""
    later, earlier = (
        basic_item(ordered, (slice(1, None), slice(None))),
        basic_item(ordered, (slice(None, -1), slice(None))),
    )
    same = e.logical_or(e.equal(later, earlier), e.logical_and(e.isnan(later), e.isnan(earlier)))
    first = basic_item(ordered, (slice(None, 1), slice(None)))
    first = any(e.logical_or(e.equal(first, first), e.isnan(first)), 1)
    return concatenate([first, e.logical_not(all(same, 1))], 0)


def _starts(new: Any, place: Any, size: int) -> Any:
    """Return the positions of the first `size` new rows; those too many are the first."""
    at = e.select_where(new, place, -1)
    return scatter_rows(full((size,), 0, "int32"), at, arange(shape_of(new)[0]), "set")

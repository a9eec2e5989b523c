"""Ops that pad, turn and cut tensors, and their diagonals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from kerasfront.errors import ShapeError
from kerasfront.ops import elementwise as e
from kerasfront.ops.core import cast, dtype_of, is_open
from kerasfront.ops.core import shape as shape_of
from kerasfront.ops.creation import arange
from kerasfront.ops.declare import INTERNAL, NUMPY, Array, Unconverted, derived, primitive, sample
from kerasfront.ops.declare.bodies import as_tensor, dims_of, rank_of
from kerasfront.ops.indexing import basic_item, take
from kerasfront.ops.reduce import sum
from kerasfront.ops.shaping import expand_dims, moveaxis, ravel, reshape, transpose
from kerasfront.spec import shapes, unknown
from kerasfront.typing import Tensor, TensorLike

_X = Array((2, 3, 4))
_M = Array((3, 4))


# ---- padding ------------------------------------------------------------------------------------------------------


def _padded(x: Any, widths: Any, value: Any) -> tuple[int, ...]:
    return tuple(d + before + after for d, (before, after) in zip(x.shape, widths, strict=True))


@primitive(shape=_padded, samples=(sample(_M, ((1, 2), (0, 1)), 0), sample(_M, ((0, 0), (2, 0)), 1)), spaces=INTERNAL)
def pad_constant(x: TensorLike, widths: Sequence[tuple[int, int]], value: Unconverted) -> Tensor:
    """Return x with `value` added before and after along each axis. `pad` calls this."""


def _widths(pad_width: Any, rank: int) -> tuple[tuple[int, int], ...]:
    """Return one (before, after) for each axis, from an integer, a pair, or a sequence of pairs or integers."""
    if _is_pairs(pad_width) and len(pad_width) == rank:
        return tuple([(before, after) for before, after in pad_width])
    if _is_pairs(pad_width, lambda n: (type(n) is int and n >= 0) or is_open(n)):
        pairs_open = [tuple(pair) for pair in pad_width] * (rank if len(pad_width) == 1 else 1)
        if len(pairs_open) == rank:
            return tuple(pairs_open)
    widths = np.asarray(pad_width)
    if widths.dtype.kind not in "iu" or (widths < 0).any():
        raise ShapeError(f"Expected `pad_width` to hold integers that are not negative, got {pad_width!r}.")
    try:
        pairs = np.broadcast_to(widths, (rank, 2))
    except ValueError:
        raise ShapeError(f"Expected `pad_width` to be (before, after) for {rank} axes, got {pad_width!r}.") from None
    return tuple((int(before), int(after)) for before, after in pairs)


def _is_pairs(widths: Any, fits: Callable[[Any], bool] = lambda n: type(n) is int and n >= 0) -> bool:
    """Return whether it is a sequence of (before, after), integers from 0 on."""
    if not isinstance(widths, (list, tuple)):
        return False
    for pair in widths:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            return False
        if not fits(pair[0]) or not fits(pair[1]):
            return False
    return True


def _source(mode: str, at: Any, size: Any) -> Any:
    """Return which element stands at the positions `at` (from -before to size + after) in a padded axis."""
    if mode == "edge":
        return e.clip(at, 0, size - 1)
    if mode == "wrap":
        return e.mod(at, size)
    if mode == "symmetric":
        turn = e.mod(at, 2 * size)
        return e.select_where(e.less(turn, size), turn, e.subtract(2 * size - 1, turn))
    period = max(2 * size - 2, 1) if isinstance(size, int) else e.maximum(2 * size - 2, 1)
    turn = e.mod(at, period)
    return e.select_where(e.less(turn, size), turn, e.subtract(period, turn))


_MODES = ("constant", "reflect", "symmetric", "edge", "wrap")


@derived(
    ref=np.pad,
    samples=(
        sample(_M, 1),
        sample(_M, ((1, 2), (0, 1)), "constant", constant_values=3),
        sample(_M, ((1, 2), (3, 3)), "reflect"),
        sample(_M, (1, 2), "symmetric"),
        sample(_M, ((2, 2), (5, 9)), "symmetric"),
        sample(Array((1, 3)), ((2, 1), (4, 7)), "reflect"),
        sample(_M, 2, "edge"),
        sample(Array((0, 2)), 1),
    ),
    spaces=NUMPY,
)
def pad(
    x: TensorLike,
    pad_width: int | Sequence[Any],
    mode: Literal["constant", "reflect", "symmetric", "edge", "wrap"] = "constant",
    constant_values: float | None = None,
) -> Tensor:
    """Return x with elements added before and after along each axis.

    Args:
        x: A tensor.
        pad_width: How many: an integer, a pair (before, after) for every axis, or a pair for each axis.
        mode: "constant"; "reflect" mirrors without repeating the edge, "symmetric" with it (both go on back and
            forth where the padding is longer than x); "edge" repeats the edge; "wrap" starts again at the other end.
        constant_values: The value of "constant"; None: 0.

    Raises:
        ValueError: The mode is unknown, or constant_values is given for another mode, or is several.
        ShapeError: pad_width doesn't fit x.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.pad([1, 2, 3], (1, 2), "reflect")).tolist()
    [2, 1, 2, 3, 2, 1]
    """
    if mode not in _MODES:
        raise ValueError(f"Expected `mode` to be one of {', '.join(_MODES)}, got {mode!r}.")
    if mode != "constant" and constant_values is not None:
        raise ValueError(f"`constant_values` goes with mode='constant' only, got {constant_values} for mode={mode!r}.")
    if isinstance(constant_values, (list, tuple)):
        raise ValueError(f"Expected `constant_values` to be one number, got {constant_values!r}.")
    widths = _widths(pad_width, rank_of(x))
    if mode == "constant":
        return pad_constant(x, widths, 0 if constant_values is None else constant_values)
    for axis, (before, after) in enumerate(widths):
        if before or after:
            size = shape_of(x)[axis]
            x = take(x, _source(mode, arange(-before, size + after), size), axis)
    return as_tensor(x)


# ---- turning ------------------------------------------------------------------------------------------------------


@primitive(shape=lambda x, axes: _flipped(x, axes), samples=(sample(_X, (1,)), sample(_X, (0, -1))), spaces=INTERNAL)
def reverse(x: TensorLike, axes: Sequence[int]) -> Tensor:
    """Return the elements along the axes in reverse order. What `flip` calls."""


def _flipped(x: Any, axes: Any) -> tuple[int, ...]:
    shapes.axes_of(axes, len(x.shape))
    return tuple(x.shape)


def _flipped_mask(mask: Any, slots: list[Any]) -> Any:
    x, axis = slots
    axes = [a for a in shapes.axes_of(axis, len(x.shape)) if a < len(mask.shape)]
    return flip(mask, axes) if axes else mask


@derived(
    samples=(sample(_X), sample(_X, 1), sample(_X, (0, -1)), sample(Array((0, 2)), 0), sample(Array(()))),
    ref=np.flip,
    mask=_flipped_mask,
    spaces=NUMPY,
)
def flip(x: TensorLike, axis: int | Sequence[int] | None = None) -> Tensor:
    """Return the elements along `axis` (None: every axis; a number or several) in reverse order.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.flip([1, 2, 3])).tolist()
    [3, 2, 1]
    """
    axes = shapes.axes_of(axis, rank_of(x))
    return reverse(x, axes) if axes else as_tensor(x)


@derived(samples=(sample(_X),), ref=np.fliplr, spaces=NUMPY)
def fliplr(x: TensorLike) -> Tensor:
    """Return the elements along the second axis in reverse order.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.fliplr([[1, 2], [3, 4]])).tolist()
    [[2, 1], [4, 3]]
    """
    return flip(x, 1)


@derived(samples=(sample(_X),), ref=np.flipud, spaces=NUMPY)
def flipud(x: TensorLike) -> Tensor:
    """Return the elements along the first axis in reverse order.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.flipud([[1, 2], [3, 4]])).tolist()
    [[3, 4], [1, 2]]
    """
    return flip(x, 0)


def _rolled(x: Any, shift: Any, axis: Any) -> tuple[int, ...]:
    for a in axis:
        shapes.axis_of(a, len(x.shape))
    return tuple(x.shape)


@primitive(shape=_rolled, samples=(sample(_X, (1,), (1,)), sample(_X, (5, -1), (0, -1))), ref=np.roll, spaces=INTERNAL)
def roll_along(x: TensorLike, shift: Sequence[int], axis: Sequence[int]) -> Tensor:
    """Compute `roll`."""


@derived(
    samples=(
        sample(_X, 2),
        sample(_X, 1, 1),
        sample(_X, (5, -1), (0, -1)),
        sample(_X, 1, (0, 1)),
        sample(Array((0,)), 1),
    ),
    ref=np.roll,
    spaces=NUMPY,
)
def roll(x: TensorLike, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Tensor:
    """Return the elements moved on by `shift` along `axis`; those that leave at the end come in at the start.

    Args:
        x: A tensor.
        shift: An integer, or one for each axis.
        axis: A number or several; None: the flattened x is rolled.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.roll([1, 2, 3], 1)).tolist()
    [3, 1, 2]
    """
    moves: Any = (shift,) if is_open(shift) else shift
    if axis is None and isinstance(moves, tuple) and len(moves) == 1:
        return reshape(roll_along(ravel(x), moves, (0,)), shape_of(x))
    shift = moves
    if axis is None:
        total = shift if isinstance(shift, int) else int(np.sum(shift))
        return reshape(roll_along(ravel(x), (total,), (0,)), shape_of(x))
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    shifts = (shift,) if isinstance(shift, int) else tuple(shift)
    rank = max(len(axes), len(shifts))
    axes, shifts = (v * rank if len(v) == 1 else v for v in (axes, shifts))
    if len(axes) != len(shifts):
        raise ShapeError(f"Expected as many shifts as axes, got {shift} and {axis}.")
    return roll_along(x, shifts, axes)


@derived(
    samples=(sample(_M), sample(_X, 2, (1, 2)), sample(_X, -1, (0, -1)), sample(_M, 4)), ref=np.rot90, spaces=NUMPY
)
def rot90(array: TensorLike, k: int = 1, axes: Sequence[int] = (0, 1)) -> Tensor:
    """Return a tensor turned by k times 90 degrees in the plane of two axes, from the first towards the second.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.rot90([[1, 2], [3, 4]])).tolist()
    [[2, 4], [1, 3]]
    """
    rank = rank_of(array)
    if len(axes) != 2 or rank < 2:
        raise ShapeError(
            f"rot90 needs two axes and a tensor of rank 2 or more, got {axes} and {tuple(dims_of(array))}."
        )
    a, b = shapes.axis_of(axes[0], rank, "axes"), shapes.axis_of(axes[1], rank, "axes")
    if a == b:
        raise ShapeError(f"Expected two different `axes`, got {axes}.")
    order = list(range(rank))
    order[a], order[b] = b, a
    turns = k % 4
    if turns == 0:
        return as_tensor(array)
    if turns == 2:
        return flip(array, (a, b))
    return transpose(flip(array, b), tuple(order)) if turns == 1 else flip(transpose(array, tuple(order)), b)


@derived(samples=(sample(Array((5,))), sample(_M, 2, 0), sample(_M, 1, -1), sample(_M, 0)), ref=np.diff, spaces=NUMPY)
def diff(a: TensorLike, n: int = 1, axis: int = -1) -> Tensor:
    """Return the differences between neighbours along `axis`, taken `n` times; of booleans: whether they differ.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.diff([1, 4, 9])).tolist()
    [3, 5]
    """
    if n < 0:
        raise ShapeError(f"Expected `n` not to be negative, got {n}.")
    at = shapes.axis_of(axis, rank_of(a))
    full = [slice(None)] * rank_of(a)
    for _ in range(n):
        later, earlier = list(full), list(full)
        later[at], earlier[at] = slice(1, None), slice(None, -1)
        pair = basic_item(a, tuple(later)), basic_item(a, tuple(earlier))
        a = e.not_equal(*pair) if dtype_of(a) == "bool" else e.subtract(*pair)
    return as_tensor(a)


# ---- diagonals and triangles --------------------------------------------------------------------------------------


def _below(x: Any, k: int) -> Any:
    """Return where an element of the last two axes is at or below the k-th diagonal."""
    if len(x.shape) < 2:
        raise ShapeError(f"Expected a tensor of rank 2 or more, got the shape {tuple(x.shape)}.")
    n, m = shape_of(x)[-2:]
    return e.less_equal(e.subtract(expand_dims(arange(m), 0), expand_dims(arange(n), 1)), k)


_TRIANGLES = (sample(_M), sample(_M, 1), sample(_X, -1), sample(Array((0, 3))))


@derived(samples=_TRIANGLES, ref=np.tril, spaces=NUMPY)
def tril(x: TensorLike, k: int = 0) -> Tensor:
    """Return the matrices in the last two axes of x with zeros above the `k`-th diagonal.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.tril([[1, 2], [3, 4]])).tolist()
    [[1, 0], [3, 4]]
    """
    return e.select_where(_below(x, k), x, cast(0, dtype_of(x)))


@derived(samples=_TRIANGLES, ref=np.triu, spaces=NUMPY)
def triu(x: TensorLike, k: int = 0) -> Tensor:
    """Return the matrices in the last two axes of x with zeros below the `k`-th diagonal.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.triu([[1, 2], [3, 4]])).tolist()
    [[1, 2], [0, 4]]
    """
    return e.select_where(_below(x, k - 1), cast(0, dtype_of(x)), x)


@derived(
    samples=(sample(_M), sample(_M, 1), sample(_X, -1, 2, 1), sample(_X, 5, 0, 1), sample(_X, 0, -2, -1)),
    ref=np.diagonal,
    spaces=NUMPY,
)
def diagonal(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Return the diagonal of each matrix in two axes of x, in a new last axis.

    Args:
        x: A tensor of rank 2 or more.
        offset: Which diagonal; positive ones are above the main one.
        axis1: The axis of the rows.
        axis2: The axis of the columns.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.diagonal([[1, 2], [3, 4]])).tolist()
    [1, 4]
    """
    if rank_of(x) < 2:
        raise ShapeError(f"Expected a tensor of rank 2 or more, got the shape {tuple(dims_of(x))}.")
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    *rest, n, m = shape_of(x)
    length = _shorter(n + min(offset, 0), m - max(offset, 0))
    first = offset if offset >= 0 else -offset * m
    flat = reshape(x, (*rest, n * m))
    return take(flat, e.add(e.multiply(arange(length), m + 1), first), -1)


def _shorter(n: Any, m: Any) -> Any:
    if not isinstance(n, int) or not isinstance(m, int):
        return e.maximum(e.minimum(n, m), 0)
    if unknown(n) or unknown(m):
        return max(n, m)
    return max(0, min(n, m))


@derived(samples=(sample(_M), sample(_M, 1), sample(_X, -1, 2, 1)), ref=np.trace, spaces=NUMPY)
def trace(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Return the sum of the diagonal of each matrix in two axes of x; narrow integers are summed in 32 bits.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.trace([[1, 2], [3, 4]])).tolist()
    5
    """
    return sum(diagonal(x, offset, axis1, axis2), -1)


@derived(
    samples=(sample(Array((3,))), sample(Array((3,)), 1), sample(Array((3,)), -2), sample(_M), sample(_M, -1)),
    ref=np.diag,
    spaces=NUMPY,
)
def diag(x: TensorLike, k: int = 0) -> Tensor:
    """Return the matrix with the vector x on its `k`-th diagonal; of a matrix, its `k`-th diagonal.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.diag([1, 2])).tolist()
    [[1, 0], [0, 2]]
    """
    if rank_of(x) == 2:
        return diagonal(x, k)
    if rank_of(x) != 1:
        raise ShapeError(f"diag needs a vector or a matrix, got the shape {tuple(dims_of(x))}.")
    size = shape_of(x)[0] + abs(k)
    on = e.equal(e.subtract(expand_dims(arange(size), 0), expand_dims(arange(size), 1)), k)
    columns = expand_dims(pad_constant(x, ((max(k, 0), max(-k, 0)),), 0), 0)
    return e.select_where(on, columns, cast(0, dtype_of(x)))


@derived(samples=(sample(Array((3,))), sample(Array((2, 2)), 1)), ref=np.diagflat, spaces=NUMPY)
def diagflat(x: TensorLike, k: int = 0) -> Tensor:
    """Return the matrix with the flattened x on its `k`-th diagonal.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.diagflat([1, 2])).tolist()
    [[1, 0], [0, 2]]
    """
    return diag(ravel(x), k)

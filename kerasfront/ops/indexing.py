"""Picking and placing elements.

Indices count from the end where they are negative. Where an index tensor is out of range, a pick takes the nearest
element there is, and a placement is dropped: compiled code can't raise, so no backend does.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy as np

from kerasfront.errors import ShapeError
from kerasfront.ops import elementwise as e
from kerasfront.ops.core import cast, convert_to_tensor, dtype_of, is_open
from kerasfront.ops.core import shape as shape_of
from kerasfront.ops.creation import arange, full, ones, zeros
from kerasfront.ops.declare import (
    INTERNAL,
    NN,
    NUMPY,
    Array,
    Condition,
    Indices,
    Tensors,
    Unconverted,
    derived,
    primitive,
    sample,
)
from kerasfront.ops.declare.bodies import as_tensor, as_tensors, dims_of, rank_of
from kerasfront.ops.declare.op import OPS
from kerasfront.ops.declare.runtime import runtime
from kerasfront.ops.shaping import concatenate, expand_dims, moveaxis, ravel, reshape, stack, transpose, unstack
from kerasfront.spec import KerasTensor, dtypes, shapes, unknown
from kerasfront.spec.dtypes import NUMERIC, PROMOTE
from kerasfront.typing import DTypeLike, Tensor, TensorLike

_X = Array((2, 3, 4))
_slice = builtins.slice


def _index(values: Any) -> Array:
    return Array(values=values, dtype="int32")


# ---- x[...] -------------------------------------------------------------------------------------------------------


def _basic_item(x: KerasTensor, key: Any) -> tuple[int, ...]:
    out, axis = [], 0
    for part in key:
        if part is None:
            out.append(1)
            continue
        size: Any = x.shape[axis]
        if isinstance(part, _slice):
            out.append(_slice_length(part, size))
        axis += 1
    return tuple(out)


def _slice_length(part: Any, size: int) -> int:
    if not unknown(size) and any(isinstance(n, int) and unknown(abs(n)) for n in (part.start, part.stop)):
        return abs((part.stop or 0) - (part.start or 0))  # as far as isn't known
    start, stop, step = part.indices(size)
    length = max(0, -(-(stop - start) // step))
    # A slice of several elements may be shorter where the size isn't known; a single element is taken to exist.
    return size if unknown(size) and length > 1 else length


@primitive(
    shape=_basic_item,
    name="basic_item",
    samples=(sample(_X, (1, _slice(None), None, _slice(1, 3))), sample(_X, (_slice(None), _slice(None, None, -1), 0))),
    spaces=INTERNAL,
)
def basic_item(x: TensorLike, key: Sequence[Any]) -> Tensor:
    """Return `x[key]` for a tuple of integers, slices and None that covers every axis. `get_item` calls this."""


def _is_static(part: Any) -> bool:
    return (
        part is None or part is Ellipsis or isinstance(part, (int, np.integer, _slice)) and not isinstance(part, bool)
    )


def _full_key(key: Any, rank: int) -> list[Any]:
    """Return the key as a list that covers every axis: static parts, and tensors."""
    parts = [p if _is_static(p) else convert_to_tensor(p) for p in (key if isinstance(key, tuple) else (key,))]
    if any(isinstance(p, (float, np.floating)) for p in (key if isinstance(key, tuple) else (key,))):
        raise IndexError(f"Expected integers, slices, None, Ellipsis or tensors as an index, got {key!r}.")
    indexed = sum(_axes_taken(p) for p in parts)
    if sum(p is Ellipsis for p in parts) > 1:
        raise IndexError("An index can only have one Ellipsis ('...').")
    if indexed > rank:
        raise IndexError(f"Too many indices: {indexed} for a tensor of rank {rank}.")
    rest = [_slice(None)] * (rank - indexed)
    at = next((i for i, p in enumerate(parts) if p is Ellipsis), len(parts))
    return [*parts[:at], *rest, *parts[at + 1 :]]


def _axes_taken(part: Any) -> int:
    if part is None or part is Ellipsis:
        return 0
    return 1 if _is_static(part) or dtype_of(part) != "bool" else len(part.shape)


def _sliced_mask(mask: Any, slots: list[Any]) -> Any:
    """Return the mask cut as x is, where the axes that it has are only sliced."""
    x, key = slots
    own = _full_key(key, len(x.shape))[: len(mask.shape)]
    return get_item(mask, tuple(own)) if all(isinstance(part, _slice) for part in own) else None


@derived(
    mask=_sliced_mask,
    samples=(
        sample(_X, (_slice(None), 1)),
        sample(_X, (Ellipsis, None, _slice(None, None, 2))),
        sample(_X, -1),
        sample(_X, _slice(0, 0)),
        sample(_X, (0, _slice(None), _index([0, 3]))),
        sample(_X, (_index([[0], [1]]), _index([0, -1]))),
        sample(_X, ()),
        sample(_X, _index([1, 0, 1])),
        sample(_X, (_slice(None), _slice(None, None, -1))),
    ),
    spaces=NUMPY,
)
def get_item(x: TensorLike, key: Any) -> Tensor:
    """Return `x[key]`: integers, slices, None, Ellipsis, integer and boolean tensors, and tuples of them, as in NumPy.

    Args:
        x: A tensor.
        key: The index. Boolean tensors pick a number of elements that depends on the values: not in compiled code.

    Raises:
        IndexError: A Python integer is out of range, or there are too many. (Integers in tensors are clipped.)

    >>> from kerasfront import ops
    >>> import numpy as np
    >>> ops.convert_to_numpy(ops.get_item(ops.convert_to_tensor([1, 2, 3]), np.s_[::-1])).tolist()
    [3, 2, 1]
    """
    parts = _with_indices_of_masks(_full_key(key, rank_of(x)))
    if all(_is_static(p) for p in parts):
        return basic_item(x, tuple(_checked(parts, dims_of(x))))
    # Beside an index tensor, NumPy treats an integer as an index tensor too.
    picked = [not (p is None or isinstance(p, _slice)) for p in parts]
    x = basic_item(x, tuple(_slice(None) if pick else p for p, pick in zip(parts, picked, strict=True)))
    axes = [i for i, pick in enumerate(picked) if pick]
    return _gather(x, [convert_to_tensor(parts[i]) for i in axes], axes)


def _checked(parts: list[Any], dims: Sequence[Any]) -> list[Any]:
    axis = 0
    for part in parts:
        size = dims[axis] if part is not None else None
        if isinstance(part, (int, np.integer)) and size is not None and not -size <= part < size:
            raise IndexError(f"The index {part} is out of range for axis {axis} of size {size}.")
        axis += part is not None
    return [int(p) if isinstance(p, np.integer) else p for p in parts]


def _with_indices_of_masks(parts: list[Any]) -> list[Any]:
    out: list[Any] = []
    for part in parts:
        out += [part] if _is_static(part) or dtype_of(part) != "bool" else list(nonzero(part))
    return out


def _gather(x: Any, indices: list[Any], axes: list[int]) -> Any:
    """Return the elements of x at index tensors that broadcast together, each for one axis."""
    if len(axes) == 1:
        return take(x, indices[0], axes[0])
    contiguous = axes[-1] - axes[0] == len(axes) - 1
    if not contiguous:
        order = [*axes, *(i for i in range(len(x.shape)) if i not in axes)]
        x, axes = transpose(x, tuple(order)), list(range(len(axes)))
    dims = shape_of(x)
    first, last = axes[0], axes[-1] + 1
    flat = reshape(x, (*dims[:first], _size(dims[first:last]), *dims[last:]))
    position: TensorLike = 0
    for index, size in zip(indices, dims[first:last], strict=True):
        position = e.add(e.multiply(position, size), _clipped(index, size))
    return take(flat, position, first)


def _size(dims: Sequence[Any]) -> Any:
    out: Any = 1
    for d in dims:
        out = out * d
    return out


def _clipped(index: Any, size: Any) -> Any:
    index = index if dtypes.is_int(dtype_of(index)) else cast(index, "int32")
    return e.clip(e.select_where(e.less(index, 0), e.add(index, size), index), 0, size - 1)


# ---- picking ------------------------------------------------------------------------------------------------------


@primitive(
    shape=shapes.take,
    ref=np.take,
    samples=(
        sample(Array((3, 4)), _index([[0, 2]]), axis=1),
        sample(Array((3, 4)), _index([5, -1])),
        sample(Array((3, 4)), _index(2), 0),
        sample(_X, _index([[0, 1], [1, 1]]), -2),
        sample(Array((3, 4)), Array((0,), dtype="int32"), 0),
        sample(Array((0,)), Array((0, 2), dtype="int32"), 0),
    ),
    spaces=NUMPY,
)
def take(x: TensorLike, indices: Indices, axis: int | None = None) -> Tensor:
    """Return the elements of x at `indices` along `axis` (None: of the flattened x).

    Args:
        x: A tensor.
        indices: Integers of any shape. Negative ones count from the end; those out of range mean the nearest
            element (Keras: an error, nan or zeros, by backend).
        axis: The axis that they are for; the axes of indices stand in its place.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.take([10, 20, 30], [0, -1, 9])).tolist()
    [10, 30, 30]
    """


def _along(x: Any, indices: Any, axis: Any = None) -> tuple[int, ...]:
    at = shapes.axis_of(axis, len(x.shape))
    if len(indices.shape) != len(x.shape):
        raise ShapeError(f"Expected indices of rank {len(x.shape)}, as x, got the shape {tuple(indices.shape)}.")
    dims = shapes.broadcast_shapes(
        tuple(d for i, d in enumerate(x.shape) if i != at), tuple(d for i, d in enumerate(indices.shape) if i != at)
    )
    return (*dims[:at], indices.shape[at], *dims[at:])


@primitive(
    shape=_along,
    ref=np.take_along_axis,
    samples=(sample(Array((3, 4)), _index([[0], [1], [-1]]), 1), sample(Array((2, 3)), _index([[1, 0, 1]]), -2)),
    spaces=INTERNAL,
)
def take_along(x: TensorLike, indices: Indices, axis: int) -> Tensor:
    """Compute `take_along_axis`."""


@derived(
    samples=(
        sample(Array((3, 4)), _index([[0], [1], [-1]]), 1),
        sample(Array((2, 3)), _index([[1, 0, 1]]), -2),
        sample(Array((2, 3)), _index([5, 0])),
    ),
    spaces=NUMPY,
)
def take_along_axis(x: TensorLike, indices: Indices, axis: int | None = None) -> Tensor:
    """Return, at each position, the element of x that the index there names along `axis`.

    An axis of None means that x is flattened.

    Args:
        x: A tensor.
        indices: Integers, of x's rank, and of its shape along the other axes (sizes of 1 broadcast). Negative ones
            count from the end; those out of range mean the nearest element.
        axis: The axis that they are for.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.take_along_axis([[1, 2], [3, 4]], [[1], [0]], axis=1)).tolist()
    [[2], [3]]
    """
    return take_along(ravel(x), ravel(indices), 0) if axis is None else take_along(x, indices, axis)


def _nonzero_specs(x: KerasTensor) -> tuple[KerasTensor, ...]:
    if not x.shape:
        raise ShapeError("nonzero needs a tensor of rank 1 or more, got a scalar.")
    return tuple(KerasTensor((None,), "int32") for _ in x.shape)


@primitive(
    infer=_nonzero_specs,
    ref=np.nonzero,
    differentiable=False,
    samples=(sample(Array((3, 4))), sample(Array((5,), dtype="bool"))),
    spaces=NUMPY,
)
def nonzero(x: TensorLike) -> tuple[Tensor, ...]:
    """Return the indices (int32) of the elements that are not 0: a tuple of one vector for each axis.

    Their length depends on the values, so it can't be used in code that JAX compiles.

    >>> from kerasfront import ops
    >>> [ops.convert_to_numpy(i).tolist() for i in ops.nonzero([[0, 1], [2, 0]])]
    [[0, 1], [1, 0]]
    """


@overload
def where(condition: Condition) -> tuple[Tensor, ...]: ...
@overload
def where(condition: Condition, x1: TensorLike, x2: TensorLike) -> Tensor: ...


@derived(
    dtype=PROMOTE,
    ref=np.where,
    elementwise=True,
    samples=(
        sample(Array((3, 4), dtype="bool"), Array((3, 1)), Array((4,))),
        sample(Array((3,), dtype="bool"), Array((3,)), 0),
        sample(Array((3, 4), dtype="bool")),
    ),
    spaces=NUMPY,
)
def where(
    condition: Condition, x1: TensorLike | None = None, x2: TensorLike | None = None
) -> Tensor | tuple[Tensor, ...]:
    """Return x1 where `condition` is true, else x2.

    All three broadcast. With the condition alone: `nonzero(condition)`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.where([True, False], [1, 2], 0)).tolist()
    [1, 0]
    """
    if x1 is not None and x2 is not None:
        return e.select_where(condition, x1, x2)
    if x1 is not None or x2 is not None:
        raise ValueError("where needs both x1 and x2, or neither.")
    return nonzero(condition)


@derived(
    dtype=PROMOTE,
    samples=(
        sample([Array((3,), dtype="bool"), Array((3,), dtype="bool")], [Array((3,)), Array((3,))]),
        sample([Array((2, 1), dtype="bool")], [Array((3,))], 1),
    ),
    spaces=NUMPY,
)
def select(condlist: Unconverted, choicelist: Tensors, default: TensorLike = 0) -> Tensor:
    """Return, at each position, the choice of the first condition that is true there, or `default`.

    Args:
        condlist: A list of boolean tensors.
        choicelist: A list of as many tensors. All broadcast together.
        default: A scalar or a tensor.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.select([[True, False]], [[1, 2]], 9)).tolist()
    [1, 9]
    """
    conditions, choices = as_tensors(condlist), as_tensors(choicelist)
    if len(conditions) != len(choices) or not len(conditions):
        raise ShapeError(f"Expected as many conditions as choices, got {len(conditions)} and {len(choices)}.")
    out = as_tensor(default)
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        out = e.select_where(condition, choice, out)
    return out


def _unsliced(inputs: Any, start_indices: Any, shape: Any) -> tuple[int, ...]:
    if any(map(is_open, shape)):
        return tuple(shape)
    lengths = shapes.given(shape)
    if len(lengths) != len(inputs.shape) or any(
        n < 0 or (d is not None and n > d) for n, d in zip(lengths, inputs.shape, strict=True)
    ):
        sizes = tuple(None if unknown(d) else d for d in inputs.shape)
        raise ShapeError(f"A slice of the shape {lengths} doesn't fit into {sizes}.")
    return lengths


@primitive(shape=_unsliced, samples=(sample(_X, _index([0, 1, 2]), (2, 1, 2)),), spaces=INTERNAL)
def dynamic_slice(inputs: TensorLike, start_indices: Indices, shape: Sequence[int]) -> Tensor:
    """Return the part of `shape` from start_indices, a vector, on. What `slice` calls."""


def _starts(start_indices: Any) -> list[Any] | None:
    """Return the indices as Python integers, or None where they are tensors."""
    numbers = start_indices if isinstance(start_indices, (list, tuple)) else None
    if numbers is not None and all(isinstance(i, (int, np.integer)) for i in numbers):
        return [int(i) for i in numbers]
    return [int(i) for i in start_indices] if isinstance(start_indices, np.ndarray) else None


def _into(start: int, length: int, size: Any) -> Any:
    """Return a slice of `length`, moved into the range where it would leave it."""
    if size is None or not isinstance(size, int):
        return _slice(start, start + length)
    start = max(0, min(start + size if start < 0 else start, size - length))
    return _slice(start, start + length)


@derived(
    samples=(
        sample(_X, (0, 1, 2), (2, 1, 2)),
        sample(_X, _index([0, 1, 2]), (2, 1, 2)),
        sample(Array((4,)), (3,), (2,)),
    )
)
def slice(inputs: TensorLike, start_indices: Unconverted, shape: Sequence[int]) -> Tensor:
    """Return the part of `inputs` of the given shape that begins at `start_indices`.

    Args:
        inputs: A tensor.
        start_indices: One integer for each axis: a sequence, or a vector. A part that would reach over the end
            begins that much earlier.
        shape: The shape of the part, integers.

    Raises:
        ShapeError: The part is larger than inputs.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.slice([1, 2, 3, 4], (1,), (2,))).tolist()
    [2, 3]
    """
    starts = _starts(start_indices)
    if starts is not None and len(starts) != rank_of(inputs):
        raise ShapeError(f"Expected a start for each axis of {tuple(dims_of(inputs))}, got {start_indices}.")
    if starts is None:
        return dynamic_slice(inputs, convert_to_tensor(start_indices), tuple(shape))
    _unsliced(inputs, starts, shape)
    if any(unknown(d) for d in dims_of(inputs)) or any(map(is_open, shape)):
        return dynamic_slice(inputs, convert_to_tensor(start_indices), tuple(shape))
    parts = zip(starts, shape, dims_of(inputs), strict=True)
    return basic_item(inputs, tuple(_into(s, n, d) for s, n, d in parts))


@derived(
    samples=(sample(_index([1, 5]), (2, 3)), sample(_index([[3], [-1]]), (2, 2))), differentiable=False, spaces=NUMPY
)
def unravel_index(indices: Indices, shape: Sequence[int]) -> tuple[Tensor, ...]:
    """Return the position in a tensor of `shape` of each index into its flattened form: one tensor for each axis.

    >>> from kerasfront import ops
    >>> [int(i) for i in ops.unravel_index(5, (2, 3))]
    [1, 2]
    """
    size = math.prod(shape)
    rest = e.select_where(e.less(indices, 0), e.add(indices, size), indices)
    least = 0 if 0 in getattr(indices, "shape", ()) else 1  # an empty tensor of indices needs no elements to refer to
    if any(d < least for d in shape):
        raise ShapeError(f"Expected `shape` to hold integers from {least} on, got {tuple(shape)}.")
    out = []
    for d in reversed(tuple(shape)):
        out.append(e.mod(rest, d))
        rest = e.floor_divide(rest, d)
    return tuple(reversed(out))


# ---- one-hot ------------------------------------------------------------------------------------------------------


def _hot(x: Any, num_classes: int, axis: int) -> tuple[int, ...]:
    at = shapes.axis_of(axis, len(x.shape) + 1)
    return (*x.shape[:at], num_classes, *x.shape[at:])


@primitive(
    shape=lambda x, num_classes, axis=-1, dtype=None: _hot(x, num_classes, axis),
    dtype=dtypes.ASKED,
    name="one_hot_dense",
    samples=(sample(_index([0, 2, -1]), 3), sample(_index([[0, 2], [1, 3]]), 3, 0, "int32")),
    spaces=INTERNAL,
)
def one_hot_dense(x: Indices, num_classes: int, axis: int = -1, dtype: DTypeLike | None = None) -> Tensor:
    """Return one-hot vectors along a new `axis`; an index out of range gives zeros. `one_hot` calls this."""


def sparse_of(places: Sequence[Tensor], values: TensorLike, dims: Sequence[Any]) -> Tensor:
    """Return a sparse tensor of shape `dims` with values at different places, a vector of indices for each axis.

    Places out of range are left out.
    """
    return runtime.need().sparse_of(stack(places, -1), values, tuple(dims))


def _sparse_spec(dims: tuple[int, ...], dtype: Any) -> KerasTensor:
    """Return the symbolic tensor of a sparse result."""
    return KerasTensor(dims, dtypes.standardize(dtype), sparse=True)


def need_sparse() -> None:
    """Raise `CapabilityError` where the backend has no sparse tensors."""
    runtime.need().need("sparse")


def _sparse_hot(ids: Any, num_classes: int, axis: int, dtype: Any) -> Any:
    """Return a sparse tensor of shape (*dims, num_classes), the classes at `axis`, with ones for ids (*dims, n)."""
    *dims, n = shape_of(ids)
    at = shapes.axis_of(axis, len(dims) + 1)
    flat = ravel(ids)
    number = shape_of(flat)[0]
    places = list(unravel_index(e.floor_divide(arange(number), n), tuple(dims))) if dims else []
    places.insert(at, cast(flat, "int32"))
    return sparse_of(places, ones((number,), dtype), (*dims[:at], num_classes, *dims[at:]))


def _each_once(ids: Any) -> Any:
    """Return the ids along the last axis, sorted, with -1 for those that come again."""
    ids = OPS["sort"].call(ids if dtype_of(ids) == "int64" else cast(ids, "int32"), -1)
    first, rest, before = (
        get_item(ids, (Ellipsis, part)) for part in (_slice(None, 1), _slice(1, None), _slice(None, -1))
    )
    return concatenate([first, e.select_where(e.equal(rest, before), -1, rest)], -1)


@derived(
    samples=(sample(_index([0, 2, -1]), 3), sample(_index([[0, 2], [1, 3]]), 3, 0, "bool"), sample(_index(1), 3)),
    spaces=NN,
)
def one_hot(
    x: Indices, num_classes: int, axis: int = -1, dtype: DTypeLike | None = None, sparse: bool = False
) -> Tensor:
    """Return one-hot vectors of class numbers.

    Args:
        x: Integers of any shape; one out of the range gives zeros.
        num_classes: The length of the vectors.
        axis: Where they go.
        dtype: None means `floatx()`.
        sparse: Whether the result is a sparse tensor, as the backend has them.

    Raises:
        CapabilityError: The backend has no sparse tensors.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.one_hot([0, 2], 3)).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    x = x if dtypes.is_int(dtype_of(x)) else cast(x, "int32")
    if sparse:
        need_sparse()
        if isinstance(x, KerasTensor):
            return _sparse_spec(_hot(x, num_classes, axis), dtype)
        return _sparse_hot(expand_dims(x, -1), num_classes, axis, dtype)
    return one_hot_dense(x, num_classes, axis, dtype)


@derived(samples=(sample(_index([[0, 2], [1, -1]]), 4), sample(_index([0, 2]), 4, 0)), spaces=NN)
def multi_hot(
    inputs: Indices,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: DTypeLike | None = None,
    sparse: bool = False,
    **kwargs: Any,
) -> Tensor:
    """Return vectors with a one for each class number in a list: `max(one_hot(inputs))` over the lists.

    Args:
        inputs: Integers of shape (batch, n), or (n,); those out of the range add nothing.
        num_classes: The length of the vectors.
        axis: Where they go.
        dtype: None means `floatx()`.
        sparse: Whether the result is a sparse tensor, as the backend has them.
        **kwargs: `num_tokens` is another name of `num_classes`.

    Raises:
        CapabilityError: The backend has no sparse tensors.
        ShapeError: inputs is a scalar.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.multi_hot([[0, 2], [1, 1]], 3)).tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    num_classes = kwargs.pop("num_tokens", num_classes)
    if kwargs or num_classes is None:
        raise TypeError(f"multi_hot needs `num_classes`, and takes no {sorted(kwargs)}.")
    if not rank_of(inputs):
        raise ShapeError("multi_hot needs a list of class numbers, or several, got a scalar.")
    at = 1 if rank_of(inputs) > 1 else 0
    if sparse:
        need_sparse()
        dims = (*dims_of(inputs)[:at], *dims_of(inputs)[at + 1 :])
        if isinstance(inputs, KerasTensor):
            rows = KerasTensor(dims, "int32")
            return _sparse_spec(_hot(rows, num_classes, axis), dtype)
        return _sparse_hot(_each_once(moveaxis(inputs, at, -1)), num_classes, axis, dtype)
    hot = one_hot(inputs, num_classes, -1, "int32")
    out = OPS["any"].call(hot, at)
    out = moveaxis(out, -1, axis) if axis != -1 else out
    return cast(out, dtypes.standardize(dtype))


# ---- placing ------------------------------------------------------------------------------------------------------


def _rows(x: Any, ids: Any, updates: Any, reduction: str) -> tuple[int, ...]:
    if len(ids.shape) != 1 or tuple(updates.shape[1:]) != tuple(x.shape[1:]):
        raise ShapeError(
            f"Can't place rows of the shape {tuple(updates.shape[1:])} in a tensor of shape {tuple(x.shape)}."
        )
    return tuple(x.shape)


_PLACED = (sample(Array((4, 2)), _index([1, 3, 0]), Array((3, 2)), "set"),) + tuple(
    sample(Array((4, 2)), _index([1, 3, 1, 7, -1]), Array((5, 2)), kind) for kind in ("add", "max", "min", "mul")
)


@primitive(shape=_rows, dtype=PROMOTE, samples=_PLACED, spaces=INTERNAL)
def scatter_rows(x: TensorLike, ids: Indices, updates: TensorLike, reduction: str) -> Tensor:
    """Return x with `updates[i]` combined into `x[ids[i]]` by "set", "add", "max", "min" or "mul".

    Ids out of range are dropped, and negative ones are. The scatter and segment ops call this.
    """


def _flat_ids(indices: Any, dims: Sequence[Any]) -> Any:
    """Return index rows (m, k) for k axes as indices (m,) into these axes flattened; -1 for what is out of range."""
    flat: Tensor | None = None
    fits: TensorLike = True
    for column, size in zip(unstack(indices, len(dims), -1), dims, strict=True):
        column = e.select_where(e.less(column, 0), e.add(column, size), column)
        inside = e.logical_and(e.greater_equal(column, 0), e.less(column, size))
        flat = column if flat is None else e.add(e.multiply(flat, size), column)
        fits = inside if fits is True else e.logical_and(fits, inside)
    return zeros(shape_of(indices)[:1], "int32") if flat is None else e.select_where(fits, flat, -1)


def _place(inputs: Any, indices: Any, updates: Any, reduction: str) -> Any:
    dims, depth = shape_of(inputs), indices.shape[-1]
    if depth is None or depth > len(dims):
        raise ShapeError(f"Expected indices of shape (..., k) with k up to {len(dims)}, got {tuple(indices.shape)}.")
    ids = _flat_ids(reshape(indices, (-1, depth)), dims[:depth])
    rows = reshape(inputs, (_size(dims[:depth]), *dims[depth:]))
    values = reshape(updates, (-1, *dims[depth:]) if 0 not in tuple(updates.shape) else (0, *dims[depth:]))
    return reshape(scatter_rows(rows, ids, values, reduction), dims)


@derived(
    samples=(sample(_index([[0], [2], [0]]), Array((3,)), (4,)), sample(_index([[0, 1], [2, -1]]), Array((2,)), (3, 2)))
)
def scatter(indices: Indices, values: TensorLike, shape: Sequence[int]) -> Tensor:
    """Return zeros of `shape` with `values` added at `indices`.

    Args:
        indices: Integers of shape (n, k): each row names a place along the first k axes. Negative ones count from
            the end, those out of range are dropped.
        values: A tensor of shape (n, *shape[k:]); values for one place are summed.
        shape: The shape of the result.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.scatter([[0], [2], [0]], [1, 2, 3], (4,))).tolist()
    [4, 0, 2, 0]
    """
    return _place(zeros(tuple(shape), dtype_of(values)), indices, values, "add")


_REDUCTIONS = {None: "set", "add": "add", "max": "max", "min": "min", "mul": "mul"}


@derived(
    samples=(
        sample(Array((4, 2)), _index([[0], [2]]), Array((2, 2))),
        sample(Array((3, 3)), _index([[0, 1], [-1, 2]]), Array((2,)), "add"),
        sample(Array((4,)), _index([[0], [0]]), Array((2,)), "max"),
        sample(Array((4,)), _index([[1]]), Array((1,)), "mul"),
    )
)
def scatter_update(
    inputs: TensorLike,
    indices: Indices,
    updates: TensorLike,
    reduction: Literal["add", "max", "min", "mul"] | None = None,
) -> Tensor:
    """Return `inputs` with the elements at `indices` replaced by, or combined with, `updates`.

    Args:
        inputs: A tensor.
        indices: Integers of shape (n, k): each row names a place along the first k axes. Negative ones count from
            the end, those out of range are dropped.
        updates: A tensor of shape (n, *inputs.shape[k:]), cast to the dtype of inputs.
        reduction: None to replace (by which of several for one place is not defined), "add", "max", "min" or "mul".

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.scatter_update([1, 2, 3], [[0], [-1]], [7, 9])).tolist()
    [7, 2, 9]
    """
    if reduction not in _REDUCTIONS:
        raise ValueError(f"Expected `reduction` to be None, 'add', 'max', 'min' or 'mul', got {reduction!r}.")
    return _place(inputs, indices, cast(updates, dtype_of(inputs)), _REDUCTIONS[reduction])


def _updated(inputs: Any, start_indices: Any, updates: Any) -> tuple[int, ...]:
    _unsliced(inputs, start_indices, tuple(updates.shape))
    return tuple(inputs.shape)


@primitive(shape=_updated, samples=(sample(_X, _index([0, 1, 2]), Array((2, 1, 2))),), spaces=INTERNAL)
def update_slice(inputs: TensorLike, start_indices: Indices, updates: TensorLike) -> Tensor:
    """Return `inputs` with the part from start_indices, a vector, on replaced. `slice_update` calls this."""


@derived(samples=(sample(_X, (0, 1, 2), Array((2, 1, 2))), sample(Array((4,)), (3,), Array((2,)))))
def slice_update(inputs: TensorLike, start_indices: Unconverted, updates: TensorLike) -> Tensor:
    """Return `inputs` with the part that begins at `start_indices` replaced by `updates`.

    Args:
        inputs: A tensor.
        start_indices: One integer for each axis: a sequence, or a vector. A part that would reach over the end
            begins that much earlier.
        updates: A tensor of the rank of inputs, cast to its dtype.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.slice_update([1, 2, 3, 4], (1,), [8, 9])).tolist()
    [1, 8, 9, 4]
    """
    starts = _starts(start_indices)
    index = convert_to_tensor(np.asarray(starts, "int32")) if starts is not None else convert_to_tensor(start_indices)
    return update_slice(inputs, index, cast(updates, dtype_of(inputs)))


# ---- segments -----------------------------------------------------------------------------------------------------

_SEGMENTED = (
    sample(Array((4,)), _index([0, 2, 0, 3]), 5),
    sample(Array((4, 2)), _index([1, 1, 0, -1]), 2),
    sample(Array((3,)), _index([0, 1, 1]), 2),
)


def _number_of_segments(ids: Any, num_segments: int | None) -> Any:
    if num_segments is not None:
        return num_segments
    if isinstance(ids, KerasTensor):
        return None
    top = e.add(OPS["amax"].call(ids), 1)
    try:
        return int(top)
    except TypeError:  # a graph's tensor, which TensorFlow takes as a size
        return top


def _segments(data: Any, segment_ids: Any, num_segments: int | None, kind: str, start: Any) -> Any:
    if len(segment_ids.shape) != 1:
        raise ShapeError(f"Expected `segment_ids` to be a vector, got the shape {tuple(segment_ids.shape)}.")
    if not len(data.shape) or shapes.differ(data.shape[:1], segment_ids.shape):
        raise ShapeError(
            f"Expected one segment id for each row, got {segment_ids.shape[0]} for data of shape {tuple(data.shape)}."
        )
    number = _number_of_segments(segment_ids, num_segments)
    dims = shape_of(data)[1:]
    if number is None:
        return KerasTensor((None, *dims), dtype_of(data))
    start = convert_to_tensor(np.asarray(start, dtypes.to_numpy(dtype_of(data))))
    return scatter_rows(full((number, *dims), start, dtype_of(data)), segment_ids, data, kind)


def _lowest(x: Any) -> Any:
    name = dtype_of(x)
    return -math.inf if dtypes.is_float(name) else int(np.iinfo(name).min)


def _highest(x: Any) -> Any:
    name = dtype_of(x)
    return math.inf if dtypes.is_float(name) else int(np.iinfo(name).max)


@derived(dtype=NUMERIC, samples=_SEGMENTED)
def segment_sum(
    data: TensorLike, segment_ids: Indices, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """Return the sums of the rows of `data` that have the same segment id.

    Args:
        data: A tensor whose first axis is cut into segments.
        segment_ids: A vector of integers, one for each row, in any order; rows out of the range are dropped.
        num_segments: The number of segments; None: the largest id + 1 (not in code that JAX compiles).
        sorted: Says that the ids ascend; no backend needs to know.

    Returns:
        A tensor of shape (num_segments, *data.shape[1:]); 0 for a segment without rows.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.segment_sum([1, 2, 3], [0, 2, 0], num_segments=3)).tolist()
    [4, 0, 2]
    """
    return _segments(data, segment_ids, num_segments, "add", 0)


@derived(dtype=NUMERIC, samples=_SEGMENTED)
def segment_prod(
    data: TensorLike, segment_ids: Indices, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """Return the products of the rows of `data` that have the same segment id; 1 for a segment without rows.

    The arguments are those of `segment_sum`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.segment_prod([3, 2, 4], [0, 0, 1])).tolist()
    [6, 4]
    """
    return _segments(data, segment_ids, num_segments, "mul", 1)


@derived(dtype=NUMERIC, samples=_SEGMENTED)
def segment_max(
    data: TensorLike, segment_ids: Indices, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """Return the largest of the rows of `data` that have the same segment id, elementwise.

    A segment without rows gives -inf, or the lowest integer. The arguments are those of `segment_sum`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.segment_max([1, 2, 3], [0, 1, 1])).tolist()
    [1, 3]
    """
    return _segments(data, segment_ids, num_segments, "max", _lowest(data))


@derived(dtype=NUMERIC, samples=_SEGMENTED)
def segment_min(
    data: TensorLike, segment_ids: Indices, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """Return the smallest of the rows of `data` that have the same segment id, elementwise.

    A segment without rows gives inf, or the largest integer. The arguments are those of `segment_sum`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.segment_min([3, 1, 2], [0, 0, 1])).tolist()
    [1, 2]
    """
    return _segments(data, segment_ids, num_segments, "min", _highest(data))

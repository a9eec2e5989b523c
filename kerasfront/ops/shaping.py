"""Ops that move elements without changing them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasfront.errors import ShapeError
from kerasfront.ops.core import convert_to_tensor, is_open
from kerasfront.ops.core import shape as shape_of
from kerasfront.ops.declare import INTERNAL, LIKE_ALL, LIKE_FIRST, NUMPY, Array, Tensors, derived, primitive, sample
from kerasfront.ops.declare.bodies import as_tensors, dims_of, rank_of
from kerasfront.ops.declare.masks import joined_masks
from kerasfront.spec import KerasTensor, shapes, unknown
from kerasfront.spec.dtypes import PROMOTE
from kerasfront.typing import Tensor, TensorLike

_X = Array((2, 3, 4))


@primitive(
    shape=shapes.reshape,
    samples=(sample(_X, (6, 4)), sample(_X, (-1, 8)), sample(Array(()), (1, 1)), sample(_X, -1)),
    ref=np.reshape,
    composite=LIKE_FIRST,
    spaces=NUMPY,
)
def reshape(x: TensorLike, newshape: int | Sequence[int]) -> Tensor:
    """Return x with the shape `newshape`, in row-major order; one dimension may be -1.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.reshape([1, 2, 3, 4], (2, -1))).tolist()
    [[1, 2], [3, 4]]
    """


@primitive(
    shape=shapes.transpose,
    samples=(sample(_X), sample(_X, (1, 2, 0))),
    ref=np.transpose,
    composite=LIKE_FIRST,
    spaces=NUMPY,
)
def transpose(x: TensorLike, axes: Sequence[int] | None = None) -> Tensor:
    """Return x with its axes in the order `axes` (None: reversed).

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.transpose([[1, 2], [3, 4]])).tolist()
    [[1, 3], [2, 4]]
    """


@primitive(
    shape=shapes.expand_dims,
    samples=(sample(_X, 1), sample(_X, -1), sample(_X, (0, 2))),
    ref=np.expand_dims,
    composite=LIKE_FIRST,
    spaces=NUMPY,
)
def expand_dims(x: TensorLike, axis: int | Sequence[int]) -> Tensor:
    """Return x with axes of size 1 inserted, at the positions `axis` of the result.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.expand_dims([1, 2], 1)).tolist()
    [[1], [2]]
    """


@primitive(
    shape=shapes.squeeze,
    samples=(sample(Array((1, 3, 1))), sample(Array((1, 3, 1)), 0)),
    ref=np.squeeze,
    composite=LIKE_FIRST,
    spaces=NUMPY,
)
def squeeze(x: TensorLike, axis: int | Sequence[int] | None = None) -> Tensor:
    """Return x without its axes of size 1, or without those that `axis` names.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.squeeze([[[1], [2]]])).tolist()
    [1, 2]
    """


def _concatenated_mask(masks: list[Any], slots: list[Any]) -> Any:
    xs, axis = slots
    return joined_masks(concatenate, masks, xs, axis % len(xs[0].shape))


def _stacked_mask(masks: list[Any], slots: list[Any]) -> Any:
    xs, axis = slots
    return joined_masks(stack, masks, xs, axis % (1 + len(xs[0].shape)))


@primitive(
    shape=shapes.concatenate,
    dtype=PROMOTE,
    mask=_concatenated_mask,
    samples=(sample([_X, _X], 1), sample([_X, Array((1, 3, 4))], 0)),
    ref=np.concatenate,
    composite=LIKE_ALL,
    spaces=NUMPY,
)
def concatenate(xs: Tensors, axis: int = 0) -> Tensor:
    """Return the tensors joined along `axis`; elsewhere their shapes are equal.

    Masks are joined too where `axis` is one of theirs (a tensor without a mask counts everywhere); along another axis
    a step counts where it does in any mask.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.concatenate([[1, 2], [3]])).tolist()
    [1, 2, 3]
    """


@primitive(
    shape=shapes.stack,
    dtype=PROMOTE,
    mask=_stacked_mask,
    samples=(sample([_X, _X], 1), sample([_X, _X, _X], -1)),
    ref=np.stack,
    composite=LIKE_ALL,
    spaces=NUMPY,
)
def stack(x: Tensors, axis: int = 0) -> Tensor:
    """Return the tensors, all of one shape, joined along a new axis.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.stack([[1, 2], [3, 4]], axis=1)).tolist()
    [[1, 3], [2, 4]]
    """


def _parts(x: KerasTensor, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[KerasTensor]:
    at = shapes.axis_of(axis, x.ndim)
    size = x.shape[at]
    assert size is not None
    if isinstance(indices_or_sections, int):
        if unknown(indices_or_sections):
            raise ShapeError("The number of parts of a split must be known; it is that of an unknown dimension.")
        if size % indices_or_sections and not unknown(size):
            raise ShapeError(f"Can't split an axis of size {size} into {indices_or_sections} equal parts.")
        lengths = [size // indices_or_sections] * indices_or_sections
    else:
        cuts = [0, *(min(i if i >= 0 else i + size, size) for i in indices_or_sections), size]
        lengths = [max(b - a, 0) for a, b in zip(cuts, cuts[1:], strict=False)]
    return [KerasTensor((*x.shape[:at], n, *x.shape[at + 1 :]), x.dtype) for n in lengths]


@primitive(infer=_parts, samples=(sample(_X, 3, 1), sample(_X, [1, 3], axis=-1)), ref=np.split, spaces=NUMPY)
def split(x: TensorLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Return x cut along `axis` into equal parts (an integer), or before each of the given indices.

    >>> from kerasfront import ops
    >>> [ops.convert_to_numpy(x).tolist() for x in ops.split(ops.arange(4), 2)]
    [[0, 1], [2, 3]]
    """


@primitive(
    shape=lambda x, shape: _broadcast(x, shape),
    samples=(sample(Array((3, 1)), (2, 3, 4)),),
    ref=np.broadcast_to,
    spaces=NUMPY,
)
def broadcast_to(x: TensorLike, shape: Sequence[int]) -> Tensor:
    """Return x broadcast to `shape`.

    Raises:
        ShapeError: x's shape can't be broadcast to it.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.broadcast_to([1, 2], (2, 2))).tolist()
    [[1, 2], [1, 2]]
    """


def _broadcast(x: Any, shape: Any) -> tuple[int, ...]:
    target = shapes.given(shape)
    shapes.broadcast_shapes(tuple(x.shape), target)
    if len(target) < len(x.shape) or any(
        a != 1 and b == 1 for a, b in zip(reversed(x.shape), reversed(target), strict=False)
    ):
        raise ShapeError(f"The shape {tuple(x.shape)} can't be broadcast to {target}.")
    return target


def _columns(x: KerasTensor, num: int | None = None, axis: int = 0) -> list[KerasTensor]:
    at = shapes.axis_of(axis, x.ndim)
    size = x.shape[at]
    assert size is not None
    if num is not None and size != num and not unknown(size):
        raise ShapeError(f"Expected an axis of size {num} to unstack, got the shape {x.shape} and axis={axis}.")
    if num is None and unknown(size):
        raise ShapeError("Pass `num` to unstack an axis of unknown size.")
    return [KerasTensor((*x.shape[:at], *x.shape[at + 1 :]), x.dtype) for _ in range(size if num is None else num)]


@primitive(infer=_columns, samples=(sample(_X, 2), sample(_X, 4, axis=-1), sample(_X, 3, 1)))
def unstack(x: TensorLike, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """Return the slices of x along `axis`, in a list.

    Args:
        x: A tensor of rank 1 or more.
        num: The size of the axis, needed only where it is unknown.
        axis: The axis that goes.

    Raises:
        ShapeError: The axis isn't of size `num`, or its size is unknown and there is no `num`.

    >>> from kerasfront import ops
    >>> [float(v) for v in ops.unstack(ops.convert_to_tensor([1.0, 2.0]))]
    [1.0, 2.0]
    """


@derived(samples=(sample(_X, 0, 2), sample(_X, -1, 0)), ref=np.swapaxes, spaces=NUMPY)
def swapaxes(x: TensorLike, axis1: int, axis2: int) -> Tensor:
    """Return x with two axes swapped.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.swapaxes([[1, 2], [3, 4]], 0, 1)).tolist()
    [[1, 3], [2, 4]]
    """
    rank = rank_of(x)
    a, b = shapes.axis_of(axis1, rank, "axis1"), shapes.axis_of(axis2, rank, "axis2")
    order = list(range(rank))
    order[a], order[b] = b, a
    return transpose(x, tuple(order))


@derived(samples=(sample(_X, 0, -1), sample(_X, (0, 1), (-1, 0))), ref=np.moveaxis, spaces=NUMPY)
def moveaxis(x: TensorLike, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Return x with the axes `source` moved to the positions `destination`; the others keep their order.

    >>> from kerasfront import ops
    >>> tuple(ops.moveaxis(ops.zeros((2, 3, 4)), 0, -1).shape)
    (3, 4, 2)
    """
    rank = rank_of(x)
    sources = [source] if isinstance(source, int) else list(source)
    targets = [destination] if isinstance(destination, int) else list(destination)
    if len(sources) != len(targets):
        raise ShapeError(f"Expected as many sources as destinations, got {source} and {destination}.")
    shapes.axes_of(sources, rank, "source")
    shapes.axes_of(targets, rank, "destination")
    order = [i for i in range(rank) if i not in [s % rank for s in sources]]
    for target, axis in sorted(zip([t % rank for t in targets], [s % rank for s in sources], strict=True)):
        order.insert(target, axis)
    return transpose(x, tuple(order))


@derived(samples=(sample(_X), sample(Array(()))), ref=np.ravel, spaces=NUMPY)
def ravel(x: TensorLike) -> Tensor:
    """Return x as a vector, in row-major order.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.ravel([[1, 2], [3, 4]])).tolist()
    [1, 2, 3, 4]
    """
    return reshape(x, (-1,)) if 0 not in tuple(dims_of(x)) else reshape(x, (0,))


def _tiled(x: Any, repeats: Any) -> tuple[int, ...]:
    rank = max(len(x.shape), len(repeats))
    dims = (1,) * (rank - len(x.shape)) + tuple(x.shape)
    return tuple(d * r for d, r in zip(dims, (1,) * (rank - len(repeats)) + tuple(repeats), strict=True))


@primitive(
    shape=_tiled,
    samples=(sample(Array((2, 3)), (2, 1)), sample(Array((2, 3)), (2, 1, 2)), sample(Array((2, 3)), (3,))),
    spaces=INTERNAL,
)
def tile_by(x: TensorLike, repeats: Sequence[int]) -> Tensor:
    """Return x repeated as a whole along each axis, axes being added in front where needed. `tile` calls this."""


@derived(
    samples=(
        sample(Array((2, 3)), 2),
        sample(Array((2, 3)), (2, 1, 2)),
        sample(Array(()), 3),
        sample(Array((2, 3)), (0, 1)),
    ),
    ref=np.tile,
    spaces=NUMPY,
)
def tile(x: TensorLike, repeats: int | Sequence[int]) -> Tensor:
    """Return x repeated as a whole, `repeats` times along each axis; missing axes, or repeats, count as 1 in front.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.tile([1, 2], 2)).tolist()
    [1, 2, 1, 2]
    """
    return tile_by(x, (repeats,) if isinstance(repeats, int) else tuple(repeats))


def _repeated(x: Any, repeats: Any, axis: int) -> tuple[Any, ...]:
    at = shapes.axis_of(axis, len(x.shape))
    size = x.shape[at] * repeats if isinstance(repeats, int) else sum(repeats)
    if not isinstance(repeats, int) and len(repeats) not in (1, x.shape[at]) and not unknown(x.shape[at]):
        raise ShapeError(f"Expected one number of repeats or {x.shape[at]}, got {len(repeats)}.")
    if not isinstance(repeats, int) and len(repeats) == 1:
        size = x.shape[at] * repeats[0]
    return (*x.shape[:at], size, *x.shape[at + 1 :])


@primitive(
    shape=_repeated,
    samples=(sample(_X, 2, 1), sample(_X, (1, 0, 2), -2), sample(_X, (3,), 0)),
    ref=np.repeat,
    spaces=INTERNAL,
)
def repeat_along(x: TensorLike, repeats: int | Sequence[int], axis: int) -> Tensor:
    """Return each slice along `axis` repeated. What `repeat` calls."""


@derived(
    samples=(sample(_X, 2), sample(_X, [1, 0, 2], 1), sample(Array(()), 3), sample(_X, 2, -1)),
    ref=np.repeat,
    spaces=NUMPY,
)
def repeat(x: TensorLike, repeats: int | Sequence[int], axis: int | None = None) -> Tensor:
    """Return each element of x repeated, along `axis` (None: of the flattened x).

    Args:
        x: A tensor.
        repeats: How often: an integer, or one for each slice along the axis (integers, or a tensor with values).
        axis: The axis that grows.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.repeat([1, 2], 2)).tolist(), ops.convert_to_numpy(ops.repeat([1, 2], [1, 2])).tolist()
    ([1, 1, 2, 2], [1, 2, 2])
    """
    if not isinstance(repeats, int) and not is_open(repeats):
        flat = np.asarray(repeats) if isinstance(repeats, Sequence) else _values(repeats)
        repeats = int(flat) if flat.ndim == 0 else tuple(int(r) for r in flat)
    return repeat_along(ravel(x), repeats, 0) if axis is None else repeat_along(x, repeats, axis)


def _values(x: Any) -> np.ndarray[Any, Any]:
    parts: list[Any] = unstack(x) if len(x.shape) else []
    return np.asarray([operator.index(v) for v in parts] if len(x.shape) else operator.index(x))


@derived(
    dtype=PROMOTE,
    samples=(sample(Array((2, 3)), Array((1, 3)), 0), sample(Array((2, 3)), Array((2,)))),
    ref=np.append,
    spaces=NUMPY,
)
def append(x1: TensorLike, x2: TensorLike, axis: int | None = None) -> Tensor:
    """Return x2 joined to the end of x1 along `axis` (None: both flattened).

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.append([1, 2], [3])).tolist()
    [1, 2, 3]
    """
    return concatenate([ravel(x1), ravel(x2)]) if axis is None else concatenate([x1, x2], axis)


def _at_least(x: Any, rank: int, front: bool = True) -> Any:
    x = convert_to_tensor(x)
    while len(x.shape) < rank:
        x = expand_dims(x, 0 if front else -1)
    return x


@derived(
    dtype=PROMOTE,
    samples=(
        sample([Array((2,)), Array((3,))]),
        sample([Array((2, 3)), Array((2, 1))]),
        sample([Array(()), Array(())]),
    ),
    ref=np.hstack,
    spaces=NUMPY,
)
def hstack(xs: Tensors) -> Tensor:
    """Return the tensors joined along the second axis; vectors and scalars along their only one.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.hstack([[1, 2], [3]])).tolist()
    [1, 2, 3]
    """
    wide = [_at_least(x, 1) for x in as_tensors(xs)]
    return concatenate(wide, 1 if rank_of(wide[0]) > 1 else 0)


@derived(
    dtype=PROMOTE,
    samples=(sample([Array((3,)), Array((3,))]), sample([Array((2, 3)), Array((1, 3))])),
    ref=np.vstack,
    spaces=NUMPY,
)
def vstack(xs: Tensors) -> Tensor:
    """Return the tensors joined along the first axis; vectors count as rows.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.vstack([[1, 2], [3, 4]])).tolist()
    [[1, 2], [3, 4]]
    """
    return concatenate([_at_least(x, 2) for x in as_tensors(xs)], 0)


@derived(
    dtype=PROMOTE,
    samples=(sample([Array((3,)), Array((3,))]), sample([Array((2, 3)), Array((2, 3))])),
    ref=np.dstack,
    spaces=NUMPY,
)
def dstack(xs: Tensors) -> Tensor:
    """Return the tensors joined along the third axis, which is added where missing; vectors count as rows.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.dstack([[1, 2], [3, 4]])).tolist()
    [[[1, 3], [2, 4]]]
    """
    return concatenate([_at_least(_at_least(x, 2), 3, front=False) for x in as_tensors(xs)], 2)


@derived(samples=(sample(_X, 2, 1), sample(_X, [1, 3], -1), sample(Array((7,)), 3)), ref=np.array_split, spaces=NUMPY)
def array_split(x: TensorLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Compute `split`, into parts of nearly equal size where the size doesn't divide: the first ones are longer by 1.

    >>> from kerasfront import ops
    >>> [ops.convert_to_numpy(x).tolist() for x in ops.array_split(ops.arange(5), 2)]
    [[0, 1, 2], [3, 4]]
    """
    if not isinstance(indices_or_sections, int):
        return split(x, tuple(indices_or_sections), axis)
    if indices_or_sections < 1:
        raise ShapeError(f"Expected a positive number of sections, got {indices_or_sections}.")
    each, longer = divmod(shapes.known(dims_of(x)[axis], "The size of the axis to split"), indices_or_sections)
    lengths = [each + 1] * longer + [each] * (indices_or_sections - longer)
    return split(x, tuple(int(c) for c in np.cumsum(lengths)[:-1]), axis)


@derived(samples=(sample(_X, 3), sample(Array((4,)), 2)), ref=np.hsplit, spaces=NUMPY)
def hsplit(x: TensorLike, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Return `split` along the second axis; of a vector, along its only one.

    >>> from kerasfront import ops
    >>> [ops.convert_to_numpy(x).tolist() for x in ops.hsplit(ops.array([[1, 2], [3, 4]]), 2)]
    [[[1], [3]], [[2], [4]]]
    """
    return split(x, indices_or_sections, 1 if rank_of(x) > 1 else 0)


@derived(samples=(sample(_X, 2),), ref=np.vsplit, spaces=NUMPY)
def vsplit(x: TensorLike, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Return `split` along the first axis, of a tensor of rank 2 or more.

    >>> from kerasfront import ops
    >>> [ops.convert_to_numpy(x).tolist() for x in ops.vsplit(ops.array([[1, 2], [3, 4]]), 2)]
    [[[1, 2]], [[3, 4]]]
    """
    _need_rank(x, 2, "vsplit")
    return split(x, indices_or_sections, 0)


@derived(samples=(sample(_X, 2),), ref=np.dsplit, spaces=NUMPY)
def dsplit(x: TensorLike, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Return `split` along the third axis.

    >>> from kerasfront import ops
    >>> [ops.convert_to_numpy(x).tolist() for x in ops.dsplit(ops.array([[[1, 2]]]), 2)]
    [[[[1]]], [[[2]]]]
    """
    _need_rank(x, 3, "dsplit")
    return split(x, indices_or_sections, 2)


def _need_rank(x: Any, rank: int, name: str) -> None:
    if len(x.shape) < rank:
        raise ShapeError(f"{name} needs a tensor of rank {rank} or more, got the shape {tuple(x.shape)}.")


# ---- patterns -----------------------------------------------------------------------------------------------------


def _groups(side: str) -> list[list[str]]:
    """Return one side of a pattern, such as "a (b c) 1", as lists of names: [[a], [b, c], []]."""
    out: list[list[str]] = []
    inside = False
    for token in side.replace("(", " ( ").replace(")", " ) ").split():
        if token in "()":
            if inside == (token == "("):
                raise ShapeError(f"Unbalanced parentheses in the pattern {side!r}.")
            inside = token == "("
            if inside:
                out.append([])
        elif inside:
            out[-1] += [] if token == "1" else [token]
        else:
            out.append([] if token == "1" else [token])
    if inside:
        raise ShapeError(f"Unbalanced parentheses in the pattern {side!r}.")
    return out


def _open_ellipsis(groups: list[list[str]], names: list[str]) -> list[list[str]]:
    out: list[list[str]] = []
    for group in groups:
        if group == ["..."]:
            out += [[n] for n in names]
        else:
            out.append([m for n in group for m in (names if n == "..." else [n])])
    return out


@derived(
    samples=(
        sample(Array((2, 3, 4)), "a b c -> c (a b)"),
        sample(Array((6, 4)), "(a b) c -> b a c", a=2),
        sample(Array((2, 3, 4)), "b ... -> ... b"),
        sample(Array((2, 3)), "a b -> a 1 b"),
        sample(Array((2, 1, 3)), "a 1 b -> (a b)"),
    )
)
def rearrange(tensor: TensorLike, pattern: str, **axes_lengths: Any) -> Tensor:
    """Return axes reordered, merged and split as `pattern` says, in the notation of einops.

    Args:
        tensor: A tensor.
        pattern: The axes before and after an arrow: names, "1", "..." for those not named, parentheses around axes
            that are one axis of the tensor.
        **axes_lengths: Sizes of named axes, where they don't follow from the shape.

    Raises:
        ShapeError: The pattern is malformed, or doesn't fit the shape.

    Source: Rogozhnikov, Einops: Clear and reliable tensor manipulations with Einstein-like notation, 2022.

    >>> from kerasfront import ops
    >>> tuple(ops.rearrange(ops.zeros((2, 6)), "a (b c) -> (a b) c", c=3).shape)
    (4, 3)
    """
    if pattern.count("->") != 1:
        raise ShapeError(f"Expected a pattern like 'a b -> b a', got {pattern!r}.")
    left, right = (_groups(side) for side in pattern.split("->"))
    rank = rank_of(tensor)
    hidden = [f"...{i}" for i in range(rank - sum(group != ["..."] for group in left))] if ["..."] in left else []
    left, right = _open_ellipsis(left, hidden), _open_ellipsis(right, hidden)
    if len(left) != rank:
        raise ShapeError(
            f"The pattern {pattern!r} names {len(left)} axes; the tensor has the shape {tuple(dims_of(tensor))}."
        )
    before, after = [n for g in left for n in g], [n for g in right for n in g]
    if sorted(before) != sorted(after) or len(set(before)) != len(before):
        raise ShapeError(f"Expected each axis once on both sides of the pattern {pattern!r}.")
    sizes = _sizes(left, shape_of(tensor), axes_lengths, pattern)
    out = reshape(tensor, tuple(sizes[n] for n in before))
    out = transpose(out, tuple(before.index(n) for n in after))
    return reshape(out, tuple(_product([sizes[n] for n in group]) for group in right))


def _product(values: Sequence[Any]) -> Any:
    out: Any = 1
    for value in values:
        out = out * value
    return out


def _sizes(groups: list[list[str]], dims: Sequence[Any], lengths: dict[str, Any], pattern: str) -> dict[str, Any]:
    """Return the size of each named axis."""
    sizes = dict(lengths)
    for group, size in zip(groups, dims, strict=True):
        open_ = [n for n in group if n not in sizes]
        product = _product([sizes[n] for n in group if n in sizes])
        if len(open_) > 1:
            raise ShapeError(
                f"Give the sizes of all but one of the axes {', '.join(open_)} of the pattern {pattern!r}."
            )
        if open_:
            if isinstance(size, int) and size % product and not unknown(size):
                raise ShapeError(f"An axis of size {size} can't be split by {product}, as {pattern!r} asks.")
            sizes[open_[0]] = size // product
        elif isinstance(size, int) and product != size and not unknown(size):
            raise ShapeError(
                f"The axes ({' '.join(group)}) make {product} in the pattern {pattern!r}; the tensor has {size}."
            )
    return sizes

"""The shape rules that op declarations share.

A rule is called with an op's own arguments, tensors being `KerasTensor`s whose dims are integers, and returns the
shape of the result. Dims that derive from an unknown one are large; `unknown` tells them. The error texts live here.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from kerasfront.errors import ShapeError as ShapeError
from kerasfront.spec.symbolic import unknown as unknown

Shape = tuple[int, ...]
Rule = TypeVar("Rule", bound=Callable[..., Shape])

# What the docstrings of ops say of their results, by the shape rule.
SENTENCES: dict[Callable[..., Shape], str] = {}


def says(sentence: str) -> Callable[[Rule], Rule]:
    """Give a shape rule the sentence that the docstrings of its ops say."""

    def mark(rule: Rule) -> Rule:
        SENTENCES[rule] = sentence
        return rule

    return mark


def _as_shape(x: Any) -> Shape:
    shape = getattr(x, "shape", None)
    if shape is None:
        return _shape_of_list(x) if isinstance(x, (list, tuple)) else ()
    return tuple(shape)


def _shape_of_list(x: Any) -> Shape:
    return (len(x), *(_as_shape(x[0]) if len(x) else ()))


def axis_of(axis: Any, ndim: int, name: str = "axis") -> int:
    """`axis` as a number from 0; raises `ShapeError` where the rank has no such axis."""
    try:
        number = operator.index(axis)
    except TypeError:
        raise ShapeError(f"Expected `{name}` to be an integer, got {axis!r}.") from None
    if not -ndim <= number < ndim:
        raise ShapeError(f"Expected `{name}` between {-ndim} and {ndim - 1} for a tensor of rank {ndim}, got {axis}.")
    return number % ndim


def known(size: Any, what: str) -> int:
    """`size` as an integer; raises `ShapeError` where a graph is traced that doesn't know it."""
    if not isinstance(size, int):
        raise ShapeError(f"{what} must be known when the graph is traced, got {size}.")
    return size


def axes_of(axis: Any, ndim: int, name: str = "axis") -> Shape:
    """`axis` (None: all, a number, or several) as ascending numbers from 0; refuses a repeated one."""
    if axis is None:
        return tuple(range(ndim))
    requested = axis if isinstance(axis, Sequence) else (axis,)
    out = tuple(sorted(axis_of(a, ndim, name) for a in requested))
    if len(set(out)) != len(out):
        raise ShapeError(f"Expected `{name}` to name each axis once, got {axis}.")
    return out


def broadcast_shapes(*shapes: Shape) -> Shape:
    """NumPy's broadcasting; an unknown dim gives way to a known one that isn't 1."""
    rank = max((len(s) for s in shapes), default=0)
    out = []
    for dims in zip(*((1,) * (rank - len(s)) + tuple(s) for s in shapes), strict=True):
        wide = [d for d in dims if d != 1]
        known = [d for d in wide if not unknown(d)]
        if len(set(known)) > 1:
            raise ShapeError(f"The shapes {', '.join(map(str, shapes))} can't be broadcast together.")
        out.append((known or wide or [1])[0])
    return tuple(out)


@says("The result has the shape of the first tensor.")
def same(x: Any, *args: Any, **kwargs: Any) -> Shape:
    """Return the shape of the first argument."""
    return _as_shape(x)


@says("The tensors broadcast; the result has the shape that they broadcast to.")
def broadcast(*args: Any, **kwargs: Any) -> Shape:
    """All arguments with a shape, broadcast together."""
    tensors = [a for a in (*args, *kwargs.values()) if hasattr(a, "shape") or isinstance(a, (list, tuple))]
    return broadcast_shapes(*(_as_shape(a) for a in tensors))


def scalar(*args: Any, **kwargs: Any) -> Shape:
    return ()


def reduced(shape: Shape, axis: Any, keepdims: bool) -> Shape:
    axes = axes_of(axis, len(shape))
    if keepdims:
        return tuple(1 if i in axes else d for i, d in enumerate(shape))
    return tuple(d for i, d in enumerate(shape) if i not in axes)


@says("The result lacks the axes `axis` (None: all), or has size 1 there where `keepdims` is true.")
def reduce(x: Any, axis: Any = None, keepdims: bool = False, **kwargs: Any) -> Shape:
    """`axis` (None: every axis) goes, or stays with size 1."""
    return reduced(_as_shape(x), axis, keepdims)


@says("The result has the tensor's shape.")
def along_axis(x: Any, axis: Any = -1, **kwargs: Any) -> Shape:
    """Return the shape of x, with `axis` checked; axis=None flattens."""
    shape = _as_shape(x)
    if axis is None:
        return (math.prod(shape),)
    axis_of(axis, len(shape))
    return shape


def matmul(x1: Any, x2: Any) -> Shape:
    a, b = _as_shape(x1), _as_shape(x2)
    if not a or not b:
        raise ShapeError(f"matmul needs tensors of rank 1 or more, got the shapes {a} and {b}.")
    inner, other = a[-1], b[-2] if len(b) > 1 else b[0]
    if inner != other and not (unknown(inner) or unknown(other)):
        raise ShapeError(f"matmul can't contract the shapes {a} and {b}: {inner} is not {other}.")
    batch = broadcast_shapes(a[:-2], b[:-2])
    return (*batch, *(a[-2:-1]), *(b[-1:] if len(b) > 1 else ()))


def reshape(x: Any, newshape: Any) -> Shape:
    shape = _as_shape(x)
    requested = [-1 if d is None else int(d) for d in (newshape if isinstance(newshape, Sequence) else (newshape,))]
    size, known = math.prod(shape), math.prod(d for d in requested if d != -1)
    if requested.count(-1) > 1:
        raise ShapeError(f"reshape can infer one dimension, got several -1 in {tuple(newshape)}.")
    if -1 in requested:
        if known == 0 or size % known:
            raise ShapeError(f"Can't reshape {shape} ({size} elements) to {tuple(requested)}.")
        requested[requested.index(-1)] = size // known
    elif known != size and not unknown(size):
        raise ShapeError(f"Can't reshape {shape} ({size} elements) to {tuple(requested)}.")
    return tuple(requested)


def transpose(x: Any, axes: Any = None) -> Shape:
    shape = _as_shape(x)
    if axes is None:
        return shape[::-1]
    order = [axis_of(a, len(shape), "axes") for a in axes]
    if sorted(order) != list(range(len(shape))):
        raise ShapeError(f"Expected `axes` to be a permutation of {len(shape)} axes, got {tuple(axes)}.")
    return tuple(shape[a] for a in order)


def expand_dims(x: Any, axis: Any) -> Shape:
    shape = _as_shape(x)
    requested = axis if isinstance(axis, Sequence) else (axis,)
    axes = axes_of(requested, len(shape) + len(requested))
    rest = iter(shape)
    return tuple(1 if i in axes else next(rest) for i in range(len(shape) + len(axes)))


def squeeze(x: Any, axis: Any = None) -> Shape:
    shape = _as_shape(x)
    if axis is None:
        return tuple(d for d in shape if d != 1)
    axes = axes_of(axis, len(shape))
    if any(shape[a] != 1 and not unknown(shape[a]) for a in axes):
        raise ShapeError(f"Can't squeeze axis {axis} of the shape {shape}: its size is not 1.")
    return tuple(d for i, d in enumerate(shape) if i not in axes)


def concatenate(xs: Any, axis: Any = 0) -> Shape:
    shapes = [_as_shape(x) for x in xs]
    if not shapes:
        raise ShapeError("Expected at least one tensor to concatenate, got none.")
    at = axis_of(axis, len(shapes[0]))
    rests = [s[:at] + s[at + 1 :] for s in shapes]
    if any(len(r) != len(rests[0]) for r in rests) or any(differ(r, rests[0]) for r in rests):
        raise ShapeError(f"Can't concatenate the shapes {', '.join(map(str, shapes))} along axis {axis}.")
    rest = broadcast_shapes(*rests)
    return (*rest[:at], sum(s[at] for s in shapes), *rest[at:])


def stack(x: Any, axis: Any = 0) -> Shape:
    shapes = [_as_shape(t) for t in x]
    if not shapes or any(len(s) != len(shapes[0]) or differ(s, shapes[0]) for s in shapes):
        raise ShapeError(f"Can only stack tensors of one shape, got {', '.join(map(str, shapes)) or 'none'}.")
    at = axis_of(axis, len(shapes[0]) + 1)
    return (*shapes[0][:at], len(shapes), *shapes[0][at:])


def differ(a: Sequence[Any], b: Sequence[Any]) -> bool:
    """Whether two shapes of one rank have different sizes, where both are known."""
    return any(m != n and not (unknown(m) or unknown(n)) for m, n in zip(a, b, strict=True))


@says("In the result the axes of `indices` stand in the place of `axis`.")
def take(x: Any, indices: Any, axis: Any = None) -> Shape:
    shape, picked = _as_shape(x), _as_shape(indices)
    if axis is None:
        return picked
    at = axis_of(axis, len(shape))
    return (*shape[:at], *picked, *shape[at + 1 :])


@says("The result has the shape `shape`.")
def given(shape: Any, *args: Any, **kwargs: Any) -> Shape:
    """Return the shape that the argument `shape` says."""
    return tuple(int(d) for d in (shape if isinstance(shape, Sequence) else (shape,)))


# ---- sliding windows ----------------------------------------------------------------------------------------------


def per_axis(value: Any, rank: int, name: str) -> Shape:
    """`value` as a tuple of `rank` integers."""
    out = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(out) != rank or any(not isinstance(v, int) or v < 1 for v in out):
        raise ShapeError(f"Expected `{name}` to be a positive integer or {rank} of them, got {value!r}.")
    return out


def window_length(size: int, window: int, stride: int, padding: str, dilation: int = 1) -> int:
    """Return the length of a sliding window's output: "same" is ceil(size / stride), "valid" drops the rest."""
    if padding == "same":
        return -(-size // stride)
    reach = dilation * (window - 1) + 1
    if padding == "causal":
        size += reach - 1
    if size < reach:
        raise ShapeError(f"A window that reaches over {reach} does not fit into a dimension of size {size}.")
    return (size - reach) // stride + 1


def split_channels(shape: Shape, data_format: str) -> tuple[int, Shape, int]:
    """(batch, spatial dims, channels) of an input's shape."""
    if data_format == "channels_last":
        return shape[0], shape[1:-1], shape[-1]
    return shape[0], shape[2:], shape[1]


def join_channels(batch: int, spatial: Sequence[int], channels: int, data_format: str) -> Shape:
    return (batch, *spatial, channels) if data_format == "channels_last" else (batch, channels, *spatial)

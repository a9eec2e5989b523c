"""Resizing images: interpolation by weights along each axis, crops and paddings to an aspect ratio."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from kerasfront.errors import ShapeError
from kerasfront.ops.core import cast, convert_to_tensor, dtype_of, is_open
from kerasfront.ops.core import shape as shape_of
from kerasfront.ops.creation import arange, full
from kerasfront.ops.declare import IMAGE, INTERNAL, Array, Indices, derived, sample
from kerasfront.ops.declare.bodies import as_tensor, dims_of, rank_of
from kerasfront.ops.elementwise import (
    abs,
    logical_and,
    maximum,
    minimum,
    select_where,
)
from kerasfront.ops.elementwise import sin as sine
from kerasfront.ops.image._layouts import ALL, FLOATS, GREY, PICTURE, Layout, like, one_of, pair, to_float
from kerasfront.ops.indexing import dynamic_slice, get_item, take
from kerasfront.ops.matrices import matmul
from kerasfront.ops.reduce import sum
from kerasfront.ops.shaping import concatenate, expand_dims, stack, swapaxes, unstack
from kerasfront.spec import KerasTensor, shapes, unknown
from kerasfront.spec.dtypes import SAME
from kerasfront.typing import Tensor, TensorLike

_RADIUS = {"bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}
_METHODS = {
    "linear": "bilinear",
    "bilinear": "bilinear",
    "trilinear": "bilinear",
    "cubic": "bicubic",
    "bicubic": "bicubic",
    "tricubic": "bicubic",
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
}
INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5", "area")


# Up to this number of rows they are picked one by one; more are multiplied by a matrix that is mostly zero.
_FEW = 6


class _Host:
    """The functions that weights are computed with, where all is known; `_Graph` has them where a scale is a tensor."""

    where: Callable[..., Any] = staticmethod(np.where)
    sin: Callable[..., Any] = staticmethod(np.sin)
    maximum: Callable[..., Any] = staticmethod(np.maximum)
    absolute: Callable[..., Any] = staticmethod(np.abs)
    total: Callable[..., Any] = staticmethod(lambda x: np.sum(x, 0, keepdims=True))


class _Graph:
    where = staticmethod(lambda c, a, b: select_where(c, a, b))
    sin = staticmethod(lambda x: sine(x))
    maximum = staticmethod(lambda a, b: maximum(a, b))
    absolute = staticmethod(lambda x: abs(x))
    total = staticmethod(lambda x: sum(x, 0, keepdims=True))


def _kernel(x: Any, method: str, f: Any) -> Any:
    """Return the interpolation kernel at distances x >= 0 (Keys' cubic has a = -1/2)."""
    if method == "bilinear":
        return f.maximum(1.0 - x, 0.0)
    if method == "bicubic":
        near, far = ((1.5 * x - 2.5) * x) * x + 1.0, ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
        return f.where(x < 1.0, near, f.where(x < 2.0, far, 0.0 * x))
    radius = float(_RADIUS[method])
    away = f.where(x > 1e-3, x, 0.0 * x + 1.0)
    value = radius * f.sin(math.pi * away) * f.sin(math.pi * away / radius) / (math.pi**2 * away * away)
    # The series is used near 0, where the quotient of small sines loses its digits.
    series = 1.0 - x * x * (math.pi**2 / 6 * (1 + 1 / radius**2))
    return f.where(x > 1e-3, f.where(x < radius, value, 0.0 * x), series)


def _weights(positions: Any, places: Any, size: Any, widened: Any, method: str, f: Any, tiny: float) -> Any:
    """Return what each input at `places` (size, 1) contributes at `positions` (1, outputs), as a matrix."""
    weights = _kernel(f.absolute(positions - places) / widened, method, f)
    total = f.total(weights)
    whole = f.absolute(total) > 1000 * tiny
    weights = f.where(whole, weights / f.where(whole, total, 0.0 * total + 1.0), 0.0 * weights)
    # Inputs contribute nothing at a position outside of the picture.
    inside = (positions >= -0.5) & (positions <= size - 0.5) if f is _Host else _inside(positions, size)
    return f.where(inside, weights, 0.0 * weights)


def _inside(positions: Any, size: Any) -> Any:
    return logical_and(positions >= -0.5, positions <= size - 0.5)


@lru_cache(maxsize=256)
def resize_weights(size: int, length: int, method: str, antialias: bool) -> np.ndarray[Any, Any]:
    """Return the matrix (size, wanted) by which an axis is resized.

    Each pixel is the middle of its square.
    """
    if method == "area":
        edges = np.arange(length + 1) * (size / length)
        left, right = edges[:-1], edges[1:]
        places = np.arange(size)[:, None]
        overlap = np.minimum(right, places + 1) - np.maximum(left, places)
        return np.maximum(overlap, 0) / (right - left)
    step = size / length
    positions = (np.arange(length) + 0.5) * step - 0.5
    widened = builtins.max(step, 1.0) if antialias else 1.0
    out: np.ndarray[Any, Any] = _weights(
        positions[None], np.arange(size)[:, None], size, widened, method, _Host, float(np.finfo("float32").eps)
    )
    return out


def _along(x: Any, axis: int, weights: Any) -> Any:
    """Return x with an axis contracted with the first of `weights`, and replaced by the second."""
    last = len(x.shape) - 1
    if axis == last:
        return matmul(x, weights)
    return swapaxes(matmul(swapaxes(x, axis, last), weights), axis, last)


_RESIZES = tuple(
    sample(Array((2, 5, 6, 3), 0.0, 1.0), size, method, antialias)
    for method in INTERPOLATIONS
    for size, antialias in (((7, 8), False), ((3, 4), False), ((3, 9), True))
)


def _resized(images: Any, size: Sequence[int], *args: Any) -> KerasTensor:
    return KerasTensor((images.shape[0], *size, images.shape[-1]), images.dtype)


@derived(
    infer=_resized,
    dtype=SAME,
    dtypes_tested=("float32", "float64"),
    tolerance=4,
    samples=(
        sample(PICTURE, (7, 8), False),
        sample(PICTURE, (3, 4), False),
        sample(PICTURE, (3, 9), True),
        sample(PICTURE, (5, 6), True),
    ),
    spaces=INTERNAL,
)
def resize_bilinear(images: TensorLike, size: Sequence[int], antialias: bool) -> Tensor:
    """Return float images (batch, height, width, channels) of another size, by linear interpolation."""
    if antialias or dtype_of(images) != "float32":
        return _by_weights(images, size, "bilinear", antialias)
    return resize_single(images, size)


@derived(
    infer=_resized,
    dtype=SAME,
    dtypes_tested=("float32",),
    tolerance=4,
    samples=(sample(PICTURE, (7, 8)), sample(PICTURE, (3, 4)), sample(PICTURE, (5, 6)), sample(PICTURE, (10, 2))),
    spaces=INTERNAL,
)
def resize_single(images: TensorLike, size: Sequence[int]) -> Tensor:
    """Compute `resize_bilinear` of float32 without antialias.

    It is an op of its own for frameworks whose kernel computes in that dtype only.
    """
    return _by_weights(images, size, "bilinear", False)


def _by_weights(images: Any, size: Sequence[int], method: str, antialias: bool) -> Any:
    name = dtype_of(images)
    for axis, length in enumerate(size, 1):
        have = shape_of(images)[axis]
        if not isinstance(have, int) or not isinstance(length, int):
            images = _along(images, axis, _graph_weights(have, length, method, antialias, name))
        elif have != length:
            images = _resized_axis(images, axis, resize_weights(have, length, method, bool(antialias)))
    return images


def _resized_axis(images: Any, axis: int, weights: np.ndarray[Any, Any]) -> Any:
    """Return an axis contracted with `weights`: row by row where few of them count for a pixel, else as one product."""
    count = int((weights != 0).sum(0).max())
    if count > _FEW:
        return _along(images, axis, convert_to_tensor(weights, dtype_of(images)))
    first = (weights != 0).argmax(0)
    shape = [1] * len(images.shape)
    shape[axis] = weights.shape[1]
    out = None
    for tap in range(count):
        rows = np.minimum(first + tap, weights.shape[0] - 1)
        counted = np.where(first + tap < weights.shape[0], weights[rows, np.arange(weights.shape[1])], 0.0)
        share = convert_to_tensor(counted.reshape(shape), dtype_of(images))
        term = take(images, rows.astype("int32"), axis) * share
        out = term if out is None else out + term
    return out


def _graph_weights(size: Any, length: Any, method: str, antialias: bool, dtype: str) -> Any:
    """Return `resize_weights` of an axis whose size, before or after, only the running graph knows."""
    have = cast(size, dtype)
    places = expand_dims(cast(arange(size), dtype), 1)
    step = have / cast(length, dtype)
    if method == "area":
        left = expand_dims(cast(arange(length), dtype), 0) * step
        overlap = minimum(left + step, places + 1.0) - maximum(left, places)
        return maximum(overlap, 0.0) / step
    positions = expand_dims((cast(arange(length), dtype) + 0.5) * step - 0.5, 0)
    widened = maximum(step, 1.0) if antialias else 1.0
    return _weights(positions, places, have, widened, method, _Graph, float(np.finfo("float32").eps))


@derived(
    infer=_resized, dtype=SAME, samples=_RESIZES, dtypes_tested=("float32", "float64"), tolerance=4, spaces=INTERNAL
)
def resize_images(images: TensorLike, size: Sequence[int], interpolation: str, antialias: bool) -> Tensor:
    """Return float images (batch, height, width, channels) of another size. `resize` calls this."""
    if interpolation == "bilinear":
        return resize_bilinear(images, size, antialias)
    if interpolation != "nearest":
        return _by_weights(images, size, interpolation, antialias)
    for axis, length in enumerate(size, 1):
        have = shape_of(images)[axis]
        if isinstance(have, int) and isinstance(length, int):
            places = ((2 * np.arange(length, dtype="int64") + 1) * have // (2 * length)).astype("int32")
        else:
            places = (2 * arange(length, dtype="int32") + 1) * have // (2 * length)
        images = take(images, places, axis)
    return as_tensor(images)


@derived(
    dtype=SAME,
    dtypes_tested=(*FLOATS, "uint8", "int32"),
    tolerance=4,
    samples=(
        sample(GREY, (3, 4)),
        sample(GREY, (7, 4), "bicubic"),
        sample(Array((5, 6, 3), 0, 50), (2, 2), "nearest"),
        sample(GREY, (2, 2), crop_to_aspect_ratio=True),
        sample(GREY, (2, 9), pad_to_aspect_ratio=True, fill_value=3.0),
        sample(Array((3, 4, 5), 0, 50), (2, 2), data_format="channels_first"),
    ),
    spaces=IMAGE,
)
def resize(
    images: TensorLike,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """Return images of another size, the same on every backend.

    A pixel is a square whose value belongs to its middle; weights that would fall outside of the picture are shared
    among those inside. (Keras's backends differ from each other in the cubic kernel and in the rounding of integers.)

    Args:
        images: One image or a batch.
        size: (height, width). In a graph of TensorFlow they may be scalar tensors, or a vector of them.
        interpolation: "nearest", "bilinear", "bicubic" (Keys, with a = -1/2), "lanczos3", "lanczos5", or "area" (the
            mean of what a new pixel covers).
        antialias: Whether the kernel is widened where the picture shrinks, so that every pixel counts.
        crop_to_aspect_ratio: Whether to cut the picture to the aspect ratio of `size` first, around its middle.
        pad_to_aspect_ratio: Whether to pad it to that aspect ratio first, by as many whole pixels on both sides.
        fill_mode: How to pad: "constant".
        fill_value: What to pad with.
        data_format: Where the channels are.

    Returns:
        A tensor of the same rank and dtype.

    Raises:
        ValueError: An option is unknown, both aspect-ratio options are set, or the rank isn't 3 or 4.

    >>> from kerasfront import ops
    >>> x = ops.reshape([0.0, 1.0, 2.0, 3.0], (2, 2, 1))
    >>> float(ops.image.resize(x, (1, 1), data_format="channels_last")[0, 0, 0])
    1.5
    """
    one_of("interpolation", interpolation, INTERPOLATIONS)
    one_of("fill_mode", fill_mode, ("constant",))
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("Expected one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` at most, got both.")
    height, width = _sizes(size)
    place = Layout(images, data_format)
    x = place.enter(images)
    _, tall, wide, _ = shape_of(x)
    if crop_to_aspect_ratio:
        x = cut_out(x, cropped_window(tall, wide, (height, width)))
    if pad_to_aspect_ratio:
        x = _padded_out(x, padded_window(tall, wide, (height, width)), fill_value)
    if interpolation == "nearest":
        return place.leave(resize_images(x, (height, width), interpolation, antialias))
    return place.leave(like(resize_images(to_float(x), (height, width), interpolation, antialias), dtype_of(images)))


def _sizes(size: Any) -> tuple[Any, Any]:
    """Return the height and the width that are asked for: integers, or scalar tensors in a graph."""
    if len(getattr(size, "shape", ())) == 1:
        size = unstack(size, 2)
    if isinstance(size, (list, tuple)) and len(size) == 2 and builtins.any(map(is_open, size)):
        return size[0], size[1]
    return pair(size, "size")


# (top, left, height, width) of the part of a picture that is resized; what begins below 0 is padded.
Window = tuple[Any, Any, Any, Any]


def cropped_window(height: Any, width: Any, size: Sequence[int]) -> Window:
    """Return the largest window with the aspect ratio of `size` in the middle of a picture.

    The sizes of the picture may be tensors.
    """
    tall = _most(_least(height, width * size[0] // size[1]), 1)
    wide = _most(_least(width, height * size[1] // size[0]), 1)
    return (height - tall) // 2, (width - wide) // 2, tall, wide


def padded_window(height: Any, width: Any, size: Sequence[int]) -> Window:
    """Return the smallest window about a picture that has the aspect ratio of `size`.

    It extends by whole pixels on both sides.
    """
    rows = _most(width * size[0] // size[1] - height, 0) // 2
    columns = _most(height * size[1] // size[0] - width, 0) // 2
    return -rows, -columns, height + 2 * rows, width + 2 * columns


def _least(a: Any, b: Any) -> Any:
    return builtins.min(a, b) if isinstance(a, int) and isinstance(b, int) else minimum(a, b)


def _most(a: Any, b: int) -> Any:
    return builtins.max(a, b) if isinstance(a, int) else maximum(a, b)


def cut_out(x: TensorLike, window: Window) -> Tensor:
    """Return a window of pictures (batch, height, width, channels), which lies inside of them.

    The place of the window may be a tensor.
    """
    top, left, tall, wide = window
    if builtins.all(isinstance(n, int) for n in window) and not builtins.any(unknown(d) for d in dims_of(x)[1:3]):
        return get_item(x, (ALL, builtins.slice(top, top + tall), builtins.slice(left, left + wide)))
    if isinstance(tall, int) and isinstance(wide, int):
        batch, _, _, channels = shape_of(x)
        start = stack([cast(n, "int32") for n in (0, top, left, 0)])
        return dynamic_slice(x, start, (batch, tall, wide, channels))
    x = take(x, top + arange(tall, dtype="int32"), 1)
    return take(x, left + arange(wide, dtype="int32"), 2)


def _padded_out(x: Any, window: Window, value: float) -> Any:
    rows, columns = -window[0], -window[1]
    return padded(padded(x, 1, rows, rows, value), 2, columns, columns, value)


def _any(count: Any) -> bool:
    """Return whether there may be any: only the running graph knows where it is a tensor."""
    return not isinstance(count, int) or count > 0


def padded(x: TensorLike, axis: int, before: Any, after: Any, value: float = 0.0) -> Tensor:
    """Return x with `value` before and after what is along an axis."""

    def filled(count: int) -> Any:
        shape = list(shape_of(x))
        shape[axis] = count
        return full(tuple(shape), value, dtype_of(x))

    parts = [filled(before)] if _any(before) else []
    parts += [x, *([filled(after)] if _any(after) else [])]
    return concatenate(parts, axis) if len(parts) > 1 else as_tensor(x)


@derived(
    dtype=SAME,
    dtypes_tested=("float32", "float64"),
    tolerance=8,
    differentiable=True,
    samples=tuple(
        sample(
            Array((5, 6, 2), 0.0, 1.0),
            (4, 7, 2),
            Array(values=[0.7, 1.3], dtype="float32"),
            Array(values=[0.5, -0.2], dtype="float32"),
            (0, 1),
            method,
            a,
        )
        for method in ("linear", "cubic", "lanczos3", "lanczos5")
        for a in (True, False)
    ),
    spaces=IMAGE,
)
def scale_and_translate(
    images: TensorLike,
    output_shape: Sequence[int],
    scale: Indices,
    translation: Indices,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Tensor:
    """Return images scaled and moved along some axes: position p of an axis goes to `scale * p + translation`.

    Positions count pixels as squares: the middle of the first is at 0.5. What comes from outside of the picture is 0.

    Args:
        images: A tensor of any rank.
        output_shape: The shape of the result; other axes than the spatial ones keep their size.
        scale: A tensor of shape (k,), for each of the spatial axes.
        translation: A tensor of shape (k,).
        spatial_dims: k axes.
        method: "linear" (also "bilinear", "trilinear"), "cubic" ("bicubic", "tricubic"), "lanczos3" or "lanczos5".
        antialias: Whether the kernel is widened where the picture shrinks.

    Returns:
        A tensor of `output_shape` and the dtype of the images.

    Raises:
        ValueError: The method is unknown, or the shapes don't fit.

    >>> from kerasfront import ops
    >>> x = ops.reshape([1.0, 2.0, 3.0], (3, 1))
    >>> y = ops.image.scale_and_translate(x, (3, 1), [1.0], [1.0], (0,), "linear")
    >>> ops.convert_to_numpy(y)[:, 0].tolist()
    [0.0, 1.0, 2.0]
    """
    kernel = _METHODS[one_of("method", method, tuple(_METHODS))]
    rank = rank_of(images)
    axes = [shapes.axis_of(a, rank, "spatial_dims") for a in spatial_dims]
    if len(output_shape) != rank or len(set(axes)) != len(axes):
        raise ShapeError(
            f"Expected `output_shape` of length {rank} and different `spatial_dims`, got "
            f"{tuple(output_shape)} and {tuple(spatial_dims)}."
        )
    if builtins.any(isinstance(n, int) and n < 0 for n in output_shape):
        raise ShapeError(f"Expected `output_shape` to hold no negative sizes, got {tuple(output_shape)}.")
    wide = dtype_of(to_float(images))
    x, scales, moves = to_float(images), cast(scale, wide), cast(translation, wide)
    sizes = shape_of(images)
    for i, axis in enumerate(axes):
        step = 1.0 / get_item(scales, i)
        positions = expand_dims((cast(arange(output_shape[axis]), wide) + 0.5 - get_item(moves, i)) * step - 0.5, 0)
        places = expand_dims(cast(arange(sizes[axis]), wide), 1)
        widened = maximum(step, 1.0) if antialias else 1.0
        tiny = float(np.finfo("float32").eps)
        size = sizes[axis] if isinstance(sizes[axis], int) else cast(sizes[axis], wide)
        x = _along(x, axis, _weights(positions, places, size, widened, kernel, _Graph, tiny))
    return like(x, dtype_of(images))

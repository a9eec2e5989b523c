"""Images: the public namespace `keras.ops.image`.

Images are tensors of shape (height, width, channels) or (batch, height, width, channels), or with the channels first,
by `data_format` ("channels_last", "channels_first", or None for `keras.config.image_data_format()`). Where images of
integers are interpolated, it is done in float32, and the result is rounded and kept within the range of the dtype.
"""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from typing import Any

import numpy as np

from kerasfront import config
from kerasfront.errors import ShapeError, suggest
from kerasfront.ops import _draws
from kerasfront.ops._declare import Indices, Tensor, derived
from kerasfront.ops._samples import Array, sample
from kerasfront.ops.convolution import depthwise_conv
from kerasfront.ops.core import cast, convert_to_tensor, dtype_of, saturate_cast
from kerasfront.ops.core import shape as shape_of
from kerasfront.ops.creation import arange, full, ones, zeros_like
from kerasfront.ops.elementwise import (
    abs,
    clip,
    floor,
    logical_and,
    maximum,
    minimum,
    mod,
    multiply,
    rint,
    select_where,
)
from kerasfront.ops.elementwise import sin as sine
from kerasfront.ops.indexing import get_item, take
from kerasfront.ops.linalg import matmul, solve
from kerasfront.ops.reduce import amax, amin, mean, sum
from kerasfront.ops.shaping import concatenate, expand_dims, reshape, squeeze, stack, swapaxes, transpose
from kerasfront.spec import KerasTensor, dtypes, shapes, unknown
from kerasfront.spec.dtypes import FLOATING, SAME

__all__ = [
    "affine_transform",
    "crop_images",
    "elastic_transform",
    "extract_patches",
    "extract_patches_3d",
    "gaussian_blur",
    "hsv_to_rgb",
    "map_coordinates",
    "pad_images",
    "perspective_transform",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "scale_and_translate",
    "sobel_edges",
    "ssim",
]

_PICTURE = Array((2, 5, 6, 3), 0.0, 1.0)
_GREY = Array((2, 5, 6, 1), 0.0, 50.0)
_FLOATS = ("bfloat16", "float16", "float32", "float64")
_ALL = builtins.slice(None)


# ---- layouts and dtypes -------------------------------------------------------------------------------------------


class _Layout:
    """Images brought to (batch, height, width, channels), or with one more spatial axis, and back."""

    def __init__(self, images: Any, data_format: str | None, spatial: int = 2) -> None:
        rank = len(images.shape)
        if rank not in (spatial + 1, spatial + 2):
            raise ShapeError(
                f"Expected images of rank {spatial + 1}, or {spatial + 2} with a batch, "
                f"got the shape {tuple(images.shape)}."
            )
        self.first = layout(data_format) == "channels_first"
        self.batched, self.spatial = rank == spatial + 2, spatial

    def enter(self, images: Any) -> Any:
        if not self.batched:
            images = expand_dims(images, 0)
        return transpose(images, (0, *range(2, self.spatial + 2), 1)) if self.first else images

    def leave(self, images: Any) -> Any:
        if self.first:
            rest = range(self.spatial + 2, len(images.shape))
            images = transpose(images, (0, self.spatial + 1, *range(1, self.spatial + 1), *rest))
        return images if self.batched else squeeze(images, 0)


def layout(data_format: str | None) -> str:
    """The data format, resolved and checked."""
    name = config.image_data_format() if data_format is None else data_format
    if name not in ("channels_last", "channels_first"):
        raise ValueError(f"Expected `data_format` to be 'channels_last' or 'channels_first', got {data_format!r}.")
    return name


def _to_float(images: Any) -> Any:
    name = dtype_of(images)
    return images if name in ("float32", "float64") else cast(images, "float32")


def _like(images: Any, dtype: str) -> Any:
    """Floats in the dtype of the images that they were made of."""
    if dtypes.is_float(dtype):
        return cast(images, dtype)
    return saturate_cast(rint(images), dtype)


def _one_of(name: str, value: Any, options: Sequence[str]) -> Any:
    if value not in options:
        raise ValueError(
            f"Expected `{name}` to be one of {', '.join(options)}, got {value!r}.{suggest(value, options)}"
        )
    return value


def _pair(value: Any, name: str) -> tuple[int, int]:
    height, width = shapes.per_axis(value, 2, name)
    return height, width


# ---- colours ------------------------------------------------------------------------------------------------------


def _channels(images: Any, wanted: Sequence[int]) -> None:
    if images.shape[-1] not in wanted and not unknown(images.shape[-1]):
        raise ShapeError(f"Expected images with {' or '.join(map(str, wanted))} channels, got {images.shape[-1]}.")


@derived(
    dtype=SAME,
    samples=(
        sample(_PICTURE),
        sample(Array((4, 5, 3), 0, 50)),
        sample(_GREY),
        sample(Array((3, 4, 5)), "channels_first"),
    ),
    dtypes_tested=(*_FLOATS, "uint8", "int32"),
)
def rgb_to_grayscale(images: Tensor, data_format: str | None = None) -> Tensor:
    """The brightness of each pixel: 0.2989 red + 0.5870 green + 0.1140 blue (ITU-R BT.601).

    Args:
        images: One image or a batch, of 3 channels; one channel is left as it is.
        data_format: Where the channels are.

    Returns:
        A tensor of the same dtype with one channel; integers are rounded down.

    Raises:
        ShapeError: The rank isn't 3 or 4, or there are other than 3 channels or 1.

    >>> from kerasfront import ops
    >>> grey = ops.image.rgb_to_grayscale(ops.ones((1, 1, 3)), data_format="channels_last")
    >>> tuple(grey.shape), round(float(grey[0, 0, 0]), 2)
    ((1, 1, 1), 1.0)
    """
    place = _Layout(images, data_format)
    x = place.enter(images)
    _channels(x, (3, 1))
    if x.shape[-1] == 1:
        return images
    weights = convert_to_tensor(np.array([0.2989, 0.5870, 0.1140]), dtype_of(_to_float(x)))
    return place.leave(cast(sum(_to_float(x) * weights, -1, keepdims=True), dtype_of(images)))


def _need_floats(images: Any) -> None:
    if not dtypes.is_float(dtype_of(images)):
        raise ValueError(f"Expected images of a float dtype, with values from 0 to 1, got {dtype_of(images)}.")


_COLOURS = (
    sample(_PICTURE),
    sample(Array((4, 5, 3), 0.05, 0.95)),
    sample(Array((3, 4, 5), 0.05, 0.95), "channels_first"),
)


@derived(dtype=SAME, samples=_COLOURS, dtypes_tested=_FLOATS, tolerance=4)
def rgb_to_hsv(images: Tensor, data_format: str | None = None) -> Tensor:
    """Hue, saturation and value of each pixel, all from 0 to 1.

    Args:
        images: One image or a batch, of 3 channels of floats from 0 to 1.
        data_format: Where the channels are.

    Returns:
        A tensor like images; grey has hue 0.

    Raises:
        ValueError: The dtype is no float dtype, the rank isn't 3 or 4, or there are other than 3 channels.

    >>> from kerasfront import ops
    >>> hsv = ops.image.rgb_to_hsv(ops.reshape([0.0, 1.0, 0.0], (1, 1, 3)), data_format="channels_last")
    >>> [round(v, 4) for v in ops.convert_to_numpy(hsv)[0, 0].tolist()]
    [0.3333, 1.0, 1.0]
    """
    _need_floats(images)
    place = _Layout(images, data_format)
    x = place.enter(images)
    _channels(x, (3,))
    x = _to_float(x)
    red, green, blue = (get_item(x, (Ellipsis, i)) for i in range(3))
    value = amax(x, -1)
    spread = value - amin(x, -1)
    grey = spread == 0
    safe = select_where(grey, 1.0, spread)
    by_blue = select_where(value == green, (blue - red) / safe + 2.0, (red - green) / safe + 4.0)
    sixths = select_where(value == red, mod((green - blue) / safe, 6.0), by_blue)
    hue = select_where(grey, 0.0, sixths / 6.0)
    saturation = select_where(value > 0, spread / select_where(value > 0, value, 1.0), 0.0)
    return place.leave(cast(stack([hue, saturation, value], -1), dtype_of(images)))


@derived(dtype=SAME, samples=_COLOURS, dtypes_tested=_FLOATS, tolerance=8)
def hsv_to_rgb(images: Tensor, data_format: str | None = None) -> Tensor:
    """The inverse of `rgb_to_hsv`.

    Args:
        images: One image or a batch, with hue, saturation and value as channels: floats from 0 to 1.
        data_format: Where the channels are.

    Returns:
        A tensor like images.

    Raises:
        ValueError: The dtype is no float dtype, the rank isn't 3 or 4, or there are other than 3 channels.

    >>> from kerasfront import ops
    >>> rgb = ops.image.hsv_to_rgb(ops.reshape([0.5, 1.0, 1.0], (1, 1, 3)), data_format="channels_last")
    >>> ops.convert_to_numpy(rgb)[0, 0].tolist()
    [0.0, 1.0, 1.0]
    """
    _need_floats(images)
    place = _Layout(images, data_format)
    x = place.enter(images)
    _channels(x, (3,))
    x = _to_float(x)
    hue, saturation, value = (get_item(x, (Ellipsis, builtins.slice(i, i + 1))) for i in range(3))
    # How far the hue is from that of the channel, in sixths of the circle: up to 1 it is full, from 2 on it is off.
    channel = mod(hue * 6.0 + convert_to_tensor(np.array([5.0, 3.0, 1.0]), dtype_of(x)), 6.0)
    share = clip(minimum(channel, 4.0 - channel), 0.0, 1.0)
    return place.leave(cast(value - value * saturation * share, dtype_of(images)))


# ---- resizing -----------------------------------------------------------------------------------------------------

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


# Up to how many rows are picked one by one, rather than multiplied by a matrix that is zero almost everywhere.
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
    """The interpolation kernel at distances x >= 0 (Keys' cubic has a = -1/2)."""
    if method == "bilinear":
        return f.maximum(1.0 - x, 0.0)
    if method == "bicubic":
        near, far = ((1.5 * x - 2.5) * x) * x + 1.0, ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
        return f.where(x < 1.0, near, f.where(x < 2.0, far, 0.0 * x))
    radius = float(_RADIUS[method])
    away = f.where(x > 1e-3, x, 0.0 * x + 1.0)
    value = radius * f.sin(math.pi * away) * f.sin(math.pi * away / radius) / (math.pi**2 * away * away)
    # Near 0 by the series: the quotient of small sines loses too much.
    series = 1.0 - x * x * (math.pi**2 / 6 * (1 + 1 / radius**2))
    return f.where(x > 1e-3, f.where(x < radius, value, 0.0 * x), series)


def _weights(positions: Any, places: Any, size: Any, widened: Any, method: str, f: Any, tiny: float) -> Any:
    """A matrix (size, outputs): what each input at `places` (size, 1) contributes at `positions` (1, outputs)."""
    weights = _kernel(f.absolute(positions - places) / widened, method, f)
    total = f.total(weights)
    whole = f.absolute(total) > 1000 * tiny
    weights = f.where(whole, weights / f.where(whole, total, 0.0 * total + 1.0), 0.0 * weights)
    # A position outside of the picture gets nothing.
    inside = (positions >= -0.5) & (positions <= size - 0.5) if f is _Host else _inside(positions, size)
    return f.where(inside, weights, 0.0 * weights)


def _inside(positions: Any, size: Any) -> Any:
    return logical_and(positions >= -0.5, positions <= size - 0.5)


@lru_cache(maxsize=256)
def resize_weights(size: int, wanted: int, method: str, antialias: bool) -> np.ndarray[Any, Any]:
    """The matrix (size, wanted) by which an axis is resized; for pixels of which each is the middle of its square."""
    if method == "area":
        edges = np.arange(wanted + 1) * (size / wanted)
        left, right = edges[:-1], edges[1:]
        places = np.arange(size)[:, None]
        overlap = np.minimum(right, places + 1) - np.maximum(left, places)
        return np.maximum(overlap, 0) / (right - left)
    step = size / wanted
    positions = (np.arange(wanted) + 0.5) * step - 0.5
    widened = builtins.max(step, 1.0) if antialias else 1.0
    out: np.ndarray[Any, Any] = _weights(
        positions[None], np.arange(size)[:, None], size, widened, method, _Host, float(np.finfo("float32").eps)
    )
    return out


def _along(x: Any, axis: int, weights: Any) -> Any:
    """x with an axis contracted with the first of `weights`, and replaced by the second."""
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
        sample(_PICTURE, (7, 8), False),
        sample(_PICTURE, (3, 4), False),
        sample(_PICTURE, (3, 9), True),
        sample(_PICTURE, (5, 6), True),
    ),
)
def resize_bilinear(images: Tensor, size: Sequence[int], antialias: bool) -> Tensor:
    """Float images (batch, height, width, channels) of another size, by linear interpolation."""
    return _by_weights(images, size, "bilinear", antialias)


def _by_weights(images: Any, size: Sequence[int], method: str, antialias: bool) -> Any:
    name = dtype_of(images)
    for axis, length in enumerate(size, 1):
        have = shape_of(images)[axis]
        if not isinstance(have, int):
            images = _along(images, axis, _graph_weights(have, length, method, antialias, name))
        elif have != length:
            images = _resized_axis(images, axis, resize_weights(have, length, method, bool(antialias)))
    return images


def _resized_axis(images: Any, axis: int, weights: np.ndarray[Any, Any]) -> Any:
    """An axis contracted with `weights`: row by row where few of them count for a pixel, else as one product."""
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


def _graph_weights(size: Any, wanted: int, method: str, antialias: bool, dtype: str) -> Any:
    """`resize_weights` of an axis whose size only the running graph knows."""
    have = cast(size, dtype)
    places = expand_dims(cast(arange(size), dtype), 1)
    step = have / wanted
    if method == "area":
        left = expand_dims(cast(arange(wanted), dtype), 0) * step
        overlap = minimum(left + step, places + 1.0) - maximum(left, places)
        return maximum(overlap, 0.0) / step
    positions = expand_dims((cast(arange(wanted), dtype) + 0.5) * step - 0.5, 0)
    widened = maximum(step, 1.0) if antialias else 1.0
    return _weights(positions, places, have, widened, method, _Graph, float(np.finfo("float32").eps))


@derived(infer=_resized, dtype=SAME, samples=_RESIZES, dtypes_tested=("float32", "float64"), tolerance=4)
def resize_images(images: Tensor, size: Sequence[int], interpolation: str, antialias: bool) -> Tensor:
    """Float images (batch, height, width, channels) of another size. What `resize` calls."""
    if interpolation == "bilinear":
        return resize_bilinear(images, size, antialias)
    if interpolation != "nearest":
        return _by_weights(images, size, interpolation, antialias)
    for axis, length in enumerate(size, 1):
        have = shape_of(images)[axis]
        if isinstance(have, int):
            places = ((2 * np.arange(length, dtype="int64") + 1) * have // (2 * length)).astype("int32")
        else:
            places = (2 * arange(length, dtype="int32") + 1) * have // (2 * length)
        images = take(images, places, axis)
    return images


@derived(
    dtype=SAME,
    dtypes_tested=(*_FLOATS, "uint8", "int32"),
    tolerance=4,
    samples=(
        sample(_GREY, (3, 4)),
        sample(_GREY, (7, 4), "bicubic"),
        sample(Array((5, 6, 3), 0, 50), (2, 2), "nearest"),
        sample(_GREY, (2, 2), crop_to_aspect_ratio=True),
        sample(_GREY, (2, 9), pad_to_aspect_ratio=True, fill_value=3.0),
        sample(Array((3, 4, 5), 0, 50), (2, 2), data_format="channels_first"),
    ),
)
def resize(
    images: Tensor,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """Images of another size, the same on every backend.

    A pixel is a square whose value belongs to its middle; weights that would fall outside of the picture are shared
    among those inside. (Keras's backends differ from each other in the cubic kernel and in the rounding of integers.)

    Args:
        images: One image or a batch.
        size: (height, width).
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
    _one_of("interpolation", interpolation, INTERPOLATIONS)
    _one_of("fill_mode", fill_mode, ("constant",))
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("Expected one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` at most, got both.")
    height, width = _pair(size, "size")
    place = _Layout(images, data_format)
    x = place.enter(images)
    _, tall, wide, _ = shape_of(x)
    if crop_to_aspect_ratio:
        x = cut_out(x, cropped_window(tall, wide, (height, width)))
    if pad_to_aspect_ratio:
        x = _padded_out(x, padded_window(tall, wide, (height, width)), fill_value)
    if interpolation == "nearest":
        return place.leave(resize_images(x, (height, width), interpolation, antialias))
    return place.leave(_like(resize_images(_to_float(x), (height, width), interpolation, antialias), dtype_of(images)))


# (top, left, height, width) of the part of a picture that is resized; what begins below 0 is padded.
Window = tuple[Any, Any, Any, Any]


def cropped_window(height: Any, width: Any, size: Sequence[int]) -> Window:
    """The largest window with the aspect ratio of `size` in the middle of a picture, whose sizes may be tensors."""
    tall = _most(_least(height, width * size[0] // size[1]), 1)
    wide = _most(_least(width, height * size[1] // size[0]), 1)
    return (height - tall) // 2, (width - wide) // 2, tall, wide


def padded_window(height: Any, width: Any, size: Sequence[int]) -> Window:
    """The smallest window about a picture that has the aspect ratio of `size`, up to whole pixels on both sides."""
    rows = _most(width * size[0] // size[1] - height, 0) // 2
    columns = _most(height * size[1] // size[0] - width, 0) // 2
    return -rows, -columns, height + 2 * rows, width + 2 * columns


def _least(a: Any, b: Any) -> Any:
    return builtins.min(a, b) if isinstance(a, int) and isinstance(b, int) else minimum(a, b)


def _most(a: Any, b: int) -> Any:
    return builtins.max(a, b) if isinstance(a, int) else maximum(a, b)


def cut_out(x: Any, window: Window) -> Any:
    """A window of pictures (batch, height, width, channels), which lies inside of them; its place may be a tensor."""
    for axis, (start, length) in enumerate(zip(window[:2], window[2:], strict=True), 1):
        if isinstance(start, int) and isinstance(length, int):
            x = get_item(x, (*[_ALL] * axis, builtins.slice(start, start + length)))
        else:
            x = take(x, start + arange(length, dtype="int32"), axis)
    return x


def _padded_out(x: Any, window: Window, value: float) -> Any:
    rows, columns = -window[0], -window[1]
    return _padded(_padded(x, 1, rows, rows, value), 2, columns, columns, value)


def _any(count: Any) -> bool:
    """Whether there may be any: only the running graph knows where it is a tensor."""
    return not isinstance(count, int) or count > 0


def _padded(x: Any, axis: int, before: Any, after: Any, value: float = 0.0) -> Any:
    """x with `value` before and after what is along an axis."""

    def filled(count: int) -> Any:
        shape = list(shape_of(x))
        shape[axis] = count
        return full(tuple(shape), value, dtype_of(x))

    parts = [filled(before)] if _any(before) else []
    parts += [x, *([filled(after)] if _any(after) else [])]
    return concatenate(parts, axis) if len(parts) > 1 else x


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
)
def scale_and_translate(
    images: Tensor,
    output_shape: Sequence[int],
    scale: Indices,
    translation: Indices,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Tensor:
    """Images scaled and moved along some axes: position p of an axis goes to `scale * p + translation`.

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
    kernel = _METHODS[_one_of("method", method, tuple(_METHODS))]
    rank = len(images.shape)
    axes = [shapes.axis_of(a, rank, "spatial_dims") for a in spatial_dims]
    if len(output_shape) != rank or len(set(axes)) != len(axes):
        raise ShapeError(
            f"Expected `output_shape` of length {rank} and different `spatial_dims`, got "
            f"{tuple(output_shape)} and {tuple(spatial_dims)}."
        )
    wide = dtype_of(_to_float(images))
    x, scales, moves = _to_float(images), cast(scale, wide), cast(translation, wide)
    sizes = shape_of(images)
    for i, axis in enumerate(axes):
        step = 1.0 / get_item(scales, i)
        positions = expand_dims((cast(arange(output_shape[axis]), wide) + 0.5 - get_item(moves, i)) * step - 0.5, 0)
        places = expand_dims(cast(arange(sizes[axis]), wide), 1)
        widened = maximum(step, 1.0) if antialias else 1.0
        tiny = float(np.finfo("float32").eps)
        size = sizes[axis] if isinstance(sizes[axis], int) else cast(sizes[axis], wide)
        x = _along(x, axis, _weights(positions, places, size, widened, kernel, _Graph, tiny))
    return _like(x, dtype_of(images))


# ---- sampling at coordinates --------------------------------------------------------------------------------------

FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


def _place(index: Any, size: Any, mode: str) -> Any:
    """Where an integer coordinate that may lie outside is looked up."""
    if mode == "wrap":
        return mod(index, size)
    if mode == "mirror":
        period = maximum(2 * (size - 1), 1) if not isinstance(size, int) else builtins.max(2 * (size - 1), 1)
        return (size - 1) - abs(mod(index, period) - (size - 1))
    if mode == "reflect":
        found = mod(index, 2 * size)
        return minimum(found, 2 * size - 1 - found)
    return index


def _looked_up(values: Any, base: Any, sizes: Sequence[Any], corner: Sequence[Any], mode: str, fill: float) -> Any:
    """The rows of `values` at integer coordinates; `base` is where each picture begins."""
    flat, inside = base, None
    for index, size in zip(corner, sizes, strict=True):
        if mode == "constant":
            here = logical_and(index >= 0, index < size)
            inside = here if inside is None else logical_and(inside, here)
        flat = flat * size + clip(_place(index, size, mode), 0, size - 1)
    found = take(values, flat, 0)
    if inside is None:
        return found
    if len(found.shape) > len(inside.shape):
        inside = expand_dims(inside, -1)
    return select_where(inside, found, cast(fill, dtype_of(found)))


def _interpolated(
    values: Any, base: Any, sizes: Sequence[Any], coordinates: Sequence[Any], order: int, mode: str, fill: float
) -> Any:
    """The rows of `values`, pictures flattened one after the other, interpolated at the coordinates."""
    if order == 0:
        return _looked_up(values, base, sizes, [_whole(floor(c + 0.5)) for c in coordinates], mode, fill)
    lower = [floor(c) for c in coordinates]
    shares = [cast(c - low, dtype_of(values)) for c, low in zip(coordinates, lower, strict=True)]
    starts = [_whole(low) for low in lower]
    total = None
    for corner in range(2 ** len(starts)):
        upper = [corner >> i & 1 for i in range(len(starts))]
        parts = [share if up else 1.0 - share for share, up in zip(shares, upper, strict=True)]
        weight = reduce(operator.mul, parts)
        found = _looked_up(values, base, sizes, [s + up for s, up in zip(starts, upper, strict=True)], mode, fill)
        term = found * (weight if len(found.shape) == len(weight.shape) else expand_dims(weight, -1))
        total = term if total is None else total + term
    return total


def _whole(x: Any) -> Any:
    # Far away is as good as farther away, and fits into an integer.
    return cast(clip(x, -(2.0**24), 2.0**24), "int32")


def _order(interpolation: str) -> int:
    return ("nearest", "bilinear").index(_one_of("interpolation", interpolation, ("nearest", "bilinear")))


def sampled(x: Any, rows: Any, columns: Any, order: int, mode: str, fill: float) -> Any:
    """Pictures (batch, height, width, channels) at rows and columns, both (batch, height', width').

    `order` is 0 for the nearest pixel and 1 for bilinear interpolation; `mode` and `fill` say what lies outside.
    """
    batch, height, width, channels = shape_of(x)
    values = reshape(_to_float(x), (batch * height * width, channels))
    base = reshape(arange(batch, dtype="int32"), (batch, 1, 1))
    return _like(_interpolated(values, base, (height, width), (rows, columns), order, mode, fill), dtype_of(x))


def _sizes_of(x: Any) -> tuple[Any, Any, str]:
    """Height and width, and the dtype of coordinates."""
    _, height, width, _ = shape_of(x)
    return height, width, dtype_of(_to_float(x))


def grid(x: Any) -> tuple[Any, Any]:
    """The row and the column of each pixel, (1, height, 1) and (1, 1, width)."""
    height, width, name = _sizes_of(x)
    rows, columns = cast(arange(height), name), cast(arange(width), name)
    return reshape(rows, (1, height, 1)), reshape(columns, (1, 1, width))


def _projected(x: Any, transform: Any) -> tuple[Any, Any]:
    """Where in the input each pixel of the output comes from."""
    rows, columns = grid(x)
    a = [reshape(get_item(transform, (_ALL, i)), (-1, 1, 1)) for i in range(8)]
    depth = a[6] * columns + a[7] * rows + 1.0
    return (a[3] * columns + a[4] * rows + a[5]) / depth, (a[0] * columns + a[1] * rows + a[2]) / depth


_MATRIX = [0.9, 0.2, 0.31, -0.1, 1.1, -0.43, 0.01, 0.02]
_MOVED = Array(values=[_MATRIX], dtype="float32")


@derived(
    dtype=SAME,
    dtypes_tested=("float32", "float64", "uint8"),
    tolerance=32,
    samples=(
        *(sample(_GREY, _MOVED, i, m, 7.0) for i, m in zip(("bilinear", "nearest") * 3, FILL_MODES, strict=False)),
        sample(Array((5, 6, 2), 0, 9), Array(values=_MATRIX, dtype="float32")),
        sample(Array((2, 5, 6), 0, 9), Array(values=_MATRIX, dtype="float32"), data_format="channels_first"),
    ),
)
def affine_transform(
    images: Tensor,
    transform: Indices,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Tensor:
    """Images moved, turned, sheared or projected.

    The pixel (x, y) of the result is taken from ((a0 x + a1 y + a2) / k, (a3 x + a4 y + a5) / k) of the input, with
    k = a6 x + a7 y + 1; x counts columns, y rows. (Keras heeds a6 and a7 on TensorFlow only.)

    Args:
        images: One image or a batch.
        transform: A tensor of shape (8,), or (batch, 8): a0 to a7.
        interpolation: "bilinear" or "nearest".
        fill_mode: What lies outside: "constant" (`fill_value`), "nearest" (a a a | a b c d | d d d), "wrap"
            (b c d | a b c d | a b c), "mirror" (d c b | a b c d | c b a) or "reflect" (c b a | a b c d | d c b).
        fill_value: A number.
        data_format: Where the channels are.

    Returns:
        A tensor like images.

    Raises:
        ValueError: An option is unknown, or a rank is wrong.

    >>> from kerasfront import ops
    >>> x = ops.reshape([1.0, 2.0, 3.0, 4.0], (2, 2, 1))
    >>> y = ops.image.affine_transform(x, [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0], data_format="channels_last")
    >>> ops.convert_to_numpy(y)[..., 0].tolist()
    [[2.0, 0.0], [4.0, 0.0]]
    """
    order = _order(interpolation)
    _one_of("fill_mode", fill_mode, FILL_MODES)
    if len(transform.shape) not in (1, 2) or transform.shape[-1] != 8:
        raise ShapeError(f"Expected `transform` of shape (8,) or (batch, 8), got {tuple(transform.shape)}.")
    place = _Layout(images, data_format)
    x = place.enter(images)
    a = cast(transform, _sizes_of(x)[2])
    rows, columns = _projected(x, expand_dims(a, 0) if len(a.shape) == 1 else a)
    return place.leave(sampled(x, rows, columns, order, fill_mode, fill_value))


_CORNERS = [[[0, 0], [5, 0], [0, 4], [5, 4]]]
_ENDS = [[[0.2, 0.5], [4.7, 0.3], [0.1, 3.9], [5.5, 4.2]]]


@derived(
    dtype=SAME,
    dtypes_tested=("float32", "float64", "uint8"),
    tolerance=64,
    samples=(
        sample(_GREY, Array(values=_CORNERS, dtype="float32"), Array(values=_ENDS, dtype="float32")),
        sample(
            Array((5, 6, 2), 0, 9),
            Array(values=_CORNERS[0], dtype="float32"),
            Array(values=_ENDS[0], dtype="float32"),
            "nearest",
            3,
        ),
    ),
)
def perspective_transform(
    images: Tensor,
    start_points: Indices,
    end_points: Indices,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Tensor:
    """Images projected so that four points come to lie elsewhere.

    Args:
        images: One image or a batch.
        start_points: Four points (x, y) of the input, of shape (4, 2) or (batch, 4, 2); x counts columns, y rows.
        end_points: Where they come to lie in the result, likewise.
        interpolation: "bilinear" or "nearest".
        fill_value: What comes from outside of the picture.
        data_format: Where the channels are.

    Returns:
        A tensor like images.

    Raises:
        ValueError: An option is unknown, or a shape is wrong.

    >>> from kerasfront import ops
    >>> x = ops.reshape([1.0, 2.0, 3.0, 4.0], (2, 2, 1))
    >>> corners = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    >>> flipped = [[1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
    >>> y = ops.image.perspective_transform(x, corners, flipped, data_format="channels_last")
    >>> ops.convert_to_numpy(y)[..., 0].round(3).tolist()
    [[2.0, 1.0], [4.0, 3.0]]
    """
    order = _order(interpolation)
    place = _Layout(images, data_format)
    x = place.enter(images)
    points = []
    for name, given in (("start_points", start_points), ("end_points", end_points)):
        if len(given.shape) not in (2, 3) or tuple(given.shape[-2:]) != (4, 2):
            raise ShapeError(f"Expected `{name}` of shape (4, 2) or (batch, 4, 2), got {tuple(given.shape)}.")
        floats = cast(given, _sizes_of(x)[2])
        points.append(expand_dims(floats, 0) if len(given.shape) == 2 else floats)
    rows, columns = _projected(x, homography(*points))
    return place.leave(sampled(x, rows, columns, order, "constant", fill_value))


def homography(to: Any, of: Any) -> Any:
    """The eight numbers of the projection that takes the points `of` to the points `to`, both (batch, 4, 2)."""
    x, y = get_item(of, (Ellipsis, 0)), get_item(of, (Ellipsis, 1))
    u, v = get_item(to, (Ellipsis, 0)), get_item(to, (Ellipsis, 1))
    one, zero = zeros_like(x) + 1.0, zeros_like(x)
    of_x = stack([x, y, one, zero, zero, zero, -u * x, -u * y], -1)
    of_y = stack([zero, zero, zero, x, y, one, -v * x, -v * y], -1)
    return solve(concatenate([of_x, of_y], -2), concatenate([u, v], -1))


_POINTS = [[-1.3, -0.4, 0.0, 0.6, 1.4, 2.9, 3.0, 3.2, 3.7, 5.1], [0.2, 0.3, 1.7, 2.2, 4.6, -0.7, 3.1, 2.8, 5.3, 0.1]]


@derived(
    dtype=SAME,
    dtypes_tested=("float32", "float64", "uint8"),
    tolerance=8,
    samples=(
        *(sample(Array((4, 5), 0, 9), Array(values=_POINTS, dtype="float32"), 1, m, 9.0) for m in FILL_MODES),
        sample(Array((4, 5), 0, 9), Array(values=_POINTS, dtype="float32"), 0, "reflect"),
        sample(Array((5,)), Array(values=[[0.5, 2.25]], dtype="float32"), 1),
        sample(Array((3, 4, 2)), Array((3, 2, 2), 0.1, 0.9, dtype="float32"), 1),
    ),
)
def map_coordinates(
    inputs: Tensor, coordinates: Indices, order: int, fill_mode: str = "constant", fill_value: float = 0
) -> Tensor:
    """A tensor interpolated at coordinates, as `scipy.ndimage.map_coordinates` does with its "grid" modes.

    Args:
        inputs: A tensor of rank n.
        coordinates: A float tensor of shape (n, ...): a coordinate for each axis; the first element is at 0.
        order: 0 for the nearest element (halves go up), 1 for linear interpolation.
        fill_mode: What lies outside: "constant" (`fill_value`), "nearest" (a a a | a b c d | d d d), "wrap"
            (b c d | a b c d | a b c), "mirror" (d c b | a b c d | c b a) or "reflect" (c b a | a b c d | d c b).
        fill_value: A number.

    Returns:
        A tensor of the shape coordinates.shape[1:] and the dtype of the inputs.

    Raises:
        ValueError: The order or the fill mode is another, or the shapes don't fit.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.image.map_coordinates([0.0, 10.0, 20.0], [[0.5, 2.0]], order=1)).tolist()
    [5.0, 20.0]
    """
    if order not in (0, 1):
        raise ValueError(f"Expected `order` to be 0 or 1, got {order!r}.")
    _one_of("fill_mode", fill_mode, FILL_MODES)
    rank = len(inputs.shape)
    if len(coordinates.shape) < 1 or (coordinates.shape[0] != rank and not unknown(coordinates.shape[0])):
        raise ShapeError(f"Expected `coordinates` of shape ({rank}, ...), got {tuple(coordinates.shape)}.")
    name = dtype_of(inputs)
    values = reshape(_to_float(inputs), (-1,))
    wide = dtypes.promote(dtype_of(values), dtype_of(_to_float(coordinates)))
    places = [get_item(cast(coordinates, wide), i) for i in range(rank)]
    out = _interpolated(values, 0, shape_of(inputs), places, order, fill_mode, fill_value)
    return _like(out, name)


def elastic_transform(
    images: Any,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Tensor:
    """Images with every pixel moved at random, neighbours alike: `alpha` times noise smoothed over `sigma` pixels.

    Reference: Simard et al. (2003), "Best practices for convolutional neural networks applied to visual document
    analysis".

    Args:
        images: One image or a batch; each is moved in its own way.
        alpha: The strength: the noise is uniform from -1 to 1 before it is smoothed.
        sigma: The standard deviation of the Gaussian that smooths it, in pixels.
        interpolation: "bilinear" or "nearest".
        fill_mode: What lies outside: "constant", "nearest", "wrap", "mirror" or "reflect", as in `affine_transform`.
        fill_value: The constant.
        seed: An integer, a `keras.random.SeedGenerator`, or None for the global one.
        data_format: Where the channels are.

    Returns:
        A tensor like images.

    Raises:
        ValueError: An option is unknown, or the rank isn't 3 or 4.

    >>> from kerasfront import ops
    >>> x = ops.ones((8, 8, 1))
    >>> y = ops.image.elastic_transform(x, alpha=3.0, sigma=2.0, seed=1, data_format="channels_last")
    >>> tuple(y.shape), round(float(ops.mean(y)), 4)
    ((8, 8, 1), 1.0)
    """
    return _elastic(images, alpha, sigma, interpolation, fill_mode, fill_value, seed, data_format)


def _shape_only(out: Any, *args: Any, **kwargs: Any) -> Any:
    return np.array(out.shape)


@derived(
    dtype=SAME,
    name="elastic_transform",
    dtypes_tested=("float32", "uint8"),
    canonical=_shape_only,
    differentiable=False,
    samples=(sample(_GREY, 3.0, 1.0, "bilinear", "reflect", 0.0, 7, "channels_last"),),
)
def _elastic(
    images: Tensor,
    alpha: float,
    sigma: float,
    interpolation: str,
    fill_mode: str,
    fill_value: float,
    seed: Any,
    data_format: str | None,
) -> Tensor:
    """What `elastic_transform` records."""
    order = _order(interpolation)
    _one_of("fill_mode", fill_mode, FILL_MODES)
    place = _Layout(images, data_format)
    x = place.enter(images)
    batch, height, width, _ = shape_of(x)
    name = dtype_of(_to_float(x))
    assert _draws.key_of is not None
    noise = _draws.uniform(_draws.key_of(seed), (batch, height, width, 2), -1.0, 1.0, name)
    taps = 2 * math.ceil(3 * sigma) + 1
    moves = _filtered(noise, (taps, taps), (sigma, sigma)) * float(alpha)
    rows, columns = grid(x)
    moved = rows + get_item(moves, (Ellipsis, 0)), columns + get_item(moves, (Ellipsis, 1))
    return place.leave(sampled(x, *moved, order, fill_mode, fill_value))


# ---- filters ------------------------------------------------------------------------------------------------------


def _bell(taps: int, sigma: float) -> np.ndarray[Any, Any]:
    """A Gaussian at `taps` integers around 0, of sum 1."""
    distance = np.arange(taps) - (taps - 1) / 2
    weights = np.exp(-0.5 * (distance / sigma) ** 2)
    out: np.ndarray[Any, Any] = weights / weights.sum()
    return out


def _filtered(x: Any, taps: Sequence[int], sigma: Sequence[float], padding: str = "same") -> Any:
    """Every channel of x (batch, height, width, channels) convolved with a Gaussian, an axis after the other."""
    channels = shapes.known(x.shape[-1], "The number of channels")
    for axis in (0, 1):
        shape = (taps[axis], 1) if axis == 0 else (1, taps[axis])
        bell = convert_to_tensor(_bell(taps[axis], sigma[axis]).reshape(*shape, 1, 1), dtype_of(x))
        kernel = multiply(bell, ones((1, 1, channels, 1), dtype_of(x)))
        x = depthwise_conv(x, kernel, 1, padding, "channels_last")
    return x


@derived(
    dtype=SAME,
    dtypes_tested=("float32", "float64", "uint8"),
    tolerance=8,
    samples=(
        sample(_GREY),
        sample(_PICTURE, (3, 5), (1.0, 0.5)),
        sample(Array((3, 5, 6), 0, 9), data_format="channels_first"),
    ),
)
def gaussian_blur(
    images: Tensor,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Sequence[float] = (1.0, 1.0),
    data_format: str | None = None,
) -> Tensor:
    """Images blurred by a Gaussian of sum 1; outside of the picture there are zeros.

    Args:
        images: One image or a batch.
        kernel_size: (height, width) of the kernel, in pixels.
        sigma: The standard deviations along height and width, in pixels.
        data_format: Where the channels are.

    Returns:
        A tensor like images.

    Raises:
        ValueError: A size or a deviation isn't positive, or the rank isn't 3 or 4.

    >>> from kerasfront import ops
    >>> y = ops.image.gaussian_blur(ops.ones((5, 5, 1)), data_format="channels_last")
    >>> round(float(y[2, 2, 0]), 4)
    1.0
    """
    taps = _pair(kernel_size, "kernel_size")
    widths = tuple(sigma) if isinstance(sigma, Sequence) else (sigma, sigma)
    if len(widths) != 2 or builtins.any(not s > 0 for s in widths):
        raise ValueError(f"Expected `sigma` to be two positive numbers, got {sigma!r}.")
    place = _Layout(images, data_format)
    x = place.enter(images)
    return place.leave(_like(_filtered(_to_float(x), taps, widths), dtype_of(images)))


@derived(
    dtype=FLOATING,
    dtypes_tested=("float32", "float64", "int32"),
    tolerance=4,
    samples=(sample(_GREY), sample(_PICTURE), sample(Array((2, 3, 4, 5)), "channels_first")),
)
def sobel_edges(images: Tensor, data_format: str | None = None) -> Tensor:
    """How fast each channel changes downwards and to the right, by the Sobel filters; mirrored at the borders.

    (Keras mirrors on TensorFlow, pads with zeros on JAX and torch, and repeats the border on NumPy.)

    Args:
        images: One image or a batch.
        data_format: Where the channels are.

    Returns:
        A float tensor of the shape of images and a last axis of size 2: (dy, dx).

    Raises:
        ShapeError: The rank isn't 3 or 4.

    >>> from kerasfront import ops
    >>> x = ops.reshape([0.0, 1.0, 2.0] * 3, (3, 3, 1))
    >>> ops.convert_to_numpy(ops.image.sobel_edges(x, data_format="channels_last"))[1, 1, 0].tolist()
    [0.0, 8.0]
    """
    place = _Layout(images, data_format)
    x = _to_float(place.enter(images))
    for axis in (1, 2):
        before = (*[_ALL] * axis, builtins.slice(1, 2))
        after = (*[_ALL] * axis, builtins.slice(-2, -1))
        x = concatenate([get_item(x, before), x, get_item(x, after)], axis)
    channels = shapes.known(x.shape[-1], "The number of channels")
    down = np.array([[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]])
    filters = convert_to_tensor(np.stack([down, down.T], -1)[:, :, None], dtype_of(x))
    kernel = multiply(filters, ones((1, 1, channels, 1), dtype_of(x)))
    edges = depthwise_conv(x, kernel, 1, "valid", "channels_last")
    batch, height, width, _ = shape_of(edges)
    return place.leave(cast(reshape(edges, (batch, height, width, channels, 2)), dtype_of(images)))


@derived(
    dtype=FLOATING,
    dtypes_tested=("float32", "float64"),
    tolerance=32,
    samples=(
        sample(Array((2, 12, 13, 3), 0.0, 1.0), Array((2, 12, 13, 3), 0.0, 1.0)),
        sample(Array((2, 8, 9), 0.0, 1.0), Array((2, 8, 9), 0.0, 1.0), 2.0, 5, data_format="channels_first"),
    ),
)
def ssim(
    image1: Tensor,
    image2: Tensor,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Tensor:
    """The structural similarity of images: 1 where they are equal.

    Reference: Wang et al. (2004), "Image quality assessment: from error visibility to structural similarity".

    Args:
        image1: One image or a batch.
        image2: Another, of the same shape.
        max_val: The range of the values: 1 for floats, 255 for 8 bits.
        filter_size: The size of the Gaussian window, in pixels; height and width must be as large.
        filter_sigma: Its standard deviation, in pixels.
        k1: What keeps the comparison of brightness stable.
        k2: What keeps the comparison of contrast stable.
        data_format: Where the channels are.

    Returns:
        A float tensor of shape (batch,), or a scalar: the mean over pixels and channels.

    Raises:
        ShapeError: The shapes differ, the rank isn't 3 or 4, or the window doesn't fit.

    >>> from kerasfront import ops
    >>> x = ops.ones((12, 12, 1))
    >>> round(float(ops.image.ssim(x, x, data_format="channels_last")), 4)
    1.0
    """
    if tuple(image1.shape) != tuple(image2.shape):
        raise ShapeError(f"Expected images of one shape, got {tuple(image1.shape)} and {tuple(image2.shape)}.")
    place = _Layout(image1, data_format)
    x, y = _to_float(place.enter(image1)), _to_float(place.enter(image2))
    if builtins.any(isinstance(n, int) and n < filter_size for n in x.shape[1:3]):
        raise ShapeError(f"A window of {filter_size} pixels doesn't fit into images of shape {tuple(image1.shape)}.")

    def smooth(z: Any) -> Any:
        return _filtered(z, (filter_size,) * 2, (filter_sigma,) * 2, "valid")

    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    mean_x, mean_y = smooth(x), smooth(y)
    brightness = (2.0 * mean_x * mean_y + c1) / (mean_x * mean_x + mean_y * mean_y + c1)
    both = smooth(x * y) - mean_x * mean_y
    spread = smooth(x * x + y * y) - mean_x * mean_x - mean_y * mean_y
    out = cast(mean(brightness * (2.0 * both + c2) / (spread + c2), (1, 2, 3)), dtype_of(image1))
    return out if place.batched else squeeze(out, 0)


# ---- patches, borders ---------------------------------------------------------------------------------------------


def _patches(
    images: Any, size: Any, strides: Any, dilation_rate: Any, padding: str, data_format: Any, rank: int
) -> Any:
    """Patches along `rank` spatial axes, flattened into channels: first the place in the patch, then the channel."""
    _one_of("padding", padding, ("valid", "same"))
    reach = shapes.per_axis(size, rank, "size")
    step = reach if strides is None else shapes.per_axis(strides, rank, "strides")
    gap = shapes.per_axis(dilation_rate, rank, "dilation_rate")
    place = _Layout(images, data_format, rank)
    x = place.enter(images)
    for i in range(rank):
        x = _cut(x, 1 + 2 * i, reach[i], step[i], gap[i], padding)
    # Now (batch, n0, p0, n1, p1, ..., channels): counts to the front, places in the patch behind them.
    order = (0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1)
    dims = shape_of(x)
    flat = math.prod(reach) * images.shape[1 if place.first and place.batched else 0 if place.first else -1]
    return place.leave(reshape(transpose(x, order), (dims[0], *(dims[1 + 2 * i] for i in range(rank)), flat)))


def _cut(x: Any, axis: int, reach: int, step: int, gap: int, padding: str) -> Any:
    """An axis as two: the patches, and the places in them."""
    size = shape_of(x)[axis]
    span = (reach - 1) * gap + 1
    if padding == "same":
        if not isinstance(size, int):
            raise ShapeError(f"Expected images of known size for padding='same', got the shape {tuple(x.shape)}.")
        more = builtins.max((-(-size // step) - 1) * step + span - size, 0)
        x = _padded(x, axis, more // 2, more - more // 2)
        size += more
    if isinstance(size, int) and size < span:
        raise ShapeError(f"A patch that reaches over {span} does not fit into a dimension of size {size}.")
    count = (size - span) // step + 1
    if step == span == reach:
        kept = get_item(x, (*[_ALL] * axis, builtins.slice(0, count * step)))
        dims = shape_of(x)
        return reshape(kept, (*dims[:axis], count, reach, *dims[axis + 1 :]))
    starts = reshape(arange(count, dtype="int32") * step, (count, 1))
    return take(x, starts + convert_to_tensor(np.arange(reach, dtype="int32") * gap), axis)


@derived(
    dtype=SAME,
    dtypes_tested=("float32", "float64", "uint8"),
    samples=(
        sample(_PICTURE, 2),
        sample(_GREY, (2, 3), strides=1),
        sample(_GREY, (3, 2), 2, padding="same"),
        sample(_GREY, 2, strides=1, dilation_rate=2),
        sample(Array((5, 6, 2)), 2, (1, 2), 2, "same"),
        sample(Array((2, 3, 4, 5)), 2, data_format="channels_first"),
        sample(Array((1, 4, 5, 6, 2)), (2, 2, 3)),
    ),
)
def extract_patches(
    images: Tensor,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Patches of images, each flattened into one vector.

    Args:
        images: One image or a batch; volumes where `size` has three numbers.
        size: (height, width) of a patch, or one number for both.
        strides: The distance from patch to patch; None means `size`: they touch and don't overlap.
        dilation_rate: The distance between neighbours in a patch.
        padding: "valid": only whole patches; "same": ceil(size / strides) of them, with zeros around the picture.
        data_format: Where the channels are.

    Returns:
        A tensor (batch, rows, columns, height * width * channels), or with the channels first: in a vector, the channel
        runs fastest, then the column.

    Raises:
        ValueError: An option is unknown, the rank is wrong, or no patch fits.

    >>> from kerasfront import ops
    >>> x = ops.reshape(ops.arange(16), (4, 4, 1))
    >>> ops.convert_to_numpy(ops.image.extract_patches(x, 2, data_format="channels_last"))[0].tolist()
    [[0, 1, 4, 5], [2, 3, 6, 7]]
    """
    rank = len(size) if isinstance(size, Sequence) and len(size) == 3 else 2
    return _patches(images, size, strides, dilation_rate, padding, data_format, rank)


@derived(
    dtype=SAME,
    dtypes_tested=("float32", "float64", "uint8"),
    samples=(
        sample(Array((1, 4, 5, 6, 2)), 2),
        sample(Array((4, 4, 5, 1)), (2, 2, 3), (1, 2, 1), padding="same"),
        sample(Array((1, 2, 4, 4, 4)), 2, 1, 2, data_format="channels_first"),
    ),
)
def extract_patches_3d(
    volumes: Tensor,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Patches of volumes, each flattened into one vector.

    Args:
        volumes: A tensor of shape (batch, depth, height, width, channels), or without the batch.
        size: (depth, height, width) of a patch, or one number for all.
        strides: The distance from patch to patch; None means `size`: they touch and don't overlap.
        dilation_rate: The distance between neighbours in a patch.
        padding: "valid": only whole patches; "same": ceil(size / strides) of them, with zeros around the volume.
        data_format: Where the channels are.

    Returns:
        A tensor (batch, planes, rows, columns, depth * height * width * channels), or with the channels first.

    Raises:
        ValueError: An option is unknown, the rank is wrong, or no patch fits.

    >>> from kerasfront import ops
    >>> x = ops.ones((1, 4, 4, 4, 2))
    >>> tuple(ops.image.extract_patches_3d(x, 2, data_format="channels_last").shape)
    (1, 2, 2, 2, 16)
    """
    return _patches(volumes, size, strides, dilation_rate, padding, data_format, 3)


def _two_of(
    axis: str, first: int | None, last: int | None, target: int | None, size: Any, sign: int, what: str
) -> tuple[int, int]:
    """How much to pad (sign 1) or crop (-1) at both ends, of which two, or one and the target size, were given."""
    names = ("top", "bottom", "height") if axis == "height" else ("left", "right", "width")
    if builtins.sum(v is not None for v in (first, last, target)) != 2:
        raise ValueError(
            f"Expected two of `{names[0]}_{what}`, `{names[1]}_{what}` and `target_{names[2]}`, "
            f"got {first}, {last} and {target}."
        )
    if target is not None:
        if not isinstance(size, int) or unknown(size):
            raise ShapeError(f"Expected images of known {axis}, or `{names[0]}_{what}` and `{names[1]}_{what}`.")
        change = sign * (target - size)
        first, last = (first, change - first) if first is not None else (change - (last or 0), last)
    assert first is not None and last is not None
    if first < 0 or last < 0:
        raise ValueError(
            f"The {axis} {size} can't be changed like that: it would take {first} and {last} for `{names[0]}_{what}` "
            f"and `{names[1]}_{what}`."
        )
    return first, last


@derived(
    dtype=SAME,
    dtypes_tested=("float32", "uint8", "bfloat16"),
    samples=(
        sample(_GREY, 1, 2, 0, 1),
        sample(_GREY, None, 2, 1, None, 8, 9),
        sample(Array((3, 4, 5)), 1, 1, 1, 1, data_format="channels_first"),
    ),
)
def pad_images(
    images: Tensor,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Images with zeros around them.

    Args:
        images: One image or a batch.
        top_padding: Rows of zeros above. Of top, bottom and target height, exactly two are given.
        left_padding: Columns of zeros on the left. Of left, right and target width, exactly two are given.
        bottom_padding: Rows of zeros below.
        right_padding: Columns of zeros on the right.
        target_height: The height of the result.
        target_width: The width of the result.
        data_format: Where the channels are.

    Returns:
        A tensor of the same rank and dtype.

    Raises:
        ValueError: Not two of three are given, or something would have to be cut off.

    >>> from kerasfront import ops
    >>> tuple(ops.image.pad_images(ops.ones((2, 3, 1)), 1, 0, 1, 0, data_format="channels_last").shape)
    (4, 3, 1)
    """
    place = _Layout(images, data_format)
    x = place.enter(images)
    _, height, width, _ = x.shape
    rows = _two_of("height", top_padding, bottom_padding, target_height, height, 1, "padding")
    columns = _two_of("width", left_padding, right_padding, target_width, width, 1, "padding")
    return place.leave(_padded(_padded(x, 1, *rows), 2, *columns))


@derived(
    dtype=SAME,
    dtypes_tested=("float32", "uint8", "bfloat16"),
    samples=(
        sample(_GREY, 1, 2, 0, 1),
        sample(_GREY, None, 2, 1, None, 2, 3),
        sample(Array((3, 4, 5)), 1, 1, 1, 1, data_format="channels_first"),
    ),
)
def crop_images(
    images: Tensor,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Images with their borders cut off.

    Args:
        images: One image or a batch.
        top_cropping: Rows cut off above. Of top, bottom and target height, exactly two are given.
        left_cropping: Columns cut off on the left. Of left, right and target width, exactly two are given.
        bottom_cropping: Rows cut off below.
        right_cropping: Columns cut off on the right.
        target_height: The height of the result.
        target_width: The width of the result.
        data_format: Where the channels are.

    Returns:
        A tensor of the same rank and dtype.

    Raises:
        ValueError: Not two of three are given, or nothing would be left.

    >>> from kerasfront import ops
    >>> x = ops.reshape(ops.arange(9), (3, 3, 1))
    >>> ops.convert_to_numpy(ops.image.crop_images(x, 1, 1, 0, 0, data_format="channels_last"))[..., 0].tolist()
    [[4, 5], [7, 8]]
    """
    place = _Layout(images, data_format)
    x = place.enter(images)
    _, height, width, _ = x.shape
    slices = [_ALL]
    for axis, size, first, last, target in (
        ("height", height, top_cropping, bottom_cropping, target_height),
        ("width", width, left_cropping, right_cropping, target_width),
    ):
        start, end = _two_of(axis, first, last, target, size, -1, "cropping")
        if isinstance(size, int) and start + end >= size:
            raise ValueError(f"Cropping {start} and {end} leaves nothing of the {axis} {size}.")
        slices.append(builtins.slice(start, -end or None))
    return place.leave(get_item(x, tuple(slices)))

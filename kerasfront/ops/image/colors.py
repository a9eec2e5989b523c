"""Colour spaces of images."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasfront.errors import ShapeError
from kerasfront.ops.core import cast, convert_to_tensor, dtype_of
from kerasfront.ops.declare import IMAGE, Array, derived, sample
from kerasfront.ops.declare.bodies import as_tensor
from kerasfront.ops.elementwise import (
    clip,
    maximum,
    minimum,
    mod,
    select_where,
)
from kerasfront.ops.image._layouts import FLOATS, GREY, PICTURE, Layout, to_float
from kerasfront.ops.indexing import get_item
from kerasfront.ops.shaping import stack
from kerasfront.spec import dtypes, unknown
from kerasfront.spec.dtypes import SAME
from kerasfront.typing import Tensor, TensorLike


def _channels(images: Any, counts: Sequence[int]) -> None:
    if images.shape[-1] not in counts and not unknown(images.shape[-1]):
        raise ShapeError(f"Expected images with {' or '.join(map(str, counts))} channels, got {images.shape[-1]}.")


@derived(
    dtype=SAME,
    samples=(
        sample(PICTURE),
        sample(Array((4, 5, 3), 0, 50)),
        sample(GREY),
        sample(Array((3, 4, 5)), "channels_first"),
    ),
    dtypes_tested=(*FLOATS, "uint8", "int32"),
    spaces=IMAGE,
)
def rgb_to_grayscale(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Return the brightness of each pixel: 0.2989 red + 0.5870 green + 0.1140 blue (ITU-R BT.601).

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
    place = Layout(images, data_format)
    x = place.enter(images)
    _channels(x, (3, 1))
    if x.shape[-1] == 1:
        return as_tensor(images)
    x = to_float(x)
    # Channel by channel: sums along an axis of three are slow.
    red, green, blue = (get_item(x, (Ellipsis, builtins.slice(i, i + 1))) for i in range(3))
    return place.leave(cast(red * 0.2989 + green * 0.5870 + blue * 0.1140, dtype_of(images)))


def _need_floats(images: Any) -> None:
    if not dtypes.is_float(dtype_of(images)):
        raise ValueError(f"Expected images of a float dtype, with values from 0 to 1, got {dtype_of(images)}.")


_COLOURS = (
    sample(PICTURE),
    sample(Array((4, 5, 3), 0.05, 0.95)),
    sample(Array((3, 4, 5), 0.05, 0.95), "channels_first"),
)


@derived(dtype=SAME, samples=_COLOURS, dtypes_tested=FLOATS, tolerance=4, spaces=IMAGE)
def rgb_to_hsv(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Return hue, saturation and value of each pixel, all from 0 to 1.

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
    place = Layout(images, data_format)
    x = place.enter(images)
    _channels(x, (3,))
    x = to_float(x)
    red, green, blue = (get_item(x, (Ellipsis, i)) for i in range(3))
    value = maximum(maximum(red, green), blue)
    spread = value - minimum(minimum(red, green), blue)
    grey = spread == 0
    safe = select_where(grey, 1.0, spread)
    by_blue = select_where(value == green, (blue - red) / safe + 2.0, (red - green) / safe + 4.0)
    sixths = select_where(value == red, mod((green - blue) / safe, 6.0), by_blue)
    hue = select_where(grey, 0.0, sixths / 6.0)
    saturation = select_where(value > 0, spread / select_where(value > 0, value, 1.0), 0.0)
    return place.leave(cast(stack([hue, saturation, value], -1), dtype_of(images)))


@derived(dtype=SAME, samples=_COLOURS, dtypes_tested=FLOATS, tolerance=8, spaces=IMAGE)
def hsv_to_rgb(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Return the inverse of `rgb_to_hsv`.

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
    place = Layout(images, data_format)
    x = place.enter(images)
    _channels(x, (3,))
    x = to_float(x)
    hue, saturation, value = (get_item(x, (Ellipsis, builtins.slice(i, i + 1))) for i in range(3))
    # How far the hue is from that of the channel, in sixths of the circle: up to 1 it is full, from 2 on it is off.
    channel = mod(hue * 6.0 + convert_to_tensor(np.array([5.0, 3.0, 1.0]), dtype_of(x)), 6.0)
    share = clip(minimum(channel, 4.0 - channel), 0.0, 1.0)
    return place.leave(cast(value - value * saturation * share, dtype_of(images)))

"""Filters of images, and their similarity."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasfront.errors import ShapeError
from kerasfront.ops.convolution import depthwise_conv
from kerasfront.ops.core import cast, convert_to_tensor, dtype_of
from kerasfront.ops.core import shape as shape_of
from kerasfront.ops.creation import ones
from kerasfront.ops.declare import IMAGE, Array, derived, sample
from kerasfront.ops.declare.bodies import as_tensor, dims_of
from kerasfront.ops.elementwise import (
    multiply,
)
from kerasfront.ops.image._layouts import ALL, GREY, PICTURE, Layout, like, pair, to_float
from kerasfront.ops.indexing import get_item
from kerasfront.ops.reduce import mean
from kerasfront.ops.shaping import concatenate, reshape, squeeze
from kerasfront.spec import shapes
from kerasfront.spec.dtypes import FLOATING, SAME
from kerasfront.typing import Tensor, TensorLike


def _bell(taps: int, sigma: float) -> np.ndarray[Any, Any]:
    """Return a Gaussian at `taps` integers around 0, of sum 1."""
    distance = np.arange(taps) - (taps - 1) / 2
    weights = np.exp(-0.5 * (distance / sigma) ** 2)
    out: np.ndarray[Any, Any] = weights / weights.sum()
    return out


def filtered(x: TensorLike, taps: Sequence[int], sigma: Sequence[float], padding: str = "same") -> Tensor:
    """Return every channel of x (batch, height, width, channels) convolved with a Gaussian, an axis after the other."""
    channels = shapes.known(dims_of(x)[-1], "The number of channels")
    for axis in (0, 1):
        shape = (taps[axis], 1) if axis == 0 else (1, taps[axis])
        bell = convert_to_tensor(_bell(taps[axis], sigma[axis]).reshape(*shape, 1, 1), dtype_of(x))
        kernel = multiply(bell, ones((1, 1, channels, 1), dtype_of(x)))
        x = depthwise_conv(x, kernel, 1, padding, "channels_last")
    return as_tensor(x)


@derived(
    dtype=SAME,
    dtypes_tested=("float32", "float64", "uint8"),
    tolerance=8,
    samples=(
        sample(GREY),
        sample(PICTURE, (3, 5), (1.0, 0.5)),
        sample(Array((3, 5, 6), 0, 9), data_format="channels_first"),
    ),
    spaces=IMAGE,
)
def gaussian_blur(
    images: TensorLike,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Sequence[float] = (1.0, 1.0),
    data_format: str | None = None,
) -> Tensor:
    """Return images blurred by a Gaussian of sum 1; outside of the picture there are zeros.

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
    taps = pair(kernel_size, "kernel_size")
    widths = tuple(sigma) if isinstance(sigma, Sequence) else (sigma, sigma)
    if len(widths) != 2 or builtins.any(not s > 0 for s in widths):
        raise ValueError(f"Expected `sigma` to be two positive numbers, got {sigma!r}.")
    place = Layout(images, data_format)
    x = place.enter(images)
    return place.leave(like(filtered(to_float(x), taps, widths), dtype_of(images)))


@derived(
    dtype=FLOATING,
    dtypes_tested=("float32", "float64", "int32"),
    tolerance=4,
    samples=(sample(GREY), sample(PICTURE), sample(Array((2, 3, 4, 5)), "channels_first")),
    spaces=IMAGE,
)
def sobel_edges(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Return how fast each channel changes downwards and to the right, by the Sobel filters; mirrored at the borders.

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
    place = Layout(images, data_format)
    x = to_float(place.enter(images))
    for axis in (1, 2):
        before = (*[ALL] * axis, builtins.slice(1, 2))
        after = (*[ALL] * axis, builtins.slice(-2, -1))
        x = concatenate([get_item(x, before), x, get_item(x, after)], axis)
    channels = shapes.known(dims_of(x)[-1], "The number of channels")
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
    spaces=IMAGE,
)
def ssim(
    image1: TensorLike,
    image2: TensorLike,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Tensor:
    """Return the structural similarity of images: 1 where they are equal.

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
    if tuple(dims_of(image1)) != tuple(dims_of(image2)):
        raise ShapeError(f"Expected images of one shape, got {tuple(dims_of(image1))} and {tuple(dims_of(image2))}.")
    place = Layout(image1, data_format)
    x, y = to_float(place.enter(image1)), to_float(place.enter(image2))
    if builtins.any(isinstance(n, int) and n < filter_size for n in x.shape[1:3]):
        raise ShapeError(f"A window of {filter_size} pixels doesn't fit into images of shape {tuple(dims_of(image1))}.")

    def smooth(z: Any) -> Any:
        return filtered(z, (filter_size,) * 2, (filter_sigma,) * 2, "valid")

    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    mean_x, mean_y = smooth(x), smooth(y)
    brightness = (2.0 * mean_x * mean_y + c1) / (mean_x * mean_x + mean_y * mean_y + c1)
    both = smooth(x * y) - mean_x * mean_y
    spread = smooth(x * x + y * y) - mean_x * mean_x - mean_y * mean_y
    out = cast(mean(brightness * (2.0 * both + c2) / (spread + c2), (1, 2, 3)), dtype_of(image1))
    return out if place.batched else squeeze(out, 0)

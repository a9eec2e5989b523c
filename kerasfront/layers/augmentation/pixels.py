"""What the layers do to pixels. Images are floats (batch, height, width, channels).

A number for each image comes as a tensor of shape (batch, 1, 1, 1); `ends` are the least and the largest value.
"""

from __future__ import annotations

import math
from typing import Any

from kerasfront import ops
from kerasfront.layers.augmentation.factors import Limits
from kerasfront.ops.elementwise import rint
from kerasfront.ops.indexing import scatter_rows
from kerasfront.typing import Tensor

_LEVELS = 256


# ---- colours ------------------------------------------------------------------------------------------------------


def grey(images: Tensor) -> Tensor:
    """Return the brightness of each pixel, in one channel."""
    return ops.image.rgb_to_grayscale(images, data_format="channels_last")


def blended(images: Tensor, others: Tensor, share: Tensor | float) -> Tensor:
    """Return images, with a share of the others in their place."""
    return images * (1.0 - share) + others * share


def contrasted(images: Tensor, factor: Tensor | float) -> Tensor:
    """Return images whose distances from the mean of each channel are multiplied by a factor."""
    mean = ops.mean(images, axis=(1, 2), keepdims=True)
    return (images - mean) * factor + mean


def solarized(images: Tensor, threshold: Tensor | float, ends: Limits) -> Tensor:
    """Return images with values from the threshold on mirrored at the middle of the range."""
    return ops.where(images < threshold, images, sum(ends) - images)


def posterized(images: Tensor, bits: Tensor | float, ends: Limits) -> Tensor:
    """Return images of which, in 8 bits for the range, only the highest bits stay."""
    step = 2.0 ** (8.0 - bits)
    # What was divided by 255 comes back a little below the integer that it was.
    scaled = (images - ends[0]) * (255 / (ends[1] - ends[0])) + 1e-3
    return ops.floor(scaled / step) * step * ((ends[1] - ends[0]) / 255) + ends[0]


def stretched(images: Tensor, ends: Limits) -> Tensor:
    """Each channel with its least and largest value at the ends of the range; one of a single value stays."""
    least = ops.min(images, axis=(1, 2), keepdims=True)
    width = ops.max(images, axis=(1, 2), keepdims=True) - least
    scale = (ends[1] - ends[0]) / ops.where(width > 0, width, 1.0)
    return ops.where(width > 0, ops.clip((images - least) * scale + ends[0], *ends), images)


# ---- histograms ---------------------------------------------------------------------------------------------------


def _counted(places: Tensor, tables: Any, bins: int) -> Tensor:
    """Return how often each place comes in some tables of `bins` places, one after the other: (tables, bins)."""
    flat = ops.reshape(places, (-1,))
    counts = scatter_rows(ops.zeros((tables * bins,)), flat, ops.ones(ops.shape(flat)), "add")
    return ops.reshape(counts, (tables, bins))


def equalized(images: Tensor, bins: int, ends: Limits) -> Tensor:
    """Each channel with the values of its histogram spread evenly over the range; one of a single value stays."""
    batch, height, width, channels = ops.shape(images)
    scaled = (images - ends[0]) / (ends[1] - ends[0])
    bin_of = ops.cast(ops.clip(ops.floor(scaled * bins), 0, bins - 1), "int32")
    places = bin_of + ops.reshape(ops.arange(batch * channels, dtype="int32") * bins, (batch, 1, 1, channels))
    counts = _counted(places, batch * channels, bins)
    sums = ops.cumsum(counts, axis=-1)
    # What comes up to the lowest value that there is, goes to the lower end.
    first = ops.min(ops.where(counts > 0, sums, math.inf), axis=-1, keepdims=True)
    rest = sums[:, -1:] - first
    steps = max(bins, _LEVELS) - 1
    level = rint(ops.maximum(sums - first, 0.0) * float(steps) / ops.maximum(rest, 1.0))
    values = ops.take(ops.reshape(level, (-1,)), places, axis=0) * ((ends[1] - ends[0]) / steps) + ends[0]
    several = ops.reshape(rest > 0, (batch, 1, 1, channels))
    return ops.where(several, ops.cast(values, ops.dtype(images)), images)


def _tables(counts: Tensor, limit: Any) -> Tensor:
    """For each histogram, what its bins become, from 0 to 1: what exceeds the limit is given to all bins alike."""
    over = ops.sum(ops.maximum(counts - limit, 0.0), axis=-1, keepdims=True)
    sums = ops.cumsum(ops.minimum(counts, limit) + over / _LEVELS, axis=-1)
    rest = sums[:, -1:] - sums[:, :1]
    return (sums - sums[:, :1]) / ops.where(rest > 0, rest, 1.0)


def _near(size: Any, tile: Any, tiles: int) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Return the two tiles along an axis whose middles are nearest to each pixel, each with its weight."""
    place = ops.cast(ops.arange(size), "float32") / ops.cast(tile, "float32") - 0.5
    lower = ops.floor(place)
    first = ops.cast(lower, "int32")
    return (
        (ops.maximum(first, 0), 1.0 - (place - lower)),
        (ops.minimum(first + 1, tiles - 1), place - lower),
    )


def adaptively_equalized(images: Tensor, clip_limit: float, grid: tuple[int, ...], ends: Limits) -> Tensor:
    """Each channel with the histograms of its tiles spread over the range, up to a limit of contrast."""
    batch, height, width, channels = ops.shape(images)
    down, across = grid
    tile_height, tile_width = -(-height // down), -(-width // across)
    scaled = (images - ends[0]) * ((_LEVELS - 1) / (ends[1] - ends[0]))
    bin_of = ops.cast(rint(ops.clip(scaled, 0, _LEVELS - 1)), "int32")
    # Where the table of a picture, a tile and a channel begins: tiles by row and column.
    start = ops.reshape(ops.arange(batch, dtype="int32") * (down * across), (batch, 1, 1, 1))
    channel = ops.arange(channels, dtype="int32")

    def table(row: Any, column: Any) -> Tensor:
        tile = start + ops.reshape(row, (1, -1, 1, 1)) * across + ops.reshape(column, (1, 1, -1, 1))
        return (tile * channels + channel) * _LEVELS

    rows, columns = (ops.arange(n, dtype="int32") for n in (down * tile_height, across * tile_width))
    whole = ops.take(ops.take(bin_of, ops.minimum(rows, height - 1), 1), ops.minimum(columns, width - 1), 2)
    counts = _counted(
        whole + table(rows // tile_height, columns // tile_width), batch * down * across * channels, _LEVELS
    )
    limit = ops.maximum(ops.floor(ops.cast(tile_height * tile_width, "float32") * (clip_limit / _LEVELS)), 1.0)
    shares = ops.reshape(_tables(counts, limit), (-1,))
    total: Any = 0.0
    for row, by_row in _near(height, tile_height, down):
        for column, by_column in _near(width, tile_width, across):
            weight = ops.reshape(by_row, (1, -1, 1, 1)) * ops.reshape(by_column, (1, 1, -1, 1))
            total = total + ops.take(shares, bin_of + table(row, column), axis=0) * weight
    return ops.cast(total, ops.dtype(images)) * (ends[1] - ends[0]) + ends[0]


# ---- neighbours ---------------------------------------------------------------------------------------------------


def smoothed(images: Tensor) -> Tensor:
    """Each pixel as the mean of itself, five times, and its eight neighbours; those at the border stay."""
    if any(isinstance(n, int) and n < 3 for n in ops.shape(images)[1:3]):
        return images
    rows = images[:, :-2] + images[:, 1:-1] + images[:, 2:]
    around = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
    middle = images[:, 1:-1, 1:-1]
    change = (around + middle * 4.0) / 13.0 - middle
    return images + ops.pad(change, ((0, 0), (1, 1), (1, 1), (0, 0)))


def blurred(images: Tensor, sigma: Tensor | float, taps: tuple[int, ...]) -> Tensor:
    """Convolved with a Gaussian of the image's own width, mirrored at the borders; a width of 0 changes nothing."""
    for axis, count in zip((1, 2), taps, strict=True):
        reach = count // 2
        distance = ops.cast(ops.arange(reach + 1), "float32") / ops.maximum(sigma, 1e-3)
        weights = ops.exp(-0.5 * ops.square(distance))
        weights = weights / (2.0 * ops.sum(weights, axis=-1, keepdims=True) - weights[..., :1])
        size = ops.shape(images)[axis]
        wide = _mirrored(images, axis, size, reach)
        cut: Any = [slice(None)] * 4

        def moved(by: int, wide: Any = wide, cut: Any = cut, axis: int = axis, size: Any = size) -> Tensor:
            cut[axis] = slice(by, by + size)
            return wide[tuple(cut)]

        images = images * weights[..., :1]
        for i in range(1, reach + 1):
            images = images + (moved(reach - i) + moved(reach + i)) * weights[..., i : i + 1]
    return images


def _mirrored(images: Tensor, axis: int, size: Any, reach: int) -> Tensor:
    """Images with `reach` more pixels at both ends of an axis, mirrored at the middle of the outermost pixels."""
    if isinstance(size, int) and reach < size:
        cut: Any = [slice(None)] * 4
        cut[axis] = slice(1, reach + 1)
        before = ops.flip(images[tuple(cut)], axis)
        cut[axis] = slice(size - 1 - reach, size - 1)
        return ops.concatenate([before, images, ops.flip(images[tuple(cut)], axis)], axis)
    places = ops.arange(-reach, size + reach, dtype="int32")
    period = ops.maximum(2 * size - 2, 1)  # as often as it takes
    return ops.take(images, ops.abs(ops.mod(places + (size - 1), period) - (size - 1)), axis=axis)


# ---- parts --------------------------------------------------------------------------------------------------------


def inside(images: Tensor, rectangles: Tensor) -> Tensor:
    """Which pixels lie in the rectangle of each image, (batch, 4): from top and left to bottom and right."""
    _, height, width, _ = ops.shape(images)
    rows = ops.reshape(ops.cast(ops.arange(height), "float32"), (1, -1, 1, 1))
    columns = ops.reshape(ops.cast(ops.arange(width), "float32"), (1, 1, -1, 1))
    top, left, bottom, right = (ops.reshape(rectangles[:, i], (-1, 1, 1, 1)) for i in range(4))
    by_row = ops.logical_and(rows >= top, rows < bottom)
    return ops.logical_and(by_row, ops.logical_and(columns >= left, columns < right))

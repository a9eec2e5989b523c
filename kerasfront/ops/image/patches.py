"""Patches and borders of images."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasfront.errors import ShapeError
from kerasfront.ops.core import convert_to_tensor
from kerasfront.ops.core import shape as shape_of
from kerasfront.ops.creation import arange
from kerasfront.ops.declare import IMAGE, Array, derived, sample
from kerasfront.ops.image._layouts import ALL, GREY, PICTURE, Layout, one_of
from kerasfront.ops.image.resizing import cut_out, padded
from kerasfront.ops.indexing import dynamic_slice, get_item, take
from kerasfront.ops.shaping import reshape, transpose
from kerasfront.spec import shapes, unknown
from kerasfront.spec.dtypes import SAME
from kerasfront.typing import Tensor, TensorLike


def _patches(
    images: Any, size: Any, strides: Any, dilation_rate: Any, padding: str, data_format: Any, rank: int
) -> Any:
    """Return patches along `rank` spatial axes, flattened into channels.

    The new channel counts the places in the patch first, then the channels.
    """
    one_of("padding", padding, ("valid", "same"))
    reach = shapes.per_axis(size, rank, "size")
    step = reach if strides is None else shapes.per_axis(strides, rank, "strides")
    gap = shapes.per_axis(dilation_rate, rank, "dilation_rate")
    place = Layout(images, data_format, rank)
    x = place.enter(images)
    for i in range(rank):
        x = _cut(x, 1 + 2 * i, reach[i], step[i], gap[i], padding)
    # Now (batch, n0, p0, n1, p1, ..., channels): counts to the front, places in the patch behind them.
    order = (0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1)
    dims = shape_of(x)
    flat = math.prod(reach) * images.shape[1 if place.first and place.batched else 0 if place.first else -1]
    return place.leave(reshape(transpose(x, order), (dims[0], *(dims[1 + 2 * i] for i in range(rank)), flat)))


def _cut(x: Any, axis: int, reach: int, step: int, gap: int, padding: str) -> Any:
    """Return an axis as two: the patches, and the places in them."""
    size = shape_of(x)[axis]
    span = (reach - 1) * gap + 1
    if padding == "same":
        if not isinstance(size, int):
            raise ShapeError(f"Expected images of known size for padding='same', got the shape {tuple(x.shape)}.")
        more = builtins.max((-(-size // step) - 1) * step + span - size, 0)
        x = padded(x, axis, more // 2, more - more // 2)
        size += more
    if isinstance(size, int) and size < span:
        raise ShapeError(f"A patch that reaches over {span} does not fit into a dimension of size {size}.")
    count = (size - span) // step + 1
    if step == span == reach:
        whole = get_item(x, (*[ALL] * axis, builtins.slice(0, count * step)))
        dims = shape_of(x)
        return reshape(whole, (*dims[:axis], count, reach, *dims[axis + 1 :]))
    starts = reshape(arange(count, dtype="int32") * step, (count, 1))
    return take(x, starts + convert_to_tensor(np.arange(reach, dtype="int32") * gap), axis)


@derived(
    dtype=SAME,
    dtypes_tested=("float32", "float64", "uint8"),
    samples=(
        sample(PICTURE, 2),
        sample(GREY, (2, 3), strides=1),
        sample(GREY, (3, 2), 2, padding="same"),
        sample(GREY, 2, strides=1, dilation_rate=2),
        sample(Array((5, 6, 2)), 2, (1, 2), 2, "same"),
        sample(Array((2, 3, 4, 5)), 2, data_format="channels_first"),
        sample(Array((1, 4, 5, 6, 2)), (2, 2, 3)),
    ),
    spaces=IMAGE,
)
def extract_patches(
    images: TensorLike,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Return patches of images, each flattened into one vector.

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
    spaces=IMAGE,
)
def extract_patches_3d(
    volumes: TensorLike,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Return patches of volumes, each flattened into one vector.

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
) -> tuple[Any, Any]:
    """Return how much to pad (sign 1) or crop (-1) at both ends, of which two, or one and the target size, were given.

    Where a graph knows the size only when it runs, they may be scalar tensors.
    """
    names = ("top", "bottom", "height") if axis == "height" else ("left", "right", "width")
    if builtins.sum(v is not None for v in (first, last, target)) != 2:
        raise ValueError(
            f"Expected two of `{names[0]}_{what}`, `{names[1]}_{what}` and `target_{names[2]}`, "
            f"got {first}, {last} and {target}."
        )
    if target is not None:
        change = (target - size) if sign > 0 else (size - target)
        first, last = (first, change - first) if first is not None else (change - (last or 0), last)
    for amount in (first, last):
        if isinstance(amount, int) and amount < 0 and not unknown(-amount):
            raise ValueError(
                f"The {axis} {size} can't be changed like that: it would take {first} and {last} for "
                f"`{names[0]}_{what}` and `{names[1]}_{what}`."
            )
    return first, last


def _pad_axis(x: Any, axis: int, amounts: tuple[Any, Any], target: int | None) -> Any:
    """Return zeros on both ends; an axis of unknown size, which can be padded to a target, has that size."""
    if target is not None and isinstance(x.shape[axis], int) and unknown(x.shape[axis]):
        return dynamic_slice(x, np.zeros(4, "int32"), [target if i == axis else d for i, d in enumerate(x.shape)])
    return padded(x, axis, *amounts)


@derived(
    dtype=SAME,
    dtypes_tested=("float32", "uint8", "bfloat16"),
    samples=(
        sample(GREY, 1, 2, 0, 1),
        sample(GREY, None, 2, 1, None, 8, 9),
        sample(Array((3, 4, 5)), 1, 1, 1, 1, data_format="channels_first"),
    ),
    spaces=IMAGE,
)
def pad_images(
    images: TensorLike,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Return images with zeros around them.

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
    place = Layout(images, data_format)
    x = place.enter(images)
    _, height, width, _ = shape_of(x)
    rows = _two_of("height", top_padding, bottom_padding, target_height, height, 1, "padding")
    columns = _two_of("width", left_padding, right_padding, target_width, width, 1, "padding")
    return place.leave(_pad_axis(_pad_axis(x, 1, rows, target_height), 2, columns, target_width))


@derived(
    dtype=SAME,
    dtypes_tested=("float32", "uint8", "bfloat16"),
    samples=(
        sample(GREY, 1, 2, 0, 1),
        sample(GREY, None, 2, 1, None, 2, 3),
        sample(Array((3, 4, 5)), 1, 1, 1, 1, data_format="channels_first"),
    ),
    spaces=IMAGE,
)
def crop_images(
    images: TensorLike,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Return images with their borders cut off.

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
    place = Layout(images, data_format)
    x = place.enter(images)
    _, height, width, _ = shape_of(x)
    window: list[Any] = []
    for axis, size, first, last, target in (
        ("height", height, top_cropping, bottom_cropping, target_height),
        ("width", width, left_cropping, right_cropping, target_width),
    ):
        start, end = _two_of(axis, first, last, target, size, -1, "cropping")
        if isinstance(size, int) and start + end >= size:
            raise ValueError(f"Cropping {start} and {end} leaves nothing of the {axis} {size}.")
        window += [start, size - start - end if target is None else target]
    return place.leave(cut_out(x, (window[0], window[2], window[1], window[3])))

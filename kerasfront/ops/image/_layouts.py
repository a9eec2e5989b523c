"""Where the channels are, and in which dtype images are computed: what the image ops share."""

from __future__ import annotations

import builtins
from collections.abc import Sequence

from kerasfront.errors import DTypeError, ShapeError, suggest
from kerasfront.ops.convolution import layout
from kerasfront.ops.core import cast, dtype_of, saturate_cast
from kerasfront.ops.declare import Array
from kerasfront.ops.declare.bodies import as_tensor, dims_of
from kerasfront.ops.elementwise import rint
from kerasfront.ops.shaping import expand_dims, squeeze, transpose
from kerasfront.spec import dtypes, shapes
from kerasfront.typing import Tensor, TensorLike

PICTURE = Array((2, 5, 6, 3), 0.0, 1.0)
GREY = Array((2, 5, 6, 1), 0.0, 50.0)
FLOATS = ("bfloat16", "float16", "float32", "float64")
ALL = builtins.slice(None)


class Layout:
    """Images brought to (batch, height, width, channels), or with one more spatial axis, and back."""

    def __init__(self, images: TensorLike, data_format: str | None, spatial: int = 2) -> None:
        shape = dims_of(images)
        rank = len(shape)
        if rank not in (spatial + 1, spatial + 2):
            raise ShapeError(
                f"Expected images of rank {spatial + 1}, or {spatial + 2} with a batch, got the shape {tuple(shape)}."
            )
        self.first = layout(data_format) == "channels_first"
        self.batched, self.spatial = rank == spatial + 2, spatial

    def enter(self, images: TensorLike) -> Tensor:
        """Return the images with a batch axis, and the channels last."""
        if not self.batched:
            images = expand_dims(images, 0)
        return transpose(images, (0, *range(2, self.spatial + 2), 1)) if self.first else as_tensor(images)

    def leave(self, images: Tensor) -> Tensor:
        """Return the images as they came: without the batch axis, and with the channels where they were."""
        if self.first:
            rest = range(self.spatial + 2, len(images.shape))
            images = transpose(images, (0, self.spatial + 1, *range(1, self.spatial + 1), *rest))
        return images if self.batched else squeeze(images, 0)


def to_float(images: TensorLike) -> Tensor:
    """Return the images as they are computed with: in float32, or float64 where they have that."""
    name = dtype_of(images)
    if dtypes.is_complex(name):
        raise DTypeError(f"Images are of real numbers, got {name}; take ops.real and ops.imag of them apart.")
    return as_tensor(images) if name in ("float32", "float64") else cast(images, "float32")


def like(images: TensorLike, dtype: str) -> Tensor:
    """Return floats in the dtype of the images that they were made of."""
    if dtypes.is_float(dtype):
        return cast(images, dtype)
    return saturate_cast(rint(images), dtype)


def one_of(name: str, value: str, options: Sequence[str]) -> str:
    """Return an option.

    Raises:
        ValueError: It is none of `options`; the nearest is suggested.
    """
    if value not in options:
        raise ValueError(
            f"Expected `{name}` to be one of {', '.join(options)}, got {value!r}.{suggest(value, options)}"
        )
    return value


def pair(value: int | Sequence[int], name: str) -> tuple[int, int]:
    """Return a number for the height, and one for the width."""
    height, width = shapes.per_axis(value, 2, name)
    return height, width

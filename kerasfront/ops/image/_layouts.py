"""Where the channels are, and in which dtype images are computed: what the image ops share."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from kerasfront import settings
from kerasfront.errors import DTypeError, ShapeError, suggest
from kerasfront.ops.core import cast, dtype_of, saturate_cast
from kerasfront.ops.declare import Array
from kerasfront.ops.elementwise import (
    rint,
)
from kerasfront.ops.shaping import expand_dims, squeeze, transpose
from kerasfront.spec import dtypes, shapes
from kerasfront.typing import Tensor

PICTURE = Array((2, 5, 6, 3), 0.0, 1.0)
GREY = Array((2, 5, 6, 1), 0.0, 50.0)
FLOATS = ("bfloat16", "float16", "float32", "float64")
ALL = builtins.slice(None)


class Layout:
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
    """Return the data format, resolved and checked."""
    name = settings.image_data_format() if data_format is None else data_format
    if name not in ("channels_last", "channels_first"):
        raise ValueError(f"Expected `data_format` to be 'channels_last' or 'channels_first', got {data_format!r}.")
    return name


def to_float(images: Any) -> Tensor:
    name = dtype_of(images)
    if dtypes.is_complex(name):
        raise DTypeError(f"Images are of real numbers, got {name}; take ops.real and ops.imag of them apart.")
    return images if name in ("float32", "float64") else cast(images, "float32")


def like(images: Any, dtype: str) -> Any:
    """Return floats in the dtype of the images that they were made of."""
    if dtypes.is_float(dtype):
        return cast(images, dtype)
    return saturate_cast(rint(images), dtype)


def one_of(name: str, value: Any, options: Sequence[str]) -> Any:
    if value not in options:
        raise ValueError(
            f"Expected `{name}` to be one of {', '.join(options)}, got {value!r}.{suggest(value, options)}"
        )
    return value


def pair(value: Any, name: str) -> tuple[int, int]:
    height, width = shapes.per_axis(value, 2, name)
    return height, width

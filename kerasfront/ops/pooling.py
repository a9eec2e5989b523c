"""Pooling: the maximum or mean of sliding windows, and of windows that adapt to a wanted output size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasfront.errors import ShapeError
from kerasfront.ops.convolution import FORMATS, Steps, layout, padding_name, spatial_rank
from kerasfront.ops.declare import INTERNAL, NN, Array, Sizes, derived, primitive, sample
from kerasfront.spec import shapes
from kerasfront.spec.dtypes import FLOATING
from kerasfront.typing import Tensor, TensorLike

_LAST, _FIRST = FORMATS


def _pooled(inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str) -> shapes.Shape:
    batch, spatial, channels = shapes.split_channels(inputs.shape, data_format)
    lengths = [shapes.window_length(n, k, st, padding) for n, k, st in zip(spatial, pool_size, strides, strict=True)]
    return shapes.join_channels(batch, lengths, channels, data_format)


_POOLS = (
    sample(Array((2, 7, 6, 3)), (2, 2), (2, 2), "valid", _LAST),
    sample(Array((2, 7, 6, 3)), (3, 2), (2, 1), "same", _LAST),
    sample(Array((2, 7, 6, 3)), (2, 1), (1, 3), "same", _LAST),
    sample(Array((2, 3, 7, 6)), (3, 4), (3, 2), "same", _FIRST),
    sample(Array((2, 9, 4)), (2,), (2,), "same", _LAST),
    sample(Array((2, 4, 9)), (4,), (1,), "same", _FIRST),
    sample(Array((1, 5, 4, 6, 2)), (2, 2, 3), (2, 1, 2), "same", _LAST),
    sample(Array((0, 7, 6, 3)), (2, 2), (2, 2), "valid", _LAST),
)


@primitive(shape=_pooled, samples=_POOLS, spaces=INTERNAL)
def pooling_max(inputs: TensorLike, pool_size: Sizes, strides: Sizes, padding: str, data_format: str) -> Tensor:
    """Compute `max_pool`, with every argument resolved."""


@primitive(shape=_pooled, dtype=FLOATING, samples=_POOLS, spaces=INTERNAL)
def pooling_average(inputs: TensorLike, pool_size: Sizes, strides: Sizes, padding: str, data_format: str) -> Tensor:
    """Compute `average_pool`, with every argument resolved."""


def _windows(inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: Any, name: str) -> tuple[Any, ...]:
    rank = spatial_rank(inputs, name)
    size = shapes.per_axis(pool_size, rank, "pool_size")
    steps = size if strides is None else shapes.per_axis(strides, rank, "strides")
    return size, steps, padding_name(padding), layout(data_format)


@derived(samples=(sample(Array((2, 7, 6, 3)), 2), sample(Array((2, 7, 6, 3)), (3, 2), 2, "same")), spaces=NN)
def max_pool(
    inputs: TensorLike,
    pool_size: Steps,
    strides: Steps | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Return the maximum of each sliding window, over 1, 2 or 3 spatial dims.

    Args:
        inputs: A tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial) with
            "channels_first".
        pool_size: The size of the window: an integer, or one per spatial dim.
        strides: The step of the window; None means pool_size.
        padding: "valid" (none) or "same" (output length ceil(size / stride); the padding never is the
            maximum).
        data_format: "channels_last" or "channels_first"; None means `image_data_format()`.

    Returns:
        A tensor of the same rank and dtype.

    Raises:
        ShapeError: The rank doesn't fit, or the window doesn't fit into the inputs.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.max_pool([[[1.0], [3.0], [2.0]]], 2, padding="same")).tolist()
    [[[3.0], [2.0]]]
    """
    return pooling_max(inputs, *_windows(inputs, pool_size, strides, padding, data_format, "max_pool"))


@derived(
    dtype=FLOATING, samples=(sample(Array((2, 7, 6, 3)), 2), sample(Array((2, 7, 6, 3)), (3, 2), 2, "same")), spaces=NN
)
def average_pool(
    inputs: TensorLike,
    pool_size: Steps,
    strides: Steps | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Return the mean of each sliding window, over 1, 2 or 3 spatial dims.

    Padding counts neither in the sum nor in the divisor.

    Args:
        inputs: A tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial) with
            "channels_first".
        pool_size: The size of the window: an integer, or one per spatial dim.
        strides: The step of the window; None means pool_size.
        padding: "valid" (none) or "same" (output length ceil(size / stride)).
        data_format: "channels_last" or "channels_first"; None means `image_data_format()`.

    Returns:
        A tensor of the same rank.

    Raises:
        ShapeError: The rank doesn't fit, or the window doesn't fit into the inputs.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.average_pool([[[1.0], [3.0], [2.0]]], 2, padding="same")).tolist()
    [[[2.0], [2.0]]]
    """
    return pooling_average(inputs, *_windows(inputs, pool_size, strides, padding, data_format, "average_pool"))


# ---- windows that adapt ------------------------------------------------------------------------------------


def adaptive_windows(size: int, length: int) -> np.ndarray[Any, Any]:
    """Return where each of `length` windows that cover `size` begins and ends.

    The result has the shape (length, 2): the first index, and the one past the last.
    """
    steps = np.arange(length + 1) * size
    return np.stack([steps[:-1] // length, -(-steps[1:] // length)], axis=1)


def _adapted(inputs: Any, output_size: Any, data_format: str) -> shapes.Shape:
    batch, spatial, channels = shapes.split_channels(inputs.shape, data_format)
    lengths = [n if m is None else m for n, m in zip(spatial, output_size, strict=True)]
    return shapes.join_channels(batch, lengths, channels, data_format)


_ADAPTIVE = (
    sample(Array((2, 7, 6, 3)), (3, 2), _LAST),
    sample(Array((2, 3, 7, 6)), (4, 5), _FIRST),
    sample(Array((2, 9, 4)), (1,), _LAST),
    sample(Array((1, 5, 4, 6, 2)), (2, 3, 4), _LAST),
    sample(Array((2, 3, 2, 1)), (5, None), _LAST),
)


@primitive(shape=_adapted, dtype=FLOATING, samples=_ADAPTIVE, spaces=INTERNAL)
def adaptive_average(inputs: TensorLike, output_size: Sizes, data_format: str) -> Tensor:
    """Compute `adaptive_average_pool`, with every argument resolved."""


@primitive(shape=_adapted, samples=_ADAPTIVE, spaces=INTERNAL)
def adaptive_max(inputs: TensorLike, output_size: Sizes, data_format: str) -> Tensor:
    """Compute `adaptive_max_pool`, with every argument resolved."""


def _resolved_size(inputs: Any, output_size: Any, data_format: Any, name: str) -> tuple[Any, str]:
    rank = spatial_rank(inputs, name)
    out = (output_size,) * rank if isinstance(output_size, int) or output_size is None else tuple(output_size)
    if len(out) != rank or any(m is not None and (not isinstance(m, int) or m < 1) for m in out):
        raise ShapeError(
            f"Expected `output_size` to be a positive integer or {rank} of them (or None), got {output_size!r}."
        )
    return out, layout(data_format)


@derived(dtype=FLOATING, samples=(sample(Array((2, 7, 6, 3)), 3), sample(Array((2, 7, 6, 3)), (1, 4))), spaces=NN)
def adaptive_average_pool(
    inputs: TensorLike, output_size: int | Sequence[int | None], data_format: str | None = None
) -> Tensor:
    """Return the mean of windows that are chosen so that the output has the size `output_size`.

    Of n elements, window i of m covers those from floor(i n / m) to ceil((i + 1) n / m); windows may overlap.

    Args:
        inputs: A tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial) with "channels_first".
            Spatial dims must be known.
        output_size: The wanted size: an integer, or one per spatial dim; None in there keeps a dim.
        data_format: "channels_last" or "channels_first"; None means `image_data_format()`.

    Raises:
        ShapeError: The rank doesn't fit.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.adaptive_average_pool([[[1.0], [2.0], [6.0]]], 2)).tolist()
    [[[1.5], [4.0]]]
    """
    return adaptive_average(inputs, *_resolved_size(inputs, output_size, data_format, "adaptive_average_pool"))


@derived(samples=(sample(Array((2, 7, 6, 3)), 3), sample(Array((2, 7, 6, 3)), (1, 4))), spaces=NN)
def adaptive_max_pool(
    inputs: TensorLike, output_size: int | Sequence[int | None], data_format: str | None = None
) -> Tensor:
    """Return the maximum of windows that are chosen so that the output has the size `output_size`.

    `adaptive_average_pool` says where the windows are.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.adaptive_max_pool([[[1.0], [2.0], [6.0]]], 2)).tolist()
    [[[2.0], [6.0]]]
    """
    return adaptive_max(inputs, *_resolved_size(inputs, output_size, data_format, "adaptive_max_pool"))

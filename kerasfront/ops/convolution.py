"""Convolutions over 1, 2 or 3 spatial dims: plain, grouped, dilated, depthwise, separable, transposed.

The public ops resolve their defaults; what the adapters supply gets everything resolved. "same" pads as TensorFlow
does: the output has length ceil(size / stride), and where the padding is odd the extra zero stands at the
    end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kerasfront import settings
from kerasfront.errors import ShapeError, suggest
from kerasfront.ops.declare import INTERNAL, NN, Array, Sizes, derived, primitive, sample
from kerasfront.ops.declare.bodies import dims_of, rank_of
from kerasfront.ops.shaping import reshape, transpose
from kerasfront.spec import shapes, unknown
from kerasfront.spec.dtypes import FLOATING
from kerasfront.typing import Tensor, TensorLike

Steps = int | Sequence[int]
FORMATS = ("channels_last", "channels_first")


def layout(data_format: str | None) -> str:
    """Return `data_format`, or the configured one where it is None.

    Raises:
        ValueError: It is no data format.
    """
    name = settings.image_data_format() if data_format is None else data_format
    if name not in FORMATS:
        raise ValueError(f"Expected `data_format` to be 'channels_last' or 'channels_first', got {data_format!r}.")
    return name


def padding_name(padding: str, allowed: Sequence[str] = ("valid", "same")) -> str:
    """Return `padding` in lower case.

    Raises:
        ValueError: It is none of `allowed`; the nearest is suggested.
    """
    name = padding.lower() if isinstance(padding, str) else padding
    if name not in allowed:
        raise ValueError(
            f"Expected `padding` to be one of {', '.join(map(repr, allowed))}, got "
            f"{padding!r}.{suggest(str(name), allowed)}"
        )
    return name


def spatial_rank(inputs: TensorLike, name: str) -> int:
    """Return the number of spatial dims of `inputs`; raises `ShapeError` unless it is 1, 2 or 3."""
    rank = rank_of(inputs) - 2
    if not 1 <= rank <= 3:
        raise ShapeError(
            f"{name} needs inputs of rank 3, 4 or 5 (batch, 1 to 3 spatial dims, channels), got the "
            f"shape {tuple(dims_of(inputs))}."
        )
    return rank


def _kernel_of(inputs: Any, kernel: Any, rank: int) -> None:
    if len(kernel.shape) != rank + 2:
        raise ShapeError(
            f"Inputs of shape {tuple(dims_of(inputs))} need a kernel of rank {rank + 2}, got the shape "
            f"{tuple(kernel.shape)}."
        )


def _convolved(
    inputs: Any,
    kernel: Any,
    bias: Any,
    strides: Any,
    padding: str,
    data_format: str,
    dilation_rate: Any,
    groups: int,
) -> shapes.Shape:
    batch, spatial, channels = shapes.split_channels(inputs.shape, data_format)
    if channels != kernel.shape[-2] * groups and not unknown(channels):
        raise ShapeError(
            f"The {channels} channels of the inputs {inputs.shape} don't fit the kernel {kernel.shape} "
            f"({kernel.shape[-2]} channels in each of {groups} groups)."
        )
    if kernel.shape[-1] % groups:
        raise ShapeError(
            f"The {kernel.shape[-1]} filters of the kernel {kernel.shape} don't divide into {groups} groups."
        )
    if bias is not None and tuple(bias.shape) != (kernel.shape[-1],):
        raise ShapeError(f"Expected a bias of shape ({kernel.shape[-1]},), got {tuple(bias.shape)}.")
    sizes = zip(spatial, kernel.shape[:-2], strides, dilation_rate, strict=True)
    lengths = [shapes.window_length(n, k, st, padding, d) for n, k, st, d in sizes]
    return shapes.join_channels(batch, lengths, kernel.shape[-1], data_format)


_LAST, _FIRST = FORMATS
_IMAGE = Array((2, 7, 6, 3))


@primitive(
    shape=_convolved,
    dtype=FLOATING,
    samples=(
        sample(_IMAGE, Array((3, 2, 3, 4)), None, (1, 1), "valid", _LAST, (1, 1), 1),
        sample(_IMAGE, Array((3, 2, 3, 4)), Array((4,)), (2, 3), "same", _LAST, (1, 1), 1),
        sample(_IMAGE, Array((3, 3, 3, 4)), None, (2, 2), "same", _LAST, (2, 1), 1),
        sample(Array((2, 4, 7, 6)), Array((2, 2, 2, 6)), Array((6,)), (2, 1), "same", _FIRST, (1, 2), 2),
        sample(Array((2, 9, 4)), Array((3, 4, 5)), Array((5,)), (1,), "causal", _LAST, (2,), 1),
        sample(Array((2, 4, 9)), Array((2, 1, 8)), None, (2,), "same", _FIRST, (1,), 4),
        sample(
            Array((1, 5, 4, 6, 4)),
            Array((2, 3, 2, 2, 4)),
            Array((4,)),
            (2, 1, 1),
            "same",
            _LAST,
            (1, 1, 2),
            2,
        ),
        sample(Array((0, 7, 6, 3)), Array((3, 2, 3, 4)), None, (1, 1), "same", _LAST, (1, 1), 1),
    ),
    spaces=INTERNAL,
)
def convolution(
    inputs: TensorLike,
    kernel: TensorLike,
    bias: TensorLike | None,
    strides: Sizes,
    padding: str,
    data_format: str,
    dilation_rate: Sizes,
    groups: int,
) -> Tensor:
    """Compute `conv`, with tuples; padding is "valid", "same" or "causal" (1D)."""


def _conv(inputs: Any, kernel: Any, bias: Any, strides: Any, padding: str, data_format: Any, dilation_rate: Any) -> Any:
    rank = spatial_rank(inputs, "conv")
    _kernel_of(inputs, kernel, rank)
    data_format = layout(data_format)
    channels = inputs.shape[-1 if data_format == "channels_last" else 1]
    kernel_channels = kernel.shape[-2]
    groups = 1 if channels is None or unknown(channels) else channels // kernel_channels
    if groups < 1 or groups * kernel_channels != channels and groups != 1:
        raise ShapeError(
            f"The {channels} channels of the inputs {tuple(dims_of(inputs))} are no multiple of the "
            f"{kernel_channels} channels "
            f"of the kernel {tuple(kernel.shape)}."
        )
    return convolution(
        inputs,
        kernel,
        bias,
        shapes.per_axis(strides, rank, "strides"),
        padding_name(padding, ("valid", "same", "causal") if rank == 1 else ("valid", "same")),
        data_format,
        shapes.per_axis(dilation_rate, rank, "dilation_rate"),
        groups,
    )


@derived(
    dtype=FLOATING,
    samples=(
        sample(_IMAGE, Array((3, 2, 3, 4))),
        sample(_IMAGE, Array((3, 2, 3, 4)), 2, "same", "channels_last", 2),
        sample(Array((2, 9, 4)), Array((3, 2, 6)), 1, "causal"),
    ),
    spaces=NN,
)
def conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: Steps = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Steps = 1,
) -> Tensor:
    """Convolve over 1, 2 or 3 spatial dims (cross-correlation: the kernel isn't flipped).

    Where the inputs have g times the kernel's channels, the convolution is grouped: the filters divide into g groups,
    each of which sees its part of the channels.

    Args:
        inputs: A tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial) with
            "channels_first".
        kernel: A tensor of shape (*window, channels / g, filters).
        strides: The step of the window: an integer, or one per spatial dim.
        padding: "valid" (none), "same" (output length ceil(size / stride)), or, in 1D, "causal" (all at the
            start).
        data_format: "channels_last" or "channels_first"; None means `image_data_format()`.
        dilation_rate: The distance between the elements of the window. May be combined with strides.

    Returns:
        A tensor of shape (batch, *lengths, filters), or (batch, filters, *lengths).

    Raises:
        ShapeError: Ranks or channels don't fit, or the window doesn't fit into the inputs.
        ValueError: An unknown padding or data_format.

    >>> from kerasfront import ops
    >>> x = ops.ones((1, 4, 1))
    >>> ops.convert_to_numpy(ops.conv(x, ops.ones((3, 1, 1)), padding="same")[0, :, 0]).tolist()
    [2.0, 3.0, 3.0, 2.0]
    """
    return _conv(inputs, kernel, None, strides, padding, data_format, dilation_rate)


@derived(
    dtype=FLOATING,
    samples=(
        sample(_IMAGE, Array((3, 2, 3, 4)), Array((4,)), 2, "same"),
        sample(_IMAGE, Array((3, 2, 3, 4)), None),
    ),
    spaces=INTERNAL,
)
def conv_bias(
    inputs: TensorLike,
    kernel: TensorLike,
    bias: TensorLike | None = None,
    strides: Steps = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Steps = 1,
) -> Tensor:
    """Return `conv` with a bias of shape (filters,) added, in the framework's one call where it has it.

    >>> from kerasfront import ops
    >>> from kerasfront.ops.convolution import conv_bias
    >>> y = conv_bias(ops.ones((1, 2, 1)), ops.ones((1, 1, 2)), ops.convert_to_tensor([0.0, 1.0]))
    >>> ops.convert_to_numpy(y).tolist()
    [[[1.0, 2.0], [1.0, 2.0]]]
    """
    return _conv(inputs, kernel, bias, strides, padding, data_format, dilation_rate)


@derived(
    dtype=FLOATING,
    samples=(
        sample(_IMAGE, Array((3, 2, 3, 2)), (1, 1), "same", _LAST, (1, 1)),
        sample(Array((2, 3, 7, 6)), Array((3, 2, 3, 2)), (2, 1), "valid", _FIRST, (1, 1)),
        sample(Array((2, 9, 4)), Array((3, 4, 1)), (2,), "same", _LAST, (1,)),
    ),
    spaces=INTERNAL,
)
def depthwise_convolution(
    inputs: TensorLike, kernel: TensorLike, strides: Sizes, padding: str, data_format: str, dilation_rate: Sizes
) -> Tensor:
    """Compute `depthwise_conv`, with every argument resolved."""
    *window, channels, multiplier = dims_of(kernel)
    flat = reshape(kernel, (*window, 1, channels * multiplier))
    return convolution(inputs, flat, None, strides, padding, data_format, dilation_rate, channels)


def _depthwise(
    inputs: Any, kernel: Any, strides: Any, padding: str, data_format: Any, dilation_rate: Any, name: str
) -> Any:
    rank = spatial_rank(inputs, name)
    _kernel_of(inputs, kernel, rank)
    return depthwise_convolution(
        inputs,
        kernel,
        shapes.per_axis(strides, rank, "strides"),
        padding_name(padding, ("valid", "same", "causal") if rank == 1 else ("valid", "same")),
        layout(data_format),
        shapes.per_axis(dilation_rate, rank, "dilation_rate"),
    )


@derived(
    dtype=FLOATING,
    samples=(
        sample(_IMAGE, Array((3, 2, 3, 2))),
        sample(_IMAGE, Array((3, 3, 3, 2)), 1, "same", "channels_last", 2),
    ),
    spaces=NN,
)
def depthwise_conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: Steps = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Steps = 1,
) -> Tensor:
    """Convolve each channel by itself, with `multiplier` filters each.

    Args:
        inputs: A tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial) with
            "channels_first".
        kernel: A tensor of shape (*window, channels, multiplier).
        strides: The step of the window: an integer, or one per spatial dim.
        padding: "valid" or "same", in 1D "causal" too; see `conv`.
        data_format: "channels_last" or "channels_first"; None means `image_data_format()`.
        dilation_rate: The distance between the elements of the window.

    Returns:
        A tensor like that of `conv` with channels * multiplier filters; those of one channel are neighbours.

    Raises:
        ShapeError: Ranks or channels don't fit, or the window doesn't fit into the inputs.

    >>> from kerasfront import ops
    >>> ops.depthwise_conv(ops.ones((1, 8, 8, 3)), ops.ones((3, 3, 3, 2))).shape[-1]
    6
    """
    return _depthwise(inputs, kernel, strides, padding, data_format, dilation_rate, "depthwise_conv")


@derived(
    dtype=FLOATING,
    samples=(
        sample(_IMAGE, Array((3, 2, 3, 2)), Array((1, 1, 6, 4)), 2, "same"),
        sample(Array((2, 9, 4)), Array((3, 4, 2)), Array((1, 8, 5))),
    ),
    spaces=NN,
)
def separable_conv(
    inputs: TensorLike,
    depthwise_kernel: TensorLike,
    pointwise_kernel: TensorLike,
    strides: Steps = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Steps = 1,
) -> Tensor:
    """Return a depthwise convolution, then one with windows of size 1 that mixes the channels.

    Args:
        inputs: A tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial) with
            "channels_first".
        depthwise_kernel: A tensor of shape (*window, channels, multiplier).
        pointwise_kernel: A tensor of shape (1, ..., 1, channels * multiplier, filters).
        strides: The step of the window: an integer, or one per spatial dim.
        padding: "valid" or "same", in 1D "causal" too; see `conv`.
        data_format: "channels_last" or "channels_first"; None means `image_data_format()`.
        dilation_rate: The distance between the elements of the window.

    Source: Chollet, Xception, https://arxiv.org/abs/1610.02357

    >>> from kerasfront import ops
    >>> ops.separable_conv(ops.ones((1, 8, 8, 3)), ops.ones((3, 3, 3, 2)), ops.ones((1, 1, 6, 4))).shape[-1]
    4
    """
    x = _depthwise(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate, "separable_conv")
    return _conv(x, pointwise_kernel, None, 1, "valid", data_format, 1)


# ---- transposed --------------------------------------------------------------------------------------------


def _transposed(
    inputs: Any, kernel: Any, bias: Any, strides: Any, crops: Any, data_format: str, dilation_rate: Any
) -> shapes.Shape:
    batch, spatial, channels = shapes.split_channels(inputs.shape, data_format)
    if channels != kernel.shape[-1] and not unknown(channels):
        raise ShapeError(
            f"The {channels} channels of the inputs {inputs.shape} are not the kernel's "
            f"{kernel.shape[-1]} {kernel.shape}."
        )
    if bias is not None and tuple(bias.shape) != (kernel.shape[-2],):
        raise ShapeError(f"Expected a bias of shape ({kernel.shape[-2]},), got {tuple(bias.shape)}.")
    sizes = zip(spatial, kernel.shape[:-2], strides, dilation_rate, crops, strict=True)
    lengths = [(n - 1) * s + (k - 1) * d + 1 - before - after for n, k, s, d, (before, after) in sizes]
    return shapes.join_channels(batch, [max(n, 0) for n in lengths], kernel.shape[-2], data_format)


@primitive(
    shape=_transposed,
    dtype=FLOATING,
    samples=(
        sample(Array((2, 4, 5, 3)), Array((3, 2, 4, 3)), None, (1, 1), ((0, 0), (0, 0)), _LAST, (1, 1)),
        sample(Array((2, 4, 5, 3)), Array((3, 2, 4, 3)), Array((4,)), (2, 3), ((0, 1), (0, -1)), _LAST, (1, 1)),
        sample(Array((2, 3, 4, 5)), Array((3, 4, 2, 3)), Array((2,)), (2, 2), ((1, 0), (1, 2)), _FIRST, (2, 1)),
        sample(Array((2, 5, 3)), Array((4, 2, 3)), None, (2,), ((1, 1),), _LAST, (1,)),
        sample(
            Array((1, 3, 2, 4, 2)),
            Array((2, 2, 3, 3, 2)),
            None,
            (2, 1, 2),
            ((0, 0), (0, 1), (1, 0)),
            _LAST,
            (1, 1, 1),
        ),
        sample(Array((0, 4, 5, 3)), Array((3, 2, 4, 3)), None, (2, 2), ((0, 1), (0, 0)), _LAST, (1, 1)),
    ),
    spaces=INTERNAL,
)
def transposed_convolution(
    inputs: TensorLike,
    kernel: TensorLike,
    bias: TensorLike | None,
    strides: Sizes,
    crops: Any,
    data_format: str,
    dilation_rate: Sizes,
) -> Tensor:
    """Compute `conv_transpose`, as the full result less `crops`.

    `crops` has (before, after) for each dim; zeros are added where they are negative.
    """


def transpose_crops(
    kernel_size: Sequence[int],
    strides: Sequence[int],
    padding: str,
    output_padding: Any,
    dilation_rate: Sequence[int],
) -> tuple[tuple[int, int], ...]:
    """Return what a transposed convolution cuts off its full result.

    The full result has the length (size - 1) * stride + reach in each dim.

    Without output_padding the length is that of the input whose convolution gave this one: size * stride for "same",
    and size * stride + max(reach - stride, 0) for "valid". With it, (size - 1) * stride + reach - 2 * pad +
    output_padding, where pad is reach // 2 for "same" and 0 for "valid".
    """
    extra = (None,) * len(strides) if output_padding is None else output_padding
    out = []
    for k, s, d, more in zip(kernel_size, strides, dilation_rate, extra, strict=True):
        reach = (k - 1) * d + 1
        if more is None:
            total = reach - s if padding == "same" else min(reach - s, 0)
        else:
            total = (2 * (reach // 2) if padding == "same" else 0) - more
        before = max(total, 0) // 2
        out.append((before, total - before))
    return tuple(out)


def _more(output_padding: Any, rank: int, strides: Sequence[int]) -> Any:
    if output_padding is None:
        return None
    out = (output_padding,) * rank if isinstance(output_padding, int) else tuple(output_padding)
    if len(out) != rank or any(o is not None and not o >= 0 for o in out):
        raise ShapeError(
            f"Expected `output_padding` to be an integer from 0 on, or {rank} of them, got {output_padding!r}."
        )
    if any(o is not None and o >= s and o for o, s in zip(out, strides, strict=True)):
        raise ShapeError(f"Expected `output_padding` below the strides {tuple(strides)}, got {output_padding!r}.")
    return out


def _conv_transpose(
    inputs: Any,
    kernel: Any,
    bias: Any,
    strides: Any,
    padding: str,
    output_padding: Any,
    data_format: Any,
    dilation_rate: Any,
) -> Any:
    rank = spatial_rank(inputs, "conv_transpose")
    _kernel_of(inputs, kernel, rank)
    steps = shapes.per_axis(strides, rank, "strides")
    dilation = shapes.per_axis(dilation_rate, rank, "dilation_rate")
    more = _more(output_padding, rank, steps)
    crops = transpose_crops(tuple(kernel.shape[:-2]), steps, padding_name(padding), more, dilation)
    return transposed_convolution(inputs, kernel, bias, steps, crops, layout(data_format), dilation)


@derived(
    dtype=FLOATING,
    samples=(
        sample(Array((2, 4, 5, 3)), Array((3, 2, 4, 3)), 2, "same"),
        sample(Array((2, 4, 5, 3)), Array((3, 2, 4, 3)), (2, 3), "valid", 1),
        sample(Array((2, 4, 3)), Array((3, 4, 3)), 3, "same", 1),
        sample(Array((3, 4, 3)), Array((2, 4, 3)), 3, "valid"),
    ),
    spaces=NN,
)
def conv_transpose(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: Steps = 1,
    padding: str = "valid",
    output_padding: Steps | None = None,
    data_format: str | None = None,
    dilation_rate: Steps = 1,
) -> Tensor:
    """Return the transposed convolution: the gradient of `conv` by its inputs, often called deconvolution.

    The same on every backend, as TensorFlow places it: what "same" crops is split evenly, the odd one is cut
    at the end.

    Args:
        inputs: A tensor of shape (batch, *spatial, channels), or (batch, channels, *spatial) with
            "channels_first".
        kernel: A tensor of shape (*window, filters, channels).
        strides: The step of the window: an integer, or one per spatial dim.
        padding: "valid": all of the result. "same": the output length is size * stride.
        output_padding: None, or how much is added to the length (size - 1) * stride + reach - 2 * pad, where pad is
            reach // 2 for "same" and 0 for "valid"; less than the stride.
        data_format: "channels_last" or "channels_first"; None means `image_data_format()`.
        dilation_rate: The distance between the elements of the window.

    Raises:
        ShapeError: Ranks, channels or output_padding don't fit.

    Source: Zeiler et al., Deconvolutional networks, 2010.

    >>> from kerasfront import ops
    >>> y = ops.conv_transpose(ops.ones((1, 3, 1)), ops.ones((3, 1, 1)), strides=2, padding="same")
    >>> ops.convert_to_numpy(y[0, :, 0]).tolist()
    [1.0, 1.0, 2.0, 1.0, 2.0, 1.0]
    """
    return _conv_transpose(inputs, kernel, None, strides, padding, output_padding, data_format, dilation_rate)


@derived(
    dtype=FLOATING, samples=(sample(Array((2, 4, 5, 3)), Array((3, 2, 4, 3)), Array((4,)), 2, "same"),), spaces=INTERNAL
)
def conv_transpose_bias(
    inputs: TensorLike,
    kernel: TensorLike,
    bias: TensorLike | None = None,
    strides: Steps = 1,
    padding: str = "valid",
    output_padding: Steps | None = None,
    data_format: str | None = None,
    dilation_rate: Steps = 1,
) -> Tensor:
    """Return `conv_transpose` with a bias of shape (filters,) added.

    >>> from kerasfront import ops
    >>> from kerasfront.ops.convolution import conv_transpose_bias
    >>> y = conv_transpose_bias(ops.ones((1, 3, 1)), ops.ones((2, 4, 1)), ops.ones((4,)), strides=2)
    >>> tuple(y.shape)
    (1, 6, 4)
    """
    return _conv_transpose(inputs, kernel, bias, strides, padding, output_padding, data_format, dilation_rate)


# ---- patches of images -------------------------------------------------------------------------------------


def _pair(value: Any, name: str, least: int = 1) -> tuple[int, int]:
    out = (value, value) if isinstance(value, int) else tuple(value)
    if len(out) != 2 or any(not isinstance(v, int) or v < least for v in out):
        raise ShapeError(f"Expected `{name}` to be an integer from {least} on, or two of them, got {value!r}.")
    return out


def _blocks(size: Sequence[int], kernel: Any, dilation: Any, padding: Any, stride: Any) -> list[int]:
    rows = zip(size, kernel, dilation, padding, stride, strict=True)
    return [shapes.window_length(n + 2 * p, k, s, "valid", d) for n, k, d, p, s in rows]


def _unfolded(x: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> shapes.Shape:
    if len(x.shape) != 4:
        raise ShapeError(f"unfold needs a tensor of shape (batch, channels, height, width), got {x.shape}.")
    places = _blocks(x.shape[2:], kernel_size, dilation, padding, stride)
    return (x.shape[0], x.shape[1] * math.prod(kernel_size), math.prod(places))


def _folded(x: Any, output_size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> shapes.Shape:
    area = math.prod(kernel_size)
    if len(x.shape) != 3 or (x.shape[1] % area and not unknown(x.shape[1])):
        raise ShapeError(f"fold needs a tensor of shape (batch, channels * {area}, blocks), got {x.shape}.")
    places = math.prod(_blocks(output_size, kernel_size, dilation, padding, stride))
    if x.shape[2] != places and not unknown(x.shape[2]):
        raise ShapeError(f"An output of size {tuple(output_size)} is made of {places} blocks, got {x.shape[2]}.")
    return (x.shape[0], x.shape[1] // area, *output_size)


@primitive(
    shape=_unfolded,
    samples=(
        sample(Array((2, 3, 5, 6)), (2, 3), (1, 1), (0, 0), (1, 1)),
        sample(Array((2, 3, 5, 6)), (2, 2), (2, 1), (1, 0), (2, 2)),
    ),
    dtype=FLOATING,
    spaces=INTERNAL,
)
def unfold_blocks(x: TensorLike, kernel_size: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes) -> Tensor:
    """Compute `unfold`: every argument is a pair."""


@primitive(
    shape=_folded,
    samples=(
        sample(Array((2, 18, 16)), (5, 6), (2, 3), (1, 1), (0, 0), (1, 1)),
        sample(Array((2, 12, 9)), (5, 6), (2, 2), (2, 1), (1, 0), (2, 2)),
    ),
    dtype=FLOATING,
    spaces=INTERNAL,
)
def fold_blocks(
    x: TensorLike, output_size: Sizes, kernel_size: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes
) -> Tensor:
    """Compute `fold`: every argument is a pair."""


@derived(
    dtype=FLOATING, samples=(sample(Array((2, 3, 5, 6)), 2), sample(Array((2, 3, 5, 6)), (2, 3), 2, 1, 2)), spaces=NN
)
def unfold(x: TensorLike, kernel_size: Steps, dilation: Steps = 1, padding: Steps = 0, stride: Steps = 1) -> Tensor:
    """Return the sliding blocks of images as columns (im2col).

    Args:
        x: A tensor of shape (batch, channels, height, width).
        kernel_size: The size of a block: an integer, or two.
        dilation: The distance between the elements of a block.
        padding: How many zeros stand around the image.
        stride: The step of the block.

    Returns:
        A tensor of shape (batch, channels * block area, number of blocks).

    Raises:
        ShapeError: The rank is not 4, or a block doesn't fit.

    >>> from kerasfront import ops
    >>> ops.unfold(ops.ones((1, 2, 4, 4)), 3).shape[1:] == (18, 4)
    True
    """
    return unfold_blocks(
        x,
        _pair(kernel_size, "kernel_size"),
        _pair(dilation, "dilation"),
        _pair(padding, "padding", 0),
        _pair(stride, "stride"),
    )


@derived(dtype=FLOATING, samples=(sample(Array((2, 12, 20)), (5, 6), 2),), spaces=NN)
def fold(
    x: TensorLike,
    output_size: Steps,
    kernel_size: Steps,
    dilation: Steps = 1,
    padding: Steps = 0,
    stride: Steps = 1,
) -> Tensor:
    """Return images as the sums of their sliding blocks (col2im): the transpose of `unfold`.

    Args:
        x: A tensor of shape (batch, channels * block area, number of blocks).
        output_size: The height and width of the images.
        kernel_size: The size of a block: an integer, or two.
        dilation: The distance between the elements of a block.
        padding: How many zeros stood around the image.
        stride: The step of the block.

    Returns:
        A tensor of shape (batch, channels, height, width).

    Raises:
        ShapeError: The blocks don't make an image of that size.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.fold(ops.ones((1, 2, 2)), (1, 3), (1, 2))).tolist()
    [[[[1.0, 2.0, 1.0]]]]
    """
    return fold_blocks(
        x,
        _pair(output_size, "output_size"),
        _pair(kernel_size, "kernel_size"),
        _pair(dilation, "dilation"),
        _pair(padding, "padding", 0),
        _pair(stride, "stride"),
    )


# ---- depth and space ---------------------------------------------------------------------------------------


def _image_sizes(x: Any, block_size: int, data_format: str, name: str) -> tuple[str, int, int, int]:
    """Return (data format, height, width, channels), -1 where unknown; raises where x is no batch of images."""
    data_format = layout(data_format)
    if len(x.shape) != 4:
        raise ShapeError(f"{name} needs a tensor of rank 4, got the shape {tuple(x.shape)}.")
    if not isinstance(block_size, int) or block_size < 1:
        raise ShapeError(f"Expected `block_size` to be a positive integer, got {block_size!r}.")
    _, (height, width), channels = shapes.split_channels(tuple(x.shape), data_format)
    return data_format, height, width, channels


@derived(samples=(sample(Array((2, 3, 2, 8)), 2), sample(Array((2, 18, 1, 2)), 3, "channels_first")), spaces=NN)
def depth_to_space(x: TensorLike, block_size: int, data_format: str = "channels_last") -> Tensor:
    """Return images whose channels become blocks of pixels.

    The channel counts the rows of a block first, then its columns, then the new channels.

    Args:
        x: A tensor of shape (batch, height, width, channels), or (batch, channels, height, width).
        block_size: The height and width of a block.
        data_format: "channels_last" or "channels_first".

    Returns:
        A tensor of shape (batch, height * block_size, width * block_size, channels / block_size**2), or
        channels first.

    Raises:
        ShapeError: The rank is not 4, or the channels don't divide.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.depth_to_space([[[[1, 2, 3, 4]]]], 2)[0, :, :, 0]).tolist()
    [[1, 2], [3, 4]]
    """
    data_format, height, width, channels = _image_sizes(x, block_size, data_format, "depth_to_space")
    if channels % (block_size * block_size):
        raise ShapeError(
            f"The {channels} channels of {tuple(dims_of(x))} are no multiple of block_size**2 = {block_size**2}."
        )
    depth, b = channels // block_size**2, block_size
    if data_format == "channels_last":
        y = transpose(reshape(x, (-1, height, width, b, b, depth)), (0, 1, 3, 2, 4, 5))
        return reshape(y, (-1, height * b, width * b, depth))
    y = transpose(reshape(x, (-1, b, b, depth, height, width)), (0, 3, 4, 1, 5, 2))
    return reshape(y, (-1, depth, height * b, width * b))


@derived(samples=(sample(Array((2, 6, 4, 2)), 2), sample(Array((2, 2, 3, 6)), 3, "channels_first")), spaces=NN)
def space_to_depth(x: TensorLike, block_size: int, data_format: str = "channels_last") -> Tensor:
    """Return images whose blocks of pixels become channels: the inverse of `depth_to_space`.

    Args:
        x: A tensor of shape (batch, height, width, channels), or (batch, channels, height, width).
        block_size: The height and width of a block.
        data_format: "channels_last" or "channels_first".

    Returns:
        A tensor of shape (batch, height / block_size, width / block_size, channels * block_size**2), or
        channels first.

    Raises:
        ShapeError: The rank is not 4, or the image doesn't divide into blocks.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.space_to_depth([[[[1], [2]], [[3], [4]]]], 2)).tolist()
    [[[[1, 2, 3, 4]]]]
    """
    data_format, height, width, channels = _image_sizes(x, block_size, data_format, "space_to_depth")
    b = block_size
    if height % b or width % b:
        raise ShapeError(f"The images of {tuple(dims_of(x))} don't divide into blocks of {b} x {b}.")
    if data_format == "channels_last":
        y = transpose(reshape(x, (-1, height // b, b, width // b, b, channels)), (0, 1, 3, 2, 4, 5))
        return reshape(y, (-1, height // b, width // b, channels * b * b))
    y = transpose(reshape(x, (-1, channels, height // b, b, width // b, b)), (0, 3, 5, 1, 2, 4))
    return reshape(y, (-1, channels * b * b, height // b, width // b))

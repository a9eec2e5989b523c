"""What all convolutions share: the window, where the channels are, bias and activation."""

from __future__ import annotations

from collections.abc import Sequence

from kerasfront import ops
from kerasfront.errors import ShapeError
from kerasfront.layers._configured import Configured, data_format_of, one_of, per_axis, where
from kerasfront.layers._options import Activation, Constraint, Initializer, Regularizer
from kerasfront.layers.input_spec import InputSpec
from kerasfront.typing import Shape, Tensor

Steps = int | Sequence[int]


class Window(Configured):
    """A layer that moves a window over `rank` spatial dims; a subclass for each rank says it."""

    rank: int
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
    data_format: str
    dilation_rate: tuple[int, ...]
    use_bias: bool
    activation: Activation | None
    bias_initializer: Initializer
    bias_regularizer: Regularizer | None
    bias_constraint: Constraint | None
    # The values that `padding` may have.
    _kf_paddings: tuple[str, ...] = ("valid", "same")


def keep_window(
    layer: Window, kernel_size: Steps, strides: Steps, padding: str, data_format: str | None, dilation_rate: Steps
) -> None:
    """Check the arguments that say how the window moves, and keep them."""
    rank = layer.rank
    layer.kernel_size = per_axis(layer, "kernel_size", kernel_size, rank)
    layer.strides = per_axis(layer, "strides", strides, rank)
    layer.padding = one_of(layer, "padding", padding, layer._kf_paddings)
    layer.data_format = data_format_of(layer, data_format)
    layer.dilation_rate = per_axis(layer, "dilation_rate", dilation_rate, rank)
    layer.input_spec = InputSpec(ndim=rank + 2)


def expect_channels(layer: Window, input_shape: Shape) -> int:
    """Return the number of channels of the inputs, which from now on is expected of them."""
    axis = -1 if layer.data_format == "channels_last" else 1
    channels = input_shape[axis]
    if channels is None:
        raise ShapeError(
            f"Expected the inputs of {where(layer)} to have a known number of channels (on axis {axis}), "
            f"got the shape {tuple(input_shape)}."
        )
    layer.input_spec = InputSpec(ndim=layer.rank + 2, axes={axis: channels})
    return int(channels)


def add_bias_and_activate(layer: Window, x: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x with a bias for each channel, and activated."""
    if bias is not None:
        last = layer.data_format == "channels_last"
        x = ops.add(x, bias if last else ops.reshape(bias, (-1, *(1,) * layer.rank)))
    return x if layer.activation is None else layer.activation(x)

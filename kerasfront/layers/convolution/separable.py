"""Convolutions of each channel by itself, followed by a mix of the channels."""

from __future__ import annotations

from typing import Unpack

from kerasfront.layers._configured import keep, make_weight, positive, read
from kerasfront.layers._options import CommonOptions, Constraint, Initializer, Regularizer
from kerasfront.layers.convolution.window import Steps, Window, expect_channels, keep_window
from kerasfront.ops.convolution import convolution, depthwise_convolution
from kerasfront.typing import ActivationLike, ConstraintLike, InitializerLike, RegularizerLike, Shape, Tensor
from kerasfront.variable import Variable


class BaseSeparableConv(Window):
    """A separable convolution over `rank` spatial dims."""

    filters: int
    depth_multiplier: int
    depthwise_initializer: Initializer
    pointwise_initializer: Initializer
    depthwise_regularizer: Regularizer | None
    pointwise_regularizer: Regularizer | None
    depthwise_constraint: Constraint | None
    pointwise_constraint: Constraint | None
    depthwise_kernel: Variable
    pointwise_kernel: Variable
    bias: Variable | None

    def __init__(
        self,
        filters: int,
        kernel_size: Steps,
        strides: Steps = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Steps = 1,
        depth_multiplier: int = 1,
        activation: ActivationLike | None = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        pointwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike | None = None,
        pointwise_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        depthwise_constraint: ConstraintLike | None = None,
        pointwise_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
        **kwargs: Unpack[CommonOptions],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        keep_window(self, kernel_size, strides, padding, data_format, dilation_rate)
        keep(
            self, filters=positive(self, "filters", filters),
            depth_multiplier=positive(self, "depth_multiplier", depth_multiplier),
            activation=activation, use_bias=use_bias, depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer, bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer, pointwise_regularizer=pointwise_regularizer,
            bias_regularizer=bias_regularizer, depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip

    def build(self, input_shape: Shape) -> None:
        channels = expect_channels(self, input_shape)
        between = channels * self.depth_multiplier
        self.depthwise_kernel = make_weight(
            self, "depthwise_kernel", (*self.kernel_size, channels, self.depth_multiplier), of="depthwise"
        )
        self.pointwise_kernel = make_weight(
            self, "pointwise_kernel", (*(1,) * self.rank, between, self.filters), of="pointwise"
        )
        self.bias = make_weight(self, "bias", (self.filters,)) if self.use_bias else None

    def call(self, inputs: Tensor) -> Tensor:
        x = depthwise_convolution(
            inputs, self.depthwise_kernel.value, self.strides, self.padding, self.data_format, self.dilation_rate
        )
        ones = (1,) * self.rank
        x = convolution(x, self.pointwise_kernel.value, read(self.bias), ones, "valid", self.data_format, ones, 1)
        return x if self.activation is None else self.activation(x)


class SeparableConv1D(BaseSeparableConv):
    """A depthwise convolution over one dim, then a mix of its channels; the arguments are those of `SeparableConv2D`.

    padding may be "causal" too.

    >>> import kerasfront as keras
    >>> keras.layers.SeparableConv1D(8, 3)(keras.ops.ones((2, 10, 4))).shape[1:] == (8, 8)
    True
    """

    rank = 1
    _kf_paddings = ("valid", "same", "causal")


class SeparableConv2D(BaseSeparableConv, defaults={"strides": (1, 1), "dilation_rate": (1, 1)}):
    """A depthwise convolution of images, then one with windows of a single pixel that mixes the channels.

    Args:
        filters: The number of output channels.
        kernel_size: The height and width of the window: an integer, or two.
        strides: The step of the window: an integer, or two.
        padding: "valid" or "same"; see `Conv2D`.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.
        dilation_rate: The distance between the elements of the window: an integer, or two.
        depth_multiplier: How many channels the depthwise convolution makes of each input channel.
        activation: A function or its name; None: none.
        use_bias: Whether a bias is added.
        depthwise_initializer: An initializer of the kernel of shape (height, width, channels, depth_multiplier).
        pointwise_initializer: An initializer of the kernel of shape (1, 1, channels * depth_multiplier, filters).
        bias_initializer: An initializer of the bias, of shape (filters,).
        depthwise_regularizer: A regularizer of the depthwise kernel.
        pointwise_regularizer: A regularizer of the pointwise kernel.
        bias_regularizer: A regularizer of the bias.
        activity_regularizer: A regularizer of the output.
        depthwise_constraint: A constraint of the depthwise kernel.
        pointwise_constraint: A constraint of the pointwise kernel.
        bias_constraint: A constraint of the bias.

    Raises:
        ValueError: An argument is out of its range.

    Source: Chollet, https://arxiv.org/abs/1610.02357

    >>> import kerasfront as keras
    >>> keras.layers.SeparableConv2D(8, 3)(keras.ops.ones((2, 8, 8, 4))).shape[1:] == (6, 6, 8)
    True
    """

    rank = 2

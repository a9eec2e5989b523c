"""Convolutions of each channel by itself."""

from __future__ import annotations

from typing import Unpack

from kerasfront.layers._configured import keep, make_weight, positive, read
from kerasfront.layers._options import CommonOptions, Constraint, Initializer, Regularizer
from kerasfront.layers.convolution.window import Steps, Window, add_bias_and_activate, expect_channels, keep_window
from kerasfront.ops.convolution import depthwise_convolution
from kerasfront.typing import ActivationLike, ConstraintLike, InitializerLike, RegularizerLike, Shape, Tensor
from kerasfront.variable import Variable


class BaseDepthwiseConv(Window):
    """A depthwise convolution over `rank` spatial dims."""

    depth_multiplier: int
    depthwise_initializer: Initializer
    depthwise_regularizer: Regularizer | None
    depthwise_constraint: Constraint | None
    kernel: Variable
    bias: Variable | None

    def __init__(
        self,
        kernel_size: Steps,
        strides: Steps = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Steps = 1,
        activation: ActivationLike | None = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        depthwise_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
        **kwargs: Unpack[CommonOptions],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        keep_window(self, kernel_size, strides, padding, data_format, dilation_rate)
        keep(
            self, depth_multiplier=positive(self, "depth_multiplier", depth_multiplier),
            activation=activation, use_bias=use_bias,
            depthwise_initializer=depthwise_initializer, bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer, bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip

    def build(self, input_shape: Shape) -> None:
        channels = expect_channels(self, input_shape)
        self.kernel = make_weight(self, "kernel", (*self.kernel_size, channels, self.depth_multiplier), of="depthwise")
        self.bias = make_weight(self, "bias", (channels * self.depth_multiplier,)) if self.use_bias else None

    def call(self, inputs: Tensor) -> Tensor:
        x = depthwise_convolution(
            inputs, self.kernel.value, self.strides, self.padding, self.data_format, self.dilation_rate
        )
        return add_bias_and_activate(self, x, read(self.bias))


class DepthwiseConv1D(BaseDepthwiseConv):
    """Convolution of each channel by itself, over one dim; the arguments are those of `DepthwiseConv2D`.

    padding may be "causal" too.

    >>> import kerasfront as keras
    >>> keras.layers.DepthwiseConv1D(3, depth_multiplier=2)(keras.ops.ones((2, 10, 4))).shape[1:] == (8, 8)
    True
    """

    rank = 1
    _kf_paddings = ("valid", "same", "causal")


class DepthwiseConv2D(BaseDepthwiseConv, defaults={"strides": (1, 1), "dilation_rate": (1, 1)}):
    """Convolution of each channel of images by itself, with `depth_multiplier` filters each.

    Args:
        kernel_size: The height and width of the window: an integer, or two.
        strides: The step of the window: an integer, or two.
        padding: "valid" or "same"; see `Conv2D`.
        depth_multiplier: How many output channels come of each input channel; they are neighbours.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.
        dilation_rate: The distance between the elements of the window: an integer, or two.
        activation: A function or its name; None: none.
        use_bias: Whether a bias is added.
        depthwise_initializer: An initializer of the kernel, of shape (height, width, channels, depth_multiplier).
        bias_initializer: An initializer of the bias, of shape (channels * depth_multiplier,).
        depthwise_regularizer: A regularizer of the kernel.
        bias_regularizer: A regularizer of the bias.
        activity_regularizer: A regularizer of the output.
        depthwise_constraint: A constraint of the kernel.
        bias_constraint: A constraint of the bias.

    Raises:
        ValueError: An argument is out of its range.

    >>> import kerasfront as keras
    >>> keras.layers.DepthwiseConv2D(3, depth_multiplier=2)(keras.ops.ones((2, 8, 8, 4))).shape[1:] == (6, 6, 8)
    True
    """

    rank = 2

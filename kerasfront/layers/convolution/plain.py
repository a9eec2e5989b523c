"""Convolutions, plain and in groups."""

from __future__ import annotations

from typing import Any, Unpack

from kerasfront.errors import ShapeError
from kerasfront.layers._configured import keep, make_weight, positive, read, strides_or_dilation, where
from kerasfront.layers._options import Constraint, ConvOptions, Initializer, Regularizer
from kerasfront.layers.convolution.window import Steps, Window, add_bias_and_activate, expect_channels, keep_window
from kerasfront.layers.kernels.kernel_layer import KernelLayer
from kerasfront.layers.kernels.products import Convolution, Product
from kerasfront.ops.convolution import convolution
from kerasfront.typing import (
    ActivationLike,
    ConstraintLike,
    InitializerLike,
    RegularizerLike,
    Shape,
    Tensor,
    TensorLike,
)
from kerasfront.variable import Variable


class BaseConv(Window, KernelLayer):
    """A convolution over `rank` spatial dims."""

    filters: int
    groups: int
    kernel_initializer: Initializer
    kernel_regularizer: Regularizer | None
    kernel_constraint: Constraint | None
    bias: Variable | None

    def __init__(
        self,
        filters: int,
        kernel_size: Steps,
        strides: Steps = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Steps = 1,
        groups: int = 1,
        activation: ActivationLike | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
        **kwargs: Unpack[ConvOptions],
    ) -> None:
        lora = kwargs.pop("lora_rank", None), kwargs.pop("lora_alpha", None)
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._kf_keep_adaptation(*lora, None)
        keep_window(self, kernel_size, strides, padding, data_format, dilation_rate)
        strides_or_dilation(self, self.strides, self.dilation_rate)
        keep(
            self, filters=positive(self, "filters", filters), groups=positive(self, "groups", groups),
            activation=activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip
        if filters % groups:
            raise ValueError(f"Expected `filters` of {where(self)} to be a multiple of groups={groups}, got {filters}.")

    def build(self, input_shape: Shape) -> None:
        channels = expect_channels(self, input_shape)
        if channels % self.groups:
            raise ShapeError(
                f"Expected the channels of the inputs of {where(self)} to be a multiple of groups={self.groups}, "
                f"got {channels} channels."
            )
        self._kf_make_kernel((*self.kernel_size, channels // self.groups, self.filters))
        self.bias = make_weight(self, "bias", (self.filters,)) if self.use_bias else None
        self._kf_make_lora()

    @property
    def kernel(self) -> Variable:
        return self._kf_visible_kernel()

    def call(self, inputs: Tensor) -> Tensor:
        if self._kf_adapted:
            return add_bias_and_activate(self, self._kf_product(inputs), read(self.bias))
        x = convolution(
            inputs,
            self._kf_storage.values.value,
            read(self.bias),
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            self.groups,
        )
        return x if self.activation is None else self.activation(x)

    def convolution_op(self, inputs: Tensor, kernel: TensorLike) -> Tensor:
        """Convolve inputs with a kernel, without bias and activation."""
        return convolution(
            inputs, kernel, None, self.strides, self.padding, self.data_format, self.dilation_rate, self.groups
        )

    def _kf_contraction(self) -> Product:
        return Convolution(self.convolution_op)

    def _kf_regularizer_and_constraint(self) -> tuple[Any, Any]:
        return self.kernel_regularizer, self.kernel_constraint


class Conv1D(BaseConv):
    """Convolution over time or any one dim: `filters` windows of `kernel_size` steps slide over the inputs.

    Args:
        filters: The number of output channels.
        kernel_size: The length of the window.
        strides: The step of the window.
        padding: "valid" (none), "same" (output length ceil(length / stride)), or "causal": all of it at the start, so
            that no output depends on later inputs.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.
        dilation_rate: The distance between the elements of the window.
        groups: Into how many groups channels and filters divide; each is convolved by itself.
        activation: A function or its name; None: none.
        use_bias: Whether a bias is added.
        kernel_initializer: An initializer of the kernel, of shape (window, channels / groups, filters).
        bias_initializer: An initializer of the bias, of shape (filters,).
        kernel_regularizer: A regularizer of the kernel.
        bias_regularizer: A regularizer of the bias.
        activity_regularizer: A regularizer of the output.
        kernel_constraint: A constraint of the kernel.
        bias_constraint: A constraint of the bias.

    Raises:
        ValueError: An argument is out of its range, or the channels don't divide into the groups.

    >>> import kerasfront as keras
    >>> keras.layers.Conv1D(8, 3, padding="causal")(keras.ops.ones((2, 10, 4))).shape[1:] == (10, 8)
    True
    """

    rank = 1
    _kf_paddings = ("valid", "same", "causal")


class Conv2D(BaseConv, defaults={"strides": (1, 1), "dilation_rate": (1, 1)}):
    """Convolution over images: `filters` windows of `kernel_size` pixels slide over the inputs.

    Args:
        filters: The number of output channels.
        kernel_size: The height and width of the window: an integer, or two.
        strides: The step of the window: an integer, or two.
        padding: "valid" (none) or "same" (output size ceil(size / stride); where it is odd, more stands at the end).
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.
        dilation_rate: The distance between the elements of the window: an integer, or two.
        groups: Into how many groups channels and filters divide; each is convolved by itself.
        activation: A function or its name; None: none.
        use_bias: Whether a bias is added.
        kernel_initializer: An initializer of the kernel, of shape (height, width, channels / groups, filters).
        bias_initializer: An initializer of the bias, of shape (filters,).
        kernel_regularizer: A regularizer of the kernel.
        bias_regularizer: A regularizer of the bias.
        activity_regularizer: A regularizer of the output.
        kernel_constraint: A constraint of the kernel.
        bias_constraint: A constraint of the bias.

    Raises:
        ValueError: An argument is out of its range, or the channels don't divide into the groups.

    Source: LeCun et al., Backpropagation applied to handwritten zip code recognition, 1989.

    >>> import kerasfront as keras
    >>> keras.layers.Conv2D(8, 3, strides=2, padding="same")(keras.ops.ones((2, 9, 9, 3))).shape[1:] == (5, 5, 8)
    True
    """

    rank = 2


class Conv3D(BaseConv, defaults={"strides": (1, 1, 1), "dilation_rate": (1, 1, 1)}):
    """Convolution over volumes; the arguments are those of `Conv2D`, for three spatial dims.

    >>> import kerasfront as keras
    >>> keras.layers.Conv3D(8, 3)(keras.ops.ones((2, 5, 6, 7, 1))).shape[1:] == (3, 4, 5, 8)
    True
    """

    rank = 3

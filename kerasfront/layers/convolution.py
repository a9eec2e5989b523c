"""Convolutions over 1, 2 or 3 spatial dims: plain and grouped, depthwise, separable, transposed.

Inputs have the shape (batch, *spatial, channels), or (batch, channels, *spatial) with data_format="channels_first".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerasfront import ops
from kerasfront.errors import ShapeError
from kerasfront.layers._configured import (
    Configured,
    data_format_of,
    keep,
    make_weight,
    one_of,
    per_axis,
    positive,
    read,
    strides_or_dilation,
    where,
)
from kerasfront.layers._matrix import MatrixLayer
from kerasfront.layers.input_spec import InputSpec
from kerasfront.ops.convolution import (
    convolution,
    depthwise_convolution,
    transpose_crops,
    transposed_convolution,
)

Steps = int | Sequence[int]


class _Window(Configured):
    """What all convolutions share: the window, where the channels are, bias and activation."""

    rank: int
    _paddings: tuple[str, ...] = ("valid", "same")
    # Whether strides and a dilation together are refused.
    _one_only = False

    def _keep_window(self, kernel_size: Any, strides: Any, padding: str, data_format: Any, dilation_rate: Any) -> None:
        rank = self.rank
        self.kernel_size = per_axis(self, "kernel_size", kernel_size, rank)
        self.strides = per_axis(self, "strides", strides, rank)
        self.padding = one_of(self, "padding", padding, self._paddings)
        self.data_format = data_format_of(self, data_format)
        self.dilation_rate = per_axis(self, "dilation_rate", dilation_rate, rank)
        if self._one_only:
            strides_or_dilation(self, self.strides, self.dilation_rate)
        self.input_spec = InputSpec(ndim=rank + 2)

    def _channels(self, input_shape: Any) -> int:
        """The number of channels of the inputs, which from now on is expected of them."""
        axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[axis]
        if channels is None:
            raise ShapeError(
                f"Expected the inputs of {where(self)} to have a known number of channels (on axis {axis}), "
                f"got the shape {tuple(input_shape)}."
            )
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})
        return int(channels)

    def _finished(self, x: Any, bias: Any = None) -> Any:
        """x with a bias for each channel, and activated."""
        if bias is not None:
            last = self.data_format == "channels_last"
            x = ops.add(x, bias if last else ops.reshape(bias, (-1, *(1,) * self.rank)))
        return x if self.activation is None else self.activation(x)


class _Conv(_Window, MatrixLayer):
    _one_only = True

    def __init__(
        self,
        filters: int,
        kernel_size: Steps,
        strides: Steps = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Steps = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        lora = kwargs.pop("lora_rank", None), kwargs.pop("lora_alpha", None)
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._keep_adaptation(*lora, None)
        self._keep_window(kernel_size, strides, padding, data_format, dilation_rate)
        keep(
            self,
            filters=positive(self, "filters", filters), groups=positive(self, "groups", groups),
            activation=activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip
        if filters % groups:
            raise ValueError(f"Expected `filters` of {where(self)} to be a multiple of groups={groups}, got {filters}.")

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        if channels % self.groups:
            raise ShapeError(
                f"Expected the channels of the inputs of {where(self)} to be a multiple of groups={self.groups}, "
                f"got {channels} channels."
            )
        self._make_matrix((*self.kernel_size, channels // self.groups, self.filters))
        self.bias = make_weight(self, "bias", (self.filters,)) if self.use_bias else None
        self._make_lora()

    @property
    def kernel(self) -> Any:
        return self._shown_matrix()

    def call(self, inputs: Any) -> Any:
        if self._form is not None:
            return self._finished(self._form.product(self, inputs), read(self.bias))
        x = convolution(
            inputs,
            self._kernel.value,
            read(self.bias),
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            self.groups,
        )
        return x if self.activation is None else self.activation(x)

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """The convolution of inputs with a kernel, without bias and activation."""
        return convolution(
            inputs, kernel, None, self.strides, self.padding, self.data_format, self.dilation_rate, self.groups
        )

    def _contract(self, inputs: Any, matrix: Any) -> Any:
        return self.convolution_op(inputs, matrix)


class Conv1D(_Conv):
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
    _paddings = ("valid", "same", "causal")


class Conv2D(_Conv, defaults={"strides": (1, 1), "dilation_rate": (1, 1)}):
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


class Conv3D(_Conv, defaults={"strides": (1, 1, 1), "dilation_rate": (1, 1, 1)}):
    """Convolution over volumes; the arguments are those of `Conv2D`, for three spatial dims.

    >>> import kerasfront as keras
    >>> keras.layers.Conv3D(8, 3)(keras.ops.ones((2, 5, 6, 7, 1))).shape[1:] == (3, 4, 5, 8)
    True
    """

    rank = 3


# ---- depthwise and separable --------------------------------------------------------------------------------------


class _DepthwiseConv(_Window):
    _paddings: tuple[str, ...] = ("valid", "same")

    def __init__(
        self,
        kernel_size: Steps,
        strides: Steps = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Steps = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._keep_window(kernel_size, strides, padding, data_format, dilation_rate)
        keep(
            self,
            depth_multiplier=positive(self, "depth_multiplier", depth_multiplier),
            activation=activation, use_bias=use_bias,
            depthwise_initializer=depthwise_initializer, bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer, bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        self.kernel = make_weight(self, "kernel", (*self.kernel_size, channels, self.depth_multiplier), of="depthwise")
        self.bias = make_weight(self, "bias", (channels * self.depth_multiplier,)) if self.use_bias else None

    def call(self, inputs: Any) -> Any:
        x = depthwise_convolution(
            inputs, self.kernel.value, self.strides, self.padding, self.data_format, self.dilation_rate
        )
        return self._finished(x, read(self.bias))


class DepthwiseConv1D(_DepthwiseConv):
    """Convolution of each channel by itself, over one dim; the arguments are those of `DepthwiseConv2D`.

    padding may be "causal" too.

    >>> import kerasfront as keras
    >>> keras.layers.DepthwiseConv1D(3, depth_multiplier=2)(keras.ops.ones((2, 10, 4))).shape[1:] == (8, 8)
    True
    """

    rank = 1
    _paddings = ("valid", "same", "causal")


class DepthwiseConv2D(_DepthwiseConv, defaults={"strides": (1, 1), "dilation_rate": (1, 1)}):
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


class _SeparableConv(_Window):
    def __init__(
        self,
        filters: int,
        kernel_size: Steps,
        strides: Steps = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Steps = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._keep_window(kernel_size, strides, padding, data_format, dilation_rate)
        keep(
            self,
            filters=positive(self, "filters", filters),
            depth_multiplier=positive(self, "depth_multiplier", depth_multiplier),
            activation=activation, use_bias=use_bias, depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer, bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer, pointwise_regularizer=pointwise_regularizer,
            bias_regularizer=bias_regularizer, depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        between = channels * self.depth_multiplier
        self.depthwise_kernel = make_weight(
            self, "depthwise_kernel", (*self.kernel_size, channels, self.depth_multiplier), of="depthwise"
        )
        self.pointwise_kernel = make_weight(
            self, "pointwise_kernel", (*(1,) * self.rank, between, self.filters), of="pointwise"
        )
        self.bias = make_weight(self, "bias", (self.filters,)) if self.use_bias else None

    def call(self, inputs: Any) -> Any:
        x = depthwise_convolution(
            inputs, self.depthwise_kernel.value, self.strides, self.padding, self.data_format, self.dilation_rate
        )
        ones = (1,) * self.rank
        return self._finished(
            convolution(x, self.pointwise_kernel.value, read(self.bias), ones, "valid", self.data_format, ones, 1)
        )


class SeparableConv1D(_SeparableConv):
    """A depthwise convolution over one dim, then a mix of its channels; the arguments are those of `SeparableConv2D`.

    padding may be "causal" too.

    >>> import kerasfront as keras
    >>> keras.layers.SeparableConv1D(8, 3)(keras.ops.ones((2, 10, 4))).shape[1:] == (8, 8)
    True
    """

    rank = 1
    _paddings = ("valid", "same", "causal")


class SeparableConv2D(_SeparableConv, defaults={"strides": (1, 1), "dilation_rate": (1, 1)}):
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


# ---- transposed ---------------------------------------------------------------------------------------------------


class _ConvTranspose(_Window):
    _one_only = True

    def __init__(
        self,
        filters: int,
        kernel_size: Steps,
        strides: Steps = 1,
        padding: str = "valid",
        output_padding: Steps | None = None,
        data_format: str | None = None,
        dilation_rate: Steps = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._keep_window(kernel_size, strides, padding, data_format, dilation_rate)
        keep(
            self,
            filters=positive(self, "filters", filters), activation=activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip
        self.output_padding = output_padding
        if output_padding is not None:
            self.output_padding = per_axis(self, "output_padding", output_padding, self.rank, least=0)
            if any(more and more >= step for more, step in zip(self.output_padding, self.strides, strict=True)):
                raise ValueError(
                    f"Expected `output_padding` of {where(self)} to be less than the strides {self.strides}, "
                    f"got {output_padding!r}."
                )
        self._crops = transpose_crops(
            self.kernel_size, self.strides, self.padding, self.output_padding, self.dilation_rate
        )

    def build(self, input_shape: Any) -> None:
        self.kernel = make_weight(self, "kernel", (*self.kernel_size, self.filters, self._channels(input_shape)))
        self.bias = make_weight(self, "bias", (self.filters,)) if self.use_bias else None

    def call(self, inputs: Any) -> Any:
        x = transposed_convolution(
            inputs, self.kernel.value, read(self.bias), self.strides, self._crops, self.data_format, self.dilation_rate
        )
        return x if self.activation is None else self.activation(x)


class Conv1DTranspose(_ConvTranspose):
    """Transposed convolution over one dim; the arguments are those of `Conv2DTranspose`.

    >>> import kerasfront as keras
    >>> keras.layers.Conv1DTranspose(8, 3, strides=2)(keras.ops.ones((2, 10, 4))).shape[1:] == (21, 8)
    True
    """

    rank = 1


class Conv2DTranspose(_ConvTranspose, defaults={"strides": (1, 1), "dilation_rate": (1, 1)}):
    """Transposed convolution of images: the gradient of `Conv2D` by its inputs, often called deconvolution.

    Args:
        filters: The number of output channels.
        kernel_size: The height and width of the window: an integer, or two.
        strides: By how much the image grows: an integer, or two.
        padding: "valid": all of the result. "same": the output size is size * stride.
        output_padding: None, or how much is added to the size (size - 1) * stride + window - 2 * pad, where pad is
            window // 2 for "same" and 0 for "valid"; less than the strides.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.
        dilation_rate: The distance between the elements of the window: an integer, or two.
        activation: A function or its name; None: none.
        use_bias: Whether a bias is added.
        kernel_initializer: An initializer of the kernel, of shape (height, width, filters, channels).
        bias_initializer: An initializer of the bias, of shape (filters,).
        kernel_regularizer: A regularizer of the kernel.
        bias_regularizer: A regularizer of the bias.
        activity_regularizer: A regularizer of the output.
        kernel_constraint: A constraint of the kernel.
        bias_constraint: A constraint of the bias.

    Raises:
        ValueError: An argument is out of its range.

    Source: Zeiler et al., Deconvolutional networks, 2010.

    >>> import kerasfront as keras
    >>> layer = keras.layers.Conv2DTranspose(8, 3, strides=2, padding="same")
    >>> layer(keras.ops.ones((2, 5, 5, 4))).shape[1:] == (10, 10, 8)
    True
    """

    rank = 2


class Conv3DTranspose(_ConvTranspose):
    """Transposed convolution of volumes; the arguments are those of `Conv2DTranspose`, for three spatial dims.

    >>> import kerasfront as keras
    >>> keras.layers.Conv3DTranspose(2, 3, strides=2)(keras.ops.ones((1, 2, 3, 4, 1))).shape[1:] == (5, 7, 9, 2)
    True
    """

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Steps,
        strides: Steps = (1, 1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: Steps | None = None,
        dilation_rate: Steps = (1, 1, 1),
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        # Keras has data_format and output_padding the other way round here.
        super().__init__(
            filters, kernel_size, strides, padding, output_padding, data_format, dilation_rate, activation, use_bias,
            kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, **kwargs,
        )  # fmt: skip

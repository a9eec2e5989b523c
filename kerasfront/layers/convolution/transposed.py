"""Transposed convolutions: the gradients of convolutions by their inputs."""

from __future__ import annotations

from typing import Any, Unpack

from kerasfront.layers._configured import keep, make_weight, per_axis, positive, read, strides_or_dilation, where
from kerasfront.layers._options import CommonOptions, Constraint, Initializer, Regularizer
from kerasfront.layers.convolution.window import Steps, Window, expect_channels, keep_window
from kerasfront.ops.convolution import transpose_crops, transposed_convolution
from kerasfront.typing import ActivationLike, ConstraintLike, InitializerLike, RegularizerLike, Shape, Tensor
from kerasfront.variable import Variable


class BaseConvTranspose(Window):
    """A transposed convolution over `rank` spatial dims."""

    filters: int
    output_padding: tuple[int, ...] | None
    kernel_initializer: Initializer
    kernel_regularizer: Regularizer | None
    kernel_constraint: Constraint | None
    kernel: Variable
    bias: Variable | None
    # How much is cut off the start and the end of each spatial dim of the full result.
    _kf_crops: Any

    def __init__(
        self,
        filters: int,
        kernel_size: Steps,
        strides: Steps = 1,
        padding: str = "valid",
        output_padding: Steps | None = None,
        data_format: str | None = None,
        dilation_rate: Steps = 1,
        activation: ActivationLike | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
        **kwargs: Unpack[CommonOptions],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        keep_window(self, kernel_size, strides, padding, data_format, dilation_rate)
        strides_or_dilation(self, self.strides, self.dilation_rate)
        keep(
            self, filters=positive(self, "filters", filters), activation=activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = per_axis(self, "output_padding", output_padding, self.rank, least=0)
            if any(more and more >= step for more, step in zip(self.output_padding, self.strides, strict=True)):
                raise ValueError(
                    f"Expected `output_padding` of {where(self)} to be less than the strides {self.strides}, "
                    f"got {output_padding!r}."
                )
        self._kf_crops = transpose_crops(
            self.kernel_size, self.strides, self.padding, self.output_padding, self.dilation_rate
        )

    def build(self, input_shape: Shape) -> None:
        self.kernel = make_weight(self, "kernel", (*self.kernel_size, self.filters, expect_channels(self, input_shape)))
        self.bias = make_weight(self, "bias", (self.filters,)) if self.use_bias else None

    def call(self, inputs: Tensor) -> Tensor:
        x = transposed_convolution(
            inputs,
            self.kernel.value,
            read(self.bias),
            self.strides,
            self._kf_crops,
            self.data_format,
            self.dilation_rate,
        )
        return x if self.activation is None else self.activation(x)


class Conv1DTranspose(BaseConvTranspose):
    """Transposed convolution over one dim; the arguments are those of `Conv2DTranspose`.

    >>> import kerasfront as keras
    >>> keras.layers.Conv1DTranspose(8, 3, strides=2)(keras.ops.ones((2, 10, 4))).shape[1:] == (21, 8)
    True
    """

    rank = 1


class Conv2DTranspose(BaseConvTranspose, defaults={"strides": (1, 1), "dilation_rate": (1, 1)}):
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


class Conv3DTranspose(BaseConvTranspose):
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
        activation: ActivationLike | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
        **kwargs: Unpack[CommonOptions],
    ) -> None:
        # In Keras, data_format and output_padding are the other way round in this class only.
        super().__init__(
            filters, kernel_size, strides, padding, output_padding, data_format, dilation_rate, activation, use_bias,
            kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, **kwargs,
        )  # fmt: skip

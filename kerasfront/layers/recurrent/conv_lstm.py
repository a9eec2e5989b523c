"""Convolutional LSTMs: the products of an LSTM with its kernels are convolutions.

Sequences have the shape (batch, time, *spatial, channels), or (batch, time, channels, *spatial) with
data_format="channels_first".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from kerasfront import ops
from kerasfront.layers._configured import (
    data_format_of,
    keep,
    make_weight,
    one_of,
    per_axis,
    positive,
    strides_or_dilation,
)
from kerasfront.layers._options import Activation, LayerOptions
from kerasfront.layers.input_spec import InputSpec
from kerasfront.layers.recurrent.base_cell import RecurrentCell, dropped, keep_dropout
from kerasfront.layers.recurrent.lstm import lstm_step, make_forget_bias
from kerasfront.layers.recurrent.of_cell import CellAttribute, OfCell, RecurrentOptions, make_cell
from kerasfront.ops.convolution import convolution
from kerasfront.spec import KerasTensor, infer, shapes
from kerasfront.typing import ActivationLike, ConstraintLike, InitializerLike, RegularizerLike, Shape, Tensor
from kerasfront.variable import Variable

Steps = int | Sequence[int]


class ConvLSTMCell(RecurrentCell):
    """One step of a convolutional LSTM over `rank` spatial dims; its arguments are those of the layers."""

    rank: int
    filters: int
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
    data_format: str
    dilation_rate: tuple[int, ...]
    recurrent_activation: Activation
    unit_forget_bias: bool
    state_size: list[int]
    output_size: int
    kernel: Variable
    recurrent_kernel: Variable
    bias: Variable | None
    # The spatial dims of the inputs that the cell was built for.
    _kf_spatial: tuple[Any, ...]

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Steps,
        strides: Steps = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Steps = 1,
        activation: ActivationLike | None = "tanh",
        recurrent_activation: ActivationLike | None = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: RegularizerLike | None = None,
        recurrent_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        recurrent_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        filters = positive(self, "filters", filters)
        kernel_size = per_axis(self, "kernel_size", kernel_size, rank)
        strides = per_axis(self, "strides", strides, rank)
        padding = one_of(self, "padding", padding, ("valid", "same"))
        data_format = data_format_of(self, data_format)
        dilation_rate = per_axis(self, "dilation_rate", dilation_rate, rank)
        strides_or_dilation(self, strides, dilation_rate)
        keep(self, **locals())
        keep_dropout(self, dropout, recurrent_dropout, seed)
        self.state_size = [filters, filters]
        self.output_size = filters

    def build(self, input_shape: Shape) -> None:
        _, spatial, channels = shapes.split_channels(tuple(input_shape), self.data_format)  # type: ignore[arg-type]
        width = 4 * self.filters
        self.kernel = make_weight(self, "kernel", (*self.kernel_size, channels, width))
        self.recurrent_kernel = make_weight(
            self, "recurrent_kernel", (*self.kernel_size, self.filters, width), of="recurrent"
        )
        self.bias = make_forget_bias(self, self.filters) if self.use_bias else None
        self._kf_spatial = tuple(spatial)

    def get_initial_state(self, batch_size: Any = None) -> list[Tensor]:
        """Return zeros for both states, for the image size that the cell was built for."""
        spatial = [
            shapes.window_length(n, k, s, self.padding, d)
            for n, k, s, d in zip(self._kf_spatial, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        ]
        shape = shapes.join_channels(batch_size, spatial, self.filters, self.data_format)
        return [ops.zeros(shape, dtype=self.compute_dtype) for _ in range(2)]

    def project(self, inputs: Tensor) -> Tensor:
        """Compute what the inputs add to the gates."""
        return convolution(
            inputs, self.kernel, self.bias, self.strides, self.padding, self.data_format, self.dilation_rate, 1
        )

    def call(
        self, inputs: Tensor, states: Sequence[Tensor], training: bool | None = False
    ) -> tuple[Tensor, list[Tensor]]:
        h, c = states
        x, h = dropped(self, inputs, h, training)
        ones = (1,) * self.rank
        inner = convolution(h, self.recurrent_kernel, None, ones, "same", self.data_format, ones, 1)
        axis = -1 if self.data_format == "channels_last" else 1
        h, c = lstm_step(self, ops.split(self.project(x) + inner, 4, axis=axis), c)
        return h, [h, c]


class BaseConvLSTM(OfCell):
    """A convolutional LSTM over `rank` spatial dims."""

    cell: ConvLSTMCell
    rank: int
    filters: CellAttribute[int] = CellAttribute()
    kernel_size: CellAttribute[tuple[int, ...]] = CellAttribute()
    strides: CellAttribute[tuple[int, ...]] = CellAttribute()
    padding: CellAttribute[str] = CellAttribute()
    data_format: CellAttribute[str] = CellAttribute()
    dilation_rate: CellAttribute[tuple[int, ...]] = CellAttribute()
    recurrent_activation: CellAttribute[Activation] = CellAttribute()
    unit_forget_bias: CellAttribute[bool] = CellAttribute()

    def __init__(
        self,
        filters: int,
        kernel_size: Steps,
        strides: Steps = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Steps = 1,
        activation: ActivationLike | None = "tanh",
        recurrent_activation: ActivationLike | None = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: RegularizerLike | None = None,
        recurrent_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        recurrent_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Unpack[RecurrentOptions],
    ) -> None:
        cell, options = make_cell(ConvLSTMCell, "conv_lstm_cell", {**locals(), "rank": self.rank})
        super().__init__(cell, **options)
        self.input_spec = InputSpec(ndim=self.rank + 3)

    def build(self, sequences_shape: Shape, initial_state_shape: Sequence[Shape] | None = None) -> None:
        super().build(sequences_shape, initial_state_shape)
        axis = -1 if self.data_format == "channels_last" else 2
        self.input_spec = InputSpec(ndim=self.rank + 3, axes={axis: sequences_shape[axis]})

    def _kf_cell_states(self, sequences: Any) -> Any:
        # The image size is that of the sequences, for which the layer needn't have been built.
        axis = -1 if self.data_format == "channels_last" else 1
        if None in sequences.shape[2:]:
            part = ops.split(self.cell.project(ops.zeros_like(sequences[:, 0])), 4, axis=axis)[0]
            return [ops.zeros_like(part), ops.zeros_like(part)]
        first = KerasTensor((1, *sequences.shape[2:]), ops.dtype(sequences))
        shape = [ops.shape(sequences)[0], *infer(self.cell.project, (first,), {}).shape[1:]]
        shape[axis] = self.filters
        return [ops.zeros(shape, dtype=self.compute_dtype) for _ in range(2)]


class ConvLSTM1D(BaseConvLSTM):
    """A convolutional LSTM over sequences of rows: (batch, time, rows, channels). See `ConvLSTM2D`.

    >>> import kerasfront as keras
    >>> layer = keras.layers.ConvLSTM1D(4, 3, data_format="channels_last")
    >>> layer(keras.ops.ones((1, 2, 6, 3))).shape[1:] == (4, 4)
    True
    """

    rank = 1


class ConvLSTM2D(BaseConvLSTM):
    """A convolutional LSTM over sequences of images: (batch, time, rows, columns, channels).

    Args:
        filters: The number of channels of each state and of the output.
        kernel_size: The size of the window: an integer, or one for each spatial dim.
        strides: The step of the window over the inputs.
        padding: "valid" or "same", of the inputs; the states are padded so that they keep their size.
        data_format: "channels_last" or "channels_first"; None means `image_data_format()`.
        dilation_rate: The distance between the elements of the window over the inputs.
        activation: A function or its name, for the new values and the output; None: none.
        recurrent_activation: A function or its name, for the gates; None: none.
        use_bias: Whether a bias is added.
        kernel_initializer: An initializer of the kernel, of shape (*kernel_size, channels, 4 * filters).
        recurrent_initializer: An initializer of the recurrent kernel, of shape (*kernel_size, filters, 4 * filters).
        bias_initializer: An initializer of the bias, of shape (4 * filters,).
        unit_forget_bias: Whether the bias of the forget gate begins at 1.
        kernel_regularizer: A regularizer of the kernel.
        recurrent_regularizer: A regularizer of the recurrent kernel.
        bias_regularizer: A regularizer of the bias.
        activity_regularizer: A regularizer of the output.
        kernel_constraint: A constraint of the kernel.
        recurrent_constraint: A constraint of the recurrent kernel.
        bias_constraint: A constraint of the bias.
        dropout: The rate at which inputs are dropped in training, with one mask for all steps.
        recurrent_dropout: The rate at which h is dropped in training, likewise.
        seed: A seed of dropout.
        return_sequences: Whether the outputs of all steps are returned, or the last one.
        return_state: Whether the last states h and c are returned too.
        go_backwards: Whether to run from the last step to the first.
        stateful: Whether a batch begins with the states of the one before.

    The call arguments and results are those of `RNN`, with images as features.

    Raises:
        ValueError: An argument is out of its range.
        ShapeError: The window doesn't fit into the images.

    Source: Shi et al., https://arxiv.org/abs/1506.04214

    >>> import kerasfront as keras
    >>> layer = keras.layers.ConvLSTM2D(4, 3, padding="same", data_format="channels_last")
    >>> layer(keras.ops.ones((1, 2, 6, 5, 3))).shape[1:] == (6, 5, 4)
    True
    """

    rank = 2


class ConvLSTM3D(BaseConvLSTM):
    """A convolutional LSTM over sequences of volumes: (batch, time, *three spatial dims, channels). See `ConvLSTM2D`.

    >>> import kerasfront as keras
    >>> layer = keras.layers.ConvLSTM3D(2, 2, data_format="channels_last")
    >>> layer(keras.ops.ones((1, 2, 3, 3, 3, 1))).shape[1:] == (2, 2, 2, 2)
    True
    """

    rank = 3

"""LSTM: a long short-term memory layer, and its cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from kerasfront import ops
from kerasfront.layers._configured import keep, make_weight, positive
from kerasfront.layers._options import Activation, LayerOptions
from kerasfront.layers.recurrent.base_cell import UnitsCell, dropped, keep_dropout
from kerasfront.layers.recurrent.of_cell import (
    CellAttribute,
    RecurrentOptions,
    UnitsRNN,
    computes_as_fused,
    make_cell,
    run_fused,
)
from kerasfront.ops.matrices import affine
from kerasfront.ops.recurrence import lstm
from kerasfront.typing import ActivationLike, ConstraintLike, DTypeLike, InitializerLike, RegularizerLike, Shape, Tensor
from kerasfront.variable import Variable


class LSTMCell(UnitsCell):
    """One step of an LSTM.

    With the gates i, f, o (by the recurrent activation) and g (by the activation) of `x @ kernel + h @
    recurrent_kernel + bias`, cut in the order i, f, g, o: `c = f * c + i * g`, `h = o * activation(c)`.

    Args:
        units: The size of each of the two states and of the output.
        activation: A function or its name, for the new values and the output; None: none.
        recurrent_activation: A function or its name, for the gates; None: none.
        use_bias: Whether a bias is added.
        kernel_initializer: An initializer of the kernel, of shape (features, 4 * units).
        recurrent_initializer: An initializer of the recurrent kernel, of shape (units, 4 * units).
        bias_initializer: An initializer of the bias, of shape (4 * units,).
        unit_forget_bias: Whether the bias of the forget gate begins at 1 (Jozefowicz et al., 2015).
        kernel_regularizer: A regularizer of the kernel.
        recurrent_regularizer: A regularizer of the recurrent kernel.
        bias_regularizer: A regularizer of the bias.
        kernel_constraint: A constraint of the kernel.
        recurrent_constraint: A constraint of the recurrent kernel.
        bias_constraint: A constraint of the bias.
        dropout: The rate at which inputs are dropped in training, with one mask for all steps.
        recurrent_dropout: The rate at which h is dropped in training, likewise.
        seed: A seed of the masks.

    Called on inputs of shape (batch, features) and the states [h, c], it returns the output and the next states.

    Source: Hochreiter and Schmidhuber (1997), "Long short-term memory".

    >>> import kerasfront as keras
    >>> cell = keras.layers.LSTMCell(3)
    >>> y, (h, c) = cell(keras.ops.ones((2, 4)), cell.get_initial_state(batch_size=2))
    >>> y.shape[1], c.shape[1]
    (3, 3)
    """

    state_size: list[int]
    recurrent_activation: Activation
    unit_forget_bias: bool
    _kf_gates = 4

    def __init__(
        self,
        units: int,
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
        units = positive(self, "units", units)
        keep(self, **locals())
        keep_dropout(self, dropout, recurrent_dropout, seed)
        self.state_size: list[int] = [units, units]
        self.output_size = units

    def _kf_make_bias(self) -> Variable:
        return make_forget_bias(self, self.units)

    def call(
        self, inputs: Tensor, states: Sequence[Tensor], training: bool | None = False
    ) -> tuple[Tensor, list[Tensor]]:
        h, c = states
        x, h = dropped(self, inputs, h, training)
        gates = affine(x, self.kernel, self.bias) + ops.matmul(h, self.recurrent_kernel)
        h, c = lstm_step(self, ops.split(gates, 4, axis=-1), c)
        return h, [h, c]


def lstm_step(cell: Any, gates: Sequence[Tensor], c: Tensor) -> tuple[Tensor, Tensor]:
    """Return the next h and c, from the four gates before their activations."""
    i, f, g, o = gates
    gate = cell.recurrent_activation
    c = gate(f) * c + gate(i) * cell.activation(g)
    return gate(o) * cell.activation(c), c


def make_forget_bias(cell: Any, units: int) -> Variable:
    """Make the bias of an LSTM's four gates; where the cell asks for it, that of the forget gate begins at 1."""
    if not cell.unit_forget_bias:
        return make_weight(cell, "bias", (4 * units,))

    def initialize(shape: Shape, dtype: DTypeLike | None = None) -> np.ndarray[Any, Any]:
        draw = getattr(cell.bias_initializer, "draw", cell.bias_initializer)
        first, rest = (np.asarray(ops.convert_to_numpy(draw((n * units,), dtype=dtype))) for n in (1, 2))
        return np.concatenate([first, np.ones_like(first), rest])

    return cell.add_weight(
        (4 * units,), initialize, name="bias", regularizer=cell.bias_regularizer, constraint=cell.bias_constraint
    )


class LSTM(UnitsRNN):
    """A long short-term memory layer.

    Args:
        units: The size of each state and of the output.
        activation: A function or its name, for the new values and the output; None: none.
        recurrent_activation: A function or its name, for the gates; None: none.
        use_bias: Whether a bias is added.
        kernel_initializer: An initializer of the kernel, of shape (features, 4 * units).
        recurrent_initializer: An initializer of the recurrent kernel, of shape (units, 4 * units).
        bias_initializer: An initializer of the bias, of shape (4 * units,).
        unit_forget_bias: Whether the bias of the forget gate begins at 1.
        kernel_regularizer: A regularizer of the kernel.
        recurrent_regularizer: A regularizer of the recurrent kernel.
        bias_regularizer: A regularizer of the bias.
        activity_regularizer: A regularizer of the output.
        kernel_constraint: A constraint of the kernel.
        recurrent_constraint: A constraint of the recurrent kernel.
        bias_constraint: A constraint of the bias.
        dropout: The rate at which inputs are dropped in training, with one mask for all steps.
        recurrent_dropout: The rate at which h is dropped in training, likewise; the layer then runs step by step.
        seed: A seed of dropout.
        return_sequences: Whether the outputs of all steps are returned, or the last one.
        return_state: Whether the last states h and c are returned too.
        go_backwards: Whether to run from the last step to the first.
        stateful: Whether a batch begins with the states of the one before.
        unroll: Whether the loop is written out.
        use_cudnn: False: step by step. "auto" and True: by the framework's fused loop (on any device) where the
            activations are the default ones.

    The call arguments, results and errors are those of `RNN`.

    Source: Hochreiter and Schmidhuber (1997), "Long short-term memory".

    >>> import kerasfront as keras
    >>> y, h, c = keras.layers.LSTM(3, return_sequences=True, return_state=True)(keras.ops.ones((2, 5, 4)))
    >>> y.shape[1:] == (5, 3), c.shape[1]
    (True, 3)
    """

    cell: LSTMCell
    recurrent_activation: CellAttribute[Activation] = CellAttribute()
    unit_forget_bias: CellAttribute[bool] = CellAttribute()
    use_cudnn: bool | str

    def __init__(
        self,
        units: int,
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
        unroll: bool = False,
        use_cudnn: bool | str = "auto",
        **kwargs: Unpack[RecurrentOptions],
    ) -> None:
        cell, options = make_cell(LSTMCell, "lstm_cell", locals())
        super().__init__(cell, **options)
        self.use_cudnn = use_cudnn

    def inner_loop(
        self, sequences: Tensor, initial_state: Sequence[Tensor], mask: Tensor | None, training: bool | None = False
    ) -> tuple[Tensor, Tensor, Any]:
        if self.use_cudnn is False or not computes_as_fused(self, training):
            return super().inner_loop(sequences, initial_state, mask, training)
        return run_fused(self, lstm, sequences, initial_state, mask, training)

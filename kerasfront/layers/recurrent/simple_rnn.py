"""SimpleRNN: a fully connected recurrent layer, and its cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from kerasfront import ops
from kerasfront.layers._configured import keep, positive
from kerasfront.layers._options import LayerOptions
from kerasfront.layers.recurrent.base_cell import (
    OneState,
    UnitsCell,
    dropped,
    first_state,
    keep_dropout,
    next_states,
)
from kerasfront.layers.recurrent.of_cell import RecurrentOptions, UnitsRNN, computes_as_fused, make_cell, run_fused
from kerasfront.ops.matrices import affine
from kerasfront.ops.recurrence import simple_rnn
from kerasfront.typing import ActivationLike, ConstraintLike, InitializerLike, RegularizerLike, Tensor


class SimpleRNNCell(UnitsCell):
    """One step of a SimpleRNN: `h = activation(x @ kernel + h @ recurrent_kernel + bias)`.

    Args:
        units: The size of the state and of the output.
        activation: A function or its name; None: none.
        use_bias: Whether a bias is added.
        kernel_initializer: An initializer of the kernel, of shape (features, units).
        recurrent_initializer: An initializer of the recurrent kernel, of shape (units, units).
        bias_initializer: An initializer of the bias, of shape (units,).
        kernel_regularizer: A regularizer of the kernel.
        recurrent_regularizer: A regularizer of the recurrent kernel.
        bias_regularizer: A regularizer of the bias.
        kernel_constraint: A constraint of the kernel.
        recurrent_constraint: A constraint of the recurrent kernel.
        bias_constraint: A constraint of the bias.
        dropout: The rate at which inputs are dropped in training, with one mask for all steps.
        recurrent_dropout: The rate at which the state is dropped in training, likewise.
        seed: A seed of the masks.

    Called on inputs of shape (batch, features) and a list of states, it returns the output and the next states.

    Source: Elman (1990), "Finding structure in time".

    >>> import kerasfront as keras
    >>> cell = keras.layers.SimpleRNNCell(3)
    >>> y, states = cell(keras.ops.ones((2, 4)), cell.get_initial_state(batch_size=2))
    >>> y.shape[1], len(states)
    (3, 1)
    """

    state_size: int

    def __init__(
        self,
        units: int,
        activation: ActivationLike | None = "tanh",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
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
        self.state_size: int = units
        self.output_size = units

    def call(self, sequence: Tensor, states: OneState, training: bool | None = False) -> tuple[Tensor, OneState]:
        x, h = dropped(self, sequence, first_state(states), training)
        h = affine(x, self.kernel, self.bias) + ops.matmul(h, self.recurrent_kernel)
        h = self.activation(h)
        return h, next_states(h, states)


class SimpleRNN(UnitsRNN):
    """A fully connected recurrent layer: `h = activation(x @ kernel + h @ recurrent_kernel + bias)`.

    Args:
        units: The size of the state and of the output.
        activation: A function or its name; None: none.
        use_bias: Whether a bias is added.
        kernel_initializer: An initializer of the kernel, of shape (features, units).
        recurrent_initializer: An initializer of the recurrent kernel, of shape (units, units).
        bias_initializer: An initializer of the bias, of shape (units,).
        kernel_regularizer: A regularizer of the kernel.
        recurrent_regularizer: A regularizer of the recurrent kernel.
        bias_regularizer: A regularizer of the bias.
        activity_regularizer: A regularizer of the output.
        kernel_constraint: A constraint of the kernel.
        recurrent_constraint: A constraint of the recurrent kernel.
        bias_constraint: A constraint of the bias.
        dropout: The rate at which inputs are dropped in training, with one mask for all steps.
        recurrent_dropout: The rate at which the state is dropped in training, likewise.
        return_sequences: Whether the outputs of all steps are returned, or the last one.
        return_state: Whether the last state is returned too.
        go_backwards: Whether to run from the last step to the first.
        stateful: Whether a batch begins with the states of the one before.
        unroll: Whether the loop is written out.
        seed: A seed of dropout.

    The call arguments, results and errors are those of `RNN`.

    Source: Elman (1990), "Finding structure in time".

    >>> import kerasfront as keras
    >>> keras.layers.SimpleRNN(3)(keras.ops.ones((2, 5, 4))).shape[1]
    3
    """

    cell: SimpleRNNCell

    def __init__(
        self,
        units: int,
        activation: ActivationLike | None = "tanh",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        recurrent_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        recurrent_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Unpack[RecurrentOptions],
    ) -> None:
        cell, options = make_cell(SimpleRNNCell, "simple_rnn_cell", locals())
        super().__init__(cell, **options)

    def inner_loop(
        self, sequences: Tensor, initial_state: Sequence[Tensor], mask: Tensor | None, training: bool | None = False
    ) -> tuple[Tensor, Tensor, Any]:
        if not computes_as_fused(self, training):
            return super().inner_loop(sequences, initial_state, mask, training)
        return run_fused(self, simple_rnn, sequences, initial_state, mask, training)

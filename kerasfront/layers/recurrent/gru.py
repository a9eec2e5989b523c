"""GRU: a layer of gated recurrent units, and its cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from kerasfront import ops
from kerasfront.layers._configured import keep, make_weight, positive
from kerasfront.layers._options import Activation, LayerOptions
from kerasfront.layers.recurrent.base_cell import (
    OneState,
    UnitsCell,
    dropped,
    first_state,
    keep_dropout,
    next_states,
)
from kerasfront.layers.recurrent.of_cell import (
    CellAttribute,
    RecurrentOptions,
    UnitsRNN,
    computes_as_fused,
    make_cell,
    run_fused,
)
from kerasfront.ops.matrices import affine
from kerasfront.ops.recurrence import gru
from kerasfront.typing import ActivationLike, ConstraintLike, InitializerLike, RegularizerLike, Tensor
from kerasfront.variable import Variable


class GRUCell(UnitsCell):
    """One step of a GRU.

    With the gates z and r (by the recurrent activation): `h = z * h + (1 - z) * activation(new)`, where new is
    `x @ kernel + r * (h @ recurrent_kernel + bias)` with reset_after, and `x @ kernel + (r * h) @ recurrent_kernel +
    bias` without it. The gates stand in the order z, r, new.

    Args:
        units: The size of the state and of the output.
        activation: A function or its name, for the new values; None: none.
        recurrent_activation: A function or its name, for the gates; None: none.
        use_bias: Whether a bias is added.
        kernel_initializer: An initializer of the kernel, of shape (features, 3 * units).
        recurrent_initializer: An initializer of the recurrent kernel, of shape (units, 3 * units).
        bias_initializer: An initializer of the bias, of shape (2, 3 * units) with reset_after, else (3 * units,).
        kernel_regularizer: A regularizer of the kernel.
        recurrent_regularizer: A regularizer of the recurrent kernel.
        bias_regularizer: A regularizer of the bias.
        kernel_constraint: A constraint of the kernel.
        recurrent_constraint: A constraint of the recurrent kernel.
        bias_constraint: A constraint of the bias.
        dropout: The rate at which inputs are dropped in training, with one mask for all steps.
        recurrent_dropout: The rate at which the state is dropped in training, likewise.
        reset_after: Whether the reset gate is applied after the product with the recurrent kernel, as cuDNN does, or
            before it, as in the paper.
        seed: A seed of the masks.

    Called on inputs of shape (batch, features) and a list of states, it returns the output and the next states.

    Source: Cho et al., https://arxiv.org/abs/1406.1078

    >>> import kerasfront as keras
    >>> cell = keras.layers.GRUCell(3)
    >>> y, states = cell(keras.ops.ones((2, 4)), cell.get_initial_state(batch_size=2))
    >>> y.shape[1], len(states)
    (3, 1)
    """

    state_size: int
    recurrent_activation: Activation
    reset_after: bool
    _kf_gates = 3

    def __init__(
        self,
        units: int,
        activation: ActivationLike | None = "tanh",
        recurrent_activation: ActivationLike | None = "sigmoid",
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
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        units = positive(self, "units", units)
        keep(self, **locals())
        keep_dropout(self, dropout, recurrent_dropout, seed)
        self.state_size: int = units
        self.output_size = units

    def _kf_make_bias(self) -> Variable:
        width = 3 * self.units
        return make_weight(self, "bias", (2, width) if self.reset_after else (width,))

    def call(self, inputs: Tensor, states: OneState, training: bool | None = False) -> tuple[Tensor, OneState]:
        h = first_state(states)
        x, state = dropped(self, inputs, h, training)
        z, new = (_reset_after_product if self.reset_after else _reset_before_product)(self, x, state)
        new = self.activation(new)
        h = new + z * (h - new)
        return h, next_states(h, states)


def _reset_after_product(cell: GRUCell, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gate z and the new values, with the reset gate after the product with the recurrent kernel."""
    first, second = (None, None) if cell.bias is None else (cell.bias[0], cell.bias[1])
    xz, xr, xn = ops.split(affine(x, cell.kernel, first), 3, axis=-1)
    hz, hr, hn = ops.split(affine(h, cell.recurrent_kernel, second), 3, axis=-1)
    z, r = cell.recurrent_activation(xz + hz), cell.recurrent_activation(xr + hr)
    return z, xn + r * hn


def _reset_before_product(cell: GRUCell, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gate z and the new values, with the reset gate before the product with the recurrent kernel."""
    xz, xr, xn = ops.split(affine(x, cell.kernel, cell.bias), 3, axis=-1)
    hz, hr = ops.split(ops.matmul(h, cell.recurrent_kernel[:, : 2 * cell.units]), 2, axis=-1)
    z, r = cell.recurrent_activation(xz + hz), cell.recurrent_activation(xr + hr)
    return z, xn + ops.matmul(r * h, cell.recurrent_kernel[:, 2 * cell.units :])


class GRU(UnitsRNN):
    """A layer of gated recurrent units.

    Args:
        units: The size of the state and of the output.
        activation: A function or its name, for the new values; None: none.
        recurrent_activation: A function or its name, for the gates; None: none.
        use_bias: Whether a bias is added.
        kernel_initializer: An initializer of the kernel, of shape (features, 3 * units).
        recurrent_initializer: An initializer of the recurrent kernel, of shape (units, 3 * units).
        bias_initializer: An initializer of the bias, of shape (2, 3 * units) with reset_after, else (3 * units,).
        kernel_regularizer: A regularizer of the kernel.
        recurrent_regularizer: A regularizer of the recurrent kernel.
        bias_regularizer: A regularizer of the bias.
        activity_regularizer: A regularizer of the output.
        kernel_constraint: A constraint of the kernel.
        recurrent_constraint: A constraint of the recurrent kernel.
        bias_constraint: A constraint of the bias.
        dropout: The rate at which inputs are dropped in training, with one mask for all steps.
        recurrent_dropout: The rate at which the state is dropped in training, likewise; the layer then runs step by
            step.
        seed: A seed of dropout.
        return_sequences: Whether the outputs of all steps are returned, or the last one.
        return_state: Whether the last state is returned too.
        go_backwards: Whether to run from the last step to the first.
        stateful: Whether a batch begins with the states of the one before.
        unroll: Whether the loop is written out.
        reset_after: Whether the reset gate is applied after the product with the recurrent kernel, as cuDNN does, or
            before it, as in the paper.
        use_cudnn: False: step by step. "auto" and True: by the framework's fused loop (on any device) where the
            activations are the default ones.

    The call arguments, results and errors are those of `RNN`.

    Source: Cho et al., https://arxiv.org/abs/1406.1078

    >>> import kerasfront as keras
    >>> keras.layers.GRU(3, return_sequences=True)(keras.ops.ones((2, 5, 4))).shape[1:] == (5, 3)
    True
    """

    cell: GRUCell
    recurrent_activation: CellAttribute[Activation] = CellAttribute()
    reset_after: CellAttribute[bool] = CellAttribute()
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
        reset_after: bool = True,
        use_cudnn: bool | str = "auto",
        **kwargs: Unpack[RecurrentOptions],
    ) -> None:
        cell, options = make_cell(GRUCell, "gru_cell", locals())
        super().__init__(cell, **options)
        self.use_cudnn = use_cudnn

    def inner_loop(
        self, sequences: Tensor, initial_state: Sequence[Tensor], mask: Tensor | None, training: bool | None = False
    ) -> tuple[Tensor, Tensor, Any]:
        if self.use_cudnn is False or not computes_as_fused(self, training):
            return super().inner_loop(sequences, initial_state, mask, training)
        return run_fused(self, gru, sequences, initial_state, mask, training, reset_after=self.reset_after)

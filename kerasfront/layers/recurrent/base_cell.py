"""What the cells of SimpleRNN, LSTM, GRU and the convolutional LSTMs share: weights, states, and dropout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kerasfront import ops, random
from kerasfront.layers._configured import Configured, fraction, make_weight
from kerasfront.layers._options import Activation, Constraint, Initializer, Regularizer
from kerasfront.layers.base.layer import Layer
from kerasfront.random.seed_generator import SeedGenerator
from kerasfront.typing import Shape, Tensor
from kerasfront.variable import Variable

# The states of a cell: one, several, or nested ones.
States = Tensor | Sequence[Any] | Mapping[str, Any]
# The only state of a cell, alone or in a list.
OneState = Tensor | Sequence[Tensor]


class RecurrentCell(Configured):
    """The base of the cells here: a kernel, a recurrent kernel, a bias, and dropout of inputs and of the first state.

    The masks of dropout are drawn once for a sequence, and are the same at each step (Gal and Ghahramani,
    https://arxiv.org/abs/1512.05287). They are kept until they are reset.
    """

    activation: Activation
    use_bias: bool
    kernel_initializer: Initializer
    recurrent_initializer: Initializer
    bias_initializer: Initializer
    kernel_regularizer: Regularizer | None
    recurrent_regularizer: Regularizer | None
    bias_regularizer: Regularizer | None
    kernel_constraint: Constraint | None
    recurrent_constraint: Constraint | None
    bias_constraint: Constraint | None
    dropout: float
    recurrent_dropout: float
    seed: int | None
    seed_generator: SeedGenerator

    # The masks are tensors that hold for one sequence, so nothing has to track them.
    _kf_input_mask: Tensor | None = None
    _kf_state_mask: Tensor | None = None
    _kf_untracked = Layer._kf_untracked | {"_kf_input_mask", "_kf_state_mask"}

    def get_dropout_mask(self, step_input: Tensor) -> Tensor | None:
        """Return the mask of the inputs: 0 or 1 / (1 - dropout) for each element of a step; None without dropout."""
        if self.dropout and self._kf_input_mask is None:
            self._kf_input_mask = random.dropout(ops.ones_like(step_input), self.dropout, seed=self.seed_generator)
        return self._kf_input_mask

    def get_recurrent_dropout_mask(self, step_input: Tensor) -> Tensor | None:
        """Return the mask of the first state, in the shape of that state, `step_input`; None without dropout."""
        if self.recurrent_dropout and self._kf_state_mask is None:
            ones = ops.ones_like(step_input)
            self._kf_state_mask = random.dropout(ones, self.recurrent_dropout, seed=self.seed_generator)
        return self._kf_state_mask

    def reset_dropout_mask(self) -> None:
        """Let the next call draw a new mask of the inputs."""
        self._kf_input_mask = None

    def reset_recurrent_dropout_mask(self) -> None:
        """Let the next call draw a new mask of the state."""
        self._kf_state_mask = None


def keep_dropout(cell: RecurrentCell, dropout: float, recurrent_dropout: float, seed: int | None) -> None:
    """Keep the rates of a cell, and a generator where it will draw."""
    cell.dropout = fraction(cell, "dropout", dropout)
    cell.recurrent_dropout = fraction(cell, "recurrent_dropout", recurrent_dropout)
    cell.seed = seed
    if dropout or recurrent_dropout:
        cell.seed_generator = SeedGenerator(seed)


def dropped(cell: RecurrentCell, inputs: Tensor, state: Tensor, training: bool | None) -> tuple[Tensor, Tensor]:
    """Multiply the inputs and the first state of a step by their masks, in training."""
    if training and cell.dropout:
        inputs = inputs * cell.get_dropout_mask(inputs)
    if training and cell.recurrent_dropout:
        state = state * cell.get_recurrent_dropout_mask(state)
    return inputs, state


class UnitsCell(RecurrentCell):
    """A cell over vectors: its kernels have `units` columns for each gate."""

    units: int
    # The size of the only state, or a list with that of each.
    state_size: Any
    output_size: int
    kernel: Variable
    recurrent_kernel: Variable
    bias: Variable | None
    # The number of blocks of columns in the kernels: one for each gate, and one for the new values.
    _kf_gates = 1

    def build(self, input_shape: Shape) -> None:
        width = self._kf_gates * self.units
        self.kernel = make_weight(self, "kernel", (input_shape[-1], width))
        self.recurrent_kernel = make_weight(self, "recurrent_kernel", (self.units, width), of="recurrent")
        self.bias = self._kf_make_bias() if self.use_bias else None

    def get_initial_state(self, batch_size: Any = None) -> list[Tensor]:
        """Return zeros for each state, of shape (batch_size, units)."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in sizes]

    def _kf_make_bias(self) -> Variable:
        return make_weight(self, "bias", (self._kf_gates * self.units,))


def first_state(states: OneState) -> Tensor:
    """Return the only state of a cell, which may come alone or in a list."""
    return states[0] if isinstance(states, Sequence) else states


def next_states(state: Tensor, states: OneState) -> OneState:
    """Return the next state in the form of the states before: alone, or in a list."""
    return [state] if isinstance(states, Sequence) else state

"""RNN: a layer that runs a cell over the steps of a sequence.

A sequence has the shape (batch, time, features). Where a mask is False, a step keeps the states and repeats the last
output (zeros before the first step that counts), or gives zeros if the layer says so. SimpleRNN, LSTM and GRU with
their default activations use the loops that ops has fused; everything else runs its cell step by step (loop.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, Unpack

import numpy as np

from kerasfront import ops, serialization, tree
from kerasfront.errors import ShapeError
from kerasfront.layers._configured import Configured, check_rank, where
from kerasfront.layers._options import LayerOptions
from kerasfront.layers.base.conversion import map_shapes
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.input_spec import InputSpec
from kerasfront.layers.recurrent.base_cell import RecurrentCell, States
from kerasfront.layers.recurrent.cells import (
    StackedRNNCells,
    check_cell,
    draw_dropout_masks,
    initial_state,
    reset_dropout_masks,
    state_leaves,
)
from kerasfront.layers.recurrent.loop import first_mask, first_sequence, run_steps, swap_time
from kerasfront.spec import KerasTensor, infer, unknown
from kerasfront.typing import NestedTensors, Shape, Tensor
from kerasfront.variable import Variable


class RNN(Configured):
    """Runs a cell over the steps of a sequence.

    Args:
        cell: A cell, or a list of cells, which are stacked. A cell has `call(inputs, states)`, which returns the output
            and the next states; `state_size`, an integer or one for each state; optionally `output_size` and
            `get_initial_state(batch_size)`. A cell that is a layer may hold weights, and may change other variables
            (statistics, seeds) at each step.
        return_sequences: Whether the outputs of all steps are returned, or the last one.
        return_state: Whether the last states are returned too, after the output.
        go_backwards: Whether to run from the last step to the first; the outputs stand in the order they were made.
        stateful: Whether the states of a batch are those that the next one begins with. The batch size is then fixed.
        unroll: Whether the loop is written out, step by step: faster for short sequences on JAX and TensorFlow, and
            longer to compile. The length must be known.
        zero_output_for_mask: Whether the outputs of steps that are masked are zeros, instead of the output before.

    Call arguments:
        sequences: A tensor of shape (batch, time, ...).
        initial_state: The states to begin with: a list, in the cell's structure or flat.
        mask: Booleans of shape (batch, time): False leaves a step out.
        training: Whether dropout is active.

    Returns:
        The outputs, of shape (batch, time, ...), or the last one, of shape (batch, ...); with return_state a tuple of
        that and each state.

    Raises:
        ValueError: The cell is none; `stateful` without a known batch size; `unroll` without a known length.
        ShapeError: The sequences have fewer than three axes, or the initial states don't fit.

    >>> import kerasfront as keras
    >>> class Sums(keras.layers.Layer):
    ...     state_size = 1
    ...     def call(self, inputs, states):
    ...         total = states[0] + keras.ops.sum(inputs, axis=-1, keepdims=True)
    ...         return total, [total]
    >>> layer = keras.layers.RNN(Sums(), return_sequences=True)
    >>> keras.ops.convert_to_numpy(layer(keras.ops.ones((1, 3, 2)))).tolist()
    [[[2.0], [4.0], [6.0]]]
    """

    cell: Any
    return_sequences: bool
    return_state: bool
    go_backwards: bool
    stateful: bool
    unroll: bool
    zero_output_for_mask: bool
    # The variables in which a stateful layer keeps the states from batch to batch, in the structure of the cell's
    # states. They are no weights, so the layer doesn't track them.
    states: Any
    _kf_untracked = Layer._kf_untracked | {"states"}

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell, dtype=kwargs.get("dtype"))
        check_cell(self, cell)
        self.cell = cell
        self.return_sequences, self.return_state = bool(return_sequences), bool(return_state)
        self.go_backwards, self.stateful, self.unroll = bool(go_backwards), bool(stateful), bool(unroll)
        self.zero_output_for_mask = bool(zero_output_for_mask)
        self.states = None
        # The steps of a user's own cell may consist of several tensors, which one spec doesn't describe.
        self.input_spec = InputSpec(min_ndim=3) if isinstance(cell, RecurrentCell) else None
        self.supports_masking = True
        self._kf.makes_mask = False

    def build(self, sequences_shape: Any, initial_state_shape: Sequence[Shape] | None = None) -> None:
        shapes: list[Any] = []
        map_shapes(shapes.append, sequences_shape)
        if any(len(shape) < 3 for shape in shapes):
            raise ShapeError(
                f"Expected the sequences of {where(self)} to have the shape (batch, time, ...), got {sequences_shape}."
            )
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build(map_shapes(lambda shape: (shape[0], *shape[2:]), sequences_shape))
        if len(shapes) == 1 and shapes[0] == tuple(sequences_shape):
            self.input_spec = InputSpec(ndim=len(sequences_shape), axes={-1: sequences_shape[-1]})
        if self.stateful:
            _make_states(self, shapes[0][0])

    def get_initial_state(self, batch_size: Any) -> States:
        """Return the states that the cell begins with, for a batch."""
        return initial_state(self.cell, batch_size, self.compute_dtype)

    def reset_state(self) -> None:
        """Let the next batch begin with zeros."""
        for state in self._kf.call_states:
            state.assign(np.zeros(state.shape, "float32"))

    def reset_states(self) -> None:
        """`reset_state()`."""
        self.reset_state()

    def compute_mask(self, _: Any, mask: Any) -> NestedTensors | None:
        # A mask has a time axis, as only the sequence of outputs does.
        mask = first_mask(mask) if self.return_sequences else None
        return [mask, *(None for _ in range(count_states(self)))] if self.return_state else mask

    def call(
        self,
        sequences: NestedTensors,
        initial_state: States | None = None,
        mask: NestedTensors | None = None,
        training: bool | None = False,
    ) -> Any:
        if self.input_spec is not None:
            check_rank(self, sequences)
        states = _first_states(self, sequences, initial_state)
        last, outputs, states = self.inner_loop(sequences, states, first_mask(mask), training)
        if self.stateful:
            _assign_states(self, states)
        output = outputs if self.return_sequences else last
        if not self.return_state:
            return output
        return (output, *(states if isinstance(states, (list, tuple)) else [states]))

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Tensor | None, training: bool | None = False
    ) -> tuple[Tensor, Tensor, States]:
        """Run the cell over the sequence, in the layer's direction.

        Returns:
            The last output, all outputs with the time on axis 1, and the last states.
        """
        length = first_sequence(sequences).shape[1]
        if self.unroll and (not isinstance(length, int) or unknown(length)):
            raise ShapeError(
                f"{where(self).capitalize()} is unrolled: it needs a known length of the sequences, got None."
            )
        draws = training and isinstance(self.cell, (RecurrentCell, StackedRNNCells))
        if draws:
            draw_dropout_masks(self.cell, tree.map_structure(lambda x: x[:, 0], sequences), initial_state)
        try:
            states, outputs = run_steps(
                self.cell, sequences, initial_state, mask, training,
                unroll=self.unroll, go_backwards=self.go_backwards, zero_output_for_mask=self.zero_output_for_mask,
            )  # fmt: skip
        finally:
            if draws:
                reset_dropout_masks(self.cell)
        last = outputs[0 if self.go_backwards else -1]
        if not self.return_sequences:
            return last, outputs, states
        if self.go_backwards:
            outputs = ops.flip(outputs, axis=0)
        return last, swap_time(outputs), states

    def _kf_cell_states(self, sequences: Any) -> Any:
        """Return the states that the cell begins with, for these sequences."""
        return self.get_initial_state(ops.shape(first_sequence(sequences))[0])

    def get_config(self) -> dict[str, Any]:
        also = {"unroll": self.unroll, "zero_output_for_mask": self.zero_output_for_mask}
        config = {**super().get_config(), **also}
        if "cell" in config:
            config["cell"] = serialization.serialize_keras_object(self.cell)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        with serialization.custom_object_scope(custom_objects):
            return super().from_config(config)


def count_states(layer: RNN) -> int:
    """Return how many tensors the states of a layer's cell are."""
    return state_leaves(layer.cell.state_size)


def _make_states(layer: RNN, batch_size: int | None) -> None:
    if batch_size is None:
        raise ValueError(
            f"{where(layer).capitalize()} is stateful: it needs to know the batch size, and got None. Give the "
            "model an Input with batch_size, or call it on data."
        )
    sizes = infer(lambda: layer.get_initial_state(batch_size), (), {})
    layer.states = tree.map_structure(
        lambda s: Variable("zeros", shape=s.shape, dtype=s.dtype, trainable=False, name="rnn_state"), sizes
    )
    layer._kf.call_states[:] = tree.flatten(layer.states)


def _first_states(layer: RNN, sequences: Any, initial_state: Any) -> Any:
    """Return the states to begin with: those of the call, else those of the batch before, else the cell's."""
    if initial_state is None:
        if layer.stateful:
            # The gradients need the values from before the call, which an assignment would change in place on torch.
            return tree.map_structure(lambda v: ops.copy(v.value), layer.states)
        return layer._kf_cell_states(sequences)
    flat = tree.flatten(initial_state)
    if isinstance(layer.cell, RecurrentCell):
        structure: Any = [0] * count_states(layer)
    else:
        structure = infer(lambda: layer.get_initial_state(1), (), {})
    expected = len(tree.flatten(structure))
    if len(flat) != expected:
        raise ShapeError(f"Expected {expected} tensors in `initial_state` of {where(layer)}, got {len(flat)}.")
    return tree.pack_sequence_as(structure, flat)


def _assign_states(layer: RNN, states: Any) -> None:
    for variable, value in zip(layer._kf.call_states, tree.flatten(states), strict=True):
        if not isinstance(value, KerasTensor):
            variable.assign(ops.stop_gradient(value))

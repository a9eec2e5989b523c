"""Recurrent layers: a loop over time around a cell (recurrent_cells.py).

A sequence has the shape (batch, time, features). Where a mask is False, a step keeps the states and repeats the last
output (zeros before the first step that counts), or gives zeros if the layer says so. SimpleRNN, LSTM and GRU with
their default activations use the loops that ops has fused; everything else runs its cell step by step in `ops.scan`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kerasfront import activations, ops, serialization, tree
from kerasfront.errors import ShapeError
from kerasfront.layers._calls import map_shapes
from kerasfront.layers._configured import Configured, check_rank, where
from kerasfront.layers.input_spec import InputSpec
from kerasfront.layers.layer import Layer
from kerasfront.layers.recurrent_cells import (
    GRUCell,
    LSTMCell,
    RecurrentCell,
    SimpleRNNCell,
    StackedRNNCells,
    check_cell,
    initial_state,
    run_cell,
    state_leaves,
)
from kerasfront.spec import KerasTensor, infer, mode, unknown
from kerasfront.variable import StatelessScope, Variable


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

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell, dtype=kwargs.get("dtype"))
        check_cell(self, cell)
        self.cell = cell
        self.return_sequences, self.return_state = bool(return_sequences), bool(return_state)
        self.go_backwards, self.stateful, self.unroll = bool(go_backwards), bool(stateful), bool(unroll)
        self.zero_output_for_mask = bool(zero_output_for_mask)
        self.__dict__["states"] = None
        # A cell of a user's own may take steps of several tensors.
        self.input_spec = InputSpec(min_ndim=3) if isinstance(cell, RecurrentCell) else None
        self.supports_masking, self._makes_mask = True, False

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
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
            self._make_states(shapes[0][0])

    def _make_states(self, batch_size: int | None) -> None:
        if batch_size is None:
            raise ValueError(
                f"{where(self).capitalize()} is stateful: it needs to know the batch size, and None came. Give the "
                "model an Input with batch_size, or call it on data."
            )
        sizes = infer(lambda: self.get_initial_state(batch_size), (), {})
        self.__dict__["states"] = tree.map_structure(
            lambda s: Variable("zeros", shape=s.shape, dtype=s.dtype, trainable=False, name="rnn_state"), sizes
        )
        self._call_states[:] = tree.flatten(self.states)

    def get_initial_state(self, batch_size: Any) -> list[Any]:
        """The states that the cell begins with, for a batch."""
        return initial_state(self.cell, batch_size, self.compute_dtype)

    def reset_state(self) -> None:
        """Let the next batch begin with zeros."""
        for state in self._call_states:
            state.assign(np.zeros(state.shape, "float32"))

    def reset_states(self) -> None:
        """`reset_state()`."""
        self.reset_state()

    def compute_mask(self, _: Any, mask: Any) -> Any:
        # Only the sequence of outputs has the sequence's mask.
        mask = _one_mask(mask) if self.return_sequences else None
        return [mask, *(None for _ in range(self._state_count()))] if self.return_state else mask

    def _state_count(self) -> int:
        return state_leaves(self.cell.state_size)

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool | None = False) -> Any:
        if self._input_spec is not None:
            check_rank(self, sequences)
        mask = _one_mask(mask)
        states = self._begin(sequences, initial_state)
        last, outputs, states = self.inner_loop(sequences, states, mask, training)
        if self.stateful:
            self._remember(states)
        output = outputs if self.return_sequences else last
        if not self.return_state:
            return output
        return (output, *(states if isinstance(states, (list, tuple)) else [states]))

    def _begin(self, sequences: Any, given: Any) -> Any:
        """The states to begin with: the given ones, else those of the batch before, else the cell's."""
        if given is None:
            if self.stateful:
                # Copies: the gradients need what the states were, and assigning them changes torch's tensors in place.
                return tree.map_structure(lambda v: ops.copy(v.value), self.states)
            return self._cell_states(sequences)
        flat = tree.flatten(given)
        if isinstance(self.cell, RecurrentCell):
            structure: Any = [0] * self._state_count()
        else:
            structure = infer(lambda: self.get_initial_state(1), (), {})
        expected = len(tree.flatten(structure))
        if len(flat) != expected:
            raise ShapeError(f"Expected {expected} tensors in `initial_state` of {where(self)}, got {len(flat)}.")
        return tree.pack_sequence_as(structure, flat)

    def _cell_states(self, sequences: Any) -> Any:
        return self.get_initial_state(ops.shape(_one(sequences))[0])

    def _remember(self, states: Any) -> None:
        for variable, value in zip(self._call_states, tree.flatten(states), strict=True):
            if not isinstance(value, KerasTensor):
                variable.assign(ops.stop_gradient(value))

    # -- step by step

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool | None = False) -> Any:
        """Run the cell over the sequence, in the layer's direction.

        Returns:
            The last output, all outputs with the time on axis 1, and the last states.
        """
        length = _one(sequences).shape[1]
        if self.unroll and (not isinstance(length, int) or unknown(length)):
            raise ShapeError(
                f"{where(self).capitalize()} is unrolled: it needs a known length of the sequences, got None."
            )
        draws = training and isinstance(self.cell, (RecurrentCell, StackedRNNCells))
        if draws:
            self.cell._draw_masks(tree.map_structure(lambda x: x[:, 0], sequences), initial_state)
        try:
            states, outputs = self._loop(sequences, initial_state, mask, training)
        finally:
            if draws:
                self.cell._reset_masks()
        last = outputs[0 if self.go_backwards else -1]
        if not self.return_sequences:
            return last, outputs, states
        if self.go_backwards:
            outputs = ops.flip(outputs, axis=0)
        return last, _swap_time(outputs), states

    def _loop(self, sequences: Any, states: Any, mask: Any, training: Any) -> tuple[Any, Any]:
        """The last states, and the outputs at the places of their inputs, with the time first."""
        run = _Carried(self.cell)
        repeats = mask is not None and not self.zero_output_for_mask
        zeros = None if mask is None else self._zero_output(sequences, states)

        def step(carry: Any, row: Any) -> Any:
            flat, before, held = carry
            x, counts = row
            packed = tree.pack_sequence_as(states, flat)
            output, after, held = run(x, packed, training, held)
            after = tree.flatten(after)
            if counts is not None:
                after = [ops.where(_over(counts, new), new, old) for new, old in zip(after, flat, strict=True)]
                output = ops.where(_over(counts, output), output, before if repeats else zeros)
            return (after, output if repeats else None, held), output

        start = (tree.flatten(states), zeros if repeats else None, run.values())
        rows = (tree.map_structure(_swap_time, sequences), None if mask is None else _swap_time(mask))
        loop = _unrolled if self.unroll else ops.scan
        (flat, _, held), outputs = loop(step, start, rows, reverse=self.go_backwards)
        run.keep(held)
        return tree.pack_sequence_as(states, flat), outputs

    def _zero_output(self, sequences: Any, states: Any) -> Any:
        """Zeros like the output of a step."""

        def output(x: Any, states: Any) -> Any:
            return run_cell(self.cell, x, states, False)[0]

        first = tree.map_structure(lambda x: KerasTensor((1, *x.shape[2:]), ops.dtype(x)), sequences)
        spec = infer(
            output, (first, tree.map_structure(lambda s: KerasTensor((1, *s.shape[1:]), ops.dtype(s)), states)), {}
        )
        return ops.zeros((ops.shape(_one(sequences))[0], *spec.shape[1:]), dtype=spec.dtype)

    def get_config(self) -> dict[str, Any]:
        also = {"unroll": self.unroll, "zero_output_for_mask": self.zero_output_for_mask}
        config = {**super().get_config(), **also}
        if "cell" in config:
            config["cell"] = serialization.serialize_keras_object(self.cell)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        with serialization.custom_object_scope(custom_objects):
            return super().from_config(config)


class _Carried:
    """One step of a cell whose variables may change at each step: in a compiled loop they are carried through it."""

    def __init__(self, cell: Any) -> None:
        self.cell = cell
        known = cell.variables if isinstance(cell, Layer) and not mode.inferring else []
        self.variables = [v for v in known if not v.born_trainable]

    def values(self) -> list[Any]:
        return [v.value for v in self.variables]

    def __call__(self, x: Any, states: Any, training: Any, held: list[Any]) -> tuple[Any, Any, list[Any]]:
        if not self.variables:
            return (*run_cell(self.cell, x, states, training), held)
        with StatelessScope(list(zip(self.variables, held, strict=True))) as scope:
            output, after = run_cell(self.cell, x, states, training)
            held = [scope.get_current_value(v) for v in self.variables]
        return output, after, held

    def keep(self, held: list[Any]) -> None:
        for variable, value in zip(self.variables, held, strict=True):
            variable.assign(value)


def _one(sequences: Any) -> Any:
    """The first tensor of sequences that may be several."""
    return tree.flatten(sequences)[0]


def _one_mask(mask: Any) -> Any:
    """The first mask that there is, of sequences that may be several; None: none has one."""
    return next((m for m in tree.flatten(mask) if m is not None), None)


def _swap_time(x: Any) -> Any:
    """The first two axes exchanged: batch and time."""
    return ops.transpose(x, (1, 0, *range(2, len(x.shape))))


def _over(counts: Any, x: Any) -> Any:
    """Booleans of shape (batch,) in a shape that broadcasts with x."""
    return ops.expand_dims(counts, tuple(range(1, len(x.shape))))


def _unrolled(step: Any, carry: Any, rows: Any, reverse: bool = False) -> tuple[Any, Any]:
    """`ops.scan`, written out."""
    columns = [ops.unstack(x) for x in tree.flatten(rows[0])]
    xs = [tree.pack_sequence_as(rows[0], list(step)) for step in zip(*columns, strict=True)]
    counts = [None] * len(xs) if rows[1] is None else ops.unstack(rows[1])
    outputs = []
    for t in reversed(range(len(xs))) if reverse else range(len(xs)):
        carry, output = step(carry, (xs[t], counts[t]))
        outputs.append(output)
    return carry, ops.stack(outputs[::-1] if reverse else outputs)


# ---- the layers of one cell ---------------------------------------------------------------------------------------


def of_cell(name: str) -> Any:
    """A property of the layer that is its cell's."""
    return property(lambda self: getattr(self.cell, name), doc=f"The cell's `{name}`.")


class OfCell(RNN):
    """A layer whose arguments are mostly those of its cell."""

    activation, use_bias = of_cell("activation"), of_cell("use_bias")
    kernel_initializer = of_cell("kernel_initializer")
    recurrent_initializer = of_cell("recurrent_initializer")
    bias_initializer = of_cell("bias_initializer")
    kernel_regularizer = of_cell("kernel_regularizer")
    recurrent_regularizer = of_cell("recurrent_regularizer")
    bias_regularizer = of_cell("bias_regularizer")
    kernel_constraint = of_cell("kernel_constraint")
    recurrent_constraint = of_cell("recurrent_constraint")
    bias_constraint = of_cell("bias_constraint")
    dropout, recurrent_dropout, seed = of_cell("dropout"), of_cell("recurrent_dropout"), of_cell("seed")


def cell_options(kwargs: dict[str, Any]) -> dict[str, Any]:
    """The options of a layer that are its cell's too."""
    return {k: kwargs[k] for k in ("dtype", "trainable") if k in kwargs}


class _OfUnits(OfCell):
    """A layer that an op can run as a whole."""

    units = of_cell("units")

    def __init__(self, cell: Any, **kwargs: Any) -> None:
        kwargs.pop("implementation", None)  # Keras 2: which of two ways to compute the same
        super().__init__(cell, **kwargs)
        self.input_spec = InputSpec(ndim=3)
        gate = getattr(cell, "recurrent_activation", None)
        self.__dict__["_defaults"] = cell.activation is activations.get("tanh") and gate in (
            None,
            activations.get("sigmoid"),
        )

    def _fused(
        self, op: Callable[..., Any], sequences: Any, states: Any, mask: Any, training: Any, **options: Any
    ) -> Any:
        """What `inner_loop` returns, by an op that runs the whole loop."""
        cell = self.cell
        if training and cell.dropout:
            sequences = sequences * cell.get_dropout_mask(sequences[:, 0])[:, None]
            cell.reset_dropout_mask()
        bias = None if cell.bias is None else cell.bias.value
        outputs, *states = op(
            sequences, *states, cell.kernel.value, cell.recurrent_kernel.value, bias, mask, self.go_backwards, **options
        )
        if mask is None:
            last = states[0]
        else:
            if self.zero_output_for_mask:
                outputs = ops.where(mask[:, :, None], outputs, 0)
            last = outputs[:, 0 if self.go_backwards else -1]
        if self.return_sequences and self.go_backwards:
            outputs = ops.flip(outputs, axis=1)
        return last, outputs, states

    def _is_plain(self, training: Any) -> bool:
        """Whether a fused op computes what the cell would."""
        return self._defaults and not self.unroll and not (training and self.cell.recurrent_dropout)

    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in super().get_config().items() if k != "use_cudnn"}


class SimpleRNN(_OfUnits):
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

    Reference: Elman (1990), "Finding structure in time".

    >>> import kerasfront as keras
    >>> keras.layers.SimpleRNN(3)(keras.ops.ones((2, 5, 4))).shape[1]
    3
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        cell = SimpleRNNCell(
            units, activation=activation, use_bias=use_bias, kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed, name="simple_rnn_cell", **cell_options(kwargs),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences=return_sequences, return_state=return_state, go_backwards=go_backwards,
            stateful=stateful, unroll=unroll, activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool | None = False) -> Any:
        if not self._is_plain(training):
            return super().inner_loop(sequences, initial_state, mask, training)
        return self._fused(ops.simple_rnn, sequences, initial_state, mask, training)


class LSTM(_OfUnits):
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

    Reference: Hochreiter and Schmidhuber (1997), "Long short-term memory".

    >>> import kerasfront as keras
    >>> y, h, c = keras.layers.LSTM(3, return_sequences=True, return_state=True)(keras.ops.ones((2, 5, 4)))
    >>> y.shape[1:] == (5, 3), c.shape[1]
    (True, 3)
    """

    recurrent_activation, unit_forget_bias = of_cell("recurrent_activation"), of_cell("unit_forget_bias")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: bool | str = "auto",
        **kwargs: Any,
    ) -> None:
        cell = LSTMCell(
            units, activation=activation, recurrent_activation=recurrent_activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer, unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed, name="lstm_cell", **cell_options(kwargs),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences=return_sequences, return_state=return_state, go_backwards=go_backwards,
            stateful=stateful, unroll=unroll, activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.use_cudnn = use_cudnn

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool | None = False) -> Any:
        if self.use_cudnn is False or not self._is_plain(training):
            return super().inner_loop(sequences, initial_state, mask, training)
        return self._fused(ops.lstm, sequences, initial_state, mask, training)


class GRU(_OfUnits):
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

    Reference: Cho et al., https://arxiv.org/abs/1406.1078

    >>> import kerasfront as keras
    >>> keras.layers.GRU(3, return_sequences=True)(keras.ops.ones((2, 5, 4))).shape[1:] == (5, 3)
    True
    """

    recurrent_activation, reset_after = of_cell("recurrent_activation"), of_cell("reset_after")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
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
        **kwargs: Any,
    ) -> None:
        cell = GRUCell(
            units, activation=activation, recurrent_activation=recurrent_activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint, dropout=dropout, recurrent_dropout=recurrent_dropout,
            reset_after=reset_after, seed=seed, name="gru_cell", **cell_options(kwargs),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences=return_sequences, return_state=return_state, go_backwards=go_backwards,
            stateful=stateful, unroll=unroll, activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.use_cudnn = use_cudnn

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool | None = False) -> Any:
        if self.use_cudnn is False or not self._is_plain(training):
            return super().inner_loop(sequences, initial_state, mask, training)
        return self._fused(ops.gru, sequences, initial_state, mask, training, reset_after=self.reset_after)

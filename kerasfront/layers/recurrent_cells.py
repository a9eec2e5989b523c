"""The cells of recurrent layers: one step of SimpleRNN, LSTM and GRU, stacks of cells, and what a loop asks of any."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from kerasfront import ops, random, serialization, tree
from kerasfront.layers._calls import map_shapes
from kerasfront.layers._configured import Configured, fraction, keep, make_weight, positive, where
from kerasfront.layers.layer import Layer
from kerasfront.ops.declare import Tensor
from kerasfront.random.seed_generator import SeedGenerator


class RecurrentCell(Configured):
    """The base of the cells here: a kernel, a recurrent kernel, a bias, and dropout of inputs and of the first state.

    The masks of dropout are drawn once for a sequence, and are the same at each step (Gal and Ghahramani,
    https://arxiv.org/abs/1512.05287). They are kept until they are reset.
    """

    state_size: Any
    output_size: Any
    dropout: float
    recurrent_dropout: float

    def _keep_dropout(self, dropout: float, recurrent_dropout: float, seed: int | None) -> None:
        self.dropout = fraction(self, "dropout", dropout)
        self.recurrent_dropout = fraction(self, "recurrent_dropout", recurrent_dropout)
        self.seed = seed
        if dropout or recurrent_dropout:
            self.seed_generator = SeedGenerator(seed)
        self.reset_dropout_mask()
        self.reset_recurrent_dropout_mask()

    def get_dropout_mask(self, step_input: Tensor) -> Tensor | None:
        """The mask of the inputs: 0 or 1 / (1 - dropout) for each element of a step's input; None without dropout."""
        return self._mask("_input_mask", step_input, self.dropout)

    def get_recurrent_dropout_mask(self, step_input: Tensor) -> Tensor | None:
        """The mask of the first state, of the shape of `step_input`, which is that state; None without dropout."""
        return self._mask("_state_mask", step_input, self.recurrent_dropout)

    def _mask(self, name: str, like: Any, rate: float) -> Any:
        if rate and self.__dict__[name] is None:
            self.__dict__[name] = random.dropout(ops.ones_like(like), rate, seed=self.seed_generator)
        return self.__dict__[name]

    def reset_dropout_mask(self) -> None:
        """Let the next call draw a new mask of the inputs."""
        self.__dict__["_input_mask"] = None

    def reset_recurrent_dropout_mask(self) -> None:
        """Let the next call draw a new mask of the state."""
        self.__dict__["_state_mask"] = None

    def _draw_masks(self, step_input: Any, states: Any) -> None:
        self.get_dropout_mask(step_input)
        self.get_recurrent_dropout_mask(states[0])

    def _reset_masks(self) -> None:
        self.reset_dropout_mask()
        self.reset_recurrent_dropout_mask()

    def _dropped(self, inputs: Any, state: Any, training: bool | None) -> tuple[Any, Any]:
        if training and self.dropout:
            inputs = inputs * self.get_dropout_mask(inputs)
        if training and self.recurrent_dropout:
            state = state * self.get_recurrent_dropout_mask(state)
        return inputs, state

    def get_initial_state(self, batch_size: Any = None) -> list[Tensor]:
        """Zeros for each state, of shape (batch_size, units)."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in sizes]


class _UnitsCell(RecurrentCell):
    """A cell over vectors: its kernels hold `_gates` blocks of `units` columns."""

    _gates = 1
    units: int
    use_bias: bool

    def build(self, input_shape: Any) -> None:
        width = self._gates * self.units
        self.kernel = make_weight(self, "kernel", (input_shape[-1], width))
        self.recurrent_kernel = make_weight(self, "recurrent_kernel", (self.units, width), of="recurrent")
        self.bias = self._make_bias() if self.use_bias else None

    def _make_bias(self) -> Any:
        return make_weight(self, "bias", (self._gates * self.units,))


def _first_of(states: Any) -> Any:
    return states[0] if isinstance(states, (list, tuple)) else states


def _like_given(state: Any, states: Any) -> Any:
    return [state] if isinstance(states, (list, tuple)) else state


class SimpleRNNCell(_UnitsCell):
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

    Reference: Elman (1990), "Finding structure in time".

    >>> import kerasfront as keras
    >>> cell = keras.layers.SimpleRNNCell(3)
    >>> y, states = cell(keras.ops.ones((2, 4)), cell.get_initial_state(batch_size=2))
    >>> y.shape[1], len(states)
    (3, 1)
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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        keep(
            self,
            units=positive(self, "units", units), activation=activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
        )  # fmt: skip
        self._keep_dropout(dropout, recurrent_dropout, seed)
        self.state_size = self.output_size = units

    def call(self, sequence: Any, states: Any, training: bool | None = False) -> Any:
        x, h = self._dropped(sequence, _first_of(states), training)
        h = ops.affine(x, self.kernel, self.bias) + ops.matmul(h, self.recurrent_kernel)
        h = self.activation(h)
        return h, _like_given(h, states)


class LSTMCell(_UnitsCell):
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

    Reference: Hochreiter and Schmidhuber (1997), "Long short-term memory".

    >>> import kerasfront as keras
    >>> cell = keras.layers.LSTMCell(3)
    >>> y, (h, c) = cell(keras.ops.ones((2, 4)), cell.get_initial_state(batch_size=2))
    >>> y.shape[1], c.shape[1]
    (3, 3)
    """

    _gates = 4

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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        keep(
            self,
            units=positive(self, "units", units), activation=activation, recurrent_activation=recurrent_activation,
            use_bias=use_bias, kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer, unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip
        self._keep_dropout(dropout, recurrent_dropout, seed)
        self.state_size, self.output_size = [units, units], units

    def _make_bias(self) -> Any:
        return forget_bias(self, self.units)

    def call(self, inputs: Any, states: Any, training: bool | None = False) -> Any:
        h, c = states
        x, h = self._dropped(inputs, h, training)
        gates = ops.affine(x, self.kernel, self.bias) + ops.matmul(h, self.recurrent_kernel)
        h, c = lstm_step(self, ops.split(gates, 4, axis=-1), c)
        return h, [h, c]


def lstm_step(cell: Any, gates: Any, c: Any) -> tuple[Any, Any]:
    """The next h and c from the four gates before their activations."""
    i, f, g, o = gates
    gate = cell.recurrent_activation
    c = gate(f) * c + gate(i) * cell.activation(g)
    return gate(o) * cell.activation(c), c


def forget_bias(cell: Any, units: int) -> Any:
    """The bias of an LSTM's four gates; where the cell wants it, that of the forget gate begins at 1."""
    if not cell.unit_forget_bias:
        return make_weight(cell, "bias", (4 * units,))

    def initialize(shape: Any, dtype: Any = None) -> Any:
        draw = getattr(cell.bias_initializer, "draw", cell.bias_initializer)
        first, rest = (np.asarray(ops.convert_to_numpy(draw((n * units,), dtype=dtype))) for n in (1, 2))
        return np.concatenate([first, np.ones_like(first), rest])

    return cell.add_weight(
        (4 * units,), initialize, name="bias", regularizer=cell.bias_regularizer, constraint=cell.bias_constraint
    )


class GRUCell(_UnitsCell):
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

    Reference: Cho et al., https://arxiv.org/abs/1406.1078

    >>> import kerasfront as keras
    >>> cell = keras.layers.GRUCell(3)
    >>> y, states = cell(keras.ops.ones((2, 4)), cell.get_initial_state(batch_size=2))
    >>> y.shape[1], len(states)
    (3, 1)
    """

    _gates = 3

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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        keep(
            self,
            units=positive(self, "units", units), activation=activation, recurrent_activation=recurrent_activation,
            use_bias=use_bias, kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint, reset_after=bool(reset_after),
        )  # fmt: skip
        self._keep_dropout(dropout, recurrent_dropout, seed)
        self.state_size = self.output_size = units

    def _make_bias(self) -> Any:
        width = 3 * self.units
        return make_weight(self, "bias", (2, width) if self.reset_after else (width,))

    def call(self, inputs: Any, states: Any, training: bool | None = False) -> Any:
        h = _first_of(states)
        x, dropped = self._dropped(inputs, h, training)
        z, new = (self._after if self.reset_after else self._before)(x, dropped)
        new = self.activation(new)
        h = new + z * (h - new)
        return h, _like_given(h, states)

    def _after(self, x: Any, h: Any) -> tuple[Any, Any]:
        first, second = (None, None) if self.bias is None else (self.bias[0], self.bias[1])
        xz, xr, xn = ops.split(ops.affine(x, self.kernel, first), 3, axis=-1)
        hz, hr, hn = ops.split(ops.affine(h, self.recurrent_kernel, second), 3, axis=-1)
        z, r = self.recurrent_activation(xz + hz), self.recurrent_activation(xr + hr)
        return z, xn + r * hn

    def _before(self, x: Any, h: Any) -> tuple[Any, Any]:
        xz, xr, xn = ops.split(ops.affine(x, self.kernel, self.bias), 3, axis=-1)
        hz, hr = ops.split(ops.matmul(h, self.recurrent_kernel[:, : 2 * self.units]), 2, axis=-1)
        z, r = self.recurrent_activation(xz + hz), self.recurrent_activation(xr + hr)
        return z, xn + ops.matmul(r * h, self.recurrent_kernel[:, 2 * self.units :])


class StackedRNNCells(Configured):
    """Several cells as one: the output of each is the input of the next.

    Args:
        cells: The cells; each has `call(inputs, states)` and `state_size`.

    Raises:
        ValueError: There is no cell, or one is none.

    Its states are a list with the states of each cell.

    >>> import kerasfront as keras
    >>> cell = keras.layers.StackedRNNCells([keras.layers.LSTMCell(3), keras.layers.GRUCell(4)])
    >>> cell.state_size, cell.output_size
    ([[3, 3], 4], 4)
    """

    def __init__(self, cells: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not cells:
            raise ValueError(f"Expected `cells` of {where(self)} to be a list of cells, got {cells!r}.")
        for cell in cells:
            check_cell(self, cell)
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> Any:
        return _output_size(self.cells[-1])

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """The initial states of each cell."""
        return [initial_state(cell, batch_size, self.compute_dtype) for cell in self.cells]

    def build(self, input_shape: Any) -> None:
        batch: list[Any] = []  # of each tensor of a step
        map_shapes(lambda shape: batch.append(shape[0]), input_shape)
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
            input_shape = (batch[0], *_as_shape(_output_size(cell)))

    def call(self, inputs: Any, states: Any, training: bool | None = False, **kwargs: Any) -> Any:
        after = []
        for cell, own in zip(self.cells, states, strict=True):
            own = own if isinstance(own, (list, tuple)) else [own]
            inputs, new = run_cell(cell, inputs, own, training, **kwargs)
            after.append(new)
        return inputs, after

    def _draw_masks(self, step_input: Any, states: Any) -> None:
        for cell, own in zip(self.cells, states, strict=True):
            if isinstance(cell, (RecurrentCell, StackedRNNCells)):
                cell._draw_masks(step_input, own)
            size = (ops.shape(tree.flatten(step_input)[0])[0], *_as_shape(_output_size(cell)))
            step_input = ops.zeros(size, dtype=self.compute_dtype)

    def _reset_masks(self) -> None:
        for cell in self.cells:
            if isinstance(cell, (RecurrentCell, StackedRNNCells)):
                cell._reset_masks()

    def get_config(self) -> dict[str, Any]:
        cells = [serialization.serialize_keras_object(cell) for cell in self.cells]
        return {**super().get_config(), "cells": cells}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        with serialization.custom_object_scope(custom_objects):
            return super().from_config(config)


# ---- what the loop asks of a cell ---------------------------------------------------------------------------------


def check_cell(layer: Layer, cell: Any) -> None:
    """Raise ValueError, naming the layer, unless `cell` can be run over a sequence."""
    for name in ("call", "state_size"):
        if not hasattr(cell, name):
            raise ValueError(
                f"Expected the cell of {where(layer)} to have `call(inputs, states)` and `state_size`; "
                f"{cell!r} has no `{name}`."
            )


def _as_shape(size: Any) -> tuple[Any, ...]:
    return tuple(size) if isinstance(size, (list, tuple)) else (size,)


def _output_size(cell: Any) -> Any:
    """What the cell says, else the size of its first state."""
    size = getattr(cell, "output_size", None)
    if size is None:
        size = cell.state_size[0] if isinstance(cell.state_size, (list, tuple)) else cell.state_size
    return size


def initial_state(cell: Any, batch_size: Any, dtype: str) -> Any:
    """The states that the cell begins with: its own, else zeros of its state sizes, nested as these are."""
    if hasattr(cell, "get_initial_state"):
        found = cell.get_initial_state(batch_size=batch_size)
        return list(found) if isinstance(found, tuple) else found if isinstance(found, (list, dict)) else [found]
    sizes = list(cell.state_size) if isinstance(cell.state_size, tuple) else cell.state_size
    return _zeros(sizes if isinstance(sizes, (list, dict)) else [sizes], batch_size, dtype)


def _zeros(sizes: Any, batch_size: Any, dtype: str) -> Any:
    """Zeros for sizes in lists and dicts: an integer is the size of one axis, a tuple those of several."""
    if isinstance(sizes, list):
        return [_zeros(size, batch_size, dtype) for size in sizes]
    if isinstance(sizes, dict):
        return {name: _zeros(size, batch_size, dtype) for name, size in sizes.items()}
    return ops.zeros((batch_size, *_as_shape(sizes)), dtype=dtype)


def state_leaves(sizes: Any, top: bool = True) -> int:
    """How many tensors states of such sizes are; a tuple within is the shape of one."""
    if isinstance(sizes, dict):
        return sum(state_leaves(size, False) for size in sizes.values())
    if isinstance(sizes, list) or (top and isinstance(sizes, tuple)):
        return sum(state_leaves(size, False) for size in sizes)
    return 1


def run_cell(cell: Any, inputs: Any, states: Any, training: Any, **kwargs: Any) -> Any:
    """`(output, next states)` of one step. Cells of ours run in the context of the layer around them."""
    if isinstance(cell, (RecurrentCell, StackedRNNCells)):
        return cell.call(inputs, states, training=training, **kwargs)
    if isinstance(cell, Layer):
        return cell(inputs, states, training=training, **kwargs)
    if "training" in inspect.signature(cell.call).parameters:
        kwargs["training"] = training
    return cell.call(inputs, states, **kwargs)

"""What a loop asks of a cell, ours or a user's own, and StackedRNNCells: several cells as one."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Self, Unpack

from kerasfront import ops, serialization, tree
from kerasfront.layers._configured import Configured, where
from kerasfront.layers._options import LayerOptions
from kerasfront.layers.base.conversion import map_shapes
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.recurrent.base_cell import RecurrentCell, States
from kerasfront.typing import NestedTensors


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

    cells: list[Any]

    def __init__(self, cells: Sequence[Any], **kwargs: Unpack[LayerOptions]) -> None:
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

    def get_initial_state(self, batch_size: int | None = None) -> list[States]:
        """Return the initial states of each cell."""
        return [initial_state(cell, batch_size, self.compute_dtype) for cell in self.cells]

    def build(self, input_shape: Any) -> None:
        batch_sizes: list[Any] = []  # one for each tensor of a step
        map_shapes(lambda shape: batch_sizes.append(shape[0]), input_shape)
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
            input_shape = (batch_sizes[0], *_as_shape(_output_size(cell)))

    def call(
        self, inputs: NestedTensors, states: Sequence[Any], training: bool | None = False, **kwargs: Any
    ) -> tuple[NestedTensors, list[States]]:
        after = []
        for cell, own in zip(self.cells, states, strict=True):
            own = own if isinstance(own, (list, tuple)) else [own]
            inputs, new = run_cell(cell, inputs, own, training, **kwargs)
            after.append(new)
        return inputs, after

    def get_config(self) -> dict[str, Any]:
        cells = [serialization.serialize_keras_object(cell) for cell in self.cells]
        return {**super().get_config(), "cells": cells}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        with serialization.custom_object_scope(custom_objects):
            return super().from_config(config)


# ---- what a loop asks of a cell -----------------------------------------------------------------------------------


def check_cell(layer: Layer, cell: Any) -> None:
    """Raise ValueError, naming the layer, unless `cell` can be run over a sequence."""
    for name in ("call", "state_size"):
        if not hasattr(cell, name):
            raise ValueError(
                f"Expected the cell of {where(layer)} to have `call(inputs, states)` and `state_size`; "
                f"{cell!r} has no `{name}`."
            )


def draw_dropout_masks(cell: Any, step_input: Any, states: Any) -> None:
    """Draw the masks of a sequence ahead of its first step, where the cell, or a cell in a stack, is one of ours."""
    if isinstance(cell, RecurrentCell):
        cell.get_dropout_mask(step_input)
        cell.get_recurrent_dropout_mask(states[0])
    elif isinstance(cell, StackedRNNCells):
        for part, own in zip(cell.cells, states, strict=True):
            draw_dropout_masks(part, step_input, own)
            size = (ops.shape(tree.flatten(step_input)[0])[0], *_as_shape(_output_size(part)))
            step_input = ops.zeros(size, dtype=cell.compute_dtype)


def reset_dropout_masks(cell: Any) -> None:
    """Let the next sequence draw new masks."""
    if isinstance(cell, RecurrentCell):
        cell.reset_dropout_mask()
        cell.reset_recurrent_dropout_mask()
    elif isinstance(cell, StackedRNNCells):
        for part in cell.cells:
            reset_dropout_masks(part)


def _as_shape(size: Any) -> tuple[Any, ...]:
    return tuple(size) if isinstance(size, (list, tuple)) else (size,)


def _output_size(cell: Any) -> Any:
    """Return the output size that the cell says, else the size of its first state."""
    size = getattr(cell, "output_size", None)
    if size is None:
        size = cell.state_size[0] if isinstance(cell.state_size, (list, tuple)) else cell.state_size
    return size


def initial_state(cell: Any, batch_size: Any, dtype: str) -> States:
    """Return the states that the cell begins with: its own, else zeros of its state sizes, nested as these are."""
    if hasattr(cell, "get_initial_state"):
        states = cell.get_initial_state(batch_size=batch_size)
        return list(states) if isinstance(states, tuple) else states if isinstance(states, (list, dict)) else [states]
    sizes = list(cell.state_size) if isinstance(cell.state_size, tuple) else cell.state_size
    return _zeros(sizes if isinstance(sizes, (list, dict)) else [sizes], batch_size, dtype)


def _zeros(sizes: Any, batch_size: Any, dtype: str) -> Any:
    """Return zeros for sizes in lists and dicts: an integer is the size of one axis, a tuple those of several."""
    if isinstance(sizes, list):
        return [_zeros(size, batch_size, dtype) for size in sizes]
    if isinstance(sizes, dict):
        return {name: _zeros(size, batch_size, dtype) for name, size in sizes.items()}
    return ops.zeros((batch_size, *_as_shape(sizes)), dtype=dtype)


def state_leaves(sizes: Any, top: bool = True) -> int:
    """Return how many tensors states of such sizes are; a tuple within is the shape of one."""
    if isinstance(sizes, dict):
        return sum(state_leaves(size, False) for size in sizes.values())
    if isinstance(sizes, list) or (top and isinstance(sizes, tuple)):
        return sum(state_leaves(size, False) for size in sizes)
    return 1


def run_cell(cell: Any, inputs: NestedTensors, states: Any, training: bool | None, **kwargs: Any) -> tuple[Any, Any]:
    """Return `(output, next states)` of one step. Cells of ours run in the context of the layer around them."""
    if isinstance(cell, (RecurrentCell, StackedRNNCells)):
        return cell.call(inputs, states, training=training, **kwargs)
    if isinstance(cell, Layer):
        outputs: Any = cell(inputs, states, training=training, **kwargs)
        return outputs
    if "training" in inspect.signature(cell.call).parameters:
        kwargs["training"] = training
    return cell.call(inputs, states, **kwargs)

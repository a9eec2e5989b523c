"""The loop of recurrent layers: a cell is run over the steps of a sequence by `ops.scan`, or written out."""

from __future__ import annotations

from typing import Any

from kerasfront import ops, tree
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.recurrent.base_cell import States
from kerasfront.layers.recurrent.cells import run_cell
from kerasfront.spec import KerasTensor, infer, mode
from kerasfront.typing import NestedTensors, Tensor
from kerasfront.variable import StatelessScope


def run_steps(
    cell: Any,
    sequences: NestedTensors,
    states: States,
    mask: Tensor | None,
    training: bool | None,
    *,
    unroll: bool,
    go_backwards: bool,
    zero_output_for_mask: bool,
) -> tuple[States, Tensor]:
    """Run a cell step by step.

    Args:
        cell: The cell.
        sequences: The inputs, of shape (batch, time, ...).
        states: The states to begin with.
        mask: Booleans of shape (batch, time), or None.
        training: Whether dropout is active.
        unroll: Whether the loop is written out.
        go_backwards: Whether to run from the last step to the first.
        zero_output_for_mask: Whether masked steps give zeros, instead of the output before.

    Returns:
        The last states, and the outputs at the places of their inputs, with the time first.
    """
    step_of_cell = _StepOfCell(cell)
    repeats = mask is not None and not zero_output_for_mask
    zeros: Any = None if mask is None else _zero_output(cell, sequences, states)

    def step(carry: Any, row: Any) -> Any:
        flat, before, values = carry
        x, counts = row
        packed = tree.pack_sequence_as(states, flat)
        output, after, values = step_of_cell(x, packed, training, values)
        after = tree.flatten(after)
        if counts is not None:
            after = [ops.where(_aligned(counts, new), new, old) for new, old in zip(after, flat, strict=True)]
            output = ops.where(_aligned(counts, output), output, before if repeats else zeros)
        return (after, output if repeats else None, values), output

    start = (tree.flatten(states), zeros if repeats else None, step_of_cell.values())
    rows = (tree.map_structure(swap_time, sequences), None if mask is None else swap_time(mask))
    loop = _unrolled if unroll else ops.scan
    (flat, _, values), outputs = loop(step, start, rows, reverse=go_backwards)
    step_of_cell.assign(values)
    return tree.pack_sequence_as(states, flat), outputs


class _StepOfCell:
    """One step of a cell whose variables may change at each step: in a compiled loop they are carried through it."""

    def __init__(self, cell: Any) -> None:
        self.cell = cell
        variables = cell.variables if isinstance(cell, Layer) and not mode.inferring else []
        self.variables = [v for v in variables if not v.born_trainable]

    def values(self) -> list[Any]:
        return [v.value for v in self.variables]

    def __call__(self, x: Any, states: Any, training: bool | None, values: list[Any]) -> tuple[Any, Any, list[Any]]:
        if not self.variables:
            return (*run_cell(self.cell, x, states, training), values)
        with StatelessScope(list(zip(self.variables, values, strict=True))) as scope:
            output, after = run_cell(self.cell, x, states, training)
            values = [scope.get_current_value(v) for v in self.variables]
        return output, after, values

    def assign(self, values: list[Any]) -> None:
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)


def _zero_output(cell: Any, sequences: Any, states: Any) -> Any:
    """Return zeros like the output of a step."""
    first = tree.map_structure(lambda x: KerasTensor((1, *x.shape[2:]), ops.dtype(x)), sequences)
    spec = infer(
        lambda x, s: run_cell(cell, x, s, False)[0],
        (first, tree.map_structure(lambda s: KerasTensor((1, *s.shape[1:]), ops.dtype(s)), states)),
        {},
    )
    return ops.zeros((ops.shape(first_sequence(sequences))[0], *spec.shape[1:]), dtype=spec.dtype)


def _unrolled(step: Any, carry: Any, rows: Any, reverse: bool = False) -> tuple[Any, Any]:
    """Compute what `ops.scan` does, with the loop written out."""
    columns = [ops.unstack(x) for x in tree.flatten(rows[0])]
    xs = [tree.pack_sequence_as(rows[0], list(step)) for step in zip(*columns, strict=True)]
    counts = [None] * len(xs) if rows[1] is None else ops.unstack(rows[1])
    outputs = []
    for t in reversed(range(len(xs))) if reverse else range(len(xs)):
        carry, output = step(carry, (xs[t], counts[t]))
        outputs.append(output)
    return carry, ops.stack(outputs[::-1] if reverse else outputs)


def first_sequence(sequences: NestedTensors) -> Tensor:
    """Return the first tensor of sequences that may be several."""
    return tree.flatten(sequences)[0]


def first_mask(mask: Any) -> Tensor | None:
    """Return the first mask that there is, of sequences that may be several; None: none has one."""
    return next((m for m in tree.flatten(mask) if m is not None), None)


def swap_time(x: Tensor) -> Tensor:
    """Return x with its first two axes exchanged: batch and time."""
    return ops.transpose(x, (1, 0, *range(2, len(x.shape))))


def _aligned(counts: Any, x: Any) -> Any:
    """Return booleans of shape (batch,) in a shape that broadcasts with x."""
    return ops.expand_dims(counts, tuple(range(1, len(x.shape))))

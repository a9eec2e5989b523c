"""The layers of one cell each: their constructors take the cell's arguments, and their attributes are the cell's."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar, overload

from kerasfront import activations, ops
from kerasfront.layers._options import Activation, CommonOptions, Constraint, Initializer, Regularizer
from kerasfront.layers.input_spec import InputSpec
from kerasfront.layers.recurrent.base_cell import RecurrentCell, UnitsCell
from kerasfront.layers.recurrent.rnn import RNN
from kerasfront.typing import Tensor

T = TypeVar("T")


class RecurrentOptions(CommonOptions, total=False):
    """Options of recurrent layers, beside those that they name themselves."""

    # In Keras 2 it chose one of two ways to compute the same.
    implementation: int
    zero_output_for_mask: bool


class CellAttribute(Generic[T]):
    """An attribute of a layer that is its cell's attribute of the same name."""

    name: str

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.__doc__ = name, f"The cell's `{name}`."

    @overload
    def __get__(self, instance: None, owner: type) -> CellAttribute[T]: ...
    @overload
    def __get__(self, instance: RNN, owner: type) -> T: ...
    def __get__(self, instance: RNN | None, owner: type) -> CellAttribute[T] | T:
        return self if instance is None else getattr(instance.cell, self.name)

    def __set__(self, instance: RNN, value: T) -> None:
        raise AttributeError(f"`{self.name}` is an attribute of the cell: set it there.")


class OfCell(RNN):
    """A layer whose arguments are mostly those of its cell."""

    activation: CellAttribute[Activation] = CellAttribute()
    use_bias: CellAttribute[bool] = CellAttribute()
    kernel_initializer: CellAttribute[Initializer] = CellAttribute()
    recurrent_initializer: CellAttribute[Initializer] = CellAttribute()
    bias_initializer: CellAttribute[Initializer] = CellAttribute()
    kernel_regularizer: CellAttribute[Regularizer | None] = CellAttribute()
    recurrent_regularizer: CellAttribute[Regularizer | None] = CellAttribute()
    bias_regularizer: CellAttribute[Regularizer | None] = CellAttribute()
    kernel_constraint: CellAttribute[Constraint | None] = CellAttribute()
    recurrent_constraint: CellAttribute[Constraint | None] = CellAttribute()
    bias_constraint: CellAttribute[Constraint | None] = CellAttribute()
    dropout: CellAttribute[float] = CellAttribute()
    recurrent_dropout: CellAttribute[float] = CellAttribute()
    seed: CellAttribute[int | None] = CellAttribute()


C = TypeVar("C", bound=RecurrentCell)


def make_cell(cell_class: type[C], name: str, arguments: Mapping[str, Any]) -> tuple[C, dict[str, Any]]:
    """Make the cell of a layer from the arguments of the layer's constructor.

    Args:
        cell_class: The class of the cell.
        name: The name of the cell.
        arguments: The `locals()` of the constructor.

    Returns:
        The cell, and the arguments that are left for the constructor of RNN.
    """
    options = arguments["kwargs"]
    names = _names(cell_class)  # type: ignore[arg-type]
    of_cell = {key: arguments[key] for key in names if key in arguments}
    shared = {key: options[key] for key in ("dtype", "trainable") if key in options}
    of_loop = {key: arguments[key] for key in _OF_LOOP if key in arguments}
    return cell_class(**of_cell, **shared, name=name), {**of_loop, **options}


@functools.cache
def _names(cell_class: type[RecurrentCell]) -> tuple[str, ...]:
    return tuple(name for name in inspect.signature(cell_class).parameters if name != "kwargs")


_OF_LOOP = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "activity_regularizer")


# ---- cells over vectors -------------------------------------------------------------------------------------------


class UnitsRNN(OfCell):
    """A layer that an op can run as a whole."""

    units: CellAttribute[int] = CellAttribute()

    def __init__(self, cell: UnitsCell, **kwargs: Any) -> None:
        kwargs.pop("implementation", None)  # Keras 2 had two ways to compute the same
        super().__init__(cell, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in super().get_config().items() if k != "use_cudnn"}


def computes_as_fused(layer: UnitsRNN, training: bool | None) -> bool:
    """Return whether a fused op computes what the cell would."""
    cell = layer.cell
    return (
        cell.activation is activations.tanh
        and getattr(cell, "recurrent_activation", activations.sigmoid) is activations.sigmoid
        and not layer.unroll
        and not (training and cell.recurrent_dropout)
    )


def run_fused(
    layer: UnitsRNN,
    op: Callable[..., Any],
    sequences: Tensor,
    states: Sequence[Tensor],
    mask: Tensor | None,
    training: bool | None,
    **options: Any,
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Return what `inner_loop` does, by an op that runs the whole loop."""
    cell = layer.cell
    if training and cell.dropout:
        sequences = sequences * cell.get_dropout_mask(sequences[:, 0])[:, None]
        cell.reset_dropout_mask()
    bias = None if cell.bias is None else cell.bias.value
    outputs, *after = op(
        sequences, *states, cell.kernel.value, cell.recurrent_kernel.value, bias, mask, layer.go_backwards, **options
    )
    if mask is None:
        last = after[0]
    else:
        if layer.zero_output_for_mask:
            outputs = ops.where(mask[:, :, None], outputs, 0)
        last = outputs[:, 0 if layer.go_backwards else -1]
    if layer.return_sequences and layer.go_backwards:
        outputs = ops.flip(outputs, axis=1)
    return last, outputs, after

"""LoRA: a layer's matrix stays as it is, and the product of two narrow ones, which are trained, is added to it.

Source: Hu et al., https://arxiv.org/abs/2106.09685
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from kerasfront import ops
from kerasfront.errors import NotBuiltError
from kerasfront.layers._configured import positive, where
from kerasfront.scopes import context
from kerasfront.variable import Variable


@contextmanager
def inside(layer: Any) -> Iterator[None]:
    """Inside, new variables have the layer's path, as those that it made when it was built."""
    before, context.names = context.names, layer.path.split("/")
    try:
        yield
    finally:
        context.names = before


def enable(layer: Any, rank: Any, alpha: float | None, a_initializer: Any, b_initializer: Any) -> None:
    """Freeze the matrix of a built layer, and make its two narrow ones.

    For a matrix of shape (*rows, columns) they have the shapes (*rows, rank) and (rank, columns).

    Raises:
        ValueError: `rank` is no positive integer, the layer has them already, or a constraint of its matrix.
        NotBuiltError: The layer isn't built.
    """
    name = layer._matrix
    positive(layer, "rank", rank)
    if getattr(layer, f"{name}_constraint") is not None:
        raise ValueError(
            f"LoRA doesn't go with the `{name}_constraint` of {where(layer)}: the {name} alone would be constrained."
        )
    if layer.lora_enabled:
        raise ValueError(f"LoRA is enabled already for {where(layer)}.")
    if layer._matrix_shape is None:
        raise NotBuiltError(f"LoRA needs {where(layer)} to be built: call it on data, or build(input_shape), first.")
    *rows, columns = layer._matrix_shape
    options = {"regularizer": getattr(layer, f"{name}_regularizer"), "autocast": True}
    a = layer.add_weight((*rows, rank), a_initializer, name=f"lora_{name}_a", **options)
    b = layer.add_weight((rank, columns), b_initializer, name=f"lora_{name}_b", **options)
    setattr(layer, f"lora_{name}_a", a)
    setattr(layer, f"lora_{name}_b", b)
    layer.lora_rank, layer.lora_alpha = rank, rank if alpha is None else alpha
    layer.lora_enabled = True
    stored = layer._stored_matrix()
    # Whoever sets layer.trainable thaws what was made to be trained: this no longer is.
    stored.trainable, stored.stays_frozen = False, True


def pair(layer: Any) -> tuple[Variable, Variable]:
    """The two narrow matrices."""
    return getattr(layer, f"lora_{layer._matrix}_a"), getattr(layer, f"lora_{layer._matrix}_b")


def added(layer: Any) -> Any:
    """What is added to the matrix: `alpha / rank * a @ b`."""
    a, b = pair(layer)
    return ops.multiply(ops.matmul(a.value, b.value), layer.lora_alpha / layer.lora_rank)


def rows_added(layer: Any, indices: Any) -> Any:
    """The rows of what is added to a matrix, without the others."""
    a, b = pair(layer)
    rows = ops.matmul(ops.take(a.value, indices, axis=0), b.value)
    return ops.multiply(rows, layer.lora_alpha / layer.lora_rank)


class Merged:
    """What the file of a layer with LoRA holds in place of one variable: the value with what LoRA adds.

    It is read and written like the variable; once written, LoRA begins anew.
    """

    def __init__(self, layer: Any, variable: Variable, value: np.ndarray[Any, Any]) -> None:
        self.layer, self.stored, self.array = layer, variable, value
        self.name, self.path, self.shape = variable.name, variable.path, variable.shape

    @property
    def _value(self) -> Any:
        return ops.convert_to_tensor(self.array)

    def numpy(self) -> np.ndarray[Any, Any]:
        return np.array(self.array)

    def assign(self, value: Any) -> None:
        self.stored.assign(value)
        _, b = pair(self.layer)
        b.assign(np.zeros(b.shape, "float32"))

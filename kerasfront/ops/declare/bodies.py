"""What the bodies of derived ops ask of their tensors.

A parameter is annotated with what a user may give (`TensorLike`). The wrapper has made a tensor of it, native or
symbolic, when the body runs; these functions say so to the type checker.
"""

from __future__ import annotations

from typing import Any

from kerasfront.ops.declare.kinds import Tensors
from kerasfront.typing import Tensor, TensorLike


def as_tensor(x: TensorLike) -> Tensor:
    """Return the same value, which is a tensor."""
    return x  # type: ignore[return-value]


def dims_of(x: TensorLike) -> tuple[Any, ...]:
    """Return the shape, as the framework has it: what it doesn't know of a graph is None there."""
    return x.shape  # type: ignore[union-attr]


def rank_of(x: TensorLike) -> int:
    """Return the number of axes."""
    return len(x.shape)  # type: ignore[union-attr]


def as_tensors(xs: Tensors) -> list[Tensor]:
    """Return the same list, of tensors."""
    return xs  # type: ignore[return-value]

"""Clipping of gradients."""

from __future__ import annotations

from collections.abc import Sequence

from kerasfront import ops
from kerasfront.typing import Tensor


def by_value(gradient: Tensor, limit: float) -> Tensor:
    """Clip each element to between -limit and limit."""
    return ops.minimum(ops.maximum(gradient, -limit), limit)


def by_norm(gradient: Tensor, limit: float) -> Tensor:
    """Scale a gradient down to the norm `limit`, where its own is larger."""
    norm = ops.sqrt(ops.sum(ops.square(gradient)))
    return gradient * (limit / ops.maximum(norm, limit))


def global_norm(gradients: Sequence[Tensor]) -> Tensor:
    """Return the norm of all gradients together."""
    squares = [ops.sum(ops.square(g)) for g in gradients]
    return ops.sqrt(sum(squares[1:], squares[0]))


def by_global_norm(gradients: Sequence[Tensor], limit: float) -> list[Tensor]:
    """Scale gradients down together to the norm `limit`, where theirs is larger."""
    scale = limit / ops.maximum(global_norm(gradients), limit)
    return [g * scale for g in gradients]

"""Masks of time steps, which pass through ops by the rules in their declarations."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from kerasfront import scopes
from kerasfront.ops.declare.kinds import Nested
from kerasfront.ops.declare.op import OPS, Op
from kerasfront.typing import Tensor


def masked(op: Op, slots: list[Any], out: Any) -> Nested:
    """Return the result with the mask that the op's tensors bring.

    A step counts where it does in any tensor that has a mask.
    """
    mask = None
    for index, kind in op.tensors:
        if kind == "Tensors" and op.mask is not None:
            masks = [scopes.get_mask(x) for x in slots[index]]
            own = op.mask(masks, slots) if any(m is not None for m in masks) else None
            mask = own if own is not None and scopes.fits(own, out) else None
        elif kind in ("Tensor", "Condition") and (own := scopes.get_mask(slots[index])) is not None:
            if op.mask is None:
                if out is slots[index]:  # some frameworks give back what they don't change
                    return OPS["copy"].namespace["impl"](out)
            elif (own := op.mask(own, slots)) is not None and own is not mask and scopes.fits(own, out):
                mask = either(mask, own)
    if mask is not None:
        scopes.set_mask(out, mask)
    return out


def either(mask: Tensor | None, other: Tensor) -> Tensor:
    """Return a mask that is True where one of two is (None: where the other is)."""
    if mask is None or len(other.shape) != len(mask.shape):
        return other
    return OPS["logical_or"].call(mask, other)


def everywhere(x: Tensor, rank: int) -> Tensor:
    """Return a mask of the first `rank` axes of x that is True everywhere."""
    first = OPS["get_item"].call(x, (slice(None),) * rank + (0,) * (len(x.shape) - rank))
    return OPS["ones_like"].call(first, "bool")


def joined_masks(
    join: Callable[[list[Tensor], int], Tensor], masks: list[Tensor | None], xs: Sequence[Tensor], axis: int
) -> Tensor | None:
    """Return the mask of tensors joined along an axis, which isn't negative.

    The masks are joined alike where it is one of their axes; a tensor without a mask counts everywhere then. Along
    another axis a step counts where it does in any mask.
    """
    present = [m for m in masks if m is not None]
    rank = max(len(m.shape) for m in present)
    if axis >= rank:
        return functools.reduce(either, present)
    filled = [everywhere(x, rank) if m is None else m for x, m in zip(xs, masks, strict=True)]
    return join(filled, axis) if all(len(m.shape) == rank for m in filled) else None

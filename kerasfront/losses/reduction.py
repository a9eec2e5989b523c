"""What losses and metrics share: ranks that are brought together, masks, sample weights, the mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerasfront import ops, scopes
from kerasfront.contract import Runtime, running
from kerasfront.errors import ShapeError, suggest
from kerasfront.ops.elementwise import select_where
from kerasfront.typing import Tensor, TensorLike

active: Runtime = running()
MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")
REDUCTIONS = (*MEANS, "sum", "none", None)


def check(reduction: str | None) -> str | None:
    """Return `reduction`, which must be one of REDUCTIONS.

    "auto", which Keras 2's files have, is the default.
    """
    if reduction == "auto":
        return "sum_over_batch_size"
    if reduction not in REDUCTIONS:
        options = [str(r) for r in REDUCTIONS]
        raise ValueError(
            f"Expected `reduction` to be one of {', '.join(options)}, got {reduction!r}.{suggest(reduction, options)}"
        )
    return reduction


def same_rank(x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
    """Drop a last axis of size 1 that only one of two tensors has, or add one to a vector beside a matrix."""
    rank1, rank2 = len(x1.shape), len(x2.shape)
    if rank1 == rank2:
        return x1, x2
    if rank1 == rank2 + 1 and x1.shape[-1] == 1:
        return (x1, ops.expand_dims(x2, -1)) if rank2 == 1 else (ops.squeeze(x1, -1), x2)
    if rank2 == rank1 + 1 and x2.shape[-1] == 1:
        return (ops.expand_dims(x1, -1), x2) if rank1 == 1 else (x1, ops.squeeze(x2, -1))
    return x1, x2


def mask_of(x: object) -> Tensor | None:
    """Return the mask that a tensor carries, or None."""
    return scopes.get_mask(x) if scopes.masks else None


def joined(mask: Tensor | None, other: Tensor | None) -> Tensor | None:
    """Return where both masks are true; None is true everywhere, and one may have fewer axes."""
    if mask is None or other is None:
        return other if mask is None else mask
    rank = max(len(mask.shape), len(other.shape))
    return ops.logical_and(of_rank(mask, rank), of_rank(other, rank))


def of_rank(weights: Tensor, rank: int) -> Tensor:
    """Add axes of size 1 at the end of weights, or drop them there, so that they stand beside values of a rank."""
    have = len(weights.shape)
    while have > rank and weights.shape[-1] == 1:
        weights, have = ops.squeeze(weights, -1), have - 1
    if 0 < have < rank:
        weights = ops.reshape(weights, (*ops.shape(weights), *(1,) * (rank - have)))
    return weights


def mask_beside(mask: Tensor, values: Tensor) -> Tensor:
    """Return a mask in the rank of values, or lower.

    Raises:
        ShapeError: The mask hasn't the first axes of the values.
    """
    fitted = of_rank(mask, min(len(mask.shape), len(values.shape)))
    if not scopes.fits(fitted, values, broadcast=True):
        raise ShapeError(
            f"The predictions carry a mask of shape {tuple(mask.shape)}, and the values to be averaged have the shape "
            f"{tuple(values.shape)}: the mask must have their first axes. (Where the last axis of the predictions is "
            "that of the steps, give them one more; a layer whose output has no mask any more overrides "
            "compute_mask() and returns None.)"
        )
    return fitted


def size(values: Tensor) -> int | Tensor:
    """Return how many elements a tensor has: an integer, or a scalar tensor where a compiled graph does not know."""
    total: Any = 1
    for dim in ops.shape(values):
        total = total * dim
    return total


def weighted(
    values: Tensor, sample_weight: TensorLike | None, mask: Tensor | None, dtype: str
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return values times their weights and mask, the weights and the mask.

    Both are of the values' rank. None stands for weights of 1, and for no mask.
    """
    rank = len(values.shape)
    weights = None
    if sample_weight is not None:
        weights = of_rank(ops.cast(ops.convert_to_tensor(sample_weight), dtype), rank)
    if mask is not None:
        mask = of_rank(ops.cast(mask_beside(mask, values), dtype), rank)
        weights = mask if weights is None else weights * mask
    return (values if weights is None else values * weights), weights, mask


def total(weights: Tensor, values: Tensor) -> Tensor:
    """Return the sum of weights that broadcast to the shape of values."""
    repeats: Any = 1
    for have, want in zip(ops.shape(weights) or (1,) * len(values.shape), ops.shape(values), strict=True):
        if isinstance(have, int) and have == 1:
            repeats = repeats * want
    sum_ = ops.sum(weights)
    return sum_ if isinstance(repeats, int) and repeats == 1 else sum_ * ops.cast(repeats, weights.dtype)


def reduce(
    values: Tensor, reduction: str | None, sample_weight: TensorLike | None, mask: Tensor | None, dtype: str
) -> Tensor:
    """Return losses of samples as one number, by the reduction.

    What a mask leaves out counts neither above nor below.

    With weights, "sum_over_batch_size" (the same as "mean") divides by the number of samples, and
    "mean_with_sample_weight" by the sum of the weights.
    """
    if sample_weight is None and mask is None:
        if not len(values.shape) or reduction in ("none", None):
            return values
        return ops.sum(values) if reduction == "sum" else ops.mean(values)
    values, weights, mask = weighted(values, sample_weight, mask, dtype)
    if reduction in ("none", None):
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight":
        assert weights is not None  # there were weights or a mask
        return ratio(ops.sum(values), total(weights, values))
    return ops.mean(values) if mask is None else ratio(ops.sum(values), total(mask, values))


def ratio(above: Tensor, below: Tensor) -> Tensor:
    """Divide; the quotient is 0 where the divisor is 0."""
    nothing = ops.equal(below, 0)
    return select_where(nothing, 0.0, above / select_where(nothing, 1.0, below))


def dtype_of(x: Tensor) -> str:
    return x.dtype if isinstance(x.dtype, str) else active.adapter.dtype_name(x)


def axes_from(first: int, rank: int) -> Sequence[int]:
    return tuple(range(first, rank))

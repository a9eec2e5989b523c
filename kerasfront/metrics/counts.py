"""Counts of right and wrong answers at thresholds, on the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from kerasfront import ops
from kerasfront.errors import ShapeError
from kerasfront.losses import reduction
from kerasfront.typing import Tensor, TensorLike

# Below every prediction: with top_k, what isn't among the largest is set to it, and the threshold lies between.
_LOWEST = -1e10


class Counts(NamedTuple):
    """One number for each threshold, or a row of numbers, one for each label."""

    true_positives: Tensor
    false_positives: Tensor
    true_negatives: Tensor
    false_negatives: Tensor


def checked(thresholds: float | Sequence[float] | None, top_k: int | None = None) -> list[float]:
    """Return thresholds as a list.

    None means 0.5, or with `top_k` that every prediction which is left counts.
    """
    if thresholds is None:
        return [0.5] if top_k is None else [_LOWEST]
    values: list[Any] = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    wrong = [t for t in values if t is None or not 0 <= t <= 1]
    if wrong:
        raise ValueError(f"Expected thresholds to be between 0 and 1, got {wrong}.")
    return [float(t) for t in values]


def _only_top(y_pred: Tensor, k: int) -> Tensor:
    """Return the k largest predictions along the last axis; the others are set far below every threshold.

    Of equal predictions the first count as larger.
    """
    _, indices = ops.top_k(y_pred, k, sorted=False)
    chosen = ops.sum(ops.one_hot(indices, y_pred.shape[-1], dtype=y_pred.dtype), axis=-2)
    return y_pred * chosen + _LOWEST * (1.0 - chosen)


def _check_class(class_id: int, y_pred: Tensor) -> None:
    shape = tuple(y_pred.shape)
    if len(shape) < 2:
        raise ShapeError(
            f"`class_id` picks a class of the last axis, but y_pred of shape {shape} isn't (samples, classes)."
        )
    if shape[-1] is not None and not -shape[-1] <= class_id < shape[-1]:
        raise ValueError(f"Expected `class_id` to be one of the {shape[-1]} classes of y_pred, got {class_id}.")


def _prepared(
    y_true: TensorLike,
    y_pred: TensorLike,
    sample_weight: TensorLike | None,
    top_k: int | None,
    class_id: int | None,
    dtype: str,
) -> tuple[Any, Any, Any]:
    """Return labels as 0.0 and 1.0, predictions, and weights if there are any, all of one shape."""
    y_pred, y_true = ops.convert_to_tensor(y_pred, dtype), ops.convert_to_tensor(y_true)
    y_true, y_pred = reduction.same_rank(y_true, y_pred)
    mask = reduction.mask_of(y_pred)
    if mask is not None:
        mask = reduction.mask_beside(mask, y_pred)
    if len(y_true.shape) != len(y_pred.shape):
        raise ShapeError(
            f"Expected y_true and y_pred of one shape, got {tuple(y_true.shape)} and {tuple(y_pred.shape)}."
        )
    labels = ops.cast(ops.cast(y_true, "bool"), dtype)
    if top_k is not None:
        y_pred = _only_top(y_pred, top_k)
    if class_id is not None:
        _check_class(class_id, y_pred)
        labels, y_pred = labels[..., class_id, None], y_pred[..., class_id, None]
    if sample_weight is None and mask is None:
        return labels, y_pred, None
    weights = ops.ones_like(y_pred)
    for factor in (sample_weight, mask):
        if factor is not None:
            weights = weights * reduction.of_rank(ops.convert_to_tensor(factor, dtype), len(y_pred.shape))
    return labels, y_pred, weights


# Above so many, amounts are added up in groups: one after the other would add small numbers to ever larger ones.
_AT_ONCE = 2**14


def sums_by_cell(amounts: Tensor, cells: Tensor, size: int) -> Tensor:
    """Return the sum of the amounts (n, ...) in each of `size` cells; integers are counted exactly."""
    number = amounts.shape[0]
    groups = 1 if number is None or number <= _AT_ONCE else max(1, min(1024, number // size))
    if groups == 1 or reduction.dtype_of(amounts).startswith("int"):
        return ops.segment_sum(amounts, cells, num_segments=size)
    group = ops.convert_to_tensor(np.arange(number, dtype="int32") % groups)
    sums = ops.segment_sum(amounts, group * size + cells, num_segments=groups * size)
    return ops.sum(ops.reshape(sums, (groups, size, *amounts.shape[1:])), axis=0)


def count(
    y_true: TensorLike,
    y_pred: TensorLike,
    thresholds: Sequence[float],
    sample_weight: TensorLike | None = None,
    top_k: int | None = None,
    class_id: int | None = None,
    labels: int | None = None,
    dtype: str = "float32",
) -> Counts:
    """Count predictions above (or not above) each threshold that are positive (or negative).

    Args:
        y_true: Labels: 0, or anything else.
        y_pred: Predictions, of the same shape.
        thresholds: Numbers.
        sample_weight: What each counts.
        top_k: Only the k largest predictions of each sample may be above.
        class_id: Only this index of the last axis is looked at.
        labels: The size of the last axis, where its indices are counted apart.
        dtype: The dtype of the weights and of the weighted counts; without weights counts are integers.
    """
    truth, scores, weights = _prepared(y_true, y_pred, sample_weight, top_k, class_id, dtype)
    groups = labels or 1
    truth, scores = ops.reshape(truth, (-1, groups)), ops.reshape(scores, (-1, groups))
    if weights is None:
        positive = ops.cast(truth, "int32")
        negative = 1 - positive
    else:
        positive, negative = truth, 1.0 - truth
        weights = ops.reshape(weights, (-1, groups))
        positive, negative = positive * weights, negative * weights
    above = _above_one if len(thresholds) == 1 else _above
    tp, fp = above(scores, positive, negative, thresholds, groups)
    all_positive, all_negative = ops.sum(positive, axis=0), ops.sum(negative, axis=0)
    counts = (tp, fp, all_negative - fp, all_positive - tp)
    return Counts(*(c if labels else ops.squeeze(c, -1) for c in counts))


def _above_one(
    scores: Tensor, positive: Tensor, negative: Tensor, thresholds: Sequence[float], groups: int
) -> tuple[Tensor, Tensor]:
    over = ops.cast(ops.greater(scores, thresholds[0]), positive.dtype)
    return ops.sum(over * positive, axis=0, keepdims=True), ops.sum(over * negative, axis=0, keepdims=True)


def _above(
    scores: Tensor, positive: Tensor, negative: Tensor, thresholds: Sequence[float], groups: int
) -> tuple[Tensor, Tensor]:
    """Return the sums of both amounts whose score is above each threshold, (thresholds, groups), in one pass."""
    order = np.argsort(thresholds, kind="stable")
    limits = ops.convert_to_tensor(np.asarray(thresholds, "float32")[order], scores.dtype)
    exceeded = ops.searchsorted(limits, ops.reshape(scores, (-1,)), side="left")  # how many limits lie below
    columns = ops.convert_to_tensor(np.arange(groups, dtype="int32"))
    buckets = ops.reshape(ops.cast(exceeded, "int32"), (-1, groups)) * groups + columns
    amounts = ops.stack([ops.reshape(positive, (-1,)), ops.reshape(negative, (-1,))], axis=1)
    size = (len(thresholds) + 1) * groups
    sums = sums_by_cell(amounts, ops.reshape(buckets, (-1,)), size)
    table = ops.reshape(sums, (len(thresholds) + 1, groups, 2))
    from_top = ops.flip(ops.cumsum(ops.flip(table, axis=0), axis=0), axis=0)[1:]
    if (order != np.arange(len(thresholds))).any():
        from_top = ops.take(from_top, np.argsort(order), axis=0)
    return from_top[..., 0], from_top[..., 1]

"""What is wrong with targets that a loss or metric can't compare with its predictions, and what to do about it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasfront.errors import ArgumentError, DataError, ShapeError
from kerasfront.losses.loss import Loss
from kerasfront.metrics.metric import Metric
from kerasfront.metrics.reduction_metrics import MeanMetricWrapper

_SPARSE = ("sparse_categorical_crossentropy", "sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy")
_ONE_HOT = (
    "categorical_crossentropy", "categorical_focal_crossentropy", "kl_divergence", "categorical_accuracy",
    "top_k_categorical_accuracy",
)  # fmt: skip

# Losses of torch and optax, as they are called in lower case without "loss", and which of ours do the same.
_OURS = {
    "bce": "BinaryCrossentropy()", "binarycrossentropy": "BinaryCrossentropy()",
    "bcewithlogits": "BinaryCrossentropy(from_logits=True)",
    "binarycrossentropywithlogits": "BinaryCrossentropy(from_logits=True)",
    "sigmoidbinarycrossentropy": "BinaryCrossentropy(from_logits=True)",
    "crossentropy": "SparseCategoricalCrossentropy(from_logits=True)",
    "softmaxcrossentropywithintegerlabels": "SparseCategoricalCrossentropy(from_logits=True)",
    "softmaxcrossentropy": "CategoricalCrossentropy(from_logits=True)",
    "huber": "Huber()", "smoothl1": "Huber()", "l1": "MeanAbsoluteError()", "mse": "MeanSquaredError()",
    "squarederror": "MeanSquaredError()",
}  # fmt: skip


def check_order(loss: object) -> None:
    """Raise an ArgumentError for a loss or metric of torch or optax, which takes the prediction first."""
    while isinstance(loss, functools.partial):
        loss = loss.func
    kind = loss if hasattr(loss, "__name__") else type(loss)
    module = str(getattr(kind, "__module__", ""))
    if not module.startswith(("torch.nn.functional", "torch.nn.modules.loss", "torchmetrics.", "optax.")):
        return
    name = kind.__name__
    ours = _OURS.get(name.lower().replace("_", "").removesuffix("loss"))
    use = f"Use losses.{ours}, or wrap it" if ours else "Wrap it"
    raise ArgumentError(
        f"{module.partition('.')[0]}'s {name} takes the prediction first; losses and metrics of a model take the "
        "target first.",
        hint=f"{use}: loss=lambda y_true, y_pred: f(y_pred, y_true).",
    )


def kind_of(loss: object) -> str:
    """Return the name of the function of a loss or metric; "" for one that has none."""
    function = loss._kf.function if isinstance(loss, MeanMetricWrapper) else getattr(loss, "fn", None)
    return str(getattr(function, "__name__", ""))


def of_shapes(kind: str, target: Sequence[Any], prediction: Sequence[Any]) -> str | None:
    """Return what to do where class numbers stand for one-hot targets, or the other way round.

    None means that the shapes fit, or that nothing is known of such a loss.

    Example:
        >>> of_shapes("sparse_categorical_crossentropy", (8, 3), (8, 3))
        "The targets look one-hot: use 'categorical_crossentropy', or give class numbers of shape (8,)."
        >>> of_shapes("categorical_crossentropy", (8,), (8, 3)).partition(",")[0]
        "The targets look like class numbers: use 'sparse_categorical_crossentropy'"
    """
    target, prediction = tuple(target), tuple(prediction)
    if not prediction:
        return None
    rows, classes = prediction[:-1], prediction[-1]
    numbers = len(target) == len(rows) or (len(target) == len(prediction) and target[-1] == 1 and classes != 1)
    if kind in _SPARSE and len(target) == len(prediction) and target[-1] == classes != 1:
        return f"The targets look one-hot: use '{kind.removeprefix('sparse_')}', or give class numbers of shape {rows}."
    if kind in _ONE_HOT and numbers:
        name = f"sparse_{kind}" if kind in ("categorical_crossentropy", "categorical_accuracy") else None
        other = f"use '{name}', or " if name else ""
        return f"The targets look like class numbers: {other}make them one-hot with utils.to_categorical(y, {classes})."
    if kind == "binary_crossentropy" and numbers and classes != 1:
        return (
            f"For one class of {classes} each, end the model in a softmax and use 'sparse_categorical_crossentropy'; "
            f"for one yes or no each, in a layer of 1 unit."
        )
    if kind in (*_ONE_HOT, "binary_crossentropy") and len(target) == len(prediction) and target[-1] != classes:
        return f"The targets have {target[-1]} columns and the model's outputs {classes}: both need one for each class."
    return None


def check_metric(metric: Metric, target: Any, prediction: Any) -> None:
    """Raise a ShapeError where a metric of class numbers gets one-hot targets, or the other way round."""
    shapes = [getattr(x, "shape", None) for x in (target, prediction)]
    if any(shape is None for shape in shapes):
        return
    if (hint := of_shapes(kind_of(metric), *shapes)) is not None:  # type: ignore[arg-type]
        raise ShapeError(
            f"The metric '{metric.name}' can't compare targets of shape {tuple(shapes[0])} with predictions of shape "  # type: ignore[arg-type]
            f"{tuple(shapes[1])}.",  # type: ignore[arg-type]
            hint=hint,
        )


def check_not_strings(loss: Loss, target: Any, where: str) -> None:
    """Raise a DataError where a loss would get strings; `target` is an array, or the spec of one."""
    dtype = getattr(target, "dtype", None)
    if getattr(dtype, "kind", None) in ("O", "U", "S") or str(dtype).startswith(("str", "object", "bytes")):
        raise DataError(
            f"The loss '{loss.name}'{where} needs numbers as targets; `y` holds strings.",
            hint="Number the classes first: classes, y = np.unique(y, return_inverse=True), or layers.StringLookup.",
        )


def is_sparse(loss: object) -> bool:
    """Whether the targets of a loss are the numbers of classes on the last axis of predictions."""
    return kind_of(loss) == _SPARSE[0] and getattr(loss, "axis", -1) == -1


def check_classes(loss: Loss | None, target: Any, classes: int | None, where: str = "") -> None:
    """Raise a DataError where a target is no class: backends fail in their own words there, or give nan.

    Args:
        loss: One that `is_sparse`.
        target: Class numbers on the host; what isn't is not looked at.
        classes: How many there are; None is not looked at.
        where: What an error says of the output.
    """
    if loss is None or classes is None or not isinstance(target, np.ndarray) or isinstance(target, np.memmap):
        return
    if not target.size or target.dtype.kind not in "iuf":
        return
    low, high = target.min(), target.max()
    ignored = getattr(loss, "ignore_class", None)
    if ignored is not None and (low < 0 or high >= classes) and (kept := target[target != ignored]).size:
        low, high = kept.min(), kept.max()
    wrong = low if low < 0 else high
    if wrong == ignored or 0 <= wrong < classes:
        return
    raise DataError(
        f"The loss '{loss.name}'{where} takes classes from 0 to {classes - 1}, as the output has {classes}; `y` has "
        f"{wrong:g}.",
        hint="Number the classes from 0 (np.unique(y, return_inverse=True)), and give the last layer a unit for each.",
    )

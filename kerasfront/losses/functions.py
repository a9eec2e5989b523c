"""The losses as functions of targets and predictions: one value for each sample, the last axis reduced."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from kerasfront import ops, scopes, settings
from kerasfront.errors import ShapeError
from kerasfront.losses.reduction import dtype_of, same_rank
from kerasfront.ops.crossentropy import (
    mean_sigmoid_crossentropy,
    mean_softmax_crossentropy,
    mean_sparse_softmax_crossentropy,
)
from kerasfront.ops.elementwise import select_where
from kerasfront.ops.reduce import mean_squared_difference
from kerasfront.typing import Axis, Tensor, TensorLike

_Function = TypeVar("_Function", bound=Callable[..., Any])


def is_own(function: object) -> bool:
    """Return whether it is a function of this module, which knows what to do with targets that are integers."""
    return getattr(function, "__module__", None) == __name__


_OF_SAMPLES: set[Any] = set()


def of_samples(function: _Function) -> _Function:
    """Mark a function whose value for a sample depends on that sample alone."""
    _OF_SAMPLES.add(function)
    return function


def is_of_samples(function: object, arguments: Mapping[str, Any]) -> bool:
    """Return whether a sample's value is known to depend on it alone.

    Classes that are ignored take samples out of a mean.
    """
    return function in _OF_SAMPLES and arguments.get("axis", -1) == -1 and arguments.get("ignore_class") is None


_OF_ELEMENTS: set[Any] = set()


def of_elements(function: _Function) -> _Function:
    """Mark a function that is the mean over the last axis of values that each depend on one element alone."""
    _OF_ELEMENTS.add(function)
    return of_samples(function)


def by_elements(function: object, y_true: Tensor, y_pred: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Add an axis to both, where a mask marks single elements that the function would average over."""
    if function not in _OF_ELEMENTS or len(mask.shape) != len(y_pred.shape):
        return y_true, y_pred
    y_true, y_pred = same_rank(y_true, y_pred)
    return ops.expand_dims(y_true, -1), ops.expand_dims(y_pred, -1)


def pair(y_true: TensorLike, y_pred: TensorLike) -> tuple[Tensor, Tensor]:
    """Return both as tensors of y_pred's dtype (floats) and of one rank."""
    y_pred = ops.convert_to_tensor(y_pred)
    name = dtype_of(y_pred)
    if not name.startswith(("float", "bfloat", "complex")):
        name = settings.floatx()
        y_pred = ops.cast(y_pred, name)
    y_true = ops.convert_to_tensor(y_true)
    if dtype_of(y_true) != name:
        y_true = ops.cast(y_true, name)
    return same_rank(y_true, y_pred)


@of_elements
def mean_squared_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Compute `mean(square(y_true - y_pred))` over the last axis.

    >>> import kerasfront as keras
    >>> float(keras.losses.mean_squared_error([1.0, 2.0], [1.0, 4.0]))
    2.0
    """
    y_true, y_pred = pair(y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


@of_elements
def mean_absolute_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Compute `mean(abs(y_true - y_pred))` over the last axis.

    >>> import kerasfront as keras
    >>> float(keras.losses.mean_absolute_error([1.0, 2.0], [1.0, 4.0]))
    1.0
    """
    y_true, y_pred = pair(y_true, y_pred)
    return ops.mean(ops.absolute(y_true - y_pred), axis=-1)


@of_elements
def mean_absolute_percentage_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Compute `100 * mean(abs((y_true - y_pred) / y_true))` over the last axis; the divisor is at least `epsilon()`.

    >>> import kerasfront as keras
    >>> float(keras.losses.mean_absolute_percentage_error([1.0, 2.0], [1.0, 4.0]))
    50.0
    """
    y_true, y_pred = pair(y_true, y_pred)
    relative = (y_true - y_pred) / ops.maximum(ops.absolute(y_true), settings.epsilon())
    return 100.0 * ops.mean(ops.absolute(relative), axis=-1)


@of_elements
def mean_squared_logarithmic_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Compute `mean(square(log(y_true + 1) - log(y_pred + 1)))` over the last axis.

    Values below `epsilon()` are raised to it.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.mean_squared_logarithmic_error([1.0], [3.0])), 4)
    0.4805
    """
    y_true, y_pred = pair(y_true, y_pred)
    first, second = (ops.log1p(ops.maximum(y, settings.epsilon())) for y in (y_true, y_pred))
    return ops.mean(ops.square(first - second), axis=-1)


@of_elements
def huber(y_true: TensorLike, y_pred: TensorLike, delta: float = 1.0) -> Tensor:
    """Compute half the squared error where it is below `delta`, and linear from there; the mean over the last axis.

    >>> import kerasfront as keras
    >>> float(keras.losses.huber([0.0, 0.0], [1.0, 3.0]))
    1.5
    """
    y_true, y_pred = pair(y_true, y_pred)
    error = ops.absolute(y_true - y_pred)
    inside = ops.minimum(error, delta)
    # inside * (error - inside / 2) is error^2 / 2 up to delta, and delta * error - delta^2 / 2 beyond
    return ops.mean(inside * (error - 0.5 * inside), axis=-1)


@of_elements
def log_cosh(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Compute `mean(log(cosh(y_pred - y_true)))` over the last axis, without overflow.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.log_cosh([0.0], [1000.0])), 3)
    999.307
    """
    y_true, y_pred = pair(y_true, y_pred)
    x = ops.absolute(y_pred - y_true)
    return ops.mean(x + ops.log1p(ops.exp(-2.0 * x)) - math.log(2.0), axis=-1)


@of_elements
def poisson(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Compute `mean(y_pred - y_true * log(y_pred + epsilon()))` over the last axis.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.poisson([1.0, 0.0], [1.0, 1.0])), 4)
    1.0
    """
    y_true, y_pred = pair(y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + settings.epsilon()), axis=-1)


@of_samples
def kl_divergence(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Compute `sum(y_true * log(y_true / y_pred))` over the last axis; both are cut to `[epsilon(), 1]`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.kl_divergence([0.0, 1.0], [0.5, 0.5])), 4)
    0.6931
    """
    y_true, y_pred = pair(y_true, y_pred)
    y_true, y_pred = (ops.minimum(ops.maximum(y, settings.epsilon()), 1.0) for y in (y_true, y_pred))
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


def unit(x: Tensor, axis: int) -> Tensor:
    """Scale x to length 1 along an axis; vectors of length 0 stay."""
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), 1e-12))


@of_samples
def cosine_similarity(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """Compute the negative cosine of the angle between y_true and y_pred: -1 where they point the same way.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.cosine_similarity([0.0, 2.0], [0.0, 3.0])), 4)
    -1.0
    """
    y_true, y_pred = pair(y_true, y_pred)
    return -ops.sum(unit(y_true, axis) * unit(y_pred, axis), axis=axis)


# ---- margins ------------------------------------------------------------------------------------------------------


def signs(y_true: Tensor) -> Tensor:
    """Return labels that are all 0 or 1 as -1 and 1, and others as they are."""
    binary = ops.all(ops.logical_or(ops.equal(y_true, 0), ops.equal(y_true, 1)))
    return select_where(binary, 2 * y_true - 1, y_true)


def hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Compute `mean(maximum(1 - y_true * y_pred, 0))` over the last axis, for labels -1 and 1 (or 0 and 1).

    >>> import kerasfront as keras
    >>> float(keras.losses.hinge([1.0, -1.0], [0.5, 0.5]))
    1.0
    """
    y_true, y_pred = pair(y_true, y_pred)
    return ops.mean(ops.maximum(1.0 - signs(y_true) * y_pred, 0.0), axis=-1)


def squared_hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Compute `mean(square(maximum(1 - y_true * y_pred, 0)))` over the last axis, for labels -1 and 1 (or 0 and 1).

    >>> import kerasfront as keras
    >>> float(keras.losses.squared_hinge([1.0, -1.0], [1.0, 1.0]))
    2.0
    """
    y_true, y_pred = pair(y_true, y_pred)
    return ops.mean(ops.square(ops.maximum(1.0 - signs(y_true) * y_pred, 0.0)), axis=-1)


@of_samples
def categorical_hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Compute `maximum(largest wrong score - right score + 1, 0)`, for one-hot targets, over the last axis.

    >>> import kerasfront as keras
    >>> float(keras.losses.categorical_hinge([0.0, 1.0], [0.5, 1.0]))
    0.5
    """
    y_true, y_pred = pair(y_true, y_pred)
    right = ops.sum(y_true * y_pred, axis=-1)
    wrong = ops.amax((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(wrong - right + 1.0, 0.0)


# ---- cross-entropies ----------------------------------------------------------------------------------------------


def _check_smoothing(label_smoothing: float) -> None:
    if isinstance(label_smoothing, (int, float)) and not 0 <= label_smoothing <= 1:
        raise ValueError(f"Expected `label_smoothing` to be between 0 and 1, got {label_smoothing!r}.")


def _smoothed_classes(y_true: Tensor, label_smoothing: float, axis: int) -> Tensor:
    _check_smoothing(label_smoothing)
    if not label_smoothing:
        return y_true
    return y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[axis]


def _smoothed_binary(y_true: Tensor, label_smoothing: float) -> Tensor:
    _check_smoothing(label_smoothing)
    return y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing if label_smoothing else y_true


@of_samples
def categorical_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """Compute `-sum(y_true * log(y_pred))` over the classes, for one-hot (or soft) targets.

    Args:
        y_true: The targets, of y_pred's shape.
        y_pred: Probabilities, or logits.
        from_logits: Whether they are logits.
        label_smoothing: What part of a target is spread over all classes, from 0 to 1.
        axis: The axis of the classes.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.categorical_crossentropy([0.0, 1.0], [0.5, 0.5])), 4)
    0.6931
    """
    y_true, y_pred = pair(y_true, y_pred)
    y_true = _smoothed_classes(y_true, label_smoothing, axis)
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


@of_samples
def sparse_categorical_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Tensor:
    """Compute `-log(y_pred[y_true])`, for classes given as integers.

    Args:
        y_true: Integers, of y_pred's shape without `axis` (a last axis of size 1 is dropped).
        y_pred: Probabilities, or logits.
        from_logits: Whether they are logits.
        ignore_class: A class whose samples have the loss 0 and count in no mean.
        axis: The axis of the classes.

    >>> import kerasfront as keras
    >>> losses = keras.losses.sparse_categorical_crossentropy([1, 0], [[0.5, 0.5], [0.5, 0.5]])
    >>> [round(float(loss), 4) for loss in keras.ops.convert_to_numpy(losses)]
    [0.6931, 0.6931]
    """
    y_pred, y_true = ops.convert_to_tensor(y_pred), ops.convert_to_tensor(y_true)
    if not dtype_of(y_true).startswith(("int", "uint")):
        y_true = ops.cast(y_true, "int32")
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    valid = ops.not_equal(y_true, ignore_class)
    classes = select_where(valid, y_true, ops.zeros_like(y_true))
    values = ops.sparse_categorical_crossentropy(classes, y_pred, from_logits=from_logits, axis=axis)
    values = select_where(valid, values, 0.0)
    if ops.is_tensor(values):
        scopes.set_mask(values, valid)
    return values


@of_elements
def binary_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """Compute the mean over `axis` of `-(y_true * log(y_pred) + (1 - y_true) * log(1 - y_pred))`.

    Args:
        y_true: Targets from 0 to 1, of y_pred's shape.
        y_pred: Probabilities, or logits.
        from_logits: Whether they are logits.
        label_smoothing: How far targets are drawn to 0.5, from 0 to 1.
        axis: The axis of the mean.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.binary_crossentropy([0.0, 1.0], [0.5, 0.5])), 4)
    0.6931
    """
    y_true, y_pred = pair(y_true, y_pred)
    y_true = _smoothed_binary(y_true, label_smoothing)
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits), axis=axis)


@of_elements
def binary_focal_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Compute the binary cross-entropy, times `(1 - p)^gamma` where p is the probability of the right answer.

    Args:
        y_true: Targets from 0 to 1, of y_pred's shape.
        y_pred: Probabilities, or logits.
        apply_class_balancing: Whether to weigh class 1 by `alpha` and class 0 by `1 - alpha`.
        alpha: The weight of class 1.
        gamma: The exponent.
        from_logits: Whether they are logits.
        label_smoothing: How far targets are drawn to 0.5, from 0 to 1.
        axis: The axis of the mean.

    Reference: Lin et al., https://arxiv.org/abs/1708.02002

    >>> import kerasfront as keras
    >>> round(float(keras.losses.binary_focal_crossentropy([0.0, 1.0], [0.5, 0.5])), 4)
    0.1733
    """
    y_true, y_pred = pair(y_true, y_pred)
    y_true = _smoothed_binary(y_true, label_smoothing)
    values = ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits)
    p = ops.sigmoid(y_pred) if from_logits else y_pred
    right = y_true * p + (1.0 - y_true) * (1.0 - p)
    values = ops.power(1.0 - right, gamma) * values
    if apply_class_balancing:
        values = values * (y_true * alpha + (1.0 - y_true) * (1.0 - alpha))
    return ops.mean(values, axis=axis)


@of_samples
def categorical_focal_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Compute `-sum(alpha * (1 - y_pred)^gamma * y_true * log(y_pred))` over the classes, for one-hot targets.

    Args:
        y_true: The targets, of y_pred's shape.
        y_pred: Probabilities, or logits.
        alpha: A weight, or one for each class.
        gamma: The exponent.
        from_logits: Whether they are logits.
        label_smoothing: What part of a target is spread over all classes, from 0 to 1.
        axis: The axis of the classes.

    Reference: Lin et al., https://arxiv.org/abs/1708.02002

    >>> import kerasfront as keras
    >>> round(float(keras.losses.categorical_focal_crossentropy([0.0, 1.0], [0.5, 0.5])), 4)
    0.0433
    """
    y_true, y_pred = pair(y_true, y_pred)
    y_true = _smoothed_classes(y_true, label_smoothing, axis)
    p = ops.softmax(y_pred, axis=axis) if from_logits else y_pred / ops.sum(y_pred, axis=axis, keepdims=True)
    p = ops.minimum(ops.maximum(p, settings.epsilon()), 1.0 - settings.epsilon())
    weights: Any = ops.convert_to_tensor(alpha, dtype_of(p)) if isinstance(alpha, (list, tuple)) else alpha
    return -ops.sum(weights * ops.power(1.0 - p, gamma) * y_true * ops.log(p), axis=axis)


@of_samples
def categorical_generalized_cross_entropy(y_true: TensorLike, y_pred: TensorLike, q: float) -> Tensor:
    """Compute `(1 - y_pred[y_true]^q) / q`, for classes given as integers: robust to wrong labels.

    Args:
        y_true: Integers, of y_pred's shape without the last axis (a last axis of size 1 is dropped).
        y_pred: Probabilities.
        q: From 0 (the cross-entropy) to 1 (the absolute error).

    Reference: Zhang and Sabuncu, https://arxiv.org/abs/1805.07836

    >>> import kerasfront as keras
    >>> losses = keras.losses.categorical_generalized_cross_entropy([1], [[0.75, 0.25]], 0.5)
    >>> keras.ops.convert_to_numpy(losses).tolist()
    [1.0]
    """
    y_pred, y_true = ops.convert_to_tensor(y_pred), ops.cast(ops.convert_to_tensor(y_true), "int32")
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    chosen = ops.one_hot(y_true, y_pred.shape[-1], dtype=dtype_of(y_pred))
    p = ops.sum(chosen * y_pred, axis=-1)
    return (1.0 - ops.power(p, q)) / q


def ctc(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Compute the connectionist temporal classification loss: of label sequences against scores over time.

    It is minus the log of the probability of the labels, whatever their alignment.

    Args:
        y_true: Integers of shape `(batch, length)`, padded with 0, which is the blank.
        y_pred: Logits of shape `(batch, time, classes)`.

    Raises:
        ShapeError: The ranks are others.

    Reference: Graves et al. (2006), Connectionist temporal classification.
    """
    y_pred, y_true = ops.convert_to_tensor(y_pred), ops.convert_to_tensor(y_true)
    if len(y_pred.shape) != 3 or len(y_true.shape) != 2:
        raise ShapeError(
            "ctc takes labels of shape (batch, length) and logits of shape (batch, time, classes), "
            f"got {tuple(y_true.shape)} and {tuple(y_pred.shape)}."
        )
    y_true = ops.cast(y_true, "int32")
    batch, time = ops.shape(y_pred)[:2]
    lengths = ops.ones((batch,), "int32") * time
    label_lengths = ops.sum(ops.cast(ops.not_equal(y_true, 0), "int32"), axis=-1)
    return ops.ctc_loss(y_true, y_pred, label_lengths, lengths, mask_index=0)


# ---- overlap ------------------------------------------------------------------------------------------------------


def dice(y_true: TensorLike, y_pred: TensorLike, axis: Axis = None) -> Tensor:
    """Compute `1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred))`, over `axis` (None: everything).

    Reference: Milletari et al., https://arxiv.org/abs/1606.04797

    >>> import kerasfront as keras
    >>> round(float(keras.losses.dice([0.0, 1.0], [0.5, 0.5])), 4)
    0.5
    """
    y_true, y_pred = pair(y_true, y_pred)
    both = ops.sum(y_true * y_pred, axis=axis)
    each = ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis)
    return 1.0 - 2.0 * both / (each + settings.epsilon())


def tversky(y_true: TensorLike, y_pred: TensorLike, alpha: float = 0.5, beta: float = 0.5, axis: Axis = None) -> Tensor:
    """Compute `1 - tp / (tp + alpha * fp + beta * fn)` with soft counts over `axis` (None: everything).

    Args:
        y_true: Targets from 0 to 1.
        y_pred: Probabilities, of the same shape.
        alpha: The weight of false positives.
        beta: The weight of false negatives.
        axis: The axis or axes of the sums.

    Reference: Salehi et al., https://arxiv.org/abs/1706.05721

    >>> import kerasfront as keras
    >>> round(float(keras.losses.tversky([0.0, 1.0], [0.5, 0.5])), 4)
    0.5
    """
    y_true, y_pred = pair(y_true, y_pred)
    both = ops.sum(y_true * y_pred, axis=axis)
    false_positives = ops.sum((1.0 - y_true) * y_pred, axis=axis)
    false_negatives = ops.sum(y_true * (1.0 - y_pred), axis=axis)
    return 1.0 - both / (both + alpha * false_positives + beta * false_negatives + settings.epsilon())


def circle(
    y_true: TensorLike,
    y_pred: TensorLike,
    ref_labels: TensorLike | None = None,
    ref_embeddings: TensorLike | None = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Tensor:
    """Compute the circle loss, which pulls embeddings of one class together and pushes others apart.

    The further they are from where they belong, the more they count.

    A sample without another of its class counts in no mean.

    Args:
        y_true: Integer labels of shape `(batch,)`.
        y_pred: Embeddings of length 1, of shape `(batch, dim)`.
        ref_labels: Labels to compare with; None means y_true itself.
        ref_embeddings: Their embeddings; None means y_pred itself.
        remove_diagonal: Whether a sample is not compared with itself.
        gamma: The scale.
        margin: The slack.

    Reference: Sun et al., https://arxiv.org/abs/2002.10857
    """
    y_pred, y_true = ops.convert_to_tensor(y_pred), ops.convert_to_tensor(y_true)
    labels = y_true if ref_labels is None else ops.convert_to_tensor(ref_labels)
    others = y_pred if ref_embeddings is None else ops.cast(ops.convert_to_tensor(ref_embeddings), dtype_of(y_pred))
    alike = ops.equal(ops.reshape(y_true, (-1, 1)), ops.cast(ops.reshape(labels, (1, -1)), dtype_of(y_true)))
    different = ops.logical_not(alike)
    if remove_diagonal:
        rows = ops.arange(ops.shape(y_pred)[0])
        columns = ops.arange(ops.shape(others)[0])
        alike = ops.logical_and(alike, ops.not_equal(ops.expand_dims(rows, 1), ops.expand_dims(columns, 0)))
    cosine = ops.minimum(ops.matmul(y_pred, ops.transpose(others)), 1.0)
    near, far = ops.maximum(1.0 + margin - cosine, 0.0), ops.maximum(cosine + margin, 0.0)
    low = -1e6
    pulls = select_where(alike, -gamma * near * (cosine - (1.0 - margin)), low)
    pushes = select_where(different, gamma * far * (cosine - margin), low)
    values = ops.softplus(ops.logsumexp(pulls, axis=1) + ops.logsumexp(pushes, axis=1))
    if ops.is_tensor(values):
        scopes.set_mask(values, ops.any(alike, axis=1))  # who has no sample to be near to counts in no mean
    return values


# ---- means over everything that are one op ------------------------------------------------------------------------


def _wide(y_pred: Tensor) -> bool:
    """Return whether values are wide enough to be summed as they are."""
    return dtype_of(y_pred) in ("float32", "float64")


def _even(y_true: Tensor, y_pred: Tensor) -> bool:
    """Return whether both have the same axes, at least one, and are wide."""
    return len(y_pred.shape) > 0 and y_true.shape == y_pred.shape and _wide(y_pred)


def _mean_of_squares(y_true: Tensor, y_pred: Tensor) -> Tensor | None:
    y_true, y_pred = pair(y_true, y_pred)
    return mean_squared_difference(y_true, y_pred) if _even(y_true, y_pred) else None


def _mean_binary(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor | None:
    if not from_logits or label_smoothing:
        return None
    y_true, y_pred = pair(y_true, y_pred)
    return mean_sigmoid_crossentropy(y_true, y_pred) if _even(y_true, y_pred) else None


def _mean_categorical(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor | None:
    if not from_logits or label_smoothing or axis != -1:
        return None
    y_true, y_pred = pair(y_true, y_pred)
    return mean_softmax_crossentropy(y_true, y_pred) if _even(y_true, y_pred) else None


def _mean_sparse(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Tensor | None:
    if not from_logits or ignore_class is not None or axis != -1 or not _wide(y_pred):
        return None
    if len(y_true.shape) != len(y_pred.shape) - 1 or not dtype_of(y_true).startswith(("int", "uint")):
        return None
    return mean_sparse_softmax_crossentropy(y_true, y_pred)


# The functions whose mean over everything is one op, where the arguments allow it; None where they don't.
WHOLE: dict[Any, Callable[..., Tensor | None]] = {
    mean_squared_error: _mean_of_squares,
    binary_crossentropy: _mean_binary,
    categorical_crossentropy: _mean_categorical,
    sparse_categorical_crossentropy: _mean_sparse,
}

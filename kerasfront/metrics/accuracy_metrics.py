"""How often predictions are right."""

from __future__ import annotations

from typing import Unpack

from kerasfront import ops, settings
from kerasfront.arguments import as_int
from kerasfront.losses.functions import of_samples
from kerasfront.losses.reduction import dtype_of, same_rank
from kerasfront.metrics.metric import sum_dtype
from kerasfront.metrics.reduction_metrics import FixedMean, MetricOptions
from kerasfront.ops.reduce import count_argmax
from kerasfront.spec import shapes
from kerasfront.typing import Tensor, TensorLike


def _right(x: Tensor) -> Tensor:
    return ops.cast(x, settings.floatx())


def _hits(classes: TensorLike, y_pred: TensorLike, dtype: str) -> tuple[Tensor, Tensor] | None:
    """Return how many of the largest predictions are at their class, and the classes; None where one op can't tell."""
    classes, y_pred = ops.convert_to_tensor(classes), ops.convert_to_tensor(y_pred)
    fit = len(classes.shape) == len(y_pred.shape) - 1 and not shapes.differ(classes.shape, y_pred.shape[:-1])
    if not fit or not dtype_of(classes).startswith(("int", "uint")):
        return None
    return count_argmax(classes, y_pred, dtype), classes


@of_samples
def accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Return 1 where y_true equals y_pred, else 0."""
    y_true, y_pred = same_rank(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred))
    return _right(ops.equal(y_true, y_pred))


@of_samples
def binary_accuracy(y_true: TensorLike, y_pred: TensorLike, threshold: float = 0.5) -> Tensor:
    """Return 1 where y_pred is above the threshold as y_true (0 or 1) says, else 0.

    >>> import kerasfront as keras
    >>> keras.ops.convert_to_numpy(keras.metrics.binary_accuracy([1, 0], [0.7, 0.6])).tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = same_rank(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred))
    yes = ops.cast(ops.greater(y_pred, threshold), dtype_of(y_pred))
    return _right(ops.equal(ops.cast(y_true, dtype_of(y_pred)), yes))


@of_samples
def categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Return 1 where the largest prediction is where the one-hot target is, else 0.

    >>> import kerasfront as keras
    >>> keras.ops.convert_to_numpy(keras.metrics.categorical_accuracy([[0, 1]], [[0.2, 0.8]])).tolist()
    [1.0]
    """
    return _right(ops.equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1)))


def classes_of(y_true: TensorLike, y_pred: TensorLike) -> tuple[Tensor, Tensor]:
    """Return class numbers, without a last axis of size 1 beside the predictions' axis of classes, and predictions."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    return ops.cast(y_true, "int32"), y_pred


@of_samples
def sparse_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Return 1 where the largest prediction is at the index that the integer target says, else 0.

    >>> import kerasfront as keras
    >>> keras.ops.convert_to_numpy(keras.metrics.sparse_categorical_accuracy([1], [[0.2, 0.8]])).tolist()
    [1.0]
    """
    y_true, y_pred = classes_of(y_true, y_pred)
    return _right(ops.equal(y_true, ops.argmax(y_pred, axis=-1)))


@of_samples
def top_k_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike, k: int = 5) -> Tensor:
    """Return 1 where fewer than k predictions are larger than that of the one-hot target's class, else 0.

    >>> import kerasfront as keras
    >>> right = keras.metrics.top_k_categorical_accuracy([[1, 0, 0]], [[0.2, 0.7, 0.1]], k=2)
    >>> keras.ops.convert_to_numpy(right).tolist()
    [1.0]
    """
    return sparse_top_k_categorical_accuracy(ops.argmax(y_true, axis=-1), y_pred, k)


@of_samples
def sparse_top_k_categorical_accuracy(
    y_true: TensorLike, y_pred: TensorLike, k: int = 5, from_sorted_ids: bool = False
) -> Tensor:
    """Return 1 where fewer than k predictions are larger than that of the integer target's class, else 0.

    With `from_sorted_ids`, y_pred holds the classes in the order of their scores, and the first k are looked at.

    >>> import kerasfront as keras
    >>> right = keras.metrics.sparse_top_k_categorical_accuracy([0], [[0.2, 0.7, 0.1]], k=2)
    >>> keras.ops.convert_to_numpy(right).tolist()
    [1.0]
    """
    y_true, y_pred = classes_of(y_true, y_pred)
    at = ops.expand_dims(y_true, -1)
    if from_sorted_ids:
        return _right(ops.any(ops.equal(at, ops.cast(y_pred[..., :k], "int32")), axis=-1))
    score = ops.take_along_axis(y_pred, at, axis=-1)
    larger = ops.sum(ops.cast(ops.greater(y_pred, score), "int32"), axis=-1)
    return _right(ops.less(larger, k))


class Accuracy(FixedMean, function=accuracy, direction="up"):
    """How often predictions equal targets. Arguments: see `Metric`.

    >>> import kerasfront as keras
    >>> float(keras.metrics.Accuracy()([1, 2, 3, 4], [0, 2, 3, 4]))
    0.75
    """


class BinaryAccuracy(FixedMean, function=binary_accuracy, direction="up"):
    """How often predictions are on the right side of `threshold` (0 suits logits). Other arguments: see `Metric`.

    >>> import kerasfront as keras
    >>> float(keras.metrics.BinaryAccuracy()([1, 1, 0, 0], [0.98, 1.0, 0.0, 0.6]))
    0.75
    """

    def __init__(self, *, threshold: float = 0.5, **options: Unpack[MetricOptions]) -> None:
        super().__init__(**options)
        self._kf.arguments = {"threshold": threshold}


class CategoricalAccuracy(FixedMean, function=categorical_accuracy, direction="up"):
    """How often the largest prediction is where the one-hot target is. Arguments: see `Metric`.

    >>> import kerasfront as keras
    >>> float(keras.metrics.CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]]))
    0.5
    """

    def _kf_whole(self, y_true: TensorLike, y_pred: TensorLike) -> tuple[Tensor, Tensor] | None:
        return _hits(ops.argmax(y_true, axis=-1), y_pred, sum_dtype(self))


class SparseCategoricalAccuracy(FixedMean, function=sparse_categorical_accuracy, direction="up"):
    """How often the largest prediction is at the index that the integer target says. Arguments: see `Metric`.

    >>> import kerasfront as keras
    >>> float(keras.metrics.SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.3, 0.7]]))
    0.5
    """

    def _kf_whole(self, y_true: TensorLike, y_pred: TensorLike) -> tuple[Tensor, Tensor] | None:
        return _hits(y_true, y_pred, sum_dtype(self))


class TopKCategoricalAccuracy(FixedMean, function=top_k_categorical_accuracy, direction="up"):
    """How often the one-hot target is among the k largest predictions. Arguments: `k`, and those of `Metric`.

    >>> import kerasfront as keras
    >>> float(keras.metrics.TopKCategoricalAccuracy(k=1)([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]]))
    0.5
    """

    def __init__(self, k: int = 5, **options: Unpack[MetricOptions]) -> None:
        as_int(k, "k", type(self).__name__, least=1)
        super().__init__(**options)
        self._kf.arguments = {"k": k}


class SparseTopKCategoricalAccuracy(FixedMean, function=sparse_top_k_categorical_accuracy, direction="up"):
    """How often the integer target is among the k largest predictions.

    Arguments: see `sparse_top_k_categorical_accuracy` and `Metric`.

    >>> import kerasfront as keras
    >>> float(keras.metrics.SparseTopKCategoricalAccuracy(k=1)([1, 0], [[0.2, 0.8], [0.3, 0.7]]))
    0.5
    """

    def __init__(self, k: int = 5, *, from_sorted_ids: bool = False, **options: Unpack[MetricOptions]) -> None:
        as_int(k, "k", type(self).__name__, least=1)
        super().__init__(**options)
        self._kf.arguments = {"k": k, "from_sorted_ids": from_sorted_ids}

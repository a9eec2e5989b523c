"""Intersection over union, from a matrix of confusion that is kept on the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerasfront import ops
from kerasfront.arguments import as_int
from kerasfront.losses.reduction import of_rank, ratio
from kerasfront.metrics.counts import sums_by_cell
from kerasfront.metrics.metric import Metric, sum_dtype
from kerasfront.ops.elementwise import select_where
from kerasfront.typing import Config, DTypePolicyLike, Tensor, TensorLike
from kerasfront.variable import Variable


class _ConfusionMatrix(Metric):
    """The base: keeps how often each class was taken for each other.

    The matrix is of the metric's dtype, floats by default, so that fractional weights count; Keras's is of integers,
    and truncates them. Samples whose label or prediction is no class count nowhere.
    """

    _kf_direction = "up"

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: DTypePolicyLike | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        as_int(num_classes, "num_classes", type(self).__name__, least=1)
        self.num_classes: int = num_classes
        self.ignore_class: int | None = ignore_class
        self.axis: int = axis
        self.sparse_y_true: bool = sparse_y_true
        self.sparse_y_pred: bool = sparse_y_pred
        self.total_confusion_matrix: Variable = self.add_variable(
            (num_classes, num_classes), "zeros", name="total_confusion_matrix"
        )

    def classes(self, y: TensorLike, sparse: bool) -> Tensor:
        """Return class numbers, from scores along `axis` where `sparse` is false."""
        y = ops.convert_to_tensor(y) if sparse else ops.argmax(y, axis=self.axis)
        return ops.reshape(ops.cast(y, "int32"), (-1,))

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add a batch; `sample_weight` has the shape of the class numbers, or broadcasts to it from the left."""
        shape = _shape_without(y_pred, None if self.sparse_y_pred else self.axis)
        truth, guess = self.classes(y_true, self.sparse_y_true), self.classes(y_pred, self.sparse_y_pred)
        _add(self, truth, guess, sample_weight, shape)

    def overlaps(self) -> tuple[Tensor, Tensor]:
        """Return the intersection and the union of each class."""
        matrix = ops.cast(self.total_confusion_matrix.value, "float32")
        both = ops.diagonal(matrix)
        return both, ops.sum(matrix, axis=0) + ops.sum(matrix, axis=1) - both


def _add(
    metric: _ConfusionMatrix, truth: Tensor, guess: Tensor, sample_weight: TensorLike | None, shape: Sequence[Any]
) -> None:
    """Add a batch of class numbers to the matrix."""
    size, dtype = metric.num_classes, sum_dtype(metric)
    weights = _flat_weights(sample_weight, shape, dtype)
    in_range = [ops.logical_and(ops.greater_equal(x, 0), ops.less(x, size)) for x in (truth, guess)]
    valid = ops.logical_and(*in_range)
    if metric.ignore_class is not None:
        valid = ops.logical_and(valid, ops.not_equal(truth, metric.ignore_class))
    counted = ops.cast(valid, "int32") if weights is None else ops.cast(valid, dtype) * weights
    cells = select_where(valid, truth * size + guess, ops.zeros_like(truth))
    sums = sums_by_cell(counted, cells, size * size)
    metric.total_confusion_matrix.assign_add(ops.reshape(sums, (size, size)))


def _shape_without(y: TensorLike, axis: int | None) -> tuple[Any, ...]:
    shape = list(ops.shape(ops.convert_to_tensor(y)))
    if axis is not None:
        del shape[axis]
    return tuple(shape)


def _flat_weights(sample_weight: TensorLike | None, shape: Sequence[Any], dtype: str) -> Tensor | None:
    if sample_weight is None:
        return None
    weights = of_rank(ops.convert_to_tensor(sample_weight, dtype), len(shape))
    return ops.reshape(ops.broadcast_to(weights, tuple(shape)), (-1,))


class IoU(_ConfusionMatrix):
    """The mean of `tp / (tp + fp + fn)` over some classes.

    Args:
        num_classes: The number of classes.
        target_class_ids: The classes whose mean is taken.
        name: A name.
        dtype: See `Metric`.
        ignore_class: A label that counts nowhere.
        sparse_y_true: Whether targets are class numbers, rather than one-hot.
        sparse_y_pred: Whether predictions are class numbers, rather than scores.
        axis: The axis of the classes, where there is one.

    Raises:
        ValueError: A target class is no class.

    >>> import kerasfront as keras
    >>> round(float(keras.metrics.IoU(2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: DTypePolicyLike | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)
        if any(not 0 <= i < num_classes for i in target_class_ids):
            raise ValueError(f"Expected `target_class_ids` to be below {num_classes}, got {target_class_ids}.")
        self.target_class_ids: list[int] = list(target_class_ids)

    def result(self) -> Tensor:
        both, either = (ops.take(x, self.target_class_ids, axis=0) for x in self.overlaps())
        seen = ops.cast(ops.greater(either, 0), "float32")
        return ratio(ops.sum(ratio(both, either)), ops.sum(seen))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }


class BinaryIoU(IoU):
    """The mean of `tp / (tp + fp + fn)` over the classes 0 and 1, for predictions that a threshold decides.

    Args:
        target_class_ids: Which of the classes 0 and 1.
        threshold: Predictions of at least it are class 1.
        name: A name.
        dtype: See `Metric`.

    >>> import kerasfront as keras
    >>> round(float(keras.metrics.BinaryIoU(threshold=0.3)([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])), 4)
    0.3333
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: DTypePolicyLike | None = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add a batch of labels (0 and 1) and predictions of one shape."""
        super().update_state(y_true, ops.greater_equal(y_pred, self.threshold), sample_weight)

    def get_config(self) -> Config:
        base = Metric.get_config(self)
        return {**base, "target_class_ids": self.target_class_ids, "threshold": self.threshold}


class MeanIoU(IoU):
    """The mean of `tp / (tp + fp + fn)` over the classes that were seen. Arguments: see `IoU`.

    >>> import kerasfront as keras
    >>> round(float(keras.metrics.MeanIoU(2)([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: DTypePolicyLike | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, range(num_classes), name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)

    def get_config(self) -> Config:
        config = super().get_config()
        del config["target_class_ids"]
        return config


class OneHotIoU(IoU):
    """`IoU` for one-hot targets. Arguments: see `IoU`.

    >>> import kerasfront as keras
    >>> m = keras.metrics.OneHotIoU(2, target_class_ids=[0])
    >>> float(m([[1, 0], [0, 1]], [[0.9, 0.1], [0.2, 0.8]]))
    1.0
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: DTypePolicyLike | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> Config:
        config = super().get_config()
        del config["sparse_y_true"]
        return config


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` for one-hot targets. Arguments: see `IoU`.

    >>> import kerasfront as keras
    >>> m = keras.metrics.OneHotMeanIoU(2)
    >>> float(m([[1, 0], [0, 1]], [[0.9, 0.1], [0.2, 0.8]]))
    1.0
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: DTypePolicyLike | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> Config:
        config = super().get_config()
        del config["sparse_y_true"]
        return config

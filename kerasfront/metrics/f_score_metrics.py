"""F-scores."""

from __future__ import annotations

from collections.abc import Sequence

from kerasfront import ops
from kerasfront.errors import ShapeError
from kerasfront.losses import reduction
from kerasfront.metrics.metric import Metric, sum_dtype
from kerasfront.typing import Config, DTypePolicyLike, Tensor, TensorLike
from kerasfront.variable import Variable


class FBetaScore(Metric):
    """`(1 + beta^2) * precision * recall / (beta^2 * precision + recall)`, of each class.

    Args:
        average: How classes are joined: None (one number for each), "micro" (counts are summed first), "macro" (the
            mean), or "weighted" (the mean, weighted by how many samples each class has).
        beta: How much more recall counts than precision.
        threshold: Predictions above it are a yes; None means that the largest of a sample is.
        name: A name.
        dtype: See `Metric`.

    Raises:
        ValueError: An argument has another value.
        ShapeError: Targets and predictions are no matrices `(samples, classes)`.

    >>> import kerasfront as keras
    >>> m = keras.metrics.FBetaScore(average="macro", beta=2.0, threshold=0.5)
    >>> round(float(m([[1, 1], [1, 0]], [[0.9, 0.2], [0.8, 0.7]])), 4)
    0.5
    """

    _kf_direction = "up"
    true_positives: Variable
    false_positives: Variable
    false_negatives: Variable
    intermediate_weights: Variable

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: DTypePolicyLike | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(f"Expected `average` to be None, 'micro', 'macro' or 'weighted', got {average!r}.")
        if not isinstance(beta, (int, float)) or beta <= 0:
            raise ValueError(f"Expected `beta` to be a positive number, got {beta!r}.")
        if threshold is not None and (not isinstance(threshold, (int, float)) or not 0 < threshold <= 1):
            raise ValueError(f"Expected `threshold` to be None or a number above 0, up to 1, got {threshold!r}.")
        self.average = average
        self.beta: float = float(beta)
        self.threshold: float | int | None = threshold
        self.axis = None if average == "micro" else 0

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add a batch of one-hot (or multi-hot) targets and predictions, matrices of one shape."""
        y_true, y_pred = (ops.convert_to_tensor(y, sum_dtype(self)) for y in (y_true, y_pred))
        if not self._kf.built:
            _build(self, y_true.shape, y_pred.shape)
        if self.threshold is None:
            largest = ops.equal(y_pred, ops.amax(y_pred, axis=-1, keepdims=True))
            yes = ops.logical_and(largest, ops.greater(ops.absolute(y_pred), 1e-9))
        else:
            yes = ops.greater(y_pred, self.threshold)
        yes = ops.cast(yes, sum_dtype(self))
        weights = ops.ones_like(yes[:, :1])
        if sample_weight is not None:
            weights = weights * reduction.of_rank(ops.convert_to_tensor(sample_weight, sum_dtype(self)), 2)
        self.true_positives.assign_add(ops.sum(yes * y_true * weights, axis=self.axis))
        self.false_positives.assign_add(ops.sum(yes * (1.0 - y_true) * weights, axis=self.axis))
        self.false_negatives.assign_add(ops.sum((1.0 - yes) * y_true * weights, axis=self.axis))
        self.intermediate_weights.assign_add(ops.sum(y_true * weights, axis=self.axis))

    def result(self) -> Tensor:
        if not self._kf.built:
            return ops.zeros((), self.dtype)
        tp = self.true_positives.value
        precision = reduction.ratio(tp, tp + self.false_positives.value)
        recall = reduction.ratio(tp, tp + self.false_negatives.value)
        square = self.beta**2
        score = (1.0 + square) * reduction.ratio(precision * recall, precision * square + recall)
        if self.average == "weighted":
            amounts = self.intermediate_weights.value
            return ops.sum(score * reduction.ratio(amounts, ops.sum(amounts)))
        return score if self.average is None else ops.mean(score)

    def get_config(self) -> Config:
        return {**super().get_config(), "average": self.average, "beta": self.beta, "threshold": self.threshold}


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall, of each class. Arguments: see `FBetaScore`.

    >>> import kerasfront as keras
    >>> m = keras.metrics.F1Score(average="micro", threshold=0.5)
    >>> round(float(m([[1, 1], [1, 0]], [[0.9, 0.2], [0.8, 0.7]])), 4)
    0.6667
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: DTypePolicyLike | None = None,
    ) -> None:
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)

    def get_config(self) -> Config:
        config = super().get_config()
        del config["beta"]
        return config


def _build(metric: FBetaScore, y_true_shape: Sequence[int], y_pred_shape: Sequence[int]) -> None:
    """Make the variables, for targets and predictions of these shapes."""
    if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
        raise ShapeError(
            f"{type(metric).__name__} takes matrices (samples, classes), got {tuple(y_true_shape)} and "
            f"{tuple(y_pred_shape)}."
        )
    shape = () if metric.average == "micro" else (y_pred_shape[-1],)
    metric.true_positives = metric.add_variable(shape, "zeros", name="true_positives")
    metric.false_positives = metric.add_variable(shape, "zeros", name="false_positives")
    metric.false_negatives = metric.add_variable(shape, "zeros", name="false_negatives")
    metric.intermediate_weights = metric.add_variable(shape, "zeros", name="intermediate_weights")
    metric._kf.built = True

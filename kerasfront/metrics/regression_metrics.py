"""Errors of regression, margins and cross-entropies as metrics: means of the losses' functions, and R2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from kerasfront import ops
from kerasfront.errors import ShapeError
from kerasfront.losses import functions as f
from kerasfront.losses import reduction
from kerasfront.losses.functions import pair
from kerasfront.metrics.metric import Metric, sum_dtype
from kerasfront.metrics.reduction_metrics import FixedMean, Mean, MetricOptions
from kerasfront.ops.elementwise import select_where
from kerasfront.typing import Config, DTypePolicyLike, Tensor, TensorLike
from kerasfront.variable import Variable


class MeanSquaredError(FixedMean, function=f.mean_squared_error, direction="down"):
    """The mean of `square(y_true - y_pred)`. Arguments: see `Metric`.

    >>> import kerasfront as keras
    >>> float(keras.metrics.MeanSquaredError()([[0.0, 1.0]], [[0.0, 3.0]]))
    2.0
    """


class RootMeanSquaredError(Mean):
    """The root of the mean of `square(y_true - y_pred)`. Arguments: see `Metric`.

    >>> import kerasfront as keras
    >>> float(keras.metrics.RootMeanSquaredError()([[0.0, 0.0]], [[3.0, 3.0]]))
    3.0
    """

    _kf_direction = "down"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: DTypePolicyLike | None = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:  # type: ignore[override]
        """Add a batch, weighted by `sample_weight`, which may have fewer axes at the end."""
        y_true, y_pred = pair(y_true, y_pred)
        super().update_state(ops.square(y_true - y_pred), sample_weight)

    def result(self) -> Tensor:
        return ops.sqrt(super().result())


class MeanAbsoluteError(FixedMean, function=f.mean_absolute_error, direction="down"):
    """The mean of `abs(y_true - y_pred)`. Arguments: see `Metric`.

    >>> import kerasfront as keras
    >>> float(keras.metrics.MeanAbsoluteError()([[0.0, 1.0]], [[0.0, 3.0]]))
    1.0
    """


class MeanAbsolutePercentageError(FixedMean, function=f.mean_absolute_percentage_error, direction="down"):
    """The mean of `100 * abs((y_true - y_pred) / y_true)`. Arguments: see `Metric`.

    >>> import kerasfront as keras
    >>> float(keras.metrics.MeanAbsolutePercentageError()([[1.0, 2.0]], [[1.0, 3.0]]))
    25.0
    """


class MeanSquaredLogarithmicError(FixedMean, function=f.mean_squared_logarithmic_error, direction="down"):
    """The mean of `square(log(y_true + 1) - log(y_pred + 1))`. Arguments: see `Metric`.

    >>> import kerasfront as keras
    >>> round(float(keras.metrics.MeanSquaredLogarithmicError()([[1.0]], [[3.0]])), 4)
    0.4805
    """


def cosine_similarity(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """Return the cosine of the angle between y_true and y_pred: 1 where they point the same way (the loss: -1)."""
    return -f.cosine_similarity(y_true, y_pred, axis)


class CosineSimilarity(FixedMean, function=cosine_similarity, direction="up"):
    """The mean cosine of the angle between y_true and y_pred. Arguments: `axis`, and those of `Metric`.

    >>> import kerasfront as keras
    >>> round(float(keras.metrics.CosineSimilarity()([[0.0, 2.0]], [[0.0, 3.0]])), 4)
    1.0
    """

    def __init__(self, *, axis: int = -1, **options: Unpack[MetricOptions]) -> None:
        super().__init__(**options)
        self._kf.arguments = {"axis": axis}


class LogCoshError(FixedMean, function=f.log_cosh, name="logcosh", direction="down"):
    """The mean of `log(cosh(y_pred - y_true))`. Arguments: see `Metric`.

    >>> import kerasfront as keras
    >>> round(float(keras.metrics.LogCoshError()([[0.0]], [[1.0]])), 4)
    0.4338
    """


# ---- margins and probabilities ------------------------------------------------------------------------------------


class Hinge(FixedMean, function=f.hinge, direction="down"):
    """The mean of `maximum(1 - y_true * y_pred, 0)`, for labels -1 and 1 (or 0 and 1). Arguments: see `Metric`.

    >>> import kerasfront as keras
    >>> float(keras.metrics.Hinge()([[1.0, -1.0]], [[0.5, 0.5]]))
    1.0
    """


class SquaredHinge(FixedMean, function=f.squared_hinge, direction="down"):
    """The mean of `square(maximum(1 - y_true * y_pred, 0))`. Arguments: see `Metric`.

    >>> import kerasfront as keras
    >>> float(keras.metrics.SquaredHinge()([[1.0, -1.0]], [[1.0, 1.0]]))
    2.0
    """


class CategoricalHinge(FixedMean, function=f.categorical_hinge, direction="down"):
    """The mean of `categorical_hinge`, for one-hot targets. Arguments: see `Metric`.

    >>> import kerasfront as keras
    >>> float(keras.metrics.CategoricalHinge()([[0.0, 1.0]], [[0.5, 1.0]]))
    0.5
    """


class KLDivergence(FixedMean, function=f.kl_divergence, direction="down"):
    """The mean of `kl_divergence`. Arguments: see `Metric`.

    >>> import kerasfront as keras
    >>> round(float(keras.metrics.KLDivergence()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """


class Poisson(FixedMean, function=f.poisson, direction="down"):
    """The mean of `poisson`. Arguments: see `Metric`.

    >>> import kerasfront as keras
    >>> round(float(keras.metrics.Poisson()([[1.0, 0.0]], [[1.0, 1.0]])), 4)
    1.0
    """


class BinaryCrossentropy(FixedMean, function=f.binary_crossentropy, direction="down"):
    """The mean of `losses.binary_crossentropy`. Arguments: its, and those of `Metric`.

    >>> import kerasfront as keras
    >>> round(float(keras.metrics.BinaryCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self, *, from_logits: bool = False, label_smoothing: float = 0, **options: Unpack[MetricOptions]
    ) -> None:
        super().__init__(**options)
        self._kf.arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing}


class CategoricalCrossentropy(FixedMean, function=f.categorical_crossentropy, direction="down"):
    """The mean of `losses.categorical_crossentropy`. Arguments: its, and those of `Metric`.

    >>> import kerasfront as keras
    >>> round(float(keras.metrics.CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self, *, from_logits: bool = False, label_smoothing: float = 0, axis: int = -1, **options: Unpack[MetricOptions]
    ) -> None:
        super().__init__(**options)
        self._kf.arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}


class SparseCategoricalCrossentropy(FixedMean, function=f.sparse_categorical_crossentropy, direction="down"):
    """The mean of `losses.sparse_categorical_crossentropy`. Arguments: its, and those of `Metric`.

    >>> import kerasfront as keras
    >>> round(float(keras.metrics.SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        *,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
        **options: Unpack[MetricOptions],
    ) -> None:
        super().__init__(**options)
        self._kf.arguments = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}


# ---- R2 -----------------------------------------------------------------------------------------------------------


class R2Score(Metric):
    """The coefficient of determination, `1 - residual sum of squares / total sum of squares`, of each output.

    Args:
        class_aggregation: How outputs are joined: "uniform_average", "variance_weighted_average", or None: one number
            for each.
        num_regressors: The number of independent variables, for the adjusted score; 0 means the plain one. (Keras
            adjusts by the number of elements, which is that of samples only where there is one output.)
        name: A name.
        dtype: See `Metric`.

    Raises:
        ValueError: An argument has another value.
        ShapeError: The targets are no matrix `(samples, outputs)`.

    >>> import kerasfront as keras
    >>> round(float(keras.metrics.R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])), 4)
    0.5714
    """

    _kf_direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: DTypePolicyLike | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        options = ("uniform_average", "variance_weighted_average", None)
        if class_aggregation not in options:
            raise ValueError(f"Expected `class_aggregation` to be one of {options}, got {class_aggregation!r}.")
        if num_regressors < 0:
            raise ValueError(f"Expected `num_regressors` not to be negative, got {num_regressors!r}.")
        self.class_aggregation = class_aggregation
        self.num_regressors: int = num_regressors
        self.num_samples: Variable = self.add_variable((), "zeros", name="num_samples")
        self.built: bool = False

    def build(self, y_true_shape: Sequence[int], y_pred_shape: Sequence[int]) -> None:
        """Make the variables, for matrices of targets and predictions."""
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
            raise ShapeError(
                f"R2Score takes matrices (samples, outputs), got {tuple(y_true_shape)} and {tuple(y_pred_shape)}."
            )
        outputs = (y_pred_shape[-1],)
        self.squared_sum: Variable = self.add_variable(outputs, "zeros", name="squared_sum")
        self.sum: Variable = self.add_variable(outputs, "zeros", name="sum")
        self.total_mse: Variable = self.add_variable(outputs, "zeros", name="residual")
        self.count: Variable = self.add_variable(outputs, "zeros", name="count")
        self.built = True

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add a batch; `sample_weight` has the shape (samples,) or (samples, 1)."""
        y_true, y_pred = (ops.convert_to_tensor(y, sum_dtype(self)) for y in (y_true, y_pred))
        y_true, y_pred = reduction.same_rank(y_true, y_pred)
        if not self.built:
            self.build(y_true.shape, y_pred.shape)
        weights = ops.ones_like(y_true[:, :1])
        if sample_weight is not None:
            weights = weights * reduction.of_rank(ops.convert_to_tensor(sample_weight, sum_dtype(self)), 2)
        weighted = y_true * weights
        self.sum.assign_add(ops.sum(weighted, axis=0))
        self.squared_sum.assign_add(ops.sum(y_true * weighted, axis=0))
        self.total_mse.assign_add(ops.sum(ops.square(y_true - y_pred) * weights, axis=0))
        self.count.assign_add(ops.sum(weights * ops.ones_like(y_true), axis=0))
        self.num_samples.assign_add(ops.shape(y_true)[0])

    def result(self) -> Tensor:
        if not self.built:
            return ops.zeros((), self.dtype)
        mean = reduction.ratio(self.sum.value, self.count.value)
        total = self.squared_sum.value - self.sum.value * mean
        score = 1.0 - reduction.ratio(self.total_mse.value, total)
        score = select_where(ops.equal(total, 0), ops.zeros_like(total), score)
        if self.class_aggregation == "uniform_average":
            score = ops.mean(score)
        elif self.class_aggregation == "variance_weighted_average":
            score = reduction.ratio(ops.sum(total * score), ops.sum(total))
        if not self.num_regressors:
            return score
        samples = self.num_samples.value
        adjusted = 1.0 - (1.0 - score) * (samples - 1.0) / (samples - self.num_regressors - 1.0)
        return select_where(ops.greater(samples, self.num_regressors + 1), adjusted, score)

    def get_config(self) -> Config:
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**super().get_config(), **own}

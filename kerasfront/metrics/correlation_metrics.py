"""How predictions vary with targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from kerasfront import ops, settings
from kerasfront.losses.functions import pair
from kerasfront.metrics.reduction_metrics import FixedMean, MetricOptions
from kerasfront.typing import Axis, Tensor, TensorLike


def _centered(x: Tensor, axis: Axis) -> tuple[Tensor, Tensor]:
    mean = ops.mean(x, axis=axis, keepdims=True)
    return x - mean, mean


def pearson_correlation(y_true: TensorLike, y_pred: TensorLike, axis: Axis = -1) -> Tensor:
    """Return the covariance along `axis` divided by the standard deviations.

    >>> import kerasfront as keras
    >>> round(float(keras.metrics.pearson_correlation([0.0, 1.0, 2.0], [1.0, 3.0, 5.0])), 4)
    1.0
    """
    y_true, y_pred = pair(y_true, y_pred)
    a, b = _centered(y_true, axis)[0], _centered(y_pred, axis)[0]
    spread = ops.sqrt(ops.mean(ops.square(a), axis=axis) * ops.mean(ops.square(b), axis=axis))
    return ops.mean(a * b, axis=axis) / (spread + settings.epsilon())


def concordance_correlation(y_true: TensorLike, y_pred: TensorLike, axis: Axis = -1) -> Tensor:
    """Return twice the covariance divided by both variances and the squared difference of the means.

    All of them are taken along `axis`.

    Reference: Lin (1989), A concordance correlation coefficient to evaluate reproducibility.

    >>> import kerasfront as keras
    >>> round(float(keras.metrics.concordance_correlation([0.0, 1.0, 2.0], [0.0, 1.0, 2.0])), 4)
    1.0
    """
    y_true, y_pred = pair(y_true, y_pred)
    (a, mean_a), (b, mean_b) = _centered(y_true, axis), _centered(y_pred, axis)
    apart = ops.squeeze(ops.square(mean_a - mean_b), axis)
    spread = ops.mean(ops.square(a), axis=axis) + ops.mean(ops.square(b), axis=axis)
    return 2.0 * ops.mean(a * b, axis=axis) / (spread + apart + settings.epsilon())


class PearsonCorrelation(FixedMean, function=pearson_correlation, direction="up"):
    """The mean of `pearson_correlation` over the samples. Arguments: `axis`, and those of `Metric`.

    >>> import kerasfront as keras
    >>> round(float(keras.metrics.PearsonCorrelation()([[0.0, 1.0, 2.0]], [[1.0, 3.0, 5.0]])), 4)
    1.0
    """

    def __init__(self, *, axis: int | Sequence[int] | None = -1, **options: Unpack[MetricOptions]) -> None:
        super().__init__(**options)
        self._kf.arguments = {"axis": axis}


class ConcordanceCorrelation(FixedMean, function=concordance_correlation, direction="up"):
    """The mean of `concordance_correlation` over the samples. Arguments: `axis`, and those of `Metric`.

    >>> import kerasfront as keras
    >>> round(float(keras.metrics.ConcordanceCorrelation()([[0.0, 1.0, 2.0]], [[0.0, 1.0, 2.0]])), 4)
    1.0
    """

    def __init__(self, *, axis: int | Sequence[int] | None = -1, **options: Unpack[MetricOptions]) -> None:
        super().__init__(**options)
        self._kf.arguments = {"axis": axis}

"""Metrics of yes-no answers at thresholds: counts, precision, recall, areas under curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasfront import ops, settings
from kerasfront.errors import ShapeError
from kerasfront.losses.reduction import ratio
from kerasfront.metrics import counts
from kerasfront.metrics.metric import Metric, MetricState, sum_dtype
from kerasfront.metrics.total import exact
from kerasfront.ops.elementwise import select_where
from kerasfront.typing import Config, DTypePolicyLike, Tensor, TensorLike
from kerasfront.variable import Variable


def _single(values: Tensor, thresholds: Sequence[float]) -> Tensor:
    return values[0] if len(thresholds) == 1 else values


class _Count(Metric):
    """One of the four counts. The class says which."""

    counted: str
    _kf_additive = True

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str | None = None,
        dtype: DTypePolicyLike | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds: list[float] = counts.checked(thresholds)
        self.accumulator: Variable = self.add_variable((len(self.thresholds),), "zeros", name="accumulator")

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add a batch of labels (0, or anything else) and predictions of one shape."""
        added = counts.count(y_true, y_pred, self.thresholds, sample_weight, dtype=sum_dtype(self))
        self.accumulator.assign_add(getattr(added, self.counted))

    def result(self) -> Tensor:
        return _single(self.accumulator.value, self.thresholds)

    def host_result(self) -> float | np.ndarray[Any, Any]:
        if type(self).result is not _Count.result:
            return super().host_result()
        amounts = exact(self.accumulator)
        return float(amounts[0]) if len(amounts) == 1 else amounts

    def get_config(self) -> Config:
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_Count):
    """How many positive samples have a prediction above a threshold.

    Args:
        thresholds: A number from 0 to 1, or several: then the result is a vector. None means 0.5.
        name: A name.
        dtype: See `Metric`.

    Raises:
        ValueError: A threshold is not between 0 and 1.

    >>> import kerasfront as keras
    >>> float(keras.metrics.TruePositives()([0, 1, 1], [0.9, 0.8, 0.2]))
    1.0
    """

    counted: str = "true_positives"
    _kf_direction = "up"


class FalsePositives(_Count):
    """How many negative samples have a prediction above a threshold. Arguments: see `TruePositives`.

    >>> import kerasfront as keras
    >>> float(keras.metrics.FalsePositives()([0, 1, 1], [0.9, 0.8, 0.2]))
    1.0
    """

    counted: str = "false_positives"
    _kf_direction = "down"


class TrueNegatives(_Count):
    """How many negative samples have no prediction above a threshold. Arguments: see `TruePositives`.

    >>> import kerasfront as keras
    >>> float(keras.metrics.TrueNegatives()([0, 1, 1], [0.9, 0.8, 0.2]))
    0.0
    """

    counted: str = "true_negatives"
    _kf_direction = "up"


class FalseNegatives(_Count):
    """How many positive samples have no prediction above a threshold. Arguments: see `TruePositives`.

    >>> import kerasfront as keras
    >>> float(keras.metrics.FalseNegatives()([0, 1, 1], [0.9, 0.8, 0.2]))
    1.0
    """

    counted: str = "false_negatives"
    _kf_direction = "down"


class _PartOf(Metric):
    """True positives divided by them and one kind of errors. The class says which."""

    errors: str
    _kf_direction = "up"
    _kf_additive = True

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypePolicyLike | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds: float | Sequence[float] | None = thresholds
        self.top_k: int | None = top_k
        self.class_id: int | None = class_id
        self.thresholds: list[float] = counts.checked(thresholds, top_k)
        self.true_positives: Variable = self.add_variable((len(self.thresholds),), "zeros", name="true_positives")
        setattr(self, self.errors, self.add_variable((len(self.thresholds),), "zeros", name=self.errors))

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add a batch of labels (0, or anything else) and predictions of one shape."""
        added = counts.count(
            y_true, y_pred, self.thresholds, sample_weight, self.top_k, self.class_id, dtype=sum_dtype(self)
        )
        self.true_positives.assign_add(added.true_positives)
        getattr(self, self.errors).assign_add(getattr(added, self.errors))

    def result(self) -> Tensor:
        right = self.true_positives.value
        return _single(ratio(right, right + getattr(self, self.errors).value), self.thresholds)

    def get_config(self) -> Config:
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **own}


class Precision(_PartOf):
    """What part of the predictions above a threshold is right: `tp / (tp + fp)`.

    Args:
        thresholds: A number from 0 to 1, or several: then the result is a vector. None means 0.5, or with `top_k` that
            each of the k largest predictions counts.
        top_k: Only the k largest predictions of a sample may be above.
        class_id: Only this index of the last axis is looked at.
        name: A name.
        dtype: See `Metric`.

    Raises:
        ValueError: A threshold is not between 0 and 1.

    >>> import kerasfront as keras
    >>> float(keras.metrics.Precision()([0, 1, 1], [0.9, 0.8, 0.2]))
    0.5
    """

    errors = "false_positives"


class Recall(_PartOf):
    """What part of the positive samples has a prediction above a threshold: `tp / (tp + fn)`.

    Arguments: see `Precision`.

    >>> import kerasfront as keras
    >>> float(keras.metrics.Recall()([0, 1, 1], [0.9, 0.8, 0.2]))
    0.5
    """

    errors = "false_negatives"


def spread(number: int) -> list[float]:
    """Return thresholds evenly from 0 to 1, the first and the last just outside."""
    inner = [(i + 1) / (number - 1) for i in range(number - 2)]
    return [-settings.epsilon(), *inner, 1.0 + settings.epsilon()]


class _AtThresholds(Metric):
    """The base of those that keep all four counts at many thresholds."""

    _kf_direction = "up"
    true_positives: Variable
    false_positives: Variable
    true_negatives: Variable
    false_negatives: Variable


def _make_counts(metric: _AtThresholds, shape: Sequence[int]) -> None:
    """Make a variable for each of the four counts."""
    for name in counts.Counts._fields:
        setattr(metric, name, metric.add_variable(shape, "zeros", name=name))


def _add_counts(metric: _AtThresholds, added: counts.Counts) -> None:
    """Add the counts of a batch."""
    for name in counts.Counts._fields:
        getattr(metric, name).assign_add(getattr(added, name))


def _counts(metric: _AtThresholds) -> counts.Counts:
    """Return all that was counted since the last reset."""
    return counts.Counts(*(getattr(metric, name).value for name in counts.Counts._fields))


class _Best(_AtThresholds):
    """The best of one rate over the thresholds at which another is good enough."""

    asked: str
    _kf_additive = True

    def __init__(
        self, value: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: DTypePolicyLike | None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if not 0 <= value <= 1:
            raise ValueError(f"Expected `{self.asked}` to be between 0 and 1, got {value!r}.")
        if num_thresholds <= 0:
            raise ValueError(f"Expected `num_thresholds` to be positive, got {num_thresholds!r}.")
        self.value: float = value
        self.num_thresholds: int = num_thresholds
        self.class_id: int | None = class_id
        setattr(self, self.asked, value)
        self.thresholds: list[float] = [0.5] if num_thresholds == 1 else spread(num_thresholds)
        _make_counts(self, (len(self.thresholds),))

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add a batch of labels (0, or anything else) and predictions of one shape."""
        added = counts.count(y_true, y_pred, self.thresholds, sample_weight, None, self.class_id, dtype=sum_dtype(self))
        _add_counts(self, added)

    def rates(self, tally: counts.Counts) -> tuple[Tensor, Tensor]:
        """Return the rate that must be good enough, and the one whose best value is the result."""
        raise NotImplementedError

    def result(self) -> Tensor:
        limited, best = self.rates(_counts(self))
        return ops.amax(select_where(ops.greater_equal(limited, self.value), best, 0.0))

    def get_config(self) -> Config:
        own = {"class_id": self.class_id, "num_thresholds": self.num_thresholds, self.asked: self.value}
        return {**super().get_config(), **own}


def _recall(tally: counts.Counts) -> Tensor:
    return ratio(tally.true_positives, tally.true_positives + tally.false_negatives)


def _precision(tally: counts.Counts) -> Tensor:
    return ratio(tally.true_positives, tally.true_positives + tally.false_positives)


def _specificity(tally: counts.Counts) -> Tensor:
    return ratio(tally.true_negatives, tally.true_negatives + tally.false_positives)


class SensitivityAtSpecificity(_Best):
    """The best `tp / (tp + fn)` over the thresholds at which `tn / (tn + fp)` is at least `specificity`.

    Args:
        specificity: From 0 to 1.
        num_thresholds: How many thresholds are looked at, evenly from 0 to 1.
        class_id: Only this index of the last axis is looked at.
        name: A name.
        dtype: See `Metric`.

    Raises:
        ValueError: An argument is out of range.

    >>> import kerasfront as keras
    >>> float(keras.metrics.SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    asked = "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypePolicyLike | None = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)

    def rates(self, tally: counts.Counts) -> tuple[Tensor, Tensor]:
        return _specificity(tally), _recall(tally)


class SpecificityAtSensitivity(_Best):
    """The best `tn / (tn + fp)` over the thresholds at which `tp / (tp + fn)` is at least `sensitivity`.

    Arguments: `sensitivity`, and those of `SensitivityAtSpecificity`.

    >>> import kerasfront as keras
    >>> round(float(keras.metrics.SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])), 4)
    0.6667
    """

    asked = "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypePolicyLike | None = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)

    def rates(self, tally: counts.Counts) -> tuple[Tensor, Tensor]:
        return _recall(tally), _specificity(tally)


class PrecisionAtRecall(_Best):
    """The best `tp / (tp + fp)` over the thresholds at which `tp / (tp + fn)` is at least `recall`.

    Arguments: `recall`, and those of `SensitivityAtSpecificity`.

    >>> import kerasfront as keras
    >>> float(keras.metrics.PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    asked = "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypePolicyLike | None = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)

    def rates(self, tally: counts.Counts) -> tuple[Tensor, Tensor]:
        return _recall(tally), _precision(tally)


class RecallAtPrecision(_Best):
    """The best `tp / (tp + fn)` over the thresholds at which `tp / (tp + fp)` is at least `precision`.

    Arguments: `precision`, and those of `SensitivityAtSpecificity`.

    >>> import kerasfront as keras
    >>> float(keras.metrics.RecallAtPrecision(0.8)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
    0.5
    """

    asked = "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypePolicyLike | None = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)

    def rates(self, tally: counts.Counts) -> tuple[Tensor, Tensor]:
        return _precision(tally), _recall(tally)


class AUCState(MetricState):
    """The state of an `AUC`."""

    thresholds: list[float]
    # How many labels are counted apart.
    labels: int | None = None


class AUC(_AtThresholds):
    """The area under the ROC, precision-recall or precision-gain-recall-gain curve, by a Riemann sum.

    Args:
        num_thresholds: How many thresholds the curve has, evenly from 0 to 1.
        curve: "ROC", "PR" or "PRGAIN".
        summation_method: "interpolation" (the mean of neighbouring heights; for PR the interpolation of Davis and
            Goadrich), "minoring" (the smaller) or "majoring" (the larger).
        name: A name.
        dtype: See `Metric`.
        thresholds: Numbers from 0 to 1 in place of the even ones; one below 0 and one above 1 are added.
        multi_label: Whether the last axis holds labels, whose areas are averaged.
        num_labels: Their number, where it is to be known before the first batch.
        label_weights: Their weights in the average; without `multi_label`, weights of the last axis.
        from_logits: Whether predictions are logits.

    Raises:
        ValueError: An argument has another value.

    With `multi_label` the PRGAIN curve, too, is that of each label by itself; Keras's are other numbers there.

    Reference: Davis and Goadrich (2006); Flach and Kull (2015), Precision-recall-gain curves.

    >>> import kerasfront as keras
    >>> round(float(keras.metrics.AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])), 4)
    0.75
    """

    _kf: AUCState
    _kf_state = AUCState
    _kf_direction = "up"
    _kf_additive = True

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: DTypePolicyLike | None = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.curve: str = _one_of("curve", str(curve).upper(), ("ROC", "PR", "PRGAIN"))
        self.summation_method: str = _one_of(
            "summation_method", str(summation_method).lower(), ("interpolation", "minoring", "majoring")
        )
        self.init_thresholds: list[float] | None = None if thresholds is None else sorted(counts.checked(thresholds))
        if self.init_thresholds is None and num_thresholds <= 1:
            raise ValueError(f"Expected `num_thresholds` to be 2 or more, got {num_thresholds!r}.")
        self._kf.thresholds = (
            spread(num_thresholds)
            if self.init_thresholds is None
            else [-settings.epsilon(), *self.init_thresholds, 1.0 + settings.epsilon()]
        )
        self.num_thresholds: int = len(self._kf.thresholds)
        self.multi_label: bool = multi_label
        self.num_labels: int | None = num_labels
        self.from_logits: bool = from_logits
        self.label_weights: np.ndarray[Any, Any] | None = (
            None if label_weights is None else np.asarray(label_weights, "float32")
        )
        if not multi_label or num_labels:
            _build(self, (None, num_labels))

    @property
    def thresholds(self) -> list[float]:
        """The thresholds, the first below 0 and the last above 1."""
        return list(self._kf.thresholds)

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add a batch of labels (0, or anything else) and predictions of one shape."""
        y_pred = ops.convert_to_tensor(y_pred, self.dtype)
        if not self._kf.built:
            _build(self, tuple(y_pred.shape))
        if self.from_logits:
            y_pred = ops.sigmoid(y_pred)
        if self.label_weights is not None and not self.multi_label:
            weights = ops.ones_like(y_pred) * ops.convert_to_tensor(self.label_weights, self.dtype)
            if sample_weight is not None:
                own = ops.convert_to_tensor(sample_weight, self.dtype)
                weights = weights * ops.reshape(own, (*own.shape, *(1,) * (len(y_pred.shape) - len(own.shape))))
            sample_weight = weights
        state = self._kf
        added = counts.count(
            y_true, y_pred, state.thresholds, sample_weight, labels=state.labels, dtype=sum_dtype(self)
        )
        _add_counts(self, added)

    def interpolate_pr_auc(self) -> Tensor:
        """Return the area under the precision-recall curve, where counts are interpolated between thresholds."""
        tally = _counts(self)
        tp, positives = tally.true_positives, tally.true_positives + tally.false_positives
        gained, answered = tp[:-1] - tp[1:], positives[:-1] - positives[1:]
        slope = ratio(gained, ops.maximum(answered, 0.0))
        intercept = tp[1:] - slope * positives[1:]
        both = ops.logical_and(ops.greater(positives[:-1], 0), ops.greater(positives[1:], 0))
        growth = select_where(both, ratio(positives[:-1], ops.maximum(positives[1:], 0.0)), 1.0)
        area = slope * (gained + intercept * ops.log(growth))
        return _mean_of_labels(self, ops.sum(ratio(area, ops.maximum(tp[1:] + tally.false_negatives[1:], 0.0)), axis=0))

    def result(self) -> Tensor:
        if not self._kf.built:
            return ops.zeros((), self.dtype)
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self.interpolate_pr_auc()
        x, y = _curve(self.curve, _counts(self))
        if self.summation_method == "interpolation":
            heights = (y[:-1] + y[1:]) / 2.0
        elif self.summation_method == "minoring":
            heights = ops.minimum(y[:-1], y[1:])
        else:
            heights = ops.maximum(y[:-1], y[1:])
        return _mean_of_labels(self, ops.sum((x[:-1] - x[1:]) * heights, axis=0))

    def get_config(self) -> Config:
        config = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if self.label_weights is None else self.label_weights.tolist(),
            "from_logits": self.from_logits,
        }
        if self.init_thresholds is not None:
            config["thresholds"] = self.init_thresholds
        return config


def _build(metric: AUC, shape: Sequence[int | None]) -> None:
    """Make the variables, for predictions of this shape."""
    state = metric._kf
    if not metric.multi_label:
        _make_counts(metric, (metric.num_thresholds,))
    elif len(shape) != 2 or shape[-1] is None:
        raise ShapeError(f"AUC with multi_label takes matrices (samples, labels), got {tuple(shape)}.")
    else:
        state.labels = shape[-1]
        _make_counts(metric, (metric.num_thresholds, shape[-1]))
    state.built = True


def _mean_of_labels(metric: AUC, areas: Tensor) -> Tensor:
    """Return the mean of the labels' areas, or the one area."""
    if not metric.multi_label:
        return areas
    if metric.label_weights is None:
        return ops.mean(areas)
    weights = ops.convert_to_tensor(metric.label_weights, metric.dtype)
    return ratio(ops.sum(areas * weights), ops.sum(weights))


def _curve(name: str, tally: counts.Counts) -> tuple[Tensor, Tensor]:
    """Return the coordinates of a curve's points, one for each threshold."""
    if name == "ROC":
        return 1.0 - _specificity_or_one(tally), _recall(tally)
    if name == "PR":
        return _recall(tally), _precision(tally)
    return _gains(tally)


def _gains(tally: counts.Counts) -> tuple[Tensor, Tensor]:
    """Return the recall gain (cut off at 0, where always saying yes would do) and the precision gain."""
    positives = tally.true_positives + tally.false_negatives
    odds = ratio(positives, tally.true_negatives + tally.false_positives)
    detected = ops.greater(tally.true_positives, 0)
    recall = 1.0 - odds * ratio(tally.false_negatives, tally.true_positives)
    precision = 1.0 - odds * ratio(tally.false_positives, tally.true_positives)
    silent = ops.cast(ops.equal(tally.false_positives, 0), "float32")
    return select_where(detected, ops.maximum(recall, 0.0), 0.0), select_where(detected, precision, silent)


def _specificity_or_one(tally: counts.Counts) -> Tensor:
    """Return `tn / (tn + fp)`, and 1 where there are no negatives: the false positive rate is 0 then."""
    return 1.0 - ratio(tally.false_positives, tally.true_negatives + tally.false_positives)


def _one_of(argument: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise ValueError(f"Expected `{argument}` to be one of {', '.join(known)}, got {value!r}.")
    return value

"""The metrics by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, overload

from kerasfront.metrics import (
    accuracy_metrics,
    confusion_metrics,
    correlation_metrics,
    f_score_metrics,
    iou_metrics,
    reduction_metrics,
    regression_metrics,
)
from kerasfront.metrics.metric import Metric
from kerasfront.metrics.reduction_metrics import FixedMean
from kerasfront.registry import Registry, by_name, classes_in
from kerasfront.typing import Config, MetricLike

_classes = classes_in(
    accuracy_metrics, confusion_metrics, correlation_metrics, f_score_metrics, iou_metrics, reduction_metrics,
    regression_metrics, base=Metric,
)  # fmt: skip
_short: dict[str, Callable[..., Any]] = {
    "bce": regression_metrics.BinaryCrossentropy,
    "mae": regression_metrics.MeanAbsoluteError,
    "mape": regression_metrics.MeanAbsolutePercentageError,
    "mse": regression_metrics.MeanSquaredError,
    "msle": regression_metrics.MeanSquaredLogarithmicError,
}
_registry = Registry(
    "keras.metrics",
    "metric",
    {
        **by_name(*(cls for cls in _classes if cls is not FixedMean)),
        **_short,
        **{name.upper(): cls for name, cls in _short.items()},
    },
)


def serialize(metric: Metric | Callable[..., Any]) -> Config | str | None:
    """Return the config from which `deserialize` makes an equal metric; for a function its name."""
    config: Config | str | None = _registry.serialize(metric)
    return config


def deserialize(
    config: str | Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Metric | Callable[..., Any]:
    """Make a metric from its config, or return the class or function of a name; `custom_objects` are the user's own."""
    made: Metric | Callable[..., Any] = _registry.deserialize(config, custom_objects)
    return made


@overload
def get(identifier: None) -> None: ...
@overload
def get(identifier: MetricLike) -> Metric | Callable[..., Any]: ...
def get(identifier: MetricLike | None) -> Metric | Callable[..., Any] | None:
    """Return a metric from its name ("mse", "AUC"), its class, its config, or a function; None for None.

    Raises:
        UnknownNameError: Nothing has the name.
        ValueError: `identifier` is none of these.

    >>> import kerasfront as keras
    >>> keras.metrics.get("mse").name
    'mean_squared_error'
    """
    metric: Metric | Callable[..., Any] | None = _registry.get(
        identifier, lambda candidate: isinstance(candidate, Metric) or callable(candidate)
    )
    return metric

"""Watching one metric: whether smaller or larger is better, and whether it improved."""

import warnings
from typing import Any

from kerasfront.callbacks.callback import Callback, Logs
from kerasfront.errors import UnknownNameError, suggest

_MODES = ("auto", "min", "max")
# Words in a metric's name that say which way is better, for metrics that don't say it themselves.
_LARGER = ("acc", "auc", "precision", "recall", "score", "iou", "similarity", "specificity", "sensitivity")
_SMALLER = ("loss", "error", "entropy", "divergence", "hinge", "poisson", "logcosh", "perplexity")
_LARGER_NAMES = ("f1", "r2", "dice", "bleu")
_SMALLER_NAMES = ("mse", "mae", "mape", "msle", "rmse")


class MonitorCallback(Callback):
    """The base of callbacks that compare a metric from epoch to epoch.

    Args:
        monitor: The name of the metric in the logs.
        mode: "min", "max", or "auto": the metric object says which, else its name.
        initial_value_threshold: What the first value must beat; None: nothing.
        min_delta: The least difference that counts as an improvement.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        initial_value_threshold: float | None = None,
        min_delta: float = 0,
    ) -> None:
        super().__init__()
        if mode not in _MODES:
            warnings.warn(
                f'{type(self).__name__}: `mode` must be "auto", "min" or "max"; {mode!r} came, and "auto" '
                f"is used.{suggest(mode, _MODES)}",
                stacklevel=3,
            )
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best = initial_value_threshold
        self.min_delta = abs(min_delta)
        self._sign: int | None = None

    def _is_improvement(self, value: float, reference: float | None) -> bool:
        if self._sign is None:
            self._sign = self._direction()
        return reference is None or self._sign * (value - reference) > self.min_delta

    def _direction(self) -> int:
        """1 where larger is better, -1 where smaller is."""
        if self.mode != "auto":
            return 1 if self.mode == "max" else -1
        direction = _said_by_metric(self.model, self.monitor) or _said_by_name(self.monitor)
        if direction is None:
            raise UnknownNameError(
                f"{type(self).__name__}(monitor={self.monitor!r}) can't tell whether smaller or larger is better.",
                hint='Say mode="min" or mode="max".',
            )
        return direction

    def _current(self, logs: Logs | None) -> float | None:
        """The monitored value; a warning and None where the logs don't have it."""
        logs = logs or {}
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(
                f"{type(self).__name__} monitors {self.monitor!r}, which isn't in the logs. They have: "
                f"{', '.join(logs) or 'nothing'}.{suggest(self.monitor, logs)}",
                stacklevel=4,
            )
        return value


def _said_by_metric(model: Any, monitor: str) -> int | None:
    name = monitor.removeprefix("val_")
    if name == "loss":
        return -1
    for metric in getattr(model, "metrics", None) or ():
        for one in [metric, *(getattr(metric, "metrics", None) or ())]:
            if getattr(one, "name", None) == name and getattr(one, "_direction", None):
                return {"up": 1, "down": -1}.get(one._direction)
    return None


def _said_by_name(monitor: str) -> int | None:
    name = monitor.removeprefix("val_").lower()
    parts = name.split("_")
    if any(word in name for word in _SMALLER) or any(part in _SMALLER_NAMES for part in parts):
        return -1
    if any(word in name for word in _LARGER) or any(part in _LARGER_NAMES for part in parts):
        return 1
    return None

"""Watching one metric: whether smaller or larger is better, and whether it improved."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

from kerasfront.callbacks.callback import Callback, Logs
from kerasfront.callbacks.state import CallbackState
from kerasfront.errors import UnknownNameError, suggest

_MODES = ("auto", "min", "max")
# Words in a metric's name that say which way is better, for metrics that don't say it themselves.
_LARGER = ("acc", "auc", "precision", "recall", "score", "iou", "similarity", "specificity", "sensitivity")
_SMALLER = ("loss", "error", "entropy", "divergence", "hinge", "poisson", "logcosh", "perplexity")
_LARGER_NAMES = ("f1", "r2", "dice", "bleu")
_SMALLER_NAMES = ("mse", "mae", "mape", "msle", "rmse")


class MonitorState(CallbackState):
    """The state of a `MonitorCallback`."""

    # 1 where larger is better, -1 where smaller is; None until a value is compared first.
    sign: int | None = None


class MonitorCallback(Callback):
    """The base of callbacks that compare a metric from epoch to epoch.

    Args:
        monitor: The name of the metric in the logs.
        mode: "min", "max", or "auto": the metric object says which, else its name.
        initial_value_threshold: What the first value must beat; None: nothing.
        min_delta: The least difference that counts as an improvement.
    """

    _kf: MonitorState
    _kf_state: ClassVar[type[MonitorState]] = MonitorState
    best: float | None

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
        self.min_delta: float = abs(min_delta)


def is_improvement(callback: MonitorCallback, value: float, reference: float | None) -> bool:
    """Return whether a value is better than another, which may be None for none."""
    state = callback._kf
    if state.sign is None:
        state.sign = _direction(callback)
    return reference is None or state.sign * (value - reference) > callback.min_delta


def current_value(callback: MonitorCallback, logs: Logs | None) -> float | None:
    """Return the monitored value; where the logs don't have it, warn and return None."""
    logs = logs or {}
    value: float | None = logs.get(callback.monitor)
    if value is None:
        warnings.warn(
            f"{type(callback).__name__} monitors {callback.monitor!r}, which isn't in the logs. They have: "
            f"{', '.join(logs) or 'nothing'}.{suggest(callback.monitor, logs)}",
            stacklevel=4,
        )
    return value


def _direction(callback: MonitorCallback) -> int:
    """Return 1 where larger is better, and -1 where smaller is."""
    if callback.mode != "auto":
        return 1 if callback.mode == "max" else -1
    direction = _said_by_metric(callback.model, callback.monitor) or _said_by_name(callback.monitor)
    if direction is None:
        raise UnknownNameError(
            f"{type(callback).__name__}(monitor={callback.monitor!r}) can't tell whether smaller or larger is better.",
            hint='Say mode="min" or mode="max".',
        )
    return direction


def _said_by_metric(model: Any, monitor: str) -> int | None:
    name = monitor.removeprefix("val_")
    if name == "loss":
        return -1
    for metric in getattr(model, "metrics", None) or ():
        for one in [metric, *(getattr(metric, "metrics", None) or ())]:
            if getattr(one, "name", None) == name:
                # A user's metric may say it by Keras's name for it.
                for attribute in ("_direction", "_kf_direction"):
                    if (direction := getattr(one, attribute, None)) in ("up", "down"):
                        return 1 if direction == "up" else -1
    return None


def _said_by_name(monitor: str) -> int | None:
    name = monitor.removeprefix("val_").lower()
    parts = name.split("_")
    if any(word in name for word in _SMALLER) or any(part in _SMALLER_NAMES for part in parts):
        return -1
    if any(word in name for word in _LARGER) or any(part in _LARGER_NAMES for part in parts):
        return 1
    return None

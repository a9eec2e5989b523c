"""Changing the learning rate between epochs."""

import inspect
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from kerasfront import console
from kerasfront.arguments import as_float, as_int, names_of, unknown_argument
from kerasfront.callbacks.callback import Callback, Logs
from kerasfront.callbacks.monitor import MonitorCallback, current_value, is_improvement


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch, and logs it as `learning_rate` at the end.

    Args:
        schedule: Takes the epoch (from 0) and the learning rate so far, or the epoch alone, and returns the
            new learning rate.
        verbose: 1 says what is set.

    Raises:
        ValueError: The model's optimizer has no learning rate, or the schedule returned no number.

    Example:
        >>> from types import SimpleNamespace
        >>> halve = LearningRateScheduler(lambda epoch, lr: lr / 2)
        >>> halve.set_model(SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.5)))
        >>> halve.on_epoch_begin(0)
        >>> halve.model.optimizer.learning_rate
        0.25
    """

    def __init__(self, schedule: Callable[..., Any], verbose: int | bool = 0) -> None:
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose
        _takes_two(schedule)  # raises a TypeError for what can't be called

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        rate = _learning_rate(self)
        rate = _checked(self.schedule(epoch, rate) if _takes_two(self.schedule) else self.schedule(epoch))
        self.model.optimizer.learning_rate = rate
        if self.verbose > 0:
            console.announce(f"Epoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = _learning_rate(self)


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by a factor when a metric hasn't improved for some epochs.

    Args:
        monitor: The metric's name in the logs.
        factor: Below 1.
        patience: The number of epochs without improvement after which the rate is reduced.
        verbose: 1 says so when it is.
        mode: "min", "max", or "auto" (found from the metric).
        min_delta: The least change that counts as an improvement.
        cooldown: The number of epochs after a reduction that aren't watched.
        min_lr: The rate isn't reduced below this.
        **kwargs: `epsilon`, the old name of `min_delta`.

    Raises:
        ValueError: `factor` is 1 or more; the optimizer has no learning rate; or mode is "auto" and the
            metric doesn't say which way is better.

    Example:
        >>> from types import SimpleNamespace
        >>> reduce = ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1)
        >>> reduce.set_model(SimpleNamespace(optimizer=SimpleNamespace(learning_rate=1.0)))
        >>> for epoch, loss in enumerate([2.0, 1.0, 1.0]):
        ...     reduce.on_epoch_end(epoch, {"loss": loss})
        >>> reduce.model.optimizer.learning_rate
        0.5
    """

    cooldown_counter: int
    wait: int

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int | bool = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **kwargs: Any,
    ) -> None:
        min_delta = as_float(kwargs.pop("epsilon", min_delta), "min_delta", "ReduceLROnPlateau")
        if kwargs:
            raise unknown_argument("ReduceLROnPlateau", kwargs, names_of(ReduceLROnPlateau))
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau: `factor` must be below 1; {factor} came.")
        self.factor = factor
        self.min_lr = min_lr
        self.patience: int = as_int(patience, "patience", "ReduceLROnPlateau", least=0)
        self.verbose = verbose
        self.cooldown: int = as_int(cooldown, "cooldown", "ReduceLROnPlateau", least=0)
        _reset(self)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        _reset(self)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        rate = _learning_rate(self)
        if logs is not None:
            logs["learning_rate"] = rate
        current = current_value(self, logs)
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if is_improvement(self, current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                _reduce(self, epoch, rate)

    def in_cooldown(self) -> bool:
        """Return whether the epochs after a reduction that aren't watched still run."""
        return self.cooldown_counter > 0


def _reset(callback: ReduceLROnPlateau) -> None:
    """Forget what earlier trainings reached."""
    callback.best = None
    callback.cooldown_counter = 0
    callback.wait = 0


def _reduce(callback: ReduceLROnPlateau, epoch: int, rate: float) -> None:
    """Multiply the learning rate by the factor, unless it is as low as it may be."""
    # float32 rates come back a little off, and shouldn't count as above the minimum for that.
    if rate <= np.float32(callback.min_lr):
        return
    rate = max(rate * callback.factor, callback.min_lr)
    callback.model.optimizer.learning_rate = rate
    if callback.verbose > 0:
        console.announce(f"Epoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {rate}.")
    callback.cooldown_counter = callback.cooldown
    callback.wait = 0


def _learning_rate(callback: Callback) -> float:
    optimizer: Any = getattr(callback.model, "optimizer", None)
    if not hasattr(optimizer, "learning_rate"):
        name = type(callback).__name__
        raise ValueError(f"{name}: the model's optimizer has no `learning_rate`; it is {optimizer!r}.")
    return float(optimizer.learning_rate)


def _checked(rate: Any) -> float:
    is_number = isinstance(rate, numbers.Real) and not isinstance(rate, bool)
    if not is_number and (isinstance(rate, (str, bytes, bool)) or not hasattr(rate, "__float__")):
        raise ValueError(f"LearningRateScheduler: `schedule` must return a number; {rate!r} came.")
    return float(rate)


def _takes_two(schedule: Callable[..., Any]) -> bool:
    """Return whether a schedule takes the learning rate after the epoch."""
    if not callable(schedule):
        raise TypeError(f"LearningRateScheduler: `schedule` must be callable; {schedule!r} came.")
    try:
        parameters = inspect.signature(schedule).parameters.values()
    except ValueError:  # a builtin without a signature
        return False
    kinds = [parameter.kind for parameter in parameters]
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return inspect.Parameter.VAR_POSITIONAL in kinds or sum(kind in positional for kind in kinds) >= 2

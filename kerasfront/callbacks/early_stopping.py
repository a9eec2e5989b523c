"""Stopping when a metric no longer improves."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasfront import console
from kerasfront.arguments import as_int
from kerasfront.callbacks.callback import Logs
from kerasfront.callbacks.monitor import MonitorCallback, current_value, is_improvement


class EarlyStopping(MonitorCallback):
    """Stops training when a metric hasn't improved for some epochs.

    Args:
        monitor: The metric's name in the logs.
        min_delta: The least change that counts as an improvement.
        patience: The number of epochs without improvement after which training stops.
        verbose: 1 says so when it stops or restores weights.
        mode: "min", "max", or "auto" (found from the metric).
        baseline: A value that the metric must reach too: until it has, better values don't renew the
            patience.
        restore_best_weights: Whether the model ends with the weights of its best epoch; they are kept in
            memory.
        start_from_epoch: Epochs before this one aren't watched.

    Raises:
        ValueError: With mode "auto" and a metric that doesn't say which way is better.

    Example:
        >>> stop = EarlyStopping(monitor="loss", patience=2)
        >>> stop.set_model(type("Model", (), {"stop_training": False})())
        >>> for epoch, loss in enumerate([3.0, 2.0, 2.5, 2.1]):
        ...     stop.on_epoch_end(epoch, {"loss": loss})
        >>> stop.model.stop_training, stop.best, stop.stopped_epoch
        (True, 2.0, 3)
    """

    wait: int
    stopped_epoch: int
    best_epoch: int
    best_weights: list[np.ndarray[Any, Any]] | None

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int | bool = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience: int = as_int(patience, "patience", "EarlyStopping", least=0)
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch: int = as_int(start_from_epoch, "start_from_epoch", "EarlyStopping", least=0)
        _reset(self)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        _reset(self)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            # Also where no epoch is ever an improvement (NaN), there is something to restore.
            _keep(self, epoch)
        self.wait += 1
        if is_improvement(self, current, self.best):
            self.best = current
            _keep(self, epoch)
            if self.baseline is None or is_improvement(self, current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            console.announce(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                epoch = self.best_epoch + 1
                console.announce(f"Restoring model weights from the end of the best epoch: {epoch}.")
            self.model.set_weights(self.best_weights)

    def get_monitor_value(self, logs: Logs | None) -> float | None:
        """Return the monitored value; where the logs don't have it, warn and return None."""
        return current_value(self, logs)


def _reset(callback: EarlyStopping) -> None:
    """Forget what earlier trainings reached."""
    callback.wait = 0
    callback.stopped_epoch = 0
    callback.best = None
    callback.best_epoch = 0
    callback.best_weights = None


def _keep(callback: EarlyStopping, epoch: int) -> None:
    """Keep an epoch, and its weights where they are to be restored, as the best."""
    callback.best_epoch = epoch
    if callback.restore_best_weights:
        callback.best_weights = callback.model.get_weights()

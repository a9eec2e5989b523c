"""The progress bar as a callback."""

from __future__ import annotations

from typing import Any

from kerasfront import console
from kerasfront.callbacks.callback import Callback, LateLogs, takes_late_logs
from kerasfront.callbacks.state import CallbackState
from kerasfront.console.progbar import Progbar

# Each drawing reads the metrics from the device, so there are only a few in a second.
_INTERVAL = 0.2


class ProgbarState(CallbackState):
    """The state of a `ProgbarLogger`."""

    # Whether `fit` is running: then what is evaluated is part of its line.
    in_fit: bool = False


class ProgbarLogger(Callback):
    """Shows progress and metrics; `fit`, `evaluate` and `predict` add one unless `verbose=0`.

    With `verbose=2` (which "auto" means in a log or a pipe) there is one line an epoch, with its number in
    front; Keras writes the number into a line of its own. The metrics are those of the epoch so far; Keras
    averages these running means once more until the last batch.

    Example:
        >>> bar = ProgbarLogger()
        >>> bar.set_params({"verbose": 0, "epochs": 1, "steps": 2})
        >>> bar.on_train_begin(); bar.on_epoch_begin(0); bar.on_train_batch_end(0, {"loss": 1.0})
        >>> bar.seen
        1
    """

    _kf: ProgbarState
    _kf_state = ProgbarState

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0
        self.target: int | None = None
        self.epochs: int = 1
        self.verbose: int = 1
        self.progbar: Progbar | None = None

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params(params)
        self.verbose = console.resolve_verbose(params.get("verbose", 1))
        self.epochs = params.get("epochs", 1)
        self.target = params.get("steps")

    def on_train_begin(self, logs: LateLogs = None) -> None:
        self._kf.in_fit = True

    def on_train_end(self, logs: LateLogs = None) -> None:
        self._kf.in_fit = False

    def on_epoch_begin(self, epoch: int, logs: LateLogs = None) -> None:
        title = f"Epoch {epoch + 1}/{self.epochs}" if self.epochs > 1 else ""
        if title and self.verbose == 1:
            console.write(f"{title}\n")
        _start(self, title)

    def on_test_begin(self, logs: LateLogs = None) -> None:
        if not self._kf.in_fit:
            _start(self)

    def on_predict_begin(self, logs: LateLogs = None) -> None:
        _start(self)

    @takes_late_logs
    def on_train_batch_end(self, batch: int, logs: LateLogs = None) -> None:
        _update(self, batch + 1, logs)

    @takes_late_logs
    def on_test_batch_end(self, batch: int, logs: LateLogs = None) -> None:
        if not self._kf.in_fit:
            _update(self, batch + 1, logs)

    @takes_late_logs
    def on_predict_batch_end(self, batch: int, logs: LateLogs = None) -> None:
        _update(self, batch + 1, None)

    def on_epoch_end(self, epoch: int, logs: LateLogs = None) -> None:
        _finish(self, logs)

    def on_test_end(self, logs: LateLogs = None) -> None:
        if not self._kf.in_fit:
            _finish(self, logs)

    def on_predict_end(self, logs: LateLogs = None) -> None:
        _finish(self, None)


def _start(logger: ProgbarLogger, title: str = "") -> None:
    logger.seen = 0
    # No name is "stateless": the logs are running means already.
    logger.progbar = Progbar(
        logger.target, verbose=logger.verbose, interval=_INTERVAL, stateless_metrics=(), unit_name="step"
    )
    logger.progbar.title = title


def _update(logger: ProgbarLogger, seen: int, logs: LateLogs) -> None:
    if logger.progbar is None:
        _start(logger)
    assert logger.progbar is not None
    logger.seen = seen
    logger.progbar.update(seen, logs, finalize=False)


def _finish(logger: ProgbarLogger, logs: LateLogs) -> None:
    if logger.progbar is None:
        return
    if logger.target is None:
        logger.progbar.target = logger.seen
    logger.progbar.update(logger.seen, logs, finalize=True)
    logger.progbar = None

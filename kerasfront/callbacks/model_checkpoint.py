"""Saving the model while it trains."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from kerasfront import console, files
from kerasfront.arguments import wrong
from kerasfront.callbacks.callback import Logs
from kerasfront.callbacks.monitor import MonitorCallback, MonitorState, current_value, is_improvement
from kerasfront.errors import SavingError, suggest
from kerasfront.saving import formats


def check_save_freq(owner: str, save_freq: int | str, argument: str = "save_freq") -> None:
    """Raise a ValueError unless `save_freq` is "epoch" or a positive int."""
    if save_freq != "epoch" and (type(save_freq) is not int or save_freq < 1):
        raise wrong(argument, owner, '"epoch" or a positive number of batches', save_freq)


class BatchCounter:
    """Counts batches over epochs, and says when so many have passed.

    Args:
        every: The number of batches; a string: never.

    Example:
        >>> counter = BatchCounter(2)
        >>> [counter.is_due(batch) for batch in (0, 1, 2, 0, 1)]
        [False, True, False, True, False]
    """

    def __init__(self, every: int | str) -> None:
        self._every = every
        self._passed = 0
        self._last = -1

    def is_due(self, batch: int) -> bool:
        """Count a batch, and return whether a save is due; several batches may have passed since the last call."""
        self._passed += batch - self._last if batch > self._last else batch + 1
        self._last = batch
        if isinstance(self._every, str) or self._passed < self._every:
            return False
        self._passed = 0
        return True


def _check_extension(filepath: str, save_weights_only: bool) -> None:
    """Raise a SavingError unless one file of a known format can be written under this name."""
    task: formats.Task = "save_weights" if save_weights_only else "save_model"
    file_format = formats.format_for(Path(filepath), task)
    if file_format is None or file_format.is_sharded:
        able = [e for f in formats.FORMATS if not f.is_sharded for e in f.extensions if getattr(f, task) is not None]
        what = "with save_weights_only=True" if save_weights_only else "for a whole model"
        raise SavingError(f"ModelCheckpoint: {what}, `filepath` must end in {formats.listed(able)}; {filepath!r} came.")


class CheckpointState(MonitorState):
    """The state of a `ModelCheckpoint`."""

    counter: BatchCounter
    # The epoch that is running.
    epoch: int = 0


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, after epochs or every so many batches.

    A file appears whole or not at all: it is written beside its place and then moved there.

    Args:
        filepath: The path of the file. It may hold `{epoch}`, `{batch}` (both counted from 1) and names of the logs
            with a format, such as "{epoch:02d}-{val_loss:.2f}.keras". It ends in .keras or, for a Sequential or
            functional model, in .h5; with `save_weights_only` in .weights.h5 or .safetensors.
        monitor: The metric that `save_best_only` compares.
        verbose: 1 says what is saved.
        save_best_only: Saves only when the metric is better than it ever was.
        save_weights_only: Saves the weights without the architecture.
        mode: "min", "max", or "auto" (found from the metric).
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: What the first value must beat.

    Raises:
        ValueError: The extension or `save_freq` is wrong.
        KeyError: `filepath` names something that the logs don't have.

    Example:
        >>> checkpoint = ModelCheckpoint("{epoch:02d}-{val_loss:.2f}.keras")
        >>> checkpoint.path_for(epoch=0, batch=None, logs={"val_loss": 0.125})
        '01-0.12.keras'
    """

    _kf: CheckpointState
    _kf_state = CheckpointState

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int | bool = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: int | str = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath: str = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        check_save_freq("ModelCheckpoint", save_freq)
        _check_extension(self.filepath, save_weights_only)
        self._kf.counter = BatchCounter(save_freq)

    def _kf_idle_hooks(self) -> Iterable[Callable[..., None]]:
        if self.save_freq == "epoch":
            return (ModelCheckpoint.on_train_batch_end,)
        return (ModelCheckpoint.on_epoch_end,)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._kf.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._kf.counter.is_due(batch):
            _save(self, self._kf.epoch, batch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            _save(self, epoch, None, logs or {})

    def path_for(self, epoch: int, batch: int | None, logs: Logs) -> str:
        """Return the path with the epoch, the batch and the logs filled in."""
        fields = {**logs, "epoch": epoch + 1}
        if batch is not None:
            fields["batch"] = batch + 1
        try:
            return self.filepath.format(**fields)
        except KeyError as error:
            name = error.args[0]
            raise KeyError(
                f"ModelCheckpoint: filepath {self.filepath!r} names {name!r}, but there are only "
                f"{', '.join(fields)}.{suggest(name, fields)}"
            ) from error


def _save(callback: ModelCheckpoint, epoch: int, batch: int | None, logs: Logs) -> None:
    """Save the model, unless only the best one is wanted and this isn't it; `batch` is None after an epoch."""
    path = callback.path_for(epoch, batch, logs)
    if not callback.save_best_only:
        _announce(callback, f"Epoch {epoch + 1}: saving model to {path}")
        _write(callback, path)
        return
    current = current_value(callback, logs)
    if current is None:
        return
    name, best = callback.monitor, callback.best
    if is_improvement(callback, current, best):
        before = "nothing" if best is None else f"{best:.5f}"
        _announce(
            callback, f"Epoch {epoch + 1}: {name} improved from {before} to {current:.5f}, saving model to {path}"
        )
        callback.best = current
        _write(callback, path)
    else:
        _announce(callback, f"Epoch {epoch + 1}: {name} did not improve from {best:.5f}")


def _announce(callback: ModelCheckpoint, message: str) -> None:
    if callback.verbose > 0:
        console.announce(message)


def _write(callback: ModelCheckpoint, path: str) -> None:
    if os.path.isdir(path):
        raise SavingError(f"ModelCheckpoint: {path!r} is a folder; `filepath` must name a file.")
    with files.replacing(path) as temporary:
        if callback.save_weights_only:
            callback.model.save_weights(str(temporary), overwrite=True)
        else:
            callback.model.save(str(temporary), overwrite=True)

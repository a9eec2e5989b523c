"""Going on after an interruption."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

from kerasfront import files
from kerasfront.callbacks.callback import Callback, Logs
from kerasfront.callbacks.model_checkpoint import BatchCounter, check_save_freq
from kerasfront.callbacks.state import CallbackState
from kerasfront.errors import NotBuiltError, SavingError
from kerasfront.saving.formats import WEIGHTS_H5

_EXTENSION = WEIGHTS_H5.extensions[0]
_WEIGHTS = f"latest{_EXTENSION}"
_METADATA = "training_metadata.json"
_PREVIOUS = ".bkp"


class BackupState(CallbackState):
    """The state of a `BackupAndRestore`."""

    counter: BatchCounter
    # The epoch that a training which is interrupted now goes on with.
    epoch: int = 0


class BackupAndRestore(Callback):
    """Keeps a backup of the training's state, from which a `fit` that was interrupted goes on.

    The weights, with the optimizer's, and the epoch to go on with are written into a folder. If they
    are there when training begins, they are loaded, and `fit` begins with that epoch (this sets the
    model's state, where `fit` takes it and clears it). When training ends as planned, the folder is
    removed. An epoch that was interrupted is done again from its beginning.

    Args:
        backup_dir: The folder; one for each training.
        save_freq: "epoch", or a number of batches; then the backup within an epoch has newer weights.
        double_checkpoint: Keeps the backup before the latest too, and loads it where the latest can't be
            read.
        delete_checkpoint: Whether the folder is removed at the end.

    Raises:
        ValueError: An argument is wrong, or the model isn't built when training begins.

    Example:
        >>> backup = BackupAndRestore("backup", save_freq=100)
        >>> backup.save_freq
        100
    """

    _kf: BackupState
    _kf_state = BackupState

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: int | str = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not os.fspath(backup_dir):
            raise ValueError("BackupAndRestore: `backup_dir` must not be empty.")
        check_save_freq("BackupAndRestore", save_freq)
        self.backup_dir: str = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._kf.counter = BatchCounter(save_freq)

    def _kf_idle_hooks(self) -> Iterable[Callable[..., None]]:
        return (BackupAndRestore.on_train_batch_end,) if self.save_freq == "epoch" else ()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if not getattr(self.model, "built", True):
            raise NotBuiltError(
                "BackupAndRestore: the model must be built before fit(), to load a backup into it.",
                hint="Give it an Input, or call model.build(input_shape).",
            )
        if (metadata := _restore(self)) is not None:
            self.model._kf.initial_epoch = self._kf.epoch = int(metadata["epoch"])

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._kf.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._kf.counter.is_due(batch):
            _save(self, self._kf.epoch, batch + 1)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._kf.epoch = epoch + 1
        if self.save_freq == "epoch":
            _save(self, epoch + 1, 0)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.delete_checkpoint:
            files.remove(self.backup_dir)


def _save(callback: BackupAndRestore, epoch: int, batch: int) -> None:
    weights, metadata = _path(callback, _WEIGHTS), _path(callback, _METADATA)
    if callback.double_checkpoint and os.path.exists(weights) and os.path.exists(metadata):
        os.replace(weights, weights + _PREVIOUS)
        os.replace(metadata, metadata + _PREVIOUS)
    with files.replacing(weights) as temporary:
        callback.model.save_weights(str(temporary), overwrite=True)
    with files.replacing(metadata) as temporary:
        temporary.write_text(json.dumps({"epoch": epoch, "batch": batch}), encoding="utf-8")


def _restore(callback: BackupAndRestore) -> dict[str, Any] | None:
    """Load the latest backup that is whole; return its metadata, or None where there is none."""
    failure: Exception | None = None
    for suffix in ("", _PREVIOUS):
        weights, metadata = _path(callback, _WEIGHTS + suffix), _path(callback, _METADATA + suffix)
        if not (os.path.exists(weights) and os.path.exists(metadata)):
            continue
        try:
            return _load(callback, weights, metadata)
        except (OSError, ValueError, KeyError) as error:
            failure = error
    if failure is not None:
        raise SavingError(
            f"BackupAndRestore: the backup in {callback.backup_dir!r} can't be loaded: {failure}",
            hint="Remove the folder to begin anew; was it made by another model?",
        ) from failure
    return None


def _load(callback: BackupAndRestore, weights: str, metadata: str) -> dict[str, Any]:
    with open(metadata, encoding="utf-8") as file:
        state: dict[str, Any] = json.load(file)
    if weights.endswith(_PREVIOUS):
        # The loader goes by the extension.
        with_extension = _path(callback, "previous.weights.h5")
        os.replace(weights, with_extension)
        try:
            callback.model.load_weights(with_extension)
        finally:
            os.replace(with_extension, weights)
    else:
        callback.model.load_weights(weights)
    int(state["epoch"])
    return state


def _path(callback: BackupAndRestore, name: str) -> str:
    return os.path.join(callback.backup_dir, name)

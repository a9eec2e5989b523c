"""Logs for TensorBoard, written by the `tensorboard` package; TensorFlow isn't needed."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from kerasfront.callbacks.callback import Callback, Logs
from kerasfront.callbacks.event_writer import EventWriter
from kerasfront.callbacks.model_checkpoint import BatchCounter, check_save_freq
from kerasfront.callbacks.state import CallbackState

_EMBEDDINGS = "projector_config.pbtxt"


class TensorBoardState(CallbackState):
    """The state of a `TensorBoard`."""

    counter: BatchCounter
    writers: dict[str, EventWriter]
    # Batches so far, in all epochs; the last batch of this epoch; evaluations so far.
    steps: int = 0
    last_batch: int = -1
    test_runs: int = 0
    # The time, and the number of steps, when the epoch, and the latest stretch of batches, began.
    epoch_began: tuple[float, int] = (0.0, 0)
    batch_began: tuple[float, int] = (0.0, 0)

    def __init__(self) -> None:
        self.writers = {}


class TensorBoard(Callback):
    """Writes metrics, and on request weights, images of weights and embeddings, for TensorBoard to show.

    `tensorboard --logdir logs` shows them: metrics of training in the run "train", those of validation in
    "validation".

    Args:
        log_dir: The folder.
        histogram_freq: Every how many epochs the weights' histograms are written; 0: never.
        write_graph: Writes the model's layers for the graph page, where the model can be described in JSON.
        write_images: Writes the weights as images with their histograms.
        write_steps_per_second: Writes the speed too.
        update_freq: "epoch", "batch", or a number of batches: how often the metrics within an epoch are
            written.
        profile_batch: Must be 0. The frameworks' own profilers write for TensorBoard.
        embeddings_freq: Every how many epochs the weights of Embedding layers are written; 0: never.
        embeddings_metadata: The path of a file with a label for each row, or a dict of such paths by layer
            name.

    Raises:
        ImportError: The `tensorboard` package isn't installed.
        ValueError: `profile_batch` or `update_freq` is wrong.

    Example:
        >>> TensorBoard("logs", update_freq=100).update_freq
        100
    """

    _kf: TensorBoardState
    _kf_state = TensorBoardState

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: int | str = "epoch",
        profile_batch: int | tuple[int, int] = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: str | dict[str, str] | None = None,
    ) -> None:
        super().__init__()
        if profile_batch not in (0, (0, 0), [0, 0], None):
            raise ValueError(
                f"TensorBoard: `profile_batch` must be 0; {profile_batch!r} came. Use the framework's own "
                "profiler (torch.profiler, jax.profiler or tf.profiler); all of them write for TensorBoard."
            )
        if update_freq != "batch":
            check_save_freq("TensorBoard", update_freq, "update_freq")
        self.log_dir: str = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq: int | str = 1 if update_freq == "batch" else update_freq
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self._kf.counter = BatchCounter(self.update_freq)

    @property
    def summary(self) -> EventWriter:
        """The writer of the run "train", for what a program wants to add."""
        return _writer(self, "train")

    def _kf_idle_hooks(self) -> Iterable[Callable[..., None]]:
        needed = self.update_freq != "epoch" or self.write_steps_per_second
        return () if needed else (TensorBoard.on_train_batch_end,)

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        _close(self)
        if self.write_graph and getattr(model, "built", True):
            _write_graph(self)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._kf.steps = 0
        self._kf.batch_began = (time.perf_counter(), 0)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._kf.last_batch = -1
        self._kf.epoch_began = (time.perf_counter(), self._kf.steps)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._kf.steps += batch - self._kf.last_batch if batch > self._kf.last_batch else batch + 1
        self._kf.last_batch = batch
        if self.update_freq == "epoch" or not self._kf.counter.is_due(batch):
            return
        for name, value in (logs or {}).items():
            _writer(self, "train").scalar(f"batch_{name}", value, self._kf.steps - 1)
        if self.write_steps_per_second:
            _writer(self, "train").scalar(
                "batch_steps_per_second", _speed(self, self._kf.batch_began), self._kf.steps - 1
            )
            self._kf.batch_began = (time.perf_counter(), self._kf.steps)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        for name, value in (logs or {}).items():
            run = "validation" if name.startswith("val_") else "train"
            _writer(self, run).scalar(f"epoch_{name.removeprefix('val_')}", value, epoch)
        if self.write_steps_per_second:
            _writer(self, "train").scalar("epoch_steps_per_second", _speed(self, self._kf.epoch_began), epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            _write_weights(self, epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            _write_embeddings(self, epoch)
        for writer in self._kf.writers.values():
            writer.flush()

    def on_test_end(self, logs: Logs | None = None) -> None:
        optimizer = getattr(self.model, "optimizer", None)
        step = int(getattr(optimizer, "iterations", None) or self._kf.test_runs)
        for name, value in (logs or {}).items():
            _writer(self, "validation").scalar(f"evaluation_{name}_vs_iterations", value, step)
        self._kf.test_runs += 1

    def on_train_end(self, logs: Logs | None = None) -> None:
        _close(self)


# ---- what is written ----------------------------------------------------------------------------------------------


def _writer(board: TensorBoard, run: str) -> EventWriter:
    if run not in board._kf.writers:
        board._kf.writers[run] = EventWriter(os.path.join(board.log_dir, run))
    return board._kf.writers[run]


def _close(board: TensorBoard) -> None:
    for writer in board._kf.writers.values():
        writer.close()
    board._kf.writers = {}


def _speed(board: TensorBoard, since: tuple[float, int]) -> float:
    began, steps = since
    return (board._kf.steps - steps) / max(time.perf_counter() - began, 1e-9)


def _write_graph(board: TensorBoard) -> None:
    try:
        description = board.model.to_json()
    except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
        warnings.warn(f"TensorBoard: the model's graph can't be written: {error}", stacklevel=3)
        return
    _writer(board, "train").keras_graph(description)


def _write_weights(board: TensorBoard, epoch: int) -> None:
    for layer in board.model.layers:
        for variable, value in zip(layer.weights, layer.get_weights(), strict=True):
            name = variable.path
            _writer(board, "train").histogram(f"{name}/histogram", value, epoch)
            if board.write_images:
                _writer(board, "train").image(f"{name}/image", _as_picture(np.asarray(value)), epoch)


def _write_embeddings(board: TensorBoard, epoch: int) -> None:
    """Write tables of the weights beside the file that tells the projector page where they are."""
    folder = Path(board.log_dir, "train")
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for layer in board.model.layers:
        if hasattr(layer, "embeddings"):
            table = f"{layer.name}-{epoch}.tsv"
            np.savetxt(folder / table, np.asarray(layer.get_weights()[0], "float32"), delimiter="\t")
            entries.append(_projector_entry(layer.name, table, _labels_of(board, layer.name)))
    (folder / _EMBEDDINGS).write_text("".join(entries), encoding="utf-8")


def _labels_of(board: TensorBoard, layer: str) -> str | None:
    if isinstance(board.embeddings_metadata, dict):
        return board.embeddings_metadata.get(layer)
    return board.embeddings_metadata


def _as_picture(values: np.ndarray) -> np.ndarray:
    """Return weights as one grey picture (height, width): a row for each input, dark the smallest."""
    rows = np.asarray(values, dtype="float64").reshape(-1, values.shape[-1] if values.ndim else 1)
    low, high = np.nanmin(rows, initial=np.inf), np.nanmax(rows, initial=-np.inf)
    spread = high - low if high > low else 1.0
    return np.asarray(np.nan_to_num((rows - low) / spread * 255), dtype="uint8")


def _projector_entry(layer: str, table: str, labels: str | None) -> str:
    lines = [f'tensor_name: "{layer}"', f'tensor_path: "{table}"']
    if labels is not None:
        lines.append(f'metadata_path: "{labels}"')
    body = "".join(f"  {line}\n" for line in lines)
    return f"embeddings {{\n{body}}}\n"

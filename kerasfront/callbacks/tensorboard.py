"""Logs for TensorBoard, written by the `tensorboard` package; TensorFlow isn't needed."""

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

_EMBEDDINGS = "projector_config.pbtxt"


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
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self._writers: dict[str, EventWriter] = {}
        self._counter = BatchCounter(self.update_freq)
        self._steps = 0
        self._last_batch = -1
        self._test_runs = 0
        self._epoch_began = (0.0, 0)
        self._batch_began = (0.0, 0)

    @property
    def summary(self) -> EventWriter:
        """The writer of the run "train", for what a program wants to add."""
        return self._writer("train")

    def _idle_hooks(self) -> Iterable[Callable[..., None]]:
        needed = self.update_freq != "epoch" or self.write_steps_per_second
        return () if needed else (TensorBoard.on_train_batch_end,)

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        self._close()
        if self.write_graph and getattr(model, "built", True):
            self._write_graph()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._steps = 0
        self._batch_began = (time.perf_counter(), 0)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._last_batch = -1
        self._epoch_began = (time.perf_counter(), self._steps)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._steps += batch - self._last_batch if batch > self._last_batch else batch + 1
        self._last_batch = batch
        if self.update_freq == "epoch" or not self._counter.is_due(batch):
            return
        for name, value in (logs or {}).items():
            self._writer("train").scalar(f"batch_{name}", value, self._steps - 1)
        if self.write_steps_per_second:
            self._writer("train").scalar("batch_steps_per_second", self._speed(self._batch_began), self._steps - 1)
            self._batch_began = (time.perf_counter(), self._steps)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        for name, value in (logs or {}).items():
            run = "validation" if name.startswith("val_") else "train"
            self._writer(run).scalar(f"epoch_{name.removeprefix('val_')}", value, epoch)
        if self.write_steps_per_second:
            self._writer("train").scalar("epoch_steps_per_second", self._speed(self._epoch_began), epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings(epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_test_end(self, logs: Logs | None = None) -> None:
        optimizer = getattr(self.model, "optimizer", None)
        step = int(getattr(optimizer, "iterations", None) or self._test_runs)
        for name, value in (logs or {}).items():
            self._writer("validation").scalar(f"evaluation_{name}_vs_iterations", value, step)
        self._test_runs += 1

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._close()

    # --- what is written ---

    def _writer(self, run: str) -> EventWriter:
        if run not in self._writers:
            self._writers[run] = EventWriter(os.path.join(self.log_dir, run))
        return self._writers[run]

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _speed(self, since: tuple[float, int]) -> float:
        began, steps = since
        return (self._steps - steps) / max(time.perf_counter() - began, 1e-9)

    def _write_graph(self) -> None:
        try:
            description = self.model.to_json()
        except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
            warnings.warn(f"TensorBoard: the model's graph can't be written: {error}", stacklevel=3)
            return
        self._writer("train").keras_graph(description)

    def _write_weights(self, epoch: int) -> None:
        for layer in self.model.layers:
            for variable, value in zip(layer.weights, layer.get_weights(), strict=True):
                name = variable.path
                self._writer("train").histogram(f"{name}/histogram", value, epoch)
                if self.write_images:
                    self._writer("train").image(f"{name}/image", _as_picture(np.asarray(value)), epoch)

    def _write_embeddings(self, epoch: int) -> None:
        """Tables of the weights beside the file that tells the projector page where they are."""
        folder = Path(self.log_dir, "train")
        folder.mkdir(parents=True, exist_ok=True)
        entries = []
        for layer in self.model.layers:
            if hasattr(layer, "embeddings"):
                table = f"{layer.name}-{epoch}.tsv"
                np.savetxt(folder / table, np.asarray(layer.get_weights()[0], "float32"), delimiter="\t")
                entries.append(_projector_entry(layer.name, table, self._labels_of(layer.name)))
        (folder / _EMBEDDINGS).write_text("".join(entries), encoding="utf-8")

    def _labels_of(self, layer: str) -> str | None:
        if isinstance(self.embeddings_metadata, dict):
            return self.embeddings_metadata.get(layer)
        return self.embeddings_metadata


def _as_picture(values: np.ndarray) -> np.ndarray:
    """Weights as one grey picture (height, width): a row for each input, dark the smallest."""
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

"""TensorBoard's event files, without TensorFlow."""

import os
import socket
import struct
import time
import zlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

_BINS = 30


class _Tensorboard(NamedTuple):
    """The parts of the `tensorboard` package that are used."""

    events: Any
    summaries: Any
    records: Any
    tensors: Any
    scalars: Any
    histograms: Any
    images: Any


class EventWriter:
    """Writes one run's events into a folder, through the record writer and messages of `tensorboard`.

    Its own event-file writer would import TensorFlow where that is installed.
    """

    def __init__(self, folder: str) -> None:
        os.makedirs(folder, exist_ok=True)
        self._tensorboard = _tensorboard()
        name = f"events.out.tfevents.{time.time_ns() // 1000}.{socket.gethostname()}.{os.getpid()}"
        self._file = open(os.path.join(folder, name), "ab")  # noqa: SIM115 (closed by close())
        self._records = self._tensorboard.records(self._file)
        self._write(file_version="brain.Event:2")

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Write a number."""
        self._tensor(tag, np.float32(value), self._tensorboard.scalars.create_summary_metadata("", ""), step)

    def histogram(self, tag: str, values: npt.ArrayLike, step: int) -> None:
        """Write the distribution of an array's values."""
        rows = _histogram(np.asarray(values, dtype="float64").reshape(-1))
        self._tensor(tag, rows, self._tensorboard.histograms.create_summary_metadata("", ""), step)

    def image(self, tag: str, picture: np.ndarray, step: int) -> None:
        """Write a picture: uint8 of shape (height, width)."""
        height, width = picture.shape
        content = np.array([str(width), str(height), _png(picture)], dtype=object)
        self._tensor(tag, content, self._tensorboard.images.create_summary_metadata("", ""), step)

    def keras_graph(self, description: str) -> None:
        """Write a model's JSON for the graph page."""
        metadata = self._tensorboard.summaries.SummaryMetadata()
        metadata.plugin_data.plugin_name = "graph_keras_model"
        metadata.plugin_data.content = b"1"
        self._tensor("keras", np.array(description.encode(), dtype=object), metadata, 0)

    def flush(self) -> None:
        """Make what was written visible to readers."""
        self._file.flush()

    def close(self) -> None:
        """End the file."""
        self._file.close()

    def _tensor(self, tag: str, values: Any, metadata: Any, step: int) -> None:
        tensor = self._tensorboard.tensors.make_tensor_proto(values)
        value = self._tensorboard.summaries.Summary.Value(tag=tag, tensor=tensor, metadata=metadata)
        self._write(step=step, summary=self._tensorboard.summaries.Summary(value=[value]))

    def _write(self, **content: Any) -> None:
        event = self._tensorboard.events.Event(wall_time=time.time(), **content)
        self._records.write(event.SerializeToString())


def _tensorboard() -> _Tensorboard:
    try:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.plugins.histogram import metadata as histograms
        from tensorboard.plugins.image import metadata as images
        from tensorboard.plugins.scalar import metadata as scalars
        from tensorboard.summary.writer.record_writer import RecordWriter
        from tensorboard.util import tensor_util
    except ImportError as error:
        raise ImportError("The TensorBoard callback needs a package: pip install tensorboard") from error
    return _Tensorboard(event_pb2, summary_pb2, RecordWriter, tensor_util, scalars, histograms, images)


def _histogram(values: np.ndarray) -> np.ndarray:
    """Return rows of (left edge, right edge, count), as the histogram page reads them."""
    values = values[np.isfinite(values)]
    if values.size == 0:
        return np.zeros((0, 3))
    counts, edges = np.histogram(values, bins=_BINS)
    return np.stack([edges[:-1], edges[1:], counts], axis=1)


def _png(picture: np.ndarray) -> bytes:
    """Return a grey 8-bit PNG file."""
    height, width = picture.shape
    # each row begins with the number of its filter, 0 for none
    raw = np.insert(picture, 0, 0, axis=1).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

"""Inputs that yield batches: PyDataset, generators, torch's DataLoader, tf.data, any iterable."""

from collections.abc import Iterator
from typing import Any

from kerasfront import interop
from kerasfront.data import py_dataset
from kerasfront.data.arrays import described
from kerasfront.data.py_dataset import PyDataset
from kerasfront.data.shuffle import permutation
from kerasfront.errors import DataError
from kerasfront.interop import INFINITE, Stream


def as_stream(x: Any, shuffle: bool, seed: int) -> Stream | None:
    """Return the stream that `x` is. None: it doesn't yield batches.

    Args:
        x: What the user gave.
        shuffle: Whether the batches of a PyDataset, which are known by index, come in random order.
        seed: The seed of that order.

    Example:
        >>> as_stream(iter([1, 2]), False, 0).kind
        'list_iterator'
        >>> as_stream({"a": 1}, False, 0) is None
        True
    """
    if isinstance(x, PyDataset):
        return _py_dataset(x, shuffle, seed)
    library = interop.library_of(x)
    if (stream := library.stream(x)) is not None:
        return stream
    if hasattr(x, "__next__"):
        return Stream(type(x).__name__, None, lambda epoch: x, restarts=False)
    is_data = isinstance(x, (str, bytes, dict, list, tuple)) or hasattr(x, "shape") or library.is_array(x)
    if not is_data and hasattr(x, "__iter__"):
        return Stream(type(x).__name__, _length(x), lambda epoch: iter(x))
    return None


def _py_dataset(dataset: PyDataset, shuffle: bool, seed: int) -> Stream:
    count = dataset.num_batches

    def start(epoch: int) -> Iterator[Any]:
        dataset.on_epoch_begin()
        current = dataset.num_batches  # it may have become longer or shorter
        order = permutation(current, seed, epoch)[0:current].tolist() if shuffle and current is not None else None
        return py_dataset.iterate(dataset, order)

    length = INFINITE if count is None else count
    name, on_epoch_end = type(dataset).__name__, dataset.on_epoch_end
    return Stream(name, length, start, on_epoch_end=on_epoch_end, ordered=shuffle, in_tuples=True)


def _length(x: Any) -> int | None:
    try:
        return len(x)
    except (TypeError, NotImplementedError):
        return None


def check_stream_arguments(stream: Stream, y: Any, sample_weight: Any, steps: int | None) -> None:
    """Raise a ValueError for arguments that can't go with a stream."""
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise DataError(
                f"`{name}` can't be given with `x` of type {stream.kind}; {described(value)} came.",
                hint="It must yield them itself: (x, y) or (x, y, sample_weight).",
            )
    if stream.length == INFINITE and steps is None:
        raise DataError(
            f"`x` ({stream.kind}) has no end, so the number of steps must be given.",
            hint="Pass steps_per_epoch or validation_steps to fit(), steps to evaluate() and predict().",
        )
    if stream.length == 0:
        raise DataError(f"The data is empty: `x` ({stream.kind}) has no batches.")

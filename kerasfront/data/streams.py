"""Inputs that yield batches: PyDataset, generators, torch's DataLoader, tf.data, any iterable."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from kerasfront.data import py_dataset
from kerasfront.data.arrays import described, is_instance
from kerasfront.data.py_dataset import PyDataset
from kerasfront.data.shuffle import permutation
from kerasfront.errors import DataError

INFINITE = -1  # as tf.data says it


class Stream(NamedTuple):
    """Something that yields batches.

    Attributes:
        kind: What an error calls it.
        length: The number of batches, `None` where it is unknown, `INFINITE` where there is no end.
        start: Begins the pass with this number, and gives its batches.
        restarts: Whether a second pass can begin.
        on_epoch_end: Called after each epoch.
        ordered: Whether the number of a pass decides on its order.
        in_tuples: Whether Keras hands over a batch that is one array in a tuple.
    """

    kind: str
    length: int | None
    start: Callable[[int], Iterator[Any]]
    restarts: bool = True
    on_epoch_end: Callable[[], None] = lambda: None
    ordered: bool = False
    in_tuples: bool = False


def as_stream(x: Any, shuffle: bool, seed: int) -> Stream | None:
    """The stream that `x` is, or None if it doesn't yield batches.

    Args:
        x: What the user gave.
        shuffle: Whether the batches of a PyDataset, which are known by index, come in random order.
        seed: For that order.

    Example:

        >>> as_stream(iter([1, 2]), False, 0).kind
        'list_iterator'
        >>> as_stream({"a": 1}, False, 0) is None
        True
    """
    if isinstance(x, PyDataset):
        return _py_dataset(x, shuffle, seed)
    if is_instance("tensorflow", "data.Dataset", x):
        return Stream("tf.data.Dataset", _cardinality(x), lambda epoch: iter(x))
    if is_instance("torch", "utils.data.DataLoader", x):
        return Stream("torch DataLoader", _length(x), lambda epoch: iter(x))
    if hasattr(x, "__next__"):
        return Stream(type(x).__name__, None, lambda epoch: x, restarts=False)
    if is_instance("torch", "utils.data.Dataset", x):
        raise DataError(
            f"`x` is a torch Dataset ({type(x).__name__}), which has no batches.",
            hint="Wrap it: torch.utils.data.DataLoader(dataset, batch_size=32).",
        )
    is_data = isinstance(x, (str, bytes, dict, list, tuple)) or hasattr(x, "shape") or hasattr(x, "__array__")
    if not is_data and hasattr(x, "__iter__"):
        return Stream(type(x).__name__, _length(x), lambda epoch: iter(x))
    return None


def _py_dataset(dataset: PyDataset, shuffle: bool, seed: int) -> Stream:
    count = dataset.num_batches

    def start(epoch: int) -> Iterator[Any]:
        dataset.on_epoch_begin()
        # it may have become longer or shorter
        now = dataset.num_batches
        order = permutation(now, seed, epoch)[0:now].tolist() if shuffle and now is not None else None
        return py_dataset.iterate(dataset, order)

    length = INFINITE if count is None else count
    name, ended = type(dataset).__name__, dataset.on_epoch_end
    return Stream(name, length, start, on_epoch_end=ended, ordered=shuffle, in_tuples=True)


def _cardinality(dataset: Any) -> int | None:
    count = int(dataset.cardinality())
    return INFINITE if count == -1 else None if count < 0 else count


def _length(x: Any) -> int | None:
    try:
        return len(x)
    except (TypeError, NotImplementedError):
        return None


def check_stream_arguments(stream: Stream, y: Any, sample_weight: Any, steps: int | None) -> None:
    """Raises a ValueError for what can't go with a stream."""
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

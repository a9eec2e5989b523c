"""Sources of batches: what users pass to fit(), evaluate() and predict(), as batches on the host.

`make_batches` finds out which kind of input came: arrays, of which rows are taken here, or something that yields
batches itself. Nothing is moved to a device, and tensors stay what they are.
"""

import itertools
import math
import secrets
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, NoReturn

import numpy as np

from kerasfront import interop, tree
from kerasfront.arguments import as_int
from kerasfront.data.arrays import (
    Column,
    as_arrays,
    check_lengths,
    in_floatx,
    make_columns,
)
from kerasfront.data.packing import pack_x_y_sample_weight, unpack_x_y_sample_weight
from kerasfront.data.py_dataset import PyDataset
from kerasfront.data.sample_weights import combine
from kerasfront.data.shuffle import permutation
from kerasfront.data.streams import as_stream, check_stream_arguments
from kerasfront.errors import DataError
from kerasfront.interop import INFINITE, ArraySpec, Rows, Stream

__all__ = [
    "BATCH_SIZE",
    "ArraySpec",
    "BatchSource",
    "Block",
    "PyDataset",
    "make_batches",
    "pack_x_y_sample_weight",
    "split_validation",
    "unpack_x_y_sample_weight",
]

# The number of rows in a batch of arrays, unless the user says another.
BATCH_SIZE = 32
_NAMES = ("x", "y", "sample_weight")
_END = object()

Batch = tuple[Any, ...]


class Block(NamedTuple):
    """Batches for one dispatch.

    Attributes:
        steps: 1, and `batch` is a plain batch; or k, and each leaf of `batch` has shape (k, batch, ...).
        batch: `(x,)`, `(x, y)` or `(x, y, sample_weight)`.
    """

    steps: int
    batch: Batch


class BatchSource:
    """The base of sources of batches, which are tuples `(x,)`, `(x, y)` or `(x, y, sample_weight)`.

    With `whole`, a batch is what a user's own step gets: a single array or dict without a tuple around it, and of a
    stream what the stream yields.

    The leaves are NumPy arrays or native tensors. Rows of arrays of floats come in `floatx()`, as in Keras: the float64
    of NumPy and pandas wouldn't match what a model returns. Everything else keeps its dtype. With `steps`, an epoch has
    that many batches, and the next epoch continues behind them. When the data ends it begins anew (Keras ends the epoch
    early there), but a generator that ends stops the training.

    Attributes:
        num_batches: The number of batches in an epoch. None: it is unknown.
        batch_size: The number of rows in a batch. None: the input decides.
        exhausted: Whether a generator ended too early, so that no further epoch is possible.
        can_prefetch: Whether another thread may make batches in advance, since no code of the user makes them.
        check_targets: Called with the targets of each batch of a stream; it raises where they are wrong.
    """

    num_batches: int | None
    batch_size: int | None
    exhausted = False
    can_prefetch = False
    check_targets: Callable[[Any], None] | None = None

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Return the batches of an epoch."""
        raise NotImplementedError

    def spec(self) -> Batch:
        """Return the first batch with an `ArraySpec` for each array.

        No batch is lost by this: a stream yields the first one again. A second call takes no other batch.
        """
        raise NotImplementedError

    def reset(self) -> None:
        """Let the next epoch begin at the beginning of the data, where that is possible."""

    def on_epoch_end(self) -> None:
        """Tell a PyDataset that an epoch of training has ended."""

    def block_size(self, most: int) -> int:
        """Return how many batches to ask of `epoch_blocks`: up to `most`, and such that few are left over."""
        return most

    def epoch_blocks(self, epoch: int, k: int) -> Iterator[Block]:
        """Return the batches of an epoch, k at a time where k of equal shapes follow each other, else singly.

        Args:
            epoch: The number of the epoch.
            k: The number of batches in a block.

        Returns:
            Blocks of `steps` k or 1. Native tensors in a stream aren't stacked.
        """
        waiting: list[Batch] = []
        for batch in self.epoch(epoch):
            if waiting and (k == 1 or not _stackable(waiting[0], batch)):
                yield from (Block(1, one) for one in waiting)
                waiting = []
            waiting.append(batch)
            if len(waiting) == k > 1:
                yield Block(k, tree.map_structure(_stack, *waiting))
                waiting = []
        yield from (Block(1, one) for one in waiting)


def make_batches(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    steps: int | None = None,
    shuffle: bool | str = True,
    class_weight: Mapping[int, float] | None = None,
    seed: int | None = None,
    for_predict: bool = False,
    first_epoch: int = 0,
    whole: bool = False,
) -> BatchSource:
    """Return a source of batches for anything that fit(), evaluate() and predict() take.

    Args:
        x: Arrays (NumPy, pandas, SciPy sparse, h5py, lists of numbers, native tensors, sparse ones too) in any
            nesting; or what yields batches: a PyDataset, a generator, a torch DataLoader, a tf.data.Dataset, an
            iterable. Batches of the backend's own sparse tensors are sparse too, and of other sparse tensors dense.
        y: The targets, where `x` is arrays.
        sample_weight: The weights of the samples, where `x` is arrays.
        batch_size: The number of rows in a batch of arrays; 32 by default.
        steps: The number of batches in an epoch; by default, as many as there are.
        shuffle: Whether rows are drawn in random order in each epoch (batches, for a PyDataset); "batch"
            keeps the rows of a batch together. Other inputs have their own order.
        class_weight: A weight for each class, multiplied into the sample weights.
        seed: The seed of that order, which is the same on each backend; by default a random one.
        for_predict: Whether batches are `(x,)` in their own order, whatever the input yields.
        first_epoch: The number of the epoch that comes first, which decides on its order.
        whole: Whether batches are what a user's own step gets. Then `for_predict` drops nothing that a stream yields.

    Raises:
        ValueError: Lengths differ, the data is empty or of a kind that no model takes, or arguments don't go
            together.

    Example:
        >>> batches = make_batches(np.arange(5.0)[:, None], [0, 1, 0, 1, 0], batch_size=2, shuffle=False)
        >>> batches.num_batches, [y.tolist() for x, y in batches.epoch(0)]
        (3, [[0, 1], [0, 1], [0]])
    """
    _check_count("batch_size", batch_size)
    _check_count("steps", steps)
    if not isinstance(shuffle, bool) and shuffle != "batch":
        raise DataError(f'`shuffle` must be True, False or "batch"; {shuffle!r} came.')
    if x is None:
        raise DataError("`x` is None; pass arrays, or something that yields batches.")
    number = secrets.randbits(64) if seed is None else seed
    shuffle = shuffle if not for_predict else False
    stream = as_stream(x, bool(shuffle), number)
    if stream is not None:
        check_stream_arguments(stream, y, sample_weight, steps)
        if batch_size is not None:
            warnings.warn(f"`batch_size` is ignored: `x` ({stream.kind}) yields batches.", stacklevel=3)
        return StreamBatches(stream, steps, class_weight, for_predict, first_epoch, whole)
    parts = (x,) if for_predict else (x, y, combine(y, sample_weight, class_weight))
    return ArrayBatches(parts, batch_size or BATCH_SIZE, steps, shuffle, number, whole)


def split_validation(parts: tuple[Any, ...], fraction: float) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Cut the last rows off arrays for validation, before anything is shuffled.

    Args:
        parts: `(x, y, sample_weight)`, any of which but `x` may be `None`.
        fraction: The part for validation, between 0 and 1.

    Returns:
        The parts for training and those for validation: views where possible.

    Raises:
        ValueError: The data isn't arrays, or one side would be empty.

    Example:
        >>> train, validation = split_validation((np.arange(4), None, None), 0.25)
        >>> train[0].tolist(), validation[0].tolist()
        ([0, 1, 2], [3])
    """
    if not 0 < fraction < 1:
        raise DataError(f"`validation_split` must be between 0 and 1; {fraction!r} came.")
    if (stream := as_stream(parts[0], False, 0)) is not None:
        raise DataError(
            f"`validation_split` works with arrays only; `x` is a {stream.kind}.",
            hint="Pass validation_data.",
        )
    table = _Table(parts, exact=True)
    count = math.floor(table.length * (1 - fraction))
    if count in (0, table.length):
        raise DataError(
            f"`validation_split={fraction}` of {table.length} rows leaves {count} for training and "
            f"{table.length - count} for validation; both need at least one."
        )
    return table.take(slice(0, count)), table.take(slice(count, table.length))


# --- arrays ---


class _Table:
    """The parts of the input as columns of one length; floats are cast to `floatx()` unless `exact` is true."""

    def __init__(self, parts: tuple[Any, ...], exact: bool = False) -> None:
        built = [make_columns(part, name) for part, name in zip(parts, _NAMES, strict=False)]
        if not exact:
            built = [(structure, [in_floatx(column) for column in columns]) for structure, columns in built]
        self._parts = built
        self.columns = [column for _, columns in built for column in columns]
        self.length = check_lengths(self.columns)
        self.take = self._taker()

    def _taker(self) -> Callable[[Rows], Batch]:
        """Return what takes rows of all columns, by a shorter way if no part is nested."""
        if all(len(columns) == 1 and not tree.is_nested(structure) for structure, columns in self._parts):
            takes = [_nothing if column is None else column.take for column in self.columns]
            return lambda rows: tuple([take(rows) for take in takes])
        return lambda rows: self._packed(lambda column: column.take(rows))

    def _packed(self, function: Callable[[Column], Any]) -> Batch:
        """Return the parts with what a function returns for each column."""
        return tuple(
            tree.pack_sequence_as(structure, [None if column is None else function(column) for column in columns])
            for structure, columns in self._parts
        )

    def take_block(self, rows: Rows, k: int, size: int) -> Batch:
        """Return k * size rows, as leaves of shape (k, size, ...)."""

        def rows_of(column: Column) -> Any:
            assert column.reshape is not None
            return column.reshape(column.take(rows), (k, size, *column.spec.shape))

        return self._packed(rows_of)

    @property
    def stacks(self) -> bool:
        """Whether several batches can be stacked to one block."""
        return all(column is None or column.reshape is not None for column in self.columns)

    def spec(self, size: int) -> Batch:
        return self._packed(lambda column: replace(column.spec, shape=(size, *column.spec.shape)))


class ArrayBatches(BatchSource):
    """Batches of rows of arrays: views where they are in order, gathered where they are shuffled."""

    can_prefetch = True

    def __init__(
        self,
        parts: tuple[Any, ...],
        batch_size: int,
        steps: int | None,
        shuffle: bool | str,
        seed: int,
        whole: bool = False,
    ) -> None:
        while len(parts) > 1 and parts[-1] is None:
            parts = parts[:-1]
        self._table = _Table(parts)
        self._whole = whole
        self.batch_size: int = batch_size
        self._steps = steps
        self._shuffle = shuffle
        self._seed = seed
        self.num_batches: int = steps or math.ceil(self._table.length / batch_size)
        self.reset()

    def reset(self) -> None:
        passes = (self._pass(number) for number in itertools.count())
        self._endless = itertools.chain.from_iterable(passes)

    def epoch(self, epoch: int) -> Iterator[Any]:
        batches = map(self._table.take, self._epoch_rows(epoch))
        return map(_without_tuple, batches) if self._whole else batches

    def spec(self) -> Batch:
        return self._table.spec(min(self.batch_size, self._table.length))

    def block_size(self, most: int) -> int:
        full = self._steps or self._table.length // self.batch_size
        if full < most:
            return most  # a smaller block would be compiled anew, which isn't worth it for so few batches
        return min(range(most, most // 2, -1), key=lambda k: full % k)

    def epoch_blocks(self, epoch: int, k: int) -> Iterator[Block]:
        take, size = self._table.take, self.batch_size
        k = k if self._table.stacks else 1
        waiting: list[Rows] = []
        for rows in self._epoch_rows(epoch):
            if k == 1 or _count(rows) != size:
                yield from (Block(1, take(one)) for one in waiting)
                yield Block(1, take(rows))
                waiting = []
                continue
            waiting.append(rows)
            if len(waiting) == k:
                yield Block(k, self._table.take_block(_joined(waiting), k, size))
                waiting = []
        yield from (Block(1, take(one)) for one in waiting)

    def _epoch_rows(self, epoch: int) -> Iterator[Rows]:
        return self._pass(epoch) if self._steps is None else itertools.islice(self._endless, self._steps)

    def _pass(self, number: int) -> Iterator[Rows]:
        """Return the rows of each batch of one pass through the data."""
        length, size = self._table.length, self.batch_size
        starts = range(0, length, size)
        if self._shuffle is True:
            order = permutation(length, self._seed, number)
            return (order[start : start + size] for start in starts)
        slices = [slice(start, min(start + size, length)) for start in starts]
        if self._shuffle == "batch":
            full = length // size  # a shorter batch comes last, whatever the order of the others
            order = permutation(full, self._seed, number)
            return itertools.chain((slices[index] for index in order[0:full]), slices[full:])
        return iter(slices)


def _without_tuple(batch: Batch) -> Any:
    """Return a batch as Keras hands it over: a single array or dict is not in a tuple."""
    return pack_x_y_sample_weight(*batch) if len(batch) == 1 else batch


def _nothing(rows: Rows) -> None:
    return None


def _count(rows: Rows) -> int:
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)


def _joined(parts: list[Rows]) -> Rows:
    """Return the rows of several batches, as one slice where they follow each other."""
    arrays = [rows for rows in parts if not isinstance(rows, slice)]
    if arrays:
        return np.concatenate(arrays)
    slices = [rows for rows in parts if isinstance(rows, slice)]
    if all(before.stop == after.start for before, after in itertools.pairwise(slices)):
        return slice(slices[0].start, slices[-1].stop)
    return np.concatenate([np.arange(rows.start, rows.stop) for rows in slices])


# --- streams ---


class StreamBatches(BatchSource):
    """The batches that a stream yields."""

    batch_size = None

    def __init__(
        self,
        stream: Stream,
        steps: int | None,
        class_weight: Mapping[int, float] | None,
        for_predict: bool,
        first_epoch: int = 0,
        whole: bool = False,
    ) -> None:
        self._stream = stream
        self._steps = steps
        self._class_weight = class_weight
        self._for_predict = for_predict
        self._whole = whole
        self.num_batches: int | None = steps if steps is not None or stream.length == INFINITE else stream.length
        self._running: Iterator[Any] | None = None
        self._peeked: Any = _END
        self._spec: Batch | None = None
        self._first = first_epoch
        self._passes = 0
        self._number = 0  # the number that the current pass was begun with
        self._yielded = 0  # how many batches the current pass has yielded

    def epoch(self, epoch: int) -> Iterator[Batch]:
        done = 0
        if self._steps is None:
            # The batch that `spec` took is the first of this epoch, unless this epoch has another order.
            if self._stream.ordered and self._number != epoch:
                self._restart()
            self.reset()
        try:
            while self._steps is None or done < self._steps:
                if (batch := self._next(epoch)) is not _END:
                    done += 1
                    yield self._as_yielded(batch) if self._whole else self._prepared(batch)
                elif self._ends(done):
                    return
        finally:
            if self._steps is None:
                self.reset()

    def spec(self) -> Batch:
        # The spec is kept, since a later look could find no batch any more, or lose one.
        if self._spec is None:
            if self._peeked is _END:
                self._peeked = self._next(self._first)
                if self._peeked is _END:
                    self._raise_empty()
            first = self._peeked
            if self._whole and isinstance(first, (list, tuple)):
                first = first[:3]  # a user's own step may take more parts than three
            self._spec = tree.map_structure(_spec, self._prepared(first))
        return self._spec

    def reset(self) -> None:
        is_at_start = self._peeked is not _END and self._yielded == 1
        if self._stream.restarts and not is_at_start:
            self._restart()

    def _restart(self) -> None:
        _close(self._running)
        self._running, self._peeked = None, _END

    def on_epoch_end(self) -> None:
        self._stream.on_epoch_end()

    def _next(self, epoch: int) -> Any:
        """Return the next batch as the input yields it, or `_END`."""
        if self._peeked is not _END:
            batch, self._peeked = self._peeked, _END
            return batch
        if self._running is None:
            self._number = epoch if self._steps is None else self._passes
            self._running = self._stream.start(self._number)
            self._passes += 1
            self._yielded = 0
        batch = next(self._running, _END)
        self._yielded += batch is not _END
        return batch

    def _ends(self, done: int) -> bool:
        """Return whether the epoch ends now that the input has ended. Otherwise the input begins anew."""
        if not self._yielded:
            self._raise_empty()
        if self._stream.restarts:
            self.reset()
            return self._steps is None
        if self._steps is not None or done == 0:
            self.exhausted = True
            self._warn_of_the_end(done)
        return True

    def _raise_empty(self) -> NoReturn:
        raise DataError(f"The data is empty: `x` ({self._stream.kind}) yielded no batch.")

    def _warn_of_the_end(self, done: int) -> None:
        wanted = "" if self._steps is None else f" of {self._steps}"
        warnings.warn(
            f"Your input ran out of data: `x` ({self._stream.kind}) ended after {done}{wanted} batches of "
            "this epoch; training stops. Let it begin anew (`while True:`), or pass a PyDataset.",
            stacklevel=4,
        )

    def _as_yielded(self, batch: Any) -> Any:
        """Return a batch as a user's own step gets it: in the structure in which the input yields it."""
        if self._class_weight is not None:
            return self._prepared(batch)
        if isinstance(batch, (list, tuple)):
            names = (*_NAMES, *["data"] * len(batch))
            return tuple([as_arrays(part, name) for part, name in zip(batch, names, strict=False)])
        x = as_arrays(batch, "x")
        return (x,) if self._stream.in_tuples and not isinstance(x, dict) else x

    def _prepared(self, batch: Any) -> Batch:
        x, y, sample_weight = unpack_x_y_sample_weight(batch)
        if self._for_predict:
            return (as_arrays(x, "x"),)
        sample_weight = combine(y, sample_weight, self._class_weight)
        y = as_arrays(y, "y")
        if y is not None and self.check_targets is not None:
            self.check_targets(y)
        if sample_weight is not None:
            return as_arrays(x, "x"), y, as_arrays(sample_weight, "sample_weight")
        return (as_arrays(x, "x"),) if y is None else (as_arrays(x, "x"), y)


def _close(iterator: Any) -> None:
    """End the workers of an iterator, if it is a PyDataset's."""
    if (close := getattr(iterator, "close", None)) is not None:
        close()


def _spec(leaf: Any) -> ArraySpec | None:
    if leaf is None:
        return None
    return interop.spec_of(leaf)


def _stackable(first: Batch, other: Batch) -> bool:
    leaves, others = tree.flatten(first), tree.flatten(other)
    return len(leaves) == len(others) and all(map(_same_kind, leaves, others))


def _same_kind(leaf: Any, other: Any) -> bool:
    both_numpy = isinstance(leaf, np.ndarray) and isinstance(other, np.ndarray)
    return both_numpy and leaf.shape == other.shape and leaf.dtype == other.dtype


def _stack(*leaves: np.ndarray) -> np.ndarray:
    return np.stack(leaves)


def _check_count(name: str, value: Any) -> None:
    if value is not None:
        as_int(value, name, least=1)

"""PyDataset, a data set that is indexed by batch, and the worker pool that loads its batches in advance."""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from kerasfront.arguments import Constructed, as_int

__all__ = ["PyDataset"]


@dataclass(frozen=True)
class _Loading:
    """How the batches of a data set are loaded."""

    workers: int = 1
    use_multiprocessing: bool = False
    max_queue_size: int = 10


class PyDataset(Constructed):
    """A data set that gives its batches by index, loaded by threads or processes where asked for.

    A subclass defines `__getitem__(index)`, which returns a batch `(x, y)` or `(x, y, sample_weight)`, and
    `__len__` or `num_batches`. `on_epoch_begin` and `on_epoch_end` are called around each epoch, in the main
    process. Batches come in order whatever the number of workers, and are only loaded `max_queue_size` ahead.

    Args:
        workers: How many threads or processes load batches; up to 1, without multiprocessing, they are loaded
            in the main thread.
        use_multiprocessing: Processes rather than threads. They start anew in each epoch, so they see what
            `on_epoch_end` changed; the platform's start method decides whether the data set must be
            picklable.
        max_queue_size: The most batches that are loaded or waiting.

    Example:
        >>> import numpy as np
        >>> class Squares(PyDataset):
        ...     def __len__(self):
        ...         return 2
        ...     def __getitem__(self, index):
        ...         x = np.arange(3.0)[:, None] + 3 * index
        ...         return x, x**2
        >>> data = Squares(workers=2)
        >>> data.num_batches, data[1][1].tolist()
        (2, [[9.0], [16.0], [25.0]])
    """

    # The one private name of this class. It is on the class too, for subclasses whose __init__ doesn't call this one.
    _kf = _Loading()

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        workers = as_int(workers, "workers", type(self).__name__, least=0)
        self._kf = _Loading(workers, use_multiprocessing, max_queue_size)

    @property
    def workers(self) -> int:
        """The number of threads or processes that load batches."""
        return self._kf.workers

    @workers.setter
    def workers(self, value: int) -> None:
        self._kf = replace(self._kf, workers=value)

    @property
    def use_multiprocessing(self) -> bool:
        """Whether the workers are processes."""
        return self._kf.use_multiprocessing

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        self._kf = replace(self._kf, use_multiprocessing=value)

    @property
    def max_queue_size(self) -> int:
        """The most batches that are loaded or waiting at a time."""
        return self._kf.max_queue_size

    @max_queue_size.setter
    def max_queue_size(self, value: int) -> None:
        self._kf = replace(self._kf, max_queue_size=value)

    def __getitem__(self, index: int) -> Any:
        """Return the batch at an index.

        Raises:
            NotImplementedError: The subclass doesn't define it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `__getitem__(self, index)`.")

    @property
    def num_batches(self) -> int | None:
        """The number of batches in an epoch. None: they don't end.

        Raises:
            NotImplementedError: The subclass defines neither this nor `__len__`.
        """
        if hasattr(self, "__len__"):
            return len(self)
        raise NotImplementedError(
            f"{type(self).__name__} must define `__len__`, or the property `num_batches` "
            "(an int, or None for a data set without end)."
        )

    def on_epoch_begin(self) -> None:
        """Prepare an epoch. This is called before its first batch, and does nothing unless it is overridden."""

    def on_epoch_end(self) -> None:
        """End an epoch, for example by shuffling. It does nothing unless it is overridden."""


def iterate(dataset: PyDataset, order: Iterable[int] | None = None) -> Iterator[Any]:
    """Return the batches of one epoch, loaded as the data set's settings say.

    Args:
        dataset: The data set.
        order: The indices of the batches; by default 0, 1, 2, ... to the end.

    Raises:
        Exception: Whatever loading a batch raised, with a note that names the batch.
    """
    if order is None:
        count = dataset.num_batches
        order = itertools.count() if count is None else range(count)
    if dataset.use_multiprocessing:
        return _prefetch(_process_pool(dataset), _load_in_worker, order, dataset)
    if dataset.workers > 1:
        return _prefetch(ThreadPoolExecutor(dataset.workers, "PyDataset"), dataset.__getitem__, order, dataset)
    return (_load(dataset, index, dataset.__getitem__, index) for index in order)


def _prefetch(pool: Executor, load: Callable[[int], Any], order: Iterable[int], dataset: PyDataset) -> Iterator[Any]:
    """Yield batches in order, while up to `max_queue_size` of them are loaded or being loaded."""
    waiting: deque[tuple[int, Future[Any]]] = deque()
    indices = iter(order)
    try:
        for index in itertools.islice(indices, max(dataset.max_queue_size, 1)):
            waiting.append((index, pool.submit(load, index)))
        while waiting:
            index, future = waiting.popleft()
            batch = _load(dataset, index, future.result)
            if (following := next(indices, None)) is not None:
                waiting.append((following, pool.submit(load, following)))
            yield batch
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _load(dataset: PyDataset, index: int, load: Callable[..., Any], *args: int) -> Any:
    """Load a batch. An error gets a note that names the batch."""
    try:
        return load(*args)
    except Exception as error:
        error.add_note(f"This came from {type(dataset).__name__}.__getitem__({index}).")
        raise


# The data set of a worker process, which gets its copy once, when it starts.
_worker_dataset: PyDataset | None = None


def _process_pool(dataset: PyDataset) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(max(dataset.workers, 1), initializer=_set_worker_dataset, initargs=(dataset,))


def _set_worker_dataset(dataset: PyDataset) -> None:
    global _worker_dataset
    _worker_dataset = dataset


def _load_in_worker(index: int) -> Any:
    assert _worker_dataset is not None
    return _worker_dataset[index]

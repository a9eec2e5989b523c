"""Prefetching: another thread prepares the next batches while the accelerator computes with the current one."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

# How many batches are ready or in preparation: one that the next step takes, and one more since some take longer.
_DEPTH = 2
_END = object()


def prefetch(batches: Iterator[Any], prepare: Callable[[Any], Any]) -> Iterator[Any]:
    """Return what `map(prepare, batches)` gives, in the same order, prepared in advance by another thread.

    An error of `batches` or of `prepare` is raised where its batch would have come. When the reader stops early, a few
    more batches have been taken than it read.

    Example:
        >>> list(prefetch(iter([1, 2, 3]), lambda batch: 10 * batch))
        [10, 20, 30]
    """

    def prepared() -> Any:
        batch = next(batches, _END)
        return batch if batch is _END else prepare(batch)

    pool = ThreadPoolExecutor(1, "batches")
    try:
        waiting: deque[Future[Any]] = deque(pool.submit(prepared) for _ in range(_DEPTH))
        while (batch := waiting.popleft().result()) is not _END:
            waiting.append(pool.submit(prepared))
            yield batch
    finally:
        pool.shutdown(cancel_futures=True)

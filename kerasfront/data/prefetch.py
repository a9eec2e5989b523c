"""Batches that a thread makes ready while the accelerator computes with those before."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

# Batches that are ready or being made: one in use, and one to hide how unevenly they come.
_DEPTH = 2
_END = object()


def prefetch(batches: Iterator[Any], ready: Callable[[Any], Any]) -> Iterator[Any]:
    """`map(ready, batches)`, with the next ones made by another thread, in the same order.

    An error of `batches` or of `ready` is raised in its place. When the reader stops early, a few batches more than it
    read have been taken.

    Example:

        >>> list(prefetch(iter([1, 2, 3]), lambda batch: 10 * batch))
        [10, 20, 30]
    """

    def one() -> Any:
        batch = next(batches, _END)
        return batch if batch is _END else ready(batch)

    pool = ThreadPoolExecutor(1, "batches")
    try:
        waiting: deque[Future[Any]] = deque(pool.submit(one) for _ in range(_DEPTH))
        while (batch := waiting.popleft().result()) is not _END:
            waiting.append(pool.submit(one))
            yield batch
    finally:
        pool.shutdown(cancel_futures=True)

"""A step by torch.compile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

_GRADIENTS = "trace_autograd_ops"


class Compiled:
    """A step as one graph: forward, backward and update. There is one for the first sizes, and one for all others.

    The first call runs the step as it is: what is made once, such as an optimizer's slots, is made then, and the graph
    need not be traced anew because of it.
    """

    def __init__(self, step: Callable[..., Any], reading: Callable[[], AbstractContextManager[Any]]) -> None:
        self.step, self.reading = step, reading
        self.graph: Callable[..., Any] | None = None

    def __call__(self, *batch: Any) -> Any:
        if self.graph is None:
            self.graph = torch.compile(_apart(self.step))
            with self.reading():
                return self.step(*batch)
        with _whole():
            return self.graph(*batch)


def _apart(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return `step` with a code object of its own.

    torch.compile keeps a few graphs for each code object, and all models' steps share theirs.
    """

    def run(*batch: Any) -> Any:
        return step(*batch)

    run.__code__ = run.__code__.replace()
    return run


@contextmanager
def _whole() -> Iterator[None]:
    """Inside, torch.compile takes `autograd.grad` into the graph, if it can, instead of breaking the graph there."""
    dynamo = torch._dynamo.config  # torch.compile has imported it
    before = getattr(dynamo, _GRADIENTS, None)
    if before is None:
        yield
        return
    setattr(dynamo, _GRADIENTS, True)  # `dynamo.patch` takes ten times as long
    try:
        yield
    finally:
        setattr(dynamo, _GRADIENTS, before)

"""Where in functions that are being differentiated or mapped the code runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Nesting(threading.local):
    """How deep in functions that are being differentiated: inside, results keep their graph."""

    def __init__(self) -> None:
        # Set on the instance from the start, since torch.compile guards on the attributes that it has.
        self.depth = 0
        self.forward = False
        # Whether we are inside torch.vmap, where derivatives must be taken by torch.func.
        self.mapped = False

    @contextmanager
    def deeper(self, forward: bool = False) -> Iterator[None]:
        before = self.depth, self.forward
        self.depth, self.forward = self.depth + 1, self.forward or forward
        try:
            yield
        finally:
            self.depth, self.forward = before

    @contextmanager
    def mapping(self) -> Iterator[None]:
        before, self.mapped = self.mapped, True
        try:
            yield
        finally:
            self.mapped = before


nesting = Nesting()

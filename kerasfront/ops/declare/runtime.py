"""The adapter that the ops are bound to, which the first op that is called finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Runtime:
    """What the ops are bound to: an adapter, and how to find one when the first op is called."""

    adapter: Any = None
    # The classes of the adapter's tensors.
    native: set[type] = set()
    load: Callable[[], Any] | None = None
    # Whether a sparse or ragged tensor came to any op so far: until then nobody looks for them.
    met_composites = False

    def need(self) -> Any:
        """Return the adapter; bind the chosen backend if none is bound yet."""
        if self.adapter is None:
            assert self.load is not None, "kerasfront.contract was not imported"
            self.load()
        return self.adapter


runtime = Runtime()

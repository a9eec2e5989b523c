"""The adapter that the ops are bound to, which the first op that is called finds."""

from __future__ import annotations

import importlib
from typing import Any

# The module that binds a backend to the ops. It imports them, so they look it up when the first op is called.
_BINDER = "kerasfront.contract"


class Runtime:
    """What the ops are bound to."""

    adapter: Any = None
    # The classes of the adapter's tensors.
    native: set[type] = set()
    # Whether a sparse or ragged tensor came to any op so far: until then nobody looks for them.
    met_composites = False

    def need(self) -> Any:
        """Return the adapter; bind the chosen backend if none is bound yet."""
        if self.adapter is None:
            importlib.import_module(_BINDER).bind()
        return self.adapter


runtime: Runtime = Runtime()

"""Random draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kerasfront.contract.native import Native


class Draw:
    """The part of an adapter that draws random numbers, beside the `draw.*` primitives in its table."""

    # Whether the keys of random draws are read on the host, and so should be kept there.
    host_keys: bool = False

    def portable_draw(self, draw: Callable[..., Native], *args: Any) -> Native:
        """Return `draw(*args)`, a draw of the portable generator, which consists of some hundred ops.

        The arguments begin with a key and a shape. A framework whose compiler traces Python should register the draw as
        a single operator, since tracing so many ops takes long.
        """
        return draw(*args)

    def seed(self, seed: int) -> None:
        """Seed the framework's own global generators; `utils.set_random_seed` calls it."""

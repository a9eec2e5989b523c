"""Names that are given to layers and variables which were given none."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache

_counts: dict[str, int] = defaultdict(int)


@cache
def to_snake_case(name: str) -> str:
    """`MyLayer2D` as `my_layer2d`, by Keras's rule."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def number(prefix: str) -> int:
    """How often the prefix was asked for, this time included."""
    _counts[prefix] += 1
    return _counts[prefix]


def auto_name(prefix: str) -> str:
    """`prefix`, with a number from the second on."""
    count = number(prefix)
    return prefix if count == 1 else f"{prefix}_{count - 1}"


def reset() -> None:
    """Begin every count again (backend.clear_session)."""
    _counts.clear()

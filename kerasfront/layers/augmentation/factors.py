"""The numbers that image layers are made with: ranges from which something is drawn for each image."""

from __future__ import annotations

import math
from typing import Any

from kerasfront.layers._configured import where
from kerasfront.layers.base.layer import Layer

Limits = tuple[float, float]


def number(value: Any) -> bool:
    """Return whether it is a number, and no boolean."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)


def _pair(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(map(number, value))


def limits(layer: Layer, name: str, value: Any, least: float = 0.0, most: float = 1.0, start: float = 0.0) -> Limits:
    """Return between which numbers is drawn: the pair that `value` is, in order, or from `start` to the number.

    Raises:
        ValueError: It is neither, or exceeds the bounds `least` and `most`; a number may not be below `start`.
    """
    if number(value) and start <= value <= most:
        return start, value
    if _pair(value) and least <= min(value) and max(value) <= most:
        return min(value), max(value)
    upper = "on" if most == math.inf else f"to {most}"
    raise ValueError(
        f"Expected `{name}` of {where(layer)} to be a number from {start} {upper}, or a pair of numbers from {least} "
        f"{upper} to draw between, got {value!r}."
    )


def value_range_of(layer: Layer, value: Any) -> Any:
    """Return `value`, which is the least and the largest value of a pixel.

    Raises:
        ValueError: It is something else.
    """
    if not _pair(value) or not value[0] < value[1]:
        raise ValueError(
            f"Expected `value_range` of {where(layer)} to be the least and the largest value of a pixel, such as "
            f"(0, 255), got {value!r}."
        )
    return value

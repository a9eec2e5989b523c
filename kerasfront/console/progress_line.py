"""The line that a progress bar draws, as wide as there is room for."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from rich.cells import cell_len

from kerasfront import console

# The characters for what is done and what is left: in colour, without colour (they must differ), and in ASCII.
_COLOURED, _PLAIN, _ASCII = ("━", "━"), ("━", "─"), ("=", ".")
_STYLES = {"bold": "\x1b[1m", "green": "\x1b[32m", "grey": "\x1b[37m"}


class Progress(NamedTuple):
    """What a line tells; each field is a column."""

    head: str
    done: float | None  # From 0 to 1; None where the end isn't known.
    bar: int  # The bar's length where there is room.
    time: str
    step_time: str
    values: dict[str, Any]


class Layout(NamedTuple):
    """How much is drawn: the part of the bar's length, the times, and the digits of the numbers."""

    bar: float
    time: bool
    step_time: bool
    separator: str
    digits: int | None


# From wide to narrow. The first four are for lines that show all values.
_LAYOUTS = (
    Layout(1, True, True, " - ", None),
    Layout(0.5, True, True, " - ", None),
    Layout(0.5, True, False, " - ", None),
    Layout(0.25, True, False, " - ", None),
    Layout(0.25, True, False, " ", None),
    Layout(0.25, True, False, " ", 3),
    Layout(0.25, False, False, " ", 3),
    Layout(0, True, False, " ", None),
    Layout(0, True, False, " ", 3),
    Layout(0, False, False, " ", 3),
    Layout(0, False, False, " ", 2),
)
ROOMY, _COMFORTABLE, _WITH_BAR = _LAYOUTS[0], 4, 5


def line(progress: Progress) -> tuple[str, int]:
    """Return the line for standard output as it is, and how many columns it takes."""
    room = console.width() - 1  # Some terminals wrap a line that is as long as they are wide.
    layout, values = _fitted(progress, room)
    return _drawn(progress, layout, values, styled=_has_colour()), _length(progress, layout, values)


def values_of(values: dict[str, Any], layout: Layout = ROOMY) -> str:
    """Return the names with their values, each after a separator."""
    return "".join(f"{layout.separator}{name}: {_number(value, layout.digits)}" for name, value in values.items())


def _fitted(progress: Progress, room: int) -> tuple[Layout, dict[str, Any]]:
    """Return the layout for the room, and the values that it shows: all of them, or the most important ones."""
    for layout in _LAYOUTS[:_COMFORTABLE]:
        if _length(progress, layout, progress.values) <= room:
            return layout, progress.values
    ranked = _by_importance(progress.values)
    layout = _for_the_first(progress, ranked, room)
    values: dict[str, Any] = {}
    for name, value in ranked:
        if _length(progress, layout, {**values, name: value}) <= room:
            values[name] = value
    return layout, values


def _for_the_first(progress: Progress, ranked: list[tuple[str, Any]], room: int) -> Layout:
    """Return the widest layout in which four values fit beside a bar, else three; else two, also without a bar."""
    for count, layouts in ((4, _LAYOUTS[:_WITH_BAR]), (3, _LAYOUTS[:_WITH_BAR]), (2, _LAYOUTS)):
        for layout in layouts:
            if _length(progress, layout, dict(ranked[:count])) <= room:
                return layout
    return _LAYOUTS[-1]


def _by_importance(values: dict[str, Any]) -> list[tuple[str, Any]]:
    """Sort values: val_loss (or the loss), the first metric, the loss, that metric's val_, then the rest in order."""
    loss = "val_loss" if "val_loss" in values else "loss"
    metric = next((name for name in values if name not in ("loss", "val_loss")), loss)
    order = dict.fromkeys([loss, metric, "loss", f"val_{metric}", *values])
    return [(name, values[name]) for name in order if name in values]


def _length(progress: Progress, layout: Layout, values: dict[str, Any]) -> int:
    return cell_len(_drawn(progress, layout, values, styled=False))


def _drawn(progress: Progress, layout: Layout, values: dict[str, Any], styled: bool) -> str:
    def style(text: str, name: str) -> str:
        return f"{_STYLES[name]}{text}\x1b[0m" if styled and text else text

    parts = [style(progress.head, "bold")]
    if progress.done is not None and (width := int(progress.bar * layout.bar)):
        filled, letters = int(width * progress.done), _letters()
        parts.append(style(letters[0] * filled, "green") + style(letters[1] * (width - filled), "grey"))
    if layout.time:
        parts.append(style(progress.time, "bold"))
    if layout.step_time:
        parts.append(progress.step_time)
    return " ".join(parts) + values_of(values, layout)


def _letters() -> tuple[str, str]:
    done, left = _COLOURED if _has_colour() else _PLAIN
    return (done, left) if console.can_write(done + left) else _ASCII


def _has_colour() -> bool:
    """Return whether to draw in colour: in a terminal and a notebook, unless NO_COLOR is set (https://no-color.org)."""
    return console.is_live() and not os.environ.get("NO_COLOR")


def _number(value: Any, digits: int | None = None) -> str:
    if value is None or isinstance(value, str):
        return str(value)
    number = float(np.mean(value))
    if digits is not None:
        return f"{number:.{digits}g}"
    return f"{number:.4f}" if number == 0 or abs(number) > 1e-3 else f"{number:.4e}"

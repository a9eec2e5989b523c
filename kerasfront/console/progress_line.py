"""The line that a progress bar draws, as wide as there is room for."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from rich.cells import cell_len

from kerasfront import console

# What the bar is drawn with, done and open: in colour, without (there both must differ), and in plain letters.
_COLOURED, _PLAIN, _ASCII = ("━", "━"), ("━", "─"), ("=", ".")
_STYLES = {"bold": "\x1b[1m", "green": "\x1b[32m", "grey": "\x1b[37m"}


class Progress(NamedTuple):
    """What there is to tell: each of these is a column of the line."""

    head: str
    done: float | None  # from 0 to 1; None where the end isn't known
    bar: int  # the bar's length where there is room
    time: str
    step_time: str
    values: dict[str, Any]


class Layout(NamedTuple):
    """How much of it is drawn: the part of the bar's length, the times, and the digits of the numbers."""

    bar: float
    time: bool
    step_time: bool
    separator: str
    digits: int | None


# From roomy to tight. The first ones are taken where all values fit.
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
    """The line for standard output as it is, and how many columns it takes."""
    room = console.width() - 1  # a line that is as long as the terminal is wide wraps in some
    layout, told = _fitted(progress, room)
    return _drawn(progress, layout, told, styled=_has_colour()), _length(progress, layout, told)


def values_of(told: dict[str, Any], layout: Layout = ROOMY) -> str:
    """The names with their values, each after a separator."""
    return "".join(f"{layout.separator}{name}: {_number(value, layout.digits)}" for name, value in told.items())


def _fitted(progress: Progress, room: int) -> tuple[Layout, dict[str, Any]]:
    """The layout for the room, and the values that it shows: all of them, or else those that count most."""
    for layout in _LAYOUTS[:_COMFORTABLE]:
        if _length(progress, layout, progress.values) <= room:
            return layout, progress.values
    ranked = _by_importance(progress.values)
    layout = _for_the_first(progress, ranked, room)
    told: dict[str, Any] = {}
    for name, value in ranked:
        if _length(progress, layout, {**told, name: value}) <= room:
            told[name] = value
    return layout, told


def _for_the_first(progress: Progress, ranked: list[tuple[str, Any]], room: int) -> Layout:
    """The layout in which the first four values fit, or the first three, with a bar; else the first two at all."""
    for count, layouts in ((4, _LAYOUTS[:_WITH_BAR]), (3, _LAYOUTS[:_WITH_BAR]), (2, _LAYOUTS)):
        for layout in layouts:
            if _length(progress, layout, dict(ranked[:count])) <= room:
                return layout
    return _LAYOUTS[-1]


def _by_importance(told: dict[str, Any]) -> list[tuple[str, Any]]:
    """val_loss (or the loss) and the first metric first, then the loss and that metric's val_, the rest as it comes."""
    loss = "val_loss" if "val_loss" in told else "loss"
    metric = next((name for name in told if name not in ("loss", "val_loss")), loss)
    order = dict.fromkeys([loss, metric, "loss", f"val_{metric}", *told])
    return [(name, told[name]) for name in order if name in told]


def _length(progress: Progress, layout: Layout, told: dict[str, Any]) -> int:
    return cell_len(_drawn(progress, layout, told, styled=False))


def _drawn(progress: Progress, layout: Layout, told: dict[str, Any], styled: bool) -> str:
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
    return " ".join(parts) + values_of(told, layout)


def _letters() -> tuple[str, str]:
    done, left = _COLOURED if _has_colour() else _PLAIN
    return (done, left) if console.can_write(done + left) else _ASCII


def _has_colour() -> bool:
    """Colours in a terminal and a notebook, unless the user wants none (https://no-color.org)."""
    return console.is_live() and not os.environ.get("NO_COLOR")


def _number(value: Any, digits: int | None = None) -> str:
    if value is None or isinstance(value, str):
        return str(value)
    number = float(np.mean(value))
    if digits is not None:
        return f"{number:.{digits}g}"
    return f"{number:.4f}" if number == 0 or abs(number) > 1e-3 else f"{number:.4e}"

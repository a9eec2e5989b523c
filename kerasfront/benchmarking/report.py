"""A document as tables for the terminal, as a chart, and as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from kerasfront.benchmarking.compare import Change

__all__ = ["changes_table", "chart", "markdown", "quantity", "tables"]

_NAMES = {"front": "kerasfront", "native": "native", "keras": "Keras"}
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_STYLES = {"slower": "bold red", "faster": "green", "same": ""}
Row = dict[str, Any]


def tables(results: dict[str, Any]) -> list[Table]:
    """Return a table of what was trained and one of other calls, for each backend that has such rows."""
    tables = []
    for name, backend in results["backends"].items():
        rows = {key: row for key, row in backend["rows"].items() if "sides" in row}
        trained = {key: row for key, row in rows.items() if row.get("per") == "step"}
        calls = {key: row for key, row in rows.items() if key not in trained}
        title = f"{name} {_version(name, backend)} on {backend.get('device', '?')}"
        if trained:
            tables.append(_trained(f"{title}: fit()", trained))
        if calls:
            tables.append(_calls(f"{title}: other calls", calls))
    return tables


def _version(name: str, backend: dict[str, Any]) -> str:
    versions = backend.get("versions", {})
    return str(versions.get(name) or versions.get(f"{name}-cpu") or "")


def _trained(title: str, rows: dict[str, Row]) -> Table:
    table = _table(title, "workload", "side")
    others = _others(rows)
    for column in ("time a step", *(f"over {_NAMES[o]}" for o in others), "samples/s", "first step", "peak memory"):
        table.add_column(column, justify="right")
    for name, row in rows.items():
        for side, values in row["sides"].items():
            table.add_row(
                f"{escape(name)}{' (noisy)' if row.get('noisy') else ''}" if side == "front" else "",
                _NAMES[side],
                _time(values, row["unit"]),
                *(_ratio(row, other) if side == "front" else "" for other in others),
                f"{values['samples_per_s']:,.0f}",
                f"{values['first_step_s']:.2f} s",
                f"{values['peak_mb']:,.0f} MB" if values.get("peak_mb") else "-",
                end_section=side == list(row["sides"])[-1],
            )
    return table


def _calls(title: str, rows: dict[str, Row]) -> Table:
    table = _table(title, "call")
    others = _others(rows)
    for column in (*(_NAMES[side] for side in ("front", *others)), *(f"over {_NAMES[o]}" for o in others)):
        table.add_column(column, justify="right")
    for name, row in rows.items():
        sides = row["sides"]
        times = (_time(sides[side], row["unit"]) if side in sides else "-" for side in ("front", *others))
        table.add_row(escape(name), *times, *(_ratio(row, other) for other in others))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", min_width=min(12, len(column) + 4))
    return table


def _others(rows: dict[str, Row]) -> list[str]:
    """Return the sides beside the front that some row has."""
    return [side for side in ("native", "keras") if any(side in row["sides"] for row in rows.values())]


def quantity(value: float, unit: str) -> str:
    """Format a number with its unit, a time in the unit that suits: `quantity(169600, "us")` is "170 ms"."""
    if unit not in _SECONDS:
        return f"{value:.3g} {unit}" if abs(value) < 1e3 else f"{value:,.0f} {unit}"
    seconds = value * _SECONDS[unit]
    factor, name = _scale(seconds)
    return f"{seconds / factor:.3g} {name}" if abs(seconds) < 1e3 else f"{seconds:,.0f} s"


def _scale(seconds: float) -> tuple[float, str]:
    """Return how many seconds the unit has that suits a time, and its name."""
    return next((pair for pair in _UNITS if abs(seconds) >= pair[0]), _UNITS[-1])


def _time(values: dict[str, Any], unit: str) -> str:
    """Format a time as its median with half the spread, "1.23 ms ±4 %"; another quantity as its median."""
    if unit not in _SECONDS:
        return quantity(values["median"], unit)
    spread = abs(values["high"] - values["low"]) / 2 / abs(values["median"]) if values["median"] else 0.0
    return f"{quantity(values['median'], unit)} ±{spread:.0%}"


def _ratio(row: Row, other: str) -> str:
    if other not in row["against"]:
        return "-"
    ratio = row["against"][other]["ratio"]
    return f"{ratio['median']:.2f} ({ratio['low']:.2f}–{ratio['high']:.2f})"


def changes_table(changes: Iterable[Change], date: str) -> Table:
    """Return the table that `--compare` shows."""
    table = _table(f"Against the run of {date}", "backend", "row", "compared by")
    for column in ("before", "now", "change"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    for change in changes:
        cells = [_with_range(values, change.unit) for values in (change.before, change.after)]
        table.add_row(
            change.backend, escape(change.row), "front / native" if change.by == "ratio" else "time", *cells,
            f"{change.factor - 1:+.0%}", change.verdict, style=_STYLES[change.verdict],
        )  # fmt: skip
    return table


def _with_range(values: dict[str, float], unit: str) -> str:
    low, middle, high = (
        quantity(values[key], unit) if unit else f"{values[key]:.3g}" for key in ("low", "median", "high")
    )
    return f"{middle} ({low}–{high})"


def markdown(results: dict[str, Any], other: str = "native", cell: Callable[[Row], str] | None = None) -> str:
    """Return the front's ratios to another side as a Markdown table, with a line for each row of the document.

    A row without that side shows the front's own time. `cell` may format rows in another way.
    """
    backends = list(results["backends"])
    names = dict.fromkeys(name for backend in backends for name in results["backends"][backend]["rows"])
    lines = [f"| front / {other} | {' | '.join(backends)} |", f"| --- |{' --- |' * len(backends)}"]
    for name in names:
        rows = [results["backends"][backend]["rows"].get(name, {}) for backend in backends]
        cells = [cell(row) if cell and row.get("sides") else _cell(row, other) for row in rows]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(row: Row, other: str) -> str:
    if "error" in row:
        return "failed"
    if "front" not in row.get("sides", {}):
        return "-"
    return _ratio(row, other) if other in row["against"] else _time(row["sides"]["front"], row["unit"])


# --- the chart ---


def chart(results: dict[str, Any], path: Path) -> None:
    """Write a PNG with the times of the front and of Keras on each backend, relative to the hand-written side."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    backends = {name: b for name, b in results["backends"].items() if any("sides" in r for r in b["rows"].values())}
    longest = max((len(b["rows"]) for b in backends.values()), default=1)
    size = (max(6, 5 * len(backends)), 2.2 + 0.6 * longest)
    figure, axes = plt.subplots(1, max(1, len(backends)), figsize=size, squeeze=False, layout="constrained")
    labels: dict[str, Any] = {}
    for axis, (name, backend) in zip(axes[0], backends.items(), strict=False):
        _bars(axis, {key: row for key, row in backend["rows"].items() if "sides" in row})
        axis.set_title(f"{name} {_version(name, backend)}, {backend.get('device', '')}", fontsize=10)
        labels.update({label: handle for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)})
    if labels:
        figure.legend(labels.values(), labels.keys(), loc="outside lower center", ncols=3, frameon=False)
    cpu, date = results["machine"]["cpu"], results["date"][:10]
    figure.suptitle(f"{cpu}, {results['settings']['clock']} clock, {date}", fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _bars(axis: Any, rows: dict[str, Row]) -> None:
    """Draw a bar for each side of each row: ratios where there is a hand-written side, else times."""
    relative = any("native" in row["sides"] for row in rows.values())
    timed = [key for key, row in rows.items() if ("native" in row["sides"] if relative else row["unit"] in _SECONDS)]
    rows = {key: rows[key] for key in timed or rows}
    unit, seconds = ("", 1.0) if relative else _common_unit(rows)
    sides = [side for side in ("front", "keras") if any(side in row["sides"] for row in rows.values())]
    height = 0.8 / max(1, len(sides))
    for index, side in enumerate(sides):
        rows_by_height = {
            at + (index - (len(sides) - 1) / 2) * height: row
            for at, row in enumerate(rows.values())
            if side in row["sides"]
        }
        points = [_point(row, side, relative, seconds) for row in rows_by_height.values()]
        middle = [point[0] for point in points]
        errors = [[m - low for m, low, _ in points], [high - m for m, _, high in points]]
        style = {"label": _NAMES[side], "color": f"C{index}", "error_kw": {"lw": 0.8}}
        bars = axis.barh(list(rows_by_height), middle, height, xerr=errors, **style)
        times = [quantity(row["sides"][side]["median"], row["unit"]) for row in rows_by_height.values()]
        axis.bar_label(bars, [f"{m:.2f}" for m in middle] if relative else times, padding=4, fontsize=8)
    axis.set_yticks(range(len(rows)), list(rows))
    axis.invert_yaxis()
    axis.margins(x=0.2)
    axis.set_xlim(left=0)
    if relative:
        axis.axvline(1, color="black", lw=1, label="native")
    axis.set_xlabel("time, native = 1" if relative else f"time in {unit}" if timed else unit)
    axis.grid(axis="x", alpha=0.3)
    axis.set_axisbelow(True)


def _common_unit(rows: dict[str, Row]) -> tuple[str, float]:
    """Return the unit that suits the longest time of all rows, and how many seconds it has."""
    units = {row["unit"] for row in rows.values()}
    if not units <= _SECONDS.keys():
        return ", ".join(sorted(units)), 1.0
    longest = max(side["median"] * _SECONDS[row["unit"]] for row in rows.values() for side in row["sides"].values())
    factor, name = _scale(longest)
    return name, factor


def _point(row: Row, side: str, relative: bool, unit: float) -> tuple[float, float, float]:
    """Return the median, the lowest and the highest round."""
    rounds = row["sides"][side]["rounds"]
    if relative:
        rounds = [a / b for a, b in zip(rounds, row["sides"]["native"]["rounds"], strict=True)]
    else:
        rounds = [value * _SECONDS.get(row["unit"], 1.0) / unit for value in rounds]
    return statistics.median(rounds), min(rounds), max(rounds)

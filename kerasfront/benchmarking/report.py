"""A document as tables for the terminal, as a chart, and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from kerasfront.benchmarking.compare import Change

__all__ = ["changes_table", "chart", "markdown", "tables"]

_NAMES = {"front": "kerasfront", "native": "native", "keras": "Keras"}
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_STYLES = {"slower": "bold red", "faster": "green", "same": ""}
Row = dict[str, Any]


def tables(results: dict[str, Any]) -> list[Table]:
    """One table of what was trained and one of other calls, for each backend that has such rows."""
    found = []
    for name, backend in results["backends"].items():
        rows = {key: row for key, row in backend["rows"].items() if "sides" in row}
        trained = {key: row for key, row in rows.items() if row.get("per") == "step"}
        calls = {key: row for key, row in rows.items() if key not in trained}
        title = f"{name} {_version(name, backend)} on {backend.get('device', '?')}"
        if trained:
            found.append(_trained(f"{title}: fit()", trained))
        if calls:
            found.append(_calls(f"{title}: other calls", calls))
    return found


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
    """The sides beside the front that some row has."""
    return [side for side in ("native", "keras") if any(side in row["sides"] for row in rows.values())]


def _time(values: dict[str, Any], unit: str) -> str:
    """A median with half its spread, in a unit that suits: "1.23 ms ±4 %"; of something else than time, as it is."""
    if unit not in _SECONDS:
        return f"{values['median']:.3g} {unit}"
    seconds = values["median"] * _SECONDS[unit]
    factor, name = next((pair for pair in _UNITS if abs(seconds) >= pair[0]), _UNITS[-1])
    about = abs(values["high"] - values["low"]) / 2 / abs(values["median"]) if values["median"] else 0.0
    return f"{seconds / factor:.3g} {name} ±{about:.0%}"


def _ratio(row: Row, other: str) -> str:
    if other not in row["against"]:
        return "-"
    ratio = row["against"][other]["ratio"]
    return f"{ratio['median']:.2f} ({ratio['low']:.2f}–{ratio['high']:.2f})"


def changes_table(changes: Iterable[Change], date: str) -> Table:
    """What `--compare` found."""
    table = _table(f"Against the run of {date}", "backend", "row", "compared by")
    for column in ("before", "now", "change"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    for change in changes:
        shown = [f"{v['median']:.3g} ({v['low']:.3g}–{v['high']:.3g})" for v in (change.before, change.after)]
        table.add_row(
            change.backend, escape(change.row), "front / native" if change.by == "ratio" else "time", *shown,
            f"{change.factor - 1:+.0%}", change.verdict, style=_STYLES[change.verdict],
        )  # fmt: skip
    return table


def markdown(results: dict[str, Any], other: str = "native", cell: Callable[[Row], str] | None = None) -> str:
    """The front's ratio to another side, rows down and backends across, as a Markdown table.

    A row without that side shows the front's own time. `cell` may show rows in another way.
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
    """Writes a PNG: for each backend the front's and Keras's time over the hand-written one's, or else the times."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FuncFormatter

    backends = {name: b for name, b in results["backends"].items() if any("sides" in r for r in b["rows"].values())}
    longest = max((len(b["rows"]) for b in backends.values()), default=1)
    size = (5 * max(1, len(backends)), 1.5 + 0.45 * longest)
    figure, axes = plt.subplots(1, max(1, len(backends)), figsize=size, squeeze=False, layout="constrained")
    for axis, (name, backend) in zip(axes[0], backends.items(), strict=False):
        rows = {key: row for key, row in backend["rows"].items() if "sides" in row}
        relative = any("native" in row["sides"] for row in rows.values())
        _bars(axis, {key: row for key, row in rows.items() if not relative or "native" in row["sides"]}, relative)
        axis.set_title(f"{name} {_version(name, backend)}, {backend.get('device', '')}")
        for which in (axis.xaxis.set_major_formatter, axis.xaxis.set_minor_formatter):
            which(FuncFormatter(_plain))
    cpu, date = results["machine"]["cpu"], results["date"][:10]
    figure.suptitle(f"{cpu}, {results['settings']['clock']} clock, {date}", fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _plain(value: float, _: int) -> str:
    """The label of a tick of a logarithmic axis: 1, 2 and 5 of each decade."""
    return f"{value:g}" if f"{value:e}"[:3] in ("1.0", "2.0", "5.0") else ""


def _bars(axis: Any, rows: dict[str, Row], relative: bool) -> None:
    sides = [side for side in ("front", "keras") if any(side in row["sides"] for row in rows.values())]
    height = 0.8 / max(1, len(sides))
    for index, side in enumerate(sides):
        points = [(at, *_point(row, side, relative)) for at, row in enumerate(rows.values()) if side in row["sides"]]
        if not points:
            continue
        at, middle, low, high = zip(*points, strict=True)
        errors = [
            [m - lo for m, lo in zip(middle, low, strict=True)],
            [h - m for m, h in zip(middle, high, strict=True)],
        ]
        places = [value + (index - (len(sides) - 1) / 2) * height for value in at]
        axis.barh(places, middle, height, xerr=errors, label=_NAMES[side], color=f"C{index}", error_kw={"lw": 0.8})
    axis.set_yticks(range(len(rows)), list(rows))
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.set_xlim(left=min(0.5, 0.8 * axis.get_xlim()[0]) if relative else None)
    if relative:
        axis.axvline(1, color="black", lw=1, label="native")
    axis.set_xlabel("time, native = 1" if relative else "time, in the row's unit")
    axis.grid(axis="x", alpha=0.3)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3, frameon=False)


def _point(row: Row, side: str, relative: bool) -> tuple[float, float, float]:
    rounds = row["sides"][side]["rounds"]
    if relative:
        rounds = [a / b for a, b in zip(rounds, row["sides"]["native"]["rounds"], strict=True)]
    ordered = sorted(rounds)
    return ordered[len(ordered) // 2], ordered[0], ordered[-1]

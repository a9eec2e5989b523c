"""Two documents against each other: what got slower beyond the noise, and what got faster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from kerasfront.benchmarking import results

__all__ = ["Change", "OtherMachine", "compare", "version_changes"]

# A change of less than this is taken for noise, however little the rounds differ.
MARGIN = 0.05


class OtherMachine(Exception):
    """The documents are of different machines, devices or clocks."""


class Change(NamedTuple):
    """How one row of the front changed: `verdict` is "slower", "faster" or "same"."""

    backend: str
    row: str
    by: str  # "ratio" compares the ratio of front to native, "time" the front's own time
    before: dict[str, float]
    after: dict[str, float]
    verdict: str
    unit: str = ""  # the unit where times are compared

    @property
    def factor(self) -> float:
        """The median after, divided by the one before: above 1 is slower."""
        return self.after["median"] / self.before["median"]


def compare(old: dict[str, Any], new: dict[str, Any], force: bool = False) -> list[Change]:
    """Return the rows that both documents have, each with its verdict.

    Where both documents have a hand-written side, the ratios to it are compared, since a ratio stays the same when
    the whole machine is slower on one day; elsewhere the times are compared. A row is slower where its median is more
    than 5 % above the one before, and the middle halves of the rounds don't overlap.

    Args:
        old: The document from before.
        new: The one to judge.
        force: Whether runs of different machines, devices or clocks are compared all the same.

    Raises:
        OtherMachine: The machine, the device or the clock differs, and `force` isn't set.
    """
    differences = results.differences(old, new)
    if differences and not force:
        raise OtherMachine("; ".join(differences))
    return list(_changes(old, new))


def version_changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return which versions differ. They may, but a new version may explain a change."""
    lines = []
    for name in sorted(set(old["backends"]) & set(new["backends"])):
        before, after = old["backends"][name].get("versions", {}), new["backends"][name].get("versions", {})
        lines += [
            f"{name}: {key} {before.get(key, 'not installed')} then, {after.get(key, 'not installed')} now"
            for key in sorted({*before, *after})
            if before.get(key) != after.get(key)
        ]
    return lines


def _changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    for backend in new["backends"]:
        before = old["backends"].get(backend, {}).get("rows", {})
        for name, row in new["backends"][backend]["rows"].items():
            if name in before and "front" in row.get("sides", {}) and "front" in before[name].get("sides", {}):
                yield _change(backend, name, before[name], row)


def _change(backend: str, name: str, old: dict[str, Any], new: dict[str, Any]) -> Change:
    by = "ratio" if "native" in old["against"] and "native" in new["against"] else "time"
    before, after = (_rounds(row, by) for row in (old, new))
    medians = [_quantile(values, 0.5) for values in (before, after)]
    if medians[1] > (1 + MARGIN) * medians[0] and _quantile(after, 0.25) > _quantile(before, 0.75):
        verdict = "slower"
    elif medians[0] > (1 + MARGIN) * medians[1] and _quantile(before, 0.25) > _quantile(after, 0.75):
        verdict = "faster"
    else:
        verdict = "same"
    ranges = [{"median": m, "low": min(v), "high": max(v)} for m, v in zip(medians, (before, after), strict=True)]
    return Change(backend, name, by, ranges[0], ranges[1], verdict, new["unit"] if by == "time" else "")


def _rounds(row: dict[str, Any], by: str) -> list[float]:
    front = row["sides"]["front"]["rounds"]
    if by == "time":
        # Both times have one unit: a row's unit changes only with the version of the schema.
        return [float(value) for value in front]
    return [a / b for a, b in zip(front, row["sides"]["native"]["rounds"], strict=True)]


def _quantile(values: list[float], q: float) -> float:
    ordered = sorted(values)
    at = q * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])

"""The document that `kerasfront bench --json` writes, and `--compare` reads.

    {"schema": "kerasfront-bench/1", "date": "2026-01-31T12:00:00+00:00", "machine": {...},
     "settings": {"clock": "cpu", "rounds": 7, "scale": 1.0},
     "backends": {"torch": {"device": "cpu:0", "cores": [1], "versions": {...}, "rows": {"mlp_small": ROW, ...}}}}

A row has the `unit` of its times, `sides` ("front", "native", "keras") with `median`, `low`, `high` and `rounds`, and
`against` ("native", "keras") with the `ratio` and the `difference` of the front to that side, each a median with low
and high. The row of a fit() has more: `batch`, `steps`, and for each side `samples_per_s`, `first_step_s`, `peak_mb`.
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from kerasfront.benchmarking.machine import this_machine

__all__ = ["SCHEMA", "differences", "document", "read", "write"]

SCHEMA = "kerasfront-bench/1"


def document(settings: dict[str, Any], backends: dict[str, Any]) -> dict[str, Any]:
    """The document of a run on this machine, now."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {
        "schema": SCHEMA,
        "date": now,
        "machine": this_machine(),
        "settings": settings,
        "backends": backends,
    }


def write(path: Path, results: dict[str, Any]) -> None:
    """Writes a document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    """Reads a document.

    Raises:
        ValueError: The file is no such document, or is of another version.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} can't be read: {error}.") from error
    schema = found.get("schema") if isinstance(found, dict) else None
    if schema != SCHEMA:
        raise ValueError(
            f"Expected {path} to be of the schema {SCHEMA!r}, as `kerasfront bench` writes it; got {schema!r}."
        )
    missing = [key for key in ("date", "machine", "settings", "backends") if key not in found]
    if missing:
        raise ValueError(f"{path} has no {', '.join(missing)}.")
    return dict(found)


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Why the times of two documents can't be compared: another machine, device or clock; empty where they can."""
    found = [
        f"{key}: {old['machine'].get(key)} then, {new['machine'].get(key)} now"
        for key in sorted({*old["machine"], *new["machine"]})
        if old["machine"].get(key) != new["machine"].get(key)
    ]
    if old["settings"].get("clock") != new["settings"].get("clock"):
        found.append(f"clock: {old['settings'].get('clock')} then, {new['settings'].get('clock')} now")
    for name in sorted(set(old["backends"]) & set(new["backends"])):
        before, after = old["backends"][name], new["backends"][name]
        if before.get("device") != after.get("device"):
            found.append(f"device of {name}: {before.get('device')} then, {after.get('device')} now")
    return found

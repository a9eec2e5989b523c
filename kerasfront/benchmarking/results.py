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
    """Return the document of a run on this machine, with the current date."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {
        "schema": SCHEMA,
        "date": now,
        "machine": this_machine(),
        "settings": settings,
        "backends": backends,
    }


def write(path: Path, results: dict[str, Any]) -> None:
    """Write a document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    """Read a document.

    Raises:
        ValueError: The file is no such document, or is of another version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} can't be read: {error}.") from error
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise ValueError(
            f"Expected {path} to be of the schema {SCHEMA!r}, as `kerasfront bench` writes it; got {schema!r}."
        )
    missing = [key for key in ("date", "machine", "settings", "backends") if key not in content]
    if missing:
        raise ValueError(f"{path} has no {', '.join(missing)}.")
    return dict(content)


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return why the times of two documents can't be compared: another machine, device or clock.

    The list is empty where they can be compared.
    """
    lines = [
        f"{key}: {old['machine'].get(key)} then, {new['machine'].get(key)} now"
        for key in sorted({*old["machine"], *new["machine"]})
        if old["machine"].get(key) != new["machine"].get(key)
    ]
    if old["settings"].get("clock") != new["settings"].get("clock"):
        lines.append(f"clock: {old['settings'].get('clock')} then, {new['settings'].get('clock')} now")
    for name in sorted(set(old["backends"]) & set(new["backends"])):
        before, after = old["backends"][name], new["backends"][name]
        if before.get("device") != after.get("device"):
            lines.append(f"device of {name}: {before.get('device')} then, {after.get('device')} now")
    return lines

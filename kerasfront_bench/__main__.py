"""One backend's part of the benchmark: `python -m kerasfront_bench JOB RESULT`, with KERAS_BACKEND set.

JOB is JSON. RESULT is the file that the rows go to; it is rewritten after each row.
"""

from __future__ import annotations

import importlib
import json
import platform
import sys
import traceback
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from kerasfront.benchmarking.report import quantity
from kerasfront_bench import timing
from kerasfront_bench.native import programs

EXTRAS = ("calls", "build", "files", "imports")
_DISTRIBUTIONS = ("kerasfront", "keras", "torch", "jax", "jaxlib", "tensorflow", "tensorflow-cpu", "numpy")


def main(job: dict[str, Any], result: Path) -> None:
    """Measure what the job names, row by row."""
    cores = timing.pin_to_one_core() if job["clock"] == "cpu" else []
    adapter = importlib.import_module("kerasfront.contract").load(job["backend"])
    device = device_name(job["backend"], adapter)
    if job["clock"] == "cpu" and "cpu" not in device.lower():
        raise SystemExit(f"--clock cpu doesn't see what the {device} does: use --clock wall.")
    about = {"backend": job["backend"], "device": device, "cores": cores, "versions": versions()}
    print(f"{job['backend']} {adapter.version()} on {device}", flush=True)
    rows: dict[str, Any] = {}
    for name, row in measured(job):
        rows[name] = row
        print(f"  {name}: {one_line(row)}", flush=True)
        result.write_text(json.dumps({**about, "rows": rows}), encoding="utf-8")


def measured(job: dict[str, Any]) -> Iterator[tuple[str, timing.Row]]:
    """Yield the rows of a job. A measurement that fails yields a row that says why."""
    timer = timing.Timer(job["clock"], job["rounds"])
    for name in job["work"]:
        try:
            yield from _rows(name, job, timer)
        except Exception as error:  # One broken workload must not lose the others.
            traceback.print_exc()
            yield name, {"error": f"{type(error).__name__}: {error}"[:1000]}


def _rows(name: str, job: dict[str, Any], timer: timing.Timer) -> Iterator[tuple[str, timing.Row]]:
    module = importlib.import_module
    backend = job["backend"]
    if name in ("calls", "imports"):
        yield from module(f"kerasfront_bench.{name}").measure(backend, timer, job)
    elif name in ("build", "files"):
        yield from getattr(module("kerasfront_bench.build"), f"measure_{name}")(backend, timer, job)
    else:
        workloads = module("kerasfront_bench.workloads")
        workload = workloads.named(name)
        if workload is None:
            steps = max(2, round(job["steps"] * job["scale"]))
            workload = workloads.own_model(name, job["batch"], steps)
        yield workload.name, module("kerasfront_bench.fit").measure(backend, workload, timer, job)


def device_name(backend: str, adapter: Any) -> str:
    """Return the device that is measured: "cpu:0", or "cuda:0 (NVIDIA H200)"."""
    name = str(adapter.devices()[-1])
    native = programs(backend)
    model = native.accelerator() if hasattr(native, "accelerator") else None
    return name if model is None else f"{name} ({model})"


def versions() -> dict[str, str]:
    """Return the versions of Python and of what is measured."""
    numbers = {"python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        try:
            numbers[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return numbers


def one_line(row: timing.Row) -> str:
    """Return a row in a few words."""
    if "error" in row:
        return str(row["error"])
    sides = ", ".join(f"{name} {quantity(side['median'], row['unit'])}" for name, side in row["sides"].items())
    ratios = ", ".join(f"{other['ratio']['median']:.2f} of {name}" for name, other in row["against"].items())
    return f"{sides}{': ' if ratios else ''}{ratios}{' (noisy)' if row.get('noisy') else ''}"


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]))

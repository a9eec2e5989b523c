"""What importing kerasfront and its models costs beyond the framework's own import, each in a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from kerasfront_bench import sides
from kerasfront_bench.timing import Row, Timer, row

_PROBE = """
import importlib, json, sys, time
framework, library, clock = sys.argv[1:]
now = time.process_time if clock == "cpu" else time.perf_counter
importlib.import_module(framework)
if framework == "jax":
    importlib.import_module("jax.numpy")
loaded, start = library in sys.modules, now()
importlib.import_module(library).Model  # Names load late: layers and models count, too.
print("\\n" + json.dumps(None if loaded else now() - start))
"""


def measure(backend: str, timer: Timer, job: dict[str, Any]) -> Iterator[tuple[str, Row]]:
    """Yield the row of the seconds beyond `import torch` (or jax, or tensorflow).

    A library that the framework's import has loaded already (TensorFlow loads Keras) is left out.
    """
    libraries = {name: sides.FRONTS[name] for name in (("front", "keras") if job["keras"] else ("front",))}
    rounds: dict[str, list[float]] = {name: [] for name in libraries}
    for index in range(1 + min(timer.rounds, 3)):
        for name, library in libraries.items():
            seconds = _seconds(backend, library, timer.clock)
            if index and seconds is not None:  # The first run only brings the files into memory.
                rounds[name].append(seconds)
    yield "import, beyond the framework", row({k: v for k, v in rounds.items() if v}, "s", per="process")


def _seconds(framework: str, library: str, clock: str) -> float | None:
    command = [sys.executable, "-c", _PROBE, framework, library, clock]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=True)
    seconds: float | None = json.loads(done.stdout.splitlines()[-1])
    return seconds

"""fit() against the hand-written loop, and against Keras: the same model, data, optimizer and batch size."""

from __future__ import annotations

import os
from typing import Any

from kerasfront_bench import sides
from kerasfront_bench.memory import peak_memory
from kerasfront_bench.timing import Row, Timer
from kerasfront_bench.workloads import Workload


def measure(backend: str, workload: Workload, timer: Timer, job: dict[str, Any]) -> Row:
    """Return the row of one workload: time of a step, samples a second, first step and peak memory of every side."""
    names = sides.names(backend, workload, job["keras"])
    batch, steps = workload.batch, max(2, round(workload.steps * job["scale"]))
    made_sides = {name: sides.make(name, backend, workload) for name in names}
    x, y = workload.make_data(batch * steps)
    compiling = {name: sides.warmed_up(side, x, y, batch) for name, side in made_sides.items()}
    for side in made_sides.values():
        del side.losses[1:]
    row = timer.interleave({name: _training(side, x, y) for name, side in made_sides.items()}, per=steps)
    row |= {"per": "step", "batch": batch, "steps": steps}
    for name, side in made_sides.items():
        row["sides"][name] |= {
            **compiling[name],
            "samples_per_s": batch * 1e6 / row["sides"][name]["median"],
            "parameters": side.parameters(),
            "loss": [side.losses[0], side.losses[-1]],
        }
    if job["memory"]:
        for name in names:
            row["sides"][name]["peak_mb"] = peak_memory(name, backend, workload, job, os.environ)
    return row


def _training(side: sides.Side, x: Any, y: Any) -> Any:
    return lambda: side.train(x, y)

"""The moving average of the variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerasfront import ops
from kerasfront.ops.elementwise import select_where


def update(optimizer: Any, variables: Sequence[Any]) -> None:
    """Take the variables into their averages (the first time the averages become them), and the other way when due."""
    first = ops.equal(optimizer.iterations, 0)
    momentum = select_where(first, 0.0, optimizer.ema_momentum)
    for v in variables:
        average = optimizer._averages[optimizer._derived.index[id(v)]]
        part = ops.cast(momentum, v._dtype)
        average.assign(part * average + (1 - part) * v)
    if optimizer.ema_overwrite_frequency:
        due = ops.equal((optimizer.iterations + 1) % optimizer.ema_overwrite_frequency, 0)
        for v in variables:
            v.assign(select_where(due, optimizer._averages[optimizer._derived.index[id(v)]], v))


def overwrite(optimizer: Any, variables: Sequence[Any]) -> None:
    """Set the variables to their averages; raises ValueError for one that the optimizer doesn't know."""
    for v in variables:
        if id(v) not in optimizer._derived.index:
            raise ValueError(f"The optimizer '{optimizer.name}' keeps no average of the variable '{v.path}'.")
        v.assign(optimizer._averages[optimizer._derived.index[id(v)]])

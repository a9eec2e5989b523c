"""Moving averages of variables (`use_ema`)."""

from __future__ import annotations

from collections.abc import Sequence

from kerasfront import ops
from kerasfront.ops.elementwise import select_where
from kerasfront.optimizers.base import OptimizerBase
from kerasfront.optimizers.derived import index_of
from kerasfront.variable import Variable


def update(optimizer: OptimizerBase, variables: Sequence[Variable]) -> None:
    """Update the averages by the variables, and set the variables to them when that is due.

    At the first update the averages become the variables.
    """
    averages, index = optimizer._kf.averages, index_of(optimizer)
    first = ops.equal(optimizer.iterations, 0)
    momentum = select_where(first, 0.0, optimizer.ema_momentum)
    for v in variables:
        average = averages[index[id(v)]]
        part = ops.cast(momentum, v._dtype)
        average.assign(part * average + (1 - part) * v)
    if optimizer.ema_overwrite_frequency:
        due = ops.equal((optimizer.iterations + 1) % optimizer.ema_overwrite_frequency, 0)
        for v in variables:
            v.assign(select_where(due, averages[index[id(v)]], v))


def overwrite(optimizer: OptimizerBase, variables: Sequence[Variable]) -> None:
    """Set the variables to their averages.

    Raises:
        ValueError: The optimizer doesn't know one of them.
    """
    averages, index = optimizer._kf.averages, index_of(optimizer)
    for v in variables:
        if id(v) not in index:
            raise ValueError(f"The optimizer '{optimizer.name}' keeps no average of the variable '{v.path}'.")
        v.assign(averages[index[id(v)]])

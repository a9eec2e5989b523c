"""Weight decay: what is taken away from variables before they are updated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from kerasfront import ops
from kerasfront.contract import assignment_scopes, running
from kerasfront.ops.declare.runtime import Runtime
from kerasfront.optimizers.base import OptimizerBase
from kerasfront.optimizers.derived import derived_of
from kerasfront.typing import Tensor
from kerasfront.variable import Variable

active: Runtime = running()


def decay_by(optimizer: OptimizerBase, variables: Sequence[Variable], rate: Tensor, amount: float | None) -> None:
    """Take `rate * amount` of the variables away from those that are not excluded."""
    if not amount:
        return
    derived = derived_of(optimizer)
    if derived.decayed is None:
        derived.decayed = {id(v) for v in optimizer._kf.trained if not _is_excluded(optimizer, v)}
    chosen = [v for v in variables if id(v) in derived.decayed]
    fused = active.adapter.fused_updates.get("weight_decay")
    if fused is not None and chosen and not assignment_scopes.stack:
        fused([v._value for v in chosen], rate, amount)
        return
    factor: Any = 1.0 - rate * amount
    for v in chosen:
        v.assign(v * ops.cast(factor, v.dtype))


def _is_excluded(optimizer: OptimizerBase, variable: Variable) -> bool:
    return any(
        re.search(e, variable.name) is not None if isinstance(e, str) else e is variable for e in optimizer._kf.excluded
    )

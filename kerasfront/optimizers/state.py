"""What an optimizer keeps for itself, in its one private attribute `_kf`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from kerasfront.derived import Derived
from kerasfront.optimizers.schedules.schedules import LearningRateSchedule
from kerasfront.tracking import TrackingState
from kerasfront.variable import Variable

FusedUpdate = Callable[..., bool]
Rate = Variable | LearningRateSchedule | Callable[[], Any]
# What a constructor takes as a learning rate.
RateLike = float | np.generic | LearningRateSchedule | Callable[[], Any]


class OfOptimizer(Derived):
    """What follows from an optimizer's class and from the variables that it was built with."""

    # The place of each variable in the lists of the state, by its identity; None: nothing was derived yet.
    index: dict[int, int] | None = None
    # The identities of the variables from which weight decay is taken; None: they were not looked for yet.
    decayed: set[int] | None = None
    # The adapter's fused update for the class's rule, if it has one.
    fused: FusedUpdate | None = None
    # Whether a variable has a constraint, and the version of the structure of all models when that was looked for.
    constrained: bool = False
    version: int = -1


class OptimizerState(TrackingState):
    """The state of an optimizer."""

    # A compiled step finds the variables by itself.
    _kf_unwatched = frozenset({"variables", "derived"})

    iterations: Variable
    learning_rate: Rate
    # All the state that is saved, in the order of the file.
    variables: list[Variable]
    # The variables that the optimizer was built with. `slots`, `averages` and `accumulators` are in their order.
    trained: list[Variable]
    slots: list[dict[str, Variable]]
    averages: list[Variable]
    accumulators: list[Variable]
    # Variables of a rule that belong to the optimizer as a whole.
    shared: dict[str, Variable]
    # Variables, and regular expressions of names, from which no weight decay is taken.
    excluded: list[Variable | str]
    # Whether a variable takes its gradient as its value.
    overwrites: bool = False
    derived: OfOptimizer

    def __init__(self) -> None:
        super().__init__(
            variables=[], trained=[], slots=[], averages=[], accumulators=[], shared={}, excluded=[],
            derived=OfOptimizer(),
        )  # fmt: skip

    def group_of(self, value: Any) -> list[Any] | None:
        return self.variables if isinstance(value, Variable) else None

    def groups(self) -> Iterable[list[Any]]:
        return (self.variables,)

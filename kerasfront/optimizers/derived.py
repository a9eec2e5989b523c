"""What follows from the variables that an optimizer was built with, looked up by the identity of a variable."""

from __future__ import annotations

from kerasfront import scopes
from kerasfront.contract import running
from kerasfront.ops.declare.runtime import Runtime
from kerasfront.optimizers.base import OptimizerBase
from kerasfront.optimizers.state import FusedUpdate, OfOptimizer
from kerasfront.variable import Variable

active: Runtime = running()


def derived_of(optimizer: OptimizerBase) -> OfOptimizer:
    """Return what an optimizer has derived from its variables, which is done here unless it was done before."""
    derived = optimizer._kf.derived
    if derived.index is None:
        derive(optimizer)
    return derived


def derive(optimizer: OptimizerBase) -> None:
    """Derive everything anew, after the optimizer was built."""
    state = optimizer._kf
    state.derived.index = {id(v): i for i, v in enumerate(state.trained)}
    state.derived.decayed, state.derived.fused = None, _fused_rule(type(optimizer))


def index_of(optimizer: OptimizerBase) -> dict[int, int]:
    """Return the place of each variable in the lists of the state, by the variable's identity."""
    index = derived_of(optimizer).index
    assert index is not None
    return index


def has_constraints(optimizer: OptimizerBase) -> bool:
    """Return whether a variable has a constraint."""
    derived, version = derived_of(optimizer), scopes.structure.version
    if derived.version != version:
        derived.constrained = any(v.constraint is not None for v in optimizer._kf.trained)
        derived.version = version
    return derived.constrained


def in_order(optimizer: OptimizerBase, slots: list[Variable], variables: list[Variable]) -> list[Variable]:
    """Return what is kept for each of some variables, from the list that has it for all of them."""
    index = index_of(optimizer)
    return [slots[index[id(v)]] for v in variables]


def _fused_rule(cls: type[OptimizerBase]) -> FusedUpdate | None:
    """Return the adapter's fused update for the class's rule; None where a subclass has a rule of its own."""
    owner = next(c for c in cls.__mro__ if "update" in c.__dict__)
    return active.adapter.fused_updates.get(owner.__dict__.get("rule") or "")

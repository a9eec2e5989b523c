"""How gradients are applied to variables: checks, clipping, weight decay, the rule, and what follows an update."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from kerasfront import ops
from kerasfront.contract import assignment_scopes, assignments
from kerasfront.optimizers import averaging, clipping
from kerasfront.optimizers.base import Hyper, OptimizerBase
from kerasfront.optimizers.derived import derived_of, has_constraints, in_order, index_of
from kerasfront.optimizers.rates import current_rate
from kerasfront.typing import Tensor, TensorLike
from kerasfront.variable import Variable


def checked(optimizer: OptimizerBase, grads: Sequence[Any], variables: Sequence[Variable] | None) -> list[Variable]:
    """Return the variables that gradients belong to; None stands for all that the optimizer was built with.

    Raises:
        ValueError: The optimizer isn't built or doesn't know a variable, or there are not as many gradients.
    """
    if variables is None:
        if not optimizer.built:
            raise ValueError(f"Build the optimizer '{optimizer.name}', or pass `trainable_variables` to apply().")
        variables = optimizer._kf.trained
    else:
        variables, index = list(variables), index_of(optimizer)
        for v in variables:
            if id(v) not in index:
                raise ValueError(
                    f"The optimizer '{optimizer.name}' was not built with the variable '{v.path}': build it with all "
                    "variables that it is to train, or make a new one. (Where a part of a model was thawed, "
                    "compile() the model again: an optimizer keeps state for what was trained when it was built.)"
                )
    if len(grads) != len(variables):
        raise ValueError(f"'{optimizer.name}' got {len(grads)} gradients for {len(variables)} variables.")
    return variables


def apply(optimizer: OptimizerBase, grads: list[Any], variables: list[Variable]) -> None:
    """Apply gradients to variables; a gradient may be None."""
    if optimizer._kf.overwrites:
        grads, variables = _without_overwritten(grads, variables)
    if any(g is None for g in grads):
        grads, variables = _with_gradient(grads, variables, optimizer.name)
    if grads:
        if optimizer.loss_scale_factor is not None:
            grads = [ops.divide(g, optimizer.loss_scale_factor) for g in grads]
        if optimizer.gradient_accumulation_steps:
            _accumulate(optimizer, grads, variables, optimizer.gradient_accumulation_steps)
        else:
            optimizer._kf_update_all(grads, variables)
        if has_constraints(optimizer):
            for v in variables:
                if v.constraint is not None:
                    v.assign(v.constraint(v))
    optimizer._kf.iterations.assign_add(1)


def update_all(optimizer: OptimizerBase, grads: list[Any], variables: list[Variable]) -> None:
    """Update the variables once, and all that is kept for them."""
    grads = _clipped(optimizer, grads)
    rate = current_rate(optimizer)
    optimizer._kf_decay(variables, rate)
    if optimizer._kf_by_step:
        for g, v in zip(grads, variables, strict=True):
            optimizer.update_step(g, v, rate)
    elif not _update_fused(optimizer, grads, variables, rate):
        update_by_rule(optimizer, grads, variables, rate)
    optimizer.finish_step()
    if optimizer.use_ema:
        averaging.update(optimizer, variables)


def _clipped(optimizer: OptimizerBase, grads: list[Any]) -> list[Any]:
    if optimizer.clipnorm:
        return [clipping.by_norm(g, optimizer.clipnorm) for g in grads]
    if optimizer.global_clipnorm:
        return clipping.by_global_norm(grads, optimizer.global_clipnorm)
    if optimizer.clipvalue:
        return [clipping.by_value(g, optimizer.clipvalue) for g in grads]
    return grads


def _update_fused(optimizer: OptimizerBase, grads: list[Any], variables: list[Variable], rate: Tensor) -> bool:
    """Update by the adapter's fused kernel; return whether there is one that takes these variables."""
    fused = derived_of(optimizer).fused
    if fused is None or assignment_scopes.stack:
        return False
    state, index = optimizer._kf, index_of(optimizer)
    rows = [state.slots[index[id(v)]] for v in variables]
    slots = {name: [row[name]._value for row in rows] for name in (rows[0] if rows else ())}
    hyper: dict[str, Any] = {name: getattr(optimizer, name) for name in optimizer.hyperparameters}
    hyper["learning_rate"], hyper["iterations"] = rate, state.iterations._value
    return bool(fused([v._value for v in variables], grads, slots, hyper))


def update_by_rule(optimizer: OptimizerBase, grads: Sequence[Any], variables: Sequence[Variable], rate: Tensor) -> None:
    """Update variable by variable, by the class's `update`."""
    index, all_slots = index_of(optimizer), optimizer._kf.slots
    hypers: dict[str, Hyper] = {}
    for g, v in zip(grads, variables, strict=True):
        if v._dtype not in hypers:
            hypers[v._dtype] = _hyper(optimizer, rate, v._dtype)
        slots = all_slots[index[id(v)]]
        before = {name: s.value for name, s in slots.items()}
        value, changed = optimizer.update(ops.convert_to_tensor(g, v._dtype), v.value, before, hypers[v._dtype])
        v.assign(value)
        for name, new in changed.items():
            slots[name].assign(new)


def _hyper(optimizer: OptimizerBase, rate: Tensor, dtype: str) -> Hyper:
    """Return what `prepare` gives, in the dtype of the variables."""
    step = ops.cast(optimizer.iterations, "float32") + 1.0
    hyper = optimizer.prepare(ops.cast(rate, "float32"), step)
    if dtype == "float32":
        return hyper
    return {name: ops.cast(value, dtype) if ops.is_tensor(value) else value for name, value in hyper.items()}


def _accumulate(optimizer: OptimizerBase, grads: list[Any], variables: list[Variable], steps: int) -> None:
    """Add gradients up, and update by their mean at every `steps`-th call."""
    state = optimizer._kf
    sums = in_order(optimizer, state.accumulators, variables)

    def update() -> None:
        means = [(s + ops.cast(g, s._dtype)) / steps for s, g in zip(sums, grads, strict=True)]
        optimizer._kf_update_all(means, variables)
        for s in sums:
            s.assign(ops.zeros(s.shape, s._dtype))

    def add() -> None:
        for s, g in zip(sums, grads, strict=True):
            s.assign_add(ops.cast(g, s._dtype))

    due = ops.equal((state.iterations + 1) % steps, 0)
    either(due, update, add, [*variables, *state.variables])


def either(
    condition: TensorLike, then: Callable[[], None], otherwise: Callable[[], None], variables: Sequence[Variable]
) -> None:
    """Run one of two functions that assign to `variables`, by a condition that a compiled step may not know."""

    def values_after(function: Callable[[], None]) -> list[Any]:
        with assignments(variables, [v._value for v in variables]):
            function()
            return [ops.convert_to_tensor(v._value) for v in variables]

    before = [v._value for v in variables]
    after = ops.cond(condition, lambda: values_after(then), lambda: values_after(otherwise))
    for v, old, new in zip(variables, before, after, strict=True):
        if new is not old:
            v.assign(new)


def _without_overwritten(grads: list[Any], variables: list[Variable]) -> tuple[list[Any], list[Variable]]:
    """Set the variables that take their gradient as their value; return the others."""
    rest = []
    for g, v in zip(grads, variables, strict=True):
        if not v.overwrite_with_gradient:
            rest.append((g, v))
        elif g is not None:
            v.assign(g)
    return [g for g, _ in rest], [v for _, v in rest]


def _with_gradient(grads: list[Any], variables: list[Variable], name: str) -> tuple[list[Any], list[Variable]]:
    """Return the variables that have a gradient, and warn of those that have none."""
    pairs = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
    without = [v.path for g, v in zip(grads, variables, strict=True) if g is None]
    if not pairs:
        raise ValueError(f"'{name}' got no gradient for any variable: {', '.join(without)}.")
    warnings.warn(f"'{name}' got no gradient for {', '.join(without)}: the loss does not depend on them.", stacklevel=5)
    return [g for g, _ in pairs], [v for _, v in pairs]

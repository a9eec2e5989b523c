"""Fused optimizers of the framework."""

from __future__ import annotations

from collections.abc import Mapping

from kerasfront.contract.native import OpFunction


class Optimize:
    """The part of an adapter that brings the framework's own fused update rules."""

    # Fused update rules, by the name of the optimizer's rule. A rule is called with `(variables, gradients, slots,
    # hyper)`: the storages of the Variables, their gradients, lists of storages by slot, and the optimizer's numbers
    # with "learning_rate" and "iterations" (before the step) as scalars. It updates in place and returns whether it
    # did; where it didn't, the optimizer's own rule runs. "weight_decay" is called with `(variables, learning_rate,
    # amount)`.
    fused_updates: Mapping[str, OpFunction] = {}

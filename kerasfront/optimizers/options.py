"""The arguments that all optimizers have beside the learning rate, for the signatures of their constructors."""

from __future__ import annotations

from typing import TypedDict


class OptionsBesideDecay(TypedDict, total=False):
    """The arguments of all optimizers but `weight_decay`, for those with a default of their own for that."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None


class OptimizerOptions(OptionsBesideDecay, total=False):
    """The arguments of all optimizers beside the learning rate."""

    weight_decay: float | None

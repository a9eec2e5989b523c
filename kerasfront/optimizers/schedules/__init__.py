"""Learning rate schedules."""

from typing import Any

from kerasfront.optimizers.schedules.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
from kerasfront.registry import Registry, by_name

_registry = Registry(
    "keras.optimizers.schedules",
    "learning rate schedule",
    by_name(
        CosineDecay, CosineDecayRestarts, ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay
    ),
)


def serialize(learning_rate_schedule: Any) -> Any:
    """The config from which `deserialize` makes an equal one."""
    return _registry.serialize(learning_rate_schedule)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """A learning rate schedule from its config, or the class of a name; `custom_objects` are the user's own."""
    return _registry.deserialize(config, custom_objects)


__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


def __dir__() -> list[str]:
    return __all__

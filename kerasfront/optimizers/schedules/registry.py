"""The learning rate schedules by their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerasfront.optimizers.schedules import schedules
from kerasfront.optimizers.schedules.schedules import LearningRateSchedule
from kerasfront.registry import Registry, by_name, classes_in

_registry = Registry(
    "keras.optimizers.schedules",
    "learning rate schedule",
    by_name(*classes_in(schedules, base=LearningRateSchedule)),
)


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """Return the config from which `deserialize` makes an equal schedule."""
    config: dict[str, Any] = _registry.serialize(learning_rate_schedule)
    return config


def deserialize(
    config: str | Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> LearningRateSchedule:
    """Make a schedule from its config, or return the class of a name; `custom_objects` are the user's own."""
    return _registry.deserialize(config, custom_objects)

"""Constraints on variables."""

from typing import Any

from kerasfront.constraints.constraints import Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from kerasfront.registry import Registry, by_name

max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm
_registry = Registry("keras.constraints", "constraint", by_name(MaxNorm, MinMaxNorm, NonNeg, UnitNorm))


def serialize(constraint: Any) -> Any:
    """The config from which `deserialize` makes an equal one."""
    return _registry.serialize(constraint)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """A constraint from its config, or the class or function of a name; `custom_objects` are the user's own."""
    return _registry.deserialize(config, custom_objects)


def get(identifier: Any) -> Any:
    """A constraint from its name, its class, its config or a function of a tensor; None for None.

    Raises:
        UnknownNameError: Nothing has the name.
        ValueError: `identifier` is none of these.

    >>> import kerasfront as keras
    >>> type(keras.constraints.get("non_neg")).__name__
    'NonNeg'
    """
    return _registry.get(identifier)


__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]


def __dir__() -> list[str]:
    return __all__

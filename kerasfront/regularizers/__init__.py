"""Regularizers: penalties on variables and outputs."""

from typing import Any

from kerasfront.registry import Registry, by_name
from kerasfront.regularizers.regularizers import L1, L1L2, L2, OrthogonalRegularizer, Regularizer

l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer
_registry = Registry("keras.regularizers", "regularizer", by_name(L1, L2, L1L2, OrthogonalRegularizer, l1_l2=L1L2))


def serialize(regularizer: Any) -> Any:
    """The config from which `deserialize` makes an equal one."""
    return _registry.serialize(regularizer)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """A regularizer from its config, or the class or function of a name; `custom_objects` are the user's own."""
    return _registry.deserialize(config, custom_objects)


def get(identifier: Any) -> Any:
    """A regularizer from its name, its class, its config or a function of a tensor; None for None.

    Raises:
        UnknownNameError: Nothing has the name.
        ValueError: `identifier` is none of these.

    >>> import kerasfront as keras
    >>> keras.regularizers.get("l2").get_config()
    {'l2': 0.01}
    """
    return _registry.get(identifier)


__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]


def __dir__() -> list[str]:
    return __all__

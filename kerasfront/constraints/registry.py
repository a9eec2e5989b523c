"""The constraints by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, overload

from kerasfront.constraints import constraints
from kerasfront.constraints.constraints import Constraint
from kerasfront.registry import Registry, by_name, classes_in
from kerasfront.typing import Config, ConstraintLike, Tensor

_registry = Registry("keras.constraints", "constraint", by_name(*classes_in(constraints, base=Constraint)))


def serialize(constraint: Callable[..., Any]) -> Config | str | None:
    """Return the config from which `deserialize` makes an equal constraint."""
    config: Config | str | None = _registry.serialize(constraint)
    return config


def deserialize(
    config: str | Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Callable[..., Tensor]:
    """Make a constraint from its config, or return the class of a name; `custom_objects` are the user's own."""
    made: Callable[..., Tensor] = _registry.deserialize(config, custom_objects)
    return made


@overload
def get(identifier: None) -> None: ...
@overload
def get(identifier: ConstraintLike) -> Callable[..., Tensor]: ...
def get(identifier: ConstraintLike | None) -> Callable[..., Tensor] | None:
    """Return a constraint from its name, its class, its config or a function; None for None.

    Raises:
        UnknownNameError: Nothing has the name.
        ValueError: `identifier` is none of these.

    >>> import kerasfront as keras
    >>> type(keras.constraints.get("non_neg")).__name__
    'NonNeg'
    """
    constraint: Callable[..., Tensor] | None = _registry.get(identifier)
    return constraint

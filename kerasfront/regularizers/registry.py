"""The regularizers by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, overload

from kerasfront.registry import Registry, by_name, classes_in
from kerasfront.regularizers import regularizers
from kerasfront.regularizers.regularizers import Regularizer
from kerasfront.typing import Config, RegularizerLike, Tensor

_registry = Registry(
    "keras.regularizers", "regularizer", by_name(*classes_in(regularizers, base=Regularizer), l1_l2=regularizers.L1L2)
)


def serialize(regularizer: Callable[..., Any]) -> Config | str | None:
    """Return the config from which `deserialize` makes an equal regularizer."""
    config: Config | str | None = _registry.serialize(regularizer)
    return config


def deserialize(
    config: str | Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Callable[..., Tensor]:
    """Make a regularizer from its config, or return the class of a name; `custom_objects` are the user's own."""
    made: Callable[..., Tensor] = _registry.deserialize(config, custom_objects)
    return made


@overload
def get(identifier: None) -> None: ...
@overload
def get(identifier: RegularizerLike) -> Callable[..., Tensor]: ...
def get(identifier: RegularizerLike | None) -> Callable[..., Tensor] | None:
    """Return a regularizer from its name, its class, its config or a function; None for None.

    Raises:
        UnknownNameError: Nothing has the name.
        ValueError: `identifier` is none of these.

    >>> import kerasfront as keras
    >>> keras.regularizers.get("l2").get_config()
    {'l2': 0.01}
    """
    regularizer: Callable[..., Tensor] | None = _registry.get(identifier)
    return regularizer

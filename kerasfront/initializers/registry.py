"""The initializers by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, overload

import numpy as np

from kerasfront import ops
from kerasfront.initializers import constant_initializers, random_initializers
from kerasfront.initializers.constant_initializers import STFT, Identity, Ones, Zeros
from kerasfront.initializers.initializer import Initializer
from kerasfront.initializers.random_initializers import Orthogonal, RandomNormal, RandomUniform
from kerasfront.registry import Registry, by_name, classes_in
from kerasfront.typing import Config, DTypeLike, InitializerLike, ShapeLike, Tensor

_registry = Registry(
    "keras.initializers",
    "initializer",
    by_name(
        *classes_in(constant_initializers, random_initializers, base=Initializer),
        IdentityInitializer=Identity, OrthogonalInitializer=Orthogonal, STFTInitializer=STFT, stft=STFT,
        zero=Zeros, one=Ones, normal=RandomNormal, uniform=RandomUniform,
    ),
)  # fmt: skip


def serialize(initializer: Callable[..., Any]) -> Config | str | None:
    """Return the config from which `deserialize` makes an equal initializer."""
    config: Config | str | None = _registry.serialize(initializer)
    return config


def deserialize(
    config: str | Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Callable[..., Tensor]:
    """Make an initializer from its config, or return the class of a name; `custom_objects` are the user's own."""
    made: Callable[..., Tensor] = _registry.deserialize(config, custom_objects)
    return made


@overload
def get(identifier: None) -> None: ...
@overload
def get(identifier: InitializerLike) -> Callable[..., Tensor]: ...
def get(identifier: InitializerLike | None) -> Callable[..., Tensor] | None:
    """Return an initializer from a name, a class, a config, a function `(shape, dtype)`, or the values; None for None.

    Raises:
        UnknownNameError: Nothing has the name.
        ValueError: `identifier` is none of these.

    >>> import kerasfront as keras
    >>> type(keras.initializers.get("he_normal")).__name__
    'HeNormal'
    """
    if isinstance(identifier, np.ndarray) or (not callable(identifier) and ops.is_tensor(identifier)):
        return _of_values(identifier)
    initializer: Callable[..., Tensor] | None = _registry.get(identifier)
    return initializer


def _of_values(values: Any) -> Callable[..., Tensor]:
    """Return an initializer that returns these values."""

    def initialize(shape: ShapeLike, dtype: DTypeLike | None = None, **kwargs: Any) -> Tensor:
        return ops.convert_to_tensor(values, dtype)

    return initialize

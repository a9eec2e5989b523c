"""Initializers: the values that variables begin with, equal on every backend for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kerasfront import ops, variable
from kerasfront.initializers.constant_initializers import STFT, Constant, Identity, Ones, Zeros
from kerasfront.initializers.initializer import Initializer
from kerasfront.initializers.random_initializers import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)
from kerasfront.registry import Registry, by_name

IdentityInitializer, OrthogonalInitializer, STFTInitializer = Identity, Orthogonal, STFT
zeros, ones, constant, identity, stft = Zeros, Ones, Constant, Identity, STFT
glorot_normal, glorot_uniform, he_normal, he_uniform = GlorotNormal, GlorotUniform, HeNormal, HeUniform
lecun_normal, lecun_uniform, orthogonal, variance_scaling = LecunNormal, LecunUniform, Orthogonal, VarianceScaling
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal

_registry = Registry(
    "keras.initializers",
    "initializer",
    by_name(
        Zeros, Ones, Constant, Identity, STFT, GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal,
        LecunUniform, Orthogonal, RandomNormal, RandomUniform, TruncatedNormal, VarianceScaling,
        IdentityInitializer=Identity, OrthogonalInitializer=Orthogonal, STFTInitializer=STFT, stft=STFT,
        zero=Zeros, one=Ones, normal=RandomNormal, uniform=RandomUniform,
    ),
)  # fmt: skip


def serialize(initializer: Any) -> Any:
    """The config from which `deserialize` makes an equal one."""
    return _registry.serialize(initializer)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """An initializer from its config, or the class or function of a name; `custom_objects` are the user's own."""
    return _registry.deserialize(config, custom_objects)


def get(identifier: Any) -> Any:
    """An initializer from its name, its class, its config, a function `(shape, dtype)`, or the values themselves.

    Raises:
        UnknownNameError: Nothing has the name.
        ValueError: `identifier` is none of these.

    >>> import kerasfront as keras
    >>> type(keras.initializers.get("he_normal")).__name__
    'HeNormal'
    """
    if isinstance(identifier, np.ndarray) or (not callable(identifier) and ops.is_tensor(identifier)):
        return _of_values(identifier)
    return _registry.get(identifier)


def _of_values(values: Any) -> Callable[..., Any]:
    def initialize(shape: Any, dtype: Any = None, **kwargs: Any) -> Any:
        return ops.convert_to_tensor(values, dtype)

    return initialize


variable.initializer_of = get

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "STFT",
    "STFTInitializer",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "stft",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]


def __dir__() -> list[str]:
    return __all__

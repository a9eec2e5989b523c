"""The registry of layers: which classes a config may name, and how layers and configs become each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerasfront import serialization
from kerasfront.layers.base.layer import Layer
from kerasfront.typing import Config


def register(names: Mapping[str, Any]) -> None:
    """Let configs name the layers among the names of `keras.layers`."""
    layers = {name: thing for name, thing in names.items() if isinstance(thing, type) and issubclass(thing, Layer)}
    serialization.register("keras.layers", layers)


def serialize(layer: Layer) -> Config:
    """Return the config of a layer, from which `deserialize` makes an equal one.

    >>> import kerasfront as keras
    >>> keras.layers.serialize(keras.layers.Dense(3, name="head"))["config"]["units"]
    3
    """
    return serialization.serialize_keras_object(layer)


def deserialize(config: Config, custom_objects: Mapping[str, Any] | None = None) -> Layer:
    """Make the layer of a config.

    Raises:
        SavingError: The config is malformed, or names an unknown class.

    >>> import kerasfront as keras
    >>> config = keras.layers.serialize(keras.layers.Dense(3, name="head"))
    >>> keras.layers.deserialize(config).units
    3
    """
    return serialization.deserialize_keras_object(config, custom_objects=custom_objects)

"""Wrapper: the base of layers that wrap another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, Unpack

from kerasfront import serialization
from kerasfront.errors import not_one
from kerasfront.layers._configured import Configured, where
from kerasfront.layers._options import LayerOptions
from kerasfront.layers.base.layer import Layer
from kerasfront.typing import Config, Shape


class Wrapper(Configured):
    """The base of layers that wrap another one.

    Args:
        layer: The layer inside.

    Raises:
        ValueError: `layer` is no layer.

    >>> import kerasfront as keras
    >>> class Twice(keras.layers.Wrapper):
    ...     def call(self, inputs):
    ...         return 2 * self.layer(inputs)
    >>> Twice(keras.layers.Dense(3))(keras.ops.ones((2, 4))).shape[1]
    3
    """

    layer: Layer

    def __init__(self, layer: Layer, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise not_one(f"`layer` of {where(self)} to be a layer", layer)
        self.layer = layer

    def build(self, input_shape: Shape | None = None) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)

    @classmethod
    def from_config(cls, config: Config, custom_objects: Mapping[str, Any] | None = None) -> Self:
        with serialization.custom_object_scope(custom_objects):
            return super().from_config(config)

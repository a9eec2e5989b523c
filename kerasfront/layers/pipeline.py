"""Pipeline: layers one after the other, as one layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from kerasfront import serialization
from kerasfront.layers._configured import give_paths, where
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.data_layer import DataLayer
from kerasfront.state import StateAlias
from kerasfront.typing import Config, NestedTensors, Shape


class Pipeline(DataLayer):
    """Layers that are called one after the other. They may take and return what a model can't, such as dicts.

    Args:
        layers: The layers, in order.
        name: A name.

    Raises:
        ValueError: `layers` holds something else than layers.

    >>> import kerasfront as keras
    >>> pipeline = keras.layers.Pipeline([keras.layers.Rescaling(2.0), keras.layers.Rescaling(1.0, offset=1.0)])
    >>> float(pipeline(keras.ops.array([3.0]))[0])
    7.0
    """

    # The name in weight files is Keras's.
    _kf_saved_as = {"_kf_layers": "_pipeline_layers"}
    _kf_layers: list[Layer]
    _pipeline_layers = StateAlias[list[Layer]](lambda layer: layer.layers)

    def __init__(self, layers: Sequence[Layer], name: str | None = None) -> None:
        # Labels and boxes that come with images keep their dtypes: each layer casts what it computes with.
        super().__init__(name=name, autocast=False)
        strange = [x for x in layers if not isinstance(x, Layer)]
        if strange:
            raise ValueError(f"Expected `layers` of {where(self)} to be layers, got {strange[0]!r}.")
        self._kf_layers = list(layers)

    @property
    def layers(self) -> list[Layer]:
        """The layers, in order."""
        return list(self._kf_layers)

    def build(self, input_shape: Shape | None = None) -> None:
        """Each layer is built by its first call, when its inputs are known."""
        give_paths(self._kf_layers)

    def call(self, inputs: NestedTensors, training: bool = True, mask: NestedTensors | None = None) -> Any:
        for layer in self._kf_layers:
            spec = type(layer)._kf_call
            flag = {"training": training} if spec.has_training else {}
            masks = {"mask": mask} if mask is not None and "mask" in spec.parameter_names else {}
            inputs = layer(inputs, **flag, **masks)
        return inputs

    def get_config(self) -> Config:
        layers = [serialization.serialize_keras_object(layer) for layer in self._kf_layers]
        return {"layers": layers, "name": self.name}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Mapping[str, Any] | None = None) -> Self:
        layers = [serialization.deserialize_keras_object(x, custom_objects=custom_objects) for x in config["layers"]]
        return cls(layers, name=config.get("name"))

"""Sequential: one layer after the other."""

from __future__ import annotations

from typing import Any

from kerasfront import scopes, serialization, tree
from kerasfront.errors import not_one
from kerasfront.layers._configured import give_paths
from kerasfront.layers.core_input import Input, InputLayer
from kerasfront.layers.layer import Layer
from kerasfront.layers.layer import _scope_of as scope_of
from kerasfront.models.entry import Entry
from kerasfront.models.graph import put_back, recorded
from kerasfront.models.model import Model, with_masks
from kerasfront.pairing import Pairing
from kerasfront.spec import KerasTensor


class Sequential(Model):
    """A model that is a list of layers. It is built when it knows its input's shape: from an `Input`, a first layer
    with `input_shape`, `build`, or the first data.

    Args:
        layers: The layers.
        trainable: Whether they may be trained.
        name: A name.

    >>> import kerasfront as keras
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> model.output_shape
    (None, 2)
    """

    # As in functional models; the Input is no part of the file.
    _saves_layers_first = True
    _not_saved = ("_input_layer",)

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None) -> None:
        Layer.__init__(self, name=name, trainable=trainable)
        self.__dict__.update(_stack=[], _input=None, _output=None, _entry=None)
        for layer in layers or ():
            self.add(layer)

    def __getstate__(self) -> dict[str, Any]:
        return {"_recorded": recorded(tree.flatten(self._output)), **super().__getstate__()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        put_back(state.pop("_recorded"))
        super().__setstate__(state)

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Append a layer; raises ValueError for a name that is taken, or an input that isn't the first."""
        if isinstance(layer, KerasTensor) and layer.node is not None and isinstance(layer.node.operation, InputLayer):
            layer = layer.node.operation
        if not isinstance(layer, Layer):
            raise not_one(f"a layer to add to the Sequential '{self.name}'", layer)
        if any(layer.name == other.name for other in self._stack):
            raise ValueError(f"The Sequential '{self.name}' has a layer named '{layer.name}' already.")
        if isinstance(layer, InputLayer):
            self._set_input(layer, declared=True)
            return
        self._stack.append(layer)
        self._note(self._layers, layer.name, layer)
        self._forget_functions()
        given = layer.__dict__.get("_input_shape_arg")
        if len(self._stack) == 1 and self._input is None and given is not None:
            self._set_input(Input(shape=given).node.operation, before=True, declared=True)
        elif self._input is None and len(self._stack) == 1 and hasattr(layer, "input_shape") and layer.built:
            shape = getattr(layer, "input_shape", None)
            if isinstance(layer, Model) and isinstance(shape, tuple):
                x = Input(batch_shape=shape, dtype=layer.inputs[0].dtype)
                self._set_input(x.node.operation, before=True)
        elif self._output is not None:
            self.__dict__["_output"] = self._applied([layer], self._output)

    def _set_input(self, layer: InputLayer, before: bool = False, declared: bool = False) -> None:
        """Begin with `layer`, an Input that was declared or one for the shape of first data."""
        if self._input is not None or (self._stack and not before):
            raise ValueError(f"The Sequential '{self.name}' has layers already; an Input comes first, and once.")
        self.__dict__["_input_layer"] = layer
        x = layer._inbound_nodes[0].outputs[0]
        self.__dict__["_input"] = x
        # Whether layers take other sizes they say themselves; of first data the shape is known, but any dtype may come.
        self.__dict__["_entry"] = Entry([x], [layer.name], sizes=False, casts=declared)
        if self.__dict__["_path"] is None:
            self.__dict__["_path"] = scopes.path_of(self.name)
        self.__dict__["_output"] = self._applied(self._stack, x)
        self.built = True

    def _applied(self, layers: list[Layer], x: Any) -> Any:
        """x after some of the layers, which are built on the way: below the model in paths, as in a call."""
        with scope_of(self):
            for layer in layers:
                x = layer(x)
            give_paths(layers)
        return x

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer away."""
        if not self._stack:
            raise ValueError(f"The Sequential '{self.name}' has no layers.")
        layer = self._stack.pop()
        self._layers[:] = [x for x in self._layers if x is not layer]
        scopes.structure.change()
        if self._input is not None:
            self.__dict__["_output"] = self._applied(self._stack, self._input)
        self._forget_functions()
        return layer

    def build(self, input_shape: Any = None) -> None:
        """Build the layers for inputs of this shape (with the batch dim)."""
        if self._input is not None or input_shape is None:
            return
        if not self._stack:
            raise ValueError(f"The Sequential '{self.name}' has no layers: add some before it is built.")
        if not isinstance(input_shape, (list, tuple)) or any(isinstance(d, (list, tuple)) for d in input_shape):
            self.built = True
            return
        x = Input(batch_shape=(None, *input_shape[1:]), dtype=getattr(self._stack[0], "input_dtype", None))
        self._set_input(x.node.operation, before=True)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        x = inputs if mask is None else with_masks(inputs, mask)
        if self._entry is not None:
            x = self._entry.fitted(self._only(x) if isinstance(x, (list, tuple, dict)) else x, 0, self)
        for layer in self._stack:
            x = layer(x)
        return x

    def _only(self, inputs: Any) -> Any:
        """The input that came in a list, or under its name."""
        return Pairing(None, self._entry.names, kind="input").pair(inputs, "inputs", extra=True, model=self)[0]

    @property
    def layers(self) -> list[Layer]:
        return list(self._stack)

    @property
    def inputs(self) -> list[KerasTensor]:
        return [self._needs_input()]

    @property
    def outputs(self) -> list[KerasTensor]:
        return tree.flatten(self._needs_output())

    @property
    def input(self) -> Any:
        return self._needs_input()

    @property
    def output(self) -> Any:
        return self._needs_output()

    @property
    def input_shape(self) -> Any:
        return self._needs_input().shape

    @property
    def output_shape(self) -> Any:
        return tree.map_structure(lambda x: x.shape, self._needs_output())

    @property
    def input_dtype(self) -> str:
        return self._input.dtype if self._input is not None else super().input_dtype

    @property
    def output_names(self) -> list[str]:
        return [self._stack[-1].name] if self._stack else []

    def _known_outputs(self) -> Any:
        return None if "call" in self.__dict__ or type(self).call is not Sequential.call else self._output

    def _names_of_outputs(self) -> list[str]:
        return self.output_names

    def _needs_input(self) -> Any:
        if self._input is None:
            raise AttributeError(f"The Sequential '{self.name}' isn't built yet: it has no defined input or output.")
        return self._input

    def _needs_output(self) -> Any:
        self._needs_input()
        return self._output

    def get_config(self) -> dict[str, Any]:
        declared = self._entry is not None and self._entry.casts  # an input by first data has a shape, no dtype
        layers = ([self._input_layer] if declared else []) + self._stack
        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": super().get_config()["dtype"],
            "layers": [serialization.serialize_keras_object(layer) for layer in layers],
        }
        if self._input is not None:
            config["build_input_shape"] = self._input.shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        with serialization.custom_object_scope(custom_objects or {}):
            layers = [serialization.deserialize_keras_object(entry) for entry in config["layers"]]
        model = cls(layers, name=config.get("name"))
        if config.get("trainable") is False:
            model.trainable = False
        shape = config.get("build_input_shape")
        if model._input is None and shape:
            model.build(tuple(shape))
        return model

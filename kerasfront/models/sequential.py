"""Sequential: one layer after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from kerasfront import scopes, serialization, tree
from kerasfront.errors import not_one
from kerasfront.layers._configured import give_paths
from kerasfront.layers.base.building import scope_of
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.core_input import Input, InputLayer, layer_of_input
from kerasfront.models.entry import Entry
from kerasfront.models.given_masks import with_masks
from kerasfront.models.model import Functional, Model
from kerasfront.models.state import SequentialState
from kerasfront.pairing import Pairing
from kerasfront.spec import KerasTensor, nodes_of
from kerasfront.tracking import add
from kerasfront.typing import NestedShapes, NestedTensors, Shape


class Sequential(Model):
    """A model that is a list of layers.

    It is built when it knows its input's shape: from an `Input`, a first layer with `input_shape`, `build`, or
    the first data.

    Args:
        layers: The layers.
        trainable: Whether they may be trained.
        name: A name.

    >>> import kerasfront as keras
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> model.output_shape
    (None, 2)
    """

    _kf: SequentialState
    _kf_state = SequentialState
    # As in functional models.
    _kf_saves_layers_first = True

    def __init__(self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None) -> None:
        Layer.__init__(self, name=name, trainable=trainable)
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Layer | KerasTensor, rebuild: bool = True) -> None:
        """Append a layer; raises ValueError for a name that is taken, or an input that isn't the first."""
        state = self._kf
        layer = layer_of_input(layer) or layer
        if not isinstance(layer, Layer):
            raise not_one(f"a layer to add to the Sequential '{self.name}'", layer)
        if any(layer.name == other.name for other in state.stack):
            raise ValueError(f"The Sequential '{self.name}' has a layer named '{layer.name}' already.")
        if isinstance(layer, InputLayer):
            _set_input(self, layer, declared=True)
            return
        state.stack.append(layer)
        add(self, layer.name, layer)
        state.cache.forget_functions()
        if len(state.stack) == 1 and state.input is None and layer._kf.input_shape is not None:
            _set_input(self, layer_of_input(Input(shape=layer._kf.input_shape)), before=True, declared=True)
        elif state.input is None and len(state.stack) == 1 and hasattr(layer, "input_shape") and layer.built:
            shape = getattr(layer, "input_shape", None)
            if isinstance(layer, (Functional, Sequential)) and isinstance(shape, tuple):
                x = Input(batch_shape=shape, dtype=layer.inputs[0].dtype)
                _set_input(self, layer_of_input(x), before=True)
        elif state.output is not None:
            state.output = _applied(self, [layer], state.output)

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer away."""
        state = self._kf
        if not state.stack:
            raise ValueError(f"The Sequential '{self.name}' has no layers.")
        layer = state.stack.pop()
        state.layers[:] = [x for x in state.layers if x is not layer]
        scopes.structure.change()
        if state.input is not None:
            state.output = _applied(self, state.stack, state.input)
        state.cache.forget_functions()
        return layer

    def build(self, input_shape: NestedShapes | None = None) -> None:
        """Build the layers for inputs of this shape (with the batch dim)."""
        state = self._kf
        if state.input is not None or input_shape is None:
            return
        if not state.stack:
            raise ValueError(f"The Sequential '{self.name}' has no layers: add some before it is built.")
        if not isinstance(input_shape, (list, tuple)) or any(isinstance(d, (list, tuple)) for d in input_shape):
            self.built = True
            return
        x = Input(batch_shape=(None, *input_shape[1:]), dtype=getattr(state.stack[0], "input_dtype", None))
        _set_input(self, layer_of_input(x), before=True)

    def call(
        self, inputs: NestedTensors, training: bool | None = None, mask: NestedTensors | None = None
    ) -> NestedTensors:
        """Return what the layers make of the inputs, one after the other."""
        state = self._kf
        x = inputs if mask is None else with_masks(inputs, mask)
        if (entry := state.entry) is not None:
            x = entry.fitted(_only(self, entry, x) if isinstance(x, (list, tuple, dict)) else x, 0, self)
        for layer in state.stack:
            x = layer(x)
        return x

    @property
    def layers(self) -> list[Layer]:
        return list(self._kf.stack)

    @property
    def inputs(self) -> list[KerasTensor]:
        return [_input_of(self)]

    @property
    def outputs(self) -> list[KerasTensor]:
        return tree.flatten(_output_of(self))

    @property
    def input(self) -> KerasTensor:
        return _input_of(self)

    @property
    def output(self) -> KerasTensor | Any:
        return _output_of(self)

    @property
    def input_shape(self) -> Shape:
        return _input_of(self).shape

    @property
    def output_shape(self) -> NestedShapes:
        return tree.map_structure(lambda x: x.shape, _output_of(self))

    @property
    def input_dtype(self) -> str:
        return self._kf.input.dtype if self._kf.input is not None else super().input_dtype

    @property
    def output_names(self) -> list[str]:
        return [self._kf.stack[-1].name] if self._kf.stack else []

    def _kf_known_outputs(self) -> Any:
        own = "call" in vars(self) or type(self).call is not Sequential.call
        return None if own else self._kf.output

    def _kf_output_names(self) -> list[str]:
        return self.output_names

    def get_config(self) -> dict[str, Any]:
        state = self._kf
        # An input by first data has a shape, but no dtype of its own.
        declared = [state.input_layer] if state.entry is not None and state.entry.casts else []
        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": super().get_config()["dtype"],
            "layers": [serialization.serialize_keras_object(layer) for layer in (*declared, *state.stack)],
        }
        if state.input is not None:
            config["build_input_shape"] = state.input.shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        with serialization.custom_object_scope(custom_objects or {}):
            layers = [serialization.deserialize_keras_object(entry) for entry in config["layers"]]
        model = cls(layers, name=config.get("name"))
        if config.get("trainable") is False:
            model.trainable = False
        shape = config.get("build_input_shape")
        if model._kf.input is None and shape:
            model.build(tuple(shape))
        return model


def _set_input(model: Sequential, layer: InputLayer | None, before: bool = False, declared: bool = False) -> None:
    """Begin with `layer`, an Input that was declared or one for the shape of first data."""
    state = model._kf
    assert layer is not None
    if state.input is not None or (state.stack and not before):
        raise ValueError(f"The Sequential '{model.name}' has layers already; an Input comes first, and once.")
    state.input_layer = layer
    x = state.input = nodes_of(layer)[0].outputs[0]
    # Whether layers take other sizes they say themselves; of first data the shape is known, but any dtype may come.
    state.entry = Entry([x], [layer.name], sizes=False, casts=declared)
    if state.path is None:
        state.path = scopes.path_of(model.name)
    state.output = _applied(model, state.stack, x)
    model.built = True


def _applied(model: Sequential, layers: list[Layer], x: Any) -> Any:
    """x after some of the layers, which are built on the way: below the model in paths, as in a call."""
    with scope_of(model):
        for layer in layers:
            x = layer(x)
        give_paths(layers)
    return x


def _only(model: Sequential, entry: Entry, inputs: Any) -> Any:
    """Return the input that came in a list, or under its name."""
    return Pairing(None, entry.names, kind="input").pair(inputs, "inputs", extra=True, model=model)[0]


def _input_of(model: Sequential) -> KerasTensor:
    if model._kf.input is None:
        raise AttributeError(f"The Sequential '{model.name}' isn't built yet: it has no defined input or output.")
    return model._kf.input


def _output_of(model: Sequential) -> Any:
    _input_of(model)
    return model._kf.output

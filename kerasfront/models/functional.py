"""Functional models: a graph of layers and ops from symbolic inputs to symbolic outputs."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from kerasfront import serialization, tree
from kerasfront.contract import running
from kerasfront.layers.core_input import InputLayer
from kerasfront.layers.layer import Layer
from kerasfront.models.entry import Entry
from kerasfront.models.graph import Plan
from kerasfront.models.model import Model, with_masks
from kerasfront.ops.declare.symbolic import Applied
from kerasfront.pairing import Pairing
from kerasfront.saving import op_configs
from kerasfront.spec import KerasTensor, Node

active = running()


class Functional(Model):
    """A model made of a graph; `Model(inputs, outputs)` makes one.

    Args:
        inputs: Symbolic inputs, nested.
        outputs: Symbolic outputs, nested, that depend on `inputs` only.
        name: A name.
        trainable: Whether the layers may be trained.
    """

    # Files have the layers of a graph under "layers", whatever attributes hold them too.
    _saves_layers_first = True

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any) -> None:
        Layer.__init__(self, name=name, **kwargs)
        plan = Plan(inputs, outputs)
        held = self.__dict__
        held["_plan"], held["_inputs_struct"], held["_outputs_struct"] = plan, inputs, outputs
        nodes = [x.node for x in plan.inputs if x.node is not None] + plan.nodes
        held["_operations"] = _ordered(nodes, plan)
        for operation in self._operations:
            if isinstance(operation, Layer):
                self._note(self._layers, operation.name, operation)
        names = [getattr(o, "name", None) for o in self._operations]
        twice = sorted({n for n in names if n and names.count(n) > 1})
        if twice:
            raise ValueError(
                f"Layers of a model need names of their own: several are called {', '.join(map(repr, twice))}."
            )
        held["_input_names"] = _names_of(inputs, plan.inputs)
        held["_entry"] = Entry(plan.inputs, self._input_names)
        self.input_spec = self._entry.specs()
        held["_plain_input"] = isinstance(inputs, KerasTensor)
        self.built = True

    def __getstate__(self) -> dict[str, Any]:
        return {"_plan": self._plan, **super().__getstate__()}

    # -- what is known of it

    @property
    def inputs(self) -> list[KerasTensor]:
        return list(self._plan.inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        return list(self._plan.outputs)

    @property
    def input(self) -> Any:
        return self._inputs_struct

    @property
    def output(self) -> Any:
        return self._outputs_struct

    @property
    def input_shape(self) -> Any:
        return tree.map_structure(lambda x: x.shape, self._inputs_struct)

    @property
    def output_shape(self) -> Any:
        return tree.map_structure(lambda x: x.shape, self._outputs_struct)

    @property
    def input_names(self) -> list[str]:
        return list(self._input_names)

    @property
    def output_names(self) -> list[str]:
        return [_name_of_output(x) for x in self._plan.outputs]

    def _names_of_outputs(self) -> list[str]:
        return [_name_of_output(x) for x in Pairing(self._outputs_struct).leaves(self._outputs_struct)]

    @property
    def operations(self) -> list[Any]:
        return list(self._operations)

    @property
    def layers(self) -> list[Layer]:
        return [o for o in self._operations if isinstance(o, Layer)]

    def build(self, input_shape: Any = None) -> None:
        self.built = True

    def _known_outputs(self) -> Any:
        return None if "call" in self.__dict__ or type(self).call is not Functional.call else self._outputs_struct

    # -- running

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The outputs for inputs in the model's structure (a dict may hold more keys than are used).

        `mask` holds masks of the inputs, nested as they are; without it they have those that they carry.
        """
        return self._plan.run(self._standardized(inputs if mask is None else with_masks(inputs, mask)))

    def _standardized(self, inputs: Any) -> list[Any]:
        """The inputs as a flat list in the model's order, of the ranks and dtypes that it expects."""
        fitted = self._entry.fitted
        if self._plain_input and not isinstance(inputs, (list, tuple, dict)):
            return [fitted(inputs, 0, self)]
        return [fitted(x, i, self) for i, x in enumerate(self._plan.laid(inputs, self._entry.optional, self))]

    def _check_inputs(self, inputs: Any) -> None:
        """Nothing: `call` fits and checks them."""

    # -- config

    def get_config(self) -> dict[str, Any]:
        """The graph in Keras's format: the layers with their nodes, by name."""
        if (
            type(self) is not Functional
            and type(self).__init__ is not Functional.__init__
            and not _plain_subclass(self)
        ):
            return Layer.get_config(self)
        inside = {id(n) for n in self._plan.nodes} | {id(x.node) for x in self._plan.inputs}
        places = {
            id(node): (operation.name, number)
            for operation in self._operations
            for number, node in enumerate([n for n in operation._inbound_nodes if id(n) in inside])
        }

        def reference(x: KerasTensor) -> list[Any]:
            name, number = places[id(x.node)]
            return [name, number, x.index]

        layers = [_operation_config(o, inside, reference) for o in self._operations]
        return {
            "name": self.name,
            "trainable": self.trainable,
            "layers": layers,
            "input_layers": _referenced(self._inputs_struct, reference),
            "output_layers": _referenced(self._outputs_struct, reference),
        }

    @staticmethod
    def graph_from_config(cls: type, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A model of `cls` from what `get_config` returned."""
        with serialization.custom_object_scope(custom_objects or {}):
            inputs, outputs = _Rebuilt(config).ends()
        extra = {
            k: v for k, v in config.items() if k not in ("layers", "input_layers", "output_layers", "name", "trainable")
        }
        target = Functional if cls is Model else cls
        model = target(inputs=inputs, outputs=outputs, name=config.get("name"), **extra)
        if config.get("trainable") is False:
            model.trainable = False
        return model


Model._functional = Functional


def _name_of_output(x: KerasTensor) -> str:
    """The name of the layer that an output comes from."""
    return str(x.node.operation.name) if x.node is not None else x.name


def _plain_subclass(model: Functional) -> bool:
    return "__init__" not in type(model).__dict__


def _names_of(structure: Any, flat: list[KerasTensor]) -> list[str]:
    if isinstance(structure, dict) and len(structure) == len(flat):
        return [str(k) for k in sorted(structure)]
    return [
        x.node.operation.name if x.node is not None and isinstance(x.node.operation, InputLayer) else x.name
        for x in flat
    ]


def _ordered(nodes: list[Node], plan: Plan) -> list[Any]:
    """The operations by depth (the longest way to an output), the deepest first; the inputs before all."""
    depth: dict[int, int] = defaultdict(int)
    for node in reversed(plan.nodes):
        for parent in node.parents:
            depth[id(parent)] = max(depth[id(parent)], depth[id(node)] + 1)
    of_operation: dict[int, int] = {}
    operations: dict[int, Any] = {}
    for node in nodes:
        key = id(node.operation)
        operations.setdefault(key, node.operation)
        of_operation[key] = max(of_operation.get(key, 0), depth[id(node)])
    deepest = max(of_operation.values(), default=0)
    for node in nodes:
        if isinstance(node.operation, InputLayer):
            of_operation[id(node.operation)] = max(of_operation[id(node.operation)], deepest)
    order = list(operations)
    return [operations[k] for k in sorted(order, key=lambda k: (-of_operation[k], order.index(k)))]


def _operation_config(operation: Any, inside: set[int], reference: Any) -> dict[str, Any]:
    if isinstance(operation, Applied):
        node = operation._inbound_nodes[0]
        config, args, kwargs = op_configs.to_config(operation.op, operation.name, node.args, node.kwargs)
        return {**config, "name": operation.name, "inbound_nodes": [_call_config(args, kwargs, reference)]}
    config = serialization.serialize_keras_object(operation)
    config["name"] = operation.name
    config["inbound_nodes"] = [
        _call_config(node.args, node.kwargs, reference)
        for node in operation._inbound_nodes
        if id(node) in inside and node.inputs
    ]
    return config


def _call_config(args: Any, kwargs: Any, reference: Any) -> dict[str, Any]:
    def value(x: Any) -> Any:
        if isinstance(x, KerasTensor):
            return {
                "class_name": "__keras_tensor__",
                "config": {"shape": list(x.shape), "dtype": x.dtype, "keras_history": reference(x)},
            }
        if isinstance(x, (list, tuple)):
            return [value(v) for v in x]
        if isinstance(x, dict):
            return {k: value(v) for k, v in x.items()}
        return serialization.serialize_keras_object(x)

    return {"args": [value(a) for a in args], "kwargs": {k: value(v) for k, v in kwargs.items()}}


def _referenced(structure: Any, reference: Any) -> Any:
    if isinstance(structure, KerasTensor):
        return reference(structure)
    if isinstance(structure, dict):
        return {k: _referenced(v, reference) for k, v in structure.items()}
    return [_referenced(v, reference) for v in structure]


class _Rebuilt:
    """A graph from its config: layers are made first, then applied, each node once its arguments are there."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.operations: dict[str, Any] = {}
        self.outputs: dict[tuple[str, int], list[KerasTensor]] = {}
        waiting: list[tuple[str, int, dict[str, Any]]] = []
        for entry in config["layers"]:
            name = entry.get("name") or entry["config"]["name"]
            self.operations[name] = _operation_from(entry)
            if isinstance(self.operations[name], InputLayer):
                self.outputs[name, 0] = self.operations[name]._inbound_nodes[0].outputs
            waiting += [(name, i, node) for i, node in enumerate(entry.get("inbound_nodes", ()))]
        self._apply_all(waiting)

    def _apply_all(self, waiting: list[tuple[str, int, dict[str, Any]]]) -> None:
        while waiting:
            later = [w for w in waiting if not self._apply(*w)]
            if len(later) == len(waiting):
                names = ", ".join(sorted({name for name, _, _ in later}))
                raise ValueError(f"The config of the model is incomplete: the inputs of {names} can't be found.")
            waiting = later

    def _apply(self, name: str, number: int, node: dict[str, Any]) -> bool:
        if number and (name, number - 1) not in self.outputs:
            return False  # the nodes of a layer keep their order
        try:
            args = [self._value(a) for a in node["args"]]
            kwargs = {k: self._value(v) for k, v in node.get("kwargs", {}).items()}
        except KeyError:
            return False
        self.outputs[name, number] = [
            x for x in tree.flatten(self.operations[name](*args, **kwargs)) if isinstance(x, KerasTensor)
        ]
        return True

    def _value(self, x: Any) -> Any:
        if isinstance(x, dict) and x.get("class_name") == "__keras_tensor__":
            name, number, index = x["config"]["keras_history"]
            return self.outputs[name, number][index]
        if isinstance(x, dict) and x.get("class_name") == "__tuple__":
            return tuple(self._value(v) for v in x["config"]["value"])
        if isinstance(x, list):
            return [self._value(v) for v in x]
        if isinstance(x, dict) and "class_name" not in x:
            return {k: self._value(v) for k, v in x.items()}
        return serialization.revive(x)

    def ends(self) -> tuple[Any, Any]:
        return self._tensors(self.config["input_layers"]), self._tensors(self.config["output_layers"])

    def _tensors(self, structure: Any) -> Any:
        if isinstance(structure, dict):
            return {k: self._tensors(v) for k, v in structure.items()}
        if len(structure) == 3 and isinstance(structure[0], str) and isinstance(structure[1], int):
            name, number, index = structure
            return self.outputs[name, number][index]
        return [self._tensors(v) for v in structure]


def _operation_from(entry: dict[str, Any]) -> Any:
    if op_configs.is_op(entry):
        return op_configs.from_config(entry)
    return serialization.deserialize_keras_object(entry)

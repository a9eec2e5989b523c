"""The config of a functional model, in Keras's format: its layers with their nodes, by name. And the way back."""

from __future__ import annotations

from typing import Any

from kerasfront import serialization, tree
from kerasfront.layers.core_input import InputLayer
from kerasfront.models.graph import Graph
from kerasfront.ops.declare.symbolic import Applied
from kerasfront.saving import op_configs
from kerasfront.spec import KerasTensor, nodes_of


def graph_config(graph: Graph) -> dict[str, Any]:
    """Return the layers of a graph with their nodes, and which tensors are its inputs and outputs."""
    inside = {id(n) for n in graph.plan.nodes} | {id(x.node) for x in graph.plan.inputs}
    places = {
        id(node): (operation.name, number)
        for operation in graph.operations
        for number, node in enumerate([n for n in nodes_of(operation) if id(n) in inside])
    }

    def reference(x: KerasTensor) -> list[Any]:
        name, number = places[id(x.node)]
        return [name, number, x.index]

    return {
        "layers": [_operation_config(o, inside, reference) for o in graph.operations],
        "input_layers": _referenced(graph.inputs, reference),
        "output_layers": _referenced(graph.outputs, reference),
    }


def ends_from_config(config: dict[str, Any]) -> tuple[Any, Any]:
    """Return the inputs and outputs, nested, of a graph that is made again from its config."""
    return _Rebuilt(config).ends()


def _operation_config(operation: Any, inside: set[int], reference: Any) -> dict[str, Any]:
    if isinstance(operation, Applied):
        node = nodes_of(operation)[0]
        config, args, kwargs = op_configs.to_config(operation.op, operation.name, node.args, node.kwargs)
        return {**config, "name": operation.name, "inbound_nodes": [_call_config(args, kwargs, reference)]}
    config = serialization.serialize_keras_object(operation)
    config["name"] = operation.name
    config["inbound_nodes"] = [
        _call_config(node.args, node.kwargs, reference)
        for node in nodes_of(operation)
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
                self.outputs[name, 0] = nodes_of(self.operations[name])[0].outputs
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

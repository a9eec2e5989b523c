"""The graph that symbolic calls record: which nodes lie between inputs and outputs, and how to run them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kerasfront import tree
from kerasfront.errors import not_one
from kerasfront.layers.base.conversion import map_shapes
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.base.operation import Operation
from kerasfront.layers.core_input import InputLayer
from kerasfront.ops.declare.symbolic import Applied
from kerasfront.pairing import Pairing
from kerasfront.spec import KerasTensor, Node, nodes_of
from kerasfront.typing import NestedShapes, NestedTensors

if TYPE_CHECKING:
    from kerasfront.models.model import Model

_Step = Callable[[list[Any]], None]


class GraphError(ValueError):
    """The outputs can't be computed from the inputs."""


def nodes_between(inputs: list[KerasTensor], outputs: list[KerasTensor]) -> list[Node]:
    """Return the nodes from inputs to outputs, each after those it needs, in the order in which they were recorded.

    Raises GraphError where an output depends on something that is no input.
    """
    input_ids = {id(x) for x in inputs}
    visited_nodes: dict[int, Node] = {}
    # (node, whether its parents were visited): a depth-first walk without recursion, as graphs can be deep.
    pending: list[tuple[KerasTensor, Node | None, bool]] = [(x, x.node, False) for x in reversed(outputs)]
    while pending:
        tensor, node, visited = pending.pop()
        if id(tensor) in input_ids and not visited:
            continue
        if node is None or (not node.inputs and not visited and _is_input(node)):
            raise GraphError(
                f"The output depends on {tensor}, which is not connected to the inputs "
                f"({', '.join(x.name for x in inputs)}). Every symbolic tensor that an output needs comes from them."
            )
        if id(node) in visited_nodes:
            continue
        if visited:
            visited_nodes[id(node)] = node
            continue
        pending.append((tensor, node, True))
        pending.extend((x, x.node, False) for x in reversed(node.inputs))
    return list(visited_nodes.values())


def _is_input(node: Node) -> bool:
    return hasattr(node.operation, "batch_shape")


def recorded(tensors: list[KerasTensor]) -> list[Node]:
    """All the nodes that led to the tensors, each after those it needs.

    What copies or pickles a graph begins with these, in this order, so that it never has to follow it into the depth.
    """
    nodes: dict[int, Node] = {}
    pending = [(x.node, False) for x in reversed(tensors)]
    while pending:
        node, visited = pending.pop()
        if node is None or id(node) in nodes:
            continue
        if visited:
            nodes[id(node)] = node
        else:
            pending.append((node, True))
            pending.extend((x.node, False) for x in reversed(node.inputs))
    return list(nodes.values())


def put_back(nodes: list[Node]) -> None:
    """Tell copied layers of the nodes that were copied with the graph that they are in."""
    for node in nodes:
        nodes_of_operation = nodes_of(node.operation)
        if not any(node is other for other in nodes_of_operation):
            nodes_of_operation.append(node)


class Function(Operation):
    """A computation from symbolic inputs to symbolic outputs, as a callable.

    Args:
        inputs: KerasTensors, nested.
        outputs: KerasTensors, nested, that were computed from `inputs`.
        name: A name.

    >>> import kerasfront as keras
    >>> x = keras.Input((2,))
    >>> f = keras.Function(x, keras.ops.sum(x * 2.0, axis=1))
    >>> keras.ops.convert_to_numpy(f(keras.ops.ones((1, 2)))).tolist()
    [4.0]
    """

    def __init__(self, inputs: NestedTensors, outputs: NestedTensors, name: str | None = None) -> None:
        super().__init__(name=name)
        self.plan: Plan = Plan(inputs, outputs)

    @property
    def inputs(self) -> list[KerasTensor]:
        return self.plan.inputs

    @property
    def outputs(self) -> list[KerasTensor]:
        return self.plan.outputs

    @property
    def operations(self) -> list[Any]:
        return list(dict.fromkeys(node.operation for node in self.plan.nodes))

    def call(self, inputs: NestedTensors) -> NestedTensors:
        return self.plan.run(self.plan.arrange(inputs))

    def compute_output_spec(self, inputs: NestedTensors) -> NestedTensors:
        return super().compute_output_spec(inputs)

    def compute_output_shape(self, input_shape: NestedShapes) -> NestedShapes:
        """Return the shapes of the outputs for shapes of the inputs."""
        dtypes = iter(self.inputs)
        inputs = map_shapes(lambda s: KerasTensor(s, next(dtypes).dtype), input_shape)
        return tree.map_structure(lambda x: x.shape, self.compute_output_spec(inputs))


class Plan:
    """The nodes of a graph as a list of steps over numbered slots."""

    def __init__(self, inputs: NestedTensors, outputs: NestedTensors) -> None:
        self.inputs: list[KerasTensor] = tree.flatten(inputs)
        self.outputs: list[KerasTensor] = tree.flatten(outputs)
        self.structure = outputs
        for what, values in (("inputs", self.inputs), ("outputs", self.outputs)):
            for value in values:
                if not isinstance(value, KerasTensor):
                    raise not_one(f"the {what} to be KerasTensors (made by Input())", value)
        self.nodes: list[Node] = nodes_between(self.inputs, self.outputs)
        self._places = Pairing(inputs, _input_names(inputs), kind="input")
        # For each place, in the order in which the inputs were given, where it is among `self.inputs`.
        self._order = self._places.leaves(tree.pack_sequence_as(inputs, range(len(self.inputs))))
        self._lay_out()

    def _lay_out(self) -> None:
        places = {id(x): i for i, x in enumerate(self.inputs)}
        for node in self.nodes:
            for output in node.outputs:
                places.setdefault(id(output), len(places))
        self.size: int = len(places)
        self.results: list[int] = [places[id(x)] for x in self.outputs]
        # Each step, and the slots that nobody reads after it: their memory serves the next ones.
        self.steps: list[tuple[_Step, list[int]]] = [(_step(node, places), []) for node in self.nodes]
        last = {places[id(x)]: i for i, node in enumerate(self.nodes) for x in (*node.outputs, *node.inputs)}
        for place in last.keys() - {*self.results}:
            self.steps[last[place]][1].append(place)
        self.single: bool = isinstance(self.structure, KerasTensor)

    # The steps are functions over the layers of this plan: a copy has its own, of its own layers.
    def __getstate__(self) -> dict[str, Any]:
        return {"recorded": recorded(self.outputs), "inputs": self.inputs, "structure": self.structure,
                "nodes": self.nodes, "_places": self._places, "_order": self._order}  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        put_back(state.pop("recorded"))
        for name, value in state.items():
            setattr(self, name, value)
        self.outputs = tree.flatten(self.structure)
        self._lay_out()

    def arrange(self, inputs: NestedTensors, optional: Sequence[bool] = (), model: Model | None = None) -> list[Any]:
        """Return a value for each of `self.inputs`, from inputs nested as they are, a list in their order, or a dict.

        Args:
            inputs: A dict goes by the keys of the model's own dict, or by the names of the `Input`s; it may hold more.
            optional: Which inputs a dict may leave out.
            model: The model that an error names.
        """
        if isinstance(inputs, dict) and any(optional):
            absent = [i for i, place in enumerate(self._order) if optional[place]]
            inputs = {**self._places.filled(absent), **inputs}
        values = self._places.pair(inputs, "inputs", extra=True, model=model)
        out = [None] * len(values)
        for place, value in zip(self._order, values, strict=True):
            out[place] = value
        return out

    def run(self, values: list[Any]) -> NestedTensors:
        """Return the outputs for values of the inputs, in their order."""
        if len(values) != len(self.inputs):
            raise ValueError(f"Expected {len(self.inputs)} input(s), got {len(values)}.")
        slots = values + [None] * (self.size - len(values))
        for step, finished in self.steps:
            step(slots)
            for place in finished:
                slots[place] = None
        if self.single:
            return slots[self.results[0]]
        return tree.pack_sequence_as(self.structure, [slots[i] for i in self.results])


@dataclass
class Graph:
    """A functional model's graph: how it runs, its ends, nested, and the operations in it."""

    plan: Plan
    inputs: Any
    outputs: Any
    # The layers and the applied ops, the deepest first.
    operations: list[Any]
    input_names: list[str]

    @classmethod
    def between(cls, inputs: NestedTensors, outputs: NestedTensors) -> Graph:
        """Return the graph between inputs and outputs.

        Raises:
            ValueError: An output isn't connected to the inputs, or several layers have the same name.
        """
        plan = Plan(inputs, outputs)
        nodes = [x.node for x in plan.inputs if x.node is not None] + plan.nodes
        operations = _ordered(nodes, plan)
        names = [getattr(o, "name", None) for o in operations]
        twice = sorted({n for n in names if n and names.count(n) > 1})
        if twice:
            raise ValueError(
                f"Layers of a model need names of their own: several are called {', '.join(map(repr, twice))}."
            )
        return cls(plan, inputs, outputs, operations, _names_of(inputs, plan.inputs))

    @property
    def layers(self) -> list[Layer]:
        """The layers among the operations."""
        return [o for o in self.operations if isinstance(o, Layer)]


def _input_names(inputs: Any) -> list[str]:
    """Return the names of the `Input`s, in the order in which they were given."""
    return [x.node.operation.name if x.node is not None else x.name for x in Pairing(inputs).leaves(inputs)]


def _step(node: Node, places: dict[int, int]) -> _Step:
    """Return the node as a function on the slots; the common shapes of calls do without rebuilding nested arguments."""
    operation = node.operation
    call = operation.op.call if isinstance(operation, Applied) else operation
    write = _writer(node, places)
    sources = [places[id(x)] for x in node.inputs]
    args, kwargs = node.args, node.kwargs

    if not kwargs and len(args) == 1 and isinstance(args[0], KerasTensor):
        source = sources[0]
        if not node.nested:
            target = places[id(node.outputs[0])]

            def one_to_one(slots: list[Any]) -> None:
                slots[target] = call(slots[source])

            return one_to_one
        return lambda slots: write(slots, call(slots[source]))
    if not kwargs and len(args) == 1 and type(args[0]) is list and len(args[0]) == len(sources):
        return lambda slots: write(slots, call([slots[i] for i in sources]))
    flat = tree.flatten((args, kwargs))
    template = [(i, places[id(x)]) for i, x in enumerate(flat) if isinstance(x, KerasTensor)]

    def general(slots: list[Any]) -> None:
        values = list(flat)
        for index, place in template:
            values[index] = slots[place]
        a, k = tree.pack_sequence_as((args, kwargs), values)
        write(slots, call(*a, **k))

    return general


def _writer(node: Node, places: dict[int, int]) -> Callable[[list[Any], Any], None]:
    targets = list(zip((places[id(x)] for x in node.outputs), node.leaves, strict=True))
    if len(targets) == 1:
        (only, leaf), nested = targets[0], node.nested

        def write_one(slots: list[Any], out: Any) -> None:
            slots[only] = tree.flatten(out)[leaf] if nested else out

        return write_one

    def write(slots: list[Any], out: Any) -> None:
        flat = tree.flatten(out)
        for place, leaf in targets:
            slots[place] = flat[leaf]

    return write


def name_of_output(x: KerasTensor) -> str:
    """Return the name of the layer that an output comes from."""
    return str(x.node.operation.name) if x.node is not None else x.name


def _names_of(structure: Any, flat: list[KerasTensor]) -> list[str]:
    if isinstance(structure, dict) and len(structure) == len(flat):
        return [str(k) for k in sorted(structure)]
    return [
        x.node.operation.name if x.node is not None and isinstance(x.node.operation, InputLayer) else x.name
        for x in flat
    ]


def _ordered(nodes: list[Node], plan: Plan) -> list[Any]:
    """Return the operations by depth (the longest way to an output), the deepest first; the inputs before all."""
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

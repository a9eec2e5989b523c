"""Operation: what can be a node of a graph and can be made again from its config."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Self

from kerasfront import serialization, tree
from kerasfront.arguments import Constructed
from kerasfront.layers.base.aliases import StateAlias
from kerasfront.naming import auto_name, to_snake_case
from kerasfront.ops import checkpoint
from kerasfront.spec import KerasTensor, Node, OperationState, infer, nodes_of
from kerasfront.state import attach
from kerasfront.typing import Config, NestedTensors, Tensor


class Operation(Constructed):
    """The base of layers: a name, nodes, and a config.

    Subclasses define `call`. The arguments of the constructor are remembered, so that `get_config` need not be
    written where they are plain values or things that can be serialised.
    """

    _kf: OperationState
    name: str
    # Private names of Keras (docs/aliases.md).
    _inbound_nodes = StateAlias[list[Node]](lambda operation: nodes_of(operation))

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        operation = super().__new__(cls)
        attach(operation, OperationState(nodes=[], arguments=(args, kwargs)))
        return operation

    def __init__(self, name: str | None = None) -> None:
        self.name = checked_name(self, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        if any(isinstance(x, KerasTensor) for x in tree.flatten((args, kwargs))):
            return self.symbolic_call(*args, **kwargs)  # type: ignore[return-value]
        return self.call(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the result."""
        raise NotImplementedError(f"The {type(self).__name__} '{self.name}' defines no call().")

    def symbolic_call(self, *args: Any, **kwargs: Any) -> KerasTensor | NestedTensors:
        """Return the symbolic result, with a node that records this application."""
        outputs = self.compute_output_spec(*args, **kwargs)
        nodes_of(self).append(Node(self, args, kwargs, outputs))
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> KerasTensor | NestedTensors:
        """Return the symbolic result."""
        return infer(self.call, args, kwargs)

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"The {type(self).__name__} '{self.name}' has no quantized_call().")

    def rematerialized_call(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Tensor:
        """Return `fn(*args, **kwargs)`, whose inner values the gradient computes again instead of keeping them."""
        return checkpoint(fn)(*args, **kwargs)

    # -- config

    def get_config(self) -> Config:
        """Return the arguments that make an equal one: those given to the constructor.

        Raises:
            NotImplementedError: An argument can't be serialised, and the class doesn't define `get_config`.
        """
        config: dict[str, Any] = {"name": self.name}
        for key, value in named_arguments(self).items():
            try:
                config[key] = serialization.serialize_argument(self.name, key, value)
            except (TypeError, ValueError) as error:
                raise NotImplementedError(
                    f"The {type(self).__name__} '{self.name}' was made with an argument that can't be serialised, "
                    f"{key}={value!r}. Define get_config() and from_config() for the class."
                ) from error
        return config

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Make a new one from what `get_config` returned."""
        config = {k: serialization.revive(v) for k, v in config.items()}
        try:
            return cls(**config)
        except TypeError as error:
            raise TypeError(f"{cls.__name__} can't be made from its config {config}: {error}") from error

    # -- the graph

    @property
    def input(self) -> KerasTensor | Any:
        """The symbolic input of the only application; raises AttributeError where there is none, or several."""
        node = _only_node(self)
        return node.args[0] if len(node.inputs) <= 1 else node.inputs

    @property
    def output(self) -> KerasTensor | Any:
        """The symbolic output of the only application; raises AttributeError where there is none, or several."""
        outputs = _only_node(self).outputs
        return outputs[0] if len(outputs) == 1 else outputs


def checked_name(operation: Operation, name: str | None) -> str:
    """Return the name of a new operation: the given one, or one made from its class; raises ValueError."""
    if name is not None and (not isinstance(name, str) or "/" in name):
        raise ValueError(
            f"Expected the `name` of a {type(operation).__name__} to be a string without '/', got {name!r}."
        )
    return name or auto_name(to_snake_case(type(operation).__name__))


def named_arguments(operation: Operation) -> dict[str, Any]:
    """Return the arguments of an operation's constructor, by name."""
    args, kwargs = operation._kf.arguments
    signature = _signature(type(operation))
    bound = signature.bind(operation, *args, **kwargs)
    named: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[1:]:
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            named.update(value)
        elif kind is not inspect.Parameter.VAR_POSITIONAL:
            named[name] = value
    return named


def _only_node(operation: Operation) -> Node:
    nodes = nodes_of(operation)
    if len(nodes) != 1:
        raise AttributeError(
            f"The {type(operation).__name__} '{operation.name}' was applied to {len(nodes)} symbolic inputs: "
            "input and output are those of the only application."
        )
    return nodes[0]


_signatures: dict[type, inspect.Signature] = {}


def _signature(cls: type) -> inspect.Signature:
    if cls not in _signatures:
        init: Callable[..., Any] = cls.__init__  # type: ignore[misc]
        _signatures[cls] = inspect.signature(init)
    return _signatures[cls]

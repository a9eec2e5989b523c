"""Operation: what can be a node of a graph and can be made again from its config."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from kerasfront import serialization, tree
from kerasfront.arguments import Constructed
from kerasfront.naming import auto_name, to_snake_case
from kerasfront.ops import checkpoint
from kerasfront.spec import KerasTensor, Node, infer


class Operation(Constructed):
    """The base of layers: a name, nodes, and a config.

    Subclasses define `call`. The arguments of the constructor are remembered, so that `get_config` need not be
    written where they are plain values or things that can be serialised.
    """

    name: str
    _inbound_nodes: list[Node]
    _init_arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        instance = super().__new__(cls)
        state = instance.__dict__
        state["_init_arguments"] = (args, kwargs)
        state["_inbound_nodes"] = []
        return instance

    def __init__(self, name: str | None = None) -> None:
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(
                f"Expected the `name` of a {type(self).__name__} to be a string without '/', got {name!r}."
            )
        self.__dict__["name"] = name or auto_name(to_snake_case(type(self).__name__))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any(isinstance(x, KerasTensor) for x in tree.flatten((args, kwargs))):
            return self.symbolic_call(*args, **kwargs)
        return self.call(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"The {type(self).__name__} '{self.name}' defines no call().")

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """The symbolic result, with a node that records this application."""
        outputs = self.compute_output_spec(*args, **kwargs)
        self._inbound_nodes.append(Node(self, args, kwargs, outputs))
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The symbolic result."""
        return infer(self.call, args, kwargs)

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"The {type(self).__name__} '{self.name}' has no quantized_call().")

    def rematerialized_call(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """`fn(*args, **kwargs)`, of which the gradient computes again what is inside instead of having kept it."""
        return checkpoint(fn)(*args, **kwargs)

    # -- config

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal one: those given to the constructor.

        Raises:
            NotImplementedError: An argument can't be serialised, and the class doesn't define `get_config`.
        """
        config = {"name": self.name}
        for key, value in self._named_arguments().items():
            try:
                config[key] = serialization.serialize_argument(self.name, key, value)
            except (TypeError, ValueError) as error:
                raise NotImplementedError(
                    f"The {type(self).__name__} '{self.name}' was made with an argument that can't be serialised, "
                    f"{key}={value!r}. Define get_config() and from_config() for the class."
                ) from error
        return config

    def _named_arguments(self) -> dict[str, Any]:
        args, kwargs = self._init_arguments
        signature = _signature(type(self))
        bound = signature.bind(self, *args, **kwargs)
        named: dict[str, Any] = {}
        for name, value in list(bound.arguments.items())[1:]:
            kind = signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_KEYWORD:
                named.update(value)
            elif kind is not inspect.Parameter.VAR_POSITIONAL:
                named[name] = value
        return named

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A new one from what `get_config` returned."""
        config = {k: serialization.revive(v) for k, v in config.items()}
        try:
            return cls(**config)
        except TypeError as error:
            raise TypeError(f"{cls.__name__} can't be made from its config {config}: {error}") from error

    # -- the graph

    @property
    def input(self) -> Any:
        """The symbolic input of the only application; raises where there is none, or several."""
        return self._only_node().args[0] if len(self._only_node().inputs) <= 1 else self._only_node().inputs

    @property
    def output(self) -> Any:
        outputs = self._only_node().outputs
        return outputs[0] if len(outputs) == 1 else outputs

    def _only_node(self) -> Node:
        if len(self._inbound_nodes) != 1:
            raise AttributeError(
                f"The {type(self).__name__} '{self.name}' was applied to {len(self._inbound_nodes)} symbolic inputs: "
                "input and output are those of the only application."
            )
        node: Node = self._inbound_nodes[0]
        return node


_signatures: dict[type, inspect.Signature] = {}


def _signature(cls: type) -> inspect.Signature:
    if cls not in _signatures:
        init: Callable[..., Any] = cls.__init__  # type: ignore[misc]
        _signatures[cls] = inspect.signature(init)
    return _signatures[cls]

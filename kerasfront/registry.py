"""Objects that are found by name: what `get`, `serialize` and `deserialize` of a public namespace share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kerasfront import serialization
from kerasfront.errors import has_state_of_keras, not_one, unknown
from kerasfront.naming import to_snake_case
from kerasfront.tracebacks import entry_point


def by_name(*objects: Any, **others: Any) -> dict[str, Any]:
    """The objects by the names they are called by: a class also by its name in snake case."""
    names: dict[str, Any] = {}
    for thing in objects:
        names[thing.__name__] = thing
        if isinstance(thing, type):
            names.setdefault(to_snake_case(thing.__name__), thing)
    return {**names, **others}


def _is_strange(thing: Any) -> bool:
    """Whether an object or a class is one that another library trains with, though it may be called."""
    kind = thing if isinstance(thing, type) else type(thing)
    return has_state_of_keras(kind) or kind.__module__.startswith(("torch.optim", "optax"))


class Registry:
    """The objects of one namespace.

    Args:
        module: The namespace as files name it ("keras.losses").
        kind: What its objects are, for errors ("loss").
        names: The objects by every name that finds them.
    """

    def __init__(self, module: str, kind: str, names: Mapping[str, Any]) -> None:
        self.module, self.kind, self.names = module, kind, dict(names)
        serialization.register(module, self.names)

    def find(self, name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The class or function of that name; the user's own come first. Raises UnknownNameError."""
        own = serialization.get_registered_object(name, custom_objects)
        if own is not None:
            return own
        if name not in self.names:
            raise unknown(self.kind, name, self.names)
        return self.names[name]

    @entry_point
    def get(self, identifier: Any, accepts: Callable[[Any], bool] = callable) -> Any:
        """An object for a name, a class, a config, or an object (returned as it is); None for None.

        Raises:
            UnknownNameError: Nothing has the name.
            ValueError: `identifier` is none of these.
        """
        if identifier is None:
            return None
        if isinstance(identifier, dict):
            return self.deserialize(identifier)
        if isinstance(identifier, str):
            identifier = self.find(identifier)
        if isinstance(identifier, type) and not _is_strange(identifier):
            return identifier()
        if accepts(identifier) and not _is_strange(identifier):
            return identifier
        raise not_one(f"the {self.kind} to be a name, a config or an object that can be called", identifier)

    def serialize(self, thing: Any) -> Any:
        """The config from which `deserialize` makes an equal object."""
        return serialization.serialize_keras_object(thing)

    @entry_point
    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The object of a config, or of a name."""
        if isinstance(config, str):
            return self.find(config, custom_objects)
        if config.get("class_name") == "function" and isinstance(config.get("config"), str):
            return self.find(config["config"], custom_objects)
        if "module" not in config:  # as Keras 1 and 2 wrote it
            return self.find(config["class_name"], custom_objects).from_config(config.get("config", {}))
        return serialization.deserialize_keras_object(config, custom_objects=custom_objects)

"""The registry of a public namespace: what its `get`, `serialize` and `deserialize` share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, TypeVar

from kerasfront import serialization
from kerasfront.errors import has_state_of_keras, not_one, unknown
from kerasfront.naming import to_snake_case
from kerasfront.tracebacks import entry_point

T = TypeVar("T")


def by_name(*objects: Callable[..., Any], **others: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Return classes and functions by their names, a class also by its name in snake case.

    Args:
        objects: The classes and functions.
        others: More of them, each under the name of the argument alone.

    >>> sorted(by_name(Registry, is_empty=len))
    ['Registry', 'is_empty', 'registry']
    """
    names: dict[str, Callable[..., Any]] = {}
    for each in objects:
        names[each.__name__] = each
        if isinstance(each, type):
            names.setdefault(to_snake_case(each.__name__), each)
    return {**names, **others}


def classes_in(*modules: ModuleType, base: type[T]) -> list[type[T]]:
    """Return the public classes that modules define, of those that derive from `base`.

    >>> from kerasfront.constraints import constraints
    >>> [cls.__name__ for cls in classes_in(constraints, base=constraints.Constraint)]
    ['MaxNorm', 'MinMaxNorm', 'NonNeg', 'UnitNorm']
    """
    return [
        value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, base)
        and value is not base
        and value.__module__ == module.__name__
        and value.__name__ == name
        and not name.startswith("_")
    ]


def _is_foreign(candidate: Any) -> bool:
    """Return whether an object or a class is another library's: it may be callable and still do nothing here."""
    kind = candidate if isinstance(candidate, type) else type(candidate)
    return has_state_of_keras(kind) or kind.__module__.startswith(("torch.optim", "optax"))


class Registry:
    """The classes and functions of one namespace, found by name or by config.

    Args:
        module: The namespace as files name it ("keras.losses").
        kind: What its objects are, for errors ("loss").
        names: The classes and functions, by every name that finds them.
    """

    def __init__(self, module: str, kind: str, names: Mapping[str, Callable[..., Any]]) -> None:
        self.module: str = module
        self.kind: str = kind
        self.names: dict[str, Callable[..., Any]] = dict(names)
        serialization.register(module, self.names)

    def find(self, name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Return the class or function of that name. One that the user registered comes first.

        Raises:
            UnknownNameError: Nothing has the name.
        """
        registered = serialization.get_registered_object(name, custom_objects)
        if registered is not None:
            return registered
        if name not in self.names:
            raise unknown(self.kind, name, self.names)
        return self.names[name]

    @entry_point
    def get(self, identifier: Any, accepts: Callable[[Any], bool] = callable) -> Any:
        """Return the object that an argument such as `loss=` names.

        Args:
            identifier: A name, a class, or a config, from which an object is made; an object, which is returned as it
                is; or None, for which None is returned.
            accepts: Whether an object is one of this namespace.

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
        if isinstance(identifier, type) and not _is_foreign(identifier):
            return identifier()
        if accepts(identifier) and not _is_foreign(identifier):
            return identifier
        raise not_one(f"the {self.kind} to be a name, a config or an object that can be called", identifier)

    def serialize(self, value: Any) -> Any:
        """Return the config from which `deserialize` makes an equal object."""
        return serialization.serialize_keras_object(value)

    @entry_point
    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Return the object of a config, or the class or function of a name."""
        if isinstance(config, str):
            return self.find(config, custom_objects)
        if config.get("class_name") == "function" and isinstance(config.get("config"), str):
            return self.find(config["config"], custom_objects)
        if "module" not in config:  # Keras 1 and 2 wrote it so.
            return self.find(config["class_name"], custom_objects).from_config(config.get("config", {}))
        return serialization.deserialize_keras_object(config, custom_objects=custom_objects)

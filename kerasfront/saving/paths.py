"""Which objects of a model have weights of their own in a file, and under which path: Keras 3's layout.

A path follows attributes: `layers/dense_1`, `encoder/blocks/conv2d`. Inside lists, tuples, dicts and the
`layers` of a model, an object goes by its class in snake case, with a number from the second of a class on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from kerasfront.errors import SavingError
from kerasfront.layers.base.layer import Layer
from kerasfront.metrics.metric import Metric
from kerasfront.naming import to_snake_case
from kerasfront.random.seed_generator import SeedGenerator
from kerasfront.tracking import TrackedDict, TrackedList, TrackedSet
from kerasfront.variable import Variable

_CONTAINERS = (TrackedList, TrackedDict, TrackedSet, tuple)


class SaveableOptimizer(Protocol):
    """What a file holds beside layers: an optimizer, or an object of a user's with the same methods."""

    name: str
    built: bool

    @property
    def variables(self) -> Sequence[Variable]: ...
    def build(self, variables: list[Variable], /) -> None: ...
    def save_own_variables(self, store: Any, /) -> None: ...
    def load_own_variables(self, store: Any, /) -> None: ...


Saveable = Layer | SaveableOptimizer


def is_saveable(value: object) -> bool:
    """Return whether a value has weights of its own in a file: layers, models and optimizers do; metrics don't."""
    kind: Any = type(value)
    return _are_saveable(kind)


@lru_cache(maxsize=1024)
def _are_saveable(kind: type) -> bool:
    if issubclass(kind, Layer):
        return True
    return hasattr(kind, "save_own_variables") and not issubclass(kind, (Metric, type))


def walk(root: Layer) -> Iterator[tuple[str, Saveable]]:
    """Return each saveable object below `root`, itself first (as ""), once, with its path."""
    visited: set[int] = set()
    pending: list[tuple[str, Any]] = [("", root)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, _Container):
            pending.extend(reversed(list(value.members(path))))
        elif id(value) not in visited:
            visited.add(id(value))
            yield path, value
            pending.extend(reversed(list(_attributes(value, path))))


def seed_generators(root: Layer) -> dict[str, SeedGenerator]:
    """Return the seed generators of the layers by the paths that Keras had for them until 3.9."""
    return {
        joined(path, name): value
        for path, owner in walk(root)
        for name, value in vars(owner).items()
        if isinstance(value, SeedGenerator)
    }


def joined(path: str, name: str) -> str:
    """Return the path of what has a name below a path; the model's own path is empty."""
    return f"{path}/{name}" if path else name


class _Container:
    """A list, tuple, dict or set of which some members may be saveable."""

    def __init__(self, values: Iterable[Any]) -> None:
        if isinstance(values, dict):
            values = values.values()
        elif isinstance(values, set):  # a set has no order of its own
            values = sorted(values, key=lambda v: str(getattr(v, "name", "")))
        self._values = list(values)

    def members(self, path: str) -> Iterator[tuple[str, Any]]:
        """Return the members that are saveable or containers themselves, with their paths."""
        counts: dict[str, int] = {}
        for value in self._values:
            inner = _Container(value) if isinstance(value, _CONTAINERS) else value
            if not isinstance(inner, _Container) and not is_saveable(inner):
                continue
            name = "container" if isinstance(inner, _Container) else to_snake_case(type(inner).__name__)
            number = counts[name] = counts.get(name, -1) + 1
            yield joined(path, f"{name}_{number}" if number else name), inner


def _attributes(owner: Saveable, path: str) -> Iterator[tuple[str, Any]]:
    """Return what an object holds that may be saveable, by the names in files; a graph's layers come first."""
    members = _named_members(owner)
    if isinstance(shown := getattr(type(owner), "layers", None), property):
        members["layers"] = tuple(shown.__get__(owner))
    first = "layers" if getattr(type(owner), "_kf_saves_layers_first", False) else None
    for name in sorted(members, key=lambda n: (n != first, n.startswith("_"), n)):
        value = members[name]
        if isinstance(value, _CONTAINERS):
            yield _checked(path, name), _Container(value)
        elif is_saveable(value):
            yield _checked(path, name), value


def _named_members(owner: Saveable) -> dict[str, Any]:
    """Return the attributes of an object by their names in files.

    A class of ours declares the names of its private attributes in `_kf_saved_as`. All other attributes go by their
    own names, but what a property of a user's class shows without the underscore, as in Keras, goes by the property's.
    """
    kind: Any = type(owner)
    declared, members = declared_names(kind), dict[str, Any]()
    for attribute, value in vars(owner).items():
        if attribute in declared:
            members[declared[attribute]] = value
        elif not attribute.startswith("_kf"):
            members[attribute] = value
            if attribute.startswith("_") and is_saveable(value) and _is_shown(owner, attribute[1:], value):
                members[attribute[1:]] = value
    return members


@lru_cache(maxsize=1024)
def declared_names(kind: type) -> Mapping[str, str]:
    """Return the names in files that a class and its bases declare for their attributes."""
    return {k: v for cls in reversed(kind.__mro__) for k, v in vars(cls).get("_kf_saved_as", {}).items()}


def _is_shown(owner: Saveable, name: str, value: object) -> bool:
    """Return whether a property of this name shows the value."""
    return isinstance(getattr(type(owner), name, None), property) and getattr(owner, name) is value


def _checked(path: str, name: str) -> str:
    if "/" in name or name in ("", ".", "..", "vars") or "\x00" in name:
        raise SavingError(f"An object under '{path or 'the model'}' has the attribute {name!r}, which is no path.")
    return joined(path, name)

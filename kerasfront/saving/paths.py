"""Which objects of a model have weights of their own in a file, and under which path: Keras 3's layout.

A path follows attributes: `layers/dense_1`, `encoder/blocks/conv2d`. Inside lists, tuples, dicts and the
`layers` of a model, an object goes by its class in snake case, with a number from the second of a class on.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from kerasfront.errors import SavingError
from kerasfront.layers.base.layer import Layer
from kerasfront.metrics.metric import Metric
from kerasfront.naming import to_snake_case
from kerasfront.random.seed_generator import SeedGenerator
from kerasfront.tracking import TrackedDict, TrackedList, TrackedSet

# Attributes of ours that may name objects a second time.
_INTERNAL = ("_init_arguments",)
_CONTAINERS = (TrackedList, TrackedDict, TrackedSet, tuple)


def is_saveable(value: Any) -> bool:
    """Whether it has weights of its own in a file: layers, models and optimizers do; metrics don't."""
    kind: Any = type(value)
    return _are_saveable(kind)


@lru_cache(maxsize=1024)
def _are_saveable(kind: type) -> bool:
    if issubclass(kind, Layer):
        return True
    return hasattr(kind, "save_own_variables") and not issubclass(kind, (Metric, type))


def walk(root: Any) -> Iterator[tuple[str, Any]]:
    """Each saveable object below `root`, itself first (as ""), once, with its path."""
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


def seed_generators(root: Any) -> dict[str, SeedGenerator]:
    """The seed generators of the layers by the paths that Keras had for them until 3.9."""
    return {
        joined(path, name): value
        for path, owner in walk(root)
        for name, value in vars(owner).items()
        if isinstance(value, SeedGenerator)
    }


def joined(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


class _Container:
    """A list, tuple, dict or set of which some members may be saveable."""

    def __init__(self, values: Any) -> None:
        if isinstance(values, dict):
            values = values.values()
        elif isinstance(values, set):  # a set has no order of its own
            values = sorted(values, key=lambda v: str(getattr(v, "name", "")))
        self.values = list(values)

    def members(self, path: str) -> Iterator[tuple[str, Any]]:
        counts: dict[str, int] = {}
        for value in self.values:
            inner = _Container(value) if isinstance(value, _CONTAINERS) else value
            if not isinstance(inner, _Container) and not is_saveable(inner):
                continue
            name = "container" if isinstance(inner, _Container) else to_snake_case(type(inner).__name__)
            number = counts[name] = counts.get(name, -1) + 1
            yield joined(path, f"{name}_{number}" if number else name), inner


def _attributes(owner: Any, path: str) -> Iterator[tuple[str, Any]]:
    """What an object holds that may be saveable, by name, private names last; a graph's layers come first."""
    held = {**vars(owner), **_published(owner)}
    for name in (*_INTERNAL, *getattr(type(owner), "_kf_not_saved", ())):
        held.pop(name, None)
    if isinstance(getattr(type(owner), "layers", None), property):
        held["layers"] = tuple(owner.layers)
    first = "layers" if getattr(type(owner), "_kf_saves_layers_first", False) else None
    for name in sorted(held, key=lambda n: (n != first, n.startswith("_"), n)):
        value = held[name]
        if isinstance(value, _CONTAINERS):
            yield _checked(path, name), _Container(value)
        elif is_saveable(value):
            yield _checked(path, name), value


def _published(owner: Any) -> dict[str, Any]:
    """Private attributes that a property shows without the underscore: Keras's paths have that name."""
    names = [n[1:] for n, v in vars(owner).items() if n.startswith("_") and is_saveable(v)]
    return {
        name: vars(owner)[f"_{name}"]
        for name in names
        if isinstance(getattr(type(owner), name, None), property) and getattr(owner, name) is vars(owner)[f"_{name}"]
    }


def _checked(path: str, name: str) -> str:
    if "/" in name or name in ("", ".", "..", "vars") or "\x00" in name:
        raise SavingError(f"An object under '{path or 'the model'}' has the attribute {name!r}, which is no path.")
    return joined(path, name)

"""Lists, dicts and sets in a layer's attributes that tell the layer what they come to hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kerasfront import tree


class TrackedList(list[Any]):
    """A list whose members are tracked by its owner."""

    def __init__(self, values: Iterable[Any] = (), track: Callable[[Any], Any] = lambda v: v) -> None:
        self._track = track
        super().__init__([track(v) for v in values])

    def append(self, value: Any) -> None:
        super().append(self._track(value))

    def insert(self, index: Any, value: Any) -> None:
        super().insert(index, self._track(value))

    def extend(self, values: Iterable[Any]) -> None:
        super().extend([self._track(v) for v in values])

    def __iadd__(self, values: Iterable[Any]) -> TrackedList:  # type: ignore[misc]
        self.extend(values)
        return self

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(index, [self._track(v) for v in value] if isinstance(index, slice) else self._track(value))

    def __reduce__(self) -> Any:
        return TrackedList, (list(self),)


class TrackedDict(dict[Any, Any]):
    """A dict whose values are tracked by its owner."""

    def __init__(self, values: Any = (), track: Callable[[Any], Any] = lambda v: v) -> None:
        self._track = track
        super().__init__({k: track(v) for k, v in dict(values).items()})

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, self._track(value))

    def update(self, *args: Any, **kwargs: Any) -> None:
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def __reduce__(self) -> Any:
        return TrackedDict, (dict(self),)


class TrackedSet(set[Any]):
    """A set whose members are tracked by its owner."""

    def __init__(self, values: Iterable[Any] = (), track: Callable[[Any], Any] = lambda v: v) -> None:
        self._track = track
        super().__init__({track(v) for v in values})

    def add(self, value: Any) -> None:
        super().add(self._track(value))

    def update(self, *values: Iterable[Any]) -> None:
        for group in values:
            for value in group:
                self.add(value)

    def __reduce__(self) -> Any:
        return TrackedSet, (set(self),)


def tracked(value: Any, track: Callable[[Any], Any]) -> Any:
    """`value` with every list, dict and set in it tracked; other values are given to `track` where they stand."""

    def inner(v: Any) -> Any:
        return tracked(v, track)

    if type(value) in (list, TrackedList):
        return TrackedList(value, inner)
    if type(value) in (dict, TrackedDict):
        return TrackedDict(value, inner)
    if type(value) in (set, TrackedSet):
        return TrackedSet(value, inner)
    if type(value) is tuple:
        return tuple(inner(v) for v in value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(inner(v) for v in value))
    return track(value)


def is_tracked(value: Any) -> bool:
    """Whether it is a tracked container, or a tuple that holds one."""
    if isinstance(value, tuple):
        return any(map(is_tracked, value))
    return isinstance(value, (TrackedList, TrackedDict, TrackedSet))


tree.register(TrackedList, lambda x: (list(x), None, range(len(x))), lambda _, values: list(values))
tree.register(
    TrackedDict,
    lambda x: ([x[k] for k in sorted(x)], sorted(x), sorted(x)),
    lambda keys, values: dict(zip(keys, values, strict=True)),
)

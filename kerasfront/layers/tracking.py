"""Lists, dicts and sets in a layer's attributes that tell the layer what they come to hold, and what they let go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from kerasfront import tree

Track = Callable[[Any], Any]
Release = Callable[[Any], None]


def _as_it_is(value: Any) -> Any:
    return value


def _unheeded(value: Any) -> None:
    pass


class TrackedList(list[Any]):
    """A list whose members are tracked by its owner; the owner is told of members that it holds no longer."""

    def __init__(self, values: Iterable[Any] = (), track: Track = _as_it_is, release: Release = _unheeded) -> None:
        self._track, self._release = track, release
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
        before = self[index]
        super().__setitem__(index, [self._track(v) for v in value] if isinstance(index, slice) else self._track(value))
        self._release(before)

    def __delitem__(self, index: Any) -> None:
        before = self[index]
        super().__delitem__(index)
        self._release(before)

    def pop(self, index: Any = -1) -> Any:
        value = super().pop(index)
        self._release(value)
        return value

    def remove(self, value: Any) -> None:
        del self[self.index(value)]

    def clear(self) -> None:
        del self[:]

    def __imul__(self, times: Any) -> TrackedList:  # type: ignore[misc]
        self[:] = list(self) * times
        return self

    def __reduce__(self) -> Any:
        return TrackedList, (list(self),)


_MISSING = object()


class TrackedDict(dict[Any, Any]):
    """A dict whose values are tracked by its owner; the owner is told of values that it holds no longer."""

    def __init__(self, values: Any = (), track: Track = _as_it_is, release: Release = _unheeded) -> None:
        self._track, self._release = track, release
        super().__init__({k: track(v) for k, v in dict(values).items()})

    def __setitem__(self, key: Any, value: Any) -> None:
        before = self.get(key)
        super().__setitem__(key, self._track(value))
        self._release(before)

    def __delitem__(self, key: Any) -> None:
        before = self[key]
        super().__delitem__(key)
        self._release(before)

    def update(self, *args: Any, **kwargs: Any) -> None:
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def __ior__(self, values: Any) -> TrackedDict:  # type: ignore[misc]
        self.update(values)
        return self

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: Any, default: Any = _MISSING) -> Any:
        if key not in self and default is not _MISSING:
            return default
        value = super().pop(key)
        self._release(value)
        return value

    def popitem(self) -> tuple[Any, Any]:
        key, value = super().popitem()
        self._release(value)
        return key, value

    def clear(self) -> None:
        before = list(self.values())
        super().clear()
        self._release(before)

    def __reduce__(self) -> Any:
        return TrackedDict, (dict(self),)


class TrackedSet(set[Any]):
    """A set whose members are tracked by its owner; the owner is told of members that it holds no longer."""

    def __init__(self, values: Iterable[Any] = (), track: Track = _as_it_is, release: Release = _unheeded) -> None:
        self._track, self._release = track, release
        super().__init__({track(v) for v in values})

    def add(self, value: Any) -> None:
        super().add(self._track(value))

    def update(self, *values: Iterable[Any]) -> None:
        for group in values:
            for value in group:
                self.add(value)

    def _keep(self, kept: set[Any]) -> TrackedSet:
        """Hold these, of which some are new."""
        before = list(self - kept)
        super().difference_update(before)
        self.update(kept - self)
        self._release(before)
        return self

    def discard(self, value: Any) -> None:
        self._keep(self - {value})

    def remove(self, value: Any) -> None:
        super().remove(value)
        self._release(value)

    def pop(self) -> Any:
        value = super().pop()
        self._release(value)
        return value

    def clear(self) -> None:
        self._keep(set())

    def difference_update(self, *others: Iterable[Any]) -> None:
        self._keep(self.difference(*others))

    def intersection_update(self, *others: Iterable[Any]) -> None:
        self._keep(self.intersection(*others))

    def symmetric_difference_update(self, other: Iterable[Any]) -> None:
        self._keep(self.symmetric_difference(other))

    def __ior__(self, other: Any) -> TrackedSet:  # type: ignore[misc]
        return self._keep(self | other)

    def __isub__(self, other: Any) -> TrackedSet:  # type: ignore[misc]
        return self._keep(self - other)

    def __iand__(self, other: Any) -> TrackedSet:  # type: ignore[misc]
        return self._keep(self & other)

    def __ixor__(self, other: Any) -> TrackedSet:  # type: ignore[misc]
        return self._keep(self ^ other)

    def __reduce__(self) -> Any:
        return TrackedSet, (set(self),)


def tracked(value: Any, track: Track, release: Release = _unheeded) -> Any:
    """`value` with every list, dict and set in it tracked; other values are given to `track` where they stand."""

    def inner(v: Any) -> Any:
        return tracked(v, track, release)

    if type(value) in (list, TrackedList):
        return TrackedList(value, inner, release)
    if type(value) in (dict, TrackedDict):
        return TrackedDict(value, inner, release)
    if type(value) in (set, TrackedSet):
        return TrackedSet(value, inner, release)
    if type(value) is tuple:
        return tuple(inner(v) for v in value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(inner(v) for v in value))
    return track(value)


def members(value: Any) -> Iterator[Any]:
    """What a value holds in lists, tuples, dicts and sets; itself, where it is none of these."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple, set)):
        for part in value:
            yield from members(part)
    else:
        yield value


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

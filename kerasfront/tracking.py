"""What an object's attributes hold: the one tracker of layers, metrics and optimizers.

An attribute may be a Variable, a layer, a metric and the like, or a list, dict, set or tuple of such. The owner keeps
each kind in a list of its state (`TrackingState`). Lists, dicts and sets become tracked ones, which tell the owner what
they come to hold, and what they let go.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

from kerasfront import tree
from kerasfront.state import check_class, reserved, set_unreserved
from kerasfront.watching import State, Watched, note_write

Track = Callable[[Any], Any]
Release = Callable[[Any], None]


# ---- attributes ---------------------------------------------------------------------------------------------------


class TrackingState(State):
    """The state of an object whose attributes are tracked."""

    # Whether members of lists, tuples, dicts and sets are tracked like attributes.
    enters_containers: ClassVar[bool] = True

    def group_of(self, value: object) -> list[Any] | None:
        """Return the list to which `value` belongs by its kind; None: it isn't tracked."""
        raise NotImplementedError

    def groups(self) -> Iterable[list[Any]]:
        """All the lists of what is tracked."""
        raise NotImplementedError

    def adapt(self, owner: Any, name: str, value: object) -> Any:
        """Return what is held in the place of `value`, which was set as an attribute: itself, or what wraps it."""
        return value

    def ends(self, before: object, value: object) -> bool:
        """Whether setting an attribute to `value` ends the tracking of what it held before."""
        return True

    def added(self, owner: Any, name: str, value: object) -> None:
        """Take note that a value was added to its group."""

    def removed(self, owner: Any, value: object) -> None:
        """Take note that a value was removed from its group."""


class Tracked(Watched):
    """The base of objects that track their attributes. Each instance has a `TrackingState` under `_kf`."""

    _kf: TrackingState
    # Attributes that are set while the object works and hold nothing to be tracked.
    _kf_untracked: ClassVar[frozenset[str]] = frozenset()
    # Attributes that can't be set: the state, and what a base class from a framework needs for itself.
    _kf_reserved: ClassVar[frozenset[str]] = frozenset({"_kf"})
    # Attributes in which a base class keeps what is tracked for purposes of its own.
    _kf_bookkeeping: ClassVar[frozenset[str]] = frozenset({"_kf"})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_class(cls)

    def __setattr__(self, name: str, value: Any) -> None:
        set_attribute(self, name, value)

    def __delattr__(self, name: str) -> None:
        value = self.__dict__.get(name)
        object.__delattr__(self, name)
        note_write(self, name)
        release(self, value)

    def __getstate__(self) -> dict[str, Any]:
        # The state comes first: a model's graph is copied before the layers in it.
        return {"_kf": self._kf, **vars(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name, value in state.items():
            if is_tracked(value):  # a copy of a container that told another object what it came to hold
                self.__dict__[name] = tracked(value, partial(track, self, name), partial(release, self))


def set_attribute(owner: Tracked, name: str, value: object) -> None:
    """Set an attribute of an object, and track what it holds; what it held before is released.

    Raises:
        ReservedNameError: The name is that of a property that can't be set, or of the state.
    """
    attributes = owner.__dict__
    if name in type(owner)._kf_reserved:
        raise reserved(owner, name)
    if name in type(owner)._kf_untracked:
        object.__setattr__(owner, name, value)
        return
    note_write(owner, name)
    before = attributes.get(name)
    if value is not None and type(value) not in PLAIN:
        state: TrackingState | None = attributes.get("_kf")
        if state is None:
            raise RuntimeError(f"{type(owner).__name__}.__new__ must call super().__new__().")
        if state.enters_containers:
            value = tracked(value, partial(track, owner, name), partial(release, owner))
        else:
            value = track(owner, name, value)
    set_unreserved(owner, name, value)
    if before is not None and type(before) not in PLAIN and attributes["_kf"].ends(before, value):
        release(owner, before)


def track(owner: Tracked, name: str, value: object) -> Any:
    """Add a value that comes to be held under `name` to its group; returns what is to be held in its place."""
    state: TrackingState = owner._kf
    adapted = state.adapt(owner, name, value)
    if adapted is not value and not _is_tracked_kind(owner, adapted):
        return tracked(adapted, partial(track, owner, name))
    add(owner, name, adapted)
    return adapted


def add(owner: Tracked, name: str, value: object) -> None:
    """Add a value to its group, unless it is there already."""
    state: TrackingState = owner._kf
    group = state.group_of(value)
    if group is not None and not any(value is other for other in group):
        group.append(value)
        state.added(owner, name, value)


def release(owner: Tracked, value: object) -> None:
    """Remove what an attribute, or a list in one, held until now, unless the owner holds it elsewhere too."""
    if value is None or type(value) in PLAIN:
        return
    gone = [v for v in members(value) if _is_tracked_kind(owner, v)]
    if gone:
        bookkeeping = type(owner)._kf_bookkeeping
        remaining = {id(v) for name, part in vars(owner).items() if name not in bookkeeping for v in members(part)}
        for part in gone:
            if id(part) not in remaining:
                remove(owner, part)


def remove(owner: Tracked, value: object) -> None:
    """Remove a value from its group."""
    state: TrackingState = owner._kf
    for group in state.groups():
        group[:] = [v for v in group if v is not value]
    state.removed(owner, value)


def _is_tracked_kind(owner: Any, value: Any) -> bool:
    return owner._kf.group_of(value) is not None


def assign_untracked(owner: Tracked, name: str, value: object) -> None:
    """Set an attribute whose value is the owner's own, and neither tracked nor wrapped."""
    object.__setattr__(owner, name, value)
    note_write(owner, name)


# Values of these types hold nothing.
PLAIN = frozenset({bool, int, float, str, bytes, type(lambda: 0)})


# ---- containers ---------------------------------------------------------------------------------------------------


def _as_it_is(value: Any) -> Any:
    return value


def _unheeded(value: Any) -> None:
    pass


class TrackedList(list[Any]):
    """A list whose members are tracked by its owner; the owner is told of members that it holds no longer."""

    def __init__(self, values: Iterable[Any] = (), track: Track = _as_it_is, release: Release = _unheeded) -> None:
        self._track, self._release = track, release
        super().__init__([track(v) for v in values])

    def append(self, value: object) -> None:
        super().append(self._track(value))

    def insert(self, index: Any, value: object) -> None:
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

    def remove(self, value: object) -> None:
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

    def __init__(
        self, values: Mapping[Any, Any] | Iterable[Any] = (), track: Track = _as_it_is, release: Release = _unheeded
    ) -> None:
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

    def setdefault(self, key: Hashable, default: object = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: Hashable, default: object = _MISSING) -> Any:
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

    def add(self, value: object) -> None:
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

    def discard(self, value: object) -> None:
        self._keep(self - {value})

    def remove(self, value: object) -> None:
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


def members(value: object) -> Iterator[Any]:
    """Return what a value holds in lists, tuples, dicts and sets; itself, where it is none of these."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple, set)):
        for part in value:
            yield from members(part)
    else:
        yield value


def is_tracked(value: object) -> bool:
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

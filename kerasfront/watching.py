"""What a compiled step has read of objects, and whether that still holds.

A compiled step keeps what it read while it was traced: numbers, functions, objects. While it is traced, every attribute
that is read of a `Watched` object is noted; later on, each is compared with what it is then.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from kerasfront.state import set_unreserved


class _Changes:
    """Counts the attributes that were set: while it stays, nothing that was read has been replaced."""

    count = 0


changes: _Changes = _Changes()


class _Recording(threading.local):
    """The reads that this thread notes now."""

    reads: Reads | None = None


_recording = _Recording()
_lock = threading.Lock()
_recorders = 0


class Watched:
    """The base of objects that a step reads attributes of: layers, models, optimizers, metrics, losses and the like."""

    # Attributes that never are a reason to compile a step anew: what calls leave behind, and what is said of the
    # structure of the model anyway.
    _kf_unwatched: frozenset[str] = frozenset({"_kf", "built", "name"})

    def __setattr__(self, name: str, value: Any) -> None:
        set_unreserved(self, name, value)
        note_write(self, name)


class State(Watched):
    """The base of what an object of this package keeps for itself, in its one private attribute `_kf`.

    A subclass annotates its fields. Those that are never changed in place may have their first value in the class.

    Args:
        fields: The first values of the others.

    >>> class Counter(State):
    ...     step = 1
    ...     counts: list[int]
    >>> state = Counter(counts=[])
    >>> state.step, state.counts
    (1, [])
    """

    def __init__(self, **fields: Any) -> None:
        # Not by `__setattr__`: a compiled step can't have read what is only now made.
        vars(self).update(fields)


def note_write(owner: object, name: str) -> None:
    """Told when an attribute of a watched object was set."""
    changes.count += 1
    if _recorders and _recording.reads is not None:
        _recording.reads.written.add((id(owner), name))


def _noting(self: Any, name: str) -> Any:
    value = object.__getattribute__(self, name)
    reads = _recording.reads
    if reads is not None and name not in type(self)._kf_unwatched and not name.startswith("__"):
        reads.note(self, name)
    return value


@contextmanager
def reading(reads: Reads) -> Iterator[Reads]:
    """Inside, the attributes that this thread reads of watched objects are noted in `reads`."""
    global _recorders
    before = _recording.reads
    with _lock:
        _recorders += 1
        if _recorders == 1:
            setattr(Watched, "__getattribute__", _noting)  # noqa: B010  (for as long as a step is traced)
    _recording.reads = reads
    try:
        yield reads
    finally:
        _recording.reads = before
        with _lock:
            _recorders -= 1
            if not _recorders:
                delattr(Watched, "__getattribute__")
        reads.settle()


class Reads:
    """The attributes that a step has read, and what they were at the end of its last trace."""

    def __init__(self) -> None:
        self.written: set[tuple[int, str]] = set()
        # The objects stay alive here, so that no other takes the place of one.
        self._noted: dict[tuple[int, str], Any] = {}
        self._values: list[tuple[Any, str, Any, Any]] = []
        # Whether it was settled since somebody looked.
        self.fresh: bool = False
        # What of it a user can change without an attribute being set: arrays, lists, objects of another kind, classes.
        self._unseen: list[tuple[Any, str, Any, Any]] = []

    def note(self, owner: object, name: str) -> None:
        self._noted.setdefault((id(owner), name), owner)

    def settle(self) -> None:
        """Take what was read at its present value. What the step itself sets is no concern of others."""
        self._values, self.fresh = [], True
        self._unseen = []
        for (key, name), owner in self._noted.items():
            if (key, name) not in self.written:
                value = _current(owner, name)
                entry = owner, name, value, _content(value)
                self._values.append(entry)
                changes = entry[-1] is not None or (name not in vars(owner) and _is_users(owner, value))
                if changes and not _is_machinery(owner, name):
                    self._unseen.append(entry)

    @property
    def writes(self) -> bool:
        """Whether the step sets what it reads: it would not be the same step again."""
        return any(key in self.written for key in self._noted)

    def changed(self, unseen: bool = False) -> str | None:
        """Return what is no longer as it was read; None: nothing. `unseen`: only of what changes without being set."""
        for owner, name, value, content in self._unseen if unseen else self._values:
            now = _current(owner, name)
            if now is value if content is None else _content(now) == content:
                continue
            if content is None and type(now) is type(value) and isinstance(now, _PLAIN) and now == value:
                continue
            return f"'{name}' of {getattr(owner, 'name', None) or type(owner).__name__!r}"
        return None


_MISSING = object()
_PLAIN = (bool, int, float, complex, str, bytes, np.generic, np.dtype)
_SMALL, _DEEP = 256, 3


def _current(owner: Any, name: str) -> Any:
    """Return what an object holds under a name, or what its class does."""
    value = vars(owner).get(name, _MISSING)
    return getattr(type(owner), name, _MISSING) if value is _MISSING else value


def _content(value: Any, depth: int = 0) -> Any:
    """Return what is in a value that can change by itself, to be compared; None: nothing, it is compared as it is."""
    if value is None or isinstance(value, (*_PLAIN, Watched, type)) or depth == _DEEP:
        return None
    if isinstance(value, np.ndarray):
        return (id(value), value.dtype.str, value.shape, value.tobytes()) if value.nbytes <= 16 * _SMALL else None
    if isinstance(value, dict):
        return None if len(value) > _SMALL else ("dict", [(k, _inside(v, depth)) for k, v in value.items()])
    if isinstance(value, (list, tuple, set, frozenset)):
        return None if len(value) > _SMALL else (type(value).__name__, [_inside(v, depth) for v in value])
    fields = getattr(value, "__dict__", None)
    if fields and not callable(value) and _is_foreign(type(value)):
        return (id(value), [(k, _inside(v, depth)) for k, v in fields.items()])
    return None


def _inside(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, _PLAIN):
        return type(value), value
    return id(value) if (content := _content(value, depth + 1)) is None else content


# Their objects say themselves when they change, or hold what they have derived.
_KNOWN = frozenset({"kerasfront", "torch", "jax", "jaxlib", "tensorflow", "numpy", "builtins", "functools"})


def _is_machinery(owner: Any, name: str) -> bool:
    """Whether an attribute is for this package alone: it changes with the structure, or by a call of ours."""
    kind = type(owner)
    return (
        isinstance(owner, State)
        or not _is_foreign(kind)
        and (name.startswith("_") or kind.__module__.startswith("kerasfront.training."))
    )


def _is_users(owner: Any, value: Any) -> bool:
    """Whether what a class gives an object was written by a user, who may write it anew."""
    return _is_foreign(type(owner)) and not str(getattr(value, "__module__", "kerasfront")).startswith("kerasfront")


def _is_foreign(kind: type) -> bool:
    return kind.__module__.partition(".")[0] not in _KNOWN

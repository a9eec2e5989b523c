"""How objects of this package keep their state apart from the attributes that users give them.

Each has one private attribute, `_kf`. Names that begin with `_kf_` are those that subclasses in this package override.
All other private names are the user's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic, Self, TypeVar, overload

from kerasfront.errors import ReservedNameError

T = TypeVar("T")


class Stateful:
    """The base of objects that have a state under `_kf`, from before their constructor runs."""

    _kf: Any
    # Makes the state of a new object.
    _kf_state: ClassVar[Callable[[], Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        attach(self, cls._kf_state())
        return self

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_class(cls)


def attach(owner: object, state: object) -> None:
    """Give a new object its state."""
    object.__setattr__(owner, "_kf", state)


def check_class(cls: type) -> None:
    """Raise ReservedNameError where a new class defines the name of the state for itself."""
    if "_kf" in vars(cls):
        raise ReservedNameError(f"The class {cls.__name__} defines `_kf`, which is reserved.", hint=_HINT)


def set_unreserved(owner: object, name: str, value: object) -> None:
    """Set an attribute, as `object.__setattr__` does.

    Raises:
        ReservedNameError: A class of this package has a property of that name that can't be set, or the name is that of
            the state.
    """
    if name == "_kf":
        raise reserved(owner, name)
    try:
        object.__setattr__(owner, name, value)
    except AttributeError as error:
        own = next((c for c in type(owner).__mro__ if name in vars(c)), None)
        if own is None or not own.__module__.startswith(f"{__package__}."):
            raise
        raise reserved(owner, name) from error


def reserved(owner: object, name: str) -> ReservedNameError:
    """Return the error for setting a name that an object keeps for itself; the caller raises it."""
    return ReservedNameError(
        f"The attribute `{name}` of {type(owner).__name__} is reserved: it can't be set.",
        hint=_HINT,
    )


_HINT = "Give it another name."


class StateAlias(Generic[T]):
    """A private attribute of Keras, computed from what stands here in its place.

    It is there to be read by libraries alone. It has no `__set__`, so that an attribute of that name which a user sets
    on an object hides it, and a subclass may define the name for itself.

    Args:
        read: Returns the value for an object.

    >>> class Box:
    ...     _size = StateAlias(lambda box: 2)
    >>> box, other = Box(), Box()
    >>> box._size = 5
    >>> box._size, other._size
    (5, 2)
    """

    def __init__(self, read: Callable[[Any], T]) -> None:
        self.read = read

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> T | Self:
        return self if instance is None else self.read(instance)

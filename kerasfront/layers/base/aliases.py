"""The names by which libraries know what Keras keeps to itself, each an alias of what stands here under another.

Libraries that subclass Keras's layers (keras-hub's attention, bayesflow's networks, ...) read, set and override them.
The table in docs/aliases.md lists all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kerasfront import tracking
from kerasfront.state import StateAlias as StateAlias

if TYPE_CHECKING:
    from kerasfront.layers.base.layer import Layer


class Alias:
    """An attribute under another name: reading and setting it is reading and setting that one.

    >>> class Box:
    ...     size = 2
    ...     _size = Alias("size")
    >>> box = Box()
    >>> box._size = 5
    >>> box.size, box._size
    (5, 5)
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else getattr(instance, self.name)

    def __set__(self, instance: Any, value: Any) -> None:
        setattr(instance, self.name, value)


class Tracker:
    """Keras's `Layer._tracker`, for one layer: what is tracked, is the layer's own.

    A layer here takes variables and layers at any time, so that locking changes nothing.

    >>> import kerasfront as keras
    >>> layer = keras.layers.Layer()
    >>> parts = layer._tracker.track([keras.layers.Dense(2)])
    >>> layer._layers == parts
    True
    """

    locked = False

    def __init__(self, layer: Layer) -> None:
        self._layer = layer

    def track(self, value: object) -> Any:
        """Make `value` (a variable, a layer, a metric, or a list or dict of some) the layer's; returns it."""

        def track(member: Any) -> Any:
            return tracking.track(self._layer, getattr(member, "name", "tracked"), member)

        return tracking.tracked(value, track)

    def untrack(self, value: object) -> None:
        """Let a variable, layer or metric go."""
        tracking.remove(self._layer, value)

    def unlock(self) -> None:
        """Do nothing: it is never locked."""

    def lock(self, msg: str | None = None) -> None:
        """Do nothing: a layer takes variables at any time."""


def overrides(cls: type, base: type, names: tuple[str, ...]) -> bool:
    """Whether a subclass has methods of its own in place of those of `base`."""
    return any(getattr(cls, name) is not getattr(base, name) for name in names)

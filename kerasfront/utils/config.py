"""keras.utils.Config: named values that can be frozen."""

from __future__ import annotations

import json
from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView
from typing import Any, ClassVar

from kerasfront.errors import suggest


class Config:
    """Named values, read and written as attributes or as in a dict, that can be frozen and become JSON.

    Args:
        kwargs: The values by name.

    >>> import kerasfront as keras
    >>> config = keras.utils.Config(rate=0.1, layers=2)
    >>> config.rate = 0.2
    >>> config["layers"], config.to_json()
    (2, '{"rate": 0.2, "layers": 2}')
    >>> config.freeze()
    >>> config.frozen
    True
    """

    __slots__ = ("_frozen", "_values")
    _values: dict[str, Any]
    _frozen: bool

    def __init__(self, **kwargs: Any) -> None:
        object.__setattr__(self, "_values", dict(kwargs))
        object.__setattr__(self, "_frozen", False)

    # -- reading

    def __getattr__(self, name: str) -> Any:
        # copy and pickle ask an object whose slots are still empty for special methods: those are no values.
        if name.startswith("__") or name in self.__slots__ or name not in self._values:
            names = [] if name in self.__slots__ else list(self._values)
            raise AttributeError(f"The Config has no value '{name}'.{suggest(name, names)}")
        return self._values[name]

    def __getitem__(self, key: str) -> Any:
        if key not in self._values:
            raise KeyError(f"The Config has no value '{key}'.{suggest(key, list(self._values))}")
        return self._values[key]

    def get(self, keyname: str, value: Any = None) -> Any:
        """Return the value of a name, or `value` where there is none."""
        return self._values.get(keyname, value)

    def keys(self) -> KeysView[str]:
        """Return the names."""
        return self._values.keys()

    def values(self) -> ValuesView[Any]:
        """Return the values."""
        return self._values.values()

    def items(self) -> ItemsView[str, Any]:
        """Return the names with their values."""
        return self._values.items()

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __eq__(self, other: object) -> bool:
        return self._values == (other._values if isinstance(other, Config) else other)

    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Config {self._values}>"

    def as_dict(self) -> dict[str, Any]:
        """Return a dict of the values."""
        return dict(self._values)

    def to_json(self) -> str:
        """Return the values as JSON.

        Raises:
            TypeError: JSON has no form for a value.
        """
        return json.dumps(self._values)

    # -- writing

    def _writable(self) -> dict[str, Any]:
        if self._frozen:
            raise ValueError("The Config is frozen: call unfreeze() before changing it.")
        return self._values

    def __setattr__(self, name: str, value: Any) -> None:
        self._writable()[name] = value

    def __setitem__(self, key: str, value: Any) -> None:
        self._writable()[key] = value

    def __delattr__(self, name: str) -> None:
        self.__getattr__(name)
        del self._writable()[name]

    def __delitem__(self, key: str) -> None:
        self[key]
        del self._writable()[key]

    def pop(self, *args: Any) -> Any:
        """Remove a value and return it; without one, return the second argument."""
        return self._writable().pop(*args)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several values, from a dict or by name."""
        self._writable().update(*[a._values if isinstance(a, Config) else a for a in args], **kwargs)

    # -- freezing

    @property
    def frozen(self) -> bool:
        """Whether changes are errors."""
        return self._frozen

    def freeze(self) -> None:
        """Make every change an error."""
        object.__setattr__(self, "_frozen", True)

    def unfreeze(self) -> None:
        """Allow changes again."""
        object.__setattr__(self, "_frozen", False)

    def __reduce__(self) -> tuple[Callable[[dict[str, Any], bool], Config], tuple[dict[str, Any], bool]]:
        return _restored, (self._values, self._frozen)


def _restored(values: dict[str, Any], frozen: bool) -> Config:
    config = Config(**values)
    if frozen:
        config.freeze()
    return config

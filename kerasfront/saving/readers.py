"""What the readers of all files of weights have in common: checked entries, by the paths of Keras 3's layout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Entry:
    """What a file declares of one array.

    Args:
        path: The path of the array in the file.
        shape: The declared shape.
        dtype: The dtype of the values once they are read.
    """

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize


class WeightReader(Protocol):
    """An open file of weights, or several as one. Opening it has checked everything but the values."""

    entries: dict[str, Entry]

    @property
    def nbytes(self) -> int:
        """The bytes of all arrays together."""

    def names(self, group: str) -> list[str]:
        """Return the names of the arrays directly in a group, numbers in their order."""

    def has(self, group: str) -> bool:
        """Return whether there is a group of this path."""

    def read(self, path: str) -> Array:
        """Return the values of an array."""


def in_order(names: Iterable[str]) -> list[str]:
    """Return names with numbers first, in their order.

    >>> in_order(["10", "b", "9"])
    ['9', '10', 'b']
    """
    return sorted(names, key=lambda n: (not n.isdigit(), int(n) if n.isdigit() else 0, n))


class Store(Mapping[str, Array]):
    """The arrays of one object, as `load_own_variables` sees them: by name, and read when they are asked for.

    Args:
        reader: The file.
        group: The path of the object's group.
    """

    def __init__(self, reader: WeightReader, group: str) -> None:
        self._reader, self._group = reader, group
        self._names = reader.names(group)

    def __getitem__(self, name: str) -> Array:
        if name not in self._names:
            raise KeyError(name)
        return self._reader.read(f"{self._group}/{name}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array, without reading it."""
        return self._reader.entries[f"{self._group}/{name}"].shape

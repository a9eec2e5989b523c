"""Derived state: what an object has made of its state to be faster, and can make again at any time."""

from __future__ import annotations

import copy
from typing import Any


class Derived:
    """Holds all that its owner derives from its state. It is no part of a copy or a pickle: those begin with none.

    Subclasses say what there is, with what it is at first as class attributes, or in `__init__`.

    >>> import copy
    >>> class Sums(Derived):
    ...     total = None
    >>> sums = Sums()
    >>> sums.total = 3
    >>> copy.deepcopy(sums).total is None
    True
    """

    def __reduce__(self) -> Any:
        return type(self), ()

    def __copy__(self) -> Any:
        return type(self)()

    def __deepcopy__(self, memo: Any) -> Any:
        return type(self)()


class Copied:
    """The base of what holds Variables: `copy.copy` gives it Variables of its own, as `copy.deepcopy` does."""

    def __copy__(self) -> Any:
        return copy.deepcopy(self)

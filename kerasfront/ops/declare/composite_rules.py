"""How ops treat sparse and ragged tensors, as their declarations say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


def first_is(sparse: list[bool]) -> bool:
    """Return the rule of ops whose result is sparse where their first tensor is."""
    return sparse[0]


def quotient_is(sparse: list[bool]) -> bool:
    """Return the rule of a quotient, which is sparse where the dividend alone is."""
    return sparse[0] and not sparse[1]


def reduced_rows_are(slots: list[Any]) -> bool:
    """Return the rule of reductions, whose result is ragged where axis 1, the ragged one, is left."""
    axis, rank = slots[1], len(slots[0].shape)
    return axis is not None and 1 not in [a % rank for a in (axis if isinstance(axis, tuple) else (axis,))]


class Composite(NamedTuple):
    """How an op treats sparse and ragged tensors among its arguments.

    Attributes:
        mapped: The kinds of tensors, "sparse" and "ragged", of which the op changes the stored values alone. Such an
            op is elementwise, of one tensor.
        sparse: Whether the result is sparse, from which of the tensors are. None means that it never is.
        ragged: Whether the result is ragged, from the values of all parameters. None means that it always is.
    """

    mapped: frozenset[str] = frozenset()
    sparse: Callable[[list[bool]], bool] | None = None
    ragged: Callable[[list[Any]], bool] | None = None


# Nothing is said: an adapter may have a function for such tensors, and the body of a derived op may take them.
DENSE = Composite()
# Elementwise, and 0 stays 0.
KEEPS_ZEROS = Composite(mapped=frozenset({"sparse", "ragged"}), sparse=first_is)
# Elementwise, but what is missing in a sparse tensor becomes something else.
MAPS_VALUES = Composite(mapped=frozenset({"ragged"}))
# The result is sparse where the first tensor is, where all are, or where any is.
LIKE_FIRST = Composite(sparse=first_is)
LIKE_ALL = Composite(sparse=all)
LIKE_ANY = Composite(sparse=any)
QUOTIENT = Composite(sparse=quotient_is)
REDUCES = Composite(ragged=reduced_rows_are)

"""Sparse and ragged tensors: the capabilities "sparse" and "ragged"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kerasfront.contract.native import Native, OpFunction
from kerasfront.contract.table import Table
from kerasfront.errors import CapabilityError


class Composite(Table):
    """The part of an adapter that has tensors which don't store all their elements.

    An adapter that declares the capability "sparse" supplies `composites`, `composite_ops`, `map_values`, `to_dense`,
    `to_sparse` and `sparse_of`; for "ragged" it supplies `to_ragged` in place of the last two.
    """

    # The classes of such tensors, each with its kind: "sparse" or "ragged".
    composites: Mapping[type, str] = {}
    # By kind: functions for ops, as in the table of primitives, that take such tensors among their arguments.
    composite_ops: Mapping[str, Mapping[str, OpFunction]] = {}

    def to_dense(self, x: Any) -> Native:
        """Return a plain tensor of a sparse or ragged one, with 0 for what isn't stored; others stay as they are."""
        return x

    def map_values(self, function: Callable[[Native], Native], x: Any) -> Native:
        """Return a sparse or ragged tensor whose stored values are those of x after the elementwise `function`."""
        raise CapabilityError(f"The backend '{self.name}' has no sparse or ragged tensors.")

    def to_sparse(self, x: Native) -> Native:
        """Return a sparse tensor of a plain one."""
        raise CapabilityError(f"The backend '{self.name}' has no sparse tensors.")

    def sparse_of(self, indices: Native, values: Native, shape: Sequence[Any]) -> Native:
        """Return a sparse tensor from its stored values.

        Args:
            indices: Shape (n, rank). No two are equal, and those out of range are left out.
            values: Shape (n,).
            shape: Sizes, which may be native scalars where a graph doesn't know them.
        """
        raise CapabilityError(f"The backend '{self.name}' has no sparse tensors.")

    def to_ragged(self, rows: Sequence[Any]) -> Native:
        """Return a ragged tensor of rows, which are arrays of different lengths."""
        raise CapabilityError(f"The backend '{self.name}' has no ragged tensors.")

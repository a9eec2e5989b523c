"""Attention over any axes of tensors: how they become one axis of length, and how back."""

from __future__ import annotations

import math

from kerasfront import ops
from kerasfront.errors import ShapeError
from kerasfront.layers._configured import where
from kerasfront.layers.base.layer import Layer
from kerasfront.typing import Tensor, TensorLike


class Axes:
    """Attention over any axes of tensors of a rank: those become one axis of length, the others one of batch."""

    attended: tuple[int, ...]
    lead: tuple[int, ...]
    order: tuple[int, ...]
    # Whether attention runs over the only axis between the first and the last.
    plain: bool
    scores_rank: int

    def __init__(self, rank: int, attended: tuple[int, ...]) -> None:
        self.attended = attended
        self.lead = tuple(a for a in range(rank - 1) if a not in attended)
        self.plain = rank == 3
        self.scores_rank = len(self.lead) + 1 + 2 * len(attended)
        self.order = (*self.lead, *attended)

    def equations(self) -> tuple[str, str]:
        """Keras's einsums of keys with queries, and of weights with values, of tensors (batch, ..., heads, size)."""
        rank = len(self.lead) + len(self.attended) + 2
        query = "abcdefghijklm"[:rank]
        other = iter("abcdefghijklmnopqrstuvwxyz"[rank:])
        key = "".join(next(other) if i in self.attended else letter for i, letter in enumerate(query))
        batch = "".join(query[i] for i in (*self.lead, rank - 2))
        weights = batch + "".join(side[i] for side in (query, key) for i in self.attended)
        return f"{key},{query}->{weights}", f"{weights},{key}->{query}"

    def _merge(self, x: Tensor, last: int) -> Tensor:
        """x with the axes before its `last` ones put in order and made two: batch and length."""
        rank = len(x.shape)
        x = ops.transpose(x, (*self.order, *range(rank - last, rank)))
        sizes = ops.shape(x)
        cut = len(self.lead)
        rest = (*sizes[rank - last :],) if last else ()
        return ops.reshape(x, (math.prod(sizes[:cut]), math.prod(sizes[cut : rank - last]), *rest))

    def flat(self, x: Tensor) -> Tensor:
        """Heads of shape (batch, ..., heads, size) as (batch, length, heads, size)."""
        return self._merge(x, 2)

    def back(self, x: Tensor, query: Tensor) -> Tensor:
        """Undo what `flat` did, for the axes of the query."""
        sizes = ops.shape(query)
        heads = ops.shape(x)[2:]
        x = ops.reshape(x, (*(sizes[a] for a in self.order), *heads))
        rank = len(self.order)
        inverse = tuple(self.order.index(a) for a in range(rank))
        return ops.transpose(x, (*inverse, rank, rank + 1))

    def scores(self, weights: Tensor, query: Tensor, value: Tensor) -> Tensor:
        """Weights of shape (batch, heads, length, length) with the axes of query and value."""
        rows, columns = ops.shape(query), ops.shape(value)
        lead, heads = (rows[a] for a in self.lead), ops.shape(weights)[1]
        return ops.reshape(
            weights, (*lead, heads, *(rows[a] for a in self.attended), *(columns[a] for a in self.attended))
        )

    def mask(self, mask: TensorLike, x: Tensor) -> Tensor:
        """Return a mask of the first axes of x as (batch, length)."""
        mask = ops.convert_to_tensor(mask, "bool")
        if self.plain:
            return mask
        mask = ops.expand_dims(mask, tuple(range(len(mask.shape), len(x.shape) - 1)))
        return self._merge(ops.broadcast_to(mask, ops.shape(x)[:-1]), 0)

    def pairs(self, mask: TensorLike, query: Tensor, value: Tensor, layer: Layer) -> Tensor:
        """Return a mask of queries and keys as (batch, heads or 1, length, length)."""
        mask = ops.convert_to_tensor(mask, "bool")
        rank, pair, lead = len(mask.shape), 2 * len(self.attended), len(self.lead)
        if not pair <= rank <= lead + 1 + pair:
            raise ShapeError(
                f"Expected the `attention_mask` of {where(layer)} to have the shape (batch, heads, queries, keys), or "
                f"fewer axes, got {tuple(mask.shape)}."
            )
        cut = rank - pair
        mask = ops.expand_dims(mask, tuple(range(cut, lead + 1))) if cut < lead + 1 else mask
        if self.plain:
            return mask
        rows, columns = ops.shape(query), ops.shape(value)
        before, queries, keys = (
            [s[a] for a in axes] for s, axes in ((rows, self.lead), (rows, self.attended), (columns, self.attended))
        )
        heads = ops.shape(mask)[lead]
        mask = ops.broadcast_to(mask, (*before, heads, *queries, *keys))
        return ops.reshape(mask, (math.prod(before), heads, math.prod(queries), math.prod(keys)))

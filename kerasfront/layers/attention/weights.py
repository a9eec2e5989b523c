"""The weights of attention: masks, softmax, and dropout."""

from __future__ import annotations

import functools
from typing import Any

from kerasfront import ops, random
from kerasfront.layers._configured import fraction
from kerasfront.ops.attention import MASKED
from kerasfront.random.seed_generator import SeedGenerator
from kerasfront.typing import Tensor, TensorLike


def causal_mask(queries: int, keys: int) -> Tensor:
    """Return where a query (rows) may see a key (columns), for numbers of them."""
    return ops.arange(queries)[:, None] >= ops.arange(keys)[None, :]


def all_of(*masks: TensorLike | None) -> Tensor | None:
    """Return where all of the masks allow it; None where there is none."""
    booleans = [ops.cast(m, "bool") for m in masks if m is not None]
    return functools.reduce(ops.logical_and, booleans) if booleans else None


def masked_softmax(scores: Tensor, allowed: Tensor | None, axes: tuple[int, ...] | int = -1) -> Tensor:
    """Return the softmax over the last axis, or several, where `allowed`; half precision inside float32.

    Where nothing is allowed, weights are equal.
    """
    dtype = ops.dtype(scores)
    if dtype in ("float16", "bfloat16"):
        scores = ops.cast(scores, "float32")
    if allowed is not None:
        scores = ops.where(allowed, scores, MASKED)
    return ops.cast(ops.softmax(scores, axes), dtype)


def keep_dropout(layer: Any, dropout: float, seed: int | None) -> None:
    """Keep the rate of a layer, and a generator where it will draw."""
    layer.dropout, layer.seed = fraction(layer, "dropout", dropout), seed
    if dropout:
        layer.seed_generator = SeedGenerator(seed)


def drop(layer: Any, weights: Tensor, training: bool | None) -> Tensor:
    """Drop weights in training, at the rate of the layer."""
    if not (training and layer.dropout):
        return weights
    return random.dropout(weights, layer.dropout, seed=layer.seed_generator)

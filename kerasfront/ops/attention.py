"""Attention by scaled dot products."""

from __future__ import annotations

import math
from typing import Any

from kerasfront import settings
from kerasfront.errors import CapabilityError, ShapeError
from kerasfront.ops import elementwise as e
from kerasfront.ops import reduce as r
from kerasfront.ops.activation import softmax
from kerasfront.ops.core import cast, dtype_of
from kerasfront.ops.creation import ones_like
from kerasfront.ops.crossentropy import wide
from kerasfront.ops.declare import INTERNAL, NN, Array, Condition, derived, sample
from kerasfront.ops.declare.bodies import dims_of, rank_of
from kerasfront.ops.indexing import get_item
from kerasfront.ops.matrices import matmul
from kerasfront.ops.shaping import repeat, transpose
from kerasfront.spec import mode
from kerasfront.spec.dtypes import FLOATING
from kerasfront.typing import Tensor, TensorLike

# The score of what is masked: low enough to vanish in the softmax, and still finite with a bias added.
MASKED = -1e30

_Q, _K = Array((2, 3, 4, 5)), Array((2, 6, 4, 5))


@derived(
    dtype=FLOATING,
    samples=(
        sample(_Q, _K, _K),
        sample(_Q, _K, Array((2, 6, 4, 7)), scale=0.3),
        sample(_K, _K, _K, is_causal=True),
        sample(_Q, _K, _K, bias=Array((2, 4, 3, 6))),
        sample(_Q, _K, _K, mask=Array((2, 1, 3, 6), dtype="bool")),
        sample(_Q, Array((2, 6, 2, 5)), Array((2, 6, 2, 5)), attn_logits_soft_cap=2.0),
        sample(_K, _K, _K, bias=Array((1, 1, 6, 6)), mask=Array((2, 4, 6, 6), dtype="bool"), is_causal=True),
        sample(
            _K,
            Array((2, 6, 1, 5)),
            Array((2, 6, 1, 5)),
            mask=Array((2, 1, 1, 6), dtype="bool"),
            is_causal=True,
        ),
    ),
    spaces=NN,
)
def dot_product_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    bias: TensorLike | None = None,
    mask: Condition | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Tensor:
    """Return `softmax(scale * query @ key.T + bias) @ value` for each head.

    Args:
        query: A tensor of shape (batch, queries, heads, size).
        key: A tensor of shape (batch, keys, key heads, size). There may be fewer key heads than heads: then each serves
            heads / key heads neighbouring heads.
        value: A tensor of shape (batch, keys, key heads, value size).
        bias: What is added to the scores: a tensor that broadcasts to (batch, heads, queries, keys).
        mask: Where attention is allowed: booleans that broadcast to that shape. A query that may attend to nothing gets
            zeros.
        scale: The factor of the scores; None means `1 / sqrt(size)`.
        is_causal: Whether query i sees the keys up to i only.
        flash_attention: Whether the framework's flash kernel computes it. True demands the kernel, False forbids it.
            None lets the framework take it where it can, unless `config.disable_flash_attention()` was called.
        attn_logits_soft_cap: A number c: scores become `c * tanh(score / c)`, before the bias and the mask.

    Returns:
        A tensor of shape (batch, queries, heads, value size). Half precision: the softmax is computed in
        float32.

    Raises:
        ShapeError: A rank is not 4, or the sizes don't fit.
        CapabilityError: `flash_attention` is True, and the backend has no flash kernel, or none for such arguments.

    Source: Vaswani et al., https://arxiv.org/abs/1706.03762; Ainslie et al. (grouped),
    https://arxiv.org/abs/2305.13245

    >>> from kerasfront import ops
    >>> x = ops.ones((2, 7, 4, 8))
    >>> ops.dot_product_attention(x, x, x, is_causal=True).shape[1:] == (7, 4, 8)
    True
    """
    for name, x in (("query", query), ("key", key), ("value", value)):
        if rank_of(x) != 4:
            raise ShapeError(f"Expected `{name}` of shape (batch, length, heads, size), got {tuple(dims_of(x))}.")
    heads, key_heads = dims_of(query)[2], dims_of(key)[2]
    if heads % key_heads or dims_of(value)[2] != key_heads or dims_of(key)[3] != dims_of(query)[3]:
        raise ShapeError(
            f"query {tuple(dims_of(query))}, key {tuple(dims_of(key))} and value {tuple(dims_of(value))} don't "
            "fit: the sizes of query and key are to be equal, and the heads of the query a multiple of those "
            "of key and value."
        )
    scale = 1 / math.sqrt(dims_of(query)[3]) if scale is None else float(scale)
    if flash_attention is None and settings.is_flash_attention_enabled() is False:
        flash_attention = False
    return attend(query, key, value, bias, mask, scale, is_causal, flash_attention, attn_logits_soft_cap)


@derived(
    dtype=FLOATING,
    samples=(
        sample(_Q, _K, _K, None, None, 0.5, False, None, None),
        sample(
            _K,
            Array((2, 6, 2, 5)),
            Array((2, 6, 2, 3)),
            Array((1, 4, 1, 6)),
            Array((2, 1, 1, 6), dtype="bool"),
            0.5,
            True,
            False,
            3.0,
        ),
    ),
    spaces=INTERNAL,
)
def attend(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    bias: TensorLike | None,
    mask: Condition | None,
    scale: float,
    is_causal: bool,
    flash_attention: bool | None,
    soft_cap: float | None,
) -> Tensor:
    """Compute `dot_product_attention`, with everything checked and resolved."""
    if flash_attention and not mode.inferring:
        raise CapabilityError(
            "flash_attention=True asks for a flash kernel, and the backend in use has none.",
            hint="With None attention takes such a kernel where there is one.",
        )
    heads, key_heads = dims_of(query)[2], dims_of(key)[2]
    q, k, v = transpose(query, (0, 2, 1, 3)), transpose(key, (0, 2, 3, 1)), transpose(value, (0, 2, 1, 3))
    if key_heads != heads:
        k, v = repeat(k, heads // key_heads, 1), repeat(v, heads // key_heads, 1)
    scores = wide(matmul(e.multiply(q, scale), k))
    if soft_cap is not None:
        scores = e.multiply(e.tanh(e.divide(scores, soft_cap)), soft_cap)
    if bias is not None:
        scores = e.add(scores, wide(bias))
    allowed = mask
    if is_causal:
        visible = _causal(scores)
        allowed = visible if mask is None else e.logical_and(visible, mask)
    if allowed is not None:
        scores = e.select_where(allowed, scores, MASKED)
    weights = softmax(scores, -1)
    if mask is not None and allowed is not None:
        weights = e.select_where(r.any(allowed, -1, keepdims=True), weights, 0)
    name = dtype_of(query)
    return transpose(matmul(cast(weights, name), v), (0, 2, 1, 3))


def _causal(scores: Any) -> Any:
    """Return where a query (rows) may see a key (columns)."""
    ones = ones_like(get_item(scores, (0, 0)))
    return e.greater_equal(r.cumsum(ones, 0), r.cumsum(ones, 1))

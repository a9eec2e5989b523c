"""MultiHeadAttention: attention in several heads, each with projections of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Unpack

from kerasfront.layers._configured import keep, known_size, positive
from kerasfront.layers._options import CommonOptions
from kerasfront.layers.attention.heads import ManyHeads, check_shapes, keep_heads, make_projections
from kerasfront.layers.attention.weights import keep_dropout
from kerasfront.layers.base.aliases import Alias
from kerasfront.state import StateAlias
from kerasfront.typing import ConstraintLike, InitializerLike, RegularizerLike, Shape


class MultiHeadAttention(ManyHeads):
    """Attention in several heads, each with projections of its own.

    Args:
        num_heads: The number of heads.
        key_dim: The size of a head's queries and keys.
        value_dim: The size of a head's values; None: key_dim.
        dropout: The rate at which weights are dropped in training.
        use_bias: Whether the projections have biases.
        output_shape: The size of the output's last axis, or the sizes of its last axes; None: the query's last axis.
        attention_axes: The axes over which attention runs; None: all but the first and the last.
        sliding_window: A query sees the keys that are nearer than this; None: all of them.
        flash_attention: True asks for, False forbids the framework's flash kernel; None leaves the choice to it.
        kernel_initializer: An initializer of the kernels, of shape (features, heads, size) and (heads, size, features).
        bias_initializer: An initializer of the biases.
        kernel_regularizer: A regularizer of the kernels.
        bias_regularizer: A regularizer of the biases.
        activity_regularizer: A regularizer of the output.
        kernel_constraint: A constraint of the kernels.
        bias_constraint: A constraint of the biases.
        use_gate: Whether what the heads give is multiplied by the sigmoid of a projection of the query.
        seed: A seed of dropout.

    Call arguments:
        query: A tensor of shape (batch, queries, features). There may be more axes; see attention_axes.
        value: A tensor of shape (batch, keys, value features).
        key: A tensor of shape (batch, keys, key features); None: the value.
        query_mask: Booleans of shape (batch, queries).
        value_mask: Booleans of shape (batch, keys).
        key_mask: Booleans of shape (batch, keys).
        attention_mask: Where a query may attend to a key: booleans of shape (batch, queries, keys), (batch, heads,
            queries, keys) or (queries, keys). With several attention axes, these stand in place of queries and keys.
        return_attention_scores: Whether the weights, of shape (batch, heads, queries, keys), before dropout, are
            returned too.
        training: Whether dropout is active.
        use_causal_mask: Whether query i sees the keys up to i only.

    Returns:
        A tensor of shape (batch, queries, output size), or a tuple of that and the weights. A query that may attend to
        nothing, or is masked, has the weights 0, with and without return_attention_scores (in Keras only with).

    Raises:
        ValueError: An argument is out of its range.
        ShapeError: The shapes of query, value, key or masks don't fit.

    Source: Vaswani et al., https://arxiv.org/abs/1706.03762; the gate: Qiu et al., https://arxiv.org/abs/2505.06708

    >>> import kerasfront as keras
    >>> layer = keras.layers.MultiHeadAttention(num_heads=2, key_dim=4)
    >>> x = keras.ops.ones((1, 3, 8))
    >>> layer(x, x, use_causal_mask=True).shape[1:] == (3, 8)
    True
    """

    num_heads: int = 0
    key_dim: int = 0
    value_dim: int = 0
    output_shape: tuple[int, ...] | None
    attention_axes: tuple[int, ...] | None = None
    # The projections; None until the layer is built.
    query_dense: Any = None
    key_dense: Any = None
    value_dense: Any = None
    output_dense: Any = None
    # Keras's private names for these (docs/aliases.md). Libraries replace the projections by setting them.
    _query_dense, _key_dense = Alias("query_dense"), Alias("key_dense")
    _value_dense, _output_dense = Alias("value_dense"), Alias("output_dense")
    _num_heads = StateAlias[int](lambda layer: layer.num_heads)
    _key_dim = StateAlias[int](lambda layer: layer.key_dim)
    _value_dim = StateAlias[int](lambda layer: layer.value_dim)
    _attention_axes = StateAlias[tuple[int, ...] | None](lambda layer: layer.attention_axes)
    _output_shape = StateAlias[tuple[int, ...] | None](lambda layer: layer.output_shape)
    _inverse_sqrt_key_dim = StateAlias[float](lambda layer: 1 / math.sqrt(layer.key_dim))

    _kf_attributes = ("query_dense", "key_dense", "value_dense", "output_dense")

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Unpack[CommonOptions],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        keep(
            self, num_heads=positive(self, "num_heads", num_heads), key_dim=positive(self, "key_dim", key_dim),
            value_dim=key_dim if value_dim is None else positive(self, "value_dim", value_dim),
            output_shape=(output_shape,) if isinstance(output_shape, int) else _as_tuple(output_shape),
            attention_axes=(attention_axes,) if isinstance(attention_axes, int) else _as_tuple(attention_axes),
            kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip
        keep_heads(self, sliding_window, use_gate, use_bias, flash_attention)
        keep_dropout(self, dropout, seed)

    def build(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> None:  # type: ignore[override]
        key_shape = value_shape if key_shape is None else key_shape
        check_shapes(self, query_shape, value_shape, key_shape)
        type(self)._build_attention(self, len(query_shape))
        self.attention_axes = self._kf_axes.attended
        outputs = self.output_shape or (known_size(self, query_shape, -1),)
        heads, sizes = (self.num_heads, self.num_heads), (self.key_dim, self.value_dim)
        make_projections(self, (query_shape, key_shape, value_shape), heads, sizes, outputs)


def _as_tuple(value: Sequence[int] | None) -> tuple[int, ...] | None:
    return None if value is None else tuple(value)

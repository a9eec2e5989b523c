"""GroupedQueryAttention: several heads of queries share one of keys and values."""

from __future__ import annotations

import math
from typing import Unpack

from kerasfront.errors import ShapeError
from kerasfront.layers._configured import keep, known_size, positive, where
from kerasfront.layers._options import CommonOptions
from kerasfront.layers.attention.heads import ManyHeads, check_shapes, keep_heads, make_projections
from kerasfront.layers.attention.weights import keep_dropout
from kerasfront.state import StateAlias
from kerasfront.typing import ConstraintLike, InitializerLike, RegularizerLike, Shape


class GroupedQueryAttention(ManyHeads):
    """Multi-head attention in which several heads of queries share one head of keys and values.

    With as many key-value heads as query heads this is multi-head attention, with one it is multi-query attention.
    `keras.layers.GroupQueryAttention` is its name in Keras.

    Args:
        head_dim: The size of each head.
        num_query_heads: The number of heads of queries.
        num_key_value_heads: The number of heads of keys and values, which divides that of queries.
        dropout: The rate at which weights are dropped in training.
        use_bias: Whether the projections have biases.
        sliding_window: A query sees the keys that are nearer than this; None: all of them.
        flash_attention: True asks for, False forbids the framework's flash kernel; None leaves the choice to it.
        kernel_initializer: An initializer of the kernels.
        bias_initializer: An initializer of the biases.
        kernel_regularizer: A regularizer of the kernels.
        bias_regularizer: A regularizer of the biases.
        activity_regularizer: A regularizer of the output.
        kernel_constraint: A constraint of the kernels.
        bias_constraint: A constraint of the biases.
        use_gate: Whether what the heads give is multiplied by the sigmoid of a projection of the query.
        seed: A seed of dropout.

    The call arguments and results are those of `MultiHeadAttention`, for tensors of rank 3.

    Raises:
        ValueError: An argument is out of its range, or the heads don't divide.
        ShapeError: The shapes of query, value, key or masks don't fit.

    Source: Ainslie et al., https://arxiv.org/abs/2305.13245

    >>> import kerasfront as keras
    >>> layer = keras.layers.GroupQueryAttention(head_dim=4, num_query_heads=4, num_key_value_heads=2)
    >>> x = keras.ops.ones((1, 3, 8))
    >>> layer(x, x).shape[1:] == (3, 8)
    True
    """

    head_dim: int
    num_query_heads: int
    num_key_value_heads: int

    _inverse_sqrt_head_dim = StateAlias[float](lambda layer: 1 / math.sqrt(layer.head_dim))
    _kf_serialized_name = "GroupQueryAttention"
    _kf_attributes = ("_query_dense", "_key_dense", "_value_dense", "_output_dense")
    # In files the projections have these names, as in Keras's.
    _kf_saved_as = {
        "_query_dense": "_query_dense", "_key_dense": "_key_dense", "_value_dense": "_value_dense",
        "_output_dense": "_output_dense",
    }  # fmt: skip

    @property
    def num_repeats(self) -> int:
        """How many heads of queries share one of keys and values."""
        return self.num_query_heads // self.num_key_value_heads

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
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
            self, head_dim=positive(self, "head_dim", head_dim),
            num_query_heads=positive(self, "num_query_heads", num_query_heads),
            num_key_value_heads=positive(self, "num_key_value_heads", num_key_value_heads),
            kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                f"Expected `num_query_heads` of {where(self)} to be a multiple of num_key_value_heads="
                f"{num_key_value_heads}, got {num_query_heads}."
            )
        keep_heads(self, sliding_window, use_gate, use_bias, flash_attention)
        keep_dropout(self, dropout, seed)

    def build(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> None:  # type: ignore[override]
        key_shape = value_shape if key_shape is None else key_shape
        if len(query_shape) != 3:
            raise ShapeError(f"Expected the query of {where(self)} to have rank 3, got the shape {query_shape}.")
        check_shapes(self, query_shape, value_shape, key_shape)
        type(self)._build_attention(self, 3)
        heads, sizes = (self.num_query_heads, self.num_key_value_heads), (self.head_dim, self.head_dim)
        make_projections(
            self, (query_shape, key_shape, value_shape), heads, sizes, (known_size(self, query_shape, -1),)
        )

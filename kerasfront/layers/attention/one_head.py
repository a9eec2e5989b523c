"""Attention without projections: of one head, by dot products or by sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from kerasfront import ops
from kerasfront.errors import ShapeError
from kerasfront.layers._configured import Configured, known_size, one_of, where
from kerasfront.layers._options import LayerOptions
from kerasfront.layers.attention.weights import all_of, causal_mask, drop, keep_dropout, masked_softmax
from kerasfront.spec import KerasTensor, shapes
from kerasfront.typing import Config, NestedTensors, Shape, Tensor
from kerasfront.variable import Variable


class AdditiveOptions(LayerOptions, total=False):
    """Options of AdditiveAttention, beside those that it names itself."""

    score_mode: str
    seed: int | None


class Attention(Configured):
    """Attention of queries to values by the dot products with their keys (Luong), without projections.

    Args:
        use_scale: Whether the scores are multiplied by a trained scalar.
        score_mode: "dot", or "concat": a trained scalar times the sum of `tanh(query + key)` over the features.
        dropout: The rate at which weights are dropped in training.
        seed: A seed of dropout.

    Call arguments:
        inputs: A list of the query, of shape (batch, queries, size), the value, of shape (batch, keys, value size), and
            optionally the key, of shape (batch, keys, size); None: the value.
        mask: A list of the query's mask, of shape (batch, queries), and the value's, of shape (batch, keys); each may
            be None. Masked queries give zeros, masked values are not looked at; where all are masked, the weights are
            equal.
        return_attention_scores: Whether the weights, of shape (batch, queries, keys), are returned too.
        training: Whether dropout is active.
        use_causal_mask: Whether query i sees the keys up to i only.

    Returns:
        A tensor of shape (batch, queries, value size), or a tuple of that and the weights.

    Raises:
        ValueError: An argument is out of its range, or `inputs` or `mask` isn't such a list.

    Source: Luong et al., https://arxiv.org/abs/1508.04025

    >>> import kerasfront as keras
    >>> query, value = keras.ops.ones((1, 2, 4)), keras.ops.ones((1, 3, 4))
    >>> keras.layers.Attention()([query, value]).shape[1:] == (2, 4)
    True
    """

    use_scale: bool
    score_mode: str
    dropout: float = 0.0
    seed: int | None
    # The weights; None where there are none, and until the layer is built.
    scale: Variable | None = None
    concat_score_weight: Variable | None = None

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.use_scale = bool(use_scale)
        self.score_mode = one_of(self, "score_mode", score_mode, ("dot", "concat"))
        keep_dropout(self, dropout, seed)
        self.supports_masking = True
        self._kf.makes_mask = False

    def build(self, input_shape: Sequence[Shape]) -> None:
        _check_inputs(self, input_shape)
        self.scale = self.add_weight((), "ones", name="scale") if self.use_scale else None
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def call(
        self,
        inputs: Sequence[Tensor],
        mask: Sequence[Tensor | None] | None = None,
        training: bool | None = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        query, value, key = inputs if len(inputs) == 3 else (*inputs, inputs[1])
        threes = len(query.shape) == len(value.shape) == len(key.shape) == 3
        if not threes or shapes.differ(query.shape[2:], key.shape[2:]):
            raise ShapeError(
                f"Expected the inputs of {where(self)} to be of shape (batch, length, size), query and key of one "
                f"size, got {tuple(query.shape)}, {tuple(value.shape)} and for the key {tuple(key.shape)}."
            )
        query_mask, value_mask = _query_and_value(self, mask)
        causal = causal_mask(ops.shape(query)[1], ops.shape(key)[1]) if use_causal_mask else None
        allowed = all_of(None if value_mask is None else value_mask[:, None], causal)
        weights = drop(self, masked_softmax(self._kf_scores(query, key), allowed), training)
        outputs = ops.matmul(weights, value)
        if query_mask is not None:
            outputs = outputs * ops.cast(query_mask, ops.dtype(outputs))[:, :, None]
        return (outputs, weights) if return_attention_scores else outputs

    def compute_mask(self, inputs: Sequence[Tensor], mask: Sequence[Tensor | None] | None = None) -> Tensor | None:
        return _query_and_value(self, mask)[0]

    def compute_output_spec(
        self,
        inputs: Sequence[Tensor],
        mask: Sequence[Tensor | None] | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> KerasTensor | NestedTensors:
        # Keras orders these arguments in another way than those of `call`.
        return super().compute_output_spec(
            inputs, mask=mask, training=training, return_attention_scores=return_attention_scores,
            use_causal_mask=use_causal_mask,
        )  # fmt: skip

    def _kf_scores(self, query: Tensor, key: Tensor) -> Tensor:
        """Return the scores of queries and keys, of shape (batch, queries, keys)."""
        if self.concat_score_weight is None:
            scores = ops.matmul(query, ops.transpose(key, (0, 2, 1)))
            return scores if self.scale is None else scores * self.scale
        pairs = query[:, :, None] + key[:, None]
        if self.scale is not None:
            pairs = pairs * self.scale
        return self.concat_score_weight * ops.sum(ops.tanh(pairs), axis=-1)


class AdditiveAttention(Attention):
    """Attention by the sum of `tanh(query + key)` over the features (Bahdanau), without projections.

    Args:
        use_scale: Whether the features are weighed by a trained vector of their number.
        dropout: The rate at which weights are dropped in training.

    The call arguments, results and errors are those of `Attention`; queries and keys have the same size.

    Source: Bahdanau et al., https://arxiv.org/abs/1409.0473

    >>> import kerasfront as keras
    >>> query, value = keras.ops.ones((1, 2, 4)), keras.ops.ones((1, 3, 4))
    >>> keras.layers.AdditiveAttention()([query, value]).shape[1:] == (2, 4)
    True
    """

    scale: Variable | None = None

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Unpack[AdditiveOptions]) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Sequence[Shape]) -> None:
        _check_inputs(self, input_shape)
        size = known_size(self, input_shape[1], -1)
        self.scale = self.add_weight((size,), "glorot_uniform", name="scale") if self.use_scale else None

    def _kf_scores(self, query: Tensor, key: Tensor) -> Tensor:
        pairs = ops.tanh(query[:, :, None] + key[:, None])
        return ops.sum(pairs if self.scale is None else pairs * self.scale, axis=-1)

    def get_config(self) -> Config:
        return {**super().get_config(), "seed": self.seed}


def _check_inputs(layer: Attention, input_shape: Any) -> None:
    """Raise ValueError unless the inputs are a list of the query, the value and perhaps the key."""
    nested = isinstance(input_shape, (list, tuple)) and all(isinstance(s, (list, tuple)) for s in input_shape)
    if not nested or len(input_shape) not in (2, 3):
        raise ValueError(
            f"Expected the inputs of {where(layer)} to be a list [query, value] or [query, value, key], "
            f"got the shape {input_shape}."
        )


def _query_and_value(layer: Attention, mask: Any) -> tuple[Any, Any]:
    """Return the masks of the query and of the value."""
    if mask is None:
        return None, None
    if not isinstance(mask, (list, tuple)) or len(mask) not in (2, 3):
        raise ValueError(f"Expected the `mask` of {where(layer)} to be a list [query_mask, value_mask], got {mask}.")
    return mask[0], mask[1]

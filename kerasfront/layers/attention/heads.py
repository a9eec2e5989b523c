"""Attention in many heads: projections into heads, attention in each, and the projection of what they give."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, Self

from kerasfront import dtype_policies, ops, quantizers
from kerasfront.errors import ShapeError
from kerasfront.layers._configured import Configured, positive, where
from kerasfront.layers._options import Constraint, Initializer, Regularizer
from kerasfront.layers.activation import Softmax
from kerasfront.layers.attention.axes import Axes
from kerasfront.layers.attention.projection import Projection, copied
from kerasfront.layers.attention.weights import all_of, causal_mask, drop, masked_softmax
from kerasfront.layers.base.aliases import overrides
from kerasfront.layers.kernels.quantize import inner_config, policy_with_inner_ones
from kerasfront.random.seed_generator import SeedGenerator
from kerasfront.state import StateAlias
from kerasfront.typing import Config, Shape, Tensor, TensorLike

# The parts of a call that a subclass may override: the call then goes through them.
_PARTS = ("_compute_attention", "_compute_attention_mask", "_compute_causal_mask", "_masked_softmax")


class ManyHeads(Configured):
    """Projections into heads, attention in each, and the projection of what they give.

    A subclass names the sizes of the heads; files have the projections under the attributes that it names.
    """

    dropout: float = 0.0
    seed: int | None
    seed_generator: SeedGenerator
    use_bias: bool = True
    use_gate: bool
    sliding_window: int | None
    flash_attention: bool | None
    kernel_initializer: Initializer
    bias_initializer: Initializer
    kernel_regularizer: Regularizer | None
    bias_regularizer: Regularizer | None
    kernel_constraint: Constraint | None
    bias_constraint: Constraint | None
    # Keras's private names for these arguments, and for what `_compute_attention` is made of there. Libraries read them
    # (docs/aliases.md); nothing here does.
    _use_bias = StateAlias[bool](lambda layer: layer.use_bias)
    _dropout = StateAlias[float](lambda layer: layer.dropout)
    _use_gate = StateAlias[bool](lambda layer: layer.use_gate)
    _sliding_window = StateAlias[int | None](lambda layer: layer.sliding_window)
    _flash_attention = StateAlias[bool | None](lambda layer: layer.flash_attention)
    _kernel_initializer = StateAlias[Initializer](lambda layer: layer.kernel_initializer)
    _bias_initializer = StateAlias[Initializer](lambda layer: layer.bias_initializer)
    _kernel_regularizer = StateAlias[Regularizer | None](lambda layer: layer.kernel_regularizer)
    _bias_regularizer = StateAlias[Regularizer | None](lambda layer: layer.bias_regularizer)
    _kernel_constraint = StateAlias[Constraint | None](lambda layer: layer.kernel_constraint)
    _bias_constraint = StateAlias[Constraint | None](lambda layer: layer.bias_constraint)
    _activity_regularizer = StateAlias[Regularizer | None](lambda layer: layer.activity_regularizer)
    _softmax = StateAlias[Softmax](lambda layer: Softmax(axis=-1, dtype=layer.dtype_policy))
    _dropout_layer = StateAlias[Callable[..., Tensor]](lambda layer: functools.partial(drop, layer))
    _dot_product_equation = StateAlias[str | None](lambda layer: _equations(layer)[0])
    _combine_equation = StateAlias[str | None](lambda layer: _equations(layer)[1])
    _gate_dense = StateAlias[Projection | None](lambda layer: layer._kf_gate_dense)

    # The attributes of the projections of query, key, value and output.
    _kf_attributes: tuple[str, str, str, str]
    # The names of attributes in weight files.
    _kf_saved_as = {"_kf_gate_dense": "_gate_dense"}
    # The projection of the gate; None without one, and until the layer is built.
    _kf_gate_dense: Projection | None = None
    # How the projections were quantized, for a layer that was made from a config.
    _kf_config_inside: Any = None
    # The axes over which attention runs; None until the layer is built.
    _kf_axes: Any = None
    # Whether a subclass overrides a part of the call, so that the call has to go through the parts.
    _kf_has_own_parts = False
    _kf_left_out = frozenset({"flash_attention"})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._kf_has_own_parts = overrides(cls, ManyHeads, _PARTS)

    def get_config(self) -> Config:
        # A layer that is made from the config has to make quantized projections again. A map of their policies says
        # how, with the quantization config where the policies don't say all of it (Keras has no place for that one).
        config = {**super().get_config(), "dtype": dtype_policies.serialize(policy_with_inner_ones(self))}
        inside = inner_config(self)
        return config if inside is None else {**config, "quantization_config": inside}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        layer = super().from_config({k: v for k, v in config.items() if k != "quantization_config"})
        layer._kf_config_inside = quantizers.get(config.get("quantization_config"))
        return layer

    def call(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        query_mask: TensorLike | None = None,
        value_mask: TensorLike | None = None,
        key_mask: TensorLike | None = None,
        attention_mask: TensorLike | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        if self._kf_has_own_parts:
            masks = {"query_mask": query_mask, "value_mask": value_mask, "key_mask": key_mask,
                     "attention_mask": attention_mask, "use_causal_mask": use_causal_mask}  # fmt: skip
            return _call_by_parts(self, query, value, key, masks, training, return_attention_scores)
        to_query, to_key, to_value, to_output = [getattr(self, name) for name in self._kf_attributes]
        q, k, v = to_query(query), to_key(value if key is None else key), to_value(value)
        axes = self._kf_axes
        if not axes.plain:
            q, k, v = axes.flat(q), axes.flat(k), axes.flat(v)
        allowed = None
        masks_of_call = (query_mask, value_mask, key_mask, attention_mask)
        if self.sliding_window is not None or any(m is not None for m in masks_of_call):
            allowed = _allowed_pairs(self, axes, query, value, q, k, masks_of_call)
        outputs, weights = _attend(self, q, k, v, allowed, use_causal_mask, training, return_attention_scores)
        if not axes.plain:
            outputs = axes.back(outputs, query)
        outputs = to_output(_gated(self, outputs, query))
        if not return_attention_scores:
            return outputs
        return outputs, weights if axes.plain else axes.scores(weights, query, value)

    # ---- the parts of a call, which subclasses of Keras's layers know -----------------------------------------------

    def _build_attention(self, rank: int) -> None:
        """Note over which axes attention runs, for queries of a rank (as many axes as their heads have, less one)."""
        axes = getattr(self, "attention_axes", (1,))
        axes = tuple(range(1, rank - 1)) if axes is None else tuple(a % rank for a in axes)
        if not axes or len(set(axes)) < len(axes) or not all(0 < a < rank - 1 for a in axes):
            raise ShapeError(
                f"Expected `attention_axes` of {where(self)} to be axes between the first and the last of the query, "
                f"of rank {rank}, got {axes}."
            )
        self._kf_axes = Axes(rank, axes)

    def _compute_causal_mask(self, query: Tensor, value: Tensor | None = None) -> Tensor:
        """Return where a query may see a key, of shape (1, queries, keys); value None: the query."""
        return causal_mask(ops.shape(query)[1], ops.shape(query if value is None else value)[1])[None]

    def _compute_attention_mask(
        self,
        query: Tensor,
        value: Tensor,
        query_mask: TensorLike | None = None,
        value_mask: TensorLike | None = None,
        key_mask: TensorLike | None = None,
        attention_mask: TensorLike | None = None,
        use_causal_mask: bool = False,
    ) -> Tensor | None:
        """Combine all masks into one, of shape (batch or 1, queries, keys) for attention over one axis; None: none."""
        masks = [None if attention_mask is None else ops.convert_to_tensor(attention_mask, "bool")]
        masks += [None if query_mask is None else ops.convert_to_tensor(query_mask, "bool")[:, :, None]]
        masks += [ops.convert_to_tensor(m, "bool")[:, None] for m in (value_mask, key_mask) if m is not None]
        if use_causal_mask:
            masks.append(type(self)._compute_causal_mask(self, query, value))
        if self.sliding_window is not None:
            masks.append(_window(ops.shape(query)[1], ops.shape(value)[1], self.sliding_window)[None])
        return all_of(*masks)

    def _masked_softmax(self, attention_scores: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Return the weights of scores of shape (batch, heads, queries, keys); a mask without heads holds for all."""
        return _softmax_over_keys(self._kf_axes, attention_scores, attention_mask)

    def _compute_attention(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: TensorLike | None = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return `(outputs, weights or None)` for heads of shape (batch, ..., heads, size), and a mask of pairs."""
        axes = self._kf_axes
        allowed = None if attention_mask is None else axes.pairs(attention_mask, query[..., 0], value[..., 0], self)
        q, k, v = (query, key, value) if axes.plain else map(axes.flat, (query, key, value))
        outputs, weights = _attend(self, q, k, v, allowed, use_causal_mask, training, return_attention_scores)
        if not axes.plain:
            outputs = axes.back(outputs, query[..., 0])
            weights = None if weights is None else axes.scores(weights, query[..., 0], value[..., 0])
        return outputs, weights

    def _get_common_kwargs_for_sublayer(self) -> dict[str, Any]:
        return {
            "kernel_initializer": copied(self.kernel_initializer), "bias_initializer": copied(self.bias_initializer),
            "kernel_regularizer": self.kernel_regularizer, "bias_regularizer": self.bias_regularizer,
            "kernel_constraint": self.kernel_constraint, "bias_constraint": self.bias_constraint,
            "dtype": self.dtype_policy,
        }  # fmt: skip


def _equations(layer: ManyHeads) -> tuple[str | None, str | None]:
    """Return Keras's einsums; None where the layer isn't built."""
    return (None, None) if layer._kf_axes is None else layer._kf_axes.equations()


# ---- making -------------------------------------------------------------------------------------------------------


def keep_heads(
    layer: ManyHeads, sliding_window: int | None, use_gate: bool, use_bias: bool, flash_attention: bool | None
) -> None:
    """Check and keep the arguments that all attention in heads has."""
    if sliding_window is not None:
        positive(layer, "sliding_window", sliding_window)
    layer.sliding_window, layer.flash_attention = sliding_window, flash_attention
    layer.use_gate, layer.use_bias = bool(use_gate), bool(use_bias)
    layer.supports_masking = True


def check_shapes(layer: ManyHeads, query: Shape, value: Shape, key: Shape) -> None:
    """Raise a ShapeError where the shapes of query, value and key don't fit each other."""
    if len({len(query), len(value), len(key)}) > 1:
        raise ShapeError(
            f"Expected query, value and key of {where(layer)} to have the same rank, got {query}, {value}, {key}."
        )
    if any(m is not None and n is not None and m != n for m, n in zip(value[1:-1], key[1:-1], strict=True)):
        raise ShapeError(
            f"Expected the shapes of value and key of {where(layer)} to differ in the last axis only, "
            f"got {value} and {key}."
        )


def make_projections(
    layer: ManyHeads, shapes: Sequence[Shape], heads: tuple[int, int], sizes: tuple[int, int], outputs: tuple[int, ...]
) -> None:
    """Make the projections of a layer.

    Args:
        layer: The layer.
        shapes: The shapes of query, key and value.
        heads: The numbers of heads of queries, and of keys and values.
        sizes: The sizes of the heads of queries and keys, and of values.
        outputs: The sizes of the output's last axes.
    """
    query, key, value = shapes
    names = layer._kf_attributes
    setattr(layer, names[0], _project(layer, "query", query, 1, (heads[0], sizes[0])))
    setattr(layer, names[1], _project(layer, "key", key, 1, (heads[1], sizes[0])))
    layer._kf_gate_dense = _project(layer, "gate", query, 1, (heads[0], sizes[1])) if layer.use_gate else None
    setattr(layer, names[2], _project(layer, "value", value, 1, (heads[1], sizes[1])))
    merged = (*query[:-1], heads[0], sizes[1])
    setattr(layer, names[3], _project(layer, "attention_output", merged, 2, outputs))


def _project(owner: ManyHeads, name: str, shape: Any, summed: int, outputs: tuple[int, ...]) -> Projection:
    """Make a built projection of the last `summed` axes of inputs of `shape` to the axes `outputs`."""
    inner, outer = "abcdefgh"[:summed], "pqrstuvw"[: len(outputs)]
    layer = Projection(
        f"...{inner},{inner}{outer}->...{outer}", outputs, bias_axes=outer if owner.use_bias else None,
        kernel_initializer=copied(owner.kernel_initializer), bias_initializer=copied(owner.bias_initializer),
        kernel_regularizer=owner.kernel_regularizer, bias_regularizer=owner.bias_regularizer,
        kernel_constraint=owner.kernel_constraint, bias_constraint=owner.bias_constraint,
        name=name, dtype=owner.dtype_policy, quantization_config=owner._kf_config_inside,
    )  # fmt: skip
    layer.build(tuple(shape))
    return layer


# ---- calling ------------------------------------------------------------------------------------------------------


def _call_by_parts(
    layer: ManyHeads, query: Any, value: Any, key: Any, masks: dict[str, Any], training: bool | None, scores: bool
) -> Any:
    """Run the call by way of the parts, of which a subclass overrides some."""
    mask = type(layer)._compute_attention_mask(layer, query, value, **masks)
    to_query, to_key, to_value, to_output = [getattr(layer, name) for name in layer._kf_attributes]
    q, k, v = to_query(query), to_key(value if key is None else key), to_value(value)
    groups = q.shape[-2] // k.shape[-2]
    if groups > 1:
        k, v = ops.repeat(k, groups, axis=-2), ops.repeat(v, groups, axis=-2)
    options = {"return_attention_scores": True} if scores else {}
    outputs, weights = type(layer)._compute_attention(layer, q, k, v, attention_mask=mask, training=training, **options)
    outputs = to_output(_gated(layer, outputs, query))
    return (outputs, weights) if scores else outputs


def _allowed_pairs(layer: ManyHeads, axes: Axes, query: Any, value: Any, q: Any, k: Any, masks: Any) -> Any:
    """Return where a query may attend to a key: booleans that broadcast to (batch, heads, queries, keys)."""
    query_mask, value_mask, key_mask, attention_mask = masks
    rows = [] if query_mask is None else [axes.mask(query_mask, query)[:, None, :, None]]
    columns = [axes.mask(m, value)[:, None, None] for m in (value_mask, key_mask) if m is not None]
    window = None if layer.sliding_window is None else _window(ops.shape(q)[1], ops.shape(k)[1], layer.sliding_window)
    pairs = None if attention_mask is None else axes.pairs(attention_mask, query, value, layer)
    return all_of(*rows, *columns, pairs, window)


def _attend(
    layer: ManyHeads, query: Any, key: Any, value: Any, allowed: Any, causal: bool, training: Any, scores: bool
) -> tuple[Tensor, Tensor | None]:
    """Return `(outputs, weights or None)` for heads: tensors of shape (batch, length, heads, size)."""
    plain = type(layer)._masked_softmax is ManyHeads._masked_softmax
    if plain and not scores and not (training and layer.dropout):
        outputs = ops.dot_product_attention(
            query, key, value, mask=allowed, is_causal=causal, flash_attention=layer.flash_attention
        )
        return outputs, None
    groups = query.shape[2] // key.shape[2]
    if groups > 1:
        key, value = ops.repeat(key, groups, axis=2), ops.repeat(value, groups, axis=2)
    if causal:
        allowed = all_of(allowed, causal_mask(ops.shape(query)[1], ops.shape(key)[1]))
    query = ops.transpose(ops.multiply(query, 1 / math.sqrt(query.shape[3])), (0, 2, 1, 3))
    products = ops.matmul(query, ops.transpose(key, (0, 2, 3, 1)))
    if plain:
        weights = _softmax_over_keys(layer._kf_axes, products, allowed)
    else:
        weights = type(layer)._masked_softmax(layer, products, allowed)
    if plain and allowed is not None:
        weights = ops.where(ops.any(allowed, axis=-1, keepdims=True), weights, 0)
    outputs = ops.matmul(drop(layer, weights, training), ops.transpose(value, (0, 2, 1, 3)))
    return ops.transpose(outputs, (0, 2, 1, 3)), weights


def _softmax_over_keys(axes: Axes, scores: Tensor, mask: Tensor | None) -> Tensor:
    """Return the weights of scores of shape (batch, heads, queries, keys); a mask without heads is that of all."""
    rank = len(scores.shape)
    # A subclass may compute scores of several axes of queries, and then of as many axes of keys.
    several = len(axes.attended) if rank > 4 and rank == axes.scores_rank else 1
    if mask is not None:
        at = len(mask.shape) - 2 * several
        missing = rank - len(mask.shape)
        mask = ops.expand_dims(mask, tuple(range(at, at + missing)))
    return masked_softmax(scores, mask, tuple(range(rank - several, rank)) if several > 1 else -1)


def _window(queries: Any, keys: Any, reach: int) -> Tensor:
    """Return where a key is nearer than the sliding window reaches."""
    distance = ops.arange(queries)[:, None] - ops.arange(keys)[None, :]
    return ops.absolute(distance) < reach


def _gated(layer: ManyHeads, outputs: Any, query: Any) -> Any:
    return outputs if layer._kf_gate_dense is None else outputs * ops.sigmoid(layer._kf_gate_dense(query))

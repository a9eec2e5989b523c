"""Attention: dot-product and additive, with one head or many."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from kerasfront import dtype_policies, ops, quantizers, random
from kerasfront.errors import ShapeError
from kerasfront.layers._configured import Configured, fraction, keep, one_of, positive, where
from kerasfront.layers.activation import Softmax
from kerasfront.layers.base.aliases import Alias, overrides
from kerasfront.layers.core import EinsumDense
from kerasfront.layers.input_spec import InputSpec
from kerasfront.layers.quantized import config_inside, policies_inside
from kerasfront.ops.attention import MASKED
from kerasfront.ops.matrices import affine
from kerasfront.random.seed_generator import SeedGenerator
from kerasfront.spec import shapes

# ---- what all share -----------------------------------------------------------------------------------------------


def _causal(queries: Any, keys: Any) -> Any:
    """Where a query (rows) may see a key (columns), for numbers of them."""
    return ops.arange(queries)[:, None] >= ops.arange(keys)[None, :]


def _softmax(scores: Any, allowed: Any, axes: tuple[int, ...] | int = -1) -> Any:
    """Softmax over the last axis, or several, where `allowed`; half precision inside float32.

    Where nothing is allowed, weights are equal.
    """
    name = ops.dtype(scores)
    if name in ("float16", "bfloat16"):
        scores = ops.cast(scores, "float32")
    if allowed is not None:
        scores = ops.where(allowed, scores, MASKED)
    return ops.cast(ops.softmax(scores, axes), name)


def _both(*masks: Any) -> Any:
    """Where all of the masks allow it; None where there is none."""
    given = [ops.cast(m, "bool") for m in masks if m is not None]
    return functools.reduce(ops.logical_and, given) if given else None


class _Attention(Configured):
    """Dropout of attention weights."""

    dropout = 0.0

    def _keep_dropout(self, dropout: float, seed: int | None) -> None:
        self.dropout, self.seed = fraction(self, "dropout", dropout), seed
        if dropout:
            self.seed_generator = SeedGenerator(seed)

    def _dropped(self, weights: Any, training: bool | None) -> Any:
        if not (training and self.dropout):
            return weights
        return random.dropout(weights, self.dropout, seed=self.seed_generator)


# ---- one head -----------------------------------------------------------------------------------------------------


class Attention(_Attention):
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

    Reference: Luong et al., https://arxiv.org/abs/1508.04025

    >>> import kerasfront as keras
    >>> query, value = keras.ops.ones((1, 2, 4)), keras.ops.ones((1, 3, 4))
    >>> keras.layers.Attention()([query, value]).shape[1:] == (2, 4)
    True
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.use_scale = bool(use_scale)
        self.score_mode = one_of(self, "score_mode", score_mode, ("dot", "concat"))
        self._keep_dropout(dropout, seed)
        self.supports_masking, self._kf.makes_mask = True, False

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)
        self.scale = self.add_weight((), "ones", name="scale") if self.use_scale else None
        self.concat_score_weight = None
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def _check(self, inputs: Any) -> None:
        nested = isinstance(inputs, (list, tuple)) and all(isinstance(shape, (list, tuple)) for shape in inputs)
        if not nested or len(inputs) not in (2, 3):
            raise ValueError(
                f"Expected the inputs of {where(self)} to be a list [query, value] or [query, value, key], "
                f"got the shape {inputs}."
            )

    def _scores(self, query: Any, key: Any) -> Any:
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.transpose(key, (0, 2, 1)))
            return scores if self.scale is None else scores * self.scale
        pairs = query[:, :, None] + key[:, None]
        if self.scale is not None:
            pairs = pairs * self.scale
        return self.concat_score_weight * ops.sum(ops.tanh(pairs), axis=-1)

    def call(
        self,
        inputs: Any,
        mask: Any = None,
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
        query_mask, value_mask = self._masks(mask)
        causal = _causal(ops.shape(query)[1], ops.shape(key)[1]) if use_causal_mask else None
        allowed = _both(None if value_mask is None else value_mask[:, None], causal)
        weights = self._dropped(_softmax(self._scores(query, key), allowed), training)
        outputs = ops.matmul(weights, value)
        if query_mask is not None:
            outputs = outputs * ops.cast(query_mask, ops.dtype(outputs))[:, :, None]
        return (outputs, weights) if return_attention_scores else outputs

    def _masks(self, mask: Any) -> tuple[Any, Any]:
        if mask is None:
            return None, None
        if not isinstance(mask, (list, tuple)) or len(mask) not in (2, 3):
            raise ValueError(f"Expected the `mask` of {where(self)} to be a list [query_mask, value_mask], got {mask}.")
        return mask[0], mask[1]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return self._masks(mask)[0]


class AdditiveAttention(Attention):
    """Attention by the sum of `tanh(query + key)` over the features (Bahdanau), without projections.

    Args:
        use_scale: Whether the features are weighed by a trained vector of their number.
        dropout: The rate at which weights are dropped in training.

    The call arguments, results and errors are those of `Attention`; queries and keys have the same size.

    Reference: Bahdanau et al., https://arxiv.org/abs/1409.0473

    >>> import kerasfront as keras
    >>> query, value = keras.ops.ones((1, 2, 4)), keras.ops.ones((1, 3, 4))
    >>> keras.layers.AdditiveAttention()([query, value]).shape[1:] == (2, 4)
    True
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)
        size = input_shape[1][-1]
        self.scale = self.add_weight((size,), "glorot_uniform", name="scale") if self.use_scale else None

    def _scores(self, query: Any, key: Any) -> Any:
        pairs = ops.tanh(query[:, :, None] + key[:, None])
        return ops.sum(pairs if self.scale is None else pairs * self.scale, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}


# ---- many heads ---------------------------------------------------------------------------------------------------


class _Projection(EinsumDense):
    """An EinsumDense from the last axes to new last axes: one product of matrices, without a general einsum."""

    supports_masking = True

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        summed = len(self.equation.partition(",")[0]) - 3
        assert self._matrix_shape is not None
        rows, columns = self._matrix_shape[:summed], self._matrix_shape[summed:]
        self.__dict__["_plan"] = summed, (math.prod(rows), math.prod(columns)), tuple(columns)
        self.input_spec = InputSpec(min_ndim=summed, axes={i - summed: n for i, n in enumerate(rows)})

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if self._form is not None:
            return super().call(inputs)
        summed, matrix, columns = self._plan
        lead = ops.shape(inputs)[:-summed]
        if summed > 1:
            inputs = ops.reshape(inputs, (*lead, matrix[0]))
        bias = None if self.bias is None else ops.reshape(self.bias.value, (matrix[1],))
        outputs = affine(inputs, ops.reshape(self._kernel.value, matrix), bias)
        return outputs if len(columns) == 1 else ops.reshape(outputs, (*lead, *columns))


class _Axes:
    """Attention over any axes of tensors of a rank: those become one axis of length, the others one of batch."""

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

    def _merge(self, x: Any, last: int) -> Any:
        """x with the axes before its `last` ones put in order and made two: batch and length."""
        rank = len(x.shape)
        x = ops.transpose(x, (*self.order, *range(rank - last, rank)))
        sizes = ops.shape(x)
        cut = len(self.lead)
        rest = (*sizes[rank - last :],) if last else ()
        return ops.reshape(x, (math.prod(sizes[:cut]), math.prod(sizes[cut : rank - last]), *rest))

    def flat(self, x: Any) -> Any:
        """Heads of shape (batch, ..., heads, size) as (batch, length, heads, size)."""
        return self._merge(x, 2)

    def back(self, x: Any, query: Any) -> Any:
        """What `flat` did undone, for the axes of the query."""
        sizes = ops.shape(query)
        heads = ops.shape(x)[2:]
        x = ops.reshape(x, (*(sizes[a] for a in self.order), *heads))
        rank = len(self.order)
        inverse = tuple(self.order.index(a) for a in range(rank))
        return ops.transpose(x, (*inverse, rank, rank + 1))

    def scores(self, weights: Any, query: Any, value: Any) -> Any:
        """Weights of shape (batch, heads, length, length) with the axes of query and value."""
        rows, columns = ops.shape(query), ops.shape(value)
        lead, heads = (rows[a] for a in self.lead), ops.shape(weights)[1]
        return ops.reshape(
            weights, (*lead, heads, *(rows[a] for a in self.attended), *(columns[a] for a in self.attended))
        )

    def mask(self, mask: Any, x: Any) -> Any:
        """A mask of the first axes of x as (batch, length)."""
        mask = ops.convert_to_tensor(mask, "bool")
        if self.plain:
            return mask
        mask = ops.expand_dims(mask, tuple(range(len(mask.shape), len(x.shape) - 1)))
        return self._merge(ops.broadcast_to(mask, ops.shape(x)[:-1]), 0)

    def pairs(self, mask: Any, query: Any, value: Any, layer: Any) -> Any:
        """A mask of queries and keys as (batch, heads or 1, length, length)."""
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


# What a subclass may have of its own, so that a call asks it.
_PARTS = ("_compute_attention", "_compute_attention_mask", "_compute_causal_mask", "_masked_softmax")


class _ManyHeads(_Attention):
    """Projections into heads, attention in each, and the projection of what they give.

    A subclass names the sizes of the heads; files have the projections under the attributes that it names.
    """

    # The attributes of the projections of query, key, value and output.
    _attributes: tuple[str, str, str, str]
    # What the projections of a layer that was made from a config were quantized by.
    _inside: Any = None
    use_bias = True
    # Their names in Keras; see docs/aliases.md.
    _use_bias, _dropout, _use_gate = Alias("use_bias"), Alias("dropout"), Alias("use_gate")
    _sliding_window, _flash_attention = Alias("sliding_window"), Alias("flash_attention")
    _kernel_initializer, _bias_initializer = Alias("kernel_initializer"), Alias("bias_initializer")
    _kernel_regularizer, _bias_regularizer = Alias("kernel_regularizer"), Alias("bias_regularizer")
    _kernel_constraint, _bias_constraint = Alias("kernel_constraint"), Alias("bias_constraint")
    _activity_regularizer = Alias("activity_regularizer")
    _kf_left_out = frozenset({"flash_attention"})

    def _keep_heads(
        self, sliding_window: int | None, use_gate: bool, use_bias: bool, flash_attention: bool | None
    ) -> None:
        if sliding_window is not None:
            positive(self, "sliding_window", sliding_window)
        self.sliding_window, self.flash_attention = sliding_window, flash_attention
        self.use_gate, self.use_bias = bool(use_gate), bool(use_bias)
        self.supports_masking = True

    def get_config(self) -> dict[str, Any]:
        # Projections that were quantized are made so again: by a map of their policies and, where these don't say all
        # of it, by what they were quantized by (which Keras has no place for).
        config = {**super().get_config(), "dtype": dtype_policies.serialize(policies_inside(self))}
        inside = config_inside(self)
        return config if inside is None else {**config, "quantization_config": inside}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        layer = super().from_config({k: v for k, v in config.items() if k != "quantization_config"})
        layer.__dict__["_inside"] = quantizers.get(config.get("quantization_config"))
        return layer

    def _project(self, name: str, shape: Any, summed: int, outputs: tuple[int, ...]) -> _Projection:
        """A built projection of the last `summed` axes of inputs of `shape` to the axes `outputs`."""
        inner, outer = "abcdefgh"[:summed], "pqrstuvw"[: len(outputs)]
        layer = _Projection(
            f"...{inner},{inner}{outer}->...{outer}", outputs, bias_axes=outer if self.use_bias else None,
            kernel_initializer=_copied(self.kernel_initializer), bias_initializer=_copied(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer, bias_regularizer=self.bias_regularizer,
            kernel_constraint=self.kernel_constraint, bias_constraint=self.bias_constraint,
            name=name, dtype=self.dtype_policy, quantization_config=self._inside,
        )  # fmt: skip
        layer.build(tuple(shape))
        return layer

    def _make_projections(
        self, shapes: Sequence[Any], heads: tuple[int, int], sizes: tuple[int, int], outputs: Any
    ) -> None:
        """For the shapes of query, key and value; heads and sizes of queries and keys, and of values."""
        query, key, value = shapes
        names = self._attributes
        setattr(self, names[0], self._project("query", query, 1, (heads[0], sizes[0])))
        setattr(self, names[1], self._project("key", key, 1, (heads[1], sizes[0])))
        self._gate_dense = self._project("gate", query, 1, (heads[0], sizes[1])) if self.use_gate else None
        setattr(self, names[2], self._project("value", value, 1, (heads[1], sizes[1])))
        merged = (*query[:-1], heads[0], sizes[1])
        setattr(self, names[3], self._project("attention_output", merged, 2, outputs))

    def _check_shapes(self, query: Any, value: Any, key: Any) -> None:
        if len({len(query), len(value), len(key)}) > 1:
            raise ShapeError(
                f"Expected query, value and key of {where(self)} to have the same rank, got {query}, {value}, {key}."
            )
        if any(m is not None and n is not None and m != n for m, n in zip(value[1:-1], key[1:-1], strict=True)):
            raise ShapeError(
                f"Expected the shapes of value and key of {where(self)} to differ in the last axis only, "
                f"got {value} and {key}."
            )

    # ---- the parts of a call, which subclasses of Keras's layers know -----------------------------------------------

    # Whether a subclass has a part of its own: the call goes through the parts then.
    _has_own_parts = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._has_own_parts = overrides(cls, _ManyHeads, _PARTS)

    def _build_attention(self, rank: int) -> None:
        """Note over which axes attention runs, for queries of a rank (as many axes as their heads have, less one)."""
        axes = getattr(self, "attention_axes", (1,))
        axes = tuple(range(1, rank - 1)) if axes is None else tuple(a % rank for a in axes)
        if not axes or len(set(axes)) < len(axes) or not all(0 < a < rank - 1 for a in axes):
            raise ShapeError(
                f"Expected `attention_axes` of {where(self)} to be axes between the first and the last of the query, "
                f"of rank {rank}, got {axes}."
            )
        self.__dict__["_axes"] = _Axes(rank, axes)

    def _compute_causal_mask(self, query: Any, value: Any = None) -> Any:
        """Where a query may see a key, of shape (1, queries, keys); value None: the query."""
        return _causal(ops.shape(query)[1], ops.shape(query if value is None else value)[1])[None]

    def _compute_attention_mask(
        self,
        query: Any,
        value: Any,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """All masks as one, of shape (batch or 1, queries, keys) where attention runs over one axis; None: no mask."""
        masks = [None if attention_mask is None else ops.convert_to_tensor(attention_mask, "bool")]
        masks += [None if query_mask is None else ops.convert_to_tensor(query_mask, "bool")[:, :, None]]
        masks += [ops.convert_to_tensor(m, "bool")[:, None] for m in (value_mask, key_mask) if m is not None]
        if use_causal_mask:
            masks.append(self._compute_causal_mask(query, value))
        if self.sliding_window is not None:
            masks.append(self._window(ops.shape(query)[1], ops.shape(value)[1])[None])
        return _both(*masks)

    def _masked_softmax(self, attention_scores: Any, attention_mask: Any = None) -> Any:
        """The weights of scores of shape (batch, heads, queries, keys); a mask without heads is that of all."""
        rank = len(attention_scores.shape)
        # Scores of several axes of queries, which a subclass computes, have as many of keys.
        several = len(self._axes.attended) if rank > 4 and rank == self._axes.scores_rank else 1
        if attention_mask is not None:
            at = len(attention_mask.shape) - 2 * several
            missing = rank - len(attention_mask.shape)
            attention_mask = ops.expand_dims(attention_mask, tuple(range(at, at + missing)))
        return _softmax(attention_scores, attention_mask, tuple(range(rank - several, rank)) if several > 1 else -1)

    def _compute_attention(
        self,
        query: Any,
        key: Any,
        value: Any,
        attention_mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """`(outputs, weights or None)` of heads: tensors of shape (batch, ..., heads, size), and a mask of pairs."""
        axes = self._axes
        allowed = None if attention_mask is None else axes.pairs(attention_mask, query[..., 0], value[..., 0], self)
        q, k, v = (query, key, value) if axes.plain else map(axes.flat, (query, key, value))
        outputs, weights = self._attend(q, k, v, allowed, use_causal_mask, training, return_attention_scores)
        if not axes.plain:
            outputs = axes.back(outputs, query[..., 0])
            weights = None if weights is None else axes.scores(weights, query[..., 0], value[..., 0])
        return outputs, weights

    def _call_by_parts(
        self, query: Any, value: Any, key: Any, masks: dict[str, Any], training: bool | None, scores: bool
    ) -> Any:
        """The call by way of the parts, of which a subclass has some of its own."""
        mask = self._compute_attention_mask(query, value, **masks)
        to_query, to_key, to_value, to_output = [getattr(self, name) for name in self._attributes]
        q, k, v = to_query(query), to_key(value if key is None else key), to_value(value)
        groups = q.shape[-2] // k.shape[-2]
        if groups > 1:
            k, v = ops.repeat(k, groups, axis=-2), ops.repeat(v, groups, axis=-2)
        options = {"return_attention_scores": True} if scores else {}
        outputs, weights = self._compute_attention(q, k, v, attention_mask=mask, training=training, **options)
        outputs = to_output(self._gated(outputs, query))
        return (outputs, weights) if scores else outputs

    @property
    def _softmax(self) -> Any:
        return Softmax(axis=-1, dtype=self.dtype_policy)

    @property
    def _dropout_layer(self) -> Any:
        return self._dropped

    # Over which axes attention runs, once the layer is built.
    _axes: Any = None

    @property
    def _dot_product_equation(self) -> str | None:
        return None if self._axes is None else self._axes.equations()[0]

    @property
    def _combine_equation(self) -> str | None:
        return None if self._axes is None else self._axes.equations()[1]

    def _get_common_kwargs_for_sublayer(self) -> dict[str, Any]:
        return {
            "kernel_initializer": _copied(self.kernel_initializer), "bias_initializer": _copied(self.bias_initializer),
            "kernel_regularizer": self.kernel_regularizer, "bias_regularizer": self.bias_regularizer,
            "kernel_constraint": self.kernel_constraint, "bias_constraint": self.bias_constraint,
            "dtype": self.dtype_policy,
        }  # fmt: skip

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        if self._has_own_parts:
            masks = {"query_mask": query_mask, "value_mask": value_mask, "key_mask": key_mask,
                     "attention_mask": attention_mask, "use_causal_mask": use_causal_mask}  # fmt: skip
            return self._call_by_parts(query, value, key, masks, training, return_attention_scores)
        to_query, to_key, to_value, to_output = [getattr(self, name) for name in self._attributes]
        q, k, v = to_query(query), to_key(value if key is None else key), to_value(value)
        axes = self._axes
        if not axes.plain:
            q, k, v = axes.flat(q), axes.flat(k), axes.flat(v)
        allowed = None
        given = (query_mask, value_mask, key_mask, attention_mask)
        if self.sliding_window is not None or any(m is not None for m in given):
            allowed = self._allowed(axes, query, value, q, k, given)
        outputs, weights = self._attend(q, k, v, allowed, use_causal_mask, training, return_attention_scores)
        if not axes.plain:
            outputs = axes.back(outputs, query)
        outputs = to_output(self._gated(outputs, query))
        if not return_attention_scores:
            return outputs
        return outputs, weights if axes.plain else axes.scores(weights, query, value)

    def _allowed(self, axes: _Axes, query: Any, value: Any, q: Any, k: Any, given: Any) -> Any:
        """Where a query may attend to a key: booleans that broadcast to (batch, heads, queries, keys)."""
        query_mask, value_mask, key_mask, attention_mask = given
        rows = [] if query_mask is None else [axes.mask(query_mask, query)[:, None, :, None]]
        columns = [axes.mask(m, value)[:, None, None] for m in (value_mask, key_mask) if m is not None]
        window = None if self.sliding_window is None else self._window(ops.shape(q)[1], ops.shape(k)[1])
        pairs = None if attention_mask is None else axes.pairs(attention_mask, query, value, self)
        return _both(*rows, *columns, pairs, window)

    def _attend(self, query: Any, key: Any, value: Any, allowed: Any, causal: bool, training: Any, scores: bool) -> Any:
        """`(outputs, weights or None)` for heads: tensors of shape (batch, length, heads, size)."""
        plain = not self._has_own_parts or type(self)._masked_softmax is _ManyHeads._masked_softmax
        if plain and not scores and not (training and self.dropout):
            outputs = ops.dot_product_attention(
                query, key, value, mask=allowed, is_causal=causal, flash_attention=self.flash_attention
            )
            return outputs, None
        groups = query.shape[2] // key.shape[2]
        if groups > 1:
            key, value = ops.repeat(key, groups, axis=2), ops.repeat(value, groups, axis=2)
        if causal:
            allowed = _both(allowed, _causal(ops.shape(query)[1], ops.shape(key)[1]))
        query = ops.transpose(ops.multiply(query, 1 / math.sqrt(query.shape[3])), (0, 2, 1, 3))
        products = ops.matmul(query, ops.transpose(key, (0, 2, 3, 1)))
        weights = self._masked_softmax(products, allowed)
        if plain and allowed is not None:
            weights = ops.where(ops.any(allowed, axis=-1, keepdims=True), weights, 0)
        outputs = ops.matmul(self._dropped(weights, training), ops.transpose(value, (0, 2, 1, 3)))
        return ops.transpose(outputs, (0, 2, 1, 3)), weights

    def _window(self, queries: Any, keys: Any) -> Any:
        """Where a key is nearer than the sliding window reaches."""
        distance = ops.arange(queries)[:, None] - ops.arange(keys)[None, :]
        return ops.absolute(distance) < self.sliding_window

    def _gated(self, outputs: Any, query: Any) -> Any:
        return outputs if self._gate_dense is None else outputs * ops.sigmoid(self._gate_dense(query))


def _copied(initializer: Any) -> Any:
    """An initializer of its own for each projection: one without a seed draws anew then, as a name would."""
    if not hasattr(initializer, "get_config"):
        return initializer
    return type(initializer).from_config(initializer.get_config())


class MultiHeadAttention(_ManyHeads):
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

    References: Vaswani et al., https://arxiv.org/abs/1706.03762; the gate: Qiu et al., https://arxiv.org/abs/2505.06708

    >>> import kerasfront as keras
    >>> layer = keras.layers.MultiHeadAttention(num_heads=2, key_dim=4)
    >>> x = keras.ops.ones((1, 3, 8))
    >>> layer(x, x, use_causal_mask=True).shape[1:] == (3, 8)
    True
    """

    _attributes = ("query_dense", "key_dense", "value_dense", "output_dense")
    # The projections, once the layer is built; and what the constructor sets.
    query_dense: Any = None
    key_dense: Any = None
    value_dense: Any = None
    output_dense: Any = None
    num_heads = key_dim = value_dim = 0
    attention_axes: tuple[int, ...] | None = None
    # Their names in Keras; see docs/aliases.md.
    _query_dense, _key_dense = Alias("query_dense"), Alias("key_dense")
    _value_dense, _output_dense = Alias("value_dense"), Alias("output_dense")
    _num_heads, _key_dim, _value_dim = Alias("num_heads"), Alias("key_dim"), Alias("value_dim")
    _attention_axes, _output_shape = Alias("attention_axes"), Alias("output_shape")

    @property
    def _inverse_sqrt_key_dim(self) -> float:
        return 1 / math.sqrt(self.key_dim)

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
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        keep(
            self,
            num_heads=positive(self, "num_heads", num_heads), key_dim=positive(self, "key_dim", key_dim),
            value_dim=key_dim if value_dim is None else positive(self, "value_dim", value_dim),
            output_shape=(output_shape,) if isinstance(output_shape, int) else _tuple(output_shape),
            attention_axes=(attention_axes,) if isinstance(attention_axes, int) else _tuple(attention_axes),
            kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip
        self._keep_heads(sliding_window, use_gate, use_bias, flash_attention)
        self._keep_dropout(dropout, seed)

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:  # type: ignore[override]
        key_shape = value_shape if key_shape is None else key_shape
        self._check_shapes(query_shape, value_shape, key_shape)
        self._build_attention(len(query_shape))
        self.attention_axes = self._axes.attended
        outputs = self.output_shape or (query_shape[-1],)
        heads, sizes = (self.num_heads, self.num_heads), (self.key_dim, self.value_dim)
        self._make_projections((query_shape, key_shape, value_shape), heads, sizes, outputs)


def _tuple(value: Any) -> Any:
    return None if value is None else tuple(value)


class GroupedQueryAttention(_ManyHeads):
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

    Reference: Ainslie et al., https://arxiv.org/abs/2305.13245

    >>> import kerasfront as keras
    >>> layer = keras.layers.GroupQueryAttention(head_dim=4, num_query_heads=4, num_key_value_heads=2)
    >>> x = keras.ops.ones((1, 3, 8))
    >>> layer(x, x).shape[1:] == (3, 8)
    True
    """

    _serialized_name = "GroupQueryAttention"

    @property
    def num_repeats(self) -> int:
        """How many heads of queries share one of keys and values."""
        return int(self.num_query_heads // self.num_key_value_heads)

    @property
    def _inverse_sqrt_head_dim(self) -> float:
        return 1 / math.sqrt(self.head_dim)

    _attributes = ("_query_dense", "_key_dense", "_value_dense", "_output_dense")

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        keep(
            self,
            head_dim=positive(self, "head_dim", head_dim),
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
        self._keep_heads(sliding_window, use_gate, use_bias, flash_attention)
        self._keep_dropout(dropout, seed)

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:  # type: ignore[override]
        key_shape = value_shape if key_shape is None else key_shape
        if len(query_shape) != 3:
            raise ShapeError(f"Expected the query of {where(self)} to have rank 3, got the shape {query_shape}.")
        self._check_shapes(query_shape, value_shape, key_shape)
        self._build_attention(3)
        heads, sizes = (self.num_query_heads, self.num_key_value_heads), (self.head_dim, self.head_dim)
        self._make_projections((query_shape, key_shape, value_shape), heads, sizes, (query_shape[-1],))

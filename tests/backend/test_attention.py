"""Attention layers: against Keras and torch with the weights carried over, masks, scores, dropout, compiled steps."""

from __future__ import annotations

import itertools
from typing import Any

import keras as reference
import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops, scopes
from kerasfront.contract import current
from kerasfront.errors import CapabilityError
from kerasfront.ops.declare import OPS

BACKEND = keras.config.backend()
Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(0)
Q = RNG.standard_normal((2, 3, 4)).astype("float32")
V = RNG.standard_normal((2, 5, 4)).astype("float32")
K = RNG.standard_normal((2, 5, 4)).astype("float32")
Q_MASK = np.array([[1, 1, 0], [1, 1, 1]], bool)
V_MASK = np.array([[1, 1, 0, 0, 1], [0, 1, 1, 0, 0]], bool)
PAIRS = RNG.random((2, 3, 5)) > 0.3
PAIRS[..., 1] = True


def values(x: Any) -> Any:
    return keras.tree.map_structure(lambda t: None if t is None else ops.convert_to_numpy(t), x)


def close(ours: Any, theirs: Any, rows: Any = None, tolerance: float = 1e-5) -> None:
    """Equal, in those rows that count."""
    a = keras.tree.flatten(values(ours))
    b = [reference.ops.convert_to_numpy(t) for t in keras.tree.flatten(theirs)]
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        assert x.shape == y.shape and x.dtype == y.dtype
        if rows is not None:  # weights have the heads before the queries
            x, y = ((t if t.shape[1] == rows.shape[1] else np.moveaxis(t, 1, 2))[rows] for t in (x, y))
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


def pair(make: Any, *shapes: Any) -> tuple[Any, Any]:
    """The same layer here and in Keras, with the same random weights."""
    ours, theirs = make(layers), make(reference.layers)
    ours.build(*shapes)
    theirs.build(*shapes)
    assert [w.path.split("/")[1:] for w in ours.weights] == [w.path.split("/")[1:] for w in theirs.weights]
    rng = np.random.default_rng(1)
    weights = [rng.standard_normal(w.shape).astype("float32") for w in theirs.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs


def compiled(function: Any, variables: Any = ()) -> Any:
    return current().compile_step(function, lambda: list(variables))


# ---- one head -----------------------------------------------------------------------------------------------------

ONE_HEAD = {
    "dot": lambda m: m.Attention(),
    "scaled": lambda m: m.Attention(use_scale=True),
    "concat": lambda m: m.Attention(score_mode="concat"),
    "scaled concat": lambda m: m.Attention(score_mode="concat", use_scale=True),
    "additive": lambda m: m.AdditiveAttention(),
    "additive, no scale": lambda m: m.AdditiveAttention(use_scale=False),
}


@pytest.mark.wide
@pytest.mark.parametrize("name", ONE_HEAD)
def test_one_head_is_as_in_keras(name: str) -> None:
    ours, theirs = pair(ONE_HEAD[name], [Q.shape, V.shape])
    nothing = np.zeros_like(V_MASK)
    for inputs, mask, causal in itertools.product(
        ([Q, V], [Q, V, K]), (None, [Q_MASK, V_MASK], [None, V_MASK], [Q_MASK, None], [None, nothing]), (False, True)
    ):
        options = {"mask": mask, "use_causal_mask": causal, "return_attention_scores": True}
        close(ours(inputs, **options), theirs(inputs, **options))
        close(ours(inputs, mask=mask), theirs(inputs, mask=mask))


def test_one_head_passes_the_mask_of_the_query() -> None:
    tokens = keras.Input((None,), dtype="int32")
    embedding = layers.Embedding(5, 4, mask_zero=True)
    x = embedding(tokens)
    model = keras.Model(tokens, layers.Attention()([x, x]))
    data = np.array([[1, 2, 0], [3, 0, 0]], "int32")
    out = model(data)
    np.testing.assert_array_equal(values(scopes.get_mask(out)), data != 0)
    np.testing.assert_allclose(values(out)[0, :2], values(model(data[:1, :2]))[0], rtol=1e-5, atol=1e-6)


# ---- many heads ---------------------------------------------------------------------------------------------------

# Keras fails on JAX where the sizes of keys and values differ.
OTHER = (lambda size: None) if BACKEND == "jax" else (lambda size: size)

HEADS = {
    "plain": lambda m, **o: m.MultiHeadAttention(2, 3, **o),
    "sizes": lambda m, **o: m.MultiHeadAttention(2, 3, value_dim=OTHER(5), output_shape=7, use_bias=False, **o),
    "several last axes": lambda m, **o: m.MultiHeadAttention(2, 3, output_shape=(2, 3), **o),
    "gate": lambda m, **o: m.MultiHeadAttention(2, 3, value_dim=OTHER(2), use_gate=True, **o),
    "grouped": lambda m, **o: m.GroupQueryAttention(3, 4, 2, **o),
    "one key head": lambda m, **o: m.GroupQueryAttention(3, 4, 1, use_gate=True, **o),
}


@pytest.mark.wide
@pytest.mark.parametrize("window", [None, 2])
@pytest.mark.parametrize("name", HEADS)
def test_heads_are_as_in_keras(name: str, window: int | None) -> None:
    ours, theirs = pair(lambda m: HEADS[name](m, sliding_window=window), Q.shape, V.shape)
    i, j = np.arange(3)[:, None], np.arange(5)
    near = np.abs(i - j) < (window or 9)
    masks = ({}, {"attention_mask": PAIRS}, {"attention_mask": PAIRS[0]}, {"value_mask": V_MASK},
             {"query_mask": Q_MASK, "value_mask": V_MASK, "attention_mask": PAIRS})  # fmt: skip
    for given, causal, scores, key in itertools.product(masks, (False, True), (False, True), (None, K)):
        options = {**given, "use_causal_mask": causal, "return_attention_scores": scores}
        if key is not None:
            options["key"] = key
        allowed = np.broadcast_to(near & ((i >= j) | (not causal)), (2, 3, 5)) & given.get("attention_mask", True)
        allowed = allowed & given.get("query_mask", np.ones((2, 3), bool))[..., None]
        allowed = allowed & given.get("value_mask", np.ones((2, 5), bool))[:, None]
        # Of a query that sees nothing, Keras says one thing with the scores and another one without them, and its
        # MultiHeadAttention knows no query mask that is given by hand.
        rows = None if scores and "query_mask" not in given else allowed.any(-1)
        close(ours(Q, V, **options), theirs(Q, V, **options), rows)


@pytest.mark.parametrize("name", HEADS)
def test_a_query_that_sees_nothing_gets_nothing(name: str) -> None:
    layer = HEADS[name](layers)
    bias = values(layer(Q, V)) * 0
    mask = np.array([[1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], bool)
    alone = values(layer(Q, V, value_mask=mask))
    both, weights = values(layer(Q, V, value_mask=mask, return_attention_scores=True))
    np.testing.assert_allclose(alone, both, rtol=1e-5, atol=1e-6)
    assert (weights[1] == 0).all() and np.isfinite(alone).all()
    np.testing.assert_allclose(alone[1], bias[1], atol=1e-6)  # the biases begin at zero


def test_masked_queries_get_nothing() -> None:
    layer = layers.MultiHeadAttention(2, 3, output_shape=6)
    out, weights = values(layer(Q, V, query_mask=Q_MASK, return_attention_scores=True))
    assert (out[~Q_MASK] == 0).all() and (np.moveaxis(weights, 1, 2)[~Q_MASK] == 0).all()
    np.testing.assert_allclose(out[Q_MASK], values(layer(Q, V))[Q_MASK], rtol=1e-5, atol=1e-6)


def test_values_may_have_another_size_than_keys() -> None:
    layer = layers.MultiHeadAttention(2, 3, value_dim=7)
    for options in ({}, {"use_causal_mask": True}, {"value_mask": V_MASK}):
        out, weights = values(layer(Q, V, return_attention_scores=True, **options))
        np.testing.assert_allclose(values(layer(Q, V, **options)), out, rtol=1e-5, atol=1e-6)
        heads = np.einsum("bhts,bshv->bthv", weights, np.einsum("bsx,xhv->bshv", V, layer.value_dense.kernel.numpy()))
        expected = np.einsum("bthv,hvx->btx", heads, layer.output_dense.kernel.numpy())
        np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)  # the biases begin at zero


def test_masks_of_heads_may_differ() -> None:
    layer = layers.MultiHeadAttention(2, 3)
    mask = RNG.random((2, 2, 3, 5)) > 0.4
    mask[..., 0] = True
    out, weights = values(layer(Q, V, attention_mask=mask, return_attention_scores=True))
    assert ((weights > 0) == mask).all()
    np.testing.assert_allclose(out, values(layer(Q, V, attention_mask=mask)), rtol=1e-5, atol=1e-6)


@pytest.mark.wide
@pytest.mark.parametrize("axes", [None, (1,), (2,), (1, 2), 2])
def test_attention_over_any_axes_is_as_in_keras(axes: Any) -> None:
    x = RNG.standard_normal((2, 3, 4, 5)).astype("float32")
    ours, theirs = pair(lambda m: m.MultiHeadAttention(2, 3, attention_axes=axes), x.shape, x.shape)
    close(ours(x, x), theirs(x, x))
    close(ours(x, x, return_attention_scores=True), theirs(x, x, return_attention_scores=True))
    symbolic = keras.Input((None, 4, 5))
    assert ours(symbolic, symbolic).shape == (None, None, 4, 5)


def test_masks_over_several_axes() -> None:
    """Keras fails on these; flattening the axes by hand gives the same."""
    x = RNG.standard_normal((2, 3, 4, 5)).astype("float32")
    layer = layers.MultiHeadAttention(2, 3)
    layer(x, x)
    flat = layers.MultiHeadAttention(2, 3)
    flat.build((2, 12, 5), (2, 12, 5))
    flat.set_weights(layer.get_weights())
    y = x.reshape(2, 12, 5)
    mask = RNG.random((2, 12, 12)) > 0.4
    mask[..., 0] = True
    counts = RNG.random((2, 3, 4)) > 0.3
    counts[:, 0, 0] = True
    got = layer(x, x, attention_mask=mask.reshape(2, 3, 4, 3, 4), value_mask=counts, use_causal_mask=True)
    expected = flat(y, y, attention_mask=mask, value_mask=counts.reshape(2, 12), use_causal_mask=True)
    np.testing.assert_allclose(values(got).reshape(2, 12, 5), values(expected), rtol=1e-5, atol=1e-6)
    # Attention along the rows: one mask for all columns.
    rows = layers.MultiHeadAttention(2, 3, attention_axes=(1,))
    pairs = np.tril(np.ones((2, 3, 3), bool))
    np.testing.assert_allclose(
        values(rows(x, x, attention_mask=pairs)), values(rows(x, x, use_causal_mask=True)), rtol=1e-5, atol=1e-6
    )


def test_implicit_masks_are_used_and_passed_on() -> None:
    data = np.array([[1, 2, 0], [3, 0, 0]], "int32")
    tokens = keras.Input((None,), dtype="int32")
    x = layers.Embedding(5, 4, mask_zero=True)(tokens)
    for layer in (layers.MultiHeadAttention(2, 3), layers.GroupQueryAttention(3, 2, 1)):
        model = keras.Model(tokens, layer(x, x))
        out = model(data)
        np.testing.assert_array_equal(values(scopes.get_mask(out)), data != 0)
        np.testing.assert_allclose(values(out)[0, :2], values(model(data[:1, :2]))[0], rtol=1e-5, atol=1e-6)
        again = compiled(lambda t, model=model: model(t), model.variables)(ops.convert_to_tensor(data))
        np.testing.assert_allclose(values(again), values(out), rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(BACKEND != "torch", reason="compares with torch.nn, whose tensors the layers take on torch only")
@pytest.mark.parametrize("causal", [False, True])
def test_against_torch(causal: bool) -> None:
    import torch

    native = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    torch.nn.init.normal_(native.in_proj_bias)
    layer = layers.MultiHeadAttention(2, 4)
    x = torch.randn(3, 5, 8, requires_grad=True)
    layer(x, x)
    w, b = native.in_proj_weight.detach().numpy(), native.in_proj_bias.detach().numpy()
    mine = [v for i in range(3) for v in (w[i * 8 : i * 8 + 8].T.reshape(8, 2, 4), b[i * 8 : i * 8 + 8].reshape(2, 4))]
    out = native.out_proj
    layer.set_weights([*mine, out.weight.detach().numpy().T.reshape(2, 4, 8), out.bias.detach().numpy()])
    mask = torch.ones(5, 5, dtype=torch.bool).triu(1) if causal else None
    expected, weights = native(x, x, x, attn_mask=mask, average_attn_weights=False)
    got, scores = layer(x, x, use_causal_mask=causal, return_attention_scores=True)
    np.testing.assert_allclose(got.detach(), expected.detach(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(scores.detach(), weights.detach(), rtol=1e-5, atol=1e-5)
    fast = layer(x, x, use_causal_mask=causal)
    np.testing.assert_allclose(fast.detach(), expected.detach(), rtol=1e-5, atol=1e-5)
    wanted = torch.autograd.grad(expected.square().sum(), x)[0]
    np.testing.assert_allclose(torch.autograd.grad(fast.square().sum(), x)[0], wanted, rtol=1e-4, atol=1e-5)


# ---- compiled, dropout, configs -----------------------------------------------------------------------------------

EVERY = {**{f"head {k}": v for k, v in ONE_HEAD.items()}, **{f"heads {k}": v for k, v in HEADS.items()}}


def called(layer: Any, q: Any, v: Any, **options: Any) -> Any:
    many = type(layer).__name__ in ("MultiHeadAttention", "GroupedQueryAttention")
    return layer(q, v, **options) if many else layer([q, v], **options)


@pytest.mark.wide
@pytest.mark.parametrize("name", EVERY)
def test_eager_equals_compiled_and_symbolic(name: str) -> None:
    layer = EVERY[name](layers)
    for options in ({}, {"use_causal_mask": True}, {"return_attention_scores": True}):
        eager = keras.tree.flatten(values(called(layer, Q, V, **options)))

        def call(q: Any, v: Any, options: Any = options) -> Any:
            return keras.tree.flatten(called(layer, q, v, **options))

        tensors = [ops.convert_to_tensor(t) for t in (Q, V)]
        for a, b in zip(values(compiled(call, layer.variables)(*tensors)), eager, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        symbolic = keras.tree.flatten(called(layer, keras.Input((None, 4)), keras.Input((5, 4)), **options))
        for a, b in zip(symbolic, eager, strict=True):
            assert len(a.shape) == b.ndim
            assert (
                all(m is None or m == n for m, n in zip(a.shape, b.shape, strict=True)) and a.shape[-1] == b.shape[-1]
            )


@pytest.mark.wide
@pytest.mark.skipif(BACKEND != "tensorflow", reason="only graphs of TensorFlow leave sizes open")
@pytest.mark.parametrize("name", EVERY)
def test_open_sizes(name: str) -> None:
    import tensorflow as tf

    layer = EVERY[name](layers)
    eager = values(called(layer, Q, V, use_causal_mask=True))
    spec = [tf.TensorSpec((None, None, 4)), tf.TensorSpec((None, None, 4))]
    graph = tf.function(lambda q, v: called(layer, q, v, use_causal_mask=True), input_signature=spec, autograph=False)
    np.testing.assert_allclose(values(graph(Q, V)), eager, rtol=1e-5, atol=1e-6)


@pytest.mark.wide
@pytest.mark.parametrize("name", ["dot", "additive", "many", "grouped"])
def test_dropout_is_active_in_training_only(name: str) -> None:
    make = {
        "dot": lambda rate: layers.Attention(dropout=rate, seed=1),
        "additive": lambda rate: layers.AdditiveAttention(dropout=rate, seed=1),
        "many": lambda rate: layers.MultiHeadAttention(2, 3, dropout=rate, seed=1),
        "grouped": lambda rate: layers.GroupQueryAttention(3, 4, 2, dropout=rate, seed=1),
    }[name]
    plain, layer = make(0.0), make(0.5)
    expected = values(called(plain, Q, V))
    called(layer, Q, V)
    layer.set_weights(plain.get_weights())
    np.testing.assert_allclose(values(called(layer, Q, V)), expected, rtol=1e-5, atol=1e-6)
    first, second = (values(called(layer, Q, V, training=True)) for _ in range(2))
    assert np.abs(first - expected).max() > 1e-3 and np.abs(first - second).max() > 1e-3
    step = compiled(lambda q, v: called(layer, q, v, training=True), layer.variables)
    third, fourth = (values(step(ops.convert_to_tensor(Q), ops.convert_to_tensor(V))) for _ in range(2))
    assert np.abs(third - fourth).max() > 1e-3
    many = values(called(layer, np.tile(Q, (500, 1, 1)), np.tile(V, (500, 1, 1)), training=True))
    np.testing.assert_allclose(many.reshape(500, 2, 3, -1).mean(0), expected, atol=0.3)


@pytest.mark.wide
@pytest.mark.parametrize("name", EVERY)
def test_configs_and_files_are_keras_own(name: str, tmp_path: Any) -> None:
    ours = EVERY[name](layers)
    assert type(ours).from_config(ours.get_config()).get_config() == ours.get_config()
    theirs = EVERY[name](reference.layers)
    assert not set(theirs.get_config()) - set(ours.get_config())
    assert (
        keras.saving.serialize_keras_object(ours)["class_name"]
        == reference.saving.serialize_keras_object(theirs)["class_name"]
    )
    type(theirs).from_config(ours.get_config())
    a, b = [reference.Input((3, 4)), reference.Input((5, 4))], [keras.Input((3, 4)), keras.Input((5, 4))]
    theirs, ours = reference.Model(a, called(theirs, *a)), keras.Model(b, called(ours, *b))
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    ours.load_weights(tmp_path / "theirs.weights.h5")
    close(ours([Q, V]), theirs([Q, V]))
    ours.set_weights([w * 0.5 for w in ours.get_weights()])
    ours.save_weights(tmp_path / "ours.weights.h5")
    theirs.load_weights(tmp_path / "ours.weights.h5")
    close(ours([Q, V]), theirs([Q, V]))


@pytest.mark.wide
@pytest.mark.trains
@pytest.mark.parametrize("name", EVERY)
def test_gradients_reach_every_weight(name: str) -> None:
    layer = EVERY[name](layers)
    called(layer, Q, V)

    def loss() -> Any:
        return ops.sum(ops.square(called(layer, Q, V, training=True)))

    _, gradients = ops.value_and_grad(loss, layer.trainable_variables)()
    for variable, gradient in zip(layer.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.path
        # A bias of the keys moves all scores of a query alike: it changes nothing.
        assert variable.path.endswith("key/bias") or np.abs(values(gradient)).max() > 1e-6, variable.path


def test_half_precision() -> None:
    for name in EVERY:
        layer = EVERY[name](layers)
        half = type(layer).from_config({**layer.get_config(), "dtype": "mixed_bfloat16"})
        for options in ({}, {"return_attention_scores": True}):
            for out in keras.tree.flatten(called(half, Q, V, **options)):
                assert ops.dtype(out) == "bfloat16"


def test_errors_say_what_was_expected() -> None:
    bad: list[tuple[Any, str]] = [
        (lambda: layers.Attention(score_mode="cat"), "score_mode.*'dot', 'concat', got 'cat'"),
        (lambda: layers.Attention(dropout=-1), "dropout.*from 0 to 1"),
        (lambda: layers.Attention(name="mine")(Q), r"\[query, value\].*got"),
        (lambda: layers.Attention()([Q, V], mask=V_MASK), r"mask.*\[query_mask, value_mask\]"),
        (lambda: layers.MultiHeadAttention(0, 3), "num_heads.*positive integer, got 0"),
        (lambda: layers.MultiHeadAttention(2, 3, sliding_window=0), "sliding_window.*positive integer, got 0"),
        (lambda: layers.MultiHeadAttention(2, 3, attention_axes=0)(Q, V), "attention_axes.*got"),
        (lambda: layers.MultiHeadAttention(2, 3)(Q, V[0]), "same rank"),
        (lambda: layers.MultiHeadAttention(2, 3)(Q, V, K[:, :4]), "differ in the last axis only"),
        (lambda: layers.MultiHeadAttention(2, 3)(Q, V, attention_mask=PAIRS[0, 0]), r"attention_mask.*got \(5,\)"),
        (lambda: layers.GroupQueryAttention(3, 4, 3), "multiple of num_key_value_heads=3, got 4"),
        (lambda: layers.GroupQueryAttention(3, 4, 2)(Q[None], V[None]), "rank 3"),
    ]
    for make, message in bad:
        with pytest.raises(ValueError, match=f"(?s){message}"):
            make()


# ---- what libraries that subclass Keras's layers know of them -----------------------------------------------------


class Cached(layers.MultiHeadAttention):
    """As decoders of language models are written: the projections and the attention, called one by one."""

    def call(self, query: Any, value: Any, attention_mask: Any = None) -> Any:
        q, k, v = self._query_dense(query), self._key_dense(value), self._value_dense(value)
        outputs, _ = self._compute_attention(query=q, key=k, value=v, attention_mask=attention_mask)
        return self._output_dense(outputs)


class Explicit(layers.MultiHeadAttention):
    """As Keras's own attention is written down."""

    def _compute_attention(
        self, query: Any, key: Any, value: Any, attention_mask: Any = None, training: Any = None, **kwargs: Any
    ) -> Any:
        scores = ops.einsum(self._dot_product_equation, key, ops.multiply(query, self._inverse_sqrt_key_dim))
        weights = self._masked_softmax(scores, attention_mask)
        return ops.einsum(self._combine_equation, self._dropout_layer(weights, training=training), value), weights


class Grouped(layers.GroupQueryAttention):
    def _compute_attention(self, query: Any, key: Any, value: Any, attention_mask: Any = None, **kwargs: Any) -> Any:
        scores = ops.einsum("bquh,bkuh->buqk", query, key) * self._inverse_sqrt_head_dim
        weights = self._masked_softmax(scores, attention_mask)
        return ops.einsum("buqk,bkuh->bquh", weights, value), weights


class Flat(layers.MultiHeadAttention):
    """Weights that are all alike, whatever the scores are."""

    def _masked_softmax(self, attention_scores: Any, attention_mask: Any = None) -> Any:
        return super()._masked_softmax(attention_scores * 0.0, attention_mask)


class Itself(layers.MultiHeadAttention):
    """Each query sees the key at its place only."""

    def _compute_attention_mask(self, query: Any, value: Any, **masks: Any) -> Any:
        given = super()._compute_attention_mask(query, value, **masks)
        own = ops.expand_dims(ops.eye(query.shape[1], dtype="bool"), 0)
        return own if given is None else ops.logical_and(given, own)


def alike(ours: Any, plain: Any, *inputs: Any, **options: Any) -> None:
    for layer in (ours, plain):
        layer.build(*(x.shape for x in inputs))
    ours.set_weights(plain.get_weights())
    close(ours(*inputs, **options), values(plain(*inputs, **options)))


def test_subclasses_by_keras_s_private_names() -> None:
    alike(Cached(2, 3), layers.MultiHeadAttention(2, 3), Q, V, attention_mask=PAIRS)
    for given in ({"use_causal_mask": True}, {"value_mask": V_MASK, "return_attention_scores": True}):
        alike(Explicit(2, 3), layers.MultiHeadAttention(2, 3), Q, V, **given)
    alike(Grouped(2, 4, 2), layers.GroupQueryAttention(2, 4, 2), Q, V, attention_mask=PAIRS)
    x = np.random.default_rng(1).normal(size=(2, 2, 3, 4)).astype("float32")
    for axes in ((1,), (2,), (1, 2)):
        alike(Explicit(1, 3, attention_axes=axes), layers.MultiHeadAttention(1, 3, attention_axes=axes), x, x)
    flat = Flat(2, 3)
    _, weights = flat(Q, V, return_attention_scores=True)
    np.testing.assert_allclose(values(weights), 0.2, rtol=1e-6)
    np.testing.assert_allclose(values(flat(Q, V)), values(flat(Q, V, return_attention_scores=True)[0]), rtol=1e-5)
    alone = layers.MultiHeadAttention(2, 3)
    alike(Itself(2, 3), alone, Q[:, :1], Q[:, :1])
    own = Itself(2, 3)
    np.testing.assert_allclose(values(own(Q, Q))[:, :1], values(own(Q[:, :1], Q[:, :1])), rtol=1e-4, atol=1e-5)


def test_keras_s_private_names_of_heads() -> None:
    layer = layers.MultiHeadAttention(2, 3, use_bias=False, dropout=0.1)
    assert (layer._num_heads, layer._key_dim, layer._value_dim) == (2, 3, 3)
    assert (layer._use_bias, layer._dropout, layer._query_dense) == (False, 0.1, None)
    layer.build(Q.shape, V.shape)
    assert layer._attention_axes == (1,) and layer._output_dense is layer.output_dense
    theirs = reference.layers.MultiHeadAttention(2, 3)
    theirs.build(Q.shape, V.shape)
    assert layer._dot_product_equation == theirs._dot_product_equation
    assert layer._combine_equation == theirs._combine_equation
    replaced = layers.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3))
    layer._key_dense = replaced
    assert layer.key_dense is replaced


def test_the_setting_says_whether_flash_attention_may_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[bool | None] = []
    attend = OPS["attend"]
    original = attend.namespace["impl"]
    monkeypatch.setitem(attend.namespace, "impl", lambda *args: told.append(args[7]) or original(*args))
    x, layer = np.ones((1, 4, 2, 8), "float32"), layers.MultiHeadAttention(2, 4)
    try:
        for switch in (keras.config.disable_flash_attention, keras.config.enable_flash_attention):
            switch()
            ops.dot_product_attention(x, x, x)
            ops.dot_product_attention(x, x, x, flash_attention=False)
            layer(x[:, :, 0], x[:, :, 0])
        assert told == [False, False, False, None, False, None]
    finally:
        keras.config.enable_flash_attention()


def test_a_flash_kernel_that_is_demanded_and_not_there_is_refused() -> None:
    x = np.ones((1, 4, 2, 8), "float32")
    if "attend" not in current().overrides:
        with pytest.raises(CapabilityError, match="asks for a flash kernel, and the backend in use has none"):
            ops.dot_product_attention(x, x, x, flash_attention=True)
    with pytest.raises(CapabilityError, match="flash_attention=True asks for"):
        ops.dot_product_attention(x, x, x, attn_logits_soft_cap=2.0, flash_attention=True)

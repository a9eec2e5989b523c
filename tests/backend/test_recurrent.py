"""Recurrent layers: against Keras and torch with the weights carried over, masks, states, dropout, compiled steps."""

from __future__ import annotations

from typing import Any

import keras as reference
import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops, scopes
from kerasfront.contract import current
from kerasfront.layers.recurrent.of_cell import computes_as_fused

BACKEND = keras.config.backend()
Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 6, 4)).astype("float32")
STATE = RNG.standard_normal((3, 5)).astype("float32")
# Gaps, padding at either end, and a row without any step.
MASK = np.array([[0, 1, 0, 1, 1, 0], [1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]], bool)
UNITS = ("SimpleRNN", "LSTM", "GRU")
# Where the first steps of a sequence are masked, and there are initial states, Keras gives zeros on TensorFlow and
# torch, and the states on JAX and NumPy. Ours are zeros everywhere; there we compare sequences that begin with a step.
BEGUN = np.array([[1, 1, 0, 1, 1, 1], [1, 1, 1, 0, 0, 1], [1, 0, 0, 0, 0, 1]], bool)
ZEROS = BACKEND in ("tensorflow", "torch")


def values(x: Any) -> Any:
    return keras.tree.map_structure(lambda t: None if t is None else ops.convert_to_numpy(t), x)


def close(ours: Any, theirs: Any, tolerance: float = 1e-5) -> None:
    a = keras.tree.flatten(values(ours))
    b = [reference.ops.convert_to_numpy(t) for t in keras.tree.flatten(theirs)]
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        assert x.shape == y.shape and x.dtype == y.dtype
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


def with_weights_of(layer: Any, other: Any) -> Any:
    layer.set_weights([reference.ops.convert_to_numpy(w) for w in other.weights])
    return layer


def pair(make: Any, shape: Any = X.shape) -> tuple[Any, Any]:
    """The same layer here and in Keras, with the same random weights."""
    ours, theirs = make(layers), make(reference.layers)
    ours.build(shape)
    theirs.build(shape)
    rng = np.random.default_rng(1)
    theirs.set_weights([rng.standard_normal(w.shape).astype("float32") * 0.5 for w in theirs.weights])
    assert [w.path.rpartition("/")[2] for w in ours.weights] == [w.path.rpartition("/")[2] for w in theirs.weights]
    return with_weights_of(ours, theirs), theirs


def compiled(function: Any, variables: Any = ()) -> Any:
    return current().compile_step(function, lambda: list(variables))


def states_of(name: str) -> list[Array]:
    return [STATE, STATE * 0.5] if name == "LSTM" else [STATE]


# ---- against Keras ------------------------------------------------------------------------------------------------

OPTIONS: list[dict[str, Any]] = [
    {},
    {"return_sequences": True},
    {"return_sequences": True, "return_state": True},
    {"return_state": True, "go_backwards": True},
    {"return_sequences": True, "go_backwards": True},
    {"use_bias": False, "return_sequences": True},
    {"activation": "relu", "return_sequences": True},
    {"unroll": True, "return_sequences": True, "return_state": True},
    {"unroll": True, "go_backwards": True},
    {"zero_output_for_mask": True, "return_sequences": True, "return_state": True},
    {"zero_output_for_mask": True, "go_backwards": True, "activation": "relu"},
]


@pytest.mark.wide
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o) or "default")
@pytest.mark.parametrize("name", UNITS)
def test_every_option_is_as_in_keras(name: str, options: dict[str, Any]) -> None:
    def make(module: Any) -> Any:
        # Keras fails where it is to unroll a masked sequence; unrolled or not, the result is the same.
        return getattr(module, name)(5, **{**options, "unroll": "unroll" in options and module is layers})

    ours, theirs = pair(make)
    for mask, state in ((None, None), (MASK, None), (MASK, states_of(name))):
        call: dict[str, Any] = {} if state is None else {"initial_state": state}
        if mask is not None:
            call["mask"] = mask if ZEROS or state is None else BEGUN
        close(ours(X, **call), theirs(X, **call))


@pytest.mark.parametrize(
    "options",
    [{"reset_after": False}, {"reset_after": False, "use_bias": False}, {"reset_after": True, "use_cudnn": False}],
)
def test_gru_resets_before_or_after(options: dict[str, Any]) -> None:
    ours, theirs = pair(lambda module: module.GRU(5, return_sequences=True, **options))
    close(ours(X), theirs(X))
    close(ours(X, mask=MASK), theirs(X, mask=MASK))


@pytest.mark.parametrize("name", UNITS)
def test_cells_are_as_in_keras(name: str) -> None:
    ours, theirs = pair(lambda module: getattr(module, f"{name}Cell")(5), (3, 4))
    close(ours(X[:, 0], states_of(name)), theirs(X[:, 0], states_of(name)))
    assert ours.state_size == theirs.state_size and ours.output_size == theirs.output_size
    close(ours.get_initial_state(2), theirs.get_initial_state(2))


def test_stacked_cells_are_as_in_keras() -> None:
    def make(module: Any) -> Any:
        return module.RNN(
            [module.LSTMCell(3), module.GRUCell(5), module.SimpleRNNCell(2)], return_sequences=True, return_state=True
        )

    ours, theirs = pair(make)
    close(ours(X), theirs(X))
    close(ours(X, mask=MASK), theirs(X, mask=MASK))
    nested = [[STATE[:, :3], STATE[:, :3]], [STATE], [STATE[:, :2]]]
    close(ours(X, initial_state=nested), theirs(X, initial_state=nested))
    close(ours(X, initial_state=keras.tree.flatten(nested)), theirs(X, initial_state=nested))


class Minimal(layers.Layer):
    """A cell with two states, of other sizes than its output."""

    state_size = (3, 2)

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(shape=(input_shape[-1], 3), initializer="ones", name="kernel")

    def call(self, inputs: Any, states: Any) -> Any:
        total, last = states
        total = total + ops.matmul(inputs, self.kernel)
        return ops.concatenate([total, last], axis=-1), (total, inputs[:, :2])


def by_hand(x: Array, mask: Array, states: list[Array], zeros: bool, backwards: bool) -> list[Array]:
    """What a RNN of that cell gives, step by step and row by row."""
    outputs = np.zeros((3, 6, 5), "float32")
    last = [s.copy() for s in states]
    for row in range(3):
        before = np.zeros(5, "float32")
        for place, t in enumerate(reversed(range(6)) if backwards else range(6)):
            if mask[row, t]:
                total = last[0][row] + x[row, t].sum()
                before = np.concatenate([total, last[1][row]])
                last[0][row], last[1][row] = total, x[row, t, :2]
            outputs[row, place] = before if mask[row, t] or not zeros else 0
    return [outputs, *last]


@pytest.mark.parametrize("options", [{}, {"unroll": True}, {"zero_output_for_mask": True}, {"go_backwards": True}])
def test_rnn_runs_any_cell(options: dict[str, Any]) -> None:
    layer = layers.RNN(Minimal(), return_sequences=True, return_state=True, **options)
    rest = "zero_output_for_mask" in options, "go_backwards" in options
    start = [STATE[:, :3], STATE[:, :2]]
    for mask in (None, MASK):
        counts = np.ones((3, 6), bool) if mask is None else mask
        expected = by_hand(X, counts, [np.zeros_like(s) for s in start], *rest)
        for a, b in zip(values(layer(X, mask=mask)), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
        for a, b in zip(
            values(layer(X, mask=mask, initial_state=start)), by_hand(X, counts, start, *rest), strict=True
        ):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_a_cell_need_not_be_a_layer() -> None:
    class Plain:
        state_size = 4

        def call(self, inputs: Any, states: Any) -> Any:
            return states[0] + inputs, [states[0] + inputs]

    close(layers.RNN(Plain())(X), X.sum(1))
    close(
        layers.RNN(Plain(), return_sequences=True)(X, mask=MASK[:, :6]),
        np.cumsum(X * MASK[..., None], 1) * (np.cumsum(MASK, 1) > 0)[..., None],
    )


CONV_LSTMS: list[tuple[int, dict[str, Any]]] = [
    (1, {"return_sequences": True}),
    (2, {"padding": "same", "return_state": True, "return_sequences": True}),
    (2, {"strides": 2, "go_backwards": True}),
    (2, {"dilation_rate": 2, "use_bias": False}),
    (3, {"return_sequences": True}),
]


@pytest.mark.wide
@pytest.mark.parametrize(("rank", "options"), CONV_LSTMS)
def test_conv_lstm_is_as_in_keras(rank: int, options: dict[str, Any]) -> None:
    x = RNG.standard_normal((2, 3, *(6, 5, 4)[:rank], 2)).astype("float32")
    mask = np.array([[1, 0, 1], [0, 1, 0]], bool)
    ours, theirs = pair(lambda m: getattr(m, f"ConvLSTM{rank}D")(3, 2, data_format="channels_last", **options), x.shape)
    close(ours(x), theirs(x))
    if ZEROS:  # on JAX and NumPy Keras fails on such a mask
        close(ours(x, mask=mask), theirs(x, mask=mask))
    short = [values(t) for t in keras.tree.flatten(ours(x[:1, [0, 2]]))]
    for a, b in zip(keras.tree.flatten(values(ours(x[:1], mask=mask[:1]))), short, strict=True):
        a = a[:, [0, 1] if options.get("go_backwards") else [0, 2]] if a.ndim == rank + 3 else a
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    assert ours.compute_output_shape(x.shape) == theirs.compute_output_shape(x.shape)
    wide = np.concatenate([x, x], 2)  # another image size than the one that it was built for
    fresh = type(ours).from_config(ours.get_config())
    fresh.build(wide.shape)
    fresh.set_weights(ours.get_weights())
    close(values(ours(wide)), values(fresh(wide)))


def test_conv_lstm_with_channels_first_is_the_same_with_axes_moved() -> None:
    x = RNG.standard_normal((2, 3, 6, 5, 2)).astype("float32")
    last = layers.ConvLSTM2D(3, 2, data_format="channels_last", return_sequences=True)
    first = layers.ConvLSTM2D(3, 2, data_format="channels_first", return_sequences=True)
    y = values(last(x))
    moved = np.moveaxis(x, -1, 2)
    first.build(moved.shape)
    first.set_weights(last.get_weights())
    np.testing.assert_allclose(np.moveaxis(values(first(moved)), 2, -1), y, rtol=1e-5, atol=1e-5)


# ---- against torch ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(BACKEND != "torch", reason="compares with torch.nn, whose tensors the layers take on torch only")
@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
@pytest.mark.parametrize("both", [False, True])
def test_against_torch(name: str, both: bool) -> None:
    import torch

    native = getattr(torch.nn, "RNN" if name == "SimpleRNN" else name)(4, 5, batch_first=True, bidirectional=both)
    layer = getattr(layers, name)(5, return_sequences=True)
    layer = layers.Bidirectional(layer) if both else layer
    x = torch.tensor(X, requires_grad=True)
    layer(x)

    def ours(direction: str) -> list[Array]:
        w, r, b, c = (
            getattr(native, f"{kind}_l0{direction}").detach().numpy()
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        if name != "GRU":
            return [w.T, r.T, b + c]
        # torch's order of gates is reset, update, new.
        w, r, b, c = (np.concatenate([v[5:10], v[:5], v[10:]]) for v in (w, r, b, c))
        return [w.T, r.T, np.stack([b, c])]

    layer.set_weights(ours("") + (ours("_reverse") if both else []))
    expected, _ = native(x)
    got = layer(x)
    np.testing.assert_allclose(got.detach().numpy(), expected.detach().numpy(), rtol=1e-5, atol=1e-5)
    wanted = torch.autograd.grad(expected.square().sum(), x)[0]
    np.testing.assert_allclose(torch.autograd.grad(got.square().sum(), x)[0], wanted, rtol=1e-4, atol=1e-5)


# ---- gradients ----------------------------------------------------------------------------------------------------


@pytest.mark.wide
@pytest.mark.trains
@pytest.mark.parametrize("mask", [None, MASK], ids=["plain", "masked"])
@pytest.mark.parametrize("name", UNITS)
def test_the_fused_loop_has_the_gradients_of_the_steps(name: str, mask: Any) -> None:
    fused = getattr(layers, name)(5, return_sequences=True, return_state=True)
    fused(X)
    gate = {} if name == "SimpleRNN" else {"recurrent_activation": lambda x: ops.sigmoid(x)}
    steps = getattr(layers, name)(5, return_sequences=True, return_state=True, activation=lambda x: ops.tanh(x), **gate)
    steps.build(X.shape)
    steps.set_weights(fused.get_weights())
    assert not computes_as_fused(steps, True) and computes_as_fused(fused, True)
    found = []
    for layer in (fused, steps):

        def loss(layer: Any = layer) -> Any:
            return sum(ops.sum(ops.square(t)) for t in layer(X, mask=mask, training=True))

        value, gradients = ops.value_and_grad(loss, layer.trainable_variables)()
        found.append([float(value), *values(gradients)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


# ---- states -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", UNITS)
def test_stateful_layers_go_on_where_they_were(name: str) -> None:
    layer = getattr(layers, name)(5, stateful=True)
    whole = getattr(layers, name)(5)
    first, second = values(layer(X[:, :2])), values(layer(X[:, 2:]))
    whole.build(X.shape)
    whole.set_weights(layer.get_weights())
    np.testing.assert_allclose(first, values(whole(X[:, :2])), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(second, values(whole(X)), rtol=1e-5, atol=1e-6)
    assert len(layer.weights) == 3 and len(layer.variables) == (5 if name == "LSTM" else 4)
    layer.reset_state()
    np.testing.assert_allclose(values(layer(X[:, :2])), first, rtol=1e-5, atol=1e-6)


def test_stateful_layers_in_compiled_steps() -> None:
    x = keras.Input(batch_shape=(3, 2, 4))
    model = keras.Model(x, layers.Bidirectional(layers.GRU(5, stateful=True))(x))
    eager = [values(model(X[:, i : i + 2])) for i in (0, 2)]
    model.layers[1].reset_state()
    step = compiled(model, model.variables)
    for i, expected in zip((0, 2), eager, strict=True):
        np.testing.assert_allclose(values(step(ops.convert_to_tensor(X[:, i : i + 2]))), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(values(model.layers[1].forward_layer.states[0]), eager[1][:, :5], rtol=1e-5, atol=1e-6)


def test_symbolic_initial_states() -> None:
    x, h, c = keras.Input((None, 4)), keras.Input((5,)), keras.Input((5,))
    layer = layers.LSTM(5, return_state=True)
    model = keras.Model([x, h, c], layer(x, initial_state=[h, c]))
    got = model([X, STATE, STATE * 0.5])
    np.testing.assert_allclose(
        values(got[0]), values(layer(X, initial_state=[STATE, STATE * 0.5])[0]), rtol=1e-5, atol=1e-6
    )
    assert [t.shape for t in model.outputs] == [(None, 5)] * 3


def test_an_encoder_hands_its_states_to_a_decoder() -> None:
    source, target = keras.Input((None, 4)), keras.Input((None, 4))
    _, *states = layers.LSTM(5, return_state=True, name="encoder")(source)
    model = keras.Model(
        [source, target], layers.LSTM(5, return_sequences=True, name="decoder")(target, initial_state=states)
    )
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    expected = decoder(X[:, :2], initial_state=list(encoder(X)[1:]))
    np.testing.assert_allclose(values(model([X, X[:, :2]])), values(expected), rtol=1e-5, atol=1e-6)


# ---- both directions, every step ----------------------------------------------------------------------------------


SEQUENCES = {"return_sequences": True}
BOTH_WAYS: list[tuple[str | None, dict[str, Any]]] = [
    *((mode, SEQUENCES) for mode in ("concat", "sum", "mul", "ave", None)),
    ("concat", {}),
    ("sum", {"return_state": True, "return_sequences": True}),
    (None, {"return_state": True}),
]


@pytest.mark.wide
@pytest.mark.parametrize(("mode", "options"), BOTH_WAYS)
def test_bidirectional_is_as_in_keras(mode: str | None, options: dict[str, Any]) -> None:
    ours, theirs = pair(lambda m: m.Bidirectional(m.LSTM(5, **options), merge_mode=mode))
    state = [STATE, STATE, STATE * 2, STATE * 3]
    for call in (
        {},
        {"mask": MASK},
        {"initial_state": state},
        {"initial_state": state, "mask": MASK if ZEROS else BEGUN},
    ):
        close(ours(X, **call), theirs(X, **call))
    assert [w.path.split("/")[2:] for w in ours.weights] == [w.path.split("/")[2:] for w in theirs.weights]


def test_bidirectional_with_a_backward_layer_of_its_own() -> None:
    def make(m: Any) -> Any:
        return m.Bidirectional(
            m.LSTM(5, return_sequences=True), backward_layer=m.GRU(3, return_sequences=True, go_backwards=True)
        )

    ours, theirs = pair(make)
    close(ours(X), theirs(X))


def test_bidirectional_runs_a_cell_of_ones_own() -> None:
    layer = layers.Bidirectional(layers.RNN(Minimal(), return_sequences=True))
    assert tuple(layer(X).shape) == (3, 6, 10)


@pytest.mark.parametrize("inner", ["Dense", "Conv1D", "LSTM"])
def test_time_distributed_is_as_in_keras(inner: str) -> None:
    x = RNG.standard_normal((2, 3, 5, 4)).astype("float32")
    arguments = (3, 2) if inner == "Conv1D" else (3,)
    ours, theirs = pair(lambda m: m.TimeDistributed(getattr(m, inner)(*arguments)), x.shape)
    close(ours(x), theirs(x))
    assert ours.compute_output_shape((None, 3, 5, 4)) == (None, *tuple(theirs(x).shape)[1:])
    symbolic = keras.Input((None, 5, 4))
    assert ours(symbolic).shape[1:] == (None, *tuple(theirs(x).shape)[2:])


def test_time_distributed_gives_its_layer_the_inner_mask() -> None:
    x = RNG.standard_normal((2, 3, 6, 4)).astype("float32")
    mask = np.stack([MASK[:2], MASK[1:], MASK[:2]], 1)
    inner = layers.LSTM(5)
    outer = layers.TimeDistributed(inner)
    expected = np.stack([values(inner(x[:, t], mask=mask[:, t])) for t in range(3)], 1)
    np.testing.assert_allclose(values(outer(x, mask=mask)), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(
        values(outer.compute_mask(ops.convert_to_tensor(x), ops.convert_to_tensor(mask))), mask.any(2)
    )


# ---- masks --------------------------------------------------------------------------------------------------------

TOKENS = np.array([[3, 1, 2, 0, 0], [4, 0, 0, 0, 0], [1, 2, 3, 4, 1]], "int32")


def tagger() -> Any:
    tokens = keras.Input((None,), dtype="int32")
    x = layers.Embedding(5, 4, mask_zero=True)(tokens)
    x = layers.LSTM(5, return_sequences=True)(x)
    x = layers.Bidirectional(layers.GRU(3, return_sequences=True))(x)
    return keras.Model(tokens, [layers.TimeDistributed(layers.Dense(2))(x), layers.LSTM(3)(x)])


def test_masks_flow_through_recurrent_layers() -> None:
    model = tagger()
    for layer in model.layers[1:4]:
        assert scopes.get_mask(layer.output) is not None, layer
    assert scopes.get_mask(model.outputs[0]) is not None and scopes.get_mask(model.outputs[1]) is None
    steps, last = model(TOKENS)
    np.testing.assert_array_equal(values(scopes.get_mask(steps)), TOKENS != 0)
    for row, tokens in enumerate(TOKENS):
        alone, alone_last = model(tokens[tokens != 0][None])
        np.testing.assert_allclose(values(steps)[row, : alone.shape[1]], values(alone)[0], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(values(last)[row], values(alone_last)[0], rtol=1e-4, atol=1e-6)


def test_masks_flow_in_compiled_steps() -> None:
    model = tagger()
    got = compiled(lambda x: list(model(x)), model.variables)(ops.convert_to_tensor(TOKENS))
    for a, b in zip(got, model(TOKENS), strict=True):
        np.testing.assert_allclose(values(a), values(b), rtol=1e-5, atol=1e-6)


def test_a_mask_that_is_given_to_a_symbolic_call() -> None:
    x, mask = keras.Input((6, 4)), keras.Input((6,), dtype="bool")
    layer = layers.LSTM(5)
    model = keras.Model([x, mask], layer(x, mask=mask))
    np.testing.assert_allclose(values(model([X, MASK])), values(layer(X, mask=MASK)), rtol=1e-5, atol=1e-6)
    assert np.abs(values(model([X, MASK])) - values(layer(X))).max() > 1e-3


# ---- compiled -----------------------------------------------------------------------------------------------------

COMPILED = {
    "lstm": lambda: layers.LSTM(5, return_sequences=True),
    "gru": lambda: layers.GRU(5, go_backwards=True),
    "gru before": lambda: layers.GRU(5, reset_after=False),
    "steps": lambda: layers.LSTM(5, activation="relu", return_sequences=True, return_state=True),
    "unrolled": lambda: layers.SimpleRNN(5, unroll=True),
    "stacked": lambda: layers.RNN([layers.LSTMCell(5), layers.GRUCell(3)]),
    "own cell": lambda: layers.RNN(Minimal(), return_sequences=True),
    "both ways": lambda: layers.Bidirectional(layers.SimpleRNN(5, return_sequences=True), merge_mode="sum"),
    "dense": lambda: layers.TimeDistributed(layers.Dense(5)),
}


@pytest.mark.wide
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", COMPILED)
def test_eager_equals_compiled_and_symbolic(name: str, masked: bool) -> None:
    layer = COMPILED[name]()
    mask = {"mask": MASK} if masked else {}
    eager = values(layer(X, **mask))

    def call(x: Any) -> Any:
        return keras.tree.flatten(layer(x, **mask))

    flat = keras.tree.flatten(eager)
    for a, b in zip(values(compiled(call, layer.variables)(ops.convert_to_tensor(X))), flat, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    length = 6 if name == "unrolled" else None
    symbolic = keras.tree.flatten(layer(keras.Input((length, 4))))
    for a, b in zip(symbolic, flat, strict=True):
        assert len(a.shape) == b.ndim and a.dtype == str(b.dtype)
        assert all(m is None or m == n for m, n in zip(a.shape, b.shape, strict=True)) and a.shape[-1] == b.shape[-1]


@pytest.mark.wide
@pytest.mark.skipif(BACKEND != "tensorflow", reason="only graphs of TensorFlow leave sizes open")
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", sorted(set(COMPILED) - {"unrolled"}))
def test_open_sizes(name: str, masked: bool) -> None:
    import tensorflow as tf

    layer = COMPILED[name]()
    mask = {"mask": MASK} if masked else {}
    eager = values(layer(X, **mask))

    @tf.function(
        input_signature=[tf.TensorSpec((None, None, 4)), tf.TensorSpec((None, None), tf.bool)], autograph=False
    )
    def call(x: Any, counts: Any) -> Any:
        return layer(x, mask=counts) if masked else layer(x)

    for a, b in zip(keras.tree.flatten(values(call(X, MASK))), keras.tree.flatten(eager), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


# ---- dropout ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", UNITS)
def test_dropout_has_one_mask_for_all_steps(name: str) -> None:
    cell = getattr(layers, f"{name}Cell")(5, dropout=0.5, recurrent_dropout=0.5, seed=1)
    x, h = ops.convert_to_tensor(X[:, 0]), ops.convert_to_tensor(STATE)
    mask, state_mask = values(cell.get_dropout_mask(x)), values(cell.get_recurrent_dropout_mask(h))
    assert mask.shape == (3, 4) and state_mask.shape == (3, 5)
    assert set(np.unique(mask)) == set(np.unique(state_mask)) == {0.0, 2.0}
    np.testing.assert_array_equal(values(cell.get_dropout_mask(x)), mask)
    cell.reset_dropout_mask()
    assert (values(cell.get_dropout_mask(x)) != mask).any()


@pytest.mark.parametrize("name", UNITS)
def test_dropout_is_active_in_training_only(name: str) -> None:
    plain = getattr(layers, name)(5, return_sequences=True)
    expected = values(plain(X))
    for options in ({"dropout": 0.5}, {"recurrent_dropout": 0.5}, {"dropout": 0.5, "recurrent_dropout": 0.5}):
        layer = getattr(layers, name)(5, return_sequences=True, seed=1, **options)
        layer.build(X.shape)
        layer.set_weights(plain.get_weights())
        np.testing.assert_allclose(values(layer(X)), expected, rtol=1e-5, atol=1e-6)
        first, second = values(layer(X, training=True)), values(layer(X, training=True))
        assert first.shape == expected.shape and np.isfinite(first).all()
        assert np.abs(first - expected).max() > 1e-3 and np.abs(first - second).max() > 1e-3
        # The first step has no state to drop.
        if "dropout" not in options:
            np.testing.assert_allclose(first[:, 0], expected[:, 0], rtol=1e-5, atol=1e-6)
        step = compiled(lambda x, layer=layer: layer(x, training=True), layer.variables)
        third, fourth = (values(step(ops.convert_to_tensor(X))) for _ in range(2))
        assert np.abs(third - fourth).max() > 1e-3 and np.abs(third - second).max() > 1e-3


def test_dropping_everything_leaves_the_biases() -> None:
    layer = layers.LSTM(5, dropout=1.0, return_sequences=True, bias_initializer="ones")
    np.testing.assert_allclose(values(layer(X, training=True)), values(layer(X * 0)), rtol=1e-6)


class Noisy(layers.Layer):
    """A cell that draws at each step, and counts them."""

    state_size = 4

    def __init__(self) -> None:
        super().__init__()
        self.drop = layers.Dropout(0.5, seed=1)

    def build(self, input_shape: Any) -> None:
        self.steps = self.add_weight((), "zeros", trainable=False, name="steps")

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        self.steps.assign(self.steps + 1.0)
        return self.drop(inputs, training=training), [states[0] + 1.0]


def test_a_cell_may_change_its_variables_at_each_step() -> None:
    layer = layers.RNN(Noisy(), return_sequences=True)
    ones = np.ones((2, 6, 4), "float32")
    layer(ones)
    layer.cell.steps.assign(0.0)

    def run(x: Any) -> Any:
        return layer(x, training=True)

    for step in (run, compiled(run, layer.variables)):
        before = float(layer.cell.steps.numpy())
        first, second = values(step(ops.convert_to_tensor(ones))), values(step(ops.convert_to_tensor(ones)))
        assert float(layer.cell.steps.numpy()) == before + 12
        assert set(np.unique(first)) == {0.0, 2.0} and (first != second).any()
        assert (first[:, 0] != first[:, 1]).any()


# ---- files and configs --------------------------------------------------------------------------------------------

SAVED = {
    "lstm": lambda m: m.LSTM(3, dropout=0.1, return_sequences=True),
    "gru": lambda m: m.GRU(3, reset_after=False, return_sequences=True),
    "simple": lambda m: m.SimpleRNN(3, use_bias=False, return_sequences=True),
    "stacked": lambda m: m.RNN([m.LSTMCell(3), m.GRUCell(2), m.GRUCell(4)], return_sequences=True),
    "both": lambda m: m.Bidirectional(m.LSTM(3, return_sequences=True), merge_mode="ave"),
    "each": lambda m: m.TimeDistributed(m.Dense(3)),
}


@pytest.mark.wide
@pytest.mark.parametrize("name", SAVED)
def test_weights_files_are_keras_own(name: str, tmp_path: Any) -> None:
    x = X[:, :5]
    theirs = reference.Sequential([reference.Input((5, 4)), SAVED[name](reference.layers)])
    ours = keras.Sequential([keras.Input((5, 4)), SAVED[name](layers)])
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    ours.load_weights(tmp_path / "theirs.weights.h5")
    close(ours(x), theirs(x))
    ours.set_weights([w * 0.5 for w in ours.get_weights()])
    ours.save_weights(tmp_path / "ours.weights.h5")
    theirs.load_weights(tmp_path / "ours.weights.h5")
    close(ours(x), theirs(x))


CONFIGS = {
    **SAVED,
    "conv": lambda m: m.ConvLSTM2D(3, 2, padding="same", recurrent_dropout=0.2),
    "options": lambda m: m.GRU(3, activation="relu", kernel_regularizer="l2", recurrent_initializer="glorot_normal",
                               bias_constraint="non_neg", go_backwards=True, zero_output_for_mask=True),
    "own backward": lambda m: m.Bidirectional(m.LSTM(3), backward_layer=m.LSTM(4, go_backwards=True), merge_mode=None),
}  # fmt: skip


@pytest.mark.wide
@pytest.mark.parametrize("name", CONFIGS)
def test_configs_go_to_keras_and_back(name: str) -> None:
    ours = CONFIGS[name](layers)
    again = type(ours).from_config(ours.get_config())
    assert again.get_config() == ours.get_config()
    theirs = CONFIGS[name](reference.layers)
    missing = set(theirs.get_config()) - set(ours.get_config())
    assert not missing
    taken = getattr(reference.layers, type(ours).__name__).from_config(ours.get_config())
    back = type(ours).from_config(taken.get_config())
    assert back.get_config().keys() == ours.get_config().keys()


def test_half_precision() -> None:
    for policy, expected in (("mixed_bfloat16", "bfloat16"), ("float64", "float64")):
        if policy == "float64" and BACKEND == "jax":
            continue  # JAX makes float64 only where it is told to for the whole process
        for name in UNITS:
            for options in ({}, {"activation": "relu"}):
                layer = getattr(layers, name)(5, dtype=policy, return_state=True, **options)
                assert {ops.dtype(t) for t in layer(X, mask=MASK)} == {expected}
                assert layer.cell.kernel._dtype == ("float64" if policy == "float64" else "float32")


# ---- errors -------------------------------------------------------------------------------------------------------


def test_errors_say_what_was_expected() -> None:
    bad: list[tuple[Any, str]] = [
        (lambda: layers.LSTM(0), "units.*LSTMCell.*positive integer, got 0"),
        (lambda: layers.GRU(3, dropout=2.0), "dropout.*from 0 to 1, got 2.0"),
        (lambda: layers.RNN(3), "call.*state_size"),
        (lambda: layers.RNN([]), "list of cells"),
        (lambda: layers.LSTM(3, name="mine")(X[:, 0]), "mine.*rank 3.*(3, 4)"),
        (lambda: layers.LSTM(3, stateful=True)(keras.Input((5, 4))), "stateful.*batch size"),
        (lambda: layers.LSTM(3, unroll=True)(keras.Input((None, 4))), "unrolled.*known length"),
        (lambda: layers.LSTM(5)(X, initial_state=[STATE]), "Expected 2 tensors in `initial_state`.*got 1"),
        (lambda: layers.Bidirectional(layers.LSTM(5))(X, initial_state=[STATE]), "both directions, got 1"),
        (lambda: layers.Bidirectional(layers.Dense(3)), "recurrent layer"),
        (lambda: layers.Bidirectional(layers.LSTM(3), merge_mode="max"), "'concat'.*got 'max'"),
        (lambda: layers.Bidirectional(layers.LSTM(3), backward_layer=layers.LSTM(3)), "different directions"),
        (lambda: layers.TimeDistributed(3), "to be a layer, got 3"),
        (lambda: layers.TimeDistributed(layers.Dense(3))(X[:, 0]), r"\(batch, time, ...\), got \(3, 4\)"),
        (lambda: layers.ConvLSTM2D(3, 2, padding="full"), "padding.*'valid', 'same'.*'full'"),
    ]
    for make, message in bad:
        with pytest.raises(ValueError, match=f"(?s){message}"):
            make()
    layer = layers.LSTM(3, name="lstm_of_mine")
    layer(X)
    with pytest.raises(ValueError, match="lstm_of_mine.*size 4 on axis -1"):
        layer(X[:, :, :2])


# ---- steps and states of several tensors --------------------------------------------------------------------------


class Pair(layers.Layer):
    """A cell whose step is a dict of two tensors, and whose states are nested."""

    def __init__(self, units: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.state_size, self.output_size = units, [units, {"sum": units, "last": (units,)}], units

    def build(self, shapes: Any) -> None:
        self.a = self.add_weight((shapes["a"][-1], self.units), name="a")
        self.b = self.add_weight((shapes["b"][-1], self.units), name="b")

    def call(self, inputs: Any, states: Any) -> Any:
        h, other = states
        h = ops.tanh(ops.matmul(inputs["a"], self.a) + ops.matmul(inputs["b"], self.b) + h)
        return h, [h, {"sum": other["sum"] + h, "last": h}]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


@pytest.mark.parametrize("unroll", [False, True])
def test_cells_of_nested_inputs_and_states(unroll: bool) -> None:
    r = np.random.default_rng(0)
    x = {"a": r.normal(size=(2, 3, 4)).astype("float32"), "b": r.normal(size=(2, 3, 5)).astype("float32")}
    mask = np.array([[True, True, False], [True, False, False]])
    layer = layers.RNN(Pair(), return_sequences=True, return_state=True, unroll=unroll)
    inputs = {k: keras.Input((3, v.shape[-1])) for k, v in x.items()}
    flags = keras.Input((3,), dtype="bool")
    model = keras.Model({**inputs, "mask": flags}, layer(inputs, mask=flags))
    a, b = (np.asarray(w) for w in layer.get_weights())
    h, total, rows = np.zeros((2, 2)), np.zeros((2, 2)), []
    for t in range(3):
        new = np.tanh(x["a"][:, t] @ a + x["b"][:, t] @ b + h)
        h, total = (np.where(mask[:, t, None], u, v) for u, v in ((new, h), (total + new, total)))
        rows.append(h)
    for out in (layer(x, mask=mask), model.predict({**x, "mask": mask}, verbose=0)):
        sequence, first, second = out
        for got, expected in ((sequence, np.stack(rows, 1)), (first, h), (second["sum"], total), (second["last"], h)):
            np.testing.assert_allclose(ops.convert_to_numpy(got), expected, rtol=1e-4, atol=1e-5)
    again = layer(x, mask=mask, initial_state=[first, second])
    assert np.abs(ops.convert_to_numpy(again[2]["sum"]) - total).max() > 0.1
    both = layers.Bidirectional(layers.RNN(layers.StackedRNNCells([Pair(), layers.GRUCell(3)]), unroll=unroll))
    assert both(x).shape == (2, 6)
    with pytest.raises(ValueError, match=r"\(batch, time, ...\)"):
        layers.RNN(Pair())({"a": x["a"][:, 0], "b": x["b"]})

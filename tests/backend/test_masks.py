"""Masks are values: along symbolic edges and through calls; eager, compiled and in training, on every backend."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops, scopes

TOKENS = np.array([[3, 1, 2, 0, 0], [4, 0, 0, 0, 0], [1, 2, 3, 4, 1]], "int32")
COUNT = TOKENS != 0
EVERY = np.ones_like(COUNT)


def values(x: Any) -> np.ndarray[Any, Any]:
    return ops.convert_to_numpy(x)


class Watch(layers.Layer):
    """Gives its mask, as float: what a layer sees at its place, in whatever runs it."""

    def call(self, inputs: Any, mask: Any = None) -> Any:
        shape = ops.shape(inputs)[:2]
        return ops.full(shape, -1.0) if mask is None else ops.broadcast_to(ops.cast(mask, "float32"), shape)


class Plain(layers.Layer):
    """Knows nothing of masks."""

    def call(self, inputs: Any) -> Any:
        return ops.tanh(ops.reshape(inputs, ops.shape(inputs)))


class Residual(layers.Layer):
    """Layers inside a layer, with its mask passed on by the last of them."""

    def __init__(self, units: int = 4) -> None:
        super().__init__()
        self.dense, self.add = layers.Dense(units, activation="tanh"), layers.Add()

    def call(self, inputs: Any) -> Any:
        return self.add([inputs, self.dense(inputs)])


class Own(layers.Layer):
    """A user's layer around a function, which says that masks pass."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function, self.supports_masking = function, True

    def call(self, inputs: Any) -> Any:
        return self.function(inputs)


def nested(x: Any) -> Any:
    inner = keras.Input((None, 4))
    return keras.Model(inner, layers.Dense(3)(inner * 2.0))(x)


def stacked(x: Any) -> Any:
    return keras.Sequential([layers.Dense(3), layers.Dropout(0.5), layers.LayerNormalization()])(x)


def remade(x: Any) -> Any:
    with keras.RematScope(mode="full"):
        return keras.Sequential([layers.Dense(3), Residual(3)])(x)


def attended(x: Any) -> Any:
    return layers.MultiHeadAttention(2, 3)(query=x, value=x)


def by_name(x: Any) -> Any:
    return layers.Dense(3)(inputs=x)


def halves(x: Any) -> Any:
    return layers.Dense(3, dtype="mixed_float16")(x)


# What stands between the embedding and who looks: a mask as before passes.
PASS: dict[str, Callable[[Any], Any]] = {
    "x * 1": lambda x: x * 1,
    "1 - x": lambda x: 1 - x,
    "x + x": lambda x: x + x,
    "x + positions": lambda x: x + ops.reshape(ops.arange(20.0), (1, 5, 4)),
    "-x / 2": lambda x: -x / 2,
    "ops": lambda x: ops.where(x > 0, ops.relu(x), ops.softmax(ops.stop_gradient(x))),
    "cast": lambda x: ops.cast(ops.cast(x, "float16"), "float32"),
    "features": lambda x: x[:, :, 1:],
    "flip features": lambda x: ops.flip(x, -1),
    "by name": by_name,
    "half precision": halves,
    "Activation": lambda x: layers.Activation("tanh")(x),
    "Lambda": lambda x: layers.Lambda(lambda t: t * 3)(x),
    "Lambda features": lambda x: layers.Lambda(lambda t: t[..., 0])(x),
    "Own": lambda x: Own(lambda t: ops.tanh(t) * 2)(x),
    "Own features": lambda x: Own(lambda t: ops.max(t, axis=-1))(x),
    "Add": lambda x: layers.Add()([x, x * 2]),
    "concatenate": lambda x: ops.concatenate([x, x * 2], -1),
    "concatenate unmasked": lambda x: ops.concatenate([Plain()(x), x], -1),
    "stack features": lambda x: ops.stack([x, x], axis=2),
    "Concatenate": lambda x: layers.Concatenate()([x, x]),
    "TimeDistributed": lambda x: layers.TimeDistributed(layers.Dense(2))(x),
    "LSTM": lambda x: layers.LSTM(3, return_sequences=True)(x),
    "Bidirectional": lambda x: layers.Bidirectional(layers.GRU(2, return_sequences=True))(x),
    "MultiHeadAttention": attended,
    "Residual": lambda x: Residual()(x),
    "nested": nested,
    "Sequential": stacked,
    "remat": remade,
}  # fmt: skip

# What changes the mask, and how; None: none is left.
CHANGE: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "x[:, 1:4]": (lambda x: x[:, 1:4], COUNT[:, 1:4]),
    "x[:, ::-1]": (lambda x: x[:, ::-1], COUNT[:, ::-1]),
    "flip": (lambda x: ops.flip(x, 1), COUNT[:, ::-1]),
    "Cropping1D": (lambda x: layers.Cropping1D((1, 2))(x), COUNT[:, 1:3]),
    "ZeroPadding1D": (lambda x: layers.ZeroPadding1D((1, 2))(x), np.pad(COUNT, ((0, 0), (1, 2)))),
    "UpSampling1D": (lambda x: layers.UpSampling1D(2)(x), np.repeat(COUNT, 2, 1)),
    "Add flipped": (lambda x: layers.Add()([x, x[:, ::-1]]), COUNT | COUNT[:, ::-1]),
    "x + flipped": (lambda x: x + x[:, ::-1], COUNT | COUNT[:, ::-1]),
    "Add unmasked": (lambda x: layers.Add()([x, Plain()(x)]), None),
    "Concatenate steps": (lambda x: layers.Concatenate(axis=1)([x, x]), np.concatenate([COUNT, COUNT], 1)),
    "Concatenate half": (lambda x: layers.Concatenate(1)([x, Plain()(x)]), np.concatenate([COUNT, EVERY], 1)),
    "concatenate one masked": (lambda x: ops.concatenate([Plain()(x), x], 1), np.concatenate([EVERY, COUNT], 1)),
    "concatenate steps": (lambda x: ops.concatenate([x, x], 1), np.concatenate([COUNT, COUNT], 1)),
    "concatenate flipped": (lambda x: ops.concatenate([x, x[:, ::-1]], -1), COUNT | COUNT[:, ::-1]),
    "Concatenate unmasked": (lambda x: layers.Concatenate()([x, Plain()(x)]), None),
    "Masking again": (lambda x: layers.Masking()(x * 0), COUNT & False),
    "x[:, 0]": (lambda x: x[:, :1][:, 0][:, None], None),
    "transpose": (lambda x: ops.transpose(x, (0, 2, 1)), None),
    "reshape": (lambda x: ops.reshape(x, (-1, 5, 2, 2)), None),
    "Reshape": (lambda x: layers.Reshape((5, 4))(x), None),
    **{
        f"{kind.__name__} {name}": (lambda x, kind=kind, change=change: kind(change)(x), None)
        for kind in (layers.Lambda, Own)
        for name, change in {
            "last": lambda t: t[:, -1],
            "mean": lambda t: ops.mean(t, axis=1),
            "kept mean": lambda t: ops.mean(t, axis=1, keepdims=True),
            "repeat": lambda t: ops.repeat(t, 2, axis=1),
            "later": lambda t: t[:, 1:],
            "transpose": lambda t: ops.transpose(t, (0, 2, 1)),
        }.items()
    },
    "Conv1D": (lambda x: layers.Conv1D(3, 2)(x), None),
    "a layer of one's own": (lambda x: Plain()(x), None),
    "LSTM": (lambda x: layers.LSTM(3)(x)[:, None], None),
    "GlobalAveragePooling1D": (lambda x: layers.GlobalAveragePooling1D(keepdims=True)(x), None),
}  # fmt: skip


def outcomes(cases: dict[str, Callable[[Any], Any]]) -> dict[str, tuple[Any, Any, Any]]:
    """The symbolic mask behind each case, and the masks that eager and compiled calls of one model of all give."""
    keras.utils.set_random_seed(0)
    tokens = keras.Input((5,), dtype="int32")
    x = layers.Embedding(5, 4, mask_zero=True)(tokens)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The layer .* got inputs with a mask")
        after = [between(x) for between in cases.values()]
        model = keras.Model(tokens, [Watch()(y) for y in after])
        eager, compiled = model(TOKENS), model.predict(TOKENS, verbose=0)
    masks = [scopes.get_mask(y) for y in after]
    return dict(zip(cases, zip(masks, map(values, eager), compiled, strict=True), strict=True))


@pytest.fixture(scope="module")
def passed() -> Any:
    return outcomes(PASS)


@pytest.fixture(scope="module")
def changed() -> Any:
    return outcomes({name: between for name, (between, _) in CHANGE.items()})


@pytest.mark.wide
@pytest.mark.parametrize("name", PASS)
def test_a_mask_passes(name: str, passed: Any) -> None:
    symbolic, eager, compiled = passed[name]
    assert symbolic.shape == (None, 5)
    np.testing.assert_array_equal(eager, COUNT)
    np.testing.assert_array_equal(compiled, COUNT)


@pytest.mark.wide
@pytest.mark.parametrize("name", CHANGE)
def test_a_mask_follows_what_becomes_of_the_steps(name: str, changed: Any) -> None:
    symbolic, eager, compiled = changed[name]
    expected = CHANGE[name][1]
    assert (symbolic is None) == (expected is None)
    assert symbolic is None or symbolic.shape == (None, expected.shape[1])
    np.testing.assert_array_equal(eager, np.full_like(eager, -1.0) if expected is None else expected)
    np.testing.assert_array_equal(compiled, eager)


@pytest.mark.parametrize("kind", [layers.Lambda, Own])
@pytest.mark.parametrize("length", [5, None])
def test_sizes_that_are_equal_by_chance_hand_no_mask_on(kind: Any, length: int | None) -> None:
    """As many features as steps, and as many rows."""
    embed = layers.Embedding(5, 5, mask_zero=True)
    tokens = np.tile(TOKENS[:1], (5, 1))
    changes = {"last": lambda t: t[:, -1], "mean": lambda t: ops.mean(t, axis=1), "same": lambda t: t * 2,
               "features": lambda t: t[..., 0], "swapped": lambda t: ops.swapaxes(t, 0, 1),
               "transposed": lambda t: ops.transpose(t, (0, 2, 1))}  # fmt: skip
    x = embed(keras.Input((length,), dtype="int32"))
    for name, change in changes.items():
        layer = kind(change)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            symbolic, eager = layer(x), layer(embed(tokens))
        kept = name in ("same", "features")
        assert (scopes.get_mask(symbolic) is not None) == kept, name
        assert (scopes.get_mask(eager) is not None) == kept, name
        assert ["doesn't fit its output" in str(w.message) for w in told] == [True] * (not kept)


def test_a_mask_given_by_hand_must_fit() -> None:
    x = np.ones((4, 5, 3), "float32")
    wrong = np.ones((4, 6), bool)
    inputs = keras.Input((5, 3))
    for layer in (
        layers.TimeDistributed(layers.Dense(2)), layers.LSTM(2), layers.Bidirectional(layers.GRU(2)),
        layers.GlobalAveragePooling1D(), layers.BatchNormalization(), layers.Softmax(),
        keras.Sequential([layers.Dense(2)]), keras.Model(inputs, layers.Dense(2)(inputs)),
    ):  # fmt: skip
        layer(x)
        for mask in (wrong, ops.convert_to_tensor(wrong)):
            with pytest.raises(ValueError, match=r"`mask`.*\(4, 5, 3\).*\(4, 6\)"):
                layer(x, mask=mask)
        with pytest.raises(ValueError, match=r"`mask`.*, 6\)"):
            layer(inputs, mask=keras.Input((6,), dtype="bool"))
    attend = layers.MultiHeadAttention(1, 2)
    with pytest.raises(ValueError, match=r"`value_mask`.*`value`.*\(4, 5, 3\).*\(4, 6\)"):
        attend(x, x, value_mask=wrong)
    with pytest.raises(ValueError, match=r"`mask`.*\(4, 5, 3\).*\(4, 6\)"):
        layers.Attention()([x, x], mask=[None, wrong])
    # One row, or one step, of a mask stands for all.
    np.testing.assert_allclose(values(layers.LSTM(2)(x, mask=np.ones((4, 5), bool))).shape, (4, 2))
    assert layers.Softmax()(x, mask=np.ones((1, 1, 3), bool)).shape == (4, 5, 3)


def test_losses_and_metrics_look_at_the_shape_of_a_mask() -> None:
    """Where the last axis is that of the steps, each step counts for itself; what can't be told apart is refused."""
    tokens = keras.Input((5,), dtype="int32")
    x = layers.Embedding(5, 1, mask_zero=True)(tokens)
    model = keras.Model(tokens, layers.Lambda(lambda t: t[..., 0])(x))
    target = np.where(COUNT, 1.0, 100.0).astype("float32")
    model.compile("sgd", "mse", metrics=["mae"], run_eagerly=True)
    error = values(model(TOKENS))[COUNT] - 1.0
    np.testing.assert_allclose(
        model.evaluate(TOKENS, target, verbose=0), [np.mean(error**2), np.mean(np.abs(error))], rtol=1e-5
    )
    model.compile("sgd", "categorical_crossentropy", run_eagerly=True)
    with pytest.raises(ValueError, match=r"mask of shape \(3, 5\).*shape \(3,\)"):
        model.evaluate(TOKENS, target, verbose=0)


class Tagger(keras.Model):
    """As users write them: what is called in `call` hands its mask to the next."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.embed, self.watch = layers.Embedding(5, 4, mask_zero=True), Watch()
        self.scan, self.head = layers.GRU(3, return_sequences=True), layers.Dense(1)

    def call(self, tokens: Any) -> Any:
        x = ops.multiply(self.embed(tokens), 2.0)
        return {"seen": self.watch(x), "out": self.head(self.scan(ops.add(x, x)))}


def test_masks_in_a_subclassed_model() -> None:
    model = Tagger()
    eager, compiled = model(TOKENS), model.predict(TOKENS, verbose=0)
    np.testing.assert_array_equal(values(eager["seen"]), COUNT)
    np.testing.assert_array_equal(compiled["seen"], COUNT)
    np.testing.assert_allclose(compiled["out"], values(eager["out"]), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(values(scopes.get_mask(eager["out"])), COUNT)


def test_the_value_of_a_masked_model_is_that_of_the_bare_steps() -> None:
    """Padding changes nothing: a row alone, without its padding, gives the same."""
    keras.utils.set_random_seed(0)
    tokens = keras.Input((None,), dtype="int32")
    x = layers.Embedding(5, 4, mask_zero=True)(tokens)
    x = layers.MultiHeadAttention(2, 2)(x * 1, x + x) + x
    model = keras.Model(tokens, layers.LSTM(3)(layers.Bidirectional(layers.GRU(2, return_sequences=True))(x)))
    alone = values(model(TOKENS[:1, :3]))
    for got in (values(model(TOKENS)), model.predict(TOKENS, verbose=0)):
        np.testing.assert_allclose(got[:1], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.trains
@pytest.mark.parametrize("name", ["nested", "remat"])
def test_the_loss_leaves_masked_steps_out_in_training(name: str) -> None:
    """Targets of steps that don't count change neither loss nor weights, in eager and compiled steps alike."""
    found = []
    for eagerly in (True, False):
        for padding in (0.0, 100.0):
            keras.utils.set_random_seed(0)
            tokens = keras.Input((5,), dtype="int32")
            x = PASS[name](layers.Embedding(5, 4, mask_zero=True)(tokens))
            model = keras.Model(tokens, layers.Dense(1)(layers.GRU(3, return_sequences=True)(x)) * 2)
            model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=eagerly)
            target = np.where(COUNT, 1.0, padding).astype("float32")[..., None]
            losses = [float(model.train_on_batch(TOKENS, target)) for _ in range(3)]
            found.append(np.concatenate([losses, *[np.ravel(w) for w in model.get_weights()]]))
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("spread", [False, True])
@pytest.mark.parametrize("eagerly", [True, False])
def test_only_unmasked_steps_count_in_loss_and_metrics(policy: str, spread: bool, eagerly: bool) -> None:
    """The loss casts outputs of half precision; their mask stays."""
    r = np.random.default_rng(0)
    x = r.standard_normal((3, 5, 2)).astype("float32") * COUNT[..., None]
    target = np.where(COUNT[..., None], 1.0, 100.0).astype("float32")
    dense = layers.Dense(1, dtype=policy)
    last = layers.TimeDistributed(dense, dtype=policy) if spread else dense
    model = keras.Sequential([keras.Input((5, 2)), layers.Masking(dtype=policy), last])
    model.compile("sgd", "mse", metrics=["mae"], run_eagerly=eagerly)
    got = [float(v) for v in model.evaluate(x, target, verbose=0)]
    error = values(ops.cast(model(x), "float32"))[COUNT] - 1.0
    np.testing.assert_allclose(got[0], np.mean(error**2), rtol=1e-5)
    # The metric's function works in the dtype of the outputs, as Keras's does.
    np.testing.assert_allclose(got[1], np.mean(np.abs(error)), rtol=1e-5 if policy == "float32" else 1e-2)


@pytest.mark.parametrize("kind", ["Functional", "Sequential"])
def test_a_mask_given_to_a_model(kind: str) -> None:
    """It is that of the inputs for this call, as NumPy or as a tensor; the caller's tensor stays without."""
    inputs = keras.Input((5, 4))
    model: Any = keras.Model(inputs, Watch()(inputs)) if kind == "Functional" else keras.Sequential([Watch()])
    x = ops.ones((3, 5, 4))
    for mask in (COUNT, ops.convert_to_tensor(COUNT)):
        np.testing.assert_array_equal(values(model(x, mask=mask)), COUNT)
    assert scopes.get_mask(x) is None
    assert (values(model(x)) == -1).all()
    outer = keras.Input((5, 4))
    flags = keras.Input((5,), dtype="bool")
    whole = keras.Model([outer, flags], model(outer, mask=flags))
    np.testing.assert_array_equal(whole.predict([np.ones((3, 5, 4), "float32"), COUNT], verbose=0), COUNT)


def test_masks_given_to_a_model_of_several_inputs() -> None:
    a, b = keras.Input((5, 4)), keras.Input((5, 4))
    model = keras.Model([a, b], [Watch()(a), Watch()(b)])
    x = np.ones((3, 5, 4), "float32")
    first, second = model([x, x], mask=[None, COUNT])
    assert (values(first) == -1).all()
    np.testing.assert_array_equal(values(second), COUNT)
    with pytest.raises(ValueError, match="`mask` has one value for 2 inputs"):
        model([x, x], mask=COUNT)
    named = keras.Model({"a": a, "b": b}, [Watch()(a), Watch()(b)])
    first, second = named({"b": x, "a": x}, mask={"b": COUNT})
    assert (values(first) == -1).all()
    np.testing.assert_array_equal(values(second), COUNT)
    with pytest.raises(ValueError, match=r"`mask`.*\(3, 5, 4\).*\(3, 6\)"):
        named({"a": x, "b": x}, mask={"b": np.ones((3, 6), bool)})


def test_a_mask_given_by_position_is_the_output_s_too() -> None:
    x = ops.ones((3, 5, 4))
    out = layers.LSTM(3, return_sequences=True)(x, None, ops.convert_to_tensor(COUNT))
    np.testing.assert_array_equal(values(scopes.get_mask(out)), COUNT)


@pytest.mark.parametrize("symbolic", [False, True])
def test_a_layer_that_cannot_carry_a_mask_says_so_once(symbolic: bool) -> None:
    def masked() -> Any:
        tokens = keras.Input((5,), dtype="int32") if symbolic else TOKENS
        return layers.Embedding(5, 4, mask_zero=True)(tokens)

    layer = layers.Conv1D(3, 2, name="narrow")
    with pytest.warns(UserWarning, match=r"The layer 'narrow' \(Conv1D\) got inputs with a mask"):
        layer(masked())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(masked())
        for silent in (layers.Dense(2), layers.LSTM(2), layers.GlobalAveragePooling1D(), Watch(), Residual()):
            silent(masked())


def test_masks_live_as_long_as_their_tensors() -> None:
    gc.collect()  # what other tests left in cycles would go at any time
    before = len(scopes.masks)
    tokens = keras.Input((5,), dtype="int32")
    x = layers.Embedding(5, 4, mask_zero=True)(tokens)
    model = keras.Model(tokens, Watch()(x * 1 + x))
    model(TOKENS)
    assert len(scopes.masks) == before, "symbolic values hold their masks themselves, and others are gone"
    x = layers.Embedding(5, 4, mask_zero=True)(TOKENS)
    assert len(scopes.masks) > before
    del x
    assert len(scopes.masks) == before


def test_values_show_their_masks_as_in_keras() -> None:
    layer = layers.Embedding(5, 4, mask_zero=True)
    x = layer(keras.Input((5,), dtype="int32"))
    assert x._keras_mask.shape == (None, 5) and x._keras_mask.dtype == "bool"
    if keras.config.backend() in ("torch", "tensorflow"):  # whose tensors take attributes
        np.testing.assert_array_equal(values(layer(TOKENS)._keras_mask), COUNT)


def test_softmax_s_mask_aligns_at_the_end_or_is_that_of_the_first_axes() -> None:
    x = np.zeros((2, 3, 4), "float32")
    features, steps = np.array([True, False, False, True]), np.array([[True, True, False], [True] * 3])
    layer = layers.Softmax()
    np.testing.assert_allclose(values(layer(x, mask=features)), np.broadcast_to(features / 2, x.shape), atol=1e-6)
    np.testing.assert_allclose(values(layer(x, mask=steps)), np.full(x.shape, 0.25), atol=1e-6)
    over_steps = values(layers.Softmax(axis=1)(x, mask=steps))[..., 0]
    np.testing.assert_allclose(over_steps, [[0.5, 0.5, 0.0], [1 / 3] * 3], atol=1e-6)
    square = layers.Embedding(3, 2, mask_zero=True, embeddings_initializer="ones")(np.array([[1, 0]]))
    np.testing.assert_allclose(values(layer(square)), np.full((1, 2, 2), 0.5), atol=1e-6)
    for wrong in ((2, 3, 5), (3,), (2, 4)):
        with pytest.raises(ValueError, match="`mask`"):
            layer(x, mask=np.ones(wrong, bool))

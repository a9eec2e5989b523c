"""Quantized layers and models: against Keras and NumPy, what they cost on digits, and files exchanged with Keras."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import keras as reference
import numpy as np
import pytest
from sklearn.datasets import load_digits

import kerasfront as keras
from kerasfront import layers, ops, quantizers

GENERATOR = np.random.default_rng(0)
INT4_ROWS = {"config": ("Int4QuantizationConfig", {"block_size": 3})}
INT4_WHOLE = {"config": ("Int4QuantizationConfig", {"block_size": -1})}
INT8_WEIGHTS = {"config": ("Int8QuantizationConfig", {"activation_quantizer": None})}
WAYS: list[Any] = [
    pytest.param({"mode": "int8"}, id="int8"),
    pytest.param(INT8_WEIGHTS, id="int8-weights"),
    pytest.param({"mode": "int4"}, id="int4"),
    pytest.param(INT4_ROWS, id="int4-blocks"),
    pytest.param(INT4_WHOLE, id="int4-outputs"),
    pytest.param({"mode": "float8"}, id="float8"),
]


def values(x: Any) -> np.ndarray[Any, Any]:
    return ops.convert_to_numpy(x)


def other(x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(reference.ops.convert_to_numpy(x))


def arguments(space: Any, way: dict[str, Any]) -> dict[str, Any]:
    """What quantize() is told, with the config of Keras or of ours."""
    if "mode" in way:
        return way
    name, options = way["config"]
    return {"config": getattr(space.quantizers, name)(**options)}


MAKERS: list[Any] = [
    pytest.param(lambda k: k.Dense(6, activation="tanh", name="x"), (5, 8), id="Dense"),
    pytest.param(lambda k: k.Dense(5, use_bias=False, name="x"), (4, 3, 7), id="Dense-steps"),
    pytest.param(lambda k: k.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="e", name="x"), (4, 3, 8), id="E1"),
    pytest.param(lambda k: k.EinsumDense("abc,dce->abed", (None, 6, 3), name="x"), (4, 3, 8), id="E2"),
    pytest.param(lambda k: k.EinsumDense("abcd,cde->abe", (None, 6), name="x"), (2, 3, 4, 5), id="E3"),
    pytest.param(lambda k: k.EinsumDense("abc,bcd->abd", (4, 3), name="x"), (2, 4, 5), id="E4"),
    pytest.param(lambda k: k.EinsumDense("abc,cd->adb", (3, 4), name="x"), (2, 4, 5), id="E5"),
]
ROWS: list[Any] = [
    pytest.param(lambda k: k.Embedding(9, 7, name="x"), None, id="Embedding"),
    pytest.param(lambda k: k.ReversibleEmbedding(9, 7, name="x"), None, id="Reversible"),
    pytest.param(lambda k: k.ReversibleEmbedding(9, 7, tie_weights=False, name="x"), None, id="Reversible-untied"),
]


def mixed(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Random values whose signs change from place to place, as short as bfloat16's."""
    signs = (-1.0) ** np.indices(shape).sum(0)
    short = np.round(128 * (np.abs(GENERATOR.normal(size=shape)) + 0.1) * signs).clip(-253, 253)
    return np.float32(short / 128)


def pair(make: Any, shape: Any) -> tuple[Any, Any, Any]:
    """Our layer and Keras's, with the same weights, and inputs."""
    x = GENERATOR.normal(size=shape).astype("float32") if shape else GENERATOR.integers(0, 9, (3, 4)).astype("int32")
    ours, theirs = make(layers), make(reference.layers)
    ours(x), theirs(x)
    flat = {"kernel": ours._kf_storage.spec.matrix_shape} if hasattr(ours, "kernel") else {}
    weights = [mixed(flat.get(w.name, w.shape)).reshape(w.shape) for w in ours.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs, x


def stored(layer: Any) -> list[np.ndarray[Any, Any]]:
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    return [np.asarray(store[str(n)]) for n in range(len(store))]


def assert_same_variables(ours: Any, theirs: Any) -> None:
    """The same variables: integers bit for bit, in the same order in a file."""
    ours, theirs = stored(ours), stored(theirs)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=0)


# ---- layers against Keras -----------------------------------------------------------------------------------------


@pytest.mark.wide
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("make", "shape"), MAKERS)
def test_dense_layers_are_keras(make: Any, shape: Any, way: Any) -> None:
    ours, theirs, x = pair(make, shape)
    before = values(ours(x))
    ours.quantize(**arguments(keras, way))
    theirs.quantize(**arguments(reference, way))
    assert_same_variables(ours, theirs)
    y = values(ours(x))
    np.testing.assert_allclose(y, other(theirs(x)), rtol=1e-5, atol=1e-5)
    # A sum of n products, each off by up to half a step of weights (and of inputs).
    steps = {"int8": 127, "int4": 7, "float8": 16}[ours.quantization_mode]
    assert np.abs(y - before).max() < 4 * np.abs(before).max() / steps
    assert ours.dtype_policy.name == theirs.dtype_policy.name
    mode = ours.quantization_mode
    assert ours.variable_serialization_spec[mode] == theirs.variable_serialization_spec[mode]
    assert {(w.name, w.trainable) for w in ours.weights} == {(w.name, w.trainable) for w in theirs.weights}


@pytest.mark.wide
@pytest.mark.parametrize("way", WAYS[:-1])
@pytest.mark.parametrize(("make", "shape"), ROWS)
def test_embeddings_are_keras(make: Any, shape: Any, way: Any) -> None:
    ours, theirs, x = pair(make, shape)
    ours.quantize(**arguments(keras, way))
    theirs.quantize(**arguments(reference, way))
    assert_same_variables(ours, theirs)
    np.testing.assert_allclose(values(ours(x)), other(theirs(x)), rtol=1e-6, atol=1e-6)
    if isinstance(ours, layers.ReversibleEmbedding):
        h = GENERATOR.normal(size=(2, 3, 7)).astype("float32")
        found, expected = ours(h, reverse=True), theirs(h, reverse=True)
        np.testing.assert_allclose(values(found), other(expected), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("make", [row.values[0] for row in ROWS[1:]])
def test_reversible_embedding_is_keras(make: Any) -> None:
    """Also with a soft cap, in a reverse dtype, with a mask, and in a half precision policy."""
    ours, theirs, x = pair(make, None)
    h = GENERATOR.normal(size=(2, 3, 7)).astype("float32")
    np.testing.assert_allclose(values(ours(x)), other(theirs(x)), rtol=1e-6)
    np.testing.assert_allclose(values(ours(h, reverse=True)), other(theirs(h, reverse=True)), rtol=1e-5, atol=1e-5)
    assert ours.compute_output_shape((2, 3, 7), reverse=True) == (2, 3, 9)
    assert ours(keras.KerasTensor((None, 3, 7)), reverse=True).shape == (None, 3, 9)
    options = {"logit_soft_cap": 2.0, "reverse_dtype": "float64" if keras.backend.backend() != "jax" else "float32"}
    config = {**ours.get_config(), **options, "mask_zero": True}
    capped = layers.ReversibleEmbedding.from_config(config)
    capped.build()
    capped.set_weights(ours.get_weights())
    logits = values(capped(h, reverse=True))
    assert logits.dtype == options["reverse_dtype"]
    np.testing.assert_allclose(logits, np.tanh(values(ours(h, reverse=True)) / 2) * 2, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(values(capped.compute_mask(x)), x != 0)
    assert capped.compute_mask(ops.array(h)) is None
    half = layers.ReversibleEmbedding(9, 7, dtype="mixed_bfloat16")
    assert ops.dtype(half(x)) == ops.dtype(half(h, reverse=True)) == "bfloat16"


def test_equations_with_an_ellipsis() -> None:
    """Keras can't quantize these; they are as their equations without one."""
    x = GENERATOR.normal(size=(2, 3, 5)).astype("float32")
    for way in ({"mode": "int8"}, {"mode": "int4"}):
        found = []
        for equation, shape in (("...x,xy->...y", 4), ("abx,xy->aby", (None, 4))):
            layer = layers.EinsumDense(equation, shape)
            layer.build(x.shape)
            layer.set_weights([np.linspace(-1, 2, 20, dtype="float32").reshape(5, 4)])
            layer.quantize(**way)
            found.append(values(layer(x)))
        # Sums of float32 are as exact as their largest terms are, also where these cancel out.
        np.testing.assert_allclose(found[0], found[1], rtol=1e-6, atol=1e-6 * np.abs(found[1]).max())
    trailing = layers.EinsumDense("ab...,bc->ac...", (4, None))
    x = GENERATOR.normal(size=(2, 3, 5)).astype("float32")
    y = values(trailing(x))
    trailing.quantize("int8")
    np.testing.assert_allclose(values(trailing(x)), y, atol=0.03 * np.abs(y).max())


def test_a_quantizer_of_ones_own() -> None:
    """A weight quantizer with another range, and one for inputs with one scale for all."""
    layer = layers.Dense(6)
    x = GENERATOR.normal(size=(5, 8)).astype("float32")
    layer(x)
    kernel = layer.kernel.numpy()
    mine = quantizers.AbsMaxQuantizer(axis=0, value_range=(-31, 31))
    config = quantizers.Int8QuantizationConfig(mine, quantizers.AbsMaxQuantizer(axis=(0, 1)))
    layer.quantize(config=config)
    assert np.abs(layer.kernel.numpy()).max() == 31
    q, s = mine(kernel, to_numpy=True)
    scale = np.float32(127) / (np.abs(x).max() + np.float32(1e-7))
    expected = np.clip(np.round(x * scale), -127, 127) @ q.astype("float32") / (scale * s)
    np.testing.assert_allclose(values(layer(x)), expected, rtol=1e-5, atol=1e-5)
    other_layer = layers.Dense(6)
    other_layer.build((None, 8))
    with pytest.raises(ValueError, match=r"\(1, 6\)"):
        other_layer.quantize(config=quantizers.Int8QuantizationConfig(quantizers.AbsMaxQuantizer(axis=1)))


@pytest.mark.wide
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float16"])
@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_half_precision(mode: str, policy: str) -> None:
    """Near to the layer before, in the compute dtype; in float16 too, which Keras refuses."""
    layer = layers.Dense(6, dtype=policy)
    x = GENERATOR.normal(size=(5, 8)).astype("float32")
    before = values(ops.cast(layer(x), "float32"))
    layer.quantize(mode)
    y = layer(x)
    assert ops.dtype(y) == layer.compute_dtype == policy.removeprefix("mixed_")
    assert np.abs(values(ops.cast(y, "float32")) - before).max() < 0.2 * np.abs(before).max()
    assert mode == "float8" or layer.kernel_scale.dtype == "float32"


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_many_summands(mode: str) -> None:
    """Products of integers are summed in float32: of 5000, they are right to its precision."""
    x = GENERATOR.normal(size=(3, 5000)).astype("float32")
    layer = layers.Dense(4, use_bias=False)
    layer(x)
    layer.quantize(mode)
    kernel = values(layer._kf_storage.decode()).astype("float64")
    if mode == "int8":
        scale = np.float32(127) / (np.abs(x).max(1, keepdims=True) + np.float32(1e-7))
        x = np.clip(np.round(x * scale), -127, 127).astype("float64") / scale
    expected = x @ kernel
    np.testing.assert_allclose(values(layer(x.astype("float32"))), expected, atol=2e-4 * np.abs(expected).max())


# ---- what quantize says -------------------------------------------------------------------------------------------


def built(units: int = 6) -> Any:
    layer = layers.Dense(units, name="d")
    layer.build((None, 8))
    return layer


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: layers.Dense(3, name="d").quantize("int8"), ValueError, "'d'.*built"),
        (lambda: built().quantize("int9"), ValueError, "int9.*int8"),
        (lambda: built().quantize(), ValueError, "neither"),
        (lambda: built().quantize("int8", config=quantizers.Int4QuantizationConfig()), ValueError, "two things"),
        (lambda: built().quantize(config=3), ValueError, "QuantizationConfig, got 3"),
        (lambda: built().quantize("gptq"), ValueError, "GPTQConfig"),
        (lambda: (lambda d: (d.quantize("int8"), d.quantize("int4")))(built()), ValueError, "already.*int8_from"),
        (lambda: layers.Flatten(name="f").quantize("int8"), NotImplementedError, "'f'"),
        (lambda: layers.Conv2D(3, 3, name="c").quantize("int8"), NotImplementedError, "'c'"),
        (lambda: layers.Flatten(name="f").quantized_build(None, "int8"), NotImplementedError, "'f'"),
        (lambda: layers.Embedding(3, 3).quantize("float8"), NotImplementedError, "int8"),
        (lambda: layers.Dense(3).quantized_call(1), ValueError, "isn't quantized"),
    ],
)
def test_errors(call: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        call()


class Mine(layers.Dense):
    def call(self, inputs: Any, training: Any = None) -> Any:
        return super().call(inputs) * 2


def test_subclasses() -> None:
    """A user's own class is refused, unless it is told not to be; its own call stays."""
    layer, x = Mine(3), np.ones((2, 4), "float32")
    before = values(layer(x))
    with pytest.raises(NotImplementedError, match="type_check=False"):
        layer.quantize("int8")
    layer.quantize("int8", type_check=False)
    np.testing.assert_allclose(values(layer(x)), before, atol=0.02 * np.abs(before).max())
    np.testing.assert_array_equal(values(layer.quantized_call(ops.array(x))), values(layer(x)))


def small() -> Any:
    return keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(6, name="a"),
            layers.BatchNormalization(),
            layers.Reshape((6, 1)),
            layers.LSTM(3, name="r"),
            layers.Dense(3, name="b"),
        ],
        name="s",
    )


def policies(model: Any) -> dict[str, str]:
    return {name: model.get_layer(name).dtype_policy.name for name in ("a", "b")}


@pytest.mark.wide
@pytest.mark.parametrize(
    ("filters", "which"),
    [(None, "ab"), ("^a$", "a"), (["x", "b"], "b"), (lambda layer: layer.name == "b", "b")],
)
def test_models(filters: Any, which: str) -> None:
    model = small()
    x = GENERATOR.normal(size=(4, 8)).astype("float32")
    before = model.predict(x, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.quantize("int8", filters=filters)
    assert policies(model) == {n: "int8_from_float32" if n in which else "float32" for n in "ab"}
    after = model.predict(x, verbose=0)
    assert not np.array_equal(before, after)
    np.testing.assert_allclose(after, values(model(x)), atol=1e-5)


def test_models_name_what_stays_as_it_is() -> None:
    """Layers with matrices that can't be quantized; not those without."""
    with pytest.warns(UserWarning, match=r"2 layers can.*not: s/r/lstm_cell.*\.$"):
        small().quantize("int8")


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: keras.Sequential([layers.Dense(3)]).quantize("int8"), "built"),
        (lambda: small().quantize("int8", filters=3), "filters"),
        (lambda: small().quantize(), "neither"),
        (
            lambda: (lambda m: (m.quantize("int8", filters="^a$"), m.quantize("int4")))(small()),
            r"already: s/a \(int8\)",
        ),
    ],
)
def test_errors_of_models(call: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        call()


@pytest.mark.wide
@pytest.mark.parametrize("way", WAYS)
def test_copies(way: Any) -> None:
    layer, x = built(), GENERATOR.normal(size=(3, 8)).astype("float32")
    layer.quantize(**arguments(keras, way))
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(values(twin(x)), values(layer(x)))
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    again.load_own_variables({str(n): v for n, v in enumerate(stored(layer))})
    np.testing.assert_array_equal(values(again(x)), values(layer(x)))


def test_the_framework_forgets_the_floats() -> None:
    """What was replaced is held by nobody: it would go into state dicts and checkpoints."""
    layer = built()
    layer.quantize("int8")
    assert sorted(w.name for w in layer.weights) == ["bias", "kernel", "kernel_scale"]
    if keras.backend.backend() == "torch":
        assert sorted(layer.state_dict()) == ["bias", "kernel", "kernel_scale"]
        assert layer.state_dict()["kernel"].dtype is __import__("torch").int8
    with pytest.raises(AttributeError):
        layer.kernel = 3


# ---- files --------------------------------------------------------------------------------------------------------


def network(space: Any) -> Any:
    """Every kind of layer that can be quantized; the attention's projections are layers inside of it."""
    k = space.layers
    tokens = space.Input((4,), dtype="int32", name="tokens")
    x = k.Embedding(9, 8, name="e")(tokens)
    x = k.EinsumDense("abc,cd->abd", (None, 6), bias_axes="d", name="ed")(x)
    x = k.MultiHeadAttention(2, 3, name="mha")(x, x)
    x = k.Dense(5, activation="relu", name="d")(x)
    return space.Model(tokens, k.Dense(3, name="out")(k.Flatten(name="f")(x)), name="net")


TOKENS = np.arange(12, dtype="int32").reshape(3, 4) % 9


def quantized(space: Any, way: Any) -> Any:
    model = network(space)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.quantize(**arguments(space, way))
    return model


@pytest.mark.wide
@pytest.mark.parametrize("way", WAYS)
def test_files_of_models(way: Any, tmp_path: Any) -> None:
    model = quantized(keras, way)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(values(loaded(TOKENS)), values(model(TOKENS)))
    assert loaded.get_layer("d").get_config() == model.get_layer("d").get_config()
    inside = loaded.get_layer("mha")._flatten_layers()[1]
    assert inside.quantization_mode == model.get_layer("d").quantization_mode
    model.save_weights(tmp_path / "m.weights.h5")
    fresh = quantized(keras, way)
    fresh.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(values(fresh(TOKENS)), values(model(TOKENS)))


@pytest.mark.wide
@pytest.mark.parametrize("way", [way for way in WAYS if way.id != "int8-weights"])
def test_keras_reads_our_files(way: Any, tmp_path: Any) -> None:
    model = quantized(keras, way)
    model.save(tmp_path / "m.keras")
    loaded = reference.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(other(loaded(TOKENS)), values(model(TOKENS)), rtol=1e-4, atol=1e-5)


@pytest.mark.wide
@pytest.mark.parametrize("way", WAYS)
def test_we_read_files_of_keras(way: Any, tmp_path: Any) -> None:
    """Without attention: Keras itself can't read a file of a quantized one that it wrote."""
    k = reference.layers
    tokens = reference.Input((4,), dtype="int32")
    x = k.EinsumDense("abc,cd->abd", (None, 6), bias_axes="d")(k.Embedding(9, 8)(tokens))
    model = reference.Model(tokens, k.Dense(3)(k.Dense(5, activation="relu")(x)))
    model.quantize(**arguments(reference, way))
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(values(loaded(TOKENS)), other(model(TOKENS)), rtol=1e-4, atol=1e-5)


def test_keras_refuses_what_it_has_no_place_for(tmp_path: Any) -> None:
    """How inputs of an attention's projections are quantized isn't dropped in silence."""
    model = quantized(keras, INT8_WEIGHTS)
    model.save(tmp_path / "m.keras")
    with pytest.raises(Exception, match="quantization_config"):
        reference.saving.load_model(tmp_path / "m.keras")


def test_files_of_reversible_embeddings(tmp_path: Any) -> None:
    def made(space: Any) -> Any:
        tokens = space.Input((4,), dtype="int32")
        layer = space.layers.ReversibleEmbedding(9, 8, tie_weights=False)
        return space.Model(tokens, layer(layer(tokens), reverse=True))

    for way in WAYS[:-1]:
        ours, theirs = made(keras), made(reference)
        for model, space in ((ours, keras), (theirs, reference)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.quantize(**arguments(space, way.values[0]))
        ours.save(tmp_path / "a.keras")
        theirs.save(tmp_path / "b.keras")
        for loaded in (
            keras.saving.load_model(tmp_path / "a.keras"),
            reference.saving.load_model(tmp_path / "a.keras"),
        ):
            y = np.asarray(reference.ops.convert_to_numpy(loaded(TOKENS)))
            np.testing.assert_allclose(y, values(ours(TOKENS)), rtol=1e-4, atol=1e-5)
        loaded = keras.saving.load_model(tmp_path / "b.keras")
        np.testing.assert_allclose(values(loaded(TOKENS)), other(theirs(TOKENS)), rtol=1e-4, atol=1e-5)


# ---- digits -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits() -> Any:
    """A model trained on digits in NumPy-free fashion: its weights, and the images that it wasn't shown."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    order = np.random.default_rng(3).permutation(len(x))
    x, y = x[order], y[order].astype("int32")
    model = digits_model()
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[:1300], y[:1300], batch_size=64, epochs=12, verbose=0)
    return model.get_weights(), x, y


def digits_model() -> Any:
    keras.utils.set_random_seed(5)
    return keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(64, activation="relu"),
            layers.Reshape((8, 8)),
            layers.EinsumDense("abc,cd->abd", (None, 8), bias_axes="d", activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )


def accuracy(model: Any, x: Any, y: Any) -> float:
    return float((model.predict(x, verbose=0).argmax(-1) == y).mean())


@pytest.mark.wide
@pytest.mark.trains
@pytest.mark.parametrize(("way", "most"), [(*WAYS[n].values, drop) for n, drop in enumerate((1, 1, 3, 3, 3, 2))])
def test_accuracy_on_digits(digits: Any, way: Any, most: float, record_property: Any) -> None:
    """What quantization costs on images that the model wasn't trained on, in percent of them."""
    weights, x, y = digits
    model = digits_model()
    model.set_weights(weights)
    before = accuracy(model, x[1300:], y[1300:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.quantize(**arguments(keras, way))
    after = accuracy(model, x[1300:], y[1300:])
    record_property("accuracy", f"{before:.4f} -> {after:.4f}")
    print(f"{way}: {before:.4f} -> {after:.4f}")
    assert before > 0.94
    assert 100 * (before - after) <= most


@pytest.mark.trains
def test_training_in_float8(digits: Any) -> None:
    """From the start, in float8: it learns digits as float32 does; scales and histories follow what they see."""
    _, x, y = digits
    model = digits_model()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.quantize("float8")
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[:1300], y[:1300], batch_size=64, epochs=12, verbose=0)
    assert accuracy(model, x[1300:], y[1300:]) > 0.93
    first = model.layers[0]
    assert float(first.inputs_scale) == pytest.approx(1 / 448)
    history = first.kernel_amax_history.numpy()
    assert (history > 0).sum() > 200 and float(first.kernel_scale) == pytest.approx(history.max() / 448, rel=0.1)


@pytest.mark.trains
def test_steps_in_float8_are_keras() -> None:
    """Weights, scales and histories after each of three steps."""
    x, y = GENERATOR.normal(size=(16, 5)).astype("float32"), GENERATOR.normal(size=(16, 3)).astype("float32")
    models = []
    for space in (keras, reference):
        inputs = space.Input((5,))
        # Keras rounds biases to bfloat16.
        model = space.Model(inputs, space.layers.Dense(3, activation="tanh", use_bias=False)(inputs))
        model.set_weights([np.linspace(-1, 1, 15, dtype="float32").reshape(5, 3)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.quantize("float8")
        model.compile(space.optimizers.SGD(0.1), "mse")
        models.append(model)
    ours, theirs = models
    for _ in range(3):
        ours.train_on_batch(x, y)
        theirs.train_on_batch(x, y)
        for w in ours.weights:
            expected = next(v for v in theirs.weights if v.name == w.name).numpy()
            np.testing.assert_allclose(w.numpy(), expected, rtol=1e-4, atol=1e-5, err_msg=w.name)


@pytest.mark.trains
def test_float8_with_loss_scaling() -> None:
    """What variables take as it is isn't divided by the factor of the loss."""
    model = keras.Sequential([keras.Input((5,)), layers.Dense(3, dtype="mixed_float16")])
    model.quantize("float8")
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), initial_scale=64.0), "mse")
    x = GENERATOR.normal(size=(16, 5)).astype("float32")
    for _ in range(2):
        model.train_on_batch(x, np.zeros((16, 3), "float32"))
    layer = model.layers[0]
    assert float(layer.inputs_amax_history.numpy()[0]) == pytest.approx(np.abs(x).max(), rel=1e-3)
    assert float(layer.inputs_scale) == pytest.approx(np.abs(x).max() / 448, rel=1e-3)


@pytest.mark.trains
@pytest.mark.parametrize("way", WAYS[:-1])
def test_gradients_pass_through_integers(way: Any) -> None:
    """To the inputs as if the weights were the floats that they stand for, and inputs weren't rounded."""
    layer = layers.Dense(6)
    x = GENERATOR.normal(size=(5, 8)).astype("float32")
    layer(x)
    layer.quantize(**arguments(keras, way))
    matrix = values(layer._kf_storage.decode())
    weights = GENERATOR.normal(size=(5, 6)).astype("float32")
    found = ops.grad(lambda x: ops.sum(layer(x) * ops.array(weights)))(ops.array(x))
    np.testing.assert_allclose(values(found), weights @ matrix.T, rtol=1e-4, atol=1e-4)

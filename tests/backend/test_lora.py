"""LoRA: what it adds and what it trains, and files exchanged with Keras."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import keras as reference
import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops
from kerasfront.errors import NotBuiltError

GENERATOR = np.random.default_rng(0)

CASES: list[Any] = [
    pytest.param(lambda k, **o: k.Dense(6, activation="tanh", name="x", **o), (5, 8), id="Dense"),
    pytest.param(
        lambda k, **o: k.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="e", name="x", **o), (4, 3, 8), id="E1"
    ),
    pytest.param(lambda k, **o: k.EinsumDense("abc,dc->abd", (None, 3), name="x", **o), (4, 3, 8), id="E2"),
    pytest.param(lambda k, **o: k.Conv1D(4, 3, padding="causal", name="x", **o), (2, 7, 3), id="Conv1D"),
    pytest.param(lambda k, **o: k.Conv2D(4, 3, strides=2, groups=2, name="x", **o), (2, 7, 6, 4), id="Conv2D"),
    pytest.param(lambda k, **o: k.Conv3D(3, 2, activation="relu", name="x", **o), (2, 4, 5, 3, 2), id="Conv3D"),
    pytest.param(lambda k, **o: k.Embedding(9, 6, name="x", **o), None, id="Embedding"),
    pytest.param(lambda k, **o: k.ReversibleEmbedding(9, 6, name="x", **o), None, id="Reversible"),
]  # fmt: skip
every = pytest.mark.parametrize(("make", "shape"), CASES)


def values(x: Any) -> np.ndarray[Any, Any]:
    return ops.convert_to_numpy(x)


def other(x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(reference.ops.convert_to_numpy(x))


def inputs(shape: Any) -> np.ndarray[Any, Any]:
    return GENERATOR.normal(size=shape).astype("float32") if shape else np.arange(12).reshape(3, 4) % 9


def matrix_name(layer: Any) -> str:
    return "embeddings" if hasattr(layer, "embeddings") else "kernel"


def fill(layer: Any) -> None:
    """Give what LoRA adds other values than zeros."""
    for name in ("a", "b"):
        w = getattr(layer, f"lora_{matrix_name(layer)}_{name}")
        w.assign(np.random.default_rng([ord(name), *w.shape]).normal(size=w.shape).astype("float32"))


def enabled(make: Any, shape: Any, **options: Any) -> tuple[Any, Any]:
    layer, x = make(layers), inputs(shape)
    layer(x)
    layer.enable_lora(2, **options)
    return layer, x


@pytest.mark.wide
@every
def test_the_product_is_added(make: Any, shape: Any) -> None:
    """First nothing is; then alpha / rank times the product, to the weight and to what it computes."""
    layer, x = make(layers), inputs(shape)
    before = values(layer(x))
    name = matrix_name(layer)
    matrix = getattr(layer, name).numpy()
    layer.enable_lora(2, lora_alpha=3)
    assert layer.lora_enabled and (layer.lora_rank, layer.lora_alpha) == (2, 3)
    np.testing.assert_allclose(values(layer(x)), before, rtol=1e-6, atol=1e-6)
    fill(layer)
    a, b = (getattr(layer, f"lora_{name}_{side}").numpy() for side in "ab")
    assert a.shape == (*matrix.shape[:-1], 2) and b.shape == (2, matrix.shape[-1])
    merged = matrix + 1.5 * a @ b
    np.testing.assert_allclose(values(getattr(layer, name)), merged, rtol=1e-5, atol=1e-5)
    plain = make(layers)
    plain(x)
    plain.set_weights([merged, *(w.numpy() for w in layer.weights if w.name == "bias")])
    np.testing.assert_allclose(values(layer(x)), values(plain(x)), rtol=1e-4, atol=1e-5)


@pytest.mark.wide
@every
def test_layers_are_keras(make: Any, shape: Any) -> None:
    ours, theirs, x = make(layers), make(reference.layers), inputs(shape)
    ours(x), theirs(x)
    theirs.set_weights(ours.get_weights())
    for layer in (ours, theirs):
        layer.enable_lora(2)
        fill(layer)
    np.testing.assert_allclose(values(ours(x)), other(theirs(x)), rtol=1e-4, atol=1e-5)
    assert {(w.name, w.shape, w.trainable) for w in ours.weights} == {
        (w.name, tuple(w.shape), w.trainable) for w in theirs.weights
    }
    assert {w.path for w in ours.weights} == {w.path for w in theirs.weights}
    stores: list[dict[str, Any]] = [{}, {}]
    for layer, store in zip((ours, theirs), stores, strict=True):
        layer.save_own_variables(store)
    assert stores[0].keys() == stores[1].keys()
    for key, value in stores[0].items():
        np.testing.assert_allclose(np.asarray(value), other(stores[1][key]), rtol=1e-5, atol=1e-5)


@pytest.mark.wide
@every
@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_with_quantization(make: Any, shape: Any, mode: str) -> None:
    """In either order; the file holds the sum, quantized."""
    for first in ("lora", "quantize"):
        layer, x = make(layers), inputs(shape)
        before = values(layer(x))
        if mode not in layer._kf_storages:
            return
        for step in (first, "quantize" if first == "lora" else "lora"):
            layer.enable_lora(2) if step == "lora" else layer.quantize(mode)
        near = 0.3 * np.abs(before).max()
        np.testing.assert_allclose(values(layer(x)), before, atol=near)
        plain = values(layer(x))
        fill(layer)
        name = matrix_name(layer)
        whole = values(getattr(layer, name))
        added = getattr(layer, f"lora_{name}_a").numpy() @ getattr(layer, f"lora_{name}_b").numpy()
        np.testing.assert_allclose(whole - added, values(layer._kf_storage.decode()), atol=1e-5)
        assert not np.allclose(values(layer(x)), plain)
        store: dict[str, Any] = {}
        layer.save_own_variables(store)
        twin = layers.deserialize(layers.serialize(layer))
        if not twin.built:
            twin.build(x.shape)
        twin.load_own_variables(store)
        assert not getattr(twin, f"lora_{name}_b").numpy().any()
        step = np.ptp(whole) / {"int8": 127, "int4": 15, "float8": 1e6}[mode]
        np.testing.assert_allclose(values(twin._kf_storage.decode()), whole, atol=0.51 * step)
        assert twin(x).shape == layer(x).shape


@pytest.mark.wide
@pytest.mark.trains
@every
@pytest.mark.parametrize("mode", [None, "int8"])
def test_training(make: Any, shape: Any, mode: str | None) -> None:
    """The loss falls; the weight stays; what LoRA adds, and biases as in Keras, are trained."""
    keras.utils.set_random_seed(2)
    layer, x = make(layers), inputs(shape)
    model = keras.Sequential([keras.Input(x.shape[1:], dtype=str(x.dtype)), layer])
    if mode is not None:
        if mode not in layer._kf_storages:
            return
        layer.quantize(mode)
    layer.enable_lora(2)
    stored = layer._kf_storage.values
    frozen = stored.numpy()
    assert {w.name.rpartition("_")[0] for w in layer.trainable_weights if w.name != "bias"} == {
        f"lora_{matrix_name(layer)}"
    }
    y = GENERATOR.normal(size=model(x).shape).astype("float32")
    model.compile(keras.optimizers.SGD(0.2), "mse")
    first = [w.numpy() for w in layer.trainable_weights]
    losses = [float(model.train_on_batch(x, y)) for _ in range(8)]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]
    assert all(b < a for a, b in zip(losses, losses[1:], strict=False))
    np.testing.assert_array_equal(stored.numpy(), frozen)
    for before, weight in zip(first, layer.trainable_weights, strict=True):
        assert not np.array_equal(before, weight.numpy()), weight.path


def test_freezing_and_thawing() -> None:
    """Setting `trainable` doesn't thaw the weight, as it does in Keras."""
    layer, _ = enabled(CASES[0].values[0], (5, 8))
    layer.trainable = False
    assert not layer.trainable_weights
    layer.trainable = True
    assert [w.name for w in layer.trainable_weights] == ["bias", "lora_kernel_a", "lora_kernel_b"]


def test_regularizers_are_those_of_the_weight() -> None:
    layer = layers.Dense(3, kernel_regularizer="l2")
    layer.build((None, 4))
    layer.enable_lora(2)
    fill(layer)
    expected = [0.01 * (w.numpy() ** 2).sum() for w in (layer.lora_kernel_a, layer.lora_kernel_b)]
    np.testing.assert_allclose([float(loss) for loss in layer.losses], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: layers.Dense(3, name="d").enable_lora(2), NotBuiltError, "'d'"),
        (lambda: enabled(CASES[0].values[0], (5, 8))[0].enable_lora(2), ValueError, "already.*'x'"),
        (lambda: enabled(lambda k: k.Dense(3, kernel_constraint="non_neg"), (2, 4)), ValueError, "kernel_constraint"),
        (
            lambda: enabled(lambda k: k.Dense(3), (2, 4))[0].lora_rank + layers.Dense(3).enable_lora(0),
            ValueError,
            "rank",
        ),
    ],
)
def test_errors(call: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        call()


@pytest.mark.wide
@every
def test_constructors_and_configs(make: Any, shape: Any) -> None:
    layer, x = make(layers, lora_rank=3, lora_alpha=6.0), inputs(shape)
    layer(x)
    assert layer.lora_enabled
    fill(layer)
    config = layer.get_config()
    assert (config["lora_rank"], config["lora_alpha"]) == (3, 6.0)
    assert "lora_rank" not in make(layers).get_config()
    twin = type(layer).from_config(config)
    twin(x)
    twin.set_weights(layer.get_weights())
    for other_layer in (twin, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_allclose(values(other_layer(x)), values(layer(x)), rtol=1e-6, atol=1e-6)


def test_mixed_precision() -> None:
    layer = layers.Dense(6, dtype="mixed_bfloat16", lora_rank=2)
    x = inputs((5, 8))
    assert ops.dtype(layer(x)) == "bfloat16"
    assert {w.dtype for w in layer.weights} == {"float32"}


# ---- files --------------------------------------------------------------------------------------------------------


def image_model(space: Any) -> Any:
    k = space.layers
    x = space.Input((6, 6, 2), name="i")
    y = k.Dense(5, activation="relu", name="d")(k.Flatten(name="f")(k.Conv2D(4, 3, name="c")(x)))
    return space.Model(x, k.Dense(3, name="out")(y), name="m")


def token_model(space: Any) -> Any:
    k = space.layers
    x = space.Input((4,), dtype="int32", name="i")
    return space.Model(x, k.EinsumDense("abc,cd->abd", (None, 3), name="d")(k.Embedding(9, 6, name="c")(x)), name="m")


MODELS = [
    pytest.param(image_model, (3, 6, 6, 2), id="images"),
    pytest.param(token_model, None, id="tokens"),
]


def adapted(space: Any, make: Any, mode: str | None) -> Any:
    model = make(space)
    for name in ("c", "d"):
        layer = model.get_layer(name)
        if mode is not None and name == "d":
            layer.quantize(mode)
        layer.enable_lora(2, lora_alpha=4)
        fill(layer)
    return model


@pytest.mark.parametrize(("make", "shape"), MODELS)
@pytest.mark.parametrize("mode", [None, "int8"])
def test_files(make: Any, shape: Any, mode: str | None, tmp_path: Any) -> None:
    """The sum is in the file; LoRA begins anew with it. int8 rounds the sum once more."""
    model, x = adapted(keras, make, mode), inputs(shape)
    model.save(tmp_path / "m.keras")
    expected = values(model(x))
    near = {"rtol": 1e-4, "atol": 1e-4} if mode is None else {"atol": 0.1 * np.abs(expected).max()}
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(values(loaded(x)), expected, **near)
    for name in ("c", "d"):
        layer = loaded.get_layer(name)
        assert layer.lora_enabled and (layer.lora_rank, layer.lora_alpha) == (2, 4)
        assert not getattr(layer, f"lora_{matrix_name(layer)}_b").numpy().any()
        assert getattr(layer, f"lora_{matrix_name(layer)}_a").numpy().all()
    read = reference.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(other(read(x)), values(loaded(x)), rtol=1e-4, atol=1e-5)
    plain = make(keras)
    if mode is not None:
        plain.get_layer("d").quantize(mode)
    plain.load_weights(tmp_path / "m.keras")  # a model without LoRA takes the sums
    np.testing.assert_allclose(values(plain(x)), values(loaded(x)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("make", "shape"), MODELS)
@pytest.mark.parametrize("mode", [None, "int8"])
def test_files_of_keras(make: Any, shape: Any, mode: str | None, tmp_path: Any) -> None:
    model, x = adapted(reference, make, mode), inputs(shape)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    expected = other(reference.saving.load_model(tmp_path / "m.keras")(x))
    np.testing.assert_allclose(values(loaded(x)), expected, rtol=1e-4, atol=1e-5)
    assert loaded.get_layer("d").lora_enabled
    model.save_weights(tmp_path / "m.weights.h5")
    ours = adapted(keras, make, mode)
    ours.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(values(ours(x)), expected, rtol=1e-4, atol=1e-5)

"""GPTQ and AWQ: what they gain over rounding, files exchanged with Keras, and how they walk through a model."""

from __future__ import annotations

from typing import Any

import keras as reference
import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops, quantizers

GENERATOR = np.random.default_rng(0)
# Inputs that hang together, and of which some are much larger than others.
FACTORS, NOISE = GENERATOR.normal(size=(300, 6)) @ GENERATOR.normal(size=(6, 24)), GENERATOR.normal(size=(300, 24))
X = ((FACTORS + 0.1 * NOISE) * np.geomspace(4, 0.05, 24)).astype("float32")
PLAIN = np.concatenate([np.diag(np.geomspace(0.5, 3, 24))] * 2).astype("float32")
OPTIONS: list[Any] = [
    pytest.param("gptq", {}, id="gptq"),
    pytest.param("gptq", {"activation_order": True}, id="gptq-order"),
    pytest.param("gptq", {"symmetric": True, "group_size": -1}, id="gptq-symmetric"),
    pytest.param("gptq", {"weight_bits": 3}, id="gptq-3"),
    pytest.param("gptq", {"weight_bits": 2, "per_channel": False}, id="gptq-2"),
    pytest.param("gptq", {"weight_bits": 8}, id="gptq-8"),
    pytest.param("awq", {}, id="awq"),
    pytest.param("awq", {"group_size": -1}, id="awq-whole"),
]
CONFIGS = {"gptq": quantizers.GPTQConfig, "awq": quantizers.AWQConfig}


def values(x: Any) -> np.ndarray[Any, Any]:
    return ops.convert_to_numpy(x)


def config(mode: str, data: Any = X, **options: Any) -> Any:
    return CONFIGS[mode](data, None, **{"group_size": 8, "num_samples": len(data), **options})


def one_layer() -> Any:
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((24,)), layers.Dense(17, name="d")])


def error(model: Any, x: Any = X) -> float:
    return float(np.square(values(model(x)) - values(one_layer()(x))).mean())


def rounded(mode: str, **options: Any) -> Any:
    """By data of which no input tells anything of another one, nothing is made up for: plain rounding."""
    model = one_layer()
    more = {"num_grid_points": 1} if mode == "awq" else {}
    model.quantize(config=config(mode, PLAIN, **options, **more))
    return model


@pytest.mark.wide
@pytest.mark.parametrize(("mode", "options"), OPTIONS)
def test_less_is_lost_than_by_rounding(mode: str, options: dict[str, Any]) -> None:
    model = one_layer()
    model.quantize(config=config(mode, **options))
    bits = options.get("weight_bits", 4)
    assert model.layers[0].dtype_policy.name == f"{mode}/{bits}/{options.get('group_size', 8)}_from_float32"
    gain = 0.8 if mode == "gptq" else 1.0
    assert error(model) < gain * error(rounded(mode, **options))


@pytest.mark.wide
@pytest.mark.parametrize(("mode", "options"), OPTIONS)
def test_plain_data_give_plain_rounding(mode: str, options: dict[str, Any]) -> None:
    """The integers nearest to the weights, in ranges that hold each group's weights and 0."""
    layer = rounded(mode, **options).layers[0]
    kernel = one_layer().layers[0].kernel.numpy().T.astype("float64")
    bits, size = options.get("weight_bits", 4), options.get("group_size", 8)
    most = 2**bits - 1
    groups = np.split(kernel, range(size, 24, size), 1) if size > 0 else [kernel]
    low, high = (np.stack([end(g, 0) for g in groups], 1) for end in (
        lambda g, z: np.minimum(g.min(1), z), lambda g, z: np.maximum(g.max(1), z)
    ))  # fmt: skip
    if options.get("per_channel") is False:
        low, high = np.broadcast_to(low.min(0), low.shape), np.broadcast_to(high.max(0), high.shape)
    if options.get("symmetric"):
        high = np.maximum(-low, high)
        low = -high
    scale = (high - low) / most
    zero = np.full(scale.shape, (most + 1) // 2) if options.get("symmetric") else np.round(-low / scale)
    np.testing.assert_allclose(layer.kernel_scale.numpy(), scale, rtol=1e-6)
    np.testing.assert_array_equal(layer.kernel_zero.numpy(), zero)
    scale = layer.kernel_scale.numpy().astype("float64")
    index = layer.g_idx.numpy().astype(int)
    expected = np.clip(np.round(kernel / scale[:, index]) + zero[:, index], 0, most)
    np.testing.assert_array_equal(values(layer.kernel).T, expected)
    np.testing.assert_allclose(
        values(layer._kf_storage.decode()).T, (expected - zero[:, index]) * scale[:, index], rtol=1e-4, atol=1e-6
    )


def network(space: Any) -> Any:
    k = space.layers
    x = space.Input((5, 24), name="x")
    y = k.EinsumDense("abc,cde->abde", (None, 3, 4), bias_axes="e", name="e")(x)
    y = k.EinsumDense("abde,def->abf", (None, 7), activation="relu", name="g")(y)
    return space.Model(x, k.Dense(6, name="d")(y), name="net")


@pytest.mark.wide
@pytest.mark.parametrize(("mode", "options"), OPTIONS)
def test_files(mode: str, options: dict[str, Any], tmp_path: Any) -> None:
    """Here, and in Keras, which leaves the zero points out of files of its own: it can't read those either."""
    keras.utils.set_random_seed(2)
    model, x = network(keras), X.reshape(60, 5, 24)
    before = values(model(x))
    model.quantize(config=config(mode, x, **options))
    assert all(model.get_layer(name).quantization_mode == mode for name in "egd")
    y = values(model(x))
    near = {2: 3.0, 3: 0.6, 4: 0.3, 8: 0.02}[options.get("weight_bits", 4)]
    assert np.abs(y - before).max() < near * np.abs(before).max()
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(values(loaded(x)), y, rtol=1e-5, atol=1e-5)
    read = reference.saving.load_model(tmp_path / "m.keras")
    found = np.asarray(reference.ops.convert_to_numpy(read(x)))
    np.testing.assert_allclose(found, y, rtol=1e-4, atol=1e-4)


def test_lora_on_top() -> None:
    model = one_layer()
    model.quantize(config=config("gptq"))
    layer = model.layers[0]
    before = values(model(X))
    layer.enable_lora(2)
    np.testing.assert_allclose(values(model(X)), before, rtol=1e-5, atol=1e-4)
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    np.testing.assert_array_equal(store["1"], layer._kf_storage.values.numpy())


class Tokens(keras.Model):
    """Embedding and two blocks, which it names to those who quantize it."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = layers.Embedding(64, 24, name="embed")
        self.blocks = [keras.Sequential([layers.Dense(24, activation="relu")], name=f"block_{n}") for n in range(2)]
        self.head = layers.Dense(3, name="head")

    def call(self, inputs: Any) -> Any:
        x = self.embed(inputs)
        for block in self.blocks:
            x = block(x)
        return self.head(x)

    def get_quantization_layer_structure(self, mode: str | None = None) -> Any:
        return {"pre_block_layers": [self.embed], "sequential_blocks": self.blocks}


@pytest.mark.parametrize("mode", ["gptq", "awq"])
def test_texts_and_blocks(mode: str) -> None:
    """Texts become sequences of a length; blocks are quantized in turn, what is outside of them isn't."""
    model = Tokens()
    model(np.zeros((1, 4), "int32"))
    seen: list[int] = []

    def tokenizer(text: str) -> list[int]:
        seen.append(len(text))
        return [ord(c) % 64 for c in text]

    told = CONFIGS[mode](["some text, " * 20, "and some more"], tokenizer, sequence_length=16, group_size=-1)
    model.quantize(mode, config=told)
    assert len(seen) == 2
    assert [block.layers[0].quantization_mode for block in model.blocks] == [mode, mode]
    assert model.head.quantization_mode is None and model.embed.quantization_mode is None


def test_filters_and_what_stays() -> None:
    model = network(keras)
    model.quantize(config=config("gptq", X.reshape(60, 5, 24)), filters="^[ed]$")
    assert [model.get_layer(name).quantization_mode for name in "egd"] == ["gptq", None, "gptq"]
    x = keras.Input((4, 5))
    odd = keras.Model(x, layers.EinsumDense("abc,bcd->abd", (4, 3), name="odd")(x))
    with pytest.warns(UserWarning, match="odd"):
        odd.quantize(config=config("gptq", GENERATOR.normal(size=(9, 4, 5)).astype("float32")))
    assert odd.get_layer("odd").quantization_mode is None


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: one_layer().quantize("gptq"), "GPTQConfig"),
        (lambda: one_layer().layers[0].quantize(config=config("gptq")), "its model"),
        (lambda: one_layer().quantize(config=quantizers.GPTQConfig([], None)), "dataset"),
        (lambda: one_layer().quantize(config=quantizers.AWQConfig(None, None)), "dataset"),
        (lambda: one_layer().quantize(config=quantizers.GPTQConfig(["a"], None)), "tokenizer"),
    ],
)
def test_errors(call: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        call()

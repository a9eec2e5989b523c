"""Dtype policies: names, configs, maps by path; against Keras."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import keras as reference
import numpy as np
import pytest

import kerasfront as keras
from kerasfront import dtype_policies, layers, ops
from kerasfront.dtype_policies import DTypePolicyMap
from kerasfront.errors import SavingError

theirs = reference.dtype_policies
NAMES = [
    "float32", "mixed_float16", "bfloat16", "int8_from_float32", "int8_from_mixed_bfloat16", "int4_from_float32",
    "int4/128_from_float32", "int4/-1_from_bfloat16", "float8_from_float32", "float8_from_mixed_bfloat16",
    "gptq/4/128_from_float32", "gptq/2/-1_from_mixed_bfloat16", "awq/4/32_from_float32",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _global_policy() -> Iterator[None]:
    yield
    keras.config.set_dtype_policy("float32")
    reference.config.set_dtype_policy("float32")


def plain(config: Any) -> Any:
    return json.loads(json.dumps(config))


@pytest.mark.parametrize("name", NAMES)
def test_names_are_keras(name: str) -> None:
    ours, expected = dtype_policies.get(name), theirs.get(name)
    assert type(ours).__name__ == type(expected).__name__
    for attribute in ("name", "compute_dtype", "variable_dtype", "quantization_mode"):
        assert getattr(ours, attribute) == getattr(expected, attribute)
    config = dtype_policies.serialize(ours)
    assert plain(config) == plain(theirs.serialize(expected))
    assert dtype_policies.deserialize(plain(config)) == ours == dtype_policies.get(config)
    assert keras.saving.deserialize_keras_object(plain(config)) == ours
    for attribute in ("block_size", "weight_bits", "group_size", "amax_history_length"):
        if attribute != "block_size" or "int4" in name:
            assert getattr(ours, attribute, None) == getattr(expected, attribute, None)


@pytest.mark.parametrize(
    "name",
    [
        "int7_from_float32", "int8_from_", "int8_from_flot32", "int4/0_from_float32", "int4/x_from_float32",
        "int4/-2_from_float32", "gptq_from_float32", "gptq/5/128_from_float32", "gptq/4/0_from_float32",
        "awq/3/128_from_float32", "awq/4_from_float32", "float8/3_from_float32", "nope",
    ],
)  # fmt: skip
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(ValueError, match="flot32" if "flot" in name else name.split("_from")[0]):
        dtype_policies.get(name)


def test_sources() -> None:
    """Without one, the global policy's; a quantized one's own."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    policy = dtype_policies.QuantizedDTypePolicy("int8")
    assert (policy.name, policy.compute_dtype) == ("int8_from_mixed_bfloat16", "bfloat16")
    keras.config.set_dtype_policy(policy)
    assert dtype_policies.QuantizedDTypePolicy("int4").name == "int4_from_mixed_bfloat16"
    assert dtype_policies.QuantizedFloat8DTypePolicy("float8", "float32", 16).amax_history_length == 16
    with pytest.raises(ValueError, match="amax_history_length"):
        dtype_policies.QuantizedFloat8DTypePolicy("float8", "float32", 0)
    with pytest.raises(ValueError, match="float8"):
        dtype_policies.QuantizedFloat8DTypePolicy("int8", "float32")


def test_get() -> None:
    policy = dtype_policies.get("int8_from_float32")
    assert dtype_policies.get(policy) is policy
    assert dtype_policies.get(None) == keras.DTypePolicy("float32")
    assert dtype_policies.get(np.float16).name == "float16"
    with pytest.raises(ValueError, match=r"Nope"):
        dtype_policies.get({"class_name": "Nope", "config": {}})


# ---- maps ---------------------------------------------------------------------------------------------------------


def test_maps_are_keras() -> None:
    made = []
    for space in (dtype_policies, theirs):
        found = space.DTypePolicyMap(default_policy=space.DTypePolicy("float32"))
        found["encoder/layer_0/dense"] = space.DTypePolicy("bfloat16")
        found["encoder/.*"] = space.DTypePolicy("float16")
        found["decoder"] = space.QuantizedDTypePolicy("int8", "float32")
        made.append(found)
    ours, expected = made
    for path in ("encoder/layer_0/dense", "encoder/attention/query", "decoder", "decoder/attention", "x"):
        assert ours[path].name == expected[path].name
    assert list(ours) == list(expected) and len(ours) == 3
    for attribute in ("name", "compute_dtype", "variable_dtype", "quantization_mode"):
        assert getattr(ours, attribute) == getattr(expected, attribute)
    ours["encoder/attention/.*"] = "bfloat16"
    with pytest.raises(ValueError, match="several keys"):
        ours["encoder/attention/query"]
    del ours["encoder/attention/.*"]
    with pytest.raises(ValueError, match="already"):
        ours["decoder"] = "float16"
    assert "decoder" in ours and "decoder/x" not in ours
    config = plain(dtype_policies.serialize(ours))
    assert dtype_policies.deserialize(config) == ours
    read = theirs.deserialize(config)
    assert [read[path].name for path in ours] == [policy.name for policy in ours.values()]


def test_configs_of_maps_keep_what_differs() -> None:
    """Without a default of its own, what equals the global policy follows it; Keras forgets the others' names."""
    policies = DTypePolicyMap(policy_map={"a": "float32", "b": "bfloat16", "c": "int8_from_float32"})
    config = plain(dtype_policies.serialize(policies))
    assert config["config"]["policy_map"]["a"]["config"] == {"name": None}
    assert config["config"]["policy_map"]["b"]["config"] == {"name": "bfloat16"}
    assert config["config"]["policy_map"]["c"]["config"] == {"mode": "int8", "source_name": None}
    keras.config.set_dtype_policy("float16")
    again = dtype_policies.deserialize(config)
    assert [again[path].name for path in "abc"] == ["float16", "bfloat16", "int8_from_float16"]
    assert policies["a"].name == "float32"
    expected = theirs.serialize(theirs.DTypePolicyMap(policy_map={"c": theirs.get("int8_from_float32")}))
    assert dtype_policies.deserialize(plain(expected))["c"].quantization_mode == "int8"


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: DTypePolicyMap(policy_map=[1]), TypeError),
        (lambda: DTypePolicyMap(default_policy=3), TypeError),
        (lambda: DTypePolicyMap(default_policy=DTypePolicyMap()), ValueError),
        (lambda: DTypePolicyMap(policy_map={"a": 3}), TypeError),
        (lambda: DTypePolicyMap(policy_map={"a": None}), ValueError),
        (lambda: DTypePolicyMap(policy_map={"a": DTypePolicyMap()}), ValueError),
        (lambda: DTypePolicyMap(policy_map={3: "float32"}), ValueError),
    ],
)
def test_maps_that_make_no_sense(make: Any, error: Any) -> None:
    with pytest.raises(error):
        make()


@pytest.mark.parametrize("pattern", ["(a+)+b", "(.*)*", "(a|a){30}b", ".*.*.*.*.*x"])
def test_patterns_of_files_cannot_take_forever(pattern: str) -> None:
    config = plain(dtype_policies.serialize(DTypePolicyMap("float32", {"a": "float16"})))
    policy_map = config["config"]["policy_map"]
    policy_map[pattern] = policy_map.pop("a")
    layer = layers.serialize(layers.Dense(3, name="a" * 30))
    layer["config"]["dtype"] = config
    with pytest.raises((ValueError, SavingError), match="very long"):
        layers.deserialize(layer)
    assert DTypePolicyMap("float32", {"[": "float16"})["x"].name == "float32"  # no pattern: a path


# ---- layers -------------------------------------------------------------------------------------------------------


def test_layers_have_policies_of_their_own() -> None:
    """One model, three dtypes: each layer casts its inputs, and keeps its variables in its own."""
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(3, dtype="float16"),
            layers.Dense(3, dtype="mixed_bfloat16"),
            layers.Dense(3, dtype="float32"),
        ]
    )
    x, found = ops.ones((2, 4)), []
    for layer in model.layers:
        x = layer(x)
        found.append((ops.dtype(x), layer.kernel.dtype, layer.dtype_policy.name))
    assert found == [
        ("float16", "float16", "float16"), ("bfloat16", "float32", "mixed_bfloat16"), ("float32", "float32", "float32")
    ]  # fmt: skip
    assert ops.dtype(model(ops.ones((2, 4)))) == "float32"


@pytest.mark.parametrize("how", ["call", "build"])
def test_layers_take_policies_by_their_paths(how: str) -> None:
    policies = DTypePolicyMap("float32", {"outer/d": "mixed_bfloat16", "d": "float16"})
    layer = layers.Dense(3, name="d", dtype=policies)
    assert layer.compute_dtype == "float16"  # as long as it is nowhere else
    with keras.name_scope("outer"):
        layer(ops.ones((2, 4))) if how == "call" else layer.build((None, 4))
    assert layer.path == "outer/d" and layer.dtype_policy is policies
    assert (layer.compute_dtype, layer.kernel.dtype) == ("bfloat16", "float32")
    assert ops.dtype(layer(ops.ones((2, 4)))) == "bfloat16"
    assert layer.get_config()["dtype"]["class_name"] == "DTypePolicyMap"


def test_layers_inside_take_policies_by_their_paths(tmp_path: Any) -> None:
    policies = DTypePolicyMap("float32", {"mha/query": "bfloat16", "mha/(key|value)": "int8_from_float32"})

    def made() -> Any:
        x = keras.Input((3, 4))
        return keras.Model(x, layers.MultiHeadAttention(2, 3, dtype=policies, name="mha")(x, x))

    model = made()
    inside = {layer.path: layer for layer in model.get_layer("mha")._flatten_layers(include_self=False)}
    assert inside["mha/query"].compute_dtype == "bfloat16"
    assert inside["mha/key"].kernel.dtype == inside["mha/value"].kernel.dtype == "int8"
    assert inside["mha/attention_output"].compute_dtype == "float32"
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.get_layer("mha").dtype_policy == policies
    again = [layer.dtype_policy for layer in loaded.get_layer("mha")._flatten_layers(include_self=False)]
    assert again == [layer.dtype_policy for layer in inside.values()]


def test_the_global_policy_can_be_a_map() -> None:
    keras.config.set_dtype_policy(DTypePolicyMap("float32", {"half.*": "bfloat16"}))
    assert layers.Dense(3, name="half_1").compute_dtype == "bfloat16"
    assert layers.Dense(3, name="whole").compute_dtype == "float32"
    assert layers.Dense(3, name="half_2", dtype="float64").compute_dtype == "float64"


def test_quantizing_a_layer_of_a_map() -> None:
    layer = layers.Dense(3, name="d", dtype=DTypePolicyMap("float32", {"d": "mixed_bfloat16"}))
    layer.build((None, 4))
    layer.quantize("int8")
    assert layer.dtype_policy.name == "int8_from_mixed_bfloat16"

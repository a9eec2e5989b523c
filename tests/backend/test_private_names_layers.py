"""A user's subclass of a layer of ours may use any private name for itself.

For each name with an underscore that the class or an object of it has, and for everyday words, a subclass sets an
attribute of that name, before and after the constructor of its base, or defines a method of it. It is then trained,
saved and loaded. Excepted are names that begin with `_kf`, those of the framework's own base class, and parts of
attention that libraries replace or override by Keras's names (docs/aliases.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops

WORDS = (
    "_activation", "_axes", "_axis", "_bias", "_build", "_call", "_cell", "_config", "_data_format", "_equation",
    "_filters", "_form", "_gate", "_heads", "_inner", "_input_shape", "_input_spec", "_kernel", "_layer", "_mask",
    "_masks", "_matrix", "_mean", "_moving_mean", "_name", "_path", "_pool", "_rank", "_rate", "_scale", "_seed",
    "_size", "_state", "_states", "_units", "_weights",
)  # fmt: skip
# What a call of attention reads or asks by Keras's names.
REPLACED = frozenset({
    "_query_dense", "_key_dense", "_value_dense", "_output_dense", "_compute_attention",
    "_compute_attention_mask", "_compute_causal_mask", "_masked_softmax", "_build_attention",
})  # fmt: skip

VECTORS = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
STEPS = np.random.default_rng(1).normal(size=(4, 5, 3)).astype("float32")
IMAGES = np.random.default_rng(2).normal(size=(4, 6, 6, 3)).astype("float32")
TOKENS = np.array([[1, 2, 3]] * 4, "int32")
LAST = {"data_format": "channels_last"}

# A layer of a class that derives from ours, and inputs of it.
CASES: dict[str, tuple[type, Callable[[type], Any], Any]] = {
    "Dense": (layers.Dense, lambda kind: kind(2, "relu"), VECTORS),
    "EinsumDense": (layers.EinsumDense, lambda kind: kind("abc,cd->abd", (None, 2), bias_axes="d"), STEPS),
    "Embedding": (layers.Embedding, lambda kind: kind(5, 2), TOKENS),
    "Conv2D": (layers.Conv2D, lambda kind: kind(2, 3, padding="same", **LAST), IMAGES),
    "Conv2DTranspose": (layers.Conv2DTranspose, lambda kind: kind(2, 3, **LAST), IMAGES),
    "SeparableConv2D": (layers.SeparableConv2D, lambda kind: kind(2, 3, **LAST), IMAGES),
    "MaxPooling2D": (layers.MaxPooling2D, lambda kind: kind(2, **LAST), IMAGES),
    "GlobalAveragePooling1D": (layers.GlobalAveragePooling1D, lambda kind: kind(**LAST), STEPS),
    "Cropping2D": (layers.Cropping2D, lambda kind: kind(1, **LAST), IMAGES),
    "ZeroPadding2D": (layers.ZeroPadding2D, lambda kind: kind(1, **LAST), IMAGES),
    "UpSampling2D": (layers.UpSampling2D, lambda kind: kind(2, **LAST), IMAGES),
    "Reshape": (layers.Reshape, lambda kind: kind((3, 5)), STEPS),
    "Dropout": (layers.Dropout, lambda kind: kind(0.5), VECTORS),
    "Softmax": (layers.Softmax, lambda kind: kind(), STEPS),
    "PReLU": (layers.PReLU, lambda kind: kind(), VECTORS),
    "BatchNormalization": (layers.BatchNormalization, lambda kind: kind(), VECTORS),
    "LayerNormalization": (layers.LayerNormalization, lambda kind: kind(), STEPS),
    "GroupNormalization": (layers.GroupNormalization, lambda kind: kind(3), STEPS),
    "SimpleRNN": (layers.SimpleRNN, lambda kind: kind(2), STEPS),
    "LSTM": (layers.LSTM, lambda kind: kind(2, dropout=0.2, recurrent_dropout=0.2), STEPS),
    "GRU": (layers.GRU, lambda kind: kind(2, return_sequences=True), STEPS),
    "LSTMCell": (layers.LSTMCell, lambda kind: layers.RNN(kind(2, dropout=0.2)), STEPS),
    "ConvLSTM1D": (layers.ConvLSTM1D, lambda kind: kind(2, 2, **LAST), IMAGES),
    "Bidirectional": (layers.Bidirectional, lambda kind: kind(layers.LSTM(2)), STEPS),
    "TimeDistributed": (layers.TimeDistributed, lambda kind: kind(layers.Dense(2)), STEPS),
    "MultiHeadAttention": (layers.MultiHeadAttention, lambda kind: kind(2, 2, dropout=0.1), (STEPS, STEPS)),
    "GroupQueryAttention": (layers.GroupQueryAttention, lambda kind: kind(2, 2, 1), (STEPS, STEPS)),
    "Attention": (layers.Attention, lambda kind: kind(use_scale=True), [STEPS, STEPS]),
    "Add": (layers.Add, lambda kind: kind(), [STEPS, STEPS]),
    "Dot": (layers.Dot, lambda kind: kind(2), [STEPS, STEPS]),
    "Lambda": (layers.Lambda, lambda kind: kind(ops.tanh), VECTORS),
    "SpectralNormalization": (layers.SpectralNormalization, lambda kind: kind(layers.Dense(2)), VECTORS),
}


def use(case: str, kind: type, folder: Path) -> Any:
    """Train a model with a layer of a class, and read its weights again; returns the layer."""
    _, make, inputs = CASES[case]
    layer = make(kind)
    arrays = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    tensors = [keras.Input(x.shape[1:], dtype=x.dtype.name) for x in arrays]
    x = layer(*tensors) if isinstance(inputs, tuple) else layer(tensors if isinstance(inputs, list) else tensors[0])
    model = keras.Model(tensors, layers.Dense(1)(layers.Flatten()(x)))
    model.compile("sgd", "mse")
    model.fit(arrays if len(arrays) > 1 else arrays[0], np.ones((4, 1), "float32"), verbose=0)
    before = model.predict(arrays, verbose=0)
    model.save_weights(folder / "a.weights.h5")
    model.set_weights([0 * w for w in model.get_weights()])
    model.load_weights(folder / "a.weights.h5")
    np.testing.assert_allclose(model.predict(arrays, verbose=0), before, rtol=1e-5, atol=1e-6)
    assert layer.get_config()["name"] == layer.name and repr(layer)
    return layer.cell if case == "LSTMCell" else layer


def names_of(layer: Any) -> list[str]:
    framework = layer._kf_bookkeeping | layer._kf_reserved
    names = {n for n in (*dir(type(layer)), *vars(layer)) if re.match(r"_(?!_|kf|abc_)", n)}
    for base in type(layer).__mro__:
        if base.__module__.split(".")[0] not in ("kerasfront", __name__.split(".")[0]):
            names -= set(vars(base))
    return sorted({*names, *WORDS} - framework - REPLACED)


def setting(base: type, names: list[str], first: bool) -> type:
    class Mine(base):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            if first:
                self.take_names()
            super().__init__(*args, **kwargs)
            if not first:
                self.take_names()

        def take_names(self) -> None:
            for name in names:
                setattr(self, name, 3)

    return Mine


def defining(base: type, names: list[str]) -> type:
    def of_name(name: str) -> Callable[..., Any]:
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            raise AssertionError(f"the user's method `{name}` was called")

        return method

    return type("Mine", (base,), {name: of_name(name) for name in names})


@pytest.mark.trains
@pytest.mark.parametrize("case", CASES)
def test_any_private_name_is_the_user_s(case: str, tmp_path: Path) -> None:
    base = CASES[case][0]
    names = names_of(use(case, base, tmp_path))
    assert len(names) > len(WORDS)
    for first in (True, False):
        layer = use(case, setting(base, names, first), tmp_path)
        assert {name: getattr(layer, name) for name in names} == dict.fromkeys(names, 3)
    use(case, defining(base, names), tmp_path)

"""The frameworks' own compilers take a functional model whole: no break in the graph, the same values."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops

RNG = np.random.default_rng(0)


def _torch(function: Callable[..., Any]) -> Callable[..., Any]:
    return importlib.import_module("torch").compile(function, fullgraph=True, backend="eager")


def _jax(function: Callable[..., Any]) -> Callable[..., Any]:
    return importlib.import_module("jax").jit(function)


def _tensorflow(function: Callable[..., Any]) -> Callable[..., Any]:
    return importlib.import_module("tensorflow").function(function, autograph=False)


WHOLE: dict[str, Callable[..., Any]] = {
    "torch": _torch,
    "jax": _jax,
    "tensorflow": _tensorflow,
    "numpy": lambda function: function,
}
whole = WHOLE[keras.config.backend()]


def convolutional() -> Any:
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.ZeroPadding2D(1),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.DepthwiseConv2D(3),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.3),
            layers.Dense(5, activation="softmax"),
        ]
    )


def residual() -> Any:
    inputs = keras.Input((6, 8))
    x = layers.LayerNormalization()(inputs)
    x = layers.Add()([inputs, layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)])
    y = layers.Dense(8, activation="gelu")(layers.RMSNormalization()(x))
    x = layers.Concatenate()([x, y])
    return keras.Model(inputs, layers.Flatten()(layers.Reshape((3, -1))(x)))


def recurrent() -> Any:
    inputs = keras.Input((6, 4))
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(inputs)
    return keras.Model(inputs, layers.GRU(5)(x))


MODELS = {"convolutional": convolutional, "residual": residual, "recurrent": recurrent}


@pytest.mark.parametrize("name", MODELS)
def test_a_functional_model_compiles_whole(name: str) -> None:
    keras.utils.set_random_seed(1)
    model = MODELS[name]()
    x = RNG.standard_normal((2, *model.inputs[0].shape[1:])).astype("float32")
    expected = ops.convert_to_numpy(model(x, training=False))
    found = whole(lambda x: model(x, training=False))(ops.convert_to_tensor(x))
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=1e-5, atol=1e-5)


def test_dropout_draws_the_same_in_a_graph() -> None:
    """The draws of a layer are those of its seed, compiled or not."""
    x = ops.ones((4, 50))

    def drawn(run: Callable[..., Any]) -> Any:
        layer = layers.Dropout(0.5, seed=3)
        layer(x)
        # JAX's jit would lose what the draw makes of the seed's state; stateless, it is a result.
        if run is _jax:
            step = run(lambda values, x: layer.stateless_call([], values, x, training=True)[0])
            return step([v.value for v in layer.non_trainable_variables], x)
        return run(lambda x: layer(x, training=True))(x)

    eager, compiled = drawn(lambda function: function), drawn(whole)
    np.testing.assert_array_equal(ops.convert_to_numpy(compiled), ops.convert_to_numpy(eager))

"""Rematerialised layers and functions compute, and train, as others do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops


@pytest.mark.trains
def test_gradients_through_remat() -> None:
    x = np.array([0.3, -0.7], "float32")
    f = keras.remat(lambda t: ops.tanh(t) ** 2)
    np.testing.assert_allclose(
        ops.convert_to_numpy(ops.grad(lambda t: ops.sum(f(t)))(x)), 2 * np.tanh(x) * (1 - np.tanh(x) ** 2), rtol=1e-5
    )


def trained(scope: Any) -> list[np.ndarray[Any, Any]]:
    keras.utils.set_random_seed(0)
    with scope:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(8, activation="tanh"), layers.BatchNormalization()])
    model.add(layers.Dense(1))
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    model.fit(rng.standard_normal((16, 4)).astype("float32"), np.ones((16, 1), "float32"), epochs=2, verbose=0)
    return model.get_weights()


@pytest.mark.trains
@pytest.mark.parametrize("mode", ["full", "larger_than", "list_of_layers"])
def test_a_scope_changes_no_result(mode: str) -> None:
    plain = trained(keras.RematScope(mode=None))
    inside = trained(keras.RematScope(mode=mode, output_size_threshold=4, layer_names=["dense"]))
    for a, b in zip(plain, inside, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_unknown_mode() -> None:
    with pytest.raises(ValueError, match="full"):
        keras.RematScope(mode="everything")

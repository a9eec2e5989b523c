"""Layers and models on sparse and ragged tensors, where the backend has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import contract, layers, ops
from kerasfront.errors import CapabilityError

ADAPTER = contract.current()
X = np.array([[0.0, 2.0, 0.0], [0.0, 0.0, -3.0], [0.5, 0.0, 0.0]], "float32")
ROWS = [np.arange(12, dtype="float32").reshape(3, 4), np.ones((1, 4), "float32")]
has_sparse = "sparse" in ADAPTER.capabilities
has_ragged = "ragged" in ADAPTER.capabilities


def array(x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(ops.convert_to_numpy(x))


def sparse(x: np.ndarray[Any, Any]) -> Any:
    return ADAPTER.to_sparse(ADAPTER.to_tensor(x, None))


@pytest.mark.trains
def test_a_model_of_sparse_inputs() -> None:
    inputs = keras.Input((3,), sparse=True)
    if not has_sparse:
        with pytest.raises(CapabilityError, match="has no sparse"):
            layers.Dense(2)(inputs)
        return
    hidden = layers.Concatenate()([layers.Activation("relu")(inputs), layers.Rescaling(2.0)(inputs)])
    assert inputs.sparse and hidden.sparse
    model = keras.Model(inputs, layers.Dense(2)(hidden))
    np.testing.assert_allclose(array(model(sparse(X))), array(model(X)), rtol=1e-5)
    assert model.predict_on_batch(sparse(X)).shape == (3, 2)
    before = array(model.layers[-1].kernel).copy()
    model.compile("sgd", "mse")
    losses = [model.train_on_batch(sparse(X), np.ones((3, 2), "float32")) for _ in range(20)]
    assert losses[-1] < losses[0] and np.abs(array(model.layers[-1].kernel) - before).max() > 0


def test_sparse_indices_of_an_embedding() -> None:
    layer = layers.Embedding(5, 2)
    index = np.array([[0, 1, 0], [2, 0, 4]], "int32")
    if has_sparse:
        np.testing.assert_array_equal(array(layer(sparse(index))), array(layer(index)))


@pytest.mark.trains
def test_a_model_of_ragged_inputs() -> None:
    inputs = keras.Input((None, 4), ragged=True)
    if not has_ragged:
        with pytest.raises(CapabilityError, match="has no ragged"):
            layers.Dense(2)(inputs)
        return
    hidden = layers.Dense(3, activation="relu")(inputs)
    assert hidden.ragged and hidden.shape == (None, None, 3)
    model = keras.Model(inputs, layers.Dense(1)(ops.mean(hidden, axis=1)))
    want = np.concatenate([array(model(ADAPTER.to_ragged([row]))) for row in ROWS])
    np.testing.assert_allclose(array(model(ADAPTER.to_ragged(ROWS))), want, rtol=1e-5)
    model.compile("adam", "mse")
    losses = [model.train_on_batch(ADAPTER.to_ragged(ROWS), np.ones((2, 1), "float32")) for _ in range(20)]
    assert losses[-1] < losses[0]


def test_ragged_indices_of_an_embedding() -> None:
    layer = layers.Embedding(5, 2)
    if has_ragged:
        got = layer(ADAPTER.to_ragged([np.array([1, 2], "int32"), np.array([4], "int32")]))
        assert array(got).shape == (2, 2, 2)
        np.testing.assert_array_equal(array(got)[1, 0], array(layer.embeddings)[4])

"""Functions of the framework itself in a graph: by themselves where it asks its arguments, by ops.native everywhere."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import config, contract, layers, ops
from kerasfront.errors import CapabilityError, SavingError

# For each framework: a relu, a sum over axes 1 and 2, a joining, a splitting in two, a matrix product.
NAMES = {
    "torch": ("torch", "relu", "sum", "cat", "split", "matmul"),
    "jax": ("jax.numpy", "abs", "sum", "concatenate", "split", "matmul"),
    "tensorflow": ("tensorflow", "abs", "reduce_sum", "concat", "split", "matmul"),
}
ASKS = config.backend() in ("torch", "tensorflow")
pytestmark = pytest.mark.trains


def functions(wrapped: bool = True) -> list[Any]:
    module, *names = NAMES[config.backend()]
    found = importlib.import_module(module)
    return [getattr(ops.native(found) if wrapped else found, n) for n in names]


def array(x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(ops.convert_to_numpy(x))


@pytest.mark.parametrize("wrapped", [True, False] if ASKS else [True])
def test_shapes_and_dtypes(wrapped: bool) -> None:
    unary, total, join, split, matmul = functions(wrapped)
    x, images = keras.Input((4,)), keras.Input((None, None, 3), dtype="float16")
    assert unary(x).shape == (None, 4)
    assert unary(images).shape == (None, None, None, 3) and unary(images).dtype == "float16"
    assert total(images, (1, 2)).shape == (None, 3)
    assert join([x, x], 1).shape == (None, 8)
    assert [part.shape for part in split(x, 2, 1)] == [(None, 2), (None, 2)]
    assert matmul(x, ops.ones((4, 5))).shape == (None, 5)
    assert join([x, x], 0).shape == (None, 4)


@pytest.mark.parametrize("wrapped", [True, False] if ASKS else [True])
def test_a_model_of_them_runs_and_trains(wrapped: bool) -> None:
    unary, _, join, split, _ = functions(wrapped)
    inputs = keras.Input((4,))
    left, right = split(layers.Dense(6)(inputs), 3 if config.backend() == "torch" else 2, 1)
    model = keras.Model(inputs, layers.Dense(2)(join([unary(left), right], 1)))
    x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    hidden = x @ array(model.layers[1].kernel)
    part = np.maximum(hidden[:, :3], 0) if config.backend() == "torch" else np.abs(hidden[:, :3])
    want = np.concatenate([part, hidden[:, 3:]], 1) @ array(model.layers[-1].kernel)
    np.testing.assert_allclose(array(model(x)), want, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.predict(x, verbose=0), want, rtol=1e-4, atol=1e-5)
    before = array(model.layers[1].kernel).copy()
    model.compile("sgd", "mse")
    model.fit(x, np.ones((8, 2), "float32"), verbose=0)
    assert np.abs(array(model.layers[1].kernel) - before).max() > 0


def test_such_a_model_in_another_one_and_its_clone() -> None:
    unary = functions()[0]
    inputs = keras.Input((4,))
    inner = keras.Model(inputs, unary(inputs) + 1.0)
    again = keras.Input((4,))
    x = -np.ones((2, 4), "float32")
    for model in (keras.Model(again, inner(again)), keras.models.clone_model(inner)):
        np.testing.assert_array_equal(array(model(x)), array(inner(x)))


def test_a_file_does_not_hold_them(tmp_path: Any) -> None:
    inputs = keras.Input((4,))
    model = keras.Model(inputs, functions()[0](inputs))
    with pytest.raises(SavingError, match="function of the framework"):
        model.save(tmp_path / "model.keras")


def test_variables_among_the_arguments() -> None:
    matmul = functions()[-1]
    w = keras.Variable(np.ones((4, 2), "float32"))
    inputs = keras.Input((4,))
    model = keras.Model(inputs, matmul(inputs, w))
    x = np.ones((3, 4), "float32")
    assert array(model(x)).tolist() == [[4.0, 4.0]] * 3
    w.assign(2 * w)
    assert array(model(x)).tolist() == [[8.0, 8.0]] * 3
    np.testing.assert_array_equal(array(matmul(ops.convert_to_tensor(x), w)), [[8.0, 8.0]] * 3)


def test_in_the_call_of_a_layer_beside_ops() -> None:
    unary, *_, matmul = functions()

    class Mixed(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.w = self.add_weight(shape=(input_shape[-1], 3), initializer="ones")

        def call(self, x: Any) -> Any:
            return ops.concatenate([unary(matmul(x, self.w)), ops.mean(x, axis=-1, keepdims=True)], axis=-1)

    assert Mixed()(keras.Input((4,))).shape == (None, 4)
    assert Mixed()(keras.Input((None, 4))).shape == (None, None, 4)
    assert array(Mixed()(np.ones((2, 4), "float32"))).tolist() == [[4.0, 4.0, 4.0, 1.0]] * 2


def test_an_operator_with_a_tensor_on_its_left_is_ours() -> None:
    x = keras.Input((3,))
    for y in (ops.ones((3,)) + x, ops.ones((3,)) * x):
        assert y.shape == (None, 3) and type(y.node.operation).__name__ == "Applied"
    assert (ops.ones((3,)) - x).shape == (None, 3)


def test_wrong_shapes_are_the_frameworks_own_error() -> None:
    with pytest.raises(Exception, match=r"(?i)shape|dim|size"):
        functions()[-1](keras.Input((4,)), ops.ones((5, 2)))


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(TypeError, match="function of the framework"):
        ops.native(3)


def test_a_backend_without_abstract_evaluation_says_so() -> None:

    with contract.rebound(contract.load("numpy")), pytest.raises(CapabilityError, match="symbolically"):
        ops.native(np.tanh)(keras.Input((3,)))


def test_lists_keep_the_digits_of_the_dtype() -> None:
    if ops.dtype(ops.ones((), "float64")) != "float64":
        pytest.skip("JAX has float64 with jax_enable_x64 only")
    found = [ops.convert_to_tensor(x, "float64") for x in ([0.1, 0.2], (0.1, 0.2), np.array([0.1, 0.2]))]
    for x in found:
        np.testing.assert_array_equal(ops.convert_to_numpy(x), [0.1, 0.2])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="AutoGraph is TensorFlow's")
def test_autograph_rewrites_the_users_function_and_leaves_ours() -> None:
    import logging

    import tensorflow as tf

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="relu"), keras.layers.Dropout(0.5)])
    loss, messages = keras.losses.MeanSquaredError(), []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    def step(x: Any) -> Any:
        y = model(x, training=False)
        if tf.reduce_sum(x) > 0:  # only AutoGraph makes a branch of this
            y = ops.add(y, 1.0)
        return loss(ops.zeros_like(y), y)

    tf.get_logger().addHandler(handler := Kept(level=logging.WARNING))
    try:
        found = [float(tf.function(step)(tf.fill((2, 3), sign))) for sign in (1.0, -1.0)]
    finally:
        tf.get_logger().removeHandler(handler)
    by_hand = [np.mean((ops.convert_to_numpy(model(np.full((2, 3), s, "float32"))) + (s > 0)) ** 2) for s in (1, -1)]
    np.testing.assert_allclose(found, by_hand, rtol=1e-5)
    assert messages == []

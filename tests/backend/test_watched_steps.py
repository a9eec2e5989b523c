"""A compiled step heeds what is changed after it was compiled, and isn't compiled again for what it doesn't read."""

from __future__ import annotations

import contextlib
import types
from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops, optimizers
from kerasfront.training.preparation import runs_as_it_is

pytestmark = pytest.mark.trains

X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
Y = X[:, :1]


class Options:
    def __init__(self) -> None:
        self.shift = 0.0


class Scaled(layers.Layer):
    """Reads what a user may hold: a number, a list, an array, an object of another class, a function."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = 1.0
        self.terms = [0.0, 0.0]
        self.table = np.zeros(3, "float32")
        self.options = Options()
        self.function = lambda x: x
        self.calls = 0
        self.unread = 0

    def call(self, x: Any) -> Any:
        self.calls += 1
        return self.function(x * self.factor + sum(self.terms) + float(self.table.sum()) + self.options.shift)


class Biased(keras.losses.Loss):
    def __init__(self) -> None:
        super().__init__()
        self.extra = 0.0

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.mean(y_pred - y_true, axis=-1) + self.extra


def test_attributes_that_a_step_read() -> None:
    model = keras.Sequential([keras.Input((1,)), Scaled()])
    scaled, loss = model.layers[0], Biased()
    model.compile("sgd", loss)
    x, zero = np.full((4, 1), 2.0, "float32"), np.zeros((4, 1), "float32")
    assert model.evaluate(x, zero, verbose=0) == pytest.approx(2.0)
    scaled.factor = 3.0
    assert model.evaluate(x, zero, verbose=0) == pytest.approx(6.0)
    assert model.predict(x, verbose=0)[0, 0] == pytest.approx(6.0)
    scaled.terms[1] = 1.0
    scaled.table[2] = 10.0
    assert model.evaluate(x, zero, verbose=0) == pytest.approx(17.0)
    scaled.options.shift = 100.0
    model.reset_metrics()
    assert model.test_on_batch(x, zero) == pytest.approx(117.0)
    scaled.function = lambda x: -x
    loss.extra = 0.5
    assert model.evaluate(x, zero, verbose=0) == pytest.approx(-116.5)
    forms = len(model.test_function.forms)
    for i in range(3):
        scaled.unread, model.stage = i, i
        keras.layers.Dense(1)
        assert model.evaluate(x, zero, verbose=0) == pytest.approx(-116.5)
    assert len(model.test_function.forms) == forms
    scaled.function, loss.extra = (lambda x: x), 0.0


def test_what_is_trained_and_how() -> None:
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, kernel_initializer="ones"), layers.Dense(1, kernel_initializer="ones")]
    )
    first, last = model.layers
    model.compile(optimizers.SGD(0.01, momentum=0.5), "mse")

    def step() -> list[float]:
        before = [layer.kernel.numpy() for layer in (first, last)]
        model.train_on_batch(X, Y)
        return [float(np.abs(a - layer.kernel.numpy()).max()) for a, layer in zip(before, (first, last), strict=True)]

    assert min(step()) > 1e-5
    momentum = model.optimizer.variables[2]
    for _ in range(3):
        first.trainable = False
        kept = momentum.numpy()
        moved = step()
        assert moved[0] == 0.0 and moved[1] > 1e-6
        np.testing.assert_array_equal(momentum.numpy(), kept)
        first.trainable = True
        assert min(step()) > 1e-6
    assert len(model.train_function.forms) <= 2
    last.kernel.trainable = False
    assert step()[1] == 0.0
    last.kernel.trainable = True
    first.kernel.constraint = keras.constraints.NonNeg()
    first.kernel.assign(-np.ones((4, 3), "float32"))
    step()
    assert first.kernel.numpy().min() >= 0.0
    first.kernel.constraint = None
    model.optimizer.momentum = 0.0
    model.optimizer.clipnorm = 1e-6
    assert 0 < max(step()) <= 1e-7
    model.optimizer.clipnorm = None
    model.optimizer.learning_rate = 0.0
    last.kernel.assign(np.ones((3, 1), "float32"))
    losses = []
    for strength in (0.0, 1.0, 5.0):
        if strength == 1.0:
            last.kernel_regularizer = keras.regularizers.L2(strength)
        elif strength:
            last.kernel_regularizer.l2 = strength
        model.reset_metrics()
        losses.append(model.train_on_batch(X, Y))
    norm = float(np.sum(last.kernel.numpy() ** 2))
    np.testing.assert_allclose(np.diff(losses), [norm, 4 * norm], rtol=1e-3)
    last.kernel_regularizer = None
    model.optimizer = optimizers.SGD(0.0)
    assert max(step()) == 0.0 and int(model.optimizer.iterations) == 1
    model.optimizer.learning_rate = optimizers.schedules.PiecewiseConstantDecay([1], [0.0, 0.01])
    step()
    assert max(step()) > 0.0


def test_layers_that_behave_otherwise() -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4, kernel_initializer="identity"), layers.Dropout(0.0)])
    model.compile(optimizers.SGD(0.0), "mse")
    assert model.train_on_batch(X, X) == pytest.approx(0.0, abs=1e-6)
    model.layers[1].rate = 0.5
    model.reset_metrics()
    assert model.train_on_batch(X, X) > 0.1
    model.layers[1].rate = 0.0
    model.layers[0].activation = ops.relu
    model.reset_metrics()
    assert model.train_on_batch(X, X) == pytest.approx(np.mean((np.maximum(X, 0) - X) ** 2), rel=1e-4)
    model.pop()
    model.layers[0].activation = None
    model.add(layers.Rescaling(2.0))
    model.reset_metrics()
    assert model.train_on_batch(X, X) == pytest.approx(np.mean(X**2), rel=1e-4)


def test_methods_replaced_on_one_model() -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1, kernel_initializer="zeros")])
    model.compile(optimizers.SGD(0.0), "mse")
    plain = model.evaluate(X, Y, verbose=0)
    model.compute_loss = lambda x, y, y_pred, sample_weight: ops.mean(ops.abs(y - y_pred))
    assert model.fit(X, Y, verbose=0).history["loss"][0] == pytest.approx(np.mean(np.abs(Y)), rel=1e-5)
    model.train_step = lambda data: {"mine": ops.ones(()) * 7.0}
    assert model.fit(X, Y, verbose=0).history == {"mine": [7.0]}
    del model.compute_loss
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(plain)


def test_a_method_of_the_class_is_replaced() -> None:
    class Doubled(layers.Layer):
        def call(self, x: Any) -> Any:
            return x * 2.0

    model = keras.Sequential([keras.Input((4,)), Doubled()])
    np.testing.assert_allclose(model.predict(X, verbose=0), 2 * X, rtol=1e-6)
    Doubled.call = lambda self, x: x * 5.0
    np.testing.assert_allclose(model.predict(X, verbose=0), 5 * X, rtol=1e-6)
    model.layers[0].call = types.MethodType(lambda self, x: x * 7.0, model.layers[0])
    np.testing.assert_allclose(model.predict(X, verbose=0), 7 * X, rtol=1e-6)


def test_a_number_that_changes_at_each_step() -> None:
    model = keras.Sequential([keras.Input((1,)), Scaled()])
    model.compile("sgd", Biased())
    one, zero = np.ones((4, 1), "float32"), np.zeros((4, 1), "float32")
    with pytest.warns(UserWarning, match="'factor' of 'scaled") if compiles(model) else nothing():
        for i in range(20):
            model.layers[0].factor = float(i)
            assert model.test_on_batch(one, zero) == pytest.approx(float(i))
    assert model._kf.cache.functions["test_on_batch"].form.compiled is False


def compiles(model: Any) -> bool:
    return not runs_as_it_is(model)


def nothing() -> Any:
    return contextlib.nullcontext()


def test_thawing_what_the_optimizer_does_not_know_says_what_to_do() -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(1)])
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    model.layers[0].trainable = True
    with pytest.raises(ValueError, match="compile\\(\\) the model again"):
        model.fit(X, Y, verbose=0)
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    model.trainable = False
    with pytest.warns(UserWarning, match="no variables to train"):
        model.fit(X, Y, verbose=0)

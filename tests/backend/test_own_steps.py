"""Models with steps, losses and metrics of their own: training asks of them only what it uses."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import contract, layers, ops, optimizers
from kerasfront.training.compilation import all_variables
from kerasfront.training.preparation import prepare

pytestmark = pytest.mark.trains

X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
Y = X[:, :1]


class Gan(keras.Model):
    """A frame for its own step, as the guides have it."""

    def __init__(self, has_inputs: bool = True) -> None:
        super().__init__()
        begin = [keras.Input((2,))] if has_inputs else []
        self.generator = keras.Sequential([*begin, layers.Dense(4)])
        begin = [keras.Input((4,))] if has_inputs else []
        self.judge = keras.Sequential([*begin, layers.Dense(1)])
        self.seeds = keras.random.SeedGenerator(0)

    def compile(self, generator: Any, judge: Any, loss_fn: Any) -> None:
        super().compile()
        self.of_generator, self.of_judge, self.loss_fn = generator, judge, loss_fn
        self.seen = keras.metrics.Mean(name="judge_loss")

    @property
    def metrics(self) -> list[Any]:
        return [self.seen]

    def train_step(self, data: Any) -> Any:
        real = data[0] if isinstance(data, tuple) else data
        rows = ops.shape(real)[0]
        fake = self.generator(keras.random.normal((rows, 2), seed=self.seeds))
        both = ops.concatenate([fake, real], 0)
        truth = ops.concatenate([ops.ones((rows, 1)), ops.zeros((rows, 1))], 0)
        self.judge(both)
        weights = self.judge.trainable_weights
        loss, gradients = ops.value_and_grad(lambda: self.loss_fn(truth, self.judge(both)), weights)()
        self.of_judge.apply(gradients, weights)
        self.seen.update_state(loss)
        return {"judge_loss": self.seen.result()}


class NoisyGan(Gan):
    def call(self, noise: Any) -> Any:
        return self.judge(self.generator(noise))


@pytest.mark.parametrize("made", [Gan, NoisyGan, lambda: Gan(has_inputs=False)], ids=["no call", "noise", "unbuilt"])
def test_a_model_that_is_a_frame_for_its_own_step(made: Any) -> None:
    model = made()
    adam = optimizers.Adam(0.01)
    model.compile(optimizers.Adam(0.01), adam, keras.losses.BinaryCrossentropy(from_logits=True))
    history = model.fit(X, epochs=2, batch_size=4, verbose=0).history
    assert len(history["judge_loss"]) == 2 and int(adam.iterations) == 4
    assert model.built and len(model.weights) == 4


class Keyed(keras.Model):
    """Its call takes the columns of a dict, its step knows them."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, *, features: Any, offset: Any = 0.0) -> Any:
        return self.dense(features) + offset

    def train_step(self, data: Any) -> Any:
        data = data[0] if isinstance(data, tuple) else data
        self(**data)
        weights = self.trainable_weights
        _, gradients = ops.value_and_grad(lambda: ops.mean(self(**data) ** 2), weights)()
        self.optimizer.apply(gradients, weights)
        return {"done": ops.ones(())}


def test_a_call_that_takes_something_else_than_x() -> None:
    model = Keyed()
    model.compile("sgd")
    assert model.fit({"features": X, "offset": Y}, verbose=0).history["done"] == [1.0]
    assert int(model.optimizer.iterations) == 1


class ByValue(keras.Model):
    """Its call asks for the values of its input, which symbols don't have."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(1)
        self.calls = 0

    def call(self, x: Any) -> Any:
        self.calls += 1
        return self.dense(x) if float(ops.convert_to_numpy(ops.stop_gradient(ops.sum(x)))) > -1e9 else -self.dense(x)


@pytest.mark.parametrize("built", [False, True])
def test_run_eagerly_calls_nothing_on_symbols(built: bool) -> None:
    model = ByValue()
    if built:
        model(X)
    model.compile("sgd", "mse", metrics=["mae"], run_eagerly=True)
    if contract.current().name != "jax":  # there a gradient is a trace, in which nothing has a value
        assert np.isfinite(model.fit(X, Y, verbose=0).history["mae"][0])
    assert np.isfinite(model.evaluate(X, Y, verbose=0)[0])
    assert model.predict(X, verbose=0).shape == (8, 1)


class Told(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(1)
        self.calls = []

    def call(self, x: Any) -> Any:
        self.calls.append(tuple(x.shape))
        return self.dense(x)


def test_fit_calls_a_built_model_at_most_once_before_the_steps() -> None:
    model = Told()
    model(X)
    model.calls.clear()
    model.compile("sgd", "mse", metrics=["mae"])
    prepare(model, (X, Y), "train_step")
    assert len(model.calls) <= 1
    graph = keras.Sequential([keras.Input((4,)), Told()])
    graph.compile("sgd", "mse", metrics=["mae"])
    graph.layers[0].calls.clear()
    prepare(graph, (X, Y), "train_step")
    assert not graph.layers[0].calls


class OwnLoss(keras.Model):
    """The example of Keras's docs: a loss and metrics of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.loss_tracker = keras.metrics.Mean(name="loss")

    def compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool = True) -> Any:
        loss = ops.mean((y_pred - y) ** 2) * 3.0
        self.loss_tracker.update_state(loss)
        return loss

    def reset_metrics(self) -> None:
        self.loss_tracker.reset_state()

    @property
    def metrics(self) -> list[Any]:
        return [self.loss_tracker]


def test_a_loss_and_metrics_of_its_own() -> None:
    x = keras.Input((4,))
    model = OwnLoss(x, layers.Dense(1, kernel_initializer="zeros")(x))
    model.compile(optimizers.SGD(0.0))
    assert model.fit(X, Y, epochs=2, verbose=0).history["loss"][1] == pytest.approx(3 * np.mean(Y**2), rel=1e-5)


def compiled_in_compiled() -> Any:
    keras.utils.set_random_seed(0)
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(1, "sigmoid")], name="inner")
    inner.compile(optimizers.Adam(0.01), "mse", metrics=["mae"])
    x = keras.Input((4,))
    outer = keras.Model(x, inner(x))
    outer.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["mse"])
    return inner, outer


def test_a_compiled_model_inside_a_compiled_model(tmp_path: Any) -> None:
    truth = (Y > 0).astype("float32")
    inner, outer = compiled_in_compiled()
    loss, mse = outer.evaluate(X, truth, verbose=0)
    p = np.clip(inner.predict(X, verbose=0), 1e-7, 1 - 1e-7)
    assert loss == pytest.approx(-np.mean(truth * np.log(p) + (1 - truth) * np.log(1 - p)), rel=1e-4)
    assert mse == pytest.approx(np.mean((truth - p) ** 2), rel=1e-4)
    history = outer.fit(X, truth, verbose=0, validation_data=(X, truth)).history
    assert set(history) == {"loss", "mse", "val_loss", "val_mse"} and history["loss"][0] == pytest.approx(loss)
    inner.fit(X, truth, verbose=0)
    assert int(inner.optimizer.iterations) == int(outer.optimizer.iterations) == 1
    assert not {id(v) for v in inner.optimizer.variables} & {id(v) for v in all_variables(outer)}
    outer.save(tmp_path / "outer.keras")
    again = keras.saving.load_model(tmp_path / "outer.keras")
    np.testing.assert_allclose(again.predict(X, verbose=0), outer.predict(X, verbose=0), rtol=1e-5)
    for model, other in ((again, outer), (again.get_layer("inner"), inner)):
        for v, w in zip(model.optimizer.variables, other.optimizer.variables, strict=True):
            np.testing.assert_allclose(v.numpy(), w.numpy(), rtol=1e-6)


def test_the_stateless_loss_is_scaled_by_the_optimizer_s_given_values() -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    for optimizer, factor in ((optimizers.SGD(0.1, loss_scale_factor=8.0), 8.0), (dynamic(), 16.0)):
        model.compile(optimizer, "mse")
        prepare(model, (X, Y), "train_step")
        groups = (model.trainable_variables, model.non_trainable_variables, model.metrics_variables)
        values = [[v.value for v in group] for group in groups]
        given = [v.value * 2 if "scale" in v.path else v.value for v in optimizer.variables]
        scaled, (loss, *_) = model.compute_loss_and_updates(*values, X, Y, None, True, optimizer_variables=given)
        np.testing.assert_allclose(*(ops.convert_to_numpy(v) for v in (scaled, loss * factor)), rtol=1e-5)


def dynamic() -> Any:
    return optimizers.LossScaleOptimizer(optimizers.SGD(0.1), initial_scale=8.0)


def test_what_compile_was_told_may_be_beyond_saving(tmp_path: Any) -> None:
    """Training goes on, and the file says what to do."""
    for loss in (lambda a, b: ops.mean((a - b) ** 2, -1), functools.partial(keras.losses.mean_squared_error)):
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        model.compile("adam", loss)
        checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "m.keras")
        with pytest.warns(UserWarning, match="its loss .* can't be saved") as told:
            model.fit(X, Y, epochs=2, verbose=0, callbacks=[checkpoint])
        assert len(told) == 1
        with pytest.warns(UserWarning, match="compile\\(\\) it again"):
            again = keras.saving.load_model(tmp_path / "m.keras")
        assert not again.compiled
        np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
        again.compile("adam", loss)
        again.load_weights(tmp_path / "m.keras")
        assert int(again.optimizer.iterations) == 2

"""Training through the public API: inputs of every kind, own train steps, native loops, interruption."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops

pytestmark = pytest.mark.trains
BACKEND = keras.config.backend()


def regression(n: int = 64) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 4)).astype("float32")
    return x, (x @ np.array([[1.0], [-2.0], [0.5], [3.0]], "float32") + 0.5).astype("float32")


def linear() -> Any:
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((4,)), layers.Dense(1)])


def compiled(**kwargs: Any) -> Any:
    model = linear()
    model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"], **kwargs)
    return model


def test_fit_learns_and_evaluate_agrees_with_numpy() -> None:
    x, y = regression()
    model = compiled()
    history = model.fit(x, y, epochs=30, batch_size=16, verbose=0)
    assert history.history["loss"][-1] < 1e-3 < history.history["loss"][0]
    loss, mae = model.evaluate(x, y, verbose=0)
    error = model.predict(x, verbose=0) - y
    np.testing.assert_allclose([loss, mae], [(error**2).mean(), np.abs(error).mean()], rtol=1e-4, atol=1e-7)


def test_one_step_of_sgd_is_the_formula() -> None:
    x, y = regression(8)
    model = compiled()
    kernel, bias = model.get_weights()
    model.train_on_batch(x, y)
    error = x @ kernel + bias - y
    np.testing.assert_allclose(model.get_weights()[0], kernel - 0.1 * 2 * x.T @ error / 8, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.get_weights()[1], bias - 0.1 * 2 * error.mean(0), rtol=1e-4, atol=1e-6)


def test_several_steps_in_one_dispatch_are_the_same_steps() -> None:
    x, y = regression(256)

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            assert logs is not None

    weights = []
    for callbacks in ([], [Watch()]):
        model = compiled()
        model.fit(x, y, epochs=2, batch_size=4, verbose=0, callbacks=callbacks)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_eager_and_compiled_agree() -> None:
    x, y = regression()
    losses = []
    for eagerly in (False, True):
        model = compiled(run_eagerly=eagerly)
        losses.append(model.fit(x, y, epochs=3, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)


class NeutralStep(keras.Model):
    """One train_step for every backend."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(1)
        self.tracker = keras.metrics.Mean(name="loss")

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)

    def train_step(self, data: Any) -> Any:
        x, y = data

        def objective() -> Any:
            return ops.mean(ops.square(self(x, training=True) - y))

        loss, gradients = ops.value_and_grad(objective, self.trainable_variables)()
        self.optimizer.apply(gradients, self.trainable_variables)
        self.tracker.update_state(loss)
        return {"loss": self.tracker.result()}


def test_a_train_step_written_once() -> None:
    x, y = regression()
    model = NeutralStep()
    model.compile(keras.optimizers.SGD(0.1))
    losses = model.fit(x, y, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 1e-2 < losses[0]


def native_loop(model: Any, optimizer: Any, x: Any, y: Any) -> float:
    """One step of the loop that Keras's guides write for this backend; returns the loss."""
    if BACKEND == "torch":
        import torch

        loss = ((model(torch.from_numpy(x), training=True) - torch.from_numpy(y)) ** 2).mean()
        model.zero_grad()
        loss.backward()
        trained = model.trainable_weights
        with torch.no_grad():
            optimizer.apply([v.value.grad for v in trained], trained)
        return float(loss)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x, training=True) - y) ** 2)
        trained = model.trainable_weights
        optimizer.apply_gradients(zip(tape.gradient(loss, trained), trained, strict=True))
        return float(loss)
    import jax

    def objective(trained: Any, others: Any) -> Any:
        out, others = model.stateless_call(trained, others, x, training=True)
        return ((out - y) ** 2).mean(), others

    optimizer.build(model.trainable_variables)
    trained = [v.value for v in model.trainable_variables]
    others = [v.value for v in model.non_trainable_variables]
    step = jax.jit(jax.value_and_grad(objective, has_aux=True))
    (loss, _), gradients = step(trained, others)
    trained, state = optimizer.stateless_apply([v.value for v in optimizer.variables], gradients, trained)
    for variable, value in zip([*model.trainable_variables, *optimizer.variables], [*trained, *state], strict=True):
        variable.assign(value)
    return float(loss)


def test_the_backends_own_loop() -> None:
    x, y = regression()
    model, optimizer = linear(), keras.optimizers.SGD(0.1)
    losses = [native_loop(model, optimizer, x, y) for _ in range(40)]
    assert losses[-1] < 1e-2 < losses[0]


class StatelessStep(keras.Model):
    """Keras's form of train_step on JAX: `(state, data) -> (logs, state)`."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)

    def train_step(self, state: Any, data: Any) -> Any:
        import jax

        trained, others, optimizer_state, metrics = state
        x, y = data

        def objective(trained: Any) -> Any:
            out, new = self.stateless_call(trained, others, x, training=True)
            return ops.mean(ops.square(out - y)), new

        (loss, new), gradients = jax.value_and_grad(objective, has_aux=True)(trained)
        trained, optimizer_state = self.optimizer.stateless_apply(optimizer_state, gradients, trained)
        return {"loss": loss}, (trained, new, optimizer_state, metrics)


if BACKEND == "jax":

    def test_a_stateless_train_step() -> None:
        x, y = regression()
        model = StatelessStep()
        model.compile(keras.optimizers.SGD(0.1))
        losses = model.fit(x, y, epochs=20, verbose=0).history["loss"]
        assert losses[-1] < 1e-2 < losses[0]


class Batches(keras.utils.PyDataset):
    def __init__(self) -> None:
        super().__init__()
        self.x, self.y = regression()

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        rows = slice(16 * index, 16 * index + 16)
        return self.x[rows], self.y[rows]


def as_generator() -> Iterator[Any]:
    batches = Batches()
    while True:
        for i in range(4):
            yield batches[i]


def as_loader() -> Any:
    torch = pytest.importorskip("torch")
    x, y = regression()
    data = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    return torch.utils.data.DataLoader(data, batch_size=16)


def as_tf_data() -> Any:
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices(regression()).batch(16)


@pytest.mark.parametrize("make", [Batches, as_generator, as_loader, as_tf_data])
def test_what_yields_batches(make: Any) -> None:
    model = compiled()
    history = model.fit(make(), steps_per_epoch=4 if make is as_generator else None, epochs=3, verbose=0)
    reference = compiled().fit(*regression(), batch_size=16, epochs=3, verbose=0, shuffle=False)
    expected = reference.history["loss"]
    if make is not Batches:  # a PyDataset is shuffled by batches
        np.testing.assert_allclose(history.history["loss"], expected, rtol=1e-4)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_pandas_and_lists_and_native_tensors() -> None:
    pandas = pytest.importorskip("pandas")
    x, y = regression()
    expected = compiled().fit(x, y, epochs=2, verbose=0).history["loss"]
    frames = (pandas.DataFrame(x), pandas.DataFrame(y))
    lists = (x.tolist(), y.tolist())
    native = (ops.convert_to_tensor(x), ops.convert_to_tensor(y))
    for given in (frames, lists, native):
        np.testing.assert_allclose(compiled().fit(*given, epochs=2, verbose=0).history["loss"], expected, rtol=1e-4)


def test_sample_and_class_weights() -> None:
    x, y = regression()
    weight = np.linspace(0, 2, 64).astype("float32")
    model = compiled()
    expected = (((model.predict(x, verbose=0) - y) ** 2)[:, 0] * weight).mean()
    np.testing.assert_allclose(
        model.evaluate(x, y, sample_weight=weight, verbose=0, batch_size=64)[0], expected, rtol=1e-4
    )
    labels = (y[:, 0] > 0).astype("int32")
    keras.utils.set_random_seed(2)
    classifier = keras.Sequential([keras.Input((4,)), layers.Dense(2, activation="softmax")])
    classifier.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert classifier.fit(x, labels, class_weight={0: 1.0, 1: 3.0}, epochs=1, verbose=0).history["accuracy"]


def test_validation_split_and_data() -> None:
    x, y = regression()
    history = compiled().fit(x, y, epochs=2, validation_split=0.25, verbose=0).history
    again = compiled().fit(x[:48], y[:48], epochs=2, validation_data=(x[48:], y[48:]), verbose=0).history
    assert set(history) == {"loss", "mae", "val_loss", "val_mae"}
    np.testing.assert_allclose(history["val_loss"], again["val_loss"], rtol=1e-5)


def test_two_inputs_two_outputs_by_name() -> None:
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    h = layers.Concatenate()([a, b])
    model = keras.Model({"a": a, "b": b}, {"p": layers.Dense(1, name="p")(h), "q": layers.Dense(2, name="q")(h)})
    model.compile("adam", {"p": "mse", "q": "mae"}, loss_weights={"p": 2.0, "q": 0.5}, metrics={"q": ["mse"]})
    rng = np.random.default_rng(0)
    x = {"a": rng.standard_normal((32, 3)).astype("float32"), "b": rng.standard_normal((32, 2)).astype("float32")}
    y = {"p": rng.standard_normal((32, 1)).astype("float32"), "q": rng.standard_normal((32, 2)).astype("float32")}
    logs = model.evaluate(x, y, return_dict=True, verbose=0)
    out = model.predict(x, verbose=0)
    p, q = ((out["p"] - y["p"]) ** 2).mean(), np.abs(out["q"] - y["q"]).mean()
    np.testing.assert_allclose(logs["loss"], 2 * p + 0.5 * q, rtol=1e-4)
    np.testing.assert_allclose([logs["p_loss"], logs["q_loss"]], [p, q], rtol=1e-4)
    assert "q_mse" in logs
    assert model.fit(x, y, epochs=1, verbose=0).history["loss"][0] > 0


def test_added_losses_and_regularizers_are_in_the_loss() -> None:
    class Penalty(layers.Layer):
        def call(self, inputs: Any) -> Any:
            self.add_loss(ops.mean(ops.abs(inputs)))
            return inputs

    x, y = regression()
    model = keras.Sequential(
        [keras.Input((4,)), Penalty(), layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.1))]
    )
    model.compile("sgd", "mse")
    kernel = model.get_weights()[0]
    expected = ((model.predict(x, verbose=0) - y) ** 2).mean() + np.abs(x).mean() + 0.1 * (kernel**2).sum()
    np.testing.assert_allclose(model.evaluate(x, y, batch_size=64, verbose=0), expected, rtol=1e-4)


def test_an_interrupt_leaves_a_usable_model() -> None:
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 2:
                raise KeyboardInterrupt

    x, y = regression()
    model = compiled()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, batch_size=8, verbose=0, callbacks=[Stop()])
    assert np.isfinite(model.predict(x, verbose=0)).all()
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"][0])


def test_frozen_layers_stay() -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(1)])
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(*regression(), epochs=1, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert np.abs(before[2] - after[2]).max() > 0


def test_changing_last_batch_and_unknown_lengths() -> None:
    x, y = regression(50)
    model = compiled()
    assert model.predict(x, batch_size=16, verbose=0).shape == (50, 1)
    np.testing.assert_allclose(
        model.evaluate(x, y, batch_size=16, verbose=0)[0], model.evaluate(x, y, batch_size=50, verbose=0)[0], rtol=1e-5
    )


def test_torch_module_or_trackable(tmp_path: Path) -> None:
    model = linear()
    model(np.zeros((1, 4), "float32"))
    if BACKEND == "torch":
        import torch

        outer = torch.nn.Sequential(model, torch.nn.Linear(1, 1))
        assert {id(p) for p in model.parameters()} == {id(v.value) for v in model.variables}
        outer(torch.zeros(2, 4)).sum().backward()
        assert all(v.value.grad is not None for v in model.trainable_variables)
        assert len(outer.state_dict()) == 4
    if BACKEND == "tensorflow":
        import tensorflow as tf

        checkpoint = tf.train.Checkpoint(model=model)
        names = [n for n, _ in tf.train.list_variables(checkpoint.save(str(tmp_path / "checkpoint")))]
        assert sum("VARIABLE_VALUE" in n for n in names) >= 2


@pytest.mark.trains
def test_layers_are_told_of_training_by_a_model_that_does_not_ask() -> None:
    """A call without the argument `training`: fit trains the layers inside all the same, predict does not."""

    class Plain(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.normalize, self.drop = keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)
            self.head = keras.layers.Dense(1)

        def call(self, inputs: Any) -> Any:
            return self.head(self.drop(self.normalize(inputs)))

    model = Plain()
    model.compile("sgd", "mse")
    x = np.full((8, 2), 3.0, "float32")
    model.fit(x, x[:, :1], verbose=0)
    moved = model.normalize.moving_mean.numpy()
    assert (moved > 0).all()
    first = model.predict(x, verbose=0)
    np.testing.assert_array_equal(model.predict(x, verbose=0), first)
    np.testing.assert_array_equal(model.normalize.moving_mean.numpy(), moved)


def test_a_plain_function_as_loss_gets_targets_of_the_predictions_rank() -> None:
    """Targets (n,) beside predictions (n, 1) would broadcast to (n, n)."""
    x, y = np.arange(6.0, dtype="float32")[:, None], np.arange(6.0, dtype="float32")
    shapes = []

    def squares(y_true: Any, y_pred: Any) -> Any:
        shapes.append((len(y_true.shape), len(y_pred.shape)))
        return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", squares)
    assert model.evaluate(x, y + 1, verbose=0) == pytest.approx(1.0)
    assert set(shapes) == {(2, 2)}


@pytest.mark.trains
def test_losses_of_layers_are_numbers_after_training() -> None:
    class Noted(layers.Layer):
        def call(self, x: Any) -> Any:
            self.add_loss(ops.mean(x))
            return x

    model = keras.Sequential([keras.Input((3,)), Noted(), layers.Dense(1, kernel_regularizer="l2")])
    model.compile("sgd", "mse")
    x = np.ones((4, 3), "float32")
    model.fit(x, x[:, :1], verbose=0)
    assert all(np.isfinite(float(loss)) for loss in model.losses)
    model(x)
    assert len(model.losses) == 2 and float(model.losses[0]) == 1.0

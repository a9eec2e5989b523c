"""Programs as users write them: combinations of data, models and ways to train that each showed a fault once."""

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import ops

layers = keras.layers
X = np.random.default_rng(1).normal(size=(16, 5))
Y = X[:, :1] * 2 - 1


def compiled(*things, **options):
    model = keras.Sequential([keras.Input((5,)), *(things or [layers.Dense(1)])])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **options})
    return model


class Shown(keras.losses.Loss):
    """A user's loss, as one of functions."""

    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), axis=-1)


def shown(y_true, y_pred):
    return ops.mean(ops.square(-y_true - y_pred), axis=-1)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64"])
def test_losses_of_the_users_get_floats(dtype):
    y = (Y > 0).astype(dtype)
    p = np.full((16, 1), 0.25, "float32")
    assert float(Shown()(y, p)) == pytest.approx(np.mean((y.astype(float) - p) ** 2))
    model = compiled(layers.Dense(1), loss=shown)  # -1 of bytes is 255, and of a bool an error
    expected = np.mean((-y.astype(float) - model.predict(X, verbose=0)) ** 2)
    assert model.evaluate(X, y, verbose=0) == pytest.approx(expected, rel=1e-4)


def test_losses_of_classes_keep_them():
    y, p = np.array([300, 299]), np.eye(301, dtype="float32")[[300, 299]]
    loss = keras.losses.SparseCategoricalCrossentropy(dtype="bfloat16")
    assert float(loss(y, p)) == pytest.approx(0.0, abs=1e-2)


class Seen(keras.Model):
    """A model whose own step notes the dtypes of what it gets."""

    def test_step(self, data):
        self.seen = [keras.backend.standardize_dtype(part.dtype) for part in data if part is not None]
        return {}


def test_rows_of_arrays_are_floatx_in_steps_and_metrics():
    inputs = keras.Input((5,))
    model = Seen(inputs, layers.Dense(1)(inputs))
    model.compile("sgd", "mse", run_eagerly=True)
    for x, y in [(X, Y), (X.astype("float16"), Y[:, 0].tolist())]:
        model.evaluate(x, y, verbose=0)
        assert model.seen == ["float32", "float32"]
        model.test_on_batch(x, y)
        assert model.seen == ["float32", "float32"]
    model.evaluate(X.astype("int32"), Y > 0, verbose=0)
    assert model.seen == ["int32", "bool"]


def test_metrics_of_an_output_stand_together():
    inputs = keras.Input((5,))
    model = keras.Model(inputs, [layers.Dense(1, name="a")(inputs), layers.Dense(1, name="b")(inputs)])
    model.compile("sgd", "mse", metrics=[["mae"], ["mae"]], weighted_metrics=[["mse"], []])
    values = model.evaluate(X, [Y, Y], verbose=0)
    assert model.metrics_names == ["loss", "a_loss", "b_loss", "a_mae", "a_mse", "b_mae"]
    assert dict(zip(model.metrics_names, values, strict=True))["a_mse"] == pytest.approx(values[1], rel=1e-4)


def test_freezing_a_weight_moves_none_in_the_list():
    model = compiled(layers.Dense(3), layers.Dense(1))
    paths, values = [v.path for v in model.weights], model.get_weights()
    model.layers[0].kernel.trainable = False
    assert [v.path for v in model.weights] == paths
    model.layers[0].enable_lora(2)
    assert [v.name for v in model.layers[0].weights] == ["kernel", "bias", "lora_kernel_a", "lora_kernel_b"]
    model.layers[0].trainable = True
    assert not model.layers[0].weights[0].trainable
    np.testing.assert_array_equal(model.get_weights()[-2], values[-2])


@pytest.mark.trains
def test_stateful_layers_are_trained():
    inputs = keras.Input(batch_shape=(2, 3, 4))
    model = keras.Model(inputs, layers.Dense(1)(layers.GRU(2, stateful=True)(inputs)))
    x, y = np.ones((2, 3, 4)), np.ones((2, 1))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    losses = model.fit(x, y, epochs=4, batch_size=2, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


@pytest.mark.trains
@pytest.mark.parametrize("eager", [False, True])
def test_single_batches_stand_for_themselves(eager):
    model = compiled(layers.Dense(1), metrics=["mae"], run_eagerly=eager)
    model.fit(X, Y, epochs=1, verbose=0)
    for x, y in [(X[:8], Y[:8]), (X[8:], Y[8:])]:
        error = model.predict(x, verbose=0) - y
        expected = [np.mean(error**2), np.mean(np.abs(error))]
        np.testing.assert_allclose(model.test_on_batch(x, y), expected, rtol=1e-4)
        np.testing.assert_allclose(model.train_on_batch(x, y), expected, rtol=1e-4)
        assert float(model.get_metrics_result()["loss"]) == pytest.approx(expected[0], rel=1e-4)


def test_options_of_a_call_that_decide_about_the_shape():
    class Reversible(layers.Layer):
        def call(self, x, reverse=False):
            return ops.zeros((*x.shape[:-1], 7)) if reverse else x

        def compute_output_shape(self, input_shape, reverse=False):
            return (*input_shape[:-1], 7) if reverse else input_shape

    inputs = keras.Input((4,))
    assert Reversible()(inputs, reverse=True).shape == (None, 7)
    assert Reversible()(inputs, True).shape == (None, 7)
    shared = layers.ReversibleEmbedding(7, 3)
    assert shared(shared(inputs), reverse=True).shape == (None, 4, 7)


@pytest.mark.trains
@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_validation_is_by_averaged_weights(swap_on_epoch):
    model = compiled(optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    callback = keras.callbacks.SwapEMAWeights(swap_on_epoch=swap_on_epoch)
    history = model.fit(X, Y, epochs=2, validation_data=(X, Y), verbose=0, callbacks=[callback]).history
    if not swap_on_epoch:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(history["val_loss"][-1], rel=1e-4)

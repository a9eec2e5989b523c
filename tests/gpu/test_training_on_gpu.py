"""Training on a GPU: batches that are staged ahead, and on torch steps that run as CUDA graphs, whatever is in them."""

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops

TORCH = keras.backend.backend() == "torch"
RNG = np.random.default_rng(0)
IMAGES = RNG.standard_normal((150, 12, 12, 3)).astype("float32")
WORDS = RNG.integers(1, 30, (150, 9)).astype("int32")
LABELS = RNG.integers(0, 4, 150)
only_torch = pytest.mark.skipif(not TORCH, reason="CUDA graphs are torch's")


@pytest.fixture(autouse=True)
def exact():
    """Both trainings by the same kernels, in whole float32."""
    if not TORCH:
        yield
        return
    import torch

    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        yield


@pytest.fixture
def launches(monkeypatch):
    """How often a CUDA graph was launched."""
    import torch

    count, replay = [0], torch.cuda.CUDAGraph.replay

    def counted(self):
        count[0] += 1
        return replay(self)

    monkeypatch.setattr(torch.cuda.CUDAGraph, "replay", counted)
    return count


def mlp():
    x = inputs = keras.Input((12, 12, 3))
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dropout(0.3)(layers.Dense(32, "relu")(x))
    x = layers.GaussianNoise(0.1)(layers.BatchNormalization()(x))
    return keras.Model(inputs, layers.Dense(4)(x))


def cnn():
    x = inputs = keras.Input((12, 12, 3))
    for filters in (8, 16):
        x = layers.Conv2D(filters, 3, 2, "same", use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
    x = layers.SpatialDropout2D(0.2)(x)
    return keras.Model(inputs, layers.Dense(4)(layers.GlobalAveragePooling2D()(layers.MaxPooling2D(2)(x))))


def recurrent():
    x = inputs = keras.Input((9,), dtype="int32")
    x = layers.Embedding(30, 8)(x)
    x = layers.Bidirectional(layers.LSTM(8, return_sequences=True))(x)
    return keras.Model(inputs, layers.Dense(4)(layers.GRU(8)(x)))


def transformer():
    x = inputs = keras.Input((9,), dtype="int32")
    x = layers.Embedding(30, 16)(x)
    y = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 8, dropout=0.1)(y, y, use_causal_mask=True)])
    x = layers.Dropout(0.1)(layers.Dense(16, "gelu")(x))
    return keras.Model(inputs, layers.Dense(4)(layers.GlobalAveragePooling1D()(x)))


NETS = {
    "mlp": (mlp, IMAGES),
    "cnn": (cnn, IMAGES),
    "recurrent": (recurrent, WORDS),
    "transformer": (transformer, WORDS),
}


def trained(build, x, optimizer="adam", policy="float32", eager=False, callbacks=None, **kwargs):
    """The weights, the history, the evaluation and the predictions of a training from a seed."""
    keras.config.set_dtype_policy(policy)
    try:
        keras.utils.set_random_seed(3)
        model = build()
    finally:
        keras.config.set_dtype_policy("float32")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = optimizer() if callable(optimizer) else optimizer
    model.compile(optimizer, loss, metrics=["accuracy"], run_eagerly=eager, **kwargs)
    history = model.fit(x, LABELS, batch_size=32, epochs=4, verbose=0, callbacks=callbacks() if callbacks else None)
    found = {name: np.array(values) for name, values in history.history.items()}
    found |= {f"weight {i}": value for i, value in enumerate(model.get_weights())}
    found["evaluated"] = np.array(model.evaluate(x, LABELS, batch_size=32, verbose=0))
    found["predicted"] = model.predict(x, batch_size=32, verbose=0)
    return found


def assert_alike(got, want, rtol=2e-3, atol=2e-4):
    assert got.keys() == want.keys()
    for name in want:
        np.testing.assert_allclose(got[name].astype("float64"), want[name].astype("float64"), rtol, atol, err_msg=name)


@only_torch
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("name", NETS)
def test_as_call_by_call(name, policy, launches):
    build, x = NETS[name]
    got = trained(build, x, policy=policy)
    # Training: four epochs of five batches, the first two calls of each of the two shapes aside.
    assert launches[0] >= 16
    loose = {} if policy == "float32" else {"rtol": 0.1, "atol": 0.05}
    assert_alike(got, trained(build, x, policy=policy, eager=True), **loose)


OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "rmsprop": lambda: keras.optimizers.RMSprop(1e-3),
    "adamw": lambda: keras.optimizers.AdamW(1e-3, weight_decay=0.01),
    "schedule": lambda: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-2, 20)),
    "clipped": lambda: keras.optimizers.Adam(1e-3, global_clipnorm=0.5),
    "averaged": lambda: keras.optimizers.Adam(1e-3, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=7),
    "accumulated": lambda: keras.optimizers.Adam(1e-3, gradient_accumulation_steps=3),
    "lion": lambda: keras.optimizers.Lion(1e-3),
}


@only_torch
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name):
    got = trained(cnn, IMAGES, OPTIMIZERS[name])
    assert_alike(got, trained(cnn, IMAGES, OPTIMIZERS[name], eager=True))


@only_torch
def test_float16_scales_the_loss():
    got = trained(cnn, IMAGES, policy="mixed_float16")
    assert_alike(got, trained(cnn, IMAGES, policy="mixed_float16", eager=True), 0.1, 0.05)


@only_torch
def test_a_learning_rate_that_a_callback_sets():
    def callbacks():
        return [keras.callbacks.LearningRateScheduler(lambda epoch: [1e-2, 0.0, 1e-2, 0.0][epoch])]

    assert_alike(trained(cnn, IMAGES, callbacks=callbacks), trained(cnn, IMAGES, callbacks=callbacks, eager=True))


class Scaled(layers.Layer):
    factor = 1.0

    def __init__(self):
        super().__init__()
        self.factor = 1.0

    def call(self, x):
        return x * self.factor


@only_torch
def test_an_attribute_that_changes_between_epochs(launches):
    """Call by call it takes effect, so it does in a graph."""
    made = []

    def build():
        made.append(Scaled())
        x = inputs = keras.Input((12, 12, 3))
        return keras.Model(inputs, layers.Dense(4)(layers.Flatten()(made[-1](x))))

    def callbacks():
        layer = made[-1]
        return [
            keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: setattr(layer, "factor", 1.0 + epoch))
        ]

    got = trained(build, IMAGES, callbacks=callbacks)
    assert launches[0] > 0
    assert_alike(got, trained(build, IMAGES, callbacks=callbacks, eager=True))


class Counting(Scaled):
    def call(self, x):
        self.factor += 0.125
        return x * self.factor


class Drawing(Scaled):
    def call(self, x):
        return x * float(np.random.uniform(0.9, 1.1))


class Looking(Scaled):
    def call(self, x):
        return x * 2 if not isinstance(x, keras.KerasTensor) and float(ops.sum(x)) > 0 else x


@only_torch
@pytest.mark.parametrize("layer", [Counting, Drawing, Looking])
def test_what_a_graph_would_freeze_runs_call_by_call(layer, launches):
    def build():
        np.random.seed(5)
        return keras.Sequential([layer(), layers.Flatten(), layers.Dense(4)])

    got = trained(build, IMAGES)
    assert launches[0] == 0
    assert_alike(got, trained(build, IMAGES, eager=True))


@only_torch
def test_a_layer_that_is_frozen_in_between():
    keras.utils.set_random_seed(1)
    model = cnn()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(IMAGES, LABELS, epochs=3, verbose=0)
    kernel = model.layers[1].kernel
    kernel.trainable = False
    before = kernel.numpy()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(IMAGES, LABELS, epochs=3, verbose=0)
    np.testing.assert_array_equal(kernel.numpy(), before)


def test_weights_set_in_between():
    model = cnn()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(IMAGES, LABELS, epochs=3, verbose=0)
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    assert not np.any(model.predict(IMAGES, verbose=0))
    model.optimizer.learning_rate = 0.0
    model.fit(IMAGES, LABELS, epochs=1, verbose=0)
    assert not np.any(model.layers[-1].kernel.numpy())


@only_torch
def test_single_batches():
    losses = {}
    for eager in (False, True):
        keras.utils.set_random_seed(1)
        model = cnn()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, metrics=["accuracy"], run_eagerly=eager)
        losses[eager] = [model.train_on_batch(IMAGES[i : i + 16], LABELS[i : i + 16]) for i in range(0, 128, 16)]
    np.testing.assert_allclose(losses[False], losses[True], rtol=2e-3)


def test_errors_of_data_come_through():
    model = cnn()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="4"):
        model.fit(IMAGES, np.zeros((150, 7), "float32"), verbose=0)


def test_a_training_that_stops_within_an_epoch():
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 2

    model = cnn()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(IMAGES, LABELS, batch_size=16, epochs=5, callbacks=[Stop()], verbose=0)
    assert len(history.epoch) == 1


def test_on_the_cpu_beside_a_gpu():
    with keras.device("cpu:0"):
        model = cnn()
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(IMAGES, LABELS, epochs=3, verbose=0)
        assert model.predict(IMAGES, verbose=0).shape == (150, 4)


@only_torch
def test_nothing_in_a_step_waits_for_the_device(launches):
    """Which of the usual layers does: it would keep any model with it from being a graph."""
    import torch

    model = transformer()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(WORDS[:128], LABELS[:128], epochs=3, verbose=0)
    model.fit(WORDS[:128], LABELS[:128], epochs=1, verbose=0)
    assert launches[0] > 4
    torch.cuda.synchronize()

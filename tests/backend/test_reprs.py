"""How things are written: as the call that makes an equal one, with what they hold."""

import html

import numpy as np
import pytest

import kerasfront as keras

schedules = keras.optimizers.schedules


class Batches(keras.utils.PyDataset):
    def __init__(self, x, **kwargs):
        super().__init__(**kwargs)
        self.x = x

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return self.x


class Factor(keras.losses.Loss):
    def __init__(self, factor=2.0):
        super().__init__(name="mine")
        self.factor = factor

    def call(self, y_true, y_pred):
        return y_pred


def function(y_true, y_pred):
    return y_pred


WRITTEN = {
    "Ones()": lambda: keras.initializers.Ones(),
    "GlorotUniform()": lambda: keras.initializers.GlorotUniform(),
    "RandomNormal(mean=0.0, stddev=1.0, seed=3)": lambda: keras.initializers.RandomNormal(stddev=1.0, seed=3),
    "Constant(value=2.0)": lambda: keras.initializers.Constant(2.0),
    "L2(l2=0.01)": lambda: keras.regularizers.L2(),
    "L1L2(l1=0.0, l2=0.5)": lambda: keras.regularizers.L1L2(l2=0.5),
    "NonNeg()": lambda: keras.constraints.NonNeg(),
    "MaxNorm(max_value=2, axis=1)": lambda: keras.constraints.MaxNorm(axis=1),
    "MeanSquaredError()": lambda: keras.losses.MeanSquaredError(),
    "Huber(delta=0.5, reduction='sum')": lambda: keras.losses.Huber(0.5, reduction="sum"),
    "BinaryCrossentropy(from_logits=True)": lambda: keras.losses.BinaryCrossentropy(from_logits=True),
    "Factor(factor=3.0)": lambda: Factor(3.0),
    "Mean()": lambda: keras.metrics.Mean(),
    "Mean(name='seen')": lambda: keras.metrics.Mean(name="seen"),
    "MeanMetricWrapper(fn=function)": lambda: keras.metrics.MeanMetricWrapper(function),
    "Precision(thresholds=[0.1, 0.2], class_id=2)": lambda: keras.metrics.Precision([0.1, 0.2], class_id=2),
    "Adam(learning_rate=0.001)": lambda: keras.optimizers.Adam(),
    "SGD(learning_rate=0.1, momentum=0.9)": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "ExponentialDecay(initial_learning_rate=0.1, decay_steps=10, decay_rate=0.9)": (
        lambda: schedules.ExponentialDecay(0.1, 10, 0.9)
    ),
    "SeedGenerator(seed=7)": lambda: keras.random.SeedGenerator(7),
    "DTypePolicy(name='mixed_bfloat16')": lambda: keras.DTypePolicy("mixed_bfloat16"),
    "EarlyStopping(monitor='loss', patience=3)": lambda: keras.callbacks.EarlyStopping("loss", patience=3),
    "LearningRateScheduler(schedule=function)": lambda: keras.callbacks.LearningRateScheduler(function),
    "TerminateOnNaN()": lambda: keras.callbacks.TerminateOnNaN(),
    "Batches(x=<float32 (3, 2)>, workers=2)": lambda: Batches(np.ones((3, 2), "float32"), workers=2),
}


@pytest.mark.parametrize("written", WRITTEN)
def test_written_as_the_call(written):
    assert repr(WRITTEN[written]()) == written


def test_an_optimizer_with_a_schedule():
    optimizer = keras.optimizers.SGD(schedules.InverseTimeDecay(0.1, 10, 0.5), nesterov=True)
    assert repr(optimizer).startswith("SGD(learning_rate=InverseTimeDecay(initial_learning_rate=0.1, decay_steps=10")
    assert repr(optimizer).endswith("nesterov=True)")


def test_a_history_tells_the_last_epoch():
    history = keras.callbacks.History()
    history.on_epoch_end(0, {"loss": 2.0, "lr": np.ones(2)})
    history.on_epoch_end(1, {"loss": 0.123456, "lr": np.ones(2)})
    assert repr(history) == "<History of 2 epochs: loss 0.1235>"


def test_a_variable_shows_its_value():
    v = keras.Variable(np.arange(6, dtype="float32").reshape(2, 3) / 4, name="v")
    assert repr(v) == "<Variable path=v, shape=(2, 3), dtype=float32, value=[[0., 0.25, 0.5], [0.75, 1., 1.25]]>"
    large = keras.Variable(np.arange(1000), dtype="int32", name="large")
    assert repr(large) == "<Variable path=large, shape=(1000,), dtype=int32, value=[0, 1, ..., 998, 999]>"
    assert len(repr(keras.Variable(np.zeros((3, 3, 8, 16)), dtype="float16"))) < 250


class Writes(keras.layers.Layer):
    def build(self, input_shape):
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")
        self.seen = []

    def call(self, x):
        self.count.assign_add(1.0)
        self.seen.append(repr(self.count))
        return x


def test_a_variable_in_a_step_that_is_traced():
    model = keras.Sequential([keras.Input((2,)), Writes()])
    model.predict(np.ones((4, 2)), verbose=0)
    assert all(text.startswith("<Variable path=") for text in model.layers[0].seen)
    assert repr(model.layers[0].count).endswith("value=1.>")


def test_a_model_in_a_notebook_is_its_table():
    inputs = keras.Input((4,), name="x")
    a, b = keras.layers.Dense(3, name="a<b>")(inputs), keras.layers.Dense(3, name="b")(inputs)
    model = keras.Model(inputs, keras.layers.Add(name="sum")([a, b]), name="two")
    table = model._repr_html_()
    for text in ("a<b> (Dense)", "sum (Add)", "(None, 3)", "Connected to", "Total params: 30", "two"):
        assert html.escape(text) in table
    assert table.count("<tr>") == 5 and "<b>" not in table
    assert "isn't built" in html.unescape(keras.Sequential([keras.layers.Dense(2)])._repr_html_())

"""What a user sees of an error: their own frames, and at most three of ours; all of them where they ask for it."""

import traceback

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import config

X, Y = np.ones((8, 4), "float32"), np.ones((8, 1), "float32")
MODES = [{}, {"run_eagerly": True}]


class Deep(keras.layers.Layer):
    """A layer whose fault is two calls down; with `late`, only where the step itself runs or is traced."""

    def __init__(self, late=False, error=None):
        super().__init__()
        self.late, self.error = late, error

    def call(self, x):
        return self.inner(x)

    def inner(self, x):
        if self.late and isinstance(x, keras.KerasTensor):
            return x
        if self.error is not None:
            raise self.error
        return keras.ops.matmul(x, keras.ops.ones((7, 3)))


class Wrapping(keras.Model):
    def __init__(self, inner):
        super().__init__()
        self.dense, self.inner = keras.layers.Dense(4), inner

    def call(self, x):
        return self.inner(self.dense(x))


def compiled(inner, **options):
    model = Wrapping(inner)
    model.compile("sgd", options.pop("loss", "mse"), **options)
    return model


def shown(call):
    """The frames of a traceback as it would be printed, causes included: the functions of this file, and ours."""
    with pytest.raises(Exception) as caught:
        call()
    mine, ours = [], []
    error = caught.value
    while error is not None:
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename == __file__:
                mine.append(frame.name)
            else:
                ours.append(f"{frame.filename}:{frame.name}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return [name for name in mine if name not in ("shown", "<lambda>")], ours


def test_a_layer_called_directly():
    mine, ours = shown(lambda: compiled(Deep())(X))
    assert mine == ["call", "call", "inner"]
    assert len(ours) <= 3


@pytest.mark.trains
@pytest.mark.parametrize("mode", MODES, ids=["compiled", "eager"])
@pytest.mark.parametrize("late", [False, True], ids=["symbolic", "in the step"])
def test_a_layer_in_fit(late, mode):
    model = compiled(Deep(late), **mode)
    mine, ours = shown(lambda: model.fit(X, Y, verbose=0))
    assert mine == ["call", "call", "inner"]
    assert len(ours) <= 3, ours


@pytest.mark.trains
def test_an_error_of_the_users_own():
    model = compiled(Deep(late=True, error=KeyError("mine")))
    mine, ours = shown(lambda: model.fit(X, Y, verbose=0))
    assert mine == ["call", "call", "inner"]
    assert len(ours) <= 3, ours


def test_a_layer_in_predict():
    mine, ours = shown(lambda: compiled(Deep(late=True)).predict(X, verbose=0))
    assert mine == ["call", "call", "inner"]
    assert len(ours) <= 3, ours


def _loss(y_true, y_pred):
    return keras.ops.reshape(y_pred, (3, 5)) - y_true


class Failing(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise OSError("the disk is full")


def batches():
    yield X, Y
    raise OSError("the disk is gone")


@pytest.mark.trains
@pytest.mark.parametrize(
    ("function", "options", "fit"),
    [
        ("_loss", {"loss": _loss}, {"x": X, "y": Y}),
        ("on_epoch_end", {}, {"x": X, "y": Y, "callbacks": [Failing()]}),
        ("batches", {}, {"x": batches, "steps_per_epoch": 3}),
    ],
    ids=["loss", "callback", "generator"],
)
def test_what_fit_calls(function, options, fit):
    model = compiled(keras.layers.Dense(1), run_eagerly=True, **options)
    fit = {**fit, "x": fit["x"]() if callable(fit["x"]) else fit["x"]}
    mine, ours = shown(lambda: model.fit(**fit, verbose=0))
    assert mine == [function]
    assert len(ours) <= 3, ours


@pytest.mark.parametrize(
    "call",
    [
        lambda: keras.ops.reshape(X, (3, 5)),
        lambda: keras.ops.matmul(X, keras.ops.ones((5, 5))),
        lambda: keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])(np.ones((2, 5), "float32")),
        lambda: keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).predict(np.ones((2, 5)), verbose=0),
        lambda: keras.losses.MeanSquaredError()(np.ones((3, 2)), np.ones((4, 5))),
        lambda: keras.metrics.MeanSquaredError()(np.ones((3, 2)), np.ones((4, 5))),
        lambda: keras.layers.Dense(3, activation="rleu"),
        lambda: keras.layers.Concatenate(axis=0)([keras.Input((4,)), keras.Input((3, 4))]),
        lambda: keras.Sequential([keras.layers.Dense(1)]).compile("addam", "mse"),
        lambda: compiled(keras.layers.Dense(1)).fit(X, Y[:3]),
        lambda: keras.models.load_model("nowhere.keras"),
    ],
    ids=["reshape", "matmul", "model", "predict", "loss", "metric", "layer", "symbolic", "compile", "fit", "load"],
)
def test_calls_of_ours(call):
    _, ours = shown(call)
    assert 1 <= len(ours) <= 3, ours


def test_the_setting():
    def call():
        return shown(lambda: compiled(Deep())(X))

    short = call()[1]
    config.disable_traceback_filtering()
    try:
        assert len(call()[1]) > 10
    finally:
        config.enable_traceback_filtering()
    assert call()[1] == short


def test_lines_are_those_of_the_calls():
    with pytest.raises(KeyError) as caught:
        compiled(Deep(late=True, error=KeyError("mine"))).predict(X, verbose=0)
    lines = [frame.line for frame in traceback.extract_tb(caught.value.__traceback__) if frame.filename == __file__]
    assert lines[1:] == ["return self.inner(self.dense(x))", "return self.inner(x)", "raise self.error"]


class Interrupted(keras.callbacks.Callback):
    def on_predict_begin(self, logs=None):
        raise KeyboardInterrupt


def test_an_interrupt():
    with pytest.raises(KeyboardInterrupt) as caught:
        compiled(keras.layers.Dense(1)).predict(X, verbose=0, callbacks=[Interrupted()])
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert [frame.name for frame in frames if frame.filename == __file__][1:] == ["on_predict_begin"]
    assert len(frames) <= 5

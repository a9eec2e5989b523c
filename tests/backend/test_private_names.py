"""A user's subclass may use any private name for itself: nothing of ours depends on it, but for `_kf`.

`SUBJECTS` lists classes with a program that uses each. For every private name that the class or an object of it has,
and for everyday words, the program runs with a subclass that sets an attribute of that name (before and after the
base's constructor), and with one that defines a method of that name.
"""

from __future__ import annotations

import copy
import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import callbacks, layers, losses, metrics, ops, optimizers
from kerasfront.losses.loss import LossFunctionWrapper

pytestmark = pytest.mark.trains

X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")

# Words that a user's own class may well use, and names that Keras uses.
WORDS = (
    "_add", "_averages", "_best", "_build", "_built", "_cache", "_call", "_checked", "_config", "_count", "_counter",
    "_current", "_data", "_derived", "_direction", "_dtype", "_dtype_policy", "_epoch", "_fn", "_fn_kwargs", "_graph",
    "_groups", "_history", "_index", "_inner", "_iterations", "_keep", "_learning_rate", "_load", "_logs", "_losses",
    "_mean", "_metrics", "_model", "_name", "_note", "_optimizers", "_own", "_path", "_rate", "_reset", "_results",
    "_save", "_set", "_sign", "_slots", "_state", "_step", "_steps", "_tensors", "_total", "_track", "_tracker",
    "_update", "_value", "_values", "_variables", "_weights", "_whole", "_write", "_writer",
)  # fmt: skip


class Subject(NamedTuple):
    """A class that users derive from."""

    base: type
    # Uses a subclass of it.
    program: Callable[[Any], None]

    def names(self) -> list[str]:
        """The private names that a user might hit upon, by accident or since Keras has them."""
        made: list[Any] = []
        self.program(_recording(self.base, made))
        names = set(WORDS)
        for thing in made:
            names.update(name for name in (*dir(type(thing)), *vars(thing)) if name.startswith("_"))
        # The framework's own base class of layers keeps names for itself.
        frameworks = set(getattr(self.base, "_kf_bookkeeping", ()))
        for cls in self.base.__mro__:
            if not cls.__module__.startswith(("kerasfront", "tests", __name__)):
                frameworks.update(vars(cls))
        return sorted(n for n in names - frameworks if not n.startswith(("__", "_kf", "_abc_")))


def _recording(base: type, made: list[Any]) -> type:
    """A subclass that notes its objects."""

    class Recorded(base):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            made.append(self)

    return Recorded


def _setting(base: type, names: list[str], first: bool, made: list[Any]) -> type:
    """A subclass that sets attributes, before or after the constructor of its base."""

    class Mine(base):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            if first:
                self.take_names()
            super().__init__(*args, **kwargs)
            if not first:
                self.take_names()
            made.append(self)

        def take_names(self) -> None:
            for name in names:
                setattr(self, name, 3)

    return Mine


def _defining(base: type, names: list[str]) -> type:
    """A subclass that has methods of its own."""

    def of_name(name: str) -> Callable[..., Any]:
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            raise AssertionError(f"the user's method `{name}` was called")

        return method

    return type("Mine", (base,), {name: of_name(name) for name in names})


def _broken(names: list[str], run: Callable[[list[str]], None]) -> dict[str, str]:
    """What goes wrong with each name; they are tried together, and one by one where that fails."""
    try:
        run(names)
        return {}
    except Exception as error:
        broken = {"all": repr(error)}
    for name in names:
        try:
            run([name])
        except Exception as error:
            broken[name] = repr(error)
    return broken


# ---- programs -----------------------------------------------------------------------------------------------------


def fitted(**options: Any) -> keras.Model:
    """A small model that was trained and evaluated with what it is compiled with."""
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1, activation="sigmoid")])
    fit = {"callbacks": options.pop("callbacks", None), "validation_data": (X, Y)}
    model.compile(**{"optimizer": "sgd", "loss": "mse", **options})
    model.fit(X, Y, epochs=2, verbose=0, **fit)
    model.evaluate(X, Y, verbose=0, callbacks=fit["callbacks"])
    return model


def use_metric(kind: Any, *args: Any) -> None:
    metric = kind(*args, name="mine")
    before = metric.stateless_update_state([v.value for v in metric.variables], Y, Y * 0.5) if metric.variables else []
    metric.update_state(Y, Y * 0.5)
    for now, then in zip(metric.variables, before, strict=False):
        np.testing.assert_allclose(now.numpy(), np.asarray(ops.convert_to_numpy(then), now.numpy().dtype), rtol=1e-6)
    result = ops.convert_to_numpy(metric.result())
    again = copy.deepcopy(metric)
    np.testing.assert_array_equal(ops.convert_to_numpy(again.result()), result)
    metric.reset_state()
    assert metric.get_config()["name"] == "mine" and metric.dtype == "float32" and repr(metric)
    fitted(metrics=[metric], run_eagerly=True)


def use_wrapper(kind: Any) -> None:
    use_metric(kind, squares)


def use_loss(kind: Any, *args: Any) -> None:
    loss = kind(*args, name="mine")
    value = float(loss(Y, Y * 0.5))
    assert value > 0 and loss.dtype == "float32" and loss.get_config()["name"] == "mine" and repr(loss)
    assert float(copy.deepcopy(loss)(Y, Y * 0.5)) == value
    fitted(loss=loss, run_eagerly=True)


def use_optimizer(kind: Any, *args: Any) -> None:
    optimizer = kind(*args)
    model = fitted(optimizer=optimizer)
    assert int(optimizer.iterations) == 2 and optimizer.variables and repr(optimizer)
    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == 0.25
    values = [v.value for v in model.trainable_variables]
    optimizer.stateless_apply([v.value for v in optimizer.variables], [ops.ones_like(v) for v in values], values)
    optimizer.set_weights([v.numpy() for v in optimizer.variables])
    again = copy.deepcopy(optimizer)
    assert len(again.variables) == len(optimizer.variables) and again.get_config() == optimizer.get_config()


def use_adam(kind: Any) -> None:
    class Busy(kind):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(0.1, weight_decay=0.01, global_clipnorm=1.0, use_ema=True)

    use_optimizer(Busy)
    use_optimizer(kind, 0.1)


def use_loss_scaling(kind: Any) -> None:
    use_optimizer(kind, optimizers.SGD(0.1))


def use_several(kind: Any) -> None:
    optimizer = kind(optimizers.OptimizerMap(optimizers.SGD(0.1)))
    fitted(optimizer=optimizer)
    assert len(optimizer.optimizers) == 1 and len(optimizer.variables) == 4


def use_callback(kind: Any, *args: Any, **kwargs: Any) -> None:
    callback = kind(*args, **kwargs)
    model = fitted(callbacks=[callback], run_eagerly=True)
    assert callback.model is model and callback.params["steps"] == 1 and repr(callback)
    copy.copy(callback)


def use_monitor(kind: Any) -> None:
    use_callback(kind, "loss", patience=0)


def use_schedule(kind: Any) -> None:
    use_callback(kind, lambda epoch, rate: rate * 0.5)


def use_in_folder(name: str) -> Callable[[Any], None]:
    """A program for a callback that writes a file or a folder of that name."""

    def use(kind: Any) -> None:
        with tempfile.TemporaryDirectory() as folder:
            use_callback(kind, os.path.join(folder, name))

    return use


def use_lambda(kind: Any) -> None:
    use_callback(kind, on_epoch_end=lambda epoch, logs: None)


def use_layer(kind: Any, *args: Any, **kwargs: Any) -> None:
    layer = kind(*args, **kwargs)
    x = keras.Input((3,))
    model = keras.Model(x, layers.Dense(1)(layer(x)))
    model.compile("sgd", "mse", metrics=["mae"])
    model.fit(X, Y, epochs=2, verbose=0)
    assert layer.built and layer.weights and layer.count_params() > 0 and repr(layer) and layer.path
    assert layer.get_config()["name"] == layer.name and layer.get_build_config()
    outputs = ops.convert_to_numpy(layer(X))
    assert layer.losses
    np.testing.assert_allclose(ops.convert_to_numpy(layer.stateless_call(*_values(layer), X)[0]), outputs, rtol=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(copy.deepcopy(layer)(X)), outputs, rtol=1e-6)
    layer.trainable = False
    assert not layer.trainable_weights and layer.compute_output_shape((None, 3))[0] is None
    layer.dtype_policy = "mixed_bfloat16"
    layer.set_weights(layer.get_weights())


def _values(layer: Any) -> tuple[list[Any], list[Any]]:
    return [v.value for v in layer.trainable_variables], [v.value for v in layer.non_trainable_variables]


def use_model(kind: Any, *args: Any, **kwargs: Any) -> None:
    model = kind(*args, **kwargs)
    model.compile("adam", "mse", metrics=["mae"])
    history = model.fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y)).history
    loss = model.evaluate(X, Y, verbose=0, return_dict=True)["loss"]
    assert loss == pytest.approx(history["val_loss"][-1], rel=1e-5)
    model.train_on_batch(X, Y)
    model.test_on_batch(X, Y)
    predictions = model.predict(X, verbose=0)
    np.testing.assert_allclose(model.predict_on_batch(X), predictions, rtol=1e-5)
    np.testing.assert_allclose(copy.deepcopy(model).predict(X, verbose=0), predictions, rtol=1e-5)
    model.summary(print_fn=lambda text: None)
    model.set_state_tree(model.get_state_tree())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.weights.h5"
        model.save_weights(path)
        weights = model.get_weights()
        model.set_weights([w * 0 for w in weights])
        model.load_weights(path)
    for one, other in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert model.layers and model.metrics_names[0] == "loss" and repr(model)


def use_functional(kind: Any) -> None:
    x = keras.Input((3,))
    use_model(kind, x, layers.Dense(1)(layers.Dense(2)(x)))


def use_sequential(kind: Any) -> None:
    use_model(kind, [keras.Input((3,)), layers.Dense(2, activation="relu"), layers.Dense(1)])
    use_model(kind, [layers.Dense(1)])


class Scale(layers.Layer):
    """A layer with weights, a layer inside, a seed, a mask and a loss of its own."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = [layers.Dense(3, kernel_regularizer="l2"), layers.Dropout(0.1)]
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight((input_shape[-1],), "ones", name="factor")
        self.calls = self.add_weight((), "zeros", trainable=False, name="calls")
        self.inner[0].build(input_shape)

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        if training:
            self.calls.assign_add(1.0)
        self.add_loss(0.01 * ops.sum(ops.square(self.factor.value)))
        return self.inner[1](self.inner[0](inputs * self.factor), training=training)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class Unbuilt(layers.Layer):
    """A layer without `build`, whose parts are built by its call."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dense = layers.Dense(3, activity_regularizer="l1")

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = [layers.Dense(3, activation="relu"), layers.Dense(1)]
        self.mean = metrics.Mean(name="mean")

    def call(self, inputs: Any) -> Any:
        for block in self.blocks:
            inputs = block(inputs)
        return inputs


class OwnStep(Subclassed):
    """A model with steps of its own."""

    def train_step(self, data: Any) -> Any:
        x, y = data[:2]

        def loss_of() -> Any:
            return self.compute_loss(x, y, self(x, training=True))

        loss, gradients = ops.value_and_grad(loss_of, self.trainable_variables)()
        self.optimizer.apply(gradients, self.trainable_variables)
        self.mean.update_state(loss)
        return {"loss": loss, "mean": self.mean.result()}

    def test_step(self, data: Any) -> Any:
        x, y = data[:2]
        return {"loss": self.compute_loss(x, y, self(x, training=False))}


class Rule(optimizers.Optimizer):
    """A rule over ops."""

    slots = {"sum": "zeros"}

    def update(self, gradient: Any, value: Any, slots: Any, hyper: Any) -> Any:
        total = slots["sum"] + gradient
        return value - hyper["learning_rate"] * total, {"sum": total}


class InKerasStyle(optimizers.Optimizer):
    def build(self, variables: Any) -> None:
        super().build(variables)
        self.sums = self.add_optimizer_variables(variables, "sum")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        self.assign_sub(variable, gradient * learning_rate)


class Counting(metrics.Metric):
    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)
        self.count = self.add_weight(name="count")
        self.inner = [metrics.Mean()]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.count.assign_add(ops.sum(y_true))
        self.inner[0].update_state(y_pred)

    def result(self) -> Any:
        return self.count.value + self.inner[0].result()


class Difference(losses.Loss):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.abs(y_true - y_pred)


@keras.saving.register_keras_serializable("private_names")
def squares(y_true: Any, y_pred: Any) -> Any:
    return ops.square(y_true - y_pred)


SUBJECTS = {
    "Layer": Subject(Scale, use_layer),
    "Layer without build": Subject(Unbuilt, use_layer),
    "Model": Subject(Subclassed, use_model),
    "Model with its own steps": Subject(OwnStep, use_model),
    "Functional": Subject(keras.Model, use_functional),
    "Sequential": Subject(keras.Sequential, use_sequential),
    "Metric": Subject(Counting, use_metric),
    "Mean": Subject(metrics.MeanSquaredError, use_metric),
    "MeanMetricWrapper": Subject(metrics.MeanMetricWrapper, use_wrapper),
    "Precision": Subject(metrics.Precision, use_metric),
    "AUC": Subject(metrics.AUC, use_metric),
    "F1Score": Subject(metrics.F1Score, use_metric),
    "BinaryIoU": Subject(metrics.BinaryIoU, use_metric),
    "Loss": Subject(Difference, use_loss),
    "LossFunctionWrapper": Subject(LossFunctionWrapper, lambda kind: use_loss(kind, squares)),
    "BinaryCrossentropy": Subject(losses.BinaryCrossentropy, use_loss),
    "Optimizer": Subject(Rule, lambda kind: use_optimizer(kind, 0.1)),
    "Optimizer in Keras's style": Subject(InKerasStyle, lambda kind: use_optimizer(kind, 0.1)),
    "Adam": Subject(optimizers.Adam, use_adam),
    "Nadam": Subject(optimizers.Nadam, use_optimizer),
    "LossScaleOptimizer": Subject(optimizers.LossScaleOptimizer, use_loss_scaling),
    "MultiOptimizer": Subject(optimizers.MultiOptimizer, use_several),
    "Callback": Subject(callbacks.Callback, use_callback),
    "History": Subject(callbacks.History, use_callback),
    "EarlyStopping": Subject(callbacks.EarlyStopping, use_monitor),
    "ReduceLROnPlateau": Subject(callbacks.ReduceLROnPlateau, use_monitor),
    "LearningRateScheduler": Subject(callbacks.LearningRateScheduler, use_schedule),
    "LambdaCallback": Subject(callbacks.LambdaCallback, use_lambda),
    "CSVLogger": Subject(callbacks.CSVLogger, use_in_folder("log.csv")),
    "ModelCheckpoint": Subject(callbacks.ModelCheckpoint, use_in_folder("a.keras")),
    "BackupAndRestore": Subject(callbacks.BackupAndRestore, use_in_folder("backup")),
    "ProgbarLogger": Subject(callbacks.ProgbarLogger, use_callback),
    "TerminateOnNaN": Subject(callbacks.TerminateOnNaN, use_callback),
}


# ---- tests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_an_attribute_may_have_any_private_name(subject: Subject, first: bool) -> None:
    def run(names: list[str]) -> None:
        made: list[Any] = []
        subject.program(_setting(subject.base, names, first, made))
        assert made and all(getattr(thing, name) == 3 for thing in made for name in names)

    assert not _broken(subject.names(), run)


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_a_method_may_have_any_private_name(subject: Subject) -> None:
    assert not _broken(subject.names(), lambda names: subject.program(_defining(subject.base, names)))


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_the_one_private_name_of_ours_is_reserved(subject: Subject) -> None:
    with pytest.raises(AttributeError, match="`_kf`.* reserved"):
        subject.program(_setting(subject.base, ["_kf"], False, []))
    with pytest.raises(AttributeError, match="`_kf`.* reserved"):
        _defining(subject.base, ["_kf"])


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (
            lambda: layers.Dense(1),
            ["path", "dtype", "variables", "weights", "losses", "metrics", "trainable_variables"],
        ),
        (lambda: keras.Sequential(), ["layers", "inputs", "outputs", "output_shape", "metrics_names"]),
        (metrics.AUC, ["dtype", "variables", "thresholds"]),
        (losses.MeanSquaredError, ["dtype"]),
        (optimizers.SGD, ["variables"]),
        (callbacks.Callback, ["model"]),
    ],
)
def test_public_names_that_can_t_be_set_say_so(make: Any, names: list[str]) -> None:
    thing = make()
    for name in names:
        with pytest.raises(AttributeError, match=f"`{name}` of {type(thing).__name__} is reserved"):
            setattr(thing, name, 3)


def test_a_property_of_a_user_s_own_is_the_user_s_affair() -> None:
    class Mine(metrics.Mean):
        @property
        def half(self) -> float:
            return 0.5

    with pytest.raises(AttributeError) as caught:
        Mine().half = 1.0  # type: ignore[misc]
    assert "reserved" not in str(caught.value)


def test_pickles_hold_a_user_s_private_attributes() -> None:
    metric = metrics.MeanSquaredError()
    metric._count, metric._variables = 3, "mine"
    again = pickle.loads(pickle.dumps(metric))
    assert again._count == 3 and again._variables == "mine" and len(again.variables) == 2

"""Several batches in one dispatch give what one after the other gives, whatever the losses and metrics are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, losses, metrics, ops

pytestmark = pytest.mark.trains

RNG = np.random.default_rng(7)
X = RNG.normal(size=(75, 6)).astype("float32")
CLASSES = RNG.integers(0, 3, 75).astype("int32")
ONE_HOT = np.eye(3, dtype="float32")[CLASSES]
YES = (X[:, :1] > 0).astype("float32")
WEIGHTS = RNG.uniform(0.5, 2.0, 75).astype("float32")
WORDS = RNG.integers(0, 4, (75, 5)).astype("int32")


class Calls(metrics.Metric):
    """How often it was updated."""

    def __init__(self, name: str = "calls", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.count.assign_add(1.0)

    def result(self) -> Any:
        return self.count.value


class BatchesOfAccuracy(metrics.BinaryAccuracy):
    """An update_state of its own, on top of one that adds up."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(y_true, y_pred - ops.mean(y_pred), sample_weight)


class Widest(losses.Loss):
    """The largest error of a batch."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.max(ops.square(y_true - y_pred))


class CenteredError(losses.MeanSquaredError):
    """A `call` of its own, on top of one that adds up."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return super().call(y_true, y_pred - ops.mean(y_pred, axis=0))


def _dense(units: int = 3, **kwargs: Any) -> Any:
    inputs = keras.Input((6,))
    x = layers.Dense(8, activation="relu", **kwargs)(inputs)
    return keras.Model(inputs, layers.Dense(units)(x))


def _normalized() -> Any:
    inputs = keras.Input((6,))
    x = layers.BatchNormalization()(layers.Dense(8)(inputs))
    return keras.Model(inputs, layers.Dense(1)(x))


def _masked() -> Any:
    inputs = keras.Input((5,), dtype="int32")
    x = layers.Embedding(4, 6, mask_zero=True)(inputs)
    return keras.Model(inputs, layers.Dense(3)(x))


def _two() -> Any:
    inputs = keras.Input((6,))
    x = layers.Dense(8, activation="relu")(inputs)
    return keras.Model(inputs, {"kind": layers.Dense(3, name="kind")(x), "yes": layers.Dense(1, name="yes")(x)})


def _added() -> Any:
    return _dense(1, activity_regularizer="l2", kernel_regularizer="l1")


class OneOfABatch(layers.Layer):
    """Its output has no rows: what a batch is like on average."""

    def call(self, inputs: Any) -> Any:
        return ops.mean(inputs, axis=0, keepdims=True)


def _averaged() -> Any:
    inputs = keras.Input((6,))
    return keras.Model(inputs, OneOfABatch()(layers.Dense(1)(inputs)))


class Counted(layers.Layer):
    """Adds to its output how often it was called, and to the loss."""

    def build(self, input_shape: Any) -> None:
        self.count = self.add_weight((), "zeros", trainable=False, name="count")

    def call(self, inputs: Any) -> Any:
        self.count.assign_add(1.0)
        self.add_loss(0.01 * ops.mean(inputs))
        return inputs + self.count


def _counted() -> Any:
    inputs = keras.Input((6,))
    return keras.Model(inputs, Counted()(layers.Dense(1)(inputs)))


SPARSE = losses.SparseCategoricalCrossentropy(from_logits=True)
CASES: dict[str, tuple[Any, Any, Any, dict[str, Any]]] = {
    "classes": (_dense, X, CLASSES, {"loss": SPARSE, "metrics": ["accuracy"]}),
    "classes in a column": (_dense, X, CLASSES[:, None], {"loss": SPARSE, "metrics": ["accuracy"]}),
    "one-hot": (
        _dense, X, ONE_HOT,
        {
            "loss": losses.CategoricalCrossentropy(from_logits=True),
            "metrics": ["accuracy", metrics.AUC(from_logits=True)],
        },
    ),
    "yes or no": (
        lambda: _dense(1), X, YES,
        {
            "loss": losses.BinaryCrossentropy(from_logits=True),
            "metrics": [metrics.BinaryAccuracy(threshold=0.0), metrics.Precision(thresholds=0.0), "mse"],
        },
    ),
    "smoothed": (_dense, X, ONE_HOT, {"loss": losses.CategoricalCrossentropy(True, 0.1), "metrics": ["mae"]}),
    "hinge, whose labels are told by the batch": (lambda: _dense(1), X, YES, {"loss": "hinge", "metrics": ["hinge"]}),
    "a sum": (lambda: _dense(1), X, YES, {"loss": losses.MeanSquaredError(reduction="sum"), "metrics": ["mse"]}),
    "a class that is ignored": (
        _dense, X, CLASSES,
        {"loss": losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1), "metrics": ["accuracy"]},
    ),
    "a loss of batches": (lambda: _dense(1), X, YES, {"loss": Widest(), "metrics": ["mse"]}),
    "a call of one's own": (lambda: _dense(1), X, YES, {"loss": CenteredError(), "metrics": ["mse"]}),
    "a function": (
        lambda: _dense(1), X, YES, {"loss": lambda t, p: ops.max(ops.square(t - p)) + 0 * p, "metrics": ["mse"]},
    ),
    "a metric of batches": (lambda: _dense(1), X, YES, {"loss": "mse", "metrics": [Calls()]}),
    "an update of one's own": (lambda: _dense(1), X, YES, {"loss": "mse", "metrics": [BatchesOfAccuracy()]}),
    "masks": (_masked, WORDS, WORDS % 3, {"loss": SPARSE, "metrics": ["accuracy"]}),
    "outputs of batches": (_averaged, X, YES, {"loss": "mse", "metrics": ["mae"]}),
    "what counts its calls": (_counted, X, YES, {"loss": "mse", "metrics": ["mae"]}),
    "losses of layers": (_added, X, YES, {"loss": "mse", "metrics": ["mae"]}),
    "moving averages": (_normalized, X, YES, {"loss": "mse", "metrics": ["mae"]}),
    "two outputs": (
        _two, X, {"kind": CLASSES, "yes": YES},
        {
            "loss": {"kind": SPARSE, "yes": "mse"},
            "loss_weights": {"kind": 0.5, "yes": 2.0},
            "metrics": {"kind": ["accuracy"]},
        },
    ),
}  # fmt: skip


class Watcher(keras.callbacks.Callback):
    """Somebody who looks at each batch: they run one by one."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        assert logs is not None

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        assert logs is not None


def _run(case: str, together: int, weighted: bool) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    build, x, y, options = CASES[case]
    keras.utils.set_random_seed(3)
    model = build()
    found = options["metrics"]
    if isinstance(found, list):
        found = [m if isinstance(m, str) else type(m).from_config(m.get_config()) for m in found]
    wanted = {"weighted_metrics" if weighted else "metrics": found}
    model.compile(
        "sgd", **{**options, **({"metrics": None} if weighted else {}), **wanted}, steps_per_execution=together
    )
    watch = [Watcher()] if together == 1 else []
    weights = {"sample_weight": WEIGHTS} if weighted else {}
    history = model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0, callbacks=watch, **weights)
    results = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True, callbacks=watch, **weights)
    return history.history, results, model.get_weights()


@pytest.mark.wide
@pytest.mark.parametrize(
    ("case", "weighted"),
    # Two outputs want weights for each.
    [*((case, False) for case in CASES), *((case, True) for case in CASES if case != "two outputs")],
)
def test_batches_together_are_as_one_after_the_other(case: str, weighted: bool) -> None:
    """75 rows are nine batches of 8, of which four and four run together, and one of 3."""
    one, more = _run(case, 1, weighted), _run(case, 4, weighted)
    assert list(one[0]) == list(more[0])
    for name, values in one[0].items():
        np.testing.assert_allclose(more[0][name], values, rtol=2e-5, atol=1e-6, err_msg=name)
    assert list(one[1]) == list(more[1])
    for name, value in one[1].items():
        np.testing.assert_allclose(more[1][name], value, rtol=2e-5, atol=1e-6, err_msg=name)
    for a, b in zip(one[2], more[2], strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-5, atol=1e-6)


def test_memory_that_is_used_again_holds_no_batch_that_somebody_has() -> None:
    """Arrays that begin at no multiple of 64 bytes are copied for some backends; outputs may be their inputs."""
    raw = np.empty(640 * 4096 * 4 + 80, np.uint8)
    start = -raw.ctypes.data % 64 + 16
    x = raw[start : start + 640 * 4096 * 4].view("float32").reshape(640, 4096)
    x[:] = RNG.normal(size=x.shape)
    inputs = keras.Input((4096,))
    model = keras.Model(inputs, layers.Identity()(inputs))
    for _ in range(2):
        np.testing.assert_array_equal(model.predict(x, batch_size=32, verbose=0), x)
    model = keras.Sequential([keras.Input((4096,)), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1e-5), "mse", steps_per_execution=4)
    model.fit(x, x[:, :1], batch_size=32, verbose=0)
    kernel, bias = model.get_weights()
    expected = np.mean(np.square(x.astype("float64") @ kernel + bias - x[:, :1]))
    np.testing.assert_allclose(model.evaluate(x, x[:, :1], batch_size=32, verbose=0), expected, rtol=1e-4)

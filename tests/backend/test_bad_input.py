"""Bad input gets an error that names the layer or the argument, what was expected, and what came."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops


def model() -> Any:
    return keras.Sequential([keras.Input((4,)), layers.Dense(3, name="first"), layers.Dense(1, name="second")])


def compiled() -> Any:
    m = model()
    m.compile("sgd", "mse")
    return m


X, Y = np.zeros((8, 4), "float32"), np.zeros((8, 1), "float32")


def test_wrong_channels_eager_and_symbolic() -> None:
    dense = layers.Dense(3, name="mine")
    dense.build((None, 4))
    for bad in (np.zeros((2, 5), "float32"), keras.Input((5,))):
        with pytest.raises(ValueError, match=r"'mine'.*size 4 on axis -1.*5\)"):
            dense(bad)


def test_wrong_rank() -> None:
    conv = layers.Conv2D(3, 3, name="conv")
    with pytest.raises(ValueError, match=r"'conv'.*rank 4.*\(2, 5\)"):
        conv(np.zeros((2, 5), "float32"))


def test_wrong_input_of_a_model() -> None:
    x = keras.Input((4,), name="x")
    functional = keras.Model(x, layers.Dense(1)(x), name="small")
    with pytest.raises(ValueError, match=r"'small'.*\(None, 4\).*\(8, 5\)"):
        functional(np.zeros((8, 5), "float32"))
    with pytest.raises(ValueError, match="small"):
        functional.predict(np.zeros((8, 5), "float32"), verbose=0)


def test_wrong_key() -> None:
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    both = keras.Model({"a": a, "b": b}, layers.Concatenate()([a, b]), name="both")
    with pytest.raises(ValueError, match=r"'both'.*'b'.*'c'"):
        both({"a": np.zeros((1, 3), "float32"), "c": np.zeros((1, 2), "float32")})


@pytest.mark.trains
def test_mismatched_lengths_and_empty_data() -> None:
    with pytest.raises(ValueError, match=r"8.*7|7.*8"):
        compiled().fit(X, Y[:7], verbose=0)
    with pytest.raises(ValueError, match="empty|no rows|0"):
        compiled().fit(X[:0], Y[:0], verbose=0)


def test_strings_for_numbers() -> None:
    """The same sentence, however they come to the model."""
    m, x = compiled(), np.array([list("abcd")] * 2)
    for call in (m, lambda x: m.predict(x, verbose=0), lambda x: m.evaluate(x, Y[:2], verbose=0), m.predict_on_batch):
        with pytest.raises(TypeError, match="expects its input 'input_layer.*' of dtype float32; it holds strings"):
            call(x)


@pytest.mark.trains
def test_targets_that_do_not_fit() -> None:
    m = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    m.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"\(8, 3\).*\(8, 2\)"):
        m.fit(X, np.zeros((8, 3), "float32"), verbose=0)


@pytest.mark.trains
def test_nan_loss_stops() -> None:
    m = compiled()
    x = X.copy()
    x[0, 0] = np.nan
    history = m.fit(x, Y, epochs=5, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
    assert len(history.history["loss"]) == 1


def test_a_layer_without_build_has_no_weights_to_count() -> None:
    with pytest.raises(ValueError, match="'unbuilt'.*isn't built"):
        layers.Dense(2, name="unbuilt").count_params()


def test_no_super_init() -> None:
    class Forgot(layers.Layer):
        def __init__(self) -> None:
            self.dense = layers.Dense(1)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    with pytest.raises(RuntimeError, match=r"super\(\).__init__"):
        Forgot()(X)


def test_no_call() -> None:
    class Empty(layers.Layer):
        pass

    with pytest.raises(NotImplementedError, match="Empty.*call"):
        Empty()(X)


@pytest.mark.parametrize(
    ("kind", "make", "near"),
    [
        ("optimizer", lambda: keras.optimizers.get("adm"), "adam"),
        ("loss", lambda: keras.losses.get("mean_square_error"), "mean_squared_error"),
        ("activation", lambda: layers.Dense(1, activation="rellu"), "relu"),
        ("initializer", lambda: layers.Dense(1, kernel_initializer="glorot_unifrm"), "glorot_uniform"),
        ("metric", lambda: keras.metrics.get("mean_absolut_error"), "mean_absolute_error"),
    ],
)
def test_unknown_names_suggest_the_nearest(kind: str, make: Any, near: str) -> None:
    with pytest.raises(ValueError, match=f"Did you mean '{near}'"):
        make()


def test_unconnected_output() -> None:
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    with pytest.raises(ValueError, match="not connected to the inputs"):
        keras.Model(a, layers.Dense(1)(b))


def test_fit_before_compile() -> None:
    with pytest.raises(ValueError, match="compile"):
        model().fit(X, Y)


def test_weights_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="4 weights; 1 arrays"):
        model().set_weights([np.zeros((4, 3))])
    with pytest.raises(ValueError, match=r"first/kernel.*\(4, 3\).*\(4, 2\)"):
        model().set_weights([np.zeros((4, 2)), np.zeros(3), np.zeros((3, 1)), np.zeros(1)])


def test_symbolic_values_have_no_value() -> None:
    x = keras.Input((3,))
    with pytest.raises(TypeError, match="truth value"):
        bool(x)
    with pytest.raises(TypeError, match="ops.unstack"):
        list(x)
    with pytest.raises(ValueError, match="NumPy"):
        np.sum(x)


def test_ops_name_themselves_and_the_shapes() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(4, 5\)"):
        ops.matmul(np.zeros((2, 3), "float32"), np.zeros((4, 5), "float32"))


def test_sequential_takes_layers() -> None:
    with pytest.raises(ValueError, match="Expected a layer"):
        keras.Sequential([lambda x: x])
    with pytest.raises(ValueError, match="'twice' already"):
        keras.Sequential([layers.Dense(1, name="twice"), layers.Dense(1, name="twice")])


def test_get_layer_suggests() -> None:
    with pytest.raises(ValueError, match="Did you mean 'second'"):
        model().get_layer("secnd")

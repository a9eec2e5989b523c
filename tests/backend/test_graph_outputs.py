"""What layers in a graph may give: constants, weights, None, nested structures; and inputs of another rank."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops
from kerasfront.errors import ShapeError

X = np.arange(6, dtype="float32").reshape(2, 3)


def own(call: Any, **members: Any) -> Any:
    return type("Own", (layers.Layer,), {"call": call, **members})


def weight(self: Any, input_shape: Any) -> None:
    self.w = self.add_weight(shape=(2, 3), initializer="ones")


@pytest.mark.parametrize(
    "call",
    [
        lambda self, x: ops.convert_to_tensor(self.w),
        lambda self, x: self.w,
        lambda self, x: ops.ones((2, 3)),
        lambda self, x: np.ones((2, 3), "float32"),
    ],
)
def test_an_output_that_depends_on_no_input(call: Any) -> None:
    x = keras.Input((3,))
    y = own(call, build=weight)()(x)
    assert isinstance(y, keras.KerasTensor) and y.shape == (2, 3) and y.dtype == "float32"
    assert np.array_equal(keras.Model(x, y).predict(X, verbose=0), np.ones((2, 3)))
    both = keras.Model(x, [y, y + x])(X)
    np.testing.assert_array_equal(ops.convert_to_numpy(both[1]), X + 1)


class Parts(layers.Layer):
    """Gives None first, unless it is asked."""

    def call(self, x: Any, more: bool = False) -> Any:
        return {"a": (x + 1.0 if more else None, "plain"), "b": [x * 2.0]}


@pytest.mark.parametrize("more", [False, True])
def test_none_among_the_outputs(more: bool, tmp_path: Any) -> None:
    x = keras.Input((3,))
    found = Parts()(x, more=more)
    outputs = {"z": found["b"][0], **({"y": found["a"][0]} if more else {})}
    model = keras.Model(x, outputs)
    model.save(tmp_path / "model.keras")
    with keras.saving.custom_object_scope({"Parts": Parts}):
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        copies = [model, loaded, keras.models.clone_model(model)]
    for copy in copies:
        out = copy(X)
        np.testing.assert_array_equal(ops.convert_to_numpy(out["z"]), 2 * X)
        assert not more or np.array_equal(ops.convert_to_numpy(out["y"]), X + 1)


def test_an_output_beside_none() -> None:
    x = keras.Input((3,))
    y, state = own(lambda self, x: (x * 2.0, None))()(x)
    assert state is None
    np.testing.assert_array_equal(ops.convert_to_numpy(keras.Model(x, y)(X)), 2 * X)


RANKS = [(4, 6), (4, 5, 6), (2, 4, 5, 6)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.LayerNormalization(),
        lambda: layers.LayerNormalization(rms_scaling=True),
        lambda: layers.RMSNormalization(),
        lambda: layers.BatchNormalization(),
        lambda: layers.Dense(6),
        lambda: layers.EinsumDense("...x,xy->...y", output_shape=(6,)),
    ],
)
def test_a_built_layer_takes_other_ranks_where_its_axes_fit(make: Any) -> None:
    layer = make()
    layer(np.ones(RANKS[1], "float32"))
    for shape in RANKS:
        x = np.random.default_rng(0).normal(size=shape).astype("float32")
        assert layer(keras.KerasTensor((None, *shape[1:]))).shape == (None, *shape[1:])
        rows = ops.convert_to_numpy(layer(x.reshape(-1, 6)))
        np.testing.assert_allclose(ops.convert_to_numpy(layer(x)).reshape(-1, 6), rows, rtol=1e-5, atol=1e-6)
    with pytest.raises(ShapeError, match="size"):
        layer(keras.KerasTensor((4, 5)))


def test_a_built_batch_normalization_in_training_on_another_rank() -> None:
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 0]], bool)
    layer = layers.BatchNormalization(momentum=0.0)
    layer(np.ones((2, 3), "float32"))
    layer(x, training=True, mask=mask)
    np.testing.assert_allclose(layer.moving_mean.numpy(), x[mask].mean(0), rtol=1e-5, atol=1e-6)


def test_axes_that_count_from_the_front_keep_their_rank() -> None:
    layer = layers.LayerNormalization(axis=(1, 2))
    layer(np.ones((4, 5, 6), "float32"))
    with pytest.raises(ShapeError, match="rank 3"):
        layer(np.ones((4, 5, 6, 2), "float32"))
    prelu = layers.PReLU()
    prelu(np.ones((4, 5, 6), "float32"))
    with pytest.raises(ShapeError, match="rank 3"):
        prelu(np.ones((2, 4, 5, 6), "float32"))


def test_a_layer_that_several_models_share_is_one_after_loading(tmp_path: Any) -> None:
    dense, x, y = layers.Dense(3), keras.Input((3,)), keras.Input((3,))
    first, second = keras.Model(x, dense(x)), keras.Model(y, dense(dense(y)))
    model = keras.Model(y, first(second(y)))
    model.save(tmp_path / "model.keras")
    for copy in (keras.saving.load_model(tmp_path / "model.keras"), keras.models.model_from_json(model.to_json())):
        assert len(copy.weights) == 2
        copy.set_weights(model.get_weights())
        expected = ops.convert_to_numpy(model(X))
        np.testing.assert_allclose(ops.convert_to_numpy(copy(X)), expected, rtol=1e-5)
    assert "shared_object_id" not in keras.Sequential([keras.Input((3,)), layers.Flatten()]).to_json()


def test_a_weight_as_an_output_is_a_tensor_at_each_call() -> None:
    class Weight(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.w = self.add_weight(shape=(3,), initializer="ones")

        def call(self, x: Any) -> Any:
            return self.w

    layer = Weight()
    for _ in range(3):
        assert not isinstance(layer(ops.ones((2, 3))), keras.Variable)

"""Sequential, functional and subclassed models: building, nesting, sharing, configs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops


def values(x: Any) -> np.ndarray[Any, Any]:
    return ops.convert_to_numpy(x)


def rebuilt(model: Any) -> Any:
    """The model from its config, with the same weights."""
    clone = type(model).from_config(model.get_config())
    clone.set_weights(model.get_weights())
    return clone


def test_sequential_builds_late_and_early() -> None:
    early = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    late = keras.Sequential([layers.Dense(3)])
    assert early.built and not late.built
    assert early.input_shape == (None, 4) and early.output_shape == (None, 3)
    with pytest.raises(AttributeError, match="isn't built"):
        _ = late.output_shape
    assert tuple(late(np.ones((2, 4), "float32")).shape) == (2, 3)
    assert late.built and late.count_params() == 15
    by_argument = keras.Sequential([layers.Dense(3, input_shape=(4,))])
    assert by_argument.built and by_argument.output_shape == (None, 3)


def test_sequential_add_and_pop() -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(2)])
    model.pop()
    assert model.output_shape == (None, 3) and len(model.layers) == 1
    model.add(layers.Dense(5))
    assert model.output_shape == (None, 5)


def test_multiple_inputs_and_outputs_in_nested_structures() -> None:
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    outputs = {"sum": a + b, "pair": [a * 2.0, ops.concatenate([a, b], axis=-1)]}
    model = keras.Model({"a": a, "b": b}, outputs)
    x, y = np.ones((2, 3), "float32"), np.full((2, 3), 2.0, "float32")
    for given in ({"a": x, "b": y}, {"b": y, "a": x, "unused": x}):
        out = model(given)
        np.testing.assert_allclose(values(out["sum"]), x + y)
        np.testing.assert_allclose(values(out["pair"][1]), np.concatenate([x, y], -1))
    assert model.output_shape["pair"][1] == (None, 6)


def test_shared_layers_and_nested_models() -> None:
    shared = layers.Dense(4, name="shared")
    a, b = keras.Input((3,)), keras.Input((3,))
    tower = keras.Model(a, shared(a), name="tower")
    x, y = keras.Input((3,), name="x"), keras.Input((3,), name="y")
    model = keras.Model([x, y], layers.Add()([tower(x), tower(y)]))
    assert len(model.trainable_weights) == 2
    one = np.random.default_rng(0).standard_normal((2, 3)).astype("float32")
    np.testing.assert_allclose(values(model([one, one])), 2 * values(tower(one)), rtol=1e-5, atol=1e-6)
    clone = rebuilt(model)
    np.testing.assert_allclose(values(clone([one, one])), values(model([one, one])), rtol=1e-5, atol=1e-6)
    assert b.shape == (None, 3)


def test_a_layer_applied_twice_keeps_its_nodes_in_the_config() -> None:
    dense = layers.Dense(3, name="twice")
    x = keras.Input((3,))
    model = keras.Model(x, dense(ops.relu(dense(x))) + x[:, :1])
    one = np.random.default_rng(0).standard_normal((2, 3)).astype("float32")
    np.testing.assert_allclose(values(rebuilt(model)(one)), values(model(one)), rtol=1e-5, atol=1e-6)


def test_submodels_from_inner_tensors() -> None:
    x = keras.Input((4,))
    h = layers.Dense(3, name="inner")(x)
    model = keras.Model(x, layers.Dense(1)(h))
    features = keras.Model(model.input, model.get_layer("inner").output)
    one = np.ones((1, 4), "float32")
    np.testing.assert_allclose(values(features(one)), values(model.get_layer("inner")(one)), rtol=1e-6)


class Subclassed(keras.Model):
    def __init__(self, units: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.stack = [layers.Dense(units), layers.Dense(units)]
        self.by_name = {"last": layers.Dense(1)}
        self.drop = layers.Dropout(0.5)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        x = inputs
        for layer in self.stack:
            x = ops.relu(layer(x))
        return self.by_name["last"](self.drop(x, training=training))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def test_subclassed_models_track_what_lists_and_dicts_hold() -> None:
    model = Subclassed()
    out = model(np.ones((2, 4), "float32"))
    assert tuple(out.shape) == (2, 1)
    assert len(model.trainable_variables) == 6 and len(model.layers) == 4
    model.stack.append(layers.Dense(2))
    assert len(model.layers) == 5
    assert Subclassed.from_config(model.get_config()).units == 3


def test_subclass_of_a_functional_model() -> None:
    class Mine(keras.Model):
        def extra(self) -> int:
            return 7

    x = keras.Input((3,))
    model = Mine(inputs=x, outputs=layers.Dense(2)(x))
    assert model.extra() == 7 and model.output_shape == (None, 2)
    assert tuple(model(np.ones((1, 3), "float32")).shape) == (1, 2)


def test_training_flag_reaches_inner_layers_and_does_not_leak() -> None:
    seen = []

    class Spy(layers.Layer):
        def call(self, inputs: Any, training: bool | None = None) -> Any:
            seen.append(training)
            return inputs

    class OwnDefault(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.spy = Spy()

        def call(self, inputs: Any, training: bool = True) -> Any:
            return self.spy(inputs)

    x = keras.Input((2,))
    model = keras.Model(x, Spy()(OwnDefault()(x)))
    for flag in (True, False):
        seen.clear()
        model(np.ones((1, 2), "float32"), training=flag)
        assert seen == [flag, flag]
    seen.clear()
    model(np.ones((1, 2), "float32"))
    assert not seen[1]


def test_unknown_dims_stay_unknown() -> None:
    x = keras.Input((None, 3))
    assert layers.Dense(2)(x).shape == (None, None, 2)
    assert ops.concatenate([x, x], axis=1).shape == (None, None, 3)
    assert ops.reshape(x, (-1, 3)).shape == (None, 3)
    assert (x + np.ones((5, 3), "float32")).shape == (None, 5, 3)


def test_native_code_in_call_is_evaluated_abstractly() -> None:
    class Native(layers.Layer):
        def call(self, inputs: Any) -> Any:
            name = keras.config.backend()
            if name == "torch":
                import torch

                return torch.cumsum(inputs, 1)[:, -1:]
            if name == "jax":
                import jax.numpy as jnp

                return jnp.cumsum(inputs, 1)[:, -1:]
            if name == "tensorflow":
                import tensorflow as tf

                return tf.cumsum(inputs, 1)[:, -1:]
            return inputs[:, -1:]

    x = keras.Input((4,))
    assert Native()(x).shape == (None, 1)


def sequential_in_a_layer(keras: Any) -> Any:
    class Block(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="a")], name="inner")

        def call(self, x: Any) -> Any:
            return self.inner(x)

    return keras.Sequential([keras.Input((3,)), Block(name="block")], name="outer")


def nested_functional(keras: Any) -> Any:
    x, y = keras.Input((3,)), keras.Input((3,))
    inner = keras.Model(x, keras.layers.Dense(2, name="a")(x), name="inner")
    tail = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="c")], name="tail")
    return keras.Model(y, tail(keras.layers.Dense(2, name="b")(inner(y))), name="outer")


def called(keras: Any, *parts: Any) -> Any:
    model = keras.Sequential([*parts, keras.layers.Dense(1, name="last")], name="seq")
    model(np.ones((1, 3), "float32"))
    return model


def grown(keras: Any) -> Any:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="a")], name="seq")
    model.add(keras.layers.Dense(2, name="b"))
    model.pop()
    model.add(keras.layers.Dense(1, name="c"))
    return keras.models.clone_model(model)


@pytest.mark.parametrize(
    "make",
    [
        lambda keras: called(keras, keras.layers.Dense(2, name="a")),
        lambda keras: called(keras, keras.Input((3,)), keras.layers.Dense(2, name="a")),
        lambda keras: called(keras, keras.Sequential([keras.layers.Dense(2, name="a")], name="inner")),
        lambda keras: called(keras, keras.Input((3,)), keras.Sequential([keras.layers.Dense(2, name="a")], name="in")),
        lambda keras: called(keras, keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="a")], name="in")),
        grown,
        nested_functional,
        sequential_in_a_layer,
    ],
)
def test_paths_are_keras_own(make: Any) -> None:
    import keras as reference

    ours, theirs = make(keras), make(reference)

    def paths(model: Any) -> set[str]:
        inner = model._flatten_layers()
        return {layer.path for layer in inner if type(layer).__name__ != "InputLayer"}

    assert [w.path for w in ours.weights] == [w.path for w in theirs.weights]
    assert paths(ours) == paths(theirs)


def test_an_error_names_the_path_of_a_layer() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.Sequential([layers.Dense(2, name="a")], name="inner")], name="m")
    with pytest.raises(ValueError, match=r"The layer 'm/inner/a' \(Dense\)"):
        model.layers[0].layers[0](np.ones((2, 5), "float32"))


def test_clone_model() -> None:
    x = keras.Input((3,))
    model = keras.Model(x, layers.Dense(2, name="d")(ops.relu(x)))
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    one = np.random.default_rng(0).standard_normal((2, 3)).astype("float32")
    np.testing.assert_allclose(values(clone(one)), values(model(one)), rtol=1e-6)
    assert clone.get_layer("d") is not model.get_layer("d")


def test_summary_lists_layers_and_parameters() -> None:
    lines: list[str] = []
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="first"), layers.Dense(1)], name="sum")
    model.summary(print_fn=lines.append)
    text = "\n".join(lines)
    assert "first (Dense)" in text and "(None, 3)" in text and "Total params: 19" in text and "sum" in text


def test_stateless_call_changes_nothing() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.BatchNormalization()])
    x = np.random.default_rng(0).standard_normal((8, 3)).astype("float32")
    before = model.get_weights()
    trained = [v.value for v in model.trainable_variables]
    others = [v.value for v in model.non_trainable_variables]
    _, after = model.stateless_call(trained, others, ops.convert_to_tensor(x), training=True)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(
        np.abs(values(n) - v.numpy()).max() > 0 for n, v in zip(after, model.non_trainable_variables, strict=True)
    )


def test_state_trees() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="d")])
    tree = model.get_state_tree(value_format="numpy_array")
    flat = keras.tree.flatten(tree["trainable_variables"])
    assert sorted(a.shape for a in flat) == [(2,), (3, 2)]
    model.set_state_tree({"trainable_variables": keras.tree.map_structure(np.zeros_like, tree["trainable_variables"])})
    assert not np.abs(model.get_weights()[0]).max()


def test_dir_lists_attributes_and_no_counted_names():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1, name="head")])
    model.extra = keras.layers.Dense(1)
    listed = dir(model)
    assert {"fit", "layers", "extra"} <= set(listed)
    assert not {"dense", "head", *(layer.name for layer in model.layers)} & set(listed)


class TwoLayers(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = layers.Dense(32), layers.Conv1D(5, 3)

    def call(self, x: Any) -> Any:
        return self.last(self.first(x))


@pytest.mark.parametrize("how", ["build", "call"])
def test_summary_of_a_subclass_knows_shapes(how: str) -> None:
    model, lines = TwoLayers(), []
    model.compile("sgd", "mse")
    model.build((None, 8, 10)) if how == "build" else model(np.ones((2, 8, 10), "float32"))
    model.summary(print_fn=lines.append)
    text = "\n".join(lines)
    assert "(None, 8, 32)" in text and "(None, 6, 5)" in text and "Optimizer" not in text
